// SPDX-License-Identifier: MIT
/*
 * Descriptor tables.
 *
 * Look-up is lock-free: read the array, read the slot, count the file unless its count is 0, and look again whether it
 * still is the one (struct file keeps its type while it is recycled, see fs/file.c). Everything else holds t->lock. An
 * array that grew is replaced as a whole; the old one is freed after a grace period.
 */
#include "abi/errno.h"
#include "abi/fcntl.h"
#include "fs/locks.h"
#include "lib/string.h"
#include "mem/slab.h"

#define FIRST_SIZE 64u
#define WORD_BITS 64u

struct fdarray {
    u32 size; /* slots, a multiple of 64 */
    struct rcu_head rcu;
    u64 *open, *cloexec; /* bits; a bit in `open` without a file: reserved */
    struct file *slots[];
};
struct fdtable {
    refcount_t refs;
    struct spinlock lock; /* LOCK_FDTABLE: all below */
    struct fdarray *arr;  /* RCU */
    u32 lowest;           /* no free slot below */
};

static SLAB_CACHE(table_cache, "fdtable", struct fdtable);

static struct fdarray *array_alloc(u32 size)
{
    size_t bits = size / 8, head = sizeof(struct fdarray) + size * sizeof(struct file *);
    struct fdarray *a = kzalloc(head + 2 * bits, MEM_WAIT);

    if (!a)
        return NULL;
    a->size = size;
    a->open = (u64 *)((char *)a + head);
    a->cloexec = (u64 *)((char *)a->open + bits);
    return a;
}

static void array_free_rcu(struct rcu_head *h)
{
    kfree(container_of(h, struct fdarray, rcu));
}

static struct fdtable *table_create(u32 size)
{
    struct fdtable *t = slab_alloc(&table_cache, MEM_WAIT);

    if (!t)
        return NULL;
    ref_init(&t->refs);
    spin_init(&t->lock, LOCK_FDTABLE);
    t->lowest = 0;
    t->arr = array_alloc(size);
    if (t->arr)
        return t;
    slab_free(&table_cache, t);
    return NULL;
}

struct fdtable *fdtable_create(void)
{
    return table_create(FIRST_SIZE);
}

static inline bool bit_get(const u64 *bits, u32 n)
{
    return bits[n / WORD_BITS] >> (n % WORD_BITS) & 1;
}
static inline void bit_set(u64 *bits, u32 n)
{
    bits[n / WORD_BITS] |= 1ul << (n % WORD_BITS);
}
static inline void bit_clear(u64 *bits, u32 n)
{
    bits[n / WORD_BITS] &= ~(1ul << (n % WORD_BITS));
}

/* Lowest clear bit at or after `from`; size: none. */
static u32 find_clear(const u64 *bits, u32 size, u32 from)
{
    if (from >= size)
        return size;
    for (u32 w = from / WORD_BITS; w < size / WORD_BITS; w++) {
        u64 free = ~bits[w];
        if (w == from / WORD_BITS)
            free &= ~0ul << (from % WORD_BITS);
        if (free)
            return w * WORD_BITS + (u32)__builtin_ctzl(free);
    }
    return size;
}

/* Slots in use, rounded up to whole words. */
static u32 used_size(const struct fdarray *a)
{
    u32 w = a->size / WORD_BITS;

    while (w > 1 && !a->open[w - 1])
        w--;
    return w * WORD_BITS;
}

static void array_copy(struct fdarray *to, const struct fdarray *from, u32 size)
{
    memcpy(to->slots, from->slots, size * sizeof(struct file *));
    memcpy(to->open, from->open, size / 8);
    memcpy(to->cloexec, from->cloexec, size / 8);
}

/* Called and returns with the lock held, but lets go of it between. */
static int grow(struct fdtable *t, u32 fd)
{
    u32 size = t->arr->size;

    while (size <= fd)
        size *= 2;
    spin_unlock(&t->lock);
    struct fdarray *a = array_alloc(size);
    spin_lock(&t->lock);
    if (!a)
        return -EMFILE;
    struct fdarray *old = t->arr;
    if (old->size >= size) {
        kfree(a);
        return 0;
    }
    array_copy(a, old, old->size);
    store_release(&t->arr, a);
    rcu_call(&old->rcu, array_free_rcu);
    return 0;
}

void fdtable_get(struct fdtable *t)
{
    ref_get(&t->refs);
}

static void close_file(struct fdtable *t, struct file *f)
{
    if (f->ops->flush)
        f->ops->flush(f);
    if (f->inode->locks)
        locks_remove_posix(f, t);
    file_put(f);
}

void fdtable_put(struct fdtable *t)
{
    if (!ref_put(&t->refs))
        return;
    struct fdarray *a = t->arr;
    for (u32 w = 0; w < a->size / WORD_BITS; w++) {
        for (u64 bits = a->open[w]; bits; bits &= bits - 1) {
            struct file *f = a->slots[w * WORD_BITS + (u32)__builtin_ctzl(bits)];
            if (f)
                close_file(t, f);
        }
    }
    rcu_call(&a->rcu, array_free_rcu); /* /proc may be looking */
    slab_free(&table_cache, t);
}

