// SPDX-License-Identifier: MIT
/*
 * Linux' asynchronous I/O: takes the requests apart and does them. What reads, writes or syncs is done before io_submit
 * returns, as Linux does it with everything but O_DIRECT files on disks: memory is all the storage there is. So a read
 * of an empty pipe waits, and a signal that ends the wait is the request's result (-EINTR). Only IOCB_CMD_POLL is
 * under way afterwards (proc/aio_poll.c).
 */
#include "abi/errno.h"
#include "abi/poll.h"
#include "arch/usercopy.h"
#include "fs/eventfd.h"
#include "proc/aio.h"
#include "proc/cred.h"
#include "proc/signal.h"
#include "syscall/fd.h"
#include "syscall/ioprio.h"
#include "syscall/rw.h"
#include "syscall/sys.h"
#include "syscall/timespec.h"

long sys_io_setup(u32 events, ptr_k p)
{
    u64 id;
    uaddr_t at;
    if (get_user_u64(&id, p))
        return -EFAULT;
    if (id || !events)
        return -EINVAL;
    int err = aio_setup(events, &at);
    if (!err && (err = put_user_u64(p, at)))
        (void)aio_destroy(at);
    return err;
}

long sys_io_destroy(addr_k at)
{
    return aio_destroy(at);
}

/* ---- requests ---- */

static int check_rw(const struct iocb *cb, const struct file *f, bool write)
{
    int err = cb->aio_flags & IOCB_FLAG_IOPRIO ? ioprio_check((u16)cb->aio_reqprio) : 0;
    if (!err)
        err = rw_check_flags(cb->aio_rw_flags);
    if (err)
        return err;
    if (!(f->fmode & (write ? FMODE_WRITE : FMODE_READ)))
        return -EBADF;
    return (write ? f->ops->write : f->ops->read) ? 0 : -EINVAL;
}

static s64 result_of(long n)
{
    switch (n) {
    case -ERESTARTSYS:
    case -ERESTARTNOINTR:
    case -ERESTARTNOHAND:
    case -ERESTART_RESTARTBLOCK:
        return -EINTR; /* the call cannot be made again: others of its requests are done */
    default:
        return n;
    }
}

static int start_rw(struct aio_request *r, const struct iocb *cb, struct file *f, bool write, bool vectored)
{
    struct uio u;
    s64 pos = cb->aio_offset;
    int err = check_rw(cb, f, write);
    if (!err)
        err =
            vectored ? uio_init_iovec(&u, cb->aio_buf, cb->aio_nbytes) : uio_init_user(&u, cb->aio_buf, cb->aio_nbytes);
    if (err)
        return err;
    if (pos < 0) {
        uio_free(&u);
        return -EINVAL;
    }
    if (write && (cb->aio_rw_flags & RWF_APPEND))
        pos = (s64)READ_ONCE(f->inode->size);
    long n = write ? rw_write(f, &u, &pos) : file_read(f, &u, &pos);
    uio_free(&u);
    aio_complete(r, result_of(n));
    return 0;
}

static int start_sync(struct aio_request *r, const struct iocb *cb, struct file *f)
{
    if (cb->aio_buf || cb->aio_offset || cb->aio_nbytes || cb->aio_rw_flags)
        return -EINVAL;
    long err = rw_sync(f, cb->aio_lio_opcode == IOCB_CMD_FDSYNC);
    if (err == -EINVAL)
        return -EINVAL;
    aio_complete(r, err);
    return 0;
}

static int start_poll(struct aio_request *r, const struct iocb *cb, struct file *f)
{
    if ((u16)cb->aio_buf != cb->aio_buf || cb->aio_offset || cb->aio_nbytes || cb->aio_rw_flags)
        return -EINVAL;
    return aio_poll(r, f, (u32)cb->aio_buf | EPOLLERR | EPOLLHUP);
}

/* Takes r over on success. */
static int start(struct aio_request *r, const struct iocb *cb, struct file *f)
{
    switch (cb->aio_lio_opcode) {
    case IOCB_CMD_PREAD:
    case IOCB_CMD_PREADV:
        return start_rw(r, cb, f, false, cb->aio_lio_opcode == IOCB_CMD_PREADV);
    case IOCB_CMD_PWRITE:
    case IOCB_CMD_PWRITEV:
        return start_rw(r, cb, f, true, cb->aio_lio_opcode == IOCB_CMD_PWRITEV);
    case IOCB_CMD_FSYNC:
    case IOCB_CMD_FDSYNC:
        return start_sync(r, cb, f);
    case IOCB_CMD_POLL:
        return start_poll(r, cb, f);
    default:
        return -EINVAL; /* IOCB_CMD_NOOP as well, as on Linux */
    }
}

