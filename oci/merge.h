/* SPDX-License-Identifier: MIT */
/* Layers laid over one another. */
#ifndef SLIPWAY_OCI_MERGE_H
#define SLIPWAY_OCI_MERGE_H

#include "initramfs-builder/tree.h"
#include "oci/table.h"

struct merge {
    struct tree *tree;
    uint32_t generation; /* the layers so far */
    uint64_t entries;    /* of the layers so far, implied directories included */
    uint64_t data_size;
};

/* Lays one layer over the tree. source: the tree's source that its tar is. ctx names the layer in messages. */
int merge_layer(struct merge *m, const struct table *table, uint32_t source, const struct table_context *ctx);

#endif
