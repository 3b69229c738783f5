/* SPDX-License-Identifier: MIT */
/*
 * The machine's part of a thread: kernel stack, switch frame, segment bases, vector state. First member of struct thread.
 *
 * Vector state (x87/SSE/AVX): eager and owner-tracked. It lives in the registers of the CPU where percpu.fpu_owner is
 * this thread and fpu_cpu names that CPU, else in `fpu`. A user thread's registers are saved when it is switched out;
 * they are restored on return to user mode when the CPU's registers are not its own. The kernel uses no vector
 * registers. Whoever reads or writes another's (or its own) saved state calls fpu_save_current()/fpu_drop() first.
 */
#ifndef ARCH_THREAD_H
#define ARCH_THREAD_H

#include "arch/trap.h"
#include "lib/atomic.h"
#include "lib/types.h"

#ifdef SLIPWAY_KASAN
#define KSTACK_ORDER 3u /* frames grow with the borders between their variables */
#else
#define KSTACK_ORDER 2u
#endif
#define KSTACK_SIZE (PAGE_SIZE << KSTACK_ORDER)

/* Bits of `work`: any set bit sends the way back to user mode through hook_exit_work(). */
#define WORK_RESCHED 1u      /* reschedule */
#define WORK_SIGNAL 2u       /* look at signals */
#define WORK_NOTIFY 4u       /* task work: ptrace, kill, exit of the group */
#define WORK_RESTORE_MASK 8u /* sigsuspend & co.: restore the saved signal mask when no handler ran */
#define WORK_SINGLESTEP 16u
#define WORK_SIGIO 256u /* it woke waiters that tell of it by a signal */
#define WORK_PTRACE 64u /* the system call that is done is to be told a tracer */
#define WORK_RSEQ 32u   /* a restartable sequence may have been interrupted, or the CPU has changed */
/* Bits of `sys_flags`: any set bit sends system calls through the slow door */
#define SYSF_STRACE 1u
#define SYSF_PTRACE 2u
#define SYSF_SECCOMP 4u

/* Debug registers, as the user wants them. */
struct arch_debug {
    u64 addr[4], dr6, dr7;
};

struct arch_thread {
    atomic_t work;                      /* 0: tested by assembly on the way out */
    u32 sys_flags;                      /* 4 */
    u64 rsp;                            /* 8: saved stack pointer while switched out */
    u64 kstack;                         /* 16: lowest address of the kernel stack */
    u64 fs_base;                        /* 24: user; valid while switched out (FSGSBASE lets user code change it) */
    u64 gs_base;                        /* 32: user; same */
    void *fpu;                          /* 40: 64-byte aligned XSAVE area of cpu.xstate_size, NULL for kernel threads */
    u32 fpu_cpu;                        /* 48: CPU whose registers may hold it; (u32)-1: none */
    u16 fs_sel, gs_sel, ds_sel, es_sel; /* 52: user selectors; valid while switched out */
    u32 nofault; /* 60: > 0: a fault of a user copy fails at once, nothing is faulted in (pagefault_disable) */
    struct arch_debug *debug; /* NULL: never had any; else loaded while it runs */
};

/* Where user mode was left: the frame at the top of the kernel stack. */
static inline struct trapframe *arch_user_frame(const struct arch_thread *t)
{
    return (struct trapframe *)(t->kstack + KSTACK_SIZE - sizeof(struct trapframe));
}

/* Prepares a fresh stack so that the first switch to it runs hook_thread_first(prev) and then fn(arg) with interrupts
 * on; when fn returns, user mode is entered by the frame at the top (kernel threads do not return from fn). */
void arch_thread_init(struct arch_thread *t, u64 kstack, void (*fn)(void *), void *arg);
/* A child's machine state = the parent's (current): vector state, bases, selectors; not the frame. -ENOMEM. */
int arch_thread_clone_state(struct arch_thread *child);
int arch_thread_alloc_fpu(struct arch_thread *t); /* initial state; -ENOMEM */
void arch_thread_free(struct arch_thread *t);     /* fpu area */
void arch_debug_load(const struct arch_debug *d); /* current's, or NULL; interrupts off */
void arch_thread_exec(struct arch_thread *t);     /* current: reset vector state, bases, selectors */

/* Switches stacks, bases, vector state, and percpu fields, with interrupts off. Returns, on the new stack, the thread
 * that ran before on this CPU. `next`'s address space is loaded by hook_switch_mm before the stack changes. */
struct thread *arch_switch(struct thread *prev, struct thread *next);

void fpu_save_current(void);          /* registers → current's area (they stay valid) */
void fpu_drop(struct arch_thread *t); /* the area was changed: registers are stale (t is current or not running) */

/* Enters user mode by frame f of the current thread; never returns. */
void arch_enter_user(struct trapframe *f) __noreturn;
void arch_set_fs_base(u64 v); /* current */
void arch_set_gs_base(u64 v);
u64 arch_get_fs_base(void);
u64 arch_get_gs_base(void);

#endif
