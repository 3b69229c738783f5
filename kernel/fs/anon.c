// SPDX-License-Identifier: MIT
/*
 * Files without a name in any directory: one shared inode for those that need none of their own (eventfd, epoll), and an
 * inode each for pipes and sockets. Their dentries are marked D_PSEUDO and printed as they are.
 */
#include "fs/anon.h"

#include "abi/errno.h"
#include "abi/fcntl.h"
#include "abi/stat.h"
#include "fs/devfs.h"
#include "fs/file.h"
#include "fs/mount.h"
#include "fs/pipe.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "mem/slab.h"

static SLAB_CACHE(inode_cache, "pseudo_inode", struct inode);
static struct mount anon_mount;
static struct inode *shared_inode;

static int get_attr(struct inode *i, struct kstat *st)
{
    (void)i, (void)st;
    return 0;
}

static void release_inode(struct inode *i)
{
    slab_free(&inode_cache, i);
}

static int set_attr(struct inode *i, const struct inode_attr *a)
{
    if (a->valid & ATTR_SIZE)
        return -EINVAL;
    inode_apply_attr(i, a);
    return 0;
}

static const struct inode_ops anon_ops = {.getattr = get_attr, .setattr = set_attr, .release = release_inode};
static const struct file_ops no_ops;

static struct inode *make_inode(u32 mode)
{
    struct inode *i = slab_alloc(&inode_cache, MEM_WAIT);

    if (!i)
        return NULL;
    inode_init(i, anon_mount.sb, mode);
    i->ino = super_new_ino(anon_mount.sb);
    i->ops = &anon_ops;
    i->fops = S_ISFIFO(mode) ? &fifo_ops : S_ISSOCK(mode) ? &socket_inode_ops : &no_ops; /* by /proc/self/fd */
    return i;
}

void anon_init(void)
{
    static const struct super_ops ops;
    struct super *sb = super_alloc("anon_inodefs", ANON_INODE_FS_MAGIC, &ops);

    anon_mount = (struct mount){.sb = sb, .parent = &anon_mount, .id = 1};
    ref_init(&anon_mount.refs);
    if (!sb || !(shared_inode = make_inode(0600)) || !(sb->root = dentry_alloc(NULL, sb, "", 0)))
        panic("no memory for anonymous files");
    dentry_instantiate(sb->root, shared_inode);
    inode_get(shared_inode);
    anon_mount.root = sb->root;
}

static struct file *file_on(struct dentry *d, const struct file_ops *ops, void *private, u32 flags)
{
    static const u32 modes[] = {FMODE_READ, FMODE_WRITE, FMODE_READ | FMODE_WRITE, 0};
    struct file *f = file_alloc();

    if (!f)
        return NULL;
    f->path.mnt = &anon_mount;
    f->path.dentry = d;
    mount_get(&anon_mount);
    f->inode = d->inode;
    f->ops = ops;
    f->private = private;
    f->flags = flags & ~(u32)O_CLOEXEC;
    f->fmode = modes[flags & O_ACCMODE] | FMODE_STREAM;
    return f;
}

static int open_inode(const char *name, u32 dflags, struct inode *i, const struct file_ops *ops, void *private,
                      u32 flags, struct file **out)
{
    struct dentry *d = dentry_alloc(NULL, i->sb, name, (u32)strlen(name));
    struct file *f = NULL;

    if (!d) {
        inode_put(i);
        return -ENOMEM;
    }
    d->flags = D_PSEUDO | dflags;
    dentry_instantiate(d, i);
    f = file_on(d, ops, private, flags);
    if (!f) {
        dentry_put(d);
        return -ENFILE;
    }
    *out = f;
    return 0;
}

int file_open_anon(const char *name, const struct file_ops *ops, void *private, u32 flags, struct file **out)
{
    inode_get(shared_inode);
    return open_inode(name, 0, shared_inode, ops, private, flags, out);
}

int file_open_pseudo(const char *kind, u32 mode, const struct file_ops *ops, void *private, u32 flags,
                     struct file **out)
{
    struct inode *i = make_inode(mode);

    return i ? open_inode(kind, D_PSEUDO_INO, i, ops, private, flags, out) : -ENOMEM;
}

int file_open_again(struct file *f, u32 flags, struct file **out)
{
    dentry_get(f->path.dentry);
    *out = file_on(f->path.dentry, f->ops, f->private, flags);
    if (*out)
        return 0;
    dentry_put(f->path.dentry);
    return -ENFILE;
}
