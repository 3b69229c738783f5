// SPDX-License-Identifier: MIT
/* Priorities of I/O, sched_setattr and sched_getattr, and robust lists of other processes. */
#include "tests/abi/util.h"

#include <linux/futex.h>
#include <linux/ioprio.h>
#include <pthread.h>
#include <sys/resource.h>

#define PRIO(class, level) IOPRIO_PRIO_VALUE(class, level)
#define BE(n) PRIO(IOPRIO_CLASS_BE, n)

static long io_get(int which, int who)
{
    return syscall(SYS_ioprio_get, which, who);
}

static long io_set(int which, int who, int prio)
{
    return syscall(SYS_ioprio_set, which, who, prio);
}

static void io_priorities(void)
{
    REQ(setpgid(0, 0) == 0);
    CHECK(io_get(1, 0) == 0, "nobody has set an I/O priority");
    CHECK(io_get(2, 0) == BE(4), "in a group it counts as that of the nice value");
    CHECK(io_set(1, 0, BE(3)) == 0 && io_get(1, 0) == BE(3) && io_get(1, getpid()) == BE(3), "it is set");
    CHECK(io_get(2, 0) == BE(3) && io_get(2, getpid()) == BE(3), "and is that of the group");
    CHECK_CHILD("a child has its parent's", REQ(io_get(1, 0) == BE(3)));
    CHECK_CHILD("of a group's the highest counts",
                { REQ(io_set(1, 0, BE(1)) == 0 && io_get(2, 0) == BE(1) && io_get(1, getppid()) == BE(3)); });
    CHECK_CHILD("a group's is set at once", REQ(io_set(2, 0, BE(5)) == 0 && io_get(1, getppid()) == BE(5)));
    CHECK(io_set(1, 0, PRIO(IOPRIO_CLASS_IDLE, 5)) == 0 && io_get(1, 0) == PRIO(IOPRIO_CLASS_IDLE, 5), "class idle");
    CHECK(io_set(1, 0, 0) == 0 && io_get(1, 0) == 0, "and none again");
    CHECK_ERRNO(io_set(1, 0, 1), EINVAL, "no class has no level");
    CHECK_ERRNO(io_set(1, 0, PRIO(4, 0)), EINVAL, "no such class");
    CHECK_ERRNO(io_set(1, 0, PRIO(IOPRIO_CLASS_RT, 0)), EPERM, "the real-time class is not for everybody");
    CHECK_ERRNO(io_set(0, 0, BE(0)), EINVAL, "nobody is meant");
    CHECK_ERRNO(io_get(4, 0), EINVAL, "nor here");
    CHECK_ERRNO(io_get(1, 4999999), ESRCH, "no such thread");
    CHECK_ERRNO(io_set(2, 4999999, BE(0)), ESRCH, "no such group");
    CHECK_ERRNO(io_get(3, 54321), ESRCH, "a user without processes");
    CHECK_CHILD("another user's is not to be set", {
        drop_root();
        REQ(io_set(1, 0, BE(2)) == 0 && io_set(1, getppid(), BE(2)) == -1 && errno == EPERM &&
            io_get(1, getppid()) == 0);
    });
    CHECK_CHILD("nice values and policies count", {
        struct sched_param p = {0};
        REQ(setpgid(0, 0) == 0 && setpriority(0, 0, 15) == 0 && io_get(2, 0) == BE(7));
        REQ(sched_setscheduler(0, SCHED_IDLE, &p) == 0 && io_get(2, 0) == PRIO(IOPRIO_CLASS_IDLE, 7));
    });
}

struct attr {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime, deadline, period;
    uint32_t min, max;
    char later[200];
};

static long set(uint32_t size, uint32_t policy, uint64_t flags, int nice, uint32_t priority)
{
    struct attr a = {.size = size, .policy = policy, .flags = flags, .nice = nice, .priority = priority};
    return syscall(SYS_sched_setattr, 0, &a, 0);
}

static long set_raw(struct attr *a)
{
    return syscall(SYS_sched_setattr, 0, a, 0);
}

static struct attr get(void)
{
    struct attr a = {0};
    REQ(syscall(SYS_sched_getattr, 0, &a, sizeof a, 0) == 0);
    return a;
}

