// SPDX-License-Identifier: MIT
/* File systems in use. A mount of one counts it; the last to go takes it apart. */
#include "fs/inotify.h"
#include "fs/mount.h"
#include "mem/slab.h"

static atomic_t next_dev = ATOMIC_INIT(0);

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
    list_init(&sb->watches);
    list_init(&sb->mounts);
    spin_init(&sb->mounts_lock, LOCK_IDS);
    mutex_init(&sb->rename_lock, LOCK_RENAME);
    spin_init(&sb->inode_lock, LOCK_INODE_CACHE);
    return sb;
}

void super_put(struct super *sb)
{
    if (!ref_put(&sb->refs))
        return;
    inotify_tell_unmounted(sb);
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
