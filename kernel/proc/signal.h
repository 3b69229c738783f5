/* SPDX-License-Identifier: MIT */
/*
 * Signals. A signal is pending for a thread (signal_state.pending) or for its process (process.shared_pending), is taken
 * by signal_deliver() on the way to user mode, and there becomes a handler's frame, a stop, or the end.
 *
 * Locks: process.siglock (LOCK_SIGNAL, interrupts off) covers both pending sets, blocked masks when others look, the list
 * of threads, stop and exit state. sighand.lock (LOCK_SIGHAND) covers the actions, since CLONE_SIGHAND can share them
 * between processes. A thread reads its own mask without a lock and writes it under siglock.
 *
 * WORK_SIGNAL in thread.arch.work says "look": set by whoever makes a deliverable signal pending, cleared by the thread
 * itself when nothing is left. WORK_NOTIFY is set with it when the signal is fatal, so that killable sleeps end.
 */
#ifndef PROC_SIGNAL_H
#define PROC_SIGNAL_H

#include "abi/signal.h"
#include "arch/spinlock.h"
#include "arch/trap.h"
#include "lib/list.h"
#include "sched/thread.h"

typedef u64 sigset64_t; /* bit (signo - 1) */
#define SIGBIT(n) (1ull << ((n)-1))
#define SIGSET_KERNEL_ONLY (SIGBIT(SIGKILL) | SIGBIT(SIGSTOP))
#define SIGSET_STOP (SIGBIT(SIGSTOP) | SIGBIT(SIGTSTP) | SIGBIT(SIGTTIN) | SIGBIT(SIGTTOU))
#define SIGSET_IGNORED (SIGBIT(SIGCHLD) | SIGBIT(SIGCONT) | SIGBIT(SIGURG) | SIGBIT(SIGWINCH))
#define SIGSET_CORE                                                                                            \
    (SIGBIT(SIGQUIT) | SIGBIT(SIGILL) | SIGBIT(SIGTRAP) | SIGBIT(SIGABRT) | SIGBIT(SIGFPE) | SIGBIT(SIGSEGV) | \
     SIGBIT(SIGBUS) | SIGBIT(SIGSYS) | SIGBIT(SIGXCPU) | SIGBIT(SIGXFSZ))
#define SIGSET_SYNCHRONOUS \
    (SIGBIT(SIGSEGV) | SIGBIT(SIGBUS) | SIGBIT(SIGILL) | SIGBIT(SIGTRAP) | SIGBIT(SIGFPE) | SIGBIT(SIGSYS))

/* siginfo without the padding to 128 bytes that user space sees. */
struct ksiginfo {
    __SIGINFO;
};
struct sigqueue; /* one queued siginfo: signal.c */

struct sigpending {
    sigset64_t set;
    struct list queue; /* struct sigqueue */
};
static inline void sigpending_init(struct sigpending *p)
{
    p->set = 0;
    list_init(&p->queue);
}

/* Handlers: shared by CLONE_SIGHAND. */
struct sighand {
    refcount_t refs;
    struct spinlock lock;           /* LOCK_SIGHAND */
    struct sigaction action[_NSIG]; /* (lock) */
};

/* A thread's own part: thread.sig. */
struct signal_state {
    struct sigpending pending; /* (siglock) */
    sigset64_t blocked;        /* written by the thread under siglock */
    sigset64_t saved_mask;     /* to be restored after sigsuspend & co. (WORK_RESTORE_MASK) */
    sigset64_t waiting;        /* (siglock) sigtimedwait: blocked signals it wants to be woken by */
    uaddr_t altstack;
    size_t altstack_size;
    u32 altstack_flags;
    s32 pdeath_signal;
    u32 stop_pending;        /* (siglock) this thread is to join the group stop */
    u32 stopped;             /* (siglock) it has */
    u32 stop_taken;          /* (siglock) it took a stop signal off its queue; SIGCONT clears it */
    u32 trap_no, trap_error; /* of the last fault, for the frame's sigcontext */
    u64 trap_cr2;
    /* restart_syscall(2) */
    long (*restart)(struct signal_state *s);
    u64 restart_arg[6];
};

struct process;

