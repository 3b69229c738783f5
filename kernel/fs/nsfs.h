/* SPDX-License-Identifier: MIT */
/*
 * Namespaces as files: what /proc/PID/ns/KIND leads to. A file, and a bind of one, count the namespace, which so lives on
 * without a process in it.
 */
#ifndef FS_NSFS_H
#define FS_NSFS_H

#include "fs/vfs.h"

/* The head of every kind of namespace. */
struct ns {
    refcount_t refs;
    u32 kind; /* CLONE_NEW* */
    u64 ino;
    const char *name;            /* "mnt": a literal */
    void (*free)(struct ns *ns); /* the last reference went, under whatever locks; NULL: it never goes */
};
void ns_init(struct ns *ns, u32 kind, const char *name, void (*free)(struct ns *ns)); /* one reference, a new number */
void ns_get(struct ns *ns);
void ns_put(struct ns *ns);
int nsfs_path(struct ns *ns, struct path *out); /* its file; takes over the reference, also on failure */
struct ns *nsfs_ns(const struct inode *i);      /* borrowed; NULL: it is another kind of file */
extern long (*nsfs_hook_ioctl)(struct ns *ns, u32 cmd, u64 arg); /* proc/: what takes the caller */
void nsfs_init(void);

#endif
