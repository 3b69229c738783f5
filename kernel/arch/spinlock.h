/* SPDX-License-Identifier: MIT */
/*
 * Spinlocks (ticket locks) and a sequence lock. Locks that an interrupt handler takes use the _irqsave forms everywhere.
 * The kernel does not preempt, so plain spin_lock only spins; sleeping with one held is a bug the checked build catches.
 */
#ifndef ARCH_SPINLOCK_H
#define ARCH_SPINLOCK_H

#include "arch/cpu.h"
#include "lib/atomic.h"
#include "lib/lock_order.h"
#include "lib/types.h"

struct spinlock {
    u16 next, owner;
#ifdef SLIPWAY_DEBUG
    u16 class_;
    u16 cpu; /* holder + 1 */
#endif
};
#ifdef SLIPWAY_DEBUG
#define SPINLOCK_INIT(cls) \
    {                      \
        0, 0, (cls), 0     \
    }
void lockdep_acquire(const void *lock, enum lock_class cls, bool sleeping); /* sched/lockdep.c */
void lockdep_release(const void *lock, enum lock_class cls);
void lockdep_nest_next(void);  /* the next acquire may equal the highest held class */
void lockdep_tried_next(void); /* the next one was a trylock: it cannot deadlock, its order is free */
void lockdep_assert_held(const void *lock);
void lockdep_assert_may_sleep(void);
#else
#define SPINLOCK_INIT(cls) \
    {                      \
        0, 0               \
    }
static inline void lockdep_acquire(const void *lock, enum lock_class cls, bool sleeping)
{
    (void)lock, (void)cls, (void)sleeping;
}
static inline void lockdep_release(const void *lock, enum lock_class cls)
{
    (void)lock, (void)cls;
}
static inline void lockdep_nest_next(void) {}
static inline void lockdep_tried_next(void) {}
static inline void lockdep_assert_held(const void *lock)
{
    (void)lock;
}
static inline void lockdep_assert_may_sleep(void) {}
#endif

static inline void spin_init(struct spinlock *l, enum lock_class cls)
{
    *l = (struct spinlock)SPINLOCK_INIT(cls);
    (void)cls;
}

static inline void spin_lock(struct spinlock *l)
{
#ifdef SLIPWAY_DEBUG
    lockdep_acquire(l, l->class_, false);
#endif
    u16 ticket = __atomic_fetch_add(&l->next, 1, __ATOMIC_RELAXED);
    while (__atomic_load_n(&l->owner, __ATOMIC_ACQUIRE) != ticket)
        cpu_relax();
}
static inline void spin_unlock(struct spinlock *l)
{
#ifdef SLIPWAY_DEBUG
    lockdep_release(l, l->class_);
#endif
    __atomic_store_n(&l->owner, l->owner + 1, __ATOMIC_RELEASE);
}
static inline bool spin_trylock(struct spinlock *l)
{
    u16 owner = __atomic_load_n(&l->owner, __ATOMIC_RELAXED), want = owner;
    if (!__atomic_compare_exchange_n(&l->next, &want, (u16)(owner + 1), false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
        return false;
#ifdef SLIPWAY_DEBUG
    lockdep_tried_next();
    lockdep_acquire(l, l->class_, false);
#endif
    return true;
}
static inline __must_check u64 spin_lock_irqsave(struct spinlock *l)
{
    u64 flags = irq_save();
    spin_lock(l);
    return flags;
}
static inline void spin_unlock_irqrestore(struct spinlock *l, u64 flags)
{
    spin_unlock(l);
    irq_restore(flags);
}

/* Sequence lock: readers retry while a writer was inside. Writers exclude each other by a lock of their own. */
struct seqcount {
    u32 seq;
};
static inline u32 seq_read_begin(const struct seqcount *s)
{
    u32 v;
    while ((v = __atomic_load_n(&s->seq, __ATOMIC_ACQUIRE)) & 1)
        cpu_relax();
    return v;
}
static inline bool seq_read_retry(const struct seqcount *s, u32 v)
{
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    return __atomic_load_n(&s->seq, __ATOMIC_RELAXED) != v;
}
static inline void seq_write_begin(struct seqcount *s)
{
    __atomic_store_n(&s->seq, s->seq + 1, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_RELEASE);
}
static inline void seq_write_end(struct seqcount *s)
{
    __atomic_store_n(&s->seq, s->seq + 1, __ATOMIC_RELEASE);
}

#endif
