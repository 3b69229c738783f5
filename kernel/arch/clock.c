// SPDX-License-Identifier: MIT
/*
 * Time from the TSC.
 *
 * Its frequency is told by the hypervisor (CPUID 40000010h, 15h, kvmclock), or measured against the local APIC's timer
 * where that is known to run at 1 GHz (QEMU's TCG, KVM), else against the PIT. A measurement is two samples, each the
 * tightest of several brackets "TSC, reference, TSC": a vCPU that loses its processor in between makes a bracket wide,
 * and a wide one is not taken. The error of a measurement is the sum of the two widths over the distance.
 *
 * States of the frequency, and the edges:
 *   NONE     ──clock_init: told────────────────────────────────► TRUSTED
 *   NONE     ──clock_init: first sample──► SAMPLING ──first use of the clock: second sample, >= 0.5 ms later──► ROUGH
 *   ROUGH    ──settle, clock_refine: a measurement with a smaller error bound──► ROUGH | TRUSTED (bound <= 200 ppm)
 *   TRUSTED  ──clock_refine──► TRUSTED
 * Each change continues from the time shown at that moment: the clock bends, it never steps. settle() measures again
 * with the first sample until the APIC's counter is needed as a timer; clock_refine() then measures against the PIT, over
 * 50 ms, half a second, and five, from CPU 0's timer interrupt.
 *
 * Two rates: raw_mult is what was measured, mult what adjtimex(2) makes of it (`rate`). The monotonic clock and the wall
 * clock run at mult, CLOCK_MONOTONIC_RAW at raw_mult. A change of either begins a new base for both.
 *
 * Wall time is read on first use: kvmclock, the CMOS clock, or the boot record's lower bound.
 *
 * Lock: `lock` for writers (LOCK_TIMEKEEPER); readers use data.seq.
 */
#include "arch/clock.h"
#include "abi/errno.h"
#include "arch/boot.h"
#include "arch/clock_ref.h"
#include "arch/cpu.h"
#include "arch/irq.h"
#include "arch/paging.h"
#include "arch/percpu.h"
#include "arch/smp.h"
#include "arch/spinlock.h"
#include "arch/vdso/data.h"
#include "lib/printf.h"
#include "lib/string.h"

#define MIN_TRIAL_NS 500000u
#define TRUST_PPM 200
#define REFINE_START_TICKS 200000000u /* about 100 ms: PID 1 comes first */
#define PIT_GRANULE_NS 839u
#define REFINE_FIRST_NS 50000000u
#define REFINE_TIMES 3
#define ONE (1ull << 32)
#define AHEAD_MAX_NS (1ull << 60) /* 36 years; more does not fit into 64 bits of a fast TSC */

enum state { NONE, SAMPLING, ROUGH, TRUSTED };

static union {
    struct vdso_data d;
    u8 page[PAGE_SIZE];
} shared __aligned(4096);
#define data shared.d

static struct spinlock lock = SPINLOCK_INIT(LOCK_TIMEKEEPER);
static enum state state;          /* (lock) */
static struct clock_sample first; /* taken by clock_init */
static u64 error_ppb = ~0ull;     /* (lock) bound of the frequency in use */
static u64 ticks_per_ns;          /* (lock, data.seq) 32.32, the inverse of data.mult */
static s64 rate;                  /* (lock) what mult is more than raw_mult: 2^-32 ns a second */
static bool first_over;           /* (lock) the counter behind `first` is no more */
static bool settled;              /* nothing left for settle() to do */
static ns_t next_try_ns = 4 * MIN_TRIAL_NS;
static struct {
    u32 done;      /* measurements made; REFINE_TIMES: no more */
    u64 next_tsc;  /* when the next is due */
    ns_t after_ns; /* 0: the PIT is not started */
    struct clock_sample start;
} refine;                /* (CPU 0's timer interrupt) */
static bool tscs_differ; /* between CPUs: readings go through last_shown, last_raw */
static u64 last_shown, last_raw;
static ns_t wall_floor;

extern const u8 vdso_start[], vdso_end[]; /* the image, put in by the Makefile */

const void *vdso_image(size_t *size)
{
    *size = (size_t)(vdso_end - vdso_start);
    return vdso_start;
}

