// SPDX-License-Identifier: MIT
/*
 * clone and clone3 by tables: every flag, alone and in the combinations that are refused; sizes and fields of clone3.
 * What succeeds is a child that exits at once.
 */
#include "tests/abi/util.h"

#include <linux/sched.h>
#include <sys/mman.h>
#include <sys/resource.h>

static char stack[65536] __attribute__((aligned(16)));

/* clone or clone3 without a function. With CLONE_VM the child runs on its own stack and so must not return: it exits here. */
static long forks(long nr, long a1, long a2, long a3, long a4, long a5)
{
    long ret;
    register long r10 __asm__("r10") = a4;
    register long r8 __asm__("r8") = a5;
    __asm__ volatile("syscall\n\t"
                     "test %%rax, %%rax\n\t"
                     "jnz 1f\n\t"
                     "xor %%edi, %%edi\n\t"
                     "mov $60, %%eax\n\t"
                     "syscall\n"
                     "1:"
                     : "=a"(ret)
                     : "0"(nr), "D"(a1), "S"(a2), "d"(a3), "r"(r10), "r"(r8)
                     : "rcx", "r11", "memory");
    return ret;
}

static long clone_raw(unsigned long flags, void *sp, void *ptid, void *ctid, unsigned long tls)
{
    return forks(SYS_clone, (long)flags, (long)sp, (long)ptid, (long)ctid, (long)tls);
}

static long clone3_raw(void *args, size_t size)
{
    return forks(SYS_clone3, (long)args, (long)size, 0, 0, 0);
}

static void reap(long pid)
{
    int status;
    while (waitpid((pid_t)pid, &status, __WALL) < 0 && errno == EINTR)
        ;
}

#define THREADLIKE (CLONE_VM | CLONE_SIGHAND | CLONE_THREAD)
static const struct {
    const char *name;
    unsigned long flags;
    int want; /* 0: a child that is waited for */
} flag_cases[] = {
    {"clone: no flags and no signal", 0, 0},
    {"clone: SIGCHLD", SIGCHLD, 0},
    {"clone: another signal", SIGURG, 0},
    {"clone: a signal that is none", 65, 0},
    {"clone: the highest number", 255, 0},
    {"clone: CLONE_VM", CLONE_VM | SIGCHLD, 0},
    {"clone: CLONE_FS", CLONE_FS | SIGCHLD, 0},
    {"clone: CLONE_FILES", CLONE_FILES | SIGCHLD, 0},
    {"clone: CLONE_VM and CLONE_SIGHAND", CLONE_VM | CLONE_SIGHAND | SIGCHLD, 0},
    {"clone: CLONE_PTRACE", CLONE_PTRACE | SIGCHLD, 0},
    {"clone: CLONE_VFORK", CLONE_VFORK | SIGCHLD, 0},
    {"clone: CLONE_PARENT", CLONE_PARENT | SIGCHLD, 0},
    {"clone: CLONE_SYSVSEM", CLONE_SYSVSEM | SIGCHLD, 0},
    {"clone: CLONE_PARENT_SETTID", CLONE_PARENT_SETTID | SIGCHLD, 0},
    {"clone: CLONE_CHILD_CLEARTID", CLONE_CHILD_CLEARTID | SIGCHLD, 0},
    {"clone: CLONE_DETACHED", CLONE_DETACHED | SIGCHLD, 0},
    {"clone: CLONE_UNTRACED", CLONE_UNTRACED | SIGCHLD, 0},
    {"clone: CLONE_CHILD_SETTID", CLONE_CHILD_SETTID | SIGCHLD, 0},
    {"clone: CLONE_IO", CLONE_IO | SIGCHLD, 0},
    {"clone: CLONE_PIDFD", CLONE_PIDFD | SIGCHLD, 0},
    {"clone: bits above 32 are not looked at", 1UL << 40 | SIGCHLD, 0},
    {"clone: CLONE_CLEAR_SIGHAND is such a one", 1UL << 32 | SIGCHLD, 0},
    {"clone: all that a process can share",
     CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_SYSVSEM | CLONE_IO | SIGCHLD, 0},
    {"clone: CLONE_SIGHAND without CLONE_VM", CLONE_SIGHAND | SIGCHLD, EINVAL},
    {"clone: CLONE_THREAD without CLONE_SIGHAND", CLONE_THREAD | CLONE_VM, EINVAL},
    {"clone: CLONE_THREAD alone", CLONE_THREAD, EINVAL},
    {"clone: CLONE_PIDFD and CLONE_PARENT_SETTID", CLONE_PIDFD | CLONE_PARENT_SETTID | SIGCHLD, EINVAL},
    {"clone: CLONE_PIDFD and CLONE_DETACHED", CLONE_PIDFD | CLONE_DETACHED | SIGCHLD, EINVAL},
    {"clone: CLONE_NEWNS and CLONE_FS", CLONE_NEWNS | CLONE_FS | SIGCHLD, EINVAL},
    {"clone: CLONE_NEWUSER and CLONE_FS", CLONE_NEWUSER | CLONE_FS | SIGCHLD, EINVAL},
    {"clone: CLONE_NEWUSER and CLONE_THREAD", CLONE_NEWUSER | THREADLIKE, EINVAL},
    {"clone: CLONE_NEWPID and CLONE_THREAD", CLONE_NEWPID | THREADLIKE, EINVAL},
    {"clone: CLONE_NEWNS", CLONE_NEWNS | SIGCHLD, EPERM},
    {"clone: CLONE_NEWCGROUP", CLONE_NEWCGROUP | SIGCHLD, EPERM},
    {"clone: CLONE_NEWUTS", CLONE_NEWUTS | SIGCHLD, EPERM},
    {"clone: CLONE_NEWIPC", CLONE_NEWIPC | SIGCHLD, EPERM},
    {"clone: CLONE_NEWIPC and CLONE_SYSVSEM", CLONE_NEWIPC | CLONE_SYSVSEM | SIGCHLD, EPERM},
    {"clone: CLONE_NEWPID", CLONE_NEWPID | SIGCHLD, EPERM},
    {"clone: CLONE_NEWNET", CLONE_NEWNET | SIGCHLD, EPERM},
};

