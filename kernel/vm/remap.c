// SPDX-License-Identifier: MIT
/*
 * mremap, and remap_file_pages, which is a mmap of what an area maps already. Growing in place where the room is free; else a copy of the area at a new place takes over the page-table
 * entries: whole tables when both places are aligned to 2 MiB, entry by entry otherwise. Tables for the destination are made first,
 * so that the move itself, under mapping.lock (truncate must find every entry in one of the two places), cannot fail.
 */
#include "abi/errno.h"
#include "abi/mman.h"
#include "vm/internal.h"

struct remap {
    struct mm *mm;
    uaddr_t old, new, wanted;
    size_t old_len, new_len;
    u32 flags;
    bool cap_lock;
    struct vm_area *dead;
    bool populate;
};

/* ---- moving entries ------------------------------------------------------------------------------------------ */

static bool whole_block(uaddr_t from, uaddr_t to, uaddr_t end)
{
    return IS_ALIGNED(from, HUGE_SIZE) && IS_ALIGNED(to, HUGE_SIZE) && end - from >= HUGE_SIZE;
}

/* Tables at the destination wherever the source has entries, and no 2 MiB page that cannot move as a whole. */
static int prepare_tables(struct mm *mm, uaddr_t from, uaddr_t to, size_t len)
{
    uaddr_t at = from, end = from + len;
    for (pte_t *pmd; (pmd = pmd_first(mm, &at, end)); at = pmd_end(at, end)) {
        uaddr_t dst = at - from + to, dst_last = pmd_end(at, end) - from + to - PAGE_SIZE;
        pte_t *first = pmd_alloc(mm, dst), *last = pmd_alloc(mm, dst_last);
        if (!first || !last)
            return -ENOMEM;
        if (whole_block(at, dst, end))
            continue;
        if (huge_split(mm, pmd, at, MEM_WAIT) || pte_table_alloc(mm, first) || pte_table_alloc(mm, last))
            return -ENOMEM;
    }
    return 0;
}

/* Moves a PMD entry. The empty table it may meet (left from an earlier mapping) goes to the source's place. */
static void move_block(pte_t *src, pte_t *dst)
{
    pte_t e = *src, old = *dst;
    pte_set(src, old);
    pte_set(dst, e);
}

static void move_ptes(struct mm *mm, pte_t *src_table, uaddr_t from, uaddr_t to, uaddr_t end)
{
    struct spinlock *lock = table_lock(src_table);
    for (; from < end; from += PAGE_SIZE, to += PAGE_SIZE) {
        pte_t *src = &src_table[pte_index(from)];
        if (!pte_mapped(*src))
            continue;
        pte_t *dst = &pte_table(*pmd_lookup(mm, to))[pte_index(to)];
        spin_lock(lock);
        pte_t e = *src;
        pte_set(src, 0);
        spin_unlock(lock);
        spin_lock(table_lock(dst));
        pte_set(dst, e);
        spin_unlock(table_lock(dst));
    }
}

/* mm.lock for writing, and the mapping's: nobody else changes these entries. */
static void move_entries(struct mm *mm, uaddr_t from, uaddr_t to, size_t len)
{
    uaddr_t at = from, end = from + len;
    for (pte_t *pmd; (pmd = pmd_first(mm, &at, end)); at = pmd_end(at, end)) {
        uaddr_t dst = at - from + to;
        if (whole_block(at, dst, end))
            move_block(pmd, pmd_lookup(mm, dst));
        else
            move_ptes(mm, pte_table(*pmd), at, dst, pmd_end(at, end));
    }
    u64 cpus = atomic_read(&mm->cpumask);
    if (cpus)
        tlb_flush_range(cpus, mm->pgd, from, end);
}

/* ---- the steps ----------------------------------------------------------------------------------------------- */

static int check_growth(struct remap *r, const struct vm_area *a, size_t bytes)
{
    u64 pages = bytes >> PAGE_SHIFT;
    if (a->flags & VM_LOCKED && !account_lockable(r->mm, pages, r->cap_lock))
        return -EAGAIN;
    return account_fits(r->mm, a->flags, pages) ? 0 : -ENOMEM;
}

/* The area of the old range, or what Linux says about it. */
static int source_area(struct remap *r, struct vm_area **out)
{
    struct vm_area *a = area_at(r->mm, r->old);
    if (!a)
        return -EFAULT;
    *out = a;
    if (!r->old_len && !(a->flags & VM_SHARED))
        return -EINVAL;
    if (r->flags & MREMAP_DONTUNMAP && a->flags & VM_SPECIAL)
        return -EINVAL;
    if (r->old_len > a->end - r->old)
        return -EFAULT;
    if (r->new_len <= r->old_len)
        return 0;
    if (a->mapping && area_index(a, r->old) + (r->new_len >> PAGE_SHIFT) < area_index(a, r->old))
        return -EINVAL;
    if (a->flags & VM_SPECIAL)
        return -EFAULT;
    return check_growth(r, a, r->new_len - r->old_len);
}

