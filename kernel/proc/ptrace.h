/* SPDX-License-Identifier: MIT */
/* ptrace(2): one thread stops, another looks at it and changes it. The essay is in ptrace.c. */
#ifndef PROC_PTRACE_H
#define PROC_PTRACE_H

#include "abi/ptrace.h"
#include "proc/process.h"

/* The tracee's part: made when it is traced for the first time, freed with the thread. */
struct trace {
    struct thread *thread;
    struct list link;       /* tracer's process.tracees (tasklist) */
    struct process *tracer; /* NULL: not traced now (tasklist for writing and siglock; read under either) */
    s32 tracer_tid;         /* the thread that attached (likewise) */
    bool capable;           /* the tracer had CAP_SYS_PTRACE (likewise) */
    bool seized;            /* (likewise) */
    struct pid *dead_pid;   /* the thread ended, its number waits with it for the tracer's wait (tasklist) */
    u32 dead_status;        /* its wait status */
    /* (siglock) */
    u32 options;       /* PTRACE_O_* */
    bool stopped;      /* in a stop, from its announcement until it is resumed */
    bool frozen;       /* the tracer is in its frame: nothing resumes it, not SIGKILL */
    bool exiting;      /* the stop is PTRACE_EVENT_EXIT's ... */
    bool ending;       /* ... of a process that was ending already: nobody but the tracer ends it */
    bool told;         /* wait has reported the stop */
    bool listening;    /* PTRACE_LISTEN: a new event ends the stop by itself */
    bool trap, notify; /* it is to stop for PTRACE_INTERRUPT or attach; for news of a group stop */
    u32 code;          /* of the stop: signal | event << 8, 0x80 for system calls */
    u32 signal;        /* the tracer's answer */
    u8 op;             /* PTRACE_SYSCALL_INFO_* */
    bool has_info;
    struct ksiginfo info;    /* what PTRACE_GETSIGINFO shows; the tracer may replace it */
    u64 message;             /* PTRACE_GETEVENTMSG */
    bool syscalls, emulate;  /* how it was resumed: PTRACE_SYSCALL, PTRACE_SYSEMU* */
    bool step;               /* PTRACE_SINGLESTEP and its kin */
    bool forced_tf;          /* TF in its frame is ours, not the program's own */
    struct arch_debug debug; /* written while frozen */
};

static inline bool ptrace_is_traced(const struct thread *t)
{
    const struct trace *tr = READ_ONCE(t->trace);
    return unlikely(tr != NULL) && READ_ONCE(tr->tracer);
}

/* ---- stops of the calling thread (ptrace_stop.c); no lock held ---- */
/* Before a signal is acted on: the signal the tracer wants instead, 0: none. */
int ptrace_signal(int sig, struct ksiginfo *info);
void ptrace_event(u32 event, u64 message);      /* PTRACE_EVENT_*, when its option is set */
void ptrace_exec(s32 old_tid);                  /* execve has succeeded */
void ptrace_trap(void);                         /* attached, interrupted, or the group stops */
bool ptrace_syscall_enter(struct trapframe *f); /* false: the call is not done */
void ptrace_syscall_exit(struct trapframe *f);
bool ptrace_handler_step(struct trapframe *f); /* a handler's frame is to be set up: single stepping ends; it was on */
void ptrace_handler_entered(void);             /* ... and it was on */
bool ptrace_exec_unsafe(void);                 /* execve must give no rights: the tracer has none to match */

/* ---- siglock held ---- */
void ptrace_notify_locked(struct thread *t); /* a group stop begins or ends: a listening tracee tells so */

/* ---- who traces whom (ptrace.c) ---- */
struct trace *ptrace_alloc(struct thread *t);
u32 ptrace_fork_event(u64 flags, u32 exit_signal);    /* PTRACE_EVENT_* the tracer wants to see, or 0 */
void ptrace_fork(struct thread *child);               /* tasklist for writing: it is traced as the caller is */
void ptrace_unlink(struct trace *tr, u32 sig);        /* tasklist for writing: it goes on, with the signal */
void ptrace_leave(struct thread *t);                  /* a thread ends: its tracees go on or die */
void ptrace_release_all(struct process *me, s32 tid); /* (tasklist for writing) the thread's, 0: all */
void ptrace_exec_tid(struct process *me, s32 old_tid,
                     s32 new_tid); /* (tasklist for writing) the tracer has a new number */
/* The calling thread has left its process; with a tracer its number stays in use until that waits. false: no tracer. */
bool ptrace_keep_dead(struct thread *t, struct pid *pid, u32 status);
int ptrace_check_options(u64 options);
int ptrace_traceme(void);
s64 ptrace_attach(s32 tid, bool seize, u64 addr, u64 options);

/* ---- a stopped tracee (ptrace_stop.c) ---- */
int ptrace_freeze(struct thread *t); /* -ESRCH: not the caller's, or not stopped */
void ptrace_thaw(struct thread *t);
/* wait (tasklist for writing): takes the report of a stop; 0: none */
u32 ptrace_take_stop(struct trace *tr, bool keep);
void ptrace_tell_tracer(struct trace *tr, int code, int status); /* SIGCHLD and a wake-up; tasklist held */

/* ---- requests: ptrace_request.c, registers: ptrace_regs.c (the tracee is frozen) ---- */
s64 ptrace_request(u64 request, s32 tid, uaddr_t addr, u64 data);
int ptrace_peek_user(struct thread *t, u64 offset, u64 *out);
int ptrace_poke_user(struct thread *t, u64 offset, u64 v);
int ptrace_regset(struct thread *t, u64 type, uaddr_t base, u64 *len, bool set);
void ptrace_step_on(struct thread *t);
void ptrace_step_off(struct thread *t);

void ptrace_init(void);

#endif
