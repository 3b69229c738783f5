// SPDX-License-Identifier: MIT
/*
 * The frame of a signal handler, in Linux' layout, and the way back from it (rt_sigreturn).
 *
 *   high  | XSAVE image, 64-byte aligned, followed by FP_XSTATE_MAGIC2 |
 *         | struct abi_rt_sigframe: return address, ucontext, siginfo   |  rsp ≡ 8 (mod 16) as after a call
 *   low
 *
 * The frame is the user's to change, so everything that comes back is checked: vector state as XRSTOR would (a bad image
 * is SIGSEGV), flags by a mask, selectors forced to ring 3 (a wrong one faults in IRET, which becomes a signal too).
 */
#include "abi/errno.h"
#include "abi/signal.h"
#include "arch/cpu.h"
#include "arch/usercopy.h"
#include "lib/string.h"
#include "proc/process.h"
#include "proc/signal.h"

#define FX_SIZE 512u
#define FX_SW 464u /* software bytes of the FXSAVE area */
#define XHDR_SIZE 64u
#define XF_FP 1ull
#define XF_SSE 2ull
#define MXCSR_INIT 0x1f80u
#define FCW_INIT 0x37fu
#define RED_ZONE 128u
/* AC OF DF TF SF ZF AF PF CF RF: what a handler may change */
#define FLAGS_FIX (0x40000ul | 0x800 | 0x400 | 0x100 | 0x80 | 0x40 | 0x10 | 0x4 | 0x1 | 0x10000)
#define FLAGS_CLEARED (0x400ul | 0x100 | 0x10000) /* DF TF RF */

static struct _xstate *area(struct thread *t)
{
    return t->arch.fpu;
}

static u32 fp_size(void)
{
    return cpu.xsave ? cpu.xstate_size : FX_SIZE;
}

/* ---- vector state ---- */

static void fp_init_legacy(struct _fpstate *fx)
{
    memset(fx, 0, FX_SW);
    fx->cwd = FCW_INIT;
    fx->mxcsr = MXCSR_INIT;
}

/* Initial state for the handler. */
static void fp_reset(struct thread *t)
{
    struct _xstate *x = area(t);
    u32 mask = x->fpstate.mxcsr_mask;
    fp_init_legacy(&x->fpstate);
    x->fpstate.mxcsr_mask = mask;
    if (cpu.xsave)
        memset(&x->xstate_hdr, 0, XHDR_SIZE);
    fpu_drop(&t->arch);
}

/* XSAVEOPT leaves out what is in its initial state; readers of the frame expect x87 and SSE to be there. */
void vector_complete(struct _xstate *x)
{
    if (!cpu.xsave)
        return;
    if (!(x->xstate_hdr.xfeatures & XF_FP)) {
        u32 mxcsr = x->fpstate.mxcsr, mask = x->fpstate.mxcsr_mask;
        memset(&x->fpstate, 0, offsetof(struct _fpstate, xmm_space));
        x->fpstate.cwd = FCW_INIT;
        x->fpstate.mxcsr = mxcsr;
        x->fpstate.mxcsr_mask = mask;
    }
    if (!(x->xstate_hdr.xfeatures & XF_SSE))
        memset(x->fpstate.xmm_space, 0, sizeof(x->fpstate.xmm_space));
    x->xstate_hdr.xfeatures |= XF_FP | XF_SSE;
}

static void fp_describe(struct _fpx_sw_bytes *sw)
{
    memset(sw, 0, sizeof(*sw));
    if (!cpu.xsave)
        return;
    sw->magic1 = FP_XSTATE_MAGIC1;
    sw->extended_size = fp_size() + FP_XSTATE_MAGIC2_SIZE;
    sw->xfeatures = cpu.xfeatures;
    sw->xstate_size = fp_size();
}

static int fp_save(struct thread *t, uaddr_t buf)
{
    struct _xstate *x = area(t);
    fpu_save_current();
    vector_complete(x);
    fp_describe(&x->fpstate.sw_reserved);
    int err = copy_to_user(buf, x, fp_size());
    if (!err && cpu.xsave)
        err = put_user_u32(buf + fp_size(), FP_XSTATE_MAGIC2);
    return err;
}

/* Does the frame hold an XSAVE image (else only the FXSAVE part counts)? As Linux' check_xstate_in_sigframe. */
static bool fp_is_extended(const struct _fpx_sw_bytes *sw, uaddr_t buf)
{
    u32 magic2;
    if (!cpu.xsave || sw->magic1 != FP_XSTATE_MAGIC1 || sw->xstate_size < FX_SIZE + XHDR_SIZE ||
        sw->xstate_size > fp_size() || sw->xstate_size > sw->extended_size)
        return false;
    return !get_user_u32(&magic2, buf + sw->xstate_size) && magic2 == FP_XSTATE_MAGIC2;
}

