/* SPDX-License-Identifier: MIT */
/* What proc/ shows in /proc: a folder a process, and the system's files. */
#ifndef PROC_PROCFS_H
#define PROC_PROCFS_H

#include "fs/vfs.h"

void procfs_pid_init(void);
void procfs_sys_init(void);
void procfs_machine_init(void); /* procfs_machine.c */
void cgroup_init(void);         /* cgroup.c */
/* The process whose folder /proc/PID the file is: a reference. NULL and -EBADF: it is none; -ESRCH: reaped. */
struct process *procfs_folder_process(const struct file *f, int *err);

#endif
