// SPDX-License-Identifier: MIT
/* AF_UNIX datagrams: messages stay whole, names, full queues, connected ones. */
#include "tests/abi/tap.h"
#include "tests/abi/unix.h"

static int bound(struct sockaddr_un *a, socklen_t *len, const char *name)
{
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    *len = abstract(a, name);
    REQ(fd >= 0 && bind(fd, (void *)a, *len) == 0);
    return fd;
}

static void test_pair(void)
{
    int s[2];
    char buf[16];
    REQ(socketpair(AF_UNIX, SOCK_DGRAM, 0, s) == 0);
    REQ(write(s[0], "ab", 2) == 2 && write(s[0], "cde", 3) == 3);
    int n = 0;
    CHECK(ioctl(s[1], FIONREAD, &n) == 0 && n == 2, "FIONREAD: the first one's length");
    CHECK(read(s[1], buf, 16) == 2 && read(s[1], buf, 16) == 3, "messages stay apart");
    REQ(write(s[0], "abcdef", 6) == 6 && write(s[0], "x", 1) == 1);
    CHECK(read(s[1], buf, 2) == 2 && read(s[1], buf, 16) == 1, "what does not fit is lost");
    REQ(write(s[0], "abcdef", 6) == 6);
    CHECK(recv(s[1], buf, 2, MSG_TRUNC | MSG_PEEK) == 6 && recv(s[1], buf, 2, MSG_TRUNC) == 6,
          "MSG_TRUNC tells its length");
    REQ(write(s[0], "abcdef", 6) == 6);
    struct iovec v = {buf, 3};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1};
    CHECK(recvmsg(s[1], &m, 0) == 3 && m.msg_flags == MSG_TRUNC, "recvmsg says that it was cut");
    CHECK(send(s[0], "", 0, 0) == 0 && recv(s[1], buf, 16, MSG_DONTWAIT) == 0, "an empty message");
    CHECK_ERRNO(recv(s[1], buf, 16, MSG_DONTWAIT), EAGAIN, "and no other");
    CHECK_ERRNO(recv(s[1], buf, 16, MSG_OOB), EOPNOTSUPP, "MSG_OOB of recv");
    CHECK_ERRNO(send(s[1], buf, 16, MSG_OOB), EOPNOTSUPP, "MSG_OOB of send");
    char *big = malloc(1 << 20);
    memset(big, 'q', 1 << 20);
    CHECK(send(s[0], big, 100000, 0) == 100000 && recv(s[1], big, 1 << 20, 0) == 100000 && big[99999] == 'q',
          "a large one");
    CHECK_ERRNO(send(s[0], big, 1 << 20, 0), EMSGSIZE, "one that is too large");
    free(big);
    close(s[1]);
    CHECK_ERRNO(send(s[0], "x", 1, 0), ECONNREFUSED, "the peer is gone");
    CHECK_ERRNO(send(s[0], "x", 1, 0), ENOTCONN, "and forgotten");
    close(s[0]);
}

static void test_names(void)
{
    struct sockaddr_un a, b, from;
    socklen_t al, bl, fl = sizeof from;
    int r = bound(&a, &al, "r"), s = bound(&b, &bl, "s"), u = socket(AF_UNIX, SOCK_DGRAM, 0);
    char buf[8];
    CHECK(sendto(s, "hi", 2, 0, (void *)&a, al) == 2, "sendto");
    CHECK(recvfrom(r, buf, 8, 0, (void *)&from, &fl) == 2 && fl == bl && !memcmp(&from, &b, bl),
          "recvfrom names the sender");
    REQ(sendto(u, "hi", 2, 0, (void *)&a, al) == 2);
    fl = sizeof from;
    CHECK(recvfrom(r, buf, 8, 0, (void *)&from, &fl) == 2 && fl == 0, "an unnamed sender has no name");
    fl = 4;
    REQ(sendto(s, "hi", 2, 0, (void *)&a, al) == 2);
    CHECK(recvfrom(r, buf, 8, 0, (void *)&from, &fl) == 2 && fl == bl, "a cut name has its full length");
    CHECK_ERRNO(send(s, "x", 1, 0), ENOTCONN, "send without an address");
    CHECK(connect(s, (void *)&a, al) == 0 && send(s, "c", 1, 0) == 1 && recv(r, buf, 8, 0) == 1, "connect");
    fl = sizeof from;
    CHECK(getpeername(s, (void *)&from, &fl) == 0 && fl == al, "getpeername");
    CHECK(sendto(s, "d", 1, 0, (void *)&a, al) == 1 && recv(r, buf, 8, 0) == 1, "sendto of a connected one");
    CHECK(connect(r, (void *)&b, bl) == 0, "and back");
    CHECK_ERRNO(sendto(u, "x", 1, 0, (void *)&a, al), EPERM, "a third one may not send to it");
    CHECK_ERRNO(connect(u, (void *)&a, al), EPERM, "nor connect");
    struct sockaddr none = {.sa_family = AF_UNSPEC};
    CHECK(connect(r, &none, sizeof none) == 0 && sendto(u, "x", 1, 0, (void *)&a, al) == 1, "AF_UNSPEC disconnects");
    CHECK_ERRNO(listen(r, 1), EOPNOTSUPP, "listen");
    CHECK_ERRNO(accept(r, NULL, NULL), EOPNOTSUPP, "accept");
    close(r);
    CHECK_ERRNO(sendto(u, "x", 1, 0, (void *)&a, al), ECONNREFUSED, "a name that is gone");
    CHECK_ERRNO(send(s, "x", 1, 0), ECONNREFUSED, "a peer that is gone");
    close(s);
    close(u);
}

