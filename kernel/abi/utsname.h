/* SPDX-License-Identifier: MIT */
/* uname(2). */
#ifndef ABI_UTSNAME_H
#define ABI_UTSNAME_H

#include <linux/utsname.h>

_Static_assert(sizeof(struct new_utsname) == 390, "new_utsname");

#endif
