// SPDX-License-Identifier: MIT
/*
 * Layers laid over one another, by umoci's rules:
 * - Names are cleaned first: "..", "." and a leading "/" lead nowhere but inside the root.
 * - Symlinks in the parent's path are followed inside the root; the last component never is.
 * - A directory over a directory takes over the attributes and keeps the children. Anything else replaces what was
 *   there, a symlink to a directory too.
 * - ".wh.NAME" removes NAME, ".wh..wh..opq" empties its directory, of what lower layers put there: an entry whose
 *   generation is this layer's stays, wherever in the layer the whiteout stands. Opaque markers come first: a
 *   pass of their own before the layer, where no symlink is on the way (it may be about to be replaced), and once
 *   more in their place.
 * - A hard link names the inode that its target has now; it has no attributes of its own.
 *
 * Generations: an entry made or touched by layer n has generation n, and so have its ancestors; hence below an entry
 * of an older generation there is nothing of layer n.
 */
#include "oci/merge.h"
#include "oci/image.h"
#include "oci/layer.h"
#include "oci/limits.h"
#include "oci/path.h"
#include "oci/place.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

static const char WHAT[] = "merge";
static const char WHITEOUT[] = ".wh.";
static const char OPAQUE[] = ".wh..wh..opq";

struct layer {
    struct merge *merge;
    const struct table *table;
    uint32_t source;
    const struct table_context *ctx;
    struct place place;
    const struct table_entry *entry; /* the one at hand */
    char *path;                      /* its name, cleaned, without the leading slash; "" is the root */
    const char *name;                /* its last component */
};

/* ---- messages ---------------------------------------------------------------------------------------------- */

static int fail(struct layer *l, const char *cause)
{
    return oci_fail(l->ctx->err, WHAT, l->ctx->object, "entry '%.300s': %s", l->path, cause);
}

static int fail_code(struct layer *l, int error)
{
    if (error == -ENAMETOOLONG && strlen(l->name) > 255)
        return fail(l, "its name has more than 255 bytes");
    if (error == -ENAMETOOLONG)
        return oci_fail_limit(l->ctx->err, WHAT, l->ctx->object, OCI_LIMIT(path_bytes), l->ctx->limits->path_bytes,
                              "entry '%.300s': resolved, the path is too long", l->path);
    if (error == -ENOTDIR)
        return fail(l, "a component of its path is not a directory");
    if (error == -ELOOP)
        return fail(l, "too many symlinks in its path");
    return oci_fail_errno(l->ctx->err, WHAT, l->ctx->object, -error);
}

/* ---- generations ------------------------------------------------------------------------------------------- */

static bool is_lower(const struct layer *l, const struct tree_entry *e)
{
    return e->generation < l->merge->generation;
}

static void mark(const struct layer *l, struct tree_entry *e)
{
    for (; e && is_lower(l, e); e = e->parent)
        e->generation = l->merge->generation;
}

/* ---- whiteouts --------------------------------------------------------------------------------------------- */

