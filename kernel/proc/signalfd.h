/* SPDX-License-Identifier: MIT */
/* signalfd(2): the signals of a set, read from a file. */
#ifndef PROC_SIGNALFD_H
#define PROC_SIGNALFD_H

#include "fs/vfs.h"
#include "proc/signal.h"

int signalfd_create(sigset64_t set, u32 flags, struct file **out);
int signalfd_change(struct file *f, sigset64_t set); /* -EINVAL: no signalfd */
/* siglock held: a signal became pending */
struct process;
void signalfd_notify(struct process *p);

#endif
