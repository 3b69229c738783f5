// SPDX-License-Identifier: MIT
/* Descriptors: dup, fcntl, locks, pipes, ioctl. */
#include "abi/ioctl.h"
#include "abi/stat.h"
#include "fs/locks.h"
#include "fs/memfd.h"
#include "fs/pipe.h"
#include "lib/string.h"
#include "net/socket.h"
#include "proc/cred.h"
#include "proc/sigio.h"
#include "proc/signal.h"
#include "syscall/fd.h"
#include "syscall/sys.h"
#include "tty/tty.h"

#define CLOSE_RANGE_UNSHARE_ 2u
#define CLOSE_RANGE_CLOEXEC_ 4u

/* Reserves the lowest descriptor >= from for another reference to fd's file. */
static long dup_from(int fd, u64 from, bool cloexec)
{
    struct file *f = fd_get(my_files(), (u32)fd);
    if (!f)
        return -EBADF;
    int n = from >= rlimit(RLIMIT_NOFILE) ? -EINVAL : fd_reserve(my_files(), (u32)from, rlimit(RLIMIT_NOFILE), cloexec);
    if (n < 0)
        file_put(f);
    else
        fd_install(my_files(), (u32)n, f);
    return n;
}

long sys_dup(fd_k fd)
{
    struct file *f = fd_get(my_files(), (u32)fd);
    return f ? fd_install_new(f, false) : -EBADF;
}

long sys_dup2(fd_k from, fd_k to)
{
    return fd_dup_to(my_files(), (u32)from, (u32)to, rlimit(RLIMIT_NOFILE), false, true);
}

long sys_dup3(fd_k from, fd_k to, oflags_k flags)
{
    if (flags & ~O_CLOEXEC)
        return -EINVAL;
    return fd_dup_to(my_files(), (u32)from, (u32)to, rlimit(RLIMIT_NOFILE), flags & O_CLOEXEC, false);
}

long sys_close_range(u32 first, u32 last, u32 flags)
{
    if (flags & ~(CLOSE_RANGE_UNSHARE_ | CLOSE_RANGE_CLOEXEC_) || first > last)
        return -EINVAL;
    if ((flags & CLOSE_RANGE_UNSHARE_) && fdtable_shared(my_files())) {
        struct fdtable *own;
        int err = fdtable_copy(my_files(), ~0u, &own);
        if (err)
            return err;
        struct fdtable *old = my_files();
        current_thread()->files = own;
        process_mm_barrier(current_process());
        fdtable_put(old);
    }
    return fd_close_range(my_files(), first, last, flags & CLOSE_RANGE_CLOEXEC_);
}

/* ---- fcntl ---- */

#define SETTABLE_FLAGS ((u32)(O_APPEND | O_NONBLOCK | O_DIRECT | O_NOATIME))

/* A terminal without an owner gets its foreground group, or else the caller. */
static int adopt_terminal(struct file *f)
{
    s32 group = tty_file_pgrp(f);
    return file_owner_set(f, group ? F_OWNER_PGRP : F_OWNER_PID, group ? group : current_process()->pid, false);
}

/* O_ASYNC as in `arg`, of a file that has it; *flags: the file's new ones. */
static int set_async(struct file *f, u32 fd, u32 arg, u32 *flags)
{
    if (!((arg ^ f->flags) & FASYNC) || !f->ops->async)
        return 0;
    int err = arg & FASYNC && S_ISCHR(f->inode->mode) ? adopt_terminal(f) : 0;
    if (!err)
        err = file_owner_async(f, fd, arg & FASYNC);
    if (!err)
        *flags ^= FASYNC;
    return err;
}

static long set_status_flags(struct file *f, u32 fd, u32 arg)
{
    u32 new = (f->flags & ~SETTABLE_FLAGS) | (arg & SETTABLE_FLAGS);
    if ((arg & O_NOATIME) && !(f->flags & O_NOATIME) && !inode_owner_or_capable(f->inode, &current_thread()->cred->fs))
        return -EPERM;
    int err = f->ops->set_flags ? f->ops->set_flags(f, new) : 0;
    if (!err)
        err = set_async(f, fd, arg, &new);
    if (!err)
        WRITE_ONCE(f->flags, new);
    return err;
}

