// SPDX-License-Identifier: MIT
/*
 * Timers that signal: alarm, setitimer of the three kinds, timer_create where the kernel has it.
 */
#include "tests/abi/util.h"

#include <sys/time.h>

static volatile sig_atomic_t count, last;

static void on_signal(int sig)
{
    last = sig;
    count++;
}

static void handle(int sig)
{
    struct sigaction sa = {.sa_handler = on_signal};
    sigaction(sig, &sa, NULL);
    count = last = 0;
}

static void alarms(void)
{
    CHECK(alarm(1000) <= TAP_SECONDS && alarm(0) > 900 && alarm(0) == 0, "alarm returns the seconds that were left");
    handle(SIGALRM);
    struct itimerval it = {{0, 0}, {0, 30000}}, left;
    int64_t t = now_ns();
    setitimer(ITIMER_REAL, &it, NULL);
    wait_counted(SIGALRM, &count, 1);
    CHECK(now_ns() - t >= 30000000 && last == SIGALRM, "ITIMER_REAL goes off in time");
    CHECK(getitimer(ITIMER_REAL, &left) == 0 && !left.it_value.tv_sec && !left.it_value.tv_usec,
          "once, without an interval");
    it = (struct itimerval){{0, 10000}, {0, 10000}};
    setitimer(ITIMER_REAL, &it, NULL);
    count = 0;
    t = now_ns();
    wait_counted(SIGALRM, &count, 5);
    CHECK(now_ns() - t >= 39000000, "with an interval again and again");
    CHECK(getitimer(ITIMER_REAL, &left) == 0 && left.it_interval.tv_usec == 10000 && left.it_value.tv_usec <= 10000,
          "getitimer");
    it = (struct itimerval){{0, 0}, {0, 0}};
    setitimer(ITIMER_REAL, &it, &left);
    count = 0;
    msleep(30);
    CHECK(count == 0 && left.it_interval.tv_usec == 10000, "set to 0 it stops; the old one is returned");
    it.it_value = (struct timeval){1000, 0};
    setitimer(ITIMER_REAL, &it, NULL);
    unsigned seconds = alarm(0);
    CHECK(seconds > 900 && seconds <= 1000, "alarm and ITIMER_REAL are one timer");
    alarm(TAP_SECONDS);
}

static void errors(void)
{
    struct itimerval it = {{0, 0}, {0, 1000000}}, neg = {{0, 0}, {-1, 0}};
    CHECK_ERRNO(setitimer(ITIMER_REAL, &it, NULL), EINVAL, "a million microseconds");
    CHECK_ERRNO(setitimer(ITIMER_REAL, &neg, NULL), EINVAL, "negative seconds");
    CHECK_ERRNO(setitimer((enum __itimer_which)7, &neg, NULL), EINVAL, "an unknown timer");
    CHECK_ERRNO(getitimer((enum __itimer_which)7, &it), EINVAL, "an unknown timer asked");
    CHECK_ERRNO(syscall(SYS_setitimer, ITIMER_REAL, 8L, NULL), EFAULT, "a timer at a bad address");
}

static void spin_until(int n)
{
    int64_t end = now_ns() + 20000000000;
    while (count < n && now_ns() < end)
        for (volatile int i = 0; i < 1000; i++)
            ;
}

static void processor_time(void)
{
    struct itimerval it = {{0, 20000}, {0, 20000}}, off = {{0, 0}, {0, 0}};
    handle(SIGVTALRM);
    int64_t used = cpu_ns();
    setitimer(ITIMER_VIRTUAL, &it, NULL);
    spin_until(2);
    used = cpu_ns() - used;
    setitimer(ITIMER_VIRTUAL, &off, NULL);
    CHECK(count >= 2 && last == SIGVTALRM, "ITIMER_VIRTUAL counts the program's own time");
    CHECK(used >= 20000000, "which is processor time");
    handle(SIGPROF);
    setitimer(ITIMER_PROF, &it, NULL);
    spin_until(2);
    setitimer(ITIMER_PROF, &off, NULL);
    CHECK(count >= 2 && last == SIGPROF, "ITIMER_PROF counts the kernel's too");
    for (int i = 0; i < 200; i++) { /* until one in which this process was not charged for somebody else's time */
        handle(SIGVTALRM);
        used = cpu_ns();
        setitimer(ITIMER_VIRTUAL, &it, NULL);
        msleep(60);
        setitimer(ITIMER_VIRTUAL, &off, NULL);
        used = cpu_ns() - used;
        if (used < 5000000)
            break;
    }
    CHECK(used < 5000000 && count == 0, "sleeping costs neither");
}

static volatile int value;

static void on_info(int sig, siginfo_t *si, void *uc)
{
    (void)uc;
    last = sig;
    value = si->si_code == SI_TIMER ? si->si_value.sival_int : -1;
    count++;
}

static void posix_timers(void)
{
    timer_t t;
    struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1, .sigev_value = {.sival_int = 55}};
    struct itimerspec it = {{0, 0}, {0, 20000000}};
    struct sigaction sa = {.sa_sigaction = on_info, .sa_flags = SA_SIGINFO};
    sigaction(SIGUSR1, &sa, NULL);
    count = 0;
    if (timer_create(CLOCK_MONOTONIC, &ev, &t) < 0 && errno == ENOSYS) {
        SKIP("timer_create: a signal with its value", "no timer_create");
        SKIP("timer_gettime and timer_delete", "no timer_create");
        return;
    }
    timer_settime(t, 0, &it, NULL);
    wait_counted(SIGUSR1, &count, 1);
    CHECK(last == SIGUSR1 && value == 55, "timer_create: a signal with its value");
    CHECK(timer_gettime(t, &it) == 0 && !it.it_value.tv_sec && !it.it_value.tv_nsec && timer_delete(t) == 0,
          "timer_gettime and timer_delete");
}

int main(void)
{
    alarms();
    errors();
    processor_time();
    posix_timers();
    return tap_end();
}
