// SPDX-License-Identifier: MIT
/*
 * What changes directories: each call walks to the parent, locks it, looks the last name up (so that of two creators one
 * gets EEXIST), checks, acts through the file system, and only then lets the dentry cache know.
 *
 * Locks: super.rename_lock (renames between directories) → the directories, an ancestor first → inodes acted on.
 */
#include "fs/namei.h"

#include "abi/errno.h"
#include "abi/limits.h"
#include "abi/stat.h"
#include "fs/inotify.h"
#include "fs/protected.h"
#include "lib/string.h"
#include "mem/slab.h"

#include <linux/capability.h>
#include <linux/fs.h>

/* ---- checks ---------------------------------------------------------------------------------------------------------- */

int may_create(struct inode *dir, const struct fs_cred *c)
{
    if (dir->flags & INODE_DEAD)
        return -ENOENT;
    return inode_permission(dir, MAY_WRITE | MAY_EXEC, c);
}

static int may_delete(struct inode *dir, struct dentry *d, bool want_dir, const struct fs_view *v)
{
    const struct fs_cred *c = v->cred;
    struct inode *i = d->inode;
    int err = inode_permission(dir, MAY_WRITE | MAY_EXEC, c);

    if (err)
        return err;
    if ((dir->mode & S_ISVTX) && c->fsuid != i->uid && c->fsuid != dir->uid && !fs_capable(c, CAP_FOWNER))
        return -EPERM;
    if (i->flags & INODE_IMMUTABLE)
        return -EPERM;
    if (want_dir && !S_ISDIR(i->mode))
        return -ENOTDIR;
    if (!want_dir && S_ISDIR(i->mode))
        return -EISDIR;
    if (dir->flags & INODE_DEAD)
        return -ENOENT;
    return mount_covers(v, d) ? -EBUSY : 0;
}

/* ---- making ---------------------------------------------------------------------------------------------------------- */

/* After success the parent is locked, and *d is a negative dentry in it. */
static int begin_create(const struct fs_view *v, const struct path *base, const char *name, bool dir,
                        struct parent_walk *pw, struct dentry **d)
{
    int err = path_parent(v, base, name, 0, pw);

    if (err)
        return err;
    struct inode *parent = pw->dir.dentry->inode;
    mutex_lock(&parent->lock);
    err = pw->type == LAST_NAME ? dir_lookup(pw->dir.dentry, pw->last, pw->len, pw->hash, d) : -EEXIST;
    if (!err) {
        if ((*d)->inode)
            err = -EEXIST;
        else if (pw->slash && !dir)
            err = -ENOENT;
        else if (!(err = mount_may_write(pw->dir.mnt)))
            err = may_create(parent, v->cred);
        if (err)
            dentry_put(*d);
    }
    if (err) {
        mutex_unlock(&parent->lock);
        path_put(&pw->dir);
    }
    return err;
}

static int end_create(struct parent_walk *pw, struct dentry *d, int err)
{
    if (!err)
        inotify_name(pw->dir.dentry->inode, IN_CREATE, d->inode, d);
    mutex_unlock(&pw->dir.dentry->inode->lock);
    dentry_put(d);
    path_put(&pw->dir);
    return err;
}

int vfs_mkdir(const struct fs_view *v, const struct path *base, const char *name, u32 mode)
{
    struct parent_walk pw;
    struct dentry *d;
    int err = begin_create(v, base, name, true, &pw, &d);

    if (err)
        return err;
    struct inode *dir = pw.dir.dentry->inode;
    mode &= (0777 | S_ISVTX) & ~v->ctx->umask;
    return end_create(&pw, d, dir->ops->mkdir ? dir->ops->mkdir(dir, d, mode, v->cred) : -EPERM);
}

