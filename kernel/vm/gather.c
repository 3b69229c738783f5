// SPDX-License-Identifier: MIT
/*
 * Pages on their way out of page tables. They are collected, the range is flushed on all CPUs once, and only then are
 * they freed: no CPU can reach a page after it has a new owner. The list starts on the stack and moves to a page
 * of its own when more comes.
 */
#include "vm/internal.h"

void gather_init(struct gather *g, struct mm *mm)
{
    g->mm = mm;
    g->start = ~0ul;
    g->end = 0;
    g->count = 0;
    g->max = GATHER_LOCAL;
    g->tables = false;
    g->pages = g->local;
    for (u32 i = 0; i < RSS_KINDS; i++)
        g->rss[i] = 0;
}

static void widen(struct gather *g)
{
    struct page **more = pages_alloc(0, MEM_NOWAIT);
    if (!more)
        return;
    for (u32 i = 0; i < g->count; i++)
        more[i] = g->pages[i];
    g->pages = more;
    g->max = PAGE_SIZE / sizeof(*more);
}

void gather_page(struct gather *g, struct page *p)
{
    g->pages[g->count++] = p;
    if (unlikely(g->count == g->max) && g->pages == g->local)
        widen(g);
}

void gather_run(struct gather *g, struct page *p)
{
    gather_page(g, (struct page *)((u64)p | 1));
}

static void shoot_down(struct gather *g)
{
    u64 cpus = atomic_read(&g->mm->cpumask);
    if (!cpus)
        return;
    if (g->tables)
        tlb_flush_tables(cpus, g->mm->pgd, g->start, g->end);
    else
        tlb_flush_range(cpus, g->mm->pgd, g->start, g->end);
}

void gather_flush(struct gather *g)
{
    if (g->start < g->end)
        shoot_down(g);
    g->start = ~0ul;
    g->end = 0;
    g->tables = false;
    for (u32 i = 0; i < g->count; i++) {
        u64 run = (u64)g->pages[i];
        struct page *p = (struct page *)(run & ~1ul);
        if (unlikely(run & 1))
            page_put_run(p, HUGE_SHIFT - PAGE_SHIFT);
        else if (unlikely(p->flags & PAGE_PGTABLE))
            table_put(p);
        else
            page_put(p);
    }
    g->count = 0;
}

void gather_finish(struct gather *g)
{
    gather_flush(g);
    if (g->rss[RSS_ANON] + g->rss[RSS_FILE] + g->rss[RSS_SHMEM] > 0)
        g->mm->hiwater_rss = MAX(g->mm->hiwater_rss, mm_rss(g->mm)); /* a race loses one of two near values */
    if (g->pages != g->local)
        pages_free(g->pages, 0);
    for (u32 i = 0; i < RSS_KINDS; i++) {
        if (g->rss[i])
            atomic_sub(&g->mm->rss[i], (u64)g->rss[i]);
    }
    if (g->rss[RSS_ANON])
        mem_count_anon(-g->rss[RSS_ANON]);
}
