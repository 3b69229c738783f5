// SPDX-License-Identifier: MIT
/*
 * Resource limits at work: descriptors, file size, stack, address space, data, processes, processor time, core.
 */
#include "tests/abi/util.h"

#include <sys/mman.h>
#include <sys/resource.h>

static void limit(int what, rlim_t soft, rlim_t hard)
{
    struct rlimit r = {soft, hard};
    REQ(setrlimit(what, &r) == 0);
}

static volatile sig_atomic_t got;

static void on_signal(int sig)
{
    got = sig;
}

static void descriptors(void)
{
    int p[2];
    CHECK_CHILD("RLIMIT_NOFILE: open", {
        limit(RLIMIT_NOFILE, 10, 10);
        int fd;
        int top = -1;
        while ((fd = open("/dev/null", O_RDONLY)) >= 0)
            top = fd;
        REQ(errno == EMFILE && top == 9);
    });
    CHECK_CHILD("dup", {
        limit(RLIMIT_NOFILE, 10, 10);
        while (dup(1) >= 0)
            ;
        REQ(errno == EMFILE);
    });
    CHECK_CHILD("dup2 to a number at the limit", {
        limit(RLIMIT_NOFILE, 10, 10);
        REQ(dup2(1, 9) == 9);
        REQ(dup2(1, 10) == -1 && errno == EBADF);
    });
    CHECK_CHILD("dup2 onto an open number above it", {
        REQ(dup2(1, 20) == 20);
        limit(RLIMIT_NOFILE, 10, 10);
        REQ(dup2(1, 20) == -1 && errno == EBADF);
        REQ(write(20, "", 0) == 0);
    });
    CHECK_CHILD("F_DUPFD at the limit", {
        limit(RLIMIT_NOFILE, 10, 10);
        REQ(fcntl(1, F_DUPFD, 10) == -1 && errno == EINVAL);
    });
    CHECK_CHILD("pipe with one number left takes none", {
        limit(RLIMIT_NOFILE, 10, 10);
        int fd = 0;
        while (fd < 8)
            fd = dup(1);
        REQ(pipe(p) == -1 && errno == EMFILE);
        REQ(dup(1) == 9);
    });
    CHECK_CHILD("a failed O_CREAT with no number left makes no file", {
        limit(RLIMIT_NOFILE, 10, 10);
        while (dup(1) >= 0)
            ;
        REQ(open("nofile", O_CREAT | O_RDWR, 0600) == -1 && errno == EMFILE);
        REQ(!exists("nofile"));
    });
    CHECK_CHILD("descriptors above a lowered limit stay open", {
        REQ(dup2(1, 50) == 50);
        limit(RLIMIT_NOFILE, 10, 10);
        REQ(write(50, "", 0) == 0);
    });
    CHECK_CHILD("a thousand descriptors", {
        limit(RLIMIT_NOFILE, 1024, 1024);
        int top = 0;
        for (int fd; (fd = dup(1)) >= 0;)
            top = fd;
        REQ(top == 1023 && errno == EMFILE);
        for (int i = 3; i < 1024; i++)
            close(i);
        REQ(dup(1) < 10);
    });
}

static void file_size_limit(void)
{
    static char buf[10000];
    CHECK_CHILD("RLIMIT_FSIZE: a write across it is short", {
        limit(RLIMIT_FSIZE, 5000, 5000);
        int fd = creat("fs1", 0600);
        REQ(write(fd, buf, sizeof buf) == 5000);
    });
    CHECK_CHILD("the next one raises SIGXFSZ and gives EFBIG", {
        signal(SIGXFSZ, on_signal);
        limit(RLIMIT_FSIZE, 5000, 5000);
        int fd = creat("fs2", 0600);
        REQ(write(fd, buf, 5000) == 5000);
        REQ(write(fd, buf, 1) == -1 && errno == EFBIG && got == SIGXFSZ);
    });
    CHECK(tap_killed(CHILD({
                         limit(RLIMIT_FSIZE, 100, 100);
                         int fd = creat("fs3", 0600);
                         while (write(fd, buf, 100) > 0)
                             ;
                     }),
                     SIGXFSZ),
          "SIGXFSZ kills by default");
    CHECK_CHILD("ftruncate and truncate beyond it", {
        signal(SIGXFSZ, SIG_IGN);
        limit(RLIMIT_FSIZE, 5000, 5000);
        int fd = creat("fs4", 0600);
        REQ(ftruncate(fd, 5000) == 0);
        REQ(ftruncate(fd, 5001) == -1 && errno == EFBIG);
        REQ(truncate("fs4", 6000) == -1 && errno == EFBIG);
    });
    CHECK_CHILD("fallocate beyond it", {
        signal(SIGXFSZ, SIG_IGN);
        limit(RLIMIT_FSIZE, 5000, 5000);
        int fd = creat("fs5", 0600);
        REQ(fallocate(fd, 0, 0, 6000) == -1 && errno == EFBIG);
    });
    CHECK_CHILD("pipes and devices have no size", {
        limit(RLIMIT_FSIZE, 1, 1);
        int p[2];
        make_pipe(p);
        REQ(write(p[1], buf, 1000) == 1000);
        int fd = open("/dev/null", O_WRONLY);
        REQ(write(fd, buf, 1000) == 1000);
    });
    CHECK_CHILD("an overwrite within a larger file", {
        int fd = open("fs6", O_RDWR | O_CREAT, 0600);
        REQ(write(fd, buf, sizeof buf) == sizeof buf);
        limit(RLIMIT_FSIZE, 5000, 5000);
        REQ(pwrite(fd, buf, 100, 0) == 100);
    });
}

