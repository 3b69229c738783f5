// SPDX-License-Identifier: MIT
/*
 * From a name to a path.
 *
 * One walker. It moves by look-ups in the dentry cache without locks or counts, inside an RCU read section (the kernel
 * does not preempt, so the section lasts until something sleeps). When a name is not cached it takes a slow step: it
 * counts where it stands (the anchor), locks the directory, asks the file system, and goes on from the counted result.
 * At the end it counts the result, and trusts it when walk_seq has not changed since the last anchor; else it starts
 * again, and after a few attempts takes slow steps only, which cannot be disturbed.
 *
 *   w.anchor   counted position behind or at the current one (none at the start: the caller keeps base, cwd and root)
 *   w.seq      walk_seq when the walk left the anchor
 *   w.stack    what is left of the names that symlinks interrupted; their inodes are counted before a slow step
 */
#include "abi/errno.h"
#include "abi/limits.h"
#include "abi/stat.h"
#include "fs/namei.h"
#include "fs/protected.h"
#include "lib/string.h"
#include "mem/slab.h"

#include <linux/mount.h>

#define RETRY (-ECHILD) /* internal: the walk was disturbed */
#define MAX_FAST_ATTEMPTS 3
#define MAX_DEPTH WALK_MAX_LINKS

struct walk {
    const struct fs_view *v;
    const struct path *base;
    u32 flags;
    u32 seq;
    struct mount *mnt;
    struct dentry *dentry;
    struct inode *inode; /* of dentry, as it was when stepped on */
    struct path root;    /* counted when root_held */
    struct path anchor;  /* counted when anchored */
    struct path prev;    /* the anchor before it, counted when has_prev: where a symlink's text starts */
    bool anchored, has_prev, root_held, slow;
    bool must_dir; /* the last component was followed by '/' */
    u32 links;
    u32 depth, held_depth; /* stack[held_depth..depth) is not counted yet */
    const char *name;      /* what is left */
    const char *last;      /* LOOKUP_PARENT */
    u32 last_len, last_hash;
    enum last_type last_type;
    struct {
        const char *rest;    /* where to go on after the link */
        struct inode *inode; /* owner of the text now walked; NULL: `owned` */
        char *owned;
    } stack[MAX_DEPTH];
};

void path_get(const struct path *p)
{
    mount_get(p->mnt);
    dentry_get(p->dentry);
}

void path_put(const struct path *p)
{
    dentry_put(p->dentry);
    mount_put(p->mnt);
}

/* ---- counting what the walk stands on -------------------------------------------------------------------------------- */

static bool path_get_live(const struct path *p)
{
    if (!mount_get_live(p->mnt))
        return false;
    if (dentry_get_live(p->dentry))
        return true;
    mount_put(p->mnt);
    return false;
}

static inline bool disturbed(const struct walk *w)
{
    return seq_read_retry(&walk_seq, w->seq);
}

/* Counts the links whose texts are being walked. */
static int hold_links(struct walk *w)
{
    for (; w->held_depth < w->depth; w->held_depth++) {
        struct inode *i = w->stack[w->held_depth].inode;
        if (i && !ref_get_unless_zero(&i->refs))
            return RETRY;
    }
    return 0;
}

static int hold_root(struct walk *w)
{
    if (w->root_held || !w->root.mnt)
        return 0;
    if (!path_get_live(&w->root))
        return RETRY;
    w->root_held = true;
    return 0;
}

static void set_anchor(struct walk *w, const struct path *p) /* takes over the references */
{
    struct path old = w->prev;
    bool had = w->has_prev;

    w->prev = w->anchor;
    w->has_prev = w->anchored;
    w->anchor = *p;
    w->anchored = true;
    if (had)
        path_put(&old);
}

static int count_here(struct walk *w)
{
    struct path here = {w->mnt, w->dentry};

    if (w->anchored && path_equal(&w->anchor, &here))
        return 0;
    if (!path_get_live(&here))
        return RETRY;
    if (disturbed(w) || dentry_inode(here.dentry) != w->inode) {
        path_put(&here);
        return RETRY;
    }
    set_anchor(w, &here);
    return 0;
}

/* Makes the current position, and all that the walk will come back to, safe to sleep on. */
static int anchor_here(struct walk *w)
{
    int err = hold_root(w);

    if (!err)
        err = hold_links(w);
    return err ? err : count_here(w);
}

