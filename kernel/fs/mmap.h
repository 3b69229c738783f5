/* SPDX-License-Identifier: MIT */
/* Mapping the pages of an inode. */
#ifndef FS_MMAP_H
#define FS_MMAP_H

#include "fs/vfs.h"
#include "vm/mm.h"

extern const struct vm_area_ops file_area_ops;            /* counts area->file, describes it by its path */
int mmap_inode(struct file *f, struct vm_map_args *args); /* inode.mapping; -ENODEV without */

#endif
