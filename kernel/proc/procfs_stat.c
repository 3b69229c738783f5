// SPDX-License-Identifier: MIT
/* /proc/PID/stat, statm and status. */
#include "abi/errno.h"
#include "abi/sched.h"
#include "abi/time.h"
#include "lib/string.h"
#include "proc/procfs_task.h"
#include "proc/ptrace.h"
#include "vm/mm.h"

#define TICK_NS (NSEC_PER_SEC / ABI_USER_HZ)

/* Everything both files print, gathered before printing. */
struct facts {
    const struct task *task;
    struct process *p;
    struct thread *t; /* NULL: a zombie */
    struct mm *mm;    /* NULL: gone */
    s32 id, ppid;
    char state;
    struct cpu_use use, children;
    sigset64_t pending, shared, blocked, ignored, caught;
    u32 threads;
    s32 tracer; /* 0: none */
    u32 seccomp_mode, seccomp_count;
    bool no_new_privs;
};

static char state_of(const struct thread *t)
{
    switch (READ_ONCE(t->state)) {
    case THREAD_SLEEP_INT:
        return 'S';
    case THREAD_SLEEP_KILL:
    case THREAD_SLEEP_UNINT:
        return 'D';
    case THREAD_STOPPED:
    case THREAD_FROZEN:
        return 'T';
    case THREAD_DEAD:
        return 'Z';
    default:
        return 'R';
    }
}

static void gather_signals(struct facts *f)
{
    struct process *p = f->p;
    u64 flags = spin_lock_irqsave(&p->siglock);
    f->threads = p->thread_count;
    f->shared = p->shared_pending.set;
    const struct thread *t = f->t ? f->t : p->leader; /* a zombie's leader is still there */
    f->no_new_privs = t->no_new_privs;
    f->seccomp_mode = t->seccomp_mode;
    f->seccomp_count = t->seccomp_count;
    if (f->t && f->t->sig) {
        f->pending = f->t->sig->pending.set;
        f->blocked = f->t->sig->blocked;
        if (f->t->sig->stopped && f->state != 'Z') /* it may still be telling its parent */
            f->state = 'T';
        if (f->t->trace && f->t->trace->stopped && f->state != 'Z')
            f->state = 't';
        f->tracer = f->t->trace && f->t->trace->tracer ? f->t->trace->tracer_tid : 0;
    }
    for (int i = 1; i <= _NSIG; i++) {
        __sighandler_t h = READ_ONCE(p->sighand->action[i - 1].sa_handler);
        if (h == SIG_IGN)
            f->ignored |= SIGBIT(i);
        else if (h != SIG_DFL)
            f->caught |= SIGBIT(i);
    }
    spin_unlock_irqrestore(&p->siglock, flags);
}

static void gather(struct facts *f, const struct task *k)
{
    memset(f, 0, sizeof(*f));
    f->task = k;
    f->p = k->process;
    f->t = task_thread(k);
    f->mm = task_mm(k);
    f->id = k->thread ? k->thread->tid : f->p->pid;
    rcu_read_lock();
    struct process *parent = load_acquire(&f->p->parent);
    f->ppid = parent ? parent->pid : 0;
    rcu_read_unlock();
    f->state = f->p->zombie || !f->t ? 'Z' : state_of(f->t);
    if (k->thread)
        thread_cpu_use(k->thread, &f->use);
    else
        process_cpu_use(f->p, &f->use);
    f->children = f->p->children_use;
    gather_signals(f);
}

static void release(struct facts *f)
{
    if (f->t)
        thread_put(f->t);
    if (f->mm)
        mm_put_user(f->mm);
}

static const char *name_of(const struct facts *f)
{
    return f->task->thread ? f->task->thread->comm : f->p->comm;
}

/* ---- stat ---- */

static s32 priority_of(const struct thread *t)
{
    u8 level = READ_ONCE(t->level);
    return level ? -1 - (s32)level : 20 + t->nice;
}

static void stat_identity(struct seq_buf *s, const struct facts *f)
{
    s32 foreground = -1;
    u64 tty = proc_hook_tty_numbers ? proc_hook_tty_numbers(f->p, &foreground) : 0;
    seq_printf(s, "%d (%s) %c %d %d %d %lu %d %u ", f->id, name_of(f), f->state, f->ppid, f->p->pgid, f->p->sid, tty,
               foreground, 0x400000u);
    seq_printf(s, "%lu %lu %lu %lu ", f->use.min_flt, f->children.min_flt, f->use.maj_flt, f->children.maj_flt);
    seq_printf(s, "%lu %lu %lu %lu ", f->use.user / TICK_NS, f->use.sys / TICK_NS, f->children.user / TICK_NS,
               f->children.sys / TICK_NS);
}

