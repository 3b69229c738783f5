// SPDX-License-Identifier: MIT
/* seccomp(2). Listeners (SECCOMP_RET_USER_NOTIF) are refused as by a Linux that does not know them. */
#include "abi/errno.h"
#include "abi/seccomp.h"
#include "arch/usercopy.h"
#include "proc/process.h"
#include "proc/seccomp.h"
#include "proc/seccomp_log.h"
#include "syscall/sys.h"

#define FLAGS                                                                               \
    (SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_LOG | SECCOMP_FILTER_FLAG_SPEC_ALLOW | \
     SECCOMP_FILTER_FLAG_TSYNC_ESRCH)

static long set_filter(u64 flags, uaddr_t from)
{
    struct sock_fprog prog;
    if (flags & ~(u64)FLAGS)
        return -EINVAL;
    if (copy_from_user(&prog, from, sizeof(prog)))
        return -EFAULT;
    if (!prog.len || prog.len > BPF_MAXINSNS)
        return -EINVAL;
    int err = seccomp_may_filter();
    if (err)
        return err;
    if (!prog.filter)
        return -EINVAL;
    struct seccomp_filter *s = seccomp_filter_alloc(prog.len);
    if (!s)
        return -ENOMEM;
    if (copy_from_user(seccomp_filter_program(s), (uaddr_t)prog.filter, prog.len * sizeof(struct sock_filter))) {
        seccomp_put(s);
        return -EFAULT;
    }
    return seccomp_attach(s, (u32)flags);
}

static long action_avail(uaddr_t from)
{
    u32 action;
    if (get_user_u32(&action, from))
        return -EFAULT;
    return seccomp_knows(action) ? 0 : -EOPNOTSUPP;
}

long sys_seccomp(u32 op, u32 flags, ptr_k args)
{
    switch (op) {
    case SECCOMP_SET_MODE_STRICT:
        return flags || args ? -EINVAL : seccomp_set_strict();
    case SECCOMP_SET_MODE_FILTER:
        return set_filter(flags, args);
    case SECCOMP_GET_ACTION_AVAIL:
        return flags ? -EINVAL : action_avail(args);
    default: /* SECCOMP_GET_NOTIF_SIZES too */
        return -EINVAL;
    }
}
