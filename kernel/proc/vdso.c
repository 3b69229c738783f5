// SPDX-License-Identifier: MIT
/*
 * The vDSO in user space: one mapping object whose page 0 is the kernel's clock data and whose further pages are the
 * image. Two areas, "[vvar]" read-only and "[vdso]" executable, one after the other. The frames belong to the kernel's
 * image and are never freed.
 */
#include "abi/errno.h"
#include "abi/mman.h"
#include "arch/clock.h"
#include "arch/paging.h"
#include "proc/exec.h"
#include "proc/process.h"

static struct mapping vdso_mapping;
static const char *image;
static size_t image_pages;

static int vdso_get_page(struct mapping *m, u64 index, bool write, struct page **out)
{
    (void)m;
    if (write || index > image_pages)
        return -EFAULT;
    paddr_t a = index ? virt_to_phys(image + (index - 1) * PAGE_SIZE) : vdso_data_page();
    *out = phys_page(a);
    page_get(*out);
    return 0;
}

static const struct mapping_ops vdso_ops = {
    .get_page = vdso_get_page,
};

void vdso_init(void)
{
    size_t size;
    image = vdso_image(&size);
    image_pages = image ? ALIGN_UP(size, PAGE_SIZE) / PAGE_SIZE : 0;
    mapping_init(&vdso_mapping, &vdso_ops);
}

static int map_part(struct mm *mm, u32 fixed, uaddr_t *at, u64 index, u64 pages, u32 prot, const char *name)
{
    struct vm_map_args a = {
        .addr = *at,
        .len = pages * PAGE_SIZE,
        .prot = prot,
        .flags = MAP_PRIVATE | fixed,
        .mapping = &vdso_mapping,
        .pgoff = index,
        .may = VM_MAYREAD | VM_MAYEXEC,
        .name = name,
        .vm_flags = VM_SPECIAL,
    };
    return vm_map(mm, &a, at);
}

/* The code finds its data in the page before it; placement is top-down, so in a fresh address space that page is free. */
int vdso_map(struct mm *mm)
{
    uaddr_t at = 0;
    if (!image_pages)
        return 0;
    int err = map_part(mm, 0, &at, 1, image_pages, PROT_READ | PROT_EXEC, "[vdso]");
    if (err)
        return err;
    mm->vdso = at;
    at -= PAGE_SIZE;
    return map_part(mm, MAP_FIXED_NOREPLACE, &at, 0, 1, PROT_READ, "[vvar]");
}
