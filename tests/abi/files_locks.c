// SPDX-License-Identifier: MIT
/*
 * Locks on files: record locks of processes and of open files (F_SETLK, F_OFD_SETLK), whom F_GETLK names, over fork, exec
 * and close, deadlocks; flock beside them; leases and F_NOTIFY refused. And close_range's flags.
 */
#include "tests/abi/util.h"

#include <linux/close_range.h>
#include <sys/eventfd.h>
#include <sys/file.h>

static int lock(int fd, int cmd, short type, off_t start, off_t len)
{
    struct flock l = {.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = len};
    return fcntl(fd, cmd, &l);
}

static struct flock whose(int fd, int cmd, short type, off_t start, off_t len)
{
    struct flock l = {.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = len, .l_pid = 0};
    REQ(fcntl(fd, cmd, &l) == 0);
    return l;
}

static int is_lock(struct flock l, short type, off_t start, off_t len, pid_t pid)
{
    return l.l_type == type && l.l_whence == SEEK_SET && l.l_start == start && l.l_len == len && l.l_pid == pid;
}

static int is_free(int fd, short type, off_t start, off_t len)
{
    return whose(fd, F_GETLK, type, start, len).l_type == F_UNLCK;
}

/* A child that does `what` and then holds it until told. */
#define HOLDER(p, ...)           \
    ({                           \
        pid_t pid_ = tap_fork(); \
        if (pid_ == 0) {         \
            __VA_ARGS__;         \
            token_send((p)[1]);  \
            for (;;)             \
                pause();         \
        }                        \
        token_wait((p)[0]);      \
        pid_;                    \
    })

static void end(pid_t pid)
{
    kill(pid, SIGKILL);
    tap_wait(pid);
}

/* ---- record locks ---- */

static void ranges(int fd)
{
    int p[2];
    make_pipe(p);
    pid_t pid = HOLDER(p, REQ(lock(fd, F_SETLK, F_WRLCK, 10, 10) == 0); REQ(lock(fd, F_SETLK, F_RDLCK, 30, 0) == 0));
    CHECK(is_lock(whose(fd, F_GETLK, F_WRLCK, 0, 0), F_WRLCK, 10, 10, pid), "F_GETLK names the first in the way");
    CHECK(is_lock(whose(fd, F_GETLK, F_RDLCK, 19, 1), F_WRLCK, 10, 10, pid), "its last byte counts");
    CHECK(is_free(fd, F_WRLCK, 20, 10), "the byte behind does not");
    CHECK(is_lock(whose(fd, F_GETLK, F_WRLCK, 1000, 1), F_RDLCK, 30, 0, pid), "a lock to the end has length 0");
    CHECK(is_free(fd, F_RDLCK, 1000, 1), "a reader does not mind a reader");
    CHECK_ERRNO(lock(fd, F_SETLK, F_WRLCK, 0, 11), EAGAIN, "F_SETLK in somebody's way");
    CHECK(lock(fd, F_SETLK, F_WRLCK, 0, 10) == 0, "up to it");
    CHECK(is_lock(whose(fd, F_GETLK, F_WRLCK, 12, 1), F_WRLCK, 10, 10, pid),
          "asked for a byte, all of the lock is told");
    struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 20, .l_len = -5};
    CHECK(fcntl(fd, F_GETLK, &l) == 0 && is_lock(l, F_WRLCK, 10, 10, pid), "a negative length is what comes before");
    l = (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 3, .l_len = -5};
    CHECK_ERRNO(fcntl(fd, F_SETLK, &l), EINVAL, "before the beginning");
    l = (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_END, .l_start = -1, .l_len = 1};
    REQ(ftruncate(fd, 16) == 0);
    CHECK(fcntl(fd, F_GETLK, &l) == 0 && is_lock(l, F_WRLCK, 10, 10, pid), "SEEK_END");
    l = (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_CUR, .l_start = -3, .l_len = 2};
    lseek(fd, 15, SEEK_SET);
    CHECK(fcntl(fd, F_GETLK, &l) == 0 && is_lock(l, F_WRLCK, 10, 10, pid), "SEEK_CUR");
    l = (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_CUR, .l_start = 5, .l_len = 2};
    CHECK(fcntl(fd, F_GETLK, &l) == 0 && l.l_type == F_UNLCK && l.l_whence == SEEK_CUR && l.l_start == 5,
          "free: only the type changes");
    l = (struct flock){.l_type = F_WRLCK, .l_whence = 7};
    CHECK_ERRNO(fcntl(fd, F_SETLK, &l), EINVAL, "no such l_whence");
    l = (struct flock){.l_type = F_WRLCK, .l_start = INT64_MAX, .l_len = 2};
    CHECK_ERRNO(fcntl(fd, F_SETLK, &l), EOVERFLOW, "beyond the last byte");
    l = (struct flock){.l_type = F_UNLCK};
    CHECK_ERRNO(fcntl(fd, F_GETLK, &l), EINVAL, "F_GETLK of F_UNLCK");
    CHECK_ERRNO(fcntl(fd, F_GETLK, at_addr(8)), EFAULT, "F_GETLK: a bad address");
    CHECK_ERRNO(fcntl(fd, F_SETLK, at_addr(8)), EFAULT, "F_SETLK: a bad address");
    end(pid);
    CHECK(is_free(fd, F_WRLCK, 10, 0), "who ends gives them up");
    REQ(lock(fd, F_SETLK, F_UNLCK, 0, 0) == 0);
    close(p[0]);
    close(p[1]);
}

