// SPDX-License-Identifier: MIT
/*
 * Signals: taking them. signal_deliver() runs on the way to user mode when WORK_SIGNAL or WORK_NOTIFY is set; it ends the
 * thread, stops it, or sets up one handler's frame, and decides the restart of an interrupted system call: in one
 * place, restart_call(). Also what a thread does to its own mask, and faults of user mode.
 */
#include "abi/errno.h"
#include "arch/hooks.h"
#include "arch/usercopy.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "mem/slab.h"
#include "proc/process.h"
#include "proc/ptrace.h"
#include "proc/rseq.h"
#include "proc/signal_internal.h"

/* asm/unistd_64.h has them as a plain list of macros */
#include <asm/unistd_64.h>

/* ---- taking a signal (siglock held) ---- */

static struct sigqueue *first_queued(struct sigpending *p, int sig, bool *more)
{
    struct sigqueue *q, *found = NULL;
    *more = false;
    list_for_each (q, &p->queue, link) {
        if (q->info.si_signo != sig)
            continue;
        if (found) {
            *more = true;
            break;
        }
        found = q;
    }
    return found;
}

static void take(struct sigpending *p, int sig, struct ksiginfo *info)
{
    bool more;
    struct sigqueue *q = first_queued(p, sig, &more);
    if (!more)
        p->set &= ~SIGBIT(sig);
    if (!q) { /* none was queued: over the limit, or SIGKILL */
        memset(info, 0, sizeof(*info));
        info->si_signo = sig;
        info->si_code = SI_USER;
        return;
    }
    *info = q->info;
    list_del_init(&q->link);
    if (q->timer)
        posix_timer_taken(q, info);
    else
        sigqueue_free(q);
}

static int lowest(sigset64_t set)
{
    if (set & SIGSET_SYNCHRONOUS)
        set &= SIGSET_SYNCHRONOUS;
    return set ? __builtin_ctzll(set) + 1 : 0;
}

static int dequeue_locked(struct process *p, struct signal_state *s, sigset64_t set, struct ksiginfo *info)
{
    int sig = lowest(s->pending.set & set);
    if (sig) {
        take(&s->pending, sig, info);
        return sig;
    }
    sig = lowest(p->shared_pending.set & set);
    if (sig)
        take(&p->shared_pending, sig, info);
    return sig;
}

static void recalc_locked(struct thread *t, struct process *p)
{
    struct signal_state *s = t->sig;
    const struct trace *tr = t->trace;
    if (((s->pending.set | p->shared_pending.set) & ~s->blocked) || s->stop_pending ||
        (tr && (tr->trap || tr->notify)) || p->group_exit || (p->stop_state & STOP_TELL_CONTINUED) ||
        (p->exec_waiter && p->exec_waiter != t))
        thread_set_work(t, WORK_SIGNAL);
    else
        thread_clear_work(t, WORK_SIGNAL);
}

void signal_recalc(void)
{
    struct process *p = current_process();
    u64 flags = spin_lock_irqsave(&p->siglock);
    recalc_locked(current_thread(), p);
    spin_unlock_irqrestore(&p->siglock, flags);
}

int signal_dequeue(sigset64_t set, struct ksiginfo *info)
{
    struct thread *t = current_thread();
    u64 flags = spin_lock_irqsave(&t->process->siglock);
    int sig = dequeue_locked(t->process, t->sig, set, info);
    recalc_locked(t, t->process);
    spin_unlock_irqrestore(&t->process->siglock, flags);
    return sig;
}

/* ---- the mask ---- */

/* Signals of the process that this thread will not take any more: others may. */
static void retarget(struct process *p, struct thread *t, sigset64_t newly_blocked)
{
    sigset64_t left = p->shared_pending.set & newly_blocked;
    struct thread *i;
    if (!left || p->thread_count == 1)
        return;
    list_for_each (i, &p->threads, process_link) {
        if (i != t && (left & ~i->sig->blocked)) {
            left &= i->sig->blocked;
            signal_wake_thread(i, false);
        }
    }
}

void signal_set_blocked(sigset64_t mask)
{
    struct thread *t = current_thread();
    struct process *p = t->process;
    mask &= ~SIGSET_KERNEL_ONLY;
    if (mask == t->sig->blocked)
        return;
    u64 flags = spin_lock_irqsave(&p->siglock);
    sigset64_t newly = mask & ~t->sig->blocked;
    t->sig->blocked = mask;
    if (newly)
        retarget(p, t, newly);
    recalc_locked(t, p);
    spin_unlock_irqrestore(&p->siglock, flags);
}

int signal_mask_begin(uaddr_t mask, size_t size)
{
    u64 set;
    struct thread *t = current_thread();
    if (!mask)
        return 0;
    if (size != sizeof(sigset64_t))
        return -EINVAL;
    if (get_user_u64(&set, mask))
        return -EFAULT;
    t->sig->saved_mask = t->sig->blocked;
    thread_set_work(t, WORK_RESTORE_MASK);
    signal_set_blocked(set);
    return 0;
}

