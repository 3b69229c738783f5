// SPDX-License-Identifier: MIT
/*
 * /proc/PID: what a process does at the moment, and what it belongs to: syscall, wchan, io, personality, ns. Who may not
 * look into the process is told nothing of it, each file in the way of Linux.
 */
#include "abi/errno.h"
#include "abi/stat.h"
#include "lib/printf.h"
#include "proc/namespaces.h"
#include "proc/procfs_task.h"

static bool sleeps(const struct thread *t)
{
    u32 state = READ_ONCE(t->state);
    return state != THREAD_RUNNABLE && state != THREAD_NEW && !READ_ONCE(t->on_cpu);
}

/* The user's registers of a thread that sleeps, or the caller's own. A thread's stack is there as long as it is on its
 * process's list. */
static bool get_frame(struct thread *t, struct trapframe *out)
{
    bool good = false;
    u64 flags = spin_lock_irqsave(&t->process->siglock);
    if (t->sig && (t == current_thread() || sleeps(t))) {
        *out = *arch_user_frame(&t->arch);
        good = true;
    }
    spin_unlock_irqrestore(&t->process->siglock, flags);
    return good;
}

int procfs_show_syscall(struct seq_buf *s, void *task, u64 key)
{
    struct task *k = task;
    struct trapframe f = {0};
    (void)key;
    if (!process_may_trace(k->process))
        return -EPERM;
    struct thread *t = task_thread(k);
    bool known = t && get_frame(t, &f);
    if (t)
        thread_put(t);
    if (!t)
        return -ESRCH;
    if (!known)
        seq_puts(s, "running\n");
    else if ((s64)f.orig_rax < 0)
        seq_printf(s, "-1 0x%lx 0x%lx\n", f.rsp, f.rip);
    else
        seq_printf(s, "%lu 0x%lx 0x%lx 0x%lx 0x%lx 0x%lx 0x%lx 0x%lx 0x%lx\n", f.orig_rax, f.rdi, f.rsi, f.rdx, f.r10,
                   f.r8, f.r9, f.rsp, f.rip);
    return 0;
}

/* Where it sleeps is not kept: that it does, and whether it was stopped. */
int procfs_show_wchan(struct seq_buf *s, void *task, u64 key)
{
    struct task *k = task;
    (void)key;
    struct thread *t = process_may_trace(k->process) ? task_thread(k) : NULL;
    bool stopped = t && READ_ONCE(t->state) == THREAD_STOPPED;
    seq_puts(s, !t || !sleeps(t) ? "0" : stopped ? "do_signal_stop" : "schedule");
    if (t)
        thread_put(t);
    return 0;
}

int procfs_show_personality(struct seq_buf *s, void *task, u64 key)
{
    struct task *k = task;
    (void)key;
    if (!process_may_trace(k->process))
        return -EPERM;
    seq_printf(s, "%08x\n", k->process->personality);
    return 0;
}

/* There are no block devices, so nothing was read from or written to one. */
int procfs_show_io(struct seq_buf *s, void *task, u64 key)
{
    struct task *k = task;
    struct cpu_use u = {0};
    (void)key;
    if (!process_may_trace(k->process))
        return -EACCES;
    if (k->thread) {
        thread_cpu_use(k->thread, &u);
    } else {
        process_cpu_use(k->process, &u);
        for (u32 i = 0; i < IO_KINDS; i++)
            u.io[i] += k->process->children_use.io[i];
    }
    seq_printf(s, "rchar: %lu\nwchar: %lu\nsyscr: %lu\nsyscw: %lu\n", u.io[IO_READ_BYTES], u.io[IO_WRITTEN_BYTES],
               u.io[IO_READS], u.io[IO_WRITES]);
    seq_puts(s, "read_bytes: 0\nwrite_bytes: 0\ncancelled_write_bytes: 0\n");
    return 0;
}

/* ---- namespaces ---- */

#define NS(name, which)                                                                      \
    static int follow_##name(void *task, u64 key, const struct fs_view *v, struct path *out) \
    {                                                                                        \
        (void)key, (void)v;                                                                  \
        return follow_ns(task, which, out);                                                  \
    }
static int follow_ns(const struct task *k, enum namespace_kind which, struct path *out)
{
    if (!process_may_trace(k->process))
        return -EACCES;
    struct thread *t = task_thread(k);
    struct ns *ns = namespace_of(t, which);
    if (t)
        thread_put(t);
    return ns ? nsfs_path(ns, out) : -ENOENT;
}
NS(cgroup, NS_CGROUP)
NS(ipc, NS_IPC)
NS(mnt, NS_MNT)
NS(net, NS_NET)
NS(pid, NS_PID)
NS(pid_for_children, NS_PID_FOR_CHILDREN)
NS(time, NS_TIME)
NS(user, NS_USER)
NS(uts, NS_UTS)
#define ENTRY(n, fn)                                      \
    {                                                     \
        .name = n, .mode = S_IFLNK | 0777, .follow = (fn) \
    }
const struct proc_entry procfs_ns_entries[] = {ENTRY("cgroup", follow_cgroup),
                                               ENTRY("ipc", follow_ipc),
                                               ENTRY("mnt", follow_mnt),
                                               ENTRY("net", follow_net),
                                               ENTRY("pid", follow_pid),
                                               ENTRY("pid_for_children", follow_pid_for_children),
                                               ENTRY("time", follow_time),
                                               ENTRY("time_for_children", follow_time),
                                               ENTRY("user", follow_user),
                                               ENTRY("uts", follow_uts),
                                               {0}};
