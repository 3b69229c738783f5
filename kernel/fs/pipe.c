// SPDX-License-Identifier: MIT
/*
 * Pipes and FIFOs: a ring of bytes in single pages, which come on first use and stay until the pipe is closed or memory
 * is short. An emptied ring starts again at its first page, so that small traffic stays in one.
 *
 * pipe.lock covers the ring, across user copies too. Sleepers look at head, tail, readers and writers without it. A
 * write of at most PIPE_BUF bytes goes in whole. Readers and writers wait exclusively: one wake-up wakes one, and who
 * leaves something for the next wakes that one.
 *
 * With O_DIRECT at pipe2(2) the ring holds packets, a page each, whose length stands in page.private; a read takes one and
 * drops what does not fit.
 *
 * Splice takes bytes out in two steps (pipe_take, pipe_taken), so that those which could not be written stay in the pipe.
 * Between the two the pipe is `taken`: other readers wait, writers go on.
 */
#include "fs/pipe_ring.h"

#include "abi/prctl.h"
#include "abi/errno.h"
#include "abi/fcntl.h"
#include "abi/ioctl.h"
#include "abi/limits.h"
#include "abi/stat.h"
#include "arch/usercopy.h"
#include "fs/mount.h"
#include "fs/file.h"
#include "mem/slab.h"

#include <linux/eventpoll.h>

static SLAB_CACHE(pipe_cache, "pipe", struct pipe);
static struct spinlock pipes_lock = SPINLOCK_INIT(LOCK_LRU);
static struct list all_pipes = LIST_INIT(all_pipes);
u64 pipe_max_size = 1048576, pipe_pages_soft = 16384, pipe_pages_hard;

u64 pipes_shrink(u64 want)
{
    struct pipe *p;
    u64 done = 0;

    spin_lock(&pipes_lock);
    list_for_each (p, &all_pipes, link) {
        if (done >= want)
            break;
        if (!mutex_trylock(&p->lock))
            continue;
        for (u32 i = 0; !used(p) && i < p->size >> PAGE_SHIFT; i++) {
            if (!p->pages[i])
                continue;
            page_put(p->pages[i]);
            p->pages[i] = NULL;
            done++;
        }
        mutex_unlock(&p->lock);
    }
    spin_unlock(&pipes_lock);
    return done;
}

/* ---- read and write -------------------------------------------------------------------------------------------------- */

static inline bool readable(const struct pipe *p)
{
    return !READ_ONCE(p->taken) && (used(p) || !READ_ONCE(p->writers));
}

/* The lock is held on success, and there is something to read. 0: no writer is left (without the lock). */
static int lock_readable(struct pipe *p, bool nonblock)
{
    mutex_lock(&p->lock);
    while (!used(p) || p->taken) {
        bool ended = !p->writers && !p->taken;
        mutex_unlock(&p->lock);
        if (ended)
            return 0;
        if (nonblock)
            return -EAGAIN;
        if (wait_event_state(&p->read_wait, readable(p), THREAD_SLEEP_INT, NS_FOREVER, true))
            return -ERESTARTSYS;
        mutex_lock(&p->lock);
    }
    return 1;
}

static ssize_t read_bytes(struct file *f, struct uio *u, bool nonblock)
{
    struct pipe *p = f->private;
    int err = 0;

    if (!u->resid)
        return 0;
    int r = lock_readable(p, nonblock);
    if (r <= 0)
        return r;
    size_t done = p->packets ? pipe_packet_read(p, u, &err) : pipe_ring_read(p, u, MIN(used(p), u->resid), &err);
    bool more = used(p);
    if (!more)
        pipe_ring_emptied(p);
    bool wake = space(p) >= PIPE_BUF;
    mutex_unlock(&p->lock);
    if (wake)
        waitq_wake_poll(&p->write_wait, EPOLLOUT | EPOLLWRNORM);
    if (unlikely(more))
        waitq_wake_poll(&p->read_wait, EPOLLIN | EPOLLRDNORM | WAKE_HANDED_ON);
    file_accessed(f);
    return done ? (ssize_t)done : err;
}

static ssize_t pipe_read(struct file *f, struct uio *u, s64 *pos)
{
    (void)pos;
    return read_bytes(f, u, u->nowait || f->flags & O_NONBLOCK);
}

/* As lock_readable; on success up to n bytes are in buf, and in the pipe still. */
static int lock_and_copy(struct pipe *p, void *buf, size_t n, bool nonblock, ssize_t *copied)
{
    struct uio u;
    int err = 0, r = lock_readable(p, nonblock);

    if (r <= 0)
        return r;
    u32 tail = p->tail;
    uio_init_kernel(&u, buf, n);
    *copied = (ssize_t)(p->packets ? pipe_packet_read(p, &u, &err) : pipe_ring_read(p, &u, MIN(used(p), n), &err));
    WRITE_ONCE(p->tail, tail);
    return r;
}

