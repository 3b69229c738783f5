// SPDX-License-Identifier: MIT
/*
 * The page allocator: buddy blocks of 2^0..2^10 pages, and per-CPU stacks of single pages in front of it.
 *
 * Boot writes almost nothing: whole 4 MiB groups of free RAM stay "raw", a pair of numbers a range, until the buddy runs
 * out of blocks and carves the next group; only then is the group's first struct page written, and those of halves
 * as blocks are split. A buddy is looked at only inside its own group, where by the invariant in page.h it is either the
 * head of a block, hence valid, or in a part of the group that boot marked reserved (groups that are not all free).
 *
 * Locks: zone.lock (LOCK_BUDDY, interrupts off) covers lists, raw ranges and free_pages. A CPU's stack is used by its
 * process context only, so it needs neither lock nor cli; interrupt handlers go to the buddy.
 */
#include "mem/page.h"

#include "arch/copy.h"
#include "arch/kasan.h"
#include "arch/percpu.h"
#include "arch/spinlock.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "mem/internal.h"

struct page *page_array;
pfn_t page_array_end;
struct mem_stats_counters mem_count;

#define GROUP_PAGES (1ul << MEM_MAX_ORDER)

static struct zone {
    struct spinlock lock;
    struct list free[MEM_MAX_ORDER + 1];
    u64 blocks[MEM_MAX_ORDER + 1]; /* on each list */
    u64 free_pages;                /* in lists and raw ranges */
    u64 reserve;                   /* pages only MEM_NOWAIT, and half of it MEM_WAIT, may use; constant */
    u32 raw_count;
    struct mem_range raw[MEM_MAX_RANGES]; /* of whole groups, never touched */
} zone = {.lock = SPINLOCK_INIT(LOCK_BUDDY)};

#define CPU_PAGES 128u
#define CPU_BATCH 32u
struct cpu_pages {
    u32 count;
    s64 anon; /* this CPU's part of the number of anonymous pages */
    struct page *pages[CPU_PAGES];
};
static struct cpu_pages boot_cpu_pages;
static struct cpu_pages *cpu_pages[MAX_CPUS] = {&boot_cpu_pages}; /* made on first use by the CPU itself */

static u64 total_pages;
static u64 reserved_pages; /* of them not the allocator's at boot: kernel image, this array, archives */
static u64 *group_ready;   /* a bit a group that is all archive: its struct pages are made */

/* ---- the buddy: zone.lock held ------------------------------------------------------------------------------- */

static void insert_block(struct page *p, u32 order)
{
    p->flags = PAGE_BUDDY;
    p->refs.v = 0;
    p->order = order;
    list_add(&zone.free[order], &p->lru);
    zone.blocks[order]++;
}

static struct page *carve_raw(void)
{
    if (!zone.raw_count)
        return NULL;
    struct mem_range *r = &zone.raw[0];
    struct page *p = &page_array[r->start];
    r->start += GROUP_PAGES;
    if (r->start == r->end)
        *r = zone.raw[--zone.raw_count];
    return p;
}

static struct page *take_block(u32 order)
{
    u32 o = order;
    while (o <= MEM_MAX_ORDER && list_empty(&zone.free[o]))
        o++;
    struct page *p;
    if (o > MEM_MAX_ORDER) {
        p = carve_raw();
        if (!p)
            return NULL;
        o = MEM_MAX_ORDER;
    } else {
        p = list_first(&zone.free[o], struct page, lru);
        list_del(&p->lru);
        zone.blocks[o]--;
    }
    while (o > order) {
        o--;
        insert_block(p + (1ul << o), o);
    }
    zone.free_pages -= 1ul << order;
    p->flags = 0;
    return p;
}

static void give_block(struct page *p, u32 order)
{
    zone.free_pages += 1ul << order;
    pfn_t pfn = page_pfn(p);
    for (; order < MEM_MAX_ORDER; order++) {
        pfn_t buddy = pfn ^ (1ul << order);
        if (buddy >= page_array_end)
            break;
        struct page *b = &page_array[buddy];
        if (!(b->flags & PAGE_BUDDY) || b->order != order)
            break;
        list_del(&b->lru);
        zone.blocks[order]--;
        b->flags = 0;
        pfn &= ~(1ul << order);
    }
    insert_block(&page_array[pfn], order);
}

