// SPDX-License-Identifier: MIT
/* What of a mount can change while it is there. */
#include "abi/errno.h"
#include "fs/mount_internal.h"

/* As Linux: without a word about access times, these stay as they are. */
int mount_change_flags(const struct path *p, u32 flags)
{
    const u32 atime = MS_NOATIME | MS_NODIRATIME | MS_STRICTATIME;
    struct mount *m = p->mnt;

    if (p->dentry != m->root)
        return -EINVAL;
    mutex_lock(&mount_lock);
    u32 kept = flags & (atime | MS_RELATIME) ? 0 : m->flags & atime;
    int err = m->ns ? 0 : -EINVAL;
    if (!err)
        WRITE_ONCE(m->flags, (flags & MS_KEPT) | kept | (m->flags & MS_UNBINDABLE));
    mutex_unlock(&mount_lock);
    return err;
}

int mount_reconfigure(const struct path *p, u32 flags, const char *options)
{
    struct super *sb = p->mnt->sb;

    if (p->dentry != p->mnt->root)
        return -EINVAL;
    int err = *options && sb->ops->remount ? sb->ops->remount(sb, options) : 0;
    return err ? err : mount_change_flags(p, flags);
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
