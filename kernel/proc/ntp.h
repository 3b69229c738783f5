/* SPDX-License-Identifier: MIT */
/* The wall clock as it is set and adjusted: clock_settime, settimeofday, adjtimex. */
#ifndef PROC_NTP_H
#define PROC_NTP_H

#include "abi/time.h"
#include "lib/types.h"

/* The wall clock jumps; whoever waits for a time of it is told. -EINVAL: before the boot, or too far ahead. */
int clock_jump(ns_t now);
/* adjtimex(2), of a caller who may: takes what t->modes names, fills the rest in. The clock's state, or -EINVAL. */
int clock_adjust(struct timex *t);

/* What settimeofday(2) was given last; nobody here goes by it. -EINVAL: no time zone. The first one, given without a time
 * (only), says that the hardware's clock is local: the wall clock jumps to UTC. */
int timezone_set(const struct timezone *tz, bool only);
void timezone_get(struct timezone *tz);
void ntp_init(void);

#endif