int fdtable_copy(struct fdtable *t, u32 max_fd, struct fdtable **out)
{
    struct fdtable *n;

    for (;;) {
        spin_lock(&t->lock);
        u32 size = MIN(used_size(t->arr), ALIGN_UP(MIN(max_fd, t->arr->size), WORD_BITS));
        spin_unlock(&t->lock);
        n = table_create(MAX(size, FIRST_SIZE));
        if (!n)
            return -ENOMEM;
        spin_lock(&t->lock);
        size = MIN(used_size(t->arr), ALIGN_UP(MIN(max_fd, t->arr->size), WORD_BITS));
        if (size <= n->arr->size)
            break;
        spin_unlock(&t->lock);
        fdtable_put(n);
    }
    u32 size = MIN(used_size(t->arr), n->arr->size);
    array_copy(n->arr, t->arr, size);
    for (u32 w = 0; w < size / WORD_BITS; w++) {
        for (u64 bits = n->arr->open[w]; bits; bits &= bits - 1) {
            u32 fd = w * WORD_BITS + (u32)__builtin_ctzl(bits);
            struct file *f = n->arr->slots[fd];
            if (f && fd < max_fd) {
                file_get(f);
            } else { /* reserved by another thread, or cut off */
                n->arr->slots[fd] = NULL;
                bit_clear(n->arr->open, fd);
                bit_clear(n->arr->cloexec, fd);
            }
        }
    }
    spin_unlock(&t->lock);
    *out = n;
    return 0;
}

bool fdtable_shared(struct fdtable *t)
{
    return ref_read(&t->refs) > 1;
}

u32 fdtable_size(struct fdtable *t)
{
    rcu_read_lock();
    u32 n = load_acquire(&t->arr)->size;
    rcu_read_unlock();
    return n;
}

/* ---- look-up --------------------------------------------------------------------------------------------------------- */

struct file *fd_get(struct fdtable *t, u32 fd)
{
    struct file *f;

    rcu_read_lock();
    for (;;) {
        struct fdarray *a = load_acquire(&t->arr);
        f = fd < a->size ? load_acquire(&a->slots[fd]) : NULL;
        if (!f)
            break;
        if (!ref_get_unless_zero(&f->refs))
            continue;
        if (load_acquire(&t->arr) == a && load_acquire(&a->slots[fd]) == f)
            break;
        file_put(f); /* it was closed meanwhile, and maybe recycled. Ends the read section: nothing is kept */
    }
    rcu_read_unlock();
    return f;
}

struct file *fd_peek(struct fdtable *t, u32 fd)
{
    for (;;) {
        struct fdarray *a = load_acquire(&t->arr);
        struct file *f = fd < a->size ? load_acquire(&a->slots[fd]) : NULL;
        if (!f)
            return NULL;
        if (!ref_get_unless_zero(&f->refs))
            continue;
        if (load_acquire(&t->arr) == a && load_acquire(&a->slots[fd]) == f)
            return f;
        file_put_later(f);
    }
}

struct fd_ref fd_borrow(struct fdtable *t, u32 fd)
{
    if (likely(ref_read(&t->refs) == 1)) { /* nobody else can close it, or start sharing the table */
        struct fdarray *a = t->arr;
        return (struct fd_ref){fd < a->size ? a->slots[fd] : NULL, false};
    }
    struct file *f = fd_get(t, fd);
    return (struct fd_ref){f, f != NULL};
}

/* ---- giving out ------------------------------------------------------------------------------------------------------ */

int fd_reserve(struct fdtable *t, u32 from, u64 limit, bool cloexec)
{
    u32 fd;
    int err = 0;

    spin_lock(&t->lock);
    for (;;) {
        fd = find_clear(t->arr->open, t->arr->size, MAX(from, t->lowest));
        if (fd >= limit)
            err = -EMFILE;
        else if (fd >= t->arr->size && !(err = grow(t, fd)))
            continue;
        break;
    }
    if (!err) {
        bit_set(t->arr->open, fd);
        if (cloexec)
            bit_set(t->arr->cloexec, fd);
        else
            bit_clear(t->arr->cloexec, fd);
        if (from <= t->lowest)
            t->lowest = fd + 1;
    }
    spin_unlock(&t->lock);
    return err ? err : (int)fd;
}

void fd_install(struct fdtable *t, u32 fd, struct file *f)
{
    spin_lock(&t->lock);
    store_release(&t->arr->slots[fd], f);
    spin_unlock(&t->lock);
}

static void release_slot(struct fdtable *t, u32 fd)
{
    bit_clear(t->arr->open, fd);
    bit_clear(t->arr->cloexec, fd);
    if (fd < t->lowest)
        t->lowest = fd;
}

void fd_unreserve(struct fdtable *t, u32 fd)
{
    spin_lock(&t->lock);
    release_slot(t, fd);
    spin_unlock(&t->lock);
}

static struct file *take_out(struct fdtable *t, u32 fd)
{
    struct file *f = fd < t->arr->size ? t->arr->slots[fd] : NULL;