paddr_t vdso_data_page(void)
{
    return virt_to_phys(&shared);
}

/* mult more by `more` 2^-32 ns a second; more is less than 2^28 ns. */
static u64 adjusted(u64 mult, s64 more)
{
    return mult + (u64)(s64)((__int128)(s64)mult * (more * 8 / 1000000000) >> 35);
}

/* A new base, and raw_mult and the rate from now on. (lock, interrupts off, data.seq) */
static void rebase(u64 raw_mult, s64 more)
{
    u64 now = rdtsc(), ticks = now - data.base_tsc, mult = adjusted(raw_mult, more);
    data.base_ns +=
        vdso_scale(ticks, data.mult ? data.mult : mult); /* the clock's zero is the kernel's first instruction */
    data.base_raw_ns += vdso_scale(ticks, data.raw_mult ? data.raw_mult : raw_mult);
    data.base_tsc = now;
    data.mult = mult;
    data.raw_mult = raw_mult;
    ticks_per_ns = ~0ull / mult;
    rate = more;
}

/* `mult` was measured. (lock, interrupts off) */
static void set_mult(u64 mult, u64 error)
{
    struct seqcount *seq = (struct seqcount *)&data.seq;
    seq_write_begin(seq);
    rebase(mult, rate);
    error_ppb = error;
    state = error <= TRUST_PPM * 1000u ? TRUSTED : ROUGH;
    data.trusted = state == TRUSTED && !tscs_differ;
    seq_write_end(seq);
}

static void measured(const struct clock_sample *a, const struct clock_sample *b)
{
    u64 ticks = b->tsc - a->tsc, ns = b->ref_ns - a->ref_ns;
    if ((s64)ticks <= 0 || (s64)ns <= 0)
        return;
    u64 error = (a->width + b->width) * 1000000000ull / ticks / 2 + 1;
    if (error >= error_ppb && state >= ROUGH)
        return;
    set_mult((ns << 32) / ticks, error); /* no sample spans 2^32 ns */
}

/* The second sample against clock_init's, while that one's counter still runs undisturbed on this CPU. (lock) */
static void measure_first(void)
{
    struct clock_sample now;
    clock_ref_sample(clock_ref_best(), &now);
    if (now.ref_ns - first.ref_ns >= MIN_TRIAL_NS)
        measured(&first, &now);
    else
        cpu_relax();
}

/* ROUGH by all means; and TRUSTED as soon as enough time has passed since clock_init. Slow path of every reading
 * until then. */
static void settle(void)
{
    u64 flags = spin_lock_irqsave(&lock);
    while (state == SAMPLING)
        measure_first();
    u64 age = vdso_scale(rdtsc() - first.tsc, data.mult);
    if (!first_over && age > clock_ref_range_ns(clock_ref_best()))
        first_over = true;
    if (!first_over && state == ROUGH && cpu_id() == 0 && age >= next_try_ns) {
        measure_first();
        next_try_ns = 2 * age;
    }
    if (state == TRUSTED || first_over)
        settled = true;
    spin_unlock_irqrestore(&lock, flags);
}

void clock_reference_ends(void)
{
    next_try_ns = 0;
    settle();
    first_over = settled = true;
}

static void refine_start(void)
{
    clock_ref_start(REF_PIT);
    clock_ref_sample(REF_PIT, &refine.start);
    refine.after_ns = REFINE_FIRST_NS;
    refine.next_tsc = clock_to_tsc(clock_monotonic() + refine.after_ns);
}

/* The PIT wrapped in between; how often, the clock knows well enough: 200 ppm of five seconds are a millisecond. */
static void unwrap(struct clock_sample *end)
{
    ns_t about = vdso_scale(end->tsc - refine.start.tsc, data.raw_mult);
    s64 wraps = ((s64)(about - (end->ref_ns - refine.start.ref_ns)) + (s64)PIT_PERIOD_NS / 2) / (s64)PIT_PERIOD_NS;
    end->ref_ns += (u64)wraps * PIT_PERIOD_NS;
}

