// SPDX-License-Identifier: MIT
/* Pairs of pseudo-terminals: the driver of the slave, and the files of the master. Rules, life and locks: pty.h. */
#include "tty/pty.h"

#include "abi/errno.h"
#include "abi/fcntl.h"
#include "abi/ioctl.h"
#include "abi/poll.h"
#include "abi/stat.h"
#include "arch/usercopy.h"
#include "fs/devfs.h"
#include "lib/string.h"
#include "mem/slab.h"

#define PIECE 512u
#define KEPT_BY_A_FLUSH 4096u /* what Linux has moved on to the reader's side by then */

static struct pty *pair_of(const struct tty *t)
{
    return t->driver;
}

/* ---- the ring: from the slave to the master (lock) ---- */

static u32 ring_put(struct pty *p, const u8 *buf, size_t n)
{
    u32 take = (u32)MIN(n, (size_t)(PTY_RING - (p->head - p->tail)));
    u32 at = p->head % PTY_RING, first = MIN(take, PTY_RING - at);
    memcpy(p->ring + at, buf, first);
    memcpy(p->ring, buf + first, take - first);
    p->head += take;
    return take;
}

static u32 ring_get(struct pty *p, u8 *buf, size_t n)
{
    u32 take = (u32)MIN(n, (size_t)(p->head - p->tail));
    u32 at = p->tail % PTY_RING, first = MIN(take, PTY_RING - at);
    memcpy(buf, p->ring + at, first);
    memcpy(buf + first, p->ring, take - first);
    p->tail += take;
    return take;
}

static u32 ring_used(const struct pty *p)
{
    return READ_ONCE(p->head) - READ_ONCE(p->tail);
}

/* ---- the driver of the slave ---- */

static u32 put_and_tell(struct pty *p, const u8 *buf, size_t n)
{
    spin_lock(&p->lock);
    u32 taken = ring_put(p, buf, n);
    spin_unlock(&p->lock);
    if (taken)
        waitq_wake_poll(&p->read_wait, EPOLLIN | EPOLLRDNORM);
    return taken;
}

static ssize_t slave_write(struct tty *t, const u8 *buf, size_t n, bool nonblock)
{
    struct pty *p = pair_of(t);
    u32 hangups = READ_ONCE(t->hangups);
    while (!READ_ONCE(t->gone)) {
        u32 taken = put_and_tell(p, buf, n);
        if (taken)
            return (ssize_t)taken;
        if (nonblock)
            return -EAGAIN;
        if (wait_event_interruptible(&t->write_wait, ring_used(p) < PTY_RING || READ_ONCE(t->hangups) != hangups))
            return -EINTR;
        if (READ_ONCE(t->hangups) != hangups)
            break;
    }
    return -EIO;
}

static u32 slave_ready(struct tty *t, struct poll_table *pt)
{
    (void)pt; /* tty.write_wait is waited on already */
    return ring_used(pair_of(t)) < PTY_RING ? EPOLLOUT | EPOLLWRNORM : 0;
}

static void slave_unthrottle(struct tty *t)
{
    waitq_wake_all(&pair_of(t)->write_wait);
}

static int slave_opened(struct tty *t)
{
    struct pty *p = pair_of(t);
    spin_lock(&p->lock);
    bool locked = p->locked;
    if (!locked)
        p->left = false;
    spin_unlock(&p->lock);
    return locked ? -EIO : 0;
}

static void slave_closed(struct tty *t)
{
    struct pty *p = pair_of(t);
    spin_lock(&p->lock);
    p->left = true;
    spin_unlock(&p->lock);
    waitq_wake_all(&p->read_wait);
    waitq_wake_all(&p->write_wait);
}

/* What a master in packet mode is told: bits set, and those that they make untrue. */
static void slave_event(struct tty *t, u8 set, u8 clear)
{
    struct pty *p = pair_of(t);
    spin_lock(&p->lock);
    bool told = p->packet;
    if (told)
        p->status = (u8)((p->status & ~clear) | set);
    spin_unlock(&p->lock);
    if (told)
        waitq_wake_poll(&p->read_wait, EPOLLIN | EPOLLRDNORM | EPOLLPRI);
}

