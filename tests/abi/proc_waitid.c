// SPDX-License-Identifier: MIT
/*
 * waitid and wait4 by tables: id types, options and what a child of each kind has to tell; __WCLONE, __WALL, __WNOTHREAD.
 */
#include "tests/abi/util.h"

#include <linux/wait.h>
#include <pthread.h>
#include <sys/resource.h>

static long waitid_(int type, long id, void *info, int options, void *usage)
{
    return syscall(SYS_waitid, type, id, info, options, usage);
}

#define ANY (WEXITED | WSTOPPED | WCONTINUED)

static const struct {
    const char *name;
    int type;
    long id;
    int options, want;
} errors[] = {
    {"waitid: no children", P_ALL, 0, WEXITED, ECHILD},
    {"waitid: no children, without waiting", P_ALL, 0, WEXITED | WNOHANG, ECHILD},
    {"waitid: P_ALL does not look at the id", P_ALL, -7, WEXITED, ECHILD},
    {"waitid: nothing to wait for", P_ALL, 0, 0, EINVAL},
    {"waitid: nothing to wait for but WNOHANG", P_ALL, 0, WNOHANG | WNOWAIT, EINVAL},
    {"waitid: an option that is none", P_ALL, 0, WEXITED | 0x40, EINVAL},
    {"waitid: a type that is none", 4, 0, WEXITED, EINVAL},
    {"waitid: a negative type", -1, 0, WEXITED, EINVAL},
    {"waitid: P_PID of 0", P_PID, 0, WEXITED, EINVAL},
    {"waitid: P_PID of -1", P_PID, -1, WEXITED, EINVAL},
    {"waitid: P_PID of nobody", P_PID, 3999999, WEXITED, ECHILD},
    {"waitid: P_PID of oneself", P_PID, 1, WEXITED, ECHILD},
    {"waitid: P_PGID of -1", P_PGID, -1, WEXITED, EINVAL},
    {"waitid: P_PGID of 0: one's own", P_PGID, 0, WEXITED, ECHILD},
    {"waitid: P_PGID of nobody", P_PGID, 3999999, WEXITED, ECHILD},
    {"waitid: P_PIDFD of -1", P_PIDFD, -1, WEXITED, EINVAL},
    {"waitid: P_PIDFD of no descriptor", P_PIDFD, 999, WEXITED, EBADF},
    {"waitid: P_PIDFD of another file", P_PIDFD, 1, WEXITED, EBADF},
    {"waitid: all options", P_ALL, 0, ANY | WNOHANG | WNOWAIT | __WCLONE | __WALL | __WNOTHREAD, ECHILD},
};

static void refused(void)
{
    siginfo_t si;
    for (size_t i = 0; i < COUNT(errors); i++) {
        errno = 0;
        int err = waitid_(errors[i].type, errors[i].id, &si, errors[i].options, NULL) < 0 ? errno : 0;
        tap_line(err == errors[i].want, errors[i].name, __FILE__, (int)i, "waitid", err);
    }
    GIVES(waitpid(-1, NULL, WEXITED), EINVAL, "wait4: WEXITED is not its option");
    GIVES(waitpid(-1, NULL, WNOWAIT), EINVAL, "wait4: nor is WNOWAIT");
    GIVES(waitpid(-1, NULL, __WCLONE | __WALL | __WNOTHREAD | WNOHANG | WUNTRACED | WCONTINUED), ECHILD,
          "wait4: all its options");
    GIVES(waitpid(-3999999, NULL, 0), ECHILD, "wait4: a group that is none");
    GIVES(waitpid(0, NULL, 0), ECHILD, "wait4: one's own group");
}

