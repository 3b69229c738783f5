// SPDX-License-Identifier: MIT
/*
 * mmap and munmap: flags, errors, addresses, holes cut into mappings, files, what /proc/self/maps says.
 */
#include "tests/abi/fault.h"

#include <setjmp.h>
#include <sys/mman.h>

#define RW (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)

static char *anon(size_t len)
{
    char *p = mmap(NULL, len, RW, ANON, -1, 0);
    REQ(p != MAP_FAILED);
    return p;
}

static void anonymous(void)
{
    char *p = anon(3 * PAGE);
    int zero = 1;
    CHECK((long)p % PAGE == 0, "a mapping begins at a page");
    for (int i = 0; i < 3 * PAGE; i++)
        zero &= p[i] == 0;
    CHECK(zero, "and is zeros");
    p[PAGE] = 5;
    CHECK(munmap(p, 3 * PAGE) == 0 && reads(p) == SIGSEGV && reads(p + 2 * PAGE) == SIGSEGV, "munmap takes it away");
    CHECK(munmap(p, 3 * PAGE) == 0, "munmap of nothing succeeds");
    char *q = anon(100);
    CHECK(q[PAGE - 1] == 0 && munmap(q, 1) == 0 && reads(q) == SIGSEGV, "lengths are rounded up to pages");
    char *a = anon(64 << 20);
    a[0] = a[(64 << 20) - 1] = 1;
    CHECK(munmap(a, 64 << 20) == 0, "64 MiB cost nothing until touched");
}

static void splitting(void)
{
    char *p = anon(7 * PAGE);
    for (int i = 0; i < 7; i++)
        p[i * PAGE] = i + 1;
    CHECK(munmap(p + 2 * PAGE, PAGE) == 0 && reads(p + 2 * PAGE) == SIGSEGV, "a hole in the middle");
    CHECK(p[PAGE] == 2 && p[3 * PAGE] == 4, "leaves both sides");
    CHECK(munmap(p, 2 * PAGE) == 0 && reads(p + PAGE) == SIGSEGV && p[3 * PAGE] == 4, "the front goes");
    CHECK(munmap(p + 6 * PAGE, PAGE) == 0 && p[5 * PAGE] == 6, "the back goes");
    char *q = mmap(p + 2 * PAGE, PAGE, RW, ANON | MAP_FIXED, -1, 0);
    CHECK(q == p + 2 * PAGE && q[0] == 0 && p[3 * PAGE] == 4, "the hole is filled with a new page");
    CHECK(munmap(p, 7 * PAGE) == 0 && reads(p + 4 * PAGE) == SIGSEGV, "one munmap over several mappings and gaps");
}

static void placing(void)
{
    char *p = anon(4 * PAGE);
    p[0] = p[PAGE] = 9;
    char *q = mmap(p + PAGE, PAGE, RW, ANON | MAP_FIXED, -1, 0);
    CHECK(q == p + PAGE && q[0] == 0 && p[0] == 9, "MAP_FIXED replaces what was there");
    CHECK_ERRNO((long)mmap(p + 1, PAGE, RW, ANON | MAP_FIXED, -1, 0), EINVAL, "MAP_FIXED at an unaligned address");
    CHECK_ERRNO((long)mmap(p, PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0), EEXIST,
                "MAP_FIXED_NOREPLACE where something is");
    munmap(p + 2 * PAGE, 2 * PAGE);
    q = mmap(p + 2 * PAGE, PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0);
    CHECK(q == p + 2 * PAGE, "MAP_FIXED_NOREPLACE where nothing is");
    q = mmap(p + 3 * PAGE, PAGE, RW, ANON, -1, 0);
    CHECK(q == p + 3 * PAGE, "a free address is taken as a hint");
    char *r = mmap(p, PAGE, RW, ANON, -1, 0);
    CHECK(r != MAP_FAILED && r != p && p[0] == 9, "a taken one is not");
    munmap(r, PAGE);
    r = mmap(NULL, PAGE, RW, ANON | MAP_32BIT, -1, 0);
    CHECK(r != MAP_FAILED && (unsigned long)r + PAGE <= 0x80000000UL, "MAP_32BIT stays below 2 GiB");
    munmap(r, PAGE);
    munmap(p, 4 * PAGE);
    CHECK_ERRNO((long)mmap(at_addr(0x7ffffffff000), PAGE, RW, ANON | MAP_FIXED, -1, 0), ENOMEM,
                "MAP_FIXED at the top page");
    CHECK_ERRNO((long)mmap(at_addr(0xffff800000000000), PAGE, RW, ANON | MAP_FIXED, -1, 0), ENOMEM,
                "MAP_FIXED in the kernel's half");
    CHECK_CHILD("the lowest addresses are not for users", {
        drop_root();
        REQ(mmap(NULL, PAGE, RW, ANON | MAP_FIXED, -1, 0) == MAP_FAILED && (errno == EPERM || errno == EACCES));
    });
}

