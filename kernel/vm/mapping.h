/* SPDX-License-Identifier: MIT */
/*
 * What can be mapped: one per inode (fs/pagecache.c embeds it), device or shared anonymous object. It knows every area
 * that maps it (interval tree), so truncate, hole punch and reclaim can unmap.
 *
 * Truncate against fault: the owner first shrinks its size, then calls mapping_unmap, then drops the pages. A fault
 * looks the page up, takes the page-table lock, and rechecks ops->valid(index) before it writes the entry; since
 * mapping_unmap takes the same page-table locks, either the fault sees the new size or the unmap sees the new entry.
 */
#ifndef VM_MAPPING_H
#define VM_MAPPING_H

#include "lib/rbtree.h"
#include "mem/page.h"
#include "sched/mutex.h"

/* Locks: mapping.lock (LOCK_MAPPING) over the tree and over start, end and pgoff of the areas in it (which also need
 * mm.lock for writing to change). No memory is allocated with MEM_WAIT while it is held: reclaim takes it. */

struct mapping;
struct vm_area;
struct mapping_ops {
    /* Page `index`, up to date, with a reference. write: it will be stored to through a shared mapping (the owner makes
     * it its own, dirty, accounts for it). -EFAULT → SIGBUS (beyond the end), -ENOMEM, -ENOSPC → SIGBUS. May sleep. */
    int (*get_page)(struct mapping *m, u64 index, bool write, struct page **out);
    /* Still inside the object? Called under the page-table lock; no sleeping. NULL: always. */
    bool (*valid)(struct mapping *m, u64 index);
    /* Fault-around: fills pages[0..n) (NULL where not at hand) for index.. with references, without sleeping; optional. */
    u32 (*peek_pages)(struct mapping *m, u64 index, u32 n, struct page **pages);
    /* A shared writable page-table entry for `page` is about to be made: optional. No page-table lock is held. */
    void (*page_mkwrite)(struct mapping *m, struct page *page);
    /* MADV_REMOVE: makes a hole of `count` pages; may take inode locks. Optional: -EOPNOTSUPP. */
    int (*punch)(struct mapping *m, u64 index, u64 count);
};
struct mapping {
    const struct mapping_ops *ops;
    struct rwsem lock;    /* LOCK_MAPPING: areas */
    struct rb_root areas; /* interval tree by file page (vm/mapping.c) */
    s32 writable_shared;  /* MAP_SHARED areas that are or may become writable; -1: refused (lock) */
    u64 number;           /* atomic: see mapping_number() */
    u32 unmaps;           /* atomic: calls of mapping_unmap; a fault that sees it change begins again */
};
/* A name that no other mapping ever had or will have, small beside an address: given when it is first asked for. */
u64 mapping_number(struct mapping *m);
/* F_SEAL_WRITE: no writable shared area may exist (-EBUSY) nor come (mmap then fails with -EPERM). */
int mapping_deny_writable(struct mapping *m);
void mapping_init(struct mapping *m, const struct mapping_ops *ops);
/* Removes page-table entries of pages [first, last] (last inclusive, ~0: to the end) from all areas; shootdown done
 * on return. even_cow: private copies too (truncate: yes; hole punch, reclaim: no). */
void mapping_unmap(struct mapping *m, u64 first, u64 last, bool even_cow);

#endif
