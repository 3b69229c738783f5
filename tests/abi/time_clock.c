// SPDX-License-Identifier: MIT
/*
 * Clocks and sleeping: all clocks of clock_gettime, agreement of the vDSO with the call and between CPUs, sleeps that
 * are never short, errors. Upper bounds are loose: the machine may be busy.
 */
#include "tests/abi/util.h"

#include <pthread.h>
#include <sys/auxv.h>
#include <sys/time.h>

#define NS 1000000000LL

static int64_t read_clock(clockid_t id)
{
    struct timespec t = {0, 0};
    return clock_gettime(id, &t) < 0 ? -1 : t.tv_sec * NS + t.tv_nsec;
}

/* By the system call, past the vDSO. */
static int64_t call_clock(clockid_t id)
{
    struct timespec t = {0, 0};
    return syscall(SYS_clock_gettime, id, &t) < 0 ? -1 : t.tv_sec * NS + t.tv_nsec;
}

static const clockid_t ids[] = {CLOCK_REALTIME,         CLOCK_MONOTONIC, CLOCK_MONOTONIC_RAW, CLOCK_REALTIME_COARSE,
                                CLOCK_MONOTONIC_COARSE, CLOCK_BOOTTIME,  CLOCK_TAI,           CLOCK_PROCESS_CPUTIME_ID,
                                CLOCK_THREAD_CPUTIME_ID};

static void clocks(void)
{
    struct timespec t;
    int all = 1, forward = 1, fine = 1;
    for (size_t i = 0; i < COUNT(ids); i++) {
        int64_t a = read_clock(ids[i]), b;
        all &= a >= 0 && call_clock(ids[i]) >= a;
        for (int j = 0; j < 1000; j++, a = b) {
            b = read_clock(ids[i]);
            forward &= b >= a;
        }
        clock_getres(ids[i], &t);
        int coarse = ids[i] == CLOCK_REALTIME_COARSE || ids[i] == CLOCK_MONOTONIC_COARSE;
        fine &= t.tv_sec == 0 && (coarse ? t.tv_nsec >= 1 && t.tv_nsec <= 10000000 : t.tv_nsec == 1);
    }
    CHECK(all, "every clock tells a time, the vDSO's not later than the call's");
    CHECK(forward, "none steps back");
    CHECK(fine, "clock_getres: 1 ns, coarse ones up to 10 ms");
    CHECK_ERRNO(syscall(SYS_clock_gettime, 99, &t), EINVAL, "an unknown clock");
    CHECK_ERRNO(clock_getres(99, &t), EINVAL, "an unknown clock's resolution");
    CHECK_ERRNO(clock_gettime(99, &t), EINVAL, "an unknown clock through the vDSO");
    CHECK(syscall(SYS_clock_getres, CLOCK_MONOTONIC, NULL) == 0, "clock_getres without a place for it");
    CHECK(getauxval(AT_SYSINFO_EHDR) != 0, "there is a vDSO");
}

static void agreement(void)
{
    int64_t r = read_clock(CLOCK_REALTIME), m = read_clock(CLOCK_MONOTONIC), c = read_clock(CLOCK_REALTIME_COARSE);
    struct timeval tv;
    gettimeofday(&tv, NULL);
    CHECK(r > 1600000000 * NS && llabs(tv.tv_sec * NS + tv.tv_usec * 1000 - r) < 5 * NS,
          "gettimeofday and CLOCK_REALTIME");
    CHECK(llabs(time(NULL) - r / NS) <= 5, "time");
    CHECK(llabs(c - r) < 5 * NS, "the coarse clock is near");
    CHECK(read_clock(CLOCK_BOOTTIME) >= m, "CLOCK_BOOTTIME is not behind CLOCK_MONOTONIC");
    CHECK(syscall(SYS_time, NULL) - r / NS <= 5, "time(2)");
    int64_t m1 = read_clock(CLOCK_MONOTONIC), r1 = read_clock(CLOCK_REALTIME), n1 = read_clock(CLOCK_MONOTONIC);
    msleep(50);
    int64_t m2 = read_clock(CLOCK_MONOTONIC), r2 = read_clock(CLOCK_REALTIME), n2 = read_clock(CLOCK_MONOTONIC);
    CHECK(r2 - r1 > m2 - n1 - 1000000 && r2 - r1 < n2 - m1 + 1000000, "CLOCK_REALTIME and CLOCK_MONOTONIC run alike");
    int64_t last = 0;
    int good = 1;
    for (int i = 0; i < 1000; i++) {
        int64_t a = read_clock(CLOCK_MONOTONIC), b = call_clock(CLOCK_MONOTONIC), d = read_clock(CLOCK_MONOTONIC);
        good &= last <= a && a <= b && b <= d;
        last = d;
    }
    CHECK(good, "vDSO and call in turn never step back");
}

/* Two threads pass a time to and fro: each must see a time not before the one it was given. */
static volatile int64_t baton;
static volatile int turn, steps_back;

