// SPDX-License-Identifier: MIT
/* Going to sleep, until a wake-up or a time. The protocol is drawn in sched.c. */
#include "abi/errno.h"
#include "arch/clock.h"
#include "sched/sched.h"
#include "sched/timer.h"

void sleep_prepare(enum thread_state state)
{
    __atomic_store_n(&current_thread()->state, (u32)state, __ATOMIC_SEQ_CST);
}

void sleep_cancel(void)
{
    WRITE_ONCE(current_thread()->state, THREAD_RUNNABLE);
}

struct sleep_timer {
    struct timer timer;
    struct thread *thread;
    bool expired;
};

static void sleep_expired(struct timer *t)
{
    struct sleep_timer *s = container_of(t, struct sleep_timer, timer);
    WRITE_ONCE(s->expired, true);
    thread_wake(s->thread, WAKE_NORMAL);
}

int sleep_until_on(struct deadline d)
{
    if (d.at == NS_FOREVER) {
        schedule();
        return 0;
    }
    if (d.at <= clock_now(d.base)) {
        sleep_cancel();
        return -ETIMEDOUT;
    }
    struct sleep_timer s = {.thread = current_thread()};
    timer_init(&s.timer, sleep_expired);
    timer_set_on(&s.timer, d.base, d.at);
    schedule();
    timer_cancel_sync(&s.timer);
    return READ_ONCE(s.expired) ? -ETIMEDOUT : 0;
}

int sleep_until(ns_t deadline)
{
    return sleep_until_on((struct deadline){deadline, CLOCK_BASE_MONO});
}

int thread_sleep_interruptible_on(struct deadline d)
{
    int err = sleep_until_cond(false, THREAD_SLEEP_INT, sleep_until_on(d));
    return err == -ETIMEDOUT ? 0 : err;
}

int thread_sleep_interruptible(ns_t deadline)
{
    return thread_sleep_interruptible_on((struct deadline){deadline, CLOCK_BASE_MONO});
}
