/* SPDX-License-Identifier: MIT */
/*
 * The file layer's objects: inode, dentry, mount, file, and the context a caller brings. fs/ never asks who is running:
 * struct fs_view carries root, cwd, credentials and limits.
 *
 * Life of an inode: made by look-up or creation with one reference; kept by dentries, open files and its file system;
 * at the last reference ops->evict frees what is private. Memory is freed after a grace period: path look-up reads
 * inodes without a reference. Dentries and mounts: fs/dcache.h, fs/mount.h. Path operations by name: fs/namei.h.
 *
 * Time stamps, mode, owner, nlink and size are written under inode.lock and read without it (stat is a snapshot).
 */
#ifndef FS_VFS_H
#define FS_VFS_H

#include "lib/atomic.h"
#include "lib/list.h"
#include "sched/mutex.h"
#include "sched/timer.h"
#include "vm/mapping.h"
#include "vm/uio.h"

struct inode;
struct dentry;
struct super;
struct mount;
struct mount_ns;
struct file;
struct poll_table;
struct vm_map_args;
struct dir_context;
struct inotify_watch;
struct seq_buf;

struct timespec_k {
    s64 sec;
    u32 nsec;
};

/* Credentials as file permission checks see them; proc/cred.h embeds this as its first member. */
struct fs_cred {
    u32 fsuid, fsgid;
    u64 caps; /* effective set: CAP_DAC_OVERRIDE, CAP_FOWNER, … as bits */
    u32 ngroups;
    const u32 *groups; /* sorted */
};
struct path {
    struct mount *mnt;
    struct dentry *dentry;
};
/* root, cwd, umask: shared by CLONE_FS, counted. fs/fs_context.c */
struct fs_context {
    refcount_t refs;
    struct spinlock lock; /* LOCK_FS_CONTEXT: writers of all below */
    struct seqcount seq;  /* of root and cwd, for readers under RCU */
    struct path root, cwd;
    struct mount_ns *mounts; /* counted; constant */
    u32 umask;
    bool across; /* CLONE_FS without CLONE_THREAD was done with it: it may be another process's, too */
};
/* What a path operation needs of its caller. Built by syscall/view.h from the current thread; all is borrowed. */
struct fs_view {
    struct fs_context *ctx;
    const struct fs_cred *cred;
    u64 fsize_limit; /* RLIMIT_FSIZE */
    bool no_follow_proc_magic;
    u8 stage; /* enum walk_stage: how the walk meets the standard mounts */
};
/*
 * /proc, /dev, /sys and what lies on them are mounted by the first walk that could see them (fs/init.c), so that a PID 1
 * which asks for no name does not wait for them.
 */
enum walk_stage {
    WALK_NORMAL,  /* every walk of a program: they are there before it starts */
    WALK_EXEC_1,  /* PID 1's own exec and working directory: they are there once a step leads to them */
    WALK_MOUNTING /* the walks that mount them */
};

struct kstat {
    u64 dev, ino, rdev; /* dev, rdev: new_encode_dev form, see makedev_k() */
    u32 mode, nlink, uid, gid;
    u64 size, blocks;
    u32 blksize;
    u64 attributes; /* STATX_ATTR_* */
    u64 mnt_id;
    struct timespec_k atime, mtime, ctime, btime;
};
struct inode_attr {
    u32 valid; /* ATTR_* */
    u32 mode, uid, gid;
    u64 size;
    struct timespec_k atime, mtime, ctime;
};
#define ATTR_MODE 1u
#define ATTR_UID 2u
#define ATTR_GID 4u
#define ATTR_SIZE 8u
#define ATTR_ATIME 16u
#define ATTR_MTIME 32u
#define ATTR_CTIME 64u

/* Directory operations run with dir->lock held; d is a negative dentry below dir (create, …) or a positive one. They
 * attach inodes by dentry_instantiate(); the caller moves and drops dentries. */
