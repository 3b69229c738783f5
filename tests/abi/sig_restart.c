// SPDX-License-Identifier: MIT
/*
 * Interrupted calls: which give EINTR, which go on by SA_RESTART, which never go on. A timer ticks every 20 ms, so
 * that a call entered late is interrupted all the same.
 */
#include "tests/abi/util.h"

#include <poll.h>
#include <sys/file.h>
#include <sys/time.h>

static volatile sig_atomic_t ticks;
static int feed = -1;
static pid_t mourn;

/* The third tick ends what the main program waits for. */
static void on_tick(int sig)
{
    (void)sig;
    if (++ticks != 3)
        return;
    if (feed >= 0 && write(feed, "x", 1) != 1)
        _exit(88);
    if (mourn)
        kill(mourn, SIGKILL);
}

static void tick(int flags)
{
    struct sigaction sa = {.sa_handler = on_tick, .sa_flags = flags};
    struct itimerval it = {{0, 20000}, {0, 20000}};
    ticks = 0;
    REQ(sigaction(SIGALRM, &sa, NULL) == 0 && setitimer(ITIMER_REAL, &it, NULL) == 0);
}

static void reading(void)
{
    int p[2];
    char c;
    make_pipe(p);
    CHECK_CHILD("read: EINTR", {
        tick(0);
        REQ(read(p[0], &c, 1) == -1 && errno == EINTR);
    });
    CHECK_CHILD("read: goes on with SA_RESTART", {
        feed = p[1];
        tick(SA_RESTART);
        REQ(read(p[0], &c, 1) == 1 && ticks >= 3);
    });
    static char big[200000];
    CHECK_CHILD("write: EINTR", {
        REQ(write(p[1], big, 65536) == 65536);
        tick(0);
        REQ(write(p[1], big, 1) == -1 && errno == EINTR);
    });
    while (fcntl(p[0], F_SETFL, O_NONBLOCK) == 0 && read(p[0], big, sizeof big) > 0)
        ;
    fcntl(p[0], F_SETFL, 0);
    CHECK_CHILD("write that has begun: the count so far", {
        tick(0);
        REQ(write(p[1], big, sizeof big) == 65536);
    });
    close(p[0]);
    close(p[1]);
}

static void waiting(void)
{
    CHECK_CHILD("wait4: EINTR", {
        pid_t c = fork();
        if (c == 0)
            for (;;)
                pause();
        tick(0);
        REQ(waitpid(c, NULL, 0) == -1 && errno == EINTR);
        kill(c, SIGKILL);
    });
    CHECK_CHILD("wait4: goes on with SA_RESTART", {
        pid_t c = fork();
        if (c == 0)
            for (;;)
                pause();
        mourn = c;
        tick(SA_RESTART);
        REQ(waitpid(c, NULL, 0) == c && ticks >= 3);
    });
    CHECK_CHILD("waitid: EINTR", {
        pid_t c = fork();
        if (c == 0)
            for (;;)
                pause();
        tick(0);
        siginfo_t si;
        REQ(waitid(P_PID, c, &si, WEXITED) == -1 && errno == EINTR);
        kill(c, SIGKILL);
    });
    int fd = open("lock", O_RDWR | O_CREAT, 0600), other = open("lock", O_RDWR);
    flock(other, LOCK_EX);
    CHECK_CHILD("flock: EINTR", {
        tick(0);
        REQ(flock(fd, LOCK_EX) == -1 && errno == EINTR);
    });
    struct flock l = {.l_type = F_WRLCK};
    fcntl(fd, F_SETLK, &l);
    CHECK_CHILD("F_SETLKW: EINTR", {
        tick(0);
        REQ(fcntl(fd, F_SETLKW, &l) == -1 && errno == EINTR);
    });
    close(fd);
    close(other);
}

static void sleeping(void)
{
    struct timespec left = {0, 0}, ts = {1000, 0};
    CHECK_CHILD("nanosleep: EINTR in spite of SA_RESTART, with the time left", {
        tick(SA_RESTART);
        REQ(nanosleep(&ts, &left) == -1 && errno == EINTR && left.tv_sec > 900 && left.tv_sec < 1000 &&
            left.tv_nsec > 0);
    });
    CHECK_CHILD("clock_nanosleep of a relative time: EINTR", {
        tick(SA_RESTART);
        REQ(clock_nanosleep(CLOCK_MONOTONIC, 0, &ts, &left) == EINTR && left.tv_sec > 900 && left.tv_sec < 1000);
    });
    CHECK_CHILD("clock_nanosleep of an absolute time: EINTR", {
        tick(SA_RESTART);
        struct timespec at;
        clock_gettime(CLOCK_MONOTONIC, &at);
        at.tv_sec += 1000;
        REQ(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) == EINTR);
    });
    CHECK_CHILD("poll: EINTR in spite of SA_RESTART", {
        tick(SA_RESTART);
        REQ(poll(NULL, 0, 1000000) == -1 && errno == EINTR);
    });
    CHECK_CHILD("sigtimedwait: EINTR", {
        tick(SA_RESTART);
        sigset_t s;
        sigemptyset(&s);
        sigaddset(&s, SIGUSR1);
        struct timespec t = {1000, 0};
        REQ(sigtimedwait(&s, NULL, &t) == -1 && errno == EINTR);
    });
}

