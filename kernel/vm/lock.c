// SPDX-License-Identifier: MIT
/* mlock and its family, and faulting ranges in ahead of use (MAP_POPULATE, MADV_POPULATE_*). There is no swap: a locked
 * area is one whose pages are all there and which madvise may not empty. */
#include "abi/errno.h"
#include "abi/mman.h"
#include "sched/sched.h"
#include "vm/internal.h"

/* ---- populate ------------------------------------------------------------------------------------------------ */

static bool wants_write(const struct vm_area *a, enum populate_mode mode)
{
    return mode == POPULATE_WRITE || (mode == POPULATE_MAP && (a->flags & (VM_WRITE | VM_SHARED)) == VM_WRITE);
}

static int check_populate(const struct vm_area *a, enum populate_mode mode)
{
    if (!a)
        return -ENOMEM;
    if (mode == POPULATE_MAP)
        return a->flags & (VM_ACCESS | VM_SPECIAL) ? 0 : -EFAULT;
    return a->flags & VM_SPECIAL || !(a->flags & (mode == POPULATE_WRITE ? VM_WRITE : VM_READ)) ? -EINVAL : 0;
}

/* Some pages under one hold of mm.lock; *at moves on. */
static int populate_some(struct mm *mm, uaddr_t *at, uaddr_t end, enum populate_mode mode)
{
    struct vm_area *a = area_at(mm, *at);
    int err = check_populate(a, mode);
    if (err)
        return err;
    uaddr_t stop = MIN(a->end, end);
    if (a->flags & VM_SPECIAL) {
        *at = stop;
        return 0;
    }
    bool write = wants_write(a, mode);
    for (u32 budget = 256; *at < stop && budget > 0; budget--, *at += PAGE_SIZE) {
        if (fault_present(mm, *at, write))
            continue;
        do
            err = fault_page(a, *at, FAULT_AHEAD | (write ? FAULT_WRITE : 0));
        while (err == -EAGAIN);
        if (err)
            return err;
    }
    return 0;
}

int vm_populate(struct mm *mm, uaddr_t start, uaddr_t end, enum populate_mode mode)
{
    for (uaddr_t at = start; at < end;) {
        int err = rwsem_read_lock_killable(&mm->lock);
        if (err)
            return err;
        uaddr_t before = at;
        err = populate_some(mm, &at, end, mode);
        bool hole = err == -ENOMEM && !area_at(mm, at);
        rwsem_read_unlock(&mm->lock);
        if (err == -ENOMEM && !hole)
            err = vm_out_of_memory(mm);
        if (err)
            return err;
        if (at != before)
            cond_resched();
        if (signal_wakes(current_thread(), THREAD_SLEEP_KILL))
            return -EINTR;
    }
    return 0;
}

/* ---- mlock --------------------------------------------------------------------------------------------------- */

static int lock_area(struct vm_area *a, uaddr_t start, uaddr_t end, u32 lock_flags, struct vm_area **dead)
{
    struct mm *mm = a->mm;
    u32 old = a->flags, new = (old & ~(u32)(VM_LOCKED | VM_LOCKONFAULT)) | lock_flags;
    if (old == new || old & VM_SPECIAL)
        return 0;
    int err = area_split_around(mm, start, end);
    if (err)
        return err;
    a = area_at(mm, start);
    u64 pages = area_pages(a);
    if ((old ^ new) & VM_LOCKED)
        mm->locked_vm += new &VM_LOCKED ? pages : -pages;
    a->flags = new;
    area_merge(a, dead);
    return 0;
}

static int lock_range(struct mm *mm, uaddr_t start, uaddr_t end, u32 lock_flags, struct vm_area **dead)
{
    for (uaddr_t at = start; at < end;) {
        struct vm_area *a = area_at(mm, at);
        if (!a)
            return -ENOMEM;
        uaddr_t stop = MIN(a->end, end);
        int err = lock_area(a, at, stop, lock_flags, dead);
        if (err)
            return err;
        at = stop;
    }
    return 0;
}

