// SPDX-License-Identifier: MIT
/*
 * The vector and floating-point state: kept over system calls, switches, faults and signals; separate in each
 * process and thread; shown in the signal frame, where a handler may change it.
 */
#include "tests/abi/util.h"

#include <cpuid.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <ucontext.h>

struct vectors {
    _Alignas(32) unsigned char b[16][32];
};

static int have_avx;

static void fill(struct vectors *v, int seed)
{
    for (int i = 0; i < 16; i++)
        for (int j = 0; j < 32; j++)
            v->b[i][j] = seed * 29 + i * 7 + j;
    if (!have_avx)
        for (int i = 0; i < 16; i++)
            memset(v->b[i] + 16, 0, 16);
}

#define EACH(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15)
#define STR(x) #x
#define LOAD_Y(n) "vmovdqa 32*" STR(n) "(%0), %%ymm" STR(n) "\n"
#define SAVE_Y(n) "vmovdqa %%ymm" STR(n) ", 32*" STR(n) "(%1)\n"
#define LOAD_X(n) "movdqa 32*" STR(n) "(%0), %%xmm" STR(n) "\n"
#define SAVE_X(n) "movdqa %%xmm" STR(n) ", 32*" STR(n) "(%1)\n"
#define XMM                                                                                                    \
    "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", \
        "xmm13", "xmm14", "xmm15"

/* Loads all vector registers, runs `code` (assembly that keeps %0 and %1 and may use the call's registers), stores. */
#define AROUND(in, out, code, ...)                                                                          \
    do {                                                                                                    \
        if (have_avx)                                                                                       \
            __asm__ volatile(EACH(LOAD_Y) code EACH(SAVE_Y) "vzeroupper" ::"r"(in), "r"(out), ##__VA_ARGS__ \
                             : "rax", "rcx", "r11", "memory", XMM);                                         \
        else                                                                                                \
            __asm__ volatile(EACH(LOAD_X) code EACH(SAVE_X)::"r"(in), "r"(out), ##__VA_ARGS__               \
                             : "rax", "rcx", "r11", "memory", XMM);                                         \
    } while (0)

static struct vectors in, out;

static int same(void)
{
    return !memcmp(&in, &out, sizeof in);
}

static void reset(int seed)
{
    fill(&in, seed);
    memset(&out, 0, sizeof out);
}

static void over_calls(void)
{
    reset(1);
    AROUND(&in, &out, "mov $39, %%eax\n syscall\n");
    CHECK(same(), "kept over getpid");
    reset(2);
    AROUND(&in, &out, "mov $24, %%eax\n syscall\n mov $24, %%eax\n syscall\n");
    CHECK(same(), "kept over sched_yield");
    struct timespec ts = {0, 1000000};
    reset(3);
    AROUND(&in, &out, "mov $35, %%eax\n xor %%esi, %%esi\n syscall\n", "D"(&ts), "S"(0));
    CHECK(same(), "kept over a sleep");
    char *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    reset(4);
    AROUND(&in, &out, "movb $1, (%%rdi)\n", "D"(page));
    CHECK(same(), "kept over a page fault");
    reset(5);
    volatile long pid = 0;
    AROUND(&in, &out, "mov $57, %%eax\n syscall\n mov %%rax, (%%rdi)\n", "D"(&pid));
    if (pid == 0)
        _exit(!same());
    CHECK(same() && tap_wait(pid) == 0, "kept over fork, in both processes");
}

/* Runs for some milliseconds with the registers loaded, so that the timer and others come in between. */
static int spin_keeps(int seed, long rounds)
{
    struct vectors mine, after;
    long n = rounds;
    fill(&mine, seed);
    memset(&after, 0, sizeof after);
    if (have_avx)
        __asm__ volatile(EACH(LOAD_Y) "1: dec %2\n jnz 1b\n" EACH(SAVE_Y) "vzeroupper" ::"r"(&mine), "r"(&after), "r"(n)
                         : "memory", "cc", XMM);
    else
        __asm__ volatile(EACH(LOAD_X) "1: dec %2\n jnz 1b\n" EACH(SAVE_X)::"r"(&mine), "r"(&after), "r"(n)
                         : "memory", "cc", XMM);
    return !memcmp(&mine, &after, sizeof mine);
}

static void *spinner(void *arg)
{
    long good = 1;
    for (int i = 0; i < 8; i++) {
        good &= spin_keeps((int)(long)arg + i, 300000);
        sched_yield();
    }
    return (void *)good;
}

static void over_switches(void)
{
    pid_t pid[3];
    pthread_t t[3];
    int good = 1;
    for (int i = 0; i < 3; i++)
        if ((pid[i] = tap_fork()) == 0) {
            pin(0);
            _exit(!spinner((void *)(long)(i * 50)));
        }
    for (int i = 0; i < 3; i++)
        good &= tap_wait(pid[i]) == 0;
    CHECK(good, "three processes on one CPU keep theirs apart");
    for (long i = 0; i < 3; i++)
        REQ(pthread_create(&t[i], NULL, spinner, (void *)(i * 40)) == 0);
    for (int i = 0; i < 3; i++) {
        void *ret;
        pthread_join(t[i], &ret);
        good &= ret != NULL;
    }
    CHECK(good, "three threads likewise");
}

static volatile sig_atomic_t handled;

