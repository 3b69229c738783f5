// SPDX-License-Identifier: MIT
/* Decompression: every format in pieces of every size, members and frames in a row, damage of every byte. */
#include "oci/decode.h"
#include "tests/unit/oci_tar.h"

#include <isa-l/igzip_lib.h>
#include <setjmp.h>
#include <stdarg.h>
#include <zstd.h>
#include <cmocka.h>

/* Text that compresses, but not to nothing. */
static void fill(unsigned char *data, size_t len)
{
    uint32_t x = 12345;

    for (size_t n = 0; n < len; n++) {
        x = x * 1664525 + 1013904223;
        data[n] = n % 64 < 40 ? "layer"[n % 5] : (unsigned char)(x >> 24);
    }
}

static void add_gzip(struct bytes *out, const void *data, size_t len)
{
    struct isal_zstream z;
    unsigned char *packed = malloc(len + 1000);

    isal_deflate_stateless_init(&z);
    z.gzip_flag = IGZIP_GZIP;
    z.end_of_stream = 1;
    z.next_in = (unsigned char *)data;
    z.avail_in = (uint32_t)len;
    z.next_out = packed;
    z.avail_out = (uint32_t)len + 1000;
    assert_int_equal(isal_deflate_stateless(&z), COMP_OK);
    bytes_add(out, packed, z.total_out);
    free(packed);
}

static void add_zstd(struct bytes *out, const void *data, size_t len)
{
    size_t bound = ZSTD_compressBound(len);
    void *packed = malloc(bound);
    size_t n = ZSTD_compress(packed, bound, data, len, 3);

    assert_false(ZSTD_isError(n));
    bytes_add(out, packed, n);
    free(packed);
}

/* As zstd:chunked ends: a frame that readers skip. */
static void add_skippable(struct bytes *out, const char *text)
{
    unsigned char head[8] = {0x5e, 0x2a, 0x4d, 0x18, (unsigned char)strlen(text)};

    bytes_add(out, head, 8);
    bytes_add(out, text, strlen(text));
}

/* Decodes with input pieces of `in_step` bytes and output buffers of `out_step`. NULL or the cause. */
static const char *decode(const struct bytes *in, size_t in_step, size_t out_step, struct bytes *out, const char **name)
{
    struct decoder *d;
    const char *cause = decoder_new(in->data, in->len, &d);
    unsigned char *buffer = malloc(out_step);

    for (size_t at = 0; !cause && at < in->len; at += in_step) {
        struct decode_buffers b = {in->data + at, in->len - at < in_step ? in->len - at : in_step, NULL, 0};
        do {
            b.out = buffer;
            b.out_len = out_step;
            cause = decoder_run(d, &b);
            bytes_add(out, buffer, out_step - b.out_len);
        } while (!cause && decoder_wants_run(d, &b));
    }
    if (!cause)
        cause = decoder_finish(d);
    if (name)
        *name = d ? decoder_name(d) : NULL;
    decoder_free(d);
    free(buffer);
    return cause;
}

static void check(const struct bytes *in, const void *expected, size_t len, const char *expected_name)
{
    static const size_t steps[] = {1, 2, 7, 100, 4096, 1 << 20};

    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        for (size_t o = 0; o < sizeof(steps) / sizeof(steps[0]); o++) {
            struct bytes out = {0};
            const char *name, *cause = decode(in, steps[i], steps[o], &out, &name);

            if (cause)
                fail_msg("%s in %zu out %zu: %s", expected_name, steps[i], steps[o], cause);
            assert_string_equal(name, expected_name);
            assert_int_equal(out.len, len);
            if (len)
                assert_memory_equal(out.data, expected, len);
            bytes_free(&out);
        }
    }
}

static unsigned char data[30000];

static void test_none(void **state)
{
    struct bytes in = {0};

    (void)state;
    bytes_add(&in, data, 5000);
    check(&in, data, 5000, "none");
    bytes_free(&in);
    bytes_add(&in, "\x1f", 1); /* half a magic */
    check(&in, "\x1f", 1, "none");
    bytes_free(&in);
}

