/* SPDX-License-Identifier: MIT */
/* Helpers of the tests of AF_UNIX. */
#ifndef ABI_UNIX_H
#define ABI_UNIX_H

#include "tests/abi/util.h"

#include <pthread.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>

/* An abstract name of this process; its length. */
static inline socklen_t abstract(struct sockaddr_un *a, const char *name)
{
    memset(a, 0, sizeof *a);
    a->sun_family = AF_UNIX;
    return (socklen_t)offsetof(struct sockaddr_un, sun_path) + 1 +
           (socklen_t)snprintf(a->sun_path + 1, sizeof a->sun_path - 1, "slipway-%d-%s", getpid(), name);
}

static inline socklen_t path_name(struct sockaddr_un *a, const char *name)
{
    memset(a, 0, sizeof *a);
    a->sun_family = AF_UNIX;
    strcpy(a->sun_path, name);
    return sizeof *a;
}

/* What poll(2) says at once. */
static inline int events(int fd, int wanted)
{
    struct pollfd p = {fd, (short)wanted, 0};
    REQ(poll(&p, 1, 0) >= 0);
    return p.revents;
}

static inline int intopt(int fd, int name)
{
    int v = -12345;
    socklen_t len = sizeof v;
    return getsockopt(fd, SOL_SOCKET, name, &v, &len) == 0 ? v : -errno;
}

/* Sends `text` with n descriptors. */
static inline ssize_t send_fds(int to, const char *text, const int *fds, size_t n)
{
    _Alignas(8) char area[CMSG_SPACE(300 * sizeof(int))];
    struct iovec v = {(void *)text, strlen(text)};
    struct msghdr m = {
        .msg_iov = &v, .msg_iovlen = 1, .msg_control = area, .msg_controllen = CMSG_SPACE(n * sizeof(int))};
    memset(area, 0, sizeof area);
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    *c = (struct cmsghdr){.cmsg_len = CMSG_LEN(n * sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
    memcpy(CMSG_DATA(c), fds, n * sizeof(int));
    return sendmsg(to, &m, 0);
}

#endif
