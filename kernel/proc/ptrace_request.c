// SPDX-License-Identifier: MIT
/* ptrace(2): what a tracer asks of its tracee. All but a few need it stopped, and find it frozen (ptrace.c). */
#include "abi/errno.h"
#include "arch/usercopy.h"
#include "lib/string.h"
#include "mem/slab.h"
#include "proc/ptrace.h"
#include "proc/seccomp.h"
#include "proc/signal_internal.h"
#include "vm/mm.h"

#include <linux/audit.h>

static struct trapframe *frame_of(struct thread *t)
{
    return arch_user_frame(&t->arch);
}

/* ---- memory ---- */

/* Since the attach it may have run a program that cannot be read, or have hidden itself. */
static bool hides_memory(const struct thread *t)
{
    return READ_ONCE(t->process->dumpable) != 1 && !t->trace->capable;
}

static int access_word(struct thread *t, uaddr_t addr, u64 *v, bool write)
{
    struct mm *mm = t->mm;
    return mm && !hides_memory(t) && mm_access(mm, addr, v, sizeof(*v), write, true) == sizeof(*v) ? 0 : -EIO;
}

static int peek(struct thread *t, u64 request, uaddr_t addr, uaddr_t out)
{
    u64 v = 0;
    int err = request == PTRACE_PEEKUSR ? ptrace_peek_user(t, addr, &v) : access_word(t, addr, &v, false);
    return err ? err : put_user_u64(out, v) ? -EFAULT : 0;
}

/* ---- going on ---- */

static void set_sys_flag(struct thread *t, bool on)
{
    if (on)
        __atomic_fetch_or(&t->arch.sys_flags, SYSF_PTRACE, __ATOMIC_RELEASE);
    else
        __atomic_fetch_and(&t->arch.sys_flags, ~SYSF_PTRACE, __ATOMIC_RELEASE);
}

static int resume(struct thread *t, u64 request, u64 sig)
{
    struct trace *tr = t->trace;
    if (sig > _NSIG)
        return -EIO;
    bool step = request == PTRACE_SINGLESTEP || request == PTRACE_SYSEMU_SINGLESTEP || request == PTRACE_SINGLEBLOCK;
    if (step)
        ptrace_step_on(t);
    else
        ptrace_step_off(t);
    u64 flags = spin_lock_irqsave(&t->process->siglock);
    tr->syscalls = request == PTRACE_SYSCALL;
    tr->emulate = request == PTRACE_SYSEMU || request == PTRACE_SYSEMU_SINGLESTEP;
    set_sys_flag(t, tr->syscalls || tr->emulate || step);
    tr->signal = (u32)sig;
    tr->stopped = false;
    spin_unlock_irqrestore(&t->process->siglock, flags);
    return 0;
}

static int listen(struct thread *t)
{
    struct trace *tr = t->trace;
    u64 flags = spin_lock_irqsave(&t->process->siglock);
    bool ok = tr->seized && tr->has_info && tr->info.si_code >> 8 == PTRACE_EVENT_STOP;
    if (ok && tr->notify)
        tr->stopped = false;
    else if (ok)
        tr->listening = true;
    spin_unlock_irqrestore(&t->process->siglock, flags);
    return ok ? 0 : -EIO;
}

static int interrupt(struct thread *t)
{
    struct process *p = t->process;
    u64 flags = spin_lock_irqsave(&p->siglock);
    struct trace *tr = t->trace;
    bool mine = tr && tr->tracer == current_process() && tr->tracer_tid == current_thread()->tid;
    int err = !mine ? -ESRCH : !tr->seized ? -EIO : 0;
    if (!err && t->sig) {
        tr->trap = true;
        if (tr->listening) {
            tr->listening = tr->stopped = false;
            thread_wake(t, WAKE_STOPPED);
        }
        signal_wake_thread(t, false);
    }
    spin_unlock_irqrestore(&p->siglock, flags);
    return err;
}

static int detach(struct thread *t, u64 sig)
{
    if (sig > _NSIG) {
        ptrace_thaw(t);
        return -EIO;
    }
    ptrace_step_off(t);
    rwsem_write_lock(&tasklist_lock); /* the tracee needs it only to announce a stop, which is done */
    ptrace_thaw(t);
    struct trace *tr = t->trace;
    if (tr->tracer == current_process())
        ptrace_unlink(tr, (u32)sig);
    rwsem_write_unlock(&tasklist_lock);
    return 0;
}

/* ---- signals ---- */

static int get_info(struct thread *t, uaddr_t out)
{
    if (!t->trace->has_info)
        return -EINVAL;
    return siginfo_to_user(out, &t->trace->info) ? -EFAULT : 0;
}

static int set_info(struct thread *t, uaddr_t from)
{
    struct ksiginfo info;
    if (siginfo_from_user(&info, from))
        return -EFAULT;
    if (!t->trace->has_info)
        return -EINVAL;
    t->trace->info = info;
    return 0;
}

