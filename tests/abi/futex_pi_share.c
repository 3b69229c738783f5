// SPDX-License-Identifier: MIT
/* PI futexes between processes, in robust lists, fought for on two CPUs, and as the C library's mutexes. */
#include "tests/abi/actor.h"

#include <stddef.h>

#define WAITERS FUTEX_WAITERS
#define DIED FUTEX_OWNER_DIED
#define PI_ENTRY(p) (void *)((uintptr_t)(p) | 1)

static long lock(uint32_t *w)
{
    return futex_call(w, FUTEX_LOCK_PI, 0, NULL, NULL, 0);
}

static long unlock(uint32_t *w)
{
    return futex_call(w, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0);
}

static void *share(size_t size)
{
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    REQ(p != MAP_FAILED);
    return p;
}

static void until(volatile uint32_t *word, uint32_t bits)
{
    for (int i = 0; i < 20000 && !(*word & bits); i++)
        msleep(1);
    REQ(*word & bits);
}

/* One word under two addresses: the file's pages are what counts. */
static void between_processes(void)
{
    int fd = memfd_create("futex", 0);
    REQ(fd >= 0 && ftruncate(fd, PAGE) == 0);
    uint32_t *mine = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    uint32_t *its = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    int ready[2];
    make_pipe(ready);
    pid_t pid = tap_fork();
    if (pid == 0) {
        REQ(lock(its) == 0);
        token_send(ready[1]);
        until(its, WAITERS);
        msleep(10);
        REQ(unlock(its) == 0);
        _exit(0);
    }
    token_wait(ready[0]);
    CHECK(*mine == (uint32_t)pid, "a child owns a futex of a file");
    CHECK(lock(mine) == 0 && *mine == ((uint32_t)getpid() | WAITERS), "and unlocks it for its parent");
    CHECK(tap_wait(pid) == 0 && unlock(mine) == 0 && *its == 0, "which unlocks it");
    CHECK_CHILD("a child ends with a futex locked", REQ(lock(its) == 0));
    CHECK_ERRNO(lock(mine), ESRCH, "which is lost");
    *mine = 0;
    pid = tap_fork();
    if (pid == 0) {
        REQ(lock(its) == 0);
        token_send(ready[1]);
        until(its, WAITERS);
        msleep(10);
        execl("/bin/true", "true", (char *)NULL);
        execl("/bin/busybox", "true", (char *)NULL);
        _exit(1);
    }
    token_wait(ready[0]);
    CHECK(lock(mine) == 0 && *mine == ((uint32_t)getpid() | WAITERS | DIED),
          "one that a program leaves behind is not, if awaited");
    CHECK(tap_wait(pid) == 0 && unlock(mine) == 0, "though it was execve");
    munmap(mine, PAGE);
    munmap(its, PAGE);
    close(fd);
}

struct robust_one {
    struct robust_list link;
    uint32_t word;
};

#define OFFSET (long)offsetof(struct robust_one, word)
static struct robust_list_head head;

/* In the child: its robust list becomes this. */
static void list_of(void *first, void *pending)
{
    head.list.next = first ? first : &head.list;
    head.futex_offset = OFFSET;
    head.list_op_pending = pending;
    REQ(syscall(SYS_set_robust_list, &head, sizeof head) == 0);
}

static void robust(void)
{
    struct robust_one *r = share(PAGE);
    r->link.next = &head.list; /* at the same address in the child */
    int ready[2];
    make_pipe(ready);
    CHECK_CHILD("a robust list, nobody waits", {
        list_of(PI_ENTRY(&r->link), NULL);
        REQ(lock(&r->word) == 0);
    });
    CHECK(r->word == DIED, "the word says that the owner died");
    CHECK(lock(&r->word) == 0 && r->word == ((uint32_t)getpid() | DIED) && unlock(&r->word) == 0,
          "the next owner sees it");
    pid_t pid = tap_fork();
    if (pid == 0) {
        list_of(PI_ENTRY(&r->link), NULL);
        REQ(lock(&r->word) == 0);
        token_send(ready[1]);
        until(&r->word, WAITERS);
        msleep(10);
        _exit(0);
    }
    token_wait(ready[0]);
    CHECK(lock(&r->word) == 0 && r->word == ((uint32_t)getpid() | WAITERS | DIED),
          "somebody waits: it is the owner, and is told");
    REQ(tap_wait(pid) == 0 && unlock(&r->word) == 0);
    CHECK_CHILD("the futex that the operation under way is about", {
        list_of(NULL, PI_ENTRY(&r->link));
        REQ(lock(&r->word) == 0);
    });
    CHECK(r->word == DIED, "is marked like those in the list");
    r->word = 0;
    CHECK_CHILD("it is somebody else's", {
        list_of(NULL, PI_ENTRY(&r->link));
        r->word = (uint32_t)getppid();
    });
    CHECK(r->word == (uint32_t)getpid(), "and stays so");
    r->word = 0;
    pid = tap_fork();
    if (pid == 0) {
        list_of(PI_ENTRY(&r->link), PI_ENTRY(&r->link));
        REQ(lock(&r->word) == 0);
        token_send(ready[1]);
        until(&r->word, WAITERS);
        kill(getpid(), SIGKILL);
    }
    token_wait(ready[0]);
    CHECK(lock(&r->word) == 0 && r->word == ((uint32_t)getpid() | WAITERS | DIED),
          "killed, with the entry named twice");
    CHECK(tap_killed(tap_wait(pid), SIGKILL) && unlock(&r->word) == 0 && r->word == 0, "and unlocked again");
    munmap(r, PAGE);
}

