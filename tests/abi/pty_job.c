// SPDX-License-Identifier: MIT
/* Job control on pseudo-terminals: sessions and their terminal, the foreground, signals of keys and sizes, background. */
#define TAP_KEEP_CAPABILITIES
#include "tests/abi/pty.h"

#include <sys/wait.h>

static volatile sig_atomic_t winches, ints, quits, stops;

static void count(int sig)
{
    if (sig == SIGWINCH)
        winches++;
    else if (sig == SIGINT)
        ints++;
    else if (sig == SIGQUIT)
        quits++;
    else
        stops++;
}

static void catch_all(void)
{
    static const int sigs[] = {SIGWINCH, SIGINT, SIGQUIT, SIGTSTP};
    for (size_t i = 0; i < COUNT(sigs); i++)
        REQ(sigaction(sigs[i], &(struct sigaction){.sa_handler = count}, NULL) == 0);
}

/* Opens the slave as a session leader would: it may become its terminal. */
static int open_named(int m, int flags)
{
    char name[32];
    int n;
    REQ(ioctl(m, TIOCGPTN, &n) == 0);
    snprintf(name, sizeof name, "/dev/pts/%d", n);
    return open(name, flags);
}

static int has_terminal(void)
{
    int fd = open("/dev/tty", O_RDWR);
    if (fd >= 0)
        close(fd);
    return fd >= 0 || errno != ENXIO;
}

static void of_others(void)
{
    struct pair p = open_pair();
    pid_t id = -1;
    CHECK_ERRNO(ioctl(p.s, TIOCGPGRP, &id), ENOTTY, "TIOCGPGRP of another's terminal");
    CHECK_ERRNO(ioctl(p.s, TIOCSPGRP, &id), EINVAL, "TIOCSPGRP of it, and no number");
    id = getpgrp();
    CHECK_ERRNO(ioctl(p.s, TIOCSPGRP, &id), ENOTTY, "TIOCSPGRP of it");
    CHECK_ERRNO(ioctl(p.s, TIOCGSID, &id), ENOTTY, "TIOCGSID likewise");
    CHECK_ERRNO(ioctl(p.s, TIOCNOTTY), ENOTTY, "TIOCNOTTY likewise");
    CHECK_ERRNO(ioctl(p.m, TIOCNOTTY), ENOTTY, "TIOCNOTTY of the master");
    CHECK(ioctl(p.m, TIOCGPGRP, &id) == 0 && id == 0, "the master says that there is no group");
    CHECK_ERRNO(ioctl(p.m, TIOCGSID, &id), ENOTTY, "and no session");
    close_pair(p);
}

static void getting_one(void)
{
    struct pair p = open_pair();
    CHECK_CHILD("no leader gets none", {
        REQ(setsid() > 0);
        REQ(CHILD(REQ(FAILS(ioctl(p.s, TIOCSCTTY, 0), EPERM)); REQ(open_named(p.m, O_RDWR) >= 0);
                  REQ(!has_terminal())) == 0);
    });
    CHECK_CHILD("TIOCSCTTY gives it", {
        pid_t id;
        REQ(setsid() > 0 && !has_terminal());
        REQ(ioctl(p.s, TIOCSCTTY, 0) == 0 && has_terminal());
        REQ(ioctl(p.s, TIOCSCTTY, 0) == 0);
        REQ(ioctl(p.s, TIOCGPGRP, &id) == 0 && id == getpid());
        REQ(ioctl(p.s, TIOCGSID, &id) == 0 && id == getpid());
        REQ(ioctl(p.m, TIOCGPGRP, &id) == 0 && id == getpid());
        REQ(ioctl(p.m, TIOCGSID, &id) == 0 && id == getpid());
        struct pair q = open_pair();
        REQ(FAILS(ioctl(q.s, TIOCSCTTY, 1), EPERM));
    });
    CHECK_CHILD("so does an opening, unless O_NOCTTY, or for writing alone", {
        REQ(setsid() > 0);
        REQ(open_slave(p.m, O_RDWR) >= 0 && !has_terminal());
        REQ(open_named(p.m, O_WRONLY) >= 0 && !has_terminal());
        REQ(open_named(p.m, O_RDONLY) >= 0 && has_terminal());
    });
    CHECK_CHILD("TIOCSCTTY of a file for writing alone: EPERM, but for root", {
        REQ(setsid() > 0);
        int w = open_slave(p.m, O_WRONLY);
        REQ(CHILD(REQ(setsid() > 0); drop_root(); REQ(FAILS(ioctl(w, TIOCSCTTY, 0), EPERM))) == 0);
        REQ(ioctl(w, TIOCSCTTY, 0) == 0);
    });
    CHECK_CHILD("the master gives the slave", {
        REQ(setsid() > 0);
        REQ(ioctl(p.m, TIOCSCTTY, 0) == 0 && has_terminal());
    });
    CHECK_CHILD("setsid leaves it", {
        lead_session(p.s);
        REQ(CHILD(REQ(has_terminal()); REQ(setsid() > 0); REQ(!has_terminal());
                  REQ(FAILS(ioctl(p.s, TIOCSCTTY, 0), EPERM))) == 0);
    });
    close_pair(p);
}

