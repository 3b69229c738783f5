// SPDX-License-Identifier: MIT
/*
 * clone(2) and its family: a thread of the same process, or a new process that shares or copies each counted object.
 *
 * Order: everything that can fail is made first (new thread, objects, number, pidfd); then, under the locks, a last look
 * for a signal to the parent — a kill of the group must reach either the parent in time or the child — and the child is
 * linked, published, started. A failure before that undoes by fork_undo, which takes any half-made state.
 */
#include "abi/errno.h"
#include "abi/sched.h"
#include "abi/wait.h"
#include "arch/usercopy.h"
#include "fs/vfs.h"
#include "lib/string.h"
#include "mem/slab.h"
#include "proc/namespaces.h"
#include "proc/pidfd.h"
#include "proc/process.h"
#include "proc/ptrace.h"
#include "proc/rseq.h"
#include "proc/seccomp.h"
#include "proc/signal_internal.h"
#include "proc/sysv_sem.h"
#include "proc/uts.h"
#include "vm/mm.h"

u64 threads_max = 32000;

static SLAB_CACHE(sigstate_cache, "signal_state", struct signal_state);

/* A vfork parent and its child share one; whoever comes last frees it. */
struct vfork_wait {
    refcount_t refs;
    struct completion done;
};

static void vfork_put(struct vfork_wait *w)
{
    if (ref_put(&w->refs))
        kfree(w);
}

void process_vfork_done(struct thread *t)
{
    struct vfork_wait *w = t->journal;
    if (!w)
        return;
    t->journal = NULL;
    complete(&w->done);
    vfork_put(w);
}

/* What is being made. */
struct fork {
    const struct clone_request *req;
    u64 flags;
    struct thread *child;
    struct process *process; /* new, or the caller's for CLONE_THREAD */
    struct pid *pid;
    struct vfork_wait *vfork;
    struct file *pidfile;
    u32 event;   /* PTRACE_EVENT_* that the caller's tracer wants, 0: none */
    bool traced; /* the child is traced as the caller is */
    int pidfd;   /* reserved; -1: none */
    bool counted;
};

static void fork_undo(struct fork *k)
{
    struct thread *t = k->child;
    bool thread = k->flags & CLONE_THREAD;
    if (k->pidfd >= 0)
        fd_unreserve(current_thread()->files, (u32)k->pidfd);
    if (k->pidfile)
        file_put(k->pidfile);
    if (k->vfork)
        kfree(k->vfork);
    if (k->counted)
        atomic_sub(&current_cred()->user->threads, 1);
    if (t) {
        sem_leave(t);
        if (t->files)
            fdtable_put(t->files);
        if (t->fs)
            fs_context_put(t->fs);
        uts_ns_put(t->uts);
        if (t->mm)
            mm_put_user(t->mm);
        if (t->cred)
            cred_put(t->cred);
        if (t->sig)
            signal_state_free(t->sig);
        t->mm = NULL;
        t->cred = NULL;
        t->journal = NULL;
        thread_put(t);
        thread_put(t); /* the scheduler's: it never ran */
    }
    if (k->pid) {
        pid_unuse(k->pid);
    }
    if (!thread && k->process)
        process_put(k->process);
}

struct signal_state *signal_state_alloc(void)
{
    struct signal_state *s = slab_alloc(&sigstate_cache, MEM_WAIT);
    if (s)
        signal_state_init(s);
    return s;
}

void signal_state_free(struct signal_state *s)
{
    signal_flush_queue(&s->pending);
    slab_free(&sigstate_cache, s);
}

/* ---- checks ---- */

static int check_namespaces(u64 flags)
{
    if ((flags & CLONE_FS) && (flags & (CLONE_NEWNS | CLONE_NEWUSER)))
        return -EINVAL;
    return namespaces_may_make(flags);
}

static int check_flags(u64 flags)
{
    if ((flags & CLONE_THREAD) && (!(flags & CLONE_SIGHAND) || flags & (CLONE_NEWUSER | CLONE_NEWPID)))
        return -EINVAL;
    if ((flags & CLONE_SIGHAND) && !(flags & CLONE_VM))
        return -EINVAL;
    if ((flags & CLONE_PARENT) && current_process() == init_process)
        return -EINVAL;
    if ((flags & CLONE_PIDFD) && (flags & (CLONE_THREAD | CLONE_DETACHED)))
        return -EINVAL;
    return check_namespaces(flags);
}

