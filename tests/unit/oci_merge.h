/* SPDX-License-Identifier: MIT */
/* One to three layers, as tar bytes, merged into a tree. */
#ifndef SLIPWAY_TEST_OCI_MERGE_H
#define SLIPWAY_TEST_OCI_MERGE_H

#include "oci/limits.h"
#include "oci/merge.h"
#include "tests/unit/oci_dump.h"
#include "tests/unit/oci_tar.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <cmocka.h>

#define LAYERS 3

struct layers {
    struct bytes tar[LAYERS];
    unsigned count;
    struct oci_limits limits;
    bool cut; /* the last tar is as it stands, without an end */
};

/* Goes on to the next layer. */
static inline struct bytes *next_layer(struct layers *s)
{
    tar_end(&s->tar[s->count]);
    return &s->tar[++s->count];
}

static inline int bytes_fd(const struct bytes *b)
{
    int fd = memfd_create("layer", MFD_CLOEXEC);

    assert_int_equal(write(fd, b->data, b->len), b->len);
    return fd;
}

/* Merges the layers; NULL and *err on failure. */
static inline struct tree *merge_all(const struct layers *s, struct oci_error *err)
{
    struct tree *tree = tree_new();
    struct merge m = {.tree = tree};
    int error = 0;

    for (unsigned n = 0; n < s->count && !error; n++) {
        struct table_context ctx = {.object = "LAYER", .limits = &s->limits, .err = err};
        int fd = bytes_fd(&s->tar[n]);
        struct table table;

        error = table_build(fd, &ctx, &table);
        if (!error)
            error = merge_layer(&m, &table, (uint32_t)tree_add_source(tree, dup(fd)), &ctx);
        table_clear(&table);
        close(fd);
    }
    if (error) {
        tree_free(tree);
        tree = NULL;
    }
    return tree;
}

#endif
