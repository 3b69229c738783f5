// SPDX-License-Identifier: MIT
/*
 * Names for numbers, by kind of argument (syscall/types.h): flags, of which several may be set, and choices, of which one
 * is meant. What has no name here is printed as a number.
 */
#include "syscall/strace_words.h"

#include "abi/errno.h"
#include "abi/fcntl.h"
#include "abi/futex.h"
#include "abi/mman.h"
#include "abi/prctl.h"
#include "abi/resource.h"
#include "abi/sched.h"
#include "abi/signal.h"
#include "abi/time.h"
#include "abi/wait.h"
#include "lib/string.h"
#include "lib/types.h"

#include <linux/eventpoll.h>
#include <linux/random.h>

#define ACCESS_F_OK 0
#define W(x)    \
    {           \
        (x), #x \
    }

static const struct word open_words[] = {W(O_WRONLY),  W(O_RDWR),    W(O_CREAT),     W(O_EXCL), W(O_NOCTTY),
                                         W(O_TRUNC),   W(O_APPEND),  W(O_NONBLOCK),  W(O_SYNC), W(O_DSYNC),
                                         W(O_DIRECT),  W(O_TMPFILE), W(O_DIRECTORY), W(O_PATH), W(O_NOFOLLOW),
                                         W(O_NOATIME), W(O_CLOEXEC)};
static const struct word pipe_words[] = {W(O_CLOEXEC), W(O_NONBLOCK), W(O_DIRECT)};
static const struct word prot_words[] = {W(PROT_READ), W(PROT_WRITE), W(PROT_EXEC)};
static const struct word map_words[] = {W(MAP_SHARED),    W(MAP_PRIVATE),   W(MAP_FIXED_NOREPLACE), W(MAP_FIXED),
                                        W(MAP_ANONYMOUS), W(MAP_GROWSDOWN), W(MAP_DENYWRITE),       W(MAP_LOCKED),
                                        W(MAP_NORESERVE), W(MAP_STACK),     W(MAP_POPULATE),        W(MAP_NONBLOCK),
                                        W(MAP_SYNC)};
static const struct word mremap_words[] = {W(MREMAP_MAYMOVE), W(MREMAP_FIXED), W(MREMAP_DONTUNMAP)};
static const struct word msync_words[] = {W(MS_ASYNC), W(MS_INVALIDATE), W(MS_SYNC)};
static const struct word at_words[] = {W(AT_SYMLINK_NOFOLLOW), W(AT_SYMLINK_FOLLOW), W(AT_REMOVEDIR),
                                       W(AT_NO_AUTOMOUNT), W(AT_EMPTY_PATH)};
static const struct word access_words[] = {{4, "R_OK"}, {2, "W_OK"}, {1, "X_OK"}};
static const struct word clone_words[] = {W(CLONE_VM),
                                          W(CLONE_FS),
                                          W(CLONE_FILES),
                                          W(CLONE_SIGHAND),
                                          W(CLONE_PIDFD),
                                          W(CLONE_VFORK),
                                          W(CLONE_PARENT),
                                          W(CLONE_THREAD),
                                          W(CLONE_NEWNS),
                                          W(CLONE_SYSVSEM),
                                          W(CLONE_SETTLS),
                                          W(CLONE_PARENT_SETTID),
                                          W(CLONE_CHILD_CLEARTID),
                                          W(CLONE_DETACHED),
                                          W(CLONE_CHILD_SETTID),
                                          W(CLONE_NEWCGROUP),
                                          W(CLONE_NEWUTS),
                                          W(CLONE_NEWIPC),
                                          W(CLONE_NEWUSER),
                                          W(CLONE_NEWPID),
                                          W(CLONE_NEWNET),
                                          W(SIGCHLD)};
static const struct word wait_words[] = {W(WNOHANG), W(WUNTRACED), W(WEXITED), W(WCONTINUED),
                                         W(WNOWAIT), W(__WALL),    W(__WCLONE)};
static const struct word random_words[] = {W(GRND_NONBLOCK), W(GRND_RANDOM), W(GRND_INSECURE)};
static const struct word sa_words[] = {W(SA_NOCLDSTOP), W(SA_NOCLDWAIT), W(SA_SIGINFO), {0x04000000, "SA_RESTORER"},
                                       W(SA_ONSTACK),   W(SA_RESTART),   W(SA_NODEFER), W(SA_RESETHAND)};