static int check_count(struct fork *k)
{
    const struct cred *c = current_cred();
    if (pid_count() >= READ_ONCE(threads_max))
        return -EAGAIN;
    k->counted = true;
    if (atomic_add(&c->user->threads, 1) <= rlimit(RLIMIT_NPROC) || c->uid == 0)
        return 0;
    return capable(CAP_SYS_RESOURCE) || capable(CAP_SYS_ADMIN) ? 0 : -EAGAIN;
}

/* ---- making ---- */

static void child_first(void *arg)
{
    struct thread *t = current_thread();
    (void)arg;
    if (t->set_child_tid && put_user_u32(t->set_child_tid, (u32)t->tid))
        return; /* Linux does not mind either */
}

static int make_thread(struct fork *k, const struct trapframe *f)
{
    struct thread *me = current_thread();
    struct thread *t = thread_create(child_first, NULL, me->comm);
    if (!t)
        return -ENOMEM;
    k->child = t;
    int err = arch_thread_clone_state(&t->arch);
    if (err)
        return err;
    struct trapframe *cf = arch_user_frame(&t->arch);
    *cf = *f;
    cf->rax = 0;
    cf->orig_rax = ~0ull;
    if (k->req->stack)
        cf->rsp = k->req->stack;
    if (k->flags & CLONE_SETTLS)
        t->arch.fs_base = k->req->tls;
    t->arch.sys_flags = me->arch.sys_flags & ~(SYSF_SECCOMP | SYSF_PTRACE); /* seccomp_fork: when nothing can fail */
    t->timer_slack = t->timer_slack_default = me->timer_slack;
    memcpy(t->login, me->login, sizeof(t->login));
    t->mce_kill = me->mce_kill;
    t->io_flusher = me->io_flusher;
    rseq_fork(t, k->flags & CLONE_VM);
    t->sig = signal_state_alloc();
    return t->sig ? 0 : -ENOMEM;
}

static int share_files(struct fork *k)
{
    struct thread *me = current_thread(), *t = k->child;
    if (k->flags & CLONE_FILES) {
        fdtable_get(me->files);
        t->files = me->files;
    } else {
        int err = fdtable_copy(me->files, ~0u, &t->files);
        if (err)
            return err;
    }
    if (k->flags & CLONE_FS) {
        fs_context_get(me->fs);
        if (!(k->flags & CLONE_THREAD))
            WRITE_ONCE(me->fs->across, true);
        t->fs = me->fs;
    } else {
        t->fs = fs_context_copy(me->fs);
    }
    return t->fs ? 0 : -ENOMEM;
}

static int share_mm(struct fork *k)
{
    struct thread *me = current_thread(), *t = k->child;
    if (!(k->flags & CLONE_VM))
        return mm_fork(me->mm, &t->mm);
    mm_get_user(me->mm);
    t->mm = me->mm;
    return 0;
}

static void inherit_signals(struct fork *k)
{
    const struct signal_state *from = current_thread()->sig;
    struct signal_state *to = k->child->sig;
    to->blocked = from->blocked;
    if ((k->flags & CLONE_VM) && !(k->flags & CLONE_VFORK))
        return; /* a new stack, so no alternate one */
    to->altstack = from->altstack;
    to->altstack_size = from->altstack_size;
    to->altstack_flags = from->altstack_flags;
}

static void clear_sighand(struct sighand *h)
{
    for (u32 i = 0; i < _NSIG; i++) {
        struct sigaction *a = &h->action[i];
        if (a->sa_handler != SIG_IGN)
            memset(a, 0, sizeof(*a));
    }
}

