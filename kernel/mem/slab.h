/* SPDX-License-Identifier: MIT */
/*
 * Object caches with per-CPU free lists over the page allocator; kmalloc in power-of-two and 3/4 sizes to 32 KiB, above
 * that whole pages (to 4 MiB). Any context with MEM_NOWAIT. The checked build poisons (0x6b) and red-zones.
 */
#ifndef MEM_SLAB_H
#define MEM_SLAB_H

#include "arch/percpu.h"
#include "arch/spinlock.h"
#include "lib/list.h"
#include "mem/page.h"

struct slab_cpu {
    void *freelist;
    u32 count;
};
struct slab_cache {
    const char *name;
    u32 size, align; /* as asked; real stride in `stride` */
    u32 stride, order, per_slab;
    struct spinlock lock; /* LOCK_SLAB: partial */
    struct list partial;
    struct list all; /* every cache, for /proc/slabinfo */
    u64 slabs;
    struct slab_cpu cpu[MAX_CPUS];
};
#define SLAB_CACHE(var, nm, type)                                                                                      \
    struct slab_cache var = {.name = (nm), .size = sizeof(type), .align = _Alignof(type)}
/* Initialised on first use. */
void *slab_alloc(struct slab_cache *c, u32 mem_flags) __attribute__((malloc));
void slab_free(struct slab_cache *c, void *p);

void *kmalloc(size_t size, u32 mem_flags) __attribute__((malloc, alloc_size(1)));
void *kzalloc(size_t size, u32 mem_flags) __attribute__((malloc, alloc_size(1)));
void *kcalloc(size_t n, size_t size, u32 mem_flags); /* overflow: NULL */
void *krealloc(void *p, size_t size, u32 mem_flags);
void kfree(const void *p); /* NULL is fine */
char *kstrdup(const char *s, u32 mem_flags);
void *kmemdup(const void *p, size_t n, u32 mem_flags);

#endif
