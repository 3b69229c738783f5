// SPDX-License-Identifier: MIT
/* Who may do what to an inode: path_resolution(7), capabilities(7). Never sleeps: the path walk asks under RCU. */
#include "abi/errno.h"
#include "abi/stat.h"
#include "fs/mount.h"

#include <linux/capability.h>

const struct fs_cred kernel_cred = {.caps = ~0ul};

bool cred_in_group(const struct fs_cred *c, u32 gid)
{
    u32 low = 0, high = c->ngroups;

    if (c->fsgid == gid)
        return true;
    while (low < high) {
        u32 mid = low + (high - low) / 2;
        if (c->groups[mid] == gid)
            return true;
        if (c->groups[mid] < gid)
            low = mid + 1;
        else
            high = mid;
    }
    return false;
}

bool inode_owner_or_capable(const struct inode *i, const struct fs_cred *c)
{
    return c->fsuid == i->uid || fs_capable(c, CAP_FOWNER);
}

static int capable_instead(const struct inode *i, int mask, const struct fs_cred *c)
{
    if (S_ISDIR(i->mode)) {
        if (!(mask & MAY_WRITE) && fs_capable(c, CAP_DAC_READ_SEARCH))
            return 0;
        return fs_capable(c, CAP_DAC_OVERRIDE) ? 0 : -EACCES;
    }
    if (mask == MAY_READ && fs_capable(c, CAP_DAC_READ_SEARCH))
        return 0;
    if ((!(mask & MAY_EXEC) || (i->mode & 0111)) && fs_capable(c, CAP_DAC_OVERRIDE))
        return 0;
    return -EACCES;
}

int inode_permission(struct inode *i, int mask, const struct fs_cred *c)
{
    return i->ops->permission ? i->ops->permission(i, mask, c) : generic_permission(i, mask, c);
}

int generic_permission(struct inode *i, int mask, const struct fs_cred *c)
{
    u32 mode = i->mode;

    if ((mask & MAY_WRITE) && (i->flags & INODE_IMMUTABLE))
        return -EPERM;
    if (c->fsuid == i->uid)
        mode >>= 6;
    else if ((mode & 070) >> 3 != (mode & 07) && cred_in_group(c, i->gid))
        mode >>= 3;
    if (!(mask & ~mode & (MAY_READ | MAY_WRITE | MAY_EXEC)))
        return 0;
    return capable_instead(i, mask, c);
}
