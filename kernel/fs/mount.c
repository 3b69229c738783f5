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
#include "fs/namei.h"
#include "fs/seq.h"
#include "fs/types.h"
#include "lib/string.h"
#include "mem/slab.h"

#include <linux/mount.h>

#define BUCKETS 32u
#define MS_KEPT (MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME | MS_NODIRATIME | MS_RELATIME)

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
    mutex_init(&sb->rename_lock, LOCK_RENAME);
    spin_init(&sb->inode_lock, LOCK_INODE_CACHE);
    return sb;
}

void super_put(struct super *sb)
{
    if (!ref_put(&sb->refs))
        return;
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

/* Adds m on top of `on`, with its checks under mount_lock. */
static int attach_locked(struct mount *m, const struct path *on)
{
    struct path at = *on;

    if (S_ISDIR(m->root->inode->mode) != S_ISDIR(at.dentry->inode->mode))
        return -ENOTDIR;
    if (path_is_deleted(&at))
        return -ENOENT;
    path_get(&at);
    path_follow_mounts(&at);
    walk_seq_write_begin();
    link_mount(m, &at);
    walk_seq_write_end();
    return 0;
}

static int add_mount(struct mount *m, const struct path *on)
{
    int err = 0;

    mutex_lock(&mount_lock);
    if (on)
        err = attach_locked(m, on);
    else
        m->attached = true;
    if (!err) {
        m->id = ++next_id;
        list_add_tail(&mounts, &m->link);
    }
    mutex_unlock(&mount_lock);
    return err;
}

int mount_attach(struct super *sb, const char *source, u32 flags, const struct path *on, struct mount **out)
{
    struct mount *m = mount_new(sb, sb->root, source, flags);

    if (!m) {
        super_put(sb);
        return -ENOMEM;
    }
    int err = add_mount(m, on);
    if (err) {
        mount_free(m);
        return err;
    }
    if (!on)
        mount_root = m;
    if (out)
        *out = m;
    return 0;
}

int mount_bind(const struct path *from, const struct path *on, u32 flags)
{
    struct mount *m = mount_new(from->mnt->sb, from->dentry, from->mnt->source, from->mnt->flags | (flags & MS_KEPT));

    if (!m)
        return -ENOMEM;
    super_get(m->sb);
    int err = add_mount(m, on);
    if (err)
        mount_free(m);
    return err;
}

static bool is_below(const struct mount *m, const struct mount *top)
{
    for (; m != top; m = m->parent)
        if (m->parent == m)
            return false;
    return true;
}

int mount_move(const struct path *from, const struct path *on)
{
    struct mount *m = from->mnt;
    int err = 0;

    mutex_lock(&mount_lock);
    struct path old = {m->parent, m->mountpoint};
    if (from->dentry != m->root || m == mount_root || !m->attached)
        err = -EINVAL;
    else if (is_below(on->mnt, m))
        err = -ELOOP;
    else if (S_ISDIR(m->root->inode->mode) != S_ISDIR(on->dentry->inode->mode))
        err = -ENOTDIR;
    if (!err) {
        struct path at = *on;
        path_get(&at);
        path_follow_mounts(&at);
        walk_seq_write_begin();
        unlink_mount(m);
        link_mount(m, &at);
        walk_seq_write_end();
    }
    mutex_unlock(&mount_lock);
    if (!err)
        path_put(&old);
    return err;
}

/* p counts the mount once; the table does; anyone else keeps it busy. */
int mount_detach(const struct path *p, bool lazy)
{
    struct mount *m = p->mnt;
    int err = 0;

    mutex_lock(&mount_lock);
    struct path old = {m->parent, m->mountpoint};
    if (p->dentry != m->root || !m->attached)
        err = -EINVAL;
    else if (m == mount_root)
        err = -EBUSY;
    else if (!lazy && ref_read(&m->refs) > 2)
        err = -EBUSY;
    if (!err) {
        walk_seq_write_begin();
        unlink_mount(m);
        WRITE_ONCE(m->parent, m); /* who still stands in it must not climb out into what may be gone */
        WRITE_ONCE(m->mountpoint, m->root);
        walk_seq_write_end();
        list_del(&m->link);
    }
    mutex_unlock(&mount_lock);
    if (err)
        return err;
    rcu_synchronize(); /* walkers that still stand in `old` without counting */
    path_put(&old);
    mount_put(m);
    return 0;
}

int mount_change_flags(const struct path *p, u32 flags)
{
    if (p->dentry != p->mnt->root)
        return -EINVAL;
    mutex_lock(&mount_lock);
    WRITE_ONCE(p->mnt->flags, flags & MS_KEPT);
    mutex_unlock(&mount_lock);
    return 0;
}

int mount_by_type(const char *type, const char *source, u32 flags, const char *options, const struct path *on)
{
    for (const struct fs_type *t = fs_types; t->name; t++) {
        struct super *sb;
        if (strcmp(t->name, type))
            continue;
        int err = t->make(options ? options : "", &sb);
        return err ? err : mount_attach(sb, source && *source ? source : type, flags, on, NULL);
    }
    return -ENODEV;
}

/* ---- showing --------------------------------------------------------------------------------------------------------- */

static void show_flags(struct seq_buf *s, u32 flags)
{
    static const struct {
        u32 flag;
        const char *text;
    } names[] = {{MS_NOSUID, ",nosuid"},
                 {MS_NODEV, ",nodev"},
                 {MS_NOEXEC, ",noexec"},
                 {MS_NOATIME, ",noatime"},
                 {MS_NODIRATIME, ",nodiratime"}};

    seq_puts(s, flags & MS_RDONLY ? "ro" : "rw");
    for (u32 i = 0; i < ARRAY_SIZE(names); i++)
        if (flags & names[i].flag)
            seq_puts(s, names[i].text);
    if (!(flags & MS_NOATIME))
        seq_puts(s, ",relatime");
}

static void for_each_shown(struct seq_buf *s, const struct fs_view *v,
                           void (*show)(struct seq_buf *s, const struct mount *m, const char *path))
{
    char *buf = kmalloc(PATH_MAX, MEM_WAIT), *text;
    struct mount *m;

    if (!buf)
        return;
    mutex_lock(&mount_lock);
    list_for_each (m, &mounts, link) {
        struct path at = {m, m->root};
        if (!path_to_string(v, &at, buf, PATH_MAX, &text) && *text == '/')
            show(s, m, text);
    }
    mutex_unlock(&mount_lock);
    kfree(buf);
}

static void show_super_options(struct seq_buf *s, const struct mount *m)
{
    if (m->sb->ops->show_options)
        m->sb->ops->show_options(m->sb, s);
}

static void show_line(struct seq_buf *s, const struct mount *m, const char *path)
{
    seq_escape(s, m->source, " \t\n#");
    seq_putc(s, ' ');
    seq_escape(s, path, " \t\n#");
    seq_printf(s, " %s ", m->sb->type);
    show_flags(s, m->flags);
    show_super_options(s, m);
    seq_puts(s, " 0 0\n");
}

static void show_root_of_bind(struct seq_buf *s, const struct mount *m)
{
    char *buf = kmalloc(PATH_MAX, MEM_WAIT);

    if (!buf)
        return;
    char *at = buf + PATH_MAX - 1;
    *at = 0;
    for (const struct dentry *d = m->root; d->parent != d && at - buf > d->name->len; d = d->parent) {
        at -= d->name->len;
        memcpy(at, d->name->s, d->name->len);
        *--at = '/';
    }
    seq_escape(s, *at ? at : "/", " \t\n\\");
    kfree(buf);
}

static void show_info_line(struct seq_buf *s, const struct mount *m, const char *path)
{
    seq_printf(s, "%d %d %u:%u ", m->id, m->parent == m ? 1 : m->parent->id, dev_major(m->sb->dev),
               dev_minor(m->sb->dev));
    show_root_of_bind(s, m);
    seq_putc(s, ' ');
    seq_escape(s, path, " \t\n\\");
    seq_putc(s, ' ');
    show_flags(s, m->flags);
    seq_printf(s, " - %s ", m->sb->type);
    seq_escape(s, m->source, " \t\n\\");
    seq_puts(s, m->flags & MS_RDONLY ? " ro" : " rw");
    show_super_options(s, m);
    seq_putc(s, '\n');
}

void mount_show(struct seq_buf *s, const struct fs_view *v)
{
    for_each_shown(s, v, show_line);
}

void mount_show_info(struct seq_buf *s, const struct fs_view *v)
{
    for_each_shown(s, v, show_info_line);
}
