// SPDX-License-Identifier: MIT
/*
 * ELF files into an address space: checks that return an errno, then the mapping, whose failure ends the process.
 * The file is hostile: every sum of its numbers is checked before it is used, and nothing of it is trusted to be sorted.
 *
 * Placement (as Linux): ET_EXEC where it says; ET_DYN with an interpreter at 2/3 of user space plus a random offset; the
 * interpreter, and ET_DYN without one (a static PIE, or ld.so run as a command), in the mmap region.
 */
#include "abi/elf.h"
#include "abi/errno.h"
#include "abi/mman.h"
#include <linux/personality.h>
#include "drivers/random.h"
#include "lib/string.h"
#include "mem/page.h"
#include "mem/slab.h"
#include "proc/exec.h"
#include "proc/process.h"

#define PHDRS_MAX 65536u
#define DYN_BASE (USER_END / 3 * 2 & PAGE_MASK)
#define DYN_RANDOM_PAGES (1ull << 28)
#define BRK_RANDOM 0x02000000ull

/* ---- checks ---- */

static bool header_valid(const Elf64_Ehdr *e)
{
    return !memcmp(e->e_ident, ELFMAG, SELFMAG) && (e->e_type == ET_EXEC || e->e_type == ET_DYN) &&
           e->e_machine == ELF_MACHINE;
}

static int read_phdrs(struct file *f, const Elf64_Ehdr *e, Elf64_Phdr **out)
{
    size_t size = (size_t)e->e_phnum * sizeof(Elf64_Phdr);
    if (e->e_phentsize != sizeof(Elf64_Phdr) || size == 0 || size > PHDRS_MAX || e->e_phoff > (u64)INT64_MAX - size)
        return -ENOEXEC;
    Elf64_Phdr *p = kmalloc(size, MEM_WAIT);
    if (!p)
        return -ENOMEM;
    ssize_t n = file_read_kernel(f, p, size, (s64)e->e_phoff);
    if (n != (ssize_t)size) {
        kfree(p);
        return n < 0 ? (int)n : -EIO;
    }
    *out = p;
    return 0;
}

static const Elf64_Phdr *find_phdr(const Elf64_Phdr *p, u32 n, u32 type)
{
    for (u32 i = 0; i < n; i++) {
        if (p[i].p_type == type)
            return &p[i];
    }
    return NULL;
}

/* Opens the interpreter that PT_INTERP names and reads its header. */
static int open_interp(struct exec_image *x, const struct fs_view *v, const Elf64_Phdr *ph)
{
    if (ph->p_filesz > PATH_MAX || ph->p_filesz < 2 || ph->p_offset > (u64)INT64_MAX - PATH_MAX)
        return -ENOEXEC;
    char *name = kmalloc(ph->p_filesz, MEM_WAIT);
    if (!name)
        return -ENOMEM;
    ssize_t n = file_read_kernel(x->file, name, ph->p_filesz, (s64)ph->p_offset);
    int err = n < 0 ? (int)n : n != (ssize_t)ph->p_filesz ? -EIO : name[n - 1] ? -ENOEXEC : 0;
    if (!err) {
        err = exec_open(v, NULL, name, LOOKUP_FOLLOW, &x->interp);
        if (err)
            exec_note_unopened(x, name);
    }
    kfree(name);
    if (err)
        return err;
    n = file_read_kernel(x->interp, &x->interp_ehdr, sizeof(x->interp_ehdr), 0);
    return n < 0 ? (int)n : n != sizeof(x->interp_ehdr) ? -EIO : 0;
}

static int check_interp(struct exec_image *x, const struct fs_view *v, const Elf64_Phdr *ph)
{
    int err = open_interp(x, v, ph);
    if (err)
        return err;
    if (!header_valid(&x->interp_ehdr))
        return -ELIBBAD;
    err = read_phdrs(x->interp, &x->interp_ehdr, &x->interp_phdrs);
    return err ? -ELIBBAD : 0;
}

int elf_check(struct exec_image *x, const struct fs_view *v)
{
    memcpy(&x->ehdr, x->head, sizeof(x->ehdr));
    if (!header_valid(&x->ehdr) || !x->file->ops->mmap)
        return -ENOEXEC;
    if (read_phdrs(x->file, &x->ehdr, &x->phdrs))
        return -ENOEXEC;
    const Elf64_Phdr *stack = find_phdr(x->phdrs, x->ehdr.e_phnum, PT_GNU_STACK);
    x->exec_stack = stack && (stack->p_flags & PF_X);
    const Elf64_Phdr *interp = find_phdr(x->phdrs, x->ehdr.e_phnum, PT_INTERP);
    return interp ? check_interp(x, v, interp) : 0;
}

