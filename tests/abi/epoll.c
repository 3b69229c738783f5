// SPDX-License-Identifier: MIT
/*
 * epoll: what it accepts, when it reports (level, edge, once), sets of sets, descriptors that are closed or duplicated
 * while they are watched, signals and timeouts.
 */
#include "tests/abi/util.h"

#include <limits.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>

static int set_of(int ep, int op, int fd, uint32_t events, uint64_t data)
{
    struct epoll_event e = {.events = events, .data.u64 = data};
    return epoll_ctl(ep, op, fd, &e);
}

static int add(int ep, int fd, uint32_t events)
{
    return set_of(ep, EPOLL_CTL_ADD, fd, events, (uint64_t)fd);
}

static int change(int ep, int fd, uint32_t events)
{
    return set_of(ep, EPOLL_CTL_MOD, fd, events, (uint64_t)fd);
}

/* The events of the only one that is ready now; 0: none; -1: several. */
static int one(int ep)
{
    struct epoll_event e[4];
    int n = epoll_wait(ep, e, 4, 0);
    return n == 0 ? 0 : n == 1 ? (int)e[0].events : -1;
}

static void signal_fd(int fd)
{
    uint64_t v = 1;
    REQ(write(fd, &v, 8) == 8);
}

static void clear_fd(int fd)
{
    uint64_t v;
    REQ(read(fd, &v, 8) == 8);
}

static int new_eventfd(void)
{
    int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    REQ(fd >= 0);
    return fd;
}

static int new_epoll(void)
{
    int fd = epoll_create1(EPOLL_CLOEXEC);
    REQ(fd >= 0);
    return fd;
}

static void refusing(void)
{
    struct epoll_event e = {.events = EPOLLIN};
    int ep = epoll_create1(EPOLL_CLOEXEC), ev = new_eventfd(), plain = open("plain", O_RDWR | O_CREAT, 0600);
    int dir = open(".", O_RDONLY), path = open("plain", O_PATH);
    CHECK(ep >= 0 && fcntl(ep, F_GETFD) == FD_CLOEXEC, "epoll_create1 with EPOLL_CLOEXEC");
    CHECK_ERRNO(epoll_create1(1), EINVAL, "with an unknown flag");
    CHECK_ERRNO(epoll_create(0), EINVAL, "epoll_create of 0");
    CHECK_ERRNO(epoll_create(-1), EINVAL, "and of -1");
    CHECK_ERRNO(add(-1, ev, EPOLLIN), EBADF, "no set");
    CHECK_ERRNO(add(ep, -1, EPOLLIN), EBADF, "no descriptor");
    CHECK_ERRNO(add(ep, path, EPOLLIN), EBADF, "an O_PATH descriptor");
    CHECK_ERRNO(add(ep, plain, EPOLLIN), EPERM, "a regular file cannot be watched");
    CHECK_ERRNO(add(ep, dir, EPOLLIN), EPERM, "nor a folder");
    CHECK_ERRNO(add(ev, ev, EPOLLIN), EINVAL, "what is no set");
    CHECK_ERRNO(add(ep, ep, EPOLLIN), EINVAL, "the set itself");
    CHECK_ERRNO(change(ep, ev, EPOLLIN), ENOENT, "EPOLL_CTL_MOD of what is not in it");
    CHECK_ERRNO(epoll_ctl(ep, EPOLL_CTL_DEL, ev, NULL), ENOENT, "EPOLL_CTL_DEL likewise");
    CHECK(add(ep, ev, EPOLLIN) == 0, "EPOLL_CTL_ADD");
    CHECK_ERRNO(add(ep, ev, EPOLLOUT), EEXIST, "and again");
    CHECK_ERRNO(epoll_ctl(ep, 7, ev, &e), EINVAL, "an unknown operation");
    CHECK_ERRNO(epoll_ctl(ep, EPOLL_CTL_MOD, ev, at_addr(8)), EFAULT, "an event that cannot be read");
    CHECK(epoll_ctl(ep, EPOLL_CTL_DEL, ev, at_addr(8)) == 0, "EPOLL_CTL_DEL does not look at it");
    CHECK_ERRNO(epoll_wait(ep, &e, 0, 0), EINVAL, "epoll_wait for no event");
    CHECK_ERRNO(epoll_wait(ep, &e, (int)opaque(-1), 0), EINVAL, "for less than none");
    CHECK_ERRNO(epoll_wait(ep, &e, (int)opaque(INT_MAX / sizeof e + 1), 0), EINVAL, "for more than fit into memory");
    CHECK_ERRNO(epoll_wait(ev, &e, 1, 0), EINVAL, "on what is no set");
    CHECK_ERRNO(epoll_wait(-1, &e, 1, 0), EBADF, "on nothing");
    signal_fd(ev);
    REQ(add(ep, ev, EPOLLIN) == 0);
    CHECK_ERRNO(epoll_wait(ep, at_addr(8), 1, 0), EFAULT, "into memory that is not there");
    CHECK(one(ep) == EPOLLIN, "which loses no event");
    char byte;
    CHECK_ERRNO(read(ep, &byte, 1), EINVAL, "a set is not read");
    CHECK_ERRNO(write(ep, &byte, 1), EINVAL, "nor written");
    close(ep), close(ev), close(plain), close(dir), close(path);
}

