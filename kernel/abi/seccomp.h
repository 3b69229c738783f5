/* SPDX-License-Identifier: MIT */
/* seccomp(2), and the classic BPF of its filters. */
#ifndef ABI_SECCOMP_H
#define ABI_SECCOMP_H

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>

#define ABI_SYS_SECCOMP 1 /* si_code of a SIGSYS by a filter */

_Static_assert(sizeof(struct sock_filter) == 8 && sizeof(struct sock_fprog) == 16, "classic BPF");
_Static_assert(sizeof(struct seccomp_data) == 64, "what a filter reads");

#endif