static void flags(void)
{
    static int tid, other;
    for (size_t i = 0; i < COUNT(flag_cases); i++) {
        unsigned long f = flag_cases[i].flags;
        int status = CHILD({ /* CLONE_PARENT's child is then this process's, and nobody's here */
                             int fd = -1;
                             long pid = clone_raw(f, f & CLONE_VM ? stack + sizeof stack : NULL,
                                                  f & CLONE_PIDFD ? &fd : &tid, &other, 0);
                             REQ(pid >= -4095 && pid != 0);
                             if (pid > 0 && !(f & CLONE_PARENT))
                                 reap(pid);
                             if (pid > 0 && f & CLONE_PIDFD)
                                 REQ(fd >= 0);
                             if (pid > 0 && f & CLONE_PARENT_SETTID)
                                 REQ(tid == pid);
                             _exit(pid < 0 ? (int)-pid : 0);
        });
        if (f & CLONE_PARENT)
            wait(NULL);
        tap_line(tap_exited(status, flag_cases[i].want), flag_cases[i].name, __FILE__, (int)i, "clone", status >> 8);
    }
}

static void pointers(void)
{
    char *p = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    long pid = clone_raw(CLONE_PARENT_SETTID | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID | SIGCHLD, NULL, p, p, 0);
    CHECK(pid > 0 && tap_wait((pid_t)pid) == 0, "clone: where ids cannot be stored they are not");
    CHECK(clone_raw(CLONE_PIDFD | SIGCHLD, NULL, p, NULL, 0) == -EFAULT, "clone: but a pidfd must be");
    CHECK(clone_raw(CLONE_SETTLS | SIGCHLD, NULL, NULL, NULL, 1UL << 63) == -EPERM,
          "clone: thread-local storage in the kernel's half");
    pid = clone_raw(CLONE_VM | CLONE_VFORK | SIGCHLD, stack + sizeof stack - 3, NULL, NULL, 0);
    CHECK(pid > 0 && tap_wait((pid_t)pid) == 0, "clone: a stack may be unaligned");
    pid = clone_raw(CLONE_CHILD_SETTID | SIGCHLD, at_addr(8), NULL, NULL, 0);
    CHECK(pid > 0 && tap_wait((pid_t)pid) == 0, "clone: or nowhere, while it is not used");
    munmap(p, PAGE);
}

static long three(struct clone_args *a, size_t size)
{
    long pid = clone3_raw(a, size);
    if (pid > 0)
        reap(pid);
    return pid < 0 ? -pid : 0;
}

#define THREE(want, name, ...)                                                   \
    do {                                                                         \
        struct clone_args a_ = {__VA_ARGS__};                                    \
        long got_ = three(&a_, sizeof a_);                                       \
        tap_line(got_ == (want), name, __FILE__, __LINE__, "clone3", (int)got_); \
    } while (0)

