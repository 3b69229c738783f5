/* SPDX-License-Identifier: MIT */
/* The auxiliary vector of a new program. */
#ifndef ABI_AUXVEC_H
#define ABI_AUXVEC_H

#include <linux/auxvec.h>

#ifndef AT_RSEQ_FEATURE_SIZE
#define AT_RSEQ_FEATURE_SIZE 27
#define AT_RSEQ_ALIGN 28
#endif
#define ABI_HWCAP2_FSGSBASE 2 /* AT_HWCAP2: user mode may use RDFSBASE and its kin */
_Static_assert(AT_SYSINFO_EHDR == 33, "auxvec");

#endif
