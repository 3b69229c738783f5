// SPDX-License-Identifier: MIT
/*
 * The merged file tree; the contract is in tree.h.
 *
 * Rules:
 * - An entry owns its children; an inode is owned by the entries that name it (refs) and dies with the last.
 * - The root entry is embedded in struct tree, so that the tree is found from any entry by walking up.
 * - Nothing here recurses: a hostile layer chooses the depth.
 */
#include "initramfs-builder/tree.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME_LIMIT 255
#define PATH_LIMIT 4096
#define SYMLINK_LIMIT 40

struct tree {
    int *sources;
    uint32_t source_count, source_cap;
    uint64_t entry_count;   /* the root is not counted */
    struct tree_entry root; /* last: ends in a flexible array, whose one NUL lies in the padding */
};

_Static_assert(sizeof(struct tree_entry) > offsetof(struct tree_entry, name), "the root's empty name needs a byte");

/* ---- inodes ------------------------------------------------------------------------------------------------ */

struct tree_inode *tree_inode_new(uint32_t mode)
{
    struct tree_inode *i = calloc(1, sizeof(*i));

    if (i)
        i->mode = mode;
    return i;
}

void tree_inode_unref(struct tree_inode *i)
{
    if (!i || (i->refs && --i->refs))
        return;
    for (uint32_t n = 0; n < i->xattr_count; n++) {
        free(i->xattrs[n].name);
        free(i->xattrs[n].value);
    }
    free(i->xattrs);
    free(i->extents);
    free(i->symlink);
    free(i->blob);
    free(i);
}

/* The place of `name` in the sorted xattrs: its index, or where it belongs. */
static uint32_t xattr_position(const struct tree_inode *i, const char *name, bool *found)
{
    uint32_t n = 0;
    int order = 1;

    while (n < i->xattr_count && (order = strcmp(i->xattrs[n].name, name)) < 0)
        n++;
    *found = n < i->xattr_count && order == 0;
    return n;
}

static int xattr_insert(struct tree_inode *i, uint32_t at, const char *name)
{
    char *copy = strdup(name);
    struct tree_xattr *grown = copy ? reallocarray(i->xattrs, i->xattr_count + 1, sizeof(*grown)) : NULL;

    if (!grown) {
        free(copy);
        return -ENOMEM;
    }
    memmove(grown + at + 1, grown + at, (i->xattr_count - at) * sizeof(*grown));
    grown[at] = (struct tree_xattr){.name = copy};
    i->xattrs = grown;
    i->xattr_count++;
    return 0;
}

int tree_set_xattr(struct tree_inode *i, const char *name, const void *value, uint32_t len)
{
    void *copy = malloc(len ? len : 1);
    bool found;
    uint32_t at = xattr_position(i, name, &found);

    if (!copy || (!found && xattr_insert(i, at, name) < 0)) {
        free(copy);
        return -ENOMEM;
    }
    if (len)
        memcpy(copy, value, len);
    free(i->xattrs[at].value);
    i->xattrs[at].value = copy;
    i->xattrs[at].value_len = len;
    return 0;
}

/* ---- entries ----------------------------------------------------------------------------------------------- */

static int name_compare(const char *a, size_t alen, const char *b, size_t blen)
{
    int order = memcmp(a, b, alen < blen ? alen : blen);

    return order ? order : (alen > blen) - (alen < blen);
}

/* The index of `name` among the children, or where it belongs. */
static uint32_t child_position(const struct tree_entry *dir, const char *name, size_t len, bool *found)
{
    uint32_t low = 0, high = dir->child_count;

    /* Layers and tables mostly come sorted: try the end first. */
    if (high && name_compare(dir->children[high - 1]->name, dir->children[high - 1]->name_len, name, len) < 0)
        low = high;
    while (low < high) {
        uint32_t mid = low + (high - low) / 2;
        int order = name_compare(dir->children[mid]->name, dir->children[mid]->name_len, name, len);

        if (order == 0) {
            *found = true;
            return mid;
        }
        if (order < 0)
            low = mid + 1;
        else
            high = mid;
    }
    *found = false;
    return low;
}

struct tree_entry *tree_lookup(const struct tree_entry *dir, const char *name, size_t len)
{
    bool found;
    uint32_t at = child_position(dir, name, len, &found);

    return found ? dir->children[at] : NULL;
}

static struct tree *tree_of(struct tree_entry *e)
{
    while (e->parent)
        e = e->parent;
    return (struct tree *)((char *)e - offsetof(struct tree, root));
}

static int check_name(const char *name, size_t len)
{
    if (len > NAME_LIMIT)
        return -ENAMETOOLONG;
    if (len == 0 || memchr(name, '/', len) || memchr(name, 0, len))
        return -EINVAL;
    if (name[0] == '.' && (len == 1 || (len == 2 && name[1] == '.')))
        return -EINVAL;
    return 0;
}

