// SPDX-License-Identifier: MIT
/* ptrace(2): who may trace whom, tracers and tracees whose threads change, what a tracer asks besides registers. */
#include "tests/abi/machine.h"
#include "tests/abi/ptrace.h"

#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>

static void nothing(void) {}

static int shows(pid_t pid, const char *file, const char *what)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", pid, file);
    return slurp(path) > 0 && strstr(text, what);
}

/* ---- rights ---- */

/* What a child without privileges gets for the request. */
static int refused(long req, pid_t pid)
{
    pid_t child = fork();
    if (child == 0) {
        drop_root();
        _exit(pt(req, pid, 0, 0) ? errno : 0);
    }
    int st = 0;
    REQ(waitpid(child, &st, 0) == child && WIFEXITED(st));
    return WEXITSTATUS(st);
}

static pid_t plain_sleeper(int dumpable)
{
    int ready[2];
    REQ(pipe(ready) == 0);
    pid_t pid = fork();
    if (pid == 0) {
        drop_root();
        prctl(PR_SET_DUMPABLE, dumpable);
        REQ(write(ready[1], "r", 1) == 1);
        for (;;)
            pause();
    }
    char c;
    REQ(read(ready[0], &c, 1) == 1);
    close(ready[0]);
    close(ready[1]);
    return pid;
}

static void test_rights(void)
{
    pid_t pid = sleeper();
    CHECK(refused(PTRACE_ATTACH, pid) == EPERM && refused(PTRACE_SEIZE, pid) == EPERM, "another's process: EPERM");
    finish(pid);
    pid = plain_sleeper(1);
    CHECK(refused(PTRACE_SEIZE, pid) == 0, "one of the same user");
    finish(pid);
    pid = plain_sleeper(0);
    CHECK(refused(PTRACE_SEIZE, pid) == EPERM, "one that is not dumpable: EPERM");
    int able = prctl(PR_CAPBSET_READ, CAP_SYS_PTRACE) == 1;
    GIVES(pt(PTRACE_SEIZE, pid, 0, 0), able ? 0 : EPERM, "unless one has CAP_SYS_PTRACE");
    finish(pid);
    pid_t zombie = fork();
    if (zombie == 0)
        _exit(0);
    siginfo_t si;
    REQ(waitid(P_PID, (id_t)zombie, &si, WEXITED | WNOWAIT) == 0);
    GIVES(pt(PTRACE_ATTACH, zombie, 0, 0), EPERM, "a zombie: EPERM");
    wait_stop(zombie);
    GIVES(pt(PTRACE_ATTACH, zombie, 0, 0), ESRCH, "who is gone: ESRCH");
    GIVES(pt(PTRACE_SEIZE, getppid(), 0, 1u << 30), EIO, "SEIZE with an unknown option: EIO");
}

/* A parent with fewer rights than its child is no tracer of it. */
static void test_traceme_rights(void)
{
    int go[2], st = 0;
    pid_t parent = fork();
    if (parent == 0) {
        REQ(pipe(go) == 0);
        pid_t child = fork();
        if (child == 0) {
            char c;
            REQ(read(go[0], &c, 1) == 1);
            _exit(pt(PTRACE_TRACEME, 0, 0, 0) ? errno : 0);
        }
        drop_root();
        REQ(write(go[1], "g", 1) == 1);
        REQ(waitpid(child, &st, 0) == child);
        _exit(WEXITSTATUS(st));
    }
    REQ(waitpid(parent, &st, 0) == parent);
    CHECK(WIFEXITED(st) && WEXITSTATUS(st) == EPERM, "TRACEME under a parent with fewer rights: EPERM");
}

