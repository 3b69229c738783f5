// SPDX-License-Identifier: MIT
/* futex_waitv: which was woken, values, timeouts, errors; a race. */
#include "tests/abi/util.h"

#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/time.h>

#define MOST 128
#define SIZE_32 2
#define NOT_SHARED 128

static uint32_t words[MOST + 1];
static struct futex_waitv v[MOST + 1];

static long waitv(void *w, unsigned n, unsigned flags, struct timespec *t, int clock)
{
    return syscall(SYS_futex_waitv, w, n, flags, t, clock);
}

static long wake(uint32_t *p, int n)
{
    return syscall(SYS_futex, p, FUTEX_WAKE_PRIVATE, n, NULL, NULL, 0);
}

static void fill(void)
{
    for (int i = 0; i <= MOST; i++) {
        words[i] = i;
        v[i] = (struct futex_waitv){i, (uintptr_t)&words[i], SIZE_32 | NOT_SHARED, 0};
    }
}

static struct timespec in_ms(int clock, long ms)
{
    struct timespec t;
    clock_gettime(clock, &t);
    int64_t ns = t.tv_sec * 1000000000LL + t.tv_nsec + ms * 1000000;
    return (struct timespec){ns / 1000000000, ns % 1000000000};
}

static void refused(void)
{
    struct timespec t = {0, 1000000000};
    fill();
    CHECK_ERRNO(waitv(v, 0, 0, NULL, 0), EINVAL, "none");
    CHECK_ERRNO(waitv(v, MOST + 1, 0, NULL, 0), EINVAL, "too many");
    CHECK_ERRNO(waitv(NULL, 1, 0, NULL, 0), EINVAL, "no list");
    CHECK_ERRNO(waitv(v, 1, 1, NULL, 0), EINVAL, "a flag");
    CHECK_ERRNO(waitv(at_addr(8), 1, 0, NULL, 0), EFAULT, "a list that is not there");
    CHECK_ERRNO(waitv(v, 1, 0, &t, CLOCK_MONOTONIC), EINVAL, "a second's nanoseconds");
    CHECK_ERRNO(waitv(v, 1, 0, at_addr(8), CLOCK_MONOTONIC), EFAULT, "a timeout that is not there");
    CHECK_ERRNO(waitv(v, 1, 0, &t, CLOCK_BOOTTIME), EINVAL, "another clock");
    v[3].flags = NOT_SHARED;
    CHECK_ERRNO(waitv(v, 4, 0, NULL, 0), EINVAL, "a size of one byte");
    v[3].flags = SIZE_32 | 256;
    CHECK_ERRNO(waitv(v, 4, 0, NULL, 0), EINVAL, "an unknown flag of one");
    fill();
    v[3].__reserved = 1;
    CHECK_ERRNO(waitv(v, 4, 0, NULL, 0), EINVAL, "what is reserved");
    fill();
    v[3].uaddr++;
    CHECK_ERRNO(waitv(v, 4, 0, NULL, 0), EINVAL, "not aligned");
    v[3].uaddr = 8;
    CHECK_ERRNO(waitv(v, 4, 0, NULL, 0), EFAULT, "a word that is not there");
    fill();
    words[2] = 77;
    CHECK_ERRNO(waitv(v, 4, 0, NULL, 0), EAGAIN, "another value");
    fill();
    t = in_ms(CLOCK_MONOTONIC, 30);
    CHECK_ERRNO(waitv(v, MOST, 0, &t, CLOCK_MONOTONIC), ETIMEDOUT, "a timeout");
    t = in_ms(CLOCK_REALTIME, 30);
    CHECK_ERRNO(waitv(v, 2, 0, &t, CLOCK_REALTIME), ETIMEDOUT, "by the other clock");
    t = in_ms(CLOCK_MONOTONIC, -100);
    CHECK_ERRNO(waitv(v, 2, 0, &t, CLOCK_MONOTONIC), ETIMEDOUT, "one that has passed");
    CHECK(wake(&words[0], 1) == 0, "nobody is left waiting");
}

static void *waits(void *arg)
{
    (void)arg;
    return (void *)waitv(v, MOST, 0, NULL, 0);
}

static void waking(void)
{
    pthread_t t;
    void *got;
    fill();
    int right = 0;
    for (int i = 0; i < MOST; i += 127) {
        REQ(pthread_create(&t, NULL, waits, NULL) == 0);
        while (wake(&words[i], 1) == 0)
            sched_yield();
        pthread_join(t, &got);
        right += (long)got == i;
    }
    CHECK(right == 2, "the index of the one that was woken");
    uint32_t *shared = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t pid = tap_fork();
    if (pid == 0) {
        struct futex_waitv two[2] = {{0, (uintptr_t)&words[0], SIZE_32, 0}, {0, (uintptr_t)shared, SIZE_32, 0}};
        REQ(waitv(two, 2, 0, NULL, 0) == 1);
        _exit(0);
    }
    while (syscall(SYS_futex, shared, FUTEX_WAKE, 1, NULL, NULL, 0) == 0)
        sched_yield();
    CHECK(tap_wait(pid) == 0, "a shared one, from another process");
}

static void on_alarm(int sig)
{
    (void)sig;
}

static void interrupted(void)
{
    CHECK_CHILD("a signal: EINTR", struct sigaction sa = {.sa_handler = on_alarm};
                struct itimerval every = {{0, 20000}, {0, 20000}}; sigaction(SIGALRM, &sa, NULL);
                setitimer(ITIMER_REAL, &every, NULL); REQ(waitv(v, 3, 0, NULL, 0) < 0 && errno == EINTR));
}

/* One changes words and wakes, the other waits for any: none is missed. */
static void *changes(void *arg)
{
    (void)arg;
    pin(1);
    for (int i = 0; i < 2000; i++) {
        uint32_t *w = &words[i % 4], was = __atomic_load_n(w, __ATOMIC_SEQ_CST);
        __atomic_store_n(w, was + 1, __ATOMIC_SEQ_CST);
        wake(w, INT_MAX);
    }
    return NULL;
}

static void together(void)
{
    pthread_t t;
    uint32_t sum = 0;
    memset(words, 0, sizeof words);
    pin(0);
    REQ(pthread_create(&t, NULL, changes, NULL) == 0);
    while (sum < 2000) {
        sum = 0;
        for (int i = 0; i < 4; i++) {
            v[i].val = __atomic_load_n(&words[i], __ATOMIC_SEQ_CST);
            sum += v[i].val;
        }
        if (sum < 2000)
            REQ(waitv(v, 4, 0, NULL, 0) >= 0 || errno == EAGAIN);
    }
    pthread_join(t, NULL);
    CHECK(sum == 2000, "two thousand changes of four words: none is missed");
}

int main(void)
{
    refused();
    waking();
    interrupted();
    together();
    return tap_end();
}
