// SPDX-License-Identifier: MIT
/*
 * The socket layer: families, files, waiting. See net/socket.h.
 *
 * A call's way: syscall/sys_socket.c copies addresses and message headers and makes a uio → ops of the family → its
 * queues. read(2), write(2), readv, splice and sendfile come through the file's operations and end in the same two, with
 * a message that has neither name nor control data.
 *
 * Locks: the family's. Nothing here is taken but by exchanges on single words: the pending error, the options.
 *
 * Wait queues: readers sleep in read_wait, writers in write_wait, so that data which comes does not wake who waits for
 * room. Each wake-up bears the events it stands for; a change of state (shutdown, error, connection) bears none, and
 * reaches everyone. A family stores the condition first, wakes then, and wakes without its locks.
 *
 * What a family must keep: a pending error is reported once, before data for senders and for receivers of messages, after
 * it for receivers of streams; an emptied receive queue tells the end when RCV_SHUT is set; -EPIPE means that SEND_SHUT is set here, or RCV_SHUT there.
 */
#include "net/socket.h"

#include "abi/errno.h"
#include "abi/fcntl.h"
#include "abi/stat.h"
#include "lib/string.h"
#include "net/unix.h"
#include "sched/timer.h"

const struct sock_caller *sock_caller;

struct net_family {
    int family;
    int (*create)(int type, int protocol, struct socket **out);
    int (*pair)(struct socket *a, struct socket *b); /* NULL: -EOPNOTSUPP */
};
static const struct net_family families[] = {
    {AF_UNIX, unix_create, unix_pair},
};

void net_init(const struct sock_caller *caller)
{
    sock_caller = caller;
}

bool sock_capable(u32 cap)
{
    return fs_capable(sock_caller->view().cred, cap);
}

/* ---- waiting --------------------------------------------------------------------------------------------------------- */

ns_t sock_deadline(ns_t timeout, bool nonblock)
{
    if (nonblock || !timeout)
        return 0;
    return timeout == NS_FOREVER ? NS_FOREVER : clock_monotonic() + timeout;
}

int sock_wait_error(int err, ns_t deadline)
{
    if (!err)
        return 0;
    if (err == -ETIMEDOUT)
        return -EAGAIN;
    return deadline == NS_FOREVER ? -ERESTARTSYS : -EINTR;
}

/* ---- the file -------------------------------------------------------------------------------------------------------- */

static ssize_t socket_read(struct file *f, struct uio *u, s64 *pos)
{
    struct socket *s = f->private;
    struct sock_msg m = {.u = u, .flags = u->nowait || f->flags & O_NONBLOCK ? MSG_DONTWAIT : 0};

    (void)pos;
    if (!u->resid)
        return 0;
    ssize_t n = s->ops->receive(s, &m);
    control_drop(&m.control);
    return n;
}

static ssize_t socket_write(struct file *f, struct uio *u, s64 *pos)
{
    struct socket *s = f->private;
    struct sock_msg m = {.u = u, .flags = u->nowait || f->flags & O_NONBLOCK ? MSG_DONTWAIT : 0};

    (void)pos;
    if (s->type == SOCK_SEQPACKET)
        m.flags |= MSG_EOR;
    return s->ops->send(s, &m);
}

static u32 socket_poll(struct file *f, struct poll_table *pt)
{
    struct socket *s = f->private;
    return s->ops->poll(s, pt);
}

static long socket_ioctl(struct file *f, u32 cmd, u64 arg)
{
    struct socket *s = f->private;
    return s->ops->ioctl ? s->ops->ioctl(s, cmd, arg) : -ENOTTY;
}

static void socket_release(struct file *f)
{
    struct socket *s = f->private;
    s->ops->release(s);
    socket_put(s);
}

static const struct file_ops socket_file_ops = {
    .release = socket_release,
    .read = socket_read,
    .write = socket_write,
    .seek = no_seek,
    .poll = socket_poll,
    .ioctl = socket_ioctl,
    .async = true,
};

