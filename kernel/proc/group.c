// SPDX-License-Identifier: MIT
/*
 * Process groups and sessions, and the group that is orphaned. All under tasklist_lock.
 */
#include "abi/errno.h"
#include "proc/process.h"
#include "proc/signal_internal.h"

static void join_group(struct process *p, struct pid *g)
{
    struct pid *old = p->pgrp;
    pid_use(g);
    list_del(&p->group_link);
    list_add_tail(&g->group, &p->group_link);
    p->pgrp = g;
    p->pgid = g->nr;
    pid_unuse(old);
}

static void join_session(struct process *p, struct pid *s)
{
    struct pid *old = p->session;
    pid_use(s);
    list_del(&p->session_link);
    list_add_tail(&s->session, &p->session_link);
    p->session = s;
    p->sid = s->nr;
    pid_unuse(old);
}

int process_setsid(void)
{
    struct process *p = current_process();
    struct pid *me = p->pid_obj;
    rwsem_write_lock(&tasklist_lock);
    bool leads = p->session == me || !list_empty(&me->group);
    if (!leads) {
        join_session(p, me);
        join_group(p, me);
        me->ctty = NULL;
        p->has_tty = false;
    }
    rwsem_write_unlock(&tasklist_lock);
    return leads ? -EPERM : p->pid;
}

static int check_target(const struct process *me, const struct process *p)
{
    if (p != me) {
        if (p->parent != me)
            return -ESRCH;
        if (p->session != me->session)
            return -EPERM;
        if (p->execed)
            return -EACCES;
    }
    return p->session == p->pid_obj ? -EPERM : 0; /* a session leader stays */
}

static int set_group(struct process *me, struct process *p, s32 pgid)
{
    int err = check_target(me, p);
    if (err)
        return err;
    struct pid *g = p->pid_obj;
    if (pgid != p->pid) {
        g = pid_find(pgid);
        if (!g || list_empty(&g->group) || list_first(&g->group, struct process, group_link)->session != me->session)
            return -EPERM;
    }
    if (p->pgrp != g)
        join_group(p, g);
    return 0;
}

int process_setpgid(s32 pid, s32 pgid)
{
    struct process *me = current_process();
    if (pid == 0)
        pid = me->pid;
    if (pgid == 0)
        pgid = pid;
    if (pgid < 0)
        return -EINVAL;
    struct process *p = pid == me->pid ? me : process_find(pid);
    if (!p)
        return -ESRCH;
    rwsem_write_lock(&tasklist_lock);
    int err = p->reaped ? -ESRCH : set_group(me, p, pgid);
    rwsem_write_unlock(&tasklist_lock);
    if (p != me)
        process_put(p);
    return err;
}

/* No living member but process `except` (0: none) has a parent of another group in the same session. */
static bool orphaned_without(struct pid *group, s32 except)
{
    struct process *p;
    list_for_each (p, &group->group, group_link) {
        if (p->pid == except || p->zombie || !p->parent)
            continue;
        if (p->parent->pgrp != group && p->parent->session == p->session)
            return false;
    }
    return true;
}

bool process_group_orphaned(struct pid *group)
{
    return orphaned_without(group, 0);
}

static bool has_stopped_member(struct pid *group)
{
    struct process *p;
    list_for_each (p, &group->group, group_link) {
        if (READ_ONCE(p->stop_signal))
            return true;
    }
    return false;
}

/* parent NULL: p itself exits; else p lost `parent` and has its new one. */
void process_group_exit_check(struct process *p, struct process *parent)
{
    struct pid *g = p->pgrp;
    s32 except = parent ? 0 : p->pid;
    if (!parent)
        parent = p->parent;
    if (!parent || parent->pgrp == g || parent->session != p->session)
        return;
    if (!orphaned_without(g, except) || !has_stopped_member(g))
        return;
    struct process *m;
    list_for_each (m, &g->group, group_link) {
        signal_send_process(m, SIGHUP, NULL);
        signal_send_process(m, SIGCONT, NULL);
    }
}
