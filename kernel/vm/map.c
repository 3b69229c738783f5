// SPDX-License-Identifier: MIT
/*
 * mmap, munmap, brk and growing stacks: what comes into an address space and what goes. Everything that can fail is
 * tried before anything is taken away. Areas that leave are closed after mm.lock is released, since that may drop
 * the last reference of a file.
 */
#include "abi/errno.h"
#include "abi/mman.h"
#include "lib/string.h"
#include "vm/internal.h"

u64 vm_max_areas = 65530;

/* ---- taking out ---------------------------------------------------------------------------------------------- */

static bool overlaps(struct mm *mm, uaddr_t start, uaddr_t end)
{
    struct vm_area *a = vm_find(mm, start);
    return a && a->start < end;
}

static void detach_area(struct gather *g, struct vm_area *a, struct vm_area **dead)
{
    zap_range(g, a, a->start, a->end, true);
    account_pages(a->mm, a->flags, -(s64)area_pages(a));
    if (a->flags & VM_ACCOUNT)
        account_uncommit(area_pages(a));
    area_remove(a);
    mapping_detach(a);
    a->next_dead = *dead;
    *dead = a;
}

int unmap_locked(struct mm *mm, uaddr_t start, uaddr_t end, struct vm_area **dead)
{
    if (end < start || end > USER_END) /* mremap's old length is anything: the walk must not leave the lower half */
        return -EINVAL;
    if (!overlaps(mm, start, end))
        return 0;
    int err = area_split_around(mm, start, end);
    if (err)
        return err;
    struct gather g;
    gather_init(&g, mm);
    struct vm_area *a = vm_find(mm, start), *prev = area_prev(a);
    uaddr_t floor = prev ? prev->end : 0;
    while (a && a->start < end) {
        struct vm_area *next = vm_next(a);
        detach_area(&g, a, dead);
        a = next;
    }
    zap_tables(&g, start, end, floor, a ? a->start : USER_TOP);
    gather_finish(&g);
    return 0;
}

static bool range_ok(uaddr_t addr, size_t len)
{
    return IS_ALIGNED(addr, PAGE_SIZE) && len && addr < USER_END && len <= USER_END - addr;
}

int vm_unmap(struct mm *mm, uaddr_t addr, size_t len)
{
    if (!range_ok(addr, len))
        return -EINVAL;
    struct vm_area *dead = NULL;
    int err = rwsem_write_lock_killable(&mm->lock);
    if (err)
        return err;
    err = unmap_locked(mm, addr, addr + ALIGN_UP(len, PAGE_SIZE), &dead);
    rwsem_write_unlock(&mm->lock);
    area_close_dead(dead);
    return err;
}

/* ---- choosing the place -------------------------------------------------------------------------------------- */

static bool fits_at(struct mm *mm, uaddr_t addr, size_t len)
{
    if (addr < VM_MIN_ADDR || len > USER_END || addr > USER_END - len)
        return false;
    struct vm_area *next = vm_find(mm, addr);
    return !next || addr + len <= area_guarded_start(next);
}

static uaddr_t search(struct mm *mm, size_t len, u32 flags)
{
    if (flags & MAP_32BIT)
        return area_place_up(mm, len, 0x40000000, 0x80000000);
    uaddr_t top = mm->mmap_base ? mm->mmap_base : USER_END - (128ul << 20);
    uaddr_t at = area_place_down(mm, len, VM_MIN_ADDR, top);
    return at ? at : area_place_up(mm, len, ALIGN_UP(USER_END / 3, PAGE_SIZE), USER_END);
}

static int place_fixed(struct mm *mm, const struct vm_map_args *args, size_t len)
{
    if (args->addr > USER_END - len)
        return -ENOMEM;
    if (!IS_ALIGNED(args->addr, PAGE_SIZE))
        return -EINVAL;
    if (args->addr < VM_MIN_ADDR && !args->cap_rawio)
        return -EPERM;
    if (args->flags & MAP_FIXED_NOREPLACE && overlaps(mm, args->addr, args->addr + len))
        return -EEXIST;
    return 0;
}

