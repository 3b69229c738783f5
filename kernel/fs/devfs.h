/* SPDX-License-Identifier: MIT */
/* Device nodes, wherever they lie, and devtmpfs. */
#ifndef FS_DEVFS_H
#define FS_DEVFS_H

#include "fs/dcache.h"

/* Operations of files opened on device, FIFO and socket inodes, for file systems that hold them. */
const struct file_ops *special_inode_ops(u32 mode);
extern const struct file_ops socket_inode_ops; /* fs/open.c: -ENXIO */
int devtmpfs_make(const char *options, struct super **out);
void devfs_populate(const struct path *dev); /* boot: nodes, folders and links that every container has */

#endif
