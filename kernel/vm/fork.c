// SPDX-License-Identifier: MIT
/*
 * Copying an address space. The tree of areas is copied as it stands. Private anonymous pages are shared read-only, a
 * reference a page, until somebody writes; those written soon after the last fork (the stack's top, the allocator's and
 * the thread's own data) are copied at once, which spares both sides a fault (FORK_HOT). Of a program's file the pages in
 * real use are mapped for the child too; all else of files, and shared areas, is left to be faulted in again. Pages
 * pinned for device I/O are copied at once, since the device would write to the wrong side.
 * The parent's mm.lock is held for writing: no fault, no other change. Table locks are taken parent → child.
 */
#include "abi/errno.h"
#include "arch/copy.h"
#include "lib/string.h"
#include "sched/sched.h"
#include "vm/internal.h"

struct copy {
    struct mm *parent, *child;
    struct vm_area *from; /* its copy is from->twin until copy_area */
    struct page *spare;   /* for a pinned page */
    u64 pages;            /* copied or shared */
    u64 file_pages;
    u32 hot_budget;  /* pages that may still be copied on suspicion */
    u32 used_budget; /* entries of files that may still be copied */
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
    if (!(c->from->flags & VM_WRITE) || !c->hot_budget || ref_read(&p->refs) != 1)
        return false;
    struct page *own = page_alloc(0, MEM_USER | MEM_NOWAIT);
    if (!own)
        return false;
    copy_page(page_addr(own), page_addr(p));
    own->flags = PAGE_ANON;
    own->private = --p->private;
    pte_set(dst, (e & ~PTE_ADDR) | page_phys(own) | PTE_W | PTE_D);
    c->hot_budget--;
    c->pages++;
    return true;
}

/* A page of a program's file, if the parent has really used it: the child will, too. */
static void copy_used(struct copy *c, struct page *p, pte_t *dst, pte_t e)
{
    if (!(e & PTE_A) || e & PTE_W || !c->used_budget)
        return;
    page_get(p);
    pte_set(dst, e);
    c->used_budget--;
    c->file_pages++;
}

/* Both locks held. Returns where it stopped: short of end when a spare page is needed. */
static uaddr_t copy_ptes_locked(struct copy *c, pte_t *src, pte_t *dst, uaddr_t at, uaddr_t end)
{
    pte_t *first = src, *stop = src + ((end - at) >> PAGE_SHIFT), *to = dst;
    for (src = pte_skip_empty(src, stop); src < stop; src = pte_skip_empty(src + 1, stop)) {
        pte_t e = *src;
        if (!pte_mapped(e))
            continue;
        dst = to + (src - first);
        if (e & PTE_SPECIAL) {
            pte_set(dst, e);
            continue;
        }
        struct page *p = pte_page(e);
        if (!(p->flags & PAGE_ANON)) {
            copy_used(c, p, dst, e);
            continue;
        }
        if (unlikely(p->flags & PAGE_PINNED)) {
            if (!copy_pinned(c, p, dst, e))
                return at + ((uaddr_t)(src - first) << PAGE_SHIFT);
            continue;
        }
        if (p->private && copy_hot(c, p, dst, e))
            continue;
        page_get(p);
        if (e & PTE_W)
            protect_parent(c, src, e, at + ((uaddr_t)(src - first) << PAGE_SHIFT), PAGE_SIZE);
        pte_set(dst, e & ~PTE_W);
        c->pages++;
    }
    return end;
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
        cond_resched();
    }
    return 0;
}

/* ---- the areas: shape of the tree first, then the rest ---------------------------------------------------------- */

static struct rb_node *twin_node(struct rb_node *n)
{
    return n ? &rb_entry(n, struct vm_area, node)->twin->node : NULL;
}

/* The copy's place in the tree is the original's: no search, no rebalancing. */
static void link_twin(struct vm_area *a)
{
    struct rb_node *n = &a->node, *t = &a->twin->node;
    t->parent_color = (unsigned long)twin_node(rb_parent(n)) | (n->parent_color & 3);
    t->left = twin_node(n->left);
    t->right = twin_node(n->right);
}

