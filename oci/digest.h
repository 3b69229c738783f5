/* SPDX-License-Identifier: MIT */
/* Digests as text, "sha256:<64 lower-case hex digits>" or "sha512:<128>", and hashing in a stream. */
#ifndef SLIPWAY_OCI_DIGEST_H
#define SLIPWAY_OCI_DIGEST_H

#include "oci/error.h"

struct digest_stream; /* private */

/* NULL when text is a digest we know; else the cause. */
const char *digest_check(const char *text);
/* "sha256" and the hex digits, of a checked digest. */
size_t digest_algorithm_len(const char *digest);
const char *digest_hex(const char *digest);

/* Hashes with the algorithm of `digest`. NULL: out of memory. */
struct digest_stream *digest_begin(const char *digest);
void digest_add(struct digest_stream *s, const void *data, size_t len);
/* Writes the digest as text, and frees the stream. out may be NULL (to abandon). */
void digest_end(struct digest_stream *s, char out[OCI_DIGEST_MAX]);

/* The digest of `len` bytes by the algorithm of `like`. */
int digest_of(const char *like, const void *data, size_t len, char out[OCI_DIGEST_MAX]);

#endif
