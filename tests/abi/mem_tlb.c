// SPDX-License-Identifier: MIT
/*
 * One thread changes the address space while another uses it on the other CPU. Once munmap or mprotect has returned,
 * no other thread gets at the page by an old translation; and many faults at once leave one consistent space.
 */
#include "tests/abi/util.h"

#include <pthread.h>
#include <setjmp.h>
#include <sys/mman.h>

#define RW (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)
enum { ROUNDS = 200 };

static __thread sigjmp_buf jump;
static volatile int stop, phase, bad;
static volatile char *volatile page;

static void on_fault(int sig)
{
    siglongjmp(jump, sig);
}

/* Writes to the page all the time. While phase is odd the page is protected: a store that succeeds is an error. */
static void *writer(void *arg)
{
    pin(1);
    while (!stop) {
        int before = phase;
        if (sigsetjmp(jump, 1) == 0) {
            *page = 1;
            if (before % 2 == 1 && phase == before)
                bad++;
        }
    }
    return arg;
}

/* At most ROUNDS and at most a second: where processors are few and emulated, one shootdown may take a time slice. */
static int64_t deadline;

static int goes_on(int i)
{
    return i < ROUNDS && now_ns() < deadline;
}

static void start(pthread_t *t, void *(*fn)(void *))
{
    stop = phase = bad = 0;
    deadline = now_ns() + 1000000000;
    REQ(pthread_create(t, NULL, fn, NULL) == 0);
    pin(0);
}

static void finish(pthread_t t)
{
    stop = 1;
    pthread_join(t, NULL);
}

static void pause_briefly(void)
{
    for (volatile int i = 0; i < 300; i++)
        ;
}

static void protecting(void)
{
    pthread_t t;
    char *p = mmap(NULL, PAGE, RW, ANON, -1, 0);
    page = p;
    start(&t, writer);
    for (int i = 0; goes_on(i); i++) {
        REQ(mprotect(p, PAGE, PROT_READ) == 0);
        phase++;
        pause_briefly();
        phase++;
        REQ(mprotect(p, PAGE, RW) == 0);
        pause_briefly();
    }
    finish(t);
    CHECK(bad == 0, "after mprotect no other thread writes");
    munmap(p, PAGE);
}

static void unmapping(void)
{
    pthread_t t;
    char *p = mmap(NULL, PAGE, RW, ANON, -1, 0);
    page = p;
    start(&t, writer);
    for (int i = 0; goes_on(i); i++) {
        REQ(munmap(p, PAGE) == 0);
        phase++;
        pause_briefly();
        phase++;
        REQ(mmap(p, PAGE, RW, ANON | MAP_FIXED, -1, 0) == p);
        pause_briefly();
    }
    finish(t);
    CHECK(bad == 0, "after munmap no other thread writes");
    munmap(p, PAGE);
}

/* A page that was given up and taken by somebody else must not be written through the old mapping. */
static void *marker(void *arg)
{
    pin(1);
    while (!stop)
        if (sigsetjmp(jump, 1) == 0)
            *page = 'M';
    return arg;
}

static void reuse(void)
{
    pthread_t t;
    char *p = mmap(NULL, PAGE, RW, ANON, -1, 0);
    int good = 1;
    page = p;
    start(&t, marker);
    for (int i = 0; goes_on(i); i++) {
        REQ(munmap(p, PAGE) == 0);
        char *fresh = mmap(NULL, 4 * PAGE, RW, ANON | MAP_POPULATE, -1, 0);
        REQ(fresh != MAP_FAILED);
        if (fresh != p) {
            pause_briefly();
            for (int j = 0; j < 4; j++)
                good &= (fresh <= p && p < fresh + 4 * PAGE) || fresh[j * PAGE] == 0;
        }
        munmap(fresh, 4 * PAGE);
        REQ(mmap(p, PAGE, RW, ANON | MAP_FIXED, -1, 0) == p);
        pause_briefly();
    }
    finish(t);
    CHECK(good, "a page given up is not written by its old user");
    munmap(p, PAGE);
}

static void emptying(void)
{
    pthread_t t;
    char *p = mmap(NULL, 16 * PAGE, RW, ANON, -1, 0);
    page = p;
    start(&t, marker);
    int good = 1;
    for (int i = 0; goes_on(i); i++) {
        memset(p + PAGE, 'x', 15 * PAGE);
        REQ(madvise(p, 16 * PAGE, MADV_DONTNEED) == 0);
        for (int j = 1; j < 16; j++)
            good &= p[j * PAGE] == 0;
        good &= p[0] == 0 || p[0] == 'M';
    }
    finish(t);
    CHECK(good, "MADV_DONTNEED beside a writing thread");
    munmap(p, 16 * PAGE);
}

/* Eight threads' worth of first touches on the same pages. */
enum { TOUCH = 500 };
static char *area;
static pthread_barrier_t gate;

