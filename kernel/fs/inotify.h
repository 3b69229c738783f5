/* SPDX-License-Identifier: MIT */
/*
 * inotify(7): the places of fs/ where something happens say so here. Nobody who is not watched pays: while there is no
 * watch at all each of these is one test of a word that is never written; else it is one look at the inode, and at its
 * directory's.
 */
#ifndef FS_INOTIFY_H
#define FS_INOTIFY_H

#include "fs/dcache.h"

#include <linux/inotify.h>

extern u32 inotify_watches; /* of all instances (atomic) */
static inline bool inotify_any(void)
{
    return unlikely(READ_ONCE(inotify_watches) != 0);
}

/* ---- what happens; never in an RCU read section, nor under a spinlock of number LOCK_INOTIFY or above ---- */
void inotify_tell_dentry(struct dentry *d, u32 mask); /* of what d names: its directory is told by name, and itself */
void inotify_tell_inode(struct inode *i, u32 mask);   /* itself alone */
void inotify_tell_name(struct inode *dir, u32 mask, const struct inode *what, const char *name, u32 len, u32 cookie);
void inotify_tell_moved(struct inode *from, const char *name, u32 len, struct inode *to, const char *new_name,
                        u32 new_len, struct inode *what, struct inode *replaced); /* replaced: or NULL */
void inotify_tell_unnamed(struct inode *i); /* a name of it goes out of use: the end of it, when it has no other */
void inotify_tell_unmounted(struct super *sb);

static inline void inotify_dentry(struct dentry *d, u32 mask)
{
    if (inotify_any())
        inotify_tell_dentry(d, mask);
}
static inline void inotify_file(const struct file *f, u32 mask)
{
    inotify_dentry(f->path.dentry, mask);
}
static inline void inotify_inode(struct inode *i, u32 mask)
{
    if (inotify_any())
        inotify_tell_inode(i, mask);
}
static inline void inotify_name(struct inode *dir, u32 mask, const struct inode *what, const struct dentry *d)
{
    if (inotify_any())
        inotify_tell_name(dir, mask, what, d->name->s, d->name->len, 0);
}
static inline void inotify_unnamed(struct inode *i)
{
    if (unlikely(READ_ONCE(i->watches) != NULL))
        inotify_tell_unnamed(i);
}

/* ---- instances; flags: IN_NONBLOCK ---- */
int inotify_create(u32 flags, struct file **out);
bool file_is_inotify(const struct file *f);
int inotify_add(struct file *f, struct inode *i, u32 mask); /* the watch's number; -EEXIST, -ENOSPC, -ENOMEM */
int inotify_remove(struct file *f, s32 wd);                 /* -EINVAL */
extern u64 inotify_max_events, inotify_max_instances, inotify_max_watches; /* /proc/sys/fs/inotify */

#endif
