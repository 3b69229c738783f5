// SPDX-License-Identifier: MIT
/*
 * The CPU's features, and what each CPU sets up for itself: control registers, MSRs, descriptor tables.
 *
 * The GDT's order is that of Linux, because user mode can see selectors. NMI, #DF, #MC and #DB have stacks of their
 * own in the TSS; one IDT serves all CPUs. CPUs without SMAP get their clac/stac sites overwritten with NOPs.
 */
#include "arch/cpu.h"
#include "abi/errno.h"
#include "arch/asm_offsets.h"
#include "arch/hooks.h"
#include "arch/paging.h"
#include "arch/percpu.h"
#include "arch/thread.h"
#include "arch/trap.h"
#include "lib/printf.h"
#include "lib/string.h"

_Static_assert(offsetof(struct percpu, current) == PERCPU_CURRENT, "offset");
_Static_assert(offsetof(struct percpu, kernel_rsp) == PERCPU_KERNEL_RSP, "offset");
_Static_assert(offsetof(struct percpu, user_rsp) == PERCPU_USER_RSP, "offset");
_Static_assert(offsetof(struct percpu, id) == 32, "offset");
_Static_assert(offsetof(struct percpu, stack_guard) == PERCPU_STACK_GUARD, "offset");
_Static_assert(offsetof(struct percpu, fpu_owner) == PERCPU_FPU_OWNER, "offset");
_Static_assert(sizeof(struct percpu) == 1 << PERCPU_SHIFT, "size");
_Static_assert(offsetof(struct arch_thread, work) == THREAD_WORK, "offset");
_Static_assert(offsetof(struct trapframe, rdi) == FRAME_RDI, "offset");
_Static_assert(offsetof(struct trapframe, orig_rax) == FRAME_ORIG_RAX, "offset");
_Static_assert(offsetof(struct trapframe, rip) == FRAME_RIP, "offset");
_Static_assert(offsetof(struct trapframe, rsp) == FRAME_RSP, "offset");
_Static_assert(offsetof(struct trapframe, rcx) == FRAME_RCX, "offset");
_Static_assert(offsetof(struct trapframe, r11) == FRAME_R11, "offset");
_Static_assert(sizeof(struct trapframe) == FRAME_SIZE, "size");
_Static_assert(USER_CS == SEL_USER_CS && USER_SS == SEL_USER_SS && KERNEL_CS == SEL_KERNEL_CS, "selectors");

#define MSR_TSC_AUX 0xc0000103
#define MSR_EFER 0xc0000080
#define MSR_STAR 0xc0000081
#define MSR_LSTAR 0xc0000082
#define MSR_CSTAR 0xc0000083
#define MSR_SFMASK 0xc0000084
#define MSR_GS_BASE 0xc0000101
#define MSR_SYSENTER_CS 0x174

#define CR0_VALUE 0x80050033ul /* PG AM WP NE ET MP PE */
#define CR4_PAE (1ul << 5)
#define CR4_MCE (1ul << 6)
#define CR4_PGE (1ul << 7)
#define CR4_OSFXSR (1ul << 9)
#define CR4_OSXMMEXCPT (1ul << 10)
#define CR4_UMIP (1ul << 11)
#define CR4_FSGSBASE (1ul << 16)
#define CR4_OSXSAVE (1ul << 18)
#define CR4_SMEP (1ul << 20)
#define CR4_SMAP (1ul << 21)
/* What SYSCALL clears: ID AC RF NT IOPL OF DF IF TF SF ZF AF PF CF */
#define SYSCALL_MASK 0x257fd5ul

#define IST_NMI 1
#define IST_DF 2
#define IST_MC 3
#define IST_DB 4
#define IST_COUNT 4

struct tss {
    u32 reserved0;
    u64 rsp[3];
    u64 reserved1;
    u64 ist[7];
    u64 reserved2;
    u16 reserved3, iomap;
} __packed;

#ifdef SLIPWAY_KASAN
#define IST_ORDER 1u
#else
#define IST_ORDER 0u
#endif
#define IST_SIZE (PAGE_SIZE << IST_ORDER)
/* The stacks of the IST entries; the tables lie at the low end of the first. */
struct cpu_tables {
    u64 gdt[16];
    struct tss tss;
    u8 rest[IST_COUNT * IST_SIZE - 16 * 8 - sizeof(struct tss)];
};
_Static_assert(sizeof(struct cpu_tables) == 4 * IST_SIZE, "the order in cpu_alloc_tables");
struct idt_gate {
    u16 offset0, selector;
    u8 ist, type;
    u16 offset1;
    u32 offset2, reserved;
};

extern char trap_stubs[], syscall_entry[], syscall_entry_compat[];
extern const u32 _smap_sites_start[], _smap_sites_end[], _irq_on_sites_start[], _irq_on_sites_end[];

struct cpu_features cpu;
struct percpu percpu_area[MAX_CPUS];
u32 cpu_count = 1;
bool cpu_uses_fsgsbase; /* read by entry.S */

