// SPDX-License-Identifier: MIT
/*
 * The tree of areas of an address space: finding, placing, splitting, merging. Each area knows the end of its
 * predecessor, so that the tree can carry the largest gap of every subtree. All under mm.lock for writing, except the
 * look-ups. An area in a mapping's interval tree changes its bounds under mapping.lock too, in one critical section
 * with whatever else changes, so that mapping_unmap never misses a piece.
 */
#include "abi/errno.h"
#include "lib/printf.h"
#include "mem/slab.h"
#include "vm/internal.h"

static SLAB_CACHE(area_cache, "vm_area", struct vm_area);

struct vm_area *area_alloc(struct mm *mm)
{
    struct vm_area *a = slab_alloc(&area_cache, MEM_ZERO);
    if (a)
        a->mm = mm;
    return a;
}

struct vm_area *area_copy(struct mm *mm, const struct vm_area *from)
{
    struct vm_area *a = slab_alloc(&area_cache, MEM_WAIT);
    if (!a)
        return NULL;
    *a = *from;
    a->mm = mm;
    a->next_dead = a->twin = NULL;
    label_get(a->label);
    return a;
}

void area_free(struct vm_area *a)
{
    label_put(a->label);
    slab_free(&area_cache, a);
}

/* ---- the tree ------------------------------------------------------------------------------------------------ */

static inline struct vm_area *area_of(struct rb_node *n)
{
    return n ? rb_entry(n, struct vm_area, node) : NULL;
}

uaddr_t area_guarded_start(const struct vm_area *a)
{
    if (!(a->flags & VM_GROWSDOWN))
        return a->start;
    return a->start > VM_STACK_GUARD ? a->start - VM_STACK_GUARD : 0;
}

static inline uaddr_t own_gap(const struct vm_area *a)
{
    uaddr_t start = area_guarded_start(a);
    return start > a->prev_end ? start - a->prev_end : 0;
}

static bool augment_gap(struct rb_node *n)
{
    struct vm_area *a = area_of(n), *l = area_of(n->left), *r = area_of(n->right);
    uaddr_t gap = own_gap(a);
    if (l)
        gap = MAX(gap, l->subtree_gap);
    if (r)
        gap = MAX(gap, r->subtree_gap);
    if (gap == a->subtree_gap)
        return false;
    a->subtree_gap = gap;
    return true;
}

static void set_prev_end(struct vm_area *a, uaddr_t end)
{
    if (!a || a->prev_end == end)
        return;
    a->prev_end = end;
    rb_augment_path(&a->node, augment_gap);
}

struct vm_area *vm_find(struct mm *mm, uaddr_t addr)
{
    struct vm_area *a = READ_ONCE(mm->hint), *best = NULL;
    if (a && a->start <= addr && addr < a->end)
        return a;
    for (struct rb_node *n = mm->areas.node; n;) {
        a = area_of(n);
        if (addr < a->end) {
            best = a;
            if (a->start <= addr)
                break;
            n = n->left;
        } else {
            n = n->right;
        }
    }
    if (best)
        WRITE_ONCE(mm->hint, best);
    return best;
}

struct vm_area *area_at(struct mm *mm, uaddr_t addr)
{
    struct vm_area *a = vm_find(mm, addr);
    return a && a->start <= addr ? a : NULL;
}

struct vm_area *vm_next(struct vm_area *a)
{
    return area_of(rb_next(&a->node));
}

struct vm_area *area_prev(struct vm_area *a)
{
    return area_of(rb_prev(&a->node));
}

void area_insert(struct vm_area *a)
{
    struct mm *mm = a->mm;
    struct rb_node **link = &mm->areas.node, *parent = NULL;
    struct vm_area *prev = NULL, *next = NULL;
    while (*link) {
        parent = *link;
        struct vm_area *p = area_of(parent);
        if (a->start < p->start) {
            next = p;
            link = &parent->left;
        } else {
            prev = p;
            link = &parent->right;
        }
    }
    ASSERT(!prev || prev->end <= a->start);
    ASSERT(!next || a->end <= next->start);
    a->prev_end = prev ? prev->end : 0;
    a->subtree_gap = own_gap(a);
    rb_link(&a->node, parent, link);
    rb_insert_fixup(&mm->areas, &a->node, augment_gap);
    rb_augment_path(&a->node, augment_gap);
    set_prev_end(next, a->end);
    mm->area_count++;
    mm->hint = NULL;
}

void area_remove(struct vm_area *a)
{
    struct vm_area *next = vm_next(a);
    rb_erase(&a->mm->areas, &a->node, augment_gap);
    set_prev_end(next, a->prev_end);
    a->mm->area_count--;
    a->mm->hint = NULL;
}

/* Bounds alone: the caller holds mapping.lock and re-inserts in the mapping's tree. */
static void move_bounds(struct vm_area *a, uaddr_t start, uaddr_t end)
{
    a->pgoff += (s64)(start - a->start) >> PAGE_SHIFT;
    a->start = start;
    if (a->end != end) {
        a->end = end;
        set_prev_end(vm_next(a), end);
    }
    rb_augment_path(&a->node, augment_gap);
    a->mm->hint = NULL;
}

void area_set_bounds(struct vm_area *a, uaddr_t start, uaddr_t end)
{
    if (!a->mapping) {
        move_bounds(a, start, end);
        return;
    }
    rwsem_write_lock(&a->mapping->lock);
    mapping_remove_locked(a);
    move_bounds(a, start, end);
    mapping_insert_locked(a);
    rwsem_write_unlock(&a->mapping->lock);
}