static int mknod_allowed(u32 mode, u64 rdev, const struct fs_cred *c)
{
    switch (mode & S_IFMT) {
    case 0:
    case S_IFREG:
    case S_IFIFO:
    case S_IFSOCK:
        return 0;
    case S_IFCHR:
    case S_IFBLK:
        return fs_capable(c, CAP_MKNOD) || (S_ISCHR(mode) && !rdev) ? 0 : -EPERM; /* 0:0 is a whiteout */
    default:
        return S_ISDIR(mode) ? -EPERM : -EINVAL;
    }
}

int vfs_mknod(const struct fs_view *v, const struct path *base, const char *name, u32 mode, u64 rdev)
{
    struct parent_walk pw;
    struct dentry *d;
    int err = (mode & S_IFMT) == S_IFCHR || (mode & S_IFMT) == S_IFBLK ? 0 : mknod_allowed(mode, rdev, v->cred);

    if (!err)
        err = begin_create(v, base, name, false, &pw, &d);
    if (err)
        return err;
    struct inode *dir = pw.dir.dentry->inode;
    mode &= ~v->ctx->umask;
    err = mknod_allowed(mode, rdev, v->cred);
    if (!err && !(mode & S_IFMT))
        mode |= S_IFREG;
    if (!err && S_ISREG(mode))
        err = dir->ops->create ? dir->ops->create(dir, d, mode, v->cred) : -EACCES;
    else if (!err)
        err = dir->ops->mknod ? dir->ops->mknod(dir, d, mode, rdev, v->cred) : -EPERM;
    return end_create(&pw, d, err);
}

int vfs_symlink(const struct fs_view *v, const char *target, const struct path *base, const char *name)
{
    struct parent_walk pw;
    struct dentry *d;

    if (!*target)
        return -ENOENT;
    int err = begin_create(v, base, name, false, &pw, &d);
    if (err)
        return err;
    struct inode *dir = pw.dir.dentry->inode;
    return end_create(&pw, d, dir->ops->symlink ? dir->ops->symlink(dir, d, target, v->cred) : -EPERM);
}

static int link_locked(struct inode *dir, struct dentry *d, struct inode *target)
{
    int err;

    mutex_lock(&target->lock);
    if (!target->nlink && !(target->flags & INODE_LINKABLE))
        err = -ENOENT;
    else
        err = dir->ops->link(dir, d, target);
    if (!err)
        target->flags &= ~INODE_LINKABLE;
    mutex_unlock(&target->lock);
    if (!err)
        inotify_inode(target, IN_ATTRIB);
    return err;
}

int vfs_link(const struct fs_view *v, const struct path *old, const struct path *base, const char *name)
{
    struct parent_walk pw;
    struct dentry *d;
    struct inode *target = old->dentry->inode;
    int err = begin_create(v, base, name, false, &pw, &d);

    if (err)
        return err;
    struct inode *dir = pw.dir.dentry->inode;
    if (old->mnt != pw.dir.mnt)
        err = -EXDEV;
    else if (S_ISDIR(target->mode) || (target->flags & INODE_IMMUTABLE) || !dir->ops->link)
        err = -EPERM;
    else if (!(err = protected_link(target, v->cred)))
        err = link_locked(dir, d, target);
    return end_create(&pw, d, err);
}

/* ---- removing -------------------------------------------------------------------------------------------------------- */

static int begin_delete(const struct fs_view *v, const struct path *base, const char *name, struct parent_walk *pw,
                        const int errors[LAST_ROOT + 1], struct dentry **d)
{
    int err = path_parent(v, base, name, 0, pw);

    if (err)
        return err;
    struct inode *parent = pw->dir.dentry->inode;
    err = errors[pw->type];
    if (!err)
        err = mount_may_write(pw->dir.mnt);
    if (!err) {
        mutex_lock(&parent->lock);
        err = dir_lookup(pw->dir.dentry, pw->last, pw->len, pw->hash, d);
        if (!err && !(*d)->inode) {
            dentry_put(*d);
            err = -ENOENT;
        }
        if (err)
            mutex_unlock(&parent->lock);
    }
    if (err)
        path_put(&pw->dir);
    return err;
}

