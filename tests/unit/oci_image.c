// SPDX-License-Identifier: MIT
/*
 * Images end to end: a layout is written on disk, pulled, unpacked and merged. Good ones in all compressions; one
 * wrong in each way, with its error and nothing left behind; a cache that is damaged, shared, or was left by a killed
 * process; and the other transports by a stand-in for skopeo.
 */
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

static void shell(const char *format, ...)
{
    char command[1000];
    va_list ap;

    va_start(ap, format);
    vsnprintf(command, sizeof(command), format, ap);
    va_end(ap);
    if (system(command) != 0)
        fail_msg("%s", command);
}

static void write_file(const char *path, const void *data, size_t len)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, data, len), len);
    close(fd);
}

static void put_blob(const char *digest, const void *data, size_t len)
{
    char *path = cache_blob_path_in(layout, digest);

    write_file(path, data, len);
    free(path);
}

static void gzip_bytes(struct bytes *b)
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

static void zstd_bytes(struct bytes *b)
{
    size_t room = ZSTD_compressBound(b->len);
    void *packed = malloc(room);
    size_t n = ZSTD_compress(packed, room, b->data, b->len, 1);

    bytes_free(b);
    bytes_add(b, packed, n);
    free(packed);
}

/* Adds a layer of the tar's bytes, compressed by `how` ("none", "gzip", "zstd"). */
static struct layer_spec *add_layer(struct image_spec *s, struct bytes tar, const char *how, const char *algorithm)
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

static char *write_config(const struct image_spec *s, char digest[OCI_DIGEST_MAX], size_t *len)
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
static void write_image(struct image_spec *s)
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

static void free_image(struct image_spec *s)
{
    for (unsigned n = 0; n < s->count; n++) {
        bytes_free(&s->layers[n].blob);
        free(s->layers[n].extra);
    }
    free(s->manifest);
}

static struct bytes tar_of(const char *name, const char *text)
{
    struct bytes b = {0};

    tar_text(&b, name, text);
    tar_end(&b);
    return b;
}

/* A layer of many files, so that it spans buffers. */
static struct bytes big_tar(void)
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
static char *build(const char *reference, struct oci_error *err)
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

static void expect(const char *reference, const char *expected)
{
    struct oci_error err = {.msg = ""};
    char *text = build(reference, &err);

    if (!text || strcmp(text, expected) != 0 || *err.msg)
        fail_msg("got %s %s", text ? text : "", err.msg);
    free(text);
}

static void expect_error(const char *reference, const char *expected)
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
static unsigned count_files(const char *folder, const char *suffix)
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

static int fresh(void **state)
{
    (void)state;
    shell("rm -rf %s/*; mkdir -p %s/blobs/sha256 %s/blobs/sha512", root, layout, layout);
    oci_options_init(&opt);
    opt.cache_dir = cache;
    return 0;
}

static void fresh_cache(void)
{
    shell("rm -rf %s", cache);
}

static int set_up(void **state)
{
    assert_non_null(mkdtemp(root));
    snprintf(layout, sizeof(layout), "%s/layout", root);
    snprintf(cache, sizeof(cache), "%s/cache", root);
    snprintf(ref, sizeof(ref), "oci:%s:img", layout);
    return fresh(state);
}

static int tear_down(void **state)
{
    (void)state;
    shell("rm -rf %s", root);
    return 0;
}

/* ---- good images ------------------------------------------------------------------------------------------- */

static const char GOOD[] = "a f=3\nb f=3\nc f=3\n";

static void write_good(void)
{
    struct image_spec s = {0};

    add_layer(&s, tar_of("a", "one"), "gzip", "sha256");
    add_layer(&s, tar_of("b", "two"), "none", "sha256");
    add_layer(&s, tar_of("c", "six"), "zstd", "sha256");
    write_image(&s);
    free_image(&s);
}

static void test_compressions(void **state)
{
    (void)state;
    write_good();
    expect(ref, GOOD);
    assert_int_equal(count_files("layers", ".tar"), 3);
    assert_int_equal(count_files("layers", ".table"), 3);
    assert_int_equal(count_files("tmp", ""), 0);
    /* Without the name, as the layout has only one; and from the cache. */
    char unnamed[80];
    snprintf(unnamed, sizeof(unnamed), "oci:%s", layout);
    expect(unnamed, GOOD);
    shell("rm -rf %s/blobs", layout);
    opt.offline = true;
    expect(ref, GOOD);
}

