/* SPDX-License-Identifier: MIT */
/* From a reference to a manifest in the cache. */
#ifndef SLIPWAY_OCI_TRANSPORT_H
#define SLIPWAY_OCI_TRANSPORT_H

#include "oci/cache.h"

/* What a reference is known by in the cache. */
struct source_identity {
    char *key;       /* the reference, with an absolute path */
    char *validator; /* looks different when the source has changed; NULL: cannot be told, ask again each time */
};

int transport_identify(const struct oci_options *opt, const struct oci_ref *ref, struct source_identity *out,
                       struct oci_error *err);
void source_identity_clear(struct source_identity *id);

/*
 * Brings manifest, config and layers of the reference's linux/amd64 image into the cache. *out: the manifest's
 * descriptor. pinned: NULL, or the digest of the manifest wanted from a docker:// repository.
 */
int transport_pull(const struct oci_options *opt, struct oci_cache *cache, const struct oci_ref *ref, const char *key,
                   const char *pinned, struct descriptor *out, struct oci_error *err);

#endif
