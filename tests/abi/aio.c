// SPDX-License-Identifier: MIT
/*
 * io_setup and its kin: contexts, the ring that user space reads, every kind of request, their errors, eventfds, polls
 * and their cancelling, waiting, fork and exec, threads on two CPUs.
 */
#include "tests/abi/util.h"

#include <limits.h>
#include <linux/aio_abi.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/uio.h>

struct ring { /* as libaio has it */
    unsigned id, nr, head, tail, magic, compat, incompat, header_length;
    struct io_event events[];
};
struct sigset_arg {
    const void *mask;
    size_t size;
};

#define SETUP(n, c) syscall(SYS_io_setup, n, c)
#define DESTROY(c) syscall(SYS_io_destroy, c)
#define SUBMIT(c, n, v) syscall(SYS_io_submit, c, (long)(n), v)
#define GET(c, min, max, ev, ts) syscall(SYS_io_getevents, c, (long)(min), (long)(max), ev, ts)
#define PGET(c, min, max, ev, ts, sig) syscall(SYS_io_pgetevents, c, (long)(min), (long)(max), ev, ts, sig)
#define CANCEL(c, cb, ev) syscall(SYS_io_cancel, c, cb, ev)

static aio_context_t ctx;
static struct io_event ev[256];
static struct timespec now_ts;
static char buf[4 * PAGE];

static struct ring *ring(void)
{
    return at_addr(ctx);
}

static struct iocb req(int op, int fd, const void *p, long n, long off)
{
    return (struct iocb){.aio_lio_opcode = (unsigned short)op,
                         .aio_fildes = (unsigned)fd,
                         .aio_buf = (uintptr_t)p,
                         .aio_nbytes = (unsigned long)n,
                         .aio_offset = off,
                         .aio_data = 0x1234};
}

static long submit(struct iocb *cb)
{
    struct iocb *v[1] = {cb};
    return SUBMIT(ctx, 1, v);
}

/* Submits it and waits for its event: the result. */
static long result(struct iocb cb)
{
    cb.aio_key = 99;
    if (submit(&cb) != 1 || GET(ctx, 1, 1, ev, NULL) != 1)
        return -1000000;
    if (ev[0].obj != (uintptr_t)&cb || ev[0].data != cb.aio_data || ev[0].res2 != 0 || cb.aio_key != 0)
        return -1000001;
    return (long)ev[0].res;
}

static int refused(struct iocb cb, int err)
{
    errno = 0;
    return submit(&cb) == -1 && errno == err;
}

static int none_left(void)
{
    return GET(ctx, 0, 1, ev, NULL) == 0;
}

static long number(const char *path)
{
    char text[32] = "";
    int fd = open(path, O_RDONLY);
    REQ(fd >= 0 && read(fd, text, sizeof text - 1) > 0);
    close(fd);
    return atol(text);
}

/* ---- contexts ---- */

static void contexts(void)
{
    aio_context_t c = 0, d = 0, old;
    CHECK_ERRNO(SETUP(0, &c), EINVAL, "no events");
    CHECK_ERRNO(SETUP(1, at_addr(8)), EFAULT, "a context to nowhere");
    c = 1;
    CHECK_ERRNO(SETUP(1, &c), EINVAL, "what is there must be 0");
    c = 0;
    CHECK_ERRNO(SETUP(-1, &c), EINVAL, "as many as there are numbers");
    CHECK_ERRNO(SETUP(4194305, &c), EINVAL, "more than any ring holds");
    CHECK_ERRNO(SETUP(4194304, &c), EAGAIN, "more than aio-max-nr");
    CHECK(number("/proc/sys/fs/aio-max-nr") == 65536, "/proc/sys/fs/aio-max-nr");
    CHECK_ERRNO(SETUP(65537, &c), EAGAIN, "one more than that");
    long before = number("/proc/sys/fs/aio-nr");
    CHECK(SETUP(1000, &ctx) == 0 && ctx % PAGE == 0 && ctx, "io_setup");
    CHECK(number("/proc/sys/fs/aio-nr") == before + 1000, "/proc/sys/fs/aio-nr counts what was asked for");
    struct ring *r = ring();
    CHECK(r->id == 0 && r->nr >= 2000 && r->head == 0 && r->tail == 0 && r->magic == 0xa10a10a1 && r->compat == 1 &&
              r->incompat == 0 && r->header_length == 32,
          "the ring");
    CHECK((r->nr + 1) * 32 % PAGE == 0, "fills its pages");
    CHECK(SETUP(1, &c) == 0 && SETUP(1, &d) == 0 && ((struct ring *)c)->id == 1 && ((struct ring *)d)->id == 2,
          "more contexts, numbered");
    old = c;
    CHECK(DESTROY(c) == 0 && msync((void *)old, PAGE, MS_ASYNC) == -1 && errno == ENOMEM, "io_destroy unmaps the ring");
    CHECK_ERRNO(DESTROY(old), EINVAL, "once");
    c = 0;
    CHECK(SETUP(1, &c) == 0 && ((struct ring *)c)->id == 1, "the lowest number is taken again");
    CHECK(DESTROY(c) == 0 && DESTROY(d) == 0 && DESTROY(ctx) == 0 && number("/proc/sys/fs/aio-nr") == before,
          "all are given back");
    CHECK_ERRNO(DESTROY(0), EINVAL, "no context");
    CHECK_ERRNO(DESTROY(buf), EINVAL, "other memory");
    ctx = 0;
    REQ(SETUP(8, &ctx) == 0);
    FILE *f = fopen("/proc/self/maps", "r");
    int found = 0;
    for (char line[256]; fgets(line, sizeof line, f);)
        found += strstr(line, "rw-s 00000000 ") && strstr(line, " /[aio] (deleted)\n");
    fclose(f);
    CHECK(found == 1, "/proc/self/maps");
    CHECK_ERRNO(mremap((void *)ctx, PAGE, 2 * PAGE, MREMAP_MAYMOVE), EFAULT, "it does not grow");
}

