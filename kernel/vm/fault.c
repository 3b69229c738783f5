// SPDX-License-Identifier: MIT
/*
 * Page faults. hook_page_fault finds the area under mm.lock for reading, checks rights and grows stacks; fault_page then
 * makes the entry. What may sleep or fail (pages, the object's get_page) happens without the page-table lock; under it
 * the entry is compared with what was seen, the object asked once more whether the page is still inside (vm/mapping.h),
 * and the entry written. A lost race ends as success without effect: the access is simply tried again.
 *
 * Fresh anonymous memory: who walks through it in sequence, up or down, gets more pages a fault, up to 16. Files: 16 pages
 * around the fault as far as they are at hand. After fork, the page written first brings its neighbours that nobody
 * else has any more.
 */
#include "abi/errno.h"
#include "abi/mman.h"
#include "abi/signal.h"
#include "arch/clock.h"
#include "arch/hooks.h"
#include "arch/copy.h"
#include "lib/printf.h"
#include "sched/sched.h"
#include "vm/internal.h"

#define AROUND 16u /* pages; a power of two */
#define ENTRY_DIFFERS(a, b) (((a) ^ (b)) & ~(PTE_A | PTE_D))

bool (*vm_oom_kill)(void);

struct fault {
    struct vm_area *area;
    uaddr_t addr; /* page aligned */
    u32 flags;    /* FAULT_* */
    pte_t *pte;
    struct spinlock *lock; /* of its table */
    pte_t seen;            /* *pte, before anything was decided */
    u32 unmaps;            /* area->mapping->unmaps then */
};

static void count_rss(struct vm_area *a, enum rss_kind kind, s64 n)
{
    atomic_add(&a->mm->rss[kind], (u64)n);
    if (kind == RSS_ANON)
        mem_count_anon(n);
}

static enum rss_kind mapped_kind(const struct vm_area *a)
{
    return mapping_is_shm(a->mapping) ? RSS_SHMEM : RSS_FILE;
}

/* Nothing was unmapped since the object was asked for its page, and the page is still inside. */
static bool still_valid(const struct fault *f, uaddr_t addr)
{
    struct mapping *m = f->area->mapping;
    return load_acquire(&m->unmaps) == f->unmaps && (!m->ops->valid || m->ops->valid(m, area_index(f->area, addr)));
}

static void flush_page(const struct fault *f)
{
    struct mm *mm = f->area->mm;
    u64 cpus = atomic_read(&mm->cpumask);
    if (cpus)
        tlb_flush_range(cpus, mm->pgd, f->addr, f->addr + PAGE_SIZE);
}

static pte_t writable_bits(const struct vm_area *a)
{
    return area_pte_bits(a) | (a->flags & VM_WRITE ? PTE_W | PTE_D : 0);
}

/* ---- anonymous memory ---------------------------------------------------------------------------------------- */

static u32 run_length(const pte_t *pte, s32 dir, u32 max, bool mapped)
{
    u32 n = 0;
    while (n < max && pte_mapped(READ_ONCE(pte[dir * (s32)n])) == mapped)
        n++;
    return n;
}

/* How many pages to make at once, from the fault on upwards (*dir 1) or downwards (-1). */
static u32 anon_window(const struct fault *f, s32 *dir)
{
    u32 i = pte_index(f->addr);
    u64 below = MIN((f->addr - f->area->start) >> PAGE_SHIFT, i);
    u64 above = MIN((f->area->end - f->addr) >> PAGE_SHIFT, 512ul - i); /* the faulting page counts */
    *dir = 1;
    if (!mem_plentiful())
        return 1;
    u32 walked = f->flags & FAULT_AHEAD ? AROUND : run_length(f->pte - 1, -1, MIN(i, AROUND / 2), true);
    if (walked)
        return run_length(f->pte, 1, (u32)MIN(MIN(2 * walked, AROUND), above), false);
    walked = run_length(f->pte + 1, 1, MIN(511 - i, AROUND / 2), true);
    if (!walked)
        return 1;
    *dir = -1;
    return run_length(f->pte, -1, (u32)MIN(MIN(2 * walked, AROUND), below + 1), false);
}

static int anon_write(struct fault *f)
{
    struct page *pages[AROUND];
    s32 dir;
    u32 want = anon_window(f, &dir), used = 0;
    u32 n = page_alloc_bulk(pages, want ? want : 1, MEM_USER | MEM_ZERO);
    if (!n)
        return -ENOMEM;
    pte_t bits = writable_bits(f->area);
    f->area->has_anon = true;
    spin_lock(f->lock);
    for (u32 i = 0; i < n; i++) {
        pte_t *pte = f->pte + dir * (s32)i;
        if (pte_mapped(*pte))
            continue;
        struct page *p = pages[i];
        pages[i] = NULL;
        p->flags = PAGE_ANON;
        pte_set(pte, page_phys(p) | bits);
        used++;
    }
    spin_unlock(f->lock);
    count_rss(f->area, RSS_ANON, used);
    for (u32 i = 0; used < n && i < n; i++) {
        if (pages[i])
            page_put(pages[i]);
    }
    return 0;
}

