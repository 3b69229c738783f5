/* SPDX-License-Identifier: MIT */
/* A tree as text, one entry a line, for comparison in tests. */
#ifndef SLIPWAY_TEST_OCI_DUMP_H
#define SLIPWAY_TEST_OCI_DUMP_H

#include "initramfs-builder/tree.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static inline void dump_path(FILE *f, const struct tree_entry *e)
{
    if (!e->parent)
        return;
    dump_path(f, e->parent);
    if (e->parent->parent)
        fputc('/', f);
    fputs(e->name, f);
}

/* "a/b d", "a/f f=SIZE", "l l=TARGET", "c c=MAJOR:MINOR"; *N with N names; permissions and owner where not the usual.
 * */
static inline int dump_entry(struct tree_entry *e, void *arg)
{
    static const char types[] = "?pc?d?b?f?l?s???";
    const struct tree_inode *i = e->inode;
    FILE *f = arg;
    unsigned usual = S_ISDIR(i->mode) ? 0755 : S_ISLNK(i->mode) ? 0777 : 0644;

    if (!e->parent)
        return 0;
    dump_path(f, e);
    fprintf(f, " %c", types[i->mode >> 12]);
    if (S_ISREG(i->mode))
        fprintf(f, "=%llu", (unsigned long long)i->size);
    if (S_ISLNK(i->mode))
        fprintf(f, "=%s", i->symlink);
    if (S_ISCHR(i->mode) || S_ISBLK(i->mode))
        fprintf(f, "=%u:%u", i->rdev_major, i->rdev_minor);
    if (i->refs > 1)
        fprintf(f, "*%u", i->refs);
    if ((i->mode & 07777) != usual)
        fprintf(f, " %04o", i->mode & 07777);
    if (i->uid || i->gid)
        fprintf(f, " %u:%u", i->uid, i->gid);
    fputc('\n', f);
    return 0;
}

static inline char *dump_tree(struct tree *t)
{
    char *text = NULL;
    size_t len;
    FILE *f = open_memstream(&text, &len);

    tree_walk(t, dump_entry, f);
    fclose(f);
    return text;
}

#endif
