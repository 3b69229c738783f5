// SPDX-License-Identifier: MIT
/*
 * Taking entries and tables out of page tables. Entries go under their table's lock; pages and tables are collected in
 * a gather and freed after the shootdown.
 */
#include "lib/string.h"
#include "sched/sched.h"
#include "vm/internal.h"

/* Entries of one table until end or until the gather is full; returns where it stopped. */
static uaddr_t zap_ptes(struct gather *g, struct vm_area *a, pte_t *table, uaddr_t at, uaddr_t end, bool even_cow)
{
    struct spinlock *lock = table_lock(table);
    enum rss_kind kind = mapping_is_shm(a->mapping) ? RSS_SHMEM : RSS_FILE;
    pte_t *pte = &table[pte_index(at)];
    uaddr_t first = ~0ul, last = 0;
    const pte_t *stop = pte + ((end - at) >> PAGE_SHIFT);
    uaddr_t base = at - ((uaddr_t)pte_index(at) << PAGE_SHIFT);
    spin_lock(lock);
    for (pte = pte_skip_empty(pte, stop); pte < stop && !gather_full(g); pte = pte_skip_empty(pte + 1, stop)) {
        pte_t e = *pte;
        if (!pte_mapped(e))
            continue;
        at = base + ((uaddr_t)(pte - table) << PAGE_SHIFT);
        if (!(e & PTE_SPECIAL)) {
            struct page *p = pte_page(e);
            bool anon = p->flags & PAGE_ANON;
            if (anon && !even_cow)
                continue;
            g->rss[anon ? RSS_ANON : kind]++;
            gather_page(g, p);
        }
        pte_set(pte, 0);
        first = MIN(first, at);
        last = at + PAGE_SIZE;
    }
    spin_unlock(lock);
    if (first < last)
        gather_range(g, first, last);
    return base + ((uaddr_t)(pte - table) << PAGE_SHIFT);
}

static void zap_whole_huge(struct gather *g, pte_t *pmd, uaddr_t at)
{
    struct spinlock *lock = table_lock(pmd);
    if (gather_full(g))
        gather_flush(g);
    spin_lock(lock);
    pte_t e = *pmd;
    if (pte_is_huge(e)) {
        pte_set(pmd, 0);
        gather_run(g, pte_page(e));
        gather_range(g, at, at + HUGE_SIZE);
        g->rss[RSS_ANON] += 512;
    }
    spin_unlock(lock);
}

/* Part of a 2 MiB page that appeared after the caller had split the ends (MADV_DONTNEED beside faults), with no memory
 * for a table: the part keeps its pages and reads zero, which is all that was promised. */
static void clear_huge_part(pte_t *pmd, uaddr_t at, uaddr_t end)
{
    struct spinlock *lock = table_lock(pmd);
    spin_lock(lock);
    pte_t e = *pmd;
    if (pte_is_huge(e) && e & PTE_W)
        memset(phys_to_virt((e & PTE_ADDR) + (at & (HUGE_SIZE - 1))), 0, end - at);
    spin_unlock(lock);
}

void zap_range(struct gather *g, struct vm_area *a, uaddr_t start, uaddr_t end, bool even_cow)
{
    uaddr_t at = start;
    for (pte_t *pmd; (pmd = pmd_first(g->mm, &at, end));) {
        uaddr_t stop = pmd_end(at, end);
        pte_t e = READ_ONCE(*pmd);
        if (pte_is_huge(e)) {
            if (stop - at == HUGE_SIZE)
                zap_whole_huge(g, pmd, at);
            else if (huge_split(g->mm, pmd, at, MEM_NOWAIT))
                clear_huge_part(pmd, at, stop);
            else
                continue;
            at = stop;
        } else if (pte_is_table(e)) {
            at = zap_ptes(g, a, pte_table(e), at, stop, even_cow);
            if (gather_full(g))
                gather_flush(g);
        } else {
            at = stop;
        }
        cond_resched(); /* a large area is many blocks; no spinlock is held by any caller */
    }
}

/* ---- tables -------------------------------------------------------------------------------------------------- */

struct span {
    uaddr_t floor, ceiling;
};

static void drop_table(struct gather *g, pte_t *entry, uaddr_t at)
{
    struct page *p = pte_page(*entry);
    if (gather_full(g))
        gather_flush(g);
    pte_set(entry, 0);
    atomic_sub(&g->mm->pgtable_pages, 1);
    atomic_sub(&mem_count.pgtable, 1);
    gather_page(g, p);
    g->tables = true;
    if (g->start >= g->end)
        gather_range(g, at, at + PAGE_SIZE); /* one page: INVLPG drops all cached walks, whatever its address */
}

/* Frees the tables below `table` (entries of `level`: 3 is the PML4) that lie wholly between floor and ceiling. */
static void drop_tables(struct gather *g, pte_t *table, u32 level, const struct span *s, uaddr_t start, uaddr_t end)
{
    u64 size = 1ul << (PAGE_SHIFT + 9 * level);
    for (uaddr_t at = ALIGN_DOWN(start, size); at < end; at += size) {
        pte_t *entry = &table[(at >> (PAGE_SHIFT + 9 * level)) & 511];
        if (!pte_is_table(READ_ONCE(*entry)))
            continue;
        if (level > 1)
            drop_tables(g, pte_table(*entry), level - 1, s, MAX(start, at), MIN(end, at + size));
        if (at >= s->floor && at + size <= s->ceiling)
            drop_table(g, entry, at);
    }
}

void zap_tables(struct gather *g, uaddr_t start, uaddr_t end, uaddr_t floor, uaddr_t ceiling)
{
    struct span s = {floor, ceiling};
    drop_tables(g, phys_to_virt(g->mm->pgd), 3, &s, start, end);
}
