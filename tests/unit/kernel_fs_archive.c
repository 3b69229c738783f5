// SPDX-License-Identifier: MIT
// sources: kernel/fs/archive.c kernel/fs/cpio.c kernel/fs/boot_record.c
// cflags: -DSLIPWAY_HOST
/*
 * The kernel's readers of what the host made: index, cpio headers, boot record. A small archive is made by hand; each
 * hostile case changes one field of it and names the call that must refuse it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "abi/errno.h"
#include "abi/stat.h"
#include "fs/archive.h"
#include "fs/boot_record.h"
#include "fs/cpio.h"

#define INDEX_AT 4096u
#define DATA_AT 8192u
#define SIZE 16384u

struct image {
    u8 *bytes;
    struct sw_index_header *h;
    struct sw_index_inode *inodes;
    struct sw_index_dirent *dirents;
    char *names;
    u8 *xattrs;
};

static void put_header(u8 *at, const char *name, u32 name_size, u32 size)
{
    char text[CPIO_HEADER + 1];

    snprintf(text, sizeof(text), "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x", 1, 0100644, 0, 0, 1, 0,
             size, 0, 0, 0, 0, name_size, 0);
    memcpy(at, text, CPIO_HEADER);
    memcpy(at + CPIO_HEADER, name, strlen(name));
}

static void put_inode(struct image *m, u32 n, u32 mode, u64 size, u64 off, u32 first, u32 count)
{
    m->inodes[n] = (struct sw_index_inode){.mode = mode,
                                           .nlink = 1,
                                           .size = size,
                                           .data_off = off,
                                           .first = first,
                                           .count = count,
                                           .xattr_off = 0xffffffffu,
                                           .uid = n};
}

static void put_dirent(struct image *m, u32 n, const char *name, u32 inode, u32 mode)
{
    static u32 at;

    if (!n)
        at = 0;
    m->dirents[n] = (struct sw_index_dirent){
        .name_off = at, .name_len = (u16)strlen(name), .type = (u16)(mode >> 12), .inode = inode};
    memcpy(m->names + at, name, strlen(name));
    at += (u32)strlen(name);
}

/* /, /dir, /dir/link, /file, /zero: the tables one after the other in one page. */
static struct image make_image(void)
{
    struct image m = {.bytes = aligned_alloc(4096, SIZE)};
    u8 *i = m.bytes + INDEX_AT;

    memset(m.bytes, 0, SIZE);
    put_header(m.bytes, SW_INDEX_NAME, INDEX_AT - CPIO_HEADER, 4096);
    m.h = (void *)i;
    *m.h = (struct sw_index_header){.magic = SW_INDEX_MAGIC,
                                    .version = SW_INDEX_VERSION,
                                    .header_size = sizeof(*m.h),
                                    .index_size = 4096,
                                    .archive_size = SIZE,
                                    .inodes_off = 512,
                                    .dirents_off = 1024,
                                    .names_off = 2048,
                                    .names_size = 64,
                                    .xattrs_off = 3072,
                                    .xattrs_size = 64,
                                    .inode_count = 5,
                                    .dirent_count = 4};
    m.inodes = (void *)(i + 512);
    m.dirents = (void *)(i + 1024);
    m.names = (char *)i + 2048;
    m.xattrs = i + 3072;
    put_inode(&m, 0, S_IFDIR | 0755, 0, 0, 0, 3);
    put_inode(&m, 1, S_IFDIR | 0700, 0, 0, 3, 1);
    put_inode(&m, 2, S_IFREG | 0644, 5000, DATA_AT, 0, 0);
    put_inode(&m, 3, S_IFREG | 0644, 0, 0, 0, 0);
    put_inode(&m, 4, S_IFLNK | 0777, 4, DATA_AT + 5004, 0, 0);
    put_dirent(&m, 0, "dir", 1, S_IFDIR);
    put_dirent(&m, 1, "file", 2, S_IFREG);
    put_dirent(&m, 2, "zero", 3, S_IFREG);
    put_dirent(&m, 3, "link", 4, S_IFLNK);
    m.inodes[2].xattr_off = 0;
    m.inodes[2].xattr_len = 24;
    m.xattrs[0] = 6;
    m.xattrs[4] = 3;
    memcpy(m.xattrs + 8, "user.aval", 9);
    put_header(m.bytes + DATA_AT + 5100, "TRAILER!!!", 11, 0);
    return m;
}

