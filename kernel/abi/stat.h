/* SPDX-License-Identifier: MIT */
/* stat(2), statx(2), statfs(2), file modes. */
#ifndef ABI_STAT_H
#define ABI_STAT_H

#ifdef SLIPWAY_HOST
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#else
#include <asm/stat.h>
#include <asm/statfs.h>
#include <linux/magic.h>
#include <linux/stat.h>

#define S_ISUIDGID (S_ISUID | S_ISGID)
#define S_IRWXUGO (S_IRWXU | S_IRWXG | S_IRWXO)
#define S_IALLUGO (S_ISUID | S_ISGID | S_ISVTX | S_IRWXUGO)

_Static_assert(sizeof(struct statfs) == 120, "struct statfs");
#endif
#include <stddef.h>

/* f_flags of statfs(2) */
#define ABI_ST_RDONLY 1
#define ABI_ST_NOSUID 2
#define ABI_ST_NODEV 4
#define ABI_ST_NOEXEC 8
#define ABI_ST_VALID 0x20
#define ABI_ST_NOATIME 0x400
#define ABI_ST_NODIRATIME 0x800
#define ABI_ST_NOSYMFOLLOW 0x2000
#define ABI_ST_SYNCHRONOUS 0x10
#define ABI_ST_RELATIME 0x1000

_Static_assert(sizeof(struct stat) == 144, "struct stat");
_Static_assert(offsetof(struct stat, st_mode) == 24 && offsetof(struct stat, st_size) == 48, "struct stat");
_Static_assert(sizeof(struct statx) == 256, "struct statx");

#endif
