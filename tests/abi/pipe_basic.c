// SPDX-License-Identifier: MIT
/*
 * Pipes: ends, blocking and not, EOF, EPIPE and SIGPIPE, atomic writes, the room they tell to poll.
 */
#include "tests/abi/util.h"

#include <limits.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/uio.h>

static volatile sig_atomic_t pipes_broken;

static void on_sigpipe(int sig)
{
    (void)sig;
    pipes_broken++;
}

static int events(int fd)
{
    struct pollfd p = {fd, POLLIN | POLLOUT | POLLRDHUP, 0};
    return poll(&p, 1, 0) < 0 ? -1 : p.revents;
}

static void making(void)
{
    int p[2], q[2];
    struct stat st;
    CHECK(pipe(p) == 0 && fcntl(p[0], F_GETFD) == 0 && fcntl(p[1], F_GETFD) == 0, "pipe");
    CHECK((fcntl(p[0], F_GETFL) & O_ACCMODE) == O_RDONLY && (fcntl(p[1], F_GETFL) & O_ACCMODE) == O_WRONLY,
          "one end reads, one writes");
    CHECK(fstat(p[0], &st) == 0 && S_ISFIFO(st.st_mode) && st.st_nlink == 1, "fstat calls it a FIFO");
    CHECK(pipe2(q, O_NONBLOCK | O_CLOEXEC) == 0 && fcntl(q[0], F_GETFD) == FD_CLOEXEC &&
              (fcntl(q[1], F_GETFL) & O_NONBLOCK),
          "pipe2 with flags");
    CHECK_ERRNO(pipe2(q, O_APPEND), EINVAL, "pipe2 with an unknown flag");
    CHECK_ERRNO(syscall(SYS_pipe, 8L), EFAULT, "pipe into a bad address");
    char c;
    CHECK_ERRNO(read(p[1], &c, 1), EBADF, "reading the writing end");
    CHECK_ERRNO(write(p[0], "x", 1), EBADF, "writing the reading end");
    for (int i = 0; i < 2; i++) {
        close(p[i]);
        close(q[i]);
    }
}

static void moving(void)
{
    char buf[32];
    int p[2], n;
    make_pipe(p);
    CHECK(write(p[1], "one", 3) == 3 && write(p[1], "two", 3) == 3 && read(p[0], buf, 32) == 6 &&
              !memcmp(buf, "onetwo", 6),
          "writes run together");
    REQ(write(p[1], "abcdef", 6) == 6);
    CHECK(read(p[0], buf, 2) == 2 && ioctl(p[0], FIONREAD, &n) == 0 && n == 4, "a read takes what it asks for");
    CHECK(read(p[0], buf, 0) == 0 && write(p[1], "", 0) == 0, "zero bytes do nothing");
    CHECK(read(p[0], buf, 32) == 4 && !memcmp(buf, "cdef", 4), "the rest follows");
    struct iovec v[3] = {{"a", 1}, {"bc", 2}, {"def", 3}};
    CHECK(writev(p[1], v, 3) == 6 && read(p[0], buf, 32) == 6 && !memcmp(buf, "abcdef", 6), "writev to a pipe");
    close(p[1]);
    CHECK(read(p[0], buf, 32) == 0 && read(p[0], buf, 32) == 0,
          "with no writer left it is at its end, again and again");
    close(p[0]);
}

static void nonblocking(void)
{
    char c;
    static char big[70000];
    int p[2];
    REQ(pipe2(p, O_NONBLOCK) == 0);
    CHECK_ERRNO(read(p[0], &c, 1), EAGAIN, "reading an empty pipe");
    CHECK(write(p[1], big, sizeof big) == 65536, "writing more than fits writes what fits");
    CHECK_ERRNO(write(p[1], "x", 1), EAGAIN, "writing a full pipe");
    CHECK(read(p[0], big, 100) == 100, "room of 100 bytes");
    CHECK_ERRNO(write(p[1], big, PIPE_BUF), EAGAIN, "is too little for PIPE_BUF bytes, which go whole or not");
    CHECK(read(p[0], big, 4096) == 4096, "room of a page more");
    CHECK(write(p[1], big, PIPE_BUF) == PIPE_BUF, "is enough");
    close(p[0]);
    close(p[1]);
}

static void breaking(void)
{
    int p[2];
    struct sigaction sa = {.sa_handler = on_sigpipe}, old;
    make_pipe(p);
    close(p[0]);
    CHECK(tap_killed(CHILD(write(p[1], "x", 1)), SIGPIPE), "writing without a reader kills by SIGPIPE");
    sigaction(SIGPIPE, &sa, &old);
    CHECK_ERRNO(write(p[1], "x", 1), EPIPE, "with a handler it fails with EPIPE");
    CHECK(pipes_broken == 1, "and the handler has run once");
    signal(SIGPIPE, SIG_IGN);
    CHECK_ERRNO(write(p[1], "x", 1), EPIPE, "ignored, it fails with EPIPE only");
    close(p[1]);
    make_pipe(p);
    static char big[200000];
    pid_t pid = tap_fork();
    if (pid == 0) {
        close(p[0]);
        ssize_t n = write(p[1], big, sizeof big);
        REQ(n >= 70000 && n <= 70000 + 65536);
        REQ(write(p[1], big, 1) == -1 && errno == EPIPE);
        _exit(0);
    }
    close(p[1]);
    int left = 70000;
    while (left > 0)
        left -= read(p[0], big, left > 10000 ? 10000 : left);
    close(p[0]);
    CHECK(tap_wait(pid) == 0, "a blocked writer whose reader goes gets its count, then EPIPE");
    sigaction(SIGPIPE, &old, NULL);
}

