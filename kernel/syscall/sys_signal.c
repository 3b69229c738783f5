// SPDX-License-Identifier: MIT
/* Signals: sending with its permissions, actions, masks, waiting. */
#include "abi/errno.h"
#include "abi/signal.h"
#include "abi/time.h"
#include "arch/usercopy.h"
#include "lib/string.h"
#include "proc/process.h"
#include "syscall/sys.h"
#include "syscall/timespec.h"

/* ---- sending ---- */

static int kill_process(struct process *p, int sig, const struct ksiginfo *info)
{
    if (!signal_may_kill(p, sig))
        return -EPERM;
    return sig ? signal_send_process(p, sig, info) : 0;
}

static int kill_pid(s32 pid, int sig, const struct ksiginfo *info)
{
    struct process *p = process_find(pid);
    if (!p) { /* a thread's number names its process */
        struct thread *t = thread_find_process(pid, &p);
        if (!t)
            return -ESRCH;
        thread_put(t);
    }
    int err = kill_process(p, sig, info);
    process_put(p);
    return err;
}

static int kill_group(s32 pgid, int sig, const struct ksiginfo *info)
{
    struct process *p;
    int ret = -ESRCH;
    bool sent = false;
    rwsem_read_lock(&tasklist_lock);
    struct pid *g = pid_find(pgid);
    if (g) {
        list_for_each (p, &g->group, group_link) {
            int err = kill_process(p, sig, info);
            sent |= !err;
            ret = err;
        }
    }
    rwsem_read_unlock(&tasklist_lock);
    return sent ? 0 : ret;
}

struct kill_all {
    int sig, ret;
    const struct ksiginfo *info;
};

static void kill_one_of_all(struct process *p, void *arg)
{
    struct kill_all *k = arg;
    if (p == init_process || p == current_process())
        return;
    int err = kill_process(p, k->sig, k->info);
    if (k->ret == -ESRCH)
        k->ret = 0;
    if (err != -EPERM)
        k->ret = err;
}

static int kill_everyone(int sig, const struct ksiginfo *info)
{
    struct kill_all k = {.sig = sig, .ret = -ESRCH, .info = info};
    process_for_each(kill_one_of_all, &k);
    return k.ret;
}

static bool valid_signal(int sig)
{
    return sig >= 0 && sig <= _NSIG;
}

long sys_kill(pid_k pid, sig_k sig)
{
    struct ksiginfo info;
    if (!valid_signal(sig))
        return pid == INT32_MIN ? -ESRCH : -EINVAL;
    siginfo_init_user(&info, sig, SI_USER);
    if (pid > 0)
        return kill_pid(pid, sig, &info);
    if (pid == -1)
        return kill_everyone(sig, &info);
    if (pid == INT32_MIN)
        return -ESRCH;
    return kill_group(pid ? -pid : current_process()->pgid, sig, &info);
}

static int kill_thread(s32 tgid, s32 tid, int sig, const struct ksiginfo *info)
{
    struct process *p;
    struct thread *t = thread_find_process(tid, &p);
    if (!t)
        return -ESRCH;
    int err = 0;
    if (tgid > 0 && p->pid != tgid)
        err = -ESRCH;
    else if (!signal_may_kill(p, sig))
        err = -EPERM;
    else if (sig)
        err = signal_send_thread(t, sig, info);
    thread_put(t);
    process_put(p);
    return err;
}

long sys_tgkill(pid_k tgid, pid_k tid, sig_k sig)
{
    struct ksiginfo info;
    if (tgid <= 0 || tid <= 0 || !valid_signal(sig))
        return -EINVAL;
    siginfo_init_user(&info, sig, SI_TKILL);
    return kill_thread(tgid, tid, sig, &info);
}

long sys_tkill(pid_k tid, sig_k sig)
{
    struct ksiginfo info;
    if (tid <= 0 || !valid_signal(sig))
        return -EINVAL;
    siginfo_init_user(&info, sig, SI_TKILL);
    return kill_thread(0, tid, sig, &info);
}

/* A siginfo of the caller's making: it may not look like the kernel's, unless it is for itself. */
static int user_info(struct ksiginfo *info, uaddr_t p, int sig, s32 target)
{
    if (siginfo_from_user(info, p))
        return -EFAULT;
    if ((info->si_code >= 0 || info->si_code == SI_TKILL) && target != current_process()->pid)
        return -EPERM;
    info->si_signo = sig;
    return valid_signal(sig) ? 0 : -EINVAL;
}

long sys_rt_sigqueueinfo(pid_k pid, sig_k sig, ptr_k p)
{
    struct ksiginfo info;
    int err = user_info(&info, p, sig, pid);
    return err ? err : kill_pid(pid, sig, &info);
}