/* A tracer without privileges sees no memory that its tracee has hidden since. */
static int memory_shown(int dumpable)
{
    static volatile long word = 5;
    int st = 0;
    pid_t parent = fork();
    if (parent == 0) {
        drop_root();
        prctl(PR_SET_DUMPABLE, 1);
        pid_t pid = fork();
        if (pid == 0) {
            REQ(pt(PTRACE_TRACEME, 0, 0, 0) == 0);
            prctl(PR_SET_DUMPABLE, dumpable);
            raise(SIGSTOP);
            _exit(0);
        }
        REQ(stopped_by(wait_stop(pid), SIGSTOP));
        unsigned long at = (unsigned long)&word, v = 0;
        struct user_regs_struct r;
        int peek = pt(PTRACE_PEEKDATA, pid, at, (unsigned long)&v) ? errno : 0;
        int poke = pt(PTRACE_POKEDATA, pid, at, 6) ? errno : 0;
        REQ(pt(PTRACE_GETREGS, pid, 0, (unsigned long)&r) == 0);
        finish(pid);
        _exit(peek == poke ? peek : 255);
    }
    REQ(waitpid(parent, &st, 0) == parent && WIFEXITED(st));
    return WEXITSTATUS(st);
}

static void test_memory_hidden(void)
{
    CHECK(memory_shown(1) == 0, "a tracer without privileges reads and writes memory");
    CHECK(memory_shown(0) == EIO, "but none of a tracee that is not dumpable: EIO");
}

static void drop_caps(void)
{
    struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct none[2] = {{0}};
    REQ(syscall(SYS_capset, &head, none) == 0);
}

static int has_caps(void)
{
    struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct d[2] = {{0}};
    REQ(syscall(SYS_capget, &head, d) == 0);
    return (d[0].permitted | d[1].permitted) != 0;
}

/* Root without capabilities runs the program that tells whether it has some again. */
static int caps_after_exec(int traced)
{
    int st = 0;
    pid_t parent = fork();
    if (parent == 0) {
        drop_caps();
        pid_t pid = fork();
        if (pid == 0) {
            REQ(!traced || pt(PTRACE_TRACEME, 0, 0, 0) == 0);
            execl("/proc/self/exe", "ptrace_rights", "caps", NULL);
            _exit(9);
        }
        while (st = wait_stop(pid), WIFSTOPPED(st))
            pt(PTRACE_CONT, pid, 0, 0);
        _exit(WEXITSTATUS(st));
    }
    REQ(waitpid(parent, &st, 0) == parent && WIFEXITED(st));
    return WEXITSTATUS(st);
}

static void test_exec_rights(void)
{
    CHECK(caps_after_exec(0) == 1, "execve gives root its capabilities again");
    CHECK(caps_after_exec(1) == 0, "but not under a tracer that has none");
}

/* ---- ends ---- */

static void test_ends(void)
{
    int st = 0;
    signal(SIGCHLD, SIG_IGN);
    pid_t pid = sleeper();
    REQ(pt(PTRACE_SEIZE, pid, 0, 0) == 0 && kill(pid, SIGKILL) == 0);
    CHECK(waitpid(pid, &st, 0) == pid && WIFSIGNALED(st), "a tracee's end is told even where SIGCHLD is ignored");
    signal(SIGCHLD, SIG_DFL);

    unsigned long msg = 0;
    pid = sleeper();
    REQ(pt(PTRACE_SEIZE, pid, 0, PTRACE_O_TRACEEXIT) == 0 && kill(pid, SIGKILL) == 0);
    st = wait_stop(pid);
    CHECK(stopped_by(st, EVENT(SIGTRAP, PTRACE_EVENT_EXIT)), "SIGKILL too is told by PTRACE_EVENT_EXIT");
    REQ(!WIFSTOPPED(st) || kill(pid, SIGKILL) == 0);
    CHECK(pt(PTRACE_GETEVENTMSG, pid, 0, (unsigned long)&msg) == 0 && msg == SIGKILL, "with the status to be");
    CHECK(pt(PTRACE_CONT, pid, 0, 0) == 0 && wait_stop(pid) == SIGKILL, "and another ends no such stop");

    pid = (pid_t)syscall(SYS_clone, 0, 0, 0, 0, 0); /* no signal at its end: a wait without __WALL passes it by */
    if (pid == 0)
        for (;;)
            pause();
    REQ(pt(PTRACE_SEIZE, pid, 0, 0) == 0 && kill(pid, SIGKILL) == 0);
    CHECK(waitpid(pid, &st, 0) == pid && WIFSIGNALED(st), "a tracee is waited for whatever kind of child it is");

    pid = sleeper(); /* the parent is told only when the tracer has waited */
    int go[2], back[2];
    char c;
    REQ(pipe(go) == 0 && pipe(back) == 0);
    pid_t tracer = fork();
    if (tracer == 0) {
        REQ(pt(PTRACE_SEIZE, pid, 0, 0) == 0 && write(back[1], "s", 1) == 1 && read(go[0], &c, 1) == 1);
        REQ(waitpid(pid, &st, __WALL) == pid && WIFSIGNALED(st));
        _exit(0);
    }
    REQ(read(back[0], &c, 1) == 1 && kill(pid, SIGKILL) == 0);
    while (!shows(pid, "stat", ") Z "))
        sched_yield();
    CHECK(waitpid(pid, &st, WNOHANG) == 0, "the parent waits for the tracer");
    REQ(write(go[1], "g", 1) == 1);
    CHECK(waitpid(pid, &st, 0) == pid && WIFSIGNALED(st), "and has its end then");
    REQ(waitpid(tracer, &st, 0) == tracer && WEXITSTATUS(st) == 0);
}

