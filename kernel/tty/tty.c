// SPDX-License-Identifier: MIT
/* Terminals as files: creation, open, read, write, poll; /dev/tty. Rules and locks: tty.h. */
#include "tty/tty.h"

#include "abi/errno.h"
#include "abi/fcntl.h"
#include "abi/poll.h"
#include "abi/stat.h"
#include "lib/string.h"
#include "mem/slab.h"
#include "tty/pty.h"

#define CTRL(c) ((c)&0x1f)
#define TTY_MAJOR_AUX 5 /* /dev/tty, /dev/console */

static const struct termios2 initial_termios = {
    .c_oflag = OPOST | ONLCR,
    .c_cflag = B38400 | CS8 | CREAD,
    .c_lflag = ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN,
    .c_cc = {[VINTR] = CTRL('C'),
             [VQUIT] = 0x1c,
             [VERASE] = 0x7f,
             [VKILL] = CTRL('U'),
             [VEOF] = CTRL('D'),
             [VMIN] = 1,
             [VSTART] = CTRL('Q'),
             [VSTOP] = CTRL('S'),
             [VSUSP] = CTRL('Z'),
             [VREPRINT] = CTRL('R'),
             [VDISCARD] = CTRL('O'),
             [VWERASE] = CTRL('W'),
             [VLNEXT] = CTRL('V')},
    .c_ispeed = 38400,
    .c_ospeed = 38400,
};

void tty_use_initial(struct tty *t)
{
    t->termios = initial_termios;
    t->termios.c_iflag = t->initial_iflag;
}

struct tty *tty_create(const struct tty_ops *ops, void *driver, u64 dev, u32 iflag)
{
    struct tty *t = kzalloc(sizeof(*t), MEM_WAIT);
    if (!t)
        return NULL;
    ref_init(&t->refs);
    t->ops = ops;
    t->driver = driver;
    t->dev = dev;
    t->initial_iflag = iflag;
    tty_use_initial(t);
    mutex_init(&t->lock, LOCK_TTY);
    mutex_init(&t->out_lock, LOCK_TTY_OUT);
    waitq_init(&t->read_wait);
    waitq_init(&t->write_wait);
    return t;
}

void tty_put(struct tty *t)
{
    if (!ref_put(&t->refs))
        return;
    if (t->ops->release)
        t->ops->release(t);
    kfree(t);
}

int tty_set_winsize(struct tty *t, const struct winsize *w)
{
    mutex_lock(&t->lock);
    bool changed = memcmp(&t->winsize, w, sizeof(*w)) != 0;
    t->winsize = *w;
    mutex_unlock(&t->lock);
    s32 pgid = changed ? tty_pgrp_nr(t) : 0;
    if (pgid)
        (void)signal_send_group(pgid, SIGWINCH, NULL);
    return 0;
}

static struct tty *tty_of(const struct file *f)
{
    return ((struct tty_file *)f->private)->tty;
}

static int count_open(struct tty *t, u32 *hangups)
{
    mutex_lock(&t->lock);
    int err = t->gone ? -EIO : t->open_count && t->exclusive && !capable(CAP_SYS_ADMIN) ? -EBUSY : 0;
    if (!err && t->ops->opened)
        err = t->ops->opened(t);
    if (!err)
        t->open_count++;
    *hangups = t->hangups;
    mutex_unlock(&t->lock);
    return err;
}

int tty_open_file(struct tty *t, struct file *f)
{
    struct tty_file *tf = kmalloc(sizeof(*tf), MEM_WAIT);
    if (!tf)
        return -ENOMEM;
    int err = count_open(t, &tf->hangups);
    if (err) {
        kfree(tf);
        return err;
    }
    tty_get(t);
    tf->tty = t;
    f->private = tf;
    f->ops = &tty_file_ops;
    /* No position, so no lock of it: a reader who waits must not keep the writers of a shared file waiting. */
    f->fmode = (f->fmode & ~(FMODE_LSEEK | FMODE_PREAD | FMODE_PWRITE)) | FMODE_STREAM;
    if (!(f->flags & O_NOCTTY) && current_process() && (f->fmode & FMODE_READ))
        (void)tty_set_controlling(t, true, false); /* a session leader without one gets it */
    return 0;
}

