// SPDX-License-Identifier: MIT
/* ptrace(2): stops, registers and memory, system calls, events, attach and seize, group stops, steps, watchpoints. */
#include "tests/abi/ptrace.h"

static volatile long word = 41;

static void nothing(void) {}

static void test_basic(void)
{
    pid_t pid = tracee(nothing);
    unsigned long v = 0;
    CHECK(pt(PTRACE_PEEKDATA, pid, (unsigned long)&word, (unsigned long)&v) == 0 && v == 41, "PEEKDATA");
    CHECK(pt(PTRACE_POKEDATA, pid, (unsigned long)&word, 42) == 0, "POKEDATA");
    pt(PTRACE_PEEKDATA, pid, (unsigned long)&word, (unsigned long)&v);
    CHECK(v == 42 && word == 41, "what was poked is there, in the tracee only");
    GIVES(pt(PTRACE_PEEKDATA, pid, 0, (unsigned long)&v), EIO, "PEEKDATA of nothing: EIO");
    GIVES(pt(PTRACE_POKEDATA, pid, 8, 0), EIO, "POKEDATA of nothing: EIO");
    CHECK(pt(PTRACE_PEEKTEXT, pid, (unsigned long)&nothing, (unsigned long)&v) == 0 &&
              pt(PTRACE_POKETEXT, pid, (unsigned long)&nothing, v) == 0,
          "text may be written");
    struct user_regs_struct r;
    CHECK(pt(PTRACE_GETREGS, pid, 0, (unsigned long)&r) == 0 && r.cs == 0x33 && r.rsp, "GETREGS");
    CHECK(pt(PTRACE_PEEKUSR, pid, offsetof(struct user_regs_struct, rip), (unsigned long)&v) == 0 && v == r.rip,
          "PEEKUSER");
    GIVES(pt(PTRACE_PEEKUSR, pid, 3, (unsigned long)&v), EIO, "PEEKUSER of an odd offset: EIO");
    GIVES(pt(PTRACE_PEEKUSR, pid, 928, (unsigned long)&v), EIO, "PEEKUSER past the end: EIO");
    GIVES(pt(PTRACE_POKEUSR, pid, offsetof(struct user_regs_struct, cs), 0), EIO, "a null %cs: EIO");
    GIVES(pt(PTRACE_POKEUSR, pid, offsetof(struct user_regs_struct, fs_base), ~0ul), EIO, "a kernel %fs base: EIO");
    struct iovec iov = {&r, sizeof r};
    CHECK(pt(PTRACE_GETREGSET, pid, NT_PRSTATUS, (unsigned long)&iov) == 0 && iov.iov_len == sizeof r, "GETREGSET");
    GIVES(pt(PTRACE_GETREGSET, pid, 0x12345, (unsigned long)&iov), EINVAL, "an unknown register set: EINVAL");
    struct user_fpregs_struct fp;
    CHECK(pt(PTRACE_GETFPREGS, pid, 0, (unsigned long)&fp) == 0 && fp.cwd == 0x37f && fp.mxcsr == 0x1f80, "GETFPREGS");
    fp.xmm_space[0] = 77;
    CHECK(pt(PTRACE_SETFPREGS, pid, 0, (unsigned long)&fp) == 0, "SETFPREGS");
    fp.xmm_space[0] = 0;
    pt(PTRACE_GETFPREGS, pid, 0, (unsigned long)&fp);
    CHECK(fp.xmm_space[0] == 77, "SETFPREGS is seen again");
    siginfo_t si;
    CHECK(pt(PTRACE_GETSIGINFO, pid, 0, (unsigned long)&si) == 0 && si.si_signo == SIGSTOP, "GETSIGINFO");
    GIVES(pt(PTRACE_CONT, pid, 0, 65), EIO, "CONT with a signal that is none: EIO");
    GIVES(pt(PTRACE_SETOPTIONS, pid, 0, 0x80000), EINVAL, "SETOPTIONS of an unknown one: EINVAL");
    GIVES(pt(PTRACE_ATTACH, pid, 0, 0), EPERM, "a second tracer: EPERM");
    GIVES(pt(PTRACE_LISTEN, pid, 0, 0), EIO, "LISTEN of what was not seized: EIO");
    GIVES(pt(PTRACE_INTERRUPT, pid, 0, 0), EIO, "INTERRUPT of what was not seized: EIO");
    char path[64], text[4096];
    snprintf(path, sizeof path, "/proc/%d/status", pid);
    int fd = open(path, O_RDONLY);
    ssize_t n = read(fd, text, sizeof text - 1);
    text[n > 0 ? n : 0] = 0;
    close(fd);
    char line[64];
    snprintf(line, sizeof line, "\nTracerPid:\t%d\n", getpid());
    CHECK(strstr(text, line) && strstr(text, "State:\tt (tracing stop)"), "/proc/PID/status says so");
    CHECK(pt(PTRACE_CONT, pid, 0, 0) == 0, "CONT");
    int st = wait_stop(pid);
    CHECK(WIFEXITED(st) && WEXITSTATUS(st) == 7, "it goes on to its end, the stop signal dropped");
    GIVES(pt(PTRACE_CONT, getpid(), 0, 0), ESRCH, "who is not traced: ESRCH");
    GIVES(pt(PTRACE_ATTACH, getpid(), 0, 0), EPERM, "oneself: EPERM");
    GIVES(pt(PTRACE_SEIZE, 1, 1, 0), EIO, "SEIZE with an address: EIO");
}