/* What a child sees of our locks. */
static int seen(int fd, off_t at)
{
    int status = CHILD(_exit(whose(fd, F_GETLK, F_WRLCK, at, 1).l_type == F_UNLCK   ? 'u'
                             : whose(fd, F_GETLK, F_WRLCK, at, 1).l_type == F_RDLCK ? 'r'
                                                                                    : 'w'));
    return WEXITSTATUS(status);
}

static void merging(int fd)
{
    pid_t me = getpid();
    REQ(lock(fd, F_SETLK, F_WRLCK, 0, 10) == 0 && lock(fd, F_SETLK, F_WRLCK, 10, 10) == 0);
    CHECK_CHILD("neighbours become one", REQ(is_lock(whose(fd, F_GETLK, F_WRLCK, 0, 1), F_WRLCK, 0, 20, me)));
    REQ(lock(fd, F_SETLK, F_RDLCK, 5, 5) == 0);
    CHECK(seen(fd, 4) == 'w' && seen(fd, 5) == 'r' && seen(fd, 9) == 'r' && seen(fd, 10) == 'w',
          "another type in the middle makes three");
    CHECK_CHILD("and each is told by itself", REQ(is_lock(whose(fd, F_GETLK, F_WRLCK, 12, 1), F_WRLCK, 10, 10, me)));
    REQ(lock(fd, F_SETLK, F_WRLCK, 3, 9) == 0);
    CHECK_CHILD("put over all, they are one again",
                REQ(is_lock(whose(fd, F_GETLK, F_WRLCK, 7, 1), F_WRLCK, 0, 20, me)));
    REQ(lock(fd, F_SETLK, F_UNLCK, 0, 0) == 0);
    CHECK(seen(fd, 0) == 'u' && seen(fd, 19) == 'u', "F_UNLCK of all");
}

static void lives(const char *self, int fd)
{
    char arg[16];
    REQ(lock(fd, F_SETLK, F_WRLCK, 0, 1) == 0);
    CHECK(seen(fd, 0) == 'w', "fork does not give locks to the child");
    CHECK_CHILD("nor does a child's close take the parent's", close(fd));
    CHECK(seen(fd, 0) == 'w', "as seen by the next child");
    int other = open("locked", O_RDONLY);
    close(other);
    CHECK(seen(fd, 0) == 'u', "closing another descriptor of the file gives all up");
    other = dup(fd);
    REQ(lock(fd, F_SETLK, F_WRLCK, 0, 1) == 0);
    close(other);
    CHECK(seen(fd, 0) == 'u', "a duplicate too");
    snprintf(arg, sizeof arg, "%d", fd);
    CHECK_CHILD("exec keeps record locks", REQ(lock(fd, F_SETLK, F_WRLCK, 0, 1) == 0); alarm(0);
                execl(self, self, "held", arg, NULL); REQ(0));
    CHECK_CHILD("exec that closes the file gives them up", REQ(lock(fd, F_SETLK, F_WRLCK, 0, 1) == 0);
                REQ(fcntl(fd, F_SETFD, FD_CLOEXEC) == 0); execl(self, self, "free", "locked", NULL); REQ(0));
    CHECK_ERRNO(lock(open("locked", O_WRONLY), F_SETLK, F_RDLCK, 0, 1), EBADF,
                "a read lock needs a file open for reading");
}