/* ---- the C library ---- */

static pthread_mutex_t *new_mutex(pthread_mutex_t *m, int type, int robustness, int shared)
{
    pthread_mutexattr_t attr;
    REQ(pthread_mutexattr_init(&attr) == 0);
    REQ(pthread_mutexattr_setprotocol(&attr, PTHREAD_PRIO_INHERIT) == 0);
    REQ(pthread_mutexattr_settype(&attr, type) == 0);
    REQ(pthread_mutexattr_setrobust(&attr, robustness) == 0);
    REQ(pthread_mutexattr_setpshared(&attr, shared) == 0);
    REQ(pthread_mutex_init(m, &attr) == 0);
    return m;
}

static pthread_mutex_t *held;

static void *lock_and_end(void *arg)
{
    (void)arg;
    return (void *)(long)pthread_mutex_lock(held);
}

static void *try_it(void *arg)
{
    (void)arg;
    return (void *)(long)pthread_mutex_trylock(held);
}

static void *time_it(void *arg)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    if (arg) {
        clock_gettime(CLOCK_MONOTONIC, &t);
        return (void *)(long)pthread_mutex_clocklock(held, CLOCK_MONOTONIC, &t);
    }
    return (void *)(long)pthread_mutex_timedlock(held, &t);
}

static long in_thread(void *(*fn)(void *), void *arg)
{
    pthread_t t;
    void *ret;
    REQ(pthread_create(&t, NULL, fn, arg) == 0 && pthread_join(t, &ret) == 0);
    return (long)ret;
}

static void library(void)
{
    pthread_mutex_t m;
    held = new_mutex(&m, PTHREAD_MUTEX_ERRORCHECK, PTHREAD_MUTEX_STALLED, PTHREAD_PROCESS_PRIVATE);
    CHECK(pthread_mutex_lock(&m) == 0 && pthread_mutex_lock(&m) == EDEADLK, "PTHREAD_PRIO_INHERIT: locked twice");
    CHECK(in_thread(try_it, NULL) == EBUSY, "pthread_mutex_trylock by another thread");
    CHECK(in_thread(time_it, NULL) == ETIMEDOUT, "pthread_mutex_timedlock");
    CHECK(in_thread(time_it, &m) == ETIMEDOUT, "pthread_mutex_clocklock");
    CHECK(pthread_mutex_unlock(&m) == 0 && pthread_mutex_unlock(&m) == EPERM, "unlocked twice");
    held = new_mutex(&m, PTHREAD_MUTEX_RECURSIVE, PTHREAD_MUTEX_STALLED, PTHREAD_PROCESS_PRIVATE);
    CHECK(pthread_mutex_lock(&m) == 0 && pthread_mutex_lock(&m) == 0 && in_thread(try_it, NULL) == EBUSY &&
              pthread_mutex_unlock(&m) == 0 && in_thread(try_it, NULL) == EBUSY && pthread_mutex_unlock(&m) == 0,
          "a recursive one");
    held = new_mutex(&m, PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_ROBUST, PTHREAD_PROCESS_PRIVATE);
    CHECK(in_thread(lock_and_end, NULL) == 0 && pthread_mutex_lock(&m) == EOWNERDEAD, "a robust one: its owner ended");
    CHECK(pthread_mutex_consistent(&m) == 0 && pthread_mutex_unlock(&m) == 0, "made consistent");
    CHECK(pthread_mutex_lock(&m) == 0 && pthread_mutex_unlock(&m) == 0, "it is as good as new");
    CHECK(in_thread(lock_and_end, NULL) == 0 && pthread_mutex_trylock(&m) == EOWNERDEAD &&
              pthread_mutex_unlock(&m) == 0 && pthread_mutex_lock(&m) == ENOTRECOVERABLE,
          "unlocked without that it is not");
    pthread_mutex_t *s = share(PAGE);
    new_mutex(s, PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_ROBUST, PTHREAD_PROCESS_SHARED);
    CHECK_CHILD("one shared with a child", REQ(pthread_mutex_lock(s) == 0));
    CHECK(pthread_mutex_lock(s) == EOWNERDEAD && pthread_mutex_consistent(s) == 0 && pthread_mutex_unlock(s) == 0,
          "which died with it");
    munmap(s, PAGE);
}

