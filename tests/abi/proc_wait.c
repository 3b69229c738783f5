// SPDX-License-Identifier: MIT
/*
 * Waiting: wait4, waitid, their options and siginfo, zombies, reparenting, SIGCHLD.
 */
#include "tests/abi/util.h"

#include <sys/resource.h>

static pid_t child_exit(int code)
{
    pid_t pid = tap_fork();
    if (pid == 0)
        _exit(code);
    return pid;
}

static void statuses(void)
{
    int st;
    pid_t pid = child_exit(0x1234);
    CHECK(waitpid(pid, &st, 0) == pid && WIFEXITED(st) && WEXITSTATUS(st) == 0x34, "an exit code has eight bits");
    CHECK(tap_killed(CHILD(kill(getpid(), SIGKILL)), SIGKILL), "killed by SIGKILL");
    CHECK(tap_killed(CHILD(raise(SIGTERM)), SIGTERM), "killed by SIGTERM");
    CHECK(tap_killed(CHILD(abort()), SIGABRT), "abort");
    CHECK(tap_killed(CHILD(kill(getpid(), SIGRTMIN + 3)), SIGRTMIN + 3), "killed by a real-time signal");
    CHECK(tap_exited(CHILD(syscall(SYS_exit, 7)), 7), "exit(2) of the only thread ends the process");
    CHECK(tap_exited(CHILD(syscall(SYS_exit_group, 300)), 44), "exit_group");
}

static void errors(void)
{
    int st;
    siginfo_t si;
    CHECK_ERRNO(wait(&st), ECHILD, "no children");
    CHECK_ERRNO(waitpid(getpid(), &st, 0), ECHILD, "not a child");
    CHECK_ERRNO(waitpid(1, &st, WNOHANG), ECHILD, "somebody else's");
    pid_t pid = child_exit(0);
    CHECK_ERRNO(waitpid(pid, &st, 0x40), EINVAL, "an unknown option");
    CHECK_ERRNO(waitid(P_PID, pid, &si, 0), EINVAL, "waitid must be told what to wait for");
    CHECK_ERRNO(waitid((idtype_t)9, pid, &si, WEXITED), EINVAL, "an unknown idtype");
    CHECK_ERRNO(waitid(P_PID, 0, &si, WEXITED), EINVAL, "waitid of process 0");
    CHECK_ERRNO(syscall(SYS_wait4, INT32_MIN, &st, 0, NULL), ESRCH, "the group of the smallest number");
    CHECK(waitpid(pid, NULL, 0) == pid, "the status may be left out");
    pid = child_exit(0);
    CHECK_ERRNO(syscall(SYS_wait4, pid, 8L, 0, NULL), EFAULT, "a bad address for the status");
    CHECK_ERRNO(waitpid(pid, &st, 0), ECHILD, "and the child is gone all the same");
}

static void options(void)
{
    int st = 77;
    siginfo_t si;
    pid_t pid = child_pause();
    CHECK(waitpid(pid, &st, WNOHANG) == 0 && st == 77, "WNOHANG with a child that runs");
    memset(&si, 0xff, sizeof si);
    CHECK(waitid(P_PID, pid, &si, WEXITED | WNOHANG) == 0 && si.si_pid == 0 && si.si_signo == 0,
          "waitid gives a blank siginfo");
    kill(pid, SIGSTOP);
    CHECK(waitpid(pid, &st, WUNTRACED) == pid && WIFSTOPPED(st) && WSTOPSIG(st) == SIGSTOP, "WUNTRACED tells a stop");
    CHECK(waitpid(pid, &st, WUNTRACED | WNOHANG) == 0, "once");
    kill(pid, SIGCONT);
    CHECK(waitpid(pid, &st, WCONTINUED) == pid && WIFCONTINUED(st), "WCONTINUED tells a continuation");
    kill(pid, SIGSTOP);
    CHECK(waitid(P_PID, pid, &si, WSTOPPED | WNOWAIT) == 0 && si.si_code == CLD_STOPPED && si.si_status == SIGSTOP,
          "waitid of a stop, with WNOWAIT");
    CHECK(waitid(P_PID, pid, &si, WSTOPPED) == 0 && si.si_code == CLD_STOPPED, "leaves it for the next");
    kill(pid, SIGCONT);
    CHECK(waitid(P_PID, pid, &si, WCONTINUED) == 0 && si.si_code == CLD_CONTINUED && si.si_status == SIGCONT,
          "waitid of a continuation");
    kill(pid, SIGKILL);
    CHECK(waitid(P_PID, pid, &si, WEXITED | WNOWAIT) == 0 && si.si_signo == SIGCHLD && si.si_code == CLD_KILLED &&
              si.si_status == SIGKILL && si.si_pid == pid && si.si_uid == 0,
          "waitid of a kill");
    CHECK(kill(pid, 0) == 0, "a zombie still has its id");
    CHECK(waitpid(pid, &st, 0) == pid && WIFSIGNALED(st), "and is there for wait4");
    CHECK_ERRNO(kill(pid, 0), ESRCH, "then it is gone");
    pid = child_exit(9);
    CHECK(waitid(P_ALL, 0, &si, WEXITED) == 0 && si.si_pid == pid && si.si_code == CLD_EXITED && si.si_status == 9,
          "waitid of any child's exit");
}

