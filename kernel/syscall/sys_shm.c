// SPDX-License-Identifier: MIT
/* System V shared memory: a thin door onto proc/sysv_shm.h. */
#include "abi/errno.h"
#include "arch/usercopy.h"
#include "proc/sysv_shm.h"
#include "syscall/sys.h"

long sys_shmget(int key, size_t size, hex_k flags)
{
    return shm_get(key, size, flags);
}

long sys_shmat(int id, addr_k addr, hex_k flags)
{
    uaddr_t at;
    int err = shm_attach(id, addr, flags, &at);
    return err ? err : (long)at;
}

long sys_shmdt(addr_k addr)
{
    return shm_detach(addr);
}

static long stat(int id, int cmd, uaddr_t buf)
{
    struct shmid64_ds ds;
    int n = shm_stat(id, cmd, &ds);
    return n >= 0 && copy_to_user(buf, &ds, sizeof(ds)) ? -EFAULT : n;
}

static long limits(uaddr_t buf)
{
    struct shminfo64 info;
    int n = shm_limits(&info);
    return copy_to_user(buf, &info, sizeof(info)) ? -EFAULT : n;
}

static long info(uaddr_t buf)
{
    struct shm_info i;
    int n = shm_info(&i);
    return copy_to_user(buf, &i, sizeof(i)) ? -EFAULT : n;
}

long sys_shmctl(int id, int cmd, ptr_k buf)
{
    struct shmid64_ds ds;
    if (cmd < 0 || id < 0)
        return -EINVAL;
    switch (cmd) {
    case IPC_INFO:
        return limits(buf);
    case SHM_INFO:
        return info(buf);
    case IPC_STAT:
    case SHM_STAT:
    case SHM_STAT_ANY:
        return stat(id, cmd, buf);
    case IPC_SET:
        return copy_from_user(&ds, buf, sizeof(ds)) ? -EFAULT : shm_set(id, &ds);
    case IPC_RMID:
        return shm_remove(id);
    case SHM_LOCK:
    case SHM_UNLOCK:
        return shm_lock(id, cmd == SHM_LOCK);
    default:
        return -EINVAL;
    }
}
