// SPDX-License-Identifier: MIT
/*
 * What a process asks about itself and the machine: limits, usage, priority, names, system, random bytes, numbers.
 */
#include "tests/abi/util.h"

#include <sys/auxv.h>
#include <sys/personality.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/sysinfo.h>
#include <sys/times.h>
#include <sys/utsname.h>

static void limits(void)
{
    struct rlimit r, old;
    CHECK(getrlimit(RLIMIT_STACK, &r) == 0 && r.rlim_cur <= r.rlim_max, "getrlimit");
    CHECK_ERRNO(getrlimit(99, &r), EINVAL, "an unknown limit");
    CHECK_ERRNO(syscall(SYS_getrlimit, RLIMIT_STACK, 8L), EFAULT, "getrlimit into a bad address");
    CHECK_CHILD("setrlimit and prlimit", {
        struct rlimit n = {100, 200};
        REQ(setrlimit(RLIMIT_NOFILE, &n) == 0);
        REQ(prlimit(0, RLIMIT_NOFILE, NULL, &r) == 0 && r.rlim_cur == 100 && r.rlim_max == 200);
        n.rlim_cur = 150;
        REQ(prlimit(getpid(), RLIMIT_NOFILE, &n, &old) == 0 && old.rlim_cur == 100);
        REQ(getrlimit(RLIMIT_NOFILE, &r) == 0 && r.rlim_cur == 150);
    });
    r = (struct rlimit){10, 5};
    CHECK_ERRNO(setrlimit(RLIMIT_CORE, &r), EINVAL, "a soft limit above the hard one");
    CHECK_CHILD("a user lowers but does not raise the hard limit", {
        drop_root();
        struct rlimit n = {50, 50};
        REQ(setrlimit(RLIMIT_NOFILE, &n) == 0);
        n.rlim_max = 51;
        REQ(setrlimit(RLIMIT_NOFILE, &n) == -1 && errno == EPERM);
    });
    CHECK_ERRNO(prlimit(0x7ffffff, RLIMIT_NOFILE, NULL, &r), ESRCH, "prlimit of nobody");
    CHECK_CHILD("prlimit of root's process by another", {
        pid_t p = getppid();
        drop_root();
        REQ(prlimit(p, RLIMIT_NOFILE, NULL, &r) == -1 && errno == EPERM);
    });
}

static long spin(long ms)
{
    struct timespec t;
    do
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    while (t.tv_sec * 1000 + t.tv_nsec / 1000000 < ms);
    return ms;
}

static void usage(void)
{
    struct rusage a, b;
    struct tms t;
    spin(50);
    CHECK(getrusage(RUSAGE_SELF, &a) == 0 && (a.ru_utime.tv_usec + a.ru_stime.tv_usec > 0 || a.ru_utime.tv_sec),
          "RUSAGE_SELF");
    CHECK(a.ru_maxrss > 0 && a.ru_minflt > 0, "memory and faults are counted");
    CHECK(getrusage(RUSAGE_THREAD, &b) == 0 && b.ru_minflt > 0, "RUSAGE_THREAD");
    CHECK_ERRNO(getrusage(7, &b), EINVAL, "an unknown who");
    REQ(CHILD(spin(50)) == 0);
    CHECK(getrusage(RUSAGE_CHILDREN, &b) == 0 &&
              (b.ru_utime.tv_sec + b.ru_stime.tv_sec) * 1000000 + b.ru_utime.tv_usec + b.ru_stime.tv_usec > 20000,
          "RUSAGE_CHILDREN has what was waited for");
    CHECK(times(&t) > 0 && t.tms_utime + t.tms_stime >= 3 && t.tms_cutime + t.tms_cstime >= 2, "times, in hundredths");
    for (int i = 0; i < 100; i++) { /* a sleep may be over before it begins */
        msleep(1 + i);
        REQ(getrusage(RUSAGE_SELF, &b) == 0);
        if (b.ru_nvcsw > a.ru_nvcsw)
            break;
    }
    CHECK(a.ru_nvcsw >= 0 && b.ru_nvcsw > a.ru_nvcsw, "a sleep is a voluntary switch");
}

