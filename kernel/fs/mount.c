// SPDX-License-Identifier: MIT
/*
 * The mount table.
 *
 * mount_lock covers the list, the hash and all links between mounts; every change of them is a write section of
 * walk_seq as well, so that a walk which used a stale link starts again. A mount in the table has one reference for that,
 * one a child, one an open file or working directory below it; without others it can be unmounted.
 */
#include "fs/mount.h"

#include "abi/errno.h"
#include "abi/limits.h"
#include "abi/stat.h"
#include "fs/inotify.h"
#include "fs/namei.h"
#include "fs/types.h"
#include "lib/string.h"
#include "mem/slab.h"

#include <linux/mount.h>

#define BUCKETS 32u
#define MS_KEPT (MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME | MS_NODIRATIME | MS_STRICTATIME)

struct mount *mount_root;
static struct mutex mount_lock = MUTEX_INIT(mount_lock, LOCK_MOUNT);
static struct list mounts = LIST_INIT(mounts); /* (mount_lock) */
static struct mount *buckets[BUCKETS];         /* by mountpoint (mount_lock; RCU) */
static s32 next_id = 20;                       /* (mount_lock) */
static atomic_t next_dev = ATOMIC_INIT(0);

/* ---- supers ---------------------------------------------------------------------------------------------------------- */

struct super *super_alloc(const char *type, u32 magic, const struct super_ops *ops)
{
    struct super *sb = kzalloc(sizeof(*sb), MEM_WAIT);

    if (!sb)
        return NULL;
    ref_init(&sb->refs);
    sb->dev = makedev_k(0, atomic_add(&next_dev, 1) + 16);
    sb->magic = magic;
    sb->type = type;
    sb->ops = ops;
    sb->max_size = (1ul << 63) - 1;
    list_init(&sb->watches);
    mutex_init(&sb->rename_lock, LOCK_RENAME);
    spin_init(&sb->inode_lock, LOCK_INODE_CACHE);
    return sb;
}

void super_put(struct super *sb)
{
    if (!ref_put(&sb->refs))
        return;
    inotify_tell_unmounted(sb);
    if (sb->root) {
        dcache_wait_shrinker(sb);
        dcache_drop_super(sb);
        if (sb->ops->drop)
            sb->ops->drop(sb);
        dentry_put(sb->root);
    }
    if (sb->ops->put)
        sb->ops->put(sb);
    kfree(sb);
}

/* ---- look-up --------------------------------------------------------------------------------------------------------- */

static struct mount **bucket(const struct dentry *d)
{
    return &buckets[((u64)d >> 6 ^ (u64)d >> 12) % BUCKETS];
}

struct mount *mount_lookup(const struct mount *m, const struct dentry *d)
{
    struct mount *c = load_acquire(bucket(d));

    while (c && !(c->mountpoint == d && c->parent == m))
        c = load_acquire(&c->hash_next);
    return c;
}

int mount_may_write(const struct mount *m)
{
    return READ_ONCE(m->flags) & MS_RDONLY ? -EROFS : 0;
}

/* ---- attaching ------------------------------------------------------------------------------------------------------- */

static void free_rcu(struct rcu_head *h)
{
    struct mount *m = container_of(h, struct mount, rcu);

    kfree(m->source);
    kfree(m);
}

void mount_free(struct mount *m)
{
    dentry_put(m->root);
    super_put(m->sb);
    rcu_call(&m->rcu, free_rcu);
}

static void link_mount(struct mount *m, const struct path *on) /* in a write section; takes over on's references */
{
    m->parent = on->mnt;
    m->mountpoint = on->dentry;
    m->hash_next = *bucket(on->dentry);
    store_release(bucket(on->dentry), m);
    __atomic_fetch_or(&on->dentry->flags, D_MOUNTED, __ATOMIC_RELAXED);
    m->attached = true;
}

static void unlink_mount(struct mount *m) /* in a write section; the references stay with the caller */
{
    struct mount **p = bucket(m->mountpoint), *other;

    while (*p != m)
        p = &(*p)->hash_next;
    store_release(p, m->hash_next);
    m->attached = false;
    for (other = *bucket(m->mountpoint); other && other->mountpoint != m->mountpoint;)
        other = other->hash_next;
    if (!other)
        __atomic_fetch_and(&m->mountpoint->flags, ~D_MOUNTED, __ATOMIC_RELAXED);
}

static struct mount *mount_new(struct super *sb, struct dentry *root, const char *source, u32 flags)
{
    struct mount *m = kzalloc(sizeof(*m), MEM_WAIT);

    if (!m || !(m->source = kstrdup(source ? source : "none", MEM_WAIT))) {
        kfree(m);
        return NULL;
    }
    ref_init(&m->refs);
    m->flags = flags & MS_KEPT;
    m->sb = sb;
    m->root = root;
    m->parent = m;
    dentry_get(root);
    return m;
}

