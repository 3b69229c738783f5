// SPDX-License-Identifier: MIT
/*
 * Memory for arch/, which stands above mem/ and knows it by arch/hooks.h only.
 */
#include "arch/cpu.h"
#include "arch/hooks.h"
#include "mem/page.h"
#include "mem/slab.h"

static struct slab_cache vector_cache = {.name = "vector-state", .align = 64};

void *hook_pages_alloc(u32 order)
{
    if (!page_array)
        return mem_early_alloc(PAGE_SIZE << order, PAGE_SIZE);
    return pages_alloc(order, MEM_NOWAIT | MEM_ZERO);
}

void hook_pages_free(void *p, u32 order)
{
    pages_free(p, order);
}

void *hook_alloc(size_t size)
{
    return kzalloc(size, MEM_WAIT);
}

void hook_free(void *p)
{
    kfree(p);
}

void *hook_vector_state_alloc(void)
{
    if (!vector_cache.size) /* the first user thread is made before there are two CPUs */
        vector_cache.size = ALIGN_UP(cpu.xstate_size, 64u);
    return slab_alloc(&vector_cache, MEM_WAIT);
}

void hook_vector_state_free(void *p)
{
    slab_free(&vector_cache, p);
}
