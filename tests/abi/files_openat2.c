// SPDX-License-Identifier: MIT
/*
 * openat2(2): the structure and its size, what flags it refuses that openat ignores, and every RESOLVE_*. And O_PATH and
 * O_TMPFILE: what a descriptor made by them can do, and what not.
 */
#include "tests/abi/util.h"

#include <linux/openat2.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/xattr.h>

static int root_fd, in_fd; /* the tree, and its directory `in` */

static int open2(int dfd, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve)
{
    struct open_how how = {flags, mode, resolve};
    int fd = (int)syscall(SYS_openat2, dfd, path, &how, sizeof how);
    int err = errno;
    if (fd >= 0)
        close(fd);
    errno = err;
    return fd;
}

/* tree/in/{file,dir/deep,link->file,up->../out,abs->/in/file,absreal->/proc,self->self,ddlink->..}, tree/out */
static void tree(void)
{
    REQ(mkdir("tree", 0755) == 0 && mkdir("tree/in", 0755) == 0 && mkdir("tree/in/dir", 0755) == 0);
    put_text("tree/in/file", "inside");
    put_text("tree/in/dir/deep", "deep");
    put_text("tree/out", "outside");
    REQ(symlink("file", "tree/in/link") == 0 && symlink("../out", "tree/in/up") == 0);
    REQ(symlink("/in/file", "tree/in/abs") == 0 && symlink("/proc", "tree/in/absreal") == 0);
    REQ(symlink("self", "tree/in/self") == 0 && symlink("dir", "tree/in/dirlink") == 0);
    REQ(symlink("dir/../file", "tree/in/within") == 0);
    root_fd = open("tree", O_PATH | O_DIRECTORY);
    in_fd = open("tree/in", O_PATH | O_DIRECTORY);
    REQ(root_fd >= 0 && in_fd >= 0);
}

