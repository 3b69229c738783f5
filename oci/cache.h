/* SPDX-License-Identifier: MIT */
/*
 * The cache directory:
 *
 *     oci-layout, index.json   an OCI layout; index.json remembers which reference led to which manifest
 *     blobs/ALG/HEX            manifests, configs, layers as they were fetched
 *     layers/ALG-HEX.tar       a layer uncompressed, named by its diff_id, and
 *     layers/ALG-HEX.table     the table of its entries (table.h); ALG-HEX.lock serialises its making
 *     builds/KEY.elf           linked machines (imgtool/vmcache.c)
 *     tmp/XXXXXX/              work in progress, each with a `.lock` that its owner holds; removed once nobody does
 *     lock                     exclusive while index.json is changed or tmp is cleaned
 *     lock.users               shared while somebody has the cache open, exclusive while it is pruned
 *
 * Any number of processes may share it: files appear by rename and are never changed afterwards. The modification time of
 * a blob is its last use, and so is a table's for itself and its tar (whose own time the table vouches for).
 */
#ifndef SLIPWAY_OCI_CACHE_H
#define SLIPWAY_OCI_CACHE_H

#include "oci/error.h"
#include "oci/manifest.h"

struct oci_cache {
    char *dir;
    int users_fd; /* of lock.users */
};

int cache_open(const struct oci_options *opt, struct oci_cache **out, struct oci_error *err);
/* Fails while anybody else has it open, and keeps others waiting until it is closed. */
int cache_open_alone(const struct oci_options *opt, struct oci_cache **out, struct oci_error *err);
void cache_close(struct oci_cache *cache);
/* Its `lock`, as flock(2) says: -1 with errno. Close to unlock. */
int cache_lock(const struct oci_cache *cache, int how);

/* A private directory below tmp/, removed by cache_tmp_end. */
struct cache_tmp {
    char *path;
    int lock_fd;
};
int cache_tmp_begin(const struct oci_cache *cache, struct cache_tmp *tmp, struct oci_error *err);
void cache_tmp_end(struct cache_tmp *tmp);

/* Paths are malloc'ed; NULL: out of memory. */
char *cache_blob_path(const struct oci_cache *cache, const char *digest);
/* A blob of a layout that lies in `layout`. */
char *cache_blob_path_in(const char *layout, const char *digest);
/* suffix: "tar", "table", "lock". */
char *cache_layer_path(const struct oci_cache *cache, const char *diff_id, const char *suffix);

/* Reads a small blob of the layout in dir, verified (size, then digest): malloc'ed, with a NUL after it. */
int blob_read(const char *dir, const struct descriptor *d, const struct oci_limits *limits, char **out, size_t *len,
              struct oci_error *err);
/* Puts bytes whose digest is known to be right into the cache. */
int cache_put_blob(const struct oci_cache *cache, const char *digest, const void *data, size_t len,
                   struct oci_error *err);
/* Puts a file into the cache, by a hard link where possible, else by a copy. */
int cache_put_file(const struct oci_cache *cache, const char *digest, const char *path, struct oci_error *err);
bool cache_has_blob(const struct oci_cache *cache, const struct descriptor *d);

/* A blob, or a layer's file, is of use today. */
void cache_touch(const char *path);

/* ---- remembered references: cache_index.c ---- */

/* Which manifest did the reference lead to, when its source looked like `validator`? 1: found (descriptor_clear it). */
int cache_recall(const struct oci_cache *cache, const char *ref, const char *validator, struct descriptor *out);
/* Forgets the references whose manifest is gone. */
int cache_forget_missing(const struct oci_cache *cache, struct oci_error *err);
int cache_remember(const struct oci_cache *cache, const char *ref, const char *validator, const char *media_type,
                   const struct descriptor *d, struct oci_error *err);

/* Reads a whole file of at most max bytes, with a NUL after it. 0 or -errno (-EFBIG). */
int file_read(const char *path, uint64_t max, char **out, size_t *len);
int fd_write_all(int fd, const void *data, size_t len);
/* Makes a file that is not there yet. 0 or -errno. */
int file_write_new(const char *path, const void *data, size_t len);

#endif
