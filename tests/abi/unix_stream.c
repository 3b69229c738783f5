// SPDX-License-Identifier: MIT
/* AF_UNIX streams: pairs, connections, ends, waiting, poll. */
#include "tests/abi/tap.h"
#include "tests/abi/unix.h"

static void test_pair(void)
{
    int s[2];
    char buf[32];
    struct stat st;
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0, "a pair");
    CHECK(write(s[0], "hello", 5) == 5 && read(s[1], buf, sizeof buf) == 5 && memcmp(buf, "hello", 5) == 0, "there");
    CHECK(send(s[1], "abc", 3, 0) == 3 && recv(s[0], buf, sizeof buf, 0) == 3, "and back");
    CHECK(write(s[0], "ab", 2) == 2 && write(s[0], "cd", 2) == 2 && read(s[1], buf, sizeof buf) == 4,
          "writes flow together");
    CHECK(write(s[0], "abcdef", 6) == 6 && read(s[1], buf, 2) == 2 && read(s[1], buf, 9) == 4 && buf[0] == 'c',
          "in parts");
    CHECK(write(s[0], "", 0) == 0 && recv(s[1], buf, 1, MSG_DONTWAIT) == -1 && errno == EAGAIN, "nothing is nothing");
    CHECK(read(s[1], buf, 0) == 0, "read of nothing");
    CHECK(fstat(s[0], &st) == 0 && S_ISSOCK(st.st_mode) && (st.st_mode & 0777) == 0777, "fstat: a socket");
    CHECK(st.st_uid == geteuid() && st.st_nlink == 1 && st.st_size == 0, "fstat: its owner");
    char link[64] = "", want[64], name[32];
    snprintf(name, sizeof name, "/proc/self/fd/%d", s[0]);
    snprintf(want, sizeof want, "socket:[%lu]", (unsigned long)st.st_ino);
    REQ(readlink(name, link, sizeof link - 1) > 0);
    CHECK(strcmp(link, want) == 0, "/proc/self/fd names it");
    CHECK_ERRNO(open(name, O_RDWR), ENXIO, "it cannot be opened there");
    CHECK_ERRNO(lseek(s[0], 0, SEEK_CUR), ESPIPE, "lseek");
    CHECK_ERRNO(pread(s[0], buf, 1, 0), ESPIPE, "pread");
    CHECK(mmap(NULL, 4096, PROT_READ, MAP_SHARED, s[0], 0) == MAP_FAILED && errno == ENODEV, "mmap");
    struct iovec v[2] = {{(void *)"xy", 2}, {(void *)"z", 1}}, in[2] = {{buf, 1}, {buf + 8, 8}};
    CHECK(writev(s[0], v, 2) == 3 && readv(s[1], in, 2) == 3 && buf[0] == 'x' && buf[9] == 'z', "vectors");
    CHECK_ERRNO(write(s[0], at_addr(8), 4), EFAULT, "write from a bad address");
    REQ(write(s[0], "keep", 4) == 4);
    CHECK_ERRNO(read(s[1], at_addr(8), 4), EFAULT, "read to a bad address");
    CHECK(read(s[1], buf, 8) == 4, "takes nothing");
    close(s[0]);
    close(s[1]);
}