void signal_mask_end(bool interrupted)
{
    struct thread *t = current_thread();
    if (!thread_work(t, WORK_RESTORE_MASK) || interrupted)
        return;
    thread_clear_work(t, WORK_RESTORE_MASK);
    signal_set_blocked(t->sig->saved_mask);
}

/* ---- stopping ---- */

/* The first thread that meets a stop signal: all threads are to stop (siglock held). */
static void begin_group_stop(struct process *p, int sig)
{
    struct thread *t;
    p->stop_signal = (u32)sig;
    p->stop_state &= ~(STOP_CONTINUED | STOP_TELL_CONTINUED);
    p->stop_remaining = 0;
    list_for_each (t, &p->threads, process_link) {
        ptrace_notify_locked(t);
        if (t->sig->stopped)
            continue;
        t->sig->stop_pending = 1;
        p->stop_remaining++;
        if (t != current_thread())
            signal_wake_thread(t, false);
    }
}

/* Joins the stop and sleeps until it ends. siglock is held on entry, not on return. */
static void join_group_stop(struct process *p, struct thread *t, u64 flags)
{
    int sig = (int)p->stop_signal;
    if (ptrace_is_traced(t)) {
        spin_unlock_irqrestore(&p->siglock, flags);
        ptrace_trap();
        return;
    }
    t->sig->stop_pending = 0;
    t->sig->stopped = 1;
    bool last = --p->stop_remaining == 0;
    if (last)
        p->stop_state |= STOP_STOPPED;
    sleep_prepare(THREAD_STOPPED);
    spin_unlock_irqrestore(&p->siglock, flags);
    if (last) {
        sleep_cancel();
        process_notify_stopped(p, CLD_STOPPED, sig);
    }
    for (;;) {
        sleep_prepare(THREAD_STOPPED);
        if (!READ_ONCE(t->sig->stopped) || READ_ONCE(p->group_exit) || signal_pending_fatal(t))
            break;
        sleep_until(NS_FOREVER);
    }
    sleep_cancel();
    flags = spin_lock_irqsave(&p->siglock);
    t->sig->stopped = 0;
    spin_unlock_irqrestore(&p->siglock, flags);
}

static bool group_is_orphaned(struct process *p)
{
    rwsem_read_lock(&tasklist_lock);
    bool orphaned = process_group_orphaned(p->pgrp);
    rwsem_read_unlock(&tasklist_lock);
    return orphaned;
}

/* Default action of a stop signal. siglock not held. */
static void stop_by(struct process *p, struct thread *t, int sig)
{
    if (sig != SIGSTOP && group_is_orphaned(p))
        return;
    u64 flags = spin_lock_irqsave(&p->siglock);
    /* A SIGCONT between the taking and here found no stop to end: it ends this one. */
    bool overtaken = p->group_exit || !t->sig->stop_taken || (p->exec_waiter && p->exec_waiter != t);
    if (overtaken) {
        spin_unlock_irqrestore(&p->siglock, flags);
        return;
    }
    if (!p->stop_signal)
        begin_group_stop(p, sig);
    else if (!t->sig->stop_pending) {
        t->sig->stop_pending = 1;
        p->stop_remaining++;
    }
    join_group_stop(p, t, flags);
}

/* ---- the next signal that user mode must see ---- */

struct delivery {
    struct sigaction action;
    struct ksiginfo info;
    int sig; /* 0: none */
};

/* The action, and its end when SA_RESETHAND says so. */
static struct sigaction take_action(struct sighand *h, int sig)
{
    u64 flags = spin_lock_irqsave(&h->lock);
    struct sigaction a = h->action[sig - 1];
    if ((a.sa_flags & SA_RESETHAND) && a.sa_handler != SIG_DFL && a.sa_handler != SIG_IGN)
        h->action[sig - 1].sa_handler = SIG_DFL;
    spin_unlock_irqrestore(&h->lock, flags);
    return a;
}

static void default_action(struct process *p, struct thread *t, int sig)
{
    if (SIGSET_IGNORED & SIGBIT(sig))
        return;
    if (p->unkillable && !(SIGSET_KERNEL_ONLY & SIGBIT(sig)))
        return;
    if (SIGSET_STOP & SIGBIT(sig))
        stop_by(p, t, sig);
    else
        process_exit_group((u32)sig); /* no core is dumped, so the core bit stays clear */
}

/* What comes before any signal: the end, a stop, news for the parent. false: nothing (siglock still held). */
static bool group_work(struct process *p, struct thread *t, u64 flags)
{
    if (p->group_exit) {
        spin_unlock_irqrestore(&p->siglock, flags);
        process_exit_group(p->group_status);
    }
    if (p->exec_waiter && p->exec_waiter != t) {
        spin_unlock_irqrestore(&p->siglock, flags);
        process_exit_thread(0);
    }
    if (p->stop_state & STOP_TELL_CONTINUED) {
        p->stop_state &= ~STOP_TELL_CONTINUED;
        spin_unlock_irqrestore(&p->siglock, flags);
        process_notify_stopped(p, CLD_CONTINUED, SIGCONT);
        return true;
    }
    if (t->sig->stop_pending) {
        join_group_stop(p, t, flags);
        return true;
    }
    if (t->trace && (t->trace->trap || t->trace->notify)) {
        spin_unlock_irqrestore(&p->siglock, flags);
        ptrace_trap();
        return true;
    }
    return false;
}

