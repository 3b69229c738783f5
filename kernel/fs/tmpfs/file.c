// SPDX-License-Identifier: MIT
/*
 * Regular files of tmpfs: read, write, size, holes, mmap. Readers take no lock; a page is pinned while it is copied.
 * Writers hold inode.lock, across user copies too (vm/uio.h allows it).
 */
#include "abi/errno.h"
#include "abi/fcntl.h"
#include "abi/stat.h"
#include "fs/inotify.h"
#include "fs/mmap.h"
#include "fs/tmpfs/tmpfs.h"
#include "lib/string.h"

#include <linux/falloc.h>

/* ---- read ------------------------------------------------------------------------------------------------------------ */

/* Copies up to n bytes at `off` of a page; short at a fault. */
static size_t copy_page_out(const struct data_ref *r, u32 off, size_t n, struct uio *u)
{
    size_t bytes = r->bytes && off < r->valid ? MIN(n, r->valid - off) : 0;
    size_t done = bytes ? uio_copy_to(u, r->bytes + off, bytes) : 0;

    if (done == bytes && bytes < n)
        done += uio_zero(u, n - bytes);
    return done;
}

static ssize_t file_read_op(struct file *f, struct uio *u, s64 *pos)
{
    struct tmpfs_inode *ti = tmpfs_i(f->inode);
    struct data_ref r;
    ssize_t total = 0;
    u64 at = (u64)*pos, size;
    int err = 0;

    while (u->resid && at < (size = READ_ONCE(ti->vfs.size))) {
        u32 off = (u32)(at & ~PAGE_MASK);
        size_t n = MIN(MIN(PAGE_SIZE - off, u->resid), size - at);
        err = data_pin(ti, at >> PAGE_SHIFT, &r);
        if (err)
            break;
        size_t done = copy_page_out(&r, off, n, u);
        data_unpin(&r);
        total += (ssize_t)done;
        at += done;
        if (done < n) {
            err = -EFAULT;
            break;
        }
        cond_resched();
    }
    *pos = (s64)at;
    file_accessed(f);
    return total ? total : err;
}

/* ---- write ----------------------------------------------------------------------------------------------------------- */

/* A hole is filled in a page of its own before anyone sees it. Bytes written, or an error. */
static ssize_t write_hole(struct tmpfs_inode *ti, u64 index, u32 off, size_t n, struct uio *u)
{
    struct tmpfs_super *ts = tmpfs_s(ti->vfs.sb);
    struct page *p, *there;

    if (!tmpfs_charge(ts, 1))
        return -ENOSPC;
    p = page_alloc(0, MEM_USER);
    if (!p) {
        tmpfs_uncharge(ts, 1);
        return -ENOMEM;
    }
    u8 *to = page_addr(p);
    size_t done = uio_copy_from(u, to + off, n);
    if (!done) {
        page_put(p);
        tmpfs_uncharge(ts, 1);
        return -EFAULT;
    }
    memset(to, 0, off);
    memset(to + off + done, 0, PAGE_SIZE - off - done);
    page_get(p); /* should a fault have been faster, the bytes are still needed */
    int err = data_add(ti, index, p, &there);
    if (!err) {
        if (there != p)
            memcpy((u8 *)page_addr(there) + off, to + off, done);
        page_put(there);
    }
    page_put(p);
    return err ? err : (ssize_t)done;
}

static ssize_t write_page(struct tmpfs_inode *ti, u64 index, u32 off, size_t n, struct uio *u)
{
    struct page *p;

    if (data_is_hole(ti, index))
        return write_hole(ti, index, off, n, u);
    int err = data_own(ti, index, &p);
    if (err)
        return err;
    size_t done = uio_copy_from(u, (u8 *)page_addr(p) + off, n);
    page_put(p);
    return done ? (ssize_t)done : -EFAULT;
}

