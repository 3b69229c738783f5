// SPDX-License-Identifier: MIT
/*
 * Deferred work and grace periods, each with one kernel thread. The work thread is the one that has booted the machine.
 *
 * RCU: a CPU notes a quiescent state by counting (at every schedule, in idle, at a tick out of user mode). The thread
 * is woken by a timer, RCU_BATCH_NS after the first callback, or at once when many wait or somebody waits for a grace
 * period. It takes the callbacks of all CPUs, snapshots the counters, and waits until each CPU's has moved or the CPU is idle; a
 * CPU that does not move by itself is asked to reschedule. Interrupt handlers are not RCU readers.
 * Locks: per-CPU list lock with interrupts off (LOCK_RCU); work_lock (LOCK_WORK).
 */
#include "arch/irq.h"
#include "lib/printf.h"
#include "sched/mutex.h"
#include "sched/timer.h"

static struct spinlock work_lock = SPINLOCK_INIT(LOCK_WORK);
static struct list work_list = LIST_INIT(work_list);
static struct work *work_running;
static struct thread *worker; /* who does it; NULL: it begins by looking at the list */
static struct waitq work_done = WAITQ_INIT(work_done);

bool work_queue(struct work *w)
{
    u64 flags = spin_lock_irqsave(&work_lock);
    bool added = !w->queued;
    if (added) {
        w->queued = 1;
        list_add_tail(&work_list, &w->link);
    }
    spin_unlock_irqrestore(&work_lock, flags);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    struct thread *t = READ_ONCE(worker);
    if (added && t)
        thread_wake(t, WAKE_NORMAL);
    return added;
}

static struct work *work_take(void)
{
    u64 flags = spin_lock_irqsave(&work_lock);
    struct work *w = NULL;
    if (!list_empty(&work_list)) {
        w = list_first(&work_list, struct work, link);
        list_del_init(&w->link);
        w->queued = 0;
    }
    work_running = w;
    spin_unlock_irqrestore(&work_lock, flags);
    return w;
}

void work_run_forever(void)
{
    WRITE_ONCE(worker, current_thread());
    for (;;) {
        struct work *w;
        sleep_prepare(THREAD_SLEEP_UNINT);
        if (list_empty(&work_list))
            sleep_until(NS_FOREVER);
        else
            sleep_cancel();
        while ((w = work_take())) {
            w->fn(w); /* may free w */
            WRITE_ONCE(work_running, NULL);
            waitq_wake_all(&work_done);
            cond_resched();
        }
    }
}

static bool work_is_done(struct work *w)
{
    u64 flags = spin_lock_irqsave(&work_lock);
    bool done = !w->queued && work_running != w;
    spin_unlock_irqrestore(&work_lock, flags);
    return done;
}

void work_flush(struct work *w)
{
    wait_event(&work_done, work_is_done(w));
}

/* ---- grace periods ---- */

#define RCU_BATCH_NS 20000000ull /* callbacks are gathered this long */
#define RCU_URGENT 2000u         /* more waiting than this: at once */

static struct rcu_cpu {
    struct spinlock lock;
    struct rcu_head *head, **tail;
    u32 count;
    u64 quiescent; /* written by its CPU only */
} __cacheline rcu_cpus[MAX_CPUS];

static struct waitq rcu_wait = WAITQ_INIT(rcu_wait);
static u32 rcu_urgent; /* the thread is to go round */
static u32 rcu_armed;  /* the timer is set, or about to be: nobody else may set it until it has expired */
static struct timer rcu_timer;
static bool rcu_running; /* before, nobody may wait */

static void rcu_hurry(void)
{
    WRITE_ONCE(rcu_urgent, 1);
    waitq_wake_all(&rcu_wait);
}

static void rcu_timer_expired(struct timer *t)
{
    (void)t;
    __atomic_store_n(&rcu_armed, 0, __ATOMIC_SEQ_CST); /* before the lists are looked at: who saw 1 is in one of them */
    rcu_hurry();
}