struct inode_ops {
    int (*lookup)(struct inode *dir, struct dentry *d); /* instantiates d, or leaves it negative */
    int (*create)(struct inode *dir, struct dentry *d, u32 mode, const struct fs_cred *c);
    int (*mkdir)(struct inode *dir, struct dentry *d, u32 mode, const struct fs_cred *c);
    int (*mknod)(struct inode *dir, struct dentry *d, u32 mode, u64 rdev, const struct fs_cred *c);
    int (*symlink)(struct inode *dir, struct dentry *d, const char *target, const struct fs_cred *c);
    int (*link)(struct inode *dir, struct dentry *d, struct inode *target); /* target->lock held */
    int (*unlink)(struct inode *dir, struct dentry *d);                     /* d->inode->lock held */
    int (*rmdir)(struct inode *dir, struct dentry *d);                      /* d->inode->lock held */
    /* flags: RENAME_EXCHANGE; RENAME_WHITEOUT: a device 0:0 of c's takes the old name */
    int (*rename)(struct inode *odir, struct dentry *od, struct inode *ndir, struct dentry *nd, u32 flags,
                  const struct fs_cred *c);
    int (*tmpfile)(struct inode *dir, u32 mode, const struct fs_cred *c, struct inode **out);
    /* Target into buf (not terminated): length. Not needed when inode.link is set. */
    ssize_t (*readlink)(struct inode *i, char *buf, size_t size);
    /* Magic links of /proc: a path instead of a text; references returned. */
    int (*follow)(struct inode *i, const struct fs_view *v, struct path *out);
    int (*setattr)(struct inode *i, const struct inode_attr *a); /* lock held; NULL: inode_apply_attr() */
    int (*getattr)(struct inode *i, struct kstat *st);           /* optional: fills what differs from the generic */
    ssize_t (*getxattr)(struct inode *i, const char *name, void *buf, size_t size);
    int (*setxattr)(struct inode *i, const char *name, const void *v, size_t n,
                    int flags); /* v NULL: remove; lock held */
    ssize_t (*listxattr)(struct inode *i, char *buf, size_t size);
    int (*permission)(struct inode *i, int mask, const struct fs_cred *c); /* optional; must not sleep (RCU walk) */
    void (*evict)(struct inode *i);                                        /* last reference: free what is private */
    void (*release)(struct inode *i);                                      /* after the grace period: free the memory */
};

struct file_ops {
    int (*open)(struct inode *i, struct file *f);
    void (*release)(struct file *f); /* last reference */
    int (*flush)(struct file *f);    /* each close() */
    ssize_t (*read)(struct file *f, struct uio *u, s64 *pos);
    ssize_t (*write)(struct file *f, struct uio *u, s64 *pos); /* O_APPEND is its business */
    s64 (*seek)(struct file *f, s64 off, int whence);          /* NULL: generic by inode size; no_seek: -ESPIPE */
    int (*iterate)(struct file *f, struct dir_context *ctx);   /* inode lock held; starts at ctx->pos */
    u32 (*poll)(struct file *f, struct poll_table *pt);        /* EPOLL* bits; NULL: always readable and writable */
    long (*ioctl)(struct file *f, u32 cmd, u64 arg);           /* -ENOTTY */
    int (*mmap)(struct file *f, struct vm_map_args *args);     /* fills mapping, ops, may; -ENODEV when NULL */
    int (*fsync)(struct file *f, bool data_only);
    int (*fallocate)(struct file *f, int mode, s64 off, s64 len);
    int (*set_flags)(struct file *f, u32 flags); /* asked before fcntl(F_SETFL) changes them; optional */
    ssize_t (*splice_read)(struct file *f, s64 *pos, struct file *pipe, size_t n, u32 flags);
    ssize_t (*splice_write)(struct file *pipe, struct file *f, s64 *pos, size_t n, u32 flags);
    void (*show_fdinfo)(struct file *f, struct seq_buf *s);
    bool async; /* has O_ASYNC */
};

