// SPDX-License-Identifier: MIT
/*
 * Reaching into an address space from outside: ptrace, /proc/pid/mem, process_vm_*, exec's argument pages. A page is
 * looked up under its table's lock, where it also gets its reference; what is missing is faulted in first.
 */
#include "abi/errno.h"
#include "lib/string.h"
#include "sched/sched.h"
#include "vm/internal.h"

static bool usable(pte_t e, bool write, bool force)
{
    if (!pte_mapped(e) || (e & PTE_SPECIAL && write))
        return false;
    if (!write || e & PTE_W)
        return true;
    struct page *p = pte_page(e);
    return force && p->flags & PAGE_ANON && ref_read(&p->refs) == 1;
}

/* The page at addr with a reference, if it is there in the wanted way. */
static struct page *take_present(struct mm *mm, uaddr_t addr, bool write, bool force)
{
    pte_t *entry = pmd_lookup(mm, addr);
    pte_t e = entry ? READ_ONCE(*entry) : 0;
    if (!e)
        return NULL;
    if (pte_is_table(e))
        entry = &pte_table(e)[pte_index(addr)];
    struct page *p = NULL;
    spin_lock(table_lock(entry));
    e = *entry;
    bool huge = pte_is_huge(e);
    if (pte_mapped(e) && (huge ? !write || e & PTE_W : usable(e, write, force))) {
        p = pte_page(e) + (huge ? pte_index(addr) : 0);
        page_get(p);
    }
    spin_unlock(table_lock(entry));
    return p;
}

static int check_access(const struct vm_area *a, bool write, bool force)
{
    if (a->flags & VM_SPECIAL && (write || !a->mapping))
        return -EFAULT;
    if (!write)
        return a->flags & VM_READ || (force && a->flags & VM_MAYREAD) ? 0 : -EFAULT;
    if (a->flags & VM_WRITE)
        return 0;
    return force && (a->flags & (VM_MAYWRITE | VM_SHARED)) == VM_MAYWRITE ? 0 : -EFAULT;
}

static struct vm_area *find_area(struct mm *mm, uaddr_t addr)
{
    struct vm_area *a = area_at(mm, addr);
    if (a)
        return a;
    a = vm_find(mm, addr);
    if (!a || !(a->flags & VM_GROWSDOWN))
        return NULL;
    rwsem_read_unlock(&mm->lock);
    rwsem_write_lock(&mm->lock);
    a = vm_find(mm, addr);
    if (a && a->start > addr && vm_expand_stack(a, addr))
        a = NULL;
    rwsem_downgrade(&mm->lock);
    return a;
}

static int get_page_locked(struct mm *mm, uaddr_t addr, bool write, bool force, struct page **out)
{
    struct vm_area *a = find_area(mm, addr);
    int err = a ? check_access(a, write, force) : -EFAULT;
    bool forced = write && !err && !(a->flags & VM_WRITE);
    for (u32 tries = 0; !err && tries < 64; tries++) {
        *out = take_present(mm, addr, write, forced);
        if (*out)
            return 0;
        err = fault_page(a, addr, (write ? FAULT_WRITE : 0) | (forced ? FAULT_FORCE : 0));
        if (err == -EAGAIN)
            err = 0;
    }
    return err ? err : -EFAULT;
}

static int get_page(struct mm *mm, uaddr_t addr, bool write, bool force, struct page **out)
{
    addr = ALIGN_DOWN(addr, PAGE_SIZE);
    if (addr >= USER_END)
        return -EFAULT;
    for (;;) {
        rwsem_read_lock(&mm->lock);
        int err = get_page_locked(mm, addr, write, force, out);
        rwsem_read_unlock(&mm->lock);
        if (err != -ENOMEM)
            return err;
        err = vm_out_of_memory(mm);
        if (err)
            return err == -EINTR ? -EFAULT : -ENOMEM;
    }
}

int mm_get_page(struct mm *mm, uaddr_t addr, bool write, struct page **out)
{
    return get_page(mm, addr, write, false, out);
}

ssize_t mm_access(struct mm *mm, uaddr_t addr, void *buf, size_t len, bool write, bool force)
{
    size_t done = 0;
    while (done < len) {
        struct page *p;
        uaddr_t at = addr + done;
        size_t off = at & (PAGE_SIZE - 1), n = MIN(PAGE_SIZE - off, len - done);
        if (get_page(mm, at, write, force, &p))
            break;
        if (write)
            memcpy((char *)page_addr(p) + off, (char *)buf + done, n);
        else
            memcpy((char *)buf + done, (char *)page_addr(p) + off, n);
        page_put(p);
        done += n;
        cond_resched();
    }
    return done || !len ? (ssize_t)done : -EFAULT;
}
