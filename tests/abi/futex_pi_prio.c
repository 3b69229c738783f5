// SPDX-License-Identifier: MIT
/* Priority inheritance: what a real-time thread that waits for a PI futex lends to its owner, and when that ends. */
#define TAP_KEEP_CAPABILITIES /* real-time priorities */
#include "tests/abi/actor.h"

static uint32_t words[4];
static struct actor a, b, c, d;

static int set_policy(pid_t tid, int policy, int priority)
{
    struct sched_param p = {priority};
    return sched_setscheduler(tid, policy, &p);
}

static void fifo(struct actor *who, int priority)
{
    REQ(set_policy(who->tid, priority ? SCHED_FIFO : SCHED_OTHER, priority) == 0);
}

/* The real-time level it is scheduled by, 0: fair. What changes it is done when the call that caused it returned or sleeps. */
static long level(const struct actor *who)
{
    long priority;
    task_state(who->tid, &priority);
    return priority < 0 ? -1 - priority : 0;
}

static int param(const struct actor *who)
{
    struct sched_param p = {-1};
    REQ(sched_getparam(who->tid, &p) == 0);
    return p.sched_priority;
}

static void lent(void)
{
    REQ(LOCK(&a, words) == 0);
    LOCK_BEGIN(&c, words);
    CHECK(level(&a) == 0, "a fair waiter lends nothing");
    REQ(UNLOCK(&a, words) == 0 && act_end(&c) == 0 && UNLOCK(&c, words) == 0);
    fifo(&b, 30);
    REQ(LOCK(&a, words) == 0);
    LOCK_BEGIN(&b, words);
    CHECK(level(&a) == 30, "the owner is scheduled like its waiter");
    CHECK(sched_getscheduler(a.tid) == SCHED_OTHER && param(&a) == 0, "its own policy is what it was");
    fifo(&d, 40);
    LOCK_BEGIN(&d, words);
    CHECK(level(&a) == 40, "like the one of highest priority");
    CHECK(UNLOCK(&a, words) == 0 && level(&a) == 0, "until it unlocks");
    CHECK(act_end(&d) == 0 && !act_over(&b) && words[0] == ((uint32_t)d.tid | FUTEX_WAITERS),
          "the one of highest priority has it next, not the first");
    CHECK(level(&d) == 40 && UNLOCK(&d, words) == 0 && act_end(&b) == 0 && UNLOCK(&b, words) == 0,
          "to a higher owner nothing is lent");
}

static void two_locks(void)
{
    REQ(LOCK(&a, words) == 0 && LOCK(&a, words + 1) == 0);
    LOCK_BEGIN(&b, words);
    LOCK_BEGIN(&d, words + 1);
    CHECK(level(&a) == 40, "of two futexes: the highest of all waiters");
    CHECK(UNLOCK(&a, words + 1) == 0 && level(&a) == 30, "one unlocked: what the other's lends remains");
    CHECK(UNLOCK(&a, words) == 0 && level(&a) == 0, "both: nothing");
    REQ(act_end(&b) == 0 && act_end(&d) == 0 && UNLOCK(&b, words) == 0 && UNLOCK(&d, words + 1) == 0);
}

static void along_a_chain(void)
{
    REQ(LOCK(&a, words) == 0 && LOCK(&b, words + 1) == 0 && LOCK(&c, words + 2) == 0);
    fifo(&b, 5);
    LOCK_BEGIN(&b, words);
    LOCK_BEGIN(&c, words + 1);
    CHECK(level(&a) == 5 && level(&b) == 5 && level(&c) == 0,
          "a chain: the second lends, the third has nothing to lend");
    LOCK_BEGIN(&d, words + 2);
    CHECK(level(&a) == 40 && level(&b) == 40 && level(&c) == 40, "what the last one lends reaches them all");
    CHECK(UNLOCK(&a, words) == 0 && level(&a) == 0 && level(&b) == 40, "the first unlocks, and the others keep it");
    REQ(act_end(&b) == 0);
    CHECK(UNLOCK(&b, words + 1) == 0 && level(&b) == 5 && level(&c) == 40, "then the second");
    REQ(act_end(&c) == 0);
    CHECK(UNLOCK(&c, words + 2) == 0 && level(&c) == 0 && act_end(&d) == 0, "then the third");
    REQ(UNLOCK(&b, words) == 0 && UNLOCK(&c, words + 1) == 0 && UNLOCK(&d, words + 2) == 0);
    fifo(&b, 30);
}

