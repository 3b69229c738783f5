/* SPDX-License-Identifier: MIT */
/*
 * A process (thread group): its threads, family, sessions, limits, shared signal state.
 *
 * Life: made by fork/clone without CLONE_THREAD, or at boot → threads come and go → the group exits (exit_group, fatal
 * signal, last thread) → zombie when the last thread is gone → reaped by the parent (or at once) → freed with the last
 * reference, after a grace period.
 *
 * Locks: tasklist_lock (LOCK_PID_NS, a rwsem) covers the tree: parent, children, groups, sessions, zombie, and the
 * controlling terminals. siglock (LOCK_SIGNAL) covers the list of threads, pending signals, stop and exit state, limits.
 * A look-up by pid is lock-free under RCU (proc/pid.h). Interrupt handlers may take siglock, never tasklist_lock.
 */
#ifndef PROC_PROCESS_H
#define PROC_PROCESS_H

#include "abi/resource.h"
#include "arch/spinlock.h"
#include "lib/atomic.h"
#include "lib/list.h"
#include "proc/cred.h"
#include "proc/pid.h"
#include "proc/signal.h"
#include "sched/mutex.h"
#include "sched/thread.h"
#include "sched/timer.h"

struct tty;
struct file;
struct posix_timers;
struct sock_caller;

struct rlimit_k {
    u64 soft, hard;
};
#define RLIMIT_COUNT RLIM_NLIMITS

struct cpu_use { /* what getrusage(2) sums up */
    ns_t user, sys;
    u64 min_flt, maj_flt, nvcsw, nivcsw;
    u64 io[IO_KINDS];
    u64 maxrss; /* pages */
};

/* ITIMER_VIRTUAL and ITIMER_PROF: CPU time of the process, compared on the scheduler's tick. */
struct cpu_itimer {
    ns_t expires, interval; /* expires 0: off (siglock) */
};

struct process {
    refcount_t refs;
    s32 pid;
    struct pid *pid_obj;

    /* threads (siglock) */
    struct spinlock siglock;
    struct list threads;        /* thread.process_link */
    u32 thread_count;           /* on the list */
    u32 alive;                  /* of them, not yet in exit */
    struct thread *leader;      /* whose tid is the pid; with a reference, also when it has ended (its cred stays) */
    struct thread *exec_waiter; /* execve waits until it is the only thread */
    struct sigpending shared_pending;
    struct sighand *sighand; /* current one; threads point to it too */
    bool group_exit;         /* every thread is to end, with group_status */
    bool unkillable;         /* PID 1: signals without a handler do not reach it */
    u32 group_status;        /* wait status */
    u32 stop_signal;         /* group stop: 0 none, else its signal */
    u32 stop_remaining;      /* threads that have yet to stop */
    u32 stop_state;          /* STOP_* bits for the parent's wait */
    struct rlimit_k limits[RLIMIT_COUNT];
    struct cpu_use dead;         /* of threads that ended */
    ns_t user_told, sys_told;    /* (siglock) the last split told: neither steps back */
    struct cpu_use children_use; /* of children that were waited for (tasklist) */
    u64 maxrss;                  /* high water at exit, pages */

    /* family (tasklist) */
    struct process *parent;
    s32 parent_tid; /* the thread that made it: __WNOTHREAD (tasklist_lock) */
    struct list children, sibling;
    struct list tracees; /* struct trace, of its threads (tasklist) */
    struct pid *pgrp, *session;
    struct list group_link, session_link;
    bool has_tty;             /* the session's terminal is this process's, too */
    struct pid *told_at_exit; /* a leader whose terminal hung up: the foreground group, counted */
    s32 pgid, sid;            /* copies, to be read without the lock */
    u32 exit_signal;          /* to the parent; SIGCHLD; 0: none */
    u32 exit_status;          /* wait status once zombie */
    bool zombie, reaped, subreaper, has_child_subreaper;
    bool execed;    /* since fork: setpgid's EACCES */
    u32 exec_id;    /* how often this process called exec: which program it runs */
    u32 membarrier; /* MEMBARRIER_CMD_REGISTER_* that were done */