static void *toucher(void *arg)
{
    long me = (long)arg;
    pin(me & 1);
    pthread_barrier_wait(&gate);
    for (int i = 0; i < TOUCH; i++)
        __atomic_fetch_add((long *)(area + i * PAGE), 1, __ATOMIC_SEQ_CST);
    return NULL;
}

static void touching(void)
{
    pthread_t t[4];
    int good = 1;
    area = mmap(NULL, TOUCH * PAGE, RW, ANON, -1, 0);
    pthread_barrier_init(&gate, NULL, 4);
    for (long i = 0; i < 4; i++)
        REQ(pthread_create(&t[i], NULL, toucher, (void *)i) == 0);
    for (int i = 0; i < 4; i++)
        pthread_join(t[i], NULL);
    for (int i = 0; i < TOUCH; i++)
        good &= *(long *)(area + i * PAGE) == 4;
    CHECK(good, "first touches by four threads meet on the same pages");
    munmap(area, TOUCH * PAGE);
}

static void *mapper(void *arg)
{
    long me = (long)arg, good = 1;
    pin(me & 1);
    for (int i = 0; goes_on(i); i++) {
        size_t len = (1 + (i * 7 + me) % 9) * PAGE;
        char *p = mmap(NULL, len, RW, ANON, -1, 0);
        good &= p != MAP_FAILED;
        memset(p, (int)me + 1, len);
        good &= mprotect(p, PAGE, PROT_READ) == 0;
        for (size_t j = 0; j < len; j += 512)
            good &= p[j] == me + 1;
        good &= munmap(p, len) == 0;
    }
    return (void *)good;
}

static void mapping(void)
{
    pthread_t t[4];
    long good = 1;
    deadline = now_ns() + 1000000000;
    for (long i = 0; i < 4; i++)
        REQ(pthread_create(&t[i], NULL, mapper, (void *)i) == 0);
    for (int i = 0; i < 4; i++) {
        void *ret;
        pthread_join(t[i], &ret);
        good &= (long)ret;
    }
    CHECK(good, "four threads map and unmap at once");
}

/* fork while another thread writes: the child's copy is of one moment, each page whole. */
static void *counter(void *arg)
{
    long *p = (long *)area;
    pin(1);
    for (long n = 1; !stop; n++) {
        p[0] = n;
        p[1] = n;
    }
    return arg;
}

static void forking(void)
{
    pthread_t t;
    area = mmap(NULL, PAGE, RW, ANON, -1, 0);
    start(&t, counter);
    int good = 1;
    for (int i = 0; i < 30 && goes_on(i); i++)
        good &= CHILD({
                    volatile long *p = (long *)area;
                    long a = p[0];
                    long b = p[1];
                    sched_yield();
                    REQ(a - b <= 1 && a >= b && p[0] == a && p[1] == b);
                }) == 0;
    CHECK(good, "after fork the parent's threads no longer change the child's pages");
    long before = ((volatile long *)area)[0];
    msleep(5);
    finish(t);
    CHECK(((long *)area)[0] >= before, "and the parent's thread writes on");
    munmap(area, PAGE);
}

/* Writes numbers into some pages of a block, now and then: who is always at it waits whenever something happens. */
static void *numberer(void *arg)
{
    static unsigned last[8];
    volatile unsigned *block = arg;
    unsigned n = 0, random = 1;
    pin(1);
    while (!stop) {
        volatile unsigned *at = &block[(2 + n % 8 * 63) * 1024];
        bad += *at != last[n % 8];
        *at = last[n % 8] = n + 1;
        n++;
        random = random * 1103515245 + 12345;
        for (volatile unsigned pause = random >> 17; pause; pause--)
            ;
    }
    for (int i = 0; i < 8; i++)
        bad += block[(2 + i * 63) * 1024] != last[i];
    return NULL;
}

static void collapse_under_writes(void)
{
    const size_t size = 2 << 20;
    char *all = mmap(NULL, 2 * size, RW, ANON, -1, 0);
    REQ(all != MAP_FAILED);
    char *block = (char *)(((uintptr_t)all + size - 1) & -size);
    pthread_t t;
    stop = bad = 0;
    deadline = now_ns() + 500000000;
    REQ(pthread_create(&t, NULL, numberer, block) == 0);
    pin(0);
    for (int i = 0; goes_on(i); i++) {
        madvise(block, size, 25); /* MADV_COLLAPSE */
        REQ(mprotect(block + PAGE, PAGE, PROT_READ) == 0 && mprotect(block + PAGE, PAGE, RW) == 0);
    }
    finish(t);
    CHECK(!bad, "MADV_COLLAPSE loses nothing that is written meanwhile");
    munmap(all, 2 * size);
}

int main(void)
{
    struct sigaction sa = {.sa_handler = on_fault};
    sigaction(SIGSEGV, &sa, NULL);
    protecting();
    unmapping();
    reuse();
    emptying();
    touching();
    mapping();
    forking();
    collapse_under_writes();
    return tap_end();
}