/* ---- reading and writing ---- */

static void transfers(void)
{
    int f = open("t", O_RDWR | O_CREAT | O_TRUNC, 0600), ro = open("t", O_RDONLY), wo = open("t", O_WRONLY);
    struct iovec iov[2] = {{buf + 100, 3}, {buf + 200, 10}};
    struct iocb cb;
    REQ(f >= 0 && ro >= 0 && wo >= 0);
    CHECK(result(req(IOCB_CMD_PWRITE, f, "hello world", 11, 3)) == 11 && file_size("t") == 14, "PWRITE");
    CHECK(result(req(IOCB_CMD_PREAD, f, buf, 100, 9)) == 5 && !memcmp(buf, "world", 5), "PREAD");
    CHECK(lseek(f, 0, SEEK_CUR) == 0, "the file's position stays");
    CHECK(result(req(IOCB_CMD_PREADV, f, iov, 2, 3)) == 11 && !memcmp(buf + 100, "hel", 3) &&
              !memcmp(buf + 200, "lo world", 8),
          "PREADV");
    CHECK(result(req(IOCB_CMD_PWRITEV, f, iov, 2, 0)) == 13 && result(req(IOCB_CMD_PREAD, f, buf, 5, 0)) == 5 &&
              !memcmp(buf, "hello", 5),
          "PWRITEV");
    CHECK(result(req(IOCB_CMD_PREAD, f, buf, 0, 0)) == 0, "nothing");
    CHECK(result(req(IOCB_CMD_PREAD, f, buf, 10, 1000)) == 0, "beyond the end");
    CHECK(result(req(IOCB_CMD_PREAD, f, at_addr(8), 1, 0)) == -EFAULT, "to nowhere");
    CHECK(result(req(IOCB_CMD_PWRITE, f, at_addr(8), 1, 0)) == -EFAULT, "from nowhere");
    CHECK(refused(req(IOCB_CMD_PREAD, f, at_addr(-1ul << 20), 1, 0), EFAULT), "to the kernel's memory");
    CHECK(refused(req(IOCB_CMD_PREADV, f, at_addr(8), 1, 0), EFAULT), "an iovec from nowhere");
    CHECK(refused(req(IOCB_CMD_PREADV, f, iov, 1025, 0), EINVAL), "too many of them");
    CHECK(refused(req(IOCB_CMD_PREAD, f, buf, -1, 0), EINVAL), "fewer bytes than none");
    CHECK(refused(req(IOCB_CMD_PREAD, f, buf, 1, -1), EINVAL), "before the beginning");
    CHECK(refused(req(IOCB_CMD_PREAD, -1, buf, 1, 0), EBADF), "no file");
    CHECK(refused(req(IOCB_CMD_PREAD, wo, buf, 1, 0), EBADF), "not opened for reading");
    CHECK(refused(req(IOCB_CMD_PWRITE, ro, buf, 1, 0), EBADF), "not opened for writing");
    int dir = open(".", O_RDONLY), path = open("t", O_PATH), e = epoll_create1(0);
    CHECK(refused(req(IOCB_CMD_PREAD, dir, buf, 1, 0), EINVAL), "a directory");
    CHECK(refused(req(IOCB_CMD_PREAD, path, buf, 1, 0), EBADF), "O_PATH");
    CHECK(refused(req(IOCB_CMD_PREAD, e, buf, 1, 0), EINVAL), "an epoll");
    close(dir), close(path), close(e);
    CHECK(refused(req(4, f, buf, 1, 0), EINVAL) && refused(req(IOCB_CMD_NOOP, f, buf, 1, 0), EINVAL) &&
              refused(req(9, f, buf, 1, 0), EINVAL),
          "kinds that are none, NOOP among them");
    cb = req(IOCB_CMD_PREAD, f, buf, 1, 0);
    cb.aio_reserved2 = 1;
    CHECK(refused(cb, EINVAL), "something in the reserved field");
    cb = req(IOCB_CMD_PREAD, f, buf, 1, 0);
    cb.aio_flags = 8;
    CHECK(result(cb) == 1, "unknown flags mean nothing");
    cb.aio_rw_flags = 0x4000;
    CHECK(refused(cb, EOPNOTSUPP), "but RWF_ flags do");
    cb = req(IOCB_CMD_PWRITE, f, "zz", 2, 0);
    cb.aio_rw_flags = RWF_APPEND;
    long size = file_size("t");
    CHECK(result(cb) == 2 && file_size("t") == size + 2, "RWF_APPEND");
    cb = req(IOCB_CMD_PREAD, f, buf, 1, 0);
    cb.aio_flags = IOCB_FLAG_IOPRIO;
    CHECK(result(cb) == 1, "a priority");
    cb.aio_reqprio = -1;
    CHECK(refused(cb, EINVAL), "which is none");
    cb.aio_reqprio = 1 << 13;
    CHECK(refused(cb, EPERM), "or needs a capability");
    CHECK(result(req(IOCB_CMD_FSYNC, f, NULL, 0, 0)) == 0 && result(req(IOCB_CMD_FDSYNC, f, NULL, 0, 0)) == 0,
          "FSYNC, FDSYNC");
    CHECK(refused(req(IOCB_CMD_FSYNC, f, buf, 0, 0), EINVAL) && refused(req(IOCB_CMD_FSYNC, f, NULL, 1, 0), EINVAL) &&
              refused(req(IOCB_CMD_FDSYNC, f, NULL, 0, 1), EINVAL),
          "take nothing else");
    CHECK(none_left(), "what was refused has no event");
    CHECK_CHILD("RLIMIT_FSIZE", struct rlimit l = {20, 20}; signal(SIGXFSZ, SIG_IGN); ctx = 0;
                REQ(SETUP(1, &ctx) == 0 && setrlimit(RLIMIT_FSIZE, &l) == 0);
                REQ(result(req(IOCB_CMD_PWRITE, f, buf, 10, 15)) == 5);
                REQ(result(req(IOCB_CMD_PWRITE, f, buf, 10, 20)) == -EFBIG));
    close(f), close(ro), close(wo);
    unlink("t");
}

