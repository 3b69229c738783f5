// SPDX-License-Identifier: MIT
/*
 * The local APIC: MMIO (xAPIC), or MSRs when the CPU has x2APIC. One-shot timer, messages between CPUs. Every CPU calls
 * apic_init_this once. Registers are per CPU, so callers have interrupts off or do not mind which CPU they hit.
 */
#include "arch/cpu.h"
#include "arch/paging.h"
#include "arch/smp.h"
#include "lib/printf.h"

#define MSR_APIC_BASE 0x1b
#define BASE_X2APIC (1u << 10)
#define BASE_ENABLE (1u << 11)
#define MSR_X2APIC 0x800
#define MSR_X2APIC_ICR 0x830

#define REG_ID 0x20
#define REG_TPR 0x80
#define REG_EOI 0xb0
#define REG_SPURIOUS 0xf0
#define REG_ICR_LOW 0x300
#define REG_ICR_HIGH 0x310
#define REG_LVT_TIMER 0x320
#define REG_LVT_LINT0 0x350
#define REG_LVT_LINT1 0x360
#define REG_LVT_ERROR 0x370
#define REG_TIMER_INITIAL 0x380
#define REG_TIMER_CURRENT 0x390
#define REG_TIMER_DIVIDE 0x3e0

#define LVT_MASKED (1u << 16)
#define LVT_NMI (4u << 8)
#define LVT_TSC_DEADLINE (2u << 17)
#define ICR_ASSERT (1u << 14)
#define ICR_BUSY (1u << 12)
#define ICR_NMI (4u << 8)
#define ICR_INIT (5u << 8)
#define ICR_STARTUP (6u << 8)
#define ICR_ALL_BUT_SELF (3u << 18)

static volatile u32 *regs; /* NULL: x2APIC */

static u32 apic_read(u32 reg)
{
    return regs ? regs[reg / 4] : (u32)rdmsr(MSR_X2APIC + reg / 16);
}

static void apic_write(u32 reg, u32 v)
{
    if (regs)
        regs[reg / 4] = v;
    else
        wrmsr(MSR_X2APIC + reg / 16, v);
}

void apic_init_this(void)
{
    u64 base = rdmsr(MSR_APIC_BASE);
    if (cpu.x2apic)
        wrmsr(MSR_APIC_BASE, base | BASE_ENABLE | BASE_X2APIC);
    else if (!(base & BASE_ENABLE))
        wrmsr(MSR_APIC_BASE, base | BASE_ENABLE);
    if (!cpu.x2apic && !regs)
        regs = mmio_map(base & PTE_ADDR, PAGE_SIZE);
    apic_write(REG_LVT_LINT0, LVT_MASKED); /* the old interrupt controller hangs there */
    apic_write(REG_LVT_LINT1, this_cpu()->id == 0 ? LVT_NMI : LVT_MASKED);
    apic_write(REG_LVT_ERROR, LVT_MASKED);
    apic_write(REG_LVT_TIMER, LVT_MASKED | VECTOR_TIMER);
    apic_write(REG_TIMER_DIVIDE, 0xb); /* by 1 */
    apic_write(REG_TPR, 0);
    apic_write(REG_SPURIOUS, 0x100 | VECTOR_SPURIOUS);
    this_cpu()->apic_id = apic_this_id();
}

u32 apic_this_id(void)
{
    u32 id = apic_read(REG_ID);
    return regs ? id >> 24 : id;
}

void apic_eoi(void)
{
    apic_write(REG_EOI, 0);
}

/* dest_mode: delivery mode, level and shorthand bits of the low word. */
static void send_ipi(u32 apic_id, u32 low)
{
    if (!regs) {
        __asm__ volatile("mfence; lfence" ::: "memory"); /* WRMSR to x2APIC does not order earlier stores */
        wrmsr(MSR_X2APIC_ICR, (u64)apic_id << 32 | low);
        return;
    }
    u64 flags = irq_save();
    while (apic_read(REG_ICR_LOW) & ICR_BUSY)
        cpu_relax();
    apic_write(REG_ICR_HIGH, apic_id << 24);
    apic_write(REG_ICR_LOW, low);
    irq_restore(flags);
}

void apic_send(u32 apic_id, u32 vector)
{
    send_ipi(apic_id, ICR_ASSERT | vector);
}

void apic_send_nmi_others(void)
{
    send_ipi(0, ICR_ASSERT | ICR_NMI | ICR_ALL_BUT_SELF);
}

void apic_send_init(u32 apic_id)
{
    send_ipi(apic_id, ICR_ASSERT | ICR_INIT);
}

void apic_send_startup(u32 apic_id, u32 page)
{
    send_ipi(apic_id, ICR_ASSERT | ICR_STARTUP | page);
}

u32 apic_timer_count(void)
{
    return apic_read(REG_TIMER_CURRENT);
}

void apic_timer_start(u32 ticks)
{
    apic_write(REG_TIMER_INITIAL, ticks);
}

void apic_timer_unmask(bool tsc_deadline)
{
    apic_write(REG_LVT_TIMER, VECTOR_TIMER | (tsc_deadline ? LVT_TSC_DEADLINE : 0));
    if (tsc_deadline)
        __asm__ volatile("mfence" ::: "memory"); /* before the first write of the deadline (SDM 11.5.4.1) */
}

bool apic_is_x2apic(void)
{
    return !regs;
}
