// SPDX-License-Identifier: MIT
/*
 * Address spaces: birth, death, and who has them loaded.
 *
 * A CPU that switches to a kernel thread keeps the user tables loaded (lazily), with its bit in mm.cpumask, so it goes on
 * answering shootdowns. It holds no reference: when the last user lets go, mm_put_user sends every CPU that still has the
 * tables to the kernel's own; nobody can load them any more, so the teardown that follows needs no shootdown at all.
 *
 * cpumask against a flush: the bit is set before CR3 is written, and a flush reads the mask after changing entries:
 * either it sees the bit, or the CPU loads CR3 (which empties its TLB) after the change.
 */
#include "abi/errno.h"
#include "arch/hooks.h"
#include "arch/irq.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "mem/slab.h"
#include "sched/sched.h"
#include "vm/internal.h"

void (*mm_end_hook)(struct mm *mm);
static SLAB_CACHE(mm_cache, "mm", struct mm);

struct mm *mm_create(void)
{
    struct mm *mm = slab_alloc(&mm_cache, MEM_ZERO);
    if (!mm)
        return NULL;
    if (pgd_alloc(mm)) {
        slab_free(&mm_cache, mm);
        return NULL;
    }
    ref_init(&mm->users);
    ref_init(&mm->refs);
    rwsem_init(&mm->lock, LOCK_MM);
    list_init(&mm->aio);
    mm->rlim_as = mm->rlim_data = ~0ul;
    mm->rlim_stack = mm->rlim_memlock = 8ul << 20;
    mm->dumpable = 1;
    return mm;
}

u32 vm_inherited_options(const struct mm *mm, bool fork)
{
    u32 o = READ_ONCE(mm->options);
    return fork && o & MM_MDWE_MINE ? o & ~(MM_MDWE | MM_MDWE_MINE) : o;
}

/* ---- who has it loaded: interrupts off ------------------------------------------------------------------------ */

static void load(struct mm *next)
{
    struct percpu *me = this_cpu();
    struct mm *prev = me->mm;
    u64 bit = 1ul << me->id;
    if (next)
        atomic_or(&next->cpumask, bit);
    me->mm = next;
    write_cr3(next ? next->pgd : kernel_pgd);
    if (prev)
        atomic_and(&prev->cpumask, ~bit);
}

void hook_switch_mm(struct mm *prev, struct mm *next)
{
    (void)prev;
    if (next && this_cpu()->mm != next)
        load(next);
}

static void leave(void *mm)
{
    if (this_cpu()->mm == mm)
        load(NULL);
}

void mm_activate(struct mm *mm)
{
    u64 irq = irq_save();
    current_thread()->mm = mm;
    if (this_cpu()->mm != mm)
        load(mm);
    irq_restore(irq);
}

/* ---- references ---------------------------------------------------------------------------------------------- */

void mm_get(struct mm *mm)
{
    ref_get(&mm->refs);
}

void mm_put(struct mm *mm)
{
    if (!ref_put(&mm->refs))
        return;
    pgd_free(mm);
    slab_free(&mm_cache, mm);
}

void mm_get_user(struct mm *mm)
{
    ref_get(&mm->users);
}

bool mm_get_user_unless_zero(struct mm *mm)
{
    return ref_get_unless_zero(&mm->users);
}

static void unload_everywhere(struct mm *mm)
{
    u64 irq = irq_save();
    leave(mm);
    irq_restore(irq);
    u64 cpus = atomic_read(&mm->cpumask);
    if (cpus)
        smp_call(cpus, leave, mm, true);
}

static void unmap_all(struct mm *mm)
{
    struct vm_area *dead = NULL;
    struct gather g;
    rwsem_write_lock(&mm->lock);
    gather_init(&g, mm);
    for (struct vm_area *a = vm_find(mm, 0), *next; a; a = next) {
        next = vm_next(a);
        zap_range(&g, a, a->start, a->end, true);
        if (a->flags & VM_ACCOUNT)
            account_uncommit(area_pages(a));
        mapping_detach(a);
        if (!next || a->start >> HUGE_SHIFT != next->start >> HUGE_SHIFT) /* tables they share go with the later one */
            zap_tables(&g, a->start, a->end, 0, next ? next->start : USER_TOP);
        a->next_dead = dead;
        dead = a;
    }
    mm->areas.node = NULL;
    mm->hint = NULL;
    mm->area_count = 0;
    pte_t *pgd = phys_to_virt(mm->pgd);
    /* Tables that no area covers: there should be none, but the next owner of the top table must not find them. */
    if (unlikely(pte_skip_empty(pgd, pgd + 256) < pgd + 256))
        zap_tables(&g, 0, USER_TOP, 0, USER_TOP);
    gather_finish(&g);
    rwsem_write_unlock(&mm->lock);
    area_close_dead(dead);
}

void mm_put_user(struct mm *mm)
{
    if (!ref_put(&mm->users))
        return;
    if (unlikely(!list_empty(&mm->aio)))
        mm_end_hook(mm);
    unload_everywhere(mm);
    unmap_all(mm);
    mm_put(mm);
}

u64 mm_rss(const struct mm *mm)
{
    s64 n = 0;
    for (u32 i = 0; i < RSS_KINDS; i++)
        n += (s64)atomic_read(&mm->rss[i]);
    return n > 0 ? (u64)n : 0;
}

void vm_init(void)
{
    zero_page = page_alloc(0, MEM_ZERO);
    BUG_ON(!zero_page);
    tables_module_init();
}
