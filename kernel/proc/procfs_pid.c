// SPDX-License-Identifier: MIT
/*
 * /proc/PID and /proc/PID/task/TID: the contents. A task is a process, or one thread of it; both tables share their
 * functions. A process that has ended still has its identity (stat, status, …), but no memory and no files.
 * Formats: proc(5), and Linux' fs/proc/array.c.
 */
#include "abi/errno.h"
#include "abi/fcntl.h"
#include "abi/sched.h"
#include "abi/stat.h"
#include "fs/dcache.h"
#include "fs/mount.h"
#include "fs/procfs.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "mem/slab.h"
#include "net/unix.h"
#include "proc/process.h"
#include "proc/procfs.h"
#include "proc/procfs_task.h"
#include "vm/mm.h"

u64 (*proc_hook_tty_numbers)(struct process *p, s32 *foreground);

/* ---- tasks ---- */

static struct task *task_make(struct process *p, struct thread *t)
{
    struct task *k = kmalloc(sizeof(*k), MEM_WAIT);
    if (!k) {
        process_put(p);
        if (t)
            thread_put(t);
        return NULL;
    }
    ref_init(&k->refs);
    k->process = p;
    k->thread = t;
    return k;
}

static void *task_get(u32 pid)
{
    struct process *p = process_find((s32)pid);
    return p ? task_make(p, NULL) : NULL;
}

static void *task_get_thread(void *process, u32 tid)
{
    struct task *k = process;
    struct process *p;
    struct thread *t = thread_find_process((s32)tid, &p);
    if (!t)
        return NULL;
    if (p != k->process) {
        thread_put(t);
        process_put(p);
        return NULL;
    }
    return task_make(p, t);
}

static void *task_again(void *task)
{
    ref_get(&((struct task *)task)->refs);
    return task;
}

static void task_put(void *task)
{
    struct task *k = task;
    if (!ref_put(&k->refs))
        return;
    if (k->thread)
        thread_put(k->thread);
    process_put(k->process);
    kfree(k);
}

static u32 task_next(u32 from)
{
    struct process *p = pid_next_process((s32)from);
    if (!p)
        return 0;
    u32 pid = (u32)p->pid;
    process_put(p);
    return pid;
}

u32 procfs_next_thread(struct process *p, u32 from)
{
    struct thread *t;
    u32 best = 0;
    u64 flags = spin_lock_irqsave(&p->siglock);
    list_for_each (t, &p->threads, process_link) {
        if ((u32)t->tid >= from && (!best || (u32)t->tid < best))
            best = (u32)t->tid;
    }
    spin_unlock_irqrestore(&p->siglock, flags);
    return best;
}

static u32 task_next_thread(void *process, u32 from)
{
    return procfs_next_thread(((struct task *)process)->process, from);
}

bool task_alive(void *task)
{
    struct task *k = task;
    return k->thread ? READ_ONCE(k->thread->sig) != NULL : !READ_ONCE(k->process->reaped);
}

static void task_owner(void *task, u32 *uid, u32 *gid)
{
    struct task *k = task;
    *uid = *gid = 0;
    if (k->process->dumpable != 1)
        return;
    const struct cred *c = process_cred_get(k->process);
    *uid = c->euid;
    *gid = c->egid;
    cred_put(c);
}

static bool task_is_caller(void *task)
{
    return ((struct task *)task)->process == current_thread()->process;
}

static u32 task_self(bool thread)
{
    struct thread *t = current_thread();
    return !t->process ? 0 : (u32)(thread ? t->tid : t->process->pid);
}

struct thread *task_thread(const struct task *k)
{
    if (!k->thread)
        return process_thread_get(k->process);
    thread_get(k->thread);
    return k->thread;
}

struct mm *task_mm(const struct task *k)
{
    return process_mm_get(k->process);
}

static int may_look(void *task)
{
    return process_may_trace(((struct task *)task)->process) ? 0 : -EACCES;
}

/* ---- links: exe, cwd, root, fd ---- */

