// SPDX-License-Identifier: MIT
/*
 * futex(2): wait and wake, their errors and timeouts, bitsets, requeue, across processes.
 */
#include "tests/abi/util.h"

#include <linux/futex.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/time.h>

static uint32_t word;

static long futex(uint32_t *u, int op, uint32_t val, const struct timespec *t, uint32_t *u2, uint32_t val3)
{
    return syscall(SYS_futex, u, op, val, t, u2, val3);
}

static void errors(void)
{
    struct timespec bad = {0, 1000000000}, neg = {-1, 0}, zero = {0, 0};
    CHECK_ERRNO(futex(&word, FUTEX_WAIT, 1, NULL, NULL, 0), EAGAIN, "the word is not what was expected");
    CHECK_ERRNO(futex((uint32_t *)((char *)&word + 1), FUTEX_WAIT, 0, NULL, NULL, 0), EINVAL, "an unaligned word");
    CHECK_ERRNO(futex(at_addr(8), FUTEX_WAIT, 0, NULL, NULL, 0), EFAULT, "an unmapped word");
    CHECK_ERRNO(futex(at_addr(8), FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0), EFAULT, "an unmapped private word");
    CHECK_ERRNO(futex(&word, 99, 0, NULL, NULL, 0), ENOSYS, "an unknown operation");
    CHECK_ERRNO(futex(&word, FUTEX_WAIT, 0, &bad, NULL, 0), EINVAL, "too many nanoseconds");
    CHECK_ERRNO(futex(&word, FUTEX_WAIT, 0, &neg, NULL, 0), EINVAL, "negative seconds");
    CHECK_ERRNO(futex(&word, FUTEX_WAIT, 0, at_addr(8), NULL, 0), EFAULT, "a timeout at a bad address");
    CHECK_ERRNO(futex(&word, FUTEX_WAIT, 0, &zero, NULL, 0), ETIMEDOUT, "no time at all");
    CHECK_ERRNO(futex(&word, FUTEX_WAIT_BITSET, 0, NULL, NULL, 0), EINVAL, "an empty bitset");
    CHECK_ERRNO(futex(&word, FUTEX_WAKE_BITSET, 1, NULL, NULL, 0), EINVAL, "an empty bitset to wake");
    CHECK(futex(&word, FUTEX_WAKE, 10, NULL, NULL, 0) == 0, "nobody to wake");
    CHECK_ERRNO(futex(&word, FUTEX_CMP_REQUEUE, 1, (void *)1, &word + 0, 5), EAGAIN,
                "FUTEX_CMP_REQUEUE of another value");
    char *ro = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK_ERRNO(futex((uint32_t *)ro, FUTEX_WAIT_PRIVATE, 1, NULL, NULL, 0), EAGAIN,
                "a word that is only readable can be waited on");
    munmap(ro, PAGE);
}

static void timeouts(void)
{
    struct timespec rel = {0, 30000000}, abs;
    int64_t t = now_ns();
    CHECK_ERRNO(futex(&word, FUTEX_WAIT, 0, &rel, NULL, 0), ETIMEDOUT, "FUTEX_WAIT's time is relative");
    CHECK(now_ns() - t >= 30000000, "and not shorter than told");
    abs = (struct timespec){0, 1}; /* the machine may have been up for less than a second */
    CHECK_ERRNO(futex(&word, FUTEX_WAIT_BITSET, 0, &abs, NULL, ~0u), ETIMEDOUT, "FUTEX_WAIT_BITSET's is absolute");
    clock_gettime(CLOCK_REALTIME, &abs);
    abs.tv_sec--;
    CHECK_ERRNO(futex(&word, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, 0, &abs, NULL, ~0u), ETIMEDOUT,
                "also by the real-time clock");
}

/* Waiters in threads; each counts itself when it is woken. */
static int woken;
static uint32_t words[2];
static struct waiter {
    uint32_t *word, bits;
    pid_t tid;
    pthread_t thread;
} waiters[4];

static void *wait_on(void *arg)
{
    struct waiter *w = arg;
    __atomic_store_n(&w->tid, syscall(SYS_gettid), __ATOMIC_SEQ_CST);
    while (futex(w->word, FUTEX_WAIT_BITSET_PRIVATE, 0, NULL, NULL, w->bits) != 0)
        REQ(errno == EINTR || errno == EAGAIN);
    __atomic_fetch_add(&woken, 1, __ATOMIC_SEQ_CST);
    return NULL;
}

/* True when the thread sleeps, by /proc; where that is missing, after a while. */
static void until_asleep(pid_t *tid)
{
    char path[64], buf[200];
    while (!__atomic_load_n(tid, __ATOMIC_SEQ_CST))
        sched_yield();
    for (int i = 0; i < 20000; i++) {
        snprintf(path, sizeof path, "/proc/self/task/%d/stat", *tid);
        int fd = open(path, O_RDONLY);
        ssize_t n = fd < 0 ? -1 : read(fd, buf, sizeof buf - 1);
        close(fd);
        if (n <= 0) {
            msleep(50);
            return;
        }
        buf[n] = 0;
        if (strstr(buf, ") S "))
            return;
        msleep(1);
    }
}

