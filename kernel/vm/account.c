// SPDX-License-Identifier: MIT
/*
 * Limits and figures of address spaces. sys/vm/overcommit_memory is Linux': 0 refuses a single request larger than all memory
 * ("obvious overcommit"), 1 nothing, 2 what goes beyond a part of memory. Committed_AS is kept. Per-mm figures need mm.lock
 * for writing.
 */
#include "abi/errno.h"
#include "abi/mman.h"
#include "sched/sched.h"
#include "vm/internal.h"

#define ADMIN_RESERVE ((8ul << 20) >> PAGE_SHIFT)
#define USER_RESERVE ((128ul << 20) >> PAGE_SHIFT)

static atomic64_t committed;
u64 vm_overcommit, vm_overcommit_ratio = 50;

u64 vm_committed_pages(void)
{
    return atomic_read(&committed);
}

u64 vm_commit_limit(void)
{
    return mem_total_pages() * READ_ONCE(vm_overcommit_ratio) / 100;
}

/* Mode 2. Something is left for the administrator, and for the recovery of the process itself. */
static bool within_limit(u64 all)
{
    const struct mm *mm = current_thread()->mm;
    u64 kept = ADMIN_RESERVE + (mm ? MIN(mm->total_vm / 32, USER_RESERVE) : 0), limit = vm_commit_limit();
    return limit > kept && all < limit - kept;
}

int account_commit(u64 pages)
{
    u64 mode = READ_ONCE(vm_overcommit);
    if (mode == OVERCOMMIT_GUESS && pages > mem_total_pages())
        return -ENOMEM;
    u64 all = atomic_add(&committed, pages);
    if (mode != OVERCOMMIT_NEVER || within_limit(all))
        return 0;
    atomic_sub(&committed, pages);
    return -ENOMEM;
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
