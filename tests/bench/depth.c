// SPDX-License-Identifier: MIT
/*
 * Threads, waiting and memory: what passes between two who wait for each other, switches among many, making threads, and
 * the address space under one thread and under two. With two CPUs the two sides of a pair are kept on one each.
 */
#define _GNU_SOURCE
#include "tests/bench/bench.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static int cpus; /* 1 or 2 */

static void pin(int cpu)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET(cpu % cpus, &set);
    need(sched_setaffinity(0, sizeof(set), &set) == 0, "sched_setaffinity");
}

/* ---- two threads: a futex word, two eventfds behind epoll ------------------------------------------------------------- */

static pthread_t partner;
static atomic_int turn; /* 0: ours, 1: the partner's, 2: the end */

static long futex(atomic_int *word, int op, int value)
{
    return syscall(SYS_futex, word, op, value, NULL, NULL, 0);
}

static void pass_turn(int to)
{
    atomic_store(&turn, to);
    futex(&turn, FUTEX_WAKE_PRIVATE, 1);
}

static void await_turn(int mine)
{
    int now;

    while ((now = atomic_load(&turn)) != mine && now != 2)
        futex(&turn, FUTEX_WAIT_PRIVATE, now);
}

static void *futex_partner(void *arg)
{
    pin(1);
    for (;;) {
        await_turn(1);
        if (atomic_load(&turn) == 2)
            return arg;
        pass_turn(0);
    }
}

static void futex_set_up(void)
{
    atomic_store(&turn, 0);
    need(pthread_create(&partner, NULL, futex_partner, NULL) == 0, "pthread_create");
}

static void futex_tear_down(void)
{
    pass_turn(2);
    pthread_join(partner, NULL);
}

static void op_futex(long n)
{
    while (n--) {
        pass_turn(1);
        await_turn(0);
    }
}

static int event[2], polled[2]; /* polled[i] waits for event[i] */

static void wait_event(int side)
{
    struct epoll_event e;
    uint64_t count;

    need(epoll_wait(polled[side], &e, 1, -1) == 1 && read(event[side], &count, 8) == 8, "epoll");
}

static void post_event(int side)
{
    uint64_t one = 1;

    need(write(event[side], &one, 8) == 8, "eventfd");
}

static atomic_int event_end;

static void *event_partner(void *arg)
{
    pin(1);
    for (;;) {
        wait_event(1);
        if (atomic_load(&event_end))
            return arg;
        post_event(0);
    }
}

static void event_set_up(void)
{
    for (int i = 0; i < 2; i++) {
        struct epoll_event e = {.events = EPOLLIN};
        event[i] = eventfd(0, EFD_NONBLOCK);
        polled[i] = epoll_create1(0);
        need(epoll_ctl(polled[i], EPOLL_CTL_ADD, event[i], &e) == 0, "epoll_ctl");
    }
    need(pthread_create(&partner, NULL, event_partner, NULL) == 0, "pthread_create");
}

static void event_tear_down(void)
{
    atomic_store(&event_end, 1);
    post_event(1);
    pthread_join(partner, NULL);
}

static void op_event(long n)
{
    while (n--) {
        post_event(1);
        wait_event(0);
    }
}

/* ---- processes: a byte there and back, a byte around a ring ------------------------------------------------------------ */

static int near_in, near_out, far_in, far_out;
static pid_t children[64];
static int child_count;

static pid_t in_child(void (*body)(int), int arg)
{
    pid_t pid = fork();

    need(pid >= 0, "fork");
    if (pid == 0) {
        body(arg);
        _exit(0);
    }
    return children[child_count++] = pid;
}

static void end_children(void)
{
    while (child_count) {
        kill(children[--child_count], SIGKILL);
        waitpid(children[child_count], NULL, 0);
    }
}

static void echo_loop(int unused)
{
    char c;

    (void)unused;
    pin(1);
    while (read(far_in, &c, 1) == 1 && write(far_out, &c, 1) == 1)
        continue;
}

static void pipe_set_up(void)
{
    int to[2], from[2];

    need(pipe(to) == 0 && pipe(from) == 0, "pipe");
    near_out = to[1], far_in = to[0], near_in = from[0], far_out = from[1];
    in_child(echo_loop, 0);
}

