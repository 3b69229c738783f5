// SPDX-License-Identifier: MIT
/*
 * Files of /proc/PID that look into its memory: cmdline, environ, auxv, maps, mem. A process without memory shows none.
 * cmdline and environ are read where they lie and never gathered: a process says by prctl(2) itself where that is, and of
 * what length.
 */
#include "abi/errno.h"
#include "abi/fcntl.h"
#include "abi/limits.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "mem/slab.h"
#include "proc/procfs_task.h"
#include "vm/mm.h"

int procfs_show_auxv(struct seq_buf *s, void *task, u64 key)
{
    struct mm *mm;
    int err = process_mm_to_trace(((struct task *)task)->process, &mm);
    (void)key;
    if (mm) {
        seq_write(s, mm->auxv, mm->auxv_len * sizeof(u64));
        mm_put_user(mm);
    }
    return err;
}

void procfs_show_area(struct seq_buf *s, struct vm_area *a, char *path)
{
    u64 dev = 0, ino = 0;
    const char *name = vm_area_name(a);
    size_t start = s->len;
    if (a->ops && a->ops->describe && a->ops->describe(a, path, PATH_MAX, &dev, &ino) >= 0)
        name = path;
    if (vm_area_label(a) && (!name || name == path)) { /* not a heap or a stack */
        snprintf(path, PATH_MAX, a->mapping ? "[anon_shmem:%s]" : "[anon:%s]", vm_area_label(a));
        name = path;
    }
    seq_printf(s, "%08lx-%08lx %c%c%c%c %08lx %02x:%02x %lu ", a->start, a->end, a->flags & VM_READ ? 'r' : '-',
               a->flags & VM_WRITE ? 'w' : '-', a->flags & VM_EXEC ? 'x' : '-', a->flags & VM_SHARED ? 's' : 'p',
               a->mapping ? a->pgoff << PAGE_SHIFT : 0, dev_major(dev), dev_minor(dev), ino);
    if (name) {
        while (s->len - start < 73 && !s->failed)
            seq_putc(s, ' ');
        seq_escape(s, name, "\n");
    }
    seq_putc(s, '\n');
}

int procfs_show_maps(struct seq_buf *s, void *task, u64 key)
{
    struct mm *mm;
    int err = process_mm_to_trace(((struct task *)task)->process, &mm);
    char *path = kmalloc(PATH_MAX, MEM_WAIT);
    (void)key;
    if (mm && path) {
        rwsem_read_lock(&mm->lock);
        for (struct vm_area *a = vm_find(mm, 0); a; a = vm_next(a))
            procfs_show_area(s, a, path);
        rwsem_read_unlock(&mm->lock);
    }
    kfree(path);
    if (mm)
        mm_put_user(mm);
    return err;
}

/* "mem" is the memory of the program that ran at open(2), not of what is executed later: that may have other rights. The
 * file keeps the structure only, so that it does not keep the memory. */
static int open_mem(struct inode *i, struct file *f)
{
    struct task *k = proc_inode_task(i, NULL);
    struct mm *mm;
    int err = process_mm_to_trace(k->process, &mm);
    if (mm) {
        mm_get(mm);
        mm_put_user(mm);
    }
    f->private = mm;
    return err;
}

static void release_mem(struct file *f)
{
    if (f->private)
        mm_put(f->private);
}

/* Up to `most` bytes from or to the memory. -EIO: nothing is there; -EFAULT: nor at the caller's address. */
static ssize_t copy_mem(struct mm *mm, struct uio *u, uaddr_t at, u64 most, bool write, bool force)
{
    char *page = pages_alloc(0, MEM_WAIT);
    ssize_t done = 0, got = page ? 0 : -ENOMEM;
    while (page && u->resid && (u64)done < most && !signal_pending_fatal(current_thread())) {
        size_t n = MIN(MIN(u->resid, most - (u64)done), PAGE_SIZE);
        got = write && uio_copy_from(u, page, n) != n ? -EFAULT : 0;
        if (!got && (got = mm_access(mm, at + (u64)done, page, n, write, force)) <= 0)
            got = -EIO;
        if (got > 0 && !write && uio_copy_to(u, page, (size_t)got) != (size_t)got)
            got = -EFAULT;
        if (got < 0)
            break;
        done += got;
        if ((size_t)got < n)
            break;
    }
    if (page)
        pages_free(page, 0);
    return done ? done : MIN(got, 0);
}

