/* SPDX-License-Identifier: MIT */
/* Between mem/early.c and mem/page.c: the free ranges of boot. */
#ifndef MEM_INTERNAL_H
#define MEM_INTERNAL_H

#include "arch/boot.h"
#include "lib/types.h"

struct mem_range {
    pfn_t start, end;
};
#define MEM_MAX_RANGES (BOOT_MAX_RANGES + 16)

/* RAM nobody has taken yet: sorted, disjoint. Final once mem_init has run. */
extern struct mem_range mem_early_ranges[MEM_MAX_RANGES];
extern u32 mem_early_count;

pfn_t mem_early_alloc_frames(u64 count, u64 align); /* not zeroed; panics when there are none */
void mem_early_give(pfn_t start, pfn_t end);        /* adds free frames */

#endif
