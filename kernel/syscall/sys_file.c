// SPDX-License-Identifier: MIT
/* Opening, reading, writing, positions, sizes: thin doors onto fs/vfs.h. -EPIPE raises SIGPIPE here, -EFBIG SIGXFSZ. */
#include <linux/openat2.h>

#include "abi/stat.h"
#include "fs/pipe.h"
#include "net/socket.h"
#include "proc/cred.h"
#include "proc/signal.h"
#include "syscall/fd.h"
#include "syscall/rw.h"
#include "syscall/sys.h"
#include "vm/uio.h"

#ifndef RWF_NOWAIT
#include <linux/fs.h>
#endif

#define OPEN_FLAGS                                                                                           \
    (O_ACCMODE | O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_APPEND | O_NONBLOCK | O_SYNC | O_DSYNC | FASYNC | \
     O_DIRECT | O_LARGEFILE | O_DIRECTORY | O_NOFOLLOW | O_NOATIME | O_CLOEXEC | O_PATH | __O_TMPFILE)
#define S_IALLUGO_ 07777u

/* ---- open, close ---- */

static long open_at(int dfd, uaddr_t path, u32 flags, u32 mode, u32 lookup)
{
    struct at a;
    struct file *f;
    int err = at_begin_root(&a, dfd, path, lookup & LOOKUP_IN_ROOT);
    if (err)
        return err;
    int fd = fd_reserve(my_files(), 0, rlimit(RLIMIT_NOFILE), flags & O_CLOEXEC);
    if (fd >= 0) {
        err = file_open(&a.view, a.base, a.name.s, flags, mode, lookup, &f);
        if (err)
            fd_unreserve(my_files(), (u32)fd);
        else
            fd_install(my_files(), (u32)fd, f);
    }
    at_end(&a);
    return err ? err : fd;
}

long sys_openat(fd_k dfd, path_k path, oflags_k flags, mode_k mode)
{
    return open_at(dfd, path, ((u32)flags & OPEN_FLAGS) | O_LARGEFILE, mode & S_IALLUGO_, LOOKUP_FOLLOW);
}

long sys_open(path_k path, oflags_k flags, mode_k mode)
{
    return sys_openat(AT_FDCWD, path, flags, mode);
}

