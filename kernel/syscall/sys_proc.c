// SPDX-License-Identifier: MIT
/* Processes: making, running, ending, waiting, groups and sessions. */
#include "abi/errno.h"
#include "abi/fcntl.h"
#include "abi/sched.h"
#include "abi/wait.h"
#include "arch/usercopy.h"
#include "fs/vfs.h"
#include "lib/string.h"
#include "proc/futex.h"
#include "proc/pidfd.h"
#include "proc/process.h"
#include "proc/ptrace.h"
#include "proc/sysv_sem.h"
#include "syscall/sys.h"

long sys_getpid(void)
{
    return current_process()->pid;
}

long sys_gettid(void)
{
    return current_thread()->tid;
}

long sys_getppid(void)
{
    rcu_read_lock();
    struct process *parent = load_acquire(&current_process()->parent);
    s32 pid = parent ? parent->pid : 0;
    rcu_read_unlock();
    return pid;
}

/* ---- clone ---- */

long sys_fork(void)
{
    const struct clone_request r = {.exit_signal = SIGCHLD};
    return process_clone(&r, user_frame());
}

long sys_vfork(void)
{
    const struct clone_request r = {.flags = CLONE_VFORK | CLONE_VM, .exit_signal = SIGCHLD};
    return process_clone(&r, user_frame());
}

static int check_tls(u64 flags, u64 tls)
{
    return (flags & CLONE_SETTLS) && tls >= USER_END ? -EPERM : 0;
}

long sys_clone(hex64_k flags, u64 stack, ptr_k parent_tid, ptr_k child_tid, u64 tls)
{
    const struct clone_request r = {
        .flags = (u32)flags & ~(u64)CSIGNAL,
        .stack = stack,
        .tls = tls,
        .parent_tid = parent_tid,
        .child_tid = child_tid,
        .pidfd = parent_tid,
        .exit_signal = (u32)flags & CSIGNAL,
    };
    if ((flags & CLONE_PIDFD) && (flags & CLONE_PARENT_SETTID))
        return -EINVAL;
    int err = check_tls(flags, tls);
    return err ? err : process_clone(&r, user_frame());
}

/* A structure that may be longer than we know it: what we do not know must be zero. */
static int copy_extensible(void *dst, size_t known, size_t least, uaddr_t src, size_t size)
{
    u8 rest[64];
    if (size < least)
        return -EINVAL;
    if (size > PAGE_SIZE)
        return -E2BIG;
    memset(dst, 0, known);
    if (copy_from_user(dst, src, MIN(size, known)))
        return -EFAULT;
    for (size_t off = known; off < size; off += sizeof(rest)) {
        size_t n = MIN(size - off, sizeof(rest));
        if (copy_from_user(rest, src + off, n))
            return -EFAULT;
        for (size_t i = 0; i < n; i++) {
            if (rest[i])
                return -E2BIG;
        }
    }
    return 0;
}

#define CLONE3_KNOWN (0x1ffffff00ull | CLONE_CLEAR_SIGHAND | CLONE_INTO_CGROUP | CLONE_NEWTIME) /* all but CSIGNAL */

static int check_clone3(const struct clone_args *a)
{
    if ((a->flags & (CSIGNAL | CLONE_DETACHED) & ~(u64)CLONE_NEWTIME) || (a->flags & ~CLONE3_KNOWN))
        return -EINVAL;
    if (a->exit_signal & ~(u64)CSIGNAL || a->exit_signal > _NSIG)
        return -EINVAL;
    if ((a->flags & (CLONE_THREAD | CLONE_PARENT)) && a->exit_signal)
        return -EINVAL;
    if ((a->flags & CLONE_CLEAR_SIGHAND) && (a->flags & CLONE_SIGHAND))
        return -EINVAL;
    if (!!a->stack != !!a->stack_size || !user_range_ok(a->stack, a->stack_size))
        return -EINVAL;
    if (a->set_tid_size > 32 || !a->set_tid != !a->set_tid_size)
        return -EINVAL;
    if (a->flags & CLONE_PIDFD && a->flags & CLONE_PARENT_SETTID && a->pidfd == a->parent_tid)
        return -EINVAL;
    return 0;
}

