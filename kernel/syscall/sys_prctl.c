// SPDX-License-Identifier: MIT
/* prctl(2) and arch_prctl(2). */
#include "abi/errno.h"
#include "abi/prctl.h"
#include "arch/cpu.h"
#include "arch/paging.h"
#include "arch/usercopy.h"
#include "lib/string.h"
#include "proc/process.h"
#include "syscall/prctl_mm.h"
#include "syscall/sys.h"
#include "vm/mm.h"

#define SLACK_DEFAULT 50000ul

/* ---- credentials ---- */

static long change_cred(void (*edit)(struct cred *c, u64 arg), u64 arg)
{
    struct cred *c = cred_prepare();
    if (!c)
        return -ENOMEM;
    edit(c, arg);
    cred_commit(c);
    return 0;
}

static void edit_securebits(struct cred *c, u64 arg)
{
    c->securebits = (u32)arg;
}
static void edit_drop_bounding(struct cred *c, u64 arg)
{
    c->bounding &= ~(1ull << arg);
}
static void edit_ambient(struct cred *c, u64 arg)
{
    c->ambient = arg;
}

static long set_keepcaps(u64 on)
{
    u32 bits = current_cred()->securebits;
    if (on > 1)
        return -EINVAL;
    if (bits & SECBIT_KEEP_CAPS_LOCKED)
        return -EPERM;
    return change_cred(edit_securebits, on ? bits | SECBIT_KEEP_CAPS : bits & ~(u32)SECBIT_KEEP_CAPS);
}

static long set_securebits(u64 bits)
{
    u32 old = current_cred()->securebits;
    u32 locked = (old & SECURE_ALL_LOCKS) >> 1;
    if (((old & locked) ^ (bits & locked)) || (old & SECURE_ALL_LOCKS & ~bits) ||
        (bits & ~(u64)(SECURE_ALL_BITS | SECURE_ALL_LOCKS)) || !capable(CAP_SETPCAP))
        return -EPERM;
    return change_cred(edit_securebits, bits);
}

static long drop_bounding(u64 cap)
{
    if (!capable(CAP_SETPCAP))
        return -EPERM;
    return cap > CAP_LAST_CAP ? -EINVAL : change_cred(edit_drop_bounding, cap);
}

static long ambient(u64 what, u64 cap, u64 a4, u64 a5)
{
    const struct cred *c = current_cred();
    if (a4 || a5)
        return -EINVAL;
    if (what == PR_CAP_AMBIENT_CLEAR_ALL)
        return cap ? -EINVAL : change_cred(edit_ambient, 0);
    if (cap > CAP_LAST_CAP)
        return -EINVAL;
    u64 bit = 1ull << cap;
    switch (what) {
    case PR_CAP_AMBIENT_IS_SET:
        return !!(c->ambient & bit);
    case PR_CAP_AMBIENT_LOWER:
        return change_cred(edit_ambient, c->ambient & ~bit);
    case PR_CAP_AMBIENT_RAISE:
        if (!(c->permitted & c->inheritable & bit) || (c->securebits & SECBIT_NO_CAP_AMBIENT_RAISE))
            return -EPERM;
        return change_cred(edit_ambient, c->ambient | bit);
    default:
        return -EINVAL;
    }
}

static long set_no_new_privs(void)
{
    current_thread()->no_new_privs = true;
    return 0;
}

static long prctl_seccomp(u64 mode, uaddr_t filter)
{
    switch (mode) {
    case SECCOMP_MODE_STRICT:
        return sys_seccomp(SECCOMP_SET_MODE_STRICT, 0, 0);
    case SECCOMP_MODE_FILTER:
        return sys_seccomp(SECCOMP_SET_MODE_FILTER, 0, filter);
    default:
        return -EINVAL;
    }
}

/* ---- names and the rest ---- */