void clock_refine(void)
{
    if (likely(refine.done >= REFINE_TIMES) || rdtsc() < refine.next_tsc || state < ROUGH)
        return;
    if (!refine.after_ns)
        return refine_start();
    struct clock_sample end;
    clock_ref_sample(REF_PIT, &end);
    if (end.ref_ns == refine.start.ref_ns) { /* there is no PIT */
        refine.done = REFINE_TIMES;
        return;
    }
    unwrap(&end);
    end.width += vdso_scale(2 * PIT_GRANULE_NS, ticks_per_ns);
    spin_lock(&lock);
    measured(&refine.start, &end);
    spin_unlock(&lock);
    refine.done++;
    refine.after_ns *= 10;
    refine.next_tsc = clock_to_tsc(clock_monotonic() + refine.after_ns);
}

void clock_init(void)
{
    data.base_tsc = boot_info.tsc_at_entry;
    data.has_rdtscp = cpu.rdtscp;
    u64 flags = spin_lock_irqsave(&lock);
    u64 told = clock_ref_told_mult();
    if (told) {
        set_mult(told, 0);
        settled = first_over = true;
        refine.done = REFINE_TIMES;
    } else {
        clock_ref_start(clock_ref_best());
        clock_ref_sample(clock_ref_best(), &first);
        state = SAMPLING;
        refine.next_tsc = first.tsc + REFINE_START_TICKS;
    }
    spin_unlock_irqrestore(&lock, flags);
}

/* With the second sample as late as possible: the first reader pays what is left of the half millisecond. */
static inline void ensure_settled(void)
{
    if (unlikely(!READ_ONCE(settled)))
        settle();
}

