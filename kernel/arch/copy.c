// SPDX-License-Identifier: MIT
/*
 * memcpy, memmove, memset, and whole pages. Three ways, chosen by a trial at boot: moves of eight bytes in an unrolled
 * loop, rep movsq, rep movsb. On hardware the string instructions win; QEMU's TCG runs them element by element, where
 * the unrolled loop is several times faster, whatever CPUID advertises. Until the trial the loop is used.
 */
#include "arch/copy.h"
#include "arch/cpu.h"
#include "arch/kasan.h"
#include "lib/string.h"

u32 arch_copy_mode; /* enum copy_mode; read by usercopy.S */

/* No loop here may become a call of what it implements; and the checked build checks the callers, not each word. */
#ifdef __clang__
#define RAW __attribute__((no_builtin, no_sanitize("undefined"), no_sanitize_address))
#else
#define RAW \
    __attribute__((optimize("O2", "no-tree-loop-distribute-patterns"), no_sanitize("undefined"), no_sanitize_address))
#endif

typedef u64 __attribute__((may_alias, aligned(1))) word;
typedef u32 __attribute__((may_alias, aligned(1))) half;
typedef u16 __attribute__((may_alias, aligned(1))) quarter;

RAW static inline void rep_movsb(u8 **d, const u8 **s, size_t n)
{
    __asm__ volatile("rep movsb" : "+D"(*d), "+S"(*s), "+c"(n)::"memory");
}

RAW static inline void rep_movsq(u8 **d, const u8 **s, size_t n)
{
    __asm__ volatile("rep movsq" : "+D"(*d), "+S"(*s), "+c"(n)::"memory");
}

/* Up to 16 bytes, all loads before all stores: right for overlap too. */
RAW static inline void copy_small(u8 *d, const u8 *s, size_t n)
{
    if (n >= 8) {
        u64 a = *(const word *)s, b = *(const word *)(s + n - 8);
        *(word *)d = a;
        *(word *)(d + n - 8) = b;
    } else if (n >= 4) {
        u32 a = *(const half *)s, b = *(const half *)(s + n - 4);
        *(half *)d = a;
        *(half *)(d + n - 4) = b;
    } else if (n >= 2) {
        u16 a = *(const quarter *)s, b = *(const quarter *)(s + n - 2);
        *(quarter *)d = a;
        *(quarter *)(d + n - 2) = b;
    } else if (n) {
        *d = *s;
    }
}

/* Forwards; d below s may overlap. */
RAW static inline void copy_words(u8 *d, const u8 *s, size_t n)
{
    for (; n >= 32; n -= 32, d += 32, s += 32) {
        u64 a = ((const word *)s)[0], b = ((const word *)s)[1], c = ((const word *)s)[2], e = ((const word *)s)[3];
        ((word *)d)[0] = a;
        ((word *)d)[1] = b;
        ((word *)d)[2] = c;
        ((word *)d)[3] = e;
    }
    for (; n > 16; n -= 8, d += 8, s += 8)
        *(word *)d = *(const word *)s;
    copy_small(d, s, n);
}

RAW static inline void copy_forwards(u8 *d, const u8 *s, size_t n)
{
    if (n <= 16)
        return copy_small(d, s, n);
    if (n < 128 || arch_copy_mode == COPY_UNROLLED)
        return copy_words(d, s, n);
    if (arch_copy_mode == COPY_REP_BYTES)
        return rep_movsb(&d, &s, n);
    rep_movsq(&d, &s, n / 8);
    for (n &= 7; n; n--)
        *d++ = *s++;
}

RAW void *memcpy(void *dst, const void *src, size_t n)
{
    kasan_check_read(src, n);
    kasan_check_write(dst, n);
    copy_forwards(dst, src, n);
    return dst;
}

RAW void *memmove(void *dst, const void *src, size_t n)
{
    kasan_check_read(src, n);
    kasan_check_write(dst, n);
    u8 *d = dst;
    const u8 *s = src;
    if ((u64)(d - s) >= n || n <= 16) {
        copy_forwards(d, s, n);
        return dst;
    }
    for (; n > 16; n -= 8) /* backwards */
        *(word *)(d + n - 8) = *(const word *)(s + n - 8);
    copy_small(d, s, n);
    return dst;
}

RAW static inline void set_words(u8 *d, u64 v, size_t n)
{
    for (; n >= 32; n -= 32, d += 32) {
        ((word *)d)[0] = v;
        ((word *)d)[1] = v;
        ((word *)d)[2] = v;
        ((word *)d)[3] = v;
    }
    for (; n >= 8; n -= 8, d += 8)
        *(word *)d = v;
    for (; n; n--)
        *d++ = (u8)v;
}

RAW void *memset_unchecked(void *dst, int c, size_t n)
{
    u64 v = (u8)c * 0x0101010101010101ul;
    u8 *d = dst;
    if (n < 128 || arch_copy_mode == COPY_UNROLLED) {
        set_words(d, v, n);
    } else if (arch_copy_mode == COPY_REP_BYTES) {
        __asm__ volatile("rep stosb" : "+D"(d), "+c"(n) : "a"(v) : "memory");
    } else {
        size_t words = n / 8;
        __asm__ volatile("rep stosq" : "+D"(d), "+c"(words) : "a"(v) : "memory");
        set_words(d, v, n & 7);
    }
    return dst;
}

RAW void *memset(void *dst, int c, size_t n)
{
    kasan_check_write(dst, n);
    return memset_unchecked(dst, c, n);
}

void copy_page(void *dst, const void *src)
{
    memcpy(dst, src, 4096);
}

void clear_page(void *dst)
{
    memset(dst, 0, 4096);
}

/* The image's own text is a good source, and the stack of the caller must not be one. */
#define TRIAL_BYTES 2048

static __init u64 trial(u8 *to, const u8 *from)
{
    u64 best = ~0ull;
    for (u32 i = 0; i < 3; i++) {
        u64 start = rdtsc();
        memcpy(to, from, TRIAL_BYTES);
        u64 took = rdtsc() - start;
        best = took < best ? took : best;
    }
    return best;
}

__init void copy_choose(void)
{
    static u8 to[TRIAL_BYTES] __initdata, from[TRIAL_BYTES] __initdata;
    u64 best = ~0ull;
    u32 winner = COPY_UNROLLED;
    for (u32 mode = COPY_UNROLLED; mode <= COPY_REP_BYTES; mode++) {
        if (mode == COPY_REP_BYTES && !cpu.erms)
            break;
        arch_copy_mode = mode;
        u64 took = trial(to, from);
        if (took < best) {
            best = took;
            winner = mode;
        }
    }
    arch_copy_mode = winner;
}
