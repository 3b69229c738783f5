// SPDX-License-Identifier: MIT
/*
 * The archive writer: layout, limits, reproducibility; and that GNU cpio and libarchive's bsdcpio extract what was put
 * in. The reader is tried on damaged archives as well.
 */
#include "initramfs-builder/archive.h"

#include "initramfs-builder/read.h"
#include "initramfs-builder/record.h"
#include "initramfs-builder/tree.h"
#include "kernel/boot_contract.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define SOURCE_SIZE (3u << 20)

static struct tree_entry *link_new(struct tree_entry *dir, const char *name, uint32_t mode)
{
    struct tree_entry *e = NULL;

    assert_int_equal(tree_link(dir, name, strlen(name), tree_inode_new(mode), &e), 0);
    e->inode->mtime_sec = 1700000000;
    return e;
}

static struct tree_entry *add_file(struct tree_entry *dir, const char *name, uint64_t size, uint64_t source_off)
{
    struct tree_entry *e = link_new(dir, name, S_IFREG | 0644);

    e->inode->size = size;
    if (size) {
        e->inode->extents = calloc(1, sizeof(struct tree_extent));
        e->inode->extents[0] = (struct tree_extent){.len = size, .source_off = source_off};
        e->inode->extent_count = 1;
    }
    return e;
}

/* A source whose bytes differ from their neighbours and are never all zero. */
static int make_source(void)
{
    uint32_t *words = malloc(SOURCE_SIZE);
    char name[] = "/tmp/slipway-test-source-XXXXXX";
    int fd = mkstemp(name);

    unlink(name);
    for (uint32_t n = 0; n < SOURCE_SIZE / 4; n++)
        words[n] = n * 2654435761u | 1;
    assert_int_equal(write(fd, words, SOURCE_SIZE), SOURCE_SIZE);
    free(words);
    return fd;
}

static void add_special(struct tree_entry *root)
{
    struct tree_entry *e = link_new(root, "null", S_IFCHR | 0666);

    e->inode->rdev_major = 1;
    e->inode->rdev_minor = 3;
    link_new(root, "fifo", S_IFIFO | 0600);
    e = link_new(root, "link", S_IFLNK | 0777);
    e->inode->symlink = strdup("dir/../dir/f4096");
    assert_int_equal(tree_link(root, "link2", 5, e->inode, NULL), 0);
    e = add_file(root, "hard1", 5000, 17);
    assert_int_equal(tree_link(tree_lookup(root, "dir", 3), "hard2", 5, e->inode, NULL), 0);
    assert_int_equal(tree_link(root, "zhard3", 6, e->inode, NULL), 0);
    e = add_file(root, "empty1", 0, 0);
    assert_int_equal(tree_link(root, "empty2", 6, e->inode, NULL), 0);
    e = link_new(root, "blob", S_IFREG | 04755);
    e->inode->blob = strdup("made up");
    e->inode->size = 7;
    e->inode->uid = 70000;
    e->inode->gid = 4000000000u;
    assert_int_equal(tree_set_xattr(e->inode, "security.capability", "\1\0\0\2", 4), 0);
    assert_int_equal(tree_set_xattr(e->inode, "user.empty", "", 0), 0);
}

static void add_sparse(struct tree_entry *root)
{
    struct tree_entry *e = add_file(root, "sparse", 1000000, 0);

    e->inode->extents = reallocarray(e->inode->extents, 2, sizeof(struct tree_extent));
    e->inode->extents[0] = (struct tree_extent){.file_off = 4096, .len = 100, .source_off = 5};
    e->inode->extents[1] = (struct tree_extent){.file_off = 900000, .len = 5000, .source_off = 9};
    e->inode->extent_count = 2;
}

/* Names of all lengths at all places, so that every way of aligning is taken. */
static void add_many(struct tree_entry *root)
{
    struct tree_entry *dir = link_new(root, "many", S_IFDIR | 0755);

    for (uint32_t n = 0; n < 900; n++) {
        char name[256];
        int len = snprintf(name, sizeof(name), "%03u", n);

        memset(name + len, 'n', n % 240);
        name[len + n % 240] = 0;
        add_file(dir, name, n * 2741 % 9000, n * 31);
    }
}

static struct tree *make_tree(void)
{
    struct tree *t = tree_new();
    struct tree_entry *root = tree_root(t), *dir = link_new(root, "dir", S_IFDIR | 01777), *deep = dir;
    static const uint32_t sizes[] = {1, 4095, 4096, 4097, 8192, 300000, 1048576 * 2 + 1};

