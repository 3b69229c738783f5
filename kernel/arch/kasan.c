// SPDX-License-Identifier: MIT
/*
 * The sanitizer's shadow and its reports; kasan.h has the rules. This file is compiled without checks (Makefile).
 *
 * Compilers check inline and call __asan_report_* when a check fails; __asan_load* and __asan_store* serve the few places
 * where they prefer a call. The first failure is told with what the memory is, and ends the machine.
 *
 * Page tables: boot.S gave the 16 TiB of shadow one page of zeros, and the image its own. Here the direct map's part gets
 * tables of its own, in 2 MiB pages, at boot; the part of the stacks' area is absent until a stack is mapped, and then
 * shares the frames of the direct map's.
 */
#ifdef SLIPWAY_KASAN
#include "arch/kasan.h"
#include "arch/boot.h"
#include "arch/copy.h"
#include "arch/cpu.h"
#include "arch/hooks.h"
#include "arch/paging.h"
#include "arch/panic.h"
#include "arch/percpu.h"
#include "arch/thread.h"
#include "lib/printf.h"
#include "lib/string.h"

#define ENTRY_PAGE (PTE_P | PTE_W | PTE_A | PTE_D)
#define ENTRY_TABLE (PTE_P | PTE_W | PTE_A)
#define ENTRY_ZERO (PTE_P | PTE_A | PTE_D) /* read-only */
#define GIB (1ul << 30)

extern pte_t boot_pml4[512], kasan_zero_pdpt[512], kasan_zero_pd[512], kasan_zero_pt[512];

static bool begun;    /* RAM has its shadow */
static bool reported; /* one is enough, and what tells it may not end in another */

static s8 *shadow_of(u64 a)
{
    return (s8 *)((a >> 3) + SLIPWAY_KASAN);
}

static bool has_shadow(u64 a)
{
    return begun || a < DIRECT_MAP || a >= KMAP_BASE;
}

/* ---- what may be touched ---------------------------------------------------------------------------------------- */

void kasan_poison(const void *p, size_t n, enum kasan_why why)
{
    ASSERT(IS_ALIGNED((u64)p | n, 8));
    if (has_shadow((u64)p))
        memset_unchecked(shadow_of((u64)p), why, n / 8);
}

void kasan_unpoison(const void *p, size_t n)
{
    ASSERT(IS_ALIGNED((u64)p, 8));
    if (!has_shadow((u64)p))
        return;
    s8 *s = shadow_of((u64)p);
    memset_unchecked(s, 0, n / 8);
    if (n & 7)
        s[n / 8] = (s8)(n & 7);
}

void kasan_fit(const void *p, size_t n, size_t room)
{
    size_t used = ALIGN_UP(n, 8ul), all = ALIGN_UP(room, 8ul);
    kasan_unpoison(p, n);
    if (used < all)
        kasan_poison((const char *)p + used, all - used, KASAN_HEAP_BORDER);
}

bool kasan_is_freed(const void *p)
{
    return (u8)*shadow_of((u64)p) == KASAN_HEAP_FREED;
}

/* ---- reports ---------------------------------------------------------------------------------------------------- */

static const char *name_of(u8 why)
{
    switch (why) {
    case KASAN_FREE_PAGE:
        return "use of a free page";
    case KASAN_HEAP_BORDER:
        return "heap overflow";
    case KASAN_HEAP_FREED:
        return "use after free";
    case KASAN_GLOBAL_BORDER:
        return "global variable overflow";
    case KASAN_STACK_LEFT:
    case KASAN_STACK_MIDDLE:
    case KASAN_STACK_RIGHT:
        return "stack overflow";
    case KASAN_SCOPE_LEFT:
        return "use after scope";
    case KASAN_ALLOCA_LEFT:
    case KASAN_ALLOCA_RIGHT:
        return "alloca overflow";
    default:
        return "bad access";
    }
}