int place_locked(struct mm *mm, const struct vm_map_args *args, uaddr_t *out)
{
    size_t len = ALIGN_UP(args->len, PAGE_SIZE);
    if (len > USER_END)
        return -ENOMEM;
    if (args->flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)) {
        *out = args->addr;
        return place_fixed(mm, args, len);
    }
    uaddr_t hint = ALIGN_UP(args->addr, PAGE_SIZE);
    if (hint && hint < VM_MIN_ADDR)
        hint = VM_MIN_ADDR;
    if (hint && !(args->flags & MAP_32BIT && hint + len > 0x80000000) && fits_at(mm, hint, len)) {
        *out = hint;
        return 0;
    }
    bool align = len >= 2 * HUGE_SIZE && !args->mapping && !(args->flags & (MAP_STACK | MAP_32BIT));
    uaddr_t at = align ? search(mm, len + HUGE_SIZE - PAGE_SIZE, args->flags) : 0;
    if (at)
        at = ALIGN_UP(at, HUGE_SIZE);
    else
        at = search(mm, len, args->flags);
    *out = at;
    return at ? 0 : -ENOMEM;
}

/* ---- mmap ---------------------------------------------------------------------------------------------------- */

#define MAP_TYPE_OF(flags) ((flags)&MAP_TYPE)
#define MAP_LEGACY                                                                                           \
    (MAP_SHARED | MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS | MAP_DENYWRITE | MAP_EXECUTABLE | MAP_GROWSDOWN | \
     MAP_LOCKED | MAP_NORESERVE | MAP_POPULATE | MAP_NONBLOCK | MAP_STACK | MAP_HUGETLB | MAP_32BIT |        \
     (63u << MAP_HUGE_SHIFT))

static int check_file_type(u32 flags)
{
    u32 type = MAP_TYPE_OF(flags);
    if (type != MAP_SHARED && type != MAP_PRIVATE && type != MAP_SHARED_VALIDATE)
        return -EINVAL;
    return type == MAP_SHARED_VALIDATE && flags & ~(u32)(MAP_LEGACY | MAP_SHARED_VALIDATE) ? -EOPNOTSUPP : 0;
}

static int check_type(const struct vm_map_args *args)
{
    u32 type = MAP_TYPE_OF(args->flags);
    if (!args->mapping) {
        bool zero_file = !(args->flags & MAP_ANONYMOUS); /* /dev/zero */
        if (type != MAP_SHARED && type != MAP_PRIVATE && !(zero_file && type == MAP_SHARED_VALIDATE))
            return -EINVAL;
        return type == MAP_SHARED && args->flags & MAP_GROWSDOWN ? -EINVAL : 0;
    }
    int err = check_file_type(args->flags);
    if (err)
        return err;
    if (!(args->may & VM_MAYREAD))
        return -EACCES;
    if (type != MAP_PRIVATE && args->prot & PROT_WRITE && !(args->may & VM_MAYWRITE))
        return -EACCES;
    if (args->prot & PROT_EXEC && !(args->may & VM_MAYEXEC))
        return -EPERM;
    return args->flags & MAP_GROWSDOWN ? -EINVAL : 0;
}

static u32 area_flags(struct mm *mm, const struct vm_map_args *args)
{
    u32 f = (u32)mm->def_flags | args->vm_flags | (args->prot & (PROT_READ | PROT_WRITE | PROT_EXEC));
    bool shared = MAP_TYPE_OF(args->flags) != MAP_PRIVATE;
    f |= args->mapping ? args->may : VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC;
    if (args->mapping && !shared)
        f |= VM_MAYWRITE;
    if (shared)
        f |= VM_SHARED;
    if (args->flags & MAP_GROWSDOWN)
        f |= VM_GROWSDOWN;
    if (args->flags & MAP_LOCKED)
        f |= VM_LOCKED;
    if (args->flags & MAP_NORESERVE && READ_ONCE(vm_overcommit) != OVERCOMMIT_NEVER)
        f |= VM_NORESERVE;
    if (args->flags & MAP_STACK && !args->mapping)
        f |= VM_NOHUGEPAGE;
    if ((f & (VM_SHARED | VM_WRITE | VM_NORESERVE)) == VM_WRITE)
        f |= VM_ACCOUNT;
    return f & VM_SPECIAL ? f & ~(u32)(VM_LOCKED | VM_LOCKONFAULT) : f;
}
_Static_assert(PROT_READ == VM_READ && PROT_WRITE == VM_WRITE && PROT_EXEC == VM_EXEC, "area_flags");

