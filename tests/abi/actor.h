/* SPDX-License-Identifier: MIT */
/*
 * Actors: threads that make one futex call after another, as the main thread tells them, so that who waits for what and in
 * which order is certain. A call that is to block is begun by act_begin, which returns when the actor sleeps in it.
 */
#ifndef ABI_ACTOR_H
#define ABI_ACTOR_H

#include "tests/abi/util.h"

#include <linux/futex.h>
#include <pthread.h>
#include <sys/mman.h>

struct actor {
    pthread_t thread;
    pid_t tid;
    int orders[2], answers[2];
    uint32_t *word, *word2;
    int op, die, started;
    uint32_t val, val3;
    const void *arg4;
    long ret;
    int err;
};

/* The barriers are for the compiler, to which syscall() is a function that changes nothing of this file's. */
static inline long futex_call(const uint32_t *word, int op, uint32_t val, const void *arg4, const void *word2,
                              uint32_t val3)
{
    __asm__ volatile("" ::: "memory");
    long ret = syscall(SYS_futex, word, op, val, arg4, word2, val3);
    __asm__ volatile("" ::: "memory");
    return ret;
}

static void *act_loop(void *arg)
{
    struct actor *a = arg;
    a->tid = gettid();
    token_send(a->answers[1]);
    for (;;) {
        char c;
        while (read(a->orders[0], &c, 1) != 1)
            REQ(errno == EINTR);
        if (a->die)
            return NULL;
        errno = 0;
        __atomic_store_n(&a->started, 1, __ATOMIC_SEQ_CST);
        a->ret = futex_call(a->word, a->op, a->val, a->arg4, a->word2, a->val3);
        a->err = errno;
        token_send(a->answers[1]);
    }
}

static inline void act_start(struct actor *a)
{
    *a = (struct actor){0};
    make_pipe(a->orders);
    make_pipe(a->answers);
    REQ(pthread_create(&a->thread, NULL, act_loop, a) == 0);
    token_wait(a->answers[0]);
}

/* The thread ends without letting go of anything. */
static inline void act_die(struct actor *a)
{
    a->die = 1;
    token_send(a->orders[1]);
    REQ(pthread_join(a->thread, NULL) == 0);
    for (int i = 0; i < 2; i++) {
        close(a->orders[i]);
        close(a->answers[i]);
    }
}

static inline void act_order(struct actor *a, uint32_t *word, int op, uint32_t val, const void *arg4, uint32_t *word2,
                             uint32_t val3)
{
    a->word = word;
    a->op = op;
    a->val = val;
    a->arg4 = arg4;
    a->word2 = word2;
    a->val3 = val3;
    __atomic_store_n(&a->started, 0, __ATOMIC_SEQ_CST);
    token_send(a->orders[1]);
}

/* The state letter of a thread of this process, and its priority as the kernel reckons it: 20 + nice, or -1 - level. */
static inline char task_state(pid_t tid, long *priority)
{
    char path[64], buf[400], state = 0;
    snprintf(path, sizeof path, "/proc/self/task/%d/stat", tid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    REQ(fd >= 0);
    ssize_t n = read(fd, buf, sizeof buf - 1);
    close(fd);
    REQ(n > 0);
    buf[n] = 0;
    long prio = 0;
    REQ(sscanf(strrchr(buf, ')') + 1, " %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %ld", &state,
               &prio) == 2);
    if (priority)
        *priority = prio;
    return state;
}

static inline void act_until_asleep(struct actor *a)
{
    for (int i = 0; i < 20000; i++) {
        if (__atomic_load_n(&a->started, __ATOMIC_SEQ_CST) && task_state(a->tid, NULL) == 'S')
            return;
        msleep(1);
    }
    REQ(!"the thread sleeps");
}

static inline void act_begin(struct actor *a, uint32_t *word, int op, uint32_t val, const void *arg4, uint32_t *word2,
                             uint32_t val3)
{
    act_order(a, word, op, val, arg4, word2, val3);
    act_until_asleep(a);
}

/* The result of the call: what it returned, or -errno. */
static inline long act_end(struct actor *a)
{
    token_wait(a->answers[0]);
    return a->ret < 0 ? -a->err : a->ret;
}

/* Has the call returned? */
static inline int act_over(struct actor *a)
{
    struct pollfd p = {a->answers[0], POLLIN, 0};
    return poll(&p, 1, 0) == 1;
}

static inline long act(struct actor *a, uint32_t *word, int op, uint32_t val, const void *arg4, uint32_t *word2,
                       uint32_t val3)
{
    act_order(a, word, op, val, arg4, word2, val3);
    return act_end(a);
}

#define LOCK(a, w) act(a, w, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0)
#define UNLOCK(a, w) act(a, w, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0)
#define LOCK_BEGIN(a, w) act_begin(a, w, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0)

/* A point of the clock, so many ms ahead (at most a second). */
static inline struct timespec soon(clockid_t clock, long ms)
{
    struct timespec t;
    clock_gettime(clock, &t);
    t.tv_nsec += ms * 1000000;
    t.tv_sec += t.tv_nsec / 1000000000;
    t.tv_nsec %= 1000000000;
    return t;
}

#endif