static void test_sha512(void **state)
{
    struct image_spec s = {0};

    (void)state;
    add_layer(&s, tar_of("a", "one"), "gzip", "sha512");
    write_image(&s);
    free_image(&s);
    expect(ref, "a f=3\n");
}

static void test_embedded_data(void **state)
{
    struct bytes tar = tar_of("a", "one");
    char text[6000], path[200];
    struct image_spec s = {0};
    struct layer_spec *l = add_layer(&s, tar, "none", "sha256");

    (void)state;
    snprintf(path, sizeof(path), "%s/blob", root);
    write_file(path, l->blob.data, l->blob.len);
    snprintf(text, sizeof(text), "base64 -w0 %s", path);
    FILE *p = popen(text, "r");
    size_t n = fread(text, 1, sizeof(text) - 1, p);
    pclose(p);
    text[n] = 0;
    l->extra = oci_format(",\"data\":\"%s\"", text);
    write_image(&s);
    snprintf(text, sizeof(text), "%s/blobs/sha256/%s", layout, digest_hex(l->digest));
    unlink(text);
    expect(ref, "a f=3\n");
    free_image(&s);
}

static void test_empty_layers(void **state)
{
    struct bytes nothing = {0}, end = {0};
    struct image_spec s = {0};

    (void)state;
    bytes_add(&nothing, "", 0);
    tar_end(&end);
    add_layer(&s, end, "gzip", "sha256");
    add_layer(&s, tar_of("a", "one"), "gzip", "sha256");
    add_layer(&s, nothing, "none", "sha256");
    write_image(&s);
    free_image(&s);
    expect(ref, "a f=3\n");
}

static void test_no_layers(void **state)
{
    struct image_spec s = {0};

    (void)state;
    write_image(&s);
    free_image(&s);
    expect(ref, "");
}

static void count_progress(void *arg, const struct oci_progress *p)
{
    unsigned *count = arg;

    assert_true(p->done <= p->total);
    ++*count;
}

static void test_contents_and_progress(void **state)
{
    struct image_spec s = {0};
    struct tree *tree = tree_new();
    struct oci_image *image;
    struct oci_error err = {.msg = ""};
    struct tree_entry *e;
    unsigned count = 0;
    char *data;
    size_t len;

    (void)state;
    add_layer(&s, big_tar(), "none", "sha256");
    write_image(&s);
    free_image(&s);
    opt.progress = count_progress;
    opt.progress_arg = &count;
    assert_int_equal(oci_pull(&opt, ref, &image, &err), 0);
    assert_int_equal(oci_merge(image, &opt, tree, &err), 0);
    assert_true(count >= 2);
    assert_int_equal(image->layers[0].entry_count, 30);
    assert_string_equal(image->layers[0].compression, "none");
    assert_int_equal(tree_resolve(tree, "/big/007", 0, &e), 0);
    assert_int_equal(tree_read_file(tree, e, 1 << 20, &data, &len), 0);
    assert_int_equal(len, 100000);
    assert_int_equal(data[0], 'h');
    assert_int_equal(data[99999], 'h');
    free(data);
    oci_image_free(image);
    tree_free(tree);
}

/* The layout changed under the same name: the cache notices. */
static void test_changed_layout(void **state)
{
    struct image_spec s = {0};

    (void)state;
    write_good();
    expect(ref, GOOD);
    add_layer(&s, tar_of("z", "new"), "gzip", "sha256");
    write_image(&s);
    free_image(&s);
    expect(ref, "z f=3\n");
}

/* ---- bad images -------------------------------------------------------------------------------------------- */

static char *layout_blob(const char *digest)
{
    return cache_blob_path_in(layout, digest);
}

