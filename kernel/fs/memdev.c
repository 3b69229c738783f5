// SPDX-License-Identifier: MIT
/* The memory devices: mem(4), null(4), random(4). */
#include "fs/memdev.h"

#include "abi/errno.h"
#include "abi/stat.h"

#include <linux/random.h>

/* drivers/random.c: the one source of random numbers lies in a layer above. */
void random_bytes(void *buf, size_t n);
void random_add_entropy(const void *p, size_t n);

static ssize_t null_read(struct file *f, struct uio *u, s64 *pos)
{
    (void)f, (void)u, (void)pos;
    return 0;
}

static ssize_t null_write(struct file *f, struct uio *u, s64 *pos)
{
    (void)f, (void)pos;
    return (ssize_t)u->resid;
}

static s64 null_seek(struct file *f, s64 off, int whence)
{
    (void)off, (void)whence;
    return f->pos = 0;
}

static ssize_t zero_read(struct file *f, struct uio *u, s64 *pos)
{
    size_t total = 0;

    (void)f, (void)pos;
    if (likely(u->resid <= PAGE_SIZE)) {
        size_t n = u->resid, done = uio_zero(u, n);
        return done || !n ? (ssize_t)done : -EFAULT;
    }
    while (u->resid) {
        size_t n = MIN(u->resid, 65536ul), done = uio_zero(u, n);
        total += done;
        if (done < n)
            return total ? (ssize_t)total : -EFAULT;
        cond_resched();
        if (thread_work(current_thread(), WORK_SIGNAL | WORK_NOTIFY)) /* 2 GiB take their time */
            break;
    }
    return (ssize_t)total;
}

/* Like MAP_ANONYMOUS: no mapping is named. */
static int zero_mmap(struct file *f, struct vm_map_args *args)
{
    (void)f, (void)args;
    return 0;
}

static ssize_t full_write(struct file *f, struct uio *u, s64 *pos)
{
    (void)f, (void)u, (void)pos;
    return -ENOSPC;
}

static ssize_t random_read(struct file *f, struct uio *u, s64 *pos)
{
    u8 buf[256];
    size_t total = 0;

    (void)f, (void)pos;
    while (u->resid) {
        size_t n = MIN(u->resid, sizeof(buf));
        random_bytes(buf, n);
        size_t done = uio_copy_to(u, buf, n);
        total += done;
        if (done < n) {
            __builtin_memset(buf, 0, sizeof(buf));
            return total ? (ssize_t)total : -EFAULT;
        }
        cond_resched();
        if (thread_work(current_thread(), WORK_SIGNAL | WORK_NOTIFY) && total >= sizeof(buf))
            break;
    }
    __builtin_memset(buf, 0, sizeof(buf));
    return (ssize_t)total;
}

static ssize_t random_write(struct file *f, struct uio *u, s64 *pos)
{
    u8 buf[64];
    size_t total = 0;

    (void)f, (void)pos;
    while (u->resid) {
        size_t n = MIN(u->resid, sizeof(buf)), done = uio_copy_from(u, buf, n);
        random_add_entropy(buf, done);
        total += done;
        if (done < n)
            return total ? (ssize_t)total : -EFAULT;
    }
    return (ssize_t)total;
}

static const struct file_ops null_ops = {.read = null_read, .write = null_write, .seek = null_seek};
static const struct file_ops zero_ops = {.read = zero_read, .write = null_write, .seek = null_seek, .mmap = zero_mmap};
static const struct file_ops full_ops = {.read = zero_read, .write = full_write, .seek = null_seek};
static const struct file_ops random_ops = {.read = random_read, .write = random_write, .seek = null_seek};

const struct memdev memdevs[] = {
    {"null", 3, 0666, &null_ops},
    {"zero", 5, 0666, &zero_ops},
    {"full", 7, 0666, &full_ops},
    {"random", 8, 0666, &random_ops},
    {"urandom", 9, 0666, &random_ops},
    {"kmsg", 11, 0644, &kmsg_ops},
    {NULL, 0, 0, NULL},
};
