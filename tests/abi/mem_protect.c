// SPDX-License-Identifier: MIT
/*
 * mprotect, mremap, brk, madvise, mincore, msync, mlock, the growing stack, and executing what was written.
 */
#include "tests/abi/fault.h"

#include <setjmp.h>
#include <sys/mman.h>
#include <sys/resource.h>

#define RW (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)

static int runs(char *p)
{
    int sig = sigsetjmp(jump, 1);
    if (!sig)
        ((void (*)(void))p)();
    return sig;
}

static char *anon(size_t len)
{
    char *p = mmap(NULL, len, RW, ANON, -1, 0);
    REQ(p != MAP_FAILED);
    return p;
}

static void protecting(void)
{
    char *p = anon(4 * PAGE);
    memset(p, 7, 4 * PAGE);
    CHECK(mprotect(p + PAGE, PAGE, PROT_READ) == 0 && writes(p + PAGE) == SIGSEGV && reads(p + PAGE) == 0, "PROT_READ");
    CHECK(writes(p) == 0 && writes(p + 2 * PAGE) == 0, "the pages beside stay writable");
    CHECK(mprotect(p + PAGE, PAGE, PROT_NONE) == 0 && reads(p + PAGE) == SIGSEGV, "PROT_NONE");
    CHECK(mprotect(p + PAGE, PAGE, RW) == 0 && p[PAGE + 1] == 7, "the content is there again");
    CHECK(mprotect(p, PAGE, PROT_WRITE) == 0 && writes(p) == 0, "PROT_WRITE alone writes");
    CHECK_ERRNO(mprotect(p + 1, PAGE, RW), EINVAL, "an unaligned address");
    CHECK_ERRNO(mprotect(p, PAGE, 0x1000), EINVAL, "an unknown right");
    CHECK(mprotect(p, 0, RW) == 0, "no length");
    munmap(p + 2 * PAGE, PAGE);
    CHECK_ERRNO(mprotect(p, 4 * PAGE, PROT_READ), ENOMEM, "a gap in the range");
    CHECK(writes(p) == SIGSEGV && writes(p + 3 * PAGE) == 0, "what stands before the gap is done");
    munmap(p, 4 * PAGE);
}

static void executing(void)
{
    char *p = anon(PAGE);
    p[0] = (char)0xc3;
    CHECK(runs(p) == SIGSEGV, "data cannot be executed");
    CHECK(mprotect(p, PAGE, PROT_READ | PROT_EXEC) == 0 && runs(p) == 0, "with PROT_EXEC it can");
    CHECK(writes(p) == SIGSEGV, "and no longer be written");
    CHECK(mprotect(p, PAGE, RW) == 0 && runs(p) == SIGSEGV, "back to data");
    p[0] = (char)0x0f;
    p[1] = (char)0x0b;
    CHECK(mprotect(p, PAGE, PROT_READ | PROT_EXEC) == 0 && runs(p) == SIGILL, "new code is what runs");
    munmap(p, PAGE);
    char on_stack[16] = {(char)0xc3};
    CHECK(runs(on_stack) == SIGSEGV, "the stack cannot be executed");
    CHECK(writes((char *)(long)on_fault) == SIGSEGV, "the program's code cannot be written");
    static const char constant = 1;
    CHECK(writes((char *)&constant) == SIGSEGV, "nor its constants");
}

