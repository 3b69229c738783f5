// SPDX-License-Identifier: MIT
/*
 * Devices: a list of numbers and their operations, nodes in devtmpfs (a tmpfs), and opening of device nodes, which may
 * lie in any file system. devtmpfs is made by the first walk of a program (fs/init.c); devices registered before get their
 * nodes then.
 */
#include "fs/devfs.h"

#include "abi/errno.h"
#include "abi/stat.h"
#include "fs/memdev.h"
#include "fs/namei.h"
#include "fs/pipe.h"
#include "fs/tmpfs/tmpfs.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "mem/slab.h"

#include <linux/mount.h>

#define DEVICE_NAME_MAX 32

struct device {
    struct device *next;
    u32 type; /* S_IFCHR, S_IFBLK */
    u64 rdev;
    const struct file_ops *ops;
    void *private;
    u32 mode, uid, gid; /* of the node */
    bool has_node;      /* (devices_lock) or it is just being made */
    char name[DEVICE_NAME_MAX];
};

static struct spinlock devices_lock = SPINLOCK_INIT(LOCK_DEVICE);
static struct device *devices;         /* (devices_lock) */
static struct fs_context *dev_context; /* (devices_lock) root: /dev; umask 0. NULL: there is no /dev yet */
static struct super *dev_super;

/* ---- opening --------------------------------------------------------------------------------------------------------- */

static struct device *find_locked(u32 mode, u64 rdev)
{
    struct device *d = devices;

    while (d && !(d->rdev == rdev && d->type == (mode & S_IFMT)))
        d = d->next;
    return d;
}

void *device_private(const struct inode *i)
{
    spin_lock(&devices_lock);
    struct device *d = find_locked(i->mode, i->rdev);
    void *private = d ? d->private : NULL;
    spin_unlock(&devices_lock);
    return private;
}

static int device_open(struct inode *i, struct file *f)
{
    spin_lock(&devices_lock);
    struct device *d = find_locked(i->mode, i->rdev);
    const struct file_ops *ops = d ? d->ops : NULL;
    spin_unlock(&devices_lock);
    if (!ops)
        return -ENXIO;
    f->ops = ops;
    if (ops->seek == no_seek)
        f->fmode = (f->fmode & ~(FMODE_LSEEK | FMODE_PREAD | FMODE_PWRITE)) | FMODE_STREAM;
    return ops->open ? ops->open(i, f) : 0;
}

static const struct file_ops device_inode_ops = {.open = device_open};

const struct file_ops *special_inode_ops(u32 mode)
{
    if (S_ISFIFO(mode))
        return &fifo_ops;
    return S_ISCHR(mode) || S_ISBLK(mode) ? &device_inode_ops : &socket_inode_ops;
}

/* ---- nodes ----------------------------------------------------------------------------------------------------------- */

static struct fs_view dev_view(void)
{
    return (struct fs_view){.ctx = dev_context, .cred = &kernel_cred, .fsize_limit = ~0ul, .stage = WALK_MOUNTING};
}

static int make_node(const char *name, u32 mode, u32 uid, u32 gid, u64 rdev)
{
    struct fs_view v = dev_view();
    struct path p;
    int err = vfs_mknod(&v, NULL, name, mode, rdev);

    if (err || (!uid && !gid))
        return err;
    err = path_lookup(&v, NULL, name, 0, &p);
    if (!err) {
        err = path_chown(&v, &p, uid, gid);
        path_put(&p);
    }
    return err;
}

int device_register_owned(const char *name, u32 mode, u32 uid, u32 gid, u32 major, u32 minor,
                          const struct file_ops *ops, void *private)
{
    struct device *d = kmalloc(sizeof(*d), MEM_WAIT);

    if (!d)
        return -ENOMEM;
    *d = (struct device){.type = mode & S_IFMT,
                         .rdev = makedev_k(major, minor),
                         .ops = ops,
                         .private = private,
                         .mode = mode,
                         .uid = uid,
                         .gid = gid};
    str_copy(d->name, name, sizeof(d->name));
    spin_lock(&devices_lock);
    bool taken = find_locked(mode, d->rdev);
    bool dev_is_there = dev_context != NULL;
    if (!taken) {
        d->has_node = dev_is_there;
        d->next = devices;
        devices = d;
    }
    spin_unlock(&devices_lock);
    if (taken) {
        kfree(d);
        return -EBUSY;
    }
    int err = !dev_is_there ? 0 : make_node(name, mode, uid, gid, makedev_k(major, minor));
    if (err)
        device_unregister(name);
    return err;
}

