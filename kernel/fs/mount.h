/* SPDX-License-Identifier: MIT */
/*
 * File systems in use (super) and where they are attached (mount). The mount table is one list under mount_lock; look-up
 * from a covered dentry is lock-free (RCU, walk_seq). A mount counts its super, its root and the dentry it covers.
 */
#ifndef FS_MOUNT_H
#define FS_MOUNT_H

#include "fs/dcache.h"
#include "fs/nsfs.h"

struct kstatfs {
    u64 type, bsize, blocks, bfree, bavail, files, ffree, fsid;
    u32 namelen, frsize, flags;
};
struct seq_buf;
struct super_ops {
    int (*statfs)(struct super *sb, struct kstatfs *st); /* optional: sizes in pages, names of 255 bytes, no limits */
    void (*drop)(struct super *sb); /* optional; before the root goes: let go of the tree, without recursion */
    void (*put)(struct super *sb);  /* unmounted: free everything private */
    void (*show_options)(struct super *sb, struct seq_buf *s);
    int (*remount)(struct super *sb, const char *options); /* optional */
};
struct super {
    refcount_t refs;
    struct list watches; /* of inotify, on its inodes (inotify_watch_lock) */
    u64 dev;             /* st_dev */
    u32 magic;           /* *_SUPER_MAGIC */
    const char *type;    /* "tmpfs": a literal */
    const struct super_ops *ops;
    struct dentry *root;        /* counted */
    struct mutex rename_lock;   /* LOCK_RENAME: renames between directories */
    struct spinlock inode_lock; /* LOCK_INODE_CACHE: the file system's inode table */
    atomic64_t next_ino;
    u64 max_size; /* largest file */
    void *private;
    u32 flags;          /* MS_RDONLY, MS_SYNCHRONOUS, MS_DIRSYNC, MS_LAZYTIME: of every mount of it (mount_lock) */
    struct list mounts; /* mount.of_super (mounts_lock) */
    struct spinlock mounts_lock;
    u32 dying;          /* the last user went: the shrinker keeps off */
    atomic_t shrinking; /* dentries that the shrinker is about to free */
};

struct mount {
    refcount_t refs;
    u32 flags; /* MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_NOATIME, MS_UNBINDABLE … (mount_lock; read freely) */
    bool expired; /* MNT_EXPIRE has found it unused, and nobody has used it since */
    struct super *sb;
    struct dentry *root;
    struct mount *parent; /* itself: the first. (mount_lock; walk_seq) */
    struct dentry *mountpoint;
    struct mount *hash_next;
    struct list link;    /* in order of mounting (mount_lock) */
    struct mount *copy;  /* while a recursive bind is under way: its copy there (mount_lock) */
    struct path covered; /* detached: what it was on */
    s32 id;
    struct list of_super; /* (sb->mounts_lock) */
    atomic_t writers;     /* files open for writing by it */
    struct mount_ns *ns;  /* it is attached in; NULL: detached (mount_lock) */
    char *source;
    struct rcu_head rcu;
};

/* Who sees the same mounts: a context (CLONE_FS) is in one. */
struct mount_ns {
    struct ns ns;
    u64 seq;            /* younger ones have greater numbers */
    struct mount *root; /* (mount_lock) */
    struct list mounts; /* in order of mounting (mount_lock) */
    u64 count;          /* of them (mount_lock) */
    struct mount_ns *next_dead;
};
extern struct mount_ns mount_ns_first;
extern u64 mount_max; /* /proc/sys/fs/mount-max: of one namespace */
static inline void mount_ns_get(struct mount_ns *n)
{
    ns_get(&n->ns);
}
static inline void mount_ns_put(struct mount_ns *n)
{
    ns_put(&n->ns);
}
/* c, which nobody else has: gets a namespace of its own, a copy of the one it is in; its root and directory move along. */
int mount_ns_unshare(struct fs_context *c);
struct fs_context *mount_ns_enter(struct mount_ns *n, u32 umask); /* at its root; NULL: no memory */
/* pivot_root(2), without what the processes have: root becomes what new is, and is found on put_old. */
int mount_pivot(const struct fs_view *v, const struct path *root, const struct path *new, const struct path *put_old);
bool mount_is_local(const struct mount *m, const struct fs_view *v); /* attached where the caller is */
/* Does a mount of the caller's namespace cover d? */
bool mount_covers(const struct fs_view *v, const struct dentry *d);
void mount_name_gone(const struct dentry *d); /* and what covers it elsewhere goes too (d's inode.lock) */

struct super *super_alloc(const char *type, u32 magic,
                          const struct super_ops *ops); /* refs 1, no root; NULL: no memory */
void super_put(struct super *sb);
static inline void super_get(struct super *sb)
{
    ref_get(&sb->refs);
}
static inline u64 super_new_ino(struct super *sb)
{
    return atomic_add(&sb->next_ino, 1);
}
extern struct mount *mount_root; /* never unmounted, so not counted */
static inline void mount_get(struct mount *m)
{
    if (m != mount_root)
        ref_get(&m->refs);
}
static inline bool mount_get_live(struct mount *m) /* false: being unmounted */
{
    return m == mount_root || ref_get_unless_zero(&m->refs);
}
void mount_free(struct mount *m);                    /* the last reference went */
static inline void mount_put_unused(struct mount *m) /* by one who only wanted to unmount it */
{
    if (m != mount_root && ref_put(&m->refs))
        mount_free(m);
}
static inline void mount_put(struct mount *m)
{
    if (unlikely(READ_ONCE(m->expired)))
        WRITE_ONCE(m->expired, false);
    mount_put_unused(m);
}

/* Takes over the reference to sb (also on failure). on NULL: the first mount. */
int mount_attach(struct super *sb, const char *source, u32 flags, const struct path *on, struct mount **out);
int mount_bind(const struct path *from, const struct path *on, bool recursive);
int mount_move(const struct path *from, const struct path *on);
enum mount_detach_how { MOUNT_UNUSED, MOUNT_LAZY, MOUNT_EXPIRE };
int mount_detach(const struct path *p, enum mount_detach_how how); /* p: root of a mount. -EBUSY, -EINVAL, -EAGAIN */
int mount_change_flags(const struct path *p, u32 flags);           /* this mount alone */
int mount_reconfigure(const struct path *p, u32 flags, const char *options); /* its file system too */
void mount_set_bindable(struct mount *m, bool yes, bool recursive);
/* The mount that covers (m, d), topmost not included: one step. NULL: none. No reference (RCU). */
struct mount *mount_lookup(const struct mount *m, const struct dentry *d);
/* -EROFS: nothing may be written through this mount. */
int mount_may_write(const struct mount *m);
/* The same for a file that stays open: while there are any, neither mount nor file system becomes read-only. */
int mount_writer_get(struct mount *m);
static inline void mount_writer_put(struct mount *m)
{
    atomic_sub(&m->writers, 1);
}
/* mount(2) by type name, for tmpfs, proc, sysfs, devtmpfs, devpts, mqueue, cgroup2. -ENODEV. */
int mount_by_type(const char *type, const char *source, u32 flags, const char *options, const struct path *on);
/* All mounts of one, in order; the table is locked meanwhile. */
void mount_for_each(struct mount_ns *ns, void (*fn)(const struct mount *m, void *arg), void *arg);
void mount_show(struct seq_buf *s, const struct fs_view *v);       /* /proc/mounts */
void mount_show_stats(struct seq_buf *s, const struct fs_view *v); /* /proc/pid/mountstats */
void mount_show_info(struct seq_buf *s, const struct fs_view *v);  /* /proc/pid/mountinfo */

#endif
