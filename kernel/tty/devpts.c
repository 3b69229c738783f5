// SPDX-License-Identifier: MIT
/*
 * devpts: each mount(2) makes an instance, a folder with ptmx and the slaves of its pairs by number. Nothing can be made or
 * removed in it by hand; names come with an opening of ptmx and go when that file is closed.
 *
 * Numbers: the lowest free one. It stays taken until the pair is freed, which open files of the slave put off; so what a
 * slot holds is NULL, a pair with a name, or NAMELESS.
 *
 * Locks: the folder's inode lock covers the dentries, as everywhere; devpts.lock the slots, which are changed in between
 * (names) and without it (numbers). The settings are read as they are.
 */
#include "abi/errno.h"
#include "abi/fcntl.h"
#include "abi/limits.h"
#include "abi/stat.h"
#include "fs/devfs.h"
#include "fs/namei.h"
#include "fs/seq.h"
#include "fs/types.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "mem/slab.h"
#include "tty/pty.h"

#define DEVPTS_MAGIC 0x1cd1
#define NAMELESS ((struct pty *)1)
#define MAX_EVER (1u << 20)
#define INO_ROOT 1
#define INO_PTMX 2
#define INO_SLAVES 3
#define UNSET (~0u)

struct settings {
    u32 uid, gid; /* UNSET: the opener's */
    u32 mode, ptmxmode, max;
};

struct devpts {
    refcount_t refs; /* the super and every pair */
    struct settings set;
    struct spinlock lock; /* LOCK_DEVICE */
    struct pty **slots;   /* (lock) */
    u32 size;             /* (lock) of slots */
    struct inode *ptmx;   /* the super's reference */
};

static u64 pairs_max = 4096;
static atomic_t pairs; /* that there are, in all instances */

static void devpts_put(struct devpts *d)
{
    if (!ref_put(&d->refs))
        return;
    kfree(d->slots);
    kfree(d);
}

/* ---- options ---- */

static int parse_number(const char *text, int base, u32 max, u32 *out)
{
    const char *end;
    u64 v;
    if (str_to_u64(text, base, &v, &end) || *end || v > max)
        return -EINVAL;
    *out = (u32)v;
    return 0;
}

static int parse_mode(const char *s, u32 *out)
{
    u32 v = 0;
    for (const char *c = s; *c; c++) {
        if (*c < '0' || *c > '7' || c - s > 6)
            return -EINVAL;
        v = v << 3 | (u32)(*c - '0');
    }
    *out = v & 07777;
    return *s ? 0 : -EINVAL;
}

static int parse_option(struct settings *set, const char *s)
{
    if (!*s || !strcmp(s, "newinstance")) /* every instance is a new one */
        return 0;
    if (!strncmp(s, "uid=", 4))
        return parse_number(s + 4, 10, UNSET - 1, &set->uid);
    if (!strncmp(s, "gid=", 4))
        return parse_number(s + 4, 10, UNSET - 1, &set->gid);
    if (!strncmp(s, "max=", 4))
        return parse_number(s + 4, 10, MAX_EVER, &set->max);
    if (!strncmp(s, "mode=", 5))
        return parse_mode(s + 5, &set->mode);
    if (!strncmp(s, "ptmxmode=", 9))
        return parse_mode(s + 9, &set->ptmxmode);
    return -EINVAL;
}

static int parse_options(struct settings *set, const char *s)
{
    *set = (struct settings){.uid = UNSET, .gid = UNSET, .mode = 0600, .max = MAX_EVER};
    int err = 0;
    while (*s && !err) {
        char one[40];
        const char *comma = strchr(s, ',');
        size_t len = comma ? (size_t)(comma - s) : strlen(s);
        if (len >= sizeof(one))
            return -EINVAL;
        memcpy(one, s, len);
        one[len] = 0;
        err = parse_option(set, one);
        s += len + (comma != NULL);
    }
    return err;
}

/* ---- inodes ---- */

static void evict_slave(struct inode *i)
{
    if (i->private)
        tty_put(i->private);
}

static void release_inode(struct inode *i)
{
    kfree(i);
}

static const struct inode_ops node_ops = {.evict = evict_slave, .release = release_inode};

