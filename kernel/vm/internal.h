/* SPDX-License-Identifier: MIT */
/*
 * What the files of vm/ share.
 *
 * Page tables. An entry is changed under the lock of the table page it lies in (struct page.pt_lock, LOCK_PAGETABLE);
 * an empty entry of an upper table becomes a pointer to a table, or an empty PMD entry a 2 MiB page, by compare-and-swap.
 * A pointer to a table stays until its range is unmapped under mm.lock for writing, after every area that covers it has
 * left its mapping's tree. So whoever holds mm.lock (either way), or the mapping.lock of an area, may follow pointers.
 *
 * A mapped 2 MiB page is 512 ordinary pages that lie together, each holding its own reference for the entry; splitting
 * the entry into a table touches no struct page. Only private anonymous areas have them.
 *
 * Every entry with a page holds a reference to it, except those marked PTE_SPECIAL (zero page, device memory).
 */
#ifndef VM_INTERNAL_H
#define VM_INTERNAL_H

#include "arch/cpu.h"
#include "arch/spinlock.h"
#include "vm/mm.h"

#define PTE_SPECIAL PTE_SW1 /* holds no reference */
#define PTE_NONE PTE_SW2    /* with PTE_P clear: a page without access rights (PROT_NONE) */

#define USER_TOP (1ul << 47)  /* the end of the lower half: tables reach that far */
#define VM_MIN_ADDR 0x10000ul /* mmap_min_addr */
/* struct page.private of a PAGE_ANON page: how many more forks shall copy it at once, because it was written soon after
 * an earlier fork, on one side or the other (fork.c). A hint: changed without a lock. */
#define FORK_HOT 15u
#define VM_STACK_GUARD (256ul << PAGE_SHIFT)

static inline bool pte_mapped(pte_t e)
{
    return e & (PTE_P | PTE_NONE);
}
static inline bool pte_is_table(pte_t e)
{
    return (e & (PTE_P | PTE_PS)) == PTE_P;
}
static inline bool pte_is_huge(pte_t e)
{
    return e & PTE_PS;
}
static inline pte_t *pte_table(pte_t e)
{
    return phys_to_virt(e & PTE_ADDR);
}
static inline struct page *pte_page(pte_t e)
{
    return phys_page(e & PTE_ADDR);
}
static inline u32 pte_index(uaddr_t addr)
{
    return (addr >> PAGE_SHIFT) & 511;
}
static inline struct spinlock *table_lock(const pte_t *entry) /* of the table the entry lies in */
{
    return (struct spinlock *)&virt_page(entry)->pt_lock;
}
/* Skips empty entries four at a time: returns the first of [pte, end) that may be in use. */
static inline pte_t *pte_skip_empty(pte_t *pte, const pte_t *end)
{
    while (pte + 4 <= end && !(pte[0] | pte[1] | pte[2] | pte[3]))
        pte += 4;
    return pte;
}
static inline void pte_set(pte_t *p, pte_t v)
{
    __atomic_store_n(p, v, __ATOMIC_RELEASE);
}
static inline uaddr_t pmd_end(uaddr_t addr, uaddr_t end) /* end of the 2 MiB block of addr, at most end */
{
    return MIN(ALIGN_DOWN(addr, HUGE_SIZE) + HUGE_SIZE, end);
}
static inline u64 area_pages(const struct vm_area *a)
{
    return (a->end - a->start) >> PAGE_SHIFT;
}
static inline u64 area_index(const struct vm_area *a, uaddr_t addr) /* page of the mapping */
{
    return a->pgoff + ((addr - a->start) >> PAGE_SHIFT);
}

