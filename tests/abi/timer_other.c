// SPDX-License-Identifier: MIT
/* The CPU clock of another process: read, slept on, with timers. */
#include "tests/abi/util.h"

#include <pthread.h>

#define MS 1000000LL
#define USER_CLOCK(pid) ((clockid_t)(~(unsigned)(pid) << 3 | 1))
#define CLOCK_OF(pid) ((clockid_t)(~(unsigned)(pid) << 3 | 2))
#define THREAD_CLOCK(tid) ((clockid_t)(~(unsigned)(tid) << 3 | 6))

static volatile sig_atomic_t fired;
static volatile int overruns;
static void on_timer(int sig, siginfo_t *info, void *context)
{
    (void)sig, (void)context;
    fired++;
    overruns += info->si_overrun;
}

static int64_t time_of(clockid_t clock)
{
    struct timespec t;
    REQ(clock_gettime(clock, &t) == 0);
    return t.tv_sec * 1000 * MS + t.tv_nsec;
}

/* Most of it in user mode, where a tick is to find it. */
static void burn(long ms)
{
    int64_t until = time_of(CLOCK_PROCESS_CPUTIME_ID) + ms * MS;
    while (time_of(CLOCK_PROCESS_CPUTIME_ID) < until)
        for (volatile int i = 0; i < 20000; i++)
            ;
}

/* A child that burns as many milliseconds as it is told. */
struct child {
    pid_t pid;
    int orders[2], answers[2];
};

static void start(struct child *c)
{
    REQ(pipe(c->orders) == 0 && pipe(c->answers) == 0);
    c->pid = tap_fork();
    if (c->pid)
        return;
    int ms;
    close(c->orders[1]);
    while (read(c->orders[0], &ms, sizeof ms) == sizeof ms) {
        burn(ms);
        REQ(write(c->answers[1], &ms, sizeof ms) == sizeof ms);
    }
    _exit(0);
}

static void order(struct child *c, int ms)
{
    REQ(write(c->orders[1], &ms, sizeof ms) == sizeof ms);
}

static void done(struct child *c)
{
    int ms;
    ssize_t n;
    while ((n = read(c->answers[0], &ms, sizeof ms)) < 0 && errno == EINTR)
        ;
    REQ(n == sizeof ms);
}

static timer_t timer_on(clockid_t clock)
{
    struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN};
    timer_t id = NULL;
    REQ(timer_create(clock, &ev, &id) == 0);
    fired = 0;
    overruns = 0;
    return id;
}

static void set(timer_t id, int flags, int64_t ns, long interval_ms)
{
    struct itimerspec v = {{interval_ms / 1000, interval_ms % 1000 * MS}, {ns / (1000 * MS), ns % (1000 * MS)}};
    REQ(timer_settime(id, flags, &v, NULL) == 0);
}

static int64_t left(timer_t id)
{
    struct itimerspec v;
    REQ(timer_gettime(id, &v) == 0);
    return v.it_value.tv_sec * 1000 * MS + v.it_value.tv_nsec;
}

/* The child works until the timer of this process has fired so often. */
static void work_until(struct child *c, int count)
{
    for (int i = 0; i < 500 && fired < count; i++) {
        order(c, 10);
        done(c);
    }
}

static void reading(struct child *c)
{
    clockid_t clock;
    CHECK(clock_getcpuclockid(c->pid, &clock) == 0 && clock == CLOCK_OF(c->pid), "the clock of a child");
    int64_t was = time_of(clock);
    order(c, 60);
    done(c);
    CHECK(time_of(clock) - was >= 60 * MS, "goes while that works");
    struct timespec res;
    CHECK(clock_getres(clock, &res) == 0, "has a resolution");
    was = time_of(clock);
    struct timespec until = {(was + 50 * MS) / (1000 * MS), (was + 50 * MS) % (1000 * MS)};
    order(c, 100);
    CHECK(clock_nanosleep(clock, TIMER_ABSTIME, &until, NULL) == 0 && time_of(clock) >= was + 50 * MS,
          "can be slept on");
    done(c);
    CHECK_ERRNO(clock_gettime(THREAD_CLOCK(c->pid), &res), EINVAL, "but not as a thread's");
}

