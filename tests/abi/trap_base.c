// SPDX-License-Identifier: MIT
/*
 * FS and GS bases that a program sets by itself (wrfsbase, wrgsbase), also such as look like the kernel's; the
 * debug exception beside the other ways into the kernel. A kernel that tells by the GS base where it came from, or
 * that trusts the user's, fails here.
 */
#include "tests/abi/util.h"

#include <asm/prctl.h>
#include <elf.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <ucontext.h>

static int have_fsgsbase;

/* glibc's getauxval does not give the kernel's AT_HWCAP2 on x86, so it is read from where exec put it. */
static void find_fsgsbase(char **envp)
{
    uint64_t *v;
    while (*envp++)
        ;
    for (v = (uint64_t *)envp; v[0] != AT_NULL; v += 2)
        if (v[0] == AT_HWCAP2)
            have_fsgsbase = v[1] >> 1 & 1;
}

static unsigned long rdgs(void)
{
    unsigned long v;
    __asm__ volatile("rdgsbase %0" : "=r"(v));
    return v;
}

static void wrgs(unsigned long v)
{
    __asm__ volatile("wrgsbase %0" ::"r"(v));
}

static volatile sig_atomic_t count, steps;
static volatile unsigned long gs_in_handler;

static void on_signal(int sig, siginfo_t *si, void *context)
{
    (void)si;
    count++;
    if (have_fsgsbase)
        gs_in_handler = rdgs();
    if (sig == SIGSEGV)
        ((ucontext_t *)context)->uc_mcontext.gregs[REG_RCX] = (long)&gs_in_handler;
}

static void on_step(int sig)
{
    (void)sig;
    steps++;
}

static void handle(int sig)
{
    struct sigaction sa = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO};
    REQ(sigaction(sig, &sa, NULL) == 0);
}

/* Runs `code` (one string of instructions) with the trap flag set. */
#define STEPPED(code, ...)                                                    \
    __asm__ volatile("pushfq\n orq $0x100, (%%rsp)\n popfq\n" code            \
                     "pushfq\n andq $~0x100, (%%rsp)\n popfq\n" ::__VA_ARGS__ \
                     : "rax", "rcx", "rdx", "r11", "memory", "cc")

/* Enters the kernel by every way a program has: calls, a switch, a fault, int3, steps, the timer, a signal. */
static void all_entries(void)
{
    volatile char *p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct itimerval it = {{0, 0}, {0, 3000}};
    long rcx = 0x40;
    handle(SIGUSR1);
    handle(SIGSEGV);
    handle(SIGTRAP);
    handle(SIGALRM);
    REQ(getpid() > 0 && sched_yield() == 0);
    msleep(2);
    *p = 1;
    count = 0;
    raise(SIGUSR1);
    __asm__ volatile("movl $1, (%%rcx)" : "+c"(rcx)::"memory");
    __asm__ volatile("int3");
    REQ(count == 3);
    setitimer(ITIMER_REAL, &it, NULL);
    while (count == 3)
        __asm__ volatile("pause");
    signal(SIGTRAP, on_step);
    steps = 0;
    STEPPED("nop\n nop\n mov $39, %%eax\n syscall\n nop\n");
    REQ(steps >= 4);
    REQ(CHILD(_exit(0)) == 0);
}

#define BASE_FACT(name, ...)                                  \
    do {                                                      \
        if (have_fsgsbase)                                    \
            CHECK_CHILD(name, __VA_ARGS__);                   \
        else                                                  \
            SKIP(name, "the kernel does not offer FSGSBASE"); \
    } while (0)

