// SPDX-License-Identifier: MIT
/* Scheduling policies, priorities, affinity. */
#include "abi/errno.h"
#include "abi/resource.h"
#include "abi/sched.h"
#include "arch/usercopy.h"
#include "lib/string.h"
#include "proc/futex.h"
#include "proc/process.h"
#include "syscall/sys.h"
#include "syscall/timespec.h"

#define RR_SLICE_NS 100000000ull

long sys_sched_yield(void)
{
    sched_yield();
    return 0;
}

/* A thread by number, 0: the caller; reference. NULL: none. */
static struct thread *target(s32 pid)
{
    if (pid)
        return thread_find(pid);
    thread_get(current_thread());
    return current_thread();
}

/* Same user, or CAP_SYS_NICE. */
static bool may_change(const struct thread *t)
{
    const struct cred *mine = current_cred();
    rcu_read_lock();
    const struct cred *its = thread_cred(t);
    bool same = its && (mine->euid == its->euid || mine->euid == its->uid);
    rcu_read_unlock();
    return same || cred_capable(mine, CAP_SYS_NICE);
}

static u64 limit_of(const struct thread *t, u32 which)
{
    return t->process ? t->process->limits[which].soft : 0;
}

/* ---- policy ---- */

struct wish {
    u32 policy;
    bool reset_on_fork, keep_policy, keep_params;
    s8 nice;
    u32 priority;
};

static bool policy_valid(u32 policy)
{
    return policy == SCHED_NORMAL || policy == SCHED_FIFO || policy == SCHED_RR || policy == SCHED_BATCH ||
           policy == SCHED_IDLE;
}

static bool is_rt(u32 policy)
{
    return policy == SCHED_FIFO || policy == SCHED_RR;
}

static int check_wish(const struct thread *t, const struct wish *w)
{
    if (!policy_valid(w->policy) || w->priority > 99 || is_rt(w->policy) != (w->priority != 0))
        return -EINVAL;
    if (capable(CAP_SYS_NICE))
        return 0;
    if (!may_change(t) || (t->reset_on_fork && !w->reset_on_fork))
        return -EPERM;
    if (is_rt(w->policy)) {
        u64 max = limit_of(t, RLIMIT_RTPRIO);
        if ((w->policy != t->policy && !max) || (w->priority > t->rt_priority && w->priority > max))
            return -EPERM;
    } else if ((w->nice < t->nice || (t->policy == SCHED_IDLE && w->policy != SCHED_IDLE)) &&
               (u64)(20 - w->nice) > limit_of(t, RLIMIT_NICE)) {
        return -EPERM;
    }
    return 0;
}

static int apply(s32 pid, struct wish *w)
{
    if (pid < 0)
        return -EINVAL;
    struct thread *t = target(pid);
    if (!t)
        return -ESRCH;
    if (w->keep_policy)
        w->policy = t->policy;
    if (w->keep_params) {
        w->priority = t->rt_priority;
        w->nice = t->nice;
    }
    int err = check_wish(t, w);
    if (!err)
        err = sched_set_policy(t, (u8)w->policy, (u8)w->priority);
    if (!err) {
        futex_pi_reorder(t);
        t->reset_on_fork = w->reset_on_fork;
        if (!is_rt(w->policy))
            sched_set_nice(t, w->nice);
    }
    thread_put(t);
    return err;
}

static s8 nice_of(s32 pid)
{
    struct thread *t = pid >= 0 ? target(pid) : NULL;
    s8 nice = t ? t->nice : 0;
    if (t)
        thread_put(t);
    return nice;
}

long sys_sched_setscheduler(pid_k pid, int policy, ptr_k param)
{
    struct wish w = {.policy = (u32)policy & ~(u32)SCHED_RESET_ON_FORK, .reset_on_fork = policy & SCHED_RESET_ON_FORK};
    if (policy < 0 || !param || pid < 0)
        return -EINVAL;
    if (get_user_u32(&w.priority, param))
        return -EFAULT;
    w.nice = nice_of(pid);
    return apply(pid, &w);
}

long sys_sched_setparam(pid_k pid, ptr_k param)
{
    struct wish w = {.keep_policy = true};
    if (!param || pid < 0)
        return -EINVAL;
    if (get_user_u32(&w.priority, param))
        return -EFAULT;
    w.nice = nice_of(pid);
    return apply(pid, &w);
}

