// SPDX-License-Identifier: MIT
/*
 * Files, mappings and /proc under two threads or processes at once, for about half a second each: whatever order things
 * happen in, what is read was once written, and errors are those that the order can bring about.
 */
#include "tests/abi/util.h"

#include <dirent.h>
#include <pthread.h>
#include <setjmp.h>
#include <sys/epoll.h>
#include <sys/mman.h>

static volatile int stop;
static int64_t deadline;

static void begin(pthread_t *t, void *(*fn)(void *))
{
    stop = 0;
    deadline = now_ns() + 400000000;
    REQ(pthread_create(t, NULL, fn, NULL) == 0);
    pin(0);
}

/* A few rounds always: the host may have given this machine no time for as long as the deadline is away. */
static int goes_on(int i)
{
    return i < 3 || (i < 400 && now_ns() < deadline);
}

static void finish(pthread_t t)
{
    stop = 1;
    pthread_join(t, NULL);
}

/* ---- names ---- */

static void *mover(void *arg)
{
    pin(1);
    while (!stop) {
        REQ(rename("tree/a", "tree/b") == 0);
        REQ(rename("tree/b", "tree/a") == 0);
    }
    return arg;
}

static void walking(void)
{
    pthread_t t;
    int good = 1, found = 0;
    REQ(mkdir("tree", 0755) == 0 && mkdir("tree/a", 0755) == 0 && mkdir("tree/a/deep", 0755) == 0);
    put_text("tree/a/deep/file", "content");
    begin(&t, mover);
    for (int i = 0; goes_on(i) || (!found && i < 100000); i++) {
        struct stat st;
        int a = file_is("tree/a/deep/file", "content"), b = file_is("tree/b/deep/file", "content");
        found += a + b;
        good &= stat("tree/a/deep/../../../tree", &st) == 0 || errno == ENOENT;
    }
    finish(t);
    CHECK(good && found > 0 && file_is("tree/a/deep/file", "content"),
          "paths through a directory that is renamed all the time");
    begin(&t, mover);
    int st = CHILD({
        char cwd[4096];
        while (chdir("tree/a/deep") < 0)
            REQ(errno == ENOENT);
        for (int i = 0; i < 200; i++) {
            REQ(getcwd(cwd, sizeof cwd));
            char *end = cwd + strlen(cwd) - 7;
            REQ(!strcmp(end, "/a/deep") || !strcmp(end, "/b/deep"));
        }
    });
    finish(t);
    CHECK(st == 0, "getcwd in it");
}

static void *maker(void *arg)
{
    char name[32];
    pin(1);
    for (int i = 0; !stop; i++) {
        snprintf(name, sizeof name, "churn/f%d", i % 20);
        put_text(name, "12345678");
        if (i % 3 == 0)
            unlink(name);
        if (i % 7 == 0)
            rename(name, "churn/moved");
    }
    return arg;
}

static void listing(void)
{
    pthread_t t;
    int good = 1;
    REQ(mkdir("churn", 0755) == 0);
    put_text("churn/always", "here");
    begin(&t, maker);
    for (int i = 0; goes_on(i); i++) {
        int always = 0;
        DIR *d = opendir("churn");
        for (struct dirent *e; (e = readdir(d));) {
            struct stat st;
            always += !strcmp(e->d_name, "always");
            if (e->d_name[0] == 'f' && fstatat(dirfd(d), e->d_name, &st, 0) == 0)
                good &= st.st_size == 8 || st.st_size == 0;
        }
        closedir(d);
        good &= always == 1 && file_is("churn/always", "here");
    }
    finish(t);
    CHECK(good, "a directory listed while names come and go");
}

/* ---- mappings ---- */

static __thread sigjmp_buf jump;
static int file = -1;

static void on_bus(int sig)
{
    siglongjmp(jump, sig);
}

static void *cutter(void *arg)
{
    char full[4 * 4096];
    memset(full, 'F', sizeof full);
    pin(1);
    while (!stop) {
        REQ(ftruncate(file, 0) == 0);
        REQ(pwrite(file, full, sizeof full, 0) == sizeof full);
    }
    return arg;
}

