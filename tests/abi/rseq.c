// SPDX-License-Identifier: MIT
/* rseq(2): registration, the numbers in the area, sequences that restart; membarrier's commands for them. */
#include "tests/abi/util.h"

#include <linux/membarrier.h>
#include <pthread.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/rseq.h>
#include <sys/time.h>

#define SIG 0x53053053u
#define OTHER_SIG 0x12345678u
#define UNREGISTER 1

struct area {
    volatile uint32_t start, cpu;
    volatile uint64_t cs;
    volatile uint32_t flags, node, cid, rest;
} __attribute__((aligned(32)));

static long reg(volatile void *a, unsigned len, int flags, unsigned sig)
{
    return syscall(SYS_rseq, a, len, flags, sig);
}

/* The C library's goes, so that there is room for one of ours. */
static void drop_library_area(void)
{
    if (__rseq_size)
        REQ(reg((char *)__builtin_thread_pointer() + __rseq_offset, 32, UNREGISTER, SIG) == 0);
}

static struct area area;

static void registering(void)
{
    struct area *a = &area;
    CHECK(__rseq_size > 0, "the C library has registered its own");
    CHECK_ERRNO(reg(a, 32, 0, SIG), EINVAL, "another area while one is registered");
    CHECK_ERRNO(reg(a, 32, UNREGISTER, SIG), EINVAL, "one that is not registered cannot go");
    drop_library_area();
    struct area *lib = (void *)((char *)__builtin_thread_pointer() + __rseq_offset);
    CHECK(lib->cpu == -1u && lib->start == 0, "gone, its area says so");
    CHECK_ERRNO(reg(lib, 32, UNREGISTER, SIG), EINVAL, "it goes once");
    CHECK_ERRNO(reg(a, 32, 2, SIG), EINVAL, "an unknown flag");
    CHECK_ERRNO(reg(a, 32, 3, SIG), EINVAL, "with the other one too");
    CHECK_ERRNO(reg(a, 31, 0, SIG), EINVAL, "too small");
    CHECK_ERRNO(reg(a, 0, 0, SIG), EINVAL, "of no size");
    CHECK_ERRNO(reg((char *)a + 8, 32, 0, SIG), EINVAL, "not aligned");
    CHECK_ERRNO(reg(at_addr(0xffff800000000000), 32, 0, SIG), EFAULT, "not in user space");
    a->cpu = a->start = a->node = a->cid = 77;
    CHECK(reg(a, 32, 0, SIG) == 0, "one of our own");
    CHECK(a->cpu == a->start && a->cpu < 64 && a->node == 0 && a->cid < 64, "it is filled at once");
    CHECK_ERRNO(reg(a, 32, 0, SIG), EBUSY, "the same again");
    CHECK_ERRNO(reg(a, 32, 0, OTHER_SIG), EPERM, "with another signature");
    CHECK_ERRNO(reg(a, 64, 0, SIG), EINVAL, "with another size");
    CHECK_ERRNO(reg(a, 32, UNREGISTER, OTHER_SIG), EPERM, "it does not go with another signature");
    CHECK_ERRNO(reg(a, 64, UNREGISTER, SIG), EINVAL, "nor with another size");
    CHECK(reg(a, 32, UNREGISTER, SIG) == 0 && a->cpu == -1u && a->start == 0, "it goes");
    CHECK(getauxval(27) >= 28 && getauxval(28) >= 32, "AT_RSEQ_FEATURE_SIZE and AT_RSEQ_ALIGN");
}

static void numbers(void)
{
    struct area *a = &area;
    cpu_set_t old;
    REQ(sched_getaffinity(0, sizeof old, &old) == 0);
    REQ(reg(a, 32, 0, SIG) == 0);
    int bad = 0;
    for (int i = 0; i < 200; i++) {
        pin(i % 2);
        unsigned cpu;
        REQ(getcpu(&cpu, NULL) == 0);
        bad += a->cpu != cpu || a->start != cpu;
    }
    CHECK(!bad, "the number of the CPU follows every move");
    sched_setaffinity(0, sizeof old, &old);
    pid_t pid = tap_fork();
    if (pid == 0) {
        REQ(reg(a, 32, 0, SIG) < 0 && errno == EBUSY);
        a->cpu = 77;
        pin(0);
        pin(1);
        pin(0);
        unsigned cpu;
        REQ(getcpu(&cpu, NULL) == 0);
        _exit(CPU_COUNT(&old) > 1 && a->cpu != cpu);
    }
    CHECK(tap_wait(pid) == 0, "fork keeps it");
    REQ(reg(a, 32, UNREGISTER, SIG) == 0);
}

/* ---- sequences ---- */

