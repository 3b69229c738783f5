/* SPDX-License-Identifier: MIT */
/*
 * A thread: what is scheduled. What clone() can share hangs off it as counted objects of the layers above, known here
 * by name only. kernel threads have no process and no mm.
 *
 * States, and the function of each edge:
 *   NEW ──thread_start──► RUNNABLE ──schedule──► RUNNING ──schedule (yield, resched)──► RUNNABLE
 *   RUNNING ──thread_sleep_prepare + schedule──► SLEEPING ──thread_wake──► RUNNABLE
 *   RUNNING ──thread_exit──► DEAD ──(next thread on that CPU drops the last scheduling reference)──► freed
 * Invariants: 1. a thread is on at most one run queue, and only when RUNNABLE and not on_cpu; 2. on_cpu is cleared by
 * the next thread, after the switch left its stack; a waker that finds on_cpu set on another CPU waits for that;
 * 3. state changes from SLEEPING happen under wake_lock.
 */
#ifndef SCHED_THREAD_H
#define SCHED_THREAD_H

#include "arch/percpu.h"
#include "arch/spinlock.h"
#include "arch/thread.h"
#include "lib/atomic.h"
#include "lib/list.h"
#include "lib/rbtree.h"
#include "lib/types.h"

enum thread_state {
    THREAD_NEW,
    THREAD_RUNNABLE,    /* running or on a run queue */
    THREAD_SLEEP_INT,   /* S: a signal wakes it (thread_wake with WAKE_INT) */
    THREAD_SLEEP_KILL,  /* D, but a fatal signal wakes it */
    THREAD_SLEEP_UNINT, /* D */
    THREAD_FROZEN,      /* stopped, and a tracer is at its registers: nothing wakes it (proc/ptrace.c) */
    THREAD_STOPPED,     /* T: job control or ptrace; only WAKE_STOPPED (SIGCONT, SIGKILL) */
    THREAD_DEAD,
};
enum io_kind { IO_READ_BYTES, IO_WRITTEN_BYTES, IO_READS, IO_WRITES, IO_KINDS };
enum wake_kind { WAKE_NORMAL = 1, WAKE_INT = 2, WAKE_KILL = 4, WAKE_STOPPED = 8 };

/* A callback after a grace period: sched/timer.h. */
struct rcu_head {
    struct rcu_head *next;
    void (*fn)(struct rcu_head *h);
};

struct process;
struct mm;
struct fdtable;
struct fs_context;
struct uts_ns;
struct sighand;
struct cred;
struct signal_state;
struct seccomp_filter;
struct trace;

struct thread {
    struct arch_thread arch; /* first: assembly knows */
    refcount_t refs;         /* one for running, one for the process's list, look-ups */

    /* scheduler */
    struct spinlock wake_lock; /* LOCK_THREAD: state */
    u32 state;                 /* enum thread_state; written by itself, or under wake_lock */
    u32 on_cpu;                /* running (or its stack still in use) on `cpu` */
    u32 on_rq;                 /* 1: runnable, queued or running; 2: between two queues (runq.lock) */
    u32 cpu;                   /* last or current CPU */
    u64 affinity;              /* allowed CPUs, never empty (runq.lock of cpu) */
    u8 policy;                 /* SCHED_*; (runq.lock) */
    s8 nice;                   /* -20..19 */
    u8 rt_priority;            /* 1..99 for FIFO and RR, else 0 */
    u8 boost; /* 1..99: what the waiters of its PI futexes lend it; written by sched_set_boost's caller */
    u8 level; /* what counts: the greater of the two (runq.lock); 0: it is fair */
    u8 reset_on_fork;
    u16 ioprio;             /* as ioprio_set(2) has it */
    u16 mempolicy;          /* as set_mempolicy(2) has it; there is one node */
    u64 vruntime;           /* weighted ns */
    ns_t slice_start;       /* when put on the CPU */
    ns_t slice_used;        /* in this slice (RR) */
    struct rb_node rq_node; /* fair tree */
    struct list rq_link;    /* RT list */
    ns_t run_ns;            /* CPU time, exact; written by the switch and the tick */
    ns_t user_ns, sys_ns;   /* how it splits: each tick gives all since the last one to what it interrupts */
    ns_t time_stamp;        /* last accounting point */
    u8 migrate;             /* switched out on a CPU that it may no longer use */
    ns_t start_time;
    u64 switches_vol, switches_invol;

