// SPDX-License-Identifier: MIT
/*
 * Arguments as strace(1) prints them, by kind (syscall/types.h). What the kernel fills is looked at after a call that did
 * not fail, and is an address otherwise. User memory may be bad: then it is an address, too.
 */
#include "abi/errno.h"
#include "abi/fcntl.h"
#include "abi/resource.h"
#include "abi/signal.h"
#include "abi/stat.h"
#include "abi/wait.h"
#include "arch/usercopy.h"
#include "lib/string.h"
#include "syscall/strace_words.h"

#define SHOW_BYTES 32u
#define SHOW_PATH 256u
#define SHOW_ITEMS 32u

static bool is(const char *kind, const char *k)
{
    return !strcmp(kind, k);
}

static void put_pointer(struct seq_buf *s, u64 v)
{
    if (v)
        seq_printf(s, "0x%lx", v);
    else
        seq_puts(s, "NULL");
}

/* ---- bytes and strings ---- */

static void put_octal(struct seq_buf *s, u8 c, bool digit_follows)
{
    seq_printf(s, digit_follows ? "\\%03o" : "\\%o", c);
}

static void put_escaped(struct seq_buf *s, const char *p, size_t n)
{
    static const char named[] = "\t\n\v\f\r", letters[] = "tnvfr";
    for (size_t i = 0; i < n; i++) {
        const char *at = p[i] ? strchr(named, p[i]) : NULL;
        if (at)
            seq_printf(s, "\\%c", letters[at - named]);
        else if (p[i] == '"' || p[i] == '\\')
            seq_printf(s, "\\%c", p[i]);
        else if (p[i] >= ' ' && p[i] < 127)
            seq_putc(s, p[i]);
        else
            put_octal(s, (u8)p[i], i + 1 < n && p[i + 1] >= '0' && p[i + 1] <= '9');
    }
}

static void put_bytes(struct seq_buf *s, uaddr_t p, u64 n)
{
    char buf[SHOW_BYTES];
    size_t show = MIN(n, (u64)SHOW_BYTES);
    size_t missing = copy_from_user_partial(buf, p, show);
    if (show && missing == show) {
        put_pointer(s, p);
        return;
    }
    seq_putc(s, '"');
    put_escaped(s, buf, show - missing);
    seq_puts(s, n > show ? "\"..." : "\"");
}

static void put_string(struct seq_buf *s, uaddr_t p)
{
    char buf[SHOW_PATH];
    ssize_t n = copy_string_from_user(buf, p, sizeof(buf));
    if (!p || n == -EFAULT) {
        put_pointer(s, p);
        return;
    }
    seq_putc(s, '"');
    put_escaped(s, buf, n < 0 ? sizeof(buf) - 1 : (size_t)n);
    seq_puts(s, n < 0 ? "\"..." : "\"");
}

static void put_argv(struct seq_buf *s, uaddr_t v)
{
    u64 p;
    seq_putc(s, '[');
    for (u32 i = 0; i < SHOW_ITEMS && v && !get_user_u64(&p, v + i * 8) && p; i++) {
        if (i)
            seq_puts(s, ", ");
        put_string(s, p);
    }
    seq_putc(s, ']');
}

static void put_iov(struct seq_buf *s, uaddr_t p, u64 n)
{
    u64 v[2];
    seq_putc(s, '[');
    for (u64 i = 0; i < n && i < 4 && !copy_from_user(v, p + i * 16, sizeof(v)); i++) {
        seq_puts(s, i ? ", {iov_base=" : "{iov_base=");
        put_bytes(s, v[0], v[1]);
        seq_printf(s, ", iov_len=%lu}", v[1]);
    }
    seq_puts(s, n > 4 ? ", ...]" : "]");
}

/* ---- structures ---- */

static void put_timespec(struct seq_buf *s, uaddr_t p)
{
    s64 ts[2];
    if (p && !copy_from_user(ts, p, sizeof(ts)))
        seq_printf(s, "{tv_sec=%ld, tv_nsec=%ld}", ts[0], ts[1]);
    else
        put_pointer(s, p);
}

/* As strace: a set of more than half of the signals is told by what is missing. */
static void put_signals(struct seq_buf *s, u64 set)
{
    u32 count = 0;
    for (u64 left = set; left; left &= left - 1)
        count++;
    bool rest = count > 32, first = true;
    seq_puts(s, rest ? "~[" : "[");
    for (u32 i = 0; i < 64; i++) {
        if ((set >> i & 1) == rest)
            continue;
        if (!first)
            seq_putc(s, ' ');
        strace_put_signal(s, i + 1, "");
        first = false;
    }
    seq_putc(s, ']');
}

static void put_sigset(struct seq_buf *s, uaddr_t p)
{
    u64 set;
    if (p && !get_user_u64(&set, p))
        put_signals(s, set);
    else
        put_pointer(s, p);
}

static void put_sigaction(struct seq_buf *s, uaddr_t p)
{
    u64 a[4]; /* handler, flags, restorer, mask */
    if (!p || copy_from_user(a, p, sizeof(a))) {
        put_pointer(s, p);
        return;
    }
    if (a[0] <= 1)
        seq_printf(s, "{sa_handler=%s", a[0] ? "SIG_IGN" : "SIG_DFL");
    else
        seq_printf(s, "{%s=0x%lx", a[1] & SA_SIGINFO ? "sa_sigaction" : "sa_handler", a[0]);
    seq_puts(s, ", sa_mask=");
    put_signals(s, a[3]);
    seq_puts(s, ", sa_flags=");
    (void)strace_put_word(s, "sa_flags", a[1]);
    seq_putc(s, '}');
}

