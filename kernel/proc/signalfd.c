// SPDX-License-Identifier: MIT
/*
 * signalfd. The file holds a set and nothing else: reading and polling look at the pending signals of whoever reads or
 * polls, its own thread's and its process's, as Linux has it; after fork the same file gives the child its own signals.
 * What waits is queued on the process's signalfd_wait, which every signal sent to it wakes. An epoll stays on the queue of
 * the process that added the file: it hears of that one's signals, and asks for those of the caller of epoll_wait. When the
 * process goes while an epoll of another still lies on its queue, process_put detaches the epoll.
 */
#include "proc/signalfd.h"

#include "abi/errno.h"
#include "abi/fcntl.h"
#include "abi/poll.h"
#include "fs/seq.h"
#include "lib/string.h"
#include "mem/slab.h"
#include "proc/process.h"

#include <linux/signalfd.h>

_Static_assert(sizeof(struct signalfd_siginfo) == 128, "struct signalfd_siginfo");

struct signalfd {
    sigset64_t set; /* replaced whole */
};
static const struct file_ops signalfd_ops;

/* ---- what a signal tells ---- */

enum layout { SAYS_SENDER, SAYS_VALUE, SAYS_TIMER, SAYS_POLL, SAYS_FAULT, SAYS_CHILD, SAYS_SYSCALL };

/* By the signal, for codes from 1 on; those that no signal's range has are told as POLL's (fcntl(F_SETSIG)). */
static enum layout layout_of_fault(int sig, int code)
{
    static const struct {
        int sig, codes;
        enum layout layout;
    } known[] = {
        {SIGILL, NSIGILL, SAYS_FAULT},   {SIGFPE, NSIGFPE, SAYS_FAULT},   {SIGSEGV, NSIGSEGV, SAYS_FAULT},
        {SIGBUS, NSIGBUS, SAYS_FAULT},   {SIGTRAP, NSIGTRAP, SAYS_FAULT}, {SIGCHLD, NSIGCHLD, SAYS_CHILD},
        {SIGSYS, NSIGSYS, SAYS_SYSCALL},
    };
    for (u32 i = 0; i < ARRAY_SIZE(known); i++) {
        if (known[i].sig == sig && code <= known[i].codes)
            return known[i].layout;
    }
    return code <= NSIGPOLL ? SAYS_POLL : SAYS_SENDER;
}

static enum layout layout_of(const struct ksiginfo *k)
{
    if (k->si_code > SI_USER && k->si_code < SI_KERNEL)
        return layout_of_fault(k->si_signo, k->si_code);
    if (k->si_code == SI_TIMER)
        return SAYS_TIMER;
    if (k->si_code == SI_SIGIO)
        return SAYS_POLL;
    return k->si_code < 0 ? SAYS_VALUE : SAYS_SENDER;
}

static void convert_sender(struct signalfd_siginfo *s, const struct ksiginfo *k)
{
    s->ssi_pid = (u32)k->si_pid;
    s->ssi_uid = k->si_uid;
}

static void convert(struct signalfd_siginfo *s, const struct ksiginfo *k)
{
    memset(s, 0, sizeof(*s));
    s->ssi_signo = (u32)k->si_signo;
    s->ssi_errno = k->si_errno;
    s->ssi_code = k->si_code;
    switch (layout_of(k)) {
    case SAYS_SENDER:
        convert_sender(s, k);
        break;
    case SAYS_VALUE:
        convert_sender(s, k);
        s->ssi_ptr = (u64)k->si_ptr;
        s->ssi_int = k->si_int;
        break;
    case SAYS_TIMER:
        s->ssi_tid = (u32)k->si_tid;
        s->ssi_overrun = (u32)k->si_overrun;
        s->ssi_ptr = (u64)k->si_ptr;
        s->ssi_int = k->si_int;
        break;
    case SAYS_POLL:
        s->ssi_band = (u32)k->si_band;
        s->ssi_fd = k->si_fd;
        break;
    case SAYS_FAULT:
        s->ssi_addr = (u64)k->si_addr;
        if (k->si_signo == SIGBUS && (k->si_code == BUS_MCEERR_AR || k->si_code == BUS_MCEERR_AO))
            s->ssi_addr_lsb = (u16)k->si_addr_lsb;
        break;
    case SAYS_CHILD:
        convert_sender(s, k);
        s->ssi_status = k->si_status;
        s->ssi_utime = (u64)k->si_utime;
        s->ssi_stime = (u64)k->si_stime;
        break;
    case SAYS_SYSCALL:
        s->ssi_call_addr = (u64)k->si_call_addr;
        s->ssi_syscall = k->si_syscall;
        s->ssi_arch = k->si_arch;
        break;
    }
}

