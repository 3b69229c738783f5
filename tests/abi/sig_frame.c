// SPDX-License-Identifier: MIT
/*
 * Hostile signal frames: what a program can hand to rt_sigreturn. The kernel must survive all of them; the program
 * gets SIGSEGV where Linux gives it, and bits that are not its own are not taken over.
 */
#include "tests/abi/util.h"

#include <sys/mman.h>
#include <ucontext.h>

enum attack {
    NONE,
    RIP_NONCANONICAL,
    RIP_KERNEL,
    RIP_UNMAPPED,
    RSP_NONCANONICAL,
    RSP_KERNEL,
    CS_ZERO,
    CS_KERNEL,
    CS_ODD,
    SS_ZERO,
    SS_KERNEL,
    SS_ODD,
    FLAGS_ALL,
    FLAGS_NONE,
    FP_NULL,
    FP_BAD_POINTER,
    FP_KERNEL,
    FP_UNALIGNED,
    FP_MXCSR,
    FP_MAGIC,
    FP_SIZE,
    FP_HEADER,
    FP_XCOMP,
    FP_UNMAPPED_HALF,
    MASK_ALL,
    ATTACKS
};

static volatile enum attack attack;
static volatile long flags_after;
static char *half;

#define CS_SHIFT 0
#define SS_SHIFT 48

static void set_selector(greg_t *r, int shift, long value)
{
    r[REG_CSGSFS] = (long)(((unsigned long)r[REG_CSGSFS] & ~(0xffffUL << shift)) | (unsigned long)value << shift);
}

static void spoil_state(ucontext_t *uc, struct _fpstate *fp)
{
    struct _xstate *x = (void *)fp;
    struct _fpx_sw_bytes *sw = (void *)&fp->__glibc_reserved1[12];
    switch (attack) {
    case FP_NULL:
        uc->uc_mcontext.fpregs = NULL;
        break;
    case FP_BAD_POINTER:
        uc->uc_mcontext.fpregs = at_addr(0x1000);
        break;
    case FP_KERNEL:
        uc->uc_mcontext.fpregs = at_addr(0xffff888000001000);
        break;
    case FP_UNALIGNED:
        uc->uc_mcontext.fpregs = (void *)((char *)fp + 8);
        break;
    case FP_MXCSR:
        fp->mxcsr = 0xffffffff;
        break;
    case FP_MAGIC:
        sw->magic1 = 0x12345678;
        break;
    case FP_SIZE:
        sw->xstate_size = 0xfffffff0;
        break;
    case FP_HEADER:
        x->xstate_hdr.xstate_bv = ~0ULL;
        break;
    case FP_XCOMP:
        x->xstate_hdr.__glibc_reserved1[0] = ~0ULL;
        break;
    case FP_UNMAPPED_HALF:
        memcpy(half + PAGE - 256, fp, 256);
        uc->uc_mcontext.fpregs = (void *)(half + PAGE - 256);
        break;
    default:
        break;
    }
}

static void on_signal(int sig, siginfo_t *si, void *context)
{
    ucontext_t *uc = context;
    greg_t *r = uc->uc_mcontext.gregs;
    (void)sig;
    (void)si;
    switch (attack) {
    case RIP_NONCANONICAL:
        r[REG_RIP] = (long)0x8000000000000000;
        break;
    case RIP_KERNEL:
        r[REG_RIP] = (long)0xffffffff81000000;
        break;
    case RIP_UNMAPPED:
        r[REG_RIP] = 0x10;
        break;
    case RSP_NONCANONICAL:
        r[REG_RSP] = (long)0x8000000000000000;
        break;
    case RSP_KERNEL:
        r[REG_RSP] = (long)0xffff888000000000;
        break;
    case CS_ZERO:
        set_selector(r, CS_SHIFT, 0);
        break;
    case CS_KERNEL:
        set_selector(r, CS_SHIFT, 0x10);
        break;
    case CS_ODD:
        set_selector(r, CS_SHIFT, 0xfff8);
        break;
    case SS_ZERO:
        set_selector(r, SS_SHIFT, 0);
        break;
    case SS_KERNEL:
        set_selector(r, SS_SHIFT, 0x18);
        break;
    case SS_ODD:
        set_selector(r, SS_SHIFT, 0xfff8);
        break;
    case FLAGS_ALL:
        r[REG_EFL] = 0x7ffff & ~0x100; /* not TF, which would only trap */
        break;
    case FLAGS_NONE:
        r[REG_EFL] = 0;
        break;
    case MASK_ALL:
        memset(&uc->uc_sigmask, 0xff, 8);
        break;
    default:
        spoil_state(uc, (void *)uc->uc_mcontext.fpregs);
    }
}

