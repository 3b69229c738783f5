// SPDX-License-Identifier: MIT
/* SCM_RIGHTS and SCM_CREDENTIALS: descriptors and identities in messages, and cycles of sockets in each other's queues. */
#include "tests/abi/tap.h"
#include "tests/abi/unix.h"

/* Receives up to `room` descriptors; how many came. *flags: msg_flags. -1: recvmsg failed. */
static int recv_fds(int from, int *fds, size_t room, int flags, int *out)
{
    _Alignas(8) char area[CMSG_SPACE(300 * sizeof(int))];
    char buf[16];
    struct iovec v = {buf, sizeof buf};
    struct msghdr m = {
        .msg_iov = &v, .msg_iovlen = 1, .msg_control = area, .msg_controllen = room ? CMSG_LEN(room * sizeof(int)) : 0};
    if (recvmsg(from, &m, flags) < 0)
        return -1;
    if (out)
        *out = m.msg_flags;
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    if (!c || c->cmsg_type != SCM_RIGHTS)
        return 0;
    int n = (int)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
    memcpy(fds, CMSG_DATA(c), (size_t)n * sizeof(int));
    return n;
}

static void test_pass(int type)
{
    int s[2], p[2], fds[8], flags;
    char c;
    REQ(socketpair(AF_UNIX, type, 0, s) == 0 && pipe(p) == 0);
    CHECK(send_fds(s[0], "x", &p[1], 1) == 1, "a descriptor is sent");
    close(p[1]);
    CHECK(events(p[0], POLLIN) == 0, "it lives on its way");
    CHECK(recv_fds(s[1], fds, 4, 0, &flags) == 1 && flags == 0, "and comes");
    CHECK(write(fds[0], "k", 1) == 1 && read(p[0], &c, 1) == 1 && c == 'k', "it is the same file");
    CHECK(fcntl(fds[0], F_GETFD) == 0, "without close-on-exec");
    REQ(send_fds(s[0], "x", fds, 1) == 1);
    int again;
    CHECK(recv_fds(s[1], &again, 1, MSG_CMSG_CLOEXEC, NULL) == 1 && fcntl(again, F_GETFD) == FD_CLOEXEC,
          "MSG_CMSG_CLOEXEC");
    close(again);
    REQ(send_fds(s[0], "x", fds, 1) == 1);
    CHECK(recv_fds(s[1], &again, 1, MSG_PEEK, NULL) == 1 && write(again, "p", 1) == 1, "MSG_PEEK gives a copy");
    close(again);
    CHECK(recv_fds(s[1], &again, 1, 0, NULL) == 1, "and leaves it");
    close(again);
    int two[2] = {fds[0], p[0]};
    REQ(send_fds(s[0], "x", two, 2) == 1);
    CHECK(recv_fds(s[1], fds + 1, 1, 0, &flags) == 1 && flags == MSG_CTRUNC, "no room for both: MSG_CTRUNC");
    close(fds[1]);
    REQ(send_fds(s[0], "x", two, 2) == 1);
    CHECK(recv_fds(s[1], fds + 1, 0, 0, &flags) == 0 && flags == MSG_CTRUNC, "no room at all");
    REQ(send_fds(s[0], "x", &fds[0], 1) == 1);
    CHECK(read(s[1], &c, 1) == 1, "read drops it");
    REQ(send_fds(s[0], "x", &fds[0], 1) == 1);
    close(fds[0]);
    close(s[1]);
    CHECK(read(p[0], &c, 1) == 1 && read(p[0], &c, 1) == 0, "closing the receiver closes what is on its way");
    close(s[0]);
    close(p[0]);
}