void rcu_note_quiescent(void)
{
    struct rcu_cpu *c = &rcu_cpus[cpu_id()];
    WRITE_ONCE(c->quiescent, c->quiescent + 1);
}

void rcu_call(struct rcu_head *h, void (*fn)(struct rcu_head *h))
{
    h->next = NULL;
    h->fn = fn;
    u64 flags = irq_save();
    struct rcu_cpu *c = &rcu_cpus[cpu_id()];
    spin_lock(&c->lock);
    if (!c->head)
        c->tail = &c->head;
    *c->tail = h;
    c->tail = &h->next;
    bool many = ++c->count > RCU_URGENT;
    spin_unlock(&c->lock);
    irq_restore(flags);
    u32 none = 0;
    if (many && !READ_ONCE(rcu_urgent))
        rcu_hurry();
    else if (!READ_ONCE(rcu_armed) &&
             __atomic_compare_exchange_n(&rcu_armed, &none, 1, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
        timer_set(&rcu_timer, clock_monotonic() + RCU_BATCH_NS);
}

bool rcu_busy(void)
{
    return READ_ONCE(rcu_running) && (READ_ONCE(rcu_armed) || READ_ONCE(rcu_urgent));
}

static struct rcu_head *rcu_take_all(void)
{
    struct rcu_head *all = NULL;
    for (u32 i = 0; i < cpu_count; i++) {
        struct rcu_cpu *c = &rcu_cpus[i];
        u64 flags = spin_lock_irqsave(&c->lock);
        struct rcu_head *list = c->head;
        if (list) {
            *c->tail = all;
            all = list;
        }
        c->head = NULL;
        c->count = 0;
        spin_unlock_irqrestore(&c->lock, flags);
    }
    return all;
}

static void wait_for_grace_period(void)
{
    u64 before[MAX_CPUS];
    const u32 count = cpu_count;
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    for (u32 i = 0; i < count; i++)
        before[i] = READ_ONCE(rcu_cpus[i].quiescent);
    for (u32 i = 0; i < count; i++) {
        while (percpu_area[i].online && READ_ONCE(rcu_cpus[i].quiescent) == before[i]) {
            if (sched_idle_mask() >> i & 1)
                break;
            if (i == cpu_id()) {
                schedule();
                continue;
            }
            irq_send_resched(i);
            thread_sleep_interruptible(clock_monotonic() + 200000);
        }
    }
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static void rcu_thread(void *arg)
{
    (void)arg;
    for (;;) {
        wait_event(&rcu_wait, READ_ONCE(rcu_urgent));
        WRITE_ONCE(rcu_urgent, 0);
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
        struct rcu_head *h = rcu_take_all();
        if (h)
            wait_for_grace_period();
        for (u32 n = 0; h; n++) {
            struct rcu_head *next = h->next;
            h->fn(h);
            h = next;
            if (n % 64 == 63)
                cond_resched();
        }
    }
}

struct rcu_waiter {
    struct rcu_head head;
    struct completion done;
};

static void rcu_waiter_done(struct rcu_head *h)
{
    complete(&container_of(h, struct rcu_waiter, head)->done);
}

void rcu_synchronize(void)
{
    struct rcu_waiter w;
    completion_init(&w.done);
    rcu_call(&w.head, rcu_waiter_done);
    rcu_hurry();
    wait_for_completion(&w.done);
}

void timer_module_init(void)
{
    for (u32 i = 0; i < MAX_CPUS; i++)
        spin_init(&rcu_cpus[i].lock, LOCK_RCU);
    timer_init(&rcu_timer, rcu_timer_expired);
}

void rcu_start_thread(void)
{
    if (!kthread_start(rcu_thread, NULL, "rcu"))
        panic("no memory for the first kernel threads");
    WRITE_ONCE(rcu_running, true);
}