static void start(int n, uint32_t bits0)
{
    words[0] = words[1] = 0;
    woken = 0;
    for (int i = 0; i < n; i++) {
        waiters[i] = (struct waiter){.word = words, .bits = bits0 ? bits0 << i : ~0u};
        REQ(pthread_create(&waiters[i].thread, NULL, wait_on, &waiters[i]) == 0);
    }
    for (int i = 0; i < n; i++)
        until_asleep(&waiters[i].tid);
}

static int woken_reach(int n)
{
    for (int i = 0; i < 20000 && __atomic_load_n(&woken, __ATOMIC_SEQ_CST) < n; i++)
        msleep(1);
    return __atomic_load_n(&woken, __ATOMIC_SEQ_CST) == n;
}

static void join(int n)
{
    for (int i = 0; i < n; i++)
        pthread_join(waiters[i].thread, NULL);
}

static void waking(void)
{
    start(4, 0);
    CHECK(futex(words, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0) == 1 && woken_reach(1),
          "FUTEX_WAKE wakes as many as told");
    CHECK(futex(words, FUTEX_WAKE_PRIVATE, 2, NULL, NULL, 0) == 2 && woken_reach(3), "and two more");
    CHECK(futex(words, FUTEX_WAKE_PRIVATE, INT32_MAX, NULL, NULL, 0) == 1 && woken_reach(4), "and the rest");
    join(4);
    start(3, 1);
    CHECK(futex(words, FUTEX_WAKE_BITSET_PRIVATE, 9, NULL, NULL, 2) == 1 && woken_reach(1),
          "FUTEX_WAKE_BITSET chooses by bits");
    CHECK(futex(words, FUTEX_WAKE_BITSET_PRIVATE, 9, NULL, NULL, 8) == 0, "bits nobody waits for");
    CHECK(futex(words, FUTEX_WAKE_PRIVATE, 9, NULL, NULL, 0) == 2 && woken_reach(3), "FUTEX_WAKE wakes any bits");
    join(3);
}

static void requeueing(void)
{
    start(4, 0);
    CHECK(futex(words, FUTEX_CMP_REQUEUE_PRIVATE, 1, (void *)2, words + 1, 0) == 3 && woken_reach(1),
          "FUTEX_CMP_REQUEUE wakes one and moves two");
    CHECK(futex(words, FUTEX_WAKE_PRIVATE, 9, NULL, NULL, 0) == 1 && woken_reach(2), "one has stayed");
    CHECK(futex(words + 1, FUTEX_WAKE_PRIVATE, 9, NULL, NULL, 0) == 2 && woken_reach(4), "two have moved");
    join(4);
    start(2, 0);
    CHECK(futex(words + 1, FUTEX_WAKE_OP_PRIVATE, 1, (void *)1, words, FUTEX_OP(FUTEX_OP_SET, 5, FUTEX_OP_CMP_EQ, 0)) ==
                  1 &&
              words[0] == 5 && woken_reach(1),
          "FUTEX_WAKE_OP changes the second word and wakes by its old value");
    futex(words, FUTEX_WAKE_PRIVATE, 9, NULL, NULL, 0);
    join(2);
}

static void across_processes(void)
{
    uint32_t *shared = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t pid = tap_fork();
    if (pid == 0) {
        while (__atomic_load_n(shared, __ATOMIC_SEQ_CST) == 0)
            futex(shared, FUTEX_WAIT, 0, NULL, NULL, 0);
        _exit(0);
    }
    msleep(20);
    __atomic_store_n(shared, 1, __ATOMIC_SEQ_CST);
    futex(shared, FUTEX_WAKE, 1, NULL, NULL, 0);
    CHECK(tap_wait(pid) == 0, "a futex in shared memory wakes another process");
    int fd = open("mapped", O_RDWR | O_CREAT, 0600);
    REQ(ftruncate(fd, PAGE) == 0);
    uint32_t *a = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    uint32_t *b = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    pid = tap_fork();
    if (pid == 0) {
        while (__atomic_load_n(a, __ATOMIC_SEQ_CST) == 0)
            futex(a, FUTEX_WAIT, 0, NULL, NULL, 0);
        _exit(0);
    }
    msleep(20);
    __atomic_store_n(b, 1, __ATOMIC_SEQ_CST);
    futex(b, FUTEX_WAKE, 1, NULL, NULL, 0);
    CHECK(tap_wait(pid) == 0, "so does one in a file, under whatever address");
    close(fd);
}

static uint32_t turn;
static volatile int turns_over;
static int64_t turns_end;