static void test_full(void)
{
    struct sockaddr_un a;
    socklen_t al;
    int r = bound(&a, &al, "full"), s = socket(AF_UNIX, SOCK_DGRAM, 0), n = 0, ep = epoll_create1(0);
    char buf[8];
    REQ(connect(s, (void *)&a, al) == 0);
    while (send(s, "x", 1, MSG_DONTWAIT) == 1)
        n++;
    int why = errno;
    CHECK(why == EAGAIN && n >= 10 && n < 2000, "a full receiver");
    CHECK(events(s, POLLOUT) == 0, "its sender is not writable");
    struct epoll_event ev = {.events = EPOLLOUT | EPOLLET}, got;
    REQ(epoll_ctl(ep, EPOLL_CTL_ADD, s, &ev) == 0);
    CHECK(epoll_wait(ep, &got, 1, 0) == 0, "epoll agrees");
    pid_t pid = tap_fork();
    if (pid == 0) {
        REQ(send(s, "y", 1, 0) == 1);
        _exit(0);
    }
    usleep(20000);
    REQ(recv(r, buf, 8, 0) == 1);
    CHECK(tap_wait(pid) == 0, "a sender waits for room");
    while (recv(r, buf, 8, MSG_DONTWAIT) == 1)
        continue;
    CHECK(epoll_wait(ep, &got, 1, 1000) == 1 && got.events == EPOLLOUT, "epoll tells of room");
    CHECK(events(s, POLLOUT) == POLLOUT, "poll too");
    pid = tap_fork();
    if (pid == 0) {
        close(r);
        while (send(s, "x", 1, MSG_DONTWAIT) == 1)
            continue;
        REQ(send(s, "y", 1, 0) == -1 && errno == ECONNREFUSED);
        _exit(0);
    }
    usleep(50000);
    close(r);
    CHECK(tap_wait(pid) == 0, "a waiting sender hears of the end");
    close(s);
    close(ep);
}

static void test_shutdown(void)
{
    int s[2];
    char buf[8];
    REQ(socketpair(AF_UNIX, SOCK_DGRAM, 0, s) == 0);
    REQ(write(s[0], "x", 1) == 1 && shutdown(s[1], SHUT_RD) == 0);
    CHECK(recv(s[1], buf, 8, 0) == 1 && recv(s[1], buf, 8, 0) == 0, "SHUT_RD: the rest, then the end");
    CHECK_ERRNO(recv(s[1], buf, 8, MSG_DONTWAIT), EAGAIN, "but not without waiting");
    CHECK_ERRNO(write(s[0], "x", 1), EPIPE, "nobody reads: EPIPE without a signal");
    CHECK(shutdown(s[1], SHUT_WR) == 0, "SHUT_WR");
    CHECK_ERRNO(write(s[1], "x", 1), EPIPE, "EPIPE of one's own");
    CHECK(events(s[1], POLLIN | POLLRDHUP) == (POLLIN | POLLHUP | POLLRDHUP), "poll");
    close(s[0]);
    close(s[1]);
}