/* Counts until *stop; 1: it was restarted. No call in it. */
#define SEQUENCE(name, version, flags, abort_offset, sig)                           \
    static int name(struct area *a, const volatile int *stop, volatile long *count) \
    {                                                                               \
        int aborted = 0;                                                            \
        __asm__ volatile(".pushsection .data.rseq, \"aw\"\n"                        \
                         ".balign 32\n"                                             \
                         "3: .long " #version ", " #flags "\n"                      \
                         ".quad 1f, 2f - 1f, " abort_offset "\n"                    \
                         ".popsection\n"                                            \
                         "leaq 3b(%%rip), %%rax\n"                                  \
                         "movq %%rax, 8(%[a])\n"                                    \
                         "1: pause\n"                                               \
                         "incq (%[count])\n"                                        \
                         "cmpl $0, (%[stop])\n"                                     \
                         "je 1b\n"                                                  \
                         "2: jmp 5f\n"                                              \
                         ".byte 0x0f, 0xb9, 0x3d\n"                                 \
                         ".long " #sig "\n"                                         \
                         "4: movl $1, %[aborted]\n"                                 \
                         "5:\n"                                                     \
                         : [aborted] "+r"(aborted)                                  \
                         : [a] "r"(a), [stop] "r"(stop), [count] "r"(count)         \
                         : "rax", "memory", "cc");                                  \
        return aborted;                                                             \
    }
SEQUENCE(spin, 0, 0, "4f", 0x53053053)
SEQUENCE(spin_bad_sig, 0, 0, "4f", 0x53053054)
SEQUENCE(spin_bad_version, 1, 0, "4f", 0x53053053)
SEQUENCE(spin_bad_flags, 0, 1, "4f", 0x53053053)
SEQUENCE(spin_bad_abort, 0, 0, "1b", 0x53053053)

static int never;
static volatile sig_atomic_t hits;
static void on_alarm(int sig)
{
    (void)sig;
    hits++;
}

static void start_ticking(int flags)
{
    struct sigaction sa = {.sa_handler = on_alarm, .sa_flags = flags};
    struct itimerval every = {{0, 5000}, {0, 5000}};
    sigaction(SIGALRM, &sa, NULL);
    setitimer(ITIMER_REAL, &every, NULL);
}

static void dies(const char *name, int (*f)(struct area *, const volatile int *, volatile long *))
{
    pid_t pid = tap_fork();
    if (pid == 0) {
        volatile long n = 0;
        start_ticking(0);
        f(&area, &never, &n);
        _exit(1);
    }
    int status = tap_wait(pid);
    tap_line(tap_killed(status, SIGSEGV), name, __FILE__, __LINE__, "killed by SIGSEGV", status);
}

static void by_signal(void)
{
    struct area *a = &area;
    volatile long n = 0;
    int stop = 1;
    REQ(reg(a, 32, 0, SIG) == 0);
    CHECK(spin(a, &stop, &n) == 0 || n == 1, "a short sequence runs through");
    CHECK_CHILD(
        "a signal's handler ends a sequence", start_ticking(0); for (int i = 0; i < 10; i++) {
            long before = n;
            REQ(spin(a, &never, &n) == 1 && n > before && a->cs == 0);
        } REQ(hits > 0));
    dies("a wrong signature is SIGSEGV", spin_bad_sig);
    dies("so is an unknown version", spin_bad_version);
    dies("so are the flags that were withdrawn", spin_bad_flags);
    dies("so is an abort address inside", spin_bad_abort);
    pid_t pid = tap_fork();
    if (pid == 0) {
        start_ticking(0);
        a->cs = 8;
        for (;;)
            ;
    }
    CHECK(tap_killed(tap_wait(pid), SIGSEGV), "so is a sequence that is nowhere");
    pid = tap_fork();
    if (pid == 0) { /* one that has been left behind is forgotten */
        spin(a, &stop, &n);
        uint64_t cs = a->cs;
        start_ticking(0);
        while (a->cs)
            ;
        _exit(!cs && !hits);
    }
    CHECK(tap_wait(pid) == 0, "one that was left behind is cleared");
    pid = tap_fork();
    if (pid == 0) {
        REQ(reg(a, 32, UNREGISTER, SIG) == 0);
        struct area *gone = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        REQ(reg(gone, 32, 0, SIG) == 0 && munmap(gone, PAGE) == 0);
        start_ticking(0);
        for (int i = 0;; i++) {
            pin(i % 2);
            sched_yield();
        }
    }
    CHECK(tap_killed(tap_wait(pid), SIGSEGV), "so is an area that is gone");
    REQ(reg(a, 32, UNREGISTER, SIG) == 0);
}

/* Two on one CPU: who is switched out in a sequence starts it again. */
static int stop_rivals;

static void *rival(void *arg)
{
    (void)arg;
    pin(0);
    while (!__atomic_load_n(&stop_rivals, __ATOMIC_RELAXED))
        ;
    return NULL;
}

static void by_switch(void)
{
    pthread_t t;
    volatile long n = 0;
    int aborted = 0;
    pin(0);
    REQ(pthread_create(&t, NULL, rival, NULL) == 0);
    REQ(reg(&area, 32, 0, SIG) == 0);
    for (int i = 0; i < 5; i++)
        aborted += spin(&area, &never, &n);
    CHECK(aborted == 5, "so does another thread on the CPU");
    stop_rivals = 1;
    pthread_join(t, NULL);
    REQ(reg(&area, 32, UNREGISTER, SIG) == 0);
}

/* ---- counters of the CPUs ---- */

