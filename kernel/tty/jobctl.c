// SPDX-License-Identifier: MIT
/*
 * Controlling terminals and foreground groups. session, pgrp of a terminal and ctty of a session change under tasklist_lock
 * held for writing. A session's pid.ctty owns a reference to its terminal; a terminal's session and pgrp own references
 * to their struct pid.
 */
#include "abi/errno.h"
#include "abi/ioctl.h"
#include "arch/usercopy.h"
#include "tty/tty.h"

static void replace_pid(struct pid **slot, struct pid *p)
{
    struct pid *old = *slot;
    if (p)
        pid_get(p);
    *slot = p;
    if (old)
        pid_put(old);
}

s32 tty_pgrp_nr(struct tty *t)
{
    rwsem_read_lock(&tasklist_lock);
    s32 nr = t->pgrp ? t->pgrp->nr : 0;
    rwsem_read_unlock(&tasklist_lock);
    return nr;
}

struct tty *tty_controlling(void)
{
    struct process *p = current_process();
    rwsem_read_lock(&tasklist_lock);
    struct tty *t = p->session ? p->session->ctty : NULL;
    if (t)
        tty_get(t);
    rwsem_read_unlock(&tasklist_lock);
    return t;
}

int tty_check_change(struct tty *t, int sig)
{
    struct process *p = current_process();
    rwsem_read_lock(&tasklist_lock);
    bool background = p->session && p->session->ctty == t && t->pgrp && t->pgrp != p->pgrp;
    bool orphaned = background && process_group_orphaned(p->pgrp);
    s32 pgid = p->pgid;
    rwsem_read_unlock(&tasklist_lock);
    if (!background)
        return 0;
    if (signal_is_ignored_by(current_thread(), sig))
        return sig == SIGTTIN ? -EIO : 0;
    if (orphaned)
        return -EIO;
    (void)signal_send_group(pgid, sig, NULL);
    return -ERESTARTSYS;
}

/* The session loses its terminal (tasklist for writing). Returns the reference that the session held. */
static struct tty *detach(struct pid *session)
{
    struct tty *t = session->ctty;
    if (!t)
        return NULL;
    session->ctty = NULL;
    if (t->session == session) {
        replace_pid(&t->session, NULL);
        replace_pid(&t->pgrp, NULL);
    }
    return t;
}

int tty_set_controlling(struct tty *t, bool may, bool steal)
{
    struct process *p = current_process();
    struct tty *lost = NULL;
    int err = -EPERM;
    rwsem_write_lock(&tasklist_lock);
    if (p->session && p->session->ctty == t && t->session == p->session) {
        err = 0;
    } else if (p->session && p->sid == p->pid && !p->session->ctty) {
        bool taken = t->session && t->session != p->session;
        if (may && (!taken || steal)) {
            if (taken)
                lost = detach(t->session);
            tty_get(t);
            p->session->ctty = t;
            replace_pid(&t->session, p->session);
            replace_pid(&t->pgrp, p->pgrp);
            err = 0;
        }
    }
    rwsem_write_unlock(&tasklist_lock);
    if (lost)
        tty_put(lost);
    return err;
}

/*
 * A session leader ends, or gives its terminal up by TIOCNOTTY: the session has none any more, and the foreground group is
 * told. It is not made to go on when the leader ends: stopped groups are orphaned by that, and hear of it as such. Open
 * files stay good, for whoever holds them, as Linux has it for pseudo-terminals (which docker's terminal is) and for
 * /dev/console.
 */
static void disassociate(struct process *leader, bool exiting)
{
    rwsem_write_lock(&tasklist_lock);
    struct pid *session = leader->session;
    struct tty *t = session ? session->ctty : NULL;
    s32 pgid = t && t->pgrp ? t->pgrp->nr : 0;
    if (t && leader->sid == leader->pid)
        t = detach(session);
    else
        t = NULL;
    rwsem_write_unlock(&tasklist_lock);
    if (!t)
        return;
    if (pgid) {
        (void)signal_send_group(pgid, SIGHUP, NULL);
        if (!exiting)
            (void)signal_send_group(pgid, SIGCONT, NULL);
    }
    tty_put(t);
}

static long get_pgrp(struct tty *t, bool master, u64 arg)
{
    struct process *p = current_process();
    rwsem_read_lock(&tasklist_lock);
    bool mine = master || (p->session && p->session->ctty == t);
    s32 nr = t->pgrp ? t->pgrp->nr : 0;
    rwsem_read_unlock(&tasklist_lock);
    return mine ? put_user_u32(arg, (u32)nr) : -ENOTTY;
}