/* One layer, big.tar.gz, with something done to it before it is written. */
static void bad_layer(void (*change)(struct layer_spec *l), const char *expected)
{
    struct image_spec s = {0};

    fresh(NULL);
    add_layer(&s, big_tar(), "gzip", "sha256");
    change(&s.layers[0]);
    write_image(&s);
    expect_error(ref, expected);
    assert_int_equal(count_files("layers", ".tar"), 0);
    assert_int_equal(count_files("layers", ".table"), 0);
    assert_int_equal(count_files("tmp", ""), 0);
    free_image(&s);
}

static void redigest(struct layer_spec *l)
{
    digest_of("sha256", l->blob.data, l->blob.len, l->digest);
}

static void wrong_content(struct layer_spec *l)
{
    l->blob.data[l->blob.len / 2] ^= 1;
}

static void wrong_size(struct layer_spec *l)
{
    l->size_delta = 1;
}

static void wrong_diff_id(struct layer_spec *l)
{
    l->diff_id[70] = l->diff_id[70] == 'a' ? 'b' : 'a';
}

static void truncated(struct layer_spec *l)
{
    l->blob.len -= 20;
    redigest(l);
}

static void corrupt(struct layer_spec *l)
{
    memset(l->blob.data + l->blob.len / 2, 0xff, 50);
    redigest(l);
}

static void trailing_garbage(struct layer_spec *l)
{
    bytes_add(&l->blob, "garbage behind the end", 22);
    redigest(l);
}

static void not_a_tar(struct layer_spec *l)
{
    memset(l->blob.data, 'x', l->blob.len);
    redigest(l);
    memcpy(l->diff_id, l->digest, sizeof(l->diff_id));
}

static void wrong_content_and_corrupt(struct layer_spec *l)
{
    memset(l->blob.data + 20, 0xff, 50);
}

static void bomb(struct layer_spec *l)
{
    (void)l;
    opt.limits.output_bytes = 1 << 20;
}

static void few_entries(struct layer_spec *l)
{
    (void)l;
    opt.limits.entries = 29;
}

static void test_bad_layers(void **state)
{
    (void)state;
    bad_layer(wrong_content, "bytes have the digest sha256:");
    bad_layer(wrong_size, "its descriptor says");
    bad_layer(wrong_diff_id, "the config's diff_id is sha256:");
    bad_layer(truncated, "cut short");
    bad_layer(corrupt, "gzip");
    bad_layer(trailing_garbage, "a gzip header is invalid");
    bad_layer(not_a_tar, "the tar is damaged");
    bad_layer(wrong_content_and_corrupt, "bytes have the digest sha256:"); /* what it is, is judged first */
    bad_layer(bomb, "uncompressed it has more than 1048576 bytes, the limit is 1048576 (--max-output raises it)");
    bad_layer(few_entries, "entry 'big/029': it is one entry too many, the limit is 29 (--max-entries raises it)");
}

static void test_missing_and_damaged_blobs(void **state)
{
    struct image_spec s = {0};
    char *path;

    (void)state;
    add_layer(&s, tar_of("a", "one"), "gzip", "sha256");
    write_image(&s);
    path = layout_blob(s.layers[0].digest);
    unlink(path);
    free(path);
    expect_error(ref, "No such file or directory");
    free_image(&s);

    /* the manifest: first its content, then its size */
    fresh(NULL);
    write_good();
    shell("cd %s/blobs/sha256 && sed -i s/schemaVersion/SchemaVersion/ $(grep -l schemaVersion *)", layout);
    expect_error(ref, "its content has the digest sha256:");
    fresh(NULL);
    write_good();
    shell("cd %s/blobs/sha256 && echo >>$(grep -l schemaVersion *)", layout);
    expect_error(ref, "its size is not");
    /* the config */
    fresh(NULL);
    write_good();
    shell("cd %s/blobs/sha256 && sed -i s/amd64/amd65/ $(grep -l rootfs *)", layout);
    expect_error(ref, "its content has the digest sha256:");
    /* the index */
    fresh(NULL);
    write_good();
    shell("echo nonsense >%s/index.json", layout);
    expect_error(ref, "invalid JSON");
    shell("rm %s/index.json", layout);
    expect_error(ref, "index.json: No such file or directory");
    expect_error("oci:/nonexistent", "read image oci:/nonexistent: No such file or directory");
}