static void pop_link(struct walk *w)
{
    w->name = w->stack[--w->depth].rest;
    if (w->held_depth > w->depth) {
        w->held_depth = w->depth;
        if (w->stack[w->depth].inode)
            inode_put(w->stack[w->depth].inode);
    }
    kfree(w->stack[w->depth].owned);
}

static void walk_end(struct walk *w)
{
    while (w->depth)
        pop_link(w);
    if (w->anchored)
        path_put(&w->anchor);
    if (w->has_prev)
        path_put(&w->prev);
    if (w->root_held)
        path_put(&w->root);
}

/* ---- starting points ------------------------------------------------------------------------------------------------- */

static void read_ctx_path(struct walk *w, const struct path *p, struct path *out)
{
    const struct fs_context *c = w->v->ctx;
    u32 s;

    do {
        s = seq_read_begin(&c->seq);
        out->mnt = READ_ONCE(p->mnt);
        out->dentry = READ_ONCE(p->dentry);
    } while (seq_read_retry(&c->seq, s));
}

static void stand_on(struct walk *w, const struct path *p)
{
    w->mnt = p->mnt;
    w->dentry = p->dentry;
    w->inode = dentry_inode(p->dentry);
}

static void need_root(struct walk *w)
{
    if (w->root.mnt)
        return;
    if (w->flags & (LOOKUP_BENEATH | LOOKUP_IN_ROOT)) {
        if (w->base)
            w->root = *w->base;
        else
            read_ctx_path(w, &w->v->ctx->cwd, &w->root);
    } else {
        read_ctx_path(w, &w->v->ctx->root, &w->root);
    }
}

static int jump_to_root(struct walk *w)
{
    if (w->flags & LOOKUP_BENEATH)
        return -EXDEV;
    need_root(w);
    if ((w->flags & LOOKUP_NO_XDEV) && w->mnt && w->mnt != w->root.mnt)
        return -EXDEV;
    stand_on(w, &w->root);
    return w->inode ? 0 : RETRY;
}

static int walk_start(struct walk *w, const char *name)
{
    struct path cwd;

    w->seq = seq_read_begin(&walk_seq);
    w->name = name;
    if (w->flags & (LOOKUP_BENEATH | LOOKUP_IN_ROOT))
        need_root(w);
    if (*name == '/' && !(w->flags & LOOKUP_IN_ROOT))
        return jump_to_root(w);
    if (*name == '/') {
        need_root(w);
        stand_on(w, &w->root);
    } else if (w->base) {
        stand_on(w, w->base);
    } else {
        read_ctx_path(w, &w->v->ctx->cwd, &cwd);
        stand_on(w, &cwd);
    }
    if (unlikely(!w->inode)) /* another thread changed the directory, and the old one was removed */
        return RETRY;
    return S_ISDIR(w->inode->mode) || !*name ? 0 : -ENOTDIR;
}

/* ---- the standard mounts ---------------------------------------------------------------------------------------------- */

void (*path_mounts_pending)(void);

static void mount_pending(void)
{
    void (*make)(void) = load_acquire(&path_mounts_pending);

    if (make)
        make();
}

/* Is the next name, below the root of all, one that something will be mounted on? */
static bool leads_to_pending(const struct walk *w, const char *s, u32 len)
{
    return w->v->stage == WALK_EXEC_1 && READ_ONCE(path_mounts_pending) && w->dentry == w->mnt->root &&
           w->mnt->parent == w->mnt && len <= 4 &&
           (!memcmp(s, "proc", len) || !memcmp(s, "dev", len) || !memcmp(s, "sys", len));
}

static int mount_and_retry(struct walk *w)
{
    int err = anchor_here(w);

    if (!err)
        mount_pending();
    return err ? err : RETRY;
}

/* ---- steps ----------------------------------------------------------------------------------------------------------- */

/* Enters mounts on top of the current dentry. */
static int enter_mounts(struct walk *w)
{
    while (unlikely(dentry_flags(w->dentry) & D_MOUNTED)) {
        struct mount *m = mount_lookup(w->mnt, w->dentry);
        if (!m)
            return 0;
        if (w->flags & LOOKUP_NO_XDEV)
            return -EXDEV;
        w->mnt = m;
        w->dentry = m->root;
        w->inode = dentry_inode(m->root);
    }
    return 0;
}

