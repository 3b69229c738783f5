// SPDX-License-Identifier: MIT
/* Inodes of tmpfs: made new, or from the archive; changed; forgotten. */
#include "abi/errno.h"
#include "abi/stat.h"
#include "fs/devfs.h"
#include "fs/tmpfs/tmpfs.h"
#include "lib/string.h"
#include "mem/slab.h"

#define DIRENT_SIZE 20u /* what st_size of a directory counts an entry, as Linux' tmpfs */

static SLAB_CACHE(inode_cache, "tmpfs_inode", struct tmpfs_inode);

/* ---- making ---------------------------------------------------------------------------------------------------------- */

static void set_ops(struct tmpfs_inode *ti)
{
    struct inode *i = &ti->vfs;

    switch (i->mode & S_IFMT) {
    case S_IFREG:
        i->ops = &tmpfs_file_inode_ops;
        i->fops = &tmpfs_file_ops;
        break;
    case S_IFDIR:
        i->ops = &tmpfs_dir_inode_ops;
        i->fops = &tmpfs_dir_ops;
        break;
    case S_IFLNK:
        i->ops = &tmpfs_symlink_inode_ops;
        i->fops = &socket_inode_ops;
        break;
    default:
        i->ops = &tmpfs_special_inode_ops;
        i->fops = special_inode_ops(i->mode);
    }
}

static struct tmpfs_inode *alloc_inode(struct super *sb, u32 mode)
{
    struct tmpfs_inode *ti = slab_alloc(&inode_cache, MEM_WAIT);

    if (!ti)
        return NULL;
    inode_init(&ti->vfs, sb, mode);
    ti->number = ~0u;
    ti->xattrs_own = true;
    ti->xattrs = NULL;
    ti->arch_xattrs = NULL;
    ti->arch_xattr_len = 0;
    list_init(&ti->link);
    if (S_ISDIR(mode))
        memset(&ti->dir, 0, sizeof(ti->dir));
    else if (S_ISREG(mode))
        tmpfs_data_init(ti, NULL, 0);
    set_ops(ti);
    return ti;
}

/* Each further name counts as an inode (nr_inodes=), except of what is in the archive. */
static bool counts_names(const struct inode *i)
{
    return !S_ISDIR(i->mode) && tmpfs_i(i)->number == ~0u;
}

static bool charge_inode(struct tmpfs_super *ts)
{
    if (atomic_add(&ts->inodes, 1) <= ts->max_inodes)
        return true;
    atomic_sub(&ts->inodes, 1);
    return false;
}

int tmpfs_new(struct super *sb, u32 mode, const struct inode *dir, const struct fs_cred *c, struct inode **out)
{
    struct tmpfs_super *ts = tmpfs_s(sb);

    if (!charge_inode(ts))
        return -ENOSPC;
    struct tmpfs_inode *ti = alloc_inode(sb, mode);
    if (!ti) {
        atomic_sub(&ts->inodes, 1);
        return -ENOMEM;
    }
    ti->vfs.ino = super_new_ino(sb);
    inode_init_owner(&ti->vfs, dir, c);
    if (S_ISDIR(mode))
        ti->vfs.nlink = 2;
    *out = &ti->vfs;
    return 0;
}

int tmpfs_new_symlink(struct super *sb, const char *target, u32 len, const struct inode *dir, const struct fs_cred *c,
                      struct inode **out)
{
    char *text = kmalloc(len + 1ul, MEM_WAIT);
    int err = text ? tmpfs_new(sb, S_IFLNK | 0777, dir, c, out) : -ENOMEM;

    if (err) {
        kfree(text);
        return err;
    }
    memcpy(text, target, len);
    text[len] = 0;
    (*out)->link = text;
    (*out)->size = len;
    return 0;
}

int tmpfs_new_unlinked(struct super *sb, u32 mode, const struct fs_cred *c, struct inode **out)
{
    int err = tmpfs_new(sb, mode, NULL, c, out);

    if (!err)
        (*out)->nlink = 0;
    return err;
}

