/* SPDX-License-Identifier: MIT */
/* What every way to read and write a file has in common (sys_file.c). */
#ifndef SYSCALL_RW_H
#define SYSCALL_RW_H

#include "fs/vfs.h"

/* file_write with the caller's rights and limits; raises SIGPIPE and SIGXFSZ. pos NULL: the file's own. */
long rw_write(struct file *f, struct uio *u, s64 *pos);
int rw_check_flags(int flags); /* RWF_*: -EOPNOTSUPP */
long rw_sync(struct file *f, bool data_only);

#endif