static int anon_read(struct fault *f)
{
    s32 dir;
    u32 n = anon_window(f, &dir);
    pte_t e = page_phys(zero_page) | area_pte_bits(f->area) | PTE_SPECIAL;
    spin_lock(f->lock);
    for (u32 i = 0; i < n; i++) {
        pte_t *pte = f->pte + dir * (s32)i;
        if (!pte_mapped(*pte))
            pte_set(pte, e);
    }
    spin_unlock(f->lock);
    return 0;
}

/* ---- copy on write ------------------------------------------------------------------------------------------- */

/* The page is ours alone: so are, after fork, most of those around it. Under the lock. */
static void reuse_around(struct fault *f)
{
    uaddr_t start = MAX(ALIGN_DOWN(f->addr, AROUND * PAGE_SIZE), f->area->start);
    uaddr_t end = MIN(ALIGN_DOWN(f->addr, AROUND * PAGE_SIZE) + AROUND * PAGE_SIZE, f->area->end);
    for (pte_t *pte = f->pte - ((f->addr - start) >> PAGE_SHIFT); start < end; start += PAGE_SIZE, pte++) {
        pte_t e = *pte;
        if ((e & (PTE_P | PTE_W | PTE_SPECIAL)) != PTE_P)
            continue;
        struct page *p = pte_page(e);
        if (p->flags & PAGE_ANON && ref_read(&p->refs) == 1)
            pte_set(pte, e | PTE_W | PTE_D);
    }
}

static struct page *copy_of(struct page *src)
{
    struct page *p = page_alloc(0, MEM_USER | (src ? 0 : MEM_ZERO));
    if (!p)
        return NULL;
    p->flags = PAGE_ANON;
    if (src)
        copy_page(page_addr(p), page_addr(src));
    return p;
}

/* Puts a private copy of src (NULL: zeros) in place of what was seen. Takes over nothing. */
static int install_copy(struct fault *f, struct page *src)
{
    struct vm_area *a = f->area;
    struct page *p = copy_of(src);
    if (!p)
        return -ENOMEM;
    a->has_anon = true;
    spin_lock(f->lock);
    bool same = !ENTRY_DIFFERS(*f->pte, f->seen) && (!a->mapping || still_valid(f, f->addr));
    if (same)
        pte_set(f->pte, page_phys(p) | writable_bits(a));
    spin_unlock(f->lock);
    if (!same) {
        page_put(p);
        return -EAGAIN;
    }
    if (src && src->flags & PAGE_ANON)
        src->private = p->private = FORK_HOT;
    bool replaced = pte_mapped(f->seen), was_anon = false;
    if (replaced)
        flush_page(f);
    if (replaced && !(f->seen & PTE_SPECIAL)) {
        struct page *old = pte_page(f->seen);
        was_anon = old->flags & PAGE_ANON;
        if (!was_anon)
            count_rss(a, mapped_kind(a), -1);
        page_put(old);
    }
    if (!was_anon)
        count_rss(a, RSS_ANON, 1);
    return 0;
}

static int cow(struct fault *f)
{
    if (f->seen & PTE_SPECIAL)
        return install_copy(f, f->area->mapping ? pte_page(f->seen) : NULL);
    struct page *p = pte_page(f->seen);
    spin_lock(f->lock);
    if (ENTRY_DIFFERS(*f->pte, f->seen)) {
        spin_unlock(f->lock);
        return -EAGAIN;
    }
    bool alone = p->flags & PAGE_ANON && ref_read(&p->refs) == 1;
    if (alone && f->area->flags & VM_WRITE) {
        pte_set(f->pte, *f->pte | PTE_W | PTE_D);
        p->private = FORK_HOT;
        reuse_around(f);
    } else if (!alone) {
        page_get(p);
    }
    spin_unlock(f->lock);
    if (alone)
        return 0; /* FAULT_FORCE: a copy of its own it is already */
    int err = install_copy(f, p);
    page_put(p);
    return err;
}

/* ---- files and other objects --------------------------------------------------------------------------------- */