long sys_sched_getscheduler(pid_k pid)
{
    if (pid < 0)
        return -EINVAL;
    struct thread *t = target(pid);
    if (!t)
        return -ESRCH;
    long policy = t->policy | (t->reset_on_fork ? SCHED_RESET_ON_FORK : 0);
    thread_put(t);
    return policy;
}

long sys_sched_getparam(pid_k pid, out_k param)
{
    if (!param || pid < 0)
        return -EINVAL;
    struct thread *t = target(pid);
    if (!t)
        return -ESRCH;
    u32 priority = t->rt_priority;
    thread_put(t);
    return put_user_u32(param, priority);
}

#define ATTR_CLAMPS (SCHED_FLAG_UTIL_CLAMP_MIN | SCHED_FLAG_UTIL_CLAMP_MAX)
#define ATTR_FLAGS                                                                                     \
    (SCHED_FLAG_RESET_ON_FORK | SCHED_FLAG_KEEP_POLICY | SCHED_FLAG_KEEP_PARAMS | SCHED_FLAG_RECLAIM | \
     SCHED_FLAG_DL_OVERRUN)

/* What a later version knows beyond this one's structure must be 0. */
static int rest_is_zero(uaddr_t p, u32 from, u32 to)
{
    for (u32 i = from; i < to; i++) {
        u8 byte;
        if (copy_from_user(&byte, p + i, 1))
            return -EFAULT;
        if (byte)
            return -E2BIG;
    }
    return 0;
}

static int get_attr(uaddr_t p, struct sched_attr *a)
{
    u32 size;
    memset(a, 0, sizeof(*a));
    if (get_user_u32(&size, p))
        return -EFAULT;
    if (!size)
        size = SCHED_ATTR_SIZE_VER0;
    if (size < SCHED_ATTR_SIZE_VER0 || size > PAGE_SIZE)
        return put_user_u32(p, sizeof(*a)) ? -EFAULT : -E2BIG;
    int err = rest_is_zero(p, sizeof(*a), size);
    if (err)
        return err == -E2BIG && put_user_u32(p, sizeof(*a)) ? -EFAULT : err;
    if (copy_from_user(a, p, MIN(size, (u32)sizeof(*a))))
        return -EFAULT;
    return (a->sched_flags & ATTR_CLAMPS) && size < SCHED_ATTR_SIZE_VER1 ? -EINVAL : 0;
}

long sys_sched_setattr(pid_k pid, ptr_k attr, u32 flags)
{
    struct sched_attr a;
    if (!attr || pid < 0 || flags)
        return -EINVAL;
    int err = get_attr(attr, &a);
    if (err)
        return err;
    if ((s32)a.sched_policy < 0 || (a.sched_flags & ~(u64)(ATTR_FLAGS | ATTR_CLAMPS)))
        return -EINVAL;
    if (a.sched_flags & ATTR_CLAMPS)
        return -EOPNOTSUPP; /* frequencies are the host's */
    struct wish w = {
        .policy = a.sched_policy,
        .priority = a.sched_priority,
        .nice = (s8)MIN(MAX(a.sched_nice, -20), 19),
        .reset_on_fork = a.sched_flags & SCHED_FLAG_RESET_ON_FORK,
        .keep_policy = a.sched_flags & SCHED_FLAG_KEEP_POLICY,
        .keep_params = a.sched_flags & SCHED_FLAG_KEEP_PARAMS,
    };
    return apply(pid, &w);
}

long sys_sched_getattr(pid_k pid, out_k attr, u32 size, u32 flags)
{
    struct sched_attr a = {.size = MIN(size, (u32)sizeof(a))};
    if (!attr || pid < 0 || size > PAGE_SIZE || size < SCHED_ATTR_SIZE_VER0 || flags)
        return -EINVAL;
    struct thread *t = target(pid);
    if (!t)
        return -ESRCH;
    a.sched_policy = t->policy;
    a.sched_flags = t->reset_on_fork ? SCHED_FLAG_RESET_ON_FORK : 0;
    a.sched_priority = t->rt_priority;
    a.sched_nice = is_rt(t->policy) ? 0 : t->nice;
    thread_put(t);
    return copy_to_user(attr, &a, a.size);
}

long sys_sched_get_priority_max(int policy)
{
    return policy >= 0 && policy_valid((u32)policy) ? (is_rt((u32)policy) ? 99 : 0)
           : policy == SCHED_DEADLINE               ? 0
                                                    : -EINVAL;
}

