/* SPDX-License-Identifier: MIT */
/* What fs/file.c and fs/open.c share. */
#ifndef FS_FILE_H
#define FS_FILE_H

#include "fs/vfs.h"

struct file *file_alloc(void);  /* refs 1, all else zero; NULL: no memory, or file_max are there (ENFILE both) */
void file_free(struct file *f); /* refs 0, nothing attached any more */
u64 file_count(void);
extern u64 file_max; /* /proc/sys/fs/file-max: proc/ sets it, and who may exceed it */
extern bool (*file_max_exempt)(void);
/* step 1: a writer, -1: an execution. -ETXTBSY. */
int inode_claim(struct inode *i, s32 step);
void file_end_claim(struct file *f); /* by FMODE_WRITER or FMODE_EXEC */

#endif
