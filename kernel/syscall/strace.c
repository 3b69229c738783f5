// SPDX-License-Identifier: MIT
/*
 * Printing a system call with its arguments by kind (syscall/types.h) and its result. Arguments are printed on the way
 * in, into a buffer of the call; what the kernel fills is printed on the way out. A call that does not return (exit,
 * a successful execve) is printed when it begins.
 */
#include "syscall/strace.h"

#include "abi/errno.h"
#include "abi/fcntl.h"
#include "abi/mman.h"
#include "abi/signal.h"
#include "arch/usercopy.h"
#include "fs/seq.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "mem/slab.h"
#include "sched/thread.h"

#include <asm/unistd_64.h>

#define MAX_ARGS 6
#define SHOW_BYTES 32u
#define SHOW_PATH 256u

struct arg {
    const char *kind, *name;
};
struct call {
    const char *name;
    struct arg args[MAX_ARGS];
};

static const struct call calls[] = {
#define A(t, a) \
    {           \
#t, #a  \
    }
#define SYS0(nr, name) [nr] = {#name, {}},
#define SYS1(nr, name, t1, a1) [nr] = {#name, {A(t1, a1)}},
#define SYS2(nr, name, t1, a1, t2, a2) [nr] = {#name, {A(t1, a1), A(t2, a2)}},
#define SYS3(nr, name, t1, a1, t2, a2, t3, a3) [nr] = {#name, {A(t1, a1), A(t2, a2), A(t3, a3)}},
#define SYS4(nr, name, t1, a1, t2, a2, t3, a3, t4, a4) [nr] = {#name, {A(t1, a1), A(t2, a2), A(t3, a3), A(t4, a4)}},
#define SYS5(nr, name, t1, a1, t2, a2, t3, a3, t4, a4, t5, a5) \
    [nr] = {#name, {A(t1, a1), A(t2, a2), A(t3, a3), A(t4, a4), A(t5, a5)}},
#define SYS6(nr, name, t1, a1, t2, a2, t3, a3, t4, a4, t5, a5, t6, a6) \
    [nr] = {#name, {A(t1, a1), A(t2, a2), A(t3, a3), A(t4, a4), A(t5, a5), A(t6, a6)}},
#define REFUSED(nr, name, reason) [nr] = {#name, {}},
#include "syscall/table.h"
};

const char *syscall_name(u32 nr)
{
    return nr < ARRAY_SIZE(calls) && calls[nr].name ? calls[nr].name : "?";
}

/* ---- words for numbers ---- */

struct word {
    u64 value;
    const char *name;
};
#define W(x)    \
    {           \
        (x), #x \
    }
static const struct word open_words[] = {W(O_WRONLY), W(O_RDWR),     W(O_CREAT),    W(O_EXCL),   W(O_NOCTTY),
                                         W(O_TRUNC),  W(O_APPEND),   W(O_NONBLOCK), W(O_DIRECT), W(O_DIRECTORY),
                                         W(O_PATH),   W(O_NOFOLLOW), W(O_CLOEXEC)};
static const struct word prot_words[] = {W(PROT_READ), W(PROT_WRITE), W(PROT_EXEC)};
static const struct word map_words[] = {W(MAP_SHARED),    W(MAP_PRIVATE),   W(MAP_FIXED), W(MAP_ANONYMOUS),
                                        W(MAP_GROWSDOWN), W(MAP_NORESERVE), W(MAP_STACK), W(MAP_POPULATE)};
static const char *const signals[] = {"0",      "HUP",  "INT",    "QUIT", "ILL",   "TRAP", "ABRT", "BUS",
                                      "FPE",    "KILL", "USR1",   "SEGV", "USR2",  "PIPE", "ALRM", "TERM",
                                      "STKFLT", "CHLD", "CONT",   "STOP", "TSTP",  "TTIN", "TTOU", "URG",
                                      "XCPU",   "XFSZ", "VTALRM", "PROF", "WINCH", "IO",   "PWR",  "SYS"};
static const struct word errors[] = {W(EPERM),       W(ENOENT),         W(ESRCH),          W(EINTR),
                                     W(EIO),         W(ENXIO),          W(E2BIG),          W(ENOEXEC),
                                     W(EBADF),       W(ECHILD),         W(EAGAIN),         W(ENOMEM),
                                     W(EACCES),      W(EFAULT),         W(EBUSY),          W(EEXIST),
                                     W(EXDEV),       W(ENODEV),         W(ENOTDIR),        W(EISDIR),
                                     W(EINVAL),      W(ENFILE),         W(EMFILE),         W(ENOTTY),
                                     W(ETXTBSY),     W(EFBIG),          W(ENOSPC),         W(ESPIPE),
                                     W(EROFS),       W(EMLINK),         W(EPIPE),          W(ERANGE),
                                     W(EDEADLK),     W(ENAMETOOLONG),   W(ENOSYS),         W(ENOTEMPTY),
                                     W(ELOOP),       W(ENODATA),        W(EOVERFLOW),      W(ELIBBAD),
                                     W(ENOTSOCK),    W(EOPNOTSUPP),     W(EAFNOSUPPORT),   W(ETIMEDOUT),
                                     W(ERESTARTSYS), W(ERESTARTNOINTR), W(ERESTARTNOHAND), W(ERESTART_RESTARTBLOCK)};

static void put_flags(struct seq_buf *s, u64 v, const struct word *w, size_t n, const char *none)
{
    bool first = true;
    for (size_t i = 0; i < n; i++) {
        if ((v & w[i].value) != w[i].value)
            continue;
        seq_printf(s, "%s%s", first ? "" : "|", w[i].name);
        v &= ~w[i].value;
        first = false;
    }
    if (v)
        seq_printf(s, "%s0x%lx", first ? "" : "|", v);
    else if (first)
        seq_puts(s, none);
}

static void put_escaped(struct seq_buf *s, const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        u8 c = (u8)p[i];
        if (c == '\n')
            seq_puts(s, "\\n");
        else if (c == '"' || c == '\\')
            seq_printf(s, "\\%c", c);
        else if (c >= ' ' && c < 127)
            seq_putc(s, (char)c);
        else
            seq_printf(s, "\\x%02x", c);
    }
}

static void put_bytes(struct seq_buf *s, uaddr_t p, u64 n)
{
    char buf[SHOW_BYTES];
    size_t show = MIN(n, (u64)SHOW_BYTES);
    size_t missing = copy_from_user_partial(buf, p, show);
    if (show && missing == show) {
        seq_printf(s, "0x%lx", p);
        return;
    }
    seq_putc(s, '"');
    put_escaped(s, buf, show - missing);
    seq_puts(s, n > show ? "\"…" : "\"");
}

static void put_string(struct seq_buf *s, uaddr_t p)
{
    char buf[SHOW_PATH];
    ssize_t n = copy_string_from_user(buf, p, sizeof(buf));
    if (!p) {
        seq_puts(s, "NULL");
    } else if (n == -EFAULT) {
        seq_printf(s, "0x%lx", p);
    } else {
        seq_putc(s, '"');
        put_escaped(s, buf, n < 0 ? sizeof(buf) - 1 : (size_t)n);
        seq_puts(s, n < 0 ? "\"…" : "\"");
    }
}

static void put_argv(struct seq_buf *s, uaddr_t v)
{
    u64 p;
    seq_putc(s, '[');
    for (u32 i = 0; i < 32 && v && !get_user_u64(&p, v + i * 8) && p; i++) {
        if (i)
            seq_puts(s, ", ");
        put_string(s, p);
    }
    seq_putc(s, ']');
}

static void put_timespec(struct seq_buf *s, uaddr_t p)
{
    s64 ts[2];
    if (p && !copy_from_user(ts, p, sizeof(ts)))
        seq_printf(s, "{%ld, %ld}", ts[0], ts[1]);
    else
        seq_printf(s, p ? "0x%lx" : "NULL", p);
}

static void put_sigset(struct seq_buf *s, uaddr_t p)
{
    u64 set;
    if (p && !get_user_u64(&set, p))
        seq_printf(s, "{0x%lx}", set);
    else
        seq_printf(s, p ? "0x%lx" : "NULL", p);
}

static void put_signal(struct seq_buf *s, u64 v)
{
    if (v && v < ARRAY_SIZE(signals))
        seq_printf(s, "SIG%s", signals[v]);
    else
        seq_printf(s, "%ld", v);
}

static void put_iov(struct seq_buf *s, uaddr_t p, u64 n)
{
    u64 v[2];
    seq_putc(s, '[');
    for (u64 i = 0; i < n && i < 4 && !copy_from_user(v, p + i * 16, sizeof(v)); i++) {
        if (i)
            seq_puts(s, ", ");
        put_bytes(s, v[0], v[1]);
    }
    seq_puts(s, n > 4 ? ", …]" : "]");
}

static bool is(const char *kind, const char *k)
{
    return !strcmp(kind, k);
}

/* Kinds that are known only when the call has returned. */
static bool filled_later(const char *kind)
{
    return is(kind, "obuf_k") || is(kind, "fds_k");
}

static void put_pointer(struct seq_buf *s, u64 v)
{
    if (v)
        seq_printf(s, "0x%lx", v);
    else
        seq_puts(s, "NULL");
}

static void put_text_kind(struct seq_buf *s, const char *kind, const u64 *v)
{
    if (is(kind, "path_k") || is(kind, "str_k"))
        put_string(s, *v);
    else if (is(kind, "ibuf_k"))
        put_bytes(s, *v, v[1]);
    else if (is(kind, "iov_k"))
        put_iov(s, *v, v[1]);
    else if (is(kind, "argv_k"))
        put_argv(s, *v);
    else if (is(kind, "timespec_k"))
        put_timespec(s, *v);
    else if (is(kind, "sigset_k"))
        put_sigset(s, *v);
    else
        put_pointer(s, *v);
}

static void put_arg(struct seq_buf *s, const char *kind, const u64 *v)
{
    if (is(kind, "fd_k") && (int)*v == AT_FDCWD)
        seq_puts(s, "AT_FDCWD");
    else if (is(kind, "oflags_k"))
        put_flags(s, (u32)*v, open_words, ARRAY_SIZE(open_words), "O_RDONLY");
    else if (is(kind, "prot_k"))
        put_flags(s, *v, prot_words, ARRAY_SIZE(prot_words), "PROT_NONE");
    else if (is(kind, "map_k"))
        put_flags(s, *v, map_words, ARRAY_SIZE(map_words), "0");
    else if (is(kind, "mode_k"))
        seq_printf(s, "0%o", (u32)*v);
    else if (is(kind, "sig_k"))
        put_signal(s, *v);
    else if (is(kind, "hex_k") || is(kind, "hex64_k"))
        seq_printf(s, "0x%lx", *v);
    else if (is(kind, "int") || is(kind, "fd_k") || is(kind, "pid_k") || is(kind, "clock_k"))
        seq_printf(s, "%d", (int)*v);
    else if (is(kind, "u32"))
        seq_printf(s, "%u", (u32)*v);
    else if (is(kind, "size_t") || is(kind, "off_k"))
        seq_printf(s, "%ld", *v);
    else if (is(kind, "u64"))
        seq_printf(s, *v < 65536 ? "%lu" : "0x%lx", *v);
    else
        put_text_kind(s, kind, v);
}

/* ---- a call ---- */

static void put_call(struct seq_buf *s, u32 nr, const u64 *v, long ret, bool after)
{
    const struct call *c = &calls[nr];
    seq_printf(s, "[%d] %s(", current_thread()->tid, syscall_name(nr));
    for (u32 i = 0; nr < ARRAY_SIZE(calls) && i < MAX_ARGS && c->args[i].kind; i++) {
        const char *kind = c->args[i].kind;
        if (i)
            seq_puts(s, ", ");
        if (!after || !filled_later(kind) || ret < 0) {
            put_arg(s, kind, &v[i]);
        } else if (is(kind, "obuf_k")) {
            put_bytes(s, v[i], (u64)ret);
        } else {
            u32 fds[2] = {0, 0};
            if (!copy_from_user(fds, v[i], sizeof(fds)))
                seq_printf(s, "[%u, %u]", fds[0], fds[1]);
        }
    }
}

static void put_result(struct seq_buf *s, long ret)
{
    if (ret >= 0 || ret < -4095) {
        seq_printf(s, (u64)ret > 0xffffff ? ") = 0x%lx" : ") = %ld", ret);
        return;
    }
    for (u32 i = 0; i < ARRAY_SIZE(errors); i++) {
        if (errors[i].value == (u64)-ret) {
            seq_printf(s, ") = -1 %s", errors[i].name);
            return;
        }
    }
    seq_printf(s, ") = -1 errno %ld", -ret);
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
    seq_puts(&s, ")");
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
    put_result(&s, ret);
    emit(&s);
}
