// SPDX-License-Identifier: MIT
/*
 * Images end to end: a layout is written on disk, pulled, unpacked and merged. Good ones in all compressions; one
 * wrong in each way, with its error and nothing left behind.
 */
#include "tests/unit/oci_layout.h"

/* ---- good images ------------------------------------------------------------------------------------------- */

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
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
