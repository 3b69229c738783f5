/* SPDX-License-Identifier: MIT */
/* I/O priorities, as ioprio_set and io_submit take them. */
#ifndef SYSCALL_IOPRIO_H
#define SYSCALL_IOPRIO_H

int ioprio_check(int prio); /* may the caller use it: -EPERM, -EINVAL */

#endif
