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
    void *freelist; /* of that CPU's process context only: interrupts go to the slabs under the lock */
    u32 count;
};
struct slab_cache {
    const char *name;
    u32 size, align; /* as asked; real stride in `stride` */
    u32 stride, order, per_slab;
    u32 offset;           /* from the start of a slot to the object (checked build: a red zone before it) */
    u32 batch;            /* objects moved between a CPU's list and the slabs at once */
    struct spinlock lock; /* LOCK_SLAB: partial, slabs, empty */
    struct list partial;  /* slabs with free objects */
    struct list all;      /* every cache, for /proc/slabinfo */
    u64 slabs;
    u32 empty; /* of them without any object handed out */
    u32 id;    /* its number in page.slab_cache; 0: not initialised yet (published last) */
    struct slab_cpu cpu[MAX_CPUS];
};
#define SLAB_CACHE(var, nm, type) struct slab_cache var = {.name = (nm), .size = sizeof(type), .align = _Alignof(type)}
/* Initialised on first use. MEM_ZERO is honoured. */
void *slab_alloc(struct slab_cache *c, u32 mem_flags) __attribute__((malloc));
void slab_free(struct slab_cache *c, void *obj);

/* Statistics of the idx-th cache: false when there is none. */
struct slab_info {
    const char *name;
    u32 size, per_slab, pages_per_slab;
    u64 slabs, objects; /* objects: handed out, or in a CPU's list */
};
bool slab_describe(u32 idx, struct slab_info *out);

void *kmalloc(size_t n, u32 mem_flags) __attribute__((malloc, alloc_size(1)));
void *kzalloc(size_t n, u32 mem_flags) __attribute__((malloc, alloc_size(1)));
void *kcalloc(size_t n, size_t size, u32 mem_flags); /* overflow: NULL */
void *krealloc(void *old, size_t n, u32 mem_flags);
void kfree(const void *v); /* NULL is fine */
char *kstrdup(const char *s, u32 mem_flags);
void *kmemdup(const void *p, size_t n, u32 mem_flags);

#endif
