// SPDX-License-Identifier: MIT
/* Terminal ioctls: ioctl_tty(2). Setters from a background group are stopped by SIGTTOU first, as POSIX asks. */
#include "abi/errno.h"
#include "abi/ioctl.h"
#include "arch/usercopy.h"
#include "lib/string.h"
#include "tty/tty.h"

#define NCC_OLD 8 /* struct termio */

static int wait_output(struct tty *t)
{
    if (!t->ops->drain)
        return 0;
    if (mutex_lock_interruptible(&t->out_lock))
        return -ERESTARTSYS;
    mutex_unlock(&t->out_lock);
    return t->ops->drain(t) ? -ERESTARTSYS : 0;
}

static long set_termios(struct tty *t, const struct termios2 *new, bool drain, bool flush)
{
    int err = drain ? wait_output(t) : 0;
    if (err)
        return err;
    mutex_lock(&t->lock);
    struct termios2 old = t->termios;
    if (flush)
        ldisc_flush_input(t);
    t->termios = *new;
    ldisc_termios_changed(t, &old);
    if (t->ops->termios_changed)
        t->ops->termios_changed(t, &old);
    mutex_unlock(&t->lock);
    return 0;
}

static struct termios2 current_termios(struct tty *t)
{
    mutex_lock(&t->lock);
    struct termios2 k = t->termios;
    mutex_unlock(&t->lock);
    return k;
}

/* TCSETS, TCSETS2, TCSETA and their W and F forms differ in the size of what user space gives. */
static long set_termios_from(struct tty *t, uaddr_t arg, size_t size, bool drain, bool flush)
{
    struct termios2 k = current_termios(t);
    int err = tty_check_change(t, SIGTTOU);
    if (err)
        return err;
    if (copy_from_user(&k, arg, size))
        return -EFAULT;
    return set_termios(t, &k, drain, flush);
}

static long set_termio(struct tty *t, uaddr_t arg, bool drain, bool flush)
{
    struct termio old;
    struct termios2 k = current_termios(t);
    int err = tty_check_change(t, SIGTTOU);
    if (err)
        return err;
    if (copy_from_user(&old, arg, sizeof(old)))
        return -EFAULT;
    k.c_iflag = (k.c_iflag & ~0xffffu) | old.c_iflag;
    k.c_oflag = (k.c_oflag & ~0xffffu) | old.c_oflag;
    k.c_cflag = (k.c_cflag & ~0xffffu) | old.c_cflag;
    k.c_lflag = (k.c_lflag & ~0xffffu) | old.c_lflag;
    memcpy(k.c_cc, old.c_cc, NCC_OLD);
    return set_termios(t, &k, drain, flush);
}

static long get_termio(struct tty *t, uaddr_t arg)
{
    struct termios2 k = current_termios(t);
    struct termio old;
    memset(&old, 0, sizeof(old)); /* a byte of padding goes out too */
    old.c_iflag = (u16)k.c_iflag;
    old.c_oflag = (u16)k.c_oflag;
    old.c_cflag = (u16)k.c_cflag;
    old.c_lflag = (u16)k.c_lflag;
    old.c_line = k.c_line;
    memcpy(old.c_cc, k.c_cc, NCC_OLD);
    return copy_to_user(arg, &old, sizeof(old));
}

static long get_termios(struct tty *t, uaddr_t arg, size_t size)
{
    struct termios2 k = current_termios(t);
    return copy_to_user(arg, &k, size);
}

static long set_winsize_from(struct tty *t, uaddr_t arg)
{
    struct winsize w;
    if (copy_from_user(&w, arg, sizeof(w)))
        return -EFAULT;
    return tty_set_winsize(t, &w);
}

static long get_winsize(struct tty *t, uaddr_t arg)
{
    mutex_lock(&t->lock);
    struct winsize w = t->winsize;
    mutex_unlock(&t->lock);
    return copy_to_user(arg, &w, sizeof(w));
}

static long flush_queues(struct tty *t, u64 which)
{
    int err = tty_check_change(t, SIGTTOU);
    if (err)
        return err;
    if (which > TCIOFLUSH)
        return -EINVAL;
    mutex_lock(&t->lock);
    if (which != TCOFLUSH)
        ldisc_flush_input(t);
    if (which != TCIFLUSH && t->ops->flush_output)
        t->ops->flush_output(t);
    mutex_unlock(&t->lock);
    return 0;
}

static void hold_output(struct tty *t, bool hold)
{
    mutex_lock(&t->lock);
    bool changed = t->held != hold;
    t->held = hold;
    if (changed)
        ldisc_flow(t, hold);
    mutex_unlock(&t->lock);
}