/* The first granule of an access that may not be touched as a whole. */
static u64 first_bad(u64 a, size_t n)
{
    for (u64 g = ALIGN_DOWN(a, 8ul); g < a + n; g += 8) {
        s8 s = *shadow_of(g);
        u64 last = MIN(g + 7, a + n - 1);
        if (s && (s8)(last & 7) >= s)
            return g;
    }
    return a;
}

/* A granule touched beyond its first bytes: the next one says what it is that ends there. */
static u8 why_bad(u64 granule)
{
    s8 s = *shadow_of(granule);
    return (u8)(s > 0 ? *shadow_of(granule + 8) : s);
}

static void __noreturn fail(u64 a, const char *what, const char *how, size_t n, u64 pc)
{
    u64 offset = 0;
    const char *where = ksym_find(pc - 1, &offset);
    hook_describe_memory(a);
    panic("kasan: %s: %s of %zu bytes at 0x%lx in %s+0x%lx", what, how, n, (unsigned long)a, where ? where : "?",
          (unsigned long)offset + 1);
}

static void report(u64 a, size_t n, bool write, const void *pc)
{
    if (__atomic_exchange_n(&reported, true, __ATOMIC_RELAXED))
        return;
    u64 bad = first_bad(a, n);
    fail(MAX(a, bad), name_of(why_bad(bad)), write ? "write" : "read", n, (u64)pc);
}

void kasan_fail(const void *p, const char *what)
{
    reported = true;
    fail((u64)p, what, "free", 0, (u64)__builtin_return_address(0));
}

/* ---- checks ----------------------------------------------------------------------------------------------------- */

static bool is_bad(u64 a, size_t n)
{
    const s8 *s = shadow_of(a), *last = shadow_of(a + n - 1);
    for (; s < last && (u64)s & 7; s++)
        if (*s)
            return true;
    for (; s + 8 <= last; s += 8)
        if (*(const u64 *)s)
            return true;
    for (; s < last; s++)
        if (*s)
            return true;
    return *last && (s8)((a + n - 1) & 7) >= *last;
}

/* Addresses that the kernel has nothing at fault by themselves. */
static void check(u64 a, size_t n, bool write, const void *pc)
{
    if (n && a >= DIRECT_MAP && (a + n < a || is_bad(a, n)))
        report(a, n, write, pc);
}

void kasan_check_read(const void *p, size_t n)
{
    check((u64)p, n, false, __builtin_return_address(0));
}

void kasan_check_write(const void *p, size_t n)
{
    check((u64)p, n, true, __builtin_return_address(0));
}

#define ACCESS(size)                                         \
    void __asan_load##size##_noabort(u64 a);                 \
    void __asan_load##size##_noabort(u64 a)                  \
    {                                                        \
        check(a, size, false, __builtin_return_address(0));  \
    }                                                        \
    void __asan_store##size##_noabort(u64 a);                \
    void __asan_store##size##_noabort(u64 a)                 \
    {                                                        \
        check(a, size, true, __builtin_return_address(0));   \
    }                                                        \
    void __asan_report_load##size##_noabort(u64 a);          \
    void __asan_report_load##size##_noabort(u64 a)           \
    {                                                        \
        report(a, size, false, __builtin_return_address(0)); \
    }                                                        \
    void __asan_report_store##size##_noabort(u64 a);         \
    void __asan_report_store##size##_noabort(u64 a)          \
    {                                                        \
        report(a, size, true, __builtin_return_address(0));  \
    }
ACCESS(1)
ACCESS(2)
ACCESS(4)
ACCESS(8)
ACCESS(16)

#define ACCESS_SIZED(name, act, write)                 \
    void name(u64 a, size_t n);                        \
    void name(u64 a, size_t n)                         \
    {                                                  \
        act(a, n, write, __builtin_return_address(0)); \
    }
