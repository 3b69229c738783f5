// SPDX-License-Identifier: MIT
/* epoll(7): a thin door onto fs/epoll.h. */
#include "abi/errno.h"
#include "abi/fcntl.h"
#include "abi/poll.h"
#include "arch/usercopy.h"
#include "fs/epoll.h"
#include "mem/slab.h"
#include "proc/process.h"
#include "proc/signal.h"
#include "syscall/sys.h"
#include "syscall/timespec.h"

#define EVENTS_ON_STACK 16u
#define EVENTS_A_CALL 512u /* more are reported by the next call */
#define EVENTS_MAX ((int)(0x7fffffff / sizeof(struct epoll_event)))

/* A descriptor for a fresh file, which is put when there is none. */
static long install(struct file *f, bool cloexec)
{
    struct fdtable *t = current_thread()->files;
    int fd = fd_reserve(t, 0, rlimit(RLIMIT_NOFILE), cloexec);
    if (fd < 0)
        file_put(f);
    else
        fd_install(t, (u32)fd, f);
    return fd;
}

long sys_epoll_create1(int flags)
{
    struct file *f;
    if (flags & ~EPOLL_CLOEXEC)
        return -EINVAL;
    int err = epoll_create_file(0, &f);
    return err ? err : install(f, flags & EPOLL_CLOEXEC);
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

static long put_events(uaddr_t to, const struct epoll_event_k *k, u32 n)
{
    for (u32 i = 0; i < n; i++) {
        struct epoll_event e = {.events = k[i].events, .data = k[i].data};
        if (copy_to_user(to + i * sizeof(e), &e, sizeof(e)))
            return i ? (long)i : -EFAULT;
    }
    return n;
}

static long wait_events(struct file *ep, uaddr_t to, u32 max, ns_t deadline)
{
    struct epoll_event_k stack[EVENTS_ON_STACK], *buf = stack;
    max = MIN(max, EVENTS_A_CALL);
    if (max > EVENTS_ON_STACK) {
        buf = kmalloc(max * sizeof(*buf), MEM_WAIT);
        if (!buf) {
            buf = stack;
            max = EVENTS_ON_STACK;
        }
    }
    long n = epoll_collect(ep, buf, max, deadline);
    if (n > 0)
        n = put_events(to, buf, (u32)n);
    if (buf != stack)
        kfree(buf);
    return n;
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
    long n = file_is_epoll(ep) ? wait_events(ep, events, (u32)max, deadline) : -EINVAL;
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