/* Each frame is seen by the next, or a compiler makes a loop of it. */
__attribute__((noinline)) static int deep(int n, const volatile char *above)
{
    volatile char frame[4000];
    frame[0] = *above;
    return n == 0 ? frame[0] : deep(n - 1, frame);
}

static void stack(void)
{
    CHECK(tap_killed(CHILD({
                         limit(RLIMIT_STACK, 512 << 10, 512 << 10);
                         deep(500, "");
                     }),
                     SIGSEGV),
          "RLIMIT_STACK: SIGSEGV beyond it");
    CHECK_CHILD("within it the stack grows", {
        limit(RLIMIT_STACK, 4 << 20, 4 << 20);
        REQ(deep(800, "") == 0);
    });
    CHECK_CHILD("a raised soft limit counts at once", {
        limit(RLIMIT_STACK, 512 << 10, 8 << 20);
        limit(RLIMIT_STACK, 8 << 20, 8 << 20);
        REQ(deep(1200, "") == 0);
    });
}

static void address_space(void)
{
    CHECK_CHILD("RLIMIT_AS: mmap", {
        limit(RLIMIT_AS, 64 << 20, 64 << 20);
        REQ(mmap(NULL, 128 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED && errno == ENOMEM);
    });
    CHECK_CHILD("within it mmap works, and munmap gives back", {
        limit(RLIMIT_AS, 64 << 20, 64 << 20);
        for (int i = 0; i < 10; i++) {
            void *p = mmap(NULL, 40 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
            REQ(p != MAP_FAILED && munmap(p, 40 << 20) == 0);
        }
    });
    CHECK_CHILD("mremap", {
        limit(RLIMIT_AS, 64 << 20, 64 << 20);
        void *p = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        REQ(p != MAP_FAILED);
        REQ(mremap(p, PAGE, 128 << 20, MREMAP_MAYMOVE) == MAP_FAILED && errno == ENOMEM);
    });
    CHECK_CHILD("brk", {
        limit(RLIMIT_AS, 64 << 20, 64 << 20);
        REQ(sbrk(128 << 20) == (void *)-1 && errno == ENOMEM);
    });
    CHECK_CHILD("malloc", {
        limit(RLIMIT_AS, 64 << 20, 64 << 20);
        void *volatile p = malloc(opaque(128 << 20)); /* volatile: or the compiler decides that it worked */
        REQ(p == NULL && errno == ENOMEM);
    });
    CHECK_CHILD("RLIMIT_DATA: private writable mappings count", {
        limit(RLIMIT_DATA, 16 << 20, 16 << 20);
        REQ(mmap(NULL, 32 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED &&
            errno == ENOMEM);
        REQ(mmap(NULL, 32 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED);
    });
}

static void processes(void)
{
    CHECK_CHILD("RLIMIT_NPROC: fork by a user", {
        REQ(setresgid(4747, 4747, 4747) == 0 && setresuid(4747, 4747, 4747) == 0);
        limit(RLIMIT_NPROC, 3, 3);
        pid_t p[5];
        int n = 0;
        for (; n < 5 && (p[n] = fork()) > 0; n++)
            ;
        if (n < 5 && p[n] == 0) {
            pause();
            _exit(0);
        }
        int e = errno;
        for (int i = 0; i < n; i++) {
            kill(p[i], SIGKILL);
            tap_wait(p[i]);
        }
        REQ(n == 2 && e == EAGAIN);
    });
    CHECK_CHILD("root is not bound by it", {
        limit(RLIMIT_NPROC, 1, 1);
        REQ(CHILD(_exit(0)) == 0);
    });
}

static void processor_time(void)
{
    pid_t parent = tap_fork();
    if (parent == 0) {
        limit(RLIMIT_CPU, 1, 3);
        REQ(tap_killed(CHILD(for (;;);), SIGXCPU));
        _exit(0);
    }
    CHECK(tap_killed(CHILD({
                         limit(RLIMIT_CPU, 1, 3);
                         for (;;)
                             ;
                     }),
                     SIGXCPU),
          "RLIMIT_CPU: SIGXCPU after a second of work");
    CHECK(tap_wait(parent) == 0, "RLIMIT_CPU: of a child, whose parent has the limit");
}

int main(void)
{
    umask(022);
    REQ(chmod(".", 0777) == 0);
    descriptors();
    file_size_limit();
    stack();
    address_space();
    processes();
    processor_time();
    return tap_end();
}
