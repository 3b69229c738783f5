/* SPDX-License-Identifier: MIT */
/* rseq(2): restartable sequences of user mode. */
#ifndef PROC_RSEQ_H
#define PROC_RSEQ_H

#include "arch/trap.h"
#include "sched/thread.h"

#define RSEQ_FEATURE_SIZE 28 /* AT_RSEQ_*: to the end of mm_cid */
#define RSEQ_ALIGN 32
long rseq_register(uaddr_t addr, u32 len, u32 sig); /* the calling thread's: 0, -EINVAL, -EPERM, -EBUSY, -EFAULT */
long rseq_unregister(uaddr_t addr, u32 len, u32 sig);
void rseq_fork(struct thread *child, bool shares_mm);
void rseq_exec(struct thread *t);
void rseq_return(struct trapframe *f); /* on the way to user mode: WORK_RSEQ, or a handler is about to be called */
void rseq_abort_on(u64 cpus);          /* whatever runs there restarts its sequence: membarrier(2) */

#endif
