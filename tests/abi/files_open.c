// SPDX-License-Identifier: MIT
/*
 * open(2), openat(2), creat(2): what each flag does and refuses.
 */
#include "tests/abi/util.h"

#include <sys/ioctl.h>

static int fl(int fd)
{
    return fcntl(fd, F_GETFL);
}

static void create_flags(void)
{
    int fd = open("new", O_RDWR | O_CREAT | O_EXCL, 0640);
    struct stat st;
    CHECK(fd >= 0, "O_CREAT|O_EXCL makes a new file");
    CHECK(fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & 07777) == 0640 && st.st_size == 0,
          "a new file is regular, empty, with the mode asked for");
    CHECK(write(fd, "hello", 5) == 5, "a new file takes a write");
    close(fd);
    CHECK_ERRNO(open("new", O_RDWR | O_CREAT | O_EXCL, 0640), EEXIST, "O_EXCL on an existing file");
    CHECK_ERRNO(open("absent", O_RDWR), ENOENT, "open of an absent file");
    CHECK_ERRNO(open("absent/x", O_RDWR | O_CREAT, 0600), ENOENT, "O_CREAT below an absent directory");
    CHECK_ERRNO(open("new/x", O_RDWR | O_CREAT, 0600), ENOTDIR, "O_CREAT below a regular file");
    CHECK_ERRNO(open("", O_RDONLY), ENOENT, "open of the empty name");
    fd = open("ro", O_RDWR | O_CREAT, 0);
    CHECK(fd >= 0 && write(fd, "x", 1) == 1, "the mode of a new file does not bind the call that makes it");
    close(fd);
    fd = open("new", O_RDONLY | O_CREAT, 0777);
    CHECK(fd >= 0 && fstat(fd, &st) == 0 && (st.st_mode & 07777) == 0640, "O_CREAT leaves an existing mode alone");
    close(fd);
    fd = creat("made", 0600);
    CHECK(fd >= 0 && (fl(fd) & O_ACCMODE) == O_WRONLY, "creat opens for writing only");
    close(fd);
}

static void access_modes(void)
{
    char c;
    int r = open("new", O_RDONLY), w = open("new", O_WRONLY), b = open("new", O_RDWR), n = open("new", 3);
    CHECK_ERRNO(write(r, "x", 1), EBADF, "write to a file opened for reading");
    CHECK_ERRNO(read(w, &c, 1), EBADF, "read of a file opened for writing");
    CHECK(read(b, &c, 1) == 1 && c == 'h', "O_RDWR reads");
    CHECK(n >= 0, "access mode 3 opens");
    CHECK_ERRNO(read(n, &c, 1), EBADF, "access mode 3 does not read");
    CHECK_ERRNO(ftruncate(r, 0), EINVAL, "ftruncate of a file opened for reading");
    CHECK((fl(r) & O_ACCMODE) == O_RDONLY && (fl(w) & O_ACCMODE) == O_WRONLY && (fl(b) & O_ACCMODE) == O_RDWR,
          "F_GETFL tells the access mode");
    close(r);
    close(w);
    close(b);
    close(n);
}

static void truncating(void)
{
    put_text("t", "0123456789");
    int fd = open("t", O_WRONLY | O_TRUNC);
    CHECK(fd >= 0 && file_size("t") == 0, "O_TRUNC empties the file");
    CHECK((fl(fd) & O_TRUNC) == 0, "O_TRUNC is not kept in the file's flags");
    close(fd);
    put_text("t", "0123456789");
    fd = open("t", O_RDONLY | O_TRUNC);
    CHECK(fd >= 0 && file_size("t") == 0, "O_TRUNC works with O_RDONLY too");
    close(fd);
    CHECK_ERRNO(open(".", O_RDONLY | O_TRUNC), EISDIR, "O_TRUNC on a directory");
}

static void appending(void)
{
    put_text("a", "abc");
    int fd = open("a", O_WRONLY | O_APPEND), other = open("a", O_WRONLY | O_APPEND);
    CHECK(write(fd, "1", 1) == 1 && write(other, "2", 1) == 1 && write(fd, "3", 1) == 1 && file_is("a", "abc123"),
          "O_APPEND writes at the end of the moment");
    CHECK(lseek(fd, 0, SEEK_CUR) == 6, "an appending write moves the position to the end");
    CHECK(lseek(fd, 0, SEEK_SET) == 0 && write(fd, "4", 1) == 1 && file_is("a", "abc1234"),
          "lseek does not change where O_APPEND writes");
    CHECK(pwrite(fd, "5", 1, 0) == 1 && file_is("a", "abc12345"), "pwrite on O_APPEND appends, as Linux does");
    CHECK(fcntl(fd, F_SETFL, 0) == 0 && pwrite(fd, "X", 1, 0) == 1 && file_is("a", "Xbc12345"),
          "F_SETFL takes O_APPEND away");
    close(fd);
    close(other);
}

