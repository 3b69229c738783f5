// SPDX-License-Identifier: MIT
/*
 * The namespaces a thread is in: that of mounts by its fs_context, which CLONE_FS shares, that of the host's names by
 * thread.uts. Both pointers are changed by the thread itself, in the way of its other objects (process_mm_barrier), and
 * looked at by others under siglock. For every other kind this is a kernel without them: there is the first one.
 */
#include "proc/namespaces.h"

#include "abi/errno.h"
#include "abi/fcntl.h"
#include "abi/sched.h"
#include "arch/usercopy.h"
#include "fs/mount.h"
#include "proc/procfs_task.h"
#include "proc/uts.h"

#include <linux/nsfs.h>

#define CLONE_OFFERED ((u64)(CLONE_NEWNS | CLONE_NEWUTS))
#define CLONE_OTHERS \
    ((u64)(CLONE_NEWCGROUP | CLONE_NEWIPC | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWUSER | CLONE_NEWTIME))

/* With the numbers of Linux' first ones. */
static struct ns only[] = {
    [NS_CGROUP] = {.kind = CLONE_NEWCGROUP, .ino = 4026531835ul, .name = "cgroup"},
    [NS_IPC] = {.kind = CLONE_NEWIPC, .ino = 4026531839ul, .name = "ipc"},
    [NS_NET] = {.kind = CLONE_NEWNET, .ino = 4026531840ul, .name = "net"},
    [NS_PID] = {.kind = CLONE_NEWPID, .ino = 4026531836ul, .name = "pid"},
    [NS_TIME] = {.kind = CLONE_NEWTIME, .ino = 4026531834ul, .name = "time"},
    [NS_USER] = {.kind = CLONE_NEWUSER, .ino = 4026531837ul, .name = "user"},
};

/* ---- whose ---- */

struct ns *namespace_of(struct thread *t, enum namespace_kind which)
{
    struct ns *ns = NULL;
    if (which == NS_PID || which == NS_USER)
        return &only[which];
    if (!t)
        return NULL;
    u64 flags = spin_lock_irqsave(&t->process->siglock);
    struct fs_context *fs = READ_ONCE(t->fs);
    struct uts_ns *uts = READ_ONCE(t->uts);
    if (!fs)
        ns = NULL;
    else if (which == NS_MNT)
        ns = &fs->mounts->ns;
    else if (which == NS_UTS)
        ns = uts ? &uts->ns : &uts_first.ns;
    else
        ns = &only[which == NS_PID_FOR_CHILDREN ? NS_PID : which];
    if (ns)
        ns_get(ns);
    spin_unlock_irqrestore(&t->process->siglock, flags);
    return ns;
}

/* ---- making ---- */

int namespaces_may_make(u64 flags)
{
    if (!(flags & (CLONE_OFFERED | CLONE_OTHERS)))
        return 0;
    if (!(flags & CLONE_NEWUSER) && !capable(CAP_SYS_ADMIN))
        return -EPERM;
    return flags & CLONE_OTHERS ? -EINVAL : 0; /* as a kernel without them */
}

int namespaces_clone(struct thread *child, u64 flags)
{
    struct uts_ns *mine = current_thread()->uts;
    if (flags & CLONE_NEWUTS) {
        child->uts = uts_ns_copy(mine);
        if (!child->uts)
            return -ENOMEM;
    } else {
        uts_ns_get(mine);
        child->uts = mine;
    }
    return flags & CLONE_NEWNS ? mount_ns_unshare(child->fs) : 0;
}

static void set_fs(struct fs_context *new)
{
    struct thread *t = current_thread();
    struct fs_context *old = t->fs;
    WRITE_ONCE(t->fs, new);
    process_mm_barrier(t->process);
    fs_context_put(old);
}

static void set_uts(struct uts_ns *new)
{
    struct thread *t = current_thread();
    struct uts_ns *old = t->uts;
    WRITE_ONCE(t->uts, new);
    process_mm_barrier(t->process);
    uts_ns_put(old);
}

int namespaces_unshare(u64 flags)
{
    struct fs_context *mine = current_thread()->fs, *fs = NULL;
    struct uts_ns *uts = flags & CLONE_NEWUTS ? uts_ns_copy(current_thread()->uts) : NULL;
    int err = flags & CLONE_NEWUTS && !uts ? -ENOMEM : 0;
    bool own = flags & CLONE_NEWNS || (flags & CLONE_FS && ref_read(&mine->refs) > 1);
    if (!err && own && !(fs = fs_context_copy(mine)))
        err = -ENOMEM;
    if (!err && flags & CLONE_NEWNS)
        err = mount_ns_unshare(fs);
    if (err) {
        uts_ns_put(uts);
        if (fs)
            fs_context_put(fs);
        return err;
    }
    if (uts)
        set_uts(uts);
    if (fs)
        set_fs(fs);
    return 0;
}

/* ---- entering ---- */

/* Does anybody else have the caller's root and directory? */
static bool shares_fs(void)
{
    struct thread *t, *me = current_thread();
    u32 own = 0;
    u64 flags = spin_lock_irqsave(&me->process->siglock);
    list_for_each (t, &me->process->threads, process_link)
        own += t->fs == me->fs;
    spin_unlock_irqrestore(&me->process->siglock, flags);
    return own > 1 || (READ_ONCE(me->fs->across) && ref_read(&me->fs->refs) > own);
}

