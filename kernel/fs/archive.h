/* SPDX-License-Identifier: MIT */
/*
 * An archive in memory and its index (kernel/boot_contract.h, 1). Nothing read from it is trusted: every count, offset
 * and length is checked where it is used, so that opening costs the same for any size, and a hostile index is an error.
 * No locks: the archive is constant. Also built on the host, for its tests and the fuzzer.
 */
#ifndef FS_ARCHIVE_H
#define FS_ARCHIVE_H

#include "boot_contract.h"
#include "lib/types.h"

struct archive {
    const u8 *base;
    u64 size;
    bool indexed; /* false: a foreign cpio, to be walked by cpio_next() */
    const struct sw_index_inode *inodes;
    const struct sw_index_dirent *dirents;
    const char *names;
    const u8 *xattrs;
    u64 names_size, xattrs_size, data_bytes;
    u64 index_off, index_end; /* of the index's bytes in the archive: no file's data lies there */
    u32 inode_count, dirent_count;
    const u8 *record; /* the boot record; NULL: none */
    u64 record_size;
};
struct archive_inode {
    u32 mode, nlink, uid, gid;
    s64 mtime_sec;
    u32 mtime_nsec, rdev_major, rdev_minor, parent;
    u64 size;
    const u8 *data;   /* size bytes; NULL when size is 0 */
    u32 first, count; /* directories */
    const u8 *xattrs; /* xattr_len bytes of records */
    u32 xattr_len;
};
struct archive_dirent {
    const char *name; /* not terminated */
    u32 name_len, type, inode;
};
struct archive_xattr {
    const char *name; /* not terminated */
    u32 name_len, value_len;
    const u8 *value;
};

/* base is aligned to a page. 0, or -EINVAL with *why (a literal): neither an index nor a cpio. */
int archive_open(struct archive *a, const void *base, u64 size, const char **why);
int archive_get_inode(const struct archive *a, u32 number, struct archive_inode *out);   /* -EIO */
int archive_get_dirent(const struct archive *a, u32 number, struct archive_dirent *out); /* -EIO */
/* By name, among dir's children; *inode is its number. -ENOENT, -EIO. */
int archive_find(const struct archive *a, const struct archive_inode *dir, const char *name, u32 len, u32 *inode);
/* Record at *off of an inode's xattrs; *off moves on. 0; 1: the end; -EIO. */
int archive_next_xattr(const struct archive_inode *i, u32 *off, struct archive_xattr *x);
/* Is this one of the archive's own entries (index, boot record)? `path` as it stands in the archive. */
bool archive_is_own_name(const char *path);
/* The tail that imgtool puts at the end of an embedded archive is whole. */
bool archive_tail_ok(const void *base, u64 size);

#endif
