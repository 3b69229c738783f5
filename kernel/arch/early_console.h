/* SPDX-License-Identifier: MIT */
/* The first UART, polled: the kernel log until (and when) drivers/ takes over, and panics for ever. */
#ifndef ARCH_EARLY_CONSOLE_H
#define ARCH_EARLY_CONSOLE_H

#include "lib/types.h"

void early_console_write(const char *s, size_t n);
int early_console_read(void); /* a byte, or -1 */

#endif