/* Pages of [start, end) that are mapped now: MAP_FIXED replaces them. */
static u64 pages_within(struct mm *mm, uaddr_t start, uaddr_t end)
{
    u64 n = 0;
    for (struct vm_area *a = vm_find(mm, start); a && a->start < end; a = vm_next(a))
        n += (MIN(a->end, end) - MAX(a->start, start)) >> PAGE_SHIFT;
    return n;
}

static int check_lock(struct mm *mm, const struct vm_map_args *args, u32 flags, u64 pages)
{
    if (args->flags & MAP_LOCKED && !args->cap_lock && mm->rlim_memlock == 0)
        return -EPERM;
    return flags & VM_LOCKED && !account_lockable(mm, pages, args->cap_lock) ? -EAGAIN : 0;
}

static int check_limits(struct mm *mm, const struct vm_map_args *args, u32 flags, uaddr_t at, u64 pages)
{
    if (mm->area_count > READ_ONCE(vm_max_areas))
        return -ENOMEM;
    u64 replaced = args->flags & MAP_FIXED ? pages_within(mm, at, at + (pages << PAGE_SHIFT)) : 0;
    return account_fits(mm, flags, pages - MIN(pages, replaced)) ? 0 : -ENOMEM;
}

static bool is_plain(const struct vm_area *a, u32 flags)
{
    return a && a->flags == flags && !a->mapping && !a->name && !a->label && !(flags & VM_SPECIAL);
}

/* Extends the area just below or above when the new range continues it: the commonest case of mmap and brk. */
static struct vm_area *extend_anonymous(struct mm *mm, u32 flags, uaddr_t at, uaddr_t end)
{
    struct vm_area *next = vm_find(mm, at), *prev = at ? area_at(mm, at - 1) : NULL;
    if (is_plain(prev, flags) && prev->end == at) {
        area_set_bounds(prev, prev->start, end);
        return prev;
    }
    if (is_plain(next, flags) && next->start == end) {
        area_set_bounds(next, at, next->end);
        return next;
    }
    return NULL;
}

static struct vm_area *new_area(struct mm *mm, const struct vm_map_args *args, u32 flags, uaddr_t at, uaddr_t end)
{
    struct vm_area *a = area_alloc(mm);
    if (!a)
        return NULL;
    a->start = at;
    a->end = end;
    a->flags = flags;
    a->mapping = args->mapping;
    a->pgoff = args->mapping ? args->pgoff : at >> PAGE_SHIFT;
    a->ops = args->ops;
    a->file = args->file;
    a->name = args->name;
    return a;
}

/* The area is complete; commits, replaces what was there and inserts. */
static int install(struct mm *mm, struct vm_area *a, struct vm_area **dead)
{
    u64 pages = area_pages(a);
    int err = a->flags & VM_ACCOUNT ? account_commit(pages) : 0;
    if (err)
        return err;
    err = unmap_locked(mm, a->start, a->end, dead);
    if (!err)
        err = mapping_attach(a);
    if (err) {
        if (a->flags & VM_ACCOUNT)
            account_uncommit(pages);
        return err;
    }
    area_insert(a);
    if (a->ops && a->ops->open)
        a->ops->open(a);
    account_pages(mm, a->flags, (s64)pages);
    return 0;
}

static int check_map(struct mm *mm, const struct vm_map_args *args, u32 flags, uaddr_t at, u64 pages)
{
    int err = check_lock(mm, args, flags, pages);
    if (!err)
        err = check_type(args);
    if (err)
        return err;
    if (mm->options & MM_MDWE && (flags & (VM_WRITE | VM_EXEC)) == (VM_WRITE | VM_EXEC))
        return -EACCES;
    return check_limits(mm, args, flags, at, pages);
}

