// SPDX-License-Identifier: MIT
/*
 * Wait queues. A waiter stays queued until it is removed by its owner; waking does not unlink it, except exclusive
 * waiters, which are moved to the end so that wake-ups go round.
 */
#include "sched/waitq.h"

void waitq_init(struct waitq *q)
{
    spin_init(&q->lock, LOCK_WAITQ);
    list_init(&q->waiters);
}

bool waiter_wake_thread(struct waiter *w, u32 key)
{
    (void)key;
    return thread_wake(w->thread, WAKE_NORMAL);
}

void waitq_add(struct waitq *q, struct waiter *w)
{
    u64 flags = spin_lock_irqsave(&q->lock);
    if (!w->wq) {
        w->wq = q;
        if (w->exclusive)
            list_add_tail(&q->waiters, &w->link);
        else
            list_add(&q->waiters, &w->link);
    }
    spin_unlock_irqrestore(&q->lock, flags);
}

void waitq_remove(struct waiter *w)
{
    struct waitq *q = READ_ONCE(w->wq);
    if (!q)
        return;
    u64 flags = spin_lock_irqsave(&q->lock);
    list_del_init(&w->link);
    w->wq = NULL;
    spin_unlock_irqrestore(&q->lock, flags);
}

void waitq_detach_all(struct waitq *q)
{
    struct waiter *w, *next;
    u64 flags = spin_lock_irqsave(&q->lock);
    list_for_each_safe (w, next, &q->waiters, link) {
        list_del_init(&w->link);
        WRITE_ONCE(w->wq, NULL);
    }
    spin_unlock_irqrestore(&q->lock, flags);
}

u32 waitq_wake(struct waitq *q, u32 exclusive, u32 key)
{
    u32 woken = 0;
    struct waiter *w, *next, *last = NULL;
    u64 flags = spin_lock_irqsave(&q->lock);
    if (!list_empty(&q->waiters))
        last = list_last(&q->waiters, struct waiter, link);
    list_for_each_safe (w, next, &q->waiters, link) {
        bool end = w == last, excl = w->exclusive;
        if (w->wake(w, key)) {
            woken++;
            if (excl) {
                list_del(&w->link);
                list_add_tail(&q->waiters, &w->link);
                if (--exclusive == 0)
                    break;
            }
        }
        if (end)
            break;
    }
    spin_unlock_irqrestore(&q->lock, flags);
    return woken;
}
