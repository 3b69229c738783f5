// SPDX-License-Identifier: MIT
/* CLOCK_REALTIME is set: who waits for a time of it, and who for a span of time. Only where the clock is the machine's own. */
#define TAP_KEEP_CAPABILITIES
#include "tests/abi/actor.h"

#include <linux/time_types.h>
#include <mqueue.h>
#include <sys/time.h>
#include <sys/timerfd.h>

#define HOUR 3600

static int may_set;

static struct timespec from_now(clockid_t clock, int64_t ms)
{
    int64_t ns = read_ns(clock) + ms * 1000000;
    return (struct timespec){ns / NS_A_SECOND, ns % NS_A_SECOND};
}

static void step(long seconds)
{
    struct timespec ts = from_now(CLOCK_REALTIME, seconds * 1000);
    REQ(clock_settime(CLOCK_REALTIME, &ts) == 0);
}

/* ---- threads in a call ---- */

struct sleeper {
    pthread_t thread;
    volatile pid_t tid;
    long (*call)(struct sleeper *s);
    struct timespec until;
    clockid_t clock;
    int flags, cpu, fd;
    uint32_t *word, *word2;
    long ret;
    int64_t woke; /* on its clock */
    int over;
};

static void *sleeps(void *arg)
{
    struct sleeper *s = arg;
    pin(s->cpu);
    s->tid = gettid();
    errno = 0;
    s->ret = s->call(s);
    if (s->ret < 0)
        s->ret = -errno;
    s->woke = read_ns(s->clock);
    __atomic_store_n(&s->over, 1, __ATOMIC_SEQ_CST);
    return NULL;
}

/* Returns when it sleeps. */
static void begin(struct sleeper *s)
{
    s->over = 0;
    s->tid = 0;
    REQ(pthread_create(&s->thread, NULL, sleeps, s) == 0);
    for (int calm = 0; calm < 5 && !s->over; msleep(2)) /* what it does before the call may sleep for a moment, too */
        calm = s->tid && task_state(s->tid, NULL) == 'S' ? calm + 1 : 0;
}

static int is_over(struct sleeper *s)
{
    return __atomic_load_n(&s->over, __ATOMIC_SEQ_CST);
}

static long end(struct sleeper *s)
{
    REQ(pthread_join(s->thread, NULL) == 0);
    return s->ret;
}

/* Sleeps for a time half an hour ahead, until the clock is set forward by an hour: what the call says. */
static long when_set(struct sleeper *s)
{
    long ret = 1 << 20;
    for (int cpu = 0; cpu < 2; cpu++) { /* the clock is set by one CPU for both */
        s->cpu = cpu;
        s->until = from_now(s->clock, HOUR / 2 * 1000);
        begin(s);
        if (is_over(s)) {
            end(s);
            return 1 << 20;
        }
        step(HOUR);
        ret = end(s);
        step(-HOUR);
    }
    return ret;
}

/* ---- the calls ---- */

static long call_nanosleep(struct sleeper *s)
{
    int err = clock_nanosleep(s->clock, s->flags, &s->until, NULL);
    errno = err;
    return err ? -1 : 0;
}

static long call_futex(struct sleeper *s)
{
    return futex_call(s->word, s->flags, *s->word, &s->until, s->word2, ~0u);
}

static long call_waitv(struct sleeper *s)
{
    struct futex_waitv v = {*s->word, (uintptr_t)s->word, 2 | FUTEX_PRIVATE_FLAG, 0};
    return syscall(SYS_futex_waitv, &v, 1, 0, &s->until, s->clock);
}

static long call_receive(struct sleeper *s)
{
    char buf[16];
    return mq_timedreceive(s->fd, buf, sizeof buf, NULL, &s->until);
}

static long call_send(struct sleeper *s)
{
    return mq_timedsend(s->fd, "x", 1, 0, &s->until);
}

static long call_read(struct sleeper *s)
{
    uint64_t v;
    return read(s->fd, &v, sizeof v);
}