static const struct {
    int from_in;
    const char *path;
    uint64_t flags, mode, resolve;
    int want;
    const char *name;
} cases[] = {
    /* flags and modes */
    {1, "file", O_RDONLY, 0, 0, 0, "openat2"},
    {1, "file", 1ull << 40, 0, 0, EINVAL, "a flag beyond 32 bits"},
    {1, "file", 1u << 30, 0, 0, EINVAL, "an unknown flag, which openat ignores"},
    {1, "file", O_RDONLY, 0644, 0, EINVAL, "a mode without O_CREAT"},
    {1, "new", O_RDWR | O_CREAT, 010000, 0, EINVAL, "more than mode bits"},
    {1, "new", O_RDWR | O_CREAT, 1ull << 32 | 0644, 0, EINVAL, "a mode beyond 32 bits"},
    {1, "new", O_RDWR | O_CREAT, 0644, 0, 0, "O_CREAT"},
    {1, "file", O_PATH | O_RDWR, 0, 0, EINVAL, "O_PATH with what it ignores in openat"},
    {1, "file", O_PATH | O_CREAT, 0644, 0, EINVAL, "O_PATH with O_CREAT"},
    {1, "file", O_PATH | O_CLOEXEC | O_NOFOLLOW, 0, 0, 0, "O_PATH with what it takes"},
    {1, "", O_RDONLY, 0, 0, ENOENT, "the empty name"},
    {1, "file", O_RDONLY, 0, 1 << 10, EINVAL, "an unknown RESOLVE_"},
    {1, "file", O_RDONLY, 0, 1ull << 40, EINVAL, "an unknown RESOLVE_ beyond 32 bits"},
    {1, "file", O_RDONLY, 0, RESOLVE_BENEATH | RESOLVE_IN_ROOT, EINVAL, "RESOLVE_BENEATH with RESOLVE_IN_ROOT"},
    {1, ".", O_RDWR | O_TMPFILE, 0600, 0, 0, "O_TMPFILE"},
    {1, ".", O_RDWR | (O_TMPFILE & ~O_DIRECTORY), 0600, 0, EINVAL, "half of O_TMPFILE"},
    {1, "new2", O_RDWR | O_CREAT | O_DIRECTORY, 0600, 0, EINVAL, "O_CREAT with O_DIRECTORY"},
    /* RESOLVE_BENEATH */
    {1, "file", O_RDONLY, 0, RESOLVE_BENEATH, 0, "RESOLVE_BENEATH: a file"},
    {1, "dir/../file", O_RDONLY, 0, RESOLVE_BENEATH, 0, "RESOLVE_BENEATH: .. that stays within"},
    {1, "..", O_RDONLY, 0, RESOLVE_BENEATH, EXDEV, "RESOLVE_BENEATH: .. at the top"},
    {1, "../in/file", O_RDONLY, 0, RESOLVE_BENEATH, EXDEV, "RESOLVE_BENEATH: out and in again"},
    {1, "dir/../../out", O_RDONLY, 0, RESOLVE_BENEATH, EXDEV, "RESOLVE_BENEATH: out by a detour"},
    {1, "/", O_RDONLY, 0, RESOLVE_BENEATH, EXDEV, "RESOLVE_BENEATH: an absolute name"},
    {1, "up", O_RDONLY, 0, RESOLVE_BENEATH, EXDEV, "RESOLVE_BENEATH: a symlink out"},
    {1, "abs", O_RDONLY, 0, RESOLVE_BENEATH, EXDEV, "RESOLVE_BENEATH: an absolute symlink"},
    {1, "within", O_RDONLY, 0, RESOLVE_BENEATH, 0, "RESOLVE_BENEATH: a symlink within"},
    {1, ".", O_RDONLY, 0, RESOLVE_BENEATH, 0, "RESOLVE_BENEATH: the directory itself"},
    {1, "up", O_PATH | O_NOFOLLOW, 0, RESOLVE_BENEATH, 0, "RESOLVE_BENEATH: a symlink out, itself"},
    {1, "up", O_RDWR | O_CREAT, 0600, RESOLVE_BENEATH, EXDEV, "RESOLVE_BENEATH: O_CREAT through a symlink out"},
    {1, "absent/x", O_RDONLY, 0, RESOLVE_BENEATH, ENOENT, "RESOLVE_BENEATH: an absent directory"},
    /* RESOLVE_IN_ROOT */
    {1, "/file", O_RDONLY, 0, RESOLVE_IN_ROOT, 0, "RESOLVE_IN_ROOT: / is the directory"},
    {1, "../../file", O_RDONLY, 0, RESOLVE_IN_ROOT, 0, "RESOLVE_IN_ROOT: .. at the top stays"},
    {0, "in/abs", O_RDONLY, 0, RESOLVE_IN_ROOT, 0, "RESOLVE_IN_ROOT: an absolute symlink"},
    {1, "abs", O_RDONLY, 0, RESOLVE_IN_ROOT, ENOENT, "RESOLVE_IN_ROOT: and to nothing below"},
    {1, "up", O_RDONLY, 0, RESOLVE_IN_ROOT, ENOENT, "RESOLVE_IN_ROOT: a symlink up finds nothing"},
    {1, "absreal", O_RDONLY, 0, RESOLVE_IN_ROOT, ENOENT, "RESOLVE_IN_ROOT: /proc is not there"},
    {1, "/made", O_RDWR | O_CREAT, 0600, RESOLVE_IN_ROOT, 0, "RESOLVE_IN_ROOT: O_CREAT"},
    /* RESOLVE_NO_SYMLINKS */
    {1, "file", O_RDONLY, 0, RESOLVE_NO_SYMLINKS, 0, "RESOLVE_NO_SYMLINKS: a file"},
    {1, "link", O_RDONLY, 0, RESOLVE_NO_SYMLINKS, ELOOP, "RESOLVE_NO_SYMLINKS: a symlink"},
    {1, "dirlink/deep", O_RDONLY, 0, RESOLVE_NO_SYMLINKS, ELOOP, "RESOLVE_NO_SYMLINKS: one on the way"},
    {1, "link", O_PATH | O_NOFOLLOW, 0, RESOLVE_NO_SYMLINKS, 0, "RESOLVE_NO_SYMLINKS: the symlink itself"},
    {1, "link", O_RDWR | O_CREAT, 0600, RESOLVE_NO_SYMLINKS, ELOOP, "RESOLVE_NO_SYMLINKS: O_CREAT"},
    {1, "/proc/self/fd", O_RDONLY, 0, RESOLVE_NO_SYMLINKS, ELOOP, "RESOLVE_NO_SYMLINKS: /proc/self"},
    /* RESOLVE_NO_MAGICLINKS */
    {1, "link", O_RDONLY, 0, RESOLVE_NO_MAGICLINKS, 0, "RESOLVE_NO_MAGICLINKS: a symlink"},
    {1, "/proc/self/exe", O_RDONLY, 0, RESOLVE_NO_MAGICLINKS, ELOOP, "RESOLVE_NO_MAGICLINKS: /proc/self/exe"},
    {1, "/proc/self/cwd/.", O_RDONLY, 0, RESOLVE_NO_MAGICLINKS, ELOOP, "RESOLVE_NO_MAGICLINKS: one on the way"},
    {1, "/proc/self/exe", O_PATH | O_NOFOLLOW, 0, RESOLVE_NO_MAGICLINKS, 0, "RESOLVE_NO_MAGICLINKS: itself"},
    {1, "/proc/self/status", O_RDONLY, 0, RESOLVE_NO_MAGICLINKS, 0, "RESOLVE_NO_MAGICLINKS: /proc/self is none"},
    /* RESOLVE_NO_XDEV */
    {1, "file", O_RDONLY, 0, RESOLVE_NO_XDEV, 0, "RESOLVE_NO_XDEV: a file"},
    {1, "/proc/self/status", O_RDONLY, 0, RESOLVE_NO_XDEV, EXDEV, "RESOLVE_NO_XDEV: into a mount"},
    {1, "absreal/version", O_RDONLY, 0, RESOLVE_NO_XDEV, EXDEV, "RESOLVE_NO_XDEV: by a symlink"},
    {1, "/proc/self/cwd/tree/in/file", O_RDONLY, 0, RESOLVE_NO_XDEV, EXDEV, "RESOLVE_NO_XDEV: in and out again"},
    {1, "..", O_RDONLY, 0, RESOLVE_NO_XDEV, 0, "RESOLVE_NO_XDEV: .. in one mount"},
    /* RESOLVE_CACHED */
    {1, "file", O_RDONLY, 0, RESOLVE_CACHED, 0, "RESOLVE_CACHED: what was just seen"},
    {1, "file", O_RDWR | O_TRUNC, 0, RESOLVE_CACHED, EAGAIN, "RESOLVE_CACHED: O_TRUNC"},
    {1, "file", O_RDWR | O_CREAT, 0600, RESOLVE_CACHED, EAGAIN, "RESOLVE_CACHED: O_CREAT"},
    {1, ".", O_RDWR | O_TMPFILE, 0600, RESOLVE_CACHED, EAGAIN, "RESOLVE_CACHED: O_TMPFILE"},
    /* the rest */
    {1, "self", O_RDONLY, 0, 0, ELOOP, "a symlink to itself"},
    {1, "self", O_RDONLY, 0, RESOLVE_BENEATH, ELOOP, "RESOLVE_BENEATH: a symlink to itself"},
    {1, "file/x", O_RDONLY, 0, RESOLVE_IN_ROOT, ENOTDIR, "RESOLVE_IN_ROOT: below a file"},
};

