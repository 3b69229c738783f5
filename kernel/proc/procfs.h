/* SPDX-License-Identifier: MIT */
/* What proc/ shows in /proc: a folder a process, and the system's files. */
#ifndef PROC_PROCFS_H
#define PROC_PROCFS_H

void procfs_pid_init(void);
void procfs_sys_init(void);

#endif