/* The index of the child that follows e in its directory. */
static uint32_t next_index(const struct tree_entry *e)
{
    const struct tree_entry *parent = e->parent;
    uint32_t low = 0, high = parent->child_count;

    while (low < high) {
        uint32_t mid = low + (high - low) / 2;
        if (strcmp(parent->children[mid]->name, e->name) <= 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

/* Removes what lower layers have at and below `at`; `keep` spares the entry itself. */
static void remove_lower(const struct layer *l, struct tree_entry *top, bool keep)
{
    struct tree_entry *at = top;
    uint32_t n = 0;

    if (!keep && is_lower(l, top)) {
        tree_unlink(top);
        return;
    }
    /* Depth first without recursion: a layer chooses the depth. n is the next child of `at` to look at. */
    for (;;) {
        if (n < at->child_count) {
            struct tree_entry *child = at->children[n];
            if (is_lower(l, child)) {
                tree_unlink(child);
            } else if (child->child_count) {
                at = child;
                n = 0;
            } else {
                n++;
            }
            continue;
        }
        if (at == top)
            return;
        n = next_index(at);
        at = at->parent;
    }
}

static int apply_opaque(struct layer *l, const char *dir, size_t len)
{
    struct tree_entry *e;
    int error = place_find(&l->place, dir, len, &e);

    if (error == -ENOENT || error == -ENOTDIR)
        return 0;
    if (error)
        return fail_code(l, error);
    remove_lower(l, e, true);
    return 0;
}

static int apply_whiteout(struct layer *l, const char *dir, size_t len)
{
    const char *name = l->name + sizeof(WHITEOUT) - 1;
    struct tree_entry *parent, *e;
    int error;

    if (!*name || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return fail(l, "a whiteout must name a file");
    error = place_find(&l->place, dir, len, &parent);
    if (error == -ENOENT || error == -ENOTDIR)
        return 0;
    if (error)
        return fail_code(l, error);
    e = tree_lookup(parent, name, strlen(name));
    if (e)
        remove_lower(l, e, false);
    return 0;
}

/* The directory at path, if no symlink is on the way. */
static struct tree_entry *find_plainly(struct tree *tree, const char *path, size_t len)
{
    struct tree_entry *e = tree_root(tree);
    const char *end = path + len, *name;
    size_t n;

    while (e && path < end && (name = path_next(&path, &n)) && name < end) {
        e = S_ISDIR(e->inode->mode) ? tree_lookup(e, name, n) : NULL;
    }
    return e && S_ISDIR(e->inode->mode) ? e : NULL;
}

/* ---- inodes ------------------------------------------------------------------------------------------------ */

static int set_xattrs(const struct layer *l, struct tree_inode *inode)
{
    const char *at = l->table->strings + l->entry->xattr, *end = at + l->entry->xattr_len;
    struct table_xattr x;
    char name[256];

    while ((size_t)(end - at) >= sizeof(x)) {
        memcpy(&x, at, sizeof(x));
        at += sizeof(x);
        if (x.name_len >= sizeof(name) || (uint64_t)(end - at) < (uint64_t)x.name_len + x.value_len)
            return -EINVAL;
        memcpy(name, at, x.name_len);
        name[x.name_len] = 0;
        int error = tree_set_xattr(inode, name, at + x.name_len, x.value_len);
        if (error)
            return error;
        at += x.name_len + x.value_len;
    }
    return 0;
}

static int set_extents(const struct layer *l, struct tree_inode *inode)
{
    const struct table_extent *from = l->table->extents + l->entry->extent;

    inode->size = l->entry->size;
    if (l->entry->extent_count == 0)
        return 0;
    inode->extents = calloc(l->entry->extent_count, sizeof(*inode->extents));
    if (!inode->extents)
        return -ENOMEM;
    for (; inode->extent_count < l->entry->extent_count; inode->extent_count++, from++) {
        if (from->tar_off > l->table->header->tar_size || from->len > l->table->header->tar_size - from->tar_off)
            return -EINVAL;
        inode->extents[inode->extent_count] = (struct tree_extent){
            .file_off = from->file_off, .len = from->len, .source_off = from->tar_off, .source = l->source};
    }
    return 0;
}

static int set_content(const struct layer *l, struct tree_inode *inode)
{
    switch (inode->mode & S_IFMT) {
    case S_IFREG:
        return set_extents(l, inode);
    case S_IFLNK:
        inode->symlink = strndup(l->table->strings + l->entry->link, l->entry->link_len);
        inode->size = l->entry->link_len;
        return inode->symlink ? 0 : -ENOMEM;
    default:
        inode->rdev_major = l->entry->rdev_major;
        inode->rdev_minor = l->entry->rdev_minor;
        return 0;
    }
}

static int make_inode(const struct layer *l, struct tree_inode **out)
{
    const struct table_entry *e = l->entry;
    struct tree_inode *inode = tree_inode_new(e->mode);
    int error;

    if (!inode)
        return -ENOMEM;
    inode->uid = e->uid;
    inode->gid = e->gid;
    inode->mtime_sec = e->mtime_sec;
    inode->mtime_nsec = e->mtime_nsec;
    error = set_content(l, inode);
    error = error ? error : set_xattrs(l, inode);
    if (error) {
        tree_inode_unref(inode);
        return error;
    }
    *out = inode;
    return 0;
}

/* ---- entries ----------------------------------------------------------------------------------------------- */

/* Links the inode as `name` in the place of what is there. Takes over the caller's hold on a fresh inode. */
static int replace(struct layer *l, struct tree_entry *parent, struct tree_inode *inode)
{
    struct tree_entry *old = tree_lookup(parent, l->name, strlen(l->name)), *e;
    int error;

    if (old)
        tree_unlink(old);
    error = tree_link(parent, l->name, strlen(l->name), inode, &e);
    if (error)
        return error;
    mark(l, e);
    return 0;
}

static int apply_root(struct layer *l)
{
    struct tree_entry *root = tree_root(l->merge->tree);
    struct tree_inode *inode;
    int error;

    if (!S_ISDIR(l->entry->mode))
        return fail(l, "the root must be a directory");
    error = make_inode(l, &inode);
    if (error)
        return fail_code(l, error);
    tree_replace_inode(root, inode);
    mark(l, root);
    return 0;
}

static int apply_file(struct layer *l, struct tree_entry *parent)
{
    struct tree_entry *old = tree_lookup(parent, l->name, strlen(l->name));
    struct tree_inode *inode;
    int error = make_inode(l, &inode);

    if (error)
        return error;
    if (old && S_ISDIR(old->inode->mode) && S_ISDIR(inode->mode)) {
        tree_replace_inode(old, inode);
        mark(l, old);
        return 0;
    }
    error = replace(l, parent, inode);
    if (error)
        tree_inode_unref(inode);
    return error;
}

/* The entry that a hard link names; its last component is not followed. */
static struct tree_entry *find_target(struct layer *l, int *error)
{
    AUTO_FREE char *raw = strndup(l->table->strings + l->entry->link, l->entry->link_len);
    AUTO_FREE char *path = raw ? path_clean(raw) : NULL;
    struct tree_entry *dir, *found;
    const char *name;

    if (!path) {
        *error = -ENOMEM;
        return NULL;
    }
    name = strrchr(path, '/') + 1;
    *error = place_find(&l->place, path, (size_t)(name - path), &dir);
    if (*error)
        return NULL;
    found = *name ? tree_lookup(dir, name, strlen(name)) : dir;
    *error = found ? 0 : -ENOENT;
    return found;
}

static int apply_hardlink(struct layer *l, struct tree_entry *parent)
{
    int error;
    struct tree_entry *target = find_target(l, &error);
    struct tree_inode *inode;

    if (error == -ENOENT || error == -ENOTDIR)
        return fail(l, "the target of the hard link does not exist");
    if (error)
        return fail_code(l, error);
    if (S_ISDIR(target->inode->mode))
        return fail(l, "the target of the hard link is a directory");
    if (target->parent == parent && strcmp(target->name, l->name) == 0)
        return fail(l, "it is a hard link to itself");
    inode = target->inode;
    inode->refs++; /* what is replaced may be a directory that holds the target */
    error = replace(l, parent, inode);
    tree_inode_unref(inode);
    return error ? fail_code(l, error) : 0;
}

static int apply_entry(struct layer *l, size_t dir_len)
{
    struct tree_entry *parent;
    int error = place_make(&l->place, l->path, dir_len, &parent);

    if (error)
        return fail_code(l, error);
    if (place_path_len(parent) + 1 + strlen(l->name) > l->ctx->limits->path_bytes)
        return fail_code(l, -ENAMETOOLONG);
    mark(l, parent);
    if (!l->entry->mode)
        return apply_hardlink(l, parent);
    error = apply_file(l, parent);
    return error ? fail_code(l, error) : 0;
}

/* ---- layers ------------------------------------------------------------------------------------------------ */

/* Goes to an entry: its cleaned path and name. -1: out of memory. */
static int set_entry(struct layer *l, const struct table_entry *e)
{
    AUTO_FREE char *raw = strndup(l->table->strings + e->path, e->path_len);
    char *clean = raw ? path_clean(raw) : NULL;

    free(l->path);
    l->entry = e;
    l->path = clean;
    if (!clean)
        return oci_fail_memory(l->ctx->err, WHAT, l->ctx->object);
    memmove(clean, clean + 1, strlen(clean)); /* the leading slash */
    l->name = strrchr(clean, '/') ? strrchr(clean, '/') + 1 : clean;
    return 0;
}

static size_t dir_len(const struct layer *l)
{
    return l->name > l->path ? (size_t)(l->name - l->path - 1) : 0;
}

static int apply_one(struct layer *l, const struct table_entry *e)
{
    if (set_entry(l, e) < 0)
        return -1;
    if (!*l->path)
        return apply_root(l);
    if (strcmp(l->name, OPAQUE) == 0)
        return apply_opaque(l, l->path, dir_len(l));
    if (strncmp(l->name, WHITEOUT, sizeof(WHITEOUT) - 1) == 0)
        return apply_whiteout(l, l->path, dir_len(l));
    return apply_entry(l, dir_len(l));
}

static bool ends_opaque(const struct layer *l, const struct table_entry *e)
{
    const size_t len = sizeof(OPAQUE) - 1;

    return e->path_len >= len && memcmp(l->table->strings + e->path + e->path_len - len, OPAQUE, len) == 0;
}

/* The pass before the layer. */
static int apply_opaques(struct layer *l)
{
    for (uint64_t n = 0; n < l->table->header->entry_count; n++) {
        struct tree_entry *dir;

        if (!ends_opaque(l, &l->table->entries[n]))
            continue;
        if (set_entry(l, &l->table->entries[n]) < 0)
            return -1;
        dir = strcmp(l->name, OPAQUE) == 0 ? find_plainly(l->merge->tree, l->path, dir_len(l)) : NULL;
        if (dir)
            remove_lower(l, dir, true);
    }
    return 0;
}

static int check_totals(struct layer *l)
{
    const struct oci_limits *limits = l->ctx->limits;
    struct merge *m = l->merge;

    if (m->entries + l->place.made > limits->entries)
        return oci_fail_limit(l->ctx->err, WHAT, l->ctx->object, OCI_LIMIT(entries), limits->entries,
                              "entry '%.300s': it makes %llu entries", l->path,
                              (unsigned long long)(m->entries + l->place.made));
    if (m->data_size > limits->output_bytes)
        return oci_fail_limit(l->ctx->err, WHAT, l->ctx->object, OCI_LIMIT(output_bytes), limits->output_bytes,
                              "with it the image's files have %llu bytes", (unsigned long long)m->data_size);
    return 0;
}

int merge_layer(struct merge *m, const struct table *table, uint32_t source, const struct table_context *ctx)
{
    struct layer l = {.merge = m, .table = table, .source = source, .ctx = ctx};
    int error;

    m->generation++;
    m->entries += table->header->entry_count;
    m->data_size += table->header->data_size;
    l.place = (struct place){.tree = m->tree, .generation = m->generation, .path_limit = ctx->limits->path_bytes};
    l.path = strdup("");
    error = l.path ? check_totals(&l) : oci_fail_memory(ctx->err, WHAT, ctx->object);
    error = error ? error : apply_opaques(&l);
    for (uint64_t n = 0; n < table->header->entry_count && !error; n++) {
        error = apply_one(&l, &table->entries[n]);
        error = error ? error : check_totals(&l);
    }
    m->entries += l.place.made;
    free(l.path);
    return error;
}

static int merge_one(struct merge *m, struct oci_image *image, struct oci_layer *layer, const struct oci_limits *limits,
                     struct oci_error *err)
{
    AUTO_FREE char *object = oci_format("layer %s of %s", layer->digest, image->ref);
    struct table_context ctx = {.object = object, .limits = limits, .err = err};
    struct table table;
    int fd, source, error;

    if (!object)
        return oci_fail_memory(err, WHAT, image->ref);
    if (layer_open(image->cache, layer, &fd, &table) < 0)
        return oci_fail(err, WHAT, object, "it vanished from the cache");
    source = tree_add_source(m->tree, fd);
    if (source < 0) {
        close(fd);
        table_clear(&table);
        return oci_fail_memory(err, WHAT, object);
    }
    error = merge_layer(m, &table, (uint32_t)source, &ctx);
    table_clear(&table);
    return error;
}

int oci_merge(struct oci_image *image, const struct oci_options *opt, struct tree *tree, struct oci_error *err)
{
    struct merge m = {.tree = tree};
    int error = oci_unpack(image, opt, err);

    for (size_t n = 0; n < image->layer_count && !error; n++)
        error = merge_one(&m, image, &image->layers[n], &opt->limits, err);
    return error;
}
