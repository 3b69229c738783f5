// SPDX-License-Identifier: MIT
/* Calls on processes that few programs make: group ids, time slices, priorities of input and output, memory policies, robust
 * lists, other processes' memory and descriptors, overruns. */
#include "tests/abi/util.h"

#include <linux/futex.h>
#include <linux/mempolicy.h>
#include <pthread.h>
#include <sys/fsuid.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/timex.h>
#include <sys/uio.h>

static int gids_are(gid_t r, gid_t e, gid_t s)
{
    gid_t a, b, c;
    return getresgid(&a, &b, &c) == 0 && a == r && b == e && c == s;
}

static void groups(void)
{
    CHECK_CHILD("setregid: root sets both, and the saved one follows the effective", {
        REQ(setregid(10, 20) == 0 && gids_are(10, 20, 20));
        REQ(setregid(-1, -1) == 0 && gids_are(10, 20, 20));
    });
    CHECK_CHILD("setregid: a user swaps, and takes nothing else", {
        REQ(setresgid(1, 2, 2) == 0 && setuid(NOBODY) == 0);
        REQ(setregid(2, 1) == 0 && gids_are(2, 1, 1));
        REQ(setregid(-1, 2) == 0 && gids_are(2, 2, 1));
        REQ(setregid(-1, 3) == -1 && errno == EPERM);
        REQ(setregid(3, -1) == -1 && errno == EPERM && gids_are(2, 2, 1));
    });
    CHECK_CHILD("setregid: the effective one alone leaves the saved one", {
        REQ(setresgid(7, 7, 7) == 0 && setregid(-1, 7) == 0 && gids_are(7, 7, 7));
        REQ(setregid(-1, 8) == 0 && gids_are(7, 8, 8));
    });
    CHECK_CHILD("setfsgid tells the old one; a stranger's changes nothing", {
        REQ(setfsgid(5) == 0 && setfsgid(-1) == 5 && setfsgid(5) == 5);
        put_text("fsgid", "x");
        struct stat st;
        REQ(stat("fsgid", &st) == 0 && st.st_gid == 5 && unlink("fsgid") == 0);
        REQ(setuid(NOBODY) == 0 && setfsgid(77) == 5 && setfsgid(-1) == 5);
        REQ(setfsgid(0) == 5 && setfsgid(-1) == 0);
    });
}

