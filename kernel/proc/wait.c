// SPDX-License-Identifier: MIT
/*
 * wait4, waitid: the parent's side of a child's end, stop and continuation. A scan runs under tasklist_lock; a taken
 * zombie is released under it, so two threads of the parent never take the same one.
 */
#include "abi/errno.h"
#include "abi/wait.h"
#include "lib/string.h"
#include "proc/process.h"
#include "proc/ptrace.h"
#include "proc/signal_internal.h"

struct wait_call {
    enum wait_target kind;
    s32 id;
    const struct pid *pid; /* WAIT_PIDFD */
    u32 options;
    struct wait_result *r;
};

/* Of the caller's own making, or of a thread that is gone from its process. */
static bool mine(const struct process *c)
{
    if (c->parent_tid == current_thread()->tid)
        return true;
    struct thread *maker = thread_find(c->parent_tid);
    bool other = maker && maker->process == current_process();
    if (maker)
        thread_put(maker);
    return !other;
}

static bool eligible(const struct wait_call *w, const struct process *c)
{
    if (w->kind == WAIT_PID && c->pid != w->id)
        return false;
    if (w->kind == WAIT_PIDFD && c->pid_obj != w->pid)
        return false;
    if (w->kind == WAIT_GROUP && c->pgid != w->id)
        return false;
    if (w->options & __WNOTHREAD && !mine(c))
        return false;
    bool clone_child = c->exit_signal != SIGCHLD;
    return (w->options & __WALL) || clone_child == !!(w->options & __WCLONE);
}

static void fill(struct wait_result *r, struct process *c)
{
    const struct cred *cred = process_cred_get(c);
    r->pid = c->pid;
    r->uid = cred->uid;
    cred_put(cred);
    process_cpu_use(c, &r->use);
    const struct cpu_use *k = &c->children_use;
    r->use.user += k->user;
    r->use.sys += k->sys;
    r->use.min_flt += k->min_flt;
    r->use.maj_flt += k->maj_flt;
    r->use.nvcsw += k->nvcsw;
    r->use.nivcsw += k->nivcsw;
    for (u32 i = 0; i < IO_KINDS; i++)
        r->use.io[i] += k->io[i];
    r->use.maxrss = MAX(r->use.maxrss, k->maxrss);
}

static void add_children_use(struct process *p, const struct cpu_use *u)
{
    struct cpu_use *k = &p->children_use;
    k->user += u->user;
    k->sys += u->sys;
    k->min_flt += u->min_flt;
    k->maj_flt += u->maj_flt;
    k->nvcsw += u->nvcsw;
    k->nivcsw += u->nivcsw;
    for (u32 i = 0; i < IO_KINDS; i++)
        k->io[i] += u->io[i];
    k->maxrss = MAX(k->maxrss, u->maxrss);
}

static bool take_zombie(const struct wait_call *w, struct process *c)
{
    struct wait_result *r = w->r;
    if (!c->zombie || !(w->options & WEXITED))
        return false;
    fill(r, c);
    u32 sig = c->exit_status & 0x7f;
    r->status = c->exit_status;
    r->code = !sig ? CLD_EXITED : c->exit_status & ABI_W_CORE ? CLD_DUMPED : CLD_KILLED;
    r->value = sig ? (int)sig : (int)(c->exit_status >> 8 & 0xff);
    if (w->options & WNOWAIT)
        return true;
    add_children_use(c->parent, &r->use);
    process_release_zombie(c);
    return true;
}

/* Takes the stop or the continuation; the state is left for another when WNOWAIT. */
static bool take_state(const struct wait_call *w, struct process *c, u32 state)
{
    u64 flags = spin_lock_irqsave(&c->siglock);
    bool there = c->stop_state & state;
    u32 sig = c->stop_signal;
    if (there && !(w->options & WNOWAIT))
        c->stop_state &= ~state;
    spin_unlock_irqrestore(&c->siglock, flags);
    if (!there)
        return false;
    fill(w->r, c);
    bool stopped = state == STOP_STOPPED;
    w->r->status = stopped ? ABI_W_STOPCODE(sig) : ABI_W_CONTINUED;
    w->r->code = stopped ? CLD_STOPPED : CLD_CONTINUED;
    w->r->value = stopped ? (int)sig : SIGCONT;
    return true;
}

/* Who traces the process's leader: then its end is told there first, and its stops there only. */
static struct process *tracer_of(const struct process *c)
{
    const struct trace *tr = c->leader->trace;
    return tr ? tr->tracer : NULL;
}

static bool consider(const struct wait_call *w, struct process *c)
{
    const struct process *tracer = tracer_of(c);
    if (c->zombie && tracer && tracer != current_process())
        return false;
    if (take_zombie(w, c))
        return true;
    if (c->zombie)
        return false;
    return ((w->options & WSTOPPED) && tracer != current_process() && take_state(w, c, STOP_STOPPED)) ||
           ((w->options & WCONTINUED) && take_state(w, c, STOP_CONTINUED));
}

/* ---- tracees ---- */

static bool tracee_eligible(const struct wait_call *w, const struct trace *tr)
{
    const struct thread *t = tr->thread;
    if (w->kind == WAIT_PID && t->tid != w->id)
        return false;
    if (w->kind == WAIT_PIDFD && (t->process->pid_obj != w->pid || t != t->process->leader))
        return false;
    if (w->kind == WAIT_GROUP && t->process->pgid != w->id)
        return false;
    return !(w->options & __WNOTHREAD) || tr->tracer_tid == current_thread()->tid;
}