static int open_image(struct image *m, struct archive *a)
{
    const char *why;

    return archive_open(a, m->bytes, SIZE, &why);
}

static void well_formed(void **state)
{
    (void)state;
    struct image m = make_image();
    struct archive a;
    struct archive_inode i;
    struct archive_xattr x;
    u32 n = 0, off = 0;

    assert_int_equal(open_image(&m, &a), 0);
    assert_true(a.indexed);
    assert_int_equal(archive_get_inode(&a, 0, &i), 0);
    assert_int_equal(archive_find(&a, &i, "file", 4, &n), 0);
    assert_int_equal(n, 2);
    assert_int_equal(archive_find(&a, &i, "fil", 3, &n), -ENOENT);
    assert_int_equal(archive_find(&a, &i, "zzz", 3, &n), -ENOENT);
    assert_int_equal(archive_get_inode(&a, 2, &i), 0);
    assert_ptr_equal(i.data, m.bytes + DATA_AT);
    assert_int_equal(archive_next_xattr(&i, &off, &x), 0);
    assert_int_equal(x.name_len, 6);
    assert_memory_equal(x.name, "user.a", 6);
    assert_int_equal(x.value_len, 3);
    assert_int_equal(archive_next_xattr(&i, &off, &x), 1);
    assert_int_equal(archive_get_inode(&a, 5, &i), -EIO);
    free(m.bytes);
}

/* ---- one field wrong ------------------------------------------------------------------------------------------------- */

static void refuse_open(void **state)
{
    static const struct {
        size_t at;
        u64 value;
        u32 size;
    } cases[] = {
        {offsetof(struct sw_index_header, magic), 1, 8},
        {offsetof(struct sw_index_header, version), 2, 4},
        {offsetof(struct sw_index_header, header_size), 8, 4},
        {offsetof(struct sw_index_header, index_size), 5000, 8},
        {offsetof(struct sw_index_header, index_size), ~0ull, 8},
        {offsetof(struct sw_index_header, archive_size), SIZE * 2, 8},
        {offsetof(struct sw_index_header, archive_size), SIZE - 1, 8},
        {offsetof(struct sw_index_header, inodes_off), 4096, 8},
        {offsetof(struct sw_index_header, inodes_off), ~7ull, 8},
        {offsetof(struct sw_index_header, inodes_off), 513, 8},
        {offsetof(struct sw_index_header, inodes_off), 0, 8},
        {offsetof(struct sw_index_header, dirents_off), 4090, 8},
        {offsetof(struct sw_index_header, names_size), ~0ull, 8},
        {offsetof(struct sw_index_header, xattrs_size), 2048, 8},
        {offsetof(struct sw_index_header, inode_count), 0, 4},
        {offsetof(struct sw_index_header, inode_count), ~0u, 4},
        {offsetof(struct sw_index_header, dirent_count), 1000, 4},
    };

    (void)state;
    for (size_t n = 0; n < ARRAY_SIZE(cases); n++) {
        struct image m = make_image();
        struct archive a;
        memcpy((u8 *)m.h + cases[n].at, &cases[n].value, cases[n].size);
        if (open_image(&m, &a) != -EINVAL)
            fail_msg("case %zu was accepted", n);
        free(m.bytes);
    }
}

