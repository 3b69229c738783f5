// SPDX-License-Identifier: MIT
/*
 * I/O priorities: each thread has one, a child begins with its parent's. There is no disk's queue that they would order, so
 * they are kept for whoever asks (ionice). Who never set one has the one that goes with its nice value.
 */
#include <linux/ioprio.h>

#include "abi/errno.h"
#include "abi/sched.h"
#include "proc/process.h"
#include "syscall/ioprio.h"
#include "syscall/sys.h"

#define LEVEL_MASK 7u /* above it: hints, which are kept too */

struct walk {
    int which, prio, err;
    s32 who;
    bool set, found;
};

static bool may_set(const struct thread *t)
{
    const struct cred *mine = current_cred();
    rcu_read_lock();
    const struct cred *its = thread_cred(t);
    bool same = its && (its->uid == mine->euid || its->uid == mine->uid);
    rcu_read_unlock();
    return same || cred_capable(mine, CAP_SYS_NICE);
}

static int effective(const struct thread *t)
{
    if (IOPRIO_PRIO_CLASS(t->ioprio) != IOPRIO_CLASS_NONE)
        return t->ioprio;
    int class = t->policy == SCHED_IDLE ? IOPRIO_CLASS_IDLE : t->rt_priority ? IOPRIO_CLASS_RT : IOPRIO_CLASS_BE;
    return IOPRIO_PRIO_VALUE(class, (t->nice + 20) / 5);
}

static void visit(struct thread *t, struct walk *w)
{
    if (!w->set) {
        int prio = w->which == IOPRIO_WHO_PROCESS ? t->ioprio : effective(t);
        w->prio = w->found ? MIN(w->prio, prio) : prio;
    } else if (!w->err) {
        if (may_set(t))
            t->ioprio = (u16)w->prio;
        else
            w->err = -EPERM;
    }
    w->found = true;
}

static void visit_process(struct process *p, void *arg)
{
    struct walk *w = arg;
    struct thread *t;
    const struct cred *c = process_cred_get(p);
    bool match = w->which == IOPRIO_WHO_PGRP ? p->pgid == w->who : c->uid == (u32)w->who;
    cred_put(c);
    if (!match)
        return;
    u64 flags = spin_lock_irqsave(&p->siglock);
    list_for_each (t, &p->threads, process_link) {
        visit(t, w);
    }
    spin_unlock_irqrestore(&p->siglock, flags);
}

static int walk(struct walk *w)
{
    if (w->which == IOPRIO_WHO_PROCESS) {
        struct thread *t = w->who ? thread_find(w->who) : current_thread();
        if (t)
            visit(t, w);
        if (t && w->who)
            thread_put(t);
    } else if (w->which == IOPRIO_WHO_PGRP || w->which == IOPRIO_WHO_USER) {
        if (!w->who)
            w->who = w->which == IOPRIO_WHO_PGRP ? current_process()->pgid : (s32)current_cred()->uid;
        process_for_each(visit_process, w);
    } else {
        return -EINVAL;
    }
    return w->found ? w->err : -ESRCH;
}

long sys_ioprio_get(int which, int who)
{
    struct walk w = {.which = which, .who = who};
    int err = walk(&w);
    return err ? err : w.prio;
}

int ioprio_check(int prio)
{
    switch (IOPRIO_PRIO_CLASS(prio)) {
    case IOPRIO_CLASS_RT:
        return capable(CAP_SYS_ADMIN) || capable(CAP_SYS_NICE) ? 0 : -EPERM;
    case IOPRIO_CLASS_BE:
    case IOPRIO_CLASS_IDLE:
        return 0;
    case IOPRIO_CLASS_NONE:
        return prio & (int)LEVEL_MASK ? -EINVAL : 0;
    default:
        return -EINVAL;
    }
}

long sys_ioprio_set(int which, int who, int prio)
{
    struct walk w = {.which = which, .who = who, .set = true, .prio = prio};
    int err = ioprio_check(prio);
    return err ? err : walk(&w);
}
