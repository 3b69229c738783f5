// SPDX-License-Identifier: MIT
/*
 * Descriptors: dup and its family, fcntl, close_range, record locks and flock.
 */
#include "tests/abi/util.h"

#include <pthread.h>

#include <linux/close_range.h>
#include <sys/file.h>
#include <sys/ioctl.h>

static void duplicates(void)
{
    int fd = open("f", O_RDWR | O_CREAT | O_CLOEXEC, 0600), d = dup(fd);
    CHECK(d >= 0 && fcntl(d, F_GETFD) == 0, "dup clears close-on-exec");
    CHECK(dup2(fd, 100) == 100 && fcntl(100, F_GETFD) == 0, "dup2 to a number");
    CHECK(dup2(fd, fd) == fd && fcntl(fd, F_GETFD) == FD_CLOEXEC, "dup2 onto itself does nothing");
    CHECK(dup3(fd, 101, O_CLOEXEC) == 101 && fcntl(101, F_GETFD) == FD_CLOEXEC, "dup3 with O_CLOEXEC");
    CHECK_ERRNO(dup3(fd, fd, 0), EINVAL, "dup3 onto itself");
    CHECK_ERRNO(dup3(fd, 102, O_APPEND), EINVAL, "dup3 with an unknown flag");
    CHECK_ERRNO(dup(-1), EBADF, "dup of -1");
    CHECK_ERRNO(dup2(fd, -1), EBADF, "dup2 to -1");
    CHECK_ERRNO(dup2(999, 100), EBADF, "dup2 of a closed descriptor");
    CHECK(fcntl(100, F_GETFD) == 0, "which leaves the target open");
    CHECK_ERRNO(dup2(-1, -1), EBADF, "dup2 of -1 onto itself");
    CHECK(fcntl(fd, F_DUPFD, 200) == 200 && fcntl(fd, F_DUPFD, 200) == 201, "F_DUPFD takes the lowest from a number");
    CHECK(fcntl(fd, F_DUPFD_CLOEXEC, 200) == 202 && fcntl(202, F_GETFD) == FD_CLOEXEC, "F_DUPFD_CLOEXEC");
    CHECK_ERRNO(fcntl(fd, F_DUPFD, -1), EINVAL, "F_DUPFD from a negative number");
    CHECK(write(fd, "abc", 3) == 3 && lseek(200, 0, SEEK_CUR) == 3, "duplicates share the position");
    CHECK(fcntl(fd, F_SETFL, O_APPEND) == 0 && (fcntl(200, F_GETFL) & O_APPEND), "and the flags");
    CHECK(close(fd) == 0 && write(200, "d", 1) == 1, "closing one leaves the others");
    int p[2];
    make_pipe(p);
    REQ(dup2(p[1], 203) == 203 && close(p[1]) == 0);
    char c;
    CHECK(dup2(200, 203) == 203 && read(p[0], &c, 1) == 0, "dup2 closes what was there");
    close(p[0]);
}