static struct cpu_tables boot_tables __aligned(4096);
static struct idt_gate idt[256] __aligned(64);

static __init void detect_hypervisor(void)
{
    u32 r[4];
    cpuid(0x40000000, 0, r);
    cpu.hv_max_leaf = r[0];
    cpu.tcg = r[1] == 0x54474354; /* "TCGTCGTCGTCG" */
    cpu.kvm = r[1] == 0x4b4d564b; /* "KVMKVMKVM" */
}

static __init void detect_xsave(void)
{
    u32 r[4];
    cpuid(0xd, 0, r);
    cpu.xfeatures = r[0] & 0xe7; /* x87 SSE AVX AVX-512; not AMX, PKRU, MPX */
    if ((cpu.xfeatures & 0xe4) != 0xe4)
        cpu.xfeatures &= 7;
    cpuid(0xd, 1, r);
    cpu.xsaveopt = r[0] & 1;
}

static __init void detect_brand(void)
{
    for (u32 i = 0; i < 3 && cpu.max_ext_leaf >= 0x80000004; i++) {
        u32 r[4];
        cpuid(0x80000002 + i, 0, r);
        memcpy(cpu.brand + 16 * i, r, 16);
    }
}

static __init void detect_extended(void)
{
    u32 r[4];
    cpuid(0x80000000, 0, r);
    cpu.max_ext_leaf = r[0];
    cpuid(0x80000001, 0, r);
    cpu.ext1_ecx = r[2];
    cpu.ext1_edx = r[3];
    cpu.nx = r[3] >> 20 & 1;
    cpu.pdpe1gb = r[3] >> 26 & 1;
    cpu.rdtscp = r[3] >> 27 & 1;
    if (cpu.max_ext_leaf >= 0x80000007) {
        cpuid(0x80000007, 0, r);
        cpu.tsc_invariant = r[3] >> 8 & 1;
    }
    detect_brand();
}

__init void cpu_detect(void)
{
    u32 r[4];
    cpuid(0, 0, r);
    cpu.max_leaf = r[0];
    memcpy(cpu.vendor, &r[1], 4);
    memcpy(cpu.vendor + 4, &r[3], 4);
    memcpy(cpu.vendor + 8, &r[2], 4);
    cpuid(1, 0, r);
    cpu.leaf1_eax = r[0];
    cpu.leaf1_ecx = r[2];
    cpu.leaf1_edx = r[3];
    cpu.pge = r[3] >> 13 & 1;
    cpu.x2apic = r[2] >> 21 & 1;
    cpu.tsc_deadline = r[2] >> 24 & 1;
    cpu.xsave = r[2] >> 26 & 1;
    cpu.rdrand = r[2] >> 30 & 1;
    cpu.hypervisor = r[2] >> 31;
    if (cpu.max_leaf >= 7) {
        cpuid(7, 0, r);
        cpu.leaf7_ebx = r[1];
        cpu.leaf7_ecx = r[2];
        cpu.leaf7_edx = r[3];
        cpu.fsgsbase = r[1] & 1;
        cpu.smep = r[1] >> 7 & 1;
        cpu.erms = r[1] >> 9 & 1;
        cpu.rdseed = r[1] >> 18 & 1;
        cpu.smap = r[1] >> 20 & 1;
        cpu.umip = r[2] >> 2 & 1;
        cpu.fsrm = r[3] >> 4 & 1;
    }
    detect_extended();
    if (cpu.xsave && cpu.max_leaf >= 0xd)
        detect_xsave();
    else
        cpu.xsave = false;
    if (cpu.hypervisor)
        detect_hypervisor();
}

static __init void set_gate(u32 vector, u32 ist, u32 dpl)
{
    u64 entry = (u64)trap_stubs + vector * TRAP_STUB_SIZE;
    idt[vector] = (struct idt_gate){
        .offset0 = (u16)entry,
        .selector = KERNEL_CS,
        .ist = (u8)ist,
        .type = (u8)(0x8e | dpl << 5), /* interrupt gate */
        .offset1 = (u16)(entry >> 16),
        .offset2 = (u32)(entry >> 32),
    };
}

static __init void build_idt(void)
{
    for (u32 v = 0; v < 256; v++)
        set_gate(v, 0, 0);
    set_gate(TRAP_NMI, IST_NMI, 0);
    set_gate(TRAP_DF, IST_DF, 0);
    set_gate(TRAP_MC, IST_MC, 0);
    set_gate(TRAP_DB, IST_DB, 0);
    set_gate(TRAP_BP, 0, 3);
    set_gate(TRAP_OF, 0, 3);
}

static __init void drop_smap_sites(void)
{
    for (const u32 *s = _smap_sites_start; s < _smap_sites_end; s++)
        memcpy((void *)(KERNEL_BASE + *s), "\x0f\x1f\x00", 3); /* NOP of three bytes; the image is writable yet */
}

