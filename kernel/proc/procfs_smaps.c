// SPDX-License-Identifier: MIT
/* /proc/PID/smaps, smaps_rollup, numa_maps, clear_refs: proc(5), and Linux' fs/proc/task_mmu.c. */
#include "abi/errno.h"
#include "abi/limits.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "mem/slab.h"
#include "proc/procfs_task.h"
#include "vm/mm.h"

static void kib(struct seq_buf *s, const char *name, u64 bytes)
{
    seq_printf(s, "%-16s%8lu kB\n", name, bytes / 1024);
}

static void put_stats(struct seq_buf *s, const struct area_stats *t, bool rollup)
{
    kib(s, "Rss:", t->rss);
    kib(s, "Pss:", t->pss >> AREA_PSS_SHIFT);
    kib(s, "Pss_Dirty:", t->pss_dirty >> AREA_PSS_SHIFT);
    if (rollup) {
        kib(s, "Pss_Anon:", t->pss_anon >> AREA_PSS_SHIFT);
        kib(s, "Pss_File:", t->pss_file >> AREA_PSS_SHIFT);
        kib(s, "Pss_Shmem:", t->pss_shmem >> AREA_PSS_SHIFT);
    }
    kib(s, "Shared_Clean:", t->shared_clean);
    kib(s, "Shared_Dirty:", t->shared_dirty);
    kib(s, "Private_Clean:", t->private_clean);
    kib(s, "Private_Dirty:", t->private_dirty);
    kib(s, "Referenced:", t->referenced);
    kib(s, "Anonymous:", t->anonymous);
    kib(s, "KSM:", 0);
    kib(s, "LazyFree:", 0);
    kib(s, "AnonHugePages:", t->huge);
    kib(s, "ShmemPmdMapped:", 0);
    kib(s, "FilePmdMapped:", 0);
    kib(s, "Shared_Hugetlb:", 0);
    kib(s, "Private_Hugetlb:", 0);
    kib(s, "Swap:", 0);
    kib(s, "SwapPss:", 0);
    kib(s, "Locked:", t->locked >> AREA_PSS_SHIFT);
}

static void put_flags(struct seq_buf *s, u32 flags)
{
    static const struct {
        u32 flag;
        char name[4];
    } names[] = {
        {VM_READ, "rd "},       {VM_WRITE, "wr "},    {VM_EXEC, "ex "},     {VM_SHARED, "sh "},
        {VM_MAYREAD, "mr "},    {VM_MAYWRITE, "mw "}, {VM_MAYEXEC, "me "},  {VM_SHARED, "ms "},
        {VM_GROWSDOWN, "gd "},  {VM_LOCKED, "lo "},   {VM_SEQ_READ, "sr "}, {VM_RAND_READ, "rr "},
        {VM_DONTFORK, "dc "},   {VM_SPECIAL, "de "},  {VM_ACCOUNT, "ac "},  {VM_NORESERVE, "nr "},
        {VM_WIPEONFORK, "wf "}, {VM_DONTDUMP, "dd "}, {VM_HUGEPAGE, "hg "}, {VM_NOHUGEPAGE, "nh "},
    };
    seq_puts(s, "VmFlags: ");
    for (u32 i = 0; i < ARRAY_SIZE(names); i++) {
        if (flags & names[i].flag)
            seq_puts(s, names[i].name);
    }
    seq_putc(s, '\n');
}

static void show_each(struct seq_buf *s, struct vm_area *a, char *path)
{
    struct area_stats t = {0};
    vm_area_stats(a, &t);
    procfs_show_area(s, a, path);
    kib(s, "Size:", a->end - a->start);
    kib(s, "KernelPageSize:", PAGE_SIZE);
    kib(s, "MMUPageSize:", PAGE_SIZE);
    put_stats(s, &t, false);
    bool eligible = !a->mapping && a->end - a->start >= HUGE_SIZE && !(a->flags & (VM_NOHUGEPAGE | VM_SPECIAL));
    seq_printf(s, "THPeligible:    %8d\n", eligible);
    put_flags(s, a->flags);
}