static int make_process(struct fork *k)
{
    struct process *me = current_process(), *p = process_alloc();
    if (!p)
        return -ENOMEM;
    k->process = p;
    if (k->flags & CLONE_SIGHAND) {
        ref_get(&me->sighand->refs);
        p->sighand = me->sighand;
    } else {
        p->sighand = sighand_copy(me->sighand);
    }
    if (!p->sighand)
        return -ENOMEM;
    if (k->flags & CLONE_CLEAR_SIGHAND)
        clear_sighand(p->sighand);
    if (me->exe) { /* exec replaces it only when no other thread is left */
        file_get(me->exe);
        p->exe = me->exe;
    }
    memcpy(p->limits, me->limits, sizeof(p->limits));
    memcpy(p->comm, me->comm, sizeof(p->comm));
    p->dumpable = me->dumpable;
    p->oom_score_adj = me->oom_score_adj;
    p->personality = me->personality;
    p->membarrier = me->membarrier;
    p->exit_signal = k->flags & CLONE_PARENT ? me->exit_signal : k->req->exit_signal;
    p->cpu_limit_next = me->cpu_limit_next;
    p->cpu_armed = p->limits[RLIMIT_CPU].soft != RLIM64_INFINITY;
    return 0;
}

static int make_pidfd(struct fork *k)
{
    if (!(k->flags & CLONE_PIDFD))
        return 0;
    int err = pidfd_file(k->pid, 0, &k->pidfile);
    if (err)
        return err;
    int fd = fd_reserve(current_thread()->files, 0, rlimit(RLIMIT_NOFILE), true);
    if (fd < 0)
        return fd;
    k->pidfd = fd;
    return put_user_u32(k->req->pidfd, (u32)fd);
}

static int make_vfork(struct fork *k)
{
    if (!(k->flags & CLONE_VFORK))
        return 0;
    k->vfork = kmalloc(sizeof(*k->vfork), MEM_WAIT);
    if (!k->vfork)
        return -ENOMEM;
    ref_init(&k->vfork->refs);
    ref_get(&k->vfork->refs);
    completion_init(&k->vfork->done);
    return 0;
}

/* The next number, or the one that clone3 asks for: for checkpointing. */
static int take_number(struct fork *k)
{
    s32 nr = k->req->set_tid;
    if (!k->req->has_set_tid) {
        k->pid = pid_alloc();
        return k->pid ? 0 : -EAGAIN;
    }
    if (nr < 1 || (u64)nr >= READ_ONCE(pid_limit))
        return -EINVAL;
    if (!capable(CAP_CHECKPOINT_RESTORE) && !capable(CAP_SYS_ADMIN))
        return -EPERM;
    k->pid = pid_alloc_nr(nr);
    return k->pid ? 0 : -EEXIST;
}

static int make_all(struct fork *k, const struct trapframe *f)
{
    struct thread *me = current_thread();
    int err = check_flags(k->flags);
    if (!err)
        err = check_count(k);
    if (!err)
        err = make_thread(k, f);
    if (err)
        return err;
    cred_get(me->cred);
    k->child->cred = me->cred;
    err = share_files(k);
    if (!err)
        err = namespaces_clone(k->child, k->flags);
    if (!err && !(k->flags & CLONE_THREAD))
        err = make_process(k);
    if (!err)
        err = share_mm(k);
    if (!err && k->flags & CLONE_SYSVSEM)
        err = sem_share(k->child);
    if (err)
        return err;
    err = take_number(k);
    if (err)
        return err;
    inherit_signals(k);
    if (ptrace_is_traced(me)) {
        k->event = ptrace_fork_event(k->flags, k->req->exit_signal);
        k->traced = k->event || k->flags & CLONE_PTRACE;
        if (k->traced && !ptrace_alloc(k->child))
            return -ENOMEM;
    }
    err = make_vfork(k);
    return err ? err : make_pidfd(k);
}

/* ---- linking ---- */

static void link_thread(struct process *p, struct thread *t, struct pid *pid)
{
    t->process = p;
    t->sighand = p->sighand;
    process_get(p);
    pid->thread = t;
    list_add_tail(&p->threads, &t->process_link);
    p->thread_count++;
    p->alive++;
    if (p->stop_signal) { /* a stop is under way or in force: the new thread joins it */
        t->sig->stop_pending = 1;
        p->stop_remaining++;
        thread_set_work(t, WORK_SIGNAL);
    }
}

