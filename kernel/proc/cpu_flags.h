/* SPDX-License-Identifier: MIT */
/* The "flags" line of /proc/cpuinfo. */
#ifndef PROC_CPU_FLAGS_H
#define PROC_CPU_FLAGS_H

#include "fs/seq.h"

void cpu_flags_show(struct seq_buf *s); /* " fpu vme …" */

#endif
