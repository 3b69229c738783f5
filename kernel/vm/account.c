// SPDX-License-Identifier: MIT
/*
 * Limits and figures of address spaces. Overcommit is Linux' mode 0: only a single request larger than all memory is
 * refused ("obvious overcommit"); Committed_AS is kept. Per-mm figures need mm.lock for writing.
 */
#include "abi/errno.h"
#include "vm/internal.h"

static atomic64_t committed;

u64 vm_committed_pages(void)
{
    return atomic_read(&committed);
}

int account_commit(u64 pages)
{
    if (pages > mem_total_pages())
        return -ENOMEM;
    atomic_add(&committed, pages);
    return 0;
}

void account_uncommit(u64 pages)
{
    atomic_sub(&committed, pages);
}

static bool is_data(u32 flags)
{
    return (flags & (VM_WRITE | VM_SHARED | VM_GROWSDOWN)) == VM_WRITE;
}

void account_pages(struct mm *mm, u32 flags, s64 pages)
{
    u64 n = (u64)pages;
    mm->total_vm += n;
    if (flags & VM_LOCKED)
        mm->locked_vm += n;
    if (flags & VM_GROWSDOWN)
        mm->stack_vm += n;
    else if (is_data(flags))
        mm->data_vm += n;
    else if ((flags & (VM_EXEC | VM_WRITE)) == VM_EXEC)
        mm->exec_vm += n;
}

bool account_fits(struct mm *mm, u32 flags, u64 pages)
{
    if (pages > (mm->rlim_as >> PAGE_SHIFT) || mm->total_vm > (mm->rlim_as >> PAGE_SHIFT) - pages)
        return false;
    return !is_data(flags) || mm->data_vm + pages <= mm->rlim_data >> PAGE_SHIFT;
}

bool account_lockable(const struct mm *mm, u64 pages, bool cap_lock)
{
    return cap_lock || mm->locked_vm + pages <= mm->rlim_memlock >> PAGE_SHIFT;
}
