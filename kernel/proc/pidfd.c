// SPDX-License-Identifier: MIT
/* A file on a struct pid: readable, for poll, once its process has ended. The number may be reused; the object is not. */
#include "proc/pidfd.h"

#include "abi/errno.h"
#include "abi/fcntl.h"
#include "abi/poll.h"
#include "fs/seq.h"
#include "proc/process.h"

static const struct file_ops pidfd_ops;

static bool has_ended(struct pid *pid)
{
    rcu_read_lock();
    struct process *p = load_acquire(&pid->process);
    bool ended = !p || READ_ONCE(p->zombie);
    rcu_read_unlock();
    return ended;
}

static u32 pidfd_poll(struct file *f, struct poll_table *pt)
{
    struct pid *pid = f->private;
    poll_wait(pt, &pid->pidfd_wait);
    return has_ended(pid) ? POLLIN | POLLRDNORM : 0;
}

static void pidfd_release(struct file *f)
{
    pid_put(f->private);
}

static void pidfd_show(struct file *f, struct seq_buf *s)
{
    struct pid *pid = f->private;
    seq_printf(s, "Pid:\t%d\nNSpid:\t%d\n", pid->nr, pid->nr);
}

static const struct file_ops pidfd_ops = {
    .poll = pidfd_poll,
    .release = pidfd_release,
    .seek = no_seek,
    .show_fdinfo = pidfd_show,
};

int pidfd_file(struct pid *pid, u32 flags, struct file **out)
{
    pid_get(pid);
    int err = file_open_anon("anon_inode:[pidfd]", &pidfd_ops, pid, O_RDWR | flags, out);
    if (err)
        pid_put(pid);
    return err;
}

struct pid *pidfd_pid(struct file *f)
{
    return f->ops == &pidfd_ops ? f->private : NULL;
}

struct process *pidfd_process(int pidfd, int *err)
{
    struct file *f = fd_get(current_thread()->files, (u32)pidfd);
    struct process *p = NULL;
    *err = -EBADF;
    if (!f)
        return NULL;
    struct pid *pid = pidfd_pid(f);
    if (pid) {
        rcu_read_lock();
        p = load_acquire(&pid->process);
        if (p && !ref_get_unless_zero(&p->refs))
            p = NULL;
        rcu_read_unlock();
        *err = -ESRCH;
    }
    file_put(f);
    return p;
}
