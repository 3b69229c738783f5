/* SPDX-License-Identifier: MIT */
/* What the tests of ptrace(2) share. */
#ifndef TESTS_ABI_PTRACE_H
#define TESTS_ABI_PTRACE_H

#include "tests/abi/util.h"

#include <elf.h>
#include <linux/ptrace.h>
#include <signal.h>
#include <stddef.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>

#define EVENT(sig, ev) ((sig) | (ev) << 8)

static inline int stopped_by(int st, int sig)
{
    return WIFSTOPPED(st) && st >> 8 == sig;
}

static inline long pt(long req, pid_t pid, unsigned long addr, unsigned long data)
{
    return syscall(SYS_ptrace, req, pid, addr, data);
}

static inline int wait_stop(pid_t pid)
{
    int st = 0;
    REQ(waitpid(pid, &st, __WALL) == pid);
    return st;
}

/* A tracee stopped by its own SIGSTOP, then running `body`. */
static inline pid_t tracee(void (*body)(void))
{
    pid_t pid = fork();
    REQ(pid >= 0);
    if (pid == 0) {
        if (pt(PTRACE_TRACEME, 0, 0, 0))
            _exit(99);
        raise(SIGSTOP);
        body();
        _exit(7);
    }
    REQ(stopped_by(wait_stop(pid), SIGSTOP));
    return pid;
}

static inline void finish(pid_t pid)
{
    kill(pid, SIGKILL);
    int st;
    while (waitpid(pid, &st, __WALL) == pid && !WIFEXITED(st) && !WIFSIGNALED(st))
        ;
}

static inline pid_t sleeper(void)
{
    pid_t pid = fork();
    REQ(pid >= 0);
    if (pid == 0)
        for (;;)
            pause();
    return pid;
}

#endif