static void *relay(void *arg)
{
    int me = (int)(long)arg;
    pin(me);
    for (int i = 0; i < 800; i++) {
        for (int spins = 0; __atomic_load_n(&turn, __ATOMIC_ACQUIRE) != me; spins++)
            if (spins > 200)
                sched_yield();
        int64_t now = i & 1 ? read_clock(CLOCK_MONOTONIC) : call_clock(CLOCK_MONOTONIC);
        if (now < baton)
            steps_back++;
        baton = now;
        __atomic_store_n(&turn, !me, __ATOMIC_RELEASE);
    }
    return NULL;
}

static void between_cpus(void)
{
    pthread_t t[2];
    for (long i = 0; i < 2; i++)
        REQ(pthread_create(&t[i], NULL, relay, (void *)i) == 0);
    pthread_join(t[0], NULL);
    pthread_join(t[1], NULL);
    CHECK(steps_back == 0, "CLOCK_MONOTONIC agrees between two CPUs");
    int64_t last = 0;
    int good = 1;
    for (int i = 0; i < 40; i++) {
        pin(i & 1);
        int64_t now = read_clock(CLOCK_MONOTONIC);
        good &= now >= last;
        last = now;
    }
    CHECK(good, "and for a thread that moves between them");
}

static void sleeping(void)
{
    struct timespec ts = {0, 20000000}, bad = {0, NS}, neg = {-1, 0}, zero = {0, 0}, at;
    int64_t t = now_ns();
    CHECK(nanosleep(&ts, NULL) == 0 && now_ns() - t >= 20000000, "nanosleep is not short");
    CHECK(now_ns() - t < 40 * NS, "nor endless");
    CHECK_ERRNO(nanosleep(&bad, NULL), EINVAL, "too many nanoseconds");
    CHECK_ERRNO(nanosleep(&neg, NULL), EINVAL, "negative seconds");
    CHECK(nanosleep(&zero, NULL) == 0, "no time");
    t = now_ns();
    CHECK(clock_nanosleep(CLOCK_REALTIME, 0, &ts, NULL) == 0 && now_ns() - t >= 20000000,
          "clock_nanosleep by CLOCK_REALTIME");
    clock_gettime(CLOCK_MONOTONIC, &at);
    at.tv_nsec += 20000000;
    if (at.tv_nsec >= NS)
        at.tv_sec++, at.tv_nsec -= NS;
    CHECK(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) == 0 && now_ns() >= at.tv_sec * NS + at.tv_nsec,
          "clock_nanosleep until a time");
    at.tv_sec = 0; /* not negative: that is EINVAL, and a machine just booted is not 100 s old */
    t = now_ns();
    CHECK(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) == 0, "until a time that has passed");
    clock_gettime(CLOCK_REALTIME, &at);
    at.tv_sec -= 5;
    CHECK(clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &at, NULL) == 0, "also of CLOCK_REALTIME");
    CHECK(clock_nanosleep(CLOCK_MONOTONIC, 0, &bad, NULL) == EINVAL, "clock_nanosleep: too many nanoseconds");
    CHECK(clock_nanosleep(99, 0, &ts, NULL) == EINVAL, "clock_nanosleep: an unknown clock");
    CHECK(clock_nanosleep(CLOCK_THREAD_CPUTIME_ID, 0, &ts, NULL) == EINVAL,
          "clock_nanosleep: one's own processor time");
    int good = 1;
    for (int i = 0; i < 30; i++) {
        ts.tv_nsec = 100000 + i * 30000;
        t = now_ns();
        good &= nanosleep(&ts, NULL) == 0 && now_ns() - t >= ts.tv_nsec;
    }
    CHECK(good, "thirty short sleeps, none too short");
}

static void processor_time(void)
{
    int64_t a, t, b;
    int tries = 0;
    do { /* until one in which this process was not charged for somebody else's time */
        a = read_clock(CLOCK_PROCESS_CPUTIME_ID);
        msleep(50);
        b = read_clock(CLOCK_PROCESS_CPUTIME_ID);
    } while (b - a >= 25000000 && ++tries < 200);
    CHECK(b - a < 25000000, "a sleep takes no processor time");
    t = read_clock(CLOCK_THREAD_CPUTIME_ID);
    a = read_clock(CLOCK_PROCESS_CPUTIME_ID);
    do
        b = read_clock(CLOCK_PROCESS_CPUTIME_ID);
    while (b - a < 30000000);
    CHECK(read_clock(CLOCK_THREAD_CPUTIME_ID) - t >= 20000000, "work takes it of thread and process alike");
    clockid_t id;
    CHECK(clock_getcpuclockid(0, &id) == 0 && read_clock(id) >= b, "clock_getcpuclockid");
}

static void setting(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    CHECK_ERRNO(clock_settime(CLOCK_MONOTONIC, &ts), EINVAL, "CLOCK_MONOTONIC cannot be set");
    CHECK_CHILD("nor CLOCK_REALTIME by a user", {
        drop_root();
        clock_gettime(CLOCK_REALTIME, &ts);
        REQ(clock_settime(CLOCK_REALTIME, &ts) == -1 && errno == EPERM);
    });
    ts.tv_nsec = NS;
    CHECK_ERRNO(clock_settime(CLOCK_REALTIME, &ts), EINVAL, "too many nanoseconds to set");
}

int main(void)
{
    clocks();
    agreement();
    between_cpus();
    sleeping();
    processor_time();
    setting();
    return tap_end();
}
