/* SPDX-License-Identifier: MIT */
/*
 * tmpfs, and the root file system: a tmpfs over the boot archive. What the archive holds is served from where it lies;
 * inodes and names come to life on look-up, and only what is changed stays in memory.
 *
 * Inodes of the archive are found by number in the super's hash. A clean one is not counted there, and is forgotten with
 * its last user. At its first change it is pinned: counted until its last name is gone.
 *
 * Page `index` of a regular file is in exactly one of these states; the function that makes the edge is named:
 *   hole      zeros. No slot, beyond `arch_limit`; or the marker HOLE in the slot, inside of it.
 *   archived  no slot, inside arch_limit: the bytes below arch_limit are in the archive, zeros above.
 *   copied    a clean page-cache page in the slot, equal to what is archived (tails, unaligned files): data_copy_in;
 *             the shrinker takes it back to archived.
 *   owned     a dirty page-cache page in the slot: data_claim (the archive's own frame, whole and aligned),
 *             data_copy_in (a copy), or a fresh page.
 * Invariants:
 *   1. arch_limit never grows, and is at most the size. So what was cut off reads as zeros when the file grows again.
 *   2. A frame of the archive is given back (archive_release) or claimed once: whoever clears PAGE_ARCHIVE has it.
 *      Readers pin the frame, and then look again whether the page is still archived.
 *   3. Whoever maps a page maps the one page of its state: an archived whole frame is mapped as it lies, anything else is
 *      first made copied or owned.
 * Locks: inode.lock for changes of size, arch_limit and names; pages.lock (LOCK_PAGECACHE) for slots. Readers take none.
 */
#ifndef FS_TMPFS_TMPFS_H
#define FS_TMPFS_TMPFS_H

#include "fs/archive.h"
#include "fs/mount.h"
#include "lib/radix.h"
#include "lib/rbtree.h"
#include "mem/page.h"

struct tmpfs_super {
    struct super *sb;
    atomic64_t pages, inodes;  /* in use */
    u64 max_pages, max_inodes; /* ~0: as much as there is */
    u32 mode, uid, gid;
    struct archive archive; /* the base; inode_count 0: none */
    u64 archive_bytes;      /* of files, for statfs */
    struct inode **table;   /* archive inodes by number (sb->inode_lock) */
    u32 table_mask;
    u64 *gone;            /* numbers whose data was given back: a hostile index may name them again (inode_lock) */
    struct spinlock lock; /* LOCK_LRU: the lists */
    struct list dirs;     /* directories with names of their own, for umount */
    struct list copies;   /* files with copied pages, for the shrinker */
};

struct tmpfs_name {
    struct rb_node by_name;
    struct rb_node by_pos; /* live ones */
    u64 pos;               /* of readdir */
    struct inode *inode;   /* counted; NULL: the archive's entry of this name is gone */
    bool shadows;          /* the archive has an entry of this name */
    u16 len;
    char s[];
};

struct tmpfs_xattr {
    struct tmpfs_xattr *next;
    char *name;
    u32 size;
    u8 value[];
};

struct tmpfs_inode {
    struct inode vfs;
    u32 number;      /* in the archive's index; ~0: not of it */
    bool xattrs_own; /* `xattrs` is the truth; else the archive's records */
    const u8 *arch_xattrs;
    u32 arch_xattr_len;
    struct tmpfs_xattr *xattrs; /* (inode.lock) */
    struct list link;           /* tmpfs_super.dirs or .copies; self-linked: in none */
    union {
        struct { /* regular */
            struct mapping mapping;
            struct spinlock lock; /* LOCK_PAGECACHE: slots */
            struct page *first;   /* slot 0 */
            struct radix pages;   /* the others; RCU */
            u64 owned;            /* pages charged: page.private says which (lock) */
            u64 holes;            /* pages inside arch_limit that are not in the archive any more, nor claimed (lock) */
            const u8 *arch;       /* the data in the archive */
            u64 arch_limit;       /* bytes of it that still count */
            bool aligned;         /* arch is page-aligned, so whole frames are the file's */
            bool sealable;        /* made by memfd_create */
            u32 seals;            /* F_SEAL_* (inode.lock) */
        } file;
        struct { /* directory (inode.lock) */
            struct rb_root names, order;
            u64 next_pos;
            u32 live, shadows;
            u32 first, count; /* children in the index */
        } dir;
    };
};
#define TMPFS_PINNED INODE_PRIVATE
#define TMPFS_MAPPED INODE_PRIVATE2 /* was once mapped shared and writable: bytes beyond the end may not be zero */

static inline struct tmpfs_inode *tmpfs_i(const struct inode *i)
{
    return container_of(i, struct tmpfs_inode, vfs);
}
static inline struct tmpfs_super *tmpfs_s(const struct super *sb)
{
    return sb->private;
}