/* ---- mapping ---- */

struct extent {
    u64 low, high; /* of all PT_LOADs, low page-aligned */
    u64 align;
};

static bool segment_valid(const Elf64_Phdr *p)
{
    return p->p_filesz <= p->p_memsz && p->p_memsz <= USER_END && p->p_vaddr <= USER_END - p->p_memsz &&
           p->p_offset <= (u64)INT64_MAX - p->p_memsz;
}

static int find_extent(const Elf64_Phdr *p, u32 n, struct extent *e)
{
    *e = (struct extent){.low = ~0ull, .align = PAGE_SIZE};
    for (u32 i = 0; i < n; i++) {
        if (p[i].p_type != PT_LOAD)
            continue;
        if (!segment_valid(&p[i]))
            return -EINVAL;
        e->low = MIN(e->low, p[i].p_vaddr & PAGE_MASK);
        e->high = MAX(e->high, p[i].p_vaddr + p[i].p_memsz);
        u64 a = p[i].p_align;
        if (a > e->align && !(a & (a - 1)) && a <= USER_END / 4)
            e->align = a;
    }
    return e->high > e->low ? 0 : -EINVAL;
}

/* Zeroes [from, to) of one page of the new address space. A page behind the end of the file cannot be: -EFAULT. */
static int clear_tail(struct mm *mm, uaddr_t from, uaddr_t to)
{
    struct page *page;
    if (from == to)
        return 0;
    if (mm_get_page(mm, from, true, &page))
        return -EFAULT;
    memset((char *)page_addr(page) + from % PAGE_SIZE, 0, to - from);
    page_put(page);
    return 0;
}

static u32 prot_of(const Elf64_Phdr *p)
{
    return (p->p_flags & PF_R ? PROT_READ : 0) | (p->p_flags & PF_W ? PROT_WRITE : 0) |
           (p->p_flags & PF_X ? PROT_EXEC : 0);
}

static int map_file_part(struct mm *mm, struct file *f, const Elf64_Phdr *p, u64 bias)
{
    u64 vaddr = p->p_vaddr + bias, skew = vaddr % PAGE_SIZE;
    if (p->p_offset % PAGE_SIZE != skew)
        return -EINVAL;
    struct vm_map_args a = {
        .addr = vaddr - skew,
        .len = ALIGN_UP(p->p_filesz + skew, PAGE_SIZE),
        .prot = prot_of(p),
        .flags = MAP_PRIVATE | MAP_FIXED,
        .pgoff = (p->p_offset - skew) >> PAGE_SHIFT,
        .cap_rawio = capable(CAP_SYS_RAWIO),
    };
    uaddr_t at;
    int err = file_mmap(f, &a);
    return err ? err : vm_map(mm, &a, &at);
}

static int map_zero_part(struct mm *mm, const Elf64_Phdr *p, u64 bias)
{
    uaddr_t from = p->p_vaddr + bias + p->p_filesz, to = p->p_vaddr + bias + p->p_memsz, at;
    uaddr_t first = p->p_filesz ? ALIGN_UP(from, PAGE_SIZE) : from & PAGE_MASK;
    int err = p->p_filesz ? clear_tail(mm, from, first) : 0;
    if (err && (p->p_flags & PF_W)) /* a segment that is not writable keeps its bytes, as in Linux */
        return err;
    if (to <= first)
        return 0;
    struct vm_map_args a = {
        .addr = first,
        .len = ALIGN_UP(to, PAGE_SIZE) - first,
        .prot = PROT_READ | PROT_WRITE | (p->p_flags & PF_X ? PROT_EXEC : 0),
        .flags = MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS,
        .may = VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC,
        .cap_rawio = capable(CAP_SYS_RAWIO),
    };
    return vm_map(mm, &a, &at);
}

static int map_segments(struct mm *mm, struct file *f, const Elf64_Phdr *p, u32 n, u64 bias)
{
    for (u32 i = 0; i < n; i++) {
        if (p[i].p_type != PT_LOAD)
            continue;
        if (p[i].p_vaddr + bias > USER_END - p[i].p_memsz)
            return -EINVAL;
        int err = p[i].p_filesz ? map_file_part(mm, f, &p[i], bias) : 0;
        if (!err && p[i].p_memsz > p[i].p_filesz)
            err = map_zero_part(mm, &p[i], bias);
        if (err)
            return err;
    }
    return 0;
}

