// SPDX-License-Identifier: MIT
/*
 * prctl(PR_SET_MM): where a program says its code, data, break, stack, arguments and environment are, as its checkpointer
 * restores it; its auxiliary vector. All of it is told back by /proc; only the break means anything to the kernel. A single
 * value is for CAP_SYS_RESOURCE, the whole structure for everyone, the file of its program (exe_fd) for
 * nobody: another one is refused as Linux does while the old one is mapped.
 */
#include "syscall/prctl_mm.h"

#include "abi/errno.h"
#include "abi/prctl.h"
#include "abi/stat.h"
#include "arch/usercopy.h"
#include "lib/string.h"
#include "proc/cred.h"
#include "syscall/fd.h"
#include "vm/mm.h"

#define LOWEST 65536u /* vm.mmap_min_addr */

/* The values, in the order of struct prctl_mm_map. */
#define VALUES 11u
_Static_assert(offsetof(struct prctl_mm_map, env_end) == (VALUES - 1) * sizeof(u64), "struct prctl_mm_map");

static void get_values(const struct mm *mm, struct prctl_mm_map *m)
{
    *m = (struct prctl_mm_map){
        .start_code = mm->code_start,
        .end_code = mm->code_end,
        .start_data = mm->data_start,
        .end_data = mm->data_end,
        .start_brk = mm->brk_start,
        .brk = mm->brk,
        .start_stack = mm->stack_start,
        .arg_start = mm->arg_start,
        .arg_end = mm->arg_end,
        .env_start = mm->env_start,
        .env_end = mm->env_end,
    };
}

static void set_values(struct mm *mm, const struct prctl_mm_map *m)
{
    mm->code_start = m->start_code;
    mm->code_end = m->end_code;
    mm->data_start = m->start_data;
    mm->data_end = m->end_data;
    mm->brk_start = m->start_brk;
    mm->brk = m->brk;
    mm->stack_start = m->start_stack;
    mm->arg_start = m->arg_start;
    mm->arg_end = m->arg_end;
    mm->env_start = m->env_start;
    mm->env_end = m->env_end;
}

static bool are_valid(const struct mm *mm, const struct prctl_mm_map *m)
{
    const u64 *v = (const u64 *)m;
    for (u32 i = 0; i < VALUES; i++) {
        if (v[i] < LOWEST || v[i] >= USER_END)
            return false;
    }
    if (m->start_code >= m->end_code || m->start_data > m->end_data || m->start_brk > m->brk ||
        m->arg_start > m->arg_end || m->env_start > m->env_end)
        return false;
    return mm->rlim_data == ~0ul || m->brk - m->start_brk + m->end_data - m->start_data <= mm->rlim_data;
}

/* The value that `what` names; NULL: none. *stack: something must be mapped there, or above. */
static __u64 *value_of(struct prctl_mm_map *m, u64 what, bool *stack)
{
    *stack = what == PR_SET_MM_START_STACK || (what >= PR_SET_MM_ARG_START && what <= PR_SET_MM_ENV_END);
    switch (what) {
    case PR_SET_MM_START_CODE:
        return &m->start_code;
    case PR_SET_MM_END_CODE:
        return &m->end_code;
    case PR_SET_MM_START_DATA:
        return &m->start_data;
    case PR_SET_MM_END_DATA:
        return &m->end_data;
    case PR_SET_MM_START_STACK:
        return &m->start_stack;
    case PR_SET_MM_START_BRK:
        return &m->start_brk;
    case PR_SET_MM_BRK:
        return &m->brk;
    case PR_SET_MM_ARG_START:
        return &m->arg_start;
    case PR_SET_MM_ARG_END:
        return &m->arg_end;
    case PR_SET_MM_ENV_START:
        return &m->env_start;
    case PR_SET_MM_ENV_END:
        return &m->env_end;
    default:
        return NULL;
    }
}