/* ---- attach to a stopped process ---- */

static void test_attach_stopped(void)
{
    int st = 0;
    pid_t pid = sleeper();
    REQ(kill(pid, SIGSTOP) == 0 && waitpid(pid, &st, WUNTRACED) == pid && WIFSTOPPED(st));
    REQ(pt(PTRACE_SEIZE, pid, 0, 0) == 0);
    CHECK(waitpid(pid, &st, WNOHANG | __WALL) == pid && stopped_by(st, EVENT(SIGSTOP, PTRACE_EVENT_STOP)),
          "SEIZE of a stopped process: its stop is there at once");
    siginfo_t si = {0};
    CHECK(pt(PTRACE_GETSIGINFO, pid, 0, (unsigned long)&si) == 0 && si.si_code == EVENT(SIGSTOP, PTRACE_EVENT_STOP),
          "GETSIGINFO of it");
    REQ(pt(PTRACE_DETACH, pid, 0, 0) == 0);
    for (int i = 0; i < 100000 && !shows(pid, "stat", ") T "); i++)
        sched_yield();
    CHECK(shows(pid, "stat", ") T "), "DETACH leaves it stopped");
    REQ(pt(PTRACE_ATTACH, pid, 0, 0) == 0);
    CHECK(waitpid(pid, &st, WNOHANG | __WALL) == pid && stopped_by(st, SIGSTOP), "ATTACH of a stopped one likewise");
    GIVES(pt(PTRACE_GETSIGINFO, pid, 0, (unsigned long)&si), EINVAL, "the stop of a group has no siginfo: EINVAL");
    finish(pid);
}

/* ---- threads ---- */

static pid_t traced_pid;

static void *exec_in_thread(void *arg)
{
    char number[16];
    (void)arg;
    REQ(pt(PTRACE_SEIZE, traced_pid, 0, PTRACE_O_EXITKILL) == 0);
    snprintf(number, sizeof number, "%d", traced_pid);
    execl("/proc/self/exe", "ptrace_rights", "tracer", number, NULL);
    return NULL;
}

/* execve of a thread gives it another number: it goes on tracing. (The other half: main.) */
static void test_tracer_execs(void)
{
    int st = 0;
    traced_pid = sleeper();
    pid_t tracer = fork();
    if (tracer == 0) {
        pthread_t t;
        pthread_create(&t, NULL, exec_in_thread, NULL);
        pthread_join(t, NULL);
        _exit(9);
    }
    REQ(waitpid(tracer, &st, 0) == tracer);
    CHECK(WIFEXITED(st) && WEXITSTATUS(st) == 0, "a tracing thread that becomes the leader by execve goes on tracing");
    CHECK(waitpid(traced_pid, &st, 0) == traced_pid && WIFSIGNALED(st), "and EXITKILL holds at its end");
}