static void errors(void)
{
    int rd = open("f", O_RDONLY | O_CREAT, 0600), wr = open("f", O_WRONLY), both = open("f", O_RDWR), p[2];
    make_pipe(p);
    CHECK_ERRNO((long)mmap(NULL, 0, RW, ANON, -1, 0), EINVAL, "no length");
    CHECK_ERRNO((long)mmap(NULL, (size_t)-1, RW, ANON, -1, 0), ENOMEM, "too long");
    CHECK_ERRNO((long)mmap(NULL, 1UL << 47, RW, ANON | MAP_NORESERVE, -1, 0), ENOMEM, "as long as the address space");
    CHECK_ERRNO((long)mmap(NULL, PAGE, RW, MAP_ANONYMOUS, -1, 0), EINVAL, "neither private nor shared");
    CHECK_ERRNO((long)mmap(NULL, PAGE, RW, MAP_PRIVATE, -1, 0), EBADF, "a file that is not open");
    CHECK_ERRNO((long)mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, wr, 0), EACCES, "a file open for writing only");
    CHECK_ERRNO((long)mmap(NULL, PAGE, RW, MAP_SHARED, rd, 0), EACCES,
                "shared and writable, the file open for reading");
    CHECK((long)mmap(NULL, PAGE, RW, MAP_PRIVATE, rd, 0) > 0, "private and writable is allowed");
    CHECK_ERRNO((long)mmap(NULL, PAGE, PROT_READ, MAP_SHARED, both, 100), EINVAL, "an unaligned offset");
    CHECK_ERRNO((long)mmap(NULL, PAGE, PROT_READ, MAP_SHARED, p[0], 0), ENODEV, "a pipe");
    int dir = open(".", O_RDONLY), path = open("f", O_PATH);
    CHECK_ERRNO((long)mmap(NULL, PAGE, PROT_READ, MAP_SHARED, dir, 0), ENODEV, "a directory");
    CHECK_ERRNO((long)mmap(NULL, PAGE, PROT_READ, MAP_SHARED, path, 0), EBADF, "an O_PATH file");
    CHECK_ERRNO(munmap(at_addr(1), PAGE), EINVAL, "munmap of an unaligned address");
    CHECK_ERRNO(munmap(at_addr(PAGE), 0), EINVAL, "munmap of no length");
    CHECK_ERRNO(munmap(at_addr(0x7ffffffff000), 2 * PAGE), EINVAL, "munmap beyond the user half");
    CHECK_ERRNO((long)mmap(NULL, PAGE, RW, MAP_SHARED_VALIDATE | 0x1000000, both, 0), EOPNOTSUPP,
                "MAP_SHARED_VALIDATE with an unknown flag");
    close(dir);
    close(path);
    close(rd);
    close(wr);
    close(both);
    close(p[0]);
    close(p[1]);
}

static void files(void)
{
    char data[3 * 4096];
    for (int i = 0; i < 3 * PAGE; i++)
        data[i] = i * 7 + (i >> 8);
    put_file("g", data, sizeof data);
    int fd = open("g", O_RDWR);
    char *s = mmap(NULL, 3 * PAGE, RW, MAP_SHARED, fd, 0), *t = mmap(NULL, PAGE, RW, MAP_PRIVATE, fd, 2 * PAGE);
    CHECK(!memcmp(s, data, 3 * PAGE) && !memcmp(t, data + 2 * PAGE, PAGE), "mapped at offsets");
    close(fd);
    CHECK(s[5] == data[5], "a mapping outlives the descriptor");
    fd = open("g", O_RDWR);
    s[10] = 'S';
    char c;
    CHECK(pread(fd, &c, 1, 10) == 1 && c == 'S', "a shared store is read by read");
    CHECK(pwrite(fd, "W", 1, 11) == 1 && s[11] == 'W', "a write is seen in the mapping");
    t[1] = 'P';
    CHECK(pread(fd, &c, 1, 2 * PAGE + 1) == 1 && c == data[2 * PAGE + 1] && s[2 * PAGE + 1] == c,
          "a private store stays private");
    CHECK(ftruncate(fd, PAGE + 10) == 0 && reads(s + 2 * PAGE) == SIGBUS && reads(s + PAGE) == 0 && s[PAGE + 10] == 0,
          "a shrunk file: SIGBUS behind its last page, zeros on it");
    CHECK(reads(t) == SIGBUS, "also for private copies");
    CHECK(ftruncate(fd, 3 * PAGE) == 0 && reads(s + 2 * PAGE) == 0 && s[2 * PAGE] == 0,
          "grown it is there again, as zeros");
    CHECK(pread(fd, s + PAGE, 100, 0) == 100 && !memcmp(s, s + PAGE, 100), "read from a file into its own mapping");
    CHECK(pwrite(fd, s, 100, 2 * PAGE) == 100 && !memcmp(s, s + 2 * PAGE, 100), "write to a file from its own mapping");
    CHECK(unlink("g") == 0 && s[10] == 'S', "a mapping outlives the name");
    munmap(s, 3 * PAGE);
    munmap(t, PAGE);
    close(fd);
}