static void timers(struct child *c)
{
    clockid_t clock = CLOCK_OF(c->pid);
    timer_t id = timer_on(clock);
    set(id, 0, 50 * MS, 0);
    burn(80);
    int64_t rest = left(id);
    CHECK(!fired && rest > 0 && rest <= 50 * MS, "a timer on it does not count what its owner does");
    order(c, 20);
    done(c);
    CHECK(left(id) <= rest - 20 * MS && !fired, "what is left of it says what the child did");
    work_until(c, 1);
    CHECK(fired == 1 && left(id) == 0, "it comes when the child has worked enough");
    int64_t when = time_of(clock) + 40 * MS;
    fired = 0;
    set(id, TIMER_ABSTIME, when, 0);
    work_until(c, 1);
    CHECK(fired == 1 && time_of(clock) >= when, "at a time of that clock");
    fired = 0;
    set(id, TIMER_ABSTIME, 1, 0);
    for (int i = 0; i < 2000 && !fired; i++)
        msleep(1);
    CHECK(fired == 1, "one that has passed comes though the child is idle");
    fired = overruns = 0;
    set(id, 0, 10 * MS, 10);
    int64_t from = time_of(clock);
    work_until(c, 5);
    int64_t periods = (time_of(clock) - from) / (10 * MS);
    CHECK(fired >= 5 && fired + overruns <= periods + 1, "an interval timer comes again and again");
    set(id, 0, 0, 0);
    timer_delete(id);
    id = timer_on(USER_CLOCK(c->pid));
    set(id, 0, 20 * MS, 0);
    work_until(c, 1);
    CHECK(fired == 1, "on the child's user time");
    timer_delete(id);
}

static void ends(struct child *c)
{
    struct timespec t;
    struct itimerspec v = {{1, 0}, {1, 0}}, out;
    timer_t id = timer_on(CLOCK_OF(c->pid));
    set(id, 0, 1000 * 1000 * MS, 1000);
    close(c->orders[1]);
    siginfo_t info;
    REQ(waitid(P_PID, c->pid, &info, WEXITED | WNOWAIT) == 0);
    CHECK(clock_gettime(CLOCK_OF(c->pid), &t) == 0, "a zombie's clock can be read");
    CHECK(timer_gettime(id, &out) == 0 && out.it_value.tv_sec > 900, "a timer on it stays");
    REQ(tap_wait(c->pid) == 0);
    CHECK_ERRNO(clock_gettime(CLOCK_OF(c->pid), &t), EINVAL, "one that was waited for has none");
    CHECK_ERRNO(timer_settime(id, 0, &v, NULL), ESRCH, "its timer cannot be set");
    CHECK(timer_gettime(id, &out) == 0 && out.it_value.tv_sec == 0 && out.it_interval.tv_sec == 0, "and says nothing");
    CHECK(timer_delete(id) == 0, "but is there to be deleted");
}

static void *by_tid(void *arg)
{
    struct timespec t;
    timer_t id;
    long *ret = arg;
    ret[0] = clock_gettime(CLOCK_OF(gettid()), &t);
    ret[1] = timer_create(CLOCK_OF(gettid()), NULL, &id) == 0 ? 0 : errno;
    ret[2] = clock_nanosleep(THREAD_CLOCK(gettid()), 0, &(struct timespec){0, 1}, NULL);
    return NULL;
}

static void threads(void)
{
    pthread_t t;
    long ret[3] = {-1, -1, -1};
    REQ(pthread_create(&t, NULL, by_tid, ret) == 0 && pthread_join(t, NULL) == 0);
    CHECK(ret[0] == 0, "a thread reads its process's clock by its own number");
    CHECK(ret[1] == EINVAL, "for a timer it takes the process's");
    CHECK(ret[2] == EINVAL && clock_nanosleep(THREAD_CLOCK(0), 0, &(struct timespec){0, 1}, NULL) == EINVAL,
          "nobody sleeps on his own time");
}

int main(void)
{
    struct sigaction sa = {.sa_sigaction = on_timer, .sa_flags = SA_SIGINFO | SA_RESTART};
    struct child c;
    REQ(sigaction(SIGRTMIN, &sa, NULL) == 0);
    start(&c);
    reading(&c);
    timers(&c);
    ends(&c);
    threads();
    return tap_end();
}
