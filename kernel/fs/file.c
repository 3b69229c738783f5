// SPDX-License-Identifier: MIT
/*
 * Open files: life, position, read and write.
 *
 * struct file keeps its type while it is recycled: a freed one goes to the CPU's list (refs stays 0 there) and from a
 * full list to the slab after a grace period. So fd_get() may count a file it found without a lock, and look again.
 * A file that only one thread can reach needs no position lock.
 */
#include "fs/file.h"

#include "abi/errno.h"
#include "abi/fcntl.h"
#include "abi/stat.h"
#include "fs/epoll.h"
#include "fs/inotify.h"
#include "fs/locks.h"
#include "fs/mount.h"
#include "mem/slab.h"
#include "vm/mm.h"

#include <linux/mman.h>
#include <linux/mount.h>

#define CPU_LIST_MAX 32u

static SLAB_CACHE(file_cache, "file", struct file);
static struct {
    struct rcu_head *first;
    u32 count;
    s64 live;                       /* files of this CPU's making less those freed here, not yet in live_files */
} __cacheline free_files[MAX_CPUS]; /* process context only, and nothing sleeps between look and use */

/* ---- life ------------------------------------------------------------------------------------------------------------ */

/* How many files there are, in batches, so that open and close share nothing: what is missing lies in free_files. */
#define LIVE_BATCH 32
static atomic64_t live_files;
u64 file_max = ~0ull >> 1; /* until proc/ knows better */
bool (*file_max_exempt)(void);
void (*file_owner_drop)(struct file *f);
struct user_files *(*user_files_get)(void);
void (*user_files_put)(struct user_files *u);
bool (*user_files_capable)(u32 cap);

static void count(s64 n)
{
    s64 *live = &free_files[cpu_id()].live;

    *live += n;
    if (*live<LIVE_BATCH && * live> - LIVE_BATCH)
        return;
    atomic_add(&live_files, (u64)*live);
    *live = 0;
}

u64 file_count(void)
{
    s64 n = (s64)atomic_read(&live_files);

    for (u32 i = 0; i < cpu_count; i++)
        n += READ_ONCE(free_files[i].live);
    return n > 0 ? (u64)n : 0;
}

static bool too_many(void)
{
    u64 max = READ_ONCE(file_max);

    if (likely((s64)(atomic_read(&live_files) + LIVE_BATCH * cpu_count) < (s64)max))
        return false;
    return file_count() >= max && !(file_max_exempt && file_max_exempt());
}

struct file *file_alloc(void)
{
    if (unlikely(too_many()))
        return NULL;
    u32 cpu = cpu_id();
    struct rcu_head *h = free_files[cpu].first;
    struct file *f;

    if (h) {
        free_files[cpu].first = h->next;
        free_files[cpu].count--;
        f = container_of(h, struct file, rcu);
    } else {
        f = slab_alloc(&file_cache, MEM_WAIT);
        if (!f)
            return NULL;
        __atomic_store_n(&f->refs.v, 0, __ATOMIC_RELAXED);
        mutex_init(&f->pos_lock, LOCK_FILE_POS);
        list_init(&f->epoll_links);
    }
    count(1);
    f->flags = f->fmode = 0;
    f->inode = NULL;
    f->ops = NULL;
    f->path = (struct path){0};
    f->pos = 0;
    f->private = NULL;
    f->owner = NULL;
    __atomic_store_n(&f->refs.v, 1, __ATOMIC_RELEASE);
    return f;
}

static void free_rcu(struct rcu_head *h)
{
    slab_free(&file_cache, container_of(h, struct file, rcu));
}

void file_free(struct file *f)
{
    u32 cpu = cpu_id();

    count(-1);
    if (free_files[cpu].count >= CPU_LIST_MAX) {
        rcu_call(&f->rcu, free_rcu);
        return;
    }
    f->rcu.next = free_files[cpu].first;
    free_files[cpu].first = &f->rcu;
    free_files[cpu].count++;
}