static void priorities(void)
{
    struct timespec t = {-1, -1};
    enum { CLASS_RT = 1 << 13, CLASS_BE = 2 << 13, CLASS_IDLE = 3 << 13 };
    CHECK(sched_rr_get_interval(0, &t) == 0 && t.tv_sec == 0 && t.tv_nsec >= 0,
          "sched_rr_get_interval: of an ordinary one");
    CHECK_ERRNO(sched_rr_get_interval(-1, &t), EINVAL, "no such number");
    CHECK_ERRNO(sched_rr_get_interval(4194000, &t), ESRCH, "no such process");
    CHECK_ERRNO(syscall(SYS_sched_rr_get_interval, 0, at_addr(8)), EFAULT, "a bad address");
    CHECK_CHILD("ioprio_set is told back, and inherited", {
        REQ(syscall(SYS_ioprio_get, 1, 0) >= 0);
        REQ(syscall(SYS_ioprio_set, 1, 0, CLASS_BE | 6) == 0 && syscall(SYS_ioprio_get, 1, 0) == (CLASS_BE | 6));
        REQ(CHILD(REQ(syscall(SYS_ioprio_get, 1, 0) == (CLASS_BE | 6))) == 0);
        REQ(syscall(SYS_ioprio_get, 1, getpid()) == (CLASS_BE | 6));
        REQ(syscall(SYS_ioprio_set, 1, 0, CLASS_IDLE) == 0 && syscall(SYS_ioprio_get, 1, 0) == CLASS_IDLE);
    });
    CHECK_CHILD("a process group's and a user's are the best of theirs", {
        REQ(setpgid(0, 0) == 0 && syscall(SYS_ioprio_set, 1, 0, CLASS_BE | 7) == 0);
        pid_t pid = tap_fork();
        if (pid == 0) {
            REQ(syscall(SYS_ioprio_set, 1, 0, CLASS_BE | 2) == 0);
            for (;;)
                pause();
        }
        while (syscall(SYS_ioprio_get, 1, pid) != (CLASS_BE | 2))
            msleep(1);
        REQ(syscall(SYS_ioprio_get, 2, 0) == (CLASS_BE | 2));
        REQ(syscall(SYS_ioprio_set, 2, 0, CLASS_BE | 5) == 0 && syscall(SYS_ioprio_get, 1, pid) == (CLASS_BE | 5));
        kill(pid, SIGKILL);
        tap_wait(pid);
    });
    CHECK_ERRNO(syscall(SYS_ioprio_set, 0, 0, CLASS_BE), EINVAL, "ioprio_set: of nothing known");
    CHECK_ERRNO(syscall(SYS_ioprio_set, 1, 0, 4 << 13), EINVAL, "ioprio_set: no such class");
    CHECK_ERRNO(syscall(SYS_ioprio_set, 1, 0, 3), EINVAL, "ioprio_set: a level without a class");
    CHECK_ERRNO(syscall(SYS_ioprio_set, 1, 0, CLASS_RT | 1), EPERM,
                "ioprio_set: the real-time class is not everyone's");
    CHECK_ERRNO(syscall(SYS_ioprio_set, 1, 4194000, CLASS_BE), ESRCH, "ioprio_set: no such process");
    CHECK_ERRNO(syscall(SYS_ioprio_get, 4, 0), EINVAL, "ioprio_get: of nothing known");
    CHECK_ERRNO(syscall(SYS_ioprio_get, 1, 4194000), ESRCH, "ioprio_get: no such process");
}

#define BALANCED (1 << 13) /* MPOL_F_NUMA_BALANCING */

