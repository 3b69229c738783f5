// SPDX-License-Identifier: MIT
/* ptrace(2): the stops of a tracee, and how its tracer gets hold of it. States, locks and races: ptrace.c. */
#include "abi/errno.h"
#include "lib/string.h"
#include "proc/ptrace.h"
#include "proc/seccomp.h"
#include "proc/signal_internal.h"

/* A stop in the making. */
struct stop {
    u32 code;
    u8 op;
    bool in_call, exiting;
    u64 message;
    struct ksiginfo *info; /* NULL: none to be seen; changed by the tracer */
};

/* Nothing keeps it in a stop (siglock held). The stop before the end is ended only by an end that came after it began. */
static bool must_leave(const struct thread *t, bool exiting)
{
    const struct process *p = t->process;
    return exiting ? !t->trace->ending && (p->group_exit || p->exec_waiter) : signal_pending_fatal(t);
}

void ptrace_tell_tracer(struct trace *tr, int code, int status)
{
    struct process *tracer = tr->tracer, *p = tr->thread->process;
    struct sigaction a;
    signal_action_of(tracer, SIGCHLD, &a);
    if (a.sa_handler != SIG_IGN && ((code != CLD_TRAPPED && code != CLD_STOPPED) || !(a.sa_flags & SA_NOCLDSTOP))) {
        struct ksiginfo info;
        struct cpu_use u;
        process_cpu_use(p, &u);
        memset(&info, 0, sizeof(info));
        info.si_signo = SIGCHLD;
        info.si_code = code;
        info.si_status = status;
        info.si_pid = tr->thread->tid;
        const struct cred *c = process_cred_get(p); /* a thread that has left its process has none of its own */
        info.si_uid = c->uid;
        cred_put(c);
        info.si_utime = (long)(u.user / 10000000);
        info.si_stime = (long)(u.sys / 10000000);
        signal_send_process(tracer, SIGCHLD, &info);
    }
    waitq_wake_all(&tracer->child_wait);
}

static void wait_resumed(struct process *p, struct thread *t, struct trace *tr)
{
    for (;;) {
        u64 flags = spin_lock_irqsave(&p->siglock);
        if (!tr->frozen && (!tr->stopped || must_leave(t, tr->exiting))) {
            tr->stopped = tr->listening = tr->exiting = tr->has_info = false;
            tr->op = PTRACE_SYSCALL_INFO_NONE;
            spin_unlock_irqrestore(&p->siglock, flags);
            return;
        }
        sleep_prepare(THREAD_STOPPED);
        spin_unlock_irqrestore(&p->siglock, flags);
        sleep_until(NS_FOREVER);
    }
}

static void enter_locked(struct trace *tr, const struct stop *s)
{
    tr->code = s->code;
    tr->op = s->op;
    tr->message = s->message;
    tr->exiting = s->exiting;
    tr->has_info = s->info;
    if (s->info)
        tr->info = *s->info;
    tr->signal = 0;
    tr->told = tr->listening = tr->trap = false;
    if (s->code >> 8 == PTRACE_EVENT_STOP)
        tr->notify = false;
    tr->stopped = true;
}

/* The stop counts for the group's; true: it completes that (siglock held). */
static bool join_group_locked(struct process *p, struct thread *t)
{
    if (!t->sig->stop_pending)
        return false;
    t->sig->stop_pending = 0;
    if (--p->stop_remaining)
        return false;
    p->stop_state |= STOP_STOPPED;
    return true;
}

/* The tracer's answer, a signal or 0; -1: there was no stop, no tracer is there or the end is near. */
static int stop_here(const struct stop *s, bool group)
{
    struct thread *t = current_thread();
    struct process *p = t->process;
    struct trace *tr = t->trace;
    bool complete = false;
    rwsem_read_lock(&tasklist_lock);
    u64 flags = spin_lock_irqsave(&p->siglock);
    if (s->exiting)
        tr->ending = p->group_exit || p->exec_waiter || p->alive == 1;
    bool stops = tr->tracer && !must_leave(t, s->exiting);
    int group_signal = (int)p->stop_signal;
    if (stops) {
        enter_locked(tr, s);
        complete = group && join_group_locked(p, t);
    }
    complete = complete && tr->tracer != p->parent;
    spin_unlock_irqrestore(&p->siglock, flags);
    if (stops)
        ptrace_tell_tracer(tr, group ? CLD_STOPPED : CLD_TRAPPED, (int)(s->code & 0x7f));
    rwsem_read_unlock(&tasklist_lock);
    if (!stops)
        return -1;
    if (complete)
        process_notify_stopped(p, CLD_STOPPED, group_signal);
    wait_resumed(p, t, tr);
    if (s->info)
        *s->info = tr->info;
    if (s->in_call && (tr->syscalls || tr->step))
        thread_set_work(t, WORK_PTRACE);
    return (int)tr->signal;
}

