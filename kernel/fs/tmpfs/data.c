// SPDX-License-Identifier: MIT
/* The pages of a file, found and made: states and rules in tmpfs.h. */
#include "abi/errno.h"
#include "fs/tmpfs/slots.h"
#include "lib/string.h"

void tmpfs_data_init(struct tmpfs_inode *ti, const u8 *arch, u64 size)
{
    mapping_init(&ti->file.mapping, &tmpfs_mapping_ops);
    spin_init(&ti->file.lock, LOCK_PAGECACHE);
    radix_init(&ti->file.pages);
    ti->file.first = NULL;
    ti->file.owned = ti->file.holes = 0;
    ti->file.arch = arch;
    ti->file.arch_limit = arch ? size : 0;
    ti->file.aligned = IS_ALIGNED((u64)arch, PAGE_SIZE);
    ti->file.seals = 0;
    ti->file.sealable = false;
    ti->vfs.mapping = &ti->file.mapping;
    ti->vfs.size = size;
}

/* ---- reading --------------------------------------------------------------------------------------------------------- */

static bool frame_pin(struct page *f)
{
    if (!ref_get_unless_zero(&f->refs))
        return false;
    if (load_acquire(&f->flags) & PAGE_ARCHIVE)
        return true;
    page_put(f);
    return false;
}

/* One attempt at an archived page. false: look again. */
static bool pin_archived(struct tmpfs_inode *ti, u64 index, u64 limit, struct data_ref *r, int *err)
{
    r->bytes = ti->file.arch + (index << PAGE_SHIFT);
    r->valid = (u32)MIN(PAGE_SIZE, limit - (index << PAGE_SHIFT));
    struct page *a = frame_of(r->bytes), *b = frame_of(r->bytes + r->valid - 1);
    bool ok = frame_pin(a);
    if (ok) {
        r->page = a;
        if (a != b && (ok = frame_pin(b)))
            r->second = b;
    }
    if (!slot_get(ti, index) && READ_ONCE(ti->file.arch_limit) == limit) {
        *err = ok ? 0 : -EIO; /* a hostile index gave the frame to another file too */
        if (ok)
            return true;
    }
    data_unpin(r);
    *r = (struct data_ref){0};
    return *err != 0;
}

int data_pin(struct tmpfs_inode *ti, u64 index, struct data_ref *r)
{
    int err = 0;

    *r = (struct data_ref){0};
    for (;;) {
        struct page *p = slot_get(ti, index);
        if (p == HOLE)
            return 0;
        if (p) {
            if (!ref_get_unless_zero(&p->refs))
                continue;
            if (likely(slot_get(ti, index) == p)) {
                *r = (struct data_ref){p, NULL, page_addr(p), PAGE_SIZE};
                return 0;
            }
            page_put(p);
            continue;
        }
        u64 limit = READ_ONCE(ti->file.arch_limit);
        if (index << PAGE_SHIFT >= limit)
            return 0;
        if (pin_archived(ti, index, limit, r, &err))
            return err;
    }
}

bool data_is_hole(struct tmpfs_inode *ti, u64 index)
{
    struct page *p = slot_get(ti, index);

    return p == HOLE || (!p && index << PAGE_SHIFT >= READ_ONCE(ti->file.arch_limit));
}

/* ---- making pages ---------------------------------------------------------------------------------------------------- */

static void set_owned(struct tmpfs_inode *ti, u64 index, struct page *p, u32 flags, bool charged)
{
    p->mapping = &ti->file.mapping;
    p->index = index;
    p->private = charged;
    __atomic_fetch_or(&p->flags, PAGE_CACHE | flags, __ATOMIC_RELEASE);
}

int data_add(struct tmpfs_inode *ti, u64 index, struct page *fresh, struct page **out)
{
    int err = 0;

    spin_lock(&ti->file.lock);
    struct page *p = slot_get(ti, index);
    if (is_page(p)) {
        page_get(p);
        __atomic_fetch_or(&p->flags, PAGE_DIRTY, __ATOMIC_RELAXED);
    } else {
        set_owned(ti, index, fresh, PAGE_DIRTY, true);
        err = slot_set(ti, index, fresh);
        if (!err) {
            ti->file.owned++;
            p = fresh;
            page_get(p);
        }
    }
    spin_unlock(&ti->file.lock);
    if (p != fresh || err) {
        fresh->private = 0;
        page_put(fresh);
        tmpfs_uncharge(super_of(ti), 1);
    } else {
        atomic_add(&mem_count.shmem, 1);
    }
    *out = p;
    return err;
}

/* archived → owned, in place. -EAGAIN: it was not archived any more. */
static int data_claim(struct tmpfs_inode *ti, u64 index, struct page **out)
{
    struct page *f = frame_of(ti->file.arch + (index << PAGE_SHIFT));
    int err = 0;

    spin_lock(&ti->file.lock);
    if (slot_get(ti, index) || !is_whole_frame(ti, index, ti->file.arch_limit))
        err = -EAGAIN;
    else if (!(load_acquire(&f->flags) & PAGE_ARCHIVE))
        err = -EIO;
    else
        err = slot_set(ti, index, f);
    if (!err) {
        if (frame_take(f)) {
            set_owned(ti, index, f, PAGE_DIRTY, false);
            page_get(f);
            *out = f;
        } else {
            slot_clear(ti, index);
            err = -EIO;
        }
    }
    spin_unlock(&ti->file.lock);
    if (!err)
        atomic_add(&mem_count.shmem, 1);
    return err;
}