static void resolving(void)
{
    for (size_t i = 0; i < COUNT(cases); i++)
        GIVES(open2(cases[i].from_in ? in_fd : root_fd, cases[i].path, cases[i].flags, cases[i].mode, cases[i].resolve),
              cases[i].want, cases[i].name);
    CHECK_ERRNO(open2(-1, "file", O_RDONLY, 0, RESOLVE_BENEATH), EBADF, "a bad descriptor");
    int fd = open("tree/in/file", O_RDONLY);
    CHECK_ERRNO(open2(fd, "x", O_RDONLY, 0, RESOLVE_IN_ROOT), ENOTDIR, "a file as the directory");
    CHECK_ERRNO(open2(fd, "/x", O_RDONLY, 0, RESOLVE_IN_ROOT), ENOTDIR, "a file as the root");
    close(fd);
}

static void structure(void)
{
    struct {
        struct open_how how;
        uint64_t more[2];
    } big = {.how = {.flags = O_RDONLY}};
    static char page[2 * 4096];
    CHECK_ERRNO(syscall(SYS_openat2, in_fd, "file", &big, 0), EINVAL, "a structure of no bytes");
    CHECK_ERRNO(syscall(SYS_openat2, in_fd, "file", &big, sizeof big.how - 1), EINVAL, "a byte too few");
    long fd = syscall(SYS_openat2, in_fd, "file", &big, sizeof big);
    CHECK(fd >= 0, "a longer structure with zeros behind");
    close((int)fd);
    big.more[1] = 1;
    CHECK_ERRNO(syscall(SYS_openat2, in_fd, "file", &big, sizeof big), E2BIG, "and with something else behind");
    fd = syscall(SYS_openat2, in_fd, "file", page, 4096);
    CHECK(fd >= 0, "a page of it");
    close((int)fd);
    CHECK_ERRNO(syscall(SYS_openat2, in_fd, "file", page, 4097), E2BIG, "more than a page");
    CHECK_ERRNO(syscall(SYS_openat2, in_fd, "file", at_addr(8), sizeof big.how), EFAULT, "at a bad address");
    struct open_how how = {.flags = O_RDONLY | O_CLOEXEC};
    fd = syscall(SYS_openat2, in_fd, "file", &how, sizeof how);
    CHECK(fd >= 0 && fcntl((int)fd, F_GETFD) == FD_CLOEXEC, "O_CLOEXEC");
    CHECK(fd >= 0 && (fcntl((int)fd, F_GETFL) & 0100000), "O_LARGEFILE is added");
    close((int)fd);
}

