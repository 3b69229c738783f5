// SPDX-License-Identifier: MIT
/* ptrace(2): the registers of a frozen tracee. What it may be given is what user mode may hold: as Linux checks it. */
#include "abi/errno.h"
#include "arch/cpu.h"
#include "arch/hooks.h"
#include "arch/usercopy.h"
#include "lib/string.h"
#include "proc/ptrace.h"
#include "proc/signal_internal.h"
#include "vm/mm.h"

#define TF 0x100ul
#define FLAGS_SET 0x54dd5ul /* CF PF AF ZF SF TF DF OF NT RF AC */
#define REG(name) (offsetof(struct user_regs_struct, name))
#define FX_SIZE 512u

/* ---- one register ---- */

static u64 read_flags(struct thread *t)
{
    u64 v = arch_user_frame(&t->arch)->rflags;
    return t->trace->forced_tf ? v & ~TF : v;
}

static u64 get_reg(struct thread *t, u64 off)
{
    switch (off) {
    case REG(eflags):
        return read_flags(t);
    case REG(fs_base):
        return t->arch.fs_base;
    case REG(gs_base):
        return t->arch.gs_base;
    case REG(ds):
        return t->arch.ds_sel;
    case REG(es):
        return t->arch.es_sel;
    case REG(fs):
        return t->arch.fs_sel;
    case REG(gs):
        return t->arch.gs_sel;
    default:
        return ((u64 *)arch_user_frame(&t->arch))[off / 8];
    }
}

static int set_selector(struct thread *t, u64 off, u64 v)
{
    bool bad = v && (v & 3) != 3;
    if (bad || v > 0xffff)
        return -EIO;
    switch (off) {
    case REG(cs):
    case REG(ss):
        if (!v)
            return -EIO;
        ((u64 *)arch_user_frame(&t->arch))[off / 8] = v;
        return 0;
    case REG(ds):
        t->arch.ds_sel = (u16)v;
        return 0;
    case REG(es):
        t->arch.es_sel = (u16)v;
        return 0;
    case REG(fs):
        t->arch.fs_sel = (u16)v;
        return 0;
    default:
        t->arch.gs_sel = (u16)v;
        return 0;
    }
}

static void set_flags(struct thread *t, u64 v)
{
    struct trapframe *f = arch_user_frame(&t->arch);
    if (v & TF)
        t->trace->forced_tf = false;
    else if (t->trace->forced_tf)
        v |= TF;
    f->rflags = (f->rflags & ~FLAGS_SET) | (v & FLAGS_SET);
}

static int set_reg(struct thread *t, u64 off, u64 v)
{
    switch (off) {
    case REG(eflags):
        set_flags(t, v);
        return 0;
    case REG(fs_base):
    case REG(gs_base):
        if (v >= USER_END)
            return -EIO;
        *(off == REG(fs_base) ? &t->arch.fs_base : &t->arch.gs_base) = v;
        return 0;
    case REG(cs):
    case REG(ss):
    case REG(ds):
    case REG(es):
    case REG(fs):
    case REG(gs):
        return set_selector(t, off, v);
    default:
        ((u64 *)arch_user_frame(&t->arch))[off / 8] = v;
        return 0;
    }
}

/* ---- debug registers ---- */

/* The conditions and lengths that DR7 enables: execution (1 byte), write, read or write; aligned, in user memory. */
static int check_debug(const struct arch_debug *d)
{
    static const u8 bytes[] = {1, 2, 8, 4};
    for (u32 i = 0; i < 4; i++) {
        u64 kind = d->dr7 >> (16 + 4 * i) & 3, len = d->dr7 >> (18 + 4 * i) & 3;
        if (!(d->dr7 >> (2 * i) & 3))
            continue;
        if (kind == 2 || (kind == 0 && len) || d->addr[i] & (bytes[len] - 1u) || d->addr[i] >= USER_END - 8)
            return -EINVAL;
    }
    return 0;
}

static int set_debug(struct thread *t, u64 n, u64 v)
{
    struct arch_debug d = t->trace->debug;
    if (n == 4 || n == 5)
        return -EIO;
    if (n < 4)
        d.addr[n] = v;
    else if (n == 6)
        d.dr6 = v;
    else
        d.dr7 = v & 0xffff00fful;
    if (n < 4 && v >= USER_END)
        return -EINVAL;
    int err = check_debug(&d);
    if (err)
        return err;
    t->trace->debug = d;
    t->arch.debug = &t->trace->debug;
    return 0;
}

static u64 get_debug(struct thread *t, u64 n)
{
    const struct arch_debug *d = &t->trace->debug;
    return n < 4 ? d->addr[n] : n == 6 ? d->dr6 : n == 7 ? d->dr7 : 0;
}

