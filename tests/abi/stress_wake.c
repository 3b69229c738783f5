// SPDX-License-Identifier: MIT
/*
 * Going to sleep against being woken, over and over, with the moment of the one shifted along the other: a wake-up that
 * comes while the sleeper is on its way to bed must not be lost. On two processors where there are two.
 */
#include "tests/abi/util.h"

#include <linux/futex.h>
#include <pthread.h>
#include <sys/mman.h>

#define LOST_S 20 /* a wake-up that has not come by then never will */

static int64_t deadline;

static int goes_on(int i)
{
    return i < 200000 && now_ns() < deadline;
}

static void some_time(void)
{
    deadline = now_ns() + 500000000;
}

static void spin(int n)
{
    for (volatile int i = 0; i < n; i++)
        ;
}

/* ---- futex ---- */

static uint32_t there, back; /* rounds: begun by the one, answered by the other; ~0: over */

static void hand(uint32_t *word, uint32_t value)
{
    __atomic_store_n(word, value, __ATOMIC_SEQ_CST);
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

/* Waits until the word is no longer `old`; 0: the wake-up was lost. */
static uint32_t await(uint32_t *word, uint32_t old)
{
    struct timespec limit = {LOST_S, 0};
    uint32_t now;
    while ((now = __atomic_load_n(word, __ATOMIC_SEQ_CST)) == old)
        if (syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, old, &limit, NULL, 0) < 0 && errno == ETIMEDOUT)
            return 0;
    return now;
}

static void *answer(void *arg)
{
    pin(1);
    for (uint32_t i = 0; (i = await(&there, i)) != ~0u && i;) {
        spin((int)(i * 7 % 200));
        hand(&back, i);
    }
    return arg;
}

static void by_futex(void)
{
    pthread_t t;
    uint32_t i = 0;
    int good = 1;
    pin(0);
    REQ(pthread_create(&t, NULL, answer, NULL) == 0);
    some_time();
    for (; good && goes_on((int)i); i++) {
        spin((int)(i * 13 % 200));
        hand(&there, i + 1);
        good = await(&back, i) == i + 1;
    }
    hand(&there, ~0u);
    pthread_join(t, NULL);
    dprintf(1, "# %u rounds\n", i);
    CHECK(good, "every futex wake-up arrives");
}

/* ---- the end of a vfork child ---- */

static void by_vfork(void)
{
    volatile int n = 0;
    some_time();
    for (int i = 0; goes_on(i); i++) {
        pid_t pid = vfork();
        if (pid == 0)
            _exit(0);
        n += pid > 0 && waitpid(pid, NULL, 0) == pid;
    }
    dprintf(1, "# %d rounds\n", n);
    CHECK(n > 0, "every vfork child lets its parent go on");
}

/* ---- a stop that is over as soon as it begins ---- */

static void by_continue(void)
{
    int n = 0;
    volatile uint32_t *beats = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t pid = tap_fork();
    if (pid == 0) {
        pin(1);
        for (;;)
            ++*beats;
    }
    some_time();
    int good = 1;
    for (int i = 0; good && goes_on(i); i++, n++) {
        kill(pid, SIGSTOP);
        spin(i * 13 % 300);
        kill(pid, SIGCONT);
        int64_t end = now_ns() + LOST_S * 1000000000ll;
        for (uint32_t seen = *beats; *beats == seen && good;) {
            good = now_ns() < end;
            sched_yield();
        }
    }
    kill(pid, SIGKILL);
    tap_wait(pid);
    dprintf(1, "# %d rounds\n", n);
    CHECK(good, "every SIGCONT lets a stopped process go on");
}

/* ---- pipes: two processes ---- */

static void by_pipe(void)
{
    int a[2], b[2], n = 0, good = 1;
    char c = 'x';
    make_pipe(a);
    make_pipe(b);
    pid_t pid = tap_fork();
    if (pid == 0) {
        pin(1);
        close(a[1]);
        for (int i = 0; read(a[0], &c, 1) == 1; i++) {
            spin(i * 7 % 200);
            REQ(write(b[1], &c, 1) == 1);
        }
        _exit(0);
    }
    some_time();
    for (int i = 0; good && goes_on(i); i++, n++) {
        struct pollfd p = {b[0], POLLIN, 0};
        spin(i * 13 % 200);
        good = write(a[1], &c, 1) == 1 && (i % 2 || poll(&p, 1, LOST_S * 1000) == 1) && read(b[0], &c, 1) == 1;
    }
    close(a[1]);
    dprintf(1, "# %d rounds\n", n);
    CHECK(good && tap_wait(pid) == 0, "every byte in a pipe wakes its reader");
}

int main(void)
{
    by_futex();
    by_vfork();
    by_continue();
    by_pipe();
    return tap_end();
}
