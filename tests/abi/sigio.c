// SPDX-License-Identifier: MIT
/* Files that tell by a signal: F_SETOWN, F_SETOWN_EX, F_SETSIG, O_ASYNC and FIOASYNC; SIGIO and SIGURG; who may be sent one. */
#include "tests/abi/unix.h"

#include <asm/ioctls.h>
#include <linux/sockios.h>

#define RT (SIGRTMIN + 5)

static sigset_t ours;

/* What a signal of `ours` says; its number, or 0 when none comes within the seconds (0: at once). */
static int take(siginfo_t *i, int seconds)
{
    struct timespec ts = {seconds, 0};
    memset(i, 0, sizeof *i);
    int sig;
    do
        sig = sigtimedwait(&ours, i, &ts);
    while (sig < 0 && errno == EINTR);
    return sig > 0 ? sig : 0;
}

static int none(void)
{
    siginfo_t i;
    return take(&i, 0) == 0;
}

static void flush(void)
{
    while (!none())
        ;
}

/* The signal is there when the call that causes it returns. */
static int told(int sig, int code, int fd, long band)
{
    siginfo_t i;
    return take(&i, 0) == sig && i.si_code == code && i.si_fd == fd && (i.si_band & 0xffff) == band;
}

static int plain(int sig)
{
    siginfo_t i;
    return take(&i, 0) == sig && i.si_code == SI_KERNEL && i.si_pid == 0;
}

static void arm(int fd, int sig)
{
    REQ(fcntl(fd, F_SETOWN, getpid()) == 0 && fcntl(fd, F_SETSIG, sig) == 0);
    REQ(fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_ASYNC) == 0);
}

static void owners(void)
{
    int p[2];
    struct f_owner_ex o = {7, 7};
    make_pipe(p);
    CHECK(fcntl(p[0], F_GETOWN) == 0 && fcntl(p[0], F_GETOWN_EX, &o) == 0 && o.type == F_OWNER_TID && o.pid == 0,
          "no owner");
    CHECK(fcntl(p[0], F_SETOWN, getpid()) == 0 && fcntl(p[0], F_GETOWN) == getpid(), "a process");
    CHECK(fcntl(p[0], F_GETOWN_EX, &o) == 0 && o.type == F_OWNER_PID && o.pid == getpid(), "and its kind");
    CHECK(fcntl(p[0], F_SETOWN, -getpgrp()) == 0 && fcntl(p[0], F_GETOWN_EX, &o) == 0 && o.type == F_OWNER_PGRP &&
              o.pid == getpgrp(),
          "a group");
    GIVES(fcntl(p[0], F_SETOWN, 32767), ESRCH, "nobody");
    GIVES(fcntl(p[0], F_SETOWN, (int)0x80000000), EINVAL, "the least number");
    CHECK(fcntl(p[0], F_GETOWN_EX, &o) == 0 && o.pid == getpgrp(), "neither changed it");
    o = (struct f_owner_ex){F_OWNER_TID, getpid()};
    CHECK(fcntl(p[0], F_SETOWN_EX, &o) == 0 && fcntl(p[0], F_GETOWN) == getpid(), "a thread");
    o = (struct f_owner_ex){3, getpid()};
    GIVES(fcntl(p[0], F_SETOWN_EX, &o), EINVAL, "another kind");
    o = (struct f_owner_ex){F_OWNER_PID, 32767};
    GIVES(fcntl(p[0], F_SETOWN_EX, &o), ESRCH, "nobody, by the new call");
    o = (struct f_owner_ex){F_OWNER_PID, -getpgrp()};
    GIVES(fcntl(p[0], F_SETOWN_EX, &o), ESRCH, "a number below 0");
    GIVES(fcntl(p[0], F_SETOWN_EX, at_addr(8)), EFAULT, "no address");
    CHECK(fcntl(p[0], F_SETOWN, 0) == 0 && fcntl(p[0], F_GETOWN) == 0, "nobody any more");
    int status, pid = tap_fork();
    if (pid == 0)
        pause();
    REQ(fcntl(p[0], F_SETOWN, pid) == 0);
    int was = fcntl(p[0], F_GETOWN);
    kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
    CHECK(was == pid && fcntl(p[0], F_GETOWN) == 0, "an owner that is gone");
    GIVES(fcntl(p[0], F_SETSIG, 65), EINVAL, "a signal that does not exist");
    CHECK(fcntl(p[0], F_SETSIG, RT) == 0 && fcntl(p[0], F_GETSIG) == RT, "a signal");
    close(p[0]), close(p[1]);
}

