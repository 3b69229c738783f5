// SPDX-License-Identifier: MIT
/*
 * A directory like /tmp is sticky and open to all: a name in it may have been put there by anybody, to lead a program with
 * more rights astray. Links are guarded from the start, as distributions do it; FIFOs and files as the kernel of Linux, not.
 */
#include "fs/protected.h"

#include "abi/errno.h"
#include "abi/stat.h"

struct fs_protected fs_protected = {.hardlinks = 1, .symlinks = 1};

/* A file that the caller could read and write by itself, and that gives nobody its owner's rights. */
static bool is_safe_to_link(struct inode *i, const struct fs_cred *c)
{
    u32 mode = i->mode;

    return S_ISREG(mode) && !(mode & S_ISUID) && (mode & (S_ISGID | S_IXGRP)) != (S_ISGID | S_IXGRP) &&
           !inode_permission(i, MAY_READ | MAY_WRITE, c);
}

int protected_link(struct inode *target, const struct fs_cred *c)
{
    if (!READ_ONCE(fs_protected.hardlinks) || is_safe_to_link(target, c) || inode_owner_or_capable(target, c))
        return 0;
    return -EPERM;
}

int protected_follow(const struct inode *dir, const struct inode *link, const struct fs_cred *c)
{
    if (likely((dir->mode & (S_ISVTX | S_IWOTH)) != (S_ISVTX | S_IWOTH)) || link->uid == c->fsuid ||
        link->uid == dir->uid)
        return 0;
    return READ_ONCE(fs_protected.symlinks) ? -EACCES : 0;
}

int protected_create(const struct inode *dir, const struct inode *i, const struct fs_cred *c)
{
    u64 level = S_ISREG(i->mode)    ? READ_ONCE(fs_protected.regular)
                : S_ISFIFO(i->mode) ? READ_ONCE(fs_protected.fifos)
                                    : 0;

    if (likely(!(dir->mode & S_ISVTX)) || !level || i->uid == dir->uid || i->uid == c->fsuid)
        return 0;
    return dir->mode & S_IWOTH || (dir->mode & S_IWGRP && level > 1) ? -EACCES : 0;
}