    tree_add_source(t, make_source());
    for (unsigned n = 0; n < sizeof(sizes) / sizeof(sizes[0]); n++) {
        char name[32];
        snprintf(name, sizeof(name), "f%u", sizes[n]);
        add_file(dir, name, sizes[n], n * 7);
    }
    for (int n = 0; n < 15; n++) { /* a path so long that only a filler of more than a page helps */
        char name[255];
        memset(name, 'a' + n, 254);
        name[254] = 0;
        deep = link_new(deep, name, S_IFDIR | 0755);
    }
    for (int n = 0; n < 40; n++) {
        char name[256];
        memset(name, 'p', sizeof(name));
        snprintf(name + 200 + n, 16, "%03d", n);
        add_file(deep, name, 4096 + (uint32_t)n * 13, (uint32_t)n);
    }
    add_file(root, "TRAILER!!!", 4, 0);
    add_many(root);
    add_special(root);
    add_sparse(root);
    return t;
}

static struct record make_record(void)
{
    struct record r;

    record_init(&r);
    record_add_string(&r, SW_REC_ARG, "/bin/true");
    record_add_u32(&r, SW_REC_UID, 1000);
    record_add_i64(&r, SW_REC_TIME, -5);
    record_add_rlimit(&r, 7, 1024, 4096);
    assert_int_equal(record_finish(&r), 0);
    return r;
}

static void *write_archive(struct tree *t, const struct archive_options *o, uint64_t *size)
{
    struct archive_error error = {""};
    struct archive *a = NULL;
    char name[] = "/tmp/slipway-test-XXXXXX";
    int fd = mkstemp(name);
    void *data;

    unlink(name);
    if (archive_plan(t, o, &a, &error) < 0)
        fail_msg("%s", error.message);
    if (archive_write(a, fd, NULL, NULL, &error) < 0)
        fail_msg("%s", error.message);
    *size = archive_size(a);
    assert_int_equal(lseek(fd, 0, SEEK_END), *size);
    data = malloc(*size);
    assert_int_equal(pread(fd, data, *size, 0), *size);
    close(fd);
    archive_destroy(a);
    return data;
}

static uint32_t field(const char *header, int n)
{
    char digits[9] = {0};

    memcpy(digits, header + 6 + 8 * n, 8);
    return (uint32_t)strtoul(digits, NULL, 16);
}

/* ---- layout ------------------------------------------------------------------------------------------------ */

static void check_headers(const char *data, uint64_t size)
{
    uint64_t at = 0;
    unsigned entries = 0;

    for (;;) {
        const char *h = data + at;
        uint32_t file_size, name_size;

        assert_true(at + 110 < size);
        assert_memory_equal(h, "070701", 6);
        file_size = field(h, 6);
        name_size = field(h, 11);
        assert_true(name_size <= 4096);
        assert_true(strlen(h + 110) < name_size);
        for (size_t n = strlen(h + 110); n < name_size; n++)
            assert_int_equal(h[110 + n], 0);
        if (!strcmp(h + 110, "TRAILER!!!"))
            break;
        if (entries < 2)
            assert_string_equal(h + 110, entries ? SW_RECORD_NAME : SW_INDEX_NAME);
        at = (at + 110 + name_size + 3) & ~3ull;
        if (file_size >= SW_PAGE) {
            assert_int_equal(name_size % 4, 2);
            assert_int_equal(at % SW_PAGE, 0);
        }
        at = (at + file_size + 3) & ~3ull;
        entries++;
    }
    assert_true(entries > 950);
}

static void layout_is_as_the_contract_says(void **state)
{
    struct tree *t = make_tree();
    struct record r = make_record();
    struct archive_options o = {.record = r.data, .record_len = r.size, .tail = true};
    struct sw_archive_tail *tail;
    struct sw_index_header *h;
    uint64_t size;
    char *data = write_archive(t, &o, &size);

    (void)state;
    assert_int_equal(size % SW_PAGE, 0);
    check_headers(data, size);
    h = (struct sw_index_header *)(data + SW_PAGE);
    assert_true(h->magic == SW_INDEX_MAGIC);
    assert_int_equal(h->archive_size, size);
    tail = (struct sw_archive_tail *)(data + size - sizeof(*tail));
    assert_true(tail->magic == SW_TAIL_MAGIC);
    assert_int_equal(tail->size, size);
    free(data);
    record_free(&r);
    tree_free(t);
}

