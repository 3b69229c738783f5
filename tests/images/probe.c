// SPDX-License-Identifier: MIT
/*
 * The program inside the image of the image tests: probe WHAT [ARG]. Each subcommand shows one thing that cannot be
 * seen well from a shell; output is line by line, unbuffered.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int do_exit(const char *arg)
{
    return atoi(arg);
}

static int do_segv(const char *arg)
{
    (void)arg;
    *(volatile int *)8 = 1;
    return 0;
}

/* A bad instruction in a child, an abort in another: their ends as the parent sees them. */
static int do_deaths(const char *arg)
{
    int status;

    (void)arg;
    if (fork() == 0)
        __asm__ volatile("ud2");
    wait(&status);
    printf("ud2: signal %d\n", WIFSIGNALED(status) ? WTERMSIG(status) : 0);
    if (fork() == 0)
        abort();
    wait(&status);
    printf("abort: signal %d\n", WIFSIGNALED(status) ? WTERMSIG(status) : 0);
    return 0;
}

/* Writes ARG bytes: a sequence that shows loss, repetition and exchange. */
static int do_fill(const char *arg)
{
    static unsigned char buf[61 * 1024];
    size_t total = strtoul(arg, NULL, 0), at = 0;
    unsigned x = 1;

    while (at < total) {
        size_t n = total - at < sizeof(buf) ? total - at : sizeof(buf), done = 0;
        for (size_t i = 0; i < n; i++) {
            x = x * 1103515245 + 12345;
            buf[i] = x >> 16;
        }
        while (done < n) {
            ssize_t w = write(1, buf + done, n - done);
            if (w < 0)
                return errno;
            done += w;
        }
        at += n;
    }
    return 0;
}

static volatile sig_atomic_t caught[65];

static void on_signal(int n)
{
    caught[n]++;
}

/* Names each signal that arrives, in a loop; ends with 42 after SIGTERM or the stop signal ARG. */
static int do_signals(const char *arg)
{
    int stop = arg ? atoi(arg) : SIGTERM;
    sigset_t all, old;

    for (int n = 1; n < 32; n++)
        if (n != SIGKILL && n != SIGSTOP && n != SIGCHLD && n != SIGSEGV)
            signal(n, on_signal);
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, &old);
    printf("ready\n");
    for (;;) {
        sigsuspend(&old);
        for (int n = 1; n < 32; n++)
            if (caught[n]) {
                printf("got %s\n", sigabbrev_np(n));
                caught[n] = 0;
                if (n == stop || n == SIGTERM)
                    return 42;
            }
    }
}

/* The columns, or -1. */
static int print_size(void)
{
    struct winsize w;

    if (ioctl(0, TIOCGWINSZ, &w) < 0) {
        printf("no size: %s\n", strerror(errno));
        return -1;
    }
    printf("size %d %d\n", w.ws_row, w.ws_col);
    return w.ws_col;
}

/* The terminal's size, and again after each SIGWINCH, until it has ARG columns. */
static int do_winsize(const char *arg)
{
    int wanted = atoi(arg);
    sigset_t winch, old;

    sigemptyset(&winch);
    sigaddset(&winch, SIGWINCH);
    sigprocmask(SIG_BLOCK, &winch, &old);
    signal(SIGWINCH, on_signal);
    printf("ttys %d%d%d\n", isatty(0), isatty(1), isatty(2));
    for (int columns; (columns = print_size()) != wanted;) {
        if (columns < 0)
            return 1;
        while (!caught[SIGWINCH])
            sigsuspend(&old);
        caught[SIGWINCH] = 0;
    }
    return 0;
}