long sys_rt_tgsigqueueinfo(pid_k tgid, pid_k tid, sig_k sig, ptr_k p)
{
    struct ksiginfo info;
    if (tgid <= 0 || tid <= 0)
        return -EINVAL;
    int err = user_info(&info, p, sig, tgid);
    return err ? err : kill_thread(tgid, tid, sig, &info);
}

/* ---- actions, mask, alternate stack ---- */

long sys_rt_sigaction(sig_k sig, ptr_k act, out_k old, size_t size)
{
    struct sigaction new, was;
    if (size != sizeof(sigset64_t))
        return -EINVAL;
    if (act && copy_from_user(&new, act, sizeof(new)))
        return -EFAULT;
    int err = signal_action(sig, act ? &new : NULL, old ? &was : NULL);
    if (!err && old)
        err = copy_to_user(old, &was, sizeof(was));
    return err;
}

long sys_rt_sigprocmask(int how, sigset_k set, out_k old, size_t size)
{
    sigset64_t was = signal_blocked(), new;
    if (size != sizeof(sigset64_t))
        return -EINVAL;
    if (set) {
        if (get_user_u64(&new, set))
            return -EFAULT;
        if (how == SIG_BLOCK)
            new |= was;
        else if (how == SIG_UNBLOCK)
            new = was & ~new;
        else if (how != SIG_SETMASK)
            return -EINVAL;
        signal_set_blocked(new);
    }
    return old ? put_user_u64(old, was) : 0;
}

long sys_rt_sigpending(out_k set, size_t size)
{
    struct process *p = current_process();
    struct signal_state *s = current_thread()->sig;
    if (size > sizeof(sigset64_t))
        return -EINVAL;
    u64 flags = spin_lock_irqsave(&p->siglock);
    sigset64_t pending = (s->pending.set | p->shared_pending.set) & s->blocked;
    spin_unlock_irqrestore(&p->siglock, flags);
    return copy_to_user(set, &pending, size);
}

long sys_sigaltstack(ptr_k stack, out_k old)
{
    struct signal_state *s = current_thread()->sig;
    u64 sp = user_frame()->rsp;
    stack_t new, was;
    memset(&was, 0, sizeof(was));
    was.ss_sp = (void *)s->altstack;
    was.ss_size = s->altstack_size;
    was.ss_flags = (int)(signal_altstack_state(s, sp) | (s->altstack_flags & SS_AUTODISARM));
    if (stack) {
        if (copy_from_user(&new, stack, sizeof(new)))
            return -EFAULT;
        int err = signal_altstack_set(s, &new, sp, MINSIGSTKSZ);
        if (err)
            return err;
    }
    return old ? copy_to_user(old, &was, sizeof(was)) : 0;
}

long sys_rt_sigreturn(void)
{
    return sigframe_return(user_frame());
}

/* ---- waiting ---- */

static long wait_for_handler(void)
{
    (void)sleep_until_cond(false, THREAD_SLEEP_INT, sleep_until(NS_FOREVER));
    return -ERESTARTNOHAND;
}

long sys_pause(void)
{
    return wait_for_handler();
}

long sys_rt_sigsuspend(sigset_k mask, size_t size)
{
    if (size != sizeof(sigset64_t))
        return -EINVAL;
    if (!mask)
        return -EFAULT;
    int err = signal_mask_begin(mask, size);
    return err ? err : wait_for_handler();
}

static void set_waiting(sigset64_t set)
{
    struct process *p = current_process();
    u64 flags = spin_lock_irqsave(&p->siglock);
    current_thread()->sig->waiting = set;
    spin_unlock_irqrestore(&p->siglock, flags);
}

/* A signal of `set`, which are usually blocked; 0: none until the deadline, -EINTR. */
static int wait_for_signal(sigset64_t set, struct ksiginfo *info, ns_t deadline)
{
    int sig = 0;
    set_waiting(set);
    /* taking one clears WORK_SIGNAL when nothing else is there */
    int err = sleep_until_cond((sig = signal_dequeue(set, info)) != 0, THREAD_SLEEP_INT, sleep_until(deadline));
    set_waiting(0);
    return sig ? sig : err == -EINTR ? err : 0;
}

long sys_rt_sigtimedwait(sigset_k p, out_k out, timespec_k timeout, size_t size)
{
    struct ksiginfo info;
    sigset64_t set;
    ns_t wait = NS_FOREVER;
    if (size != sizeof(set))
        return -EINVAL;
    if (get_user_u64(&set, p))
        return -EFAULT;
    int err = timeout ? timespec_get(timeout, &wait) : 0;
    if (err)
        return err;
    set &= ~SIGSET_KERNEL_ONLY;
    int sig = signal_dequeue(set, &info);
    if (!sig && wait)
        sig = wait_for_signal(set, &info, deadline_after(wait));
    if (sig <= 0)
        return sig ? sig : -EAGAIN;
    return out && siginfo_to_user(out, &info) ? -EFAULT : sig;
}
