// SPDX-License-Identifier: MIT
/*
 * Boot of the file layer: the caches, the archives, the root over them, and the mounts that every container has.
 *
 * The base is the embedded archive, or the boot loader's initrd when none is embedded. An initrd beside an embedded
 * archive is laid over it. Both are checked for being whole: a loader that had too little memory says nothing.
 *
 * What a container finds mounted on the root (/proc, /dev, /sys, ...) is mounted by the first walk of a program, under
 * mounts_lock; whoever walks meanwhile waits. A static PID 1 writes its first byte without any of it.
 */
#include "abi/errno.h"
#include "abi/stat.h"
#include "arch/boot.h"
#include "fs/anon.h"
#include "fs/boot_record.h"
#include "fs/devfs.h"
#include "fs/namei.h"
#include "fs/nsfs.h"
#include "fs/pipe.h"
#include "fs/procfs.h"
#include "fs/tmpfs/tmpfs.h"
#include "fs/types.h"
#include "lib/printf.h"
#include "lib/radix.h"
#include "lib/string.h"
#include "mem/slab.h"

#include <linux/mount.h>

struct boot_record boot_record;
static struct path root_path;
static struct mutex mounts_lock = MUTEX_INIT(mounts_lock, LOCK_STANDARD_MOUNTS);
static void (*mounts_hooks[4])(void);

const struct path *vfs_root(void)
{
    return &root_path;
}

/* ---- nodes of radix trees: freed after a grace period, because page-cache look-ups take no lock ------------------------ */

struct radix_block {
    struct rcu_head rcu;
    char node[] __aligned(8);
};

static void *radix_alloc(size_t size)
{
    struct radix_block *b = kmalloc(sizeof(*b) + size, MEM_NOWAIT);

    return b ? b->node : NULL;
}

static void radix_free_rcu(struct rcu_head *h)
{
    kfree(container_of(h, struct radix_block, rcu));
}

static void radix_free(void *node)
{
    struct radix_block *b = container_of(node, struct radix_block, node);

    rcu_call(&b->rcu, radix_free_rcu);
}

/* ---- types ----------------------------------------------------------------------------------------------------------- */

int (*devpts_fs_make)(const char *options, struct super **out);

static int devpts_make(const char *options, struct super **out)
{
    return devpts_fs_make ? devpts_fs_make(options, out) : -ENODEV;
}

int (*mqueue_fs_make)(const char *options, struct super **out);

static int mqueue_make(const char *options, struct super **out)
{
    return mqueue_fs_make ? mqueue_fs_make(options, out) : -ENODEV;
}

const struct fs_type fs_types[] = {
    {"tmpfs", true, tmpfs_make},       {"proc", true, procfs_make},   {"sysfs", true, sysfs_make},
    {"devtmpfs", true, devtmpfs_make}, {"devpts", true, devpts_make}, {"mqueue", true, mqueue_make},
    {"cgroup2", true, cgroup2_make},   {"ramfs", true, tmpfs_make},   {NULL, false, NULL}};

/* ---- archives -------------------------------------------------------------------------------------------------------- */

static void open_archive(struct archive *a, const char *what, paddr_t at, u64 size)
{
    const char *why;

    if (archive_open(a, phys_to_virt(at), size, &why))
        panic("the %s is damaged: %s", what, why);
    mem_adopt_archive(at, at + ALIGN_UP(size, PAGE_SIZE));
}

static void read_record(const struct archive *a)
{
    const char *why;

    if (!a->record)
        return;
    if (boot_record_parse(&boot_record, a->record, a->record_size, &why))
        panic("%s", why);
    if (boot_record.unknown_tag)
        kwarn("boot record: unknown tag %u", boot_record.unknown_tag);
}

/* true: a base, and maybe a second one to be laid over it. */
static u32 find_archives(struct archive a[2])
{
    u32 n = 0;

    if (archive_slot.paddr) {
        if (!archive_tail_ok(phys_to_virt(archive_slot.paddr), archive_slot.size))
            panic("the image was not loaded whole: the machine has too little memory for its %lu bytes",
                  (unsigned long)archive_slot.size);
        open_archive(&a[n++], "image's archive", archive_slot.paddr, archive_slot.size);
    }
    if (boot_info.initrd_size)
        open_archive(&a[n++], "initrd", boot_info.initrd, boot_info.initrd_size);
    for (u32 i = 0; i < n; i++)
        read_record(&a[i]);
    return n;
}

/* ---- the root and its mounts ----------------------------------------------------------------------------------------- */

static void must(int err, const char *what)
{
    if (err)
        panic("boot: %s: error %d", what, -err);
}

