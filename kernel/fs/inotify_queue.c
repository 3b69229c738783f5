// SPDX-License-Identifier: MIT
/*
 * inotify: the queue of an instance. An event that says the same as the last one in the queue is not put there again. A
 * full queue takes one more, IN_Q_OVERFLOW, and what comes is lost until there is room. Life and locks:
 * fs/inotify_internal.h.
 */
#include "abi/errno.h"
#include "abi/fcntl.h"
#include "abi/ioctl.h"
#include "abi/poll.h"
#include "arch/usercopy.h"
#include "fs/inotify_internal.h"
#include "lib/string.h"
#include "mem/slab.h"

#define NAME_UNIT ((u32)sizeof(struct inotify_event))

int inotify_queue_init(struct inotify *g)
{
    g->overflow = kzalloc(sizeof(*g->overflow), MEM_WAIT);
    if (!g->overflow)
        return -ENOMEM;
    spin_init(&g->lock, LOCK_INOTIFY_QUEUE);
    list_init(&g->events);
    g->overflow->wd = -1;
    g->overflow->mask = IN_Q_OVERFLOW;
    waitq_init(&g->wait);
    return 0;
}

/* The name's bytes as they are read: with its end, filled up. */
static u32 name_room(const struct inotify_event_k *e)
{
    return e->len ? ALIGN_UP(e->len + 1, NAME_UNIT) : 0;
}

static size_t event_size(const struct inotify_event_k *e)
{
    return sizeof(struct inotify_event) + name_room(e);
}

/* ---- in (lock) ------------------------------------------------------------------------------------------------------- */

static void append(struct inotify *g, struct inotify_event_k *e)
{
    list_add_tail(&g->events, &e->link);
    g->count++;
    g->bytes += event_size(e);
}

static void overflow(struct inotify *g)
{
    if (g->overflown)
        return;
    g->overflown = true;
    append(g, g->overflow);
}

static bool same_as_last(const struct inotify *g, s32 wd, u32 mask, const char *name, u32 len)
{
    const struct inotify_event_k *e = list_last(&g->events, struct inotify_event_k, link);

    return !list_empty(&g->events) && e->wd == wd && e->mask == mask && e->len == len &&
           memcmp(e->name, name, len) == 0;
}

static void push_locked(struct inotify *g, s32 wd, u32 mask, const char *name, u32 len, u32 cookie)
{
    if (g->count >= g->max) {
        overflow(g);
        return;
    }
    if (!(mask & IN_IGNORED) && same_as_last(g, wd, mask, name, len))
        return;
    struct inotify_event_k *e = kmalloc(sizeof(*e) + len, MEM_NOWAIT);
    if (!e) {
        overflow(g);
        return;
    }
    e->wd = wd;
    e->mask = mask;
    e->cookie = cookie;
    e->len = len;
    memcpy(e->name, name, len);
    append(g, e);
}

void inotify_push(struct inotify_watch *w, u32 mask, const char *name, u32 len, u32 cookie, bool last)
{
    struct inotify *g = w->group;

    spin_lock(&g->lock);
    bool push = !w->over && !g->closed;
    if (push && mask)
        push_locked(g, w->wd, mask, name, len, cookie);
    if (push && last)
        push_locked(g, w->wd, IN_IGNORED, "", 0, 0);
    if (last)
        WRITE_ONCE(w->over, true);
    spin_unlock(&g->lock);
    if (push)
        waitq_wake_poll(&g->wait, EPOLLIN | EPOLLRDNORM);
}

/* ---- out ------------------------------------------------------------------------------------------------------------- */

static void free_event(struct inotify *g, struct inotify_event_k *e)
{
    if (e != g->overflow)
        kfree(e);
}

/* The next event, when it fits: then it is the caller's. NULL: none. */
static int take(struct inotify *g, size_t room, struct inotify_event_k **out)
{
    struct inotify_event_k *e = NULL;
    int err = 0;

    spin_lock(&g->lock);
    if (!list_empty(&g->events)) {
        e = list_first(&g->events, struct inotify_event_k, link);
        if (event_size(e) > room) {
            err = -EINVAL;
            e = NULL;
        } else {
            list_del(&e->link);
            g->count--;
            g->bytes -= event_size(e);
        }
    }
    spin_unlock(&g->lock);
    *out = e;
    return err;
}

/* What cannot be copied is lost. The overflow may come again as soon as it is out of the queue. */
static int copy_out(struct inotify *g, struct inotify_event_k *e, struct uio *u)
{
    struct inotify_event head = {.wd = e->wd, .mask = e->mask, .cookie = e->cookie, .len = name_room(e)};
    bool good = uio_copy_to(u, &head, sizeof(head)) == sizeof(head) && uio_copy_to(u, e->name, e->len) == e->len &&
                uio_zero(u, head.len - e->len) == head.len - e->len;

    if (e == g->overflow) {
        spin_lock(&g->lock);
        g->overflown = false;
        spin_unlock(&g->lock);
    }
    free_event(g, e);
    return good ? 0 : -EFAULT;
}

/* As many as fit whole into the first part of the vector. */
static ssize_t read_some(struct inotify *g, struct uio *u)
{
    size_t room = u->resid ? MIN(u->resid, u->segs[0].len - u->off) : 0;
    ssize_t done = 0;
    int err;

    for (struct inotify_event_k *e; !(err = take(g, room, &e)) && e;) {
        size_t n = event_size(e);
        err = copy_out(g, e, u);
        if (err)
            return err;
        done += (ssize_t)n;
        room -= n;
    }
    return done ? done : err;
}

static ssize_t inotify_read(struct file *f, struct uio *u, s64 *pos)
{
    struct inotify *g = f->private;
    ssize_t n;

    (void)pos;
    while ((n = read_some(g, u)) == 0) {
        if (READ_ONCE(f->flags) & O_NONBLOCK)
            return -EAGAIN;
        if (wait_event_interruptible(&g->wait, READ_ONCE(g->count) != 0))
            return -ERESTARTSYS;
    }
    return n;
}

static u32 inotify_poll(struct file *f, struct poll_table *pt)
{
    struct inotify *g = f->private;

    poll_wait(pt, &g->wait);
    return READ_ONCE(g->count) ? EPOLLIN | EPOLLRDNORM : 0;
}

static long inotify_ioctl(struct file *f, u32 cmd, u64 arg)
{
    const struct inotify *g = f->private;

    if (cmd != FIONREAD)
        return -ENOTTY;
    u32 n = (u32)READ_ONCE(g->bytes);
    return copy_to_user(arg, &n, sizeof(n));
}

static s64 stay(struct file *f, s64 off, int whence)
{
    (void)off, (void)whence;
    return f->pos;
}

/* Who still tells of an event finds the queue closed. */
void inotify_queue_close(struct inotify *g)
{
    struct list rest = LIST_INIT(rest);
    struct inotify_event_k *e, *next;

    spin_lock(&g->lock);
    g->closed = true;
    list_splice_tail(&rest, &g->events);
    spin_unlock(&g->lock);
    list_for_each_safe (e, next, &rest, link)
        free_event(g, e);
}

const struct file_ops inotify_file_ops = {
    .release = inotify_release,
    .read = inotify_read,
    .seek = stay,
    .poll = inotify_poll,
    .ioctl = inotify_ioctl,
    .show_fdinfo = inotify_show,
    .async = true,
};