struct inode {
    refcount_t refs;
    u32 mode;     /* S_IFMT constant; permissions (lock) */
    u32 uid, gid; /* (lock) */
    const struct inode_ops *ops;
    struct super *sb;
    u32 flags;                   /* INODE_*; (lock) */
    u32 nlink;                   /* (lock) */
    const char *link;            /* symlinks: the target, NUL-terminated, constant; NULL: ops->readlink or follow */
    u64 size;                    /* (lock for writing; read with READ_ONCE) */
    const struct file_ops *fops; /* of files opened on it */
    struct mapping *mapping;     /* what mmap maps; NULL: none */
    u64 ino;
    u64 rdev;   /* S_ISBLK/S_ISCHR */
    u64 blocks; /* 512-byte units in use, beyond what getattr computes */
    struct timespec_k atime, mtime, ctime, btime;
    struct mutex lock;             /* LOCK_INODE_DIR / LOCK_INODE */
    void *private;                 /* the file system's */
    s32 write_count;               /* atomic: > 0: open for writing; < 0: being executed (ETXTBSY) */
    struct pipe *pipe;             /* FIFOs: fs/pipe.c */
    struct file_locks *locks;      /* flock/POSIX locks: fs/locks.c; made on demand, never removed before the inode */
    struct inotify_watch *watches; /* fs/inotify.h; NULL: nobody wants to know */
    struct inode *hash_next;       /* file systems that look inodes up by number (super.inode_lock) */
    struct rcu_head rcu;
};
#define INODE_DEAD 1u    /* a removed directory: nothing can be made in it (lock) */
#define INODE_NOCACHE 2u /* entries looked up in it are not kept in the dentry cache */
#define INODE_IMMUTABLE 4u
#define INODE_NO_CAPS 128u /* known to have no security.capability (lock) */
#define INODE_LINKABLE 64u /* made by O_TMPFILE: link(2) may give it its first name */
#define INODE_PRIVATE 8u   /* free for the file system */
#define INODE_PRIVATE2 16u
#define INODE_PRIVATE3 32u

struct file_owner;
struct file {
    refcount_t refs;
    u32 flags;           /* O_* status flags: fcntl changes some */
    u32 fmode;           /* FMODE_* */
    u32 opener_uid;      /* fsuid of who opened it */
    struct inode *inode; /* kept by path.dentry */
    const struct file_ops *ops;
    struct path path;
    s64 pos;
    struct mutex pos_lock; /* LOCK_FILE_POS: pos, for seekable files shared by threads */
    void *private;
    struct file_owner *owner; /* proc/sigio.c: whom it tells by signals; NULL: nobody was ever named */
    struct list epoll_links;  /* epoll items watching it (fs/epoll.c) */
    struct rcu_head rcu;
};
#define FMODE_READ 1u
#define FMODE_WRITE 2u
#define FMODE_PREAD 4u
#define FMODE_PWRITE 8u
#define FMODE_PATH 16u
#define FMODE_LSEEK 32u
#define FMODE_STREAM 64u     /* no position */
#define FMODE_EXEC 128u      /* opened by exec */
#define FMODE_WRITER 256u    /* counted in inode.write_count */
#define FMODE_OPENED 1024u   /* by name: inotify hears of its end */
#define FMODE_NOPOSLOCK 512u /* the position is not guarded (texts of /proc) */

/* ---- paths (fs/path.c) ---- */
#define LOOKUP_FOLLOW 1u
#define LOOKUP_DIRECTORY 2u
#define LOOKUP_EMPTY 4u        /* AT_EMPTY_PATH */
#define LOOKUP_PARENT 8u       /* internal to fs/: see fs/namei.h */
#define LOOKUP_NO_SYMLINKS 16u /* RESOLVE_* of openat2 */
#define LOOKUP_BENEATH 32u
#define LOOKUP_IN_ROOT 64u
#define LOOKUP_NO_XDEV 128u
#define LOOKUP_NO_MAGICLINKS 256u
#define LOOKUP_CACHED 512u /* -EAGAIN instead of asking a file system */
void path_get(const struct path *p);
void path_put(const struct path *p);
/* `base`: directory for relative paths (NULL: cwd). References in *out. Linux' errors. `name` is a kernel string. */
int path_lookup(const struct fs_view *v, const struct path *base, const char *name, u32 flags, struct path *out);
/* Absolute path of p below the view's root into buf (from its end); -ENAMETOOLONG; "(unreachable)" as Linux, and
 * " (deleted)" after names that are gone. v NULL: below the system's root. */
