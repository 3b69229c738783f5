/* SPDX-License-Identifier: MIT */
/* Outputs that appear whole or not at all: written beside their place under another name, then renamed. */
#ifndef SLIPWAY_IMGTOOL_OUTPUT_H
#define SLIPWAY_IMGTOOL_OUTPUT_H

#include "oci/oci.h"

struct output {
    int fd;          /* write here; -1: closed */
    char *path;      /* as asked for */
    char *temporary; /* NULL: nothing to rename (standard output, a device) */
};

/* path "-" is standard output. Existing devices and pipes are written to as they are. */
int output_open(struct output *out, const char *path, struct oci_error *err);
/* Gives the file its mode (less the umask) and its name. */
int output_commit(struct output *out, unsigned mode, struct oci_error *err);
/* Removes what was not committed; always call it. */
void output_close(struct output *out);

#endif
