// SPDX-License-Identifier: MIT
/*
 * Memory between processes: copy-on-write across fork, shared mappings, on two CPUs.
 */
#include "tests/abi/util.h"

#include <sys/mman.h>

#define RW (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)

enum { PAGES = 200 };

static void fill(char *p, int n, int seed)
{
    for (int i = 0; i < n; i++)
        p[i * PAGE] = p[i * PAGE + 4095] = seed + i;
}

static int holds(char *p, int n, int seed)
{
    for (int i = 0; i < n; i++)
        if (p[i * PAGE] != (char)(seed + i) || p[i * PAGE + 4095] != (char)(seed + i))
            return 0;
    return 1;
}

static void copies(void)
{
    char *p = mmap(NULL, PAGES * PAGE, RW, ANON, -1, 0);
    fill(p, PAGES, 1);
    CHECK_CHILD("a child sees what its parent had", REQ(holds(p, PAGES, 1)));
    CHECK_CHILD("a child writes its own copy", {
        fill(p, PAGES, 50);
        REQ(holds(p, PAGES, 50));
    });
    CHECK(holds(p, PAGES, 1), "the parent's is untouched");
    int go[2];
    make_pipe(go);
    pid_t pid = tap_fork();
    if (pid == 0) {
        token_wait(go[0]);
        REQ(holds(p, PAGES, 1));
        _exit(0);
    }
    fill(p, PAGES, 99);
    token_send(go[1]);
    CHECK(tap_wait(pid) == 0 && holds(p, PAGES, 99), "what the parent writes later the child does not see");
    CHECK_CHILD("grandchildren copy in turn", {
        fill(p, PAGES, 10);
        REQ(CHILD({
                REQ(holds(p, PAGES, 10));
                fill(p, PAGES, 20);
                REQ(CHILD(REQ(holds(p, PAGES, 20))) == 0);
            }) == 0);
        REQ(holds(p, PAGES, 10));
    });
    CHECK_CHILD("munmap in a child", munmap(p, PAGES * PAGE));
    CHECK(holds(p, PAGES, 99), "is its own");
    munmap(p, PAGES * PAGE);
    close(go[0]);
    close(go[1]);
}

/* Parent and child write the same pages at the same time; each must end with its own. */
static void copies_at_once(void)
{
    char *p = mmap(NULL, PAGES * PAGE, RW, ANON, -1, 0);
    int good = 1;
    for (int round = 0; round < 10; round++) {
        fill(p, PAGES, round);
        pid_t pid = tap_fork();
        pin(pid ? 0 : 1);
        for (int i = 0; i < PAGES; i++) {
            good &= p[i * PAGE] == (char)(round + i);
            p[i * PAGE] = p[i * PAGE + 4095] = (pid ? 100 : 150) + i;
        }
        good &= holds(p, PAGES, pid ? 100 : 150);
        if (!pid)
            _exit(!good);
        good &= tap_wait(pid) == 0;
    }
    CHECK(good, "both write the same pages at once, ten times");
    munmap(p, PAGES * PAGE);
}

/* A system call that writes to a shared page must copy it as a store does. */
static void by_kernel(void)
{
    char *p = mmap(NULL, 2 * PAGE, RW, ANON, -1, 0);
    int q[2];
    make_pipe(q);
    memset(p, 'p', 2 * PAGE);
    CHECK_CHILD("read(2) into a page that is shared copies it", {
        REQ(write(q[1], "abcdefgh", 8) == 8);
        REQ(read(q[0], p + PAGE - 4, 8) == 8 && !memcmp(p + PAGE - 4, "abcdefgh", 8));
    });
    CHECK(p[PAGE - 4] == 'p' && p[PAGE] == 'p', "and leaves the parent's");
    char *zero = mmap(NULL, PAGE, RW, ANON, -1, 0);
    CHECK(zero[0] == 0 && write(q[1], "z", 1) == 1 && read(q[0], zero, 1) == 1 && zero[0] == 'z',
          "read(2) into a page of zeros");
    char *zero2 = mmap(NULL, PAGE, RW, ANON, -1, 0);
    CHECK(zero2[0] == 0, "leaves other pages of zeros alone");
    munmap(p, 2 * PAGE);
    munmap(zero, PAGE);
    munmap(zero2, PAGE);
    close(q[0]);
    close(q[1]);
}