static void forget_twins(struct mm *mm)
{
    for (struct vm_area *a = vm_find(mm, 0); a; a = vm_next(a)) {
        if (a->twin)
            area_free(a->twin);
        a->twin = NULL;
    }
}

/* Copies of all areas; *complete when none stays behind (MADV_DONTFORK). */
static int make_twins(struct mm *parent, struct mm *child, bool *complete)
{
    *complete = true;
    for (struct vm_area *a = vm_find(parent, 0); a; a = vm_next(a)) {
        if (a->flags & VM_DONTFORK) {
            *complete = false;
            continue;
        }
        a->twin = area_copy(child, a);
        if (!a->twin) {
            forget_twins(parent);
            return -ENOMEM;
        }
        a->twin->flags &= ~(u32)(VM_LOCKED | VM_LOCKONFAULT);
    }
    return 0;
}

static void link_areas(struct mm *parent, struct mm *child, bool complete)
{
    if (complete) {
        child->areas.node = twin_node(parent->areas.node);
        child->area_count = parent->area_count;
    }
    for (struct vm_area *a = vm_find(parent, 0); a; a = vm_next(a)) {
        if (complete)
            link_twin(a);
        else if (a->twin)
            area_insert(a->twin);
    }
}

#define USED_MAX_AREA (4ul << 20)

static bool needs_copy(const struct vm_area *a)
{
    if (a->flags & (VM_SHARED | VM_WIPEONFORK))
        return false;
    return a->has_anon || !a->mapping || (a->flags & VM_EXEC && a->end - a->start <= USED_MAX_AREA);
}

/* After an error the remaining areas still become whole, for the teardown. */
static int copy_area(struct copy *c, int err)
{
    struct vm_area *a = c->from, *b = a->twin;
    u64 pages = area_pages(a);
    a->twin = NULL;
    if (b->mapping) {
        rwsem_write_lock(&b->mapping->lock);
        mapping_insert_locked(b);
        rwsem_write_unlock(&b->mapping->lock);
    }
    account_pages(c->child, b->flags, (s64)pages);
    if (b->ops && b->ops->open)
        b->ops->open(b);
    if (b->flags & VM_ACCOUNT && account_commit(pages)) {
        b->flags &= ~(u32)VM_ACCOUNT;
        return -ENOMEM;
    }
    return !err && needs_copy(a) ? copy_entries(c) : err;
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
    to->vdso = from->vdso;
    to->rlim_as = from->rlim_as;
    to->rlim_data = from->rlim_data;
    to->rlim_stack = from->rlim_stack;
    to->rlim_memlock = from->rlim_memlock;
    to->dumpable = from->dumpable;
    to->options = vm_inherited_options(from, true);
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
    struct copy c = {.parent = parent, .child = child, .hot_budget = 32, .used_budget = 96, .flush_start = ~0ul};
    copy_figures(child, parent);
    bool complete;
    err = make_twins(parent, child, &complete);
    if (!err)
        link_areas(parent, child, complete);
    for (c.from = err ? NULL : vm_find(parent, 0); c.from; c.from = vm_next(c.from)) {
        if (c.from->twin)
            err = copy_area(&c, err);
    }
    u64 cpus = atomic_read(&parent->cpumask);
    if (cpus && c.flush_start < c.flush_end)
        tlb_flush_range(cpus, parent->pgd, c.flush_start, c.flush_end);
    rwsem_write_unlock(&parent->lock);
    if (c.spare)
        page_put(c.spare);
    atomic_add(&child->rss_anon, c.pages);
    atomic_add(&child->rss_file, c.file_pages);
    mem_count_anon((s64)c.pages);
    if (err) {
        mm_put_user(child);
        return err;
    }
    *out = child;
    return 0;
}
