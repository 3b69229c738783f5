/* SPDX-License-Identifier: MIT */
/* The decoding tracer: `strace` on the kernel's command line. One line a call to the kernel log. */
#ifndef SYSCALL_STRACE_H
#define SYSCALL_STRACE_H

#include "arch/trap.h"
#include "lib/types.h"

void strace_enter(u32 nr, const struct trapframe *f);
void strace_exit(u32 nr, const struct trapframe *f, long ret);
const char *syscall_name(u32 nr);    /* "?": no such number */
const char *syscall_refusal(u32 nr); /* of a call that is refused: why */

#endif