static int publish_thread(struct fork *k)
{
    struct process *p = current_process();
    if (k->traced)
        rwsem_write_lock(&tasklist_lock);
    u64 flags = spin_lock_irqsave(&p->siglock);
    bool dying = p->group_exit || p->exec_waiter;
    if (!dying) {
        seccomp_fork(k->child);
        link_thread(p, k->child, k->pid);
        pid_publish(k->pid);
    }
    spin_unlock_irqrestore(&p->siglock, flags);
    if (k->traced) {
        if (!dying)
            ptrace_fork(k->child);
        rwsem_write_unlock(&tasklist_lock);
    }
    return dying ? -ERESTARTNOINTR : 0;
}

/* tasklist_lock is held for writing. */
static void link_process(struct fork *k)
{
    struct process *me = current_process(), *p = k->process;
    struct process *parent = k->flags & CLONE_PARENT ? me->parent : me;
    p->pid = k->pid->nr;
    p->pid_obj = k->pid;
    pid_get(k->pid);
    pid_use(k->pid);
    p->parent = parent;
    p->parent_tid = k->flags & CLONE_PARENT ? me->parent_tid : current_thread()->tid;
    p->has_child_subreaper = parent->has_child_subreaper || parent->subreaper;
    list_add_tail(&parent->children, &p->sibling);
    p->pgrp = me->pgrp;
    p->session = me->session;
    p->has_tty = me->has_tty;
    p->pgid = me->pgid;
    p->sid = me->sid;
    pid_use(p->pgrp);
    pid_use(p->session);
    list_add_tail(&p->pgrp->group, &p->group_link);
    list_add_tail(&p->session->session, &p->session_link);
    u64 flags = spin_lock_irqsave(&me->siglock);
    seccomp_fork(k->child);
    spin_unlock_irqrestore(&me->siglock, flags);
    p->leader = k->child;
    thread_get(k->child);
    link_thread(p, k->child, k->pid);
    k->pid->process = p;
    if (k->traced)
        ptrace_fork(k->child);
    pid_publish(k->pid);
}

static int publish_process(struct fork *k)
{
    rwsem_write_lock(&tasklist_lock);
    bool signalled = signal_pending();
    if (!signalled)
        link_process(k);
    rwsem_write_unlock(&tasklist_lock);
    return signalled ? -ERESTARTNOINTR : 0;
}

static int publish(struct fork *k)
{
    const struct clone_request *r = k->req;
    struct thread *t = k->child;
    t->tid = k->pid->nr;
    t->journal = k->vfork;
    if (k->flags & CLONE_CHILD_SETTID)
        t->set_child_tid = r->child_tid;
    if (k->flags & CLONE_CHILD_CLEARTID)
        t->clear_child_tid = r->child_tid;
    sched_fork(t);
    return k->flags & CLONE_THREAD ? publish_thread(k) : publish_process(k);
}

static void wait_for_vfork(struct vfork_wait *w)
{
    /* killed: the child goes on alone, the parent is on its way out */
    (void)!wait_for_completion_killable(&w->done);
    vfork_put(w);
}

s64 process_clone(const struct clone_request *req, struct trapframe *f)
{
    struct fork k = {.req = req, .flags = req->flags, .pidfd = -1};
    if (signal_pending())
        return -ERESTARTNOINTR;
    int err = make_all(&k, f);
    if (!err)
        err = publish(&k);
    if (err) {
        fork_undo(&k);
        return err;
    }
    s32 nr = k.pid->nr;
    if (k.pidfile)
        fd_install(current_thread()->files, (u32)k.pidfd, k.pidfile);
    if ((k.flags & CLONE_PARENT_SETTID) && put_user_u32(req->parent_tid, (u32)nr))
        nr = k.pid->nr; /* not an error: the child exists */
    struct thread *child = k.child;
    thread_start(child);
    if (k.event)
        ptrace_event(k.event, (u64)nr);
    if (k.vfork) {
        wait_for_vfork(k.vfork);
        if (ptrace_is_traced(current_thread()))
            ptrace_event(PTRACE_EVENT_VFORK_DONE, (u64)nr);
    }
    return nr;
}
