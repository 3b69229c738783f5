// SPDX-License-Identifier: MIT
/*
 * The process object: making, freeing, sums over its threads, limits. Locks: see process.h.
 */
#include "proc/process.h"

#include "abi/errno.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "mem/slab.h"
#include "proc/itimer.h"
#include "vm/mm.h"

static SLAB_CACHE(process_cache, "process", struct process);
struct rwsem tasklist_lock;
struct process *init_process;

struct process *process_alloc(void)
{
    struct process *p = slab_alloc(&process_cache, MEM_WAIT | MEM_ZERO);
    if (!p)
        return NULL;
    ref_init(&p->refs);
    spin_init(&p->siglock, LOCK_SIGNAL);
    list_init(&p->threads);
    sigpending_init(&p->shared_pending);
    list_init(&p->children);
    list_init(&p->tracees);
    list_init(&p->sibling);
    list_init(&p->group_link);
    list_init(&p->session_link);
    waitq_init(&p->child_wait);
    waitq_init(&p->signalfd_wait);
    mutex_init(&p->exec_lock, LOCK_EXEC);
    itimer_init(p);
    p->start_time = clock_monotonic();
    return p;
}

static void free_rcu(struct rcu_head *h)
{
    struct process *p = container_of(h, struct process, rcu);
    pid_put(p->pid_obj);
    slab_free(&process_cache, p);
}

/* What a zombie kept is dropped here: no one can find it any more. */
void process_put(struct process *p)
{
    if (!ref_put(&p->refs))
        return;
    waitq_detach_all(&p->signalfd_wait);
    signal_flush_queue(&p->shared_pending);
    if (p->leader) {
        cred_put(p->leader->cred);
        p->leader->cred = NULL;
        thread_put(p->leader);
    }
    if (p->sighand)
        sighand_put(p->sighand);
    if (p->exe)
        file_put(p->exe);
    if (p->pid_obj)
        rcu_call(&p->rcu, free_rcu);
    else
        slab_free(&process_cache, p);
}

struct thread *process_thread_get(struct process *p)
{
    u64 flags = spin_lock_irqsave(&p->siglock);
    struct thread *t = NULL;
    if (!list_empty(&p->threads))
        t = list_first(&p->threads, struct thread, process_link);
    if (t)
        thread_get(t);
    spin_unlock_irqrestore(&p->siglock, flags);
    return t;
}

struct mm *process_mm_get(struct process *p)
{
    u64 flags = spin_lock_irqsave(&p->siglock);
    struct mm *mm = NULL;
    if (!list_empty(&p->threads))
        mm = READ_ONCE(list_first(&p->threads, struct thread, process_link)->mm);
    if (mm && !mm_get_user_unless_zero(mm))
        mm = NULL;
    spin_unlock_irqrestore(&p->siglock, flags);
    return mm;
}

struct fdtable *process_files_get(struct thread *t)
{
    struct process *p = t->process;
    u64 flags = spin_lock_irqsave(&p->siglock);
    struct fdtable *files = READ_ONCE(t->files);
    if (files)
        fdtable_get(files);
    spin_unlock_irqrestore(&p->siglock, flags);
    return files;
}

struct fs_context *process_fs_get(struct thread *t)
{
    struct process *p = t->process;
    u64 flags = spin_lock_irqsave(&p->siglock);
    struct fs_context *fs = READ_ONCE(t->fs);
    if (fs)
        fs_context_get(fs);
    spin_unlock_irqrestore(&p->siglock, flags);
    return fs;
}

/* After the calling thread let go of an mm, before it drops its reference: whoever saw the old pointer has taken his. */
void process_mm_barrier(struct process *p)
{
    u64 flags = spin_lock_irqsave(&p->siglock);
    spin_unlock_irqrestore(&p->siglock, flags);
}

const struct cred *process_cred_get(struct process *p)
{
    u64 flags = spin_lock_irqsave(&p->siglock);
    const struct cred *c;
    do { /* it may be replaced and dying: then there is a newer one */
        c = thread_cred(p->leader);
    } while (!ref_get_unless_zero(&((struct cred *)(unsigned long)c)->refs));
    spin_unlock_irqrestore(&p->siglock, flags);
    return c;
}

/* Linux' ptrace_may_access, by the ids u and g. */
static bool may_access(struct process *p, u32 u, u32 g)
{
    const struct cred *m = current_cred(), *c;
    if (p == current_process() || cred_capable(m, CAP_SYS_PTRACE))
        return true;
    c = process_cred_get(p);
    bool same = u == c->euid && u == c->suid && u == c->uid && g == c->egid && g == c->sgid && g == c->gid;
    bool less = !(c->permitted & ~m->permitted);
    cred_put(c);
    return same && less && p->dumpable == 1;
}

bool process_may_trace(struct process *p)
{
    return may_access(p, current_cred()->fs.fsuid, current_cred()->fs.fsgid);
}

bool process_may_attach(struct process *p)
{
    return may_access(p, current_cred()->uid, current_cred()->gid);
}

/* The mm first, then the question: execve of a program with other rights says no before its mm appears, so either the mm is
 * the old one or the answer is for the new. */
int process_mm_to_trace(struct process *p, struct mm **out)
{
    *out = process_mm_get(p);
    if (process_may_trace(p))
        return 0;
    if (*out)
        mm_put_user(*out);
    *out = NULL;
    return -EACCES;
}

