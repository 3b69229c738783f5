// SPDX-License-Identifier: MIT
/*
 * POSIX timers. A timer owns one queue entry: while its signal is pending, further expirations are counted, not queued; an
 * interval timer is armed again when the signal is taken, which is where the overrun count comes from. An ignored signal
 * arms it again at once, a tick later at the earliest.
 *
 * Absolute times of CLOCK_REALTIME and CLOCK_TAI stay on their clock (sched/timer.c): when that is set they come sooner or
 * later. What is relative to now becomes monotonic; on CLOCK_TAI it stays, as on Linux.
 *
 * A timer on the CPU clock of another process is not seen by that one's tick, which could not take both processes' locks. It
 * is looked at when it could be due at the earliest, all CPUs being that process's: by the hardware's timer, which reads
 * the other's clock before it takes siglock.
 *
 * Timers are reached by id through a table of the process; table and timers are under siglock.
 */
#include "proc/posix_timer.h"

#include "abi/errno.h"
#include "lib/string.h"
#include "mem/slab.h"
#include "proc/signal_internal.h"

#define TIMERS_MAX 65536u
#define OVERRUN_MAX 0x7fffffff

struct posix_timer {
    struct timer hw;
    struct process *process; /* lives longer: it deletes its timers when it ends */
    struct thread *target;   /* SIGEV_THREAD_ID, with a reference; NULL: the process */
    struct sigqueue *queue;  /* there for SIGEV_NONE, too: it counts against RLIMIT_SIGPENDING */
    bool silent;             /* SIGEV_NONE */
    int id, clock;
    enum clock_base base;   /* where `expires` lies, as it was set last */
    bool cpu;               /* on a CPU clock: compared on the tick */
    bool user_only;         /* ... which stands still in the kernel */
    struct thread *worker;  /* ... of this thread, with a reference; NULL: of the process */
    struct process *other;  /* ... of this one instead, with a reference */
    ns_t expires, interval; /* expires 0: off; in the time of base, or the CPU clock's */
    u64 overrun;            /* since the signal was queued */
    int last_overrun;       /* of the signal last taken */
};
struct posix_timers {
    u32 size;
    struct posix_timer *slot[];
};

/* ---- expiry (siglock held) ---- */

/* now: of the other process's clock. */
static void look_later(struct posix_timer *t, ns_t now)
{
    if (READ_ONCE(t->other->reaped)) /* it uses no more time */
        return;
    ns_t left = t->expires > now ? t->expires - now : 0;
    timer_set(&t->hw, clock_monotonic() + MAX(left / cpu_count, (ns_t)SCHED_TICK_NS));
}

static void arm(struct posix_timer *t)
{
    if (t->other)
        look_later(t, t->expires);
    else if (t->cpu)
        t->process->posix_cpu_timers++, t->process->cpu_armed = true;
    else if (t->expires != NS_FOREVER)
        timer_set_on(&t->hw, t->base, t->expires);
}

/* To the first expiry after now; the periods that passed in between are overruns. */
static void advance(struct posix_timer *t, ns_t now)
{
    if (now < t->expires) /* the clock was set back: it comes again */
        return;
    t->expires += t->interval;
    if (t->expires > now)
        return;
    u64 missed = (now - t->expires) / t->interval + 1;
    t->overrun += missed;
    t->expires += missed * t->interval;
}

static void expire(struct posix_timer *t, ns_t now)
{
    bool queued = !t->silent && list_empty(&t->queue->link) && signal_queue_timer(t->process, t->target, t->queue);
    if (!t->interval) {
        t->expires = 0;
    } else if (!queued) {
        advance(t, now);
        if (!t->cpu)
            t->expires = MAX(t->expires, now + SCHED_TICK_NS);
        arm(t);
    }
}

/* What all threads of p have used. */
static ns_t used_by(struct process *p, bool user_only)
{
    struct thread *i;
    u64 flags = spin_lock_irqsave(&p->siglock);
    struct cpu_use u = p->dead;
    list_for_each (i, &p->threads, process_link) {
        thread_cpu_use(i, &u);
    }
    spin_unlock_irqrestore(&p->siglock, flags);
    return user_only ? u.user : u.user + u.sys;
}

static void other_looked_at(struct posix_timer *t, ns_t now)
{
    if (!t->expires || t->hw.cpu || !list_empty(&t->queue->link))
        return;
    if (now < t->expires) {
        look_later(t, now);
        return;
    }
    if (t->interval) { /* those that passed since it was armed; what passes until the signal is taken counts for the next */
        u64 missed = (now - t->expires) / t->interval;
        t->overrun += missed;
        t->expires += missed * t->interval;
    }
    expire(t, t->expires);
}