static void test_names(void **state)
{
    char other[100];

    (void)state;
    write_good();
    snprintf(other, sizeof(other), "oci:%s:other", layout);
    expect_error(other, "it holds no image named 'other', only img");
}

static void test_total_limits(void **state)
{
    (void)state;
    write_good();
    expect(ref, GOOD);
    /* what is in the cache was unpacked under other limits */
    opt.limits.entries = 2;
    expect_error(ref, "its layers have 3 entries, the limit is 2 (--max-entries raises it)");
    oci_limits_init(&opt.limits);
    opt.limits.output_bytes = 4000;
    expect_error(ref, "the limit is 4000 (--max-output raises it)");
    oci_limits_init(&opt.limits);
    opt.limits.layers = 2;
    expect_error(ref, "3 layers, the limit is 2");
}

/* ---- the cache --------------------------------------------------------------------------------------------- */

static void test_damaged_cache(void **state)
{
    (void)state;
    write_good();
    expect(ref, GOOD);
    /* tables: made again from the tars */
    shell("cd %s/layers && for f in *.table; do printf x | dd of=$f bs=1 seek=100 conv=notrunc status=none; done",
          cache);
    expect(ref, GOOD);
    shell("rm %s/layers/*.table", cache);
    expect(ref, GOOD);
    /* tars: made again from the blobs */
    shell("cd %s/layers && for f in *.tar; do truncate -s 100 $f; done", cache);
    expect(ref, GOOD);
    shell("cd %s/layers && touch *.tar", cache);
    expect(ref, GOOD);
    shell("rm %s/layers/*.tar", cache);
    expect(ref, GOOD);
    /* blobs: fetched again */
    shell("cd %s && rm layers/* && rm $(grep -L -e schemaVersion -e rootfs blobs/sha256/*)", cache);
    expect(ref, GOOD);
    shell("cd %s && rm layers/* blobs/sha256/*", cache);
    expect(ref, GOOD);
    shell("cd %s && rm layers/* && for f in blobs/sha256/*; do rm $f; echo damaged >$f; done", cache);
    expect(ref, GOOD);
    /* the memory of references */
    shell("echo '{' >%s/index.json", cache);
    expect(ref, GOOD);
    shell("rm %s/index.json", cache);
    expect(ref, GOOD);
    assert_int_equal(count_files("tmp", ""), 0);
}

static void test_shared_cache(void **state)
{
    pid_t pids[6];

    (void)state;
    struct image_spec s = {0};
    add_layer(&s, big_tar(), "gzip", "sha256");
    add_layer(&s, tar_of("a", "one"), "gzip", "sha256");
    write_image(&s);
    free_image(&s);
    for (unsigned n = 0; n < 6; n++) {
        pids[n] = fork();
        if (pids[n] == 0) {
            struct oci_error err = {.msg = ""};
            char *text = build(ref, &err);
            _exit(text && strstr(text, "a f=3\n") ? 0 : 1);
        }
    }
    for (unsigned n = 0; n < 6; n++) {
        int status;
        waitpid(pids[n], &status, 0);
        assert_int_equal(status, 0);
    }
    assert_int_equal(count_files("tmp", ""), 0);
    assert_int_equal(count_files("layers", ".tar"), 2);
}

/* What a killed process left is removed; what a living one holds is not. */
static void test_leftovers(void **state)
{
    char path[100];
    int fd;

    (void)state;
    write_good();
    expect(ref, GOOD);
    shell("cd %s/tmp && mkdir -p dead/sub alive && touch dead/.lock dead/sub/blob alive/.lock", cache);
    snprintf(path, sizeof(path), "%s/tmp/alive/.lock", cache);
    fd = open(path, O_RDWR);
    assert_int_equal(flock(fd, LOCK_EX), 0);
    expect(ref, GOOD);
    assert_int_equal(count_files("tmp", "dead"), 0);
    assert_int_equal(count_files("tmp", "alive"), 1);
    close(fd);
    expect(ref, GOOD);
    assert_int_equal(count_files("tmp", ""), 0);
}

