/* SPDX-License-Identifier: MIT */
/* How the files of tmpfs find their pages: shared by data.c (finding and making them) and data_drop.c (letting them go). */
#ifndef FS_TMPFS_SLOTS_H
#define FS_TMPFS_SLOTS_H

#include "fs/tmpfs/tmpfs.h"

#define HOLE ((struct page *)1) /* in a slot: zeros, although inside arch_limit */

static inline bool is_page(const struct page *p)
{
    return (u64)p > (u64)HOLE;
}

static inline struct page *slot_get(const struct tmpfs_inode *ti, u64 index)
{
    return likely(!index) ? load_acquire(&ti->file.first) : radix_get(&ti->file.pages, index);
}

static inline int slot_set(struct tmpfs_inode *ti, u64 index, struct page *p) /* lock */
{
    if (index)
        return radix_set(&ti->file.pages, index, p, NULL);
    store_release(&ti->file.first, p);
    return 0;
}

static inline void slot_clear(struct tmpfs_inode *ti, u64 index) /* lock */
{
    if (index)
        radix_del(&ti->file.pages, index);
    else
        store_release(&ti->file.first, (struct page *)NULL);
}

static inline struct tmpfs_super *super_of(const struct tmpfs_inode *ti)
{
    return tmpfs_s(ti->vfs.sb);
}

static inline struct page *frame_of(const u8 *bytes)
{
    return mem_archive_page((u64)bytes - DIRECT_MAP);
}

/* The archive's reference to the frame goes to the caller, who is the only one that ever gets it. */
static inline bool frame_take(struct page *f)
{
    if (!(__atomic_fetch_and(&f->flags, ~(u32)PAGE_ARCHIVE, __ATOMIC_ACQ_REL) & PAGE_ARCHIVE))
        return false;
    atomic_sub(&mem_count.archive, 1);
    return true;
}

/* Is page `index` a whole frame of the archive, the file's own? */
static inline bool is_whole_frame(const struct tmpfs_inode *ti, u64 index, u64 limit)
{
    return ti->file.aligned && (index + 1) << PAGE_SHIFT <= limit;
}

#endif