static void fill_end(struct wait_result *r, u32 status)
{
    u32 sig = status & 0x7f;
    r->status = status;
    r->code = !sig ? CLD_EXITED : status & ABI_W_CORE ? CLD_DUMPED : CLD_KILLED;
    r->value = sig ? (int)sig : (int)(status >> 8 & 0xff);
}

/* A zombie of another's child: the tracer takes its end, then the parent is told. */
static void take_foreign_zombie(const struct wait_call *w, struct trace *tr, struct process *c)
{
    fill(w->r, c);
    fill_end(w->r, c->exit_status);
    if (w->options & WNOWAIT)
        return;
    struct process *parent = c->parent;
    process_get(c);
    ptrace_unlink(tr, 0);
    if (process_notify_end(c, parent))
        process_release_zombie(c);
    waitq_wake_all(&parent->child_wait);
    process_put(c);
}

static void take_dead_thread(const struct wait_call *w, struct trace *tr)
{
    struct process *c = tr->thread->process;
    fill(w->r, c);
    w->r->pid = tr->thread->tid;
    fill_end(w->r, tr->dead_status);
    if (!(w->options & WNOWAIT))
        ptrace_unlink(tr, 0);
}

static bool consider_tracee(const struct wait_call *w, struct trace *tr)
{
    struct process *c = tr->thread->process;
    bool ended = tr->dead_pid || (c->zombie && tr->thread == c->leader);
    if (ended) {
        if (!(w->options & WEXITED))
            return false;
        if (!tr->dead_pid && c->parent == tr->tracer)
            return take_zombie(w, c);
        if (tr->dead_pid)
            take_dead_thread(w, tr);
        else
            take_foreign_zombie(w, tr, c);
        return true;
    }
    u32 code = ptrace_take_stop(tr, w->options & WNOWAIT);
    if (!code)
        return false;
    fill(w->r, c);
    w->r->pid = tr->thread->tid;
    w->r->status = code << 8 | 0x7f;
    w->r->code = CLD_TRAPPED;
    w->r->value = (int)code;
    return true;
}

static s64 scan_tracees(const struct wait_call *w, struct process *me, s64 ret)
{
    struct trace *tr, *tmp;
    list_for_each_safe (tr, tmp, &me->tracees, link) {
        if (!tracee_eligible(w, tr))
            continue;
        ret = 0;
        if (consider_tracee(w, tr))
            return w->r->pid;
    }
    return ret;
}

/* >0: the child's pid, 0: there are children, but no news, -ECHILD. */
static s64 scan(const struct wait_call *w)
{
    struct process *me = current_process(), *c, *tmp;
    s64 ret = -ECHILD;
    rwsem_write_lock(&tasklist_lock);
    list_for_each_safe (c, tmp, &me->children, sibling) {
        if (!eligible(w, c) || (c->zombie && !(w->options & WEXITED))) /* what is dead does not stop any more */
            continue;
        ret = 0;
        if (consider(w, c)) {
            ret = w->r->pid;
            break;
        }
    }
    if (ret <= 0)
        ret = scan_tracees(w, me, ret);
    rwsem_write_unlock(&tasklist_lock);
    return ret;
}

static s64 wait_for_news(const struct wait_call *w)
{
    struct waiter me;
    s64 ret = 0;
    waiter_init(&me);
    waitq_add(&current_process()->child_wait, &me);
    /* scan may sleep for the lock */
    if (sleep_until_cond((ret = scan(w)) != 0, THREAD_SLEEP_INT, sleep_until(NS_FOREVER)))
        ret = -ERESTARTSYS;
    waitq_remove(&me);
    return ret;
}

static s64 wait_for(const struct wait_call *w)
{
    s64 ret = scan(w);
    return ret || (w->options & WNOHANG) ? ret : wait_for_news(w);
}

s64 process_wait(enum wait_target kind, s32 id, u32 options, struct wait_result *r)
{
    return wait_for(&(struct wait_call){.kind = kind, .id = id, .options = options, .r = r});
}

s64 process_wait_pidfd(const struct pid *pid, u32 options, struct wait_result *r)
{
    return wait_for(&(struct wait_call){.kind = WAIT_PIDFD, .pid = pid, .options = options, .r = r});
}

void process_notify_stopped(struct process *p, int code, int status)
{
    struct ksiginfo info;
    rwsem_read_lock(&tasklist_lock);
    struct process *parent = p->parent;
    struct sigaction a;
    if (!parent || p->reaped) { /* PID 1, stopped from outside; or a thread on its way out that came too late */
        rwsem_read_unlock(&tasklist_lock);
        return;
    }
    signal_action_of(parent, SIGCHLD, &a);
    bool tell = a.sa_handler != SIG_IGN && !(a.sa_flags & SA_NOCLDSTOP);
    if (tell) {
        struct cpu_use u;
        process_cpu_use(p, &u);
        memset(&info, 0, sizeof(info));
        info.si_signo = SIGCHLD;
        info.si_code = code;
        info.si_status = status;
        info.si_pid = p->pid;
        info.si_uid = current_cred()->uid;
        info.si_utime = (long)(u.user / 10000000);
        info.si_stime = (long)(u.sys / 10000000);
        signal_send_process(parent, SIGCHLD, &info);
    }
    process_get(parent);
    rwsem_read_unlock(&tasklist_lock);
    waitq_wake_all(&parent->child_wait);
    process_put(parent);
}
