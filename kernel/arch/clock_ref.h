/* SPDX-License-Identifier: MIT */
/* Inside arch/: the references that the TSC is measured against, and what hypervisors tell. */
#ifndef ARCH_CLOCK_REF_H
#define ARCH_CLOCK_REF_H

#include "lib/types.h"

/* One point of both clocks: the TSC in the middle of a bracket `width` ticks wide, around a reading of the reference. */
struct clock_sample {
    u64 tsc, width, ref_ns;
};

u64 clock_ref_told_mult(void); /* ns a tick, 32.32, as told; 0: nobody tells */
enum clock_reference {
    REF_APIC, /* counts down from the start for 4 s, unless it is programmed as a timer; this CPU's own */
    REF_PIT,  /* wraps every PIT_PERIOD_NS */
};
#define PIT_PERIOD_NS 54925417ull
enum clock_reference clock_ref_best(void); /* for the first, short measurement */
void clock_ref_start(enum clock_reference r);
void clock_ref_sample(enum clock_reference r, struct clock_sample *s); /* after the start; interrupts off */
ns_t clock_ref_range_ns(enum clock_reference r);                       /* how long after the start a reading is plain */
u32 clock_ref_apic_mhz(void); /* of the local APIC's timer, when known without measuring; 0: not */
ns_t clock_ref_wall(void);    /* 0: no clock found */

/* clock.c, for timer.c and smp.c */
void clock_reference_ends(void); /* REF_APIC is about to be programmed: the last chance (CPU 0, interrupts off) */
void clock_refine(void);         /* now and then, on CPU 0, interrupts off */
void clock_check_cpu(u32 id);    /* a CPU came up: does its TSC agree? */
u64 clock_to_tsc(ns_t when);

#endif
