// SPDX-License-Identifier: MIT
/* Changes of attributes, with the permission rules of chmod(2), chown(2), utimensat(2), truncate(2) and access(2). */
#include "abi/errno.h"
#include "abi/fcntl.h"
#include "abi/stat.h"
#include "fs/file.h"
#include "fs/inotify.h"
#include "fs/mount.h"

#include <linux/capability.h>
#include <linux/mount.h>

/* Lock held. ctime is always part of it. */
static int set_attr(struct inode *i, struct inode_attr *a)
{
    if (i->flags & INODE_IMMUTABLE)
        return -EPERM;
    if (!(a->valid & ATTR_CTIME)) {
        a->valid |= ATTR_CTIME;
        a->ctime = time_now();
    }
    if (i->ops->setattr)
        return i->ops->setattr(i, a);
    if (a->valid & ATTR_SIZE)
        return -EINVAL;
    inode_apply_attr(i, a);
    return 0;
}

/* File capabilities go with the first write after they were set. */
static void kill_caps(struct inode *i)
{
    if (i->flags & INODE_NO_CAPS)
        return;
    i->flags |= INODE_NO_CAPS;
    if (S_ISREG(i->mode) && i->ops->setxattr)
        (void)i->ops->setxattr(i, "security.capability", NULL, 0, 0);
}

bool inode_kill_suid(struct inode *i, const struct fs_cred *c)
{
    u32 kill = 0;

    kill_caps(i);

    if (likely(!(i->mode & (S_ISUID | S_ISGID))) || !S_ISREG(i->mode))
        return false;
    if (c && fs_capable(c, CAP_FSETID))
        return false;
    if (i->mode & S_ISUID)
        kill |= S_ISUID;
    if ((i->mode & S_ISGID) && ((i->mode & S_IXGRP) || (c && !cred_in_group(c, i->gid))))
        kill |= S_ISGID;
    if (!kill)
        return false;
    struct inode_attr a = {.valid = ATTR_MODE, .mode = i->mode & ~kill};
    return !set_attr(i, &a);
}

int path_chmod(const struct fs_view *v, const struct path *p, u32 mode)
{
    struct inode *i = p->dentry->inode;
    struct inode_attr a = {.valid = ATTR_MODE, .mode = mode & 07777};
    int err = mount_may_write(p->mnt);

    if (err)
        return err;
    if (S_ISLNK(i->mode))
        return -EOPNOTSUPP;
    mutex_lock(&i->lock);
    if (!inode_owner_or_capable(i, v->cred)) {
        err = -EPERM;
    } else {
        if (!cred_in_group(v->cred, i->gid) && !fs_capable(v->cred, CAP_FSETID))
            a.mode &= ~(u32)S_ISGID;
        err = set_attr(i, &a);
    }
    mutex_unlock(&i->lock);
    if (!err)
        inotify_dentry(p->dentry, IN_ATTRIB);
    return err;
}

static bool may_chown(const struct inode *i, u32 uid, u32 gid, const struct fs_cred *c)
{
    if (fs_capable(c, CAP_CHOWN))
        return true;
    if (uid != ~0u && (c->fsuid != i->uid || uid != i->uid))
        return false;
    return gid == ~0u || (c->fsuid == i->uid && (gid == i->gid || cred_in_group(c, gid)));
}

int path_chown(const struct fs_view *v, const struct path *p, u32 uid, u32 gid)
{
    struct inode *i = p->dentry->inode;
    struct inode_attr a = {.uid = uid, .gid = gid};
    int err = mount_may_write(p->mnt);

    if (err)
        return err;
    mutex_lock(&i->lock);
    if (!may_chown(i, uid, gid, v->cred)) {
        err = -EPERM;
    } else {
        a.valid |= uid != ~0u ? ATTR_UID : 0;
        a.valid |= gid != ~0u ? ATTR_GID : 0;
        if (!S_ISDIR(i->mode)) { /* by whomever: chown(2) */
            a.mode = i->mode & ~(u32)S_ISUID;
            if (i->mode & S_IXGRP || (!cred_in_group(v->cred, i->gid) && !fs_capable(v->cred, CAP_FSETID)))
                a.mode &= ~(u32)S_ISGID;
            if (a.mode != i->mode)
                a.valid |= ATTR_MODE;
        }
        /* chown(path, -1, -1) is open to all, but who may not change the mode may not strip it that way either */
        bool strips = a.valid & ATTR_MODE && !(a.valid & (ATTR_UID | ATTR_GID));
        err = strips && !inode_owner_or_capable(i, v->cred) ? -EPERM : set_attr(i, &a);
        if (!err && (a.valid & (ATTR_UID | ATTR_GID)) && !S_ISDIR(i->mode) && i->ops->setxattr)
            i->ops->setxattr(i, "security.capability", NULL, 0, 0);
    }
    mutex_unlock(&i->lock);
    if (!err && (a.valid & (ATTR_UID | ATTR_GID | ATTR_MODE)))
        inotify_dentry(p->dentry, IN_ATTRIB);
    return err;
}