static struct timespec from_now(long ms)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_nsec += ms * 1000000;
    t.tv_sec += t.tv_nsec / 1000000000;
    t.tv_nsec %= 1000000000;
    return t;
}

static void taken_back(void)
{
    REQ(LOCK(&a, words) == 0);
    LOCK_BEGIN(&b, words);
    struct timespec t = from_now(200);
    act_order(&d, words, FUTEX_LOCK_PI2_PRIVATE, 0, &t, NULL, 0);
    CHECK(act_end(&d) == -ETIMEDOUT && level(&a) == 30, "who gives up lends no more");
    struct actor e;
    act_start(&e);
    fifo(&e, 50);
    REQ(LOCK(&e, words + 1) == 0);
    LOCK_BEGIN(&a, words + 1);
    CHECK(level(&e) == 50 && level(&a) == 30, "a lower waiter lends nothing");
    fifo(&e, 0);
    CHECK(level(&e) == 30, "until the owner's own priority sinks");
    act_die(&e);
    CHECK(act_end(&a) == 0 && level(&a) == 30, "the owner of one ends, and its waiter has it");
    REQ(UNLOCK(&a, words + 1) == 0 && UNLOCK(&a, words) == 0 && act_end(&b) == 0 && UNLOCK(&b, words) == 0);
}

static void changed_meanwhile(void)
{
    REQ(LOCK(&a, words) == 0);
    LOCK_BEGIN(&b, words);
    fifo(&a, 10);
    CHECK(level(&a) == 30 && param(&a) == 10 && sched_getscheduler(a.tid) == SCHED_FIFO,
          "the owner's policy is changed: what is lent counts");
    fifo(&a, 60);
    CHECK(level(&a) == 60, "until its own is higher");
    fifo(&a, 10);
    fifo(&b, 35);
    CHECK(level(&a) == 35, "the waiter's is changed: the owner's with it");
    LOCK_BEGIN(&d, words);
    fifo(&b, 45);
    CHECK(level(&a) == 45, "above that of another waiter");
    fifo(&d, 1);
    CHECK(UNLOCK(&a, words) == 0 && level(&a) == 10, "what remains is what it was given meanwhile");
    CHECK(act_end(&b) == 0 && !act_over(&d), "and the order of the waiters is that of their priorities now");
    fifo(&d, 55);
    CHECK(level(&b) == 55, "the new owner inherits from the others");
    fifo(&d, 0);
    CHECK(level(&b) == 45, "as long as there is something");
    REQ(UNLOCK(&b, words) == 0 && act_end(&d) == 0 && UNLOCK(&d, words) == 0);
    fifo(&a, 0);
    fifo(&b, 30);
    fifo(&d, 40);
    REQ(LOCK(&a, words) == 0 && LOCK(&c, words + 1) == 0);
    LOCK_BEGIN(&c, words);
    LOCK_BEGIN(&b, words + 1);
    CHECK(level(&a) == 30, "a chain again");
    fifo(&b, 33);
    CHECK(level(&a) == 33 && level(&c) == 33, "a change at its end is felt at its beginning");
    fifo(&b, 0);
    CHECK(level(&a) == 0 && level(&c) == 0, "also the last");
    REQ(UNLOCK(&a, words) == 0 && act_end(&c) == 0 && UNLOCK(&c, words) == 0 && UNLOCK(&c, words + 1) == 0);
    REQ(act_end(&b) == 0 && UNLOCK(&b, words + 1) == 0);
    fifo(&b, 30);
}

