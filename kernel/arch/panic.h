/* SPDX-License-Identifier: MIT */
/* The end: message, registers, backtrace, report to the host, stop. */
#ifndef ARCH_PANIC_H
#define ARCH_PANIC_H

#include "arch/trap.h"
#include "lib/types.h"

void panic_frame(const struct trapframe *f, const char *fmt, ...) __printf(2, 3) __noreturn;
void klog_panic(void);       /* klog.c: everything to the console, whoever holds the log's lock */
void panic_stop_check(void); /* in an NMI: stops this CPU for good when another one panics */
/* Name of the function that holds `addr` and the offset in it; NULL: unknown. */
const char *ksym_find(u64 addr, u64 *offset);
/* Return addresses from frame pointer `rbp` on: how many were stored. */
u32 backtrace_collect(u64 rbp, u64 *pcs, u32 max);
void backtrace_print(u64 rip, u64 rbp);

#endif
