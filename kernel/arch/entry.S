/* SPDX-License-Identifier: MIT */
/*
 * Entries and exits.
 *
 * Traps and interrupts: each vector's stub leaves an error code (or 0, or the vector of an interrupt) in the frame's
 * orig_rax slot; the common part completes `struct trapframe`, switches %gs when user mode was interrupted, and calls C.
 * Vectors with a stack of their own (NMI, #DF, #MC, #DB from the kernel) may interrupt any instruction, also between an
 * entry's first instruction and its swapgs: they find out by themselves what %gs is ("paranoid"). %rbp is zero for frames of user mode and stays the
 * interrupted function's for frames of the kernel, so backtraces run through.
 *
 * System calls: syscall_entry builds the same frame and leaves by SYSRET when that is legal, else by IRET.
 *
 * Every way to user mode ends with interrupts off, no work pending and the thread's own vector state loaded.
 */
#include "arch/asm_offsets.h"
#include "arch/extable.h"

.macro SAVE_BELOW_RDI
    pushq %rsi
    pushq %rdx
    pushq %rcx
    pushq %rax
    pushq %r8
    pushq %r9
    pushq %r10
    pushq %r11
    pushq %rbx
    pushq %rbp
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
.endm

/* As IRQ_ON of cpu.h. */
.macro ENABLE_IRQS
.Lirqs\@:
    pushq $0x202
    popfq
    .pushsection .irq_on_sites, "a"
    .long .Lirqs\@ - 0xffffffff80000000
    .popsection
.endm

.macro RESTORE_REGS
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbp
    popq %rbx
    popq %r11
    popq %r10
    popq %r9
    popq %r8
    popq %rax
    popq %rcx
    popq %rdx
    popq %rsi
    popq %rdi
.endm

/* AC is still as in the interrupted code: set inside a user copy, or by a user. The test is cheaper than the instruction.
 * A CPU without SMAP has no clac: boot overwrites these sites with a NOP (cpu.c). */
.macro CLOSE_USER
    testl $0x40000, FRAME_RFLAGS(%rsp)
    jz .Lclosed\@
.Lclac\@:
    clac
    .pushsection .smap_sites, "a"
    .long .Lclac\@ - 0xffffffff80000000
    .popsection
.Lclosed\@:
.endm

    .section .entry.text, "ax"

/* ---- vectors ------------------------------------------------------------------------------------------------ */

    .balign 16
    .global trap_stubs
trap_stubs:
vector = 0
.rept 32
    .balign TRAP_STUB_SIZE
    .if !(vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21 || vector == 29 || vector == 30)
    pushq $0
    .endif
    pushq %rdi
    movl $vector, %edi
    .if vector == 1 || vector == 2 || vector == 8 || vector == 18
    jmp paranoid_entry
    .else
    jmp trap_entry
    .endif
    vector = vector + 1
.endr
.rept 224
    .balign TRAP_STUB_SIZE
    pushq $vector
    jmp irq_entry
    vector = vector + 1
.endr

    .balign 16
trap_entry: /* %edi = vector, error code in the frame's orig_rax */
    SAVE_BELOW_RDI
    cld
    CLOSE_USER
    testb $3, FRAME_CS(%rsp)
    jz 1f
    swapgs
2:  movl %edi, %esi
    movq FRAME_ORIG_RAX(%rsp), %rdx
    movq $-1, FRAME_ORIG_RAX(%rsp)
    movq %rsp, %rdi
    xorl %ebp, %ebp
    call trap_from_user
    jmp exit_to_user
1:  /* From the kernel. Two instructions fault with the user's %gs: the last IRET and the load of a %gs selector. */
    movq $iret_to_user, %rax
    cmpq %rax, FRAME_RIP(%rsp)
    je bad_iret
    movq $gs_load, %rax
    cmpq %rax, FRAME_RIP(%rsp)
    jne 3f
    swapgs /* the fixup has the kernel's */
3:
    movl %edi, %esi
    movq FRAME_ORIG_RAX(%rsp), %rdx
    movq $-1, FRAME_ORIG_RAX(%rsp)
    movq %rsp, %rdi
    call trap_from_kernel
