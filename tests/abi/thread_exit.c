// SPDX-License-Identifier: MIT
/*
 * How threads and thread groups end: exit of one, exit of all, death by signal, exec from a thread; ids and TLS.
 */
#include "tests/abi/util.h"

#include <asm/prctl.h>
#include <dirent.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sys/mman.h>

static void *sleeper(void *arg)
{
    for (;;)
        pause();
    return arg;
}

static void *spinner(void *arg)
{
    pin(1);
    for (;;)
        __asm__ volatile("pause");
    return arg;
}

static void *exit_group_7(void *arg)
{
    syscall(SYS_exit_group, 7);
    return arg;
}

static void *exec_self(void *arg)
{
    execl("/proc/self/exe", "x", arg, NULL);
    _exit(1);
}

static void *die(void *arg)
{
    *(volatile int *)at_addr(0) = 1;
    return arg;
}

static void *end_later(void *arg)
{
    msleep(30);
    _exit((int)(long)arg);
}

static pthread_t start(void *(*fn)(void *), void *arg)
{
    pthread_t t;
    REQ(pthread_create(&t, NULL, fn, arg) == 0);
    return t;
}

static void ending(void)
{
    CHECK(tap_exited(CHILD({
                         start(sleeper, NULL);
                         start(spinner, NULL);
                         _exit(5);
                     }),
                     5),
          "_exit ends sleeping and running threads");
    CHECK(tap_exited(CHILD({
                         start(spinner, NULL);
                         start(exit_group_7, NULL);
                         sleeper(NULL);
                     }),
                     7),
          "exit_group by another thread");
    CHECK(tap_exited(CHILD({
                         start(end_later, (void *)9L);
                         syscall(SYS_exit, 3);
                     }),
                     9),
          "the first thread's exit(2) leaves the others, whose end is the process's");
    CHECK(tap_killed(CHILD({
                         start(sleeper, NULL);
                         start(die, NULL);
                         sleeper(NULL);
                     }),
                     SIGSEGV),
          "a fault in a thread ends all");
    CHECK(tap_killed(CHILD({
                         start(sleeper, NULL);
                         kill(getpid(), SIGKILL);
                         sleeper(NULL);
                     }),
                     SIGKILL),
          "SIGKILL ends all");
    CHECK(tap_exited(CHILD({
                         for (int i = 0; i < 10; i++)
                             start(i & 1 ? sleeper : spinner, NULL);
                         msleep(5);
                         _exit(6);
                     }),
                     6),
          "ten threads end with their process");
    CHECK_CHILD("a zombie leader is not reaped before the last thread", {
        pid_t c = fork();
        if (c == 0) {
            start(end_later, (void *)4L);
            syscall(SYS_exit, 0);
        }
        int st;
        REQ(waitpid(c, &st, 0) == c && tap_exited(st, 4));
    });
}

static void execing(void)
{
    char num[16];
    CHECK(tap_exited(CHILD({
                         start(sleeper, NULL);
                         start(spinner, NULL);
                         snprintf(num, sizeof num, "%d", getpid());
                         start(exec_self, num);
                         sleeper(NULL);
                     }),
                     21),
          "exec from a thread takes the process's id, and the others are gone");
    CHECK(tap_exited(CHILD({
                         start(sleeper, NULL);
                         snprintf(num, sizeof num, "%d", getpid());
                         exec_self(num);
                     }),
                     21),
          "exec from the first thread with others about");
    CHECK_CHILD("a failed exec leaves the threads", {
        pthread_t t = start(end_later, NULL);
        (void)t;
        REQ(execl("absent", "absent", NULL) == -1);
        sleeper(NULL);
    });
}

/* Counts the tasks of this process. */
static int tasks(void)
{
    int n = 0;
    DIR *d = opendir("/proc/self/task");
    for (struct dirent *e; d && (e = readdir(d));)
        n += e->d_name[0] != '.';
    if (d)
        closedir(d);
    return n;
}

/* ---- raw threads, without libc ---- */

static char stack[65536] __attribute__((aligned(16)));
static int child_tid, go;

static long raw_thread(int (*fn)(void *), void *arg, int flags, int *ptid, int *ctid)
{
    return clone(fn, stack + sizeof stack, CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | flags,
                 arg, ptid, NULL, ctid);
}

static void wait_cleared(int *tid)
{
    for (int v; (v = __atomic_load_n(tid, __ATOMIC_SEQ_CST)) != 0;)
        syscall(SYS_futex, tid, FUTEX_WAIT, v, NULL, NULL, 0);
}

static int raw_body(void *arg)
{
    *(int *)arg = syscall(SYS_getpid);
    syscall(SYS_exit, 0);
    return 0;
}

static int raw_moves_tid(void *arg)
{
    long r = syscall(SYS_set_tid_address, arg);
    go = r == syscall(SYS_gettid);
    syscall(SYS_exit, 0);
    return 0;
}

