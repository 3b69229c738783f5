// SPDX-License-Identifier: MIT
/* Extended attributes: xattr(7). Namespaces and their permissions are checked here, values are the file system's. */
#include <linux/capability.h>
#include <linux/xattr.h>

#include "abi/stat.h"
#include "fs/inotify.h"
#include "fs/mount.h"
#include "lib/string.h"
#include "syscall/fd.h"
#include "syscall/sys.h"

/* What a caller may do with an attribute of this name. 0, -EPERM, -EOPNOTSUPP, -ENODATA (reading what must not be seen). */
static int check_name(const struct fs_view *v, struct inode *i, const char *name, bool write)
{
    u32 type = i->mode & S_IFMT;
    if (strncmp(name, XATTR_USER_PREFIX, XATTR_USER_PREFIX_LEN) == 0) {
        if (type != S_IFREG && type != S_IFDIR)
            return write ? -EPERM : -ENODATA;
        if (write && type == S_IFDIR && (i->mode & S_ISVTX) && !inode_owner_or_capable(i, v->cred))
            return -EPERM;
        return inode_permission(i, write ? MAY_WRITE : MAY_READ, v->cred);
    }
    if (strncmp(name, XATTR_TRUSTED_PREFIX, XATTR_TRUSTED_PREFIX_LEN) == 0) {
        if (fs_capable(v->cred, CAP_SYS_ADMIN))
            return 0;
        return write ? -EPERM : -ENODATA;
    }
    if (strcmp(name, XATTR_NAME_CAPS) == 0)
        return write && !fs_capable(v->cred, CAP_SETFCAP) ? -EPERM : 0;
    if (strncmp(name, XATTR_SECURITY_PREFIX, XATTR_SECURITY_PREFIX_LEN) == 0)
        return write && !fs_capable(v->cred, CAP_SYS_ADMIN) ? -EPERM : 0;
    return -EOPNOTSUPP;
}

static int get_xattr_name(char *name, uaddr_t user)
{
    ssize_t n = copy_string_from_user(name, user, XATTR_NAME_MAX + 1);
    if (n == -ENAMETOOLONG || n == 0)
        return -ERANGE;
    return n < 0 ? (int)n : 0;
}

/* ---- on a resolved path ---- */

static int set_on(const struct fs_view *v, const struct path *p, const char *name, const void *value, size_t size,
                  int flags)
{
    struct inode *i = p->dentry->inode;
    int err = mount_may_write(p->mnt);
    if (!err)
        err = check_name(v, i, name, true);
    if (err)
        return err;
    if (!i->ops->setxattr)
        return -EOPNOTSUPP;
    mutex_lock(&i->lock);
    i->flags &= ~INODE_NO_CAPS;
    err = i->ops->setxattr(i, name, value, size, flags);
    mutex_unlock(&i->lock);
    if (!err)
        inotify_dentry(p->dentry, IN_ATTRIB);
    return err;
}

/* security.capability: a revision and the size that goes with it. */
static int check_caps(const void *value, size_t size)
{
    u32 magic = 0;
    memcpy(&magic, value, MIN(size, sizeof(magic)));
    u32 revision = magic & VFS_CAP_REVISION_MASK;
    bool ok = (revision == VFS_CAP_REVISION_2 && size == XATTR_CAPS_SZ_2) ||
              (revision == VFS_CAP_REVISION_3 && size == XATTR_CAPS_SZ_3);
    return ok ? 0 : -EINVAL;
}

static long set_from_user(const struct fs_view *v, const struct path *p, uaddr_t uname, uaddr_t value, size_t size,
                          int flags)
{
    char name[XATTR_NAME_MAX + 1];
    if (flags & ~(XATTR_CREATE | XATTR_REPLACE))
        return -EINVAL;
    int err = get_xattr_name(name, uname);
    if (err)
        return err;
    if (size > XATTR_SIZE_MAX)
        return -E2BIG;
    void *buf = kmalloc(size + 1, MEM_WAIT);
    if (!buf)
        return -ENOMEM;
    err = copy_from_user(buf, value, size);
    if (!err && size && strcmp(name, XATTR_NAME_CAPS) == 0)
        err = check_caps(buf, size);
    if (!err)
        err = set_on(v, p, name, buf, size, flags);
    kfree(buf);
    return err;
}

static long remove_on(const struct fs_view *v, const struct path *p, uaddr_t uname)
{
    char name[XATTR_NAME_MAX + 1];
    int err = get_xattr_name(name, uname);
    return err ? err : set_on(v, p, name, NULL, 0, XATTR_REPLACE);
}

/* Revision 3 of this machine's root is shown as revision 2. */
static ssize_t get_caps(struct inode *i, void *buf, size_t size)
{
    struct vfs_ns_cap_data d;
    ssize_t n = i->ops->getxattr(i, XATTR_NAME_CAPS, &d, sizeof(d));
    if (n == XATTR_CAPS_SZ_3 && (d.magic_etc & VFS_CAP_REVISION_MASK) == VFS_CAP_REVISION_3 && !d.rootid) {
        d.magic_etc = VFS_CAP_REVISION_2 | (d.magic_etc & VFS_CAP_FLAGS_EFFECTIVE);
        n = XATTR_CAPS_SZ_2;
    }
    if (n > 0 && size && size < (size_t)n)
        return -ERANGE;
    if (n > 0 && size)
        memcpy(buf, &d, (size_t)n);
    return n;
}

