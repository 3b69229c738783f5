// SPDX-License-Identifier: MIT
/* What the file layer itself shows in /proc. */
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

static void must(int err)
{
    if (err)
        panic("no memory for /proc and /sys");
}

void procfs_populate(void)
{
    must(proc_register("filesystems", 0444, show_filesystems, NULL, NULL));
    must(proc_symlink("mounts", "self/mounts"));
    must(proc_symlink("net", "self/net"));
    sysfs_populate();
}