static void mount_the_root(const struct archive *a, u32 n)
{
    struct super *sb;
    struct mount *m;

    must(tmpfs_make_root(n ? &a[0] : NULL, &sb), "the root file system");
    must(mount_attach(sb, "tmpfs", 0, NULL, &m) /* df leaves a "rootfs" out */, "the root mount");
    root_path = (struct path){m, m->root};
}

static void lay_over(const struct archive *a, u32 n)
{
    if (!n || (n == 1 && a[0].indexed))
        return;
    struct fs_context *ctx = fs_context_create(&root_path, &root_path, 0);
    if (!ctx)
        panic("no memory for the root");
    struct fs_view v = {.ctx = ctx, .cred = &kernel_cred, .fsize_limit = ~0ul, .stage = WALK_MOUNTING};
    if (!a[0].indexed)
        must(tmpfs_overlay(&v, &a[0]), "the initrd's files");
    if (n > 1)
        must(tmpfs_overlay(&v, &a[1]), "the files of the second archive");
    fs_context_put(ctx);
}

/* Mount points that the image lacks are made. */
static void mount_on(const struct fs_view *v, const char *path, const char *type, u32 flags, const char *options)
{
    struct path on;
    int err = path_lookup(v, NULL, path, LOOKUP_FOLLOW | LOOKUP_DIRECTORY, &on);

    if (err == -ENOENT && !(err = vfs_mkdir(v, NULL, path, 0755)))
        err = path_lookup(v, NULL, path, LOOKUP_FOLLOW | LOOKUP_DIRECTORY, &on);
    if (err) {
        kwarn("boot: %s cannot be mounted: error %d", path, -err);
        return;
    }
    err = mount_by_type(type, type, flags, options, &on);
    if (err)
        kwarn("boot: %s: error %d", path, -err);
    path_put(&on);
}

static void populate_dev(const struct fs_view *v)
{
    struct path dev;

    must(path_lookup(v, NULL, "/dev", LOOKUP_FOLLOW | LOOKUP_DIRECTORY, &dev), "/dev");
    path_follow_mounts(&dev);
    devfs_populate(&dev);
    path_put(&dev);
}

static void mount_the_rest(const struct fs_view *v)
{
    const u32 safe = MS_NOSUID | MS_NODEV | MS_NOEXEC;

    mount_on(v, "/proc", "proc", safe, NULL);
    mount_on(v, "/dev", "devtmpfs", MS_NOSUID, NULL);
    populate_dev(v);
    mount_on(v, "/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, "gid=5,mode=620,ptmxmode=666");
    mount_on(v, "/sys", "sysfs", safe | MS_RDONLY, NULL);
    mount_on(v, "/sys/fs/cgroup", "cgroup2", safe | MS_RDONLY, NULL);
    mount_on(v, "/dev/mqueue", "mqueue", safe, NULL);
    mount_on(v, "/dev/shm", "tmpfs", safe, "size=65536k");
}

static void make_mounts(void)
{
    mutex_lock(&mounts_lock);
    if (READ_ONCE(path_mounts_pending)) {
        struct fs_context *ctx = fs_context_create(&root_path, &root_path, 0);
        if (!ctx)
            panic("no memory for the standard mounts");
        struct fs_view v = {.ctx = ctx, .cred = &kernel_cred, .fsize_limit = ~0ul, .stage = WALK_MOUNTING};
        procfs_init();
        procfs_populate();
        for (u32 i = 0; i < ARRAY_SIZE(mounts_hooks) && mounts_hooks[i]; i++)
            mounts_hooks[i]();
        mount_the_rest(&v);
        fs_context_put(ctx);
        store_release(&path_mounts_pending, NULL);
    }
    mutex_unlock(&mounts_lock);
}

void vfs_at_mounts(void (*fn)(void))
{
    u32 i = 0;

    while (mounts_hooks[i])
        i++;
    mounts_hooks[i] = fn;
}

/* Names and inodes that nobody uses. Their memory comes back after a grace period, and as pages only when whole slabs are
 * empty, so many are dropped at once. What others have let go of and is on its way is waited for, too. */
static u64 shrink_names(u64 want)
{
    u64 before = atomic_read(&mem_count.slab);
    u64 dropped = dcache_shrink(MAX(want, 64ul) * 32);

    if (rcu_busy())
        rcu_synchronize();
    else if (!dropped)
        return 0;
    u64 after = atomic_read(&mem_count.slab);
    return before > after ? before - after : 1;
}

void vfs_init(void)
{
    struct archive a[2];

    radix_set_allocator(radix_alloc, radix_free); /* before the first page cache */
    dcache_init();
    anon_init();
    nsfs_init();
    u32 n = find_archives(a); /* also the boot record */
    mount_the_root(a, n);
    lay_over(a, n);
    path_mounts_pending = make_mounts;
    mem_register_reclaim(tmpfs_shrink);
    mem_register_reclaim(pipes_shrink);
    mem_register_reclaim(shrink_names);
}
