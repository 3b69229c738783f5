// SPDX-License-Identifier: MIT
/*
 * The end of a thread and of a process.
 *
 * A thread lets go of what it shares (futexes, address space, files), then leaves the process's list. The last one makes
 * the process a zombie: children go to the reaper, groups that lose their last outside parent get SIGHUP and SIGCONT, the
 * parent is told, and takes the status by wait (wait.c) — or the zombie is released at once when nobody wants it.
 * PID 1's last thread ends the machine instead.
 */
#include "abi/errno.h"
#include "abi/wait.h"
#include "arch/usercopy.h"
#include "fs/vfs.h"
#include "lib/string.h"
#include "proc/futex.h"
#include "proc/itimer.h"
#include "proc/process.h"
#include "proc/uts.h"
#include "proc/ptrace.h"
#include "proc/seccomp.h"
#include "proc/signal_internal.h"
#include "proc/sysv_sem.h"
#include "vm/mm.h"

void (*proc_hook_disassociate_tty)(struct process *leader, bool exiting);

/* ---- the parts of a thread ---- */

static void clear_child_tid(struct thread *t)
{
    uaddr_t addr = t->clear_child_tid;
    t->clear_child_tid = 0;
    if (!addr || ref_read(&t->mm->users) < 2)
        return;
    if (put_user_u32(addr, 0) == 0)
        futex_wake(addr, 0, 1, FUTEX_BITSET_MATCH_ANY);
}

/* What others may wait for in the address space that t leaves (exit, exec). */
void process_release_mm(struct thread *t, bool dead)
{
    futex_exit(dead);
    clear_child_tid(t);
    process_vfork_done(t);
}

static void note_maxrss(struct process *p, struct mm *mm)
{
    p->maxrss = MAX(p->maxrss, MAX(mm_rss(mm), mm->hiwater_rss));
}

static void drop_mm(struct thread *t, bool last)
{
    struct process *p = t->process;
    struct mm *mm = t->mm;
    if (!mm)
        return;
    process_release_mm(t, true);
    if (last)
        note_maxrss(p, mm);
    mm_activate(NULL);
    process_mm_barrier(p);
    mm_put_user(mm);
}

static void drop_exe(struct process *p)
{
    u64 flags = spin_lock_irqsave(&p->siglock);
    struct file *exe = p->exe;
    p->exe = NULL;
    spin_unlock_irqrestore(&p->siglock, flags);
    if (exe)
        file_put(exe);
}

static void drop_files(struct thread *t)
{
    struct fdtable *files = t->files;
    struct fs_context *fs = t->fs;
    struct uts_ns *uts = t->uts;
    t->files = NULL;
    t->fs = NULL;
    t->uts = NULL;
    process_mm_barrier(t->process);
    fdtable_put(files);
    fs_context_put(fs);
    uts_ns_put(uts);
}

/* ---- the family ---- */

/* The nearest living subreaper above, else PID 1 (tasklist). */
static struct process *find_reaper(struct process *p)
{
    if (p->has_child_subreaper) {
        for (struct process *a = p->parent; a && a != init_process; a = a->parent) {
            if (a->subreaper && !a->zombie)
                return a;
        }
    }
    return init_process;
}

static bool parent_ignores_children(struct process *parent, bool *no_signal)
{
    struct sigaction a;
    signal_action_of(parent, SIGCHLD, &a);
    bool ign = a.sa_handler == SIG_IGN;
    bool nowait = a.sa_flags & SA_NOCLDWAIT;
    *no_signal = ign;
    return ign || nowait;
}

static void fill_child_info(struct ksiginfo *info, struct process *p)
{
    struct cpu_use u;
    process_cpu_use(p, &u);
    memset(info, 0, sizeof(*info));
    info->si_signo = (int)p->exit_signal;
    info->si_pid = p->pid;
    info->si_uid = p->leader->cred->uid;
    info->si_utime = (long)(u.user / 10000000);
    info->si_stime = (long)(u.sys / 10000000);
    u32 sig = p->exit_status & 0x7f;
    info->si_status = sig ? (int)sig : (int)(p->exit_status >> 8 & 0xff);
    info->si_code = !sig ? CLD_EXITED : p->exit_status & ABI_W_CORE ? CLD_DUMPED : CLD_KILLED;
}