/* The other side is asked to stop or to go on, ahead of what waits to be written. */
static long send_flow_char(struct tty *t, u32 which)
{
    u8 c = READ_ONCE(t->termios.c_cc[which]);
    if (!c)
        return 0;
    if (mutex_lock_interruptible(&t->out_lock))
        return -ERESTARTSYS;
    (void)t->ops->write(t, &c, 1, true);
    mutex_unlock(&t->out_lock);
    return 0;
}

static long flow(struct tty *t, u64 action)
{
    int err = tty_check_change(t, SIGTTOU);
    if (err || action > TCION)
        return err ? err : -EINVAL;
    if (action == TCIOFF || action == TCION)
        return send_flow_char(t, action == TCIOFF ? VSTOP : VSTART);
    hold_output(t, action == TCOOFF);
    return 0;
}

static long drain(struct tty *t)
{
    int err = tty_check_change(t, SIGTTOU);
    return err ? err : wait_output(t);
}

static long input_count(struct tty *t, uaddr_t arg)
{
    mutex_lock(&t->lock);
    u32 n = ldisc_input_ready(t);
    mutex_unlock(&t->lock);
    return put_user_u32(arg, n);
}

static long fake_input(struct tty *t, uaddr_t arg)
{
    u8 c;
    struct tty *mine = tty_controlling();
    if (mine)
        tty_put(mine);
    if (mine != t && !capable(CAP_SYS_ADMIN))
        return -EPERM;
    if (copy_from_user(&c, arg, 1))
        return -EFAULT;
    (void)tty_input(t, &c, 1);
    return 0;
}

static long line_discipline(struct tty *t, uaddr_t arg, bool set)
{
    u32 n = 0; /* N_TTY */
    if (!set)
        return put_user_u32(arg, n);
    if (get_user_u32(&n, arg))
        return -EFAULT;
    int err = tty_check_change(t, SIGTTOU);
    return err ? err : n == 0 ? 0 : -EINVAL;
}

static long set_exclusive(struct tty *t, bool on)
{
    mutex_lock(&t->lock);
    t->exclusive = on;
    mutex_unlock(&t->lock);
    return 0;
}

static long termios_ioctl(struct tty *t, u32 cmd, u64 arg)
{
    switch (cmd) {
    case TCGETS:
        return get_termios(t, arg, sizeof(struct termios));
    case TCGETS2:
        return get_termios(t, arg, sizeof(struct termios2));
    case TCGETA:
        return get_termio(t, arg);
    case TCSETS:
        return set_termios_from(t, arg, sizeof(struct termios), false, false);
    case TCSETSW:
        return set_termios_from(t, arg, sizeof(struct termios), true, false);
    case TCSETSF:
        return set_termios_from(t, arg, sizeof(struct termios), true, true);
    case TCSETS2:
        return set_termios_from(t, arg, sizeof(struct termios2), false, false);
    case TCSETSW2:
        return set_termios_from(t, arg, sizeof(struct termios2), true, false);
    case TCSETSF2:
        return set_termios_from(t, arg, sizeof(struct termios2), true, true);
    case TCSETA:
        return set_termio(t, arg, false, false);
    case TCSETAW:
        return set_termio(t, arg, true, false);
    case TCSETAF:
        return set_termio(t, arg, true, true);
    default:
        return -515;
    }
}

long tty_ioctl(struct tty *t, struct file *f, u32 cmd, u64 arg)
{
    long r = tty_job_ioctl(t, f, f->ops != &tty_file_ops, cmd, arg);
    if (r == -515)
        r = termios_ioctl(t, cmd, arg);
    if (r != -515)
        return r;
    switch (cmd) {
    case TIOCGWINSZ:
        return get_winsize(t, arg);
    case TIOCSWINSZ:
        return set_winsize_from(t, arg);
    case TCFLSH:
        return flush_queues(t, arg);
    case TCXONC:
        return flow(t, arg);
    case TCSBRK:
    case TCSBRKP:
    case TIOCSBRK:
        return drain(t); /* no break condition here */
    case TIOCCBRK:
        return tty_check_change(t, SIGTTOU);
    case FIONREAD:
        return input_count(t, arg);
    case TIOCOUTQ:
        return put_user_u32(arg, 0);
    case TIOCSTI:
        return fake_input(t, arg);
    case TIOCGETD:
        return line_discipline(t, arg, false);
    case TIOCSETD:
        return line_discipline(t, arg, true);
    case TIOCEXCL:
        return set_exclusive(t, true);
    case TIOCNXCL:
        return set_exclusive(t, false);
    case TIOCGEXCL:
        return put_user_u32(arg, READ_ONCE(t->exclusive));
    case TIOCGPTPEER:
        return -EIO; /* this is no master */
    case TIOCVHANGUP:
        if (!capable(CAP_SYS_ADMIN))
            return -EPERM;
        tty_hangup(t, false);
        return 0;
    case TIOCGDEV:
        return put_user_u32(arg, (u32)t->dev);
    default:
        return -ENOTTY;
    }
}