static void test_many(void)
{
    int s[2];
    char in[4][8];
    struct iovec ov[3] = {{(void *)"a", 1}, {(void *)"bb", 2}, {(void *)"ccc", 3}}, iv[4];
    struct mmsghdr out[3] = {0}, got[4] = {0};
    struct timespec t = {10, 0}, bad = {-1, 0};
    REQ(socketpair(AF_UNIX, SOCK_DGRAM, 0, s) == 0);
    for (int i = 0; i < 4; i++) {
        iv[i] = (struct iovec){in[i], 8};
        got[i].msg_hdr = (struct msghdr){.msg_iov = &iv[i], .msg_iovlen = 1};
    }
    for (int i = 0; i < 3; i++)
        out[i].msg_hdr = (struct msghdr){.msg_iov = &ov[i], .msg_iovlen = 1};
    CHECK(sendmmsg(s[0], out, 3, 0) == 3 && out[2].msg_len == 3, "sendmmsg");
    CHECK(recvmmsg(s[1], got, 2, 0, &t) == 2 && got[1].msg_len == 2 && t.tv_sec < 10, "recvmmsg, with time left");
    struct timespec never = {(time_t)(~0ul >> 1), 0};
    CHECK(sendmmsg(s[0], out, 2, 0) == 2 && recvmmsg(s[1], got, 3, 0, &never) == 3, "recvmmsg, with time for ever");
    REQ(sendmmsg(s[0], out + 2, 1, 0) == 1);
    CHECK(recvmmsg(s[1], got, 4, MSG_WAITFORONE, NULL) == 1 && got[0].msg_len == 3, "MSG_WAITFORONE");
    CHECK_ERRNO(recvmmsg(s[1], got, 4, MSG_DONTWAIT, NULL), EAGAIN, "nothing there");
    CHECK_ERRNO(recvmmsg(s[1], got, 1, 0, &bad), EINVAL, "a bad time-out");
    CHECK(recvmmsg(s[1], got, 0, 0, NULL) == 0 && sendmmsg(s[0], out, 0, 0) == 0, "none at all");
    CHECK_ERRNO(sendmmsg(s[0], at_addr(8), 1, 0), EFAULT, "a bad address");
    struct msghdr m = {.msg_iov = ov, .msg_iovlen = 1025};
    CHECK_ERRNO(sendmsg(s[0], &m, 0), EMSGSIZE, "too many parts");
    m.msg_iovlen = 3;
    CHECK(sendmsg(s[0], &m, 0) == 6 && recv(s[1], in, 32, 0) == 6, "a message of parts");
    m = (struct msghdr){.msg_name = ov, .msg_namelen = (socklen_t)-1, .msg_iov = ov, .msg_iovlen = 1};
    CHECK_ERRNO(sendmsg(s[0], &m, 0), EINVAL, "a negative length of a name");
    close(s[0]);
    close(s[1]);
}

static int race_fd;
static void *race_sender(void *arg)
{
    int me = (int)(long)arg;
    for (int i = 0; i < 2000; i++) {
        int v[2] = {me, i};
        if (send(race_fd, v, sizeof v, 0) != sizeof v)
            return (void *)1;
    }
    return NULL;
}

static void test_race(void)
{
    struct sockaddr_un a;
    socklen_t al;
    int r = bound(&a, &al, "race"), next[2] = {0, 0}, v[2], bad = 0;
    pthread_t t[2];
    race_fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    REQ(connect(race_fd, (void *)&a, al) == 0);
    for (long i = 0; i < 2; i++)
        REQ(pthread_create(&t[i], NULL, race_sender, (void *)i) == 0);
    for (int i = 0; i < 4000; i++) {
        if (recv(r, v, sizeof v, 0) != sizeof v || v[0] < 0 || v[0] > 1 || v[1] != next[v[0]]++)
            bad++;
    }
    for (int i = 0; i < 2; i++) {
        void *ret;
        pthread_join(t[i], &ret);
        bad += ret != NULL;
    }
    CHECK(!bad, "two senders, one receiver: all, in order");
    close(r);
    close(race_fd);
}

/* Sockets come, find their receiver full, change it, and go, while others make room there and poll. */
static struct sockaddr_un crowd_name[2];
static socklen_t crowd_len[2];
static int crowd_fd[2], crowd_polled, crowd_end;

static void *crowd_reader(void *arg)
{
    char c;
    (void)arg;
    for (int i = 0; !__atomic_load_n(&crowd_end, __ATOMIC_RELAXED); i++)
        if (recv(crowd_fd[i & 1], &c, 1, MSG_DONTWAIT) < 0)
            sched_yield();
    return NULL;
}

static void *crowd_poller(void *arg)
{
    (void)arg;
    while (!__atomic_load_n(&crowd_end, __ATOMIC_RELAXED))
        (void)events(crowd_polled, POLLOUT);
    return NULL;
}

static void crowd_fill(int i)
{
    int s = socket(AF_UNIX, SOCK_DGRAM, 0);
    while (sendto(s, "x", 1, MSG_DONTWAIT, (void *)&crowd_name[i], crowd_len[i]) == 1)
        continue;
    close(s);
}

