// SPDX-License-Identifier: MIT
/*
 * What a tar can say of an entry, in each of the dialects: long and odd names, owners, times, extended attributes, sparse
 * files; and the table of entries on disk.
 */
#include "tests/unit/oci_merge.h"

/* Merges one layer that must be good. */
static struct tree *merge_one(struct bytes *b)
{
    struct layers s = {.count = 1};
    struct oci_error err = {.msg = ""};
    struct tree *tree;

    oci_limits_init(&s.limits);
    tar_end(b);
    s.tar[0] = *b;
    tree = merge_all(&s, &err);
    if (!tree)
        fail_msg("%s", err.msg);
    bytes_free(b);
    return tree;
}

static struct tree_entry *get(struct tree *t, const char *path)
{
    struct tree_entry *e = NULL;

    if (tree_resolve(t, path, 0, &e) != 0)
        fail_msg("%s is missing", path);
    return e;
}

static void check_content(struct tree *t, const char *path, const char *expected, size_t expected_len)
{
    char *data;
    size_t len;

    assert_int_equal(tree_read_file(t, get(t, path), 1 << 20, &data, &len), 0);
    assert_int_equal(len, expected_len);
    assert_memory_equal(data, expected, len);
    free(data);
}

static void test_names(void **state)
{
    /* e with an accent, decomposed; bytes that are no UTF-8; both are names like any other */
    static const char decomposed[] = "cafe\xcc\x81", invalid[] = "no\xff\xfeutf8";
    struct bytes b = {0}, pax = {0};
    char path[400];

    (void)state;
    memset(path, 'p', sizeof(path));
    memset(path + 200, '/', 1);
    path[399] = 0;
    tar_gnu_long(&b, 'L', path);
    tar_text(&b, "short", "gnu");
    pax_text(&pax, "path", decomposed);
    tar_pax(&b, &pax);
    tar_text(&b, "x", "1");
    pax_text(&pax, "path", invalid);
    pax_text(&pax, "mtime", "1700000000.123456789");
    tar_pax(&b, &pax);
    tar_text(&b, "x", "2");
    pax_text(&pax, "linkpath", decomposed);
    tar_pax(&b, &pax);
    tar_link(&b, '2', "l", "x");
    tar_text(&b, "ustar\xe9", "3");
    struct tree *t = merge_one(&b);
    check_content(t, path, "gnu", 3);
    check_content(t, decomposed, "1", 1);
    check_content(t, invalid, "2", 1);
    check_content(t, "ustar\xe9", "3", 1);
    assert_string_equal(get(t, "l")->inode->symlink, decomposed);
    assert_int_equal(get(t, invalid)->inode->mtime_sec, 1700000000);
    assert_int_equal(get(t, invalid)->inode->mtime_nsec, 123456789);
    tree_free(t);
}

static void test_attributes(void **state)
{
    static const unsigned char capability[20] = {1, 0, 0, 2, 0, 4};
    struct bytes b = {0}, pax = {0};

    (void)state;
    pax_record(&pax, "SCHILY.xattr.security.capability", capability, sizeof(capability));
    pax_text(&pax, "SCHILY.xattr.user.empty", "");
    pax_text(&pax, "SCHILY.xattr.security.selinux", "host");
    pax_text(&pax, "LIBARCHIVE.xattr.user.b64", "aGVsbG8");
    pax_text(&pax, "uid", "4294967294");
    pax_text(&pax, "gid", "100000");
    pax_text(&pax, "mtime", "-1.5");
    tar_pax(&b, &pax);
    TAR(&b, .name = "ping", .mode = 06755, .data = "x", .len = 1);
    TAR(&b, .name = "base256", .uid = 3000000, .gid = 4000000000, .mtime = 1LL << 34);
    struct tree *t = merge_one(&b);
    const struct tree_inode *i = get(t, "ping")->inode;
    assert_int_equal(i->mode, S_IFREG | 06755);
    assert_int_equal(i->uid, 4294967294u);
    assert_int_equal(i->gid, 100000);
    assert_int_equal(i->xattr_count, 3);
    assert_string_equal(i->xattrs[0].name, "security.capability");
    assert_int_equal(i->xattrs[0].value_len, sizeof(capability));
    assert_memory_equal(i->xattrs[0].value, capability, sizeof(capability));
    assert_string_equal(i->xattrs[1].name, "user.b64");
    assert_memory_equal(i->xattrs[1].value, "hello", 5);
    assert_int_equal(i->xattrs[2].value_len, 0);
    i = get(t, "base256")->inode;
    assert_int_equal(i->uid, 3000000);
    assert_int_equal(i->gid, 4000000000u);
    assert_int_equal(i->mtime_sec, 1LL << 34);
    tree_free(t);
}

static void check_sparse(struct tree *t, const char *path)
{
    static char expected[20000];

    memset(expected, 0, sizeof(expected));
    memset(expected + 4096, 'A', 1000);
    memset(expected + 12288, 'B', 512);
    check_content(t, path, expected, sizeof(expected));
    assert_int_equal(get(t, path)->inode->extent_count, 2);
}

