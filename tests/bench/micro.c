// SPDX-License-Identifier: MIT
/* System calls, one at a time, each on its own. `micro exit` is what fork+exec+wait executes. */
#define _GNU_SOURCE
#include "tests/bench/bench.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#define BLOCK 65536
#define FILE_SIZE (16u << 20)

static char block[BLOCK];
static const char *self;

/* ---- the operations: each does `n` of them ------------------------------------------------------------------- */

static int null_fd, zero_fd, file_fd, ping[2], pong[2];

static void op_getpid(long n)
{
    while (n--)
        syscall(SYS_getpid);
}

static void op_read1(long n)
{
    char c;

    while (n--)
        need(read(zero_fd, &c, 1) == 1, "read");
}

static void op_write1(long n)
{
    while (n--)
        need(write(null_fd, "", 1) == 1, "write");
}

static void op_open_close(long n)
{
    while (n--)
        close(open("/tmp/file", O_RDONLY));
}

static void op_stat(long n)
{
    struct stat st;

    while (n--)
        need(stat("/tmp/file", &st) == 0, "stat");
}

static void op_create_unlink(long n)
{
    while (n--) {
        int fd = open("/tmp/new", O_WRONLY | O_CREAT | O_EXCL, 0600);

        need(fd >= 0, "create");
        close(fd);
        need(unlink("/tmp/new") == 0, "unlink");
    }
}

static void op_pipe_round_trip(long n)
{
    char c = 0;

    while (n--)
        need(write(ping[1], &c, 1) == 1 && read(pong[0], &c, 1) == 1, "round trip");
}

static void op_fork_wait(long n)
{
    while (n--) {
        pid_t pid = fork();

        if (pid == 0)
            _exit(0);
        need(pid > 0 && waitpid(pid, NULL, 0) == pid, "fork");
    }
}

static void op_fork_exec_wait(long n)
{
    while (n--) {
        int status = 1;
        pid_t pid = fork();

        if (pid == 0) {
            execl(self, self, "exit", (char *)NULL);
            _exit(1);
        }
        need(pid > 0 && waitpid(pid, &status, 0) == pid && status == 0, "exec");
    }
}

/* One operation is the first touch of a page, with its share of mapping and unmapping 512 of them; huge pages are off, they
 * would make it something else. `n` counts the 512s. */
