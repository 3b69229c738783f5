// SPDX-License-Identifier: MIT
/*
 * How far names, directories, links and descriptors go: a chain of 10,000 directories, a directory of 20,000 names
 * (100,000 when there is /fixtures/full), names of 255 bytes, paths of 4095, 40 links in a row, EMFILE; and a small file
 * system filled up, which works again when something is removed.
 */
#define TAP_KEEP_CAPABILITIES /* it mounts */
#include "tests/abi/util.h"

#include <dirent.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/statfs.h>

#define DEEP 10000
#define MANY 20000

static void deep(void)
{
    char cwd[8192];
    int top = open(".", O_RDONLY | O_DIRECTORY), fd = dup(top), made = 0;
    for (; made < DEEP; made++) {
        int below = mkdirat(fd, "d", 0755) == 0 ? openat(fd, "d", O_RDONLY | O_DIRECTORY) : -1;
        if (below < 0)
            break;
        close(fd);
        fd = below;
    }
    CHECK(made == DEEP, "a chain of 10,000 directories");
    CHECK(fchdir(fd) == 0, "a process stands at its end");
    CHECK_ERRNO(syscall(SYS_getcwd, cwd, sizeof cwd), ENAMETOOLONG, "whose name is too long for getcwd");
    CHECK(mkdir("last", 0755) == 0 && rmdir("last") == 0, "where names are made and removed");
    CHECK_ERRNO(readlink("/proc/self/cwd", cwd, sizeof cwd), ENAMETOOLONG, "and for /proc/self/cwd");
    int steps = 0;
    while (chdir("..") == 0) {
        struct stat a, b;
        REQ(stat(".", &a) == 0 && fstat(top, &b) == 0);
        steps++;
        if (a.st_ino == b.st_ino && a.st_dev == b.st_dev)
            break;
    }
    CHECK(steps == DEEP, "10,000 times .. leads back");
    CHECK_ERRNO(rmdir("d"), ENOTEMPTY, "the first is in use");
    close(fd);
    for (fd = dup(top); steps > 1; steps--) {
        int below = openat(fd, "d", O_RDONLY | O_DIRECTORY);
        REQ(below >= 0);
        close(fd);
        fd = below;
    }
    for (steps = 0; unlinkat(fd, "d", AT_REMOVEDIR) == 0; steps++) {
        struct stat a, b;
        REQ(fstat(fd, &a) == 0 && fstat(top, &b) == 0);
        if (a.st_ino == b.st_ino)
            break;
        int up = openat(fd, "..", O_RDONLY | O_DIRECTORY);
        REQ(up >= 0);
        close(fd);
        fd = up;
    }
    CHECK(steps == DEEP - 1 && !exists("d"), "removed from its end to its beginning");
    close(fd);
    close(top);
}

static void wide(void)
{
    int n = exists("/fixtures/full") ? 5 * MANY : MANY, made = 0, seen = 0, removed = 0;
    char name[32];
    struct stat st;
    REQ(mkdir("wide", 0755) == 0);
    int dir = open("wide", O_RDONLY | O_DIRECTORY);
    int fd = openat(dir, "n0", O_RDWR | O_CREAT, 0600);
    for (made = 1; made < n; made++) {
        snprintf(name, sizeof name, "n%d", made);
        if (linkat(dir, "n0", dir, name, 0) < 0)
            break;
    }
    CHECK(made == n && fstat(fd, &st) == 0 && (long)st.st_nlink == n, "a directory of many names");
    DIR *d = fdopendir(dup(dir));
    uint64_t sum = 0;
    for (struct dirent *e; (e = readdir(d));) {
        if (e->d_name[0] == 'n') {
            seen++;
            sum += strtoul(e->d_name + 1, NULL, 10);
        }
    }
    closedir(d);
    CHECK(seen == n && sum == (uint64_t)n * (n - 1) / 2, "read, each is there once");
    CHECK(fstatat(dir, "n17777", &st, 0) == 0 && faccessat(dir, "n100000000", F_OK, 0) < 0,
          "one of them found, one not");
    for (int i = n - 1; i >= 0; i -= 2) {
        snprintf(name, sizeof name, "n%d", i);
        removed += unlinkat(dir, name, 0) == 0;
    }
    CHECK(removed == n / 2 && fstat(fd, &st) == 0 && (long)st.st_nlink == n - n / 2, "every other removed");
    CHECK_ERRNO(rmdir("wide"), ENOTEMPTY, "it is in use");
    d = fdopendir(dup(dir));
    rewinddir(d);
    for (struct dirent *e; (e = readdir(d));)
        if (e->d_name[0] == 'n')
            removed += unlinkat(dir, e->d_name, 0) == 0;
    closedir(d);
    CHECK(removed == n && rmdir("wide") == 0, "the rest removed as it is read");
    close(fd);
    close(dir);
}

