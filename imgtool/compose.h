/* SPDX-License-Identifier: MIT */
/*
 * From a reference to an archive: pull, merge, resolve, record, plan. And the small second archive, which carries what
 * a run changes: the boot record and the files that depend on it.
 */
#ifndef SLIPWAY_IMGTOOL_COMPOSE_H
#define SLIPWAY_IMGTOOL_COMPOSE_H

#include "imgtool/options.h"
#include "initramfs-builder/archive.h"
#include "initramfs-builder/record.h"

struct tree;

struct composition {
    struct oci_image *image;
    struct tree *tree;
    struct oci_container *container;
    struct record record;
    struct archive *archive;
};

/* o's first operand is the reference; o's overrides are built in. embed: for an ELF. */
int compose(const struct options *o, bool embed, struct composition *c, struct oci_error *err);
/* The same from an image that has been pulled; c->image is set and stays the composition's. */
int compose_image(const struct options *o, bool embed, struct composition *c, struct oci_error *err);
void composition_free(struct composition *c);

/*
 * An archive of what differs from a VM whose tree was read from its own archive: every entry that `container`'s
 * runtime files change, with its directories, and the record. Returns a memory file.
 */
int compose_overlay(struct tree *base, const struct oci_container *container, const struct record *record,
                    struct oci_error *err);

/* Fills err from an archive's error, whose text has the same form. -1. */
int fail_archive(struct oci_error *err, const struct archive_error *error);
/* SOURCE_DATE_EPOCH into options. */
int epoch_read(struct archive_options *options, struct oci_error *err);

#endif