static int take_eventfd(struct aio_request *r, int fd)
{
    struct fd_ref e = fd_take(fd);
    if (!e.file)
        return -EBADF;
    int err = file_is_eventfd(e.file) ? 0 : -EINVAL;
    if (!err) {
        file_get(e.file);
        r->eventfd = e.file;
    }
    fd_return(e);
    return err;
}

static int start_on(struct aio_request *r, const struct iocb *cb, uaddr_t user, struct file *f)
{
    int err = cb->aio_flags & IOCB_FLAG_RESFD ? take_eventfd(r, (int)cb->aio_resfd) : 0;
    if (!err)
        err = put_user_u32(user + offsetof(struct iocb, aio_key), 0);
    r->obj = user;
    r->data = cb->aio_data;
    return err ? err : start(r, cb, f);
}

static int submit_one(struct aio_ctx *ctx, uaddr_t user)
{
    struct aio_request r;
    struct iocb cb;
    if (copy_from_user(&cb, user, sizeof(cb)))
        return -EFAULT;
    if (cb.aio_reserved2 || (s64)cb.aio_nbytes < 0)
        return -EINVAL;
    int err = aio_begin(ctx, &r);
    if (err)
        return err;
    struct fd_ref f = fd_take((int)cb.aio_fildes);
    err = f.file ? start_on(&r, &cb, user, f.file) : -EBADF;
    if (err)
        aio_forget(&r);
    fd_return(f);
    return err;
}

long sys_io_submit(addr_k at, s64 count, ptr_k requests)
{
    struct aio_ctx *ctx;
    int err = count < 0 ? -EINVAL : aio_find(at, &ctx);
    if (err)
        return err;
    s64 done = 0, n = MIN(count, (s64)aio_ring_size(ctx));
    for (; done < n; done++) {
        u64 user;
        err = get_user_u64(&user, requests + (u64)done * sizeof(user)) ? -EFAULT : submit_one(ctx, user);
        if (err)
            break;
    }
    aio_put(ctx);
    return done ? done : err;
}

long sys_io_cancel(addr_k at, ptr_k request, out_k event)
{
    struct aio_ctx *ctx;
    u32 key;
    (void)event; /* the event comes by the ring */
    if (get_user_u32(&key, request + offsetof(struct iocb, aio_key)))
        return -EFAULT;
    int err = key ? -EINVAL : aio_find(at, &ctx);
    if (err)
        return err;
    err = aio_cancel(ctx, request);
    aio_put(ctx);
    return err;
}

/* ---- events ---- */

/* A time that Linux does not check: what is before now, or too far away, is for ever. */
static int get_deadline(uaddr_t timeout, ns_t *out)
{
    struct timespec ts;
    s64 ns;
    *out = NS_FOREVER;
    if (!timeout)
        return 0;
    if (copy_from_user(&ts, timeout, sizeof(ts)))
        return -EFAULT;
    if (!__builtin_mul_overflow(ts.tv_sec, (s64)NSEC_PER_SEC, &ns) && !__builtin_add_overflow(ns, ts.tv_nsec, &ns) &&
        ns >= 0)
        *out = ns ? deadline_after((ns_t)ns) : 0;
    return 0;
}

static long get_events(uaddr_t at, s64 min, s64 max, uaddr_t events, ns_t deadline)
{
    struct aio_ctx *ctx;
    int err = aio_find(at, &ctx);
    if (err)
        return err;
    long n = min < 0 || min > max ? -EINVAL : aio_get_events(ctx, min, max, events, deadline);
    aio_put(ctx);
    return n;
}

long sys_io_getevents(addr_k at, s64 min, s64 max, out_k events, timespec_k timeout)
{
    ns_t deadline;
    int err = get_deadline(timeout, &deadline);
    return err ? err : get_events(at, min, max, events, deadline);
}

long sys_io_pgetevents(addr_k at, s64 min, s64 max, out_k events, timespec_k timeout, ptr_k mask)
{
    struct aio_sigset set = {0, 0};
    ns_t deadline;
    int err = get_deadline(timeout, &deadline);
    if (!err && mask)
        err = copy_from_user(&set, mask, sizeof(set));
    if (!err)
        err = signal_mask_begin(set.sigmask, set.sigsetsize);
    if (err)
        return err;
    long n = get_events(at, min, max, events, deadline);
    signal_mask_end(n == -EINTR);
    return n == -EINTR ? -ERESTARTNOHAND : n;
}