struct socket *socket_of(const struct file *f)
{
    return f->ops == &socket_file_ops ? f->private : NULL;
}

bool file_quiet_pipe(const struct file *f)
{
    const struct socket *s = socket_of(f);
    return s && s->type != SOCK_STREAM;
}

int socket_open(struct socket *s, bool nonblock, struct file **out)
{
    int err =
        file_open_pseudo("socket", S_IFSOCK | 0777, &socket_file_ops, s, O_RDWR | (nonblock ? O_NONBLOCK : 0), out);

    if (err) {
        s->ops->release(s);
        socket_put(s);
        return err;
    }
    const struct fs_cred *c = sock_caller->view().cred;
    (*out)->inode->uid = c->fsuid;
    (*out)->inode->gid = c->fsgid;
    WRITE_ONCE(s->ino, (*out)->inode->ino);
    WRITE_ONCE(s->file, *out);
    return 0;
}

/* ---- life ------------------------------------------------------------------------------------------------------------ */

void socket_setup(struct socket *s, const struct sock_ops *ops, u32 type)
{
    static atomic64_t cookies;

    ref_init(&s->refs);
    s->ops = ops;
    s->type = (u16)type;
    s->sndbuf = s->rcvbuf = SOCK_BUFFER_DEFAULT;
    s->lowat = 1;
    s->peek_off = -1;
    s->rcvtimeo = s->sndtimeo = NS_FOREVER;
    s->cookie = atomic_add(&cookies, 1);
    waitq_init(&s->read_wait);
    waitq_init(&s->write_wait);
}

void socket_put(struct socket *s)
{
    if (ref_put(&s->refs))
        s->ops->free(s);
}

/* The checks of socket(2) and socketpair(2), in Linux' order. */
static int find_family(int family, int type, const struct net_family **out)
{
    if (type & ~(SOCK_TYPE_MASK | SOCK_CLOEXEC | SOCK_NONBLOCK))
        return -EINVAL;
    if (family < 0 || family >= AF_MAX)
        return -EAFNOSUPPORT;
    if ((type & SOCK_TYPE_MASK) > SOCK_PACKET)
        return -EINVAL;
    for (u32 i = 0; i < ARRAY_SIZE(families); i++) {
        if (families[i].family == family) {
            *out = &families[i];
            return 0;
        }
    }
    return -EAFNOSUPPORT;
}

int socket_create(int family, int type, int protocol, struct file **out)
{
    const struct net_family *n;
    struct socket *s;
    int err = find_family(family, type, &n);

    if (!err)
        err = n->create(type & SOCK_TYPE_MASK, protocol, &s);
    return err ? err : socket_open(s, type & SOCK_NONBLOCK, out);
}

static int open_pair(const struct net_family *n, struct socket *s[2], bool nonblock, struct file *out[2])
{
    int err = n->pair ? n->pair(s[0], s[1]) : -EOPNOTSUPP;

    if (err) {
        for (int i = 0; i < 2; i++) {
            s[i]->ops->release(s[i]);
            socket_put(s[i]);
        }
        return err;
    }
    err = socket_open(s[0], nonblock, &out[0]);
    if (err) {
        s[1]->ops->release(s[1]);
        socket_put(s[1]);
        return err;
    }
    err = socket_open(s[1], nonblock, &out[1]);
    if (err)
        file_put(out[0]);
    return err;
}

int socket_create_pair(int family, int type, int protocol, struct file *out[2])
{
    const struct net_family *n;
    struct socket *s[2];
    int err = find_family(family, type, &n);

    if (!err)
        err = n->create(type & SOCK_TYPE_MASK, protocol, &s[0]);
    if (err)
        return err;
    err = n->create(type & SOCK_TYPE_MASK, protocol, &s[1]);
    if (err) {
        s[0]->ops->release(s[0]);
        socket_put(s[0]);
        return err;
    }
    return open_pair(n, s, type & SOCK_NONBLOCK, out);
}
