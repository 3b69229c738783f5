/* SPDX-License-Identifier: MIT */
/*
 * Formatting and the kernel log. Conversions: %d %i %u %x %X %o %c %s %p %% with flags - 0 + space #, width, precision,
 * h hh l ll z; no floating point.
 */
#ifndef LIB_PRINTF_H
#define LIB_PRINTF_H

#include "lib/types.h"

int vsnprintf(char *buf, size_t size, const char *fmt, va_list ap);
int snprintf(char *buf, size_t size, const char *fmt, ...) __printf(3, 4);

enum log_level { LOG_EMERG, LOG_ALERT, LOG_CRIT, LOG_ERR, LOG_WARN, LOG_NOTICE, LOG_INFO, LOG_DEBUG };

/* Into the log ring (/dev/kmsg) and, up to the console's level, to the registered console. Any context. */
void klog(enum log_level level, const char *fmt, ...) __printf(2, 3);
#define kerr(...) klog(LOG_ERR, __VA_ARGS__)
#define kwarn(...) klog(LOG_WARN, __VA_ARGS__)
#define kinfo(...) klog(LOG_INFO, __VA_ARGS__)
#define kdebug(...) klog(LOG_DEBUG, __VA_ARGS__)

void klog_set_console(void (*write)(const char *s, size_t n)); /* polled, any context; NULL: none */
void klog_set_level(int level);
/* A reader of the log: where it goes on, and the number of that line. */
struct klog_cursor {
    u64 at, nr;
};
void klog_start(struct klog_cursor *c); /* the oldest line that is there */
void klog_end(struct klog_cursor *c);   /* behind the newest */
bool klog_has(const struct klog_cursor *c);
/* The next line; *n 0: none. -EPIPE: lines were overwritten, and c is at the oldest now. */
int klog_next(struct klog_cursor *c, char *buf, size_t size, size_t *n);
size_t klog_read(u64 *seq, char *buf, size_t size); /* next line at or after *seq; 0: none */

void panic(const char *fmt, ...) __printf(1, 2) __noreturn; /* arch/panic.c */
#define BUG_ON(cond)                                              \
    do {                                                          \
        if (unlikely(cond))                                       \
            panic("BUG: %s at %s:%d", #cond, __FILE__, __LINE__); \
    } while (0)
#ifdef SLIPWAY_DEBUG
#define ASSERT(cond) BUG_ON(!(cond))
#else
#define ASSERT(cond) ((void)sizeof(!(cond)))
#endif

#endif
