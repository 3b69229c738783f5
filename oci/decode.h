/* SPDX-License-Identifier: MIT */
/*
 * Decompression of a layer as a stream: none, gzip (any number of members), zstd (any number of frames, skippable ones
 * among them), told apart by the first bytes and never by the media type.
 */
#ifndef SLIPWAY_OCI_DECODE_H
#define SLIPWAY_OCI_DECODE_H

#include <stdbool.h>
#include <stddef.h>

struct decoder; /* private */

#define DECODE_MAGIC_LEN 6 /* bytes that decoder_new wants to see, unless the blob is shorter */

/* *out is NULL and the cause returned when the data is in a format that images do not use, or memory is out. */
const char *decoder_new(const void *magic, size_t len, struct decoder **out);
void decoder_free(struct decoder *d);
const char *decoder_name(const struct decoder *d); /* "none", "gzip", "zstd" */

/* Moves on through *in and *out as far as both reach. NULL, or the cause of the failure. */
struct decode_buffers {
    const unsigned char *in;
    size_t in_len;
    unsigned char *out;
    size_t out_len;
};
const char *decoder_run(struct decoder *d, struct decode_buffers *b);
/* Is there more to come before the next input: input left, or output that found no room? */
bool decoder_wants_run(const struct decoder *d, const struct decode_buffers *b);
/* At the end of the input: NULL, or the cause (the stream is cut short). */
const char *decoder_finish(struct decoder *d);

#endif
