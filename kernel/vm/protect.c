// SPDX-License-Identifier: MIT
/*
 * mprotect. Areas are split at the ends, get their new flags, and are merged again; entries get the new rights under
 * their table's lock, and one shootdown follows for those that lose a right. A right that is only gained needs none: who still
 * has the old entry walks the tables again, at the latest in a fault that finds nothing to do.
 */
#include "abi/errno.h"
#include "abi/mman.h"
#include "vm/internal.h"

/* Of the hardware's rights: does the new entry lack one of the old? */
static bool loses(pte_t old, pte_t new)
{
    return old & PTE_P && (!(new &PTE_P) || old & ~new &PTE_W || new & ~old &PTE_NX);
}

/* May a present entry of a writable area be written at once? Only when nobody shares the page. */
static bool writable_now(const struct vm_area *a, pte_t e)
{
    if (a->flags & VM_SHARED || e & PTE_PS)
        return e & PTE_W;
    const struct page *p = pte_page(e);
    return p->flags & PAGE_ANON && ref_read(&p->refs) == 1;
}

/* The entry with the area's new rights; rights: its area_pte_bits. */
static inline pte_t with_rights(const struct vm_area *a, pte_t e, pte_t rights)
{
    pte_t bits = rights | (e & (PTE_ADDR | PTE_SPECIAL | PTE_PS | PTE_D));
    return a->flags & VM_WRITE && !(e & PTE_SPECIAL) && writable_now(a, e) ? bits | PTE_W | PTE_D : bits;
}

static void protect_table(struct gather *g, struct vm_area *a, pte_t *table, uaddr_t start, uaddr_t end)
{
    struct spinlock *lock = table_lock(table);
    pte_t rights = area_pte_bits(a), *pte = &table[pte_index(start)];
    const pte_t *stop = pte + ((end - start) >> PAGE_SHIFT);
    uaddr_t base = start - ((uaddr_t)pte_index(start) << PAGE_SHIFT), first = ~0ul, last = 0;
    spin_lock(lock);
    for (pte = pte_skip_empty(pte, stop); pte < stop; pte++) {
        pte_t old = *pte, new;
        if (!pte_mapped(old))
            continue;
        new = with_rights(a, old, rights);
        pte_set(pte, new);
        if (!loses(old, new))
            continue;
        uaddr_t at = base + ((uaddr_t)(pte - table) << PAGE_SHIFT);
        first = MIN(first, at);
        last = at + PAGE_SIZE;
    }
    spin_unlock(lock);
    if (first < last)
        gather_range(g, first, last);
}

static void protect_huge(struct gather *g, struct vm_area *a, pte_t *pmd, uaddr_t at)
{
    struct spinlock *lock = table_lock(pmd);
    spin_lock(lock);
    pte_t old = *pmd;
    if (pte_is_huge(old)) {
        pte_t new = with_rights(a, old, area_pte_bits(a));
        pte_set(pmd, new);
        if (loses(old, new))
            gather_range(g, at, at + HUGE_SIZE);
    }
    spin_unlock(lock);
}

/* mm.lock for writing: 2 MiB pages cannot appear, and those across the ends were split. */
static void change_entries(struct vm_area *a)
{
    struct gather g;
    gather_init(&g, a->mm);
    uaddr_t at = a->start;
    for (pte_t *pmd; (pmd = pmd_first(a->mm, &at, a->end)); at = pmd_end(at, a->end)) {
        pte_t e = READ_ONCE(*pmd);
        if (pte_is_huge(e))
            protect_huge(&g, a, pmd, at);
        else if (pte_is_table(e))
            protect_table(&g, a, pte_table(e), at, pmd_end(at, a->end));
    }
    gather_finish(&g);
}

static bool becomes_data(const struct vm_area *a, u32 rights)
{
    return rights & VM_WRITE && !(a->flags & (VM_WRITE | VM_SHARED | VM_GROWSDOWN));
}

static bool becomes_charged(const struct vm_area *a, u32 rights)
{
    return rights & VM_WRITE && !(a->flags & (VM_WRITE | VM_SHARED | VM_ACCOUNT | VM_NORESERVE));
}

