// SPDX-License-Identifier: MIT
/*
 * POSIX message queues: a thin door onto proc/mqueue.h.
 *
 * mq_notify with SIGEV_THREAD is how a C library makes threads of notifications: it hands in a netlink socket, to which
 * a cookie is sent. There is no AF_NETLINK here, so whatever descriptor comes is the wrong one, with Linux' error for
 * that; glibc fails before, when it opens the socket, and reports ENOSYS.
 */
#include "abi/errno.h"
#include "abi/stat.h"
#include "arch/usercopy.h"
#include "proc/mqueue.h"
#include "syscall/fd.h"
#include "syscall/sys.h"
#include "syscall/timespec.h"

/* As fd_take; -EBADF as well when it is no queue, or was not opened for `fmode`. */
static int take_queue(int fd, u32 fmode, struct fd_ref *out)
{
    *out = fd_take(fd);
    if (!out->file)
        return -EBADF;
    if (mq_is(out->file) && (out->file->fmode & fmode) == fmode)
        return 0;
    fd_return(*out);
    return -EBADF;
}

/* ---- names ---- */

static long open_named(const char *name, int flags, u32 mode, const struct mq_attr *attr)
{
    struct fs_view v = current_view();
    struct file *f;
    int fd = fd_reserve(my_files(), 0, rlimit(RLIMIT_NOFILE), true);
    if (fd < 0)
        return fd;
    int err = mq_open(&v, name, (u32)flags, mode, attr, &f);
    if (err)
        fd_unreserve(my_files(), (u32)fd);
    else
        fd_install(my_files(), (u32)fd, f);
    return err ? err : fd;
}

long sys_mq_open(str_k name, oflags_k flags, mode_k mode, ptr_k attr)
{
    struct mq_attr a;
    struct name n;
    if (attr && copy_from_user(&a, attr, sizeof(a)))
        return -EFAULT;
    int err = name_get(&n, name);
    if (err)
        return err;
    long fd = open_named(n.s, flags, mode, attr ? &a : NULL);
    name_put(&n);
    return fd;
}

long sys_mq_unlink(str_k name)
{
    struct fs_view v = current_view();
    struct name n;
    int err = name_get(&n, name);
    if (err)
        return err;
    err = mq_unlink(&v, n.s);
    name_put(&n);
    return err;
}

/* ---- messages ---- */

static int get_deadline(uaddr_t timeout, ns_t *out)
{
    *out = NS_FOREVER;
    return timeout ? timespec_get(timeout, out) : 0;
}

static int send_from(struct file *f, uaddr_t buf, size_t len, u32 priority, ns_t deadline)
{
    struct uio u;
    if (len > mq_message_max(f))
        return -EMSGSIZE;
    int err = uio_init_user(&u, buf, len);
    if (err)
        return err;
    struct mq_message *m = mq_message_alloc(priority, len);
    if (!m)
        return -ENOMEM;
    err = mq_message_fill(m, &u);
    if (!err)
        err = mq_send(f, m, deadline);
    if (err)
        mq_message_free(m);
    return err;
}

long sys_mq_timedsend(fd_k fd, ibuf_k buf, size_t len, u32 priority, timespec_k timeout)
{
    struct fd_ref r;
    ns_t deadline;
    int err = get_deadline(timeout, &deadline);
    if (!err && priority >= MQ_PRIO_MAX)
        err = -EINVAL;
    if (!err)
        err = take_queue(fd, FMODE_WRITE, &r);
    if (err)
        return err;
    err = send_from(r.file, buf, len, priority, deadline);
    fd_return(r);
    return err;
}

static long receive_to(struct file *f, uaddr_t buf, size_t len, uaddr_t priority, ns_t deadline)
{
    struct mq_message *m;
    struct uio u;
    if (len < mq_message_max(f))
        return -EMSGSIZE;
    int err = mq_receive(f, deadline, &m);
    if (err)
        return err;
    long n = (long)mq_message_size(m);
    if (priority)
        err = put_user_u32(priority, mq_message_priority(m));
    if (!err)
        err = uio_init_user(&u, buf, (size_t)n);
    if (!err)
        err = mq_message_copy(m, &u);
    mq_message_free(m); /* it is lost */
    return err ? err : n;
}

long sys_mq_timedreceive(fd_k fd, obuf_k buf, size_t len, out_k priority, timespec_k timeout)
{
    struct fd_ref r;
    ns_t deadline;
    int err = get_deadline(timeout, &deadline);
    if (!err)
        err = take_queue(fd, FMODE_READ, &r);
    if (err)
        return err;
    long n = receive_to(r.file, buf, len, priority, deadline);
    fd_return(r);
    return n;
}

/* ---- notification and attributes ---- */

static int refuse_thread(const struct sigevent *how)
{
    char cookie[NOTIFY_COOKIE_LEN];
    if (copy_from_user(cookie, (uaddr_t)how->sigev_value.sival_ptr, sizeof(cookie)))
        return -EFAULT;
    struct fd_ref r = fd_take(how->sigev_signo);
    if (!r.file)
        return -EBADF;
    int err = S_ISSOCK(r.file->inode->mode) ? -EINVAL : -ENOTSOCK;
    fd_return(r);
    return err;
}

static int check_how(const struct sigevent *how)
{
    switch (how->sigev_notify) {
    case SIGEV_NONE:
        return 0;
    case SIGEV_SIGNAL:
        return how->sigev_signo < 0 || how->sigev_signo > _NSIG ? -EINVAL : 0;
    case SIGEV_THREAD:
        return refuse_thread(how);
    default:
        return -EINVAL;
    }
}

long sys_mq_notify(fd_k fd, ptr_k how)
{
    struct sigevent ev;
    struct fd_ref r;
    if (how && copy_from_user(&ev, how, sizeof(ev)))
        return -EFAULT;
    int err = how ? check_how(&ev) : 0;
    if (!err)
        err = take_queue(fd, 0, &r);
    if (err)
        return err;
    err = mq_notify(r.file, how ? &ev : NULL);
    fd_return(r);
    return err;
}

long sys_mq_getsetattr(fd_k fd, ptr_k new, out_k old)
{
    struct mq_attr to, was;
    struct fd_ref r;
    if (new &&copy_from_user(&to, new, sizeof(to)))
        return -EFAULT;
    if (new && (to.mq_flags & ~(long)O_NONBLOCK))
        return -EINVAL;
    int err = take_queue(fd, 0, &r);
    if (err)
        return err;
    mq_get_attr(r.file, &was);
    if (new)
        mq_set_nonblock(r.file, to.mq_flags);
    fd_return(r);
    return old ? copy_to_user(old, &was, sizeof(was)) : 0;
}