/* A stop and continuation is not seen by the program, whatever it waits in. */
static void stopped(void)
{
    int p[2], q[2], st;
    char c;
    make_pipe(p);
    make_pipe(q);
    pid_t pid = tap_fork();
    if (pid == 0) {
        token_send(q[1]);
        REQ(read(p[0], &c, 1) == 1);
        _exit(0);
    }
    token_wait(q[0]);
    msleep(10);
    kill(pid, SIGSTOP);
    REQ(waitpid(pid, &st, WUNTRACED) == pid);
    kill(pid, SIGCONT);
    msleep(10);
    token_send(p[1]);
    CHECK(tap_wait(pid) == 0, "a read goes on after a stop");
    pid = tap_fork();
    if (pid == 0) {
        struct timespec ts = {0, 100000000};
        int64_t t = now_ns();
        token_send(q[1]);
        REQ(nanosleep(&ts, NULL) == 0 && now_ns() - t >= 100000000);
        _exit(0);
    }
    token_wait(q[0]);
    msleep(10);
    kill(pid, SIGSTOP);
    REQ(waitpid(pid, &st, WUNTRACED) == pid);
    kill(pid, SIGCONT);
    CHECK(tap_wait(pid) == 0, "a nanosleep goes on after a stop, for the rest of its time");
    pid = tap_fork();
    if (pid == 0) {
        token_send(q[1]);
        struct pollfd pf = {p[0], POLLIN, 0};
        REQ(poll(&pf, 1, -1) == 1);
        _exit(0);
    }
    token_wait(q[0]);
    msleep(10);
    kill(pid, SIGSTOP);
    REQ(waitpid(pid, &st, WUNTRACED) == pid);
    kill(pid, SIGCONT);
    msleep(10);
    token_send(p[1]);
    CHECK(tap_wait(pid) == 0, "a poll goes on after a stop");
    for (int i = 0; i < 2; i++) {
        close(p[i]);
        close(q[i]);
    }
}

static void ignored(void)
{
    int p[2];
    char c;
    make_pipe(p);
    pid_t me = getpid();
    CHECK_CHILD("an ignored signal interrupts nothing", {
        signal(SIGUSR1, SIG_IGN);
        pid_t parent = getpid();
        pid_t k = fork();
        if (k == 0) {
            for (int i = 0; i < 5; i++) {
                kill(parent, SIGUSR1);
                msleep(5);
            }
            token_send(p[1]);
            _exit(0);
        }
        REQ(parent != me && read(p[0], &c, 1) == 1);
        REQ(tap_wait(k) == 0);
    });
    CHECK_CHILD("nor a child's end with the default SIGCHLD", {
        pid_t k = fork();
        if (k == 0)
            _exit(0);
        pid_t l = fork();
        if (l == 0) {
            msleep(30);
            token_send(p[1]);
            _exit(0);
        }
        REQ(read(p[0], &c, 1) == 1);
        tap_wait(k);
        tap_wait(l);
    });
    close(p[0]);
    close(p[1]);
}

/* System calls of all kinds under a storm of signals give right results. */
static volatile sig_atomic_t storms;
static long storm_us = 500;

/* It slackens, so that the calls get on where a signal takes longer than the time between two. */
static void on_storm(int sig)
{
    (void)sig;
    if (++storms % 200)
        return;
    storm_us *= 2;
    struct itimerval it = {{storm_us / 1000000, storm_us % 1000000}, {storm_us / 1000000, storm_us % 1000000}};
    setitimer(ITIMER_REAL, &it, NULL);
}

static void storm(void)
{
    CHECK_CHILD("a thousand calls under a storm of signals", {
        struct sigaction sa = {.sa_handler = on_storm, .sa_flags = SA_RESTART};
        sigaction(SIGALRM, &sa, NULL);
        struct itimerval it = {{0, 500}, {0, 500}};
        int p[2], fd = open("storm", O_RDWR | O_CREAT, 0600);
        char buf[64];
        make_pipe(p);
        setitimer(ITIMER_REAL, &it, NULL);
        for (int i = 0; i < 1000 || (storms < 20 && i < 1000000); i++) {
            REQ(write(p[1], "abcd", 4) == 4 && read(p[0], buf, 64) == 4 && !memcmp(buf, "abcd", 4));
            REQ(pwrite(fd, &i, sizeof i, i * 4) == 4 && pread(fd, buf, 4, i * 4) == 4 && *(int *)buf == i);
            REQ(getpid() > 0 && dup2(fd, 50) == 50);
        }
        it = (struct itimerval){{0, 0}, {0, 0}};
        setitimer(ITIMER_REAL, &it, NULL);
        REQ(storms > 0);
    });
}

int main(void)
{
    reading();
    waiting();
    sleeping();
    stopped();
    ignored();
    storm();
    return tap_end();
}
