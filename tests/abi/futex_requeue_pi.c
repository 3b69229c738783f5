// SPDX-License-Identifier: MIT
/* From a condition to its mutex: FUTEX_WAIT_REQUEUE_PI and FUTEX_CMP_REQUEUE_PI. */
#include "tests/abi/actor.h"

#include <limits.h>

#define WAITERS FUTEX_WAITERS
#define DIED FUTEX_OWNER_DIED

static uint32_t cond, mutex, other;
static struct actor a, b, c, d;

/* futex(2)'s fourth argument is a number here */
static const void *many(long n)
{
    return (const void *)n;
}

static long requeue(uint32_t value, uint32_t wake, long n)
{
    long r = futex_call(&cond, FUTEX_CMP_REQUEUE_PI_PRIVATE, wake, many(n), &mutex, value);
    return r < 0 ? -errno : r;
}

static void wait_begin(struct actor *who, const struct timespec *until)
{
    act_begin(who, &cond, FUTEX_WAIT_REQUEUE_PI_PRIVATE, 0, until, &mutex, 0);
}

static long wait_now(uint32_t *word, uint32_t val, const struct timespec *until, uint32_t *to)
{
    return futex_call(word, FUTEX_WAIT_REQUEUE_PI, val, until, to, 0);
}

static void refused(void)
{
    struct timespec bad = {0, -1}, past = {0, 1}, t;
    CHECK_ERRNO(wait_now(&cond, 0, NULL, &cond), EINVAL, "a futex cannot be moved to itself");
    CHECK_ERRNO(wait_now(&cond, 1, NULL, &mutex), EAGAIN, "another value");
    CHECK_ERRNO(wait_now(&cond, 0, &bad, &mutex), EINVAL, "a time that is none");
    CHECK_ERRNO(wait_now(&cond, 0, NULL, (uint32_t *)((char *)&mutex + 2)), EINVAL, "a mutex that is not aligned");
    CHECK_ERRNO(wait_now((uint32_t *)((char *)&cond + 2), 0, NULL, &mutex), EINVAL, "a condition that is not aligned");
    CHECK_ERRNO(wait_now(at_addr(16), 0, NULL, &mutex), EFAULT, "a condition that is not there");
    CHECK_ERRNO(wait_now(&cond, 0, NULL, at_addr(16)), EFAULT, "a mutex that is not there");
    CHECK_ERRNO(wait_now(&cond, 0, &past, &mutex), ETIMEDOUT, "the time is a point of the monotonic clock");
    t = soon(CLOCK_REALTIME, 20);
    CHECK_ERRNO(futex_call(&cond, FUTEX_WAIT_REQUEUE_PI_PRIVATE | FUTEX_CLOCK_REALTIME, 0, &t, &mutex, 0), ETIMEDOUT,
                "or of the calendar's");
    CHECK(requeue(0, 0, 1) == -EINVAL && requeue(0, 2, 1) == -EINVAL, "one is to be woken, no more and no less");
    CHECK(requeue(0, 1, -1) == -EINVAL, "less than none moved");
    CHECK_ERRNO(futex_call(&cond, FUTEX_CMP_REQUEUE_PI, 1, many(1), &cond, 0), EINVAL, "to itself");
    CHECK(requeue(1, 1, 1) == -EAGAIN, "the condition has another value");
    CHECK(requeue(0, 1, 1) == 0, "nobody waits");
    CHECK_ERRNO(futex_call(at_addr(16), FUTEX_CMP_REQUEUE_PI, 1, many(1), &mutex, 0), EFAULT, "no condition");
    CHECK_ERRNO(futex_call(&cond, FUTEX_CMP_REQUEUE_PI, 1, many(1), at_addr(16), 0), EFAULT, "no mutex");
    int fd = memfd_create("futex", 0);
    REQ(fd >= 0 && ftruncate(fd, PAGE) == 0);
    uint32_t *p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    uint32_t *q = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    CHECK_ERRNO(wait_now(p, 0, NULL, q), EINVAL, "two names of one word");
    CHECK_ERRNO(wait_now(p, 1, NULL, q), EAGAIN, "whose value is looked at first");
    CHECK_ERRNO(futex_call(p, FUTEX_CMP_REQUEUE_PI, 1, many(1), q, 0), EINVAL, "nor can they be moved there");
    munmap(p, PAGE);
    munmap(q, PAGE);
    close(fd);
}

