// SPDX-License-Identifier: MIT
/*
 * Names in a directory: the archive's sorted children below, and a tree of names that were added, replaced or removed
 * above. An entry of the archive is seen when the tree has no name like it. All is O(log n) and works without touching
 * the other entries.
 *
 * Positions of readdir: 0 and 1 the dots, 2 … 2 + count - 1 the archive's entries in their order, then names of the tree
 * in the order they were added. A position is never used twice, so a reader neither misses nor repeats what stays.
 */
#include "abi/errno.h"
#include "abi/stat.h"
#include "fs/tmpfs/tmpfs.h"
#include "lib/string.h"
#include "mem/slab.h"

#include <linux/fs.h>

/* ---- the tree -------------------------------------------------------------------------------------------------------- */

static int compare(const char *a, u32 alen, const char *b, u32 blen)
{
    int c = memcmp(a, b, MIN(alen, blen));

    return c ? c : (int)alen - (int)blen;
}

static struct tmpfs_name *find_name(const struct tmpfs_inode *ti, const char *s, u32 len)
{
    struct rb_node *n = ti->dir.names.node;

    while (n) {
        struct tmpfs_name *e = rb_entry(n, struct tmpfs_name, by_name);
        int c = compare(s, len, e->s, e->len);
        if (!c)
            return e;
        n = c < 0 ? n->left : n->right;
    }
    return NULL;
}

static void insert_name(struct tmpfs_inode *ti, struct tmpfs_name *e)
{
    struct rb_node **link = &ti->dir.names.node, *parent = NULL;

    while (*link) {
        parent = *link;
        struct tmpfs_name *at = rb_entry(parent, struct tmpfs_name, by_name);
        link = compare(e->s, e->len, at->s, at->len) < 0 ? &parent->left : &parent->right;
    }
    rb_link(&e->by_name, parent, link);
    rb_insert_fixup(&ti->dir.names, &e->by_name, NULL);
}

static void insert_pos(struct tmpfs_inode *ti, struct tmpfs_name *e)
{
    struct rb_node *last = rb_last(&ti->dir.order); /* the new position is the largest */

    e->pos = MAX(ti->dir.next_pos, 2ul + ti->dir.count);
    ti->dir.next_pos = e->pos + 1;
    rb_link(&e->by_pos, last, last ? &last->right : &ti->dir.order.node);
    rb_insert_fixup(&ti->dir.order, &e->by_pos, NULL);
}

static struct tmpfs_name *find_pos(const struct tmpfs_inode *ti, u64 pos) /* first at or after */
{
    struct rb_node *n = ti->dir.order.node;
    struct tmpfs_name *best = NULL;

    while (n) {
        struct tmpfs_name *e = rb_entry(n, struct tmpfs_name, by_pos);
        if (e->pos >= pos) {
            best = e;
            n = n->left;
        } else {
            n = n->right;
        }
    }
    return best;
}

/* ---- the archive below ----------------------------------------------------------------------------------------------- */

static const struct archive *archive_of(const struct inode *dir)
{
    return &tmpfs_s(dir->sb)->archive;
}

static int find_below(const struct inode *dir, const char *s, u32 len, u32 *number)
{
    const struct tmpfs_inode *ti = tmpfs_i(dir);
    struct archive_inode a = {.first = ti->dir.first, .count = ti->dir.count};

    return a.count ? archive_find(archive_of(dir), &a, s, len, number) : -ENOENT;
}

/* A directory has one parent: a hostile index shall not make loops. */
static int get_below(const struct inode *dir, u32 number, struct inode **out)
{
    struct archive_inode a;
    int err = archive_get_inode(archive_of(dir), number, &a);

    if (!err && S_ISDIR(a.mode) && a.parent != tmpfs_i(dir)->number)
        err = -EIO;
    return err ? err : tmpfs_iget(dir->sb, number, out);
}

int tmpfs_dir_get(struct inode *dir, const char *s, u32 len, struct inode **out)
{
    struct tmpfs_name *e = find_name(tmpfs_i(dir), s, len);
    u32 number;

    if (e) {
        if (!e->inode)
            return -ENOENT;
        inode_get(e->inode);
        *out = e->inode;
        return 0;
    }
    int err = find_below(dir, s, len, &number);
    return err ? err : get_below(dir, number, out);
}

