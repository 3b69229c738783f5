/* SPDX-License-Identifier: MIT */
/* Reading newc cpio headers (magic 070701, 070702) from memory. Also built on the host. */
#ifndef FS_CPIO_H
#define FS_CPIO_H

#include "lib/types.h"

#define CPIO_HEADER 110u

struct cpio_entry {
    const char *name; /* terminated; not normalised: may start with "/" or "./" */
    u32 name_len;
    u32 ino, mode, uid, gid, nlink, mtime;
    u32 dev_major, dev_minor, rdev_major, rdev_minor;
    u64 data_off; /* from the start of the archive */
    u32 size;
};

/* The entry at *off, which moves behind it; NULs between archives are skipped. 0; 1: the end (trailers are passed over);
 * -EINVAL: no cpio here, or it is cut short. */
int cpio_next(const void *base, u64 size, u64 *off, struct cpio_entry *e);

#endif