static void sizes(void)
{
    static union {
        struct clone_args a;
        char room[2 * PAGE];
    } u;
    u.a.exit_signal = SIGCHLD;
    static const struct {
        const char *name;
        size_t size;
        int want;
    } cases[] = {{"clone3: 0 bytes", 0, EINVAL},
                 {"clone3: 63 bytes", 63, EINVAL},
                 {"clone3: 64 bytes", 64, 0},
                 {"clone3: 72 bytes", 72, 0},
                 {"clone3: 80 bytes", 80, 0},
                 {"clone3: 88 bytes", 88, 0},
                 {"clone3: 100 bytes, the last ones 0", 100, 0},
                 {"clone3: a page", PAGE, 0},
                 {"clone3: more than a page", PAGE + 1, E2BIG}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        long got = three(&u.a, cases[i].size);
        tap_line(got == cases[i].want, cases[i].name, __FILE__, (int)i, "clone3", (int)got);
    }
    u.room[88] = 1;
    CHECK(three(&u.a, 88) == 0 && three(&u.a, 89) == E2BIG && three(&u.a, PAGE) == E2BIG,
          "clone3: fields that are not known must be 0");
    char *end = (char *)mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) + PAGE;
    munmap(end, PAGE);
    u.room[88] = 0;
    memcpy(end - 64, &u.a, 64);
    CHECK(three((void *)(end - 64), 64) == 0, "clone3: at the end of memory");
    CHECK(three((void *)(end - 64), 72) == EFAULT, "clone3: beyond it");
    CHECK(three((void *)(end - 32), 64) == EFAULT, "clone3: half beyond it");
    CHECK(three(at_addr(0xffff800000000000), 88) == EFAULT, "clone3: in the kernel's half");
}

