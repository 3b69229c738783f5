// SPDX-License-Identifier: MIT
/*
 * Filters of system calls.
 *
 * A filter is a checked program and a counted pointer to the one that was attached before it: a thread's filters are a list
 * from the newest to the oldest, and lists share their tails, as forks and TSYNC make them. Nothing of a filter changes once
 * it is attached. All of a list is run, and the strictest answer counts; of equal ones, the newest filter's.
 *
 *     thread A ──► F3 ──► F2 ──► F1 ◄── F4 ◄── thread B
 *
 * Life: seccomp_attach makes a filter the head of its own thread's list → fork, clone and TSYNC take a reference on the head
 * → exec keeps it → a thread gives its reference back as it leaves its process. A list never gets shorter meanwhile: TSYNC
 * moves another thread only from a tail of the caller's list to its head. That is why a thread reads its own list without
 * lock, reference or grace period: whatever it saw is kept by what replaced it.
 *
 * Locks: thread.seccomp* and no_new_privs are written by the thread itself, or by TSYNC of another thread of the process,
 * under siglock; fork copies them in the section that makes the child visible, so that TSYNC either comes before or finds it.
 * TSYNC also sets no_new_privs, which must not change between an execve's look at it and its end: both hold exec_lock.
 *
 * A thread without filters pays nothing: SYSF_SECCOMP is one of the bits of sys_flags. With filters, calls that each of
 * them allows whatever the arguments are, are found once, when the filter is attached (Linux calls it the action cache).
 */
#include "proc/seccomp.h"

#include "abi/errno.h"
#include "abi/prctl.h"
#include "arch/clock.h"
#include "arch/usercopy.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "mem/slab.h"
#include "proc/process.h"
#include "proc/ptrace.h"
#include "proc/seccomp_bpf.h"
#include "proc/seccomp_log.h"

#include <asm/unistd_64.h>

#define MAX_TOTAL ((1u << 18) / sizeof(struct sock_filter)) /* MAX_INSNS_PER_PATH */
#define PENALTY 4u                                          /* instructions that a filter counts besides its own */
#define CACHED 512u                                         /* numbers of calls that the cache knows */
#define KNOWN offsetof(struct seccomp_data, instruction_pointer)
#define MAX_ERRNO 4095u

struct seccomp_filter {
    refcount_t refs;
    struct seccomp_filter *prev; /* the older ones, or NULL */
    u64 always[CACHED / 64];     /* calls that this one and all older ones allow */
    bool log;                    /* SECCOMP_FILTER_FLAG_LOG */
    u32 len;
    struct sock_filter program[];
};

bool (*seccomp_hook_trace)(struct trapframe *f, u32 message);

/* ---- life ---- */

struct seccomp_filter *seccomp_filter_alloc(u32 n)
{
    struct seccomp_filter *s = kzalloc(sizeof(*s) + n * sizeof(s->program[0]), MEM_WAIT);
    if (s) {
        ref_init(&s->refs);
        s->len = n;
    }
    return s;
}

struct sock_filter *seccomp_filter_program(struct seccomp_filter *s)
{
    return s->program;
}

static void get(struct seccomp_filter *s)
{
    if (s)
        ref_get(&s->refs);
}

void seccomp_put(struct seccomp_filter *s)
{
    while (s && ref_put(&s->refs)) { /* a list can be long: no recursion */
        struct seccomp_filter *prev = s->prev;
        kfree(s);
        s = prev;
    }
}

static void set_mode(struct thread *t, u8 mode)
{
    WRITE_ONCE(t->seccomp_mode, mode);
    __atomic_or_fetch(&t->arch.sys_flags, SYSF_SECCOMP, __ATOMIC_RELEASE); /* what it is to find is there */
}

/* `from`: the head of another thread's list (siglock of its process held). */
static void share(struct thread *to, const struct thread *from)
{
    get(from->seccomp);
    store_release(&to->seccomp, from->seccomp);
    to->seccomp_count = from->seccomp_count;
    if (from->no_new_privs)
        to->no_new_privs = true;
}

void seccomp_fork(struct thread *child)
{
    const struct thread *me = current_thread();
    share(child, me);
    if (me->seccomp_mode != SECCOMP_MODE_DISABLED)
        set_mode(child, me->seccomp_mode);
}

/* ---- attaching ---- */

static bool may_set_mode(u8 mode)
{
    u8 now = current_thread()->seccomp_mode;
    return now == SECCOMP_MODE_DISABLED || now == mode;
}

int seccomp_set_strict(void)
{
    if (!may_set_mode(SECCOMP_MODE_STRICT))
        return -EINVAL;
    set_mode(current_thread(), SECCOMP_MODE_STRICT);
    return 0;
}

int seccomp_may_filter(void)
{
    return current_thread()->no_new_privs || capable(CAP_SYS_ADMIN) ? 0 : -EACCES;
}

