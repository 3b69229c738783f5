// SPDX-License-Identifier: MIT
/*
 * Shared anonymous memory: mmap(MAP_SHARED | MAP_ANONYMOUS), /dev/zero shared. An object of its own, counted by its
 * areas, with a radix tree of pages that come to life on first touch. obj.lock (LOCK_ANON) covers the tree; a page is made
 * before the lock is taken.
 */
#include "abi/errno.h"
#include "lib/radix.h"
#include "lib/string.h"
#include "mem/slab.h"
#include "sched/sched.h"
#include "vm/internal.h"

struct shm_object {
    struct mapping mapping;
    refcount_t refs; /* areas */
    struct spinlock lock;
    struct radix pages; /* struct page *, a reference each (lock) */
    u64 size;           /* in pages; constant */
};

static inline struct shm_object *shm_of(struct mapping *m)
{
    return container_of(m, struct shm_object, mapping);
}

static struct page *find_page(struct shm_object *o, u64 index)
{
    struct page *p = radix_get(&o->pages, index);
    if (p)
        page_get(p);
    return p;
}

/* Puts `fresh` in, or gives what somebody else put there. */
static int add_page(struct shm_object *o, u64 index, struct page *fresh, struct page **out)
{
    spin_lock(&o->lock);
    struct page *p = find_page(o, index);
    int err = p ? 0 : radix_set(&o->pages, index, fresh, NULL);
    if (!p && !err) {
        p = fresh;
        page_get(p);
        fresh = NULL;
        atomic_add(&mem_count.shmem, 1);
    }
    spin_unlock(&o->lock);
    if (fresh)
        page_put(fresh);
    *out = p;
    return err;
}

static int shm_get_page(struct mapping *m, u64 index, bool write, struct page **out)
{
    struct shm_object *o = shm_of(m);
    (void)write;
    if (index >= o->size)
        return -EFAULT;
    spin_lock(&o->lock);
    *out = find_page(o, index);
    spin_unlock(&o->lock);
    if (*out)
        return 0;
    struct page *p = page_alloc(0, MEM_USER | MEM_ZERO);
    return p ? add_page(o, index, p, out) : -ENOMEM;
}

static u32 shm_peek_pages(struct mapping *m, u64 index, u32 n, struct page **pages)
{
    struct shm_object *o = shm_of(m);
    u32 found = 0;
    spin_lock(&o->lock);
    for (u32 i = 0; i < n; i++) {
        pages[i] = find_page(o, index + i);
        found += pages[i] != NULL;
    }
    spin_unlock(&o->lock);
    return found;
}

static int shm_punch(struct mapping *m, u64 index, u64 count)
{
    struct shm_object *o = shm_of(m);
    u64 at = index;
    for (;;) {
        spin_lock(&o->lock);
        struct page *p = radix_next(&o->pages, &at);
        if (p && at < index + count)
            radix_del(&o->pages, at);
        else
            p = NULL;
        spin_unlock(&o->lock);
        if (!p)
            break;
        mapping_unmap(m, at, at, false);
        page_put(p);
        atomic_sub(&mem_count.shmem, 1);
        cond_resched();
    }
    return 0;
}

static const struct mapping_ops shm_mapping_ops = {
    .get_page = shm_get_page,
    .peek_pages = shm_peek_pages,
    .punch = shm_punch,
};

static void drop_page(u64 index, void *item, void *arg)
{
    (void)index;
    (*(u64 *)arg)++;
    page_put(item);
}

static void shm_open(struct vm_area *a)
{
    ref_get(&shm_of(a->mapping)->refs);
}

static void shm_close(struct vm_area *a)
{
    struct shm_object *o = shm_of(a->mapping);
    if (!ref_put(&o->refs))
        return;
    u64 n = 0;
    radix_clear(&o->pages, drop_page, &n);
    atomic_sub(&mem_count.shmem, n);
    account_uncommit(o->size);
    kfree(o);
}

static int shm_describe(struct vm_area *a, char *buf, size_t size, u64 *dev, u64 *ino)
{
    *dev = 1;
    *ino = 1024 + ((u64)a->mapping >> 6 & 0xffff); /* tells objects apart, as far as anybody looks */
    return (int)MIN(str_copy(buf, "/dev/zero (deleted)", size), size - 1);
}

static const struct vm_area_ops shm_area_ops = {
    .open = shm_open,
    .close = shm_close,
    .describe = shm_describe,
};

bool mapping_is_shm(const struct mapping *m)
{
    return m && m->ops == &shm_mapping_ops;
}

int shm_create(u64 pages, struct mapping **out, const struct vm_area_ops **ops)
{
    int err = account_commit(pages);
    if (err)
        return err;
    struct shm_object *o = kzalloc(sizeof(*o), MEM_WAIT);
    if (!o) {
        account_uncommit(pages);
        return -ENOMEM;
    }
    mapping_init(&o->mapping, &shm_mapping_ops);
    ref_init(&o->refs);
    spin_init(&o->lock, LOCK_ANON);
    radix_init(&o->pages);
    o->size = pages;
    *out = &o->mapping;
    *ops = &shm_area_ops;
    return 0;
}
