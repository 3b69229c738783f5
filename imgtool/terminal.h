/* SPDX-License-Identifier: MIT */
/* Our own terminal: raw while a guest has it, and always given back. */
#ifndef SLIPWAY_IMGTOOL_TERMINAL_H
#define SLIPWAY_IMGTOOL_TERMINAL_H

#include <stdbool.h>

/* Makes standard input raw; false: it is no terminal. */
bool terminal_raw(void);
/* Puts it back as it was; safe at any time. */
void terminal_restore(void);
/* Of the terminal we write to or read from; false: there is none. */
bool terminal_size(unsigned *rows, unsigned *cols);

#endif
