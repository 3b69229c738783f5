// SPDX-License-Identifier: MIT
/*
 * Processes that are killed while their threads are in the middle of everything: nothing is left behind, nothing hangs,
 * and what they shared with the living stays whole. Also exec and exit in the same situation.
 */
#include "tests/abi/util.h"

#include <linux/futex.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/uio.h>

static int shared_pipe[2];
static volatile uint32_t *word;

static uint32_t next_random(uint32_t *s)
{
    *s = *s * 1664525 + 1013904223;
    return *s >> 8;
}

/* One step of a thread's life; never returns an error that matters. */
static void step(uint32_t *seed)
{
    static char page[8192];
    char name[16];
    struct timespec ts = {0, 50000};
    int p[2], fd;
    snprintf(name, sizeof name, "k%u", next_random(seed) % 8);
    switch (next_random(seed) % 10) {
    case 0:
        if (write(shared_pipe[1], page, 64) < 0)
            return;
        break;
    case 1:
        if (read(shared_pipe[0], page, 64) < 0)
            return;
        break;
    case 2: {
        char *m = mmap(NULL, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (m != MAP_FAILED) {
            memset(m, 1, 8 * PAGE);
            munmap(m, 8 * PAGE);
        }
        break;
    }
    case 3:
        if ((fd = open(name, O_RDWR | O_CREAT, 0600)) >= 0) {
            if (write(fd, page, sizeof page) < 0 || ftruncate(fd, 100) < 0)
                name[0] = 'k';
            close(fd);
        }
        break;
    case 4:
        unlink(name);
        break;
    case 5:
        syscall(SYS_futex, word, FUTEX_WAIT, 0, &ts, NULL, 0);
        break;
    case 6:
        syscall(SYS_futex, word, FUTEX_WAKE, 1, NULL, NULL, 0);
        break;
    case 7:
        if (pipe(p) == 0) {
            struct pollfd pf = {p[0], POLLIN, 0};
            poll(&pf, 1, 0);
            close(p[0]);
            close(p[1]);
        }
        break;
    case 8:
        nanosleep(&ts, NULL);
        break;
    default:
        rename(name, "moved");
    }
}

static void *busy(void *arg)
{
    uint32_t seed = (uint32_t)(long)arg;
    pin(seed & 1);
    for (;;)
        step(&seed);
    return arg;
}

static pid_t start(int round)
{
    pid_t pid = tap_fork();
    if (pid == 0) {
        pthread_t t;
        signal(SIGPIPE, SIG_IGN);
        for (long i = 1; i < 4; i++)
            pthread_create(&t, NULL, busy, (void *)(i * 7919 + round));
        busy((void *)(long)round);
    }
    return pid;
}

static void short_while(int round)
{
    struct timespec ts = {0, 1000 * (100 + round * 397 % 4000)};
    nanosleep(&ts, NULL);
}

static int rounds_end;

static int goes_on(int i, int64_t since)
{
    rounds_end = i;
    return i < 3 || (i < 60 && now_ns() - since < 800000000);
}

static void killing(void)
{
    int good = 1;
    int64_t since = now_ns();
    for (int i = 0; goes_on(i, since); i++) {
        pid_t pid = start(i);
        short_while(i);
        good &= kill(pid, SIGKILL) == 0;
        good &= tap_killed(tap_wait(pid), SIGKILL);
    }
    CHECK(good, "processes of four busy threads die by SIGKILL wherever they are");
}

static void *ends_all(void *arg)
{
    short_while((int)(long)arg);
    _exit(33);
}

static void exiting(void)
{
    int good = 1;
    int64_t since = now_ns();
    for (int i = 0; goes_on(i, since); i++) {
        pid_t pid = tap_fork();
        if (pid == 0) {
            pthread_t t;
            signal(SIGPIPE, SIG_IGN);
            for (long j = 1; j < 4; j++)
                pthread_create(&t, NULL, busy, (void *)(j * 131 + i));
            pthread_create(&t, NULL, ends_all, (void *)(long)i);
            busy((void *)(long)i);
        }
        good &= tap_exited(tap_wait(pid), 33);
    }
    CHECK(good, "exit_group by one of five");
}

static void *becomes_other(void *arg)
{
    short_while((int)(long)arg);
    execl("/proc/self/exe", "x", "other", NULL);
    _exit(1);
}

static void execing(void)
{
    int good = 1;
    int64_t since = now_ns();
    for (int i = 0; goes_on(i, since); i++) {
        pid_t pid = tap_fork();
        if (pid == 0) {
            pthread_t t;
            signal(SIGPIPE, SIG_IGN);
            for (long j = 1; j < 4; j++)
                pthread_create(&t, NULL, busy, (void *)(j * 131 + i));
            pthread_create(&t, NULL, becomes_other, (void *)(long)i);
            busy((void *)(long)i);
        }
        good &= tap_exited(tap_wait(pid), 44);
    }
    CHECK(good, "exec by one of five");
}

/* A tree of processes, killed at its root's group while it grows. */
static void families(void)
{
    int good = 1;
    int64_t since = now_ns();
    for (int i = 0; goes_on(i, since) && i < 20; i++) {
        int p[2];
        char c;
        make_pipe(p);
        pid_t pid = tap_fork();
        if (pid == 0) {
            setpgid(0, 0);
            for (int j = 0; j < 4; j++)
                fork();
            for (;;) {
                pid_t k = fork();
                if (k == 0)
                    _exit(0);
                waitpid(k, NULL, 0);
            }
        }
        setpgid(pid, pid);
        close(p[1]);
        short_while(i * 3);
        good &= kill(-pid, SIGKILL) == 0;
        good &= tap_killed(tap_wait(pid), SIGKILL);
        good &= read(p[0], &c, 1) == 0; /* each of them held the pipe */
        close(p[0]);
    }
    CHECK(good, "a group of sixteen growing processes is gone at one kill");
}

/* Stops and continuations rain on a process of busy threads, which must then still die and be whole before. */
static void stopping(void)
{
    pid_t pid = start(5);
    int st, good = 1;
    int64_t since = now_ns();
    for (int i = 0; goes_on(i, since); i++) {
        good &= kill(pid, SIGSTOP) == 0 && waitpid(pid, &st, WUNTRACED) == pid && WIFSTOPPED(st);
        good &= kill(pid, SIGCONT) == 0 && waitpid(pid, &st, WCONTINUED) == pid && WIFCONTINUED(st);
    }
    kill(pid, SIGKILL);
    good &= tap_killed(tap_wait(pid), SIGKILL);
    CHECK(good, "stopped and continued again and again, then killed");
}

static void after(void)
{
    char buf[64];
    while (fcntl(shared_pipe[0], F_SETFL, O_NONBLOCK) == 0 && read(shared_pipe[0], buf, sizeof buf) > 0)
        ;
    CHECK(write(shared_pipe[1], "whole", 5) == 5 && read(shared_pipe[0], buf, 64) == 5 && !memcmp(buf, "whole", 5),
          "the pipe they shared works");
    CHECK(syscall(SYS_futex, word, FUTEX_WAKE, 100, NULL, NULL, 0) == 0, "nobody waits on the futex they shared");
    put_text("k0", "fine");
    CHECK(file_is("k0", "fine"), "their folder can be used");
    CHECK_ERRNO(waitpid(-1, NULL, WNOHANG), ECHILD, "no child is left");
    REQ(chdir("/") == 0);
}

int main(int argc, char **argv)
{
    (void)argv;
    if (argc == 2)
        return 44;
    REQ(pipe(shared_pipe) == 0);
    word = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    killing();
    exiting();
    execing();
    families();
    stopping();
    after();
    dprintf(1, "# %d rounds in the last\n", rounds_end);
    return tap_end();
}
