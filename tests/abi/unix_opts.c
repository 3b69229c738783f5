// SPDX-License-Identifier: MIT
/* Options of SOL_SOCKET and ioctls, as AF_UNIX answers them. */
#include "tests/abi/tap.h"
#include "tests/abi/unix.h"

#include <linux/sockios.h>

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77
#endif

static int set(int fd, int name, int v)
{
    return setsockopt(fd, SOL_SOCKET, name, &v, sizeof v);
}

static void test_facts(int fd)
{
    CHECK(intopt(fd, SO_TYPE) == SOCK_STREAM && intopt(fd, SO_DOMAIN) == AF_UNIX, "SO_TYPE, SO_DOMAIN");
    CHECK(intopt(fd, SO_PROTOCOL) == 0, "SO_PROTOCOL");
    CHECK(intopt(fd, SO_ERROR) == 0 && intopt(fd, SO_ACCEPTCONN) == 0, "SO_ERROR, SO_ACCEPTCONN");
    CHECK(intopt(fd, SO_SNDLOWAT) == 1 && intopt(fd, SO_RCVLOWAT) == 1, "SO_SNDLOWAT, SO_RCVLOWAT");
    CHECK(intopt(fd, SO_PEEK_OFF) == -1, "SO_PEEK_OFF is off");
    CHECK_ERRNO(set(fd, SO_TYPE, 1), ENOPROTOOPT, "SO_TYPE cannot be set");
    CHECK_ERRNO(set(fd, SO_DOMAIN, 1), ENOPROTOOPT, "SO_DOMAIN neither");
    CHECK_ERRNO(set(fd, SO_PROTOCOL, 1), ENOPROTOOPT, "SO_PROTOCOL neither");
    CHECK_ERRNO(set(fd, SO_ERROR, 1), ENOPROTOOPT, "SO_ERROR neither");
    CHECK_ERRNO(set(fd, SO_ACCEPTCONN, 1), ENOPROTOOPT, "SO_ACCEPTCONN neither");
    CHECK_ERRNO(set(fd, SO_SNDLOWAT, 1), ENOPROTOOPT, "SO_SNDLOWAT neither");
    CHECK_ERRNO(set(fd, SO_PEERCRED, 1), ENOPROTOOPT, "SO_PEERCRED neither");
}

static void test_booleans(int fd)
{
    static const struct {
        int name;
        const char *what;
    } list[] = {{SO_REUSEADDR, "SO_REUSEADDR"}, {SO_KEEPALIVE, "SO_KEEPALIVE"}, {SO_BROADCAST, "SO_BROADCAST"},
                {SO_OOBINLINE, "SO_OOBINLINE"}, {SO_DONTROUTE, "SO_DONTROUTE"}, {SO_PASSCRED, "SO_PASSCRED"},
                {SO_TIMESTAMP, "SO_TIMESTAMP"}};
    for (size_t i = 0; i < COUNT(list); i++) {
        int before = intopt(fd, list[i].name);
        int on = set(fd, list[i].name, 5) == 0 ? intopt(fd, list[i].name) : -1;
        int off = set(fd, list[i].name, 0) == 0 ? intopt(fd, list[i].name) : -1;
        CHECK(before == 0 && on == 1 && off == 0, list[i].what);
    }
    CHECK_ERRNO(set(fd, SO_DEBUG, 1), EACCES, "SO_DEBUG without the right");
    CHECK(set(fd, SO_DEBUG, 0) == 0, "SO_DEBUG off");
    CHECK_ERRNO(set(fd, SO_REUSEPORT, 1), EOPNOTSUPP, "SO_REUSEPORT is for others");
}

