// SPDX-License-Identifier: MIT
/*
 * Putting a whole archive over the root at boot, by path: the second archive (run-time overrides), or a foreign cpio
 * without an index. Its files become nodes of tmpfs whose data stays where it lies. Boot only: nobody else looks on.
 */
#include "abi/errno.h"
#include "abi/limits.h"
#include "abi/stat.h"
#include "fs/cpio.h"
#include "fs/namei.h"
#include "fs/tmpfs/tmpfs.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "mem/slab.h"

#define MAX_DEPTH 1024u
#define LINK_BUCKETS 64u

/* ---- one entry ------------------------------------------------------------------------------------------------------- */

static void give_data(struct inode *i, const u8 *data, u64 size)
{
    struct tmpfs_inode *ti = tmpfs_i(i);

    if (S_ISREG(i->mode) && size)
        tmpfs_data_init(ti, data, size);
}

static int make_inode(struct super *sb, const struct archive_inode *a, struct inode **out)
{
    int err = S_ISLNK(a->mode) ? tmpfs_new_symlink(sb, (const char *)a->data, (u32)a->size, NULL, &kernel_cred, out)
                               : tmpfs_new(sb, a->mode, NULL, &kernel_cred, out);
    if (err)
        return err;
    struct inode *i = *out;
    i->mode = a->mode;
    i->uid = a->uid;
    i->gid = a->gid;
    i->atime = i->mtime = i->ctime = i->btime = (struct timespec_k){a->mtime_sec, a->mtime_nsec};
    if (S_ISCHR(a->mode) || S_ISBLK(a->mode))
        i->rdev = makedev_k(a->rdev_major, a->rdev_minor);
    give_data(i, a->data, a->size);
    return a->xattr_len ? tmpfs_copy_xattrs(tmpfs_i(i), a) : 0;
}

static int remove_old(struct inode *dir, struct dentry *d)
{
    struct inode *i = d->inode;

    inode_get(i);
    mutex_lock_nested(&i->lock);
    if (S_ISDIR(i->mode)) { /* whole trees go with their top */
        i->nlink = 1;
        dir->nlink--;
        dentry_drop_children(d);
    }
    int err = dir->ops->unlink(dir, d);
    mutex_unlock(&i->lock);
    if (!err)
        dentry_unlink(d);
    inode_put(i);
    return err;
}

static int merge_directory(struct inode *i, const struct archive_inode *a)
{
    mutex_lock_nested(&i->lock);
    tmpfs_dirty(i);
    i->mode = a->mode;
    i->uid = a->uid;
    i->gid = a->gid;
    i->mtime = (struct timespec_k){a->mtime_sec, a->mtime_nsec};
    int err = a->xattr_len ? tmpfs_copy_xattrs(tmpfs_i(i), a) : 0;
    mutex_unlock(&i->lock);
    return err;
}

/* known: another name's inode (counted by the caller), or NULL for a new one; *out: counted. */
static int place_in(struct dentry *dir, const struct parent_walk *pw, const struct archive_inode *a,
                    struct inode *known, struct inode **out)
{
    struct inode *parent = dir->inode;
    struct dentry *d;
    int err = dir_lookup(dir, pw->last, pw->len, pw->hash, &d);

    if (!err && d->inode && S_ISDIR(d->inode->mode) && S_ISDIR(a->mode)) {
        *out = d->inode;
        inode_get(*out);
        err = merge_directory(d->inode, a);
        dentry_put(d);
        return err;
    }
    if (!err && d->inode) {
        err = remove_old(parent, d);
        dentry_put(d);
        if (!err)
            err = dir_lookup(dir, pw->last, pw->len, pw->hash, &d);
    }
    if (err)
        return err;
    *out = known;
    if (known) {
        mutex_lock(&known->lock);
        err = parent->ops->link(parent, d, known);
        mutex_unlock(&known->lock);
        if (!err)
            inode_get(known);
    } else if (!(err = make_inode(parent->sb, a, out))) {
        err = tmpfs_dir_add(parent, pw->last, pw->len, *out);
    }
    if (!err && !known) {
        tmpfs_dirty(parent);
        if (S_ISDIR(a->mode))
            parent->nlink++;
        inode_get(*out);
        dentry_instantiate(d, *out);
    }
    if (err && !known && *out)
        inode_put(*out);
    dentry_put(d);
    return err;
}

static int place(const struct fs_view *v, const char *path, const struct archive_inode *a, struct inode *known,
                 struct inode **out)
{
    struct parent_walk pw;
    int err = path_parent(v, NULL, path, 0, &pw);

    if (err)
        return err;
    struct inode *dir = pw.dir.dentry->inode;
    if (pw.type == LAST_NAME) {
        mutex_lock(&dir->lock);
        err = place_in(pw.dir.dentry, &pw, a, known, out);
        mutex_unlock(&dir->lock);
    } else { /* the root itself */
        *out = dir;
        inode_get(dir);
        err = S_ISDIR(a->mode) ? merge_directory(dir, a) : -EISDIR;
    }
    path_put(&pw.dir);
    return err;
}

/* ---- with an index --------------------------------------------------------------------------------------------------- */

struct level {
    u32 next, end; /* entries */
    u32 path_len;
};
struct tree_walk {
    const struct fs_view *v;
    const struct archive *a;
    struct inode **seen; /* by number, for hard links */
    struct level *stack;
    u32 depth;
    char path[PATH_MAX];
};

static int push_level(struct tree_walk *w, const struct archive_inode *dir, u32 path_len)
{
    if (w->depth == MAX_DEPTH)
        return -ELOOP;
    w->stack[w->depth++] = (struct level){dir->first, dir->first + dir->count, path_len};
    return 0;
}

