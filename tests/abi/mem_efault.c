// SPDX-License-Identifier: MIT
/*
 * Bad pointers: the usual system calls with null, kernel, non-canonical, read-only, and straddling addresses give
 * EFAULT, not a crash. One line a call; the kinds are tried behind it.
 */
#include "tests/abi/util.h"

#include <poll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/statfs.h>
#include <sys/sysinfo.h>
#include <sys/time.h>
#include <sys/times.h>
#include <sys/uio.h>
#include <sys/utsname.h>

static char *edge; /* the first byte of a page without rights; the page before is mapped */
static char *ro;   /* a page that is only readable */

/* The kinds: addresses where all of the object is out of reach; the macros add those where a part of it is. */
static uintptr_t kinds[10];
static int nkinds;

static void make_kinds(void)
{
    char *p = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    REQ(mprotect(p + PAGE, PAGE, PROT_NONE) == 0);
    edge = p + PAGE;
    ro = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    kinds[nkinds++] = 8;
    kinds[nkinds++] = 0xffff888000001000;
    kinds[nkinds++] = 0x8000000000000000;
    kinds[nkinds++] = 0xfffffffffffff000;
    kinds[nkinds++] = 0x7ffffffff000;
    kinds[nkinds++] = (uintptr_t)edge;
}

static int failed;
static uintptr_t failed_at;
static long failed_ret;

static void judge(long r, uintptr_t at)
{
    if (r == -1 && errno == EFAULT)
        return;
    failed = 1;
    failed_at = at;
    failed_ret = r < 0 ? -errno : r;
}

/* `call` uses P, an integer, in the place of the pointer: each kind must give EFAULT. */
#define EFAULTS(name, call)                                                          \
    do {                                                                             \
        failed = 0;                                                                  \
        for (int k_ = 0; k_ < nkinds; k_++) {                                        \
            uintptr_t P = kinds[k_];                                                 \
            judge(call, P);                                                          \
        }                                                                            \
        if (failed)                                                                  \
            dprintf(1, "# %s at %lx gave %ld\n", name, (long)failed_at, failed_ret); \
        CHECK(!failed, name);                                                        \
    } while (0)

/* As EFAULTS, and also for an object of `size` bytes whose last ones are out of reach. */
#define EFAULTS_SIZE(name, size, call)                  \
    do {                                                \
        kinds[nkinds++] = (uintptr_t)edge - (size) + 1; \
        EFAULTS(name, call);                            \
        nkinds--;                                       \
    } while (0)

/* As EFAULTS_SIZE, for what the kernel writes: also on a page that is only readable. */
#define EFAULTS_OUT(name, size, call)    \
    do {                                 \
        kinds[nkinds++] = (uintptr_t)ro; \
        EFAULTS_SIZE(name, size, call);  \
        nkinds--;                        \
    } while (0)

static void paths(void)
{
    memset(edge - 16, 'a', 16); /* a name without its NUL before the edge */
    kinds[nkinds++] = (uintptr_t)edge - 16;
    EFAULTS("open", syscall(SYS_open, P, O_RDONLY));
    EFAULTS("openat", syscall(SYS_openat, AT_FDCWD, P, O_RDONLY | O_CREAT, 0600));
    EFAULTS("stat", syscall(SYS_stat, P, edge - 200));
    EFAULTS("lstat", syscall(SYS_lstat, P, edge - 200));
    EFAULTS("newfstatat", syscall(SYS_newfstatat, AT_FDCWD, P, edge - 200, 0));
    EFAULTS("statx", syscall(SYS_statx, AT_FDCWD, P, 0, 0x7ff, edge - 300));
    EFAULTS("access", syscall(SYS_access, P, F_OK));
    EFAULTS("mkdir", syscall(SYS_mkdir, P, 0700));
    EFAULTS("rmdir", syscall(SYS_rmdir, P));
    EFAULTS("unlink", syscall(SYS_unlink, P));
    EFAULTS("rename, first name", syscall(SYS_rename, P, "x"));
    EFAULTS("rename, second name", syscall(SYS_rename, "f", P));
    EFAULTS("link, first name", syscall(SYS_link, P, "x"));
    EFAULTS("link, second name", syscall(SYS_link, "f", P));
    EFAULTS("symlink, target", syscall(SYS_symlink, P, "x"));
    EFAULTS("symlink, name", syscall(SYS_symlink, "x", P));
    EFAULTS("readlink", syscall(SYS_readlink, P, edge - 100, 50));
    EFAULTS("mknod", syscall(SYS_mknod, P, S_IFREG | 0600, 0));
    EFAULTS("chmod", syscall(SYS_chmod, P, 0600));
    EFAULTS("chown", syscall(SYS_chown, P, 0, 0));
    EFAULTS("truncate", syscall(SYS_truncate, P, 0));
    EFAULTS("utimensat", syscall(SYS_utimensat, AT_FDCWD, P, NULL, 0));
    EFAULTS("chdir", syscall(SYS_chdir, P));
    EFAULTS("chroot", syscall(SYS_chroot, P));
    EFAULTS("statfs", syscall(SYS_statfs, P, edge - 200));
    EFAULTS("execve, name", syscall(SYS_execve, P, NULL, NULL));
    EFAULTS("getxattr, name", syscall(SYS_getxattr, "f", P, NULL, 0));
    nkinds--;
}

