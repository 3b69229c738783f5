/* SPDX-License-Identifier: MIT */
/*
 * Copies between kernel and user memory, by exception table, with SMAP. They may fault, sleep and migrate: no spinlock
 * (nor any lock of number LOCK_MM or above) may be held. `n` may be 0. Ranges outside user space fail.
 */
#ifndef ARCH_USERCOPY_H
#define ARCH_USERCOPY_H

#include "lib/types.h"

size_t copy_to_user_partial(uaddr_t dst, const void *src, size_t n); /* returns bytes NOT copied */
size_t copy_from_user_partial(void *dst, uaddr_t src, size_t n);     /* returns bytes NOT copied */
size_t clear_user_partial(uaddr_t dst, size_t n);                    /* returns bytes NOT cleared */
static inline __must_check int copy_to_user(uaddr_t dst, const void *src, size_t n)
{
    return copy_to_user_partial(dst, src, n) ? -14 /* EFAULT */ : 0;
}
static inline __must_check int copy_from_user(void *dst, uaddr_t src, size_t n)
{
    return copy_from_user_partial(dst, src, n) ? -14 /* EFAULT */ : 0;
}
/* Copies a NUL-terminated string of at most size-1 bytes: length, -EFAULT, or -ENAMETOOLONG when it does not fit. */
ssize_t copy_string_from_user(char *dst, uaddr_t src, size_t size);
int get_user_u32(u32 *v, uaddr_t p); /* 0, -EFAULT */
int get_user_u64(u64 *v, uaddr_t p);
int put_user_u32(uaddr_t p, u32 v);
int put_user_u64(uaddr_t p, u64 v);
/* Atomics on user words, for futexes. *old gets the value found. 0, -EFAULT. */
int user_cmpxchg_u32(uaddr_t p, u32 expect, u32 desired, u32 *old);
int user_atomic_op_u32(uaddr_t p, int op /* FUTEX_OP_SET..XOR */, u32 arg, u32 *old);
/* Same without faulting pages in (pagefaults disabled): -EFAULT when the page is not there. For use under spinlocks. */
int get_user_u32_nofault(u32 *v, uaddr_t p);
int user_cmpxchg_u32_nofault(uaddr_t p, u32 expect, u32 desired, u32 *old);
size_t copy_to_user_nofault(uaddr_t dst, const void *src, size_t n); /* bytes NOT copied */
size_t copy_from_user_nofault(void *dst, uaddr_t src, size_t n);
/* Between these, every user copy of this thread behaves as _nofault. Nests. */
void pagefault_disable(void);
void pagefault_enable(void);
/* Reads kernel memory that may not be mapped (backtraces, /proc/kcore): 0, -EFAULT. */
int probe_kernel_u64(u64 *v, const void *p);

static inline bool user_range_ok(uaddr_t p, size_t n)
{
    return p <= 0x00007ffffffff000ul && n <= 0x00007ffffffff000ul - p;
}

#endif
