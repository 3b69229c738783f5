/* SPDX-License-Identifier: MIT */
/* What seccomp tells the kernel's log, and its files in /proc/sys/kernel/seccomp. */
#ifndef PROC_SECCOMP_LOG_H
#define PROC_SECCOMP_LOG_H

#include "arch/trap.h"
#include "lib/types.h"

/* action: SECCOMP_RET_*; signo: what the thread gets, or 0; asked: the filter wants it, or the action implies it. A flood
 * of messages is thinned out. */
bool seccomp_knows(u32 action); /* SECCOMP_GET_ACTION_AVAIL */
void seccomp_log(const struct trapframe *f, int signo, u32 action, bool asked);

#endif
