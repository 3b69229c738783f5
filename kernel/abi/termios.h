/* SPDX-License-Identifier: MIT */
/* Terminals. TCGETS speaks struct termios of 36 bytes (19 control characters), not libc's. */
#ifndef ABI_TERMIOS_H
#define ABI_TERMIOS_H

#include <asm/ioctls.h>
#include <asm/termios.h>
#include <linux/tty.h>

_Static_assert(sizeof(struct termios) == 36, "the kernel's struct termios");
_Static_assert(sizeof(struct termios2) == 44, "termios2");
_Static_assert(sizeof(struct winsize) == 8, "winsize");

#endif
