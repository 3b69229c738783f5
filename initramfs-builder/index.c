// SPDX-License-Identifier: MIT
/*
 * Builds the index of a tree.
 *
 * Two walks: the first numbers the inodes in order of their first name and measures the tables, the second fills
 * them. A number is kept in the inode's builder_cookie as number + 1, so that 0 is "not yet seen".
 */
#include "initramfs-builder/index.h"

#include "initramfs-builder/tree.h"

#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define ALIGN8(n) (((n) + 7) & ~(uint64_t)7)
#define NO_XATTRS 0xffffffffu
#define FILE_LIMIT ((uint64_t)UINT32_MAX) /* newc's size field: 8 hexadecimal digits */
#define SYMLINK_LIMIT 4095u
#define NSEC_PER_SEC 1000000000u

/* What the first walk counts. */
struct census {
    uint64_t inodes, dirents, names, xattrs;
    struct archive_error *error;
};

/* The second walk's place in each table. */
struct fill {
    struct index *x;
    const struct archive_options *options;
    uint32_t next_dirent;
    uint64_t name_at, xattr_at;
    uint8_t *names, *xattrs;
};

int archive_fail(struct archive_error *error, int code, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(error->message, sizeof(error->message), format, args);
    va_end(args);
    return code;
}

int entry_path(const struct tree_entry *e, char path[ENTRY_PATH_MAX])
{
    size_t at = ENTRY_PATH_MAX - 1;

    path[at] = 0;
    for (; e->parent; e = e->parent) {
        if (at < (size_t)e->name_len + 1)
            return -ENAMETOOLONG;
        at -= e->name_len;
        memcpy(path + at, e->name, e->name_len);
        path[--at] = '/';
    }
    at += path[at] == '/';
    if (!path[at])
        path[--at] = '.';
    memmove(path, path + at, ENTRY_PATH_MAX - at);
    return (int)(ENTRY_PATH_MAX - 1 - at);
}

static const char *shown_path(const struct tree_entry *e)
{
    static _Thread_local char path[ENTRY_PATH_MAX];

    return entry_path(e, path) < 0 ? e->name : path;
}

uint32_t index_number(const struct tree_inode *i)
{
    return (uint32_t)(i->builder_cookie - 1);
}

/* ---- first walk -------------------------------------------------------------------------------------------- */

static int reset_cookie(struct tree_entry *e, void *arg)
{
    (void)arg;
    e->inode->builder_cookie = 0;
    return 0;
}

static uint64_t xattr_bytes(const struct tree_inode *i)
{
    uint64_t bytes = 0;

    for (uint32_t n = 0; n < i->xattr_count; n++)
        bytes += ALIGN8(8 + strlen(i->xattrs[n].name) + i->xattrs[n].value_len);
    return bytes;
}

static int check_extents(const struct tree_entry *e, struct archive_error *error)
{
    const struct tree_inode *i = e->inode;
    uint64_t end = 0;

    for (uint32_t n = 0; n < i->extent_count; n++) {
        const struct tree_extent *x = &i->extents[n];
        if (x->file_off < end || x->len > i->size || x->file_off > i->size - x->len)
            return archive_fail(error, -EINVAL, "archive /%s: its extents overlap or pass its end", shown_path(e));
        end = x->file_off + x->len;
    }
    return 0;
}