int path_to_string(const struct fs_view *v, const struct path *p, char *buf, size_t size, char **out);
/* The same without "(unreachable)", as links in /proc and lines of /proc/pid/maps show it. */
int path_to_name(const struct fs_view *v, const struct path *p, char *buf, size_t size, char **out);
bool path_is_deleted(const struct path *p);
static inline bool path_equal(const struct path *a, const struct path *b)
{
    return a->mnt == b->mnt && a->dentry == b->dentry;
}

/* ---- the context that CLONE_FS shares (fs/fs_context.c) ---- */
struct fs_context *fs_context_create(const struct path *root, const struct path *cwd, u32 umask); /* NULL: no memory */
struct fs_context *fs_context_create_in(struct mount_ns *n, const struct path *root, const struct path *cwd, u32 umask);
struct fs_context *fs_context_copy(struct fs_context *c); /* NULL: no memory */
void fs_context_get(struct fs_context *c);
void fs_context_put(struct fs_context *c);
void fs_context_set_cwd(struct fs_context *c, const struct path *p);  /* takes over the references of p */
void fs_context_set_root(struct fs_context *c, const struct path *p); /* the same */
void fs_context_replace(struct fs_context *c, const struct path *old, const struct path *new); /* where it has old */
void fs_context_get_paths(struct fs_context *c, struct path *root,
                          struct path *cwd); /* references; either may be NULL */

/* ---- inodes (fs/inode.c) ---- */
void inode_init(struct inode *i, struct super *sb, u32 mode); /* refs 1, nlink 1, times now */
static inline void inode_get(struct inode *i)
{
    ref_get(&i->refs);
}
void inode_put(struct inode *i);
struct timespec_k time_now(void);
void inode_touch(struct inode *i, u32 which); /* ATTR_ATIME | ATTR_MTIME | ATTR_CTIME := now (lock) */
void file_accessed(struct file *f);           /* relatime */
/* Owner and mode of a new inode by the rules of open(2) and inode(7), set-group-ID directories included. */
void inode_init_owner(struct inode *i, const struct inode *dir, const struct fs_cred *c);
void inode_apply_attr(struct inode *i, const struct inode_attr *a); /* all but ATTR_SIZE (lock) */
int inode_stat(const struct path *p, struct kstat *st);
int inode_stat_file(struct file *f, struct kstat *st);
/* The *at calls on a resolved path, with all of Linux' permission checks. */
int path_chmod(const struct fs_view *v, const struct path *p, u32 mode);
int path_chown(const struct fs_view *v, const struct path *p, u32 uid, u32 gid); /* ~0: unchanged */
/* times[0] atime, times[1] mtime; nsec may be UTIME_NOW or UTIME_OMIT. NULL: both now. */
int path_utimes(const struct fs_view *v, const struct path *p, const struct timespec_k times[2]);
int path_truncate(const struct fs_view *v, const struct path *p, s64 size);
int file_truncate(const struct fs_view *v, struct file *f, s64 size);
int path_access(const struct fs_view *v, const struct path *p, int mask);
/* A write by c (lock); c NULL: always. true: the mode changed. */
bool inode_kill_suid(struct inode *i, const struct fs_cred *c);
static inline u64 makedev_k(u32 major, u32 minor) /* glibc's and new_encode_dev's common form */
{
    return (minor & 0xff) | ((u64)(major & 0xfff) << 8) | ((u64)(minor & ~0xffu) << 12) |
           ((u64)(major & ~0xfffu) << 32);
}
static inline u32 dev_major(u64 d)
{
    return (u32)((d >> 8 & 0xfff) | (d >> 32 & ~0xffful));
}
static inline u32 dev_minor(u64 d)
{
    return (u32)((d & 0xff) | (d >> 12 & ~0xfful));
}

/* ---- files (fs/file.c, fs/open.c) ---- */
/* RESOLVE_* go into `lookup` as LOOKUP_*; O_NOFOLLOW and the like are taken from flags. */
int file_open(const struct fs_view *v, const struct path *base, const char *name, u32 flags, u32 mode, u32 lookup,
              struct file **out);