/* A struct flock to an inclusive range. -EINVAL, -EOVERFLOW. */
static int range_of(struct file *f, const struct flock *l, struct lock_request *r)
{
    s64 base = l->l_whence == SEEK_SET   ? 0
               : l->l_whence == SEEK_CUR ? f->pos
               : l->l_whence == SEEK_END ? (s64)f->inode->size
                                         : -1;
    if (base < 0 || (l->l_type != F_RDLCK && l->l_type != F_WRLCK && l->l_type != F_UNLCK))
        return -EINVAL;
    s64 start, end;
    if (__builtin_add_overflow(base, l->l_start, &start))
        return -EOVERFLOW;
    if (start < 0)
        return -EINVAL;
    if (l->l_len > 0) {
        if (__builtin_add_overflow(start, l->l_len - 1, &end))
            return -EOVERFLOW;
    } else if (l->l_len < 0) {
        end = start - 1;
        start += l->l_len;
        if (start < 0)
            return -EINVAL;
    } else {
        end = INT64_MAX;
    }
    *r = (struct lock_request){.start = start, .end = end, .type = l->l_type};
    return 0;
}

static bool mode_allows(const struct file *f, short type)
{
    return type == F_UNLCK || f->fmode & (type == F_RDLCK ? FMODE_READ : FMODE_WRITE);
}

/* The descriptor may have been closed by another thread while the lock was on its way, and that close have missed it. */
static int lock_unless_closed(struct file *f, u32 fd, struct lock_request *r, bool wait)
{
    int err = locks_set(f, my_files(), r, wait);
    if (err || r->type == F_UNLCK || fd_is(my_files(), fd, f))
        return err;
    r->type = F_UNLCK;
    if (locks_set(f, my_files(), r, false))
        locks_remove_posix(f, my_files());
    return -EBADF;
}

static long record_lock(struct file *f, u32 fd, int cmd, uaddr_t arg)
{
    struct flock l;
    struct lock_request r;
    bool ofd = cmd == F_OFD_GETLK || cmd == F_OFD_SETLK || cmd == F_OFD_SETLKW;
    bool get = cmd == F_GETLK || cmd == F_OFD_GETLK;
    if (copy_from_user(&l, arg, sizeof(l)))
        return -EFAULT;
    if (ofd && l.l_pid != 0)
        return -EINVAL;
    if (get && !ofd && l.l_type == F_UNLCK)
        return -EINVAL;
    int err = range_of(f, &l, &r);
    if (err)
        return err;
    r.pid = ofd ? -1 : current_process()->pid;
    if (!get && !mode_allows(f, r.type))
        return -EBADF;
    if (!get)
        return ofd ? locks_set(f, f, &r, cmd == F_OFD_SETLKW) : lock_unless_closed(f, fd, &r, cmd == F_SETLKW);
    locks_get(f, ofd ? (const void *)f : (const void *)my_files(), &r);
    l.l_type = r.type;
    if (r.type != F_UNLCK) {
        l.l_whence = SEEK_SET;
        l.l_start = r.start;
        l.l_len = r.end == INT64_MAX ? 0 : r.end - r.start + 1;
        l.l_pid = r.pid;
    }
    return copy_to_user(arg, &l, sizeof(l));
}

static long owner_ex(struct file *f, uaddr_t arg, bool set)
{
    struct f_owner_ex o;
    if (!set) {
        file_owner_get(f, &o);
        return copy_to_user(arg, &o, sizeof(o));
    }
    if (copy_from_user(&o, arg, sizeof(o)))
        return -EFAULT;
    if (o.type != F_OWNER_TID && o.type != F_OWNER_PID && o.type != F_OWNER_PGRP)
        return -EINVAL;
    return file_owner_set(f, o.type, o.pid, true);
}