/* ---- sending: any context unless said otherwise; 0 or -EAGAIN (queue full). info NULL: from the kernel (SI_KERNEL) ---- */
int signal_send_thread(struct thread *t, int sig, const struct ksiginfo *info);
int signal_send_process(struct process *p, int sig, const struct ksiginfo *info);
/* To every member of the group (no permission check): the terminal's. Process context. -ESRCH: nobody. */
int signal_send_group(s32 pgid, int sig, const struct ksiginfo *info);
/* The calling thread's own fault: handler, or death when blocked or ignored. */
void signal_force(int sig, int code, uaddr_t addr);
void signal_force_info(int sig, const struct ksiginfo *info);
void signal_force_fatal(int sig); /* default action whatever the handler */
/* From outside the container to PID 1, as kill(1, signo) of an outer pid namespace: SIGKILL and SIGSTOP always work,
 * others need a handler. -ESRCH: PID 1 is gone. Process context. */
int signal_container(int signo);
/* After a failed write: SIGPIPE to the calling thread (syscall/ calls it on -EPIPE). */
void signal_sigpipe(void);

/* ---- state of the calling thread ---- */
bool signal_pending_fatal(const struct thread *t); /* SIGKILL, or the group exits */
static inline bool signal_pending(void)            /* an interruptible sleep must end */
{
    return thread_work(current_thread(), WORK_SIGNAL | WORK_NOTIFY);
}
void signal_set_blocked(sigset64_t mask); /* SIGKILL and SIGSTOP are taken out */
static inline sigset64_t signal_blocked(void)
{
    return current_thread()->sig->blocked;
}
/* ppoll, pselect, sigsuspend, epoll_pwait: mask (uaddr_t 0: none) is in force during the call. 0, -EINVAL (size), -EFAULT.
 * Afterwards signal_mask_end(interrupted): when a signal ended the call its handler runs under the temporary mask and
 * the old one returns with it; otherwise the old one is put back at once. */
int signal_mask_begin(uaddr_t mask, size_t size);
void signal_mask_end(bool interrupted);
/* Sets the function that restart_syscall(2) continues with; returns -ERESTART_RESTARTBLOCK. */
long signal_set_restart(long (*fn)(struct signal_state *s), const u64 *args, u32 n);

/* ---- actions ---- */
struct sighand *sighand_create(void); /* all default; NULL: no memory */
struct sighand *sighand_copy(struct sighand *from);
void sighand_put(struct sighand *s);
int signal_action(int sig, const struct sigaction *act, struct sigaction *old); /* -EINVAL */
bool signal_is_ignored_by(struct thread *t, int sig); /* ignored or blocked: tty's SIGTTIN/SIGTTOU rules */

/* ---- delivery: syscall/exit_work.c ---- */
void signal_deliver(struct trapframe *f);
void signal_recalc(void);                   /* current: sets or clears WORK_SIGNAL */
void signal_flush_thread(struct thread *t); /* drops all pending of a dying thread */
void signal_flush_queue(struct sigpending *p);
/* sigtimedwait: takes one signal of `set`; its number, or 0 */
int signal_dequeue(sigset64_t set, struct ksiginfo *info);
void signal_state_init(struct signal_state *s);
struct signal_state *signal_state_alloc(void); /* NULL: no memory */
void signal_state_free(struct signal_state *s);
/* proc/sigframe.c */
int sigframe_setup(struct trapframe *f, int sig, const struct sigaction *act, const struct ksiginfo *info,
                   sigset64_t mask_after);
long sigframe_return(struct trapframe *f);                       /* rt_sigreturn(2): the new rax */
void vector_complete(struct _xstate *x);                         /* saved vector state: every part is written out */
bool vector_valid(const struct _xstate *x, bool extended);       /* what XRSTOR takes */
u32 sigframe_min_size(void);                                     /* AT_MINSIGSTKSZ */
u32 signal_altstack_state(const struct signal_state *s, u64 sp); /* SS_DISABLE, SS_ONSTACK, 0 */
int signal_altstack_set(struct signal_state *s, const stack_t *st, u64 sp, size_t min); /* sigaltstack(2)'s errors */
int siginfo_to_user(uaddr_t p, const struct ksiginfo *info);
int siginfo_from_user(struct ksiginfo *info, uaddr_t p);
void siginfo_init_user(struct ksiginfo *info, int sig, int code); /* si_pid, si_uid of the caller */

#endif
