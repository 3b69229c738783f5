// SPDX-License-Identifier: MIT
/*
 * Socket calls: thin doors onto net/socket.h. Addresses, message headers and vectors are copied here; SIGPIPE is raised
 * here. Of a datagram that was received the bytes are gone when a later copy of its header fails, as on Linux.
 */
#include "abi/socket.h"

#include "abi/fcntl.h"
#include "net/socket.h"
#include "proc/signal.h"
#include "syscall/fd.h"
#include "syscall/sys.h"
#include "syscall/timespec.h"

#define AT(base, member) ((base) + offsetof(struct msghdr, member))

/* The socket of a descriptor for the time of the call; 0, -EBADF, -ENOTSOCK. */
static int take(int fd, struct fd_ref *r, struct socket **s)
{
    *r = fd_take(fd);
    if (!r->file)
        return -EBADF;
    *s = socket_of(r->file);
    if (*s)
        return 0;
    fd_return(*r);
    return -ENOTSOCK;
}

static int get_addr(struct sockaddr_storage *a, uaddr_t user, int len)
{
    a->ss_family = 0;
    if (len < 0 || (size_t)len > sizeof(*a))
        return -EINVAL;
    return copy_from_user(a, user, (size_t)len);
}

/* An address to the user, cut to the room that *len_at gives; *len_at := its length. */
static int put_addr(const struct sockaddr_storage *a, u32 len, uaddr_t user, uaddr_t len_at)
{
    u32 room;
    if (get_user_u32(&room, len_at))
        return -EFAULT;
    if ((s32)room < 0)
        return -EINVAL;
    if (copy_to_user(user, a, MIN(len, room)))
        return -EFAULT;
    return put_user_u32(len_at, len);
}

static bool nonblocking(const struct fd_ref *r)
{
    return READ_ONCE(r->file->flags) & O_NONBLOCK;
}

/* ---- making ---- */

static int check_type(int type)
{
    return type & ~(SOCK_TYPE_MASK | SOCK_CLOEXEC | SOCK_NONBLOCK) ? -EINVAL : 0;
}

long sys_socket(int family, int type, int protocol)
{
    struct file *f;
    int err = socket_create(family, type, protocol, &f);
    return err ? err : fd_install_new(f, type & SOCK_CLOEXEC);
}

static int make_pair(int family, int type, int protocol, uaddr_t fds, int fd[2])
{
    struct file *end[2];
    int err = copy_to_user(fds, fd, 2 * sizeof(int));
    if (!err)
        err = socket_create_pair(family, type, protocol, end);
    if (err)
        return err;
    fd_install(my_files(), (u32)fd[0], end[0]);
    fd_install(my_files(), (u32)fd[1], end[1]);
    return 0;
}

long sys_socketpair(int family, int type, int protocol, fds_k fds)
{
    int fd[2], err = check_type(type);
    if (err)
        return err;
    fd[0] = fd_reserve(my_files(), 0, rlimit(RLIMIT_NOFILE), type & SOCK_CLOEXEC);
    if (fd[0] < 0)
        return fd[0];
    fd[1] = fd_reserve(my_files(), 0, rlimit(RLIMIT_NOFILE), type & SOCK_CLOEXEC);
    err = fd[1] < 0 ? fd[1] : make_pair(family, type, protocol, fds, fd);
    if (err && fd[1] >= 0)
        fd_unreserve(my_files(), (u32)fd[1]);
    if (err)
        fd_unreserve(my_files(), (u32)fd[0]);
    return err;
}

/* ---- names and connections ---- */

long sys_bind(fd_k fd, ptr_k addr, int len)
{
    struct sockaddr_storage a;
    struct fd_ref r;
    struct socket *s;
    int err = take(fd, &r, &s);
    if (err)
        return err;
    err = get_addr(&a, addr, len);
    if (!err)
        err = s->ops->bind(s, &a, (u32)len);
    fd_return(r);
    return err;
}