static const struct word whence_words[] = {W(SEEK_SET), W(SEEK_CUR), W(SEEK_END), W(SEEK_DATA), W(SEEK_HOLE)};
static const struct word how_words[] = {W(SIG_BLOCK), W(SIG_UNBLOCK), W(SIG_SETMASK)};
static const struct word clock_words[] = {
    W(CLOCK_REALTIME),          W(CLOCK_MONOTONIC),     W(CLOCK_PROCESS_CPUTIME_ID),
    W(CLOCK_THREAD_CPUTIME_ID), W(CLOCK_MONOTONIC_RAW), W(CLOCK_REALTIME_COARSE),
    W(CLOCK_MONOTONIC_COARSE),  W(CLOCK_BOOTTIME),      W(CLOCK_TAI)};
static const struct word itimer_words[] = {W(ITIMER_REAL), W(ITIMER_VIRTUAL), W(ITIMER_PROF)};
static const struct word fcntl_words[] = {
    W(F_DUPFD),      W(F_GETFD),     W(F_SETFD),     W(F_GETFL),     W(F_SETFL),         W(F_GETLK),
    W(F_SETLK),      W(F_SETLKW),    W(F_SETOWN),    W(F_GETOWN),    W(F_DUPFD_CLOEXEC), W(F_SETPIPE_SZ),
    W(F_GETPIPE_SZ), W(F_ADD_SEALS), W(F_GET_SEALS), W(F_OFD_GETLK), W(F_OFD_SETLK),     W(F_OFD_SETLKW)};
static const struct word futex_words[] = {
    W(FUTEX_WAIT),
    W(FUTEX_WAKE),
    W(FUTEX_REQUEUE),
    W(FUTEX_CMP_REQUEUE),
    W(FUTEX_WAKE_OP),
    W(FUTEX_WAIT_BITSET),
    W(FUTEX_WAKE_BITSET),
    W(FUTEX_LOCK_PI),
    W(FUTEX_UNLOCK_PI),
    W(FUTEX_TRYLOCK_PI),
    W(FUTEX_WAIT_REQUEUE_PI),
    W(FUTEX_CMP_REQUEUE_PI),
    W(FUTEX_LOCK_PI2),
    W(FUTEX_LOCK_PI_PRIVATE),
    W(FUTEX_UNLOCK_PI_PRIVATE),
    W(FUTEX_TRYLOCK_PI_PRIVATE),
    W(FUTEX_WAIT_REQUEUE_PI_PRIVATE),
    W(FUTEX_CMP_REQUEUE_PI_PRIVATE),
    W(FUTEX_LOCK_PI2_PRIVATE),
    W(FUTEX_WAIT_PRIVATE),
    W(FUTEX_WAKE_PRIVATE),
    W(FUTEX_REQUEUE_PRIVATE),
    W(FUTEX_CMP_REQUEUE_PRIVATE),
    W(FUTEX_WAKE_OP_PRIVATE),
    W(FUTEX_WAIT_BITSET_PRIVATE),
    W(FUTEX_WAKE_BITSET_PRIVATE),
    {FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, "FUTEX_WAIT_BITSET|FUTEX_CLOCK_REALTIME"},
    {FUTEX_WAIT_BITSET_PRIVATE | FUTEX_CLOCK_REALTIME, "FUTEX_WAIT_BITSET_PRIVATE|FUTEX_CLOCK_REALTIME"}};
static const struct word advice_words[] = {W(MADV_NORMAL),   W(MADV_RANDOM),   W(MADV_SEQUENTIAL), W(MADV_WILLNEED),
                                           W(MADV_DONTNEED), W(MADV_FREE),     W(MADV_REMOVE),     W(MADV_DONTFORK),
                                           W(MADV_DOFORK),   W(MADV_HUGEPAGE), W(MADV_NOHUGEPAGE), W(MADV_DONTDUMP),
                                           W(MADV_DODUMP)};
static const struct word epoll_words[] = {W(EPOLL_CTL_ADD), W(EPOLL_CTL_DEL), W(EPOLL_CTL_MOD)};
static const struct word resource_words[] = {
    W(RLIMIT_CPU),      W(RLIMIT_FSIZE),  W(RLIMIT_DATA),    W(RLIMIT_STACK), W(RLIMIT_CORE),  W(RLIMIT_RSS),
    W(RLIMIT_NPROC),    W(RLIMIT_NOFILE), W(RLIMIT_MEMLOCK), W(RLIMIT_AS),    W(RLIMIT_LOCKS), W(RLIMIT_SIGPENDING),
    W(RLIMIT_MSGQUEUE), W(RLIMIT_NICE),   W(RLIMIT_RTPRIO),  W(RLIMIT_RTTIME)};