/*
 * Where a mount on `on` goes: on top of what is mounted there. The place's inode is locked, so that it is not removed
 * meanwhile (rmdir and unlink look for D_MOUNTED under that lock), and mount_lock behind it.
 */
static int lock_mountpoint(const struct path *on, struct path *at)
{
    *at = *on;
    path_get(at);
    for (;;) {
        path_follow_mounts(at);
        mutex_lock(&at->dentry->inode->lock);
        mutex_lock(&mount_lock);
        if (!mount_lookup(at->mnt, at->dentry))
            break;
        mutex_unlock(&mount_lock);
        mutex_unlock(&at->dentry->inode->lock);
    }
    if (!at->mnt->attached)
        return -EINVAL;
    return path_is_deleted(at) || (at->dentry->inode->flags & INODE_DEAD) ? -ENOENT : 0;
}

static void unlock_mountpoint(struct path *at)
{
    mutex_unlock(&mount_lock);
    mutex_unlock(&at->dentry->inode->lock);
    path_put(at);
}

static bool same_shape(const struct mount *m, const struct path *at)
{
    return S_ISDIR(m->root->inode->mode) == S_ISDIR(at->dentry->inode->mode);
}

static void into_table(struct mount *m) /* (mount_lock) */
{
    m->id = ++next_id;
    list_add_tail(&mounts, &m->link);
}

/* Attaches m to `at`, which it counts for itself (mount_lock). */
static void attach_locked(struct mount *m, const struct path *at)
{
    path_get(at);
    walk_seq_write_begin();
    link_mount(m, at);
    walk_seq_write_end();
    into_table(m);
}

static int add_mount(struct mount *m, const struct path *on)
{
    struct path at;
    int err = lock_mountpoint(on, &at);

    if (!err && !same_shape(m, &at))
        err = -ENOTDIR;
    if (!err)
        attach_locked(m, &at);
    unlock_mountpoint(&at);
    return err;
}

static void add_first(struct mount *m)
{
    mutex_lock(&mount_lock);
    m->attached = true;
    into_table(m);
    mutex_unlock(&mount_lock);
    mount_root = m;
}

int mount_attach(struct super *sb, const char *source, u32 flags, const struct path *on, struct mount **out)
{
    struct mount *m = mount_new(sb, sb->root, source, flags);

    if (!m) {
        super_put(sb);
        return -ENOMEM;
    }
    int err = 0;
    if (on)
        err = add_mount(m, on);
    else
        add_first(m);
    if (err) {
        mount_free(m);
        return err;
    }
    if (out)
        *out = m;
    return 0;
}

static bool is_below(const struct mount *m, const struct mount *top)
{
    for (; m != top; m = m->parent)
        if (m->parent == m)
            return false;
    return true;
}

static struct mount *mount_copy(const struct mount *of, struct dentry *root)
{
    struct mount *m = mount_new(of->sb, root, of->source, of->flags);

    if (m)
        super_get(m->sb);
    return m;
}

/* Is c, a mount older than `limit`, mounted on what a bind of `from` shows? */
static bool belongs_to_bind(const struct mount *c, const struct path *from, s32 limit)
{
    if (c->id >= limit || !c->parent->copy || c->copy || c->parent == c)
        return false;
    rcu_read_lock();
    bool yes = c->parent != from->mnt || dentry_is_ancestor(from->dentry, c->mountpoint);
    rcu_read_unlock();
    return yes;
}

/* MS_REC: the mounts below `from` are copied to below m, its copy (mount_lock). */
static int copy_below(struct mount *m, const struct path *from)
{
    struct mount *c, *n;
    bool more = true;
    int err = 0;

    from->mnt->copy = m;
    while (more && !err) { /* parents before children, in whatever order they stand */
        more = false;
        list_for_each (c, &mounts, link) {
            if (!belongs_to_bind(c, from, m->id))
                continue;
            n = mount_copy(c, c->root);
            if (!n) {
                err = -ENOMEM;
                break;
            }
            attach_locked(n, &(struct path){c->parent->copy, c->mountpoint});
            c->copy = n;
            more = true;
        }
    }
    list_for_each (c, &mounts, link)
        c->copy = NULL;
    return err;
}

int mount_bind(const struct path *from, const struct path *on, bool recursive)
{
    struct mount *m = mount_copy(from->mnt, from->dentry);
    struct path at;

    if (!m)
        return -ENOMEM;
    int err = lock_mountpoint(on, &at);
    if (!err && !from->mnt->attached)
        err = -EINVAL;
    if (!err && !same_shape(m, &at))
        err = -ENOTDIR;
    bool attached = !err;
    if (attached)
        attach_locked(m, &at);
    if (attached && recursive)
        err = copy_below(m, from);
    if (attached)
        mount_get(m);
    unlock_mountpoint(&at);
    if (attached && err)
        (void)mount_detach(&(struct path){m, m->root}, MOUNT_LAZY);
    mount_put(m);
    return err;
}