static void priority(void)
{
    CHECK(getpriority(PRIO_PROCESS, 0) == 0, "nice is 0");
    CHECK_CHILD("nice adds and is bounded",
                { REQ(nice(5) == 5 && nice(100) == 19 && getpriority(PRIO_PROCESS, 0) == 19); });
    CHECK_CHILD("lowering it needs CAP_SYS_NICE", {
        struct rlimit r = {0, 0};
        REQ(setrlimit(RLIMIT_NICE, &r) == 0);
        REQ(setpriority(PRIO_PROCESS, 0, -5) == -1 && errno == EACCES);
        REQ(syscall(SYS_getpriority, PRIO_PROCESS, 0) == 20);
    });
    CHECK_CHILD("a user may only raise it", {
        drop_root();
        struct rlimit r = {0, 0};
        REQ(setrlimit(RLIMIT_NICE, &r) == 0);
        REQ(setpriority(PRIO_PROCESS, 0, 3) == 0);
        REQ(setpriority(PRIO_PROCESS, 0, 2) == -1 && errno == EACCES);
    });
    CHECK_ERRNO(getpriority(9, 0), EINVAL, "an unknown kind");
    CHECK_ERRNO(getpriority(PRIO_PROCESS, 0x7ffffff), ESRCH, "priority of nobody");
    CHECK_CHILD("another user's process", {
        pid_t p = getppid();
        drop_root();
        REQ(setpriority(PRIO_PROCESS, p, 5) == -1 && errno == EPERM);
    });
    struct sched_param sp = {1};
    CHECK(sched_getscheduler(0) == SCHED_OTHER, "the policy is SCHED_OTHER");
    CHECK(sched_get_priority_max(SCHED_FIFO) == 99 && sched_get_priority_min(SCHED_FIFO) == 1 &&
              sched_get_priority_max(SCHED_OTHER) == 0,
          "bounds of priorities");
    CHECK_CHILD("SCHED_RR needs CAP_SYS_NICE or RLIMIT_RTPRIO", {
        struct rlimit r = {0, 0};
        REQ(setrlimit(RLIMIT_RTPRIO, &r) == 0);
        REQ(sched_setscheduler(0, SCHED_RR, &sp) == -1 && errno == EPERM);
    });
    CHECK_ERRNO(sched_setscheduler(0, SCHED_OTHER, &sp), EINVAL, "a priority for SCHED_OTHER");
    CHECK_ERRNO(sched_setscheduler(0, 77, &sp), EINVAL, "an unknown policy");
    CHECK(sched_yield() == 0, "sched_yield");
}

static void processors(void)
{
    unsigned cpu = 99, node = 99;
    cpu_set_t set, one;
    CHECK(getcpu(&cpu, &node) == 0 && cpu < 99 && node == 0, "getcpu");
    CPU_ZERO(&set);
    CHECK(syscall(SYS_sched_getaffinity, 0, sizeof set, &set) >= 8 && CPU_COUNT(&set) >= 1, "sched_getaffinity");
    CHECK(CPU_COUNT(&set) <= sysconf(_SC_NPROCESSORS_ONLN), "it is not more than the number of processors online");
    int good = 1;
    for (int i = 0; i < CPU_SETSIZE; i++)
        if (CPU_ISSET(i, &set)) {
            CPU_ZERO(&one);
            CPU_SET(i, &one);
            good &= sched_setaffinity(0, sizeof one, &one) == 0 && sched_getcpu() == i;
        }
    CHECK(good, "sched_setaffinity moves to each of them at once");
    CHECK_CHILD("a child inherits it", {
        cpu_set_t c;
        REQ(sched_getaffinity(0, sizeof c, &c) == 0 && CPU_EQUAL(&c, &one));
    });
    CPU_ZERO(&one);
    CHECK_ERRNO(sched_setaffinity(0, sizeof one, &one), EINVAL, "no processor");
    CPU_SET(1000, &one);
    CHECK_ERRNO(sched_setaffinity(0, sizeof one, &one), EINVAL, "a processor that is not there");
    CHECK_ERRNO(syscall(SYS_sched_getaffinity, 0, 4, &set), EINVAL, "a set too small");
    CHECK_ERRNO(sched_setaffinity(0x7ffffff, sizeof set, &set), ESRCH, "affinity of nobody");
    REQ(sched_setaffinity(0, sizeof set, &set) == 0);
}

static void system_facts(void)
{
    struct utsname u;
    struct sysinfo si;
    CHECK(uname(&u) == 0 && !strcmp(u.sysname, "Linux") && !strcmp(u.machine, "x86_64"), "uname: Linux, x86_64");
    CHECK(atoi(u.release) >= 5 && strchr(u.release, '.'), "a release that programs can parse");
    CHECK_ERRNO(syscall(SYS_uname, 8L), EFAULT, "uname into a bad address");
    char name[70];
    CHECK(gethostname(name, sizeof name) == 0 && !strcmp(name, u.nodename), "the host name");
    CHECK_ERRNO(sethostname(name, 5), EPERM, "sethostname needs CAP_SYS_ADMIN");
    CHECK(sysinfo(&si) == 0 && si.uptime >= 0 && si.totalram > 0 && si.freeram <= si.totalram && si.procs > 0 &&
              si.mem_unit,
          "sysinfo");
    CHECK(sysconf(_SC_PAGESIZE) == 4096 && sysconf(_SC_CLK_TCK) == 100, "page size and clock ticks");
}