static long set_comm(uaddr_t p)
{
    struct thread *t = current_thread();
    char name[sizeof(t->comm)];
    memset(name, 0, sizeof(name));
    ssize_t n = copy_string_from_user(name, p, sizeof(name));
    if (n < 0 && n != -ENAMETOOLONG)
        return n;
    if (n == -ENAMETOOLONG && copy_from_user(name, p, sizeof(name) - 1))
        return -EFAULT;
    name[sizeof(name) - 1] = 0;
    memcpy(t->comm, name, sizeof(name));
    if (t->process->leader == t)
        memcpy(t->process->comm, name, sizeof(name));
    return 0;
}

static long set_pdeathsig(u64 sig)
{
    if (sig > _NSIG)
        return -EINVAL;
    current_thread()->sig->pdeath_signal = (s32)sig;
    return 0;
}

static long set_dumpable(u64 v)
{
    if (v > 1)
        return -EINVAL;
    current_process()->dumpable = (u32)v;
    return 0;
}

static void inherit_subreaper(struct process *p, void *arg)
{
    for (struct process *a = p->parent; a; a = a->parent) {
        if (a == arg) {
            p->has_child_subreaper = true;
            return;
        }
    }
}

static long set_subreaper(u64 on)
{
    struct process *p = current_process();
    p->subreaper = on;
    if (on)
        process_for_each(inherit_subreaper, p);
    return 0;
}

static u64 slack_of(u64 ns)
{
    return ns ? ns : SLACK_DEFAULT;
}

static long set_slack(u64 v)
{
    struct thread *t = current_thread();
    t->timer_slack = (s64)v <= 0 ? t->timer_slack_default : v;
    return 0;
}

static long set_mce_kill(u64 what, u64 policy)
{
    if (what == PR_MCE_KILL_CLEAR && policy)
        return -EINVAL;
    if (what == PR_MCE_KILL_CLEAR)
        policy = PR_MCE_KILL_DEFAULT;
    else if (what != PR_MCE_KILL_SET || policy > PR_MCE_KILL_DEFAULT)
        return -EINVAL;
    current_thread()->mce_kill = (u32)policy ^ PR_MCE_KILL_DEFAULT; /* 0: the default */
    return 0;
}

/* As a CPU that is affected, and a kernel that does nothing about it. */
static long speculation(int option, u64 which, u64 control)
{
    if (which > PR_SPEC_L1D_FLUSH)
        return -ENODEV;
    if (option == PR_GET_SPECULATION_CTRL)
        return which == PR_SPEC_L1D_FLUSH ? PR_SPEC_FORCE_DISABLE : PR_SPEC_ENABLE;
    if (which == PR_SPEC_STORE_BYPASS)
        return -ENXIO;
    if (which == PR_SPEC_L1D_FLUSH)
        return -EPERM;
    if (control == PR_SPEC_ENABLE)
        return 0;
    return control == PR_SPEC_DISABLE || control == PR_SPEC_FORCE_DISABLE ? -EPERM : -ERANGE;
}

static long set_io_flusher(u64 on)
{
    if (!capable(CAP_SYS_RESOURCE))
        return -EPERM;
    if (on > 1)
        return -EINVAL;
    current_thread()->io_flusher = on;
    return 0;
}

/* ---- memory ---- */

#define MDWE_ALL (PR_MDWE_REFUSE_EXEC_GAIN | PR_MDWE_NO_INHERIT)

static void set_option(u32 which, bool on)
{
    struct mm *mm = current_thread()->mm;
    if (on)
        __atomic_or_fetch(&mm->options, which, __ATOMIC_RELAXED);
    else
        __atomic_and_fetch(&mm->options, ~which, __ATOMIC_RELAXED);
}

static bool has_option(u32 which)
{
    return READ_ONCE(current_thread()->mm->options) & which;
}

static u64 get_mdwe(void)
{
    return (has_option(MM_MDWE) ? PR_MDWE_REFUSE_EXEC_GAIN : 0) | (has_option(MM_MDWE_MINE) ? PR_MDWE_NO_INHERIT : 0);
}

