// SPDX-License-Identifier: MIT
/*
 * poll, ppoll, select, pselect: what they report, timeouts, signals and masks, and wake-ups from the other side.
 */
#include "tests/abi/util.h"

#include <poll.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/time.h>

static void poll_results(void)
{
    int p[2], q[2], file = open("f", O_RDWR | O_CREAT, 0600);
    make_pipe(p);
    make_pipe(q);
    struct pollfd s[5] = {
        {p[0], POLLIN, 0}, {q[0], POLLIN, 0}, {-1, POLLIN, 7}, {999, POLLIN, 0}, {file, POLLIN | POLLOUT, 0}};
    CHECK(poll(s, 2, 0) == 0 && !s[0].revents && !s[1].revents, "nothing is ready");
    REQ(write(q[1], "x", 1) == 1);
    CHECK(poll(s, 2, -1) == 1 && !s[0].revents && s[1].revents == POLLIN, "one is");
    CHECK(poll(s, 3, 0) == 1 && s[2].revents == 0, "a negative descriptor is passed over and its events cleared");
    CHECK(poll(s, 4, 0) == 2 && s[3].revents == POLLNVAL, "a closed descriptor is POLLNVAL");
    CHECK(poll(s + 4, 1, 0) == 1 && s[4].revents == (POLLIN | POLLOUT), "a file is always ready");
    s[4].events = POLLRDNORM | POLLWRNORM;
    CHECK(poll(s + 4, 1, 0) == 1 && s[4].revents == (POLLRDNORM | POLLWRNORM), "also by the older names");
    s[4].events = 0;
    CHECK(poll(s + 4, 1, 0) == 0, "no events asked, none told");
    struct pollfd twice[2] = {{q[0], POLLIN, 0}, {q[0], POLLIN, 0}};
    CHECK(poll(twice, 2, 0) == 2, "a descriptor may stand twice");
    CHECK(poll(NULL, 0, 1) == 0, "no descriptors: a sleep");
    CHECK_ERRNO(poll(at_addr(8), 1, 0), EFAULT, "poll of a bad address");
    CHECK_CHILD("more entries than RLIMIT_NOFILE", {
        struct rlimit r = {16, 16};
        REQ(setrlimit(RLIMIT_NOFILE, &r) == 0);
        struct pollfd many[17];
        memset(many, -1, sizeof many);
        REQ(poll(many, 17, 0) == -1 && errno == EINVAL);
        REQ(poll(many, 16, 0) == 0);
    });
    close(file);
    for (int i = 0; i < 2; i++) {
        close(p[i]);
        close(q[i]);
    }
}

static void timeouts(void)
{
    int p[2];
    make_pipe(p);
    struct pollfd s = {p[0], POLLIN, 0};
    int64_t t = now_ns();
    CHECK(poll(&s, 1, 30) == 0 && now_ns() - t >= 30000000, "poll waits as long as told");
    struct timespec ts = {0, 30000000}, bad = {0, 1000000000}, neg = {-1, 0};
    t = now_ns();
    CHECK(ppoll(&s, 1, &ts, NULL) == 0 && now_ns() - t >= 30000000, "ppoll too");
    CHECK(syscall(SYS_ppoll, &s, 1, &ts, NULL, 8) == 0 && ts.tv_sec == 0 && ts.tv_nsec == 0,
          "the call itself writes back the time left");
    CHECK_ERRNO(ppoll(&s, 1, &bad, NULL), EINVAL, "too many nanoseconds");
    CHECK_ERRNO(ppoll(&s, 1, &neg, NULL), EINVAL, "negative seconds");
    fd_set r;
    struct timeval tv = {0, 30000}, left;
    FD_ZERO(&r);
    FD_SET(p[0], &r);
    t = now_ns();
    CHECK(select(p[0] + 1, &r, NULL, NULL, &tv) == 0 && now_ns() - t >= 30000000, "select too");
    CHECK(tv.tv_sec == 0 && tv.tv_usec == 0 && !FD_ISSET(p[0], &r), "it leaves no time and an empty set");
    left = (struct timeval){100, 0};
    FD_SET(p[0], &r);
    REQ(write(p[1], "x", 1) == 1);
    CHECK(select(p[0] + 1, &r, NULL, NULL, &left) == 1 && left.tv_sec > 50 && left.tv_sec <= 100,
          "ready: the time left");
    left = (struct timeval){-1, 0};
    CHECK_ERRNO(select(0, NULL, NULL, NULL, &left), EINVAL, "select with a negative time");
    close(p[0]);
    close(p[1]);
}

