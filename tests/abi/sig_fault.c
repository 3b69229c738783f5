// SPDX-License-Identifier: MIT
/*
 * Faults: which signal, which si_code, which address; what the context tells and lets a handler repair; the
 * alternate stack.
 */
#include "tests/abi/util.h"

#include <setjmp.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <ucontext.h>

static sigjmp_buf jump;
static volatile int got_sig, got_code;
static void *volatile got_addr;
static volatile long got_rip, got_trapno, got_err, got_cr2, got_rax, got_rbx, got_flags;

static void on_fault(int sig, siginfo_t *si, void *context)
{
    greg_t *r = ((ucontext_t *)context)->uc_mcontext.gregs;
    got_sig = sig;
    got_code = si->si_code;
    got_addr = si->si_addr;
    got_rip = r[REG_RIP];
    got_trapno = r[REG_TRAPNO];
    got_err = r[REG_ERR];
    got_cr2 = r[REG_CR2];
    got_rax = r[REG_RAX];
    got_rbx = r[REG_RBX];
    got_flags = r[REG_EFL];
    siglongjmp(jump, 1);
}

/* Runs the statement, which must fault; the facts are in got_*. */
#define FAULT(...)                     \
    do {                               \
        got_sig = got_code = 0;        \
        if (sigsetjmp(jump, 1) == 0) { \
            __VA_ARGS__;               \
        }                              \
    } while (0)

#define IS(sig, code, addr) (got_sig == (sig) && got_code == (code) && got_addr == (void *)(addr))

static char *area;

static void memory(void)
{
    FAULT(*(volatile char *)at_addr(0x10));
    CHECK(IS(SIGSEGV, SEGV_MAPERR, 0x10), "reading an unmapped address: SIGSEGV, SEGV_MAPERR, the address");
    CHECK(got_trapno == 14 && got_err == 4 && got_cr2 == 0x10, "the context has trap 14, error code 4 and the address");
    FAULT(*(volatile char *)at_addr(0x10) = 1);
    CHECK(got_err == 6, "a write has error code 6");
    REQ(mprotect(area, PAGE, PROT_READ) == 0);
    FAULT(*(volatile char *)(area + 5) = 1);
    CHECK(IS(SIGSEGV, SEGV_ACCERR, area + 5), "writing a page that is only readable: SEGV_ACCERR");
    REQ(mprotect(area, PAGE, PROT_NONE) == 0);
    FAULT(*(volatile char *)(area + 6));
    CHECK(IS(SIGSEGV, SEGV_ACCERR, area + 6), "reading a page without rights: SEGV_ACCERR");
    REQ(mprotect(area, PAGE, PROT_READ | PROT_WRITE) == 0);
    area[0] = (char)0xc3;
    FAULT(((void (*)(void))area)());
    CHECK(IS(SIGSEGV, SEGV_ACCERR, area) && got_rip == (long)area,
          "executing a page of data: SEGV_ACCERR at its address");
    FAULT(((void (*)(void))at_addr(0x20))());
    CHECK(IS(SIGSEGV, SEGV_MAPERR, 0x20) && got_rip == 0x20, "jumping to an unmapped address");
    FAULT(*(volatile char *)at_addr(0xffff888000000000));
    CHECK(got_sig == SIGSEGV && got_code == SEGV_MAPERR && got_addr == at_addr(0xffff888000000000),
          "reading a kernel address");
    FAULT(*(volatile char *)at_addr(0x8000000000000000));
    CHECK(IS(SIGSEGV, SI_KERNEL, 0) && got_trapno == 13, "a non-canonical address: trap 13, SI_KERNEL, no address");
    int fd = open("f", O_RDWR | O_CREAT, 0600);
    char *p = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);
    FAULT(*(volatile char *)(p + 7));
    CHECK(IS(SIGBUS, BUS_ADRERR, p + 7), "a mapping behind the end of its file: SIGBUS, BUS_ADRERR");
    munmap(p, PAGE);
    close(fd);
}

extern char at_div[], at_ud2[], at_int3[], at_hlt[];