#define FAULT_PAGES 512
static void op_page_fault(long n)
{
    while (n--) {
        char *p = mmap(NULL, FAULT_PAGES * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        need(p != MAP_FAILED, "mmap");
        madvise(p, FAULT_PAGES * 4096, MADV_NOHUGEPAGE);
        for (long i = 0; i < FAULT_PAGES; i++)
            ((volatile char *)p)[i * 4096] = 1;
        munmap(p, FAULT_PAGES * 4096);
    }
}

/* 16 pages mapped, each touched, unmapped: one operation. */
static void op_mmap_touch_munmap(long n)
{
    while (n--) {
        char *p = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        need(p != MAP_FAILED, "mmap");
        for (int i = 0; i < 16; i++)
            ((volatile char *)p)[i * 4096] = 1;
        munmap(p, 65536);
    }
}

static volatile sig_atomic_t signals;

static void on_signal(int signo)
{
    (void)signo;
    signals++;
}

static void op_signal(long n)
{
    while (n--)
        kill(getpid(), SIGUSR1);
}

static void op_clock_gettime(long n)
{
    struct timespec t;

    while (n--)
        clock_gettime(CLOCK_MONOTONIC, &t);
}

static void op_tmpfs_write(long n)
{
    static unsigned at;

    while (n--) {
        need(pwrite(file_fd, block, BLOCK, at) == BLOCK, "pwrite");
        at = (at + BLOCK) % FILE_SIZE;
    }
}

static void op_tmpfs_read(long n)
{
    static unsigned at;

    while (n--) {
        need(pread(file_fd, block, BLOCK, at) == BLOCK, "pread");
        at = (at + BLOCK) % FILE_SIZE;
    }
}

/* 64 KiB through a pipe to a child that throws them away. */
static int bulk[2];

static void op_pipe_bandwidth(long n)
{
    while (n--)
        for (size_t done = 0; done < BLOCK;) {
            ssize_t w = write(bulk[1], block + done, BLOCK - done);

            need(w > 0, "pipe");
            done += w;
        }
}

/* ---- set-up -------------------------------------------------------------------------------------------------- */

static void in_child(void (*body)(void))
{
    pid_t pid = fork();

    need(pid >= 0, "fork");
    if (pid == 0) {
        body();
        _exit(0);
    }
}

static void echo_loop(void)
{
    char c;

    close(ping[1]);
    close(pong[0]);
    while (read(ping[0], &c, 1) == 1 && write(pong[1], &c, 1) == 1)
        continue;
}

static void drain_loop(void)
{
    static char buf[BLOCK];

    close(bulk[1]);
    while (read(bulk[0], buf, sizeof(buf)) > 0)
        continue;
}

static void set_up_pipes(void)
{
    need(pipe(ping) == 0 && pipe(pong) == 0, "pipe");
    in_child(echo_loop);
}

static void set_up_bulk(void)
{
    need(pipe(bulk) == 0, "pipe");
    in_child(drain_loop);
}

static void set_up(void)
{
    mkdir("/dev", 0755);
    mkdir("/tmp", 01777);
    if (access("/dev/null", F_OK) < 0)
        mount("devtmpfs", "/dev", "devtmpfs", 0, NULL);
    null_fd = open("/dev/null", O_WRONLY);
    zero_fd = open("/dev/zero", O_RDONLY);
    file_fd = open("/tmp/file", O_RDWR | O_CREAT | O_TRUNC, 0644);
    need(null_fd >= 0 && zero_fd >= 0 && file_fd >= 0, "set-up");
    memset(block, 'x', sizeof(block));
    for (unsigned at = 0; at < FILE_SIZE; at += BLOCK)
        need(pwrite(file_fd, block, BLOCK, at) == BLOCK, "set-up");
    signal(SIGUSR1, on_signal);
}

static const struct bench benches[] = {
    {.name = "getpid", .run = op_getpid, .batch = 1},
    {.name = "read-1", .run = op_read1, .batch = 1},
    {.name = "write-1", .run = op_write1, .batch = 1},
    {.name = "open-close", .run = op_open_close, .batch = 1},
    {.name = "stat", .run = op_stat, .batch = 1},
    {.name = "create-unlink", .run = op_create_unlink, .batch = 1},
    {.name = "fork-wait", .run = op_fork_wait, .batch = 1},
    {.name = "fork-exec-wait", .run = op_fork_exec_wait, .batch = 1},
    {.name = "page-fault", .run = op_page_fault, .batch = FAULT_PAGES},
    {.name = "mmap-touch-munmap", .run = op_mmap_touch_munmap, .batch = 1},
    {.name = "signal", .run = op_signal, .batch = 1},
    {.name = "clock_gettime", .run = op_clock_gettime, .batch = 1},
    {.name = "tmpfs-write-64k", .run = op_tmpfs_write, .batch = 1},
    {.name = "tmpfs-read-64k", .run = op_tmpfs_read, .batch = 1},
    /* Last, since their children would be part of what the others fork past. */
    {.name = "pipe-round-trip", .run = op_pipe_round_trip, .batch = 1, .set_up = set_up_pipes},
    {.name = "pipe-bandwidth-64k", .run = op_pipe_bandwidth, .batch = 1, .set_up = set_up_bulk},
};

int main(int argc, char **argv)
{
    self = argv[0];
    if (argc == 2 && strcmp(argv[1], "exit") == 0)
        return 0;
    set_up();
    return bench_main(benches, sizeof(benches) / sizeof(benches[0]), argc, argv);
}
