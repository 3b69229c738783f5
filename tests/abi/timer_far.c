// SPDX-License-Identifier: MIT
/*
 * Timers whose time or interval is farther away than a clock counts: they come once, or never. And how many there may be.
 */
#include "tests/abi/util.h"

#include <limits.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/timerfd.h>

#define MOST 9223372036L /* seconds that a signed count of nanoseconds holds */
#define CLOCK_OF(pid) ((clockid_t)(~(unsigned)(pid) << 3 | 2))

static volatile sig_atomic_t count;

static void on_signal(int sig)
{
    (void)sig;
    count++;
}

static int makes(struct sigevent *ev, timer_t *id)
{
    return (int)syscall(SYS_timer_create, CLOCK_MONOTONIC, ev, id);
}

static void interval_timers(void)
{
    struct itimerval far = {{LONG_MAX, 0}, {0, 1}}, off = {{0, 0}, {0, 0}}, now;
    count = 0;
    REQ(setitimer(ITIMER_REAL, &far, NULL) == 0);
    wait_counted(SIGALRM, &count, 1);
    msleep(30);
    CHECK(count == 1, "ITIMER_REAL with an interval without end comes once");
    CHECK(getitimer(ITIMER_REAL, &now) == 0 && now.it_interval.tv_sec == MOST && now.it_value.tv_sec > MOST / 2,
          "and then it is a long time");
    REQ(setitimer(ITIMER_REAL, &off, NULL) == 0);
    count = 0;
    REQ(setitimer(ITIMER_PROF, &far, NULL) == 0);
    while (count < 1)
        ;
    for (int64_t end = cpu_ns() + 30000000; cpu_ns() < end;)
        ;
    CHECK(count == 1, "ITIMER_PROF likewise");
    REQ(setitimer(ITIMER_PROF, &off, NULL) == 0);
    alarm(TAP_SECONDS);
}

static void posix_timers(void)
{
    struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
    struct itimerspec far = {{LONG_MAX, 0}, {0, 1}}, now;
    timer_t id;
    count = 0;
    REQ(timer_create(CLOCK_MONOTONIC, &ev, &id) == 0 && timer_settime(id, 0, &far, NULL) == 0);
    wait_counted(SIGUSR1, &count, 1);
    msleep(30);
    CHECK(count == 1, "a POSIX timer with an interval without end comes once");
    CHECK(timer_gettime(id, &now) == 0 && now.it_interval.tv_sec == MOST && now.it_value.tv_sec > MOST / 2,
          "and then it is a long time");
    far.it_value.tv_sec = LONG_MAX;
    count = 0;
    CHECK(timer_settime(id, 0, &far, NULL) == 0 && timer_gettime(id, &now) == 0 && now.it_value.tv_sec > MOST / 2,
          "a time without end");
    CHECK(timer_settime(id, TIMER_ABSTIME, &far, NULL) == 0 && timer_gettime(id, &now) == 0 &&
              now.it_value.tv_sec > MOST / 2,
          "an absolute one");
    timer_delete(id);
    int fd = timerfd_create(CLOCK_MONOTONIC, 0);
    CHECK(fd >= 0 && timerfd_settime(fd, 0, &far, NULL) == 0 && timerfd_gettime(fd, &now) == 0 &&
              now.it_interval.tv_sec == MOST && now.it_value.tv_sec > MOST / 2,
          "of a timerfd");
    close(fd);
    pid_t pid = tap_fork();
    if (pid == 0) {
        pause();
        _exit(0);
    }
    REQ(timer_create(CLOCK_OF(pid), &ev, &id) == 0);
    CHECK(timer_settime(id, 0, &far, NULL) == 0 && timer_gettime(id, &now) == 0 && now.it_value.tv_sec > MOST / 2,
          "on the CPU clock of another process");
    msleep(30);
    CHECK(count == 0, "none of them comes");
    kill(pid, SIGKILL);
    tap_wait(pid);
    timer_delete(id);
}

static void sleeps(void)
{
    const struct itimerval soon = {{0, 0}, {0, 20000}};
    const struct timespec far = {LONG_MAX, 0};
    REQ(setitimer(ITIMER_REAL, &soon, NULL) == 0);
    CHECK(clock_nanosleep(CLOCK_PROCESS_CPUTIME_ID, 0, &far, NULL) == EINTR, "a sleep without end, by processor time");
    alarm(TAP_SECONDS);
}

static int is_asleep(pid_t pid)
{
    char path[64], text[256] = "";
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    REQ(fd >= 0 && read(fd, text, sizeof text - 1) > 0);
    close(fd);
    const char *end = strrchr(text, ')');
    return end && end[1] == ' ' && end[2] == 'S';
}

static void stopped_sleeps(void)
{
    int status;
    pid_t pid = tap_fork();
    if (pid == 0) {
        const struct timespec far = {1000, 0};
        clock_nanosleep(CLOCK_PROCESS_CPUTIME_ID, 0, &far, NULL);
        _exit(1);
    }
    for (int i = 0; i < 1000 && !is_asleep(pid); i++)
        msleep(1);
    kill(pid, SIGSTOP);
    REQ(waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status));
    kill(pid, SIGCONT);
    REQ(waitpid(pid, &status, WCONTINUED) == pid && WIFCONTINUED(status));
    for (int i = 0; i < 1000 && !is_asleep(pid); i++)
        if (waitpid(pid, &status, WNOHANG) != 0)
            break;
        else
            msleep(1);
    kill(pid, SIGKILL);
    CHECK(tap_killed(tap_wait(pid), SIGKILL), "it goes on after a stop");
}

#define MANY 1040

static void how_many(void)
{
    struct sigevent none = {.sigev_notify = SIGEV_NONE};
    static timer_t id[MANY];
    struct rlimit r;
    CHECK_CHILD("each timer counts against RLIMIT_SIGPENDING, those without a signal too", {
        drop_root();
        r = (struct rlimit){3, 3};
        REQ(setrlimit(RLIMIT_SIGPENDING, &r) == 0 && makes(NULL, id) == 0 && makes(&none, id + 1) == 0 &&
            makes(NULL, id + 2) == 0);
        REQ(FAILS(makes(NULL, id + 3), EAGAIN) && FAILS(makes(&none, id + 3), EAGAIN));
        REQ(timer_delete(id[1]) == 0 && makes(NULL, id + 3) == 0);
    });
    REQ(getrlimit(RLIMIT_SIGPENDING, &r) == 0);
    if (r.rlim_cur < 2 * MANY)
        SKIP("a process has many timers", "as its limit has it");
    else
        CHECK_CHILD("a process has many timers", {
            for (int i = 0; i < MANY; i++)
                REQ(makes(i % 2 ? &none : NULL, id + i) == 0);
            REQ(timer_delete(id[MANY - 1]) == 0);
        });
}

int main(void)
{
    struct sigaction sa = {.sa_handler = on_signal};
    sigaction(SIGALRM, &sa, NULL);
    sigaction(SIGPROF, &sa, NULL);
    sigaction(SIGUSR1, &sa, NULL);
    interval_timers();
    posix_timers();
    sleeps();
    stopped_sleeps();
    how_many();
    return tap_end();
}