static void policies(void)
{
    unsigned long nodes[16] = {~0ul}, one = 1;
    int mode = -1;
    char *p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(syscall(SYS_get_mempolicy, &mode, NULL, 0L, 0L, 0L) == 0 && mode == MPOL_DEFAULT,
          "get_mempolicy: the default");
    CHECK(syscall(SYS_get_mempolicy, NULL, nodes, 1024L, 0L, MPOL_F_MEMS_ALLOWED) == 0 && (nodes[0] & 1),
          "get_mempolicy: the first node is allowed");
    CHECK_ERRNO(syscall(SYS_get_mempolicy, &mode, NULL, 0L, p, 0L), EINVAL, "get_mempolicy: an address unasked for");
    CHECK_ERRNO(syscall(SYS_get_mempolicy, &mode, NULL, 0L, 0L, 64L), EINVAL, "get_mempolicy: an unknown flag");
    CHECK_ERRNO(syscall(SYS_get_mempolicy, &mode, NULL, 0L, 8L, MPOL_F_ADDR), EFAULT,
                "get_mempolicy: nothing is there");
    CHECK(syscall(SYS_get_mempolicy, &mode, NULL, 0L, p, MPOL_F_ADDR) == 0 && mode == MPOL_DEFAULT,
          "get_mempolicy: of a page");
    CHECK_CHILD("set_mempolicy is told back, and inherited", {
        REQ(syscall(SYS_set_mempolicy, MPOL_BIND, &one, 64L) == 0);
        REQ(syscall(SYS_get_mempolicy, &mode, nodes, 1024L, 0L, 0L) == 0 && mode == MPOL_BIND && nodes[0] == 1);
        REQ(CHILD(REQ(syscall(SYS_get_mempolicy, &mode, NULL, 0L, 0L, 0L) == 0 && mode == MPOL_BIND)) == 0);
        REQ(syscall(SYS_set_mempolicy, MPOL_DEFAULT, NULL, 0L) == 0);
        REQ(syscall(SYS_get_mempolicy, &mode, NULL, 0L, 0L, 0L) == 0 && mode == MPOL_DEFAULT);
    });
    CHECK_ERRNO(syscall(SYS_set_mempolicy, 99, &one, 64L), EINVAL, "set_mempolicy: no such mode");
    char *hole = mmap(NULL, 3 * 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    REQ(hole != MAP_FAILED && munmap(hole + 4096, 4096) == 0);
    CHECK(syscall(SYS_mbind, hole, 4096L, MPOL_BIND, &one, 64L, 0) == 0, "mbind: a page");
    CHECK_ERRNO(syscall(SYS_mbind, hole, 3 * 4096L, MPOL_BIND, &one, 64L, 0), EFAULT, "mbind: a hole between pages");
    CHECK_ERRNO(syscall(SYS_mbind, hole, 2 * 4096L, MPOL_BIND, &one, 64L, 0), EFAULT, "mbind: a hole at the end");
    CHECK(syscall(SYS_mbind, hole + 4096, 2 * 4096L, MPOL_DEFAULT, NULL, 0L, 0) == 0, "mbind: the default for a hole");
    CHECK_ERRNO(syscall(SYS_set_mempolicy, MPOL_BIND, NULL, 0L), EINVAL, "set_mempolicy: bound to no node");
    CHECK_ERRNO(syscall(SYS_set_mempolicy, MPOL_DEFAULT, &one, 64L), EINVAL, "set_mempolicy: the default has no nodes");
    static const struct {
        const char *name;
        int mode, want;
        unsigned long size, node;
        long len;
    } cases[] = {
        {"mbind: balancing of what is bound", MPOL_BIND | BALANCED, 0, 65, 0, PAGE},
        {"mbind: and of nothing else", MPOL_INTERLEAVE | BALANCED, EINVAL, 65, 0, PAGE},
        {"mbind: not of the default", MPOL_DEFAULT | BALANCED, EINVAL, 0, 0, PAGE},
        {"mbind: a node that is not there, and one that is", MPOL_BIND, 0, 129, 64, PAGE},
        {"mbind: a node that no machine has", MPOL_BIND, EINVAL, 64 * 50, 64 * 40, PAGE},
        {"mbind: of nothing, the mode is not looked at", MPOL_DEFAULT, 0, 65, 0, 0},
        {"mbind: but must be one", 77, EINVAL, 65, 0, 0},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        unsigned long set[64] = {1};
        set[cases[i].node / 64] |= 1;
        GIVES(syscall(SYS_mbind, hole, cases[i].len, cases[i].mode, set, cases[i].size, 0), cases[i].want,
              cases[i].name);
    }
    munmap(p, PAGE);
}

static void *waits(void *arg)
{
    *(pid_t *)arg = gettid();
    for (;;)
        pause();
    return NULL;
}

static void robust_lists(void)
{
    struct robust_list_head mine = {.list = {&mine.list}}, *head = NULL;
    size_t len = 0;
    CHECK_CHILD("get_robust_list: what set_robust_list said", {
        REQ(syscall(SYS_set_robust_list, &mine, sizeof mine) == 0);
        REQ(syscall(SYS_get_robust_list, 0, &head, &len) == 0 && head == &mine && len == sizeof mine);
        REQ(syscall(SYS_get_robust_list, getpid(), &head, &len) == 0 && head == &mine);
    });
    static volatile pid_t tid;
    pthread_t t;
    REQ(pthread_create(&t, NULL, waits, (void *)&tid) == 0);
    while (!tid)
        msleep(1);
    CHECK(syscall(SYS_get_robust_list, tid, &head, &len) == 0 && head != NULL, "get_robust_list: of another thread");
    CHECK_ERRNO(syscall(SYS_get_robust_list, 4194000, &head, &len), ESRCH, "get_robust_list: no such thread");
    CHECK_ERRNO(syscall(SYS_get_robust_list, 0, at_addr(8), &len), EFAULT, "get_robust_list: a bad address");
    CHECK_ERRNO(syscall(SYS_set_robust_list, &mine, 3L), EINVAL, "set_robust_list: another size");
}

static char far_text[2 * PAGE] __attribute__((aligned(4096)));

/* A child whose text differs from its parent's; it stays until it is killed. */
static pid_t other_process(int fd)
{
    pid_t pid = tap_fork();
    if (pid == 0) {
        strcpy(far_text, "the child's own");
        munmap(far_text + PAGE, PAGE);
        REQ(write(fd, "", 1) == 1);
        for (;;)
            pause();
    }
    return pid;
}

static void memory(pid_t pid)
{
    char buf[PAGE + 64];
    struct iovec local[2] = {{buf, 4}, {buf + 32, 12}}, remote = {far_text, 16},
                 two[2] = {{far_text, 16}, {far_text + PAGE, 8}};
    struct iovec bad = {at_addr(8), 16}, half = {far_text + PAGE - 8, 16};
    CHECK(process_vm_readv(pid, local, 2, &remote, 1, 0) == 16 && memcmp(buf, "the ", 4) == 0 &&
              strcmp(buf + 32, "child's own") == 0,
          "process_vm_readv: one piece into two");
    local[0] = (struct iovec){buf, sizeof buf};
    CHECK(process_vm_readv(pid, local, 1, two, 2, 0) == 16, "process_vm_readv: a second piece that is not there");
    CHECK(process_vm_readv(pid, local, 1, &half, 1, 0) == 8, "process_vm_readv: a piece that ends in nothing");
    CHECK_ERRNO(process_vm_readv(pid, local, 1, &bad, 1, 0), EFAULT, "process_vm_readv: nothing there at all");
    CHECK_ERRNO(process_vm_readv(pid, &bad, 1, &remote, 1, 0), EFAULT, "process_vm_readv: to nowhere");
    CHECK_ERRNO(process_vm_readv(pid, local, 1, &remote, 1, 1), EINVAL, "process_vm_readv: an unknown flag");
    CHECK_ERRNO(process_vm_readv(pid, local, 1025, &remote, 1, 0), EINVAL, "process_vm_readv: too many pieces");
    CHECK_ERRNO(process_vm_readv(4194000, local, 1, &remote, 1, 0), ESRCH, "process_vm_readv: no such process");
    CHECK(process_vm_readv(pid, local, 1, &remote, 0, 0) == 0, "process_vm_readv: nothing");
    strcpy(buf, "written");
    local[0] = (struct iovec){buf, 8};
    CHECK(process_vm_writev(pid, local, 1, &remote, 1, 0) == 8, "process_vm_writev");
    memset(buf, 0, sizeof buf);
    CHECK(process_vm_readv(pid, local, 1, &remote, 1, 0) == 8 && strcmp(buf, "written") == 0, "and it is there");
    CHECK(far_text[0] == 0, "but not in this process");
    remote.iov_base = (void *)memory;
    CHECK_ERRNO(process_vm_writev(pid, local, 1, &remote, 1, 0), EFAULT,
                "process_vm_writev: the program's text is read-only");
    remote.iov_base = far_text;
    CHECK_CHILD("a stranger may not", {
        REQ(setgid(NOBODY) == 0 && setuid(NOBODY) == 0);
        REQ(process_vm_readv(pid, local, 1, &remote, 1, 0) == -1 && errno == EPERM);
    });
}

static void descriptors(pid_t pid, int there)
{
    int pidfd = syscall(SYS_pidfd_open, pid, 0), got;
    struct stat a, b;
    REQ(pidfd >= 0);
    CHECK((got = syscall(SYS_pidfd_getfd, pidfd, there, 0)) >= 0, "pidfd_getfd: a descriptor of the other process");
    CHECK(fstat(got, &a) == 0 && fstat(there, &b) == 0 && a.st_ino == b.st_ino, "the same file");
    CHECK(fcntl(got, F_GETFD) == FD_CLOEXEC, "closed by exec");
    CHECK_ERRNO(syscall(SYS_pidfd_getfd, pidfd, 999, 0), EBADF, "pidfd_getfd: it has none such");
    CHECK_ERRNO(syscall(SYS_pidfd_getfd, pidfd, there, 1), EINVAL, "pidfd_getfd: an unknown flag");
    CHECK_ERRNO(syscall(SYS_pidfd_getfd, got, there, 0), EBADF, "pidfd_getfd: by what is no process");
    CHECK_CHILD("a stranger gets none", {
        REQ(setgid(NOBODY) == 0 && setuid(NOBODY) == 0);
        REQ(syscall(SYS_pidfd_getfd, pidfd, there, 0) == -1 && errno == EPERM);
    });
    CHECK_CHILD("nor does one without room", {
        struct rlimit none = {0, 0};
        REQ(setrlimit(RLIMIT_NOFILE, &none) == 0);
        REQ(syscall(SYS_pidfd_getfd, pidfd, there, 0) == -1 && errno == EMFILE);
    });
    kill(pid, SIGKILL);
    tap_wait(pid);
    CHECK_ERRNO(syscall(SYS_pidfd_getfd, pidfd, there, 0), ESRCH, "pidfd_getfd: of a process that is gone");
    close(pidfd), close(got);
}

static void overruns(void)
{
    timer_t t;
    struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN};
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGRTMIN);
    REQ(timer_create(CLOCK_MONOTONIC, &ev, &t) == 0);
    CHECK(timer_getoverrun(t) == 0, "timer_getoverrun: none yet");
    struct itimerspec every = {{0, 1000000}, {0, 1000000}};
    REQ(timer_settime(t, 0, &every, NULL) == 0);
    msleep(30);
    siginfo_t si;
    REQ(sigwaitinfo(&set, &si) == SIGRTMIN);
    int n = timer_getoverrun(t);
    CHECK(n > 0 && n == si.si_overrun, "timer_getoverrun: what the signal said");
    REQ(timer_delete(t) == 0);
    CHECK_ERRNO(syscall(SYS_timer_getoverrun, 12345), EINVAL, "timer_getoverrun: no such timer");
}

