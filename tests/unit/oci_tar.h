/* SPDX-License-Identifier: MIT */
/* Tar archives written byte by byte, so that tests can also write what no tool would. */
#ifndef SLIPWAY_TEST_OCI_TAR_H
#define SLIPWAY_TEST_OCI_TAR_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct bytes {
    unsigned char *data;
    size_t len, cap;
};

static inline void bytes_add(struct bytes *b, const void *data, size_t len)
{
    if (!b->data || b->len + len > b->cap) {
        b->cap = (b->len + len) * 2 + 1024;
        b->data = realloc(b->data, b->cap);
    }
    if (!b->data)
        abort();
    if (len)
        memcpy(b->data + b->len, data, len);
    b->len += len;
}

static inline void bytes_zero(struct bytes *b, size_t len)
{
    static const unsigned char zeros[512];

    for (; len > sizeof(zeros); len -= sizeof(zeros))
        bytes_add(b, zeros, sizeof(zeros));
    bytes_add(b, zeros, len);
}

static inline void bytes_free(struct bytes *b)
{
    free(b->data);
    *b = (struct bytes){0};
}

struct tar_file {
    const char *name, *link;
    char type;     /* 0 is '0' */
    unsigned mode; /* 0 is 0644; directories 0755 */
    uint64_t uid, gid;
    int64_t mtime;
    unsigned major, minor;
    const void *data;
    size_t len;
};

static inline void tar_number(char *field, size_t width, uint64_t value)
{
    if (value >> (3 * (width - 1))) { /* base 256 */
        for (size_t n = 0; n < width; n++)
            field[width - 1 - n] = n < 8 ? (char)(value >> (8 * n)) : 0;
        field[0] = (char)0x80;
        return;
    }
    char text[32];
    snprintf(text, sizeof(text), "%0*llo", (int)width - 1, (unsigned long long)value);
    memcpy(field, text, width);
}

static inline void tar_checksum(char *h)
{
    unsigned sum = 0;
    char text[8];

    memset(h + 148, ' ', 8);
    for (size_t n = 0; n < 512; n++)
        sum += (unsigned char)h[n];
    snprintf(text, sizeof(text), "%06o", sum & 0777777);
    memcpy(h + 148, text, 7);
}

static inline void tar_header(struct bytes *b, const struct tar_file *f, size_t size)
{
    char h[512] = {0};
    size_t name_len = strlen(f->name), link_len = f->link ? strlen(f->link) : 0;

    memcpy(h, f->name, name_len < 100 ? name_len : 100);
    tar_number(h + 100, 8, f->mode ? f->mode : f->type == '5' ? 0755 : 0644);
    tar_number(h + 108, 8, f->uid);
    tar_number(h + 116, 8, f->gid);
    tar_number(h + 124, 12, size);
    tar_number(h + 136, 12, (uint64_t)f->mtime);
    h[156] = f->type ? f->type : '0';
    memcpy(h + 157, f->link ? f->link : "", link_len < 100 ? link_len : 100);
    memcpy(h + 257, "ustar\00000", 8);
    tar_number(h + 329, 8, f->major);
    tar_number(h + 337, 8, f->minor);
    tar_checksum(h);
    bytes_add(b, h, 512);
}

static inline void tar_data(struct bytes *b, const void *data, size_t len)
{
    bytes_add(b, data, len);
    bytes_zero(b, (512 - len % 512) % 512);
}

static inline void tar_add(struct bytes *b, struct tar_file f)
{
    tar_header(b, &f, f.len);
    tar_data(b, f.data, f.len);
}

#define TAR(b, ...) tar_add(b, (struct tar_file){__VA_ARGS__})

static inline void tar_text(struct bytes *b, const char *name, const char *text)
{
    TAR(b, .name = name, .data = text, .len = strlen(text));
}

static inline void tar_dir(struct bytes *b, const char *name)
{
    TAR(b, .name = name, .type = '5');
}

static inline void tar_link(struct bytes *b, char type, const char *name, const char *target)
{
    TAR(b, .name = name, .type = type, .link = target, .mode = 0777);
}

/* GNU's long name ('L') or long link ('K') before an entry. */
static inline void tar_gnu_long(struct bytes *b, char type, const char *text)
{
    TAR(b, .name = "././@LongLink", .type = type, .data = text, .len = strlen(text) + 1);
}

/* One PAX record, "LEN KEY=VALUE\n". */
static inline void pax_record(struct bytes *b, const char *key, const void *value, size_t value_len)
{
    size_t body = strlen(key) + value_len + 3, len = body + 1;
    char head[600] = "";

    while (len != body + (size_t)snprintf(NULL, 0, "%zu", len))
        len++;
    bytes_add(b, head, (size_t)snprintf(head, sizeof(head), "%zu %s=", len, key));
    bytes_add(b, value, value_len);
    bytes_add(b, "\n", 1);
}

static inline void pax_text(struct bytes *b, const char *key, const char *value)
{
    pax_record(b, key, value, strlen(value));
}

/* Writes the collected records as a header of the next entry, and empties them. */
static inline void tar_pax(struct bytes *b, struct bytes *records)
{
    TAR(b, .name = "PaxHeaders/x", .type = 'x', .data = records->data, .len = records->len);
    bytes_free(records);
}

static inline void tar_end(struct bytes *b)
{
    bytes_zero(b, 1024);
}

#endif
