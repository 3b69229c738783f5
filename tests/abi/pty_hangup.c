// SPDX-License-Identifier: MIT
/* Terminals that hang up: the master's close, the end of a session's leader, TIOCVHANGUP and vhangup; stopped groups that
 * are orphaned. Signals are waited for with sigwaitinfo, so they cannot come too early. */
#define TAP_KEEP_CAPABILITIES
#include "tests/abi/pty.h"

#include <sys/prctl.h>
#include <sys/wait.h>

static sigset_t watched;
static int hup_alone; /* the foreground is not made to go on */

/* The next of the watched signals; it must be the kernel's. */
static int next_signal(void)
{
    siginfo_t i;
    int sig = sigwaitinfo(&watched, &i);
    REQ(sig > 0 && (i.si_code == SI_KERNEL || (i.si_code == SI_USER && i.si_pid == getpid())));
    return sig;
}

static int pending(void)
{
    struct timespec now = {0, 0};
    return sigtimedwait(&watched, NULL, &now);
}

static int has_terminal(void)
{
    int fd = open("/dev/tty", O_RDWR);
    if (fd >= 0)
        close(fd);
    return fd >= 0 || errno != ENXIO;
}

static void say(int fd, char c)
{
    REQ(write(fd, &c, 1) == 1);
}

static int hear(int fd)
{
    char c;
    return read(fd, &c, 1) == 1 ? c : -1;
}

/* A child that outlives its parent. */
static pid_t fork_to_stay(void)
{
    pid_t c = tap_fork();
    if (c == 0)
        REQ(prctl(PR_SET_PDEATHSIG, 0) == 0);
    return c;
}

/* A leader of a session on p.s with a foreground group of its own, whose one process reports to `up` what it hears. */
static pid_t session_of_two(struct pair p, int up, void (*leader)(struct pair, int))
{
    pid_t pid = tap_fork();
    if (pid != 0)
        return pid;
    close(p.m);
    lead_session(p.s);
    pid_t fg = fork_to_stay();
    if (fg == 0) {
        REQ(setpgid(0, 0) == 0);
        say(up, 'r');
        say(up, next_signal() == SIGHUP ? 'h' : 'x');
        if (!hup_alone)
            say(up, next_signal() == SIGCONT ? 'c' : 'x');
        _exit(0);
    }
    setpgid(fg, fg);
    signal(SIGTTOU, SIG_IGN);
    REQ(ioctl(p.s, TIOCSPGRP, &fg) == 0);
    leader(p, up);
    _exit(0);
}

static void leader_of_closed(struct pair p, int up)
{
    say(up, 'r');
    REQ(next_signal() == SIGHUP && next_signal() == SIGCONT);
    REQ(!has_terminal());
    REQ(read(p.s, &(char){0}, 1) == 0);
    REQ(FAILS(write(p.s, "x", 1), EIO));
    say(up, 'l');
}

static void masters_close(void)
{
    struct pair p = open_pair();
    int up[2];
    make_pipe(up);
    pid_t leader = session_of_two(p, up[1], leader_of_closed);
    REQ(hear(up[0]) == 'r' && hear(up[0]) == 'r');
    close(p.m);
    CHECK(hear(up[0]) == 'l' && tap_wait(leader) == 0, "the master's close: SIGHUP and SIGCONT to the leader alone");
    CHECK(hear(up[0]) == 'h' && hear(up[0]) == 'c', "the foreground group hears of both when the leader ends");
    close(p.s);
    close(up[0]);
    close(up[1]);
}

static void leader_that_ends(struct pair p, int up)
{
    (void)p;
    say(up, 'r');
}

static void leaders_end(void)
{
    struct pair p = open_pair();
    int up[2], id;
    make_pipe(up);
    hup_alone = 1;
    pid_t leader = session_of_two(p, up[1], leader_that_ends);
    REQ(hear(up[0]) == 'r' && hear(up[0]) == 'r' && tap_wait(leader) == 0);
    CHECK(hear(up[0]) == 'h', "the leader's end: SIGHUP to the foreground");
    CHECK_ERRNO(ioctl(p.m, TIOCGSID, &id), ENOTTY, "the terminal has no session");
    CHECK(ioctl(p.m, TIOCGPGRP, &id) == 0 && id == 0, "and no foreground");
    put(p.s, "o");
    CHECK(gets_text(p.m, "o"), "files of it stay good");
    CHECK_CHILD("another session can have it", lead_session(p.s); REQ(has_terminal()));
    close_pair(p);
    close(up[0]);
    close(up[1]);
}

