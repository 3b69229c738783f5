// SPDX-License-Identifier: MIT
/*
 * madvise by a table of advice and kinds of memory; process_madvise, mincore, mlock and its family, msync,
 * remap_file_pages: their flags and errors.
 */
#include "tests/abi/util.h"

#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/uio.h>

#define RW (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)
#define SHANON (MAP_SHARED | MAP_ANONYMOUS)

/* The kinds of memory. */
enum kind {
    PRIVATE,
    READABLE,
    NOTHING,
    LOCKED,
    GROWING,
    SHARED,
    FILE_PRIVATE,
    FILE_SHARED,
    FILE_READ,
    FILE_LOCKED,
    BEYOND,
    HOLE,
    KINDS
};
static const char *const kinds[KINDS] = {
    "private memory", "read-only memory", "memory without rights", "locked memory", "a growing stack", "shared memory",
    "a private file", "a shared file",    "a shared file to read", "a locked file", "a file's end",    "nothing"};
static int rw, ro;

static char *make(enum kind k)
{
    static const struct {
        int prot, flags;
    } how[KINDS] = {
        {RW, ANON},       {PROT_READ, ANON}, {0, ANON},        {RW, ANON | MAP_LOCKED}, {RW, ANON | MAP_GROWSDOWN},
        {RW, SHANON},     {RW, MAP_PRIVATE}, {RW, MAP_SHARED}, {PROT_READ, MAP_SHARED}, {RW, MAP_SHARED | MAP_LOCKED},
        {RW, MAP_SHARED}, {RW, ANON}};
    int fd = how[k].flags & MAP_ANONYMOUS ? -1 : k == FILE_READ ? ro : rw;
    char *p = mmap(NULL, 4 * PAGE, how[k].prot, how[k].flags, fd, k == BEYOND ? 16 * PAGE : 0);
    REQ(p != MAP_FAILED);
    if (k == HOLE)
        munmap(p, 4 * PAGE);
    return p;
}

#define I EINVAL
#define A EACCES
#define M ENOMEM
#define F EFAULT
static const struct {
    const char *name;
    int advice;
    short want[KINDS];
} advices[] = {
    {"NORMAL", MADV_NORMAL, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, M}},
    {"RANDOM", MADV_RANDOM, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, M}},
    {"SEQUENTIAL", MADV_SEQUENTIAL, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, M}},
    {"WILLNEED", MADV_WILLNEED, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, M}},
    {"DONTNEED", MADV_DONTNEED, {0, 0, 0, I, 0, 0, 0, 0, 0, I, 0, M}},
    {"DONTNEED_LOCKED", 24, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, M}},
    {"FREE", MADV_FREE, {0, 0, 0, I, 0, I, I, I, I, I, I, M}},
    {"REMOVE", MADV_REMOVE, {I, I, I, I, I, 0, A, 0, A, I, 0, M}},
    {"DONTFORK", MADV_DONTFORK, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, M}},
    {"DOFORK", MADV_DOFORK, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, M}},
    {"WIPEONFORK", MADV_WIPEONFORK, {0, 0, 0, 0, 0, I, I, I, I, I, I, M}},
    {"KEEPONFORK", MADV_KEEPONFORK, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, M}},
    {"DONTDUMP", MADV_DONTDUMP, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, M}},
    {"DODUMP", MADV_DODUMP, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, M}},
    {"HUGEPAGE", MADV_HUGEPAGE, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, M}},
    {"NOHUGEPAGE", MADV_NOHUGEPAGE, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, M}},
    {"COLLAPSE", 25, {I, I, I, I, I, I, I, I, I, I, I, M}},
    {"MERGEABLE", MADV_MERGEABLE, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, M}},
    {"UNMERGEABLE", MADV_UNMERGEABLE, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, M}},
    {"COLD", 20, {0, 0, 0, I, 0, 0, 0, 0, 0, I, 0, M}},
    {"PAGEOUT", 21, {0, 0, 0, I, 0, 0, 0, 0, 0, I, 0, M}},
    {"POPULATE_READ", 22, {0, 0, I, 0, 0, 0, 0, 0, 0, 0, F, M}},
    {"POPULATE_WRITE", 23, {0, I, I, 0, 0, 0, 0, 0, I, 0, F, M}},
    {"HWPOISON", MADV_HWPOISON, {I, I, I, I, I, I, I, I, I, I, I, I}},
    {"SOFT_OFFLINE", 101, {I, I, I, I, I, I, I, I, I, I, I, I}},
    {"5", 5, {I, I, I, I, I, I, I, I, I, I, I, I}},
    {"-1", -1, {I, I, I, I, I, I, I, I, I, I, I, I}},
};

