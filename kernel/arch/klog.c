// SPDX-License-Identifier: MIT
/*
 * The kernel log: a ring of lines with a level and a time each; readers follow by sequence number. A registered console
 * gets what is at or above its level, synchronously. Taken anywhere, so the lock is the last in the order.
 */
#include "abi/errno.h"
#include "arch/clock.h"
#include "arch/panic.h"
#include "arch/spinlock.h"
#include "lib/printf.h"
#include "lib/string.h"

#define RING_SIZE (32u << 10)
#define LINE_MAX 512

/* Bytes of lines one after the other, "<L>[sec.usec] text\n"; start and end count bytes since boot. */
static char ring[RING_SIZE];
static u64 ring_start, ring_end;
static u64 first_nr, next_nr; /* numbers of the lines at both ends */
static struct spinlock klog_lock = SPINLOCK_INIT(LOCK_KLOG);
static void (*console)(const char *s, size_t n);
static int console_level = LOG_WARN;
static bool panicking; /* only one CPU runs */

void klog_set_console(void (*write)(const char *s, size_t n))
{
    console = write;
}

void klog_set_level(int level)
{
    console_level = level;
}

void klog_panic(void)
{
    panicking = true;
    console_level = LOG_DEBUG;
}

/* After a panic the holder may be a CPU that was stopped: its log is torn, ours goes on. */
static bool lock_for_log(void)
{
    if (panicking)
        return spin_trylock(&klog_lock);
    spin_lock(&klog_lock);
    return true;
}

static void drop_first_line(void)
{
    while (ring_start < ring_end && ring[ring_start++ % RING_SIZE] != '\n') {
    }
    first_nr++;
}

static void ring_put(const char *line, size_t n)
{
    while (ring_end + n - ring_start > RING_SIZE)
        drop_first_line();
    for (size_t i = 0; i < n; i++)
        ring[(ring_end + i) % RING_SIZE] = line[i];
    ring_end += n;
    next_nr++;
}

void klog(enum log_level level, const char *fmt, ...)
{
    char line[LINE_MAX];
    ns_t now = clock_monotonic();
    int head = snprintf(line, sizeof(line), "<%d>[%5llu.%06llu] ", (int)level, (unsigned long long)(now / 1000000000),
                        (unsigned long long)(now / 1000 % 1000000));
    va_list ap;
    va_start(ap, fmt);
    int n = head + vsnprintf(line + head, sizeof(line) - (size_t)head - 1, fmt, ap);
    va_end(ap);
    n = MIN(n, (int)sizeof(line) - 2);
    if (line[n - 1] != '\n')
        line[n++] = '\n';
    u64 flags = irq_save();
    bool locked = lock_for_log();
    ring_put(line, (size_t)n);
    if (console && (int)level <= console_level)
        console(line + 3, (size_t)n - 3);
    if (locked)
        spin_unlock(&klog_lock);
    irq_restore(flags);
}

size_t klog_read(u64 *seq, char *buf, size_t size)
{
    size_t n = 0;
    u64 flags = spin_lock_irqsave(&klog_lock);
    if (*seq < ring_start)
        *seq = ring_start;
    while (*seq < ring_end && n < size) {
        char c = ring[*seq % RING_SIZE];
        buf[n++] = c;
        (*seq)++;
        if (c == '\n')
            break;
    }
    spin_unlock_irqrestore(&klog_lock, flags);
    return n;
}

void klog_start(struct klog_cursor *c)
{
    u64 flags = spin_lock_irqsave(&klog_lock);
    *c = (struct klog_cursor){ring_start, first_nr};
    spin_unlock_irqrestore(&klog_lock, flags);
}

void klog_end(struct klog_cursor *c)
{
    u64 flags = spin_lock_irqsave(&klog_lock);
    *c = (struct klog_cursor){ring_end, next_nr};
    spin_unlock_irqrestore(&klog_lock, flags);
}

bool klog_has(const struct klog_cursor *c)
{
    return c->at < __atomic_load_n(&ring_end, __ATOMIC_RELAXED);
}

int klog_next(struct klog_cursor *c, char *buf, size_t size, size_t *n)
{
    u64 flags = spin_lock_irqsave(&klog_lock);
    bool lost = c->at < ring_start;
    *n = 0;
    if (lost)
        *c = (struct klog_cursor){ring_start, first_nr};
    while (!lost && c->at < ring_end && *n < size) {
        buf[*n] = ring[c->at++ % RING_SIZE];
        if (buf[(*n)++] == '\n')
            break;
    }
    c->nr += *n > 0;
    spin_unlock_irqrestore(&klog_lock, flags);
    return lost ? -EPIPE : 0;
}