int map_locked(struct mm *mm, struct vm_map_args *args, uaddr_t *out, u32 *flags_out, struct vm_area **dead)
{
    int err = place_locked(mm, args, out);
    if (err)
        return err;
    uaddr_t at = *out, end = at + ALIGN_UP(args->len, PAGE_SIZE);
    u32 flags = *flags_out = area_flags(mm, args);
    u64 pages = (end - at) >> PAGE_SHIFT;
    err = check_map(mm, args, flags, at, pages);
    if (err)
        return err;
    bool anonymous = !args->mapping && !(flags & VM_SHARED);
    if (anonymous && !args->name && !overlaps(mm, at, end)) {
        err = flags & VM_ACCOUNT ? account_commit(pages) : 0;
        struct vm_area *a = err ? NULL : extend_anonymous(mm, flags, at, end);
        if (a) {
            account_pages(mm, flags, (s64)pages);
            area_merge(a, dead);
        } else if (!err && flags & VM_ACCOUNT) {
            account_uncommit(pages);
        }
        if (a || err)
            return err;
    }
    struct vm_area made = {0}; /* holds the object until the area does */
    if (!args->mapping && flags & VM_SHARED) {
        args->pgoff = 0;
        err = shm_create(pages, &args->mapping, &args->ops);
        if (err)
            return err;
        made.mapping = args->mapping;
    }
    struct vm_area *a = new_area(mm, args, flags, at, end);
    err = a ? install(mm, a, dead) : -ENOMEM;
    if (made.mapping)
        args->ops->close(&made);
    if (!err)
        area_merge(a, dead);
    else if (a)
        area_free(a);
    return err;
}

static int check_length(const struct vm_map_args *args)
{
    size_t len = ALIGN_UP(args->len, PAGE_SIZE);
    if (!args->len)
        return -EINVAL;
    if (!len)
        return -ENOMEM;
    if (args->pgoff + (len >> PAGE_SHIFT) < args->pgoff)
        return -EOVERFLOW;
    return len > USER_END ? -ENOMEM : 0;
}

int vm_map_check(struct mm *mm, const struct vm_map_args *args)
{
    int err = check_length(args);
    if (err)
        return err;
    size_t len = ALIGN_UP(args->len, PAGE_SIZE);
    bool fixed = args->flags & (MAP_FIXED | MAP_FIXED_NOREPLACE);
    u32 locked = args->flags & MAP_LOCKED ? VM_LOCKED : (u32)mm->def_flags & VM_LOCKED;
    if (fixed || locked) {
        err = rwsem_read_lock_killable(&mm->lock);
        if (err)
            return err;
        err = fixed ? place_fixed(mm, args, len) : 0;
        if (!err)
            err = check_lock(mm, args, locked, len >> PAGE_SHIFT);
        rwsem_read_unlock(&mm->lock);
    }
    if (!err && args->pgoff > (INT64_MAX - len) >> PAGE_SHIFT)
        err = -EOVERFLOW;
    return err ? err : check_file_type(args->flags);
}

/* As a shift: the default, 2 MiB, 1 GiB. */
static bool huge_size_known(u32 flags)
{
    u32 shift = flags >> MAP_HUGE_SHIFT & MAP_HUGE_MASK;
    return shift == 0 || shift == 21 || shift == 30;
}

int vm_map(struct mm *mm, const struct vm_map_args *given, uaddr_t *out)
{
    struct vm_map_args args = *given;
    size_t len = ALIGN_UP(args.len, PAGE_SIZE);
    int err = check_length(&args);
    if (err)
        return err;
    if (args.flags & MAP_HUGETLB)
        return args.mapping || !huge_size_known(args.flags) ? -EINVAL : -ENOMEM; /* no pool of huge pages */
    struct vm_area *dead = NULL;
    u32 flags = 0;
    err = rwsem_write_lock_killable(&mm->lock);
    if (err)
        return err;
    err = map_locked(mm, &args, out, &flags, &dead);
    rwsem_write_unlock(&mm->lock);
    area_close_dead(dead);
    bool now = (flags & (VM_LOCKED | VM_LOCKONFAULT)) == VM_LOCKED ||
               (args.flags & (MAP_POPULATE | MAP_NONBLOCK)) == MAP_POPULATE;
    if (!err && now)
        vm_populate(mm, *out, *out + len, POPULATE_MAP);
    return err;
}

