/* SPDX-License-Identifier: MIT */
/*
 * Page tables (4 levels) and the kernel's half of the address space.
 *
 *   0000000000001000 – 00007fffffffefff  user
 *   ffff888000000000 – +64 TiB           direct map of all RAM (and low MMIO), 1 GiB or 2 MiB pages, NX
 *   ffffc90000000000 – +32 TiB           mmio_map() and other kernel mappings, 4 KiB pages
 *   ffffec0000000000 – +16 TiB           checked build: the sanitizer's shadow (kasan.h)
 *   ffffffff80000000 – +1 GiB            kernel image (text RX, rodata R, data RW)
 * The upper half's PML4 entries exist from boot on and are the same in every address space.
 */
#ifndef ARCH_PAGING_H
#define ARCH_PAGING_H

#include "lib/types.h"

#define USER_END 0x00007ffffffff000ul /* first address beyond user space (TASK_SIZE of Linux) */
#define DIRECT_MAP 0xffff888000000000ul
#define KMAP_BASE 0xffffc90000000000ul
#define KERNEL_BASE 0xffffffff80000000ul
/* Second half of the kernel mappings' 512 GiB: stacks, each above a guard as large as itself. */
#define KSTACK_AREA (KMAP_BASE + (256ul << 30))
#define KSTACK_AREA_END (KMAP_BASE + (512ul << 30))

typedef u64 pte_t;
#define PTE_P 1ul
#define PTE_W 2ul
#define PTE_U 4ul
#define PTE_PWT 8ul
#define PTE_PCD 16ul
#define PTE_A 32ul
#define PTE_D 64ul
#define PTE_PS 128ul
#define PTE_G 256ul
#define PTE_SW1 (1ul << 9) /* free for vm/ */
#define PTE_SW2 (1ul << 10)
#define PTE_SW3 (1ul << 11)
#define PTE_NX (1ul << 63)
#define PTE_ADDR 0x000ffffffffff000ul

static inline void *phys_to_virt(paddr_t p)
{
    return (void *)(DIRECT_MAP + p);
}
paddr_t virt_to_phys(const void *v); /* direct map or kernel image */

void paging_init(void);         /* image with W^X, no identity mapping; the first 4 GiB are mapped from boot on */
void paging_map_high_ram(void); /* RAM above 4 GiB; after mem_early_init */
void paging_drop_init(void);    /* unmaps .init, whose pages are about to be freed; before other CPUs are up */

/* Fills a fresh PML4 page's upper half. */
void paging_init_pgd(pte_t *pgd);
extern paddr_t kernel_pgd; /* physical; used by idle and kernel threads before any mm */

void *mmio_map(paddr_t p, size_t len); /* uncached; never unmapped; NULL: out of memory */

/* A kernel stack made of `pages` (KSTACK_SIZE, naturally aligned) at an address above a guard, where running over the end
 * faults. The address belongs to these pages for ever, so nothing is flushed or undone when they are freed. Without memory
 * for tables: the pages' own address. */
u64 kstack_map(void *pages);
void *kstack_pages(u64 kstack);

/* Invalidates [start, end) (end - start > 64 pages or all=true: everything) of the address space whose CPUs are in
 * `cpumask`, on all of them. May be called with interrupts on only, holding no lock that is taken with interrupts off.
 * Returns when every CPU has done it. */
void tlb_flush_range(u64 cpumask, paddr_t pgd, u64 start, u64 end);
/* The same when tables go: no CPU walks them any more, idle ones included. */
void tlb_flush_tables(u64 cpumask, paddr_t pgd, u64 start, u64 end);
void tlb_flush_local(u64 start, u64 end);

#endif
