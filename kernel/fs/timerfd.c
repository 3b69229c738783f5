// SPDX-License-Identifier: MIT
/*
 * timerfd: a timer as a file. It fires once and stays `expired`; whoever reads or asks how much is left forwards an
 * interval timer past the periods that went by, counts them, and arms it again. So an idle timer that nobody reads costs
 * one interrupt, and an edge-triggered epoll hears of one edge a read.
 *
 * Times are kept on the timer's own clock (sched/timer.c): absolute ones on CLOCK_REALTIME follow it when it is set. Those
 * with TFD_TIMER_CANCEL_ON_SET are on a list, `to_cancel`, too: then they become readable (their read is -ECANCELED).
 *
 * A clock that is set back between the expiry of an interval timer and the read: the expiry is taken back and comes again,
 * and the read ends with nothing, 0 bytes or -EAGAIN (timerfd_create(2), "discontinuous backward change").
 *
 * Locks: cancel_lock (S) covers the list and who is on it; wait.lock the rest, and the hardware timer's arming.
 */
#include "fs/timerfd.h"

#include "abi/errno.h"
#include "abi/fcntl.h"
#include "abi/ioctl.h"
#include "abi/poll.h"
#include "arch/usercopy.h"
#include "fs/seq.h"
#include "mem/slab.h"

#define TFD_IOC_SET_TICKS _IOW('T', 0, u64)

struct timerfd {
    struct waitq wait;
    struct timer hw; /* (wait.lock) */
    int clock;
    bool wall;              /* (wait.lock) `expires` is on the wall clock */
    bool armed;             /* (wait.lock) it has not fired yet */
    bool expired;           /* (wait.lock) it has, and nobody forwarded it */
    bool cancel;            /* (wait.lock) tell when the clock is set */
    bool cancelled;         /* (wait.lock) it was, and nobody has been told */
    ns_t expires, interval; /* (wait.lock) */
    u64 ticks;              /* (wait.lock) */
    u32 flags;              /* (wait.lock) of the last setting */
    struct list link;       /* (cancel_lock) to_cancel */
};

static struct mutex cancel_lock = MUTEX_INIT(cancel_lock, LOCK_TIMERFD);
static struct list to_cancel = LIST_INIT(to_cancel);
static const struct file_ops timerfd_ops;

/* ---- the timer (wait.lock) ---- */

static enum clock_base base_of(const struct timerfd *t)
{
    return t->wall ? CLOCK_BASE_WALL : CLOCK_BASE_MONO;
}

static ns_t now_of(const struct timerfd *t)
{
    return clock_now(base_of(t));
}

static void arm(struct timerfd *t)
{
    t->armed = true;
    if (t->expires != NS_FOREVER)
        timer_set_on(&t->hw, base_of(t), t->expires);
}

/* After an interval timer fired: past now, counting, and armed again. */
static void forward(struct timerfd *t)
{
    if (!t->expired || !t->interval)
        return;
    ns_t now = now_of(t);
    u64 n = now >= t->expires ? (now - t->expires) / t->interval + 1 : 0;
    t->expired = false;
    t->ticks +=
        n - 1; /* the first was counted when it fired; the clock may have been set back since: then it comes again */
    u64 next = t->expires + n * t->interval;
    t->expires = next < t->expires || next > INT64_MAX ? NS_FOREVER : next;
    arm(t);
}

static void fires(struct timer *hw)
{
    struct timerfd *t = container_of(hw, struct timerfd, hw);
    u64 flags = spin_lock_irqsave(&t->wait.lock);
    bool fired = t->armed && t->expires <= now_of(t);
    if (fired) {
        t->armed = false;
        t->expired = true;
        t->ticks++;
    } else if (t->armed && !t->hw.cpu) {
        arm(t); /* the clock was set back between the interrupt and here */
    }
    spin_unlock_irqrestore(&t->wait.lock, flags);
    if (fired)
        waitq_wake_poll(&t->wait, EPOLLIN | EPOLLRDNORM);
}

