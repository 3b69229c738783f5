// SPDX-License-Identifier: MIT
/*
 * mprotect. Areas are split at the ends, get their new flags, and are merged again; entries get the new rights under
 * their table's lock, and one shootdown follows. A right that is only gained would need none, but a stale entry costs
 * a spurious fault each, so everything that was present is flushed.
 */
#include "abi/errno.h"
#include "abi/mman.h"
#include "vm/internal.h"

/* The entry with the area's new rights: writable at once only when nobody shares the page. */
static pte_t with_rights(const struct vm_area *a, pte_t e)
{
    pte_t bits = area_pte_bits(a) | (e & (PTE_ADDR | PTE_SPECIAL | PTE_PS | PTE_D));
    if (!(a->flags & VM_WRITE) || e & PTE_SPECIAL)
        return bits;
    bool keep = e & PTE_W;
    if (!(a->flags & VM_SHARED) && !(e & PTE_PS)) {
        struct page *p = pte_page(e);
        keep = p->flags & PAGE_ANON && ref_read(&p->refs) == 1;
    }
    return keep ? bits | PTE_W | PTE_D : bits;
}

static void protect_table(struct gather *g, struct vm_area *a, pte_t *table, uaddr_t start, uaddr_t end)
{
    struct spinlock *lock = table_lock(table);
    spin_lock(lock);
    pte_t *pte = &table[pte_index(start)];
    for (uaddr_t at = start; at < end; at += PAGE_SIZE, pte++) {
        pte_t e = *pte;
        if (!pte_mapped(e))
            continue;
        pte_set(pte, with_rights(a, e));
        gather_range(g, at, at + PAGE_SIZE);
    }
    spin_unlock(lock);
}

static void protect_huge(struct gather *g, struct vm_area *a, pte_t *pmd, uaddr_t at)
{
    struct spinlock *lock = table_lock(pmd);
    spin_lock(lock);
    if (pte_is_huge(*pmd)) {
        pte_set(pmd, with_rights(a, *pmd));
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

static int protect_range(struct mm *mm, uaddr_t start, uaddr_t end, u32 rights, struct vm_area **dead)
{
    uaddr_t at = start;
    while (at < end) {
        struct vm_area *a = area_at(mm, at);
        if (!a)
            return -ENOMEM;
        uaddr_t stop = MIN(a->end, end);
        if ((a->flags & VM_ACCESS) != rights) {
            if (rights & ~(a->flags >> 4) & VM_ACCESS)
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