static int enter_mounts(struct ns *ns)
{
    if (!capable(CAP_SYS_ADMIN) || !capable(CAP_SYS_CHROOT))
        return -EPERM;
    if (shares_fs())
        return -EINVAL;
    struct mount_ns *n = container_of(ns, struct mount_ns, ns);
    struct fs_context *fs = mount_ns_enter(n, READ_ONCE(current_thread()->fs->umask));
    if (!fs)
        return -ENOMEM;
    set_fs(fs);
    return 0;
}

static int enter_uts(struct ns *ns)
{
    if (!capable(CAP_SYS_ADMIN))
        return -EPERM;
    struct uts_ns *u = ns == &uts_first.ns ? NULL : container_of(ns, struct uts_ns, ns);
    uts_ns_get(u);
    set_uts(u);
    return 0;
}

int namespaces_enter(struct ns *ns)
{
    if (ns->kind == CLONE_NEWUSER)
        return -EINVAL; /* who is in it may not enter it */
    if (ns->kind == CLONE_NEWTIME && READ_ONCE(current_process()->thread_count) > 1)
        return -EUSERS;
    if (ns->kind == CLONE_NEWNS)
        return enter_mounts(ns);
    if (ns->kind == CLONE_NEWUTS)
        return enter_uts(ns);
    return capable(CAP_SYS_ADMIN) ? 0 : -EPERM; /* that one is where everybody is */
}

int namespaces_enter_all(struct process *p, u64 kinds)
{
    /* in the order of Linux; the mounts last, as that is what can fail then */
    static const enum namespace_kind order[] = {NS_USER, NS_UTS, NS_IPC, NS_PID, NS_CGROUP, NS_NET, NS_TIME, NS_MNT};
    static const u32 flag_of[] = {
        [NS_CGROUP] = CLONE_NEWCGROUP, [NS_IPC] = CLONE_NEWIPC,   [NS_NET] = CLONE_NEWNET, [NS_PID] = CLONE_NEWPID,
        [NS_TIME] = CLONE_NEWTIME,     [NS_USER] = CLONE_NEWUSER, [NS_MNT] = CLONE_NEWNS,  [NS_UTS] = CLONE_NEWUTS};
    int err = kinds & CLONE_NEWNS && shares_fs() ? (capable(CAP_SYS_ADMIN) ? -EINVAL : -EPERM) : 0;
    struct thread *t = process_thread_get(p);
    for (u32 i = 0; i < ARRAY_SIZE(order) && !err; i++) {
        if (!(kinds & flag_of[order[i]]))
            continue;
        struct ns *ns = namespace_of(t, order[i]);
        err = ns ? namespaces_enter(ns) : -ESRCH;
        if (ns)
            ns_put(ns);
    }
    if (t)
        thread_put(t);
    return err;
}

/* ---- pivot_root's other half ---- */

static void replace_in_process(struct process *p, void *arg)
{
    const struct path *const *paths = arg;
    for (u32 tid = 0; (tid = procfs_next_thread(p, tid)); tid++) {
        struct process *same;
        struct thread *t = thread_find_process((s32)tid, &same);
        if (!t)
            continue;
        struct fs_context *fs = same == p ? process_fs_get(t) : NULL;
        thread_put(t);
        process_put(same);
        if (fs) {
            fs_context_replace(fs, paths[0], paths[1]);
            fs_context_put(fs);
        }
    }
}

void process_replace_paths(const struct path *old, const struct path *new)
{
    const struct path *paths[] = {old, new};
    process_for_each(replace_in_process, paths);
}

/* ---- ioctl_ns(2) ---- */

static long open_ns(struct ns *ns)
{
    struct path p;
    struct file *f;
    int err = nsfs_path(ns, &p);
    if (err)
        return err;
    struct fdtable *files = current_thread()->files;
    int fd = fd_reserve(files, 0, rlimit(RLIMIT_NOFILE), true);
    const struct fs_view v = {.ctx = current_thread()->fs, .cred = &current_cred()->fs};
    err = fd < 0 ? fd : file_open_path(&v, &p, O_RDONLY, &f);
    path_put(&p);
    if (err && fd >= 0)
        fd_unreserve(files, (u32)fd);
    if (err)
        return err;
    fd_install(files, (u32)fd, f);
    return fd;
}

static long ns_ioctl(struct ns *ns, u32 cmd, u64 arg)
{
    bool in_tree = ns->kind == CLONE_NEWUSER || ns->kind == CLONE_NEWPID;
    switch (cmd) {
    case NS_GET_NSTYPE:
        return ns->kind;
    case NS_GET_USERNS:
        return ns->kind == CLONE_NEWUSER ? -EPERM : open_ns(&only[NS_USER]);
    case NS_GET_PARENT:
        return in_tree ? -EPERM : -EINVAL; /* it has none */
    case NS_GET_OWNER_UID:
        return ns->kind == CLONE_NEWUSER ? put_user_u32(arg, 0) : -EINVAL;
    default:
        return -ENOTTY;
    }
}

void namespaces_init(void)
{
    nsfs_hook_ioctl = ns_ioctl;
}
