// SPDX-License-Identifier: MIT
/*
 * Object caches. A slab is 2^order pages cut into slots; its first struct page holds the number of objects that are
 * not on its free list and the number of the first free one; free objects are chained through their first word.
 *
 * In front of the slabs every CPU has a list of free objects (of any slab). It belongs to process context, which is
 * not preempted, so alloc and free are a push or a pop without a lock or cli. Interrupt handlers use the slabs directly.
 * cache.lock covers the slabs; objects move between list and slabs `batch` at a time.
 *
 * The checked build's part is in slab_check.h; this file sees free objects and the space between them, so its code is not
 * checked by the sanitizer.
 */
#include "mem/slab.h"

#include "arch/hooks.h"
#include "arch/kasan.h"
#include "arch/panic.h"
#include "lib/printf.h"
#include "lib/string.h"

#define MAX_CACHES 256
#define NO_OBJECT 0xffffu

static struct slab_cache *caches[MAX_CACHES]; /* by id; 0 is unused */
static u32 cache_count;
static struct spinlock caches_lock = SPINLOCK_INIT(LOCK_SLAB);

#include "mem/slab_check.h"

/* ---- a cache's geometry -------------------------------------------------------------------------------------- */

static u32 choose_order(u32 stride)
{
    u32 order = 0;
    while ((PAGE_SIZE << order) < stride)
        order++;
    while (order < 3 && (PAGE_SIZE << order) % stride > (PAGE_SIZE << order) / 8)
        order++;
    return order;
}

static void cache_init(struct slab_cache *c)
{
    u64 irq = spin_lock_irqsave(&caches_lock);
    if (!c->id) {
        u32 align = MAX(c->align, 8u);
        c->offset = RED_SIZE ? ALIGN_UP(RED_SIZE, align) : 0;
        c->stride = ALIGN_UP(c->offset + ALIGN_UP(MAX(c->size, 8u), 8u) + RED_SIZE + TRACK_SIZE, align);
        c->order = choose_order(c->stride);
        c->per_slab = (u32)MIN((PAGE_SIZE << c->order) / c->stride, NO_OBJECT - 1ul);
        c->batch = MIN(MAX(4096u / c->stride, 2u), 32u);
        spin_init(&c->lock, LOCK_SLAB);
        list_init(&c->partial);
        BUG_ON(cache_count + 1 == MAX_CACHES);
        caches[++cache_count] = c;
        store_release(&c->id, cache_count);
    }
    spin_unlock_irqrestore(&caches_lock, irq);
}

bool slab_describe(u32 idx, struct slab_info *out)
{
    if (idx >= READ_ONCE(cache_count))
        return false;
    struct slab_cache *c = caches[idx + 1];
    u64 irq = spin_lock_irqsave(&c->lock);
    u64 objects = c->slabs * c->per_slab;
    struct page *p;
    list_for_each (p, &c->partial, lru)
        objects -= c->per_slab - p->slab_inuse;
    spin_unlock_irqrestore(&c->lock, irq);
    *out = (struct slab_info){c->name, c->size, c->per_slab, 1u << c->order, c->slabs, objects};
    return true;
}

/* ---- slabs: cache.lock held ---------------------------------------------------------------------------------- */

static inline void *slot_object(const struct slab_cache *c, struct page *slab, u32 i)
{
    return (char *)page_addr(slab) + (u64)i * c->stride + c->offset;
}

static inline u32 object_slot(const struct slab_cache *c, struct page *slab, const void *obj)
{
    return (u32)((const char *)obj - (const char *)page_addr(slab)) / c->stride;
}

static inline struct page *object_slab(const void *obj)
{
    struct page *p = virt_page(obj);
    return p - p->slab_tail;
}

/* Made without the lock; all its objects are chained in order. */
static struct page *slab_create(struct slab_cache *c, u32 flags)
{
    struct page *p = page_alloc(c->order, flags & ~(u32)MEM_ZERO);
    if (!p)
        return NULL;
    for (u32 i = 0; i < 1u << c->order; i++) {
        p[i].flags = PAGE_SLAB | (i == 0 && c->order ? PAGE_HEAD : 0);
        p[i].slab_cache = (u16)c->id;
        p[i].slab_tail = (u16)i;
    }
    note_slab(c, page_addr(p));
    for (u32 i = 0; i < c->per_slab; i++) {
        void *obj = slot_object(c, p, i);
        *(void **)obj = i + 1 < c->per_slab ? slot_object(c, p, i + 1) : NULL;
    }
    p->slab_inuse = 0;
    p->slab_free = 0;
    atomic_add(&mem_count.slab, 1ul << c->order);
    return p;
}

static void slab_destroy(struct slab_cache *c, struct page *p)
{
    atomic_sub(&mem_count.slab, 1ul << c->order);
    for (u32 i = 0; i < 1u << c->order; i++) {
        p[i].flags = 0;
        p[i].private = 0;
    }
    if (c->order)
        p->flags = PAGE_HEAD;
    p->order = c->order;
    page_free(p, c->order);
}

