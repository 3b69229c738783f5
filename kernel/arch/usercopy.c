// SPDX-License-Identifier: MIT
/*
 * User copies: the range check and the `nofault` discipline around the routines of usercopy.S. The check makes every
 * address canonical and below USER_END, so kernel memory is out of reach of a system call's pointer.
 */
#include "arch/usercopy.h"
#include "abi/errno.h"
#include "abi/futex.h"
#include "arch/extable.h"
#include "arch/kasan.h"
#include "arch/paging.h"
#include "arch/percpu.h"
#include "arch/thread.h"

size_t user_copy(void *dst, const void *src, size_t n);
size_t user_clear(void *dst, size_t n);
ssize_t user_string(char *dst, const char *src, size_t size);
int user_load_u32(u32 *dst, uaddr_t src);
int user_load_u64(u64 *dst, uaddr_t src);
int user_store_u32(uaddr_t dst, u32 v);
int user_store_u64(uaddr_t dst, u64 v);
int user_cas_u32(uaddr_t p, u32 expect, u32 desired, u32 *old);
int user_xchg_u32(uaddr_t p, u32 v, u32 *old);
int user_xadd_u32(uaddr_t p, u32 v, u32 *old);

void pagefault_disable(void)
{
    ((struct arch_thread *)current_thread())->nofault++;
    barrier();
}

void pagefault_enable(void)
{
    barrier();
    ((struct arch_thread *)current_thread())->nofault--;
}

size_t copy_to_user_partial(uaddr_t dst, const void *src, size_t n)
{
    kasan_check_read(src, n);
    return user_range_ok(dst, n) ? user_copy((void *)dst, src, n) : n;
}

size_t copy_from_user_partial(void *dst, uaddr_t src, size_t n)
{
    kasan_check_write(dst, n);
    return user_range_ok(src, n) ? user_copy(dst, (const void *)src, n) : n;
}

size_t clear_user_partial(uaddr_t dst, size_t n)
{
    return user_range_ok(dst, n) ? user_clear((void *)dst, n) : n;
}

ssize_t copy_string_from_user(char *dst, uaddr_t src, size_t size)
{
    kasan_check_write(dst, size);
    if (!user_range_ok(src, 0))
        return -EFAULT;
    size_t room = USER_END - src, n = size < room ? size : room;
    ssize_t len = user_string(dst, (const char *)src, n);
    if (len < 0 || (size_t)len < n)
        return len;
    return n < size ? -EFAULT : -ENAMETOOLONG;
}

int get_user_u32(u32 *v, uaddr_t p)
{
    return user_range_ok(p, sizeof(*v)) ? user_load_u32(v, p) : -EFAULT;
}

int get_user_u64(u64 *v, uaddr_t p)
{
    return user_range_ok(p, sizeof(*v)) ? user_load_u64(v, p) : -EFAULT;
}

int put_user_u32(uaddr_t p, u32 v)
{
    return user_range_ok(p, sizeof(v)) ? user_store_u32(p, v) : -EFAULT;
}

int put_user_u64(uaddr_t p, u64 v)
{
    return user_range_ok(p, sizeof(v)) ? user_store_u64(p, v) : -EFAULT;
}

int user_cmpxchg_u32(uaddr_t p, u32 expect, u32 desired, u32 *old)
{
    return user_range_ok(p, sizeof(*old)) ? user_cas_u32(p, expect, desired, old) : -EFAULT;
}

static u32 apply(int op, u32 old, u32 arg)
{
    return op == FUTEX_OP_OR ? old | arg : op == FUTEX_OP_ANDN ? old & ~arg : old ^ arg;
}

int user_atomic_op_u32(uaddr_t p, int op, u32 arg, u32 *old)
{
    if (!user_range_ok(p, sizeof(*old)))
        return -EFAULT;
    if (op == FUTEX_OP_SET)
        return user_xchg_u32(p, arg, old);
    if (op == FUTEX_OP_ADD)
        return user_xadd_u32(p, arg, old);
    if (op != FUTEX_OP_OR && op != FUTEX_OP_ANDN && op != FUTEX_OP_XOR)
        return -ENOSYS;
    u32 seen;
    int err = user_load_u32(&seen, p);
    while (!err) {
        u32 expect = seen;
        err = user_cas_u32(p, expect, apply(op, expect, arg), &seen);
        if (!err && seen == expect)
            break;
    }
    *old = seen;
    return err;
}

int get_user_u32_nofault(u32 *v, uaddr_t p)
{
    pagefault_disable();
    int err = get_user_u32(v, p);
    pagefault_enable();
    return err;
}

int user_cmpxchg_u32_nofault(uaddr_t p, u32 expect, u32 desired, u32 *old)
{
    pagefault_disable();
    int err = user_cmpxchg_u32(p, expect, desired, old);
    pagefault_enable();
    return err;
}

size_t copy_to_user_nofault(uaddr_t dst, const void *src, size_t n)
{
    pagefault_disable();
    size_t left = copy_to_user_partial(dst, src, n);
    pagefault_enable();
    return left;
}

size_t copy_from_user_nofault(void *dst, uaddr_t src, size_t n)
{
    pagefault_disable();
    size_t left = copy_from_user_partial(dst, src, n);
    pagefault_enable();
    return left;
}

int probe_kernel_u64(u64 *v, const void *p)
{
    int err = -EFAULT;
    u64 value = 0;
    __asm__ volatile("1: movq (%2), %1\n\t"
                     "xorl %0, %0\n\t"
                     "2:\n\t" EXTABLE("1b", "2b")
                     : "+r"(err), "+r"(value)
                     : "r"(p));
    *v = value;
    return err;
}