static int follow_exe(void *task, u64 key, const struct fs_view *v, struct path *out)
{
    struct process *p = ((struct task *)task)->process;
    (void)key, (void)v;
    int err = may_look(task);
    if (err)
        return err;
    u64 flags = spin_lock_irqsave(&p->siglock);
    struct file *f = p->exe;
    if (f)
        file_get(f);
    spin_unlock_irqrestore(&p->siglock, flags);
    if (!f)
        return -ENOENT;
    *out = f->path;
    path_get(out);
    file_put(f);
    return 0;
}

static int follow_fs(void *task, struct path *out, bool root)
{
    int err = may_look(task);
    struct thread *t = err ? NULL : task_thread(task);
    if (!t)
        return err ? err : -ENOENT;
    struct fs_context *fs = process_fs_get(t);
    thread_put(t);
    if (!fs)
        return -ENOENT;
    fs_context_get_paths(fs, root ? out : NULL, root ? NULL : out);
    fs_context_put(fs);
    return 0;
}

static int follow_cwd(void *task, u64 key, const struct fs_view *v, struct path *out)
{
    (void)key, (void)v;
    return follow_fs(task, out, false);
}
static int follow_root(void *task, u64 key, const struct fs_view *v, struct path *out)
{
    (void)key, (void)v;
    return follow_fs(task, out, true);
}

/*
 * /proc is walked and listed with its directories locked: closing a file there, as the last one who has it, would take
 * locks that come before these. So a table is looked at where it stands, and a file is put later. As the table of a
 * thread goes only after siglock was taken once without it (process_mm_barrier), it stays while that is held.
 */
static struct file *task_file(void *task, u64 fd, bool *cloexec)
{
    struct thread *t = task_thread(task);
    struct file *f = NULL;
    if (!t)
        return NULL;
    u64 flags = spin_lock_irqsave(&t->process->siglock);
    struct fdtable *files = READ_ONCE(t->files);
    if (files) {
        f = fd_peek(files, (u32)fd);
        *cloexec = fd_peek_cloexec(files, (u32)fd);
    }
    spin_unlock_irqrestore(&t->process->siglock, flags);
    thread_put(t);
    return f;
}

static u64 next_fd(void *task, u64 from)
{
    struct thread *t = from < ~0u ? task_thread(task) : NULL;
    u32 fd = ~0u;
    if (!t)
        return ~0ull;
    u64 flags = spin_lock_irqsave(&t->process->siglock);
    struct fdtable *files = READ_ONCE(t->files);
    if (files)
        fd = fdtable_peek_next(files, (u32)from);
    spin_unlock_irqrestore(&t->process->siglock, flags);
    thread_put(t);
    return fd == ~0u ? ~0ull : fd;
}

static int follow_fd(void *task, u64 key, const struct fs_view *v, struct path *out)
{
    (void)v;
    int err = may_look(task);
    bool cloexec;
    struct file *f = err ? NULL : task_file(task, key, &cloexec);
    if (!f)
        return err ? err : -ENOENT;
    *out = f->path;
    path_get(out);
    file_put_later(f);
    return 0;
}

static u32 fd_mode(void *task, u64 key)
{
    bool cloexec;
    struct file *f = task_file(task, key, &cloexec);
    u32 mode = 0100;
    if (!f)
        return 0;
    if (f->fmode & FMODE_READ)
        mode |= 0400;
    if (f->fmode & FMODE_WRITE)
        mode |= 0200;
    file_put_later(f);
    return mode;
}

static int show_fdinfo(struct seq_buf *s, void *task, u64 key)
{
    bool cloexec = false;
    struct file *f = task_file(task, key, &cloexec);
    if (!f)
        return -ENOENT;
    seq_printf(s, "pos:\t%ld\nflags:\t0%o\nmnt_id:\t%d\nino:\t%lu\n", f->pos, f->flags | (cloexec ? (u32)O_CLOEXEC : 0),
               f->path.mnt ? f->path.mnt->id : 0, f->inode ? f->inode->ino : 0);
    if (f->ops->show_fdinfo)
        f->ops->show_fdinfo(f, s);
    file_put_later(f);
    return 0;
}

/* ---- mounts ---- */

