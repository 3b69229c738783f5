/* SPDX-License-Identifier: MIT */
/*
 * The page the kernel shares with the vDSO, read-only to users: how the TSC becomes time. Written under `seq` by
 * arch/clock.c alone; also the kernel's own source.
 *
 *   raw       = base_raw_ns + ((tsc - base_tsc) * raw_mult >> 32)     the TSC's own rate, as it was measured
 *   monotonic = base_ns + ((tsc - base_tsc) * mult >> 32)             the rate that adjtimex(2) made of it
 *   realtime  = monotonic + wall_offset                               tai = realtime + tai_offset seconds
 */
#ifndef ARCH_VDSO_DATA_H
#define ARCH_VDSO_DATA_H

#include <stdint.h>

struct vdso_data {
    uint32_t seq;
    uint32_t trusted; /* 0: the frequency is still rough, use the system call */
    uint64_t base_tsc, base_ns;
    uint64_t mult; /* ns a tick, 32.32 */
    uint64_t base_raw_ns, raw_mult;
    int64_t wall_offset; /* ns; valid when wall_known */
    uint32_t wall_known;
    uint32_t has_rdtscp; /* for getcpu */
    int32_t tai_offset;  /* seconds */
};

static inline uint64_t vdso_scale(uint64_t ticks, uint64_t mult)
{
    return (uint64_t)((unsigned __int128)ticks * mult >> 32);
}

#endif