static void tty_release(struct file *f)
{
    struct tty *t = tty_of(f);
    mutex_lock(&t->lock);
    if (--t->open_count == 0 && t->ops->closed)
        t->ops->closed(t);
    mutex_unlock(&t->lock);
    kfree(f->private);
    tty_put(t);
}

static bool nonblocking(const struct file *f)
{
    return READ_ONCE(f->flags) & O_NONBLOCK;
}

static ssize_t tty_read(struct file *f, struct uio *u, s64 *pos)
{
    const struct tty_file *tf = f->private;
    (void)pos;
    if (tty_file_dead(tf))
        return 0;
    int err = tty_check_change(tf->tty, SIGTTIN);
    return err ? err : ldisc_read(tf, u, nonblocking(f));
}

static bool may_write(const struct tty_file *tf)
{
    return !READ_ONCE(tf->tty->stopped) || tty_file_dead(tf);
}

static int wait_started(const struct tty_file *tf, bool nonblock)
{
    if (may_write(tf))
        return 0;
    if (nonblock)
        return -EAGAIN;
    return wait_event_interruptible(&tf->tty->write_wait, may_write(tf)) ? -ERESTARTSYS : 0;
}

static ssize_t write_piece(const struct tty_file *tf, struct uio *u, bool nonblock)
{
    u8 buf[512];
    struct uio before = *u;
    int err = wait_started(tf, nonblock);
    if (err)
        return err;
    if (tty_file_dead(tf))
        return -EIO;
    size_t n = uio_copy_from(u, buf, MIN(u->resid, sizeof(buf)));
    if (n == 0)
        return -EFAULT;
    ssize_t done = tty_output(tf->tty, buf, n, nonblock);
    if (done < (ssize_t)n) {
        uio_revert(u, &before);
        if (done > 0)
            (void)uio_skip(u, (size_t)done);
    }
    return done == -EINTR ? -ERESTARTSYS : done;
}

static ssize_t tty_write(struct file *f, struct uio *u, s64 *pos)
{
    const struct tty_file *tf = f->private;
    struct tty *t = tf->tty;
    ssize_t done = 0;
    (void)pos;
    if (tty_file_dead(tf))
        return -EIO;
    int err = t->termios.c_lflag & TOSTOP ? tty_check_change(t, SIGTTOU) : 0;
    if (err)
        return err;
    while (u->resid > 0) {
        ssize_t n = write_piece(tf, u, nonblocking(f));
        if (n < 0)
            return done ? done : n;
        done += n;
    }
    return done;
}

static u32 tty_poll(struct file *f, struct poll_table *pt)
{
    struct tty *t = tty_of(f);
    poll_wait(pt, &t->read_wait);
    poll_wait(pt, &t->write_wait);
    u32 events = ldisc_poll_ready(t) ? EPOLLIN | EPOLLRDNORM : 0;
    if (tty_file_dead(f->private))
        return EPOLLHUP | EPOLLERR | EPOLLIN | EPOLLOUT | EPOLLRDNORM | EPOLLWRNORM;
    u32 out = t->ops->out_ready(t, pt);
    return events | (READ_ONCE(t->stopped) ? out & ~(u32)(EPOLLOUT | EPOLLWRNORM) : out);
}

static long tty_file_ioctl(struct file *f, u32 cmd, u64 arg)
{
    if (tty_file_dead(f->private))
        return cmd == TIOCSPGRP ? -ENOTTY : -EIO;
    return tty_ioctl(tty_of(f), f, cmd, arg);
}

const struct file_ops tty_file_ops = {
    .release = tty_release,
    .read = tty_read,
    .write = tty_write,
    .seek = no_seek,
    .poll = tty_poll,
    .ioctl = tty_file_ioctl,
    .async = true,
};

s32 tty_file_pgrp(const struct file *f)
{
    return f->ops == &tty_file_ops ? tty_pgrp_nr(tty_of(f)) : 0;
}

/* /dev/tty: the caller's controlling terminal. */
static int open_controlling(struct inode *i, struct file *f)
{
    (void)i;
    struct tty *t = tty_controlling();
    if (!t)
        return -ENXIO;
    int err = tty_open_file(t, f);
    tty_put(t);
    return err;
}

static const struct file_ops dev_tty_ops = {.open = open_controlling};

void tty_init(void)
{
    tty_jobctl_init();
    (void)device_register("tty", S_IFCHR | 0666, TTY_MAJOR_AUX, 0, &dev_tty_ops, NULL);
    tty_console_init();
    pty_init();
}