long sys_clone3(ptr_k args, size_t size)
{
    struct clone_args a;
    s32 wanted = 0;
    int err = copy_extensible(&a, sizeof(a), CLONE_ARGS_SIZE_VER0, args, size);
    if (!err && a.set_tid && a.set_tid_size && a.set_tid_size <= 32 && get_user_u32((u32 *)&wanted, a.set_tid))
        err = -EFAULT;
    if (!err)
        err = check_clone3(&a);
    if (!err && a.flags & CLONE_INTO_CGROUP)
        err = a.cgroup > INT32_MAX || size < CLONE_ARGS_SIZE_VER2 ? -EINVAL : -EBADF; /* there are no control groups */
    if (!err && a.set_tid_size > 1)
        err = -EINVAL; /* one number for each level of namespaces */
    if (!err)
        err = check_tls(a.flags, a.tls);
    if (err)
        return err;
    const struct clone_request r = {
        .flags = a.flags,
        .stack = a.stack + a.stack_size,
        .tls = a.tls,
        .parent_tid = a.parent_tid,
        .child_tid = a.child_tid,
        .pidfd = a.pidfd,
        .exit_signal = (u32)a.exit_signal,
        .set_tid = wanted,
        .has_set_tid = a.set_tid_size,
    };
    return process_clone(&r, user_frame());
}

/* ---- the end ---- */

long sys_exit(int code)
{
    process_exit_thread(code & 0xff);
}

long sys_exit_group(int code)
{
    process_exit_group(ABI_W_EXITCODE((u32)code, 0u));
}

static int put_usage(uaddr_t p, const struct cpu_use *u)
{
    struct rusage r;
    rusage_fill(&r, u);
    return copy_to_user(p, &r, sizeof(r));
}

static int wait_target(s32 pid, enum wait_target *kind, s32 *id)
{
    *id = pid;
    if (pid == INT32_MIN)
        return -ESRCH;
    if (pid == -1) {
        *kind = WAIT_ANY;
    } else if (pid > 0) {
        *kind = WAIT_PID;
    } else {
        *kind = WAIT_GROUP;
        *id = pid ? -pid : current_process()->pgid;
    }
    return 0;
}

long sys_wait4(pid_k pid, out_k status, int options, out_k usage)
{
    struct wait_result r;
    enum wait_target kind;
    s32 id;
    if (options & ~(WNOHANG | WUNTRACED | WCONTINUED | __WNOTHREAD | (int)__WCLONE | __WALL))
        return -EINVAL;
    int err = wait_target(pid, &kind, &id);
    if (err)
        return err;
    long ret = process_wait(kind, id, (u32)options | WEXITED, &r);
    if (ret <= 0)
        return ret;
    if (status && put_user_u32(status, r.status))
        return -EFAULT;
    return usage && put_usage(usage, &r.use) ? -EFAULT : ret;
}

static int waitid_pidfd(int fd, struct pid **out, int *options)
{
    struct file *f = fd_get(current_thread()->files, (u32)fd);
    if (!f)
        return -EBADF;
    struct pid *pid = pidfd_pid(f);
    if (pid) {
        pid_get(pid);
        *out = pid;
        if (READ_ONCE(f->flags) & O_NONBLOCK)
            *options |= WNOHANG; /* nothing there is EAGAIN then */
    }
    file_put(f);
    return pid ? 0 : -EBADF;
}

