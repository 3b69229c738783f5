/* SPDX-License-Identifier: MIT */
/*
 * The merged file tree: what oci/ makes out of layers and initramfs-builder/ writes as an archive.
 *
 * A tree has directory entries (struct tree_entry) that name inodes (struct tree_inode); the names of a hard link
 * share one inode, which lives as long as one entry names it. Contents are never in memory: an inode has extents
 * into sources (open files, e.g. an uncompressed layer in the cache) or a short memory blob (files we make up).
 * Not thread safe; build it in one thread.
 */
#ifndef SLIPWAY_TREE_H
#define SLIPWAY_TREE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct tree;

/* A run of bytes of a file. Gaps between extents (and up to size) read as zeros. Sorted by file_off, no overlap. */
struct tree_extent {
    uint64_t file_off;
    uint64_t len;
    uint64_t source_off;
    uint32_t source; /* index returned by tree_add_source */
};

struct tree_xattr {
    char *name;
    void *value;
    uint32_t value_len;
};

struct tree_inode {
    uint32_t mode; /* S_IFMT | permissions */
    uint32_t uid, gid;
    uint32_t refs; /* directory entries naming it */
    int64_t mtime_sec;
    uint32_t mtime_nsec;
    uint32_t rdev_major, rdev_minor;
    uint64_t size;
    char *symlink; /* S_IFLNK: the target */
    void *blob;    /* content in memory (then no extents), or NULL */
    struct tree_extent *extents;
    uint32_t extent_count;
    uint32_t xattr_count;
    struct tree_xattr *xattrs; /* sorted by name */
    uint64_t builder_cookie;   /* for the archive writer: scratch */
};

struct tree_entry {
    struct tree_entry *parent; /* NULL for the root */
    struct tree_inode *inode;
    struct tree_entry **children; /* directories: sorted by memcmp of the name, shorter first */
    uint32_t child_count, child_cap;
    uint32_t generation; /* layer that last wrote it (whiteouts reach lower layers only); 0 = below all */
    uint16_t name_len;
    char name[]; /* NUL-terminated; "" for the root */
};

struct tree *tree_new(void); /* root: directory, 0755, root:root, mtime 0; NULL: out of memory */
void tree_free(struct tree *t);
struct tree_entry *tree_root(struct tree *t);

/* Takes ownership of fd (closed by tree_free). Returns the source's index, or -errno. */
int tree_add_source(struct tree *t, int fd);
int tree_source_fd(const struct tree *t, uint32_t source);

struct tree_inode *tree_inode_new(uint32_t mode); /* refs 0 */
void tree_inode_unref(struct tree_inode *i);      /* drops one reference (or frees an inode with refs 0) */
struct tree_entry *tree_lookup(const struct tree_entry *dir, const char *name, size_t len); /* NULL: none */
/* Links `inode` (refs + 1) as a new child. -EEXIST, -ENOMEM, -ENAMETOOLONG, -ENOTDIR,
 * -EINVAL (empty, ".", "..", '/' or NUL inside); out may be NULL. */
int tree_link(struct tree_entry *dir, const char *name, size_t len, struct tree_inode *inode, struct tree_entry **out);
void tree_unlink(struct tree_entry *e); /* removes it and everything below it (of the root: only what is below) */
/* Replaces the inode of an existing entry (children are dropped unless both are directories). */
void tree_replace_inode(struct tree_entry *e, struct tree_inode *inode);

/* Path resolution inside the tree's root, as chroot would: symlinks followed (at most 40), ".." stops at the root.
 * follow_last: also the last component. -ENOENT, -ENOTDIR, -ELOOP, -ENAMETOOLONG. */
int tree_resolve(struct tree *t, const char *path, int follow_last, struct tree_entry **out);
/* Reads a regular file whole (at most max bytes; -EFBIG) into malloc'ed memory with a NUL after it. */
int tree_read_file(struct tree *t, const struct tree_entry *e, size_t max, char **data, size_t *len);

int tree_set_xattr(struct tree_inode *i, const char *name, const void *value, uint32_t len);
/* Visits every entry depth first, parents before children, in order; a nonzero return ends the walk. */
int tree_walk(struct tree *t, int (*fn)(struct tree_entry *e, void *arg), void *arg);

/* Entries in the tree, the root not counted. */
uint64_t tree_entry_count(const struct tree *t);

#endif