/* What anybody may ask of the clock's steering; its setting needs a right that these programs have not. */
static void steering(void)
{
    struct timex t = {.modes = 0};
    time_t now = time(NULL);
    CHECK(adjtimex(&t) >= TIME_OK && t.tick >= 9000 && t.tick <= 11000, "adjtimex: the tick's length");
    CHECK(t.time.tv_sec >= now && t.time.tv_sec <= now + 60 && t.precision > 0, "adjtimex: the time");
    t.modes = ADJ_TICK;
    CHECK_ERRNO(adjtimex(&t), EPERM, "adjtimex: setting is not everyone's");
    t.modes = ADJ_OFFSET_SS_READ;
    CHECK(adjtimex(&t) >= TIME_OK, "adjtimex: what is left of an adjustment");
    t.modes = ADJ_OFFSET_SINGLESHOT;
    CHECK_ERRNO(adjtimex(&t), EPERM, "adjtimex: nor is an adjustment");
    CHECK_ERRNO(syscall(SYS_adjtimex, at_addr(8)), EFAULT, "adjtimex: a bad address");
    t.modes = 0;
    CHECK(clock_adjtime(CLOCK_REALTIME, &t) >= TIME_OK && t.tick >= 9000, "clock_adjtime: the same");
    CHECK_ERRNO(clock_adjtime(CLOCK_MONOTONIC, &t), EOPNOTSUPP, "clock_adjtime: a clock that is not steered");
    CHECK_ERRNO(clock_adjtime(1234, &t), EINVAL, "clock_adjtime: no such clock");
}

int main(void)
{
    int p[2];
    char c;
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGRTMIN); /* the timer's, in all threads */
    REQ(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
    groups();
    priorities();
    policies();
    robust_lists();
    CHECK(syscall(SYS_munlockall) == 0, "munlockall: with nothing locked");
    REQ(pipe(p) == 0);
    pid_t pid = other_process(p[1]);
    REQ(read(p[0], &c, 1) == 1);
    memory(pid);
    descriptors(pid, p[1]);
    overruns();
    steering();
    return tap_end();
}
