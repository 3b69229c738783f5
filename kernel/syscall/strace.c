// SPDX-License-Identifier: MIT
/*
 * Printing a system call with its arguments by kind (syscall/types.h) and its result. Arguments are printed on the way
 * in, into a buffer of the call; what the kernel fills is printed on the way out. A call that does not return (exit,
 * a successful execve) is printed when it begins.
 */
#include "syscall/strace.h"

#include "abi/fcntl.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "sched/thread.h"
#include "syscall/strace_words.h"

#include <asm/unistd_64.h>

#define MAX_ARGS 6

struct arg {
    const char *kind, *name;
};
struct call {
    const char *name, *refusal; /* why there is no such call, or NULL */
    struct arg args[MAX_ARGS];
};

static const struct call calls[] = {
#define A(t, a) \
    {           \
#t, #a  \
    }
#define SYS0(nr, name) [nr] = {#name, NULL, {}},
#define SYS1(nr, name, t1, a1) [nr] = {#name, NULL, {A(t1, a1)}},
#define SYS2(nr, name, t1, a1, t2, a2) [nr] = {#name, NULL, {A(t1, a1), A(t2, a2)}},
#define SYS3(nr, name, t1, a1, t2, a2, t3, a3) [nr] = {#name, NULL, {A(t1, a1), A(t2, a2), A(t3, a3)}},
#define SYS4(nr, name, t1, a1, t2, a2, t3, a3, t4, a4) \
    [nr] = {#name, NULL, {A(t1, a1), A(t2, a2), A(t3, a3), A(t4, a4)}},
#define SYS5(nr, name, t1, a1, t2, a2, t3, a3, t4, a4, t5, a5) \
    [nr] = {#name, NULL, {A(t1, a1), A(t2, a2), A(t3, a3), A(t4, a4), A(t5, a5)}},
#define SYS6(nr, name, t1, a1, t2, a2, t3, a3, t4, a4, t5, a5, t6, a6) \
    [nr] = {#name, NULL, {A(t1, a1), A(t2, a2), A(t3, a3), A(t4, a4), A(t5, a5), A(t6, a6)}},
#define REFUSED(nr, name, reason) [nr] = {#name, reason, {}},
#include "syscall/table.h"
};

const char *syscall_name(u32 nr)
{
    return nr < ARRAY_SIZE(calls) && calls[nr].name ? calls[nr].name : "?";
}

const char *syscall_refusal(u32 nr)
{
    return nr < ARRAY_SIZE(calls) && calls[nr].refusal ? calls[nr].refusal : "Linux has no such call on x86_64";
}

/* ---- a call ---- */

/* The mode is an argument of open only when a file may be made. */
static bool unused(const struct call *c, u32 i, const u64 *v)
{
    return i > 0 && !strcmp(c->args[i].kind, "mode_k") && !strcmp(c->args[i - 1].kind, "oflags_k") &&
           !(v[i - 1] & (O_CREAT | (O_TMPFILE & ~O_DIRECTORY)));
}

static void put_call(struct seq_buf *s, u32 nr, const u64 *v, long ret, bool after)
{
    const struct call *c = &calls[nr];
    seq_printf(s, "[%d] %s(", current_thread()->tid, syscall_name(nr));
    for (u32 i = 0; nr < ARRAY_SIZE(calls) && i < MAX_ARGS && c->args[i].kind && !unused(c, i, v); i++) {
        if (i)
            seq_puts(s, ", ");
        strace_put_arg(s, c->args[i].kind, &v[i], after, ret);
    }
}

static bool returns_address(u32 nr)
{
    return nr == __NR_mmap || nr == __NR_brk || nr == __NR_mremap || nr == __NR_shmat;
}

static void put_result(struct seq_buf *s, u32 nr, long ret)
{
    seq_puts(s, ") = ");
    if (ret < 0 && ret >= -4095)
        strace_put_error(s, -ret);
    else
        seq_printf(s, returns_address(nr) || ret < 0 ? "0x%lx" : "%ld", ret);
}

static void emit(struct seq_buf *s)
{
    if (s->buf && !s->failed)
        klog(LOG_INFO, "%.*s", (int)s->len, s->buf);
    seq_free(s);
}

static bool returns_not(u32 nr)
{
    return nr == __NR_exit || nr == __NR_exit_group || nr == __NR_rt_sigreturn || nr == __NR_execve ||
           nr == __NR_execveat;
}

static void get_args(const struct trapframe *f, u64 *v)
{
    const u64 regs[MAX_ARGS + 1] = {f->rdi, f->rsi, f->rdx, f->r10, f->r8, f->r9, 0};
    memcpy(v, regs, sizeof(regs));
}

void strace_enter(u32 nr, const struct trapframe *f)
{
    u64 v[MAX_ARGS + 1];
    struct seq_buf s = {0};
    if (!returns_not(nr))
        return;
    get_args(f, v);
    put_call(&s, nr, v, 0, false);
    seq_puts(&s, nr == __NR_execve || nr == __NR_execveat ? ")" : ") = ?");
    emit(&s);
}

void strace_exit(u32 nr, const struct trapframe *f, long ret)
{
    u64 v[MAX_ARGS + 1];
    struct seq_buf s = {0};
    if (returns_not(nr) && ret >= 0)
        return;
    get_args(f, v);
    put_call(&s, nr, v, ret, true);
    put_result(&s, nr, ret);
    emit(&s);
}
