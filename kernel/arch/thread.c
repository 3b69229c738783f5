// SPDX-License-Identifier: MIT
/*
 * The machine's part of a thread: first stack, vector state, segments, and the switch.
 *
 * Vector state, the invariant: percpu.fpu_owner == t and t->fpu_cpu == this CPU ⇔ this CPU's registers hold t's state.
 * A switch away from a user thread saves its registers (they stay valid in place); a switch to a thread whose state is
 * not in the registers clears fpu_owner, and the way to user mode then loads it. Everything here that touches the
 * registers or fpu_owner has interrupts off.
 *
 * The user's %gs base lives in MSR_KERNEL_GS_BASE while the kernel runs; percpu.user_gs knows what is there.
 */
#include "arch/thread.h"
#include "abi/errno.h"
#include "arch/asm_offsets.h"
#include "arch/cpu.h"
#include "arch/extable.h"
#include "arch/hooks.h"
#include "arch/percpu.h"
#include "arch/smp.h"
#include "lib/printf.h"
#include "lib/string.h"

#define MSR_FS_BASE 0xc0000100
#define MSR_KERNEL_GS_BASE 0xc0000102
#define FXSAVE_SIZE 512
#define MXCSR_DEFAULT 0x1f80
#define FCW_DEFAULT 0x37f

extern void thread_entry(void);
extern struct thread *switch_stacks(u64 *save_rsp, u64 next_rsp, struct thread *prev);
extern bool cpu_uses_fsgsbase;

static inline struct arch_thread *current_arch(void)
{
    return (struct arch_thread *)current_thread();
}

/* ---- vector state --------------------------------------------------------------------------------------------- */

static void fpu_store(struct arch_thread *t)
{
    u32 low = (u32)cpu.xfeatures, high = (u32)(cpu.xfeatures >> 32);
    if (cpu.xsaveopt)
        __asm__ volatile("xsaveopt64 (%0)" ::"r"(t->fpu), "a"(low), "d"(high) : "memory");
    else if (cpu.xsave)
        __asm__ volatile("xsave64 (%0)" ::"r"(t->fpu), "a"(low), "d"(high) : "memory");
    else
        __asm__ volatile("fxsave64 (%0)" ::"r"(t->fpu) : "memory");
}

/* False: the area is malformed (signal frames and ptrace are checked before; nothing of the kernel depends on it). */
static bool fpu_try_load(const struct arch_thread *t)
{
    bool ok = true;
    if (cpu.xsave)
        __asm__ volatile("1: xrstor64 (%1)\n\tjmp 3f\n\t2: movb $0, %0\n\t3:\n\t" EXTABLE("1b", "2b")
                         : "+r"(ok)
                         : "r"(t->fpu), "a"((u32)cpu.xfeatures), "d"((u32)(cpu.xfeatures >> 32))
                         : "memory");
    else
        __asm__ volatile("1: fxrstor64 (%1)\n\tjmp 3f\n\t2: movb $0, %0\n\t3:\n\t" EXTABLE("1b", "2b")
                         : "+r"(ok)
                         : "r"(t->fpu)
                         : "memory");
    return ok;
}

static bool fpu_is_loaded(const struct percpu *c, const struct arch_thread *t)
{
    return c->fpu_owner == (const struct thread *)t && t->fpu_cpu == c->id;
}

void fpu_save_current(void)
{
    u64 flags = irq_save();
    struct arch_thread *t = current_arch();
    if (fpu_is_loaded(this_cpu(), t))
        fpu_store(t);
    irq_restore(flags);
}

void fpu_drop(struct arch_thread *t)
{
    u64 flags = irq_save();
    struct percpu *c = this_cpu();
    if (c->fpu_owner == (struct thread *)t)
        c->fpu_owner = NULL;
    t->fpu_cpu = (u32)-1;
    irq_restore(flags);
}

/* As after reset, with the ABI's control words; a header without features set means "initial" to XRSTOR. */
static void fpu_initial(void *area)
{
    memset(area, 0, cpu.xstate_size);
    u16 fcw = FCW_DEFAULT;
    u32 mxcsr = MXCSR_DEFAULT;
    memcpy(area, &fcw, sizeof(fcw));
    memcpy((u8 *)area + 24, &mxcsr, sizeof(mxcsr));
    if (cpu.xsave)
        *(u64 *)((u8 *)area + FXSAVE_SIZE) = cpu.xfeatures & 3;
}