static void fires(struct timer *hw)
{
    struct posix_timer *t = container_of(hw, struct posix_timer, hw);
    ns_t now = t->other ? used_by(t->other, t->user_only) : 0;
    u64 flags = spin_lock_irqsave(&t->process->siglock);
    if (!t->other)
        now = clock_now(t->base);
    if (t->other)
        other_looked_at(t, now);
    else if (t->expires && t->expires <= now)
        expire(t, now);
    else if (t->expires && !t->hw.cpu)
        arm(t); /* the clock was set back between the interrupt and here */
    spin_unlock_irqrestore(&t->process->siglock, flags);
}

/* process: what the process has used, all threads. */
static ns_t cpu_now(const struct posix_timer *t, const struct cpu_use *process)
{
    struct cpu_use mine = {0};
    if (t->worker)
        thread_cpu_use(t->worker, &mine);
    const struct cpu_use *u = t->worker ? &mine : process;
    return t->user_only ? u->user : u->user + u->sys;
}

void posix_timers_tick(struct process *p, const struct cpu_use *u)
{
    struct posix_timers *all = p->posix_timers;
    p->posix_cpu_timers = 0;
    for (u32 i = 0; all && i < all->size; i++) {
        struct posix_timer *t = all->slot[i];
        if (!t || !t->cpu || t->other || !t->expires || !list_empty(&t->queue->link))
            continue;
        ns_t now = cpu_now(t, u);
        if (now >= t->expires)
            expire(t, now);
        else
            p->posix_cpu_timers++;
    }
}

static ns_t now_of(const struct posix_timer *t)
{
    if (!t->cpu)
        return clock_now(t->base);
    struct process *p = t->process;
    struct cpu_use u = p->dead;
    struct thread *i;
    list_for_each (i, &p->threads, process_link) {
        thread_cpu_use(i, &u);
    }
    return cpu_now(t, &u);
}

void posix_timer_taken(struct sigqueue *q, struct ksiginfo *info)
{
    struct posix_timer *t = q->timer;
    if (t->interval && t->expires) {
        advance(t, t->other ? t->expires : now_of(t));
        arm(t);
    }
    t->last_overrun = (int)MIN(t->overrun, (u64)OVERRUN_MAX);
    t->overrun = 0;
    info->si_overrun = t->last_overrun;
}

/* ---- making and finding ---- */

static struct posix_timer *find(struct process *p, int id)
{
    struct posix_timers *all = p->posix_timers;
    return all && (u32)id < all->size ? all->slot[id] : NULL;
}

static void fill_info(struct posix_timer *t, const struct sigevent *ev, int id)
{
    struct ksiginfo *info = &t->queue->info;
    memset(info, 0, sizeof(*info));
    info->si_signo = ev ? ev->sigev_signo : SIGALRM;
    info->si_code = SI_TIMER;
    info->si_tid = id;
    if (ev)
        info->_sifields._timer._sigval = ev->sigev_value;
    else
        info->_sifields._timer._sigval.sival_int = id;
}

/* Room for one more id; NULL in *out: there is a free slot. Returns the slot or an error. */
static int reserve_slot(struct process *p, struct posix_timer *t, const struct sigevent *ev)
{
    for (;;) {
        u64 flags = spin_lock_irqsave(&p->siglock);
        struct posix_timers *all = p->posix_timers;
        u32 n = all ? all->size : 0, i = 0;
        while (i < n && all->slot[i])
            i++;
        if (i < n) { /* from here on others may arm it: it is complete */
            t->id = (int)i;
            fill_info(t, ev, t->id);
            all->slot[i] = t;
        }
        spin_unlock_irqrestore(&p->siglock, flags);
        if (i < n)
            return (int)i;
        if (n >= TIMERS_MAX)
            return -EAGAIN;
        u32 size = n ? n * 2 : 8;
        struct posix_timers *new = kzalloc(sizeof(*new) + size * sizeof(new->slot[0]), MEM_WAIT), *old = NULL;
        if (!new)
            return -EAGAIN;
        new->size = size;
        flags = spin_lock_irqsave(&p->siglock);
        if (p->posix_timers == all) {
            if (all)
                memcpy(new->slot, all->slot, n * sizeof(new->slot[0]));
            old = all;
            p->posix_timers = new;
        } else {
            old = new;
        }
        spin_unlock_irqrestore(&p->siglock, flags);
        kfree(old);
    }
}

