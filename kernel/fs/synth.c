// SPDX-License-Identifier: MIT
/*
 * Synthetic file systems: the tree, its inodes, and files of text.
 *
 * Text: a read from position 0 asks for it anew, later reads go on in what was made then. A text is counted and constant;
 * the file's pointer to it is exchanged under text_lock, so that show() runs without any lock of this layer.
 */
#include "fs/synth.h"

#include "abi/errno.h"
#include "abi/fcntl.h"
#include "abi/stat.h"
#include "lib/string.h"
#include "mem/slab.h"

#define WRITE_MAX 65536ul

/* ---- texts ----------------------------------------------------------------------------------------------------------- */

struct text {
    refcount_t refs;
    struct seq_buf s;
};

static struct spinlock text_lock = SPINLOCK_INIT(LOCK_LRU);

static void text_put(struct text *t)
{
    if (t && ref_put(&t->refs)) {
        seq_free(&t->s);
        kfree(t);
    }
}

static struct text *text_current(struct file *f)
{
    spin_lock(&text_lock);
    struct text *t = f->private;
    if (t)
        ref_get(&t->refs);
    spin_unlock(&text_lock);
    return t;
}

static int text_make(struct file *f, const struct text_source *src, struct text **out)
{
    struct text *t = kzalloc(sizeof(*t), MEM_WAIT), *old;
    int err = t ? src->show(f, &t->s) : -ENOMEM;

    if (!err && t->s.failed)
        err = -ENOMEM;
    if (err) {
        if (t)
            seq_free(&t->s);
        kfree(t);
        return err;
    }
    t->refs.v = 2;
    spin_lock(&text_lock);
    old = f->private;
    f->private = t;
    spin_unlock(&text_lock);
    text_put(old);
    *out = t;
    return 0;
}

ssize_t text_read(struct file *f, struct uio *u, s64 *pos, const struct text_source *src)
{
    struct text *t = *pos ? text_current(f) : NULL;
    int err = t ? 0 : text_make(f, src, &t);

    if (err)
        return err;
    ssize_t n = 0;
    if ((u64)*pos < t->s.len) {
        size_t want = MIN(u->resid, t->s.len - (u64)*pos);
        n = (ssize_t)uio_copy_to(u, t->s.buf + *pos, want);
        if (!n && want)
            n = -EFAULT;
    }
    if (n > 0)
        *pos += n;
    text_put(t);
    return n;
}

ssize_t text_write(struct file *f, struct uio *u, s64 *pos, const struct text_source *src)
{
    size_t n = MIN(u->resid, WRITE_MAX);
    char *buf = kmalloc(n + 1, MEM_WAIT);

    if (!buf)
        return -ENOMEM;
    ssize_t r = uio_copy_from(u, buf, n) == n ? 0 : -EFAULT;
    if (!r) {
        buf[n] = 0;
        r = src->write(f, buf, n);
    }
    kfree(buf);
    if (r > 0)
        *pos += r;
    return r;
}

void text_release(struct file *f)
{
    text_put(f->private);
}

int text_open(struct inode *i, struct file *f)
{
    (void)i;
    f->fmode |= FMODE_NOPOSLOCK; /* show() may take any lock */
    return 0;
}

/* ---- nodes ----------------------------------------------------------------------------------------------------------- */

static const struct synth_node *node_of(const struct inode *i)
{
    return i->private;
}

static struct synth_node *find_child(const struct synth_node *dir, const char *s, size_t len)
{
    struct synth_node *n = load_acquire(&dir->children);

    while (n && !(strlen(n->name) == len && !memcmp(n->name, s, len)))
        n = load_acquire(&n->next);
    return n;
}

static struct synth_node *new_node(struct synth_node *parent, const char *s, size_t len, u32 mode)
{
    static u64 next_ino = 1;
    struct synth_node *n = kzalloc(sizeof(*n) + len + 1, MEM_WAIT);

    if (!n)
        return NULL;
    memcpy(n->name, s, len);
    n->mode = mode;
    n->ino = __atomic_fetch_add(&next_ino, 1, __ATOMIC_RELAXED);
    n->parent = parent ? parent : n;
    return n;
}