static void test_bounds(void)
{
    int s[2], p[2], fds[3], many[300], flags;
    char buf[8];
    REQ(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0 && pipe(p) == 0);
    REQ(write(s[0], "a", 1) == 1 && send_fds(s[0], "bc", p, 1) == 2 && write(s[0], "d", 1) == 1);
    struct iovec v = {buf, 8};
    _Alignas(8) char area[64];
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = area, .msg_controllen = sizeof area};
    CHECK(recvmsg(s[1], &m, 0) == 3 && m.msg_controllen > 0, "a read ends behind a message with descriptors");
    memcpy(fds, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(int));
    close(fds[0]);
    CHECK(read(s[1], buf, 8) == 1, "the rest follows");
    int bad = 99;
    CHECK_ERRNO(send_fds(s[0], "x", &bad, 1), EBADF, "a bad descriptor");
    bad = -1;
    CHECK_ERRNO(send_fds(s[0], "x", &bad, 1), EBADF, "a negative one");
    for (int i = 0; i < 300; i++)
        many[i] = p[0];
    CHECK_ERRNO(send_fds(s[0], "x", many, 254), EINVAL, "more than 253");
    CHECK(send_fds(s[0], "x", many, 253) == 1, "253");
    int got = recv_fds(s[1], many, 253, 0, &flags);
    CHECK(got == 253 && flags == 0, "come");
    for (int i = 0; i < got; i++)
        close(many[i]);
    struct rlimit old, lim;
    getrlimit(RLIMIT_NOFILE, &old);
    lim = (struct rlimit){(rlim_t)s[1] + 8, old.rlim_max};
    REQ(send_fds(s[0], "x", (int[]){p[0], p[0], p[0], p[0], p[0], p[0], p[0], p[0], p[0], p[0]}, 10) == 1);
    setrlimit(RLIMIT_NOFILE, &lim);
    got = recv_fds(s[1], many, 10, 0, &flags);
    setrlimit(RLIMIT_NOFILE, &old);
    CHECK(got > 0 && got < 10 && flags == MSG_CTRUNC, "RLIMIT_NOFILE cuts");
    for (int i = 0; i < got; i++)
        close(many[i]);
    struct cmsghdr *c = (struct cmsghdr *)area;
    m.msg_controllen = sizeof area;
    *c = (struct cmsghdr){.cmsg_len = 8, .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
    CHECK_ERRNO(sendmsg(s[0], &m, 0), EINVAL, "a length below its header's");
    c->cmsg_len = 1000;
    CHECK_ERRNO(sendmsg(s[0], &m, 0), EINVAL, "one beyond the area");
    *c = (struct cmsghdr){.cmsg_len = CMSG_LEN(4), .cmsg_level = SOL_SOCKET, .cmsg_type = 77};
    CHECK_ERRNO(sendmsg(s[0], &m, 0), EINVAL, "an unknown type");
    c->cmsg_type = SCM_CREDENTIALS;
    CHECK_ERRNO(sendmsg(s[0], &m, 0), EINVAL, "credentials of a wrong length");
    close(s[0]), close(s[1]), close(p[0]), close(p[1]);
}

/* The close of a socket is the collector's reason to run. */
static void nudge(void)
{
    int u[2];
    REQ(socketpair(AF_UNIX, SOCK_DGRAM, 0, u) == 0);
    close(u[0]), close(u[1]);
}

/* True when the pipe's write end, which only garbage holds, is closed. */
static int closes(int fd)
{
    struct pollfd p = {fd, POLLIN, 0};
    nudge();
    return poll(&p, 1, 20000) == 1 && p.revents == POLLHUP;
}