static void remapping(void)
{
    int far = 1;
    char *p = anon(4 * PAGE), *q;
    for (int i = 0; i < 4; i++)
        p[i * PAGE] = i + 1;
    q = mremap(p, 4 * PAGE, 2 * PAGE, 0);
    CHECK(q == p && p[PAGE] == 2 && reads(p + 2 * PAGE) == SIGSEGV, "mremap shrinks in place");
    q = mremap(p, 2 * PAGE, 4 * PAGE, 0);
    CHECK(q == p && p[PAGE] == 2 && p[3 * PAGE] == 0, "and grows where there is room, with zeros");
    char *wall = mmap(p + 4 * PAGE, PAGE, PROT_NONE, ANON | MAP_FIXED, -1, 0);
    CHECK_ERRNO((long)mremap(p, 4 * PAGE, 6 * PAGE, 0), ENOMEM, "where there is none it fails");
    q = mremap(p, 4 * PAGE, 6 * PAGE, MREMAP_MAYMOVE);
    CHECK(q != MAP_FAILED && q != p && q[0] == 1 && q[PAGE] == 2 && q[5 * PAGE] == 0 && reads(p) == SIGSEGV,
          "or moves");
    char *r = anon(8 * PAGE);
    char *s = mremap(q, 6 * PAGE, 6 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, r + PAGE);
    CHECK(s == r + PAGE && s[PAGE] == 2 && r[0] == 0 && reads(q) == SIGSEGV, "MREMAP_FIXED goes where it is told");
    char *d = mremap(s, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, NULL);
    CHECK(d != MAP_FAILED && d[PAGE] == 2 && s[PAGE] == 0, "MREMAP_DONTUNMAP leaves an empty mapping behind");
    CHECK_ERRNO((long)mremap(r + 1, PAGE, PAGE, 0), EINVAL, "an unaligned address");
    CHECK_ERRNO((long)mremap(r, PAGE, 0, 0), EINVAL, "no new length");
    CHECK_ERRNO((long)mremap(r, PAGE, 2 * PAGE, MREMAP_FIXED, s), EINVAL, "MREMAP_FIXED without MREMAP_MAYMOVE");
    CHECK_ERRNO((long)mremap(r, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, r + PAGE), EINVAL,
                "the new place over the old");
    CHECK_ERRNO((long)mremap(at_addr(0x1000), PAGE, 2 * PAGE, MREMAP_MAYMOVE), EFAULT, "where nothing is mapped");
    for (int i = 46; i < 64; i++) /* a gigantic old length, and one that wraps round */
        far &= (long)mremap(r, 1ul << i, PAGE, 0) == -1 && errno == EINVAL;
    CHECK(far && (long)mremap(r, -PAGE, PAGE, 0) == -1 && errno == EINVAL && !reads(r) && !reads(s),
          "an old length that leaves the address space takes nothing away");
    munmap(wall, PAGE);
    munmap(r, 8 * PAGE);
    munmap(d, 2 * PAGE);
    int fd = open("f", O_RDWR | O_CREAT | O_TRUNC, 0600);
    REQ(ftruncate(fd, 4 * PAGE) == 0 && pwrite(fd, "4", 1, 3 * PAGE) == 1);
    p = mmap(NULL, PAGE, RW, MAP_SHARED, fd, 0);
    q = mremap(p, PAGE, 4 * PAGE, MREMAP_MAYMOVE);
    CHECK(q != MAP_FAILED && q[3 * PAGE] == '4', "a file's mapping grows over the file");
    char *twin = mremap(q, 0, PAGE, MREMAP_MAYMOVE);
    CHECK(twin != MAP_FAILED && twin != q, "an old length of 0 makes a second mapping of a shared one");
    twin[0] = 'T';
    CHECK(q[0] == 'T', "of the same pages");
    close(fd);
}

static void breaking(void)
{
    char *start = sbrk(0);
    CHECK(start != (void *)-1 && sbrk(3 * PAGE) == start && sbrk(0) == start + 3 * PAGE, "sbrk grows the heap");
    int zero = 1;
    for (int i = 0; i < 3 * PAGE; i++)
        zero &= start[i] == 0;
    CHECK(zero, "with zeros");
    memset(start, 1, 3 * PAGE);
    CHECK(brk(start) == 0 && sbrk(0) == start, "brk takes it back");
    CHECK(sbrk(PAGE) == start && start[PAGE - 1] == 0, "and given anew it is zeros again");
    CHECK(syscall(SYS_brk, 0) == (long)sbrk(0) && syscall(SYS_brk, 1) == (long)sbrk(0),
          "the call itself returns the break as it is when refused");
    CHECK(syscall(SYS_brk, 0x7fffffffffffUL) == (long)sbrk(0), "a break beyond reach is refused");
    brk(start);
    CHECK_CHILD("RLIMIT_DATA bounds it", {
        struct rlimit r = {1 << 20, 1 << 20};
        REQ(setrlimit(RLIMIT_DATA, &r) == 0);
        REQ(sbrk(8 << 20) == (void *)-1 && errno == ENOMEM);
    });
}