static volatile sig_atomic_t handled;
static void on_usr1(int sig)
{
    handled = sig;
}

static void signals(void)
{
    signal(SIGUSR1, on_usr1);
    signal(SIGUSR2, on_usr1);
    raise(SIGUSR1);
    _exit(handled == SIGUSR2 ? 3 : 4);
}

static void test_signal(void)
{
    pid_t pid = tracee(signals);
    pt(PTRACE_CONT, pid, 0, 0);
    CHECK(stopped_by(wait_stop(pid), SIGUSR1), "a signal-delivery stop");
    pt(PTRACE_CONT, pid, 0, SIGUSR2);
    int st = wait_stop(pid);
    CHECK(WIFEXITED(st) && WEXITSTATUS(st) == 3, "another signal in its place");
    pid = tracee(signals);
    finish(pid);
    GIVES(pt(PTRACE_CONT, pid, 0, 0), ESRCH, "SIGKILL ends a stop");
}

static void calls(void)
{
    _exit(syscall(SYS_getppid) == 1234 && syscall(SYS_getpid) == 5678 ? 5 : 6);
}

static void test_syscalls(void)
{
    pid_t pid = tracee(calls);
    REQ(pt(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACESYSGOOD) == 0);
    int entries = 0, good = 0, st;
    struct user_regs_struct r;
    struct ptrace_syscall_info info;
    for (;;) {
        pt(PTRACE_SYSCALL, pid, 0, 0);
        st = wait_stop(pid);
        if (!stopped_by(st, SIGTRAP | 0x80))
            break;
        pt(PTRACE_GETREGS, pid, 0, (unsigned long)&r);
        long n = pt(PTRACE_GET_SYSCALL_INFO, pid, sizeof info, (unsigned long)&info);
        if (n > 0 && info.op == PTRACE_SYSCALL_INFO_ENTRY && info.entry.nr == r.orig_rax && (long)r.rax == -ENOSYS) {
            entries++;
            if (r.orig_rax == SYS_getppid) { /* not done at all */
                r.orig_rax = -1;
                r.rax = 1234;
                pt(PTRACE_SETREGS, pid, 0, (unsigned long)&r);
            }
        } else if (n > 0 && info.op == PTRACE_SYSCALL_INFO_EXIT && info.exit.rval == (long)r.rax) {
            good++;
            if (r.orig_rax == SYS_getpid) {
                r.rax = 5678;
                pt(PTRACE_SETREGS, pid, 0, (unsigned long)&r);
            }
        }
    }
    CHECK(entries >= 3 && good >= 2, "stops at entry and exit, told by GET_SYSCALL_INFO");
    CHECK(WIFEXITED(st) && WEXITSTATUS(st) == 5, "a call skipped, a result replaced");
}

static void *thread_body(void *arg)
{
    return arg;
}

static void family(void)
{
    pthread_t t;
    pid_t pid = fork();
    if (pid == 0)
        _exit(1);
    waitpid(pid, NULL, 0);
    pthread_create(&t, NULL, thread_body, NULL);
    pthread_join(t, NULL);
    execl("/proc/self/exe", "ptrace_basic", "exit", NULL);
}