static void level_and_edge(void)
{
    struct epoll_event e;
    int level = new_epoll(), edge = new_epoll(), ev = new_eventfd();
    REQ(set_of(level, EPOLL_CTL_ADD, ev, EPOLLIN, 0x123456789abcdef) == 0 && add(edge, ev, EPOLLIN | EPOLLET) == 0);
    CHECK(one(level) == 0 && one(edge) == 0, "nothing is ready");
    signal_fd(ev);
    CHECK(epoll_wait(level, &e, 1, -1) == 1 && e.data.u64 == 0x123456789abcdef && e.events == EPOLLIN,
          "an event with its data");
    CHECK(one(level) == EPOLLIN && one(level) == EPOLLIN, "level-triggered: as long as it is ready");
    CHECK(one(edge) == EPOLLIN && one(edge) == 0, "edge-triggered: once");
    signal_fd(ev);
    CHECK(one(edge) == EPOLLIN && one(edge) == 0, "and with each new write, read or not");
    clear_fd(ev);
    CHECK(one(level) == 0 && one(edge) == 0, "read, it is not ready");
    signal_fd(ev);
    clear_fd(ev);
    CHECK(one(edge) == 0, "what has come and gone is not reported");
    signal_fd(ev);
    CHECK(one(edge) == EPOLLIN && change(edge, ev, EPOLLIN | EPOLLET) == 0 && one(edge) == EPOLLIN,
          "EPOLL_CTL_MOD reports anew what is ready");
    CHECK(change(edge, ev, EPOLLIN | EPOLLOUT | EPOLLET) == 0 && one(edge) == (EPOLLIN | EPOLLOUT) && one(edge) == 0,
          "both directions at once");
    CHECK(change(level, ev, 0) == 0 && one(level) == 0, "no event is asked for");
    CHECK(change(level, ev, EPOLLIN) == 0 && one(level) == EPOLLIN, "and then one that is there already");
    CHECK(epoll_ctl(level, EPOLL_CTL_DEL, ev, NULL) == 0 && one(level) == 0, "removed");
    close(level), close(edge), close(ev);
}

static void once(void)
{
    int ep = new_epoll(), ev = new_eventfd(), p[2];
    REQ(add(ep, ev, EPOLLIN | EPOLLONESHOT) == 0);
    signal_fd(ev);
    CHECK(one(ep) == EPOLLIN && one(ep) == 0, "EPOLLONESHOT: once");
    signal_fd(ev);
    CHECK(one(ep) == 0, "not even with more");
    CHECK(change(ep, ev, EPOLLIN | EPOLLONESHOT) == 0 && one(ep) == EPOLLIN && one(ep) == 0,
          "until EPOLL_CTL_MOD arms it again");
    make_pipe(p);
    REQ(add(ep, p[0], EPOLLIN | EPOLLONESHOT) == 0);
    token_send(p[1]);
    REQ(one(ep) == EPOLLIN);
    close(p[1]);
    CHECK(one(ep) == 0, "nor with the end of a pipe");
    CHECK(change(ep, p[0], EPOLLONESHOT) == 0 && one(ep) == EPOLLHUP, "which is reported without being asked for");
    close(p[0]), close(ep), close(ev);
}