static void sleeping(void)
{
    struct sleeper s = {.call = call_nanosleep, .clock = CLOCK_REALTIME, .flags = TIMER_ABSTIME};
    CHECK_OWN(when_set(&s) == 0, "clock_nanosleep until a time that comes when the clock is set");
    s.clock = CLOCK_TAI;
    CHECK_OWN(when_set(&s) == 0, "of CLOCK_TAI likewise");
    struct timeval tv;
    if (may_set) {
        s.clock = CLOCK_REALTIME;
        s.until = from_now(CLOCK_REALTIME, HOUR / 2 * 1000);
        begin(&s);
        REQ(gettimeofday(&tv, NULL) == 0);
        tv.tv_sec += HOUR;
        REQ(settimeofday(&tv, NULL) == 0);
        end(&s);
        step(-HOUR);
    }
    CHECK_OWN(s.ret == 0, "when settimeofday sets it");
    struct sleeper rel = {.call = call_nanosleep, .clock = CLOCK_REALTIME, .until = {1, 0}};
    struct sleeper mono = {.call = call_nanosleep, .clock = CLOCK_MONOTONIC, .flags = TIMER_ABSTIME};
    int64_t start = now_ns();
    mono.until = from_now(CLOCK_MONOTONIC, 1000);
    if (may_set) {
        begin(&rel);
        begin(&mono);
        step(HOUR);
        end(&rel);
        start = now_ns() - start;
        end(&mono);
        step(-HOUR);
    }
    CHECK_OWN(rel.ret == 0 && start >= NS_A_SECOND, "a sleep for a span is not cut short");
    CHECK_OWN(mono.ret == 0 && mono.woke >= mono.until.tv_sec * NS_A_SECOND + mono.until.tv_nsec,
              "nor one until a monotonic time");
}

static void set_back(void)
{
    struct sleeper s = {.call = call_nanosleep, .clock = CLOCK_REALTIME, .flags = TIMER_ABSTIME, .cpu = 1};
    struct sleeper rel = {.call = call_nanosleep, .clock = CLOCK_REALTIME, .until = {0, 300000000}};
    int slept_on = 0;
    if (may_set) {
        s.until = from_now(CLOCK_REALTIME, 1000);
        begin(&s);
        begin(&rel);
        int began_in_time = !is_over(&s);
        step(-HOUR);
        end(&rel);
        msleep(1500);
        slept_on = !is_over(&s) || !began_in_time;
        step(HOUR);
        end(&s);
    }
    CHECK_OWN(slept_on, "a clock that is set back makes a sleep longer");
    CHECK_OWN(s.ret == 0 && s.woke >= s.until.tv_sec * NS_A_SECOND + s.until.tv_nsec, "it ends when the time has come");
    CHECK_OWN(rel.ret == 0, "and not one for a span");
}

static void futexes(void)
{
    static uint32_t word, other;
    struct actor owner;
    struct sleeper s = {.call = call_futex, .clock = CLOCK_REALTIME, .word = &word, .word2 = &other};
    s.flags = FUTEX_WAIT_BITSET_PRIVATE | FUTEX_CLOCK_REALTIME;
    CHECK_OWN(when_set(&s) == -ETIMEDOUT, "FUTEX_WAIT_BITSET of CLOCK_REALTIME");
    s.flags = FUTEX_WAIT_REQUEUE_PI_PRIVATE | FUTEX_CLOCK_REALTIME;
    CHECK_OWN(when_set(&s) == -ETIMEDOUT, "FUTEX_WAIT_REQUEUE_PI");
    s.call = call_waitv;
    CHECK_OWN(when_set(&s) == -ETIMEDOUT, "futex_waitv");
    act_start(&owner);
    REQ(act(&owner, &word, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0) == 0);
    s.call = call_futex;
    s.flags = FUTEX_LOCK_PI_PRIVATE;
    CHECK_OWN(when_set(&s) == -ETIMEDOUT, "FUTEX_LOCK_PI, whose clock it is");
    s.flags = FUTEX_LOCK_PI2_PRIVATE | FUTEX_CLOCK_REALTIME;
    CHECK_OWN(when_set(&s) == -ETIMEDOUT, "FUTEX_LOCK_PI2 with FUTEX_CLOCK_REALTIME");
    s.flags = FUTEX_LOCK_PI2_PRIVATE;
    s.clock = CLOCK_MONOTONIC;
    s.until = from_now(CLOCK_MONOTONIC, 500);
    if (may_set) {
        begin(&s);
        step(HOUR);
        end(&s);
        step(-HOUR);
    }
    CHECK_OWN(s.ret == -ETIMEDOUT && s.woke >= s.until.tv_sec * NS_A_SECOND + s.until.tv_nsec,
              "without it, the time is a monotonic one");
    REQ(act(&owner, &word, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0) == 0);
    act_die(&owner);
}

static void queues(void)
{
    struct mq_attr attr = {.mq_maxmsg = 1, .mq_msgsize = 16};
    mqd_t q = mq_open("/clock_set", O_CREAT | O_RDWR, 0600, &attr);
    REQ(q >= 0 && mq_unlink("/clock_set") == 0);
    struct sleeper s = {.call = call_receive, .clock = CLOCK_REALTIME, .fd = q};
    CHECK_OWN(when_set(&s) == -ETIMEDOUT, "mq_timedreceive");
    REQ(mq_send(q, "x", 1, 0) == 0);
    s.call = call_send;
    CHECK_OWN(when_set(&s) == -ETIMEDOUT, "mq_timedsend");
    mq_close(q);
}

/* ---- timers ---- */