static void test_unusable_cache(void **state)
{
    (void)state;
    write_good();
    opt.cache_dir = "/dev/null/x";
    expect_error(ref, "use cache /dev/null/x: Not a directory");
}

/* ---- other transports, by a stand-in for skopeo -------------------------------------------------------------- */

/* Writes the stand-in: `body` is shell, with $src the source and $what "copy" or "inspect"; good_copy copies the
 * layout. */
static void stand_in(const char *body)
{
    static char path[100];
    char script[3000];

    snprintf(path, sizeof(path), "%s/skopeo", root);
    snprintf(
        script, sizeof(script),
        "#!/bin/sh\n"
        "layout=%s\necho \"$*\" >>%s/calls\n"
        "preserve=; for a; do case $a in --preserve-digests) preserve=1 ;; copy|inspect) what=$a ;; esac; done\n"
        "good_copy() { while [ \"$1\" != --dest-shared-blob-dir ]; do shift; done; cp -r $layout/blobs/* \"$2\"/; "
        "mkdir layout; cp $layout/index.json layout/; }\n"
        "for src; do case $src in docker:*|docker-archive:*|dir:*|docker-daemon:*|oci-archive:*) break ;; esac; done\n"
        "fatal() { echo \"time=\\\"x\\\" level=fatal msg=\\\"$1\\\"\" >&2; exit 1; }\n"
        "%s\n",
        layout, root, body);
    write_file(path, script, strlen(script));
    chmod(path, 0755);
    opt.skopeo = path;
}

/* How often the stand-in was called with these words. */
static unsigned calls(const char *pattern)
{
    char command[200], text[20];
    FILE *p;

    snprintf(command, sizeof(command), "grep -c -e '%s' %s/calls", pattern, root);
    p = popen(command, "r");
    unsigned n = fgets(text, sizeof(text), p) ? (unsigned)strtoul(text, NULL, 10) : 0;
    pclose(p);
    return n;
}

static void test_docker(void **state)
{
    (void)state;
    write_good();
    stand_in("good_copy \"$@\"; echo Copying blob");
    expect("some/image", GOOD);
    expect("docker://docker.io/some/image:latest", GOOD); /* the same, and remembered */
    assert_int_equal(calls("--override-os linux --override-arch amd64 copy"), 1);
    assert_int_equal(calls("docker://docker.io/some/image:latest oci:layout:image"), 1);
    assert_int_equal(calls("tls-verify"), 0);
    opt.refresh = true;
    opt.tls_verify = false;
    expect("some/image", GOOD);
    assert_int_equal(calls("--src-tls-verify=false"), 1);
    opt.refresh = false;
    opt.offline = true;
    expect("some/image", GOOD);
    expect_error("another", "pull another: it is not in the cache, and --offline was given");
    assert_int_equal(count_files("tmp", ""), 0);
}

/* skopeo leaves a blob alone that is there, whatever it holds. */
static void test_docker_damaged(void **state)
{
    (void)state;
    write_good();
    stand_in("cp() { command cp -n \"$@\"; }; good_copy \"$@\"");
    expect("some/image", GOOD);
    shell("cd %s && rm layers/* && for f in $(grep -L -e schemaVersion -e rootfs blobs/sha256/*); do echo x >$f; done",
          cache);
    expect("some/image", GOOD);
    shell("cd %s && rm layers/* && for f in blobs/sha256/*; do echo damaged >$f; done", cache);
    expect("some/image", GOOD);
}

static void test_fallback(void **state)
{
    (void)state;
    write_good();
    stand_in("[ -z \"$preserve\" ] || fatal 'Manifest must be converted, but we cannot preserve digests'\n"
             "good_copy \"$@\"");
    expect("docker-daemon:x:y", GOOD);
    assert_int_equal(calls("copy"), 2);
    assert_int_equal(calls("--preserve-digests"), 1);
    expect("docker-daemon:x:y", GOOD); /* a daemon is asked every time */
    assert_int_equal(calls("copy"), 4);
}