/* Under slow steps everything stepped on is counted at once. */
static int settle(struct walk *w)
{
    if (likely(!w->slow))
        return 0;
    struct path here = {w->mnt, w->dentry};
    if (w->anchored && path_equal(&w->anchor, &here))
        return 0;
    if (hold_links(w) || !path_get_live(&here))
        return RETRY;
    set_anchor(w, &here);
    w->inode = dentry_inode(w->dentry);
    return w->inode ? 0 : -ENOENT;
}

static int step_up(struct walk *w)
{
    need_root(w);
    for (;;) {
        if (w->dentry == w->root.dentry && w->mnt == w->root.mnt)
            return w->flags & LOOKUP_BENEATH ? -EXDEV : 0;
        if (w->dentry != w->mnt->root)
            break;
        struct mount *up = READ_ONCE(w->mnt->parent);
        if (up == w->mnt)
            return 0;
        if (w->flags & LOOKUP_NO_XDEV)
            return -EXDEV;
        w->dentry = READ_ONCE(w->mnt->mountpoint);
        w->mnt = up;
    }
    w->dentry = READ_ONCE(w->dentry->parent);
    w->inode = dentry_inode(w->dentry);
    if (unlikely(!w->inode)) /* nothing here is counted: both were removed meanwhile */
        return RETRY;
    int err = enter_mounts(w);
    return err ? err : settle(w);
}

int dir_lookup(struct dentry *dir, const char *s, u32 len, u32 hash, struct dentry **out)
{
    struct inode *i = dir->inode;
    struct dentry *d = dcache_get(dir, hash, s, len);
    int err = 0;

    if (d) {
        *out = d;
        return 0;
    }
    if (i->flags & INODE_DEAD)
        return -ENOENT;
    if (len > NAME_MAX)
        return -ENAMETOOLONG;
    d = dentry_alloc(dir, dir->sb, s, len);
    if (!d)
        return -ENOMEM;
    if (i->ops->lookup)
        err = i->ops->lookup(i, d);
    if (err) {
        dentry_put(d);
        return err;
    }
    if (!(i->flags & INODE_NOCACHE) && ((dentry_flags(dir) & D_HASHED) || dir->parent == dir))
        dentry_add(d);
    *out = d;
    return 0;
}

/* The directory is asked, with its lock. */
static int step_slow(struct walk *w, const char *s, u32 len, u32 hash)
{
    struct dentry *d;
    int err = anchor_here(w);

    if (err)
        return err;
    if (w->flags & LOOKUP_CACHED)
        return -EAGAIN;
    mutex_lock(&w->inode->lock);
    err = dir_lookup(w->dentry, s, len, hash, &d);
    mutex_unlock(&w->inode->lock);
    if (err)
        return err;
    w->seq = seq_read_begin(&walk_seq);
    mount_get(w->mnt);
    set_anchor(w, &(struct path){w->mnt, d});
    w->dentry = d;
    w->inode = dentry_inode(d);
    return 0;
}

static int step_child(struct walk *w, const char *s, u32 len, u32 hash)
{
    struct dentry *d = likely(!w->slow) ? dcache_find(w->dentry, hash, s, len) : NULL;

    if (likely(d)) {
        w->dentry = d;
        w->inode = dentry_inode(d);
    } else {
        int err = step_slow(w, s, len, hash);
        if (err)
            return err;
    }
    if (!w->inode)
        return disturbed(w) && !w->slow ? RETRY : -ENOENT;
    if (unlikely(dentry_flags(w->dentry) & D_MOUNTED)) {
        int err = enter_mounts(w);
        return err ? err : settle(w);
    }
    return 0;
}

static inline const char *skip_slashes(const char *s)
{
    while (*s == '/')
        s++;
    return s;
}

/* ---- symlinks -------------------------------------------------------------------------------------------------------- */

int link_text(struct inode *i, char **out)
{
    char *buf = kmalloc(PATH_MAX, MEM_WAIT);
    ssize_t n = -ENOMEM;

    if (buf)
        n = i->ops->readlink ? i->ops->readlink(i, buf, PATH_MAX - 1) : -EINVAL;
    if (n < 0) {
        kfree(buf);
        return (int)n;
    }
    buf[n] = 0;
    *out = buf;
    return 0;
}

/* The walk goes on with `text`, then with what is left of the present name. */
static void push_text(struct walk *w, const char *text, struct inode *owner, char *owned)
{
    w->stack[w->depth].rest = w->name;
    w->stack[w->depth].inode = owner;
    w->stack[w->depth].owned = owned;
    w->depth++;
    w->name = text;
}