static int check_area(struct mm *mm, const struct vm_area *a, u32 rights, u64 pages)
{
    if (becomes_data(a, rights) && mm->data_vm + pages > mm->rlim_data >> PAGE_SHIFT)
        return -ENOMEM;
    return becomes_charged(a, rights) ? account_commit(pages) : 0;
}
_Static_assert(VM_MAYREAD == VM_READ << 4 && VM_MAYWRITE == VM_WRITE << 4 && VM_MAYEXEC == VM_EXEC << 4, "check_area");

/* a lies wholly inside the range. *out: the area that holds its range afterwards. */
static int protect_area(struct vm_area *a, u32 rights, struct vm_area **dead, struct vm_area **out)
{
    struct mm *mm = a->mm;
    u64 pages = area_pages(a);
    *out = a;
    if ((a->flags & VM_ACCESS) == rights)
        return 0;
    int err = check_area(mm, a, rights, pages);
    if (err)
        return err;
    account_pages(mm, a->flags, -(s64)pages);
    u32 flags = (a->flags & ~VM_ACCESS) | rights | (becomes_charged(a, rights) ? VM_ACCOUNT : 0);
    if (flags & VM_ACCOUNT && !(rights & VM_WRITE) && !a->mapping && !a->has_anon) {
        flags &= ~(u32)VM_ACCOUNT; /* nothing was ever written: it owes no memory any more */
        account_uncommit(pages);
    }
    a->flags = flags;
    account_pages(mm, a->flags, (s64)pages);
    change_entries(a);
    *out = area_merge(a, dead);
    return 0;
}

/* What PR_SET_MDWE refuses. */
static bool gains_exec(const struct vm_area *a, u32 rights)
{
    return a->mm->options & MM_MDWE && rights & VM_EXEC && (rights & VM_WRITE || !(a->flags & VM_EXEC));
}

static int protect_range(struct mm *mm, uaddr_t start, uaddr_t end, u32 rights, struct vm_area **dead)
{
    uaddr_t at = start;
    while (at < end) {
        struct vm_area *a = area_at(mm, at);
        if (!a)
            return -ENOMEM;
        uaddr_t stop = MIN(a->end, end);
        if ((a->flags & VM_ACCESS) != rights) {
            if (rights & ~(a->flags >> 4) & VM_ACCESS || gains_exec(a, rights))
                return -EACCES;
            int err = area_split_around(mm, at, stop);
            if (!err)
                err = protect_area(area_at(mm, at), rights, dead, &a);
            if (err)
                return err;
        }
        at = stop;
    }
    return 0;
}

/* PROT_GROWSDOWN: the range begins at the start of the stack that contains addr. */
static int widen_to_stack(struct mm *mm, uaddr_t *start, uaddr_t end)
{
    struct vm_area *a = vm_find(mm, *start);
    if (!a || a->start >= end)
        return -ENOMEM;
    if (!(a->flags & VM_GROWSDOWN))
        return -EINVAL;
    *start = a->start;
    return 0;
}

int vm_protect(struct mm *mm, uaddr_t addr, size_t len, u32 prot)
{
    u32 grows = prot & (PROT_GROWSDOWN | PROT_GROWSUP), rights = prot & ~(u32)(PROT_GROWSDOWN | PROT_GROWSUP);
    if (grows == (PROT_GROWSDOWN | PROT_GROWSUP) || !IS_ALIGNED(addr, PAGE_SIZE))
        return -EINVAL;
    if (!len)
        return 0;
    uaddr_t end = addr + ALIGN_UP(len, PAGE_SIZE);
    if (end <= addr)
        return -ENOMEM;
    if (rights & ~(u32)(PROT_READ | PROT_WRITE | PROT_EXEC | PROT_SEM))
        return -EINVAL;
    struct vm_area *dead = NULL;
    int err = rwsem_write_lock_killable(&mm->lock);
    if (err)
        return err;
    if (grows & PROT_GROWSDOWN)
        err = widen_to_stack(mm, &addr, end);
    else if (grows)
        err = area_at(mm, addr) ? -EINVAL : -ENOMEM; /* nothing grows up on x86_64 */
    if (!err)
        err = protect_range(mm, addr, end, rights & VM_ACCESS, &dead);
    rwsem_write_unlock(&mm->lock);
    area_close_dead(dead);
    return err;
}