/* ---- changes --------------------------------------------------------------------------------------------------------- */

static void note_dir(struct tmpfs_inode *ti)
{
    struct tmpfs_super *ts = tmpfs_s(ti->vfs.sb);

    if (!list_empty(&ti->link))
        return;
    spin_lock(&ts->lock);
    if (list_empty(&ti->link))
        list_add(&ts->dirs, &ti->link);
    spin_unlock(&ts->lock);
}

/* The name in the tree as it stands now: an entry of the archive moves up (with its inode). A name that is nowhere gives
 * a fresh one that is not in the tree yet. */
static int raise_name(struct inode *dir, const char *s, u32 len, struct tmpfs_name **out)
{
    struct tmpfs_inode *ti = tmpfs_i(dir);
    struct tmpfs_name *e = find_name(ti, s, len);
    u32 number;

    *out = e;
    if (e)
        return 0;
    int err = find_below(dir, s, len, &number);
    if (err && err != -ENOENT)
        return err;
    e = kzalloc(sizeof(*e) + len, MEM_WAIT);
    if (!e)
        return -ENOMEM;
    e->len = (u16)len;
    memcpy(e->s, s, len);
    e->shadows = !err;
    if (e->shadows && (err = get_below(dir, number, &e->inode))) {
        kfree(e);
        return err;
    }
    if (e->shadows) {
        insert_name(ti, e);
        insert_pos(ti, e);
        ti->dir.shadows++;
        ti->dir.live++;
        note_dir(ti);
    }
    *out = e;
    return 0;
}

static bool is_fresh(const struct tmpfs_name *e)
{
    return !e->inode && !e->shadows;
}

/* The name now stands for i (a reference is taken over); what it stood for before comes back. */
static struct inode *set_name(struct inode *dir, struct tmpfs_name *e, struct inode *i)
{
    struct tmpfs_inode *ti = tmpfs_i(dir);
    struct inode *old = e->inode;

    if (is_fresh(e)) {
        insert_name(ti, e);
        note_dir(ti);
    }
    if (!old) {
        insert_pos(ti, e);
        ti->dir.live++;
    }
    e->inode = i;
    return old;
}

static struct inode *clear_name(struct inode *dir, struct tmpfs_name *e)
{
    struct tmpfs_inode *ti = tmpfs_i(dir);
    struct inode *old = e->inode;

    rb_erase(&ti->dir.order, &e->by_pos, NULL);
    ti->dir.live--;
    e->inode = NULL;
    if (!e->shadows) {
        rb_erase(&ti->dir.names, &e->by_name, NULL);
        kfree(e);
    }
    return old;
}

int tmpfs_dir_add(struct inode *dir, const char *s, u32 len, struct inode *i)
{
    struct tmpfs_name *e;
    int err = raise_name(dir, s, len, &e);

    if (err)
        return err;
    if (e->inode)
        return -EEXIST;
    inode_get(i);
    set_name(dir, e, i);
    return 0;
}

int tmpfs_dir_remove(struct inode *dir, const char *s, u32 len)
{
    struct tmpfs_name *e;
    int err = raise_name(dir, s, len, &e);

    if (err)
        return err;
    if (!e->inode) {
        if (is_fresh(e))
            kfree(e);
        return -ENOENT;
    }
    inode_put(clear_name(dir, e));
    return 0;
}

bool tmpfs_dir_is_empty(const struct inode *dir)
{
    const struct tmpfs_inode *ti = tmpfs_i(dir);

    return !ti->dir.live && ti->dir.count == ti->dir.shadows;
}

/* The last user went, or the file system is unmounted. */
void tmpfs_dir_free(struct tmpfs_inode *ti)
{
    struct rb_node *n;

    while ((n = ti->dir.names.node)) {
        struct tmpfs_name *e = rb_entry(n, struct tmpfs_name, by_name);
        rb_erase(&ti->dir.names, n, NULL);
        if (e->inode)
            inode_put(e->inode);
        kfree(e);
    }
    ti->dir.order.node = NULL;
    ti->dir.live = ti->dir.shadows = 0;
}

/* ---- rename ---------------------------------------------------------------------------------------------------------- */

static void count_subdirs(struct inode *odir, struct inode *ndir, const struct inode *moved, const struct inode *back)
{
    if (odir == ndir)
        return;
    if (S_ISDIR(moved->mode)) {
        odir->nlink--;
        ndir->nlink++;
    }
    if (back && S_ISDIR(back->mode)) {
        ndir->nlink--;
        odir->nlink++;
    }
}

