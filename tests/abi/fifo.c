// SPDX-License-Identifier: MIT
/*
 * FIFOs: how open waits for the other side, O_NONBLOCK, O_RDWR, ends that come and go.
 */
#include "tests/abi/util.h"

#include <poll.h>
#include <sys/time.h>

static int events(int fd)
{
    struct pollfd p = {fd, POLLIN | POLLOUT, 0};
    return poll(&p, 1, 0) < 0 ? -1 : p.revents;
}

static void opening(void)
{
    char c;
    REQ(mkfifo("f", 0600) == 0);
    CHECK_ERRNO(open("f", O_WRONLY | O_NONBLOCK), ENXIO, "a writer that will not wait finds no reader");
    int r = open("f", O_RDONLY | O_NONBLOCK), w;
    CHECK(r >= 0, "a reader that will not wait opens at once");
    CHECK(read(r, &c, 1) == 0, "without a writer it reads the end");
    CHECK(events(r) == 0, "but polls neither POLLIN nor POLLHUP before the first writer");
    CHECK((w = open("f", O_WRONLY | O_NONBLOCK)) >= 0, "now a writer opens");
    CHECK_ERRNO(read(r, &c, 1), EAGAIN, "with a writer an empty FIFO would block");
    CHECK(write(w, "x", 1) == 1 && read(r, &c, 1) == 1 && c == 'x', "a byte goes through");
    close(w);
    CHECK(read(r, &c, 1) == 0 && events(r) == POLLHUP, "the writer gone: end and POLLHUP");
    w = open("f", O_WRONLY);
    CHECK(w >= 0 && events(r) == 0, "a new writer takes the POLLHUP away");
    close(r);
    CHECK(events(w) == (POLLOUT | POLLERR), "the reader gone: POLLERR");
    close(w);
    int b = open("f", O_RDWR);
    CHECK(b >= 0 && write(b, "y", 1) == 1 && read(b, &c, 1) == 1 && c == 'y', "O_RDWR is both ends");
    close(b);
}

static void meeting(void)
{
    char buf[8];
    pid_t pid = tap_fork();
    if (pid == 0) {
        int w = open("f", O_WRONLY);
        REQ(w >= 0 && write(w, "hello", 5) == 5);
        _exit(0);
    }
    int r = open("f", O_RDONLY);
    CHECK(r >= 0 && read(r, buf, 8) == 5 && !memcmp(buf, "hello", 5), "reader and writer wait for each other to open");
    CHECK(tap_wait(pid) == 0 && read(r, buf, 8) == 0, "then the end");
    close(r);
    pid = tap_fork();
    if (pid == 0) {
        r = open("f", O_RDONLY);
        REQ(r >= 0 && read(r, buf, 8) == 3 && read(r, buf, 8) == 0);
        _exit(0);
    }
    int w = open("f", O_WRONLY);
    CHECK(w >= 0 && write(w, "abc", 3) == 3 && close(w) == 0 && tap_wait(pid) == 0, "the other way round");
}

static volatile sig_atomic_t ticks;

static void on_alarm(int sig)
{
    (void)sig;
    ticks++;
}

static void interrupted(void)
{
    CHECK_CHILD("a signal interrupts a waiting open", {
        struct sigaction sa = {.sa_handler = on_alarm};
        sigaction(SIGALRM, &sa, NULL);
        struct itimerval it = {{0, 20000}, {0, 20000}};
        setitimer(ITIMER_REAL, &it, NULL);
        REQ(open("f", O_RDONLY) == -1 && errno == EINTR && ticks > 0);
    });
}

/* What one writer wrote and nobody read goes when the last end is closed. */
static void forgetting(void)
{
    char c;
    int b = open("f", O_RDWR);
    REQ(write(b, "left", 4) == 4 && close(b) == 0);
    int r = open("f", O_RDONLY | O_NONBLOCK);
    CHECK(read(r, &c, 1) == 0, "a FIFO nobody has open holds nothing");
    close(r);
    struct stat st;
    CHECK(stat("f", &st) == 0 && S_ISFIFO(st.st_mode) && st.st_size == 0, "stat tells a FIFO of size 0");
}

static void unlinked(void)
{
    char c;
    int b = open("f", O_RDWR);
    REQ(unlink("f") == 0 && mkfifo("f", 0600) == 0);
    int other = open("f", O_RDWR | O_NONBLOCK);
    CHECK(write(b, "1", 1) == 1 && read(other, &c, 1) == -1 && errno == EAGAIN,
          "a new FIFO of the old name is another");
    CHECK(read(b, &c, 1) == 1 && c == '1', "the unlinked one works on");
    close(b);
    close(other);
    CHECK_CHILD("permissions count", {
        REQ(chmod(".", 0755) == 0);
        drop_root();
        REQ(open("f", O_RDWR) == -1 && errno == EACCES);
    });
}

/* Twenty writers come and go; the reader that stays open in both directions gets every message whole. */
static void coming_and_going(void)
{
    int b = open("f", O_RDWR), good = 1;
    pid_t pid[20];
    for (int i = 0; i < 20; i++)
        if ((pid[i] = tap_fork()) == 0) {
            char msg[16];
            int w = open("f", O_WRONLY);
            snprintf(msg, sizeof msg, "message %06d\n", i);
            REQ(w >= 0 && write(w, msg, 15) == 15);
            _exit(0);
        }
    unsigned seen = 0;
    for (int i = 0; i < 20; i++) {
        char msg[16] = "";
        good &= read(b, msg, 15) == 15 && !strncmp(msg, "message ", 8) && msg[14] == '\n';
        seen |= 1u << atoi(msg + 8);
    }
    for (int i = 0; i < 20; i++)
        good &= tap_wait(pid[i]) == 0;
    CHECK(good && seen == (1u << 20) - 1, "twenty writers, twenty whole messages");
    close(b);
}

int main(void)
{
    umask(0);
    opening();
    meeting();
    interrupted();
    forgetting();
    unlinked();
    coming_and_going();
    return tap_end();
}
