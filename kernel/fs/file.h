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
/* What one user has of things that are limited by the user. proc/user.c keeps it, and says whose the caller's are. */
struct user_files {
    u64 epoll_watches; /* of all epolls the user made */
    u64 pipe_pages;    /* that the user's pipes may take */
    u64 inotify_instances, inotify_watches;
};
extern struct user_files *(*user_files_get)(void); /* the caller's, with a reference; not set: nobody counts */
extern void (*user_files_put)(struct user_files *u);
extern bool (*user_files_capable)(u32 cap); /* the caller */
/* step 1: a writer, -1: an execution. -ETXTBSY. */
int inode_claim(struct inode *i, s32 step);
/* A writer, whose inode is claimed, is one of its mount as well; undoes the claim if that may not be written. */
int file_count_writer(struct file *f);
extern void (*file_owner_drop)(struct file *f); /* of one with an owner, before its release */
void file_end_claim(struct file *f);            /* by FMODE_WRITER or FMODE_EXEC */

#endif