static void matrix(void)
{
    for (size_t i = 0; i < COUNT(advices); i++)
        for (int k = 0; k < KINDS; k++) {
            char name[96];
            char *p = make(k);
            errno = 0;
            int err = madvise(p, 2 * PAGE, advices[i].advice) ? errno : 0;
            snprintf(name, sizeof name, "MADV_%s of %s", advices[i].name, kinds[k]);
            tap_line(err == advices[i].want[k], name, __FILE__, __LINE__, "madvise", err);
            munmap(p, 4 * PAGE);
        }
}

static void ranges(void)
{
    char *p = mmap(NULL, 8 * PAGE, RW, ANON, -1, 0);
    REQ(p != MAP_FAILED);
    char *hole = p + 4 * PAGE;
    munmap(hole, PAGE);
    GIVES(madvise(hole, 0, MADV_DONTNEED), 0, "madvise: no length, nothing there");
    GIVES(madvise(hole + 1, 0, MADV_DONTNEED), EINVAL, "madvise: no length, unaligned");
    GIVES(madvise(p, 0, 9999), EINVAL, "madvise: no length, unknown advice");
    GIVES(madvise(p, 1, MADV_DONTNEED), 0, "madvise: a length within a page");
    GIVES(madvise(p, opaque(-1), MADV_DONTNEED), EINVAL, "madvise: a length that rounds to nothing");
    GIVES(madvise(p, opaque(-PAGE), MADV_DONTNEED), EINVAL, "madvise: a length that wraps");
    GIVES(madvise(at_addr(0xffff800000000000), PAGE, MADV_DONTNEED), ENOMEM, "madvise: the kernel's half");
    for (int i = 0; i < 8; i++)
        if (i != 4)
            p[i * PAGE] = 1;
    GIVES(madvise(p, 8 * PAGE, MADV_DONTFORK), ENOMEM, "madvise: DONTFORK over a hole");
    CHECK_CHILD("and it is done on both sides",
                REQ(FAILS(msync(p, PAGE, MS_SYNC), ENOMEM) && FAILS(msync(p + 5 * PAGE, PAGE, MS_SYNC), ENOMEM)));
    GIVES(madvise(p, 8 * PAGE, MADV_DOFORK), ENOMEM, "madvise: DOFORK likewise");
    GIVES(madvise(p, 8 * PAGE, 23), ENOMEM, "madvise: POPULATE_WRITE over a hole");
    char *q = mmap(NULL, 4 * PAGE, RW, ANON, -1, 0);
    REQ(mlock(q + 2 * PAGE, PAGE) == 0 && (q[0] = q[PAGE] = q[2 * PAGE] = q[3 * PAGE] = 7));
    GIVES(madvise(q, 4 * PAGE, MADV_DONTNEED), EINVAL, "madvise: DONTNEED over a locked page");
    CHECK(q[0] == 0 && q[PAGE] == 0 && q[2 * PAGE] == 7 && q[3 * PAGE] == 7, "is done before it, and not behind");
    GIVES(madvise(q, 4 * PAGE, 24), 0, "madvise: DONTNEED_LOCKED");
    CHECK(q[2 * PAGE] == 0 && q[3 * PAGE] == 0, "empties it too");
    munmap(q, 4 * PAGE);
    munmap(p, 8 * PAGE);
}

#define BLOCK (2L << 20)

static int holds_numbers(const char *p)
{
    int good = 1;
    for (long i = 0; i < 3 * BLOCK; i += PAGE)
        good &= *(const long *)(p + i) == (i % 3 ? i : 0);
    return good;
}

#define BLOCKS (2 * BLOCK / PAGE)

static long resident(char *p)
{
    static unsigned char pages[BLOCKS];
    long n = 0;
    REQ(mincore(p, BLOCKS * PAGE, pages) == 0);
    for (long i = 0; i < BLOCKS; i++)
        n += pages[i] & 1;
    return n;
}

static int collapses(char *p)
{
    return madvise(p, 3 * BLOCK, 25) == 0 || errno == ENOMEM || errno == EAGAIN || errno == EBUSY || errno == EINVAL;
}