/* Maps what is at hand around the fault, read-only. true: the faulting page too. */
static bool map_around(struct fault *f)
{
    struct vm_area *a = f->area;
    struct mapping *m = a->mapping;
    struct page *pages[AROUND];
    uaddr_t start = MAX(ALIGN_DOWN(f->addr, AROUND * PAGE_SIZE), a->start);
    uaddr_t end = MIN(ALIGN_DOWN(f->addr, AROUND * PAGE_SIZE) + AROUND * PAGE_SIZE, a->end);
    u32 n = (u32)((end - start) >> PAGE_SHIFT), used = 0;
    if (!m->ops->peek_pages || !m->ops->peek_pages(m, area_index(a, start), n, pages))
        return false;
    pte_t bits = area_pte_bits(a) & ~PTE_A; /* fork copies what was really used */
    pte_t *pte = f->pte - ((f->addr - start) >> PAGE_SHIFT);
    spin_lock(f->lock);
    for (u32 i = 0; i < n; i++) {
        if (!pages[i] || pte_mapped(pte[i]) || !still_valid(f, start + i * PAGE_SIZE))
            continue;
        pte_set(&pte[i], page_phys(pages[i]) | bits | (&pte[i] == f->pte ? PTE_A : 0));
        pages[i] = NULL;
        used++;
    }
    bool done = pte_mapped(*f->pte);
    spin_unlock(f->lock);
    if (used)
        count_rss(a, mapped_kind(a), used);
    for (u32 i = 0; i < n; i++) {
        if (pages[i])
            page_put(pages[i]);
    }
    return done;
}

static int object_page(const struct fault *f, bool write, struct page **out)
{
    struct mapping *m = f->area->mapping;
    int err = m->ops->get_page(m, area_index(f->area, f->addr), write, out);
    if (err == -ENOMEM || err == -EAGAIN || !err)
        return err;
    return -EFAULT;
}

static int file_read(struct fault *f)
{
    if (map_around(f))
        return 0;
    struct page *p;
    int err = object_page(f, false, &p);
    if (err)
        return err;
    spin_lock(f->lock);
    bool ok = !pte_mapped(*f->pte) && still_valid(f, f->addr);
    if (ok)
        pte_set(f->pte, page_phys(p) | area_pte_bits(f->area));
    spin_unlock(f->lock);
    if (!ok) {
        page_put(p);
        return -EAGAIN;
    }
    count_rss(f->area, mapped_kind(f->area), 1);
    return 0;
}

static int private_write(struct fault *f)
{
    struct page *src;
    int err = object_page(f, false, &src);
    if (err)
        return err;
    err = install_copy(f, src);
    page_put(src);
    return err;
}

static int shared_write(struct fault *f)
{
    struct mapping *m = f->area->mapping;
    struct page *p;
    ASSERT(m); /* shared memory without a file has one too */
    int err = object_page(f, true, &p);
    if (err)
        return err;
    if (m->ops->page_mkwrite)
        m->ops->page_mkwrite(m, p);
    spin_lock(f->lock);
    pte_t old = *f->pte;
    bool ok = still_valid(f, f->addr);
    if (ok)
        pte_set(f->pte, page_phys(p) | writable_bits(f->area));
    spin_unlock(f->lock);
    if (!ok) {
        page_put(p);
        return -EAGAIN;
    }
    if (!pte_mapped(old)) {
        count_rss(f->area, mapped_kind(f->area), 1);
        return 0;
    }
    if ((old & PTE_ADDR) != page_phys(p))
        flush_page(f);
    if (!(old & PTE_SPECIAL))
        page_put(pte_page(old)); /* the entry's former reference, be it to the same page */
    return 0;
}

/* ---- the entry ----------------------------------------------------------------------------------------------- */

static int fault_pte(struct fault *f)
{
    const struct vm_area *a = f->area;
    bool write = f->flags & FAULT_WRITE;
    f->seen = READ_ONCE(*f->pte);
    if (!pte_mapped(f->seen)) {
        if (!a->mapping)
            return write ? anon_write(f) : anon_read(f);
        if (!write)
            return file_read(f);
        return a->flags & VM_SHARED ? shared_write(f) : private_write(f);
    }
    if (!write || f->seen & PTE_W)
        return 0; /* somebody was faster, or a stale translation */
    return a->flags & VM_SHARED ? shared_write(f) : cow(f);
}

/* A write to a 2 MiB page that fork made read-only: ours again when the other side is gone, else cut up. */
static int fault_huge(struct vm_area *a, uaddr_t addr, u32 flags, pte_t *pmd)
{
    pte_t e = READ_ONCE(*pmd);
    if (!(flags & FAULT_WRITE) || e & PTE_W || !pte_is_huge(e))
        return 0;
    struct spinlock *lock = table_lock(pmd);
    struct page *run = pte_page(e);
    u32 i = 0;
    spin_lock(lock);
    if (!ENTRY_DIFFERS(*pmd, e) && a->flags & VM_WRITE) {
        while (i < 512 && ref_read(&run[i].refs) == 1)
            i++;
        if (i == 512)
            pte_set(pmd, *pmd | PTE_W | PTE_D);
    }
    spin_unlock(lock);
    if (i == 512)
        return 0;
    int err = huge_split(a->mm, pmd, addr, MEM_WAIT);
    return err ? err : -EAGAIN;
}

