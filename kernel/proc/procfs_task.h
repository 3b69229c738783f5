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

int procfs_show_cmdline(struct seq_buf *s, void *task, u64 key);
int procfs_show_environ(struct seq_buf *s, void *task, u64 key);
int procfs_show_auxv(struct seq_buf *s, void *task, u64 key);
int procfs_show_maps(struct seq_buf *s, void *task, u64 key);
extern const struct file_ops procfs_mem_fops; /* /proc/PID/mem */
int procfs_show_stat(struct seq_buf *s, void *task, u64 key);
int procfs_show_statm(struct seq_buf *s, void *task, u64 key);
int procfs_show_status(struct seq_buf *s, void *task, u64 key);

#endif
