// SPDX-License-Identifier: MIT
/* unshare(2), setns(2), over proc/namespaces.h. */
#include "abi/errno.h"
#include "abi/sched.h"
#include "fs/vfs.h"
#include "proc/namespaces.h"
#include "proc/pidfd.h"
#include "proc/sysv_sem.h"
#include "syscall/sys.h"

#define KINDS                                                                                                          \
    ((u64)(CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWCGROUP | \
           CLONE_NEWTIME))

long sys_unshare(hex64_k flags)
{
    const u64 of_group = CLONE_THREAD | CLONE_SIGHAND | CLONE_VM;
    const u64 known = of_group | CLONE_FS | CLONE_FILES | CLONE_SYSVSEM | KINDS;
    struct thread *t = current_thread();
    if (flags & ~known)
        return -EINVAL;
    if ((flags & of_group) && current_process()->thread_count > 1)
        return -EINVAL;
    int err = namespaces_may_make(flags);
    if (!err)
        err = namespaces_unshare(flags);
    if (err)
        return err;
    if (flags & CLONE_SYSVSEM)
        sem_leave(t);
    return flags & CLONE_FILES ? process_unshare_files(t) : 0;
}

static long enter_of_process(struct pid *pid, u64 kinds)
{
    if (!kinds || (kinds & ~KINDS))
        return -EINVAL;
    rcu_read_lock();
    struct process *p = load_acquire(&pid->process);
    if (p && !ref_get_unless_zero(&p->refs))
        p = NULL;
    rcu_read_unlock();
    if (!p)
        return -ESRCH;
    int err = process_may_trace(p) ? namespaces_enter_all(p, kinds) : -EPERM;
    process_put(p);
    return err;
}

long sys_setns(fd_k fd, int type)
{
    struct file *f = fd_get(current_thread()->files, (u32)fd);
    if (!f || f->fmode & FMODE_PATH) {
        if (f)
            file_put(f);
        return -EBADF;
    }
    struct ns *ns = nsfs_ns(f->inode);
    struct pid *pid = pidfd_pid(f);
    long err = -EINVAL;
    if (ns && (!type || (u32)type == ns->kind))
        err = namespaces_enter(ns);
    else if (pid)
        err = enter_of_process(pid, (u32)type);
    file_put(f);
    return err;
}
