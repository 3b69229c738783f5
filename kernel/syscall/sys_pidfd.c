// SPDX-License-Identifier: MIT
/* Calls on descriptors that stand for a process (proc/pidfd.c). */
#include "proc/pidfd.h"
#include "proc/process.h"
#include "proc/procfs.h"
#include "syscall/fd.h"
#include "syscall/sys.h"

long sys_pidfd_open(pid_k pid, u32 flags)
{
    struct file *f;
    if ((flags & ~(u32)O_NONBLOCK) || pid <= 0)
        return -EINVAL;
    struct pid *p = pid_find_get(pid);
    if (!p)
        return -ESRCH;
    int err = p->process ? pidfd_file(p, flags & O_NONBLOCK, &f) : -EINVAL;
    pid_put(p);
    return err ? err : fd_install_new(f, true);
}

/* The file `fd` of p, as its debugger may see it. */
static int borrow_fd(struct process *p, int fd, struct file **out)
{
    if (!process_may_trace(p))
        return -EPERM;
    struct thread *t = process_thread_get(p);
    if (!t)
        return -ESRCH;
    struct fdtable *files = process_files_get(t);
    *out = files ? fd_get(files, (u32)fd) : NULL;
    if (files)
        fdtable_put(files);
    thread_put(t);
    return *out ? 0 : -EBADF;
}

long sys_pidfd_getfd(fd_k pidfd, fd_k fd, u32 flags)
{
    struct file *f = NULL;
    int err;
    if (flags)
        return -EINVAL;
    struct process *p = pidfd_process(pidfd, &err);
    if (!p)
        return err;
    err = borrow_fd(p, fd, &f);
    process_put(p);
    return err ? err : fd_install_new(f, true);
}

/* As pidfd_process, or by an open folder /proc/PID: the way before there were pidfds. */
static struct process *signalled_process(int fd, int *err)
{
    struct process *p = pidfd_process(fd, err);
    if (p || *err != -EBADF)
        return p;
    struct file *f = fd_get(current_thread()->files, (u32)fd);
    if (!f)
        return NULL;
    p = procfs_folder_process(f, err);
    file_put(f);
    return p;
}

long sys_pidfd_send_signal(fd_k pidfd, sig_k sig, ptr_k info, u32 flags)
{
    struct ksiginfo si;
    int err;
    if (flags)
        return -EINVAL;
    struct process *p = signalled_process(pidfd, &err);
    if (!p)
        return err;
    siginfo_init_user(&si, sig, SI_USER);
    err = sig < 0 || sig > _NSIG ? -EINVAL : 0;
    if (!err && info) {
        err = siginfo_from_user(&si, info);
        if (!err && si.si_signo != sig)
            err = -EINVAL;
        if (!err && (si.si_code >= 0 || si.si_code == SI_TKILL) && p != current_process())
            err = -EPERM;
    }
    if (!err && !signal_may_kill(p, sig))
        err = -EPERM;
    if (!err && sig)
        err = signal_send_process(p, sig, &si);
    process_put(p);
    return err;
}
