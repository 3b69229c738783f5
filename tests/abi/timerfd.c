// SPDX-License-Identifier: MIT
/* timerfd: clocks, one shot and intervals, absolute times, what is counted, waiting, poll and edges of epoll. */
#define TAP_KEEP_CAPABILITIES /* the clock is set, where that does no harm */
#include "tests/abi/util.h"

#include <pthread.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/time.h>
#include <sys/timerfd.h>

#define MS 1000000L

/* In milliseconds: relative. */
static int set(int fd, long value, long interval)
{
    struct itimerspec v = {{interval / 1000, interval % 1000 * MS}, {value / 1000, value % 1000 * MS}};
    return timerfd_settime(fd, 0, &v, NULL);
}

static struct timespec from_now(int clock, long ms)
{
    struct timespec t;
    clock_gettime(clock, &t);
    int64_t ns = t.tv_sec * 1000000000LL + t.tv_nsec + ms * MS;
    return (struct timespec){ns / 1000000000, ns % 1000000000};
}

static int set_abs(int fd, int flags, int clock, long ms, long interval)
{
    struct itimerspec v = {{interval / 1000, interval % 1000 * MS}, from_now(clock, ms)};
    return timerfd_settime(fd, TFD_TIMER_ABSTIME | flags, &v, NULL);
}

static uint64_t take(int fd)
{
    uint64_t v;
    return read(fd, &v, 8) == 8 ? v : 0;
}

static int ready(int fd, int ms)
{
    struct pollfd p = {fd, POLLIN | POLLOUT, 0};
    REQ(poll(&p, 1, ms) >= 0);
    return p.revents;
}

static int is_off(int fd)
{
    struct itimerspec v;
    REQ(timerfd_gettime(fd, &v) == 0);
    return !v.it_value.tv_sec && !v.it_value.tv_nsec;
}

static void making(void)
{
    static const int clocks[] = {CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_BOOTTIME};
    for (unsigned i = 0; i < COUNT(clocks); i++) {
        int fd = timerfd_create(clocks[i], TFD_NONBLOCK | TFD_CLOEXEC);
        CHECK(fd >= 0 && fcntl(fd, F_GETFD) == FD_CLOEXEC && fcntl(fd, F_GETFL) == (O_RDWR | O_NONBLOCK),
              "a clock, and the flags");
        close(fd);
    }
    static const int others[] = {CLOCK_PROCESS_CPUTIME_ID,
                                 CLOCK_THREAD_CPUTIME_ID,
                                 CLOCK_MONOTONIC_RAW,
                                 CLOCK_REALTIME_COARSE,
                                 CLOCK_MONOTONIC_COARSE,
                                 CLOCK_TAI,
                                 -6,
                                 77};
    for (unsigned i = 0; i < COUNT(others); i++)
        CHECK_ERRNO(timerfd_create(others[i], 0), EINVAL, "a clock that has no timerfd");
    CHECK_ERRNO(timerfd_create(CLOCK_MONOTONIC, 1), EINVAL, "an unknown flag");
    CHECK_ERRNO(timerfd_create(77, 1), EINVAL, "both wrong");
    CHECK_CHILD("CLOCK_BOOTTIME_ALARM needs CAP_WAKE_ALARM", drop_root();
                REQ(timerfd_create(CLOCK_BOOTTIME_ALARM, 0) < 0 && errno == EPERM);
                REQ(timerfd_create(CLOCK_REALTIME_ALARM, 0) < 0 && errno == EPERM));
    int fd = timerfd_create(CLOCK_BOOTTIME_ALARM, TFD_NONBLOCK);
    CHECK(fd >= 0 && set(fd, 1, 0) == 0 && ready(fd, 20000) == POLLIN, "root has it");
    CHECK_CHILD("and passes it on, but not the right to set it", drop_root(); REQ(set(fd, 1, 0) < 0 && errno == EPERM));
    close(fd);
}