static long set_pgrp(struct tty *t, u64 arg)
{
    u32 nr;
    struct process *p = current_process();
    int err = tty_check_change(t, SIGTTOU);
    if (err == -EIO)
        return -ENOTTY;
    if (err || get_user_u32(&nr, arg))
        return err ? err : -EFAULT;
    if ((s32)nr < 0)
        return -EINVAL;
    rwsem_write_lock(&tasklist_lock);
    struct pid *group = pid_find_get((s32)nr);
    if (!p->session || p->session->ctty != t || t->session != p->session)
        err = -ENOTTY;
    else if (!group || list_empty(&group->group))
        err = -ESRCH;
    else if (list_first(&group->group, struct process, group_link)->session != p->session)
        err = -EPERM;
    else
        replace_pid(&t->pgrp, group);
    rwsem_write_unlock(&tasklist_lock);
    if (group)
        pid_put(group);
    return err;
}

static long get_sid(struct tty *t, bool master, u64 arg)
{
    struct process *p = current_process();
    rwsem_read_lock(&tasklist_lock);
    bool mine = master || (p->session && p->session->ctty == t);
    s32 nr = mine && t->session ? t->session->nr : 0;
    rwsem_read_unlock(&tasklist_lock);
    return nr ? put_user_u32(arg, (u32)nr) : -ENOTTY;
}

static long give_up(struct tty *t)
{
    struct process *p = current_process();
    rwsem_read_lock(&tasklist_lock);
    bool mine = p->session && p->session->ctty == t, leader = p->sid == p->pid;
    rwsem_read_unlock(&tasklist_lock);
    if (!mine)
        return -ENOTTY;
    if (leader)
        disassociate(p, false);
    return 0;
}

/* Who may only write to a terminal does not get to read it by making it its own, /dev/tty. */
static long set_controlling(struct tty *t, const struct file *f, bool steal)
{
    bool admin = capable(CAP_SYS_ADMIN);
    return tty_set_controlling(t, admin || (f->fmode & FMODE_READ), admin && steal);
}

long tty_job_ioctl(struct tty *t, const struct file *f, u32 cmd, u64 arg)
{
    bool master = f->ops != &tty_file_ops;
    switch (cmd) {
    case TIOCSCTTY:
        return set_controlling(t, f, arg == 1);
    case TIOCNOTTY:
        return give_up(t);
    case TIOCGPGRP:
        return get_pgrp(t, master, arg);
    case TIOCSPGRP:
        return set_pgrp(t, arg);
    case TIOCGSID:
        return get_sid(t, master, arg);
    default:
        return -515;
    }
}

void tty_hangup(struct tty *t, bool gone)
{
    rwsem_write_lock(&tasklist_lock);
    s32 sid = t->session ? t->session->nr : 0, pgid = t->pgrp ? t->pgrp->nr : 0;
    struct tty *held = t->session ? detach(t->session) : NULL;
    rwsem_write_unlock(&tasklist_lock);
    mutex_lock(&t->lock);
    WRITE_ONCE(t->hangups, t->hangups + 1);
    WRITE_ONCE(t->gone, t->gone || gone);
    mutex_unlock(&t->lock);
    waitq_wake_all(&t->read_wait);
    waitq_wake_all(&t->write_wait);
    struct process *leader = sid ? process_find(sid) : NULL;
    if (leader) {
        (void)signal_send_process(leader, SIGHUP, NULL);
        (void)signal_send_process(leader, SIGCONT, NULL);
        process_put(leader);
    }
    if (pgid && pgid != sid) {
        (void)signal_send_group(pgid, SIGHUP, NULL);
        (void)signal_send_group(pgid, SIGCONT, NULL);
    }
    if (held)
        tty_put(held);
}

/* For /proc/[pid]/stat: device number and foreground group of p's terminal (tasklist). */
static u64 numbers_of(struct process *p, s32 *foreground)
{
    struct tty *t = p->session ? p->session->ctty : NULL;
    *foreground = t && t->pgrp ? t->pgrp->nr : -1;
    return t ? t->dev : 0;
}

void tty_jobctl_init(void)
{
    proc_hook_tty_numbers = numbers_of;
    proc_hook_disassociate_tty = disassociate;
}
