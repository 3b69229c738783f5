// SPDX-License-Identifier: MIT
/* What net/ asks about the calling thread: identities, rights, limits. */
#include "abi/errno.h"
#include "net/socket.h"
#include "proc/pidfd.h"
#include "proc/process.h"

static void ids(struct ucred *real, struct ucred *effective)
{
    const struct cred *c = current_cred();
    u32 pid = current_process() ? (u32)current_process()->pid : 0;

    *real = (struct ucred){pid, c->uid, c->gid};
    *effective = (struct ucred){pid, c->euid, c->egid};
}

static struct pid *get_pid(struct pid *pid)
{
    pid_get(pid);
    return pid;
}

static struct pid *caller_pid(void)
{
    const struct process *p = current_process();
    return p ? get_pid(p->pid_obj) : NULL;
}

/* A process may say who it is; with capabilities, that it is somebody else. */
static int may_claim(const struct ucred *u, struct pid **pid)
{
    const struct cred *c = current_cred();
    bool own = u->pid == (u32)current_process()->pid;

    if (u->uid == ~0u || u->gid == ~0u)
        return -EINVAL;
    if (!own && !cred_capable(c, CAP_SYS_ADMIN))
        return -EPERM;
    if (u->uid != c->uid && u->uid != c->euid && u->uid != c->suid && !cred_capable(c, CAP_SETUID))
        return -EPERM;
    if (u->gid != c->gid && u->gid != c->egid && u->gid != c->sgid && !cred_capable(c, CAP_SETGID))
        return -EPERM;
    *pid = own ? caller_pid() : pid_find_get((s32)u->pid);
    return *pid ? 0 : -ESRCH;
}

static struct fs_view view(void)
{
    const struct thread *t = current_thread();
    return (struct fs_view){.ctx = t->fs,
                            .cred = t->cred ? &t->cred->fs : &kernel_cred,
                            .fsize_limit = t->process ? rlimit(RLIMIT_FSIZE) : 0};
}

static u64 nofile(void)
{
    return rlimit(RLIMIT_NOFILE);
}

static int pidfd(struct pid *pid, struct file **out)
{
    return READ_ONCE(pid->process) ? pidfd_file(pid, 0, out) : -EINVAL;
}

const struct sock_caller net_caller = {.ids = ids,
                                       .may_claim = may_claim,
                                       .view = view,
                                       .nofile = nofile,
                                       .pid = caller_pid,
                                       .pid_get = get_pid,
                                       .pid_put = pid_put,
                                       .pidfd = pidfd};