/* How many free pages must remain after an allocation with these flags. */
static u64 floor_of(u32 flags)
{
    if (flags & MEM_USER)
        return zone.reserve;
    return flags & MEM_NOWAIT ? 0 : zone.reserve / 2;
}

static struct page *take_checked(u32 order, u32 flags)
{
    if (unlikely(zone.free_pages < floor_of(flags) + (1ul << order)))
        return NULL;
    return take_block(order);
}

static struct page *buddy_alloc(u32 order, u32 flags)
{
    u64 irq = spin_lock_irqsave(&zone.lock);
    struct page *p = take_checked(order, flags);
    spin_unlock_irqrestore(&zone.lock, irq);
    return p;
}

static void buddy_free(struct page *p, u32 order)
{
    u64 irq = spin_lock_irqsave(&zone.lock);
    give_block(p, order);
    spin_unlock_irqrestore(&zone.lock, irq);
}

/* ---- the checked build's poison ------------------------------------------------------------------------------ */

#ifdef SLIPWAY_DEBUG
#define POISON_BYTE 0x6b
#define POISON_MARK 0x6b6b5a5au /* in page.private while the frame is free and filled */
static void poison_page(struct page *p)
{
    if (p->flags & (PAGE_BUDDY | PAGE_RESERVED) || ref_read(&p->refs) > 1)
        panic("page %lx freed twice or in use: flags %x, refs %u", (unsigned long)page_pfn(p), p->flags, p->refs.v);
    kasan_unpoison(page_addr(p), PAGE_SIZE); /* kmalloc's last page */
    memset(page_addr(p), POISON_BYTE, PAGE_SIZE);
    kasan_poison(page_addr(p), PAGE_SIZE, KASAN_FREE_PAGE);
    p->private = POISON_MARK;
}
static void check_poison(struct page *p)
{
    kasan_unpoison(page_addr(p), PAGE_SIZE);
    if (p->private != POISON_MARK)
        return;
    const u64 *w = page_addr(p);
    for (u32 i = 0; i < PAGE_SIZE / 8; i++) {
        if (w[i] != 0x6b6b6b6b6b6b6b6bul)
            panic("page %lx written after free: %lx at %u", (unsigned long)page_pfn(p), (unsigned long)w[i], i * 8);
    }
}
/* A block that is handed out whole: its pages lose their marks. */
static void check_block(struct page *p, u32 order)
{
    for (u32 i = 0; i < 1u << order; i++) {
        check_poison(&p[i]);
        p[i].private = 0;
    }
}
#else
static void check_block(struct page *p, u32 order)
{
    (void)p, (void)order;
}
static void poison_page(struct page *p)
{
    (void)p;
}
static void check_poison(struct page *p)
{
    (void)p;
}
#endif

/* ---- per-CPU stacks of single pages -------------------------------------------------------------------------- */

static struct cpu_pages *new_cpu_pages(u32 cpu)
{
    struct page *p = buddy_alloc(0, MEM_NOWAIT);
    if (!p)
        return NULL;
    check_block(p, 0);
    p->flags = PAGE_RESERVED;
    p->refs.v = 1;
    struct cpu_pages *c = page_addr(p);
    memset(c, 0, sizeof(*c));
    cpu_pages[cpu] = c;
    return c;
}

/* The calling CPU's stack; NULL in an interrupt handler (or out of memory). Valid until the caller sleeps. */
static inline struct cpu_pages *my_pages(void)
{
    struct percpu *me = this_cpu();
    if (unlikely(me->irq_depth))
        return NULL;
    struct cpu_pages *c = cpu_pages[me->id];
    return likely(c) ? c : new_cpu_pages(me->id);
}

/* The order in which a batch is best taken: the smallest block there is. Fragments have been used before, so the
 * host has memory behind them; untouched memory costs a fault out there. */
static u32 refill_order(u32 max)
{
    for (u32 o = 0; o < max; o++) {
        if (!list_empty(&zone.free[o]))
            return o;
    }
    return max;
}