static void orphans(void)
{
    struct pair p = open_pair();
    int up[2];
    make_pipe(up);
    CHECK_CHILD("a stopped group that is orphaned: SIGHUP and SIGCONT", {
        lead_session(p.s);
        pid_t parent = tap_fork();
        if (parent == 0) {
            int st;
            REQ(setpgid(0, 0) == 0);
            pid_t job = fork_to_stay();
            if (job == 0) {
                REQ(setpgid(0, 0) == 0 && raise(SIGSTOP) == 0);
                say(up[1], next_signal() == SIGHUP && next_signal() == SIGCONT ? 'y' : 'n');
                _exit(0);
            }
            REQ(waitpid(job, &st, WUNTRACED) == job && WIFSTOPPED(st));
            _exit(0);
        }
        REQ(tap_wait(parent) == 0 && hear(up[0]) == 'y');
    });
    CHECK_CHILD("one that runs hears of nothing", {
        lead_session(p.s);
        int down[2];
        make_pipe(down);
        pid_t parent = tap_fork();
        if (parent == 0) {
            pid_t job = fork_to_stay();
            if (job == 0) {
                REQ(setpgid(0, 0) == 0);
                REQ(hear(down[0]) == 'g');
                say(up[1], pending() < 0 ? 'y' : 'n');
                _exit(0);
            }
            while (getpgid(job) != job)
                msleep(1);
            _exit(0);
        }
        REQ(tap_wait(parent) == 0);
        say(down[1], 'g');
        REQ(hear(up[0]) == 'y');
    });
    close_pair(p);
    close(up[0]);
    close(up[1]);
}

static void hung_up(void)
{
    struct pair p = open_pair();
    struct termios t;
    char c;
    set_raw(p.s);
    CHECK_CHILD("TIOCVHANGUP: EPERM", drop_root(); REQ(FAILS(ioctl(p.s, TIOCVHANGUP), EPERM)));
    CHECK(ioctl(p.s, TIOCVHANGUP) == 0, "TIOCVHANGUP");
    CHECK(read(p.s, &c, 1) == 0, "reading: end of file");
    CHECK_ERRNO(write(p.s, "x", 1), EIO, "writing: EIO");
    CHECK_ERRNO(ioctl(p.s, TCGETS, &t), EIO, "ioctl: EIO");
    CHECK(poll_now(p.s) == (POLLIN | POLLOUT | POLLERR | POLLHUP | POLLRDNORM | POLLWRNORM), "all of poll");
    CHECK(!isatty(p.s), "no terminal any more");
    int s = open_slave(p.m, O_RDWR);
    CHECK(s >= 0 && write(s, "x", 1) == 1 && gets_text(p.m, "x"), "a new one works");
    CHECK(get_termios(s).c_lflag & ICANON, "with the settings of the beginning");
    close(p.s);
    CHECK(!(poll_now(p.m) & POLLHUP), "the old one's close is not the slave's");
    CHECK_CHILD("vhangup: the session's terminal, its leader hears", {
        lead_session(s);
        REQ(syscall(SYS_vhangup) == 0);
        REQ(next_signal() == SIGHUP && next_signal() == SIGCONT);
        REQ(read(s, &c, 1) == 0 && !has_terminal());
        REQ(syscall(SYS_vhangup) == 0);
    });
    CHECK_CHILD("vhangup: EPERM", drop_root(); REQ(FAILS(syscall(SYS_vhangup), EPERM)));
    close(s);
    CHECK(ioctl(p.m, TIOCVHANGUP) == 0 && read(p.m, &c, 1) == 0, "TIOCVHANGUP of the master: its end of file");
    CHECK_ERRNO(write(p.m, "x", 1), EIO, "and EIO");
    close(p.m);
}

static void readers(void)
{
    struct pair p = open_pair();
    int up[2];
    make_pipe(up);
    pid_t r = tap_fork();
    if (r == 0) {
        close(p.m);
        say(up[1], 'r');
        _exit(read(p.s, &(char){0}, 1) == 0 ? 0 : 1);
    }
    REQ(hear(up[0]) == 'r');
    while (ioctl(p.s, TIOCVHANGUP) == 0 && waitpid(r, &(int){0}, WNOHANG) == 0)
        msleep(1);
    CHECK(1, "a reader that waits is woken by the hang-up");
    close_pair(p);
    p = open_pair();
    set_raw(p.s);
    fcntl(p.s, F_SETFL, O_RDWR | O_NONBLOCK);
    while (write(p.s, "0123456789abcdef", 16) > 0)
        ;
    fcntl(p.s, F_SETFL, O_RDWR);
    r = tap_fork();
    if (r == 0) {
        close(p.m);
        say(up[1], 'r');
        _exit(FAILS(write(p.s, "x", 1), EIO) ? 0 : 1);
    }
    REQ(hear(up[0]) == 'r');
    close(p.m);
    CHECK(tap_wait(r) == 0, "a writer that waits for room, too: EIO");
    close(p.s);
    close(up[0]);
    close(up[1]);
}

int main(void)
{
    sigemptyset(&watched);
    sigaddset(&watched, SIGHUP);
    sigaddset(&watched, SIGCONT);
    sigprocmask(SIG_BLOCK, &watched, NULL);
    masters_close();
    leaders_end();
    orphans();
    hung_up();
    readers();
    return tap_end();
}