static void info_of_event(struct ksiginfo *info, int sig, u32 code)
{
    siginfo_init_user(info, sig, (int)code);
    info->si_pid = current_thread()->tid;
}

/* A stop that is told by a number, not a signal. */
static int notify(u32 code, u8 op, u64 message, bool in_call)
{
    struct ksiginfo info;
    info_of_event(&info, SIGTRAP, code);
    const struct stop s = {.code = code,
                           .op = op,
                           .message = message,
                           .info = &info,
                           .in_call = in_call,
                           .exiting = code >> 8 == PTRACE_EVENT_EXIT};
    return stop_here(&s, false);
}

/* ---- signals ---- */

int ptrace_signal(int sig, struct ksiginfo *info)
{
    struct thread *t = current_thread();
    t->sig->stop_taken = 1; /* a stop signal may be put in its place; SIGCONT meanwhile takes it back */
    const struct stop s = {.code = (u32)sig, .info = info};
    int answer = stop_here(&s, false);
    if (answer < 0)
        return sig;
    if (answer == 0)
        return 0;
    if (answer != info->si_signo) {
        memset(info, 0, sizeof(*info));
        info->si_signo = answer;
        info->si_code = SI_USER;
        info->si_pid = t->trace->tracer_tid;
    }
    if (t->sig->blocked & SIGBIT(answer)) {
        signal_send_thread(t, answer, info);
        return 0;
    }
    return answer;
}

void ptrace_trap(void)
{
    struct thread *t = current_thread();
    struct process *p = t->process;
    struct trace *tr = t->trace;
    struct ksiginfo info;
    u64 flags = spin_lock_irqsave(&p->siglock);
    bool seized = tr->seized;
    u32 sig = p->stop_signal;
    if (!tr->tracer || (!seized && !sig))
        tr->trap = tr->notify = false;
    bool stops = tr->tracer && (seized || sig);
    spin_unlock_irqrestore(&p->siglock, flags);
    if (!stops)
        return;
    if (!seized) { /* a group stop shows no siginfo: PTRACE_GETSIGINFO tells it from a signal by that */
        const struct stop s = {.code = sig};
        (void)stop_here(&s, true);
        return;
    }
    u32 code = (sig ? sig : SIGTRAP) | PTRACE_EVENT_STOP << 8;
    info_of_event(&info, (int)(sig ? sig : SIGTRAP), code);
    const struct stop s = {.code = code, .info = &info};
    (void)stop_here(&s, true);
}

void ptrace_notify_locked(struct thread *t)
{
    struct trace *tr = t->trace;
    if (!tr || !tr->tracer || !tr->seized)
        return;
    tr->notify = true;
    thread_set_work(t, WORK_SIGNAL);
    if (tr->listening) {
        tr->listening = tr->stopped = false;
        thread_wake(t, WAKE_STOPPED);
    } else if (!tr->stopped) {
        signal_wake_thread(t, false);
    }
}

/* ---- events ---- */

void ptrace_event(u32 event, u64 message)
{
    if (current_thread()->trace->options >> event & 1)
        (void)notify(SIGTRAP | event << 8, PTRACE_SYSCALL_INFO_NONE, message, event != PTRACE_EVENT_EXIT);
}

void ptrace_exec(s32 old_tid)
{
    const struct trace *tr = current_thread()->trace;
    struct ksiginfo info;
    if (tr->options & PTRACE_O_TRACEEXEC) {
        ptrace_event(PTRACE_EVENT_EXEC, (u64)old_tid);
    } else if (!tr->seized) {
        siginfo_init_user(&info, SIGTRAP, SI_USER);
        signal_send_thread(current_thread(), SIGTRAP, &info);
    }
}

bool ptrace_exec_unsafe(void)
{
    return ptrace_is_traced(current_thread()) && !current_thread()->trace->capable;
}

/* ---- system calls ---- */

static u32 syscall_code(const struct trace *tr)
{
    return SIGTRAP | (tr->options & PTRACE_O_TRACESYSGOOD ? 0x80u : 0);
}

