// SPDX-License-Identifier: MIT
/*
 * setitimer's three timers and RLIMIT_CPU. ITIMER_REAL is a timer of its own and stays exact over its intervals. The CPU
 * timers are compared on the scheduler's tick, while a thread of the process runs: their precision is the tick's.
 */
#include "proc/itimer.h"

#include "abi/time.h"
#include "lib/string.h"
#include "proc/posix_timer.h"
#include "proc/signal_internal.h"

#define NO_LIMIT RLIM64_INFINITY

static void send(struct process *p, int sig)
{
    signal_send_locked(p, NULL, sig, NULL, false);
}

/* ---- ITIMER_REAL ---- */

static void real_fires(struct timer *t)
{
    struct process *p = container_of(t, struct process, real_timer);
    u64 flags = spin_lock_irqsave(&p->siglock);
    if (p->real_expires) {
        bool in_vain = p->shared_pending.set & SIGBIT(SIGALRM);
        send(p, SIGALRM);
        in_vain |= !(p->shared_pending.set & SIGBIT(SIGALRM));
        p->real_expires = p->real_interval ? p->real_expires + p->real_interval : 0;
        /* Late by whole periods: they are one signal. One that nobody takes comes again a tick later at the earliest, or a
         * period of a microsecond would leave no time for anything but this. */
        ns_t now = clock_monotonic() + (in_vain ? SCHED_TICK_NS : 0);
        if (p->real_expires && p->real_expires <= now)
            p->real_expires += (now - p->real_expires) / p->real_interval * p->real_interval + p->real_interval;
        if (p->real_expires)
            timer_set(t, p->real_expires);
    }
    spin_unlock_irqrestore(&p->siglock, flags);
}

static void real_get(struct process *p, struct itimer_value *v)
{
    ns_t now = clock_monotonic();
    v->interval = p->real_interval;
    v->value = !p->real_expires ? 0 : p->real_expires > now ? p->real_expires - now : 1;
}

static void real_set(struct process *p, const struct itimer_value *v)
{
    ns_t now = clock_monotonic();
    p->real_interval = v->value ? v->interval : 0;
    p->real_expires = !v->value ? 0 : v->value >= NS_FOREVER - now ? NS_FOREVER : now + v->value;
    if (p->real_expires)
        timer_set(&p->real_timer, p->real_expires);
    else
        timer_cancel(&p->real_timer);
}

/* ---- CPU timers (siglock held) ---- */

/* Of the process, without its lock. */
static void cpu_sum(struct process *p, struct cpu_use *u)
{
    struct thread *t;
    *u = p->dead;
    list_for_each (t, &p->threads, process_link) {
        thread_cpu_use(t, u);
    }
}

static ns_t cpu_value(const struct cpu_use *u, int which)
{
    return which == 0 ? u->user : u->user + u->sys;
}

static void update_armed(struct process *p)
{
    p->cpu_armed = p->cpu_itimer[0].expires || p->cpu_itimer[1].expires || p->limits[RLIMIT_CPU].soft != NO_LIMIT ||
                   p->posix_cpu_timers;
}

static void check_itimer(struct process *p, int which, ns_t used)
{
    struct cpu_itimer *it = &p->cpu_itimer[which];
    if (!it->expires || used < it->expires)
        return;
    it->expires = it->interval ? it->expires + it->interval : 0;
    if (it->expires && it->expires <= used)
        it->expires = used + it->interval;
    send(p, which == 0 ? SIGVTALRM : SIGPROF);
}

static void check_limit(struct process *p, ns_t used)
{
    u64 seconds = used / NSEC_PER_SEC;
    const struct rlimit_k *l = &p->limits[RLIMIT_CPU];
    if (l->soft == NO_LIMIT || seconds < l->soft)
        return;
    if (l->hard != NO_LIMIT && seconds >= l->hard) {
        send(p, SIGKILL);
        return;
    }
    if (seconds < p->cpu_limit_next)
        return;
    p->cpu_limit_next = seconds + 1;
    send(p, SIGXCPU);
}

static void tick(struct thread *t, bool from_user)
{
    struct process *p = t->process;
    (void)from_user;
    if (!p || !READ_ONCE(p->cpu_armed))
        return;
    struct cpu_use u;
    u64 flags = spin_lock_irqsave(&p->siglock);
    if (t->sig) {
        cpu_sum(p, &u);
        check_itimer(p, 0, u.user);
        check_itimer(p, 1, u.user + u.sys);
        check_limit(p, u.user + u.sys);
        if (p->posix_cpu_timers)
            posix_timers_tick(p, &u);
        update_armed(p);
    }
    spin_unlock_irqrestore(&p->siglock, flags);
}

void cpu_timer_limit_changed(struct process *p)
{
    u64 flags = spin_lock_irqsave(&p->siglock);
    p->cpu_limit_next = 0;
    update_armed(p);
    spin_unlock_irqrestore(&p->siglock, flags);
}

static void cpu_get(struct process *p, int which, struct itimer_value *v)
{
    struct cpu_use u;
    cpu_sum(p, &u);
    ns_t used = cpu_value(&u, which), at = p->cpu_itimer[which].expires;
    v->interval = p->cpu_itimer[which].interval;
    v->value = !at ? 0 : at > used ? at - used : 1;
}

static void cpu_set(struct process *p, int which, const struct itimer_value *v)
{
    struct cpu_use u;
    cpu_sum(p, &u);
    ns_t used = cpu_value(&u, which);
    p->cpu_itimer[which].interval = v->interval;
    p->cpu_itimer[which].expires = !v->value ? 0 : v->value >= NS_FOREVER - used ? NS_FOREVER : used + v->value;
    update_armed(p);
}

/* ---- both ---- */

static void get_locked(struct process *p, int which, struct itimer_value *v)
{
    if (which == ITIMER_REAL)
        real_get(p, v);
    else
        cpu_get(p, which - ITIMER_VIRTUAL, v);
}

void itimer_get(struct process *p, int which, struct itimer_value *v)
{
    u64 flags = spin_lock_irqsave(&p->siglock);
    get_locked(p, which, v);
    spin_unlock_irqrestore(&p->siglock, flags);
}

void itimer_set(struct process *p, int which, const struct itimer_value *new, struct itimer_value *old)
{
    struct itimer_value limited = itimer_limited(new), *v = &limited;
    u64 flags = spin_lock_irqsave(&p->siglock);
    get_locked(p, which, old);
    if (which == ITIMER_REAL)
        real_set(p, v);
    else
        cpu_set(p, which - ITIMER_VIRTUAL, v);
    spin_unlock_irqrestore(&p->siglock, flags);
}

void itimer_init(struct process *p)
{
    timer_init(&p->real_timer, real_fires);
}

void itimer_stop(struct process *p)
{
    u64 flags = spin_lock_irqsave(&p->siglock);
    bool armed = p->real_expires;
    p->real_expires = 0;
    memset(p->cpu_itimer, 0, sizeof(p->cpu_itimer));
    p->limits[RLIMIT_CPU].soft = NO_LIMIT;
    p->cpu_armed = false;
    spin_unlock_irqrestore(&p->siglock, flags);
    if (armed)
        timer_cancel_sync(&p->real_timer);
    posix_timers_exit(p);
}

void itimer_module_init(void)
{
    sched_tick = tick;
}