static void test_create(void)
{
    int s[2];
    CHECK_ERRNO(socket(AF_UNIX, SOCK_STREAM, 77), EPROTONOSUPPORT, "an unknown protocol");
    CHECK_ERRNO(socket(AF_UNIX, SOCK_RDM, 0), ESOCKTNOSUPPORT, "an unknown type");
    CHECK_ERRNO(socket(AF_UNIX, 11, 0), EINVAL, "a type out of range");
    CHECK_ERRNO(socket(AF_UNIX, SOCK_STREAM | 0x100, 0), EINVAL, "an unknown flag");
    CHECK_ERRNO(socket(-1, SOCK_STREAM, 0), EAFNOSUPPORT, "a negative family");
    CHECK_ERRNO(socket(99, SOCK_STREAM, 0), EAFNOSUPPORT, "a family out of range");
    CHECK_ERRNO(socketpair(AF_UNIX, SOCK_STREAM, 0, at_addr(8)), EFAULT, "a pair to nowhere");
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 1);
    CHECK(fd >= 0 && fcntl(fd, F_GETFD) == FD_CLOEXEC, "SOCK_CLOEXEC");
    CHECK((fcntl(fd, F_GETFL) & (O_NONBLOCK | O_ACCMODE)) == (O_NONBLOCK | O_RDWR), "SOCK_NONBLOCK");
    close(fd);
    REQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, s) == 0);
    CHECK(fcntl(s[1], F_GETFD) == FD_CLOEXEC && fcntl(s[0], F_GETFL) & O_NONBLOCK, "both on a pair");
    char c;
    CHECK_ERRNO(read(s[0], &c, 1), EAGAIN, "an empty one does not wait");
    close(s[0]);
    close(s[1]);
}

static void test_not_sockets(void)
{
    int p[2];
    char c;
    struct sockaddr_un a;
    socklen_t len = sizeof a;
    REQ(pipe(p) == 0);
    CHECK_ERRNO(send(p[1], "x", 1, 0), ENOTSOCK, "send to a pipe");
    CHECK_ERRNO(recv(p[0], &c, 1, 0), ENOTSOCK, "recv from a pipe");
    CHECK_ERRNO(listen(p[0], 1), ENOTSOCK, "listen on a pipe");
    CHECK_ERRNO(accept(p[0], NULL, NULL), ENOTSOCK, "accept on a pipe");
    CHECK_ERRNO(shutdown(p[0], 0), ENOTSOCK, "shutdown of a pipe");
    CHECK_ERRNO(getsockname(p[0], (void *)&a, &len), ENOTSOCK, "getsockname of a pipe");
    CHECK_ERRNO(send(99, "x", 1, 0), EBADF, "send to nothing");
    CHECK_ERRNO(connect(99, (void *)&a, sizeof a), EBADF, "connect of nothing");
    close(p[0]);
    close(p[1]);
}