static bool nth_pending(struct thread *t, bool shared, u64 n, struct ksiginfo *out)
{
    struct process *p = t->process;
    struct sigqueue *q;
    bool found = false;
    u64 flags = spin_lock_irqsave(&p->siglock);
    struct sigpending *pending = shared ? &p->shared_pending : &t->sig->pending;
    list_for_each (q, &pending->queue, link) {
        if (n-- == 0) {
            *out = q->info;
            found = true;
            break;
        }
    }
    spin_unlock_irqrestore(&p->siglock, flags);
    return found;
}

static s64 peek_info(struct thread *t, uaddr_t addr, uaddr_t out)
{
    struct ptrace_peeksiginfo_args a;
    struct ksiginfo info;
    s32 n = 0;
    if (copy_from_user(&a, addr, sizeof(a)))
        return -EFAULT;
    if (a.flags & ~(u32)PTRACE_PEEKSIGINFO_SHARED || a.nr < 0)
        return -EINVAL;
    for (; n < a.nr && nth_pending(t, a.flags, a.off + (u64)n, &info); n++) {
        if (siginfo_to_user(out + (u64)n * sizeof(struct siginfo), &info))
            return n ? n : -EFAULT;
    }
    return n;
}

static int mask(struct thread *t, u64 size, uaddr_t at, bool set)
{
    u64 v = t->sig->blocked;
    if (size != sizeof(sigset64_t))
        return -EINVAL;
    if (!set)
        return put_user_u64(at, v) ? -EFAULT : 0;
    if (get_user_u64(&v, at))
        return -EFAULT;
    u64 flags = spin_lock_irqsave(&t->process->siglock);
    t->sig->blocked = v & ~SIGSET_KERNEL_ONLY;
    thread_set_work(t, WORK_SIGNAL);
    spin_unlock_irqrestore(&t->process->siglock, flags);
    return 0;
}

/* ---- the rest ---- */

int ptrace_check_options(u64 options)
{
    const struct thread *me = current_thread();
    if (options & ~(u64)PTRACE_O_MASK)
        return -EINVAL;
    bool suspended = ptrace_is_traced(me) && me->trace->options & PTRACE_O_SUSPEND_SECCOMP;
    bool may = capable(CAP_SYS_ADMIN) && !me->seccomp_mode && !suspended;
    return options & PTRACE_O_SUSPEND_SECCOMP && !may ? -EPERM : 0;
}

static int set_options(struct thread *t, u64 options)
{
    int err = ptrace_check_options(options);
    if (err)
        return err;
    u64 flags = spin_lock_irqsave(&t->process->siglock);
    t->trace->options = (u32)options;
    spin_unlock_irqrestore(&t->process->siglock, flags);
    return 0;
}

static s64 syscall_info(struct thread *t, u64 size, uaddr_t out)
{
    const struct trapframe *f = frame_of(t);
    struct ptrace_syscall_info i;
    const u64 args[6] = {f->rdi, f->rsi, f->rdx, f->r10, f->r8, f->r9};
    u64 actual = offsetof(struct ptrace_syscall_info, entry);
    memset(&i, 0, sizeof(i));
    i.op = t->trace->op;
    i.arch = AUDIT_ARCH_X86_64;
    i.instruction_pointer = f->rip;
    i.stack_pointer = f->rsp;
    if (i.op == PTRACE_SYSCALL_INFO_EXIT) {
        i.exit.rval = (s64)f->rax;
        i.exit.is_error = f->rax >= (u64)-4095;
        actual = offsetof(struct ptrace_syscall_info, exit.is_error) + sizeof(i.exit.is_error);
    } else if (i.op != PTRACE_SYSCALL_INFO_NONE) {
        i.seccomp.nr = f->orig_rax;
        memcpy(i.seccomp.args, args, sizeof(args));
        actual = offsetof(struct ptrace_syscall_info, entry) + sizeof(i.entry);
    }
    if (i.op == PTRACE_SYSCALL_INFO_SECCOMP) {
        i.seccomp.ret_data = (u32)t->trace->message;
        actual = offsetof(struct ptrace_syscall_info, seccomp.ret_data) + sizeof(i.seccomp.ret_data);
    }
    return copy_to_user(out, &i, MIN(size, actual)) ? -EFAULT : (s64)actual;
}

static s64 rseq_configuration(struct thread *t, u64 size, uaddr_t out)
{
    const struct ptrace_rseq_configuration c = {
        .rseq_abi_pointer = t->rseq, .rseq_abi_size = t->rseq_len, .signature = t->rseq_sig};
    return copy_to_user(out, &c, MIN(size, sizeof(c))) ? -EFAULT : (s64)sizeof(c);
}

static int regset(struct thread *t, u64 type, uaddr_t iov, bool set)
{
    u64 base, len;
    if (get_user_u64(&base, iov) || get_user_u64(&len, iov + 8))
        return -EFAULT;
    int err = ptrace_regset(t, type, base, &len, set);
    return err ? err : put_user_u64(iov + 8, len) ? -EFAULT : 0;
}

