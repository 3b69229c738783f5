// SPDX-License-Identifier: MIT
/*
 * Exceptions. From user mode they become a page fault for vm/ or a signal. From the kernel they are a page fault of a
 * user copy (vm/, then the exception table), any other instruction of the exception table, or the end.
 *
 * Page faults of the kernel: the address decides nothing by itself. Only instructions in the exception table may touch
 * user memory, so a stray pointer panics instead of faulting a page in. With interrupts off, or inside pagefault_disable(),
 * nothing is faulted in: the copy fails.
 */
#include "arch/trap.h"
#include "abi/signal.h"
#include "arch/asm_offsets.h"
#include "arch/cpu.h"
#include "arch/extable.h"
#include "arch/hooks.h"
#include "arch/panic.h"
#include "arch/paging.h"
#include "arch/percpu.h"
#include "arch/smp.h"
#include "arch/thread.h"
#include "arch/usercopy.h"
#include "lib/printf.h"
#include "lib/string.h"

#define RFLAGS_IF 0x200ul
#define RFLAGS_TF 0x100ul
#define RFLAGS_RF 0x10000ul
#define RFLAGS_AC 0x40000ul
#define DR6_STEP (1ul << 14)
#define DR6_TRAPS 15ul

struct extable_entry {
    u32 insn, fixup;
};
extern const struct extable_entry _extable_start[], _extable_end[];

u64 extable_find(u64 rip)
{
    if (rip < KERNEL_BASE)
        return 0;
    u32 low = (u32)(rip - KERNEL_BASE);
    for (const struct extable_entry *e = _extable_start; e < _extable_end; e++)
        if (e->insn == low)
            return KERNEL_BASE + e->fixup;
    return 0;
}

/* si_code of a floating point exception, by the unmasked bits of the x87 status or MXCSR. */
static int fpe_code(u32 status)
{
    static const struct {
        u32 bit;
        int code;
    } table[] = {{1, FPE_FLTINV},  {4, FPE_FLTDIV}, {8, FPE_FLTOVF},
                 {16, FPE_FLTUND}, {2, FPE_FLTUND}, {32, FPE_FLTRES}};
    for (u32 i = 0; i < ARRAY_SIZE(table); i++)
        if (status & table[i].bit)
            return table[i].code;
    return FPE_FLTUNK;
}

static int fp_trap_code(u32 vector)
{
    struct arch_thread *t = (struct arch_thread *)current_thread();
    fpu_save_current();
    const u8 *area = t->fpu;
    u16 cwd, swd;
    u32 mxcsr;
    memcpy(&cwd, area, 2);
    memcpy(&swd, area + 2, 2);
    memcpy(&mxcsr, area + 24, 4);
    if (vector == TRAP_MF)
        return fpe_code(swd & ~cwd);
    return fpe_code(~(mxcsr >> 7) & mxcsr);
}

static u64 take_dr6(void)
{
    u64 dr6;
    __asm__ volatile("movq %%dr6, %0" : "=r"(dr6));
    __asm__ volatile("movq %0, %%dr6" ::"r"(0xffff0ff0ul));
    return dr6;
}

/* DR6 is shown by PTRACE_PEEKUSER. A breakpoint's instruction has not run yet: it does when RF is set. */
static void note_watchpoint(struct trapframe *f, u64 dr6)
{
    struct arch_debug *d = ((struct arch_thread *)current_thread())->debug;
    if (!d)
        return;
    d->dr6 = dr6 & (DR6_TRAPS | DR6_STEP);
    for (u32 i = 0; i < 4; i++) {
        if (dr6 >> i & 1 && !(d->dr7 >> (16 + 4 * i) & 3))
            f->rflags |= RFLAGS_RF;
    }
}

static int debug_code(u64 dr6)
{
    if (dr6 & DR6_STEP)
        return TRAP_TRACE;
    return dr6 & DR6_TRAPS ? TRAP_HWBKPT : TRAP_BRKPT;
}

