// SPDX-License-Identifier: MIT
/*
 * Directories by path; see place.h. The rules are those of umoci's SecureJoin followed by MkdirAll:
 * - The position is an existing entry and a tail of names below it that do not exist (or lie below a non-directory).
 *   ".." takes from the tail first, so "missing/../usr" is "usr" and makes nothing.
 * - A symlink's target is put before what is left of the path; an absolute one starts again at the root.
 */
#include "oci/place.h"
#include "oci/error.h"
#include "oci/path.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#define SYMLINK_LIMIT 255 /* as SecureJoin */
#define NAME_LIMIT 255

struct resolver {
    struct place *place;
    struct tree_entry *at;
    char *rest; /* malloc'ed; what is left of the path */
    const char *next;
    char *tail; /* "a/b": names below `at` that do not exist */
    size_t tail_len, tail_cap;
    unsigned symlinks;
};

uint64_t place_path_len(const struct tree_entry *e)
{
    uint64_t len = 0;

    for (; e->parent; e = e->parent)
        len += e->name_len + (uint64_t)(e->parent->parent != NULL);
    return len;
}

static int push_tail(struct resolver *r, const char *name, size_t len)
{
    size_t need = r->tail_len + len + 2;

    if (r->tail_len + len > r->place->path_limit)
        return -ENAMETOOLONG;
    if (need > r->tail_cap) {
        char *grown = realloc(r->tail, need * 2);
        if (!grown)
            return -ENOMEM;
        r->tail = grown;
        r->tail_cap = need * 2;
    }
    if (r->tail_len)
        r->tail[r->tail_len++] = '/';
    memcpy(r->tail + r->tail_len, name, len);
    r->tail_len += len;
    return 0;
}

static void go_up(struct resolver *r)
{
    const char *slash = r->tail_len ? memrchr(r->tail, '/', r->tail_len) : NULL;

    if (r->tail_len)
        r->tail_len = slash ? (size_t)(slash - r->tail) : 0;
    else if (r->at->parent)
        r->at = r->at->parent;
}

static int follow(struct resolver *r, const struct tree_inode *link)
{
    const char *target = link->symlink ? link->symlink : "";
    char *rest;

    if (++r->symlinks > SYMLINK_LIMIT)
        return -ELOOP;
    if (strlen(target) + strlen(r->next) > 4 * (r->place->path_limit + 1))
        return -ENAMETOOLONG;
    rest = oci_format("%s/%s", target, r->next);
    if (!rest)
        return -ENOMEM;
    if (*target == '/')
        r->at = tree_root(r->place->tree);
    free(r->rest);
    r->rest = rest;
    r->next = rest;
    return 0;
}

static int step(struct resolver *r, const char *name, size_t len)
{
    struct tree_entry *child = NULL;

    if (len == 2 && name[0] == '.' && name[1] == '.') {
        go_up(r);
        return 0;
    }
    if (len > NAME_LIMIT)
        return -ENAMETOOLONG;
    if (!r->tail_len && S_ISDIR(r->at->inode->mode))
        child = tree_lookup(r->at, name, len);
    if (!child)
        return push_tail(r, name, len);
    if (S_ISLNK(child->inode->mode))
        return follow(r, child->inode);
    r->at = child;
    return 0;
}

static int make_tail(struct resolver *r)
{
    const char *rest = r->tail ? r->tail : "", *name;
    size_t len;

    if (r->tail)
        r->tail[r->tail_len] = 0;
    /* What gets a child of this generation is of this generation, up to the root. */
    for (struct tree_entry *e = r->at; e && e->generation < r->place->generation; e = e->parent)
        e->generation = r->place->generation;
    while ((name = path_next(&rest, &len))) {
        struct tree_inode *inode = tree_inode_new(S_IFDIR | 0755);
        int error = inode ? tree_link(r->at, name, len, inode, &r->at) : -ENOMEM;

        if (error) {
            tree_inode_unref(inode);
            return error;
        }
        r->at->generation = r->place->generation;
        r->place->made++;
    }
    return 0;
}

static int resolve(struct resolver *r)
{
    const char *name;
    size_t len;
    int error = 0;

    while (!error && (name = path_next(&r->next, &len)))
        error = step(r, name, len);
    if (!error && place_path_len(r->at) + 1 + r->tail_len > r->place->path_limit)
        error = -ENAMETOOLONG;
    return error;
}

static int run(struct place *p, const char *path, size_t len, bool make, struct tree_entry **out)
{
    struct resolver r = {.place = p, .at = tree_root(p->tree), .rest = strndup(path, len)};
    int error;

    r.next = r.rest;
    error = r.rest ? resolve(&r) : -ENOMEM;
    if (!error && r.tail_len)
        error = !S_ISDIR(r.at->inode->mode) ? -ENOTDIR : make ? make_tail(&r) : -ENOENT;
    if (!error && !S_ISDIR(r.at->inode->mode))
        error = -ENOTDIR;
    *out = r.at;
    free(r.rest);
    free(r.tail);
    return error;
}

int place_make(struct place *p, const char *path, size_t len, struct tree_entry **out)
{
    return run(p, path, len, true, out);
}

int place_find(struct place *p, const char *path, size_t len, struct tree_entry **out)
{
    return run(p, path, len, false, out);
}
