// SPDX-License-Identifier: MIT
/* Events as files: eventfd(2), timerfd_create(2), signalfd(2); thin doors onto fs/eventfd.h, fs/timerfd.h and
 * proc/signalfd.h. */
#include "abi/poll.h"
#include "fs/eventfd.h"
#include "fs/timerfd.h"
#include "lib/string.h"
#include "proc/signalfd.h"
#include "syscall/fd.h"
#include "syscall/sys.h"
#include "syscall/timespec.h"

_Static_assert(TFD_CLOEXEC == O_CLOEXEC && TFD_NONBLOCK == O_NONBLOCK, "flags of timerfd_create(2)");

/* ---- eventfd ---- */

long sys_eventfd2(u32 count, int flags)
{
    struct file *f;
    if (flags & ~(EFD_SEMAPHORE | EFD_CLOEXEC | EFD_NONBLOCK))
        return -EINVAL;
    int err = eventfd_create(count, (u32)flags, &f);
    return err ? err : fd_install_new(f, flags & EFD_CLOEXEC);
}

long sys_eventfd(u32 count)
{
    return sys_eventfd2(count, 0);
}

/* ---- timerfd ---- */

static int check_clock(int clock)
{
    switch (clock) {
    case CLOCK_REALTIME:
    case CLOCK_MONOTONIC:
    case CLOCK_BOOTTIME:
        return 0;
    case CLOCK_REALTIME_ALARM:
    case CLOCK_BOOTTIME_ALARM:
        return capable(CAP_WAKE_ALARM) ? 0 : -EPERM;
    default:
        return -EINVAL;
    }
}

long sys_timerfd_create(clock_k clock, pipe_k flags)
{
    struct file *f;
    int err = flags & ~(TFD_CLOEXEC | TFD_NONBLOCK) ? -EINVAL : check_clock(clock);
    if (!err)
        err = timerfd_create(clock, (u32)flags, &f);
    return err ? err : fd_install_new(f, flags & TFD_CLOEXEC);
}

/* All of it is there, before any of it is judged. */
static int get_value(uaddr_t p, struct timerfd_value *v, bool *valid)
{
    struct timespec ts[2];
    if (copy_from_user(ts, p, sizeof(ts)))
        return -EFAULT;
    *valid = !timespec_get(p, &v->interval) && !timespec_get(p + sizeof(ts[0]), &v->value);
    return 0;
}

static int put_value(uaddr_t p, const struct timerfd_value *v)
{
    struct timespec ts[2] = {timespec_of(v->interval), timespec_of(v->value)};
    return copy_to_user(p, ts, sizeof(ts));
}

long sys_timerfd_settime(fd_k fd, hex_k flags, ptr_k value, out_k old)
{
    struct timerfd_value v, was;
    bool valid;
    int err = get_value(value, &v, &valid);
    if (err)
        return err;
    if (!valid || (flags & ~(u32)(TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET)))
        return -EINVAL;
    struct fd_ref r = fd_take(fd);
    if (!r.file)
        return -EBADF;
    bool denied = timerfd_is_alarm(r.file) && !capable(CAP_WAKE_ALARM);
    err = denied ? -EPERM : timerfd_set(r.file, flags, &v, &was);
    fd_return(r);
    return !err && old ? put_value(old, &was) : err;
}

long sys_timerfd_gettime(fd_k fd, out_k value)
{
    struct timerfd_value v;
    struct fd_ref r = fd_take(fd);
    if (!r.file)
        return -EBADF;
    int err = timerfd_get(r.file, &v);
    fd_return(r);
    return err ? err : put_value(value, &v);
}

/* ---- signalfd ---- */

static long change_set(int fd, sigset64_t set)
{
    struct fd_ref r = fd_take(fd);
    if (!r.file)
        return -EBADF;
    int err = signalfd_change(r.file, set);
    fd_return(r);
    return err ? err : fd;
}

long sys_signalfd4(fd_k fd, sigset_k set, size_t size, pipe_k flags)
{
    sigset64_t mask;
    struct file *f;
    if (size != sizeof(mask))
        return -EINVAL;
    if (get_user_u64(&mask, set))
        return -EFAULT;
    if (flags & ~(O_CLOEXEC | O_NONBLOCK))
        return -EINVAL;
    if (fd != -1)
        return change_set(fd, mask);
    int err = signalfd_create(mask, (u32)flags, &f);
    return err ? err : fd_install_new(f, flags & O_CLOEXEC);
}

long sys_signalfd(fd_k fd, sigset_k set, size_t size)
{
    return sys_signalfd4(fd, set, size, 0);
}
