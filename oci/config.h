/* SPDX-License-Identifier: MIT */
/* The image configuration. */
#ifndef SLIPWAY_OCI_CONFIG_H
#define SLIPWAY_OCI_CONFIG_H

#include "oci/error.h"

/* layer_count: what the manifest has; the config must list as many diff_ids. */
int config_parse(const char *json, size_t len, const char *source, size_t layer_count, const struct oci_limits *limits,
                 struct oci_config *out, struct oci_error *err);
void config_clear(struct oci_config *c);

#endif