static struct inode *make_inode(struct super *sb, u64 ino, u32 mode)
{
    struct inode *i = kzalloc(sizeof(*i), MEM_WAIT);
    if (!i)
        return NULL;
    inode_init(i, sb, mode);
    i->ino = ino;
    i->ops = &node_ops;
    i->fops = special_inode_ops(mode);
    return i;
}

static struct inode *make_slave_inode(struct super *sb, struct pty *p)
{
    const struct devpts *d = sb->private;
    const struct fs_cred *c = &current_cred()->fs;
    struct inode *i = make_inode(sb, INO_SLAVES + (u64)p->nr, S_IFCHR | d->set.mode);
    if (!i)
        return NULL;
    i->uid = d->set.uid == UNSET ? c->fsuid : d->set.uid;
    i->gid = d->set.gid == UNSET ? c->fsgid : d->set.gid;
    i->rdev = p->tty->dev;
    i->fops = &pty_slave_open_ops;
    tty_get(p->tty);
    i->private = p->tty;
    return i;
}

/* ---- numbers ---- */

/* Room for more numbers; false: no memory. */
static bool grow(struct devpts *d, u32 from)
{
    u32 size = from ? from * 2 : 16;
    struct pty **slots = kzalloc(size * sizeof(*slots), MEM_WAIT), **old = slots;
    if (!slots)
        return false;
    spin_lock(&d->lock);
    if (d->size == from) {
        old = d->slots;
        if (old)
            memcpy(slots, old, from * sizeof(*slots));
        d->slots = slots;
        d->size = size;
    }
    spin_unlock(&d->lock);
    kfree(old);
    return true;
}

/* The lowest number that is free, with a reference to d; -ENOSPC, -ENOMEM. */
static int take_nr(struct devpts *d)
{
    for (;;) {
        u32 n = 0;
        spin_lock(&d->lock);
        u32 size = d->size;
        while (n < size && d->slots[n])
            n++;
        if (n < size && n < d->set.max) {
            d->slots[n] = NAMELESS;
            ref_get(&d->refs);
        }
        spin_unlock(&d->lock);
        if (n >= d->set.max)
            return -ENOSPC;
        if (n < size)
            return (int)n;
        if (!grow(d, size))
            return -ENOMEM;
    }
}

static void set_slot(struct devpts *d, u32 nr, struct pty *p)
{
    spin_lock(&d->lock);
    d->slots[nr] = p;
    spin_unlock(&d->lock);
}

void devpts_release_nr(struct devpts *d, u32 nr)
{
    set_slot(d, nr, NULL);
    atomic_sub(&pairs, 1);
    devpts_put(d);
}

/* ---- the folder ---- */

static bool parse_name(const char *s, u32 len, u32 *nr)
{
    u64 v = 0;
    if (!len || len > 7 || (len > 1 && *s == '0'))
        return false;
    for (u32 i = 0; i < len; i++) {
        if (s[i] < '0' || s[i] > '9')
            return false;
        v = v * 10 + (u64)(s[i] - '0');
    }
    *nr = (u32)v;
    return true;
}

/* The inode of a name, with a reference; NULL: there is none. */
static struct inode *find(struct devpts *d, const char *s, u32 len)
{
    u32 nr;
    struct inode *i = NULL;
    if (len == 4 && !memcmp(s, "ptmx", 4)) {
        inode_get(d->ptmx);
        return d->ptmx;
    }
    if (!parse_name(s, len, &nr))
        return NULL;
    spin_lock(&d->lock);
    if (nr < d->size && d->slots[nr] && d->slots[nr] != NAMELESS) {
        i = d->slots[nr]->inode;
        inode_get(i);
    }
    spin_unlock(&d->lock);
    return i;
}

static int folder_lookup(struct inode *dir, struct dentry *e)
{
    struct inode *i = find(dir->sb->private, e->name->s, e->name->len);
    if (i)
        dentry_instantiate(e, i);
    return 0;
}

/* First number >= from with a name. */
static bool next_nr(struct devpts *d, u32 *from)
{
    spin_lock(&d->lock);
    while (*from < d->size && (!d->slots[*from] || d->slots[*from] == NAMELESS))
        ++*from;
    bool found = *from < d->size;
    spin_unlock(&d->lock);
    return found;
}