static u64 locked_within(struct mm *mm, uaddr_t start, uaddr_t end)
{
    u64 n = 0;
    if (end <= start) /* a length that wraps: refused later, but after the limit */
        return 0;
    for (struct vm_area *a = vm_find(mm, start); a && a->start < end; a = vm_next(a)) {
        if (a->flags & VM_LOCKED)
            n += (MIN(a->end, end) - MAX(a->start, start)) >> PAGE_SHIFT;
    }
    return n;
}

static void round_range(uaddr_t *addr, size_t *len)
{
    *len = ALIGN_UP(*len + (*addr & (PAGE_SIZE - 1)), PAGE_SIZE);
    *addr = ALIGN_DOWN(*addr, PAGE_SIZE);
}

static int change_range(struct mm *mm, uaddr_t start, size_t len, u32 lock_flags, bool cap_lock)
{
    struct vm_area *dead = NULL;
    int err = rwsem_write_lock_killable(&mm->lock);
    if (err)
        return err;
    uaddr_t end = start + len;
    u64 pages = len >> PAGE_SHIFT;
    if (lock_flags && !account_lockable(mm, pages - MIN(pages, locked_within(mm, start, end)), cap_lock))
        err = -ENOMEM;
    else if (end < start)
        err = -EINVAL;
    else
        err = lock_range(mm, start, end, lock_flags, &dead);
    rwsem_write_unlock(&mm->lock);
    area_close_dead(dead);
    return err;
}

int vm_lock(struct mm *mm, uaddr_t addr, size_t len, u32 flags, bool cap_lock)
{
    if (flags & ~(u32)MLOCK_ONFAULT)
        return -EINVAL;
    if (!cap_lock && !mm->rlim_memlock)
        return -EPERM;
    round_range(&addr, &len);
    int err = change_range(mm, addr, len, VM_LOCKED | (flags & MLOCK_ONFAULT ? VM_LOCKONFAULT : 0), cap_lock);
    if (err || flags & MLOCK_ONFAULT)
        return err;
    err = vm_populate(mm, addr, addr + len, POPULATE_MAP);
    return err == -EFAULT ? -ENOMEM : err == -ENOMEM ? -EAGAIN : err; /* POSIX' words for these */
}

int vm_unlock(struct mm *mm, uaddr_t addr, size_t len)
{
    round_range(&addr, &len);
    return change_range(mm, addr, len, 0, true);
}

static void lock_all_areas(struct mm *mm, u32 lock_flags, struct vm_area **dead)
{
    struct vm_area *a = vm_find(mm, 0);
    while (a) {
        uaddr_t end = a->end;
        lock_area(a, a->start, end, lock_flags, dead);
        a = vm_find(mm, end);
    }
}

/* As far as it goes: holes and unreadable areas are passed over. */
static void populate_all(struct mm *mm)
{
    for (uaddr_t at = 0; at < USER_END;) {
        rwsem_read_lock(&mm->lock);
        struct vm_area *a = vm_find(mm, at);
        uaddr_t start = a ? MAX(a->start, at) : USER_END, end = a ? a->end : USER_END;
        rwsem_read_unlock(&mm->lock);
        if (vm_populate(mm, start, end, POPULATE_MAP) == -EINTR)
            return;
        at = end;
    }
}

int vm_lock_all(struct mm *mm, u32 flags, bool cap_lock)
{
    if (flags & ~(u32)(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) || flags == MCL_ONFAULT)
        return -EINVAL;
    if (flags && !cap_lock && !mm->rlim_memlock)
        return -EPERM;
    u32 lock_flags = flags ? VM_LOCKED | (flags & MCL_ONFAULT ? VM_LOCKONFAULT : 0) : 0;
    struct vm_area *dead = NULL;
    int err = rwsem_write_lock_killable(&mm->lock);
    if (err)
        return err;
    if (flags & MCL_CURRENT && !cap_lock && mm->total_vm > mm->rlim_memlock >> PAGE_SHIFT)
        err = -ENOMEM;
    if (!err) {
        mm->def_flags = flags & MCL_FUTURE ? lock_flags : 0;
        if (flags & MCL_CURRENT || !flags)
            lock_all_areas(mm, lock_flags, &dead);
    }
    rwsem_write_unlock(&mm->lock);
    area_close_dead(dead);
    if (!err && (flags & (MCL_CURRENT | MCL_ONFAULT)) == MCL_CURRENT)
        populate_all(mm);
    return err;
}
