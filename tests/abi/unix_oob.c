// SPDX-License-Identifier: MIT
/* AF_UNIX streams: the urgent byte, where reads end, SO_OOBINLINE, SIOCATMARK, poll. */
#include "tests/abi/util.h"

#include <linux/sockios.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

static int s[2];
static char buf[64];

static void renew(int inline_)
{
    if (s[0])
        close(s[0]), close(s[1]);
    REQ(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
    REQ(setsockopt(s[1], SOL_SOCKET, SO_OOBINLINE, &inline_, sizeof inline_) == 0);
}

/* What a call without waiting reads, or the errno. */
static const char *take(int flags)
{
    memset(buf, 0, sizeof buf);
    ssize_t n = recv(s[1], buf, sizeof buf - 1, flags | MSG_DONTWAIT);
    return n < 0 ? errno == EAGAIN ? "EAGAIN" : errno == EINVAL ? "EINVAL" : "?" : buf;
}

static int is(const char *a, const char *b)
{
    if (strcmp(a, b) != 0)
        printf("# %s\n", a);
    return strcmp(a, b) == 0;
}

static int at_mark(void)
{
    int at = -1;
    REQ(ioctl(s[1], SIOCATMARK, &at) == 0);
    return at;
}

static int events(void)
{
    struct pollfd p = {s[1], POLLIN | POLLPRI, 0};
    REQ(poll(&p, 1, 0) >= 0);
    return p.revents;
}

static void urgent(void)
{
    renew(0);
    CHECK_ERRNO(send(s[0], "", 0, MSG_OOB), EOPNOTSUPP, "nothing is not urgent");
    CHECK(is(take(MSG_OOB), "EINVAL") && !at_mark() && events() == 0, "none yet");
    CHECK(send(s[0], "abc", 3, MSG_OOB) == 3, "the last byte is");
    CHECK(events() == (POLLIN | POLLPRI), "poll tells");
    CHECK(!at_mark() && is(take(0), "ab"), "a read ends before it");
    CHECK(at_mark(), "which is the mark");
    CHECK(is(take(MSG_OOB | MSG_PEEK), "c") && is(take(MSG_OOB), "c"), "it is taken apart");
    CHECK(is(take(MSG_OOB), "EINVAL") && !(events() & POLLPRI), "once");
    CHECK(is(take(0), "EAGAIN"), "and is not in the stream");
    REQ(send(s[0], "d", 1, MSG_OOB) == 1);
    struct iovec v = {buf, sizeof buf};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1};
    CHECK(recvmsg(s[1], &m, MSG_OOB) == 1 && (m.msg_flags & MSG_OOB) && *buf == 'd', "recvmsg says that it is");
    CHECK_CHILD("a read waits for more than a byte that was taken", {
        REQ(is(take(0), "EAGAIN"));
        REQ(write(s[0], "x", 1) == 1 && is(take(0), "x"));
    });
}

static void marks(void)
{
    int n;
    renew(0);
    REQ(send(s[0], "ab", 2, MSG_OOB) == 2 && send(s[0], "cd", 2, 0) == 2);
    CHECK(is(take(MSG_OOB), "b") && is(take(0), "a"), "a read ends where one was taken");
    CHECK(at_mark() && is(take(0), "cd") && !at_mark(), "and goes on there");
    REQ(send(s[0], "ab", 2, MSG_OOB) == 2 && send(s[0], "cd", 2, 0) == 2);
    CHECK(is(take(0), "a") && is(take(0), "cd"), "one that nobody took is lost");
    CHECK(is(take(MSG_OOB), "EINVAL"), "for good");
    REQ(send(s[0], "ab", 2, MSG_OOB) == 2 && send(s[0], "cd", 2, MSG_OOB) == 2);
    CHECK(is(take(0), "abc") && is(take(MSG_OOB), "d"), "a later one makes it an ordinary byte");
    renew(0);
    REQ(send(s[0], "x", 1, MSG_OOB) == 1);
    CHECK(ioctl(s[1], FIONREAD, &n) == 0 && n == 1 && at_mark(), "FIONREAD counts it");
    REQ(send(s[0], "yz", 2, 0) == 2);
    CHECK(is(take(MSG_PEEK), "yz") && at_mark() && is(take(MSG_OOB), "x"), "a peek passes over it and leaves it");
    CHECK(is(take(0), "yz"), "and what is behind");
}

static void in_line(void)
{
    renew(1);
    REQ(send(s[0], "abc", 3, MSG_OOB) == 3 && send(s[0], "de", 2, 0) == 2);
    CHECK(is(take(MSG_OOB), "EINVAL"), "SO_OOBINLINE: it is not taken apart");
    CHECK(events() == (POLLIN | POLLPRI) && is(take(0), "ab") && at_mark(), "a read ends before it");
    CHECK(is(take(MSG_PEEK), "cde") && at_mark(), "a peek shows it");
    CHECK(is(take(0), "cde") && !at_mark() && events() == 0, "the next begins with it");
}

static void *reads(void *arg)
{
    (void)arg;
    char c[8];
    return (void *)(long)read(s[1], c, sizeof c);
}

static void waiting(void)
{
    pthread_t t;
    void *got;
    renew(0);
    REQ(pthread_create(&t, NULL, reads, NULL) == 0);
    msleep(20);
    REQ(send(s[0], "abc", 3, MSG_OOB) == 3 && pthread_join(t, &got) == 0);
    CHECK((long)got == 2, "a reader that waits gets what is before it");
    CHECK(shutdown(s[1], SHUT_RD) == 0 && signal(SIGPIPE, SIG_IGN) != SIG_ERR && send(s[0], "z", 1, MSG_OOB) == -1 &&
              errno == EPIPE,
          "who does not read is not in a hurry");
    close(s[0]), close(s[1]);
}

int main(void)
{
    urgent();
    marks();
    in_line();
    waiting();
    return tap_end();
}
