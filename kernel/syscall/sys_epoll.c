// SPDX-License-Identifier: MIT
/* epoll(7): a thin door onto fs/epoll.h. */
#include "abi/errno.h"
#include "abi/fcntl.h"
#include "abi/poll.h"
#include "arch/usercopy.h"
#include "fs/epoll.h"
#include "proc/process.h"
#include "proc/signal.h"
#include "syscall/fd.h"
#include "syscall/sys.h"
#include "syscall/timespec.h"

#define EVENTS_MAX ((int)(0x7fffffff / sizeof(struct epoll_event)))

long sys_epoll_create1(int flags)
{
    struct file *f;
    if (flags & ~EPOLL_CLOEXEC)
        return -EINVAL;
    int err = epoll_create_file(0, &f);
    return err ? err : fd_install_new(f, flags & EPOLL_CLOEXEC);
}

long sys_epoll_create(int size)
{
    return size <= 0 ? -EINVAL : sys_epoll_create1(0);
}

static struct file *get_plain(fd_k fd)
{
    struct file *f = fd_get(current_thread()->files, (u32)fd);
    if (f && f->fmode & FMODE_PATH) {
        file_put(f);
        f = NULL;
    }
    return f;
}

long sys_epoll_ctl(fd_k epfd, int op, fd_k fd, ptr_k event)
{
    struct epoll_event e = {0};
    if (op != EPOLL_CTL_DEL && copy_from_user(&e, event, sizeof(e)))
        return -EFAULT;
    struct file *ep = get_plain(epfd);
    if (!ep)
        return -EBADF;
    struct file *f = get_plain(fd);
    struct epoll_event_k k = {e.events, e.data};
    int err = f ? epoll_control(ep, op, f, (u32)fd, &k) : -EBADF;
    if (f)
        file_put(f);
    file_put(ep);
    return err;
}

static long epoll_wait_until(fd_k epfd, uaddr_t events, int max, ns_t deadline)
{
    if (max <= 0 || max > EVENTS_MAX)
        return -EINVAL;
    if (!user_range_ok(events, (size_t)max * sizeof(struct epoll_event)))
        return -EFAULT;
    struct file *ep = get_plain(epfd);
    if (!ep)
        return -EBADF;
    long n = file_is_epoll(ep) ? epoll_collect(ep, events, (u32)max, deadline) : -EINVAL;
    file_put(ep);
    return n;
}

static ns_t deadline_of_ms(int timeout)
{
    return timeout < 0 ? NS_FOREVER : timeout == 0 ? 0 : deadline_after((ns_t)timeout * 1000000);
}

long sys_epoll_wait(fd_k epfd, out_k events, int max, int timeout)
{
    return epoll_wait_until(epfd, events, max, deadline_of_ms(timeout));
}

static long epoll_wait_masked(fd_k epfd, uaddr_t events, int max, ns_t deadline, uaddr_t mask, size_t size)
{
    int err = signal_mask_begin(mask, size);
    if (err)
        return err;
    long n = epoll_wait_until(epfd, events, max, deadline);
    signal_mask_end(n == -EINTR);
    return n;
}

long sys_epoll_pwait(fd_k epfd, out_k events, int max, int timeout, sigset_k mask, size_t size)
{
    return epoll_wait_masked(epfd, events, max, deadline_of_ms(timeout), mask, size);
}

long sys_epoll_pwait2(fd_k epfd, out_k events, int max, timespec_k timeout, sigset_k mask, size_t size)
{
    ns_t deadline = NS_FOREVER, wait;
    if (timeout) {
        int err = timespec_get(timeout, &wait);
        if (err)
            return err;
        deadline = wait == 0 ? 0 : deadline_after(wait);
    }
    return epoll_wait_masked(epfd, events, max, deadline, mask, size);
}