/* After exec: 0 when another process sees our lock on descriptor n. */
static int after_held(int fd)
{
    return seen(fd, 0) == 'w' ? 0 : 1;
}
static int after_free(const char *path)
{
    int fd = open(path, O_RDWR);
    return fd >= 0 && seen(fd, 0) == 'u' ? 0 : 1;
}

static volatile sig_atomic_t rang;
static void ring(int sig)
{
    (void)sig;
    rang = 1;
}

static void waiting(int fd)
{
    int p[2];
    make_pipe(p);
    pid_t pid = HOLDER(p, REQ(lock(fd, F_SETLK, F_WRLCK, 0, 1) == 0));
    REQ(lock(fd, F_SETLK, F_WRLCK, 1, 1) == 0);
    /* The child waits for us; we asking for what it has closes the circle. */
    pid_t second = tap_fork();
    if (second == 0) {
        REQ(lock(fd, F_SETLK, F_WRLCK, 2, 1) == 0);
        token_send(p[1]);
        REQ(lock(fd, F_SETLKW, F_WRLCK, 1, 1) == 0);
        _exit(0);
    }
    token_wait(p[0]);
    char state[64];
    snprintf(state, sizeof state, "/proc/%d/wchan", second);
    int err = 0;
    /* Until the child sleeps our request is an ordinary wait: ended by a signal, and tried again. */
    struct sigaction a = {.sa_handler = ring}, old;
    sigaction(SIGUSR1, &a, &old);
    for (int i = 0; i < 2000 && err != EDEADLK; i++) {
        err = lock(fd, F_SETLK, F_WRLCK, 2, 1) < 0 ? errno : 0;
        REQ(err == EAGAIN);
        char line[256] = "";
        snprintf(state, sizeof state, "/proc/%d/stat", second);
        int s = open(state, O_RDONLY);
        REQ(read(s, line, sizeof line - 1) > 0);
        close(s);
        if (strstr(line, ") S "))
            err = lock(fd, F_SETLKW, F_WRLCK, 2, 1) < 0 ? errno : 0;
        else
            msleep(1);
    }
    tap_line(err == EDEADLK, "F_SETLKW that would close a circle of waiters", __FILE__, __LINE__, "EDEADLK", err);
    REQ(lock(fd, F_SETLK, F_UNLCK, 1, 1) == 0);
    CHECK(tap_wait(second) == 0, "the other goes on when the lock is given up");
    pid_t waker = tap_fork();
    if (waker == 0) {
        for (;;) {
            kill(getppid(), SIGUSR1);
            msleep(1);
        }
    }
    CHECK_ERRNO(lock(fd, F_SETLKW, F_WRLCK, 0, 1), EINTR, "F_SETLKW ended by a signal");
    end(waker);
    sigaction(SIGUSR1, &old, NULL);
    end(pid);
    CHECK(lock(fd, F_SETLKW, F_WRLCK, 0, 1) == 0, "F_SETLKW of what is free");
    REQ(lock(fd, F_SETLK, F_UNLCK, 0, 0) == 0);
    close(p[0]);
    close(p[1]);
}

/* ---- locks of open files ---- */

