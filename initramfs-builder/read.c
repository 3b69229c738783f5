// SPDX-License-Identifier: MIT
/*
 * Reads an archive by its index. Every offset, length and number is checked before it is used; a directory that is
 * named twice or never, and so any loop, is refused.
 */
#include "initramfs-builder/read.h"

#include "initramfs-builder/index.h"
#include "initramfs-builder/tree.h"
#include "kernel/boot_contract.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NEWC_HEADER 110u
#define NEWC_FILESIZE 54u /* offsets of the two fields we need */
#define NEWC_NAMESIZE 94u
#define INDEX_LIMIT (1u << 30)
#define RECORD_LIMIT (16u << 20)
#define SYMLINK_LIMIT 4095u
#define NO_XATTRS 0xffffffffu
#define ALIGN8(n) (((n) + 7) & ~(uint64_t)7)

struct reader {
    int fd;
    uint64_t base, size;
    uint64_t index_at; /* from base */
    uint8_t *blob;     /* the index */
    const struct sw_index_header *header;
    const struct sw_index_inode *inodes;
    const struct sw_index_dirent *dirents;
    const char *names;
    const uint8_t *xattrs;
    struct tree *tree;
    uint32_t source;
    struct tree_inode **made;  /* by number */
    struct tree_entry **queue; /* directories whose children are still to be linked */
    uint32_t queued;
};

static int read_at(const struct reader *r, uint64_t offset, void *to, uint64_t len)
{
    uint64_t done = 0;

    if (offset > r->size || len > r->size - offset)
        return -EINVAL;
    while (done < len) {
        ssize_t n = pread(r->fd, (char *)to + done, len - done, (off_t)(r->base + offset + done));
        if (n < 0 && errno != EINTR)
            return -errno;
        if (n == 0)
            return -EINVAL;
        if (n > 0)
            done += (uint64_t)n;
    }
    return 0;
}

/* ---- headers ----------------------------------------------------------------------------------------------- */

static int hex_field(const char *header, unsigned at, uint32_t *value)
{
    char digits[9] = {0};
    char *end;

    memcpy(digits, header + at, 8);
    *value = (uint32_t)strtoul(digits, &end, 16);
    return end == digits + 8 ? 0 : -EINVAL;
}

/* Reads the entry at *at, which must be called `name`; leaves *at behind it. -ENOENT: another name. */
static int read_entry(const struct reader *r, uint64_t *at, const char *name, uint64_t *data, uint32_t *size)
{
    char header[NEWC_HEADER], found[32] = {0};
    uint32_t name_size;
    int error = read_at(r, *at, header, sizeof(header));

    if (!error && memcmp(header, "070701", 6) != 0)
        error = -EINVAL;
    if (!error)
        error = hex_field(header, NEWC_FILESIZE, size);
    if (!error)
        error = hex_field(header, NEWC_NAMESIZE, &name_size);
    if (!error)
        error = read_at(r, *at + NEWC_HEADER, found, strlen(name) + 1);
    if (error)
        return error;
    if (name_size <= strlen(name) || strcmp(found, name) != 0)
        return -ENOENT;
    *data = (*at + NEWC_HEADER + name_size + 3) & ~(uint64_t)3;
    *at = (*data + *size + 3) & ~(uint64_t)3;
    return 0;
}

static bool table_fits(uint64_t off, uint64_t bytes, uint64_t size)
{
    return off % 8 == 0 && off >= sizeof(struct sw_index_header) && off <= size && bytes <= size - off;
}

static int check_header(const struct sw_index_header *h, uint64_t size)
{
    bool ok = h->magic == SW_INDEX_MAGIC && h->version == SW_INDEX_VERSION && h->index_size == size &&
              table_fits(h->inodes_off, (uint64_t)h->inode_count * sizeof(struct sw_index_inode), size) &&
              table_fits(h->dirents_off, (uint64_t)h->dirent_count * sizeof(struct sw_index_dirent), size) &&
              table_fits(h->names_off, h->names_size, size) && table_fits(h->xattrs_off, h->xattrs_size, size) &&
              h->inode_count > 0;

    return ok ? 0 : -EINVAL;
}