static int tracer_after_exec(pid_t pid)
{
    int st = 0;
    if (pt(PTRACE_INTERRUPT, pid, 0, 0) || waitpid(pid, &st, __WALL) != pid)
        return 1;
    struct user_regs_struct r;
    return pt(PTRACE_GETREGS, pid, 0, (unsigned long)&r) ? 2 : 0;
}

static void *exec_exit(void *arg)
{
    execl("/proc/self/exe", "ptrace_rights", "exit", NULL);
    return arg;
}

static void threads_exec(void)
{
    pthread_t t;
    pthread_create(&t, NULL, exec_exit, NULL);
    for (;;)
        pause();
}

static void test_tracee_execs(void)
{
    pid_t pid = tracee(threads_exec), thread = 0;
    int st = 0, leader_st = 0, exec_seen = 0;
    unsigned long msg = 0;
    REQ(pt(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL) == 0);
    pt(PTRACE_CONT, pid, 0, 0);
    for (pid_t p; (p = waitpid(-1, &st, __WALL)) > 0;) {
        if (!WIFSTOPPED(st)) {
            leader_st = st;
            continue;
        }
        if (p != pid)
            thread = p;
        if (st >> 8 == EVENT(SIGTRAP, PTRACE_EVENT_EXEC)) {
            pt(PTRACE_GETEVENTMSG, p, 0, (unsigned long)&msg);
            exec_seen += p == pid && (pid_t)msg == thread;
        }
        pt(PTRACE_CONT, p, 0, 0);
    }
    CHECK(exec_seen == 1, "execve of a thread is told under the leader's number, the old one with it");
    CHECK(WIFEXITED(leader_st) && WEXITSTATUS(leader_st) == 9, "which ends well");
}

/* ---- what else a tracer asks ---- */

static void block_and_raise(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGRTMIN);
    sigprocmask(SIG_BLOCK, &set, NULL);
    union sigval v = {.sival_int = 5};
    sigqueue(getpid(), SIGRTMIN, v);
    sigqueue(getpid(), SIGRTMIN, v);
    syscall(SYS_tgkill, getpid(), gettid(), SIGUSR1);
    raise(SIGSTOP);
}

static void test_signals_asked(void)
{
    pid_t pid = tracee(block_and_raise);
    pt(PTRACE_CONT, pid, 0, 0);
    REQ(stopped_by(wait_stop(pid), SIGSTOP));
    siginfo_t si[4];
    struct ptrace_peeksiginfo_args a = {.nr = 4};
    CHECK(pt(PTRACE_PEEKSIGINFO, pid, (unsigned long)&a, (unsigned long)si) == 1 && si[0].si_signo == SIGUSR1,
          "PEEKSIGINFO of the thread");
    a.flags = PTRACE_PEEKSIGINFO_SHARED;
    CHECK(pt(PTRACE_PEEKSIGINFO, pid, (unsigned long)&a, (unsigned long)si) == 2 && si[1].si_signo == SIGRTMIN &&
              si[1].si_value.sival_int == 5,
          "of the process");
    a.off = 2;
    CHECK(pt(PTRACE_PEEKSIGINFO, pid, (unsigned long)&a, (unsigned long)si) == 0, "past the last: none");
    a.flags = 2;
    GIVES(pt(PTRACE_PEEKSIGINFO, pid, (unsigned long)&a, (unsigned long)si), EINVAL, "an unknown flag: EINVAL");
    a = (struct ptrace_peeksiginfo_args){.nr = -1};
    GIVES(pt(PTRACE_PEEKSIGINFO, pid, (unsigned long)&a, (unsigned long)si), EINVAL, "less than none: EINVAL");
    uint64_t mask = 0;
    CHECK(pt(PTRACE_GETSIGMASK, pid, 8, (unsigned long)&mask) == 0 &&
              mask == (1ul << (SIGUSR1 - 1) | 1ul << (SIGRTMIN - 1)),
          "GETSIGMASK");
    GIVES(pt(PTRACE_GETSIGMASK, pid, 4, (unsigned long)&mask), EINVAL, "of another size: EINVAL");
    mask = ~0ul;
    CHECK(pt(PTRACE_SETSIGMASK, pid, 8, (unsigned long)&mask) == 0 &&
              pt(PTRACE_GETSIGMASK, pid, 8, (unsigned long)&mask) == 0 &&
              mask == ~(1ul << (SIGKILL - 1) | 1ul << (SIGSTOP - 1)),
          "SETSIGMASK but for SIGKILL and SIGSTOP");
    finish(pid);
}