static void stealing(void)
{
    struct pair p = open_pair();
    pid_t holder = tap_fork();
    if (holder == 0) {
        lead_session(p.s);
        put(p.s, "h");
        (void)!read(p.s, &(char){0}, 1);
        _exit(has_terminal() ? 1 : 0);
    }
    CHECK(gets_text(p.m, "h"), "another session has it");
    CHECK_CHILD("TIOCSCTTY: EPERM", {
        REQ(setsid() > 0);
        REQ(FAILS(ioctl(p.s, TIOCSCTTY, 0), EPERM));
        drop_root();
        REQ(FAILS(ioctl(p.s, TIOCSCTTY, 1), EPERM));
    });
    pid_t id;
    CHECK_CHILD("root may steal it", {
        REQ(setsid() > 0);
        REQ(ioctl(p.s, TIOCSCTTY, 1) == 0 && ioctl(p.s, TIOCGSID, &id) == 0 && id == getpid());
        REQ(ioctl(p.s, TIOCGPGRP, &id) == 0 && id == getpid());
    });
    put(p.m, "x\n");
    CHECK(tap_wait(holder) == 0, "whoever had it has none, and hears of nothing");
    close_pair(p);
}

static void giving_up(void)
{
    struct pair p = open_pair();
    CHECK_CHILD("TIOCNOTTY of a leader: SIGHUP and SIGCONT to the foreground, none left in the session", {
        char c;
        int st;
        int go[2];
        make_pipe(go);
        lead_session(p.s);
        pid_t other = tap_fork();
        if (other == 0) {
            REQ(read(go[0], &c, 1) == 1);
            _exit(has_terminal() ? 1 : 0);
        }
        pid_t job = tap_fork();
        if (job == 0) {
            signal(SIGHUP, SIG_IGN);
            REQ(setpgid(0, 0) == 0 && raise(SIGSTOP) == 0);
            _exit(7);
        }
        signal(SIGTTOU, SIG_IGN);
        REQ(waitpid(job, &st, WUNTRACED) == job && WIFSTOPPED(st));
        REQ(ioctl(p.s, TIOCSPGRP, &job) == 0);
        REQ(ioctl(p.s, TIOCNOTTY) == 0 && !has_terminal());
        REQ(waitpid(job, &st, 0) == job && WIFEXITED(st) && WEXITSTATUS(st) == 7);
        REQ(write(go[1], "g", 1) == 1 && tap_wait(other) == 0);
        REQ(ioctl(p.m, TIOCGPGRP, &job) == 0 && job == 0);
        REQ(get_termios(p.s).c_lflag & ICANON);
    });
    CHECK_CHILD("TIOCNOTTY of another process: its own alone", {
        lead_session(p.s);
        REQ(CHILD(REQ(ioctl(p.s, TIOCNOTTY) == 0); REQ(!has_terminal()); REQ(FAILS(ioctl(p.s, TIOCNOTTY), ENOTTY))) ==
            0);
        REQ(has_terminal());
    });
    close_pair(p);
}

static void foreground(void)
{
    struct pair p = open_pair();
    CHECK_CHILD("TIOCSPGRP: what it takes", {
        pid_t id = -1;
        int end[2];
        make_pipe(end);
        lead_session(p.s);
        REQ(FAILS(ioctl(p.s, TIOCSPGRP, &id), EINVAL));
        REQ(FAILS(ioctl(p.s, TIOCSPGRP, NULL), EFAULT));
        id = 32767;
        REQ(FAILS(ioctl(p.s, TIOCSPGRP, &id), ESRCH));
        id = 1;
        REQ(FAILS(ioctl(p.s, TIOCSPGRP, &id), EPERM));
        pid_t c = tap_fork();
        if (c == 0) {
            close(end[1]);
            (void)!read(end[0], &(char){0}, 1);
            _exit(0);
        }
        REQ(ioctl(p.s, TIOCSPGRP, &c) == 0); /* no group, but a process of the session: Linux takes it */
        REQ(ioctl(p.s, TIOCGPGRP, &id) == 0 && id == c);
        close(end[1]);
        REQ(waitpid(c, NULL, 0) == c);
    });
    close_pair(p);
}