static struct vm_area *new_area(struct remap *r, const struct vm_area *a)
{
    struct vm_area *b = area_copy(r->mm, a);
    if (!b)
        return NULL;
    b->start = r->new;
    b->end = r->new + r->new_len;
    b->pgoff = a->mapping ? area_index(a, r->old) : r->new >> PAGE_SHIFT;
    return b;
}

/* Inserts the copy with the entries of the old range, atomically for whoever walks the mapping. */
static void take_over(struct remap *r, struct vm_area *b)
{
    struct mapping *m = b->mapping;
    size_t len = MIN(r->old_len, r->new_len);
    if (m)
        rwsem_write_lock(&m->lock);
    area_insert(b);
    if (m)
        mapping_insert_locked(b);
    move_entries(r->mm, r->old, r->new, len);
    if (m)
        rwsem_write_unlock(&m->lock);
    if (b->ops && b->ops->open)
        b->ops->open(b);
}

/* Tables made for a move that does not take place: no area would ever give them back. */
static void drop_prepared(struct remap *r)
{
    struct vm_area *next = vm_find(r->mm, r->new);
    struct gather g;
    gather_init(&g, r->mm);
    zap_tables(&g, r->new, r->new + r->new_len, next ? next->prev_end : r->new, next ? next->start : USER_TOP);
    gather_finish(&g);
}

/* The destination is free. The area covers the old range. */
static int move(struct remap *r, struct vm_area *a)
{
    struct mm *mm = r->mm;
    if (mm->area_count + 3 >= READ_ONCE(vm_max_areas))
        return -ENOMEM;
    u64 pages = r->new_len >> PAGE_SHIFT;
    int err = a->flags & VM_ACCOUNT ? account_commit(pages) : 0;
    if (err)
        return err;
    struct vm_area *b = NULL;
    err = r->old_len ? area_split_around(mm, r->old, r->old + r->old_len) : 0;
    if (!err)
        err = prepare_tables(mm, r->old, r->new, MIN(r->old_len, r->new_len));
    a = area_at(mm, r->old);
    if (!err && !(b = new_area(r, a)))
        err = -ENOMEM;
    if (err) {
        drop_prepared(r);
        if (a->flags & VM_ACCOUNT)
            account_uncommit(pages);
        return err;
    }
    take_over(r, b);
    account_pages(mm, b->flags, (s64)pages);
    if (r->flags & MREMAP_DONTUNMAP) {
        if (a->flags & VM_LOCKED)
            mm->locked_vm -= area_pages(a);
        a->flags &= ~(u32)(VM_LOCKED | VM_LOCKONFAULT);
        area_merge(a, &r->dead);
    } else if (r->old_len) {
        err = unmap_locked(mm, r->old, r->old + r->old_len, &r->dead);
    }
    r->populate = b->flags & VM_LOCKED && r->new_len > r->old_len;
    area_merge(b, &r->dead);
    return err;
}

static int check_fixed(const struct remap *r)
{
    if (!IS_ALIGNED(r->wanted, PAGE_SIZE) || r->new_len > USER_END || r->wanted > USER_END - r->new_len)
        return -EINVAL;
    return r->wanted + r->new_len > r->old && r->old + r->old_len > r->wanted ? -EINVAL : 0;
}

/* MREMAP_FIXED, or DONTUNMAP with a hint. */
static int remap_to(struct remap *r)
{
    int err = check_fixed(r);
    if (err)
        return err;
    size_t tail = r->old_len > r->new_len ? r->old_len - r->new_len : 0;
    r->old_len -= tail;
    struct vm_area *a = NULL;
    err = source_area(r, &a);
    if (err)
        return err;
    if (r->mm->area_count + 5 >= READ_ONCE(vm_max_areas))
        return -ENOMEM;
    struct vm_map_args place = {.addr = r->wanted, .len = r->new_len, .flags = MAP_PRIVATE};
    if (r->flags & MREMAP_FIXED) {
        place.flags |= MAP_FIXED;
        err = unmap_locked(r->mm, r->wanted, r->wanted + r->new_len, &r->dead);
        if (err)
            return err;
    }
    err = tail ? unmap_locked(r->mm, r->old + r->old_len, r->old + r->old_len + tail, &r->dead) : 0;
    if (err)
        return err;
    a = area_at(r->mm, r->old); /* it may have been split, or with an old length of 0 be where the new one goes */
    if (!a)
        return -EFAULT;
    if (r->flags & MREMAP_DONTUNMAP && !account_fits(r->mm, a->flags, r->new_len >> PAGE_SHIFT))
        return -ENOMEM;
    err = place_locked(r->mm, &place, &r->new);
    return err ? err : move(r, a);
}

