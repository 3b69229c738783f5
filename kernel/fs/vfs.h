/* SPDX-License-Identifier: MIT */
/*
 * The file layer's objects: inode, dentry, mount, file, and the context a caller brings. fs/ never asks who is running:
 * struct fs_view carries root, cwd, credentials and umask, so that it runs on the host under a sanitizer too.
 *
 * Life of an inode: made by look-up or creation, counted; kept by dentries and open files; when nlink is 0 and the last
 * reference goes, its pages and number are freed (ops->evict). Clean archive inodes and dentries are evictable.
 * Dentries: hashed by (parent, name), looked up lock-free under RCU; negative ones are kept too.
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
struct file;
struct poll_table;
struct vm_map_args;
struct kstat;
struct dir_context;

struct timespec_k {
    s64 sec;
    u32 nsec;
};

/* Credentials as file permission checks see them; proc/cred.h embeds this as its first member. */
struct fs_cred {
    u32 fsuid, fsgid;
    u64 caps;           /* effective set: CAP_DAC_OVERRIDE, CAP_FOWNER, … as bits */
    u32 ngroups;
    const u32 *groups;  /* sorted */
};
struct path {
    struct mount *mnt;
    struct dentry *dentry;
};
/* root, cwd, umask: shared by CLONE_FS, counted. */
struct fs_context {
    refcount_t refs;
    struct spinlock lock; /* LOCK_FS_CONTEXT: all below */
    struct path root, cwd;
    u32 umask;
};
/* What a path operation needs of its caller. Built by syscall/ from the current thread; paths are borrowed. */
struct fs_view {
    struct fs_context *ctx;
    const struct fs_cred *cred;
    u64 fsize_limit; /* RLIMIT_FSIZE */
    bool no_follow_proc_magic;
};

struct inode_ops {
    int (*lookup)(struct inode *dir, struct dentry *d); /* d->inode set, or stays NULL: negative */
    int (*create)(struct inode *dir, struct dentry *d, u32 mode, const struct fs_cred *c);
    int (*mkdir)(struct inode *dir, struct dentry *d, u32 mode, const struct fs_cred *c);
    int (*mknod)(struct inode *dir, struct dentry *d, u32 mode, u64 rdev, const struct fs_cred *c);
    int (*symlink)(struct inode *dir, struct dentry *d, const char *target, const struct fs_cred *c);
    int (*link)(struct inode *dir, struct dentry *d, struct inode *target);
    int (*unlink)(struct inode *dir, struct dentry *d);
    int (*rmdir)(struct inode *dir, struct dentry *d);
    int (*rename)(struct inode *odir, struct dentry *od, struct inode *ndir, struct dentry *nd, u32 flags);
    int (*tmpfile)(struct inode *dir, u32 mode, const struct fs_cred *c, struct inode **out);
    /* Target into buf (not terminated): length. */
    ssize_t (*readlink)(struct inode *i, char *buf, size_t size);
    /* Magic links of /proc: a path instead of a text; references returned. */
    int (*follow)(struct inode *i, const struct fs_view *v, struct path *out);
    int (*setattr)(struct inode *i, const struct inode_attr *a);
    int (*getattr)(struct inode *i, struct kstat *st); /* optional: fills what differs from the generic */
    ssize_t (*getxattr)(struct inode *i, const char *name, void *buf, size_t size);
    int (*setxattr)(struct inode *i, const char *name, const void *v, size_t n, int flags);
    ssize_t (*listxattr)(struct inode *i, char *buf, size_t size);
    int (*permission)(struct inode *i, int mask, const struct fs_cred *c); /* optional */
    void (*evict)(struct inode *i);
};