static int folder_iterate(struct file *f, struct dir_context *ctx)
{
    struct devpts *d = f->inode->sb->private;
    if (!dir_emit_dots(f, ctx))
        return 0;
    if (ctx->pos == 2) {
        if (!ctx->emit(ctx, "ptmx", 4, INO_PTMX, S_IFCHR >> 12, 3))
            return 0;
        ctx->pos = 3;
    }
    for (u32 nr = (u32)(ctx->pos - 3); next_nr(d, &nr); nr++) {
        char name[12];
        u32 len = (u32)snprintf(name, sizeof(name), "%u", nr);
        if (!ctx->emit(ctx, name, len, INO_SLAVES + (u64)nr, S_IFCHR >> 12, (s64)nr + 4))
            return 0;
        ctx->pos = (s64)nr + 4;
    }
    return 0;
}

static const struct inode_ops folder_ops = {.lookup = folder_lookup, .release = release_inode};
static const struct file_ops folder_file_ops = {.iterate = folder_iterate, .seek = generic_folder_seek};

/* ---- instances ---- */

static void show_options(struct super *sb, struct seq_buf *s)
{
    const struct settings *set = &((struct devpts *)sb->private)->set;
    if (set->uid != UNSET)
        seq_printf(s, ",uid=%u", set->uid);
    if (set->gid != UNSET)
        seq_printf(s, ",gid=%u", set->gid);
    seq_printf(s, ",mode=%03o,ptmxmode=%03o", set->mode, set->ptmxmode);
    if (set->max < MAX_EVER)
        seq_printf(s, ",max=%u", set->max);
}

static int remount(struct super *sb, const char *options)
{
    struct devpts *d = sb->private;
    struct settings set;
    int err = parse_options(&set, options);
    if (err)
        return err;
    mutex_lock(&d->ptmx->lock);
    d->set = set;
    d->ptmx->mode = S_IFCHR | set.ptmxmode;
    mutex_unlock(&d->ptmx->lock);
    return 0;
}

static void put_super(struct super *sb)
{
    struct devpts *d = sb->private;
    inode_put(d->ptmx);
    devpts_put(d);
}

static const struct super_ops super_ops = {.put = put_super, .show_options = show_options, .remount = remount};

static struct inode *make_folder(struct super *sb)
{
    struct inode *i = make_inode(sb, INO_ROOT, S_IFDIR | 0755);
    if (!i)
        return NULL;
    i->nlink = 2;
    i->ops = &folder_ops;
    i->fops = &folder_file_ops;
    return i;
}

static int make_tree(struct super *sb, struct devpts *d)
{
    struct inode *folder = make_folder(sb), *ptmx = make_inode(sb, INO_PTMX, S_IFCHR | d->set.ptmxmode);
    struct dentry *root = folder && ptmx ? dentry_alloc(NULL, sb, "/", 1) : NULL;
    if (!root) {
        kfree(folder);
        kfree(ptmx);
        return -ENOMEM;
    }
    ptmx->rdev = makedev_k(5, 2);
    d->ptmx = ptmx;
    dentry_instantiate(root, folder);
    sb->root = root;
    return 0;
}

static int make_instance(const char *options, struct super **out)
{
    struct settings set;
    int err = parse_options(&set, options);
    if (err)
        return err;
    struct super *sb = super_alloc("devpts", DEVPTS_MAGIC, &super_ops);
    struct devpts *d = kzalloc(sizeof(*d), MEM_WAIT);
    err = -ENOMEM;
    if (sb && d) {
        ref_init(&d->refs);
        spin_init(&d->lock, LOCK_DEVICE);
        d->set = set;
        sb->private = d;
        err = make_tree(sb, d);
    }
    if (err) {
        kfree(sb);
        kfree(d);
        return err;
    }
    *out = sb;
    return 0;
}

/* ---- pairs and their names ---- */

/* Under the folder's lock: the entry of p's number, with a reference. NULL: no memory. */
static struct dentry *entry_of(const struct pty *p)
{
    char name[12];
    u32 len = (u32)snprintf(name, sizeof(name), "%u", p->nr);
    struct dentry *e;
    return dir_lookup(p->folder.dentry, name, len, name_hash(name, len), &e) ? NULL : e;
}