static ssize_t write_locked(struct tmpfs_inode *ti, struct uio *u, u64 at)
{
    ssize_t total = 0, n = 0;

    if ((ti->vfs.flags & TMPFS_MAPPED) && at > ti->vfs.size)
        data_zero_tail(ti, ti->vfs.size);
    while (u->resid) {
        u32 off = (u32)(at & ~PAGE_MASK);
        size_t want = MIN(PAGE_SIZE - off, u->resid);
        n = write_page(ti, at >> PAGE_SHIFT, off, want, u);
        if (n < 0)
            break;
        at += (u64)n;
        total += n;
        if (at > ti->vfs.size)
            WRITE_ONCE(ti->vfs.size, at);
        if ((size_t)n < want) {
            n = -EFAULT;
            break;
        }
        cond_resched();
    }
    return total ? total : n;
}

static int may_write_at(const struct tmpfs_inode *ti, u64 at, size_t n)
{
    if (unlikely(ti->file.seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)))
        return -EPERM;
    if (unlikely((ti->file.seals & F_SEAL_GROW) && at + n > ti->vfs.size))
        return -EPERM;
    return at >= ti->vfs.sb->max_size ? -EFBIG : 0;
}

static ssize_t file_write_op(struct file *f, struct uio *u, s64 *pos)
{
    struct inode *i = f->inode;
    struct tmpfs_inode *ti = tmpfs_i(i);

    if (!u->resid)
        return 0;
    mutex_lock(&i->lock);
    u64 at = f->flags & O_APPEND ? i->size : (u64)*pos;
    ssize_t n = may_write_at(ti, at, u->resid);
    if (!n) {
        u->resid = MIN(u->resid, i->sb->max_size - at);
        tmpfs_dirty(i);
        if (inode_kill_suid(i, u->writer))
            inotify_file(f, IN_ATTRIB);
        inode_touch(i, ATTR_MTIME | ATTR_CTIME);
        n = write_locked(ti, u, at);
    }
    mutex_unlock(&i->lock);
    if (n > 0)
        *pos = (s64)at + n;
    return n;
}

/* ---- size and holes -------------------------------------------------------------------------------------------------- */

int tmpfs_set_size(struct inode *i, u64 size)
{
    struct tmpfs_inode *ti = tmpfs_i(i);

    if (!S_ISREG(i->mode))
        return -EINVAL;
    if ((ti->file.seals & F_SEAL_SHRINK && size < i->size) || (ti->file.seals & F_SEAL_GROW && size > i->size))
        return -EPERM;
    tmpfs_dirty(i);
    if (size >= i->size) {
        data_zero_tail(ti, i->size);
        WRITE_ONCE(i->size, size);
        return 0;
    }
    int err = data_shrink_prepare(ti, size);
    if (!err)
        data_truncate(ti, size);
    return err;
}

/* Zeros the bytes [from, to) inside one page, unless they are zeros anyway. */
static int zero_part(struct tmpfs_inode *ti, u64 from, u64 to)
{
    struct page *p;

    if (from >= to || data_is_hole(ti, from >> PAGE_SHIFT))
        return 0;
    int err = data_own(ti, from >> PAGE_SHIFT, &p);
    if (err)
        return err;
    memset((u8 *)page_addr(p) + (from & ~PAGE_MASK), 0, to - from);
    page_put(p);
    return 0;
}

static int punch_hole(struct tmpfs_inode *ti, u64 from, u64 to)
{
    u64 first = ALIGN_UP(from, PAGE_SIZE), last = ALIGN_DOWN(to, PAGE_SIZE);

    if (ti->file.seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE))
        return -EPERM;
    to = MIN(to, ti->vfs.size);
    if (first > last) /* inside one page */
        return zero_part(ti, from, to);
    int err = zero_part(ti, from, MIN(first, to));
    if (!err)
        err = zero_part(ti, MAX(last, from), to);
    return err ? err : data_punch(ti, first >> PAGE_SHIFT, last >> PAGE_SHIFT);
}

/* Every hole in the range becomes zeros that have a page. */
static int fill_holes(struct tmpfs_inode *ti, u64 from, u64 to)
{
    struct page *p;
    u64 at = from;
    int err = 0;

    while (!err && (at = data_next(ti, at, to, true)) < to) {
        err = data_own(ti, at, &p);
        if (!err)
            page_put(p);
        at++;
        if (!err && (thread_work(current_thread(), WORK_SIGNAL | WORK_NOTIFY)))
            err = -EINTR;
        cond_resched();
    }
    return err;
}

