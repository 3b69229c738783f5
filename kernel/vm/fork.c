// SPDX-License-Identifier: MIT
/*
 * Copying an address space. Shared areas, and private ones of a file without private copies in them, are left to be
 * faulted in again; private copies and anonymous pages are shared read-only, a reference a page, until somebody
 * writes. Which pages will be written at once is known from the fork before: the stack's top, the allocator's and the
 * thread's own data. Those are copied here, which spares both sides a fault (FORK_HOT). Pages pinned for device I/O are copied at once, since the device would write to the wrong side.
 * The parent's mm.lock is held for writing: no fault, no other change. Table locks are taken parent → child.
 */
#include "abi/errno.h"
#include "arch/copy.h"
#include "lib/string.h"
#include "vm/internal.h"

struct copy {
    struct mm *parent, *child;
    struct vm_area *from, *to;
    struct page *spare; /* for a pinned page */
    u64 pages;          /* copied or shared */
    u32 hot_budget;     /* pages that may still be copied on suspicion */
    uaddr_t flush_start, flush_end;
};

static void protect_parent(struct copy *c, pte_t *entry, pte_t e, uaddr_t at, size_t size)
{
    pte_set(entry, e & ~PTE_W);
    c->flush_start = MIN(c->flush_start, at);
    c->flush_end = MAX(c->flush_end, at + size);
}

static bool copy_pinned(struct copy *c, struct page *p, pte_t *dst, pte_t e)
{
    struct page *own = c->spare;
    if (!own)
        return false;
    c->spare = NULL;
    copy_page(page_addr(own), page_addr(p));
    own->flags = PAGE_ANON;
    pte_set(dst, (e & ~PTE_ADDR) | page_phys(own));
    c->pages++;
    return true;
}

/* A page that was written soon after an earlier fork. The parent's entry stays writable. */
static bool copy_hot(struct copy *c, struct page *p, pte_t *dst, pte_t e)
{
    if (!p->private || !(e & PTE_W) || !c->hot_budget || ref_read(&p->refs) != 1)
        return false;
    struct page *own = page_alloc(0, MEM_USER | MEM_NOWAIT);
    if (!own)
        return false;
    copy_page(page_addr(own), page_addr(p));
    own->flags = PAGE_ANON;
    own->private = --p->private;
    pte_set(dst, (e & ~PTE_ADDR) | page_phys(own));
    c->hot_budget--;
    c->pages++;
    return true;
}

/* Both locks held. Returns where it stopped: short of end when a spare page is needed. */
static uaddr_t copy_ptes_locked(struct copy *c, pte_t *src, pte_t *dst, uaddr_t at, uaddr_t end)
{
    for (; at < end; at += PAGE_SIZE, src++, dst++) {
        pte_t e = *src;
        if (!pte_mapped(e))
            continue;
        if (e & PTE_SPECIAL) {
            pte_set(dst, e);
            continue;
        }
        struct page *p = pte_page(e);
        if (!(p->flags & PAGE_ANON))
            continue;
        if (unlikely(p->flags & PAGE_PINNED)) {
            if (!copy_pinned(c, p, dst, e))
                return at;
            continue;
        }
        if (p->private && copy_hot(c, p, dst, e))
            continue;
        page_get(p);
        if (e & PTE_W)
            protect_parent(c, src, e, at, PAGE_SIZE);
        pte_set(dst, e & ~PTE_W);
        c->pages++;
    }
    return at;
}

static int copy_ptes(struct copy *c, pte_t *src, pte_t *dst, uaddr_t at, uaddr_t end)
{
    while (at < end) {
        pte_t *s = &src[pte_index(at)], *d = &dst[pte_index(at)];
        spin_lock(table_lock(s));
        lockdep_nest_next();
        spin_lock(table_lock(d));
        at = copy_ptes_locked(c, s, d, at, end);
        spin_unlock(table_lock(d));
        spin_unlock(table_lock(s));
        if (at < end && !(c->spare = page_alloc(0, MEM_USER)))
            return -ENOMEM;
    }
    return 0;
}

/* 2 MiB pages are anonymous: no mapping knows the child's area, so its entry needs no lock. */
static void copy_huge(struct copy *c, pte_t *src, pte_t *dst, uaddr_t at)
{
    struct spinlock *lock = table_lock(src);
    spin_lock(lock);
    pte_t e = *src;
    struct page *run = pte_page(e);
    for (u32 i = 0; i < 512; i++)
        page_get(&run[i]);
    if (e & PTE_W)
        protect_parent(c, src, e, at, HUGE_SIZE);
    pte_set(dst, e & ~PTE_W);
    spin_unlock(lock);
    c->pages += 512;
}

