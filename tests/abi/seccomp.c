// SPDX-License-Identifier: MIT
/*
 * seccomp(2): the strict mode, filters and what their answers do, which answer of several counts, what a filter sees, who
 * inherits it. What a program may contain: seccomp_bpf.c. Threads: seccomp_threads.c.
 */
#include "tests/abi/seccomp.h"

#include <signal.h>
#include <sys/time.h>
#include <ucontext.h>

#ifndef SYS_SECCOMP
#define SYS_SECCOMP 1
#endif

static long seccomp(unsigned op, unsigned flags, const void *args)
{
    return syscall(SYS_seccomp, op, flags, args);
}

/* ---- strict ---- */

static volatile sig_atomic_t caught;

static void count(int sig)
{
    (void)sig;
    caught++;
}

static void strict_mode(void)
{
    CHECK(prctl(PR_GET_SECCOMP) == 0, "no mode to begin with");
    CHECK_CHILD("strict: read, write and exit work", {
        int p[2];
        char c = 0;
        make_pipe(p);
        REQ(prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) == 0);
        if (write(p[1], "x", 1) != 1 || read(p[0], &c, 1) != 1 || c != 'x')
            syscall(SYS_exit, 1);
        syscall(SYS_exit, 0);
    });
    CHECK_CHILD("strict: a handler returns", {
        struct itimerval it = {{0, 0}, {0, 1000}};
        signal(SIGALRM, count);
        REQ(setitimer(ITIMER_REAL, &it, NULL) == 0);
        REQ(seccomp(SECCOMP_SET_MODE_STRICT, 0, NULL) == 0);
        while (!caught)
            ;
        syscall(SYS_exit, 0);
    });
    CHECK(tap_killed(CHILD(prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT); syscall(SYS_getpid)), SIGKILL),
          "strict: any other call kills");
    CHECK(tap_killed(CHILD(prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT); prctl(PR_GET_SECCOMP)), SIGKILL),
          "strict: to ask for the mode, too");
    CHECK(tap_killed(CHILD(prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT); syscall(SYS_exit_group, 0)), SIGKILL),
          "strict: exit_group, too");
    CHECK_CHILD("from filters there is no way to the strict mode", {
        no_new_privs();
        REQ(ATTACH(ALLOW) == 0);
        REQ(FAILS(prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT), EINVAL));
        REQ(prctl(PR_GET_SECCOMP) == SECCOMP_MODE_FILTER);
    });
}

/* ---- what is refused ---- */

static void refused(void)
{
    struct sock_filter one[] = {ALLOW};
    struct sock_fprog prog = {1, one}, empty = {0, one}, none = {1, NULL};
    struct sock_fprog wild = {1, at_addr(0x10)};
    struct sock_fprog large = {BPF_MAXINSNS + 1, one};
    CHECK_ERRNO(seccomp(SECCOMP_SET_MODE_FILTER, 0, &prog), EACCES, "a filter needs no_new_privs or CAP_SYS_ADMIN");
    CHECK_ERRNO(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog), EACCES, "by prctl as well");
    CHECK_ERRNO(seccomp(SECCOMP_SET_MODE_FILTER, 0, &empty), EINVAL, "an empty program, whoever asks");
    CHECK_ERRNO(seccomp(SECCOMP_SET_MODE_FILTER, 0, NULL), EFAULT, "no program, whoever asks");
    CHECK_ERRNO(seccomp(SECCOMP_SET_MODE_FILTER, 1u << 31, &prog), EINVAL, "a flag that is none");
    CHECK_ERRNO(seccomp(SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_NEW_LISTENER, &prog),
                EINVAL, "a listener of all threads, without TSYNC_ESRCH");
    CHECK_ERRNO(seccomp(SECCOMP_SET_MODE_STRICT, 1, NULL), EINVAL, "flags of the strict mode");
    CHECK_ERRNO(seccomp(SECCOMP_SET_MODE_STRICT, 0, &prog), EINVAL, "arguments of the strict mode");
    CHECK_ERRNO(seccomp(77, 0, NULL), EINVAL, "an operation that is none");
    CHECK_ERRNO(prctl(PR_SET_SECCOMP, 0), EINVAL, "no mode is not a mode");
    CHECK_CHILD("with no_new_privs: bad addresses and lengths", {
        no_new_privs();
        REQ(FAILS(seccomp(SECCOMP_SET_MODE_FILTER, 0, &none), EINVAL));
        REQ(FAILS(seccomp(SECCOMP_SET_MODE_FILTER, 0, &wild), EFAULT));
        REQ(FAILS(seccomp(SECCOMP_SET_MODE_FILTER, 0, &large), EINVAL));
        REQ(prctl(PR_GET_SECCOMP) == 0);
        REQ(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog) == 0 && prctl(PR_GET_SECCOMP) == 2);
    });
    CHECK_CHILD("no_new_privs is for ever, and said by 1 alone", {
        REQ(FAILS(prctl(PR_SET_NO_NEW_PRIVS, 2, 0, 0, 0), EINVAL));
        no_new_privs();
        REQ(FAILS(prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0), EINVAL));
        REQ(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
    });
    if (own_machine())
        CHECK_CHILD("listeners are refused", {
            no_new_privs();
            REQ(FAILS(seccomp(SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &prog), EINVAL));
        });
    else
        SKIP("listeners are refused", "Linux has them");
}