static void flags(void)
{
    int p[2], on = 1, off = 0, file = open("sigio.tmp", O_RDWR | O_CREAT | O_TRUNC, 0600);
    make_pipe(p);
    CHECK(fcntl(p[0], F_SETFL, O_ASYNC) == 0 && fcntl(p[0], F_GETFL) & O_ASYNC, "O_ASYNC for a pipe");
    CHECK(ioctl(p[0], FIOASYNC, &off) == 0 && !(fcntl(p[0], F_GETFL) & O_ASYNC), "FIOASYNC takes it off");
    CHECK(ioctl(p[0], FIOASYNC, &on) == 0 && fcntl(p[0], F_GETFL) & O_ASYNC, "and sets it");
    GIVES(ioctl(p[0], FIOASYNC, at_addr(8)), EFAULT, "of no address");
    CHECK(fcntl(file, F_SETFL, O_ASYNC) == 0 && !(fcntl(file, F_GETFL) & O_ASYNC), "a file has none");
    GIVES(ioctl(file, FIOASYNC, &on), ENOTTY, "which the ioctl says");
    GIVES(ioctl(file, FIOASYNC, &off), 0, "unless nothing changes");
    close(file), unlink("sigio.tmp");
    write(p[1], "x", 1);
    CHECK(none(), "nobody is told without an owner");
    close(p[0]), close(p[1]);
}

static void pipes(void)
{
    int p[2];
    char c[8];
    siginfo_t i;
    make_pipe(p);
    REQ(fcntl(p[0], F_SETOWN, getpid()) == 0);
    write(p[1], "x", 1);
    CHECK(none(), "an owner alone is not told");
    REQ(fcntl(p[0], F_SETFL, O_ASYNC) == 0);
    CHECK(none(), "nor of what was there before");
    write(p[1], "x", 1);
    CHECK(plain(SIGIO), "a write: SIGIO, from the kernel");
    read(p[0], c, 1);
    CHECK(none(), "the reader's own read tells it nothing");
    REQ(fcntl(p[0], F_SETSIG, RT) == 0);
    write(p[1], "x", 1);
    CHECK(told(RT, POLL_IN, p[0], POLLIN | POLLRDNORM), "with F_SETSIG: which file, and what");
    write(p[1], "x", 1);
    write(p[1], "x", 1);
    CHECK(told(RT, POLL_IN, p[0], POLLIN | POLLRDNORM) && told(RT, POLL_IN, p[0], POLLIN | POLLRDNORM) && none(),
          "two writes, two signals");
    REQ(fcntl(p[0], F_SETSIG, SIGIO) == 0);
    write(p[1], "x", 1);
    CHECK(told(SIGIO, POLL_IN, p[0], POLLIN | POLLRDNORM), "SIGIO itself, asked for");
    REQ(fcntl(p[0], F_SETSIG, SIGCHLD) == 0);
    write(p[1], "x", 1);
    CHECK(take(&i, 0) == SIGCHLD && i.si_code == SI_SIGIO, "a signal whose codes mean something else");
    arm(p[1], RT);
    read(p[0], c, sizeof c);
    CHECK(told(RT, POLL_OUT, p[1], POLLOUT | POLLWRNORM | POLLWRBAND), "the writer is told of a read");
    REQ(fcntl(p[1], F_SETFL, 0) == 0);
    REQ(fcntl(p[0], F_SETSIG, RT) == 0);
    close(p[1]);
    CHECK(told(RT, POLL_IN, p[0], POLLIN | POLLRDNORM), "the reader, of the end");
    close(p[0]);
    make_pipe(p);
    arm(p[0], RT);
    REQ(fcntl(p[0], F_SETFL, 0) == 0);
    write(p[1], "x", 1);
    CHECK(none(), "taken off again");
    close(p[0]), close(p[1]);
}

static void fifo(void)
{
    unlink("sigio.fifo");
    REQ(mkfifo("sigio.fifo", 0600) == 0);
    int r = open("sigio.fifo", O_RDONLY | O_NONBLOCK), w = open("sigio.fifo", O_WRONLY | O_NONBLOCK);
    REQ(r >= 0 && w >= 0);
    arm(r, RT);
    write(w, "x", 1);
    CHECK(told(RT, POLL_IN, r, POLLIN | POLLRDNORM), "a FIFO");
    int copy = dup(r);
    write(w, "x", 1);
    CHECK(told(RT, POLL_IN, r, POLLIN | POLLRDNORM), "the descriptor is that which asked");
    close(copy), close(r), close(w), unlink("sigio.fifo");
    flush();
}

