/* SPDX-License-Identifier: MIT */
/* Clocks, timers and their structures. */
#ifndef ABI_TIME_H
#define ABI_TIME_H

#ifdef SLIPWAY_HOST
#include <sys/time.h>
#include <sys/timex.h>
#include <time.h>
#else
#include <linux/time.h>
#include <linux/time_types.h>
#include <linux/times.h>
#include <linux/timex.h>

#define NSEC_PER_SEC 1000000000L
#define ABI_USER_HZ 100 /* clock ticks a second of times(2), /proc and AT_CLKTCK */

struct abi_utimbuf {
    long actime, modtime;
};
/* asm/siginfo.h has sigval and sigevent; timerfd and timer_create take these. */
#define TFD_TIMER_ABSTIME 1
#define TFD_TIMER_CANCEL_ON_SET 2
#define TFD_CLOEXEC 02000000
#define TFD_NONBLOCK 04000
#endif
_Static_assert(sizeof(struct timespec) == 16, "struct timespec");
_Static_assert(sizeof(struct timeval) == 16, "struct timeval");
_Static_assert(sizeof(struct itimerval) == 32, "struct itimerval");
_Static_assert(sizeof(struct timex) == 208, "struct timex");

#endif
