/* SPDX-License-Identifier: MIT */
/* Rules against tricks with names in directories that others may write to: proc_sys_fs(5), protected_*. */
#ifndef FS_PROTECTED_H
#define FS_PROTECTED_H

#include "fs/vfs.h"

/* /proc/sys/fs/protected_NAME */
struct fs_protected {
    u64 hardlinks, symlinks; /* 0, 1 */
    u64 fifos, regular;      /* 0; 1: in directories that everybody may write to; 2: that a group may, too */
};
extern struct fs_protected fs_protected;

/* May a link to this inode be made? -EPERM. May sleep. */
int protected_link(struct inode *target, const struct fs_cred *c);
/* May this symlink, the last name of a path, be followed out of that directory? -EACCES. Never sleeps. */
int protected_follow(const struct inode *dir, const struct inode *link, const struct fs_cred *c);
/* May open(O_CREAT) open this inode, found in that directory? -EACCES */
int protected_create(const struct inode *dir, const struct inode *i, const struct fs_cred *c);

#endif
