// SPDX-License-Identifier: MIT
/* Decompression; see decode.h. Each format is an operations table. */
#include "oci/decode.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

struct decoder_ops {
    const char *name;
    bool (*open)(struct decoder *d);
    const char *(*run)(struct decoder *d, struct decode_buffers *b);
    void (*close)(struct decoder *d);
};

struct decoder {
    const struct decoder_ops *ops;
    z_stream z;
    ZSTD_DStream *zstd;
    bool inside; /* of a member or frame: the input may not end here */
};

static const char NO_MEMORY[] = "out of memory";

/* ---- none -------------------------------------------------------------------------------------------------- */

static bool none_open(struct decoder *d)
{
    (void)d;
    return true;
}

static const char *none_run(struct decoder *d, struct decode_buffers *b)
{
    size_t n = b->in_len < b->out_len ? b->in_len : b->out_len;

    (void)d;
    memcpy(b->out, b->in, n);
    b->in += n;
    b->in_len -= n;
    b->out += n;
    b->out_len -= n;
    return NULL;
}

static void none_close(struct decoder *d)
{
    (void)d;
}

/* ---- gzip -------------------------------------------------------------------------------------------------- */

static bool gzip_open(struct decoder *d)
{
    return inflateInit2(&d->z, MAX_WBITS + 16) == Z_OK;
}

static const char *gzip_cause(const struct decoder *d, int result)
{
    if (result == Z_MEM_ERROR)
        return NO_MEMORY;
    return d->z.msg ? d->z.msg : "the gzip stream is corrupt";
}

static const char *gzip_run(struct decoder *d, struct decode_buffers *b)
{
    int result;

    if (!d->inside && inflateReset(&d->z) != Z_OK)
        return NO_MEMORY;
    d->inside = true;
    d->z.next_in = (unsigned char *)b->in;
    d->z.avail_in = (uInt)b->in_len;
    d->z.next_out = b->out;
    d->z.avail_out = (uInt)b->out_len;
    result = inflate(&d->z, Z_NO_FLUSH);
    b->in = d->z.next_in;
    b->in_len = d->z.avail_in;
    b->out = d->z.next_out;
    b->out_len = d->z.avail_out;
    if (result == Z_STREAM_END)
        d->inside = false;
    return result == Z_OK || result == Z_STREAM_END || result == Z_BUF_ERROR ? NULL : gzip_cause(d, result);
}

static void gzip_close(struct decoder *d)
{
    inflateEnd(&d->z);
}

/* ---- zstd -------------------------------------------------------------------------------------------------- */

static bool zstd_open(struct decoder *d)
{
    d->zstd = ZSTD_createDStream();
    return d->zstd != NULL;
}

static const char *zstd_run(struct decoder *d, struct decode_buffers *b)
{
    ZSTD_inBuffer in = {b->in, b->in_len, 0};
    ZSTD_outBuffer out = {b->out, b->out_len, 0};
    size_t result = ZSTD_decompressStream(d->zstd, &out, &in);

    b->in += in.pos;
    b->in_len -= in.pos;
    b->out += out.pos;
    b->out_len -= out.pos;
    if (ZSTD_isError(result))
        return ZSTD_getErrorName(result);
    d->inside = result != 0;
    return NULL;
}

static void zstd_close(struct decoder *d)
{
    ZSTD_freeDStream(d->zstd);
}

/* ------------------------------------------------------------------------------------------------------------ */

static const struct decoder_ops none_ops = {"none", none_open, none_run, none_close};
static const struct decoder_ops gzip_ops = {"gzip", gzip_open, gzip_run, gzip_close};
static const struct decoder_ops zstd_ops = {"zstd", zstd_open, zstd_run, zstd_close};

/* A skippable frame's magic is 0x184D2A50 to 0x184D2A5F, little-endian. */
static const struct {
    const char *magic;
    size_t len;
    unsigned char first_mask;
    const struct decoder_ops *ops;
    const char *refusal;
} formats[] = {
    {"\x1f\x8b", 2, 0xff, &gzip_ops, NULL},
    {"\x28\xb5\x2f\xfd", 4, 0xff, &zstd_ops, NULL},
    {"\x50\x2a\x4d\x18", 4, 0xf0, &zstd_ops, NULL},
    {"\xfd\x37\x7a\x58\x5a\x00", 6, 0xff, NULL, "it is compressed with xz, which images do not use"},
    {"BZh", 3, 0xff, NULL, "it is compressed with bzip2, which images do not use"},
};

static bool has_magic(const unsigned char *data, size_t len, size_t format)
{
    return len >= formats[format].len && (data[0] & formats[format].first_mask) == (unsigned char)*formats[format].magic &&
           memcmp(data + 1, formats[format].magic + 1, formats[format].len - 1) == 0;
}

const char *decoder_new(const void *magic, size_t len, struct decoder **out)
{
    const struct decoder_ops *ops = &none_ops;
    struct decoder *d;

    *out = NULL;
    for (size_t n = 0; n < sizeof(formats) / sizeof(formats[0]); n++) {
        if (!has_magic(magic, len, n))
            continue;
        if (formats[n].refusal)
            return formats[n].refusal;
        ops = formats[n].ops;
    }
    d = calloc(1, sizeof(*d));
    if (!d)
        return NO_MEMORY;
    d->ops = ops;
    if (!ops->open(d)) {
        free(d);
        return NO_MEMORY;
    }
    *out = d;
    return NULL;
}

void decoder_free(struct decoder *d)
{
    if (!d)
        return;
    d->ops->close(d);
    free(d);
}

const char *decoder_name(const struct decoder *d)
{
    return d->ops->name;
}

const char *decoder_run(struct decoder *d, struct decode_buffers *b)
{
    return d->ops->run(d, b);
}

bool decoder_wants_run(const struct decoder *d, const struct decode_buffers *b)
{
    return b->in_len > 0 || (d->inside && b->out_len == 0);
}

const char *decoder_finish(struct decoder *d)
{
    return d->inside ? "the compressed stream is cut short" : NULL;
}
