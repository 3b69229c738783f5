/* SPDX-License-Identifier: MIT */
/*
 * Small helpers that several ABI tests share: files with given contents, sleeping, pinning, and dropping root.
 * Every helper that cannot do its work ends the process through REQ.
 */
#ifndef ABI_UTIL_H
#define ABI_UTIL_H

#include "tests/abi/tap.h"

#include <pthread.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <sched.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <time.h>

#define PAGE 4096L
#define NOBODY 65534
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* An address the compiler knows nothing about, and so does not warn of. */
static inline void *at_addr(uintptr_t a)
{
    __asm__("" : "+r"(a));
    return (void *)a;
}

/* A number likewise. */
static inline long opaque(long n)
{
    __asm__("" : "+r"(n));
    return n;
}

/* In a child: the call fails with this errno. */
#define FAILS(expr, code) (errno = 0, (long)(expr) == -1 && errno == (code))

/* A fact: the call gives `want` as its errno, or succeeds when it is 0. */
#define GIVES(expr, want, name)                                                               \
    do {                                                                                      \
        errno = 0;                                                                            \
        int tap_err_ = (long)(expr) == -1 ? errno : 0;                                        \
        tap_line(tap_err_ == (want), name, __FILE__, __LINE__, #expr " -> " #want, tap_err_); \
    } while (0)

/* Whether the machine is the test's own: its clock and its limits may be set. False on the host. */
static inline int own_machine(void)
{
    struct utsname u;
    return uname(&u) == 0 && strstr(u.release, "slipway") != NULL;
}

/* A fact that needs something of the whole machine set. */
#define CHECK_OWN(cond, name)                             \
    do {                                                  \
        if (own_machine())                                \
            CHECK(cond, name);                            \
        else                                              \
            SKIP(name, "a setting of the whole machine"); \
    } while (0)

#define NS_A_SECOND 1000000000LL

static inline int64_t read_ns(clockid_t clock)
{
    struct timespec ts;
    REQ(clock_gettime(clock, &ts) == 0);
    return ts.tv_sec * NS_A_SECOND + ts.tv_nsec;
}

/* A new or emptied file with these bytes; mode 0644 whatever the umask was. */
static inline void put_file(const char *path, const void *data, size_t len)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    REQ(fd >= 0);
    REQ(write(fd, data, len) == (ssize_t)len);
    REQ(close(fd) == 0);
}

static inline void put_text(const char *path, const char *text)
{
    put_file(path, text, strlen(text));
}

/* True when the file is exactly this text. */
static inline int file_is(const char *path, const char *text)
{
    char buf[4096];
    int fd = open(path, O_RDONLY);
    if (fd < 0)
        return 0;
    ssize_t n = read(fd, buf, sizeof buf);
    close(fd);
    return n == (ssize_t)strlen(text) && memcmp(buf, text, n) == 0;
}

static inline int exists(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0;
}

static inline long file_size(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 ? (long)st.st_size : -1;
}

/* QEMU's emulated processor, which lacks what the facts say that are skipped by this: canonical checks of wrgsbase, SSE
 * exceptions, the right error code of INT. */
static inline int under_tcg(void)
{
    unsigned a = 0x40000000, b = 0, c = 0, d = 0;
    __asm__ volatile("cpuid" : "+a"(a), "+b"(b), "+c"(c), "+d"(d));
    return b == 0x54474354 && c == 0x43544743 && d == 0x47435447; /* "TCGTCGTCGTCG" */
}
#define CHECK_CPU(cond, name)                                      \
    do {                                                           \
        if (under_tcg())                                           \
            SKIP(name, "the emulated processor does not do that"); \
        else                                                       \
            CHECK(cond, name);                                     \
    } while (0)

static inline void msleep(long ms)
{
    struct timespec ts = {ms / 1000, ms % 1000 * 1000000};
    while (nanosleep(&ts, &ts) < 0 && errno == EINTR)
        ;
}

static inline int64_t now_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

/* Waits until the handler of `sig` has counted to n. The signal is let in only while this waits, so none comes unseen
 * between the look and the wait, and a one-shot timer is enough. */
static inline void wait_counted(int sig, const volatile sig_atomic_t *count, int n)
{
    sigset_t block, old, let_in;
    sigemptyset(&block);
    sigaddset(&block, sig);
    sigprocmask(SIG_BLOCK, &block, &old);
    let_in = old;
    sigdelset(&let_in, sig);
    while (*count < n)
        sigsuspend(&let_in);
    sigprocmask(SIG_SETMASK, &old, NULL);
}

/* Processor time of this process: what the kernel charges for, in which time taken by the machine below may be. */
static inline int64_t cpu_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
    return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

/* Moves the calling thread to this CPU if there is one; without it the test merely races less. */
static inline void pin(int cpu)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    sched_setaffinity(0, sizeof set, &set);
}

/* Becomes an ordinary user for good (use it in a child). */
static inline void drop_root(void)
{
    REQ(setgroups(0, NULL) == 0);
    REQ(setresgid(NOBODY, NOBODY, NOBODY) == 0);
    REQ(setresuid(NOBODY, NOBODY, NOBODY) == 0);
}

/* Copies a file with its permission bits. */
static inline void copy_file(const char *from, const char *to)
{
    static char buf[65536];
    struct stat st;
    int in = open(from, O_RDONLY | O_CLOEXEC), out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
    REQ(in >= 0 && out >= 0 && fstat(in, &st) == 0);
    for (ssize_t n; (n = read(in, buf, sizeof buf)) != 0;)
        REQ(n > 0 && write(out, buf, n) == n);
    REQ(fchmod(out, st.st_mode & 07777) == 0);
    close(in);
    close(out);
}

/* Opens and closes a pipe pair's ends by name: p[0] reads, p[1] writes. */
static inline void make_pipe(int p[2])
{
    REQ(pipe2(p, O_CLOEXEC) == 0);
}

/* One byte through a pipe, as a starting shot. */
static inline void token_send(int fd)
{
    REQ(write(fd, "x", 1) == 1);
}

/* Waits for it, but not for ever: the sender may have failed. */
static inline void token_wait(int fd)
{
    struct pollfd p = {fd, POLLIN, 0};
    char c;
    int r;
    do
        r = poll(&p, 1, 20000);
    while (r < 0 && errno == EINTR);
    REQ(r == 1 && read(fd, &c, 1) == 1);
}

/* A child that sleeps until a signal ends it. */
static inline pid_t child_pause(void)
{
    int p[2];
    make_pipe(p);
    pid_t pid = tap_fork();
    if (pid == 0) {
        token_send(p[1]);
        for (;;)
            pause();
    }
    token_wait(p[0]);
    close(p[0]);
    close(p[1]);
    return pid;
}

/* The number of a process that has ended. */
static inline pid_t dead_tid(void)
{
    pid_t pid = tap_fork();
    if (pid == 0)
        _exit(0);
    REQ(tap_wait(pid) == 0);
    return pid;
}

/* Waits for threads that return NULL, or what went wrong. */
static inline int all_well(pthread_t *t, int n)
{
    int good = 1;
    for (int i = 0; i < n; i++) {
        void *why;
        pthread_join(t[i], &why);
        good &= !why;
    }
    return good;
}

#endif