static void filter_and_stop(void)
{
    struct sock_filter f[] = {BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
    struct sock_fprog prog = {1, f};
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog);
    raise(SIGSTOP);
}

static void test_filter(void)
{
    pid_t pid = tracee(filter_and_stop);
    struct sock_filter f[4] = {{0}};
    unsigned long at = (unsigned long)f;
    int admin = prctl(PR_CAPBSET_READ, CAP_SYS_ADMIN) == 1;
    GIVES(pt(PTRACE_SECCOMP_GET_FILTER, pid, 0, at), admin ? EINVAL : EACCES, "SECCOMP_GET_FILTER without one");
    pt(PTRACE_CONT, pid, 0, 0);
    REQ(stopped_by(wait_stop(pid), SIGSTOP));
    CHECK(pt(PTRACE_SECCOMP_GET_FILTER, pid, 0, 0) == (admin ? 1 : -1), "SECCOMP_GET_FILTER: how long it is");
    CHECK(!admin || (pt(PTRACE_SECCOMP_GET_FILTER, pid, 0, at) == 1 && f[0].code == (BPF_RET | BPF_K) &&
                     f[0].k == SECCOMP_RET_ALLOW),
          "and the filter");
    GIVES(pt(PTRACE_SECCOMP_GET_FILTER, pid, 1, at), admin ? ENOENT : EACCES, "there is no second");
    finish(pid);
}

static void test_rest(void)
{
    pid_t pid = tracee(nothing);
    struct ptrace_rseq_configuration c = {0};
    CHECK(pt(PTRACE_GET_RSEQ_CONFIGURATION, pid, sizeof c, (unsigned long)&c) == sizeof c && c.flags == 0,
          "GET_RSEQ_CONFIGURATION");
    struct ptrace_syscall_info info;
    CHECK(pt(PTRACE_GET_SYSCALL_INFO, pid, sizeof info, (unsigned long)&info) == 24 &&
              info.op == PTRACE_SYSCALL_INFO_NONE && info.arch == 0xc000003e && info.stack_pointer,
          "GET_SYSCALL_INFO outside of a call");
    GIVES(pt(12345, pid, 0, 0), EIO, "an unknown request: EIO");
    int admin = prctl(PR_CAPBSET_READ, CAP_SYS_ADMIN) == 1;
    GIVES(pt(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_SUSPEND_SECCOMP), admin ? 0 : EPERM, "SUSPEND_SECCOMP is root's");
    struct user_regs_struct r;
    pt(PTRACE_GETREGS, pid, 0, (unsigned long)&r);
    char want[64];
    snprintf(want, sizeof want, " 0x%llx 0x%llx\n", r.rsp, r.rip);
    CHECK(shows(pid, "syscall", want), "/proc/PID/syscall tells stack and program pointer");
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/mem", pid);
    int fd = open(path, O_RDWR);
    static volatile long cell = 1;
    long v = 2;
    CHECK(pwrite(fd, &v, sizeof v, (off_t)&cell) == sizeof v && pread(fd, &v, sizeof v, (off_t)&cell) == sizeof v &&
              v == 2 && cell == 1,
          "/proc/PID/mem is written and read");
    close(fd);
    finish(pid);
}

int main(int argc, char **argv)
{
    if (argc > 1 && !strcmp(argv[1], "exit"))
        return 9;
    if (argc > 1 && !strcmp(argv[1], "caps"))
        return has_caps();
    if (argc > 2 && !strcmp(argv[1], "tracer"))
        return tracer_after_exec((pid_t)strtol(argv[2], NULL, 10));
    test_rights();
    test_traceme_rights();
    test_memory_hidden();
    test_exec_rights();
    test_ends();
    test_attach_stopped();
    test_tracer_execs();
    test_tracee_execs();
    test_signals_asked();
    test_filter();
    test_rest();
    return tap_end();
}