static void slab_attach(struct slab_cache *c, struct page *p)
{
    list_add(&c->partial, &p->lru);
    c->slabs++;
    c->empty++;
}

/* Takes up to n objects of the first partial slab, chained; *got how many. */
static void *slab_take(struct slab_cache *c, u32 n, u32 *got)
{
    *got = 0;
    if (list_empty(&c->partial))
        return NULL;
    struct page *p = list_first(&c->partial, struct page, lru);
    if (p->slab_inuse == 0)
        c->empty--;
    void *first = slot_object(c, p, p->slab_free), *last = first;
    for (*got = 1; *got < n && *(void **)last; (*got)++)
        last = *(void **)last;
    void *rest = *(void **)last;
    *(void **)last = NULL;
    p->slab_inuse = (u16)(p->slab_inuse + *got);
    p->slab_free = rest ? (u16)object_slot(c, p, rest) : NO_OBJECT;
    if (!rest)
        list_del(&p->lru);
    return first;
}

/* Returns the object's slab when it became superfluous: detached, for slab_destroy. */
static struct page *slab_give(struct slab_cache *c, void *obj)
{
    struct page *p = object_slab(obj);
    bool was_full = p->slab_free == NO_OBJECT;
    *(void **)obj = was_full ? NULL : slot_object(c, p, p->slab_free);
    p->slab_free = (u16)object_slot(c, p, obj);
    if (was_full)
        list_add(&c->partial, &p->lru);
    if (--p->slab_inuse > 0)
        return NULL;
    if (c->empty == 0) {
        c->empty = 1;
        return NULL;
    }
    list_del(&p->lru);
    c->slabs--;
    return p;
}

/* ---- the CPU's list ------------------------------------------------------------------------------------------ */

/* Up to n objects, from the slabs or from a new one. */
static void *fetch(struct slab_cache *c, u32 n, u32 flags, u32 *got)
{
    u64 irq = spin_lock_irqsave(&c->lock);
    void *list = slab_take(c, n, got);
    spin_unlock_irqrestore(&c->lock, irq);
    if (list)
        return list;
    struct page *fresh = slab_create(c, flags);
    if (!fresh)
        return NULL;
    irq = spin_lock_irqsave(&c->lock);
    slab_attach(c, fresh);
    list = slab_take(c, n, got);
    spin_unlock_irqrestore(&c->lock, irq);
    return list;
}

static void give_back(struct slab_cache *c, void *list, u32 n)
{
    struct page *dead = NULL;
    u64 irq = spin_lock_irqsave(&c->lock);
    for (void *next; n > 0; n--, list = next) {
        next = *(void **)list; // cppcheck-suppress nullPointer ; n objects are on the list
        struct page *p = slab_give(c, list);
        if (p) {
            p->lru.next = (struct list *)dead;
            dead = p;
        }
    }
    spin_unlock_irqrestore(&c->lock, irq);
    while (dead) {
        struct page *next = (struct page *)dead->lru.next;
        slab_destroy(c, dead);
        dead = next;
    }
}

static void *alloc_slow(struct slab_cache *c, u32 flags)
{
    if (!load_acquire(&c->id))
        cache_init(c);
    u32 got;
    if (this_cpu()->irq_depth)
        return fetch(c, 1, flags | MEM_NOWAIT, &got);
    void *list = fetch(c, c->batch, flags, &got); /* may sleep, and wake elsewhere */
    if (!list)
        return NULL;
    struct slab_cpu *cpu = &c->cpu[cpu_id()];
    void *rest = *(void **)list;
    if (rest) {
        void *last = rest;
        while (*(void **)last)
            last = *(void **)last;
        *(void **)last = cpu->freelist;
        cpu->freelist = rest;
        cpu->count += got - 1;
    }
    return list;
}

void *slab_alloc(struct slab_cache *c, u32 flags)
{
    struct percpu *me = this_cpu();
    struct slab_cpu *cpu = &c->cpu[me->id];
    void *obj = cpu->freelist;
    if (likely(obj && !me->irq_depth)) {
        cpu->freelist = *(void **)obj;
        cpu->count--;
    } else {
        obj = alloc_slow(c, flags);
        if (unlikely(!obj))
            return NULL;
    }
    note_alloc(c, obj, __builtin_frame_address(0));
    if (flags & MEM_ZERO)
        memset(obj, 0, c->size);
    return obj;
}

/* The list is twice a batch long: the older half goes back. */
static void trim(struct slab_cache *c, struct slab_cpu *cpu)
{
    void *keep = cpu->freelist;
    u32 kept = 1;
    for (; kept < c->batch; kept++)
        keep = *(void **)keep;
    void *list = *(void **)keep;
    u32 n = cpu->count - kept;
    *(void **)keep = NULL;
    cpu->count = kept;
    give_back(c, list, n);
}