static void pipes(void)
{
    static char page[65536];
    int ep = new_epoll(), p[2];
    REQ(pipe2(p, O_NONBLOCK | O_CLOEXEC) == 0);
    REQ(add(ep, p[0], EPOLLIN) == 0 && add(ep, p[1], EPOLLOUT | EPOLLET) == 0);
    CHECK(one(ep) == EPOLLOUT && one(ep) == 0, "an empty pipe can be written");
    REQ(write(p[1], page, sizeof page) == sizeof page);
    CHECK(one(ep) == EPOLLIN, "a full one can be read");
    REQ(read(p[0], page, sizeof page) == sizeof page);
    CHECK(one(ep) == EPOLLOUT, "emptied it can be written again: an edge");
    close(p[0]);
    CHECK(one(ep) & EPOLLERR, "without a reader: EPOLLERR");
    close(p[1]);
    CHECK(one(ep) == 0, "both closed: nothing is watched");
    close(ep);
}

/* Level-triggered descriptors take turns when fewer are asked for than are ready. */
static void turns(void)
{
    struct epoll_event e;
    int ep = new_epoll(), ev[3], seen[3] = {0};
    for (int i = 0; i < 3; i++) {
        ev[i] = new_eventfd();
        REQ(set_of(ep, EPOLL_CTL_ADD, ev[i], EPOLLIN, (uint64_t)i) == 0);
        signal_fd(ev[i]);
    }
    for (int i = 0; i < 6; i++) {
        REQ(epoll_wait(ep, &e, 1, 0) == 1 && e.data.u64 < 3);
        seen[e.data.u64]++;
    }
    CHECK(seen[0] == 2 && seen[1] == 2 && seen[2] == 2, "one event a call: each has its turn");
    struct epoll_event all[8];
    CHECK(epoll_wait(ep, all, 8, 0) == 3, "or all in one");
    for (int i = 0; i < 3; i++)
        close(ev[i]);
    close(ep);
}

/* All that are ready are reported, however many, each once. */
static void crowd(void)
{
    enum { N = 2000 };
    static struct epoll_event all[N + 10];
    static int seen[N];
    int ep = new_epoll(), ev = new_eventfd(), right = 0;
    signal_fd(ev);
    struct rlimit many = {4 * N, 4 * N};
    REQ(setrlimit(RLIMIT_NOFILE, &many) == 0);
    for (int i = 0; i < N; i++) {
        int fd = fcntl(ev, F_DUPFD, N); /* one file under many numbers: an item each */
        REQ(fd >= 0 && set_of(ep, EPOLL_CTL_ADD, fd, EPOLLIN, (uint64_t)i) == 0);
    }
    CHECK(epoll_wait(ep, all, N + 10, 0) == N, "two thousand events in one call");
    for (int i = 0; i < N; i++)
        seen[all[i].data.u64]++;
    for (int i = 0; i < N; i++)
        right += seen[i] == 1;
    CHECK(right == N, "each of them once");
    CHECK(epoll_wait(ep, all, N - 1, 0) == N - 1, "or as many as are asked for");
    close_range(N, ~0u, 0);
    close(ep), close(ev);
}

/* ---- descriptors that come and go ---- */