/* ---- splitting and merging ----------------------------------------------------------------------------------- */

int area_split(struct vm_area *a, uaddr_t addr)
{
    struct vm_area *b = area_copy(a->mm, a);
    if (!b)
        return -ENOMEM;
    b->start = addr;
    b->pgoff = area_index(a, addr);
    if (a->mapping) {
        rwsem_write_lock(&a->mapping->lock);
        mapping_remove_locked(a);
        move_bounds(a, a->start, addr);
        mapping_insert_locked(a);
        mapping_insert_locked(b);
        rwsem_write_unlock(&a->mapping->lock);
    } else {
        move_bounds(a, a->start, addr);
    }
    area_insert(b);
    if (b->ops && b->ops->open)
        b->ops->open(b);
    return 0;
}

static int split_at(struct mm *mm, uaddr_t addr)
{
    struct vm_area *a = area_at(mm, addr);
    if (!a || a->start == addr)
        return 0;
    if (mm->area_count >= READ_ONCE(vm_max_areas))
        return -ENOMEM;
    int err = huge_split_at(mm, addr);
    return err ? err : area_split(a, addr);
}

int area_split_around(struct mm *mm, uaddr_t start, uaddr_t end)
{
    int err = split_at(mm, start);
    return err ? err : split_at(mm, end);
}

static bool alike(const struct vm_area *a, const struct vm_area *b)
{
    return a->end == b->start && a->flags == b->flags && !(a->flags & VM_SPECIAL) && a->mapping == b->mapping &&
           a->ops == b->ops && a->file == b->file && a->name == b->name && label_same(a->label, b->label) &&
           (!a->mapping || area_index(a, a->end) == b->pgoff);
}

/* a swallows its successor b. */
static void swallow(struct vm_area *a, struct vm_area *b, struct vm_area **dead)
{
    struct mapping *m = a->mapping;
    uaddr_t end = b->end;
    if (m) {
        rwsem_write_lock(&m->lock);
        mapping_remove_locked(b);
        mapping_remove_locked(a);
    }
    area_remove(b);
    move_bounds(a, a->start, end);
    a->has_anon |= b->has_anon;
    if (m) {
        mapping_insert_locked(a);
        rwsem_write_unlock(&m->lock);
    }
    b->next_dead = *dead;
    *dead = b;
}

struct vm_area *area_merge(struct vm_area *a, struct vm_area **dead)
{
    struct vm_area *next = vm_next(a);
    if (next && alike(a, next))
        swallow(a, next, dead);
    struct vm_area *prev = area_prev(a);
    if (!prev || !alike(prev, a))
        return a;
    swallow(prev, a, dead);
    return prev;
}

void area_close_dead(struct vm_area *dead)
{
    while (dead) {
        struct vm_area *a = dead;
        dead = a->next_dead;
        if (a->ops && a->ops->close)
            a->ops->close(a);
        area_free(a);
    }
}

/* ---- placing ------------------------------------------------------------------------------------------------- */

/* Highest address in the gaps before the areas of this subtree, 0: none. */
static uaddr_t search_down(struct rb_node *n, size_t len, uaddr_t low, uaddr_t high)
{
    while (n) {
        struct vm_area *a = area_of(n);
        if (a->subtree_gap < len)
            return 0;
        if (a->end + len <= high) {
            uaddr_t found = search_down(n->right, len, low, high);
            if (found)
                return found;
        }
        uaddr_t lo = MAX(a->prev_end, low), hi = MIN(area_guarded_start(a), high);
        if (hi >= lo && hi - lo >= len)
            return hi - len;
        if (a->prev_end <= low)
            return 0;
        n = n->left;
    }
    return 0;
}

uaddr_t area_place_down(struct mm *mm, size_t len, uaddr_t low, uaddr_t high)
{
    struct vm_area *last = area_of(rb_last(&mm->areas));
    uaddr_t lo = last ? MAX(last->end, low) : low;
    if (high >= lo && high - lo >= len)
        return high - len;
    return search_down(mm->areas.node, len, low, high);
}

static uaddr_t search_up(struct rb_node *n, size_t len, uaddr_t low, uaddr_t high)
{
    while (n) {
        struct vm_area *a = area_of(n);
        if (a->subtree_gap < len)
            return 0;
        if (a->prev_end > low) {
            uaddr_t found = search_up(n->left, len, low, high);
            if (found)
                return found;
        }
        uaddr_t lo = MAX(a->prev_end, low), hi = MIN(area_guarded_start(a), high);
        if (hi >= lo && hi - lo >= len)
            return lo;
        if (a->end + len > high)
            return 0;
        n = n->right;
    }
    return 0;
}

uaddr_t area_place_up(struct mm *mm, size_t len, uaddr_t low, uaddr_t high)
{
    uaddr_t found = search_up(mm->areas.node, len, low, high);
    if (found)
        return found;
    struct vm_area *last = area_of(rb_last(&mm->areas));
    uaddr_t lo = last ? MAX(last->end, low) : low;
    return high >= lo && high - lo >= len ? lo : 0;
}

const char *vm_area_name(const struct vm_area *a)
{
    const struct mm *mm = a->mm;
    if (a->name || a->file)
        return a->name;
    if (a->start <= mm->brk && a->end >= mm->brk_start && mm->brk > mm->brk_start)
        return "[heap]";
    if (a->start <= mm->stack_start && a->end >= mm->stack_start && mm->stack_start)
        return "[stack]";
    return NULL;
}
