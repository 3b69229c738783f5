// SPDX-License-Identifier: MIT
/*
 * Micro benchmarks, as PID 1 of Slipway and of Linux from the same archive. Each prints a line
 *     BENCH <name> <cycles of the time stamp counter for one operation>
 * and the end is DONE. The counter is the host's on both sides, so no guest's clock takes part in the ratio. A benchmark is
 * run in several slices of a few milliseconds; the fastest third's mean is taken, which a disturbed slice does not move.
 *
 * As an ordinary program: micro [NAME...]; `micro exit` is what fork+exec+wait executes.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

#define SLICES 15
#define SLICE_CYCLES 8000000ull /* about 4 ms */
#define BLOCK 65536
#define FILE_SIZE (16u << 20)

static char block[BLOCK];
static const char *self;

static void need(int ok, const char *what)
{
    if (!ok) {
        dprintf(1, "BENCH-ERROR %s: %s\n", what, strerror(errno));
        _exit(1);
    }
}

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
    need(pipe(ping) == 0 && pipe(pong) == 0 && pipe(bulk) == 0, "pipe");
    in_child(echo_loop);
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

static const struct bench {
    const char *name;
    void (*run)(long n);
    int batch; /* operations that one of `n` counts for */
} benches[] = {
    {"getpid", op_getpid, 1},
    {"read-1", op_read1, 1},
    {"write-1", op_write1, 1},
    {"open-close", op_open_close, 1},
    {"stat", op_stat, 1},
    {"create-unlink", op_create_unlink, 1},
    {"fork-wait", op_fork_wait, 1},
    {"fork-exec-wait", op_fork_exec_wait, 1},
    {"page-fault", op_page_fault, FAULT_PAGES},
    {"mmap-touch-munmap", op_mmap_touch_munmap, 1},
    {"signal", op_signal, 1},
    {"clock_gettime", op_clock_gettime, 1},
    {"tmpfs-write-64k", op_tmpfs_write, 1},
    {"tmpfs-read-64k", op_tmpfs_read, 1},
    {"pipe-round-trip", op_pipe_round_trip, 1},
    {"pipe-bandwidth-64k", op_pipe_bandwidth, 1},
};

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static void measure(const struct bench *b)
{
    double per_op[SLICES], sum = 0;
    unsigned long long start, cycles;
    long n = 1;

    /* The first runs pay for what is made once: they would fool the search for how many fit a slice. */
    for (int i = 0; i < 3; i++)
        b->run(1);
    for (;;) {
        start = __rdtsc();
        b->run(n);
        cycles = __rdtsc() - start;
        if (cycles >= SLICE_CYCLES / 2)
            break;
        n *= 2;
    }
    n = (long)((double)n * SLICE_CYCLES / cycles);
    if (n < 1)
        n = 1;
    for (int i = 0; i < SLICES; i++) {
        start = __rdtsc();
        b->run(n);
        per_op[i] = (double)(__rdtsc() - start) / n;
    }
    qsort(per_op, SLICES, sizeof(per_op[0]), by_value);
    const int best = SLICES / 3;
    for (int i = 0; i < best; i++)
        sum += per_op[i];
    dprintf(1, "BENCH %s %.1f\n", b->name, sum / best / b->batch);
}

static int wanted(const char *name, int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], name) == 0)
            return 1;
    return argc == 1 || getpid() == 1;
}

int main(int argc, char **argv)
{
    self = argv[0];
    if (argc == 2 && strcmp(argv[1], "exit") == 0)
        return 0;
    set_up();
    for (size_t i = 0; i < sizeof(benches) / sizeof(benches[0]); i++) {
        /* The children of the pipe rows would be part of what the others fork past. */
        if (benches[i].run == op_pipe_round_trip)
            set_up_pipes();
        if (wanted(benches[i].name, argc, argv))
            measure(&benches[i]);
    }
    dprintf(1, "DONE\n");
    for (;;)
        if (getpid() != 1)
            return 0;
        else
            pause();
}