static void shared(void)
{
    char *p = mmap(NULL, PAGES * PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK_CHILD("a child writes shared memory never touched before", fill(p, PAGES, 3));
    CHECK(holds(p, PAGES, 3), "and its parent reads it");
    long *n = (long *)p;
    *n = 0;
    pid_t pid = tap_fork();
    pin(pid ? 0 : 1);
    for (int i = 0; i < 20000; i++)
        __atomic_fetch_add(n, 1, __ATOMIC_SEQ_CST);
    if (!pid)
        _exit(0);
    CHECK(tap_wait(pid) == 0 && *n == 40000, "atomic additions of both processes add up");
    CHECK_CHILD("MADV_DONTNEED on shared memory loses nothing", {
        REQ(madvise(p, PAGES * PAGE, MADV_DONTNEED) == 0);
        REQ(p[PAGE] == 4);
    });
    CHECK_CHILD("mprotect in a child is its own", REQ(mprotect(p, PAGE, PROT_READ) == 0));
    p[0] = 1;
    munmap(p, PAGES * PAGE);
    int fd = open("shared", O_RDWR | O_CREAT, 0600);
    REQ(ftruncate(fd, PAGES * PAGE) == 0);
    char *a = mmap(NULL, PAGES * PAGE, RW, MAP_SHARED, fd, 0);
    CHECK_CHILD("a child maps the file for itself", {
        char *b = mmap(NULL, PAGES * PAGE, RW, MAP_SHARED, fd, 0);
        fill(b, PAGES, 8);
    });
    CHECK(holds(a, PAGES, 8), "and its stores are seen");
    munmap(a, PAGES * PAGE);
    close(fd);
    fd = syscall(SYS_memfd_create, "m", 0);
    if (fd < 0 && errno == ENOSYS) {
        SKIP("memfd_create: shared by descriptor", "no memfd_create");
    } else {
        REQ(ftruncate(fd, PAGE) == 0);
        a = mmap(NULL, PAGE, RW, MAP_SHARED, fd, 0);
        a[0] = 'm';
        char c;
        CHECK(pread(fd, &c, 1, 0) == 1 && c == 'm', "memfd_create: shared by descriptor");
        munmap(a, PAGE);
        close(fd);
    }
}

/* Both fault in the same untouched shared pages at once: there is one page, not two. */
static void shared_at_once(void)
{
    int good = 1;
    for (int round = 0; round < 5; round++) {
        char *p = mmap(NULL, PAGES * PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        pid_t pid = tap_fork();
        pin(pid ? 0 : 1);
        for (int i = 0; i < PAGES; i++)
            p[i * PAGE + (pid ? 0 : 100)] = i + 1;
        if (!pid)
            _exit(0);
        good &= tap_wait(pid) == 0;
        for (int i = 0; i < PAGES; i++)
            good &= p[i * PAGE] == (char)(i + 1) && p[i * PAGE + 100] == (char)(i + 1);
        munmap(p, PAGES * PAGE);
    }
    CHECK(good, "first touches by both at once meet on the same pages");
}

static void large(void)
{
    size_t len = 8 << 20;
    char *p = mmap(NULL, len, RW, ANON, -1, 0);
    for (size_t i = 0; i < len; i += PAGE)
        p[i] = i >> 12;
    CHECK_CHILD("8 MiB copied here and there in a child", {
        for (size_t i = 0; i < len; i += 64 * PAGE)
            p[i] = 77;
        for (size_t i = 0; i < len; i += PAGE)
            REQ(p[i] == (i % (64 * PAGE) ? (char)(i >> 12) : 77));
    });
    int good = 1;
    for (size_t i = 0; i < len; i += PAGE)
        good &= p[i] == (char)(i >> 12);
    CHECK(good, "and whole in the parent");
    munmap(p, len);
}

/* /dev/zero and files mapped private go through fork like anonymous memory. */
static void private_files(void)
{
    put_text("private", "original");
    int fd = open("private", O_RDWR);
    char *p = mmap(NULL, PAGE, RW, MAP_PRIVATE, fd, 0);
    p[0] = 'O';
    CHECK_CHILD("a child inherits a private file's copied page", {
        REQ(!memcmp(p, "Original", 8));
        p[1] = 'R';
    });
    CHECK(!memcmp(p, "Original", 8) && file_is("private", "original"), "its changes reach neither parent nor file");
    munmap(p, PAGE);
    close(fd);
    fd = open("/dev/zero", O_RDWR);
    p = mmap(NULL, PAGE, RW, MAP_PRIVATE, fd, 0);
    CHECK(p[0] == 0 && (p[0] = 1), "/dev/zero mapped private");
    char *s = mmap(NULL, PAGE, RW, MAP_SHARED, fd, 0);
    CHECK_CHILD("/dev/zero mapped shared", s[5] = 5);
    CHECK(s[5] == 5, "is shared with children");
    close(fd);
}

int main(void)
{
    copies();
    copies_at_once();
    by_kernel();
    shared();
    shared_at_once();
    large();
    private_files();
    return tap_end();
}