/*
 * The name goes while its inode is locked: what is mounted on it, or on what it was, is decided by that lock
 * (fs/mount.c). i: what d names, counted by the caller.
 */
static int delete_locked(const struct fs_view *v, struct inode *dir, struct dentry *d, struct inode *i,
                         int (*act)(struct inode *dir, struct dentry *d))
{
    if (!act)
        return -EPERM;
    mutex_lock_nested(&i->lock);
    int err = mount_covers(v, d) ? -EBUSY : act(dir, d);
    if (!err && S_ISDIR(i->mode)) {
        i->flags |= INODE_DEAD;
        dentry_drop_children(d);
    }
    if (!err) {
        if (!S_ISDIR(i->mode))
            inotify_inode(i, IN_ATTRIB);
        mount_name_gone(d);
        dentry_unlink(d);
        inotify_name(dir, IN_DELETE, i, d);
    }
    mutex_unlock(&i->lock);
    return err;
}

/* The inode is kept until the directory is unlocked: freeing a large file takes its time. */
static int end_delete(struct parent_walk *pw, struct dentry *d, struct inode *i, int err)
{
    mutex_unlock(&pw->dir.dentry->inode->lock);
    dentry_put(d);
    inode_put(i);
    path_put(&pw->dir);
    return err;
}

int vfs_unlink(const struct fs_view *v, const struct path *base, const char *name)
{
    static const int errors[] = {0, -EISDIR, -EISDIR, -EISDIR};
    struct parent_walk pw;
    struct dentry *d;
    int err = begin_delete(v, base, name, &pw, errors, &d);

    if (err)
        return err;
    struct inode *dir = pw.dir.dentry->inode, *i = d->inode;
    inode_get(i);
    if (pw.slash)
        err = S_ISDIR(i->mode) ? -EISDIR : -ENOTDIR;
    else
        err = may_delete(dir, d, false, v);
    if (!err)
        err = delete_locked(v, dir, d, i, dir->ops->unlink);
    return end_delete(&pw, d, i, err);
}

int vfs_rmdir(const struct fs_view *v, const struct path *base, const char *name)
{
    static const int errors[] = {0, -EINVAL, -ENOTEMPTY, -EBUSY};
    struct parent_walk pw;
    struct dentry *d;
    int err = begin_delete(v, base, name, &pw, errors, &d);

    if (err)
        return err;
    struct inode *dir = pw.dir.dentry->inode, *i = d->inode;
    inode_get(i);
    err = may_delete(dir, d, true, v);
    if (!err)
        err = delete_locked(v, dir, d, i, dir->ops->rmdir);
    return end_delete(&pw, d, i, err);
}

/* ---- rename ---------------------------------------------------------------------------------------------------------- */

struct rename {
    const struct fs_view *v;
    struct parent_walk from, to;
    struct dentry *od, *nd;
    u32 flags;
};

/* Directories first (their lock class is the lower one), else by address. b may be NULL, or a. */
static void lock_inodes(struct inode *a, struct inode *b)
{
    if (b && b != a && (S_ISDIR(b->mode) != S_ISDIR(a->mode) ? S_ISDIR(b->mode) : b < a)) {
        struct inode *t = a;
        a = b;
        b = t;
    }
    mutex_lock_nested(&a->lock);
    if (b && b != a)
        mutex_lock_nested(&b->lock);
}

static void unlock_inodes(struct inode *a, struct inode *b)
{
    mutex_unlock(&a->lock);
    if (b && b != a)
        mutex_unlock(&b->lock);
}

static void lock_parents(struct rename *r)
{
    struct dentry *a = r->from.dir.dentry, *b = r->to.dir.dentry;

    if (a == b) {
        mutex_lock(&a->inode->lock);
        return;
    }
    mutex_lock(&a->sb->rename_lock);
    if (dentry_is_ancestor(b, a) || (!dentry_is_ancestor(a, b) && b->inode < a->inode)) {
        struct dentry *t = a;
        a = b;
        b = t;
    }
    mutex_lock(&a->inode->lock);
    mutex_lock_nested(&b->inode->lock);
}