static void streams(void)
{
    int p[2], s[2], n = open("/dev/null", O_RDWR), e = eventfd(7, EFD_NONBLOCK);
    uint64_t v = 0;
    REQ(pipe2(p, O_NONBLOCK) == 0 && socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, s) == 0);
    CHECK(result(req(IOCB_CMD_PREAD, p[0], buf, 1, 0)) == -EAGAIN, "an empty pipe");
    CHECK(result(req(IOCB_CMD_PWRITE, p[1], "abc", 3, 99)) == 3 && result(req(IOCB_CMD_PREAD, p[0], buf, 9, 99)) == 3,
          "a pipe has no positions");
    CHECK(refused(req(IOCB_CMD_PREAD, p[0], buf, 1, -1), EINVAL), "but no negative ones either");
    CHECK(refused(req(IOCB_CMD_FSYNC, p[0], NULL, 0, 0), EINVAL), "nor is it synced");
    CHECK(result(req(IOCB_CMD_PWRITE, s[0], "abcd", 4, 0)) == 4 && result(req(IOCB_CMD_PREAD, s[1], buf, 9, 0)) == 4 &&
              result(req(IOCB_CMD_PREAD, s[1], buf, 9, 0)) == -EAGAIN,
          "sockets");
    CHECK(result(req(IOCB_CMD_PREAD, e, &v, 8, 0)) == 8 && v == 7 &&
              result(req(IOCB_CMD_PREAD, e, &v, 8, 0)) == -EAGAIN,
          "an eventfd");
    CHECK(result(req(IOCB_CMD_PREAD, n, buf, 8, 0)) == 0 && result(req(IOCB_CMD_PWRITE, n, buf, 8, 0)) == 8,
          "/dev/null");
    pid_t pid = tap_fork();
    if (!pid) {
        msleep(20);
        _exit(write(p[1], "late", 4) == 4 ? 0 : 1);
    }
    fcntl(p[0], F_SETFL, 0);
    CHECK(result(req(IOCB_CMD_PREAD, p[0], buf, 9, 0)) == 4 && tap_exited(tap_wait(pid), 0),
          "one that waits is waited for");
    signal(SIGPIPE, SIG_IGN);
    close(p[0]);
    CHECK(result(req(IOCB_CMD_PWRITE, p[1], "x", 1, 0)) == -EPIPE, "a pipe nobody reads");
    signal(SIGPIPE, SIG_DFL);
    CHECK(tap_killed(CHILD(ctx = 0; REQ(SETUP(1, &ctx) == 0); result(req(IOCB_CMD_PWRITE, p[1], "x", 1, 0))), SIGPIPE),
          "and its signal");
    close(p[1]), close(s[0]), close(s[1]), close(n), close(e);
}