static void select_results(void)
{
    int p[2], q[2];
    fd_set r, w, e;
    make_pipe(p);
    make_pipe(q);
    REQ(write(p[1], "x", 1) == 1);
    struct timeval zero = {0, 0};
    FD_ZERO(&r);
    FD_ZERO(&w);
    FD_ZERO(&e);
    FD_SET(p[0], &r);
    FD_SET(q[0], &r);
    FD_SET(p[1], &w);
    FD_SET(p[0], &e);
    CHECK(select(64, &r, &w, &e, &zero) == 2, "select counts ready bits over all sets");
    CHECK(FD_ISSET(p[0], &r) && !FD_ISSET(q[0], &r) && FD_ISSET(p[1], &w) && !FD_ISSET(p[0], &e),
          "and leaves only those");
    FD_ZERO(&r);
    FD_SET(p[0], &r);
    CHECK(select(p[0], &r, NULL, NULL, &zero) == 0, "a bit at nfds and above is not looked at");
    close(q[1]);
    FD_ZERO(&r);
    FD_SET(q[0], &r);
    CHECK(select(64, &r, NULL, NULL, &zero) == 1 && FD_ISSET(q[0], &r), "the end of a pipe is readable");
    FD_ZERO(&r);
    FD_SET(63, &r);
    CHECK_ERRNO(select(64, &r, NULL, NULL, &zero), EBADF, "a closed descriptor in a set");
    CHECK_ERRNO(select(-1, NULL, NULL, NULL, &zero), EINVAL, "a negative nfds");
    CHECK_ERRNO(select(64, at_addr(8), NULL, NULL, &zero), EFAULT, "a set at a bad address");
    close(p[0]);
    close(p[1]);
    close(q[0]);
}

static volatile sig_atomic_t got;

static void on_signal(int sig)
{
    got = sig;
}

static void ticking(void)
{
    struct sigaction sa = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    struct itimerval it = {{0, 20000}, {0, 20000}};
    REQ(sigaction(SIGALRM, &sa, NULL) == 0 && setitimer(ITIMER_REAL, &it, NULL) == 0);
}

static void interrupted(void)
{
    CHECK_CHILD("a signal interrupts poll in spite of SA_RESTART", {
        ticking();
        REQ(poll(NULL, 0, -1) == -1 && errno == EINTR && got == SIGALRM);
    });
    CHECK_CHILD("and select, whose sets stay as they were", {
        ticking();
        int p[2];
        make_pipe(p);
        fd_set r;
        FD_ZERO(&r);
        FD_SET(p[0], &r);
        REQ(select(64, &r, NULL, NULL, NULL) == -1 && errno == EINTR);
        REQ(FD_ISSET(p[0], &r));
    });
    CHECK_CHILD("and ppoll", {
        ticking();
        REQ(ppoll(NULL, 0, NULL, NULL) == -1 && errno == EINTR);
    });
}