static void random_bytes(void)
{
    unsigned char a[32] = {0}, b[32] = {0}, big[300];
    CHECK(getrandom(a, 32, 0) == 32 && getrandom(b, 32, GRND_NONBLOCK) == 32 && memcmp(a, b, 32),
          "getrandom gives other bytes each time");
    memset(big, 0, sizeof big);
    CHECK(getrandom(big, sizeof big, GRND_RANDOM) == sizeof big && memcmp(big + 100, big + 200, 100),
          "GRND_RANDOM too");
    CHECK(getrandom(a, 0, 0) == 0, "no bytes");
    CHECK_ERRNO(getrandom(a, 1, 0x80), EINVAL, "an unknown getrandom flag");
    CHECK_ERRNO(getrandom(at_addr(8), 1, 0), EFAULT, "getrandom into a bad address");
    int count[256] = {0}, good = 1;
    for (int i = 0; i < 64; i++) {
        REQ(getrandom(big, 256, 0) == 256);
        for (int j = 0; j < 256; j++)
            count[big[j]]++;
    }
    for (int i = 0; i < 256; i++)
        good &= count[i] > 16 && count[i] < 160;
    CHECK(good, "all byte values come about as often");
}

static void names(void)
{
    char n[17] = "";
    CHECK(prctl(PR_SET_NAME, "a name longer than fifteen") == 0 && prctl(PR_GET_NAME, n) == 0 &&
              !strcmp(n, "a name longer t"),
          "PR_SET_NAME keeps fifteen bytes");
    CHECK_ERRNO(prctl(PR_SET_NAME, 8L), EFAULT, "a name at a bad address");
    CHECK_ERRNO(prctl(0x7fff1234, 0, 0, 0, 0), EINVAL, "an unknown prctl");
    int sig = -1;
    CHECK(prctl(PR_SET_PDEATHSIG, SIGUSR1) == 0 && prctl(PR_GET_PDEATHSIG, &sig) == 0 && sig == SIGUSR1,
          "PR_GET_PDEATHSIG");
    CHECK_ERRNO(prctl(PR_SET_PDEATHSIG, 65), EINVAL, "a signal that is none");
    prctl(PR_SET_PDEATHSIG, 0);
    CHECK(prctl(PR_GET_DUMPABLE) == 1, "PR_GET_DUMPABLE");
    CHECK(personality(0xffffffff) == 0, "the personality is Linux's");
    CHECK_CHILD("PER_LINUX32: the machine is told as one of 32 bits", {
        struct utsname u;
        REQ(personality(PER_LINUX32) == 0 && uname(&u) == 0 && strcmp(u.machine, "i686") == 0);
        REQ(personality(PER_LINUX) == PER_LINUX32 && uname(&u) == 0 && strcmp(u.machine, "x86_64") == 0);
    });
    CHECK_CHILD("UNAME26: the version is told as one of 2.6", {
        struct utsname now, then;
        unsigned minor, told;
        int at = 0, end = 0;
        REQ(uname(&now) == 0 && personality(UNAME26) == 0 && uname(&then) == 0);
        REQ(sscanf(now.release, "%*u.%u.%*u%n", &minor, &at) == 1 &&
            sscanf(then.release, "2.6.%u%n", &told, &end) == 1);
        REQ(told == minor + 60 && strcmp(now.release + at, then.release + end) == 0);
    });
}

/* Calls that are not there, and calls that refuse. */
static void numbers(void)
{
    CHECK_ERRNO(syscall(999), ENOSYS, "system call 999");
    CHECK_ERRNO(syscall(-1), ENOSYS, "system call -1");
    CHECK_ERRNO(syscall(0x40000000 + 39), ENOSYS, "a system call with the x32 bit");
    CHECK_ERRNO(syscall(0x7fffffff), ENOSYS, "the largest number");
    CHECK_ERRNO(syscall(180), ENOSYS, "a number Linux has reserved");
    CHECK(syscall(0x100000000L + SYS_getpid) == getpid(), "only 32 bits of the number count");
    int fd = socket(AF_INET, SOCK_DGRAM, 0), socket_errno = errno;
    CHECK(fd >= 0 || socket_errno == EAFNOSUPPORT, "socket(AF_INET) works or says EAFNOSUPPORT");
    if (fd >= 0)
        close(fd);
    CHECK_ERRNO(socket(12345, SOCK_STREAM, 0), EAFNOSUPPORT, "a family that is not there");
}

int main(void)
{
    limits();
    usage();
    priority();
    processors();
    system_facts();
    random_bytes();
    names();
    numbers();
    return tap_end();
}