struct file_ops {
    int (*open)(struct inode *i, struct file *f);
    void (*release)(struct file *f); /* last reference */
    int (*flush)(struct file *f);    /* each close() */
    ssize_t (*read)(struct file *f, struct uio *u, s64 *pos);
    ssize_t (*write)(struct file *f, struct uio *u, s64 *pos);
    s64 (*seek)(struct file *f, s64 off, int whence); /* NULL: generic by inode size; no_seek: -ESPIPE */
    int (*iterate)(struct file *f, struct dir_context *ctx);
    u32 (*poll)(struct file *f, struct poll_table *pt); /* EPOLL* bits; NULL: always readable and writable */
    long (*ioctl)(struct file *f, u32 cmd, u64 arg);    /* -ENOTTY */
    int (*mmap)(struct file *f, struct vm_map_args *args); /* fills mapping, ops, may; -ENODEV when NULL */
    int (*fsync)(struct file *f, bool data_only);
    int (*fallocate)(struct file *f, int mode, s64 off, s64 len);
    int (*set_flags)(struct file *f, u32 flags);
    ssize_t (*splice_read)(struct file *f, s64 *pos, struct file *pipe, size_t n, u32 flags);
    ssize_t (*splice_write)(struct file *pipe, struct file *f, s64 *pos, size_t n, u32 flags);
    void (*show_fdinfo)(struct file *f, char *buf, size_t size);
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

struct inode {
    refcount_t refs;
    u32 mode;                /* S_IFMT constant; permissions (lock) */
    u32 uid, gid;            /* (lock) */
    u32 nlink;               /* (lock) */
    u64 ino;
    u64 rdev;                /* Linux encoding: new_encode_dev; S_ISBLK/S_ISCHR */
    u64 size;                /* (lock for writing; read with READ_ONCE) */
    u64 blocks;              /* 512-byte units in use */
    struct timespec_k atime, mtime, ctime, btime;
    struct mutex lock;       /* LOCK_INODE_DIR / LOCK_INODE */
    struct super *sb;
    const struct inode_ops *ops;
    const struct file_ops *fops; /* of files opened on it */
    struct pagecache *pages;     /* regular files: fs/pagecache.h; made on demand */
    void *private;               /* the file system's */
    struct list sb_link;         /* super.inodes */
    struct list dentries;        /* aliases */
    u32 flags;                   /* INODE_* */
    s32 write_count;             /* > 0: open for writing; < 0: being executed (ETXTBSY) */
    struct pipe *pipe;           /* FIFOs */
    void *locks;                 /* flock/POSIX locks: fs/locks.c */
    struct rcu_head rcu;
};

struct file {
    refcount_t refs;
    u32 flags;   /* O_* status flags (fcntl changes some; lock: inode-free, atomic store) */
    u32 fmode;   /* FMODE_* */
    struct path path;
    struct inode *inode;
    const struct file_ops *ops;
    s64 pos;
    struct mutex pos_lock; /* LOCK_FILE_POS: pos, for seekable files shared by threads */
    void *private;
    s32 owner_pid; /* F_SETOWN */
    u32 owner_sig;
    struct fs_cred *cred; /* of the opener, counted by proc/ through fs_cred_hooks; may be NULL */
    struct list epoll_links; /* epoll items watching it (fs/epoll.c) */
    struct rcu_head rcu;
};
#define FMODE_READ 1u
#define FMODE_WRITE 2u
#define FMODE_PREAD 4u
#define FMODE_PWRITE 8u
#define FMODE_PATH 16u
#define FMODE_LSEEK 32u
#define FMODE_STREAM 64u /* no position */

/* ---- paths (fs/path.c) ---- */
#define LOOKUP_FOLLOW 1u
#define LOOKUP_DIRECTORY 2u
#define LOOKUP_EMPTY 4u     /* AT_EMPTY_PATH */
#define LOOKUP_PARENT 8u
#define LOOKUP_NO_SYMLINKS 16u /* RESOLVE_* of openat2 */
#define LOOKUP_BENEATH 32u
#define LOOKUP_IN_ROOT 64u
#define LOOKUP_NO_XDEV 128u
#define LOOKUP_NO_MAGICLINKS 256u
void path_get(const struct path *p);
void path_put(const struct path *p);
/* `base`: directory for relative paths (NULL: cwd). References in *out. Linux' errors. `name` is a kernel string. */
int path_lookup(const struct fs_view *v, const struct path *base, const char *name, u32 flags, struct path *out);
/* Absolute path of p below the view's root into buf (from its end); -ENAMETOOLONG; "(unreachable)" as Linux. */
int path_to_string(const struct fs_view *v, const struct path *p, char *buf, size_t size, char **out);

/* ---- files (fs/file.c, fs/open.c) ---- */
int file_open(const struct fs_view *v, const struct path *base, const char *name, u32 flags, u32 mode, u32 lookup,
              struct file **out);
/* A file without a name (pipe, eventfd, memfd …) named like "pipe:[123]" or "anon_inode:[eventfd]". */
int file_open_anon(const char *name, const struct file_ops *ops, void *private, u32 flags, struct file **out);
static inline void file_get(struct file *f)
{
    ref_get(&f->refs);
}
void file_put(struct file *f);
ssize_t file_read(struct file *f, struct uio *u, s64 *pos);  /* pos NULL: the file's own, with its lock */
ssize_t file_write(struct file *f, struct uio *u, s64 *pos); /* RLIMIT_FSIZE: see file_write_limited */
ssize_t file_read_kernel(struct file *f, void *buf, size_t n, s64 pos);
/* Exec's claim: no writers may open it meanwhile. -ETXTBSY. */
int file_deny_write(struct file *f);
void file_allow_write(struct file *f);

/* ---- descriptor tables (fs/fdtable.c): look-up is lock-free ---- */
struct fdtable;
struct fdtable *fdtable_create(void);
int fdtable_copy(struct fdtable *t, u32 max_fd, struct fdtable **out); /* fork */
void fdtable_get(struct fdtable *t);
void fdtable_put(struct fdtable *t); /* the last one closes everything */
struct file *fd_get(struct fdtable *t, u32 fd); /* reference or NULL */
/* Reserve, then install when nothing can fail any more. limit: RLIMIT_NOFILE. -EMFILE. */
int fd_reserve(struct fdtable *t, u32 from, u64 limit, bool cloexec);
void fd_install(struct fdtable *t, u32 fd, struct file *f); /* takes over the reference */
void fd_unreserve(struct fdtable *t, u32 fd);
int fd_close(struct fdtable *t, u32 fd);
int fd_dup_to(struct fdtable *t, u32 from, u32 to, u64 limit, bool cloexec, bool allow_same);
int fd_set_cloexec(struct fdtable *t, u32 fd, bool on);
int fd_get_cloexec(struct fdtable *t, u32 fd);
void fdtable_close_on_exec(struct fdtable *t);
u32 fdtable_next(struct fdtable *t, u32 from); /* first open fd >= from; ~0: none */
bool fdtable_shared(struct fdtable *t);

/* ---- polling (fs/poll.c) ---- */
struct poll_table {
    void (*queue)(struct poll_table *pt, struct waitq *q); /* NULL: only ask */
    u32 key;
};
static inline void poll_wait(struct poll_table *pt, struct waitq *q)
{
    if (pt && pt->queue)
        pt->queue(pt, q);
}
u32 file_poll(struct file *f, struct poll_table *pt);

/* ---- permission (fs/permission.c) ---- */
#define MAY_EXEC 1
#define MAY_WRITE 2
#define MAY_READ 4
int inode_permission(struct inode *i, int mask, const struct fs_cred *c);
static inline bool fs_capable(const struct fs_cred *c, u32 cap)
{
    return c->caps >> cap & 1;
}

/* ---- devices (fs/devfs.c): drivers and tty register these; nodes appear in devtmpfs ---- */
/* name below /dev, e.g. "console" or "pts/0"; mode incl. S_IFCHR/S_IFBLK. ops->open gets the inode. */
int device_register(const char *name, u32 mode, u32 major, u32 minor, const struct file_ops *ops, void *private);
void device_unregister(const char *name);
void *device_private(const struct inode *i);

/* ---- /proc entries of other layers (fs/procfs_core.c): files whose text is made at open or read ---- */
struct seq_buf; /* growing text buffer: fs/seq.h, seq_printf() */
/* path like "meminfo" or "sys/kernel/ostype". write may be NULL. */
int proc_register(const char *path, u32 mode, int (*show)(struct seq_buf *s, void *arg),
                  ssize_t (*write)(const char *text, size_t n, void *arg), void *arg);

void vfs_init(void); /* caches, root tmpfs over the archive(s), /dev, /proc, /sys, /dev/shm … mounted as docker has them */
extern const struct path *vfs_root(void);

#endif
