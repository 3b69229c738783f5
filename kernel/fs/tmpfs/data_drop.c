// SPDX-License-Identifier: MIT
/* The pages of a file, given back: truncation, holes, the end of the file, shrinking. States and rules in tmpfs.h. */
#include "fs/tmpfs/slots.h"
#include "lib/string.h"

#define BATCH 16u

static inline u64 pages_up(u64 bytes)
{
    return (bytes + PAGE_SIZE - 1) >> PAGE_SHIFT;
}

static void archive_release(const u8 *bytes)
{
    struct page *f = frame_of(bytes);

    if (frame_take(f))
        page_put(f);
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