static int whole_set(struct thread *t, u64 type, uaddr_t at, u64 len, bool set)
{
    return ptrace_regset(t, type, at, &len, set) ? -EIO : 0;
}

/* ARCH_SET_GS … ARCH_GET_GS of prctl, here with the address in data. */
static int arch_bases(struct thread *t, u64 code, uaddr_t data, u64 addr)
{
    u64 v;
    bool fs = code == 0x1002 || code == 0x1003;
    if (code < 0x1001 || code > 0x1004)
        return -EINVAL;
    u64 off = fs ? offsetof(struct user_regs_struct, fs_base) : offsetof(struct user_regs_struct, gs_base);
    if (code <= 0x1002)
        return ptrace_poke_user(t, off, addr) ? -EPERM : 0;
    (void)data;
    (void)ptrace_peek_user(t, off, &v);
    return put_user_u64(addr, v) ? -EFAULT : 0;
}

static s64 about_registers(struct thread *t, u64 request, uaddr_t addr, u64 data)
{
    switch (request) {
    case PTRACE_GETREGS:
    case PTRACE_SETREGS:
        return whole_set(t, NT_PRSTATUS, data, sizeof(struct user_regs_struct), request == PTRACE_SETREGS);
    case PTRACE_GETFPREGS:
    case PTRACE_SETFPREGS:
        return whole_set(t, NT_PRFPREG, data, 512, request == PTRACE_SETFPREGS);
    case PTRACE_GETREGSET:
    case PTRACE_SETREGSET:
        return regset(t, addr, data, request == PTRACE_SETREGSET);
    case PTRACE_ARCH_PRCTL:
        return arch_bases(t, data, 0, addr);
    default:
        return -EIO;
    }
}

static s64 about_signals(struct thread *t, u64 request, uaddr_t addr, u64 data)
{
    switch (request) {
    case PTRACE_GETSIGINFO:
        return get_info(t, data);
    case PTRACE_SETSIGINFO:
        return set_info(t, data);
    case PTRACE_PEEKSIGINFO:
        return peek_info(t, addr, data);
    case PTRACE_GETSIGMASK:
    case PTRACE_SETSIGMASK:
        return mask(t, addr, data, request == PTRACE_SETSIGMASK);
    default:
        return about_registers(t, request, addr, data);
    }
}

static s64 on_frozen(struct thread *t, u64 request, uaddr_t addr, u64 data)
{
    switch (request) {
    case PTRACE_PEEKTEXT:
    case PTRACE_PEEKDATA:
    case PTRACE_PEEKUSR:
        return peek(t, request, addr, data);
    case PTRACE_POKETEXT:
    case PTRACE_POKEDATA:
        return access_word(t, addr, &data, true);
    case PTRACE_POKEUSR:
        return ptrace_poke_user(t, addr, data);
    case PTRACE_CONT:
    case PTRACE_SYSCALL:
    case PTRACE_SINGLESTEP:
    case PTRACE_SINGLEBLOCK:
    case PTRACE_SYSEMU:
    case PTRACE_SYSEMU_SINGLESTEP:
        return resume(t, request, data);
    case PTRACE_LISTEN:
        return listen(t);
    case PTRACE_SETOPTIONS:
    case PTRACE_OLDSETOPTIONS:
        return set_options(t, data);
    case PTRACE_GETEVENTMSG:
        return put_user_u64(data, t->trace->message) ? -EFAULT : 0;
    case PTRACE_GET_SYSCALL_INFO:
        return syscall_info(t, addr, data);
    case PTRACE_SECCOMP_GET_FILTER:
        return seccomp_copy_filter(t, addr, data);
    case PTRACE_GET_RSEQ_CONFIGURATION:
        return rseq_configuration(t, addr, data);
    default:
        return about_signals(t, request, addr, data);
    }
}

static s64 on_tracee(struct thread *t, u64 request, uaddr_t addr, u64 data)
{
    const struct trace *tr = t->trace;
    if (request == PTRACE_INTERRUPT)
        return interrupt(t);
    if (request == PTRACE_KILL) {
        if (!tr || tr->tracer != current_process())
            return -ESRCH;
        signal_send_thread(t, SIGKILL, NULL);
        return 0;
    }
    int err = ptrace_freeze(t);
    if (err)
        return err;
    if (request == PTRACE_DETACH)
        return detach(t, data);
    s64 ret = on_frozen(t, request, addr, data);
    ptrace_thaw(t);
    return ret;
}

s64 ptrace_request(u64 request, s32 tid, uaddr_t addr, u64 data)
{
    struct process *p;
    if (request == PTRACE_TRACEME)
        return ptrace_traceme();
    if (request == PTRACE_ATTACH || request == PTRACE_SEIZE)
        return ptrace_attach(tid, request == PTRACE_SEIZE, addr, data);
    struct thread *t = thread_find_process(tid, &p);
    if (!t)
        return -ESRCH;
    s64 ret = on_tracee(t, request, addr, data);
    thread_put(t);
    process_put(p);
    return ret;
}