/* ---- the file ---- */

void signalfd_notify(struct process *p)
{
    waitq_wake_poll(&p->signalfd_wait, 0);
}

static int take(struct signalfd *s, struct ksiginfo *info)
{
    return signal_dequeue(READ_ONCE(s->set), info);
}

static ssize_t signalfd_read(struct file *f, struct uio *u, s64 *pos)
{
    struct signalfd *s = f->private;
    struct signalfd_siginfo out;
    struct ksiginfo info;
    ssize_t done = 0;
    (void)pos;
    if (u->resid < sizeof(out))
        return -EINVAL;
    int sig = take(s, &info);
    if (!sig && (READ_ONCE(f->flags) & O_NONBLOCK))
        return -EAGAIN;
    if (!sig && wait_event_interruptible(&current_process()->signalfd_wait, (sig = take(s, &info)) != 0))
        return -ERESTARTSYS;
    do {
        convert(&out, &info);
        if (uio_copy_to(u, &out, sizeof(out)) != sizeof(out))
            return done ? done : -EFAULT;
        done += (ssize_t)sizeof(out);
    } while (u->resid >= sizeof(out) && take(s, &info));
    return done;
}

static u32 signalfd_poll(struct file *f, struct poll_table *pt)
{
    struct signalfd *s = f->private;
    struct process *p = current_process();
    if (!p)
        return 0;
    poll_wait(pt, &p->signalfd_wait);
    u64 flags = spin_lock_irqsave(&p->siglock);
    sigset64_t pending = current_thread()->sig->pending.set | p->shared_pending.set;
    spin_unlock_irqrestore(&p->siglock, flags);
    return pending & READ_ONCE(s->set) ? EPOLLIN : 0;
}

static void signalfd_release(struct file *f)
{
    kfree(f->private);
}

static void signalfd_fdinfo(struct file *f, struct seq_buf *s)
{
    const struct signalfd *g = f->private;
    seq_printf(s, "sigmask:\t%016llx\n", (unsigned long long)g->set);
}

static const struct file_ops signalfd_ops = {
    .release = signalfd_release,
    .read = signalfd_read,
    .seek = no_seek,
    .poll = signalfd_poll,
    .show_fdinfo = signalfd_fdinfo,
};

int signalfd_create(sigset64_t set, u32 flags, struct file **out)
{
    struct signalfd *s = kzalloc(sizeof(*s), MEM_WAIT);
    if (!s)
        return -ENOMEM;
    s->set = set & ~SIGSET_KERNEL_ONLY;
    int err = file_open_anon("anon_inode:[signalfd]", &signalfd_ops, s, O_RDWR | (flags & O_NONBLOCK), out);
    if (err)
        kfree(s);
    return err;
}

int signalfd_change(struct file *f, sigset64_t set)
{
    if (f->ops != &signalfd_ops)
        return -EINVAL;
    struct signalfd *s = f->private;
    WRITE_ONCE(s->set, set & ~SIGSET_KERNEL_ONLY);
    waitq_wake_poll(&current_process()->signalfd_wait, 0);
    return 0;
}