static void closing(void)
{
    int ep = new_epoll(), ev = new_eventfd(), copy;
    REQ(add(ep, ev, EPOLLIN) == 0);
    signal_fd(ev);
    copy = dup(ev);
    close(ev);
    CHECK(one(ep) == EPOLLIN, "closed, but the file lives in a duplicate: it is still watched");
    CHECK_ERRNO(epoll_ctl(ep, EPOLL_CTL_DEL, ev, NULL), EBADF, "and cannot be removed by the old number");
    CHECK_ERRNO(epoll_ctl(ep, EPOLL_CTL_DEL, copy, NULL), ENOENT, "nor by the new one");
    CHECK(dup2(copy, ev) == ev && epoll_ctl(ep, EPOLL_CTL_DEL, ev, NULL) == 0 && one(ep) == 0,
          "but by the old one when it is the same file again");
    REQ(add(ep, ev, EPOLLIN) == 0);
    CHECK(add(ep, copy, EPOLLIN) == 0 && one(ep) == -1, "two descriptors of one file are two");
    close(ev);
    close(copy);
    CHECK(one(ep) == 0, "the last close removes them");
    int again = new_eventfd();
    CHECK(add(ep, again, EPOLLIN) == 0 && one(ep) == 0, "the number can be used anew");
    CHECK_CHILD("a child adds to the set it shares", {
        signal_fd(again);
        int own = new_eventfd();
        signal_fd(own);
        REQ(add(ep, own, EPOLLIN) == 0 && one(ep) == -1);
    });
    CHECK(one(ep) == EPOLLIN, "what it watched goes with it");
    close(again);
    close(ep);
}

/* ---- sets of sets ---- */

/* A chain of n sets, each watching the next; the first; -1: refused. */
static int chain(int *fds, int n)
{
    int good = 1;
    for (int i = 0; i < n; i++)
        fds[i] = new_epoll();
    for (int i = n - 2; i >= 0; i--)
        good &= add(fds[i], fds[i + 1], EPOLLIN) == 0;
    return good ? fds[0] : -1;
}

static void close_all(const int *fds, int n)
{
    for (int i = 0; i < n; i++)
        close(fds[i]);
}

static void nesting(void)
{
    struct pollfd pf;
    int outer = new_epoll(), inner = new_epoll(), ev = new_eventfd(), five[8], two[2];
    REQ(add(inner, ev, EPOLLIN) == 0);
    CHECK(add(outer, inner, EPOLLIN) == 0 && one(outer) == 0, "a set in a set");
    signal_fd(ev);
    pf = (struct pollfd){inner, POLLIN, 0};
    CHECK(one(outer) == EPOLLIN && one(outer) == EPOLLIN, "is ready when one of its own is");
    CHECK(poll(&pf, 1, 0) == 1 && pf.revents == POLLIN, "for poll as well");
    CHECK(one(inner) == EPOLLIN && one(outer) == EPOLLIN, "also after it was asked itself");
    clear_fd(ev);
    CHECK(one(outer) == 0 && poll(&pf, 1, 0) == 0, "and is not when it is not");
    REQ(change(outer, inner, EPOLLIN | EPOLLET) == 0);
    signal_fd(ev);
    CHECK(one(outer) == EPOLLIN && one(outer) == 0, "watched by edges: once");
    CHECK_ERRNO(add(inner, outer, EPOLLIN), ELOOP, "a loop");
    close(outer), close(inner);
    CHECK(chain(five, 5) >= 0, "five sets, one in the other");
    REQ(add(five[4], ev, EPOLLIN) == 0);
    CHECK(one(five[0]) == EPOLLIN, "an event rises through all of them");
    int above = new_epoll();
    CHECK_ERRNO(add(above, five[0], EPOLLIN), ELOOP, "a sixth above them");
    CHECK_ERRNO(add(five[4], above, EPOLLIN), ELOOP, "or below");
    REQ(chain(two, 2) >= 0 && epoll_ctl(five[2], EPOLL_CTL_DEL, five[3], NULL) == 0);
    CHECK(add(five[2], two[0], EPOLLIN) == 0, "three on two");
    CHECK_ERRNO(add(two[1], five[3], EPOLLIN), ELOOP, "and no two more behind these");
    CHECK_ERRNO(add(five[4], five[0], EPOLLIN), ELOOP, "nor three, which would be seven");
    close_all(five, 5), close_all(two, 2);
    close(above), close(ev);
}

