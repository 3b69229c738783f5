/* SPDX-License-Identifier: MIT */
/* Waiting for several files at once: the core of poll(2) and select(2). */
#ifndef FS_POLL_H
#define FS_POLL_H

#include "fs/vfs.h"

struct poll_slot {
    struct file *file; /* NULL: skipped, revents is kept */
    u32 events;        /* wanted; EPOLLERR and EPOLLHUP always are, unless ... */
    bool exact;        /* ... only these count (select) */
    u32 revents;       /* filled */
};
/* Until one is ready or the deadline (0: do not wait). Slots with revents != 0 (set by the caller for a bad descriptor, or
 * found): how many; -EINTR, -ENOMEM. */
int poll_files(struct poll_slot *slots, u32 n, ns_t deadline);

#endif