long sys_connect(fd_k fd, ptr_k addr, int len)
{
    struct sockaddr_storage a;
    struct fd_ref r;
    struct socket *s;
    int err = take(fd, &r, &s);
    if (err)
        return err;
    err = get_addr(&a, addr, len);
    if (!err)
        err = s->ops->connect(s, &a, (u32)len, nonblocking(&r));
    fd_return(r);
    return err;
}

long sys_listen(fd_k fd, int backlog)
{
    struct fd_ref r;
    struct socket *s;
    int err = take(fd, &r, &s);
    if (err)
        return err;
    err = s->ops->listen ? s->ops->listen(s, MIN((u32)backlog, (u32)SOMAXCONN)) : -EOPNOTSUPP;
    fd_return(r);
    return err;
}

static int accept_file(struct socket *s, bool nonblock, int flags, uaddr_t addr, uaddr_t len, struct file **out)
{
    struct sockaddr_storage a;
    struct socket *n;
    int err = s->ops->accept ? s->ops->accept(s, nonblock, &n) : -EOPNOTSUPP;
    if (!err)
        err = socket_open(n, flags & SOCK_NONBLOCK, out);
    if (err || !addr)
        return err;
    int got = n->ops->getname(n, &a, true);
    err = got < 0 ? -ECONNABORTED : put_addr(&a, (u32)got, addr, len);
    if (err)
        file_put(*out);
    return err;
}

long sys_accept4(fd_k fd, ptr_k addr, ptr_k len, int flags)
{
    struct fd_ref r;
    struct socket *s;
    struct file *f = NULL;
    if (flags & ~(SOCK_CLOEXEC | SOCK_NONBLOCK))
        return -EINVAL;
    int err = take(fd, &r, &s);
    if (err)
        return err;
    int n = fd_reserve(my_files(), 0, rlimit(RLIMIT_NOFILE), flags & SOCK_CLOEXEC);
    err = n < 0 ? n : accept_file(s, nonblocking(&r), flags, addr, len, &f);
    if (!err)
        fd_install(my_files(), (u32)n, f);
    else if (n >= 0)
        fd_unreserve(my_files(), (u32)n);
    fd_return(r);
    return err ? err : n;
}

long sys_accept(fd_k fd, ptr_k addr, ptr_k len)
{
    return sys_accept4(fd, addr, len, 0);
}

static long get_name(int fd, uaddr_t addr, uaddr_t len, bool peer)
{
    struct sockaddr_storage a;
    struct fd_ref r;
    struct socket *s;
    int err = take(fd, &r, &s);
    if (err)
        return err;
    err = s->ops->getname(s, &a, peer);
    if (err >= 0)
        err = put_addr(&a, (u32)err, addr, len);
    fd_return(r);
    return err;
}

long sys_getsockname(fd_k fd, ptr_k addr, ptr_k len)
{
    return get_name(fd, addr, len, false);
}

long sys_getpeername(fd_k fd, ptr_k addr, ptr_k len)
{
    return get_name(fd, addr, len, true);
}

long sys_shutdown(fd_k fd, int how)
{
    struct fd_ref r;
    struct socket *s;
    int err = take(fd, &r, &s);
    if (err)
        return err;
    err = how < SHUT_RD || how > SHUT_RDWR ? -EINVAL : s->ops->shutdown(s, (u32)how + 1);
    fd_return(r);
    return err;
}

/* ---- options ---- */

long sys_setsockopt(fd_k fd, int level, int name, ptr_k value, int len)
{
    struct fd_ref r;
    struct socket *s;
    int err = take(fd, &r, &s);
    if (err)
        return err;
    err = sock_setsockopt(s, level, name, value, len);
    fd_return(r);
    return err;
}

long sys_getsockopt(fd_k fd, int level, int name, ptr_k value, ptr_k len)
{
    struct fd_ref r;
    struct socket *s;
    int err = take(fd, &r, &s);
    if (err)
        return err;
    err = sock_getsockopt(s, level, name, value, len);
    fd_return(r);
    return err;
}

/* ---- sending ---- */

