// SPDX-License-Identifier: MIT
/* The pages of a file: states and rules in tmpfs.h. */
#include "abi/errno.h"
#include "fs/tmpfs/tmpfs.h"
#include "lib/string.h"

#define HOLE ((struct page *)1) /* in a slot: zeros, although inside arch_limit */

static inline bool is_page(const struct page *p)
{
    return (u64)p > (u64)HOLE;
}

static inline struct page *slot_get(const struct tmpfs_inode *ti, u64 index)
{
    return likely(!index) ? load_acquire(&ti->file.first) : radix_get(&ti->file.pages, index);
}

static int slot_set(struct tmpfs_inode *ti, u64 index, struct page *p) /* lock */
{
    if (index)
        return radix_set(&ti->file.pages, index, p, NULL);
    store_release(&ti->file.first, p);
    return 0;
}

static void slot_clear(struct tmpfs_inode *ti, u64 index) /* lock */
{
    if (index)
        radix_del(&ti->file.pages, index);
    else
        store_release(&ti->file.first, (struct page *)NULL);
}

static inline struct tmpfs_super *super_of(const struct tmpfs_inode *ti)
{
    return tmpfs_s(ti->vfs.sb);
}

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

/* ---- frames of the archive ------------------------------------------------------------------------------------------- */

static inline struct page *frame_of(const u8 *bytes)
{
    return mem_archive_page((u64)bytes - DIRECT_MAP);
}

static bool frame_pin(struct page *f)
{
    if (!ref_get_unless_zero(&f->refs))
        return false;
    if (load_acquire(&f->flags) & PAGE_ARCHIVE)
        return true;
    page_put(f);
    return false;
}

/* The archive's reference to the frame goes to the caller, who is the only one that ever gets it. */
static bool frame_take(struct page *f)
{
    if (!(__atomic_fetch_and(&f->flags, ~(u32)PAGE_ARCHIVE, __ATOMIC_ACQ_REL) & PAGE_ARCHIVE))
        return false;
    atomic_sub(&mem_count.archive, 1);
    return true;
}

static void archive_release(const u8 *bytes)
{
    struct page *f = frame_of(bytes);

    if (frame_take(f))
        page_put(f);
}

/* Is page `index` a whole frame of the archive, the file's own? */
static inline bool is_whole_frame(const struct tmpfs_inode *ti, u64 index, u64 limit)
{
    return ti->file.aligned && (index + 1) << PAGE_SHIFT <= limit;
}

/* ---- reading --------------------------------------------------------------------------------------------------------- */

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

/* ---- giving back ----------------------------------------------------------------------------------------------------- */

#define BATCH 16u

static inline u64 pages_up(u64 bytes)
{
    return (bytes + PAGE_SIZE - 1) >> PAGE_SHIFT;
}

static void put_dropped(struct tmpfs_inode *ti, struct page **batch, u32 n)
{
    u64 charged = 0;

    for (u32 i = 0; i < n; i++) {
        atomic_sub(batch[i]->flags & PAGE_DIRTY ? &mem_count.shmem : &mem_count.cache, 1);
        charged += batch[i]->private;
        batch[i]->private = 0;
        page_put(batch[i]);
    }
    if (charged)
        tmpfs_uncharge(super_of(ti), charged);
}

/* First slot in use at or after *at (lock). NULL: none. */
static struct page *next_slot(struct tmpfs_inode *ti, u64 *at)
{
    if (!*at) {
        if (ti->file.first)
            return ti->file.first;
        *at = 1;
    }
    return radix_next(&ti->file.pages, at);
}

/* Slots from `at` on are emptied and their pages dropped. arch_pages: what was inside arch_limit. */
static void drop_slots(struct tmpfs_inode *ti, u64 at, u64 arch_pages)
{
    struct page *batch[BATCH], *p;
    u32 n;

    do {
        n = 0;
        spin_lock(&ti->file.lock);
        while (n < BATCH && (p = next_slot(ti, &at))) {
            slot_clear(ti, at);
            if (at < arch_pages && (p == HOLE || p->private))
                ti->file.holes--;
            if (is_page(p)) {
                ti->file.owned -= p->private;
                batch[n++] = p;
            }
            at++;
        }
        spin_unlock(&ti->file.lock);
        put_dropped(ti, batch, n);
        cond_resched();
    } while (n == BATCH);
}

static void release_frames(struct tmpfs_inode *ti, u64 from, u64 limit)
{
    if (!ti->file.aligned)
        return;
    for (; (from + 1) << PAGE_SHIFT <= limit; from++)
        archive_release(ti->file.arch + (from << PAGE_SHIFT));
}

void data_zero_tail(struct tmpfs_inode *ti, u64 size)
{
    struct page *p;

    if (!(size & ~PAGE_MASK))
        return;
    spin_lock(&ti->file.lock);
    p = slot_get(ti, size >> PAGE_SHIFT);
    if (is_page(p))
        memset((u8 *)page_addr(p) + (size & ~PAGE_MASK), 0, PAGE_SIZE - (size & ~PAGE_MASK));
    spin_unlock(&ti->file.lock);
}