static void groups(void)
{
    int st;
    pid_t a = child_pause(), b = child_pause();
    REQ(setpgid(a, a) == 0);
    kill(b, SIGKILL);
    kill(a, SIGKILL);
    CHECK(waitpid(-a, &st, 0) == a, "wait4 of a group");
    CHECK(waitpid(0, &st, 0) == b, "wait4 of one's own group");
    a = child_pause();
    REQ(setpgid(a, a) == 0);
    kill(a, SIGKILL);
    siginfo_t si;
    CHECK(waitid(P_PGID, a, &si, WEXITED) == 0 && si.si_pid == a, "waitid of a group");
    CHECK_ERRNO(waitpid(0, &st, WNOHANG), ECHILD, "none of one's own group is left");
}

static void by_pidfd(void)
{
    pid_t pid = child_pause();
    int fd = syscall(SYS_pidfd_open, pid, 0);
    if (fd < 0 && errno == ENOSYS) {
        SKIP("waitid of a pidfd", "no pidfd_open");
    } else {
        siginfo_t si;
        kill(pid, SIGTERM);
        CHECK(waitid(P_PIDFD, fd, &si, WEXITED) == 0 && si.si_pid == pid && si.si_status == SIGTERM,
              "waitid of a pidfd");
        close(fd);
    }
    waitpid(pid, NULL, 0);
}

