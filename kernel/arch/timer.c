// SPDX-License-Identifier: MIT
/*
 * The one-shot timer of each CPU: TSC deadline, or the local APIC's counter. The counter is 32 bits wide and the clock
 * may have bent since it was set, so an early interrupt only sets it again.
 *
 * While the counter runs on CPU 0 it is also a reference for the clock: when it is about to be overwritten, the count
 * left against the count set is a measurement (clock.c), taken when it is longer than those before.
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

/* The counter's present run on CPU 0. */
static struct clock_sample run_start;
static u32 run_count; /* 0: none */

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

static void sample_count(struct clock_sample *s, u32 *count)
{
    s->width = ~0ull;
    for (u32 i = 0; i < 4; i++) {
        u64 before = rdtsc();
        u32 c = apic_timer_count();
        u64 after = rdtsc();
        if (after - before >= s->width)
            continue;
        s->width = after - before;
        s->tsc = before + s->width / 2;
        *count = c;
    }
}

static void run_ends(void)
{
    if (!run_count || !clock_wants_refinement(rdtsc() - run_start.tsc))
        return;
    struct clock_sample end;
    u32 left = 0;
    sample_count(&end, &left);
    if (!left) /* it has expired, who knows when */
        return;
    end.ref_ns = (run_count - left) * 1000ull / clock_ref_apic_mhz();
    clock_refine(&run_start, &end);
}

static void counter_start(u32 ticks)
{
    bool reference = cpu_id() == 0 && clock_ref_apic_mhz();
    if (reference)
        run_ends();
    u64 before = rdtsc();
    apic_timer_start(ticks);
    u64 after = rdtsc();
    if (!reference)
        return;
    run_start = (struct clock_sample){before + (after - before) / 2, after - before, 0};
    run_count = ticks;
}

static void program(u64 tsc)
{
    if (deadline_mode()) {
        wrmsr(MSR_TSC_DEADLINE, tsc);
        return;
    }
    s64 delta = (s64)(tsc - rdtsc());
    u64 ticks = delta > 0 ? vdso_scale((u64)delta, apic_per_tsc) + 1 : 1;
    counter_start((u32)MIN(ticks, 0xffffffffull));
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
    if (c->timer_deadline == NS_FOREVER)
        return;
    if (clock_monotonic() < c->timer_deadline) {
        program(clock_to_tsc(c->timer_deadline));
        return;
    }
    c->timer_deadline = NS_FOREVER;
    hook_timer_interrupt(from_user);
}
