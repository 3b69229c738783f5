// SPDX-License-Identifier: MIT
/*
 * System calls with arguments of all kinds, most of them nonsense, by an ordinary user in a process of its own: whatever
 * they return, the kernel and the other processes live on. The sequence is the same in each run. Left out: calls
 * that end, stop or signal processes, that fork, and that could fill the machine.
 */
#include "tests/abi/util.h"

#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/time.h>

static uint32_t seed;

static uint32_t next_random(void)
{
    seed = seed * 1664525 + 1013904223;
    return seed >> 8;
}

static const int left_out[] = {
    SYS_exit,
    SYS_exit_group,
    SYS_fork,
    SYS_vfork,
    SYS_clone,
    SYS_clone3,
    SYS_kill,
    SYS_tkill,
    SYS_tgkill,
    SYS_rt_sigqueueinfo,
    SYS_rt_tgsigqueueinfo,
    SYS_pidfd_send_signal,
    SYS_pause,
    SYS_rt_sigsuspend,
    SYS_rt_sigreturn,
    SYS_ptrace,
    SYS_reboot,
    SYS_setpgid,
    SYS_setsid,
    SYS_alarm,
    SYS_setitimer,
    SYS_rt_sigtimedwait,
    SYS_rt_sigprocmask,
    SYS_rt_sigaction,
    SYS_prctl,
    SYS_setrlimit,
    SYS_prlimit64,
    SYS_seccomp,
    SYS_execve,
    SYS_execveat,
    SYS_arch_prctl,
    SYS_set_robust_list,
    SYS_set_tid_address,
    SYS_brk,
    SYS_munmap,
    SYS_mprotect,
    SYS_mremap,
    SYS_madvise,
    SYS_mmap,
    SYS_process_vm_writev,
    SYS_userfaultfd,
    SYS_io_uring_setup,
    SYS_bpf,
    SYS_perf_event_open,
    SYS_msgget,
    SYS_semget,
    SYS_shmget,
    SYS_mlockall,
    SYS_mlock,
    SYS_mlock2,
    SYS_sched_setaffinity,
    SYS_sched_setscheduler,
    SYS_sched_setattr,
    SYS_sched_setparam,
    SYS_setpriority,
    SYS_ioprio_set,
    SYS_chroot,
    SYS_unshare,
    SYS_setns,
    SYS_remap_file_pages,
    SYS_timer_create,
    SYS_rseq,
    SYS_vhangup,
    SYS_sync,
    SYS_syncfs,
    SYS_landlock_restrict_self,
    SYS_pkey_mprotect,
    SYS_process_madvise,
    SYS_migrate_pages,
    SYS_move_pages,
    SYS_mbind,
    SYS_set_mempolicy,
    SYS_iopl,
    SYS_ioperm,
    SYS_inotify_init1,
    SYS_fanotify_init,
    SYS_keyctl,
    SYS_add_key,
    SYS_request_key,
    SYS_memfd_secret,
    SYS_modify_ldt,
    SYS_personality,
    SYS_syslog,
    SYS_acct,
    SYS_nanosleep,
    SYS_clock_nanosleep,
    SYS_futex,
    SYS_poll,
    SYS_ppoll,
    SYS_select,
    SYS_pselect6,
    SYS_epoll_wait,
    SYS_epoll_pwait,
    SYS_epoll_pwait2,
    SYS_flock,
    SYS_io_getevents,
    SYS_io_pgetevents,
    SYS_fcntl,
    SYS_restart_syscall,
    SYS_wait4,
    SYS_waitid,
    SYS_mq_timedreceive,
    SYS_mq_timedsend,
    SYS_semtimedop,
};

static char *memory, *edge;
static int fds[8];

/* A name, a number, a size, a descriptor or an address, good or bad. */
static long argument(void)
{
    static const char *const names[] = {"f",         "d",  "d/x", "link", "absent", "/proc/self/maps",
                                        "/dev/null", "..", "",    "/"};
    static const long numbers[] = {0,     1,         2,         -1,       7,        8,          64,
                                   100,   4095,      4096,      4097,     65536,    0x7fffffff, 0x80000000,
                                   -4096, INT64_MAX, INT64_MIN, AT_FDCWD, 0x100000, 0777};
    switch (next_random() % 8) {
    case 0:
    case 1:
        return fds[next_random() % 8];
    case 2:
        return (long)names[next_random() % COUNT(names)];
    case 3:
        return (long)memory + next_random() % 4096;
    case 4:
        return (long)edge - next_random() % 64;
    case 5:
        return (long)(0xffff888000000000 + next_random() * 4096L);
    case 6:
        return next_random() % 512;
    default:
        return numbers[next_random() % COUNT(numbers)];
    }
}

