// SPDX-License-Identifier: MIT
/* prctl(PR_SET_MM): one value for CAP_SYS_RESOURCE, all of them for everyone; what /proc tells afterwards. */
#define TAP_KEEP_CAPABILITIES
#include "tests/abi/util.h"

#include <linux/auxvec.h>
#include <sys/mman.h>
#include <sys/resource.h>

typedef struct prctl_mm_map map_t;

static char *room;

/* The fields of /proc/self/stat from the 26th on. */
static void read_stat(unsigned long *v, int n)
{
    char text[2048];
    int fd = open("/proc/self/stat", O_RDONLY);
    ssize_t len = read(fd, text, sizeof text - 1);
    REQ(len > 0);
    text[len] = 0;
    close(fd);
    char *p = strrchr(text, ')') + 2;
    for (int field = 3; field < 26; field++)
        p = strchr(p, ' ') + 1;
    for (int i = 0; i < n; i++)
        v[i] = strtoul(p, &p, 10);
}

static map_t current_map(void)
{
    unsigned long v[26];
    read_stat(v, 26);
    return (map_t){.start_code = v[0],
                   .end_code = v[1],
                   .start_stack = v[2],
                   .start_data = v[19],
                   .end_data = v[20],
                   .start_brk = v[21],
                   .arg_start = v[22],
                   .arg_end = v[23],
                   .env_start = v[24],
                   .env_end = v[25],
                   .brk = (unsigned long)sbrk(0),
                   .exe_fd = (unsigned)-1};
}

static long set(int what, unsigned long value)
{
    return prctl(PR_SET_MM, what, value, 0, 0);
}

static long set_map(map_t *m)
{
    return prctl(PR_SET_MM, PR_SET_MM_MAP, m, sizeof *m, 0);
}

/* Facts about what CAP_SYS_RESOURCE allows. */
static int privileged;
#define WITHOUT "CAP_SYS_RESOURCE is not there"
#define PRIVILEGED(expr, want, name) \
    do {                             \
        if (privileged)              \
            GIVES(expr, want, name); \
        else                         \
            SKIP(name, WITHOUT);     \
    } while (0)
#define FACT(cond, name)         \
    do {                         \
        if (privileged)          \
            CHECK(cond, name);   \
        else                     \
            SKIP(name, WITHOUT); \
    } while (0)

static void single(void)
{
    map_t m = current_map();
    PRIVILEGED(set(PR_SET_MM_START_CODE, m.start_code), 0, "the beginning of the code, as it is");
    PRIVILEGED(set(PR_SET_MM_START_CODE, m.end_code), EINVAL, "one value: code of no length");
    PRIVILEGED(set(PR_SET_MM_END_CODE, m.start_code), EINVAL, "by its end");
    PRIVILEGED(set(PR_SET_MM_START_DATA, m.end_data), 0, "one value: data of no length");
    PRIVILEGED(set(PR_SET_MM_START_DATA, m.end_data + 1), EINVAL, "one value: of less");
    PRIVILEGED(set(PR_SET_MM_START_DATA, m.start_data), 0, "the beginning of the data");
    PRIVILEGED(set(PR_SET_MM_BRK, m.start_brk - 1), EINVAL, "one value: a break before the heap");
    PRIVILEGED(set(PR_SET_MM_BRK, 4096), EINVAL, "one value: below what may be mapped");
    PRIVILEGED(set(PR_SET_MM_BRK, 1UL << 47), EINVAL, "one value: beyond user space");
    PRIVILEGED(set(PR_SET_MM_ARG_START, m.arg_end + 1), EINVAL, "arguments that end before they begin");
    PRIVILEGED(set(PR_SET_MM_ENV_END, 0x7fffffffe000), EFAULT, "an end of the environment beyond all areas");
    PRIVILEGED(set(77, (unsigned long)room), EINVAL, "a value there is not");
    int self = open("/proc/self/exe", O_RDONLY);
    PRIVILEGED(set(PR_SET_MM_EXE_FILE, (unsigned long)self), EBUSY, "the program's file, while it is mapped");
    PRIVILEGED(set(PR_SET_MM_EXE_FILE, 999), EBADF, "no file");
    close(self);
    PRIVILEGED(prctl(PR_SET_MM, PR_SET_MM_BRK, m.brk, 1, 0), EINVAL, "a fourth argument");
}