static int load_index(struct reader *r, uint64_t *next)
{
    uint32_t size = 0;
    int error = read_entry(r, next, SW_INDEX_NAME, &r->index_at, &size);

    if (error)
        return error;
    if (size < sizeof(struct sw_index_header) || size > INDEX_LIMIT)
        return -EINVAL;
    r->blob = malloc(size);
    if (!r->blob)
        return -ENOMEM;
    error = read_at(r, r->index_at, r->blob, size);
    if (error)
        return error;
    r->header = (const struct sw_index_header *)r->blob;
    error = check_header(r->header, size);
    if (error)
        return error;
    r->inodes = (const struct sw_index_inode *)(r->blob + r->header->inodes_off);
    r->dirents = (const struct sw_index_dirent *)(r->blob + r->header->dirents_off);
    r->names = (const char *)(r->blob + r->header->names_off);
    r->xattrs = r->blob + r->header->xattrs_off;
    return 0;
}

static int load_record(const struct reader *r, uint64_t at, struct archive_contents *out)
{
    uint64_t data;
    uint32_t size = 0;
    int error = read_entry(r, &at, SW_RECORD_NAME, &data, &size);

    if (error)
        return error == -ENOENT ? 0 : error;
    if (size > RECORD_LIMIT)
        return -EINVAL;
    out->record = malloc(size ? size : 1);
    out->record_len = size;
    return out->record ? read_at(r, data, out->record, size) : -ENOMEM;
}

/* ---- inodes ------------------------------------------------------------------------------------------------ */

static int make_xattrs(const struct reader *r, const struct sw_index_inode *from, struct tree_inode *i)
{
    uint64_t at = from->xattr_off, end = at + from->xattr_len;

    if (from->xattr_off == NO_XATTRS)
        return 0;
    if (end > r->header->xattrs_size)
        return -EINVAL;
    while (at < end) {
        char name[256] = {0};
        uint16_t name_len;
        uint32_t value_len;
        int error;

        if (end - at < 8)
            return -EINVAL;
        memcpy(&name_len, r->xattrs + at, sizeof(name_len));
        memcpy(&value_len, r->xattrs + at + 4, sizeof(value_len));
        if (name_len >= sizeof(name) || end - at - 8 < (uint64_t)name_len + value_len)
            return -EINVAL;
        memcpy(name, r->xattrs + at + 8, name_len);
        error = tree_set_xattr(i, name, r->xattrs + at + 8 + name_len, value_len);
        if (error)
            return error;
        at += ALIGN8(8 + (uint64_t)name_len + value_len);
    }
    return 0;
}

static int make_data(const struct reader *r, const struct sw_index_inode *from, struct tree_inode *i)
{
    if (from->data_off > r->size || from->size > r->size - from->data_off)
        return -EINVAL;
    if (S_ISLNK(i->mode)) {
        if (from->size == 0 || from->size > SYMLINK_LIMIT)
            return -EINVAL;
        i->symlink = calloc(1, from->size + 1);
        return i->symlink ? read_at(r, from->data_off, i->symlink, from->size) : -ENOMEM;
    }
    i->size = from->size;
    if (from->size == 0)
        return 0;
    i->extents = calloc(1, sizeof(*i->extents));
    if (!i->extents)
        return -ENOMEM;
    i->extents[0] =
        (struct tree_extent){.len = from->size, .source_off = r->base + from->data_off, .source = r->source};
    i->extent_count = 1;
    return 0;
}

static int make_inode(struct reader *r, uint32_t number)
{
    const struct sw_index_inode *from = &r->inodes[number];
    struct tree_inode *i = r->made[number] = tree_inode_new(from->mode);
    int error = 0;

    if (!i)
        return -ENOMEM;
    i->uid = from->uid;
    i->gid = from->gid;
    i->mtime_sec = from->mtime_sec;
    i->mtime_nsec = from->mtime_nsec;
    i->rdev_major = from->rdev_major;
    i->rdev_minor = from->rdev_minor;
    if (S_ISREG(i->mode) || S_ISLNK(i->mode))
        error = make_data(r, from, i);
    return error ? error : make_xattrs(r, from, i);
}

/* ---- entries ----------------------------------------------------------------------------------------------- */