/* Is there room for what fill_holes would make? Asked first, so that what does not fit takes nothing. */
static bool holes_fit(struct tmpfs_inode *ti, u64 from, u64 to)
{
    const struct tmpfs_super *ts = tmpfs_s(ti->vfs.sb);
    u64 need = 0, end;

    for (u64 at = from; (at = data_next(ti, at, to, true)) < to; at = end) {
        end = MIN(data_next(ti, at, to, false), to);
        need += end - at;
    }
    return need <= ts->max_pages && atomic_read(&ts->pages) <= ts->max_pages - need;
}

static int file_fallocate_op(struct file *f, int mode, s64 off, s64 len)
{
    struct inode *i = f->inode;
    struct tmpfs_inode *ti = tmpfs_i(i);
    u64 from = (u64)off, to = from + (u64)len, first = from >> PAGE_SHIFT, last = (to + PAGE_SIZE - 1) >> PAGE_SHIFT;
    int err = 0;

    if (mode & ~(FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE))
        return -EOPNOTSUPP;
    if ((mode & FALLOC_FL_PUNCH_HOLE) && !(mode & FALLOC_FL_KEEP_SIZE))
        return -EOPNOTSUPP;
    mutex_lock(&i->lock);
    tmpfs_dirty(i);
    if (mode & FALLOC_FL_PUNCH_HOLE) {
        err = punch_hole(ti, from, to);
    } else {
        bool grows = !(mode & FALLOC_FL_KEEP_SIZE) && to > i->size;
        if (grows && (ti->file.seals & F_SEAL_GROW))
            err = -EPERM;
        if (!err)
            err = holes_fit(ti, first, last) ? fill_holes(ti, first, last) : -ENOSPC;
        if (!err && grows) {
            data_zero_tail(ti, i->size);
            WRITE_ONCE(i->size, to);
        }
    }
    if (!err)
        inode_touch(i, ATTR_MTIME | ATTR_CTIME);
    mutex_unlock(&i->lock);
    return err;
}

static s64 file_seek_op(struct file *f, s64 off, int whence)
{
    struct inode *i = f->inode;

    if (whence != SEEK_DATA && whence != SEEK_HOLE)
        return generic_seek(f, off, whence, (s64)READ_ONCE(i->size));
    mutex_lock(&i->lock);
    s64 size = (s64)i->size, r = -ENXIO;
    if (off >= 0 && off < size) {
        u64 index = (u64)off >> PAGE_SHIFT, end = ((u64)size + PAGE_SIZE - 1) >> PAGE_SHIFT;
        u64 found = data_next(tmpfs_i(i), index, end, whence == SEEK_HOLE);
        if (found < end || whence == SEEK_HOLE)
            r = MIN(MAX(off, (s64)(found << PAGE_SHIFT)), size);
    }
    mutex_unlock(&i->lock);
    if (r >= 0)
        f->pos = r;
    return r;
}

static int file_mmap_op(struct file *f, struct vm_map_args *args)
{
    struct inode *i = f->inode;
    u32 seals = tmpfs_i(i)->file.seals;
    int err = mmap_inode(f, args);

    if (err || !(args->flags & 1 /* MAP_SHARED, _VALIDATE */))
        return err;
    if (seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)) {
        if (args->prot & 2 /* PROT_WRITE */)
            return -EPERM;
        args->may &= ~VM_MAYWRITE;
    }
    if (f->fmode & FMODE_WRITE) {
        mutex_lock(&i->lock);
        if (args->may & VM_MAYWRITE)
            i->flags |= TMPFS_MAPPED; /* under the lock, as all flags: a plain |= elsewhere would lose it */
        tmpfs_dirty(i);
        mutex_unlock(&i->lock);
    }
    return 0;
}

static int file_fsync_op(struct file *f, bool data_only)
{
    (void)f, (void)data_only;
    return 0;
}

const struct file_ops tmpfs_file_ops = {
    .read = file_read_op,
    .write = file_write_op,
    .seek = file_seek_op,
    .mmap = file_mmap_op,
    .fsync = file_fsync_op,
    .fallocate = file_fallocate_op,
};