static void keys(void)
{
    struct pair p = open_pair();
    struct winsize w = {10, 20, 0, 0};
    CHECK_CHILD("keys and TIOCSIG signal the foreground", {
        catch_all();
        lead_session(p.s);
        fcntl(p.s, F_SETFL, O_RDWR | O_NONBLOCK);
        char c;
        put(p.m, "gone\003");
        wait_counted(SIGINT, &ints, 1);
        REQ(FAILS(read(p.s, &c, 1), EAGAIN));
        put(p.m, "gone\034");
        wait_counted(SIGQUIT, &quits, 1);
        put(p.m, "gone\032");
        wait_counted(SIGTSTP, &stops, 1);
        REQ(FAILS(read(p.s, &c, 1), EAGAIN));
        REQ(ioctl(p.m, TIOCSIG, SIGINT) == 0);
        wait_counted(SIGINT, &ints, 2);
        REQ(ioctl(p.m, TIOCSIG, SIGQUIT) == 0 && ioctl(p.m, TIOCSIG, SIGTSTP) == 0);
        wait_counted(SIGQUIT, &quits, 2);
        wait_counted(SIGTSTP, &stops, 2);
        REQ(FAILS(ioctl(p.m, TIOCSIG, SIGTERM), EINVAL));
        REQ(FAILS(ioctl(p.m, TIOCSIG, 0), EINVAL));
        REQ(FAILS(ioctl(p.s, TIOCSIG, SIGINT), ENOTTY));
    });
    CHECK_CHILD("NOFLSH keeps what was typed", {
        catch_all();
        lead_session(p.s);
        set_modes(p.s, ICRNL, OPOST, ISIG | NOFLSH | ICANON);
        put(p.m, "kept\003 too\n");
        wait_counted(SIGINT, &ints, 1);
        REQ(poll_wait(p.s, POLLIN) && reads(p.s, "kept too\n"));
    });
    CHECK_CHILD("without ISIG they are bytes", {
        catch_all();
        lead_session(p.s);
        set_modes(p.s, ICRNL, OPOST, ICANON);
        put(p.m, "\003\034\032\n");
        REQ(poll_wait(p.s, POLLIN) && reads(p.s, "\003\034\032\n"));
    });
    CHECK_CHILD("SIGWINCH when the size changes, by either side", {
        catch_all();
        lead_session(p.s);
        REQ(ioctl(p.m, TIOCSWINSZ, &w) == 0);
        wait_counted(SIGWINCH, &winches, 1);
        REQ(ioctl(p.m, TIOCSWINSZ, &w) == 0);
        w.ws_row++;
        REQ(ioctl(p.s, TIOCSWINSZ, &w) == 0);
        wait_counted(SIGWINCH, &winches, 2);
        REQ(winches == 2);
        REQ(FAILS(ioctl(p.m, TIOCSWINSZ, NULL), EFAULT));
    });
    close_pair(p);
}

/* A child in a group of its own does `act`; returns what wait says first. */
static int in_background(int (*act)(struct pair *), struct pair *p)
{
    int st;
    pid_t c = tap_fork();
    if (c == 0) {
        REQ(setpgid(0, 0) == 0);
        _exit(act(p));
    }
    REQ(waitpid(c, &st, WUNTRACED) == c);
    if (WIFSTOPPED(st)) {
        kill(c, SIGKILL);
        tap_wait(c);
    }
    return st;
}

static int act_read(struct pair *p)
{
    return read(p->s, &(char){0}, 1) < 0 ? errno : 0;
}

static int act_write(struct pair *p)
{
    return write(p->s, "w", 1) < 0 ? errno : 0;
}

static int act_set(struct pair *p)
{
    struct termios t = get_termios(p->s);
    return ioctl(p->s, TCSETS, &t) < 0 ? errno : 0;
}

static int act_group(struct pair *p)
{
    return ioctl(p->s, TIOCSPGRP, &(pid_t){getpid()}) < 0 ? errno : 0;
}

static int act_flush(struct pair *p)
{
    return ioctl(p->s, TCFLSH, TCIFLUSH) < 0 ? errno : 0;
}

static int act_break(struct pair *p)
{
    return ioctl(p->s, TCSBRK, 1) < 0 ? errno : 0;
}

static int act_flow(struct pair *p)
{
    return ioctl(p->s, TCXONC, TCOON) < 0 ? errno : 0;
}

static int act_size(struct pair *p)
{
    return ioctl(p->s, TIOCSWINSZ, &(struct winsize){1, 1, 0, 0}) < 0 ? errno : 0;
}

