// SPDX-License-Identifier: MIT
/*
 * Moving bytes between descriptors inside the kernel: sendfile, copy_file_range, splice, tee, vmsplice. Through a kernel
 * buffer: what was read and could not be written is given back to the source's position, and stays in a pipe. From what
 * is neither, no more is read than the pipe it goes to has room for.
 */
#include "abi/stat.h"
#include "fs/pipe.h"
#include "mem/slab.h"
#include "net/socket.h"
#include "proc/cred.h"
#include "proc/signal.h"
#include "syscall/fd.h"
#include "syscall/sys.h"
#include "vm/uio.h"

#define PIECE_ORDER 4u
#define PIECE (PAGE_SIZE << PIECE_ORDER)

/* One end: a file and where in it; own NULL: the file's own position. */
struct end {
    struct file *file;
    s64 *pos;
    bool nonblock; /* SPLICE_F_NONBLOCK: a pipe at this end does not wait, nor a socket that is read */
};

/* All of it, unless the end refuses. */
static ssize_t write_end(const struct end *e, char *buf, size_t n)
{
    size_t done = 0;
    while (done < n) {
        struct uio u;
        uio_init_kernel(&u, buf + done, n - done);
        u.writer = &current_cred()->fs;
        u.nowait = e->nonblock && file_is_pipe(e->file);
        ssize_t w = file_write_limited(e->file, &u, e->pos, rlimit(RLIMIT_FSIZE));
        if (w <= 0)
            return done ? (ssize_t)done : w;
        done += (size_t)w;
    }
    return (ssize_t)done;
}

static ssize_t room_at(const struct end *out)
{
    return file_is_pipe(out->file) ? pipe_wait_room(out->file, out->nonblock) : (ssize_t)PIECE;
}

static ssize_t move_from_pipe(const struct end *in, const struct end *out, void *buf, size_t n)
{
    ssize_t got = pipe_take(in->file, buf, n, in->nonblock || in->file->flags & O_NONBLOCK);
    if (got <= 0)
        return got;
    ssize_t room = room_at(out);
    ssize_t put = room < 0 ? room : write_end(out, buf, (size_t)MIN(got, room));
    pipe_taken(in->file, (size_t)MAX(put, (ssize_t)0));
    return put;
}

static ssize_t move_piece(const struct end *in, const struct end *out, void *buf, size_t n)
{
    struct uio u;
    if (file_is_pipe(in->file))
        return move_from_pipe(in, out, buf, n);
    uio_init_kernel(&u, buf, n);
    u.nowait = in->nonblock;
    ssize_t got = file_read(in->file, &u, in->pos);
    if (got <= 0)
        return got;
    ssize_t put = write_end(out, buf, (size_t)got);
    if (put < got) { /* the rest was not consumed */
        s64 back = got - MAX(put, (ssize_t)0);
        if (in->pos)
            *in->pos -= back;
        else if (in->file->fmode & FMODE_LSEEK)
            (void)file_seek(in->file, -back, SEEK_CUR);
    }
    return put;
}

static ssize_t move(const struct end *in, const struct end *out, size_t n)
{
    struct end from = *in, to = *out;
    void *buf = pages_alloc(PIECE_ORDER, MEM_WAIT);
    size_t piece = PIECE;
    ssize_t done = 0;
    if (!buf) {
        buf = pages_alloc(0, MEM_WAIT);
        piece = PAGE_SIZE;
    }
    if (!buf)
        return -ENOMEM;
    if (file_is_pipe(out->file) && !file_is_pipe(in->file)) {
        ssize_t room = room_at(out);
        done = MIN(room, 0L);
        n = MIN(n, (size_t)MAX(room, 0L));
    }
    while (n > 0) {
        size_t want = MIN(n, piece);
        ssize_t r = move_piece(&from, &to, buf, want);
        if (r <= 0) {
            done = done ? done : r;
            break;
        }
        done += r;
        n -= (size_t)r;
        from.nonblock = to.nonblock = true; /* a pipe is waited for once */
        if ((size_t)r < want || signal_pending())
            break;
        cond_resched();
    }
    pages_free(buf, piece == PIECE ? PIECE_ORDER : 0);
    if (done == -EPIPE && !file_quiet_pipe(out->file))
        signal_sigpipe();
    return done;
}

/* A position given by pointer, for n bytes: read before, written back after. */
static int get_pos(struct file *f, uaddr_t user, size_t n, s64 *pos)
{
    u64 v;
    if (!user)
        return 0;
    if (!(f->fmode & FMODE_LSEEK))
        return -ESPIPE;
    if (get_user_u64(&v, user))
        return -EFAULT;
    *pos = (s64)v;
    return *pos < 0 || (s64)((u64)*pos + n) < 0 ? -EINVAL : 0;
}

