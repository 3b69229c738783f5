// SPDX-License-Identifier: MIT
/* Clocks, sleeping, interval timers, POSIX timers. */
#include "abi/errno.h"
#include "abi/resource.h"
#include "abi/signal.h"
#include "abi/time.h"
#include "lib/string.h"
#include "proc/itimer.h"
#include "proc/ntp.h"
#include "proc/posix_timer.h"
#include "proc/process.h"
#include "syscall/sys.h"
#include "syscall/timespec.h"

#define COARSE_NS 4000000ul /* as a kernel with a tick of 250 Hz says */
#define CPUCLOCK_THREAD 4

/* ---- clocks ---- */

/* Negative clock ids: a process's or thread's CPU clock: ~pid << 3 | per thread | which (0 PROF, 1 VIRT, 2 SCHED). */
static int cpu_clock_of(int clock, ns_t *out)
{
    s32 nr = ~clock >> 3;
    u32 which = (u32)clock & 3;
    if (which == 3 || nr < 0)
        return -EINVAL;
    struct cpu_use u;
    memset(&u, 0, sizeof(u));
    if (clock & CPUCLOCK_THREAD) {
        struct thread *t = nr ? thread_find(nr) : current_thread();
        if (!t)
            return -EINVAL;
        bool ours = t->process == current_process();
        thread_cpu_use(t, &u);
        if (nr)
            thread_put(t);
        if (!ours)
            return -EINVAL;
    } else {
        if (nr == current_thread()->tid) /* told by the number of any of its threads, but only to that thread */
            nr = 0;
        struct process *p = nr ? process_find(nr) : current_process();
        if (!p)
            return -EINVAL;
        process_cpu_use(p, &u);
        if (nr)
            process_put(p);
    }
    *out = which == 1 ? u.user : u.user + u.sys;
    return 0;
}

static int read_clock(int clock, ns_t *out)
{
    switch (clock) {
    case CLOCK_REALTIME:
    case CLOCK_REALTIME_COARSE:
    case CLOCK_REALTIME_ALARM:
        *out = clock_realtime();
        return 0;
    case CLOCK_TAI:
        *out = clock_now(CLOCK_BASE_TAI);
        return 0;
    case CLOCK_MONOTONIC_RAW:
        *out = clock_raw();
        return 0;
    case CLOCK_MONOTONIC:
    case CLOCK_MONOTONIC_COARSE:
    case CLOCK_BOOTTIME:
    case CLOCK_BOOTTIME_ALARM:
        *out = clock_monotonic();
        return 0;
    case CLOCK_PROCESS_CPUTIME_ID:
        return cpu_clock_of(-8 | 2, out);
    case CLOCK_THREAD_CPUTIME_ID:
        return cpu_clock_of(-8 | 2 | CPUCLOCK_THREAD, out);
    default:
        return clock < 0 ? cpu_clock_of(clock, out) : -EINVAL;
    }
}

long sys_clock_gettime(clock_k clock, out_k time)
{
    ns_t now;
    int err = read_clock(clock, &now);
    return err ? err : timespec_put(time, now);
}

long sys_clock_getres(clock_k clock, out_k time)
{
    ns_t now;
    int err = read_clock(clock, &now);
    if (err || !time)
        return err;
    bool coarse = clock == CLOCK_REALTIME_COARSE || clock == CLOCK_MONOTONIC_COARSE;
    return timespec_put(time, coarse ? COARSE_NS : 1);
}

long sys_clock_settime(clock_k clock, timespec_k time)
{
    ns_t now;
    if (clock != CLOCK_REALTIME && clock >= 0)
        return -EINVAL;
    int err = timespec_get(time, &now);
    if (err)
        return err;
    if (clock < 0) /* a CPU clock by number */
        return read_clock(clock, &now) ? -EINVAL : -EPERM;
    return capable(CAP_SYS_TIME) ? clock_jump(now) : -EPERM;
}

long sys_gettimeofday(out_k tv, out_k tz)
{
    struct timezone zone;
    struct timeval now = timeval_of(clock_realtime());
    if (tv && copy_to_user(tv, &now, sizeof(now)))
        return -EFAULT;
    timezone_get(&zone);
    return tz ? copy_to_user(tz, &zone, sizeof(zone)) : 0;
}

long sys_settimeofday(ptr_k tv, ptr_k tz)
{
    struct timezone zone;
    ns_t now = 0;
    int err = tv ? timeval_get(tv, &now) : 0;
    if (!err && tz)
        err = copy_from_user(&zone, tz, sizeof(zone));
    if (err)
        return err;
    if (!capable(CAP_SYS_TIME))
        return -EPERM;
    err = tz ? timezone_set(&zone, !tv) : 0;
    return err || !tv ? err : clock_jump(now);
}

long sys_time(out_k p)
{
    long now = (long)(clock_realtime() / NSEC_PER_SEC);
    return p && put_user_u64(p, (u64)now) ? -EFAULT : now;
}

#define ADJ_ADJTIME 0x8000u /* what ADJ_OFFSET_SINGLESHOT and _SS_READ share, and have */
#define ADJ_READONLY 0x2000u

