// SPDX-License-Identifier: MIT
/*
 * The kernel's half of the address space. boot.S made first tables; paging_init splits the image into pages with W^X
 * rights, maps RAM above 4 GiB, and drops the identity mapping.
 *
 * The direct map covers the image too, writable but not executable; no alias is both.
 */
#include "arch/paging.h"
#include "arch/boot.h"
#include "arch/cpu.h"
#include "arch/hooks.h"
#include "arch/kasan.h"
#include "arch/spinlock.h"
#include "arch/thread.h"
#include "lib/printf.h"
#include "lib/string.h"

#define IMAGE_PTS 8 /* 16 MiB from physical 0; kernel.ld asserts that the image fits */
#define DIRECT_SLOT 273
#define KMAP_SLOT 402
#define GIB (1ul << 30)
#define KSTACK_SLOT (2 * KSTACK_SIZE)

extern pte_t boot_pml4[512], boot_pdpt_direct[512], boot_pdpt_kernel[512], boot_pd_kernel[512];
extern char _text_end[], _rodata_end[], _init_text_start[], _init_text_end[], _init_data_start[], _init_data_end[];

static pte_t image_pt[IMAGE_PTS][512] __aligned(4096);
static pte_t kmap_pdpt[512] __aligned(4096), kmap_pd[512] __aligned(4096), kmap_pt[512] __aligned(4096);

paddr_t kernel_pgd;
static u64 nx; /* PTE_NX when the CPU has it */
static struct spinlock kmap_lock = SPINLOCK_INIT(LOCK_KMAP);
static u64 kmap_next = KMAP_BASE; /* (kmap_lock) never goes back */

static bool in_kstack_area(u64 a)
{
    return a >= KSTACK_AREA && a < KSTACK_AREA_END;
}

/* Of a stack in the area, or an address in it. */
static paddr_t kstack_to_phys(u64 a)
{
    return (a - KSTACK_AREA) / KSTACK_SLOT * KSTACK_SIZE + a % KSTACK_SIZE;
}

paddr_t virt_to_phys(const void *v)
{
    u64 a = (u64)v;
    if (unlikely(in_kstack_area(a)))
        return kstack_to_phys(a);
    ASSERT(a >= KERNEL_BASE || (a >= DIRECT_MAP && a < KMAP_BASE));
    return a >= KERNEL_BASE ? a - KERNEL_BASE : a - DIRECT_MAP;
}

static pte_t *table_entry(pte_t *entry)
{
    return phys_to_virt(*entry & PTE_ADDR);
}

static pte_t *image_entry(u64 va)
{
    u64 phys = va - KERNEL_BASE;
    return &image_pt[phys >> HUGE_SHIFT][phys >> PAGE_SHIFT & 511];
}

static __init void map_image(void)
{
    for (u64 a = (u64)_kernel_start; a < (u64)_kernel_end; a += PAGE_SIZE) {
        u64 flags = a < (u64)_text_end ? 0 : a < (u64)_rodata_end ? nx : nx | PTE_W;
        *image_entry(a) = (a - KERNEL_BASE) | flags | PTE_P | PTE_A | PTE_D | PTE_G;
    }
    for (u32 i = 0; i < IMAGE_PTS; i++)
        boot_pd_kernel[i] = virt_to_phys(image_pt[i]) | PTE_P | PTE_W | PTE_A;
}

/* One GiB of the direct map, above the first four. */
static __init void map_direct(u64 gib)
{
    pte_t *pml4e = &boot_pml4[DIRECT_SLOT + (gib >> 9)];
    if (!*pml4e)
        *pml4e = virt_to_phys(hook_pages_alloc(0)) | PTE_P | PTE_W | PTE_A;
    pte_t *pdpte = &table_entry(pml4e)[gib & 511];
    if (*pdpte)
        return;
    u64 flags = nx | PTE_P | PTE_W | PTE_A | PTE_D | PTE_G | PTE_PS;
    if (cpu.pdpe1gb) {
        *pdpte = gib * GIB | flags;
        return;
    }
    pte_t *pd = hook_pages_alloc(0);
    for (u64 i = 0; i < 512; i++)
        pd[i] = (gib * GIB + (i << HUGE_SHIFT)) | flags;
    *pdpte = virt_to_phys(pd) | PTE_P | PTE_W | PTE_A;
}