static void refused(void)
{
    uint64_t v = 1;
    struct itimerspec s = {{0, 0}, {100, 0}}, bad;
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK), other = open("/dev/null", O_RDONLY);
    CHECK_ERRNO(read(fd, &v, 8), EAGAIN, "a read while it is off");
    CHECK_ERRNO(read(fd, &v, 7), EINVAL, "a read of less than eight bytes");
    CHECK_ERRNO(write(fd, &v, 8), EINVAL, "a write");
    CHECK_ERRNO(pread(fd, &v, 8, 0), ESPIPE, "pread");
    CHECK_ERRNO(timerfd_settime(-1, 0, &s, NULL), EBADF, "settime: no file");
    CHECK_ERRNO(timerfd_settime(other, 0, &s, NULL), EINVAL, "settime: another kind of file");
    CHECK_ERRNO(timerfd_settime(fd, 4, &s, NULL), EINVAL, "settime: an unknown flag");
    CHECK_ERRNO(timerfd_settime(-1, 4, &s, NULL), EINVAL, "settime: a flag goes before the file");
    CHECK_ERRNO(timerfd_settime(fd, 0, at_addr(8), NULL), EFAULT, "settime: no value");
    CHECK_ERRNO(timerfd_settime(fd, 4, at_addr(8), NULL), EFAULT, "which goes before a flag");
    bad = s, bad.it_value.tv_nsec = 1000000000;
    CHECK_ERRNO(timerfd_settime(fd, 0, &bad, NULL), EINVAL, "a second's nanoseconds");
    bad = s, bad.it_interval.tv_nsec = -1;
    CHECK_ERRNO(timerfd_settime(fd, 0, &bad, NULL), EINVAL, "a negative interval");
    bad = s, bad.it_value.tv_sec = -1;
    CHECK_ERRNO(timerfd_settime(fd, 0, &bad, NULL), EINVAL, "a negative time");
    CHECK(is_off(fd), "none of them set it");
    CHECK_ERRNO(timerfd_settime(fd, 0, &s, at_addr(8)), EFAULT, "nowhere for the old value");
    CHECK(!is_off(fd), "but the new one is set");
    CHECK_ERRNO(timerfd_gettime(-1, &s), EBADF, "gettime: no file");
    CHECK_ERRNO(timerfd_gettime(other, &s), EINVAL, "gettime: another kind of file");
    CHECK_ERRNO(timerfd_gettime(fd, at_addr(8)), EFAULT, "gettime: nowhere to");
    CHECK_ERRNO(ioctl(fd, FIONREAD, &v), ENOTTY, "an ioctl it does not know");
    close(fd), close(other);
}

static void firing(void)
{
    struct itimerspec old, v = {{0, 0}, {1000, 5}};
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    REQ(set(fd, 30, 0) == 0);
    CHECK(!is_off(fd) && ready(fd, 20000) == POLLIN && take(fd) == 1, "one shot");
    CHECK(is_off(fd) && take(fd) == 0 && ready(fd, 0) == 0, "and no more");
    REQ(set(fd, 5000, 7000) == 0 && timerfd_settime(fd, 0, &v, &old) == 0);
    CHECK(old.it_interval.tv_sec == 7 && (old.it_value.tv_sec == 4 || old.it_value.tv_sec == 5), "the old value");
    REQ(timerfd_gettime(fd, &old) == 0);
    CHECK(old.it_value.tv_sec <= 1000 && old.it_value.tv_sec > 900 && !old.it_interval.tv_sec, "what is left");
    REQ(set(fd, 0, 10) == 0);
    REQ(timerfd_gettime(fd, &old) == 0);
    CHECK(is_off(fd) && old.it_interval.tv_nsec == 10 * MS, "a value of nothing turns it off; the interval is told");
    msleep(30);
    CHECK(take(fd) == 0, "it does not fire");
    REQ(set(fd, 1, 0) == 0 && ready(fd, 20000) == POLLIN && set(fd, 100000, 0) == 0);
    CHECK(ready(fd, 0) == 0 && take(fd) == 0, "setting forgets what was not read");
    int64_t start = now_ns();
    REQ(set(fd, 50, 0) == 0 && ready(fd, 20000) == POLLIN);
    CHECK(now_ns() - start >= 50 * MS, "not before its time");
    REQ(set(fd, 1, 0) == 0 && ready(fd, 20000) == POLLIN);
    uint64_t count;
    CHECK_ERRNO(read(fd, at_addr(8), 8), EFAULT, "a read into memory that is not there");
    CHECK_ERRNO(read(fd, &count, 8), EAGAIN, "takes the count all the same");
    v = (struct itimerspec){{0, 0}, {INT64_MAX, 999999999}};
    CHECK(timerfd_settime(fd, 0, &v, NULL) == 0 && timerfd_gettime(fd, &old) == 0 && old.it_value.tv_sec > 1000000000 &&
              take(fd) == 0,
          "the end of time is far away");
    close(fd);
}