ssize_t pipe_take(struct file *f, void *buf, size_t n, bool nonblock)
{
    struct pipe *p = f->private;
    ssize_t copied;
    int r = lock_and_copy(p, buf, n, nonblock, &copied);

    if (r <= 0)
        return r;
    WRITE_ONCE(p->taken, true);
    mutex_unlock(&p->lock);
    return copied;
}

void pipe_taken(struct file *f, size_t n)
{
    struct pipe *p = f->private;

    mutex_lock(&p->lock);
    if (n && p->packets)
        pipe_packet_drop(p, (u32)n);
    else
        WRITE_ONCE(p->tail, p->tail + (u32)n);
    if (!used(p))
        pipe_ring_emptied(p);
    WRITE_ONCE(p->taken, false);
    bool wake = space(p) >= PIPE_BUF, writers = p->writers;
    mutex_unlock(&p->lock);
    if (wake)
        waitq_wake_poll(&p->write_wait, EPOLLOUT | EPOLLWRNORM);
    if (writers)
        waitq_wake_poll(&p->read_wait, EPOLLIN | EPOLLRDNORM | WAKE_HANDED_ON);
    else
        waitq_wake_all(&p->read_wait); /* the end is there for each of them */
    if (n)
        file_accessed(f);
}

ssize_t pipe_peek(struct file *f, void *buf, size_t n, bool nonblock)
{
    struct pipe *p = f->private;
    ssize_t copied;
    int r = lock_and_copy(p, buf, n, nonblock, &copied);

    if (r <= 0)
        return r;
    mutex_unlock(&p->lock);
    waitq_wake_poll(&p->read_wait, EPOLLIN | EPOLLRDNORM | WAKE_HANDED_ON); /* another reader's turn */
    return copied;
}

/* What must fit before anything is written. */
static u32 needed(const struct pipe *p, size_t left, size_t whole)
{
    if (p->packets)
        return (u32)PAGE_SIZE;
    return whole <= PIPE_BUF ? (u32)left : 1;
}

/* Waits, without the lock, until `need` bytes fit (a page at least, for large writes: each wake-up should be worth it). */
static int wait_for_space(struct pipe *p, u32 need)
{
    need = MAX(need, MIN((u32)PIPE_BUF, READ_ONCE(p->size)));
    return wait_event_state(&p->write_wait, space(p) >= need || !READ_ONCE(p->readers), THREAD_SLEEP_INT, NS_FOREVER,
                            true);
}

static ssize_t write_bytes(struct file *f, struct uio *u, bool nonblock)
{
    struct pipe *p = f->private;
    size_t whole = u->resid, total = 0;
    int err = 0;

    if (!whole)
        return 0;
    mutex_lock(&p->lock);
    while (u->resid && !err) {
        u32 need = needed(p, u->resid, whole);
        if (unlikely(!p->readers)) {
            err = -EPIPE;
        } else if (space(p) >= need) {
            if (p->packets)
                total += pipe_packet_write(p, u, MIN(u->resid, (size_t)PIPE_BUF), &err);
            else
                total += pipe_ring_write(p, u, MIN(u->resid, space(p)), &err);
        } else if (nonblock) {
            err = -EAGAIN;
        } else {
            mutex_unlock(&p->lock);
            waitq_wake_poll(&p->read_wait, EPOLLIN | EPOLLRDNORM);
            err = wait_for_space(p, need) ? -ERESTARTSYS : 0;
            mutex_lock(&p->lock);
        }
    }
    bool room = space(p) >= PIPE_BUF, wake = used(p);
    mutex_unlock(&p->lock);
    if (wake)
        waitq_wake_poll(&p->read_wait, EPOLLIN | EPOLLRDNORM);
    if (unlikely(room) && waitq_active(&p->write_wait))
        waitq_wake(&p->write_wait, 1, EPOLLOUT | EPOLLWRNORM | WAKE_HANDED_ON);
    if (total && !(dentry_flags(f->path.dentry) & D_PSEUDO))
        inode_touch(f->inode, ATTR_MTIME | ATTR_CTIME);
    return total ? (ssize_t)total : err;
}

static ssize_t pipe_write(struct file *f, struct uio *u, s64 *pos)
{
    (void)pos;
    return write_bytes(f, u, u->nowait || f->flags & O_NONBLOCK);
}