static void eventfds(void)
{
    int f = open("t", O_RDWR | O_CREAT | O_TRUNC, 0600), e = eventfd(0, EFD_NONBLOCK);
    uint64_t v = 0;
    struct iocb cb = req(IOCB_CMD_PREAD, f, buf, 1, 0);
    cb.aio_flags = IOCB_FLAG_RESFD;
    cb.aio_resfd = (unsigned)e;
    CHECK(result(cb) == 0 && read(e, &v, 8) == 8 && v == 1, "IOCB_FLAG_RESFD");
    CHECK(result(cb) == 0 && result(cb) == 0 && read(e, &v, 8) == 8 && v == 2, "for each request");
    cb.aio_resfd = (unsigned)f;
    CHECK(refused(cb, EINVAL), "another file");
    cb.aio_resfd = (unsigned)-1;
    CHECK(refused(cb, EBADF), "none");
    cb.aio_resfd = (unsigned)e;
    cb.aio_lio_opcode = 9;
    CHECK(refused(cb, EINVAL) && read(e, &v, 8) == -1 && errno == EAGAIN, "what is refused tells nobody");
    cb.aio_lio_opcode = IOCB_CMD_PREAD;
    v = UINT64_MAX - 1;
    struct pollfd p = {e, POLLIN | POLLOUT, 0};
    REQ(write(e, &v, 8) == 8);
    CHECK(result(cb) == 0 && poll(&p, 1, 0) == 1 && p.revents == (POLLIN | POLLERR), "a full counter overflows once");
    CHECK(result(cb) == 0 && read(e, &v, 8) == 8 && v == UINT64_MAX, "and stays there");
    close(f), close(e);
    unlink("t");
}

/* ---- submitting and taking ---- */

static void many(void)
{
    int f = open("t", O_RDWR | O_CREAT | O_TRUNC, 0600), n = 0;
    struct iocb good = req(IOCB_CMD_PREAD, f, buf, 1, 0), bad = req(9, f, buf, 1, 0),
                *v[4] = {&good, &good, &bad, &good};
    CHECK(SUBMIT(ctx, 4, v) == 2 && GET(ctx, 2, 8, ev, NULL) == 2, "the first that is refused ends it");
    CHECK_ERRNO(SUBMIT(ctx, 2, v + 2), EINVAL, "its error comes when it is the first");
    v[1] = at_addr(8);
    CHECK(SUBMIT(ctx, 2, v) == 1 && SUBMIT(ctx, 1, v + 1) == -1 && errno == EFAULT, "a request that is nowhere");
    CHECK_ERRNO(SUBMIT(ctx, 1, at_addr(8)), EFAULT, "requests that are nowhere");
    CHECK_ERRNO(SUBMIT(ctx, -1, v), EINVAL, "fewer than none");
    CHECK(SUBMIT(ctx, 0, v) == 0, "none");
    CHECK_ERRNO(SUBMIT(0, 1, v), EINVAL, "no context");
    CHECK_ERRNO(SUBMIT(ctx + 8, 1, v), EINVAL, "near it");
    CHECK_ERRNO(GET(ctx, 2, 1, ev, &now_ts), EINVAL, "at least more than at most");
    CHECK_ERRNO(GET(ctx, -1, 1, ev, &now_ts), EINVAL, "at least fewer than none");
    CHECK_ERRNO(GET(ctx, 0, -1, ev, &now_ts), EINVAL, "at most fewer than none");
    CHECK_ERRNO(GET(0, 0, 1, ev, &now_ts), EINVAL, "events of no context");
    CHECK_ERRNO(GET(0, 0, 1, ev, at_addr(8)), EFAULT, "a time from nowhere");
    CHECK(GET(ctx, 0, 0, ev, NULL) == 0, "no events are wanted");
    CHECK_ERRNO(GET(ctx, 1, 1, at_addr(8), NULL), EFAULT, "events to nowhere");
    CHECK(GET(ctx, 1, 1, ev, NULL) == 1, "do not go");
    char *edge = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    REQ(edge != MAP_FAILED && munmap(edge + PAGE, PAGE) == 0 && submit(&good) == 1 && submit(&good) == 1);
    CHECK_ERRNO(GET(ctx, 2, 2, edge + PAGE - 32, NULL), EFAULT, "nor when there is room for one");
    CHECK(GET(ctx, 2, 2, edge + PAGE - 64, NULL) == 2, "for both");
    munmap(edge, PAGE);
    while (submit(&good) == 1)
        n++;
    int full = errno;
    CHECK(full == EAGAIN && n >= 8 && n < (int)ring()->nr, "EAGAIN when the ring is full");
    CHECK(GET(ctx, n, 256, ev, &now_ts) == n && submit(&good) == 1 && GET(ctx, 1, 1, ev, NULL) == 1,
          "until it is read");
    for (int round = 0; round < 5; round++) { /* around the end of the ring */
        for (n = 0; n < 60; n++) {
            good.aio_data = (unsigned)(round * 100 + n);
            REQ(submit(&good) == 1);
        }
        REQ(GET(ctx, 60, 60, ev, NULL) == 60);
        for (n = 0; n < 60; n++)
            REQ(ev[n].data == (unsigned)(round * 100 + n));
    }
    CHECK(none_left(), "events come in their order, however often around");
    close(f);
    unlink("t");
}