static void test_events(void)
{
    pid_t pid = tracee(family);
    int fork_seen = 0, clone_seen = 0, exec_seen = 0, exit_seen = 0, born = 0, ended = 0, st, main_st = 0;
    REQ(pt(PTRACE_SETOPTIONS, pid, 0,
           PTRACE_O_TRACEFORK | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC | PTRACE_O_TRACEEXIT | PTRACE_O_EXITKILL) ==
        0);
    pt(PTRACE_CONT, pid, 0, 0);
    for (pid_t p; (p = waitpid(-1, &st, __WALL)) > 0;) {
        unsigned long msg = 0;
        int sig = 0;
        if (!WIFSTOPPED(st)) {
            ended++;
            if (p == pid)
                main_st = st;
            continue;
        }
        pt(PTRACE_GETEVENTMSG, p, 0, (unsigned long)&msg);
        if (st >> 8 == EVENT(SIGTRAP, PTRACE_EVENT_FORK))
            fork_seen += msg > 0;
        else if (st >> 8 == EVENT(SIGTRAP, PTRACE_EVENT_CLONE))
            clone_seen += msg > 0;
        else if (st >> 8 == EVENT(SIGTRAP, PTRACE_EVENT_EXEC))
            exec_seen += msg == (unsigned long)pid;
        else if (st >> 8 == EVENT(SIGTRAP, PTRACE_EVENT_EXIT))
            exit_seen++;
        else if (st >> 8 == SIGSTOP)
            born++;
        else
            sig = WSTOPSIG(st);
        pt(PTRACE_CONT, p, 0, sig);
    }
    CHECK(fork_seen == 1 && clone_seen == 1 && exec_seen == 1, "events of fork, clone, exec");
    CHECK(born == 2, "child and thread begin with a stop");
    CHECK(exit_seen == 3 && ended == 3, "exit events and ends of all three");
    CHECK(WIFEXITED(main_st) && WEXITSTATUS(main_st) == 9, "execve went well");
}

static void test_attach(void)
{
    pid_t pid = sleeper();
    CHECK(pt(PTRACE_ATTACH, pid, 0, 0) == 0 && stopped_by(wait_stop(pid), SIGSTOP), "ATTACH stops it");
    CHECK(pt(PTRACE_DETACH, pid, 0, 0) == 0, "DETACH");
    GIVES(pt(PTRACE_DETACH, pid, 0, 0), ESRCH, "DETACH again: ESRCH");
    CHECK(pt(PTRACE_SEIZE, pid, 0, PTRACE_O_TRACESYSGOOD) == 0, "SEIZE");
    int st;
    CHECK(waitpid(pid, &st, __WALL | WNOHANG) == 0, "SEIZE stops nothing");
    GIVES(pt(PTRACE_CONT, pid, 0, 0), ESRCH, "a running tracee: ESRCH");
    CHECK(pt(PTRACE_INTERRUPT, pid, 0, 0) == 0 && stopped_by(wait_stop(pid), EVENT(SIGTRAP, PTRACE_EVENT_STOP)),
          "INTERRUPT");
    pt(PTRACE_CONT, pid, 0, 0);
    kill(pid, SIGSTOP);
    CHECK(stopped_by(wait_stop(pid), SIGSTOP), "seized: the signal first");
    pt(PTRACE_CONT, pid, 0, SIGSTOP);
    CHECK(stopped_by(wait_stop(pid), EVENT(SIGSTOP, PTRACE_EVENT_STOP)), "then the group stop");
    CHECK(pt(PTRACE_LISTEN, pid, 0, 0) == 0, "LISTEN");
    kill(pid, SIGCONT);
    CHECK(stopped_by(wait_stop(pid), EVENT(SIGTRAP, PTRACE_EVENT_STOP)), "which hears of SIGCONT");
    pt(PTRACE_CONT, pid, 0, 0);
    CHECK(stopped_by(wait_stop(pid), SIGCONT), "and SIGCONT itself");
    finish(pid);
}

static void watched(void)
{
    __asm__ volatile("nop; nop; nop");
    word = 5;
    syscall(SYS_getppid);
}

static void test_steps(void)
{
    pid_t pid = tracee(watched);
    struct user_regs_struct r, last = {0};
    int traps = 0, moved = 0, st = 0, tf = 0;
    for (int i = 0; i < 2000; i++) {
        pt(PTRACE_SINGLESTEP, pid, 0, 0);
        st = wait_stop(pid);
        if (!stopped_by(st, SIGTRAP))
            break;
        pt(PTRACE_GETREGS, pid, 0, (unsigned long)&r);
        traps++;
        moved += r.rip != last.rip;
        tf |= r.eflags & 0x100;
        last = r;
    }
    CHECK(WIFEXITED(st) && traps > 20 && moved > traps / 2, "SINGLESTEP to the end, over system calls");
    CHECK(!tf, "the trap flag is not shown");

    pid = tracee(watched);
    CHECK(pt(PTRACE_POKEUSR, pid, offsetof(struct user, u_debugreg[0]), (unsigned long)&word) == 0 &&
              pt(PTRACE_POKEUSR, pid, offsetof(struct user, u_debugreg[7]), 0xd0001) == 0,
          "a watchpoint of eight bytes");
    GIVES(pt(PTRACE_POKEUSR, pid, offsetof(struct user, u_debugreg[4]), 0), EIO, "there is no DR4: EIO");
    pt(PTRACE_CONT, pid, 0, 0);
    st = wait_stop(pid);
    siginfo_t si = {0};
    unsigned long dr6 = 0, v = 0;
    pt(PTRACE_GETSIGINFO, pid, 0, (unsigned long)&si);
    pt(PTRACE_PEEKUSR, pid, offsetof(struct user, u_debugreg[6]), (unsigned long)&dr6);
    pt(PTRACE_PEEKDATA, pid, (unsigned long)&word, (unsigned long)&v);
    CHECK(stopped_by(st, SIGTRAP) && si.si_code == 4 /* TRAP_HWBKPT */ && (dr6 & 15) == 1 && v == 5, "it is met");
    pt(PTRACE_CONT, pid, 0, 0);
    st = wait_stop(pid);
    CHECK(WIFEXITED(st) && WEXITSTATUS(st) == 7, "and it goes on");
}