static void unlock_parents(struct rename *r)
{
    struct dentry *a = r->from.dir.dentry, *b = r->to.dir.dentry;

    mutex_unlock(&a->inode->lock);
    if (a == b)
        return;
    mutex_unlock(&b->inode->lock);
    mutex_unlock(&a->sb->rename_lock);
}

static int rename_lookup(struct rename *r)
{
    int err = dir_lookup(r->from.dir.dentry, r->from.last, r->from.len, r->from.hash, &r->od);

    if (err)
        return err;
    if (!r->od->inode)
        return -ENOENT;
    return dir_lookup(r->to.dir.dentry, r->to.last, r->to.len, r->to.hash, &r->nd);
}

static int check_shape(const struct rename *r)
{
    const struct inode *from = r->od->inode, *to = r->nd->inode;
    bool exchange = r->flags & RENAME_EXCHANGE;

    if ((r->flags & RENAME_NOREPLACE) && to)
        return -EEXIST;
    if (exchange && !to)
        return -ENOENT;
    if (exchange && !S_ISDIR(to->mode) && r->to.slash)
        return -ENOTDIR;
    if (!S_ISDIR(from->mode) && (r->from.slash || (!exchange && r->to.slash)))
        return -ENOTDIR;
    if (dentry_is_ancestor(r->od, r->to.dir.dentry))
        return -EINVAL;
    if (dentry_is_ancestor(r->nd, r->from.dir.dentry))
        return exchange ? -EINVAL : -ENOTEMPTY;
    return 0;
}

static int check_rights(const struct rename *r)
{
    struct inode *from = r->od->inode, *to = r->nd->inode;
    struct inode *odir = r->from.dir.dentry->inode, *ndir = r->to.dir.dentry->inode;
    const struct fs_cred *c = r->v->cred;
    bool exchange = r->flags & RENAME_EXCHANGE;
    int err = may_delete(odir, r->od, S_ISDIR(from->mode), r->v);

    if (!err && !to)
        err = may_create(ndir, c);
    else if (!err)
        err = may_delete(ndir, r->nd, S_ISDIR(exchange ? to->mode : from->mode), r->v);
    if (!err && odir != ndir && S_ISDIR(from->mode))
        err = inode_permission(from, MAY_WRITE, c);
    if (!err && odir != ndir && exchange && S_ISDIR(to->mode))
        err = inode_permission(to, MAY_WRITE, c);
    return err;
}

static void tell_renamed(const struct rename *r, struct inode *from, struct inode *to)
{
    struct inode *odir = r->from.dir.dentry->inode, *ndir = r->to.dir.dentry->inode;
    bool exchange = r->flags & RENAME_EXCHANGE;

    inotify_tell_moved(odir, r->from.last, r->from.len, ndir, r->to.last, r->to.len, from, exchange ? NULL : to);
    if (exchange)
        inotify_tell_moved(ndir, r->to.last, r->to.len, odir, r->from.last, r->from.len, to, NULL);
}