static void flags(void)
{
    int fd = open("f", O_RDWR);
    CHECK(fcntl(fd, F_SETFD, FD_CLOEXEC) == 0 && fcntl(fd, F_GETFD) == FD_CLOEXEC, "F_SETFD sets close-on-exec");
    CHECK(fcntl(fd, F_SETFD, 0) == 0 && fcntl(fd, F_GETFD) == 0, "and clears it");
    CHECK(ioctl(fd, FIOCLEX) == 0 && fcntl(fd, F_GETFD) == FD_CLOEXEC && ioctl(fd, FIONCLEX) == 0 &&
              fcntl(fd, F_GETFD) == 0,
          "FIOCLEX and FIONCLEX");
    CHECK(fcntl(fd, F_SETFL, O_NONBLOCK | O_WRONLY | O_CREAT) == 0 &&
              (fcntl(fd, F_GETFL) & (O_ACCMODE | O_NONBLOCK | O_CREAT)) == (O_RDWR | O_NONBLOCK),
          "F_SETFL changes neither mode nor creation flags");
    CHECK_ERRNO(fcntl(-1, F_GETFD), EBADF, "fcntl of -1");
    CHECK_ERRNO(fcntl(fd, 12345), EINVAL, "an unknown fcntl");
    CHECK_ERRNO(ioctl(fd, 0x12345678), ENOTTY, "an unknown ioctl of a file");
    CHECK_ERRNO(fcntl(fd, F_GETPIPE_SZ), EBADF, "F_GETPIPE_SZ of a file");
    int n = 1, p[2];
    CHECK(ioctl(fd, FIONBIO, &n) == 0 && (fcntl(fd, F_GETFL) & O_NONBLOCK), "FIONBIO");
    make_pipe(p);
    CHECK(fcntl(p[0], F_GETPIPE_SZ) == 65536, "a pipe holds 64 KiB");
    CHECK(fcntl(p[0], F_SETPIPE_SZ, 5000) == 8192 && fcntl(p[1], F_GETPIPE_SZ) == 8192, "F_SETPIPE_SZ rounds up");
    CHECK(fcntl(p[0], F_SETPIPE_SZ, 1 << 20) == 1 << 20, "F_SETPIPE_SZ to 1 MiB");
    CHECK(write(p[1], "abc", 3) == 3 && ioctl(p[0], FIONREAD, &n) == 0 && n == 3, "FIONREAD tells what waits");
    static char big[8193];
    REQ(write(p[1], big, sizeof big) == sizeof big);
    CHECK_ERRNO(fcntl(p[0], F_SETPIPE_SZ, 4096), EBUSY, "F_SETPIPE_SZ below what waits");
    close(p[0]);
    close(p[1]);
    close(fd);
}

static int open_fds(int from, int to)
{
    int n = 0;
    for (int fd = from; fd <= to; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

static void ranges(void)
{
    CHECK_CHILD("close_range closes a range", {
        for (int i = 300; i < 310; i++)
            REQ(dup2(0, i) == i);
        REQ(syscall(SYS_close_range, 302, 306, 0) == 0);
        REQ(open_fds(300, 309) == 5 && open_fds(302, 306) == 0);
    });
    CHECK_CHILD("CLOSE_RANGE_CLOEXEC marks it", {
        for (int i = 300; i < 310; i++)
            REQ(dup2(0, i) == i);
        REQ(syscall(SYS_close_range, 305, ~0u, CLOSE_RANGE_CLOEXEC) == 0);
        REQ(fcntl(304, F_GETFD) == 0 && fcntl(305, F_GETFD) == FD_CLOEXEC && fcntl(309, F_GETFD) == FD_CLOEXEC);
    });
    CHECK_ERRNO(syscall(SYS_close_range, 10, 5, 0), EINVAL, "close_range backwards");
    CHECK_ERRNO(syscall(SYS_close_range, 3, 5, 0x80), EINVAL, "close_range with an unknown flag");
}

static struct flock lock(short type, off_t from, off_t len)
{
    return (struct flock){.l_type = type, .l_whence = SEEK_SET, .l_start = from, .l_len = len};
}

static void record_locks(void)
{
    int fd = open("l", O_RDWR | O_CREAT, 0600), other = open("l", O_RDWR);
    struct flock l = lock(F_WRLCK, 10, 10);
    CHECK(fcntl(fd, F_SETLK, &l) == 0, "F_SETLK locks a range");
    l = lock(F_WRLCK, 0, 0);
    CHECK(fcntl(other, F_GETLK, &l) == 0 && l.l_type == F_UNLCK, "one's own lock is no obstacle");
    pid_t parent = getpid();
    CHECK_CHILD("another process sees whose it is", {
        l = lock(F_RDLCK, 0, 0);
        REQ(fcntl(fd, F_GETLK, &l) == 0 && l.l_type == F_WRLCK && l.l_start == 10 && l.l_len == 10);
        REQ(l.l_pid == parent);
    });
    CHECK_CHILD("and cannot lock over it", {
        l = lock(F_RDLCK, 15, 1);
        REQ(fcntl(fd, F_SETLK, &l) == -1 && (errno == EAGAIN || errno == EACCES));
        l = lock(F_WRLCK, 20, 5);
        REQ(fcntl(fd, F_SETLK, &l) == 0);
    });
    l = lock(F_UNLCK, 12, 2);
    CHECK(fcntl(fd, F_SETLK, &l) == 0, "unlocking the middle");
    CHECK_CHILD("splits it", {
        l = lock(F_WRLCK, 12, 2);
        REQ(fcntl(fd, F_SETLK, &l) == 0);
        l = lock(F_WRLCK, 11, 1);
        REQ(fcntl(fd, F_SETLK, &l) == -1);
        l = lock(F_WRLCK, 14, 1);
        REQ(fcntl(fd, F_SETLK, &l) == -1);
    });
    int go[2];
    make_pipe(go);
    pid_t pid = tap_fork();
    if (pid == 0) {
        token_send(go[1]);
        l = lock(F_WRLCK, 0, 0);
        REQ(fcntl(fd, F_SETLKW, &l) == 0);
        _exit(3);
    }
    token_wait(go[0]);
    msleep(20);
    CHECK(waitpid(pid, NULL, WNOHANG) == 0, "F_SETLKW waits");
    close(other);
    CHECK(tap_exited(tap_wait(pid), 3), "closing any descriptor of the file gives the locks up");
    CHECK_ERRNO((l = lock(99, 0, 0), fcntl(fd, F_SETLK, &l)), EINVAL, "an unknown lock type");
    int ro = open("l", O_RDONLY);
    CHECK_ERRNO((l = lock(F_WRLCK, 0, 0), fcntl(ro, F_SETLK, &l)), EBADF, "a write lock needs a file open for writing");
    close(ro);
    close(go[0]);
    close(go[1]);
    close(fd);
}

static void *locks_it(void *arg)
{
    struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 10};
    int r = fcntl((int)(long)arg, F_SETLKW, &l);
    return (void *)(long)(r == -1 ? errno : 0);
}

/* The close either comes before the lock or undoes it: nobody would ever give it up. */
static void lock_of_closed(void)
{
    struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 10};
    int go[2], held[2], fd = open("l", O_RDWR);
    pthread_t t;
    void *got;
    make_pipe(go);
    make_pipe(held);
    pid_t pid = tap_fork();
    if (pid == 0) {
        REQ(fcntl(fd, F_SETLK, &l) == 0);
        token_send(held[1]);
        token_wait(go[0]);
        _exit(0);
    }
    token_wait(held[0]);
    REQ(pthread_create(&t, NULL, locks_it, (void *)(long)fd) == 0);
    msleep(50);
    close(fd);
    token_send(go[1]);
    REQ(tap_wait(pid) == 0);
    pthread_join(t, &got);
    CHECK((long)got == EBADF, "F_SETLKW on a descriptor that is closed meanwhile");
    fd = open("l", O_RDWR);
    CHECK_CHILD("leaves no lock behind", REQ(fcntl(fd, F_SETLK, &l) == 0));
    close(fd);
}