static void open_file_locks(const char *self, int fd)
{
    char arg[16];
    int b = open("locked", O_RDWR), c = dup(fd);
    CHECK(lock(fd, F_OFD_SETLK, F_WRLCK, 0, 10) == 0, "F_OFD_SETLK");
    CHECK_ERRNO(lock(b, F_OFD_SETLK, F_WRLCK, 5, 1), EAGAIN, "another open file, the same process");
    CHECK(lock(c, F_OFD_SETLK, F_RDLCK, 5, 1) == 0 && lock(c, F_OFD_SETLK, F_WRLCK, 5, 1) == 0,
          "a duplicate is the same owner");
    CHECK(is_lock(whose(b, F_OFD_GETLK, F_WRLCK, 0, 0), F_WRLCK, 0, 10, -1), "F_OFD_GETLK: process -1");
    CHECK(is_lock(whose(b, F_GETLK, F_WRLCK, 0, 0), F_WRLCK, 0, 10, -1), "F_GETLK sees it too");
    CHECK(whose(fd, F_OFD_GETLK, F_WRLCK, 0, 0).l_type == F_UNLCK, "not its own");
    CHECK_ERRNO(lock(fd, F_SETLK, F_WRLCK, 0, 1), EAGAIN, "a record lock of the process is another owner");
    struct flock l = {.l_type = F_WRLCK, .l_len = 1, .l_pid = 1};
    CHECK_ERRNO(fcntl(fd, F_OFD_SETLK, &l), EINVAL, "F_OFD_SETLK: l_pid must be 0");
    CHECK_ERRNO(fcntl(fd, F_OFD_GETLK, &l), EINVAL, "F_OFD_GETLK: l_pid must be 0");
    close(b);
    CHECK_CHILD("closing another descriptor gives nothing up", b = open("locked", O_RDWR);
                REQ(FAILS(lock(b, F_OFD_SETLK, F_WRLCK, 0, 1), EAGAIN)));
    CHECK_CHILD("a child has the open file, and its lock", REQ(lock(fd, F_OFD_SETLK, F_WRLCK, 0, 1) == 0));
    close(c);
    snprintf(arg, sizeof arg, "%d", fd);
    CHECK_CHILD("exec keeps it", execl(self, self, "ofd", arg, NULL); REQ(0));
    b = open("locked", O_RDWR);
    CHECK(flock(b, LOCK_EX | LOCK_NB) == 0, "flock does not mind it");
    CHECK_ERRNO(flock(fd, LOCK_SH | LOCK_NB), EAGAIN, "flock and flock");
    CHECK(flock(b, LOCK_UN) == 0 && flock(b, LOCK_UN) == 0, "LOCK_UN twice");
    CHECK(lock(fd, F_OFD_SETLK, F_UNLCK, 0, 0) == 0 && lock(b, F_OFD_SETLKW, F_WRLCK, 0, 1) == 0, "given up");
    pid_t child = tap_fork();
    if (child == 0) {
        int d = open("locked", O_RDWR);
        REQ(FAILS(lock(d, F_OFD_SETLK, F_WRLCK, 0, 1), EAGAIN));
        close(b); /* or it would be its own */
        REQ(lock(d, F_OFD_SETLKW, F_WRLCK, 0, 1) == 0);
        _exit(0);
    }
    msleep(2);
    REQ(close(b) == 0);
    CHECK(tap_wait(child) == 0, "the last close gives it up, and wakes who waits");
}

static int after_ofd(int fd)
{
    int b = open("locked", O_RDWR);
    return FAILS(lock(b, F_OFD_SETLK, F_WRLCK, 0, 1), EAGAIN) && lock(fd, F_OFD_SETLK, F_WRLCK, 0, 1) == 0 ? 0 : 1;
}

static void other_kinds(int fd)
{
    int p[2], e = eventfd(0, 0), dir = open(".", O_RDONLY | O_DIRECTORY);
    make_pipe(p);
    CHECK(lock(p[0], F_SETLK, F_RDLCK, 0, 1) == 0, "a record lock on a pipe");
    CHECK(lock(e, F_SETLK, F_WRLCK, 0, 1) == 0, "on an eventfd");
    CHECK(lock(dir, F_SETLK, F_RDLCK, 0, 1) == 0, "a read lock on a directory");
    CHECK(flock(dir, LOCK_EX) == 0 && flock(p[0], LOCK_EX) == 0 && flock(e, LOCK_SH) == 0, "flock of all three");
    CHECK(flock(fd, LOCK_MAND | LOCK_READ) == 0, "flock: mandatory locks are gone, asking for one does nothing");
    CHECK_OWN(FAILS(fcntl(fd, F_SETLEASE, F_RDLCK), EINVAL), "leases are refused");
    CHECK_OWN(FAILS(fcntl(dir, F_NOTIFY, DN_CREATE), EINVAL), "F_NOTIFY is refused");
    CHECK_ERRNO(fcntl(fd, F_SETLEASE, 77), EINVAL, "no such lease");
    CHECK_ERRNO(flock(fd, LOCK_NB), EINVAL, "flock: LOCK_NB alone");
    CHECK_ERRNO(flock(-1, LOCK_NB), EINVAL, "flock: and of no file");
    int neither = open("locked", 3);
    CHECK_ERRNO(flock(neither, LOCK_SH), EBADF, "flock: a file open for neither reading nor writing");
    CHECK(flock(neither, LOCK_UN) == 0 && close(neither) == 0, "flock: LOCK_UN of it");
    CHECK_ERRNO(flock(fd, LOCK_SH | LOCK_EX), EINVAL, "flock: both kinds at once");
    close(p[0]);
    close(p[1]);
    close(e);
    close(dir);
}

