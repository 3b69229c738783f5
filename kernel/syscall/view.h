/* SPDX-License-Identifier: MIT */
/* The calling thread's root, directory, credentials and limits, as fs/ wants them. All borrowed. */
#ifndef SYSCALL_VIEW_H
#define SYSCALL_VIEW_H

#include "fs/vfs.h"
#include "proc/process.h"

static inline struct fs_view current_view(void)
{
    const struct thread *t = current_thread();
    return (struct fs_view){.ctx = t->fs, .cred = &t->cred->fs, .fsize_limit = rlimit(RLIMIT_FSIZE)};
}

#endif