static const struct sw_index_inode *find(const char *data, const char *path)
{
    const struct sw_index_header *h = (const void *)(data + SW_PAGE);
    const char *base = (const char *)h;
    const struct sw_index_inode *inodes = (const void *)(base + h->inodes_off), *at = inodes;
    const struct sw_index_dirent *dirents = (const void *)(base + h->dirents_off);

    while (*path) {
        size_t len = strcspn(path, "/");
        uint32_t n = 0;

        for (; n < at->count; n++) {
            const struct sw_index_dirent *d = &dirents[at->first + n];
            if (d->name_len == len && !memcmp(base + h->names_off + d->name_off, path, len))
                break;
        }
        assert_true(n < at->count);
        at = &inodes[dirents[at->first + n].inode];
        path += len + (path[len] == '/');
    }
    return at;
}

static void index_describes_everything(void **state)
{
    struct tree *t = make_tree();
    struct archive_options o = {0};
    uint64_t size;
    char *data = write_archive(t, &o, &size), *contents;
    const struct sw_index_inode *i;
    size_t len;

    (void)state;
    i = find(data, "");
    assert_int_equal(i->mode, S_IFDIR | 0755);
    assert_int_equal(i->nlink, 4); /* ., .., dir, many */
    i = find(data, "dir");
    assert_int_equal(i->mode, S_IFDIR | 01777);
    assert_int_equal(i->parent, 0);
    i = find(data, "hard1");
    assert_int_equal(i->nlink, 3);
    assert_ptr_equal(i, find(data, "dir/hard2"));
    assert_ptr_equal(i, find(data, "zhard3"));
    assert_int_equal(i->data_off % SW_PAGE, 0);
    assert_int_equal(tree_read_file(t, tree_lookup(tree_root(t), "hard1", 5), 5000, &contents, &len), 0);
    assert_memory_equal(data + i->data_off, contents, len);
    free(contents);
    i = find(data, "link");
    assert_int_equal(i->size, 16);
    assert_memory_equal(data + i->data_off, "dir/../dir/f4096", 16);
    assert_int_equal(find(data, "empty1")->data_off, 0);
    i = find(data, "null");
    assert_int_equal(i->rdev_major * 256 + i->rdev_minor, 259);
    i = find(data, "blob");
    assert_int_equal(i->gid, 4000000000u);
    assert_int_equal(i->xattr_len, 32 + 24);
    assert_int_equal(find(data, "dir")->xattr_off, 0xffffffffu);
    free(data);
    tree_free(t);
}

static void same_tree_same_bytes(void **state)
{
    struct tree *t = make_tree(), *u = make_tree();
    struct archive_options o = {0};
    uint64_t size, size2;
    char *data = write_archive(t, &o, &size), *data2 = write_archive(u, &o, &size2);
    int pipes[2], status;
    struct archive *a;
    struct archive_error error = {""};
    pid_t child;

    (void)state;
    assert_int_equal(size, size2);
    assert_memory_equal(data, data2, size);
    assert_int_equal(pipe(pipes), 0); /* a pipe has no holes and no copy_file_range */
    assert_int_equal(archive_plan(t, &o, &a, &error), 0);
    child = fork();
    if (child == 0) {
        close(pipes[0]);
        _exit(archive_write(a, pipes[1], NULL, NULL, &error) < 0);
    }
    close(pipes[1]);
    for (uint64_t at = 0; at < size;) {
        ssize_t n = read(pipes[0], data2 + at, size - at);
        assert_true(n > 0);
        at += (uint64_t)n;
    }
    waitpid(child, &status, 0);
    assert_int_equal(status, 0);
    assert_memory_equal(data, data2, size);
    close(pipes[0]);
    archive_destroy(a);
    free(data);
    free(data2);
    tree_free(t);
    tree_free(u);
}

static void times_are_clamped(void **state)
{
    struct tree *t = tree_new();
    struct tree_entry *e = add_file(tree_root(t), "f", 0, 0);
    struct archive_options o = {.clamp_mtime = true, .epoch = 1000};
    uint64_t size;
    char *data;

    (void)state;
    e->inode->mtime_sec = 1000;
    e->inode->mtime_nsec = 1;
    data = write_archive(t, &o, &size);
    assert_int_equal(find(data, "f")->mtime_sec, 1000);
    assert_int_equal(find(data, "f")->mtime_nsec, 0);
    free(data);
    e->inode->mtime_sec = 0x123456789; /* beyond newc's 32 bits: the index keeps it */
    o.clamp_mtime = false;
    data = write_archive(t, &o, &size);
    assert_true(find(data, "f")->mtime_sec == 0x123456789);
    assert_int_equal(find(data, "f")->mtime_nsec, 1);
    free(data);
    tree_free(t);
}

