// SPDX-License-Identifier: MIT
/*
 * What the kernel takes for one of many: processes, threads, files, pipes, descriptors behind an epoll. Each line
 *     BENCH <name> <bytes of MemFree that one more of them cost>
 * is the difference between none and COUNT of them, their user pages included where the kernel cannot do without (a
 * thread's or a process's own stack page). DONE is the end.
 */
#define _GNU_SOURCE
#include "tests/bench/bench.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define COUNT 1000
#define WATCHED 10000
#define THREAD_STACK 4096

static int fds[2 * WATCHED + 16];

static long free_kib(void)
{
    static char buf[8192];
    int fd = open("/proc/meminfo", O_RDONLY);
    ssize_t n = read(fd, buf, sizeof(buf) - 1);
    char *at;

    need(n > 0, "meminfo");
    buf[n] = 0;
    close(fd);
    at = strstr(buf, "MemFree:");
    need(at != NULL, "MemFree");
    return strtol(at + 8, NULL, 10);
}

/* What is freed in the background, and what is kept back a processor, has had its time. */
static long settled_kib(void)
{
    usleep(300000);
    return free_kib();
}

static pid_t children[COUNT];

static void processes(void)
{
    for (int i = 0; i < COUNT; i++) {
        children[i] = fork();
        need(children[i] >= 0, "fork");
        if (children[i] == 0)
            for (;;)
                pause();
    }
}

static void no_processes(void)
{
    for (int i = 0; i < COUNT; i++) {
        kill(children[i], SIGKILL);
        waitpid(children[i], NULL, 0);
    }
}

static char *stacks;
static volatile int alive, threads_end;

/* Threads without a C library's: a stack of one page, which is this program's and taken before the first reading. */
static int thread(void *arg)
{
    __atomic_fetch_add(&alive, 1, __ATOMIC_SEQ_CST);
    while (!__atomic_load_n(&threads_end, __ATOMIC_SEQ_CST))
        syscall(SYS_futex, &threads_end, FUTEX_WAIT, 0, NULL, NULL, 0);
    (void)arg;
    __atomic_fetch_sub(&alive, 1, __ATOMIC_SEQ_CST);
    syscall(SYS_exit, 0);
    return 0;
}

static void threads(void)
{
    threads_end = 0;
    for (int i = 0; i < COUNT; i++)
        need(clone(thread, stacks + (i + 1) * THREAD_STACK,
                   CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM, NULL) > 0,
             "clone");
    while (alive < COUNT)
        usleep(1000);
}

static void no_threads(void)
{
    __atomic_store_n(&threads_end, 1, __ATOMIC_SEQ_CST);
    syscall(SYS_futex, &threads_end, FUTEX_WAKE, COUNT, NULL, NULL, 0);
    while (alive)
        usleep(1000);
}

static void close_all(void)
{
    for (int i = 0; i < 2 * WATCHED + 16; i++)
        if (fds[i] > 0) {
            close(fds[i]);
            fds[i] = 0;
        }
}

static void files(void)
{
    for (int i = 0; i < COUNT; i++)
        need((fds[i] = open("/tmp/file", O_RDONLY)) >= 0, "open");
}

static void pipes(void)
{
    for (int i = 0; i < COUNT; i++) {
        need(pipe(fds + 2 * i) == 0, "pipe");
        need(write(fds[2 * i + 1], "x", 1) == 1, "write");
    }
}

static void events(void)
{
    for (int i = 0; i < WATCHED; i++)
        need((fds[i] = eventfd(0, 0)) >= 0, "eventfd");
}

/* An epoll of 10,000 eventfds, without the eventfds. */
static int epoll;

static void watched(void)
{
    struct epoll_event e = {.events = EPOLLIN};

    need((epoll = epoll_create1(0)) >= 0, "epoll");
    for (int i = 0; i < WATCHED; i++)
        need(epoll_ctl(epoll, EPOLL_CTL_ADD, fds[i], &e) == 0, "epoll_ctl");
}

static void not_watched(void)
{
    close(epoll);
    close_all();
}

static void nobody(void) {}

static const struct {
    const char *name;
    void (*before)(void), (*make)(void), (*undo)(void);
    int count;
} rows[] = {
    {"process", nobody, processes, no_processes, COUNT}, {"thread", nobody, threads, no_threads, COUNT},
    {"open-file", nobody, files, close_all, COUNT},      {"pipe-with-a-byte", nobody, pipes, close_all, COUNT},
    {"epoll-of-10000", events, watched, not_watched, 1},
};

int main(void)
{
    struct rlimit many = {50000, 50000};

    mkdir("/proc", 0555);
    mkdir("/tmp", 01777);
    if (access("/proc/meminfo", F_OK) < 0)
        mount("proc", "/proc", "proc", 0, NULL);
    if (setrlimit(RLIMIT_NOFILE, &many) < 0) /* as an ordinary program: what one may have */
        need(getrlimit(RLIMIT_NOFILE, &many) == 0 && many.rlim_max > 2 * COUNT, "RLIMIT_NOFILE");
    close(open("/tmp/file", O_RDWR | O_CREAT, 0644));
    stacks =
        mmap(NULL, COUNT * THREAD_STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    need(stacks != MAP_FAILED, "mmap");
    memset(fds, 0, sizeof(fds));
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        rows[i].before();
        long before = settled_kib();
        rows[i].make();
        long sum = before - settled_kib();
        rows[i].undo();
        dprintf(1, "BENCH %s %.0f\n", rows[i].name, sum * 1024.0 / rows[i].count);
    }
    dprintf(1, "DONE\n");
    while (getpid() == 1)
        pause();
    return 0;
}
