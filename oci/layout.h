/* SPDX-License-Identifier: MIT */
/*
 * OCI layouts on disk, read directly: the result is that of `skopeo copy --preserve-digests`, without a second copy of
 * blobs that lie on the same disk, and with indexes nested to any depth.
 */
#ifndef SLIPWAY_OCI_LAYOUT_H
#define SLIPWAY_OCI_LAYOUT_H

#include "oci/cache.h"

/* The entry of path/index.json that carries the name (NULL: the only one). */
int layout_find(const char *path, const char *name, const struct oci_limits *limits, struct descriptor *out,
                struct oci_error *err);
/* Brings the image into the cache; *out is its manifest. */
int layout_import(struct oci_cache *cache, const char *path, const char *name, const struct oci_limits *limits,
                  struct descriptor *out, struct oci_error *err);
/* Extracts the files of a layout from an archive (tar, perhaps compressed) into the directory `to`. */
int layout_extract(const char *archive, const char *to, const struct oci_limits *limits, struct oci_error *err);

#endif
