/* SPDX-License-Identifier: MIT */
/*
 * Reads an archive of ours back into a tree and its boot record, without copying a file's data: the tree's extents
 * lie in the archive. What is read is checked as something that comes from anywhere.
 */
#ifndef SLIPWAY_READ_H
#define SLIPWAY_READ_H

#include "initramfs-builder/archive.h"

#include <stddef.h>
#include <stdint.h>

struct tree;

struct archive_contents {
    struct tree *tree;
    void *record; /* malloc'ed; NULL: the archive has none */
    size_t record_len;
};

/* The archive begins at `base` of fd and has `size` bytes; fd is duplicated. 0, or -errno with the error's text. */
int archive_read(int fd, uint64_t base, uint64_t size, struct archive_contents *out, struct archive_error *error);
/* Only the record; the tree is not read and stays NULL. */
int archive_read_record(int fd, uint64_t base, uint64_t size, struct archive_contents *out,
                        struct archive_error *error);
void archive_contents_free(struct archive_contents *c);

#endif