static void whole(void)
{
    map_t m = current_map(), bad = m;
    GIVES(set_map(&m), 0, "all values, as they are");
    bad.end_code = bad.start_code;
    GIVES(set_map(&bad), EINVAL, "code of no length");
    bad = m;
    bad.start_data = bad.end_data;
    GIVES(set_map(&bad), 0, "data of none");
    bad.start_data = bad.end_data + 1;
    GIVES(set_map(&bad), EINVAL, "of less");
    bad = m;
    bad.brk = bad.start_brk - 1;
    GIVES(set_map(&bad), EINVAL, "a break before the heap");
    bad = m;
    bad.start_stack = 4096;
    GIVES(set_map(&bad), EINVAL, "an address below what may be mapped");
    bad.start_stack = 1ul << 47;
    GIVES(set_map(&bad), EINVAL, "one beyond user space");
    bad = m;
    GIVES(set_map(&m), 0, "as it was");
    GIVES(prctl(PR_SET_MM, PR_SET_MM_MAP, &m, sizeof m - 8, 0), EINVAL, "of another size");
    GIVES(prctl(PR_SET_MM, PR_SET_MM_MAP, at_addr(8), sizeof m, 0), EFAULT, "of no address");
    bad.env_end = bad.env_start - 1;
    GIVES(set_map(&bad), EINVAL, "one of them is bad");
    bad = m;
    bad.auxv_size = 16;
    GIVES(set_map(&bad), EINVAL, "a vector without an address");
    bad.auxv = at_addr(8);
    GIVES(set_map(&bad), EFAULT, "with a bad one");
    bad.auxv_size = 1 << 20;
    GIVES(set_map(&bad), EINVAL, "a vector too long");
    CHECK_CHILD("a break that is set is the break", {
        m.brk += 8192;
        REQ(set_map(&m) == 0 && (char *)syscall(SYS_brk, 0) == (char *)m.brk);
    });
    CHECK_CHILD("RLIMIT_DATA counts", {
        struct rlimit r = {4096, 4096};
        m.brk += 16384;
        REQ(setrlimit(RLIMIT_DATA, &r) == 0 && FAILS(set_map(&m), EINVAL));
    });
    CHECK_CHILD("arguments elsewhere: /proc/self/cmdline", {
        strcpy(room, "other");
        map_t n = m;
        n.arg_start = (unsigned long)room;
        n.arg_end = n.arg_start + 6;
        REQ(set_map(&n) == 0);
        char text[16] = {0};
        int fd = open("/proc/self/cmdline", O_RDONLY);
        REQ(read(fd, text, sizeof text) == 6 && strcmp(text, "other") == 0);
        unsigned long v[26];
        read_stat(v, 26);
        REQ(v[22] == n.arg_start && v[23] == n.arg_end && v[24] == n.env_start);
    });
    CHECK_CHILD("arguments of 256 GiB: the first of them are read at once", {
        size_t size = 256ul << 30;
        char text[3];
        char *far = mmap(NULL, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        REQ(far != MAP_FAILED);
        map_t n = m;
        n.arg_start = (unsigned long)far;
        n.arg_end = n.arg_start + size;
        REQ(set_map(&n) == 0);
        int fd = open("/proc/self/cmdline", O_RDONLY);
        REQ(read(fd, text, sizeof text) == sizeof text);
        n = m;
        n.env_start = (unsigned long)far;
        n.env_end = n.env_start + size;
        REQ(set_map(&n) == 0);
        fd = open("/proc/self/environ", O_RDONLY);
        REQ(read(fd, text, sizeof text) == sizeof text && lseek(fd, 0, SEEK_CUR) == sizeof text);
        REQ(pread(fd, text, sizeof text, 1l << 37) == sizeof text && read(fd, text, 0) == 0);
    });
    CHECK_CHILD("a title that is longer than the arguments goes on behind them, up to its NUL", {
        memcpy(room, "long title\0rest", 16);
        map_t n = m;
        n.arg_start = (unsigned long)room;
        n.arg_end = n.env_start = n.arg_start + 4;
        n.env_end = n.arg_start + 16;
        REQ(set_map(&n) == 0);
        char text[32] = {0};
        int fd = open("/proc/self/cmdline", O_RDONLY);
        REQ(read(fd, text, sizeof text) == 11 && strcmp(text, "long title") == 0 && read(fd, text, 8) == 0);
        REQ(pread(fd, text, 3, 5) == 3 && memcmp(text, "tit", 3) == 0);
    });
    CHECK_CHILD("/proc/PID/environ is of the memory that was there at open(2)", {
        int gate[2];
        REQ(pipe(gate) == 0);
        pid_t pid = fork();
        if (pid == 0) {
            char c;
            REQ(close(gate[1]) == 0 && read(gate[0], &c, 1) == 0);
            _exit(0);
        }
        char path[40], text[16];
        snprintf(path, sizeof path, "/proc/%d/environ", pid);
        int fd = open(path, O_RDONLY);
        snprintf(path, sizeof path, "/proc/%d/cmdline", pid);
        int args = open(path, O_RDONLY);
        REQ(fd >= 0 && args >= 0 && read(args, text, 1) == 1);
        close(gate[0]);
        close(gate[1]);
        siginfo_t info;
        REQ(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT) == 0);
        REQ(read(fd, text, sizeof text) == 0 && read(args, text, sizeof text) == 0);
        REQ(waitpid(pid, NULL, 0) == pid);
        REQ(read(fd, text, sizeof text) == 0 && FAILS(read(args, text, sizeof text), ESRCH));
    });
    CHECK_CHILD("everyone may", {
        drop_root();
        REQ(set_map(&m) == 0 && FAILS(set(PR_SET_MM_BRK, m.brk), EPERM));
        REQ(FAILS(prctl(PR_SET_MM, PR_SET_MM_AUXV, room, 16, 0), EPERM));
        bad = m;
        bad.exe_fd = 0;
        REQ(FAILS(set_map(&bad), EPERM));
    });
}

static void vectors(void)
{
    unsigned long v[6] = {AT_UID, 1234, AT_PAGESZ, 4096, AT_NULL, 0}, got[64] = {0};
    PRIVILEGED(prctl(PR_SET_MM, PR_SET_MM_AUXV, room, 1 << 16, 0), EINVAL, "an auxiliary vector too long");
    PRIVILEGED(prctl(PR_SET_MM, PR_SET_MM_AUXV, at_addr(8), 16, 0), EFAULT, "of no address");
    PRIVILEGED(prctl(PR_SET_MM, PR_SET_MM_AUXV, v, sizeof v, 0), 0, "one of two entries");
    int fd = open("/proc/self/auxv", O_RDONLY);
    ssize_t n = read(fd, got, sizeof got);
    FACT(n == sizeof v && memcmp(got, v, sizeof v) == 0, "/proc/self/auxv");
    close(fd);
}

int main(void)
{
    room = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    REQ(room != MAP_FAILED);
    privileged = prctl(PR_CAPBSET_READ, CAP_SYS_RESOURCE) == 1 && set(PR_SET_MM_BRK, (unsigned long)sbrk(0)) == 0;
    whole();
    single();
    vectors();
    return tap_end();
}
