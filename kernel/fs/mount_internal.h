/* SPDX-License-Identifier: MIT */
/* The mount table inside: mount.c (the table, binds, umount), mount_ns.c (namespaces, their roots). */
#ifndef FS_MOUNT_INTERNAL_H
#define FS_MOUNT_INTERNAL_H

#include "fs/mount.h"

#include <linux/mount.h>

#define MS_KEPT \
    (MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME | MS_NODIRATIME | MS_STRICTATIME | MS_NOSYMFOLLOW)
#define MS_OF_SUPER (MS_RDONLY | MS_SYNCHRONOUS | MS_DIRSYNC | MS_LAZYTIME)

static inline u32 mount_kept_flags(u32 flags)
{
    return flags & MS_KEPT & (flags & MS_STRICTATIME ? ~(u32)MS_NOATIME : ~0u);
}

extern struct mutex mount_lock;

struct mount *mount_copy(const struct mount *of, struct dentry *root); /* in no table; NULL: no memory */
bool mount_is_below(const struct mount *m, const struct mount *top);   /* or the same (mount_lock) */
void mount_into_table(struct mount *m, struct mount_ns *ns);           /* (mount_lock) */
/* The hash of covered dentries, in a write section of walk_seq: what was covered is counted for the mount. */
void mount_link(struct mount *m, const struct path *on);
void mount_unlink(struct mount *m);
/* Where a mount on `on` goes, topmost; both locks are held until mount_unlock_point, also after an error. */
int mount_lock_point(const struct path *on, struct path *at);
void mount_unlock_point(struct path *at);

/* MS_REC: copies what is mounted below `from` to below m, a copy of from->mnt; copies are left marked (mount_lock). */
enum mount_copy_how { COPY_FOR_BIND, COPY_FOR_NS };
int mount_copy_below(struct mount *m, const struct path *from, enum mount_copy_how how);
void mount_forget_copies(struct mount_ns *ns); /* takes the marks away */

/* All mounts of a dying namespace; what covers d anywhere. They are put later (mount_lock). */
void mount_detach_all(struct mount_ns *ns, struct list *gone);
void mount_detach_on(const struct dentry *d, struct list *gone);
void mount_put_gone(struct list *gone); /* sleeps */

#endif