/* Nothing can fail after the file system has done it. */
static int rename_act(struct rename *r)
{
    struct inode *from = r->od->inode, *to = r->nd->inode;
    struct inode *odir = r->from.dir.dentry->inode, *ndir = r->to.dir.dentry->inode;
    const struct dname *new_name = NULL, *old_name = NULL;
    bool exchange = r->flags & RENAME_EXCHANGE;
    int err = odir->ops->rename ? dentry_prepare_name(r->to.last, r->to.len, &new_name) : -EPERM;

    if (!err && exchange)
        err = dentry_prepare_name(r->from.last, r->from.len, &old_name);
    if (err) {
        dentry_free_name(new_name);
        return err;
    }
    lock_inodes(from, to);
    if (to && mount_covers(r->v, r->nd)) /* since check_rights */
        err = -EBUSY;
    else
        err = odir->ops->rename(odir, r->od, ndir, r->nd, r->flags, r->v->cred);
    if (!err && to && !exchange && S_ISDIR(to->mode)) {
        to->flags |= INODE_DEAD;
        dentry_drop_children(r->nd);
    }
    if (!err && to && !exchange)
        mount_name_gone(r->nd);
    if (err) {
        dentry_free_name(new_name);
        dentry_free_name(old_name);
    } else if (exchange) {
        dentry_exchange(r->od, r->nd, new_name, old_name);
    } else {
        dentry_move(r->od, r->nd, new_name);
    }
    if (!err && inotify_any())
        tell_renamed(r, from, to);
    unlock_inodes(from, to);
    return err;
}

static int rename_locked(struct rename *r)
{
    int err = rename_lookup(r);

    if (!err)
        err = check_shape(r);
    if (!err && r->od->inode == r->nd->inode)
        return 0; /* two names of one file: nothing happens, rename(2) */
    if (!err)
        err = check_rights(r);
    return err ? err : rename_act(r);
}

static int rename_parents(struct rename *r)
{
    int err;

    if (r->from.dir.mnt != r->to.dir.mnt)
        return -EXDEV;
    if (r->from.type != LAST_NAME)
        return -EBUSY;
    if (r->to.type != LAST_NAME)
        return r->flags & RENAME_NOREPLACE ? -EEXIST : -EBUSY;
    err = mount_may_write(r->from.dir.mnt);
    if (err)
        return err;
    lock_parents(r);
    err = rename_locked(r);
    unlock_parents(r);
    if (r->od)
        dentry_put(r->od);
    if (r->nd)
        dentry_put(r->nd);
    return err;
}

int vfs_rename(const struct fs_view *v, const struct path *obase, const char *old, const struct path *nbase,
               const char *new_name, u32 flags)
{
    struct rename r = {.v = v, .flags = flags};
    int err;

    if (flags & ~(RENAME_NOREPLACE | RENAME_EXCHANGE | RENAME_WHITEOUT))
        return -EINVAL;
    if ((flags & (RENAME_NOREPLACE | RENAME_WHITEOUT)) && (flags & RENAME_EXCHANGE))
        return -EINVAL;
    err = path_parent(v, obase, old, 0, &r.from);
    if (err)
        return err;
    err = path_parent(v, nbase, new_name, 0, &r.to);
    if (!err) {
        err = rename_parents(&r);
        path_put(&r.to.dir);
    }
    path_put(&r.from.dir);
    return err;
}

/* ---- readlink -------------------------------------------------------------------------------------------------------- */

static ssize_t magic_text(const struct fs_view *v, struct inode *i, char *buf, size_t size)
{
    char *text = NULL, *tmp;
    struct path to;
    int err = i->ops->follow(i, v, &to);

    if (err)
        return err;
    tmp = kmalloc(PATH_MAX, MEM_WAIT);
    err = tmp ? path_to_name(v, &to, tmp, PATH_MAX, &text) : -ENOMEM;
    path_put(&to);
    ssize_t n = err;
    if (!err) {
        n = (ssize_t)MIN(strlen(text), size);
        memcpy(buf, text, (size_t)n);
    }
    kfree(tmp);
    return n;
}

ssize_t vfs_readlink(const struct fs_view *v, const struct path *p, char *buf, size_t size)
{
    struct inode *i = p->dentry->inode;

    if (!S_ISLNK(i->mode))
        return -EINVAL;
    if (i->link) {
        size_t n = MIN(strlen(i->link), size);
        memcpy(buf, i->link, n);
        return (ssize_t)n;
    }
    if (i->ops->readlink)
        return i->ops->readlink(i, buf, size);
    return i->ops->follow ? magic_text(v, i, buf, size) : -EINVAL;
}