/* Ways from a descriptor up to sets that nobody watches are counted by their length: a wake-up walks them all. */
static void fan_in(void)
{
    struct rlimit many = {2048, 2048};
    CHECK_CHILD("a set in 500 others, with a descriptor in it, and not in 501", {
        REQ(setrlimit(RLIMIT_NOFILE, &many) == 0);
        int base = new_epoll(), ev = new_eventfd(), last;
        REQ(add(base, ev, EPOLLIN) == 0);
        for (int i = 0; i < 500; i++)
            REQ((last = new_epoll()) >= 0 && add(last, base, EPOLLIN) == 0);
        signal_fd(ev);
        REQ(one(last) == EPOLLIN);
        REQ(add(new_epoll(), base, EPOLLIN) == -1 && errno == EINVAL);
        int second = new_eventfd();
        REQ(add(base, second, EPOLLIN) == 0);
        REQ(epoll_ctl(last, EPOLL_CTL_DEL, base, NULL) == 0 && add(new_epoll(), base, EPOLLIN) == 0);
    });
    CHECK_CHILD("a descriptor added below too many ways", {
        REQ(setrlimit(RLIMIT_NOFILE, &many) == 0);
        int base = new_epoll(), ev = new_eventfd();
        for (int i = 0; i < 501; i++)
            REQ(add(new_epoll(), base, EPOLLIN) == 0);
        REQ(add(base, ev, EPOLLIN) == -1 && errno == EINVAL);
        REQ(epoll_ctl(base, EPOLL_CTL_DEL, ev, NULL) == -1 && errno == ENOENT);
    });
    CHECK_CHILD("ten ways of five sets each, and no eleventh", {
        REQ(setrlimit(RLIMIT_NOFILE, &many) == 0);
        int fds[5], ev = new_eventfd();
        for (int i = 0; i < 10; i++)
            REQ(chain(fds, 5) >= 0 && add(fds[4], ev, EPOLLIN) == 0);
        REQ(chain(fds, 5) >= 0 && add(fds[4], ev, EPOLLIN) == -1 && errno == EINVAL);
    });
    CHECK_CHILD("sets that are in no other: as many as one likes", {
        REQ(setrlimit(RLIMIT_NOFILE, &many) == 0);
        int ev = new_eventfd();
        for (int i = 0; i < 1200; i++)
            REQ(add(new_epoll(), ev, EPOLLIN) == 0);
        signal_fd(ev);
    });
}

/* ---- several who wait ---- */

struct waiter {
    int ep, ready;
    struct epoll_event got;
};

static void *waits(void *arg)
{
    struct waiter *w = arg;
    w->ready = epoll_wait(w->ep, &w->got, 1, 20000);
    return NULL;
}

static void waiting(void)
{
    int ep = new_epoll(), ev = new_eventfd(), late = new_eventfd();
    struct waiter w[2] = {{.ep = ep}, {.ep = ep}};
    pthread_t t[2];
    REQ(add(ep, ev, EPOLLIN | EPOLLET) == 0);
    for (int i = 0; i < 2; i++)
        REQ(pthread_create(&t[i], NULL, waits, &w[i]) == 0);
    msleep(20);
    signal_fd(ev);
    REQ(add(ep, late, EPOLLIN | EPOLLET) == 0);
    signal_fd(late);
    for (int i = 0; i < 2; i++)
        pthread_join(t[i], NULL);
    CHECK(w[0].ready == 1 && w[1].ready == 1 && w[0].got.data.u64 != w[1].got.data.u64,
          "two threads wait on one set: each gets one of two events");
    close(ep), close(ev), close(late);
}

static int ready_set, looked_enough;

static void *looks(void *arg)
{
    (void)arg;
    struct pollfd p = {ready_set, POLLIN, 0};
    while (!__atomic_load_n(&looked_enough, __ATOMIC_SEQ_CST))
        poll(&p, 1, 0);
    return NULL;
}

