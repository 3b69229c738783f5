/* SPDX-License-Identifier: MIT */
/* memfd_create(2): files of an unnamed tmpfs, and seals. */
#ifndef FS_MEMFD_H
#define FS_MEMFD_H

#include "fs/vfs.h"

/* flags: MFD_*. -EINVAL. */
int memfd_open(const char *name, u32 flags, const struct fs_cred *c, struct file **out);
/* A segment of System V's shared memory: the same kind of file, without seals. */
int memfd_open_segment(const char *name, const struct fs_cred *c, struct file **out);
/* F_GET_SEALS: F_SEAL_* or -EINVAL (not a file of tmpfs). */
int memfd_get_seals(struct file *f);
/* F_ADD_SEALS: -EPERM (sealed, or not writable), -EBUSY (mapped writable), -EINVAL. */
int memfd_add_seals(struct file *f, u32 seals);

#endif