static void add_sparse_data(struct bytes *b)
{
    char data[1536];

    memset(data, 'A', 1000);
    memset(data + 1000, 'B', 512);
    tar_data(b, data, 1512);
}

/* The four sparse formats: old GNU, and PAX 0.0, 0.1, 1.0. */
static void test_sparse(void **state)
{
    struct bytes b = {0}, pax = {0};
    struct tar_file f = {.name = "old", .type = 'S'};

    (void)state;
    tar_header(&b, &f, 1512);
    char *h = (char *)b.data;
    memset(h + 257, 0, 512 - 257);
    memcpy(h + 257, "ustar  ", 8);
    tar_number(h + 386, 12, 4096);
    tar_number(h + 398, 12, 1000);
    tar_number(h + 410, 12, 12288);
    tar_number(h + 422, 12, 512);
    tar_number(h + 483, 12, 20000);
    tar_checksum(h);
    add_sparse_data(&b);

    pax_text(&pax, "GNU.sparse.size", "20000");
    pax_text(&pax, "GNU.sparse.numblocks", "2");
    pax_text(&pax, "GNU.sparse.offset", "4096");
    pax_text(&pax, "GNU.sparse.numbytes", "1000");
    pax_text(&pax, "GNU.sparse.offset", "12288");
    pax_text(&pax, "GNU.sparse.numbytes", "512");
    tar_pax(&b, &pax);
    tar_header(&b, &(struct tar_file){.name = "pax00"}, 1512);
    add_sparse_data(&b);

    pax_text(&pax, "GNU.sparse.size", "20000");
    pax_text(&pax, "GNU.sparse.name", "pax01");
    pax_text(&pax, "GNU.sparse.map", "4096,1000,12288,512");
    tar_pax(&b, &pax);
    tar_header(&b, &(struct tar_file){.name = "x"}, 1512);
    add_sparse_data(&b);

    pax_text(&pax, "GNU.sparse.major", "1");
    pax_text(&pax, "GNU.sparse.minor", "0");
    pax_text(&pax, "GNU.sparse.name", "pax10");
    pax_text(&pax, "GNU.sparse.realsize", "20000");
    tar_pax(&b, &pax);
    char map[512] = "2\n4096\n1000\n12288\n512\n";
    tar_header(&b, &(struct tar_file){.name = "x"}, 512 + 1512);
    bytes_add(&b, map, 512);
    add_sparse_data(&b);

    struct tree *t = merge_one(&b);
    check_sparse(t, "old");
    check_sparse(t, "pax00");
    check_sparse(t, "pax01");
    check_sparse(t, "pax10");
    tree_free(t);
}

/* The table on disk: what is stored is loaded; any flipped byte and any other tar are noticed. */
static void test_table_file(void **state)
{
    char path[] = "/tmp/slipway-table-XXXXXX";
    struct oci_limits limits;
    struct oci_error err = {.msg = ""};
    struct table_context ctx = {"LAYER", &limits, &err};
    struct table table, loaded;
    struct bytes b = {0};
    int fd, file = mkstemp(path);

    (void)state;
    oci_limits_init(&limits);
    tar_text(&b, "a/b", "content");
    tar_link(&b, '2', "l", "a");
    tar_end(&b);
    fd = bytes_fd(&b);
    assert_int_equal(table_build(fd, &ctx, &table), 0);
    unlink(path);
    assert_int_equal(table_store(&table, path, fd), 0);
    assert_int_equal(table_load(path, fd, &loaded), 0);
    assert_int_equal(loaded.header->entry_count, 2);
    assert_memory_equal(loaded.strings + loaded.entries[0].path, "a/b", 3);
    table_clear(&loaded);
    table_clear(&table);
    close(file);
    file = open(path, O_RDWR);
    off_t size = lseek(file, 0, SEEK_END);
    for (off_t at = 0; at < size; at++) {
        unsigned char c;
        assert_int_equal(pread(file, &c, 1, at), 1);
        c ^= 0x10;
        assert_int_equal(pwrite(file, &c, 1, at), 1);
        assert_int_equal(table_load(path, fd, &loaded), -1);
        c ^= 0x10;
        assert_int_equal(pwrite(file, &c, 1, at), 1);
    }
    assert_int_equal(table_load(path, fd, &loaded), 0);
    table_clear(&loaded);
    assert_int_equal(ftruncate(file, size - 1), 0);
    assert_int_equal(table_load(path, fd, &loaded), -1);
    assert_int_equal(ftruncate(fd, 512), 0);
    assert_int_equal(table_load(path, fd, &loaded), -1);
    unlink(path);
    close(file);
    close(fd);
    bytes_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_attributes),
        cmocka_unit_test(test_sparse),
        cmocka_unit_test(test_table_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
