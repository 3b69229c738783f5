// SPDX-License-Identifier: MIT
/*
 * Layers laid over one another. The first byte chooses what the rest of the input is: the bytes of up to four tars (the
 * checksums of whose headers are put right, for no mutation would), or a script of four bytes an entry that writes tars of
 * a few names which meet often: files, directories, links, whiteouts. Checked beside crashes: the count of names of each
 * inode, the order of children, generations, and that extents stay inside their file and their tar.
 */
#include "oci/limits.h"
#include "oci/merge.h"
#include "tests/unit/oci_tar.h"

#include <sys/stat.h>

#define LAYERS 4

/* Puts right the checksum of whatever stands where a header may stand. */
static void fix_checksums(uint8_t *tar, size_t len)
{
    for (size_t at = 0; at + 512 <= len; at += 512) {
        char *h = (char *)tar + at, text[8];
        unsigned sum = 0;

        if (memcmp(h + 257, "ustar", 5) != 0)
            continue;
        memset(h + 148, ' ', 8);
        for (size_t n = 0; n < 512; n++)
            sum += (uint8_t)h[n];
        snprintf(text, sizeof(text), "%06o", sum & 0777777);
        memcpy(h + 148, text, 7);
    }
}

struct check {
    uint64_t tar_len[LAYERS];
    uint64_t entries;
};

static void check(bool ok)
{
    if (!ok)
        abort();
}

static void check_extents(const struct tree_inode *i, const struct check *c)
{
    uint64_t end = 0;

    for (uint32_t n = 0; n < i->extent_count; n++) {
        const struct tree_extent *x = &i->extents[n];
        check(x->file_off >= end && x->len <= i->size && x->file_off <= i->size - x->len);
        check(x->source < LAYERS && x->len <= c->tar_len[x->source] && x->source_off <= c->tar_len[x->source] - x->len);
        end = x->file_off + x->len;
    }
}

static int check_entry(struct tree_entry *e, void *arg)
{
    struct check *c = arg;

    c->entries += e->parent != NULL;
    check(e->inode->refs > 0);
    check(!e->parent || (S_ISDIR(e->parent->inode->mode) && e->generation <= e->parent->generation));
    check(S_ISDIR(e->inode->mode) || e->child_count == 0);
    for (uint32_t n = 1; n < e->child_count; n++)
        check(strcmp(e->children[n - 1]->name, e->children[n]->name) < 0);
    check_extents(e->inode, c);
    return 0;
}

static int add_layer(struct merge *m, uint8_t *tar, size_t len, const struct oci_limits *limits, uint32_t source)
{
    struct oci_error err = {.msg = ""};
    struct table_context ctx = {.object = "input", .limits = limits, .err = &err};
    struct table table;
    int error;

    if (table_build_memory(tar, len, &ctx, &table) < 0)
        return -1;
    error = merge_layer(m, &table, source, &ctx);
    table_clear(&table);
    return error;
}

/* Cuts the input in pieces of whole blocks. */
static void raw_tars(const uint8_t *data, size_t size, struct bytes tars[LAYERS])
{
    size_t part = (size / 512 + LAYERS - 1) / LAYERS * 512;

    for (size_t n = 0; n < LAYERS && n * part < size; n++) {
        bytes_add(&tars[n], data + n * part, size - n * part < part ? size - n * part : part);
        fix_checksums(tars[n].data, tars[n].len);
    }
}

/* A name of up to three components, two bits and more each. */
static void make_name(uint8_t bits, uint8_t last, char out[64])
{
    static const char *const dirs[] = {"", "a/", "b/", "../"};
    static const char *const names[] = {"a", "b", "c", ".wh.a", ".wh.b", ".wh..wh..opq", ".", ".."};

    snprintf(out, 64, "%s%s%s%s%s", bits & 0x40 ? "/" : "", dirs[bits & 3], dirs[bits >> 2 & 3], dirs[bits >> 4 & 3],
             names[last & 7]);
}

static void scripted_tars(const uint8_t *data, size_t size, struct bytes tars[LAYERS])
{
    static const char types[] = "0011222255536040";
    unsigned layer = 0;

    for (; size >= 4; data += 4, size -= 4) {
        char name[64], target[64];

        if ((data[0] & 0xf0) == 0xf0 && ++layer == LAYERS)
            return;
        make_name(data[1], data[2], name);
        make_name(data[3], data[2] >> 4, target);
        TAR(&tars[layer], .name = name, .type = types[data[0] & 15], .link = target, .data = data,
            .len = types[data[0] & 15] == '0' ? data[2] >> 6 : 0);
    }
}

static void merge_tars(struct tree *tree, struct bytes tars[LAYERS])
{
    struct merge m = {.tree = tree};
    struct oci_limits limits;
    struct check c = {0};

    oci_limits_init(&limits);
    limits.entries = 5000;
    for (uint32_t n = 0; n < LAYERS; n++)
        c.tar_len[n] = tars[n].len;
    for (uint32_t n = 0; n < LAYERS; n++) {
        if (add_layer(&m, tars[n].data, tars[n].len, &limits, n) < 0)
            break;
    }
    tree_walk(tree, check_entry, &c);
    check(c.entries == tree_entry_count(tree));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes tars[LAYERS] = {0};
    struct tree *tree = tree_new();

    if (tree && size > 1) {
        if (data[0] & 1)
            raw_tars(data + 1, size - 1, tars);
        else
            scripted_tars(data + 1, size - 1, tars);
        merge_tars(tree, tars);
    }
    for (unsigned n = 0; n < LAYERS; n++)
        bytes_free(&tars[n]);
    tree_free(tree);
    return 0;
}
