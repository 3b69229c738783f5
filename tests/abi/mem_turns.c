// SPDX-License-Identifier: MIT
/*
 * Turns at an address space. A thread that changes it over and over, each time for long, must not keep others from their
 * faults and changes: whoever has slept for it in vain gets it before the one who has it takes it twenty times more.
 * Counted in rounds of the busy thread, not in time. Those who want a turn share a processor with a thread that spins, and
 * do not preempt it, so that they come too late whenever they are woken.
 */
#include "tests/abi/util.h"

#include <pthread.h>
#include <sys/mman.h>

#define RW (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)
#define BIG (8192 * PAGE) /* changing it takes longer than a turn at the processor */
#define APART (4L << 20)  /* each touch is a fault of its own */
#define TURNS 10
#define MANY (under_tcg() ? 200u : 100000u) /* twenty rounds a turn, or as many in the same time: nobody is let in */

static uint32_t rounds, limit; /* the busy thread: how far it is, and how far it goes */
static int over;

static void *spins(void *arg)
{
    while (!__atomic_load_n(&over, __ATOMIC_RELAXED))
        ;
    return arg;
}

static void *changes(void *arg)
{
    char *big = arg;
    pin(1);
    while (!__atomic_load_n(&over, __ATOMIC_RELAXED) &&
           __atomic_add_fetch(&rounds, 1, __ATOMIC_RELAXED) < __atomic_load_n(&limit, __ATOMIC_RELAXED)) {
        REQ(mprotect(big, BIG, PROT_READ) == 0);
        REQ(mprotect(big, BIG, RW) == 0);
    }
    return NULL;
}

static void faults(char *p, int i)
{
    p[i * APART] = 1;
}

static void protects(char *p, int i)
{
    REQ(mprotect(p + i * APART, PAGE, i & 1 ? PROT_READ : PROT_NONE) == 0);
}

static void *takes_turns(void *arg)
{
    void (*turn)(char *p, int i) = *(void (**)(char *p, int i))arg;
    char *p = mmap(NULL, TURNS * APART, RW, ANON | MAP_NORESERVE, -1, 0);
    struct sched_param none = {0};
    REQ(p != MAP_FAILED);
    madvise(p, TURNS * APART, MADV_NOHUGEPAGE);
    REQ(sched_setscheduler(0, SCHED_BATCH, &none) == 0);
    uint32_t from = __atomic_load_n(&rounds, __ATOMIC_RELAXED);
    __atomic_store_n(&limit, from + MANY, __ATOMIC_RELAXED);
    for (int i = 0; i < TURNS; i++)
        turn(p, i);
    return (void *)(uintptr_t)(__atomic_load_n(&rounds, __ATOMIC_RELAXED) - from);
}

/* True when the busy thread had rounds left after so many turns beside it. */
static int gets_turns(void (*turn)(char *p, int i))
{
    char *big = mmap(NULL, BIG, RW, ANON, -1, 0);
    pthread_t busy, spinner, waiter;
    REQ(big != MAP_FAILED);
    madvise(big, BIG, MADV_NOHUGEPAGE);
    memset(big, 1, BIG);
    rounds = 0;
    limit = ~0u;
    over = 0;
    void *taken;
    REQ(pthread_create(&spinner, NULL, spins, NULL) == 0);
    REQ(pthread_create(&busy, NULL, changes, big) == 0);
    while (__atomic_load_n(&rounds, __ATOMIC_RELAXED) < 2)
        sched_yield();
    REQ(pthread_create(&waiter, NULL, takes_turns, &turn) == 0);
    REQ(pthread_join(waiter, &taken) == 0);
    __atomic_store_n(&over, 1, __ATOMIC_RELAXED);
    REQ(pthread_join(busy, NULL) == 0 && pthread_join(spinner, NULL) == 0);
    REQ(munmap(big, BIG) == 0);
    printf("# %u rounds for %d turns\n", (unsigned)(uintptr_t)taken, TURNS);
    return (uintptr_t)taken < MANY;
}

int main(void)
{
    pin(0);
    CHECK(gets_turns(faults), "faults get their turns beside a thread that changes the memory map without end");
    CHECK(gets_turns(protects), "so do other changes");
    return tap_end();
}