long sys_creat(path_k path, mode_k mode)
{
    return sys_openat(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}

static u32 lookup_of_resolve(u64 r)
{
    return (r & RESOLVE_NO_SYMLINKS ? LOOKUP_NO_SYMLINKS : 0) | (r & RESOLVE_BENEATH ? LOOKUP_BENEATH : 0) |
           (r & RESOLVE_IN_ROOT ? LOOKUP_IN_ROOT : 0) | (r & RESOLVE_NO_XDEV ? LOOKUP_NO_XDEV : 0) |
           (r & RESOLVE_NO_MAGICLINKS ? LOOKUP_NO_MAGICLINKS : 0) | (r & RESOLVE_CACHED ? LOOKUP_CACHED : 0);
}

#define RESOLVE_ALL \
    (RESOLVE_NO_SYMLINKS | RESOLVE_BENEATH | RESOLVE_IN_ROOT | RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS | RESOLVE_CACHED)

/* Bytes beyond the structure we know must be zero. */
static int rest_is_zero(uaddr_t p, size_t n)
{
    for (; n > 0; n--, p++) {
        u8 c;
        if (copy_from_user(&c, p, 1))
            return -EFAULT;
        if (c)
            return -E2BIG;
    }
    return 0;
}

static int check_how(const struct open_how *how)
{
    bool creates = how->flags & (O_CREAT | __O_TMPFILE);
    if (how->flags & ~(u64)OPEN_FLAGS || how->resolve & ~(u64)RESOLVE_ALL)
        return -EINVAL;
    if (how->mode & ~(u64)S_IALLUGO_ || (how->mode && !creates))
        return -EINVAL;
    if ((how->resolve & RESOLVE_BENEATH) && (how->resolve & RESOLVE_IN_ROOT))
        return -EINVAL;
    if ((how->flags & O_PATH) && (how->flags & ~(u64)(O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_LARGEFILE)))
        return -EINVAL;
    if ((how->resolve & RESOLVE_CACHED) && (how->flags & (O_TRUNC | O_CREAT | __O_TMPFILE)))
        return -EAGAIN;
    return 0;
}

long sys_openat2(fd_k dfd, path_k path, ptr_k user, size_t size)
{
    struct open_how how = {0};
    if (size < sizeof(how))
        return -EINVAL;
    if (size > PAGE_SIZE)
        return -E2BIG;
    if (copy_from_user(&how, user, sizeof(how)))
        return -EFAULT;
    int err = rest_is_zero(user + sizeof(how), size - sizeof(how));
    if (!err)
        err = check_how(&how);
    if (err)
        return err;
    u32 lookup = LOOKUP_FOLLOW | lookup_of_resolve(how.resolve);
    return open_at(dfd, path, (u32)how.flags | (how.flags & O_PATH ? 0 : O_LARGEFILE), (u32)how.mode, lookup);
}

long sys_close(fd_k fd)
{
    return fd_close(my_files(), (u32)fd);
}

/* ---- read, write ---- */

static long size_end(ssize_t n)
{
    if (unlikely(n == -EFBIG) && rlimit(RLIMIT_FSIZE) != ~0ul) /* not at the file system's own limit */
        (void)signal_send_thread(current_thread(), SIGXFSZ, NULL);
    return n;
}

/* SIGPIPE comes when the last reader goes in the midst of a write, too. */
long rw_write(struct file *f, struct uio *u, s64 *pos)
{
    u->writer = &current_cred()->fs;
    ssize_t n = file_write_limited(f, u, pos, rlimit(RLIMIT_FSIZE));
    if (unlikely(n < 0 || u->resid) && (n == -EPIPE ? !file_quiet_pipe(f) : n > 0 && pipe_is_broken(f)))
        signal_sigpipe();
    return size_end(n);
}

long sys_read(fd_k fd, obuf_k buf, size_t count)
{
    struct fd_ref r = fd_take(fd);
    struct uio u;
    if (!r.file)
        return -EBADF;
    ssize_t n = r.file->fmode & FMODE_READ ? uio_init_user(&u, buf, count) : -EBADF;
    if (!n)
        n = file_read(r.file, &u, NULL);
    fd_return(r);
    return n;
}

long sys_write(fd_k fd, ibuf_k buf, size_t count)
{
    struct fd_ref r = fd_take(fd);
    struct uio u;
    if (!r.file)
        return -EBADF;
    ssize_t n = r.file->fmode & FMODE_WRITE ? uio_init_user(&u, buf, count) : -EBADF;
    if (!n)
        n = rw_write(r.file, &u, NULL);
    fd_return(r);
    return n;
}

static ssize_t positioned(struct file *f, struct uio *u, s64 pos, bool write)
{
    u32 need = write ? FMODE_PWRITE : FMODE_PREAD;
    if (pos < 0)
        return -EINVAL;
    if (!(f->fmode & need))
        return f->fmode & (write ? FMODE_WRITE : FMODE_READ) ? -ESPIPE : f->fmode & FMODE_LSEEK ? -EBADF : -ESPIPE;
    if (!(f->fmode & (write ? FMODE_WRITE : FMODE_READ)))
        return -EBADF;
    return write ? rw_write(f, u, &pos) : file_read(f, u, &pos);
}

static long positioned_user(int fd, uaddr_t buf, size_t count, s64 pos, bool write)
{
    struct uio u;
    if (pos < 0)
        return -EINVAL;
    struct fd_ref r = fd_take(fd);
    if (!r.file)
        return -EBADF;
    ssize_t n = uio_init_user(&u, buf, count);
    if (!n)
        n = positioned(r.file, &u, pos, write);
    fd_return(r);
    return n;
}

long sys_pread64(fd_k fd, obuf_k buf, size_t count, off_k pos)
{
    return positioned_user(fd, buf, count, pos, false);
}

long sys_pwrite64(fd_k fd, ibuf_k buf, size_t count, off_k pos)
{
    return positioned_user(fd, buf, count, pos, true);
}

/* pos -1: the file's own. */
static long vectored(int fd, uaddr_t iov, u64 count, s64 pos, bool own_pos, bool write)
{
    struct uio u;
    struct fd_ref r = fd_take(fd);
    if (!r.file)
        return -EBADF;
    ssize_t n = r.file->fmode & (write ? FMODE_WRITE : FMODE_READ) ? 0 : -EBADF;
    if (!n)
        n = uio_init_iovec(&u, iov, count);
    if (!n) {
        if (!own_pos)
            n = positioned(r.file, &u, pos, write);
        else if (write)
            n = rw_write(r.file, &u, NULL);
        else
            n = file_read(r.file, &u, NULL);
        uio_free(&u);
    }
    fd_return(r);
    return n;
}

long sys_readv(fd_k fd, ptr_k iov, u64 count)
{
    return vectored(fd, iov, count, 0, true, false);
}

long sys_writev(fd_k fd, iov_k iov, u64 count)
{
    return vectored(fd, iov, count, 0, true, true);
}

long sys_preadv(fd_k fd, ptr_k iov, u64 count, u64 pos_low, u64 pos_high)
{
    (void)pos_high; /* 64-bit callers give all of it in the low half */
    return (s64)pos_low < 0 ? -EINVAL : vectored(fd, iov, count, (s64)pos_low, false, false);
}

long sys_pwritev(fd_k fd, iov_k iov, u64 count, u64 pos_low, u64 pos_high)
{
    (void)pos_high;
    return (s64)pos_low < 0 ? -EINVAL : vectored(fd, iov, count, (s64)pos_low, false, true);
}

/* A call with RWF_* works as if the file had these flags: only what changes nothing here is accepted silently. */
int rw_check_flags(int flags)
{
    if (flags & ~(RWF_HIPRI | RWF_DSYNC | RWF_SYNC | RWF_NOWAIT | RWF_APPEND))
        return -EOPNOTSUPP;
    return 0;
}

static long append_vectored(int fd, uaddr_t iov, u64 count)
{
    struct fd_ref r = fd_take(fd);
    if (!r.file)
        return -EBADF;
    long n = vectored(fd, iov, count, (s64)READ_ONCE(r.file->inode->size), false, true);
    fd_return(r);
    return n;
}

long sys_preadv2(fd_k fd, ptr_k iov, u64 count, u64 pos_low, u64 pos_high, int flags)
{
    int err = rw_check_flags(flags);
    (void)pos_high;
    if (err)
        return err;
    if (flags & RWF_APPEND)
        return -EINVAL;
    return vectored(fd, iov, count, (s64)pos_low, pos_low == ~0ull, false);
}

long sys_pwritev2(fd_k fd, iov_k iov, u64 count, u64 pos_low, u64 pos_high, int flags)
{
    int err = rw_check_flags(flags);
    (void)pos_high;
    if (err)
        return err;
    if (flags & RWF_APPEND)
        return append_vectored(fd, iov, count);
    return vectored(fd, iov, count, (s64)pos_low, pos_low == ~0ull, true);
}

long sys_lseek(fd_k fd, off_k offset, int whence)
{
    struct fd_ref r = fd_take(fd);
    if (!r.file)
        return -EBADF;
    long pos = whence < 0 || whence > SEEK_MAX ? -EINVAL : file_seek(r.file, offset, whence);
    fd_return(r);
    return pos;
}

/* ---- sizes and durability ---- */

long sys_truncate(path_k path, off_k length)
{
    struct at a;
    struct path p;
    if (length < 0)
        return -EINVAL;
    int err = at_lookup(&a, AT_FDCWD, path, LOOKUP_FOLLOW, &p);
    if (err)
        return err;
    err = (int)size_end(path_truncate(&a.view, &p, length));
    path_put(&p);
    at_end(&a);
    return err;
}

long sys_ftruncate(fd_k fd, off_k length)
{
    if (length < 0)
        return -EINVAL;
    struct fd_ref r = fd_take(fd);
    if (!r.file)
        return -EBADF;
    struct fs_view v = current_view();
    long err = size_end(file_truncate(&v, r.file, length));
    fd_return(r);
    return err;
}

long sys_fallocate(fd_k fd, int mode, off_k offset, off_k len)
{
    struct fd_ref r = fd_take(fd);
    if (!r.file)
        return -EBADF;
    struct fs_view v = current_view();
    long err = size_end(file_fallocate(&v, r.file, mode, offset, len));
    fd_return(r);
    return err;
}

long rw_sync(struct file *f, bool data_only)
{
    u32 type = f->inode->mode & S_IFMT;
    if (f->ops->fsync)
        return f->ops->fsync(f, data_only);
    return type == S_IFREG || type == S_IFDIR || type == S_IFBLK ? 0 : -EINVAL;
}

static long sync_file(int fd, bool data_only)
{
    struct fd_ref r = fd_take(fd);
    if (!r.file)
        return -EBADF;
    long err = rw_sync(r.file, data_only);
    fd_return(r);
    return err;
}

long sys_fsync(fd_k fd)
{
    return sync_file(fd, false);
}

long sys_fdatasync(fd_k fd)
{
    return sync_file(fd, true);
}

long sys_sync(void)
{
    return 0; /* memory is all the storage there is */
}

long sys_syncfs(fd_k fd)
{
    struct fd_ref r = fd_take(fd);
    bool ok = r.file;
    fd_return(r);
    return ok ? 0 : -EBADF;
}

static long check_range_call(int fd, s64 offset, s64 count)
{
    struct fd_ref r = fd_take(fd);
    if (!r.file)
        return -EBADF;
    u32 type = r.file->inode->mode & S_IFMT;
    fd_return(r);
    s64 end;
    if (offset < 0 || count < 0 || __builtin_add_overflow(offset, count, &end))
        return -EINVAL;
    return type == S_IFREG || type == S_IFBLK || type == S_IFDIR || type == S_IFLNK ? 0 : -ESPIPE;
}

long sys_sync_file_range(fd_k fd, off_k offset, off_k count, u32 flags)
{
    if (flags & ~7u)
        return -EINVAL;
    return check_range_call(fd, offset, count);
}

long sys_readahead(fd_k fd, off_k offset, size_t count)
{
    struct fd_ref r = fd_take(fd);
    if (!r.file)
        return -EBADF;
    bool ok = r.file->fmode & FMODE_READ, regular = (r.file->inode->mode & S_IFMT) == S_IFREG;
    fd_return(r);
    (void)offset, (void)count;
    return !ok ? -EBADF : regular ? 0 : -EINVAL;
}

long sys_fadvise64(fd_k fd, off_k offset, size_t len, int advice)
{
    struct fd_ref r = fd_take(fd);
    (void)offset;
    if (!r.file)
        return -EBADF;
    u32 type = r.file->inode->mode & S_IFMT;
    fd_return(r);
    if (type == S_IFIFO)
        return -ESPIPE;
    return (s64)len < 0 || advice < 0 || advice > 5 ? -EINVAL : 0;
}