static void add_child(struct synth_node *parent, struct synth_node *n)
{
    struct synth_node **p = &parent->children;

    while (*p)
        p = &(*p)->next;
    store_release(p, n);
}

static struct synth_node *root_of(struct synth_fs *fs)
{
    if (!fs->root)
        fs->root = new_node(NULL, "", 0, S_IFDIR | 0555);
    return fs->root;
}

/* A fresh node that is not in the tree yet (add_child), or the folder that is there already. */
static int prepare(struct synth_fs *fs, const char *path, u32 mode, struct synth_node **out)
{
    struct synth_node *at = root_of(fs), *n = NULL;

    for (; at && *path; at = n) {
        const char *slash = strchr(path, '/');
        size_t len = slash ? (size_t)(slash - path) : strlen(path);
        n = find_child(at, path, len);
        if (n && !slash && !(S_ISDIR(n->mode) && S_ISDIR(mode)))
            return -EEXIST;
        if (!n) {
            n = new_node(at, path, len, slash ? S_IFDIR | 0555 : mode);
            if (n && slash)
                add_child(at, n);
            else if (n) {
                *out = n;
                return 0;
            }
        }
        path += len + (slash != NULL);
    }
    *out = n;
    return n ? 0 : -ENOMEM;
}

int synth_add_file(struct synth_fs *fs, const char *path, u32 mode, int (*show)(struct seq_buf *s, void *arg),
                   ssize_t (*write)(const char *text, size_t n, void *arg), void *arg)
{
    struct synth_node *n;
    int err = prepare(fs, path, S_IFREG | mode, &n);

    if (err)
        return err;
    n->show = show;
    n->write = write;
    n->arg = arg;
    add_child(n->parent, n);
    return 0;
}

static int show_constant(struct seq_buf *s, void *arg)
{
    seq_puts(s, arg);
    return 0;
}

int synth_add_text(struct synth_fs *fs, const char *path, const char *text)
{
    return synth_add_file(fs, path, 0444, show_constant, NULL, (void *)(u64)text);
}

int synth_add_link(struct synth_fs *fs, const char *path, const char *target)
{
    struct synth_node *n;
    int err = prepare(fs, path, S_IFLNK | 0777, &n);

    if (err)
        return err;
    n->link = target;
    add_child(n->parent, n);
    return 0;
}

int synth_add_dir(struct synth_fs *fs, const char *path, u32 mode, struct synth_node **out)
{
    struct synth_node *n;
    int err = prepare(fs, path, S_IFDIR | mode, &n);

    if (err)
        return err;
    if (!find_child(n->parent, n->name, strlen(n->name)))
        add_child(n->parent, n);
    if (out)
        *out = n;
    return 0;
}

/* ---- inodes ---------------------------------------------------------------------------------------------------------- */

static SLAB_CACHE(inode_cache, "synth_inode", struct inode);

struct inode *synth_new_inode(struct super *sb, u32 mode, u32 flags)
{
    struct inode *i = slab_alloc(&inode_cache, MEM_WAIT);

    if (!i)
        return NULL;
    inode_init(i, sb, mode);
    i->ino = super_new_ino(sb);
    i->flags = flags;
    i->nlink = S_ISDIR(mode) ? 2 : 1;
    return i;
}

void synth_release_inode(struct inode *i)
{
    slab_free(&inode_cache, i);
}

static int show_node(struct file *f, struct seq_buf *s)
{
    const struct synth_node *n = node_of(f->inode);

    return n->show ? n->show(s, n->arg) : -EIO;
}

static ssize_t write_node(struct file *f, const char *text, size_t len)
{
    const struct synth_node *n = node_of(f->inode);

    return n->write ? n->write(text, len, n->arg) : -EIO;
}

static const struct text_source node_source = {show_node, write_node};

static ssize_t node_read(struct file *f, struct uio *u, s64 *pos)
{
    return text_read(f, u, pos, &node_source);
}

static ssize_t node_write(struct file *f, struct uio *u, s64 *pos)
{
    return text_write(f, u, pos, &node_source);
}

