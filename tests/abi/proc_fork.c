// SPDX-License-Identifier: MIT
/*
 * Making processes: fork, vfork, clone and clone3 with their flags; what a child shares and what it has of its own.
 */
#include "tests/abi/util.h"

#include <linux/sched.h>
#include <sys/mman.h>
#include <sys/resource.h>

static void forking(void)
{
    static int value = 1;
    pid_t me = getpid(), pid = tap_fork();
    if (pid == 0) {
        REQ(getpid() != me && getppid() == me && syscall(SYS_gettid) == getpid());
        value = 2;
        _exit(42);
    }
    CHECK(pid > 0 && tap_exited(tap_wait(pid), 42), "fork: the child knows its parent and its exit code arrives");
    CHECK(value == 1, "memory is copied");
    CHECK_CHILD("pending signals and alarms are not inherited", {
        sigset_t s, p;
        sigemptyset(&s);
        sigaddset(&s, SIGUSR1);
        sigprocmask(SIG_BLOCK, &s, NULL);
        raise(SIGUSR1);
        alarm(20);
        pid_t c = fork();
        if (c == 0) {
            sigpending(&p);
            _exit(sigismember(&p, SIGUSR1) || alarm(0) != 0);
        }
        REQ(tap_wait(c) == 0);
        sigpending(&p);
        REQ(sigismember(&p, SIGUSR1));
    });
    CHECK_CHILD("the signal mask and handlers are", {
        sigset_t s, p;
        sigemptyset(&s);
        sigaddset(&s, SIGUSR2);
        sigprocmask(SIG_BLOCK, &s, NULL);
        signal(SIGUSR1, SIG_IGN);
        struct sigaction sa;
        pid_t c = fork();
        if (c == 0) {
            sigprocmask(SIG_BLOCK, NULL, &p);
            sigaction(SIGUSR1, NULL, &sa);
            _exit(!sigismember(&p, SIGUSR2) || sa.sa_handler != SIG_IGN);
        }
        REQ(tap_wait(c) == 0);
    });
    CHECK_CHILD("nice, umask and limits are inherited", {
        umask(0123);
        REQ(setpriority(PRIO_PROCESS, 0, 5) == 0);
        struct rlimit r = {77, 88};
        REQ(setrlimit(RLIMIT_NOFILE, &r) == 0);
        pid_t c = fork();
        if (c == 0) {
            REQ(umask(0) == 0123 && getpriority(PRIO_PROCESS, 0) == 5);
            REQ(getrlimit(RLIMIT_NOFILE, &r) == 0 && r.rlim_cur == 77);
            _exit(0);
        }
        REQ(tap_wait(c) == 0);
    });
    CHECK_CHILD("locks of memory and MADV_DONTFORK areas are not", {
        char *p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        p[0] = 1;
        REQ(madvise(p, PAGE, MADV_DONTFORK) == 0);
        pid_t c = fork();
        if (c == 0)
            _exit(p[0]);
        REQ(tap_killed(tap_wait(c), SIGSEGV));
    });
    CHECK_CHILD("MADV_WIPEONFORK areas come as zeros", {
        char *p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        p[0] = 1;
        REQ(madvise(p, PAGE, MADV_WIPEONFORK) == 0);
        pid_t c = fork();
        if (c == 0)
            _exit(p[0]);
        REQ(tap_wait(c) == 0 && p[0] == 1);
    });
}

static void vforking(void)
{
    static volatile int value = 1;
    pid_t pid = vfork();
    if (pid == 0) {
        value = 2;
        _exit(3);
    }
    CHECK(value == 2, "vfork shares memory, and its parent waits for the exit");
    CHECK(tap_exited(tap_wait(pid), 3), "its exit code arrives");
    pid = vfork();
    if (pid == 0) {
        execl("/proc/self/exe", "x", "exit", "9", NULL);
        _exit(1);
    }
    CHECK(tap_exited(tap_wait(pid), 9), "vfork and exec");
}

static long clone_(unsigned long flags, void *stack, int *ptid, int *ctid)
{
    return syscall(SYS_clone, flags, stack, ptid, ctid, 0);
}

static void ids(void)
{
    static int ptid, ctid;
    int *shared = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    long pid = clone_(CLONE_PARENT_SETTID | SIGCHLD, NULL, &ptid, NULL);
    if (pid == 0)
        _exit(0);
    CHECK(ptid == pid && tap_wait(pid) == 0, "CLONE_PARENT_SETTID stores the id with the parent");
    pid = clone_(CLONE_CHILD_SETTID | SIGCHLD, NULL, NULL, &ctid);
    if (pid == 0)
        _exit(ctid != getpid());
    CHECK(tap_wait(pid) == 0 && ctid == 0, "CLONE_CHILD_SETTID stores it with the child alone");
    shared[0] = 7;
    pid = clone_(CLONE_CHILD_CLEARTID | SIGCHLD, NULL, NULL, shared);
    if (pid == 0)
        _exit(0);
    CHECK(tap_wait(pid) == 0 && shared[0] == 7, "CLONE_CHILD_CLEARTID clears nothing when nobody shares the memory");
}

static char stack[65536] __attribute__((aligned(16)));
static volatile int seen;

static int set_seen(void *arg)
{
    seen = (int)(long)arg;
    _exit(0);
}

static int chdir_up(void *arg)
{
    _exit(chdir(arg) < 0);
}

static int open_file(void *arg)
{
    _exit(open(arg, O_RDONLY) < 0);
}