/* A CPU clock: ~pid << 3 | per thread << 2 | which (0 PROF, 1 VIRT, 2 SCHED); pid 0: the caller's. A thread's: of this process only. */
static int use_cpu_clock(struct posix_timer *t, int clock)
{
    s32 nr = ~clock >> 3;
    u32 which = (u32)clock & 3;
    if (which == 3)
        return -EOPNOTSUPP; /* a device's clock */
    t->cpu = true;
    t->user_only = which == 1;
    if (!(clock & 4)) {
        if (nr && nr != t->process->pid)
            t->other = process_find(nr);
        return nr && nr != t->process->pid && !t->other ? -EINVAL : 0;
    }
    struct thread *worker = nr ? thread_find(nr) : current_thread();
    if (!nr)
        thread_get(worker);
    t->worker = worker;
    return worker && worker->process == t->process ? 0 : -EINVAL;
}

static int use_clock(struct posix_timer *t, int clock)
{
    t->clock = clock;
    switch (clock) {
    case CLOCK_REALTIME:
    case CLOCK_MONOTONIC:
    case CLOCK_BOOTTIME:
    case CLOCK_TAI:
        return 0;
    case CLOCK_REALTIME_ALARM:
    case CLOCK_BOOTTIME_ALARM:
        return capable(CAP_WAKE_ALARM) ? 0 : -EPERM;
    case CLOCK_PROCESS_CPUTIME_ID:
        return use_cpu_clock(t, -8 | 2);
    case CLOCK_THREAD_CPUTIME_ID:
        return use_cpu_clock(t, -8 | 2 | 4);
    case CLOCK_MONOTONIC_RAW:
    case CLOCK_REALTIME_COARSE:
    case CLOCK_MONOTONIC_COARSE:
        return -EOPNOTSUPP;
    default:
        return clock < 0 ? use_cpu_clock(t, clock) : -EINVAL;
    }
}

static int find_target(const struct sigevent *ev, struct thread **out)
{
    struct thread *t = thread_find(ev->sigev_notify_thread_id);
    if (t && t->process == current_process()) {
        *out = t;
        return 0;
    }
    if (t)
        thread_put(t);
    return -EINVAL;
}

static int check_event(const struct sigevent *ev)
{
    int notify = ev->sigev_notify & ~SIGEV_THREAD_ID;
    if (ev->sigev_notify == SIGEV_NONE)
        return 0;
    if (notify != SIGEV_SIGNAL && notify != SIGEV_THREAD)
        return -EINVAL;
    return ev->sigev_signo < 1 || ev->sigev_signo > _NSIG ? -EINVAL : 0;
}

static void free_timer(struct posix_timer *t)
{
    if (t->target)
        thread_put(t->target);
    if (t->worker)
        thread_put(t->worker);
    if (t->other)
        process_put(t->other);
    if (t->queue) {
        t->queue->timer = NULL;
        sigqueue_free(t->queue);
    }
    kfree(t);
}

int posix_timer_create(int clock, const struct sigevent *ev)
{
    struct process *p = current_process();
    struct posix_timer *t = kzalloc(sizeof(*t), MEM_WAIT);
    if (!t)
        return -EAGAIN;
    t->process = p;
    timer_init(&t->hw, fires);
    int err = use_clock(t, clock);
    if (!err && ev)
        err = check_event(ev);
    if (err) {
        free_timer(t);
        return err;
    }
    t->silent = ev && ev->sigev_notify == SIGEV_NONE;
    t->queue = sigqueue_alloc_for_timer(t);
    err = t->queue ? 0 : -EAGAIN;
    if (!err && ev && (ev->sigev_notify & SIGEV_THREAD_ID))
        err = find_target(ev, &t->target);
    int id = err ? err : reserve_slot(p, t, ev);
    if (id < 0)
        free_timer(t);
    return id;
}

/* ---- the calls ---- */

/* The other process's clock, where the timer is on one; -ESRCH: that is gone. Before siglock. */
static int read_other(struct process *p, int id, ns_t *now)
{
    *now = 0;
    u64 flags = spin_lock_irqsave(&p->siglock);
    struct posix_timer *t = find(p, id);
    struct process *other = t ? t->other : NULL;
    bool user_only = t && t->user_only;
    if (other)
        process_get(other);
    spin_unlock_irqrestore(&p->siglock, flags);
    if (!other)
        return 0;
    int err = READ_ONCE(other->reaped) ? -ESRCH : 0;
    *now = used_by(other, user_only);
    process_put(other);
    return err;
}