/* Tells the parent of a zombie (tasklist for writing). true: nobody will wait, release it. */
static bool notify_parent(struct process *p)
{
    struct process *parent = p->parent;
    bool no_signal = false, autoreap = false;
    if (p->exit_signal == SIGCHLD && !ptrace_is_traced(p->leader)) /* a tracer wants to hear of it */
        autoreap = parent_ignores_children(parent, &no_signal);
    if (p->exit_signal && p->exit_signal <= _NSIG && !no_signal) { /* clone(2) takes any low byte */
        struct ksiginfo info;
        fill_child_info(&info, p);
        signal_send_process(parent, (int)p->exit_signal, &info);
    }
    return autoreap;
}

static void tell_pdeath(struct process *child)
{
    struct thread *t;
    u64 flags = spin_lock_irqsave(&child->siglock);
    list_for_each (t, &child->threads, process_link) {
        if (t->sig->pdeath_signal)
            signal_send_locked(child, NULL, t->sig->pdeath_signal, NULL, false);
    }
    spin_unlock_irqrestore(&child->siglock, flags);
}

/* Who inherits the children of a thread that leaves (siglock held). */
static const struct thread *find_heir(struct process *p, const struct thread *leaving)
{
    struct thread *t;
    if (p->exec_waiter)
        return p->exec_waiter;
    list_for_each (t, &p->threads, process_link) {
        if (t != leaving)
            return t;
    }
    return leaving;
}

/* To the children that it made, a thread that ends while its process lives is a parent that dies. */
static void leave_children(struct process *p, const struct thread *leaving)
{
    struct process *c;
    if (list_empty(&p->children)) /* its own have been there since it made them */
        return;
    rwsem_write_lock(&tasklist_lock);
    u64 flags = spin_lock_irqsave(&p->siglock);
    s32 heir = find_heir(p, leaving)->tid;
    spin_unlock_irqrestore(&p->siglock, flags);
    list_for_each (c, &p->children, sibling) {
        if (c->parent_tid == leaving->tid) {
            c->parent_tid = heir;
            tell_pdeath(c);
        }
    }
    rwsem_write_unlock(&tasklist_lock);
    waitq_wake_all(&p->child_wait);
}

static void reparent_child(struct process *c, struct process *reaper)
{
    struct process *old = c->parent;
    list_del(&c->sibling);
    c->parent = reaper;
    list_add_tail(&reaper->children, &c->sibling);
    tell_pdeath(c);
    c->exit_signal = SIGCHLD;
    if (c->zombie && !ptrace_is_traced(c->leader)) {
        if (notify_parent(c))
            process_release_zombie(c);
        return;
    }
    process_group_exit_check(c, old);
}

static void reparent_children(struct process *p)
{
    struct process *reaper = find_reaper(p), *c, *tmp;
    if (list_empty(&p->children))
        return;
    list_for_each_safe (c, tmp, &p->children, sibling) {
        reparent_child(c, reaper);
    }
    waitq_wake_all(&reaper->child_wait);
}

/* Out of the tree, the groups and the table (tasklist for writing). The caller's pointer stays valid until it puts it. */
void process_release_zombie(struct process *p)
{
    struct pid *pid = p->pid_obj;
    if (ptrace_is_traced(p->leader))
        ptrace_unlink(p->leader->trace, 0);
    p->reaped = true;
    list_del_init(&p->sibling);
    list_del_init(&p->group_link);
    list_del_init(&p->session_link);
    pid_unuse(p->pgrp);
    pid_unuse(p->session);
    store_release(&pid->process, NULL);
    pid_unuse(pid);
    process_put(p);
}

