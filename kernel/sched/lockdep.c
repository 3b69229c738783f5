// SPDX-License-Identifier: MIT
/*
 * The checked build's lock-order check: every thread (and every interrupt level, which borrows the thread's list) keeps
 * what it holds; taking a lock whose number is not higher than all held ones is fatal, and so is sleeping, or taking a
 * sleeping lock, with a spinlock held.
 */
#ifdef SLIPWAY_DEBUG
#include "arch/spinlock.h"
#include "lib/printf.h"
#include "sched/thread.h"

#define MAX_HELD 32

static u32 nest_next[MAX_CPUS];
#define NEST 1
#define TRIED 2

static struct thread *holder(void)
{
    return this_cpu()->current;
}

void lockdep_nest_next(void)
{
    nest_next[cpu_id()] = NEST;
}

void lockdep_tried_next(void)
{
    nest_next[cpu_id()] = TRIED;
}

static void check_order(const struct thread *t, u16 cls, bool sleeping, bool nest)
{
    for (u32 i = 0; i < t->held_count; i++) {
        u16 held = t->held[i].cls;
        if (sleeping && !t->held[i].sleeping)
            panic("lock order: sleeping lock %u taken with spinlock %u held", cls, held);
        if (nest ? held > cls && !sleeping : held >= cls)
            panic("lock order: %u taken while holding %u", cls, held);
    }
}

void lockdep_acquire(const void *lock, enum lock_class cls, bool sleeping)
{
    struct thread *t = holder();
    if (cls == LOCK_NONE || !t)
        return;
    u64 flags = irq_save();
    if (this_cpu()->irq_depth == 0) { /* a handler must not use up the mark of the thread it interrupted */
        u32 mark = nest_next[cpu_id()];
        nest_next[cpu_id()] = 0;
        if (mark != TRIED)
            check_order(t, (u16)cls, sleeping, mark == NEST);
    }
    if (t->held_count >= MAX_HELD)
        panic("lock order: too many locks held");
    t->held[t->held_count].lock = lock;
    t->held[t->held_count].cls = (u16)cls;
    t->held[t->held_count].sleeping = sleeping;
    t->held_count++;
    irq_restore(flags);
}

void lockdep_release(const void *lock, enum lock_class cls)
{
    struct thread *t = holder();
    if (cls == LOCK_NONE || !t)
        return;
    u64 flags = irq_save();
    for (u32 i = t->held_count; i-- > 0;) {
        if (t->held[i].lock != lock)
            continue;
        for (; i + 1 < t->held_count; i++)
            t->held[i] = t->held[i + 1];
        t->held_count--;
        irq_restore(flags);
        return;
    }
    panic("lock order: a lock of class %u released that is not held", cls);
}

void lockdep_assert_may_sleep(void)
{
    struct thread *t = holder();
    for (u32 i = 0; i < t->held_count; i++) {
        if (!t->held[i].sleeping)
            panic("lock order: sleeping with spinlock %u held", t->held[i].cls);
    }
}

void lockdep_assert_held(const void *lock)
{
    struct thread *t = holder();
    for (u32 i = 0; t && i < t->held_count; i++) {
        if (t->held[i].lock == lock)
            return;
    }
    if (t)
        panic("a lock that must be held is not");
}
#endif
