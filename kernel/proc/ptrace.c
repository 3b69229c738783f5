// SPDX-License-Identifier: MIT
/*
 * ptrace(2): who traces whom. The stops are ptrace_stop.c, what a tracer asks for ptrace_request.c, registers ptrace_regs.c.
 *
 * A tracee is a thread with trace.tracer set: by PTRACE_TRACEME, ATTACH, SEIZE, or as the child of one (ptrace_fork). It
 * stays so until it is detached, its tracing thread ends, execve of another thread takes its number, or its end is waited for.
 *
 * A stop, and the function of each edge:
 *   RUNNING ──stop_here (announced: trace.stopped, SIGCHLD)──► STOPPED ──ptrace_freeze──► FROZEN ──ptrace_thaw──► STOPPED
 *   STOPPED ──resume, ptrace_unlink, a fatal signal──► RUNNING;  LISTENING ──ptrace_notify_locked──► RUNNING, stops anew
 * 1. Only the tracing thread asks, and only while the tracee is FROZEN: it has left its CPU, its registers are in its
 *    frame and areas, and nothing wakes it, SIGKILL neither. So frame, segments and vector state need no lock.
 * 2. SIGKILL against a request: both look under the tracee's siglock. Before the freeze the request fails with ESRCH;
 *    after it the tracee leaves at the thaw, which looks for the signal again.
 * 3. The tracer's end against a stop: who traces is written under tasklist_lock and siglock; a stop is announced under
 *    the first, so the tracer either finds the stopped thread to release or the thread finds no tracer and goes on.
 * 4. The tracee's own struct trace lives as long as the thread, so it looks at it without a reference.
 */
#include "proc/ptrace.h"

#include "abi/errno.h"
#include "abi/sched.h"
#include "lib/string.h"
#include "mem/slab.h"
#include "proc/signal_internal.h"