static void refuse_inodes(void **state)
{
    (void)state;
    struct image m = make_image();
    struct archive a;
    struct archive_inode i;
    struct sw_index_inode good;

    assert_int_equal(open_image(&m, &a), 0);
    good = m.inodes[2];
#define REFUSED(field, v)                                     \
    do {                                                      \
        m.inodes[2].field = (v);                              \
        assert_int_equal(archive_get_inode(&a, 2, &i), -EIO); \
        m.inodes[2] = good;                                   \
    } while (0)
    REFUSED(mode, 0644);
    REFUSED(mode, 0170644);
    REFUSED(data_off, SIZE);
    REFUSED(data_off, ~0ull);
    REFUSED(data_off, INDEX_AT);
    REFUSED(data_off, 0); /* reaches into the index */
    REFUSED(size, SIZE);
    REFUSED(size, ~0ull);
    REFUSED(mtime_nsec, 1000000000u);
    REFUSED(xattr_off, 60);
    REFUSED(xattr_len, 65);
    good = m.inodes[2] = m.inodes[4];
    REFUSED(size, 0);
    REFUSED(size, 4096);
    good = m.inodes[2] = m.inodes[1];
    REFUSED(first, 5);
    REFUSED(count, 2);
    REFUSED(count, ~0u);
    free(m.bytes);
}

static void refuse_dirents(void **state)
{
    (void)state;
    struct image m = make_image();
    struct archive a;
    struct archive_dirent d;
    struct sw_index_dirent good = m.dirents[1];

    assert_int_equal(open_image(&m, &a), 0);
    assert_int_equal(archive_get_dirent(&a, 4, &d), -EIO);
#define REFUSED_NAME(field, v)                                 \
    do {                                                       \
        m.dirents[1].field = (v);                              \
        assert_int_equal(archive_get_dirent(&a, 1, &d), -EIO); \
        m.dirents[1] = good;                                   \
    } while (0)
    REFUSED_NAME(name_off, 65);
    REFUSED_NAME(name_off, ~0u);
    REFUSED_NAME(name_len, 0);
    REFUSED_NAME(name_len, 256);
    REFUSED_NAME(name_len, 20); /* NULs behind the name */
    REFUSED_NAME(inode, 5);
    REFUSED_NAME(inode, 0); /* the root as somebody's child */
    REFUSED_NAME(type, 16);
    memcpy(m.names + good.name_off, "..", 2);
    REFUSED_NAME(name_len, 2);
    REFUSED_NAME(name_len, 1);
    memcpy(m.names + good.name_off, "a/bc", 4);
    assert_int_equal(archive_get_dirent(&a, 1, &d), -EIO);
    free(m.bytes);
}

static void refuse_xattrs(void **state)
{
    (void)state;
    struct image m = make_image();
    struct archive a;
    struct archive_inode i;
    struct archive_xattr x;
    u32 off = 0;

    assert_int_equal(open_image(&m, &a), 0);
    assert_int_equal(archive_get_inode(&a, 2, &i), 0);
    m.xattrs[0] = 0;
    assert_int_equal(archive_next_xattr(&i, &off, &x), -EIO);
    m.xattrs[0] = 17;
    assert_int_equal(archive_next_xattr(&i, &off, &x), -EIO);
    m.xattrs[0] = 6;
    m.xattrs[4] = 11;
    assert_int_equal(archive_next_xattr(&i, &off, &x), -EIO);
    m.xattrs[7] = 0xff;
    assert_int_equal(archive_next_xattr(&i, &off, &x), -EIO);
    i.xattr_len = 7;
    assert_int_equal(archive_next_xattr(&i, &off, &x), -EIO);
    free(m.bytes);
}

/* ---- cpio ------------------------------------------------------------------------------------------------------------ */

static void cpio_entries(void **state)
{
    (void)state;
    u8 b[1024] = {0};
    struct cpio_entry e;
    u64 off = 0;

    put_header(b, "a", 2, 3);
    put_header(b + 116, "TRAILER!!!", 11, 0);
    put_header(b + 512, "./b", 4, 0); /* a second archive behind padding */
    assert_int_equal(cpio_next(b, sizeof(b), &off, &e), 0);
    assert_string_equal(e.name, "a");
    assert_int_equal(e.data_off, 112);
    assert_int_equal(e.size, 3);
    assert_int_equal(cpio_next(b, sizeof(b), &off, &e), 0);
    assert_string_equal(e.name, "./b");
    assert_int_equal(cpio_next(b, sizeof(b), &off, &e), 1);
    off = 0;
    assert_int_equal(cpio_next(b, 100, &off, &e), -EINVAL); /* header cut */
    off = 0;
    assert_int_equal(cpio_next(b, 113, &off, &e), -EINVAL); /* data cut */
    memcpy(b + 94, "ffffffff", 8);
    off = 0;
    assert_int_equal(cpio_next(b, sizeof(b), &off, &e), -EINVAL); /* name size */
    memcpy(b + 94, "0000000g", 8);
    off = 0;
    assert_int_equal(cpio_next(b, sizeof(b), &off, &e), -EINVAL); /* no digit */
}