static void directories(void)
{
    REQ(mkdir("d", 0755) == 0);
    char c;
    int fd = open("d", O_RDONLY | O_DIRECTORY);
    CHECK(fd >= 0, "O_DIRECTORY opens a directory");
    CHECK_ERRNO(read(fd, &c, 1), EISDIR, "read of a directory");
    close(fd);
    CHECK_ERRNO(open("new", O_RDONLY | O_DIRECTORY), ENOTDIR, "O_DIRECTORY on a file");
    CHECK_ERRNO(open("d", O_WRONLY), EISDIR, "a directory opened for writing");
    CHECK_ERRNO(open("d", O_RDWR), EISDIR, "a directory opened for both");
    CHECK_ERRNO(open("d", O_RDONLY | O_CREAT, 0600), EISDIR, "O_CREAT on a directory");
    CHECK_ERRNO(open("nosuch/", O_RDONLY | O_CREAT, 0600), EISDIR, "O_CREAT of a name with a slash at its end");
    CHECK_ERRNO(open("new/", O_RDONLY), ENOTDIR, "a file named with a slash at its end");
    CHECK_ERRNO(open("d", O_RDONLY | O_CREAT | O_EXCL, 0600), EEXIST, "O_EXCL on a directory");
}

static void links(void)
{
    REQ(symlink("new", "to_new") == 0 && symlink("d", "to_d") == 0 && symlink("fresh", "to_fresh") == 0);
    CHECK_ERRNO(open("to_new", O_RDONLY | O_NOFOLLOW), ELOOP, "O_NOFOLLOW on a symlink");
    CHECK_ERRNO(open("to_d", O_RDONLY | O_NOFOLLOW | O_DIRECTORY), ENOTDIR,
                "O_NOFOLLOW|O_DIRECTORY on a symlink to a directory");
    REQ(close(creat("d/f", 0644)) == 0);
    int fd = open("to_d/f", O_RDONLY | O_NOFOLLOW);
    CHECK(fd >= 0, "O_NOFOLLOW follows symlinks before the last name");
    close(fd);
    CHECK_ERRNO(open("to_fresh", O_RDWR | O_CREAT | O_EXCL, 0600), EEXIST, "O_EXCL on a dangling symlink");
    fd = open("to_fresh", O_RDWR | O_CREAT, 0600);
    CHECK(fd >= 0 && exists("fresh"), "O_CREAT through a dangling symlink makes the target");
    close(fd);
    CHECK_ERRNO(open("to_new", O_RDWR | O_CREAT | O_NOFOLLOW, 0600), ELOOP, "O_CREAT|O_NOFOLLOW on a symlink");
}

static void path_only(void)
{
    char c;
    int n;
    struct stat st;
    int fd = open("new", O_PATH);
    CHECK(fd >= 0 && fl(fd) == O_PATH, "O_PATH opens; F_GETFL tells it");
    CHECK_ERRNO(read(fd, &c, 1), EBADF, "O_PATH does not read");
    CHECK_ERRNO(write(fd, "x", 1), EBADF, "O_PATH does not write");
    CHECK_ERRNO(lseek(fd, 0, SEEK_SET), EBADF, "O_PATH does not seek");
    CHECK_ERRNO(fchmod(fd, 0600), EBADF, "O_PATH does not chmod");
    CHECK_ERRNO(ioctl(fd, FIONREAD, &n), EBADF, "O_PATH does not ioctl");
    CHECK(fstat(fd, &st) == 0 && S_ISREG(st.st_mode), "O_PATH does fstat");
    int copy = dup(fd);
    CHECK(copy >= 0 && fl(copy) == O_PATH, "O_PATH can be duplicated");
    close(copy);
    close(fd);
    fd = open("to_new", O_PATH | O_NOFOLLOW);
    CHECK(fd >= 0 && fstat(fd, &st) == 0 && S_ISLNK(st.st_mode), "O_PATH|O_NOFOLLOW is the symlink itself");
    char target[16];
    CHECK(readlinkat(fd, "", target, sizeof target) == 3 && !memcmp(target, "new", 3),
          "readlinkat of such a file with the empty name");
    close(fd);
    fd = open("d", O_PATH | O_DIRECTORY);
    int in = openat(fd, "f", O_RDONLY);
    CHECK(in >= 0, "openat below an O_PATH directory");
    CHECK(fchdir(fd) == 0 && exists("f") && chdir("..") == 0, "fchdir to an O_PATH directory");
    close(in);
    close(fd);
}

