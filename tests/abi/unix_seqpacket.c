// SPDX-License-Identifier: MIT
/* AF_UNIX seqpackets: connections of messages. */
#include "tests/abi/tap.h"
#include "tests/abi/unix.h"

static void test_pair(void)
{
    int s[2];
    char buf[16];
    struct iovec v = {buf, 2};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1};
    REQ(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, s) == 0);
    REQ(write(s[0], "ab", 2) == 2 && send(s[0], "cde", 3, MSG_EOR) == 3);
    int n = 0;
    CHECK(ioctl(s[1], FIONREAD, &n) == 0 && n == 5, "FIONREAD: all of it");
    CHECK(recvmsg(s[1], &m, 0) == 2 && m.msg_flags == 0, "a whole message");
    CHECK(recvmsg(s[1], &m, 0) == 2 && m.msg_flags == MSG_TRUNC, "a cut one");
    CHECK_ERRNO(recv(s[1], buf, 1, MSG_DONTWAIT), EAGAIN, "the rest of it is lost");
    struct sockaddr_un a = {.sun_family = AF_UNIX, .sun_path = "/nowhere"};
    CHECK(sendto(s[0], "x", 1, 0, (void *)&a, sizeof a) == 1 && recv(s[1], buf, 9, 0) == 1, "an address is ignored");
    CHECK(send(s[0], "", 0, 0) == 0 && events(s[1], POLLIN) == POLLIN && recv(s[1], buf, 9, 0) == 0,
          "an empty message");
    CHECK_ERRNO(recv(s[1], buf, 9, MSG_OOB), EOPNOTSUPP, "MSG_OOB of recv");
    CHECK_ERRNO(send(s[0], buf, 9, MSG_OOB), EOPNOTSUPP, "MSG_OOB of send");
    REQ(write(s[0], "abcd", 4) == 4 && write(s[0], "ef", 2) == 2);
    CHECK(recv(s[1], buf, 2, MSG_PEEK) == 2 && recv(s[1], buf, 9, MSG_PEEK) == 4 && recv(s[1], buf, 9, 0) == 4,
          "MSG_PEEK");
    close(s[0]);
    CHECK(recv(s[1], buf, 9, 0) == 2 && recv(s[1], buf, 9, 0) == 0, "the rest, then the end");
    CHECK(recv(s[1], buf, 9, MSG_DONTWAIT) == 0, "the end, without waiting");
    CHECK_ERRNO(write(s[1], "x", 1), EPIPE, "EPIPE without a signal");
    CHECK_ERRNO(send(s[1], "x", 1, 0), EPIPE, "the same of send");
    CHECK(events(s[1], POLLIN | POLLOUT | POLLRDHUP) == (POLLIN | POLLOUT | POLLHUP | POLLRDHUP), "poll");
    close(s[1]);
    REQ(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, s) == 0 && write(s[0], "x", 1) == 1);
    close(s[1]);
    CHECK_ERRNO(recv(s[0], buf, 1, 0), ECONNRESET, "closed with unread messages");
    CHECK(recv(s[0], buf, 1, 0) == 0, "once");
    close(s[0]);
    REQ(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, s) == 0 && write(s[0], "x", 1) == 1 && write(s[1], "y", 1) == 1);
    close(s[1]);
    CHECK_ERRNO(recv(s[0], buf, 1, 0), ECONNRESET, "before the messages that came");
    CHECK(recv(s[0], buf, 9, 0) == 1 && recv(s[0], buf, 9, 0) == 0, "those, then the end");
    close(s[0]);
}

static void test_connection(void)
{
    struct sockaddr_un a;
    socklen_t al = abstract(&a, "seq");
    int l = socket(AF_UNIX, SOCK_SEQPACKET, 0), c = socket(AF_UNIX, SOCK_SEQPACKET, 0),
        d = socket(AF_UNIX, SOCK_STREAM, 0);
    char buf[8];
    CHECK_ERRNO(send(c, "x", 1, 0), ENOTCONN, "send without a peer");
    CHECK_ERRNO(recv(c, buf, 1, 0), ENOTCONN, "recv without a peer");
    CHECK((events(c, POLLIN | POLLOUT) & POLLHUP) == POLLHUP, "poll without a peer");
    REQ(bind(l, (void *)&a, al) == 0 && listen(l, 3) == 0);
    CHECK_ERRNO(connect(d, (void *)&a, al), ECONNREFUSED, "an abstract name of another type");
    CHECK(connect(c, (void *)&a, al) == 0 && write(c, "abc", 3) == 3, "connect");
    int s = accept(l, NULL, NULL);
    CHECK(s >= 0 && read(s, buf, 8) == 3, "accept");
    CHECK(intopt(s, SO_TYPE) == SOCK_SEQPACKET, "SO_TYPE");
    CHECK(shutdown(c, SHUT_WR) == 0 && read(s, buf, 8) == 0 && write(s, "y", 1) == 1 && read(c, buf, 8) == 1,
          "SHUT_WR");
    close(l), close(c), close(d), close(s);
}

static void *echo(void *arg)
{
    int fd = *(int *)arg;
    char buf[300];
    ssize_t n;
    while ((n = read(fd, buf, sizeof buf)) > 0)
        if (write(fd, buf, (size_t)n) != n)
            return (void *)1;
    return NULL;
}

static void test_race(void)
{
    int s[2], bad = 0;
    pthread_t t;
    char buf[300], got[300];
    REQ(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, s) == 0 && pthread_create(&t, NULL, echo, &s[1]) == 0);
    for (int i = 0; i < 2000; i++) {
        size_t n = 1 + (size_t)i % sizeof buf;
        memset(buf, i, n);
        bad +=
            write(s[0], buf, n) != (ssize_t)n || read(s[0], got, sizeof got) != (ssize_t)n || memcmp(buf, got, n) != 0;
    }
    void *ret;
    shutdown(s[0], SHUT_WR);
    pthread_join(t, &ret);
    CHECK(!bad && !ret, "2000 messages there and back");
    close(s[0]), close(s[1]);
}

int main(void)
{
    test_pair();
    test_connection();
    test_race();
    return tap_end();
}