static void orphans(void)
{
    int p[2];
    pid_t ids[2];
    make_pipe(p);
    pid_t pid = tap_fork();
    if (pid == 0) {
        pid_t me = getpid();
        if (fork() == 0) { /* not tap_fork: its child would die with this one */
            alarm(TAP_SECONDS / 2);
            while (getppid() == me)
                msleep(1);
            ids[0] = getppid();
            REQ(write(p[1], ids, sizeof ids) == sizeof ids);
            _exit(0);
        }
        _exit(0);
    }
    CHECK(tap_wait(pid) == 0 && read(p[0], ids, sizeof ids) == sizeof ids && ids[0] != pid && ids[0] != getpid(),
          "an orphan gets another parent");
    CHECK_ERRNO(waitpid(-1, NULL, 0), ECHILD, "which is not its grandparent");
    CHECK_CHILD("unless that asked for it (PR_SET_CHILD_SUBREAPER)", {
        REQ(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
        pid_t mid = fork();
        if (mid == 0) {
            if (fork() == 0) {
                msleep(20);
                _exit(5);
            }
            _exit(0);
        }
        REQ(tap_wait(mid) == 0);
        int st;
        pid_t got = wait(&st);
        REQ(got > 0 && got != mid && tap_exited(st, 5));
    });
    CHECK_CHILD("a parent's death is told by PR_SET_PDEATHSIG", {
        int q[2];
        char c;
        make_pipe(q);
        pid_t mid = fork();
        if (mid == 0) {
            if (fork() == 0) {
                prctl(PR_SET_PDEATHSIG, SIGTERM);
                token_send(q[1]);
                for (;;)
                    pause();
            }
            token_wait(q[0]);
            _exit(0);
        }
        close(q[1]);
        REQ(tap_wait(mid) == 0);
        REQ(read(q[0], &c, 1) == 0);
    });
    close(p[0]);
    close(p[1]);
}

static volatile sig_atomic_t chlds;
static siginfo_t last;

static void on_chld(int sig, siginfo_t *si, void *uc)
{
    (void)sig;
    (void)uc;
    chlds++;
    last = *si;
}

static void wait_for_chld(int n)
{
    for (int i = 0; i < 5000 && chlds < n; i++)
        msleep(1);
}

static void sigchld(void)
{
    struct sigaction sa = {.sa_sigaction = on_chld, .sa_flags = SA_SIGINFO | SA_RESTART};
    sigaction(SIGCHLD, &sa, NULL);
    pid_t pid = child_exit(33);
    wait_for_chld(1);
    CHECK(chlds == 1 && last.si_code == CLD_EXITED && last.si_status == 33 && last.si_pid == pid && last.si_uid == 0,
          "SIGCHLD of an exit, with its siginfo");
    tap_wait(pid);
    pid = child_pause();
    chlds = 0;
    kill(pid, SIGSTOP);
    wait_for_chld(1);
    CHECK(last.si_code == CLD_STOPPED && last.si_status == SIGSTOP, "SIGCHLD of a stop");
    chlds = 0;
    kill(pid, SIGCONT);
    wait_for_chld(1);
    CHECK(last.si_code == CLD_CONTINUED && last.si_status == SIGCONT, "SIGCHLD of a continuation");
    sa.sa_flags |= SA_NOCLDSTOP;
    sigaction(SIGCHLD, &sa, NULL);
    chlds = 0;
    int st;
    kill(pid, SIGSTOP);
    waitpid(pid, &st, WUNTRACED);
    kill(pid, SIGCONT);
    waitpid(pid, &st, WCONTINUED);
    CHECK(chlds == 0, "SA_NOCLDSTOP: none of either");
    kill(pid, SIGKILL);
    wait_for_chld(1);
    CHECK(chlds == 1 && last.si_code == CLD_KILLED && last.si_status == SIGKILL, "but of the death");
    tap_wait(pid);
    sa.sa_flags = SA_SIGINFO | SA_NOCLDWAIT;
    sigaction(SIGCHLD, &sa, NULL);
    pid = child_exit(0);
    CHECK_ERRNO(waitpid(pid, &st, 0), ECHILD, "SA_NOCLDWAIT: no zombie, wait ends with ECHILD");
    signal(SIGCHLD, SIG_IGN);
    pid = child_exit(0);
    CHECK_ERRNO(waitpid(pid, &st, 0), ECHILD, "SIGCHLD ignored: likewise");
    signal(SIGCHLD, SIG_DFL);
}

static void usage(void)
{
    struct rusage ru;
    int st, p[2];
    int64_t used = 0;
    make_pipe(p);
    pid_t pid = tap_fork();
    if (pid == 0) {
        while ((used = cpu_ns()) < 30000000)
            ;
        REQ(write(p[1], &used, sizeof used) == sizeof used);
        _exit(0);
    }
    REQ(wait4(pid, &st, 0, &ru) == pid && st == 0 && read(p[0], &used, sizeof used) == sizeof used);
    close(p[0]);
    close(p[1]);
    int64_t told =
        (ru.ru_utime.tv_sec + ru.ru_stime.tv_sec) * 1000000000ll + (ru.ru_utime.tv_usec + ru.ru_stime.tv_usec) * 1000ll;
    CHECK(told + 10000000 >= used, "wait4 tells the processor time of the child");
    CHECK(ru.ru_maxrss > 0, "and its memory");
}

/* Two threads' worth of children: each wait takes another child. */
static void many(void)
{
    enum { N = 60 };
    int seen = 0, good = 1;
    for (int i = 0; i < N; i++)
        child_exit(i);
    unsigned char got[N] = {0};
    for (int st; seen < N && wait(&st) > 0; seen++)
        good &= WIFEXITED(st) && WEXITSTATUS(st) < N && got[WEXITSTATUS(st)]++ == 0;
    CHECK(good && seen == N, "sixty zombies, each waited for once");
}

int main(void)
{
    statuses();
    errors();
    options();
    groups();
    by_pidfd();
    orphans();
    sigchld();
    usage();
    many();
    return tap_end();
}