static void instructions(void)
{
    FAULT(__asm__ volatile(".globl at_div\n xor %%edx, %%edx\n xor %%ecx, %%ecx\n at_div: div %%ecx" ::"a"(1)
                           : "ecx", "edx"));
    CHECK(IS(SIGFPE, FPE_INTDIV, at_div) && got_trapno == 0, "division by zero: SIGFPE, FPE_INTDIV, the instruction");
    FAULT(__asm__ volatile(".globl at_ud2\n at_ud2: ud2"));
    CHECK(IS(SIGILL, ILL_ILLOPN, at_ud2) && got_trapno == 6, "ud2: SIGILL, ILL_ILLOPN, the instruction");
    FAULT(__asm__ volatile(".globl at_int3\n at_int3: int3"));
    CHECK(IS(SIGTRAP, SI_KERNEL, 0) && got_trapno == 3 && got_rip == (long)at_int3 + 1,
          "int3: SIGTRAP, SI_KERNEL, after it");
    FAULT(__asm__ volatile(".globl at_hlt\n at_hlt: hlt"));
    CHECK(IS(SIGSEGV, SI_KERNEL, 0) && got_trapno == 13 && got_rip == (long)at_hlt, "hlt: SIGSEGV, SI_KERNEL");
    FAULT(__asm__ volatile("int $0x21"));
    CHECK_CPU(IS(SIGSEGV, SI_KERNEL, 0) && got_err == (0x21 << 3 | 2), "an interrupt that users may not raise");
    unsigned csr = 0x1f80 & ~0x200; /* division by zero not masked */
    FAULT(__asm__ volatile("ldmxcsr %0\n xorps %%xmm1, %%xmm1\n divss %%xmm1, %%xmm0" ::"m"(csr), "Yz"(1.0f) : "xmm1"));
    CHECK_CPU(got_sig == SIGFPE && got_code == FPE_FLTDIV && got_trapno == 19, "an SSE exception: SIGFPE, FPE_FLTDIV");
    csr = 0x1f80;
    __asm__ volatile("ldmxcsr %0" ::"m"(csr));
    unsigned short cw = 0x37f & ~4;
    FAULT(__asm__ volatile("fninit\n fldcw %0\n fldz\n fld1\n fdivp\n fwait" ::"m"(cw)));
    CHECK(got_sig == SIGFPE && got_code == FPE_FLTDIV && got_trapno == 16, "an x87 exception: SIGFPE, FPE_FLTDIV");
    __asm__ volatile("fninit");
}

static void registers(void)
{
    FAULT(__asm__ volatile("stc\n movl $0, (%%rcx)" ::"a"(0x1111), "b"(0x2222), "c"(0x30)));
    CHECK(got_rax == 0x1111 && got_rbx == 0x2222 && (got_flags & 1),
          "the context holds the registers and flags of the fault");
}

static void repair(int sig, siginfo_t *si, void *context)
{
    greg_t *r = ((ucontext_t *)context)->uc_mcontext.gregs;
    (void)sig;
    (void)si;
    got_sig++;
    r[REG_RCX] = (long)&got_code;
}

static void on_mapless(int sig, siginfo_t *si, void *context)
{
    (void)sig;
    (void)context;
    got_sig++;
    REQ(mprotect((void *)((long)si->si_addr & -PAGE), PAGE, PROT_READ | PROT_WRITE) == 0);
}

static void repairing(void)
{
    struct sigaction sa = {.sa_sigaction = repair, .sa_flags = SA_SIGINFO}, old;
    sigaction(SIGSEGV, &sa, &old);
    got_sig = 0;
    long rcx = 0x40;
    __asm__ volatile("movl $77, (%%rcx)" : "+c"(rcx)::"memory");
    CHECK(got_sig == 1 && got_code == 77 && rcx == (long)&got_code,
          "a handler changes a register and the instruction is run again");
    sa.sa_sigaction = on_mapless;
    sigaction(SIGSEGV, &sa, NULL);
    REQ(mprotect(area, 4 * PAGE, PROT_NONE) == 0);
    got_sig = 0;
    for (int i = 0; i < 4; i++)
        area[i * PAGE + 3] = i;
    CHECK(got_sig == 4 && area[3 * PAGE + 3] == 3, "a handler opens four pages one after the other");
    sigaction(SIGSEGV, &old, NULL);
}