static void data_in(void)
{
    int fd = open("f", O_RDWR), p[2];
    make_pipe(p);
    EFAULTS("write to a file", syscall(SYS_write, fd, P, 100));
    EFAULTS("write to a pipe", syscall(SYS_write, p[1], P, 100));
    EFAULTS("pwrite", syscall(SYS_pwrite64, fd, P, 100, 0));
    EFAULTS_SIZE("writev, vectors", 16, syscall(SYS_writev, fd, P, 1));
    EFAULTS("writev, data", ({
                struct iovec v = {(void *)P, 100};
                syscall(SYS_writev, fd, &v, 1);
            }));
    EFAULTS_SIZE("utimensat, times", 32, syscall(SYS_utimensat, AT_FDCWD, "f", P, 0));
    EFAULTS_SIZE("nanosleep", 16, syscall(SYS_nanosleep, P, NULL));
    EFAULTS_SIZE("clock_nanosleep", 16, syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, P, NULL));
    EFAULTS_SIZE("poll", 8, syscall(SYS_poll, P, 1, 0));
    EFAULTS_SIZE("select, time", 16, syscall(SYS_select, 0, NULL, NULL, NULL, P));
    EFAULTS_SIZE("select, set", 8, syscall(SYS_select, 64, P, NULL, NULL, NULL));
    EFAULTS_SIZE("rt_sigaction, new", 32, syscall(SYS_rt_sigaction, SIGUSR1, P, NULL, 8));
    EFAULTS_SIZE("rt_sigprocmask, new", 8, syscall(SYS_rt_sigprocmask, SIG_BLOCK, P, NULL, 8));
    EFAULTS_SIZE("rt_sigsuspend", 8, syscall(SYS_rt_sigsuspend, P, 8));
    EFAULTS_SIZE("sigaltstack, new", 24, syscall(SYS_sigaltstack, P, NULL));
    EFAULTS_SIZE("setitimer, new", 32, syscall(SYS_setitimer, ITIMER_VIRTUAL, P, NULL));
    EFAULTS_SIZE("setrlimit", 16, syscall(SYS_setrlimit, RLIMIT_CORE, P));
    EFAULTS_SIZE("setgroups", 8, syscall(SYS_setgroups, 2, P));
    EFAULTS_SIZE("sched_setaffinity", 8, syscall(SYS_sched_setaffinity, 0, 8, P));
    EFAULTS_SIZE("sched_setscheduler", 4, syscall(SYS_sched_setscheduler, 0, SCHED_RR, P));
    EFAULTS("futex", syscall(SYS_futex, P & ~3UL, 0, 0, NULL, NULL, 0));
    EFAULTS_SIZE("fcntl, lock", 32, syscall(SYS_fcntl, fd, F_SETLK, P));
    EFAULTS("prctl, name", syscall(SYS_prctl, PR_SET_NAME, P));
    close(p[0]);
    close(p[1]);
    close(fd);
}

