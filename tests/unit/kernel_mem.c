// SPDX-License-Identifier: MIT
// cflags: -DSLIPWAY_DEBUG=1 -Wno-unused-function
/*
 * The page allocator and the slab caches against a model, on memory full of garbage: no page is handed out twice or from
 * reserved memory, everything merges again, archives come to life lazily, and the checked build's traps spring.
 */
#include "kernel_mem_host.h"

#include "boot_contract.h"
struct sw_archive_slot archive_slot;

#include "../../kernel/mem/early.c"
#include "../../kernel/mem/page.c"
#include "../../kernel/mem/slab.c"

#define ARCHIVE_START 0x1503000ul /* not at a group's border */
#define ARCHIVE_SIZE (14ul << 20)
#define FRAMES (RAM_SIZE >> PAGE_SHIFT)

static u8 *owner; /* a byte a frame: 0 nobody's */

static int boot(void **state)
{
    (void)state;
    ram_init();
    boot_info = (struct boot_info){.range_count = 3,
                                   .ranges = {{0, 0x9f000, 1}, {0x100000, 0x3fff000, 1}, {0x5000000, RAM_SIZE, 1}}};
    archive_slot = (struct sw_archive_slot){.paddr = ARCHIVE_START, .size = ARCHIVE_SIZE};
    mem_early_init();
    char *early = mem_early_alloc(100, 64);
    for (int i = 0; i < 100; i++)
        assert_int_equal(early[i], 0);
    mem_init();
    mem_adopt_archive(ARCHIVE_START, ARCHIVE_START + ARCHIVE_SIZE);
    owner = calloc(FRAMES, 1);
    return 0;
}

static void claim(pfn_t pfn, u64 n)
{
    for (; n > 0; n--, pfn++) {
        u64 a = pfn << PAGE_SHIFT;
        assert_int_equal(owner[pfn], 0);
        assert_true(a >= 0x10000 && a < RAM_SIZE);
        assert_false(a >= 0x90000 && a < KERNEL_IMAGE_END);
        assert_false(a >= ARCHIVE_START && a < ARCHIVE_START + ARCHIVE_SIZE);
        assert_false(a >= 0x3fff000 && a < 0x5000000);
        assert_false(a >= (u64)page_array - DIRECT_MAP && a < (u64)&page_array[16384] - DIRECT_MAP);
        owner[pfn] = 1;
    }
}

static void release(pfn_t pfn, u64 n)
{
    memset(owner + pfn, 0, n);
}

static u64 largest_blocks(void)
{
    u64 n = 0;
    struct page *p;
    for (u32 i = 0; i < zone.raw_count; i++)
        n += (zone.raw[i].end - zone.raw[i].start) / GROUP_PAGES;
    list_for_each (p, &zone.free[MEM_MAX_ORDER], lru)
        n++;
    return n;
}

static void test_random_pages(void **state)
{
    (void)state;
    enum { SLOTS = 3000 };
    static struct {
        struct page *p;
        u32 order;
    } held[SLOTS];
    u64 free_before = mem_free_pages(), large_before = largest_blocks();
    srand(1);
    for (int step = 0; step < 200000; step++) {
        u32 i = (u32)rand() % SLOTS;
        if (held[i].p) {
            release(page_pfn(held[i].p), 1ul << held[i].order);
            page_put(held[i].p);
            held[i].p = NULL;
            continue;
        }
        u32 r = (u32)rand() % 64, order = r < 48 ? 0 : r < 60 ? r % 4 : r < 63 ? 5 : 9;
        cpu0.irq_depth = rand() % 16 == 0;
        struct page *p = page_alloc(order, MEM_NOWAIT);
        cpu0.irq_depth = 0;
        if (!p)
            continue;
        assert_true(IS_ALIGNED(page_pfn(p), 1ul << order));
        assert_int_equal(ref_read(&p->refs), 1);
        memset(page_addr(p), step, PAGE_SIZE);
        claim(page_pfn(p), 1ul << order);
        held[i].p = p;
        held[i].order = order;
    }
    for (u32 i = 0; i < SLOTS; i++) {
        if (!held[i].p)
            continue;
        release(page_pfn(held[i].p), 1ul << held[i].order);
        page_free(held[i].p, held[i].order);
    }
    assert_int_equal(mem_free_pages(), free_before);
    drain(&boot_cpu_pages, CPU_PAGES);
    assert_int_equal(largest_blocks(), large_before);
}

