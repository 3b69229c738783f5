// SPDX-License-Identifier: MIT
/*
 * The scheduler.
 *
 * A run queue a CPU: a tree of fair threads by virtual runtime, a list of real-time threads by priority. The running
 * thread is not in them, but on_rq stays 1 as long as it is runnable; so "on_rq == 0" means "really asleep".
 *
 * Sleep against wake-up.
 *     sleeper                                        waker
 *     state = SLEEPING (full barrier)                condition = true (full barrier)
 *     condition false?                               lock wake_lock; state SLEEPING? state = RUNNABLE
 *     schedule: lock runq                            lock runq of t->cpu
 *       state RUNNABLE: stays on_rq                    on_rq: done, the sleeper saw or will see RUNNABLE
 *       else on_rq = 0, switch away, unlock            else: unlock; wait for on_cpu == 0; enqueue
 *     schedule returns: state = RUNNABLE
 * A waker that stops for long between its two steps may wake the sleeper from a later sleep: sleeps may end early, and the
 * sleeper looks at its condition again. thread_wake itself is the waker's barrier.
 * The run-queue lock is held across the switch and released by the next thread (finish_switch), so nobody sees a thread
 * in the middle of it. on_cpu is cleared there too, when the stack is no longer in use.
 *
 * A busy CPU has a tick (SCHED_TICK_NS) for slices, sampling and balance; an idle CPU has none.
 * Locks: runq.lock (interrupts off; two only in CPU order — in fact no path here holds two); thread.wake_lock before it.
 */
#include "sched/sched.h"

#include "arch/hooks.h"
#include "lib/printf.h"
#include "sched/runq.h"
#include "sched/timer.h"

#define WAKE_CREDIT_NS 3000000ull   /* how far behind the queue a sleeper may come back */
#define WAKE_GRANULARITY 1000000ull /* a wake-up preempts only when ahead by this much */

struct runq runqs[MAX_CPUS];
atomic64_t idle_mask, online_mask;

bool (*sched_fatal_signal_pending)(const struct thread *t);

/* 1024 / 1.25^nice. */
static const u32 nice_weight[40] = {88818, 71054, 56843, 45475, 36380, 29104, 23283, 18626, 14901, 11921,
                                    9537,  7629,  6104,  4883,  3906,  3125,  2500,  2000,  1600,  1280,
                                    1024,  819,   655,   524,   419,   336,   268,   215,   172,   137,
                                    110,   88,    70,    56,    45,    36,    29,    23,    18,    15};

static u32 weight_of(const struct thread *t)
{
    return t->policy == SCHED_IDLE ? 3 : nice_weight[t->nice + 20];
}

/* ---- the queue (lock held) ---- */

static void rt_insert(struct runq *rq, struct thread *t, bool first)
{
    struct thread *other;
    list_for_each (other, &rq->rt, rq_link) {
        if (other->level < t->level || (first && other->level == t->level))
            break;
    }
    list_add_tail(&other->rq_link, &t->rq_link);
}

static void fair_insert(struct runq *rq, struct thread *t)
{
    struct rb_node **link = &rq->fair.node, *parent = NULL;
    while (*link) {
        parent = *link;
        bool before = (s64)(t->vruntime - rb_entry(parent, struct thread, rq_node)->vruntime) < 0;
        link = before ? &parent->left : &parent->right;
    }
    rb_link(&t->rq_node, parent, link);
    rb_insert_fixup(&rq->fair, &t->rq_node, NULL);
}

void runq_enqueue(struct runq *rq, struct thread *t, bool first)
{
    if (thread_is_rt(t))
        rt_insert(rq, t, first);
    else
        fair_insert(rq, t);
    rq->queued++;
}

void runq_dequeue(struct runq *rq, struct thread *t)
{
    if (thread_is_rt(t))
        list_del_init(&t->rq_link);
    else
        rb_erase(&rq->fair, &t->rq_node, NULL);
    rq->queued--;
}

