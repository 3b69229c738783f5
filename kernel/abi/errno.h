/* SPDX-License-Identifier: MIT */
/* Error numbers. The ERESTART* family stays inside the kernel: the exit path turns them into EINTR or a restart. */
#ifndef ABI_ERRNO_H
#define ABI_ERRNO_H

#include <linux/errno.h>

#define ERESTARTSYS 512           /* restart when the handler has SA_RESTART, or when none ran */
#define ERESTARTNOINTR 513        /* always restart */
#define ERESTARTNOHAND 514        /* restart only when no handler ran */
#define ERESTART_RESTARTBLOCK 516 /* as NOHAND, by restart_syscall(2) with the remaining time */

#endif