/* What user mode may change in its flags: CF PF AF ZF SF TF DF OF NT RF AC ID. */
#define USER_FLAGS 0x254dd5ul

/* QEMU's TCG reads the stack of a far return in user mode with the kernel's rights, which SMAP forbids: a fault that no
 * processor raises. Does what the instruction would have done; false: it is not one, or returns to nowhere. */
static bool emulate_far_return(struct trapframe *f)
{
    u8 code[2];
    u64 to[5]; /* rip cs [rflags rsp ss] */
    if (copy_from_user(code, f->rip, sizeof(code)) || code[0] != 0x48 || (code[1] != 0xcf && code[1] != 0xcb))
        return false;
    bool iret = code[1] == 0xcf;
    if (copy_from_user(to, f->rsp, iret ? sizeof(to) : 2 * sizeof(u64)))
        return false;
    if ((to[1] != USER_CS && to[1] != SEL_USER_CS32) || to[0] >= USER_END || (iret && to[4] != USER_SS))
        return false;
    f->rip = to[0];
    f->cs = to[1];
    f->rsp = iret ? to[3] : f->rsp + 2 * sizeof(u64);
    if (iret)
        f->rflags = (f->rflags & ~USER_FLAGS) | (to[2] & USER_FLAGS);
    return true;
}

static void user_page_fault(u32 error, u64 addr, struct trapframe *f)
{
    if (unlikely((error & (PF_PRESENT | PF_USER)) == PF_PRESENT)) {
        if (!emulate_far_return(f))
            hook_user_trap(TRAP_GP, 0, 0, SIGSEGV, SI_KERNEL, f);
        return;
    }
    int code = SEGV_MAPERR;
    int signo = hook_page_fault(addr, error, f, &code);
    if (signo)
        hook_user_trap(TRAP_PF, error, addr, signo, code, f);
}

void trap_from_user(struct trapframe *f, u32 vector, u32 error);
void trap_from_user(struct trapframe *f, u32 vector, u32 error)
{
    u64 cr2 = vector == TRAP_PF ? read_cr2() : 0;
    u64 dr6 = vector == TRAP_DB ? take_dr6() : 0;
    if (vector == TRAP_DB)
        note_watchpoint(f, dr6);
    irq_enable();
    switch (vector) {
    case TRAP_PF:
        return user_page_fault(error, cr2, f);
    case TRAP_DE:
        return hook_user_trap(vector, error, f->rip, SIGFPE, FPE_INTDIV, f);
    case TRAP_DB:
        return hook_user_trap(vector, error, f->rip, SIGTRAP, debug_code(dr6), f);
    case TRAP_BP:
        return hook_user_trap(vector, error, 0, SIGTRAP, SI_KERNEL, f);
    case TRAP_UD:
        return hook_user_trap(vector, error, f->rip, SIGILL, ILL_ILLOPN, f);
    case TRAP_MF:
    case TRAP_XM:
        return hook_user_trap(vector, error, f->rip, SIGFPE, fp_trap_code(vector), f);
    case TRAP_AC:
        return hook_user_trap(vector, error, 0, SIGBUS, BUS_ADRALN, f);
    case TRAP_NP:
    case TRAP_SS:
        return hook_user_trap(vector, error, 0, SIGBUS, SI_KERNEL, f);
    default: /* #GP #OF #BR #TS and what a CPU may yet invent */
        return hook_user_trap(vector, error, 0, SIGSEGV, SI_KERNEL, f);
    }
}

static __noreturn void bad_kernel_fault(struct trapframe *f, u32 error, u64 addr)
{
    const char *what = error & PF_INSTR ? "execute" : error & PF_WRITE ? "write" : "read";
    if (addr < PAGE_SIZE)
        panic_frame(f, "NULL pointer: %s of address 0x%lx in the kernel", what, addr);
    if (error & PF_RSVD)
        panic_frame(f, "page table damaged: reserved bit set for address 0x%lx", addr);
    if (addr < USER_END && error & PF_PRESENT)
        panic_frame(f, "%s of user memory at 0x%lx outside a user copy", what, addr);
    panic_frame(f, "page fault in the kernel: %s of address 0x%lx (%s)", what, addr,
                error & PF_PRESENT ? "protection" : "not mapped");
}