static ssize_t send_now(const struct fd_ref *r, struct socket *s, struct sock_msg *m, u32 flags)
{
    m->flags = flags | (nonblocking(r) ? MSG_DONTWAIT : 0);
    ssize_t n = s->ops->send(s, m);
    if (unlikely(n == -EPIPE) && s->type == SOCK_STREAM && !(flags & MSG_NOSIGNAL))
        signal_sigpipe();
    return n;
}

long sys_sendto(fd_k fd, ibuf_k buf, size_t len, hex_k flags, ptr_k addr, int addr_len)
{
    struct sockaddr_storage a;
    struct uio u;
    struct fd_ref r;
    struct socket *s;
    struct sock_msg m = {.u = &u};
    ssize_t n = uio_init_user(&u, buf, len);
    if (!n)
        n = take(fd, &r, &s);
    if (n)
        return n;
    if (addr && addr_len) {
        n = get_addr(&a, addr, addr_len);
        m.name = &a;
        m.name_len = (u32)addr_len;
    }
    if (!n)
        n = send_now(&r, s, &m, flags);
    fd_return(r);
    return n;
}

/* The header, and the address when one is sent to. */
static int get_header(struct msghdr *h, uaddr_t msg)
{
    if (copy_from_user(h, msg, sizeof(*h)))
        return -EFAULT;
    if (!h->msg_name)
        h->msg_namelen = 0;
    if (h->msg_namelen < 0)
        return -EINVAL;
    h->msg_namelen = MIN(h->msg_namelen, (int)sizeof(struct sockaddr_storage));
    return h->msg_iovlen > UIO_MAXIOV ? -EMSGSIZE : 0;
}

static ssize_t send_header(const struct fd_ref *r, struct socket *s, uaddr_t msg, u32 flags)
{
    struct sockaddr_storage a;
    struct msghdr h;
    struct uio u;
    struct sock_msg m = {.u = &u};
    ssize_t n = get_header(&h, msg);
    if (!n && h.msg_namelen) {
        n = get_addr(&a, (uaddr_t)h.msg_name, h.msg_namelen);
        m.name = &a;
        m.name_len = (u32)h.msg_namelen;
    }
    if (!n)
        n = uio_init_iovec(&u, (uaddr_t)h.msg_iov, h.msg_iovlen);
    if (n)
        return n;
    n = h.msg_controllen > 0x7fffffff ? -ENOBUFS : control_get(s, &m.control, (uaddr_t)h.msg_control, h.msg_controllen);
    if (!n)
        n = send_now(r, s, &m, flags);
    control_drop(&m.control);
    uio_free(&u);
    return n;
}

long sys_sendmsg(fd_k fd, ptr_k msg, hex_k flags)
{
    struct fd_ref r;
    struct socket *s;
    ssize_t n = take(fd, &r, &s);
    if (n)
        return n;
    n = send_header(&r, s, msg, flags);
    fd_return(r);
    return n;
}

long sys_sendmmsg(fd_k fd, ptr_k msgs, u32 count, hex_k flags)
{
    struct fd_ref r;
    struct socket *s;
    u32 done = 0;
    ssize_t n = take(fd, &r, &s);
    if (n)
        return n;
    for (count = MIN(count, (u32)UIO_MAXIOV); done < count; done++, msgs += sizeof(struct mmsghdr)) {
        n = send_header(&r, s, msgs, flags);
        if (n >= 0 && put_user_u32(msgs + offsetof(struct mmsghdr, msg_len), (u32)n))
            n = -EFAULT;
        if (n < 0)
            break;
        cond_resched();
    }
    fd_return(r);
    return done ? (long)done : MIN(n, (ssize_t)0);
}

/* ---- receiving ---- */

long sys_recvfrom(fd_k fd, obuf_k buf, size_t len, hex_k flags, ptr_k addr, ptr_k addr_len)
{
    struct sockaddr_storage a = {.ss_family = AF_UNSPEC};
    struct uio u;
    struct fd_ref r;
    struct socket *s;
    struct sock_msg m = {.u = &u, .name = addr ? &a : NULL};
    ssize_t n = uio_init_user(&u, buf, len);
    if (!n)
        n = take(fd, &r, &s);
    if (n)
        return n;
    m.flags = flags | (nonblocking(&r) ? MSG_DONTWAIT : 0);
    n = s->ops->receive(s, &m);
    control_drop(&m.control);
    if (n >= 0 && addr) {
        int err = put_addr(&a, m.name_len, addr, addr_len);
        n = err ? err : n;
    }
    fd_return(r);
    return n;
}