/* ---- the archive's --------------------------------------------------------------------------------------------------- */

static int fill_from_archive(struct tmpfs_inode *ti, const struct archive_inode *a)
{
    struct inode *i = &ti->vfs;

    i->uid = a->uid;
    i->gid = a->gid;
    i->nlink = a->nlink ? a->nlink : 1;
    i->mtime = i->ctime = i->atime = i->btime = (struct timespec_k){a->mtime_sec, a->mtime_nsec};
    i->rdev = makedev_k(a->rdev_major, a->rdev_minor);
    i->size = a->size;
    ti->xattrs_own = !a->xattr_len;
    ti->arch_xattrs = a->xattrs;
    ti->arch_xattr_len = a->xattr_len;
    if (S_ISREG(a->mode)) {
        tmpfs_data_init(ti, a->data, a->size);
    } else if (S_ISDIR(a->mode)) {
        ti->dir.first = a->first;
        ti->dir.count = a->count;
        ti->dir.next_pos = 2ul + a->count;
    } else if (S_ISLNK(a->mode)) {
        char *text = kmalloc(a->size + 1, MEM_WAIT);
        if (!text)
            return -ENOMEM;
        memcpy(text, a->data, a->size);
        text[a->size] = 0;
        i->link = text;
    }
    return 0;
}

static struct inode **chain_of(struct tmpfs_super *ts, u32 number)
{
    return &ts->table[number & ts->table_mask];
}

static bool is_gone(const struct tmpfs_super *ts, u32 number)
{
    return ts->gone && (ts->gone[number / 64] >> (number % 64) & 1);
}

static struct inode *find_locked(struct tmpfs_super *ts, u32 number)
{
    struct inode *i = *chain_of(ts, number);

    while (i && !(tmpfs_i(i)->number == number && ref_get_unless_zero(&i->refs)))
        i = i->hash_next;
    return i;
}

static void release_inode(struct inode *i)
{
    kfree(i->link);
    slab_free(&inode_cache, tmpfs_i(i));
}

static int make_from_archive(struct super *sb, u32 number, struct tmpfs_inode **out)
{
    struct archive_inode a;
    int err = archive_get_inode(&tmpfs_s(sb)->archive, number, &a);

    if (err)
        return err;
    struct tmpfs_inode *ti = alloc_inode(sb, a.mode);
    if (!ti)
        return -ENOMEM;
    ti->number = number;
    ti->vfs.ino = number + 1ul;
    err = fill_from_archive(ti, &a);
    if (err)
        release_inode(&ti->vfs);
    else
        *out = ti;
    return err;
}

int tmpfs_iget(struct super *sb, u32 number, struct inode **out)
{
    struct tmpfs_super *ts = tmpfs_s(sb);
    struct tmpfs_inode *fresh;

    spin_lock(&sb->inode_lock);
    struct inode *i = find_locked(ts, number);
    bool gone = is_gone(ts, number);
    spin_unlock(&sb->inode_lock);
    *out = i;
    if (i || gone)
        return i ? 0 : -EIO;
    int err = make_from_archive(sb, number, &fresh);
    if (err)
        return err;
    spin_lock(&sb->inode_lock);
    i = find_locked(ts, number); /* somebody else was faster */
    if (!i) {
        fresh->vfs.hash_next = *chain_of(ts, number);
        *chain_of(ts, number) = &fresh->vfs;
    }
    spin_unlock(&sb->inode_lock);
    if (i)
        release_inode(&fresh->vfs);
    else
        i = &fresh->vfs;
    *out = i;
    return 0;
}

static void unhash(struct inode *i)
{
    struct tmpfs_super *ts = tmpfs_s(i->sb);
    struct inode **p = chain_of(ts, tmpfs_i(i)->number);

    spin_lock(&i->sb->inode_lock);
    while (*p != i)
        p = &(*p)->hash_next;
    *p = i->hash_next;
    spin_unlock(&i->sb->inode_lock);
}

