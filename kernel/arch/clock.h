/* SPDX-License-Identifier: MIT */
/*
 * Time. clock_monotonic() never steps back and agrees between CPUs: ns since boot from the TSC by multiplier and shift,
 * which are published to the vDSO page under a sequence count; clock.c says how they are found.
 */
#ifndef ARCH_CLOCK_H
#define ARCH_CLOCK_H

#include "lib/types.h"

void clock_init(void);
ns_t clock_monotonic(void);      /* also CLOCK_BOOTTIME */
ns_t clock_raw(void);            /* CLOCK_MONOTONIC_RAW: without what clock_set_rate() does */
ns_t clock_realtime(void);       /* ns since the epoch */
int clock_set_realtime(ns_t ns); /* clock_settime(CLOCK_REALTIME); sched/timer.h: timers_clock_was_set() is to follow */

/* What a moment to wait for may lie on. Setting the wall clock moves the latter two against the first. */
enum clock_base { CLOCK_BASE_MONO, CLOCK_BASE_WALL, CLOCK_BASE_TAI, CLOCK_BASES };
ns_t clock_now(enum clock_base base);
ns_t clock_to_mono(enum clock_base base, ns_t when); /* as the clocks stand now; 0: long past */

/* Both clocks are to run faster than the TSC says, by so many 2^-32 ns a second; at most a tenth. timers_clock_was_set()
 * is to follow. */
void clock_set_rate(s64 more);
void clock_set_tai(s32 seconds); /* TAI - UTC */
void clock_leap(s32 seconds);    /* UTC is so much less than it was; TAI goes on. timers_clock_was_set() is to follow */
s32 clock_tai(void);
void clock_set_floor(ns_t ns); /* from the boot record: used when no better wall clock was found */
u64 clock_tsc_khz(void);
paddr_t vdso_data_page(void);         /* the vvar page, mapped read-only below the vDSO */
const void *vdso_image(size_t *size); /* page-aligned ELF; mapped by exec */

#endif
