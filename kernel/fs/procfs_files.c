// SPDX-License-Identifier: MIT
/* What the file layer itself shows in /proc and /sys. */
#include "arch/percpu.h"
#include "fs/procfs.h"
#include "fs/types.h"
#include "lib/printf.h"

static int show_filesystems(struct seq_buf *s, void *arg)
{
    (void)arg;
    for (const struct fs_type *t = fs_types; t->name; t++)
        seq_printf(s, "%s\t%s\n", t->nodev ? "nodev" : "", t->name);
    return 0;
}

/* The CPUs found; all of them come up. */
static int show_cpus(struct seq_buf *s, void *arg)
{
    (void)arg;
    if (cpu_count > 1)
        seq_printf(s, "0-%u\n", cpu_count - 1);
    else
        seq_puts(s, "0\n");
    return 0;
}

static int show_kernel_max(struct seq_buf *s, void *arg)
{
    (void)arg;
    seq_printf(s, "%u\n", MAX_CPUS - 1);
    return 0;
}

static int show_text(struct seq_buf *s, void *arg)
{
    seq_puts(s, arg);
    return 0;
}

static void must(int err)
{
    if (err)
        panic("no memory for /proc and /sys");
}

static void add_cpus(void)
{
    static const char *const lists[] = {"online", "possible", "present"};
    char path[64];

    for (u32 i = 0; i < ARRAY_SIZE(lists); i++) {
        snprintf(path, sizeof(path), "devices/system/cpu/%s", lists[i]);
        must(sysfs_register(path, 0444, show_cpus, NULL, NULL));
    }
    must(sysfs_register("devices/system/cpu/kernel_max", 0444, show_kernel_max, NULL, NULL));
    for (u32 cpu = 0; cpu < cpu_count; cpu++) {
        snprintf(path, sizeof(path), "devices/system/cpu/cpu%u/online", cpu);
        must(sysfs_register(path, 0444, show_text, NULL, (void *)"1\n"));
    }
    must(sysfs_register("devices/system/node/online", 0444, show_text, NULL, (void *)"0\n"));
}

void procfs_populate(void)
{
    static const char *const folders[] = {"fs/cgroup", "class", "block", "bus", "module", "kernel", "firmware"};

    must(proc_register("filesystems", 0444, show_filesystems, NULL, NULL));
    must(proc_symlink("mounts", "self/mounts"));
    must(proc_symlink("net", "self/net"));
    must(sysfs_register("kernel/mm/transparent_hugepage/enabled", 0444, show_text, NULL,
                        (void *)"[always] madvise never\n"));
    add_cpus();
    for (u32 i = 0; i < ARRAY_SIZE(folders); i++)
        must(sysfs_mkdir(folders[i]));
}