static pthread_mutex_t mutex;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static volatile long counter, turn, stop;
static int64_t fight_end;

enum { FIGHTERS = 4, ROUNDS = 5000 };

static void *fight(void *arg)
{
    long me = (long)arg;
    pin(me & 1);
    for (int i = 0; i < ROUNDS && !stop; i++) {
        REQ(pthread_mutex_lock(&mutex) == 0);
        counter++;
        if (i % 64 == 0)
            sched_yield();
        stop |= now_ns() > fight_end;
        REQ(pthread_mutex_unlock(&mutex) == 0);
        __atomic_add_fetch(&turn, 1, __ATOMIC_SEQ_CST);
    }
    return NULL;
}

static void *take_turns(void *arg)
{
    long me = (long)arg;
    pin(me & 1);
    for (int i = 0; !stop && i < 1000; i++) {
        REQ(pthread_mutex_lock(&mutex) == 0);
        while (turn % FIGHTERS != me && !stop)
            REQ(pthread_cond_wait(&cond, &mutex) == 0);
        turn++;
        stop |= now_ns() > fight_end;
        REQ(pthread_cond_broadcast(&cond) == 0);
        REQ(pthread_mutex_unlock(&mutex) == 0);
    }
    return NULL;
}

static void in_threads(void *(*fn)(void *))
{
    pthread_t t[FIGHTERS];
    stop = 0;
    fight_end = now_ns() + 3000000000; /* rounds may take milliseconds where the processors are busy */
    for (long i = 0; i < FIGHTERS; i++)
        REQ(pthread_create(&t[i], NULL, fn, (void *)i) == 0);
    for (int i = 0; i < FIGHTERS; i++)
        REQ(pthread_join(t[i], NULL) == 0);
}

static void fights(void)
{
    new_mutex(&mutex, PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_STALLED, PTHREAD_PROCESS_PRIVATE);
    counter = turn = 0;
    in_threads(fight);
    CHECK(counter == turn && counter > 0, "four threads on two CPUs count under a mutex");
    turn = 0;
    in_threads(take_turns);
    CHECK(turn > 0, "and take turns by a condition variable");
}

/* ---- the raw calls, every way to end at once ---- */

static uint32_t raw;
static volatile long owners, taken;

static void on_signal(int sig)
{
    (void)sig;
}