/* ---- super.c ---- */
int tmpfs_make(const char *options, struct super **out);
int tmpfs_make_typed(const char *type, u32 magic, const char *options, struct super **out);
/* The root: over an indexed archive (a->indexed), or empty. */
int tmpfs_make_root(const struct archive *a, struct super **out);
bool tmpfs_charge(struct tmpfs_super *ts, u64 pages); /* false: no space left */
void tmpfs_uncharge(struct tmpfs_super *ts, u64 pages);
u64 tmpfs_shrink(u64 want); /* copied pages of all instances */
void tmpfs_note_copy(struct tmpfs_inode *ti);

/* ---- inode.c ---- */
extern const struct inode_ops tmpfs_file_inode_ops, tmpfs_dir_inode_ops, tmpfs_symlink_inode_ops,
    tmpfs_special_inode_ops;
int tmpfs_new(struct super *sb, u32 mode, const struct inode *dir, const struct fs_cred *c, struct inode **out);
int tmpfs_iget(struct super *sb, u32 number, struct inode **out); /* of the archive; -EIO */
void tmpfs_dirty(struct inode *i);                                /* about to be changed (lock) */
void tmpfs_link_gone(struct inode *i);                            /* nlink went down (lock) */
int tmpfs_new_symlink(struct super *sb, const char *target, u32 len, const struct inode *dir, const struct fs_cred *c,
                      struct inode **out);
/* A file without a name, for memfd_create. */
int tmpfs_new_unlinked(struct super *sb, u32 mode, const struct fs_cred *c, struct inode **out);

/* ---- dir.c: names; dir's inode.lock is held ---- */
int tmpfs_dir_get(struct inode *dir, const char *s, u32 len, struct inode **out); /* -ENOENT, -EIO */
int tmpfs_dir_add(struct inode *dir, const char *s, u32 len,
                  struct inode *i); /* absent; takes a reference of its own */
int tmpfs_dir_remove(struct inode *dir, const char *s, u32 len);
bool tmpfs_dir_is_empty(const struct inode *dir);
void tmpfs_dir_free(struct tmpfs_inode *ti);
extern const struct file_ops tmpfs_dir_ops;
int tmpfs_rename(struct inode *odir, struct dentry *od, struct inode *ndir, struct dentry *nd, u32 flags,
                 const struct fs_cred *c);

/* ---- data.c: pages ---- */
void tmpfs_data_init(struct tmpfs_inode *ti, const u8 *arch, u64 size);
/* What reads find at `index`: pinned frames and where the bytes are; valid bytes, zeros behind. bytes NULL: zeros. */
struct data_ref {
    struct page *page, *second; /* pinned; may be NULL */
    const u8 *bytes;
    u32 valid;
};
int data_pin(struct tmpfs_inode *ti, u64 index, struct data_ref *r);
static inline void data_unpin(const struct data_ref *r)
{
    if (r->page)
        page_put(r->page);
    if (r->second)
        page_put(r->second);
}
bool data_is_hole(struct tmpfs_inode *ti, u64 index);
/* The owned page at index, pinned; made so when it is not (a hole becomes zeros). -ENOMEM, -ENOSPC, -EIO. */
int data_own(struct tmpfs_inode *ti, u64 index, struct page **out);
/* Puts a charged page with its content in for a hole (consumes the reference); or *out is what is there already. */
int data_add(struct tmpfs_inode *ti, u64 index, struct page *fresh, struct page **out);
void data_truncate(struct tmpfs_inode *ti, u64 size); /* inode.lock; sets the size */
int data_shrink_prepare(struct tmpfs_inode *ti, u64 size);
int data_punch(struct tmpfs_inode *ti, u64 from, u64 to); /* whole pages [from, to) become holes (inode.lock) */
void data_zero_tail(struct tmpfs_inode *ti, u64 size);    /* owned bytes from size to the end of its page */
u64 data_next(struct tmpfs_inode *ti, u64 index, u64 end, bool hole); /* first page at or after index of that kind */
void data_evict(struct tmpfs_inode *ti, bool give_back);
u64 data_drop_copies(struct tmpfs_inode *ti);
bool data_has_copies(struct tmpfs_inode *ti);
u64 data_blocks(struct tmpfs_inode *ti);
extern const struct mapping_ops tmpfs_mapping_ops;

/* ---- file.c ---- */
extern const struct file_ops tmpfs_file_ops;
int tmpfs_set_size(struct inode *i, u64 size); /* inode.lock */

/* ---- xattr.c ---- */
ssize_t tmpfs_getxattr(struct inode *i, const char *name, void *buf, size_t size);
int tmpfs_setxattr(struct inode *i, const char *name, const void *v, size_t n, int flags);
ssize_t tmpfs_listxattr(struct inode *i, char *buf, size_t size);
void tmpfs_free_xattrs(struct tmpfs_inode *ti);
/* For overlays: takes all records of an archive inode over. */
int tmpfs_copy_xattrs(struct tmpfs_inode *ti, const struct archive_inode *a);

/* ---- overlay.c ---- */
/* Puts everything of `a` (indexed or not) over the root of v, by path. */
int tmpfs_overlay(const struct fs_view *v, const struct archive *a);

#endif