void tmpfs_dirty(struct inode *i)
{
    if (tmpfs_i(i)->number == ~0u || (i->flags & TMPFS_PINNED) || !i->nlink)
        return;
    i->flags |= TMPFS_PINNED;
    inode_get(i);
}

/* The bitmap of numbers that must not come back; without memory for it the number stays possible, and reads of frames
 * that were given back fail by themselves (tmpfs.h, 2). */
static void note_gone(struct inode *i)
{
    struct tmpfs_super *ts = tmpfs_s(i->sb);
    u32 n = tmpfs_i(i)->number;

    if (!READ_ONCE(ts->gone)) {
        u64 *bits = kzalloc((ts->archive.inode_count + 63ul) / 64 * 8, MEM_WAIT);
        spin_lock(&i->sb->inode_lock);
        if (!ts->gone) {
            ts->gone = bits;
            bits = NULL;
        }
        spin_unlock(&i->sb->inode_lock);
        kfree(bits);
    }
    spin_lock(&i->sb->inode_lock);
    if (ts->gone)
        ts->gone[n / 64] |= 1ul << (n % 64);
    spin_unlock(&i->sb->inode_lock);
}

void tmpfs_link_gone(struct inode *i)
{
    if (i->nlink && counts_names(i))
        atomic_sub(&tmpfs_s(i->sb)->inodes, 1);
    if (i->nlink || tmpfs_i(i)->number == ~0u)
        return;
    note_gone(i);
    if (i->flags & TMPFS_PINNED) {
        i->flags &= ~TMPFS_PINNED;
        inode_put(i); /* the caller has one */
    }
}

/* ---- forgetting ------------------------------------------------------------------------------------------------------ */

static void leave_lists(struct tmpfs_inode *ti)
{
    struct tmpfs_super *ts = tmpfs_s(ti->vfs.sb);

    spin_lock(&ts->lock);
    list_del_init(&ti->link);
    spin_unlock(&ts->lock);
}

static void evict(struct inode *i)
{
    struct tmpfs_inode *ti = tmpfs_i(i);
    bool of_archive = ti->number != ~0u;

    leave_lists(ti);
    if (of_archive)
        unhash(i);
    if (S_ISREG(i->mode))
        data_evict(ti, !i->nlink || !of_archive);
    else if (S_ISDIR(i->mode))
        tmpfs_dir_free(ti);
    if (ti->xattrs)
        tmpfs_free_xattrs(ti);
    if (!of_archive)
        atomic_sub(&tmpfs_s(i->sb)->inodes, 1);
}

/* ---- attributes ------------------------------------------------------------------------------------------------------ */

static int set_attr(struct inode *i, const struct inode_attr *a)
{
    if (a->valid & ATTR_SIZE) {
        int err = tmpfs_set_size(i, a->size);
        if (err)
            return err;
    }
    tmpfs_dirty(i);
    inode_apply_attr(i, a);
    return 0;
}

static int get_attr(struct inode *i, struct kstat *st)
{
    struct tmpfs_inode *ti = tmpfs_i(i);

    if (S_ISREG(i->mode))
        st->blocks = data_blocks(ti);
    else if (S_ISDIR(i->mode))
        st->size = (2ul + ti->dir.count - ti->dir.shadows + ti->dir.live) * DIRENT_SIZE;
    return 0;
}

/* ---- directory operations -------------------------------------------------------------------------------------------- */

static int dir_lookup_op(struct inode *dir, struct dentry *d)
{
    struct inode *i;
    int err = tmpfs_dir_get(dir, d->name->s, d->name->len, &i);

    if (!err)
        dentry_instantiate(d, i);
    return err == -ENOENT ? 0 : err;
}

/* Consumes the reference to i. */
static int add_new(struct inode *dir, struct dentry *d, struct inode *i)
{
    tmpfs_dirty(dir);
    int err = tmpfs_dir_add(dir, d->name->s, d->name->len, i);

    if (err) {
        inode_put(i);
        return err;
    }
    if (S_ISDIR(i->mode))
        dir->nlink++;
    dir->mtime = dir->ctime = i->ctime;
    dentry_instantiate(d, i);
    return 0;
}