/* What XRSTOR would refuse with #GP. */
bool vector_valid(const struct _xstate *x, bool extended)
{
    u32 mask = x->fpstate.mxcsr_mask ? x->fpstate.mxcsr_mask : 0xffbf;
    static const struct _header zero;
    if (x->fpstate.mxcsr & ~mask)
        return false;
    if (!extended)
        return true;
    return !(x->xstate_hdr.xfeatures & ~cpu.xfeatures) &&
           !memcmp(x->xstate_hdr.reserved1, zero.reserved1, sizeof(zero.reserved1)) &&
           !memcmp(x->xstate_hdr.reserved2, zero.reserved2, sizeof(zero.reserved2));
}

static int fp_load(struct _xstate *x, uaddr_t buf)
{
    struct _fpx_sw_bytes sw;
    u32 mask = x->fpstate.mxcsr_mask;
    if (buf % (cpu.xsave ? 64 : 16) || copy_from_user(&sw, buf + FX_SW, sizeof(sw)))
        return -EFAULT;
    bool extended = fp_is_extended(&sw, buf);
    u32 size = extended ? sw.xstate_size : FX_SIZE;
    if (copy_from_user(x, buf, size))
        return -EFAULT;
    x->fpstate.mxcsr_mask = mask;
    if (!vector_valid(x, extended))
        return -EINVAL;
    if (extended)
        x->xstate_hdr.xfeatures &= sw.xfeatures;
    else if (cpu.xsave) {
        memset(&x->xstate_hdr, 0, XHDR_SIZE);
        x->xstate_hdr.xfeatures = XF_FP | XF_SSE;
    }
    return 0;
}

static int fp_restore(struct thread *t, uaddr_t buf)
{
    if (!buf) {
        fp_reset(t);
        return 0;
    }
    fpu_drop(&t->arch); /* the registers are the handler's and go; from here on the area is what counts */
    int err = fp_load(area(t), buf);
    if (err)
        fp_reset(t);
    return err;
}

/* ---- the stack ---- */

static bool on_altstack(const struct signal_state *s, u64 sp)
{
    if (s->altstack_flags & SS_AUTODISARM)
        return false;
    return s->altstack_size && sp > s->altstack && sp - s->altstack <= s->altstack_size;
}

u32 signal_altstack_state(const struct signal_state *s, u64 sp)
{
    if (!s->altstack_size)
        return SS_DISABLE;
    return on_altstack(s, sp) ? SS_ONSTACK : 0;
}

int signal_altstack_set(struct signal_state *s, const stack_t *st, u64 sp, size_t min)
{
    u32 flags = (u32)st->ss_flags, mode = flags & ~SS_AUTODISARM;
    if (on_altstack(s, sp))
        return -EPERM;
    if (mode != 0 && mode != SS_DISABLE && mode != SS_ONSTACK)
        return -EINVAL;
    if (mode != SS_DISABLE && st->ss_size < min)
        return -ENOMEM;
    s->altstack = mode == SS_DISABLE ? 0 : (uaddr_t)st->ss_sp;
    s->altstack_size = mode == SS_DISABLE ? 0 : st->ss_size;
    s->altstack_flags = flags;
    return 0;
}

struct place {
    uaddr_t frame, fp;
};

/* Where frame and vector state go; false: the alternate stack would overflow. */
static bool find_place(const struct signal_state *s, u64 sp, bool onstack, struct place *out)
{
    bool nested = on_altstack(s, sp), entering = false;
    sp -= RED_ZONE;
    if (onstack && signal_altstack_state(s, sp) == 0) {
        sp = s->altstack + s->altstack_size;
        entering = true;
    }
    sp = ALIGN_DOWN(sp - fp_size() - (cpu.xsave ? FP_XSTATE_MAGIC2_SIZE : 0), 64);
    out->fp = sp;
    sp = ALIGN_DOWN(sp - sizeof(struct abi_rt_sigframe), 16) - 8;
    out->frame = sp;
    return !(nested || entering) || (sp > s->altstack && sp - s->altstack <= s->altstack_size);
}

static void save_registers(struct sigcontext *c, const struct trapframe *f, const struct signal_state *s)
{
    c->r8 = f->r8, c->r9 = f->r9, c->r10 = f->r10, c->r11 = f->r11;
    c->r12 = f->r12, c->r13 = f->r13, c->r14 = f->r14, c->r15 = f->r15;
    c->rdi = f->rdi, c->rsi = f->rsi, c->rbp = f->rbp, c->rbx = f->rbx;
    c->rdx = f->rdx, c->rax = f->rax, c->rcx = f->rcx, c->rsp = f->rsp;
    c->rip = f->rip, c->eflags = f->rflags;
    c->cs = (u16)f->cs, c->ss = (u16)f->ss;
    c->err = s->trap_error, c->trapno = s->trap_no, c->cr2 = s->trap_cr2;
}