static void intervals(void)
{
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    int64_t start = now_ns();
    REQ(set(fd, 10, 10) == 0);
    uint64_t sum = 0;
    while (now_ns() < 1500 * MS)
        msleep(100); /* a machine that has just been booted has no past to start in */
    while (sum < 5) {
        REQ(ready(fd, 20000) == POLLIN);
        sum += take(fd);
    }
    CHECK(now_ns() - start >= 50 * MS, "five periods are no shorter than that");
    REQ(set(fd, 10, 10) == 0);
    msleep(100);
    struct itimerspec v;
    REQ(timerfd_gettime(fd, &v) == 0);
    CHECK(v.it_value.tv_sec == 0 && v.it_value.tv_nsec > 0 && v.it_value.tv_nsec <= 10 * MS,
          "the next one is always near");
    CHECK(take(fd) >= 9, "periods that went by unread are counted");
    REQ(set(fd, 1, 0) == 0 && ready(fd, 20000) == POLLIN);
    CHECK(take(fd) == 1, "an interval goes with its setting");
    start = now_ns();
    REQ(set_abs(fd, 0, CLOCK_MONOTONIC, -1000, 100) == 0 && ready(fd, 20000) == POLLIN);
    uint64_t n = take(fd);
    CHECK(n >= 11 && n <= 11 + (uint64_t)(now_ns() - start) / (100 * MS) + 1, "a start in the past counts from there");
    close(fd);
}

/* Beyond what nanoseconds can count. */
static void long_interval(void)
{
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    struct itimerspec v = {{9223372037, 0}, {0, MS}};
    REQ(timerfd_settime(fd, 0, &v, NULL) == 0 && ready(fd, 20000) == POLLIN);
    CHECK(take(fd) == 1 && ready(fd, 20) == 0, "a period of three hundred years begins");
    REQ(timerfd_gettime(fd, &v) == 0);
    CHECK(v.it_value.tv_sec > 9000000000, "and takes its time");
    close(fd);
}

static void absolute(void)
{
    static const int clocks[] = {CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_BOOTTIME};
    for (unsigned i = 0; i < COUNT(clocks); i++) {
        int fd = timerfd_create(clocks[i], 0);
        struct itimerspec v = {{0, 0}, from_now(clocks[i], 40)};
        REQ(timerfd_settime(fd, TFD_TIMER_ABSTIME, &v, NULL) == 0 && take(fd) == 1);
        struct timespec now = from_now(clocks[i], 0);
        CHECK(now.tv_sec > v.it_value.tv_sec || (now.tv_sec == v.it_value.tv_sec && now.tv_nsec >= v.it_value.tv_nsec),
              "an absolute time has come when a read returns");
        REQ(set_abs(fd, 0, clocks[i], -100, 0) == 0);
        CHECK(take(fd) == 1, "one that has passed is there at once");
        REQ(set_abs(fd, 0, clocks[i], 100000, 0) == 0 && timerfd_gettime(fd, &v) == 0);
        CHECK(v.it_value.tv_sec >= 90 && v.it_value.tv_sec <= 100, "what is left of it is relative");
        close(fd);
    }
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    CHECK(set_abs(fd, TFD_TIMER_CANCEL_ON_SET, CLOCK_MONOTONIC, 10, 0) == 0 && ready(fd, 20000) == POLLIN &&
              take(fd) == 1,
          "TFD_TIMER_CANCEL_ON_SET says nothing on another clock");
    close(fd);
}