static void raw(void)
{
    int pid_seen = 0, ptid = 0, other = 1;
    child_tid = 1;
    long tid = raw_thread(raw_body, &pid_seen, CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID, &ptid, &child_tid);
    wait_cleared(&child_tid);
    CHECK(tid > 0 && ptid == tid && pid_seen == getpid() && tid != getpid(),
          "a raw thread has the process's id and its own tid");
    CHECK(child_tid == 0, "its exit clears the word and wakes who waits for it");
    CHECK_ERRNO(syscall(SYS_wait4, tid, NULL, __WALL, NULL), ECHILD, "a thread cannot be waited for");
    child_tid = 1;
    raw_thread(raw_moves_tid, &other, CLONE_CHILD_CLEARTID, NULL, &child_tid);
    wait_cleared(&other);
    CHECK(go == 1 && child_tid == 1, "set_tid_address moves the word and returns the tid");
    for (int i = 0; i < 20000 && syscall(SYS_tgkill, getpid(), tid, 0) == 0; i++)
        msleep(1);
    CHECK_ERRNO(syscall(SYS_tgkill, getpid(), tid, 0), ESRCH, "an ended thread is gone");
}

static int raw_tls(void *arg)
{
    long v;
    __asm__ volatile("movq %%fs:0, %0" : "=r"(v));
    *(long *)arg = v;
    syscall(SYS_exit, 0);
    return 0;
}

static void tls(void)
{
    /* A raw thread with CLONE_SETTLS must not touch libc's thread data beyond what raw_tls does. */
    static long area[64] = {0x1234567}, got;
    area[16 / 8] = 0;
    child_tid = 1;
    clone(raw_tls, stack + sizeof stack,
          CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SETTLS | CLONE_CHILD_CLEARTID, &got,
          NULL, area, &child_tid);
    wait_cleared(&child_tid);
    CHECK(got == 0x1234567, "CLONE_SETTLS sets the thread's FS base");
    unsigned long fs = 0, gs = 1;
    CHECK(syscall(SYS_arch_prctl, ARCH_GET_FS, &fs) == 0 && *(unsigned long *)fs == fs,
          "ARCH_GET_FS gives libc's thread pointer");
    CHECK(syscall(SYS_arch_prctl, ARCH_GET_GS, &gs) == 0 && gs == 0, "ARCH_GET_GS is 0");
    CHECK_CHILD("ARCH_SET_GS sets it, over system calls and switches", {
        REQ(syscall(SYS_arch_prctl, ARCH_SET_GS, area) == 0);
        long v;
        msleep(2);
        sched_yield();
        __asm__ volatile("movq %%gs:0, %0" : "=r"(v));
        REQ(v == 0x1234567);
        REQ(syscall(SYS_arch_prctl, ARCH_GET_GS, &gs) == 0 && gs == (unsigned long)area);
    });
    CHECK_CHILD("a child inherits it", {
        REQ(syscall(SYS_arch_prctl, ARCH_SET_GS, area) == 0);
        pid_t c = fork();
        if (c == 0) {
            long v;
            __asm__ volatile("movq %%gs:0, %0" : "=r"(v));
            _exit(v != 0x1234567);
        }
        REQ(tap_wait(c) == 0);
    });
    CHECK_ERRNO(syscall(SYS_arch_prctl, ARCH_SET_FS, 0x8000000000000000), EPERM, "a non-canonical FS base");
    CHECK_ERRNO(syscall(SYS_arch_prctl, ARCH_SET_GS, 0xffff800000000000), EPERM, "a GS base in the kernel's half");
    CHECK_ERRNO(syscall(SYS_arch_prctl, ARCH_GET_FS, 8L), EFAULT, "ARCH_GET_FS into a bad address");
    CHECK_ERRNO(syscall(SYS_arch_prctl, 0x9999, 0), EINVAL, "an unknown arch_prctl");
}

static void signals(void)
{
    pthread_t t = start(sleeper, NULL);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    CHECK_ERRNO(syscall(SYS_tgkill, getpid(), 0x7ffffff, SIGUSR1), ESRCH, "tgkill of no thread");
    CHECK_ERRNO(syscall(SYS_tgkill, getppid(), syscall(SYS_gettid), SIGUSR1), ESRCH,
                "tgkill of a thread of another process");
    CHECK_ERRNO(syscall(SYS_tgkill, -1, 1, SIGUSR1), EINVAL, "tgkill of a negative process");
    CHECK(tasks() == 2, "/proc/self/task has both");
    pthread_cancel(t);
    pthread_join(t, NULL);
}

int main(int argc, char **argv)
{
    if (argc == 2)
        _exit(getpid() == atoi(argv[1]) && syscall(SYS_gettid) == getpid() && tasks() == 1 ? 21 : 22);
    ending();
    execing();
    raw();
    tls();
    signals();
    return tap_end();
}
