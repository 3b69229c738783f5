/* SPDX-License-Identifier: MIT */
/* Running skopeo, which knows the transports and holds the credentials. */
#ifndef SLIPWAY_OCI_SKOPEO_H
#define SLIPWAY_OCI_SKOPEO_H

#include "oci/error.h"

/*
 * Each returns 0; 1 when skopeo ran and failed, *cause being its message in one line; -1 when it could not be run.
 * source is a full reference; paths in it are absolute.
 */

/* Copies into a new layout at dir/layout, under the name "image", blobs into the folder `blobs`. */
int skopeo_copy(const struct oci_options *opt, const char *source, const char *dir, const char *blobs, bool preserve,
                char **cause, struct oci_error *err);
/* The manifest or index as it is. */
int skopeo_inspect(const struct oci_options *opt, const char *source, char **out, size_t *len, char **cause,
                   struct oci_error *err);

/* The message in skopeo's (logrus's) output: that of its last fatal line, else the last line. malloc'ed; for tests. */
char *skopeo_cause(const char *output);
/* In words of ours: "cannot reach HOST: reason (cause)", "there is no such image (cause)" and others; NULL: none.
 * For tests. */
char *skopeo_in_words(const char *cause);

#endif