/* ---- the user area ---- */

int ptrace_peek_user(struct thread *t, u64 off, u64 *out)
{
    if (off & 7 || off >= ABI_USER_SIZE)
        return -EIO;
    *out = 0;
    if (off < sizeof(struct user_regs_struct))
        *out = get_reg(t, off);
    else if (off >= ABI_USER_DEBUGREG && off < ABI_USER_DEBUGREG + 64)
        *out = get_debug(t, (off - ABI_USER_DEBUGREG) / 8);
    return 0;
}

int ptrace_poke_user(struct thread *t, u64 off, u64 v)
{
    if (off & 7 || off >= ABI_USER_SIZE)
        return -EIO;
    if (off < sizeof(struct user_regs_struct))
        return set_reg(t, off, v);
    return off >= ABI_USER_DEBUGREG && off < ABI_USER_DEBUGREG + 64 ? set_debug(t, (off - ABI_USER_DEBUGREG) / 8, v)
                                                                    : -EIO;
}

/* ---- register sets ---- */

static int general(struct thread *t, uaddr_t at, u64 len, bool set)
{
    for (u64 off = 0; off < len; off += 8) {
        u64 v = set ? 0 : get_reg(t, off);
        if (set ? get_user_u64(&v, at + off) : put_user_u64(at + off, v))
            return -EFAULT;
        int err = set ? set_reg(t, off, v) : 0;
        if (err)
            return err;
    }
    return 0;
}

static int get_vector(struct thread *t, uaddr_t at, u64 len)
{
    struct _xstate *x = t->arch.fpu;
    vector_complete(x);
    memset(&x->fpstate.sw_reserved, 0, sizeof(x->fpstate.sw_reserved));
    if (len > FX_SIZE)
        memcpy((u8 *)x + ABI_XSTATE_FEATURES, &cpu.xfeatures, sizeof(cpu.xfeatures));
    return copy_to_user(at, x, len) ? -EFAULT : 0;
}

static int set_vector(struct thread *t, uaddr_t at, u64 len, bool whole)
{
    u32 size = cpu.xsave ? cpu.xstate_size : FX_SIZE;
    struct _xstate *x = t->arch.fpu;
    struct _xstate *new = hook_vector_state_alloc();
    if (!new)
        return -ENOMEM;
    vector_complete(x);
    memcpy(new, x, size);
    int err = copy_from_user(new, at, len) ? -EFAULT : 0;
    new->fpstate.mxcsr_mask = x->fpstate.mxcsr_mask;
    if (!err && !vector_valid(new, whole))
        err = -EINVAL;
    if (!err) {
        memcpy(x, new, size);
        fpu_drop(&t->arch);
    }
    hook_vector_state_free(new);
    return err;
}

int ptrace_regset(struct thread *t, u64 type, uaddr_t base, u64 *len, bool set)
{
    bool whole = type == NT_X86_XSTATE;
    u64 size = type == NT_PRSTATUS ? sizeof(struct user_regs_struct) : whole ? cpu.xstate_size : FX_SIZE;
    if ((!whole && type != NT_PRSTATUS && type != NT_PRFPREG) || *len % 8)
        return -EINVAL;
    if (whole && !cpu.xsave)
        return -ENODEV;
    bool partly = *len < size;
    *len = MIN(*len, size);
    if (type == NT_PRSTATUS)
        return general(t, base, *len, set);
    if (!set)
        return get_vector(t, base, *len);
    if (partly)
        return whole ? -EFAULT : -EINVAL;
    return set_vector(t, base, *len, whole);
}

/* ---- single steps ---- */

/* Does the next instruction load the flags itself? Then TF is the program's own afterwards. */
static bool loads_flags(struct thread *t)
{
    u8 code[8];
    struct mm *mm = t->mm;
    ssize_t n = mm ? mm_access(mm, arch_user_frame(&t->arch)->rip, code, sizeof(code), false, true) : 0;
    for (ssize_t i = 0; i < n; i++) {
        if (code[i] == 0x9d || code[i] == 0xcf) /* popf, iret */
            return true;
        if (code[i] != 0x66 && (code[i] & 0xf0) != 0x40) /* prefixes */
            return false;
    }
    return false;
}

void ptrace_step_on(struct thread *t)
{
    struct trapframe *f = arch_user_frame(&t->arch);
    struct trace *tr = t->trace;
    bool own = f->rflags & TF && !tr->forced_tf;
    f->rflags |= TF;
    tr->step = true;
    tr->forced_tf = !own && !loads_flags(t);
}

void ptrace_step_off(struct thread *t)
{
    struct trace *tr = t->trace;
    if (tr->forced_tf)
        arch_user_frame(&t->arch)->rflags &= ~TF;
    tr->forced_tf = tr->step = false;
}
