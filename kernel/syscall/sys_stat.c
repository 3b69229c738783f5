// SPDX-License-Identifier: MIT
/* Attributes: stat, statx, statfs, mode, owner, times, access. */
#include "abi/stat.h"
#include "abi/time.h"
#include "fs/mount.h"
#include "lib/string.h"
#include "proc/cred.h"
#include "syscall/fd.h"
#include "syscall/sys.h"
#include "syscall/timespec.h"

/* ---- stat ---- */

static int put_stat(uaddr_t to, const struct kstat *k)
{
    struct stat st;

    st.st_dev = k->dev;
    st.st_ino = k->ino;
    st.st_nlink = k->nlink;
    st.st_mode = k->mode;
    st.st_uid = k->uid;
    st.st_gid = k->gid;
    st.st_rdev = k->rdev;
    st.st_size = (long)k->size;
    st.st_blksize = k->blksize;
    st.st_blocks = (long)k->blocks;
    st.st_atime = (unsigned long)k->atime.sec;
    st.st_atime_nsec = k->atime.nsec;
    st.st_mtime = (unsigned long)k->mtime.sec;
    st.st_mtime_nsec = k->mtime.nsec;
    st.st_ctime = (unsigned long)k->ctime.sec;
    st.st_ctime_nsec = k->ctime.nsec;
    st.__pad0 = 0;
    st.__unused[0] = st.__unused[1] = st.__unused[2] = 0;
    return copy_to_user(to, &st, sizeof(st));
}

/* stat by (dfd, path, flags); an empty path with AT_EMPTY_PATH is the descriptor itself. */
static int stat_at(int dfd, uaddr_t path, int flags, struct kstat *k)
{
    struct at a;
    struct path p;
    int err = at_lookup(&a, dfd, path, at_follow(flags), &p);
    if (err)
        return err;
    err = inode_stat(&p, k);
    path_put(&p);
    at_end(&a);
    return err;
}

static int stat_fd(int fd, struct kstat *k)
{
    struct fd_ref r = fd_take_any(fd);
    if (!r.file)
        return -EBADF;
    int err = inode_stat_file(r.file, k);
    fd_return(r);
    return err;
}

static bool is_empty_path(uaddr_t path)
{
    char c;
    return !path || (!copy_from_user(&c, path, 1) && c == '\0');
}

long sys_newfstatat(fd_k dfd, path_k path, out_k st, int flags)
{
    struct kstat k;
    if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH))
        return -EINVAL;
    bool by_fd = (flags & AT_EMPTY_PATH) && dfd >= 0 && path && is_empty_path(path); /* a shortcut */
    int err = by_fd ? stat_fd(dfd, &k) : stat_at(dfd, path, flags, &k);
    return err ? err : put_stat(st, &k);
}

long sys_stat(path_k path, out_k st)
{
    return sys_newfstatat(AT_FDCWD, path, st, 0);
}

long sys_lstat(path_k path, out_k st)
{
    return sys_newfstatat(AT_FDCWD, path, st, AT_SYMLINK_NOFOLLOW);
}

long sys_fstat(fd_k fd, out_k st)
{
    struct kstat k;
    int err = stat_fd(fd, &k);
    return err ? err : put_stat(st, &k);
}

static struct statx_timestamp statx_time(struct timespec_k t)
{
    return (struct statx_timestamp){.tv_sec = t.sec, .tv_nsec = t.nsec};
}

static int put_statx(uaddr_t to, const struct kstat *k)
{
    struct statx x = {
        .stx_mask = STATX_BASIC_STATS | STATX_BTIME | STATX_MNT_ID,
        .stx_blksize = k->blksize,
        .stx_attributes = k->attributes,
        .stx_attributes_mask = k->attributes | STATX_ATTR_MOUNT_ROOT,
        .stx_nlink = k->nlink,
        .stx_uid = k->uid,
        .stx_gid = k->gid,
        .stx_mode = (u16)k->mode,
        .stx_ino = k->ino,
        .stx_size = k->size,
        .stx_blocks = k->blocks,
        .stx_atime = statx_time(k->atime),
        .stx_btime = statx_time(k->btime),
        .stx_ctime = statx_time(k->ctime),
        .stx_mtime = statx_time(k->mtime),
        .stx_rdev_major = dev_major(k->rdev),
        .stx_rdev_minor = dev_minor(k->rdev),
        .stx_dev_major = dev_major(k->dev),
        .stx_dev_minor = dev_minor(k->dev),
        .stx_mnt_id = k->mnt_id,
    };
    return copy_to_user(to, &x, sizeof(x));
}

