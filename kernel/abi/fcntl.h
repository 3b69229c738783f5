/* SPDX-License-Identifier: MIT */
/* open(2), fcntl(2), the *at(2) family, access(2), lseek(2), splice(2). */
#ifndef ABI_FCNTL_H
#define ABI_FCNTL_H

#ifdef SLIPWAY_HOST
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#else
#include <linux/falloc.h>
#include <linux/fcntl.h>
#include <linux/fs.h>

#define F_OK 0
#define X_OK 1
#define W_OK 2
#define R_OK 4

#define UTIME_NOW 0x3fffffffl
#define UTIME_OMIT 0x3ffffffel

#define SPLICE_F_MOVE 1u
#define SPLICE_F_NONBLOCK 2u
#define SPLICE_F_MORE 4u
#define SPLICE_F_GIFT 8u

#define POSIX_FADV_NORMAL 0
#define POSIX_FADV_RANDOM 1
#define POSIX_FADV_SEQUENTIAL 2
#define POSIX_FADV_WILLNEED 3
#define POSIX_FADV_DONTNEED 4
#define POSIX_FADV_NOREUSE 5

_Static_assert(sizeof(struct flock) == 32, "struct flock");
_Static_assert(sizeof(struct f_owner_ex) == 8, "struct f_owner_ex");
#endif
_Static_assert(O_CLOEXEC == 02000000 && O_DIRECTORY == 0200000 && O_TMPFILE == 020200000, "open flags of x86_64");

#endif