/* While one asks whether a set is ready, which takes its list, another waits for it. Many on the list are not ready any
 * more, and asked first. Who misses the rest waits for ever, since nothing else happens. */
static void looked_at(void)
{
    enum { TIMES = 2000, SAME = 100 };
    struct epoll_event e;
    pthread_t t;
    int many = new_eventfd(), last = new_eventfd(), same[SAME];
    int64_t end = now_ns() + 5000000000; /* as often as there is time for */
    ready_set = new_epoll();
    for (int i = 0; i < SAME; i++)
        REQ((same[i] = dup(many)) >= 0 && add(ready_set, same[i], EPOLLIN) == 0);
    REQ(add(ready_set, last, EPOLLIN) == 0);
    REQ(pthread_create(&t, NULL, looks, NULL) == 0);
    for (int n = 0; n < TIMES && now_ns() < end; n++) {
        signal_fd(many);
        signal_fd(last);
        clear_fd(many);
        REQ(epoll_wait(ready_set, &e, 1, -1) == 1 && e.data.u64 == (uint64_t)last);
        clear_fd(last);
    }
    __atomic_store_n(&looked_enough, 1, __ATOMIC_SEQ_CST);
    pthread_join(t, NULL);
}

static void nowhere_to_put(void)
{
    int ep = new_epoll(), ev = new_eventfd();
    REQ(add(ep, ev, EPOLLIN | EPOLLET) == 0);
    signal_fd(ev);
    CHECK_ERRNO(epoll_wait(ep, at_addr(8), 1, 0), EFAULT, "nowhere to put an event");
    CHECK(one(ep) == EPOLLIN && one(ep) == 0, "its edge is not lost");
    REQ(change(ep, ev, EPOLLIN | EPOLLONESHOT) == 0);
    CHECK_ERRNO(epoll_wait(ep, at_addr(8), 1, 0), EFAULT, "nor to put the only one");
    CHECK(one(ep) == EPOLLIN && one(ep) == 0, "which comes later");
    close(ep), close(ev);
}

static void exclusive(void)
{
    int a = new_epoll(), b = new_epoll(), ev = new_eventfd();
    struct waiter w = {.ep = b};
    pthread_t t;
    CHECK_ERRNO(add(a, ev, EPOLLIN | EPOLLEXCLUSIVE | EPOLLONESHOT), EINVAL, "EPOLLEXCLUSIVE with EPOLLONESHOT");
    CHECK_ERRNO(add(a, b, EPOLLIN | EPOLLEXCLUSIVE), EINVAL, "on a set");
    CHECK_ERRNO(add(a, ev, EPOLLIN | EPOLLPRI | EPOLLEXCLUSIVE), EINVAL, "with EPOLLPRI");
    CHECK(add(a, ev, EPOLLIN | EPOLLEXCLUSIVE) == 0 && add(b, ev, EPOLLIN | EPOLLEXCLUSIVE) == 0, "in two sets");
    CHECK_ERRNO(change(a, ev, EPOLLIN), EINVAL, "it is not changed");
    CHECK_ERRNO(change(a, ev, EPOLLIN | EPOLLEXCLUSIVE), EINVAL, "not even to the same");
    REQ(pthread_create(&t, NULL, waits, &w) == 0);
    msleep(20);
    signal_fd(ev);
    pthread_join(t, NULL);
    CHECK(w.ready == 1 && w.got.events == EPOLLIN, "who waits is woken, though the other set comes first");
    CHECK(epoll_ctl(a, EPOLL_CTL_DEL, ev, NULL) == 0 && one(b) == EPOLLIN, "and it can be removed");
    close(a), close(b), close(ev);
}

/* ---- time and signals ---- */

static volatile int hits;

static void on_signal(int sig)
{
    (void)sig;
    hits++;
}

static int pwait2(int ep, struct epoll_event *e, int max, const struct timespec *ts, const void *mask, size_t size)
{
    return (int)syscall(SYS_epoll_pwait2, ep, e, max, ts, mask, size);
}