__init void paging_init(void)
{
    nx = cpu.nx ? PTE_NX : 0;
    kernel_pgd = virt_to_phys(boot_pml4);
    map_image();
    for (u32 i = 0; i < 4; i++) /* no code runs in the direct map; on a directory NX counts for all below it */
        boot_pdpt_direct[i] |= nx;
    kmap_pd[0] = virt_to_phys(kmap_pt) | PTE_P | PTE_W | PTE_A;
    kmap_pdpt[0] = virt_to_phys(kmap_pd) | PTE_P | PTE_W | PTE_A;
    boot_pml4[KMAP_SLOT] = virt_to_phys(kmap_pdpt) | PTE_P | PTE_W | PTE_A;
    boot_pml4[0] = 0;
    write_cr3(kernel_pgd);
}

static void unmap_image(const char *start, const char *end)
{
    for (u64 a = (u64)start; a < (u64)end; a += PAGE_SIZE) {
        *image_entry(a) = 0;
        invlpg(a);
    }
}

void paging_drop_init(void)
{
    unmap_image(_init_text_start, _init_text_end);
    unmap_image(_init_data_start, _init_data_end);
}

__init void paging_map_high_ram(void)
{
    for (u32 i = 0; i < boot_info.range_count; i++) {
        const struct boot_range *r = &boot_info.ranges[i];
        if (r->type != 1 || r->end <= 4 * GIB)
            continue;
        for (u64 g = MAX(r->start, 4 * GIB) / GIB; g * GIB < r->end; g++)
            map_direct(g);
    }
}

void paging_init_pgd(pte_t *pgd)
{
    memcpy(pgd + 256, boot_pml4 + 256, 256 * sizeof(pte_t));
}

/* The entry of a kernel mapping's page; NULL: no memory for a table. (kmap_lock) */
static pte_t *kmap_entry(u64 va)
{
    pte_t *pdpte = &kmap_pdpt[va >> 30 & 511];
    if (!*pdpte) {
        void *pd = hook_pages_alloc(0);
        if (!pd)
            return NULL;
        *pdpte = virt_to_phys(pd) | PTE_P | PTE_W | PTE_A;
    }
    pte_t *pde = &table_entry(pdpte)[va >> HUGE_SHIFT & 511];
    if (!*pde) {
        void *pt = hook_pages_alloc(0);
        if (!pt)
            return NULL;
        *pde = virt_to_phys(pt) | PTE_P | PTE_W | PTE_A;
    }
    return &table_entry(pde)[va >> PAGE_SHIFT & 511];
}

void *mmio_map(paddr_t p, size_t len)
{
    u64 first = ALIGN_DOWN(p, PAGE_SIZE), size = ALIGN_UP(p + len, PAGE_SIZE) - first;
    spin_lock(&kmap_lock);
    u64 va = kmap_next;
    for (u64 off = 0; off < size; off += PAGE_SIZE) {
        pte_t *e = kmap_entry(va + off);
        if (!e) {
            spin_unlock(&kmap_lock);
            return NULL;
        }
        *e = (first + off) | nx | PTE_P | PTE_W | PTE_PCD | PTE_PWT | PTE_A | PTE_D | PTE_G;
    }
    kmap_next = va + size + PAGE_SIZE;
    spin_unlock(&kmap_lock);
    return (void *)(va + (p - first));
}

u64 kstack_map(void *pages)
{
    paddr_t p = virt_to_phys(pages);
    u64 va = KSTACK_AREA + p / KSTACK_SIZE * KSTACK_SLOT + KSTACK_SIZE;
    if (!IS_ALIGNED(p, KSTACK_SIZE) || va >= KSTACK_AREA_END)
        return (u64)pages;
    spin_lock(&kmap_lock);
    pte_t *e = kasan_map_kstack(va, p) ? kmap_entry(va) : NULL;
    for (u64 i = 0; e && i < KSTACK_SIZE / PAGE_SIZE && !e[i]; i++)
        e[i] = (p + i * PAGE_SIZE) | nx | PTE_P | PTE_W | PTE_A | PTE_D | PTE_G;
    spin_unlock(&kmap_lock);
    return e ? va : (u64)pages;
}

void *kstack_pages(u64 kstack)
{
    return phys_to_virt(virt_to_phys((void *)kstack));
}