static void test_cycles(void)
{
    int s[2], t[2], p[2];
    REQ(pipe(p) == 0 && socketpair(AF_UNIX, SOCK_DGRAM, 0, s) == 0);
    REQ(send_fds(s[0], "x", &s[1], 1) == 1 && send_fds(s[0], "x", &p[1], 1) == 1);
    close(s[0]), close(s[1]), close(p[1]);
    CHECK(closes(p[0]), "a socket in its own queue");
    close(p[0]);
    REQ(pipe(p) == 0 && socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0 && socketpair(AF_UNIX, SOCK_STREAM, 0, t) == 0);
    REQ(send_fds(s[0], "x", t, 2) == 1 && send_fds(t[0], "x", s, 2) == 1 && send_fds(t[1], "x", &p[1], 1) == 1);
    close(s[0]), close(s[1]), close(t[0]), close(t[1]), close(p[1]);
    CHECK(closes(p[0]), "two pairs in each other's");
    close(p[0]);
    REQ(pipe(p) == 0 && socketpair(AF_UNIX, SOCK_DGRAM, 0, s) == 0 && socketpair(AF_UNIX, SOCK_DGRAM, 0, t) == 0);
    REQ(send_fds(s[0], "x", &s[1], 1) == 1 && send_fds(s[0], "x", &p[1], 1) == 1 && send_fds(t[0], "x", &s[1], 1) == 1);
    close(s[0]), close(s[1]), close(p[1]);
    int fd, fds[2];
    nudge();
    usleep(50000);
    CHECK(events(p[0], POLLIN) == 0 && recv_fds(t[1], &fd, 1, 0, NULL) == 1, "what can be received lives");
    CHECK(recv_fds(fd, fds, 1, 0, NULL) == 1 && recv_fds(fd, fds + 1, 1, 0, NULL) == 1 && write(fds[1], "y", 1) == 1,
          "whole");
    close(fd), close(fds[0]), close(fds[1]), close(t[0]), close(t[1]), close(p[0]);
    struct sockaddr_un a;
    socklen_t al = abstract(&a, "gc");
    int l = socket(AF_UNIX, SOCK_STREAM, 0), c = socket(AF_UNIX, SOCK_STREAM, 0);
    REQ(pipe(p) == 0 && bind(l, (void *)&a, al) == 0 && listen(l, 5) == 0 && connect(c, (void *)&a, al) == 0);
    REQ(send_fds(c, "x", &l, 1) == 1 && send_fds(c, "x", &p[1], 1) == 1);
    close(l), close(c), close(p[1]);
    CHECK(closes(p[0]), "a listener in the queue of one that waits at it");
    close(p[0]);
    int good = 1;
    for (int i = 0; i < 200; i++) {
        REQ(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
        good &= send_fds(s[0], "x", s, 2) == 1 && send_fds(s[1], "x", s, 2) == 1;
        close(s[0]), close(s[1]);
    }
    CHECK(good, "200 cycles");
    REQ(socketpair(AF_UNIX, SOCK_DGRAM, 0, s) == 0);
    for (int i = 0; i < 300; i++) { /* each in the queue of the next */
        REQ(socketpair(AF_UNIX, SOCK_DGRAM, 0, t) == 0 && send_fds(t[0], "x", s, 2) == 1);
        close(s[0]), close(s[1]);
        s[0] = t[0], s[1] = t[1];
    }
    close(s[0]);
    CHECK(close(s[1]) == 0, "a chain of 300 is closed");
}

/* Cycles of which no socket is ever released, so that no close is a reason to collect. Linux does it from 16000 on. */
static void test_many_cycles(void)
{
    struct rlimit before, more;
    int s[2], fds[100], good = 1;
    REQ(getrlimit(RLIMIT_NOFILE, &before) == 0);
    more = (struct rlimit){18000, before.rlim_max};
    if (before.rlim_max < more.rlim_cur) {
        SKIP("cycles without end", "the limit of open files is too low");
        return;
    }
    REQ(setrlimit(RLIMIT_NOFILE, &more) == 0);
    nudge();
    for (int i = 0; i < 400 && good; i++) {
        REQ(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
        for (int k = 0; k < 100; k++)
            fds[k] = s[k & 1];
        good &= send_fds(s[0], "x", fds, 100) == 1 && send_fds(s[1], "x", s, 2) == 1;
        close(s[0]), close(s[1]);
    }
    nudge();
    CHECK(good, "cycles without end");
    REQ(setrlimit(RLIMIT_NOFILE, &before) == 0);
}

static int recv_cred(int fd, struct ucred *u, int flags)
{
    _Alignas(8) char area[128];
    char buf[16];
    struct iovec v = {buf, sizeof buf};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = area, .msg_controllen = sizeof area};
    ssize_t n = recvmsg(fd, &m, flags);
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    if (n < 0 || !c || c->cmsg_type != SCM_CREDENTIALS || c->cmsg_len != CMSG_LEN(sizeof *u))
        return -1;
    memcpy(u, CMSG_DATA(c), sizeof *u);
    return (int)n;
}

static void test_credentials(void)
{
    int s[2], on = 1;
    struct ucred u = {0};
    socklen_t len = sizeof u;
    char buf[8];
    REQ(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
    CHECK(getsockopt(s[0], SOL_SOCKET, SO_PEERCRED, &u, &len) == 0 && u.pid == getpid() && u.uid == geteuid(),
          "SO_PEERCRED");
    REQ(setsockopt(s[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof on) == 0);
    REQ(write(s[0], "me", 2) == 2);
    CHECK(recv_cred(s[1], &u, 0) == 2 && u.pid == getpid() && u.uid == getuid() && u.gid == getgid(), "SO_PASSCRED");
    pid_t pid = tap_fork();
    if (pid == 0) {
        REQ(write(s[0], "child", 5) == 5);
        _exit(0);
    }
    tap_wait(pid);
    REQ(write(s[0], "me", 2) == 2);
    CHECK(recv_cred(s[1], &u, 0) == 5 && u.pid == pid, "a read does not mix two senders");
    CHECK(recv_cred(s[1], &u, 0) == 2 && u.pid == getpid(), "the second comes after");
    struct iovec v = {(void *)"x", 1}, in = {buf, 8};
    _Alignas(8) char area[CMSG_SPACE(sizeof u)] = {0};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = area, .msg_controllen = sizeof area};
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    *c = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof u), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_CREDENTIALS};
    u = (struct ucred){getpid(), getuid(), getgid()};
    memcpy(CMSG_DATA(c), &u, sizeof u);
    CHECK(sendmsg(s[0], &m, 0) == 1 && recv_cred(s[1], &u, 0) == 1 && u.pid == getpid(), "one's own, said");
    u.pid = 1;
    memcpy(CMSG_DATA(c), &u, sizeof u);
    if (getpid() != 1)
        CHECK_ERRNO(sendmsg(s[0], &m, 0), EPERM, "another's pid");
    else
        SKIP("another's pid", "PID 1");
    CHECK_CHILD("another's uid, without rights", {
        REQ(setgid(NOBODY) == 0 && setuid(NOBODY) == 0);
        u = (struct ucred){getpid(), 0, NOBODY};
        memcpy(CMSG_DATA(c), &u, sizeof u);
        REQ(sendmsg(s[0], &m, 0) == -1 && errno == EPERM);
        u = (struct ucred){getpid(), NOBODY, 0};
        memcpy(CMSG_DATA(c), &u, sizeof u);
        REQ(sendmsg(s[0], &m, 0) == -1 && errno == EPERM);
        u = (struct ucred){1, (uid_t)-1, NOBODY};
        memcpy(CMSG_DATA(c), &u, sizeof u);
        REQ(sendmsg(s[0], &m, 0) == -1 && errno == EINVAL);
    });
    m = (struct msghdr){.msg_iov = &in, .msg_iovlen = 1};
    REQ(write(s[0], "x", 1) == 1);
    CHECK(recvmsg(s[1], &m, 0) == 1 && m.msg_flags == MSG_CTRUNC, "no area for it: MSG_CTRUNC");
    m = (struct msghdr){.msg_iov = &in, .msg_iovlen = 1, .msg_control = area, .msg_controllen = 20};
    REQ(write(s[0], "x", 1) == 1);
    CHECK(recvmsg(s[1], &m, 0) == 1 && m.msg_flags == MSG_CTRUNC && m.msg_controllen == 20 && c->cmsg_len == 20,
          "a small one is filled");
    close(s[0]), close(s[1]);
    REQ(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0 && write(s[0], "ab", 2) == 2 && write(s[0], "c", 1) == 1);
    REQ(setsockopt(s[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof on) == 0 && write(s[0], "d", 1) == 1);
    CHECK(recv_cred(s[1], &u, 0) == 3 && u.pid == 0 && u.uid == NOBODY, "a read takes all that bears no name");
    CHECK(recv_cred(s[1], &u, 0) == 1 && u.pid == getpid(), "and stops before one");
    close(s[0]), close(s[1]);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    len = sizeof u;
    CHECK(getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &u, &len) == 0 && u.pid == 0 && u.uid == (uid_t)-1,
          "SO_PEERCRED without a peer");
    close(fd);
}

int main(void)
{
    test_pass(SOCK_STREAM);
    test_pass(SOCK_DGRAM);
    test_bounds();
    test_cycles();
    test_many_cycles();
    test_credentials();
    return tap_end();
}
