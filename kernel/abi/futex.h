/* SPDX-License-Identifier: MIT */
/* futex(2), robust lists, rseq(2). */
#ifndef ABI_FUTEX_H
#define ABI_FUTEX_H

#include <linux/futex.h>
#include <linux/rseq.h>

_Static_assert(sizeof(struct robust_list_head) == 24, "robust_list_head");
_Static_assert(sizeof(struct rseq) == 32, "rseq");

#endif