static void questions(void)
{
    static const unsigned known[] = {SECCOMP_RET_KILL_PROCESS, SECCOMP_RET_KILL_THREAD, SECCOMP_RET_TRAP,
                                     SECCOMP_RET_ERRNO,        SECCOMP_RET_TRACE,       SECCOMP_RET_LOG,
                                     SECCOMP_RET_ALLOW};
    int good = 1;
    for (size_t i = 0; i < COUNT(known); i++)
        good &= seccomp(SECCOMP_GET_ACTION_AVAIL, 0, &known[i]) == 0;
    CHECK(good, "the actions are there");
    unsigned none = 0x12340000, with_data = SECCOMP_RET_ERRNO | 5;
    CHECK_ERRNO(seccomp(SECCOMP_GET_ACTION_AVAIL, 0, &none), EOPNOTSUPP, "one that is not");
    CHECK_ERRNO(seccomp(SECCOMP_GET_ACTION_AVAIL, 0, &with_data), EOPNOTSUPP, "an action has no data");
    CHECK_ERRNO(seccomp(SECCOMP_GET_ACTION_AVAIL, 1, &known[0]), EINVAL, "the question has no flags");
    CHECK_ERRNO(seccomp(SECCOMP_GET_ACTION_AVAIL, 0, NULL), EFAULT, "a question about nothing");
    char line[256] = "";
    FILE *f = fopen("/proc/sys/kernel/seccomp/actions_avail", "re");
    REQ(f && fgets(line, sizeof line, f));
    fclose(f);
    CHECK(strncmp(line, "kill_process kill_thread trap errno ", 36) == 0 && strstr(line, "trace log allow\n"),
          "actions_avail names them from the strictest on");
    f = fopen("/proc/sys/kernel/seccomp/actions_logged", "re");
    REQ(f && fgets(line, sizeof line, f));
    fclose(f);
    CHECK(strstr(line, "kill_process") && !strstr(line, "allow"), "actions_logged has no allow");
    CHECK_CHILD("and is written by who may", {
        int fd = open("/proc/sys/kernel/seccomp/actions_logged", O_WRONLY);
        REQ(fd < 0 || FAILS(write(fd, "allow", 5), EPERM));
    });
}

/* ---- actions ---- */

static int dies_by(unsigned value, int sig)
{
    return tap_killed(CHILD(no_new_privs(); REQ(on_getppid(value) == 0); syscall(SYS_getppid)), sig);
}