static void by_the_ring(void)
{
    struct ring *r = ring();
    int f = open("t", O_RDWR | O_CREAT | O_TRUNC, 0600), good = 1;
    struct iocb cb = req(IOCB_CMD_PREAD, f, buf, 1, 0);
    for (unsigned i = 0; i < 3 * r->nr; i++) {
        cb.aio_data = i;
        good &= submit(&cb) == 1 && __atomic_load_n(&r->tail, __ATOMIC_ACQUIRE) == (r->head + 1) % r->nr &&
                r->events[r->head].data == i && r->events[r->head].obj == (uintptr_t)&cb;
        __atomic_store_n(&r->head, (r->head + 1) % r->nr, __ATOMIC_RELEASE);
    }
    CHECK(good, "user space takes events from the ring");
    CHECK(none_left(), "then the kernel has none");
    for (int i = 0; i < 5; i++)
        REQ(submit(&cb) == 1);
    r->head = (r->head + 2) % r->nr;
    CHECK(GET(ctx, 0, 9, ev, NULL) == 3 && r->head == r->tail, "both together");
    CHECK_CHILD("a head that is nonsense harms nobody", ctx = 0; REQ(SETUP(1, &ctx) == 0); REQ(submit(&cb) == 1);
                ring()->head = 0xfffffff0; ring()->tail = 0x12345678; ring()->nr = 1; GET(ctx, 0, 200, ev, NULL);
                for (int i = 0; i < 500; i++) submit(&cb); GET(ctx, 0, 200, ev, NULL); REQ(DESTROY(ctx) == 0));
    close(f);
    unlink("t");
}

static void moving(void)
{
    aio_context_t kept = ctx;
    int f = open("t", O_RDWR | O_CREAT | O_TRUNC, 0600);
    struct iocb cb = req(IOCB_CMD_PREAD, f, buf, 1, 0);
    CHECK_CHILD("a child has no contexts, though it sees the ring", REQ(submit(&cb) == -1 && errno == EINVAL);
                REQ(GET(ctx, 0, 1, ev, NULL) == -1 && errno == EINVAL); REQ(DESTROY(ctx) == -1 && errno == EINVAL);
                REQ(ring()->magic == 0xa10a10a1); ctx = 0; REQ(SETUP(1, &ctx) == 0 && result(cb) == 0));
    void *there = mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    REQ(mremap((void *)ctx, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, there) == there);
    CHECK(refused(cb, EINVAL), "a ring that was moved is not found where it was");
    ctx = (aio_context_t)there;
    CHECK(result(cb) == 0, "but where it is");
    REQ(mprotect(there, PAGE, PROT_NONE) == 0);
    CHECK(refused(cb, EINVAL), "nor when it cannot be read");
    REQ(mprotect(there, PAGE, PROT_READ) == 0);
    CHECK(result(cb) == 0 && DESTROY(ctx) == 0, "the kernel does not write through it");
    ctx = 0;
    REQ(SETUP(8, &ctx) == 0 && munmap((void *)ctx, PAGE) == 0);
    CHECK(refused(cb, EINVAL) && DESTROY(ctx) == -1 && errno == EINVAL, "one that was unmapped is gone");
    ctx = 0;
    REQ(SETUP(8, &ctx) == 0);
    (void)kept;
    close(f);
    unlink("t");
}

/* ---- polls ---- */