/* Only where the clock is this machine's own. */
static void clock_set(void)
{
    uint64_t v;
    if (!own_machine()) {
        SKIP("a timer is cancelled when the clock is set", "the clock is the host's");
        SKIP("and goes on afterwards", "the clock is the host's");
        SKIP("settime tells of it too", "the clock is the host's");
        SKIP("but arms", "the clock is the host's");
        SKIP("an absolute time follows the clock", "the clock is the host's");
        SKIP("a relative one does not", "the clock is the host's");
        return;
    }
    int fd = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK), plain = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK);
    int rel = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK);
    struct timespec ahead;
    REQ(set_abs(fd, TFD_TIMER_CANCEL_ON_SET, CLOCK_REALTIME, 1800000, 0) == 0);
    REQ(set_abs(plain, 0, CLOCK_REALTIME, 3000000, 0) == 0 && set(rel, 3000000, 0) == 0);
    ahead = from_now(CLOCK_REALTIME, 1000);
    REQ(clock_settime(CLOCK_REALTIME, &ahead) == 0 && ready(fd, 20000) == POLLIN);
    CHECK_ERRNO(read(fd, &v, 8), ECANCELED, "a timer is cancelled when the clock is set");
    CHECK(!is_off(fd) && take(fd) == 0, "and goes on afterwards");
    ahead = from_now(CLOCK_REALTIME, -1000);
    REQ(clock_settime(CLOCK_REALTIME, &ahead) == 0);
    CHECK_ERRNO(set_abs(fd, TFD_TIMER_CANCEL_ON_SET, CLOCK_REALTIME, 1800000, 0), ECANCELED, "settime tells of it too");
    CHECK(!is_off(fd) && take(fd) == 0, "but arms");
    ahead = from_now(CLOCK_REALTIME, 3000000);
    REQ(clock_settime(CLOCK_REALTIME, &ahead) == 0);
    CHECK(ready(plain, 20000) == POLLIN && take(plain) == 1, "an absolute time follows the clock");
    CHECK(take(rel) == 0 && !is_off(rel), "a relative one does not");
    ahead = from_now(CLOCK_REALTIME, -3000000);
    REQ(clock_settime(CLOCK_REALTIME, &ahead) == 0);
    close(fd), close(plain), close(rel);
}

/* ---- waiting ---- */

static void *reads(void *arg)
{
    return (void *)(long)take((int)(long)arg);
}

static volatile sig_atomic_t alarms;
static void on_alarm(int sig)
{
    (void)sig;
    alarms++;
}

static void waiting(void)
{
    int fd = timerfd_create(CLOCK_MONOTONIC, 0);
    pthread_t t[2];
    void *got[2];
    REQ(pthread_create(&t[0], NULL, reads, (void *)(long)fd) == 0);
    msleep(20);
    REQ(set(fd, 10, 0) == 0);
    pthread_join(t[0], &got[0]);
    CHECK((long)got[0] == 1, "a read waits for a timer that is set meanwhile");
    for (int i = 0; i < 2; i++)
        REQ(pthread_create(&t[i], NULL, reads, (void *)(long)fd) == 0);
    REQ(set(fd, 20, 20) == 0);
    for (int i = 0; i < 2; i++)
        pthread_join(t[i], &got[i]);
    CHECK((long)got[0] >= 1 && (long)got[1] >= 1, "two readers take a period each");
    REQ(set(fd, 100000, 0) == 0);
    pid_t pid = tap_fork();
    if (pid == 0) {
        uint64_t v;
        struct sigaction sa = {.sa_handler = on_alarm};
        sigaction(SIGALRM, &sa, NULL);
        struct itimerval every = {{0, 20000}, {0, 20000}};
        setitimer(ITIMER_REAL, &every, NULL);
        REQ(read(fd, &v, 8) < 0 && errno == EINTR && alarms > 0);
        sa.sa_flags = SA_RESTART;
        sigaction(SIGALRM, &sa, NULL);
        REQ(set(fd, 100, 0) == 0);
        REQ(read(fd, &v, 8) == 8 && v == 1);
        _exit(0);
    }
    CHECK(tap_wait(pid) == 0, "a signal ends a read with EINTR, or with SA_RESTART does not");
    CHECK_CHILD("a child shares the timer", REQ(set(fd, 1, 0) == 0));
    CHECK(take(fd) == 1, "and its parent sees it fire");
    close(fd);
}