static int take_raw(int how)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_nsec += how * 50000;
    t.tv_sec += t.tv_nsec / 1000000000;
    t.tv_nsec %= 1000000000;
    uint32_t none = 0;
    if (__atomic_compare_exchange_n(&raw, &none, (uint32_t)gettid(), 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
        return 1;
    int op = how == 3 ? FUTEX_TRYLOCK_PI_PRIVATE : FUTEX_LOCK_PI2_PRIVATE;
    if (futex_call(&raw, op, 0, how < 3 ? &t : NULL, NULL, 0) == 0)
        return 1;
    REQ(errno == ETIMEDOUT || (how == 3 && errno == EAGAIN));
    return 0;
}

static void *raw_fight(void *arg)
{
    long me = (long)arg;
    pin(me & 1);
    for (int i = 0; i < ROUNDS && now_ns() < fight_end; i++) {
        if (!take_raw((int)(i + me) % 5))
            continue;
        owners++;
        for (volatile int k = 0; k < 100; k++)
            ;
        REQ(owners == 1);
        owners--;
        taken++;
        uint32_t mine = (uint32_t)gettid();
        if (!__atomic_compare_exchange_n(&raw, &mine, 0, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
            REQ(futex_call(&raw, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0) == 0);
    }
    return NULL;
}

static void raw_fights(void)
{
    pthread_t t[FIGHTERS];
    struct sigaction sa = {.sa_handler = on_signal};
    REQ(sigaction(SIGUSR1, &sa, NULL) == 0);
    fight_end = now_ns() + 3000000000;
    for (long i = 0; i < 3; i++)
        REQ(pthread_create(&t[i], NULL, raw_fight, (void *)i) == 0);
    while (now_ns() < fight_end) {
        for (int i = 0; i < 3; i++)
            pthread_kill(t[i], SIGUSR1);
        usleep(200);
    }
    for (int i = 0; i < 3; i++)
        REQ(pthread_join(t[i], NULL) == 0);
    CHECK(taken > 0 && owners == 0, "one owner at a time, with times, tries and signals");
    CHECK(!(raw & FUTEX_TID_MASK), "and none in the end");
}

/* Owners that end while others come: each word goes on to a living one, or is ESRCH for good. */
static volatile int ended;

static void *end_owning(void *arg)
{
    uint32_t *w = arg;
    pin(1);
    REQ(futex_call(w, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0) == 0);
    __atomic_store_n(&ended, 1, __ATOMIC_SEQ_CST);
    syscall(SYS_exit, 0);
    return NULL;
}

static void ends(void)
{
    int had = 0, lost = 0;
    pin(0);
    for (int i = 0; i < 300; i++) {
        static uint32_t w;
        pthread_t t;
        w = 0;
        ended = 0;
        REQ(pthread_create(&t, NULL, end_owning, &w) == 0);
        while (!__atomic_load_n(&ended, __ATOMIC_SEQ_CST))
            sched_yield();
        if (futex_call(&w, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0) == 0) {
            had++;
            REQ(w == ((uint32_t)gettid() | WAITERS | DIED));
            REQ(futex_call(&w, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0) == 0);
        } else {
            REQ(errno == ESRCH);
            lost++;
        }
        REQ(pthread_join(t, NULL) == 0);
    }
    CHECK(had + lost == 300, "an owner ends while another begins to wait");
}

/* Owners that end while those who wait for them give up: what they leave is neither lost nor given twice. */
static uint32_t fought;
static uint32_t lost_by; /* the last owner that ended (one at a time, each joined before the next) */

static void *give_up(void *arg)
{
    pin((long)arg & 1);
    while (!stop) {
        struct timespec t;
        clock_gettime(CLOCK_MONOTONIC, &t);
        t.tv_nsec = t.tv_nsec / 1000000 * 1000000 + 100000 * ((long)arg + 1); /* some are over, some are not */
        if (futex_call(&fought, FUTEX_LOCK_PI2_PRIVATE, 0, &t, NULL, 0) == 0) {
            long r;
            do /* Linux leaves it to the caller when a waiter's bit came or went meanwhile */
                r = futex_call(&fought, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0);
            while (r == -1 && errno == EAGAIN);
            REQ(r == 0);
        } else {
            REQ(errno == ETIMEDOUT || errno == ESRCH || errno == EINVAL);
        }
    }
    return NULL;
}

static void *own_and_end(void *arg)
{
    (void)arg;
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_sec += 20;
    long r = futex_call(&fought, FUTEX_LOCK_PI2_PRIVATE, 0, &t, NULL, 0);
    REQ(r == 0 || errno == ESRCH || errno == EINVAL);
    if (r == 0) {
        lost_by = (uint32_t)gettid();
    } else { /* by the owner before, unless a waiter has become its heir meanwhile: then it is not ours to free */
        uint32_t v = __atomic_load_n(&fought, __ATOMIC_SEQ_CST);
        if ((v & FUTEX_TID_MASK) == lost_by)
            __atomic_compare_exchange_n(&fought, &v, 0, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    }
    syscall(SYS_exit, 0);
    return NULL;
}

static void ends_and_gives_up(void)
{
    pthread_t t[2], owner;
    int64_t end = now_ns() + 2000000000;
    stop = 0;
    for (long i = 0; i < 2; i++)
        REQ(pthread_create(&t[i], NULL, give_up, (void *)i) == 0);
    for (int i = 0; i < 2000 && now_ns() < end; i++)
        REQ(pthread_create(&owner, NULL, own_and_end, NULL) == 0 && pthread_join(owner, NULL) == 0);
    stop = 1;
    CHECK(pthread_join(t[0], NULL) == 0 && pthread_join(t[1], NULL) == 0, "owners end while their waiters give up");
}

int main(void)
{
    between_processes();
    robust();
    library();
    fights();
    raw_fights();
    ends();
    ends_and_gives_up();
    return tap_end();
}
