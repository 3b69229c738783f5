/* SPDX-License-Identifier: MIT */
/* The file systems there are: fs/init.c fills the table. */
#ifndef FS_TYPES_H
#define FS_TYPES_H

#include "lib/types.h"

struct super;

struct fs_type {
    const char *name; /* of mount(2) and /proc/filesystems; NULL ends the table */
    bool nodev;
    int (*make)(const char *options, struct super **out); /* a reference to a super with its root; mount(2)'s errors */
};
extern const struct fs_type fs_types[];
/* Of "mqueue", which proc/mqueue_fs.c fills in. */
extern int (*mqueue_fs_make)(const char *options, struct super **out);
/* Of "devpts", which tty/devpts.c fills in. */
extern int (*devpts_fs_make)(const char *options, struct super **out);

#endif
