/* SPDX-License-Identifier: MIT */
/* Which namespaces a thread is in. Those of mounts and of the host's names can be many; of every other kind there is one. */
#ifndef PROC_NAMESPACES_H
#define PROC_NAMESPACES_H

#include "fs/nsfs.h"
#include "proc/process.h"

enum namespace_kind { NS_CGROUP, NS_IPC, NS_NET, NS_PID, NS_PID_FOR_CHILDREN, NS_TIME, NS_USER, NS_MNT, NS_UTS };

int namespaces_may_make(u64 flags); /* CLONE_NEW*: those of clone and unshare. -EPERM, -EINVAL */
int namespaces_clone(struct thread *child,
                     u64 flags);     /* its fs is there, and nobody else's with CLONE_NEWNS. -ENOMEM */
int namespaces_unshare(u64 flags);   /* the caller's, CLONE_FS too. -ENOMEM, -ENOSPC */
int namespaces_enter(struct ns *ns); /* setns(2) of one; borrowed */
int namespaces_enter_all(struct process *p, u64 kinds); /* … of those that a process is in */
/* With a reference; t NULL or on its way out: only what a zombie still has; NULL: none. */
struct ns *namespace_of(struct thread *t, enum namespace_kind which);
/* The roots and directories of everybody that are `old` become `new`. */
void process_replace_paths(const struct path *old, const struct path *new);
void namespaces_init(void);

#endif
