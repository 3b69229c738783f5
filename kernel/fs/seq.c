// SPDX-License-Identifier: MIT
/* Growing text buffers. */
#include "fs/seq.h"

#include "lib/printf.h"
#include "lib/string.h"
#include "mem/slab.h"

static bool make_room(struct seq_buf *s, size_t n)
{
    size_t cap = s->cap ? s->cap : 512;

    if (s->failed)
        return false;
    if (s->cap - s->len >= n)
        return true;
    while (cap - s->len < n)
        cap *= 2;
    char *buf = krealloc(s->buf, cap, MEM_WAIT);
    if (!buf) {
        s->failed = true;
        return false;
    }
    s->buf = buf;
    s->cap = cap;
    return true;
}

void seq_printf(struct seq_buf *s, const char *fmt, ...)
{
    va_list ap;

    if (!make_room(s, 1))
        return;
    va_start(ap, fmt);
    int n = vsnprintf(s->buf + s->len, s->cap - s->len, fmt, ap);
    va_end(ap);
    if (n < 0)
        return;
    if ((size_t)n >= s->cap - s->len) {
        if (!make_room(s, (size_t)n + 1))
            return;
        va_start(ap, fmt);
        vsnprintf(s->buf + s->len, s->cap - s->len, fmt, ap);
        va_end(ap);
    }
    s->len += (size_t)n;
}

void seq_write(struct seq_buf *s, const void *data, size_t n)
{
    if (!make_room(s, n))
        return;
    memcpy(s->buf + s->len, data, n);
    s->len += n;
}

void seq_puts(struct seq_buf *s, const char *text)
{
    seq_write(s, text, strlen(text));
}

void seq_putc(struct seq_buf *s, char c)
{
    seq_write(s, &c, 1);
}

void seq_escape(struct seq_buf *s, const char *text, const char *special)
{
    for (; *text; text++) {
        if (*text == '\\' || strchr(special, *text))
            seq_printf(s, "\\%03o", (u8)*text);
        else
            seq_putc(s, *text);
    }
}

void seq_free(struct seq_buf *s)
{
    kfree(s->buf);
    *s = (struct seq_buf){0};
}