ACCESS_SIZED(__asan_loadN_noabort, check, false)
ACCESS_SIZED(__asan_storeN_noabort, check, true)
ACCESS_SIZED(__asan_report_load_n_noabort, report, false)
ACCESS_SIZED(__asan_report_store_n_noabort, report, true)

/* ---- stacks ----------------------------------------------------------------------------------------------------- */

/* Frames that will never return leave their marks: forget those of this stack. */
void __asan_handle_no_return(void);
void __asan_handle_no_return(void)
{
    u64 sp = (u64)__builtin_frame_address(0);
    const struct arch_thread *t = (const struct arch_thread *)current_thread();
    u64 end = ALIGN_UP(sp, PAGE_SIZE);
    if (t && t->kstack && sp - t->kstack < KSTACK_SIZE)
        end = t->kstack + KSTACK_SIZE;
    sp = ALIGN_DOWN(sp, 8ul);
    kasan_unpoison((void *)sp, end - sp);
}

#define ALLOCA_BORDER 32ul
void __asan_alloca_poison(u64 a, size_t n);
void __asan_alloca_poison(u64 a, size_t n)
{
    u64 whole = ALIGN_UP(n, 8ul);
    kasan_unpoison((void *)a, n);
    kasan_poison((void *)(a - ALLOCA_BORDER), ALLOCA_BORDER, KASAN_ALLOCA_LEFT);
    kasan_poison((void *)(a + whole), ALIGN_UP(n, ALLOCA_BORDER) - whole + ALLOCA_BORDER, KASAN_ALLOCA_RIGHT);
}

void __asan_allocas_unpoison(u64 top, u64 bottom);
void __asan_allocas_unpoison(u64 top, u64 bottom)
{
    if (top && top < bottom)
        kasan_unpoison((void *)top, bottom - top);
}

void __asan_poison_stack_memory(u64 a, size_t n);
void __asan_poison_stack_memory(u64 a, size_t n)
{
    kasan_poison((void *)a, ALIGN_UP(n, 8ul), KASAN_SCOPE_LEFT);
}
void __asan_unpoison_stack_memory(u64 a, size_t n);
void __asan_unpoison_stack_memory(u64 a, size_t n)
{
    kasan_unpoison((void *)a, n);
}