/* A free range for a position-independent file; its bias. The range is found by mapping it and letting it go. */
static int find_bias(struct mm *mm, const struct extent *e, u64 hint, u64 *bias)
{
    u64 slack = e->align - PAGE_SIZE, size = ALIGN_UP(e->high - e->low, PAGE_SIZE);
    uaddr_t at;
    if (size + slack > USER_END)
        return -ENOMEM;
    struct vm_map_args a = {
        .addr = hint,
        .len = size + slack,
        .prot = PROT_NONE,
        .flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
        .may = VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC,
    };
    int err = vm_map(mm, &a, &at);
    if (!err)
        err = vm_unmap(mm, at, a.len);
    *bias = ALIGN_UP(at - e->low, e->align); /* modulo 2^64: a file may be linked above its new place */
    return err;
}

static bool randomize(void)
{
    return !(current_process()->personality & ADDR_NO_RANDOMIZE);
}

u64 exec_random_pages(u64 count)
{
    return randomize() ? random_u64() % count : 0;
}

static void note_layout(struct exec_image *x, u64 bias)
{
    struct mm *mm = x->mm;
    u64 brk = 0;
    mm->code_start = mm->data_start = ~0ull;
    mm->code_end = mm->data_end = 0;
    for (u32 i = 0; i < x->ehdr.e_phnum; i++) {
        const Elf64_Phdr *p = &x->phdrs[i];
        if (p->p_type != PT_LOAD)
            continue;
        u64 start = p->p_vaddr + bias, end = start + p->p_filesz;
        if (p->p_flags & PF_X) {
            mm->code_start = MIN(mm->code_start, start);
            mm->code_end = MAX(mm->code_end, end);
        }
        mm->data_start = mm->data_start == ~0ull ? start : MAX(mm->data_start, start);
        mm->data_end = MAX(mm->data_end, end);
        brk = MAX(brk, start + p->p_memsz);
        if (p->p_offset <= x->ehdr.e_phoff && x->ehdr.e_phoff - p->p_offset < p->p_filesz)
            x->at_phdr = x->ehdr.e_phoff - p->p_offset + start;
    }
    if (mm->code_start == ~0ull)
        mm->code_start = mm->data_start;
    if (x->ehdr.e_type == ET_DYN && !x->interp && randomize())
        brk = DYN_BASE;
    brk = ALIGN_UP(brk, PAGE_SIZE) + exec_random_pages(BRK_RANDOM / PAGE_SIZE) * PAGE_SIZE;
    mm->brk_start = mm->brk = MIN(brk, USER_END - PAGE_SIZE);
}

static int load_main(struct exec_image *x)
{
    struct extent e;
    u64 bias = 0;
    int err = find_extent(x->phdrs, x->ehdr.e_phnum, &e);
    if (!err && x->ehdr.e_type == ET_DYN) {
        u64 hint = x->interp ? DYN_BASE + exec_random_pages(DYN_RANDOM_PAGES) * PAGE_SIZE : 0;
        err = find_bias(x->mm, &e, hint, &bias);
    }
    if (!err)
        err = map_segments(x->mm, x->file, x->phdrs, x->ehdr.e_phnum, bias);
    if (err)
        return err;
    note_layout(x, bias);
    x->at_entry = x->entry = x->ehdr.e_entry + bias;
    return 0;
}

static int load_interp(struct exec_image *x)
{
    struct extent e;
    u64 bias = 0;
    u32 n = x->interp_ehdr.e_phnum;
    int err = find_extent(x->interp_phdrs, n, &e);
    if (!err && x->interp_ehdr.e_type == ET_DYN)
        err = find_bias(x->mm, &e, 0, &bias);
    if (!err)
        err = map_segments(x->mm, x->interp, x->interp_phdrs, n, bias);
    x->at_base = bias + (x->interp_ehdr.e_type == ET_DYN ? e.low : 0);
    x->entry = x->interp_ehdr.e_entry + bias;
    return err;
}

int elf_load(struct exec_image *x)
{
    int err = load_main(x);
    if (!err && x->interp)
        err = load_interp(x);
    if (!err && x->entry >= USER_END)
        err = -EINVAL;
    return err;
}