static bool has_pinned(pte_t huge)
{
    struct page *run = pte_page(huge);
    for (u32 i = 0; i < 512; i++) {
        if (run[i].flags & PAGE_PINNED)
            return true;
    }
    return false;
}

static int copy_block(struct copy *c, pte_t *src, uaddr_t at, uaddr_t end)
{
    pte_t *dst = pmd_alloc(c->child, at);
    if (!dst)
        return -ENOMEM;
    if (pte_is_huge(*src) && has_pinned(*src)) {
        int err = huge_split(c->parent, src, at, MEM_WAIT);
        if (err)
            return err;
    }
    if (pte_is_huge(*src)) {
        copy_huge(c, src, dst, at);
        return 0;
    }
    int err = pte_table_alloc(c->child, dst);
    return err ? err : copy_ptes(c, pte_table(*src), pte_table(*dst), at, end);
}

static int copy_entries(struct copy *c)
{
    struct vm_area *a = c->from;
    uaddr_t at = a->start;
    for (pte_t *pmd; (pmd = pmd_first(c->parent, &at, a->end)); at = pmd_end(at, a->end)) {
        int err = copy_block(c, pmd, at, pmd_end(at, a->end));
        if (err)
            return err;
    }
    return 0;
}

static bool needs_copy(const struct vm_area *a)
{
    return !(a->flags & (VM_SHARED | VM_WIPEONFORK)) && (a->has_anon || !a->mapping);
}

static int copy_area(struct copy *c)
{
    struct vm_area *a = c->from;
    u64 pages = area_pages(a);
    int err = a->flags & VM_ACCOUNT ? account_commit(pages) : 0;
    if (err)
        return err;
    struct vm_area *b = area_alloc(c->child);
    if (!b) {
        if (a->flags & VM_ACCOUNT)
            account_uncommit(pages);
        return -ENOMEM;
    }
    *b = *a;
    b->mm = c->child;
    b->flags &= ~(u32)(VM_LOCKED | VM_LOCKONFAULT);
    b->next_dead = NULL;
    c->to = b;
    if (b->mapping) {
        rwsem_write_lock(&b->mapping->lock);
        mapping_insert_locked(b);
        rwsem_write_unlock(&b->mapping->lock);
    }
    area_insert(b);
    account_pages(c->child, b->flags, (s64)pages);
    if (b->ops && b->ops->open)
        b->ops->open(b);
    return needs_copy(a) ? copy_entries(c) : 0;
}

static void copy_figures(struct mm *to, const struct mm *from)
{
    to->mmap_base = from->mmap_base;
    to->brk_start = from->brk_start;
    to->brk = from->brk;
    to->stack_top = from->stack_top;
    to->stack_start = from->stack_start;
    to->code_start = from->code_start;
    to->code_end = from->code_end;
    to->data_start = from->data_start;
    to->data_end = from->data_end;
    to->arg_start = from->arg_start;
    to->arg_end = from->arg_end;
    to->env_start = from->env_start;
    to->env_end = from->env_end;
    memcpy(to->auxv, from->auxv, sizeof(to->auxv));
    to->auxv_len = from->auxv_len;
    to->exe_file = from->exe_file;
    to->vdso = from->vdso;
    to->rlim_as = from->rlim_as;
    to->rlim_data = from->rlim_data;
    to->rlim_stack = from->rlim_stack;
    to->rlim_memlock = from->rlim_memlock;
    to->dumpable = from->dumpable;
}

int mm_fork(struct mm *parent, struct mm **out)
{
    struct mm *child = mm_create();
    if (!child)
        return -ENOMEM;
    int err = rwsem_write_lock_killable(&parent->lock);
    if (err) {
        mm_put_user(child);
        return err;
    }
    struct copy c = {.parent = parent, .child = child, .hot_budget = 32, .flush_start = ~0ul};
    copy_figures(child, parent);
    for (c.from = vm_find(parent, 0); c.from && !err; c.from = vm_next(c.from)) {
        if (!(c.from->flags & VM_DONTFORK))
            err = copy_area(&c);
    }
    u64 cpus = atomic_read(&parent->cpumask);
    if (cpus && c.flush_start < c.flush_end)
        tlb_flush_range(cpus, parent->pgd, c.flush_start, c.flush_end);
    rwsem_write_unlock(&parent->lock);
    if (c.spare)
        page_put(c.spare);
    atomic_add(&child->rss_anon, c.pages);
    mem_count_anon((s64)c.pages);
    if (err) {
        mm_put_user(child);
        return err;
    }
    *out = child;
    return 0;
}