/* ---- close_range ---- */

static void *other_thread(void *arg)
{
    int *fd = arg;
    return (void *)(long)(fcntl(*fd, F_GETFD) >= 0);
}

static void ranges_of_descriptors(void)
{
    CHECK_CHILD("CLOSE_RANGE_CLOEXEC marks, and closes nothing", int a = open("/dev/null", O_RDONLY); int b = dup(a);
                REQ(syscall(SYS_close_range, a, a, CLOSE_RANGE_CLOEXEC) == 0); REQ(fcntl(a, F_GETFD) == FD_CLOEXEC);
                REQ(fcntl(b, F_GETFD) == 0));
    CHECK_CHILD("close_range to the last number there is", int a = open("/dev/null", O_RDONLY); int b = dup2(a, 200);
                REQ(b == 200 && syscall(SYS_close_range, a, ~0u, 0) == 0);
                REQ(FAILS(fcntl(a, F_GETFD), EBADF) && FAILS(fcntl(b, F_GETFD), EBADF)));
    CHECK_CHILD("close_range of nothing open", REQ(syscall(SYS_close_range, 500, 600, 0) == 0);
                REQ(syscall(SYS_close_range, 5000000, ~0u, 0) == 0));
    CHECK_CHILD(
        "CLOSE_RANGE_UNSHARE parts from a table that is shared", pthread_t t; void *had; int a = dup2(1, 100); int p[2];
        make_pipe(p); pid_t pid = (pid_t)syscall(SYS_clone, CLONE_FILES | SIGCHLD, 0, 0, 0, 0); REQ(pid >= 0);
        if (pid == 0) {
            syscall(SYS_close_range, 50, 150, CLOSE_RANGE_UNSHARE);
            _exit(fcntl(a, F_GETFD) >= 0);
        } REQ(tap_wait(pid) == 0);
        REQ(fcntl(a, F_GETFD) == 0); REQ(pthread_create(&t, NULL, other_thread, &a) == 0);
        REQ(pthread_join(t, &had) == 0 && had == (void *)1));
    CHECK_CHILD(
        "CLOSE_RANGE_UNSHARE|CLOSE_RANGE_CLOEXEC marks its own only", int a = dup2(1, 100);
        pid_t pid = (pid_t)syscall(SYS_clone, CLONE_FILES | SIGCHLD, 0, 0, 0, 0); REQ(pid >= 0); if (pid == 0) {
            syscall(SYS_close_range, 50, ~0u, CLOSE_RANGE_UNSHARE | CLOSE_RANGE_CLOEXEC);
            _exit(fcntl(a, F_GETFD) != FD_CLOEXEC);
        } REQ(tap_wait(pid) == 0);
        REQ(fcntl(a, F_GETFD) == 0));
}

int main(int argc, char **argv)
{
    if (argc > 2 && strcmp(argv[1], "held") == 0)
        return after_held(atoi(argv[2]));
    if (argc > 2 && strcmp(argv[1], "ofd") == 0)
        return after_ofd(atoi(argv[2]));
    if (argc > 2)
        return after_free(argv[2]);
    put_text("locked", "");
    int fd = open("locked", O_RDWR);
    ranges(fd);
    merging(fd);
    lives("/proc/self/exe", fd);
    waiting(fd);
    open_file_locks("/proc/self/exe", fd);
    other_kinds(fd);
    ranges_of_descriptors();
    return tap_end();
}