exit_to_kernel:
    RESTORE_REGS
    addq $8, %rsp
    iretq

bad_iret: /* the user's frame was bad: as if the user's instruction had faulted */
    swapgs
    movl %edi, %esi
    movq FRAME_ORIG_RAX(%rsp), %rdx
    movq %rsp, %rdi
    movq %rdx, %rbx
    call trap_bad_iret /* moves the frame to the top of the thread's stack and returns it */
    movq %rax, %rsp
    movq %rax, %rdi
    movl $13, %esi
    movq %rbx, %rdx
    xorl %ebp, %ebp
    call trap_from_user
    jmp exit_to_user

    .balign 16
irq_entry: /* the vector in the frame's orig_rax */
    pushq %rdi
    SAVE_BELOW_RDI
    cld
    CLOSE_USER
    movq %rsp, %rdi
    testb $3, FRAME_CS(%rsp)
    jz 1f
    swapgs
    xorl %ebp, %ebp
    call irq_dispatch
    jmp exit_to_user
1:  call irq_dispatch
    jmp exit_to_kernel

/* ---- NMI, #DF, #MC, #DB ------------------------------------------------------------------------------------- */

/* With FSGSBASE user mode may hold any %gs base, kernel addresses too, so its sign proves nothing: the base is saved
 * and replaced by this CPU's, found by the limit of a segment. Without it, user mode cannot hold a negative one. */
paranoid_entry:
    SAVE_BELOW_RDI
    cld
    CLOSE_USER
    movl %edi, %r12d
    cmpl $1, %edi
    jne 1f
    testb $3, FRAME_CS(%rsp)
    jnz debug_from_user
1:  cmpb $0, cpu_uses_fsgsbase(%rip)
    je 2f
    rdgsbase %rbx
    movl $SEL_CPU_NUMBER, %eax
    lsll %eax, %eax
    shlq $PERCPU_SHIFT, %rax
    leaq percpu_area(%rip), %rcx
    addq %rcx, %rax
    wrgsbase %rax
    jmp 3f
2:  movl $0xc0000101, %ecx
    rdmsr
    xorl %ebx, %ebx
    testl %edx, %edx
    js 3f
    swapgs
    movl $1, %ebx
3:  movq %rsp, %rdi
    movl %r12d, %esi
    movq FRAME_ORIG_RAX(%rsp), %rdx
    movq $-1, FRAME_ORIG_RAX(%rsp)
    call trap_paranoid
    cmpb $0, cpu_uses_fsgsbase(%rip)
    je 4f
    wrgsbase %rbx
    jmp exit_to_kernel
4:  testl %ebx, %ebx
    jz exit_to_kernel
    swapgs
    jmp exit_to_kernel

debug_from_user: /* may sleep while it delivers a signal: on to the thread's own stack */
    swapgs
    movq %rsp, %rsi
    movq %gs:PERCPU_KERNEL_RSP, %rax
    subq $FRAME_SIZE, %rax
    movq %rax, %rdi
    movl $(FRAME_SIZE / 8), %ecx
    rep movsq
    movq %rax, %rsp
    movl $1, %esi
    xorl %edx, %edx
    movq $-1, FRAME_ORIG_RAX(%rsp)
    movq %rsp, %rdi
    xorl %ebp, %ebp
    call trap_from_user
    jmp exit_to_user

/* ---- system calls ------------------------------------------------------------------------------------------- */

    .balign 16
    .global syscall_entry
