/* SPDX-License-Identifier: MIT */
/* POSIX message queues: mq_open(2) and its kin. */
#ifndef ABI_MQUEUE_H
#define ABI_MQUEUE_H

#include <linux/mqueue.h>

_Static_assert(sizeof(struct mq_attr) == 64, "struct mq_attr");

#endif
