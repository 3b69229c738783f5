/* SPDX-License-Identifier: MIT */
/*
 * The dentry cache: names of directories, hashed by (parent, name), looked up lock-free.
 *
 * A dentry in the hash is counted once for being there; a child counts its parent. Negative dentries (inode NULL) are
 * kept as well. Everything in the cache whose count is 1 may be dropped: directories live in their file system, not here.
 *
 * States: fresh ──dentry_add──► hashed ──dentry_drop (unlink, rename over, shrink)──► unhashed ──last put──► freed
 * Invariants:
 *  1. Names below a directory are added, renamed and removed under its inode.lock; the shrinker only drops.
 *  2. `inode` goes from NULL to an inode under the parent's inode.lock while others may look on. It goes back to NULL
 *     only while `refs` was frozen at 0 (dentry_make_negative), so whoever holds a reference sees it constant.
 *  3. Parent and name change only in dentry_move and dentry_exchange, inside a write section of walk_seq. A reader
 *     without locks trusts what it saw when walk_seq did not change.
 *  4. Memory (dentry, name, inode) is freed after a grace period.
 */
#ifndef FS_DCACHE_H
#define FS_DCACHE_H

#include "fs/vfs.h"

struct dname {
    u16 len;
    char s[]; /* terminated */
};
#define DNAME_INLINE 38 /* and 8 more behind, so that names are compared by words */

struct dentry {
    struct dentry *hash_next; /* RCU; hash lock */
    struct dentry *parent;    /* root: itself. See 3 */
    struct inode *inode;      /* see 2 */
    u32 hash;                 /* of (parent, name) */
    refcount_t refs;
    const struct dname *name; /* inline_name, or allocated */
    struct super *sb;
    u32 flags;            /* D_*; atomic */
    struct spinlock lock; /* LOCK_DENTRY: children */
    struct list children, sibling;
    struct rcu_head rcu;
    struct {
        u16 len;
        char s[DNAME_INLINE + 8];
    } inline_name;
};
#define D_HASHED 1u
#define D_MOUNTED 2u     /* some mount covers it */
#define D_UNLINKED 4u    /* the name is gone: " (deleted)" */
#define D_REFERENCED 8u  /* the shrinker's second chance */
#define D_PSEUDO 16u     /* not in any tree: printed as its name */
#define D_PSEUDO_INO 32u /* … with ":[ino]" */

/* Sequence of everything a lock-free walk depends on: names that move, mounts that change. */
extern struct seqcount walk_seq;
void walk_seq_write_begin(void);
void walk_seq_write_end(void);

void dcache_init(void);
u32 name_hash(const char *s, u32 len);
/* Length of the path component at s (up to '/' or NUL) and its hash. Reads whole words inside the page. */
u32 component_hash(const char *s, u32 *len);
/* Without a reference: for callers inside a read section, or that hold the directory's lock (see dentry_get_live). */
struct dentry *dcache_find(const struct dentry *parent, u32 hash, const char *s, u32 len);
/* With a reference, under the directory's lock. NULL: not cached. */
struct dentry *dcache_get(struct dentry *parent, u32 hash, const char *s, u32 len);

struct dentry *dentry_alloc(struct dentry *parent, struct super *sb, const char *s,
                            u32 len);                       /* refs 1; NULL: no memory */
void dentry_add(struct dentry *d);                          /* hashes it (parent's inode.lock) */
void dentry_drop(struct dentry *d);                         /* unhashes it; drops the cache's reference */
void dentry_instantiate(struct dentry *d, struct inode *i); /* takes over the reference to i */
/* After unlink: d becomes negative when nobody else uses it, else it is dropped. Consumes nothing. */
void dentry_unlink(struct dentry *d);
/* rename: od takes the place of nd (which is dropped). `name`: from dentry_prepare_name(). */
int dentry_prepare_name(const char *s, u32 len, const struct dname **out);
void dentry_free_name(const struct dname *n);
void dentry_move(struct dentry *od, struct dentry *nd, const struct dname *name);
void dentry_exchange(struct dentry *a, struct dentry *b, const struct dname *a_new, const struct dname *b_new);
bool dentry_is_ancestor(const struct dentry *a, const struct dentry *d); /* a == d or above it (rename_lock) */
/* Drops all cached names below d, as far as unused (rmdir, umount). */
void dentry_drop_children(struct dentry *d);
void dcache_drop_super(struct super *sb);    /* umount: everything of sb that is not in use */
void dcache_wait_shrinker(struct super *sb); /* umount, before: the shrinker has and takes nothing of sb any more */
u64 dcache_shrink(u64 want);                 /* about so many; returns what went */

static inline void dentry_get(struct dentry *d)
{
    ref_get(&d->refs);
}
void dentry_put(struct dentry *d);
static inline bool dentry_get_live(struct dentry *d) /* false: being dropped */
{
    return ref_get_unless_zero(&d->refs);
}
static inline struct inode *dentry_inode(const struct dentry *d)
{
    return load_acquire(&d->inode);
}
static inline u32 dentry_flags(const struct dentry *d)
{
    return READ_ONCE(d->flags);
}

#endif