/* A turn may take tens of milliseconds where two processors share a busy one: fewer will do then. */
static void *take_turns(void *arg)
{
    uint32_t me = (long)arg;
    pin(me);
    for (int i = 0; !turns_over; i++) {
        while (__atomic_load_n(&turn, __ATOMIC_SEQ_CST) != me)
            futex(&turn, FUTEX_WAIT_PRIVATE, !me, NULL, NULL, 0);
        if (me == 0 && (i == 500 || (i > 20 && now_ns() > turns_end)))
            turns_over = 1;
        __atomic_store_n(&turn, !me, __ATOMIC_SEQ_CST);
        futex(&turn, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
    }
    return NULL;
}

static void no_lost_wakeups(void)
{
    pthread_t t[2];
    turns_end = now_ns() + 5000000000;
    for (long i = 0; i < 2; i++)
        REQ(pthread_create(&t[i], NULL, take_turns, (void *)i) == 0);
    CHECK(pthread_join(t[0], NULL) == 0 && pthread_join(t[1], NULL) == 0,
          "a thousand turns on two CPUs: no wake-up is lost");
}

static volatile sig_atomic_t ticks;

static void on_tick(int sig)
{
    (void)sig;
    ticks++;
}

static void on_third_tick(int sig)
{
    (void)sig;
    if (++ticks == 3)
        word = 1;
}

static void interrupted(void)
{
    CHECK_CHILD("a signal interrupts FUTEX_WAIT", {
        struct sigaction sa = {.sa_handler = on_tick};
        sigaction(SIGALRM, &sa, NULL);
        struct itimerval it = {{0, 20000}, {0, 20000}};
        setitimer(ITIMER_REAL, &it, NULL);
        REQ(futex(&word, FUTEX_WAIT, 0, NULL, NULL, 0) == -1 && errno == EINTR);
    });
    CHECK_CHILD("with a timeout also in spite of SA_RESTART", {
        struct sigaction sa = {.sa_handler = on_tick, .sa_flags = SA_RESTART};
        sigaction(SIGALRM, &sa, NULL);
        struct itimerval it = {{0, 20000}, {0, 20000}};
        setitimer(ITIMER_REAL, &it, NULL);
        struct timespec ts = {1000, 0};
        REQ(futex(&word, FUTEX_WAIT, 0, &ts, NULL, 0) == -1 && errno == EINTR);
    });
    CHECK_CHILD("without one SA_RESTART looks at the word again", {
        struct sigaction sa = {.sa_handler = on_third_tick, .sa_flags = SA_RESTART};
        sigaction(SIGALRM, &sa, NULL);
        struct itimerval it = {{0, 20000}, {0, 20000}};
        setitimer(ITIMER_REAL, &it, NULL);
        REQ(futex(&word, FUTEX_WAIT, 0, NULL, NULL, 0) == -1 && errno == EAGAIN && ticks >= 3);
    });
}

static void *waits_for_ever(void *u)
{
    futex(u, FUTEX_WAIT, 0, NULL, NULL, 0);
    return NULL;
}

/* Until n wait on u: who is queued again is counted. */
static void await_waiters(uint32_t *u, int n)
{
    while (futex(u, FUTEX_REQUEUE, 0, (void *)100L, u, 0) < n)
        msleep(1);
}

static uint32_t *shared_word(void)
{
    uint32_t *u = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    REQ(u != MAP_FAILED);
    return u;
}

/* What is shared is known by the object, which may be gone, and its memory another object's, while somebody waits. */
static void waiter_of_the_past(void)
{
    enum { MANY = 64 };
    uint32_t *past = shared_word();
    pthread_t t;
    REQ(pthread_create(&t, NULL, waits_for_ever, past) == 0);
    await_waiters(past, 1);
    REQ(munmap(past, PAGE) == 0);
    for (int i = 0; i < MANY; i++)
        REQ(futex(shared_word(), FUTEX_WAKE, 1, NULL, NULL, 0) == 0);
}

static void counts_to_wake(void)
{
    enum { WAITERS = 4 };
    static uint32_t first, second;
    pthread_t t[WAITERS];
    int set = FUTEX_OP(FUTEX_OP_SET, 0, FUTEX_OP_CMP_NE, 5), unknown = FUTEX_OP(FUTEX_OP_SET, 7, 9, 5);
    for (int i = 0; i < WAITERS; i++)
        REQ(pthread_create(&t[i], NULL, waits_for_ever, &first) == 0);
    await_waiters(&first, WAITERS);
    CHECK(futex(&first, FUTEX_WAKE, -1, NULL, NULL, 0) == 1, "less than none is one to wake");
    CHECK(futex(&first, FUTEX_WAKE, 0, NULL, NULL, 0) == 1, "and so is none");
    CHECK(futex(&first, FUTEX_WAKE_OP, 0, NULL, &second, set) == 1, "also for FUTEX_WAKE_OP");
    CHECK_ERRNO(futex(&first, FUTEX_WAKE_OP, 1, NULL, &second, unknown), ENOSYS, "which knows no such comparison");
    CHECK(second == 7, "but has done what was to be done before it");
    CHECK(futex(&first, FUTEX_WAKE, 10, NULL, NULL, 0) == 1, "and woken nobody");
    for (int i = 0; i < WAITERS; i++)
        pthread_join(t[i], NULL);
}

int main(void)
{
    errors();
    timeouts();
    waking();
    requeueing();
    across_processes();
    no_lost_wakeups();
    interrupted();
    counts_to_wake();
    CHECK_CHILD("who waits for what is gone takes no wake-up of what came after it", waiter_of_the_past());
    return tap_end();
}