static volatile sig_atomic_t alarms;
static void on_alarm(int sig)
{
    (void)sig;
    alarms++;
}

static double left(timer_t t)
{
    struct itimerspec v;
    REQ(timer_gettime(t, &v) == 0);
    return (double)v.it_value.tv_sec + (double)v.it_value.tv_nsec / 1e9;
}

static void timers(void)
{
    struct sigaction sa = {.sa_handler = on_alarm};
    struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
    struct itimerspec v = {0}, off = {0};
    timer_t t;
    sigaction(SIGUSR1, &sa, NULL);
    REQ(timer_create(CLOCK_REALTIME, &ev, &t) == 0);
    v.it_value = from_now(CLOCK_REALTIME, 2 * HOUR * 1000);
    REQ(timer_settime(t, TIMER_ABSTIME, &v, NULL) == 0);
    double before = left(t), after = 0;
    if (may_set) {
        step(HOUR);
        after = left(t);
    }
    CHECK_OWN(before - after > HOUR - 100 && before - after < HOUR + 100, "what is left of a timer changes");
    CHECK(alarms == 0, "a timer whose time has not come");
    if (may_set) {
        step(2 * HOUR);
        wait_counted(SIGUSR1, &alarms, 1);
        step(-3 * HOUR);
    }
    CHECK_OWN(alarms == 1 && left(t) == 0, "it comes by setting the clock");
    v.it_value = (struct timespec){HOUR, 0};
    REQ(timer_settime(t, 0, &v, NULL) == 0);
    if (may_set) {
        step(2 * HOUR);
        after = left(t);
        step(-2 * HOUR);
    }
    CHECK_OWN(alarms == 1 && after > HOUR - 100, "a relative one does not, and keeps what is left");
    alarms = 0;
    v.it_value = from_now(CLOCK_REALTIME, HOUR * 1000);
    v.it_interval.tv_sec = HOUR;
    REQ(timer_settime(t, TIMER_ABSTIME, &v, NULL) == 0);
    if (may_set) {
        step(10 * HOUR);
        wait_counted(SIGUSR1, &alarms, 1);
        after = left(t);
        step(-10 * HOUR);
    }
    CHECK_OWN(alarms == 1 && timer_getoverrun(t) == 9 && after > HOUR - 200 && after <= HOUR,
              "an interval timer counts the periods that were jumped over");
    REQ(timer_settime(t, 0, &off, NULL) == 0 && timer_delete(t) == 0);
}

static int readable(int fd, int ms)
{
    struct pollfd p = {fd, POLLIN, 0};
    return poll(&p, 1, ms) == 1;
}

static void timerfds(void)
{
    struct itimerspec v = {.it_interval = {HOUR, 0}};
    uint64_t n = 0;
    int fd = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK);
    long got = 0, again = 0, blocking = 0;
    int err = 0, gone = 0;
    v.it_value = from_now(CLOCK_REALTIME, 30 * 60 * 1000);
    REQ(timerfd_settime(fd, TFD_TIMER_ABSTIME, &v, NULL) == 0);
    if (may_set) {
        step(HOUR);
        REQ(readable(fd, 20000));
        step(-HOUR);
        got = read(fd, &n, 8);
        err = errno;
        gone = !readable(fd, 0);
        step(HOUR);
        REQ(readable(fd, 20000));
        again = read(fd, &n, 8);
        step(-HOUR);
    }
    CHECK_OWN(got == -1 && err == EAGAIN, "a timerfd that expired before the clock was set back has nothing to read");
    CHECK_OWN(gone, "and is not readable any more");
    CHECK_OWN(again == 8 && n == 1, "but is when its time comes again");
    v.it_value = from_now(CLOCK_REALTIME, 30 * 60 * 1000);
    REQ(timerfd_settime(fd, TFD_TIMER_ABSTIME, &v, NULL) == 0 && fcntl(fd, F_SETFL, 0) == 0);
    if (may_set) {
        step(HOUR);
        REQ(readable(fd, 20000));
        step(-HOUR);
        blocking = read(fd, &n, 8);
    }
    CHECK_OWN(blocking == 0, "a read that would wait ends with nothing");
    struct sleeper s = {.call = call_read, .clock = CLOCK_REALTIME, .fd = fd};
    v = (struct itimerspec){.it_value = from_now(CLOCK_REALTIME, 30 * 60 * 1000)};
    REQ(timerfd_settime(fd, TFD_TIMER_ABSTIME, &v, NULL) == 0);
    if (may_set) {
        begin(&s);
        step(HOUR);
        end(&s);
        step(-HOUR);
    }
    CHECK_OWN(s.ret == 8, "a read waits for a time that comes when the clock is set");
    close(fd);
}

int main(void)
{
    may_set = own_machine();
    sleeping();
    set_back();
    futexes();
    queues();
    timers();
    timerfds();
    return tap_end();
}