static int follow_magic(struct walk *w, struct inode *i)
{
    struct path p;
    int err;

    if (w->flags & (LOOKUP_NO_MAGICLINKS | LOOKUP_BENEATH | LOOKUP_IN_ROOT))
        return w->flags & LOOKUP_NO_MAGICLINKS ? -ELOOP : -EXDEV;
    err = anchor_here(w);
    if (err)
        return err;
    err = i->ops->follow(i, w->v, &p);
    if (err)
        return err;
    if ((w->flags & LOOKUP_NO_XDEV) && p.mnt != w->mnt) {
        path_put(&p);
        return -EXDEV;
    }
    w->seq = seq_read_begin(&walk_seq);
    set_anchor(w, &p);
    stand_on(w, &p);
    return w->inode ? 0 : -ENOENT;
}

/* The text of a link that is not in memory: the file system is asked, with both the directory and the link counted. */
static int read_link(struct walk *w, const struct path *dir, struct inode *dir_inode, char **out)
{
    struct walk at_link = {.mnt = w->mnt, .dentry = w->dentry, .inode = w->inode};
    int err;

    w->mnt = dir->mnt;
    w->dentry = dir->dentry;
    w->inode = dir_inode;
    err = w->has_prev && path_equal(&w->prev, dir) ? 0 : anchor_here(w);
    w->mnt = at_link.mnt;
    w->dentry = at_link.dentry;
    w->inode = at_link.inode;
    if (!err)
        err = anchor_here(w);
    return err ? err : link_text(w->inode, out);
}

/* Stands on a symlink found in dir: walks its text from there. */
static int follow_link(struct walk *w, const struct path *dir, struct inode *dir_inode, bool is_last)
{
    struct inode *i = w->inode;
    char *owned = NULL;
    int err = is_last ? protected_follow(dir_inode, i, w->v->cred) : 0;

    if ((w->flags & LOOKUP_NO_SYMLINKS) || ++w->links > WALK_MAX_LINKS)
        return -ELOOP;
    if (err)
        return err;
    if (READ_ONCE(w->mnt->flags) & MS_NOSYMFOLLOW)
        return -ELOOP;
    if (i->ops->follow)
        return follow_magic(w, i);
    if (!i->link && (err = read_link(w, dir, dir_inode, &owned)))
        return err;
    const char *text = owned ? owned : i->link;
    if (!*text) {
        kfree(owned);
        return -ENOENT;
    }
    push_text(w, text, owned ? NULL : i, owned);
    if (*text == '/') {
        if (!(w->flags & LOOKUP_IN_ROOT))
            err = jump_to_root(w);
        else
            stand_on(w, &w->root);
    } else {
        w->mnt = dir->mnt;
        w->dentry = dir->dentry;
        w->inode = dir_inode;
    }
    w->name = skip_slashes(w->name);
    return err ? err : settle(w);
}

/* ---- the loop -------------------------------------------------------------------------------------------------------- */

/* No more names on any level after this one? */
static bool nothing_left(const struct walk *w, const char *rest)
{
    if (*rest)
        return false;
    for (u32 i = w->depth; i-- > 0;)
        if (*skip_slashes(w->stack[i].rest))
            return false;
    return true;
}

static inline int may_search(const struct walk *w)
{
    struct inode *i = w->inode;

    if (likely((i->mode & 0111) == 0111 && !i->ops->permission))
        return 0;
    return inode_permission(i, MAY_EXEC, w->v->cred);
}

static int save_last(struct walk *w, const char *s, u32 len, u32 hash)
{
    w->last = s;
    w->last_len = len;
    w->last_hash = hash;
    w->last_type = LAST_NAME;
    if (s[0] == '.' && (len == 1 || (len == 2 && s[1] == '.')))
        w->last_type = len == 1 ? LAST_DOT : LAST_DOTDOT;
    return 0;
}