static void path_only(void)
{
    struct stat st;
    char buf[64];
    int fd = open("tree/in/file", O_PATH);
    CHECK_ERRNO(read(fd, buf, 0), EBADF, "O_PATH: read of nothing");
    CHECK_ERRNO(pread(fd, buf, 1, 0), EBADF, "O_PATH: pread");
    CHECK_ERRNO(fchown(fd, 0, 0), EBADF, "O_PATH: fchown");
    CHECK_ERRNO(ftruncate(fd, 0), EBADF, "O_PATH: ftruncate");
    CHECK_ERRNO(fsync(fd), EBADF, "O_PATH: fsync");
    CHECK_ERRNO(flock(fd, LOCK_SH), EBADF, "O_PATH: flock");
    CHECK_ERRNO(fcntl(fd, F_SETFL, 0), EBADF, "O_PATH: F_SETFL");
    CHECK_ERRNO(fcntl(fd, F_GETLK, &(struct flock){.l_type = F_WRLCK}), EBADF, "O_PATH: F_GETLK");
    CHECK(fcntl(fd, F_SETFD, FD_CLOEXEC) == 0 && fcntl(fd, F_GETFD) == FD_CLOEXEC, "O_PATH: F_SETFD");
    CHECK_ERRNO(fsetxattr(fd, "user.a", "b", 1, 0), EBADF, "O_PATH: fsetxattr");
    CHECK_ERRNO(fgetxattr(fd, "user.a", buf, 8), EBADF, "O_PATH: fgetxattr");
    CHECK((long)mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0) == -1 && errno == EBADF, "O_PATH: mmap");
    CHECK_ERRNO(futimens(fd, NULL), EBADF, "O_PATH: futimens");
    CHECK(utimensat(fd, "", NULL, AT_EMPTY_PATH) == 0, "O_PATH: utimensat with AT_EMPTY_PATH");
    CHECK(fchownat(fd, "", 0, 0, AT_EMPTY_PATH) == 0, "O_PATH: fchownat with AT_EMPTY_PATH");
    CHECK(fstatat(fd, "", &st, AT_EMPTY_PATH) == 0 && S_ISREG(st.st_mode), "O_PATH: fstatat with AT_EMPTY_PATH");
    CHECK(syscall(SYS_faccessat2, fd, "", R_OK, AT_EMPTY_PATH) == 0, "O_PATH: faccessat2 with AT_EMPTY_PATH");
    CHECK_ERRNO(fchdir(fd), ENOTDIR, "O_PATH of a file: fchdir");
    CHECK_ERRNO(openat(fd, "x", O_RDONLY), ENOTDIR, "O_PATH of a file: openat below");
    snprintf(buf, sizeof buf, "/proc/self/fd/%d", fd);
    int again = open(buf, O_RDWR);
    CHECK(again >= 0 && write(again, "I", 1) == 1 && file_is("tree/in/file", "Inside"),
          "O_PATH: opened again by /proc/self/fd");
    close(again);
    CHECK(chmod(buf, 0600) == 0 && stat("tree/in/file", &st) == 0 && (st.st_mode & 07777) == 0600,
          "O_PATH: chmod by /proc/self/fd");
    close(fd);
    fd = open("tree/in", O_PATH | O_DIRECTORY);
    CHECK_ERRNO(syscall(SYS_getdents64, fd, buf, sizeof buf), EBADF, "O_PATH: getdents64");
    CHECK(fcntl(fd, F_GETFL) == (O_PATH | O_DIRECTORY), "O_PATH: F_GETFL keeps O_DIRECTORY");
    close(fd);
    fd = open("tree/in/self", O_PATH | O_NOFOLLOW);
    CHECK(fd >= 0 && fstat(fd, &st) == 0 && S_ISLNK(st.st_mode), "O_PATH|O_NOFOLLOW: a symlink to itself");
    snprintf(buf, sizeof buf, "/proc/self/fd/%d", fd);
    CHECK_ERRNO(open(buf, O_RDONLY), ELOOP, "its open by /proc/self/fd");
    close(fd);
    CHECK_ERRNO(open("tree/in/link", O_PATH | O_NOFOLLOW | O_DIRECTORY), ENOTDIR,
                "O_PATH|O_NOFOLLOW|O_DIRECTORY: a symlink");
    CHECK_CHILD("O_PATH needs no right to the file, only to its directories", REQ(chmod("tree/in/file", 0) == 0);
                drop_root(); REQ(FAILS(open("tree/in/file", O_RDONLY), EACCES));
                REQ(open("tree/in/file", O_PATH) >= 0));
}