/* clang marks large frames by calls. */
#define SET_SHADOW(value)                            \
    void __asan_set_shadow_##value(u8 *s, size_t n); \
    void __asan_set_shadow_##value(u8 *s, size_t n)  \
    {                                                \
        memset_unchecked(s, 0x##value, n);           \
    }
SET_SHADOW(00)
SET_SHADOW(f1)
SET_SHADOW(f2)
SET_SHADOW(f3)
SET_SHADOW(f5)
SET_SHADOW(f8)

/* ---- global variables ------------------------------------------------------------------------------------------- */

struct global {
    char *start;
    size_t size, with_border;
    const void *unused[5];
};

void __asan_register_globals(struct global *g, size_t n);
void __asan_register_globals(struct global *g, size_t n)
{
    for (; n; n--, g++) {
        size_t whole = ALIGN_UP(g->size, 8ul);
        kasan_unpoison(g->start, g->size);
        kasan_poison(g->start + whole, g->with_border - whole, KASAN_GLOBAL_BORDER);
    }
}

void __asan_unregister_globals(struct global *g, size_t n);
void __asan_unregister_globals(struct global *g, size_t n)
{
    (void)g, (void)n;
}

__init void kasan_init_globals(void)
{
    extern void (*const _init_array_start[])(void), (*const _init_array_end[])(void);
    for (void (*const *f)(void) = _init_array_start; f < _init_array_end; f++)
        (*f)();
}

/* ---- page tables ------------------------------------------------------------------------------------------------ */

static u64 nx(void)
{
    return cpu.nx ? PTE_NX : 0;
}

static pte_t *table_of(pte_t entry)
{
    return phys_to_virt(entry & PTE_ADDR);
}

/* The table below `entry`, made when it is still the shared one, `zero` (filled with `fill`). NULL: no memory. */
static pte_t *own_table(pte_t *entry, const pte_t *zero, pte_t fill)
{
    if (*entry & PTE_P && (*entry & PTE_ADDR) != virt_to_phys(zero))
        return table_of(*entry);
    pte_t *table = hook_pages_alloc(0);
    if (!table)
        return NULL;
    for (u32 i = 0; fill && i < 512; i++)
        table[i] = fill;
    *entry = virt_to_phys(table) | ENTRY_TABLE | nx();
    return table;
}

static pte_t *pml4_entry(u64 shadow)
{
    return &boot_pml4[shadow >> 39 & 511];
}

/* The entry of the 2 MiB page with the shadow of RAM at `ram`; NULL: the shared one has it. */
static pte_t *chunk_entry(paddr_t ram)
{
    u64 s = (u64)shadow_of(DIRECT_MAP + ram);
    pte_t pml4e = *pml4_entry(s);
    if ((pml4e & PTE_ADDR) == virt_to_phys(kasan_zero_pdpt))
        return NULL;
    pte_t pdpte = table_of(pml4e)[s >> 30 & 511];
    if ((pdpte & PTE_ADDR) == virt_to_phys(kasan_zero_pd))
        return NULL;
    return &table_of(pdpte)[s >> HUGE_SHIFT & 511];
}

__init bool kasan_has_chunk(paddr_t ram)
{
    const pte_t *e = chunk_entry(ram);
    return e && *e & PTE_PS;
}

__init void kasan_map_chunk(paddr_t ram, paddr_t frames)
{
    u64 s = (u64)shadow_of(DIRECT_MAP + ram);
    pte_t *pdpt = own_table(pml4_entry(s), kasan_zero_pdpt, virt_to_phys(kasan_zero_pd) | ENTRY_ZERO);
    pte_t *pd = own_table(&pdpt[s >> 30 & 511], kasan_zero_pd, virt_to_phys(kasan_zero_pt) | ENTRY_ZERO);
    pd[s >> HUGE_SHIFT & 511] = frames | ENTRY_PAGE | PTE_PS | nx();
    /* Without a check: another chunk's shadow, which covers these frames, may say already that they are free. */
    for (u64 *at = phys_to_virt(frames), *end = at + HUGE_SIZE / sizeof(*at); at < end; at++)
        *(volatile u64 *)at = 0;
}

/* The stacks' area has no shadow until a stack is mapped: what was never present is in no CPU's caches. */
__init void kasan_begin(void)
{
    u64 first = (u64)shadow_of(KSTACK_AREA), end = (u64)shadow_of(KSTACK_AREA_END);
    pte_t *pdpt = own_table(pml4_entry(first), kasan_zero_pdpt, virt_to_phys(kasan_zero_pd) | ENTRY_ZERO);
    for (u64 s = first; s < end; s += GIB)
        pdpt[s >> 30 & 511] = 0;
    write_cr3(kernel_pgd);
    begun = true;
}

bool kasan_map_kstack(u64 va, paddr_t stack)
{
    u64 s = (u64)shadow_of(va);
    pte_t *pd = own_table(&table_of(*pml4_entry(s))[s >> 30 & 511], kasan_zero_pd, 0);
    pte_t *pt = pd ? own_table(&pd[s >> HUGE_SHIFT & 511], kasan_zero_pt, 0) : NULL;
    if (!pt)
        return false;
    paddr_t frames = *chunk_entry(stack) & PTE_ADDR;
    pt[s >> PAGE_SHIFT & 511] = (frames + stack % KASAN_CHUNK / 8) | ENTRY_PAGE | nx();
    return true;
}
_Static_assert(KSTACK_SIZE / 8 == PAGE_SIZE, "a stack's shadow is a page");
#endif
