// SPDX-License-Identifier: MIT
/*
 * vsnprintf for the kernel: integers, characters, strings, pointers. Output past the end is counted, not stored; the
 * result is always terminated when size > 0. Pure.
 */
#include "lib/printf.h"

#ifndef SLIPWAY_HOST
#include "lib/string.h"

struct out {
    char *buf;
    size_t size, len;
};

struct spec {
    bool left, zero, plus, space, alt, upper;
    int width, precision; /* precision -1: none */
    int length;           /* -2 hh, -1 h, 0, 1 l, 2 ll and z */
};

static void put(struct out *o, char c)
{
    if (o->len + 1 < o->size)
        o->buf[o->len] = c;
    o->len++;
}

static void pad(struct out *o, char c, int n)
{
    for (; n > 0; n--)
        put(o, c);
}

static void put_chars(struct out *o, const struct spec *s, const char *str, size_t n)
{
    if (!s->left)
        pad(o, ' ', s->width - (int)n);
    for (size_t i = 0; i < n; i++)
        put(o, str[i]);
    if (s->left)
        pad(o, ' ', s->width - (int)n);
}

static void put_string(struct out *o, const struct spec *s, const char *str)
{
    if (!str)
        str = "(null)";
    put_chars(o, s, str, s->precision >= 0 ? strnlen(str, (size_t)s->precision) : strlen(str));
}

static void put_number(struct out *o, const struct spec *s, u64 v, u32 base, bool negative)
{
    char digits[24];
    int n = 0;
    const char *set = s->upper ? "0123456789ABCDEF" : "0123456789abcdef";
    const char *prefix = negative ? "-" : s->plus ? "+" : s->space ? " " : "";
    if (s->alt && base == 16 && v)
        prefix = s->upper ? "0X" : "0x";
    else if (s->alt && base == 8)
        prefix = "0";
    for (; v; v /= base)
        digits[n++] = set[v % base];
    int least = s->precision >= 0 ? s->precision : 1;
    int zeros = n < least ? least - n : 0;
    int fill = s->width - (int)strlen(prefix) - zeros - n;
    if (s->zero && !s->left && s->precision < 0 && fill > 0) {
        zeros += fill;
        fill = 0;
    }
    if (!s->left)
        pad(o, ' ', fill);
    while (*prefix)
        put(o, *prefix++);
    pad(o, '0', zeros);
    while (n > 0)
        put(o, digits[--n]);
    if (s->left)
        pad(o, ' ', fill);
}

static const char *parse_flags(struct spec *s, const char *f)
{
    for (;; f++) {
        switch (*f) {
        case '-':
            s->left = true;
            break;
        case '0':
            s->zero = true;
            break;
        case '+':
            s->plus = true;
            break;
        case ' ':
            s->space = true;
            break;
        case '#':
            s->alt = true;
            break;
        default:
            return f;
        }
    }
}

static const char *parse_int(const char *f, int *out)
{
    int v = 0;
    for (; *f >= '0' && *f <= '9'; f++)
        v = v * 10 + (*f - '0');
    *out = v;
    return f;
}

static const char *parse_length(struct spec *s, const char *f)
{
    for (;; f++) {
        if (*f == 'l' || *f == 'z' || *f == 'j' || *f == 't')
            s->length++;
        else if (*f == 'h')
            s->length--;
        else
            return f;
    }
}

static s64 signed_arg(const struct spec *s, va_list *ap)
{
    if (s->length >= 1)
        return va_arg(*ap, s64);
    int v = va_arg(*ap, int);
    return s->length == -1 ? (short)v : s->length <= -2 ? (signed char)v : v;
}

static u64 unsigned_arg(const struct spec *s, va_list *ap)
{
    if (s->length >= 1)
        return va_arg(*ap, u64);
    u32 v = va_arg(*ap, u32);
    return s->length == -1 ? (u16)v : s->length <= -2 ? (u8)v : v;
}

static void convert(struct out *o, struct spec *s, char c, va_list *ap)
{
    s64 v;
    switch (c) {
    case 'd':
    case 'i':
        v = signed_arg(s, ap);
        put_number(o, s, v < 0 ? -(u64)v : (u64)v, 10, v < 0);
        return;
    case 'u':
        put_number(o, s, unsigned_arg(s, ap), 10, false);
        return;
    case 'X':
        s->upper = true; /* fall through */
    case 'x':
        put_number(o, s, unsigned_arg(s, ap), 16, false);
        return;
    case 'o':
        put_number(o, s, unsigned_arg(s, ap), 8, false);
        return;
    case 'p':
        s->alt = true;
        put_number(o, s, (u64)va_arg(*ap, void *), 16, false);
        return;
    case 's':
        put_string(o, s, va_arg(*ap, const char *));
        return;
    case 'c': {
        char one = (char)va_arg(*ap, int);
        put_chars(o, s, &one, 1);
        return;
    }
    case '%':
        put(o, '%');
        return;
    default:
        put(o, '%');
        put(o, c);
    }
}

static const char *format_one(struct out *o, const char *f, va_list *ap)
{
    struct spec s = {.precision = -1};
    f = parse_flags(&s, f);
    if (*f == '*') {
        s.width = va_arg(*ap, int);
        if (s.width < 0) {
            s.left = true;
            s.width = -s.width;
        }
        f++;
    } else {
        f = parse_int(f, &s.width);
    }
    if (*f == '.') {
        f++;
        if (*f == '*') {
            s.precision = va_arg(*ap, int);
            f++;
        } else {
            f = parse_int(f, &s.precision);
        }
    }
    f = parse_length(&s, f);
    if (!*f)
        return f;
    convert(o, &s, *f, ap);
    return f + 1;
}

int vsnprintf(char *buf, size_t size, const char *fmt, va_list ap)
{
    struct out o = {buf, size, 0};
    va_list args;
    va_copy(args, ap);
    while (*fmt) {
        if (*fmt == '%')
            fmt = format_one(&o, fmt + 1, &args);
        else
            put(&o, *fmt++);
    }
    va_end(args);
    if (size)
        buf[MIN(o.len, size - 1)] = '\0';
    return (int)o.len;
}

int snprintf(char *buf, size_t size, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(buf, size, fmt, ap);
    va_end(ap);
    return n;
}
#endif