/* *pid, with a reference, for P_PIDFD only. */
static int waitid_target(int which, s32 *id, struct pid **pid, int *options, enum wait_target *kind)
{
    *pid = NULL;
    switch (which) {
    case P_ALL:
        *kind = WAIT_ANY;
        return 0;
    case P_PID:
        *kind = WAIT_PID;
        return *id > 0 ? 0 : -EINVAL;
    case P_PGID:
        *kind = WAIT_GROUP;
        if (*id < 0)
            return -EINVAL;
        if (*id == 0)
            *id = current_process()->pgid;
        return 0;
    case P_PIDFD:
        *kind = WAIT_PIDFD;
        return *id < 0 ? -EINVAL : waitid_pidfd(*id, pid, options);
    default:
        return -EINVAL;
    }
}

static int put_child_info(uaddr_t p, const struct wait_result *r, bool found)
{
    struct ksiginfo info;
    memset(&info, 0, sizeof(info));
    if (found) {
        info.si_signo = SIGCHLD;
        info.si_code = r->code;
        info.si_pid = r->pid;
        info.si_uid = r->uid;
        info.si_status = r->value;
    }
    return copy_to_user(p, &info, offsetof(struct ksiginfo, si_status) + sizeof(info.si_status));
}

long sys_waitid(int which, pid_k id, out_k out, int options, out_k usage)
{
    struct wait_result r;
    enum wait_target kind;
    struct pid *pid;
    if (options & ~(WNOHANG | WNOWAIT | WEXITED | WSTOPPED | WCONTINUED | __WNOTHREAD | (int)__WCLONE | __WALL))
        return -EINVAL;
    if (!(options & (WEXITED | WSTOPPED | WCONTINUED)))
        return -EINVAL;
    int asked = options, err = waitid_target(which, &id, &pid, &options, &kind);
    if (err)
        return err;
    long ret = pid ? process_wait_pidfd(pid, (u32)options, &r) : process_wait(kind, id, (u32)options, &r);
    if (pid)
        pid_put(pid);
    if (ret < 0)
        return ret;
    if (ret == 0 && options != asked && !(asked & WNOHANG))
        return -EAGAIN;
    if (ret > 0 && usage && put_usage(usage, &r.use))
        return -EFAULT;
    return out && put_child_info(out, &r, ret > 0) ? -EFAULT : 0;
}

/* ---- groups and sessions ---- */

long sys_setpgid(pid_k pid, pid_k pgid)
{
    return process_setpgid(pid, pgid);
}

static long of_process(pid_k pid, size_t field)
{
    if (pid == 0)
        return *(const s32 *)(const void *)((const char *)current_process() + field);
    struct process *p = process_find(pid);
    if (!p)
        return -ESRCH;
    s32 v = *(const s32 *)(const void *)((const char *)p + field);
    process_put(p);
    return v;
}

long sys_getpgid(pid_k pid)
{
    return of_process(pid, offsetof(struct process, pgid));
}

long sys_getsid(pid_k pid)
{
    return of_process(pid, offsetof(struct process, sid));
}

long sys_getpgrp(void)
{
    return current_process()->pgid;
}

long sys_setsid(void)
{
    return process_setsid();
}

/* ---- what a thread leaves behind ---- */

long sys_set_tid_address(ptr_k addr)
{
    current_thread()->clear_child_tid = addr;
    return current_thread()->tid;
}

long sys_set_robust_list(ptr_k head, size_t len)
{
    if (len != sizeof(struct robust_list_head))
        return -EINVAL;
    current_thread()->robust_list = head;
    return 0;
}

long sys_get_robust_list(pid_k pid, out_k head, out_k len)
{
    struct thread *t = current_thread();
    uaddr_t list = t->robust_list;
    if (pid && pid != t->tid) {
        struct process *p;
        struct thread *other = thread_find_process(pid, &p);
        if (!other)
            return -ESRCH;
        bool may = process_may_trace(p);
        list = other->robust_list;
        thread_put(other);
        process_put(p);
        if (!may)
            return -EPERM;
    }
    if (put_user_u64(len, sizeof(struct robust_list_head)) || put_user_u64(head, list))
        return -EFAULT;
    return 0;
}

long sys_ptrace(u64 request, int tid, addr_k addr, u64 data)
{
    return ptrace_request(request, tid, addr, data);
}