static int allowed(long nr)
{
    for (size_t i = 0; i < COUNT(left_out); i++)
        if (left_out[i] == nr)
            return 0;
    return 1;
}

static void prepare(void)
{
    struct rlimit nofile = {64, 64}, fsize = {1 << 20, 1 << 20}, as = {256 << 20, 256 << 20};
    signal(SIGXFSZ, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    put_text("f", "content");
    mkdir("d", 0755);
    if (symlink("f", "link") < 0)
        errno = 0;
    REQ(setrlimit(RLIMIT_NOFILE, &nofile) == 0 && setrlimit(RLIMIT_FSIZE, &fsize) == 0 &&
        setrlimit(RLIMIT_AS, &as) == 0);
    int p[2];
    REQ(pipe2(p, O_NONBLOCK) == 0);
    fds[0] = open("f", O_RDWR);
    fds[1] = open("d", O_RDONLY);
    fds[2] = p[0];
    fds[3] = p[1];
    fds[4] = open("/dev/null", O_RDWR);
    fds[5] = open("/proc/self/stat", O_RDONLY);
    fds[6] = -1;
    fds[7] = 63;
    memory = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    edge = memory + 3 * PAGE;
    REQ(mprotect(edge, PAGE, PROT_NONE) == 0);
}

/* Calls in one child; it may die of what it did to itself, or hang in a call until its alarm. */
static int calls(unsigned start, int n, long only)
{
    char dir[32];
    snprintf(dir, sizeof dir, "dir%u", start);
    REQ(mkdir(dir, 0777) == 0);
    int st = CHILD({
        REQ(chdir(dir) == 0);
        int null = open("/dev/null", O_RDWR);
        struct itimerval it = {{0, 700000}, {0, 700000}};
        for (int fd = 0; fd < 3; fd++)
            dup2(null, fd); /* what is written at random must not come between the facts */
        drop_root();
        prepare();
        seed = start;
        setitimer(ITIMER_REAL, &it, NULL);
        for (int i = 0; i < n; i++) {
            long nr = only >= 0 ? only : (long)(next_random() % 462);
            if (allowed(nr))
                syscall(nr, argument(), argument(), argument(), argument(), argument(), argument());
            memory[0] = 0;
        }
    });
    return st != -1;
}

static void all_calls(void)
{
    int good = 1;
    for (unsigned i = 0; i < 12; i++)
        good &= calls(1000 + i, 400, -1);
    CHECK(good, "five thousand calls with arguments of all kinds");
}

/* The calls with the most code behind them, each alone. */
static void single_calls(void)
{
    static const int nrs[] = {SYS_openat,
                              SYS_read,
                              SYS_write,
                              SYS_pwritev2,
                              SYS_ioctl,
                              SYS_getdents64,
                              SYS_newfstatat,
                              SYS_statx,
                              SYS_linkat,
                              SYS_renameat2,
                              SYS_unlinkat,
                              SYS_mkdirat,
                              SYS_symlinkat,
                              SYS_fallocate,
                              SYS_sendfile,
                              SYS_splice,
                              SYS_copy_file_range,
                              SYS_lseek,
                              SYS_fsetxattr,
                              SYS_close_range,
                              SYS_dup3,
                              SYS_utimensat,
                              SYS_readlinkat,
                              SYS_mknodat,
                              SYS_ftruncate,
                              SYS_msync,
                              SYS_mincore,
                              SYS_sigaltstack,
                              SYS_timer_settime,
                              SYS_sched_getaffinity,
                              SYS_getrusage,
                              SYS_eventfd2,
                              SYS_epoll_ctl,
                              SYS_preadv2,
                              SYS_name_to_handle_at,
                              SYS_faccessat2,
                              SYS_openat2,
                              SYS_socket};
    int good = 1;
    for (size_t i = 0; i < COUNT(nrs); i++)
        good &= calls(5000 + i, 100, nrs[i]);
    CHECK(good, "forty calls, a hundred times each");
}

static void numbers(void)
{
    int good = 1;
    for (long nr = 600; nr < 2000; nr += 13)
        good &= syscall(nr, 0, 0, 0, 0, 0, 0) == -1;
    for (int bit = 10; bit < 31; bit++)
        good &= syscall(1L << bit, 0, 0, 0, 0, 0, 0) == -1 && errno == ENOSYS;
    CHECK(good, "numbers of no call");
}

static void after(void)
{
    put_text("after", "fine");
    CHECK(file_is("after", "fine") && CHILD(_exit(0)) == 0, "files and processes work as before");
    CHECK_ERRNO(waitpid(-1, NULL, WNOHANG), ECHILD, "no child is left");
}

int main(void)
{
    umask(0);
    REQ(chmod(".", 0777) == 0);
    all_calls();
    single_calls();
    numbers();
    after();
    return tap_end();
}