static void stat_memory(struct seq_buf *s, const struct facts *f, bool may)
{
    const struct mm *m = f->mm;
    seq_printf(s, "%lu %lu %lu ", m ? m->total_vm * PAGE_SIZE : 0, m ? mm_rss(m) : 0, f->p->limits[RLIMIT_RSS].soft);
    seq_printf(s, "%lu %lu %lu 0 0 ", m ? (may ? m->code_start : 1) : 0, m ? (may ? m->code_end : 1) : 0,
               m && may ? m->stack_start : 0);
}

static void stat_tail(struct seq_buf *s, const struct facts *f, bool may)
{
    const struct mm *m = may ? f->mm : NULL;
    const struct thread *t = f->t;
    seq_printf(s, "%lu 0 0 %u %u %u %u 0 0 0 ", f->state == 'S' || f->state == 'D' ? 1ul : 0ul, f->p->exit_signal,
               t ? t->cpu : 0, t ? t->rt_priority : 0, t ? t->policy : 0);
    seq_printf(s, "%lu %lu %lu %lu %lu %lu %lu %d\n", m ? m->data_start : 0, m ? m->data_end : 0, m ? m->brk_start : 0,
               m ? m->arg_start : 0, m ? m->arg_end : 0, m ? m->env_start : 0, m ? m->env_end : 0,
               may ? (s32)f->p->exit_status : 0);
}

int procfs_show_stat(struct seq_buf *s, void *task, u64 key)
{
    struct facts f;
    (void)key;
    gather(&f, task);
    bool may = process_may_trace(f.p);
    stat_identity(s, &f);
    seq_printf(s, "%d %d %u 0 %lu ", f.t ? priority_of(f.t) : 20, f.t ? f.t->nice : 0, f.threads,
               (f.task->thread ? f.task->thread->start_time : f.p->start_time) / TICK_NS);
    stat_memory(s, &f, may);
    const u64 mask = 0x7fffffff;
    seq_printf(s, "%lu %lu %lu %lu ", f.pending & mask, f.blocked & mask, f.ignored & mask, f.caught & mask);
    stat_tail(s, &f, may);
    release(&f);
    return 0;
}

int procfs_show_statm(struct seq_buf *s, void *task, u64 key)
{
    struct mm *m = task_mm(task);
    (void)key;
    if (!m) {
        seq_puts(s, "0 0 0 0 0 0 0\n");
        return 0;
    }
    u64 code = (ALIGN_UP(m->code_end, PAGE_SIZE) - ALIGN_DOWN(m->code_start, PAGE_SIZE)) / PAGE_SIZE;
    seq_printf(s, "%lu %lu %lu %lu 0 %lu 0\n", m->total_vm, mm_rss(m),
               atomic_read(&m->rss_file) + atomic_read(&m->rss_shmem), code, m->data_vm + m->stack_vm);
    mm_put_user(m);
    return 0;
}

/* ---- status ---- */

static const char *state_text(char state)
{
    switch (state) {
    case 'R':
        return "R (running)";
    case 'S':
        return "S (sleeping)";
    case 'D':
        return "D (disk sleep)";
    case 'T':
        return "T (stopped)";
    case 't':
        return "t (tracing stop)";
    default:
        return "Z (zombie)";
    }
}

/* A thread may have ids of its own; one that has ended has its process's. */
static const struct cred *get_cred(const struct facts *f)
{
    const struct thread *t = f->task->thread;
    const struct cred *c = NULL;
    if (!t)
        return process_cred_get(f->p);
    u64 flags = spin_lock_irqsave(&f->p->siglock);
    do { /* as in process_cred_get */
        c = thread_cred(t);
    } while (c && !ref_get_unless_zero(&((struct cred *)(unsigned long)c)->refs));
    spin_unlock_irqrestore(&f->p->siglock, flags);
    return c ? c : process_cred_get(f->p);
}

static void status_name(struct seq_buf *s, const struct facts *f)
{
    struct fs_context *fs = f->t ? process_fs_get(f->t) : NULL;
    seq_puts(s, "Name:\t");
    seq_escape(s, name_of(f), "\n");
    if (fs) {
        seq_printf(s, "\nUmask:\t%04o", fs->umask);
        fs_context_put(fs);
    }
    seq_printf(s, "\nState:\t%s\nTgid:\t%d\nNgid:\t0\nPid:\t%d\nPPid:\t%d\nTracerPid:\t%d\n", state_text(f->state),
               f->p->pid, f->id, f->ppid, f->tracer);
}

static u32 table_size(struct thread *t)
{
    u64 flags = spin_lock_irqsave(&t->process->siglock);
    struct fdtable *files = READ_ONCE(t->files);
    u32 n = files ? fdtable_size(files) : 0;
    spin_unlock_irqrestore(&t->process->siglock, flags);
    return n;
}