/* Two blocks with a page each: when they are collapsed, all of their pages are there. */
static void collapse_sparse(void)
{
    char *area = mmap(NULL, 4 * BLOCK, RW, ANON, -1, 0);
    REQ(area != MAP_FAILED);
    char *p = (char *)(((uintptr_t)area + BLOCK - 1) & -BLOCK);
    REQ(madvise(area, 4 * BLOCK, MADV_NOHUGEPAGE) == 0);
    memset(p + 5 * PAGE, 'a', PAGE);
    memset(p + BLOCK + 300 * PAGE, 'b', PAGE);
    CHECK(resident(p) >= 2 && resident(p) < BLOCKS / 2, "madvise: blocks of few pages");
    REQ(madvise(area, 4 * BLOCK, MADV_HUGEPAGE) == 0);
    CHECK_OWN(madvise(p, 2 * BLOCK, 25) == 0, "madvise: COLLAPSE of them");
    CHECK_OWN(resident(p) == BLOCKS, "madvise: makes them whole");
    CHECK(p[5 * PAGE] == 'a' && p[BLOCK + 301 * PAGE - 1] == 'b' && p[0] == 0 && p[2 * BLOCK - 1] == 0,
          "madvise: with what was there");
    munmap(area, 4 * BLOCK);
}

/* Whether there is a page of 2 MiB to be had is the machine's matter; that nothing is lost is not. */
static void collapse(void)
{
    char *p = mmap(NULL, 3 * BLOCK, RW, ANON, -1, 0);
    REQ(p != MAP_FAILED);
    madvise(p, 3 * BLOCK, MADV_NOHUGEPAGE);
    for (long i = 0; i < 3 * BLOCK; i += PAGE)
        if (i % 3)
            *(long *)(p + i) = i;
    GIVES(madvise(p, 3 * BLOCK, 25), EINVAL, "madvise: COLLAPSE of memory that is to have small pages");
    REQ(madvise(p, 3 * BLOCK, MADV_HUGEPAGE) == 0);
    CHECK(collapses(p), "madvise: COLLAPSE");
    CHECK(holds_numbers(p), "madvise: COLLAPSE loses nothing");
    CHECK_CHILD("madvise: COLLAPSE in a child that shares the pages", {
        REQ(collapses(p) && holds_numbers(p));
        memset(p, 0, 3 * BLOCK);
    });
    CHECK(holds_numbers(p), "madvise: which leaves the parent's");
    REQ(mprotect(p, BLOCK + PAGE, PROT_READ) == 0);
    CHECK(collapses(p) && holds_numbers(p), "madvise: COLLAPSE of what may only be read");
    CHECK_CHILD("madvise: COLLAPSE gives no rights", {
        signal(SIGSEGV, SIG_DFL);
        int fd = open("/dev/zero", O_RDONLY);
        REQ(read(fd, p + BLOCK, 1) == -1 && errno == EFAULT && read(fd, p + 2 * BLOCK, 1) == 1);
    });
    munmap(p, 3 * BLOCK);
}

static long advise_of(int fd, void *at, size_t len, int advice, unsigned flags)
{
    struct iovec v = {at, len};
    return syscall(SYS_process_madvise, fd, &v, 1L, advice, flags);
}

static void others(void)
{
    struct iovec v[3];
    char *p = mmap(NULL, 8 * PAGE, RW, ANON, -1, 0);
    int self = syscall(SYS_pidfd_open, getpid(), 0);
    REQ(p != MAP_FAILED && self >= 0);
    v[0] = (struct iovec){p, PAGE};
    v[1] = (struct iovec){p + 2 * PAGE, 2 * PAGE};
    v[2] = (struct iovec){p + 1, PAGE};
    GIVES(syscall(SYS_process_madvise, self, v, 2L, 20, 1), EINVAL, "process_madvise: an unknown flag");
    GIVES(syscall(SYS_process_madvise, -1, v, 2L, 20, 0), EBADF, "process_madvise: no descriptor");
    GIVES(syscall(SYS_process_madvise, rw, v, 2L, 20, 0), EBADF, "process_madvise: not a process");
    GIVES(syscall(SYS_process_madvise, self, at_addr(8), 2L, 20, 0), EFAULT, "process_madvise: a bad address");
    GIVES(syscall(SYS_process_madvise, self, v, 1025L, 20, 0), EINVAL, "process_madvise: too many pieces");
    CHECK(syscall(SYS_process_madvise, self, v, 2L, 20, 0) == 3 * PAGE, "process_madvise: COLD, of oneself");
    CHECK(syscall(SYS_process_madvise, self, v, 0L, 20, 0) == 0, "process_madvise: no pieces");
    CHECK(syscall(SYS_process_madvise, self, v, 3L, 20, 0) == 3 * PAGE,
          "process_madvise: what was done before an error");
    GIVES(syscall(SYS_process_madvise, self, v + 2, 1L, 20, 0), EINVAL,
          "process_madvise: the error, when it is the first");
    pid_t pid = tap_fork();
    if (pid == 0) {
        pause();
        _exit(0);
    }
    int other = syscall(SYS_pidfd_open, pid, 0);
    GIVES(advise_of(other, p, PAGE, MADV_DONTNEED, 0), EINVAL,
          "process_madvise: advice that only its own process may give");
    GIVES(advise_of(other, p, PAGE, 9999, 0), EINVAL, "process_madvise: no such advice");
    GIVES(advise_of(other, p, PAGE, 20, 0), EPERM, "process_madvise: another's memory is for CAP_SYS_NICE");
    REQ(kill(pid, SIGKILL) == 0 && tap_wait(pid) != -1);
    GIVES(advise_of(other, p, PAGE, 20, 0), ESRCH, "process_madvise: it is gone");
    close(other);
    close(self);
}

