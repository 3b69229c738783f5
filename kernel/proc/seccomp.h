/* SPDX-License-Identifier: MIT */
/* seccomp(2): the modes of a thread, its filters, and what they say of a call. See seccomp.c for their life. */
#ifndef PROC_SECCOMP_H
#define PROC_SECCOMP_H

#include "abi/seccomp.h"
#include "arch/trap.h"
#include "sched/thread.h"

struct seccomp_filter;

/* ---- the calling thread ---- */
int seccomp_set_strict(void);                       /* -EINVAL: it has filters */
int seccomp_may_filter(void);                       /* -EACCES: it needs no_new_privs, or CAP_SYS_ADMIN */
struct seccomp_filter *seccomp_filter_alloc(u32 n); /* NULL: no memory */
struct sock_filter *seccomp_filter_program(struct seccomp_filter *s); /* to be filled */
/* Checks s and puts it before the thread's filters (and with TSYNC, every thread's); takes s over. 0, -errno, or the number
 * of a thread that TSYNC cannot serve. */
s64 seccomp_attach(struct seccomp_filter *s, u32 flags);

/* On the way into a call, SYSF_SECCOMP set. false: it is not done, and its result is in f->rax. */
bool seccomp_enter(struct trapframe *f);
/* ptrace sets it: stops for PTRACE_EVENT_SECCOMP with this message; the tracer may have changed the call in the frame.
 * false: no tracer wants the event. NULL: there is no tracing. */
extern bool (*seccomp_hook_trace)(struct trapframe *f, u32 message);

/* ---- life ---- */
s64 seccomp_copy_filter(struct thread *t, u64 n,
                        uaddr_t out);       /* its nth, the oldest first: PTRACE_SECCOMP_GET_FILTER */
void seccomp_fork(struct thread *child);    /* the parent's siglock is held; nothing can fail */
void seccomp_put(struct seccomp_filter *s); /* and what it continues with; NULL: nothing */

void seccomp_init(void); /* /proc/sys/kernel/seccomp */

#endif