/* Finds the line of /proc/self/maps for this address; true when it has these bounds and this text in it. */
static int maps_say(char *at, size_t len, const char *text)
{
    char line[512], want[64];
    FILE *f = fopen("/proc/self/maps", "r");
    int found = 0;
    snprintf(want, sizeof want, "%lx-%lx ", (long)at, (long)at + len);
    while (f && fgets(line, sizeof line, f))
        found |= !strncmp(line, want, strlen(want)) && strstr(line, text);
    if (f)
        fclose(f);
    return found;
}

static void listing(void)
{
    char *p = mmap(NULL, 5 * PAGE, PROT_NONE, ANON, -1, 0);
    REQ(mprotect(p + PAGE, PAGE, RW) == 0 && mprotect(p + 3 * PAGE, PAGE, PROT_READ | PROT_EXEC) == 0);
    CHECK(maps_say(p + PAGE, PAGE, "rw-p 00000000 00:00 0"), "/proc/self/maps lists a private area");
    CHECK(maps_say(p + 3 * PAGE, PAGE, "r-xp"), "and its rights");
    put_text("mapped", "x");
    int fd = open("mapped", O_RDWR);
    char *q = mmap(p + PAGE, PAGE, RW, MAP_SHARED | MAP_FIXED, fd, 0);
    CHECK(maps_say(q, PAGE, "rw-s") && maps_say(q, PAGE, "/mapped\n"), "a shared file with its name");
    close(fd);
    CHECK(mprotect(p, 5 * PAGE, PROT_READ) == 0, "mprotect over several areas");
    munmap(p, 5 * PAGE);
}

/* Areas that touch and are alike become one. */
static void merging(void)
{
    char *p = mmap(NULL, 5 * PAGE, PROT_NONE, ANON, -1, 0);
    REQ(mprotect(p + PAGE, PAGE, RW) == 0 && mprotect(p + 3 * PAGE, PAGE, RW) == 0);
    REQ(mprotect(p + 2 * PAGE, PAGE, RW) == 0);
    CHECK(maps_say(p + PAGE, 3 * PAGE, "rw-p"), "three alike side by side are one area");
    munmap(p, 5 * PAGE);
}

static void many(void)
{
    enum { N = 2000 };
    char *p = mmap(NULL, 2 * N * PAGE, PROT_NONE, ANON | MAP_NORESERVE, -1, 0);
    int good = 1;
    for (int i = 0; i < N; i++)
        good &= mprotect(p + 2 * i * PAGE, PAGE, RW) == 0;
    for (int i = 0; i < N; i += 97)
        good &= writes(p + 2 * i * PAGE) == 0 && reads(p + (2 * i + 1) * PAGE) == SIGSEGV;
    CHECK(good, "two thousand areas");
    CHECK(munmap(p, 2 * N * PAGE) == 0 && reads(p + 2 * 97 * PAGE) == SIGSEGV, "and all of them gone");
}

static void populated(void)
{
    unsigned char vec[4];
    char *p = mmap(NULL, 4 * PAGE, RW, ANON | MAP_POPULATE, -1, 0);
    CHECK(p != MAP_FAILED && mincore(p, 4 * PAGE, vec) == 0 && (vec[0] & vec[1] & vec[2] & vec[3] & 1),
          "MAP_POPULATE brings the pages in");
    munmap(p, 4 * PAGE);
}

int main(void)
{
    signal(SIGSEGV, on_fault);
    signal(SIGBUS, on_fault);
    REQ(chmod(".", 0755) == 0);
    anonymous();
    splitting();
    placing();
    errors();
    files();
    listing();
    merging();
    many();
    populated();
    return tap_end();
}
