// SPDX-License-Identifier: MIT
/* The file system of namespaces: a file of its own for each opening, with the namespace's number; mounted nowhere. */
#include "fs/nsfs.h"

#include "abi/errno.h"
#include "abi/stat.h"
#include "fs/mount.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "mem/slab.h"

#include <linux/magic.h>

#define FIRST_OF_OTHERS 4026532176ul /* below are those that the machine began with */

long (*nsfs_hook_ioctl)(struct ns *ns, u32 cmd, u64 arg);

static SLAB_CACHE(inode_cache, "ns_inode", struct inode);
static struct mount nsfs_mount;
static atomic_t next_ino = ATOMIC_INIT(0);

void ns_init(struct ns *ns, u32 kind, const char *name, void (*free)(struct ns *ns))
{
    ref_init(&ns->refs);
    ns->kind = kind;
    ns->name = name;
    ns->free = free;
    ns->ino = FIRST_OF_OTHERS + (u32)atomic_add(&next_ino, 1);
}

void ns_get(struct ns *ns)
{
    if (ns->free)
        ref_get(&ns->refs);
}

void ns_put(struct ns *ns)
{
    if (ns->free && ref_put(&ns->refs))
        ns->free(ns);
}

static void evict(struct inode *i)
{
    ns_put(i->private);
}

static void release_inode(struct inode *i)
{
    slab_free(&inode_cache, i);
}

static int set_attr(struct inode *i, const struct inode_attr *a)
{
    (void)i, (void)a;
    return -EPERM;
}

static long ns_ioctl(struct file *f, u32 cmd, u64 arg)
{
    return nsfs_hook_ioctl(f->inode->private, cmd, arg);
}

static const struct inode_ops nsfs_inode_ops = {.setattr = set_attr, .evict = evict, .release = release_inode};
static const struct file_ops nsfs_file_ops = {.ioctl = ns_ioctl};

struct ns *nsfs_ns(const struct inode *i)
{
    return i && i->ops == &nsfs_inode_ops ? i->private : NULL;
}

static struct inode *make_inode(struct ns *ns)
{
    struct inode *i = slab_alloc(&inode_cache, MEM_WAIT);

    if (!i) {
        ns_put(ns);
        return NULL;
    }
    inode_init(i, nsfs_mount.sb, S_IFREG | 0444);
    i->ino = ns->ino;
    i->ops = &nsfs_inode_ops;
    i->fops = &nsfs_file_ops;
    i->private = ns;
    return i;
}

int nsfs_path(struct ns *ns, struct path *out)
{
    struct inode *i = make_inode(ns);
    struct dentry *d = i ? dentry_alloc(NULL, i->sb, ns->name, (u32)strlen(ns->name)) : NULL;

    if (!d) {
        if (i)
            inode_put(i);
        return -ENOMEM;
    }
    d->flags = D_PSEUDO | D_PSEUDO_INO;
    dentry_instantiate(d, i);
    mount_get(&nsfs_mount);
    *out = (struct path){&nsfs_mount, d};
    return 0;
}

void nsfs_init(void)
{
    static const struct super_ops ops;
    struct super *sb = super_alloc("nsfs", NSFS_MAGIC, &ops);

    if (!sb || !(sb->root = dentry_alloc(NULL, sb, "", 0)))
        panic("no memory for the namespaces' files");
    nsfs_mount = (struct mount){.sb = sb, .root = sb->root, .parent = &nsfs_mount, .id = 2, .source = (char *)"nsfs"};
    ref_init(&nsfs_mount.refs);
}