static void put_limit(struct seq_buf *s, const char *name, u64 v)
{
    if (v == RLIM64_INFINITY)
        seq_printf(s, "%s=RLIM64_INFINITY", name);
    else if (v && v % 1024 == 0)
        seq_printf(s, "%s=%lu*1024", name, v / 1024);
    else
        seq_printf(s, "%s=%lu", name, v);
}

static void put_limits(struct seq_buf *s, uaddr_t p)
{
    u64 v[2];
    if (!p || copy_from_user(v, p, sizeof(v))) {
        put_pointer(s, p);
        return;
    }
    put_limit(s, "{rlim_cur", v[0]);
    put_limit(s, ", rlim_max", v[1]);
    seq_putc(s, '}');
}

static void put_wait_status(struct seq_buf *s, uaddr_t p)
{
    u32 v;
    if (!p || get_user_u32(&v, p)) {
        put_pointer(s, p);
    } else if (v == ABI_W_CONTINUED) {
        seq_puts(s, "[{WIFCONTINUED(s)}]");
    } else if ((v & 0xff) == 0x7f) {
        seq_puts(s, "[{WIFSTOPPED(s) && WSTOPSIG(s) == ");
        strace_put_signal(s, v >> 8, "SIG");
        seq_puts(s, "}]");
    } else if (v & 0x7f) {
        seq_puts(s, "[{WIFSIGNALED(s) && WTERMSIG(s) == ");
        strace_put_signal(s, v & 0x7f, "SIG");
        seq_puts(s, v & ABI_W_CORE ? " && WCOREDUMP(s)}]" : "}]");
    } else {
        seq_printf(s, "[{WIFEXITED(s) && WEXITSTATUS(s) == %u}]", v >> 8);
    }
}

static void put_stat(struct seq_buf *s, uaddr_t p)
{
    static const char *const types[16] = {[1] = "S_IFIFO", [2] = "S_IFCHR",  [4] = "S_IFDIR",  [6] = "S_IFBLK",
                                          [8] = "S_IFREG", [10] = "S_IFLNK", [12] = "S_IFSOCK"};
    struct stat st;
    if (!p || copy_from_user(&st, p, sizeof(st))) {
        put_pointer(s, p);
        return;
    }
    const char *type = types[st.st_mode >> 12 & 15];
    seq_printf(s, "{st_mode=%s|0%o, ", type ? type : "?", st.st_mode & 07777);
    if (S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode))
        seq_printf(s, "st_rdev=0x%lx, ...}", (u64)st.st_rdev);
    else
        seq_printf(s, "st_size=%ld, ...}", (long)st.st_size);
}

static void put_fds(struct seq_buf *s, uaddr_t p)
{
    u32 fds[2];
    if (copy_from_user(fds, p, sizeof(fds)))
        put_pointer(s, p);
    else
        seq_printf(s, "[%u, %u]", fds[0], fds[1]);
}

/* ---- by kind ---- */

static bool put_number(struct seq_buf *s, const char *kind, u64 v)
{
    if (is(kind, "fd_k") && (int)v == AT_FDCWD)
        seq_puts(s, "AT_FDCWD");
    else if (is(kind, "mode_k"))
        seq_printf(s, "%s%o", (u32)v ? "0" : "00", (u32)v);
    else if (is(kind, "sig_k"))
        strace_put_signal(s, v, "SIG");
    else if (is(kind, "hex_k") || is(kind, "hex64_k"))
        seq_printf(s, v ? "0x%lx" : "%ld", v);
    else if (is(kind, "int") || is(kind, "fd_k") || is(kind, "fd64_k") || is(kind, "pid_k"))
        seq_printf(s, "%d", (int)v);
    else if (is(kind, "u32"))
        seq_printf(s, "%u", (u32)v);
    else if (is(kind, "size_t") || is(kind, "off_k"))
        seq_printf(s, "%ld", v);
    else if (is(kind, "u64"))
        seq_printf(s, v < 1ul << 32 ? "%lu" : "0x%lx", v);
    else
        return false;
    return true;
}

static const struct structure {
    const char *kind;
    void (*put)(struct seq_buf *s, uaddr_t p);
    bool filled; /* by the kernel */
} structures[] = {
    {"path_k", put_string, false},       {"str_k", put_string, false},
    {"argv_k", put_argv, false},         {"timespec_k", put_timespec, false},
    {"timespeco_k", put_timespec, true}, {"sigset_k", put_sigset, false},
    {"sigseto_k", put_sigset, true},     {"sigact_k", put_sigaction, false},
    {"sigacto_k", put_sigaction, true},  {"limits_k", put_limits, false},
    {"limitso_k", put_limits, true},     {"wstatus_k", put_wait_status, true},
    {"stat_k", put_stat, true},          {"fds_k", put_fds, true},
};

static bool put_structure(struct seq_buf *s, const char *kind, uaddr_t p, bool filled)
{
    for (u32 i = 0; i < ARRAY_SIZE(structures); i++) {
        const struct structure *t = &structures[i];
        if (is(kind, t->kind) && (filled || !t->filled)) {
            t->put(s, p);
            return true;
        }
    }
    return false;
}

void strace_put_arg(struct seq_buf *s, const char *kind, const u64 *v, bool after, long ret)
{
    bool filled = after && ret >= 0;
    if (strace_put_word(s, kind, *v) || put_number(s, kind, *v) || put_structure(s, kind, *v, filled))
        return;
    if (is(kind, "ibuf_k"))
        put_bytes(s, *v, v[1]);
    else if (is(kind, "obuf_k") && filled)
        put_bytes(s, *v, (u64)ret);
    else if (is(kind, "iov_k"))
        put_iov(s, *v, v[1]);
    else
        put_pointer(s, *v);
}