static void test_all_of_it(void **state)
{
    (void)state;
    u64 n = mem_free_pages(), got = 0;
    struct page **all = calloc(n, sizeof(*all));
    while (got < n && (all[got] = page_alloc(0, MEM_NOWAIT))) {
        claim(page_pfn(all[got]), 1);
        got++;
    }
    assert_int_equal(got, n);
    assert_null(page_alloc(0, MEM_NOWAIT));
    assert_null(page_alloc(0, MEM_WAIT));
    while (got > 0) {
        release(page_pfn(all[--got]), 1);
        page_put(all[got]);
    }
    free(all);
    assert_int_equal(mem_free_pages(), n);
}

static void test_reserve(void **state)
{
    (void)state;
    struct page *user = NULL, *p;
    u64 n = 0;
    while ((p = page_alloc(0, MEM_USER))) {
        *(struct page **)page_addr(p) = user;
        user = p;
        n++;
    }
    assert_true(mem_free_pages() >= zone.reserve);
    struct page *kernel = page_alloc(0, MEM_WAIT), *irq = page_alloc(3, MEM_NOWAIT);
    assert_non_null(kernel);
    assert_non_null(irq);
    page_put(kernel);
    page_put(irq);
    for (; user; user = p) {
        p = *(struct page **)page_addr(user);
        page_put(user);
    }
    assert_true(n > 1000);
}

static u32 reclaim_calls;
static struct page *hoard;
static u64 reclaim_hoard(u64 want)
{
    u64 n = 0;
    reclaim_calls++;
    if (reclaim_count)
        assert_int_equal(mem_reclaim(10), 0); /* not from within */
    while (hoard && n < want) {
        struct page *next = *(struct page **)page_addr(hoard);
        page_put(hoard);
        hoard = next;
        n++;
    }
    return n;
}

static void test_reclaim(void **state)
{
    (void)state;
    struct page *p;
    while ((p = page_alloc(0, MEM_NOWAIT))) {
        *(struct page **)page_addr(p) = hoard;
        hoard = p;
    }
    mem_register_reclaim(reclaim_hoard);
    for (int i = 0; i < 200; i++) {
        p = page_alloc(0, MEM_USER);
        assert_non_null(p);
        page_put(p);
        p = page_alloc(1, MEM_WAIT);
        assert_non_null(p);
        page_put(p);
    }
    assert_true(reclaim_calls > 0);
    reclaim_count = 0;
    reclaim_hoard(~0ul);
}

static void test_runs(void **state)
{
    (void)state;
    u64 n = mem_free_pages();
    struct page *run = page_alloc_run(9, MEM_USER | MEM_ZERO);
    assert_non_null(run);
    claim(page_pfn(run), 512);
    for (u32 i = 0; i < 512; i++) {
        assert_int_equal(ref_read(&run[i].refs), 1);
        assert_int_equal(*(u64 *)page_addr(&run[i]), 0);
    }
    page_get(&run[7]);
    page_put_run(run, 9);
    assert_int_equal(mem_free_pages(), n - 1);
    page_put(&run[7]);
    release(page_pfn(run), 512);
    run = page_alloc_run(9, MEM_USER);
    page_put_run(run, 9);
    assert_int_equal(mem_free_pages(), n);
}

static void test_archive(void **state)
{
    (void)state;
    u64 n = mem_free_pages();
    for (u64 a = ARCHIVE_START; a < ARCHIVE_START + ARCHIVE_SIZE; a += PAGE_SIZE) {
        struct page *p = mem_archive_page(a);
        assert_int_equal(page_phys(p), a);
        assert_int_equal(p->flags, PAGE_ARCHIVE);
        assert_int_equal(ref_read(&p->refs), 1);
    }
    for (u64 a = ARCHIVE_START; a < ARCHIVE_START + ARCHIVE_SIZE; a += 2 * PAGE_SIZE)
        page_put(mem_archive_page(a));
    for (u64 a = ARCHIVE_START + PAGE_SIZE; a < ARCHIVE_START + ARCHIVE_SIZE; a += 2 * PAGE_SIZE)
        page_put(mem_archive_page(a));
    assert_int_equal(mem_free_pages(), n + (ARCHIVE_SIZE >> PAGE_SHIFT));
    struct mem_stats s;
    mem_get_stats(&s);
    assert_int_equal(s.archive_pages, 0);
    /* Taken out again, so that claim() stays simple. */
    while (mem_free_pages() > n)
        assert_non_null(page_alloc(0, MEM_NOWAIT));
}

