// SPDX-License-Identifier: MIT
/*
 * madvise, mincore, msync. Advice that changes areas takes mm.lock for writing; advice about pages takes it for
 * reading, beside faults. MADV_FREE frees at once: the pages may go at any time anyway. Files live in memory, so
 * msync has nothing to write. Nothing is merged either: MADV_MERGEABLE is heard, and that is all.
 */
#include "abi/errno.h"
#include "abi/mman.h"
#include "arch/usercopy.h"
#include "vm/internal.h"

/* ---- advice that changes areas ------------------------------------------------------------------------------- */

/* New flags of an area for this advice, or -errno. */
static s64 advised_flags(const struct vm_area *a, int advice)
{
    u32 f = a->flags;
    bool anonymous = !a->mapping;
    switch (advice) {
    case MADV_DONTFORK:
        return f | VM_DONTFORK;
    case MADV_DOFORK:
        return f & VM_SPECIAL ? -EINVAL : (s64)(f & ~(u32)VM_DONTFORK);
    case MADV_WIPEONFORK:
        return anonymous ? (s64)(f | VM_WIPEONFORK) : -EINVAL;
    case MADV_KEEPONFORK:
        return f & ~(u32)VM_WIPEONFORK;
    case MADV_DONTDUMP:
        return f | VM_DONTDUMP;
    case MADV_DODUMP:
        return f & VM_SPECIAL ? -EINVAL : (s64)(f & ~(u32)VM_DONTDUMP);
    case MADV_HUGEPAGE:
        return f & VM_SPECIAL ? -EINVAL : (s64)((f | VM_HUGEPAGE) & ~(u32)VM_NOHUGEPAGE);
    case MADV_NOHUGEPAGE:
        return f & VM_SPECIAL ? -EINVAL : (s64)((f | VM_NOHUGEPAGE) & ~(u32)VM_HUGEPAGE);
    case MADV_RANDOM:
        return (f | VM_RAND_READ) & ~(u32)VM_SEQ_READ;
    case MADV_SEQUENTIAL:
        return (f | VM_SEQ_READ) & ~(u32)VM_RAND_READ;
    default:
        return f & ~(u32)(VM_SEQ_READ | VM_RAND_READ); /* NORMAL */
    }
}

static int advise_area(struct vm_area *a, uaddr_t start, uaddr_t end, int advice, struct vm_area **dead)
{
    if (advice == MADV_COLLAPSE)
        return huge_collapse(a, start, end);
    s64 flags = advised_flags(a, advice);
    if (flags < 0)
        return (int)flags;
    if ((u32)flags == a->flags)
        return 0;
    struct mm *mm = a->mm;
    int err = area_split_around(mm, start, end);
    if (err)
        return err == -ENOMEM ? -EAGAIN : err;
    a = area_at(mm, start);
    a->flags = (u32)flags;
    area_merge(a, dead);
    return 0;
}

/* ---- advice about pages -------------------------------------------------------------------------------------- */

static int drop_pages(struct vm_area *a, uaddr_t start, uaddr_t end)
{
    int err = 0;
    if (!a->mapping) {
        err = huge_split_at(a->mm, start);
        if (!err)
            err = huge_split_at(a->mm, end);
    }
    if (err)
        return -EAGAIN;
    struct gather g;
    gather_init(&g, a->mm);
    zap_range(&g, a, start, end, true);
    gather_finish(&g);
    return 0;
}

static int dontneed_area(struct vm_area *a, uaddr_t start, uaddr_t end, int advice)
{
    u32 refused = VM_SPECIAL | (advice == MADV_DONTNEED_LOCKED ? 0 : VM_LOCKED);
    if (a->flags & refused)
        return -EINVAL;
    if (advice == MADV_FREE && a->mapping)
        return -EINVAL;
    return drop_pages(a, start, end);
}

