/* SPDX-License-Identifier: MIT */
/* Writes images as OCI layouts, and pulls and merges them with a cache of their own; each test begins with `fresh`. */
#ifndef SLIPWAY_TEST_OCI_LAYOUT_H
#define SLIPWAY_TEST_OCI_LAYOUT_H

#include "initramfs-builder/tree.h"
#include "oci/cache.h"
#include "oci/digest.h"
#include "oci/limits.h"
#include "tests/unit/oci_dump.h"
#include "tests/unit/oci_tar.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <isa-l/igzip_lib.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <zstd.h>
#include <cmocka.h>

static char root[] = "/tmp/slipway-image-XXXXXX", layout[64], cache[64], ref[80];
static struct oci_options opt;

/* ---- writing a layout -------------------------------------------------------------------------------------- */

struct layer_spec {
    struct bytes blob;
    char digest[OCI_DIGEST_MAX], diff_id[OCI_DIGEST_MAX];
    const char *media_type;
    long long size_delta; /* added to the size in the descriptor */
    char *extra;          /* further members of the descriptor */
};

struct image_spec {
    struct layer_spec layers[4];
    unsigned count;
    const char *config; /* the member "config" */
    char *manifest;     /* made by write_image */
};

static inline void shell(const char *format, ...)
{
    char command[1000];
    va_list ap;

    va_start(ap, format);
    vsnprintf(command, sizeof(command), format, ap);
    va_end(ap);
    if (system(command) != 0)
        fail_msg("%s", command);
}

static inline void write_file(const char *path, const void *data, size_t len)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, data, len), len);
    close(fd);
}

static inline void put_blob(const char *digest, const void *data, size_t len)
{
    char *path = cache_blob_path_in(layout, digest);

    write_file(path, data, len);
    free(path);
}

static inline void gzip_bytes(struct bytes *b)
{
    struct isal_zstream z;
    size_t room = b->len + 1000;
    unsigned char *packed = malloc(room);

    isal_deflate_stateless_init(&z);
    z.gzip_flag = IGZIP_GZIP;
    z.end_of_stream = 1;
    z.next_in = b->data;
    z.avail_in = (uint32_t)b->len;
    z.next_out = packed;
    z.avail_out = (uint32_t)room;
    assert_int_equal(isal_deflate_stateless(&z), COMP_OK);
    bytes_free(b);
    bytes_add(b, packed, z.total_out);
    free(packed);
}

static inline void zstd_bytes(struct bytes *b)
{
    size_t room = ZSTD_compressBound(b->len);
    void *packed = malloc(room);
    size_t n = ZSTD_compress(packed, room, b->data, b->len, 1);

    bytes_free(b);
    bytes_add(b, packed, n);
    free(packed);
}

/* Adds a layer of the tar's bytes, compressed by `how` ("none", "gzip", "zstd"). */
static inline struct layer_spec *add_layer(struct image_spec *s, struct bytes tar, const char *how,
                                           const char *algorithm)
{
    struct layer_spec *l = &s->layers[s->count++];

    l->blob = tar;
    digest_of(algorithm, tar.data, tar.len, l->diff_id);
    if (strcmp(how, "gzip") == 0)
        gzip_bytes(&l->blob);
    if (strcmp(how, "zstd") == 0)
        zstd_bytes(&l->blob);
    digest_of(algorithm, l->blob.data, l->blob.len, l->digest);
    l->media_type = "application/vnd.oci.image.layer.v1.tar+gzip"; /* whatever it is: the magic counts */
    return l;
}

static inline char *write_config(const struct image_spec *s, char digest[OCI_DIGEST_MAX], size_t *len)
{
    char *json = NULL;
    FILE *f = open_memstream(&json, len);

    fprintf(f, "{\"architecture\":\"amd64\",\"os\":\"linux\",\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[");
    for (unsigned n = 0; n < s->count; n++)
        fprintf(f, "%s\"%s\"", n ? "," : "", s->layers[n].diff_id);
    fprintf(f, "]},\"config\":{%s}}", s->config ? s->config : "\"Cmd\":[\"/x\"]");
    fclose(f);
    digest_of("sha256", json, *len, digest);
    put_blob(digest, json, *len);
    return json;
}