static void stamp(struct inode *odir, struct inode *ndir, struct inode *a, struct inode *b)
{
    struct timespec_k now = time_now();

    odir->mtime = odir->ctime = ndir->mtime = ndir->ctime = a->ctime = now;
    if (b)
        b->ctime = now;
}

/* The replaced inode loses its name. */
static void drop_replaced(struct inode *ndir, struct inode *i)
{
    if (S_ISDIR(i->mode)) {
        i->nlink--;
        ndir->nlink--;
    }
    i->nlink--;
    tmpfs_link_gone(i);
    inode_put(i); /* the dentry has one */
}

/* After it both names can be changed. */
static int prepare_rename(struct inode *odir, struct dentry *od, struct inode *ndir, struct dentry *nd,
                          struct tmpfs_name **from, struct tmpfs_name **to)
{
    int err = raise_name(odir, od->name->s, od->name->len, from);

    return err ? err : raise_name(ndir, nd->name->s, nd->name->len, to);
}

int tmpfs_rename(struct inode *odir, struct dentry *od, struct inode *ndir, struct dentry *nd, u32 flags,
                 const struct fs_cred *c)
{
    struct tmpfs_name *from, *to;
    struct inode *moved = od->inode, *old = nd->inode, *whiteout = NULL;
    bool exchange = flags & RENAME_EXCHANGE;

    if (old && !exchange && S_ISDIR(old->mode) && !tmpfs_dir_is_empty(old))
        return -ENOTEMPTY;
    tmpfs_dirty(odir);
    tmpfs_dirty(ndir);
    tmpfs_dirty(moved);
    if (old)
        tmpfs_dirty(old);
    int err = flags & RENAME_WHITEOUT ? tmpfs_new(odir->sb, S_IFCHR, odir, c, &whiteout) : 0;
    if (!err)
        err = prepare_rename(odir, od, ndir, nd, &from, &to);
    if (err) {
        if (whiteout)
            inode_put(whiteout);
        return err;
    }
    if (exchange) {
        from->inode = to->inode;
        to->inode = moved;
    } else {
        set_name(ndir, to, whiteout ? set_name(odir, from, whiteout) : clear_name(odir, from));
    }
    count_subdirs(odir, ndir, moved, exchange ? old : NULL);
    stamp(odir, ndir, moved, old);
    if (old && !exchange)
        drop_replaced(ndir, old);
    return 0;
}

/* ---- reading --------------------------------------------------------------------------------------------------------- */

static bool emit_below(struct inode *dir, struct dir_context *ctx)
{
    struct tmpfs_inode *ti = tmpfs_i(dir);
    struct archive_dirent d;

    for (u64 n = (u64)ctx->pos - 2; n < ti->dir.count; n++) {
        if (!archive_get_dirent(archive_of(dir), ti->dir.first + (u32)n, &d) &&
            !(ti->dir.shadows && find_name(ti, d.name, d.name_len)) &&
            !ctx->emit(ctx, d.name, d.name_len, d.inode + 1ul, d.type, ctx->pos + 1))
            return false;
        ctx->pos++;
    }
    return true;
}

static int dir_iterate(struct file *f, struct dir_context *ctx)
{
    struct tmpfs_inode *ti = tmpfs_i(f->inode);
    struct tmpfs_name *e;

    if (!dir_emit_dots(f, ctx) || !emit_below(f->inode, ctx))
        return 0;
    while ((e = find_pos(ti, (u64)ctx->pos))) {
        if (!ctx->emit(ctx, e->s, e->len, e->inode->ino, e->inode->mode >> 12, (s64)e->pos + 1))
            return 0;
        ctx->pos = (s64)e->pos + 1;
    }
    return 0;
}

static s64 dir_seek(struct file *f, s64 off, int whence)
{
    if (whence != SEEK_SET && whence != SEEK_CUR)
        return -EINVAL;
    return generic_seek(f, off, whence, 0);
}

static int dir_fsync(struct file *f, bool data_only)
{
    (void)f, (void)data_only;
    return 0;
}

const struct file_ops tmpfs_dir_ops = {.iterate = dir_iterate, .seek = dir_seek, .fsync = dir_fsync};
