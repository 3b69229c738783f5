/* SPDX-License-Identifier: MIT */
/* Limits: fields by their offset, so that a message can name the option that raises one. */
#ifndef SLIPWAY_OCI_LIMITS_H
#define SLIPWAY_OCI_LIMITS_H

#include "oci/oci.h"

#define OCI_LIMIT(field) offsetof(struct oci_limits, field)

#endif
