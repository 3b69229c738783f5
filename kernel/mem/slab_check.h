/* SPDX-License-Identifier: MIT */
/*
 * The checked build's part of slab.c, and what stands for it in the release build. Included there alone.
 *
 * A slot: [red zone] object [red zone] [track]. A free object is filled with 0x6b (its first word is the chain); the red
 * zones tell free (bb) from in use (cc). Free and alloc check both, which catches what the sanitizer does not see (writes by
 * assembly); the sanitizer's shadow of all that is not an object in use is poisoned. The track tells who allocated the
 * object, and who freed it. Objects freed are kept from use for a while, in a ring a CPU (process context only).
 */
#ifdef SLIPWAY_DEBUG
#define RED_SIZE 8u
#define RED_FREE 0xbbbbbbbbbbbbbbbbul
#define RED_USED 0xccccccccccccccccul

static u64 *red_before(void *obj)
{
    return (u64 *)obj - 1;
}
static u64 *red_after(const struct slab_cache *c, void *obj)
{
    return (u64 *)((char *)obj + ALIGN_UP(MAX(c->size, 8u), 8u));
}
static void mark_object(struct slab_cache *c, void *obj, u64 red)
{
    *red_before(obj) = red;
    *red_after(c, obj) = red;
}
static void check_object(struct slab_cache *c, void *obj, u64 red)
{
    if (*red_before(obj) != red || *red_after(c, obj) != red)
        panic("slab %s: %s %p: red zones %lx %lx", c->name, red == RED_USED ? "free of bad object" : "bad free object",
              obj, (unsigned long)*red_before(obj), (unsigned long)*red_after(c, obj));
}

/* ---- tracks --------------------------------------------------------------------------------------------------- */

#ifdef SLIPWAY_KASAN
#define TRACK_PCS 7u
struct track {
    u32 cpu;
    u32 pcs[TRACK_PCS]; /* low halves; 0: no more */
};
struct tracks {
    struct track alloc, free;
};
#define TRACK_SIZE ((u32)sizeof(struct tracks))

static struct tracks *tracks_of(const struct slab_cache *c, void *obj)
{
    return (struct tracks *)(red_after(c, obj) + 1);
}
static void track_take(struct track *t, const void *frame)
{
    const u64 *f = frame;
    u32 n = 0;
    t->cpu = cpu_id();
    while (n < TRACK_PCS && f && f[1] >= KERNEL_BASE) {
        const u64 *next = (const u64 *)f[0];
        t->pcs[n++] = (u32)f[1];
        f = next > f && (u64)next - (u64)f < PAGE_SIZE * 8 ? next : NULL;
    }
    if (n < TRACK_PCS)
        t->pcs[n] = 0;
}
static void track_alloc(const struct slab_cache *c, void *obj, const void *frame)
{
    struct tracks *t = tracks_of(c, obj);
    track_take(&t->alloc, frame);
    kasan_unpoison(obj, c->size);
}
static void track_free(const struct slab_cache *c, void *obj, const void *frame)
{
    if (kasan_is_freed(obj))
        kasan_fail(obj, "double free");
    track_take(&tracks_of(c, obj)->free, frame);
    kasan_unpoison(obj, c->size); /* what kmalloc had rounded up */
}
static void track_freed(const struct slab_cache *c, void *obj)
{
    kasan_poison(obj, ALIGN_UP(MAX(c->size, 8u), 8u), KASAN_HEAP_FREED);
}
static void track_slab(const struct slab_cache *c, void *slab)
{
    kasan_poison(slab, PAGE_SIZE << c->order, KASAN_HEAP_BORDER);
}

static void track_print(const char *what, const struct track *t)
{
    klog(LOG_EMERG, "  %s on CPU %u by:", what, t->cpu);
    for (u32 i = 0; i < TRACK_PCS && t->pcs[i]; i++) {
        u64 pc = 0xffffffff00000000ul | t->pcs[i], offset = 0;
        const char *name = ksym_find(pc - 1, &offset);
        klog(LOG_EMERG, "    %s+0x%lx", name ? name : "?", (unsigned long)offset + 1);
    }
}

void hook_describe_memory(u64 a)
{
    if (a < DIRECT_MAP || (a - DIRECT_MAP) >> PAGE_SHIFT >= page_array_end)
        return;
    struct page *p = virt_page((void *)a);
    if (!(p->flags & PAGE_SLAB)) {
        klog(LOG_EMERG, "  page %lx: flags %x, refs %u", (unsigned long)page_pfn(p), p->flags, p->refs.v);
        return;
    }
    p -= p->slab_tail;
    struct slab_cache *c = caches[p->slab_cache];
    u64 slot = (u64)page_addr(p) + (a - (u64)page_addr(p)) / c->stride * c->stride;
    void *obj = (void *)(slot + c->offset);
    klog(LOG_EMERG, "  %ld bytes into the object %p of %u bytes, %s", (long)(a - (u64)obj), obj, c->size, c->name);
    if (tracks_of(c, obj)->alloc.pcs[0] != 0x6b6b6b6bu)
        track_print("allocated", &tracks_of(c, obj)->alloc);
    if (kasan_is_freed(obj))
        track_print("freed", &tracks_of(c, obj)->free);
}

