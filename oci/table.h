/* SPDX-License-Identifier: MIT */
/*
 * The table of a layer: what its tar says, entry by entry, with the place of each file's data in the tar. Made once,
 * when the layer is unpacked; a build reads tables only. In memory it is the file as it stands: header, entries,
 * extents, strings, each section 8-byte aligned, native byte order (the cache is this machine's own).
 */
#ifndef SLIPWAY_OCI_TABLE_H
#define SLIPWAY_OCI_TABLE_H

#include "oci/error.h"

struct table_entry {
    uint32_t path, path_len; /* in the strings; as the tar has it, not cleaned */
    uint32_t link, link_len; /* target of a symlink or hard link */
    uint32_t mode;           /* S_IFMT | permissions; of a hard link the type is 0 */
    uint32_t uid, gid;
    uint32_t mtime_nsec;
    int64_t mtime_sec;
    uint32_t rdev_major, rdev_minor;
    uint64_t size; /* of a regular file */
    uint32_t extent, extent_count;
    uint32_t xattr, xattr_len; /* in the strings: table_xattr records, unaligned */
};

struct table_extent {
    uint64_t file_off, len, tar_off;
};

/* Followed by name and value. */
struct table_xattr {
    uint32_t name_len, value_len;
};

struct table_header {
    uint64_t magic;
    uint32_t version, header_size;
    uint64_t tar_size;
    int64_t tar_mtime_sec, tar_mtime_nsec;
    uint64_t entry_count, extent_count, strings_size;
    uint64_t data_size;         /* sizes of all regular files together */
    unsigned char checksum[32]; /* sha256 of everything but this field */
};

struct table {
    struct table_header *header; /* the whole file; malloc'ed */
    const struct table_entry *entries;
    const struct table_extent *extents;
    const char *strings;
};

/* Who a message is about: "layer sha256:... of docker://...". */
struct table_context {
    const char *object;
    const struct oci_limits *limits;
    struct oci_error *err;
};

/* Reads the tar in fd (its whole length). */
int table_build(int tar_fd, const struct table_context *ctx, struct table *out);
/* The same from memory. */
int table_build_memory(const void *tar, size_t len, const struct table_context *ctx, struct table *out);
/* Writes the table, which then belongs to the tar in tar_fd as it is now. 0 or -errno. */
int table_store(struct table *t, const char *path, int tar_fd);
/* -1: there is none, it is damaged, or it belongs to another tar. */
int table_load(const char *path, int tar_fd, struct table *out);
void table_clear(struct table *t);

#endif