/* archived → copied or owned, by a copy with zeros behind the valid bytes. -EAGAIN as above. */
static int data_copy_in(struct tmpfs_inode *ti, u64 index, bool own, struct page **out)
{
    struct data_ref r;
    struct page *p = page_alloc(0, MEM_USER);
    int err = p ? data_pin(ti, index, &r) : -ENOMEM;

    if (err) {
        if (p)
            page_put(p);
        return err;
    }
    memcpy(page_addr(p), r.bytes, r.valid);
    memset((u8 *)page_addr(p) + r.valid, 0, PAGE_SIZE - r.valid);
    spin_lock(&ti->file.lock);
    u64 limit = ti->file.arch_limit;
    if (slot_get(ti, index) || index << PAGE_SHIFT >= limit || r.valid != MIN(PAGE_SIZE, limit - (index << PAGE_SHIFT)))
        err = -EAGAIN;
    else
        err = slot_set(ti, index, p);
    if (!err) {
        set_owned(ti, index, p, own ? PAGE_DIRTY : 0, false);
        page_get(p);
        *out = p;
    }
    spin_unlock(&ti->file.lock);
    data_unpin(&r);
    if (err)
        page_put(p);
    else
        atomic_add(own ? &mem_count.shmem : &mem_count.cache, 1);
    if (!err && !own)
        tmpfs_note_copy(ti);
    return err;
}

static int add_zeros(struct tmpfs_inode *ti, u64 index, struct page **out)
{
    if (!tmpfs_charge(super_of(ti), 1))
        return -ENOSPC;
    struct page *p = page_alloc(0, MEM_USER | MEM_ZERO);
    if (p)
        return data_add(ti, index, p, out);
    tmpfs_uncharge(super_of(ti), 1);
    return -ENOMEM;
}

static void make_dirty(struct page *p)
{
    if (likely(load_acquire(&p->flags) & PAGE_DIRTY))
        return;
    if (!(__atomic_fetch_or(&p->flags, PAGE_DIRTY, __ATOMIC_ACQ_REL) & PAGE_DIRTY)) {
        atomic_sub(&mem_count.cache, 1);
        atomic_add(&mem_count.shmem, 1);
    }
}

/* The page of the state that index is in, or is to be in. */
static int data_get(struct tmpfs_inode *ti, u64 index, bool own, struct page **out)
{
    struct data_ref r;
    int err;

    do {
        err = data_pin(ti, index, &r);
        if (err)
            return err;
        bool in_slot = r.page && r.bytes == page_addr(r.page) && !(load_acquire(&r.page->flags) & PAGE_ARCHIVE);
        bool whole = r.page && !in_slot && is_whole_frame(ti, index, READ_ONCE(ti->file.arch_limit));
        if (in_slot || (whole && !own)) {
            if (own)
                make_dirty(r.page);
            *out = r.page;
            return 0;
        }
        data_unpin(&r);
        if (!r.bytes)
            err = add_zeros(ti, index, out);
        else if (whole)
            err = data_claim(ti, index, out);
        else
            err = data_copy_in(ti, index, own, out);
    } while (err == -EAGAIN);
    return err;
}

int data_own(struct tmpfs_inode *ti, u64 index, struct page **out)
{
    return data_get(ti, index, true, out);
}

/* ---- mapping --------------------------------------------------------------------------------------------------------- */

static struct tmpfs_inode *of_mapping(struct mapping *m)
{
    return container_of(m, struct tmpfs_inode, file.mapping);
}

static inline u64 page_count(const struct tmpfs_inode *ti)
{
    return (READ_ONCE(ti->vfs.size) + PAGE_SIZE - 1) >> PAGE_SHIFT;
}

static int map_get_page(struct mapping *m, u64 index, bool write, struct page **out)
{
    struct tmpfs_inode *ti = of_mapping(m);

    if (index >= page_count(ti))
        return -EFAULT;
    return data_get(ti, index, write, out);
}

static bool map_valid(struct mapping *m, u64 index)
{
    return index < page_count(of_mapping(m));
}

static u32 map_peek_pages(struct mapping *m, u64 index, u32 n, struct page **pages)
{
    struct tmpfs_inode *ti = of_mapping(m);
    u64 count = page_count(ti);
    u32 found = 0;

    for (u32 i = 0; i < n; i++) {
        struct data_ref r = {0};
        pages[i] = NULL;
        if (index + i >= count || data_pin(ti, index + i, &r) || !r.page)
            continue;
        if (r.valid == PAGE_SIZE && r.bytes == page_addr(r.page)) {
            pages[i] = r.page;
            found++;
        } else {
            data_unpin(&r);
        }
    }
    return found;
}

static int map_punch(struct mapping *m, u64 index, u64 count)
{
    struct tmpfs_inode *ti = of_mapping(m);

    mutex_lock(&ti->vfs.lock);
    tmpfs_dirty(&ti->vfs);
    int err = data_punch(ti, index, index + count);
    mutex_unlock(&ti->vfs.lock);
    return err;
}

static void map_mkwrite(struct mapping *m, struct page *page)
{
    struct tmpfs_inode *ti = of_mapping(m);

    (void)page;
    inode_touch(&ti->vfs, ATTR_MTIME | ATTR_CTIME);
}

const struct mapping_ops tmpfs_mapping_ops = {
    .get_page = map_get_page,
    .valid = map_valid,
    .peek_pages = map_peek_pages,
    .page_mkwrite = map_mkwrite,
    .punch = map_punch,
};