static void whole_file_locks(void)
{
    int a = open("l", O_RDWR), b = open("l", O_RDWR), c = dup(a);
    CHECK(flock(a, LOCK_EX) == 0, "flock");
    CHECK_ERRNO(flock(b, LOCK_SH | LOCK_NB), EWOULDBLOCK, "a second open of the file is another holder");
    CHECK(flock(c, LOCK_EX | LOCK_NB) == 0, "a duplicate is the same holder");
    CHECK(flock(a, LOCK_SH) == 0 && flock(b, LOCK_SH | LOCK_NB) == 0, "two share");
    CHECK_ERRNO(flock(b, LOCK_EX | LOCK_NB), EWOULDBLOCK, "a shared lock is not raised beside another");
    flock(b, LOCK_SH);
    CHECK_CHILD("a child holds its parent's lock", REQ(flock(a, LOCK_UN) == 0));
    CHECK(flock(b, LOCK_EX | LOCK_NB) == 0, "and can give it up");
    close(b);
    CHECK(flock(a, LOCK_EX | LOCK_NB) == 0, "the last close unlocks");
    close(a);
    int d = open("l", O_RDWR);
    CHECK_ERRNO(flock(d, LOCK_EX | LOCK_NB), EWOULDBLOCK, "a close that is not the last does not");
    close(c);
    CHECK_ERRNO(flock(d, 77), EINVAL, "an unknown flock operation");
    CHECK_ERRNO(flock(-1, LOCK_EX), EBADF, "flock of -1");
    close(d);
}

int main(void)
{
    duplicates();
    flags();
    ranges();
    record_locks();
    lock_of_closed();
    whole_file_locks();
    return tap_end();
}