static int link_one(struct reader *r, struct tree_entry *dir, const struct sw_index_dirent *d)
{
    struct tree_entry *child;
    bool is_dir, named;
    int error;

    if (d->inode == 0 || d->inode >= r->header->inode_count || d->name_off > r->header->names_size ||
        d->name_len > r->header->names_size - d->name_off)
        return -EINVAL;
    is_dir = S_ISDIR(r->inodes[d->inode].mode);
    named = r->made[d->inode] != NULL;
    if (named && is_dir)
        return -EINVAL;
    error = named ? 0 : make_inode(r, d->inode);
    if (!error)
        error = tree_link(dir, r->names + d->name_off, d->name_len, r->made[d->inode], &child);
    if (!error && is_dir) {
        child->inode->builder_cookie = d->inode;
        r->queue[r->queued++] = child;
    }
    return error;
}

static int link_children(struct reader *r, struct tree_entry *dir)
{
    const struct sw_index_inode *from = &r->inodes[dir->inode->builder_cookie];
    int error = 0;

    if (from->first > r->header->dirent_count || from->count > r->header->dirent_count - from->first)
        return -EINVAL;
    for (uint32_t n = 0; n < from->count && !error; n++)
        error = link_one(r, dir, &r->dirents[from->first + n]);
    return error;
}

static int load_tree(struct reader *r)
{
    struct tree_entry *root = tree_root(r->tree);
    int error;

    if (!S_ISDIR(r->inodes[0].mode))
        return -EINVAL;
    error = make_inode(r, 0);
    if (error)
        return error;
    r->made[0]->builder_cookie = 0;
    tree_replace_inode(root, r->made[0]);
    r->queue[r->queued++] = root;
    while (r->queued && !error)
        error = link_children(r, r->queue[--r->queued]);
    return error;
}

/* ---- the whole --------------------------------------------------------------------------------------------- */

static int add_source(struct reader *r)
{
    int fd = fcntl(r->fd, F_DUPFD_CLOEXEC, 3), source;

    if (fd < 0)
        return -errno;
    source = tree_add_source(r->tree, fd);
    if (source < 0)
        close(fd);
    r->source = (uint32_t)source;
    return source < 0 ? source : 0;
}

static int read_all(struct reader *r, struct archive_contents *out)
{
    uint64_t next = 0;
    int error = load_index(r, &next);

    if (!error)
        error = load_record(r, next, out);
    if (error)
        return error;
    r->tree = out->tree = tree_new();
    r->made = calloc(r->header->inode_count, sizeof(struct tree_inode *));
    r->queue = calloc(r->header->inode_count, sizeof(struct tree_entry *));
    if (!r->tree || !r->made || !r->queue)
        return -ENOMEM;
    error = add_source(r);
    return error ? error : load_tree(r);
}

/* Inodes that were made but never linked belong to nobody. */
static void free_reader(struct reader *r)
{
    for (uint32_t n = 0; r->made && n < r->header->inode_count; n++)
        if (r->made[n] && r->made[n]->refs == 0)
            tree_inode_unref(r->made[n]);
    free(r->made);
    free(r->queue);
    free(r->blob);
}

static int read_failed(int result, struct archive_contents *out, struct archive_error *error)
{
    archive_contents_free(out);
    if (result == -EINVAL || result == -ENOENT || result == -EEXIST)
        return archive_fail(error, result, "read the archive: it is damaged or has no index of Slipway's");
    return archive_fail(error, result, "read the archive: %s", strerror(-result));
}

int archive_read(int fd, uint64_t base, uint64_t size, struct archive_contents *out, struct archive_error *error)
{
    struct reader r = {.fd = fd, .base = base, .size = size};
    int result;

    *out = (struct archive_contents){0};
    result = read_all(&r, out);
    free_reader(&r);
    return result ? read_failed(result, out, error) : 0;
}

int archive_read_record(int fd, uint64_t base, uint64_t size, struct archive_contents *out, struct archive_error *error)
{
    struct reader r = {.fd = fd, .base = base, .size = size};
    uint64_t next = 0, data;
    uint32_t len;
    int result;

    *out = (struct archive_contents){0};
    result = read_entry(&r, &next, SW_INDEX_NAME, &data, &len);
    if (!result)
        result = load_record(&r, next, out);
    return result ? read_failed(result, out, error) : 0;
}

void archive_contents_free(struct archive_contents *c)
{
    tree_free(c->tree);
    free(c->record);
    *c = (struct archive_contents){0};
}