static void polls(void)
{
    int p[2], f = open("t", O_RDWR | O_CREAT | O_TRUNC, 0600), e = eventfd(0, EFD_NONBLOCK);
    make_pipe(p);
    struct iocb in = req(IOCB_CMD_POLL, p[0], (void *)POLLIN, 0, 0),
                out = req(IOCB_CMD_POLL, p[1], (void *)POLLOUT, 0, 0);
    struct timespec soon = {0, 20000000};
    CHECK(result(out) == POLLOUT, "POLL: ready");
    CHECK(result(req(IOCB_CMD_POLL, f, (void *)(POLLIN | POLLOUT), 0, 0)) == (POLLIN | POLLOUT), "a file always is");
    CHECK(refused(req(IOCB_CMD_POLL, f, (void *)POLLPRI, 0, 0), EINVAL), "and never for anything else");
    CHECK(refused(req(IOCB_CMD_POLL, p[0], at_addr(0x10000 | POLLIN), 0, 0), EINVAL) &&
              refused(req(IOCB_CMD_POLL, p[0], (void *)POLLIN, 1, 0), EINVAL) &&
              refused(req(IOCB_CMD_POLL, p[0], (void *)POLLIN, 0, 1), EINVAL),
          "fields it does not have");
    CHECK(submit(&in) == 1 && GET(ctx, 1, 1, ev, &soon) == 0, "not ready: it is under way");
    REQ(write(p[1], "x", 1) == 1);
    CHECK(GET(ctx, 1, 1, ev, NULL) == 1 && ev[0].obj == (uintptr_t)&in && (ev[0].res & POLLIN), "until it is");
    CHECK(result(in) == POLLIN && read(p[0], buf, 9) == 1, "it takes nothing");
    in.aio_flags = IOCB_FLAG_RESFD;
    in.aio_resfd = (unsigned)e;
    uint64_t v = 0;
    REQ(submit(&in) == 1 && write(p[1], "x", 1) == 1 && GET(ctx, 1, 1, ev, NULL) == 1);
    struct pollfd pe = {e, POLLIN, 0};
    CHECK(poll(&pe, 1, 20000) == 1 && read(e, &v, 8) == 8 && v == 1 && read(p[0], buf, 9) == 1, "an eventfd is told");
    in.aio_flags = 0;
    CHECK(submit(&in) == 1 && CANCEL(ctx, &in, ev) == -1 && errno == EINPROGRESS, "io_cancel");
    CHECK(GET(ctx, 1, 1, ev, NULL) == 1 && ev[0].obj == (uintptr_t)&in && ev[0].res == 0, "its event comes");
    CHECK_ERRNO(CANCEL(ctx, &in, ev), EINVAL, "once");
    CHECK_ERRNO(CANCEL(0, &in, ev), EINVAL, "of no context");
    CHECK_ERRNO(CANCEL(ctx, at_addr(8), ev), EFAULT, "from nowhere");
    REQ(submit(&in) == 1);
    in.aio_key = 5;
    CHECK_ERRNO(CANCEL(ctx, &in, ev), EINVAL, "with another key");
    in.aio_key = 0;
    CHECK(CANCEL(ctx, &in, at_addr(8)) == -1 && errno == EINPROGRESS && GET(ctx, 1, 1, ev, NULL) == 1,
          "the argument for the event is not used");
    REQ(submit(&in) == 1);
    close(p[1]);
    CHECK(GET(ctx, 1, 1, ev, NULL) == 1 && ev[0].res == POLLHUP, "a hang-up is not asked for, and comes");
    close(p[0]), close(f), close(e);
    unlink("t");
}

static void ends(void)
{
    int p[2];
    aio_context_t c = 0;
    make_pipe(p);
    struct iocb in = req(IOCB_CMD_POLL, p[0], (void *)POLLIN, 0, 0), *v[1] = {&in};
    REQ(SETUP(8, &c) == 0 && SUBMIT(c, 1, v) == 1);
    CHECK(DESTROY(c) == 0, "io_destroy ends what is under way");
    long before = number("/proc/sys/fs/aio-nr");
    CHECK_CHILD("exit does", ctx = 0; REQ(SETUP(100, &ctx) == 0 && submit(&in) == 1 && submit(&in) == 1));
    CHECK(tap_killed(CHILD(ctx = 0; REQ(SETUP(100, &ctx) == 0 && submit(&in) == 1); kill(getpid(), SIGKILL)), SIGKILL),
          "death does");
    pid_t pid = tap_fork();
    if (!pid) {
        ctx = 0;
        REQ(SETUP(100, &ctx) == 0 && submit(&in) == 1);
        close(1);
        execl("/proc/self/exe", "aio", "again", NULL);
        _exit(9);
    }
    CHECK(tap_exited(tap_wait(pid), 0), "exec does");
    CHECK(number("/proc/sys/fs/aio-nr") == before, "and their numbers are given back");
    CHECK(write(p[1], "x", 1) == 1 && read(p[0], buf, 1) == 1, "the pipe is as it was");
    REQ(submit(&in) == 1);
    int copy = dup(p[0]);
    close(p[0]);
    REQ(write(p[1], "x", 1) == 1);
    CHECK(GET(ctx, 1, 1, ev, NULL) == 1 && (ev[0].res & POLLIN), "a request keeps its file");
    close(copy), close(p[1]);
}