    /* identity */
    s32 tid;
    char comm[16];

    /* owned by the layers above */
    struct process *process;  /* thread group; NULL: kernel thread */
    struct list process_link; /* process.threads (process.lock) */
    struct mm *mm;            /* NULL: kernel thread. Changed by itself only (exec) */
    struct fdtable *files;
    struct fs_context *fs;
    struct uts_ns *uts; /* counted; NULL: the first */
    struct sighand *sighand;
    const struct cred *cred;  /* own; replaced by itself only; others read under RCU */
    struct signal_state *sig; /* pending set, mask, altstack: proc/signal.h */
    uaddr_t set_child_tid, clear_child_tid;
    uaddr_t robust_list;
    struct rb_root pi_held;       /* PI futexes that others wait for (proc/futex_pi.c: pi_lock) */
    struct pi_waiter *pi_blocked; /* the one it waits for itself (pi_lock) */
    u32 futex_life;               /* enum futex_life: does it let go of its futexes? (pi_lock) */
    uaddr_t rseq;                 /* proc/rseq.c; 0: not registered */
    u32 rseq_len, rseq_sig;
    u32 rseq_cpu;  /* the CPU that user mode was told */
    void *journal; /* proc/: vfork completion and the like */
    u64 min_flt, maj_flt;
    u64 io[IO_KINDS];       /* /proc/PID/io */
    u32 pagefault_disabled; /* > 0: user copies fail instead of faulting */
    s32 exit_code;
    u64 timer_slack, timer_slack_default; /* ns; 0: 50 us (PR_SET_TIMERSLACK) */
    u32 mce_kill;                         /* PR_MCE_KILL_*: told back; no machine check is handled */
    u32 login[2]; /* ~ of who logged in, and of the session's number: 0 while unset; inherited (procfs_settings.c) */
    bool io_flusher;
    bool no_new_privs;              /* execve gives no rights; never cleared (proc/seccomp.c says who writes) */
    u8 seccomp_mode;                /* SECCOMP_MODE_* (likewise, and the next two) */
    u32 seccomp_count;              /* filters in force */
    struct seccomp_filter *seccomp; /* the newest; NULL: none */
    struct trace *trace;            /* proc/ptrace.h; NULL: never traced. Set once, under siglock */
    struct sem_undos *sem_undos;    /* SEM_UNDO: proc/sysv_sem.c; NULL: nothing yet. Own */

    struct list all_link; /* every thread (kernel's too) */
    struct rcu_head rcu;
#ifdef SLIPWAY_DEBUG
    u32 held_count;
    struct {
        const void *lock;
        u16 cls;
        u16 sleeping;
    } held[32];
#endif
};

/* Allocates thread and stack, refs 2 (scheduler + creator), state NEW. NULL: no memory. */
struct thread *thread_create(void (*fn)(void *), void *arg, const char *name);
void thread_start(struct thread *t);
struct thread *kthread_start(void (*fn)(void *), void *arg, const char *name); /* NULL: no memory; no ref kept */
void thread_exit(void) __noreturn; /* the calling thread's last act; upper layers have let go of everything */
static inline void thread_get(struct thread *t)
{
    ref_get(&t->refs);
}
void thread_put(struct thread *t);

static inline void thread_set_work(struct thread *t, u32 bits)
{
    atomic_or(&t->arch.work, bits);
}
static inline void thread_clear_work(struct thread *t, u32 bits)
{
    atomic_and(&t->arch.work, ~bits);
}
static inline bool thread_work(const struct thread *t, u32 bits)
{
    return atomic_read(&t->arch.work) & bits;
}

#endif
