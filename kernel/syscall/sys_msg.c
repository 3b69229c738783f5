// SPDX-License-Identifier: MIT
/* System V message queues: a thin door onto proc/sysv_msg.h. */
#include "abi/errno.h"
#include "arch/usercopy.h"
#include "mem/slab.h"
#include "proc/sysv_msg.h"
#include "syscall/sys.h"

long sys_msgget(int key, hex_k flags)
{
    return msg_get(key, flags);
}

long sys_msgsnd(int id, ptr_k buf, size_t size, hex_k flags)
{
    u64 type;
    if (get_user_u64(&type, buf))
        return -EFAULT;
    if (id < 0 || (s64)type < 1 || msg_check_size(size))
        return -EINVAL;
    struct ipc_message *m = msg_alloc((s64)type, size);
    if (!m)
        return -ENOMEM;
    int err = copy_from_user(m->text, buf + sizeof(type), size);
    if (!err)
        err = msg_send(id, m, flags);
    if (err)
        kfree(m);
    return err;
}

long sys_msgrcv(int id, ptr_k buf, size_t size, s64 type, hex_k flags)
{
    struct ipc_message *m;
    if (id < 0 || (s64)size < 0)
        return -EINVAL;
    if ((flags & MSG_COPY) && ((flags & MSG_EXCEPT) || !(flags & IPC_NOWAIT)))
        return -EINVAL;
    int err = msg_receive(id, size, type, flags, &m);
    if (err)
        return err;
    size_t n = MIN(size, m->size);
    err = put_user_u64(buf, (u64)m->type);
    if (!err)
        err = copy_to_user(buf + sizeof(u64), m->text, n);
    kfree(m);
    return err ? err : (long)n;
}

static long stat(int id, int cmd, uaddr_t buf)
{
    struct msqid64_ds ds;
    int n = msg_stat(id, cmd, &ds);
    return n >= 0 && copy_to_user(buf, &ds, sizeof(ds)) ? -EFAULT : n;
}

static long info(int cmd, uaddr_t buf)
{
    struct msginfo i;
    int n = msg_info(cmd, &i);
    return copy_to_user(buf, &i, sizeof(i)) ? -EFAULT : n;
}

long sys_msgctl(int id, int cmd, ptr_k buf)
{
    struct msqid64_ds ds;
    if (id < 0 || cmd < 0)
        return -EINVAL;
    switch (cmd) {
    case IPC_INFO:
    case MSG_INFO:
        return info(cmd, buf);
    case IPC_STAT:
    case MSG_STAT:
    case MSG_STAT_ANY:
        return stat(id, cmd, buf);
    case IPC_SET:
        return copy_from_user(&ds, buf, sizeof(ds)) ? -EFAULT : msg_set(id, &ds);
    case IPC_RMID:
        return msg_remove(id);
    default:
        return -EINVAL;
    }
}