int fault_page(struct vm_area *a, uaddr_t addr, u32 flags)
{
    struct mm *mm = a->mm;
    pte_t *pmd = pmd_alloc(mm, addr);
    if (unlikely(!pmd))
        return -ENOMEM;
    pte_t e = READ_ONCE(*pmd);
    if (unlikely(!e)) {
        if (flags & FAULT_WRITE && huge_wanted(a, addr) && !huge_fault(a, pmd))
            return 0;
        if (pte_table_alloc(mm, pmd))
            return -ENOMEM;
        e = READ_ONCE(*pmd);
    }
    if (unlikely(pte_is_huge(e)))
        return fault_huge(a, addr, flags, pmd);
    if (unlikely(!pte_is_table(e)))
        return -EAGAIN;
    struct fault f = {.area = a, .addr = addr, .flags = flags};
    if (a->mapping)
        f.unmaps = load_acquire(&a->mapping->unmaps);
    f.pte = &pte_table(e)[pte_index(addr)];
    f.lock = table_lock(f.pte);
    return fault_pte(&f);
}

bool fault_present(struct mm *mm, uaddr_t addr, bool write)
{
    pte_t *pmd = pmd_lookup(mm, addr);
    pte_t e = pmd ? READ_ONCE(*pmd) : 0;
    if (pte_is_table(e))
        e = READ_ONCE(pte_table(e)[pte_index(addr)]);
    return pte_mapped(e) && (!write || e & PTE_W);
}

/* ---- out of memory ------------------------------------------------------------------------------------------- */

static bool is_dying(const struct thread *t)
{
    return sched_fatal_signal_pending && sched_fatal_signal_pending(t);
}

int vm_out_of_memory(struct mm *mm)
{
    struct thread *me = current_thread();
    if (is_dying(me) || (mm != me->mm && READ_ONCE(mm->oom_victim)))
        return -EINTR;
    if (!vm_oom_kill || !vm_oom_kill())
        return -ENOMEM;
    if (is_dying(me))
        return -EINTR;
    thread_sleep_interruptible(clock_monotonic() + 2000000); /* the victim frees its memory on its way out */
    return 0;
}

/* ---- the trap ------------------------------------------------------------------------------------------------ */

static bool allowed(const struct vm_area *a, u32 error)
{
    if (error & PF_WRITE)
        return a->flags & VM_WRITE;
    if (error & PF_INSTR)
        return a->flags & VM_EXEC;
    return a->flags & VM_ACCESS;
}

/* The area of addr with mm.lock held for reading; a stack below which addr lies is grown. NULL: none. */
static struct vm_area *find_or_grow(struct mm *mm, uaddr_t addr)
{
    struct vm_area *a = vm_find(mm, addr);
    if (likely(a && a->start <= addr))
        return a;
    if (!a || !(a->flags & VM_GROWSDOWN))
        return NULL;
    rwsem_read_unlock(&mm->lock);
    rwsem_write_lock(&mm->lock);
    a = vm_find(mm, addr);
    if (a && a->start > addr && vm_expand_stack(a, addr))
        a = NULL;
    rwsem_downgrade(&mm->lock);
    return a;
}

static int handle(struct mm *mm, uaddr_t addr, u32 error, int *code)
{
    int err;
    rwsem_read_lock(&mm->lock);
    struct vm_area *a = find_or_grow(mm, addr);
    if (!a || !allowed(a, error)) {
        *code = a ? SEGV_ACCERR : SEGV_MAPERR;
        rwsem_read_unlock(&mm->lock);
        return SIGSEGV;
    }
    err = fault_page(a, addr, error & PF_WRITE ? FAULT_WRITE : 0);
    rwsem_read_unlock(&mm->lock);
    if (likely(!err) || err == -EAGAIN)
        return 0;
    *code = BUS_ADRERR;
    return err == -ENOMEM ? -ENOMEM : SIGBUS;
}

int hook_page_fault(u64 addr, u32 error, struct trapframe *f, int *code)
{
    struct thread *me = current_thread();
    struct mm *mm = me->mm;
    *code = SEGV_MAPERR;
    if (unlikely(!mm || addr >= USER_END || me->pagefault_disabled))
        return SIGSEGV;
    me->min_flt++;
    int sig = handle(mm, ALIGN_DOWN(addr, PAGE_SIZE), error, code);
    if (likely(sig != -ENOMEM))
        return sig;
    int err = vm_out_of_memory(mm);
    if (!err)
        return 0;
    if (!frame_is_user(f))
        return SIGSEGV; /* the copy fails; a pending kill acts on the way out */
    *code = SI_KERNEL;
    return err == -EINTR ? 0 : SIGKILL;
}
