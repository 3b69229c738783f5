// SPDX-License-Identifier: MIT
/*
 * TLB shootdown. A CPU that changed page tables posts its one request and waits until each CPU of the mask has done it.
 *
 *   requests[i]   what CPU i wants flushed; `pending` = CPUs that have yet to do it. Written by i while pending is 0.
 *   incoming[j]   bit i: CPU i's request waits for j. The first to set a bit in an empty word sends the interrupt, so
 *                 requests that meet are served by one.
 *
 * Nothing is locked. The waiting CPU has interrupts on and serves others meanwhile, so two that shoot at each other both
 * finish. A CPU that runs another address space has nothing to do: loading CR3 flushed it.
 *
 * An idle CPU keeps the last address space loaded but touches no user address. It is not interrupted, unless tables are
 * about to be freed, which it may walk speculatively (INVLPG, of whatever address, drops the cached walks, too):
 *
 *   RUNNING ──tlb_enter_idle──► IDLE ──tlb_leave_idle──► RUNNING
 *                                │ tlb_flush_range on another CPU
 *                                ▼
 *                              STALE ──tlb_leave_idle: flushes all──► RUNNING
 *
 * Interrupt handlers that end the idle time run before tlb_leave_idle, and use no user address either.
 */
#include "arch/cpu.h"
#include "arch/paging.h"
#include "arch/percpu.h"
#include "arch/smp.h"
#include "lib/atomic.h"
#include "lib/printf.h"

#define MAX_SINGLE_PAGES 64

enum tlb_state { RUNNING, IDLE, STALE };

static struct request {
    u64 start, end;
    paddr_t pgd;
    atomic64_t pending;
} __cacheline requests[MAX_CPUS];
static struct {
    atomic64_t from;
} __cacheline incoming[MAX_CPUS];

static void flush_all(void)
{
    write_cr3(read_cr3());
}

void tlb_flush_local(u64 start, u64 end)
{
    if (end - start > MAX_SINGLE_PAGES * PAGE_SIZE)
        return flush_all();
    for (u64 a = start & PAGE_MASK; a < end; a += PAGE_SIZE)
        invlpg(a);
}

static void serve(u32 from, u32 me)
{
    struct request *r = &requests[from];
    if ((read_cr3() & PTE_ADDR) == r->pgd)
        tlb_flush_local(r->start, r->end);
    atomic_and(&r->pending, ~(1ul << me));
}

void tlb_interrupt(void)
{
    u32 me = cpu_id();
    for (u64 from = atomic_xchg(&incoming[me].from, 0); from; from &= from - 1)
        serve((u32)__builtin_ctzl(from), me);
}

/* True: `id` idles and will flush when it wakes. */
static bool defer_to_idle(u32 id)
{
    u32 *state = &percpu_area[id].tlb_state, seen = IDLE;
    return __atomic_compare_exchange_n(state, &seen, STALE, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST) || seen == STALE;
}

static u64 choose_targets(u64 cpumask, u32 me, bool idle_too)
{
    u64 targets = cpumask & smp_online_mask() & ~(1ul << me);
    for (u64 left = idle_too ? 0 : targets; left; left &= left - 1) {
        u32 id = (u32)__builtin_ctzl(left);
        if (defer_to_idle(id))
            targets &= ~(1ul << id);
    }
    return targets;
}

static void flush_range(u64 cpumask, paddr_t pgd, u64 start, u64 end, bool idle_too)
{
    ASSERT(irq_enabled());
    __atomic_thread_fence(__ATOMIC_SEQ_CST); /* the changed entries before any look at the others' states */
    u32 me = cpu_id();
    if ((read_cr3() & PTE_ADDR) == pgd)
        tlb_flush_local(start, end);
    u64 targets = choose_targets(cpumask, me, idle_too);
    if (!targets)
        return;
    struct request *r = &requests[me];
    r->start = start;
    r->end = end;
    r->pgd = pgd;
    atomic_set(&r->pending, targets);
    for (u64 left = targets; left; left &= left - 1) {
        u32 id = (u32)__builtin_ctzl(left);
        if (atomic_or(&incoming[id].from, 1ul << me) == 0)
            apic_send(percpu_area[id].apic_id, VECTOR_CALL);
    }
    while (__atomic_load_n(&r->pending.v, __ATOMIC_ACQUIRE))
        cpu_relax();
}

void tlb_flush_range(u64 cpumask, paddr_t pgd, u64 start, u64 end)
{
    flush_range(cpumask, pgd, start, end, false);
}

void tlb_flush_tables(u64 cpumask, paddr_t pgd, u64 start, u64 end)
{
    flush_range(cpumask, pgd, start, end, true);
}

void tlb_enter_idle(void)
{
    __atomic_store_n(&this_cpu()->tlb_state, IDLE, __ATOMIC_SEQ_CST);
}

void tlb_leave_idle(void)
{
    if (__atomic_exchange_n(&this_cpu()->tlb_state, RUNNING, __ATOMIC_SEQ_CST) == STALE)
        flush_all();
}