/* Reading is everyone's, of what is left of an adjustment too. */
static long check_adjust(u32 modes)
{
    bool reads = modes & ADJ_ADJTIME ? modes & ADJ_READONLY : !modes;
    if ((modes & ADJ_ADJTIME) && !(modes & ADJ_OFFSET))
        return -EINVAL;
    return (reads && !(modes & ADJ_SETOFFSET)) || capable(CAP_SYS_TIME) ? 0 : -EPERM;
}

static long adjust(uaddr_t p)
{
    struct timex t;
    if (copy_from_user(&t, p, sizeof(t)))
        return -EFAULT;
    long state = check_adjust(t.modes);
    if (!state)
        state = clock_adjust(&t);
    return state >= 0 && copy_to_user(p, &t, sizeof(t)) ? -EFAULT : state;
}

long sys_adjtimex(ptr_k p)
{
    return adjust(p);
}

long sys_clock_adjtime(clock_k clock, ptr_k p)
{
    if (clock == CLOCK_REALTIME)
        return adjust(p);
    ns_t now;
    return read_clock(clock, &now) ? -EINVAL : -EOPNOTSUPP;
}

long sys_times(out_k buf)
{
    struct cpu_use u;
    struct process *p = current_process();
    const u64 tick = NSEC_PER_SEC / ABI_USER_HZ;
    process_cpu_use(p, &u);
    struct tms t = {
        .tms_utime = (long)(u.user / tick),
        .tms_stime = (long)(u.sys / tick),
        .tms_cutime = (long)(p->children_use.user / tick),
        .tms_cstime = (long)(p->children_use.sys / tick),
    };
    if (buf && copy_to_user(buf, &t, sizeof(t)))
        return -EFAULT;
    return (long)(clock_monotonic() / tick);
}

/* ---- sleeping ---- */

/* To the deadline; interrupted, the rest goes to `left` and the restart continues to the same deadline. */
static long sleep_for(struct deadline d, uaddr_t left);

static long sleep_restart(struct signal_state *s)
{
    return sleep_for((struct deadline){s->restart_arg[0], (enum clock_base)s->restart_arg[1]}, s->restart_arg[2]);
}

static long sleep_for(struct deadline d, uaddr_t left)
{
    if (thread_sleep_interruptible_on(d) == 0)
        return 0;
    ns_t now = clock_now(d.base);
    if (left && timespec_put(left, now < d.at ? d.at - now : 0))
        return -EFAULT;
    const u64 args[] = {d.at, d.base, left};
    return signal_set_restart(sleep_restart, args, ARRAY_SIZE(args));
}

long sys_nanosleep(timespec_k time, out_k left)
{
    ns_t wait;
    int err = timespec_get(time, &wait);
    return err ? err : sleep_for((struct deadline){deadline_after(wait), CLOCK_BASE_MONO}, left);
}

/* A clock that can be slept on: where its times lie. Alarms and TAI lie there even when they are given relative to now. */
static int sleep_clock(int clock, bool absolute, enum clock_base *base)
{
    *base = CLOCK_BASE_MONO;
    switch (clock) {
    case CLOCK_REALTIME:
        *base = absolute ? CLOCK_BASE_WALL : CLOCK_BASE_MONO;
        return 0;
    case CLOCK_TAI:
        *base = CLOCK_BASE_TAI;
        return 0;
    case CLOCK_MONOTONIC:
    case CLOCK_BOOTTIME:
        return 0;
    case CLOCK_REALTIME_ALARM:
        *base = CLOCK_BASE_WALL;
        __attribute__((fallthrough));
    case CLOCK_BOOTTIME_ALARM:
        return capable(CAP_WAKE_ALARM) ? 0 : -EPERM;
    case CLOCK_MONOTONIC_RAW:
    case CLOCK_REALTIME_COARSE:
    case CLOCK_MONOTONIC_COARSE:
        return -EOPNOTSUPP;
    default:
        return -EINVAL;
    }
}

/* CPU clocks: looked at again when they could be due. */
static long sleep_cpu_until(int clock, ns_t until, bool absolute, uaddr_t left);

static long sleep_cpu_restart(struct signal_state *s)
{
    return sleep_cpu_until((int)s->restart_arg[0], s->restart_arg[1], false, s->restart_arg[2]);
}

static long sleep_cpu_until(int clock, ns_t until, bool absolute, uaddr_t left)
{
    ns_t now = 0;
    (void)read_clock(clock, &now);
    while (now < until) {
        ns_t wait = MAX((until - now) / cpu_count, (ns_t)SCHED_TICK_NS);
        if (thread_sleep_interruptible(deadline_after(wait))) {
            const u64 args[] = {(u64)clock, until, left};
            if (absolute)
                return -ERESTARTNOHAND;
            if (left && timespec_put(left, until - now))
                return -EFAULT;
            return signal_set_restart(sleep_cpu_restart, args, ARRAY_SIZE(args));
        }
        (void)read_clock(clock, &now);
    }
    return 0;
}

