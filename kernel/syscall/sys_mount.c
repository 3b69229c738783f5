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
     MS_NOSYMFOLLOW | MS_SYNCHRONOUS | MS_DIRSYNC | MS_LAZYTIME)

/* A string of user space that may be absent. */
static int optional_name(struct name *n, uaddr_t p)
{
    n->s = n->small;
    n->small[0] = '\0';
    return p ? name_get(n, p) : 0;
}

/* What mount(2) is given by name; all of it is read before anything is looked at. */
struct request {
    struct name type, source, data;
    bool has_type;
    u64 flags;
};

static long bind(const struct fs_view *v, const struct request *r, const struct path *on)
{
    struct path from;
    int err = *r->source.s ? path_lookup(v, NULL, r->source.s, LOOKUP_FOLLOW, &from) : -EINVAL;
    if (err)
        return err;
    if (!mount_is_local(from.mnt, v) && !nsfs_ns(from.dentry->inode))
        err = -EINVAL;
    else
        err = r->flags & MS_BIND ? mount_bind(&from, on, r->flags & MS_REC) : mount_move(&from, on);
    path_put(&from);
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

static long do_mount(const struct fs_view *v, const struct request *r, const struct path *on)
{
    u32 flags = (u32)r->flags & FLAGS_OF_MOUNT;
    if ((u32)r->flags & (u32)MS_NOUSER)
        return -EINVAL;
    if (!capable(CAP_SYS_ADMIN))
        return -EPERM;
    if (!mount_is_local(on->mnt, v))
        return -EINVAL;
    if ((r->flags & MS_REMOUNT) && (r->flags & MS_BIND))
        return mount_change_flags(on, flags);
    if (r->flags & MS_REMOUNT)
        return mount_reconfigure(on, flags, r->data.s);
    if (r->flags & MS_BIND)
        return bind(v, r, on);
    if (r->flags & PROPAGATION)
        return change_propagation(on, r->flags);
    if (r->flags & MS_MOVE)
        return bind(v, r, on);
    return r->has_type ? mount_by_type(r->type.s, r->source.s, flags, r->data.s, on) : -EINVAL;
}

static int get_strings(struct request *r, uaddr_t type, uaddr_t source, uaddr_t data)
{
    int err = optional_name(&r->type, type);
    if (err)
        return err;
    err = optional_name(&r->source, source);
    if (!err) {
        err = optional_name(&r->data, data);
        if (!err)
            return 0;
        name_put(&r->source);
    }
    name_put(&r->type);
    return err;
}

long sys_mount(path_k source, path_k target, str_k type, hex64_k flags, ptr_k data)
{
    struct request r = {.has_type = type, .flags = flags};
    struct at a;
    struct path on;
    if ((flags & 0xffff0000) == 0xc0ed0000)
        r.flags &= 0xffff; /* MS_MGC_VAL of old */
    int err = get_strings(&r, type, source, data);
    if (err)
        return err;
    long ret = at_lookup(&a, AT_FDCWD, target, LOOKUP_FOLLOW, &on);
    if (!ret) {
        ret = do_mount(&a.view, &r, &on);
        path_put(&on);
        at_end(&a);
    }
    name_put(&r.data);
    name_put(&r.source);
    name_put(&r.type);
    return ret;
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
    dentry_put(p.dentry);
    mount_put_unused(p.mnt);
    at_end(&a);
    return err;
}
