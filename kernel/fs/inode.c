// SPDX-License-Identifier: MIT
/* What all inodes have in common: life, time stamps, owner, stat(2). */
#include "abi/fcntl.h"
#include "abi/stat.h"
#include "fs/locks.h"
#include "fs/mount.h"
#include "fs/pipe.h"

#include <linux/capability.h>
#include <linux/mount.h>

#define NSEC 1000000000ul

static u64 recent_sec; /* of the last time_now(): enough for relatime's day */

struct timespec_k time_now(void)
{
    u64 ns = clock_realtime(), sec = ns / NSEC;

    WRITE_ONCE(recent_sec, sec);
    return (struct timespec_k){(s64)sec, (u32)(ns - sec * NSEC)};
}

void inode_init(struct inode *i, struct super *sb, u32 mode)
{
    __builtin_memset(i, 0, sizeof(*i));
    ref_init(&i->refs);
    i->mode = mode;
    i->nlink = 1;
    i->sb = sb;
    mutex_init(&i->lock, S_ISDIR(mode) ? LOCK_INODE_DIR : LOCK_INODE);
    i->atime = i->mtime = i->ctime = i->btime = time_now();
}

static void inode_free_rcu(struct rcu_head *h)
{
    struct inode *i = container_of(h, struct inode, rcu);

    i->ops->release(i);
}

void inode_put(struct inode *i)
{
    if (!ref_put(&i->refs))
        return;
    if (i->locks)
        locks_free(i);
    if (i->ops->evict)
        i->ops->evict(i);
    rcu_call(&i->rcu, inode_free_rcu);
}

void inode_touch(struct inode *i, u32 which)
{
    struct timespec_k now = time_now();

    if (which & ATTR_ATIME)
        i->atime = now;
    if (which & ATTR_MTIME)
        i->mtime = now;
    if (which & ATTR_CTIME)
        i->ctime = now;
}

static bool not_later(const struct timespec_k *a, const struct timespec_k *b)
{
    return a->sec < b->sec || (a->sec == b->sec && a->nsec <= b->nsec);
}

/* relatime: mount(8). Written without the lock: a lost update of the access time is nobody's loss. */
void file_accessed(struct file *f)
{
    struct inode *i = f->inode;

    if (likely(!(f->path.mnt->flags & MS_STRICTATIME) && !not_later(&i->atime, &i->mtime) &&
               !not_later(&i->atime, &i->ctime) && i->atime.sec + 86400 > (s64)READ_ONCE(recent_sec)))
        return;
    if ((f->flags & O_NOATIME) || (f->path.mnt->flags & (MS_NOATIME | MS_RDONLY)))
        return;
    if (S_ISDIR(i->mode) && (f->path.mnt->flags & MS_NODIRATIME))
        return;
    i->atime = time_now();
}

void inode_init_owner(struct inode *i, const struct inode *dir, const struct fs_cred *c)
{
    i->uid = c->fsuid;
    i->gid = c->fsgid;
    if (dir && (dir->mode & S_ISGID)) {
        i->gid = dir->gid;
        if (S_ISDIR(i->mode))
            i->mode |= S_ISGID;
        else if ((i->mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP) && !cred_in_group(c, i->gid) &&
                 !fs_capable(c, CAP_FSETID))
            i->mode &= ~(u32)S_ISGID;
    }
}

void inode_apply_attr(struct inode *i, const struct inode_attr *a)
{
    if (a->valid & ATTR_MODE)
        i->mode = (i->mode & S_IFMT) | (a->mode & 07777);
    if (a->valid & ATTR_UID)
        i->uid = a->uid;
    if (a->valid & ATTR_GID)
        i->gid = a->gid;
    if (a->valid & ATTR_ATIME)
        i->atime = a->atime;
    if (a->valid & ATTR_MTIME)
        i->mtime = a->mtime;
    if (a->valid & ATTR_CTIME)
        i->ctime = a->ctime;
}

static int stat_inode(struct inode *i, struct mount *m, struct kstat *st)
{
    st->dev = i->sb->dev;
    st->ino = i->ino;
    st->rdev = i->rdev;
    st->mode = i->mode;
    st->nlink = i->nlink;
    st->uid = i->uid;
    st->gid = i->gid;
    st->size = READ_ONCE(i->size);
    st->blocks = i->blocks;
    st->blksize = PAGE_SIZE;
    st->attributes = 0;
    st->mnt_id = m ? (u64)m->id : 0;
    st->atime = i->atime;
    st->mtime = i->mtime;
    st->ctime = i->ctime;
    st->btime = i->btime;
    if (i->flags & INODE_IMMUTABLE)
        st->attributes |= STATX_ATTR_IMMUTABLE;
    return i->ops->getattr ? i->ops->getattr(i, st) : 0;
}

int inode_stat(const struct path *p, struct kstat *st)
{
    int err = stat_inode(p->dentry->inode, p->mnt, st);

    if (!err && p->dentry == p->mnt->root)
        st->attributes |= STATX_ATTR_MOUNT_ROOT;
    return err;
}

int inode_stat_file(struct file *f, struct kstat *st)
{
    return inode_stat(&f->path, st);
}
