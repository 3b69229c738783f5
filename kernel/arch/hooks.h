/* SPDX-License-Identifier: MIT */
/* Every upcall from arch/ (and sched/) into the layers above, and who implements it. */
#ifndef ARCH_HOOKS_H
#define ARCH_HOOKS_H

#include "arch/trap.h"
#include "lib/types.h"

struct thread;
struct mm;

/* syscall/dispatch.c: a system call by `f`; interrupts on. The result goes to f->rax. */
void hook_syscall(struct trapframe *f);
/* vm/fault.c: page fault of user mode, or of a user copy. Interrupts on. 0: retry; else a signal number with *code
 * (SEGV_MAPERR …) to deliver, or for a kernel-mode copy simply "failed". */
int hook_page_fault(u64 addr, u32 error, struct trapframe *f, int *code);
/* proc/signal.c: a trap of user mode (not a resolved page fault): becomes a signal. Interrupts on. */
void hook_user_trap(u32 vector, u32 error, u64 addr, int signo, int code, struct trapframe *f);
/* syscall/exit_work.c: on the way to user mode with bits in work; interrupts on. Repeats until none is left. */
void hook_exit_work(struct trapframe *f);
/* mem/arch_hooks.c: zeroed memory, direct-map addresses; NULL: none. The first never sleeps and works from
 * mem_early_init on; the others may sleep. */
void *hook_pages_alloc(u32 order);
void hook_pages_free(void *p, u32 order);
void hook_describe_memory(u64 addr); /* checked build: into the log, what lies there; any state */
void *hook_alloc(size_t size);
void hook_free(void *p);
void *hook_vector_state_alloc(void); /* cpu.xstate_size bytes, 64-byte aligned, not cleared */
void hook_vector_state_free(void *p);
/* sched/{sched,idle,tick}.c */
void hook_thread_first(struct thread *prev); /* the first thing a new thread does: finishes the switch */
void hook_timer_interrupt(bool from_user);   /* the one-shot timer fired; interrupts off */
void hook_resched_ipi(void);
void hook_irq_exit(void); /* end of the outermost interrupt */
u64 hook_prepare_cpu(
    u32 id); /* before a CPU is started: makes its idle thread, sets percpu current and idle; stack top, 0: no memory */
void hook_secondary_cpu(void) __noreturn; /* a CPU came up, on that stack: becomes its idle thread */
void hook_yield(void);                    /* a kernel thread of arch/ waits for hardware: let others run */
/* vm/mm.c: loads next's address space (NULL: a kernel thread; keep prev's lazily). Interrupts off. */
void hook_switch_mm(struct mm *prev, struct mm *next);
/* drivers/control.c: report a panic to the host; any state; must not fault or block. */
void hook_panic(const char *message);

#endif
