// SPDX-License-Identifier: MIT
/*
 * The vDSO: clock calls in user mode, from the page below this image (data.h). Where that page cannot answer (another
 * clock, or the kernel does not trust its own yet), the system call does. Nothing here may need a relocation.
 */
#include "abi/errno.h"
#include "abi/time.h"
#include "arch/vdso/data.h"
#include <asm/unistd.h>
#include <stddef.h>

#define EXPORT __attribute__((visibility("default")))
#define WEAK_ALIAS(name) __attribute__((weak, alias(#name), visibility("default")))
#define CPU_NUMBER_SELECTOR 0x7b

/* Changes under our feet: not const, or the compiler reads fields once and for all. */
extern volatile struct vdso_data vdso_data __attribute__((visibility("hidden")));

struct getcpu_cache;

static long syscall2(long nr, long a, long b)
{
    long ret;
    __asm__ volatile("syscall" : "=a"(ret) : "a"(nr), "D"(a), "S"(b) : "rcx", "r11", "memory");
    return ret;
}

static inline uint64_t read_tsc(void)
{
    uint32_t low, high;
    __asm__ volatile("lfence; rdtsc" : "=a"(low), "=d"(high)::"memory"); /* not before the loads above it */
    return (uint64_t)high << 32 | low;
}

enum need { MONO, WALL, TAI };

/* ns of the monotonic clock, and what to add for the clock that is needed. 0: ask the kernel. */
static inline int read_clock(uint64_t *mono, int64_t *wall, enum need need)
{
    const volatile struct vdso_data *d = &vdso_data;
    uint32_t seq;
    do {
        while ((seq = __atomic_load_n(&d->seq, __ATOMIC_ACQUIRE)) & 1)
            __builtin_ia32_pause();
        if (!d->trusted || (need != MONO && !d->wall_known))
            return 0;
        uint64_t ticks = read_tsc() - d->base_tsc;
        *mono = d->base_ns + ((int64_t)ticks < 0 ? 0 : vdso_scale(ticks, d->mult));
        *wall = d->wall_offset + (need == TAI ? d->tai_offset * 1000000000l : 0);
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
    } while (__atomic_load_n(&d->seq, __ATOMIC_RELAXED) != seq);
    return 1;
}

/* ns of the raw clock. 0: ask the kernel. */
static inline int read_raw(uint64_t *raw)
{
    const volatile struct vdso_data *d = &vdso_data;
    uint32_t seq;
    do {
        while ((seq = __atomic_load_n(&d->seq, __ATOMIC_ACQUIRE)) & 1)
            __builtin_ia32_pause();
        if (!d->trusted)
            return 0;
        uint64_t ticks = read_tsc() - d->base_tsc;
        *raw = d->base_raw_ns + ((int64_t)ticks < 0 ? 0 : vdso_scale(ticks, d->raw_mult));
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
    } while (__atomic_load_n(&d->seq, __ATOMIC_RELAXED) != seq);
    return 1;
}

/* Seconds and rest without a division's hundred cycles: time since boot is short, wall time is not. */
static inline void split(uint64_t ns, struct timespec *ts)
{
    ts->tv_sec = (long)(ns / 1000000000);
    ts->tv_nsec = (long)(ns % 1000000000);
}

EXPORT int __vdso_clock_gettime(int clock, struct timespec *ts);
EXPORT int __vdso_clock_gettime(int clock, struct timespec *ts)
{
    uint64_t mono;
    int64_t wall;
    switch (clock) {
    case CLOCK_MONOTONIC_RAW:
        if (!read_raw(&mono))
            break;
        split(mono, ts);
        return 0;
    case CLOCK_MONOTONIC:
    case CLOCK_MONOTONIC_COARSE:
    case CLOCK_BOOTTIME:
        if (!read_clock(&mono, &wall, MONO))
            break;
        split(mono, ts);
        return 0;
    case CLOCK_REALTIME:
    case CLOCK_REALTIME_COARSE:
        if (!read_clock(&mono, &wall, WALL))
            break;
        split(mono + (uint64_t)wall, ts);
        return 0;
    case CLOCK_TAI:
        if (!read_clock(&mono, &wall, TAI))
            break;
        split(mono + (uint64_t)wall, ts);
        return 0;
    default:
        break;
    }
    return (int)syscall2(__NR_clock_gettime, clock, (long)ts);
}

EXPORT int __vdso_gettimeofday(struct timeval *tv, struct timezone *tz);
EXPORT int __vdso_gettimeofday(struct timeval *tv, struct timezone *tz)
{
    uint64_t mono;
    int64_t wall;
    if (tz || !read_clock(&mono, &wall, WALL))
        return (int)syscall2(__NR_gettimeofday, (long)tv, (long)tz);
    if (tv) {
        struct timespec ts;
        split(mono + (uint64_t)wall, &ts);
        tv->tv_sec = ts.tv_sec;
        tv->tv_usec = ts.tv_nsec / 1000;
    }
    return 0;
}

EXPORT long __vdso_time(long *out);
EXPORT long __vdso_time(long *out)
{
    uint64_t mono;
    int64_t wall;
    if (!read_clock(&mono, &wall, WALL))
        return syscall2(__NR_time, (long)out, 0);
    long s = (long)((mono + (uint64_t)wall) / 1000000000);
    if (out)
        *out = s;
    return s;
}

EXPORT int __vdso_clock_getres(int clock, struct timespec *ts);
EXPORT int __vdso_clock_getres(int clock, struct timespec *ts)
{
    return (int)syscall2(__NR_clock_getres, clock, (long)ts);
}

EXPORT long __vdso_getcpu(unsigned *cpu, unsigned *node, struct getcpu_cache *unused);
EXPORT long __vdso_getcpu(unsigned *cpu, unsigned *node, struct getcpu_cache *unused)
{
    (void)unused;
    unsigned id;
    if (vdso_data.has_rdtscp) {
        unsigned low, high;
        __asm__ volatile("rdtscp" : "=a"(low), "=d"(high), "=c"(id));
    } else {
        __asm__ volatile("lsll %1, %0" : "=r"(id) : "r"(CPU_NUMBER_SELECTOR));
    }
    if (cpu)
        *cpu = id & 0xfff;
    if (node)
        *node = 0;
    return 0;
}

int clock_gettime(int clock, struct timespec *ts) WEAK_ALIAS(__vdso_clock_gettime);
int gettimeofday(struct timeval *tv, struct timezone *tz) WEAK_ALIAS(__vdso_gettimeofday);
long time(long *out) WEAK_ALIAS(__vdso_time);
int clock_getres(int clock, struct timespec *ts) WEAK_ALIAS(__vdso_clock_getres);
long getcpu(unsigned *cpu, unsigned *node, struct getcpu_cache *unused) WEAK_ALIAS(__vdso_getcpu);