static void outputs(void)
{
    struct rusage use;
    siginfo_t si;
    pid_t pid = tap_fork();
    if (pid == 0)
        _exit(3);
    memset(&use, 0xff, sizeof use);
    memset(&si, 0xff, sizeof si);
    GIVES(waitid_(P_ALL, 0, NULL, WEXITED | WNOWAIT, NULL), 0, "waitid: without siginfo");
    GIVES(waitid_(P_PID, pid, &si, WEXITED | WNOWAIT, &use), 0, "waitid: with the use of resources");
    CHECK(si.si_signo == SIGCHLD && si.si_code == CLD_EXITED && si.si_status == 3 && si.si_pid == pid &&
              si.si_uid == getuid() && si.si_errno == 0,
          "tells what happened");
    CHECK(use.ru_utime.tv_sec == 0 && use.ru_maxrss > 0, "and of what was used");
    GIVES(waitid_(P_PID, pid, &si, WSTOPPED | WNOHANG, NULL), ECHILD, "waitid: a dead child for who waits for a stop");
    GIVES(waitid_(P_PID, pid, at_addr(8), WEXITED | WNOWAIT, NULL), EFAULT, "waitid: siginfo to nowhere");
    GIVES(waitid_(P_PID, pid, &si, WEXITED | WNOWAIT, at_addr(8)), EFAULT, "waitid: the use to nowhere");
    GIVES(waitid_(P_PGID, getpgid(0), &si, WEXITED | WNOWAIT, NULL), 0, "waitid: by its group");
    GIVES(waitid_(P_PGID, 0, &si, WEXITED, NULL), 0, "waitid: for good");
    GIVES(waitid_(P_PGID, 0, &si, WEXITED, NULL), ECHILD, "waitid: and it is gone");
    pid = tap_fork();
    if (pid == 0) {
        pause();
        _exit(0);
    }
    memset(&si, 0xff, sizeof si);
    GIVES(waitid_(P_PID, pid, &si, ANY | WNOHANG, NULL), 0, "waitid: no news");
    CHECK(si.si_pid == 0 && si.si_signo == 0, "clears siginfo");
    kill(pid, SIGSTOP);
    GIVES(waitid_(P_PID, pid, &si, WSTOPPED | WNOWAIT, NULL), 0, "waitid: a stop, left there");
    CHECK(si.si_code == CLD_STOPPED && si.si_status == SIGSTOP, "is told");
    GIVES(waitid_(P_PID, pid, &si, ANY, NULL), 0, "waitid: a stop, taken");
    si.si_pid = 1;
    CHECK(waitid_(P_PID, pid, &si, ANY | WNOHANG, NULL) == 0 && si.si_pid == 0, "is told once");
    kill(pid, SIGCONT);
    GIVES(waitid_(P_PID, pid, &si, WCONTINUED | WNOWAIT, NULL), 0, "waitid: a continuation, left there");
    GIVES(waitid_(P_PID, pid, &si, ANY, NULL), 0, "waitid: a continuation, taken");
    CHECK(si.si_code == CLD_CONTINUED && si.si_status == SIGCONT, "is told");
    kill(pid, SIGKILL);
    GIVES(waitid_(P_PID, pid, &si, ANY, NULL), 0, "waitid: a kill");
    CHECK(si.si_code == CLD_KILLED && si.si_status == SIGKILL, "is told, too");
}

static pid_t clone_with(int sig)
{
    pid_t pid = (pid_t)syscall(SYS_clone, sig, 0, 0, 0, 0);
    if (pid == 0)
        _exit(0);
    return pid;
}

static void clones(void)
{
    siginfo_t si;
    pid_t pid = clone_with(0);
    GIVES(waitpid(pid, NULL, 0), ECHILD, "wait4: a child that sends no signal");
    GIVES(waitid_(P_PID, pid, &si, WEXITED, NULL), ECHILD, "waitid: likewise");
    GIVES(waitid_(P_PID, pid, &si, WEXITED | WNOWAIT | __WALL, NULL), 0, "waitid: __WALL finds it");
    GIVES(waitid_(P_PID, pid, &si, WEXITED | WNOWAIT | __WCLONE | __WALL, NULL), 0, "waitid: also with __WCLONE");
    GIVES(waitid_(P_PID, pid, &si, WEXITED | __WCLONE, NULL), 0, "waitid: __WCLONE finds it");
    pid = clone_with(SIGURG);
    GIVES(waitpid(pid, NULL, 0), ECHILD, "wait4: one that sends another signal");
    CHECK(waitpid(pid, NULL, __WCLONE) == pid, "wait4: __WCLONE finds it");
    pid = clone_with(SIGCHLD);
    GIVES(waitpid(pid, NULL, __WCLONE), ECHILD, "wait4: __WCLONE does not find one that sends SIGCHLD");
    CHECK(waitpid(pid, NULL, __WALL) == pid, "wait4: __WALL does");
}

static int made_by_thread[2];

/* A child of this thread; it is for the main thread to wait for. */
static void *makes_child(void *arg)
{
    pid_t pid = tap_fork();
    if (pid == 0)
        _exit(4);
    REQ(write(made_by_thread[1], &pid, sizeof pid) == sizeof pid);
    token_wait(*(int *)arg);
    return NULL;
}

static void *waits_alone(void *out)
{
    *(int *)out = waitpid(-1, NULL, __WNOTHREAD | WNOHANG) < 0 ? errno : 0;
    return NULL;
}

static void threads(void)
{
    int go[2], err = -1;
    pthread_t t;
    pid_t theirs, mine = tap_fork();
    if (mine == 0)
        _exit(0);
    make_pipe(go);
    make_pipe(made_by_thread);
    REQ(pthread_create(&t, NULL, waits_alone, &err) == 0 && pthread_join(t, NULL) == 0);
    CHECK(err == ECHILD, "__WNOTHREAD: another thread's child is none");
    CHECK(waitpid(mine, NULL, __WNOTHREAD) == mine, "__WNOTHREAD: one's own is");
    REQ(pthread_create(&t, NULL, makes_child, &go[0]) == 0);
    REQ(read(made_by_thread[0], &theirs, sizeof theirs) == sizeof theirs);
    GIVES(waitpid(theirs, NULL, __WNOTHREAD), ECHILD, "__WNOTHREAD: while the other thread lives");
    token_send(go[1]);
    REQ(pthread_join(t, NULL) == 0);
    pid_t got = -1;
    for (int i = 0; i < 10000 && got < 0; i++) { /* joined is not yet gone */
        got = waitpid(theirs, NULL, __WNOTHREAD);
        if (got < 0)
            msleep(1);
    }
    CHECK(got == theirs, "__WNOTHREAD: when it is gone its child is another's");
}

int main(void)
{
    signal(SIGURG, SIG_IGN);
    refused();
    outputs();
    clones();
    threads();
    return tap_end();
}