static void test_crowd(void)
{
    pthread_t t[2];
    int good = 1;
    for (int i = 0; i < 2; i++)
        crowd_fd[i] = bound(&crowd_name[i], &crowd_len[i], i ? "crowd-b" : "crowd-a");
    crowd_polled = socket(AF_UNIX, SOCK_DGRAM, 0);
    REQ(pthread_create(&t[0], NULL, crowd_reader, NULL) == 0 && pthread_create(&t[1], NULL, crowd_poller, NULL) == 0);
    for (int i = 0; i < 3000; i++) {
        int s = socket(AF_UNIX, SOCK_DGRAM, 0), to = i & 1;
        good &= connect(s, (void *)&crowd_name[to], crowd_len[to]) == 0;
        good &= connect(crowd_polled, (void *)&crowd_name[to], crowd_len[to]) == 0;
        crowd_fill(to);
        (void)events(s, POLLOUT);
        good &= close(s) == 0;
    }
    __atomic_store_n(&crowd_end, 1, __ATOMIC_RELAXED);
    for (int i = 0; i < 2; i++) {
        REQ(pthread_join(t[i], NULL) == 0);
        close(crowd_fd[i]);
    }
    CHECK(good, "senders that wait for room by poll(2) come and go");
    close(crowd_polled);
}

/* A pending error is told before the messages that came before it. */
static void test_error_first(void)
{
    int s[2];
    char c;
    struct sockaddr none = {.sa_family = AF_UNSPEC};
    REQ(socketpair(AF_UNIX, SOCK_DGRAM, 0, s) == 0 && write(s[0], "a", 1) == 1 && write(s[1], "b", 1) == 1);
    REQ(connect(s[1], &none, sizeof none) == 0);
    CHECK_ERRNO(recv(s[0], &c, 1, 0), ECONNRESET, "an error comes before what is queued");
    CHECK(recv(s[0], &c, 1, 0) == 1 && c == 'b', "then that");
    close(s[0]), close(s[1]);
    REQ(socketpair(AF_UNIX, SOCK_DGRAM, 0, s) == 0);
    CHECK(sendto(s[0], "x", 1, 0, (void *)&none, 0) == 1, "an address of no length is none");
    close(s[0]), close(s[1]);
}

/* What the next peek gives, and the offset then. */
static int peeks(int fd, size_t room, int want, int offset)
{
    char buf[16];
    return recv(fd, buf, room, MSG_PEEK | MSG_DONTWAIT) == want && intopt(fd, SO_PEEK_OFF) == offset;
}

static void test_peek_offset(int type, const char *names[4])
{
    int s[2], off = 0;
    char buf[8];
    REQ(socketpair(AF_UNIX, type, 0, s) == 0);
    REQ(send(s[0], "", 0, 0) == 0 && send(s[0], "ab", 2, 0) == 2 && send(s[0], "", 0, 0) == 0);
    CHECK(peeks(s[1], 8, 0, -1) && peeks(s[1], 8, 0, -1), names[0]);
    REQ(setsockopt(s[1], SOL_SOCKET, SO_PEEK_OFF, &off, sizeof off) == 0);
    CHECK(peeks(s[1], 1, 1, 1) && peeks(s[1], 8, 1, 2) && peeks(s[1], 8, 0, 2), names[1]);
    CHECK(peeks(s[1], 8, -1, 2), names[2]);
    CHECK(recv(s[1], buf, 8, 0) == 0 && intopt(s[1], SO_PEEK_OFF) == 2 && recv(s[1], buf, 1, 0) == 1 &&
              intopt(s[1], SO_PEEK_OFF) == 0 && recv(s[1], buf, 8, 0) == 0,
          names[3]);
    close(s[0]), close(s[1]);
}

int main(void)
{
    test_peek_offset(SOCK_DGRAM, (const char *[]){"a peek shows an empty datagram again and again",
                                                  "with an offset once, and then what is behind", "until all was shown",
                                                  "a read moves the offset back by whole datagrams"});
    test_peek_offset(SOCK_SEQPACKET,
                     (const char *[]){"SOCK_SEQPACKET: a peek shows an empty one again and again",
                                      "SOCK_SEQPACKET: with an offset once", "SOCK_SEQPACKET: until all was shown",
                                      "SOCK_SEQPACKET: a read moves it back"});
    signal(SIGPIPE, SIG_DFL);
    test_crowd();
    test_error_first();
    test_pair();
    test_names();
    test_full();
    test_shutdown();
    test_many();
    test_race();
    return tap_end();
}