static ssize_t access_mem(struct file *f, struct uio *u, s64 *pos, bool write)
{
    struct mm *mm = f->private;
    if (!mm || !mm_get_user_unless_zero(mm))
        return 0;
    ssize_t n = copy_mem(mm, u, (uaddr_t)*pos, ~0ul, write, true);
    mm_put_user(mm);
    if (n > 0)
        *pos += n;
    return n;
}

static ssize_t read_mem(struct file *f, struct uio *u, s64 *pos)
{
    return access_mem(f, u, pos, false);
}
static ssize_t write_mem(struct file *f, struct uio *u, s64 *pos)
{
    return access_mem(f, u, pos, true);
}
static s64 seek_mem(struct file *f, s64 off, int whence)
{
    if (whence == SEEK_END)
        return -EINVAL;
    f->pos = whence == SEEK_CUR ? f->pos + off : off;
    return f->pos;
}
const struct file_ops procfs_mem_fops = {
    .open = open_mem, .release = release_mem, .read = read_mem, .write = write_mem, .seek = seek_mem};

/* ---- cmdline, environ ---- */

/* The part of start ... end at *pos. */
static ssize_t read_range(struct mm *mm, struct uio *u, s64 *pos, uaddr_t start, uaddr_t end)
{
    if (start >= end || (u64)*pos >= end - start)
        return 0;
    ssize_t n = copy_mem(mm, u, start + (u64)*pos, end - start - (u64)*pos, false, false);
    if (n > 0)
        *pos += n;
    return n == -EIO ? 0 : n;
}

/* "environ" is of the memory that was there at open(2), as "mem". */
static ssize_t read_environ(struct file *f, struct uio *u, s64 *pos)
{
    struct mm *mm = f->private;
    if (!mm || !mm_get_user_unless_zero(mm))
        return 0;
    ssize_t n = read_range(mm, u, pos, READ_ONCE(mm->env_start), READ_ONCE(mm->env_end));
    mm_put_user(mm);
    return n;
}

const struct file_ops procfs_environ_fops = {.open = open_mem, .release = release_mem, .read = read_environ};

/* A title was written over the arguments, setproctitle(3), when these have no end: then it goes on in the environment, up
 * to its NUL, and is a page at most. Its end. */
static uaddr_t end_of_title(struct mm *mm, uaddr_t start)
{
    char buf[256];
    for (u64 at = 0; at < PAGE_SIZE; at += sizeof(buf)) {
        ssize_t n = mm_access(mm, start + at, buf, sizeof(buf), false, false);
        const char *nul = n > 0 ? memchr(buf, 0, (size_t)n) : NULL;
        if (nul)
            return start + at + (u64)(nul - buf) + 1;
        if (n < (ssize_t)sizeof(buf))
            return start + at + (u64)MAX(n, 0);
    }
    return start + PAGE_SIZE;
}

static ssize_t read_cmdline(struct file *f, struct uio *u, s64 *pos)
{
    struct task *k = proc_inode_task(f->inode, NULL);
    struct mm *mm = task_mm(k);
    char last;
    if (!mm)
        return task_alive(k) ? 0 : -ESRCH;
    uaddr_t start = READ_ONCE(mm->arg_start), end = READ_ONCE(mm->arg_end);
    if (start < end && mm_access(mm, end - 1, &last, 1, false, false) == 1 && last)
        end = end_of_title(mm, start);
    ssize_t n = read_range(mm, u, pos, start, end);
    mm_put_user(mm);
    return n;
}

const struct file_ops procfs_cmdline_fops = {.read = read_cmdline};