/* ---- pgtable.c ---- */
extern struct page *zero_page;
pte_t area_pte_bits(const struct vm_area *a);   /* everything but address, PTE_W and PTE_D */
pte_t *pmd_lookup(struct mm *mm, uaddr_t addr); /* its entry; NULL: no table there */
pte_t *pmd_alloc(struct mm *mm, uaddr_t addr);  /* NULL: no memory */
/* First non-empty PMD entry at or after *addr, below end; moves *addr there (not below where it was). */
pte_t *pmd_first(struct mm *mm, uaddr_t *addr, uaddr_t end);
/* Tables are kept zeroed between uses, and top tables with the kernel's half in them. */
struct page *table_alloc(struct mm *mm, u32 mem_flags);
void table_put(struct page *p);                 /* empty, no CPU knows it any more */
void table_free(struct mm *mm, struct page *p); /* the same, counted off mm */
int pgd_alloc(struct mm *mm);                   /* -ENOMEM */
void pgd_free(struct mm *mm);
void tables_module_init(void);
/* Makes an empty PMD entry point to a table (or leaves what is there). -ENOMEM. */
int pte_table_alloc(struct mm *mm, pte_t *pmd);

/* ---- gather.c: pages taken out of page tables, freed after one shootdown ---- */
#define GATHER_LOCAL 48
struct gather {
    struct mm *mm;
    uaddr_t start, end; /* to be flushed; empty when start >= end */
    u32 count, max;
    bool tables;         /* there are tables among the pages */
    s64 rss[RSS_KINDS];  /* taken away */
    struct page **pages; /* bit 0: the first of a 2 MiB run */
    struct page *local[GATHER_LOCAL];
};
void gather_init(struct gather *g, struct mm *mm);
static inline void gather_range(struct gather *g, uaddr_t start, uaddr_t end)
{
    g->start = MIN(g->start, start);
    g->end = MAX(g->end, end);
}
static inline bool gather_full(const struct gather *g)
{
    return g->count == g->max;
}
void gather_page(struct gather *g, struct page *p); /* not full */
void gather_run(struct gather *g, struct page *p);
void gather_flush(struct gather *g);  /* no page-table lock held */
void gather_finish(struct gather *g); /* flush, and the counters */

/* ---- zap.c ---- */
/* Empties the entries of [start, end) of the area. even_cow false: private copies stay. 2 MiB pages must have been
 * split at both ends (huge_split_at). */
void zap_range(struct gather *g, struct vm_area *a, uaddr_t start, uaddr_t end, bool even_cow);
/* Frees the tables of [start, end) that nothing in [floor, ceiling) outside needs. mm.lock for writing. */
void zap_tables(struct gather *g, uaddr_t start, uaddr_t end, uaddr_t floor, uaddr_t ceiling);

/* ---- huge.c ---- */
bool huge_wanted(const struct vm_area *a, uaddr_t addr);
int huge_fault(struct vm_area *a, pte_t *pmd); /* 0: mapped, or somebody else did; -ENOMEM: use small ones */
int huge_split(struct mm *mm, pte_t *pmd, uaddr_t addr, u32 mem_flags); /* 0 also when it is not huge (any more) */
/* MADV_COLLAPSE of the whole blocks in [start, end). mm.lock for writing. 0, -EINVAL (no area for it), -ENOMEM, -EAGAIN
 * (a page has another user). */
int huge_collapse(struct vm_area *a, uaddr_t start, uaddr_t end);
int huge_split_at(struct mm *mm, uaddr_t addr); /* so that addr is no longer inside one. -ENOMEM */

/* ---- area.c (mm.lock for writing unless said) ---- */
struct vm_area *area_alloc(struct mm *mm);
struct vm_area *area_copy(struct mm *mm, const struct vm_area *from); /* all fields but the owner */
void area_free(struct vm_area *a);
void area_insert(struct vm_area *a);
void area_remove(struct vm_area *a);
struct vm_area *area_prev(struct vm_area *a);
struct vm_area *area_at(struct mm *mm, uaddr_t addr); /* the one that contains addr, or NULL (mm.lock) */
/* New area [addr, end) behind a, which ends at addr then. -ENOMEM. */
int area_split(struct vm_area *a, uaddr_t addr);
/* Splits so that areas begin at start and end at end (where they cross). -ENOMEM. */
int area_split_around(struct mm *mm, uaddr_t start, uaddr_t end);
/* Joins a with its neighbours where they are alike; superfluous ones go to *dead. Returns the area that holds a's range. */
struct vm_area *area_merge(struct vm_area *a, struct vm_area **dead);
void area_set_bounds(struct vm_area *a, uaddr_t start,
                     uaddr_t end);                   /* pgoff follows start; other areas do not overlap */
