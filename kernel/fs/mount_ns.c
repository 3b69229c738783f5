// SPDX-License-Identifier: MIT
/*
 * Namespaces of mounts: which there are, how one is copied, how its root is replaced, how it ends.
 *
 * A namespace is counted by the contexts in it and by its files (fs/nsfs.h), never by its mounts. When the last one goes,
 * under whatever locks, it is put on a list; the work thread takes its mounts apart. So do mounts whose place was removed
 * by somebody who does not see them. A copy of a namespace is bounded by mount_max and by memory, like every other tree:
 * what cannot be finished is dropped whole.
 */
#include "abi/errno.h"
#include "abi/sched.h"
#include "fs/mount_internal.h"
#include "fs/namei.h"
#include "mem/slab.h"

struct mount_ns mount_ns_first = {.ns = {.kind = CLONE_NEWNS, .ino = 4026531841ul, .name = "mnt"},
                                  .mounts = LIST_INIT(mount_ns_first.mounts)};
static atomic_t last_seq = ATOMIC_INIT(0);
static struct mount_ns *dead;                      /* pushed and taken without a lock */
static struct list homeless = LIST_INIT(homeless); /* detached, not put yet (mount_lock) */

/* ---- the end --------------------------------------------------------------------------------------------------------- */

static void bury(struct work *w)
{
    struct mount_ns *n, *all = __atomic_exchange_n(&dead, NULL, __ATOMIC_ACQUIRE);
    struct list gone = LIST_INIT(gone);
    struct mount *m, *next;

    (void)w;
    mutex_lock(&mount_lock);
    for (n = all; n; n = n->next_dead)
        mount_detach_all(n, &gone);
    list_for_each_safe (m, next, &homeless, link) {
        list_del(&m->link);
        list_add_tail(&gone, &m->link);
    }
    mutex_unlock(&mount_lock);
    mount_put_gone(&gone);
    while ((n = all)) {
        all = n->next_dead;
        kfree(n);
    }
}

static struct work burial = {.link = LIST_INIT(burial.link), .fn = bury};