struct thread *runq_first(struct runq *rq)
{
    struct rb_node *n = rb_first(&rq->fair);
    if (!list_empty(&rq->rt) && !(rq->rt_over && n))
        return list_first(&rq->rt, struct thread, rq_link);
    return n ? rb_entry(n, struct thread, rq_node) : NULL;
}

void runq_charge(struct runq *rq, struct thread *t, ns_t now)
{
    ns_t delta = now - t->time_stamp;
    t->time_stamp = now;
    if (thread_is_idle(t)) {
        rq->idle_ns += delta;
        return;
    }
    t->run_ns += delta;
    if (t->policy == SCHED_RR) /* elsewhere only a yield uses it up */
        t->slice_used += delta;
    if (thread_is_rt(t)) {
        rq->rt_used += t->boost ? 0 : delta;
        return;
    }
    t->vruntime += t->nice == 0 && t->policy != SCHED_IDLE ? delta : delta * 1024 / weight_of(t);
    struct thread *f = runq_first(rq);
    u64 least = f && !thread_is_rt(f) && (s64)(f->vruntime - t->vruntime) < 0 ? f->vruntime : t->vruntime;
    if ((s64)(least - rq->min_vruntime) > 0)
        rq->min_vruntime = least;
}

bool runq_preempts(struct runq *rq, const struct thread *t)
{
    const struct thread *c = rq->current;
    if (thread_is_idle(c))
        return true;
    if (thread_is_rt(t))
        return t->level > c->level && (thread_is_rt(c) || !rq->rt_over);
    if (thread_is_rt(c))
        return rq->rt_over;
    if (c->policy == SCHED_IDLE)
        return t->policy != SCHED_IDLE;
    if (t->policy == SCHED_BATCH || t->policy == SCHED_IDLE)
        return false;
    u64 ran = clock_monotonic() - c->time_stamp;
    return (s64)(c->vruntime + ran - t->vruntime) > (s64)WAKE_GRANULARITY;
}

void sched_resched_cpu(u32 id)
{
    struct thread *c = runqs[id].current;
    /* A full barrier between the caller's enqueue and this test: the idle loop clears the bit, then looks at the queue. */
    if (atomic_or(&c->arch.work, WORK_RESCHED) & WORK_RESCHED)
        return;
    if (id != cpu_id())
        irq_send_resched(id);
}

/* ---- placing ---- */

static u64 allowed_cpus(const struct thread *t)
{
    u64 m = t->affinity & atomic_read(&online_mask);
    return m ? m : atomic_read(&online_mask);
}

u32 sched_select_cpu(const struct thread *t)
{
    u64 allowed = allowed_cpus(t), idle = allowed & atomic_read(&idle_mask);
    if (idle >> t->cpu & 1)
        return t->cpu;
    u32 here = cpu_id();
    if (idle)
        return (u32)__builtin_ctzll(idle);
    if (allowed >> t->cpu & 1)
        return t->cpu;
    return allowed >> here & 1 ? here : (u32)__builtin_ctzll(allowed);
}

void sched_activate(struct thread *t, u32 id)
{
    struct runq *rq = &runqs[id];
    spin_lock(&rq->lock);
    if (t->cpu != id)
        t->vruntime += rq->min_vruntime - READ_ONCE(runqs[t->cpu].min_vruntime);
    WRITE_ONCE(t->cpu, id);
    u64 floor = rq->min_vruntime - WAKE_CREDIT_NS;
    if ((s64)(t->vruntime - floor) < 0)
        t->vruntime = floor;
    store_release(&t->on_rq, 1);
    runq_enqueue(rq, t, false);
    if (runq_preempts(rq, t))
        sched_resched_cpu(id);
    spin_unlock(&rq->lock);
}

/* Takes t, asleep or new, for sched_activate(): until that has placed it, lock_runq_of() waits, so that nobody changes the policy
 * (which decides about tree or list) or the CPU meanwhile. false: it is not off the queues. Interrupts off. */
