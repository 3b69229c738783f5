// SPDX-License-Identifier: MIT
/*
 * Requests that wait until a file is ready (IOCB_CMD_POLL).
 *
 * The request lies on the file's wait queues. A wake-up, which may come in an interrupt, only has the work thread look
 * (once: `scheduled`); the work thread asks the file, and completes the request or goes on waiting. Cancelling has it
 * look as well, and it finds `cancelled`. So from the moment it waits, it is completed by the work thread alone.
 *
 *   waiting ──on_wake, cancel──► scheduled ──look: not ready──► waiting
 *                                    └──look: ready or cancelled──► off the queues, completed, freed
 *
 * A wake-up between the last look and leaving the queues schedules the work once more: that one frees.
 */
#include "abi/errno.h"
#include "abi/poll.h"
#include "mem/slab.h"
#include "proc/aio_internal.h"
#include "sched/waitq.h"

#define QUEUES_MAX 4u /* of one file: pipes and sockets have two */

struct aio_poll {
    struct aio_request request;
    struct file *file; /* counted */
    struct list link;  /* ctx.polls, or alone once it is cancelled (ctx.lock) */
    u32 events;
    u32 scheduled;  /* atomic: work is, or will be, queued */
    bool cancelled; /* (ctx.lock) */
    bool finished;  /* the work thread's */
    struct work work;
    u32 queues;
    struct waiter waiters[QUEUES_MAX];
};
struct aio_poll_table {
    struct poll_table pt;
    struct aio_poll *poll;
    bool too_many;
};

static void schedule_look(struct aio_poll *p)
{
    if (!__atomic_exchange_n(&p->scheduled, 1, __ATOMIC_SEQ_CST))
        (void)work_queue(&p->work);
}

static bool on_wake(struct waiter *w, u32 key)
{
    struct aio_poll *p = w->arg;
    if (key && !(key & p->events))
        return false;
    schedule_look(p);
    return true;
}

static void add_queue(struct poll_table *pt, struct waitq *q)
{
    struct aio_poll_table *t = container_of(pt, struct aio_poll_table, pt);
    struct aio_poll *p = t->poll;
    if (p->queues == QUEUES_MAX) {
        t->too_many = true;
        return;
    }
    struct waiter *w = &p->waiters[p->queues++];
    waiter_init(w);
    w->wake = on_wake;
    w->arg = p;
    waitq_add(q, w);
}

/* Off all queues: no wake-up comes any more. */
static void leave_queues(struct aio_poll *p)
{
    for (u32 i = 0; i < p->queues; i++)
        waitq_remove(&p->waiters[i]);
}

static void finish(struct aio_poll *p, u32 mask)
{
    leave_queues(p);
    p->finished = true;
    aio_complete(&p->request, mask);
    file_put(p->file);
}

static void look(struct work *w)
{
    struct aio_poll *p = container_of(w, struct aio_poll, work);
    __atomic_store_n(&p->scheduled, 0, __ATOMIC_SEQ_CST);
    if (!p->finished) {
        struct spinlock *lock = &p->request.ctx->lock;
        u32 mask = file_poll(p->file, NULL) & p->events;
        spin_lock(lock);
        bool done = mask || p->cancelled;
        if (done) {
            mask = p->cancelled ? 0 : mask;
            list_del_init(&p->link);
        }
        spin_unlock(lock);
        if (done)
            finish(p, mask);
    }
    if (p->finished && !__atomic_load_n(&p->scheduled, __ATOMIC_SEQ_CST))
        kfree(p);
}

static struct aio_poll *make(const struct aio_request *r, struct file *f, u32 events)
{
    struct aio_poll *p = kzalloc(sizeof(*p), MEM_WAIT);
    if (!p)
        return NULL;
    p->request = *r;
    p->file = f;
    p->events = events;
    p->scheduled = 1; /* not before it is on the list */
    list_init(&p->link);
    work_init(&p->work, look);
    file_get(f);
    return p;
}

static void abandon(struct aio_poll *p)
{
    leave_queues(p);
    file_put(p->file);
    kfree(p);
}

/* Into the context's list, unless that has been destroyed: then it is cancelled at once. */
static void publish(struct aio_poll *p)
{
    struct aio_ctx *ctx = p->request.ctx;
    spin_lock(&ctx->lock);
    if (READ_ONCE(ctx->dead))
        p->cancelled = true;
    else
        list_add_tail(&ctx->polls, &p->link);
    spin_unlock(&ctx->lock);
}

int aio_poll(const struct aio_request *r, struct file *f, u32 events)
{
    u32 mask = file_poll(f, NULL) & events;
    if (mask) {
        struct aio_request now = *r;
        aio_complete(&now, mask);
        return 0;
    }
    struct aio_poll *p = make(r, f, events);
    if (!p)
        return -ENOMEM;
    struct aio_poll_table t = {.pt = {.queue = add_queue, .key = events}, .poll = p};
    (void)file_poll(f, &t.pt);
    if (!p->queues || t.too_many) {
        abandon(p);
        return -EINVAL;
    }
    publish(p);
    (void)work_queue(&p->work); /* it looks again: it may have become ready, or been cancelled, meanwhile */
    return 0;
}

/* ctx.lock is held. */
static void cancel_locked(struct aio_poll *p)
{
    list_del_init(&p->link);
    p->cancelled = true;
    schedule_look(p);
}

int aio_cancel(struct aio_ctx *ctx, u64 obj)
{
    struct aio_poll *p;
    int err = -EINVAL;
    spin_lock(&ctx->lock);
    list_for_each (p, &ctx->polls, link) {
        if (p->request.obj == obj) {
            cancel_locked(p);
            err = -EINPROGRESS;
            break;
        }
    }
    spin_unlock(&ctx->lock);
    return err;
}

void aio_cancel_all(struct aio_ctx *ctx)
{
    spin_lock(&ctx->lock);
    while (!list_empty(&ctx->polls))
        cancel_locked(list_first(&ctx->polls, struct aio_poll, link));
    spin_unlock(&ctx->lock);
}
