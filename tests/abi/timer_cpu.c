// SPDX-License-Identifier: MIT
/* POSIX timers on CPU clocks: of the process, of the calling thread, of another one. */
#include "tests/abi/util.h"

#include <pthread.h>

static volatile sig_atomic_t fired;

static void on_timer(int sig, siginfo_t *si, void *uc)
{
    (void)sig, (void)uc;
    fired += si->si_code == SI_TIMER && si->si_value.sival_int == 7;
}

static int64_t time_of(clockid_t clock)
{
    struct timespec t;
    REQ(clock_gettime(clock, &t) == 0);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void burn(long ms)
{
    int64_t end = time_of(CLOCK_THREAD_CPUTIME_ID) + ms * 1000000;
    while (time_of(CLOCK_THREAD_CPUTIME_ID) < end)
        ;
}

static void *burn_thread(void *ms)
{
    burn((long)ms);
    return NULL;
}

static timer_t timer_in(clockid_t clock, long ms)
{
    struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN, .sigev_value.sival_int = 7};
    struct itimerspec it = {.it_value = {ms / 1000, ms % 1000 * 1000000}};
    timer_t id;
    fired = 0;
    REQ(timer_create(clock, &ev, &id) == 0 && timer_settime(id, 0, &it, NULL) == 0);
    return id;
}

static int burn_until_fired(void)
{
    for (int i = 0; i < 2000 && !fired; i++)
        burn(2);
    return fired;
}

static void in_thread(long ms)
{
    pthread_t t;
    REQ(pthread_create(&t, NULL, burn_thread, (void *)ms) == 0 && pthread_join(t, NULL) == 0);
}

static pthread_barrier_t gate;

static void *gated(void *arg)
{
    (void)arg;
    pthread_barrier_wait(&gate);
    burn(100);
    pthread_barrier_wait(&gate);
    return NULL;
}

static void clocks(void)
{
    struct itimerspec it;
    clockid_t clock;
    int64_t begun = time_of(CLOCK_THREAD_CPUTIME_ID);
    timer_t id = timer_in(CLOCK_THREAD_CPUTIME_ID, 60);
    in_thread(150);
    timer_gettime(id, &it);
    int64_t spent =
        time_of(CLOCK_THREAD_CPUTIME_ID) - begun; /* much, where the processors are busy with other machines */
    CHECK(!fired || spent >= 60000000, "a timer on the thread's clock does not count what others do");
    CHECK(it.it_value.tv_sec == 0 && it.it_value.tv_nsec >= 60000000 - spent, "nor says so");
    CHECK(burn_until_fired(), "but what the thread does");
    timer_delete(id);
    id = timer_in(CLOCK_PROCESS_CPUTIME_ID, 60);
    in_thread(150);
    CHECK(fired, "the process's counts both");
    timer_delete(id);
    REQ(clock_getcpuclockid(getpid(), &clock) == 0);
    id = timer_in(clock, 20);
    CHECK(burn_until_fired(), "the process's by its number");
    timer_delete(id);
    pthread_t t;
    REQ(pthread_barrier_init(&gate, NULL, 2) == 0 && pthread_create(&t, NULL, gated, NULL) == 0);
    REQ(pthread_getcpuclockid(t, &clock) == 0);
    id = timer_in(clock, 50);
    burn(120);
    CHECK(!fired || time_of(clock) >= 50000000, "another thread's counts not what this one does");
    pthread_barrier_wait(&gate);
    pthread_barrier_wait(&gate);
    CHECK(fired, "but what that one does");
    timer_delete(id);
    REQ(pthread_join(t, NULL) == 0);
    id = timer_in(~0u << 3 | 1, 20); /* this process's user time */
    CHECK(burn_until_fired(), "the process's user time");
    timer_delete(id);
}

static void refused(void)
{
    struct timespec t = {1, 0};
    timer_t id;
    CHECK_ERRNO(timer_create(~0u << 3 | 3, NULL, &id), EOPNOTSUPP, "a clock that has no timers");
    CHECK_ERRNO(timer_create(~4999999u << 3 | 2, NULL, &id), EINVAL, "a process's that is not there");
    CHECK_ERRNO(timer_create(~4999999u << 3 | 6, NULL, &id), EINVAL, "a thread's that is not there");
    CHECK_ERRNO(timer_create(~(unsigned)getppid() << 3 | 6, NULL, &id), EINVAL, "a thread's of another process");
    CHECK_ERRNO(clock_settime(CLOCK_PROCESS_CPUTIME_ID, &t), EINVAL, "CPU clocks are not to be set");
    CHECK_ERRNO(clock_settime(~0u << 3 | 2, &t), EPERM, "nor by number");
    CHECK_ERRNO(clock_settime(~4999999u << 3 | 2, &t), EINVAL, "nor those of nobody");
    CHECK_ERRNO(clock_settime(CLOCK_MONOTONIC, &t), EINVAL, "nor the monotonic clock");
}

int main(void)
{
    struct sigaction sa = {.sa_sigaction = on_timer, .sa_flags = SA_SIGINFO | SA_RESTART};
    REQ(sigaction(SIGRTMIN, &sa, NULL) == 0);
    clocks();
    refused();
    return tap_end();
}