static int reserve_child(struct tree_entry *dir)
{
    uint32_t cap = dir->child_cap ? dir->child_cap * 2 : 4;
    struct tree_entry **grown;

    if (dir->child_count < dir->child_cap)
        return 0;
    grown = reallocarray(dir->children, cap, sizeof(struct tree_entry *));
    if (!grown)
        return -ENOMEM;
    dir->children = grown;
    dir->child_cap = cap;
    return 0;
}

int tree_link(struct tree_entry *dir, const char *name, size_t len, struct tree_inode *inode, struct tree_entry **out)
{
    int error = check_name(name, len);
    struct tree_entry *e;
    bool found;
    uint32_t at;

    if (error)
        return error;
    if (!S_ISDIR(dir->inode->mode))
        return -ENOTDIR;
    at = child_position(dir, name, len, &found);
    if (found)
        return -EEXIST;
    e = calloc(1, sizeof(*e) + len + 1);
    if (!e || reserve_child(dir) < 0) {
        free(e);
        return -ENOMEM;
    }
    e->parent = dir;
    e->inode = inode;
    e->name_len = (uint16_t)len;
    memcpy(e->name, name, len);
    inode->refs++;
    memmove(dir->children + at + 1, dir->children + at, (dir->child_count - at) * sizeof(struct tree_entry *));
    dir->children[at] = e;
    dir->child_count++;
    tree_of(dir)->entry_count++;
    if (out)
        *out = e;
    return 0;
}

/* Frees everything below e, deepest last child first, e itself not. Returns the number of entries freed. */
static uint64_t free_below(struct tree_entry *e)
{
    struct tree_entry *at = e;
    uint64_t freed = 0;

    for (;;) {
        while (at->child_count)
            at = at->children[at->child_count - 1];
        free(at->children);
        at->children = NULL;
        at->child_cap = 0;
        if (at == e)
            return freed;
        struct tree_entry *parent = at->parent;
        tree_inode_unref(at->inode);
        free(at);
        parent->child_count--;
        freed++;
        at = parent;
    }
}

void tree_unlink(struct tree_entry *e)
{
    struct tree *t = tree_of(e);
    struct tree_entry *dir = e->parent;
    bool found;
    uint32_t at;

    t->entry_count -= free_below(e);
    if (!dir) /* the root stays */
        return;
    at = child_position(dir, e->name, e->name_len, &found);
    memmove(dir->children + at, dir->children + at + 1, (dir->child_count - at - 1) * sizeof(struct tree_entry *));
    dir->child_count--;
    t->entry_count--;
    tree_inode_unref(e->inode);
    free(e);
}

void tree_replace_inode(struct tree_entry *e, struct tree_inode *inode)
{
    struct tree_inode *old = e->inode;

    if (!S_ISDIR(inode->mode) || !S_ISDIR(old->mode))
        tree_of(e)->entry_count -= free_below(e);
    inode->refs++;
    e->inode = inode;
    tree_inode_unref(old);
}

/* ---- the tree ---------------------------------------------------------------------------------------------- */

struct tree *tree_new(void)
{
    struct tree *t = calloc(1, sizeof(*t));
    struct tree_inode *root = tree_inode_new(S_IFDIR | 0755);

    if (!t || !root) {
        free(t);
        free(root);
        return NULL;
    }
    root->refs = 1;
    t->root.inode = root;
    return t;
}

void tree_free(struct tree *t)
{
    if (!t)
        return;
    free_below(&t->root);
    tree_inode_unref(t->root.inode);
    for (uint32_t n = 0; n < t->source_count; n++)
        close(t->sources[n]);
    free(t->sources);
    free(t);
}

struct tree_entry *tree_root(struct tree *t)
{
    return &t->root;
}

uint64_t tree_entry_count(const struct tree *t)
{
    return t->entry_count;
}

int tree_add_source(struct tree *t, int fd)
{
    uint32_t cap = t->source_cap ? t->source_cap * 2 : 8;

    if (t->source_count == t->source_cap) {
        int *grown = reallocarray(t->sources, cap, sizeof(*grown));
        if (!grown)
            return -ENOMEM;
        t->sources = grown;
        t->source_cap = cap;
    }
    t->sources[t->source_count] = fd;
    return (int)t->source_count++;
}

int tree_source_fd(const struct tree *t, uint32_t source)
{
    return source < t->source_count ? t->sources[source] : -EBADF;
}

/* The entry after `e` that is not below it, in order; NULL at the end. */
static struct tree_entry *next_outside(struct tree_entry *e)
{
    for (; e->parent; e = e->parent) {
        bool found;
        uint32_t at = child_position(e->parent, e->name, e->name_len, &found) + 1;

        if (at < e->parent->child_count)
            return e->parent->children[at];
    }
    return NULL;
}

int tree_walk(struct tree *t, int (*fn)(struct tree_entry *e, void *arg), void *arg)
{
    struct tree_entry *e = &t->root;

    while (e) {
        int result = fn(e, arg);

        if (result)
            return result;
        e = e->child_count ? e->children[0] : next_outside(e);
    }
    return 0;
}