static long sleep_cpu(int clock, bool absolute, ns_t wait, uaddr_t left)
{
    ns_t now;
    s32 nr = ~clock >> 3;
    bool own = clock < 0 && (clock & CPUCLOCK_THREAD) && (!nr || nr == current_thread()->tid);
    int err = own || clock == CLOCK_THREAD_CPUTIME_ID ? -EINVAL : read_clock(clock, &now);
    if (err)
        return err;
    ns_t until = absolute ? wait : wait >= NS_FOREVER - now ? NS_FOREVER : now + wait;
    return sleep_cpu_until(clock, until, absolute, left);
}

long sys_clock_nanosleep(clock_k clock, int flags, timespec_k time, out_k left)
{
    ns_t wait;
    enum clock_base base = CLOCK_BASE_MONO;
    bool cpu = clock < 0 || clock == CLOCK_PROCESS_CPUTIME_ID, absolute = flags & TIMER_ABSTIME;
    int err = cpu ? 0 : sleep_clock(clock, absolute, &base);
    if (!err)
        err = timespec_get(time, &wait);
    if (err)
        return err;
    if (cpu)
        return sleep_cpu(clock, absolute, wait, left);
    if (absolute)
        return thread_sleep_interruptible_on((struct deadline){wait, base}) ? -ERESTARTNOHAND : 0;
    ns_t now = clock_now(base);
    return sleep_for((struct deadline){wait >= NS_FOREVER - now ? NS_FOREVER : now + wait, base}, left);
}

long sys_restart_syscall(void)
{
    struct signal_state *s = current_thread()->sig;
    return s->restart ? s->restart(s) : -EINTR;
}

/* ---- interval timers ---- */

static void put_itimer(struct itimerval *out, const struct itimer_value *v)
{
    struct timeval value = timeval_of(v->value + 999), interval = timeval_of(v->interval);
    memset(out, 0, sizeof(*out));
    out->it_value.tv_sec = value.tv_sec;
    out->it_value.tv_usec = value.tv_usec;
    out->it_interval.tv_sec = interval.tv_sec;
    out->it_interval.tv_usec = interval.tv_usec;
}

long sys_getitimer(int which, out_k p)
{
    struct itimer_value v;
    struct itimerval out;
    if (which < ITIMER_REAL || which > ITIMER_PROF)
        return -EINVAL;
    itimer_get(current_process(), which, &v);
    put_itimer(&out, &v);
    return copy_to_user(p, &out, sizeof(out));
}

long sys_setitimer(int which, ptr_k p, out_k old)
{
    struct itimer_value v = {0, 0}, was;
    struct itimerval out;
    if (p && copy_from_user(&out, p, sizeof(out))) /* all of it is there, before any of it is judged */
        return -EFAULT;
    int err = p ? timeval_get(p, &v.interval) : 0;
    if (!err && p)
        err = timeval_get(p + sizeof(struct timeval), &v.value);
    if (err)
        return err;
    if (which < ITIMER_REAL || which > ITIMER_PROF)
        return -EINVAL;
    itimer_set(current_process(), which, &v, &was);
    put_itimer(&out, &was);
    return old ? copy_to_user(old, &out, sizeof(out)) : 0;
}

long sys_alarm(u32 seconds)
{
    const struct itimer_value v = {.value = (ns_t)seconds * NSEC_PER_SEC};
    struct itimer_value was;
    itimer_set(current_process(), ITIMER_REAL, &v, &was);
    if (was.value && was.value < NSEC_PER_SEC)
        return 1;
    return (long)((was.value + NSEC_PER_SEC / 2) / NSEC_PER_SEC);
}

/* ---- POSIX timers ---- */

static int get_itimerspec(uaddr_t p, struct itimer_value *v)
{
    int err = timespec_get(p, &v->interval);
    return err ? err : timespec_get(p + sizeof(struct timespec), &v->value);
}

static int put_itimerspec(uaddr_t p, const struct itimer_value *v)
{
    struct timespec ts[2] = {timespec_of(v->interval), timespec_of(v->value)};
    return copy_to_user(p, ts, sizeof(ts));
}

long sys_timer_create(clock_k clock, ptr_k event, out_k id)
{
    struct sigevent ev;
    if (event && copy_from_user(&ev, event, sizeof(ev)))
        return -EFAULT;
    int n = posix_timer_create(clock, event ? &ev : NULL);
    if (n < 0)
        return n;
    if (put_user_u32(id, (u32)n)) {
        posix_timer_delete(n);
        return -EFAULT;
    }
    return 0;
}

long sys_timer_settime(int id, int flags, ptr_k value, out_k old)
{
    struct itimer_value v, was;
    if (!value)
        return -EINVAL;
    int err = get_itimerspec(value, &v);
    if (!err)
        err = posix_timer_set(id, flags & TIMER_ABSTIME, &v, &was);
    return !err && old ? put_itimerspec(old, &was) : err;
}

long sys_timer_gettime(int id, out_k value)
{
    struct itimer_value v;
    int err = posix_timer_get(id, &v);
    return err ? err : put_itimerspec(value, &v);
}

long sys_timer_getoverrun(int id)
{
    return posix_timer_overrun(id);
}

long sys_timer_delete(int id)
{
    return posix_timer_delete(id);
}
