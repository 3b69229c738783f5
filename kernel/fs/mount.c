// SPDX-License-Identifier: MIT
/*
 * The mount table.
 *
 * Every mount that is attached belongs to one namespace (mount_ns.c), on whose list it stands. One hash leads from what is
 * covered to what covers it, for all of them: a walk never looks at a namespace, it starts at a root that is in one.
 *
 * mount_lock covers the lists, the hash and all links between mounts; every change of them is a write section of
 * walk_seq as well, so that a walk which used a stale link starts again. A mount in the table has one reference for that,
 * one a child, one an open file or working directory below it; without others it can be unmounted. The mount that the
 * machine began with is not counted, as every walk passes it: it is never freed, and counts as busy.
 */
#include "fs/mount_internal.h"

#include "abi/errno.h"
#include "abi/limits.h"
#include "abi/sched.h"
#include "abi/stat.h"
#include "fs/namei.h"
#include "fs/nsfs.h"
#include "fs/types.h"
#include "lib/string.h"
#include "mem/slab.h"

#include <linux/mount.h>

#define BUCKETS 256u

struct mount *mount_root;
struct mutex mount_lock = MUTEX_INIT(mount_lock, LOCK_MOUNT);
u64 mount_max = 100000;
static struct mount *buckets[BUCKETS]; /* by mountpoint (mount_lock; RCU) */
static s32 next_id = 20;               /* (mount_lock) */

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
    return (READ_ONCE(m->flags) | READ_ONCE(m->sb->flags)) & MS_RDONLY ? -EROFS : 0;
}

int mount_writer_get(struct mount *m)
{
    atomic_add(&m->writers, 1); /* before the flags are read: who sets them counts behind that */
    int err = mount_may_write(m);
    if (err)
        mount_writer_put(m);
    return err;
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
    u64 flags = spin_lock_irqsave(&m->sb->mounts_lock);

    list_del(&m->of_super);
    spin_unlock_irqrestore(&m->sb->mounts_lock, flags);
    dentry_put(m->root);
    super_put(m->sb);
    rcu_call(&m->rcu, free_rcu);
}

void mount_link(struct mount *m, const struct path *on)
{
    m->parent = on->mnt;
    m->mountpoint = on->dentry;
    m->hash_next = *bucket(on->dentry);
    store_release(bucket(on->dentry), m);
    __atomic_fetch_or(&on->dentry->flags, D_MOUNTED, __ATOMIC_RELAXED);
}

void mount_unlink(struct mount *m)
{
    struct mount **p = bucket(m->mountpoint), *other;

    while (*p != m)
        p = &(*p)->hash_next;
    store_release(p, m->hash_next);
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
    m->flags = mount_kept_flags(flags);
    m->sb = sb;
    m->root = root;
    m->parent = m;
    dentry_get(root);
    u64 irq = spin_lock_irqsave(&sb->mounts_lock);
    list_add_tail(&sb->mounts, &m->of_super);
    spin_unlock_irqrestore(&sb->mounts_lock, irq);
    return m;
}

/*
 * Where a mount on `on` goes: on top of what is mounted there. The place's inode is locked, so that it is not removed
 * meanwhile (rmdir and unlink look for D_MOUNTED under that lock), and mount_lock behind it.
 */
int mount_lock_point(const struct path *on, struct path *at)
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
    if (!at->mnt->ns)
        return -EINVAL;
    return path_is_deleted(at) || (at->dentry->inode->flags & INODE_DEAD) ? -ENOENT : 0;
}

void mount_unlock_point(struct path *at)
{
    mutex_unlock(&mount_lock);
    mutex_unlock(&at->dentry->inode->lock);
    path_put(at);
}

static bool same_shape(const struct mount *m, const struct path *at)
{
    return S_ISDIR(m->root->inode->mode) == S_ISDIR(at->dentry->inode->mode);
}

void mount_into_table(struct mount *m, struct mount_ns *ns)
{
    m->id = ++next_id;
    WRITE_ONCE(m->ns, ns);
    ns->count++;
    list_add_tail(&ns->mounts, &m->link);
}

