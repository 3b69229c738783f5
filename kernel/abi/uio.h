/* SPDX-License-Identifier: MIT */
/* readv(2) and its family. */
#ifndef ABI_UIO_H
#define ABI_UIO_H

#ifdef SLIPWAY_HOST
#include <sys/uio.h>
#else
#include <linux/fs.h> /* RWF_* */
#include <linux/uio.h>
#endif
#ifndef UIO_MAXIOV
#define UIO_MAXIOV 1024
#endif
#define ABI_MAX_RW_COUNT 0x7ffff000ul /* bytes a single read or write moves at most */
_Static_assert(sizeof(struct iovec) == 16, "iovec");

#endif
