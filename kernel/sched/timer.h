/* SPDX-License-Identifier: MIT */
/*
 * One-shot timers on the CPU that arms them (a tree each; tickless), deferred work, and grace periods (RCU).
 */
#ifndef SCHED_TIMER_H
#define SCHED_TIMER_H

#include "sched/sched.h"

struct timer {
    struct rb_node node;
    ns_t when;                   /* absolute, on the clock of base */
    void (*fn)(struct timer *t); /* interrupt context; may re-arm */
    u32 cpu;                     /* + 1; 0: not armed */
    u32 base;                    /* enum clock_base */
};
void timer_init(struct timer *t, void (*fn)(struct timer *t));
void timer_set(struct timer *t, ns_t when); /* (re-)arms, on the monotonic clock */
void timer_set_on(struct timer *t, enum clock_base base, ns_t when);
bool timer_cancel(struct timer *t);      /* true: was armed. Does not wait for a running fn */
void timer_cancel_sync(struct timer *t); /* waits for a running fn; not from interrupts */
void timers_clock_was_set(void);         /* a clock jumped, or its rate changed: what is due fires. Process context */

struct work {
    struct list link;
    void (*fn)(struct work *w);
    u32 queued;
};
static inline void work_init(struct work *w, void (*fn)(struct work *w))
{
    list_init(&w->link);
    w->fn = fn;
    w->queued = 0;
}
bool work_queue(
    struct work *w); /* any context, wake-ups too; runs once in the work thread; false: was queued already */
void work_flush(struct work *w); /* waits until it is neither queued nor running */

/* Grace periods. Read sections do not sleep; a switch, idle and user mode are quiescent. */
static inline void rcu_read_lock(void)
{
    barrier();
}
static inline void rcu_read_unlock(void)
{
    barrier();
}
void rcu_call(struct rcu_head *h,
              void (*fn)(struct rcu_head *h)); /* fn runs in process context, after a grace period */
void rcu_synchronize(void);
bool rcu_busy(void);           /* callbacks are probably waiting */
void rcu_note_quiescent(void); /* the switch and idle call it */

void timer_module_init(void); /* after sched_init */
/* Boot: the thread that calls it becomes the work thread. Work queued and callbacks given earlier are done from then on. */
void __noreturn work_run_forever(void);
void rcu_start_thread(void);

#endif
