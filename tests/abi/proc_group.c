// SPDX-License-Identifier: MIT
/*
 * Process groups, sessions, and job control without a terminal.
 */
#include "tests/abi/util.h"

#include <sys/ioctl.h>
#include <termios.h>

static void end(pid_t pid)
{
    kill(pid, SIGKILL);
    tap_wait(pid);
}

static void groups(void)
{
    pid_t a = child_pause(), b = child_pause();
    CHECK(getpgid(a) == getpgrp() && getpgid(0) == getpgrp(), "a child is in its parent's group");
    CHECK(setpgid(a, 0) == 0 && getpgid(a) == a, "setpgid makes a group");
    CHECK(setpgid(b, a) == 0 && getpgid(b) == a, "setpgid joins a group");
    CHECK_ERRNO(setpgid(b, 0x7ffffff), EPERM, "a group that does not exist");
    CHECK_ERRNO(setpgid(a, -1), EINVAL, "a negative group");
    CHECK_ERRNO(setpgid(0x7ffffff, 0), ESRCH, "a process that does not exist");
    CHECK_ERRNO(setpgid(getppid(), 0), ESRCH, "a process that is no child");
    CHECK_ERRNO(getpgid(0x7ffffff), ESRCH, "getpgid of nobody");
    CHECK_ERRNO(getpgid(-1), ESRCH, "getpgid of a negative number");
    CHECK(kill(-a, 0) == 0, "a group can be signalled");
    kill(-a, SIGTERM);
    CHECK(tap_killed(tap_wait(a), SIGTERM) && tap_killed(tap_wait(b), SIGTERM), "kill of a group reaches all in it");
    CHECK_ERRNO(kill(-a, 0), ESRCH, "the group is gone with them");
}

static void group_outlives_leader(void)
{
    pid_t a = child_pause(), b = child_pause();
    REQ(setpgid(a, a) == 0 && setpgid(b, a) == 0);
    end(a);
    CHECK(getpgid(b) == a && kill(-a, 0) == 0, "a group outlives its leader");
    end(b);
}

static void after_exec(void)
{
    int p[2];
    make_pipe(p);
    pid_t pid = tap_fork();
    if (pid == 0) {
        char num[12];
        snprintf(num, sizeof num, "%d", p[1]);
        fcntl(p[1], F_SETFD, 0);
        execl("/proc/self/exe", "x", num, NULL);
        _exit(1);
    }
    token_wait(p[0]);
    CHECK_ERRNO(setpgid(pid, 0), EACCES, "setpgid of a child after its exec");
    end(pid);
    close(p[0]);
    close(p[1]);
}

static void sessions(void)
{
    CHECK(getsid(0) == getsid(getpid()) && getsid(0) > 0, "getsid");
    CHECK_ERRNO(getsid(0x7ffffff), ESRCH, "getsid of nobody");
    CHECK_CHILD("setsid makes session and group", {
        pid_t me = getpid();
        REQ(setsid() == me);
        REQ(getsid(0) == me && getpgrp() == me);
    });
    CHECK_CHILD("a group leader cannot", REQ(setpgid(0, 0) == 0 && setsid() == -1 && errno == EPERM));
    CHECK_CHILD("nor a session leader again", REQ(setsid() > 0 && setsid() == -1 && errno == EPERM));
    CHECK_CHILD("a session leader cannot change its group", REQ(setsid() > 0 && setpgid(0, 0) == -1 && errno == EPERM));
    CHECK_CHILD("nobody moves into a group of another session", {
        pid_t old = getpgrp();
        REQ(setsid() > 0);
        pid_t c = child_pause();
        REQ(setpgid(c, old) == -1 && errno == EPERM);
        end(c);
    });
    int p[2];
    make_pipe(p);
    pid_t pid = tap_fork();
    if (pid == 0) {
        setsid();
        token_send(p[1]);
        pause();
    }
    token_wait(p[0]);
    CHECK_ERRNO(setpgid(pid, getpgrp()), EPERM, "nobody moves a child of another session");
    CHECK(getsid(pid) == pid, "its session is its own");
    end(pid);
    close(p[0]);
    close(p[1]);
}

static void no_terminal(void)
{
    CHECK_CHILD("without a terminal /dev/tty is ENXIO", {
        REQ(setsid() > 0);
        REQ(open("/dev/tty", O_RDWR) == -1 && errno == ENXIO);
    });
    int null = open("/dev/null", O_RDWR), p[2];
    struct termios t;
    make_pipe(p);
    CHECK_ERRNO(tcgetpgrp(null), ENOTTY, "tcgetpgrp of /dev/null");
    CHECK_ERRNO(tcsetpgrp(null, getpgrp()), ENOTTY, "tcsetpgrp of /dev/null");
    CHECK_ERRNO(tcgetattr(null, &t), ENOTTY, "tcgetattr of /dev/null");
    CHECK_ERRNO(ioctl(p[0], TIOCSCTTY, 0), ENOTTY, "TIOCSCTTY of a pipe");
    CHECK_ERRNO(tcgetpgrp(-1), EBADF, "tcgetpgrp of -1");
    CHECK(isatty(p[0]) == 0, "a pipe is no terminal");
    close(null);
    close(p[0]);
    close(p[1]);
}

/* Stops of a group whose members have no parent outside it in the session ("orphaned"). */
static void orphaned_groups(void)
{
    CHECK_CHILD("terminal stop signals do nothing to an orphaned group", {
        REQ(setsid() > 0);
        raise(SIGTSTP);
        raise(SIGTTIN);
        raise(SIGTTOU);
    });
    int p[2];
    char c = 0;
    make_pipe(p);
    pid_t leader = tap_fork();
    if (leader == 0) { /* leads the session, so the group of its child is not orphaned while it lives */
        REQ(setsid() > 0);
        pid_t job = fork();
        if (job == 0) {
            setpgid(0, 0);
            prctl(PR_SET_PDEATHSIG, 0);
            struct sigaction sa = {.sa_handler = _exit};
            sigaction(SIGHUP, &sa, NULL);
            raise(SIGSTOP);
            _exit(99);
        }
        int st;
        REQ(waitpid(job, &st, WUNTRACED) == job && WIFSTOPPED(st));
        _exit(0);
    }
    close(p[1]);
    CHECK(tap_wait(leader) == 0, "the leader of a session goes while a job is stopped");
    CHECK(read(p[0], &c, 1) == 0, "the orphaned job gets SIGHUP and SIGCONT");
    close(p[0]);
}

static void broadcast(void)
{
    pid_t a = child_pause();
    REQ(setpgid(a, a) == 0);
    CHECK_CHILD("kill(0) reaches one's own group and no other", {
        REQ(setpgid(0, 0) == 0);
        pid_t b = child_pause();
        signal(SIGTERM, SIG_IGN);
        REQ(kill(0, SIGTERM) == 0);
        REQ(tap_killed(tap_wait(b), SIGTERM));
    });
    CHECK(waitpid(a, NULL, WNOHANG) == 0, "a process of another group lives on");
    end(a);
}

int main(int argc, char **argv)
{
    if (argc == 2) {
        token_send(atoi(argv[1]));
        pause();
    }
    groups();
    group_outlives_leader();
    after_exec();
    sessions();
    no_terminal();
    orphaned_groups();
    broadcast();
    return tap_end();
}