static void slave_flush_output(struct tty *t)
{
    struct pty *p = pair_of(t);
    spin_lock(&p->lock);
    if (p->head - p->tail > KEPT_BY_A_FLUSH)
        p->head = p->tail + KEPT_BY_A_FLUSH;
    spin_unlock(&p->lock);
    waitq_wake_all(&t->write_wait);
    slave_event(t, TIOCPKT_FLUSHWRITE, 0);
}

static bool usual_flow(const struct termios2 *k)
{
    return (k->c_iflag & IXON) && k->c_cc[VSTOP] == 023 && k->c_cc[VSTART] == 021;
}

static void slave_termios_changed(struct tty *t, const struct termios2 *old)
{
    struct termios2 *new = &t->termios;
    new->c_cflag = (new->c_cflag & ~(u32)(CSIZE | PARENB)) | CS8 | CREAD;
    bool flow = usual_flow(new), changed = flow != usual_flow(old);
    u8 set = (old->c_lflag | new->c_lflag) & EXTPROC ? TIOCPKT_IOCTL : 0;
    if (changed)
        set |= flow ? TIOCPKT_DOSTOP : TIOCPKT_NOSTOP;
    if (set)
        slave_event(t, set, changed ? TIOCPKT_DOSTOP | TIOCPKT_NOSTOP : 0);
}

static void slave_release(struct tty *t)
{
    struct pty *p = pair_of(t);
    devpts_release_nr(p->numbers, p->nr);
    kfree(p->ring);
    kfree(p);
}

static const struct tty_ops slave_ops = {
    .write = slave_write,
    .out_ready = slave_ready,
    .opened = slave_opened,
    .closed = slave_closed,
    .termios_changed = slave_termios_changed,
    .unthrottle = slave_unthrottle,
    .flush_output = slave_flush_output,
    .event = slave_event,
    .release = slave_release,
};

static int open_slave(struct inode *i, struct file *f)
{
    return tty_open_file(i->private, f);
}

const struct file_ops pty_slave_open_ops = {.open = open_slave, .seek = no_seek};

/* ---- making a pair ---- */

struct pty *pty_create(struct devpts *numbers, u32 nr)
{
    struct pty *p = kzalloc(sizeof(*p), MEM_WAIT);
    if (!p)
        return NULL;
    p->ring = kmalloc(PTY_RING, MEM_WAIT);
    p->tty = p->ring ? tty_create(&slave_ops, p, makedev_k(PTY_SLAVE_MAJOR, nr), ICRNL | IXON) : NULL;
    if (!p->tty) {
        kfree(p->ring);
        kfree(p);
        return NULL;
    }
    p->numbers = numbers;
    p->nr = nr;
    p->locked = true;
    spin_init(&p->lock, LOCK_DEVICE);
    mutex_init(&p->write_lock, LOCK_PTY_WRITE);
    waitq_init(&p->read_wait);
    waitq_init(&p->write_wait);
    return p;
}

static int open_ptmx(struct inode *i, struct file *f)
{
    struct pty *p;
    (void)i;
    int err = devpts_new_pair(f, &p);
    if (err)
        return err;
    f->private = p;
    f->ops = &pty_master_ops;
    return 0;
}

static const struct file_ops ptmx_ops = {.open = open_ptmx, .seek = no_seek};

/* ---- the master's files ---- */

static bool nonblocking(const struct file *f)
{
    return READ_ONCE(f->flags) & O_NONBLOCK;
}

static void master_release(struct file *f)
{
    struct pty *p = f->private;
    spin_lock(&p->lock);
    p->packet = false;
    spin_unlock(&p->lock);
    devpts_remove(p);
    tty_hangup(p->tty, true);
    tty_put(p->tty);
}

/* One piece for the reader. More may be asked for when *more. -EAGAIN: nothing; -EIO: nor will there be. */
static ssize_t take(struct pty *p, u8 *buf, size_t n, bool first, bool *more)
{
    ssize_t got = -EAGAIN;
    *more = false;
    spin_lock(&p->lock);
    if (p->packet && p->status) {
        if (first) {
            buf[0] = p->status;
            p->status = 0;
            got = 1;
        }
    } else if (p->head != p->tail) {
        u32 header = p->packet && first;
        buf[0] = TIOCPKT_DATA;
        got = (ssize_t)header + ring_get(p, buf + header, n - header);
        *more = true;
    } else if (p->left) {
        got = -EIO;
    }
    spin_unlock(&p->lock);
    return got;
}