/* What is set once is not changed again. */
static long set_mdwe(u64 bits)
{
    u64 now = get_mdwe();
    if (bits & ~(u64)MDWE_ALL || bits == PR_MDWE_NO_INHERIT)
        return -EINVAL;
    if (now && now != bits)
        return -EPERM;
    if (bits)
        set_option(MM_MDWE | (bits & PR_MDWE_NO_INHERIT ? MM_MDWE_MINE : 0), true);
    return 0;
}

static long get_auxv(uaddr_t to, size_t size)
{
    const struct mm *mm = current_thread()->mm;
    size_t len = mm->auxv_len * sizeof(u64);
    return copy_to_user(to, mm->auxv, MIN(size, len)) ? -EFAULT : (long)len;
}

static bool is_name_char(char c)
{
    return c >= ' ' && c <= '~' && c != '\\' && c != '`' && c != '$' && c != '[' && c != ']';
}

static long name_memory(u64 what, uaddr_t addr, size_t len, uaddr_t from)
{
    char name[80];
    if (what != PR_SET_VMA_ANON_NAME)
        return -EINVAL;
    if (!from)
        return vm_set_label(current_thread()->mm, addr, len, NULL);
    ssize_t n = copy_string_from_user(name, from, sizeof(name));
    if (n < 0)
        return n == -ENAMETOOLONG ? -EINVAL : n;
    for (const char *c = name; *c; c++) {
        if (!is_name_char(*c))
            return -EINVAL;
    }
    return vm_set_label(current_thread()->mm, addr, len, name);
}

static long about_memory(int option, u64 a2, u64 a3, u64 a4, u64 a5)
{
    bool rest = a3 || a4 || a5;
    switch (option) {
    case PR_SET_THP_DISABLE:
        return rest ? -EINVAL : (set_option(MM_NO_HUGE, a2), 0);
    case PR_GET_THP_DISABLE:
        return a2 || rest ? -EINVAL : has_option(MM_NO_HUGE);
    case PR_SET_MEMORY_MERGE:
        return rest ? -EINVAL : (set_option(MM_MERGE, a2), 0);
    case PR_GET_MEMORY_MERGE:
        return a2 || rest ? -EINVAL : has_option(MM_MERGE);
    case PR_SET_MDWE:
        return rest ? -EINVAL : set_mdwe(a2);
    case PR_GET_MDWE:
        return a2 || rest ? -EINVAL : (long)get_mdwe();
    case PR_GET_AUXV:
        return a4 || a5 ? -EINVAL : get_auxv(a2, a3);
    case PR_SET_VMA:
        return name_memory(a2, a3, a4, a5);
    case PR_SET_MM:
        return prctl_set_mm(a2, a3, a4, a5);
    default:
        return -EINVAL;
    }
}

static long about_thread(int option, u64 a2, u64 a3, u64 a4, u64 a5)
{
    const struct thread *t = current_thread();
    switch (option) {
    case PR_SET_NAME:
        return set_comm(a2);
    case PR_GET_NAME:
        return copy_to_user(a2, t->comm, sizeof(t->comm));
    case PR_SET_TIMERSLACK:
        return set_slack(a2);
    case PR_GET_TIMERSLACK:
        return (long)slack_of(t->timer_slack);
    case PR_GET_TSC:
        return put_user_u32(a2, PR_TSC_ENABLE);
    case PR_SET_TSC:
        return a2 == PR_TSC_ENABLE ? 0 : -EINVAL;
    case PR_GET_TIMING:
        return PR_TIMING_STATISTICAL;
    case PR_SET_TIMING:
        return a2 == PR_TIMING_STATISTICAL ? 0 : -EINVAL;
    case PR_TASK_PERF_EVENTS_DISABLE:
    case PR_TASK_PERF_EVENTS_ENABLE:
        return 0; /* there are none */
    case PR_MCE_KILL:
        return a4 || a5 ? -EINVAL : set_mce_kill(a2, a3);
    case PR_MCE_KILL_GET:
        return a2 || a3 || a4 || a5 ? -EINVAL : (long)(t->mce_kill ^ PR_MCE_KILL_DEFAULT);
    case PR_GET_TID_ADDRESS:
        return put_user_u64(a2, t->clear_child_tid);
    case PR_GET_SPECULATION_CTRL:
        return a3 || a4 || a5 ? -EINVAL : speculation(option, a2, 0);
    case PR_SET_SPECULATION_CTRL:
        return a4 || a5 ? -EINVAL : speculation(option, a2, a3);
    case PR_SET_IO_FLUSHER:
        return a3 || a4 || a5 ? -EINVAL : set_io_flusher(a2);
    case PR_GET_IO_FLUSHER:
        return !capable(CAP_SYS_RESOURCE) ? -EPERM : a2 || a3 || a4 || a5 ? -EINVAL : t->io_flusher;
    case PR_SET_SYSCALL_USER_DISPATCH:
        return a2 == PR_SYS_DISPATCH_OFF && !a3 && !a4 && !a5 ? 0 : -EINVAL;
    default:
        return about_memory(option, a2, a3, a4, a5);
    }
}

