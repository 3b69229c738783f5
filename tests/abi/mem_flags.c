// SPDX-License-Identifier: MIT
/*
 * mmap, mremap and mprotect by tables: what each flag and each wrong argument gives, over every kind of file.
 */
#include "tests/abi/util.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>

#define R PROT_READ
#define W PROT_WRITE
#define X PROT_EXEC
#define RW (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)
#define SHANON (MAP_SHARED | MAP_ANONYMOUS)
#define TOP 0x7ffffffff000L

enum kind {
    NO,
    RD,
    WR,
    BOTH,
    APPEND,
    PATH,
    DIR,
    PIPE,
    SOCKET,
    EVENT,
    EPOLL,
    TIMER,
    SIGNALFD,
    NUL,
    ZERO,
    FULL,
    MEMFD,
    MAPS,
    CLOSED,
    KINDS
};
static int fds[KINDS];

static void open_all(void)
{
    int p[2], s[2];
    sigset_t none;
    sigemptyset(&none);
    make_pipe(p);
    REQ(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
    put_text("f", "text");
    fds[NO] = -1;
    fds[RD] = open("f", O_RDONLY);
    fds[WR] = open("f", O_WRONLY);
    fds[BOTH] = open("f", O_RDWR);
    fds[APPEND] = open("f", O_RDWR | O_APPEND);
    fds[PATH] = open("f", O_PATH);
    fds[DIR] = open(".", O_RDONLY);
    fds[PIPE] = p[0];
    fds[SOCKET] = s[0];
    fds[EVENT] = eventfd(0, 0);
    fds[EPOLL] = epoll_create1(0);
    fds[TIMER] = timerfd_create(CLOCK_MONOTONIC, 0);
    fds[SIGNALFD] = signalfd(-1, &none, 0);
    fds[NUL] = open("/dev/null", O_RDWR);
    fds[ZERO] = open("/dev/zero", O_RDWR);
    fds[FULL] = open("/dev/full", O_RDWR);
    fds[MEMFD] = memfd_create("m", 0);
    fds[MAPS] = open("/proc/self/maps", O_RDONLY);
    fds[CLOSED] = 999;
    for (int i = RD; i < CLOSED; i++)
        REQ(fds[i] >= 0);
}

struct map_case {
    const char *name;
    long addr;
    size_t len;
    int prot, flags;
    enum kind file;
    long off;
    int want;
};

#define V MAP_SHARED_VALIDATE
static const struct map_case map_cases[] = {
    {"mmap: no length", 0, 0, RW, ANON, NO, 0, EINVAL},
    {"mmap: no length, and no such file", 0, 0, RW, MAP_PRIVATE, CLOSED, 0, EBADF},
    {"mmap: an unaligned offset counts before the file", 0, PAGE, RW, MAP_PRIVATE, CLOSED, 1, EINVAL},
    {"mmap: an unaligned offset without a file", 0, PAGE, RW, ANON, NO, 1, EINVAL},
    {"mmap: an anonymous mapping does not look at the file", 0, PAGE, RW, ANON, CLOSED, 0, 0},
    {"mmap: nor at its offset", 0, PAGE, RW, ANON, NO, 1L << 40, 0},
    {"mmap: a length beyond the last offset", 0, 2 * PAGE, RW, ANON, NO, -PAGE, 0},
    {"mmap: the last offset", 0, PAGE, RW, ANON, NO, -PAGE, 0},
    {"mmap: a file's offset beyond its greatest size", 0, PAGE, R, MAP_PRIVATE, RD, 1L << 62, 0},
    {"mmap: a file's offset at its greatest size", 0, PAGE, R, MAP_PRIVATE, RD, 0x7ffffffffffff000L, EOVERFLOW},
    {"mmap: a file's offset that is negative", 0, PAGE, R, MAP_PRIVATE, RD, -PAGE, EOVERFLOW},
    {"mmap: a length that rounds to nothing", 0, -1UL, RW, ANON, NO, 0, ENOMEM},
    {"mmap: a length beyond the address space", 0, 1UL << 47, RW, ANON | MAP_NORESERVE, NO, 0, ENOMEM},
    {"mmap: no type", 0, PAGE, RW, MAP_ANONYMOUS, NO, 0, EINVAL},
    {"mmap: no type, with a file", 0, PAGE, R, 0, RD, 0, EINVAL},
    {"mmap: a type that is none", 0, PAGE, R, 0xf, RD, 0, EINVAL},
    {"mmap: a type that is none, without a file", 0, PAGE, R, MAP_ANONYMOUS | 0xf, NO, 0, EINVAL},
    {"mmap: SHARED_VALIDATE without a file", 0, PAGE, RW, V | MAP_ANONYMOUS, NO, 0, EINVAL},
    {"mmap: SHARED_VALIDATE with a file", 0, PAGE, RW, V, BOTH, 0, 0},
    {"mmap: SHARED_VALIDATE and POPULATE", 0, PAGE, RW, V | MAP_POPULATE, BOTH, 0, 0},
    {"mmap: SHARED_VALIDATE and NONBLOCK", 0, PAGE, RW, V | MAP_NONBLOCK | MAP_POPULATE, BOTH, 0, 0},
    {"mmap: SHARED_VALIDATE and NORESERVE", 0, PAGE, RW, V | MAP_NORESERVE, BOTH, 0, 0},
    {"mmap: SHARED_VALIDATE and STACK", 0, PAGE, RW, V | MAP_STACK, BOTH, 0, 0},
    {"mmap: SHARED_VALIDATE and DENYWRITE, EXECUTABLE", 0, PAGE, RW, V | MAP_DENYWRITE | MAP_EXECUTABLE, BOTH, 0, 0},
    {"mmap: SHARED_VALIDATE and SYNC: not of this file", 0, PAGE, RW, V | MAP_SYNC, BOTH, 0, EOPNOTSUPP},
    {"mmap: SHARED_VALIDATE and an unknown flag", 0, PAGE, RW, V | 1 << 25, BOTH, 0, EOPNOTSUPP},
    {"mmap: SHARED and SYNC: ignored", 0, PAGE, RW, MAP_SHARED | MAP_SYNC, BOTH, 0, 0},
    {"mmap: SHARED and an unknown flag: ignored", 0, PAGE, RW, MAP_SHARED | 1 << 25, BOTH, 0, 0},
    {"mmap: PRIVATE and SYNC: ignored", 0, PAGE, RW, MAP_PRIVATE | MAP_SYNC, BOTH, 0, 0},
    {"mmap: unknown rights: ignored", 0, PAGE, 0x10 | R, ANON, NO, 0, 0},
    {"mmap: PROT_SEM and PROT_GROWSDOWN: ignored", 0, PAGE, R | 8 | PROT_GROWSDOWN, ANON, NO, 0, 0},
    {"mmap: GROWSDOWN", 0, PAGE, RW, ANON | MAP_GROWSDOWN, NO, 0, 0},
    {"mmap: GROWSDOWN and SHARED", 0, PAGE, RW, SHANON | MAP_GROWSDOWN, NO, 0, EINVAL},
    {"mmap: GROWSDOWN of a file", 0, PAGE, RW, MAP_PRIVATE | MAP_GROWSDOWN, BOTH, 0, EINVAL},
    {"mmap: GROWSDOWN of a shared file", 0, PAGE, RW, MAP_SHARED | MAP_GROWSDOWN, BOTH, 0, EINVAL},
    {"mmap: STACK", 0, PAGE, RW, ANON | MAP_STACK, NO, 0, 0},
    {"mmap: NORESERVE", 0, PAGE, RW, ANON | MAP_NORESERVE, NO, 0, 0},
    {"mmap: POPULATE of no rights", 0, PAGE, 0, ANON | MAP_POPULATE, NO, 0, 0},
    {"mmap: UNINITIALIZED: ignored", 0, PAGE, RW, ANON | 0x4000000, NO, 0, 0},
    {"mmap: HUGETLB: none are there", 0, 2 << 20, RW, ANON | MAP_HUGETLB, NO, 0, ENOMEM},
    {"mmap: HUGETLB of 2 MiB: none are there", 0, 2 << 20, RW, ANON | MAP_HUGETLB | 21 << 26, NO, 0, ENOMEM},
    {"mmap: HUGETLB shared: none are there", 0, 2 << 20, RW, SHANON | MAP_HUGETLB, NO, 0, ENOMEM},
    {"mmap: HUGETLB of a size that is none", 0, 2 << 20, RW, ANON | MAP_HUGETLB | 22 << 26, NO, 0, EINVAL},
    {"mmap: HUGETLB of a file", 0, 2 << 20, RW, MAP_PRIVATE | MAP_HUGETLB, BOTH, 0, EINVAL},
    {"mmap: HUGETLB of no length", 0, 0, RW, ANON | MAP_HUGETLB, NO, 0, EINVAL},
    {"mmap: FIXED at an unaligned address", 0x10000001, PAGE, RW, ANON | MAP_FIXED, NO, 0, EINVAL},
    {"mmap: FIXED_NOREPLACE at an unaligned address", 0x10000001, PAGE, RW, ANON | MAP_FIXED_NOREPLACE, NO, 0, EINVAL},
    {"mmap: FIXED at 0", 0, PAGE, RW, ANON | MAP_FIXED, NO, 0, EPERM},
    {"mmap: FIXED at 64 KiB", 0x10000, PAGE, RW, ANON | MAP_FIXED, NO, 0, 0},
    {"mmap: FIXED at the end", TOP, PAGE, RW, ANON | MAP_FIXED, NO, 0, ENOMEM},
    {"mmap: FIXED at the last page", TOP - PAGE, PAGE, RW, ANON | MAP_FIXED_NOREPLACE, NO, 0, 0},
    {"mmap: FIXED over the end", TOP - PAGE, 2 * PAGE, RW, ANON | MAP_FIXED, NO, 0, ENOMEM},
    {"mmap: FIXED in the kernel's half", -(1L << 46), PAGE, RW, ANON | MAP_FIXED, NO, 0, ENOMEM},
    {"mmap: a hint in the kernel's half", -(1L << 46), PAGE, RW, ANON, NO, 0, 0},
    {"mmap: a hint that is not aligned", 0x10000001, PAGE, RW, ANON, NO, 0, 0},
    {"mmap: a hint at the lowest page", 0x1000, PAGE, RW, ANON, NO, 0, 0},
    {"mmap: 32BIT", 0, PAGE, RW, ANON | MAP_32BIT, NO, 0, 0},
    {"mmap: 32BIT, longer than there is", 0, 1L << 31, RW, ANON | MAP_32BIT | MAP_NORESERVE, NO, 0, ENOMEM},
    {"mmap: 32BIT and FIXED elsewhere", 1L << 33, PAGE, RW, ANON | MAP_32BIT | MAP_FIXED, NO, 0, 0},
    {"mmap: read, private, of a file for reading", 0, PAGE, R, MAP_PRIVATE, RD, 0, 0},
    {"mmap: write, private, of a file for reading", 0, PAGE, RW, MAP_PRIVATE, RD, 0, 0},
    {"mmap: read, shared, of a file for reading", 0, PAGE, R, MAP_SHARED, RD, 0, 0},
    {"mmap: write, shared, of a file for reading", 0, PAGE, W, MAP_SHARED, RD, 0, EACCES},
    {"mmap: execute, private, of a file for reading", 0, PAGE, R | X, MAP_PRIVATE, RD, 0, 0},
    {"mmap: read, private, of a file for writing", 0, PAGE, R, MAP_PRIVATE, WR, 0, EACCES},
    {"mmap: write, shared, of a file for writing", 0, PAGE, W, MAP_SHARED, WR, 0, EACCES},
    {"mmap: nothing, private, of a file for writing", 0, PAGE, 0, MAP_PRIVATE, WR, 0, EACCES},
    {"mmap: write, shared, of a file for both", 0, PAGE, RW, MAP_SHARED, BOTH, 0, 0},
    {"mmap: write, shared, of a file for appending", 0, PAGE, RW, MAP_SHARED, APPEND, 0, 0},
    {"mmap: O_PATH", 0, PAGE, R, MAP_PRIVATE, PATH, 0, EBADF},
    {"mmap: a directory", 0, PAGE, R, MAP_PRIVATE, DIR, 0, ENODEV},
    {"mmap: a pipe", 0, PAGE, R, MAP_PRIVATE, PIPE, 0, ENODEV},
    {"mmap: a socket", 0, PAGE, R, MAP_PRIVATE, SOCKET, 0, ENODEV},
    {"mmap: an eventfd", 0, PAGE, R, MAP_PRIVATE, EVENT, 0, ENODEV},
    {"mmap: an epoll", 0, PAGE, R, MAP_PRIVATE, EPOLL, 0, ENODEV},
    {"mmap: a timerfd", 0, PAGE, R, MAP_PRIVATE, TIMER, 0, ENODEV},
    {"mmap: a signalfd", 0, PAGE, R, MAP_PRIVATE, SIGNALFD, 0, ENODEV},
    {"mmap: /dev/null", 0, PAGE, R, MAP_PRIVATE, NUL, 0, ENODEV},
    {"mmap: /dev/zero, private", 0, PAGE, RW, MAP_PRIVATE, ZERO, 0, 0},
    {"mmap: /dev/zero, shared", 0, PAGE, RW, MAP_SHARED, ZERO, 0, 0},
    {"mmap: /dev/full", 0, PAGE, R, MAP_PRIVATE, FULL, 0, ENODEV},
    {"mmap: an empty memfd", 0, PAGE, RW, MAP_SHARED, MEMFD, 0, 0},
    {"mmap: /proc/self/maps", 0, PAGE, R, MAP_PRIVATE, MAPS, 0, ENODEV},
    {"mmap: no such file", 0, PAGE, R, MAP_PRIVATE, CLOSED, 0, EBADF},
};

static void maps(void)
{
    for (size_t i = 0; i < COUNT(map_cases); i++) {
        const struct map_case *c = &map_cases[i];
        errno = 0;
        long at = syscall(SYS_mmap, c->addr, c->len, c->prot, c->flags, fds[c->file], c->off);
        int err = at == -1 ? errno : 0;
        tap_line(err == c->want, c->name, __FILE__, (int)i, "mmap", err);
        if (at != -1)
            munmap(at_addr((uintptr_t)at), c->len);
    }
}

static long map_(size_t len, int prot, int flags)
{
    void *p = mmap(NULL, len, prot, flags, -1, 0);
    if (p == MAP_FAILED)
        return -1;
    munmap(p, len);
    return 0;
}

static void limit(int which, rlim_t n)
{
    struct rlimit r;
    REQ(getrlimit(which, &r) == 0);
    r.rlim_cur = n;
    REQ(setrlimit(which, &r) == 0);
}

static void limits(void)
{
    CHECK_CHILD("RLIMIT_MEMLOCK of 0: MAP_LOCKED is not permitted", {
        limit(RLIMIT_MEMLOCK, 0);
        REQ(FAILS(map_(PAGE, RW, ANON | MAP_LOCKED), EPERM));
        REQ(FAILS(mlock(fds, 8), EPERM) && FAILS(mlockall(MCL_CURRENT), EPERM) && FAILS(mlockall(MCL_FUTURE), EPERM));
        REQ(munlock(fds, 8) == 0 && munlockall() == 0);
    });
    CHECK_CHILD("RLIMIT_MEMLOCK: more than that is EAGAIN of mmap and mremap, ENOMEM of mlock", {
        limit(RLIMIT_MEMLOCK, 8 * PAGE);
        char *p = mmap(NULL, 4 * PAGE, RW, ANON | MAP_LOCKED, -1, 0);
        REQ(p != MAP_FAILED && FAILS(map_(5 * PAGE, RW, ANON | MAP_LOCKED), EAGAIN));
        REQ(map_(4 * PAGE, RW, ANON | MAP_LOCKED) == 0);
        REQ(FAILS(mremap(p, 4 * PAGE, 9 * PAGE, MREMAP_MAYMOVE), EAGAIN));
        char *q = mmap(NULL, 9 * PAGE, RW, ANON, -1, 0);
        REQ(FAILS(mlock(q, 5 * PAGE), ENOMEM) && mlock(q, 4 * PAGE) == 0 && mlock(q, 4 * PAGE) == 0);
        REQ(FAILS(mlock(q, 9 * PAGE), ENOMEM) && FAILS(mlockall(MCL_CURRENT), ENOMEM));
    });
    CHECK_CHILD("mlockall(MCL_FUTURE) counts what is mapped later", {
        limit(RLIMIT_MEMLOCK, 8 * PAGE);
        REQ(mlockall(MCL_FUTURE) == 0 && FAILS(map_(9 * PAGE, RW, ANON), EAGAIN) && map_(8 * PAGE, RW, ANON) == 0);
        REQ(FAILS(map_(9 * PAGE, 0, ANON), EAGAIN) && munlockall() == 0 && map_(9 * PAGE, RW, ANON) == 0);
    });
    CHECK_CHILD("RLIMIT_AS", {
        char *p = mmap(NULL, 4 * PAGE, RW, ANON, -1, 0);
        limit(RLIMIT_AS, 1 << 16);
        REQ(FAILS(map_(1 << 20, RW, ANON), ENOMEM) && FAILS(map_(1 << 20, 0, ANON), ENOMEM));
        REQ(mmap(p, 4 * PAGE, RW, ANON | MAP_FIXED, -1, 0) == MAP_FAILED || 1);
        REQ(FAILS(mremap(p, 4 * PAGE, 1 << 20, MREMAP_MAYMOVE), ENOMEM) && mprotect(p, PAGE, R) == 0);
    });
    CHECK_CHILD("RLIMIT_DATA: what is private and writable", {
        char *p = mmap(NULL, 1 << 20, R, ANON, -1, 0);
        limit(RLIMIT_DATA, 1 << 16);
        REQ(FAILS(map_(1 << 20, RW, ANON), ENOMEM) && FAILS(map_(1 << 20, W, ANON), ENOMEM));
        REQ(map_(1 << 20, R, ANON) == 0 && map_(1 << 20, RW, SHANON) == 0 && map_(1 << 20, 0, ANON) == 0);
        REQ(FAILS(mprotect(p, 1 << 20, RW), ENOMEM) && map_(1 << 20, RW, ANON | MAP_GROWSDOWN) == 0);
        REQ(mprotect(p, 1 << 20, R | X) == 0);
    });
}

static void too_many(void)
{
    CHECK_CHILD("max_map_count: one more is ENOMEM, and so is a split", {
        const int most = 65530;
        char *p = mmap(NULL, 2L * most * PAGE, 0, ANON | MAP_NORESERVE, -1, 0);
        int i = 0;
        REQ(p != MAP_FAILED);
        while (i < most && mprotect(p + 2L * i * PAGE, PAGE, R) == 0)
            i++;
        REQ(errno == ENOMEM && i > most / 2 - 100 && i < most / 2 + 1);
        REQ(FAILS(munmap(p + 2L * i * PAGE + 8 * PAGE, PAGE), ENOMEM));
        long n = 0;
        while (map_(PAGE, RW, ANON) == 0 && mmap(NULL, PAGE, n & 1 ? R : W, SHANON, -1, 0) != MAP_FAILED && n < 100)
            n++;
        REQ(n < 100 && errno == ENOMEM && munmap(p, 2L * most * PAGE) == 0 && map_(PAGE, RW, ANON) == 0);
    });
}

static void set_most(int most)
{
    char text[16];
    snprintf(text, sizeof text, "%d\n", most);
    put_text("/proc/sys/vm/max_map_count", text);
}

/* How many more areas a process can have that are not alike. */
static int count_areas(int tries)
{
    int n = 0;
    while (n < tries && mmap(NULL, PAGE, n & 1 ? R : W, SHANON, -1, 0) != MAP_FAILED)
        n++;
    return n;
}

static void settable(void)
{
    CHECK(file_is("/proc/sys/vm/max_map_count", "65530\n") || !own_machine(), "max_map_count: what it is");
    if (!own_machine()) {
        SKIP("max_map_count: set", "a setting of the whole machine");
        return;
    }
    set_most(100);
    int status = CHILD({
        int n = count_areas(200);
        REQ(n > 20 && n < 100 && errno == ENOMEM);
        set_most(150);
        REQ(count_areas(200) == 50);
    });
    set_most(65530);
    CHECK(status == 0, "max_map_count: set");
}

/* ---- mremap -------------------------------------------------------------------------------------------------- */

#define MAY MREMAP_MAYMOVE
#define FIX (MREMAP_MAYMOVE | MREMAP_FIXED)
#define KEEP (MREMAP_MAYMOVE | MREMAP_DONTUNMAP)

/* Eight pages: 0-1 private, 2-3 private and read-only, 4 nothing, 5 shared, 6 a file's, 7 nothing. */
static char *landscape(void)
{
    char *p = mmap(NULL, 8 * PAGE, 0, ANON, -1, 0);
    REQ(p != MAP_FAILED && munmap(p + 4 * PAGE, PAGE) == 0 && munmap(p + 7 * PAGE, PAGE) == 0);
    REQ(mprotect(p, 2 * PAGE, RW) == 0 && mprotect(p + 2 * PAGE, 2 * PAGE, R) == 0);
    REQ(mmap(p + 5 * PAGE, PAGE, RW, SHANON | MAP_FIXED, -1, 0) == p + 5 * PAGE);
    REQ(mmap(p + 6 * PAGE, PAGE, RW, MAP_SHARED | MAP_FIXED, fds[BOTH], 0) == p + 6 * PAGE);
    p[0] = 'a';
    p[PAGE] = 'b';
    return p;
}

struct remap_case {
    const char *name;
    long at, old_len, new_len; /* pages; at -1: one byte off */
    int flags;
    long to; /* pages from the landscape; 1000: address 0, 1001: beyond the end, 1002: unaligned */
    int want;
};

static const struct remap_case remap_cases[] = {
    {"mremap: the same", 0, 2, 2, 0, 0, 0},
    {"mremap: smaller", 0, 2, 1, 0, 0, 0},
    {"mremap: larger, where something is", 0, 2, 3, 0, 0, ENOMEM},
    {"mremap: larger, and may move", 0, 2, 3, MAY, 0, 0},
    {"mremap: larger, in place", 6, 1, 2, 0, 0, 0},
    {"mremap: an unaligned address", -1, 1, 1, MAY, 0, EINVAL},
    {"mremap: no new length", 0, 1, 0, MAY, 0, EINVAL},
    {"mremap: an unknown flag", 0, 1, 1, 8, 0, EINVAL},
    {"mremap: FIXED without MAYMOVE", 0, 1, 1, MREMAP_FIXED, 5, EINVAL},
    {"mremap: DONTUNMAP without MAYMOVE", 0, 1, 1, MREMAP_DONTUNMAP, 0, EINVAL},
    {"mremap: DONTUNMAP and another length", 0, 1, 2, KEEP, 0, EINVAL},
    {"mremap: DONTUNMAP", 0, 1, 1, KEEP, 4, 0},
    {"mremap: DONTUNMAP, the hint overlaps", 0, 1, 1, KEEP, 0, EINVAL},
    {"mremap: DONTUNMAP of shared memory", 5, 1, 1, KEEP, 0, 0},
    {"mremap: DONTUNMAP of a file", 6, 1, 1, KEEP, 0, 0},
    {"mremap: DONTUNMAP and FIXED", 0, 1, 1, KEEP | MREMAP_FIXED, 5, 0},
    {"mremap: DONTUNMAP of nothing", 4, 1, 1, KEEP, 0, EFAULT},
    {"mremap: of nothing", 4, 1, 1, MAY, 0, EFAULT},
    {"mremap: of nothing, larger", 4, 1, 2, MAY, 0, EFAULT},
    {"mremap: of nothing, smaller", 4, 2, 1, MAY, 0, EFAULT},
    {"mremap: over two, larger", 0, 4, 5, MAY, 0, EFAULT},
    {"mremap: over two, smaller", 0, 4, 1, 0, 0, 0},
    {"mremap: over two, the same", 0, 4, 4, MAY, 0, 0},
    {"mremap: over a hole, larger", 0, 5, 6, MAY, 0, EFAULT},
    {"mremap: over a hole, smaller", 0, 6, 1, 0, 0, 0},
    {"mremap: a part, larger in place", 0, 1, 2, 0, 0, ENOMEM},
    {"mremap: a part, larger elsewhere", 0, 1, 2, MAY, 0, 0},
    {"mremap: old length 0 of private memory", 0, 0, 1, MAY, 0, EINVAL},
    {"mremap: old length 0 of shared memory", 5, 0, 1, MAY, 0, 0},
    {"mremap: old length 0 of a shared file", 6, 0, 1, MAY, 0, 0},
    {"mremap: old length 0, without MAYMOVE", 5, 0, 1, 0, 0, ENOMEM},
    {"mremap: old length 0 and FIXED", 5, 0, 1, FIX, 0, 0},
    {"mremap: old length 0 and FIXED, on itself", 5, 0, 1, FIX, 5, EFAULT}, /* no overlap, and then it is gone */
    {"mremap: old length 0 of nothing", 4, 0, 1, MAY, 0, EFAULT},
    {"mremap: FIXED on itself", 0, 1, 1, FIX, 0, EINVAL},
    {"mremap: FIXED, the ends overlap", 0, 2, 2, FIX, 1, EINVAL},
    {"mremap: FIXED, the starts overlap", 1, 1, 2, FIX, 0, EINVAL},
    {"mremap: FIXED beside itself", 1, 1, 1, FIX, 0, 0},
    {"mremap: FIXED over others", 0, 2, 2, FIX, 5, 0},
    {"mremap: FIXED, smaller", 0, 2, 1, FIX, 5, 0},
    {"mremap: FIXED, larger", 0, 2, 3, FIX, 5, 0},
    {"mremap: FIXED at 0", 0, 1, 1, FIX, 1000, EPERM},
    {"mremap: FIXED at the end", 0, 1, 1, FIX, 1001, EINVAL},
    {"mremap: FIXED at an unaligned address", 0, 1, 1, FIX, 1002, EINVAL},
    {"mremap: FIXED of nothing", 4, 1, 1, FIX, 0, EFAULT},
    {"mremap: a new length beyond all, FIXED", 0, 1, 1L << 36, FIX, 5, EINVAL},
    {"mremap: a target without FIXED is ignored", 0, 2, 2, MAY, 1002, 0},
    {"mremap: the target of DONTUNMAP is a hint", 0, 1, 1, KEEP, 4, 0},
};

static void remaps(void)
{
    for (size_t i = 0; i < COUNT(remap_cases); i++) {
        const struct remap_case *c = &remap_cases[i];
        int status = CHILD({
            char *p = landscape();
            char *at = c->at == -1 ? p + 1 : p + c->at * PAGE, *to = p + c->to * PAGE;
            if (c->to >= 1000)
                to = at_addr(c->to == 1000 ? 0 : c->to == 1001 ? (uintptr_t)TOP : (uintptr_t)p + 5 * PAGE + 1);
            errno = 0;
            long got = syscall(SYS_mremap, at, c->old_len * PAGE, c->new_len * PAGE, c->flags, to);
            int err = got == -1 ? errno : 0;
            if (c->flags & MREMAP_FIXED && !err && at_addr((uintptr_t)got) != to)
                err = 253;
            if (!err && c->at == 0 && *(char *)at_addr((uintptr_t)got) != 'a')
                err = 254;
            if (!err && c->old_len && c->flags & MREMAP_DONTUNMAP && c->at == 0 && *at != 0)
                err = 255;
            _exit(err);
        });
        tap_line(tap_exited(status, c->want), c->name, __FILE__, (int)i, "mremap", status >> 8);
    }
}

/* ---- mprotect ------------------------------------------------------------------------------------------------ */

#define DOWN PROT_GROWSDOWN
#define UP PROT_GROWSUP
static const struct {
    const char *name;
    long at, len; /* bytes from the landscape; at 1L << 47 and more: as it is */
    int prot, want;
} protect_cases[] = {
    {"mprotect: one page", 0, PAGE, R, 0},
    {"mprotect: over two areas", 0, 4 * PAGE, RW, 0},
    {"mprotect: over a hole", 0, 6 * PAGE, R, ENOMEM},
    {"mprotect: of a hole", 4 * PAGE, PAGE, R, ENOMEM},
    {"mprotect: an unaligned address", 1, PAGE, R, EINVAL},
    {"mprotect: an unaligned address and no length", 1, 0, R, EINVAL},
    {"mprotect: no length", 0, 0, R, 0},
    {"mprotect: no length, nothing there", 4 * PAGE, 0, R, 0},
    {"mprotect: no length and unknown rights", 0, 0, 0x40, 0},
    {"mprotect: unknown rights", 0, PAGE, 0x40, EINVAL},
    {"mprotect: unknown rights where nothing is", 4 * PAGE, PAGE, 0x40, EINVAL},
    {"mprotect: PROT_SEM", 0, PAGE, RW | 8, 0},
    {"mprotect: a length that wraps", 0, -PAGE, R, ENOMEM},
    {"mprotect: a length that rounds to nothing", 0, -1, R, ENOMEM},
    {"mprotect: a length that wraps and unknown rights", 0, -PAGE, 0x40, ENOMEM},
    {"mprotect: in the kernel's half", -(1L << 46), PAGE, R, ENOMEM},
    {"mprotect: GROWSDOWN and GROWSUP", 0, PAGE, R | DOWN | UP, EINVAL},
    {"mprotect: GROWSDOWN and GROWSUP, no length", 0, 0, R | DOWN | UP, EINVAL},
    {"mprotect: GROWSDOWN of what does not grow", 0, PAGE, RW | DOWN, EINVAL},
    {"mprotect: GROWSUP of what does not grow", 0, PAGE, RW | UP, EINVAL},
    {"mprotect: GROWSDOWN of nothing", 4 * PAGE, PAGE, RW | DOWN, ENOMEM},
    {"mprotect: GROWSUP of nothing", 4 * PAGE, PAGE, RW | UP, ENOMEM},
    {"mprotect: GROWSDOWN of a hole and what is behind", 4 * PAGE, 2 * PAGE, RW | DOWN, EINVAL},
    {"mprotect: GROWSUP of a hole and what is behind", 4 * PAGE, 2 * PAGE, RW | UP, ENOMEM},
};

static void protects(void)
{
    for (size_t i = 0; i < COUNT(protect_cases); i++) {
        int status = CHILD({
            char *p = landscape();
            long at = protect_cases[i].at;
            void *addr = at < 0 ? at_addr((uintptr_t)at) : p + at;
            errno = 0;
            _exit(syscall(SYS_mprotect, addr, protect_cases[i].len, protect_cases[i].prot) == -1 ? errno : 0);
        });
        tap_line(tap_exited(status, protect_cases[i].want), protect_cases[i].name, __FILE__, (int)i, "mprotect",
                 status >> 8);
    }
}

static void protect_files(void)
{
    char *ro = mmap(NULL, PAGE, R, MAP_SHARED, fds[RD], 0), *priv = mmap(NULL, PAGE, R, MAP_PRIVATE, fds[RD], 0);
    char *p = landscape();
    GIVES(mprotect(ro, PAGE, RW), EACCES, "mprotect: writing a shared file open for reading");
    GIVES(mprotect(priv, PAGE, RW), 0, "mprotect: writing a private one");
    GIVES(mprotect(ro, PAGE, R | X), 0, "mprotect: executing it");
    REQ(mmap(p + PAGE, PAGE, R, MAP_SHARED | MAP_FIXED, fds[RD], 0) != MAP_FAILED && mprotect(p, PAGE, R) == 0);
    GIVES(mprotect(p, 2 * PAGE, RW), EACCES, "mprotect: an area that may, and one that may not");
    p[0] = 'w';
    CHECK(p[0] == 'w', "mprotect: the first is changed");
    char *down = mmap(NULL, 16 * PAGE, RW, ANON | MAP_GROWSDOWN, -1, 0);
    GIVES(mprotect(down + 15 * PAGE, PAGE, R | DOWN), 0, "mprotect: GROWSDOWN of a growing area");
    CHECK_CHILD("mprotect: GROWSDOWN goes to its start", {
        int fd = open("/dev/zero", O_RDONLY);
        REQ(read(fd, down, 1) == -1 && errno == EFAULT && read(fd, down + 14 * PAGE, 1) == -1);
    });
    int sealed = memfd_create("s", MFD_ALLOW_SEALING);
    REQ(ftruncate(sealed, PAGE) == 0);
    char *m = mmap(NULL, PAGE, R, MAP_SHARED, sealed, 0), *w = mmap(NULL, PAGE, RW, MAP_SHARED, sealed, 0);
    GIVES(fcntl(sealed, F_ADD_SEALS, F_SEAL_WRITE), EBUSY, "F_SEAL_WRITE while it is mapped writable");
    GIVES(fcntl(sealed, F_ADD_SEALS, 0x10), 0, "F_SEAL_FUTURE_WRITE then too");
    GIVES(mprotect(m, PAGE, RW), 0, "mprotect: an earlier mapping may be written");
    GIVES((long)mmap(NULL, PAGE, RW, MAP_SHARED, sealed, 0), EPERM, "mmap: writing, after F_SEAL_FUTURE_WRITE");
    char *l = mmap(NULL, PAGE, R, MAP_SHARED, sealed, 0);
    CHECK(l != MAP_FAILED, "mmap: reading, after F_SEAL_FUTURE_WRITE");
    GIVES(mprotect(l, PAGE, RW), EACCES, "mprotect: writing, after F_SEAL_FUTURE_WRITE");
    munmap(m, PAGE);
    munmap(w, PAGE);
    munmap(l, PAGE);
    GIVES(fcntl(sealed, F_ADD_SEALS, F_SEAL_WRITE), 0, "F_SEAL_WRITE when no mapping is left");
    GIVES((long)mmap(NULL, PAGE, RW, MAP_SHARED, sealed, 0), EPERM, "mmap: writing, after F_SEAL_WRITE");
    GIVES((long)mmap(NULL, PAGE, RW, MAP_PRIVATE, sealed, 0), 0, "mmap: writing privately, after F_SEAL_WRITE");
}

int main(void)
{
    open_all();
    maps();
    limits();
    too_many();
    settable();
    remaps();
    protects();
    protect_files();
    return tap_end();
}
