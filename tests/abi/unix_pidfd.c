// SPDX-License-Identifier: MIT
/* SO_PASSPIDFD and SCM_PIDFD: a descriptor of the sender's process with every message. */
#include "tests/abi/tap.h"
#include "tests/abi/unix.h"

#ifndef SO_PASSPIDFD /* since 6.5 */
#define SO_PASSPIDFD 76
#endif
#ifndef SCM_PIDFD
#define SCM_PIDFD 4
#endif

struct got {
    ssize_t n;
    int flags, pidfd; /* pidfd -1: none came */
    int creds, files;
};

static struct got receive(int fd, size_t room, int flags)
{
    _Alignas(8) char area[256];
    char buf[32];
    struct iovec v = {buf, sizeof buf};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = room ? area : NULL, .msg_controllen = room};
    struct got g = {.pidfd = -1};
    g.n = recvmsg(fd, &m, flags);
    g.flags = m.msg_flags;
    for (struct cmsghdr *c = g.n < 0 ? NULL : CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
        if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_PIDFD && c->cmsg_len == CMSG_LEN(sizeof(int)))
            memcpy(&g.pidfd, CMSG_DATA(c), sizeof(int));
        else if (c->cmsg_type == SCM_CREDENTIALS)
            g.creds++;
        else if (c->cmsg_type == SCM_RIGHTS)
            g.files++, close(*(int *)CMSG_DATA(c));
    }
    return g;
}

/* The process that a pidfd stands for; closes it. */
static pid_t pid_of(int fd)
{
    char path[64], line[128];
    pid_t pid = -1;
    snprintf(path, sizeof path, "/proc/self/fdinfo/%d", fd);
    FILE *f = fopen(path, "r");
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "Pid: %d", &pid) == 1)
            break;
    if (f)
        fclose(f);
    close(fd);
    return pid;
}

static int pass(int fd, int name, int on)
{
    return setsockopt(fd, SOL_SOCKET, name, &on, sizeof on);
}

static void test_kind(int type, const char *what)
{
    int s[2], nul = open("/dev/null", O_RDWR | O_CLOEXEC);
    printf("# %s\n", what);
    REQ(socketpair(AF_UNIX, type, 0, s) == 0 && nul >= 0);
    CHECK(intopt(s[1], SO_PASSPIDFD) == 0 && pass(s[1], SO_PASSPIDFD, 7) == 0 && intopt(s[1], SO_PASSPIDFD) == 1,
          "the option");
    REQ(write(s[0], "me", 2) == 2);
    struct got g = receive(s[1], 256, MSG_PEEK);
    CHECK(g.n == 2 && g.pidfd >= 0 && pid_of(g.pidfd) == getpid(), "a look at a message has it");
    g = receive(s[1], 256, 0);
    CHECK(g.n == 2 && g.flags == 0 && g.pidfd >= 0 && !g.creds, "a message has it");
    CHECK(g.pidfd >= 0 && fcntl(g.pidfd, F_GETFD) == FD_CLOEXEC && pid_of(g.pidfd) == getpid(),
          "close-on-exec, the sender's");
    REQ(write(s[0], "me", 2) == 2);
    g = receive(s[1], 0, 0);
    CHECK(g.n == 2 && g.flags == MSG_CTRUNC, "no area for it: MSG_CTRUNC");
    REQ(write(s[0], "me", 2) == 2);
    g = receive(s[1], CMSG_LEN(sizeof(int)) - 1, 0);
    CHECK(g.n == 2 && g.flags == MSG_CTRUNC && g.pidfd < 0, "too small an area: none");
    REQ(pass(s[1], SO_PASSCRED, 1) == 0 && send_fds(s[0], "all", &nul, 1) == 3);
    g = receive(s[1], 256, 0);
    CHECK(g.n == 3 && g.creds == 1 && g.files == 1 && pid_of(g.pidfd) == getpid(), "credentials and files beside it");
    REQ(pass(s[1], SO_PASSCRED, 0) == 0);

    int go[2];
    make_pipe(go);
    pid_t pid = tap_fork();
    if (pid == 0) {
        REQ(write(s[0], "child", 5) == 5);
        token_wait(go[0]);
        _exit(9);
    }
    struct pollfd p = {s[1], POLLIN, 0};
    REQ(poll(&p, 1, 20000) == 1);
    g = receive(s[1], 256, 0);
    siginfo_t si = {0};
    CHECK(g.n == 5 && g.pidfd >= 0 && syscall(SYS_pidfd_send_signal, g.pidfd, 0, NULL, 0) == 0, "a child's");
    token_send(go[1]);
    CHECK(waitid(P_PIDFD, (id_t)g.pidfd, &si, WEXITED | WNOWAIT) == 0 && si.si_pid == pid && si.si_status == 9,
          "waited for by it");
    CHECK(pid_of(g.pidfd) == pid, "it is that child's");
    tap_wait(pid);

    CHECK_CHILD("without a free descriptor there is an error's number", {
        REQ(write(s[0], "me", 2) == 2);
        struct rlimit none = {0, 0};
        REQ(setrlimit(RLIMIT_NOFILE, &none) == 0);
        g = receive(s[1], 256, 0);
        REQ(g.n == 2 && g.pidfd == -EMFILE);
    });
    close(s[0]), close(s[1]), close(nul), close(go[0]), close(go[1]);
}