static void events_of_ends(void)
{
    int p[2];
    static char big[65536];
    make_pipe(p);
    CHECK(events(p[0]) == 0 && events(p[1]) == POLLOUT, "empty: nothing to read, room to write");
    REQ(write(p[1], "x", 1) == 1);
    CHECK(events(p[0]) == POLLIN, "a byte: POLLIN");
    REQ(read(p[0], big, 1) == 1 && fcntl(p[1], F_SETFL, O_NONBLOCK) == 0 && write(p[1], big, 65536) == 65536);
    CHECK(events(p[1]) == 0, "full: no POLLOUT");
    REQ(read(p[0], big, 1) == 1);
    CHECK(events(p[1]) == 0, "one byte of room: still none");
    REQ(read(p[0], big, 4096) == 4096);
    CHECK(events(p[1]) == POLLOUT, "a page of room: POLLOUT");
    close(p[1]);
    CHECK(events(p[0]) == (POLLIN | POLLHUP), "no writer, bytes left: POLLIN and POLLHUP");
    while (read(p[0], big, sizeof big) > 0)
        ;
    CHECK(events(p[0]) == POLLHUP, "no writer, nothing left: POLLHUP");
    close(p[0]);
    make_pipe(p);
    close(p[0]);
    CHECK(events(p[1]) == (POLLOUT | POLLERR), "no reader: POLLERR");
    close(p[1]);
}

static void waiting(void)
{
    int p[2], q[2];
    char c;
    make_pipe(p);
    make_pipe(q);
    pid_t pid = tap_fork();
    if (pid == 0) {
        token_send(q[1]);
        REQ(read(p[0], &c, 1) == 1 && c == 'y');
        _exit(0);
    }
    token_wait(q[0]);
    msleep(10);
    CHECK(waitpid(pid, NULL, WNOHANG) == 0, "a reader waits for a byte");
    CHECK(write(p[1], "y", 1) == 1 && tap_wait(pid) == 0, "and gets it");
    pid = tap_fork();
    if (pid == 0) {
        close(p[1]);
        token_send(q[1]);
        REQ(read(p[0], &c, 1) == 0);
        _exit(0);
    }
    token_wait(q[0]);
    msleep(10);
    close(p[1]);
    CHECK(tap_wait(pid) == 0, "a waiting reader sees the last writer go");
    for (int i = 0; i < 2; i++)
        close(q[i]);
    close(p[0]);
}

/* The ends kept by a descriptor's duplicates and by children count. */
static void counting(void)
{
    int p[2];
    char c;
    make_pipe(p);
    int copy = dup(p[1]);
    close(p[1]);
    CHECK(fcntl(p[0], F_SETFL, O_NONBLOCK) == 0 && read(p[0], &c, 1) == -1 && errno == EAGAIN,
          "a duplicate keeps the end open");
    pid_t pid = tap_fork();
    if (pid == 0) {
        close(p[0]);
        pause();
    }
    close(copy);
    CHECK_ERRNO(read(p[0], &c, 1), EAGAIN, "a child keeps it open");
    kill(pid, SIGKILL);
    tap_wait(pid);
    CHECK(read(p[0], &c, 1) == 0, "until it dies");
    char path[40];
    snprintf(path, sizeof path, "/proc/self/fd/%d", p[0]);
    int w = open(path, O_WRONLY);
    CHECK(w >= 0 && write(w, "z", 1) == 1 && read(p[0], &c, 1) == 1 && c == 'z',
          "/proc/self/fd opens a new writing end");
    close(w);
    close(p[0]);
}

static void packets(void)
{
    static char page[4096], back[8192];
    int p[2], n;
    REQ(pipe2(p, O_DIRECT | O_NONBLOCK) == 0);
    REQ(write(p[1], "first", 5) == 5 && write(p[1], "2nd", 3) == 3);
    CHECK(ioctl(p[0], FIONREAD, &n) == 0 && n == 8, "FIONREAD counts the bytes of all packets");
    CHECK(read(p[0], back, 100) == 5 && !memcmp(back, "first", 5), "O_DIRECT: a read takes one packet");
    CHECK(read(p[0], back, 1) == 1 && back[0] == '2', "a short one the beginning");
    CHECK_ERRNO(read(p[0], back, 100), EAGAIN, "and the rest of it is gone");
    for (n = 0; write(p[1], "x", 1) == 1; n++)
        ;
    CHECK(n == 16, "as many packets fit as the pipe has pages");
    while (read(p[0], back, 100) == 1)
        ;
    REQ(fcntl(p[1], F_SETPIPE_SZ, 4096) == 4096);
    memset(page, 'P', sizeof page);
    CHECK(write(p[1], page, 4096) == 4096, "a page goes into a pipe of one page");
    CHECK_ERRNO(write(p[1], "x", 1), EAGAIN, "which is full then");
    CHECK(read(p[0], back, sizeof back) == 4096 && !memcmp(back, page, 4096), "and comes out whole");
    REQ(fcntl(p[1], F_SETPIPE_SZ, 65536) == 65536);
    CHECK(write(p[1], back, 5000) == 5000 && read(p[0], back, 8192) == 4096 && read(p[0], back, 8192) == 904,
          "what is longer than a page becomes several");
    close(p[0]);
    close(p[1]);
}

int main(void)
{
    making();
    moving();
    nonblocking();
    breaking();
    events_of_ends();
    waiting();
    counting();
    packets();
    return tap_end();
}
