// SPDX-License-Identifier: MIT
/* kcmp(2): what two processes share, and what not. */
#include "tests/abi/util.h"

#include <linux/kcmp.h>
#include <sys/epoll.h>

static long kcmp(pid_t a, pid_t b, int type, unsigned long i, unsigned long j)
{
    return syscall(SYS_kcmp, a, b, type, i, j);
}

int main(void)
{
    int fd = open("/dev/null", O_RDONLY), same = dup(fd), other = open("/dev/null", O_RDONLY), go[2];
    pid_t me = getpid();
    CHECK(kcmp(me, me, KCMP_FILE, fd, same) == 0, "a duplicate is the same file");
    long a = kcmp(me, me, KCMP_FILE, fd, other), b = kcmp(me, me, KCMP_FILE, other, fd);
    CHECK(a > 0 && b > 0 && a + b == 3, "another opening is not, and they have an order");
    CHECK_ERRNO(kcmp(me, me, KCMP_FILE, fd, 999), EBADF, "no such file");
    CHECK_ERRNO(kcmp(me, me, KCMP_TYPES, 0, 0), EINVAL, "an unknown type");
    CHECK_ERRNO(kcmp(me, 4000000, KCMP_VM, 0, 0), ESRCH, "no such process");
    make_pipe(go);
    pid_t pid = tap_fork();
    if (pid == 0) {
        token_wait(go[0]);
        _exit(0);
    }
    CHECK(kcmp(me, me, KCMP_VM, 0, 0) == 0 && kcmp(me, pid, KCMP_VM, 0, 0) > 0, "KCMP_VM");
    CHECK(kcmp(me, me, KCMP_FILES, 0, 0) == 0 && kcmp(me, pid, KCMP_FILES, 0, 0) > 0, "KCMP_FILES");
    CHECK(kcmp(me, me, KCMP_FS, 0, 0) == 0 && kcmp(me, pid, KCMP_FS, 0, 0) > 0, "KCMP_FS");
    CHECK(kcmp(me, me, KCMP_SIGHAND, 0, 0) == 0 && kcmp(me, pid, KCMP_SIGHAND, 0, 0) > 0, "KCMP_SIGHAND");
    CHECK(kcmp(me, me, KCMP_IO, 0, 0) == 0 && kcmp(me, me, KCMP_SYSVSEM, 0, 0) == 0, "KCMP_IO, KCMP_SYSVSEM");
    CHECK(kcmp(me, pid, KCMP_FILE, fd, same) == 0, "fork keeps the files");
    CHECK_CHILD("another user may not ask", drop_root(); REQ(kcmp(me, getpid(), KCMP_VM, 0, 0) < 0 && errno == EPERM));
    token_send(go[1]);
    REQ(tap_wait(pid) == 0);
    int ep = epoll_create1(0);
    struct epoll_event ev = {.events = EPOLLIN};
    REQ(epoll_ctl(ep, EPOLL_CTL_ADD, go[0], &ev) == 0);
    struct kcmp_epoll_slot slot = {ep, go[0], 0};
    CHECK(kcmp(me, me, KCMP_EPOLL_TFD, go[0], (unsigned long)&slot) == 0, "KCMP_EPOLL_TFD");
    CHECK(kcmp(me, me, KCMP_EPOLL_TFD, go[1], (unsigned long)&slot) > 0, "another file");
    CHECK_ERRNO(kcmp(me, me, KCMP_EPOLL_TFD, fd, 8), EFAULT, "a slot that is not there");
    slot.toff = 1;
    CHECK_ERRNO(kcmp(me, me, KCMP_EPOLL_TFD, go[0], (unsigned long)&slot), ENOENT, "there is no second one");
    slot.efd = fd;
    CHECK_ERRNO(kcmp(me, me, KCMP_EPOLL_TFD, go[0], (unsigned long)&slot), EINVAL, "no epoll");
    return tap_end();
}
