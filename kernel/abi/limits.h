/* SPDX-License-Identifier: MIT */
/* Limits of paths, names, arguments. */
#ifndef ABI_LIMITS_H
#define ABI_LIMITS_H

#include <linux/limits.h>

#define ABI_ARG_MAX_STRLEN (32 * 4096ul) /* one argument or environment string, with its NUL */
#define ABI_SYMLOOP_MAX 40
_Static_assert(PATH_MAX == 4096 && NAME_MAX == 255, "limits");

#endif