static int show_mount_table(struct seq_buf *s, void *task, void (*show)(struct seq_buf *s, const struct fs_view *v))
{
    struct thread *t = task_thread(task);
    struct fs_context *fs = t ? process_fs_get(t) : NULL;
    if (t)
        thread_put(t);
    if (!fs)
        return -EINVAL;
    const struct fs_view v = {.ctx = fs, .cred = &kernel_cred};
    show(s, &v);
    fs_context_put(fs);
    return 0;
}

static int show_mounts(struct seq_buf *s, void *task, u64 key)
{
    (void)key;
    return show_mount_table(s, task, mount_show);
}
static int show_mountinfo(struct seq_buf *s, void *task, u64 key)
{
    (void)key;
    return show_mount_table(s, task, mount_show_info);
}

static int show_mountstats(struct seq_buf *s, void *task, u64 key)
{
    (void)key;
    return show_mount_table(s, task, mount_show_stats);
}

/* ---- small ones ---- */

static int show_schedstat(struct seq_buf *s, void *task, u64 key)
{
    struct thread *t = task_thread(task);
    struct cpu_use u = {0};
    (void)key;
    if (t) {
        thread_cpu_use(t, &u);
        thread_put(t);
    }
    seq_printf(s, "%lu 0 %lu\n", u.user + u.sys, u.nvcsw + u.nivcsw);
    return 0;
}

static void show_child(struct process *p, void *arg)
{
    struct {
        struct seq_buf *s;
        struct process *parent;
    } *a = arg;
    if (p->parent == a->parent)
        seq_printf(a->s, "%d ", p->pid);
}

static int show_children(struct seq_buf *s, void *task, u64 key)
{
    struct {
        struct seq_buf *s;
        struct process *parent;
    } a = {s, ((struct task *)task)->process};
    (void)key;
    process_for_each(show_child, &a);
    return 0;
}

#define FIXED(name, text)                                          \
    static int show_##name(struct seq_buf *s, void *task, u64 key) \
    {                                                              \
        (void)task, (void)key;                                     \
        seq_puts(s, text);                                         \
        return 0;                                                  \
    }
FIXED(cgroup, "0::/\n")
FIXED(id_map, "         0          0 4294967295\n")
FIXED(setgroups, "allow\n")
FIXED(coredump_filter, "00000033\n")
FIXED(cpuset, "/\n")
FIXED(timers, "")
FIXED(timens_offsets, "monotonic           0         0\nboottime            0         0\n")

/* ---- the tables ---- */

#define FILE_(n, m, fn)                              \
    {                                                \
        .name = n, .mode = S_IFREG | (m), .show = fn \
    }
#define SECRET_(n, m, fn)                                                    \
    {                                                                        \
        .name = n, .mode = S_IFREG | (m), .show = fn, .permission = may_look \
    }
#define LINK_(n, fn)                                    \
    {                                                   \
        .name = n, .mode = S_IFLNK | 0777, .follow = fn \
    }
static const struct proc_entry fd_each = {.name = "", .mode = S_IFLNK | 0700, .follow = follow_fd, .mode_of = fd_mode};
static const struct proc_entry fdinfo_each = {.name = "", .mode = S_IFREG | 0444, .show = show_fdinfo};
static const struct proc_entry net_entries[] = {FILE_("unix", 0444, unix_show), {0}};