struct trace *ptrace_alloc(struct thread *t)
{
    struct trace *tr = READ_ONCE(t->trace);
    if (tr)
        return tr;
    tr = kzalloc(sizeof(*tr), MEM_WAIT);
    if (!tr)
        return NULL;
    tr->thread = t;
    list_init(&tr->link);
    struct trace *other = NULL;
    if (!__atomic_compare_exchange_n(&t->trace, &other, tr, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
        kfree(tr);
        return other;
    }
    return tr;
}

/* tasklist_lock is held for writing. The link keeps thread and process. */
static void link(struct trace *tr, struct process *tracer, s32 tid, bool capable, bool seized, u32 options)
{
    struct thread *t = tr->thread;
    thread_get(t);
    process_get(t->process);
    list_add_tail(&tracer->tracees, &tr->link);
    u64 flags = spin_lock_irqsave(&t->process->siglock);
    tr->tracer_tid = tid;
    tr->capable = capable;
    tr->seized = seized;
    tr->options = options;
    tr->trap = tr->notify = tr->syscalls = tr->emulate = tr->step = false;
    WRITE_ONCE(tr->tracer, tracer);
    spin_unlock_irqrestore(&t->process->siglock, flags);
}

/* It goes on; a group stop in force or under way takes it as any other thread (siglock held). */
static void release_locked(struct process *p, struct thread *t, struct trace *tr, u32 sig)
{
    WRITE_ONCE(tr->tracer, NULL);
    __atomic_fetch_and(&t->arch.sys_flags, ~SYSF_PTRACE, __ATOMIC_RELEASE);
    tr->trap = tr->notify = tr->listening = tr->syscalls = tr->emulate = tr->step = false;
    tr->options = 0;
    tr->signal = sig;
    tr->stopped = false;
    if (t->sig && p->stop_signal && !p->group_exit && !t->sig->stop_pending && !t->sig->stopped) {
        t->sig->stop_pending = 1;
        p->stop_remaining++;
    }
    if (t->sig)
        signal_wake_thread(t, false);
    thread_wake(t, WAKE_STOPPED);
}

void ptrace_unlink(struct trace *tr, u32 sig)
{
    struct thread *t = tr->thread;
    struct process *p = t->process;
    struct pid *pid = tr->dead_pid;
    tr->dead_pid = NULL;
    list_del_init(&tr->link);
    u64 flags = spin_lock_irqsave(&p->siglock);
    release_locked(p, t, tr, sig);
    spin_unlock_irqrestore(&p->siglock, flags);
    if (pid)
        pid_unuse(pid);
    thread_put(t);
    process_put(p);
}

/* A zombie that waited for the tracer now is its parent's. */
static void hand_back(struct process *p)
{
    struct process *parent = p->parent;
    if (process_notify_end(p, parent))
        process_release_zombie(p);
    waitq_wake_all(&parent->child_wait);
}

void ptrace_release_all(struct process *me, s32 tid)
{
    struct trace *tr, *tmp;
    list_for_each_safe (tr, tmp, &me->tracees, link) {
        if (tid && tr->tracer_tid != tid)
            continue;
        struct process *p = tr->thread->process;
        bool zombie = p->zombie && tr->thread == p->leader && p->parent != me;
        if ((tr->options & PTRACE_O_EXITKILL) && !tr->dead_pid)
            signal_send_thread(tr->thread, SIGKILL, NULL);
        process_get(p);
        ptrace_unlink(tr, 0);
        if (zombie)
            hand_back(p);
        process_put(p);
    }
}

void ptrace_leave(struct thread *t)
{
    struct process *me = t->process;
    if (list_empty(&me->tracees)) /* what children link meanwhile goes when the process does */
        return;
    rwsem_write_lock(&tasklist_lock);
    ptrace_release_all(me, t->tid);
    rwsem_write_unlock(&tasklist_lock);
}

void ptrace_exec_tid(struct process *me, s32 old_tid, s32 new_tid)
{
    struct trace *tr;
    list_for_each (tr, &me->tracees, link) {
        if (tr->tracer_tid == old_tid)
            tr->tracer_tid = new_tid;
    }
}

bool ptrace_keep_dead(struct thread *t, struct pid *pid, u32 status)
{
    if (!ptrace_is_traced(t))
        return false;
    rwsem_write_lock(&tasklist_lock);
    struct trace *tr = t->trace;
    bool keep = tr->tracer;
    if (keep) {
        tr->dead_pid = pid;
        tr->dead_status = status;
        int sig = (int)(status & 0x7f);
        ptrace_tell_tracer(tr, sig ? CLD_KILLED : CLD_EXITED, sig ? sig : (int)(status >> 8 & 0xff));
    }
    rwsem_write_unlock(&tasklist_lock);
    return keep;
}

u32 ptrace_fork_event(u64 flags, u32 exit_signal)
{
    u32 event = flags & CLONE_VFORK      ? PTRACE_EVENT_VFORK
                : exit_signal == SIGCHLD ? PTRACE_EVENT_FORK
                                         : PTRACE_EVENT_CLONE;
    if (flags & CLONE_UNTRACED)
        return 0;
    return current_thread()->trace->options >> event & 1 ? event : 0;
}

void ptrace_fork(struct thread *child)
{
    const struct trace *mine = current_thread()->trace;
    struct trace *tr = child->trace;
    if (!mine->tracer)
        return;
    link(tr, mine->tracer, mine->tracer_tid, mine->capable, mine->seized, mine->options);
    struct process *p = child->process;
    u64 flags = spin_lock_irqsave(&p->siglock);
    if (mine->seized)
        tr->trap = true;
    else
        child->sig->pending.set |= SIGBIT(SIGSTOP);
    thread_set_work(child, WORK_SIGNAL);
    spin_unlock_irqrestore(&p->siglock, flags);
}

int ptrace_traceme(void)
{
    struct thread *t = current_thread();
    struct trace *tr = ptrace_alloc(t);
    if (!tr)
        return -ENOMEM;
    rwsem_write_lock(&tasklist_lock);
    struct process *parent = t->process->parent;
    int err = -EPERM;
    if (!tr->tracer && parent) {
        const struct cred *c = process_cred_get(parent);
        bool able = cred_capable(c, CAP_SYS_PTRACE);
        if (able || !(current_cred()->permitted & ~c->permitted)) {
            link(tr, parent, t->process->parent_tid, able, false, 0);
            err = 0;
        }
        cred_put(c);
    }
    rwsem_write_unlock(&tasklist_lock);
    return err;
}

/* tasklist_lock is held for writing. */
static int attach_locked(struct thread *t, struct process *p, bool seize, u32 options)
{
    struct trace *tr = t->trace;
    if (tr->tracer || !t->sig || p->zombie)
        return -EPERM;
    link(tr, current_process(), current_thread()->tid, capable(CAP_SYS_PTRACE), seize, options);
    u64 flags = spin_lock_irqsave(&p->siglock);
    if (!seize)
        signal_send_locked(p, t, SIGSTOP, NULL, true);
    if (t->sig && t->sig->stopped) { /* from the group's stop into the tracer's */
        t->sig->stopped = 0;
        tr->trap = true;
        thread_set_work(t, WORK_SIGNAL);
        thread_wake(t, WAKE_STOPPED);
    }
    spin_unlock_irqrestore(&p->siglock, flags);
    return 0;
}

/* From a group's stop it goes into the tracer's before attach returns, as a wait with WNOHANG expects. */
static void await_trap(struct thread *t, struct process *p)
{
    for (;;) {
        u64 flags = spin_lock_irqsave(&p->siglock);
        bool on_its_way = t->sig && t->trace->tracer && t->trace->trap && !p->group_exit;
        spin_unlock_irqrestore(&p->siglock, flags);
        if (!on_its_way || signal_pending_fatal(current_thread()))
            return;
        sleep_prepare(THREAD_SLEEP_KILL);
        sleep_until(clock_monotonic() + 20000);
    }
}

static int attach_to(struct thread *t, struct process *p, bool seize, u32 options)
{
    if (p == current_process() || !process_may_attach(p))
        return -EPERM;
    if (mutex_lock_killable(&p->exec_lock))
        return -ERESTARTNOINTR;
    int err = ptrace_alloc(t) ? 0 : -ENOMEM;
    if (!err) {
        rwsem_write_lock(&tasklist_lock);
        err = process_may_attach(p) ? attach_locked(t, p, seize, options) : -EPERM;
        rwsem_write_unlock(&tasklist_lock);
    }
    mutex_unlock(&p->exec_lock);
    if (!err)
        await_trap(t, p);
    return err;
}

static int check_seize(u64 addr, u64 options)
{
    return addr || options & ~(u64)PTRACE_O_MASK ? -EIO : ptrace_check_options(options);
}

/* What has no threads any more is a zombie or not there. */
static int no_thread(s32 tid)
{
    struct process *p = process_find(tid);
    if (!p)
        return -ESRCH;
    process_put(p);
    return -EPERM;
}

s64 ptrace_attach(s32 tid, bool seize, u64 addr, u64 options)
{
    struct process *p;
    struct thread *t = thread_find_process(tid, &p);
    if (!t)
        return no_thread(tid);
    int err = seize ? check_seize(addr, options) : 0;
    if (!err)
        err = attach_to(t, p, seize, seize ? (u32)options : 0);
    thread_put(t);
    process_put(p);
    return err;
}
