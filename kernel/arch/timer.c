// SPDX-License-Identifier: MIT
/*
 * The one-shot timer of each CPU: TSC deadline, or the local APIC's counter. The counter is 32 bits wide and the clock
 * may have bent since it was set, so an early interrupt only sets it again.
 * Until it is first programmed, CPU 0's counter is the clock's reference (clock.c).
 */
#include "arch/clock.h"
#include "arch/clock_ref.h"
#include "arch/cpu.h"
#include "arch/hooks.h"
#include "arch/irq.h"
#include "arch/smp.h"
#include "arch/vdso/data.h"
#include "lib/printf.h"

#define MSR_TSC_DEADLINE 0x6e0

static u64 apic_per_tsc; /* 32.32: ticks of the APIC's timer in a tick of the TSC; 0: not known yet */

static bool deadline_mode(void)
{
    return cpu.tsc_deadline && !cpu.tcg;
}

void timer_init_this(void)
{
    if (deadline_mode())
        apic_timer_unmask(true);
    this_cpu()->timer_deadline = NS_FOREVER;
}

/* Without a known frequency: a millisecond of both. */
static void measure_apic(void)
{
    u32 mhz = clock_ref_apic_mhz();
    u64 khz = clock_tsc_khz();
    if (mhz) {
        apic_per_tsc = ((u64)mhz * 1000 << 32) / khz;
        return;
    }
    apic_timer_start(~0u);
    u64 start = rdtsc(), end;
    while ((end = rdtsc()) - start < khz)
        cpu_relax();
    apic_per_tsc = ((u64)(~0u - apic_timer_count()) << 32) / (end - start);
}

static void program(u64 tsc)
{
    if (deadline_mode()) {
        wrmsr(MSR_TSC_DEADLINE, tsc);
        return;
    }
    s64 delta = (s64)(tsc - rdtsc());
    u64 ticks = delta > 0 ? vdso_scale((u64)delta, apic_per_tsc) + 1 : 1;
    apic_timer_start((u32)MIN(ticks, 0xffffffffull));
}

void timer_hw_program(ns_t when)
{
    static bool started[MAX_CPUS];
    struct percpu *c = this_cpu();
    if (when == NS_FOREVER) { /* an interrupt that comes all the same finds no deadline */
        c->timer_deadline = when;
        return;
    }
    if (unlikely(!started[c->id])) {
        if (c->id == 0)
            clock_reference_ends();
        if (!apic_per_tsc && !deadline_mode())
            measure_apic();
        if (!deadline_mode())
            apic_timer_unmask(false);
        started[c->id] = true;
    }
    c->timer_deadline = when;
    program(clock_to_tsc(when));
}

void timer_interrupt(bool from_user)
{
    struct percpu *c = this_cpu();
    if (c->id == 0)
        clock_refine();
    if (c->timer_deadline == NS_FOREVER)
        return;
    if (clock_monotonic() < c->timer_deadline) {
        program(clock_to_tsc(c->timer_deadline));
        return;
    }
    c->timer_deadline = NS_FOREVER;
    hook_timer_interrupt(from_user);
}
