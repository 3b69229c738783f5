/* SPDX-License-Identifier: MIT */
/*
 * Sequential output: small pieces go through a buffer, large ones from file to file inside the host's kernel, long
 * runs of zeros become holes where the output allows it. Without a file (fd -1) a sink only counts: the layout of an
 * archive is computed by the very code that writes it.
 */
#ifndef SLIPWAY_SINK_H
#define SLIPWAY_SINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum sink_copy { SINK_COPY_RANGE, SINK_SENDFILE, SINK_READ_WRITE };

struct sink {
    int fd;       /* -1: count only */
    uint64_t pos; /* bytes put so far */
    uint8_t *buffer;
    size_t fill;
    bool may_skip; /* zeros may be left out: a regular file that ends at our position */
    bool skipped;  /* the file must be extended to its end */
    enum sink_copy how;
    int error;                                  /* first error, -errno; everything after it does nothing */
    bool source_failed;                         /* the error is the source's, not the output's */
    void (*progress)(uint64_t done, void *arg); /* may be NULL; called about once a MiB */
    void *progress_arg;
    uint64_t progress_next;
};

/* Writes at fd's position. 0 or -ENOMEM. */
int sink_open(struct sink *s, int fd);
void sink_put(struct sink *s, const void *data, size_t len);
void sink_zeros(struct sink *s, uint64_t len);
/* Copies len bytes from `source` at `offset`. A source that ends before is -EIO. */
void sink_copy(struct sink *s, int source, uint64_t offset, uint64_t len);
/* Writes what is buffered. 0 or the first error. The buffer is freed in either case. */
int sink_close(struct sink *s);

#endif
