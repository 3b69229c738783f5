/* SPDX-License-Identifier: MIT */
/*
 * Time. clock_monotonic() never steps back and agrees between CPUs: ns since boot from the TSC by multiplier and shift,
 * which are published to the vDSO page under a sequence count; clock.c says how they are found.
 */
#ifndef ARCH_CLOCK_H
#define ARCH_CLOCK_H

#include "lib/types.h"

void clock_init(void);
ns_t clock_monotonic(void);      /* also CLOCK_BOOTTIME and CLOCK_MONOTONIC_RAW */
ns_t clock_realtime(void);       /* ns since the epoch */
int clock_set_realtime(ns_t ns); /* clock_settime(CLOCK_REALTIME) */
void clock_set_floor(ns_t ns);   /* from the boot record: used when no better wall clock was found */
u64 clock_tsc_khz(void);
paddr_t vdso_data_page(void);         /* the vvar page, mapped read-only below the vDSO */
const void *vdso_image(size_t *size); /* page-aligned ELF; mapped by exec */

#endif
