/* SPDX-License-Identifier: MIT */
/*
 * What to run, between its three shapes: the command line's options, oci's container, the kernel's boot record. A
 * finished VM file has only the record; read back and with the options laid over it, it is a container again.
 */
#ifndef SLIPWAY_IMGTOOL_SPEC_H
#define SLIPWAY_IMGTOOL_SPEC_H

#include "imgtool/options.h"
#include "initramfs-builder/record.h"
#include "oci/oci.h"

struct tree;

/* The options that change what the image says; borrows from o and from itself. */
struct spec_overrides {
    struct oci_overrides oci;
    struct oci_list env; /* --env-file's, then -e's */
};

/* Checks ports too. o's operands after the first are the command. */
int spec_overrides_new(const struct options *o, struct spec_overrides *over, struct oci_error *err);
void spec_overrides_clear(struct spec_overrides *over);
/* Whether o asks for anything that is not in the image's own boot record. */
bool spec_overridden(const struct options *o);

/* The record; the caller frees it. now_ns 0: without the time. */
int spec_record(const struct oci_container *c, const struct options *o, int64_t now_ns, struct record *r,
                struct oci_error *err);
/* The container a record describes, and its SW_FLAG_*. */
int spec_read(const void *record, size_t len, struct oci_container **out, uint32_t *flags, struct oci_error *err);
/* Lays overrides over a container that was read; names of users are looked up in the tree. */
int spec_apply(struct oci_container *c, const struct oci_overrides *over, struct tree *tree, struct oci_error *err);

#endif
