/* SPDX-License-Identifier: MIT */
/*
 * A process (thread group): its threads, family, sessions, limits, shared signal state.
 *
 * Life: made by fork/clone without CLONE_THREAD, or at boot → threads come and go → the group exits (exit_group, fatal
 * signal, last thread) → zombie when the last thread is gone → reaped by the parent (or at once) → freed with the last
 * reference. The tree (parent, children, groups, sessions) is under one lock, LOCK_PID_NS (`tasklist_lock`, an rwsem);
 * look-up by pid is lock-free under RCU.
 */
#ifndef PROC_PROCESS_H
#define PROC_PROCESS_H

#include "arch/spinlock.h"
#include "lib/atomic.h"
#include "lib/list.h"
#include "proc/cred.h"
#include "proc/signal.h"
#include "sched/mutex.h"
#include "sched/thread.h"
#include "sched/timer.h"

struct tty;
struct file;

struct rlimit_k {
    u64 soft, hard;
};
#define RLIMIT_COUNT 16

struct pid; /* a number, and who has it as thread, process, group, session: proc/pid.h */

struct process {
    refcount_t refs;
    s32 pid;
    struct spinlock lock;      /* LOCK_SIGNAL via sighand? no: guards threads list, limits (LOCK_THREAD order - see .c) */
    struct list threads;       /* thread.process_link */
    u32 thread_count;
    struct thread *leader;
    struct process *parent;    /* (tasklist) real parent, for wait */
    struct list children, sibling;
    s32 pgid, sid;             /* (tasklist; read locklessly) */
    struct tty *tty;           /* controlling terminal (tasklist) */
    struct sighand *sighand;
    struct signal_shared *sig; /* pending for the group, stop/continue state, exit code */
    struct rlimit_k limits[RLIMIT_COUNT];
    struct mutex exec_lock;
    u32 exit_code;             /* wait status once zombie */
    u32 exit_signal;           /* to the parent; SIGCHLD */
    bool zombie, exiting, execed, subreaper, did_vfork;
    struct completion *vfork_done;
    struct waitq child_wait;   /* wait4 of this process's threads */
    struct waitq pidfd_wait;
    ns_t start_time;
    ns_t dead_user, dead_sys;  /* of threads that ended */
    ns_t children_user, children_sys;
    u64 min_flt, maj_flt, children_min_flt, children_maj_flt, children_maxrss, maxrss, nvcsw, nivcsw;
    s16 oom_score_adj;
    u32 dumpable;
    struct rcu_head rcu;
};

static inline struct process *current_process(void)
{
    return current_thread()->process;
}
struct process *process_find(s32 pid); /* reference; NULL: none (zombies are found) */
struct thread *thread_find(s32 tid);   /* reference */
void process_get(struct process *p);
void process_put(struct process *p);

/* Boot: the process the boot record asks for; returns after it was started. proc/init.c */
void process_start_first(void);

struct clone_args_k;
s64 process_clone(const struct clone_args_k *args, struct trapframe *f); /* child's tid, or -errno */
void process_exit_thread(int code) __noreturn;     /* exit(2) of the calling thread */
void process_exit_group(u32 wait_status) __noreturn;

/* execve without user pointers: strings are counted kernel copies (proc/exec.h). */
void process_for_each(void (*fn)(struct process *p, void *arg), void *arg); /* under tasklist for reading */

#endif