syscall_entry: /* flags masked by SFMASK: interrupts off, TF DF NT AC IOPL clear */
    swapgs
    movq %rsp, %gs:PERCPU_USER_RSP
    movq %gs:PERCPU_KERNEL_RSP, %rsp
    pushq $SEL_USER_SS
    pushq %gs:PERCPU_USER_RSP
    pushq %r11
    pushq $SEL_USER_CS
    pushq %rcx
    pushq %rax
    pushq %rdi
    pushq %rsi
    pushq %rdx
    pushq %rcx
    pushq $-38 /* ENOSYS, until the call says otherwise */
    pushq %r8
    pushq %r9
    pushq %r10
    pushq %r11
    pushq %rbx
    pushq %rbp
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, %rdi
    xorl %ebp, %ebp
    ENABLE_IRQS
    call hook_syscall
    cli
    movq %gs:PERCPU_CURRENT, %rcx
    cmpl $0, THREAD_WORK(%rcx)
    jne 2f
    cmpq %rcx, %gs:PERCPU_FPU_OWNER
    jne 2f
1:  /* SYSRET loads RIP from %rcx and RFLAGS from %r11, and fixed selectors. On Intel a non-canonical RIP faults in
     * the kernel with the user's stack pointer; RF and TF would be wrong. One branch for all of it. */
    movq FRAME_RCX(%rsp), %rcx
    movq FRAME_R11(%rsp), %r11
    movq %rcx, %rax
    xorq FRAME_RIP(%rsp), %rax
    movq %r11, %rdx
    xorq FRAME_RFLAGS(%rsp), %rdx
    orq %rdx, %rax
    movq %rcx, %rdx
    shrq $47, %rdx
    orq %rdx, %rax
    movl %r11d, %edx
    andl $0x10100, %edx
    orq %rdx, %rax
    movq FRAME_CS(%rsp), %rdx
    xorq $SEL_USER_CS, %rdx
    orq %rdx, %rax
    movq FRAME_SS(%rsp), %rdx
    xorq $SEL_USER_SS, %rdx
    orq %rdx, %rax
    jnz restore_and_iret
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbp
    popq %rbx
    popq %rsi /* r11 */
    popq %r10
    popq %r9
    popq %r8
    popq %rax
    popq %rsi /* rcx */
    popq %rdx
    popq %rsi
    popq %rdi
    movq (FRAME_RSP - FRAME_ORIG_RAX)(%rsp), %rsp
    swapgs
    sysretq
2:  movq %rsp, %rdi
    call exit_work
    jmp 1b

    .global syscall_entry_compat
syscall_entry_compat: /* SYSCALL in 32-bit mode, where the CPU has it: there is no such call */
    movl $-38, %eax
    sysretl

/* void gs_selector_load(u32 sel): a replaced base is the user's, so between two swapgs; one that is not valid changes
 * nothing. Interrupts are off. */
    .global gs_selector_load
gs_selector_load:
    swapgs
gs_load:
    movw %di, %gs
    swapgs
.Lgs_bad:
    ret
    EXTABLE gs_load, .Lgs_bad

/* ---- to user mode ------------------------------------------------------------------------------------------- */

    .global exit_to_user
exit_to_user: /* %rsp = the frame */
    cli
    movq %gs:PERCPU_CURRENT, %rcx
    cmpl $0, THREAD_WORK(%rcx)
    jne 1f
    cmpq %rcx, %gs:PERCPU_FPU_OWNER
    je restore_and_iret
1:  movq %rsp, %rdi
    call exit_work
restore_and_iret:
    RESTORE_REGS
    addq $8, %rsp
    swapgs
    .global iret_to_user
iret_to_user:
    iretq

    .global arch_enter_user
arch_enter_user:
    cli
    movq %rdi, %rsp
    jmp exit_to_user

/* ---- threads ------------------------------------------------------------------------------------------------ */

/* struct thread *switch_stacks(u64 *save_rsp, u64 next_rsp, struct thread *prev) → prev, on the next stack */
    .global switch_stacks
switch_stacks:
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    movq %rdx, %rax
    ret

    .global thread_entry
thread_entry: /* first switch to a thread: %rax = prev, %r12 = fn, %r13 = arg */
    movq %rax, %rdi
    call hook_thread_first
    ENABLE_IRQS
    movq %r13, %rdi
    call *%r12
    cli
    movq %gs:PERCPU_KERNEL_RSP, %rsp
    subq $FRAME_SIZE, %rsp
    jmp exit_to_user

    .section .note.GNU-stack, "", @progbits
