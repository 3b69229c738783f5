// SPDX-License-Identifier: MIT
/*
 * Signals: making them pending. Rules of POSIX and of Linux' kernel/signal.c: who ignores what at the time of sending,
 * stop against continue, which thread of a process is woken, when a fatal signal ends the group at once.
 * Delivery is signal_deliver.c. Locks: see signal.h.
 */
#include "proc/signal.h"

#include "abi/errno.h"
#include "arch/irq.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "mem/slab.h"
#include "proc/process.h"
#include "proc/ptrace.h"
#include "proc/signal_internal.h"
#include "proc/signalfd.h"

static SLAB_CACHE(sigqueue_cache, "sigqueue", struct sigqueue);
static SLAB_CACHE(sighand_cache, "sighand", struct sighand);

/* ---- handlers ---- */

struct sighand *sighand_create(void)
{
    struct sighand *s = slab_alloc(&sighand_cache, MEM_WAIT | MEM_ZERO);
    if (s) {
        ref_init(&s->refs);
        spin_init(&s->lock, LOCK_SIGHAND);
    }
    return s;
}

struct sighand *sighand_copy(struct sighand *from)
{
    struct sighand *s = slab_alloc(&sighand_cache, MEM_WAIT);
    if (!s)
        return NULL;
    ref_init(&s->refs);
    spin_init(&s->lock, LOCK_SIGHAND);
    u64 flags = spin_lock_irqsave(&from->lock);
    memcpy(s->action, from->action, sizeof(s->action));
    spin_unlock_irqrestore(&from->lock, flags);
    return s;
}

void sighand_put(struct sighand *s)
{
    if (ref_put(&s->refs))
        slab_free(&sighand_cache, s);
}

/* ---- the queue ---- */

/* Counted against the receiver, as Linux does (siglock held, so its credentials stay). */
static struct sigqueue *queue_alloc(struct process *p, const struct thread *to, int sig, const struct ksiginfo *info)
{
    bool unlimited = sig < SIGRTMIN && (!info || info->si_code >= 0);
    const struct cred *c = thread_cred(to);
    struct user *u = c ? c->user : NULL;
    if (u && atomic_add(&u->sigpending, 1) > p->limits[RLIMIT_SIGPENDING].soft && !unlimited) {
        atomic_sub(&u->sigpending, 1);
        return NULL;
    }
    struct sigqueue *q = slab_alloc(&sigqueue_cache, MEM_NOWAIT);
    if (!q && u)
        atomic_sub(&u->sigpending, 1);
    if (!q)
        return NULL;
    q->user = u ? user_get(u) : NULL;
    q->timer = NULL;
    return q;
}

struct sigqueue *sigqueue_alloc_for_timer(void *timer)
{
    struct user *u = current_cred()->user;
    struct sigqueue *q = NULL;
    if (atomic_add(&u->sigpending, 1) <= rlimit(RLIMIT_SIGPENDING))
        q = slab_alloc(&sigqueue_cache, MEM_WAIT);
    if (!q) {
        atomic_sub(&u->sigpending, 1);
        return NULL;
    }
    list_init(&q->link);
    q->user = user_get(u);
    q->timer = timer;
    return q;
}

/* A timer's own entry is only taken off; its timer keeps it. */
void sigqueue_free(struct sigqueue *q)
{
    if (q->timer) {
        list_init(&q->link);
        return;
    }
    if (q->user) {
        atomic_sub(&q->user->sigpending, 1);
        user_put(q->user);
    }
    slab_free(&sigqueue_cache, q);
}

void signal_flush_queue(struct sigpending *p)
{
    struct sigqueue *q, *tmp;
    p->set = 0;
    list_for_each_safe (q, tmp, &p->queue, link) {
        list_del(&q->link);
        sigqueue_free(q);
    }
}

/* Drops the signals of `set`. */
static void flush_set(struct sigpending *p, sigset64_t set)
{
    struct sigqueue *q, *tmp;
    if (!(p->set & set))
        return;
    p->set &= ~set;
    list_for_each_safe (q, tmp, &p->queue, link) {
        if (set & SIGBIT(q->info.si_signo)) {
            list_del(&q->link);
            sigqueue_free(q);
        }
    }
}