static int check_inode(const struct tree_entry *e, struct archive_error *error)
{
    const struct tree_inode *i = e->inode;

    switch (i->mode & S_IFMT) {
    case S_IFREG:
        if (i->size > FILE_LIMIT)
            return archive_fail(error, -EFBIG, "archive /%s: it has %llu bytes; a cpio archive holds files below 4 GiB",
                                shown_path(e), (unsigned long long)i->size);
        return check_extents(e, error);
    case S_IFLNK:
        if (!i->symlink || !*i->symlink || strlen(i->symlink) > SYMLINK_LIMIT)
            return archive_fail(error, -EINVAL, "archive /%s: the symlink's target is empty or longer than %u bytes",
                                shown_path(e), SYMLINK_LIMIT);
        return 0;
    case S_IFDIR:
        if (i->refs > 1)
            return archive_fail(error, -EINVAL, "archive /%s: a directory with two names", shown_path(e));
        return 0;
    case S_IFBLK:
    case S_IFCHR:
    case S_IFIFO:
    case S_IFSOCK:
        return 0;
    default:
        return archive_fail(error, -EINVAL, "archive /%s: unknown file type %#o", shown_path(e), i->mode & S_IFMT);
    }
}

static bool is_reserved(const struct tree_entry *e)
{
    return e->parent && !e->parent->parent && (!strcmp(e->name, SW_INDEX_NAME) || !strcmp(e->name, SW_RECORD_NAME));
}

static int count_entry(struct tree_entry *e, void *arg)
{
    struct census *c = arg;
    int result = 0;

    if (is_reserved(e))
        return archive_fail(c->error, -EEXIST, "archive /%s: the name is reserved for Slipway itself", e->name);
    if (!e->inode->builder_cookie) {
        result = check_inode(e, c->error);
        e->inode->builder_cookie = ++c->inodes;
        c->xattrs += xattr_bytes(e->inode);
    }
    if (e->parent) {
        c->dirents++;
        c->names += e->name_len;
    }
    return result;
}

/* ---- the tables' places ------------------------------------------------------------------------------------ */

static int check_census(const struct census *c)
{
    if (c->inodes >= UINT32_MAX || c->dirents >= UINT32_MAX || c->names >= UINT32_MAX || c->xattrs >= UINT32_MAX)
        return archive_fail(c->error, -EFBIG,
                            "archive the image: %llu files, %llu bytes of names, %llu bytes of xattrs; the index holds "
                            "less than 4 Gi of each",
                            (unsigned long long)c->inodes, (unsigned long long)c->names, (unsigned long long)c->xattrs);
    return 0;
}

static int place_tables(struct index *x, const struct census *c)
{
    uint64_t inodes = ALIGN8(sizeof(struct sw_index_header));
    uint64_t dirents = ALIGN8(inodes + c->inodes * sizeof(struct sw_index_inode));
    uint64_t names = ALIGN8(dirents + c->dirents * sizeof(struct sw_index_dirent));
    uint64_t xattrs = ALIGN8(names + c->names);

    x->size = xattrs + c->xattrs;
    if (x->size > FILE_LIMIT)
        return archive_fail(c->error, -EFBIG, "archive the image: its index would pass 4 GiB");
    x->blob = calloc(1, x->size);
    if (!x->blob)
        return archive_fail(c->error, -ENOMEM, "archive the image: out of memory");
    x->header = (struct sw_index_header *)x->blob;
    x->inodes = (struct sw_index_inode *)(x->blob + inodes);
    x->dirents = (struct sw_index_dirent *)(x->blob + dirents);
    *x->header = (struct sw_index_header){
        .magic = SW_INDEX_MAGIC,
        .version = SW_INDEX_VERSION,
        .header_size = sizeof(struct sw_index_header),
        .index_size = x->size,
        .inodes_off = inodes,
        .dirents_off = dirents,
        .names_off = names,
        .names_size = c->names,
        .xattrs_off = xattrs,
        .xattrs_size = c->xattrs,
        .inode_count = (uint32_t)c->inodes,
        .dirent_count = (uint32_t)c->dirents,
    };
    return 0;
}

/* ---- second walk ------------------------------------------------------------------------------------------- */