/* ---- waiting ---- */

static volatile sig_atomic_t alarms;

static void on_alarm(int sig)
{
    (void)sig;
    alarms++;
}

static void waiting(void)
{
    int p[2];
    make_pipe(p);
    struct timespec soon = {0, 30000000}, odd = {0, 1030000000};
    struct itimerval often = {{0, 5000}, {0, 5000}}, off = {{0, 0}, {0, 0}};
    struct sigaction sa = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
    int64_t before = now_ns();
    CHECK(GET(ctx, 1, 1, ev, &soon) == 0 && now_ns() - before > 25000000, "a time-out");
    CHECK(GET(ctx, 1, 1, ev, &now_ts) == 0, "of nothing");
    before = now_ns();
    CHECK(GET(ctx, 1, 1, ev, &odd) == 0 && now_ns() - before > 1000000000, "nanoseconds may be many");
    struct iocb in = req(IOCB_CMD_POLL, p[0], (void *)POLLIN, 0, 0),
                out = req(IOCB_CMD_POLL, p[1], (void *)POLLOUT, 0, 0);
    REQ(submit(&in) == 1 && submit(&out) == 1);
    CHECK(GET(ctx, 2, 2, ev, &soon) == 1 && ev[0].obj == (uintptr_t)&out, "after it what there is");
    pid_t pid = tap_fork();
    if (!pid) {
        msleep(20);
        _exit(write(p[1], "x", 1) == 1 ? 0 : 1);
    }
    CHECK(GET(ctx, 1, 2, ev, NULL) == 1 && ev[0].obj == (uintptr_t)&in && tap_exited(tap_wait(pid), 0),
          "an event ends it");
    REQ(read(p[0], buf, 1) == 1);
    REQ(sigaction(SIGALRM, &sa, NULL) == 0 && setitimer(ITIMER_REAL, &often, NULL) == 0);
    CHECK_ERRNO(GET(ctx, 1, 1, ev, NULL), EINTR, "a signal ends it, SA_RESTART or not");
    in = req(IOCB_CMD_PREAD, p[0], buf, 1, 0);
    CHECK(submit(&in) == 1, "a read that waits is interrupted, too");
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    setitimer(ITIMER_REAL, &off, NULL);
    CHECK(GET(ctx, 1, 1, ev, NULL) == 1 && ev[0].res == -EINTR, "which is its result");
    struct sigset_arg arg = {&all, 8};
    CHECK(PGET(ctx, 1, 1, ev, &soon, &arg) == 0, "io_pgetevents");
    CHECK(PGET(ctx, 0, 1, ev, NULL, NULL) == 0, "without a mask");
    arg.size = 7;
    CHECK_ERRNO(PGET(ctx, 0, 1, ev, NULL, &arg), EINVAL, "a mask of another size");
    arg = (struct sigset_arg){NULL, 7};
    CHECK(PGET(ctx, 0, 1, ev, NULL, &arg) == 0, "no mask, of any size");
    arg = (struct sigset_arg){at_addr(8), 8};
    CHECK_ERRNO(PGET(ctx, 0, 1, ev, NULL, &arg), EFAULT, "a mask from nowhere");
    CHECK_ERRNO(PGET(ctx, 0, 1, ev, NULL, at_addr(8)), EFAULT, "its description from nowhere");
    CHECK_ERRNO(PGET(ctx, 0, 1, ev, at_addr(8), NULL), EFAULT, "its time from nowhere");
    sigset_t block;
    sigemptyset(&block);
    sigaddset(&block, SIGALRM);
    sigprocmask(SIG_BLOCK, &block, NULL);
    arg = (struct sigset_arg){&none, 8};
    sa.sa_flags = 0;
    sigaction(SIGALRM, &sa, NULL);
    alarms = 0;
    kill(getpid(), SIGALRM);
    CHECK(PGET(ctx, 1, 1, ev, NULL, &arg) == -1 && errno == EINTR && alarms == 1, "a signal that the mask lets in");
    sigprocmask(SIG_SETMASK, NULL, &block);
    CHECK(sigismember(&block, SIGALRM), "the old mask is back");
    sigprocmask(SIG_UNBLOCK, &block, NULL);
    signal(SIGALRM, SIG_DFL);
    alarm(TAP_SECONDS);
    close(p[0]), close(p[1]);
}