/* The calls that s and all before it allow by their number alone. */
static void fill_cache(struct seccomp_filter *s)
{
    struct seccomp_data d = {.arch = AUDIT_ARCH_X86_64};
    u32 ret;
    for (u32 nr = 0; nr < CACHED; nr++) {
        u64 bit = 1ull << nr % 64;
        d.nr = (int)nr;
        if (s->prev && !(s->prev->always[nr / 64] & bit))
            continue;
        if (seccomp_bpf_run(s->program, &d, KNOWN, &ret) && (ret & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_ALLOW)
            s->always[nr / 64] |= bit;
    }
}

static int check_total(const struct seccomp_filter *s)
{
    u64 total = s->len;
    for (const struct seccomp_filter *i = s->prev; i; i = i->prev)
        total += i->len + PENALTY;
    return total > MAX_TOTAL ? -ENOMEM : 0;
}

static bool is_tail_of(const struct seccomp_filter *tail, const struct seccomp_filter *list)
{
    while (list && list != tail)
        list = list->prev;
    return list == tail; /* an empty list is a tail of any */
}

/* A thread whose own filters are not all the caller's too, or NULL (siglock). */
static struct thread *find_diverged(const struct thread *me)
{
    struct thread *t;
    list_for_each (t, &me->process->threads, process_link) {
        if (t->seccomp_mode == SECCOMP_MODE_STRICT || !is_tail_of(t->seccomp, me->seccomp))
            return t;
    }
    return NULL;
}

/* What the others had is a tail of the caller's list, so letting go of it under siglock frees nothing. */
static void sync_threads(const struct thread *me)
{
    struct thread *t;
    list_for_each (t, &me->process->threads, process_link) {
        if (t == me)
            continue;
        struct seccomp_filter *old = t->seccomp;
        share(t, me);
        set_mode(t, SECCOMP_MODE_FILTER);
        seccomp_put(old);
    }
}

/* siglock is held. */
static s64 attach_locked(struct seccomp_filter *s, u32 flags)
{
    struct thread *me = current_thread();
    if (!may_set_mode(SECCOMP_MODE_FILTER))
        return -EINVAL;
    int err = check_total(s);
    if (err)
        return err;
    const struct thread *bad = flags & SECCOMP_FILTER_FLAG_TSYNC ? find_diverged(me) : NULL;
    if (bad)
        return flags & SECCOMP_FILTER_FLAG_TSYNC_ESRCH ? -ESRCH : bad->tid;
    me->seccomp = s; /* the reference on the older ones goes over to s */
    me->seccomp_count++;
    set_mode(me, SECCOMP_MODE_FILTER);
    if (flags & SECCOMP_FILTER_FLAG_TSYNC)
        sync_threads(me);
    return 0;
}

/* exec_lock is held for TSYNC: the list before s is the caller's alone until siglock is taken, and then still its tail. */
static s64 attach(struct seccomp_filter *s, u32 flags)
{
    struct thread *me = current_thread();
    struct process *p = me->process;
    for (;;) {
        s->prev = load_acquire(&me->seccomp);
        memset(s->always, 0, sizeof(s->always));
        fill_cache(s);
        u64 irq = spin_lock_irqsave(&p->siglock);
        bool same = s->prev == me->seccomp; /* no TSYNC of another thread came between */
        s64 ret = same ? attach_locked(s, flags) : 0;
        spin_unlock_irqrestore(&p->siglock, irq);
        if (same)
            return ret;
    }
}

s64 seccomp_attach(struct seccomp_filter *s, u32 flags)
{
    struct mutex *exec = &current_process()->exec_lock;
    s64 ret = seccomp_bpf_check(s->program, s->len);
    bool sync = flags & SECCOMP_FILTER_FLAG_TSYNC;
    s->log = flags & SECCOMP_FILTER_FLAG_LOG;
    if (!ret && sync)
        ret = mutex_lock_killable(exec);
    if (!ret) {
        ret = attach(s, flags);
        if (sync)
            mutex_unlock(exec);
    }
    if (ret) {
        s->prev = NULL; /* still the thread's own */
        seccomp_put(s);
    }
    return ret;
}

/* ---- asking ---- */

static u32 action_of(u32 ret)
{
    return ret & SECCOMP_RET_ACTION_FULL;
}

/* Of two answers the one that lets less happen: the smaller one, as signed numbers. */
static u32 ask(const struct seccomp_data *d, const struct seccomp_filter **who)
{
    const struct seccomp_filter *s = load_acquire(&current_thread()->seccomp);
    u32 nr = (u32)d->nr, answer = SECCOMP_RET_ALLOW, ret = 0;
    if (nr < CACHED && s->always[nr / 64] >> nr % 64 & 1)
        return answer;
    for (; s; s = s->prev) {
        (void)seccomp_bpf_run(s->program, d, sizeof(*d), &ret);
        if ((s32)action_of(ret) < (s32)action_of(answer)) {
            answer = ret;
            *who = s;
        }
    }
    return answer;
}

static struct seccomp_data data_of(const struct trapframe *f)
{
    return (struct seccomp_data){
        .nr = (int)f->orig_rax,
        .arch = AUDIT_ARCH_X86_64,
        .instruction_pointer = f->rip,
        .args = {f->rdi, f->rsi, f->rdx, f->r10, f->r8, f->r9},
    };
}

/* SIGSYS for the caller, who sees its registers as they were. */
static void send_sigsys(struct trapframe *f, u32 data, bool fatal)
{
    struct ksiginfo info;
    memset(&info, 0, sizeof(info));
    info.si_signo = SIGSYS;
    info.si_code = ABI_SYS_SECCOMP;
    info.si_call_addr = (void *)f->rip;
    info.si_errno = (int)data;
    info.si_syscall = (int)f->orig_rax;
    info.si_arch = AUDIT_ARCH_X86_64;
    f->rax = f->orig_rax;
    if (fatal)
        signal_force_fatal(SIGSYS);
    else
        signal_force_info(SIGSYS, &info);
}

static void kill(struct trapframe *f, u32 answer)
{
    seccomp_log(f, SIGSYS, action_of(answer), true);
    if (action_of(answer) == SECCOMP_RET_KILL_THREAD && READ_ONCE(current_process()->alive) > 1)
        process_exit_thread_by(SIGSYS);
    send_sigsys(f, answer & SECCOMP_RET_DATA, true);
}

static bool strict(const struct trapframe *f)
{
    switch ((u32)f->orig_rax) {
    case __NR_read:
    case __NR_write:
    case __NR_exit:
    case __NR_rt_sigreturn:
        return true;
    default:
        seccomp_log(f, SIGKILL, SECCOMP_RET_KILL_THREAD, true);
        process_exit_thread_by(SIGKILL);
    }
}

static bool filtered(struct trapframe *f, bool traced);

/* The tracer may have replaced the call, which the filters look at again, or taken it away by the number -1. */
static bool trace(struct trapframe *f, u32 message)
{
    if (!seccomp_hook_trace || !seccomp_hook_trace(f, message)) {
        f->rax = (u64)-ENOSYS;
        return false;
    }
    if (signal_pending_fatal(current_thread()) || (s32)f->orig_rax < 0)
        return false;
    return filtered(f, true);
}

static bool filtered(struct trapframe *f, bool traced)
{
    const struct seccomp_data d = data_of(f);
    const struct seccomp_filter *who = NULL;
    u32 answer = ask(&d, &who), data = answer & SECCOMP_RET_DATA;
    switch (action_of(answer)) {
    case SECCOMP_RET_ALLOW:
        return true;
    case SECCOMP_RET_LOG:
        seccomp_log(f, 0, action_of(answer), true);
        return true;
    case SECCOMP_RET_TRACE:
        if (traced || trace(f, data))
            return true;
        break;
    case SECCOMP_RET_ERRNO:
        f->rax = -(u64)MIN(data, MAX_ERRNO);
        break;
    case SECCOMP_RET_TRAP:
        send_sigsys(f, data, false);
        break;
    case SECCOMP_RET_USER_NOTIF: /* no filter has a listener */
        f->rax = (u64)-ENOSYS;
        break;
    default:
        kill(f, answer);
        return false;
    }
    seccomp_log(f, 0, action_of(answer), who->log);
    return false;
}

/* The filters above it are counted; who may see them may not be filtered itself. */
s64 seccomp_copy_filter(struct thread *t, u64 n, uaddr_t out)
{
    const struct seccomp_filter *s = load_acquire(&t->seccomp);
    u64 count = 0, i;
    if (!capable(CAP_SYS_ADMIN) || current_thread()->seccomp_mode)
        return -EACCES;
    if (t->seccomp_mode != SECCOMP_MODE_FILTER)
        return -EINVAL;
    for (const struct seccomp_filter *x = s; x; x = x->prev)
        count++;
    if (n >= count)
        return -ENOENT;
    for (i = count - 1 - n; s && i; i--)
        s = s->prev;
    if (!s)
        return -ENOENT;
    if (out && copy_to_user(out, s->program, s->len * sizeof(s->program[0])))
        return -EFAULT;
    return s->len;
}

bool seccomp_enter(struct trapframe *f)
{
    const struct thread *t = current_thread();
    if (ptrace_is_traced(t) && t->trace->options & PTRACE_O_SUSPEND_SECCOMP)
        return true;
    return t->seccomp_mode == SECCOMP_MODE_STRICT ? strict(f) : filtered(f, false);
}