/* Drops mm.lock for the call, since the owner takes inode locks; the file is kept by a copy of the area. */
static int remove_area(struct vm_area *a, uaddr_t start, uaddr_t end)
{
    struct mm *mm = a->mm;
    if (a->flags & (VM_LOCKED | VM_SPECIAL) || !a->mapping || !a->mapping->ops->punch)
        return -EINVAL;
    if ((a->flags & (VM_SHARED | VM_MAYWRITE)) != (VM_SHARED | VM_MAYWRITE))
        return -EACCES;
    struct vm_area keep = *a;
    u64 index = area_index(a, start);
    if (keep.ops && keep.ops->open)
        keep.ops->open(&keep);
    rwsem_read_unlock(&mm->lock);
    int err = keep.mapping->ops->punch(keep.mapping, index, (end - start) >> PAGE_SHIFT);
    if (keep.ops && keep.ops->close)
        keep.ops->close(&keep);
    rwsem_read_lock(&mm->lock);
    return err;
}

static int advise_pages(struct vm_area *a, uaddr_t start, uaddr_t end, int advice)
{
    switch (advice) {
    case MADV_DONTNEED:
    case MADV_DONTNEED_LOCKED:
    case MADV_FREE:
        return dontneed_area(a, start, end, advice);
    case MADV_REMOVE:
        return remove_area(a, start, end);
    case MADV_COLD:
    case MADV_PAGEOUT:
        return a->flags & (VM_LOCKED | VM_SPECIAL) ? -EINVAL : 0;
    default:
        return 0; /* WILLNEED, MERGEABLE, UNMERGEABLE */
    }
}

/* ---- the walk ------------------------------------------------------------------------------------------------ */

/* Every area of the range; holes make it -ENOMEM in the end. */
static int advise_range(struct mm *mm, uaddr_t at, uaddr_t end, int advice, bool areas, struct vm_area **dead)
{
    int hole = 0;
    while (at < end) {
        struct vm_area *a = vm_find(mm, at);
        if (!a || a->start >= end)
            return -ENOMEM;
        if (a->start > at) {
            hole = -ENOMEM;
            at = a->start;
        }
        uaddr_t stop = MIN(a->end, end);
        int err = areas ? advise_area(a, at, stop, advice, dead) : advise_pages(a, at, stop, advice);
        if (err)
            return err;
        at = stop;
    }
    return hole;
}

enum advice_kind { ADVICE_BAD, ADVICE_AREAS, ADVICE_PAGES, ADVICE_POPULATE };

static enum advice_kind kind_of(int advice)
{
    switch (advice) {
    case MADV_NORMAL:
    case MADV_RANDOM:
    case MADV_SEQUENTIAL:
    case MADV_DONTFORK:
    case MADV_DOFORK:
    case MADV_WIPEONFORK:
    case MADV_KEEPONFORK:
    case MADV_DONTDUMP:
    case MADV_DODUMP:
    case MADV_HUGEPAGE:
    case MADV_NOHUGEPAGE:
    case MADV_COLLAPSE:
        return ADVICE_AREAS;
    case MADV_WILLNEED:
    case MADV_MERGEABLE:
    case MADV_UNMERGEABLE:
    case MADV_DONTNEED:
    case MADV_DONTNEED_LOCKED:
    case MADV_FREE:
    case MADV_REMOVE:
    case MADV_COLD:
    case MADV_PAGEOUT:
        return ADVICE_PAGES;
    case MADV_POPULATE_READ:
    case MADV_POPULATE_WRITE:
        return ADVICE_POPULATE;
    default:
        return ADVICE_BAD;
    }
}

