/* SPDX-License-Identifier: MIT */
/* Manifests and indexes, OCI's and Docker's, and the choice of a platform. */
#ifndef SLIPWAY_OCI_MANIFEST_H
#define SLIPWAY_OCI_MANIFEST_H

#include "oci/error.h"

struct descriptor {
    char *media_type; /* "" when absent */
    char digest[OCI_DIGEST_MAX];
    uint64_t size;
    unsigned char *data; /* the embedded content, already checked against size and digest; NULL: none */
    size_t data_len;
    char *os, *architecture, *variant; /* NULL: no platform given */
    char *ref_name;                    /* annotation org.opencontainers.image.ref.name, or NULL */
    char *validator;                   /* our cache's own annotation, or NULL */
};

enum manifest_kind { MANIFEST_IMAGE, MANIFEST_INDEX };

struct manifest {
    enum manifest_kind kind;
    char *media_type;
    struct descriptor config;
    struct descriptor *items; /* layers, lowest first; or the index's manifests */
    size_t count;
};

/* source: whose manifest, for messages. */
int manifest_parse(const char *json, size_t len, const char *source, const struct oci_limits *limits,
                   struct manifest *out, struct oci_error *err);
void manifest_clear(struct manifest *m);
int descriptor_copy(struct descriptor *to, const struct descriptor *from);
void descriptor_clear(struct descriptor *d);

/* Gets the verified content of a descriptor, malloc'ed with a NUL after it. */
typedef int manifest_fetch(void *arg, const struct descriptor *d, char **json, size_t *len, struct oci_error *err);

/*
 * Walks down from an index to the first manifest for linux/amd64, depth first in the index's order; an entry without
 * platform matches. *out is the manifest's descriptor (free with descriptor_clear), *manifest the manifest itself.
 */
int manifest_select(const struct manifest *index, const char *source, const struct oci_limits *limits,
                    manifest_fetch *fetch, void *arg, struct descriptor *out, struct oci_error *err);

#endif