/* What the header says after: address, control data, flags. */
static int put_header(struct socket *s, struct sock_msg *m, const struct msghdr *h, uaddr_t msg)
{
    size_t used = control_put(s, m, (uaddr_t)h->msg_control, h->msg_controllen);
    if (h->msg_name) {
        int err = put_addr(m->name, m->name_len, (uaddr_t)h->msg_name, AT(msg, msg_namelen));
        if (err)
            return err;
    }
    m->out |= m->flags & MSG_CMSG_CLOEXEC;
    if (put_user_u32(AT(msg, msg_flags), m->out) || put_user_u64(AT(msg, msg_controllen), used))
        return -EFAULT;
    return 0;
}

static ssize_t receive_header(const struct fd_ref *r, struct socket *s, uaddr_t msg, u32 flags)
{
    struct sockaddr_storage a;
    struct msghdr h;
    struct uio u;
    struct sock_msg m = {.u = &u, .name = &a, .flags = flags | (nonblocking(r) ? MSG_DONTWAIT : 0)};
    ssize_t n = get_header(&h, msg);
    if (!n)
        n = uio_init_iovec(&u, (uaddr_t)h.msg_iov, h.msg_iovlen);
    if (n)
        return n;
    n = s->ops->receive(s, &m);
    if (n >= 0) {
        int err = put_header(s, &m, &h, msg);
        n = err ? err : n;
    }
    control_drop(&m.control);
    uio_free(&u);
    return n;
}

long sys_recvmsg(fd_k fd, ptr_k msg, hex_k flags)
{
    struct fd_ref r;
    struct socket *s;
    ssize_t n = take(fd, &r, &s);
    if (n)
        return n;
    n = receive_header(&r, s, msg, flags);
    fd_return(r);
    return n;
}

/* Up to count messages, until the deadline has passed (looked at after each). An error behind the first is for later. */
static ssize_t receive_many(const struct fd_ref *r, struct socket *s, uaddr_t msgs, u32 count, u32 flags, ns_t deadline)
{
    u32 done = 0;
    ssize_t n = sock_take_error(s);
    if (n)
        return n;
    while (done < count) {
        n = receive_header(r, s, msgs, flags & ~(u32)MSG_WAITFORONE);
        if (n >= 0 && put_user_u32(msgs + offsetof(struct mmsghdr, msg_len), (u32)n))
            n = -EFAULT;
        if (n < 0)
            break;
        done++;
        msgs += sizeof(struct mmsghdr);
        if (flags & MSG_WAITFORONE)
            flags |= MSG_DONTWAIT;
        if (deadline != NS_FOREVER && clock_monotonic() >= deadline)
            break;
        cond_resched();
    }
    if (done && n < 0 && n != -EAGAIN && n != -ERESTARTSYS)
        WRITE_ONCE(s->err, (s32)-n);
    return done ? (ssize_t)done : MIN(n, (ssize_t)0);
}

long sys_recvmmsg(fd_k fd, ptr_k msgs, u32 count, hex_k flags, ptr_k timeout)
{
    struct fd_ref r;
    struct socket *s;
    ns_t wait = 0, deadline = NS_FOREVER;
    ssize_t n = timeout ? timespec_get(timeout, &wait) : 0;
    if (n)
        return n;
    ns_t now = timeout ? clock_monotonic() : 0;
    if (timeout && wait < NS_FOREVER - now)
        deadline = now + wait;
    n = take(fd, &r, &s);
    if (n)
        return n;
    n = receive_many(&r, s, msgs, count, flags, deadline);
    fd_return(r);
    if (n > 0 && timeout) {
        now = clock_monotonic();
        if (timespec_put(timeout, now < deadline ? deadline - now : 0))
            return -EFAULT;
    }
    return n;
}
