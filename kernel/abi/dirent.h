/* SPDX-License-Identifier: MIT */
/* getdents64(2). */
#ifndef ABI_DIRENT_H
#define ABI_DIRENT_H

#include <stddef.h>
#include <stdint.h>
#ifdef SLIPWAY_HOST
#include <dirent.h>
#else
#define DT_UNKNOWN 0
#define DT_FIFO 1
#define DT_CHR 2
#define DT_DIR 4
#define DT_BLK 6
#define DT_REG 8
#define DT_LNK 10
#define DT_SOCK 12
#define DT_WHT 14
#endif

struct linux_dirent64 {
    uint64_t d_ino;
    int64_t d_off;
    unsigned short d_reclen;
    unsigned char d_type;
    char d_name[];
};
struct linux_dirent { /* getdents(2); d_type is the record's last byte */
    unsigned long d_ino, d_off;
    unsigned short d_reclen;
    char d_name[];
};
_Static_assert(offsetof(struct linux_dirent64, d_name) == 19, "linux_dirent64");
_Static_assert(offsetof(struct linux_dirent, d_name) == 18, "linux_dirent");

#endif