static bool refill(struct cpu_pages *c, u32 flags)
{
    u64 irq = spin_lock_irqsave(&zone.lock);
    u32 batch = zone.free_pages > 16 * zone.reserve ? CPU_BATCH : CPU_BATCH / 4;
    while (c->count < batch) {
        u32 order = refill_order(31 - (u32)__builtin_clz(batch - c->count));
        struct page *run = take_checked(order, flags);
        if (!run)
            break;
        for (u32 i = 1u << order; i-- > 0;)
            c->pages[c->count++] = &run[i];
    }
    spin_unlock_irqrestore(&zone.lock, irq);
    return c->count > 0;
}

static void drain(struct cpu_pages *c, u32 n)
{
    u64 irq = spin_lock_irqsave(&zone.lock);
    for (; n > 0 && c->count > 0; n--)
        give_block(c->pages[--c->count], 0);
    spin_unlock_irqrestore(&zone.lock, irq);
}

static inline struct page *alloc_single(u32 flags)
{
    struct cpu_pages *c = my_pages();
    struct page *p;
    if (unlikely(!c))
        p = buddy_alloc(0, flags);
    else if (likely(c->count) || refill(c, flags))
        p = c->pages[--c->count];
    else
        p = NULL;
    if (unlikely(!p))
        return NULL;
    check_poison(p);
    p->flags = 0;
    p->private = 0;
    p->refs.v = 1;
    return p;
}

static inline void free_single(struct page *p)
{
    poison_page(p);
    p->flags = 0;
    p->refs.v = 0;
    struct cpu_pages *c = my_pages();
    if (unlikely(!c)) {
        buddy_free(p, 0);
        return;
    }
    if (unlikely(c->count == CPU_PAGES))
        drain(c, CPU_BATCH);
    c->pages[c->count++] = p;
}

/* ---- reclaim ------------------------------------------------------------------------------------------------- */

#define MAX_RECLAIM 8
static u64 (*reclaim_fns[MAX_RECLAIM])(u64 want);
static u32 reclaim_count;
static struct thread *reclaimers[MAX_CPUS]; /* threads inside a callback: must not come in again */
static struct spinlock reclaim_lock = SPINLOCK_INIT(LOCK_BUDDY);

void mem_register_reclaim(u64 (*fn)(u64 want))
{
    BUG_ON(reclaim_count == MAX_RECLAIM);
    reclaim_fns[reclaim_count++] = fn;
}

static bool enter_reclaim(u32 *slot)
{
    u64 irq = spin_lock_irqsave(&reclaim_lock);
    u32 found = MAX_CPUS;
    bool inside = false;
    for (u32 i = 0; i < MAX_CPUS; i++) {
        inside |= reclaimers[i] == current_thread();
        if (!reclaimers[i])
            found = i;
    }
    bool ok = !inside && found < MAX_CPUS;
    if (ok)
        reclaimers[found] = current_thread();
    spin_unlock_irqrestore(&reclaim_lock, irq);
    *slot = found;
    return ok;
}

u64 mem_reclaim(u64 want)
{
    u32 slot;
    if (!reclaim_count || !current_thread() || !enter_reclaim(&slot))
        return 0;
    struct cpu_pages *c = my_pages();
    if (c)
        drain(c, CPU_PAGES); /* merges: an allocation of higher order may succeed by this alone */
    u64 freed = 0;
    for (u32 i = 0; i < reclaim_count && freed < want; i++)
        freed += reclaim_fns[i](want - freed);
    store_release(&reclaimers[slot], NULL);
    return freed;
}

static struct page *try_alloc(u32 order, u32 flags)
{
    if (order == 0)
        return alloc_single(flags);
    struct page *p = buddy_alloc(order, flags);
    if (p) {
        check_block(p, order);
        p->flags = PAGE_HEAD;
        p->order = order;
        p->private = 0;
        p->refs.v = 1;
    }
    return p;
}

static struct page *alloc_reclaiming(u32 order, u32 flags)
{
    for (u32 tries = 0; tries < 4; tries++) {
        u64 freed = mem_reclaim(MAX(64ul, 2ul << order));
        struct page *p = try_alloc(order, flags);
        if (p)
            return p;
        if (!freed)
            break;
    }
    return NULL;
}

