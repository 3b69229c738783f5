/* SPDX-License-Identifier: MIT */
/* File descriptors that stand for a process: poll says when it has ended. */
#ifndef PROC_PIDFD_H
#define PROC_PIDFD_H

#include "fs/vfs.h"
#include "proc/pid.h"

int pidfd_file(struct pid *pid, u32 flags, struct file **out); /* flags: O_NONBLOCK */
/* The pid behind a descriptor's file, or NULL when it is no pidfd; borrowed from the file. */
struct pid *pidfd_pid(struct file *f);
struct process;
/* The process of a descriptor of the caller, with a reference; NULL: *err is -EBADF (none such, no pidfd) or -ESRCH. */
struct process *pidfd_process(int pidfd, int *err);

#endif