static void unix_set_up(void)
{
    int pair[2];

    need(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0, "socketpair");
    near_in = near_out = pair[0];
    far_in = far_out = pair[1];
    in_child(echo_loop, 0);
}

static void echo_tear_down(void)
{
    end_children();
    close(near_in), close(far_in);
    if (near_out != near_in)
        close(near_out), close(far_out);
}

static void op_round_trip(long n)
{
    char c = 0;

    while (n--)
        need(write(near_out, &c, 1) == 1 && read(near_in, &c, 1) == 1, "round trip");
}

/* Each of the ring's processes hands on to the next what comes from the one before it. */
static int ring[64][2], ring_size;

static void ring_loop(int at)
{
    char c;

    while (read(ring[at][0], &c, 1) == 1 && write(ring[(at + 1) % ring_size][1], &c, 1) == 1)
        continue;
}

static void ring_set_up(int size)
{
    pin(0);
    ring_size = size;
    for (int i = 0; i < size; i++)
        need(pipe(ring[i]) == 0, "pipe");
    for (int i = 1; i < size; i++)
        in_child(ring_loop, i);
}

static void ring2_set_up(void)
{
    ring_set_up(2);
}
static void ring64_set_up(void)
{
    ring_set_up(64);
}

static void ring_tear_down(void)
{
    end_children();
    for (int i = 0; i < ring_size; i++)
        close(ring[i][0]), close(ring[i][1]);
}

static void op_ring(long n)
{
    char c = 0;

    while (n--)
        need(write(ring[1][1], &c, 1) == 1 && read(ring[0][0], &c, 1) == 1, "ring");
}

static void *nothing(void *arg)
{
    return arg;
}

static void op_thread(long n)
{
    pthread_t t;

    while (n--)
        need(pthread_create(&t, NULL, nothing, NULL) == 0 && pthread_join(t, NULL) == 0, "thread");
}

/* ---- the address space ------------------------------------------------------------------------------------------------ */

#define PAGES 512
static int file_fd;

static char *map(size_t pages, int fd)
{
    char *p =
        mmap(NULL, pages * 4096, PROT_READ | PROT_WRITE, fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED, fd, 0);

    need(p != MAP_FAILED, "mmap");
    return p;
}

static void touch(char *p, size_t pages)
{
    for (size_t i = 0; i < pages; i++)
        ((volatile char *)p)[i * 4096] = 1;
}

static void do_mmap(long n)
{
    while (n--)
        munmap(map(1, -1), 4096);
}

static void do_fault(long n)
{
    while (n--) {
        char *p = map(PAGES, -1);
        madvise(p, PAGES * 4096, MADV_NOHUGEPAGE);
        touch(p, PAGES);
        munmap(p, PAGES * 4096);
    }
}

/* Pages of a file that are there, mapped shared: reads, around which a kernel may map more. */
static void do_file_fault(long n)
{
    while (n--) {
        char *p = map(PAGES, file_fd);
        madvise(p, PAGES * 4096, MADV_RANDOM);
        for (size_t i = 0; i < PAGES; i++)
            __asm__ volatile("" ::"r"(((volatile char *)p)[i * 4096]));
        munmap(p, PAGES * 4096);
    }
}

static void do_mprotect(long n)
{
    static __thread char *p;

    if (!p)
        touch(p = map(16, -1), 16);
    while (n--)
        need(mprotect(p, 16 * 4096, n & 1 ? PROT_READ | PROT_WRITE : PROT_READ) == 0, "mprotect");
    need(mprotect(p, 16 * 4096, PROT_READ | PROT_WRITE) == 0, "mprotect");
}

/* 32 MiB fresh from the kernel, in whatever pages it likes. */
static void do_touch(long n)
{
    while (n--) {
        char *p = map(8192, -1);
        touch(p, 8192);
        munmap(p, 8192 * 4096);
    }
}

/* The same on a second thread of the process at once: time for `n` on each. */
static struct {
    void (*run)(long);
    long n;
    atomic_int go, done;
    pthread_t thread;
} second;

