// SPDX-License-Identifier: MIT
/*
 * Memory policies, on a machine with one memory node: every page comes from it whatever the policy, so a thread's is kept
 * only to be told, and inherited, as Linux would. mbind is checked and forgotten.
 */
#include "abi/errno.h"
#include "arch/usercopy.h"
#include "mem/slab.h"
#include "proc/process.h"
#include "syscall/sys.h"
#include "vm/mm.h"

#include <linux/capability.h>
#include <linux/mempolicy.h>

#define MAX_NODES 1024 /* no kernel of a distribution has more */
#define MBIND_FLAGS (MPOL_MF_STRICT | MPOL_MF_MOVE | MPOL_MF_MOVE_ALL)

static bool has_nodes(u32 policy)
{
    u32 mode = policy & ~(u32)MPOL_MODE_FLAGS;
    return mode != MPOL_DEFAULT && mode != MPOL_LOCAL;
}

/* Reads a mask of `max` - 1 nodes: 1 when it holds some, *node when the only one there is is among them. */
static int read_nodes(uaddr_t nodes, u64 max, bool *node)
{
    *node = false;
    if (!nodes || max <= 1)
        return 0;
    max--;
    if (max > PAGE_SIZE * 8)
        return -EINVAL;
    bool some = false;
    for (u64 at = 0; at < max; at += 64) {
        u64 word;
        if (get_user_u64(&word, nodes + at / 8))
            return -EFAULT;
        if (max - at < 64)
            word &= (1ull << (max - at)) - 1;
        if (at == 0)
            *node = word & 1;
        if (at >= MAX_NODES && word)
            return -EINVAL;
        some |= word != 0;
    }
    return some;
}

/* As read_nodes(), for a mode that there is. */
static int read_mode(int mode, uaddr_t nodes, u64 max, bool *node)
{
    const u32 both = MPOL_F_STATIC_NODES | MPOL_F_RELATIVE_NODES;
    u32 kind = (u32)mode & ~(u32)MPOL_MODE_FLAGS;
    if (kind >= MPOL_MAX || ((u32)mode & both) == both)
        return -EINVAL;
    if ((mode & MPOL_F_NUMA_BALANCING) && kind != MPOL_BIND)
        return -EINVAL;
    return read_nodes(nodes, max, node);
}

/* The policy as it is kept, or an error. */
static int make_policy(int mode, bool some, bool node)
{
    u32 kind = (u32)mode & ~(u32)MPOL_MODE_FLAGS, flags = (u32)mode & MPOL_MODE_FLAGS;
    if (kind == MPOL_DEFAULT)
        return some ? -EINVAL : MPOL_DEFAULT;
    if (kind == MPOL_LOCAL || (kind == MPOL_PREFERRED && !some))
        return some || flags ? -EINVAL : MPOL_LOCAL;
    return node ? (int)(kind | flags) : -EINVAL;
}

long sys_set_mempolicy(int mode, ptr_k nodes, u64 max)
{
    bool node;
    int some = read_mode(mode, nodes, max, &node), policy = some < 0 ? some : make_policy(mode, some, node);
    if (policy < 0)
        return policy;
    current_thread()->mempolicy = (u16)policy;
    return 0;
}

static long is_mapped(u64 addr)
{
    struct mm *mm = current_thread()->mm;
    rwsem_read_lock(&mm->lock);
    struct vm_area *a = vm_find(mm, addr);
    bool mapped = a && a->start <= addr;
    rwsem_read_unlock(&mm->lock);
    return mapped ? 0 : -EFAULT;
}

static long is_all_mapped(u64 addr, u64 end)
{
    struct mm *mm = current_thread()->mm;
    rwsem_read_lock(&mm->lock);
    struct vm_area *a = vm_find(mm, addr);
    while (a && a->start <= addr && a->end < end) {
        addr = a->end;
        a = vm_next(a);
    }
    bool mapped = a && a->start <= addr;
    rwsem_read_unlock(&mm->lock);
    return mapped ? 0 : -EFAULT;
}

long sys_mbind(u64 addr, u64 len, int mode, ptr_k nodes, u64 max, u32 flags)
{
    u64 end = addr + ALIGN_UP(len, PAGE_SIZE);
    bool node;
    int some = read_mode(mode, nodes, max, &node);
    if (some < 0)
        return some;
    if (flags & ~(u32)MBIND_FLAGS)
        return -EINVAL;
    if ((flags & MPOL_MF_MOVE_ALL) && !capable(CAP_SYS_NICE))
        return -EPERM;
    if (addr % PAGE_SIZE || end < addr)
        return -EINVAL;
    if (end == addr)
        return 0;
    int policy = make_policy(mode, some, node);
    if (policy < 0)
        return policy;
    return policy == MPOL_DEFAULT ? 0 : is_all_mapped(addr, end);
}

/* `max` - 1 bits, in whole words. */
static long write_nodes(uaddr_t nodes, u64 max, bool node)
{
    u64 words = (max + 62) / 64;
    if (words * 8 > PAGE_SIZE)
        return -EINVAL;
    for (u64 i = 0; i < words; i++)
        if (put_user_u64(nodes + i * 8, i ? 0 : node))
            return -EFAULT;
    return 0;
}

/* What *mode is to be: the policy, or with MPOL_F_NODE the node that a page is on or the next one will be. */
static long answer(u64 addr, u64 flags, u32 *out)
{
    u32 policy = current_thread()->mempolicy;
    if (flags & MPOL_F_ADDR) {
        long err = is_mapped(addr);
        *out = flags & MPOL_F_NODE ? 0 : MPOL_DEFAULT;
        return err;
    }
    if (addr || ((flags & MPOL_F_NODE) && (policy & ~(u32)MPOL_MODE_FLAGS) != MPOL_INTERLEAVE))
        return -EINVAL;
    *out = flags & MPOL_F_NODE ? 0 : policy;
    return 0;
}

long sys_get_mempolicy(out_k mode, out_k nodes, u64 max, u64 addr, u64 flags)
{
    u32 policy = MPOL_DEFAULT;
    bool node = true;
    if ((flags & ~(u64)(MPOL_F_NODE | MPOL_F_ADDR | MPOL_F_MEMS_ALLOWED)) || (nodes && max < 1))
        return -EINVAL;
    if (flags & MPOL_F_MEMS_ALLOWED) {
        if (flags != MPOL_F_MEMS_ALLOWED)
            return -EINVAL;
    } else {
        long err = answer(addr, flags, &policy);
        if (err)
            return err;
        node = !(flags & MPOL_F_ADDR) && has_nodes(current_thread()->mempolicy);
    }
    if (mode && put_user_u32(mode, policy))
        return -EFAULT;
    return nodes ? write_nodes(nodes, max, node) : 0;
}
