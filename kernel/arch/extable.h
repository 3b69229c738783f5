/* SPDX-License-Identifier: MIT */
/*
 * The exception table: kernel instructions that may fault, and where to go on instead. Entries are pairs of u32, the
 * low halves of kernel addresses.
 */
#ifndef ARCH_EXTABLE_H
#define ARCH_EXTABLE_H

#ifdef __ASSEMBLER__
/* clang-format off */
.macro EXTABLE insn, fixup
    .pushsection .extable, "a"
    .balign 4
    .long \insn - 0xffffffff80000000, \fixup - 0xffffffff80000000
    .popsection
.endm
/* clang-format on */
#else
#include "lib/types.h"

#define EXTABLE(insn, fixup)                                                                   \
    ".pushsection .extable, \"a\"\n\t.balign 4\n\t.long " insn " - 0xffffffff80000000, " fixup \
    " - 0xffffffff80000000\n\t.popsection\n\t"

u64 extable_find(u64 rip); /* where to continue; 0: not in the table */
#endif

#endif
