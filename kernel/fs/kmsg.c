// SPDX-License-Identifier: MIT
/*
 * /dev/kmsg: the kernel's log, a record a read ("priority,number,microseconds,-;text"), and a record a write, by Linux'
 * Documentation/ABI/testing/dev-kmsg. The log is written in any context, so it cannot wake anybody: a reader that waits
 * is woken by what programs write, and looks for the kernel's own lines four times a second.
 */
#include "abi/errno.h"
#include "abi/fcntl.h"
#include "abi/poll.h"
#include "abi/time.h"
#include "arch/clock.h"
#include "fs/memdev.h"
#include "fs/poll.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "mem/slab.h"
#include "sched/waitq.h"

#define RECORD_MAX 1024u
#define LINE_MAX 512u
#define LOOK_NS (NSEC_PER_SEC / 4)
#define USER_FACILITY (1u << 3)

struct reader {
    struct spinlock lock;  /* LOCK_DEVICE */
    struct klog_cursor at; /* (lock) */
};

static struct waitq kmsg_wait = WAITQ_INIT(kmsg_wait);

static struct klog_cursor cursor_of(struct reader *r)
{
    spin_lock(&r->lock);
    struct klog_cursor c = r->at;
    spin_unlock(&r->lock);
    return c;
}

static void set_cursor(struct reader *r, const struct klog_cursor *c)
{
    spin_lock(&r->lock);
    r->at = *c;
    spin_unlock(&r->lock);
}

/* "<L>[sec.usec] text\n" as it is in the log → a record. */
static size_t format(char *out, const char *line, size_t n, u64 nr)
{
    const char *p = line + 1, *end = line + n;
    u64 prio = 0, sec = 0, usec = 0;
    for (; p < end && *p != '>'; p++)
        prio = prio * 10 + (u64)(*p - '0');
    for (p = MIN(p + 2, end); p < end && *p != '.'; p++)
        sec = *p == ' ' ? 0 : sec * 10 + (u64)(*p - '0');
    for (p = MIN(p + 1, end); p < end && *p != ']'; p++)
        usec = usec * 10 + (u64)(*p - '0');
    size_t len = (size_t)snprintf(out, RECORD_MAX, "%lu,%lu,%lu,-;", prio, nr, sec * 1000000 + usec);
    for (p = MIN(p + 2, end); p < end && *p != '\n' && len + 6 < RECORD_MAX; p++) {
        if (*p < ' ' || *p == '\\' || (u8)*p >= 127)
            len += (size_t)snprintf(out + len, RECORD_MAX - len, "\\x%02x", (u8)*p);
        else
            out[len++] = *p;
    }
    out[len++] = '\n';
    return len;
}

static ssize_t read_record(struct reader *r, struct uio *u)
{
    char line[LINE_MAX];
    struct klog_cursor c = cursor_of(r);
    u64 nr = c.nr;
    size_t n;
    int err = klog_next(&c, line, sizeof(line), &n);
    if (err) { /* what came next was overwritten: told once */
        set_cursor(r, &c);
        return -EPIPE;
    }
    if (!n)
        return 0;
    char *record = kmalloc(RECORD_MAX, MEM_WAIT);
    if (!record)
        return -ENOMEM;
    size_t len = format(record, line, n, nr);
    ssize_t done = len > u->resid ? -EINVAL : uio_copy_to(u, record, len) == len ? (ssize_t)len : -EFAULT;
    kfree(record);
    if (done > 0)
        set_cursor(r, &c);
    return done;
}

static ssize_t kmsg_read(struct file *f, struct uio *u, s64 *pos)
{
    struct reader *r = f->private;
    (void)pos;
    for (;;) {
        ssize_t n = read_record(r, u);
        if (n)
            return n;
        if (f->flags & O_NONBLOCK)
            return -EAGAIN;
        const struct klog_cursor c = cursor_of(r);
        if (wait_event_deadline(&kmsg_wait, klog_has(&c), clock_monotonic() + LOOK_NS) == -EINTR)
            return -ERESTARTSYS;
    }
}

/* "<N>text", or text: of facility "user" then, and the level of warnings. */
static ssize_t kmsg_write(struct file *f, struct uio *u, s64 *pos)
{
    char text[LINE_MAX];
    size_t all = u->resid, n = MIN(all, sizeof(text) - 1);
    u64 prio = LOG_WARN;
    const char *body = text, *end;
    (void)f, (void)pos;
    if (all > RECORD_MAX)
        return -EINVAL;
    if (uio_copy_from(u, text, n) != n)
        return -EFAULT;
    text[n] = 0;
    if (text[0] == '<' && !str_to_u64(text + 1, 10, &prio, &end) && *end == '>' && prio < 1024)
        body = end + 1;
    else
        prio = LOG_WARN;
    if (prio < USER_FACILITY)
        prio |= USER_FACILITY;
    while (n && text[n - 1] == '\n')
        text[--n] = 0;
    for (char *p = text; *p; p++) {
        if (*p == '\n')
            *p = ' ';
    }
    klog((enum log_level)prio, "%s", body);
    waitq_wake_poll(&kmsg_wait, EPOLLIN | EPOLLRDNORM);
    return (ssize_t)all;
}

static s64 kmsg_seek(struct file *f, s64 off, int whence)
{
    struct klog_cursor c = {0};
    if (off)
        return -ESPIPE;
    if (whence == SEEK_END)
        klog_end(&c);
    else if (whence == SEEK_SET || whence == SEEK_DATA)
        klog_start(&c);
    else
        return -EINVAL;
    set_cursor(f->private, &c);
    return 0;
}

static u32 kmsg_poll(struct file *f, struct poll_table *pt)
{
    poll_wait(pt, &kmsg_wait);
    const struct klog_cursor c = cursor_of(f->private);
    return klog_has(&c) ? EPOLLIN | EPOLLRDNORM : 0;
}

static int kmsg_open(struct inode *i, struct file *f)
{
    struct reader *r = kmalloc(sizeof(*r), MEM_WAIT);
    (void)i;
    if (!r)
        return -ENOMEM;
    spin_init(&r->lock, LOCK_DEVICE);
    klog_start(&r->at);
    f->private = r;
    f->fmode |= FMODE_NOPOSLOCK;
    return 0;
}

static void kmsg_release(struct file *f)
{
    kfree(f->private);
}

const struct file_ops kmsg_ops = {
    .open = kmsg_open,
    .release = kmsg_release,
    .read = kmsg_read,
    .write = kmsg_write,
    .seek = kmsg_seek,
    .poll = kmsg_poll,
};