static int link_by_number(int fd, const char *to)
{
    char buf[64];
    snprintf(buf, sizeof buf, "/proc/self/fd/%d", fd);
    return linkat(AT_FDCWD, buf, AT_FDCWD, to, AT_SYMLINK_FOLLOW);
}

static void tmpfile_links(void)
{
    struct stat st;
    char buf[300];
    int fd = open("tree", O_TMPFILE | O_RDWR, 0640);
    REQ(fd >= 0 && write(fd, "text", 4) == 4);
    snprintf(buf, sizeof buf, "/proc/self/fd/%d", fd);
    char to[300] = "";
    CHECK(readlink(buf, to, sizeof to - 1) > 0 && strstr(to, "/tree/#") && strstr(to, " (deleted)"),
          "O_TMPFILE: its name in /proc/self/fd");
    CHECK((fcntl(fd, F_GETFL) & O_TMPFILE) == O_TMPFILE, "O_TMPFILE: F_GETFL tells it");
    CHECK(link_by_number(fd, "tree/named") == 0 && file_is("tree/named", "text"), "O_TMPFILE: linkat by /proc/self/fd");
    CHECK(linkat(fd, "", AT_FDCWD, "tree/named2", AT_EMPTY_PATH) == 0, "and again by AT_EMPTY_PATH");
    CHECK(fstat(fd, &st) == 0 && st.st_nlink == 2 && (st.st_mode & 07777) == 0640, "then it has two links");
    CHECK_ERRNO(link_by_number(fd, "tree/named"), EEXIST, "onto an existing name");
    CHECK(unlink("tree/named") == 0 && unlink("tree/named2") == 0 && fstat(fd, &st) == 0 && st.st_nlink == 0,
          "both names removed");
    CHECK_ERRNO(link_by_number(fd, "tree/named"), ENOENT, "what had a name and lost it gets none again");
    close(fd);
    fd = open("tree", O_TMPFILE | O_RDWR | O_EXCL, 0600);
    CHECK_ERRNO(link_by_number(fd, "tree/named"), ENOENT, "O_TMPFILE|O_EXCL: linkat by /proc/self/fd");
    CHECK_ERRNO(linkat(fd, "", AT_FDCWD, "tree/named", AT_EMPTY_PATH), ENOENT, "O_TMPFILE|O_EXCL: by AT_EMPTY_PATH");
    close(fd);
    CHECK_ERRNO(open("tree/out", O_TMPFILE | O_RDWR, 0600), ENOTDIR, "O_TMPFILE in a file");
    CHECK_ERRNO(open("tree/absent", O_TMPFILE | O_RDWR, 0600), ENOENT, "O_TMPFILE in nothing");
    CHECK_ERRNO(open("/proc", O_TMPFILE | O_RDWR, 0600), EOPNOTSUPP, "O_TMPFILE in /proc");
    CHECK_CHILD("O_TMPFILE needs the right to write the directory", drop_root();
                REQ(FAILS(open("tree", O_TMPFILE | O_RDWR, 0600), EACCES)));
    fd = open("tree", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0);
    CHECK(fd >= 0 && fstat(fd, &st) == 0 && st.st_size == 0 && (st.st_mode & 07777) == 0 && st.st_nlink == 0,
          "O_TMPFILE with mode 0");
    close(fd);
    umask(027);
    fd = open("tree", O_TMPFILE | O_RDWR, 0666);
    CHECK(fd >= 0 && fstat(fd, &st) == 0 && (st.st_mode & 07777) == 0640, "O_TMPFILE: the umask takes its bits");
    umask(022);
    close(fd);
}