static bool claim(struct thread *t)
{
    for (;;) {
        u32 id = READ_ONCE(t->cpu); /* a thread that did not go to sleep after all may be moved meanwhile */
        struct runq *rq = &runqs[id];
        spin_lock(&rq->lock);
        bool here = READ_ONCE(t->cpu) == id, asleep = here && !t->on_rq;
        if (asleep)
            t->on_rq = MOVING;
        spin_unlock(&rq->lock);
        if (here)
            return asleep;
    }
}

void thread_start(struct thread *t)
{
    u64 flags = irq_save();
    (void)claim(t);
    t->cpu = cpu_id();
    t->state = THREAD_RUNNABLE;
    sched_activate(t, sched_select_cpu(t));
    irq_restore(flags);
}

void sched_fork(struct thread *child)
{
    struct thread *t = current_thread();
    child->affinity = t->affinity;
    child->vruntime = t->vruntime;
    child->mempolicy = t->mempolicy;
    child->ioprio = t->ioprio;
    if (t->reset_on_fork) {
        child->nice = t->nice < 0 ? 0 : t->nice;
        return;
    }
    child->policy = t->policy;
    child->nice = t->nice;
    child->rt_priority = t->rt_priority;
    child->level = t->rt_priority; /* a boost is not inherited */
}

/* ---- wake-up ---- */

static bool reaches(u32 state, u32 kinds)
{
    switch (state) {
    case THREAD_SLEEP_INT:
        return kinds & (WAKE_NORMAL | WAKE_INT | WAKE_KILL);
    case THREAD_SLEEP_KILL:
        return kinds & (WAKE_NORMAL | WAKE_KILL);
    case THREAD_SLEEP_UNINT:
        return kinds & WAKE_NORMAL;
    case THREAD_STOPPED:
        return kinds & WAKE_STOPPED;
    default:
        return false;
    }
}

bool thread_wake(struct thread *t, u32 kinds)
{
    /* The caller's condition before the look at the state; a lock taken before the condition was set is no barrier. */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (!reaches(READ_ONCE(t->state), kinds))
        return false;
    u64 flags = spin_lock_irqsave(&t->wake_lock);
    bool woken = reaches(t->state, kinds);
    if (woken) {
        WRITE_ONCE(t->state, THREAD_RUNNABLE);
        if (claim(t)) {
            while (load_acquire(&t->on_cpu))
                cpu_relax();
            sched_activate(t, sched_select_cpu(t));
        }
    }
    spin_unlock_irqrestore(&t->wake_lock, flags);
    return woken;
}

bool signal_wakes(const struct thread *t, enum thread_state state)
{
    if (!thread_work(t, WORK_SIGNAL | WORK_NOTIFY))
        return false;
    if (state == THREAD_SLEEP_INT)
        return true;
    return state == THREAD_SLEEP_KILL && sched_fatal_signal_pending && sched_fatal_signal_pending(t);
}

/* ---- the switch ---- */

static struct thread *pick(struct runq *rq, struct thread *prev)
{
    struct thread *next = runq_first(rq);
    if (!next)
        return percpu_area[cpu_id()].idle;
    runq_dequeue(rq, next);
    (void)prev;
    return next;
}

static void finish_switch(struct thread *last)
{
    struct runq *rq = &runqs[cpu_id()];
    bool dead = last->state == THREAD_DEAD, migrate = last->migrate;
    last->migrate = 0;
    if (dead && !thread_is_idle(last))
        thread_free_stack(last);
    store_release(&last->on_cpu, 0);
    spin_unlock(&rq->lock);
    if (migrate)
        sched_activate(last, sched_select_cpu(last));
    if (dead)
        thread_put(last);
}

void hook_thread_first(struct thread *prev)
{
    finish_switch(prev);
    irq_enable();
}

void sched_set_idle(u32 id, bool idle)
{
    if (idle)
        atomic_or(&idle_mask, 1ull << id);
    else
        atomic_and(&idle_mask, ~(1ull << id));
}

