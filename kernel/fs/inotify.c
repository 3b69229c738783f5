// SPDX-License-Identifier: MIT
/* inotify: instances and their watches. Life and locks: fs/inotify_internal.h. */
#include "abi/errno.h"
#include "abi/fcntl.h"
#include "fs/file.h"
#include "fs/inotify_internal.h"
#include "fs/mount.h"
#include "fs/seq.h"
#include "mem/slab.h"

#define KEPT (IN_ALL_EVENTS | IN_ONESHOT | IN_EXCL_UNLINK)

_Static_assert(IN_CLOEXEC == O_CLOEXEC && IN_NONBLOCK == O_NONBLOCK, "flags of inotify_init1(2)");

static SLAB_CACHE(watch_cache, "inotify_watch", struct inotify_watch);
struct spinlock inotify_watch_lock = SPINLOCK_INIT(LOCK_INOTIFY);
u32 inotify_watches;
u64 inotify_max_events = 16384, inotify_max_instances = 128, inotify_max_watches = 8192;

/* ---- the user's limits ----------------------------------------------------------------------------------------------- */

static bool charge(u64 *n, u64 max)
{
    if (__atomic_add_fetch(n, 1, __ATOMIC_RELAXED) <= max)
        return true;
    __atomic_fetch_sub(n, 1, __ATOMIC_RELAXED);
    return false;
}

static void uncharge(u64 *n)
{
    __atomic_fetch_sub(n, 1, __ATOMIC_RELAXED);
}

/* ---- linking and unlinking (watch_lock) ------------------------------------------------------------------------------ */

static struct inotify_watch *find_number(const struct inotify *g, s32 wd)
{
    struct rb_node *n = g->watches.node;

    while (n) {
        struct inotify_watch *w = rb_entry(n, struct inotify_watch, node);
        if (w->wd == wd)
            return w;
        n = wd < w->wd ? n->left : n->right;
    }
    return NULL;
}

static struct inotify_watch *find_inode(const struct inotify *g, const struct inode *i)
{
    struct inotify_watch *w = i->watches;

    while (w && (w->group != g || READ_ONCE(w->over)))
        w = w->next;
    return w;
}

/* Numbers go round: one that was used comes again after all others. */
static s32 new_number(struct inotify *g)
{
    do
        g->last_wd = g->last_wd == INT32_MAX ? 1 : g->last_wd + 1;
    while (find_number(g, g->last_wd));
    return g->last_wd;
}

static void into_tree(struct inotify *g, struct inotify_watch *w)
{
    struct rb_node *parent = NULL, **link = &g->watches.node;

    while (*link) {
        parent = *link;
        link = w->wd < rb_entry(parent, struct inotify_watch, node)->wd ? &parent->left : &parent->right;
    }
    rb_link(&w->node, parent, link);
    rb_insert_fixup(&g->watches, &w->node, NULL);
}

static void link_watch(struct inotify *g, struct inotify_watch *w, struct inode *i, u32 mask)
{
    w->group = g;
    w->inode = i;
    w->wd = new_number(g);
    w->mask = mask;
    w->linked = true;
    inode_get(i);
    into_tree(g, w);
    list_add_tail(&i->sb->watches, &w->in_super);
    w->next = i->watches;
    __atomic_add_fetch(&inotify_watches, 1, __ATOMIC_RELAXED);
    store_release(&i->watches, w);
}

void inotify_unlink(struct inotify_watch *w, struct inotify_watch **gone)
{
    struct inotify_watch **p = &w->inode->watches;

    if (!w->linked)
        return;
    w->linked = false;
    while (*p != w)
        p = &(*p)->next;
    store_release(p, w->next); /* w->next stays for those that stand on w */
    rb_erase(&w->group->watches, &w->node, NULL);
    list_del(&w->in_super);
    if (w->group->user)
        uncharge(&w->group->user->inotify_watches);
    __atomic_sub_fetch(&inotify_watches, 1, __ATOMIC_RELAXED);
    w->gone = *gone;
    *gone = w;
}

static void free_watch(struct rcu_head *h)
{
    slab_free(&watch_cache, container_of(h, struct inotify_watch, rcu));
}

void inotify_let_go(struct inotify_watch *gone)
{
    for (struct inotify_watch *next; gone; gone = next) {
        next = gone->gone;
        inode_put(gone->inode);
        rcu_call(&gone->rcu, free_watch);
    }
}

/* ---- the calls ------------------------------------------------------------------------------------------------------- */

static int change(struct inotify_watch *w, u32 mask)
{
    if (mask & IN_MASK_CREATE)
        return -EEXIST;
    WRITE_ONCE(w->mask, (mask & KEPT) | (mask & IN_MASK_ADD ? w->mask : 0));
    return w->wd;
}

