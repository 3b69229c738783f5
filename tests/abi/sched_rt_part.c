// SPDX-License-Identifier: MIT
/* A real-time thread that never sleeps leaves the others of its CPU a part of the time. */
#define TAP_KEEP_CAPABILITIES
#include "tests/abi/util.h"

#include <sys/mman.h>

static struct shared {
    int ran, over;
} * shared;

/* Takes CPU 0 until the other has run there, or for ten seconds. */
static void hog(int policy)
{
    struct sched_param p = {.sched_priority = 50};
    int64_t until = read_ns(CLOCK_MONOTONIC) + 10 * NS_A_SECOND;
    pin(0);
    REQ(sched_setscheduler(0, policy, &p) == 0);
    int before = __atomic_load_n(&shared->ran, __ATOMIC_ACQUIRE);
    while (__atomic_load_n(&shared->ran, __ATOMIC_ACQUIRE) == before)
        REQ(read_ns(CLOCK_MONOTONIC) < until);
}

static void *rival(void *arg)
{
    (void)arg;
    pin(0);
    while (!__atomic_load_n(&shared->over, __ATOMIC_ACQUIRE)) {
        __atomic_add_fetch(&shared->ran, 1, __ATOMIC_RELEASE);
        sched_yield();
    }
    return NULL;
}

static int may_be_rt(void)
{
    return CHILD({
               struct sched_param p = {.sched_priority = 1};
               _exit(sched_setscheduler(0, SCHED_FIFO, &p) != 0);
           }) == 0;
}

static void leaves_a_part(int policy, const char *name)
{
    pthread_t t;
    *shared = (struct shared){0};
    REQ(pthread_create(&t, NULL, rival, NULL) == 0);
    while (!__atomic_load_n(&shared->ran, __ATOMIC_ACQUIRE))
        sched_yield();
    CHECK_CHILD(name, hog(policy));
    __atomic_store_n(&shared->over, 1, __ATOMIC_RELEASE);
    pthread_join(t, NULL);
}

int main(void)
{
    shared = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    REQ(shared != MAP_FAILED);
    if (!may_be_rt() && !own_machine()) {
        SKIP("SCHED_FIFO leaves a part of the time", "no right to real-time policies");
        SKIP("SCHED_RR too", "no right to real-time policies");
        return tap_end();
    }
    leaves_a_part(SCHED_FIFO, "SCHED_FIFO leaves a part of the time");
    leaves_a_part(SCHED_RR, "SCHED_RR too");
    return tap_end();
}