static long get_on(const struct fs_view *v, const struct path *p, uaddr_t uname, uaddr_t value, size_t size)
{
    char name[XATTR_NAME_MAX + 1];
    struct inode *i = p->dentry->inode;
    int err = get_xattr_name(name, uname);
    if (!err)
        err = check_name(v, i, name, false);
    if (err)
        return err;
    if (!i->ops->getxattr)
        return -EOPNOTSUPP;
    size = MIN(size, (size_t)XATTR_SIZE_MAX);
    void *buf = size ? kmalloc(size, MEM_WAIT) : NULL;
    if (size && !buf)
        return -ENOMEM;
    ssize_t n = strcmp(name, XATTR_NAME_CAPS) ? i->ops->getxattr(i, name, buf, size) : get_caps(i, buf, size);
    if (n > 0 && size && copy_to_user(value, buf, (size_t)n))
        n = -EFAULT;
    kfree(buf);
    return n;
}

static long list_on(const struct path *p, uaddr_t list, size_t size)
{
    struct inode *i = p->dentry->inode;
    if (!i->ops->listxattr)
        return 0;
    size = MIN(size, (size_t)XATTR_LIST_MAX);
    char *buf = size ? kmalloc(size, MEM_WAIT) : NULL;
    if (size && !buf)
        return -ENOMEM;
    ssize_t n = i->ops->listxattr(i, buf, size);
    if (n > 0 && size && copy_to_user(list, buf, (size_t)n))
        n = -EFAULT;
    kfree(buf);
    return n;
}

/* ---- by path and by descriptor ---- */

enum what { SET, GET, LIST, REMOVE };
struct request {
    enum what what;
    uaddr_t name, value;
    size_t size;
    int flags;
};

static long run(const struct fs_view *v, const struct path *p, const struct request *r)
{
    switch (r->what) {
    case SET:
        return set_from_user(v, p, r->name, r->value, r->size, r->flags);
    case GET:
        return get_on(v, p, r->name, r->value, r->size);
    case LIST:
        return list_on(p, r->value, r->size);
    default:
        return remove_on(v, p, r->name);
    }
}

static long by_path(uaddr_t path, bool follow, struct request r)
{
    struct at a;
    struct path p;
    int err = at_lookup(&a, AT_FDCWD, path, follow ? LOOKUP_FOLLOW : 0, &p);
    if (err)
        return err;
    long n = run(&a.view, &p, &r);
    path_put(&p);
    at_end(&a);
    return n;
}

static long by_fd(int fd, struct request r)
{
    struct fd_ref f = fd_take(fd);
    if (!f.file)
        return -EBADF;
    struct fs_view v = current_view();
    long n = run(&v, &f.file->path, &r);
    fd_return(f);
    return n;
}

long sys_setxattr(path_k path, str_k name, ptr_k value, size_t size, int flags)
{
    return by_path(path, true, (struct request){SET, name, value, size, flags});
}
long sys_lsetxattr(path_k path, str_k name, ptr_k value, size_t size, int flags)
{
    return by_path(path, false, (struct request){SET, name, value, size, flags});
}
long sys_fsetxattr(fd_k fd, str_k name, ptr_k value, size_t size, int flags)
{
    return by_fd(fd, (struct request){SET, name, value, size, flags});
}
long sys_getxattr(path_k path, str_k name, out_k value, size_t size)
{
    return by_path(path, true, (struct request){GET, name, value, size, 0});
}
long sys_lgetxattr(path_k path, str_k name, out_k value, size_t size)
{
    return by_path(path, false, (struct request){GET, name, value, size, 0});
}
long sys_fgetxattr(fd_k fd, str_k name, out_k value, size_t size)
{
    return by_fd(fd, (struct request){GET, name, value, size, 0});
}
long sys_listxattr(path_k path, out_k list, size_t size)
{
    return by_path(path, true, (struct request){LIST, 0, list, size, 0});
}
long sys_llistxattr(path_k path, out_k list, size_t size)
{
    return by_path(path, false, (struct request){LIST, 0, list, size, 0});
}
long sys_flistxattr(fd_k fd, out_k list, size_t size)
{
    return by_fd(fd, (struct request){LIST, 0, list, size, 0});
}
long sys_removexattr(path_k path, str_k name)
{
    return by_path(path, true, (struct request){REMOVE, name, 0, 0, 0});
}
long sys_lremovexattr(path_k path, str_k name)
{
    return by_path(path, false, (struct request){REMOVE, name, 0, 0, 0});
}
long sys_fremovexattr(fd_k fd, str_k name)
{
    return by_fd(fd, (struct request){REMOVE, name, 0, 0, 0});
}
