/* SPDX-License-Identifier: MIT */
/* getrlimit(2), getrusage(2), getpriority(2), sysinfo(2). */
#ifndef ABI_RESOURCE_H
#define ABI_RESOURCE_H

#include <linux/resource.h>
#include <linux/sysinfo.h>

_Static_assert(sizeof(struct rusage) == 144, "rusage");
_Static_assert(sizeof(struct rlimit) == 16, "rlimit");
_Static_assert(sizeof(struct sysinfo) == 112, "sysinfo");
_Static_assert(RLIM_NLIMITS == 16, "rlimits");

#endif