void signal_flush_set(struct process *p, sigset64_t set)
{
    struct thread *t;
    flush_set(&p->shared_pending, set);
    list_for_each (t, &p->threads, process_link) {
        flush_set(&t->sig->pending, set);
    }
}

/* ---- waking ---- */

void signal_wake_thread(struct thread *t, bool fatal)
{
    u32 bits = WORK_SIGNAL | (fatal ? WORK_NOTIFY : 0);
    u32 kinds = WAKE_INT | (fatal ? WAKE_KILL | WAKE_STOPPED : 0);
    thread_set_work(t, bits);
    if (!thread_wake(t, kinds) && t != current_thread() && load_acquire(&t->on_cpu))
        irq_send_resched(t->cpu);
}

/* ---- at the time of sending (siglock held) ---- */

static struct sigaction action_of(struct process *p, int sig)
{
    struct sighand *h = p->sighand;
    spin_lock(&h->lock);
    struct sigaction a = h->action[sig - 1];
    spin_unlock(&h->lock);
    return a;
}

void signal_action_of(struct process *p, int sig, struct sigaction *out)
{
    u64 flags = spin_lock_irqsave(&p->siglock);
    *out = action_of(p, sig);
    spin_unlock_irqrestore(&p->siglock, flags);
}

static bool handler_ignores(__sighandler_t h, int sig)
{
    return h == SIG_IGN || (h == SIG_DFL && (SIGSET_IGNORED & SIGBIT(sig)));
}

static bool ignored(struct process *p, const struct thread *t, int sig, bool force)
{
    if (t && t->sig && (t->sig->blocked & SIGBIT(sig)))
        return false;
    if (t && sig != SIGKILL && ptrace_is_traced(t)) /* the tracer sees it first */
        return false;
    __sighandler_t h = READ_ONCE(p->sighand->action[sig - 1].sa_handler);
    if (p->unkillable && h == SIG_DFL && !(force && (SIGSET_KERNEL_ONLY & SIGBIT(sig))))
        return true;
    return handler_ignores(h, sig);
}

static void resume_all(struct process *p)
{
    struct thread *t;
    bool was = p->stop_signal != 0;
    list_for_each (t, &p->threads, process_link) {
        t->sig->stop_pending = 0;
        t->sig->stop_taken = 0;
        ptrace_notify_locked(t);
        if (t->sig->stopped) {
            t->sig->stopped = 0;
            thread_wake(t, WAKE_STOPPED);
        }
    }
    if (!was)
        return;
    p->stop_signal = 0;
    p->stop_remaining = 0;
    p->stop_state = STOP_CONTINUED | STOP_TELL_CONTINUED;
    thread_set_work(list_first(&p->threads, struct thread, process_link), WORK_SIGNAL);
}

/* Effects of sending as such; false: the signal is not kept. */
static bool prepare(struct process *p, const struct thread *t, int sig, bool force)
{
    if (p->group_exit)
        return sig == SIGKILL;
    if (SIGSET_STOP & SIGBIT(sig))
        signal_flush_set(p, SIGBIT(SIGCONT));
    if (sig == SIGCONT) {
        signal_flush_set(p, SIGSET_STOP);
        resume_all(p);
    }
    return !ignored(p, t, sig, force);
}

static bool wants(const struct thread *t, int sig)
{
    const struct signal_state *s = t->sig;
    if (sig == SIGKILL)
        return true;
    if (s->blocked & SIGBIT(sig) & ~s->waiting)
        return false;
    return !s->stopped && !(t->trace && t->trace->stopped);
}

/* The thread that is to take it: t, or for the process's own the leader, an idle one, anyone. */
static struct thread *choose(struct process *p, struct thread *t, int sig)
{
    if (t)
        return wants(t, sig) ? t : NULL;
    struct thread *found = NULL, *i;
    list_for_each (i, &p->threads, process_link) {
        if (!wants(i, sig))
            continue;
        if (!thread_work(i, WORK_SIGNAL))
            return i;
        if (!found)
            found = i;
    }
    return found;
}

void process_group_exit_locked(struct process *p, u32 wait_status)
{
    struct thread *t;
    p->group_exit = true;
    p->group_status = wait_status;
    p->stop_signal = 0;
    list_for_each (t, &p->threads, process_link) {
        if (t->sig) {
            t->sig->stop_pending = 0;
            t->sig->stopped = 0;
        }
        signal_wake_thread(t, true);
    }
}

