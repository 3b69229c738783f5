// SPDX-License-Identifier: MIT
/* kcmp(2): do two threads share an object of the kernel? Addresses are compared only after they were scrambled. */
#include "abi/errno.h"
#include "arch/usercopy.h"
#include "drivers/random.h"
#include "fs/epoll.h"
#include "proc/process.h"
#include "syscall/sys.h"

#include <linux/kcmp.h>

/* Random and odd, and the same for all who ask. */
static u64 once(u64 *value)
{
    u64 v = READ_ONCE(*value), new;
    if (v)
        return v;
    random_bytes(&new, sizeof(new));
    new |= 1;
    return __atomic_compare_exchange_n(value, &v, new, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED) ? new : v;
}

static int compare(const void *a, const void *b)
{
    static u64 secret[2];
    u64 mask = once(&secret[0]), factor = once(&secret[1]), x = ((u64)a ^ mask) * factor, y = ((u64)b ^ mask) * factor;
    return x == y ? 0 : x < y ? 1 : 2;
}

static struct file *file_of(struct thread *t, u64 fd)
{
    struct fdtable *files = fd >> 32 ? NULL : process_files_get(t);
    struct file *f = files ? fd_get(files, (u32)fd) : NULL;
    if (files)
        fdtable_put(files);
    return f;
}

static int file_pointer(struct thread *t, u64 fd, const void **out)
{
    struct file *f = file_of(t, fd);
    *out = f;
    if (f)
        file_put(f);
    return f ? 0 : -EBADF;
}

static int watched_pointer(struct thread *t, uaddr_t slot, const void **out)
{
    struct kcmp_epoll_slot s;
    if (copy_from_user(&s, slot, sizeof(s)))
        return -EFAULT;
    struct file *ep = file_of(t, s.efd);
    if (!ep)
        return -EBADF;
    int err = epoll_target(ep, s.tfd, s.toff, out);
    file_put(ep);
    return err;
}

static int compare_epoll(struct thread *a, u64 fd, struct thread *b, uaddr_t slot)
{
    const void *x, *y;
    int err = watched_pointer(b, slot, &y);
    if (!err)
        err = file_pointer(a, fd, &x);
    return err ? err : compare(x, y);
}

static int compare_files(struct thread *a, u64 fd1, struct thread *b, u64 fd2)
{
    const void *x, *y;
    int err = file_pointer(a, fd1, &x);
    if (!err)
        err = file_pointer(b, fd2, &y);
    return err ? err : compare(x, y);
}

static int compare_by(int type, struct thread *a, struct thread *b, u64 idx1, u64 idx2)
{
    switch (type) {
    case KCMP_FILE:
        return compare_files(a, idx1, b, idx2);
    case KCMP_VM:
        return compare(READ_ONCE(a->mm), READ_ONCE(b->mm));
    case KCMP_FILES:
        return compare(READ_ONCE(a->files), READ_ONCE(b->files));
    case KCMP_FS:
        return compare(READ_ONCE(a->fs), READ_ONCE(b->fs));
    case KCMP_SIGHAND:
        return compare(READ_ONCE(a->process->sighand), READ_ONCE(b->process->sighand));
    case KCMP_IO:
        return 0; /* nobody has a context of input and output of its own */
    case KCMP_SYSVSEM:
        return compare(READ_ONCE(a->sem_undos), READ_ONCE(b->sem_undos));
    case KCMP_EPOLL_TFD:
        return compare_epoll(a, idx1, b, idx2);
    default:
        return -EINVAL;
    }
}

long sys_kcmp(pid_k pid1, pid_k pid2, int type, u64 idx1, u64 idx2)
{
    struct process *p1, *p2 = NULL;
    struct thread *a = thread_find_process(pid1, &p1), *b = a ? thread_find_process(pid2, &p2) : NULL;
    long ret = -ESRCH;
    if (a && b)
        ret = process_may_trace(p1) && process_may_trace(p2) ? compare_by(type, a, b, idx1, idx2) : -EPERM;
    if (b) {
        thread_put(b);
        process_put(p2);
    }
    if (a) {
        thread_put(a);
        process_put(p1);
    }
    return ret;
}