static void test_archive(void **state)
{
    char archive[100];

    (void)state;
    write_good();
    snprintf(archive, sizeof(archive), "docker-archive:%s/a.tar", root);
    expect_error(archive, "No such file or directory");
    shell("echo x >%s/a.tar", root);
    stand_in("good_copy \"$@\"");
    expect(archive, GOOD);
    expect(archive, GOOD);
    assert_int_equal(calls("copy"), 1);
    shell("echo longer >%s/a.tar", root);
    expect(archive, GOOD);
    assert_int_equal(calls("copy"), 2);
}

/* skopeo does not look into indexes in an index: then the archive is read without it. */
static void test_nested_archive(void **state)
{
    char archive[100], path[100], digest[OCI_DIGEST_MAX], *json;
    size_t len;

    (void)state;
    write_good();
    snprintf(path, sizeof(path), "%s/index.json", layout);
    assert_int_equal(file_read(path, 1 << 20, &json, &len), 0);
    digest_of("sha256", json, len, digest);
    put_blob(digest, json, len);
    free(json);
    for (int n = 0; n < 2; n++) {
        json =
            oci_format("{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":\"application/vnd.oci.image.index.v1+json\","
                       "\"digest\":\"%s\",\"size\":%zu}]}",
                       digest, len);
        len = strlen(json);
        write_file(path, json, len);
        digest_of("sha256", json, len, digest);
        put_blob(digest, json, len);
        free(json);
    }
    snprintf(path, sizeof(path), "oci:%s", layout);
    expect(path, GOOD);
    snprintf(archive, sizeof(archive), "oci-archive:%s/a.tar.gz", root);
    shell("cd %s && tar czf ../a.tar.gz .", layout);
    fresh_cache();
    stand_in("fatal 'Unexpectedly received a manifest list instead of a manifest for a single image'");
    expect(archive, GOOD);
    assert_int_equal(count_files("tmp", ""), 0);
}

static void test_errors(void **state)
{
    struct oci_error err = {.msg = ""};
    char *text;

    (void)state;
    write_good();
    stand_in("fatal 'manifest unknown: \\\\\"x\\\\\"'");
    expect_error("x", "pull docker://docker.io/library/x:latest: manifest unknown: \"x\"");
    stand_in("exit 3");
    expect_error("x", "skopeo failed without a message");
    stand_in("kill -9 $$");
    expect_error("x", "it was killed by signal 9");
    stand_in("mkdir layout; echo '{}' >layout/index.json");
    expect_error("x", "\"schemaVersion\" is not 2");
    stand_in("exit 0");
    expect_error("x", "index.json: No such file or directory");
    opt.skopeo = "no-such-program";
    expect_error("x", "run skopeo for docker://docker.io/library/x:latest: 'no-such-program' is not installed "
                      "(the package is skopeo)");
    opt.skopeo = "/etc/passwd";
    expect_error("x", "Permission denied");
    text = build("UPPER", &err);
    assert_null(text);
    assert_int_equal(count_files("tmp", ""), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_compressions, fresh),
        cmocka_unit_test_setup(test_sha512, fresh),
        cmocka_unit_test_setup(test_embedded_data, fresh),
        cmocka_unit_test_setup(test_empty_layers, fresh),
        cmocka_unit_test_setup(test_no_layers, fresh),
        cmocka_unit_test_setup(test_contents_and_progress, fresh),
        cmocka_unit_test_setup(test_changed_layout, fresh),
        cmocka_unit_test_setup(test_bad_layers, fresh),
        cmocka_unit_test_setup(test_missing_and_damaged_blobs, fresh),
        cmocka_unit_test_setup(test_names, fresh),
        cmocka_unit_test_setup(test_total_limits, fresh),
        cmocka_unit_test_setup(test_damaged_cache, fresh),
        cmocka_unit_test_setup(test_shared_cache, fresh),
        cmocka_unit_test_setup(test_leftovers, fresh),
        cmocka_unit_test_setup(test_unusable_cache, fresh),
        cmocka_unit_test_setup(test_docker, fresh),
        cmocka_unit_test_setup(test_docker_damaged, fresh),
        cmocka_unit_test_setup(test_fallback, fresh),
        cmocka_unit_test_setup(test_archive, fresh),
        cmocka_unit_test_setup(test_nested_archive, fresh),
        cmocka_unit_test_setup(test_errors, fresh),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