long sys_sched_get_priority_min(int policy)
{
    return policy >= 0 && policy_valid((u32)policy) ? is_rt((u32)policy) : policy == SCHED_DEADLINE ? 0 : -EINVAL;
}

long sys_sched_rr_get_interval(pid_k pid, out_k interval)
{
    if (pid < 0)
        return -EINVAL;
    struct thread *t = target(pid);
    if (!t)
        return -ESRCH;
    u8 policy = t->policy;
    thread_put(t);
    return timespec_put(interval, policy == SCHED_RR ? RR_SLICE_NS : policy == SCHED_FIFO ? 0 : SCHED_TICK_NS);
}

/* ---- affinity ---- */

long sys_sched_setaffinity(pid_k pid, u32 size, ptr_k p)
{
    u64 mask = 0;
    if (copy_from_user(&mask, p, MIN(size, (u32)sizeof(mask))))
        return -EFAULT;
    struct thread *t = pid < 0 ? NULL : target(pid);
    if (!t)
        return -ESRCH;
    int err = may_change(t) ? sched_set_affinity(t, mask) : -EPERM;
    thread_put(t);
    return err;
}

long sys_sched_getaffinity(pid_k pid, u32 size, out_k p)
{
    if (size * 8 < cpu_count || size % sizeof(u64))
        return -EINVAL;
    struct thread *t = pid < 0 ? NULL : target(pid);
    if (!t)
        return -ESRCH;
    u64 all = cpu_count >= 64 ? ~0ull : (1ull << cpu_count) - 1;
    u64 mask = t->affinity & all;
    thread_put(t);
    u32 n = MIN(size, (u32)sizeof(mask));
    return copy_to_user(p, &mask, n) ? -EFAULT : (long)n;
}

/* ---- nice ---- */

struct nice_walk {
    int which, best, err, nice;
    s32 who;
    bool set, found;
};

/* The threads of a process, each with a reference while it is looked at: the one after `last` (NULL: the first). */
static struct thread *next_thread(struct process *p, struct thread *last)
{
    u64 flags = spin_lock_irqsave(&p->siglock);
    struct thread *t, *found = NULL;
    bool behind = !last;
    list_for_each (t, &p->threads, process_link) {
        if (behind) {
            thread_get(t);
            found = t;
            break;
        }
        behind = t == last;
    }
    spin_unlock_irqrestore(&p->siglock, flags);
    if (last)
        thread_put(last);
    return found;
}

static void nice_one(struct thread *t, struct nice_walk *w)
{
    if (!w->set) {
        w->best = MAX(w->best, 20 - t->nice);
        w->found = true;
        return;
    }
    if (!may_change(t)) {
        w->err = -EPERM;
    } else if (w->nice < t->nice && !capable(CAP_SYS_NICE) && (u64)(20 - w->nice) > limit_of(t, RLIMIT_NICE)) {
        w->err = -EACCES;
    } else {
        sched_set_nice(t, (s8)w->nice);
        if (!w->found)
            w->err = 0;
    }
    w->found = true;
}

static void nice_process(struct process *p, void *arg)
{
    struct nice_walk *w = arg;
    const struct cred *c = process_cred_get(p);
    bool match = w->which == PRIO_PGRP ? p->pgid == w->who : c->uid == (u32)w->who;
    cred_put(c);
    if (!match)
        return;
    for (struct thread *t = NULL; (t = next_thread(p, t));)
        nice_one(t, w);
}

static void nice_walk(struct nice_walk *w)
{
    if (w->which == PRIO_PROCESS) {
        struct thread *t = target(w->who);
        if (t) {
            nice_one(t, w);
            thread_put(t);
        }
        return;
    }
    if (!w->who)
        w->who = w->which == PRIO_PGRP ? current_process()->pgid : (s32)current_cred()->uid;
    process_for_each(nice_process, w);
}

long sys_getpriority(int which, int who)
{
    struct nice_walk w = {.which = which, .who = who};
    if (which < PRIO_PROCESS || which > PRIO_USER)
        return -EINVAL;
    nice_walk(&w);
    return w.found ? w.best : -ESRCH;
}

long sys_setpriority(int which, int who, int nice)
{
    struct nice_walk w = {.which = which, .who = who, .set = true, .nice = MIN(MAX(nice, -20), 19)};
    if (which < PRIO_PROCESS || which > PRIO_USER)
        return -EINVAL;
    nice_walk(&w);
    return w.found ? w.err : -ESRCH;
}
