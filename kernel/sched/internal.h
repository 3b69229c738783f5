/* SPDX-License-Identifier: MIT */
/* What the files of sched/ share and nobody else sees. */
#ifndef SCHED_INTERNAL_H
#define SCHED_INTERNAL_H

#include "sched/thread.h"

#define STACK_CANARY 0x57ac6e9dfeedc0deull

void thread_free_stack(struct thread *t);
void thread_init_fields(struct thread *t, const char *name);
/* timer.c: runs what is due on this CPU and returns the next deadline. Interrupts off. */
ns_t timer_run_due(ns_t now);
/* timer.c: (re)programs the hardware for the earlier of the first timer and `tick`. Interrupts off. */
void timer_program(ns_t tick);
void timer_program_earlier(ns_t when); /* only when it is earlier than what is programmed */

#endif