/* Attaches m to `at`, which it counts for itself (mount_lock). -ENOSPC: there are too many. */
static int attach_locked(struct mount *m, const struct path *at)
{
    if (at->mnt->ns->count >= READ_ONCE(mount_max))
        return -ENOSPC;
    path_get(at);
    walk_seq_write_begin();
    mount_link(m, at);
    walk_seq_write_end();
    mount_into_table(m, at->mnt->ns);
    return 0;
}

static int add_mount(struct mount *m, const struct path *on)
{
    struct path at;
    int err = mount_lock_point(on, &at);

    if (!err && !same_shape(m, &at))
        err = -ENOTDIR;
    if (!err)
        err = attach_locked(m, &at);
    mount_unlock_point(&at);
    return err;
}

static void add_first(struct mount *m)
{
    mutex_lock(&mount_lock);
    m->mountpoint = m->root;
    mount_into_table(m, &mount_ns_first);
    mutex_unlock(&mount_lock);
    mount_root = mount_ns_first.root = m;
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

bool mount_is_below(const struct mount *m, const struct mount *top)
{
    for (; m != top; m = m->parent)
        if (m->parent == m)
            return false;
    return true;
}

struct mount *mount_copy(const struct mount *of, struct dentry *root)
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

/* A namespace that had a mount of another one's file, and that one a mount of its file, would live for ever. */
static bool is_copied(const struct mount *c, enum mount_copy_how how)
{
    const struct ns *ns = nsfs_ns(c->root->inode);

    return how == COPY_FOR_BIND ? !(c->flags & MS_UNBINDABLE) : !ns || ns->kind != CLONE_NEWNS;
}

static int copy_one(struct mount *c)
{
    struct mount *n = mount_copy(c, c->root);

    if (!n)
        return -ENOMEM;
    int err = attach_locked(n, &(struct path){c->parent->copy, c->mountpoint});
    if (err)
        mount_free(n);
    else
        c->copy = n;
    return err;
}

int mount_copy_below(struct mount *m, const struct path *from, enum mount_copy_how how)
{
    struct mount *c;
    bool more = true;
    int err = 0;

    from->mnt->copy = m;
    while (more && !err) { /* parents before children, in whatever order they stand */
        more = false;
        list_for_each (c, &from->mnt->ns->mounts, link) {
            if (!belongs_to_bind(c, from, m->id) || !is_copied(c, how))
                continue;
            err = copy_one(c);
            if (err)
                break;
            more = true;
        }
    }
    return err;
}

void mount_forget_copies(struct mount_ns *ns)
{
    struct mount *c;

    list_for_each (c, &ns->mounts, link)
        c->copy = NULL;
}

/* A file of a namespace may be bound from nowhere, and not into a namespace that is as old or older. */
static int may_bind(const struct path *from, const struct path *at)
{
    const struct ns *ns = nsfs_ns(from->dentry->inode);

    if (ns && ns->kind == CLONE_NEWNS)
        return container_of(ns, const struct mount_ns, ns)->seq > at->mnt->ns->seq ? 0 : -EINVAL;
    return (ns || from->mnt->ns) && !(from->mnt->flags & MS_UNBINDABLE) ? 0 : -EINVAL;
}

int mount_bind(const struct path *from, const struct path *on, bool recursive)
{
    struct mount *m = mount_copy(from->mnt, from->dentry);
    struct path at;

    if (!m)
        return -ENOMEM;
    int err = mount_lock_point(on, &at);
    if (!err)
        err = may_bind(from, &at);
    if (!err && !same_shape(m, &at))
        err = -ENOTDIR;
    if (!err)
        err = attach_locked(m, &at);
    bool attached = !err;
    if (attached && recursive && from->mnt->ns) {
        err = mount_copy_below(m, from, COPY_FOR_BIND);
        mount_forget_copies(from->mnt->ns);
    }
    if (attached)
        mount_get(m);
    mount_unlock_point(&at);
    if (attached && err)
        (void)mount_detach(&(struct path){m, m->root}, MOUNT_LAZY);
    mount_put(m);
    return err;
}

int mount_move(const struct path *from, const struct path *on)
{
    struct mount *m = from->mnt;
    struct path at, old = {NULL, NULL};
    int err = mount_lock_point(on, &at);

    if (err)
        ;
    else if (from->dentry != m->root || m->parent == m || m->ns != at.mnt->ns || !same_shape(m, &at))
        err = -EINVAL;
    else if (mount_is_below(at.mnt, m))
        err = -ELOOP;
    if (!err) {
        old = (struct path){m->parent, m->mountpoint};
        path_get(&at);
        walk_seq_write_begin();
        mount_unlink(m);
        mount_link(m, &at);
        walk_seq_write_end();
    }
    mount_unlock_point(&at);
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

    if (p->dentry != m->root || !m->ns)
        return -EINVAL;
    if (m == m->ns->root)
        return how == MOUNT_LAZY ? -EINVAL : -EBUSY;
    if (how != MOUNT_LAZY && (m == mount_root || ref_read(&m->refs) > 2))
        return -EBUSY;
    if (how == MOUNT_EXPIRE && !m->expired) {
        WRITE_ONCE(m->expired, true);
        return -EAGAIN;
    }
    return 0;
}

/* On the way out of the table, each for itself: a lazy umount leaves no mount on another. */
static void take_out(struct list *gone)
{
    struct mount *c;

    walk_seq_write_begin();
    list_for_each (c, gone, link)
        if (c->parent != c)
            mount_unlink(c);
    list_for_each (c, gone, link) {
        c->covered = c->parent == c ? (struct path){NULL, NULL} : (struct path){c->parent, c->mountpoint};
        WRITE_ONCE(c->parent, c); /* who still stands in it must not climb out into what may be gone */
        WRITE_ONCE(c->mountpoint, c->root);
        c->ns->count--;
        WRITE_ONCE(c->ns, NULL);
    }
    walk_seq_write_end();
}

static void detach_below(struct mount *m, struct list *gone)
{
    struct mount *c, *next;
    struct list found = LIST_INIT(found);

    list_for_each_safe (c, next, &m->ns->mounts, link) {
        if (!mount_is_below(c, m))
            continue;
        list_del(&c->link);
        list_add_tail(&found, &c->link);
    }
    take_out(&found);
    list_for_each_safe (c, next, &found, link) {
        list_del(&c->link);
        list_add_tail(gone, &c->link);
    }
}

void mount_detach_all(struct mount_ns *ns, struct list *gone)
{
    if (ns->root)
        detach_below(ns->root, gone);
}

void mount_detach_on(const struct dentry *d, struct list *gone)
{
    for (;;) {
        struct mount *m = *bucket(d);
        while (m && m->mountpoint != d)
            m = m->hash_next;
        if (!m)
            return;
        detach_below(m, gone);
    }
}

void mount_put_gone(struct list *gone)
{
    struct mount *c, *next;

    if (list_empty(gone))
        return;
    rcu_synchronize(); /* walkers that still stand in what was covered without counting */
    list_for_each_safe (c, next, gone, link) {
        list_del(&c->link);
        if (c->covered.mnt)
            path_put(&c->covered);
        mount_put(c);
    }
}

int mount_detach(const struct path *p, enum mount_detach_how how)
{
    struct list gone = LIST_INIT(gone);

    mutex_lock(&mount_lock);
    int err = may_detach(p, how);
    if (!err)
        detach_below(p->mnt, &gone);
    mutex_unlock(&mount_lock);
    mount_put_gone(&gone);
    return err;
}

/* ---- by name, in order -------------------------------------------------------------------------------------------------- */

int mount_by_type(const char *type, const char *source, u32 flags, const char *options, const struct path *on)
{
    for (const struct fs_type *t = fs_types; t->name; t++) {
        struct super *sb;
        if (strcmp(t->name, type) != 0)
            continue;
        int err = t->make(options ? options : "", &sb);
        if (!err)
            sb->flags = flags & MS_OF_SUPER;
        return err ? err : mount_attach(sb, source && *source ? source : type, flags, on, NULL);
    }
    return -ENODEV;
}

void mount_for_each(struct mount_ns *ns, void (*fn)(const struct mount *m, void *arg), void *arg)
{
    const struct mount *m;

    mutex_lock(&mount_lock);
    list_for_each (m, &ns->mounts, link)
        fn(m, arg);
    mutex_unlock(&mount_lock);
}
