/* SPDX-License-Identifier: MIT */
/* The tracer's parts: names for numbers (strace_words.c) and arguments by kind (strace_args.c). */
#ifndef SYSCALL_STRACE_WORDS_H
#define SYSCALL_STRACE_WORDS_H

#include "fs/seq.h"

struct word {
    u64 value;
    const char *name;
};
struct vocabulary {
    const char *kind, *none; /* none: what no flag is called */
    const struct word *words;
    size_t n;
};

bool strace_put_word(struct seq_buf *s, const char *kind, u64 v); /* false: the kind has no names */
void strace_put_signal(struct seq_buf *s, u64 v, const char *prefix);
void strace_put_error(struct seq_buf *s, long err); /* err > 0, with what strace(1) puts before it */

/* An argument: v[0], and v[1] behind it, which may be its length. ret: the result, when `after` the call. */
void strace_put_arg(struct seq_buf *s, const char *kind, const u64 *v, bool after, long ret);

#endif