static void on_segv(int sig)
{
    (void)sig;
    _exit(100);
}

/* In a child: 0 when it went on as if nothing had been, 100 after a SIGSEGV that could be handled. */
static int after(enum attack which, int stack_is_lost)
{
    return CHILD({
        struct sigaction sa = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO}, segv = {.sa_handler = on_segv};
        static char alt[65536];
        stack_t ss = {alt, 0, sizeof alt};
        attack = which;
        if (stack_is_lost) {
            segv.sa_flags = SA_ONSTACK;
            sigaltstack(&ss, NULL);
        }
        sigaction(SIGUSR1, &sa, NULL);
        sigaction(SIGSEGV, &segv, NULL);
        sigaction(SIGBUS, &segv, NULL);
        long pid = getpid(), got = SYS_kill;
        __asm__ volatile("syscall\n pushfq\n popq %1\n cld"
                         : "+a"(got), "=r"(flags_after)
                         : "D"(pid), "S"(SIGUSR1)
                         : "rcx", "r11", "memory");
        long clean = 0x202;
        __asm__ volatile("pushq %0\n popfq" ::"r"(clean) : "cc");
        _exit(0);
    });
}

static int goes_on(enum attack which)
{
    return after(which, 0) == 0;
}

static int faults(enum attack which, int stack_is_lost)
{
    return tap_exited(after(which, stack_is_lost), 100);
}

static void addresses(void)
{
    CHECK(goes_on(NONE), "an honest frame goes on");
    CHECK(faults(RIP_NONCANONICAL, 0), "a non-canonical RIP: SIGSEGV");
    CHECK(faults(RIP_KERNEL, 0), "a RIP in the kernel's half: SIGSEGV");
    CHECK(faults(RIP_UNMAPPED, 0), "a RIP where nothing is: SIGSEGV");
    CHECK(faults(RSP_NONCANONICAL, 1), "a non-canonical RSP: SIGBUS (a stack fault; QEMU makes it SIGSEGV)");
    CHECK(faults(RSP_KERNEL, 1), "a RSP in the kernel's half: SIGSEGV");
    CHECK(tap_killed(after(RSP_KERNEL, 0), SIGSEGV), "and death where no handler can run");
}

static void selectors(void)
{
    CHECK(faults(CS_ZERO, 0), "CS 0: SIGSEGV");
    CHECK(faults(CS_KERNEL, 0), "the kernel's CS: SIGSEGV");
    CHECK(faults(CS_ODD, 0), "a CS that is not there: SIGSEGV");
    CHECK(faults(SS_KERNEL, 0), "a kernel's SS: SIGSEGV");
    int st = after(SS_ODD, 0);
    CHECK(st == 0 || tap_exited(st, 100), "a SS that is not there: SIGSEGV, or the right one");
    st = after(SS_ZERO, 0);
    CHECK(st == 0 || tap_exited(st, 100), "SS 0: SIGSEGV, or the right one");
}

/* After the return the flags tell in a child's exit code what was taken over. */
static void flags(void)
{
    CHECK_CHILD("of all flags set only the program's own are taken over", {
        struct sigaction sa = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO};
        sigaction(SIGUSR1, &sa, NULL);
        attack = FLAGS_ALL;
        long pid = getpid();
        long a = SYS_kill;
        long f;
        long clean = 0x202;
        __asm__ volatile("syscall\n pushfq\n popq %1\n pushq %4\n popfq"
                         : "+a"(a), "=&r"(f)
                         : "D"(pid), "S"(SIGUSR1), "r"(clean)
                         : "rcx", "r11", "memory", "cc");
        REQ((f & 0x3000) == 0);
        REQ(f & 0x200);
        REQ((f & 0x1a0000) == 0);
        REQ((f & 0xcd5) == 0xcd5);
    });
    CHECK_CHILD("flags of 0 leave interrupts on", {
        struct sigaction sa = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO};
        sigaction(SIGUSR1, &sa, NULL);
        attack = FLAGS_NONE;
        long pid = getpid();
        long a = SYS_kill;
        long f;
        __asm__ volatile("syscall\n pushfq\n popq %1"
                         : "+a"(a), "=&r"(f)
                         : "D"(pid), "S"(SIGUSR1)
                         : "rcx", "r11", "memory", "cc");
        REQ(f & 0x200);
        REQ((f & 0xcd5) == 4 || (f & 0xcd5) == 0);
    });
    CHECK_CHILD("a mask of all ones leaves SIGKILL and SIGSTOP out", {
        struct sigaction sa = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO};
        sigaction(SIGUSR1, &sa, NULL);
        attack = MASK_ALL;
        raise(SIGUSR1);
        unsigned long now[16] = {0};
        sigprocmask(SIG_BLOCK, NULL, (sigset_t *)now);
        REQ(!(now[0] & (1UL << (SIGKILL - 1) | 1UL << (SIGSTOP - 1))) && (now[0] & 1UL << (SIGTERM - 1)));
    });
}

