// SPDX-License-Identifier: MIT
/* System V semaphores: a thin door onto proc/sysv_sem.h. */
#include "abi/errno.h"
#include "arch/usercopy.h"
#include "mem/slab.h"
#include "proc/sysv_sem.h"
#include "syscall/sys.h"
#include "syscall/timespec.h"

#define FEW_OPS 16u

long sys_semget(int key, int count, hex_k flags)
{
    return sem_get(key, count, flags);
}

long sys_semtimedop(int id, ptr_k ops, u32 count, timespec_k timeout)
{
    struct sembuf few[FEW_OPS], *all = few;
    ns_t wait = NS_FOREVER;
    int err = timeout ? timespec_get(timeout, &wait) : 0;
    if (err == -EFAULT)
        return err;
    if (count > sem_ops_max())
        return -E2BIG;
    if (count < 1)
        return -EINVAL;
    if (count > FEW_OPS && !(all = kmalloc(count * sizeof(*all), MEM_WAIT)))
        return -ENOMEM;
    if (copy_from_user(all, ops, count * sizeof(*all)))
        err = -EFAULT;
    else if (!err)
        err = sem_operate(id, all, count, deadline_after(wait));
    if (all != few)
        kfree(all);
    return err;
}

long sys_semop(int id, ptr_k ops, u32 count)
{
    return sys_semtimedop(id, ops, count, 0);
}

/* GETALL and SETALL. */
static long all_values(int id, bool set, uaddr_t array)
{
    int n = sem_count(id, set ? 0222 : 0444);
    if (n < 0)
        return n;
    u16 *values = kmalloc((size_t)n * sizeof(u16), MEM_WAIT);
    if (!values)
        return -ENOMEM;
    int err = set ? copy_from_user(values, array, (size_t)n * sizeof(u16)) : 0;
    for (int i = 0; set && !err && i < n; i++) {
        if (values[i] > SEM_VALUE_MAX)
            err = -ERANGE;
    }
    if (!err)
        err = sem_all(id, values, (u32)n, set);
    if (!err && !set)
        err = copy_to_user(array, values, (size_t)n * sizeof(u16));
    kfree(values);
    return err;
}

static long stat(int id, int cmd, uaddr_t buf)
{
    struct semid64_ds ds;
    int n = sem_stat(id, cmd, &ds);
    return n >= 0 && copy_to_user(buf, &ds, sizeof(ds)) ? -EFAULT : n;
}

static long info(int cmd, uaddr_t buf)
{
    struct seminfo i;
    int n = sem_info(cmd, &i);
    return copy_to_user(buf, &i, sizeof(i)) ? -EFAULT : n;
}

long sys_semctl(int id, int num, int cmd, u64 arg)
{
    struct semid64_ds ds;
    if (id < 0)
        return -EINVAL;
    switch (cmd) {
    case IPC_INFO:
    case SEM_INFO:
        return info(cmd, arg);
    case IPC_STAT:
    case SEM_STAT:
    case SEM_STAT_ANY:
        return stat(id, cmd, arg);
    case GETALL:
    case SETALL:
        return all_values(id, cmd == SETALL, arg);
    case GETVAL:
    case GETPID:
    case GETNCNT:
    case GETZCNT:
        return sem_ask(id, (u32)num, cmd);
    case SETVAL:
        return sem_set_value(id, (u32)num, (int)arg);
    case IPC_SET:
        return copy_from_user(&ds, arg, sizeof(ds)) ? -EFAULT : sem_set(id, &ds);
    case IPC_RMID:
        return sem_remove(id);
    default:
        return -EINVAL;
    }
}
