/* SPDX-License-Identifier: MIT */
/*
 * What a CPU owns, reached by %gs in the kernel. Upper layers keep arrays of their own indexed by cpu_id().
 * The kernel is not preemptible, so cpu_id() is stable until the next sleep, user copy (it may fault and sleep) or
 * return to user mode; never keep it, or a pointer into an array by it, across one of those.
 * Offsets are known to assembly (arch/asm_offsets.h asserts them); 40 is the compiler's stack-protector slot.
 */
#ifndef ARCH_PERCPU_H
#define ARCH_PERCPU_H

#include "lib/types.h"

#define MAX_CPUS 64

struct thread;
struct mm;

struct percpu {
    struct percpu *self;       /* 0 */
    struct thread *current;    /* 8 */
    u64 kernel_rsp;            /* 16: top of the current thread's kernel stack, for syscall entry */
    u64 user_rsp;              /* 24: scratch of syscall entry */
    u32 id;                    /* 32: 0..cpu_count-1 */
    u32 irq_depth;             /* 36: > 0 inside an interrupt handler */
    u64 stack_guard;           /* 40: fixed by the compiler */
    u32 apic_id;               /* 48 */
    u32 online;                /* 52: runs threads */
    struct thread *fpu_owner;  /* 56: whose vector state is in the registers; NULL: nobody's */
    struct mm *mm;             /* 64: address space loaded in CR3 (lazily kept by kernel threads) */
    struct thread *idle;       /* 72 */
    u64 tss_rsp0;              /* 80: copy, to skip equal writes */
    u32 lock_depth;            /* 88: checked build: spinlocks held */
    u32 tlb_state;             /* 92: arch/tlb.c: may a shootdown be deferred to the end of idle? */
    struct cpu_tables *tables; /* 96: descriptor tables, TSS, stacks of its own (arch/cpu.c) */
    u64 user_gs;               /* 104: what the user's %gs base register holds at the moment */
    ns_t timer_deadline;       /* 112: of the one-shot timer; NS_FOREVER: off */
    u64 spare;
} __cacheline;
_Static_assert(sizeof(struct percpu) == 128, "struct percpu: PERCPU_SHIFT of arch/asm_offsets.h");

extern struct percpu percpu_area[MAX_CPUS];
extern u32 cpu_count; /* CPUs found; they are online when percpu_area[i].online */

static inline struct percpu *this_cpu(void)
{
    struct percpu *p;
    __asm__ volatile("movq %%gs:0, %0" : "=r"(p));
    return p;
}
static inline u32 cpu_id(void)
{
    u32 id;
    __asm__ volatile("movl %%gs:32, %0" : "=r"(id));
    return id;
}
static inline struct thread *current_thread(void) /* never NULL once sched_init ran; same value after migration */
{
    struct thread *t;
    __asm__("movq %%gs:8, %0" : "=r"(t)); /* not volatile: constant within a thread */
    return t;
}

#endif