static void fill_xattrs(struct fill *f, const struct tree_inode *i, struct sw_index_inode *to)
{
    to->xattr_off = i->xattr_count ? (uint32_t)f->xattr_at : NO_XATTRS;
    for (uint32_t n = 0; n < i->xattr_count; n++) {
        const struct tree_xattr *a = &i->xattrs[n];
        uint16_t name_len = (uint16_t)strlen(a->name);
        uint8_t *at = f->xattrs + f->xattr_at;

        memcpy(at, &name_len, sizeof(name_len));
        memcpy(at + 4, &a->value_len, sizeof(a->value_len));
        memcpy(at + 8, a->name, name_len);
        memcpy(at + 8 + name_len, a->value, a->value_len);
        f->xattr_at += ALIGN8(8 + (uint64_t)name_len + a->value_len);
    }
    to->xattr_len = i->xattr_count ? (uint32_t)(f->xattr_at - to->xattr_off) : 0;
}

static void fill_mtime(const struct archive_options *o, const struct tree_inode *i, struct sw_index_inode *to)
{
    bool late = o->clamp_mtime && (i->mtime_sec > o->epoch || (i->mtime_sec == o->epoch && i->mtime_nsec));

    to->mtime_sec = late ? o->epoch : i->mtime_sec;
    to->mtime_nsec = late ? 0 : i->mtime_nsec < NSEC_PER_SEC ? i->mtime_nsec : NSEC_PER_SEC - 1;
}

/* Dirents, and the children's types: the numbers are all given. */
static void fill_directory(struct fill *f, const struct tree_entry *e, struct sw_index_inode *to)
{
    to->nlink = 2;
    to->first = e->child_count ? f->next_dirent : 0;
    to->count = e->child_count;
    to->parent = e->parent ? index_number(e->parent->inode) : 0;
    for (uint32_t n = 0; n < e->child_count; n++) {
        const struct tree_entry *child = e->children[n];

        f->x->dirents[f->next_dirent++] = (struct sw_index_dirent){
            .name_off = (uint32_t)f->name_at,
            .name_len = child->name_len,
            .type = (uint16_t)IFTODT(child->inode->mode),
            .inode = index_number(child->inode),
        };
        memcpy(f->names + f->name_at, child->name, child->name_len);
        f->name_at += child->name_len;
        to->nlink += S_ISDIR(child->inode->mode);
    }
}

static void fill_inode(struct fill *f, const struct tree_inode *i, struct sw_index_inode *to)
{
    to->mode = i->mode;
    to->uid = i->uid;
    to->gid = i->gid;
    fill_mtime(f->options, i, to);
    if (S_ISCHR(i->mode) || S_ISBLK(i->mode)) {
        to->rdev_major = i->rdev_major;
        to->rdev_minor = i->rdev_minor;
    }
    if (S_ISREG(i->mode)) {
        to->size = i->size;
        f->x->header->data_bytes += i->size;
    } else if (S_ISLNK(i->mode)) {
        to->size = strlen(i->symlink);
    }
    fill_xattrs(f, i, to);
}

static int fill_entry(struct tree_entry *e, void *arg)
{
    struct fill *f = arg;
    struct sw_index_inode *to = &f->x->inodes[index_number(e->inode)];

    if (!to->mode)
        fill_inode(f, e->inode, to);
    if (S_ISDIR(to->mode))
        fill_directory(f, e, to);
    else
        to->nlink++;
    return 0;
}

int index_build(struct index *x, struct tree *t, const struct archive_options *options, struct archive_error *error)
{
    struct census c = {.error = error};
    struct fill f = {.x = x, .options = options};
    int result;

    *x = (struct index){0};
    tree_walk(t, reset_cookie, NULL);
    result = tree_walk(t, count_entry, &c);
    if (!result)
        result = check_census(&c);
    if (!result)
        result = place_tables(x, &c);
    if (result)
        return result;
    f.names = x->blob + x->header->names_off;
    f.xattrs = x->blob + x->header->xattrs_off;
    tree_walk(t, fill_entry, &f);
    return 0;
}

void index_free(struct index *x)
{
    free(x->blob);
    *x = (struct index){0};
}