static void test_numbers(int fd)
{
    CHECK(set(fd, SO_SNDBUF, 20000) == 0 && intopt(fd, SO_SNDBUF) == 40000, "SO_SNDBUF is doubled");
    CHECK(set(fd, SO_RCVBUF, 20000) == 0 && intopt(fd, SO_RCVBUF) == 40000, "SO_RCVBUF is doubled");
    CHECK(set(fd, SO_SNDBUF, 1) == 0 && intopt(fd, SO_SNDBUF) == 4608, "SO_SNDBUF has a least");
    CHECK(set(fd, SO_RCVBUF, 1) == 0 && intopt(fd, SO_RCVBUF) == 2304, "SO_RCVBUF has a least");
    CHECK_ERRNO(set(fd, SO_SNDBUFFORCE, 1), EPERM, "SO_SNDBUFFORCE without the right");
    CHECK_ERRNO(set(fd, SO_RCVBUFFORCE, 1), EPERM, "SO_RCVBUFFORCE without the right");
    CHECK(set(fd, SO_PRIORITY, 6) == 0 && intopt(fd, SO_PRIORITY) == 6, "SO_PRIORITY");
    CHECK(set(fd, SO_PRIORITY, 7) == 0 && intopt(fd, SO_PRIORITY) == 7, "SO_PRIORITY with CAP_NET_RAW");
    CHECK(set(fd, SO_MARK, 5) == 0 && intopt(fd, SO_MARK) == 5, "SO_MARK with CAP_NET_RAW");
    CHECK_CHILD("SO_PRIORITY and SO_MARK without it", {
        REQ(setuid(NOBODY) == 0);
        errno = 0;
        REQ(set(fd, SO_PRIORITY, 7) == -1 && errno == EPERM);
        REQ(set(fd, SO_PRIORITY, -1) == -1 && errno == EPERM);
        REQ(set(fd, SO_PRIORITY, 6) == 0);
        REQ(set(fd, SO_MARK, 5) == -1 && errno == EPERM);
    });
    CHECK(set(fd, SO_RCVLOWAT, 10) == 0 && intopt(fd, SO_RCVLOWAT) == 10, "SO_RCVLOWAT");
    CHECK(set(fd, SO_RCVLOWAT, 0) == 0 && intopt(fd, SO_RCVLOWAT) == 1, "SO_RCVLOWAT is at least 1");
    struct linger l = {1, 7}, got = {0};
    socklen_t len = sizeof got;
    CHECK(setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, sizeof l) == 0, "SO_LINGER");
    CHECK(getsockopt(fd, SOL_SOCKET, SO_LINGER, &got, &len) == 0 && got.l_onoff == 1 && got.l_linger == 7,
          "is read back");
    CHECK_ERRNO(setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, 4), EINVAL, "SO_LINGER: a short one");
    struct timeval t = {3, 0}, back = {9, 9};
    len = sizeof back;
    CHECK(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t) == 0, "SO_RCVTIMEO");
    CHECK(getsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &back, &len) == 0 && back.tv_sec == 3 && len == sizeof t,
          "is read back");
    CHECK(getsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &back, &len) == 0 && back.tv_sec == 0, "SO_SNDTIMEO: none");
    t.tv_usec = 1000000;
    CHECK_ERRNO(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof t), EDOM, "too many microseconds");
    CHECK_ERRNO(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &t, 8), EINVAL, "a short one");
}

static void test_errors(int fd)
{
    int v = 1;
    socklen_t len = sizeof v;
    CHECK_ERRNO(set(fd, 9999, 1), ENOPROTOOPT, "an unknown option");
    CHECK(intopt(fd, 9999) == -ENOPROTOOPT, "read");
    CHECK_ERRNO(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &v, 3), EINVAL, "a short value");
    CHECK_ERRNO(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &v, (socklen_t)-1), EINVAL, "a negative length");
    CHECK_ERRNO(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, at_addr(8), 4), EFAULT, "a bad pointer");
    CHECK_ERRNO(setsockopt(fd, 6, 1, &v, sizeof v), EOPNOTSUPP, "TCP_NODELAY");
    CHECK_ERRNO(getsockopt(fd, 6, 1, &v, &len), EOPNOTSUPP, "TCP_NODELAY, read");
    CHECK_ERRNO(getsockopt(fd, SOL_SOCKET, SO_TYPE, &v, at_addr(8)), EFAULT, "a bad length's pointer");
    CHECK_ERRNO(getsockopt(fd, SOL_SOCKET, SO_TYPE, at_addr(8), &len), EFAULT, "a bad value's pointer");
    len = (socklen_t)-1;
    CHECK_ERRNO(getsockopt(fd, SOL_SOCKET, SO_TYPE, &v, &len), EINVAL, "a negative room");
    len = 2;
    v = -1;
    CHECK(getsockopt(fd, SOL_SOCKET, SO_TYPE, &v, &len) == 0 && len == 2 && (v & 0xffff) == 1, "two bytes of room");
    len = 100;
    char big[100];
    CHECK(getsockopt(fd, SOL_SOCKET, SO_TYPE, big, &len) == 0 && len == 4, "more room than needed");
    CHECK_ERRNO(setsockopt(99, SOL_SOCKET, SO_TYPE, &v, 4), EBADF, "a bad descriptor");
}