static void get_locked(struct posix_timer *t, ns_t other_now, struct itimer_value *v)
{
    ns_t now = t->other ? other_now : now_of(t), at = t->expires;
    v->interval = t->interval;
    if (at && at <= now && t->interval) /* fired, its signal not taken: the next expiry counts */
        at += ((now - at) / t->interval + 1) * t->interval;
    v->value = !at ? 0 : at > now ? at - now : 1;
}

int posix_timer_get(int id, struct itimer_value *v)
{
    struct process *p = current_process();
    ns_t now;
    int gone = read_other(p, id, &now);
    u64 flags = spin_lock_irqsave(&p->siglock);
    struct posix_timer *t = find(p, id);
    if (t)
        get_locked(t, now, v);
    spin_unlock_irqrestore(&p->siglock, flags);
    if (gone)
        *v = (struct itimer_value){0};
    return t ? 0 : -EINVAL;
}

static enum clock_base base_of(const struct posix_timer *t, bool absolute)
{
    if (t->clock == CLOCK_TAI)
        return CLOCK_BASE_TAI;
    bool wall = t->clock == CLOCK_REALTIME_ALARM || (t->clock == CLOCK_REALTIME && absolute);
    return wall ? CLOCK_BASE_WALL : CLOCK_BASE_MONO;
}

static ns_t absolute_time(const struct posix_timer *t, bool absolute, ns_t other_now, ns_t value)
{
    ns_t now = t->other ? other_now : now_of(t);
    return absolute ? value : value >= NS_FOREVER - now ? NS_FOREVER : now + value;
}

/* Its pending signal goes with it, unless another of that number is queued. */
static void unqueue(struct posix_timer *t)
{
    struct sigqueue *q = t->queue, *other;
    if (list_empty(&q->link))
        return;
    list_del_init(&q->link);
    if (t->target && !t->target->sig)
        return;
    struct sigpending *pending = t->target ? &t->target->sig->pending : &t->process->shared_pending;
    list_for_each (other, &pending->queue, link) {
        if (other->info.si_signo == q->info.si_signo)
            return;
    }
    pending->set &= ~SIGBIT(q->info.si_signo);
}

int posix_timer_set(int id, bool absolute, const struct itimer_value *new, struct itimer_value *old)
{
    struct itimer_value limited = itimer_limited(new), *v = &limited;
    struct process *p = current_process();
    ns_t now;
    int err = read_other(p, id, &now);
    if (err)
        return err;
    u64 flags = spin_lock_irqsave(&p->siglock);
    struct posix_timer *t = find(p, id);
    if (t) {
        get_locked(t, now, old);
        timer_cancel(&t->hw);
        t->overrun = 0;
        t->base = base_of(t, absolute);
        t->interval = v->value ? v->interval : 0;
        t->expires = v->value ? absolute_time(t, absolute, now, v->value) : 0;
        if (t->expires && t->other)
            look_later(t, now);
        else if (t->expires)
            arm(t);
    }
    spin_unlock_irqrestore(&p->siglock, flags);
    return t ? 0 : -EINVAL;
}

int posix_timer_overrun(int id)
{
    struct process *p = current_process();
    u64 flags = spin_lock_irqsave(&p->siglock);
    struct posix_timer *t = find(p, id);
    int n = t ? t->last_overrun : -EINVAL;
    spin_unlock_irqrestore(&p->siglock, flags);
    return n;
}

static int delete (struct process *p, int id)
{
    u64 flags = spin_lock_irqsave(&p->siglock);
    struct posix_timer *t = find(p, id);
    if (t) {
        p->posix_timers->slot[id] = NULL;
        t->expires = 0;
        unqueue(t);
    }
    spin_unlock_irqrestore(&p->siglock, flags);
    if (!t)
        return -EINVAL;
    timer_cancel_sync(&t->hw);
    free_timer(t);
    return 0;
}

int posix_timer_delete(int id)
{
    return delete (current_process(), id);
}

void posix_timers_exec(struct process *p)
{
    struct posix_timers *all = p->posix_timers;
    if (!all)
        return;
    for (u32 i = 0; i < all->size; i++)
        (void)delete (p, (int)i);
}

void posix_timers_exit(struct process *p)
{
    posix_timers_exec(p);
    u64 flags = spin_lock_irqsave(&p->siglock); /* ticks of threads that are on their way out look, too */
    struct posix_timers *all = p->posix_timers;
    p->posix_timers = NULL;
    spin_unlock_irqrestore(&p->siglock, flags);
    kfree(all);
}