int mount_move(const struct path *from, const struct path *on)
{
    struct mount *m = from->mnt;
    struct path at, old = {NULL, NULL};
    int err = lock_mountpoint(on, &at);

    if (err)
        ;
    else if (from->dentry != m->root || m == mount_root || !m->attached || !same_shape(m, &at))
        err = -EINVAL;
    else if (is_below(at.mnt, m))
        err = -ELOOP;
    if (!err) {
        old = (struct path){m->parent, m->mountpoint};
        path_get(&at);
        walk_seq_write_begin();
        unlink_mount(m);
        link_mount(m, &at);
        walk_seq_write_end();
    }
    unlock_mountpoint(&at);
    if (!err) {
        rcu_synchronize(); /* walkers that still stand in `old` without counting */
        path_put(&old);
    }
    return err;
}

/* ---- detaching ------------------------------------------------------------------------------------------------------- */

/* p counts the mount once; the table does; anyone else keeps it busy. */
static int may_detach(const struct path *p, enum mount_detach_how how)
{
    struct mount *m = p->mnt;

    if (p->dentry != m->root || !m->attached)
        return -EINVAL;
    if (m == mount_root)
        return -EBUSY;
    if (how != MOUNT_LAZY && ref_read(&m->refs) > 2)
        return -EBUSY;
    if (how == MOUNT_EXPIRE && !m->expired) {
        m->expired = true;
        return -EAGAIN;
    }
    return 0;
}

/* Takes m and all mounts below it out of the table, each for itself: a lazy umount leaves no mount on another. */
static void detach_locked(struct mount *m, struct list *gone)
{
    struct mount *c, *next;

    list_for_each_safe (c, next, &mounts, link) {
        if (!is_below(c, m))
            continue;
        list_del(&c->link);
        list_add_tail(gone, &c->link);
    }
    walk_seq_write_begin();
    list_for_each (c, gone, link)
        unlink_mount(c);
    list_for_each (c, gone, link) {
        c->covered = (struct path){c->parent, c->mountpoint};
        WRITE_ONCE(c->parent, c); /* who still stands in it must not climb out into what may be gone */
        WRITE_ONCE(c->mountpoint, c->root);
    }
    walk_seq_write_end();
}

int mount_detach(const struct path *p, enum mount_detach_how how)
{
    struct list gone = LIST_INIT(gone);
    struct mount *c, *next;

    mutex_lock(&mount_lock);
    int err = may_detach(p, how);
    if (!err)
        detach_locked(p->mnt, &gone);
    mutex_unlock(&mount_lock);
    if (err)
        return err;
    rcu_synchronize(); /* walkers that still stand in what was covered without counting */
    list_for_each_safe (c, next, &gone, link) {
        list_del(&c->link);
        path_put(&c->covered);
        mount_put(c);
    }
    return 0;
}

/* ---- options --------------------------------------------------------------------------------------------------------- */

/* As Linux: without a word about access times, these stay as they are. */
int mount_change_flags(const struct path *p, u32 flags)
{
    const u32 atime = MS_NOATIME | MS_NODIRATIME | MS_STRICTATIME;
    struct mount *m = p->mnt;

    if (p->dentry != m->root)
        return -EINVAL;
    mutex_lock(&mount_lock);
    u32 kept = flags & (atime | MS_RELATIME) ? 0 : m->flags & atime;
    int err = m->attached ? 0 : -EINVAL;
    if (!err)
        WRITE_ONCE(m->flags, (flags & MS_KEPT) | kept);
    mutex_unlock(&mount_lock);
    return err;
}

int mount_reconfigure(const struct path *p, u32 flags, const char *options)
{
    struct super *sb = p->mnt->sb;

    if (p->dentry != p->mnt->root)
        return -EINVAL;
    int err = *options && sb->ops->remount ? sb->ops->remount(sb, options) : 0;
    return err ? err : mount_change_flags(p, flags);
}

int mount_by_type(const char *type, const char *source, u32 flags, const char *options, const struct path *on)
{
    for (const struct fs_type *t = fs_types; t->name; t++) {
        struct super *sb;
        if (strcmp(t->name, type) != 0)
            continue;
        int err = t->make(options ? options : "", &sb);
        return err ? err : mount_attach(sb, source && *source ? source : type, flags, on, NULL);
    }
    return -ENODEV;
}

void mount_for_each(void (*fn)(const struct mount *m, void *arg), void *arg)
{
    const struct mount *m;

    mutex_lock(&mount_lock);
    list_for_each (m, &mounts, link)
        fn(m, arg);
    mutex_unlock(&mount_lock);
}