    struct waitq child_wait;    /* wait4 of this process's threads */
    struct waitq signalfd_wait; /* readers and pollers of signalfds */
    u32 dumpable;
    s16 oom_score_adj;
    ns_t oom_since; /* (siglock) when memory was first wanted that it holds while it ends; 0: never */
    u32 personality;
    char comm[16]; /* of the leader, kept for the zombie */
    ns_t start_time;
    struct file *exe; /* what runs: /proc/pid/exe once the mm is gone */
    struct mutex
        exec_lock; /* LOCK_EXEC: exec, from its look at the file to the end; what must not come between (seccomp's TSYNC) */

    /* timers (siglock) */
    struct timer real_timer;          /* ITIMER_REAL */
    ns_t real_expires, real_interval; /* real_expires 0: off */
    struct cpu_itimer cpu_itimer[2];  /* [0] ITIMER_VIRTUAL, [1] ITIMER_PROF */
    bool cpu_armed;                   /* the tick has something to compare */
    u32 posix_cpu_timers;             /* armed POSIX timers on CPU clocks */
    struct posix_timers *posix_timers;
    u64 cpu_limit_next; /* RLIMIT_CPU: seconds at which SIGXCPU comes next */
    struct rcu_head rcu;
};
/* stop_state */
#define STOP_STOPPED 1u   /* all threads have stopped; wait4(WUNTRACED) has not taken it */
#define STOP_CONTINUED 2u /* wait4(WCONTINUED) has not taken it */

extern struct rwsem tasklist_lock;
extern const struct sock_caller net_caller; /* net_caller.c */
extern struct process *init_process;        /* PID 1; NULL before it exists */

static inline struct process *current_process(void)
{
    return current_thread()->process;
}
struct process *process_find(s32 pid);                             /* reference; NULL: none (zombies are found) */
struct thread *thread_find(s32 tid);                               /* reference; NULL: none */
struct thread *thread_find_process(s32 tid, struct process **out); /* references to both; NULL: none */
static inline void process_get(struct process *p)
{
    ref_get(&p->refs);
}
void process_put(struct process *p);
struct thread *process_thread_get(struct process *p); /* some living thread, the leader first; reference or NULL */
struct process *process_alloc(void);                  /* blank, refs 1, nothing linked */
struct mm *process_mm_get(struct process *p);         /* user reference, or NULL (kernel thread, zombie) */
/* After the calling thread let go of an mm, files or fs, before it drops its reference: look-ups that saw the old pointer
 * have taken theirs. */
void process_mm_barrier(struct process *p);
int process_unshare_files(struct thread *t);            /* the calling thread gets a table of its own; -ENOMEM */
struct fdtable *process_files_get(struct thread *t);    /* reference, or NULL: it has let go of them */
struct fs_context *process_fs_get(struct thread *t);    /* the same */
const struct cred *process_cred_get(struct process *p); /* of the leader, ended or not; reference */
bool process_may_trace(struct process *p);              /* may the caller look into it? */
bool process_may_attach(struct process *p);             /* ... stop it and change it? By the real ids */
/* Its mm, for one who may trace it: user reference, NULL when it is gone. -EACCES. */
int process_mm_to_trace(struct process *p, struct mm **out);
void process_for_each(void (*fn)(struct process *p, void *arg), void *arg); /* under tasklist for reading */
extern u64 threads_max;                                                     /* /proc/sys/kernel/threads-max */
u32 process_thread_total(void);

/* The sum over living and dead threads (the caller needs no lock). */
void process_cpu_use(struct process *p, struct cpu_use *u);
void thread_cpu_use(const struct thread *t, struct cpu_use *u); /* adds */
ns_t process_cpu_time(struct process *p, bool user_only);
void rusage_fill(struct rusage *r, const struct cpu_use *u);