static int make_node(struct inode *dir, struct dentry *d, u32 mode, u64 rdev, const struct fs_cred *c)
{
    struct inode *i;
    int err = tmpfs_new(dir->sb, mode, dir, c, &i);

    if (err)
        return err;
    i->rdev = rdev;
    return add_new(dir, d, i);
}

static int create_op(struct inode *dir, struct dentry *d, u32 mode, const struct fs_cred *c)
{
    return make_node(dir, d, S_IFREG | mode, 0, c);
}

static int mkdir_op(struct inode *dir, struct dentry *d, u32 mode, const struct fs_cred *c)
{
    return make_node(dir, d, S_IFDIR | mode, 0, c);
}

static int mknod_op(struct inode *dir, struct dentry *d, u32 mode, u64 rdev, const struct fs_cred *c)
{
    return make_node(dir, d, mode, S_ISCHR(mode) || S_ISBLK(mode) ? rdev : 0, c);
}

static int symlink_op(struct inode *dir, struct dentry *d, const char *target, const struct fs_cred *c)
{
    struct inode *i;
    int err = tmpfs_new_symlink(dir->sb, target, (u32)strlen(target), dir, c, &i);

    return err ? err : add_new(dir, d, i);
}

static int link_op(struct inode *dir, struct dentry *d, struct inode *target)
{
    struct tmpfs_super *ts = tmpfs_s(dir->sb);
    bool counts = target->nlink && counts_names(target);

    if (counts && !charge_inode(ts))
        return -ENOSPC;
    inode_get(target);
    tmpfs_dirty(target);
    target->nlink++;
    inode_touch(target, ATTR_CTIME);
    int err = add_new(dir, d, target);
    if (!err)
        return 0;
    target->nlink--;
    if (counts)
        atomic_sub(&ts->inodes, 1);
    return err;
}

static int unlink_op(struct inode *dir, struct dentry *d)
{
    struct inode *i = d->inode;

    tmpfs_dirty(dir);
    tmpfs_dirty(i);
    int err = tmpfs_dir_remove(dir, d->name->s, d->name->len);
    if (err)
        return err;
    inode_touch(i, ATTR_CTIME);
    dir->mtime = dir->ctime = i->ctime;
    i->nlink--;
    tmpfs_link_gone(i);
    return 0;
}

static int rmdir_op(struct inode *dir, struct dentry *d)
{
    struct inode *i = d->inode;

    if (!tmpfs_dir_is_empty(i))
        return -ENOTEMPTY;
    u32 nlink = i->nlink;
    i->nlink = 1;
    int err = unlink_op(dir, d);
    if (err) {
        i->nlink = nlink;
        return err;
    }
    dir->nlink--;
    return 0;
}

static int tmpfile_op(struct inode *dir, u32 mode, const struct fs_cred *c, struct inode **out)
{
    int err = tmpfs_new(dir->sb, mode, dir, c, out);

    if (!err)
        (*out)->nlink = 0;
    return err;
}

#define COMMON_OPS                                                                                    \
    .setattr = set_attr, .getattr = get_attr, .getxattr = tmpfs_getxattr, .setxattr = tmpfs_setxattr, \
    .listxattr = tmpfs_listxattr, .evict = evict, .release = release_inode

const struct inode_ops tmpfs_file_inode_ops = {COMMON_OPS};
const struct inode_ops tmpfs_symlink_inode_ops = {COMMON_OPS};
const struct inode_ops tmpfs_special_inode_ops = {COMMON_OPS};
const struct inode_ops tmpfs_dir_inode_ops = {
    COMMON_OPS,        .lookup = dir_lookup_op, .create = create_op,   .mkdir = mkdir_op,
    .mknod = mknod_op, .symlink = symlink_op,   .link = link_op,       .unlink = unlink_op,
    .rmdir = rmdir_op, .rename = tmpfs_rename,  .tmpfile = tmpfile_op,
};