static void status_ids(struct seq_buf *s, const struct facts *f)
{
    const struct cred *c = get_cred(f);
    seq_printf(s, "Uid:\t%u\t%u\t%u\t%u\nGid:\t%u\t%u\t%u\t%u\n", c->uid, c->euid, c->suid, c->fs.fsuid, c->gid,
               c->egid, c->sgid, c->fs.fsgid);
    seq_printf(s, "FDSize:\t%u\nGroups:\t", f->t ? table_size(f->t) : 0);
    for (u32 i = 0; i < c->fs.ngroups; i++)
        seq_printf(s, "%u ", c->fs.groups[i]);
    cred_put(c);
    seq_printf(s, "\nNStgid:\t%d\nNSpid:\t%d\nNSpgid:\t%d\nNSsid:\t%d\n", f->p->pid, f->id, f->p->pgid, f->p->sid);
}

static void kib(struct seq_buf *s, const char *name, u64 pages)
{
    seq_printf(s, "%s:\t%8lu kB\n", name, pages * (PAGE_SIZE / 1024));
}

static void status_memory(struct seq_buf *s, const struct mm *m)
{
    u64 anon = atomic_read(&m->rss_anon), file = atomic_read(&m->rss_file), shm = atomic_read(&m->rss_shmem);
    u64 code = (ALIGN_UP(m->code_end, PAGE_SIZE) - ALIGN_DOWN(m->code_start, PAGE_SIZE)) / PAGE_SIZE;
    kib(s, "VmPeak", m->total_vm);
    kib(s, "VmSize", m->total_vm);
    kib(s, "VmLck", m->locked_vm);
    kib(s, "VmPin", 0);
    kib(s, "VmHWM", MAX(m->hiwater_rss, anon + file + shm));
    kib(s, "VmRSS", anon + file + shm);
    kib(s, "RssAnon", anon);
    kib(s, "RssFile", file);
    kib(s, "RssShmem", shm);
    kib(s, "VmData", m->data_vm);
    kib(s, "VmStk", m->stack_vm);
    kib(s, "VmExe", code);
    kib(s, "VmLib", m->exec_vm > code ? m->exec_vm - code : 0);
    kib(s, "VmPTE", atomic_read(&m->pgtable_pages));
    kib(s, "VmSwap", 0);
    seq_puts(s, "HugetlbPages:\t       0 kB\nCoreDumping:\t0\nTHP_enabled:\t1\n");
}

static void status_signals(struct seq_buf *s, const struct facts *f)
{
    const struct cred *c = get_cred(f);
    seq_printf(s, "Threads:\t%u\nSigQ:\t%u/%lu\n", f->threads, atomic_read(&c->user->sigpending),
               f->p->limits[RLIMIT_SIGPENDING].soft);
    seq_printf(s, "SigPnd:\t%016lx\nShdPnd:\t%016lx\nSigBlk:\t%016lx\nSigIgn:\t%016lx\nSigCgt:\t%016lx\n", f->pending,
               f->shared, f->blocked, f->ignored, f->caught);
    seq_printf(s, "CapInh:\t%016lx\nCapPrm:\t%016lx\nCapEff:\t%016lx\nCapBnd:\t%016lx\nCapAmb:\t%016lx\n",
               c->inheritable, c->permitted, c->fs.caps, c->bounding, c->ambient);
    seq_printf(s, "NoNewPrivs:\t%d\nSeccomp:\t%u\nSeccomp_filters:\t%u\n", f->no_new_privs, f->seccomp_mode,
               f->seccomp_count);
    seq_puts(s, "Speculation_Store_Bypass:\tvulnerable\nSpeculationIndirectBranch:\talways enabled\n");
    cred_put(c);
}

/* "0-1,3" */
static void cpu_list(struct seq_buf *s, u64 mask)
{
    bool first = true;
    for (u32 i = 0; i < 64; i++) {
        if (!(mask >> i & 1))
            continue;
        u32 end = i;
        while (end < 63 && mask >> (end + 1) & 1)
            end++;
        seq_printf(s, end > i ? "%s%u-%u" : "%s%u", first ? "" : ",", i, end);
        first = false;
        i = end;
    }
}

static void status_cpus(struct seq_buf *s, const struct facts *f)
{
    u64 all = cpu_count >= 64 ? ~0ull : (1ull << cpu_count) - 1, mask = (f->t ? f->t->affinity : all) & all;
    seq_printf(s, "Cpus_allowed:\t%lx\nCpus_allowed_list:\t", mask);
    cpu_list(s, mask);
    seq_puts(s, "\nMems_allowed:\t1\nMems_allowed_list:\t0\n");
    seq_printf(s, "voluntary_ctxt_switches:\t%lu\nnonvoluntary_ctxt_switches:\t%lu\n", f->use.nvcsw, f->use.nivcsw);
}

int procfs_show_status(struct seq_buf *s, void *task, u64 key)
{
    struct facts f;
    (void)key;
    gather(&f, task);
    status_name(s, &f);
    status_ids(s, &f);
    if (f.mm)
        status_memory(s, f.mm);
    status_signals(s, &f);
    status_cpus(s, &f);
    release(&f);
    return 0;
}