/* ---- the public face ----------------------------------------------------------------------------------------- */

struct page *page_alloc(u32 order, u32 flags)
{
    struct page *p = try_alloc(order, flags);
    if (unlikely(!p) && !(flags & MEM_NOWAIT) && order <= MEM_MAX_ORDER)
        p = alloc_reclaiming(order, flags);
    if (p && flags & MEM_ZERO) {
        if (order == 0)
            clear_page(page_addr(p));
        else
            memset(page_addr(p), 0, PAGE_SIZE << order);
    }
    return p;
}

void page_free(struct page *p, u32 order)
{
    if (order == 0) {
        free_single(p);
        return;
    }
    ASSERT(p->flags & PAGE_HEAD && p->order == order);
    p->flags = 0;
    p->refs.v = 0;
    p->private = 0;
    kasan_poison(page_addr(p), PAGE_SIZE << order, KASAN_FREE_PAGE);
    buddy_free(p, order);
}

void page_put(struct page *p)
{
    if (!ref_put(&p->refs))
        return;
    ASSERT(!(p->flags & (PAGE_RESERVED | PAGE_SLAB | PAGE_BUDDY)));
    if (unlikely(p->flags & PAGE_ARCHIVE))
        atomic_sub(&mem_count.archive, 1);
    if (unlikely(p->flags & PAGE_HEAD))
        page_free(p, p->order);
    else
        free_single(p);
}

u32 page_alloc_bulk(struct page **out, u32 n, u32 flags)
{
    u32 got = 0;
    while (got < n && (out[got] = alloc_single(flags))) {
        if (flags & MEM_ZERO)
            clear_page(page_addr(out[got]));
        got++;
    }
    if (!got && n && (out[0] = page_alloc(0, flags)))
        got = 1;
    return got;
}

void page_put_bulk(struct page **pages, u32 n)
{
    for (u32 i = 0; i < n; i++)
        page_put(pages[i]);
}

struct page *page_alloc_run(u32 order, u32 flags)
{
    struct page *p = buddy_alloc(order, flags);
    if (p)
        check_block(p, order);
    for (u32 i = 0; p && i < 1u << order; i++) {
        p[i].flags = 0;
        p[i].private = 0;
        p[i].refs.v = 1;
    }
    if (p && flags & MEM_ZERO)
        memset(page_addr(p), 0, PAGE_SIZE << order);
    return p;
}

void page_put_run(struct page *p, u32 order)
{
    u32 n = 1u << order, i = 0;
    while (i < n && ref_read(&p[i].refs) == 1)
        i++;
    if (i < n) {
        for (i = 0; i < n; i++)
            page_put(&p[i]);
        return;
    }
    for (i = 0; i < n; i++) {
        poison_page(&p[i]);
        p[i].flags = 0;
        p[i].refs.v = 0;
    }
    buddy_free(p, order);
}

void *pages_alloc(u32 order, u32 flags)
{
    struct page *p = page_alloc(order, flags);
    return p ? page_addr(p) : NULL;
}

void pages_free(void *v, u32 order)
{
    if (v)
        page_free(virt_page(v), order);
}

/* ---- figures ------------------------------------------------------------------------------------------------- */

void mem_count_anon(s64 n)
{
    struct cpu_pages *c = my_pages();
    if (c)
        c->anon += n;
    else
        atomic_add(&mem_count.anon, (u64)n);
}

u64 mem_total_pages(void)
{
    return total_pages;
}

u64 mem_free_pages(void)
{
    u64 n = READ_ONCE(zone.free_pages);
    for (u32 i = 0; i < cpu_count; i++)
        n += cpu_pages[i] ? READ_ONCE(cpu_pages[i]->count) : 0;
    return n;
}

bool mem_plentiful(void)
{
    return READ_ONCE(zone.free_pages) > total_pages / 4 + 4096;
}