static void fields(void)
{
    int tids[2] = {0, 0}, fd = -1;
    uintptr_t sp = (uintptr_t)stack;
    THREE(0, "clone3: no signal", 0);
    THREE(0, "clone3: CLONE_VM on a stack", .flags = CLONE_VM, .exit_signal = SIGCHLD, .stack = sp,
          .stack_size = sizeof stack);
    THREE(EINVAL, "clone3: a stack without a size", .flags = CLONE_VM, .stack = sp);
    THREE(EINVAL, "clone3: a size without a stack", .flags = CLONE_VM, .stack_size = 4096);
    THREE(EINVAL, "clone3: a stack in the kernel's half", .stack = 0xffff800000000000, .stack_size = 4096);
    THREE(EINVAL, "clone3: a stack that wraps", .stack = sp, .stack_size = ~0ul);
    THREE(EINVAL, "clone3: a signal that is none", .exit_signal = 65);
    THREE(0, "clone3: the last signal", .exit_signal = 64);
    THREE(EINVAL, "clone3: a signal above 255", .exit_signal = 256 + SIGCHLD);
    THREE(EINVAL, "clone3: a signal above 32 bits", .exit_signal = 1ul << 32 | SIGCHLD);
    THREE(EINVAL, "clone3: a signal among the flags", .flags = SIGCHLD);
    THREE(EINVAL, "clone3: CLONE_DETACHED", .flags = CLONE_DETACHED, .exit_signal = SIGCHLD);
    THREE(EINVAL, "clone3: an unknown flag", .flags = 1ul << 34, .exit_signal = SIGCHLD);
    THREE(EINVAL, "clone3: the highest flag", .flags = 1ul << 63, .exit_signal = SIGCHLD);
    THREE(EINVAL, "clone3: CLONE_THREAD with a signal", .flags = THREADLIKE, .exit_signal = SIGCHLD, .stack = sp,
          .stack_size = sizeof stack);
    THREE(EINVAL, "clone3: CLONE_PARENT with a signal", .flags = CLONE_PARENT, .exit_signal = SIGCHLD);
    THREE(EINVAL, "clone3: CLONE_CLEAR_SIGHAND and CLONE_SIGHAND",
          .flags = CLONE_CLEAR_SIGHAND | CLONE_SIGHAND | CLONE_VM, .exit_signal = SIGCHLD, .stack = sp,
          .stack_size = sizeof stack);
    THREE(0, "clone3: CLONE_CLEAR_SIGHAND", .flags = CLONE_CLEAR_SIGHAND, .exit_signal = SIGCHLD);
    THREE(EPERM, "clone3: CLONE_NEWTIME", .flags = CLONE_NEWTIME, .exit_signal = SIGCHLD);
    THREE(EPERM, "clone3: CLONE_NEWNS", .flags = CLONE_NEWNS, .exit_signal = SIGCHLD);
    THREE(EINVAL, "clone3: CLONE_NEWNS and CLONE_FS", .flags = CLONE_NEWNS | CLONE_FS, .exit_signal = SIGCHLD);
    THREE(0, "clone3: CLONE_PIDFD and CLONE_PARENT_SETTID", .flags = CLONE_PIDFD | CLONE_PARENT_SETTID,
          .exit_signal = SIGCHLD, .pidfd = (uintptr_t)&fd, .parent_tid = (uintptr_t)tids);
    CHECK(fd >= 0 && tids[0] > 0 && close(fd) == 0, "stores both");
    THREE(EFAULT, "clone3: CLONE_PIDFD to nowhere", .flags = CLONE_PIDFD, .exit_signal = SIGCHLD);
    THREE(EINVAL, "clone3: CLONE_PIDFD and CLONE_PARENT_SETTID to one place",
          .flags = CLONE_PIDFD | CLONE_PARENT_SETTID, .exit_signal = SIGCHLD, .pidfd = (uintptr_t)&fd,
          .parent_tid = (uintptr_t)&fd);
    THREE(EINVAL, "clone3: ids without a place", .exit_signal = SIGCHLD, .set_tid_size = 1);
    THREE(EINVAL, "clone3: a place without ids", .exit_signal = SIGCHLD, .set_tid = (uintptr_t)tids);
    THREE(EINVAL, "clone3: too many ids", .exit_signal = SIGCHLD, .set_tid = (uintptr_t)tids, .set_tid_size = 33);
    THREE(EFAULT, "clone3: ids from nowhere", .exit_signal = SIGCHLD, .set_tid = 8, .set_tid_size = 1);
    tids[0] = 30000;
    THREE(EPERM, "clone3: an id of choice", .exit_signal = SIGCHLD, .set_tid = (uintptr_t)tids, .set_tid_size = 1);
    tids[0] = 0;
    THREE(EINVAL, "clone3: the id 0", .exit_signal = SIGCHLD, .set_tid = (uintptr_t)tids, .set_tid_size = 1);
    tids[0] = -5;
    THREE(EINVAL, "clone3: a negative id", .exit_signal = SIGCHLD, .set_tid = (uintptr_t)tids, .set_tid_size = 1);
    tids[0] = 1 << 30;
    THREE(EINVAL, "clone3: an id beyond all", .exit_signal = SIGCHLD, .set_tid = (uintptr_t)tids, .set_tid_size = 1);
    THREE(EINVAL, "clone3: CLONE_INTO_CGROUP and what cannot be a descriptor", .flags = CLONE_INTO_CGROUP,
          .exit_signal = SIGCHLD, .cgroup = 1ul << 31);
    THREE(EBADF, "clone3: CLONE_INTO_CGROUP and no such file", .flags = CLONE_INTO_CGROUP, .exit_signal = SIGCHLD,
          .cgroup = 999);
    int file = open("/proc/version", O_RDONLY);
    THREE(EBADF, "clone3: CLONE_INTO_CGROUP and a file that is none", .flags = CLONE_INTO_CGROUP,
          .exit_signal = SIGCHLD, .cgroup = (unsigned)file);
    THREE(0, "clone3: a cgroup without the flag is ignored", .exit_signal = SIGCHLD, .cgroup = 999);
    close(file);
    struct clone_args a = {.flags = CLONE_INTO_CGROUP, .exit_signal = SIGCHLD};
    CHECK(three(&a, 80) == EINVAL, "clone3: CLONE_INTO_CGROUP without room for it");
}

static void numbers(void)
{
    CHECK_CHILD("RLIMIT_NPROC: one process more is EAGAIN", {
        struct rlimit r = {0, 0};
        drop_root();
        REQ(setrlimit(RLIMIT_NPROC, &r) == 0 && clone_raw(SIGCHLD, NULL, NULL, NULL, 0) == -EAGAIN);
        struct clone_args a = {.exit_signal = SIGCHLD};
        REQ(three(&a, sizeof a) == EAGAIN);
    });
    CHECK_CHILD("RLIMIT_NOFILE: CLONE_PIDFD without room for a descriptor is EMFILE", {
        struct rlimit r = {3, 3};
        int fd;
        REQ(dup2(1, 0) == 0 && dup2(1, 2) == 2 && setrlimit(RLIMIT_NOFILE, &r) == 0);
        REQ(clone_raw(CLONE_PIDFD | SIGCHLD, NULL, &fd, NULL, 0) == -EMFILE);
    });
}

int main(void)
{
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    signal(SIGRTMAX, SIG_IGN);
    flags();
    pointers();
    sizes();
    fields();
    numbers();
    return tap_end();
}
