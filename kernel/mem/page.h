/* SPDX-License-Identifier: MIT */
/*
 * Page frames. One struct page of 32 bytes for every frame of RAM, in one array; buddy allocator with per-CPU lists of
 * single pages. Spinlocks only, callable from interrupts with MEM_NOWAIT.
 *
 * Life: free (in the buddy) → page_alloc (refcount 1) → page_get/page_put → at 0 back to the buddy. Frames of the
 * embedded archive are born with refcount 1 and PAGE_ARCHIVE, held by the archive file system, and die like any other;
 * their struct pages come to life in groups on first use: ask for them by mem_archive_page() only.
 *
 * A struct page is valid when its frame heads a block of the buddy's partition (free or allocated), is part of a slab or
 * of an archive group in use, or belongs to the kernel image. Everything else of the array may be garbage: at boot
 * nothing is written for memory nobody uses yet.
 */
#ifndef MEM_PAGE_H
#define MEM_PAGE_H

#include "arch/paging.h"
#include "lib/atomic.h"
#include "lib/list.h"
#include "lib/types.h"

enum page_flags {
    PAGE_BUDDY = 1,    /* head of a free block */
    PAGE_RESERVED = 2, /* not RAM, or the kernel's own: never freed */
    PAGE_SLAB = 4,
    PAGE_HEAD = 8,     /* head of an allocation of order > 0 */
    PAGE_ARCHIVE = 16, /* still holds the archive's bytes */
    PAGE_ANON = 32,    /* anonymous memory; `mapcount` and COW rules of vm/ apply */
    PAGE_CACHE = 64,   /* in a page cache: mapping/index valid */
    PAGE_DIRTY = 128,  /* differs from the archive: cannot be dropped */
    PAGE_REFERENCED = 256,
    PAGE_PINNED = 512,   /* device I/O: fork copies it at once instead of sharing it */
    PAGE_PGTABLE = 1024, /* a page table */
};

struct page {
    u32 flags; /* atomic once shared */
    refcount_t refs;
    union {
        struct list lru; /* free lists, reclaim lists, a cache's slabs */
        struct {
            struct mapping *mapping; /* PAGE_CACHE: whose */
            u64 index;               /* in pages */
        };
        struct {
            u64 pt_lock; /* PAGE_PGTABLE: struct spinlock (vm/) */
            u64 pt_used;
        };
    };
    union {
        u32 order; /* PAGE_BUDDY, PAGE_HEAD */
        struct {
            u16 slab_inuse; /* PAGE_SLAB, first page: objects not on its free list */
            u16 slab_free;  /* number of the first free object; 0xffff: none */
        };
        u32 mapcount; /* the owner's; vm/ keeps none: every page-table entry holds a reference */
    };
    union {
        u32 private;
        struct {
            u16 slab_cache; /* PAGE_SLAB: number of its cache */
            u16 slab_tail;  /* PAGE_SLAB: distance to the slab's first page */
        };
    };
};
_Static_assert(sizeof(struct page) == 32, "struct page");

extern struct page *page_array; /* indexed by pfn */
extern pfn_t page_array_end;

static inline pfn_t page_pfn(const struct page *p)
{
    return (pfn_t)(p - page_array);
}
static inline paddr_t page_phys(const struct page *p)
{
    return page_pfn(p) << PAGE_SHIFT;
}
static inline void *page_addr(const struct page *p)
{
    return phys_to_virt(page_phys(p));
}
static inline struct page *phys_page(paddr_t a) /* RAM only */
{
    return page_array + (a >> PAGE_SHIFT);
}
static inline struct page *virt_page(const void *v) /* direct map only */
{
    return phys_page((u64)v - DIRECT_MAP);
}

enum mem_flags {
    MEM_WAIT = 0,   /* may reclaim and sleep: process context, no spinlock held */
    MEM_NOWAIT = 1, /* never sleeps; may use the reserve */
    MEM_ZERO = 2,
    MEM_USER = 4, /* for user memory: fails before the reserve is touched */
};
#define MEM_MAX_ORDER 10

struct page *page_alloc(u32 order, u32 mem_flags); /* NULL: out of memory; refcount 1 */
void page_free(struct page *p, u32 order);         /* refcount must be 1 (or 0) */
static inline void page_get(struct page *p)
{
    ref_get(&p->refs);
}
void page_put(struct page *p); /* order 0, or PAGE_HEAD: the whole block */

/* Single pages in bulk: fills out[0..n), returns how many it got. Free of order 0 pages by dropping a reference each. */
u32 page_alloc_bulk(struct page **out, u32 n, u32 mem_flags);
void page_put_bulk(struct page **pages, u32 n);
/* 2^order single pages that lie together, each with a reference of its own. NULL: none at hand; never reclaims. */
struct page *page_alloc_run(u32 order, u32 mem_flags);
void page_put_run(struct page *p,
                  u32 order); /* drops a reference of each; the block goes back whole when that was all */

/* Pages for struct-less use: direct-map addresses. */
void *pages_alloc(u32 order, u32 mem_flags);
void pages_free(void *v, u32 order);

struct mem_stats {
    u64 total_pages, free_pages, reserved_pages, slab_pages, pgtable_pages, kstack_pages, archive_pages;
    u64 cache_pages, anon_pages, shmem_pages;
};
extern struct mem_stats_counters {
    atomic64_t slab, pgtable, kstack, archive, cache, anon, shmem;
} mem_count;
void mem_get_stats(struct mem_stats *s);
/* User pages come and go one by one: counted per CPU, without atomics. Process context. */
void mem_count_anon(s64 n);
u64 mem_total_pages(void); /* RAM that the allocator was given, and archives */
u64 mem_free_pages(void);
void mem_free_blocks(u64 count[MEM_MAX_ORDER + 1]); /* of each order, what the CPUs keep for themselves excepted */
bool mem_plentiful(void);                           /* large pages are affordable */

/* Reclaim: called in process context when memory is short; frees about `want` pages, returns how many it freed. */
void mem_register_reclaim(u64 (*fn)(u64 want));
u64 mem_reclaim(u64 want); /* runs the callbacks: pages freed; 0 also while this thread reclaims already */

void mem_early_init(void);   /* boot allocator from boot_info; archive and initrd ranges are kept out */
void mem_early_shadow(void); /* checked build: the sanitizer's shadow of all RAM, an eighth of it */
void mem_init(void);         /* the array and the buddy; early allocations stay reserved */
/* Boot only, before mem_init: zeroed, never freed. */
void *mem_early_alloc(size_t size, size_t align);
/* Hands [start, end) of frames that were kept out at boot to the allocator's world as archive frames (refcount 1). */
void mem_adopt_archive(paddr_t start, paddr_t end);
/* The struct page of the archive's frame at `a`; the first use of a group of frames makes all its struct pages. */
struct page *mem_archive_page(paddr_t a);
/* After boot: the pages of __init code and data become free memory. */
void mem_free_init_data(void); /* after paging_drop_init */
/*
 * The same for boot's code, overwritten first: a translator (QEMU's TCG) watches pages that code was translated from, and every
 * store into one is slow until all of that code is gone. Not urgent, and not cheap there.
 */
void mem_free_init_text(void);

#endif