static void errors(void)
{
    static const struct {
        unsigned data;
        long want;
        const char *name;
    } t[] = {
        {EPERM, -EPERM, "ERRNO gives its errno"},  {0, 0, "ERRNO of 0 is a success that was none"},
        {4095, -4095, "the highest errno"},        {4096, -4095, "above it, the highest is given"},
        {0xffff, -4095, "as high as the data go"},
    };
    for (size_t i = 0; i < COUNT(t); i++)
        CHECK_CHILD(t[i].name, {
            no_new_privs();
            REQ(on_getppid(FAIL(t[i].data)) == 0);
            errno = 0;
            long got = syscall(SYS_getppid);
            REQ(got == -1 ? errno == -t[i].want : got == t[i].want && got == 0);
            REQ(getpid() > 1);
        });
    CHECK_CHILD("TRACE without a tracer: ENOSYS", {
        no_new_privs();
        REQ(on_getppid(SECCOMP_RET_TRACE | 7) == 0 && FAILS(syscall(SYS_getppid), ENOSYS));
    });
    CHECK_CHILD("USER_NOTIF without a listener: ENOSYS", {
        no_new_privs();
        REQ(on_getppid(SECCOMP_RET_USER_NOTIF) == 0 && FAILS(syscall(SYS_getppid), ENOSYS));
    });
    CHECK_CHILD("LOG does the call", {
        pid_t parent = getppid();
        no_new_privs();
        REQ(on_getppid(SECCOMP_RET_LOG) == 0 && getppid() == parent);
    });
    CHECK_CHILD("ALLOW does, with any data", {
        pid_t parent = getppid();
        no_new_privs();
        REQ(on_getppid(SECCOMP_RET_ALLOW | 0xffff) == 0 && getppid() == parent);
    });
    CHECK_CHILD("a call that does not exist gets its answer, too", {
        no_new_privs();
        REQ(ATTACH(LOAD(nr), ON(-1, FAIL(71)), ON(9999, FAIL(72)), ON(0x40000000, FAIL(73)), ALLOW) == 0);
        REQ(FAILS(syscall(-1), 71) && FAILS(syscall(9999), 72) && FAILS(syscall(0x40000000), 73));
        REQ(FAILS(syscall(9998), ENOSYS));
    });
}

static void deaths(void)
{
    CHECK(dies_by(SECCOMP_RET_KILL_PROCESS, SIGSYS), "KILL_PROCESS");
    CHECK(dies_by(SECCOMP_RET_KILL_THREAD, SIGSYS), "KILL_THREAD of the only thread");
    CHECK(dies_by(0x12340000, SIGSYS), "an unknown answer kills");
    CHECK(dies_by(0x7ffd0000, SIGSYS), "one between LOG and TRACE, too");
    CHECK(dies_by(SECCOMP_RET_TRAP, SIGSYS), "TRAP without a handler");
    CHECK(tap_killed(CHILD(signal(SIGSYS, SIG_IGN); no_new_privs(); REQ(on_getppid(SECCOMP_RET_TRAP) == 0);
                           syscall(SYS_getppid)),
                     SIGSYS),
          "TRAP while it is ignored");
    CHECK(tap_killed(CHILD(signal(SIGSYS, count); sigset_t s; sigemptyset(&s); sigaddset(&s, SIGSYS);
                           sigprocmask(SIG_BLOCK, &s, NULL); no_new_privs(); REQ(on_getppid(SECCOMP_RET_TRAP) == 0);
                           syscall(SYS_getppid)),
                     SIGSYS),
          "TRAP while it is blocked");
    CHECK(tap_killed(CHILD(signal(SIGSYS, count); no_new_privs(); REQ(on_getppid(SECCOMP_RET_KILL_PROCESS) == 0);
                           syscall(SYS_getppid)),
                     SIGSYS),
          "a handler does not help against KILL_PROCESS");
}

static siginfo_t trap_info;
static greg_t trap_rax, trap_rip, trap_rdi;

static void on_sigsys(int sig, siginfo_t *si, void *context)
{
    ucontext_t *u = context;
    trap_info = *si;
    trap_rax = u->uc_mcontext.gregs[REG_RAX];
    trap_rip = u->uc_mcontext.gregs[REG_RIP];
    trap_rdi = u->uc_mcontext.gregs[REG_RDI];
    u->uc_mcontext.gregs[REG_RAX] = 4711;
    (void)sig;
}

