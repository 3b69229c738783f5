// SPDX-License-Identifier: MIT
/* Names: making, removing, renaming, reading directories, where a process stands. Thin doors onto fs/namei.h. */
#include "abi/dirent.h"
#include "abi/stat.h"
#include "fs/namei.h"
#include "lib/string.h"
#include "syscall/fd.h"
#include "syscall/sys.h"

long sys_mkdirat(fd_k dfd, path_k path, mode_k mode)
{
    struct at a;
    int err = at_begin(&a, dfd, path);
    if (err)
        return err;
    err = vfs_mkdir(&a.view, a.base, a.name.s, mode);
    at_end(&a);
    return err;
}

long sys_mkdir(path_k path, mode_k mode)
{
    return sys_mkdirat(AT_FDCWD, path, mode);
}

long sys_mknodat(fd_k dfd, path_k path, mode_k mode, u32 dev)
{
    struct at a;
    int err = at_begin(&a, dfd, path);
    if (err)
        return err;
    err = vfs_mknod(&a.view, a.base, a.name.s, mode, dev);
    at_end(&a);
    return err;
}

long sys_mknod(path_k path, mode_k mode, u32 dev)
{
    return sys_mknodat(AT_FDCWD, path, mode, dev);
}

long sys_unlinkat(fd_k dfd, path_k path, int flags)
{
    struct at a;
    if (flags & ~AT_REMOVEDIR)
        return -EINVAL;
    int err = at_begin(&a, dfd, path);
    if (err)
        return err;
    err = flags & AT_REMOVEDIR ? vfs_rmdir(&a.view, a.base, a.name.s) : vfs_unlink(&a.view, a.base, a.name.s);
    at_end(&a);
    return err;
}

long sys_unlink(path_k path)
{
    return sys_unlinkat(AT_FDCWD, path, 0);
}

long sys_rmdir(path_k path)
{
    return sys_unlinkat(AT_FDCWD, path, AT_REMOVEDIR);
}

long sys_symlinkat(path_k target, fd_k dfd, path_k path)
{
    struct name t;
    struct at a;
    int err = name_get(&t, target);
    if (err)
        return err;
    err = at_begin(&a, dfd, path);
    if (!err) {
        err = vfs_symlink(&a.view, t.s, a.base, a.name.s);
        at_end(&a);
    }
    name_put(&t);
    return err;
}

long sys_symlink(path_k target, path_k path)
{
    return sys_symlinkat(target, AT_FDCWD, path);
}

long sys_linkat(fd_k olddfd, path_k from, fd_k newdfd, path_k to, int flags)
{
    struct at a, b;
    struct path old;
    if (flags & ~(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH))
        return -EINVAL;
    u32 lookup = (flags & AT_SYMLINK_FOLLOW ? LOOKUP_FOLLOW : 0) | (flags & AT_EMPTY_PATH ? LOOKUP_EMPTY : 0);
    int err = at_lookup(&a, olddfd, from, lookup, &old);
    if (err)
        return err;
    if (a.name.s[0] == '\0' && !fs_capable(a.view.cred, CAP_DAC_READ_SEARCH) &&
        (!a.dir.file || a.dir.file->opener_uid != a.view.cred->fsuid))
        err = -ENOENT; /* somebody else's descriptor */
    if (!err)
        err = at_begin(&b, newdfd, to);
    if (!err) {
        err = vfs_link(&b.view, &old, b.base, b.name.s);
        at_end(&b);
    }
    path_put(&old);
    at_end(&a);
    return err;
}

long sys_link(path_k from, path_k to)
{
    return sys_linkat(AT_FDCWD, from, AT_FDCWD, to, 0);
}

long sys_renameat2(fd_k olddfd, path_k from, fd_k newdfd, path_k to, u32 flags)
{
    struct at a, b;
    if (flags & ~(u32)(RENAME_NOREPLACE | RENAME_EXCHANGE | RENAME_WHITEOUT))
        return -EINVAL;
    if ((flags & RENAME_EXCHANGE) && (flags & (RENAME_NOREPLACE | RENAME_WHITEOUT)))
        return -EINVAL;
    int err = at_begin(&a, olddfd, from);
    if (err)
        return err;
    err = at_begin(&b, newdfd, to);
    if (!err) {
        err = vfs_rename(&a.view, a.base, a.name.s, b.base, b.name.s, flags);
        at_end(&b);
    }
    at_end(&a);
    return err;
}

long sys_renameat(fd_k olddfd, path_k from, fd_k newdfd, path_k to)
{
    return sys_renameat2(olddfd, from, newdfd, to, 0);
}

long sys_rename(path_k from, path_k to)
{
    return sys_renameat2(AT_FDCWD, from, AT_FDCWD, to, 0);
}

long sys_readlinkat(fd_k dfd, path_k path, obuf_k buf, int size)
{
    struct at a;
    struct path p;
    if (size <= 0)
        return -EINVAL;
    int err = at_lookup(&a, dfd, path, LOOKUP_EMPTY, &p);
    if (err)
        return err;
    char *text = kmalloc(PATH_MAX, MEM_WAIT);
    ssize_t n = text ? vfs_readlink(&a.view, &p, text, MIN((size_t)size, (size_t)PATH_MAX)) : -ENOMEM;
    if (n == -EINVAL && a.name.s[0] == '\0')
        n = -ENOENT;
    if (n > 0 && copy_to_user(buf, text, (size_t)n))
        n = -EFAULT;
    kfree(text);
    path_put(&p);
    at_end(&a);
    return n;
}