/* ---- the quarantine ------------------------------------------------------------------------------------------- */

#define QUARANTINE_OBJECTS 256u
#define QUARANTINE_BYTES (256ul << 10)
static struct quarantine {
    u32 first, count;
    u64 bytes;
    void *objects[QUARANTINE_OBJECTS];
} quarantines[MAX_CPUS];

/* False: not here, not now. */
static bool quarantine_add(struct slab_cache *c, void *obj)
{
    struct quarantine *q = &quarantines[cpu_id()];
    if (this_cpu()->irq_depth || q->count == QUARANTINE_OBJECTS)
        return false;
    q->objects[(q->first + q->count++) % QUARANTINE_OBJECTS] = obj;
    q->bytes += c->stride;
    return true;
}

/* Takes the oldest object out when it is time. */
static bool quarantine_is_full(struct slab_cache **c, void **obj)
{
    struct quarantine *q = &quarantines[cpu_id()];
    if (this_cpu()->irq_depth || (q->count < QUARANTINE_OBJECTS && q->bytes <= QUARANTINE_BYTES))
        return false;
    *obj = q->objects[q->first];
    *c = caches[virt_page(*obj)->slab_cache];
    q->first = (q->first + 1) % QUARANTINE_OBJECTS;
    q->count--;
    q->bytes -= (*c)->stride;
    return true;
}
#endif

/* ---- the life of an object ------------------------------------------------------------------------------------ */

#ifndef SLIPWAY_KASAN
#define TRACK_SIZE 0u
static void track_alloc(const struct slab_cache *c, void *obj, const void *frame)
{
    (void)c, (void)obj, (void)frame;
}
static void track_free(const struct slab_cache *c, void *obj, const void *frame)
{
    (void)c, (void)obj, (void)frame;
}
static void track_freed(const struct slab_cache *c, void *obj)
{
    (void)c, (void)obj;
}
static void track_slab(const struct slab_cache *c, void *slab)
{
    (void)c, (void)slab;
}
#endif

static void note_alloc(struct slab_cache *c, void *obj, const void *frame)
{
    check_object(c, obj, RED_FREE);
    const u8 *b = obj;
    for (u32 i = 8; i < c->size; i++) {
        if (b[i] != 0x6b)
            panic("slab %s: object %p written after free at %u: %x", c->name, obj, i, b[i]);
    }
    mark_object(c, obj, RED_USED);
    track_alloc(c, obj, frame);
}
static void note_free(struct slab_cache *c, void *obj, const void *frame)
{
    struct page *p = virt_page(obj);
    if (!(p->flags & PAGE_SLAB) || caches[p->slab_cache] != c)
        panic("slab %s: free of foreign object %p", c->name, obj);
    track_free(c, obj, frame);
    check_object(c, obj, RED_USED);
    memset(obj, 0x6b, c->size);
    track_freed(c, obj);
    mark_object(c, obj, RED_FREE);
}
static void note_slab(struct slab_cache *c, void *slab)
{
    for (u32 i = 0; i < c->per_slab; i++) {
        void *obj = (char *)slab + (u64)i * c->stride + c->offset;
        memset(obj, 0x6b, c->size);
        mark_object(c, obj, RED_FREE);
    }
    track_slab(c, slab);
    for (u32 i = 0; i < c->per_slab; i++)
        track_freed(c, (char *)slab + (u64)i * c->stride + c->offset);
}
#else
#define RED_SIZE 0u
#define TRACK_SIZE 0u
static inline void note_alloc(struct slab_cache *c, void *obj, const void *frame)
{
    (void)c, (void)obj, (void)frame;
}
static inline void note_free(struct slab_cache *c, void *obj, const void *frame)
{
    (void)c, (void)obj, (void)frame;
}
static inline void note_slab(struct slab_cache *c, void *slab)
{
    (void)c, (void)slab;
}
#endif

#ifndef SLIPWAY_KASAN
static inline bool quarantine_add(struct slab_cache *c, void *obj)
{
    (void)c, (void)obj;
    return false;
}
static inline bool quarantine_is_full(struct slab_cache **c, void **obj)
{
    (void)c, (void)obj;
    return false;
}
#endif