static int act_line(struct pair *p)
{
    return ioctl(p->s, TIOCSETD, &(int){0}) < 0 ? errno : 0;
}

static int act_get(struct pair *p)
{
    return get_termios(p->s).c_lflag && poll_now(p->s) ? 0 : 1;
}

static int act_master(struct pair *p)
{
    struct termios t = get_termios(p->m);
    return ioctl(p->m, TCSETS, &t) < 0 ? errno : 0;
}

static const struct {
    const char *name;
    int (*act)(struct pair *);
    int sig, ignored, orphan;
} acts[] = {
    {"reading", act_read, SIGTTIN, EIO, EIO},
    {"writing with TOSTOP", act_write, SIGTTOU, 0, EIO},
    {"TCSETS", act_set, SIGTTOU, 0, EIO},
    {"TIOCSPGRP", act_group, SIGTTOU, 0, ENOTTY},
    {"TCFLSH", act_flush, SIGTTOU, 0, EIO},
    {"TCSBRK", act_break, SIGTTOU, 0, EIO},
    {"TCXONC", act_flow, SIGTTOU, 0, EIO},
    {"TIOCSETD", act_line, SIGTTOU, 0, EIO},
    {"TIOCSWINSZ", act_size, 0, 0, 0},
    {"TCGETS", act_get, 0, 0, 0},
    {"TCSETS of the master", act_master, SIGTTOU, 0, EIO},
};

static int stopped_by(int st, int sig)
{
    return sig ? WIFSTOPPED(st) && WSTOPSIG(st) == sig : st == 0;
}

static void background(void)
{
    struct pair p = open_pair();
    for (size_t i = 0; i < COUNT(acts); i++) {
        char name[128];
        snprintf(name, sizeof name, "%s in the background", acts[i].name);
        CHECK_CHILD(name, {
            struct termios t = get_termios(p.s);
            t.c_lflag |= TOSTOP;
            REQ(ioctl(p.s, TCSETS, &t) == 0);
            lead_session(p.s);
            REQ(stopped_by(in_background(acts[i].act, &p), acts[i].sig));
        });
        snprintf(name, sizeof name, "%s there, the signal ignored, then blocked", acts[i].name);
        CHECK_CHILD(name, {
            pid_t id = getpid();
            lead_session(p.s);
            signal(SIGTTIN, SIG_IGN);
            signal(SIGTTOU, SIG_IGN);
            REQ(in_background(acts[i].act, &p) == acts[i].ignored << 8);
            REQ(ioctl(p.s, TIOCSPGRP, &id) == 0);
            signal(SIGTTIN, SIG_DFL);
            signal(SIGTTOU, SIG_DFL);
            sigset_t both;
            sigemptyset(&both);
            sigaddset(&both, SIGTTIN);
            sigaddset(&both, SIGTTOU);
            sigprocmask(SIG_BLOCK, &both, NULL);
            REQ(in_background(acts[i].act, &p) == acts[i].ignored << 8);
        });
        snprintf(name, sizeof name, "%s there, in an orphaned group", acts[i].name);
        CHECK_CHILD(name, {
            int st[2];
            int r = -1;
            make_pipe(st);
            signal(SIGHUP, SIG_IGN);
            lead_session(p.s);
            pid_t c = tap_fork();
            if (c == 0) {
                pid_t me = getpid();
                if (fork() == 0) {
                    REQ(setpgid(0, 0) == 0);
                    while (getppid() == me)
                        msleep(1);
                    r = acts[i].act(&p);
                    (void)!write(st[1], &r, sizeof r);
                }
                _exit(0);
            }
            REQ(tap_wait(c) == 0);
            REQ(read(st[0], &r, sizeof r) == sizeof r && r == acts[i].orphan);
        });
    }
    CHECK_CHILD("a stopped reader goes on in the foreground", {
        int st;
        lead_session(p.s);
        pid_t c = tap_fork();
        if (c == 0) {
            char b = 0;
            REQ(setpgid(0, 0) == 0);
            (void)!read(p.s, &b, 1);
            _exit(b == 'x' ? 0 : 1);
        }
        REQ(waitpid(c, &st, WUNTRACED) == c && WIFSTOPPED(st) && WSTOPSIG(st) == SIGTTIN);
        REQ(ioctl(p.s, TIOCSPGRP, &c) == 0);
        put(p.m, "x\n");
        REQ(kill(-c, SIGCONT) == 0 && waitpid(c, &st, 0) == c && st == 0);
    });
    close_pair(p);
}

int main(void)
{
    of_others();
    getting_one();
    stealing();
    giving_up();
    foreground();
    keys();
    background();
    return tap_end();
}