static void moved_by_another(void)
{
    REQ(LOCK(&a, words) == 0);
    act_begin(&c, words + 3, FUTEX_WAIT_REQUEUE_PI_PRIVATE, 0, NULL, words, 0);
    act_begin(&b, words + 3, FUTEX_WAIT_REQUEUE_PI_PRIVATE, 0, NULL, words, 0);
    act_begin(&d, words + 3, FUTEX_WAIT_REQUEUE_PI_PRIVATE, 0, NULL, words, 0);
    CHECK(level(&a) == 0, "who waits for something else lends nothing");
    CHECK(futex_call(words + 3, FUTEX_CMP_REQUEUE_PI_PRIVATE, 1, (void *)0, words, 0) == 1 && level(&a) == 40,
          "moved to the futex it does; the highest is moved first");
    CHECK(futex_call(words + 3, FUTEX_CMP_REQUEUE_PI_PRIVATE, 1, (void *)9, words, 0) == 2 && level(&a) == 40,
          "then the rest");
    CHECK(UNLOCK(&a, words) == 0 && act_end(&d) == 0 && level(&a) == 0, "the highest has it first");
    CHECK(UNLOCK(&d, words) == 0 && act_end(&b) == 0 && !act_over(&c), "then the next");
    REQ(UNLOCK(&b, words) == 0 && act_end(&c) == 0 && UNLOCK(&c, words) == 0);
    act_begin(&c, words + 3, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
    act_begin(&b, words + 3, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
    act_begin(&d, words + 3, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
    CHECK(futex_call(words + 3, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0) == 1 && act_end(&d) == 0 && !act_over(&b),
          "FUTEX_WAKE, too, wakes the highest first");
    CHECK(futex_call(words + 3, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0) == 1 && act_end(&b) == 0 && !act_over(&c),
          "then the next");
    CHECK(futex_call(words + 3, FUTEX_WAKE_PRIVATE, 9, NULL, NULL, 0) == 1 && act_end(&c) == 0, "and then the others");
}

/* ---- one CPU: the owner runs, not the hog ---- */

static uint32_t mutex;
static volatile int owner_has_it, go_on, high_had_it, high_waits;
static volatile int hog_saw, hog_began;

static void *owner_thread(void *arg)
{
    (void)arg;
    REQ(futex_call(&mutex, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0) == 0);
    owner_has_it = 1;
    while (!go_on) /* on this CPU it goes on only when nobody above it runs */
        sched_yield();
    REQ(futex_call(&mutex, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0) == 0);
    return NULL;
}

static void *high_thread(void *arg)
{
    (void)arg;
    high_waits = 1;
    REQ(futex_call(&mutex, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0) == 0);
    high_had_it = 1;
    REQ(futex_call(&mutex, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0) == 0);
    return NULL;
}

/* Gives up its CPU to those of higher priority only; two seconds are for ever. */
static void *hog_thread(void *arg)
{
    struct timespec t;
    (void)arg;
    hog_began = 1;
    do
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    while (!high_had_it && t.tv_sec < 2);
    hog_saw = high_had_it;
    return NULL;
}

static pthread_t begin(void *(*fn)(void *), int priority)
{
    pthread_attr_t attr;
    pthread_t t;
    struct sched_param p = {priority};
    pthread_attr_init(&attr);
    pthread_attr_setinheritsched(&attr, PTHREAD_EXPLICIT_SCHED);
    pthread_attr_setschedpolicy(&attr, SCHED_FIFO);
    pthread_attr_setschedparam(&attr, &p);
    REQ(pthread_create(&t, &attr, fn, NULL) == 0);
    return t;
}

static void ahead_of_a_hog(void)
{
    pin(0);
    REQ(set_policy(0, SCHED_FIFO, 50) == 0);
    pthread_t owner = begin(owner_thread, 10);
    while (!owner_has_it)
        msleep(1);
    pthread_t hog = begin(hog_thread, 20), high = begin(high_thread, 30);
    go_on = 1;
    REQ(pthread_join(high, NULL) == 0 && pthread_join(hog, NULL) == 0 && pthread_join(owner, NULL) == 0);
    CHECK(hog_began && hog_saw, "on one CPU the owner runs before a hog of middle priority");
    owner_has_it = go_on = high_had_it = hog_began = hog_saw = 0;
    owner = begin(owner_thread, 10);
    while (!owner_has_it)
        msleep(1);
    hog = begin(hog_thread, 20);
    while (!hog_began)
        msleep(1);
    high = begin(high_thread, 30);
    go_on = 1;
    REQ(pthread_join(high, NULL) == 0 && pthread_join(hog, NULL) == 0 && pthread_join(owner, NULL) == 0);
    CHECK(hog_saw, "also when the hog has the CPU already");
    REQ(set_policy(0, SCHED_OTHER, 0) == 0);
}

static void not_inherited(void)
{
    REQ(futex_call(words, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0) == 0);
    LOCK_BEGIN(&b, words);
    long mine;
    task_state(gettid(), &mine);
    CHECK(mine == -31, "the main thread is lent something, too");
    CHECK_CHILD("its child is not", {
        task_state(gettid(), &mine);
        REQ(mine == 20 && sched_getscheduler(0) == SCHED_OTHER);
    });
    REQ(futex_call(words, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0) == 0 && act_end(&b) == 0 &&
        UNLOCK(&b, words) == 0);
}

int main(void)
{
    act_start(&a);
    act_start(&b);
    act_start(&c);
    act_start(&d);
    lent();
    two_locks();
    along_a_chain();
    taken_back();
    changed_meanwhile();
    moved_by_another();
    not_inherited();
    ahead_of_a_hog();
    return tap_end();
}
