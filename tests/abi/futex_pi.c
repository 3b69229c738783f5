// SPDX-License-Identifier: MIT
/* Futexes with priority inheritance: what they do to the word, who gets it, and every way to be refused. */
#include "tests/abi/actor.h"

#include <sys/time.h>

#define MINE ((uint32_t)gettid())
#define DIED FUTEX_OWNER_DIED
#define WAITERS FUTEX_WAITERS

static uint32_t word, word2, word3;

static long lock(uint32_t *w)
{
    return futex_call(w, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0);
}

static long unlock(uint32_t *w)
{
    return futex_call(w, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0);
}

static long trylock(uint32_t *w)
{
    return futex_call(w, FUTEX_TRYLOCK_PI_PRIVATE, 0, NULL, NULL, 0);
}

static void uncontended(void)
{
    CHECK(lock(&word) == 0 && word == MINE, "a free futex is taken: the word names the caller");
    CHECK_ERRNO(lock(&word), EDEADLK, "a second time is a deadlock");
    CHECK_ERRNO(trylock(&word), EDEADLK, "also for FUTEX_TRYLOCK_PI");
    CHECK_ERRNO(futex_call(&word, FUTEX_LOCK_PI2, 0, NULL, NULL, 0), EDEADLK, "and for FUTEX_LOCK_PI2");
    CHECK(unlock(&word) == 0 && word == 0, "it is freed");
    CHECK_ERRNO(unlock(&word), EPERM, "a free one cannot be freed");
    CHECK(trylock(&word) == 0 && word == MINE && unlock(&word) == 0, "FUTEX_TRYLOCK_PI takes a free one");
    CHECK(futex_call(&word, FUTEX_LOCK_PI2, 0, NULL, NULL, 0) == 0 && word == MINE && unlock(&word) == 0,
          "so does FUTEX_LOCK_PI2");
    word = DIED;
    CHECK(lock(&word) == 0 && word == (MINE | DIED), "that an owner died stays in the word");
    CHECK(unlock(&word) == 0 && word == 0, "until it is freed");
    word = WAITERS;
    CHECK(lock(&word) == 0 && word == MINE, "that there are waiters does not, when there are none");
    word = MINE | WAITERS | DIED;
    CHECK(unlock(&word) == 0 && word == 0, "they are forgotten by who frees it, too");
    word = WAITERS | DIED;
    CHECK(trylock(&word) == 0 && word == (MINE | DIED), "FUTEX_TRYLOCK_PI takes one whose owner died");
    word = 0;
}

static void refused(void)
{
    char *odd = (char *)&word + 1;
    CHECK_ERRNO(lock((uint32_t *)odd), EINVAL, "a word that is not aligned");
    CHECK_ERRNO(lock(at_addr(0)), EFAULT, "a word at address 0");
    CHECK_ERRNO(lock(at_addr(0xffff800000000000)), EFAULT, "one of the kernel's");
    CHECK_ERRNO(futex_call(at_addr(0), FUTEX_LOCK_PI, 0, NULL, NULL, 0), EFAULT, "shared: likewise");
    CHECK_ERRNO(trylock(at_addr(0)), EFAULT, "FUTEX_TRYLOCK_PI likewise");
    CHECK_ERRNO(unlock(at_addr(0)), EFAULT, "FUTEX_UNLOCK_PI likewise");
    uint32_t *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    REQ(mprotect(page, PAGE, PROT_READ) == 0);
    CHECK_ERRNO(lock(page), EFAULT, "a free word that cannot be written");
    REQ(mprotect(page, PAGE, PROT_READ | PROT_WRITE) == 0);
    *page = MINE;
    REQ(mprotect(page, PAGE, PROT_READ) == 0);
    CHECK_ERRNO(unlock(page), EFAULT, "one's own that cannot be written");
    CHECK_ERRNO(futex_call(page, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0), EFAULT, "also when it may be shared");
    munmap(page, PAGE);
    page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(lock(page) == 0 && *page == MINE, "a page that is not there yet is brought in");
    munmap(page, PAGE);
    pid_t dead = dead_tid();
    word = (uint32_t)dead;
    CHECK_ERRNO(lock(&word), ESRCH, "the owner does not exist");
    CHECK(word == ((uint32_t)dead | WAITERS), "the waiters' bit is set all the same");
    word = (uint32_t)dead;
    CHECK_ERRNO(trylock(&word), ESRCH, "FUTEX_TRYLOCK_PI: the owner does not exist");
    word = (uint32_t)dead;
    CHECK_ERRNO(unlock(&word), EPERM, "another's cannot be freed");
    word = 0;
}

