/* SPDX-License-Identifier: MIT */
/*
 * Interval timers of a process: ITIMER_REAL on a timer of its own, ITIMER_VIRTUAL, ITIMER_PROF and RLIMIT_CPU on the
 * scheduler's tick, which compares what the running thread's process has used. All state under siglock.
 */
#ifndef PROC_ITIMER_H
#define PROC_ITIMER_H

#include "proc/process.h"

struct itimer_value {
    ns_t value, interval; /* value: until it expires; 0: off */
};
/* As far as a signed count of nanoseconds goes: then a time and an interval do not wrap. */
static inline struct itimer_value itimer_limited(const struct itimer_value *v)
{
    const ns_t most = INT64_MAX;
    return (struct itimer_value){MIN(v->value, most), MIN(v->interval, most)};
}
void itimer_init(struct process *p);
void itimer_stop(struct process *p);                                   /* exit: nothing fires any more */
void itimer_get(struct process *p, int which, struct itimer_value *v); /* which: ITIMER_* */
void itimer_set(struct process *p, int which, const struct itimer_value *new, struct itimer_value *old);
void cpu_timer_limit_changed(struct process *p);
void itimer_module_init(void);

#endif
