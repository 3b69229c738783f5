// SPDX-License-Identifier: MIT
/*
 * mount(2), umount2(2), pivot_root(2), over fs/mount.h. No mount hears of what happens on another: to be private is what
 * they all are, and the other kinds of propagation are accepted without an effect, but for MS_UNBINDABLE.
 */
#include "fs/mount.h"
#include "fs/namei.h"
#include "proc/cred.h"
#include "proc/namespaces.h"
#include "syscall/fd.h"
#include "syscall/sys.h"

#define UMOUNT_FLAGS 0xf /* FORCE, DETACH, EXPIRE, NOFOLLOW */
#define UMOUNT_FORCE 1
#define UMOUNT_DETACH 2
#define UMOUNT_EXPIRE 4
#define UMOUNT_NOFOLLOW_ 8
#define PROPAGATION (MS_SHARED | MS_PRIVATE | MS_SLAVE | MS_UNBINDABLE)
#define FLAGS_OF_MOUNT                                                                                          \
    (MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME | MS_NODIRATIME | MS_RELATIME | MS_STRICTATIME | \
     MS_NOSYMFOLLOW)

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
    if (!mount_is_local(from.mnt, v) && !nsfs_ns(from.dentry->inode))
        err = -EINVAL;
    else
        err = flags & MS_BIND ? mount_bind(&from, on, flags & MS_REC) : mount_move(&from, on);
    path_put(&from);
    return err;
}

static long reconfigure(const struct path *on, u32 flags, uaddr_t udata)
{
    struct name data;
    int err = optional_name(&data, udata);
    if (err)
        return err;
    err = mount_reconfigure(on, flags, data.s);
    name_put(&data);
    return err;
}

/* One kind, for a mount. */
static long change_propagation(const struct path *on, u64 flags)
{
    u64 kind = flags & PROPAGATION;
    bool known = !(flags & ~(u64)(PROPAGATION | MS_REC | MS_SILENT));
    if (!known || (kind & (kind - 1)) || on->dentry != on->mnt->root)
        return -EINVAL;
    mount_set_bindable(on->mnt, !(kind & MS_UNBINDABLE), flags & MS_REC);
    return 0;
}

static long do_mount(const struct fs_view *v, const char *source, const struct path *on, uaddr_t utype, u64 flags,
                     uaddr_t udata)
{
    struct name type, data;
    if (!mount_is_local(on->mnt, v))
        return -EINVAL;
    if ((flags & MS_REMOUNT) && (flags & MS_BIND))
        return mount_change_flags(on, (u32)flags & FLAGS_OF_MOUNT);
    if (flags & MS_REMOUNT)
        return reconfigure(on, (u32)flags & FLAGS_OF_MOUNT, udata);
    if (flags & MS_BIND)
        return bind(v, source, on, flags);
    if (flags & PROPAGATION)
        return change_propagation(on, flags);
    if (flags & MS_MOVE)
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

static int look_up_dir(uaddr_t name, struct path *out)
{
    struct at a;
    int err = at_lookup(&a, AT_FDCWD, name, LOOKUP_FOLLOW | LOOKUP_DIRECTORY, out);
    if (!err)
        at_end(&a);
    return err;
}

long sys_pivot_root(path_k new_root, path_k put_old)
{
    struct path new, old, root;
    if (!capable(CAP_SYS_ADMIN))
        return -EPERM;
    int err = look_up_dir(new_root, &new);
    if (err)
        return err;
    err = look_up_dir(put_old, &old);
    if (!err) {
        const struct fs_view v = current_view();
        fs_context_get_paths(v.ctx, &root, NULL);
        err = mount_pivot(&v, &root, &new, &old);
        if (!err)
            process_replace_paths(&root, &new);
        path_put(&root);
        path_put(&old);
    }
    path_put(&new);
    return err;
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
    path_follow_mounts(&p); /* "." is covered after pivot_root(".", ".") */
    if (!capable(CAP_SYS_ADMIN))
        err = -EPERM;
    else if (p.dentry != p.mnt->root || !mount_is_local(p.mnt, &a.view) ||
             ((flags & UMOUNT_EXPIRE) && (flags & (UMOUNT_FORCE | UMOUNT_DETACH))))
        err = -EINVAL;
    else
        err = mount_detach(&p, flags & UMOUNT_DETACH   ? MOUNT_LAZY
                               : flags & UMOUNT_EXPIRE ? MOUNT_EXPIRE
                                                       : MOUNT_UNUSED);
    path_put(&p);
    at_end(&a);
    return err;
}