static void bad_times(void)
{
    struct timespec bad = {0, 1000000000}, negative = {-1, 0}, past = {1, 0};
    CHECK_ERRNO(futex_call(&word, FUTEX_LOCK_PI, 0, &bad, NULL, 0), EINVAL, "a second of nanoseconds");
    CHECK_ERRNO(futex_call(&word, FUTEX_LOCK_PI2, 0, &negative, NULL, 0), EINVAL, "a negative time");
    CHECK_ERRNO(futex_call(&word, FUTEX_LOCK_PI, 0, at_addr(8), NULL, 0), EFAULT, "a time that cannot be read");
    CHECK_ERRNO(futex_call(&word, FUTEX_LOCK_PI | FUTEX_CLOCK_REALTIME, 0, &bad, NULL, 0), EINVAL,
                "the time is looked at before the flags");
    CHECK_ERRNO(futex_call(&word, FUTEX_LOCK_PI | FUTEX_CLOCK_REALTIME, 0, NULL, NULL, 0), ENOSYS,
                "FUTEX_LOCK_PI takes no choice of clock");
    CHECK_ERRNO(futex_call(&word, FUTEX_TRYLOCK_PI | FUTEX_CLOCK_REALTIME, 0, NULL, NULL, 0), ENOSYS,
                "nor does FUTEX_TRYLOCK_PI");
    CHECK_ERRNO(futex_call(&word, FUTEX_UNLOCK_PI | FUTEX_CLOCK_REALTIME, 0, NULL, NULL, 0), ENOSYS,
                "nor FUTEX_UNLOCK_PI");
    CHECK_ERRNO(futex_call(&word, FUTEX_CMP_REQUEUE_PI | FUTEX_CLOCK_REALTIME, 1, NULL, &word2, 0), ENOSYS,
                "nor FUTEX_CMP_REQUEUE_PI");
    CHECK(futex_call(&word, FUTEX_LOCK_PI2 | FUTEX_CLOCK_REALTIME, 0, &past, NULL, 0) == 0 && unlock(&word) == 0,
          "FUTEX_LOCK_PI2 does; a free futex is taken however late it is");
    CHECK(futex_call(&word, FUTEX_TRYLOCK_PI, 0, at_addr(8), NULL, 0) == 0 && unlock(&word) == 0,
          "FUTEX_TRYLOCK_PI looks at no time");
}

static struct actor a, b, c;

static void contended(void)
{
    REQ(LOCK(&a, &word) == 0);
    CHECK(word == (uint32_t)a.tid, "a thread owns it");
    CHECK_ERRNO(trylock(&word), EAGAIN, "FUTEX_TRYLOCK_PI does not wait for it");
    CHECK(word == ((uint32_t)a.tid | WAITERS), "but has left the waiters' bit");
    CHECK_ERRNO(unlock(&word), EPERM, "nor can it be freed by another");
    LOCK_BEGIN(&b, &word);
    LOCK_BEGIN(&c, &word);
    CHECK(word == ((uint32_t)a.tid | WAITERS), "two wait");
    CHECK_ERRNO(trylock(&word), EAGAIN, "FUTEX_TRYLOCK_PI of one that others wait for");
    CHECK(UNLOCK(&a, &word) == 0 && word == ((uint32_t)b.tid | WAITERS), "it goes to the one who came first");
    CHECK(act_end(&b) == 0 && !act_over(&c), "who returns, and only it");
    LOCK_BEGIN(&a, &word);
    CHECK(UNLOCK(&b, &word) == 0 && word == ((uint32_t)c.tid | WAITERS) && act_end(&c) == 0, "then to the second");
    CHECK(UNLOCK(&c, &word) == 0 && word == ((uint32_t)a.tid | WAITERS) && act_end(&a) == 0,
          "then to the last, with the bit set still");
    CHECK(UNLOCK(&a, &word) == 0 && word == 0, "and then it is free");
}

