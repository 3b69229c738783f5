// SPDX-License-Identifier: MIT
/*
 * 2 MiB pages of private anonymous areas. They are given when asked for (MADV_HUGEPAGE), and where a program has walked
 * up to the block from below through populated memory while plenty is free: sparse users keep small pages, and
 * stacks (MAP_STACK, GROWSDOWN) always do. A PMD entry changes under the lock of its table; empty → 2 MiB page and
 * empty → table compete by compare-and-swap. MADV_COLLAPSE makes them of small pages, with mm.lock for writing.
 */
#include "abi/errno.h"
#include "lib/string.h"
#include "vm/internal.h"

#define HUGE_ORDER (HUGE_SHIFT - PAGE_SHIFT)

static bool last_page_below_mapped(struct mm *mm, uaddr_t block)
{
    pte_t *pmd = pmd_lookup(mm, block - PAGE_SIZE);
    pte_t e = pmd ? READ_ONCE(*pmd) : 0;
    if (pte_is_huge(e))
        return true;
    return pte_is_table(e) && pte_mapped(READ_ONCE(pte_table(e)[511]));
}

bool huge_wanted(const struct vm_area *a, uaddr_t addr)
{
    uaddr_t block = ALIGN_DOWN(addr, HUGE_SIZE);
    if (a->mapping || a->flags & (VM_NOHUGEPAGE | VM_GROWSDOWN | VM_SPECIAL) || a->mm->options & MM_NO_HUGE)
        return false;
    if (block < a->start || block + HUGE_SIZE > a->end || !mem_plentiful())
        return false;
    return a->flags & VM_HUGEPAGE || (block > a->start && last_page_below_mapped(a->mm, block));
}

int huge_fault(struct vm_area *a, pte_t *pmd)
{
    struct page *run = page_alloc_run(HUGE_ORDER, MEM_USER | MEM_NOWAIT | MEM_ZERO);
    if (!run)
        return -ENOMEM;
    for (u32 i = 0; i < 1u << HUGE_ORDER; i++)
        run[i].flags = PAGE_ANON;
    pte_t e = page_phys(run) | area_pte_bits(a) | PTE_PS, empty = 0;
    if (a->flags & VM_WRITE)
        e |= PTE_W | PTE_D;
    a->has_anon = true;
    if (!__atomic_compare_exchange_n(pmd, &empty, e, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED)) {
        page_put_run(run, HUGE_ORDER);
        return 0;
    }
    atomic_add(&a->mm->rss_anon, 1ul << HUGE_ORDER);
    mem_count_anon(1 << HUGE_ORDER);
    return 0;
}

int huge_split(struct mm *mm, pte_t *pmd, uaddr_t addr, u32 mem_flags)
{
    if (!pte_is_huge(READ_ONCE(*pmd)))
        return 0;
    struct page *p = table_alloc(mm, mem_flags);
    if (!p)
        return -ENOMEM;
    struct spinlock *lock = table_lock(pmd);
    spin_lock(lock);
    pte_t e = *pmd;
    if (!pte_is_huge(e)) {
        spin_unlock(lock);
        table_free(mm, p);
        return 0;
    }
    pte_t *table = page_addr(p);
    for (u32 i = 0; i < 512; i++)
        table[i] = (e & ~PTE_PS) + ((u64)i << PAGE_SHIFT);
    pte_set(pmd, page_phys(p) | PTE_P | PTE_W | PTE_U | PTE_A);
    spin_unlock(lock);
    /* Both translations are alike until somebody changes an entry; but the CPU must not hold both sizes then. */
    u64 cpus = atomic_read(&mm->cpumask);
    uaddr_t block = ALIGN_DOWN(addr, HUGE_SIZE);
    if (cpus)
        tlb_flush_range(cpus, mm->pgd, block, block + HUGE_SIZE);
    return 0;
}

