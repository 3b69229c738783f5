// SPDX-License-Identifier: MIT
/*
 * The other CPUs: bring-up, calls between CPUs.
 *
 * Bring-up runs in a kernel thread beside PID 1, one CPU after the other: INIT, start-up interrupt, then the new CPU
 * comes through trampoline.S and boot.S to smp_secondary_main, says so in `arrived`, and becomes its idle thread.
 *
 * Calls: each CPU has one request; like shootdowns (tlb.c) they are posted in the target's word and answered there.
 */
#include "arch/smp.h"
#include "abi/errno.h"
#include "arch/acpi.h"
#include "arch/boot.h"
#include "arch/clock.h"
#include "arch/clock_ref.h"
#include "arch/cpu.h"
#include "arch/hooks.h"
#include "arch/irq.h"
#include "arch/paging.h"
#include "arch/smp_boot.h"
#include "arch/thread.h"
#include "lib/atomic.h"
#include "lib/printf.h"
#include "lib/string.h"

extern const char trampoline_start[], trampoline_end[], trampoline_cr3[], trampoline_features[];
extern const pte_t boot_pdpt_direct[512];
extern u64 secondary_stack;
extern struct percpu *secondary_percpu;

static struct call {
    void (*fn)(void *);
    void *arg;
    atomic64_t pending;
} __cacheline calls[MAX_CPUS];
static struct {
    atomic64_t from;
} __cacheline incoming[MAX_CPUS];

static atomic64_t online = {1};
static u32 arrived; /* id of the last CPU that came up */
static u32 awaited; /* id + 1 of the CPU that start_cpu waits for; 0: who comes now is too late, and halts */

u64 smp_online_mask(void)
{
    return atomic_read(&online);
}

/* ---- calls ------------------------------------------------------------------------------------------------------ */

void smp_call_interrupt(void)
{
    u32 me = cpu_id();
    for (u64 from = atomic_xchg(&incoming[me].from, 0); from; from &= from - 1) {
        struct call *c = &calls[__builtin_ctzl(from)];
        c->fn(c->arg);
        atomic_and(&c->pending, ~(1ul << me));
    }
}

static void wait_done(struct call *c)
{
    while (__atomic_load_n(&c->pending.v, __ATOMIC_ACQUIRE))
        cpu_relax();
}

void smp_call(u64 cpumask, void (*fn)(void *), void *arg, bool wait)
{
    ASSERT(irq_enabled());
    u32 me = cpu_id();
    struct call *c = &calls[me];
    wait_done(c); /* an earlier one that nobody waited for */
    c->fn = fn;
    c->arg = arg;
    u64 targets = cpumask & smp_online_mask() & ~(1ul << me);
    atomic_set(&c->pending, targets);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    for (u64 left = targets; left; left &= left - 1) {
        u32 id = (u32)__builtin_ctzl(left);
        if (atomic_or(&incoming[id].from, 1ul << me) == 0)
            apic_send(percpu_area[id].apic_id, VECTOR_CALL);
    }
    if (cpumask & 1ul << me) {
        u64 flags = irq_save();
        fn(arg);
        irq_restore(flags);
    }
    if (wait)
        wait_done(c);
}

void smp_stop_others(void)
{
    if (smp_online_mask() & (smp_online_mask() - 1))
        apic_send_nmi_others();
}

/* ---- bring-up --------------------------------------------------------------------------------------------------- */