/* F_SETOWN's and F_GETOWN's one number: a group's is negative. */
static int set_owner(struct file *f, s32 who)
{
    if (who == INT32_MIN)
        return -EINVAL;
    return file_owner_set(f, who < 0 ? F_OWNER_PGRP : F_OWNER_PID, who < 0 ? -who : who, true);
}

static s32 get_owner(struct file *f)
{
    struct f_owner_ex o;
    file_owner_get(f, &o);
    return o.type == F_OWNER_PGRP ? -o.pid : o.pid;
}

static long fcntl_path_ok(u32 fd, int cmd, u64 arg, bool *done)
{
    *done = true;
    switch (cmd) {
    case F_DUPFD:
        return dup_from((int)fd, arg, false);
    case F_DUPFD_CLOEXEC:
        return dup_from((int)fd, arg, true);
    case F_GETFD:
        return fd_get_cloexec(my_files(), fd);
    case F_SETFD:
        return fd_set_cloexec(my_files(), fd, arg & FD_CLOEXEC);
    default:
        *done = false;
        return 0;
    }
}

static long fcntl_file(struct file *f, u32 fd, int cmd, u64 arg)
{
    switch (cmd) {
    case F_SETFL:
        return set_status_flags(f, fd, (u32)arg);
    case F_GETLK:
    case F_SETLK:
    case F_SETLKW:
    case F_OFD_GETLK:
    case F_OFD_SETLK:
    case F_OFD_SETLKW:
        return record_lock(f, fd, cmd, arg);
    case F_GETOWN:
        return get_owner(f);
    case F_SETOWN:
        return set_owner(f, (s32)arg);
    case F_GETOWN_EX:
        return owner_ex(f, arg, false);
    case F_SETOWN_EX:
        return owner_ex(f, arg, true);
    case F_GETSIG:
        return file_owner_sig(f);
    case F_SETSIG:
        return arg > 64 ? -EINVAL : file_owner_set_sig(f, (u32)arg);
    case F_GETPIPE_SZ:
        return pipe_get_size(f);
    case F_SETPIPE_SZ:
        return pipe_set_size(f, arg, capable(CAP_SYS_RESOURCE));
    case F_GET_SEALS:
        return memfd_get_seals(f);
    case F_ADD_SEALS:
        return arg >> 32 ? -EINVAL : memfd_add_seals(f, (u32)arg);
    default:
        return -EINVAL; /* leases, notifications */
    }
}

long sys_fcntl(fd_k fd, int cmd, u64 arg)
{
    struct fd_ref r = fd_take_any(fd);
    bool done;
    if (!r.file)
        return -EBADF;
    long n = fcntl_path_ok((u32)fd, cmd, arg, &done);
    if (!done && cmd == F_GETFL)
        n = (long)(r.file->flags & ~(u32)O_CLOEXEC);
    else if (!done)
        n = r.file->fmode & FMODE_PATH ? -EBADF : fcntl_file(r.file, (u32)fd, cmd, arg);
    fd_return(r);
    return n;
}

long sys_flock(fd_k fd, int operation)
{
    int what = operation & ~LOCK_NB;
    if (operation & LOCK_MAND)
        return 0; /* they are gone from Linux, and asking for one does nothing */
    if (what != LOCK_SH && what != LOCK_EX && what != LOCK_UN)
        return -EINVAL;
    struct fd_ref r = fd_take(fd);
    if (!r.file)
        return -EBADF;
    long err = what == LOCK_UN || r.file->fmode & (FMODE_READ | FMODE_WRITE)
                   ? locks_flock(r.file, operation, (s32)current_process()->pid)
                   : -EBADF;
    fd_return(r);
    return err;
}

/* ---- pipes ---- */

