// SPDX-License-Identifier: MIT
/* The iterator over segments: see uio.h for the rule about locks. */
#include "vm/uio.h"

#include "abi/errno.h"
#include "arch/usercopy.h"
#include "lib/string.h"
#include "mem/slab.h"
#include "sched/sched.h"

struct user_iovec { /* struct iovec of the ABI */
    u64 base;
    u64 len;
};
_Static_assert(sizeof(struct user_iovec) == sizeof(struct uio_seg), "read in place");

#define CHUNK (256ul << 10) /* a yield point between */

static void set_one(struct uio *u, u64 base, size_t len, bool user)
{
    u->segs = &u->one; /* one by one: an initializer would clear the whole structure first */
    u->nsegs = 1;
    u->user = user;
    u->nowait = u->nofault = false;
    u->writer = NULL;
    u->off = 0;
    u->resid = len;
    u->one.base = base;
    u->one.len = len;
    u->heap = NULL;
}

int uio_init_user(struct uio *u, uaddr_t base, size_t len)
{
    if (!user_range_ok(base, len))
        return -EFAULT;
    set_one(u, base, MIN(len, UIO_MAX_BYTES), true);
    return 0;
}

void uio_init_kernel(struct uio *u, void *base, size_t len)
{
    set_one(u, (u64)base, len, false);
}

static int check_segs(struct uio *u, struct uio_seg *segs, u64 count)
{
    size_t total = 0;
    for (u64 i = 0; i < count; i++) {
        if ((s64)segs[i].len < 0)
            return -EINVAL;
        if (!user_range_ok(segs[i].base, segs[i].len))
            return -EFAULT;
        segs[i].len = MIN(segs[i].len, UIO_MAX_BYTES - total);
        total += segs[i].len;
    }
    u->segs = segs;
    u->nsegs = (u32)count;
    u->resid = total;
    return 0;
}

int uio_init_iovec(struct uio *u, uaddr_t iov, u64 count)
{
    *u = (struct uio){.user = true};
    if (count > UIO_MAXIOV)
        return -EINVAL;
    struct uio_seg *segs = &u->one;
    if (count > 1) {
        segs = u->heap = kmalloc(count * sizeof(*segs), MEM_WAIT);
        if (!segs)
            return -ENOMEM;
    }
    int err = copy_from_user(segs, iov, count * sizeof(*segs));
    if (!err)
        err = check_segs(u, segs, count);
    if (err)
        uio_free(u);
    return err;
}

void uio_free(struct uio *u)
{
    kfree(u->heap);
    u->heap = NULL;
}

/* Moves on by n bytes of the current segment. */
static inline void advance(struct uio *u, size_t n)
{
    u->off += n;
    u->resid -= n;
    while (u->nsegs > 0 && u->off == u->segs->len) {
        u->segs++;
        u->nsegs--;
        u->off = 0;
    }
}

enum copy_kind { COPY_TO, COPY_FROM, COPY_ZERO };

/* Bytes not copied. */
static inline __attribute__((always_inline)) size_t copy_user(const struct uio *u, enum copy_kind kind, uaddr_t at,
                                                              void *buf, size_t n)
{
    switch (kind) {
    case COPY_TO:
        return u->nofault ? copy_to_user_nofault(at, buf, n) : copy_to_user_partial(at, buf, n);
    case COPY_FROM:
        return u->nofault ? copy_from_user_nofault(buf, at, n) : copy_from_user_partial(buf, at, n);
    default:
        return clear_user_partial(at, n);
    }
}

static void copy_kernel(enum copy_kind kind, void *at, void *buf, size_t n)
{
    if (kind == COPY_TO)
        memcpy(at, buf, n);
    else if (kind == COPY_FROM)
        memcpy(buf, at, n);
    else
        memset(at, 0, n);
}

/* Most calls have one segment of user memory, which `resid` alone describes. */
static inline __attribute__((always_inline)) size_t copy(struct uio *u, enum copy_kind kind, void *buf, size_t n)
{
    size_t done = 0;
    n = MIN(n, u->resid);
    if (likely(u->user && u->nsegs == 1 && n <= CHUNK)) {
        done = n - copy_user(u, kind, u->segs->base + u->off, buf, n);
        u->off += done;
        u->resid -= done;
        return done;
    }
    while (done < n) {
        size_t part = MIN(MIN(u->segs->len - u->off, n - done), CHUNK), left = 0;
        u64 at = u->segs->base + u->off;
        void *here = kind == COPY_ZERO ? NULL : (char *)buf + done;
        if (u->user)
            left = copy_user(u, kind, at, here, part);
        else
            copy_kernel(kind, (void *)at, here, part);
        advance(u, part - left);
        done += part - left;
        if (left)
            break;
        if (part == CHUNK && !u->nofault)
            cond_resched();
    }
    return done;
}

size_t uio_copy_to(struct uio *u, const void *src, size_t n)
{
    return copy(u, COPY_TO, (void *)src, n);
}

size_t uio_copy_from(struct uio *u, void *dst, size_t n)
{
    return copy(u, COPY_FROM, dst, n);
}

size_t uio_zero(struct uio *u, size_t n)
{
    return copy(u, COPY_ZERO, NULL, n);
}

size_t uio_skip(struct uio *u, size_t n)
{
    size_t done = 0;
    n = MIN(n, u->resid);
    while (done < n) {
        size_t part = MIN(u->segs->len - u->off, n - done);
        advance(u, part);
        done += part;
    }
    return done;
}

void uio_revert(struct uio *u, const struct uio *before)
{
    struct uio_seg *heap = u->heap;
    *u = *before;
    u->heap = heap;
}

static int touch(uaddr_t at, bool for_write)
{
    u8 byte;
    if (copy_from_user_partial(&byte, at, 1))
        return -EFAULT;
    if (!for_write)
        return 0;
    /* A write of the same value, atomic against other threads. */
    u32 old, word;
    uaddr_t aligned = ALIGN_DOWN(at, 4ul);
    if (get_user_u32(&word, aligned))
        return -EFAULT;
    return user_cmpxchg_u32(aligned, word, word, &old);
}

int uio_fault_in(const struct uio *u, size_t n, bool for_write)
{
    if (!u->user)
        return 0;
    const struct uio_seg *s = u->segs;
    size_t off = u->off;
    for (u32 i = 0; i < u->nsegs && n > 0; i++, s++, off = 0) {
        uaddr_t at = s->base + off, end = s->base + MIN(s->len, off + n);
        n -= end - at;
        for (; at < end; at = ALIGN_DOWN(at, PAGE_SIZE) + PAGE_SIZE) {
            int err = touch(at, for_write);
            if (err)
                return err;
        }
    }
    return 0;
}
