// SPDX-License-Identifier: MIT
/*
 * Memory before the page allocator: the RAM of boot_info without what is in use already (the kernel image, the
 * archives, what firmware may have left below 64 KiB and above 576 KiB). Allocations come from the lowest range
 * above 1 MiB that has room, right behind the kernel, and are never freed. One CPU, no locks.
 */
#include "arch/kasan.h"
#include "boot_contract.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "mem/internal.h"
#include "mem/page.h"

struct mem_range mem_early_ranges[MEM_MAX_RANGES];
u32 mem_early_count;

#define LOW_START (0x10000 >> PAGE_SHIFT) /* below: the real-mode IVT and BDA, loaders' tables, the CPUs' trampoline */
#define LOW_END (0x90000 >> PAGE_SHIFT)   /* above: EBDA, MP and ACPI tables */
#define MIB1 (0x100000 >> PAGE_SHIFT)

static __init void insert_at(u32 i, pfn_t start, pfn_t end)
{
    if (mem_early_count == MEM_MAX_RANGES)
        panic("memory map: more than %d ranges", MEM_MAX_RANGES);
    memmove(&mem_early_ranges[i + 1], &mem_early_ranges[i], (mem_early_count - i) * sizeof(struct mem_range));
    mem_early_ranges[i] = (struct mem_range){start, end};
    mem_early_count++;
}

static __init void remove_at(u32 i)
{
    mem_early_count--;
    memmove(&mem_early_ranges[i], &mem_early_ranges[i + 1], (mem_early_count - i) * sizeof(struct mem_range));
}

__init void mem_early_give(pfn_t start, pfn_t end)
{
    u32 i = 0;
    while (i < mem_early_count && mem_early_ranges[i].start < start)
        i++;
    if (start >= end)
        return;
    insert_at(i, start, end);
    kasan_poison(phys_to_virt(start << PAGE_SHIFT), (end - start) << PAGE_SHIFT, KASAN_FREE_PAGE);
}

/* Takes [start, end) out of the free ranges. */
static __init void keep_out(pfn_t start, pfn_t end)
{
    for (u32 i = 0; i < mem_early_count && start < end; i++) {
        struct mem_range *r = &mem_early_ranges[i], old = *r;
        if (old.end <= start || old.start >= end)
            continue;
        if (old.start < start) {
            r->end = start;
            if (old.end > end)
                insert_at(i + 1, end, old.end);
        } else if (old.end > end) {
            r->start = end;
        } else {
            remove_at(i--);
        }
    }
}

static __init void keep_out_bytes(paddr_t start, u64 size)
{
    keep_out(start >> PAGE_SHIFT, (start + size + PAGE_SIZE - 1) >> PAGE_SHIFT);
}

__init void mem_early_init(void)
{
    for (u32 i = 0; i < boot_info.range_count; i++) {
        const struct boot_range *r = &boot_info.ranges[i];
        if (r->type == 1)
            mem_early_give((r->start + PAGE_SIZE - 1) >> PAGE_SHIFT, r->end >> PAGE_SHIFT);
    }
    keep_out(0, LOW_START);
    keep_out(LOW_END, MIB1);
    paddr_t kernel = (u64)_kernel_start - KERNEL_BASE;
    keep_out_bytes(kernel, (u64)(_kernel_end - _kernel_start));
    if (archive_slot.paddr)
        keep_out_bytes(archive_slot.paddr, archive_slot.size);
    if (boot_info.initrd_size)
        keep_out_bytes(boot_info.initrd, boot_info.initrd_size);
}

__init pfn_t mem_early_alloc_frames(u64 count, u64 align)
{
    for (u32 i = 0; i < mem_early_count; i++) {
        pfn_t start = ALIGN_UP(mem_early_ranges[i].start, align);
        if (start < MIB1 || start + count > mem_early_ranges[i].end)
            continue;
        keep_out(start, start + count);
        kasan_unpoison(phys_to_virt(start << PAGE_SHIFT), count << PAGE_SHIFT);
        return start;
    }
    panic("memory: no room for %lu KiB at boot; give the machine more", (unsigned long)(count * PAGE_SIZE >> 10));
}

/* Small pieces share a page. */
__init void *mem_early_alloc(size_t size, size_t align)
{
    static __initdata char *next, *end;
    char *p = (char *)ALIGN_UP((u64)next, align);
    if (!next || p + size > end) {
        u64 frames = (size + PAGE_SIZE - 1) >> PAGE_SHIFT;
        p = phys_to_virt(mem_early_alloc_frames(frames, MAX(align >> PAGE_SHIFT, 1ul)) << PAGE_SHIFT);
        memset(p, 0, frames << PAGE_SHIFT);
        end = p + (frames << PAGE_SHIFT);
    }
    next = p + size;
    return p;
}

#ifdef SLIPWAY_KASAN
static __init void shadow_range(paddr_t start, paddr_t end)
{
    for (paddr_t a = ALIGN_DOWN(start, KASAN_CHUNK); a < end; a += KASAN_CHUNK)
        if (!kasan_has_chunk(a))
            kasan_map_chunk(a, mem_early_alloc_frames(HUGE_SIZE >> PAGE_SHIFT, HUGE_SIZE >> PAGE_SHIFT) << PAGE_SHIFT);
}

__init void mem_early_shadow(void)
{
    for (u32 i = 0; i < boot_info.range_count; i++)
        if (boot_info.ranges[i].type == 1)
            shadow_range(boot_info.ranges[i].start, boot_info.ranges[i].end);
    kasan_begin();
    for (u32 i = 0; i < mem_early_count; i++) {
        const struct mem_range *r = &mem_early_ranges[i];
        kasan_poison(phys_to_virt(r->start << PAGE_SHIFT), (r->end - r->start) << PAGE_SHIFT, KASAN_FREE_PAGE);
    }
}
#else
void mem_early_shadow(void) {}
#endif