int huge_split_at(struct mm *mm, uaddr_t addr)
{
    if (IS_ALIGNED(addr, HUGE_SIZE))
        return 0;
    pte_t *pmd = pmd_lookup(mm, addr);
    return pmd ? huge_split(mm, pmd, addr, MEM_WAIT) : 0;
}

/* ---- MADV_COLLAPSE ------------------------------------------------------------------------------------------- */

/* Only pages that nobody else holds can be replaced by copies. */
static bool movable(const pte_t *table)
{
    for (u32 i = 0; i < 512; i++) {
        pte_t e = table[i];
        if (!pte_mapped(e) || e & PTE_SPECIAL)
            continue;
        const struct page *p = pte_page(e);
        if (!(p->flags & PAGE_ANON) || p->flags & PAGE_PINNED || ref_read(&p->refs) != 1)
            return false;
    }
    return true;
}

static void copy_pages(struct page *run, const pte_t *table)
{
    for (u32 i = 0; i < 512; i++) {
        run[i].flags = PAGE_ANON;
        if (pte_mapped(table[i]) && !(table[i] & PTE_SPECIAL))
            memcpy(page_addr(&run[i]), page_addr(pte_page(table[i])), PAGE_SIZE);
    }
}

/* The small pages of a table that nobody reaches any more go, and the table. How many they were. */
static u64 drop_pages(struct mm *mm, struct page *p)
{
    pte_t *table = page_addr(p);
    u64 n = 0;
    for (u32 i = 0; i < 512; i++) {
        if (pte_mapped(table[i]) && !(table[i] & PTE_SPECIAL)) {
            page_put(pte_page(table[i]));
            n++;
        }
        table[i] = 0;
    }
    table_free(mm, p);
    return n;
}

/* The table gives way to a 2 MiB page. From before it is copied until then the block has no translation, on no CPU, so
 * nobody writes the old pages; who wants to waits for mm.lock. */
static int collapse_table(struct vm_area *a, pte_t *pmd, uaddr_t block)
{
    struct mm *mm = a->mm;
    pte_t old = *pmd;
    if (!movable(pte_table(old)))
        return -EAGAIN;
    struct page *run = page_alloc_run(HUGE_ORDER, MEM_USER | MEM_NOWAIT | MEM_ZERO);
    if (!run)
        return -ENOMEM;
    pte_set(pmd, 0);
    u64 cpus = atomic_read(&mm->cpumask);
    if (cpus)
        tlb_flush_tables(cpus, mm->pgd, block, block + HUGE_SIZE);
    copy_pages(run, pte_table(old));
    s64 more = (1L << HUGE_ORDER) - (s64)drop_pages(mm, pte_page(old));
    a->has_anon = true;
    pte_set(pmd, page_phys(run) | area_pte_bits(a) | PTE_PS | (a->flags & VM_WRITE ? PTE_W | PTE_D : 0));
    atomic_add(&mm->rss_anon, (u64)more);
    mem_count_anon(more);
    return 0;
}

int huge_collapse(struct vm_area *a, uaddr_t start, uaddr_t end)
{
    uaddr_t first = ALIGN_UP(a->start, HUGE_SIZE), last = ALIGN_DOWN(a->end, HUGE_SIZE);
    if (a->mapping || a->flags & (VM_NOHUGEPAGE | VM_SPECIAL) || a->mm->options & MM_NO_HUGE || first >= last)
        return -EINVAL;
    start = ALIGN_UP(start, HUGE_SIZE);
    end = ALIGN_DOWN(end, HUGE_SIZE);
    int err = start > end ? -EINVAL : 0;
    for (; !err && start < end; start += HUGE_SIZE) {
        pte_t *pmd = pmd_alloc(a->mm, start);
        if (!pmd)
            err = -ENOMEM;
        else if (pte_is_table(*pmd))
            err = collapse_table(a, pmd, start);
        else if (!pte_is_huge(*pmd))
            err = huge_fault(a, pmd);
    }
    return err;
}