static int walk_entry(struct tree_walk *w, struct level *l)
{
    struct archive_dirent d;
    struct archive_inode i;
    struct inode *made = NULL;
    int err = archive_get_dirent(w->a, l->next++, &d);

    if (!err)
        err = archive_get_inode(w->a, d.inode, &i);
    if (err)
        return err;
    if (l->path_len + d.name_len + 2 > PATH_MAX)
        return -ENAMETOOLONG;
    u32 len = l->path_len;
    w->path[len++] = '/';
    memcpy(w->path + len, d.name, d.name_len);
    len += d.name_len;
    w->path[len] = 0;
    if (S_ISDIR(i.mode) && w->seen[d.inode])
        return -EIO; /* a second name of a directory: a loop */
    err = place(w->v, w->path, &i, w->seen[d.inode], &made);
    if (err)
        return err;
    if (w->seen[d.inode])
        inode_put(made);
    else
        w->seen[d.inode] = made;
    return S_ISDIR(i.mode) ? push_level(w, &i, len) : 0;
}

static int overlay_tree(struct tree_walk *w)
{
    struct archive_inode root;
    struct inode *top;
    int err = archive_get_inode(w->a, 0, &root);

    if (!err)
        err = place(w->v, "/", &root, NULL, &top);
    if (err)
        return err;
    w->seen[0] = top;
    err = push_level(w, &root, 0);
    while (!err && w->depth) {
        struct level *l = &w->stack[w->depth - 1];
        if (l->next == l->end)
            w->depth--;
        else
            err = walk_entry(w, l);
    }
    return err;
}

static int overlay_indexed(const struct fs_view *v, const struct archive *a)
{
    struct tree_walk *w = kmalloc(sizeof(*w), MEM_WAIT);
    int err = -ENOMEM;

    if (!w)
        return err;
    w->v = v;
    w->a = a;
    w->depth = 0;
    w->seen = kcalloc(a->inode_count, sizeof(*w->seen), MEM_WAIT);
    w->stack = kcalloc(MAX_DEPTH, sizeof(*w->stack), MEM_WAIT);
    if (w->seen && w->stack)
        err = overlay_tree(w);
    for (u32 n = 0; w->seen && n < a->inode_count; n++)
        if (w->seen[n])
            inode_put(w->seen[n]);
    kfree(w->seen);
    kfree(w->stack);
    kfree(w);
    return err;
}

/* ---- without --------------------------------------------------------------------------------------------------------- */

struct link_group {
    struct link_group *next;
    u32 dev_major, dev_minor, ino;
    struct inode *inode;
};

static struct inode *find_group(struct link_group *const *groups, const struct cpio_entry *e)
{
    const struct link_group *g = groups[e->ino % LINK_BUCKETS];

    while (g && !(g->ino == e->ino && g->dev_major == e->dev_major && g->dev_minor == e->dev_minor))
        g = g->next;
    return g ? g->inode : NULL;
}

static int add_group(struct link_group **groups, const struct cpio_entry *e, struct inode *i)
{
    struct link_group *g = kmalloc(sizeof(*g), MEM_WAIT);

    if (!g)
        return -ENOMEM;
    *g = (struct link_group){groups[e->ino % LINK_BUCKETS], e->dev_major, e->dev_minor, e->ino, i};
    groups[e->ino % LINK_BUCKETS] = g;
    return 0;
}

static struct archive_inode inode_of_entry(const struct archive *a, const struct cpio_entry *e)
{
    return (struct archive_inode){
        .mode = e->mode & (S_IFMT | 07777),
        .uid = e->uid,
        .gid = e->gid,
        .mtime_sec = e->mtime,
        .rdev_major = e->rdev_major,
        .rdev_minor = e->rdev_minor,
        .size = e->size,
        .data = e->size ? a->base + e->data_off : NULL,
    };
}

static int place_entry(const struct fs_view *v, const struct archive *a, const struct cpio_entry *e,
                       struct link_group **groups)
{
    struct archive_inode i = inode_of_entry(a, e);
    bool linked = e->nlink > 1 && !S_ISDIR(e->mode);
    struct inode *known = linked ? find_group(groups, e) : NULL, *made;

    if (!*e->name || !(i.mode & S_IFMT) || (S_ISLNK(i.mode) && (!i.size || i.size >= PATH_MAX)))
        return -EINVAL;
    int err = place(v, e->name, &i, known, &made);
    if (err)
        return err;
    if (known && i.size && !known->size)
        give_data(known, i.data, i.size); /* GNU cpio puts the data with the last name */
    if (linked && !known)
        return add_group(groups, e, made);
    inode_put(made);
    return 0;
}

static int overlay_entries(const struct fs_view *v, const struct archive *a)
{
    struct link_group *groups[LINK_BUCKETS] = {0};
    struct cpio_entry e;
    u64 off = 0;
    u32 bad = 0;
    int r;

    while (!(r = cpio_next(a->base, a->size, &off, &e))) {
        if (archive_is_own_name(e.name))
            continue;
        int err = place_entry(v, a, &e, groups);
        if (err && !bad++)
            kwarn("initrd: /%s: error %d", e.name, -err);
        if (err == -ENOMEM)
            break;
    }
    for (u32 b = 0; b < LINK_BUCKETS; b++) {
        for (struct link_group *g = groups[b], *next; g; g = next) {
            next = g->next;
            inode_put(g->inode);
            kfree(g);
        }
    }
    return r < 0 ? r : 0;
}

int tmpfs_overlay(const struct fs_view *v, const struct archive *a)
{
    return a->indexed ? overlay_indexed(v, a) : overlay_entries(v, a);
}