bool process_notify_end(struct process *p, struct process *to)
{
    if (to == p->parent)
        return notify_parent(p);
    struct ksiginfo info;
    fill_child_info(&info, p);
    info.si_signo = SIGCHLD;
    signal_send_process(to, SIGCHLD, &info);
    return false;
}

static void become_zombie(struct process *p)
{
    struct process *parent;
    rwsem_write_lock(&tasklist_lock);
    ptrace_release_all(p, 0);
    reparent_children(p);
    process_group_exit_check(p, NULL);
    p->zombie = true;
    p->exit_status = p->group_exit ? p->group_status : (u32)p->leader->exit_code;
    const struct trace *tr = p->leader->trace;
    parent = tr && tr->tracer ? tr->tracer : p->parent; /* another tracer waits first, then the parent hears (wait.c) */
    process_get(parent);
    bool release = process_notify_end(p, parent);
    struct pid *pid = p->pid_obj;
    pid_get(pid);
    if (release)
        process_release_zombie(p);
    rwsem_write_unlock(&tasklist_lock);
    waitq_wake_all(&parent->child_wait);
    waitq_wake_all(&pid->pidfd_wait);
    pid_put(pid);
    process_put(parent);
}

/* ---- leaving the process ---- */

/* A stop that waited for this thread may be complete now (siglock held). */
static bool leave_group_stop(struct process *p, struct thread *t)
{
    if (!t->sig->stop_pending || p->group_exit)
        return false;
    t->sig->stop_pending = 0;
    if (--p->stop_remaining)
        return false;
    p->stop_state |= STOP_STOPPED;
    return true;
}

/* Off the list of threads, its CPU time added to the process's. true: it was the last. */
static bool leave_process(struct thread *t, struct process *p)
{
    struct signal_state *sig = t->sig;
    u64 flags = spin_lock_irqsave(&p->siglock);
    bool stopped = leave_group_stop(p, t);
    int stop_signal = (int)p->stop_signal;
    thread_cpu_use(t, &p->dead);
    list_del_init(&t->process_link);
    struct seccomp_filter *filters = t->seccomp; /* TSYNC gives it no more */
    t->seccomp = NULL;
    bool gone = --p->thread_count == 0;
    t->sig = NULL;
    signal_flush_queue(&sig->pending); /* here, because timers' entries in it belong to siglock */
    if (p->exec_waiter && p->thread_count == 1)
        thread_wake(p->exec_waiter, WAKE_NORMAL);
    spin_unlock_irqrestore(&p->siglock, flags);
    signal_state_free(sig);
    seccomp_put(filters);
    if (stopped)
        process_notify_stopped(p, CLD_STOPPED, stop_signal);
    return gone;
}

static struct pid *detach_tid(struct thread *t)
{
    struct pid *pid = pid_find(t->tid);
    store_release(&pid->thread, NULL);
    return pid;
}

/* One less alive; true: that was the last. */
static bool last_alive(struct process *p)
{
    u64 flags = spin_lock_irqsave(&p->siglock);
    bool last = --p->alive == 0;
    spin_unlock_irqrestore(&p->siglock, flags);
    return last;
}

