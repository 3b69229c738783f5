/* SPDX-License-Identifier: MIT */
/* Descriptors and path arguments of the calling thread. */
#ifndef SYSCALL_FD_H
#define SYSCALL_FD_H

#include "abi/errno.h"
#include "abi/fcntl.h"
#include "fs/vfs.h"
#include "syscall/name.h"
#include "syscall/view.h"

static inline struct fdtable *my_files(void)
{
    return current_thread()->files;
}

/* A file for the time of the call, fd_return()ed afterwards; .file NULL: -EBADF. O_PATH files only when asked for. */
static inline struct fd_ref fd_take_any(int fd)
{
    return fd_borrow(my_files(), (u32)fd);
}
static inline struct fd_ref fd_take(int fd)
{
    struct fd_ref r = fd_borrow(my_files(), (u32)fd);
    if (r.file && unlikely(r.file->fmode & FMODE_PATH)) {
        fd_return(r);
        r = (struct fd_ref){NULL, false};
    }
    return r;
}

/* The lowest free descriptor for f, whose reference is taken over, also on failure. */
static inline long fd_install_new(struct file *f, bool cloexec)
{
    int fd = fd_reserve(my_files(), 0, rlimit(RLIMIT_NOFILE), cloexec);
    if (fd < 0)
        file_put(f);
    else
        fd_install(my_files(), (u32)fd, f);
    return fd;
}

/* The (dfd, path) pair of an *at call: name in kernel memory and the directory it starts from. */
struct at {
    struct name name;
    struct fd_ref dir;       /* .file NULL: the current directory, or not needed */
    const struct path *base; /* NULL: the current directory */
    struct fs_view view;
};

/* 0, -EFAULT, -ENAMETOOLONG, -ENOMEM, -EBADF; then at_end. An absolute name ignores dfd, as Linux does, unless dfd is the
 * root for this walk. */
static inline int at_begin_root(struct at *a, int dfd, uaddr_t path, bool is_root)
{
    a->dir = (struct fd_ref){NULL, false};
    a->base = NULL;
    int err = name_get(&a->name, path);
    if (err)
        return err;
    a->view = current_view();
    if (dfd == AT_FDCWD || (a->name.s[0] == '/' && !is_root))
        return 0;
    a->dir = fd_take_any(dfd);
    if (!a->dir.file) {
        name_put(&a->name);
        return -EBADF;
    }
    a->base = &a->dir.file->path;
    return 0;
}

static inline int at_begin(struct at *a, int dfd, uaddr_t path)
{
    return at_begin_root(a, dfd, path, false);
}

static inline void at_end(struct at *a)
{
    fd_return(a->dir);
    name_put(&a->name);
}

/* Begins and looks up; *p has references. */
static inline int at_lookup(struct at *a, int dfd, uaddr_t path, u32 lookup, struct path *p)
{
    int err = at_begin(a, dfd, path);
    if (err)
        return err;
    err = path_lookup(&a->view, a->base, a->name.s, lookup, p);
    if (err)
        at_end(a);
    return err;
}

static inline u32 at_follow(int flags) /* of AT_SYMLINK_NOFOLLOW and AT_EMPTY_PATH */
{
    return (flags & AT_SYMLINK_NOFOLLOW ? 0 : LOOKUP_FOLLOW) | (flags & AT_EMPTY_PATH ? LOOKUP_EMPTY : 0);
}

#endif