long sys_readlink(path_k path, obuf_k buf, int size)
{
    return sys_readlinkat(AT_FDCWD, path, buf, size);
}

/* ---- where a process stands ---- */

static int check_directory(const struct fs_view *v, const struct path *p)
{
    struct inode *i = p->dentry->inode;
    if ((i->mode & S_IFMT) != S_IFDIR)
        return -ENOTDIR;
    return inode_permission(i, MAY_EXEC, v->cred);
}

static long change_to(uaddr_t path, bool root)
{
    struct at a;
    struct path p;
    int err = at_lookup(&a, AT_FDCWD, path, LOOKUP_FOLLOW | LOOKUP_DIRECTORY, &p);
    if (err)
        return err;
    err = check_directory(&a.view, &p);
    if (!err && root && !fs_capable(a.view.cred, CAP_SYS_CHROOT))
        err = -EPERM;
    if (err)
        path_put(&p);
    else if (root)
        fs_context_set_root(a.view.ctx, &p);
    else
        fs_context_set_cwd(a.view.ctx, &p);
    at_end(&a);
    return err;
}

long sys_chdir(path_k path)
{
    return change_to(path, false);
}

long sys_chroot(path_k path)
{
    return change_to(path, true);
}

long sys_fchdir(fd_k fd)
{
    struct fd_ref r = fd_take_any(fd);
    if (!r.file)
        return -EBADF;
    struct fs_view v = current_view();
    int err = check_directory(&v, &r.file->path);
    if (!err) {
        struct path p = r.file->path;
        path_get(&p);
        fs_context_set_cwd(v.ctx, &p);
    }
    fd_return(r);
    return err;
}

long sys_getcwd(out_k buf, size_t size)
{
    struct fs_view v = current_view();
    struct path cwd;
    char *page = kmalloc(PATH_MAX, MEM_WAIT), *s;
    if (!page)
        return -ENOMEM;
    fs_context_get_paths(v.ctx, NULL, &cwd);
    long n = path_is_deleted(&cwd) ? -ENOENT : path_to_string(&v, &cwd, page, PATH_MAX, &s);
    if (n >= 0) {
        n = (long)strlen(s) + 1;
        if ((size_t)n > size)
            n = -ERANGE;
        else if (copy_to_user(buf, s, (size_t)n))
            n = -EFAULT;
    }
    path_put(&cwd);
    kfree(page);
    return n;
}

long sys_umask(mode_k mask)
{
    struct fs_context *c = current_thread()->fs;
    return (long)__atomic_exchange_n(&c->umask, mask & 0777, __ATOMIC_SEQ_CST);
}

/* ---- reading directories ---- */

/* Entries are put together in a kernel page and copied out when it is full or the user's buffer is. */
struct dents {
    struct dir_context ctx;
    uaddr_t to;
    size_t left; /* of the user's buffer */
    size_t used; /* of page */
    s64 flushed; /* position behind the last entry that was copied out */
    u8 *page;
    int err;
    bool old; /* getdents: the type is the record's last byte */
    bool any;
};

static int flush_dents(struct dents *d)
{
    if (!d->used)
        return 0;
    if (copy_to_user(d->to, d->page, d->used))
        return -EFAULT;
    d->to += d->used;
    d->used = 0;
    d->flushed = d->ctx.pos;
    return 0;
}

static size_t dent_size(const struct dents *d, u32 len)
{
    size_t head = d->old ? offsetof(struct linux_dirent64, d_type) : offsetof(struct linux_dirent64, d_name);
    return ALIGN_UP(head + len + (d->old ? 2 : 1), (size_t)8);
}

static bool emit_dent(struct dir_context *ctx, const char *name, u32 len, u64 ino, u32 type, s64 next)
{
    struct dents *d = container_of(ctx, struct dents, ctx);
    size_t size = dent_size(d, len);
    if (size > d->left) {
        if (!d->any)
            d->err = -EINVAL;
        return false;
    }
    if (d->used + size > PAGE_SIZE && (d->err = flush_dents(d)))
        return false;
    struct linux_dirent64 *e = (void *)(d->page + d->used);
    memset(e, 0, size);
    e->d_ino = ino;
    e->d_off = next;
    e->d_reclen = (u16)size;
    if (d->old) {
        memcpy(&e->d_type, name, len);
        ((u8 *)e)[size - 1] = (u8)type;
    } else {
        e->d_type = (u8)type;
        memcpy(e->d_name, name, len);
    }
    d->used += size;
    d->left -= size;
    d->any = true;
    return true;
}

static long getdents(int fd, uaddr_t to, size_t size, bool old)
{
    struct fd_ref r = fd_take(fd);
    if (!r.file)
        return -EBADF;
    struct dents d = {.ctx = {.emit = emit_dent}, .to = to, .left = size, .old = old};
    d.page = pages_alloc(0, MEM_WAIT);
    long n = -ENOMEM;
    if (d.page) {
        d.flushed = READ_ONCE(r.file->pos);
        n = file_iterate(r.file, &d.ctx);
        if (!n)
            n = d.err;
        if (!n)
            n = flush_dents(&d);
        if (n == -EFAULT) /* what did not arrive is read again */
            WRITE_ONCE(r.file->pos, d.flushed);
        if (!n || (n == -EFAULT && d.to != to))
            n = (long)(d.to - to);
        pages_free(d.page, 0);
    }
    fd_return(r);
    return n;
}

long sys_getdents64(fd_k fd, out_k entries, u32 size)
{
    return getdents(fd, entries, size, false);
}

long sys_getdents(fd_k fd, out_k entries, u32 size)
{
    return getdents(fd, entries, size, true);
}