/* ---- slab ---------------------------------------------------------------------------------------------------- */

static void test_kmalloc(void **state)
{
    (void)state;
    enum { SLOTS = 2000 };
    static struct {
        u8 *p;
        u32 n;
    } held[SLOTS];
    srand(2);
    for (int step = 0; step < 100000; step++) {
        u32 i = (u32)rand() % SLOTS;
        if (held[i].p) {
            for (u32 k = 0; k < held[i].n; k++)
                assert_int_equal(held[i].p[k], (u8)i);
            cpu0.irq_depth = rand() % 8 == 0;
            kfree(held[i].p);
            cpu0.irq_depth = 0;
            held[i].p = NULL;
            continue;
        }
        u32 n = (u32)rand() % (rand() % 64 ? 700 : 40000);
        cpu0.irq_depth = rand() % 8 == 0;
        u8 *p = kmalloc(n, MEM_NOWAIT | (rand() % 2 ? MEM_ZERO : 0));
        cpu0.irq_depth = 0;
        if (!p)
            continue;
        memset(p, (int)i, n);
        held[i].p = p;
        held[i].n = n;
    }
    for (u32 i = 0; i < SLOTS; i++)
        kfree(held[i].p);
}

static void test_sizes(void **state)
{
    (void)state;
    for (size_t n = 1; n <= KMALLOC_MAX; n++) {
        struct slab_cache *c = &kmalloc_caches[size_index(n)];
        assert_true(c->size >= n);
        assert_true(c == kmalloc_caches || c[-1].size < n);
    }
    assert_null(kcalloc(1ul << 62, 8, MEM_WAIT));
    assert_null(kmalloc(5ul << 20, MEM_WAIT));
    u8 *p = kzalloc(3000, MEM_WAIT);
    for (int i = 0; i < 3000; i++)
        assert_int_equal(p[i], 0);
    memset(p, 7, 3000);
    p = krealloc(p, 60000, MEM_WAIT);
    assert_int_equal(p[2999], 7);
    kfree(p);
}

static void test_alignment_and_describe(void **state)
{
    (void)state;
    static struct slab_cache c = {.name = "aligned", .size = 100, .align = 64};
    void *a[40];
    for (u32 i = 0; i < 40; i++) {
        a[i] = slab_alloc(&c, MEM_ZERO);
        assert_true(IS_ALIGNED((u64)a[i], 64));
    }
    bool found = false;
    struct slab_info info;
    for (u32 i = 0; slab_describe(i, &info); i++)
        found |= strcmp(info.name, "aligned") == 0 && info.objects >= 40;
    assert_true(found);
    for (u32 i = 0; i < 40; i++)
        slab_free(&c, a[i]);
}

#define assert_panics(code, text)                     \
    do {                                              \
        panic_message = "";                           \
        if (!setjmp(panic_to)) {                      \
            code;                                     \
            fail_msg("no panic: %s", #code);          \
        }                                             \
        assert_non_null(strstr(panic_message, text)); \
        panic_message = NULL;                         \
    } while (0)

static void test_traps(void **state)
{
    (void)state;
    u8 *volatile p = kmalloc(40, MEM_WAIT); /* volatile: the compiler must not see what is wrong here */
    kfree(p);
    assert_panics(kfree(p), "bad object");
    p = kmalloc(48, MEM_WAIT);
    p[48] = 1;
    assert_panics(kfree(p), "red zones");
    p = kmalloc(100, MEM_WAIT);
    kfree(p);
    p[50] = 0;
    assert_panics(kmalloc(100, MEM_WAIT), "written after free");
    struct page *q = page_alloc(0, MEM_WAIT);
    page_get(q);
    assert_panics(page_free(q, 0), "in use");
    page_put(q);
    page_put(q);
    ((u8 *)page_addr(q))[100] = 0;
    assert_panics(page_alloc(0, MEM_WAIT), "written after free");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_pages),
        cmocka_unit_test(test_all_of_it),
        cmocka_unit_test(test_reserve),
        cmocka_unit_test(test_reclaim),
        cmocka_unit_test(test_runs),
        cmocka_unit_test(test_archive),
        cmocka_unit_test(test_kmalloc),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_alignment_and_describe),
        cmocka_unit_test(test_traps),
    };
    return cmocka_run_group_tests(tests, boot, NULL);
}