/* The page that is to be cut in its middle may be mapped as the archive's own frame: then that frame must be zeroed. */
int data_shrink_prepare(struct tmpfs_inode *ti, u64 size)
{
    u64 index = size >> PAGE_SHIFT;
    struct page *p;

    if (!(size & ~PAGE_MASK) || slot_get(ti, index) || !is_whole_frame(ti, index, ti->file.arch_limit))
        return 0;
    int err = data_own(ti, index, &p);
    if (!err)
        page_put(p);
    return err;
}

void data_truncate(struct tmpfs_inode *ti, u64 size)
{
    u64 old_limit = ti->file.arch_limit;

    WRITE_ONCE(ti->vfs.size, size);
    if (size < old_limit) {
        spin_lock(&ti->file.lock);
        WRITE_ONCE(ti->file.arch_limit, size);
        spin_unlock(&ti->file.lock);
    }
    data_zero_tail(ti, size);
    mapping_unmap(&ti->file.mapping, pages_up(size), ~0ul, true);
    drop_slots(ti, pages_up(size), pages_up(old_limit));
    if (size < old_limit)
        release_frames(ti, pages_up(size), old_limit);
}

/* Makes `index` a hole (lock): its page comes back in *out, an archived frame in *frame. -ENOMEM. */
static int punch_slot(struct tmpfs_inode *ti, u64 index, struct page **out, bool *frame)
{
    struct page *p = slot_get(ti, index);
    bool in_archive = index << PAGE_SHIFT < ti->file.arch_limit;
    int err = 0;

    *out = NULL;
    *frame = false;
    if (p == HOLE || (!p && !in_archive))
        return 0;
    if (in_archive)
        err = slot_set(ti, index, HOLE);
    else
        slot_clear(ti, index);
    if (err)
        return err;
    if (in_archive && !(p && p->private))
        ti->file.holes++;
    *frame = !p && is_whole_frame(ti, index, ti->file.arch_limit);
    if (p)
        ti->file.owned -= p->private;
    *out = p;
    return 0;
}

static int punch_one(struct tmpfs_inode *ti, u64 index)
{
    struct page *p;
    bool frame;

    spin_lock(&ti->file.lock);
    int err = punch_slot(ti, index, &p, &frame);
    spin_unlock(&ti->file.lock);
    if (!p && !frame)
        return err;
    mapping_unmap(&ti->file.mapping, index, index, false);
    if (frame)
        archive_release(ti->file.arch + (index << PAGE_SHIFT));
    if (p)
        put_dropped(ti, &p, 1);
    return 0;
}

int data_punch(struct tmpfs_inode *ti, u64 from, u64 to)
{
    u64 arch = MIN(pages_up(ti->file.arch_limit), to);
    int err = 0;

    for (; !err && from < arch; from++) {
        err = punch_one(ti, from);
        cond_resched();
    }
    while (!err && from < to) {
        spin_lock(&ti->file.lock);
        bool more = next_slot(ti, &from) && from < to;
        spin_unlock(&ti->file.lock);
        if (!more)
            break;
        err = punch_one(ti, from++);
    }
    return err;
}

u64 data_next(struct tmpfs_inode *ti, u64 index, u64 end, bool hole)
{
    u64 arch = pages_up(ti->file.arch_limit);

    while (index < end && data_is_hole(ti, index) != hole) {
        index++;
        if (!hole && index >= arch) { /* the next slot in use is the next data */
            spin_lock(&ti->file.lock);
            if (!next_slot(ti, &index))
                index = end;
            spin_unlock(&ti->file.lock);
        }
    }
    return MIN(index, end);
}

u64 data_blocks(struct tmpfs_inode *ti)
{
    return (ti->file.owned + pages_up(ti->file.arch_limit) - ti->file.holes) * (PAGE_SIZE / 512);
}

void data_evict(struct tmpfs_inode *ti, bool give_back)
{
    drop_slots(ti, 0, pages_up(ti->file.arch_limit));
    if (give_back)
        release_frames(ti, 0, ti->file.arch_limit);
}

/* copied → archived, for pages that nobody uses: the count is frozen at 0. */
u64 data_drop_copies(struct tmpfs_inode *ti)
{
    u64 n = 0, at = 0;
    struct page *p;

    spin_lock(&ti->file.lock);
    for (; (p = next_slot(ti, &at)); at++) {
        u32 one = 1;
        if (p == HOLE || (p->flags & PAGE_DIRTY) ||
            !__atomic_compare_exchange_n(&p->refs.v, &one, 0, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
            continue;
        slot_clear(ti, at);
        atomic_sub(&mem_count.cache, 1);
        page_free(p, 0);
        n++;
    }
    spin_unlock(&ti->file.lock);
    return n;
}

bool data_has_copies(struct tmpfs_inode *ti)
{
    bool found = false;
    struct page *p;
    u64 at = 0;

    spin_lock(&ti->file.lock);
    for (; !found && (p = next_slot(ti, &at)); at++)
        found = is_page(p) && !(p->flags & PAGE_DIRTY);
    spin_unlock(&ti->file.lock);
    return found;
}