ssize_t pipe_wait_room(struct file *f, bool nonblock)
{
    struct pipe *p = f->private;

    for (;;) {
        if (!READ_ONCE(p->readers))
            return -EPIPE;
        u32 room = space(p);
        if (room >= (p->packets ? PAGE_SIZE : 1))
            return room;
        if (nonblock || (f->flags & O_NONBLOCK))
            return -EAGAIN;
        if (wait_for_space(p, 1))
            return -ERESTARTSYS;
    }
}

static u32 pipe_poll(struct file *f, struct poll_table *pt)
{
    struct pipe *p = f->private;
    u32 events = 0;

    if (f->fmode & FMODE_READ) {
        poll_wait(pt, &p->read_wait);
        if (used(p))
            events |= EPOLLIN | EPOLLRDNORM;
        if (!READ_ONCE(p->writers) && f->pos != (s64)READ_ONCE(p->write_opens))
            events |= EPOLLHUP;
    }
    if (f->fmode & FMODE_WRITE) {
        poll_wait(pt, &p->write_wait);
        if (space(p) >= MIN((u32)PIPE_BUF, p->size))
            events |= EPOLLOUT | EPOLLWRNORM;
        if (!READ_ONCE(p->readers))
            events |= EPOLLERR;
    }
    return events;
}

static long pipe_ioctl(struct file *f, u32 cmd, u64 arg)
{
    struct pipe *p = f->private;

    if (cmd != FIONREAD)
        return -ENOTTY;
    mutex_lock(&p->lock);
    u32 n = used(p);
    if (p->packets) {
        n = 0;
        for (u32 at = p->tail; at != p->head; at += (u32)PAGE_SIZE)
            n += packet_at(p, at)->private;
    }
    mutex_unlock(&p->lock);
    return put_user_u32(arg, n);
}

/* ---- life ------------------------------------------------------------------------------------------------------------ */

/* The pipe may take so many pages: what its user's may, in all. */
static u64 account(struct pipe *p, u32 pages)
{
    u64 more = (u64)pages - p->accounted;
    p->accounted = pages;
    return p->user ? __atomic_add_fetch(&p->user->pipe_pages, more, __ATOMIC_RELAXED) : 0;
}

static bool is_limited(void)
{
    return user_files_capable && !user_files_capable(CAP_SYS_RESOURCE) && !user_files_capable(CAP_SYS_ADMIN);
}

static bool exceeds(u64 total, const u64 *limit)
{
    u64 most = READ_ONCE(*limit);
    return most && total > most;
}

/* How large a new pipe is; 0: its user may have no more. */
static u32 first_size(struct pipe *p)
{
    u32 size = PIPE_DEFAULT_SIZE;
    if (size > pipe_max_size && user_files_capable && !user_files_capable(CAP_SYS_RESOURCE))
        size = (u32)pipe_max_size;
    u64 total = account(p, size >> PAGE_SHIFT);
    if (exceeds(total, &pipe_pages_soft) && is_limited()) {
        size = PIPE_SMALL_SIZE;
        total = account(p, size >> PAGE_SHIFT);
    }
    return exceeds(total, &pipe_pages_hard) && is_limited() ? 0 : size;
}

static void disown(struct pipe *p)
{
    account(p, 0);
    if (p->user)
        user_files_put(p->user);
}

struct pipe *pipe_alloc(void)
{
    struct pipe *p = slab_alloc(&pipe_cache, MEM_WAIT);

    if (!p)
        return NULL;
    __builtin_memset(p, 0, sizeof(*p));
    p->user = user_files_get ? user_files_get() : NULL;
    p->size = first_size(p);
    p->pages = p->size ? kcalloc(p->size >> PAGE_SHIFT, sizeof(*p->pages), MEM_WAIT) : NULL;
    if (!p->pages) {
        disown(p);
        slab_free(&pipe_cache, p);
        return NULL;
    }
    mutex_init(&p->lock, LOCK_PIPE);
    waitq_init(&p->read_wait);
    waitq_init(&p->write_wait);
    spin_lock(&pipes_lock);
    list_add(&all_pipes, &p->link);
    spin_unlock(&pipes_lock);
    return p;
}

static void pipe_free(struct pipe *p)
{
    spin_lock(&pipes_lock);
    list_del(&p->link);
    spin_unlock(&pipes_lock);
    pipe_drop_pages(p, 0);
    kfree(p->pages);
    disown(p);
    slab_free(&pipe_cache, p);
}

