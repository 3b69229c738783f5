/* SPDX-License-Identifier: MIT */
/* Images in the cache; the public half is in oci/oci.h. */
#ifndef SLIPWAY_OCI_IMAGE_H
#define SLIPWAY_OCI_IMAGE_H

#include "oci/cache.h"

/* Reads manifest and config of a manifest that is in the cache. */
int image_load(struct oci_cache *cache, const struct oci_limits *limits, const char *ref,
               const struct descriptor *manifest, struct oci_image **out, struct oci_error *err);
/* Fetches the image's blobs once more, because one of them is missing or damaged. */
int image_refetch(struct oci_image *image, const struct oci_options *opt, struct oci_error *err);

#endif