static void kernel_page_fault(struct trapframe *f, u32 error, u64 addr)
{
    u64 fixup = extable_find(f->rip);
    if (!fixup)
        bad_kernel_fault(f, error, addr);
    struct arch_thread *t = (struct arch_thread *)current_thread();
    if (addr < USER_END && f->rflags & RFLAGS_IF && t && !t->nofault) {
        int code;
        irq_enable();
        int signo = hook_page_fault(addr, error, f, &code);
        irq_disable();
        if (!signo)
            return;
    }
    f->rip = fixup;
}

void trap_from_kernel(struct trapframe *f, u32 vector, u32 error);
void trap_from_kernel(struct trapframe *f, u32 vector, u32 error)
{
    if (vector == TRAP_PF)
        return kernel_page_fault(f, error, read_cr2());
    u64 fixup = extable_find(f->rip);
    if (fixup && vector == TRAP_GP) {
        f->rip = fixup;
        return;
    }
    static const char *const names[] = {
        "divide error", "debug",        "NMI", "breakpoint",  "overflow",   "bound range",   "invalid opcode",
        "no FPU",       "double fault", "9",   "invalid TSS", "no segment", "stack segment", "general protection"};
    panic_frame(f, "%s in the kernel (vector %u, error 0x%x)", vector < ARRAY_SIZE(names) ? names[vector] : "trap",
                vector, error);
}

/* The last IRET faulted, so `f` lies just below the frame it was to load, and overlaps where that frame's registers
 * belong. Puts them there; returns the complete frame. */
struct trapframe *trap_bad_iret(struct trapframe *f);
struct trapframe *trap_bad_iret(struct trapframe *f)
{
    struct trapframe *user = (struct trapframe *)(this_cpu()->kernel_rsp - sizeof(*user));
    struct trapframe copy = *f;
    copy.orig_rax = (u64)-1;
    memcpy(user, &copy, offsetof(struct trapframe, rip));
    return user;
}

static __noreturn void double_fault(struct trapframe *f)
{
    struct arch_thread *t = (struct arch_thread *)current_thread();
    u64 low = t ? t->kstack : 0, guard = low - KSTACK_SIZE;
    if (low && (f->rsp - guard < KSTACK_SIZE || read_cr2() - guard < KSTACK_SIZE))
        panic_frame(f, "kernel stack overflow (stack 0x%lx–0x%lx)", low, low + KSTACK_SIZE);
    panic_frame(f, "double fault (address 0x%lx)", read_cr2());
}

/* NMI, #DF, #MC, and #DB of the kernel, on stacks of their own; any instruction may have been interrupted. */
void trap_paranoid(struct trapframe *f, u32 vector, u32 error);
void trap_paranoid(struct trapframe *f, u32 vector, u32 error)
{
    (void)error;
    switch (vector) {
    case TRAP_NMI:
        panic_stop_check(); /* another CPU panics: does not return */
        return;             /* nothing else sends one */
    case TRAP_DB:           /* a user's single step or watchpoint that reached the kernel: not the kernel's business */
        take_dr6();
        f->rflags &= ~RFLAGS_TF;
        return;
    case TRAP_DF:
        double_fault(f);
    default:
        panic_frame(f, "machine check");
    }
}

/* Before user mode: interrupts off on return, no work left, the thread's vector state in the registers. */
void exit_work(struct trapframe *f);
void exit_work(struct trapframe *f)
{
    struct arch_thread *t = (struct arch_thread *)current_thread();
    while (atomic_read(&t->work)) {
        irq_enable();
        hook_exit_work(f);
        irq_disable();
    }
    fpu_restore_current();
}
