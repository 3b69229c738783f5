// SPDX-License-Identifier: MIT
/* What of a mount can change while it is there. */
#include "abi/errno.h"
#include "fs/mount_internal.h"

/* As Linux: without a word about access times, these stay as they are (mount_lock). */
static u32 flags_after(const struct mount *m, u32 flags)
{
    const u32 atime = MS_NOATIME | MS_NODIRATIME | MS_STRICTATIME;
    u32 kept = flags & (atime | MS_RELATIME) ? 0 : m->flags & atime;

    return mount_kept_flags(flags) | kept | (m->flags & MS_UNBINDABLE);
}

/* -EBUSY: it would become read-only, and files are open for writing by it. Those who open one look at the flag behind
 * their count, so either they are counted here or they see it (mount_lock). */
static int set_flags(struct mount *m, u32 flags)
{
    u32 was = m->flags;

    WRITE_ONCE(m->flags, flags_after(m, flags));
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (!(flags & MS_RDONLY) || (was & MS_RDONLY) || !atomic_read(&m->writers))
        return 0;
    WRITE_ONCE(m->flags, was);
    return -EBUSY;
}

static bool has_writers(struct super *sb)
{
    struct mount *m;
    u64 writers = 0, flags = spin_lock_irqsave(&sb->mounts_lock);

    list_for_each (m, &sb->mounts, of_super)
        writers += atomic_read(&m->writers);
    spin_unlock_irqrestore(&sb->mounts_lock, flags);
    return writers;
}

/* The same for a file system, by whichever mount they were opened (mount_lock). */
static int set_super_flags(struct super *sb, u32 flags)
{
    const u32 can_change = MS_OF_SUPER & ~(u32)MS_DIRSYNC; /* Linux' MS_RMT_MASK */
    u32 was = sb->flags;

    WRITE_ONCE(sb->flags, (flags & can_change) | (was & ~can_change));
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (!(flags & MS_RDONLY) || (was & MS_RDONLY) || !has_writers(sb))
        return 0;
    WRITE_ONCE(sb->flags, was);
    return -EBUSY;
}

int mount_change_flags(const struct path *p, u32 flags)
{
    if (p->dentry != p->mnt->root)
        return -EINVAL;
    mutex_lock(&mount_lock);
    int err = p->mnt->ns ? set_flags(p->mnt, flags) : -EINVAL;
    mutex_unlock(&mount_lock);
    return err;
}

int mount_reconfigure(const struct path *p, u32 flags, const char *options)
{
    struct super *sb = p->mnt->sb;

    if (p->dentry != p->mnt->root)
        return -EINVAL;
    int err = *options && sb->ops->remount ? sb->ops->remount(sb, options) : 0;
    if (err)
        return err;
    mutex_lock(&mount_lock);
    err = p->mnt->ns ? set_super_flags(sb, flags) : -EINVAL;
    if (!err)
        err = set_flags(p->mnt, flags);
    mutex_unlock(&mount_lock);
    return err;
}

void mount_set_bindable(struct mount *m, bool yes, bool recursive)
{
    struct mount *c;

    mutex_lock(&mount_lock);
    if (m->ns) {
        list_for_each (c, &m->ns->mounts, link)
            if (c == m || (recursive && mount_is_below(c, m)))
                WRITE_ONCE(c->flags, yes ? c->flags & ~(u32)MS_UNBINDABLE : c->flags | MS_UNBINDABLE);
    }
    mutex_unlock(&mount_lock);
}
