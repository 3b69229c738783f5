// SPDX-License-Identifier: MIT
/* The tick of a busy CPU: turns, sampling of user and kernel time, the load; and the figures that come of it. */
#include "arch/hooks.h"
#include "sched/runq.h"
#include "sched/timer.h"

#define SLICE_NS 3000000ull /* a fair thread's turn when others wait */

static u32 load_avg[3];
static ns_t load_next;

void (*sched_tick)(struct thread *t, bool from_user);

static void kick_idle_cpu(struct runq *rq)
{
    u64 idle = atomic_read(&idle_mask) & ~(1ull << cpu_id());
    if (idle && rq->queued)
        irq_send_resched((u32)__builtin_ctzll(idle));
}

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

/* Once the real-time threads have had their part of the period, fair ones that wait come first until it ends. */
static void bound_rt(struct runq *rq, ns_t now)
{
    if (now - rq->rt_since >= RT_PERIOD_NS) {
        rq->rt_since = now;
        rq->rt_used = 0;
    }
    rq->rt_over = rq->rt_used >= RT_RUNTIME_NS;
}

static void tick(struct runq *rq, ns_t now, bool from_user)
{
    struct thread *t = rq->current;
    if (thread_is_idle(t)) {
        rq->next_tick = NS_FOREVER;
        return;
    }
    rq->next_tick = now + SCHED_TICK_NS;
    spin_lock(&rq->lock);
    runq_charge(rq, t, now);
    if (from_user) {
        t->user_ns = t->run_ns - t->sys_ns;
        rq->user_ns += SCHED_TICK_NS;
    } else {
        t->sys_ns = t->run_ns - t->user_ns;
        rq->sys_ns += SCHED_TICK_NS;
    }
    bound_rt(rq, now);
    struct thread *other = runq_first(rq);
    bool turn_over =
        thread_is_rt(t) ? t->policy == SCHED_RR && t->slice_used >= RR_SLICE_NS : now - t->slice_start >= SLICE_NS;
    if (other && (turn_over || thread_is_rt(other) != thread_is_rt(t)))
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

/* ---- figures ---- */

/* What of `rest`, which no tick has seen, was user time: in the proportion so far, all of it at first. */
static ns_t user_part(ns_t user, ns_t sys, ns_t rest)
{
    u64 u = user, all = user + sys;
    if (!all)
        return rest;
    for (; all >> 40; all >>= 1)
        u >>= 1;
    u64 ratio = (u << 16) / all;
    return (rest >> 16) * ratio + ((rest & 0xffff) * ratio >> 16);
}

/* Who asks for itself makes the guess a fact: neither time steps back. */
void thread_times(const struct thread *t, ns_t *user, ns_t *sys)
{
    struct thread *me = current_thread();
    u64 flags = irq_save(); /* the tick moves them together */
    ns_t total = READ_ONCE(t->run_ns);
    *user = READ_ONCE(t->user_ns);
    *sys = READ_ONCE(t->sys_ns);
    if (t == me)
        total += clock_monotonic() - t->time_stamp;
    ns_t seen = *user + *sys, rest = total > seen ? total - seen : 0; /* another CPU may be at it */
    *user += user_part(*user, *sys, rest);
    *sys = MAX(total, seen) - *user;
    if (t == me) {
        me->user_ns = *user;
        me->sys_ns = *sys;
    }
    irq_restore(flags);
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