static void incore(void)
{
    unsigned char vec[8];
    char *p = mmap(NULL, 8 * PAGE, RW, ANON, -1, 0);
    REQ(p != MAP_FAILED);
    memset(vec, 0xff, sizeof vec);
    p[PAGE] = 1;
    GIVES(mincore(p, 3 * PAGE, vec), 0, "mincore");
    CHECK(vec[0] == 0 && vec[1] == 1 && vec[2] == 0 && vec[3] == 0xff, "one byte a page");
    GIVES(mincore(p, 0, vec), 0, "mincore: no length");
    GIVES(mincore(p, 0, NULL), 0, "mincore: no length and no vector");
    GIVES(mincore(p + 1, 0, vec), EINVAL, "mincore: unaligned");
    GIVES(mincore(p, 1, vec), 0, "mincore: within a page");
    GIVES(mincore(p, opaque(-1), vec), ENOMEM, "mincore: a length beyond all");
    GIVES(mincore(at_addr(0xffff800000000000), PAGE, vec), ENOMEM, "mincore: the kernel's half");
    GIVES(mincore(p, PAGE, at_addr(8)), EFAULT, "mincore: nowhere to put it");
    GIVES(mincore(p, PAGE, at_addr(0xffff800000000000)), EFAULT, "mincore: into the kernel's half");
    munmap(p + 4 * PAGE, PAGE);
    memset(vec, 0xff, sizeof vec);
    GIVES(mincore(p, 8 * PAGE, vec), ENOMEM, "mincore: a hole");
    char *f = mmap(NULL, 2 * PAGE, PROT_READ, MAP_SHARED, rw, 0);
    GIVES(mincore(f, 2 * PAGE, vec), 0, "mincore: a file nobody has touched here");
    CHECK(vec[0] == 1, "is in memory all the same");
    munmap(f, 2 * PAGE);
    munmap(p, 8 * PAGE);
}

static long status_kb(const char *key)
{
    char line[256];
    long n = -1;
    FILE *f = fopen("/proc/self/status", "r");
    while (f && fgets(line, sizeof line, f))
        if (!strncmp(line, key, strlen(key)))
            n = atol(line + strlen(key));
    if (f)
        fclose(f);
    return n;
}

