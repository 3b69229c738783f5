/* SPDX-License-Identifier: MIT */
/* prctl(2), arch_prctl(2), capabilities, seccomp(2). */
#ifndef ABI_PRCTL_H
#define ABI_PRCTL_H

#include <asm/prctl.h>
#include <linux/capability.h>
#include <linux/prctl.h>
#include <linux/seccomp.h>
#include <linux/securebits.h>

/* Newer than the headers of Debian 12. */
#ifndef PR_SET_MDWE
#define PR_SET_MDWE 65
#define PR_MDWE_REFUSE_EXEC_GAIN 1u
#define PR_GET_MDWE 66
#endif
#ifndef PR_MDWE_NO_INHERIT
#define PR_MDWE_NO_INHERIT 2u
#endif
#ifndef PR_SET_MEMORY_MERGE
#define PR_SET_MEMORY_MERGE 67
#define PR_GET_MEMORY_MERGE 68
#endif
#ifndef PR_GET_AUXV
#define PR_GET_AUXV 0x41555856
#endif

_Static_assert(ARCH_SET_FS == 0x1002 && ARCH_GET_FS == 0x1003, "arch_prctl");

#endif
