/* SPDX-License-Identifier: MIT */
/*
 * Directories by path inside a tree, as an unpacker must find them: symlinks are followed within the root, ".." stops
 * at it, and what does not exist is taken as a directory to be made.
 */
#ifndef SLIPWAY_OCI_PLACE_H
#define SLIPWAY_OCI_PLACE_H

#include "initramfs-builder/tree.h"

#include <stdbool.h>

struct place {
    struct tree *tree;
    uint32_t generation; /* of directories made */
    uint64_t path_limit; /* bytes of a path from the root, without its leading slash */
    uint64_t made;       /* counts directories made */
};

/* path (len bytes, "" is the root): -ENOTDIR, -ELOOP, -ENAMETOOLONG, -ENOMEM. Missing directories are made, 0755
 * root. */
int place_make(struct place *p, const char *path, size_t len, struct tree_entry **out);
/* The same without making anything: -ENOENT. */
int place_find(struct place *p, const char *path, size_t len, struct tree_entry **out);
/* Bytes of the path of e. */
uint64_t place_path_len(const struct tree_entry *e);

#endif