long sys_prctl(int option, u64 a2, u64 a3, u64 a4, u64 a5)
{
    struct process *p = current_process();
    const struct cred *c = current_cred();
    bool rest = a3 || a4 || a5;
    switch (option) {
    case PR_SET_PDEATHSIG:
        return set_pdeathsig(a2);
    case PR_GET_PDEATHSIG:
        return put_user_u32(a2, (u32)current_thread()->sig->pdeath_signal);
    case PR_GET_DUMPABLE:
        return p->dumpable;
    case PR_SET_DUMPABLE:
        return set_dumpable(a2);
    case PR_GET_KEEPCAPS:
        return !!(c->securebits & SECBIT_KEEP_CAPS);
    case PR_SET_KEEPCAPS:
        return set_keepcaps(a2);
    case PR_SET_CHILD_SUBREAPER:
        return set_subreaper(a2);
    case PR_GET_CHILD_SUBREAPER:
        return put_user_u32(a2, p->subreaper);
    case PR_SET_NO_NEW_PRIVS:
        return a2 != 1 || rest ? -EINVAL : set_no_new_privs();
    case PR_GET_NO_NEW_PRIVS:
        return a2 || rest ? -EINVAL : current_thread()->no_new_privs;
    case PR_CAPBSET_READ:
        return a2 > CAP_LAST_CAP ? -EINVAL : (long)(c->bounding >> a2 & 1);
    case PR_CAPBSET_DROP:
        return drop_bounding(a2);
    case PR_GET_SECUREBITS:
        return c->securebits;
    case PR_SET_SECUREBITS:
        return set_securebits(a2);
    case PR_CAP_AMBIENT:
        return ambient(a2, a3, a4, a5);
    case PR_GET_SECCOMP:
        return current_thread()->seccomp_mode;
    case PR_SET_SECCOMP:
        return prctl_seccomp(a2, a3);
    default:
        return about_thread(option, a2, a3, a4, a5);
    }
}

#ifndef ARCH_GET_XCOMP_SUPP
#define ARCH_GET_XCOMP_SUPP 0x1021
#endif

long sys_arch_prctl(int option, u64 arg)
{
    switch (option) {
    case ARCH_SET_FS:
        if (arg >= USER_END)
            return -EPERM;
        arch_set_fs_base(arg);
        return 0;
    case ARCH_SET_GS:
        if (arg >= USER_END)
            return -EPERM;
        arch_set_gs_base(arg);
        return 0;
    case ARCH_GET_FS:
        return put_user_u64(arg, arch_get_fs_base());
    case ARCH_GET_GS:
        return put_user_u64(arg, arch_get_gs_base());
    case ARCH_GET_CPUID:
        return 1;
    case ARCH_SET_CPUID:
        return -ENODEV;
    case ARCH_GET_XCOMP_SUPP:
        return put_user_u64(arg, cpu.xfeatures);
    default:
        return -EINVAL;
    }
}
