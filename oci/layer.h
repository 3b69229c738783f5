/* SPDX-License-Identifier: MIT */
/* One layer: from the blob in the cache to the uncompressed tar and its table. */
#ifndef SLIPWAY_OCI_LAYER_H
#define SLIPWAY_OCI_LAYER_H

#include "oci/cache.h"
#include "oci/table.h"

enum layer_result {
    LAYER_OK,
    LAYER_FAILED,  /* *err says why */
    LAYER_NO_BLOB, /* the blob is missing, or was damaged and is now removed: fetching it again may help; *err is set */
};

struct layer_job {
    struct oci_cache *cache;
    struct oci_layer *layer;
    const char *image; /* for messages */
    const struct oci_limits *limits;
    /* Told how many bytes of the blob were read since the last call; may be NULL. */
    void (*progress)(void *arg, uint64_t bytes);
    void *progress_arg;
    struct oci_error *err;
};

/* Opens the unpacked layer: its tar's fd and its table. -1: not there, or damaged. */
int layer_open(struct oci_cache *cache, const struct oci_layer *layer, int *tar_fd, struct table *table);

/* Makes sure that layer_open will succeed. Any number of processes and threads may do so at once. */
enum layer_result layer_unpack(struct layer_job *job);

#endif
