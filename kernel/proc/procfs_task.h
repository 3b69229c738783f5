/* SPDX-License-Identifier: MIT */
/* What stands for a process or a thread in /proc: procfs_pid.c (tables, files), procfs_mem.c, procfs_stat.c. */
#ifndef PROC_PROCFS_TASK_H
#define PROC_PROCFS_TASK_H

#include "fs/procfs.h"
#include "proc/process.h"

struct task {
    refcount_t refs;
    struct process *process; /* counted */
    struct thread *thread;   /* counted; NULL: the process as a whole */
};
struct thread *task_thread(const struct task *k);    /* it, or a living one of the process; reference or NULL */
u32 procfs_next_thread(struct process *p, u32 from); /* the first number at or after `from`; 0: none */
struct mm *task_mm(const struct task *k);            /* user reference or NULL */
bool task_alive(void *task);                         /* false: reaped, or a thread that has ended */

int procfs_show_auxv(struct seq_buf *s, void *task, u64 key);
int procfs_show_maps(struct seq_buf *s, void *task, u64 key);
struct vm_area;
void procfs_show_area(struct seq_buf *s, struct vm_area *a, char *path); /* a line of maps; path: PATH_MAX bytes */
int procfs_show_smaps(struct seq_buf *s, void *task, u64 key);
int procfs_show_smaps_rollup(struct seq_buf *s, void *task, u64 key);
int procfs_show_numa_maps(struct seq_buf *s, void *task, u64 key);
ssize_t procfs_write_clear_refs(void *task, u64 key, const char *text, size_t n);
int procfs_show_syscall(struct seq_buf *s, void *task, u64 key);
int procfs_show_wchan(struct seq_buf *s, void *task, u64 key);
int procfs_show_personality(struct seq_buf *s, void *task, u64 key);
int procfs_show_io(struct seq_buf *s, void *task, u64 key);
int procfs_show_comm(struct seq_buf *s, void *task, u64 key);
int procfs_show_loginuid(struct seq_buf *s, void *task, u64 key);
int procfs_show_sessionid(struct seq_buf *s, void *task, u64 key);
ssize_t procfs_write_loginuid(void *task, u64 key, const char *text, size_t n);
ssize_t procfs_write_comm(void *task, u64 key, const char *text, size_t n);
int procfs_show_limits(struct seq_buf *s, void *task, u64 key);
int procfs_show_oom_score_adj(struct seq_buf *s, void *task, u64 key);
ssize_t procfs_write_oom_score_adj(void *task, u64 key, const char *text, size_t n);
int procfs_show_oom_adj(struct seq_buf *s, void *task, u64 key);
ssize_t procfs_write_oom_adj(void *task, u64 key, const char *text, size_t n);
int procfs_show_timerslack(struct seq_buf *s, void *task, u64 key);
ssize_t procfs_write_timerslack(void *task, u64 key, const char *text, size_t n);
int procfs_show_oom_score(struct seq_buf *s, void *task, u64 key);
extern const struct proc_entry procfs_ns_entries[];
extern const struct file_ops procfs_mem_fops, procfs_environ_fops, procfs_cmdline_fops;
int procfs_show_stat(struct seq_buf *s, void *task, u64 key);
int procfs_show_statm(struct seq_buf *s, void *task, u64 key);
int procfs_show_status(struct seq_buf *s, void *task, u64 key);

#endif