static void names(void)
{
    char name[300], path[5000];
    struct stat st;
    memset(name, 'n', sizeof name);
    name[255] = 0;
    CHECK(mkdir(name, 0755) == 0 && stat(name, &st) == 0 && rmdir(name) == 0, "a name of 255 bytes");
    name[255] = 'n';
    name[256] = 0;
    CHECK_ERRNO(mkdir(name, 0755), ENAMETOOLONG, "mkdir: a name of 256");
    CHECK_ERRNO(open(name, O_RDONLY), ENAMETOOLONG, "open");
    CHECK_ERRNO(stat(name, &st), ENAMETOOLONG, "stat");
    CHECK_ERRNO(unlink(name), ENAMETOOLONG, "unlink");
    CHECK_ERRNO(symlink("x", name), ENAMETOOLONG, "symlink");
    CHECK_ERRNO(rename("absent", name), ENOENT, "rename of nothing to it");
    put_text("f", "");
    CHECK_ERRNO(rename("f", name), ENAMETOOLONG, "rename");
    CHECK_ERRNO(link("f", name), ENAMETOOLONG, "link");
    for (size_t i = 0; i < sizeof path; i += 2)
        memcpy(path + i, "./", 2);
    path[4094] = 'f';
    path[4095] = 0;
    CHECK(stat(path, &st) == 0, "a path of 4095 bytes");
    memcpy(path + 4092, ".//f", 5);
    CHECK_ERRNO(stat(path, &st), ENAMETOOLONG, "a path of 4096");
    CHECK_ERRNO(open(path, O_RDONLY), ENAMETOOLONG, "its open");
    path[4095] = 0;
    CHECK(symlink(path, "long") == 0 && lstat("long", &st) == 0 && st.st_size == 4095, "a symlink to 4095 bytes");
    CHECK(stat("long", &st) == 0 && S_ISDIR(st.st_mode), "leads there");
    CHECK(unlink("long") == 0 && unlink("f") == 0, "both removed");
}

static void loops(void)
{
    char a[16], b[16];
    struct stat st;
    put_text("l0", "end");
    for (int i = 1; i <= 41; i++) {
        snprintf(a, sizeof a, "l%d", i - 1);
        snprintf(b, sizeof b, "l%d", i);
        REQ(symlink(a, b) == 0);
    }
    CHECK(stat("l40", &st) == 0 && st.st_size == 3, "40 symlinks in a row");
    CHECK_ERRNO(stat("l41", &st), ELOOP, "41");
    CHECK_ERRNO(open("l41", O_RDWR | O_CREAT, 0600), ELOOP, "41 with O_CREAT");
    CHECK_ERRNO(chdir("l41"), ELOOP, "chdir");
    CHECK(lstat("l41", &st) == 0 && S_ISLNK(st.st_mode), "lstat follows 40 less");
    for (int i = 0; i <= 41; i++) {
        snprintf(a, sizeof a, "l%d", i);
        REQ(unlink(a) == 0);
    }
}

static void descriptors(void)
{
    int p[2], s[2];
    CHECK_CHILD("EMFILE: from whatever makes descriptors", REQ(setrlimit(RLIMIT_NOFILE, &(struct rlimit){20, 20}) == 0);
                int last = -1; for (int fd; (fd = dup(1)) >= 0;) last = fd; REQ(errno == EMFILE && last == 19);
                REQ(FAILS(open(".", O_RDONLY), EMFILE)); REQ(FAILS(pipe(p), EMFILE));
                REQ(FAILS(fcntl(1, F_DUPFD, 3), EMFILE)); REQ(FAILS(fcntl(1, F_DUPFD, 20), EINVAL));
                REQ(FAILS(dup2(1, 20), EBADF));
                REQ(FAILS(open("new", O_RDWR | O_CREAT, 0600), EMFILE) && !exists("new")); close(last);
                REQ(FAILS(pipe(s), EMFILE)); REQ(open(".", O_RDONLY) == last));
    CHECK_CHILD("a limit below what is open closes nothing", REQ(dup2(1, 50) == 50);
                REQ(setrlimit(RLIMIT_NOFILE, &(struct rlimit){10, 10}) == 0); REQ(fcntl(50, F_GETFD) == 0);
                REQ(FAILS(dup2(1, 10), EBADF)); REQ(close(50) == 0));
}

