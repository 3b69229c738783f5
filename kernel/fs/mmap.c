// SPDX-License-Identifier: MIT
/* Mapping the pages of an inode: the area counts the file. */
#include "fs/mmap.h"

#include "abi/errno.h"
#include "fs/mount.h"
#include "lib/string.h"

static void area_open(struct vm_area *a)
{
    file_get(a->file);
}

static void area_close(struct vm_area *a)
{
    file_put(a->file);
}

static int area_describe(struct vm_area *a, char *buf, size_t size, u64 *dev, u64 *ino)
{
    char *text;
    int err = path_to_name(NULL, &a->file->path, buf, size, &text);

    *dev = a->file->inode->sb->dev;
    *ino = a->file->inode->ino;
    if (err)
        return err;
    size_t n = strlen(text);
    memmove(buf, text, n + 1);
    return (int)n;
}

const struct vm_area_ops file_area_ops = {.open = area_open, .close = area_close, .describe = area_describe};

int mmap_inode(struct file *f, struct vm_map_args *args)
{
    if (!f->inode->mapping)
        return -ENODEV;
    args->mapping = f->inode->mapping;
    args->ops = &file_area_ops;
    args->file = f;
    file_accessed(f);
    return 0;
}
