// SPDX-License-Identifier: MIT
/* Policy and affinity of threads that sleep and wake are changed from another processor at the same time. */
#include "tests/abi/util.h"

#include <pthread.h>

enum { PAIRS = 2, CHANGES = 4000 };

static struct pair {
    int there[2], back[2];
    pid_t tids[2];
    pthread_t threads[2];
    long rounds;
} pairs[PAIRS];
static volatile int over;

static void *ping(void *arg)
{
    struct pair *p = arg;
    char c = 0;
    __atomic_store_n(&p->tids[0], gettid(), __ATOMIC_RELEASE);
    while (!over && write(p->there[1], &c, 1) == 1 && read(p->back[0], &c, 1) == 1)
        __atomic_add_fetch(&p->rounds, 1, __ATOMIC_RELAXED);
    close(p->there[1]);
    return NULL;
}

static void *pong(void *arg)
{
    struct pair *p = arg;
    char c;
    __atomic_store_n(&p->tids[1], gettid(), __ATOMIC_RELEASE);
    while (read(p->there[0], &c, 1) == 1 && write(p->back[1], &c, 1) == 1)
        continue;
    return NULL;
}

static void start(struct pair *p)
{
    REQ(pipe(p->there) == 0 && pipe(p->back) == 0);
    REQ(pthread_create(&p->threads[0], NULL, ping, p) == 0 && pthread_create(&p->threads[1], NULL, pong, p) == 0);
    for (int i = 0; i < 2; i++)
        while (!__atomic_load_n(&p->tids[i], __ATOMIC_ACQUIRE))
            sched_yield();
}

static int change(pid_t tid, int n, const cpu_set_t *all)
{
    struct sched_param none = {0};
    cpu_set_t one;
    int cpus = CPU_COUNT(all), want = n / 3 % cpus, seen = 0;
    if (n % 3 == 0)
        return sched_setscheduler(tid, n & 8 ? SCHED_BATCH : SCHED_OTHER, &none);
    if (n % 3 == 1)
        return sched_setaffinity(tid, sizeof *all, all);
    CPU_ZERO(&one);
    for (int i = 0; i < CPU_SETSIZE; i++)
        if (CPU_ISSET(i, all) && seen++ == want)
            CPU_SET(i, &one);
    return sched_setaffinity(tid, sizeof one, &one);
}

int main(void)
{
    cpu_set_t all;
    int good = 1, moved = 1;
    REQ(sched_getaffinity(0, sizeof all, &all) == 0);
    for (int i = 0; i < PAIRS; i++)
        start(&pairs[i]);
    for (int n = 0; n < CHANGES; n++) {
        good &= change(pairs[n % PAIRS].tids[n / PAIRS % 2], n, &all) == 0;
        if (n % 64 == 0)
            usleep(100); /* with one processor they run now */
    }
    CHECK(good, "every change is made");
    for (int i = 0; i < PAIRS; i++)
        for (int k = 0; k < 20000 && !__atomic_load_n(&pairs[i].rounds, __ATOMIC_RELAXED); k++)
            usleep(1000);
    over = 1;
    for (int i = 0; i < PAIRS; i++) {
        REQ(pthread_join(pairs[i].threads[0], NULL) == 0 && pthread_join(pairs[i].threads[1], NULL) == 0);
        moved &= pairs[i].rounds > 0;
    }
    CHECK(moved, "and the threads went on all the time");
    return tap_end();
}