void fpu_restore_current(void)
{
    struct percpu *c = this_cpu();
    struct arch_thread *t = current_arch();
    if (fpu_is_loaded(c, t))
        return;
    if (unlikely(!fpu_try_load(t))) {
        fpu_initial(t->fpu);
        fpu_try_load(t);
    }
    c->fpu_owner = (struct thread *)t;
    t->fpu_cpu = c->id;
}

int arch_thread_alloc_fpu(struct arch_thread *t)
{
    t->fpu = hook_vector_state_alloc();
    if (!t->fpu)
        return -ENOMEM;
    fpu_initial(t->fpu);
    fpu_drop(t); /* a thread that lived at this address may have left its mark */
    return 0;
}

void arch_thread_free(struct arch_thread *t)
{
    if (t->fpu)
        hook_vector_state_free(t->fpu);
    t->fpu = NULL;
}

/* ---- segments --------------------------------------------------------------------------------------------------- */

static void write_user_gs(struct percpu *c, u64 v)
{
    if (cpu_uses_fsgsbase)
        __asm__ volatile("swapgs; wrgsbase %0; swapgs" ::"r"(v) : "memory");
    else
        wrmsr(MSR_KERNEL_GS_BASE, v);
    c->user_gs = v;
}

static u64 read_user_gs(struct percpu *c)
{
    if (cpu_uses_fsgsbase)
        __asm__ volatile("swapgs; rdgsbase %0; swapgs" : "=r"(c->user_gs)::"memory");
    return c->user_gs;
}

static u64 read_fs_base(const struct arch_thread *t)
{
    u64 v = t->fs_base;
    if (cpu_uses_fsgsbase)
        __asm__ volatile("rdfsbase %0" : "=r"(v));
    return v;
}

static void write_fs_base(u64 v)
{
    if (cpu_uses_fsgsbase)
        __asm__ volatile("wrfsbase %0" ::"r"(v));
    else
        wrmsr(MSR_FS_BASE, v);
}

static u16 read_sel_gs(void)
{
    u16 v;
    __asm__ volatile("movw %%gs, %0" : "=r"(v));
    return v;
}

static void save_segments(struct arch_thread *t, struct percpu *c)
{
    __asm__ volatile("movw %%fs, %0\n\tmovw %%ds, %1\n\tmovw %%es, %2"
                     : "=r"(t->fs_sel), "=r"(t->ds_sel), "=r"(t->es_sel));
    t->gs_sel = read_sel_gs();
    t->fs_base = read_fs_base(t);
    t->gs_base = read_user_gs(c);
}

/* A selector that is no longer valid (its TLS descriptor is gone), or never was (a tracer's), is not loaded. */
void gs_selector_load(u32 sel); /* entry.S */

#define LOAD_SEL(reg, sel) \
    __asm__ volatile("1: movw %w0, %%" reg "\n\t2:\n\t" EXTABLE("1b", "2b")::"r"((u32)(sel)) : "memory")

/* The hardware holds `old`'s selectors, which are zero in all but odd programs. */
static void load_segments(const struct arch_thread *t, struct percpu *c, bool old_any)
{
    if (unlikely(old_any || t->fs_sel | t->gs_sel | t->ds_sel | t->es_sel)) {
        LOAD_SEL("ds", t->ds_sel);
        LOAD_SEL("es", t->es_sel);
        LOAD_SEL("fs", t->fs_sel);
        gs_selector_load(t->gs_sel);
        c->user_gs = ~t->gs_base; /* whatever the load left there */
    }
    write_fs_base(t->fs_base);
    if (c->user_gs != t->gs_base)
        write_user_gs(c, t->gs_base);
}

static bool any_selector(void)
{
    u16 fs, gs, ds, es;
    __asm__ volatile("movw %%fs, %0\n\tmovw %%gs, %1\n\tmovw %%ds, %2\n\tmovw %%es, %3"
                     : "=r"(fs), "=r"(gs), "=r"(ds), "=r"(es));
    return fs | gs | ds | es;
}

void arch_set_fs_base(u64 v)
{
    u64 flags = irq_save();
    if (!cpu_uses_fsgsbase)
        LOAD_SEL("fs", 0); /* a base of its own means no descriptor */
    write_fs_base(v);
    current_arch()->fs_base = v;
    irq_restore(flags);
}

