// SPDX-License-Identifier: MIT
/*
 * poll(2)'s core. The first round asks every file and queues on what its poll() names; once one is ready nothing is queued
 * any more. A wake-up sets `triggered` before it wakes the thread, so one that comes while the files are asked is seen.
 */
#include "fs/poll.h"

#include "abi/errno.h"
#include "abi/poll.h"
#include "mem/slab.h"

#define INLINE_ENTRIES 8u
#define ENTRIES_A_BLOCK 32u

struct poll_set;
struct poll_entry {
    struct waiter waiter;
    struct poll_set *set;
};
struct poll_block {
    struct poll_block *next;
    u32 used;
    struct poll_entry entries[ENTRIES_A_BLOCK];
};
struct poll_set {
    struct poll_table pt;
    u32 triggered, used;
    bool no_memory;
    struct poll_block *blocks;
    struct poll_entry first[INLINE_ENTRIES];
};

u32 file_poll(struct file *f, struct poll_table *pt)
{
    if (!f->ops->poll)
        return EPOLLIN | EPOLLOUT | EPOLLRDNORM | EPOLLWRNORM;
    return f->ops->poll(f, pt);
}

static bool poll_woken(struct waiter *w, u32 key)
{
    struct poll_set *set = container_of(w, struct poll_entry, waiter)->set;
    u32 wanted = (u32)(u64)w->arg;
    if (key && !(key & wanted))
        return false;
    __atomic_store_n(&set->triggered, 1, __ATOMIC_SEQ_CST);
    return waiter_wake_thread(w, key);
}

static struct poll_entry *new_entry(struct poll_set *set)
{
    if (set->used < INLINE_ENTRIES)
        return &set->first[set->used++];
    struct poll_block *b = set->blocks;
    if (!b || b->used == ENTRIES_A_BLOCK) {
        b = kmalloc(sizeof(*b), MEM_WAIT);
        if (!b)
            return NULL;
        b->used = 0;
        b->next = set->blocks;
        set->blocks = b;
    }
    return &b->entries[b->used++];
}

static void queue_entry(struct poll_table *pt, struct waitq *q)
{
    struct poll_set *set = container_of(pt, struct poll_set, pt);
    struct poll_entry *e = new_entry(set);
    if (!e) {
        set->no_memory = true;
        return;
    }
    waiter_init(&e->waiter);
    e->waiter.wake = poll_woken;
    e->waiter.arg = (void *)(u64)pt->key;
    e->set = set;
    waitq_add(q, &e->waiter);
}

static void unqueue_all(struct poll_set *set)
{
    struct poll_block *b;
    for (u32 i = 0; i < set->used; i++)
        waitq_remove(&set->first[i].waiter);
    while ((b = set->blocks)) {
        for (u32 i = 0; i < b->used; i++)
            waitq_remove(&b->entries[i].waiter);
        set->blocks = b->next;
        kfree(b);
    }
}

static int ask_all(struct poll_set *set, struct poll_slot *slots, u32 n)
{
    int ready = 0;
    for (u32 i = 0; i < n; i++) {
        struct poll_slot *s = &slots[i];
        if (s->file) {
            set->pt.key = s->events | (s->exact ? 0 : EPOLLERR | EPOLLHUP);
            s->revents = file_poll(s->file, &set->pt) & set->pt.key;
        }
        if (s->revents) {
            ready++;
            set->pt.queue = NULL;
        }
    }
    set->pt.queue = NULL; /* queued once */
    return ready;
}

/* 0: look again, -ETIMEDOUT, -EINTR. */
static int wait_trigger(struct poll_set *set, ns_t deadline)
{
    int err = 0;
    sleep_prepare(THREAD_SLEEP_INT);
    if (!READ_ONCE(set->triggered)) {
        if (signal_wakes(current_thread(), THREAD_SLEEP_INT))
            err = -EINTR;
        else
            err = sleep_until(deadline);
    }
    sleep_cancel();
    return err;
}

int poll_files(struct poll_slot *slots, u32 n, ns_t deadline)
{
    struct poll_set set = {.pt = {.queue = deadline ? queue_entry : NULL}};
    int ready, err = 0;
    for (;;) {
        __atomic_store_n(&set.triggered, 0, __ATOMIC_SEQ_CST);
        ready = ask_all(&set, slots, n);
        if (set.no_memory)
            err = -ENOMEM;
        if (ready || err || deadline == 0)
            break;
        err = wait_trigger(&set, deadline);
        if (err == -ETIMEDOUT) { /* one last look: the event may have come with the timeout */
            ready = ask_all(&set, slots, n);
            err = 0;
            break;
        }
        if (err)
            break;
    }
    unqueue_all(&set);
    return ready ? ready : err;
}