static bool master_readable(struct pty *p)
{
    return ring_used(p) || READ_ONCE(p->left) || READ_ONCE(p->hung) || (READ_ONCE(p->packet) && READ_ONCE(p->status));
}

static ssize_t read_first(struct file *f, u8 *buf, size_t n, bool *more)
{
    struct pty *p = f->private;
    *more = false;
    for (;;) {
        if (READ_ONCE(p->hung))
            return 0;
        ssize_t got = take(p, buf, n, true, more);
        if (got != -EAGAIN || nonblocking(f))
            return got;
        if (wait_event_interruptible(&p->read_wait, master_readable(p)))
            return -ERESTARTSYS;
    }
}

static ssize_t master_read(struct file *f, struct uio *u, s64 *pos)
{
    struct pty *p = f->private;
    u8 buf[PIECE];
    ssize_t done = 0;
    bool more = true;
    (void)pos;
    while (u->resid > 0 && more) {
        size_t want = MIN(u->resid, sizeof(buf));
        ssize_t got = done ? take(p, buf, want, false, &more) : read_first(f, buf, want, &more);
        if (got < 0)
            return done ? done : got;
        waitq_wake_poll(&p->tty->write_wait, EPOLLOUT | EPOLLWRNORM);
        if (uio_copy_to(u, buf, (size_t)got) != (size_t)got)
            return done ? done : -EFAULT;
        done += got;
    }
    return done;
}

/* All n bytes, or as many as there is room for now. */
static ssize_t give(struct pty *p, const u8 *buf, size_t n, bool nonblock)
{
    size_t done = 0;
    for (;;) {
        if (READ_ONCE(p->hung))
            return done ? (ssize_t)done : -EIO;
        done += tty_input(p->tty, buf + done, n - done);
        if (done == n)
            return (ssize_t)done;
        if (nonblock)
            return done ? (ssize_t)done : -EAGAIN;
        if (wait_event_interruptible(&p->write_wait, !READ_ONCE(p->tty->throttled) || READ_ONCE(p->hung)))
            return done ? (ssize_t)done : -ERESTARTSYS;
    }
}

static ssize_t write_pieces(struct pty *p, struct uio *u, bool nonblock)
{
    u8 buf[PIECE];
    ssize_t done = 0;
    while (u->resid > 0) {
        struct uio before = *u;
        size_t n = uio_copy_from(u, buf, MIN(u->resid, sizeof(buf)));
        ssize_t r = n ? give(p, buf, n, nonblock) : -EFAULT;
        if (r < (ssize_t)n) {
            uio_revert(u, &before);
            if (r > 0)
                (void)uio_skip(u, (size_t)r);
        }
        if (r <= 0)
            return done ? done : r;
        done += r;
        if (r < (ssize_t)n)
            break;
    }
    return done;
}

static ssize_t master_write(struct file *f, struct uio *u, s64 *pos)
{
    struct pty *p = f->private;
    bool nonblock = nonblocking(f);
    (void)pos;
    if (nonblock && !mutex_trylock(&p->write_lock))
        return -EAGAIN;
    if (!nonblock && mutex_lock_interruptible(&p->write_lock))
        return -ERESTARTSYS;
    ssize_t r = write_pieces(p, u, nonblock);
    mutex_unlock(&p->write_lock);
    return r;
}

static u32 master_poll(struct file *f, struct poll_table *pt)
{
    struct pty *p = f->private;
    poll_wait(pt, &p->read_wait);
    poll_wait(pt, &p->write_wait);
    spin_lock(&p->lock);
    u32 events = p->head != p->tail ? EPOLLIN | EPOLLRDNORM : 0;
    if (p->packet && p->status)
        events |= EPOLLPRI | EPOLLIN | EPOLLRDNORM;
    if (p->left)
        events |= EPOLLHUP;
    bool hung = p->hung;
    spin_unlock(&p->lock);
    if (hung)
        return EPOLLHUP | EPOLLERR | EPOLLIN | EPOLLOUT | EPOLLRDNORM | EPOLLWRNORM;
    return events | (READ_ONCE(p->tty->throttled) ? 0 : EPOLLOUT | EPOLLWRNORM);
}

/* ---- the master's ioctls ---- */

static long set_lock(struct pty *p, uaddr_t arg)
{
    u32 v;
    if (get_user_u32(&v, arg))
        return -EFAULT;
    spin_lock(&p->lock);
    p->locked = v != 0;
    spin_unlock(&p->lock);
    return 0;
}