static void locks(void)
{
    unsigned char vec[4];
    char *p = mmap(NULL, 8 * PAGE, RW, ANON, -1, 0), *none = mmap(NULL, PAGE, 0, ANON, -1, 0);
    REQ(p != MAP_FAILED && none != MAP_FAILED);
    GIVES(mlock(p + 1, 1), 0, "mlock: the address is rounded");
    CHECK(status_kb("VmLck:") == 4 && mincore(p, 2 * PAGE, vec) == 0 && vec[0] == 1 && vec[1] == 0,
          "one page is locked");
    GIVES(mlock(p + PAGE - 1, 2), 0, "mlock: and the end");
    CHECK(status_kb("VmLck:") == 8, "two are");
    GIVES(syscall(SYS_mlock2, p + 4 * PAGE, 2 * PAGE, MLOCK_ONFAULT), 0, "mlock2: ONFAULT");
    CHECK(mincore(p + 4 * PAGE, 2 * PAGE, vec) == 0 && vec[0] == 0 && vec[1] == 0, "brings nothing in");
    CHECK(status_kb("VmLck:") == 16, "but counts");
    GIVES(syscall(SYS_mlock2, p, PAGE, 2), EINVAL, "mlock2: an unknown flag");
    GIVES(syscall(SYS_mlock2, p, PAGE, 0), 0, "mlock2: no flag");
    GIVES(mlock(p, 0), 0, "mlock: no length");
    GIVES(munlock(p, 0), 0, "munlock: no length");
    GIVES(mlock(none, PAGE), ENOMEM, "mlock: memory without rights");
    CHECK(status_kb("VmLck:") == 20, "is locked all the same");
    GIVES(munlock(none, PAGE), 0, "munlock: of it");
    GIVES(munlock(p, 8 * PAGE), 0, "munlock: what is locked and what is not");
    CHECK(status_kb("VmLck:") == 0, "nothing is locked");
    GIVES(munlock(p, opaque(-PAGE)), EINVAL, "munlock: a length that wraps");
    GIVES(munlock(at_addr(0xffff800000000000), PAGE), ENOMEM, "munlock: the kernel's half");
    munmap(p + 2 * PAGE, PAGE);
    GIVES(mlock(p, 4 * PAGE), ENOMEM, "mlock: a hole");
    CHECK(status_kb("VmLck:") == 8, "what is before it is locked");
    GIVES(munlock(p, 8 * PAGE), ENOMEM, "munlock: a hole");
    GIVES(mlockall(0), EINVAL, "mlockall: nothing");
    GIVES(mlockall(MCL_ONFAULT), EINVAL, "mlockall: ONFAULT alone");
    GIVES(mlockall(8), EINVAL, "mlockall: an unknown flag");
    GIVES(mlockall(MCL_FUTURE | MCL_ONFAULT), 0, "mlockall: FUTURE and ONFAULT");
    char *q = mmap(NULL, 2 * PAGE, RW, ANON, -1, 0);
    CHECK(mincore(q, 2 * PAGE, vec) == 0 && vec[0] == 0 && vec[1] == 0, "a new mapping is not brought in");
    GIVES(madvise(q, PAGE, MADV_DONTNEED), EINVAL, "but is locked");
    GIVES(mlockall(MCL_FUTURE), 0, "mlockall: FUTURE");
    char *r = mmap(NULL, 2 * PAGE, RW, ANON, -1, 0);
    CHECK(mincore(r, 2 * PAGE, vec) == 0 && vec[0] == 1 && vec[1] == 1, "a new mapping is brought in");
    CHECK_CHILD("fork does not inherit it", {
        char *s = mmap(NULL, 2 * PAGE, RW, ANON, -1, 0);
        REQ(status_kb("VmLck:") == 0 && mincore(s, 2 * PAGE, vec) == 0 && vec[0] == 0);
    });
    GIVES(munlockall(), 0, "munlockall");
    CHECK(status_kb("VmLck:") == 0, "nothing is locked again");
    char *s = mmap(NULL, 2 * PAGE, RW, ANON, -1, 0);
    CHECK(mincore(s, 2 * PAGE, vec) == 0 && vec[0] == 0, "nor what comes later");
}

static void syncs(void)
{
    char *p = mmap(NULL, 4 * PAGE, RW, MAP_SHARED, rw, 0);
    REQ(p != MAP_FAILED);
    GIVES(msync(p, PAGE, 0), 0, "msync: no flag");
    GIVES(msync(p, PAGE, MS_INVALIDATE), 0, "msync: INVALIDATE");
    GIVES(msync(p, PAGE, MS_INVALIDATE | MS_SYNC), 0, "msync: INVALIDATE and SYNC");
    GIVES(msync(p, PAGE, MS_ASYNC), 0, "msync: ASYNC");
    GIVES(msync(p, PAGE, 8), EINVAL, "msync: an unknown flag");
    GIVES(msync(p, 0, MS_SYNC), 0, "msync: no length");
    GIVES(msync(p, opaque(-PAGE), MS_SYNC), ENOMEM, "msync: a length that wraps");
    GIVES(msync(p + 1, 0, MS_SYNC), EINVAL, "msync: unaligned");
    GIVES(msync(at_addr(0xffff800000000000), PAGE, MS_SYNC), ENOMEM, "msync: the kernel's half");
    REQ(mlock(p + PAGE, PAGE) == 0);
    GIVES(msync(p, 4 * PAGE, MS_SYNC), 0, "msync: locked memory");
    GIVES(msync(p, 4 * PAGE, MS_INVALIDATE), EBUSY, "msync: INVALIDATE of locked memory");
    munmap(p + 3 * PAGE, PAGE);
    GIVES(msync(p, 4 * PAGE, MS_INVALIDATE), EBUSY, "msync: the locked page before the hole");
    GIVES(msync(p + 2 * PAGE, 2 * PAGE, MS_INVALIDATE), ENOMEM, "msync: a hole");
    munmap(p, 4 * PAGE);
}

