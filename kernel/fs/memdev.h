/* SPDX-License-Identifier: MIT */
/* /dev/null, zero, full, random, urandom: major 1. */
#ifndef FS_MEMDEV_H
#define FS_MEMDEV_H

#include "fs/vfs.h"

struct memdev {
    const char *name; /* NULL ends the table */
    u32 minor;
    const struct file_ops *ops;
};
extern const struct memdev memdevs[];

#endif