static void file_release(struct file *f)
{
    if (f->fmode & FMODE_OPENED)
        inotify_file(f, f->fmode & FMODE_WRITE ? IN_CLOSE_WRITE : IN_CLOSE_NOWRITE);
    if (!list_empty(&f->epoll_links))
        epoll_file_released(f);
    if (unlikely(f->owner))
        file_owner_drop(f);
    if (f->inode->locks)
        locks_remove_file(f);
    if (f->ops->release)
        f->ops->release(f);
    if (f->fmode & (FMODE_WRITER | FMODE_EXEC))
        file_end_claim(f);
    path_put(&f->path);
    file_free(f);
}

void file_put(struct file *f)
{
    if (ref_put(&f->refs))
        file_release(f);
}

static struct rcu_head
    *late_files; /* (atomic) chained by file.rcu: put for the last time where that could not be done */

static void release_late(struct work *w)
{
    struct rcu_head *h = __atomic_exchange_n(&late_files, NULL, __ATOMIC_ACQ_REL), *next;

    (void)w;
    for (; h; h = next) {
        next = h->next;
        file_release(container_of(h, struct file, rcu));
    }
}

void file_put_later(struct file *f)
{
    static struct work work = {.link = LIST_INIT(work.link), .fn = release_late};

    if (!ref_put(&f->refs))
        return;
    f->rcu.next = __atomic_load_n(&late_files, __ATOMIC_RELAXED);
    while (!__atomic_compare_exchange_n(&late_files, &f->rcu.next, &f->rcu, true, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
        continue;
    (void)work_queue(&work);
}

/* ---- claims: writers against execution ------------------------------------------------------------------------------- */

int inode_claim(struct inode *i, s32 step)
{
    s32 n = __atomic_load_n(&i->write_count, __ATOMIC_RELAXED);

    do {
        if (step > 0 ? n < 0 : n > 0)
            return -ETXTBSY;
    } while (!__atomic_compare_exchange_n(&i->write_count, &n, n + step, true, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED));
    return 0;
}

int file_count_writer(struct file *f)
{
    int err = mount_writer_get(f->path.mnt);

    if (err)
        __atomic_sub_fetch(&f->inode->write_count, 1, __ATOMIC_SEQ_CST);
    else
        f->fmode |= FMODE_WRITER;
    return err;
}

void file_end_claim(struct file *f)
{
    if (f->fmode & FMODE_WRITER)
        mount_writer_put(f->path.mnt);
    __atomic_sub_fetch(&f->inode->write_count, f->fmode & FMODE_WRITER ? 1 : -1, __ATOMIC_SEQ_CST);
}

int file_deny_write(struct file *f)
{
    return inode_claim(f->inode, -1);
}

void file_allow_write(struct file *f)
{
    __atomic_add_fetch(&f->inode->write_count, 1, __ATOMIC_SEQ_CST);
}

/* ---- reading and writing --------------------------------------------------------------------------------------------- */

static inline bool needs_pos_lock(const struct file *f)
{
    return !(f->fmode & (FMODE_STREAM | FMODE_NOPOSLOCK)) && ref_read(&f->refs) > 1;
}

static ssize_t read_at(struct file *f, struct uio *u, s64 *pos)
{
    if (unlikely(!(f->fmode & FMODE_READ)))
        return -EBADF;
    if (unlikely(!f->ops->read))
        return S_ISDIR(f->inode->mode) ? -EISDIR : -EINVAL;
    ssize_t n = f->ops->read(f, u, pos);
    if (n > 0)
        inotify_file(f, IN_ACCESS);
    return n;
}

static ssize_t write_at(struct file *f, struct uio *u, s64 *pos, u64 limit)
{
    if (unlikely(!(f->fmode & FMODE_WRITE)))
        return -EBADF;
    if (unlikely(!f->ops->write))
        return -EINVAL;
    if (unlikely(limit != ~0ul) && S_ISREG(f->inode->mode)) {
        u64 at = f->flags & O_APPEND ? READ_ONCE(f->inode->size) : (u64)*pos;
        if (at >= limit && u->resid)
            return -EFBIG;
        u->resid = MIN(u->resid, limit - at);
    }
    ssize_t n = f->ops->write(f, u, pos);
    if (n > 0)
        inotify_file(f, IN_MODIFY);
    return n;
}

/* /proc/PID/io of the caller: IO_READ_BYTES and IO_READS, or the same of writes. */
static ssize_t count_io(enum io_kind bytes, ssize_t n)
{
    u64 *io = current_thread()->io;

    io[bytes] += n > 0 ? (u64)n : 0;
    io[bytes + IO_READS]++;
    return n;
}

ssize_t file_read(struct file *f, struct uio *u, s64 *pos)
{
    if (pos)
        return count_io(IO_READ_BYTES, read_at(f, u, pos));
    bool lock = needs_pos_lock(f);
    if (lock)
        mutex_lock(&f->pos_lock);
    s64 at = f->pos;
    ssize_t n = read_at(f, u, &at);
    f->pos = at;
    if (lock)
        mutex_unlock(&f->pos_lock);
    return count_io(IO_READ_BYTES, n);
}

ssize_t file_write_limited(struct file *f, struct uio *u, s64 *pos, u64 limit)
{
    if (pos)
        return count_io(IO_WRITTEN_BYTES, write_at(f, u, pos, limit));
    bool lock = needs_pos_lock(f);
    if (lock)
        mutex_lock(&f->pos_lock);
    s64 at = f->pos;
    ssize_t n = write_at(f, u, &at, limit);
    f->pos = at;
    if (lock)
        mutex_unlock(&f->pos_lock);
    return count_io(IO_WRITTEN_BYTES, n);
}

ssize_t file_write(struct file *f, struct uio *u, s64 *pos)
{
    return file_write_limited(f, u, pos, ~0ul);
}

ssize_t file_read_kernel(struct file *f, void *buf, size_t n, s64 pos)
{
    struct uio u;

    uio_init_kernel(&u, buf, n);
    return read_at(f, &u, &pos);
}

ssize_t file_write_kernel(struct file *f, const void *buf, size_t n, s64 pos)
{
    struct uio u;

    uio_init_kernel(&u, (void *)(u64)buf, n);
    return write_at(f, &u, &pos, ~0ul);
}

/* ---- position -------------------------------------------------------------------------------------------------------- */

s64 no_seek(struct file *f, s64 off, int whence)
{
    (void)f, (void)off, (void)whence;
    return -ESPIPE;
}

s64 generic_seek(struct file *f, s64 off, int whence, s64 size)
{
    s64 base = 0;

    switch (whence) {
    case SEEK_SET:
        break;
    case SEEK_CUR:
        if (!off)
            return f->pos;
        base = f->pos;
        break;
    case SEEK_END:
        base = size;
        break;
    case SEEK_DATA:
    case SEEK_HOLE:
        if ((u64)off >= (u64)size)
            return -ENXIO;
        if (whence == SEEK_HOLE)
            off = size;
        break;
    default:
        return -EINVAL;
    }
    if (__builtin_add_overflow(base, off, &base) || base < 0 || base > (s64)f->inode->sb->max_size)
        return -EINVAL;
    f->pos = base;
    return base;
}

s64 generic_folder_seek(struct file *f, s64 off, int whence)
{
    return whence == SEEK_SET || whence == SEEK_CUR ? generic_seek(f, off, whence, 0) : -EINVAL;
}

s64 file_seek(struct file *f, s64 off, int whence)
{
    s64 r;

    if (!(f->fmode & FMODE_LSEEK))
        return -ESPIPE;
    bool lock = needs_pos_lock(f);
    if (lock)
        mutex_lock(&f->pos_lock);
    if (f->ops->seek)
        r = f->ops->seek(f, off, whence);
    else
        r = generic_seek(f, off, whence, (s64)READ_ONCE(f->inode->size));
    if (lock)
        mutex_unlock(&f->pos_lock);
    return r;
}

/* ---- the rest of the operations -------------------------------------------------------------------------------------- */

int file_iterate(struct file *f, struct dir_context *ctx)
{
    struct inode *i = f->inode;
    int err = -ENOENT;

    if (!f->ops->iterate)
        return -ENOTDIR;
    bool lock = needs_pos_lock(f);
    if (lock)
        mutex_lock(&f->pos_lock);
    mutex_lock(&i->lock);
    if (!(i->flags & INODE_DEAD)) {
        ctx->pos = f->pos;
        err = f->ops->iterate(f, ctx);
        f->pos = ctx->pos;
    }
    mutex_unlock(&i->lock);
    if (!err) {
        inotify_file(f, IN_ACCESS);
        file_accessed(f);
    }
    if (lock)
        mutex_unlock(&f->pos_lock);
    return err;
}

bool dir_emit_dots(struct file *f, struct dir_context *ctx)
{
    const struct dentry *d = f->path.dentry;

    if (ctx->pos == 0) {
        if (!ctx->emit(ctx, ".", 1, f->inode->ino, S_IFDIR >> 12, 1))
            return false;
        ctx->pos = 1;
    }
    if (ctx->pos == 1) {
        rcu_read_lock();
        struct inode *parent = dentry_inode(READ_ONCE(d->parent)); /* NULL: moved away, and the old one removed */
        u64 up = parent ? parent->ino : f->inode->ino;
        rcu_read_unlock();
        if (!ctx->emit(ctx, "..", 2, up, S_IFDIR >> 12, 2))
            return false;
        ctx->pos = 2;
    }
    return true;
}

int file_fallocate(const struct fs_view *v, struct file *f, int mode, s64 off, s64 len)
{
    if (off < 0 || len <= 0)
        return -EINVAL;
    if (!(f->fmode & FMODE_WRITE))
        return -EBADF;
    if (S_ISFIFO(f->inode->mode))
        return -ESPIPE;
    if (S_ISDIR(f->inode->mode))
        return -EISDIR;
    if (!S_ISREG(f->inode->mode) || !f->ops->fallocate)
        return S_ISREG(f->inode->mode) ? -EOPNOTSUPP : -ENODEV;
    s64 end;
    if (__builtin_add_overflow(off, len, &end) || end > (s64)f->inode->sb->max_size)
        return -EFBIG;
    if (!(mode & FALLOC_FL_KEEP_SIZE) && (u64)end > v->fsize_limit)
        return -EFBIG;
    int err = f->ops->fallocate(f, mode, off, len);
    if (!err) {
        mutex_lock(&f->inode->lock);
        inode_kill_suid(f->inode, v->cred);
        mutex_unlock(&f->inode->lock);
        inotify_file(f, IN_MODIFY);
    }
    return err;
}

int file_mmap(struct file *f, struct vm_map_args *args)
{
    u32 type = args->flags & MAP_TYPE;

    if ((type == MAP_SHARED || type == MAP_SHARED_VALIDATE) && (args->prot & PROT_WRITE) && !(f->fmode & FMODE_WRITE))
        return -EACCES;
    if (!(f->fmode & FMODE_READ))
        return -EACCES;
    if ((f->path.mnt->flags & MS_NOEXEC) && (args->prot & PROT_EXEC))
        return -EPERM;
    if (!f->ops->mmap)
        return -ENODEV;
    args->may = VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC;
    if (type != MAP_PRIVATE && !(f->fmode & FMODE_WRITE))
        args->may &= ~VM_MAYWRITE;
    if (f->path.mnt->flags & MS_NOEXEC)
        args->may &= ~VM_MAYEXEC;
    return f->ops->mmap(f, args);
}