static void get_locked(struct timerfd *t, struct timerfd_value *v)
{
    forward(t);
    ns_t now = now_of(t);
    v->value = t->armed && t->expires > now ? t->expires - now : t->armed ? 1 : 0;
    v->interval = t->interval;
}

/* ---- reading ---- */

static bool told_cancelled(struct timerfd *t)
{
    bool was = t->cancel && t->cancelled;
    t->cancelled = false;
    return was;
}

/* Is there something to read? Then *n: the expirations; 0: they were taken back; -ECANCELED. */
static bool take(struct timerfd *t, s64 *n)
{
    u64 flags = spin_lock_irqsave(&t->wait.lock);
    bool ready = t->ticks;
    if (ready) {
        bool cancelled = told_cancelled(t);
        if (!cancelled)
            forward(t);
        *n = cancelled ? -ECANCELED : (s64)t->ticks;
        t->ticks = 0;
        if (!t->interval || cancelled)
            t->expired = false;
    }
    spin_unlock_irqrestore(&t->wait.lock, flags);
    return ready;
}

static ssize_t timerfd_read(struct file *f, struct uio *u, s64 *pos)
{
    struct timerfd *t = f->private;
    (void)pos;
    if (u->resid < sizeof(u64))
        return -EINVAL;
    s64 n = 0;
    bool wait = !(READ_ONCE(f->flags) & O_NONBLOCK), ready = take(t, &n);
    if (!ready && wait && wait_event_interruptible(&t->wait, take(t, &n)))
        return -ERESTARTSYS;
    if (n <= 0)
        return n ? n : wait ? 0 : -EAGAIN;
    return uio_copy_to(u, &n, sizeof(n)) == sizeof(n) ? (ssize_t)sizeof(n) : -EFAULT;
}

static u32 timerfd_poll(struct file *f, struct poll_table *pt)
{
    struct timerfd *t = f->private;
    poll_wait(pt, &t->wait);
    return READ_ONCE(t->ticks) ? EPOLLIN | EPOLLRDNORM : 0;
}

/* For who restores a process: so many expirations are to be read. */
static int set_ticks(struct timerfd *t, u64 ticks)
{
    if (!ticks)
        return -EINVAL;
    u64 flags = spin_lock_irqsave(&t->wait.lock);
    bool cancelled = told_cancelled(t);
    if (!cancelled)
        t->ticks = ticks;
    spin_unlock_irqrestore(&t->wait.lock, flags);
    if (cancelled)
        return -ECANCELED;
    waitq_wake_poll(&t->wait, EPOLLIN | EPOLLRDNORM);
    return 0;
}

static long timerfd_ioctl(struct file *f, u32 cmd, u64 arg)
{
    u64 ticks;
    if (cmd != TFD_IOC_SET_TICKS)
        return -ENOTTY;
    return get_user_u64(&ticks, arg) ? -EFAULT : set_ticks(f->private, ticks);
}

/* ---- setting ---- */

static struct timerfd *timerfd_of(struct file *f)
{
    return f->ops == &timerfd_ops ? f->private : NULL;
}

bool timerfd_is_alarm(struct file *f)
{
    struct timerfd *t = timerfd_of(f);
    return t && (t->clock == CLOCK_REALTIME_ALARM || t->clock == CLOCK_BOOTTIME_ALARM);
}

static void list_if(struct timerfd *t, bool cancel)
{
    if (cancel == list_empty(&t->link)) {
        list_del_init(&t->link);
        if (cancel)
            list_add_tail(&to_cancel, &t->link);
    }
}

static void start(struct timerfd *t, bool absolute, const struct timerfd_value *v)
{
    ns_t now = now_of(t);
    t->expires = absolute ? v->value : v->value >= NS_FOREVER - now ? NS_FOREVER : now + v->value;
    if (v->value)
        arm(t);
}

