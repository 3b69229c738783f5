// SPDX-License-Identifier: MIT
/*
 * memfd: a file of a tmpfs of its own, which no path leads to. Seals lie in the inode (tmpfs.h) and are honoured by
 * fs/tmpfs/file.c; ordinary files of tmpfs count as sealed against sealing, as on Linux.
 */
#include "fs/memfd.h"

#include "abi/errno.h"
#include "abi/fcntl.h"
#include "abi/mman.h"
#include "abi/stat.h"
#include "fs/file.h"
#include "fs/tmpfs/tmpfs.h"
#include "lib/string.h"
#include "mem/slab.h"

#define NAME_PREFIX "/memfd:"
#define KNOWN_FLAGS (MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL | MFD_EXEC)
#define KNOWN_SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_FUTURE_WRITE | F_SEAL_EXEC)
#ifndef F_SEAL_EXEC
#define F_SEAL_EXEC 0x20
#endif
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 8u
#define MFD_EXEC 16u
#endif

static struct mount memfd_mount; /* in no table */
static struct mutex init_lock = MUTEX_INIT(init_lock, LOCK_MOUNT);

static int get_super(struct super **out)
{
    int err = 0;

    mutex_lock(&init_lock);
    if (!memfd_mount.sb && !(err = tmpfs_make("size=0,nr_inodes=0", out))) {
        ref_init(&memfd_mount.refs);
        memfd_mount.parent = &memfd_mount;
        memfd_mount.root = (*out)->root;
        memfd_mount.id = 2;
        memfd_mount.sb = *out;
    }
    mutex_unlock(&init_lock);
    *out = memfd_mount.sb;
    return err;
}

static struct dentry *make_dentry(struct super *sb, const char *before, const char *name)
{
    size_t prefix = strlen(before), len = strlen(name);
    char *full = kmalloc(prefix + len + 11, MEM_WAIT);

    if (!full)
        return NULL;
    memcpy(full, before, prefix);
    memcpy(full + prefix, name, len);
    memcpy(full + prefix + len, " (deleted)", 11);
    struct dentry *d = dentry_alloc(NULL, sb, full, (u32)(prefix + len + 10));
    kfree(full);
    if (d)
        d->flags = D_PSEUDO | D_UNLINKED;
    return d;
}

static int open_on(struct dentry *d, struct inode *i, const struct fs_cred *c, struct file **out)
{
    struct file *f = file_alloc();

    if (!f)
        return -ENFILE;
    f->path = (struct path){&memfd_mount, d};
    mount_get(&memfd_mount);
    f->inode = i;
    f->ops = i->fops;
    f->flags = O_RDWR | O_LARGEFILE;
    f->opener_uid = c->fsuid;
    f->fmode = FMODE_READ | FMODE_WRITE | FMODE_LSEEK | FMODE_PREAD | FMODE_PWRITE;
    if (!inode_claim(i, 1))
        (void)file_count_writer(f);
    *out = f;
    return 0;
}

/* Takes over the reference to i, also on failure. */
static int name_and_open(struct super *sb, const char *before, const char *name, struct inode *i,
                         const struct fs_cred *c, struct file **out)
{
    struct dentry *d = make_dentry(sb, before, name);
    if (!d) {
        inode_put(i);
        return -ENOMEM;
    }
    dentry_instantiate(d, i);
    int err = open_on(d, i, c, out);
    if (err)
        dentry_put(d);
    return err;
}

int memfd_open(const char *name, u32 flags, const struct fs_cred *c, struct file **out)
{
    struct super *sb;
    struct inode *i;

    if ((flags & ~KNOWN_FLAGS) || (flags & (MFD_NOEXEC_SEAL | MFD_EXEC)) == (MFD_NOEXEC_SEAL | MFD_EXEC))
        return -EINVAL;
    int err = get_super(&sb);
    if (!err)
        err = tmpfs_new_unlinked(sb, S_IFREG | (flags & MFD_NOEXEC_SEAL ? 0666 : 0777), c, &i);
    if (err)
        return err;
    u32 seals = flags & (MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL) ? 0 : F_SEAL_SEAL;
    tmpfs_i(i)->file.seals = (seals | (flags & MFD_NOEXEC_SEAL ? F_SEAL_EXEC : 0));
    tmpfs_i(i)->file.sealable = true;
    return name_and_open(sb, NAME_PREFIX, name, i, c, out);
}

int memfd_open_segment(const char *name, const struct fs_cred *c, struct file **out)
{
    struct super *sb;
    struct inode *i;

    int err = get_super(&sb);
    if (!err)
        err = tmpfs_new_unlinked(sb, S_IFREG | 0777, c, &i);
    return err ? err : name_and_open(sb, "/SYSV", name, i, c, out);
}

int memfd_get_seals(struct file *f)
{
    if (f->ops != &tmpfs_file_ops)
        return -EINVAL;
    const struct tmpfs_inode *ti = tmpfs_i(f->inode);
    return ti->file.sealable ? (int)ti->file.seals : F_SEAL_SEAL;
}

int memfd_add_seals(struct file *f, u32 seals)
{
    struct inode *i = f->inode;
    int err = 0;

    if (!(f->fmode & FMODE_WRITE))
        return -EPERM;
    if (seals & ~KNOWN_SEALS)
        return -EINVAL;
    if (f->ops != &tmpfs_file_ops)
        return -EINVAL;
    struct tmpfs_inode *ti = tmpfs_i(i);
    mutex_lock(&i->lock);
    if (!ti->file.sealable || (ti->file.seals & F_SEAL_SEAL))
        err = -EPERM;
    else if ((seals & F_SEAL_WRITE) && !(ti->file.seals & F_SEAL_WRITE))
        err = mapping_deny_writable(&ti->file.mapping);
    if (!err)
        ti->file.seals |= seals;
    mutex_unlock(&i->lock);
    return err;
}