static void links(void)
{
    struct stat st;
    int dir = open("tree", O_PATH | O_DIRECTORY), file = open("tree/out", O_RDONLY);
    CHECK(linkat(dir, "out", in_fd, "hard", 0) == 0 && stat("tree/in/hard", &st) == 0 && st.st_nlink == 2,
          "linkat between two directories");
    CHECK(linkat(file, "", dir, "hard2", AT_EMPTY_PATH) == 0, "linkat of a descriptor");
    CHECK_ERRNO(linkat(file, "", dir, "hard3", 0), ENOENT, "the empty name without AT_EMPTY_PATH");
    CHECK_ERRNO(linkat(dir, "", dir, "hard3", AT_EMPTY_PATH), EPERM, "linkat of a directory's descriptor");
    CHECK_ERRNO(linkat(-1, "out", dir, "x", 0), EBADF, "linkat: a bad descriptor");
    CHECK_ERRNO(linkat(dir, "out", -1, "x", 0), EBADF, "linkat: a bad descriptor to go to");
    CHECK_ERRNO(linkat(file, "out", dir, "x", 0), ENOTDIR, "linkat: a file's descriptor");
    CHECK_ERRNO(linkat(dir, "out", dir, "", 0), ENOENT, "linkat: to the empty name");
    CHECK_ERRNO(linkat(dir, "out", dir, ".", 0), EEXIST, "linkat: to .");
    CHECK_ERRNO(linkat(dir, "in/self", dir, "x", AT_SYMLINK_FOLLOW), ELOOP, "linkat: AT_SYMLINK_FOLLOW of a loop");
    CHECK(linkat(dir, "in/self", dir, "loop", 0) == 0, "linkat: of a loop itself");
    CHECK(symlinkat("out", dir, "soft") == 0 && file_is("tree/soft", "outside"), "symlinkat");
    CHECK_ERRNO(symlinkat("out", dir, "soft"), EEXIST, "symlinkat: an existing name");
    CHECK_ERRNO(symlinkat("", dir, "soft2"), ENOENT, "symlinkat: an empty target");
    CHECK_ERRNO(symlinkat("out", dir, ""), ENOENT, "symlinkat: an empty name");
    CHECK_ERRNO(symlinkat("out", -1, "x"), EBADF, "symlinkat: a bad descriptor");
    CHECK_ERRNO(symlinkat("out", file, "x"), ENOTDIR, "symlinkat: a file's descriptor");
    CHECK_ERRNO(symlinkat("out", dir, "x/"), ENOENT, "symlinkat: a slash at the end");
    CHECK_ERRNO(symlinkat(at_addr(8), dir, "x"), EFAULT, "symlinkat: a bad address");
    CHECK(symlinkat("out", -1, "/tmp/files_openat2") == 0 && unlink("/tmp/files_openat2") == 0,
          "symlinkat: an absolute name ignores the descriptor");
    CHECK(renameat2(dir, "soft", dir, "hard2", RENAME_EXCHANGE) == 0 && lstat("tree/hard2", &st) == 0 &&
              S_ISLNK(st.st_mode),
          "RENAME_EXCHANGE of a symlink and a file");
    CHECK(renameat2(dir, "in", dir, "in", RENAME_EXCHANGE) == 0, "RENAME_EXCHANGE with itself");
    CHECK_ERRNO(renameat2(dir, "in", dir, "in/dir", RENAME_EXCHANGE), EINVAL, "RENAME_EXCHANGE with what is below");
    CHECK_ERRNO(renameat2(dir, "in/dir", dir, "in", RENAME_EXCHANGE), EINVAL, "RENAME_EXCHANGE with what is above");
    CHECK_ERRNO(renameat2(dir, "in", dir, "in/dir", RENAME_NOREPLACE), EEXIST,
                "RENAME_NOREPLACE: into itself, there already");
    CHECK_ERRNO(renameat2(dir, "out", dir, "", RENAME_NOREPLACE), ENOENT, "RENAME_NOREPLACE: the empty name");
    CHECK_ERRNO(renameat2(dir, "out", dir, ".", RENAME_NOREPLACE), EEXIST, "RENAME_NOREPLACE: to .");
    CHECK_ERRNO(renameat2(dir, "out", dir, ".", RENAME_EXCHANGE), EBUSY, "RENAME_EXCHANGE with .");
    CHECK(renameat2(dir, "hard2", dir, "moved", RENAME_WHITEOUT) == 0 && lstat("tree/hard2", &st) == 0 &&
              S_ISCHR(st.st_mode) && st.st_rdev == 0 && (st.st_mode & 07777) == 0 && st.st_nlink == 1,
          "RENAME_WHITEOUT leaves a device 0:0");
    CHECK_ERRNO(renameat2(dir, "out", dir, "hard2", RENAME_WHITEOUT | RENAME_NOREPLACE), EEXIST,
                "RENAME_WHITEOUT|RENAME_NOREPLACE onto it");
    CHECK_ERRNO(renameat2(dir, "out", dir, "moved", RENAME_WHITEOUT | RENAME_EXCHANGE), EINVAL,
                "RENAME_WHITEOUT|RENAME_EXCHANGE");
    CHECK(unlink("tree/hard2") == 0, "and it can be removed");
    CHECK_CHILD("a device 0:0 needs no right to make devices", REQ(chmod("tree", 0777) == 0); drop_root();
                REQ(mknod("tree/white", S_IFCHR | 0600, 0) == 0);
                REQ(FAILS(mknod("tree/dev", S_IFCHR, 1 << 8 | 3), EPERM));
                REQ(rename("tree/white", "tree/white2") == 0);
                REQ(renameat2(AT_FDCWD, "tree/white2", AT_FDCWD, "tree/white", RENAME_WHITEOUT) == 0);
                REQ(lstat("tree/white2", &st) == 0 && st.st_uid == NOBODY));
    close(dir);
    close(file);
}

int main(void)
{
    tree();
    resolving();
    structure();
    path_only();
    tmpfile_links();
    links();
    return tap_end();
}