static void spoil(int sig)
{
    struct vectors junk, dump;
    (void)sig;
    fill(&junk, 99);
    AROUND(&junk, &dump, "nop\n");
    handled++;
}

static void over_signals(void)
{
    struct sigaction sa = {.sa_handler = spoil};
    sigaction(SIGUSR1, &sa, NULL);
    sigaction(SIGALRM, &sa, NULL);
    reset(6);
    AROUND(&in, &out, "mov $62, %%eax\n syscall\n", "D"((long)getpid()), "S"((long)SIGUSR1));
    CHECK(handled == 1 && same(), "kept over a signal whose handler spoils them");
    struct itimerval it = {{0, 2000}, {0, 2000}}, off = {{0, 0}, {0, 0}};
    int good = 1;
    handled = 0;
    setitimer(ITIMER_REAL, &it, NULL);
    for (int i = 0; i < 200 && handled < 20; i++)
        good &= spin_keeps(i, 500000);
    setitimer(ITIMER_REAL, &off, NULL);
    CHECK(good && handled > 0, "kept over signals at any point");
    alarm(TAP_SECONDS);
}

/* ---- the frame ---- */

static volatile unsigned magic1, size1, ext_size, magic2_ok, xmm3_seen, ymm3_seen, mxcsr_seen, cw_seen;
static volatile int change;

static void look(int sig, siginfo_t *si, void *context)
{
    (void)sig;
    (void)si;
    ucontext_t *uc = context;
    struct _fpstate *fp = (void *)uc->uc_mcontext.fpregs;
    struct _fpx_sw_bytes *sw = (void *)&fp->__glibc_reserved1[12];
    magic1 = sw->magic1;
    size1 = sw->xstate_size;
    ext_size = sw->extended_size;
    magic2_ok = magic1 == FP_XSTATE_MAGIC1 && *(unsigned *)((char *)fp + size1) == FP_XSTATE_MAGIC2;
    xmm3_seen = fp->_xmm[3].element[0];
    mxcsr_seen = fp->mxcsr;
    cw_seen = fp->cwd;
    if (have_avx)
        ymm3_seen = ((struct _xstate *)fp)->ymmh.ymmh_space[3 * 4];
    if (change) {
        fp->_xmm[3].element[0] = 0x11223344;
        if (have_avx)
            ((struct _xstate *)fp)->ymmh.ymmh_space[3 * 4] = 0x55667788;
    }
    __asm__ volatile("fninit");
}

static void the_frame(void)
{
    struct sigaction sa = {.sa_sigaction = look, .sa_flags = SA_SIGINFO};
    sigaction(SIGUSR1, &sa, NULL);
    reset(7);
    unsigned short cw = 0x27f, cw_after = 0;
    unsigned csr = 0x1fa0, csr_after = 0;
    __asm__ volatile("fldcw %0\n ldmxcsr %1" ::"m"(cw), "m"(csr));
    AROUND(&in, &out, "mov $62, %%eax\n syscall\n", "D"((long)getpid()), "S"((long)SIGUSR1));
    __asm__ volatile("fnstcw %0\n stmxcsr %1" : "=m"(cw_after), "=m"(csr_after));
    unsigned want, want_high;
    memcpy(&want, in.b[3], 4);
    memcpy(&want_high, in.b[3] + 16, 4);
    CHECK(xmm3_seen == want && (!have_avx || ymm3_seen == want_high), "the frame holds the vector registers");
    CHECK(mxcsr_seen == 0x1fa0 && cw_seen == 0x27f, "and the control words");
    CHECK(!have_avx || (magic2_ok && size1 >= 512 + 64 + 256 && ext_size == size1 + 4),
          "and says by magic numbers how large it is");
    CHECK(same() && cw_after == 0x27f && (csr_after & ~0x3f) == (0x1fa0 & ~0x3f),
          "what the handler does to them itself is undone");
    change = 1;
    AROUND(&in, &out, "mov $62, %%eax\n syscall\n", "D"((long)getpid()), "S"((long)SIGUSR1));
    unsigned low, high;
    memcpy(&low, out.b[3], 4);
    memcpy(&high, out.b[3] + 16, 4);
    CHECK(low == 0x11223344 && (!have_avx || high == 0x55667788), "what it changes in the frame is taken over");
    __asm__ volatile("fninit");
    csr = 0x1f80;
    __asm__ volatile("ldmxcsr %0" ::"m"(csr));
}

/* A new program begins with the registers clear and the default control words. */
static int fresh(void)
{
    unsigned short cw;
    unsigned csr;
    __asm__ volatile("fnstcw %0\n stmxcsr %1" : "=m"(cw), "=m"(csr));
    return cw == 0x37f && csr == 0x1f80;
}

int main(int argc, char **argv)
{
    unsigned a, b, c, d;
    (void)argv;
    if (argc == 2)
        return !fresh();
    have_avx = __get_cpuid(1, &a, &b, &c, &d) && (c & bit_OSXSAVE) && (c & bit_AVX);
    dprintf(1, "# AVX: %s\n", have_avx ? "yes" : "no");
    over_calls();
    over_switches();
    over_signals();
    the_frame();
    unsigned csr = 0x1fc0;
    __asm__ volatile("ldmxcsr %0" ::"m"(csr));
    CHECK_CHILD("an exec resets the control words", execl("/proc/self/exe", "x", "fresh", NULL));
    return tap_end();
}
