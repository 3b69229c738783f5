// SPDX-License-Identifier: MIT
/*
 * PID 1's stdin, stdout and stderr without a terminal: files over the three ports, which look like pipes, as those that
 * `docker run` gives. They may be opened again through /proc/self/fd and /dev/stdout, and outlive PID 1's own copies.
 * stdin that is not attached is at end of file. Ports need no count: they exist as long as the machine.
 */
#include "abi/errno.h"
#include "abi/fcntl.h"
#include "abi/ioctl.h"
#include "abi/poll.h"
#include "abi/stat.h"
#include "arch/usercopy.h"
#include "drivers/drivers.h"
#include "drivers/port.h"
#include "fs/vfs.h"

static bool nonblocking(const struct file *f)
{
    return READ_ONCE(f->flags) & O_NONBLOCK;
}

static ssize_t restartable(ssize_t r)
{
    return r == -EINTR ? -ERESTARTSYS : r;
}

static ssize_t stream_read(struct file *f, struct uio *u, s64 *pos)
{
    (void)pos;
    return f->private ? restartable(port_read(f->private, u, nonblocking(f))) : 0;
}

static ssize_t stream_write(struct file *f, struct uio *u, s64 *pos)
{
    (void)pos;
    if (f->private)
        return restartable(port_write(f->private, u, nonblocking(f)));
    return (ssize_t)uio_skip(u, u->resid); /* a machine without such a stream: as /dev/null */
}

static u32 stream_poll(struct file *f, struct poll_table *pt)
{
    if (!f->private)
        return f->fmode & FMODE_READ ? EPOLLIN | EPOLLRDNORM | EPOLLHUP : EPOLLOUT | EPOLLWRNORM;
    u32 mask = f->fmode & FMODE_READ ? EPOLLIN | EPOLLRDNORM | EPOLLHUP : 0;
    if (f->fmode & FMODE_WRITE)
        mask |= EPOLLOUT | EPOLLWRNORM;
    return port_poll(f->private, pt) & mask;
}

static long stream_ioctl(struct file *f, u32 cmd, u64 arg)
{
    if (cmd != FIONREAD)
        return -ENOTTY;
    return put_user_u32(arg, f->private ? (u32)port_unread(f->private) : 0);
}

static int stream_open(struct inode *i, struct file *f)
{
    f->private = i->private;
    return 0;
}

static const struct file_ops stream_ops = {
    .open = stream_open,
    .read = stream_read,
    .write = stream_write,
    .seek = no_seek,
    .poll = stream_poll,
    .ioctl = stream_ioctl,
};

static int open_stream(enum port_number nr, u32 flags, bool attached, struct file **out)
{
    struct port *p = attached ? port_get(nr) : NULL;
    int err = file_open_pseudo("pipe", S_IFIFO | 0600, &stream_ops, p, flags, out);
    if (!err) { /* /dev/stdout and /proc/self/fd open the stream again */
        (*out)->inode->private = p;
        (*out)->inode->fops = &stream_ops;
    }
    return err;
}

int console_open_stdio(struct file *out[3], bool with_stdin)
{
    int err = open_stream(PORT_STDIN, O_RDONLY, with_stdin, &out[0]);
    if (err)
        return err;
    err = open_stream(PORT_STDOUT, O_WRONLY, true, &out[1]);
    if (!err) {
        err = open_stream(PORT_STDERR, O_WRONLY, true, &out[2]);
        if (err)
            file_put(out[1]);
    }
    if (err)
        file_put(out[0]);
    return err;
}
