/* SPDX-License-Identifier: MIT */
/*
 * TAP for the ABI tests: one fact a line. Include it first in a test program, once.
 *
 * Rules: facts are stated by the main thread of the first process only; a child states its part through its exit
 * status (REQ inside CHILD or CHECK_CHILD). Names are literals, so the output is the same on every kernel that keeps
 * the ABI; what may differ goes into lines that begin with '#'. A program ends by `return tap_end();`. The first
 * process and every child of tap_fork() die of SIGALRM rather than hang.
 */
#ifndef ABI_TAP_H
#define ABI_TAP_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#define TAP_SECONDS 60

static int tap_count, tap_failures;
static unsigned tap_alarm_before; /* seconds of an alarm that this program's exec was to keep */

/* Root of a container has these capabilities and no others; the facts are stated with them, on the host and in a machine
 * started with `privileged`. What mounts needs more, and defines TAP_KEEP_CAPABILITIES before it includes this. */
#define TAP_CAP(cap) (1ull << (cap))
#define TAP_CAPS                                                                                                       \
    (TAP_CAP(CAP_CHOWN) | TAP_CAP(CAP_DAC_OVERRIDE) | TAP_CAP(CAP_FSETID) | TAP_CAP(CAP_FOWNER) | TAP_CAP(CAP_MKNOD) | \
     TAP_CAP(CAP_NET_RAW) | TAP_CAP(CAP_SETGID) | TAP_CAP(CAP_SETUID) | TAP_CAP(CAP_SETFCAP) | TAP_CAP(CAP_SETPCAP) |  \
     TAP_CAP(CAP_NET_BIND_SERVICE) | TAP_CAP(CAP_SYS_CHROOT) | TAP_CAP(CAP_KILL) | TAP_CAP(CAP_AUDIT_WRITE))

static inline void tap_drop_capabilities(void)
{
    struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[2] = {{0}};
    if (geteuid() != 0 || syscall(SYS_capget, &head, data) < 0)
        return;
    if (((data[0].permitted | (unsigned long long)data[1].permitted << 32) & ~TAP_CAPS) == 0)
        return;
    for (int cap = 0; cap <= 63; cap++)
        if (!(TAP_CAPS >> cap & 1))
            prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
    for (int i = 0; i < 2; i++) {
        data[i].permitted &= (unsigned)(TAP_CAPS >> 32 * i);
        data[i].effective &= data[i].permitted;
        data[i].inheritable = 0;
    }
    syscall(SYS_capset, &head, data);
}

__attribute__((constructor)) static void tap_begin(void)
{
#ifndef TAP_KEEP_CAPABILITIES
    tap_drop_capabilities();
#endif
    tap_alarm_before = alarm(TAP_SECONDS);
    (void)tap_failures;
}

static inline void tap_line(int good, const char *name, const char *file, int line, const char *what, int err)
{
    dprintf(1, "%sok %d - %s\n", good ? "" : "not ", ++tap_count, name);
    if (!good) {
        tap_failures++;
        dprintf(1, "# %s:%d: %s (%d)\n", file, line, what, err);
    }
}

/* A fact: `cond` holds. */
#define CHECK(cond, name)                                            \
    do {                                                             \
        errno = 0;                                                   \
        int tap_good_ = !!(cond);                                    \
        tap_line(tap_good_, name, __FILE__, __LINE__, #cond, errno); \
    } while (0)

/* A fact: `expr` returns -1 and sets errno to `code`. */
#define CHECK_ERRNO(expr, code, name)                                                                           \
    do {                                                                                                        \
        errno = 0;                                                                                              \
        long tap_ret_ = (long)(expr);                                                                           \
        int tap_err_ = errno;                                                                                   \
        tap_line(tap_ret_ == -1 && tap_err_ == (code), name, __FILE__, __LINE__, #expr " -> " #code, tap_err_); \
    } while (0)

#define SKIP(name, reason) dprintf(1, "ok %d - %s # SKIP %s\n", ++tap_count, name, reason)

static inline void tap_bail(const char *file, int line, const char *what)
{
    dprintf(1, "# %s:%d: %s (errno %d: %s)\n", file, line, what, errno, strerror(errno));
    _exit(99);
}

/* A condition without which there is no point in going on: ends this process with 99. In a child: its verdict. */
#define REQ(cond)                                \
    do {                                         \
        if (!(cond))                             \
            tap_bail(__FILE__, __LINE__, #cond); \
    } while (0)

static inline pid_t tap_fork(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        alarm(TAP_SECONDS / 2);
    } else if (pid < 0) {
        tap_bail(__FILE__, __LINE__, "fork");
    }
    return pid;
}

/* The wait status of `pid`, or -1. */
static inline int tap_wait(pid_t pid)
{
    int status = -1;
    pid_t got;
    do
        got = waitpid(pid, &status, 0);
    while (got < 0 && errno == EINTR);
    return got == pid ? status : -1;
}

/* Runs the statements in a child; its wait status. It is 0 when every REQ held. */
#define CHILD(...)                   \
    ({                               \
        pid_t tap_pid_ = tap_fork(); \
        if (tap_pid_ == 0) {         \
            __VA_ARGS__;             \
            _exit(0);                \
        }                            \
        tap_wait(tap_pid_);          \
    })

#define CHECK_CHILD(name, ...)                                                                        \
    do {                                                                                              \
        int tap_status_ = CHILD(__VA_ARGS__);                                                         \
        tap_line(tap_status_ == 0, name, __FILE__, __LINE__, "the status of the child", tap_status_); \
    } while (0)

static inline int tap_exited(int status, int code)
{
    return status != -1 && WIFEXITED(status) && WEXITSTATUS(status) == code;
}

static inline int tap_killed(int status, int sig)
{
    return status != -1 && WIFSIGNALED(status) && WTERMSIG(status) == sig;
}

static inline int tap_end(void)
{
    dprintf(1, "1..%d\n", tap_count);
    return tap_failures ? 1 : 0;
}

#endif