static void fatal(void)
{
    CHECK(tap_killed(CHILD({
                         signal(SIGSEGV, SIG_DFL);
                         *(volatile char *)at_addr(0) = 1;
                     }),
                     SIGSEGV),
          "without a handler it kills");
    CHECK(tap_killed(CHILD({
                         signal(SIGSEGV, SIG_IGN);
                         *(volatile char *)at_addr(0) = 1;
                     }),
                     SIGSEGV),
          "ignored it kills too");
    CHECK(tap_killed(CHILD({
                         sigset_t s;
                         sigfillset(&s);
                         sigprocmask(SIG_BLOCK, &s, NULL);
                         *(volatile char *)at_addr(0) = 1;
                     }),
                     SIGSEGV),
          "blocked it kills too");
    CHECK(tap_killed(CHILD({
                         signal(SIGFPE, SIG_DFL);
                         __asm__ volatile("div %%ecx" ::"a"(1), "c"(0), "d"(0));
                     }),
                     SIGFPE),
          "SIGFPE");
    CHECK(tap_killed(CHILD({
                         signal(SIGILL, SIG_DFL);
                         __asm__ volatile("ud2");
                     }),
                     SIGILL),
          "SIGILL");
    CHECK(tap_killed(CHILD({
                         signal(SIGTRAP, SIG_DFL);
                         __asm__ volatile("int3");
                     }),
                     SIGTRAP),
          "SIGTRAP");
}

/* ---- the alternate stack ---- */

static char alt[32768] __attribute__((aligned(16)));
static volatile int on_alt, change_errno;

static void on_overflow(int sig, siginfo_t *si, void *context)
{
    char here;
    stack_t now;
    (void)si;
    (void)context;
    sigaltstack(NULL, &now);
    on_alt = &here >= alt && &here < alt + sizeof alt && (now.ss_flags & SS_ONSTACK);
    now.ss_flags = 0;
    change_errno = sigaltstack(&now, NULL) < 0 ? errno : 0;
    got_sig = sig;
    siglongjmp(jump, 1);
}

__attribute__((noinline)) static int recurse(volatile char *p)
{
    volatile char frame[1024];
    if (opaque(0))
        return 0;
    frame[0] = p ? p[0] : 1;
    return recurse(frame) + frame[0];
}

static void alternate(void)
{
    stack_t ss = {alt, 0, sizeof alt}, old;
    CHECK(sigaltstack(NULL, &old) == 0 && old.ss_flags == SS_DISABLE, "no alternate stack at first");
    stack_t small = {alt, 0, 100};
    CHECK_ERRNO(sigaltstack(&small, NULL), ENOMEM, "one that is too small");
    stack_t odd = {alt, 0x100, sizeof alt};
    CHECK_ERRNO(sigaltstack(&odd, NULL), EINVAL, "unknown flags");
    CHECK(sigaltstack(&ss, NULL) == 0 && sigaltstack(NULL, &old) == 0 && old.ss_sp == alt && old.ss_flags == 0,
          "set and asked");
    struct sigaction sa = {.sa_sigaction = on_overflow, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    CHECK_CHILD("a stack overflow is handled there", {
        struct rlimit r = {256 << 10, 256 << 10};
        REQ(setrlimit(RLIMIT_STACK, &r) == 0);
        sigaction(SIGSEGV, &sa, NULL);
        if (sigsetjmp(jump, 1) == 0)
            recurse(NULL);
        REQ(got_sig == SIGSEGV && on_alt);
    });
    CHECK(tap_killed(CHILD({
                         struct rlimit r = {256 << 10, 256 << 10};
                         setrlimit(RLIMIT_STACK, &r);
                         sa.sa_flags = SA_SIGINFO;
                         sigaction(SIGSEGV, &sa, NULL);
                         recurse(NULL);
                     }),
                     SIGSEGV),
          "without SA_ONSTACK it kills");
    CHECK_CHILD("the alternate stack cannot be changed while in use", {
        sigaction(SIGUSR1, &sa, NULL);
        if (sigsetjmp(jump, 1) == 0)
            raise(SIGUSR1);
        REQ(on_alt && change_errno == EPERM);
    });
    stack_t off = {.ss_flags = SS_DISABLE};
    CHECK(sigaltstack(&off, NULL) == 0 && sigaltstack(NULL, &old) == 0 && old.ss_flags == SS_DISABLE, "turned off");
}

int main(void)
{
    static const int sigs[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP};
    struct sigaction sa = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};
    for (size_t i = 0; i < COUNT(sigs); i++)
        sigaction(sigs[i], &sa, NULL);
    area = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memory();
    instructions();
    registers();
    repairing();
    fatal();
    alternate();
    return tap_end();
}