/* ---- at once ---- */

#define ROUNDS 4000

static int seen[2 * ROUNDS];
static struct iocb cbs[2][64];

static void *submitter(void *arg)
{
    int me = (int)(intptr_t)arg, n = open("/dev/zero", O_RDONLY);
    char c;
    pin(me);
    for (int i = 0; i < ROUNDS; i++) {
        struct iocb *cb = &cbs[me][i % 64];
        *cb = req(IOCB_CMD_PREAD, n, &c, 1, 0);
        cb->aio_data = (unsigned)(me * ROUNDS + i);
        while (submit(cb) != 1) {
            if (errno != EAGAIN)
                return "cannot be submitted";
            sched_yield();
        }
    }
    close(n);
    return NULL;
}

static void *reaper(void *arg)
{
    struct io_event got[7];
    int done = 0;
    pin((int)(intptr_t)arg & 1);
    while (done < ROUNDS) {
        long n = GET(ctx, 1, done + 7 <= ROUNDS ? 7 : ROUNDS - done, got, NULL);
        if (n <= 0)
            return "no events";
        for (long i = 0; i < n; i++)
            __atomic_add_fetch(&seen[got[i].data], 1, __ATOMIC_RELAXED);
        done += (int)n;
    }
    return NULL;
}

static int fds[2];

static void *waker(void *arg)
{
    pin(1);
    for (int i = 0; i < ROUNDS / 40; i++) {
        token_wait((int)(intptr_t)arg);
        token_send(fds[1]);
    }
    return NULL;
}

static void racing(void)
{
    pthread_t t[4];
    for (int i = 0; i < 2; i++) {
        REQ(pthread_create(&t[2 * i], NULL, submitter, (void *)(intptr_t)i) == 0);
        REQ(pthread_create(&t[2 * i + 1], NULL, reaper, (void *)(intptr_t)i) == 0);
    }
    int good = all_well(t, 4), p[2], cancelled = 0;
    for (int i = 0; i < 2 * ROUNDS; i++)
        good &= seen[i] == 1;
    CHECK(good && none_left(), "every event comes once");
    make_pipe(p), make_pipe(fds);
    REQ(pthread_create(&t[0], NULL, waker, (void *)(intptr_t)p[0]) == 0);
    pin(0);
    good = 1;
    for (int i = 0; i < ROUNDS / 40; i++) { /* a poll is cancelled while it becomes ready: one event, either way */
        struct iocb in = req(IOCB_CMD_POLL, fds[0], (void *)POLLIN, 0, 0);
        REQ(submit(&in) == 1);
        token_send(p[1]);
        long c = CANCEL(ctx, &in, ev);
        good &= c == -1 && (errno == EINPROGRESS || errno == EINVAL);
        cancelled += errno == EINPROGRESS;
        good &= GET(ctx, 1, 1, ev, NULL) == 1 && (ev[0].res == 0 || (ev[0].res & POLLIN));
        token_wait(fds[0]);
    }
    CHECK(all_well(t, 1) && good && none_left(), "cancelled or ready, never both");
    dprintf(1, "# %d cancelled\n", cancelled);
    for (int i = 0; i < 100; i++) { /* destroyed while it becomes ready */
        struct iocb in = req(IOCB_CMD_POLL, fds[0], (void *)POLLIN, 0, 0), *v[2] = {&in, &in};
        aio_context_t c = 0;
        REQ(SETUP(1, &c) == 0 && SUBMIT(c, 2, v) == 2);
        pid_t pid = i % 10 ? 0 : tap_fork();
        if (!pid && i % 10 == 0) {
            token_send(fds[1]);
            _exit(0);
        }
        good &= DESTROY(c) == 0;
        if (pid) {
            good &= tap_exited(tap_wait(pid), 0);
            token_wait(fds[0]);
        }
    }
    CHECK(good, "destroyed while it becomes ready");
    close(p[0]), close(p[1]), close(fds[0]), close(fds[1]);
}

/* Their numbers are looked for when they are made: that is to take no longer the more there are, or hardly. */
static void thousands(void)
{
    CHECK_CHILD("thousands of contexts, numbered in turn", {
        for (unsigned i = 0; i < 5000; i++) {
            aio_context_t c = 0;
            REQ(SETUP(1, &c) == 0 && ((struct ring *)c)->id == i);
        }
    });
}

int main(int argc, char **argv)
{
    (void)argv;
    if (argc > 1)
        return 0;
    contexts();
    transfers();
    streams();
    eventfds();
    many();
    by_the_ring();
    moving();
    polls();
    ends();
    waiting();
    racing();
    thousands();
    return tap_end();
}
