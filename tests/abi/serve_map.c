// SPDX-License-Identifier: MIT
/*
 * The root served in place: mappings of archived files. One page-cache page serves read, write and every mapping;
 * what lies behind a file's end in the archive never shows.
 */
#include "tests/abi/serve.h"

#include <setjmp.h>

static sigjmp_buf jump;
static volatile void *fault_at;

static void on_fault(int sig, siginfo_t *si, void *uc)
{
    (void)uc;
    fault_at = si->si_addr;
    siglongjmp(jump, sig);
}

/* The signal that reading this byte raises, or 0. */
static int touch(const volatile char *p)
{
    int sig = sigsetjmp(jump, 1);
    if (sig == 0)
        (void)*p;
    return sig;
}

static char *map(const char *name, size_t len, int prot, int flags)
{
    int fd = open(name, prot & PROT_WRITE && flags & MAP_SHARED ? O_RDWR : O_RDONLY);
    char *p = mmap(NULL, len, prot, flags, fd, 0);
    REQ(fd >= 0 && p != MAP_FAILED && close(fd) == 0);
    return p;
}

static void tails(void)
{
    char *p = map("tail", 4 * PAGE, PROT_READ, MAP_SHARED), *q = map("small", PAGE, PROT_READ, MAP_PRIVATE);
    CHECK(is_text(p, 0, 10000, "tail.."), "a mapped file with a tail page");
    CHECK(is_zero(p + 10000, 3 * PAGE - 10000), "the rest of the tail page is zeros");
    CHECK(touch(p + 3 * PAGE) == SIGBUS && fault_at == p + 3 * PAGE, "the page behind is SIGBUS");
    CHECK(is_text(q, 0, 100, "small.") && is_zero(q + 100, PAGE - 100), "a small file's page ends in zeros");
    munmap(p, 4 * PAGE);
    munmap(q, PAGE);
    p = map("over", 2 * PAGE, PROT_READ, MAP_PRIVATE);
    CHECK(p[PAGE] == text_byte(PAGE, "over..") && is_zero(p + PAGE + 1, PAGE - 1), "one byte on the second page");
    munmap(p, 2 * PAGE);
    p = map("beyond", PAGE, PROT_READ | PROT_WRITE, MAP_SHARED);
    memset(p + 100, 'Z', 50);
    char buf[200];
    int fd = open("beyond", O_RDONLY);
    CHECK(read(fd, buf, 200) == 100 && file_size("beyond") == 100, "a store behind the end does not lengthen the file");
    close(fd);
    munmap(p, PAGE);
}

static void shared(void)
{
    char *p = map("shared", 16384, PROT_READ | PROT_WRITE, MAP_SHARED),
         *q = map("shared", 16384, PROT_READ, MAP_SHARED);
    int fd = open("shared", O_RDWR);
    char c;
    p[5000] = '!';
    CHECK(pread(fd, &c, 1, 5000) == 1 && c == '!', "a store in a shared mapping is seen by read");
    CHECK(q[5000] == '!', "and by another mapping");
    CHECK(pwrite(fd, "?", 1, 5001) == 1 && p[5001] == '?' && q[5001] == '?', "a write is seen by both mappings");
    CHECK(is_text(p + 4096, 4096, 904, "page4.") && is_text(p + 5002, 5002, 3190, "page4."), "the bytes around stay");
    CHECK(pwrite(fd, "#", 1, 12288) == 1 && p[12288] == '#', "a write to a page not touched before is seen too");
    CHECK_CHILD("a child's store", p[9000] = '*');
    CHECK(p[9000] == '*' && pread(fd, &c, 1, 9000) == 1 && c == '*', "is seen by its parent");
    CHECK(msync(p, 16384, MS_SYNC) == 0, "msync");
    munmap(p, 16384);
    munmap(q, 16384);
    CHECK(pread(fd, &c, 1, 5000) == 1 && c == '!' && file_text(fd, 0, 5000, "page4."), "all is there after munmap");
    close(fd);
    fd = open("private", O_RDONLY);
    CHECK_ERRNO((long)mmap(NULL, PAGE, PROT_WRITE, MAP_SHARED, fd, 0), EACCES,
                "a shared writable mapping of a file open for reading");
    p = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);
    CHECK_ERRNO(mprotect(p, PAGE, PROT_READ | PROT_WRITE), EACCES, "nor by mprotect");
    munmap(p, PAGE);
    close(fd);
}

static void private(void)
{
    char *p = map("private", 16384, PROT_READ | PROT_WRITE, MAP_PRIVATE), c;
    int fd = open("private", O_RDWR);
    p[100] = '!';
    CHECK(p[100] == '!' && pread(fd, &c, 1, 100) == 1 && c == text_byte(100, "page4."),
          "a private store stays private");
    CHECK(pwrite(fd, "?", 1, 101) == 1 && p[101] == text_byte(101, "page4."),
          "a page copied no longer follows the file");
    CHECK(pwrite(fd, "?", 1, 8192) == 1 && p[8192] == '?', "a page not touched does");
    CHECK_CHILD("a child copies its own", {
        p[100] = '2';
        p[4096] = '3';
        REQ(pread(fd, &c, 1, 4096) == 1 && c != '3');
    });
    CHECK(p[100] == '!' && p[4096] == text_byte(4096, "page4."), "and leaves its parent's");
    CHECK(madvise(p, PAGE, MADV_DONTNEED) == 0 && p[100] == text_byte(100, "page4.") && p[101] == '?',
          "MADV_DONTNEED brings the file's page back");
    munmap(p, 16384);
    close(fd);
    p = map("cow", 16384, PROT_READ | PROT_WRITE, MAP_PRIVATE);
    memset(p, 'X', 16384);
    munmap(p, 16384);
    CHECK(file_whole("cow", 16384, "page4."), "a file is whole after a private mapping was overwritten");
    p = map("cow", 16384, PROT_READ, MAP_PRIVATE);
    REQ(mprotect(p, PAGE, PROT_READ | PROT_WRITE) == 0);
    p[0] = 'Y';
    munmap(p, 16384);
    CHECK(file_whole("cow", 16384, "page4."), "also when mprotect allowed it later");
}