/* Where a CPU's TSC is behind another's, time stands still for it instead of going back. */
static ns_t never_back(u64 *shown, ns_t now)
{
    u64 last = __atomic_load_n(shown, __ATOMIC_RELAXED);
    while (now > last)
        if (__atomic_compare_exchange_n(shown, &last, now, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
            return now;
    return last;
}

ns_t clock_raw(void)
{
    const struct seqcount *seq = (const struct seqcount *)&data.seq;
    u32 s;
    u64 now, ns;
    ensure_settled();
    do {
        s = seq_read_begin(seq);
        now = rdtsc();
        u64 ticks = now - data.base_tsc;
        ns = data.base_raw_ns + ((s64)ticks < 0 ? 0 : vdso_scale(ticks, data.raw_mult));
    } while (seq_read_retry(seq, s));
    return unlikely(tscs_differ) ? never_back(&last_raw, ns) : ns;
}

static inline ns_t read_clock(s64 *wall)
{
    const struct seqcount *seq = (const struct seqcount *)&data.seq;
    u32 s;
    u64 base_tsc, base_ns, mult, now;
    s64 offset;
    do {
        s = seq_read_begin(seq);
        now = rdtsc();
        base_tsc = data.base_tsc;
        base_ns = data.base_ns;
        mult = data.mult;
        offset = data.wall_offset;
    } while (seq_read_retry(seq, s));
    *wall = offset;
    /* Another CPU may have set the base a moment ahead of this one's TSC. */
    return (s64)(now - base_tsc) < 0 ? base_ns : base_ns + vdso_scale(now - base_tsc, mult);
}

ns_t clock_monotonic(void)
{
    s64 wall;
    ensure_settled();
    ns_t now = read_clock(&wall);
    return unlikely(tscs_differ) ? never_back(&last_shown, now) : now;
}

static void store_tsc(void *arg)
{
    *(u64 *)arg = rdtsc();
}

void clock_check_cpu(u32 id)
{
    u64 there = 0;
    for (u32 i = 0; i < 3; i++) {
        u64 before = rdtsc();
        smp_call(1ul << id, store_tsc, &there, true);
        if (before <= there && there <= rdtsc())
            continue;
        kwarn("clock: the TSC of CPU %u differs; the vDSO is off", id);
        u64 flags = spin_lock_irqsave(&lock);
        tscs_differ = true;
        data.trusted = 0;
        spin_unlock_irqrestore(&lock, flags);
        return;
    }
}

/* Publishes realtime = `ns` at this moment. */
static void set_wall(ns_t ns, bool only_first)
{
    ns_t mono = clock_monotonic();
    u64 flags = spin_lock_irqsave(&lock);
    if (!only_first || !data.wall_known) {
        struct seqcount *seq = (struct seqcount *)&data.seq;
        seq_write_begin(seq);
        data.wall_offset = (s64)(ns - mono);
        data.wall_known = 1;
        seq_write_end(seq);
    }
    spin_unlock_irqrestore(&lock, flags);
}

static void find_wall(void)
{
    ns_t ns = clock_ref_wall();
    set_wall(MAX(ns, wall_floor), true); /* the CMOS clock counts whole seconds: the floor may know better */
}

ns_t clock_realtime(void)
{
    s64 wall;
    ensure_settled();
    if (unlikely(!READ_ONCE(data.wall_known)))
        find_wall();
    ns_t mono = read_clock(&wall);
    return (unlikely(tscs_differ) ? never_back(&last_shown, mono) : mono) + (u64)wall;
}

void clock_set_rate(s64 more)
{
    ensure_settled();
    u64 flags = spin_lock_irqsave(&lock);
    struct seqcount *seq = (struct seqcount *)&data.seq;
    if (more != rate && data.raw_mult) {
        seq_write_begin(seq);
        rebase(data.raw_mult, more);
        seq_write_end(seq);
    }
    spin_unlock_irqrestore(&lock, flags);
}

void clock_set_tai(s32 seconds)
{
    WRITE_ONCE(data.tai_offset, seconds);
}

void clock_leap(s32 seconds)
{
    u64 flags = spin_lock_irqsave(&lock);
    struct seqcount *seq = (struct seqcount *)&data.seq;
    seq_write_begin(seq);
    data.wall_offset -= (s64)seconds * 1000000000;
    data.tai_offset += seconds;
    seq_write_end(seq);
    spin_unlock_irqrestore(&lock, flags);
}

s32 clock_tai(void)
{
    return READ_ONCE(data.tai_offset);
}

/* What the clock is ahead of the monotonic one: a leap second changes both of its parts. */
static s64 offset_of(enum clock_base base)
{
    const struct seqcount *seq = (const struct seqcount *)&data.seq;
    u32 s;
    s64 offset;
    do {
        s = seq_read_begin(seq);
        offset = data.wall_offset + (base == CLOCK_BASE_TAI ? data.tai_offset * 1000000000L : 0);
    } while (seq_read_retry(seq, s));
    return offset;
}

ns_t clock_now(enum clock_base base)
{
    if (base != CLOCK_BASE_TAI)
        return base == CLOCK_BASE_MONO ? clock_monotonic() : clock_realtime();
    const struct seqcount *seq = (const struct seqcount *)&data.seq;
    u32 s;
    ns_t now;
    do {
        s = seq_read_begin(seq);
        now = clock_realtime() + (u64)((s64)clock_tai() * 1000000000);
    } while (seq_read_retry(seq, s));
    return now;
}

ns_t clock_to_mono(enum clock_base base, ns_t when)
{
    if (base == CLOCK_BASE_MONO || when == NS_FOREVER)
        return when;
    if (unlikely(!READ_ONCE(data.wall_known)))
        find_wall();
    s64 mono = (s64)when - offset_of(base);
    return mono > 0 ? (ns_t)mono : 0;
}

int clock_set_realtime(ns_t ns)
{
    if (ns < clock_monotonic())
        return -EINVAL; /* as Linux: the wall clock is not older than the boot */
    set_wall(ns, false);
    return 0;
}

void clock_set_floor(ns_t ns)
{
    wall_floor = ns;
    if (data.wall_known && clock_realtime() < ns)
        set_wall(ns, false);
}

u64 clock_tsc_khz(void)
{
    ensure_settled();
    return (~0ull / data.raw_mult) * 1000000 >> 32;
}

u64 clock_to_tsc(ns_t when)
{
    const struct seqcount *seq = (const struct seqcount *)&data.seq;
    u32 s;
    u64 tsc;
    ensure_settled();
    do {
        s = seq_read_begin(seq);
        ns_t ahead = when > data.base_ns ? when - data.base_ns : 0;
        tsc = data.base_tsc + vdso_scale(MIN(ahead, AHEAD_MAX_NS), ticks_per_ns);
    } while (seq_read_retry(seq, s));
    return tsc;
}
