/* SPDX-License-Identifier: MIT */
/* One line on the terminal that is rewritten; nothing at all when standard error is not one. */
#ifndef SLIPWAY_IMGTOOL_PROGRESS_H
#define SLIPWAY_IMGTOOL_PROGRESS_H

#include "oci/oci.h"

/* For struct oci_options. */
void progress_oci(void *arg, const struct oci_progress *p);
/* Bytes done of arg, a struct progress_total. */
struct progress_total {
    const char *step;
    uint64_t total;
};
void progress_bytes(uint64_t done, void *arg);
/* Removes the line; before anything else is printed. */
void progress_clear(void);

#endif