bool ptrace_syscall_enter(struct trapframe *f)
{
    struct thread *t = current_thread();
    struct trace *tr = t->trace;
    bool emulate = tr->emulate;
    if (tr->syscalls || emulate) {
        f->rax = (u64)-ENOSYS;
        int sig = notify(syscall_code(tr), PTRACE_SYSCALL_INFO_ENTRY, PTRACE_EVENTMSG_SYSCALL_ENTRY, !emulate);
        if (sig > 0)
            signal_send_thread(t, sig, NULL);
        if (signal_pending_fatal(t))
            return false;
    } else if (tr->step) {
        thread_set_work(t, WORK_PTRACE);
    }
    return !emulate && (u32)f->orig_rax != ~0u;
}

void ptrace_syscall_exit(struct trapframe *f)
{
    struct thread *t = current_thread();
    struct trace *tr = t->trace;
    thread_clear_work(t, WORK_PTRACE);
    if (!ptrace_is_traced(t))
        return;
    if (tr->step) {
        signal_force(SIGTRAP, TRAP_BRKPT, f->rip);
    } else if (tr->syscalls) {
        int sig = notify(syscall_code(tr), PTRACE_SYSCALL_INFO_EXIT, PTRACE_EVENTMSG_SYSCALL_EXIT, false);
        if (sig > 0)
            signal_send_thread(t, sig, NULL);
    }
}

static bool seccomp_event(struct trapframe *f, u32 message)
{
    if (!ptrace_is_traced(current_thread()) || !(current_thread()->trace->options & PTRACE_O_TRACESECCOMP))
        return false;
    f->rax = (u64)-ENOSYS;
    (void)notify(SIGTRAP | PTRACE_EVENT_SECCOMP << 8, PTRACE_SYSCALL_INFO_SECCOMP, message, true);
    return true;
}

/* ---- single steps and handlers ---- */

bool ptrace_handler_step(struct trapframe *f)
{
    struct trace *tr = current_thread()->trace;
    if (!tr->step)
        return false;
    if (tr->forced_tf)
        f->rflags &= ~0x100ul;
    tr->forced_tf = tr->step = false;
    return true;
}

void ptrace_handler_entered(void)
{
    (void)notify(SIGTRAP, PTRACE_SYSCALL_INFO_NONE, 0, false);
}

/* ---- the tracer's side ---- */

static bool is_mine(const struct trace *tr)
{
    return tr && tr->tracer == current_process() && tr->tracer_tid == current_thread()->tid;
}

static void set_state(struct thread *t, enum thread_state from, enum thread_state to, bool *changed)
{
    spin_lock(&t->wake_lock);
    *changed = t->state == from;
    if (*changed)
        WRITE_ONCE(t->state, to);
    spin_unlock(&t->wake_lock);
}

int ptrace_freeze(struct thread *t)
{
    struct process *p = t->process;
    for (;;) {
        bool asleep = false;
        u64 flags = spin_lock_irqsave(&p->siglock);
        struct trace *tr = t->trace;
        bool ok = is_mine(tr) && tr->stopped && !tr->listening && !must_leave(t, tr->exiting);
        if (ok)
            set_state(t, THREAD_STOPPED, THREAD_FROZEN, &asleep);
        if (asleep)
            tr->frozen = true;
        spin_unlock_irqrestore(&p->siglock, flags);
        if (!ok)
            return -ESRCH;
        if (asleep)
            break;
        sleep_prepare(THREAD_SLEEP_KILL); /* it has announced the stop and is about to sleep */
        sleep_until(clock_monotonic() + 20000);
    }
    while (load_acquire(&t->on_cpu))
        cpu_relax();
    return 0;
}

void ptrace_thaw(struct thread *t)
{
    struct process *p = t->process;
    struct trace *tr = t->trace;
    bool was;
    u64 flags = spin_lock_irqsave(&p->siglock);
    tr->frozen = false;
    set_state(t, THREAD_FROZEN, THREAD_STOPPED, &was);
    if (!tr->stopped || must_leave(t, tr->exiting))
        thread_wake(t, WAKE_STOPPED);
    spin_unlock_irqrestore(&p->siglock, flags);
}

u32 ptrace_take_stop(struct trace *tr, bool keep)
{
    struct process *p = tr->thread->process;
    u64 flags = spin_lock_irqsave(&p->siglock);
    u32 code = tr->stopped && !tr->told ? tr->code : 0;
    if (code && !keep)
        tr->told = true;
    spin_unlock_irqrestore(&p->siglock, flags);
    return code;
}

void ptrace_init(void)
{
    seccomp_hook_trace = seccomp_event;
}
