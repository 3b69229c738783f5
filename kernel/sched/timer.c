// SPDX-License-Identifier: MIT
/*
 * One-shot timers: a tree a CPU and clock, by time. A timer is armed on the CPU that sets it and fires there. The
 * hardware is programmed for the first timer or the scheduler's tick, whichever is earlier; it is not re-programmed when
 * the first timer is cancelled: a needless interrupt is cheaper than a device access at every cancel.
 *
 * Clocks: a timer stays at its own clock's time, whatever becomes of that clock. Absolute waits on the wall clock and on
 * TAI lie in trees of their own, and only what the hardware is programmed for is reckoned in monotonic time, with the
 * offset of the moment. When a clock jumps, nothing is moved: timers_clock_was_set() has each CPU look at what is first
 * now. Forward, that may have come already; back, the hardware's interrupt comes too early, finds nothing due, and is
 * set again. Who arms a timer meanwhile does so with interrupts off: before its CPU looks, which then sees the timer, or
 * after, with the new offset. A new rate is met in the same way. Relative waits are monotonic, so they do not move.
 *
 * States of a timer: idle (cpu 0) → armed (in the tree of cpu-1) → firing (base.running, not in the tree) → idle or
 * armed again by its own fn. timer_cancel_sync waits out "firing" on another CPU.
 * Locks: base.lock, interrupts off (LOCK_TIMER); fn is called without it.
 */
#include "sched/timer.h"

#include "arch/irq.h"
#include "sched/internal.h"

struct timer_base {
    struct spinlock lock;
    struct rb_root tree[CLOCK_BASES];
    struct timer *running;
    ns_t programmed; /* 0: never */
} __cacheline;

static struct timer_base bases[MAX_CPUS] = {
    [0 ... MAX_CPUS - 1] = {.lock = SPINLOCK_INIT(LOCK_TIMER), .programmed = NS_FOREVER}};

void timer_init(struct timer *t, void (*fn)(struct timer *t))
{
    t->fn = fn;
    t->cpu = 0;
    t->when = 0;
}

static void insert(struct timer_base *b, struct timer *t)
{
    struct rb_root *tree = &b->tree[t->base];
    struct rb_node **link = &tree->node, *parent = NULL;
    while (*link) {
        parent = *link;
        link = t->when < rb_entry(parent, struct timer, node)->when ? &parent->left : &parent->right;
    }
    rb_link(&t->node, parent, link);
    rb_insert_fixup(tree, &t->node, NULL);
}

static struct timer *first(struct timer_base *b, enum clock_base base)
{
    struct rb_node *n = rb_first(&b->tree[base]);
    return n ? rb_entry(n, struct timer, node) : NULL;
}

/* Of all trees, in monotonic time. (b->lock) */
static ns_t first_deadline(struct timer_base *b)
{
    ns_t when = NS_FOREVER;
    for (u32 i = 0; i < CLOCK_BASES; i++) {
        struct timer *t = first(b, i);
        if (t)
            when = MIN(when, clock_to_mono(i, t->when));
    }
    return when;
}

/* Locks the base t is armed on; NULL when it is not armed. Interrupts off. */
static struct timer_base *lock_base_of(struct timer *t)
{
    for (;;) {
        u32 c = READ_ONCE(t->cpu);
        if (c == 0)
            return NULL;
        spin_lock(&bases[c - 1].lock);
        if (t->cpu == c)
            return &bases[c - 1];
        spin_unlock(&bases[c - 1].lock);
    }
}

bool timer_cancel(struct timer *t)
{
    u64 flags = irq_save();
    struct timer_base *b = lock_base_of(t);
    if (b) {
        rb_erase(&b->tree[t->base], &t->node, NULL);
        WRITE_ONCE(t->cpu, 0);
        spin_unlock(&b->lock);
    }
    irq_restore(flags);
    return b != NULL;
}

void timer_set_on(struct timer *t, enum clock_base base, ns_t when)
{
    u64 flags = irq_save();
    ns_t mono = clock_to_mono(base, when);
    timer_cancel(t);
    struct timer_base *b = &bases[cpu_id()];
    spin_lock(&b->lock);
    t->when = when;
    t->base = base;
    insert(b, t);
    WRITE_ONCE(t->cpu, cpu_id() + 1);
    spin_unlock(&b->lock);
    timer_program_earlier(mono);
    irq_restore(flags);
}

void timer_set(struct timer *t, ns_t when)
{
    timer_set_on(t, CLOCK_BASE_MONO, when);
}

void timer_cancel_sync(struct timer *t)
{
    for (;;) {
        bool was_armed = timer_cancel(t);
        bool running = false;
        for (u32 i = 0; i < cpu_count; i++)
            running |= load_acquire(&bases[i].running) == t;
        if (!running && !was_armed && READ_ONCE(t->cpu) == 0)
            return;
        cpu_relax();
    }
}

void timer_program_earlier(ns_t when)
{
    struct timer_base *b = &bases[cpu_id()];
    if (when >= b->programmed)
        return;
    b->programmed = when;
    timer_hw_program(when);
}

void timer_program(ns_t tick)
{
    struct timer_base *b = &bases[cpu_id()];
    spin_lock(&b->lock);
    ns_t when = MIN(first_deadline(b), tick);
    spin_unlock(&b->lock);
    b->programmed = when;
    timer_hw_program(when);
}

/* Interrupt context of each CPU. */
static void look_again(void *arg)
{
    (void)arg;
    struct timer_base *b = &bases[cpu_id()];
    spin_lock(&b->lock);
    ns_t when = first_deadline(b);
    spin_unlock(&b->lock);
    b->programmed = MIN(b->programmed, when);
    timer_hw_program(b->programmed); /* though nothing came sooner: the hardware counts at its own rate */
}

void timers_clock_was_set(void)
{
    smp_call(sched_online_mask(), look_again, NULL, true);
}

/* Fires the timers of one clock that are due. (b->lock, let go of meanwhile) */
static void run_due(struct timer_base *b, enum clock_base base, ns_t now)
{
    struct timer *t;
    while ((t = first(b, base)) && t->when <= now) {
        rb_erase(&b->tree[base], &t->node, NULL);
        store_release(&b->running, t); /* before cpu = 0, so that cancel_sync sees one or the other */
        WRITE_ONCE(t->cpu, 0);
        spin_unlock(&b->lock);
        t->fn(t);
        spin_lock(&b->lock);
        store_release(&b->running, (struct timer *)NULL);
    }
}

ns_t timer_run_due(ns_t now)
{
    struct timer_base *b = &bases[cpu_id()];
    spin_lock(&b->lock);
    run_due(b, CLOCK_BASE_MONO, now);
    for (u32 i = CLOCK_BASE_MONO + 1; i < CLOCK_BASES; i++) {
        if (b->tree[i].node)
            run_due(b, i, clock_now(i));
    }
    ns_t next = first_deadline(b);
    spin_unlock(&b->lock);
    return next;
}