int inotify_add(struct file *f, struct inode *i, u32 mask)
{
    struct inotify *g = f->private;
    struct inotify_watch *fresh = slab_alloc(&watch_cache, MEM_WAIT | MEM_ZERO);
    int r;

    if (!fresh)
        return -ENOMEM;
    spin_lock(&inotify_watch_lock);
    struct inotify_watch *w = find_inode(g, i);
    if (w) {
        r = change(w, mask);
    } else if (g->user && !charge(&g->user->inotify_watches, READ_ONCE(inotify_max_watches))) {
        r = -ENOSPC;
    } else {
        link_watch(g, fresh, i, mask & KEPT);
        r = fresh->wd;
        fresh = NULL;
    }
    spin_unlock(&inotify_watch_lock);
    if (fresh)
        slab_free(&watch_cache, fresh);
    return r;
}

int inotify_remove(struct file *f, s32 wd)
{
    struct inotify *g = f->private;
    struct inotify_watch *gone = NULL;

    spin_lock(&inotify_watch_lock);
    struct inotify_watch *w = find_number(g, wd);
    if (w) {
        inotify_unlink(w, &gone);
        inotify_push(w, 0, "", 0, 0, true);
    }
    spin_unlock(&inotify_watch_lock);
    inotify_let_go(gone);
    return w ? 0 : -EINVAL;
}

/* ---- instances ------------------------------------------------------------------------------------------------------- */

static void free_group(struct rcu_head *h)
{
    struct inotify *g = container_of(h, struct inotify, rcu);

    kfree(g->overflow);
    kfree(g);
}

static void end_group(struct inotify *g)
{
    if (g->user) {
        uncharge(&g->user->inotify_instances);
        user_files_put(g->user);
    }
    rcu_call(&g->rcu, free_group);
}

/* A watch at a time: there may be many, and each lets go of an inode. */
void inotify_release(struct file *f)
{
    struct inotify *g = f->private;
    struct inotify_watch *gone;

    do {
        gone = NULL;
        spin_lock(&inotify_watch_lock);
        struct rb_node *n = rb_first(&g->watches);
        if (n)
            inotify_unlink(rb_entry(n, struct inotify_watch, node), &gone);
        spin_unlock(&inotify_watch_lock);
        inotify_let_go(gone);
        cond_resched();
    } while (gone);
    inotify_queue_close(g);
    end_group(g);
}

int inotify_create(u32 flags, struct file **out)
{
    struct inotify *g = kzalloc(sizeof(*g), MEM_WAIT);

    if (!g || inotify_queue_init(g)) {
        kfree(g);
        return -ENOMEM;
    }
    g->max = READ_ONCE(inotify_max_events);
    g->user = user_files_get ? user_files_get() : NULL;
    if (g->user && !charge(&g->user->inotify_instances, READ_ONCE(inotify_max_instances))) {
        user_files_put(g->user);
        free_group(&g->rcu);
        return -EMFILE;
    }
    int err = file_open_anon("anon_inode:inotify", &inotify_file_ops, g, O_RDONLY | (flags & O_NONBLOCK), out);
    if (err)
        end_group(g);
    else
        (*out)->fmode |= FMODE_LSEEK;
    return err;
}

bool file_is_inotify(const struct file *f)
{
    return f->ops == &inotify_file_ops;
}

/* ---- /proc/PID/fdinfo ------------------------------------------------------------------------------------------------ */

struct facts {
    s32 wd;
    u32 mask;
    u64 ino, dev;
};

/* The watch with the highest number below `wd`. The text grows without the lock, so they are looked for one by one. */
static bool next_below(const struct inotify *g, s32 wd, struct facts *out)
{
    const struct inotify_watch *best = NULL;

    spin_lock(&inotify_watch_lock);
    for (struct rb_node *n = g->watches.node; n;) {
        const struct inotify_watch *w = rb_entry(n, struct inotify_watch, node);
        if (w->wd < wd)
            best = w;
        n = w->wd < wd ? n->right : n->left;
    }
    if (best)
        *out = (struct facts){best->wd, best->mask, best->inode->ino, best->inode->sb->dev};
    spin_unlock(&inotify_watch_lock);
    return best;
}

void inotify_show(struct file *f, struct seq_buf *s)
{
    const struct inotify *g = f->private;
    struct facts w = {.wd = INT32_MAX};

    while (next_below(g, w.wd, &w))
        seq_printf(s, "inotify wd:%x ino:%lx sdev:%lx mask:%x ignored_mask:0 \n", (u32)w.wd, w.ino, w.dev, w.mask);
}
