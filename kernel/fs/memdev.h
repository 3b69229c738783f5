/* SPDX-License-Identifier: MIT */
/* /dev/null, zero, full, random, urandom, kmsg: major 1. */
#ifndef FS_MEMDEV_H
#define FS_MEMDEV_H

#include "fs/vfs.h"

struct memdev {
    const char *name; /* NULL ends the table */
    u32 minor;
    u32 mode;
    const struct file_ops *ops;
};
extern const struct memdev memdevs[];
extern const struct file_ops kmsg_ops; /* kmsg.c */

#endif