long sys_statx(fd_k dfd, path_k path, int flags, u32 mask, out_k st)
{
    struct kstat k;
    if (mask & STATX__RESERVED)
        return -EINVAL;
    if ((flags & AT_STATX_SYNC_TYPE) == AT_STATX_SYNC_TYPE)
        return -EINVAL;
    if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH | AT_STATX_SYNC_TYPE))
        return -EINVAL;
    bool by_fd = (flags & AT_EMPTY_PATH) && dfd >= 0 && path && is_empty_path(path);
    int err = by_fd ? stat_fd(dfd, &k) : stat_at(dfd, path, flags, &k);
    return err ? err : put_statx(st, &k);
}

static u32 abi_mount_flags(u32 ms)
{
    return ABI_ST_VALID | (ms & MS_RDONLY ? ABI_ST_RDONLY : 0) | (ms & MS_NOSUID ? ABI_ST_NOSUID : 0) |
           (ms & MS_NODEV ? ABI_ST_NODEV : 0) | (ms & MS_NOEXEC ? ABI_ST_NOEXEC : 0) |
           (ms & MS_NODIRATIME ? ABI_ST_NODIRATIME : 0) | (ms & MS_NOSYMFOLLOW ? ABI_ST_NOSYMFOLLOW : 0) |
           (ms & MS_SYNCHRONOUS ? ABI_ST_SYNCHRONOUS : 0) |
           (ms & MS_NOATIME       ? ABI_ST_NOATIME
            : ms & MS_STRICTATIME ? 0
                                  : ABI_ST_RELATIME);
}

static int put_statfs(uaddr_t to, const struct path *p)
{
    struct super *sb = p->mnt->sb;
    struct kstatfs k = {.type = sb->magic, .bsize = PAGE_SIZE, .namelen = 255, .frsize = PAGE_SIZE};
    int err = sb->ops->statfs ? sb->ops->statfs(sb, &k) : 0;
    if (err)
        return err;
    struct statfs st = {
        .f_type = (long)k.type,
        .f_bsize = (long)k.bsize,
        .f_blocks = k.blocks,
        .f_bfree = k.bfree,
        .f_bavail = k.bavail,
        .f_files = k.files,
        .f_ffree = k.ffree,
        .f_fsid = {{(int)k.fsid, (int)(k.fsid >> 32)}},
        .f_namelen = (long)k.namelen,
        .f_frsize = (long)(k.frsize ? k.frsize : k.bsize),
        .f_flags = abi_mount_flags(p->mnt->flags | p->mnt->sb->flags),
    };
    return copy_to_user(to, &st, sizeof(st));
}

long sys_statfs(path_k path, out_k buf)
{
    struct at a;
    struct path p;
    int err = at_lookup(&a, AT_FDCWD, path, LOOKUP_FOLLOW, &p);
    if (err)
        return err;
    err = put_statfs(buf, &p);
    path_put(&p);
    at_end(&a);
    return err;
}

long sys_fstatfs(fd_k fd, out_k buf)
{
    struct fd_ref r = fd_take_any(fd);
    if (!r.file)
        return -EBADF;
    int err = put_statfs(buf, &r.file->path);
    fd_return(r);
    return err;
}

/* ---- mode, owner ---- */

long sys_fchmodat(fd_k dfd, path_k path, mode_k mode)
{
    struct at a;
    struct path p;
    int err = at_lookup(&a, dfd, path, LOOKUP_FOLLOW, &p);
    if (err)
        return err;
    err = path_chmod(&a.view, &p, mode & S_IALLUGO);
    path_put(&p);
    at_end(&a);
    return err;
}

long sys_chmod(path_k path, mode_k mode)
{
    return sys_fchmodat(AT_FDCWD, path, mode);
}

long sys_fchmod(fd_k fd, mode_k mode)
{
    struct fd_ref r = fd_take(fd);
    if (!r.file)
        return -EBADF;
    struct fs_view v = current_view();
    int err = path_chmod(&v, &r.file->path, mode & S_IALLUGO);
    fd_return(r);
    return err;
}

long sys_fchownat(fd_k dfd, path_k path, u32 uid, u32 gid, int flags)
{
    struct at a;
    struct path p;
    if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
        return -EINVAL;
    int err = at_lookup(&a, dfd, path, at_follow(flags), &p);
    if (err)
        return err;
    err = path_chown(&a.view, &p, uid, gid);
    path_put(&p);
    at_end(&a);
    return err;
}

long sys_chown(path_k path, u32 uid, u32 gid)
{
    return sys_fchownat(AT_FDCWD, path, uid, gid, 0);
}