static void test_gzip(void **state)
{
    struct bytes in = {0};

    (void)state;
    add_gzip(&in, data, sizeof(data));
    check(&in, data, sizeof(data), "gzip");
    bytes_free(&in);
    add_gzip(&in, data, 10000);
    add_gzip(&in, "", 0);
    add_gzip(&in, data + 10000, 1);
    add_gzip(&in, data + 10001, sizeof(data) - 10001);
    check(&in, data, sizeof(data), "gzip");
    bytes_free(&in);
    add_gzip(&in, "", 0);
    check(&in, "", 0, "gzip");
    bytes_free(&in);
}

static void test_zstd(void **state)
{
    struct bytes in = {0};

    (void)state;
    add_zstd(&in, data, sizeof(data));
    check(&in, data, sizeof(data), "zstd");
    bytes_free(&in);
    add_skippable(&in, "first");
    add_zstd(&in, data, 10000);
    add_skippable(&in, "the table of contents");
    add_zstd(&in, "", 0);
    add_zstd(&in, data + 10000, sizeof(data) - 10000);
    add_skippable(&in, "footer");
    check(&in, data, sizeof(data), "zstd");
    bytes_free(&in);
}

/* Every cut is noticed, except at a boundary of members. */
static void check_cuts(const struct bytes *in, size_t boundary)
{
    for (size_t len = 7; len < in->len; len++) {
        struct bytes cut = {in->data, len, 0}, out = {0};
        const char *cause = decode(&cut, 64, 4096, &out, NULL);

        if (len == boundary ? cause != NULL : !cause)
            fail_msg("cut at %zu of %zu: %s", len, in->len, cause ? cause : "no error");
        bytes_free(&out);
    }
}

static void test_truncated(void **state)
{
    struct bytes in = {0};
    size_t boundary;

    (void)state;
    add_gzip(&in, data, 1000);
    boundary = in.len;
    add_gzip(&in, data, 1000);
    check_cuts(&in, boundary);
    bytes_free(&in);
    add_zstd(&in, data, 1000);
    boundary = in.len;
    add_zstd(&in, data, 1000);
    check_cuts(&in, boundary);
    bytes_free(&in);
}

/* A flipped bit is noticed, or (in a header's free fields) without effect. It is never a crash. */
static void test_corrupt(void **state)
{
    struct bytes in = {0};

    (void)state;
    add_gzip(&in, data, 3000);
    for (size_t bit = 0; bit < in.len * 8; bit++) {
        struct bytes out = {0};

        in.data[bit / 8] ^= (unsigned char)(1 << bit % 8);
        const char *cause = decode(&in, 500, 4096, &out, NULL);
        if (!cause && bit / 8 > 9 && !(out.len == 3000 && memcmp(out.data, data, 3000) == 0))
            fail_msg("bit %zu", bit);
        in.data[bit / 8] ^= (unsigned char)(1 << bit % 8);
        bytes_free(&out);
    }
    bytes_free(&in);
}

static void check_refused(struct bytes *in, const char *expected)
{
    struct bytes out = {0};
    const char *cause = decode(in, 100, 100, &out, NULL);

    if (!cause || !strstr(cause, expected))
        fail_msg("wanted %s, got %s", expected, cause ? cause : "no error");
    bytes_free(&out);
    bytes_free(in);
}

static void test_refused(void **state)
{
    struct bytes in = {0};

    (void)state;
    bytes_add(&in, "\xfd\x37\x7a\x58\x5a\x00........", 14);
    check_refused(&in, "xz");
    bytes_add(&in, "BZh91AY&SY......", 16);
    check_refused(&in, "bzip2");
    add_gzip(&in, data, 100);
    bytes_add(&in, "garbage after the end", 21);
    check_refused(&in, "header is invalid");
    add_zstd(&in, data, 100);
    bytes_add(&in, "garbage after the end", 21);
    check_refused(&in, "");
    bytes_add(&in, "\x1f\x8b\x07garbage", 10);
    check_refused(&in, "header is invalid");
}

static int set_up(void **state)
{
    (void)state;
    fill(data, sizeof(data));
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_none),      cmocka_unit_test(test_gzip),    cmocka_unit_test(test_zstd),
        cmocka_unit_test(test_truncated), cmocka_unit_test(test_corrupt), cmocka_unit_test(test_refused),
    };

    return cmocka_run_group_tests(tests, set_up, NULL);
}
