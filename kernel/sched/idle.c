// SPDX-License-Identifier: MIT
/* What a CPU does that has nothing to do: it takes work from the others, or halts. CPUs begin like this, too. */
#include "arch/hooks.h"
#include "lib/printf.h"
#include "sched/runq.h"
#include "sched/timer.h"

static struct thread boot_thread;

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
        runq_dequeue(victim, t);
        t->on_rq = MOVING;
    }
    spin_unlock(&victim->lock);
    if (t)
        sched_activate(t, me);
    return t != NULL;
}

void sched_idle_loop(void)
{
    u32 id = cpu_id();
    struct runq *rq = &runqs[id];
    sched_set_idle(id, true);
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