long sys_lchown(path_k path, u32 uid, u32 gid)
{
    return sys_fchownat(AT_FDCWD, path, uid, gid, AT_SYMLINK_NOFOLLOW);
}

long sys_fchown(fd_k fd, u32 uid, u32 gid)
{
    struct fd_ref r = fd_take(fd);
    if (!r.file)
        return -EBADF;
    struct fs_view v = current_view();
    int err = path_chown(&v, &r.file->path, uid, gid);
    fd_return(r);
    return err;
}

/* ---- times ---- */

static bool bad_nsec(u64 nsec)
{
    return nsec >= NSEC_PER_SEC && nsec != UTIME_NOW && nsec != UTIME_OMIT;
}

/* path 0: the descriptor's file, as futimens(3) calls it. */
static long set_times(int dfd, uaddr_t path, const struct timespec_k *times, int flags)
{
    struct at a;
    struct path p;
    if (!path && dfd != AT_FDCWD) {
        if (flags)
            return -EINVAL;
        struct fd_ref r = fd_take(dfd);
        struct fs_view v = current_view();
        long err = r.file ? path_utimes(&v, &r.file->path, times) : -EBADF;
        fd_return(r);
        return err;
    }
    int err = at_lookup(&a, dfd, path, at_follow(flags), &p);
    if (err)
        return err;
    err = path_utimes(&a.view, &p, times);
    path_put(&p);
    at_end(&a);
    return err;
}

long sys_utimensat(fd_k dfd, path_k path, ptr_k times, int flags)
{
    struct timespec ts[2];
    struct timespec_k k[2];
    if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
        return -EINVAL;
    if (!times)
        return set_times(dfd, path, NULL, flags);
    if (copy_from_user(ts, times, sizeof(ts)))
        return -EFAULT;
    for (int i = 0; i < 2; i++) {
        if (bad_nsec((u64)ts[i].tv_nsec))
            return -EINVAL;
        k[i] = (struct timespec_k){ts[i].tv_sec, (u32)ts[i].tv_nsec};
    }
    if (k[0].nsec == UTIME_OMIT && k[1].nsec == UTIME_OMIT)
        return 0;
    return set_times(dfd, path, k, flags);
}

long sys_futimesat(fd_k dfd, path_k path, ptr_k times)
{
    struct timeval tv[2];
    struct timespec_k k[2];
    if (!times)
        return set_times(dfd, path, NULL, 0);
    if (copy_from_user(tv, times, sizeof(tv)))
        return -EFAULT;
    for (int i = 0; i < 2; i++) {
        if ((u64)tv[i].tv_usec >= 1000000)
            return -EINVAL;
        k[i] = (struct timespec_k){tv[i].tv_sec, (u32)tv[i].tv_usec * 1000};
    }
    return set_times(dfd, path, k, 0);
}

long sys_utimes(path_k path, ptr_k times)
{
    return sys_futimesat(AT_FDCWD, path, times);
}

long sys_utime(path_k path, ptr_k times)
{
    s64 t[2];
    if (!times)
        return set_times(AT_FDCWD, path, NULL, 0);
    if (copy_from_user(t, times, sizeof(t)))
        return -EFAULT;
    struct timespec_k k[2] = {{t[0], 0}, {t[1], 0}};
    return set_times(AT_FDCWD, path, k, 0);
}

/* ---- access ---- */

/* access(2) asks as the real user: with the capabilities that the real user would have. */
static struct fs_cred real_cred(const struct cred *c)
{
    struct fs_cred real = c->fs;
    real.fsuid = c->uid;
    real.fsgid = c->gid;
    if (c->uid != 0)
        real.caps = 0;
    else
        real.caps = c->permitted;
    return real;
}

long sys_faccessat2(fd_k dfd, path_k path, int mode, int flags)
{
    struct at a;
    struct path p;
    if ((mode & ~7) || (flags & ~(AT_EACCESS | AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)))
        return -EINVAL;
    struct fs_cred real = real_cred(current_thread()->cred);
    int err = at_begin(&a, dfd, path);
    if (err)
        return err;
    if (!(flags & AT_EACCESS))
        a.view.cred = &real;
    err = path_lookup(&a.view, a.base, a.name.s, at_follow(flags), &p);
    if (!err) {
        err = path_access(&a.view, &p, mode);
        path_put(&p);
    }
    at_end(&a);
    return err;
}

long sys_faccessat(fd_k dfd, path_k path, int mode)
{
    return sys_faccessat2(dfd, path, mode, 0);
}

long sys_access(path_k path, int mode)
{
    return sys_faccessat2(AT_FDCWD, path, mode, 0);
}