/* ---- a small file system ---- */

static long fill_up(const char *path)
{
    static char page[65536];
    long n, all = 0;
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
    REQ(fd >= 0);
    while ((n = write(fd, page, sizeof page)) > 0)
        all += n;
    int err = errno;
    close(fd);
    errno = err;
    return n < 0 ? all : -1;
}

static void small(void)
{
    struct statfs sf;
    char name[32];
    int made = 0;
    REQ(mkdir("small", 0755) == 0);
    if (mount("tmpfs", "small", "tmpfs", 0, "size=1m,nr_inodes=20,mode=711") < 0) {
        SKIP("the small file system", "no right to mount");
        return;
    }
    struct stat st;
    CHECK(stat("small", &st) == 0 && (st.st_mode & 07777) == 0711, "mode=");
    CHECK(statfs("small", &sf) == 0 && sf.f_blocks * sf.f_bsize == 1 << 20 && sf.f_files == 20 && sf.f_ffree == 19,
          "size= and nr_inodes= as statfs tells them");
    long all = fill_up("small/big");
    int err = errno;
    CHECK(all == 1 << 20 && err == ENOSPC, "full: ENOSPC");
    CHECK(statfs("small", &sf) == 0 && sf.f_bfree == 0 && sf.f_bavail == 0, "no block is free");
    int fd = open("small/big", O_RDWR);
    CHECK(pwrite(fd, "x", 1, 5000) == 1, "what is there can be written over");
    CHECK_ERRNO(pwrite(fd, "x", 1, 1 << 20), ENOSPC, "nothing behind it");
    CHECK_ERRNO(fallocate(fd, 0, 1 << 20, 4096), ENOSPC, "fallocate");
    CHECK(file_size("small/big") == 1 << 20, "the size stays");
    CHECK(ftruncate(fd, 2 << 20) == 0, "a hole needs no room");
    CHECK(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 8192) == 0 && pwrite(fd, "xy", 2, 1 << 20) == 2,
          "a hole punched makes room");
    CHECK(ftruncate(fd, 0) == 0 && statfs("small", &sf) == 0 && sf.f_bfree == sf.f_blocks, "truncated, all is free");
    CHECK_ERRNO(fallocate(fd, 0, 0, 2 << 20), ENOSPC, "fallocate of more than there is");
    CHECK(statfs("small", &sf) == 0 && sf.f_bfree == sf.f_blocks && file_size("small/big") == 0, "takes nothing");
    CHECK(fallocate(fd, 0, 0, 1 << 20) == 0 && ftruncate(fd, 0) == 0, "of all there is");
    close(fd);
    CHECK(unlink("small/big") == 0 && statfs("small", &sf) == 0 && sf.f_ffree == 19, "removed, its inode is free");
    for (;; made++) {
        snprintf(name, sizeof name, "small/n%d", made);
        int f = open(name, O_RDWR | O_CREAT, 0600);
        if (f < 0)
            break;
        close(f);
    }
    err = errno;
    CHECK(made == 19 && err == ENOSPC, "no inode left: ENOSPC");
    CHECK_ERRNO(mkdir("small/d", 0755), ENOSPC, "mkdir");
    CHECK_ERRNO(symlink("x", "small/s"), ENOSPC, "symlink");
    CHECK_ERRNO(mkfifo("small/p", 0600), ENOSPC, "mkfifo");
    CHECK_ERRNO(open("small", O_TMPFILE | O_RDWR, 0600), ENOSPC, "O_TMPFILE");
    GIVES(link("small/n0", "small/l"), ENOSPC, "link: a name takes one too");
    CHECK(rename("small/n1", "small/r") == 0, "rename needs none");
    CHECK(unlink("small/r") == 0 && mkdir("small/d", 0755) == 0, "one removed, one made");
    CHECK(mount("tmpfs", "small", "tmpfs", MS_REMOUNT, "size=2m,nr_inodes=40") == 0 && statfs("small", &sf) == 0 &&
              sf.f_blocks * sf.f_bsize == 2 << 20 && sf.f_files == 40,
          "remounted with more");
    CHECK_ERRNO(mount("tmpfs", "small", "tmpfs", MS_REMOUNT, "nr_inodes=10"), EINVAL, "not with less than is used");
    CHECK(umount("small") == 0 && rmdir("small") == 0, "unmounted");
}

int main(void)
{
    deep();
    wide();
    names();
    loops();
    descriptors();
    small();
    return tap_end();
}