/* Opens a resolved path (permission checks included). */
int file_open_path(const struct fs_view *v, const struct path *p, u32 flags, struct file **out);
/* exec's open: read, execute permission, regular file (-EACCES), no mount with noexec; writers denied (-ETXTBSY). The
 * denial is lifted when the file is put. */
int file_open_exec(const struct fs_view *v, const struct path *base, const char *name, u32 lookup, struct file **out);
/* A file without a name (eventfd, epoll …) named like "anon_inode:[eventfd]". Takes over `private` on success only. */
int file_open_anon(const char *name, const struct file_ops *ops, void *private, u32 flags, struct file **out);
/* One with an inode of its own, shown as "kind:[ino]" (pipe, socket): mode with S_IFMT. */
int file_open_pseudo(const char *kind, u32 mode, const struct file_ops *ops, void *private, u32 flags,
                     struct file **out);
/* A second file on the inode of `f` (the other end of a pipe). */
int file_open_again(struct file *f, u32 flags, struct file **out);
static inline void file_get(struct file *f)
{
    ref_get(&f->refs);
}
void file_put(struct file *f);
void file_put_later(struct file *f); /* under any lock: the last one closes it in the work thread */
ssize_t file_read(struct file *f, struct uio *u, s64 *pos);  /* pos NULL: the file's own, with its lock */
ssize_t file_write(struct file *f, struct uio *u, s64 *pos); /* without RLIMIT_FSIZE */
/* Regular files: writes up to `limit` (RLIMIT_FSIZE) only; -EFBIG at it (the syscall layer raises SIGXFSZ). */
ssize_t file_write_limited(struct file *f, struct uio *u, s64 *pos, u64 limit);
ssize_t file_read_kernel(struct file *f, void *buf, size_t n, s64 pos);
ssize_t file_write_kernel(struct file *f, const void *buf, size_t n, s64 pos);
s64 file_seek(struct file *f, s64 off, int whence);
s64 generic_seek(struct file *f, s64 off, int whence, s64 size); /* SET, CUR, END against size; sets pos */
s64 generic_folder_seek(struct file *f, s64 off, int whence);    /* SET and CUR */
s64 no_seek(struct file *f, s64 off, int whence);
int file_fallocate(const struct fs_view *v, struct file *f, int mode, s64 off, s64 len);
int file_mmap(struct file *f, struct vm_map_args *args); /* checks fmode against prot/flags; -EACCES, -ENODEV */
/* Exec's claim: no writers may open it meanwhile. -ETXTBSY. */
int file_deny_write(struct file *f);
void file_allow_write(struct file *f);

/* Directory reading: emit returns false when it is full. */
struct dir_context {
    bool (*emit)(struct dir_context *ctx, const char *name, u32 len, u64 ino, u32 type, s64 next_pos);
    s64 pos;
};
int file_iterate(struct file *f, struct dir_context *ctx);
/* "." and ".." for positions 0 and 1. false: full. */
bool dir_emit_dots(struct file *f, struct dir_context *ctx);

/* ---- descriptor tables (fs/fdtable.c): look-up is lock-free ---- */
struct fdtable;
struct fdtable *fdtable_create(void);
int fdtable_copy(struct fdtable *t, u32 max_fd, struct fdtable **out); /* fork: entries < max_fd (~0: all) */
void fdtable_get(struct fdtable *t);
void fdtable_put(struct fdtable *t);            /* the last one closes everything */
struct file *fd_get(struct fdtable *t, u32 fd); /* reference or NULL; O_PATH files too */
/* The same for the time of a system call of a thread that uses t: no count is touched while the table is not shared. */
struct fd_ref {
    struct file *file; /* NULL: no such descriptor */
    bool counted;
};
struct fd_ref fd_borrow(struct fdtable *t, u32 fd);
static inline void fd_return(struct fd_ref r)
{
    if (r.counted)
        file_put(r.file);
}
/* Reserve, then install when nothing can fail any more. limit: RLIMIT_NOFILE. -EMFILE. */
int fd_reserve(struct fdtable *t, u32 from, u64 limit, bool cloexec);
void fd_install(struct fdtable *t, u32 fd, struct file *f); /* takes over the reference */
void fd_unreserve(struct fdtable *t, u32 fd);
int fd_close(struct fdtable *t, u32 fd);
int fd_close_range(struct fdtable *t, u32 first, u32 last, bool cloexec_only);
int fd_dup_to(struct fdtable *t, u32 from, u32 to, u64 limit, bool cloexec, bool allow_same);
bool fd_is(struct fdtable *t, u32 fd, const struct file *f);
int fd_set_cloexec(struct fdtable *t, u32 fd, bool on);
int fd_get_cloexec(struct fdtable *t, u32 fd);
void fdtable_close_on_exec(struct fdtable *t);
bool fdtable_shared(struct fdtable *t);
/* A look at another process's table, without a lock or a count: the caller sees to it that it stays (process.h), and does
 * not sleep. A file is put by file_put_later(). */
