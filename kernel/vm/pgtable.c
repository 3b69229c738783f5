// SPDX-License-Identifier: MIT
/* User page tables: making them and finding the way. The rules are in vm/internal.h. */
#include "abi/errno.h"
#include "vm/internal.h"

struct page *zero_page;

pte_t area_pte_bits(const struct vm_area *a)
{
    pte_t bits = PTE_U | PTE_A | (a->flags & VM_ACCESS ? PTE_P : PTE_NONE);
    return a->flags & VM_EXEC || !cpu.nx ? bits : bits | PTE_NX;
}

struct page *table_alloc(struct mm *mm, u32 mem_flags)
{
    struct page *p = page_alloc(0, mem_flags | MEM_ZERO);
    if (!p)
        return NULL;
    p->flags = PAGE_PGTABLE;
    spin_init((struct spinlock *)&p->pt_lock, LOCK_PAGETABLE);
    atomic_add(&mm->pgtable_pages, 1);
    atomic_add(&mem_count.pgtable, 1);
    return p;
}

void table_free(struct mm *mm, struct page *p)
{
    atomic_sub(&mm->pgtable_pages, 1);
    atomic_sub(&mem_count.pgtable, 1);
    page_put(p);
}

/* Lower levels inherit nothing: all rights are granted above, the last entry decides. */
static int install_table(struct mm *mm, pte_t *entry)
{
    struct page *p = table_alloc(mm, MEM_WAIT);
    if (!p)
        return -ENOMEM;
    pte_t empty = 0;
    if (!__atomic_compare_exchange_n(entry, &empty, page_phys(p) | PTE_P | PTE_W | PTE_U | PTE_A, false,
                                     __ATOMIC_RELEASE, __ATOMIC_RELAXED))
        table_free(mm, p);
    return 0;
}

int pte_table_alloc(struct mm *mm, pte_t *pmd)
{
    return READ_ONCE(*pmd) ? 0 : install_table(mm, pmd);
}

static inline u32 level_index(uaddr_t addr, u32 level) /* 3: PML4 … 1: PMD */
{
    return (addr >> (PAGE_SHIFT + 9 * level)) & 511;
}

pte_t *pmd_lookup(struct mm *mm, uaddr_t addr)
{
    pte_t *table = phys_to_virt(mm->pgd);
    for (u32 level = 3; level > 1; level--) {
        pte_t e = READ_ONCE(table[level_index(addr, level)]);
        if (!e)
            return NULL;
        table = pte_table(e);
    }
    return &table[level_index(addr, 1)];
}

pte_t *pmd_alloc(struct mm *mm, uaddr_t addr)
{
    pte_t *table = phys_to_virt(mm->pgd);
    for (u32 level = 3; level > 1; level--) {
        pte_t *entry = &table[level_index(addr, level)];
        if (unlikely(!READ_ONCE(*entry)) && install_table(mm, entry))
            return NULL;
        table = pte_table(READ_ONCE(*entry));
    }
    return &table[level_index(addr, 1)];
}

pte_t *pmd_first(struct mm *mm, uaddr_t *addr, uaddr_t end)
{
    uaddr_t at = *addr;
    while (at < end) {
        pte_t *table = phys_to_virt(mm->pgd);
        u32 level = 3;
        pte_t *entry;
        for (;; level--) {
            entry = &table[level_index(at, level)];
            pte_t e = READ_ONCE(*entry);
            if (!e || level == 1)
                break;
            table = pte_table(e);
        }
        if (READ_ONCE(*entry)) {
            *addr = at;
            return entry;
        }
        u64 span = 1ul << (PAGE_SHIFT + 9 * level);
        at = ALIGN_DOWN(at, span) + span;
    }
    return NULL;
}