static void timeouts(void)
{
    struct epoll_event e;
    int ep = new_epoll();
    int64_t t = now_ns();
    CHECK(epoll_wait(ep, &e, 1, 30) == 0 && now_ns() - t >= 30000000, "epoll_wait waits as long as told");
    t = now_ns();
    struct timespec ts = {0, 30000000};
    CHECK(pwait2(ep, &e, 1, &ts, NULL, 0) == 0 && now_ns() - t >= 30000000, "epoll_pwait2 too");
    ts = (struct timespec){0, 0};
    CHECK(pwait2(ep, &e, 1, &ts, NULL, 0) == 0, "or not at all");
    ts = (struct timespec){0, 1};
    CHECK(pwait2(ep, &e, 1, &ts, NULL, 0) == 0, "for a nanosecond");
    ts = (struct timespec){0, 1000000000};
    CHECK_ERRNO(pwait2(ep, &e, 1, &ts, NULL, 0), EINVAL, "a second's worth of nanoseconds");
    ts = (struct timespec){-1, 0};
    CHECK_ERRNO(pwait2(ep, &e, 1, &ts, NULL, 0), EINVAL, "a negative time");
    CHECK_ERRNO(pwait2(ep, &e, 1, at_addr(8), NULL, 0), EFAULT, "a time that cannot be read");
    close(ep);
}

static void *interrupts(void *arg)
{
    pthread_t *main_thread = arg;
    while (!hits) {
        msleep(10);
        pthread_kill(*main_thread, SIGUSR1);
    }
    return NULL;
}

static void signals(void)
{
    struct sigaction sa = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    struct epoll_event e;
    sigset_t block, none;
    int ep = new_epoll(), ev = new_eventfd();
    pthread_t t, me = pthread_self();
    sigemptyset(&none);
    sigemptyset(&block);
    sigaddset(&block, SIGUSR1);
    sigaction(SIGUSR1, &sa, NULL);
    REQ(pthread_create(&t, NULL, interrupts, &me) == 0);
    CHECK_ERRNO(epoll_wait(ep, &e, 1, -1), EINTR, "a signal ends epoll_wait, SA_RESTART or not");
    pthread_join(t, NULL);
    REQ(pthread_sigmask(SIG_BLOCK, &block, NULL) == 0);
    hits = 0;
    raise(SIGUSR1);
    CHECK_ERRNO(epoll_pwait(ep, &e, 1, -1, &none), EINTR, "epoll_pwait lets a blocked one in");
    CHECK(hits == 1, "once");
    raise(SIGUSR1);
    CHECK_ERRNO(pwait2(ep, &e, 1, NULL, &none, 8), EINTR, "epoll_pwait2 likewise");
    raise(SIGUSR1);
    CHECK(epoll_pwait(ep, &e, 1, 10, &block) == 0 && epoll_wait(ep, &e, 1, 0) == 0 && hits == 2,
          "what stays blocked does not end it");
    REQ(add(ep, ev, EPOLLIN) == 0);
    signal_fd(ev);
    CHECK(epoll_pwait(ep, &e, 1, -1, &none) == 1 && e.events == EPOLLIN,
          "an event that is there goes before the signal");
    sigset_t now;
    REQ(pthread_sigmask(SIG_SETMASK, NULL, &now) == 0);
    CHECK(sigismember(&now, SIGUSR1), "and the mask is what it was");
    CHECK_ERRNO(syscall(SYS_epoll_pwait, ep, &e, 1, 0, &none, 4), EINVAL, "a mask of another size");
    CHECK_ERRNO(syscall(SYS_epoll_pwait, ep, &e, 1, 0, at_addr(8), 8), EFAULT, "one that cannot be read");
    close(ep), close(ev);
}

int main(void)
{
    refusing();
    level_and_edge();
    once();
    pipes();
    turns();
    crowd();
    closing();
    nesting();
    fan_in();
    waiting();
    CHECK_CHILD("who waits for a ready set gets it though another looks at it", looked_at());
    nowhere_to_put();
    exclusive();
    timeouts();
    signals();
    return tap_end();
}