static void to_a_free_mutex(void)
{
    wait_begin(&a, NULL);
    CHECK(requeue(0, 1, 0) == 1 && mutex == (uint32_t)a.tid, "a free mutex is taken for the waiter");
    CHECK(act_end(&a) == 0, "who returns");
    REQ(UNLOCK(&a, &mutex) == 0);
    wait_begin(&a, NULL);
    CHECK(requeue(0, 1, 1) == 1 && mutex == ((uint32_t)a.tid | WAITERS),
          "if more were to be moved, the word expects waiters");
    CHECK(act_end(&a) == 0 && UNLOCK(&a, &mutex) == 0 && mutex == 0, "even if none came");
    mutex = DIED;
    wait_begin(&a, NULL);
    CHECK(requeue(0, 1, 0) == 1 && mutex == ((uint32_t)a.tid | DIED), "that an owner died stays in the word");
    REQ(act_end(&a) == 0 && UNLOCK(&a, &mutex) == 0);
    wait_begin(&a, NULL);
    wait_begin(&b, NULL);
    wait_begin(&c, NULL);
    CHECK(requeue(0, 1, INT_MAX) == 3, "three waiters: one has it, two wait for it");
    CHECK(act_end(&a) == 0 && mutex == ((uint32_t)a.tid | WAITERS) && !act_over(&b), "the first has it");
    CHECK(futex_call(&cond, FUTEX_WAKE_PRIVATE, 9, NULL, NULL, 0) == 0, "nobody waits for the condition any more");
    CHECK(UNLOCK(&a, &mutex) == 0 && act_end(&b) == 0 && mutex == ((uint32_t)b.tid | WAITERS), "then the second");
    CHECK(UNLOCK(&b, &mutex) == 0 && act_end(&c) == 0 && mutex == ((uint32_t)c.tid | WAITERS), "then the third");
    REQ(UNLOCK(&c, &mutex) == 0 && mutex == 0);
}

static void to_an_owned_mutex(void)
{
    REQ(LOCK(&d, &mutex) == 0);
    wait_begin(&a, NULL);
    wait_begin(&b, NULL);
    wait_begin(&c, NULL);
    CHECK(requeue(0, 1, 0) == 1 && mutex == ((uint32_t)d.tid | WAITERS), "an owned mutex: one waits for it");
    CHECK(requeue(0, 1, 1) == 2, "and as many more as told");
    CHECK(!act_over(&a) && !act_over(&b) && !act_over(&c), "nobody is woken");
    CHECK(UNLOCK(&d, &mutex) == 0 && act_end(&a) == 0 && !act_over(&b), "before it is unlocked");
    LOCK_BEGIN(&d, &mutex);
    CHECK(UNLOCK(&a, &mutex) == 0 && act_end(&b) == 0, "the second");
    CHECK(UNLOCK(&b, &mutex) == 0 && act_end(&c) == 0 && !act_over(&d), "the third, before who came later");
    REQ(UNLOCK(&c, &mutex) == 0 && act_end(&d) == 0 && UNLOCK(&d, &mutex) == 0);
}