static const struct file_ops node_file_ops = {
    .open = text_open, .release = text_release, .read = node_read, .write = node_write};

static struct inode *inode_of_node(struct super *sb, const struct synth_node *n);

static int dir_lookup_op(struct inode *dir, struct dentry *d)
{
    const struct synth_node *n = find_child(node_of(dir), d->name->s, d->name->len);

    if (!n)
        return node_of(dir)->lookup ? node_of(dir)->lookup(dir, d) : -ENOENT;
    struct inode *i = inode_of_node(dir->sb, n);
    if (!i)
        return -ENOMEM;
    dentry_instantiate(d, i);
    return 0;
}

static int dir_iterate(struct file *f, struct dir_context *ctx)
{
    const struct synth_node *dir = node_of(f->inode), *n = load_acquire(&dir->children);
    s64 at = 2;

    if (!dir_emit_dots(f, ctx))
        return 0;
    for (; n; n = load_acquire(&n->next), at++) {
        if (at < ctx->pos)
            continue;
        if (!ctx->emit(ctx, n->name, (u32)strlen(n->name), n->ino, n->mode >> 12, at + 1))
            return 0;
        ctx->pos = at + 1;
    }
    return dir->iterate ? dir->iterate(f, ctx) : 0;
}

static s64 dir_seek(struct file *f, s64 off, int whence)
{
    return whence == SEEK_SET || whence == SEEK_CUR ? generic_seek(f, off, whence, 0) : -EINVAL;
}

static const struct file_ops node_dir_ops = {.iterate = dir_iterate, .seek = dir_seek};

static ssize_t link_read(struct inode *i, char *buf, size_t size)
{
    return node_of(i)->readlink(buf, size);
}

static int set_attr(struct inode *i, const struct inode_attr *a)
{
    if (a->valid & ATTR_SIZE)
        return 0; /* O_TRUNC of a shell's ">" */
    inode_apply_attr(i, a);
    return 0;
}

static int dir_attr(struct inode *i, struct kstat *st)
{
    st->nlink = 2;
    for (const struct synth_node *n = load_acquire(&node_of(i)->children); n; n = load_acquire(&n->next))
        st->nlink += S_ISDIR(n->mode);
    return 0;
}

static const struct inode_ops node_dir_inode_ops = {
    .getattr = dir_attr, .lookup = dir_lookup_op, .setattr = set_attr, .release = synth_release_inode};
static const struct inode_ops node_inode_ops = {.setattr = set_attr, .release = synth_release_inode};
static const struct inode_ops node_link_ops = {.readlink = link_read, .release = synth_release_inode};

static struct inode *inode_of_node(struct super *sb, const struct synth_node *n)
{
    struct inode *i = synth_new_inode(sb, n->mode, S_ISDIR(n->mode) && n->lookup ? INODE_NOCACHE : 0);

    if (!i)
        return NULL;
    i->ino = n->ino;
    i->private = (void *)(u64)n;
    i->link = n->link;
    i->ops = S_ISDIR(n->mode) ? &node_dir_inode_ops : S_ISLNK(n->mode) ? &node_link_ops : &node_inode_ops;
    i->fops = S_ISDIR(n->mode) ? &node_dir_ops : &node_file_ops;
    return i;
}

/* ---- supers ---------------------------------------------------------------------------------------------------------- */

static const struct super_ops synth_super_ops;

int synth_make(struct synth_fs *fs, struct super **out)
{
    if (!fs->sb) {
        struct super *sb = root_of(fs) ? super_alloc(fs->type, fs->magic, &synth_super_ops) : NULL;
        struct inode *i = sb ? inode_of_node(sb, fs->root) : NULL;
        if (i)
            sb->root = dentry_alloc(NULL, sb, "/", 1);
        if (!i || !sb->root)
            return -ENOMEM;
        atomic_set(&sb->next_ino, 1u << 20);
        dentry_instantiate(sb->root, i);
        fs->sb = sb;
    }
    super_get(fs->sb);
    *out = fs->sb;
    return 0;
}