static void gs_bases(void)
{
    static unsigned long area[2] = {0xabcdef, 0};
    BASE_FACT("a GS base set by wrgsbase stays over every way into the kernel", {
        unsigned long v;
        wrgs((long)area);
        all_entries();
        REQ(rdgs() == (unsigned long)area);
        __asm__ volatile("mov %%gs:0, %0" : "=r"(v));
        REQ(v == 0xabcdef);
    });
    BASE_FACT("ARCH_GET_GS tells it", {
        unsigned long v;
        wrgs((long)area);
        REQ(syscall(SYS_arch_prctl, ARCH_GET_GS, &v) == 0 && v == (unsigned long)area);
    });
    BASE_FACT("a handler sees it, a child inherits it", {
        wrgs((long)area);
        handle(SIGUSR1);
        raise(SIGUSR1);
        REQ(gs_in_handler == (unsigned long)area);
        REQ(CHILD(REQ(rdgs() == (unsigned long)area)) == 0);
    });
    BASE_FACT("one in the kernel's half too", {
        wrgs(0xffff888000000000);
        all_entries();
        REQ(rdgs() == 0xffff888000000000);
    });
    BASE_FACT("one at the top of the address space too", {
        wrgs(0xfffffffffffff000);
        all_entries();
        REQ(rdgs() == 0xfffffffffffff000);
    });
    BASE_FACT("one in the kernel's image too", {
        wrgs(0xffffffff81000000);
        all_entries();
        REQ(rdgs() == 0xffffffff81000000);
    });
    if (under_tcg())
        SKIP("a non-canonical one is SIGSEGV", "the emulated processor does not do that");
    else
        BASE_FACT("a non-canonical one is SIGSEGV", REQ(tap_killed(CHILD(wrgs(0x8000000000000000)), SIGSEGV)));
    BASE_FACT("an exec clears it", {
        wrgs((long)area);
        execl("/proc/self/exe", "x", "gs", NULL);
    });
}

static void fs_base(void)
{
    BASE_FACT("an FS base set by wrfsbase, also in the kernel's half, over calls and steps", {
        unsigned long old;
        unsigned long now;
        long r;
        long pid = getpid();
        signal(SIGTRAP, SIG_IGN);
        __asm__ volatile("rdfsbase %0" : "=r"(old));
        __asm__ volatile("mov $0xffff888000000000, %%rdx\n wrfsbase %%rdx\n mov $39, %%eax\n syscall\n mov %%rax, %0\n"
                         "mov $24, %%eax\n syscall\n rdfsbase %1\n wrfsbase %2"
                         : "=&r"(r), "=&r"(now)
                         : "r"(old)
                         : "rax", "rcx", "rdx", "r11", "memory");
        REQ(r == pid && now == 0xffff888000000000);
    });
}

/* A load of SS holds the debug trap back for one instruction: the trap then meets the next entry. */
static void held_back(void)
{
    long ss;
    __asm__ volatile("mov %%ss, %0" : "=r"(ss));
    signal(SIGTRAP, on_step);
    steps = 0;
    STEPPED("mov %0, %%ss\n mov $39, %%eax\n syscall\n nop\n nop\n", "r"(ss));
    CHECK(steps >= 3, "a step held back by a load of SS before an instruction");
    steps = 0;
    STEPPED("mov $39, %%eax\n mov %0, %%ss\n syscall\n nop\n nop\n", "r"(ss));
    CHECK(steps >= 3, "before a system call");
    steps = 0;
    handle(SIGSEGV);
    count = 0;
    STEPPED("mov $0x40, %%ecx\n mov %0, %%ss\n movl $1, (%%rcx)\n nop\n", "r"(ss));
    CHECK(steps >= 2 && count == 1, "before a fault");
    steps = 0;
    STEPPED("mov %0, %%ss\n int3\n nop\n", "r"(ss));
    CHECK(steps >= 2, "before int3");
    steps = 0;
    STEPPED("nop\n int3\n nop\n", "r"(ss));
    CHECK(steps >= 3, "a step at int3 itself");
}

static void by_iret(void)
{
    signal(SIGTRAP, on_step);
    steps = 0;
    __asm__ volatile("mov %%rsp, %%rcx\n mov %%ss, %%eax\n push %%rax\n push %%rcx\n pushfq\n orq $0x100, (%%rsp)\n"
                     "mov %%cs, %%eax\n push %%rax\n lea 1f(%%rip), %%rax\n push %%rax\n iretq\n 1: nop\n nop\n"
                     "pushfq\n andq $~0x100, (%%rsp)\n popfq" ::
                         : "rax", "rcx", "memory", "cc");
    CHECK(steps >= 2, "a trap flag set by iret steps");
    unsigned short cs, ss;
    __asm__ volatile("mov %%cs, %0\n mov %%ss, %1" : "=r"(cs), "=r"(ss));
    CHECK(cs == 0x33 && ss == 0x2b, "CS is 0x33 and SS 0x2b, as some programs expect");
}

int main(int argc, char **argv, char **envp)
{
    (void)argv;
    find_fsgsbase(envp);
    if (argc == 2)
        return rdgs() != 0;
    gs_bases();
    fs_base();
    held_back();
    by_iret();
    return tap_end();
}
