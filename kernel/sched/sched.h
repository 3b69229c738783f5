/* SPDX-License-Identifier: MIT */
/*
 * The scheduler: per-CPU run queues, fair by virtual runtime with nice, FIFO/RR above; wake-up to an idle CPU near the
 * cache; idle CPUs steal. Not preemptive in the kernel; user mode is preempted at slice end and by better wake-ups.
 */
#ifndef SCHED_SCHED_H
#define SCHED_SCHED_H

#include "arch/clock.h"
#include "sched/thread.h"

void sched_init(void); /* the boot CPU: the caller becomes its idle thread's predecessor "boot" */
void schedule(void);   /* gives up the CPU according to state; interrupts on or off, no spinlock held */
void sched_yield(void);
static inline void cond_resched(void) /* a yield point for long loops and copies */
{
    if (unlikely(thread_work(current_thread(), WORK_RESCHED)))
        schedule();
}

/* Sleep protocol:  sleep_prepare(state); if (condition) sleep_cancel(); else sleep_until(deadline).
 * A thread_wake between prepare and sleep makes the sleep return at once. */
void sleep_prepare(enum thread_state state);
void sleep_cancel(void);
/* 0: woken, -ETIMEDOUT. */
int sleep_until(ns_t deadline);
/* A moment on a clock that may be set meanwhile: then it comes sooner, or later. */
struct deadline {
    ns_t at;
    enum clock_base base;
};
int sleep_until_on(struct deadline d);
/* Wakes t if its state is one that `kinds` reaches. true: it was sleeping. Any context. */
bool thread_wake(struct thread *t, u32 kinds);
/* Signals pending that an interruptible (or killable) sleep must return for: work & WORK_SIGNAL / WORK_NOTIFY. */
bool signal_wakes(const struct thread *t, enum thread_state state);
extern bool (*sched_fatal_signal_pending)(const struct thread *t); /* set by proc/ */
/* The whole of it, for a waker that knows the thread (wait_event, sched/waitq.h, is for one that knows a queue): goes to
 * sleep by `sleep`, a sleep_until, and looks at cond after each wake-up, until it holds (0, whatever else has come), `sleep`
 * is not 0 (that), or a signal that `state` lets through is pending (-EINTR: callers map it to restart codes). cond should
 * not sleep itself: that spends the preparation, and one turn more is taken. */
#define sleep_until_cond(cond, state, sleep)               \
    ({                                                     \
        int su_ret_ = 0;                                   \
        for (;;) {                                         \
            sleep_prepare(state);                          \
            if (cond) {                                    \
                su_ret_ = 0;                               \
                break;                                     \
            }                                              \
            if (su_ret_)                                   \
                break;                                     \
            if (signal_wakes(current_thread(), (state))) { \
                su_ret_ = -4; /* EINTR */                  \
                break;                                     \
            }                                              \
            su_ret_ = (sleep);                             \
        }                                                  \
        sleep_cancel();                                    \
        su_ret_;                                           \
    })

/* Plain sleep: 0 after the time, -EINTR. */
int thread_sleep_interruptible(ns_t deadline);
int thread_sleep_interruptible_on(struct deadline d);

int sched_set_policy(struct thread *t, u8 policy, u8 rt_priority); /* valid values only */
/* t runs at this real-time level at least, until told otherwise; 0: not at all. Calls exclude each other (pi_lock). */
void sched_set_boost(struct thread *t, u8 level);
void sched_set_nice(struct thread *t, s8 nice);
int sched_set_affinity(struct thread *t, u64 mask);               /* -EINVAL: no online CPU in it; migrates */
void sched_fork(struct thread *child);                            /* vruntime and policy from current */
void thread_times(const struct thread *t, ns_t *user, ns_t *sys); /* includes the running slice; split by sampling */
extern void (*sched_tick)(struct thread *t, bool from_user);      /* set by proc/: interval timers; interrupts off */
#define SCHED_TICK_NS 4000000ull                                  /* while a CPU is busy; an idle CPU has no tick */
u64 sched_load_avg(u32 i);                                        /* 16.16 fixed, i 0..2: 1, 5, 15 min */
void cpu_times(u32 id, ns_t *user, ns_t *sys, ns_t *idle);
u64 sched_context_switches(void);
u32 sched_runnable_count(void);

/* For every thread, under RCU. */
extern struct list all_threads;
void sched_idle_loop(void) __noreturn; /* the boot CPU's thread becomes its idle thread */
u64 sched_online_mask(void);
u64 sched_idle_mask(void); /* a bit is set before its CPU idles, and cleared (full barrier) before that runs a thread */

#endif