static long set_packet(struct pty *p, uaddr_t arg)
{
    u32 v;
    if (get_user_u32(&v, arg))
        return -EFAULT;
    spin_lock(&p->lock);
    if (v && !p->packet)
        p->status = 0;
    p->packet = v != 0;
    spin_unlock(&p->lock);
    return 0;
}

static long send_signal(struct pty *p, u64 sig)
{
    if (sig != SIGINT && sig != SIGQUIT && sig != SIGTSTP)
        return -EINVAL;
    s32 pgid = tty_pgrp_nr(p->tty);
    if (pgid)
        (void)signal_send_group(pgid, (int)sig, NULL);
    return 0;
}

static long open_peer(struct pty *p, u64 flags)
{
    struct fdtable *table = current_thread()->files;
    struct file *f;
    int fd = fd_reserve(table, 0, rlimit(RLIMIT_NOFILE), flags & O_CLOEXEC);
    if (fd < 0)
        return fd;
    int err = devpts_open_slave(p, (u32)flags, &f);
    if (err) {
        fd_unreserve(table, (u32)fd);
        return err;
    }
    fd_install(table, (u32)fd, f);
    return fd;
}

static long flush_master(struct pty *p, u64 which)
{
    if (which > TCIOFLUSH)
        return -EINVAL;
    if (which != TCOFLUSH) {
        spin_lock(&p->lock);
        p->tail = p->head;
        spin_unlock(&p->lock);
        waitq_wake_all(&p->tty->write_wait);
    }
    return 0;
}

static long fake_output(struct pty *p, uaddr_t arg)
{
    u8 c;
    if (!capable(CAP_SYS_ADMIN))
        return -EPERM;
    if (copy_from_user(&c, arg, 1))
        return -EFAULT;
    (void)put_and_tell(p, &c, 1);
    return 0;
}

static long set_exclusive(struct pty *p, bool on)
{
    spin_lock(&p->lock);
    p->exclusive = on;
    spin_unlock(&p->lock);
    return 0;
}

static long hang_up_master(struct pty *p)
{
    if (!capable(CAP_SYS_ADMIN))
        return -EPERM;
    spin_lock(&p->lock);
    p->hung = true;
    spin_unlock(&p->lock);
    waitq_wake_all(&p->read_wait);
    waitq_wake_all(&p->write_wait);
    return 0;
}

/* What speaks of the master itself; the rest of a terminal's ioctls is about the slave. */
static long master_ioctl(struct file *f, u32 cmd, u64 arg)
{
    struct pty *p = f->private;
    if (READ_ONCE(p->hung))
        return cmd == TIOCSPGRP ? -ENOTTY : -EIO;
    switch (cmd) {
    case TIOCVHANGUP:
        return hang_up_master(p);
    case TIOCGPTN:
        return put_user_u32(arg, p->nr);
    case TIOCSPTLCK:
        return set_lock(p, arg);
    case TIOCGPTLCK:
        return put_user_u32(arg, READ_ONCE(p->locked));
    case TIOCGPTPEER:
        return open_peer(p, arg);
    case TIOCPKT:
        return set_packet(p, arg);
    case TIOCGPKT:
        return put_user_u32(arg, READ_ONCE(p->packet));
    case TIOCSIG:
        return send_signal(p, arg);
    case FIONREAD:
        return put_user_u32(arg, ring_used(p));
    case TCFLSH:
        return flush_master(p, arg);
    case TCXONC:
        return arg > TCION ? -EINVAL : 0;
    case TIOCSTI:
        return fake_output(p, arg);
    case TIOCEXCL:
    case TIOCNXCL:
        return set_exclusive(p, cmd == TIOCEXCL);
    case TIOCGEXCL:
        return put_user_u32(arg, READ_ONCE(p->exclusive));
    case TIOCNOTTY:
        return -ENOTTY;
    case TIOCCONS:
        return -EINVAL;
    default:
        return tty_ioctl(p->tty, f, cmd, arg);
    }
}

const struct file_ops pty_master_ops = {
    .release = master_release,
    .read = master_read,
    .write = master_write,
    .seek = no_seek,
    .poll = master_poll,
    .ioctl = master_ioctl,
};

void pty_init(void)
{
    devpts_init();
    device_register_number("ptmx", S_IFCHR, makedev_k(5, 2), &ptmx_ops);
}
