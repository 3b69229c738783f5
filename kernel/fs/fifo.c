// SPDX-License-Identifier: MIT
/* Opening FIFOs, and anonymous pipes again through /proc. What they are then: fs/pipe.c. */
#include "abi/errno.h"
#include "abi/fcntl.h"
#include "abi/stat.h"
#include "fs/mount.h"
#include "fs/pipe_ring.h"

static int fifo_attach(struct inode *i, struct file *f)
{
    int err = 0;

    mutex_lock(&i->lock);
    if (!i->pipe)
        i->pipe = pipe_alloc();
    if (i->pipe)
        i->pipe->files++;
    else
        err = -ENOMEM;
    f->private = i->pipe;
    mutex_unlock(&i->lock);
    f->ops = &pipe_file_ops;
    f->fmode = (f->fmode & ~(FMODE_LSEEK | FMODE_PREAD | FMODE_PWRITE)) | FMODE_STREAM;
    return err;
}

/* Waits until the other side was opened (once is enough: it may have gone again). */
static int wait_for_partner(struct waitq *q, const u32 *opens, u32 before)
{
    return wait_event_interruptible(q, READ_ONCE(*opens) != before) ? -ERESTARTSYS : 0;
}

/* named: a FIFO; an anonymous pipe opened again through /proc waits for nobody. */
static int fifo_open_ends(struct pipe *p, struct file *f, bool named)
{
    bool nonblock = f->flags & O_NONBLOCK;
    int err = 0;

    mutex_lock(&p->lock);
    u32 read_opens = p->read_opens, write_opens = p->write_opens;
    bool has_readers = p->readers, has_writers = p->writers;
    if (f->fmode == 0 || ((f->fmode & FMODE_WRITE) && !(f->fmode & FMODE_READ) && nonblock && named && !has_readers)) {
        mutex_unlock(&p->lock);
        return -ENXIO;
    }
    if (f->fmode & FMODE_READ) {
        p->readers++;
        p->read_opens++;
        f->pos = has_writers ? -1L : (s64)write_opens; /* poll: no EPOLLHUP before the first writer */
    }
    if (f->fmode & FMODE_WRITE) {
        p->writers++;
        p->write_opens++;
    }
    mutex_unlock(&p->lock);
    if (f->fmode & FMODE_READ)
        waitq_wake_all(&p->write_wait);
    if (f->fmode & FMODE_WRITE)
        waitq_wake_all(&p->read_wait);
    if ((f->fmode & (FMODE_READ | FMODE_WRITE)) == (FMODE_READ | FMODE_WRITE) || nonblock || !named)
        return 0;
    if ((f->fmode & FMODE_READ) && !has_writers)
        err = wait_for_partner(&p->read_wait, &p->write_opens, write_opens);
    else if ((f->fmode & FMODE_WRITE) && !has_readers)
        err = wait_for_partner(&p->write_wait, &p->read_opens, read_opens);
    if (err)
        pipe_close_ends(p, f->fmode);
    return err;
}

static int fifo_open(struct inode *i, struct file *f)
{
    int err = fifo_attach(i, f);

    if (err)
        return err;
    struct pipe *p = f->private;
    err = fifo_open_ends(p, f, i->sb->magic != ANON_INODE_FS_MAGIC);
    if (!err)
        return 0;
    pipe_put(p, i);
    return err;
}

const struct file_ops fifo_ops = {.open = fifo_open, .seek = no_seek};