static void cut_under_mapping(void)
{
    pthread_t t;
    volatile int good = 1;
    static volatile int faults;
    file = open("cut", O_RDWR | O_CREAT, 0600);
    REQ(ftruncate(file, 4 * PAGE) == 0);
    volatile char *p = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    signal(SIGBUS, on_bus);
    begin(&t, cutter);
    for (volatile int i = 0; goes_on(i); i++) {
        if (sigsetjmp(jump, 1) == 0) {
            for (int j = 0; j < 4; j++) {
                char c = p[j * PAGE + 100];
                good &= c == 0 || c == 'F' || c == 'P';
                p[j * PAGE + 100] = 'P';
            }
        } else {
            faults++;
        }
    }
    finish(t);
    CHECK(good, "a mapping of a file that is cut and filled all the time");
    REQ(ftruncate(file, 0) == 0 && ftruncate(file, 4 * PAGE) == 0);
    int zero = 1;
    for (int i = 0; i < 4 * PAGE; i++)
        zero &= p[i] == 0;
    CHECK(zero, "cut once more it is zeros");
    munmap((void *)p, 4 * PAGE);
    close(file);
}

static volatile uint64_t *numbers;

static void *counter(void *arg)
{
    pin(1);
    for (uint64_t n = 1; !stop; n++)
        __atomic_store_n(numbers, n, __ATOMIC_RELEASE);
    return arg;
}

/* Private copies of a page that another writes: each keeps what it has copied. */
static void private_copies(void)
{
    pthread_t t;
    int good = 1;
    file = open("count", O_RDWR | O_CREAT, 0600);
    REQ(ftruncate(file, PAGE) == 0);
    numbers = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    begin(&t, counter);
    for (int i = 0; goes_on(i) && i < 200; i++) {
        uint64_t *p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 0);
        p[1] = i; /* copies the page */
        uint64_t then = p[0];
        sched_yield();
        good &= p[0] == then && p[1] == (uint64_t)i;
        munmap(p, PAGE);
    }
    finish(t);
    CHECK(good, "private copies of a page that is being written stay as they are");
    close(file);
}

/* ---- /proc ---- */

/* What a process that is just going gives, or one that has more rights than this one. */
static int expected(int code)
{
    return code == ENOENT || code == ESRCH || code == EACCES || code == EPERM;
}

/* A child whose end closes an epoll and what it watches. */
static void *breeder(void *arg)
{
    pin(1);
    while (!stop) {
        pid_t pid = fork();
        if (pid == 0) {
            struct epoll_event e = {.events = EPOLLIN};
            int p[2], ep = epoll_create1(0);
            REQ(pipe(p) == 0 && epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &e) == 0);
            _exit(0);
        }
        waitpid(pid, NULL, 0);
    }
    return arg;
}

static int read_whole(const char *path)
{
    static char buf[4096];
    int fd = open(path, O_RDONLY);
    int good = fd >= 0 || expected(errno);
    good &= fd < 0 || read(fd, buf, sizeof buf) >= 0 || expected(errno);
    close(fd);
    return good;
}

/* Whoever looks at a descriptor may be the last who has the file. */
static int look_at_fds(int pid)
{
    char path[64], buf[256];
    struct stat st;
    int good = 1;
    snprintf(path, sizeof path, "/proc/%d/fd", pid);
    DIR *d = opendir(path);
    if (!d)
        return expected(errno);
    for (struct dirent *e; (e = readdir(d));) {
        if (e->d_name[0] == '.')
            continue;
        good &= fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 || expected(errno);
        good &= readlinkat(dirfd(d), e->d_name, buf, sizeof buf) > 0 || expected(errno);
        snprintf(path, sizeof path, "/proc/%d/fdinfo/%d", pid, atoi(e->d_name));
        good &= read_whole(path);
    }
    closedir(d);
    return good;
}

static void dying(void)
{
    static const char *const files[] = {"stat", "status", "maps", "cmdline", "comm", "environ", "statm", "limits"};
    static char buf[4096];
    pthread_t t;
    int good = 1;
    begin(&t, breeder);
    for (int i = 0; goes_on(i); i++) {
        DIR *d = opendir("/proc");
        for (struct dirent *e; (e = readdir(d));) {
            char path[300];
            if (atoi(e->d_name) < getpid())
                continue;
            for (size_t j = 0; j < COUNT(files); j++) {
                snprintf(path, sizeof path, "/proc/%s/%s", e->d_name, files[j]);
                good &= read_whole(path);
            }
            good &= look_at_fds(atoi(e->d_name));
            snprintf(path, sizeof path, "/proc/%s/exe", e->d_name);
            good &= readlink(path, buf, sizeof buf) > 0 || expected(errno);
        }
        closedir(d);
    }
    finish(t);
    CHECK(good, "/proc read while processes come and go");
}

int main(void)
{
    walking();
    listing();
    cut_under_mapping();
    private_copies();
    dying();
    return tap_end();
}
