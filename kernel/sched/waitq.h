/* SPDX-License-Identifier: MIT */
/*
 * The one primitive under sleeping, poll, epoll and futex: a queue of waiters, each with a function to call on wake-up.
 * Wake-ups may come from interrupts. The callback runs under waitq.lock with interrupts off, and must not sleep.
 */
#ifndef SCHED_WAITQ_H
#define SCHED_WAITQ_H

#include "sched/sched.h"

struct waitq {
    struct spinlock lock; /* LOCK_WAITQ (i) */
    struct list waiters;  /* exclusive ones at the end */
};
struct waiter {
    struct list link; /* self-linked: not queued */
    struct waitq *wq;
    struct thread *thread;
    /* Returns true when it consumed the wake-up (counts for exclusive waiters). Default: wakes `thread`. */
    bool (*wake)(struct waiter *w, u32 key);
    bool exclusive;
    void *arg;
};
#define WAITQ_INIT(name)                                     \
    {                                                        \
        SPINLOCK_INIT(LOCK_WAITQ), LIST_INIT((name).waiters) \
    }
void waitq_init(struct waitq *q);
bool waiter_wake_thread(struct waiter *w, u32 key);
static inline void waiter_init(struct waiter *w)
{
    list_init(&w->link);
    w->wq = NULL;
    w->thread = current_thread();
    w->wake = waiter_wake_thread;
    w->exclusive = false;
    w->arg = NULL;
}
void waitq_add(struct waitq *q, struct waiter *w); /* no-op when queued there already */
void waitq_remove(struct waiter *w);               /* no-op when not queued */
/* Whatever is still queued is taken off: the queue's memory goes after a grace period, so that a waitq_remove under way
 * finds a lock. */
void waitq_detach_all(struct waitq *q);
/* In a key: the wake-up hands on what another waiter was woken for; nothing has happened since. */
#define WAKE_HANDED_ON (1u << 27)
/* key: poll events for filtering, 0: all. Wakes all non-exclusive and up to `exclusive` exclusive waiters. */
u32 waitq_wake(struct waitq *q, u32 exclusive, u32 key);
static inline bool waitq_active(struct waitq *q) /* after a full barrier by the caller's condition store */
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    return !list_empty(&q->waiters);
}
static inline void waitq_wake_all(struct waitq *q)
{
    if (waitq_active(q))
        waitq_wake(q, ~0u, 0);
}
static inline void waitq_wake_one(struct waitq *q)
{
    if (waitq_active(q))
        waitq_wake(q, 1, 0);
}
static inline void waitq_wake_poll(struct waitq *q, u32 events)
{
    if (waitq_active(q))
        waitq_wake(q, 1, events);
}

/* sleep_until_cond on a queue: sleeps until cond (which must not sleep itself); 0, -ETIMEDOUT, -EINTR. */
#define wait_event_state(q, cond, state, deadline, excl)                    \
    ({                                                                      \
        int we_ret_ = 0;                                                    \
        if (!(cond)) {                                                      \
            struct waiter we_w_;                                            \
            waiter_init(&we_w_);                                            \
            we_w_.exclusive = (excl);                                       \
            waitq_add((q), &we_w_);                                         \
            we_ret_ = sleep_until_cond(cond, state, sleep_until(deadline)); \
            waitq_remove(&we_w_);                                           \
        }                                                                   \
        we_ret_;                                                            \
    })
#define wait_event(q, cond) ((void)wait_event_state(q, cond, THREAD_SLEEP_UNINT, NS_FOREVER, false))
#define wait_event_interruptible(q, cond) wait_event_state(q, cond, THREAD_SLEEP_INT, NS_FOREVER, false)
#define wait_event_killable(q, cond) wait_event_state(q, cond, THREAD_SLEEP_KILL, NS_FOREVER, false)
#define wait_event_deadline(q, cond, deadline) wait_event_state(q, cond, THREAD_SLEEP_INT, deadline, false)

#endif