/* Performs default actions until there is a handler to call or nothing left. */
static bool next_delivery(struct delivery *d)
{
    struct thread *t = current_thread();
    struct process *p = t->process;
    for (;;) {
        u64 flags = spin_lock_irqsave(&p->siglock);
        if (group_work(p, t, flags))
            continue;
        d->sig = dequeue_locked(p, t->sig, ~t->sig->blocked, &d->info);
        t->sig->stop_taken = d->sig && (SIGSET_STOP & SIGBIT(d->sig));
        recalc_locked(t, p);
        spin_unlock_irqrestore(&p->siglock, flags);
        if (!d->sig)
            return false;
        if (d->sig != SIGKILL && ptrace_is_traced(t)) {
            d->sig = ptrace_signal(d->sig, &d->info);
            if (!d->sig)
                continue;
        }
        d->action = take_action(p->sighand, d->sig);
        if (d->action.sa_handler == SIG_IGN)
            continue;
        if (d->action.sa_handler != SIG_DFL)
            return true;
        default_action(p, t, d->sig);
    }
}

/* ---- restart of an interrupted call ---- */

/* The one place that decides it. action NULL: no handler runs. */
static void restart_call(struct trapframe *f, const struct sigaction *action)
{
    if ((s64)f->orig_rax < 0)
        return;
    switch ((s64)f->rax) {
    case -ERESTARTSYS:
        if (action && !(action->sa_flags & SA_RESTART))
            break;
        goto again;
    case -ERESTARTNOHAND:
        if (action)
            break;
        goto again;
    case -ERESTART_RESTARTBLOCK:
        if (action)
            break;
        f->rax = __NR_restart_syscall;
        f->rip -= 2;
        return;
    case -ERESTARTNOINTR:
    again:
        f->rax = f->orig_rax;
        f->rip -= 2; /* the length of SYSCALL */
        return;
    default:
        return;
    }
    f->rax = (u64)-EINTR;
}

long signal_set_restart(long (*fn)(struct signal_state *s), const u64 *args, u32 n)
{
    struct signal_state *s = current_thread()->sig;
    s->restart = fn;
    memcpy(s->restart_arg, args, n * sizeof(u64));
    return -ERESTART_RESTARTBLOCK;
}

static sigset64_t mask_during(const struct delivery *d, sigset64_t blocked)
{
    blocked |= d->action.sa_mask;
    if (!(d->action.sa_flags & SA_NODEFER))
        blocked |= SIGBIT(d->sig);
    return blocked;
}

static void call_handler(struct trapframe *f, const struct delivery *d)
{
    struct thread *t = current_thread();
    sigset64_t after = t->sig->blocked;
    if (thread_work(t, WORK_RESTORE_MASK)) {
        after = t->sig->saved_mask;
        thread_clear_work(t, WORK_RESTORE_MASK);
    }
    restart_call(f, &d->action);
    if (t->rseq)
        rseq_return(f); /* the frame names where it goes on */
    f->orig_rax = ~0ull;
    bool stepping = ptrace_is_traced(t) && ptrace_handler_step(f);
    if (sigframe_setup(f, d->sig, &d->action, &d->info, after) == 0) {
        signal_set_blocked(mask_during(d, t->sig->blocked));
        if (stepping)
            ptrace_handler_entered();
        return;
    }
    if (d->sig == SIGSEGV)
        signal_force_fatal(SIGSEGV);
    else
        signal_force(SIGSEGV, SI_KERNEL, 0);
}

void signal_deliver(struct trapframe *f)
{
    struct thread *t = current_thread();
    struct delivery d;
    if (next_delivery(&d)) {
        call_handler(f, &d);
        return;
    }
    restart_call(f, NULL);
    f->orig_rax = ~0ull;
    if (thread_work(t, WORK_RESTORE_MASK)) {
        thread_clear_work(t, WORK_RESTORE_MASK);
        signal_set_blocked(t->sig->saved_mask);
    }
}

/* ---- faults of user mode ---- */

void hook_user_trap(u32 vector, u32 error, u64 addr, int signo, int code, struct trapframe *f)
{
    struct ksiginfo info;
    memset(&info, 0, sizeof(info));
    info.si_signo = signo;
    info.si_code = code;
    info.si_addr = (void *)addr;
    (void)f;
    struct thread *t = current_thread();
    t->sig->trap_no = vector;
    t->sig->trap_error = error;
    if (vector == TRAP_PF)
        t->sig->trap_cr2 = addr;
    signal_force_info(signo, &info);
}
