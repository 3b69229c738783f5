// SPDX-License-Identifier: MIT
/*
 * Panic and backtraces. The first CPU to panic stops the others by NMI, prints to the log (which reaches the UART
 * whatever the console's level), reports to the host by hook_panic and powers off. A fault inside panic ends at once.
 * Names come from the table that tools/ksyms makes from the first link; it is empty during that link.
 */
#include "arch/panic.h"
#include "arch/cpu.h"
#include "arch/hooks.h"
#include "arch/irq.h"
#include "arch/paging.h"
#include "arch/percpu.h"
#include "arch/smp.h"
#include "arch/thread.h"
#include "arch/usercopy.h"
#include "lib/printf.h"
#include "lib/string.h"

extern const u32 ksyms_count, ksyms_addr[], ksyms_name[];
extern const char ksyms_text[];
extern char _text_start[], _text_end[];

static u32 panicking; /* CPU + 1 */
static char message[256];

const char *ksym_find(u64 addr, u64 *offset)
{
    if (!ksyms_count || addr < (u64)_text_start || addr >= (u64)_text_end)
        return NULL;
    u32 low = 0, high = ksyms_count;
    while (high - low > 1) {
        u32 mid = (low + high) / 2;
        if (ksyms_addr[mid] <= (u32)addr)
            low = mid;
        else
            high = mid;
    }
    *offset = (u32)addr - ksyms_addr[low];
    return ksyms_text + ksyms_name[low];
}

u32 backtrace_collect(u64 rbp, u64 *pcs, u32 max)
{
    u32 n = 0;
    while (n < max && rbp >= DIRECT_MAP && !(rbp & 7)) {
        u64 next, pc;
        if (probe_kernel_u64(&next, (void *)rbp) || probe_kernel_u64(&pc, (void *)(rbp + 8)) || pc < KERNEL_BASE)
            break;
        pcs[n++] = pc;
        if (next <= rbp) /* callers lie higher, except across stacks: the end either way */
            break;
        rbp = next;
    }
    return n;
}

static void print_pc(u64 pc, bool is_return)
{
    u64 offset;
    const char *name = ksym_find(pc - is_return, &offset);
    if (name)
        klog(LOG_EMERG, "  %016lx %s+0x%lx", pc, name, offset + is_return);
    else
        klog(LOG_EMERG, "  %016lx", pc);
}

void backtrace_print(u64 rip, u64 rbp)
{
    static u64 pcs[32];
    klog(LOG_EMERG, "Call trace:");
    if (rip)
        print_pc(rip, false);
    u32 n = backtrace_collect(rbp, pcs, ARRAY_SIZE(pcs));
    for (u32 i = 0; i < n; i++)
        print_pc(pcs[i], true);
}

static void print_registers(const struct trapframe *f)
{
    klog(LOG_EMERG, "RIP %04lx:%016lx RSP %04lx:%016lx FLAGS %08lx", f->cs, f->rip, f->ss, f->rsp, f->rflags);
    klog(LOG_EMERG, "RAX %016lx RBX %016lx RCX %016lx", f->rax, f->rbx, f->rcx);
    klog(LOG_EMERG, "RDX %016lx RSI %016lx RDI %016lx", f->rdx, f->rsi, f->rdi);
    klog(LOG_EMERG, "RBP %016lx R8  %016lx R9  %016lx", f->rbp, f->r8, f->r9);
    klog(LOG_EMERG, "R10 %016lx R11 %016lx R12 %016lx", f->r10, f->r11, f->r12);
    klog(LOG_EMERG, "R13 %016lx R14 %016lx R15 %016lx", f->r13, f->r14, f->r15);
    u64 cr0, cr4;
    __asm__("movq %%cr0, %0" : "=r"(cr0));
    __asm__("movq %%cr4, %0" : "=r"(cr4));
    klog(LOG_EMERG, "CR0 %08lx CR2 %016lx CR3 %016lx CR4 %08lx CPU %u", cr0, read_cr2(), read_cr3(), cr4, cpu_id());
}

static __noreturn void halt_forever(void)
{
    for (;;)
        __asm__ volatile("cli; hlt");
}

void panic_stop_check(void)
{
    u32 who = __atomic_load_n(&panicking, __ATOMIC_ACQUIRE);
    if (who && who != cpu_id() + 1)
        halt_forever();
}

/* Only one CPU goes on; a panic inside the panic goes straight to the end. */
static void panic_enter(void)
{
    irq_disable();
    u32 none = 0, me = cpu_id() + 1;
    if (!__atomic_compare_exchange_n(&panicking, &none, me, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
        if (none != me)
            halt_forever();
        arch_poweroff();
    }
    smp_stop_others();
    klog_panic();
}

static __noreturn void panic_finish(const struct trapframe *f, u64 rip, u64 rbp)
{
    klog(LOG_EMERG, "Kernel panic: %s", message);
    if (f)
        print_registers(f);
    backtrace_print(rip, rbp);
    hook_panic(message);
    arch_poweroff();
}

void panic(const char *fmt, ...)
{
    panic_enter();
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(message, sizeof(message), fmt, ap);
    va_end(ap);
    panic_finish(NULL, 0, (u64)__builtin_frame_address(0));
}

void panic_frame(const struct trapframe *f, const char *fmt, ...)
{
    panic_enter();
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(message, sizeof(message), fmt, ap);
    va_end(ap);
    panic_finish(f, f->rip, f->rbp);
}

void __stack_chk_fail(void);
void __stack_chk_fail(void)
{
    u64 offset = 0;
    const char *name = ksym_find((u64)__builtin_return_address(0) - 1, &offset);
    panic("stack smashed in %s", name ? name : "?");
}