int timerfd_set(struct file *f, u32 flags, const struct timerfd_value *v, struct timerfd_value *old)
{
    struct timerfd *t = timerfd_of(f);
    if (!t)
        return -EINVAL;
    bool absolute = flags & TFD_TIMER_ABSTIME;
    bool wall = absolute && (t->clock == CLOCK_REALTIME || t->clock == CLOCK_REALTIME_ALARM);
    mutex_lock(&cancel_lock);
    list_if(t, wall && (flags & TFD_TIMER_CANCEL_ON_SET));
    u64 irq = spin_lock_irqsave(&t->wait.lock);
    get_locked(t, old);
    timer_cancel(&t->hw);
    t->armed = t->expired = false;
    t->wall = wall;
    t->cancel = wall && (flags & TFD_TIMER_CANCEL_ON_SET);
    t->flags = flags;
    t->ticks = 0;
    t->interval = MIN(v->interval, (ns_t)INT64_MAX);
    start(t, absolute, v);
    int err = v->value && told_cancelled(t) ? -ECANCELED : 0;
    spin_unlock_irqrestore(&t->wait.lock, irq);
    mutex_unlock(&cancel_lock);
    return err;
}

int timerfd_get(struct file *f, struct timerfd_value *v)
{
    struct timerfd *t = timerfd_of(f);
    if (!t)
        return -EINVAL;
    u64 flags = spin_lock_irqsave(&t->wait.lock);
    get_locked(t, v);
    spin_unlock_irqrestore(&t->wait.lock, flags);
    return 0;
}

void timerfd_clock_was_set(void)
{
    struct timerfd *t;
    mutex_lock(&cancel_lock);
    list_for_each (t, &to_cancel, link) {
        u64 flags = spin_lock_irqsave(&t->wait.lock);
        t->cancelled = true;
        t->ticks++;
        spin_unlock_irqrestore(&t->wait.lock, flags);
        waitq_wake_poll(&t->wait, EPOLLIN | EPOLLRDNORM);
    }
    mutex_unlock(&cancel_lock);
}

/* ---- the file ---- */

static void timerfd_release(struct file *f)
{
    struct timerfd *t = f->private;
    mutex_lock(&cancel_lock);
    list_del_init(&t->link);
    mutex_unlock(&cancel_lock);
    u64 flags = spin_lock_irqsave(&t->wait.lock);
    t->armed = false;
    spin_unlock_irqrestore(&t->wait.lock, flags);
    timer_cancel_sync(&t->hw);
    kfree(t);
}

static void timerfd_fdinfo(struct file *f, struct seq_buf *s)
{
    struct timerfd *t = f->private;
    struct timerfd_value v;
    u64 flags = spin_lock_irqsave(&t->wait.lock);
    u64 ticks = t->ticks, now = now_of(t);
    u32 set = t->flags;
    v.value = t->armed && t->expires > now ? t->expires - now : 0; /* looking counts nothing */
    v.interval = t->interval;
    spin_unlock_irqrestore(&t->wait.lock, flags);
    seq_printf(s, "clockid: %d\nticks: %llu\nsettime flags: 0%o\nit_value: (%llu, %llu)\nit_interval: (%llu, %llu)\n",
               t->clock, (unsigned long long)ticks, set, (unsigned long long)(v.value / NSEC_PER_SEC),
               (unsigned long long)(v.value % NSEC_PER_SEC), (unsigned long long)(v.interval / NSEC_PER_SEC),
               (unsigned long long)(v.interval % NSEC_PER_SEC));
}

static const struct file_ops timerfd_ops = {
    .release = timerfd_release,
    .read = timerfd_read,
    .seek = no_seek,
    .poll = timerfd_poll,
    .ioctl = timerfd_ioctl,
    .show_fdinfo = timerfd_fdinfo,
};

int timerfd_create(int clock, u32 flags, struct file **out)
{
    struct timerfd *t = kzalloc(sizeof(*t), MEM_WAIT);
    if (!t)
        return -ENOMEM;
    waitq_init(&t->wait);
    timer_init(&t->hw, fires);
    list_init(&t->link);
    t->clock = clock;
    int err = file_open_anon("anon_inode:[timerfd]", &timerfd_ops, t, O_RDWR | (flags & O_NONBLOCK), out);
    if (err)
        kfree(t);
    return err;
}