/* One component. 0: go on, 1: LOOKUP_PARENT has stopped before the last. */
static int walk_component(struct walk *w)
{
    u32 len, hash;
    const char *s = w->name;

    if (unlikely(!S_ISDIR(w->inode->mode)))
        return -ENOTDIR;
    int err = may_search(w);
    if (unlikely(err))
        return err;
    hash = component_hash(s, &len);
    const char *end = s + len, *rest = skip_slashes(end);
    bool is_last = nothing_left(w, rest);
    if (is_last && *end)
        w->must_dir = true;
    if (is_last && (w->flags & LOOKUP_PARENT) && !w->depth) {
        save_last(w, s, len, hash);
        return 1;
    }
    w->name = rest;
    if (unlikely(s[0] == '.')) {
        if (len == 1)
            return 0;
        if (len == 2 && s[1] == '.')
            return step_up(w);
    }
    if (unlikely(len > NAME_MAX))
        return -ENAMETOOLONG;
    if (unlikely(w->v->stage) && leads_to_pending(w, s, len))
        return mount_and_retry(w);
    struct path dir = {w->mnt, w->dentry};
    struct inode *dir_inode = w->inode;
    err = step_child(w, s, len, hash);
    if (!err && unlikely(S_ISLNK(w->inode->mode)) && (!is_last || (w->flags & LOOKUP_FOLLOW) || w->must_dir))
        err = follow_link(w, &dir, dir_inode, is_last);
    return err;
}

static int walk_names(struct walk *w)
{
    w->name = skip_slashes(w->name);
    for (;;) {
        while (!*w->name) {
            if (!w->depth)
                return 0;
            pop_link(w);
        }
        int r = walk_component(w);
        if (r)
            return r < 0 ? r : 0;
    }
}

/* ---- whole walks ----------------------------------------------------------------------------------------------------- */

static void walk_init(struct walk *w, const struct fs_view *v, const struct path *base, u32 flags)
{
    w->v = v;
    w->base = base;
    w->flags = flags;
    w->mnt = NULL;
    w->root.mnt = NULL;
    w->anchored = w->has_prev = w->root_held = w->slow = w->must_dir = false;
    w->links = w->depth = w->held_depth = 0;
    w->last_type = LAST_ROOT;
}

/* One attempt; the result stands counted in w->anchor. */
static int walk_try(struct walk *w, const char *name)
{
    int err = walk_start(w, name);

    if (!err)
        err = settle(w);
    if (!err)
        err = walk_names(w);
    if (!err && (w->flags & LOOKUP_PARENT ? !S_ISDIR(w->inode->mode)
                                          : (w->must_dir || (w->flags & LOOKUP_DIRECTORY)) && !S_ISDIR(w->inode->mode)))
        err = -ENOTDIR;
    if (!err)
        err = count_here(w);
    if (err && err != RETRY && !w->slow && disturbed(w))
        err = RETRY;
    return err;
}

static int walk_run(struct walk *w, const struct fs_view *v, const struct path *base, const char *name, u32 flags,
                    struct path *out)
{
    if (unlikely(READ_ONCE(path_mounts_pending)) && v->stage == WALK_NORMAL)
        mount_pending();
    for (u32 attempt = 0;; attempt++) {
        walk_init(w, v, base, flags);
        w->slow = attempt >= MAX_FAST_ATTEMPTS;
        int err = walk_try(w, name);
        if (!err) {
            *out = w->anchor;
            w->anchored = false;
        }
        walk_end(w);
        if (err != RETRY)
            return err;
    }
}

int path_lookup(const struct fs_view *v, const struct path *base, const char *name, u32 flags, struct path *out)
{
    struct walk w;

    if (unlikely(!*name) && !(flags & LOOKUP_EMPTY))
        return -ENOENT;
    return walk_run(&w, v, base, name, flags & ~LOOKUP_PARENT, out);
}

int path_parent(const struct fs_view *v, const struct path *base, const char *name, u32 flags, struct parent_walk *out)
{
    struct walk w;
    int err;

    if (!*name)
        return -ENOENT;
    err = walk_run(&w, v, base, name, flags | LOOKUP_PARENT, &out->dir);
    if (err)
        return err;
    out->last = w.last;
    out->len = w.last_len;
    out->hash = w.last_hash;
    out->type = w.last_type;
    out->slash = w.must_dir;
    return 0;
}

void path_follow_mounts(struct path *p)
{
    while (dentry_flags(p->dentry) & D_MOUNTED) {
        rcu_read_lock();
        struct mount *m = mount_lookup(p->mnt, p->dentry);
        bool got = m && mount_get_live(m);
        rcu_read_unlock();
        if (!got)
            return;
        struct path up = {m, m->root};
        dentry_get(up.dentry);
        path_put(p);
        *p = up;
    }
}
