/* SPDX-License-Identifier: MIT */
/* A growing text buffer, for files of /proc and /sys. Running out of memory is remembered, not reported a call. */
#ifndef FS_SEQ_H
#define FS_SEQ_H

#include "lib/types.h"

struct seq_buf {
    char *buf;
    size_t len, cap;
    bool failed; /* no memory */
};

void seq_printf(struct seq_buf *s, const char *fmt, ...) __printf(2, 3);
void seq_write(struct seq_buf *s, const void *data, size_t n);
void seq_puts(struct seq_buf *s, const char *text);
void seq_putc(struct seq_buf *s, char c);
/* Characters of `special` and backslash as \ooo, as /proc/mounts has them. */
void seq_escape(struct seq_buf *s, const char *text, const char *special);
void seq_free(struct seq_buf *s);

#endif
