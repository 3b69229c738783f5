// SPDX-License-Identifier: MIT
/* User page tables: making them and finding the way. The rules are in vm/internal.h. */
#include "abi/errno.h"
#include "arch/percpu.h"
#include "lib/printf.h"
#include "mem/slab.h"
#include "vm/internal.h"

struct page *zero_page;

pte_t area_pte_bits(const struct vm_area *a)
{
    pte_t bits = PTE_U | PTE_A | (a->flags & VM_ACCESS ? PTE_P : PTE_NONE);
    return a->flags & VM_EXEC || !cpu.nx ? bits : bits | PTE_NX;
}

/* ---- tables at rest -------------------------------------------------------------------------------------------- */

/* A table is empty again when it is given back, so it can be used again without clearing it: a stack of them a CPU, and one of
 * top tables. Process context only; there is no sleep between cpu_id() and the end of the push or pop. */
#define REST_MAX 24u
#define REST_PGD_MAX 4u
static struct rest {
    u32 tables, pgds;
    struct page *table[REST_MAX];
    struct page *pgd[REST_PGD_MAX];
} * rest[MAX_CPUS];

static struct rest *my_rest(void)
{
    struct rest **r = &rest[cpu_id()];
    if (unlikely(!*r))
        *r = kzalloc(sizeof(**r), MEM_NOWAIT);
    return *r;
}

static void check_empty(const struct page *p, u32 entries)
{
#ifdef SLIPWAY_DEBUG
    const pte_t *t = page_addr(p);
    for (u32 i = 0; i < entries; i++)
        ASSERT(!t[i]);
#else
    (void)p, (void)entries;
#endif
}

static u64 reclaim_tables(u64 want)
{
    struct rest *r = my_rest();
    u64 n = 0;
    (void)want;
    for (; r && r->tables > 0; n++)
        page_put(r->table[--r->tables]);
    for (; r && r->pgds > 0; n++)
        page_put(r->pgd[--r->pgds]);
    return n;
}

static void table_init(struct mm *mm, struct page *p)
{
    p->flags = PAGE_PGTABLE;
    spin_init((struct spinlock *)&p->pt_lock, LOCK_PAGETABLE);
    atomic_add(&mm->pgtable_pages, 1);
    atomic_add(&mem_count.pgtable, 1);
}

struct page *table_alloc(struct mm *mm, u32 mem_flags)
{
    struct rest *r = my_rest();
    struct page *p = r && r->tables > 0 ? r->table[--r->tables] : page_alloc(0, mem_flags | MEM_ZERO);
    if (p)
        table_init(mm, p);
    return p;
}

void table_put(struct page *p)
{
    check_empty(p, 512);
    struct rest *r = my_rest();
    if (r && r->tables < REST_MAX)
        r->table[r->tables++] = p;
    else
        page_put(p);
}

static void uncount(struct mm *mm)
{
    atomic_sub(&mm->pgtable_pages, 1);
    atomic_sub(&mem_count.pgtable, 1);
}

void table_free(struct mm *mm, struct page *p)
{
    uncount(mm);
    table_put(p);
}

int pgd_alloc(struct mm *mm)
{
    struct rest *r = my_rest();
    struct page *p = r && r->pgds > 0 ? r->pgd[--r->pgds] : NULL;
    if (!p) {
        p = page_alloc(0, MEM_ZERO);
        if (!p)
            return -ENOMEM;
        paging_init_pgd(page_addr(p));
    }
    table_init(mm, p);
    mm->pgd = page_phys(p);
    return 0;
}

void pgd_free(struct mm *mm)
{
    struct page *p = phys_page(mm->pgd);
    check_empty(p, 256);
    uncount(mm);
    struct rest *r = my_rest();
    if (r && r->pgds < REST_PGD_MAX)
        r->pgd[r->pgds++] = p;
    else
        page_put(p);
}

void tables_module_init(void)
{
    mem_register_reclaim(reclaim_tables);
}

/* ---- the way through them -------------------------------------------------------------------------------------- */

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