/* ---- paths ------------------------------------------------------------------------------------------------- */

/* What is left to resolve: a buffer of our own, because symlinks are spliced into it. */
struct walk {
    char rest[PATH_LIMIT];
    char *at;
    unsigned symlinks;
};

/* Puts a link's target before what is left. */
static int splice_symlink(struct walk *w, const char *target)
{
    size_t target_len = strlen(target), rest_len = strlen(w->at);

    if (++w->symlinks > SYMLINK_LIMIT)
        return -ELOOP;
    if (target_len == 0)
        return -ENOENT;
    if (target_len + 1 + rest_len >= PATH_LIMIT)
        return -ENAMETOOLONG;
    /* A slash between them only if something follows: "link" alone must not become "target/". */
    memmove(w->rest + target_len, w->at, rest_len + 1);
    memcpy(w->rest, target, target_len);
    w->at = w->rest;
    return 0;
}

/* Takes the next component off; *len 0 at the end. The slashes after it stay, so the caller sees them. */
static int next_component(struct walk *w, const char **name, size_t *len)
{
    w->at += strspn(w->at, "/");
    *name = w->at;
    *len = strcspn(w->at, "/");
    w->at += *len;
    return *len > NAME_LIMIT ? -ENAMETOOLONG : 0;
}

/* One step from *cur. */
static int step(struct tree *t, struct walk *w, const char *name, size_t len, int follow_last, struct tree_entry **cur)
{
    struct tree_entry *child;

    if (!S_ISDIR((*cur)->inode->mode))
        return -ENOTDIR;
    if (len == 1 && name[0] == '.')
        return 0;
    if (len == 2 && name[0] == '.' && name[1] == '.') {
        *cur = (*cur)->parent ? (*cur)->parent : *cur;
        return 0;
    }
    child = tree_lookup(*cur, name, len);
    if (!child)
        return -ENOENT;
    if (S_ISLNK(child->inode->mode) && (*w->at || follow_last)) {
        const char *target = child->inode->symlink ? child->inode->symlink : "";

        if (target[0] == '/')
            *cur = &t->root;
        return splice_symlink(w, target);
    }
    *cur = child;
    return 0;
}

int tree_resolve(struct tree *t, const char *path, int follow_last, struct tree_entry **out)
{
    struct tree_entry *cur = &t->root;
    struct walk w = {.at = w.rest};
    size_t path_len = strlen(path);
    bool must_be_dir;

    if (path_len == 0)
        return -ENOENT;
    if (path_len >= PATH_LIMIT)
        return -ENAMETOOLONG;
    memcpy(w.rest, path, path_len + 1);
    do {
        const char *name;
        size_t len;
        int error = next_component(&w, &name, &len);

        must_be_dir = len == 0 || *w.at == '/'; /* a trailing slash asks for a directory */
        if (!error && len)
            error = step(t, &w, name, len, follow_last, &cur);
        if (error)
            return error;
    } while (*w.at);
    if (must_be_dir && !S_ISDIR(cur->inode->mode))
        return -ENOTDIR;
    *out = cur;
    return 0;
}

/* ---- contents ---------------------------------------------------------------------------------------------- */

static int read_extent(int fd, const struct tree_extent *x, char *to)
{
    uint64_t done = 0;

    while (done < x->len) {
        ssize_t n = pread(fd, to + done, x->len - done, (off_t)(x->source_off + done));

        if (n < 0 && errno != EINTR)
            return -errno;
        if (n == 0)
            return -EIO; /* the source ends before the extent does */
        if (n > 0)
            done += (uint64_t)n;
    }
    return 0;
}

static int read_contents(struct tree *t, const struct tree_inode *i, char *to)
{
    if (i->blob) {
        memcpy(to, i->blob, i->size);
        return 0;
    }
    for (uint32_t n = 0; n < i->extent_count; n++) {
        const struct tree_extent *x = &i->extents[n];
        int error = x->file_off > i->size || x->len > i->size - x->file_off ? -EIO : 0;

        if (!error)
            error = read_extent(tree_source_fd(t, x->source), x, to + x->file_off);
        if (error)
            return error;
    }
    return 0;
}

int tree_read_file(struct tree *t, const struct tree_entry *e, size_t max, char **data, size_t *len)
{
    const struct tree_inode *i = e->inode;
    char *buffer;
    int error;

    if (!S_ISREG(i->mode))
        return S_ISDIR(i->mode) ? -EISDIR : -EINVAL;
    if (i->size > max)
        return -EFBIG;
    buffer = calloc(1, i->size + 1);
    if (!buffer)
        return -ENOMEM;
    error = read_contents(t, i, buffer);
    if (error) {
        free(buffer);
        return error;
    }
    *data = buffer;
    *len = i->size;
    return 0;
}