/* ---- brk ----------------------------------------------------------------------------------------------------- */

static int grow_break(struct mm *mm, uaddr_t from, uaddr_t to, bool cap_lock, struct vm_area **dead)
{
    u32 flags = VM_READ | VM_WRITE | VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC | VM_ACCOUNT | (u32)mm->def_flags;
    u64 pages = (to - from) >> PAGE_SHIFT;
    struct vm_area *next = vm_find(mm, from);
    if (next && to + PAGE_SIZE > area_guarded_start(next))
        return -ENOMEM;
    if (!account_fits(mm, flags, pages) || mm->area_count > READ_ONCE(vm_max_areas) ||
        (flags & VM_LOCKED && !account_lockable(mm, pages, cap_lock)))
        return -ENOMEM;
    int err = account_commit(pages);
    if (err)
        return err;
    struct vm_area *a = extend_anonymous(mm, flags, from, to);
    if (!a) {
        struct vm_map_args args = {0};
        a = new_area(mm, &args, flags, from, to);
        if (!a) {
            account_uncommit(pages);
            return -ENOMEM;
        }
        area_insert(a);
    }
    account_pages(mm, flags, (s64)pages);
    area_merge(a, dead);
    return 0;
}

static int set_break(struct mm *mm, uaddr_t brk, bool cap_lock, struct vm_area **dead)
{
    if (brk < mm->brk_start || brk > USER_END)
        return -ENOMEM;
    uaddr_t data = mm->data_end - mm->data_start;
    if (mm->rlim_data != ~0ul && brk - mm->brk_start + data > mm->rlim_data)
        return -ENOMEM;
    uaddr_t old = ALIGN_UP(mm->brk, PAGE_SIZE), new = ALIGN_UP(brk, PAGE_SIZE);
    int err = 0;
    if (new < old)
        err = unmap_locked(mm, new, old, dead);
    else if (new > old)
        err = grow_break(mm, old, new, cap_lock, dead);
    if (!err)
        mm->brk = brk;
    return err;
}

int vm_brk(struct mm *mm, uaddr_t brk, bool cap_lock, uaddr_t *out)
{
    struct vm_area *dead = NULL;
    rwsem_write_lock(&mm->lock);
    uaddr_t old = ALIGN_UP(mm->brk, PAGE_SIZE);
    int err = set_break(mm, brk, cap_lock, &dead);
    bool populate = !err && mm->def_flags & VM_LOCKED && mm->brk > old;
    *out = mm->brk;
    rwsem_write_unlock(&mm->lock);
    area_close_dead(dead);
    if (populate)
        vm_populate(mm, old, ALIGN_UP(*out, PAGE_SIZE), POPULATE_MAP);
    return err;
}

/* ---- stacks -------------------------------------------------------------------------------------------------- */

int vm_expand_stack(struct vm_area *a, uaddr_t addr)
{
    struct mm *mm = a->mm;
    addr = ALIGN_DOWN(addr, PAGE_SIZE);
    if (addr >= a->start)
        return 0;
    if (!(a->flags & VM_GROWSDOWN) || addr < VM_MIN_ADDR || a->end - addr > mm->rlim_stack)
        return -ENOMEM;
    struct vm_area *prev = area_prev(a);
    if (prev && prev->end > addr)
        return -ENOMEM;
    if (prev && !(prev->flags & VM_GROWSDOWN) && prev->flags & VM_ACCESS && addr - prev->end < VM_STACK_GUARD)
        return -ENOMEM;
    u64 pages = (a->start - addr) >> PAGE_SHIFT;
    if (!account_fits(mm, a->flags, pages) || (a->flags & VM_LOCKED && !account_lockable(mm, pages, false)))
        return -ENOMEM;
    if (a->flags & VM_ACCOUNT && account_commit(pages))
        return -ENOMEM;
    account_pages(mm, a->flags, (s64)pages);
    area_set_bounds(a, addr, a->end);
    return 0;
}