void mem_get_stats(struct mem_stats *s)
{
    s64 anon = (s64)atomic_read(&mem_count.anon);
    for (u32 i = 0; i < cpu_count; i++)
        anon += cpu_pages[i] ? READ_ONCE(cpu_pages[i]->anon) : 0;
    *s = (struct mem_stats){
        .total_pages = total_pages,
        .free_pages = mem_free_pages(),
        .reserved_pages = reserved_pages - atomic_read(&mem_count.archive),
        .slab_pages = atomic_read(&mem_count.slab),
        .pgtable_pages = atomic_read(&mem_count.pgtable),
        .kstack_pages = atomic_read(&mem_count.kstack),
        .archive_pages = atomic_read(&mem_count.archive),
        .cache_pages = atomic_read(&mem_count.cache),
        .anon_pages = anon > 0 ? (u64)anon : 0,
        .shmem_pages = atomic_read(&mem_count.shmem),
    };
}

void mem_free_blocks(u64 count[MEM_MAX_ORDER + 1])
{
    u64 flags = spin_lock_irqsave(&zone.lock);
    for (u32 order = 0; order <= MEM_MAX_ORDER; order++)
        count[order] = zone.blocks[order];
    for (u32 i = 0; i < zone.raw_count; i++)
        count[MEM_MAX_ORDER] += (zone.raw[i].end - zone.raw[i].start) / GROUP_PAGES;
    spin_unlock_irqrestore(&zone.lock, flags);
}

/* ---- boot ---------------------------------------------------------------------------------------------------- */

static void mark(pfn_t start, pfn_t end, u32 flags)
{
    for (struct page *p = &page_array[start]; p < &page_array[end]; p++) {
        p->flags = flags;
        p->refs.v = 1;
    }
}

/* Marks the part of a gap between free ranges that shares a group with free memory. */
static __init void mark_gap(pfn_t start, pfn_t end)
{
    pfn_t first_end = MIN(ALIGN_UP(start, GROUP_PAGES), end);
    mark(start, first_end, PAGE_RESERVED);
    mark(MAX(ALIGN_DOWN(end, GROUP_PAGES), first_end), end, PAGE_RESERVED);
}

static __init void add_free_range(pfn_t start, pfn_t end)
{
    zone.free_pages += end - start;
    while (start < end) {
        if (IS_ALIGNED(start, GROUP_PAGES) && end - start >= GROUP_PAGES) {
            pfn_t stop = ALIGN_DOWN(end, GROUP_PAGES);
            zone.raw[zone.raw_count++] = (struct mem_range){start, stop};
            start = stop;
            continue;
        }
        u32 order = start ? (u32)__builtin_ctzl(start) : MEM_MAX_ORDER;
        while (order > MEM_MAX_ORDER || (1ul << order) > end - start)
            order = order > MEM_MAX_ORDER ? MEM_MAX_ORDER : order - 1;
        insert_block(&page_array[start], order);
        start += 1ul << order;
    }
}

/* The array as large as the highest RAM needs; the parts for holes of the address space are given back. */
static __init void make_array(void)
{
    for (u32 i = 0; i < boot_info.range_count; i++) {
        const struct boot_range *r = &boot_info.ranges[i];
        if (r->type != 1)
            continue;
        total_pages += (r->end - r->start) >> PAGE_SHIFT;
        page_array_end = MAX(page_array_end, r->end >> PAGE_SHIFT);
    }
    u64 frames = (page_array_end * sizeof(struct page) + PAGE_SIZE - 1) >> PAGE_SHIFT;
    pfn_t base = mem_early_alloc_frames(frames, 1);
    page_array = phys_to_virt(base << PAGE_SHIFT);
#if defined(SLIPWAY_DEBUG) && !defined(SLIPWAY_HOST)
    memset(page_array, 0, frames << PAGE_SHIFT); /* no poison marks from the last boot */
#endif
    pfn_t hole = 0;
    for (u32 i = 0; i < boot_info.range_count; i++) {
        const struct boot_range *r = &boot_info.ranges[i];
        if (r->type != 1)
            continue;
        u64 from = ALIGN_UP(hole, GROUP_PAGES), to = ALIGN_DOWN(r->start >> PAGE_SHIFT, GROUP_PAGES);
        if (from < to)
            mem_early_give(base + (from * sizeof(struct page) >> PAGE_SHIFT),
                           base + (to * sizeof(struct page) >> PAGE_SHIFT));
        hole = r->end >> PAGE_SHIFT;
    }
}

