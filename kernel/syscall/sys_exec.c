// SPDX-License-Identifier: MIT
/* execve and execveat: the strings collected, the program named. The rest is proc/exec.c's. */
#include "abi/errno.h"
#include "abi/fcntl.h"
#include "fs/vfs.h"
#include "lib/printf.h"
#include "mem/slab.h"
#include "proc/exec.h"
#include "proc/process.h"
#include "syscall/name.h"
#include "syscall/sys.h"
#include "syscall/view.h"

static int collect(struct exec_args *a, uaddr_t argv, uaddr_t envp)
{
    exec_args_init(a, rlimit(RLIMIT_STACK));
    int err = exec_args_add_user(a, argv);
    if (!err)
        err = exec_args_end_argv(a);
    return err ? err : exec_args_add_user(a, envp);
}

static long run(const struct exec_what *what, uaddr_t argv, uaddr_t envp)
{
    struct exec_args a;
    const struct fs_view v = current_view();
    const struct user *u = current_cred()->user;
    if (atomic_read(&u->threads) > rlimit(RLIMIT_NPROC) && u->uid && !capable(CAP_SYS_RESOURCE))
        return -EAGAIN;
    int err = collect(&a, argv, envp);
    if (!err)
        err = exec_run(&v, what, &a);
    exec_args_free(&a);
    return err;
}

long sys_execve(path_k path, argv_k argv, ptr_k envp)
{
    struct name n;
    int err = name_get(&n, path);
    if (err)
        return err;
    const struct exec_what what = {.name = n.s, .lookup = LOOKUP_FOLLOW};
    long ret = run(&what, argv, envp);
    name_put(&n);
    return ret;
}

/* "/dev/fd/N" or "/dev/fd/N/name": what a script's interpreter is to open. */
static int show_name(char *buf, size_t size, int fd, const char *name)
{
    int n = snprintf(buf, size, *name ? "/dev/fd/%d/%s" : "/dev/fd/%d", fd, name);
    return n < (int)size ? 0 : -ENAMETOOLONG;
}

static long run_at(int dfd, const char *name, int flags, uaddr_t argv, uaddr_t envp)
{
    struct exec_what what = {
        .name = name,
        .lookup = (flags & AT_SYMLINK_NOFOLLOW ? 0 : LOOKUP_FOLLOW) | (flags & AT_EMPTY_PATH ? LOOKUP_EMPTY : 0),
    };
    if (dfd == AT_FDCWD || name[0] == '/')
        return run(&what, argv, envp);
    struct fdtable *files = current_thread()->files;
    struct file *f = fd_get(files, (u32)dfd);
    if (!f)
        return -EBADF;
    char *shown = kmalloc(PATH_MAX, MEM_WAIT);
    long ret = shown ? show_name(shown, PATH_MAX, dfd, name) : -ENOMEM;
    what.base = &f->path;
    what.shown = shown;
    what.fd_inaccessible = fd_get_cloexec(files, (u32)dfd) > 0;
    if (!ret)
        ret = run(&what, argv, envp);
    kfree(shown);
    file_put(f);
    return ret;
}

long sys_execveat(fd_k dfd, path_k path, argv_k argv, ptr_k envp, int flags)
{
    struct name n;
    if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
        return -EINVAL;
    int err = name_get(&n, path);
    if (err)
        return err;
    long ret = run_at(dfd, n.s, flags, argv, envp);
    name_put(&n);
    return ret;
}