static __noreturn void exit_thread(u32 status)
{
    struct thread *t = current_thread();
    struct process *p = t->process;
    if (ptrace_is_traced(t))
        ptrace_event(PTRACE_EVENT_EXIT, status);
    t->exit_code = (s32)status;
    bool last = last_alive(p);
    if (last) {
        if (p == init_process)
            process_container_end(p->group_exit ? p->group_status : (u32)p->leader->exit_code);
        itimer_stop(p);
    }
    sem_leave(t);
    drop_mm(t, last);
    drop_files(t);
    if (last)
        drop_exe(p);
    if (last && p->session == p->pid_obj && proc_hook_disassociate_tty)
        proc_hook_disassociate_tty(p, true);
    const struct cred *cred = t->cred;
    atomic_sub(&cred->user->threads, 1);
    if (!last && !READ_ONCE(p->group_exit)) /* else all children lose their parent at once, when it has gone */
        leave_children(p, t);
    ptrace_leave(t);
    struct pid *pid = detach_tid(t);
    bool leader = p->leader == t; /* asked before an execve of another thread may take that over */
    bool gone = leave_process(t, p);
    if (!leader) { /* the leader's stay for whoever looks at the zombie */
        t->cred = NULL;
        cred_put(cred);
    }
    if (leader || !ptrace_keep_dead(t, pid, status)) /* else the tracer's wait gives it back */
        pid_unuse(pid); /* before anybody waits for it: its number is free when it is waited for */
    if (gone) /* not `last`: others may still be letting go of files and memory, which the parent must find closed */
        become_zombie(p);
    process_put(p);
    thread_put(t); /* the list's; the scheduler drops its own */
    thread_exit();
}

void process_exit_thread(int code)
{
    exit_thread(ABI_W_EXITCODE((u32)code, 0u));
}

void process_exit_thread_by(int sig)
{
    exit_thread((u32)sig);
}

void process_exit_group(u32 wait_status)
{
    struct process *p = current_process();
    u64 flags = spin_lock_irqsave(&p->siglock);
    bool exec_kills = p->exec_waiter && p->exec_waiter != current_thread();
    if (!p->group_exit && !exec_kills)
        process_group_exit_locked(p, wait_status);
    if (p->group_exit)
        wait_status = p->group_status;
    spin_unlock_irqrestore(&p->siglock, flags);
    exit_thread(wait_status);
}

/* ---- execve ---- */

static bool claim_exec(struct process *p, struct thread *me)
{
    struct thread *t;
    u64 flags = spin_lock_irqsave(&p->siglock);
    bool ok = !p->group_exit && !p->exec_waiter;
    if (ok && p->thread_count > 1) {
        p->exec_waiter = me;
        list_for_each (t, &p->threads, process_link) {
            if (t != me)
                signal_wake_thread(t, true);
        }
    }
    spin_unlock_irqrestore(&p->siglock, flags);
    return ok;
}

/* The survivor of a group takes over the leader's number. */
static void take_leadership(struct process *p, struct thread *me)
{
    struct thread *old = p->leader;
    struct pid *mine = pid_find(me->tid), *lead = p->pid_obj;
    struct process *i;
    if (old == me)
        return;
    rwsem_write_lock(&tasklist_lock);
    if (ptrace_is_traced(old)) /* the tracer hears of it no more: its number is the survivor's */
        ptrace_unlink(old->trace, 0);
    list_for_each (i, &p->children, sibling) {
        if (i->parent_tid == me->tid)
            i->parent_tid = p->pid;
    }
    ptrace_exec_tid(p, me->tid, p->pid);
    u64 flags = spin_lock_irqsave(&p->siglock);
    thread_get(me);
    p->leader = me;
    me->tid = p->pid;
    pid_use(lead);
    store_release(&lead->thread, me);
    store_release(&mine->thread, NULL);
    spin_unlock_irqrestore(&p->siglock, flags);
    rwsem_write_unlock(&tasklist_lock);
    pid_unuse(mine);
    const struct cred *c = old->cred;
    old->cred = NULL;
    cred_put(c);
    thread_put(old);
}

int process_kill_other_threads(void)
{
    struct thread *me = current_thread();
    struct process *p = me->process;
    if (!claim_exec(p, me))
        return -EAGAIN;
    (void)sleep_until_cond(READ_ONCE(p->thread_count) == 1, THREAD_SLEEP_UNINT, sleep_until(NS_FOREVER));
    u64 flags = spin_lock_irqsave(&p->siglock);
    p->exec_waiter = NULL;
    spin_unlock_irqrestore(&p->siglock, flags);
    take_leadership(p, me);
    return 0;
}