static void test_stream(void)
{
    int s[2];
    REQ(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0 && pass(s[1], SO_PASSPIDFD, 1) == 0);
    pid_t pid = tap_fork();
    if (pid == 0) {
        REQ(write(s[0], "child", 5) == 5);
        _exit(0);
    }
    tap_wait(pid);
    REQ(write(s[0], "m", 1) == 1 && write(s[0], "e", 1) == 1);
    struct got g = receive(s[1], 256, 0);
    CHECK(g.n == 5, "a read does not mix two senders");
    g = receive(s[1], 256, 0);
    CHECK(g.n == 2 && pid_of(g.pidfd) == getpid(), "but takes all of one");
    close(s[0]), close(s[1]);

    REQ(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0 && write(s[0], "x", 1) == 1 && pass(s[1], SO_PASSPIDFD, 1) == 0);
    g = receive(s[1], 256, 0);
    CHECK(g.n == 1 && g.pidfd == -1 && g.flags == 0, "sent before it was asked for: none");
    REQ(pass(s[0], SO_PASSPIDFD, 1) == 0 && pass(s[1], SO_PASSPIDFD, 0) == 0 && write(s[0], "x", 1) == 1 &&
        pass(s[1], SO_PASSPIDFD, 1) == 0);
    g = receive(s[1], 256, 0);
    CHECK(g.n == 1 && pid_of(g.pidfd) == getpid(), "the sender's option says it, too");
    REQ(pass(s[0], SO_PASSPIDFD, 0) == 0 && pass(s[1], SO_PASSPIDFD, 0) == 0 && pass(s[1], SO_PASSCRED, 1) == 0);
    REQ(write(s[0], "x", 1) == 1 && pass(s[1], SO_PASSPIDFD, 1) == 0);
    g = receive(s[1], 256, 0);
    CHECK(g.n == 1 && g.creds == 1 && pid_of(g.pidfd) == getpid(), "credentials are enough for it");
    close(s[0]), close(s[1]);
}

static void test_inherited(void)
{
    struct sockaddr_un a = {AF_UNIX, ""};
    socklen_t len = sizeof(sa_family_t);
    int l = socket(AF_UNIX, SOCK_STREAM, 0), c = socket(AF_UNIX, SOCK_STREAM, 0);
    REQ(bind(l, (void *)&a, len) == 0 && pass(l, SO_PASSPIDFD, 1) == 0 && listen(l, 1) == 0);
    len = sizeof a;
    REQ(getsockname(l, (void *)&a, &len) == 0 && connect(c, (void *)&a, len) == 0 && write(c, "early", 5) == 5);
    int e = accept(l, NULL, NULL);
    CHECK(e >= 0 && intopt(e, SO_PASSPIDFD) == 1, "an accepted socket has the listener's option");
    struct got g = receive(e, 256, 0);
    CHECK(g.n == 5 && pid_of(g.pidfd) == getpid(), "and what was sent before has it");
    close(l), close(c), close(e);

    int d = socket(AF_UNIX, SOCK_DGRAM, 0);
    l = socket(AF_UNIX, SOCK_DGRAM, 0);
    a = (struct sockaddr_un){AF_UNIX, ""};
    REQ(bind(l, (void *)&a, sizeof(sa_family_t)) == 0);
    len = sizeof a;
    REQ(getsockname(l, (void *)&a, &len) == 0 && pass(d, SO_PASSPIDFD, 1) == 0 && connect(d, (void *)&a, len) == 0);
    len = sizeof a;
    CHECK(getsockname(d, (void *)&a, &len) == 0 && len > sizeof(sa_family_t), "who asks for it gets a name");
    close(l), close(d);
}

int main(void)
{
    test_kind(SOCK_STREAM, "stream");
    test_kind(SOCK_DGRAM, "dgram");
    test_kind(SOCK_SEQPACKET, "seqpacket");
    test_stream();
    test_inherited();
    return tap_end();
}