static void mismatched(void)
{
    act_begin(&a, &cond, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
    CHECK(requeue(0, 1, 1) == -EINVAL, "ordinary waiters are not moved to a mutex");
    REQ(futex_call(&cond, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0) == 1 && act_end(&a) == 0);
    wait_begin(&a, NULL);
    CHECK_ERRNO(futex_call(&cond, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0), EINVAL,
                "FUTEX_WAKE does not wake who is to be moved");
    CHECK_ERRNO(futex_call(&cond, FUTEX_REQUEUE_PRIVATE, 1, many(1), &other, 0), EINVAL, "nor does FUTEX_REQUEUE");
    CHECK_ERRNO(futex_call(&cond, FUTEX_REQUEUE_PRIVATE, 0, many(1), &other, 0), EINVAL, "or move it");
    CHECK_ERRNO(futex_call(&cond, FUTEX_CMP_REQUEUE_PI_PRIVATE, 1, many(1), &other, 0), EINVAL,
                "it goes to its mutex only");
    CHECK_ERRNO(futex_call(&cond, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0), EINVAL,
                "and what it waits for is no mutex");
    act_begin(&b, &cond, FUTEX_WAIT_REQUEUE_PI_PRIVATE, 0, NULL, &other, 0);
    CHECK(requeue(0, 1, 9) == -EINVAL && mutex == ((uint32_t)a.tid | WAITERS),
          "the second waits for another: the first has it");
    CHECK(act_end(&a) == 0 && UNLOCK(&a, &mutex) == 0, "and goes on");
    CHECK(futex_call(&cond, FUTEX_CMP_REQUEUE_PI_PRIVATE, 1, many(0), &other, 0) == 1 && act_end(&b) == 0,
          "then the second");
    REQ(UNLOCK(&b, &other) == 0);
}

static void deadlock(void)
{
    REQ(LOCK(&a, &mutex) == 0);
    wait_begin(&a, NULL);
    CHECK(requeue(0, 1, 1) == -EDEADLK, "the waiter owns the mutex itself");
    REQ(LOCK(&b, &other) == 0);
    LOCK_BEGIN(&c, &mutex);
    wait_begin(&d, NULL);
    CHECK(requeue(0, 1, 1) == -EDEADLK && !act_over(&d), "so it is when others wait for it");
}

static volatile sig_atomic_t ticks;

static void on_tick(int sig)
{
    (void)sig;
    ticks++;
}

static void interrupt(struct actor *who)
{
    int before = ticks;
    REQ(syscall(SYS_tgkill, getpid(), who->tid, SIGUSR1) == 0);
    for (int k = 0; k < 20000 && ticks == before; k++)
        msleep(1);
    REQ(ticks > before);
}

static void ends_otherwise(void)
{
    struct sigaction sa = {.sa_handler = on_tick};
    REQ(sigaction(SIGUSR1, &sa, NULL) == 0);
    wait_begin(&a, NULL);
    interrupt(&a);
    act_until_asleep(&a);
    CHECK(requeue(0, 1, 0) == 1 && act_end(&a) == 0, "a signal before it is moved: the wait begins again");
    wait_begin(&b, NULL);
    CHECK(requeue(0, 1, 0) == 1 && !act_over(&b), "moved,");
    interrupt(&b);
    CHECK(act_end(&b) == -EAGAIN, "a signal ends it");
    CHECK(UNLOCK(&a, &mutex) == 0 && mutex == 0, "and the mutex is not given to it");
    REQ(LOCK(&a, &mutex) == 0);
    struct timespec t = soon(CLOCK_MONOTONIC, 400);
    wait_begin(&b, &t);
    CHECK(requeue(0, 1, 0) == 1 && act_end(&b) == -ETIMEDOUT, "the time counts for both waits");
    REQ(UNLOCK(&a, &mutex) == 0);
    t = soon(CLOCK_MONOTONIC, 20);
    act_order(&b, &cond, FUTEX_WAIT_REQUEUE_PI_PRIVATE, 0, &t, &mutex, 0);
    CHECK(act_end(&b) == -ETIMEDOUT && requeue(0, 1, 0) == 0, "who gave up is not moved");
    wait_begin(&a, NULL);
    cond = 5;
    interrupt(&a);
    CHECK(act_end(&a) == -EAGAIN, "begun again, it finds another value");
    cond = 0;
    wait_begin(&a, NULL);
    mutex = (uint32_t)dead_tid();
    CHECK(requeue(0, 1, 0) == -ESRCH, "the mutex belongs to nobody who lives");
    mutex = 0;
    CHECK(requeue(0, 1, 0) == 1 && act_end(&a) == 0, "which costs the waiter nothing");
    struct actor e;
    act_start(&e);
    REQ(UNLOCK(&a, &mutex) == 0 && LOCK(&e, &mutex) == 0);
    wait_begin(&a, NULL);
    wait_begin(&b, NULL);
    REQ(requeue(0, 1, 1) == 2);
    act_die(&e);
    CHECK(act_end(&a) == 0 && mutex == ((uint32_t)a.tid | WAITERS | DIED),
          "its owner ends: the first that was moved has it");
    CHECK(UNLOCK(&a, &mutex) == 0 && act_end(&b) == 0 && UNLOCK(&b, &mutex) == 0, "then the second");
}

static void between_processes(void)
{
    struct {
        uint32_t cond, mutex;
    } *s = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t pid = tap_fork();
    if (pid == 0) {
        REQ(wait_now(&s->cond, 0, NULL, &s->mutex) == 0 && (s->mutex & FUTEX_TID_MASK) == (uint32_t)getpid());
        REQ(futex_call(&s->mutex, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0) == 0);
        _exit(0);
    }
    REQ(futex_call(&s->mutex, FUTEX_LOCK_PI, 0, NULL, NULL, 0) == 0);
    long n;
    for (int i = 0; i < 20000 && (n = futex_call(&s->cond, FUTEX_CMP_REQUEUE_PI, 1, many(1), &s->mutex, 0)) == 0; i++)
        msleep(1);
    CHECK(n == 1, "a waiter of another process is moved");
    REQ(futex_call(&s->mutex, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0) == 0);
    CHECK(tap_wait(pid) == 0, "and has the mutex in its turn");
    munmap(s, PAGE);
}

/* ---- a condition variable made of these, on two CPUs ---- */

enum { TURNS = 2000 };
static uint32_t seq, guard;
static volatile int tokens, taken, no_more; /* gcc knows that guard_lock() does not change them */
static int64_t race_end;

static void guard_lock(void)
{
    uint32_t none = 0;
    if (!__atomic_compare_exchange_n(&guard, &none, (uint32_t)gettid(), 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
        REQ(futex_call(&guard, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0) == 0);
}

static void guard_unlock(void)
{
    uint32_t mine = (uint32_t)gettid();
    if (!__atomic_compare_exchange_n(&guard, &mine, 0, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
        REQ(futex_call(&guard, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0) == 0);
}

/* With the mutex held before and after. */
static void wait_for_token(long n)
{
    uint32_t now = __atomic_load_n(&seq, __ATOMIC_SEQ_CST);
    guard_unlock();
    struct timespec t = soon(CLOCK_MONOTONIC, n % 3 ? 1000 : 1);
    long r = futex_call(&seq, FUTEX_WAIT_REQUEUE_PI_PRIVATE, now, &t, &guard, 0);
    if (r < 0) {
        REQ(errno == EAGAIN || errno == ETIMEDOUT);
        guard_lock();
    }
}

static void *consumer(void *arg)
{
    long me = (long)arg;
    pin(me & 1);
    for (int left = 1; left;) {
        guard_lock();
        while (!tokens && !no_more)
            wait_for_token(me);
        if (tokens) {
            tokens--;
            taken++;
        } else {
            left = 0;
        }
        guard_unlock();
    }
    return NULL;
}

static void race(void)
{
    pthread_t t[4];
    int given = 0;
    race_end = now_ns() + 5000000000; /* a turn may take milliseconds where the processors are busy */
    for (long i = 0; i < 4; i++)
        REQ(pthread_create(&t[i], NULL, consumer, (void *)i) == 0);
    while (!no_more) {
        guard_lock();
        tokens++;
        given++;
        uint32_t s = __atomic_add_fetch(&seq, 1, __ATOMIC_SEQ_CST);
        long r = futex_call(&seq, FUTEX_CMP_REQUEUE_PI_PRIVATE, 1, many(given % 2 ? INT_MAX : 0), &guard, s);
        REQ(r >= 0 || errno == EAGAIN);
        no_more = given == TURNS || now_ns() > race_end;
        guard_unlock();
        if (given % 16 == 0)
            sched_yield();
        if (given % 8 == 0)
            pthread_kill(t[given / 8 % 4], SIGUSR1);
    }
    for (int i = 0; i < 4; i++)
        REQ(pthread_join(t[i], NULL) == 0);
    CHECK(taken == given && tokens == 0, "tokens through a condition: none is lost, with signals and times");
    CHECK(!(guard & FUTEX_TID_MASK), "and the mutex is free");
}

int main(void)
{
    refused();
    act_start(&a);
    act_start(&b);
    act_start(&c);
    act_start(&d);
    to_a_free_mutex();
    to_an_owned_mutex();
    mismatched();
    ends_otherwise();
    between_processes();
    race();
    deadlock();
    return tap_end();
}