    if (f) {
        store_release(&t->arr->slots[fd], NULL);
        release_slot(t, fd);
    }
    return f;
}

int fd_close(struct fdtable *t, u32 fd)
{
    spin_lock(&t->lock);
    struct file *f = take_out(t, fd);
    spin_unlock(&t->lock);
    if (!f)
        return -EBADF;
    int err = f->ops->flush ? f->ops->flush(f) : 0;
    if (f->inode->locks)
        locks_remove_posix(f, t);
    file_put(f);
    return err;
}

int fd_close_range(struct fdtable *t, u32 first, u32 last, bool cloexec_only)
{
    spin_lock(&t->lock);
    for (u32 fd = first; fd < t->arr->size && fd <= last; fd++) {
        if (!bit_get(t->arr->open, fd))
            continue;
        if (cloexec_only) {
            bit_set(t->arr->cloexec, fd);
            continue;
        }
        struct file *f = take_out(t, fd);
        if (!f)
            continue;
        spin_unlock(&t->lock);
        close_file(t, f);
        cond_resched();
        spin_lock(&t->lock);
    }
    spin_unlock(&t->lock);
    return 0;
}

/* Puts f (a reference is taken over) into slot `to`, and returns what was there. */
static int replace_slot(struct fdtable *t, u32 to, struct file *f, bool cloexec, struct file **old)
{
    int err = 0;

    spin_lock(&t->lock);
    while (!err && to >= t->arr->size)
        err = grow(t, to);
    if (!err) {
        *old = t->arr->slots[to];
        if (!*old && bit_get(t->arr->open, to))
            err = -EBUSY; /* an open(2) in another thread is about to fill it */
    }
    if (!err) {
        bit_set(t->arr->open, to);
        if (cloexec)
            bit_set(t->arr->cloexec, to);
        else
            bit_clear(t->arr->cloexec, to);
        store_release(&t->arr->slots[to], f);
    }
    spin_unlock(&t->lock);
    return err == -EMFILE ? -ENOMEM : err;
}

int fd_dup_to(struct fdtable *t, u32 from, u32 to, u64 limit, bool cloexec, bool allow_same)
{
    struct file *old = NULL, *f = fd_get(t, from);

    if (!f)
        return -EBADF;
    if (to >= limit || from == to) {
        file_put(f);
        if (to < limit || (allow_same && from == to))
            return allow_same ? (int)to : -EINVAL;
        return -EBADF;
    }
    int err = replace_slot(t, to, f, cloexec, &old);
    if (err) {
        file_put(f);
        return err;
    }
    if (old)
        close_file(t, old);
    return (int)to;
}

bool fd_is(struct fdtable *t, u32 fd, const struct file *f)
{
    spin_lock(&t->lock);
    bool yes = fd < t->arr->size && t->arr->slots[fd] == f;
    spin_unlock(&t->lock);
    return yes;
}

int fd_set_cloexec(struct fdtable *t, u32 fd, bool on)
{
    int err = -EBADF;

    spin_lock(&t->lock);
    if (fd < t->arr->size && t->arr->slots[fd]) {
        err = 0;
        if (on)
            bit_set(t->arr->cloexec, fd);
        else
            bit_clear(t->arr->cloexec, fd);
    }
    spin_unlock(&t->lock);
    return err;
}

int fd_get_cloexec(struct fdtable *t, u32 fd)
{
    int r = -EBADF;

    spin_lock(&t->lock);
    if (fd < t->arr->size && t->arr->slots[fd])
        r = bit_get(t->arr->cloexec, fd);
    spin_unlock(&t->lock);
    return r;
}

void fdtable_close_on_exec(struct fdtable *t)
{
    spin_lock(&t->lock);
    for (u32 w = 0; w < t->arr->size / WORD_BITS; w++) {
        u64 bits;
        while ((bits = t->arr->cloexec[w] & t->arr->open[w])) {
            struct file *f = take_out(t, w * WORD_BITS + (u32)__builtin_ctzl(bits));
            if (!f) { /* only reserved: no thread is left that could fill it */
                release_slot(t, w * WORD_BITS + (u32)__builtin_ctzl(bits));
                continue;
            }
            spin_unlock(&t->lock);
            close_file(t, f);
            spin_lock(&t->lock);
        }
    }
    spin_unlock(&t->lock);
}

u32 fdtable_peek_next(struct fdtable *t, u32 from)
{
    const struct fdarray *a = load_acquire(&t->arr);

    for (u32 fd = from; fd < a->size; fd++) {
        if (!(READ_ONCE(a->open[fd / WORD_BITS]) >> (fd % WORD_BITS)))
            fd |= WORD_BITS - 1; /* nothing more in this word */
        else if (READ_ONCE(a->slots[fd]))
            return fd;
    }
    return ~0u;
}

bool fd_peek_cloexec(struct fdtable *t, u32 fd)
{
    const struct fdarray *a = load_acquire(&t->arr);

    return fd < a->size && (READ_ONCE(a->cloexec[fd / WORD_BITS]) >> (fd % WORD_BITS) & 1);
}
