/* SPDX-License-Identifier: MIT */
/*
 * File systems that exist only as functions: proc, sysfs, cgroup2. A tree of nodes, made at boot and never removed, plus
 * folders whose entries are asked for (fs/procfs.c: processes).
 */
#ifndef FS_SYNTH_H
#define FS_SYNTH_H

#include "fs/mount.h"
#include "fs/seq.h"

struct synth_node {
    struct synth_node *parent, *children, *next; /* in order of registration; (RCU: only ever added) */
    u32 mode;
    u64 ino;
    int (*show)(struct seq_buf *s, void *arg);
    ssize_t (*write)(const char *text, size_t n, void *arg);
    void *arg;
    const char *link;                            /* symlinks: the target */
    ssize_t (*readlink)(char *buf, size_t size); /* or what makes it */
    /* Folders: entries besides the children. */
    int (*lookup)(struct inode *dir, struct dentry *d);
    int (*iterate)(struct file *f, struct dir_context *ctx);
    char name[];
};
struct synth_fs {
    const char *type;
    u32 magic;
    struct super *sb; /* made at the first mount, then kept */
    struct synth_node *root;
};

int synth_make(struct synth_fs *fs, struct super **out);
/* Registration: at boot, or else one at a time. Folders on the way are made (0555). -EEXIST, -ENOMEM. */
int synth_add_dir(struct synth_fs *fs, const char *path, u32 mode, struct synth_node **out); /* out may be NULL */
int synth_add_file(struct synth_fs *fs, const char *path, u32 mode, int (*show)(struct seq_buf *s, void *arg),
                   ssize_t (*write)(const char *text, size_t n, void *arg), void *arg);
int synth_add_text(struct synth_fs *fs, const char *path, const char *text); /* a constant, with its newline */
int synth_add_link(struct synth_fs *fs, const char *path, const char *target);
/* An inode without node, for fs/procfs.c; ops and fops are set by the caller. */
struct inode *synth_new_inode(struct super *sb, u32 mode, u32 flags);
void synth_release_inode(struct inode *i);

/* Files whose text is made when they are read from the start. */
struct text_source {
    int (*show)(struct file *f, struct seq_buf *s);
    ssize_t (*write)(struct file *f, const char *text, size_t n);
};
ssize_t text_read(struct file *f, struct uio *u, s64 *pos, const struct text_source *src);
ssize_t text_write(struct file *f, struct uio *u, s64 *pos, const struct text_source *src);
void text_release(struct file *f);
int text_open(struct inode *i, struct file *f);

#endif