static long rearrange(void *p, size_t len, int prot, size_t pgoff, int flags)
{
    return syscall(SYS_remap_file_pages, p, len, prot, pgoff, flags);
}

static long shared_kib(void)
{
    char line[128];
    long kib = -1;
    FILE *f = fopen("/proc/meminfo", "r");
    REQ(f);
    while (kib < 0 && fgets(line, sizeof line, f))
        sscanf(line, "Shmem: %ld", &kib);
    fclose(f);
    return kib;
}

/* The object must not be held by a call that failed. */
static void refused(void)
{
    const size_t len = 8 << 20;
    long before = shared_kib();
    CHECK_CHILD("remap_file_pages: more than RLIMIT_AS", {
        char *p = mmap(NULL, len, RW, SHANON | MAP_POPULATE, -1, 0);
        struct rlimit most = {1 << 20, 1 << 20};
        REQ(p != MAP_FAILED && setrlimit(RLIMIT_AS, &most) == 0);
        REQ(FAILS(rearrange(p, PAGE, 0, 1, 0), ENOMEM));
        REQ(munmap(p, len) == 0);
    });
    CHECK_OWN(shared_kib() < before + 4096, "and what was mapped is given back");
}

static void rearranging(void)
{
    char *p = mmap(NULL, 4 * PAGE, RW, MAP_SHARED, rw, 0), *priv = mmap(NULL, PAGE, RW, MAP_PRIVATE, rw, 0);
    for (int i = 0; i < 4; i++)
        p[i * PAGE] = '0' + i;
    GIVES(rearrange(p, PAGE, 0, 3, 0), 0, "remap_file_pages");
    CHECK(p[0] == '3' && p[PAGE] == '1' && p[3 * PAGE] == '3', "another page of the file is there");
    p[0] = 'x';
    CHECK(p[3 * PAGE] == 'x', "the same page");
    GIVES(rearrange(p + 1, 2 * PAGE, 0, 1, MAP_NONBLOCK), 0, "remap_file_pages: NONBLOCK; the address is rounded down");
    CHECK(p[0] == '1' && p[PAGE] == '2', "two pages");
    GIVES(rearrange(p, PAGE, PROT_READ, 0, 0), EINVAL, "remap_file_pages: other rights");
    GIVES(rearrange(p, 0, 0, 0, 0), EINVAL, "remap_file_pages: no length");
    GIVES(rearrange(p, PAGE - 1, 0, 0, 0), EINVAL, "remap_file_pages: less than a page");
    GIVES(rearrange(p, opaque(-PAGE), 0, 0, 0), EINVAL, "remap_file_pages: a length that wraps");
    GIVES(rearrange(p, PAGE, 0, ~0UL, 0), EINVAL, "remap_file_pages: an offset that wraps");
    GIVES(rearrange(priv, PAGE, 0, 0, 0), EINVAL, "remap_file_pages: private memory");
    GIVES(rearrange(at_addr(0x10000), PAGE, 0, 0, 0), EINVAL, "remap_file_pages: nothing there");
    GIVES(rearrange(p, 8 * PAGE, 0, 0, 0), EINVAL, "remap_file_pages: more than is there");
    char *s = mmap(NULL, 2 * PAGE, RW, SHANON, -1, 0);
    s[0] = 'a';
    s[PAGE] = 'b';
    GIVES(rearrange(s, PAGE, 0, 1, 0), 0, "remap_file_pages: of shared memory");
    CHECK(s[0] == 'b', "its other page");
    char *r = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, ro, 0);
    GIVES(rearrange(r, PAGE, 0, 2, 0), EINVAL, "remap_file_pages: of a file that is open for reading");
    munmap(r, PAGE);
    munmap(p, 4 * PAGE);
    munmap(s, 2 * PAGE);
    refused();
}

int main(void)
{
    static char data[8 * PAGE];
    put_file("data", data, sizeof data);
    rw = open("data", O_RDWR);
    ro = open("data", O_RDONLY);
    matrix();
    ranges();
    collapse();
    collapse_sparse();
    others();
    incore();
    locks();
    syncs();
    rearranging();
    return tap_end();
}
