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

/* p's controlling terminal: the session's, unless p gave it up or was there before it (tasklist). */
static struct tty *tty_of_process(const struct process *p)
{
    return p->has_tty && p->session ? p->session->ctty : NULL;
}

static bool is_terminal_of(const struct process *p, const struct tty *t)
{
    return p->has_tty && p->session && p->session->ctty == t;
}

struct tty *tty_controlling(void)
{
    rwsem_read_lock(&tasklist_lock);
    struct tty *t = tty_of_process(current_process());
    if (t)
        tty_get(t);
    rwsem_read_unlock(&tasklist_lock);
    return t;
}

int tty_check_change(struct tty *t, int sig)
{
    struct process *p = current_process();
    rwsem_read_lock(&tasklist_lock);
    bool background = is_terminal_of(p, t) && t->pgrp && t->pgrp != p->pgrp;
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
    struct process *p;
    if (!t)
        return NULL;
    session->ctty = NULL;
    list_for_each (p, &session->session, session_link)
        p->has_tty = false;
    if (t->session == session) {
        replace_pid(&t->session, NULL);
        replace_pid(&t->pgrp, NULL);
    }
    return t;
}

/* (tasklist for writing) Returns the reference of the session that it is taken from, or NULL. */
static struct tty *take_terminal(struct tty *t, struct process *leader)
{
    struct tty *lost = t->session ? detach(t->session) : NULL;
    tty_get(t);
    leader->session->ctty = t;
    leader->has_tty = true;
    replace_pid(&leader->told_at_exit, NULL);
    replace_pid(&t->session, leader->session);
    replace_pid(&t->pgrp, leader->pgrp);
    return lost;
}

int tty_set_controlling(struct tty *t, bool may_read, bool steal)
{
    struct process *p = current_process();
    struct tty *lost = NULL;
    int err = -EPERM;
    rwsem_write_lock(&tasklist_lock);
    if (p->session && p->sid == p->pid) {
        if (t->session == p->session)
            err = 0;
        else if (!p->session->ctty && (!t->session || steal) && may_read)
            err = 0, lost = take_terminal(t, p);
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
    struct pid *told = t ? t->pgrp : exiting ? leader->told_at_exit : NULL;
    s32 pgid = told ? told->nr : 0;
    if (t)
        (void)detach(session);
    if (exiting)
        replace_pid(&leader->told_at_exit, NULL);
    rwsem_write_unlock(&tasklist_lock);
    if (pgid) {
        (void)signal_send_group(pgid, SIGHUP, NULL);
        if (!exiting || !t)
            (void)signal_send_group(pgid, SIGCONT, NULL);
    }
    if (t)
        tty_put(t);
}

static long get_pgrp(struct tty *t, bool master, u64 arg)
{
    struct process *p = current_process();
    rwsem_read_lock(&tasklist_lock);
    bool mine = master || is_terminal_of(p, t);
    s32 nr = t->pgrp ? t->pgrp->nr : 0;
    rwsem_read_unlock(&tasklist_lock);
    return mine ? put_user_u32(arg, (u32)nr) : -ENOTTY;
}

/* Whether a group can be the foreground of the session: by any of its members, or, as Linux has it, the process of that
 * number, which is in another group (tasklist). */
static int check_foreground(const struct pid *group, const struct pid *session)
{
    const struct process *p = !group                      ? NULL
                              : list_empty(&group->group) ? group->process
                                                          : list_first(&group->group, struct process, group_link);
    if (!p)
        return -ESRCH;
    return p->session == session ? 0 : -EPERM;
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
    err = is_terminal_of(p, t) ? check_foreground(group, p->session) : -ENOTTY;
    if (!err)
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
    bool mine = master || is_terminal_of(p, t);
    s32 nr = mine && t->session ? t->session->nr : 0;
    rwsem_read_unlock(&tasklist_lock);
    return nr ? put_user_u32(arg, (u32)nr) : -ENOTTY;
}

static long give_up(struct tty *t)
{
    struct process *p = current_process();
    rwsem_write_lock(&tasklist_lock);
    bool mine = is_terminal_of(p, t), leader = p->sid == p->pid;
    if (mine && !leader)
        p->has_tty = false;
    rwsem_write_unlock(&tasklist_lock);
    if (mine && leader)
        disassociate(p, false);
    return mine ? 0 : -ENOTTY;
}

static long become_controlling(struct tty *t, const struct file *f, u64 arg)
{
    bool admin = capable(CAP_SYS_ADMIN);
    return tty_set_controlling(t, (f->fmode & FMODE_READ) || admin, arg == 1 && admin);
}

long tty_job_ioctl(struct tty *t, const struct file *f, bool master, u32 cmd, u64 arg)
{
    switch (cmd) {
    case TIOCSCTTY:
        return become_controlling(t, f, arg);
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

/* The session's leader hears of the hang-up at once, the foreground when the leader ends: it may have put jobs there. */
static struct tty *tell_session(struct tty *t)
{
    struct tty *held = NULL;
    rwsem_write_lock(&tasklist_lock);
    if (t->session) {
        struct process *leader = t->session->process;
        if (leader) {
            replace_pid(&leader->told_at_exit, t->pgrp);
            (void)signal_send_process(leader, SIGHUP, NULL);
            (void)signal_send_process(leader, SIGCONT, NULL);
        }
        held = detach(t->session);
    }
    rwsem_write_unlock(&tasklist_lock);
    return held;
}

void tty_hangup(struct tty *t, bool gone)
{
    mutex_lock(&t->lock);
    WRITE_ONCE(t->hangups, t->hangups + 1);
    WRITE_ONCE(t->gone, t->gone || gone);
    tty_use_initial(t);
    ldisc_flush_input(t);
    if (t->ops->flush_output)
        t->ops->flush_output(t);
    mutex_unlock(&t->lock);
    waitq_wake_all(&t->read_wait);
    waitq_wake_all(&t->write_wait);
    struct tty *held = tell_session(t);
    if (held)
        tty_put(held);
}

void tty_vhangup_self(void)
{
    struct tty *t = tty_controlling();
    if (!t)
        return;
    tty_hangup(t, false);
    tty_put(t);
}

/* For /proc/[pid]/stat: device number and foreground group of p's terminal (tasklist). */
static u64 numbers_of(struct process *p, s32 *foreground)
{
    struct tty *t = tty_of_process(p);
    *foreground = t && t->pgrp ? t->pgrp->nr : -1;
    return t ? t->dev : 0;
}

void tty_jobctl_init(void)
{
    proc_hook_tty_numbers = numbers_of;
    proc_hook_disassociate_tty = disassociate;
}
