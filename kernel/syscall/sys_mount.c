// SPDX-License-Identifier: MIT
/* mount(2), umount2(2), over fs/mount.h. Propagation flags are accepted: there is one mount namespace. */
#include "fs/mount.h"
#include "proc/cred.h"
#include "syscall/fd.h"
#include "syscall/sys.h"

#define UMOUNT_FLAGS 0xf /* FORCE, DETACH, EXPIRE, NOFOLLOW */
#define UMOUNT_DETACH 2
#define UMOUNT_EXPIRE 4
#define UMOUNT_NOFOLLOW_ 8
#define PROPAGATION (MS_SHARED | MS_PRIVATE | MS_SLAVE | MS_UNBINDABLE)
#define FLAGS_OF_MOUNT \
    (MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME | MS_NODIRATIME | MS_RELATIME | MS_STRICTATIME)

/* A string of user space that may be absent. */
static int optional_name(struct name *n, uaddr_t p)
{
    n->s = n->small;
    n->small[0] = '\0';
    return p ? name_get(n, p) : 0;
}

static long bind(const struct fs_view *v, const char *source, const struct path *on, u64 flags)
{
    struct path from;
    int err = path_lookup(v, NULL, source, LOOKUP_FOLLOW, &from);
    if (err)
        return err;
    err = flags & MS_MOVE ? mount_move(&from, on) : mount_bind(&from, on, (u32)flags & MS_REC);
    path_put(&from);
    return err;
}

static long do_mount(const struct fs_view *v, const char *source, const struct path *on, uaddr_t utype, u64 flags,
                     uaddr_t udata)
{
    struct name type, data;
    if (flags & MS_REMOUNT)
        return mount_change_flags(on, (u32)flags & FLAGS_OF_MOUNT);
    if (flags & PROPAGATION)
        return 0;
    if (flags & (MS_BIND | MS_MOVE))
        return bind(v, source, on, flags);
    int err = utype ? name_get(&type, utype) : -EINVAL;
    if (err)
        return err;
    err = optional_name(&data, udata);
    if (!err) {
        err = mount_by_type(type.s, source, (u32)flags & FLAGS_OF_MOUNT, data.s, on);
        name_put(&data);
    }
    name_put(&type);
    return err;
}

long sys_mount(path_k source, path_k target, str_k type, hex64_k flags, ptr_k data)
{
    struct name from;
    struct at a;
    struct path on;
    if ((flags & 0xffff0000) == 0xc0ed0000)
        flags &= 0xffff; /* MS_MGC_VAL of old */
    int err = optional_name(&from, source);
    if (err)
        return err;
    err = at_lookup(&a, AT_FDCWD, target, LOOKUP_FOLLOW, &on);
    long r = err;
    if (!err) {
        r = capable(CAP_SYS_ADMIN) ? do_mount(&a.view, from.s, &on, type, flags, data) : -EPERM;
        path_put(&on);
        at_end(&a);
    }
    name_put(&from);
    return r;
}

/* The root is the container's and stays. */
long sys_pivot_root(path_k new_root, path_k put_old)
{
    (void)new_root, (void)put_old;
    return capable(CAP_SYS_ADMIN) ? -EINVAL : -EPERM;
}

long sys_umount2(path_k target, int flags)
{
    struct at a;
    struct path p;
    if (flags & ~UMOUNT_FLAGS)
        return -EINVAL;
    int err = at_lookup(&a, AT_FDCWD, target, flags & UMOUNT_NOFOLLOW_ ? 0 : LOOKUP_FOLLOW, &p);
    if (err)
        return err;
    bool is_root = p.dentry == p.mnt->root;
    if (!is_root)
        err = -EINVAL;
    else if (!capable(CAP_SYS_ADMIN))
        err = -EPERM;
    struct path held = p;
    err = err ? err : mount_detach(&held, flags & UMOUNT_DETACH);
    path_put(&p);
    at_end(&a);
    return err;
}