static __init void use_sti(void)
{
    for (const u32 *s = _irq_on_sites_start; s < _irq_on_sites_end; s++)
        memcpy((void *)(KERNEL_BASE + *s), "\xfb\x0f\x1f\x44\x00\x00", 6); /* sti, NOP of five bytes */
}

static void load_tables(struct percpu *c)
{
    struct cpu_tables *t = c->tables;
    u64 tss = (u64)&t->tss;
    memset(t->gdt, 0, sizeof(t->gdt));
    t->gdt[1] = 0x00cf9b000000ffff;
    t->gdt[SEL_KERNEL_CS >> 3] = 0x00af9b000000ffff;
    t->gdt[SEL_KERNEL_SS >> 3] = 0x00cf93000000ffff;
    t->gdt[SEL_USER_CS32 >> 3] = 0x00cffb000000ffff;
    t->gdt[SEL_USER_SS >> 3] = 0x00cff3000000ffff;
    t->gdt[SEL_USER_CS >> 3] = 0x00affb000000ffff;
    t->gdt[SEL_TSS >> 3] = (sizeof(struct tss) - 1) | (tss & 0xffffff) << 16 | 0x89ul << 40 | (tss >> 24 & 0xff) << 56;
    t->gdt[(SEL_TSS >> 3) + 1] = tss >> 32;
    t->gdt[SEL_CPU_NUMBER >> 3] = 0x0040f10000000000 | c->id; /* limit = number of the CPU */
    memset(&t->tss, 0, sizeof(t->tss));
    for (u32 i = 0; i < IST_COUNT; i++)
        t->tss.ist[i] = (u64)t + (i + 1) * IST_SIZE;
    t->tss.iomap = sizeof(struct tss);

    struct {
        u16 limit;
        u64 base;
    } __packed gdtr = {sizeof(t->gdt) - 1, (u64)t->gdt}, idtr = {sizeof(idt) - 1, (u64)idt};
    __asm__ volatile("lgdt %0\n\t"
                     "movl %2, %%ss\n\t"
                     "lidt %1\n\t"
                     "ltr %w3"
                     :
                     : "m"(gdtr), "m"(idtr), "r"(SEL_KERNEL_SS), "r"(SEL_TSS)
                     : "memory");
}

static void set_control_registers(void)
{
    u64 cr4 = CR4_PAE | CR4_OSFXSR | CR4_OSXMMEXCPT;
    cr4 |= cpu.leaf1_edx & 1u << 7 ? CR4_MCE : 0;
    cr4 |= cpu.pge ? CR4_PGE : 0;
    cr4 |= cpu.umip ? CR4_UMIP : 0;
    cr4 |= cpu.fsgsbase ? CR4_FSGSBASE : 0;
    cr4 |= cpu.xsave ? CR4_OSXSAVE : 0;
    cr4 |= cpu.smep ? CR4_SMEP : 0;
    cr4 |= cpu.smap ? CR4_SMAP : 0;
    __asm__ volatile("movq %0, %%cr0" ::"r"(CR0_VALUE));
    __asm__ volatile("movq %0, %%cr4" ::"r"(cr4));
    if (cpu.xsave)
        __asm__ volatile("xsetbv" ::"c"(0), "a"((u32)cpu.xfeatures), "d"((u32)(cpu.xfeatures >> 32)));
}

static void set_msrs(struct percpu *c)
{
    wrmsr(MSR_STAR, (u64)KERNEL_CS << 32 | (u64)SEL_USER_CS32 << 48);
    wrmsr(MSR_LSTAR, (u64)syscall_entry);
    wrmsr(MSR_CSTAR, (u64)syscall_entry_compat);
    wrmsr(MSR_SFMASK, SYSCALL_MASK);
    wrmsr(MSR_SYSENTER_CS, 0); /* SYSENTER faults */
    if (cpu.rdtscp)
        wrmsr(MSR_TSC_AUX, c->id);
}

void cpu_init_this(struct percpu *c)
{
    if (c->id == 0) {
        c->tables = &boot_tables;
        c->online = 1;
        c->timer_deadline = NS_FOREVER;
        build_idt();
        if (!cpu.smap)
            drop_smap_sites();
        if (!cpu.tcg)
            use_sti();
    }
    load_tables(c);
    set_control_registers();
    set_msrs(c);
    if (c->id == 0) {
        cpu_uses_fsgsbase = cpu.fsgsbase;
        u32 r[4] = {0, 512};
        if (cpu.xsave)
            cpuid(0xd, 0, r);
        cpu.xstate_size = r[1];
    }
}

int cpu_alloc_tables(struct percpu *c)
{
    c->tables = hook_pages_alloc(2 + IST_ORDER);
    return c->tables ? 0 : -ENOMEM;
}

void cpu_set_rsp0(struct percpu *c, u64 rsp)
{
    c->kernel_rsp = rsp;
    c->tss_rsp0 = rsp;
    c->tables->tss.rsp[0] = rsp;
}

void cpu_set_tls(u32 slot, u64 descriptor)
{
    this_cpu()->tables->gdt[(SEL_TLS_FIRST >> 3) + slot] = descriptor;
}