static void restore_registers(struct trapframe *f, const struct sigcontext *c)
{
    f->r8 = c->r8, f->r9 = c->r9, f->r10 = c->r10, f->r11 = c->r11;
    f->r12 = c->r12, f->r13 = c->r13, f->r14 = c->r14, f->r15 = c->r15;
    f->rdi = c->rdi, f->rsi = c->rsi, f->rbp = c->rbp, f->rbx = c->rbx;
    f->rdx = c->rdx, f->rax = c->rax, f->rcx = c->rcx, f->rsp = c->rsp;
    f->rip = c->rip;
    f->rflags = (f->rflags & ~FLAGS_FIX) | (c->eflags & FLAGS_FIX);
    f->cs = c->cs | 3;
    f->ss = c->ss | 3;
}

static void enter_handler(struct trapframe *f, int sig, const struct sigaction *act, uaddr_t frame)
{
    f->rdi = (u64)sig;
    f->rsi = frame + offsetof(struct abi_rt_sigframe, info);
    f->rdx = frame + offsetof(struct abi_rt_sigframe, uc);
    f->rax = 0;
    f->rip = (u64)act->sa_handler;
    f->rsp = frame;
    f->cs = USER_CS;
    f->ss = USER_SS;
    f->rflags &= ~FLAGS_CLEARED;
}

int sigframe_setup(struct trapframe *f, int sig, const struct sigaction *act, const struct ksiginfo *info,
                   sigset64_t mask_after)
{
    struct thread *t = current_thread();
    struct signal_state *s = t->sig;
    struct abi_rt_sigframe fr;
    struct place at;
    if (!(act->sa_flags & SA_RESTORER) || !find_place(s, f->rsp, act->sa_flags & SA_ONSTACK, &at))
        return -EFAULT;
    if (fp_save(t, at.fp))
        return -EFAULT;
    memset(&fr, 0, sizeof(fr));
    fr.pretcode = (u64)act->sa_restorer;
    fr.uc.uc_flags = UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS | (cpu.xsave ? UC_FP_XSTATE : 0);
    fr.uc.uc_stack.ss_sp = (void *)s->altstack;
    fr.uc.uc_stack.ss_flags = (int)s->altstack_flags;
    fr.uc.uc_stack.ss_size = s->altstack_size;
    save_registers(&fr.uc.uc_mcontext, f, s);
    fr.uc.uc_mcontext.oldmask = mask_after;
    fr.uc.uc_mcontext.fpstate = (struct _fpstate *)at.fp;
    fr.uc.uc_sigmask = mask_after;
    memcpy(&fr.info, info, sizeof(*info));
    if (copy_to_user(at.frame, &fr, sizeof(fr)))
        return -EFAULT;
    if (s->altstack_flags & SS_AUTODISARM) {
        s->altstack = s->altstack_size = 0;
        s->altstack_flags = SS_DISABLE;
    }
    fp_reset(t);
    enter_handler(f, sig, act, at.frame);
    return 0;
}

long sigframe_return(struct trapframe *f)
{
    struct thread *t = current_thread();
    struct ucontext uc;
    uaddr_t frame = f->rsp - 8;
    if (copy_from_user(&uc, frame + offsetof(struct abi_rt_sigframe, uc), sizeof(uc)))
        goto bad;
    signal_set_blocked(uc.uc_sigmask);
    restore_registers(f, &uc.uc_mcontext);
    f->orig_rax = ~0ull; /* not a call to be restarted */
    if (fp_restore(t, (uaddr_t)uc.uc_mcontext.fpstate))
        goto bad;
    signal_altstack_set(t->sig, &uc.uc_stack, f->rsp, MINSIGSTKSZ);
    return (long)f->rax;
bad:
    signal_force(SIGSEGV, SI_KERNEL, 0);
    return 0;
}

u32 sigframe_min_size(void)
{
    return (u32)(sizeof(struct abi_rt_sigframe) + fp_size() + FP_XSTATE_MAGIC2_SIZE + 64 + 16 + 8 + RED_ZONE);
}

int siginfo_to_user(uaddr_t p, const struct ksiginfo *info)
{
    struct siginfo si;
    memset(&si, 0, sizeof(si));
    memcpy(&si, info, sizeof(*info));
    return copy_to_user(p, &si, sizeof(si));
}

int siginfo_from_user(struct ksiginfo *info, uaddr_t p)
{
    return copy_from_user(info, p, sizeof(*info));
}
