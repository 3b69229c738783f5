/* SPDX-License-Identifier: MIT */
/*
 * What changes directories, by kernel strings; all of Linux' checks and errors. And the walk itself, for fs/open.c.
 */
#ifndef FS_NAMEI_H
#define FS_NAMEI_H

#include "fs/dcache.h"
#include "fs/mount.h"

#define WALK_MAX_LINKS 40

/* The walk to a parent directory: its references, and the last component inside the caller's string. */
enum last_type { LAST_NAME, LAST_DOT, LAST_DOTDOT, LAST_ROOT };
struct parent_walk {
    struct path dir;
    const char *last;
    u32 len, hash;
    enum last_type type;
    bool slash; /* the name ended in '/' */
};
/* What mounts the standard mounts, until that is done; then NULL. */
extern void (*path_mounts_pending)(void);

int path_parent(const struct fs_view *v, const struct path *base, const char *name, u32 flags, struct parent_walk *out);

/* Under dir's inode.lock: the entry, positive or negative, with a reference. */
int dir_lookup(struct dentry *dir, const char *s, u32 len, u32 hash, struct dentry **out);
/* Mounts on top of *p are entered; references move along. */
void path_follow_mounts(struct path *p);
/* The text of a symlink into a fresh string (kfree). */
int link_text(struct inode *i, char **out);
int may_create(struct inode *dir, const struct fs_cred *c);

int vfs_mkdir(const struct fs_view *v, const struct path *base, const char *name, u32 mode);
int vfs_mknod(const struct fs_view *v, const struct path *base, const char *name, u32 mode, u64 rdev);
int vfs_symlink(const struct fs_view *v, const char *target, const struct path *base, const char *name);
int vfs_link(const struct fs_view *v, const struct path *old, const struct path *base, const char *name);
int vfs_unlink(const struct fs_view *v, const struct path *base, const char *name);
int vfs_rmdir(const struct fs_view *v, const struct path *base, const char *name);
int vfs_rename(const struct fs_view *v, const struct path *obase, const char *old, const struct path *nbase,
               const char *new_name, u32 flags);
ssize_t vfs_readlink(const struct fs_view *v, const struct path *p, char *buf, size_t size);

#endif