static const struct word arch_prctl_words[] = {W(ARCH_SET_GS),
                                               W(ARCH_SET_FS),
                                               W(ARCH_GET_FS),
                                               W(ARCH_GET_GS),
                                               W(ARCH_GET_CPUID),
                                               W(ARCH_SET_CPUID),
                                               {0x3001, "ARCH_CET_STATUS"}};
static const struct word prctl_words[] = {W(PR_SET_PDEATHSIG),
                                          W(PR_GET_PDEATHSIG),
                                          W(PR_GET_DUMPABLE),
                                          W(PR_SET_DUMPABLE),
                                          W(PR_GET_KEEPCAPS),
                                          W(PR_SET_KEEPCAPS),
                                          W(PR_GET_TIMING),
                                          W(PR_SET_TIMING),
                                          W(PR_SET_NAME),
                                          W(PR_GET_NAME),
                                          W(PR_GET_SECCOMP),
                                          W(PR_SET_SECCOMP),
                                          W(PR_CAPBSET_READ),
                                          W(PR_CAPBSET_DROP),
                                          W(PR_GET_TSC),
                                          W(PR_SET_TSC),
                                          W(PR_GET_SECUREBITS),
                                          W(PR_SET_SECUREBITS),
                                          W(PR_SET_TIMERSLACK),
                                          W(PR_GET_TIMERSLACK),
                                          W(PR_MCE_KILL),
                                          W(PR_MCE_KILL_GET),
                                          W(PR_SET_MM),
                                          W(PR_SET_CHILD_SUBREAPER),
                                          W(PR_GET_CHILD_SUBREAPER),
                                          W(PR_SET_NO_NEW_PRIVS),
                                          W(PR_GET_NO_NEW_PRIVS),
                                          W(PR_GET_TID_ADDRESS),
                                          W(PR_SET_THP_DISABLE),
                                          W(PR_GET_THP_DISABLE),
                                          W(PR_CAP_AMBIENT),
                                          W(PR_SET_VMA)};

#define KIND(kind, list, none)             \
    {                                      \
        kind, none, list, ARRAY_SIZE(list) \
    }
static const struct vocabulary flags[] = {KIND("oflags_k", open_words, "O_RDONLY"),
                                          KIND("pipe_k", pipe_words, "0"),
                                          KIND("prot_k", prot_words, "PROT_NONE"),
                                          KIND("map_k", map_words, "0"),
                                          KIND("mremap_k", mremap_words, "0"),
                                          KIND("msync_k", msync_words, "0"),
                                          KIND("at_k", at_words, "0"),
                                          KIND("access_k", access_words, "F_OK"),
                                          KIND("clone_k", clone_words, "0"),
                                          KIND("wait_k", wait_words, "0"),
                                          KIND("random_k", random_words, "0"),
                                          KIND("sa_flags", sa_words, "0")};
static const struct vocabulary choices[] = {
    KIND("whence_k", whence_words, NULL),     KIND("how_k", how_words, NULL),
    KIND("clock_k", clock_words, NULL),       KIND("itimer_k", itimer_words, NULL),
    KIND("fcntl_k", fcntl_words, NULL),       KIND("futex_k", futex_words, NULL),
    KIND("advice_k", advice_words, NULL),     KIND("epollop_k", epoll_words, NULL),
    KIND("resource_k", resource_words, NULL), KIND("archprctl_k", arch_prctl_words, NULL),
    KIND("prctl_k", prctl_words, NULL)};

static const struct vocabulary *find(const struct vocabulary *v, size_t n, const char *kind)
{
    for (size_t i = 0; i < n; i++) {
        if (!strcmp(v[i].kind, kind))
            return &v[i];
    }
    return NULL;
}

static void put_flags(struct seq_buf *s, u64 v, const struct vocabulary *w)
{
    bool first = true;
    for (size_t i = 0; i < w->n; i++) {
        u64 bits = w->words[i].value;
        if (!bits || (v & bits) != bits)
            continue;
        seq_printf(s, "%s%s", first ? "" : "|", w->words[i].name);
        v &= ~bits;
        first = false;
    }
    if (v)
        seq_printf(s, "%s0x%lx", first ? "" : "|", v);
    else if (first)
        seq_puts(s, w->none);
}

static void put_choice(struct seq_buf *s, u32 v, const struct vocabulary *w)
{
    for (size_t i = 0; i < w->n; i++) {
        if ((u32)w->words[i].value == v) {
            seq_puts(s, w->words[i].name);
            return;
        }
    }
    seq_printf(s, "%d", (int)v);
}