static void test_end(void)
{
    int s[2];
    char buf[8];
    signal(SIGPIPE, SIG_IGN);
    REQ(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
    REQ(write(s[0], "x", 1) == 1);
    close(s[0]);
    CHECK(read(s[1], buf, 8) == 1 && read(s[1], buf, 8) == 0, "what was sent, then the end");
    CHECK_ERRNO(write(s[1], "x", 1), EPIPE, "a write to a closed one");
    CHECK(events(s[1], POLLIN | POLLOUT | POLLRDHUP) == (POLLIN | POLLOUT | POLLHUP | POLLRDHUP),
          "poll of a closed one's peer");
    close(s[1]);
    REQ(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
    REQ(write(s[0], "x", 1) == 1);
    close(s[1]);
    CHECK(events(s[0], POLLIN) & POLLERR, "closed with unread data: an error");
    CHECK_ERRNO(read(s[0], buf, 1), ECONNRESET, "it is ECONNRESET");
    CHECK(read(s[0], buf, 1) == 0, "once");
    close(s[0]);
    REQ(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
    REQ(write(s[0], "x", 1) == 1);
    close(s[1]);
    CHECK(intopt(s[0], SO_ERROR) == ECONNRESET && intopt(s[0], SO_ERROR) == 0, "SO_ERROR takes it");
    close(s[0]);
    signal(SIGPIPE, SIG_DFL);
    int how = CHILD({
        socketpair(AF_UNIX, SOCK_STREAM, 0, s);
        close(s[0]);
        if (send(s[1], "x", 1, MSG_NOSIGNAL) != -1 || errno != EPIPE)
            _exit(1);
        send(s[1], "x", 1, 0);
    });
    CHECK(WIFSIGNALED(how) && WTERMSIG(how) == SIGPIPE, "SIGPIPE, but not with MSG_NOSIGNAL");
    how = CHILD({
        socketpair(AF_UNIX, SOCK_STREAM, 0, s);
        close(s[0]);
        (void)!write(s[1], "x", 1);
    });
    CHECK(WIFSIGNALED(how) && WTERMSIG(how) == SIGPIPE, "SIGPIPE of write");
}

static void test_shutdown(void)
{
    int s[2];
    char buf[8];
    signal(SIGPIPE, SIG_IGN);
    REQ(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
    REQ(write(s[0], "ab", 2) == 2);
    CHECK(shutdown(s[0], SHUT_WR) == 0, "SHUT_WR");
    CHECK(events(s[1], POLLIN | POLLOUT | POLLRDHUP) == (POLLIN | POLLOUT | POLLRDHUP), "its peer polls RDHUP");
    CHECK(read(s[1], buf, 8) == 2 && read(s[1], buf, 8) == 0, "its peer reads the rest, and the end");
    CHECK(write(s[1], "y", 1) == 1 && read(s[0], buf, 8) == 1, "the other way is open");
    CHECK_ERRNO(write(s[0], "x", 1), EPIPE, "its own write");
    CHECK(events(s[0], POLLIN | POLLOUT) == POLLOUT, "its own poll");
    CHECK(shutdown(s[1], SHUT_WR) == 0 && events(s[0], POLLIN) == (POLLIN | POLLHUP), "both: HUP");
    CHECK_ERRNO(shutdown(s[0], 3), EINVAL, "an unknown way");
    CHECK_ERRNO(shutdown(s[0], -1), EINVAL, "a negative one");
    close(s[0]);
    close(s[1]);
    REQ(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
    CHECK(shutdown(s[0], SHUT_RD) == 0 && read(s[0], buf, 1) == 0, "SHUT_RD");
    CHECK_ERRNO(write(s[1], "x", 1), EPIPE, "nobody reads any more");
    close(s[0]);
    close(s[1]);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    CHECK(shutdown(fd, SHUT_RDWR) == 0, "of one that is not connected");
    close(fd);
}

static void test_flags(void)
{
    int s[2];
    char buf[16];
    REQ(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
    CHECK_ERRNO(recv(s[0], buf, 1, MSG_DONTWAIT), EAGAIN, "MSG_DONTWAIT");
    REQ(write(s[0], "abcd", 4) == 4);
    CHECK(recv(s[1], buf, 2, MSG_PEEK) == 2 && buf[0] == 'a', "MSG_PEEK");
    CHECK(recv(s[1], buf, 16, MSG_PEEK) == 4 && recv(s[1], buf, 16, 0) == 4, "leaves all there");
    REQ(write(s[0], "ab", 2) == 2 && write(s[0], "cd", 2) == 2);
    CHECK(recv(s[1], buf, 16, MSG_PEEK) == 4 && memcmp(buf, "abcd", 4) == 0, "MSG_PEEK over two writes");
    CHECK(recv(s[1], buf, 2, MSG_TRUNC) == 2 && recv(s[1], buf, 16, 0) == 2, "MSG_TRUNC cuts nothing");
    REQ(write(s[0], "abcd", 4) == 4);
    int off = 1;
    CHECK(setsockopt(s[1], SOL_SOCKET, SO_PEEK_OFF, &off, sizeof off) == 0, "SO_PEEK_OFF");
    CHECK(recv(s[1], buf, 2, MSG_PEEK) == 2 && buf[0] == 'b', "peeks from there");
    CHECK(intopt(s[1], SO_PEEK_OFF) == 3 && recv(s[1], buf, 9, MSG_PEEK) == 1 && buf[0] == 'd', "and goes on");
    CHECK(recv(s[1], buf, 1, 0) == 1 && buf[0] == 'a' && intopt(s[1], SO_PEEK_OFF) == 3, "a read moves it back");
    CHECK_ERRNO(recv(s[1], buf, 1, MSG_PEEK | MSG_DONTWAIT), EAGAIN, "nothing behind it");
    pid_t pid = tap_fork();
    if (pid == 0) {
        usleep(20000);
        write(s[0], "ef", 2);
        usleep(20000);
        write(s[0], "gh", 2);
        _exit(0);
    }
    CHECK(recv(s[1], buf, 7, MSG_WAITALL) == 7 && memcmp(buf, "bcdefgh", 7) == 0, "MSG_WAITALL waits for all");
    tap_wait(pid);
    off = -1;
    REQ(setsockopt(s[1], SOL_SOCKET, SO_PEEK_OFF, &off, sizeof off) == 0 && write(s[0], "abc", 3) == 3);
    CHECK(recv(s[1], buf, 9, MSG_PEEK | MSG_WAITALL) == 3, "MSG_PEEK waits for no more than there is");
    off = 9;
    REQ(setsockopt(s[1], SOL_SOCKET, SO_RCVLOWAT, &off, sizeof off) == 0);
    CHECK(recv(s[1], buf, 9, MSG_PEEK) == 3, "SO_RCVLOWAT or not");
    off = 1;
    REQ(setsockopt(s[1], SOL_SOCKET, SO_RCVLOWAT, &off, sizeof off) == 0 && recv(s[1], buf, 9, 0) == 3);
    struct sockaddr_un a = {.sun_family = AF_UNIX, .sun_path = "/x"};
    CHECK(sendto(s[0], "x", 1, 0, (void *)&a, 0) == 1 && recv(s[1], buf, 9, 0) == 1, "an address of no length is none");
    CHECK_ERRNO(sendto(s[0], "x", 1, 0, (void *)&a, sizeof a), EISCONN, "an address on a connected one");
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    CHECK_ERRNO(sendto(fd, "x", 1, 0, (void *)&a, sizeof a), EOPNOTSUPP, "an address on one that is not");
    CHECK_ERRNO(send(fd, "x", 1, 0), ENOTCONN, "send without a peer");
    CHECK_ERRNO(recv(fd, buf, 1, 0), EINVAL, "recv without a peer");
    CHECK(events(fd, POLLIN | POLLOUT) == (POLLOUT | POLLHUP), "poll without a peer");
    close(fd);
    close(s[0]);
    close(s[1]);
}

static volatile int interrupted;
static void on_alarm(int sig)
{
    interrupted += sig == SIGUSR1;
}

static void test_waiting(void)
{
    int s[2], n = 0;
    char buf[4096];
    memset(buf, 'x', sizeof buf);
    REQ(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
    while (send(s[0], buf, sizeof buf, MSG_DONTWAIT) > 0)
        n++;
    int why = errno;
    CHECK(why == EAGAIN && n > 4 && n < 1000, "a full one does not take more");
    CHECK(events(s[0], POLLOUT) == 0, "and is not writable");
    int total = 0, got;
    pid_t pid = tap_fork();
    if (pid == 0) {
        REQ(write(s[0], buf, 3000) == 3000);
        _exit(0);
    }
    int fed = 0, want = 0;
    REQ(ioctl(s[1], FIONREAD, &fed) == 0);
    want = fed + 3000;
    while (total < fed && (got = read(s[1], buf, sizeof buf)) > 0)
        total += got;
    while (total < want && (got = read(s[1], buf, sizeof buf)) > 0)
        total += got;
    CHECK(tap_wait(pid) == 0 && total == want, "a writer waits for room");
    CHECK(events(s[0], POLLOUT) == POLLOUT, "an emptied one is writable");
    struct timeval tv = {0, 50000};
    REQ(setsockopt(s[0], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv) == 0);
    CHECK_ERRNO(read(s[0], buf, 1), EAGAIN, "SO_RCVTIMEO");
    REQ(setsockopt(s[0], SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof tv) == 0);
    while (send(s[0], buf, sizeof buf, MSG_DONTWAIT) > 0)
        continue;
    CHECK_ERRNO(write(s[0], buf, 1), EAGAIN, "SO_SNDTIMEO");
    close(s[1]);
    close(s[0]);
    REQ(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
    struct sigaction sa = {.sa_handler = on_alarm};
    sigaction(SIGUSR1, &sa, NULL);
    pid_t me = getpid();
    pid = tap_fork();
    if (pid == 0) {
        for (;;) {
            usleep(20000);
            kill(me, SIGUSR1);
        }
    }
    CHECK_ERRNO(read(s[0], buf, 1), EINTR, "a signal ends the wait");
    sa.sa_flags = SA_RESTART;
    sigaction(SIGUSR1, &sa, NULL);
    tv = (struct timeval){5, 0};
    REQ(setsockopt(s[0], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv) == 0);
    CHECK_ERRNO(read(s[0], buf, 1), EINTR, "with a time-out, SA_RESTART does not matter");
    tv = (struct timeval){0, 0};
    REQ(setsockopt(s[0], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv) == 0);
    int before = interrupted;
    pid_t other = tap_fork();
    if (other == 0) {
        usleep(200000);
        write(s[1], "x", 1);
        _exit(0);
    }
    CHECK(read(s[0], buf, 1) == 1 && interrupted >= before, "without, it starts again");
    kill(pid, SIGKILL);
    tap_wait(pid);
    tap_wait(other);
    signal(SIGUSR1, SIG_DFL);
    close(s[0]);
    close(s[1]);
}

static void test_connection(void)
{
    struct sockaddr_un a, b;
    socklen_t al = abstract(&a, "stream"), bl;
    int l = socket(AF_UNIX, SOCK_STREAM, 0), c, s, d;
    char buf[8];
    c = socket(AF_UNIX, SOCK_STREAM, 0);
    CHECK_ERRNO(connect(c, (void *)&a, al), ECONNREFUSED, "nobody has the name");
    CHECK_ERRNO(listen(l, 1), EINVAL, "listen without a name");
    CHECK_ERRNO(accept(l, NULL, NULL), EINVAL, "accept without listen");
    REQ(bind(l, (void *)&a, al) == 0);
    CHECK_ERRNO(connect(c, (void *)&a, al), ECONNREFUSED, "nobody listens");
    CHECK(listen(l, 1) == 0 && listen(l, 0) == 0, "listen, and again");
    CHECK(intopt(l, SO_ACCEPTCONN) == 1 && intopt(c, SO_ACCEPTCONN) == 0, "SO_ACCEPTCONN");
    CHECK(events(l, POLLIN | POLLOUT) == 0, "poll of a listener");
    CHECK_ERRNO(recv(l, buf, 1, 0), EINVAL, "recv of a listener");
    CHECK_ERRNO(send(l, buf, 1, 0), ENOTCONN, "send of a listener");
    CHECK_ERRNO(connect(l, (void *)&a, al), EINVAL, "connect of a listener");
    fcntl(l, F_SETFL, O_NONBLOCK);
    CHECK_ERRNO(accept(l, NULL, NULL), EAGAIN, "nobody there");
    CHECK(connect(c, (void *)&a, al) == 0, "connect");
    CHECK(events(l, POLLIN) == POLLIN, "the listener is readable");
    CHECK(write(c, "early", 5) == 5, "a write before accept");
    d = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    CHECK_ERRNO(connect(d, (void *)&a, al), EAGAIN, "a full listener");
    CHECK_ERRNO(accept4(l, NULL, NULL, 1), EINVAL, "accept4 with unknown flags");
    bl = sizeof b;
    s = accept4(l, (void *)&b, &bl, SOCK_CLOEXEC | SOCK_NONBLOCK);
    CHECK(s >= 0 && bl == 2 && b.sun_family == AF_UNIX, "accept tells the unnamed peer");
    CHECK(fcntl(s, F_GETFD) == FD_CLOEXEC && fcntl(s, F_GETFL) & O_NONBLOCK, "accept4's flags");
    CHECK(read(s, buf, 8) == 5, "what was written early");
    CHECK_ERRNO(connect(c, (void *)&a, al), EISCONN, "connect again");
    CHECK(connect(d, (void *)&a, al) == 0, "there is room again");
    bl = sizeof b;
    CHECK(getpeername(c, (void *)&b, &bl) == 0 && bl == al && memcmp(&a, &b, al) == 0, "getpeername of the client");
    bl = sizeof b;
    CHECK(getsockname(s, (void *)&b, &bl) == 0 && bl == al, "getsockname of the server's end");
    bl = sizeof b;
    CHECK_ERRNO(getpeername(l, (void *)&b, &bl), ENOTCONN, "getpeername of the listener");
    REQ(write(s, "w", 1) == 1);
    bl = sizeof b;
    CHECK(recvfrom(c, buf, 8, 0, (void *)&b, &bl) == 1 && bl == al, "recvfrom tells the name");
    CHECK_ERRNO(listen(c, 1), EINVAL, "listen of a connected one");
    close(l);
    CHECK(events(d, POLLIN) & POLLHUP, "closing a listener hangs up on who waits there");
    CHECK_ERRNO(read(d, buf, 1), ECONNRESET, "with ECONNRESET");
    CHECK(write(c, "z", 1) == 1 && read(s, buf, 1) == 1, "and leaves what was accepted");
    close(c);
    close(d);
    close(s);
}

static void test_blocking_connect(void)
{
    struct sockaddr_un a;
    socklen_t al = abstract(&a, "blocking");
    int l = socket(AF_UNIX, SOCK_STREAM, 0), c = socket(AF_UNIX, SOCK_STREAM, 0);
    REQ(bind(l, (void *)&a, al) == 0 && listen(l, 0) == 0 && connect(c, (void *)&a, al) == 0);
    int d = socket(AF_UNIX, SOCK_STREAM, 0);
    struct timeval tv = {0, 50000};
    REQ(setsockopt(d, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof tv) == 0);
    CHECK_ERRNO(connect(d, (void *)&a, al), EAGAIN, "SO_SNDTIMEO of connect");
    pid_t pid = tap_fork();
    if (pid == 0) {
        int e = socket(AF_UNIX, SOCK_STREAM, 0);
        REQ(connect(e, (void *)&a, al) == 0);
        char x;
        REQ(read(e, &x, 1) == 1 && x == 'k');
        _exit(0);
    }
    usleep(20000);
    int s = accept(l, NULL, NULL), t = accept(l, NULL, NULL);
    CHECK(s >= 0 && t >= 0, "connect waits for room");
    REQ(write(t, "k", 1) == 1);
    CHECK(tap_wait(pid) == 0, "and is served");
    pid = tap_fork();
    if (pid == 0) {
        close(c), close(s);
        int e = socket(AF_UNIX, SOCK_STREAM, 0), f = socket(AF_UNIX, SOCK_STREAM, 0);
        REQ(connect(e, (void *)&a, al) == 0);
        close(l);
        REQ(connect(f, (void *)&a, al) == -1 && errno == ECONNREFUSED);
        _exit(0);
    }
    usleep(50000);
    close(l);
    CHECK(tap_wait(pid) == 0, "a listener that goes refuses who waits");
    close(c);
    close(d);
    close(s);
    close(t);
}

static void *racing_writer(void *arg)
{
    int fd = *(int *)arg;
    unsigned char buf[7000];
    unsigned at = 0;
    for (int i = 0; i < 300; i++) {
        unsigned n = 1 + (i * 977u) % sizeof buf;
        for (unsigned k = 0; k < n; k++)
            buf[k] = (unsigned char)(at++ * 7);
        for (unsigned done = 0; done < n;) {
            ssize_t w = write(fd, buf + done, n - done);
            if (w <= 0)
                return (void *)1;
            done += (unsigned)w;
        }
    }
    shutdown(fd, SHUT_WR);
    return NULL;
}

static void test_race(void)
{
    int s[2];
    pthread_t t;
    unsigned char buf[5000];
    unsigned at = 0, bad = 0;
    ssize_t n;
    REQ(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
    REQ(pthread_create(&t, NULL, racing_writer, &s[0]) == 0);
    while ((n = read(s[1], buf, 1 + at % sizeof buf)) > 0)
        for (ssize_t k = 0; k < n; k++)
            bad += buf[k] != (unsigned char)(at++ * 7);
    void *ret;
    pthread_join(t, &ret);
    CHECK(n == 0 && !ret && !bad && at > 100000, "a megabyte between two threads, in order");
    close(s[0]);
    close(s[1]);
}

static struct sockaddr_un race_name;
static socklen_t race_len;

static void *connector(void *arg)
{
    long bad = 0;
    char c;
    (void)arg;
    for (int i = 0; i < 300; i++) {
        int fd = socket(AF_UNIX, SOCK_STREAM, 0);
        bad += connect(fd, (void *)&race_name, race_len) != 0 || write(fd, "q", 1) != 1 || read(fd, &c, 1) != 1 ||
               c != 'a';
        close(fd);
    }
    return (void *)bad;
}

static void *acceptor(void *arg)
{
    long served = 0;
    int fd;
    char c;
    while ((fd = accept(*(int *)arg, NULL, NULL)) >= 0) {
        served += read(fd, &c, 1) == 1 && c == 'q' && write(fd, "a", 1) == 1;
        close(fd);
    }
    return (void *)(errno == EINVAL ? served : -1000);
}

static void test_accept_race(void)
{
    pthread_t c[2], s[2];
    void *ret;
    long bad = 0, served = 0;
    int l = socket(AF_UNIX, SOCK_STREAM, 0);
    race_len = abstract(&race_name, "race");
    REQ(bind(l, (void *)&race_name, race_len) == 0 && listen(l, 0) == 0);
    for (int i = 0; i < 2; i++)
        REQ(pthread_create(&s[i], NULL, acceptor, &l) == 0 && pthread_create(&c[i], NULL, connector, NULL) == 0);
    for (int i = 0; i < 2; i++) {
        pthread_join(c[i], &ret);
        bad += (long)ret;
    }
    shutdown(l, SHUT_RDWR);
    for (int i = 0; i < 2; i++) {
        pthread_join(s[i], &ret);
        served += (long)ret;
    }
    CHECK(!bad && served == 600, "two connect, two accept, at a backlog of none");
    close(l);
}

/* Takes ends from a pipe; the last thing each says is a byte. */
static void *last_word(void *arg)
{
    int fd;
    while (read(*(int *)arg, &fd, sizeof(fd)) == sizeof(fd)) {
        if (write(fd, "w", 1) != 1)
            perror("write");
        close(fd);
    }
    return NULL;
}

static void test_last_word(int type, const char *what)
{
    int p[2], s[2], heard = 0, ended = 0;
    pthread_t t;
    char c;
    REQ(pipe(p) == 0 && pthread_create(&t, NULL, last_word, &p[0]) == 0);
    for (int i = 0; i < 1000; i++) {
        REQ(socketpair(AF_UNIX, type, 0, s) == 0 && write(p[1], &s[1], sizeof(s[1])) == sizeof(s[1]));
        heard += read(s[0], &c, 1) == 1 && c == 'w';
        ended += read(s[0], &c, 1) == 0;
        close(s[0]);
    }
    close(p[1]);
    pthread_join(t, NULL);
    close(p[0]);
    CHECK(heard == 1000 && ended == 1000, what);
}

static void *closer(void *arg)
{
    close(*(int *)arg);
    return NULL;
}

static void test_close_race(void)
{
    int good = 1;
    signal(SIGPIPE, SIG_IGN);
    for (int i = 0; i < 300; i++) {
        int s[2];
        pthread_t t;
        char c;
        REQ(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
        REQ(pthread_create(&t, NULL, closer, &s[1]) == 0);
        ssize_t n;
        while ((n = write(s[0], "x", 1)) == 1 && i % 2)
            continue;
        if (n < 0 && errno != EPIPE && errno != ECONNRESET)
            good = 0;
        n = read(s[0], &c, 1);
        if (n > 0 || (n < 0 && errno != ECONNRESET))
            good = 0;
        pthread_join(t, NULL);
        close(s[0]);
    }
    CHECK(good, "the other end closes under writes and reads");
}

static void test_epoll(void)
{
    int s[2], ep = epoll_create1(0);
    struct epoll_event ev = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET}, got;
    char buf[8];
    REQ(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
    REQ(epoll_ctl(ep, EPOLL_CTL_ADD, s[0], &ev) == 0);
    CHECK(epoll_wait(ep, &got, 1, 0) == 1 && got.events == EPOLLOUT, "edge: writable at first");
    CHECK(epoll_wait(ep, &got, 1, 0) == 0, "edge: once");
    REQ(write(s[1], "ab", 2) == 2);
    CHECK(epoll_wait(ep, &got, 1, 0) == 1 && got.events == (EPOLLIN | EPOLLOUT), "edge: data");
    CHECK(read(s[0], buf, 1) == 1 && epoll_wait(ep, &got, 1, 0) == 0, "edge: a part read is no edge");
    REQ(write(s[1], "c", 1) == 1);
    CHECK(epoll_wait(ep, &got, 1, 0) == 1 && got.events & EPOLLIN, "edge: more data");
    REQ(shutdown(s[1], SHUT_WR) == 0);
    CHECK(epoll_wait(ep, &got, 1, 0) == 1 && got.events == (EPOLLIN | EPOLLOUT | EPOLLRDHUP),
          "edge: the end of the stream");
    close(s[1]);
    CHECK(epoll_wait(ep, &got, 1, 0) == 1 && got.events & EPOLLHUP, "edge: hung up");
    close(s[0]);
    close(ep);
}

static void test_moving(void)
{
    int s[2], p[2], fd;
    char buf[16];
    REQ(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0 && pipe(p) == 0);
    put_text("unix_file", "0123456789");
    fd = open("unix_file", O_RDONLY);
    off_t off = 2;
    CHECK(sendfile(s[0], fd, &off, 5) == 5 && read(s[1], buf, 16) == 5 && memcmp(buf, "23456", 5) == 0,
          "sendfile to it");
    REQ(write(p[1], "pipe", 4) == 4);
    CHECK(splice(p[0], NULL, s[0], NULL, 4, 0) == 4 && read(s[1], buf, 16) == 4, "splice to it");
    REQ(write(s[0], "sock", 4) == 4);
    CHECK(splice(s[1], NULL, p[1], NULL, 16, 0) == 4 && read(p[0], buf, 16) == 4, "splice from it");
    close(fd);
    unlink("unix_file");
    close(s[0]), close(s[1]), close(p[0]), close(p[1]);
}

/* Whenever a read makes a full socket writable, who waits for that hears of it: one step more for each send buffer. */
static void test_room(void)
{
    int missed = 0;
    for (int size = 2304; size <= 6400; size += 64) {
        int s[2], ep = epoll_create1(0);
        char c;
        struct epoll_event ev = {.events = EPOLLOUT};
        REQ(ep >= 0 && socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
        REQ(setsockopt(s[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof size) == 0);
        while (send(s[0], "x", 1, MSG_DONTWAIT) == 1)
            continue;
        REQ(epoll_ctl(ep, EPOLL_CTL_ADD, s[0], &ev) == 0 && epoll_wait(ep, &ev, 1, 0) == 0);
        while (events(s[0], POLLOUT) == 0)
            REQ(recv(s[1], &c, 1, MSG_DONTWAIT) == 1);
        missed += epoll_wait(ep, &ev, 1, 0) != 1;
        close(s[0]), close(s[1]), close(ep);
    }
    CHECK(!missed, "no read that makes room is missed");
}

int main(void)
{
    test_room();
    test_pair();
    test_create();
    test_not_sockets();
    test_end();
    test_shutdown();
    test_flags();
    test_waiting();
    test_connection();
    test_blocking_connect();
    test_race();
    test_accept_race();
    test_last_word(SOCK_STREAM, "a stream: what is written before close is read, then the end");
    test_last_word(SOCK_SEQPACKET, "a seqpacket: what is written before close is read, then the end");
    test_close_race();
    test_epoll();
    test_moving();
    return tap_end();
}