long sys_pipe2(fds_k fds, oflags_k flags)
{
    struct file *end[2];
    int fd[2];
    if (flags & ~(O_CLOEXEC | O_NONBLOCK | O_DIRECT))
        return -EINVAL;
    int err = pipe_create((u32)flags & ~(u32)O_CLOEXEC, &end[0], &end[1]);
    if (err)
        return err;
    struct inode *i = end[0]->inode; /* whoever makes it may open it again by /proc/self/fd */
    i->uid = current_cred()->fs.fsuid;
    i->gid = current_cred()->fs.fsgid;
    fd[0] = fd_reserve(my_files(), 0, rlimit(RLIMIT_NOFILE), flags & O_CLOEXEC);
    fd[1] = fd[0] < 0 ? fd[0] : fd_reserve(my_files(), 0, rlimit(RLIMIT_NOFILE), flags & O_CLOEXEC);
    err = fd[1] < 0 ? fd[1] : copy_to_user(fds, fd, sizeof(fd));
    if (err) {
        if (fd[0] >= 0)
            fd_unreserve(my_files(), (u32)fd[0]);
        if (fd[1] >= 0)
            fd_unreserve(my_files(), (u32)fd[1]);
        file_put(end[0]);
        file_put(end[1]);
        return err;
    }
    fd_install(my_files(), (u32)fd[0], end[0]);
    fd_install(my_files(), (u32)fd[1], end[1]);
    return 0;
}

long sys_pipe(fds_k fds)
{
    return sys_pipe2(fds, 0);
}

/* ---- ioctl ---- */

static long set_nonblock(struct file *f, u32 fd, uaddr_t arg)
{
    u32 on;
    if (get_user_u32(&on, arg))
        return -EFAULT;
    return set_status_flags(f, fd, on ? f->flags | O_NONBLOCK : f->flags & ~(u32)O_NONBLOCK);
}

static long set_asynchronous(struct file *f, u32 fd, uaddr_t arg)
{
    u32 on;
    if (get_user_u32(&on, arg))
        return -EFAULT;
    u32 want = on ? f->flags | FASYNC : f->flags & ~(u32)FASYNC;
    return want != f->flags && !f->ops->async ? -ENOTTY : set_status_flags(f, fd, want);
}

/* FIOSETOWN, FIOGETOWN and their other names, which sockets have. */
static long socket_owner(struct file *f, uaddr_t arg, bool set)
{
    u32 who;
    if (!set)
        return put_user_u32(arg, (u32)get_owner(f));
    return get_user_u32(&who, arg) ? -EFAULT : set_owner(f, (s32)who);
}

static bool is_owner_ioctl(u32 cmd)
{
    return cmd == FIOSETOWN || cmd == SIOCSPGRP || cmd == FIOGETOWN || cmd == SIOCGPGRP;
}

static long regular_ioctl(struct file *f, u32 cmd, uaddr_t arg)
{
    if (cmd == FIONREAD) {
        s64 left = (s64)READ_ONCE(f->inode->size) - f->pos;
        return put_user_u32(arg, (u32)left);
    }
    return -ENOTTY;
}

long sys_ioctl(fd_k fd, hex_k cmd, u64 arg)
{
    struct fd_ref r = fd_take(fd);
    if (!r.file)
        return -EBADF;
    long n;
    switch (cmd) {
    case FIOCLEX:
        n = fd_set_cloexec(my_files(), (u32)fd, true);
        break;
    case FIONCLEX:
        n = fd_set_cloexec(my_files(), (u32)fd, false);
        break;
    case FIONBIO:
        n = set_nonblock(r.file, (u32)fd, arg);
        break;
    case FIOASYNC:
        n = set_asynchronous(r.file, (u32)fd, arg);
        break;
    default:
        if (socket_of(r.file) && is_owner_ioctl(cmd))
            n = socket_owner(r.file, arg, cmd == FIOSETOWN || cmd == SIOCSPGRP);
        else if (r.file->ops->ioctl)
            n = r.file->ops->ioctl(r.file, cmd, arg);
        else if ((r.file->inode->mode & S_IFMT) == S_IFREG)
            n = regular_ioctl(r.file, cmd, arg);
        else
            n = -ENOTTY;
    }
    fd_return(r);
    return n;
}