static void test_tracer_ends(void)
{
    pid_t pid = sleeper();
    for (int kills = 0; kills < 2; kills++) {
        pid_t tracer = fork();
        if (tracer == 0) {
            REQ(pt(PTRACE_SEIZE, pid, 0, kills ? PTRACE_O_EXITKILL : 0) == 0);
            REQ(pt(PTRACE_INTERRUPT, pid, 0, 0) == 0);
            wait_stop(pid);
            _exit(0);
        }
        REQ(waitpid(tracer, NULL, 0) == tracer);
        if (kills)
            break;
        CHECK(kill(pid, 0) == 0 && pt(PTRACE_SEIZE, pid, 0, 0) == 0, "its tracer's end sets it free");
        REQ(pt(PTRACE_INTERRUPT, pid, 0, 0) == 0);
        wait_stop(pid);
        REQ(pt(PTRACE_DETACH, pid, 0, 0) == 0);
    }
    int st = wait_stop(pid);
    CHECK(WIFSIGNALED(st) && WTERMSIG(st) == SIGKILL, "or EXITKILL kills it");
}

/* SIGKILL against every request, on whatever CPUs there are. */
static void test_storm(void)
{
    int ends = 0;
    for (int i = 0; i < 60; i++) {
        pid_t pid = sleeper();
        REQ(pt(PTRACE_SEIZE, pid, 0, 0) == 0 && pt(PTRACE_INTERRUPT, pid, 0, 0) == 0);
        wait_stop(pid);
        pid_t killer = fork();
        if (killer == 0) {
            for (volatile int n = 0; n < i * 500; n++)
                ;
            kill(pid, SIGKILL);
            _exit(0);
        }
        struct user_regs_struct r;
        int st;
        while (pt(PTRACE_GETREGS, pid, 0, (unsigned long)&r) == 0)
            pt(PTRACE_SETREGS, pid, 0, (unsigned long)&r);
        REQ(waitpid(pid, &st, __WALL) == pid && waitpid(killer, NULL, 0) == killer);
        ends += WIFSIGNALED(st) && WTERMSIG(st) == SIGKILL;
    }
    CHECK(ends == 60, "SIGKILL against requests: all end, each once");
}

/* Selectors that no program could load itself: the tracee goes on with null ones. */
static void test_bad_selectors(void)
{
    static const unsigned long bad[] = {0x0b, 0x13, 0x43, 0x4b, 7, 0xffff};
    int went_on = 0;
    for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++) {
        pid_t pid = tracee(nothing);
        REQ(pt(PTRACE_POKEUSR, pid, offsetof(struct user_regs_struct, gs), bad[i]) == 0);
        REQ(pt(PTRACE_POKEUSR, pid, offsetof(struct user_regs_struct, ds), bad[i]) == 0);
        REQ(pt(PTRACE_POKEUSR, pid, offsetof(struct user_regs_struct, es), bad[i]) == 0);
        pt(PTRACE_CONT, pid, 0, 0);
        int st = wait_stop(pid);
        went_on += WIFEXITED(st) && WEXITSTATUS(st) == 7;
    }
    CHECK(went_on == sizeof bad / sizeof *bad, "selectors of the kernel and of nobody do no harm");
}

int main(int argc, char **argv)
{
    if (argc > 1 && !strcmp(argv[1], "exit"))
        return 9;
    test_basic();
    test_bad_selectors();
    test_signal();
    test_syscalls();
    test_events();
    test_attach();
    test_steps();
    test_tracer_ends();
    test_storm();
    return tap_end();
}