void smp_secondary_main(struct percpu *c) __noreturn;
void smp_secondary_main(struct percpu *c)
{
    cpu_init_this(c);
    write_cr3(kernel_pgd);
    u32 mine = c->id + 1;
    if (!__atomic_compare_exchange_n(&awaited, &mine, 0, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) {
        for (;;) /* cpu_count does not cover it: grace periods and work stealing would not know it */
            __asm__ volatile("cli; hlt");
    }
    apic_init_this();
    timer_init_this();
    atomic_or(&online, 1ul << c->id);
    store_release(&c->online, 1);
    store_release(&arrived, c->id);
    hook_secondary_cpu();
}

/* Two pages of tables: the first GiB one to one and executable, for the trampoline, and the kernel as ever. */
static paddr_t trampoline_tables(void)
{
    pte_t *pml4 = hook_pages_alloc(1);
    if (!pml4)
        return 0;
    pte_t *pdpt = pml4 + 512;
    paging_init_pgd(pml4);
    pml4[0] = virt_to_phys(pdpt) | PTE_P | PTE_W;
    pdpt[0] = boot_pdpt_direct[0] & ~PTE_NX;
    return virt_to_phys(pml4);
}

static void trampoline_place(paddr_t cr3)
{
    u8 *page = phys_to_virt(SMP_TRAMPOLINE);
    memcpy(page, trampoline_start, (size_t)(trampoline_end - trampoline_start));
    u32 value = (u32)cr3;
    memcpy(page + (trampoline_cr3 - trampoline_start), &value, 4);
    value = cpu.ext1_edx;
    memcpy(page + (trampoline_features - trampoline_start), &value, 4);
}

/* Other threads run meanwhile: bring-up is nobody's hurry. */
static void sched_pause(void)
{
    hook_yield();
    cpu_relax();
}

static bool wait_arrival(u32 id, ns_t timeout)
{
    ns_t until = clock_monotonic() + timeout;
    while (load_acquire(&arrived) != id) {
        if (clock_monotonic() > until)
            return false;
        sched_pause();
    }
    return true;
}

static int start_cpu(u32 id, u32 apic_id)
{
    struct percpu *c = &percpu_area[id];
    c->self = c;
    c->id = id;
    c->apic_id = apic_id;
    c->stack_guard = this_cpu()->stack_guard; /* threads migrate between check and use */
    c->timer_deadline = NS_FOREVER;
    int err = cpu_alloc_tables(c);
    u64 stack = err ? 0 : hook_prepare_cpu(id);
    if (!stack)
        return -ENOMEM;
    secondary_percpu = c;
    store_release(&awaited, id + 1);
    store_release(&secondary_stack, stack);
    apic_send_init(apic_id);
    apic_send_startup(apic_id, SMP_TRAMPOLINE >> PAGE_SHIFT);
    if (wait_arrival(id, 10000000)) /* hardware may miss the first, or need 10 ms after INIT */
        return 0;
    apic_send_startup(apic_id, SMP_TRAMPOLINE >> PAGE_SHIFT);
    if (wait_arrival(id, 2000000000))
        return 0;
    if (__atomic_exchange_n(&awaited, 0, __ATOMIC_ACQ_REL))
        return -ETIMEDOUT;
    while (!wait_arrival(id, 2000000000)) { /* it is on its way */
    }
    return 0;
}

struct found {
    u32 apic_ids[MAX_CPUS];
    u32 count;
};

static void found_cpu(u32 apic_id, void *arg)
{
    struct found *f = arg;
    if (apic_id != percpu_area[0].apic_id && f->count < MAX_CPUS - 1)
        f->apic_ids[f->count++] = apic_id;
}

static u32 wanted_cpus(void)
{
    char buf[16];
    u64 n = MAX_CPUS;
    if (boot_option("maxcpus", 0, buf, sizeof(buf)))
        str_to_u64(buf, 0, &n, NULL);
    return (u32)MIN(MAX(n, 1ul), (u64)MAX_CPUS);
}

void smp_start_others(void)
{
    static struct found others;
    firmware_for_each_cpu(found_cpu, &others);
    u32 want = wanted_cpus();
    paddr_t cr3 = 0;
    for (u32 i = 0; i < others.count && cpu_count < want; i++) {
        if (!cr3) {
            cr3 = trampoline_tables();
            if (!cr3)
                break;
            trampoline_place(cr3);
        }
        int err = start_cpu(cpu_count, others.apic_ids[i]);
        if (err) { /* it may still come, late: its number and tables stay its own, the trampoline's too */
            cr3 = 0;
            kwarn("smp: CPU with APIC id %u does not start (%d)", others.apic_ids[i], err);
            break;
        }
        clock_check_cpu(cpu_count++);
    }
    if (cr3)
        hook_pages_free(phys_to_virt(cr3), 1);
    if (others.count)
        kinfo("smp: %u CPUs", cpu_count);
}

u32 smp_count_cpus(void)
{
    static struct found others;
    others.count = 0;
    firmware_for_each_cpu(found_cpu, &others);
    return MIN(others.count + 1, wanted_cpus());
}