static void mixed(void)
{
    REQ(LOCK(&a, &word) == 0);
    LOCK_BEGIN(&b, &word);
    CHECK_ERRNO(futex_call(&word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0), EINVAL,
                "FUTEX_WAKE does not wake a PI waiter");
    CHECK_ERRNO(futex_call(&word, FUTEX_WAKE_BITSET_PRIVATE, 1, NULL, NULL, 1), EINVAL, "nor FUTEX_WAKE_BITSET");
    CHECK_ERRNO(futex_call(&word, FUTEX_REQUEUE_PRIVATE, 0, (void *)1, &word2, 0), EINVAL, "nor is it moved");
    CHECK_ERRNO(futex_call(&word, FUTEX_CMP_REQUEUE_PRIVATE, 1, (void *)1, &word2, word), EINVAL, "nor both");
    CHECK_ERRNO(
        futex_call(&word, FUTEX_WAKE_OP_PRIVATE, 1, (void *)1, &word2, FUTEX_OP(FUTEX_OP_SET, 0, FUTEX_OP_CMP_EQ, 0)),
        EINVAL, "nor woken by FUTEX_WAKE_OP");
    CHECK_ERRNO(futex_call(&word, FUTEX_CMP_REQUEUE_PI_PRIVATE, 1, (void *)1, &word2, word), EINVAL,
                "nor moved by FUTEX_CMP_REQUEUE_PI");
    uint32_t right = word;
    word = MINE | WAITERS;
    CHECK_ERRNO(unlock(&word), EINVAL, "a word that was forged does not free it");
    word = (uint32_t)c.tid | WAITERS;
    CHECK_ERRNO(trylock(&word), EINVAL, "nor is one believed that names another thread");
    CHECK(LOCK(&a, &word) == -EINVAL, "by nobody");
    word = WAITERS;
    CHECK_ERRNO(lock(&word), EINVAL, "nor one that names nobody");
    word = right;
    REQ(UNLOCK(&a, &word) == 0 && act_end(&b) == 0 && UNLOCK(&b, &word) == 0);
    act_begin(&a, &word, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
    CHECK_ERRNO(lock(&word), EINVAL, "a futex with ordinary waiters cannot be taken");
    word = MINE;
    CHECK_ERRNO(unlock(&word), EINVAL, "nor freed");
    word = 0;
    REQ(futex_call(&word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0) == 1 && act_end(&a) == 0);
}

static void times(void)
{
    struct timespec past = {1, 0}, t;
    REQ(LOCK(&a, &word) == 0);
    CHECK_ERRNO(futex_call(&word, FUTEX_LOCK_PI_PRIVATE, 0, &past, NULL, 0), ETIMEDOUT, "a time that is over");
    clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_sec += 3600;
    CHECK_ERRNO(futex_call(&word, FUTEX_LOCK_PI_PRIVATE, 0, &t, NULL, 0), ETIMEDOUT,
                "FUTEX_LOCK_PI's is the calendar's");
    t = soon(CLOCK_REALTIME, 30);
    int64_t from = now_ns();
    CHECK_ERRNO(futex_call(&word, FUTEX_LOCK_PI_PRIVATE, 0, &t, NULL, 0), ETIMEDOUT, "it is waited for");
    CHECK(now_ns() - from >= 25000000, "as long as told");
    t = soon(CLOCK_MONOTONIC, 30);
    from = now_ns();
    CHECK_ERRNO(futex_call(&word, FUTEX_LOCK_PI2_PRIVATE, 0, &t, NULL, 0), ETIMEDOUT, "FUTEX_LOCK_PI2's is monotonic");
    CHECK(now_ns() - from >= 25000000, "as long as told");
    t = soon(CLOCK_REALTIME, 30);
    CHECK_ERRNO(futex_call(&word, FUTEX_LOCK_PI2_PRIVATE | FUTEX_CLOCK_REALTIME, 0, &t, NULL, 0), ETIMEDOUT,
                "or the calendar's, if told");
    CHECK(UNLOCK(&a, &word) == 0 && word == 0, "who gave up gets nothing");
    REQ(LOCK(&a, &word) == 0);
    LOCK_BEGIN(&b, &word);
    t = soon(CLOCK_REALTIME, 1);
    CHECK(act(&c, &word, FUTEX_LOCK_PI_PRIVATE, 0, &t, NULL, 0) == -ETIMEDOUT, "the second of two gives up");
    CHECK(UNLOCK(&a, &word) == 0 && act_end(&b) == 0 && UNLOCK(&b, &word) == 0 && word == 0, "the first has it then");
}

static void deadlocks(void)
{
    REQ(LOCK(&a, &word) == 0 && LOCK(&b, &word2) == 0 && LOCK(&c, &word3) == 0);
    LOCK_BEGIN(&a, &word2);
    CHECK(LOCK(&b, &word) == -EDEADLK, "two that wait for each other");
    CHECK(word == ((uint32_t)a.tid | WAITERS), "the waiters' bit stays");
    CHECK(act(&b, &word, FUTEX_TRYLOCK_PI_PRIVATE, 0, NULL, NULL, 0) == -EAGAIN, "to try is no deadlock");
    LOCK_BEGIN(&b, &word3);
    CHECK(LOCK(&c, &word) == -EDEADLK, "three in a circle");
    struct timespec t = {1, 0};
    CHECK(act(&c, &word, FUTEX_LOCK_PI_PRIVATE, 0, &t, NULL, 0) == -EDEADLK, "also with a time");
    REQ(UNLOCK(&c, &word3) == 0 && act_end(&b) == 0 && UNLOCK(&b, &word3) == 0 && UNLOCK(&b, &word2) == 0);
    REQ(act_end(&a) == 0 && UNLOCK(&a, &word2) == 0 && UNLOCK(&a, &word) == 0);
    CHECK(!word && !word2 && !word3, "and the others go on");
}

static volatile sig_atomic_t ticks;

static void on_tick(int sig)
{
    (void)sig;
    ticks++;
}

static void catch (int sig, int flags)
{
    struct sigaction sa = {.sa_handler = on_tick, .sa_flags = flags};
    REQ(sigaction(sig, &sa, NULL) == 0);
}

static void interrupt(struct actor *who, int times)
{
    for (int i = 0; i < times; i++) {
        int before = ticks;
        REQ(syscall(SYS_tgkill, getpid(), who->tid, SIGUSR1) == 0);
        for (int k = 0; k < 20000 && ticks == before; k++)
            msleep(1);
        REQ(ticks > before);
        act_until_asleep(who);
    }
}

static void signals(void)
{
    catch (SIGUSR1, 0);
    REQ(LOCK(&a, &word) == 0);
    LOCK_BEGIN(&b, &word);
    interrupt(&b, 3);
    CHECK(!act_over(&b), "handlers run, and FUTEX_LOCK_PI goes on waiting, without SA_RESTART");
    CHECK(UNLOCK(&a, &word) == 0 && act_end(&b) == 0, "until it has it");
    struct timespec t = soon(CLOCK_REALTIME, 300);
    act_order(&a, &word, FUTEX_LOCK_PI_PRIVATE, 0, &t, NULL, 0);
    msleep(20);
    syscall(SYS_tgkill, getpid(), a.tid, SIGUSR1);
    CHECK(act_end(&a) == -ETIMEDOUT, "a signal does not make the time longer or shorter");
    REQ(UNLOCK(&b, &word) == 0);
}

static void owner_ends(void)
{
    struct actor d;
    act_start(&d);
    REQ(LOCK(&d, &word) == 0);
    LOCK_BEGIN(&a, &word);
    LOCK_BEGIN(&b, &word);
    act_die(&d);
    CHECK(act_end(&a) == 0, "the owner ends: the first waiter has it");
    CHECK(word == ((uint32_t)a.tid | WAITERS | DIED), "and is told by a bit");
    CHECK(UNLOCK(&a, &word) == 0 && word == ((uint32_t)b.tid | WAITERS), "which the next one does not see");
    REQ(act_end(&b) == 0 && UNLOCK(&b, &word) == 0);
    act_start(&d);
    REQ(LOCK(&d, &word) == 0 && LOCK(&d, &word2) == 0 && LOCK(&d, &word3) == 0);
    LOCK_BEGIN(&a, &word);
    LOCK_BEGIN(&b, &word2);
    uint32_t left = word3;
    act_die(&d);
    CHECK(act_end(&a) == 0 && act_end(&b) == 0 && word2 == ((uint32_t)b.tid | WAITERS | DIED), "all that it owned");
    CHECK(word3 == left, "a futex without waiters that is in no robust list is lost");
    CHECK_ERRNO(lock(&word3), ESRCH, "ESRCH says so");
    REQ(UNLOCK(&a, &word) == 0 && UNLOCK(&b, &word2) == 0);
    word3 = 0;
}

int main(void)
{
    uncontended();
    refused();
    bad_times();
    act_start(&a);
    act_start(&b);
    act_start(&c);
    contended();
    mixed();
    times();
    deadlocks();
    signals();
    owner_ends();
    return tap_end();
}