static long set_one(struct mm *mm, u64 what, uaddr_t addr)
{
    struct prctl_mm_map m;
    bool stack;
    __u64 *value = value_of(&m, what, &stack);
    if (!value || addr >= USER_END || addr < LOWEST)
        return -EINVAL;
    int err = rwsem_write_lock_killable(&mm->lock);
    if (err)
        return err;
    get_values(mm, &m);
    *value = addr;
    if (!are_valid(mm, &m))
        err = -EINVAL;
    else if (stack && !vm_find(mm, addr))
        err = -EFAULT;
    else
        set_values(mm, &m);
    rwsem_write_unlock(&mm->lock);
    return err;
}

/* From user memory; the last entry ends the vector whatever was given. */
static int read_auxv(const struct mm *mm, u64 *v, uaddr_t from, size_t size)
{
    memset(v, 0, sizeof(mm->auxv));
    if (copy_from_user(v, from, size))
        return -EFAULT;
    v[ARRAY_SIZE(mm->auxv) - 2] = v[ARRAY_SIZE(mm->auxv) - 1] = 0;
    return 0;
}

/* `size` bytes of v replace the beginning. */
static void put_auxv(struct mm *mm, const u64 *v, size_t size)
{
    memcpy(mm->auxv, v, size);
    mm->auxv[ARRAY_SIZE(mm->auxv) - 2] = mm->auxv[ARRAY_SIZE(mm->auxv) - 1] = 0;
    u32 n = 0;
    while (n < ARRAY_SIZE(mm->auxv) && mm->auxv[n])
        n += 2;
    mm->auxv_len = n + 2;
}

static long set_auxv(struct mm *mm, uaddr_t from, size_t size)
{
    u64 v[ARRAY_SIZE(mm->auxv)];
    if (size > sizeof(v))
        return -EINVAL;
    int err = read_auxv(mm, v, from, size);
    if (!err)
        err = rwsem_write_lock_killable(&mm->lock);
    if (err)
        return err;
    put_auxv(mm, v, size);
    rwsem_write_unlock(&mm->lock);
    return 0;
}

/* What the process runs is mapped, and so it stays. */
static int set_exe(u32 fd)
{
    struct fd_ref r = fd_take(fd);
    if (!r.file)
        return -EBADF;
    int err = S_ISREG(r.file->inode->mode) ? -EBUSY : -EACCES;
    fd_return(r);
    return err;
}

static long set_all(struct mm *mm, uaddr_t from, size_t size)
{
    struct prctl_mm_map m;
    u64 v[ARRAY_SIZE(mm->auxv)];
    if (size != sizeof(m))
        return -EINVAL;
    if (copy_from_user(&m, from, sizeof(m)))
        return -EFAULT;
    if (!are_valid(mm, &m) || (m.auxv_size && (!m.auxv || m.auxv_size > sizeof(v))))
        return -EINVAL;
    int err = m.auxv_size ? read_auxv(mm, v, (uaddr_t)m.auxv, m.auxv_size) : 0;
    if (!err && m.exe_fd != (u32)-1)
        err = capable(CAP_CHECKPOINT_RESTORE) || capable(CAP_SYS_ADMIN) ? set_exe(m.exe_fd) : -EPERM;
    if (!err)
        err = rwsem_write_lock_killable(&mm->lock);
    if (err)
        return err;
    set_values(mm, &m);
    if (m.auxv_size)
        put_auxv(mm, v, sizeof(v));
    rwsem_write_unlock(&mm->lock);
    return 0;
}

long prctl_set_mm(u64 what, uaddr_t addr, u64 a4, u64 a5)
{
    struct mm *mm = current_thread()->mm;
    if (a5 || (a4 && what != PR_SET_MM_AUXV && what != PR_SET_MM_MAP && what != PR_SET_MM_MAP_SIZE))
        return -EINVAL;
    if (what == PR_SET_MM_MAP_SIZE)
        return put_user_u32(addr, sizeof(struct prctl_mm_map));
    if (what == PR_SET_MM_MAP)
        return set_all(mm, addr, a4);
    if (!capable(CAP_SYS_RESOURCE))
        return -EPERM;
    if (what == PR_SET_MM_AUXV)
        return set_auxv(mm, addr, a4);
    if (what == PR_SET_MM_EXE_FILE)
        return set_exe((u32)addr);
    return set_one(mm, what, addr);
}