/* ---- limits ------------------------------------------------------------------------------------------------ */

static void refused(struct tree *t, const char *text)
{
    struct archive_options o = {0};
    struct archive_error error = {""};
    struct archive *a;

    assert_true(archive_plan(t, &o, &a, &error) < 0);
    if (!strstr(error.message, text))
        fail_msg("\"%s\" lacks \"%s\"", error.message, text);
    tree_free(t);
}

static void limits_are_named(void **state)
{
    struct tree *t = tree_new();
    struct tree_entry *deep, *e;

    (void)state;
    add_file(tree_root(t), "huge", 1ull << 32, 0);
    refused(t, "archive /huge: it has 4294967296 bytes");
    t = tree_new();
    add_file(tree_root(t), SW_INDEX_NAME, 1, 0);
    refused(t, "reserved");
    t = tree_new();
    deep = tree_root(t);
    for (int n = 0; n < 2100; n++)
        deep = link_new(deep, "x", S_IFDIR | 0755);
    refused(t, "path is longer than 4093");
    t = tree_new();
    e = add_file(tree_root(t), "f", 10, 0);
    e->inode->extents[0].len = 11;
    refused(t, "archive /f: its extents");
    t = tree_new();
    link_new(tree_root(t), "l", S_IFLNK | 0777);
    refused(t, "archive /l: the symlink");
}

static void short_source_is_an_error(void **state)
{
    struct tree *t = tree_new();
    struct archive_options o = {0};
    struct archive_error error = {""};
    struct archive *a;
    int fd = memfd_create("out", 0);

    (void)state;
    tree_add_source(t, make_source());
    add_file(tree_root(t), "f", 1 << 20, SOURCE_SIZE - 100);
    assert_int_equal(archive_plan(t, &o, &a, &error), 0);
    assert_true(archive_write(a, fd, NULL, NULL, &error) < 0);
    assert_non_null(strstr(error.message, "ends too early"));
    close(fd);
    archive_destroy(a);
    tree_free(t);
}

/* ---- reading back ------------------------------------------------------------------------------------------ */

static int memory_file(const void *data, uint64_t size)
{
    int fd = memfd_create("archive", 0);

    assert_int_equal(pwrite(fd, data, size, 3 * SW_PAGE), size);
    return fd;
}

static int count_item(uint32_t tag, const void *value, uint32_t len, void *arg)
{
    (void)value;
    *(uint32_t *)arg += tag * 1000 + len;
    return 0;
}

static void what_was_written_is_read(void **state)
{
    struct tree *t = make_tree();
    struct record r = make_record();
    struct archive_options o = {.record = r.data, .record_len = r.size};
    struct archive_contents c;
    struct archive_error error = {""};
    uint64_t size, size2;
    char *data = write_archive(t, &o, &size), *again;
    int fd = memory_file(data, size);
    uint32_t sum = 0;

    (void)state;
    if (archive_read(fd, 3 * SW_PAGE, size, &c, &error) < 0)
        fail_msg("%s", error.message);
    assert_int_equal(c.record_len, r.size);
    assert_memory_equal(c.record, r.data, r.size);
    assert_int_equal(record_parse(c.record, c.record_len, count_item, &sum), 0);
    assert_int_equal(sum, (SW_REC_ARG + SW_REC_UID + SW_REC_TIME + SW_REC_RLIMIT) * 1000 + 9 + 4 + 8 + 24);
    again = write_archive(c.tree, &o, &size2);
    assert_int_equal(size, size2);
    assert_memory_equal(data, again, size);
    archive_contents_free(&c);
    close(fd);
    free(again);
    free(data);
    record_free(&r);
    tree_free(t);
}

static void damage_is_found_or_harmless(void **state)
{
    struct tree *t = tree_new();
    struct record r = make_record();
    struct archive_options o = {.record = r.data, .record_len = r.size};
    uint64_t size;
    char *data;

    (void)state;
    add_file(link_new(tree_root(t), "d", S_IFDIR | 0755), "f", 0, 0);
    tree_set_xattr(tree_root(t)->inode, "user.x", "y", 1);
    data = write_archive(t, &o, &size);
    for (uint64_t at = 0; at < size; at++) {
        static const char values[] = {0, 1, 0x7f, -1};
        char old = data[at];

        if (at == 200)
            at = SW_PAGE - 8; /* only zeros of the name field */
        for (unsigned n = 0; n < sizeof(values); n++) {
            struct archive_contents c;
            struct archive_error error = {""};
            int fd;

            data[at] = values[n];
            fd = memory_file(data, size);
            if (archive_read(fd, 3 * SW_PAGE, size - at % 7, &c, &error) == 0)
                archive_contents_free(&c);
            close(fd);
        }
        data[at] = old;
    }
    free(data);
    record_free(&r);
    tree_free(t);
}

