/* SPDX-License-Identifier: MIT */
/* References; the public half is in oci/oci.h. */
#ifndef SLIPWAY_OCI_REF_H
#define SLIPWAY_OCI_REF_H

#include "oci/error.h"

/* The prefix skopeo knows the transport by: "docker://", "oci:", ... */
const char *ref_prefix(enum oci_transport transport);

#endif