/* What becomes of the thread that is leaving: queued again, asleep, or to be moved. */
static void put_prev(struct runq *rq, struct thread *prev, u32 id)
{
    if (thread_is_idle(prev))
        return;
    if (prev->state != THREAD_RUNNABLE) {
        prev->on_rq = 0;
        prev->switches_vol++;
        return;
    }
    prev->switches_invol++;
    if (!(allowed_cpus(prev) >> id & 1)) {
        prev->on_rq = MOVING; /* finish_switch places it */
        prev->migrate = 1;
        return;
    }
    bool keeps_turn = thread_is_rt(prev) && prev->slice_used < RR_SLICE_NS;
    runq_enqueue(rq, prev, keeps_turn);
    if (!keeps_turn)
        prev->slice_used = 0;
}

static void start_tick(struct runq *rq, ns_t now)
{
    if (rq->next_tick > now && rq->next_tick != NS_FOREVER)
        return;
    rq->next_tick = now + SCHED_TICK_NS;
    timer_program_earlier(rq->next_tick);
}

/* The calling thread is back: was it torn out of user mode's code, or has it moved? Then its restartable sequence hears of it. */
static void note_return(struct thread *t)
{
    if (t->rseq_cpu != cpu_id() || arch_user_frame(&t->arch)->orig_rax == ~0ull)
        thread_set_work(t, WORK_RSEQ);
}

static void switch_threads(struct runq *rq, struct thread *prev, struct thread *next, ns_t now)
{
    u32 id = cpu_id();
    if (thread_is_idle(prev) != thread_is_idle(next))
        sched_set_idle(id, thread_is_idle(next));
    if (!thread_is_idle(next))
        start_tick(rq, now);
    next->cpu = id;
    /* Before its look at `work` on the way to user mode; signal_wake_thread writes `work` and then looks here. */
    __atomic_store_n(&next->on_cpu, 1, __ATOMIC_SEQ_CST);
    next->time_stamp = now;
    next->slice_start = now;
    rq->current = next;
    rq->switches++;
    ASSERT(thread_is_idle(prev) || *(u64 *)prev->arch.kstack == STACK_CANARY);
    hook_switch_mm(prev->mm, next->mm);
    finish_switch(arch_switch(prev, next));
    /* Who runs is runnable: a waker that was held up between its two stores may have found the next sleep. */
    WRITE_ONCE(prev->state, THREAD_RUNNABLE);
    if (prev->rseq)
        note_return(prev);
}

void schedule(void)
{
    lockdep_assert_may_sleep();
    u64 flags = irq_save();
    struct thread *prev = current_thread();
    u32 id = cpu_id();
    struct runq *rq = &runqs[id];
    rcu_note_quiescent();
    ns_t now = clock_monotonic();
    spin_lock(&rq->lock);
    thread_clear_work(prev, WORK_RESCHED);
    runq_charge(rq, prev, now);
    put_prev(rq, prev, id);
    struct thread *next = pick(rq, prev);
    if (next != prev)
        switch_threads(rq, prev, next, now);
    else
        spin_unlock(&rq->lock);
    irq_restore(flags);
}

void sched_yield(void)
{
    struct thread *t = current_thread();
    u64 flags = irq_save();
    struct runq *rq = &runqs[cpu_id()];
    spin_lock(&rq->lock);
    if (thread_is_rt(t)) {
        t->slice_used = RR_SLICE_NS;
    } else {
        struct rb_node *last = rb_last(&rq->fair); /* behind everyone who waits */
        if (last && (s64)(rb_entry(last, struct thread, rq_node)->vruntime - t->vruntime) > 0)
            t->vruntime = rb_entry(last, struct thread, rq_node)->vruntime;
    }
    bool alone = rq->queued == 0;
    spin_unlock(&rq->lock);
    irq_restore(flags);
    if (!alone)
        schedule();
    else
        rcu_note_quiescent();
}

void thread_exit(void)
{
    struct thread *t = current_thread();
    irq_disable();
    spin_lock(&t->wake_lock); /* a waker of an earlier sleep has made its store, or makes none */
    WRITE_ONCE(t->state, THREAD_DEAD);
    spin_unlock(&t->wake_lock);
    schedule();
    panic("a dead thread ran");
}
