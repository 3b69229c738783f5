/* SPDX-License-Identifier: MIT */
/* Where the other CPUs start: a page below 1 MiB, kept out of RAM by boot.c. */
#ifndef ARCH_SMP_BOOT_H
#define ARCH_SMP_BOOT_H

#define SMP_TRAMPOLINE 0x8000ul

#endif