/* Someone may have looked in vain for the name before: that entry is it now. */
static int add_name(struct pty *p)
{
    struct inode *dir = p->folder.dentry->inode;
    mutex_lock(&dir->lock);
    struct dentry *e = entry_of(p);
    if (e) {
        set_slot(p->numbers, p->nr, p);
        inode_get(p->inode);
        dentry_instantiate(e, p->inode);
        inode_touch(dir, ATTR_MTIME | ATTR_CTIME);
    }
    mutex_unlock(&dir->lock);
    if (e)
        dentry_put(e);
    return e ? 0 : -ENOMEM;
}

void devpts_remove(struct pty *p)
{
    struct inode *dir = p->folder.dentry->inode;
    mutex_lock(&dir->lock);
    struct dentry *e = entry_of(p);
    set_slot(p->numbers, p->nr, NAMELESS);
    p->inode->nlink = 0;
    if (e)
        dentry_unlink(e);
    inode_touch(dir, ATTR_MTIME | ATTR_CTIME);
    mutex_unlock(&dir->lock);
    if (e)
        dentry_put(e);
    inode_put(p->inode);
    path_put(&p->folder);
}

static bool is_devpts(const struct path *p)
{
    return p->dentry->sb->ops == &super_ops;
}

/* The root of the instance to which the ptmx that f was opened by belongs: it lies in it, or beside it, as "pts". */
static int find_folder(struct file *f, struct path *out)
{
    if (is_devpts(&f->path)) {
        *out = (struct path){f->path.mnt, f->path.dentry->sb->root};
        path_get(out);
        return 0;
    }
    struct fs_view v = {.ctx = current_thread()->fs, .cred = &kernel_cred, .fsize_limit = ~0ul};
    struct path beside = {f->path.mnt, f->path.dentry->parent};
    path_get(&beside);
    int err = path_lookup(&v, &beside, "pts", LOOKUP_FOLLOW | LOOKUP_DIRECTORY, out);
    path_put(&beside);
    if (err)
        return -ENODEV;
    if (is_devpts(out) && out->dentry == out->dentry->sb->root)
        return 0;
    path_put(out);
    return -ENODEV;
}

/* A pair with a number, an inode, and no name yet. */
static int make_pair(const struct path *folder, struct pty **out)
{
    struct super *sb = folder->dentry->sb;
    struct devpts *d = sb->private;
    if (atomic_add(&pairs, 1) > pairs_max) {
        atomic_sub(&pairs, 1);
        return -ENOSPC;
    }
    int nr = take_nr(d);
    if (nr < 0) {
        atomic_sub(&pairs, 1);
        return nr;
    }
    struct pty *p = pty_create(d, (u32)nr);
    if (!p) {
        devpts_release_nr(d, (u32)nr);
        return -ENOMEM;
    }
    p->inode = make_slave_inode(sb, p);
    if (!p->inode) {
        tty_put(p->tty);
        return -ENOMEM;
    }
    *out = p;
    return 0;
}

int devpts_new_pair(struct file *master, struct pty **out)
{
    struct path folder;
    int err = find_folder(master, &folder);
    if (err)
        return err;
    err = make_pair(&folder, out);
    if (err) {
        path_put(&folder);
        return err;
    }
    (*out)->folder = folder;
    err = add_name(*out);
    if (err) {
        inode_put((*out)->inode);
        path_put(&folder);
        tty_put((*out)->tty);
    }
    return err;
}

int devpts_open_slave(struct pty *p, u32 flags, struct file **out)
{
    struct fs_view v = {.ctx = current_thread()->fs, .cred = &kernel_cred, .fsize_limit = ~0ul};
    struct inode *dir = p->folder.dentry->inode;
    mutex_lock(&dir->lock);
    struct path at = {p->folder.mnt, entry_of(p)};
    mutex_unlock(&dir->lock);
    if (!at.dentry)
        return -ENOMEM;
    int err = file_open_path(&v, &at, flags, out);
    dentry_put(at.dentry);
    return err;
}

void devpts_init(void)
{
    devpts_fs_make = make_instance;
}