uaddr_t area_guarded_start(const struct vm_area *a); /* with the guard gap of a stack */
/* A free range: 0 when there is none. */
uaddr_t area_place_down(struct mm *mm, size_t len, uaddr_t low, uaddr_t high);
uaddr_t area_place_up(struct mm *mm, size_t len, uaddr_t low, uaddr_t high);
void area_close_dead(struct vm_area *dead); /* no lock held */
void areas_init(void);

/* ---- label.c: names of anonymous memory, shared by areas ---- */
struct area_label *label_get(struct area_label *l); /* NULL is none */
void label_put(struct area_label *l);
bool label_same(const struct area_label *a, const struct area_label *b);

/* ---- account.c: limits and figures (mm.lock for writing) ---- */
void account_pages(struct mm *mm, u32 vm_flags, s64 pages);
bool account_fits(struct mm *mm, u32 vm_flags, u64 pages); /* RLIMIT_AS, RLIMIT_DATA */
int account_commit(u64 pages);                             /* overcommit heuristics: -ENOMEM */
void account_uncommit(u64 pages);
bool account_lockable(const struct mm *mm, u64 pages, bool cap_lock); /* RLIMIT_MEMLOCK for `pages` more */

/* ---- map.c ---- */
/* Takes [start, end) out, splitting at the ends; areas go to *dead. -ENOMEM (then nothing changed but splits). */
int unmap_locked(struct mm *mm, uaddr_t start, uaddr_t end, struct vm_area **dead);
int place_locked(struct mm *mm, const struct vm_map_args *args, uaddr_t *out);
/* The middle of mmap: *flags_out gets the area's flags; areas that had to go to *dead. For shared anonymous memory that is
 * there already, args->mapping, the caller gives one reference, which goes with the area or with the failure. */
int map_locked(struct mm *mm, struct vm_map_args *args, uaddr_t *out, u32 *flags_out, struct vm_area **dead);

/* ---- lock.c ---- */
enum populate_mode {
    POPULATE_MAP,   /* as mlock and MAP_POPULATE do: private writable areas as if written */
    POPULATE_READ,  /* MADV_POPULATE_READ */
    POPULATE_WRITE, /* MADV_POPULATE_WRITE */
};
/* Faults [start, end) in; takes mm.lock itself. 0, -ENOMEM (a hole, or no memory), -EFAULT (SIGBUS, rights), -EINVAL
 * (special areas, only the MADV ones), -EINTR (being killed). */
int vm_populate(struct mm *mm, uaddr_t start, uaddr_t end, enum populate_mode mode);

/* ---- mapping.c (mapping.lock for writing) ---- */
int mapping_attach(struct vm_area *a); /* takes mapping.lock itself; -EPERM: sealed. No mapping: 0 */
void mapping_detach(struct vm_area *a);
void mapping_insert_locked(struct vm_area *a);
void mapping_remove_locked(struct vm_area *a);

/* ---- shm.c ---- */
int shm_create(u64 pages, struct mapping **out,
               const struct vm_area_ops **ops); /* born with one reference, an area's */
bool mapping_is_shm(const struct mapping *m);

/* ---- fault.c ---- */
#define FAULT_WRITE 1u
#define FAULT_FORCE 2u /* copy a private page although the area is not writable (ptrace) */
#define FAULT_AHEAD 4u /* the pages behind will be wanted too */
/* Makes the page at addr accessible; area checks are done. 0, -ENOMEM, -EFAULT (SIGBUS), -EAGAIN (try again).
 * mm.lock for reading. */
int fault_page(struct vm_area *a, uaddr_t addr, u32 flags);
/* Is there a page already (a writable one)? */
bool fault_present(struct mm *mm, uaddr_t addr, bool write);
/* Memory ran out in a fault or the like, no lock held: kills somebody, waits a little. 0: try again; -EINTR: the caller
 * is the victim (or is dying anyway); -ENOMEM: nothing can be done. */
int vm_out_of_memory(struct mm *mm);

#endif
