// SPDX-License-Identifier: MIT
/*
 * From a number to a handler. The table is made from table.h: an entry is an unpacker that casts each register to its
 * argument's type and calls the handler, so no function is called through a type that is not its own.
 *
 * The way a call takes: syscall.S → hook_syscall → table[number] → sys_name. A set bit in sys_flags (strace,
 * seccomp) leads through the slow door, which looks at the frame before and after.
 */
#include "abi/errno.h"
#include "arch/hooks.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "proc/ptrace.h"
#include "proc/seccomp.h"
#include "syscall/strace.h"
#include "syscall/sys.h"

#include <asm/unistd_64.h>

typedef long (*syscall_fn)(u64 a, u64 b, u64 c, u64 d, u64 e, u64 f);

/* ---- unpackers ---- */

#define REGS u64 a, u64 b, u64 c, u64 d, u64 e, u64 f
#define UNUSED (void)a, (void)b, (void)c, (void)d, (void)e, (void)f
#define ENTRY(name, call)       \
    static long do_##name(REGS) \
    {                           \
        UNUSED;                 \
        return call;            \
    }
#define SYS0(nr, name) ENTRY(name, sys_##name())
#define SYS1(nr, name, t1, a1) ENTRY(name, sys_##name((t1)a))
#define SYS2(nr, name, t1, a1, t2, a2) ENTRY(name, sys_##name((t1)a, (t2)b))
#define SYS3(nr, name, t1, a1, t2, a2, t3, a3) ENTRY(name, sys_##name((t1)a, (t2)b, (t3)c))
#define SYS4(nr, name, t1, a1, t2, a2, t3, a3, t4, a4) ENTRY(name, sys_##name((t1)a, (t2)b, (t3)c, (t4)d))
#define SYS5(nr, name, t1, a1, t2, a2, t3, a3, t4, a4, t5, a5) \
    ENTRY(name, sys_##name((t1)a, (t2)b, (t3)c, (t4)d, (t5)e))
#define SYS6(nr, name, t1, a1, t2, a2, t3, a3, t4, a4, t5, a5, t6, a6) \
    ENTRY(name, sys_##name((t1)a, (t2)b, (t3)c, (t4)d, (t5)e, (t6)f))
#define REFUSED(nr, name, reason)
#include "syscall/table.h"
#undef SYS0
#undef SYS1
#undef SYS2
#undef SYS3
#undef SYS4
#undef SYS5
#undef SYS6
#undef REFUSED

/* ---- refusals ---- */

/* One past the highest number of the table, found by the compiler: an array as long as its highest designator. */
#define SYS0(nr, name, ...) [nr] = 0,
#define SYS1 SYS0
#define SYS2 SYS0
#define SYS3 SYS0
#define SYS4 SYS0
#define SYS5 SYS0
#define SYS6 SYS0
#define REFUSED SYS0
static const char numbers[] __attribute__((unused)) = {
#include "syscall/table.h"
};
#undef SYS0
#undef SYS1
#undef SYS2
#undef SYS3
#undef SYS4
#undef SYS5
#undef SYS6
#undef REFUSED
#define SYSCALL_COUNT sizeof(numbers)

static u64 named[(SYSCALL_COUNT + 63) / 64]; /* refused numbers that the log has named */

/* Once a number: which program wanted it. */
static long refused(REGS)
{
    UNUSED;
    u32 nr = (u32)user_frame()->orig_rax;
    u64 bit = 1ull << nr % 64;
    if (!(__atomic_fetch_or(&named[nr / 64], bit, __ATOMIC_RELAXED) & bit))
        kinfo("%s: no system call %s (%u): %s", current_thread()->comm, syscall_name(nr), nr, syscall_refusal(nr));
    return -ENOSYS;
}

/* ---- the table ---- */

static const syscall_fn table[SYSCALL_COUNT] = {
    [335 ... 423] = refused, /* numbers that x86_64 never gave out; `make lint` looks for other holes */
#define SYS0(nr, name, ...) [nr] = do_##name,
#define SYS1 SYS0
#define SYS2 SYS0
#define SYS3 SYS0
#define SYS4 SYS0
#define SYS5 SYS0
#define SYS6 SYS0
#define REFUSED(nr, name, reason) [nr] = refused,
#include "syscall/table.h"
};

static long call(u32 nr, const struct trapframe *f)
{
    if (unlikely(nr >= SYSCALL_COUNT))
        return -ENOSYS; /* x32's numbers too */
    return table[nr](f->rdi, f->rsi, f->rdx, f->r10, f->r8, f->r9);
}

static __attribute__((noinline)) void slow_door(struct trapframe *f, u32 flags)
{
    if (flags & SYSF_STRACE)
        strace_enter((u32)f->orig_rax, f);
    bool wanted = !(flags & SYSF_PTRACE) || ptrace_syscall_enter(f);
    if (wanted && (!(flags & SYSF_SECCOMP) || seccomp_enter(f))) /* a tracer may have changed the number meanwhile */
        f->rax = (u64)call((u32)f->orig_rax, f);
    if (flags & SYSF_STRACE)
        strace_exit((u32)f->orig_rax, f, (long)f->rax);
}

void hook_syscall(struct trapframe *f)
{
    u32 nr = (u32)f->orig_rax;
    u32 flags = load_acquire(&current_thread()->arch.sys_flags); /* seccomp's TSYNC sets it from another thread */
    if (unlikely(flags)) {
        slow_door(f, flags);
        return;
    }
    f->rax = (u64)call(nr, f);
}