static void advising(void)
{
    char *p = anon(4 * PAGE);
    unsigned char vec[4] = {9, 9, 9, 9};
    memset(p, 5, 4 * PAGE);
    CHECK(madvise(p + PAGE, 2 * PAGE, MADV_DONTNEED) == 0 && p[0] == 5 && p[PAGE] == 0 && p[2 * PAGE] == 0 &&
              p[3 * PAGE] == 5,
          "MADV_DONTNEED empties pages");
    memset(p, 6, 4 * PAGE);
    REQ(madvise(p + PAGE, PAGE, MADV_DONTNEED) == 0);
    CHECK(mincore(p, 4 * PAGE, vec) == 0 && (vec[0] & 1) && !(vec[1] & 1) && (vec[2] & 1),
          "mincore tells which are there");
    CHECK(madvise(p, 4 * PAGE, MADV_NORMAL) == 0 && madvise(p, PAGE, MADV_WILLNEED) == 0 &&
              madvise(p, PAGE, MADV_SEQUENTIAL) == 0,
          "harmless advice");
    CHECK(madvise(p, PAGE, MADV_FREE) == 0 && (p[0] == 6 || p[0] == 0), "MADV_FREE");
    CHECK_ERRNO(madvise(p, PAGE, 9999), EINVAL, "unknown advice");
    CHECK_ERRNO(madvise(p + 1, PAGE, MADV_DONTNEED), EINVAL, "an unaligned address");
    munmap(p + PAGE, PAGE);
    CHECK_ERRNO(madvise(p, 4 * PAGE, MADV_DONTNEED), ENOMEM, "a gap in the range");
    CHECK(p[2 * PAGE] == 0, "behind the gap it is done all the same");
    CHECK_ERRNO(mincore(p, 4 * PAGE, vec), ENOMEM, "mincore over a gap");
    CHECK_ERRNO(mincore(p + 1, PAGE, vec), EINVAL, "mincore of an unaligned address");
    CHECK_ERRNO(mincore(p, PAGE, at_addr(8)), EFAULT, "mincore into a bad address");
    CHECK_ERRNO(msync(p, PAGE, MS_SYNC | MS_ASYNC), EINVAL, "msync with both flags");
    CHECK_ERRNO(msync(p + 1, PAGE, MS_SYNC), EINVAL, "msync of an unaligned address");
    CHECK_ERRNO(msync(p, 4 * PAGE, MS_SYNC), ENOMEM, "msync over a gap");
    CHECK(mlock(p, PAGE) == 0 && munlock(p, PAGE) == 0, "mlock and munlock");
    CHECK_ERRNO(mlock(p, 4 * PAGE), ENOMEM, "mlock over a gap");
    munmap(p, 4 * PAGE);
}

/* ---- the stack ---- */

__attribute__((noinline)) static int deep(int n)
{
    volatile char frame[2000];
    frame[0] = n;
    return n == 0 ? 0 : deep(n - 1) + (frame[0] == (char)n ? 0 : 1);
}

static void stack(void)
{
    CHECK(deep(2000) == 0, "the stack grows by 4 MB");
    char here;
    char *far_below = (char *)((long)&here & -PAGE) - (6 << 20);
    CHECK(writes(far_below) == 0, "also by one far touch within its limit");
    CHECK_CHILD("not beyond its limit", {
        struct rlimit r = {1 << 20, 8 << 20};
        REQ(setrlimit(RLIMIT_STACK, &r) == 0);
        static char alt[65536];
        stack_t ss = {alt, 0, sizeof alt};
        sigaltstack(&ss, NULL);
        struct sigaction sa = {.sa_handler = on_fault, .sa_flags = SA_ONSTACK};
        sigaction(SIGSEGV, &sa, NULL);
        REQ(writes((char *)((long)&here & -PAGE) - (12 << 20)) == SIGSEGV);
    });
    char *p = mmap(NULL, 64 * PAGE, PROT_NONE, ANON, -1, 0);
    munmap(p, 64 * PAGE);
    p = mmap(p + 60 * PAGE, PAGE, RW, ANON | MAP_FIXED | MAP_GROWSDOWN, -1, 0);
    CHECK(p != MAP_FAILED && writes(p - 1) == 0 && writes(p - 2 * PAGE) == 0, "MAP_GROWSDOWN grows when touched below");
    munmap(p - 3 * PAGE, 4 * PAGE);
}

int main(void)
{
    signal(SIGSEGV, on_fault);
    signal(SIGBUS, on_fault);
    signal(SIGILL, on_fault);
    protecting();
    executing();
    remapping();
    breaking();
    advising();
    stack();
    return tap_end();
}