static void for_each_below(struct process *top, void (*fn)(struct process *p, void *arg), void *arg)
{
    struct process *p = top;
    for (;;) {
        fn(p, arg);
        if (!list_empty(&p->children)) {
            p = list_first(&p->children, struct process, sibling);
            continue;
        }
        while (p != top && p->sibling.next == &p->parent->children)
            p = p->parent;
        if (p == top)
            return;
        p = list_entry(p->sibling.next, struct process, sibling);
    }
}

/* Everyone descends from PID 1. */
void process_for_each(void (*fn)(struct process *p, void *arg), void *arg)
{
    rwsem_read_lock(&tasklist_lock);
    if (init_process)
        for_each_below(init_process, fn, arg);
    rwsem_read_unlock(&tasklist_lock);
}

u32 process_thread_total(void)
{
    u32 n = 0;
    struct thread *t;
    rcu_read_lock();
    list_for_each (t, &all_threads, all_link) {
        n += t->process != NULL;
    }
    rcu_read_unlock();
    return n;
}

/* ---- use of the CPU ---- */

void thread_cpu_use(const struct thread *t, struct cpu_use *u)
{
    ns_t user, sys;
    thread_times(t, &user, &sys);
    u->user += user;
    u->sys += sys;
    u->min_flt += READ_ONCE(t->min_flt);
    u->maj_flt += READ_ONCE(t->maj_flt);
    u->nvcsw += READ_ONCE(t->switches_vol);
    u->nivcsw += READ_ONCE(t->switches_invol);
    for (u32 i = 0; i < IO_KINDS; i++)
        u->io[i] += READ_ONCE(t->io[i]);
}

/* The split of a thread that runs elsewhere is a guess until its next tick; what was told once stays true. */
static void keep_split(struct process *p, struct cpu_use *u)
{
    ns_t total = u->user + u->sys;
    u->user = MAX(u->user, p->user_told);
    u->sys = MAX(total > u->user ? total - u->user : 0, p->sys_told);
    u->user = MAX(total > u->sys ? total - u->sys : 0, p->user_told);
    p->user_told = u->user;
    p->sys_told = u->sys;
}

void process_cpu_use(struct process *p, struct cpu_use *u)
{
    struct thread *t;
    u64 flags = spin_lock_irqsave(&p->siglock);
    *u = p->dead;
    list_for_each (t, &p->threads, process_link) {
        thread_cpu_use(t, u);
    }
    keep_split(p, u);
    spin_unlock_irqrestore(&p->siglock, flags);
    struct mm *mm = process_mm_get(p);
    u->maxrss = MAX(u->maxrss, p->maxrss);
    if (mm) {
        u->maxrss = MAX(u->maxrss, MAX(mm_rss(mm), mm->hiwater_rss));
        mm_put_user(mm);
    }
}

ns_t process_cpu_time(struct process *p, bool user_only)
{
    struct cpu_use u;
    process_cpu_use(p, &u);
    return user_only ? u.user : u.user + u.sys;
}

static void to_timeval(struct __kernel_old_timeval *tv, ns_t ns)
{
    tv->tv_sec = (long)(ns / 1000000000);
    tv->tv_usec = (long)(ns % 1000000000 / 1000);
}

void rusage_fill(struct rusage *r, const struct cpu_use *u)
{
    memset(r, 0, sizeof(*r));
    struct __kernel_old_timeval tv;
    to_timeval(&tv, u->user);
    r->ru_utime.tv_sec = tv.tv_sec;
    r->ru_utime.tv_usec = tv.tv_usec;
    to_timeval(&tv, u->sys);
    r->ru_stime.tv_sec = tv.tv_sec;
    r->ru_stime.tv_usec = tv.tv_usec;
    r->ru_maxrss = (long)(u->maxrss * (PAGE_SIZE / 1024));
    r->ru_minflt = (long)u->min_flt;
    r->ru_majflt = (long)u->maj_flt;
    r->ru_nvcsw = (long)u->nvcsw;
    r->ru_nivcsw = (long)u->nivcsw;
}

/* ---- limits ---- */

void process_limits_to_mm(struct process *p, struct mm *mm)
{
    mm->rlim_as = p->limits[RLIMIT_AS].soft;
    mm->rlim_data = p->limits[RLIMIT_DATA].soft;
    mm->rlim_stack = p->limits[RLIMIT_STACK].soft;
    mm->rlim_memlock = p->limits[RLIMIT_MEMLOCK].soft;
}

static int may_set_limit(u32 which, const struct rlimit_k *cur, const struct rlimit_k *new)
{
    if (new->soft > new->hard)
        return -EINVAL;
    if (new->hard > cur->hard && !capable(CAP_SYS_RESOURCE))
        return -EPERM;
    if (which == RLIMIT_NOFILE && new->hard > 1048576)
        return -EPERM;
    return 0;
}

int process_set_limit(struct process *p, u32 which, const struct rlimit_k *new, struct rlimit_k *old)
{
    u64 flags = spin_lock_irqsave(&p->siglock);
    int err = new ? may_set_limit(which, &p->limits[which], new) : 0;
    if (old)
        *old = p->limits[which];
    if (!err && new)
        p->limits[which] = *new;
    spin_unlock_irqrestore(&p->siglock, flags);
    if (err || !new)
        return err;
    struct mm *mm = process_mm_get(p);
    if (mm) {
        process_limits_to_mm(p, mm);
        mm_put_user(mm);
    }
    if (which == RLIMIT_CPU)
        cpu_timer_limit_changed(p);
    return 0;
}