static ssize_t move_between(struct file *in, uaddr_t in_pos, struct file *out, uaddr_t out_pos, size_t n, bool nonblock)
{
    s64 ip = 0, op = 0;
    if (!(in->fmode & FMODE_READ) || !(out->fmode & FMODE_WRITE))
        return -EBADF;
    int err = get_pos(in, in_pos, n, &ip);
    if (!err)
        err = get_pos(out, out_pos, n, &op);
    if (err)
        return err;
    struct end a = {in, in_pos ? &ip : NULL, nonblock}, b = {out, out_pos ? &op : NULL, nonblock};
    ssize_t done = move(&a, &b, MIN(n, (size_t)UIO_MAX_BYTES));
    if (in_pos && put_user_u64(in_pos, (u64)ip))
        return -EFAULT;
    if (out_pos && put_user_u64(out_pos, (u64)op))
        return -EFAULT;
    return done;
}

static bool regular(const struct file *f)
{
    return (f->inode->mode & S_IFMT) == S_IFREG;
}

static ssize_t check_sendfile(struct file *in, struct file *out)
{
    u32 type = in->inode->mode & S_IFMT;
    if (!(in->fmode & FMODE_READ) || !(out->fmode & FMODE_WRITE))
        return -EBADF;
    if (type != S_IFREG && type != S_IFBLK && type != S_IFCHR)
        return -EINVAL;
    return out->flags & O_APPEND ? -EINVAL : 0;
}

long sys_sendfile(fd_k out, fd_k in, ptr_k offset, size_t count)
{
    struct fd_ref i = fd_take(in), o = fd_take(out);
    ssize_t n = -EBADF;
    if (i.file && o.file) {
        n = offset && !(i.file->fmode & FMODE_LSEEK) ? -ESPIPE : check_sendfile(i.file, o.file);
        if (!n)
            n = move_between(i.file, offset, o.file, 0, count, false);
    }
    fd_return(i);
    fd_return(o);
    return n;
}

static ssize_t check_copy(struct file *in, struct file *out, u32 flags)
{
    u32 itype = in->inode->mode & S_IFMT, otype = out->inode->mode & S_IFMT;
    if (flags)
        return -EINVAL;
    if (itype == S_IFDIR || otype == S_IFDIR)
        return -EISDIR;
    if (!regular(in) || !regular(out))
        return -EINVAL;
    if (!(in->fmode & FMODE_READ) || !(out->fmode & FMODE_WRITE) || out->flags & O_APPEND)
        return -EBADF;
    return in->inode->sb != out->inode->sb ? -EXDEV : 0;
}

/* How much is to be copied: up to the end of `in`. In one file the ranges must not overlap. */
static ssize_t check_ranges(struct file *in, uaddr_t off_in, struct file *out, uaddr_t off_out, size_t len)
{
    u64 a = (u64)in->pos, b = (u64)out->pos, size = READ_ONCE(in->inode->size);
    if ((off_in && get_user_u64(&a, off_in)) || (off_out && get_user_u64(&b, off_out)))
        return -EFAULT;
    if (a + len < a || b + len < b)
        return -EOVERFLOW;
    len = (s64)a < 0 || a < size ? MIN(len, MIN(size - a, (size_t)UIO_MAX_BYTES)) : 0;
    return in->inode == out->inode && a < b + len && b < a + len ? -EINVAL : (ssize_t)len;
}

long sys_copy_file_range(fd_k in, ptr_k off_in, fd_k out, ptr_k off_out, size_t len, u32 flags)
{
    struct fd_ref i = fd_take(in), o = fd_take(out);
    ssize_t n = -EBADF;
    if (i.file && o.file) {
        n = check_copy(i.file, o.file, flags);
        if (!n)
            n = check_ranges(i.file, off_in, o.file, off_out, len);
        if (n > 0)
            n = move_between(i.file, off_in, o.file, off_out, (size_t)n, false);
    }
    fd_return(i);
    fd_return(o);
    return n;
}