static void records_with_damage_are_refused(void **state)
{
    struct record r = make_record();
    uint32_t sum = 0;

    (void)state;
    for (size_t n = 0; n < r.size; n++)
        assert_int_equal(record_parse(r.data, n, count_item, &sum), -EINVAL);
    ((struct sw_record_header *)r.data)->item_count++;
    assert_int_equal(record_parse(r.data, r.size, count_item, &sum), -EINVAL);
    record_free(&r);
}

/* ---- other readers ----------------------------------------------------------------------------------------- */

static struct extracted {
    char dir[64];
} extracted;

static int check_extracted(struct tree_entry *e, void *arg)
{
    struct tree *t = arg;
    char path[8192], names[4500] = "";
    struct stat st;
    char *data, *found;
    size_t len;
    FILE *f;

    for (struct tree_entry *up = e; up->parent; up = up->parent) {
        snprintf(path, sizeof(path), "/%s%s", up->name, names);
        strcpy(names, path);
    }
    snprintf(path, sizeof(path), "%s%s", extracted.dir, names);
    if (strlen(path) >= 4096)
        return 0; /* the host's own limit */
    if (lstat(path, &st) < 0)
        fail_msg("%s: %s", path, strerror(errno));
    assert_int_equal(st.st_mode & S_IFMT, e->inode->mode & S_IFMT);
    if (!S_ISREG(st.st_mode))
        return 0;
    assert_int_equal(st.st_nlink, e->inode->refs);
    assert_int_equal(st.st_size, e->inode->size);
    assert_int_equal(st.st_mtime, e->inode->mtime_sec);
    assert_int_equal(tree_read_file(t, e, 1 << 24, &data, &len), 0);
    found = malloc(len + 1);
    f = fopen(path, "r");
    assert_non_null(f);
    assert_int_equal(fread(found, 1, len, f), len);
    assert_memory_equal(data, found, len);
    fclose(f);
    free(data);
    free(found);
    return 0;
}

/* Extracts with `command` (which reads %s) and compares; skips when the program is not there. */
static void extracts_with(const char *program, const char *options)
{
    struct tree *t = make_tree();
    struct record r = make_record();
    struct archive_options o = {.record = r.data, .record_len = r.size};
    uint64_t size;
    char *data = write_archive(t, &o, &size), command[256];
    FILE *f;

    strcpy(extracted.dir, "/tmp/slipway-test-XXXXXX");
    assert_non_null(mkdtemp(extracted.dir));
    /* Device nodes need root; everything else is compared for anyone. */
    if (geteuid() != 0)
        tree_unlink(tree_lookup(tree_root(t), "null", 4));
    snprintf(command, sizeof(command), "cd %s && %s %s >out 2>&1", extracted.dir, program, options);
    f = popen(command, "w");
    assert_int_equal(fwrite(data, 1, size, f), size);
    if (pclose(f) && geteuid() == 0) {
        snprintf(command, sizeof(command), "cat %s/out", extracted.dir);
        (void)!system(command);
        fail_msg("%s failed", program);
    }
    tree_walk(t, check_extracted, t);
    snprintf(command, sizeof(command), "rm -rf %s", extracted.dir); /* some paths are too long for nftw */
    assert_int_equal(system(command), 0);
    free(data);
    record_free(&r);
    tree_free(t);
}

static void gnu_cpio_reads_it(void **state)
{
    (void)state;
    if (system("command -v cpio >/dev/null"))
        skip();
    extracts_with("cpio", "-idm --quiet --no-preserve-owner");
}

static void libarchive_reads_it(void **state)
{
    (void)state;
    if (system("command -v bsdcpio >/dev/null"))
        skip();
    extracts_with("bsdcpio", "-idm --quiet -R $(id -u):$(id -g)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layout_is_as_the_contract_says),
        cmocka_unit_test(index_describes_everything),
        cmocka_unit_test(same_tree_same_bytes),
        cmocka_unit_test(times_are_clamped),
        cmocka_unit_test(limits_are_named),
        cmocka_unit_test(short_source_is_an_error),
        cmocka_unit_test(what_was_written_is_read),
        cmocka_unit_test(damage_is_found_or_harmless),
        cmocka_unit_test(records_with_damage_are_refused),
        cmocka_unit_test(gnu_cpio_reads_it),
        cmocka_unit_test(libarchive_reads_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