/* ---- boot record ----------------------------------------------------------------------------------------------------- */

struct record {
    u8 bytes[512];
    u64 size;
};

static void add_item(struct record *r, u32 tag, const void *p, u32 len)
{
    struct sw_record_item item = {tag, len};

    memcpy(r->bytes + r->size, &item, sizeof(item));
    memcpy(r->bytes + r->size + sizeof(item), p, len);
    r->size += sizeof(item) + ALIGN_UP(len, 8u);
}

static void end_record(struct record *r, u32 items)
{
    struct sw_record_header h = {SW_RECORD_MAGIC, 1, items, r->size};

    memcpy(r->bytes, &h, sizeof(h));
}

static void record_items(void **state)
{
    (void)state;
    struct record r = {.size = sizeof(struct sw_record_header)};
    struct boot_record b;
    const char *why;
    u32 uid = 1000;

    add_item(&r, SW_REC_ARG, "/bin/sh", 7);
    add_item(&r, SW_REC_ENV, "A=1", 3);
    add_item(&r, SW_REC_ARG, "-c", 2);
    add_item(&r, SW_REC_UID, &uid, 4);
    add_item(&r, 99, "?", 1);
    end_record(&r, 5);
    assert_int_equal(boot_record_parse(&b, r.bytes, r.size, &why), 0);
    assert_int_equal(b.argc, 2);
    assert_int_equal(b.envc, 1);
    assert_int_equal(b.uid, 1000);
    assert_int_equal(b.unknown_tag, 99);
    struct record_string s = boot_record_string(&b, SW_REC_ARG, 1);
    assert_int_equal(s.len, 2);
    assert_memory_equal(s.s, "-c", 2);
    assert_null(boot_record_string(&b, SW_REC_ARG, 2).s);
    for (u64 cut = 0; cut < r.size; cut++) {
        end_record(&r, 5);
        assert_int_equal(boot_record_parse(&b, r.bytes, cut, &why), -EINVAL);
    }
    end_record(&r, 6);
    assert_int_equal(boot_record_parse(&b, r.bytes, r.size, &why), -EINVAL);
}

static void record_refused(void **state)
{
    static const struct {
        u32 tag, len;
        const char *value;
    } cases[] = {{SW_REC_ENV, 3, "A\0B"},       {SW_REC_CWD, 3, "tmp"},   {SW_REC_CWD, 0, ""},
                 {SW_REC_UID, 2, "12"},         {SW_REC_HOSTNAME, 0, ""}, {SW_REC_STOP_SIGNAL, 4, "\0\0\0\0"},
                 {SW_REC_RLIMIT, 8, "12345678"}};

    (void)state;
    for (size_t n = 0; n < ARRAY_SIZE(cases); n++) {
        struct record r = {.size = sizeof(struct sw_record_header)};
        struct boot_record b;
        const char *why;
        add_item(&r, SW_REC_ARG, "a", 1);
        add_item(&r, cases[n].tag, cases[n].value, cases[n].len);
        end_record(&r, 2);
        if (boot_record_parse(&b, r.bytes, r.size, &why) != -EINVAL)
            fail_msg("case %zu was accepted", n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(well_formed),    cmocka_unit_test(refuse_open),    cmocka_unit_test(refuse_inodes),
        cmocka_unit_test(refuse_dirents), cmocka_unit_test(refuse_xattrs),  cmocka_unit_test(cpio_entries),
        cmocka_unit_test(record_items),   cmocka_unit_test(record_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
