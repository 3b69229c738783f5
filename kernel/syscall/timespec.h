/* SPDX-License-Identifier: MIT */
/* Times of user space in and out of nanoseconds. */
#ifndef SYSCALL_TIMESPEC_H
#define SYSCALL_TIMESPEC_H

#include "abi/errno.h"
#include "abi/time.h"
#include "arch/clock.h"
#include "arch/usercopy.h"

#define NS_MAX_SEC 9223372036l /* what fits into a signed count of nanoseconds; more is "for ever" */

/* 0, -EFAULT, -EINVAL. Too far away to count: NS_FOREVER. */
static inline int timespec_get(uaddr_t p, ns_t *ns)
{
    struct timespec ts;
    if (copy_from_user(&ts, p, sizeof(ts)))
        return -EFAULT;
    if (ts.tv_sec < 0 || (u64)ts.tv_nsec >= NSEC_PER_SEC)
        return -EINVAL;
    *ns = ts.tv_sec >= NS_MAX_SEC ? NS_FOREVER : (ns_t)ts.tv_sec * NSEC_PER_SEC + (ns_t)ts.tv_nsec;
    return 0;
}

static inline struct timespec timespec_of(ns_t ns)
{
    return (struct timespec){.tv_sec = (long)(ns / NSEC_PER_SEC), .tv_nsec = (long)(ns % NSEC_PER_SEC)};
}

static inline int timespec_put(uaddr_t p, ns_t ns)
{
    struct timespec ts = timespec_of(ns);
    return copy_to_user(p, &ts, sizeof(ts));
}

/* 0, -EFAULT, -EINVAL */
static inline int timeval_get(uaddr_t p, ns_t *ns)
{
    struct timeval tv;
    if (copy_from_user(&tv, p, sizeof(tv)))
        return -EFAULT;
    if (tv.tv_sec < 0 || (u64)tv.tv_usec >= 1000000)
        return -EINVAL;
    *ns = tv.tv_sec >= NS_MAX_SEC ? NS_FOREVER : (ns_t)tv.tv_sec * NSEC_PER_SEC + (ns_t)tv.tv_usec * 1000;
    return 0;
}

static inline struct timeval timeval_of(ns_t ns)
{
    return (struct timeval){.tv_sec = (long)(ns / NSEC_PER_SEC), .tv_usec = (long)(ns % NSEC_PER_SEC / 1000)};
}

static inline ns_t deadline_after(ns_t wait)
{
    ns_t now = clock_monotonic();
    return wait >= NS_FOREVER - now ? NS_FOREVER : now + wait;
}

#endif
