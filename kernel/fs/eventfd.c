// SPDX-License-Identifier: MIT
/*
 * eventfd(2): a 64-bit counter. Writers add and wait while it would reach 2^64-1; readers take all of it (or 1 with
 * EFD_SEMAPHORE) and wait while it is 0. The counter is under its wait queue's lock, as its waiters are; wake-ups follow
 * after it is released.
 */
#include "fs/eventfd.h"

#include "abi/errno.h"
#include "abi/fcntl.h"
#include "abi/poll.h"
#include "fs/seq.h"
#include "mem/slab.h"

struct eventfd {
    struct waitq wait;
    u64 count; /* (wait.lock) */
    bool semaphore;
    int id; /* for /proc/PID/fdinfo: which descriptors are the same one */
};
static u32 next_id;

/* Takes the counter's value for a read; 0: nothing. */
static u64 take(struct eventfd *e)
{
    u64 flags = spin_lock_irqsave(&e->wait.lock);
    u64 v = e->semaphore && e->count ? 1 : e->count;
    e->count -= v;
    spin_unlock_irqrestore(&e->wait.lock, flags);
    return v;
}

static bool add(struct eventfd *e, u64 v)
{
    u64 flags = spin_lock_irqsave(&e->wait.lock);
    bool fits = v <= ~0ull - 1 - e->count;
    if (fits)
        e->count += v;
    spin_unlock_irqrestore(&e->wait.lock, flags);
    return fits;
}

static bool nonblocking(const struct file *f)
{
    return READ_ONCE(f->flags) & O_NONBLOCK;
}

static ssize_t eventfd_read(struct file *f, struct uio *u, s64 *pos)
{
    struct eventfd *e = f->private;
    (void)pos;
    if (u->resid < sizeof(u64))
        return -EINVAL;
    u64 v = take(e);
    if (!v && nonblocking(f))
        return -EAGAIN;
    if (!v && wait_event_interruptible(&e->wait, (v = take(e)) != 0))
        return -ERESTARTSYS;
    waitq_wake_poll(&e->wait, EPOLLOUT | EPOLLWRNORM);
    return uio_copy_to(u, &v, sizeof(v)) == sizeof(v) ? (ssize_t)sizeof(v) : -EFAULT;
}

static ssize_t eventfd_write(struct file *f, struct uio *u, s64 *pos)
{
    struct eventfd *e = f->private;
    u64 v;
    (void)pos;
    if (u->resid < sizeof(v))
        return -EINVAL;
    if (uio_copy_from(u, &v, sizeof(v)) != sizeof(v))
        return -EFAULT;
    if (v == ~0ull)
        return -EINVAL;
    bool done = add(e, v);
    if (!done && nonblocking(f))
        return -EAGAIN;
    if (!done && wait_event_interruptible(&e->wait, add(e, v)))
        return -ERESTARTSYS;
    waitq_wake_poll(&e->wait, EPOLLIN | EPOLLRDNORM);
    return sizeof(v);
}

static u32 eventfd_poll(struct file *f, struct poll_table *pt)
{
    struct eventfd *e = f->private;
    poll_wait(pt, &e->wait);
    u64 count = READ_ONCE(e->count);
    u32 events = count ? EPOLLIN | EPOLLRDNORM : 0;
    if (count == ~0ull)
        events |= EPOLLERR;
    if (count < ~0ull - 1)
        events |= EPOLLOUT | EPOLLWRNORM;
    return events;
}

static void eventfd_release(struct file *f)
{
    kfree(f->private);
}

static void eventfd_fdinfo(struct file *f, struct seq_buf *s)
{
    const struct eventfd *e = f->private;
    seq_printf(s, "eventfd-count: %16llx\neventfd-id: %d\neventfd-semaphore: %d\n", (unsigned long long)e->count, e->id,
               e->semaphore);
}

static const struct file_ops eventfd_ops = {
    .release = eventfd_release,
    .read = eventfd_read,
    .write = eventfd_write,
    .seek = no_seek,
    .poll = eventfd_poll,
    .show_fdinfo = eventfd_fdinfo,
};

bool file_is_eventfd(const struct file *f)
{
    return f->ops == &eventfd_ops;
}

/* Unlike a writer it may bring the counter to 2^64-1, which poll shows as an error; there it stays. */
void eventfd_signal(struct file *f)
{
    struct eventfd *e = f->private;
    u64 flags = spin_lock_irqsave(&e->wait.lock);
    if (e->count != ~0ull)
        e->count++;
    spin_unlock_irqrestore(&e->wait.lock, flags);
    waitq_wake_poll(&e->wait, EPOLLIN | EPOLLRDNORM);
}

int eventfd_create(u32 count, u32 flags, struct file **out)
{
    struct eventfd *e = kzalloc(sizeof(*e), MEM_WAIT);
    if (!e)
        return -ENOMEM;
    waitq_init(&e->wait);
    e->count = count;
    e->semaphore = flags & EFD_SEMAPHORE;
    e->id = (int)(__atomic_fetch_add(&next_id, 1, __ATOMIC_RELAXED) & INT32_MAX);
    int err = file_open_anon("anon_inode:[eventfd]", &eventfd_ops, e, O_RDWR | (flags & O_NONBLOCK), out);
    if (err)
        kfree(e);
    return err;
}