static void traps(void)
{
    struct sigaction sa = {.sa_sigaction = on_sigsys, .sa_flags = SA_SIGINFO};
    CHECK_CHILD("TRAP: what its handler is told, and what it answers", {
        REQ(sigaction(SIGSYS, &sa, NULL) == 0);
        no_new_privs();
        REQ(on_getppid(SECCOMP_RET_TRAP | 0x1234) == 0);
        REQ(syscall(SYS_getppid, 77) == 4711);
        REQ(trap_info.si_signo == SIGSYS && trap_info.si_code == SYS_SECCOMP && trap_info.si_errno == 0x1234);
        REQ(trap_info.si_syscall == SYS_getppid && trap_info.si_arch == AUDIT_ARCH_X86_64);
        REQ((greg_t)trap_info.si_call_addr == trap_rip);
        REQ(((const unsigned char *)trap_info.si_call_addr)[-2] == 0x0f); /* SYSCALL is 0f 05 */
        REQ(trap_rax == SYS_getppid && trap_rdi == 77);
    });
}

/* ---- several filters ---- */

/* What became of getppid: 0: done, errno, 1000 + signal. */
static int outcome(unsigned first, unsigned second)
{
    int status =
        CHILD(no_new_privs(); pid_t parent = getppid(); REQ(on_getppid(first) == 0); REQ(on_getppid(second) == 0);
              errno = 0; long got = syscall(SYS_getppid); _exit(got == parent ? 0 : errno));
    return WIFSIGNALED(status) ? 1000 + WTERMSIG(status) : WEXITSTATUS(status);
}

static void precedence(void)
{
    static const struct {
        unsigned value;
        int outcome;
    } order[] = {
        {SECCOMP_RET_KILL_PROCESS, 1000 + SIGSYS},
        {SECCOMP_RET_TRAP, 1000 + SIGSYS},
        {FAIL(33), 33},
        {SECCOMP_RET_TRACE, ENOSYS},
        {SECCOMP_RET_LOG, 0},
        {SECCOMP_RET_ALLOW, 0},
    };
    int good = 1;
    for (size_t i = 0; i + 1 < COUNT(order); i++) {
        good &= outcome(order[i].value, order[i + 1].value) == order[i].outcome;
        good &= outcome(order[i + 1].value, order[i].value) == order[i].outcome;
    }
    CHECK(good, "the stricter of two answers counts, whichever filter came first");
    CHECK(outcome(FAIL(21), FAIL(22)) == 22, "of equal ones, the newest filter's");
    CHECK(outcome(SECCOMP_RET_ALLOW, 0x12340000) == 1000 + SIGSYS, "an unknown answer has its place by its number");
}

/* ---- what a filter sees ---- */

static void data(void)
{
    CHECK_CHILD("all six arguments, both halves of them", {
        no_new_privs();
        for (unsigned i = 0; i < 6; i++) {
            unsigned lo = offsetof(struct seccomp_data, args) + 8 * i;
            REQ(ATTACH(LOAD(nr), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 1, 0), ALLOW, LOAD_AT(lo),
                       BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x10 + i, 1, 0), ALLOW, LOAD_AT(lo + 4),
                       BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0xabcd0000 + i, 0, 1), RET(FAIL(50 + i)), ALLOW) == 0);
        }
        for (unsigned i = 0; i < 6; i++) {
            long a[6] = {0};
            a[i] = (long)((0xabcd0000ul + i) << 32 | (0x10 + i));
            REQ(FAILS(syscall(SYS_getppid, a[0], a[1], a[2], a[3], a[4], a[5]), (int)(50 + i)));
            a[i] ^= 1l << 60;
            REQ(syscall(SYS_getppid, a[0], a[1], a[2], a[3], a[4], a[5]) > 0);
        }
    });
    CHECK_CHILD("the architecture", {
        no_new_privs();
        REQ(ATTACH(LOAD(arch), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0),
                   RET(SECCOMP_RET_KILL_PROCESS), ALLOW) == 0);
        REQ(getppid() > 0);
    });
    CHECK_CHILD("the instruction behind the call", {
        struct sigaction sa = {.sa_sigaction = on_sigsys, .sa_flags = SA_SIGINFO};
        REQ(sigaction(SIGSYS, &sa, NULL) == 0);
        no_new_privs();
        REQ(on_getppid(SECCOMP_RET_TRAP) == 0);
        syscall(SYS_getppid);
        unsigned long ip = (unsigned long)trap_info.si_call_addr;
        REQ(ATTACH(LOAD(nr), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getuid, 1, 0), ALLOW,
                   LOAD_AT(offsetof(struct seccomp_data, instruction_pointer)),
                   BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)ip, 1, 0), ALLOW,
                   LOAD_AT(offsetof(struct seccomp_data, instruction_pointer) + 4),
                   BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ip >> 32, 0, 1), RET(FAIL(61)), ALLOW) == 0);
        REQ(FAILS(syscall(SYS_getuid), 61)); /* the same instruction of syscall() */
    });
}

