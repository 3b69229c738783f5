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

#include "abi/errno.h"
#include "abi/sched.h"
#include "arch/clock.h"
#include "arch/hooks.h"
#include "arch/irq.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "mem/slab.h"
#include "sched/internal.h"
#include "sched/timer.h"

#define SLICE_NS 3000000ull         /* a fair thread's turn when others wait */
#define WAKE_CREDIT_NS 3000000ull   /* how far behind the queue a sleeper may come back */
#define WAKE_GRANULARITY 1000000ull /* a wake-up preempts only when ahead by this much */
#define RR_SLICE_NS 100000000ull
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
} __cacheline;

static struct runq runqs[MAX_CPUS];
static atomic64_t idle_mask, online_mask;
static struct thread boot_thread;
static u32 load_avg[3];
static ns_t load_next;

bool (*sched_fatal_signal_pending)(const struct thread *t);
void (*sched_tick)(struct thread *t, bool from_user);

/* 1024 / 1.25^nice, and its inverse scaled by 2^32 for multiplication. */
static const u32 nice_weight[40] = {88818, 71054, 56843, 45475, 36380, 29104, 23283, 18626, 14901, 11921,
                                    9537,  7629,  6104,  4883,  3906,  3125,  2500,  2000,  1600,  1280,
                                    1024,  819,   655,   524,   419,   336,   268,   215,   172,   137,
                                    110,   88,    70,    56,    45,    36,    29,    23,    18,    15};

static bool is_rt(const struct thread *t)
{
    return t->policy == SCHED_FIFO || t->policy == SCHED_RR;
}
static bool is_idle(const struct thread *t)
{
    return t == percpu_area[t->cpu].idle;
}
static u32 weight_of(const struct thread *t)
{
    return t->policy == SCHED_IDLE ? 3 : nice_weight[t->nice + 20];
}

/* ---- the queue (lock held) ---- */

