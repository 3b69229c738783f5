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
long futex_wait(uaddr_t addr, u32 flags, u32 val, u32 bitset, struct deadline deadline);
struct futex_wait_one {
    uaddr_t addr;
    u32 val, flags;
};
/* Until one of n is woken: its index. -EAGAIN: one has another value. -ETIMEDOUT, -ERESTARTSYS, -EFAULT, -EINVAL, -ENOMEM. */
int futex_wait_multiple(const struct futex_wait_one *v, u32 n, struct deadline deadline);
long futex_wake(uaddr_t addr, u32 flags, u32 count, u32 bitset);
long futex_requeue(uaddr_t from, uaddr_t to, u32 flags, u32 wake, u32 requeue, const u32 *cmp);
long futex_wake_op(uaddr_t a, uaddr_t b, u32 flags, u32 wake_a, u32 wake_b, u32 code);
/* With priority inheritance: futex_pi.c, futex_pi_lock.c, futex_requeue_pi.c. Errors as in futex(2). */
long futex_lock_pi(uaddr_t addr, u32 flags, struct deadline deadline, bool try);
long futex_unlock_pi(uaddr_t addr, u32 flags);
long futex_wait_requeue_pi(uaddr_t addr, u32 flags, u32 val, struct deadline deadline, uaddr_t addr2);
long futex_cmp_requeue_pi(uaddr_t from, uaddr_t to, u32 flags, u32 wake, u32 requeue, u32 cmp);
struct thread;
void futex_pi_reorder(struct thread *t); /* its policy or priority was changed */
/* Does a thread let go of its futexes? From EXITING on nobody makes it wait-for-able any more. */
enum futex_life { FUTEX_LIFE_OK, FUTEX_LIFE_EXITING, FUTEX_LIFE_DEAD };
void futex_pi_exit_begin(struct thread *t);
void futex_pi_exit_end(struct thread *t, bool dead);
/* The calling thread ends (dead) or leaves its memory (execve): the futexes it held, by its robust list and as far as others
 * wait for them, are marked and go to the next. */
void futex_exit(bool dead);
void futex_init(void);

#endif