static ssize_t check_splice(struct file *in, uaddr_t off_in, struct file *out, uaddr_t off_out, u32 flags)
{
    bool pipe_in = file_is_pipe(in), pipe_out = file_is_pipe(out);
    if (flags & ~(SPLICE_F_MOVE | SPLICE_F_NONBLOCK | SPLICE_F_MORE | SPLICE_F_GIFT))
        return -EINVAL;
    if (!pipe_in && !pipe_out)
        return -EINVAL;
    if (!(in->fmode & FMODE_READ) || !(out->fmode & FMODE_WRITE))
        return -EBADF;
    if ((pipe_in && off_in) || (pipe_out && off_out))
        return -ESPIPE;
    if (S_ISDIR(in->inode->mode) || (off_in && socket_of(in)) || (off_out && socket_of(out)))
        return -EINVAL;
    if (pipe_in && pipe_out && in->inode == out->inode)
        return -EINVAL;
    return !pipe_out && out->flags & O_APPEND ? -EINVAL : 0;
}

long sys_splice(fd_k in, ptr_k off_in, fd_k out, ptr_k off_out, size_t len, u32 flags)
{
    if (!len)
        return 0; /* before anything else is looked at */
    struct fd_ref i = fd_take(in), o = fd_take(out);
    ssize_t n = -EBADF;
    if (i.file && o.file) {
        n = check_splice(i.file, off_in, o.file, off_out, flags);
        if (!n)
            n = move_between(i.file, off_in, o.file, off_out, len, flags & SPLICE_F_NONBLOCK);
    }
    fd_return(i);
    fd_return(o);
    return n;
}

/* Waits for room once, and does not go on when the pipe is full. */
static ssize_t vector_into(struct file *pipe, struct uio *u, bool nonblock)
{
    ssize_t done = 0, r = 0;
    for (; u->nsegs; u->segs++, u->nsegs--) {
        for (size_t at = 0; at < u->segs->len; at += (size_t)r) {
            struct uio piece;
            ssize_t room = pipe_wait_room(pipe, nonblock || done);
            r = room < 0 ? room : uio_init_user(&piece, u->segs->base + at, MIN(u->segs->len - at, (size_t)room));
            piece.nowait = true; /* another writer may have taken the room */
            if (!r)
                r = file_write(pipe, &piece, NULL);
            if (r <= 0)
                return done ? done : r;
            done += r;
        }
    }
    return done;
}

/* The bytes of a vector into a pipe, or out of one: as writev and readv, since pages are not gifted here. */
long sys_vmsplice(fd_k fd, ptr_k iov, u64 count, u32 flags)
{
    struct fd_ref r = fd_take(fd);
    struct uio u;
    if (!r.file)
        return -EBADF;
    ssize_t n = flags & ~(SPLICE_F_MOVE | SPLICE_F_NONBLOCK | SPLICE_F_MORE | SPLICE_F_GIFT) ? -EINVAL : 0;
    if (!n && !file_is_pipe(r.file))
        n = -EBADF;
    if (!n)
        n = uio_init_iovec(&u, iov, count);
    if (!n) {
        u.nowait = flags & SPLICE_F_NONBLOCK;
        n = r.file->fmode & FMODE_WRITE ? vector_into(r.file, &u, u.nowait) : file_read(r.file, &u, NULL);
        uio_free(&u);
        if (n == -EPIPE)
            signal_sigpipe();
    }
    fd_return(r);
    return n;
}

/* What is in one pipe is written to another as well, and stays. */
static ssize_t tee(struct file *in, struct file *out, size_t n, bool nonblock)
{
    size_t size = MIN(n, PIECE);
    char *buf = kmalloc(size, MEM_WAIT);
    struct uio u;
    if (!buf)
        return -ENOMEM;
    ssize_t r = pipe_peek(in, buf, size, nonblock || in->flags & O_NONBLOCK);
    if (r > 0) {
        uio_init_kernel(&u, buf, (size_t)r);
        u.nowait = nonblock;
        r = file_write(out, &u, NULL);
    }
    kfree(buf);
    if (r == -EPIPE)
        signal_sigpipe();
    return r;
}

long sys_tee(fd_k in, fd_k out, size_t len, u32 flags)
{
    struct fd_ref i = fd_take(in), o = fd_take(out);
    ssize_t n = -EBADF;
    if (flags & ~(SPLICE_F_MOVE | SPLICE_F_NONBLOCK | SPLICE_F_MORE | SPLICE_F_GIFT))
        n = -EINVAL;
    else if (!len)
        n = 0;
    else if (i.file && o.file && (i.file->fmode & FMODE_READ) && (o.file->fmode & FMODE_WRITE)) {
        if (!file_is_pipe(i.file) || !file_is_pipe(o.file) || i.file->inode == o.file->inode)
            n = -EINVAL;
        else
            n = tee(i.file, o.file, len, flags & SPLICE_F_NONBLOCK);
    }
    fd_return(i);
    fd_return(o);
    return n;
}
