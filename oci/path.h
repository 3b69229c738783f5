/* SPDX-License-Identifier: MIT */
/* Paths as text. */
#ifndef SLIPWAY_OCI_PATH_H
#define SLIPWAY_OCI_PATH_H

#include <stddef.h>

/*
 * The next component of *path that is not empty or ".", without regard to symlinks; *path moves behind it.
 * NULL at the end.
 */
const char *path_next(const char **path, size_t *len);
/* "/a/../b//c/." -> "/b/c": absolute, no empty component, no "." and "..", which stops at the root. malloc'ed or
 * NULL. */
char *path_clean(const char *path);

#endif