/* One sets as fast as it can while the other reads. */
static void *sets(void *arg)
{
    pin(1);
    for (int i = 0; i < 1000; i++) {
        struct itimerspec v = {{0, 0}, {0, i % 3 ? 1 + i % 50 * 1000 : 0}};
        REQ(timerfd_settime((int)(long)arg, 0, &v, NULL) == 0);
    }
    return NULL;
}

static void together(void)
{
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK), bad = 0;
    pthread_t t;
    pin(0);
    REQ(pthread_create(&t, NULL, sets, (void *)(long)fd) == 0);
    for (int i = 0; i < 2000; i++)
        bad += take(fd) > 1;
    pthread_join(t, NULL);
    REQ(set(fd, 1, 0) == 0); /* by the reader: before it, the reads above might take its expiration */
    REQ(ready(fd, 20000) == POLLIN);
    CHECK(!bad && take(fd) == 1, "set and read at once: never more than one expiration of a shot");
    close(fd);
}

static void edges(void)
{
    struct epoll_event ev = {.events = EPOLLIN | EPOLLET};
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK), ep = epoll_create1(0);
    REQ(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev) == 0);
    REQ(set(fd, 10, 10) == 0);
    CHECK(epoll_wait(ep, &ev, 1, 20000) == 1 && ev.events == EPOLLIN, "epoll: the edge");
    CHECK(epoll_wait(ep, &ev, 1, 60) == 0, "periods unread make no further edge");
    CHECK(take(fd) >= 1 && epoll_wait(ep, &ev, 1, 20000) == 1, "after a read the next one does");
    CHECK(set(fd, 5, 0) == 0 && epoll_wait(ep, &ev, 1, 20000) == 1, "and one after another setting");
    ev.events = EPOLLIN;
    REQ(epoll_ctl(ep, EPOLL_CTL_MOD, fd, &ev) == 0);
    CHECK(epoll_wait(ep, &ev, 1, 0) == 1 && epoll_wait(ep, &ev, 1, 0) == 1, "level: as long as it is unread");
    CHECK(take(fd) == 1 && epoll_wait(ep, &ev, 1, 0) == 0, "and no longer");
    close(fd), close(ep);
}

static void shown(void)
{
    char path[64], text[1024];
    int fd = timerfd_create(CLOCK_REALTIME, 0);
    REQ(set_abs(fd, TFD_TIMER_CANCEL_ON_SET, CLOCK_REALTIME, 100000, 7000) == 0);
    snprintf(path, sizeof path, "/proc/self/fdinfo/%d", fd);
    int info = open(path, O_RDONLY);
    ssize_t n = read(info, text, sizeof text - 1);
    REQ(n > 0);
    text[n] = 0;
    long s = 0, ns = 0, is = 0, ins = 1;
    char *at = strstr(text, "clockid:");
    REQ(at);
    CHECK(strstr(at, "clockid: 0\nticks: 0\nsettime flags: 03\nit_value: ") == at,
          "/proc/self/fdinfo: clock and flags");
    at = strstr(at, "it_value");
    REQ(at);
    CHECK(sscanf(at, "it_value: (%ld, %ld)\nit_interval: (%ld, %ld)", &s, &ns, &is, &ins) == 4 && s >= 90 && s <= 100 &&
              is == 7 && ins == 0,
          "/proc/self/fdinfo: value and interval");
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    n = readlink(path, text, sizeof text - 1);
    REQ(n > 0);
    text[n] = 0;
    CHECK(!strcmp(text, "anon_inode:[timerfd]"), "its name in /proc/self/fd");
    close(info), close(fd);
}

int main(void)
{
    making();
    refused();
    firing();
    intervals();
    long_interval();
    absolute();
    clock_set();
    waiting();
    together();
    edges();
    shown();
    return tap_end();
}
