// SPDX-License-Identifier: MIT
/*
 * Root, working directory and umask. Writers hold the lock and bump seq around root and cwd, so that the path walk reads
 * a consistent pair without counting; what was replaced is freed after a grace period at the earliest.
 */
#include "fs/mount.h"
#include "mem/slab.h"

static SLAB_CACHE(context_cache, "fs_context", struct fs_context);

struct fs_context *fs_context_create_in(struct mount_ns *n, const struct path *root, const struct path *cwd, u32 umask)
{
    struct fs_context *c = slab_alloc(&context_cache, MEM_WAIT);

    if (!c)
        return NULL;
    ref_init(&c->refs);
    spin_init(&c->lock, LOCK_FS_CONTEXT);
    c->seq = (struct seqcount){0};
    c->root = *root;
    c->cwd = *cwd;
    c->umask = umask;
    c->across = false;
    c->mounts = n;
    mount_ns_get(n);
    path_get(root);
    path_get(cwd);
    return c;
}

struct fs_context *fs_context_create(const struct path *root, const struct path *cwd, u32 umask)
{
    return fs_context_create_in(&mount_ns_first, root, cwd, umask);
}

struct fs_context *fs_context_copy(struct fs_context *c)
{
    struct path root, cwd;

    fs_context_get_paths(c, &root, &cwd);
    struct fs_context *n = fs_context_create_in(c->mounts, &root, &cwd, READ_ONCE(c->umask));
    path_put(&root);
    path_put(&cwd);
    return n;
}

void fs_context_get(struct fs_context *c)
{
    ref_get(&c->refs);
}

void fs_context_put(struct fs_context *c)
{
    if (!ref_put(&c->refs))
        return;
    path_put(&c->root);
    path_put(&c->cwd);
    mount_ns_put(c->mounts);
    slab_free(&context_cache, c);
}

static void replace(struct fs_context *c, struct path *slot, const struct path *p)
{
    spin_lock(&c->lock);
    struct path old = *slot;
    seq_write_begin(&c->seq);
    *slot = *p;
    seq_write_end(&c->seq);
    spin_unlock(&c->lock);
    path_put(&old);
}

void fs_context_set_cwd(struct fs_context *c, const struct path *p)
{
    replace(c, &c->cwd, p);
}

void fs_context_set_root(struct fs_context *c, const struct path *p)
{
    replace(c, &c->root, p);
}

void fs_context_replace(struct fs_context *c, const struct path *old, const struct path *new)
{
    struct path *slots[] = {&c->root, &c->cwd};
    u32 replaced = 0;

    spin_lock(&c->lock);
    seq_write_begin(&c->seq);
    for (u32 i = 0; i < ARRAY_SIZE(slots); i++) {
        if (!path_equal(slots[i], old))
            continue;
        path_get(new);
        *slots[i] = *new;
        replaced++;
    }
    seq_write_end(&c->seq);
    spin_unlock(&c->lock);
    while (replaced--)
        path_put(old);
}

void fs_context_get_paths(struct fs_context *c, struct path *root, struct path *cwd)
{
    spin_lock(&c->lock);
    if (root) {
        *root = c->root;
        path_get(root);
    }
    if (cwd) {
        *cwd = c->cwd;
        path_get(cwd);
    }
    spin_unlock(&c->lock);
}