static void rt_insert(struct runq *rq, struct thread *t, bool first)
{
    struct thread *other;
    list_for_each (other, &rq->rt, rq_link) {
        if (other->rt_priority < t->rt_priority || (first && other->rt_priority == t->rt_priority))
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

static void enqueue(struct runq *rq, struct thread *t, bool first)
{
    if (is_rt(t))
        rt_insert(rq, t, first);
    else
        fair_insert(rq, t);
    rq->queued++;
}

static void dequeue(struct runq *rq, struct thread *t)
{
    if (is_rt(t))
        list_del_init(&t->rq_link);
    else
        rb_erase(&rq->fair, &t->rq_node, NULL);
    rq->queued--;
}

static struct thread *first_of(struct runq *rq)
{
    if (!list_empty(&rq->rt))
        return list_first(&rq->rt, struct thread, rq_link);
    struct rb_node *n = rb_first(&rq->fair);
    return n ? rb_entry(n, struct thread, rq_node) : NULL;
}

/* Charges the running thread for the time since the last accounting point. */
static void charge(struct runq *rq, struct thread *t, ns_t now)
{
    ns_t delta = now - t->time_stamp;
    t->time_stamp = now;
    if (is_idle(t)) {
        rq->idle_ns += delta;
        return;
    }
    t->run_ns += delta;
    if (t->policy != SCHED_FIFO) /* there only a yield uses it up */
        t->slice_used += delta;
    if (is_rt(t))
        return;
    t->vruntime += t->nice == 0 && t->policy != SCHED_IDLE ? delta : delta * 1024 / weight_of(t);
    struct thread *f = first_of(rq);
    u64 least = f && !is_rt(f) && (s64)(f->vruntime - t->vruntime) < 0 ? f->vruntime : t->vruntime;
    if ((s64)(least - rq->min_vruntime) > 0)
        rq->min_vruntime = least;
}

/* Should `t`, just queued, run instead of the current thread? */
static bool preempts(struct runq *rq, const struct thread *t)
{
    const struct thread *c = rq->current;
    if (is_idle(c))
        return true;
    if (is_rt(t))
        return !is_rt(c) || t->rt_priority > c->rt_priority;
    if (is_rt(c))
        return false;
    if (c->policy == SCHED_IDLE)
        return t->policy != SCHED_IDLE;
    if (t->policy == SCHED_BATCH || t->policy == SCHED_IDLE)
        return false;
    u64 ran = clock_monotonic() - c->time_stamp;
    return (s64)(c->vruntime + ran - t->vruntime) > (s64)WAKE_GRANULARITY;
}

static void resched_cpu(u32 id)
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

static u32 select_cpu(const struct thread *t)
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

/* Puts a thread that is on no queue and no CPU onto a run queue. Interrupts off. */
static void activate(struct thread *t, u32 id)
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
    enqueue(rq, t, false);
    if (preempts(rq, t))
        resched_cpu(id);
    spin_unlock(&rq->lock);
}

/* Takes t, asleep or new, for activate(): until that has placed it, lock_runq_of() waits, so that nobody changes the policy
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
    activate(t, select_cpu(t));
    irq_restore(flags);
}

void sched_fork(struct thread *child)
{
    struct thread *t = current_thread();
    child->affinity = t->affinity;
    child->vruntime = t->vruntime;
    if (t->reset_on_fork) {
        child->nice = t->nice < 0 ? 0 : t->nice;
        return;
    }
    child->policy = t->policy;
    child->nice = t->nice;
    child->rt_priority = t->rt_priority;
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
            activate(t, select_cpu(t));
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

static bool steal(struct runq *rq);

static struct thread *pick(struct runq *rq, struct thread *prev)
{
    struct thread *next = first_of(rq);
    if (!next)
        return percpu_area[cpu_id()].idle;
    dequeue(rq, next);
    (void)prev;
    return next;
}

static void finish_switch(struct thread *last)
{
    struct runq *rq = &runqs[cpu_id()];
    bool dead = last->state == THREAD_DEAD, migrate = last->migrate;
    last->migrate = 0;
    if (dead && !is_idle(last))
        thread_free_stack(last);
    store_release(&last->on_cpu, 0);
    spin_unlock(&rq->lock);
    if (migrate)
        activate(last, select_cpu(last));
    if (dead)
        thread_put(last);
}

void hook_thread_first(struct thread *prev)
{
    finish_switch(prev);
    irq_enable();
}

static void set_idle(u32 id, bool idle)
{
    if (idle)
        atomic_or(&idle_mask, 1ull << id);
    else
        atomic_and(&idle_mask, ~(1ull << id));
}

/* What becomes of the thread that is leaving: queued again, asleep, or to be moved. */
static void put_prev(struct runq *rq, struct thread *prev, u32 id)
{
    if (is_idle(prev))
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
    bool keeps_turn = is_rt(prev) && prev->slice_used < RR_SLICE_NS;
    enqueue(rq, prev, keeps_turn);
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

static void switch_threads(struct runq *rq, struct thread *prev, struct thread *next, ns_t now)
{
    u32 id = cpu_id();
    if (is_idle(prev) != is_idle(next))
        set_idle(id, is_idle(next));
    if (!is_idle(next))
        start_tick(rq, now);
    next->cpu = id;
    /* Before its look at `work` on the way to user mode; signal_wake_thread writes `work` and then looks here. */
    __atomic_store_n(&next->on_cpu, 1, __ATOMIC_SEQ_CST);
    next->time_stamp = now;
    next->slice_start = now;
    rq->current = next;
    rq->switches++;
    ASSERT(is_idle(prev) || prev == &boot_thread || *(u64 *)prev->arch.kstack == STACK_CANARY);
    hook_switch_mm(prev->mm, next->mm);
    finish_switch(arch_switch(prev, next));
    /* Who runs is runnable: a waker that was held up between its two stores may have found the next sleep. */
    WRITE_ONCE(prev->state, THREAD_RUNNABLE);
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
    charge(rq, prev, now);
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
    if (is_rt(t)) {
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

/* ---- sleeping ---- */

void sleep_prepare(enum thread_state state)
{
    __atomic_store_n(&current_thread()->state, (u32)state, __ATOMIC_SEQ_CST);
}

void sleep_cancel(void)
{
    WRITE_ONCE(current_thread()->state, THREAD_RUNNABLE);
}

struct sleep_timer {
    struct timer timer;
    struct thread *thread;
    bool expired;
};

static void sleep_expired(struct timer *t)
{
    struct sleep_timer *s = container_of(t, struct sleep_timer, timer);
    WRITE_ONCE(s->expired, true);
    thread_wake(s->thread, WAKE_NORMAL);
}

int sleep_until(ns_t deadline)
{
    if (deadline == NS_FOREVER) {
        schedule();
        return 0;
    }
    if (deadline <= clock_monotonic()) {
        sleep_cancel();
        return -ETIMEDOUT;
    }
    struct sleep_timer s = {.thread = current_thread()};
    timer_init(&s.timer, sleep_expired);
    timer_set(&s.timer, deadline);
    schedule();
    timer_cancel_sync(&s.timer);
    return READ_ONCE(s.expired) ? -ETIMEDOUT : 0;
}

int thread_sleep_interruptible(ns_t deadline)
{
    for (;;) {
        sleep_prepare(THREAD_SLEEP_INT);
        if (signal_wakes(current_thread(), THREAD_SLEEP_INT)) {
            sleep_cancel();
            return -EINTR;
        }
        if (sleep_until(deadline) == -ETIMEDOUT)
            return 0;
    }
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

/* ---- balance ---- */

static struct thread *first_stealable(struct runq *rq, u32 to)
{
    struct thread *t;
    list_for_each (t, &rq->rt, rq_link) {
        if (t->affinity >> to & 1)
            return t;
    }
    for (struct rb_node *n = rb_first(&rq->fair); n; n = rb_next(n)) {
        t = rb_entry(n, struct thread, rq_node);
        if (t->affinity >> to & 1)
            return t;
    }
    return NULL;
}

/* An idle CPU takes a waiting thread from the CPU that has most of them. Interrupts off, no lock held. */
static bool steal(struct runq *rq)
{
    u32 me = (u32)(rq - runqs), from = me, most = 0;
    for (u32 i = 0; i < cpu_count; i++) {
        u32 n = READ_ONCE(runqs[i].queued);
        if (i != me && n > most) {
            most = n;
            from = i;
        }
    }
    if (from == me)
        return false;
    struct runq *victim = &runqs[from];
    spin_lock(&victim->lock);
    struct thread *t = first_stealable(victim, me);
    if (t) {
        dequeue(victim, t);
        t->on_rq = MOVING;
    }
    spin_unlock(&victim->lock);
    if (t)
        activate(t, me);
    return t != NULL;
}

static void kick_idle_cpu(struct runq *rq)
{
    u64 idle = atomic_read(&idle_mask) & ~(1ull << cpu_id());
    if (idle && rq->queued)
        irq_send_resched((u32)__builtin_ctzll(idle));
}

/* ---- the tick ---- */

static void update_load(ns_t now)
{
    static const u32 decay[3] = {64411, 65320, 65455}; /* exp(-1/60), exp(-1/300), exp(-1/900), in 16.16, each second */
    ns_t next = READ_ONCE(load_next);
    if (now < next ||
        !__atomic_compare_exchange_n(&load_next, &next, now + 1000000000ull, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
        return;
    u64 active = (u64)sched_runnable_count() << 16;
    u64 seconds = next ? MIN((now - next) / 1000000000ull + 1, 3600ull) : 1;
    for (u32 i = 0; i < 3; i++) {
        u64 avg = load_avg[i];
        for (u64 k = 0; k < seconds; k++) {
            u64 load = k + 1 == seconds ? active : 0; /* seconds without a tick were idle */
            avg = (avg * decay[i] + load * (65536 - decay[i])) >> 16;
        }
        load_avg[i] = (u32)avg;
    }
}

static void tick(struct runq *rq, ns_t now, bool from_user)
{
    struct thread *t = rq->current;
    if (is_idle(t)) {
        rq->next_tick = NS_FOREVER;
        return;
    }
    rq->next_tick = now + SCHED_TICK_NS;
    spin_lock(&rq->lock);
    charge(rq, t, now);
    if (from_user) {
        t->ticks_user++;
        rq->user_ns += SCHED_TICK_NS;
    } else {
        t->ticks_sys++;
        rq->sys_ns += SCHED_TICK_NS;
    }
    struct thread *other = first_of(rq);
    bool turn_over =
        is_rt(t) ? t->policy == SCHED_RR && t->slice_used >= RR_SLICE_NS : now - t->slice_start >= SLICE_NS;
    if (other && (turn_over || (is_rt(other) && !is_rt(t))))
        thread_set_work(t, WORK_RESCHED);
    kick_idle_cpu(rq);
    spin_unlock(&rq->lock);
    update_load(now);
    if (sched_tick)
        sched_tick(t, from_user);
}

void hook_timer_interrupt(bool from_user)
{
    ns_t now = clock_monotonic();
    struct runq *rq = &runqs[cpu_id()];
    if (from_user)
        rcu_note_quiescent();
    timer_run_due(now);
    if (now >= rq->next_tick)
        tick(rq, now, from_user);
    timer_program(rq->next_tick);
}

void hook_resched_ipi(void)
{
    thread_set_work(current_thread(), WORK_RESCHED);
}

void hook_yield(void)
{
    sched_yield();
}

void hook_irq_exit(void) {}

/* ---- idle, and CPUs coming up ---- */

void sched_idle_loop(void)
{
    u32 id = cpu_id();
    struct runq *rq = &runqs[id];
    set_idle(id, true);
    for (;;) {
        irq_disable();
        rcu_note_quiescent();
        if (rq->queued || steal(rq)) {
            irq_enable();
            schedule();
            continue;
        }
        thread_clear_work(current_thread(), WORK_RESCHED);
        if (READ_ONCE(rq->queued)) {
            irq_enable();
            continue;
        }
        arch_idle();
    }
}

static void runq_init(u32 id)
{
    struct runq *rq = &runqs[id];
    spin_init(&rq->lock, LOCK_NONE);
    list_init(&rq->rt);
    rq->next_tick = NS_FOREVER;
}

static void become_idle_thread(struct thread *t, u32 id)
{
    t->cpu = id;
    t->state = THREAD_RUNNABLE;
    t->on_cpu = 1;
    t->time_stamp = clock_monotonic();
    runqs[id].current = t;
    percpu_area[id].idle = t;
}

void sched_init(void)
{
    runq_init(0);
    this_cpu()->current = &boot_thread;
    become_idle_thread(&boot_thread, 0);
    thread_init_fields(&boot_thread, "idle/0");
    boot_thread.state = THREAD_RUNNABLE;
    this_cpu()->online = 1;
    atomic_set(&online_mask, 1);
}

static void never(void *arg)
{
    (void)arg;
    panic("an idle thread started twice");
}

u64 hook_prepare_cpu(u32 id)
{
    char name[16];
    snprintf(name, sizeof(name), "idle/%u", id);
    struct thread *t = thread_create(never, NULL, name);
    if (!t)
        return 0;
    runq_init(id);
    become_idle_thread(t, id);
    percpu_area[id].current = t;
    return t->arch.kstack + KSTACK_SIZE;
}

void hook_secondary_cpu(void)
{
    u32 id = cpu_id();
    current_thread()->time_stamp = clock_monotonic();
    this_cpu()->online = 1;
    atomic_or(&online_mask, 1ull << id);
    irq_enable();
    sched_idle_loop();
}

/* ---- policy ---- */

/* Locks the run queue that t belongs to, which may change until it is locked. Interrupts off. */
static struct runq *lock_runq_of(struct thread *t)
{
    for (;;) {
        u32 id = READ_ONCE(t->cpu);
        spin_lock(&runqs[id].lock);
        /* In this order: activate() elsewhere sets cpu before it ends MOVING. */
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

int sched_set_policy(struct thread *t, u8 policy, u8 rt_priority)
{
    u64 flags = irq_save();
    struct runq *rq = lock_runq_of(t);
    bool queued = is_queued(rq, t);
    if (queued)
        dequeue(rq, t);
    if (is_rt(t) && policy != SCHED_FIFO && policy != SCHED_RR)
        t->vruntime = rq->min_vruntime;
    t->policy = policy;
    t->rt_priority = rt_priority;
    t->slice_used = 0;
    if (queued) {
        enqueue(rq, t, false);
        if (preempts(rq, t))
            resched_cpu(t->cpu);
    } else if (rq->current == t) {
        resched_cpu(t->cpu);
    }
    spin_unlock(&rq->lock);
    irq_restore(flags);
    return 0;
}

void sched_set_nice(struct thread *t, s8 nice)
{
    u64 flags = irq_save();
    struct runq *rq = lock_runq_of(t);
    if (rq->current == t)
        charge(rq, t, clock_monotonic());
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
        dequeue(rq, t);
        t->on_rq = MOVING;
    } else if (wrong && running) {
        resched_cpu(t->cpu);
    }
    spin_unlock(&rq->lock);
    if (wrong && queued)
        activate(t, select_cpu(t));
    irq_restore(flags);
    if (t == current_thread() && wrong)
        schedule();
    return 0;
}

/* ---- figures ---- */

void thread_times(const struct thread *t, ns_t *user, ns_t *sys)
{
    u64 flags = irq_save(); /* the tick moves run_ns and time_stamp together */
    ns_t total = READ_ONCE(t->run_ns);
    if (t == current_thread())
        total += clock_monotonic() - t->time_stamp;
    irq_restore(flags);
    u64 u = t->ticks_user, s = t->ticks_sys;
    *user = s == 0 ? total : u == 0 ? 0 : total / (u + s) * u;
    *sys = total - *user;
}

void cpu_times(u32 id, ns_t *user, ns_t *sys, ns_t *idle)
{
    struct runq *rq = &runqs[id];
    *user = rq->user_ns;
    *sys = rq->sys_ns;
    *idle = rq->idle_ns;
    if (atomic_read(&idle_mask) >> id & 1)
        *idle += clock_monotonic() - percpu_area[id].idle->time_stamp;
}

u64 sched_load_avg(u32 i)
{
    return load_avg[i];
}

u64 sched_context_switches(void)
{
    u64 n = 0;
    for (u32 i = 0; i < cpu_count; i++)
        n += runqs[i].switches;
    return n;
}

u32 sched_runnable_count(void)
{
    u32 n = 0;
    u64 idle = atomic_read(&idle_mask);
    for (u32 i = 0; i < cpu_count; i++)
        n += runqs[i].queued + (percpu_area[i].online && !(idle >> i & 1));
    return n;
}

u64 sched_idle_mask(void)
{
    return atomic_read(&idle_mask);
}

u64 sched_online_mask(void)
{
    return atomic_read(&online_mask);
}
