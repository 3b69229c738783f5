/* SPDX-License-Identifier: MIT */
/*
 * Futexes: a hash of buckets, each a spinlock and a list of waiters keyed by (address space, address) when private, by
 * (mapping, page, offset) when shared. The value is read under the bucket's lock without faulting, so a wake cannot
 * slip between the look and the sleep.
 */
#ifndef PROC_FUTEX_H
#define PROC_FUTEX_H

#include "abi/futex.h"
#include "lib/types.h"
#include "sched/timer.h"

/* flags: FUTEX_PRIVATE_FLAG, FUTEX_CLOCK_REALTIME as in the call's op */
long futex_wait(uaddr_t addr, u32 flags, u32 val, u32 bitset, ns_t deadline); /* deadline: absolute, monotonic */
struct futex_wait_one {
    uaddr_t addr;
    u32 val, flags;
};
/* Until one of n is woken: its index. -EAGAIN: one has another value. -ETIMEDOUT, -ERESTARTSYS, -EFAULT, -EINVAL, -ENOMEM. */
int futex_wait_multiple(const struct futex_wait_one *v, u32 n, ns_t deadline);
long futex_wake(uaddr_t addr, u32 flags, u32 count, u32 bitset);
long futex_requeue(uaddr_t from, uaddr_t to, u32 flags, u32 wake, u32 requeue, const u32 *cmp);
long futex_wake_op(uaddr_t a, uaddr_t b, u32 flags, u32 wake_a, u32 wake_b, u32 code);
struct thread;
void futex_exit_robust(struct thread *t); /* current: walks its robust list, marks FUTEX_OWNER_DIED */
void futex_init(void);

#endif
