// SPDX-License-Identifier: MIT
/*
 * Instructions and segment loads that are not for users: each is a SIGSEGV for the program and nothing to the kernel.
 */
#include "tests/abi/util.h"

#include <setjmp.h>
#include <ucontext.h>

static sigjmp_buf jump;
static volatile int got_sig;

static void on_fault(int sig, siginfo_t *si, void *context)
{
    got_sig = sig;
    (void)si;
    (void)context;
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

/* ---- instructions ---- */

static void forbidden(void)
{
    CHECK_CHILD("hlt", {
        handle(SIGSEGV);
        REQ(RAISES(SIGSEGV, __asm__ volatile("hlt")));
    });
    CHECK_CHILD("cli", {
        handle(SIGSEGV);
        REQ(RAISES(SIGSEGV, __asm__ volatile("cli")));
    });
    CHECK_CHILD("sti", {
        handle(SIGSEGV);
        REQ(RAISES(SIGSEGV, __asm__ volatile("sti")));
    });
    CHECK_CHILD("in", {
        handle(SIGSEGV);
        REQ(RAISES(SIGSEGV, __asm__ volatile("in $0x60, %%al" ::: "rax")));
    });
    CHECK_CHILD("out", {
        handle(SIGSEGV);
        REQ(RAISES(SIGSEGV, __asm__ volatile("out %%al, $0x80" ::"a"(0))));
    });
    CHECK_CHILD("out to the debug-exit and reset ports", {
        handle(SIGSEGV);
        REQ(RAISES(SIGSEGV, __asm__ volatile("out %%eax, %%dx" ::"a"(1), "d"(0x501))));
        REQ(RAISES(SIGSEGV, __asm__ volatile("out %%al, $0x64" ::"a"(0xfe))));
    });
}

static void forbidden_registers(void)
{
    CHECK_CHILD("swapgs", {
        handle(SIGSEGV);
        REQ(RAISES(SIGSEGV, __asm__ volatile("swapgs")));
    });
    CHECK_CHILD("rdmsr", {
        handle(SIGSEGV);
        REQ(RAISES(SIGSEGV, __asm__ volatile("rdmsr" ::"c"(0x10) : "rax", "rdx")));
    });
    CHECK_CHILD("wrmsr", {
        handle(SIGSEGV);
        REQ(RAISES(SIGSEGV, __asm__ volatile("wrmsr" ::"c"(0xc0000082), "a"(0), "d"(0))));
    });
    CHECK_CHILD("mov to cr3", {
        handle(SIGSEGV);
        REQ(RAISES(SIGSEGV, __asm__ volatile("mov %0, %%cr3" ::"r"(0L))));
    });
    CHECK_CHILD("mov from cr0", {
        handle(SIGSEGV);
        REQ(RAISES(SIGSEGV, __asm__ volatile("mov %%cr0, %%rax" ::: "rax")));
    });
    CHECK_CHILD("mov to dr7", {
        handle(SIGSEGV);
        REQ(RAISES(SIGSEGV, __asm__ volatile("mov %0, %%dr7" ::"r"(0L))));
    });
    CHECK_CHILD("lgdt", {
        handle(SIGSEGV);
        char d[10] = {0};
        REQ(RAISES(SIGSEGV, __asm__ volatile("lgdt %0" ::"m"(d))));
    });
    CHECK_CHILD("lidt", {
        handle(SIGSEGV);
        char d[10] = {0};
        REQ(RAISES(SIGSEGV, __asm__ volatile("lidt %0" ::"m"(d))));
    });
    CHECK_CHILD("invlpg", {
        handle(SIGSEGV);
        char d[10] = {0};
        REQ(RAISES(SIGSEGV, __asm__ volatile("invlpg %0" ::"m"(d))));
    });
    CHECK_CHILD("wbinvd", {
        handle(SIGSEGV);
        REQ(RAISES(SIGSEGV, __asm__ volatile("wbinvd")));
    });
    CHECK_CHILD("sysret", {
        handle(SIGSEGV);
        handle(SIGILL);
        RAISES(SIGSEGV, __asm__ volatile("sysretq" ::"c"(0L) : "memory"));
        REQ(got_sig == SIGSEGV);
    });
    CHECK_CHILD("clts", {
        handle(SIGSEGV);
        REQ(RAISES(SIGSEGV, __asm__ volatile("clts")));
    });
}

static void forbidden_gates(void)
{
    CHECK_CHILD("ud2 is SIGILL", {
        handle(SIGILL);
        REQ(RAISES(SIGILL, __asm__ volatile("ud2")));
    });
    CHECK_CHILD("software interrupts of exceptions", {
        handle(SIGSEGV);
        REQ(RAISES(SIGSEGV, __asm__ volatile("int $8")));
        REQ(RAISES(SIGSEGV, __asm__ volatile("int $13")));
        REQ(RAISES(SIGSEGV, __asm__ volatile("int $14")));
        REQ(RAISES(SIGSEGV, __asm__ volatile("int $2")));
        REQ(RAISES(SIGSEGV, __asm__ volatile("int $18")));
        REQ(RAISES(SIGSEGV, __asm__ volatile("int $0xff")));
    });
    CHECK_CHILD("iret to the kernel's segments", {
        handle(SIGSEGV);
        REQ(RAISES(SIGSEGV, __asm__ volatile("mov %%rsp, %%rax\n pushq $0x18\n push %%rax\n pushfq\n pushq $0x10\n"
                                             "lea 1f(%%rip), %%rax\n push %%rax\n iretq\n 1:" ::
                                                 : "rax", "memory")));
    });
    CHECK_CHILD("iret to where one is goes on", {
        long ok = 0;
        __asm__ volatile(
            "mov %%rsp, %%rcx\n mov %%ss, %%eax\n push %%rax\n push %%rcx\n pushfq\n mov %%cs, %%eax\n push %%rax\n"
            "lea 1f(%%rip), %%rax\n push %%rax\n iretq\n 1: mov $1, %0"
            : "=r"(ok)::"rax", "rcx", "memory");
        REQ(ok == 1);
    });
}

/* ---- segments ---- */

static void segments(void)
{
    CHECK_CHILD("null in ds and es", {
        __asm__ volatile("mov %0, %%ds\n mov %0, %%es" ::"r"(0));
        msleep(1);
        REQ(getpid() > 0);
    });
    CHECK_CHILD("a selector that is not there", {
        handle(SIGSEGV);
        REQ(RAISES(SIGSEGV, __asm__ volatile("mov %0, %%ds" ::"r"(0xfff8))));
    });
    CHECK_CHILD("a kernel's selector", {
        handle(SIGSEGV);
        REQ(RAISES(SIGSEGV, __asm__ volatile("mov %0, %%ds" ::"r"(0x10))));
    });
    CHECK_CHILD("null in gs, then a system call and a switch", {
        __asm__ volatile("mov %0, %%gs" ::"r"(0));
        sched_yield();
        msleep(1);
        REQ(getpid() > 0);
    });
    CHECK_CHILD("the user's data selector in gs", {
        long ss;
        __asm__ volatile("mov %%ss, %0\n mov %0, %%gs" : "=r"(ss));
        sched_yield();
        msleep(1);
        REQ(getpid() > 0);
    });
    CHECK_CHILD("wrgsbase, where the processor has it, over system calls and switches", {
        unsigned long area[2] = {0xabcdef, 0};
        unsigned long v;
        REQ(syscall(SYS_arch_prctl, 0x1001, area) == 0);
        msleep(1);
        sched_yield();
        __asm__ volatile("mov %%gs:0, %0" : "=r"(v));
        REQ(v == 0xabcdef);
    });
    CHECK_CHILD("a kernel address as gs base does nothing but fault", {
        handle(SIGSEGV);
        REQ(syscall(SYS_arch_prctl, 0x1001, 0xffff888000000000) == -1);
        __asm__ volatile("mov %0, %%gs" ::"r"(0));
        long v;
        REQ(RAISES(SIGSEGV, __asm__ volatile("mov %%gs:0, %0" : "=r"(v))));
    });
}

int main(void)
{
    forbidden();
    forbidden_registers();
    forbidden_gates();
    segments();
    return tap_end();
}