__init void mem_init(void)
{
    make_array();
    u64 groups = (page_array_end + GROUP_PAGES - 1) / GROUP_PAGES;
    group_ready = mem_early_alloc((groups + 63) / 64 * 8, 8);
    for (u32 o = 0; o <= MEM_MAX_ORDER; o++)
        list_init(&zone.free[o]);
    pfn_t kernel = ((u64)_kernel_start - KERNEL_BASE) >> PAGE_SHIFT;
    mark(kernel, ((u64)_kernel_end - KERNEL_BASE + PAGE_SIZE - 1) >> PAGE_SHIFT, PAGE_RESERVED);
    pfn_t gap = 0;
    for (u32 i = 0; i < mem_early_count; i++) {
        mark_gap(gap, mem_early_ranges[i].start);
        gap = mem_early_ranges[i].end;
    }
    mark_gap(gap, MIN(ALIGN_UP(gap, GROUP_PAGES), page_array_end));
    for (u32 i = 0; i < mem_early_count; i++)
        add_free_range(mem_early_ranges[i].start, mem_early_ranges[i].end);
    reserved_pages = total_pages - zone.free_pages;
    zone.reserve = MIN(MAX(zone.free_pages / 128, 16ul), 1024ul);
}

/* ---- archives ------------------------------------------------------------------------------------------------ */

#define MAX_ARCHIVES 2
static struct mem_range archives[MAX_ARCHIVES];
static u32 archive_count;
static struct spinlock archive_lock = SPINLOCK_INIT(LOCK_BUDDY);

/* Frames in groups shared with other memory live at once, the rest on demand. */
void mem_adopt_archive(paddr_t start, paddr_t end)
{
    BUG_ON(archive_count == MAX_ARCHIVES);
    struct mem_range r = {start >> PAGE_SHIFT, (end + PAGE_SIZE - 1) >> PAGE_SHIFT};
    archives[archive_count++] = r;
    atomic_add(&mem_count.archive, r.end - r.start);
    pfn_t whole = MIN(ALIGN_UP(r.start, GROUP_PAGES), r.end);
    pfn_t rest = MAX(ALIGN_DOWN(r.end, GROUP_PAGES), whole);
    mark(r.start, whole, PAGE_ARCHIVE);
    mark(rest, r.end, PAGE_ARCHIVE);
}

static bool group_in_archive(pfn_t group_start)
{
    for (u32 i = 0; i < archive_count; i++) {
        if (archives[i].start <= group_start && group_start + GROUP_PAGES <= archives[i].end)
            return true;
    }
    return false;
}

struct page *mem_archive_page(paddr_t a)
{
    pfn_t pfn = a >> PAGE_SHIFT;
    u64 group = pfn / GROUP_PAGES, bit = 1ul << (group % 64), *word = &group_ready[group / 64];
    if (likely(load_acquire(word) & bit))
        return &page_array[pfn];
    pfn_t start = group * GROUP_PAGES;
    if (!group_in_archive(start))
        return &page_array[pfn];
    u64 irq = spin_lock_irqsave(&archive_lock);
    if (!(*word & bit)) {
        mark(start, start + GROUP_PAGES, PAGE_ARCHIVE);
        store_release(word, *word | bit);
    }
    spin_unlock_irqrestore(&archive_lock, irq);
    return &page_array[pfn];
}

static void free_image(char *start, char *end)
{
    pfn_t pfn = ((u64)start - KERNEL_BASE) >> PAGE_SHIFT, stop = ((u64)end - KERNEL_BASE) >> PAGE_SHIFT;
    for (; pfn < stop; pfn++) {
        page_array[pfn].flags = 0;
        page_put(&page_array[pfn]);
    }
}

void mem_free_init_data(void)
{
    extern char _init_data_start[], _init_data_end[];
    free_image(_init_data_start, _init_data_end);
}

void mem_free_init_text(void)
{
    extern char _init_text_start[], _init_text_end[];
    for (char *p = _init_text_start; p < _init_text_end; p += PAGE_SIZE)
        clear_page(phys_to_virt((u64)p - KERNEL_BASE));
    free_image(_init_text_start, _init_text_end);
}