/* ---- life ---- */

static void inheritance(const char *self)
{
    CHECK_CHILD("a child has its parent's filters, and its own are its own", {
        no_new_privs();
        REQ(on_getppid(FAIL(81)) == 0);
        int status = CHILD(REQ(FAILS(syscall(SYS_getppid), 81)); REQ(prctl(PR_GET_SECCOMP) == 2);
                           REQ(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1); REQ(on_getppid(FAIL(82)) == 0);
                           REQ(FAILS(syscall(SYS_getppid), 82)));
        REQ(status == 0 && FAILS(syscall(SYS_getppid), 81));
        REQ(status_field("/proc/self/status", "Seccomp_filters") == 1);
    });
    CHECK_CHILD("exec keeps them", {
        no_new_privs();
        REQ(on_getppid(FAIL(83)) == 0);
        execl(self, self, "83", NULL);
    });
    CHECK_CHILD("exec of a filter that forbids it fails", {
        no_new_privs();
        REQ(ATTACH(LOAD(nr), ON(SYS_execve, FAIL(84)), ALLOW) == 0);
        REQ(FAILS(execl(self, self, "83", NULL), 84));
    });
    CHECK(status_field("/proc/self/status", "Seccomp") == 0 && status_field("/proc/self/status", "NoNewPrivs") == 0 &&
              status_field("/proc/self/status", "Seccomp_filters") == 0,
          "status of a process without");
    CHECK_CHILD("status counts the filters", {
        no_new_privs();
        for (int i = 0; i < 3; i++)
            REQ(ATTACH(ALLOW) == 0);
        REQ(status_field("/proc/self/status", "Seccomp") == 2 && status_field("/proc/self/status", "NoNewPrivs") == 1 &&
            status_field("/proc/self/status", "Seccomp_filters") == 3);
    });
    CHECK_CHILD("all programs of a thread together have a greatest length", {
        static struct sock_filter f[BPF_MAXINSNS];
        int n = 0;
        for (size_t i = 0; i < COUNT(f); i++)
            f[i] = (struct sock_filter)ALLOW;
        no_new_privs();
        while (n < 20 && attach(0, f, COUNT(f)) == 0)
            n++;
        REQ(errno == ENOMEM && n >= 3 && n <= 8);
        REQ(getppid() > 0 && ATTACH(ALLOW) == 0);
    });
    CHECK_CHILD("LOG and SPEC_ALLOW are taken", {
        no_new_privs();
        REQ(ATTACH_FLAGS(SECCOMP_FILTER_FLAG_LOG | SECCOMP_FILTER_FLAG_SPEC_ALLOW, ALLOW) == 0);
    });
}

int main(int argc, char **argv)
{
    if (argc > 1)
        return !(FAILS(syscall(SYS_getppid), atoi(argv[1])) && prctl(PR_GET_SECCOMP) == 2);
    strict_mode();
    refused();
    questions();
    errors();
    deaths();
    traps();
    precedence();
    data();
    inheritance(argv[0]);
    return tap_end();
}
