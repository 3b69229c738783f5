// SPDX-License-Identifier: MIT
/* inotify(7): a thin door onto fs/inotify.h. */
#include "fs/inotify.h"
#include "syscall/fd.h"
#include "syscall/sys.h"

#define KNOWN_BITS                                                                                            \
    (IN_ALL_EVENTS | IN_UNMOUNT | IN_Q_OVERFLOW | IN_IGNORED | IN_ONLYDIR | IN_DONT_FOLLOW | IN_EXCL_UNLINK | \
     IN_MASK_CREATE | IN_MASK_ADD | IN_ISDIR | IN_ONESHOT)

long sys_inotify_init1(pipe_k flags)
{
    struct file *f;
    if (flags & ~(IN_CLOEXEC | IN_NONBLOCK))
        return -EINVAL;
    int err = inotify_create((u32)flags, &f);
    return err ? err : fd_install_new(f, flags & IN_CLOEXEC);
}

long sys_inotify_init(void)
{
    return sys_inotify_init1(0);
}

static long add_watch(struct file *f, uaddr_t path, u32 mask)
{
    struct at a;
    struct path p;
    u32 lookup = (mask & IN_DONT_FOLLOW ? 0 : LOOKUP_FOLLOW) | (mask & IN_ONLYDIR ? LOOKUP_DIRECTORY : 0);
    long r = at_lookup(&a, AT_FDCWD, path, lookup, &p);
    if (r)
        return r;
    r = inode_permission(p.dentry->inode, MAY_READ, a.view.cred);
    if (!r)
        r = inotify_add(f, p.dentry->inode, mask);
    path_put(&p);
    at_end(&a);
    return r;
}

long sys_inotify_add_watch(fd_k fd, path_k path, hex_k mask)
{
    if ((mask & ~(u32)KNOWN_BITS) || !mask)
        return -EINVAL;
    struct fd_ref r = fd_take(fd);
    if (!r.file)
        return -EBADF;
    bool good = !((mask & IN_MASK_ADD) && (mask & IN_MASK_CREATE)) && file_is_inotify(r.file);
    long wd = good ? add_watch(r.file, path, mask) : -EINVAL;
    fd_return(r);
    return wd;
}

long sys_inotify_rm_watch(fd_k fd, int wd)
{
    struct fd_ref r = fd_take(fd);
    if (!r.file)
        return -EBADF;
    long err = file_is_inotify(r.file) ? inotify_remove(r.file, wd) : -EINVAL;
    fd_return(r);
    return err;
}
