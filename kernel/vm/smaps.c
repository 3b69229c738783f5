// SPDX-License-Identifier: MIT
/*
 * What an area's memory is made of, for /proc/PID/smaps. A page that several have counts for each by its share. How many
 * they are, its references tell: one an entry of a page table, and one of the file or shared object it belongs to; who
 * holds a page for a moment (a copy under way) can make it look shared.
 */
#include "sched/sched.h"
#include "vm/internal.h"

static u32 sharers(const struct page *p)
{
    u32 refs = ref_read(&p->refs);
    if (!(p->flags & PAGE_ANON))
        refs--;
    return MAX(refs, 1u);
}

static void count(struct area_stats *s, const struct vm_area *a, pte_t e, u64 bytes)
{
    const struct page *p = pte_page(e);
    u32 n = sharers(p);
    u64 share = (bytes << AREA_PSS_SHIFT) / n;
    bool anon = p->flags & PAGE_ANON, dirty = e & PTE_D;
    u64 *kind = n > 1 ? (dirty ? &s->shared_dirty : &s->shared_clean) : (dirty ? &s->private_dirty : &s->private_clean);
    *kind += bytes;
    s->rss += bytes;
    s->pss += share;
    if (anon)
        s->pss_anon += share;
    else if (mapping_is_shm(a->mapping))
        s->pss_shmem += share;
    else
        s->pss_file += share;
    if (dirty)
        s->pss_dirty += share;
    if (e & PTE_A)
        s->referenced += bytes;
    if (anon)
        s->anonymous += bytes;
    if (bytes == HUGE_SIZE)
        s->huge += bytes;
}

static void count_table(struct area_stats *s, const struct vm_area *a, pte_t *table, uaddr_t at, uaddr_t end)
{
    struct spinlock *lock = table_lock(table);
    pte_t *pte = &table[pte_index(at)];
    const pte_t *stop = pte + ((end - at) >> PAGE_SHIFT);
    spin_lock(lock);
    for (pte = pte_skip_empty(pte, stop); pte < stop; pte = pte_skip_empty(pte + 1, stop)) {
        if (pte_mapped(*pte) && !(*pte & PTE_SPECIAL))
            count(s, a, *pte, PAGE_SIZE);
    }
    spin_unlock(lock);
}

static void count_huge(struct area_stats *s, const struct vm_area *a, pte_t *pmd)
{
    struct spinlock *lock = table_lock(pmd);
    spin_lock(lock);
    if (pte_is_huge(*pmd))
        count(s, a, *pmd, HUGE_SIZE);
    spin_unlock(lock);
}

void vm_area_stats(struct vm_area *a, struct area_stats *s)
{
    u64 before = s->pss;
    uaddr_t at = a->start;
    for (pte_t *pmd; (pmd = pmd_first(a->mm, &at, a->end));) {
        uaddr_t stop = pmd_end(at, a->end);
        pte_t e = READ_ONCE(*pmd);
        if (pte_is_huge(e))
            count_huge(s, a, pmd);
        else if (pte_is_table(e))
            count_table(s, a, pte_table(e), at, stop);
        at = stop;
        cond_resched();
    }
    if (a->flags & VM_LOCKED)
        s->locked += s->pss - before;
}