static void data_out(void)
{
    int fd = open("f", O_RDWR), p[2], dir = open(".", O_RDONLY);
    make_pipe(p);
    REQ(write(p[1], "0123456789", 10) == 10);
    kinds[nkinds++] = (uintptr_t)ro;
    EFAULTS("read of a file", syscall(SYS_pread64, fd, P, 100, 0));
    EFAULTS("read of a pipe", syscall(SYS_read, p[0], P, 10));
    EFAULTS("readv, data", ({
                struct iovec v = {(void *)P, 100};
                syscall(SYS_preadv, fd, &v, 1, 0, 0);
            }));
    EFAULTS("getdents64", syscall(SYS_getdents64, dir, P, 500));
    EFAULTS("getcwd", syscall(SYS_getcwd, P, 4096));
    EFAULTS("readlink, buffer", syscall(SYS_readlink, "/proc/self/exe", P, 100));
    EFAULTS("getrandom", syscall(SYS_getrandom, P, 100, 0));
    nkinds--;
    EFAULTS_OUT("fstat", sizeof(struct stat), syscall(SYS_fstat, fd, P));
    EFAULTS_OUT("stat, buffer", sizeof(struct stat), syscall(SYS_stat, "f", P));
    EFAULTS_OUT("statx, buffer", 256, syscall(SYS_statx, AT_FDCWD, "f", 0, 0x7ff, P));
    EFAULTS_OUT("statfs, buffer", sizeof(struct statfs), syscall(SYS_statfs, ".", P));
    EFAULTS_OUT("pipe", 8, syscall(SYS_pipe, P));
    EFAULTS_OUT("uname", 390, syscall(SYS_uname, P));
    EFAULTS_OUT("sysinfo", 112, syscall(SYS_sysinfo, P));
    EFAULTS_OUT("times", 32, syscall(SYS_times, P));
    EFAULTS_OUT("getrusage", 144, syscall(SYS_getrusage, RUSAGE_SELF, P));
    EFAULTS_OUT("getrlimit", 16, syscall(SYS_getrlimit, RLIMIT_CORE, P));
    EFAULTS_OUT("clock_gettime", 16, syscall(SYS_clock_gettime, CLOCK_MONOTONIC, P));
    EFAULTS_OUT("clock_getres", 16, syscall(SYS_clock_getres, CLOCK_MONOTONIC, P));
    EFAULTS_OUT("gettimeofday", 16, syscall(SYS_gettimeofday, P, NULL));
    EFAULTS_OUT("rt_sigaction, old", 32, syscall(SYS_rt_sigaction, SIGUSR1, NULL, P, 8));
    EFAULTS_OUT("rt_sigprocmask, old", 8, syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, P, 8));
    EFAULTS_OUT("rt_sigpending", 8, syscall(SYS_rt_sigpending, P, 8));
    EFAULTS_OUT("sigaltstack, old", 24, syscall(SYS_sigaltstack, NULL, P));
    EFAULTS_OUT("getitimer", 32, syscall(SYS_getitimer, ITIMER_REAL, P));
    EFAULTS_OUT("getresuid", 4, syscall(SYS_getresuid, P, edge - 8, edge - 4));
    EFAULTS_OUT("sched_getaffinity", 8, syscall(SYS_sched_getaffinity, 0, 8, P));
    EFAULTS_OUT("sched_getparam", 4, syscall(SYS_sched_getparam, 0, P));
    EFAULTS_OUT("getcpu", 4, syscall(SYS_getcpu, P, NULL, NULL));
    EFAULTS_OUT("prctl, get name", 16, syscall(SYS_prctl, PR_GET_NAME, P));
    EFAULTS_OUT("arch_prctl, get FS", 8, syscall(SYS_arch_prctl, 0x1003, P));
    close(p[0]);
    close(p[1]);
    close(dir);
    close(fd);
}

/* A transfer that fails in its middle reports what it did. */
static void partly(void)
{
    int fd = open("f", O_RDWR), p[2], zero = open("/dev/zero", O_RDONLY);
    make_pipe(p);
    memset(edge - 50, 'e', 50);
    CHECK(pwrite(fd, edge - 50, 100, 0) == 50, "write to a file from a buffer that ends early: the part that is there");
    memset(edge - 30, 0, 30);
    CHECK(pread(fd, edge - 30, 50, 0) == 30 && edge[-1] == 'e', "read of a file into one: likewise");
    CHECK(read(zero, edge - 20, 100) == 20 && edge[-1] == 0, "read of /dev/zero into one: likewise");
    CHECK_ERRNO(write(p[1], edge - 50, 100), EFAULT, "write to a pipe from one: EFAULT, nothing sent");
    REQ(write(p[1], "abcdefghij", 10) == 10);
    CHECK_ERRNO(read(p[0], edge - 5, 10), EFAULT, "read of a pipe into one: EFAULT");
    close(p[0]);
    close(p[1]);
    close(zero);
    close(fd);
}

int main(void)
{
    static char content[4096];
    put_file("f", content, sizeof content);
    make_kinds();
    paths();
    data_in();
    data_out();
    partly();
    return tap_end();
}