/* An orphan's parent is PID 1, and someone reaps it. */
static int do_orphan(const char *arg)
{
    int fds[2], report[3] = {0};

    (void)arg;
    if (pipe(fds) < 0)
        return 1;
    if (fork() == 0) {
        if (fork() == 0) {
            while (getppid() != 1)
                usleep(1000);
            report[0] = getpid();
            report[1] = getppid();
            if (write(fds[1], report, sizeof(report)) < 0)
                _exit(1);
            _exit(0);
        }
        _exit(0);
    }
    wait(NULL);
    if (read(fds[0], report, sizeof(report)) != sizeof(report))
        return 1;
    printf("parent %d\n", report[1]);
    for (int i = 0; i < 2000; i++) {
        if (kill(report[0], 0) < 0 && errno == ESRCH) {
            printf("reaped\n");
            return 0;
        }
        usleep(1000);
    }
    printf("a zombie is left\n");
    return 0;
}

/* In the foreground group of a terminal whose session leader ends: what it hears, and what is left of the terminal. */
static void session_member(int ready)
{
    sigset_t all, old;
    pid_t leader = getppid();

    signal(SIGHUP, on_signal);
    signal(SIGCONT, on_signal);
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, &old);
    if (write(ready, "x", 1) != 1)
        _exit(1);
    while (!caught[SIGHUP])
        sigsuspend(&old);
    sigprocmask(SIG_SETMASK, &old, NULL);
    while (getppid() == leader)
        usleep(1000);
    usleep(10000);
    int fd = open("/dev/tty", O_RDWR);
    printf("hup %d cont %d, /dev/tty: %s\n", caught[SIGHUP], caught[SIGCONT], fd < 0 ? strerror(errno) : "open");
    printf("the terminal is still %s\n", isatty(0) ? "there" : "gone");
    _exit(0);
}

/* This process, a leader, gives its terminal up; another takes it, and ends. */
static int do_session(const char *arg)
{
    int fds[2];
    char c;

    (void)arg;
    signal(SIGHUP, SIG_IGN);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    if (pipe(fds) < 0 || ioctl(0, TIOCNOTTY) < 0)
        return 1;
    if (fork() == 0) {
        if (setsid() < 0 || ioctl(0, TIOCSCTTY, 0) < 0)
            _exit(2);
        if (fork() == 0)
            session_member(fds[1]);
        _exit(read(fds[0], &c, 1) != 1);
    }
    for (int status; wait(&status) > 0;)
        if (status)
            printf("status %#x\n", status);
    return 0;
}

static void *eat(void *arg)
{
    usleep(100000); /* the leader has gone by then */
    for (size_t i = 0;; i++) {
        char *p = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (p != MAP_FAILED)
            memset(p, 1, 1 << 20);
    }
    return arg;
}

/* All memory is taken by a process whose first thread has ended: it is the one to be killed. */
static int do_oom(const char *arg)
{
    int status = 0;

    (void)arg;
    if (fork() == 0) {
        pthread_t t;
        pthread_create(&t, NULL, eat, NULL);
        pthread_exit(NULL);
    }
    wait(&status);
    printf("signal %d\n", WIFSIGNALED(status) ? WTERMSIG(status) : 0);
    return 0;
}

static int do_clock(const char *arg)
{
    struct timespec t;

    (void)arg;
    clock_gettime(CLOCK_REALTIME, &t);
    printf("%ld\n", (long)t.tv_sec);
    return 0;
}

static const struct {
    const char *name;
    int (*run)(const char *);
} table[] = {
    {"exit", do_exit},       {"segv", do_segv},       {"deaths", do_deaths}, {"fill", do_fill},
    {"signals", do_signals}, {"winsize", do_winsize}, {"orphan", do_orphan}, {"clock", do_clock},
    {"session", do_session}, {"oom", do_oom},
};

int main(int argc, char **argv)
{
    setvbuf(stdout, NULL, _IONBF, 0);
    for (size_t i = 0; argc > 1 && i < sizeof(table) / sizeof(table[0]); i++)
        if (strcmp(argv[1], table[i].name) == 0)
            return table[i].run(argv[2]);
    fprintf(stderr, "probe: what?\n");
    return 99;
}
