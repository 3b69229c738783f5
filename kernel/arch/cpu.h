/* SPDX-License-Identifier: MIT */
/* Single instructions of x86_64, and the CPU features found at boot. */
#ifndef ARCH_CPU_H
#define ARCH_CPU_H

#include "lib/types.h"

static inline void cpu_relax(void)
{
    __asm__ volatile("pause" ::: "memory");
}
static inline u64 irq_save(void)
{
    u64 flags;
    __asm__ volatile("pushfq; popq %0; cli" : "=r"(flags)::"memory");
    return flags;
}
/* Interrupts on. QEMU's TCG leaves its loop twice for an STI, once for a POPF; on other machines STI is far cheaper, so there
 * boot overwrites these six bytes with it (cpu.c). "sti; hlt" stays what it is. */
#ifdef SLIPWAY_HOST
#define IRQ_ON "sti"
#else
#define IRQ_ON                       \
    "771: pushq $0x202\n\tpopfq\n\t" \
    ".pushsection .irq_on_sites, \"a\"\n\t.long 771b - 0xffffffff80000000\n\t.popsection"
#endif
static inline void irq_enable(void)
{
    __asm__ volatile(IRQ_ON ::: "memory", "cc");
}
static inline void irq_restore(u64 flags)
{
    if (flags & 0x200)
        irq_enable();
}
static inline void irq_disable(void)
{
    __asm__ volatile("cli" ::: "memory");
}
static inline bool irq_enabled(void)
{
    u64 flags;
    __asm__ volatile("pushfq; popq %0" : "=r"(flags)::"memory");
    return flags & 0x200;
}
static inline u64 rdmsr(u32 msr)
{
    u32 lo, hi;
    __asm__ volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr));
    return ((u64)hi << 32) | lo;
}
static inline void wrmsr(u32 msr, u64 v)
{
    __asm__ volatile("wrmsr" ::"c"(msr), "a"((u32)v), "d"((u32)(v >> 32)) : "memory");
}
static inline u64 rdtsc(void)
{
    u32 lo, hi;
    __asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi)::"memory");
    return ((u64)hi << 32) | lo;
}
static inline void cpuid(u32 leaf, u32 sub, u32 out[4])
{
    __asm__ volatile("cpuid" : "=a"(out[0]), "=b"(out[1]), "=c"(out[2]), "=d"(out[3]) : "a"(leaf), "c"(sub));
}
static inline u8 inb(u16 port)
{
    u8 v;
    __asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(port));
    return v;
}
static inline void outb(u16 port, u8 v)
{
    __asm__ volatile("outb %0, %1" ::"a"(v), "Nd"(port));
}
static inline u16 inw(u16 port)
{
    u16 v;
    __asm__ volatile("inw %1, %0" : "=a"(v) : "Nd"(port));
    return v;
}
static inline void outw(u16 port, u16 v)
{
    __asm__ volatile("outw %0, %1" ::"a"(v), "Nd"(port));
}
static inline u32 inl(u16 port)
{
    u32 v;
    __asm__ volatile("inl %1, %0" : "=a"(v) : "Nd"(port));
    return v;
}
static inline void outl(u16 port, u32 v)
{
    __asm__ volatile("outl %0, %1" ::"a"(v), "Nd"(port));
}
static inline u64 read_cr2(void)
{
    u64 v;
    __asm__ volatile("movq %%cr2, %0" : "=r"(v));
    return v;
}
static inline u64 read_cr3(void)
{
    u64 v;
    __asm__ volatile("movq %%cr3, %0" : "=r"(v)::"memory");
    return v;
}
static inline void write_cr3(u64 v)
{
    __asm__ volatile("movq %0, %%cr3" ::"r"(v) : "memory");
}
static inline void invlpg(u64 va)
{
    __asm__ volatile("invlpg (%0)" ::"r"(va) : "memory");
}

/* Features of the boot CPU; all CPUs are the same. Set by cpu_detect() before anything uses them. */
struct cpu_features {
    bool pge, nx, pdpe1gb, smep, smap, umip, fsgsbase, rdrand, rdseed, xsave, xsaveopt, tsc_invariant, tsc_deadline,
        x2apic, rdtscp, erms, fsrm, hypervisor;
    bool tcg, kvm;   /* the hypervisor says so */
    u64 xfeatures;   /* XCR0 in use */
    u32 xstate_size; /* bytes of the XSAVE area for xfeatures (512 for FXSAVE) */
    u32 max_leaf, max_ext_leaf;
    u32 leaf1_eax, leaf1_ecx, leaf1_edx;
    u32 leaf7_ebx, leaf7_ecx, leaf7_edx;
    u32 ext1_ecx, ext1_edx;
    u32 hv_max_leaf;
    char vendor[13];
    char brand[49];
};
extern struct cpu_features cpu;
void cpu_detect(void);
struct percpu;
void cpu_init_this(struct percpu *c);         /* control registers, MSRs, GDT/IDT/TSS of the calling CPU */
int cpu_alloc_tables(struct percpu *c);       /* of a CPU to come: -ENOMEM */
void cpu_set_tls(u32 slot, u64 descriptor);   /* GDT entry of set_thread_area, slot 0..2, on this CPU */
void cpu_set_rsp0(struct percpu *c, u64 rsp); /* stack for entries from user mode */

#endif
