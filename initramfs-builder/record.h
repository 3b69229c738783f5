/* SPDX-License-Identifier: MIT */
/*
 * The boot record (kernel/boot_contract.h, 3): what the kernel is told about the container. Items are added in the
 * order in which they shall stand; an error sticks and is reported by record_finish.
 */
#ifndef SLIPWAY_RECORD_H
#define SLIPWAY_RECORD_H

#include <stddef.h>
#include <stdint.h>

struct record {
    uint8_t *data; /* header and items so far */
    size_t size, cap;
    uint32_t item_count;
    int error; /* first error: -ENOMEM, -EINVAL (NUL or nothing where the contract wants something) */
};

void record_init(struct record *r);
void record_add_string(struct record *r, uint32_t tag, const char *s);
void record_add_u32(struct record *r, uint32_t tag, uint32_t value);
void record_add_i64(struct record *r, uint32_t tag, int64_t value);
void record_add_rlimit(struct record *r, uint32_t resource, uint64_t soft, uint64_t hard);
/* Any item, as read from another record. */
void record_add(struct record *r, uint32_t tag, const void *value, size_t len);
/* Completes the header. 0, or the first error; then data and size are the record. */
int record_finish(struct record *r);
void record_free(struct record *r);

/* Reads a record: calls fn for each item; a nonzero return ends the walk and is returned. -EINVAL: damaged. */
int record_parse(const void *data, size_t size, int (*fn)(uint32_t tag, const void *value, uint32_t len, void *arg),
                 void *arg);

#endif