bool strace_put_word(struct seq_buf *s, const char *kind, u64 v)
{
    const struct vocabulary *w = find(flags, ARRAY_SIZE(flags), kind);
    if (w) {
        put_flags(s, w->words == map_words || w->words == clone_words ? v : (u32)v, w);
        return true;
    }
    w = find(choices, ARRAY_SIZE(choices), kind);
    if (w)
        put_choice(s, (u32)v, w);
    return w != NULL;
}

/* ---- signals and errors ---- */

static const char *const signals[] = {"0",      "HUP",  "INT",    "QUIT", "ILL",   "TRAP", "ABRT", "BUS",
                                      "FPE",    "KILL", "USR1",   "SEGV", "USR2",  "PIPE", "ALRM", "TERM",
                                      "STKFLT", "CHLD", "CONT",   "STOP", "TSTP",  "TTIN", "TTOU", "URG",
                                      "XCPU",   "XFSZ", "VTALRM", "PROF", "WINCH", "IO",   "PWR",  "SYS"};

void strace_put_signal(struct seq_buf *s, u64 v, const char *prefix)
{
    if (v && v < ARRAY_SIZE(signals))
        seq_printf(s, "%s%s", prefix, signals[v]);
    else if (v == 32)
        seq_printf(s, "%sRTMIN", prefix);
    else if (v > 32 && v <= 64)
        seq_printf(s, "%sRT_%ld", prefix, v - 32);
    else
        seq_printf(s, "%ld", v);
}

#define E(x, text)    \
    {                 \
        (x), #x, text \
    }
static const struct {
    long value;
    const char *name, *text;
} errors[] = {
    E(EPERM, "Operation not permitted"),
    E(ENOENT, "No such file or directory"),
    E(ESRCH, "No such process"),
    E(EINTR, "Interrupted system call"),
    E(EIO, "Input/output error"),
    E(ENXIO, "No such device or address"),
    E(E2BIG, "Argument list too long"),
    E(ENOEXEC, "Exec format error"),
    E(EBADF, "Bad file descriptor"),
    E(ECHILD, "No child processes"),
    E(EAGAIN, "Resource temporarily unavailable"),
    E(ENOMEM, "Cannot allocate memory"),
    E(EACCES, "Permission denied"),
    E(EFAULT, "Bad address"),
    E(EBUSY, "Device or resource busy"),
    E(EEXIST, "File exists"),
    E(EXDEV, "Invalid cross-device link"),
    E(ENODEV, "No such device"),
    E(ENOTDIR, "Not a directory"),
    E(EISDIR, "Is a directory"),
    E(EINVAL, "Invalid argument"),
    E(ENFILE, "Too many open files in system"),
    E(EMFILE, "Too many open files"),
    E(ENOTTY, "Inappropriate ioctl for device"),
    E(ETXTBSY, "Text file busy"),
    E(EFBIG, "File too large"),
    E(ENOSPC, "No space left on device"),
    E(ESPIPE, "Illegal seek"),
    E(EROFS, "Read-only file system"),
    E(EMLINK, "Too many links"),
    E(EPIPE, "Broken pipe"),
    E(ERANGE, "Numerical result out of range"),
    E(EDEADLK, "Resource deadlock avoided"),
    E(ENAMETOOLONG, "File name too long"),
    E(ENOSYS, "Function not implemented"),
    E(ENOTEMPTY, "Directory not empty"),
    E(ELOOP, "Too many levels of symbolic links"),
    E(ENODATA, "No data available"),
    E(EOVERFLOW, "Value too large for defined data type"),
    E(ELIBBAD, "Accessing a corrupted shared library"),
    E(ENOTSOCK, "Socket operation on non-socket"),
    E(EOPNOTSUPP, "Operation not supported"),
    E(EAFNOSUPPORT, "Address family not supported by protocol"),
    E(ETIMEDOUT, "Connection timed out"),
    E(ERESTARTSYS, "To be restarted if SA_RESTART is set"),
    E(ERESTARTNOINTR, "To be restarted"),
    E(ERESTARTNOHAND, "To be restarted if no handler"),
    E(ERESTART_RESTARTBLOCK, "Interrupted by signal"),
};

void strace_put_error(struct seq_buf *s, long err)
{
    for (u32 i = 0; i < ARRAY_SIZE(errors); i++) {
        if (errors[i].value == err) {
            seq_printf(s, "%s %s (%s)", err >= ERESTARTSYS ? "?" : "-1", errors[i].name, errors[i].text);
            return;
        }
    }
    seq_printf(s, "-1 (errno %ld)", err);
}
