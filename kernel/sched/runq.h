/* SPDX-License-Identifier: MIT */
/*
 * The run queues, for the files of the scheduler: sched.c (queues, wake-up, switch), idle.c (idle CPUs, stealing, bring-up),
 * tick.c (the tick, figures), policy.c (policy, nice, affinity).
 */
#ifndef SCHED_RUNQ_H
#define SCHED_RUNQ_H

#include "abi/sched.h"
#include "arch/clock.h"
#include "arch/irq.h"
#include "sched/internal.h"
#include "sched/sched.h"

#define RR_SLICE_NS 100000000ull
/* Real-time threads leave the fair ones a twentieth of each second (/proc/sys/kernel/sched_rt_period_us, _runtime_us). */
#define RT_PERIOD_NS 1000000000ull
#define RT_RUNTIME_NS 950000000ull
#define MOVING 2 /* on_rq: runnable, between two queues */

struct runq {
    struct spinlock lock; /* unchecked class: it is released by another thread than the one that took it */
    struct rb_root fair;
    struct list rt; /* by priority, highest first */
    u32 queued;     /* in fair and rt */
    u64 min_vruntime;
    struct thread *current;
    ns_t idle_ns, idle_since, user_ns, sys_ns;
    u64 switches;
    ns_t next_tick;
    ns_t rt_since, rt_used; /* the period began then; real-time threads have had so much of it, boosted ones aside */
    bool rt_over;           /* they have had their part: fair threads come first */
} __cacheline;

extern struct runq runqs[MAX_CPUS];
extern atomic64_t idle_mask, online_mask;

static inline bool thread_is_rt(const struct thread *t)
{
    return t->level;
}
static inline bool thread_is_idle(const struct thread *t)
{
    return t == percpu_area[t->cpu].idle;
}

/* With the queue's lock held. */
void runq_enqueue(struct runq *rq, struct thread *t, bool first); /* first: before its equals (real-time) */
void runq_dequeue(struct runq *rq, struct thread *t);
struct thread *runq_first(struct runq *rq);
void runq_charge(struct runq *rq, struct thread *t,
                 ns_t now); /* the running thread, for the time since the last call */
bool runq_preempts(struct runq *rq,
                   const struct thread *t); /* should t, just queued, run instead of the current one? */
void sched_resched_cpu(u32 id);

/* Interrupts off, no queue locked. */
u32 sched_select_cpu(const struct thread *t);
void sched_activate(struct thread *t, u32 id); /* t is on no queue and no CPU */
void sched_set_idle(u32 id, bool idle);

#endif