void arch_set_gs_base(u64 v)
{
    u64 flags = irq_save();
    write_user_gs(this_cpu(), v);
    current_arch()->gs_base = v;
    irq_restore(flags);
}

u64 arch_get_fs_base(void)
{
    return read_fs_base(current_arch());
}

u64 arch_get_gs_base(void)
{
    u64 flags = irq_save();
    u64 v = read_user_gs(this_cpu());
    irq_restore(flags);
    return v;
}

/* ---- life ------------------------------------------------------------------------------------------------------- */

void arch_thread_init(struct arch_thread *t, u64 kstack, void (*fn)(void *), void *arg)
{
    t->kstack = kstack;
    t->fpu_cpu = (u32)-1;
    u64 *sp = (u64 *)arch_user_frame(t);
    sp = (u64 *)ALIGN_DOWN((u64)sp, 16ul) - 1; /* as if a call had pushed: aligned when thread_entry pops its address */
    *--sp = (u64)thread_entry;
    *--sp = 0;        /* rbp */
    *--sp = 0;        /* rbx */
    *--sp = (u64)fn;  /* r12 */
    *--sp = (u64)arg; /* r13 */
    *--sp = 0;        /* r14 */
    *--sp = 0;        /* r15 */
    t->rsp = (u64)sp;
}

int arch_thread_clone_state(struct arch_thread *child)
{
    struct arch_thread *parent = current_arch();
    child->fpu = hook_vector_state_alloc();
    if (!child->fpu)
        return -ENOMEM;
    u64 flags = irq_save();
    if (fpu_is_loaded(this_cpu(), parent))
        fpu_store(parent);
    save_segments(parent, this_cpu());
    irq_restore(flags);
    memcpy(child->fpu, parent->fpu, cpu.xstate_size);
    child->fpu_cpu = (u32)-1;
    child->fs_base = parent->fs_base;
    child->gs_base = parent->gs_base;
    child->fs_sel = parent->fs_sel;
    child->gs_sel = parent->gs_sel;
    child->ds_sel = parent->ds_sel;
    child->es_sel = parent->es_sel;
    return 0;
}

void arch_thread_exec(struct arch_thread *t)
{
    u64 flags = irq_save();
    if (t->debug) {
        memset(t->debug, 0, sizeof(*t->debug));
        arch_debug_load(NULL);
    }
    fpu_initial(t->fpu);
    fpu_drop(t);
    t->fs_base = t->gs_base = 0;
    t->fs_sel = t->gs_sel = t->ds_sel = t->es_sel = 0;
    read_user_gs(this_cpu()); /* user mode may have changed it since the switch */
    load_segments(t, this_cpu(), any_selector());
    irq_restore(flags);
}

/* DR7's bits that user mode may set: L0-L3, G0-G3, conditions and lengths. */
void arch_debug_load(const struct arch_debug *d)
{
    u64 dr7 = d ? d->dr7 : 0;
    __asm__ volatile("movq %0, %%dr7" ::"r"(0x400ul));
    if (!dr7)
        return;
    __asm__ volatile("movq %0, %%dr0" ::"r"(d->addr[0]));
    __asm__ volatile("movq %0, %%dr1" ::"r"(d->addr[1]));
    __asm__ volatile("movq %0, %%dr2" ::"r"(d->addr[2]));
    __asm__ volatile("movq %0, %%dr3" ::"r"(d->addr[3]));
    __asm__ volatile("movq %0, %%dr7" ::"r"(dr7 | 0x400ul));
}

struct thread *arch_switch(struct thread *prev, struct thread *next)
{
    struct arch_thread *p = (struct arch_thread *)prev, *n = (struct arch_thread *)next;
    struct percpu *c = this_cpu();
    if (p->fpu) {
        if (fpu_is_loaded(c, p))
            fpu_store(p);
        save_segments(p, c);
    }
    if (n->fpu) {
        if (!fpu_is_loaded(c, n) && c->fpu_owner == next)
            c->fpu_owner = NULL; /* it ran elsewhere since */
        load_segments(n, c, any_selector());
    }
    if (unlikely(p->debug || n->debug))
        arch_debug_load(n->debug);
    cpu_set_rsp0(c, n->kstack + KSTACK_SIZE);
    c->current = next;
    return switch_stacks(&p->rsp, n->rsp, prev);
}