static void unnamed(void)
{
    struct stat st;
    int fd = open(".", O_TMPFILE | O_RDWR, 0600);
    CHECK(fd >= 0 && fstat(fd, &st) == 0 && st.st_nlink == 0 && S_ISREG(st.st_mode),
          "O_TMPFILE makes a file without a name");
    CHECK(write(fd, "tmp", 3) == 3, "O_TMPFILE takes a write");
    char proc[64];
    snprintf(proc, sizeof proc, "/proc/self/fd/%d", fd);
    CHECK(linkat(AT_FDCWD, proc, AT_FDCWD, "named", AT_SYMLINK_FOLLOW) == 0 && file_is("named", "tmp"),
          "linkat gives it a name");
    CHECK(fstat(fd, &st) == 0 && st.st_nlink == 1, "then it has one link");
    close(fd);
    CHECK_ERRNO(open(".", O_TMPFILE | O_RDONLY, 0600), EINVAL, "O_TMPFILE must be writable");
    CHECK_ERRNO(open("new", O_TMPFILE | O_RDWR, 0600), ENOTDIR, "O_TMPFILE wants a directory");
    fd = open(".", O_TMPFILE | O_RDWR | O_EXCL, 0600);
    snprintf(proc, sizeof proc, "/proc/self/fd/%d", fd);
    CHECK_ERRNO(linkat(AT_FDCWD, proc, AT_FDCWD, "named2", AT_SYMLINK_FOLLOW), ENOENT,
                "O_TMPFILE|O_EXCL never gets a name");
    close(fd);
}

static void close_on_exec(void)
{
    int a = open("new", O_RDONLY | O_CLOEXEC), b = open("new", O_RDONLY);
    CHECK(fcntl(a, F_GETFD) == FD_CLOEXEC && fcntl(b, F_GETFD) == 0, "O_CLOEXEC sets the descriptor's flag");
    CHECK((fl(a) & O_CLOEXEC) == 0, "O_CLOEXEC is not a flag of the file");
    close(a);
    close(b);
}

static void relative_to(void)
{
    int dir = open("d", O_RDONLY), file = open("new", O_RDONLY), fd;
    CHECK((fd = openat(dir, "f", O_RDONLY)) >= 0 && close(fd) == 0, "openat is relative to a directory");
    CHECK((fd = openat(AT_FDCWD, "new", O_RDONLY)) >= 0 && close(fd) == 0, "AT_FDCWD is the working directory");
    CHECK((fd = openat(-1, "/dev/null", O_RDONLY)) >= 0 && close(fd) == 0, "an absolute name ignores the descriptor");
    CHECK_ERRNO(openat(-1, "x", O_RDONLY), EBADF, "openat with a bad descriptor");
    CHECK_ERRNO(openat(file, "x", O_RDONLY), ENOTDIR, "openat below a regular file");
    REQ(mkdir("gone", 0755) == 0);
    int gone = open("gone", O_RDONLY);
    REQ(rmdir("gone") == 0);
    CHECK_ERRNO(openat(gone, "x", O_RDWR | O_CREAT, 0600), ENOENT, "O_CREAT in a removed directory");
    close(gone);
    close(dir);
    close(file);
}

static void lowest_descriptor(void)
{
    int a = open("new", O_RDONLY), b = open("new", O_RDONLY), c = open("new", O_RDONLY);
    close(b);
    int again = open("new", O_RDONLY);
    CHECK(b == a + 1 && c == a + 2 && again == b, "open takes the lowest free descriptor");
    close(a);
    close(again);
    close(c);
    CHECK_ERRNO(close(a), EBADF, "close of a closed descriptor");
    CHECK_ERRNO(close(-1), EBADF, "close of -1");
    CHECK(syscall(SYS_close, 0x100000000L + open("new", O_RDONLY)) == 0, "descriptors are 32 bits wide");
}

static void busy_text(void)
{
    copy_file("/proc/self/exe", "prog");
    int go[2], fd;
    make_pipe(go);
    pid_t pid = tap_fork();
    if (pid == 0) {
        REQ(fcntl(go[1], F_SETFD, 0) == 0);
        char num[12];
        snprintf(num, sizeof num, "%d", go[1]);
        execl("./prog", "prog", "sleep", num, NULL);
        REQ(0);
    }
    token_wait(go[0]);
    CHECK_ERRNO(open("prog", O_WRONLY), ETXTBSY, "writing to a program that runs");
    CHECK_ERRNO(open("prog", O_RDONLY | O_TRUNC), ETXTBSY, "truncating a program that runs by open");
    CHECK_ERRNO(truncate("prog", 0), ETXTBSY, "truncating a program that runs");
    CHECK((fd = open("prog", O_RDONLY)) >= 0, "reading a program that runs");
    CHECK(unlink("prog") == 0, "removing a program that runs");
    kill(pid, SIGKILL);
    CHECK(tap_killed(tap_wait(pid), SIGKILL), "the program ran until killed");
    close(fd);
    close(go[0]);
    close(go[1]);
}

int main(int argc, char **argv)
{
    if (argc == 3) {
        token_send(atoi(argv[2]));
        pause();
    }
    umask(0);
    create_flags();
    access_modes();
    truncating();
    appending();
    directories();
    links();
    path_only();
    unnamed();
    close_on_exec();
    relative_to();
    lowest_descriptor();
    busy_text();
    return tap_end();
}