static void *second_loop(void *arg)
{
    pin(1);
    for (int at = 1;; at++) {
        while (atomic_load(&second.go) < at)
            __asm__ volatile("pause");
        if (!second.run)
            return arg;
        second.run(second.n);
        atomic_store(&second.done, at);
    }
}

static void second_set_up(void)
{
    atomic_store(&second.go, 0);
    atomic_store(&second.done, 0);
    second.run = do_mmap; /* NULL is the end */
    pin(0);
    need(pthread_create(&second.thread, NULL, second_loop, NULL) == 0, "pthread_create");
}

static void second_tear_down(void)
{
    second.run = NULL;
    atomic_fetch_add(&second.go, 1);
    pthread_join(second.thread, NULL);
}

static void both(void (*run)(long), long n)
{
    int at = atomic_load(&second.go) + 1;

    second.run = run;
    second.n = n;
    atomic_store(&second.go, at);
    run(n);
    while (atomic_load(&second.done) < at)
        __asm__ volatile("pause");
}

static void both_mmap(long n)
{
    both(do_mmap, n);
}
static void both_fault(long n)
{
    both(do_fault, n);
}
static void both_file_fault(long n)
{
    both(do_file_fault, n);
}
static void both_mprotect(long n)
{
    both(do_mprotect, n);
}

/* ---- the list --------------------------------------------------------------------------------------------------------- */

#define PAIR(NAME, OP, BATCH)                                                                                        \
    {                                                                                                                \
        .name = NAME "-2-threads", .run = OP, .batch = BATCH, .set_up = second_set_up, .tear_down = second_tear_down \
    }

static const struct bench benches[] = {
    {.name = "futex-ping-pong", .run = op_futex, .batch = 1, .set_up = futex_set_up, .tear_down = futex_tear_down},
    {.name = "eventfd-epoll-ping-pong",
     .run = op_event,
     .batch = 1,
     .set_up = event_set_up,
     .tear_down = event_tear_down},
    {.name = "pipe-ping-pong", .run = op_round_trip, .batch = 1, .set_up = pipe_set_up, .tear_down = echo_tear_down},
    {.name = "unix-ping-pong", .run = op_round_trip, .batch = 1, .set_up = unix_set_up, .tear_down = echo_tear_down},
    {.name = "switch-2-processes", .run = op_ring, .batch = 2, .set_up = ring2_set_up, .tear_down = ring_tear_down},
    {.name = "switch-64-processes", .run = op_ring, .batch = 64, .set_up = ring64_set_up, .tear_down = ring_tear_down},
    {.name = "thread-create-join", .run = op_thread, .batch = 1},
    {.name = "mmap-munmap", .run = do_mmap, .batch = 1},
    {.name = "fault-anonymous", .run = do_fault, .batch = PAGES},
    {.name = "fault-file", .run = do_file_fault, .batch = PAGES},
    {.name = "mprotect", .run = do_mprotect, .batch = 1},
    {.name = "touch-32m", .run = do_touch, .batch = 1},
    PAIR("mmap-munmap", both_mmap, 1),
    PAIR("fault-anonymous", both_fault, PAGES),
    PAIR("fault-file", both_file_fault, PAGES),
    PAIR("mprotect", both_mprotect, 1),
};

static void set_up(void)
{
    static const char block[65536] = {1};

    mkdir("/dev", 0755);
    mkdir("/tmp", 01777);
    file_fd = open("/tmp/file", O_RDWR | O_CREAT | O_TRUNC, 0644);
    need(file_fd >= 0, "set-up");
    for (int i = 0; i < PAGES / 16; i++)
        need(write(file_fd, block, sizeof(block)) == sizeof(block), "set-up");
    cpu_set_t all;
    need(sched_getaffinity(0, sizeof(all), &all) == 0, "sched_getaffinity");
    cpus = CPU_COUNT(&all) > 1 ? 2 : 1;
    pin(0);
}

int main(int argc, char **argv)
{
    size_t count = sizeof(benches) / sizeof(benches[0]);

    set_up();
    return bench_main(benches, cpus == 2 ? count : count - 4, argc, argv);
}
