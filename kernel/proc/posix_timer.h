/* SPDX-License-Identifier: MIT */
/* timer_create(2) and its family; sys_time.c is their thin door. */
#ifndef PROC_POSIX_TIMER_H
#define PROC_POSIX_TIMER_H

#include "abi/signal.h"
#include "abi/time.h"
#include "proc/itimer.h"
#include "proc/process.h"

int posix_timer_create(int clock, const struct sigevent *ev); /* ev NULL: SIGALRM. The id, or -errno */
int posix_timer_set(int id, bool absolute, const struct itimer_value *new, struct itimer_value *old);
int posix_timer_get(int id, struct itimer_value *v);
int posix_timer_overrun(int id);
int posix_timer_delete(int id);
void posix_timers_exec(struct process *p); /* all are deleted */
void posix_timers_exit(struct process *p);
void posix_timers_tick(struct process *p, const struct cpu_use *u); /* those on CPU clocks (siglock held) */

#endif
