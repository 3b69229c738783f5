/* SPDX-License-Identifier: MIT */
/* timerfd_create(2): a timer whose expirations are read. sys_timerfd.c is its thin door. */
#ifndef FS_TIMERFD_H
#define FS_TIMERFD_H

#include "abi/time.h"
#include "fs/vfs.h"

struct timerfd_value {
    ns_t value, interval; /* value: until it expires, or when; 0: off */
};
int timerfd_create(int clock, u32 flags, struct file **out); /* a clock that timerfd_create(2) names */
/* -EINVAL: no timerfd. -ECANCELED: the clock was set since it was last looked at; the timer is armed all the same. */
int timerfd_set(struct file *f, u32 flags, const struct timerfd_value *v, struct timerfd_value *old);
int timerfd_get(struct file *f, struct timerfd_value *v);
bool timerfd_is_alarm(struct file *f); /* of a clock that needs CAP_WAKE_ALARM; false also when it is none */
void timerfd_clock_was_set(void);      /* CLOCK_REALTIME jumped; process context */

#endif