static int may_set_times(struct inode *i, bool both_now, const struct fs_cred *c)
{
    if (inode_owner_or_capable(i, c))
        return 0;
    if (!both_now)
        return -EPERM;
    return inode_permission(i, MAY_WRITE, c);
}

/* One of the two times alone is what a read or a write would set. */
static u32 times_event(u32 valid)
{
    switch (valid & (ATTR_ATIME | ATTR_MTIME)) {
    case ATTR_ATIME:
        return IN_ACCESS;
    case ATTR_MTIME:
        return IN_MODIFY;
    default:
        return IN_ATTRIB;
    }
}

int path_utimes(const struct fs_view *v, const struct path *p, const struct timespec_k times[2])
{
    struct inode *i = p->dentry->inode;
    struct timespec_k now = time_now();
    struct inode_attr a = {.valid = ATTR_ATIME | ATTR_MTIME | ATTR_CTIME, .atime = now, .mtime = now, .ctime = now};
    bool both_now = !times || (times[0].nsec == UTIME_NOW && times[1].nsec == UTIME_NOW);

    if (times && times[0].nsec == UTIME_OMIT && times[1].nsec == UTIME_OMIT)
        return 0;
    if (times && times[0].nsec == UTIME_OMIT)
        a.valid &= ~ATTR_ATIME;
    else if (times && times[0].nsec != UTIME_NOW)
        a.atime = times[0];
    if (times && times[1].nsec == UTIME_OMIT)
        a.valid &= ~ATTR_MTIME;
    else if (times && times[1].nsec != UTIME_NOW)
        a.mtime = times[1];
    int err = mount_may_write(p->mnt);
    if (err)
        return err;
    mutex_lock(&i->lock);
    err = may_set_times(i, both_now, v->cred);
    if (!err)
        err = set_attr(i, &a);
    mutex_unlock(&i->lock);
    if (!err)
        inotify_dentry(p->dentry, times_event(a.valid));
    return err;
}

static int set_size(struct dentry *d, s64 size, const struct fs_view *v)
{
    struct inode *i = d->inode;
    struct inode_attr a = {.valid = ATTR_SIZE | ATTR_MTIME | ATTR_CTIME, .size = (u64)size};

    if (size < 0)
        return -EINVAL;
    if ((u64)size > i->sb->max_size || ((u64)size > v->fsize_limit && (u64)size > READ_ONCE(i->size)))
        return -EFBIG;
    mutex_lock(&i->lock);
    a.mtime = a.ctime = time_now();
    inode_kill_suid(i, v->cred);
    int err = set_attr(i, &a);
    mutex_unlock(&i->lock);
    if (!err)
        inotify_dentry(d, IN_MODIFY);
    return err;
}

int path_truncate(const struct fs_view *v, const struct path *p, s64 size)
{
    struct inode *i = p->dentry->inode;

    if (size < 0)
        return -EINVAL;
    if (S_ISDIR(i->mode))
        return -EISDIR;
    if (!S_ISREG(i->mode))
        return -EINVAL;
    int err = mount_may_write(p->mnt);
    if (!err)
        err = inode_permission(i, MAY_WRITE, v->cred);
    if (!err)
        err = inode_claim(i, 1);
    if (err)
        return err;
    err = set_size(p->dentry, size, v);
    __atomic_sub_fetch(&i->write_count, 1, __ATOMIC_SEQ_CST);
    return err;
}

int file_truncate(const struct fs_view *v, struct file *f, s64 size)
{
    if (size < 0)
        return -EINVAL;
    if (f->fmode & FMODE_PATH)
        return -EBADF;
    if (!S_ISREG(f->inode->mode) || !(f->fmode & FMODE_WRITE))
        return -EINVAL;
    return set_size(f->path.dentry, size, v);
}

int path_access(const struct fs_view *v, const struct path *p, int mask)
{
    struct inode *i = p->dentry->inode;
    int err = 0;

    if ((mask & MAY_WRITE) && !S_ISCHR(i->mode) && !S_ISBLK(i->mode) && !S_ISFIFO(i->mode) && !S_ISSOCK(i->mode))
        err = mount_may_write(p->mnt);
    if (!err && (mask & MAY_EXEC) && S_ISREG(i->mode) && (p->mnt->flags & MS_NOEXEC))
        err = -EACCES;
    if (!err && mask)
        err = inode_permission(i, mask, v->cred);
    return err;
}
