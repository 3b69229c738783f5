// SPDX-License-Identifier: MIT
/* Changing what a thread is scheduled by, while it sleeps, waits, runs or moves. */
#include "abi/errno.h"
#include "sched/runq.h"

/* Locks the run queue that t belongs to, which may change until it is locked. Interrupts off. */
static struct runq *lock_runq_of(struct thread *t)
{
    for (;;) {
        u32 id = READ_ONCE(t->cpu);
        spin_lock(&runqs[id].lock);
        /* In this order: sched_activate() elsewhere sets cpu before it ends MOVING. */
        if (load_acquire(&t->on_rq) != MOVING && READ_ONCE(t->cpu) == id)
            return &runqs[id];
        spin_unlock(&runqs[id].lock);
        cpu_relax();
    }
}

static bool is_queued(const struct runq *rq, const struct thread *t)
{
    return t->on_rq == 1 && rq->current != t;
}

/* Its real-time level, by policy and boost. Who sinks comes before its new equals, who rises behind them, who stays keeps
 * its place. */
static void set_level(struct runq *rq, struct thread *t)
{
    u8 old = t->level, new = MAX(t->rt_priority, t->boost);
    if (new == old)
        return;
    bool queued = is_queued(rq, t);
    if (queued)
        runq_dequeue(rq, t);
    else if (rq->current == t)
        runq_charge(rq, t, clock_monotonic());
    if (!new)
        t->vruntime = rq->min_vruntime;
    WRITE_ONCE(t->level, new);
    if (queued) {
        runq_enqueue(rq, t, new < old);
        if (runq_preempts(rq, t))
            sched_resched_cpu(t->cpu);
    } else if (rq->current == t) {
        sched_resched_cpu(t->cpu);
    }
}

int sched_set_policy(struct thread *t, u8 policy, u8 rt_priority)
{
    u64 flags = irq_save();
    struct runq *rq = lock_runq_of(t);
    if (rq->current == t)
        runq_charge(rq, t, clock_monotonic());
    t->policy = policy;
    t->rt_priority = rt_priority;
    t->slice_used = 0;
    set_level(rq, t);
    if (rq->current == t)
        sched_resched_cpu(t->cpu);
    spin_unlock(&rq->lock);
    irq_restore(flags);
    return 0;
}

void sched_set_boost(struct thread *t, u8 level)
{
    if (t->boost == level)
        return;
    u64 flags = irq_save();
    struct runq *rq = lock_runq_of(t);
    t->boost = level;
    set_level(rq, t);
    spin_unlock(&rq->lock);
    irq_restore(flags);
}

void sched_set_nice(struct thread *t, s8 nice)
{
    u64 flags = irq_save();
    struct runq *rq = lock_runq_of(t);
    if (rq->current == t)
        runq_charge(rq, t, clock_monotonic());
    t->nice = nice;
    spin_unlock(&rq->lock);
    irq_restore(flags);
}

int sched_set_affinity(struct thread *t, u64 mask)
{
    if (!(mask & atomic_read(&online_mask)))
        return -EINVAL;
    u64 flags = irq_save();
    struct runq *rq = lock_runq_of(t);
    t->affinity = mask;
    bool wrong = !(mask >> t->cpu & 1), queued = is_queued(rq, t), running = rq->current == t;
    if (wrong && queued) {
        runq_dequeue(rq, t);
        t->on_rq = MOVING;
    } else if (wrong && running) {
        sched_resched_cpu(t->cpu);
    }
    spin_unlock(&rq->lock);
    if (wrong && queued)
        sched_activate(t, sched_select_cpu(t));
    irq_restore(flags);
    if (t == current_thread() && wrong)
        schedule();
    return 0;
}