/* Writes blobs, config, manifest and index. */
static inline void write_image(struct image_spec *s)
{
    char config[OCI_DIGEST_MAX], digest[OCI_DIGEST_MAX], path[100];
    size_t config_len, len;
    char *json = write_config(s, config, &config_len);
    FILE *f = open_memstream(&s->manifest, &len);

    free(json);
    fprintf(f,
            "{\"schemaVersion\":2,\"config\":{\"mediaType\":\"application/vnd.oci.image.config.v1+json\","
            "\"digest\":\"%s\",\"size\":%zu},\"layers\":[",
            config, config_len);
    for (unsigned n = 0; n < s->count; n++) {
        const struct layer_spec *l = &s->layers[n];
        put_blob(l->digest, l->blob.data, l->blob.len);
        fprintf(f, "%s{\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":%lld%s}", n ? "," : "", l->media_type, l->digest,
                (long long)l->blob.len + l->size_delta, l->extra ? l->extra : "");
    }
    fprintf(f, "]}");
    fclose(f);
    digest_of("sha256", s->manifest, len, digest);
    put_blob(digest, s->manifest, len);
    snprintf(path, sizeof(path), "%s/index.json", layout);
    f = fopen(path, "w");
    fprintf(f,
            "{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\","
            "\"digest\":\"%s\",\"size\":%zu,\"annotations\":{\"org.opencontainers.image.ref.name\":\"img\"}}]}",
            digest, len);
    fclose(f);
}

static inline void free_image(struct image_spec *s)
{
    for (unsigned n = 0; n < s->count; n++) {
        bytes_free(&s->layers[n].blob);
        free(s->layers[n].extra);
    }
    free(s->manifest);
}

static inline struct bytes tar_of(const char *name, const char *text)
{
    struct bytes b = {0};

    tar_text(&b, name, text);
    tar_end(&b);
    return b;
}

/* A layer of many files, so that it spans buffers. */
static inline struct bytes big_tar(void)
{
    char *text = calloc(1, 100001), name[20];
    struct bytes b = {0};

    for (int n = 0; n < 30; n++) {
        snprintf(name, sizeof(name), "big/%03d", n);
        memset(text, 'a' + n % 26, 100000);
        tar_text(&b, name, text);
    }
    tar_end(&b);
    free(text);
    return b;
}

/* ---- running ----------------------------------------------------------------------------------------------- */

/* Pulls and merges `reference`; the tree as text, or NULL with *err. */
static inline char *build(const char *reference, struct oci_error *err)
{
    struct tree *tree = tree_new();
    struct oci_image *image;
    char *text = NULL;

    if (oci_pull(&opt, reference, &image, err) == 0) {
        if (oci_merge(image, &opt, tree, err) == 0)
            text = dump_tree(tree);
        oci_image_free(image);
    }
    tree_free(tree);
    return text;
}

static inline void expect(const char *reference, const char *expected)
{
    struct oci_error err = {.msg = ""};
    char *text = build(reference, &err);

    if (!text || strcmp(text, expected) != 0 || *err.msg)
        fail_msg("got %s %s", text ? text : "", err.msg);
    free(text);
}

static inline void expect_error(const char *reference, const char *expected)
{
    struct oci_error err = {.msg = ""};
    char *text = build(reference, &err);

    if (text || !strstr(err.msg, expected))
        fail_msg("wanted '%s', got %s %s", expected, text ? text : "", err.msg);
    if (strchr(err.msg, '\n'))
        fail_msg("more than one line: %s", err.msg);
    free(text);
}

/* The number of files in the cache's folder whose name ends so. */
static inline unsigned count_files(const char *folder, const char *suffix)
{
    char path[100];
    unsigned count = 0;
    struct dirent *d;
    DIR *dir;

    snprintf(path, sizeof(path), "%s/%s", cache, folder);
    dir = opendir(path);
    while (dir && (d = readdir(dir))) {
        size_t len = strlen(d->d_name), n = strlen(suffix);
        count += d->d_name[0] != '.' && len >= n && strcmp(d->d_name + len - n, suffix) == 0;
    }
    if (dir)
        closedir(dir);
    return count;
}

static inline int fresh(void **state)
{
    (void)state;
    shell("rm -rf %s/*; mkdir -p %s/blobs/sha256 %s/blobs/sha512", root, layout, layout);
    oci_options_init(&opt);
    opt.cache_dir = cache;
    return 0;
}

static inline void fresh_cache(void)
{
    shell("rm -rf %s", cache);
}

static inline int set_up(void **state)
{
    assert_non_null(mkdtemp(root));
    snprintf(layout, sizeof(layout), "%s/layout", root);
    snprintf(cache, sizeof(cache), "%s/cache", root);
    snprintf(ref, sizeof(ref), "oci:%s:img", layout);
    return fresh(state);
}

static inline int tear_down(void **state)
{
    (void)state;
    shell("rm -rf %s", root);
    return 0;
}

/* ---- a good image ------------------------------------------------------------------------------------------ */

static const char GOOD[] = "a f=3\nb f=3\nc f=3\n";

static inline void write_good(void)
{
    struct image_spec s = {0};

    add_layer(&s, tar_of("a", "one"), "gzip", "sha256");
    add_layer(&s, tar_of("b", "two"), "none", "sha256");
    add_layer(&s, tar_of("c", "six"), "zstd", "sha256");
    write_image(&s);
    free_image(&s);
}

#endif