static bool grow_in_place(struct remap *r, struct vm_area *a)
{
    uaddr_t end = r->old + r->new_len;
    if (r->old + r->old_len != a->end || end < r->old || end > USER_END)
        return false;
    struct vm_area *next = vm_next(a);
    if (next && end > area_guarded_start(next))
        return false;
    u64 pages = (end - a->end) >> PAGE_SHIFT;
    if (a->flags & VM_ACCOUNT && account_commit(pages))
        return false;
    account_pages(r->mm, a->flags, (s64)pages);
    area_set_bounds(a, a->start, end);
    r->populate = a->flags & VM_LOCKED;
    area_merge(a, &r->dead);
    return true;
}

static int remap_locked(struct remap *r)
{
    if (r->flags & (MREMAP_FIXED | MREMAP_DONTUNMAP))
        return remap_to(r);
    if (!area_at(r->mm, r->old))
        return -EFAULT;
    r->new = r->old;
    if (r->old_len >= r->new_len)
        return r->old_len == r->new_len ? 0 : unmap_locked(r->mm, r->old + r->new_len, r->old + r->old_len, &r->dead);
    struct vm_area *a = NULL;
    int err = source_area(r, &a);
    if (err)
        return err;
    if (r->old_len && grow_in_place(r, a))
        return 0;
    if (!(r->flags & MREMAP_MAYMOVE))
        return -ENOMEM;
    struct vm_map_args place = {.len = r->new_len, .flags = MAP_PRIVATE, .mapping = a->mapping};
    err = place_locked(r->mm, &place, &r->new);
    return err ? err : move(r, a);
}

int vm_remap(struct mm *mm, uaddr_t old, size_t old_len, size_t new_len, u32 flags, uaddr_t new_addr, bool cap_lock,
             uaddr_t *out)
{
    if (flags & ~(u32)(MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP) || !IS_ALIGNED(old, PAGE_SIZE))
        return -EINVAL;
    if (flags & (MREMAP_FIXED | MREMAP_DONTUNMAP) && !(flags & MREMAP_MAYMOVE))
        return -EINVAL;
    struct remap r = {mm,    old,      old,  new_addr, ALIGN_UP(old_len, PAGE_SIZE), ALIGN_UP(new_len, PAGE_SIZE),
                      flags, cap_lock, NULL, false};
    if (!r.new_len || (old_len && !r.old_len) || (flags & MREMAP_DONTUNMAP && r.old_len != r.new_len))
        return -EINVAL;
    int err = rwsem_write_lock_killable(&mm->lock);
    if (err)
        return err;
    err = remap_locked(&r);
    rwsem_write_unlock(&mm->lock);
    area_close_dead(r.dead);
    *out = r.new;
    if (!err && r.populate)
        vm_populate(mm, r.new + r.old_len, r.new + r.new_len, POPULATE_MAP);
    return err;
}

/* ---- remap_file_pages ---------------------------------------------------------------------------------------- */

/* The area at start, if the range has no hole and one object, alike throughout. */
static struct vm_area *one_object(struct mm *mm, uaddr_t start, uaddr_t end)
{
    struct vm_area *first = area_at(mm, start), *a = first;
    if (!a || (a->flags & (VM_SHARED | VM_MAYWRITE)) != (VM_SHARED | VM_MAYWRITE) || a->flags & VM_SPECIAL)
        return NULL;
    while (a->end < end) {
        struct vm_area *next = vm_next(a);
        if (!next || next->start != a->end || next->mapping != a->mapping || next->flags != a->flags)
            return NULL;
        a = next;
    }
    return first;
}

int vm_rearrange(struct mm *mm, uaddr_t addr, size_t len, u32 prot, u64 pgoff, u32 flags)
{
    addr = ALIGN_DOWN(addr, PAGE_SIZE);
    len = ALIGN_DOWN(len, PAGE_SIZE);
    if (prot || addr + len <= addr || pgoff + (len >> PAGE_SHIFT) < pgoff)
        return -EINVAL;
    struct vm_area *dead = NULL;
    int err = rwsem_write_lock_killable(&mm->lock);
    if (err)
        return err;
    u32 got = 0;
    struct vm_area *a = one_object(mm, addr, addr + len);
    err = -EINVAL;
    if (a) {
        struct vm_map_args args = {
            .addr = addr,
            .len = len,
            .prot = a->flags & VM_ACCESS,
            .flags = MAP_SHARED | MAP_FIXED | (a->flags & VM_LOCKED ? MAP_LOCKED : 0),
            .mapping = a->mapping,
            .pgoff = pgoff,
            .may = a->flags & (VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC),
            .ops = a->ops,
            .file = a->file,
            .cap_lock = true, /* as much is locked as before */
        };
        err = map_locked(mm, &args, &addr, &got, &dead);
    }
    rwsem_write_unlock(&mm->lock);
    area_close_dead(dead);
    if (!err && (got & VM_LOCKED || !(flags & MAP_NONBLOCK)))
        vm_populate(mm, addr, addr + len, POPULATE_MAP);
    return err;
}