static void test_peers(void)
{
    int s[2];
    gid_t groups[64];
    socklen_t len = sizeof groups;
    struct sockaddr_un a;
    REQ(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
    int n = getgroups(0, NULL);
    CHECK(getsockopt(s[0], SOL_SOCKET, SO_PEERGROUPS, groups, &len) == 0 && len == (socklen_t)n * sizeof(gid_t),
          "SO_PEERGROUPS");
    len = 2;
    CHECK(getsockopt(s[0], SOL_SOCKET, SO_PEERNAME, &a, &len) == 0 && a.sun_family == AF_UNIX, "SO_PEERNAME");
    unsigned long long c[2];
    len = sizeof c[0];
    CHECK(getsockopt(s[0], SOL_SOCKET, SO_COOKIE, &c[0], &len) == 0 && len == 8 && c[0], "SO_COOKIE");
    CHECK(getsockopt(s[1], SOL_SOCKET, SO_COOKIE, &c[1], &len) == 0 && c[0] != c[1], "is each socket's own");
    close(s[0]), close(s[1]);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    len = sizeof groups;
    CHECK_ERRNO(getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &len), ENODATA, "SO_PEERGROUPS without a peer");
    int pidfd = -1;
    len = sizeof pidfd;
    CHECK_ERRNO(getsockopt(fd, SOL_SOCKET, SO_PEERPIDFD, &pidfd, &len), ENODATA, "SO_PEERPIDFD without a peer");
    len = sizeof a;
    CHECK_ERRNO(getsockopt(fd, SOL_SOCKET, SO_PEERNAME, &a, &len), ENOTCONN, "SO_PEERNAME without a peer");
    close(fd);
}

static void test_ioctls(void)
{
    int s[2], n = -1, on = 1;
    char c;
    REQ(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
    REQ(write(s[0], "abc", 3) == 3 && write(s[0], "de", 2) == 2);
    CHECK(ioctl(s[1], FIONREAD, &n) == 0 && n == 5, "FIONREAD");
    CHECK(ioctl(s[0], SIOCOUTQ, &n) == 0 && n >= 5, "SIOCOUTQ: what is under way");
    char buf[8];
    REQ(read(s[1], buf, 8) == 5);
    CHECK(ioctl(s[0], SIOCOUTQ, &n) == 0 && n == 0, "SIOCOUTQ: nothing");
    CHECK(ioctl(s[0], FIONBIO, &on) == 0 && read(s[0], &c, 1) == -1 && fcntl(s[0], F_GETFL) & O_NONBLOCK, "FIONBIO");
    CHECK_ERRNO(ioctl(s[0], TCGETS, buf), ENOTTY, "TCGETS");
    CHECK(isatty(s[0]) == 0, "no terminal");
    CHECK_ERRNO(ioctl(s[0], FIONREAD, at_addr(8)), EFAULT, "a bad pointer");
    struct sockaddr_un a;
    socklen_t al = abstract(&a, "ioctl");
    int l = socket(AF_UNIX, SOCK_STREAM, 0);
    REQ(bind(l, (void *)&a, al) == 0 && listen(l, 1) == 0);
    CHECK_ERRNO(ioctl(l, FIONREAD, &n), EINVAL, "FIONREAD of a listener");
    close(l), close(s[0]), close(s[1]);
}

/* Who made the socket at the other end, as a descriptor. */
static void peer_pidfd(void)
{
    int fd = -1, me = -1, s[2];
    socklen_t len = sizeof fd;
    siginfo_t info;
    struct sockaddr_un a = {.sun_family = AF_UNIX, .sun_path = "peer.sock"};
    int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    unlink(a.sun_path);
    REQ(bind(listener, (struct sockaddr *)&a, sizeof a) == 0 && listen(listener, 1) == 0);
    pid_t pid = tap_fork();
    if (pid == 0) {
        int c = socket(AF_UNIX, SOCK_STREAM, 0);
        REQ(connect(c, (struct sockaddr *)&a, sizeof a) == 0);
        REQ(getsockopt(c, SOL_SOCKET, SO_PEERPIDFD, &fd, &len) == 0);
        REQ(waitid(P_PIDFD, fd, &info, WEXITED | WNOHANG) == -1 && errno == ECHILD); /* its parent */
        pause();
    }
    int end = accept(listener, NULL, NULL);
    CHECK(getsockopt(end, SOL_SOCKET, SO_PEERPIDFD, &fd, &len) == 0 && len == sizeof fd, "SO_PEERPIDFD");
    CHECK(fcntl(fd, F_GETFD) == FD_CLOEXEC, "is closed by exec");
    CHECK(syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0) == 0 && tap_killed(tap_wait(pid), SIGKILL),
          "is the process that connected");
    struct pollfd p = {fd, POLLIN, 0};
    CHECK(poll(&p, 1, 0) == 1, "says that it ended");
    REQ(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
    CHECK(getsockopt(s[0], SOL_SOCKET, SO_PEERPIDFD, &me, &len) == 0 &&
              syscall(SYS_pidfd_send_signal, me, 0, NULL, 0) == 0,
          "of a pair it is its maker");
    CHECK_ERRNO(getsockopt(s[0], SOL_SOCKET, SO_PEERPIDFD, at_addr(8), &len), EFAULT, "no room for it");
    close(fd), close(me), close(end), close(listener), close(s[0]), close(s[1]);
    unlink(a.sun_path);
}

int main(void)
{
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    REQ(fd >= 0);
    test_facts(fd);
    test_booleans(fd);
    test_numbers(fd);
    test_errors(fd);
    close(fd);
    test_peers();
    test_ioctls();
    peer_pidfd();
    return tap_end();
}
