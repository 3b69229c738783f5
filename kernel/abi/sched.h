/* SPDX-License-Identifier: MIT */
/* clone(2), scheduling policies and attributes. */
#ifndef ABI_SCHED_H
#define ABI_SCHED_H

#include <linux/sched.h>
#include <linux/sched/types.h>

_Static_assert(sizeof(struct clone_args) == 88, "clone_args");
_Static_assert(sizeof(struct sched_param) == 4, "sched_param");
_Static_assert(sizeof(struct sched_attr) == 56, "sched_attr");

#endif