#define COMMON                                                                                                       \
    SECRET_("auxv", 0400, procfs_show_auxv), FILE_("cgroup", 0444, show_cgroup),                                     \
        {.name = "clear_refs", .mode = S_IFREG | 0200, .write = procfs_write_clear_refs},                            \
        FILE_("cpuset", 0444, show_cpuset), FILE_("mountstats", 0400, show_mountstats),                              \
        SECRET_("numa_maps", 0444, procfs_show_numa_maps),                                                           \
        {.name = "oom_adj", .mode = S_IFREG | 0644, .show = procfs_show_oom_adj, .write = procfs_write_oom_adj},     \
        FILE_("projid_map", 0644, show_id_map), SECRET_("smaps", 0444, procfs_show_smaps),                           \
        SECRET_("smaps_rollup", 0444, procfs_show_smaps_rollup), FILE_("timens_offsets", 0644, show_timens_offsets), \
        FILE_("timers", 0444, show_timers),                                                                          \
        {.name = "timerslack_ns",                                                                                    \
         .mode = S_IFREG | 0666,                                                                                     \
         .show = procfs_show_timerslack,                                                                             \
         .write = procfs_write_timerslack},                                                                          \
                                                                                                                     \
        {.name = "cmdline", .mode = S_IFREG | 0444, .fops = &procfs_cmdline_fops},                                   \
        {.name = "comm", .mode = S_IFREG | 0644, .show = procfs_show_comm, .write = procfs_write_comm},              \
        LINK_("cwd", follow_cwd),                                                                                    \
        {.name = "environ", .mode = S_IFREG | 0400, .fops = &procfs_environ_fops, .permission = may_look},           \
        LINK_("exe", follow_exe),                                                                                    \
        {.name = "fd", .mode = S_IFDIR | 0500, .next = next_fd, .each = &fd_each, .permission = may_look},           \
        {.name = "fdinfo", .mode = S_IFDIR | 0555, .next = next_fd, .each = &fdinfo_each, .permission = may_look},   \
        FILE_("gid_map", 0644, show_id_map), FILE_("io", 0400, procfs_show_io),                                      \
        FILE_("limits", 0444, procfs_show_limits),                                                                   \
        {.name = "loginuid", .mode = S_IFREG | 0644, .show = procfs_show_loginuid, .write = procfs_write_loginuid},  \
        SECRET_("maps", 0444, procfs_show_maps),                                                                     \
        {.name = "mem", .mode = S_IFREG | 0600, .fops = &procfs_mem_fops, .permission = may_look},                   \
        FILE_("mountinfo", 0444, show_mountinfo), FILE_("mounts", 0444, show_mounts),                                \
        {.name = "net", .mode = S_IFDIR | 0555, .children = net_entries},                                            \
        {.name = "ns", .mode = S_IFDIR | 0511, .children = procfs_ns_entries},                                       \
        FILE_("oom_score", 0444, procfs_show_oom_score),                                                             \
        {.name = "oom_score_adj",                                                                                    \
         .mode = S_IFREG | 0644,                                                                                     \
         .show = procfs_show_oom_score_adj,                                                                          \
         .write = procfs_write_oom_score_adj},                                                                       \
        FILE_("personality", 0400, procfs_show_personality), LINK_("root", follow_root),                             \
        FILE_("schedstat", 0444, show_schedstat), FILE_("sessionid", 0444, procfs_show_sessionid),                   \
        FILE_("setgroups", 0644, show_setgroups), FILE_("stat", 0444, procfs_show_stat),                             \
        FILE_("statm", 0444, procfs_show_statm), FILE_("status", 0444, procfs_show_status),                          \
        FILE_("syscall", 0400, procfs_show_syscall), FILE_("uid_map", 0644, show_id_map),                            \
        FILE_("wchan", 0444, procfs_show_wchan)

static const struct proc_entry process_entries[] = {COMMON, FILE_("coredump_filter", 0644, show_coredump_filter), {0}};
static const struct proc_entry thread_entries[] = {COMMON, FILE_("children", 0444, show_children), {0}};

static const struct proc_pid_ops pid_ops = {
    .get = task_get,
    .get_thread = task_get_thread,
    .again = task_again,
    .put = task_put,
    .next = task_next,
    .next_thread = task_next_thread,
    .alive = task_alive,
    .owner = task_owner,
    .is_caller = task_is_caller,
    .self = task_self,
    .process = process_entries,
    .thread = thread_entries,
};

struct process *procfs_folder_process(const struct file *f, int *err)
{
    struct task *k = proc_folder_task(f);
    *err = !k ? -EBADF : !task_alive(k) ? -ESRCH : 0;
    if (*err)
        return NULL;
    process_get(k->process);
    return k->process;
}

void procfs_pid_init(void)
{
    proc_set_pid_ops(&pid_ops);
}
