// SPDX-License-Identifier: MIT
/*
 * Who maps an object: an interval tree of areas by page of the object, keyed by the first page, each node knowing the
 * largest last page of its subtree. mapping.lock: for writing to change the tree (or an area's bounds), for reading to
 * walk it and, through it, page tables.
 */
#include "vm/mapping.h"

#include "abi/errno.h"
#include "vm/internal.h"

static inline struct vm_area *map_entry(struct rb_node *n)
{
    return rb_entry(n, struct vm_area, map_node);
}

static inline u64 last_index(const struct vm_area *a)
{
    return a->pgoff + area_pages(a) - 1;
}

static bool augment_last(struct rb_node *n)
{
    struct vm_area *a = map_entry(n);
    u64 last = last_index(a);
    if (n->left)
        last = MAX(last, map_entry(n->left)->map_subtree_last);
    if (n->right)
        last = MAX(last, map_entry(n->right)->map_subtree_last);
    if (last == a->map_subtree_last)
        return false;
    a->map_subtree_last = last;
    return true;
}

void mapping_init(struct mapping *m, const struct mapping_ops *ops)
{
    m->ops = ops;
    rwsem_init(&m->lock, LOCK_MAPPING);
    m->areas.node = NULL;
    m->writable_shared = 0;
    m->unmaps = 0;
    m->number = 0;
}

u64 mapping_number(struct mapping *m)
{
    static u64 last;
    u64 n = READ_ONCE(m->number);
    if (n)
        return n;
    u64 new = __atomic_add_fetch(&last, 1, __ATOMIC_RELAXED);
    return __atomic_compare_exchange_n(&m->number, &n, new, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED) ? new : n;
}

static bool counts_as_writer(const struct vm_area *a)
{
    return (a->flags & (VM_SHARED | VM_MAYWRITE)) == (VM_SHARED | VM_MAYWRITE);
}

/* Behind all areas with the same first page: a walk meets a parent's area before the copy that fork makes of it, so an
 * entry that fork carries over while mapping_unmap walks is found in one of the two places. */
void mapping_insert_locked(struct vm_area *a)
{
    struct mapping *m = a->mapping;
    struct rb_node **link = &m->areas.node, *parent = NULL;
    while (*link) {
        parent = *link;
        link = a->pgoff < map_entry(parent)->pgoff ? &parent->left : &parent->right;
    }
    a->map_subtree_last = last_index(a);
    rb_link(&a->map_node, parent, link);
    rb_insert_fixup(&m->areas, &a->map_node, augment_last);
    rb_augment_path(&a->map_node, augment_last);
    if (counts_as_writer(a))
        m->writable_shared++;
}

void mapping_remove_locked(struct vm_area *a)
{
    rb_erase(&a->mapping->areas, &a->map_node, augment_last);
    if (counts_as_writer(a))
        a->mapping->writable_shared--;
}

int mapping_attach(struct vm_area *a)
{
    struct mapping *m = a->mapping;
    if (!m)
        return 0;
    int err = 0;
    rwsem_write_lock(&m->lock);
    if (counts_as_writer(a) && m->writable_shared < 0)
        err = -EPERM;
    else
        mapping_insert_locked(a);
    rwsem_write_unlock(&m->lock);
    return err;
}

void mapping_detach(struct vm_area *a)
{
    struct mapping *m = a->mapping;
    if (!m)
        return;
    rwsem_write_lock(&m->lock);
    mapping_remove_locked(a);
    rwsem_write_unlock(&m->lock);
}

int mapping_deny_writable(struct mapping *m)
{
    rwsem_write_lock(&m->lock);
    int err = m->writable_shared > 0 ? -EBUSY : 0;
    if (!err)
        m->writable_shared = -1;
    rwsem_write_unlock(&m->lock);
    return err;
}

static void unmap_from(struct vm_area *a, u64 first, u64 last, bool even_cow)
{
    u64 from = MAX(first, a->pgoff), to = MIN(last, last_index(a));
    uaddr_t start = a->start + ((from - a->pgoff) << PAGE_SHIFT);
    uaddr_t end = a->start + ((to - a->pgoff + 1) << PAGE_SHIFT);
    struct gather g;
    gather_init(&g, a->mm);
    zap_range(&g, a, start, end, even_cow);
    gather_finish(&g);
}

static void unmap_subtree(struct rb_node *n, u64 first, u64 last, bool even_cow)
{
    while (n) {
        struct vm_area *a = map_entry(n);
        if (a->map_subtree_last < first)
            return;
        unmap_subtree(n->left, first, last, even_cow);
        if (a->pgoff > last)
            return;
        if (last_index(a) >= first)
            unmap_from(a, first, last, even_cow);
        n = n->right;
    }
}

void mapping_unmap(struct mapping *m, u64 first, u64 last, bool even_cow)
{
    __atomic_fetch_add(&m->unmaps, 1, __ATOMIC_SEQ_CST);
    if (!READ_ONCE(m->areas.node))
        return; /* an area that comes now sees the size the caller stored: faults look at it after the area is here */
    rwsem_read_lock(&m->lock);
    unmap_subtree(m->areas.node, first, last, even_cow);
    rwsem_read_unlock(&m->lock);
}
