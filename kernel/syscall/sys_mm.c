// SPDX-License-Identifier: MIT
/* Memory calls: thin doors onto vm/mm.h. Capabilities are looked up here and passed down as booleans. */
#include "abi/errno.h"
#include "abi/mman.h"
#include "fs/vfs.h"
#include "proc/cred.h"
#include "proc/pidfd.h"
#include "proc/process.h"
#include "syscall/sys.h"
#include "vm/mm.h"
#include "vm/uio.h"

static inline struct mm *my_mm(void)
{
    return current_thread()->mm;
}

/* The file's part of a mapping; *out has to be put after vm_map, which takes references of its own. */
static int fill_from_file(struct vm_map_args *args, u64 fd, struct file **out)
{
    struct file *f = fd_get(current_thread()->files, (u32)fd);
    if (!f)
        return -EBADF;
    int err = f->fmode & FMODE_PATH ? -EBADF : 0;
    if (!err)
        err = args->flags & MAP_HUGETLB ? -EINVAL : vm_map_check(my_mm(), args);
    if (!err)
        err = file_mmap(f, args);
    if (err)
        file_put(f);
    else
        *out = f;
    return err;
}

long sys_mmap(u64 addr, u64 len, prot_k prot, map_k flags, u64 fd, u64 off)
{
    struct vm_map_args args = {
        .addr = addr,
        .len = len,
        .prot = (u32)prot & (PROT_READ | PROT_WRITE | PROT_EXEC),
        .flags = (u32)flags,
        .pgoff = off >> PAGE_SHIFT,
        .cap_lock = capable(CAP_IPC_LOCK),
        .cap_rawio = capable(CAP_SYS_RAWIO),
    };
    struct file *file = NULL;
    if (off & (PAGE_SIZE - 1))
        return -EINVAL;
    if (!(flags & MAP_ANONYMOUS)) {
        int err = fill_from_file(&args, fd, &file);
        if (err)
            return err;
    }
    uaddr_t at;
    int err = vm_map(my_mm(), &args, &at);
    if (file)
        file_put(file);
    return err ? err : (long)at;
}

long sys_munmap(u64 addr, u64 len)
{
    return vm_unmap(my_mm(), addr, len);
}

long sys_mprotect(u64 addr, u64 len, prot_k prot)
{
    return prot >> 32 ? -EINVAL : vm_protect(my_mm(), addr, len, (u32)prot);
}

long sys_mremap(u64 old, u64 old_len, u64 new_len, hex64_k flags, u64 addr)
{
    uaddr_t at = 0;
    int err =
        flags >> 32 ? -EINVAL : vm_remap(my_mm(), old, old_len, new_len, (u32)flags, addr, capable(CAP_IPC_LOCK), &at);
    return err ? err : (long)at;
}

long sys_brk(u64 brk)
{
    uaddr_t now;
    vm_brk(my_mm(), brk, capable(CAP_IPC_LOCK), &now);
    return (long)now;
}

long sys_madvise(u64 addr, u64 len, int advice)
{
    return vm_advise(my_mm(), addr, len, advice);
}

/* ---- of another process ---- */

static bool for_others(int advice)
{
    return advice == MADV_COLD || advice == MADV_PAGEOUT || advice == MADV_WILLNEED || advice == MADV_COLLAPSE;
}

/* One's own memory takes all advice; another's is for CAP_SYS_NICE, and hints only. */
static int advised_mm(int pidfd, int advice, struct mm **out)
{
    int err;
    struct process *p = pidfd_process(pidfd, &err);
    if (!p)
        return err;
    err = process_mm_to_trace(p, out);
    process_put(p);
    if (err || !*out)
        return err ? -EPERM : -ESRCH;
    if (*out != my_mm())
        err = !for_others(advice) ? -EINVAL : capable(CAP_SYS_NICE) ? 0 : -EPERM;
    if (err)
        mm_put_user(*out);
    return err;
}

/* Bytes advised; an error counts when it comes first. */
static long advise_pieces(struct mm *mm, const struct uio *u, int advice)
{
    long done = 0;
    for (u32 i = 0; i < u->nsegs; i++) {
        int err = vm_advise(mm, u->segs[i].base, u->segs[i].len, advice);
        if (err)
            return done ? done : err;
        done += (long)u->segs[i].len;
    }
    return done;
}

long sys_process_madvise(fd_k pidfd, ptr_k vec, u64 count, int advice, u32 flags)
{
    struct uio u;
    struct mm *mm = NULL;
    if (flags)
        return -EINVAL;
    int err = uio_init_iovec(&u, vec, count);
    if (err)
        return err;
    long ret = advised_mm(pidfd, advice, &mm);
    if (!ret) {
        ret = advise_pieces(mm, &u, advice);
        mm_put_user(mm);
    }
    uio_free(&u);
    return ret;
}

long sys_remap_file_pages(addr_k addr, u64 len, prot_k prot, u64 pgoff, map_k flags)
{
    return prot ? -EINVAL : vm_rearrange(my_mm(), addr, len, 0, pgoff, (u32)flags);
}

long sys_mincore(u64 addr, u64 len, out_k vec)
{
    return vm_incore(my_mm(), addr, len, vec);
}

long sys_msync(u64 addr, u64 len, int flags)
{
    return vm_sync(my_mm(), addr, len, (u32)flags);
}

long sys_mlock(u64 addr, u64 len)
{
    return vm_lock(my_mm(), addr, len, 0, capable(CAP_IPC_LOCK));
}

long sys_mlock2(u64 addr, u64 len, int flags)
{
    return vm_lock(my_mm(), addr, len, (u32)flags, capable(CAP_IPC_LOCK));
}

long sys_munlock(u64 addr, u64 len)
{
    return vm_unlock(my_mm(), addr, len);
}

long sys_mlockall(int flags)
{
    return flags ? vm_lock_all(my_mm(), (u32)flags, capable(CAP_IPC_LOCK)) : -EINVAL;
}

long sys_munlockall(void)
{
    return vm_lock_all(my_mm(), 0, true);
}
