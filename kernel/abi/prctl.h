/* SPDX-License-Identifier: MIT */
/* prctl(2), arch_prctl(2), capabilities, seccomp(2). */
#ifndef ABI_PRCTL_H
#define ABI_PRCTL_H

#include <asm/prctl.h>
#include <linux/capability.h>
#include <linux/prctl.h>
#include <linux/seccomp.h>
#include <linux/securebits.h>

_Static_assert(ARCH_SET_FS == 0x1002 && ARCH_GET_FS == 0x1003, "arch_prctl");

#endif