static void streams(void)
{
    int s[2], size = 4096;
    char buf[4096] = {0};
    REQ(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
    arm(s[0], RT);
    CHECK(fcntl(s[0], F_GETFL) & O_ASYNC, "O_ASYNC for a socket");
    write(s[1], "x", 1);
    CHECK(told(RT, POLL_IN, s[0], POLLIN | POLLRDNORM), "a stream");
    read(s[0], buf, 1);
    CHECK(none(), "its reader's own read tells it nothing");
    arm(s[1], RT);
    write(s[1], "x", 1);
    flush();
    read(s[0], buf, 1);
    CHECK(none(), "nor does a writer hear of room that it did not lack");
    REQ(setsockopt(s[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof size) == 0);
    while (send(s[1], buf, sizeof buf, MSG_DONTWAIT) > 0)
        ;
    flush();
    while (recv(s[0], buf, sizeof buf, MSG_DONTWAIT) > 0)
        ;
    CHECK(told(RT, POLL_OUT, s[1], POLLOUT | POLLWRNORM | POLLWRBAND), "but of what it did");
    flush();
    REQ(fcntl(s[1], F_SETFL, 0) == 0);
    shutdown(s[1], SHUT_WR);
    CHECK(told(RT, POLL_IN, s[0], POLLIN | POLLRDNORM), "one direction is shut down");
    flush();
    close(s[1]);
    CHECK(told(RT, POLL_HUP, s[0], POLLHUP | POLLERR), "the other end is closed");
    shutdown(s[0], SHUT_RDWR);
    CHECK(none(), "its own shutdown tells it nothing");
    close(s[0]);
    flush();
}

static void datagrams(void)
{
    int s[2];
    REQ(socketpair(AF_UNIX, SOCK_DGRAM, 0, s) == 0);
    arm(s[0], RT);
    send(s[1], "x", 1, 0);
    CHECK(told(RT, POLL_IN, s[0], POLLIN | POLLRDNORM) && none(), "a datagram");
    close(s[0]), close(s[1]);
    flush();
}

static void listeners(void)
{
    struct sockaddr_un a;
    socklen_t len = abstract(&a, "sigio");
    int l = socket(AF_UNIX, SOCK_STREAM, 0), c = socket(AF_UNIX, SOCK_STREAM, 0);
    REQ(bind(l, (void *)&a, len) == 0 && listen(l, 4) == 0);
    arm(l, RT);
    REQ(connect(c, (void *)&a, len) == 0);
    CHECK(told(RT, POLL_IN, l, POLLIN | POLLRDNORM), "a connection at a listener");
    int got = accept(l, NULL, NULL);
    CHECK(got >= 0 && fcntl(got, F_GETOWN) == 0 && !(fcntl(got, F_GETFL) & O_ASYNC), "what is accepted has no owner");
    close(l), close(c), close(got);
    flush();
}

static void urgent(void)
{
    int s[2], n = getpid();
    REQ(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
    send(s[1], "x", 1, MSG_OOB);
    CHECK(none(), "an urgent byte without an owner");
    CHECK(ioctl(s[0], FIOSETOWN, &n) == 0 && fcntl(s[0], F_GETOWN) == getpid(), "FIOSETOWN");
    n = 0;
    CHECK(ioctl(s[0], SIOCGPGRP, &n) == 0 && n == getpid(), "SIOCGPGRP");
    n = 32767;
    GIVES(ioctl(s[0], SIOCSPGRP, &n), ESRCH, "SIOCSPGRP of nobody");
    send(s[1], "x", 1, MSG_OOB);
    CHECK(plain(SIGURG) && none(), "an urgent byte: SIGURG, without O_ASYNC");
    arm(s[0], RT);
    send(s[1], "x", 1, MSG_OOB);
    CHECK(plain(SIGURG), "and with it");
    siginfo_t i, j;
    CHECK(take(&i, 0) == RT && take(&j, 0) == RT && i.si_code + j.si_code == POLL_PRI + POLL_IN && none(),
          "then both events");
    close(s[0]), close(s[1]);
    flush();
}

/* Counted by a handler, in whichever thread or process it runs. */
static volatile sig_atomic_t hits;
static volatile pid_t hit_tid;
static void count(int sig)
{
    (void)sig;
    hits++;
    hit_tid = (pid_t)syscall(SYS_gettid);
}

struct other {
    int tell, wait;
    volatile pid_t tid;
};

static void *another(void *arg)
{
    struct other *o = arg;
    o->tid = (pid_t)syscall(SYS_gettid);
    sigset_t s;
    sigemptyset(&s);
    sigaddset(&s, RT);
    pthread_sigmask(SIG_UNBLOCK, &s, NULL);
    token_send(o->tell);
    token_wait(o->wait);
    return NULL;
}

static void threads(void)
{
    int p[2], up[2], down[2];
    pthread_t t;
    make_pipe(p), make_pipe(up), make_pipe(down);
    struct other o = {.tell = up[1], .wait = down[0]};
    signal(RT, count);
    REQ(pthread_create(&t, NULL, another, &o) == 0);
    token_wait(up[0]);
    struct f_owner_ex ex = {F_OWNER_TID, o.tid};
    arm(p[0], RT);
    REQ(fcntl(p[0], F_SETOWN_EX, &ex) == 0);
    hits = 0;
    write(p[1], "x", 1);
    for (int i = 0; i < 2000 && !hits; i++)
        msleep(1);
    CHECK(hits == 1 && hit_tid == o.tid, "F_OWNER_TID: that thread");
    ex.pid = getpid();
    REQ(fcntl(p[0], F_SETOWN_EX, &ex) == 0);
    write(p[1], "x", 1);
    CHECK(told(RT, POLL_IN, p[0], POLLIN | POLLRDNORM) && hits == 1, "another one is not told");
    token_send(down[1]);
    pthread_join(t, NULL);
    signal(RT, SIG_DFL);
    close(p[0]), close(p[1]), close(up[0]), close(up[1]), close(down[0]), close(down[1]);
}

static void groups(void)
{
    CHECK_CHILD("a group: each of its processes", {
        int p[2], ready[2];
        siginfo_t i;
        sigdelset(&ours, SIGCHLD);
        REQ(setpgid(0, 0) == 0);
        make_pipe(p), make_pipe(ready);
        pid_t kid = tap_fork();
        if (kid == 0) {
            token_send(ready[1]);
            _exit(take(&i, 10) == RT && i.si_code == POLL_IN && i.si_fd == p[0] ? 0 : 1);
        }
        token_wait(ready[0]);
        arm(p[0], RT);
        REQ(fcntl(p[0], F_SETOWN, -getpid()) == 0);
        write(p[1], "x", 1);
        REQ(take(&i, 10) == RT);
        REQ(tap_wait(kid) == 0);
    });
}

static void permission(void)
{
    int p[2];
    siginfo_t i;
    make_pipe(p);
    int go[2], done[2];
    make_pipe(go), make_pipe(done);
    pid_t kid = tap_fork();
    if (kid == 0) {
        drop_root();
        token_wait(go[0]);
        arm(p[0], RT);
        REQ(fcntl(p[0], F_SETOWN, getppid()) == 0);
        token_send(done[1]);
        token_wait(go[0]);
        REQ(fcntl(p[0], F_SETOWN, getpid()) == 0);
        token_send(done[1]);
        _exit(take(&i, 10) == RT ? 0 : 1);
    }
    token_send(go[1]);
    token_wait(done[0]);
    write(p[1], "x", 1);
    CHECK(none(), "the owner's right is that of who named it: another user's process is not told");
    token_send(go[1]);
    token_wait(done[0]);
    write(p[1], "x", 1);
    CHECK(tap_wait(kid) == 0, "its own is, whoever writes");
    close(p[0]), close(p[1]);
}

static void races(void)
{
    int s[2];
    CHECK_CHILD("files that go while they tell", {
        for (int n = 0; n < 60; n++) {
            REQ(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
            arm(s[0], 0);
            pid_t kid = tap_fork();
            if (kid == 0) {
                close(s[0]);
                while (send(s[1], "x", 1, MSG_NOSIGNAL | MSG_DONTWAIT) > 0)
                    ;
                _exit(0);
            }
            close(s[1]);
            char c;
            REQ(read(s[0], &c, 1) == 1);
            close(s[0]);
            REQ(tap_wait(kid) == 0);
        }
    });
}

int main(void)
{
    sigemptyset(&ours);
    sigaddset(&ours, SIGIO);
    sigaddset(&ours, SIGURG);
    sigaddset(&ours, SIGCHLD);
    sigaddset(&ours, RT);
    signal(SIGPIPE, SIG_IGN);
    owners();
    REQ(sigprocmask(SIG_BLOCK, &ours, NULL) == 0);
    flags();
    pipes();
    fifo();
    streams();
    datagrams();
    listeners();
    urgent();
    threads();
    groups();
    flush();
    permission();
    races();
    return tap_end();
}
