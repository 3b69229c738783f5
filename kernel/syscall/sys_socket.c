// SPDX-License-Identifier: MIT
/* Socket calls of a kernel without a network: Linux' errors for families that are not there, and for files that are no
 * sockets. The network replaces this file. */
#include "abi/errno.h"
#include "fs/vfs.h"
#include "syscall/sys.h"

static long no_socket(int fd)
{
    struct file *f = fd_get(current_thread()->files, (u32)fd);
    if (!f)
        return -EBADF;
    bool path = f->fmode & FMODE_PATH;
    file_put(f);
    return path ? -EBADF : -ENOTSOCK;
}

static long no_family(int family, int type)
{
    const int flags = 02000000 | 04000; /* SOCK_CLOEXEC, SOCK_NONBLOCK */
    if (type & ~(15 | flags))
        return -EINVAL;
    (void)family;
    return -EAFNOSUPPORT;
}

long sys_socket(int family, int type, int protocol)
{
    (void)protocol;
    return no_family(family, type);
}

long sys_socketpair(int family, int type, int protocol, fds_k fds)
{
    (void)protocol, (void)fds;
    return no_family(family, type);
}

#define NO_SOCKET(name, ...)     \
    long sys_##name(__VA_ARGS__) \
    {                            \
        return no_socket(fd);    \
    }
#pragma GCC diagnostic ignored "-Wunused-parameter"
NO_SOCKET(connect, fd_k fd, ptr_k addr, int len)
NO_SOCKET(accept, fd_k fd, ptr_k addr, ptr_k len)
NO_SOCKET(accept4, fd_k fd, ptr_k addr, ptr_k len, int flags)
NO_SOCKET(sendto, fd_k fd, ibuf_k buf, size_t len, hex_k flags, ptr_k addr, int addr_len)
NO_SOCKET(recvfrom, fd_k fd, obuf_k buf, size_t len, hex_k flags, ptr_k addr, ptr_k addr_len)
NO_SOCKET(sendmsg, fd_k fd, ptr_k msg, hex_k flags)
NO_SOCKET(recvmsg, fd_k fd, ptr_k msg, hex_k flags)
NO_SOCKET(sendmmsg, fd_k fd, ptr_k msgs, u32 count, hex_k flags)
NO_SOCKET(recvmmsg, fd_k fd, ptr_k msgs, u32 count, hex_k flags, ptr_k timeout)
NO_SOCKET(shutdown, fd_k fd, int how)
NO_SOCKET(bind, fd_k fd, ptr_k addr, int len)
NO_SOCKET(listen, fd_k fd, int backlog)
NO_SOCKET(getsockname, fd_k fd, ptr_k addr, ptr_k len)
NO_SOCKET(getpeername, fd_k fd, ptr_k addr, ptr_k len)
NO_SOCKET(setsockopt, fd_k fd, int level, int name, ptr_k value, int len)
NO_SOCKET(getsockopt, fd_k fd, int level, int name, ptr_k value, ptr_k len)