static void states(void)
{
    CHECK(goes_on(FP_NULL), "no vector state: it is reset");
    CHECK(faults(FP_BAD_POINTER, 0), "vector state at an unmapped address: SIGSEGV");
    CHECK(faults(FP_KERNEL, 0), "vector state in the kernel's half: SIGSEGV");
    CHECK(faults(FP_UNMAPPED_HALF, 0), "vector state that straddles into an unmapped page: SIGSEGV");
    CHECK(goes_on(FP_MAGIC), "a wrong magic number: only the legacy part is taken");
    CHECK(goes_on(FP_SIZE), "a wrong size: likewise");
    int st = after(FP_MXCSR, 0);
    CHECK(st == 0 || tap_exited(st, 100), "an MXCSR with reserved bits: SIGSEGV, or masked");
    st = after(FP_HEADER, 0);
    CHECK(st == 0 || tap_exited(st, 100), "features that are not there: SIGSEGV, or masked");
    st = after(FP_XCOMP, 0);
    CHECK(st == 0 || tap_exited(st, 100), "reserved bytes of the header: SIGSEGV, or passed over");
    st = after(FP_UNALIGNED, 0);
    CHECK(st == 0 || tap_exited(st, 100), "unaligned vector state: SIGSEGV, or read so");
}

/* rt_sigreturn without a frame: whatever lies on the stack is the frame. */
static void no_frame(void)
{
    CHECK(tap_killed(
              CHILD({
                  __asm__ volatile("mov $15, %%eax\n xor %%esp, %%esp\n syscall" ::: "rax", "rcx", "r11", "memory");
              }),
              SIGSEGV),
          "rt_sigreturn with a stack of 0: SIGSEGV");
    CHECK(tap_killed(CHILD({
                         memset(half, 0, PAGE);
                         __asm__ volatile("mov %0, %%rsp\n mov $15, %%eax\n syscall" ::"r"(half + 64)
                                          : "rax", "rcx", "r11", "memory");
                     }),
                     SIGSEGV),
          "with a frame of zeros: SIGSEGV");
    CHECK(tap_killed(CHILD({
                         memset(half, 0xff, PAGE);
                         __asm__ volatile("mov %0, %%rsp\n mov $15, %%eax\n syscall" ::"r"(half + 64)
                                          : "rax", "rcx", "r11", "memory");
                     }),
                     SIGSEGV),
          "with a frame of ones: SIGSEGV");
    int good = 1;
    unsigned seed = 12345;
    for (int i = 0; i < 60; i++) {
        for (int j = 0; j < PAGE; j++)
            half[j] = (seed = seed * 1103515245 + 12345) >> 16;
        int st = CHILD({
            alarm(5);
            __asm__ volatile("mov %0, %%rsp\n mov $15, %%eax\n syscall" ::"r"(half + 64)
                             : "rax", "rcx", "r11", "memory");
        });
        good &= WIFSIGNALED(st) != 0;
    }
    CHECK(good, "sixty frames of noise end in a signal each");
}

/* A signal whose frame cannot be written kills. */
static void no_room(void)
{
    CHECK(tap_killed(CHILD({
                         struct sigaction sa = {.sa_handler = on_segv};
                         sigaction(SIGUSR1, &sa, NULL);
                         long pid = getpid();
                         __asm__ volatile("mov $0x10, %%esp\n mov $62, %%eax\n syscall" ::"D"(pid), "S"(SIGUSR1)
                                          : "rax", "rcx", "r11", "memory");
                     }),
                     SIGSEGV),
          "a frame that does not fit the stack: SIGSEGV");
    CHECK(tap_killed(CHILD({
                         struct sigaction sa = {.sa_handler = on_segv};
                         sigaction(SIGUSR1, &sa, NULL);
                         long pid = getpid();
                         __asm__ volatile("mov $0xffff888000001000, %%rsp\n mov $62, %%eax\n syscall" ::"D"(pid),
                                          "S"(SIGUSR1)
                                          : "rax", "rcx", "r11", "memory");
                     }),
                     SIGSEGV),
          "a stack in the kernel's half: SIGSEGV");
}

int main(void)
{
    half = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(half + PAGE, PAGE);
    addresses();
    selectors();
    flags();
    states();
    no_frame();
    no_room();
    return tap_end();
}
