/* SPDX-License-Identifier: MIT */
/*
 * Process numbers. A struct pid is a number and everything that answers to it: a thread, a process, a process group, a
 * session. The number stays taken as long as one of them exists (uses), the structure as long as anyone points to it
 * (refs; freed after a grace period).
 *
 * Look-up (pid_find) is lock-free: a table of two levels whose slots are written under LOCK_IDS. `group` and `session`
 * change under tasklist_lock.
 */
#ifndef PROC_PID_H
#define PROC_PID_H

#include "lib/list.h"
#include "sched/waitq.h"

#define PID_MAX 32768
#define PID_RESERVED 300 /* not handed out again after the first wrap */

struct pid {
    s32 nr;
    refcount_t refs;         /* pointers to the structure; `uses` counts as one */
    refcount_t uses;         /* thread, process, group, session */
    struct thread *thread;   /* whose tid this is, or NULL */
    struct process *process; /* whose pid this is (zombie too), or NULL */
    struct list group;       /* process.group_link (tasklist) */
    struct list session;     /* process.session_link (tasklist) */
    void *ctty;              /* session: its controlling terminal, owned by tty/ (tasklist) */
    struct waitq pidfd_wait; /* woken when the process becomes a zombie */
    struct rcu_head rcu;
};

struct pid *pid_alloc(void);      /* uses 1, not yet visible; NULL: no number or no memory */
struct pid *pid_alloc_nr(s32 nr); /* boot: that very number */
void pid_publish(struct pid *p);  /* from now on pid_find sees it */
struct pid *pid_find(s32 nr);     /* inside an RCU read section, no reference */
struct pid *pid_find_get(s32 nr); /* with a reference to the structure; NULL: none */
static inline void pid_get(struct pid *p)
{
    ref_get(&p->refs);
}
void pid_put(struct pid *p);
void pid_use(struct pid *p);   /* another user of the number; one exists */
void pid_unuse(struct pid *p); /* the last one gives the number back */
u32 pid_count(void);           /* numbers in use */
extern u64 pid_limit;          /* /proc/sys/kernel/pid_max: numbers handed out are below; at most PID_MAX */
s32 pid_last(void);            /* most recently allocated */
/* First number >= nr of a process: referenced, NULL: none. For /proc. */
struct process *pid_next_process(s32 nr);

#endif
