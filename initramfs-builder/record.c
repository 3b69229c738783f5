// SPDX-License-Identifier: MIT
/*
 * Writes and reads the boot record. The buffer always begins with the header, and every item is padded to 8 bytes,
 * so an offset that is a multiple of 8 is an item or the end.
 */
#include "initramfs-builder/record.h"

#include "kernel/boot_contract.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define RECORD_VERSION 1u
#define ALIGN8(n) (((n) + 7) & ~(size_t)7)

static void fail(struct record *r, int error)
{
    if (!r->error)
        r->error = error;
}

/* Appends len zero bytes; NULL when there is no memory. */
static void *extend(struct record *r, size_t len)
{
    void *at;

    if (r->size + len > r->cap) {
        size_t cap = (r->size + len) * 2;
        uint8_t *grown = realloc(r->data, cap);
        if (!grown) {
            fail(r, -ENOMEM);
            return NULL;
        }
        r->data = grown;
        r->cap = cap;
    }
    at = r->data + r->size;
    memset(at, 0, len);
    r->size += len;
    return at;
}

void record_init(struct record *r)
{
    *r = (struct record){0};
    extend(r, sizeof(struct sw_record_header));
}

void record_add(struct record *r, uint32_t tag, const void *value, size_t len)
{
    struct sw_record_item item = {.tag = tag, .len = (uint32_t)len};
    uint8_t *at;

    if (len > UINT32_MAX / 2)
        fail(r, -EINVAL);
    if (r->error)
        return;
    at = extend(r, sizeof(item) + ALIGN8(len));
    if (!at)
        return;
    memcpy(at, &item, sizeof(item));
    if (len)
        memcpy(at + sizeof(item), value, len);
    r->item_count++;
}

void record_add_string(struct record *r, uint32_t tag, const char *s)
{
    record_add(r, tag, s, strlen(s));
}

void record_add_u32(struct record *r, uint32_t tag, uint32_t value)
{
    record_add(r, tag, &value, sizeof(value));
}

void record_add_i64(struct record *r, uint32_t tag, int64_t value)
{
    record_add(r, tag, &value, sizeof(value));
}

void record_add_rlimit(struct record *r, uint32_t resource, uint64_t soft, uint64_t hard)
{
    struct {
        uint32_t resource, zero;
        uint64_t soft, hard;
    } item = {resource, 0, soft, hard};

    record_add(r, SW_REC_RLIMIT, &item, sizeof(item));
}

int record_finish(struct record *r)
{
    struct sw_record_header header = {
        .magic = SW_RECORD_MAGIC,
        .version = RECORD_VERSION,
        .item_count = r->item_count,
        .size = r->size,
    };

    if (!r->error)
        memcpy(r->data, &header, sizeof(header));
    return r->error;
}

void record_free(struct record *r)
{
    free(r->data);
    *r = (struct record){0};
}

int record_parse(const void *data, size_t size, int (*fn)(uint32_t tag, const void *value, uint32_t len, void *arg),
                 void *arg)
{
    const uint8_t *bytes = data;
    struct sw_record_header header;
    size_t at = sizeof(header);

    if (size < sizeof(header))
        return -EINVAL;
    memcpy(&header, data, sizeof(header));
    if (header.magic != SW_RECORD_MAGIC || header.version != RECORD_VERSION || header.size > size)
        return -EINVAL;
    for (uint32_t n = 0; n < header.item_count; n++) {
        struct sw_record_item item;
        int result;

        if (header.size < at || header.size - at < sizeof(item))
            return -EINVAL;
        memcpy(&item, bytes + at, sizeof(item));
        at += sizeof(item);
        if (header.size - at < item.len)
            return -EINVAL;
        result = fn(item.tag, bytes + at, item.len, arg);
        if (result)
            return result;
        at += ALIGN8((size_t)item.len);
    }
    return 0;
}
