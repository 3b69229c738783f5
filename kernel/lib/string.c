// SPDX-License-Identifier: MIT
/* String functions that need no choice of routine; the copying ones are in arch/copy.c. Pure. */
#include "lib/string.h"

#include "abi/errno.h"

#ifndef SLIPWAY_HOST
int memcmp(const void *a, const void *b, size_t n)
{
    const u8 *x = a, *y = b;
    typedef u64 __attribute__((may_alias, aligned(1))) word;
    while (n >= 8 && *(const word *)x == *(const word *)y) {
        x += 8;
        y += 8;
        n -= 8;
    }
    for (; n; n--, x++, y++) {
        if (*x != *y)
            return *x - *y;
    }
    return 0;
}

void *memchr(const void *s, int c, size_t n)
{
    for (const u8 *p = s; n; n--, p++) {
        if (*p == (u8)c)
            return (void *)p;
    }
    return NULL;
}

size_t strlen(const char *s)
{
    const char *p = s;
    while (*p)
        p++;
    return (size_t)(p - s);
}

size_t strnlen(const char *s, size_t max)
{
    size_t n = 0;
    while (n < max && s[n])
        n++;
    return n;
}

int strcmp(const char *a, const char *b)
{
    while (*a && *a == *b) {
        a++;
        b++;
    }
    return (u8)*a - (u8)*b;
}

int strncmp(const char *a, const char *b, size_t n)
{
    for (; n; n--, a++, b++) {
        if (*a != *b || !*a)
            return (u8)*a - (u8)*b;
    }
    return 0;
}

char *strchr(const char *s, int c)
{
    for (;; s++) {
        if (*s == (char)c)
            return (char *)s;
        if (!*s)
            return NULL;
    }
}

char *strrchr(const char *s, int c)
{
    const char *last = NULL;
    for (;; s++) {
        if (*s == (char)c)
            last = s;
        if (!*s)
            return (char *)last;
    }
}

char *strstr(const char *h, const char *n)
{
    size_t len = strlen(n);
    for (;; h++) {
        if (strncmp(h, n, len) == 0)
            return (char *)h;
        if (!*h)
            return NULL;
    }
}
#endif

size_t str_copy(char *dst, const char *src, size_t size)
{
    size_t len = strlen(src);
    if (size) {
        size_t n = MIN(len, size - 1);
        memcpy(dst, src, n);
        dst[n] = '\0';
    }
    return len;
}

static int digit_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'Z')
        return c - 'A' + 10;
    return 255;
}

static int base_of(const char **s)
{
    if ((*s)[0] != '0')
        return 10;
    if (((*s)[1] | 32) != 'x')
        return 8;
    *s += 2;
    return 16;
}

int str_to_u64(const char *s, int base, u64 *out, const char **end)
{
    u64 v = 0;
    if (base == 0)
        base = base_of(&s);
    else if (base == 16 && s[0] == '0' && (s[1] | 32) == 'x')
        s += 2;
    if (digit_of(*s) >= base)
        return -EINVAL;
    for (; digit_of(*s) < base; s++) {
        if (__builtin_mul_overflow(v, (u64)base, &v) || __builtin_add_overflow(v, (u64)digit_of(*s), &v))
            return -ERANGE;
    }
    *out = v;
    if (end)
        *end = s;
    return 0;
}