static void outliving(void)
{
    char *p = map("unlink", 16384, PROT_READ, MAP_SHARED);
    CHECK(p[0] == text_byte(0, "page4.") && unlink("unlink") == 0, "unlink while mapped");
    churn_memory();
    CHECK(is_text(p, 0, 16384, "page4."), "the mapping keeps the content");
    munmap(p, 16384);
    p = map("rename", 16384, PROT_READ, MAP_PRIVATE);
    put_text("newer", "new");
    CHECK(rename("newer", "rename") == 0 && file_is("rename", "new"), "rename over a mapped file");
    churn_memory();
    CHECK(is_text(p, 0, 16384, "page4."), "the mapping keeps the old content");
    munmap(p, 16384);
    p = map("pressure", 1 << 20, PROT_READ, MAP_SHARED);
    int fd = open("pressure", O_RDONLY);
    CHECK(p[4096] == '0' && unlink("pressure") == 0, "unlink of 1 MiB, one page touched");
    churn_memory();
    CHECK(is_text(p, 0, 1 << 20, "big..."), "the pages not touched before are right");
    munmap(p, 1 << 20);
    churn_memory();
    CHECK(file_text(fd, 0, 1 << 20, "big..."), "an open descriptor keeps them after munmap");
    close(fd);
    churn_memory();
    CHECK(!exists("pressure"), "the last close gives them up");
}

static void truncated_under(void)
{
    int go[2], back[2];
    make_pipe(go);
    make_pipe(back);
    pid_t pid = tap_fork();
    if (pid == 0) {
        char *p = map("victim", 16384, PROT_READ | PROT_WRITE, MAP_SHARED);
        REQ(is_text(p, 0, 16384, "page4."));
        token_send(back[1]);
        token_wait(go[0]);
        REQ(touch(p + 8192) == SIGBUS && fault_at == p + 8192);
        REQ(touch(p + 3 * PAGE) == SIGBUS);
        REQ(touch(p + 4999) == 0 && p[4999] == text_byte(4999, "page4."));
        REQ(is_zero(p + 5000, 8192 - 5000));
        token_send(back[1]);
        token_wait(go[0]);
        REQ(touch(p + 8192) == 0 && is_zero(p + 5000, 16384 - 5000));
        p[16383] = 'e';
        _exit(0);
    }
    token_wait(back[0]);
    REQ(truncate("victim", 5000) == 0);
    token_send(go[1]);
    token_wait(back[0]);
    REQ(truncate("victim", 16384) == 0);
    token_send(go[1]);
    CHECK(tap_wait(pid) == 0, "truncate under another process's mapping: SIGBUS, then zeros when it grows");
    int fd = open("victim", O_RDONLY);
    char c;
    CHECK(file_text(fd, 0, 5000, "page4.") && file_zero(fd, 5000, 11383) && pread(fd, &c, 1, 16383) == 1 && c == 'e',
          "the file has what was left and what was stored");
    close(fd);
    close(go[0]);
    close(go[1]);
    close(back[0]);
    close(back[1]);
}

static void shrink_mapped(void)
{
    char *p = map("shrink", 3 * PAGE, PROT_READ, MAP_SHARED);
    CHECK(is_text(p, 0, 10000, "tail..") && truncate("shrink", 4096) == 0 && touch(p + 4096) == SIGBUS,
          "shrink to a page");
    CHECK(truncate("shrink", 10000) == 0 && touch(p + 4096) == 0 && is_zero(p + 4096, 3 * PAGE - 4096),
          "grown again, the mapping reads zeros, not the archive");
    CHECK(is_text(p, 0, 4096, "tail.."), "the first page stays");
    munmap(p, 3 * PAGE);
}

/* A private page that was copied survives truncation's unmapping only as Linux has it: it goes, SIGBUS. */
static void private_truncated(void)
{
    char *p = map("fork", 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE);
    p[4096] = 'x';
    REQ(truncate("fork", 0) == 0);
    CHECK(touch(p) == SIGBUS && touch(p + 4096) == SIGBUS, "truncation takes private copies too");
    munmap(p, 8192);
}

int main(void)
{
    struct sigaction sa = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};
    sigaction(SIGBUS, &sa, NULL);
    sigaction(SIGSEGV, &sa, NULL);
    serve_enter("map");
    tails();
    shared();
    private();
    outliving();
    truncated_under();
    shrink_mapped();
    private_truncated();
    return tap_end();
}