struct file *fd_peek(struct fdtable *t, u32 fd);
bool fd_peek_cloexec(struct fdtable *t, u32 fd);
u32 fdtable_peek_next(struct fdtable *t, u32 from); /* first open fd >= from; ~0: none */
u32 fdtable_size(struct fdtable *t);                /* slots there are */

/* ---- polling (fs/poll.c) ---- */
struct poll_table {
    void (*queue)(struct poll_table *pt, struct waitq *q); /* NULL: only ask */
    u32 key;
};
static inline void poll_wait(struct poll_table *pt, struct waitq *q)
{
    if (!pt || !pt->queue)
        return;
    pt->queue(pt, q);
    __atomic_thread_fence(__ATOMIC_SEQ_CST); /* the file's state is read after; its half is in waitq_active() */
}
u32 file_poll(struct file *f, struct poll_table *pt);

/* ---- permission (fs/permission.c) ---- */
#define MAY_EXEC 1
#define MAY_WRITE 2
#define MAY_READ 4
int inode_permission(struct inode *i, int mask, const struct fs_cred *c);
int generic_permission(struct inode *i, int mask, const struct fs_cred *c); /* by mode and owner */
bool inode_owner_or_capable(const struct inode *i, const struct fs_cred *c);
bool cred_in_group(const struct fs_cred *c, u32 gid);
static inline bool fs_capable(const struct fs_cred *c, u32 cap)
{
    return c->caps >> cap & 1;
}
extern const struct fs_cred kernel_cred; /* root with every capability */

/* ---- devices (fs/devfs.c): drivers and tty register these; nodes appear in devtmpfs ---- */
/* name below /dev, e.g. "console" or "pts/0"; mode incl. S_IFCHR/S_IFBLK. ops->open gets the inode. */
int device_register(const char *name, u32 mode, u32 major, u32 minor, const struct file_ops *ops, void *private);
/* At boot: a number whose nodes others make. type: S_IFCHR, S_IFBLK. */
void device_register_number(const char *name, u32 type, u64 rdev, const struct file_ops *ops);
int device_register_owned(const char *name, u32 mode, u32 uid, u32 gid, u32 major, u32 minor,
                          const struct file_ops *ops, void *private);
void device_unregister(const char *name);
void *device_private(const struct inode *i);

/* ---- /proc and /sys entries of other layers (fs/synth.c): files whose text is made at open or read ---- */
/* path like "meminfo" or "sys/kernel/ostype"; folders are made. write may be NULL. Processes: fs/procfs.h. */
int proc_register(const char *path, u32 mode, int (*show)(struct seq_buf *s, void *arg),
                  ssize_t (*write)(const char *text, size_t n, void *arg), void *arg);
int sysfs_register(const char *path, u32 mode, int (*show)(struct seq_buf *s, void *arg),
                   ssize_t (*write)(const char *text, size_t n, void *arg), void *arg);

/* ---- boot (fs/init.c) ---- */
void vfs_init(
    void); /* caches, root tmpfs over the archive(s), /dev, /proc, /sys, /dev/shm … mounted as docker has them */
extern const struct path *vfs_root(void);
void vfs_at_mounts(void (*fn)(void)); /* at boot. fn is called once, when /proc and /sys are made */

#endif