#define EACH 200000
static struct {
    volatile long n;
    char pad[56];
} per_cpu[64];

/* One more on the CPU it runs on, without an atomic operation. */
static void count_here(struct area *a)
{
    int done = 0;
    do {
        __asm__ volatile(".pushsection .data.rseq, \"aw\"\n"
                         ".balign 32\n"
                         "3: .long 0, 0\n"
                         ".quad 1f, 2f - 1f, 4f\n"
                         ".popsection\n"
                         "leaq 3b(%%rip), %%rax\n"
                         "movq %%rax, 8(%[a])\n"
                         "1: movl 4(%[a]), %%eax\n"
                         "shlq $6, %%rax\n"
                         "movq (%[per_cpu], %%rax), %%rcx\n"
                         "addq $1, %%rcx\n"
                         "movq %%rcx, (%[per_cpu], %%rax)\n"
                         "2: movl $1, %[done]\n"
                         "jmp 5f\n"
                         ".byte 0x0f, 0xb9, 0x3d\n"
                         ".long 0x53053053\n"
                         "4:\n"
                         "5:\n"
                         : [done] "+r"(done)
                         : [a] "r"(a), [per_cpu] "r"(per_cpu)
                         : "rax", "rcx", "memory", "cc");
    } while (!done);
}

static void *counts(void *arg)
{
    struct area *a = (void *)((char *)__builtin_thread_pointer() + __rseq_offset);
    for (int i = 0; i < EACH; i++) {
        count_here(a);
        if (i % 5000 == 0)
            pin((int)((long)arg + i / 5000) % 2);
    }
    return NULL;
}

static void together(void)
{
    pthread_t t[4];
    long sum = 0;
    for (long i = 0; i < 4; i++)
        REQ(pthread_create(&t[i], NULL, counts, (void *)i) == 0);
    for (int i = 0; i < 4; i++)
        pthread_join(t[i], NULL);
    for (int i = 0; i < 64; i++)
        sum += per_cpu[i].n;
    CHECK(sum == 4L * EACH, "four threads that move about count a CPU each: nothing is lost");
}

/* ---- membarrier ---- */

static long membarrier(int cmd, unsigned flags, int cpu)
{
    return syscall(SYS_membarrier, cmd, flags, cpu);
}

static int started;

static void *spins(void *arg)
{
    volatile long n = 0;
    struct area *a = (void *)((char *)__builtin_thread_pointer() + __rseq_offset);
    (void)arg;
    pin(1);
    __atomic_store_n(&started, 1, __ATOMIC_SEQ_CST);
    return (void *)(long)spin(a, &never, &n);
}

static void barriers(void)
{
    pthread_t t;
    void *aborted;
    long known = membarrier(MEMBARRIER_CMD_QUERY, 0, 0);
    CHECK((known & 0x1ff) == 0x1ff, "membarrier knows all commands");
    CHECK_ERRNO(membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0), EPERM, "not before it is registered");
    CHECK_ERRNO(membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE, 0, 0), EPERM, "the one for code");
    CHECK_ERRNO(membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ, 0, 0), EPERM, "the one for sequences");
    CHECK_ERRNO(membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ, 2, 0), EINVAL, "an unknown flag");
    CHECK_ERRNO(membarrier(MEMBARRIER_CMD_GLOBAL, 1, 0), EINVAL, "a flag of another command");
    CHECK_ERRNO(membarrier(1 << 20, 0, 0), EINVAL, "an unknown command");
    CHECK_ERRNO(membarrier(3, 0, 0), EINVAL, "two commands");
    CHECK(membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) == 0 &&
              membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0) == 0,
          "registered");
    CHECK(membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE, 0, 0) == 0 &&
              membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE, 0, 0) == 0,
          "the one for code too");
    CHECK(membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ, 0, 0) == 0 &&
              membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ, 0, 0) == 0 &&
              membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ, MEMBARRIER_CMD_FLAG_CPU, 0) == 0 &&
              membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ, MEMBARRIER_CMD_FLAG_CPU, 4096) == 0,
          "the one for sequences too, on one CPU or all");
    CHECK(membarrier(MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED, 0, 0) == 0 &&
              membarrier(MEMBARRIER_CMD_GLOBAL_EXPEDITED, 0, 0) == 0 && membarrier(MEMBARRIER_CMD_GLOBAL, 0, 0) == 0,
          "the global ones");
    CHECK_CHILD("a child has its parent's registrations",
                REQ(membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ, 0, 0) == 0));
    pin(0);
    REQ(pthread_create(&t, NULL, spins, NULL) == 0);
    while (!__atomic_load_n(&started, __ATOMIC_SEQ_CST))
        sched_yield();
    msleep(20);
    REQ(membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ, MEMBARRIER_CMD_FLAG_CPU, 1) == 0);
    for (int i = 0; i < 5; i++) {
        msleep(5);
        REQ(membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ, 0, 0) == 0);
    }
    pthread_join(t, &aborted);
    CHECK(aborted, "and it restarts another CPU's sequence");
}

int main(void)
{
    barriers();
    together();
    registering();
    numbers();
    by_signal();
    by_switch();
    return tap_end();
}
