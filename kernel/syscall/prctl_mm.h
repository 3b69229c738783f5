/* SPDX-License-Identifier: MIT */
#ifndef SYSCALL_PRCTL_MM_H
#define SYSCALL_PRCTL_MM_H

#include "lib/types.h"

long prctl_set_mm(u64 what, uaddr_t addr, u64 a4, u64 a5); /* prctl(PR_SET_MM) */

#endif
