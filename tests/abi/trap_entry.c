// SPDX-License-Identifier: MIT
/*
 * The entry traps: states of the processor in which a program enters the kernel, and which a kernel may get wrong.
 * Non-canonical return addresses, flags at system calls, registers, single steps, strange stack pointers.
 */
#include "tests/abi/util.h"

#include <setjmp.h>
#include <sys/mman.h>
#include <ucontext.h>

static sigjmp_buf jump;
static volatile int got_sig, got_code;
static volatile long got_rip;

static void on_fault(int sig, siginfo_t *si, void *context)
{
    got_sig = sig;
    got_code = si->si_code;
    got_rip = ((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];
    siglongjmp(jump, 1);
}

static void handle(int sig)
{
    static char alt[65536];
    stack_t ss = {alt, 0, sizeof alt};
    struct sigaction sa = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    REQ(sigaltstack(&ss, NULL) == 0 && sigaction(sig, &sa, NULL) == 0);
}

/* True when the statement raises this signal. */
#define RAISES(sig, ...)               \
    ({                                 \
        got_sig = 0;                   \
        if (sigsetjmp(jump, 1) == 0) { \
            __VA_ARGS__;               \
        }                              \
        got_sig == (sig);              \
    })

#define ALL_REGS "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "memory", "cc"

/* The last page that a user can map ends below the last canonical page, so a SYSCALL there returns to a canonical
 * address; the page above is never to be had. Both are tried. */
static void top_of_user_space(void)
{
    char *last = (char *)0x7fffffffe000;
    static const unsigned char code[] = {0x0f, 0x05}; /* syscall, as the very last bytes */
    char *p = mmap(last, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    CHECK(p == last || errno == EEXIST, "the last page of the user half can be mapped");
    CHECK_CHILD("a system call in its last bytes returns and faults on the page above", {
        handle(SIGSEGV);
        REQ(p == last);
        memcpy(p + PAGE - 2, code, 2);
        REQ(mprotect(p, PAGE, PROT_READ | PROT_EXEC) == 0);
        REQ(RAISES(SIGSEGV, __asm__ volatile("mov $39, %%eax\n call *%0" ::"r"(p + PAGE - 2) : ALL_REGS)));
        REQ(got_rip == 0x7ffffffff000);
    });
    CHECK_CHILD("so does one that fails", {
        handle(SIGSEGV);
        REQ(p == last);
        memcpy(p + PAGE - 2, code, 2);
        REQ(mprotect(p, PAGE, PROT_READ | PROT_EXEC) == 0);
        REQ(RAISES(SIGSEGV, __asm__ volatile("mov $9999, %%eax\n call *%0" ::"r"(p + PAGE - 2) : ALL_REGS)));
        REQ(got_rip == 0x7ffffffff000);
    });
    if (p == last)
        munmap(p, PAGE);
    char *above =
        mmap(at_addr(0x7ffffffff000), PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    CHECK(above == MAP_FAILED, "the page above cannot");
    CHECK_CHILD("a jump to a non-canonical address", {
        handle(SIGSEGV);
        REQ(RAISES(SIGSEGV, ((void (*)(void))at_addr(0x800000000000))()));
    });
    CHECK_CHILD("a jump into the kernel", {
        handle(SIGSEGV);
        REQ(RAISES(SIGSEGV, ((void (*)(void))at_addr(0xffffffff81000000))()));
    });
}

/* ---- flags ---- */

static long flags_over_call(long set)
{
    long f;
    __asm__ volatile("pushfq\n orq %1, (%%rsp)\n popfq\n mov $39, %%eax\n syscall\n pushfq\n pop %0\n cld\n"
                     "pushq $0x202\n popfq"
                     : "=&r"(f)
                     : "r"(set)
                     : ALL_REGS);
    return f;
}

static void flags(void)
{
    CHECK((flags_over_call(0x400) & 0x400) == 0x400, "the direction flag set at a system call is harmless and kept");
    CHECK((flags_over_call(0x4000) & 0x4000) == 0x4000, "so is the nested-task flag");
    CHECK((flags_over_call(0x40000) & 0x40000) == 0x40000, "so is the alignment flag");
    CHECK((flags_over_call(0x200000) & 0x200000) == 0x200000, "so is the identification flag");
    CHECK((flags_over_call(0x8d5) & 0x8d5) == 0x8d5, "the arithmetic flags are kept");
    CHECK((flags_over_call(0x3000) & 0x3000) == 0, "IOPL cannot be set");
    CHECK((flags_over_call(0x202) & 0x200) == 0x200, "interrupts stay on");
}

static volatile long handler_flags;

static void read_flags(int sig)
{
    long f;
    (void)sig;
    __asm__ volatile("pushfq\n pop %0" : "=r"(f));
    handler_flags = f;
}

static void flags_in_handlers(void)
{
    long f;
    signal(SIGUSR1, read_flags);
    __asm__ volatile("std\n mov $62, %%eax\n mov %1, %%edi\n mov $10, %%esi\n syscall\n pushfq\n pop %0\n cld"
                     : "=&r"(f)
                     : "r"(getpid())
                     : ALL_REGS);
    CHECK(!(handler_flags & 0x400) && (f & 0x400),
          "a handler runs with the direction flag clear; it is set again after");
    signal(SIGUSR1, SIG_DFL);
}

/* ---- registers ---- */

static void registers(void)
{
    long rbx, rbp_ok, r12, r13, r14, r15, rdx, rsi, rdi, r8, r9, r10;
    __asm__ volatile("push %%rbp\n mov $0x77, %%ebp\n mov $39, %%eax\n syscall\n mov %%rbp, %%rax\n pop %%rbp"
                     : "=a"(rbp_ok), "=b"(rbx), "=d"(rdx), "=S"(rsi), "=D"(rdi)
                     : "b"(0x11L), "d"(0x22L), "S"(0x33L), "D"(0x44L)
                     : "rcx", "r11", "memory");
    CHECK(rbp_ok == 0x77 && rbx == 0x11 && rdx == 0x22 && rsi == 0x33 && rdi == 0x44,
          "a system call keeps all but rax, rcx, r11");
    __asm__ volatile(
        "mov $1, %%r8d\n mov $2, %%r9d\n mov $3, %%r10d\n mov $4, %%r12d\n mov $5, %%r13d\n mov $6, %%r14d\n"
        "mov $7, %%r15d\n mov $24, %%eax\n syscall\n mov %%r8, %0\n mov %%r9, %1\n mov %%r10, %2\n mov %%r12, %3\n"
        "mov %%r13, %4\n mov %%r14, %5\n mov %%r15, %6"
        : "=m"(r8), "=m"(r9), "=m"(r10), "=m"(r12), "=m"(r13), "=m"(r14), "=m"(r15)
        :
        : ALL_REGS, "r12", "r13", "r14", "r15");
    CHECK(r8 == 1 && r9 == 2 && r10 == 3 && r12 == 4 && r13 == 5 && r14 == 6 && r15 == 7,
          "also the upper ones, over sched_yield");
    long rcx, r11, here;
    __asm__ volatile("mov $39, %%eax\n syscall\n 1: lea 1b(%%rip), %2"
                     : "=c"(rcx), "=&a"(r11), "=r"(here)::"r11", "memory");
    CHECK(rcx == here, "rcx is the address after it");
}

/* ---- single steps ---- */

enum { STEPS = 64 };
static volatile long stepped[STEPS];
static volatile int steps;

static void on_step(int sig, siginfo_t *si, void *context)
{
    greg_t *r = ((ucontext_t *)context)->uc_mcontext.gregs;
    (void)sig;
    got_code = si->si_code;
    if (steps < STEPS)
        stepped[steps++] = r[REG_RIP];
}

static void handle_steps(void)
{
    struct sigaction sa = {.sa_sigaction = on_step, .sa_flags = SA_SIGINFO};
    steps = 0;
    REQ(sigaction(SIGTRAP, &sa, NULL) == 0);
}

static int was_at(const char *label)
{
    for (int i = 0; i < steps; i++)
        if (stepped[i] == (long)label)
            return 1;
    return 0;
}

extern char step_a[], step_b[], step_c[], step_d[], step_e[], step_f[];

static void stepping(void)
{
    handle_steps();
    __asm__ volatile("pushfq\n orq $0x100, (%%rsp)\n popfq\n"
                     ".globl step_a\n nop\n step_a: nop\n .globl step_b\n step_b: nop\n"
                     "pushfq\n andq $~0x100, (%%rsp)\n popfq" ::
                         : ALL_REGS);
    CHECK(was_at(step_a) && was_at(step_b) && got_code == TRAP_TRACE,
          "the trap flag steps through instructions: TRAP_TRACE");
    handle_steps();
    __asm__ volatile("pushfq\n orq $0x100, (%%rsp)\n popfq\n"
                     "mov $39, %%eax\n .globl step_c\n step_c: syscall\n .globl step_d\n nop\n step_d: nop\n"
                     "pushfq\n andq $~0x100, (%%rsp)\n popfq" ::
                         : ALL_REGS);
    CHECK(was_at(step_c) && was_at(step_d), "and over a system call, behind which it goes on");
    handle_steps();
    __asm__ volatile("pushfq\n orq $0x100, (%%rsp)\n popfq\n"
                     "mov $24, %%eax\n syscall\n .globl step_e\n nop\n step_e: nop\n"
                     "pushfq\n andq $~0x100, (%%rsp)\n popfq" ::
                         : ALL_REGS);
    CHECK(was_at(step_e), "also over one that switches");
    int far = steps;
    __asm__ volatile("nop\n nop\n nop\n");
    CHECK(steps == far, "cleared, it stops");
    CHECK_CHILD("a step over fork stays with the parent or is taken by both, and harms none", {
        handle_steps();
        long pid;
        __asm__ volatile("pushfq\n orq $0x100, (%%rsp)\n popfq\n mov $57, %%eax\n syscall\n"
                         "pushfq\n andq $~0x100, (%%rsp)\n popfq"
                         : "=a"(pid)::"rcx", "r11", "memory", "cc");
        if (pid == 0)
            _exit(0);
        REQ(tap_wait(pid) == 0);
    });
    CHECK(tap_killed(CHILD({
                         signal(SIGTRAP, SIG_DFL);
                         __asm__ volatile("pushfq\n orq $0x100, (%%rsp)\n popfq\n nop\n nop" ::: "memory", "cc");
                     }),
                     SIGTRAP),
          "without a handler a step kills");
    CHECK_CHILD("a step at the load of the stack segment", {
        handle_steps();
        long ss;
        __asm__ volatile("mov %%ss, %0\n pushfq\n orq $0x100, (%%rsp)\n popfq\n mov %0, %%ss\n nop\n nop\n"
                         "pushfq\n andq $~0x100, (%%rsp)\n popfq"
                         : "=&r"(ss)::"memory", "cc");
        REQ(steps > 0);
    });
}

/* ---- the user's stack pointer may be anything while a system call runs ---- */

static void stacks(void)
{
    long r, want = getpid();
    __asm__ volatile("mov %%rsp, %%r12\n xor %%esp, %%esp\n mov $39, %%eax\n syscall\n mov %%r12, %%rsp"
                     : "=a"(r)::"rcx", "r11", "r12", "memory");
    CHECK(r == want, "a stack pointer of 0");
    __asm__ volatile("mov %%rsp, %%r12\n mov $0xffff888000001000, %%rsp\n mov $39, %%eax\n syscall\n mov %%r12, %%rsp"
                     : "=a"(r)::"rcx", "r11", "r12", "memory");
    CHECK(r == want, "one in the kernel's half");
    __asm__ volatile("mov %%rsp, %%r12\n mov $0x8000000000000000, %%rsp\n mov $24, %%eax\n syscall\n mov %%r12, %%rsp"
                     : "=a"(r)::"rcx", "r11", "r12", "memory");
    CHECK(r == 0, "a non-canonical one, over sched_yield");
    struct timespec ts = {0, 2000000};
    __asm__ volatile("mov %%rsp, %%r12\n mov $1, %%esp\n mov $35, %%eax\n syscall\n mov %%r12, %%rsp"
                     : "=a"(r)
                     : "D"(&ts), "S"(0L)
                     : "rcx", "r11", "r12", "memory");
    CHECK(r == 0, "an odd one, over a sleep");
    __asm__ volatile(
        "mov %%rsp, %%r12\n xor %%esp, %%esp\n mov $3000000, %%ecx\n 1: dec %%ecx\n jnz 1b\n mov %%r12, %%rsp" ::
            : "rcx", "r12", "memory", "cc");
    CHECK(1, "interrupts with a stack pointer of 0");
}

int main(void)
{
    top_of_user_space();
    flags();
    flags_in_handlers();
    registers();
    stepping();
    stacks();
    return tap_end();
}