static bool is_fatal(struct process *p, const struct thread *t, int sig)
{
    struct sigaction a = action_of(p, sig);
    if (sig != SIGKILL && ptrace_is_traced(t))
        return false;
    if (a.sa_handler != SIG_DFL || ((SIGSET_IGNORED | SIGSET_STOP | SIGSET_CORE) & SIGBIT(sig)))
        return sig == SIGKILL;
    return sig == SIGKILL || (!p->unkillable && !(t->sig->waiting & SIGBIT(sig)));
}

static void complete_send(struct process *p, struct thread *t, int sig)
{
    signalfd_notify(p);
    struct thread *taker = choose(p, t, sig);
    if (!taker)
        return;
    if (is_fatal(p, taker, sig)) {
        process_group_exit_locked(p, (u32)sig);
        return;
    }
    signal_wake_thread(taker, sig == SIGKILL);
}

static void fill_kernel_info(struct ksiginfo *info, int sig)
{
    memset(info, 0, sizeof(*info));
    info->si_signo = sig;
    info->si_code = SI_KERNEL;
}

int signal_send_locked(struct process *p, struct thread *t, int sig, const struct ksiginfo *info, bool force)
{
    if (list_empty(&p->threads) || (t && !t->sig))
        return 0; /* nobody is left to take it */
    const struct thread *looks = t ? t : list_first(&p->threads, struct thread, process_link);
    if (!prepare(p, looks, sig, force))
        return 0;
    struct sigpending *pending = t ? &t->sig->pending : &p->shared_pending;
    if (sig < SIGRTMIN && (pending->set & SIGBIT(sig)))
        return 0;
    struct sigqueue *q = sig == SIGKILL ? NULL : queue_alloc(p, looks, sig, info);
    if (q) {
        if (info)
            q->info = *info;
        else
            fill_kernel_info(&q->info, sig);
        list_add_tail(&pending->queue, &q->link);
    } else if (sig >= SIGRTMIN && info && info->si_code != SI_USER) {
        return -EAGAIN;
    }
    pending->set |= SIGBIT(sig);
    complete_send(p, t, sig);
    return 0;
}

bool signal_queue_timer(struct process *p, struct thread *t, struct sigqueue *q)
{
    int sig = q->info.si_signo;
    if (list_empty(&p->threads) || (t && !t->sig))
        return false;
    const struct thread *looks = t ? t : list_first(&p->threads, struct thread, process_link);
    if (!prepare(p, looks, sig, false))
        return false;
    struct sigpending *pending = t ? &t->sig->pending : &p->shared_pending;
    list_add_tail(&pending->queue, &q->link);
    pending->set |= SIGBIT(sig);
    complete_send(p, t, sig);
    return true;
}

/* ---- sending ---- */

int signal_send_thread(struct thread *t, int sig, const struct ksiginfo *info)
{
    struct process *p = t->process;
    u64 flags = spin_lock_irqsave(&p->siglock);
    int err = signal_send_locked(p, t, sig, info, false);
    spin_unlock_irqrestore(&p->siglock, flags);
    return err;
}

int signal_send_process(struct process *p, int sig, const struct ksiginfo *info)
{
    u64 flags = spin_lock_irqsave(&p->siglock);
    int err = signal_send_locked(p, NULL, sig, info, false);
    spin_unlock_irqrestore(&p->siglock, flags);
    return err;
}

int signal_send_group(s32 pgid, int sig, const struct ksiginfo *info)
{
    struct process *p;
    int n = 0;
    rwsem_read_lock(&tasklist_lock);
    struct pid *g = pid_find(pgid);
    if (g) {
        list_for_each (p, &g->group, group_link) {
            signal_send_process(p, sig, info);
            n++;
        }
    }
    rwsem_read_unlock(&tasklist_lock);
    return n ? 0 : -ESRCH;
}

int signal_container(int signo)
{
    struct process *p = init_process;
    if (!p)
        return -ESRCH;
    u64 flags = spin_lock_irqsave(&p->siglock);
    struct ksiginfo info;
    fill_kernel_info(&info, signo);
    info.si_code = SI_USER; /* pid 0, uid 0: a sender outside the namespace */
    int err = signal_send_locked(p, NULL, signo, &info, true);
    spin_unlock_irqrestore(&p->siglock, flags);
    return err;
}