void pipe_close_ends(struct pipe *p, u32 fmode)
{
    mutex_lock(&p->lock);
    if (fmode & FMODE_READ)
        p->readers--;
    if (fmode & FMODE_WRITE)
        p->writers--;
    bool readers = p->readers, writers = p->writers;
    mutex_unlock(&p->lock);
    if (!writers && waitq_active(&p->read_wait))
        waitq_wake(&p->read_wait, ~0u, EPOLLIN | EPOLLRDNORM | EPOLLHUP | EPOLLERR);
    if (!readers && waitq_active(&p->write_wait))
        waitq_wake(&p->write_wait, ~0u, EPOLLOUT | EPOLLWRNORM | EPOLLHUP | EPOLLERR);
}

void pipe_put(struct pipe *p, struct inode *i)
{
    mutex_lock(&i->lock);
    bool last = --p->files == 0;
    if (last)
        i->pipe = NULL;
    mutex_unlock(&i->lock);
    if (last)
        pipe_free(p);
}

static void pipe_release(struct file *f)
{
    struct pipe *p = f->private;

    pipe_close_ends(p, f->fmode);
    pipe_put(p, f->inode);
}

const struct file_ops pipe_file_ops = {
    .release = pipe_release,
    .read = pipe_read,
    .write = pipe_write,
    .seek = no_seek,
    .poll = pipe_poll,
    .ioctl = pipe_ioctl,
    .async = true,
};

int pipe_create(u32 flags, struct file **read_end, struct file **write_end)
{
    struct pipe *p = pipe_alloc();

    if (!p)
        return -ENFILE;
    p->packets = flags & O_DIRECT;
    p->readers = p->writers = p->write_opens = 1;
    p->files = 2;
    int err = file_open_pseudo("pipe", S_IFIFO | 0600, &pipe_file_ops, p, O_RDONLY | (flags & O_NONBLOCK), read_end);
    if (err) {
        pipe_free(p);
        return err;
    }
    (*read_end)->inode->pipe = p;
    err = file_open_again(*read_end, O_WRONLY | (flags & (O_NONBLOCK | O_DIRECT)), write_end);
    if (err) {
        p->files = 1;
        file_put(*read_end);
    }
    return err;
}

/* ---- size ------------------------------------------------------------------------------------------------------------ */

bool file_is_pipe(const struct file *f)
{
    return f->ops == &pipe_file_ops;
}

bool pipe_is_broken(const struct file *f)
{
    return file_is_pipe(f) && !READ_ONCE(((struct pipe *)f->private)->readers);
}

int pipe_get_size(struct file *f)
{
    return file_is_pipe(f) ? (int)((struct pipe *)f->private)->size : -EBADF;
}

/* Moves the ring to an array of another size; only whole new arrays are ever seen. */
static int resize(struct pipe *p, u32 size)
{
    struct page **pages = kcalloc(size >> PAGE_SHIFT, sizeof(*pages), MEM_WAIT);
    u32 n = used(p), first = p->tail & (u32)PAGE_MASK;

    if (!pages)
        return -ENOMEM;
    if (n > size || (n && ALIGN_UP(p->head, (u32)PAGE_SIZE) - first > size)) {
        kfree(pages);
        return -EBUSY;
    }
    for (u32 at = first; n && at - first < ALIGN_UP(p->head, (u32)PAGE_SIZE) - first; at += (u32)PAGE_SIZE) {
        struct page **slot = &p->pages[(at & (p->size - 1)) >> PAGE_SHIFT];
        pages[(at - first) >> PAGE_SHIFT] = *slot;
        *slot = NULL;
    }
    pipe_drop_pages(p, 0);
    kfree(p->pages);
    p->pages = pages;
    p->size = size;
    u32 tail = n ? p->tail - first : 0;
    WRITE_ONCE(p->ends, (u64)tail << 32 | (tail + n));
    return 0;
}

/* To another size, which counts before it is there. (lock) */
static int resize_accounted(struct pipe *p, u32 want)
{
    u32 before = p->accounted;
    u64 total = account(p, want >> PAGE_SHIFT);
    bool refused =
        want > p->size && (exceeds(total, &pipe_pages_soft) || exceeds(total, &pipe_pages_hard)) && is_limited();
    int err = refused ? -EPERM : want == p->size ? 0 : resize(p, want);
    if (err)
        account(p, before);
    return err;
}

int pipe_set_size(struct file *f, u64 size, bool unlimited)
{
    struct pipe *p = f->private;
    u32 want = (u32)PAGE_SIZE;

    if (!file_is_pipe(f))
        return -EBADF;
    if (size > 1u << 31)
        return -EINVAL;
    while (want < size)
        want *= 2;
    mutex_lock(&p->lock);
    int err = want > p->size && want > pipe_max_size && !unlimited ? -EPERM : resize_accounted(p, want);
    mutex_unlock(&p->lock);
    if (!err)
        waitq_wake_poll(&p->write_wait, EPOLLOUT | EPOLLWRNORM);
    return err ? err : (int)want;
}