static void sharing(void)
{
    char cwd[4096], before[4096];
    int fd = open("/dev/null", O_RDONLY);
    REQ(mkdir("sub", 0755) == 0 && getcwd(before, sizeof before));
    seen = 0;
    CHECK(tap_wait(clone(set_seen, stack + sizeof stack, CLONE_VM | SIGCHLD, (void *)5)) == 0 && seen == 5,
          "CLONE_VM shares memory");
    CHECK(tap_wait(clone(set_seen, stack + sizeof stack, CLONE_VM | CLONE_VFORK | SIGCHLD, (void *)6)) == 0 &&
              seen == 6,
          "CLONE_VM|CLONE_VFORK on a stack of its own");
    CHECK(tap_wait(clone(chdir_up, stack + sizeof stack, CLONE_FS | SIGCHLD, "sub")) == 0 && getcwd(cwd, sizeof cwd) &&
              !strcmp(cwd + strlen(before), "/sub"),
          "CLONE_FS shares the working directory");
    REQ(chdir("..") == 0);
    CHECK(tap_wait(clone(open_file, stack + sizeof stack, CLONE_FILES | SIGCHLD, "/dev/null")) == 0 &&
              fcntl(fd + 1, F_GETFD) >= 0,
          "CLONE_FILES shares the descriptors");
    close(fd + 1);
    CHECK(tap_wait(clone(open_file, stack + sizeof stack, SIGCHLD, "/dev/null")) == 0 && fcntl(fd + 1, F_GETFD) < 0,
          "without it they are copied");
    close(fd);
}

static void refusals(void)
{
    CHECK_ERRNO(clone_(CLONE_SIGHAND | SIGCHLD, NULL, NULL, NULL), EINVAL, "CLONE_SIGHAND without CLONE_VM");
    CHECK_ERRNO(clone_(CLONE_THREAD | CLONE_VM | SIGCHLD, NULL, NULL, NULL), EINVAL,
                "CLONE_THREAD without CLONE_SIGHAND");
    CHECK_ERRNO(clone_(CLONE_NEWNS | CLONE_FS | SIGCHLD, NULL, NULL, NULL), EINVAL, "CLONE_NEWNS with CLONE_FS");
    struct clone_args a = {.flags = CLONE_VM, .exit_signal = 65};
    CHECK_ERRNO(syscall(SYS_clone3, &a, sizeof a), EINVAL, "clone3 with an exit signal that is none");
    CHECK_ERRNO(syscall(SYS_clone3, &a, 8), EINVAL, "clone3 with a size too small");
    CHECK_ERRNO(syscall(SYS_clone3, 8L, sizeof a), EFAULT, "clone3 with a bad address");
    a = (struct clone_args){.flags = 0xff, .exit_signal = SIGCHLD};
    CHECK_ERRNO(syscall(SYS_clone3, &a, sizeof a), EINVAL, "clone3 with the signal among the flags");
    a = (struct clone_args){.stack = (long)stack, .exit_signal = SIGCHLD};
    CHECK_ERRNO(syscall(SYS_clone3, &a, sizeof a), EINVAL, "clone3 with a stack without size");
}

static void on_signal(int sig)
{
    seen = sig;
}

static void clone3_works(void)
{
    static int ptid;
    struct clone_args a = {.flags = CLONE_PARENT_SETTID, .parent_tid = (long)&ptid, .exit_signal = SIGCHLD};
    long pid = syscall(SYS_clone3, &a, sizeof a);
    if (pid == 0)
        _exit(11);
    CHECK(pid > 0 && ptid == pid && tap_exited(tap_wait(pid), 11), "clone3 as fork");
    struct sigaction sa;
    signal(SIGUSR1, SIG_IGN);
    CHECK_CHILD("CLONE_CLEAR_SIGHAND resets handlers", {
        signal(SIGUSR2, on_signal);
        struct clone_args b = {.flags = CLONE_CLEAR_SIGHAND, .exit_signal = SIGCHLD};
        long c = syscall(SYS_clone3, &b, sizeof b);
        if (c == 0) {
            sigaction(SIGUSR2, NULL, &sa);
            _exit(sa.sa_handler != SIG_DFL);
        }
        REQ(tap_wait(c) == 0);
    });
    signal(SIGUSR1, SIG_DFL);
}

static void parent_flag(void)
{
    int p[2];
    make_pipe(p);
    pid_t child, pid = tap_fork();
    if (pid == 0) {
        child = clone_(CLONE_PARENT | SIGCHLD, NULL, NULL, NULL);
        if (child == 0)
            _exit(13);
        REQ(write(p[1], &child, sizeof child) == sizeof child);
        REQ(waitpid(child, NULL, 0) == -1 && errno == ECHILD);
        _exit(0);
    }
    CHECK(tap_wait(pid) == 0 && read(p[0], &child, sizeof child) == sizeof child && tap_exited(tap_wait(child), 13),
          "CLONE_PARENT makes a sibling");
    close(p[0]);
    close(p[1]);
}

/* A hundred children at once, each with a page of its own written; all must come back. */
static void many(void)
{
    enum { N = 100 };
    static char page[N][64];
    pid_t pid[N];
    int good = 1;
    for (int i = 0; i < N; i++)
        if ((pid[i] = tap_fork()) == 0) {
            page[i][0] = i;
            sched_yield();
            _exit(page[i][0] != i || (i > 0 && page[i - 1][0] != 0));
        }
    for (int i = N - 1; i >= 0; i--)
        good &= tap_wait(pid[i]) == 0;
    CHECK(good, "a hundred children live at once and end well");
    good = 1;
    for (int i = 0; i < 200; i++)
        good &= CHILD(_exit(0)) == 0;
    CHECK(good, "two hundred one after the other");
}

int main(int argc, char **argv)
{
    if (argc == 3)
        return atoi(argv[2]);
    forking();
    vforking();
    ids();
    sharing();
    refusals();
    clone3_works();
    parent_flag();
    many();
    return tap_end();
}