int vm_advise(struct mm *mm, uaddr_t addr, size_t len, int advice)
{
    enum advice_kind kind = kind_of(advice);
    size_t bytes = ALIGN_UP(len, PAGE_SIZE);
    if (kind == ADVICE_BAD || !IS_ALIGNED(addr, PAGE_SIZE) || (len && !bytes) || addr + bytes < addr)
        return -EINVAL;
    if (!bytes)
        return 0;
    if (kind == ADVICE_POPULATE)
        return vm_populate(mm, addr, addr + bytes, advice == MADV_POPULATE_READ ? POPULATE_READ : POPULATE_WRITE);
    if (kind == ADVICE_PAGES) {
        rwsem_read_lock(&mm->lock);
        int err = advise_range(mm, addr, addr + bytes, advice, false, NULL);
        rwsem_read_unlock(&mm->lock);
        return err;
    }
    struct vm_area *dead = NULL;
    int err = rwsem_write_lock_killable(&mm->lock);
    if (err)
        return err;
    err = advise_range(mm, addr, addr + bytes, advice, true, &dead);
    rwsem_write_unlock(&mm->lock);
    area_close_dead(dead);
    return err;
}

/* ---- msync --------------------------------------------------------------------------------------------------- */

int vm_sync(struct mm *mm, uaddr_t addr, size_t len, u32 flags)
{
    size_t bytes = ALIGN_UP(len, PAGE_SIZE);
    if (flags & ~(u32)(MS_ASYNC | MS_INVALIDATE | MS_SYNC) || !IS_ALIGNED(addr, PAGE_SIZE))
        return -EINVAL;
    if ((flags & (MS_ASYNC | MS_SYNC)) == (MS_ASYNC | MS_SYNC))
        return -EINVAL;
    if (addr + bytes < addr)
        return -ENOMEM; /* a length that rounds to 0 is no error, as in Linux */
    uaddr_t at = addr, end = addr + bytes;
    int err = 0;
    rwsem_read_lock(&mm->lock);
    while (at < end && err != -EBUSY) {
        struct vm_area *a = vm_find(mm, at);
        if (!a || a->start > at)
            err = -ENOMEM;
        if (!a || a->start >= end)
            break;
        if (flags & MS_INVALIDATE && a->flags & VM_LOCKED)
            err = -EBUSY;
        at = a->end;
    }
    rwsem_read_unlock(&mm->lock);
    return err;
}

/* ---- mincore ------------------------------------------------------------------------------------------------- */

static u8 page_incore(struct mm *mm, struct vm_area *a, uaddr_t addr)
{
    if (fault_present(mm, addr, false))
        return 1;
    struct page *p = NULL;
    if (!a->mapping || !a->mapping->ops->peek_pages ||
        !a->mapping->ops->peek_pages(a->mapping, area_index(a, addr), 1, &p))
        return 0;
    page_put(p);
    return 1;
}

/* Up to n pages of one area: how many, or -ENOMEM. */
static int incore_some(struct mm *mm, uaddr_t addr, u8 *vec, u32 n)
{
    int done = rwsem_read_lock_killable(&mm->lock);
    if (done)
        return done;
    struct vm_area *a = area_at(mm, addr);
    for (; a && (u32)done < n && addr < a->end; done++, addr += PAGE_SIZE)
        vec[done] = page_incore(mm, a, addr);
    rwsem_read_unlock(&mm->lock);
    return a ? done : -ENOMEM;
}

int vm_incore(struct mm *mm, uaddr_t addr, size_t len, uaddr_t vec)
{
    if (!IS_ALIGNED(addr, PAGE_SIZE))
        return -EINVAL;
    if (!user_range_ok(addr, len))
        return -ENOMEM;
    u64 pages = ALIGN_UP(len, PAGE_SIZE) >> PAGE_SHIFT;
    if (!user_range_ok(vec, pages))
        return -EFAULT;
    u8 buf[256];
    while (pages > 0) {
        int n = incore_some(mm, addr, buf, (u32)MIN(pages, sizeof(buf)));
        if (n < 0)
            return n;
        if (copy_to_user(vec, buf, (u32)n))
            return -EFAULT;
        addr += (u64)n << PAGE_SHIFT;
        vec += (u32)n;
        pages -= (u32)n;
    }
    return 0;
}
