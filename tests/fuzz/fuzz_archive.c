// SPDX-License-Identifier: MIT
// sources: kernel/fs/archive.c kernel/fs/cpio.c kernel/fs/boot_record.c
// cflags: -DSLIPWAY_HOST -Ikernel
/*
 * The kernel's view of an archive: whatever the bytes, opening it and reading everything it names stays inside of it. Half
 * of the inputs are taken as the index itself, behind a sound header, so that the tables are reached.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs/archive.h"
#include "fs/boot_record.h"
#include "fs/cpio.h"

#define MAX_STEPS 4096u

static volatile u8 sink;

static void touch(const void *p, size_t n)
{
    const u8 *b = p;

    if (n) {
        sink ^= b[0];
        sink ^= b[n - 1];
    }
}

static void read_inode(const struct archive *a, u32 number)
{
    struct archive_inode i;
    struct archive_dirent d;
    struct archive_xattr x;
    u32 off = 0, found;

    if (archive_get_inode(a, number, &i))
        return;
    touch(i.data, i.size);
    for (u32 n = 0; n < i.count && n < MAX_STEPS; n++) {
        if (archive_get_dirent(a, i.first + n, &d))
            continue;
        touch(d.name, d.name_len);
        (void)archive_find(a, &i, d.name, d.name_len, &found);
    }
    (void)archive_find(a, &i, "etc", 3, &found);
    while (!archive_next_xattr(&i, &off, &x)) {
        touch(x.name, x.name_len);
        touch(x.value, x.value_len);
    }
}

static void read_record(const u8 *p, u64 size)
{
    struct boot_record r;
    const char *why;

    if (boot_record_parse(&r, p, size, &why))
        return;
    for (u32 n = 0; n < r.argc; n++) {
        struct record_string s = boot_record_string(&r, SW_REC_ARG, n);
        touch(s.s, s.len);
    }
}

static void read_all(const u8 *bytes, u64 size)
{
    struct archive a;
    struct cpio_entry e;
    const char *why;
    u64 off = 0;

    if (!archive_open(&a, bytes, size, &why)) {
        for (u32 n = 0; a.indexed && n < a.inode_count && n < MAX_STEPS; n++)
            read_inode(&a, n);
        if (a.record)
            read_record(a.record, a.record_size);
    }
    for (u32 n = 0; n < MAX_STEPS && !cpio_next(bytes, size, &off, &e); n++) {
        touch(e.name, e.name_len + 1);
        touch(bytes + e.data_off, e.size);
    }
    (void)archive_tail_ok(bytes, size);
}

/* The input as the content of an index that starts at the second page. */
static void read_as_index(const u8 *data, size_t size)
{
    size_t room = ALIGN_UP(size + sizeof(struct sw_index_header), 8ul), total = ALIGN_UP(4096 + room, 4096ul);
    u8 *b = aligned_alloc(4096, total);
    char head[111];

    if (!b)
        return;
    memset(b, 0, total);
    snprintf(head, sizeof(head), "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x", 1, 0100644, 0, 0, 1, 0,
             (u32)room, 0, 0, 0, 0, 4096 - CPIO_HEADER, 0);
    memcpy(b, head, CPIO_HEADER);
    strcpy((char *)b + CPIO_HEADER, SW_INDEX_NAME);
    memcpy(b + 4096, data, size);
    struct sw_index_header *h = (void *)(b + 4096);
    h->magic = SW_INDEX_MAGIC;
    h->version = SW_INDEX_VERSION;
    h->header_size = sizeof(*h);
    h->index_size = room;
    h->archive_size = total;
    h->inode_count %= 64;
    h->dirent_count %= 64;
    h->inodes_off %= room;
    h->dirents_off %= room;
    h->names_off %= room;
    h->xattrs_off %= room;
    read_all(b, total);
    free(b);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
    if (!size)
        return 0;
    if (data[0] & 1) {
        read_as_index(data + 1, size - 1);
        return 0;
    }
    size_t total = ALIGN_UP(size, 4096ul); /* archives are padded to pages */
    u8 *b = aligned_alloc(4096, total);
    if (!b)
        return 0;
    memset(b, 0, total);
    memcpy(b, data + 1, size - 1);
    read_all(b, total);
    read_record(data + 1, size - 1);
    free(b);
    return 0;
}