static void masks(void)
{
    CHECK_CHILD("ppoll's mask lets a pending signal in, and the old mask comes back", {
        struct sigaction sa = {.sa_handler = on_signal};
        sigset_t block, none, now;
        sigaction(SIGUSR1, &sa, NULL);
        sigemptyset(&none);
        sigemptyset(&block);
        sigaddset(&block, SIGUSR1);
        sigprocmask(SIG_BLOCK, &block, NULL);
        raise(SIGUSR1);
        REQ(!got);
        REQ(ppoll(NULL, 0, NULL, &none) == -1 && errno == EINTR && got == SIGUSR1);
        sigprocmask(SIG_SETMASK, NULL, &now);
        REQ(sigismember(&now, SIGUSR1));
    });
    CHECK_CHILD("pselect's mask too", {
        struct sigaction sa = {.sa_handler = on_signal};
        sigset_t block, none, now;
        sigaction(SIGUSR1, &sa, NULL);
        sigemptyset(&none);
        sigemptyset(&block);
        sigaddset(&block, SIGUSR1);
        sigprocmask(SIG_BLOCK, &block, NULL);
        raise(SIGUSR1);
        REQ(pselect(0, NULL, NULL, NULL, NULL, &none) == -1 && errno == EINTR && got == SIGUSR1);
        sigprocmask(SIG_SETMASK, NULL, &now);
        REQ(sigismember(&now, SIGUSR1));
    });
    CHECK_CHILD("ppoll's mask keeps a signal out", {
        struct sigaction sa = {.sa_handler = on_signal};
        sigset_t block;
        sigaction(SIGUSR1, &sa, NULL);
        sigemptyset(&block);
        sigaddset(&block, SIGUSR1);
        struct timespec ts = {0, 30000000};
        if (fork() == 0) {
            kill(getppid(), SIGUSR1);
            _exit(0);
        }
        int r = ppoll(NULL, 0, &ts, &block);
        REQ(r == 0 || got == SIGUSR1);
        wait(NULL);
        REQ(got == SIGUSR1);
    });
    CHECK_ERRNO(syscall(SYS_ppoll, NULL, 0, NULL, &got, 4), EINVAL, "a mask of a wrong size");
}

static void waking(void)
{
    int p[2], q[2];
    make_pipe(p);
    make_pipe(q);
    static char big[65536];
    pid_t pid = tap_fork();
    if (pid == 0) {
        msleep(20);
        REQ(write(q[1], "x", 1) == 1);
        _exit(0);
    }
    struct pollfd s[2] = {{p[0], POLLIN, 0}, {q[0], POLLIN, 0}};
    CHECK(poll(s, 2, -1) == 1 && s[1].revents == POLLIN, "a write wakes poll");
    tap_wait(pid);
    REQ(read(q[0], big, 1) == 1 && write(p[1], big, 65536) == 65536);
    pid = tap_fork();
    if (pid == 0) {
        msleep(20);
        REQ(read(p[0], big, 8192) == 8192);
        _exit(0);
    }
    struct pollfd out = {p[1], POLLOUT, 0};
    CHECK(poll(&out, 1, -1) == 1 && out.revents == POLLOUT, "a read wakes a poll for room");
    tap_wait(pid);
    pid = tap_fork();
    if (pid == 0) {
        close(q[0]);
        msleep(20);
        _exit(0);
    }
    close(q[1]);
    CHECK(poll(s + 1, 1, -1) == 1 && s[1].revents == POLLHUP, "the last writer's end wakes poll");
    tap_wait(pid);
    close(q[0]);
    close(p[0]);
    close(p[1]);
}

/* Ping-pong through poll: a wake-up lost anywhere hangs here. */
static void no_lost_wakeups(void)
{
    enum { TRIPS = 120 };
    int a[2], b[2], good = 1;
    make_pipe(a);
    make_pipe(b);
    pid_t pid = tap_fork();
    int in = pid ? b[0] : a[0], out = pid ? a[1] : b[1];
    pin(pid ? 0 : 1);
    if (pid)
        token_send(out);
    for (int i = 0; i < TRIPS; i++) {
        struct pollfd s = {in, POLLIN, 0};
        good &= poll(&s, 1, -1) == 1;
        token_wait(in);
        if (i < TRIPS - 1 || !pid)
            token_send(out);
    }
    if (!pid)
        _exit(!good);
    CHECK(good && tap_wait(pid) == 0, "120 round trips through poll");
    for (int i = 0; i < 2; i++) {
        close(a[i]);
        close(b[i]);
    }
}

int main(void)
{
    poll_results();
    timeouts();
    select_results();
    interrupted();
    masks();
    waking();
    no_lost_wakeups();
    return tap_end();
}