static void attributes(void)
{
    struct attr a = {.size = 100};
    CHECK(set(0, 0, 0, 0, 0) == 0 && set(48, 0, 0, 0, 0) == 0 && set(56, 0, 0, 0, 0) == 0,
          "sizes of old and new programs");
    CHECK(set_raw(&a) == 0, "of programs to come, that use nothing of it");
    a.later[10] = 1;
    CHECK_ERRNO(set_raw(&a), E2BIG, "or something");
    CHECK(a.size == 56, "they are told what there is");
    CHECK_ERRNO(set(47, 0, 0, 0, 0), E2BIG, "too small");
    CHECK_ERRNO(set(4097, 0, 0, 0, 0), E2BIG, "too large");
    CHECK(set(48, 0, 0, 5, 0) == 0 && get().nice == 5 && get().policy == SCHED_OTHER && get().size == 56,
          "a nice value");
    CHECK(set(48, 0, 0, 100, 0) == 0 && get().nice == 19, "too nice is very nice");
    CHECK(set(48, SCHED_BATCH, 0, 19, 0) == 0 && get().policy == SCHED_BATCH, "a policy");
    CHECK(set(48, SCHED_OTHER, 8 | 16, 0, 0) == 0 && get().policy == SCHED_BATCH && get().nice == 19,
          "SCHED_FLAG_KEEP_ALL keeps all");
    CHECK(set(48, SCHED_OTHER, 1 | 2 | 4, 19, 0) == 0 && get().flags == 1,
          "reset on fork; flags of SCHED_DEADLINE mean nothing");
    CHECK_ERRNO(set(48, SCHED_OTHER, 0, 19, 0), EPERM, "which cannot be taken back");
    CHECK_ERRNO(set(48, SCHED_OTHER, 0x80, 19, 0), EINVAL, "a flag that is none");
    CHECK_ERRNO(set(48, SCHED_OTHER, 0x20, 19, 0), EINVAL, "clamps without room for them");
    CHECK_ERRNO(set(48, 7, 1, 0, 0), EINVAL, "a policy that is none");
    CHECK_ERRNO(set(48, ~0u, 1, 0, 0), EINVAL, "a negative one");
    CHECK_ERRNO(set(48, SCHED_OTHER, 1, 19, 3), EINVAL, "a priority that SCHED_OTHER has not");
    CHECK_ERRNO(set(48, SCHED_FIFO, 1, 0, 0), EINVAL, "none, which SCHED_FIFO has");
    CHECK_ERRNO(set(48, SCHED_OTHER, 1, -5, 0), EPERM, "less nice is not for everybody");
    CHECK_ERRNO(syscall(SYS_sched_setattr, 0, &a, 1), EINVAL, "flags of the call");
    CHECK_ERRNO(syscall(SYS_sched_getattr, 0, &a, 47, 0), EINVAL, "no room for the answer");
    CHECK_ERRNO(syscall(SYS_sched_getattr, 0, at_addr(8), 48, 0), EFAULT, "nowhere to put it");
    CHECK_ERRNO(syscall(SYS_sched_getattr, 4999999, &a, 48, 0), ESRCH, "of nobody");
    CHECK_CHILD("SCHED_IDLE is left only by who might be as nice as before", {
        struct sched_param p = {0};
        REQ(sched_setscheduler(0, SCHED_IDLE | SCHED_RESET_ON_FORK, &p) == 0);
        REQ(sched_setscheduler(0, SCHED_OTHER | SCHED_RESET_ON_FORK, &p) == -1 && errno == EPERM);
    });
}

static void robust_lists(void)
{
    struct robust_list_head head = {{&head.list}, 0, NULL}, *p;
    size_t len = 0;
    REQ(syscall(SYS_set_robust_list, &head, sizeof head) == 0);
    CHECK(syscall(SYS_get_robust_list, 0, &p, &len) == 0 && p == &head && len == sizeof head, "one's own robust list");
    CHECK_ERRNO(syscall(SYS_set_robust_list, &head, sizeof head - 1), EINVAL, "a head of another size");
    CHECK_ERRNO(syscall(SYS_get_robust_list, 4999999, &p, &len), ESRCH, "of nobody");
    CHECK_ERRNO(syscall(SYS_get_robust_list, 0, &p, at_addr(8)), EFAULT, "nowhere to put it");
    CHECK_CHILD("another process's, of the same user",
                REQ(syscall(SYS_get_robust_list, getppid(), &p, &len) == 0 && p == &head));
    CHECK_CHILD("of another one", {
        drop_root();
        REQ(syscall(SYS_get_robust_list, getppid(), &p, &len) == -1 && errno == EPERM);
    });
}

/* Two threads, of which a group's and a user's priorities are set and asked for. */
static int other_tid, step[2];

static void *stays(void *arg)
{
    other_tid = gettid();
    token_send(*(int *)arg);
    token_wait(step[0]);
    return NULL;
}

static void other_threads(void)
{
    CHECK_CHILD("a group's priorities and its threads'", {
        int up[2];
        pthread_t t = 0;
        make_pipe(up);
        make_pipe(step);
        REQ(setpgid(0, 0) == 0 && pthread_create(&t, NULL, stays, &up[1]) == 0);
        token_wait(up[0]);
        int self = gettid();
        REQ(setpriority(PRIO_PROCESS, 0, 3) == 0 && getpriority(PRIO_PROCESS, (id_t)other_tid) == 0);
        REQ(getpriority(PRIO_PGRP, 0) == 0);
        REQ(setpriority(PRIO_PGRP, 0, 5) == 0 && getpriority(PRIO_PROCESS, (id_t)other_tid) == 5 &&
            getpriority(PRIO_PROCESS, 0) == 5);
        REQ(io_set(1, 0, BE(6)) == 0 && io_get(1, other_tid) == 0);
        REQ(io_set(2, 0, BE(2)) == 0 && io_get(1, self) == BE(2) && io_get(1, other_tid) == BE(2));
        REQ(io_set(1, other_tid, BE(1)) == 0 && io_get(2, 0) == BE(1));
        token_send(step[1]);
        REQ(pthread_join(t, NULL) == 0);
    });
}

int main(void)
{
    io_priorities();
    other_threads();
    robust_lists();
    attributes();
    return tap_end();
}