void device_register_number(const char *name, u32 type, u64 rdev, const struct file_ops *ops)
{
    struct device *d = kzalloc(sizeof(*d), MEM_WAIT);

    if (!d)
        panic("no memory for the device %s", name);
    *d = (struct device){.type = type, .rdev = rdev, .ops = ops, .has_node = true};
    str_copy(d->name, name, sizeof(d->name));
    spin_lock(&devices_lock);
    d->next = devices;
    devices = d;
    spin_unlock(&devices_lock);
}

int device_register(const char *name, u32 mode, u32 major, u32 minor, const struct file_ops *ops, void *private)
{
    return device_register_owned(name, mode, 0, 0, major, minor, ops, private);
}

void device_unregister(const char *name)
{
    struct fs_view v = dev_view();
    struct device **p = &devices, *d;

    spin_lock(&devices_lock);
    while (*p && strcmp((*p)->name, name) != 0)
        p = &(*p)->next;
    d = *p;
    if (d)
        *p = d->next;
    spin_unlock(&devices_lock);
    if (!d)
        return;
    if (d->has_node)
        (void)vfs_unlink(&v, NULL, name); /* somebody may have removed the node */
    kfree(d);
}

/* ---- devtmpfs -------------------------------------------------------------------------------------------------------- */

/* One instance, however often it is mounted. */
int devtmpfs_make(const char *options, struct super **out)
{
    if (!dev_super) {
        int err = tmpfs_make_typed("devtmpfs", TMPFS_MAGIC, "mode=755", &dev_super);
        if (err)
            return err;
    }
    (void)options;
    super_get(dev_super);
    *out = dev_super;
    return 0;
}

static void must(int err, const char *what)
{
    if (err)
        panic("/dev/%s: error %d", what, -err);
}

/* One that has no node yet; *out is a copy. */
static bool take_nodeless(struct device *out)
{
    spin_lock(&devices_lock);
    struct device *d = devices;
    while (d && d->has_node)
        d = d->next;
    if (d) {
        d->has_node = true;
        *out = *d;
    }
    spin_unlock(&devices_lock);
    return d != NULL;
}

void devfs_populate(const struct path *dev)
{
    static const char *const links[][2] = {{"fd", "/proc/self/fd"},       {"stdin", "/proc/self/fd/0"},
                                           {"stdout", "/proc/self/fd/1"}, {"stderr", "/proc/self/fd/2"},
                                           {"core", "/proc/kcore"},       {"ptmx", "pts/ptmx"}};
    static const char *const dirs[] = {"pts", "shm", "mqueue"};

    struct fs_context *ctx = fs_context_create(dev, dev, 0);
    struct device d;
    if (!ctx)
        panic("no memory for /dev");
    spin_lock(&devices_lock);
    dev_context = ctx;
    spin_unlock(&devices_lock);
    struct fs_view v = dev_view();
    for (u32 i = 0; i < ARRAY_SIZE(links); i++)
        must(vfs_symlink(&v, links[i][1], NULL, links[i][0]), links[i][0]);
    for (u32 i = 0; i < ARRAY_SIZE(dirs); i++)
        must(vfs_mkdir(&v, NULL, dirs[i], 0755), dirs[i]);
    for (const struct memdev *m = memdevs; m->name; m++)
        must(device_register(m->name, S_IFCHR | m->mode, 1, m->minor, m->ops, NULL), m->name);
    while (take_nodeless(&d))
        must(make_node(d.name, d.mode, d.uid, d.gid, d.rdev), d.name);
}