static void show_numa(struct seq_buf *s, struct vm_area *a, char *path)
{
    struct area_stats t = {0};
    u64 dev, ino;
    vm_area_stats(a, &t);
    seq_printf(s, "%08lx default", a->start);
    const char *name = vm_area_name(a);
    if (a->ops && a->ops->describe && a->ops->describe(a, path, PATH_MAX, &dev, &ino) >= 0) {
        seq_puts(s, " file=");
        seq_escape(s, path, "\n\t= ");
    } else if (name && (!strcmp(name, "[heap]") || !strncmp(name, "[stack", 6))) {
        seq_puts(s, name[1] == 'h' ? " heap" : " stack");
    }
    if (t.anonymous)
        seq_printf(s, " anon=%lu", t.anonymous / PAGE_SIZE);
    if (t.shared_dirty + t.private_dirty)
        seq_printf(s, " dirty=%lu", (t.shared_dirty + t.private_dirty) / PAGE_SIZE);
    if (t.rss != t.anonymous)
        seq_printf(s, " mapped=%lu", t.rss / PAGE_SIZE);
    if (t.rss)
        seq_printf(s, " N0=%lu kernelpagesize_kB=4", t.rss / PAGE_SIZE);
    seq_putc(s, '\n');
}

static int for_each_area(struct seq_buf *s, void *task, void (*show)(struct seq_buf *s, struct vm_area *a, char *path))
{
    struct mm *mm;
    int err = process_mm_to_trace(((struct task *)task)->process, &mm);
    char *path = kmalloc(PATH_MAX, MEM_WAIT);
    if (mm && path) {
        rwsem_read_lock(&mm->lock);
        for (struct vm_area *a = vm_find(mm, 0); a; a = vm_next(a))
            show(s, a, path);
        rwsem_read_unlock(&mm->lock);
    }
    kfree(path);
    if (mm)
        mm_put_user(mm);
    return err;
}

int procfs_show_smaps(struct seq_buf *s, void *task, u64 key)
{
    (void)key;
    return for_each_area(s, task, show_each);
}

int procfs_show_numa_maps(struct seq_buf *s, void *task, u64 key)
{
    (void)key;
    return for_each_area(s, task, show_numa);
}

int procfs_show_smaps_rollup(struct seq_buf *s, void *task, u64 key)
{
    struct area_stats t = {0};
    uaddr_t start = 0, end = 0;
    struct mm *mm;
    (void)key;
    int err = process_mm_to_trace(((struct task *)task)->process, &mm);
    if (err || !mm)
        return err ? err : -ESRCH;
    rwsem_read_lock(&mm->lock);
    for (struct vm_area *a = vm_find(mm, 0); a; a = vm_next(a)) {
        start = end ? start : a->start;
        end = a->end;
        vm_area_stats(a, &t);
    }
    rwsem_read_unlock(&mm->lock);
    mm_put_user(mm);
    size_t from = s->len;
    seq_printf(s, "%08lx-%08lx ---p 00000000 00:00 0 ", start, end);
    while (s->len - from < 73 && !s->failed)
        seq_putc(s, ' ');
    seq_puts(s, "[rollup]\n");
    put_stats(s, &t, true);
    return 0;
}

/* 1 to 4 forget which pages were referenced or written: nothing here goes by that. 5 forgets the high water mark. */
ssize_t procfs_write_clear_refs(void *task, u64 key, const char *text, size_t n)
{
    u64 what;
    (void)key;
    if (str_to_u64(text, 10, &what, NULL) || what < 1 || what > 5)
        return -EINVAL;
    struct mm *mm = task_mm(task);
    if (mm && what == 5)
        WRITE_ONCE(mm->hiwater_rss, 0);
    if (mm)
        mm_put_user(mm);
    return (ssize_t)n;
}
