// SPDX-License-Identifier: MIT
/* Files of /proc/PID that look into its memory: cmdline, environ, auxv, maps, mem. A process without memory shows none. */
#include "abi/errno.h"
#include "abi/fcntl.h"
#include "abi/limits.h"
#include "lib/printf.h"
#include "mem/slab.h"
#include "proc/procfs_task.h"
#include "vm/mm.h"

static int show_range(struct seq_buf *s, struct task *k, bool env)
{
    struct mm *mm = NULL;
    char buf[256];
    int err = 0;
    if (env)
        err = process_mm_to_trace(k->process, &mm);
    else
        mm = task_mm(k);
    if (!mm)
        return err;
    uaddr_t at = env ? mm->env_start : mm->arg_start, end = env ? mm->env_end : mm->arg_end;
    while (at < end) {
        ssize_t n = mm_access(mm, at, buf, MIN(end - at, sizeof(buf)), false, false);
        if (n <= 0)
            break;
        seq_write(s, buf, (size_t)n);
        at += (u64)n;
    }
    mm_put_user(mm);
    return 0;
}

int procfs_show_cmdline(struct seq_buf *s, void *task, u64 key)
{
    (void)key;
    return show_range(s, task, false);
}

int procfs_show_environ(struct seq_buf *s, void *task, u64 key)
{
    (void)key;
    return show_range(s, task, true);
}

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

static ssize_t access_mem(struct file *f, struct uio *u, s64 *pos, bool write)
{
    struct mm *mm = f->private;
    if (mm && !mm_get_user_unless_zero(mm))
        mm = NULL;
    char *page = pages_alloc(0, MEM_WAIT);
    ssize_t done = 0;
    while (mm && page && u->resid) {
        size_t n = MIN(u->resid, PAGE_SIZE);
        if (write && uio_copy_from(u, page, n) != n)
            break;
        ssize_t got = mm_access(mm, (uaddr_t)*pos, page, n, write, true);
        if (got <= 0 || (!write && uio_copy_to(u, page, (size_t)got) != (size_t)got))
            break;
        *pos += got;
        done += got;
        if ((size_t)got < n)
            break;
    }
    bool failed = mm && page && !done && u->resid;
    if (page)
        pages_free(page, 0);
    if (mm)
        mm_put_user(mm);
    return failed ? -EIO : done;
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
