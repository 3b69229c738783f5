// SPDX-License-Identifier: MIT
/*
 * clone3's set_tid: a number of choice, as who restores a process needs it. And what it shows: that a pidfd stands for a
 * process and not for its number, which another may have by now.
 */
#define TAP_KEEP_CAPABILITIES
#include "tests/abi/util.h"

#include <linux/sched.h>

/* A child with this number, which ends with `code`. */
static pid_t make(pid_t nr, int code, int *pidfd)
{
    struct clone_args a = {.exit_signal = SIGCHLD,
                           .set_tid = (uintptr_t)&nr,
                           .set_tid_size = 1,
                           .flags = pidfd ? CLONE_PIDFD : 0,
                           .pidfd = (uintptr_t)pidfd};
    pid_t pid = (pid_t)syscall(SYS_clone3, &a, sizeof a);
    if (pid == 0)
        _exit(getpid() == nr && syscall(SYS_gettid) == nr ? code : 99);
    return pid;
}

/* A number that is nobody's: whoever had it is gone, and it does not come again soon. */
static pid_t free_number(void)
{
    pid_t pid = tap_fork();
    if (pid == 0)
        _exit(0);
    REQ(tap_wait(pid) == 0);
    return pid;
}

static int read_pid_max(void)
{
    char text[32] = "";
    int fd = open("/proc/sys/kernel/pid_max", O_RDONLY);
    REQ(fd >= 0 && read(fd, text, sizeof text - 1) > 0);
    close(fd);
    return atoi(text);
}

static void numbers(void)
{
    pid_t nr = free_number();
    CHECK(make(nr, 3, NULL) == nr, "clone3: the number that is asked for");
    CHECK_ERRNO(make(nr, 3, NULL), EEXIST, "it is taken while the child is not waited for");
    CHECK(tap_exited(tap_wait(nr), 3), "the child sees it, too");
    CHECK(make(nr, 4, NULL) == nr && tap_exited(tap_wait(nr), 4), "and may be asked for again");
    CHECK_ERRNO(make(getpid(), 0, NULL), EEXIST, "one's own is taken");
    CHECK_ERRNO(make(1, 0, NULL), EEXIST, "and so is 1");
    int most = read_pid_max();
    CHECK(make(most - 1, 5, NULL) == most - 1 && tap_exited(tap_wait(most - 1), 5), "the highest");
    CHECK_ERRNO(make(most, 0, NULL), EINVAL, "one more than that");
    CHECK_CHILD("without the capability it is EPERM", {
        drop_root();
        REQ(FAILS(make(nr, 0, NULL), EPERM));
    });
}

static void identity(void)
{
    siginfo_t si;
    int fd = -1;
    pid_t nr = free_number();
    CHECK(make(nr, 6, &fd) == nr && fd >= 0, "with a pidfd");
    CHECK(waitid(P_PIDFD, (id_t)fd, &si, WEXITED) == 0 && si.si_pid == nr && si.si_status == 6, "that waits for it");
    CHECK(make(nr, 7, NULL) == nr, "a second one of that number");
    GIVES(waitid(P_PIDFD, (id_t)fd, &si, WEXITED | WNOHANG), ECHILD, "is not the pidfd's for waitid");
    GIVES(syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0), ESRCH, "nor for a signal");
    CHECK(tap_exited(tap_wait(nr), 7), "it is waited for by its number");
    close(fd);
}

/* ---- two threads want the same number ---- */

#define ROUNDS 100

static pid_t wanted[ROUNDS];
static pid_t got[2][ROUNDS];
static pthread_barrier_t both;

static void *competes(void *arg)
{
    pid_t *out = arg;
    for (int i = 0; i < ROUNDS; i++) {
        pthread_barrier_wait(&both);
        out[i] = make(wanted[i], 0, NULL);
        if (out[i] < 0 && errno != EEXIST)
            return "neither the number nor EEXIST";
        pthread_barrier_wait(&both);
        if (out[i] > 0 && tap_wait(out[i]) != 0)
            return "the child did not have it";
    }
    return NULL;
}

static void races(void)
{
    pthread_t t[2];
    int good = 1;
    pid_t nr = free_number();
    REQ(pthread_barrier_init(&both, NULL, 2) == 0);
    for (int i = 0; i < ROUNDS; i++)
        wanted[i] = nr;
    for (int i = 0; i < 2; i++)
        REQ(pthread_create(&t[i], NULL, competes, got[i]) == 0);
    CHECK(all_well(t, 2), "two threads want one number: one has it, for the other it exists");
    for (int i = 0; i < ROUNDS; i++)
        good &= (got[0][i] == wanted[i]) + (got[1][i] == wanted[i]) == 1;
    CHECK(good, "each time");
}

int main(void)
{
    numbers();
    identity();
    races();
    return tap_end();
}