void siginfo_init_user(struct ksiginfo *info, int sig, int code)
{
    memset(info, 0, sizeof(*info));
    info->si_signo = sig;
    info->si_code = code;
    info->si_pid = current_process()->pid;
    info->si_uid = current_cred()->uid;
}

void signal_sigpipe(void)
{
    struct ksiginfo info;
    siginfo_init_user(&info, SIGPIPE, SI_USER);
    signal_send_thread(current_thread(), SIGPIPE, &info);
}

/* ---- faults of the calling thread ---- */

enum force { FORCE_FAULT, FORCE_FATAL };

/* Blocked or ignored, it gets its default action, and PID 1 loses its protection: it could not go on. */
static void force_locked(struct process *p, struct thread *t, int sig, enum force how)
{
    struct sighand *h = p->sighand;
    spin_lock(&h->lock);
    struct sigaction *a = &h->action[sig - 1];
    bool blocked = t->sig->blocked & SIGBIT(sig);
    if (blocked || a->sa_handler == SIG_IGN || how == FORCE_FATAL) {
        a->sa_handler = SIG_DFL;
        t->sig->blocked &= ~SIGBIT(sig);
    }
    if (a->sa_handler == SIG_DFL)
        p->unkillable = false;
    spin_unlock(&h->lock);
}

static void force(int sig, const struct ksiginfo *info, enum force how)
{
    struct thread *t = current_thread();
    struct process *p = t->process;
    u64 flags = spin_lock_irqsave(&p->siglock);
    force_locked(p, t, sig, how);
    signal_send_locked(p, t, sig, info, true);
    thread_set_work(t, WORK_SIGNAL);
    spin_unlock_irqrestore(&p->siglock, flags);
}

void signal_force_info(int sig, const struct ksiginfo *info)
{
    force(sig, info, FORCE_FAULT);
}

void signal_force_fatal(int sig)
{
    force(sig, NULL, FORCE_FATAL);
}

void signal_force(int sig, int code, uaddr_t addr)
{
    struct ksiginfo info;
    fill_kernel_info(&info, sig);
    info.si_code = code;
    info.si_addr = (void *)addr;
    force(sig, &info, FORCE_FAULT);
}

/* ---- questions ---- */

bool signal_may_kill(struct process *p, int sig)
{
    const struct cred *mine = current_cred();
    if (p == current_process())
        return true;
    const struct cred *its = process_cred_get(p);
    bool same = mine->euid == its->suid || mine->euid == its->uid || mine->uid == its->suid || mine->uid == its->uid;
    cred_put(its);
    return same || cred_capable(mine, CAP_KILL) || (sig == SIGCONT && p->sid == current_process()->sid);
}

bool signal_pending_fatal(const struct thread *t)
{
    const struct process *p = t->process;
    if (!p || !t->sig)
        return false;
    return p->group_exit || (p->exec_waiter && p->exec_waiter != t) || (t->sig->pending.set & SIGBIT(SIGKILL));
}

bool signal_is_ignored_by(struct thread *t, int sig)
{
    if (t->sig->blocked & SIGBIT(sig))
        return true;
    return READ_ONCE(t->process->sighand->action[sig - 1].sa_handler) == SIG_IGN;
}

/* ---- actions ---- */

int signal_action(int sig, const struct sigaction *act, struct sigaction *old)
{
    struct process *p = current_process();
    if (sig < 1 || sig > _NSIG || (act && (SIGSET_KERNEL_ONLY & SIGBIT(sig))))
        return -EINVAL;
    u64 flags = spin_lock_irqsave(&p->siglock);
    struct sigaction *a = &p->sighand->action[sig - 1];
    spin_lock(&p->sighand->lock);
    if (old)
        *old = *a;
    if (act) {
        *a = *act;
        a->sa_mask &= ~SIGSET_KERNEL_ONLY;
    }
    spin_unlock(&p->sighand->lock);
    /* POSIX: making it ignored discards a pending one, blocked or not. */
    if (act && handler_ignores(act->sa_handler, sig))
        signal_flush_set(p, SIGBIT(sig));
    spin_unlock_irqrestore(&p->siglock, flags);
    return 0;
}

void signal_state_init(struct signal_state *s)
{
    memset(s, 0, sizeof(*s));
    sigpending_init(&s->pending);
    s->altstack_flags = SS_DISABLE;
}