static void ns_free(struct ns *ns)
{
    struct mount_ns *n = container_of(ns, struct mount_ns, ns);

    n->next_dead = __atomic_load_n(&dead, __ATOMIC_RELAXED);
    while (!__atomic_compare_exchange_n(&dead, &n->next_dead, n, true, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
        continue;
    (void)work_queue(&burial);
}

/* ---- whose places are they ------------------------------------------------------------------------------------------- */

bool mount_is_local(const struct mount *m, const struct fs_view *v)
{
    return READ_ONCE(m->ns) == v->ctx->mounts;
}

bool mount_covers(const struct fs_view *v, const struct dentry *d)
{
    const struct mount *m;
    bool found = false;

    if (likely(!(dentry_flags(d) & D_MOUNTED)))
        return false;
    mutex_lock(&mount_lock);
    list_for_each (m, &v->ctx->mounts->mounts, link)
        found |= m->mountpoint == d && m->parent != m;
    mutex_unlock(&mount_lock);
    return found;
}

void mount_name_gone(const struct dentry *d)
{
    if (likely(!(dentry_flags(d) & D_MOUNTED)))
        return;
    mutex_lock(&mount_lock);
    mount_detach_on(d, &homeless);
    mutex_unlock(&mount_lock);
    (void)work_queue(&burial);
}

/* ---- copies ---------------------------------------------------------------------------------------------------------- */

/* The same place in the copy; a place that is in no namespace, or in another one, stays (mount_lock). */
static void move_along(struct path *p, const struct mount_ns *from)
{
    struct mount *old = p->mnt;

    if (old->ns != from || !old->copy)
        return;
    mount_get(old->copy);
    p->mnt = old->copy;
    mount_put(old); /* not the last: it is in the table */
}

static int copy_all(struct mount_ns *n, struct fs_context *c)
{
    struct mount_ns *from = c->mounts;
    struct mount *top = mount_copy(from->root, from->root->root);

    if (!top)
        return -ENOMEM;
    top->mountpoint = top->root;
    n->root = top;
    mount_into_table(top, n);
    int err = mount_copy_below(top, &(struct path){from->root, from->root->root}, COPY_FOR_NS);
    if (!err) {
        move_along(&c->root, from);
        move_along(&c->cwd, from);
    }
    mount_forget_copies(from);
    return err;
}

int mount_ns_unshare(struct fs_context *c)
{
    struct mount_ns *n = kzalloc(sizeof(*n), MEM_WAIT), *from = c->mounts;

    if (!n)
        return -ENOMEM;
    ns_init(&n->ns, CLONE_NEWNS, "mnt", ns_free);
    list_init(&n->mounts);
    mutex_lock(&mount_lock);
    n->seq = atomic_add(&last_seq, 1);
    int err = copy_all(n, c);
    mutex_unlock(&mount_lock);
    if (err) {
        mount_ns_put(n);
        return err;
    }
    c->mounts = n;
    mount_ns_put(from);
    return 0;
}

struct fs_context *mount_ns_enter(struct mount_ns *n, u32 umask)
{
    mutex_lock(&mount_lock);
    struct path root = {n->root, n->root->root};
    path_get(&root);
    mutex_unlock(&mount_lock);
    path_follow_mounts(&root);
    struct fs_context *c = fs_context_create_in(n, &root, &root, umask);
    path_put(&root);
    return c;
}

/* ---- pivot_root ------------------------------------------------------------------------------------------------------ */

/* Is p in the tree that starts at top? (mount_lock) */
static bool is_reachable(const struct path *p, const struct path *top)
{
    const struct mount *m = p->mnt;
    const struct dentry *d = p->dentry;

    for (; m != top->mnt && m->parent != m; m = m->parent)
        d = m->mountpoint;
    rcu_read_lock();
    bool yes = m == top->mnt && dentry_is_ancestor(top->dentry, d);
    rcu_read_unlock();
    return yes;
}

/* As Linux, but that a root which is on nothing can be replaced, too: the machine's own has nothing below it there. */
static int may_pivot(const struct fs_view *v, const struct path *root, const struct path *new, const struct path *at)
{
    if (!mount_is_local(root->mnt, v) || !mount_is_local(new->mnt, v))
        return -EINVAL;
    if (path_is_deleted(new))
        return -ENOENT;
    if (new->mnt == root->mnt || at->mnt == root->mnt)
        return -EBUSY;
    if (root->dentry != root->mnt->root || new->dentry != new->mnt->root || new->mnt->parent == new->mnt)
        return -EINVAL;
    return is_reachable(at, new) && is_reachable(new, root) ? 0 : -EINVAL;
}

/* n takes r's place, r goes to `at`; what n was on is the caller's now (mount_lock). */
static void swap_roots(struct mount *r, struct mount *n, const struct path *at)
{
    struct path above = {r->parent, r->mountpoint};
    bool topmost = r->parent == r;

    path_get(at);
    walk_seq_write_begin();
    mount_unlink(n);
    if (!topmost)
        mount_unlink(r);
    if (topmost) {
        WRITE_ONCE(n->parent, n);
        WRITE_ONCE(n->mountpoint, n->root);
        n->ns->root = n;
    } else {
        mount_link(n, &above);
    }
    mount_link(r, at);
    walk_seq_write_end();
}

int mount_pivot(const struct fs_view *v, const struct path *root, const struct path *new, const struct path *put_old)
{
    struct path at, was = {NULL, NULL};
    int err = mount_lock_point(put_old, &at);

    if (!err)
        err = may_pivot(v, root, new, &at);
    if (!err) {
        was = (struct path){new->mnt->parent, new->mnt->mountpoint};
        swap_roots(root->mnt, new->mnt, &at);
    }
    mount_unlock_point(&at);
    if (!err) {
        rcu_synchronize(); /* walkers that still stand in what was covered without counting */
        path_put(&was);
    }
    return err;
}