static void put_object(struct slab_cache *c, void *obj)
{
    struct percpu *me = this_cpu();
    if (unlikely(me->irq_depth)) {
        *(void **)obj = NULL;
        give_back(c, obj, 1);
        return;
    }
    struct slab_cpu *cpu = &c->cpu[me->id];
    *(void **)obj = cpu->freelist;
    cpu->freelist = obj;
    if (unlikely(++cpu->count > 2 * c->batch))
        trim(c, cpu);
}

void slab_free(struct slab_cache *c, void *obj)
{
    note_free(c, obj, __builtin_frame_address(0));
    if (!quarantine_add(c, obj))
        put_object(c, obj);
    while (quarantine_is_full(&c, &obj))
        put_object(c, obj);
}

/* ---- kmalloc ------------------------------------------------------------------------------------------------- */

#define KMALLOC(n, nm)                                                                    \
    {                                                                                     \
        .name = nm, .size = (n), .align = ((n) & ((n)-1)) ? 8 : ((n) < 4096 ? (n) : 4096) \
    }
static struct slab_cache kmalloc_caches[] = {
    KMALLOC(8, "kmalloc-8"),       KMALLOC(16, "kmalloc-16"),     KMALLOC(24, "kmalloc-24"),
    KMALLOC(32, "kmalloc-32"),     KMALLOC(48, "kmalloc-48"),     KMALLOC(64, "kmalloc-64"),
    KMALLOC(96, "kmalloc-96"),     KMALLOC(128, "kmalloc-128"),   KMALLOC(192, "kmalloc-192"),
    KMALLOC(256, "kmalloc-256"),   KMALLOC(384, "kmalloc-384"),   KMALLOC(512, "kmalloc-512"),
    KMALLOC(768, "kmalloc-768"),   KMALLOC(1024, "kmalloc-1k"),   KMALLOC(1536, "kmalloc-1.5k"),
    KMALLOC(2048, "kmalloc-2k"),   KMALLOC(3072, "kmalloc-3k"),   KMALLOC(4096, "kmalloc-4k"),
    KMALLOC(6144, "kmalloc-6k"),   KMALLOC(8192, "kmalloc-8k"),   KMALLOC(12288, "kmalloc-12k"),
    KMALLOC(16384, "kmalloc-16k"), KMALLOC(24576, "kmalloc-24k"), KMALLOC(32768, "kmalloc-32k"),
};
#define KMALLOC_MAX 32768ul

/* 8 → 0, 16 → 1, then two a power of two: 24, 32, 48, 64 … */
static inline u32 size_index(size_t n)
{
    if (n <= 8)
        return 0;
    if (n <= 16)
        return 1;
    u32 log = 63 - (u32)__builtin_clzl(n - 1); /* 2^log < n <= 2^(log+1) */
    return 2 * (log - 4) + 2 + (n > (3ul << (log - 1)));
}

static void *kmalloc_large(size_t n, u32 flags)
{
    u32 order = 0;
    while ((PAGE_SIZE << order) < n)
        order++;
    void *v = order > MEM_MAX_ORDER ? NULL : pages_alloc(order, flags);
    if (v)
        kasan_fit(v, n, PAGE_SIZE << order);
    return v;
}

void *kmalloc(size_t n, u32 flags)
{
    if (unlikely(n > KMALLOC_MAX))
        return n > PAGE_SIZE << MEM_MAX_ORDER ? NULL : kmalloc_large(n, flags);
    struct slab_cache *c = &kmalloc_caches[size_index(n)];
    void *v = slab_alloc(c, flags);
    if (v)
        kasan_fit(v, n, c->size);
    return v;
}

void *kzalloc(size_t n, u32 flags)
{
    return kmalloc(n, flags | MEM_ZERO);
}

void *kcalloc(size_t n, size_t size, u32 flags)
{
    size_t bytes;
    return __builtin_mul_overflow(n, size, &bytes) ? NULL : kmalloc(bytes, flags | MEM_ZERO);
}

static size_t usable_size(const void *v)
{
    struct page *p = virt_page(v);
    if (p->flags & PAGE_SLAB)
        return caches[p->slab_cache]->size;
    return PAGE_SIZE << (p->flags & PAGE_HEAD ? p->order : 0);
}

void *krealloc(void *old, size_t n, u32 flags)
{
    if (!old)
        return kmalloc(n, flags);
    size_t have = usable_size(old);
    if (n <= have && n > have / 4) {
        kasan_fit(old, n, have);
        return old;
    }
    kasan_unpoison(old, have);
    void *v = kmalloc(n, flags & ~(u32)MEM_ZERO);
    if (v) {
        memcpy(v, old, MIN(n, have));
        kfree(old);
    }
    return v;
}

void kfree(const void *v)
{
    if (!v)
        return;
    struct page *p = virt_page(v);
    if (likely(p->flags & PAGE_SLAB))
        slab_free(caches[p->slab_cache], (void *)v);
    else
        page_put(p);
}

char *kstrdup(const char *s, u32 flags)
{
    return kmemdup(s, strlen(s) + 1, flags);
}

void *kmemdup(const void *p, size_t n, u32 flags)
{
    void *v = kmalloc(n, flags);
    if (v)
        memcpy(v, p, n);
    return v;
}