static inline u64 rlimit(u32 which) /* soft limit of the calling process */
{
    return READ_ONCE(current_process()->limits[which].soft);
}
int process_set_limit(struct process *p, u32 which, const struct rlimit_k *new, struct rlimit_k *old);
void process_limits_to_mm(struct process *p, struct mm *mm);

/* ---- fork.c ---- */
struct clone_request {
    u64 flags;
    u64 stack; /* top; 0: the parent's */
    u64 tls;
    uaddr_t parent_tid, child_tid, pidfd;
    u32 exit_signal;
    s32 set_tid; /* clone3: the number that is wanted, if has_set_tid */
    bool has_set_tid;
};
s64 process_clone(const struct clone_request *req, struct trapframe *f); /* child's tid, or -errno */
void process_vfork_done(struct thread *t);
void process_release_mm(struct thread *t,
                        bool dead); /* before current lets go of its mm (exec, exit): futexes, vfork's parent */

/* ---- exit.c, wait.c ---- */
void process_exit_thread(int code) __noreturn;   /* exit(2) of the calling thread */
void process_exit_thread_by(int sig) __noreturn; /* … which ends like one that a signal has killed, the others go on */
void process_exit_group(u32 wait_status) __noreturn;
/* Every other thread of the calling process ends; 0, or -EAGAIN when the group is exiting anyway. */
int process_kill_other_threads(void);
/* Marks the group as exiting with the status and kills its threads (siglock held). */
void process_group_exit_locked(struct process *p, u32 wait_status);
struct wait_result {
    s32 pid;
    u32 uid;
    u32 status; /* wait status word */
    int code;   /* CLD_* */
    int value;  /* si_status */
    struct cpu_use use;
};
enum wait_target { WAIT_ANY, WAIT_PID, WAIT_GROUP, WAIT_PIDFD };
/* options: W* of waitid. >0: pid in r, 0: WNOHANG and nothing, -ECHILD, -ERESTARTSYS. */
s64 process_wait(enum wait_target kind, s32 id, u32 options, struct wait_result *r);
s64 process_wait_pidfd(const struct pid *pid, u32 options, struct wait_result *r); /* not who has its number now */
/* (tasklist for writing) tells its parent, or a tracer, of a zombie; true: nobody will wait for it */
bool process_notify_end(struct process *p, struct process *to);
void process_release_zombie(struct process *p); /* (tasklist for writing) out of the tree and the pid table */

/* ---- groups and sessions (group.c) ---- */
int process_setsid(void);
int process_setpgid(s32 pid, s32 pgid);
bool process_group_orphaned(struct pid *group); /* (tasklist) */
void process_group_exit_check(struct process *p,
                              struct process *parent); /* (tasklist) SIGHUP + SIGCONT of new orphans */
/* kill(2)'s permission of the calling thread on p. */
bool signal_may_kill(struct process *p, int sig);

/* ---- terminals: tty/ fills these ---- */
/* A session leader exits, which may have a controlling terminal, or gives it up; process context, no lock held. */
extern void (*proc_hook_disassociate_tty)(struct process *leader, bool exiting);

/* Opens the terminal of -t as stdin, stdout, stderr, and makes it controlling; the caller leads its session. */
extern int (*proc_hook_open_terminal)(struct file *out[3]);

/* Device number of a session's terminal and its foreground group; for /proc. */
extern u64 (*proc_hook_tty_numbers)(struct process *p, s32 *foreground);

/* ---- the end of PID 1 (init.c) ---- */
void process_container_end(u32 wait_status) __noreturn; /* PID 1 has ended: report, drain, power off */

/* Boot: the process the boot record asks for; returns after it was started. proc/init.c */
void process_start_first(void);
void proc_init(void); /* caches, tables, /proc files; before process_start_first */

#endif
