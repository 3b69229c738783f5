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
void clock_ref_start(void);
void clock_ref_sample(struct clock_sample *s); /* after clock_ref_start; interrupts off */
ns_t clock_ref_range_ns(void); /* how long after the start samples are good: the counter is finite */
u32 clock_ref_apic_mhz(void);  /* of the local APIC's timer, when known without measuring; 0: not */
ns_t clock_ref_wall(void);     /* 0: no clock found */

/* clock.c, for timer.c */
void clock_refine(const struct clock_sample *a, const struct clock_sample *b);
bool clock_wants_refinement(u64 ticks);
void clock_reference_ends(void);
u64 clock_to_tsc(ns_t when);

#endif
