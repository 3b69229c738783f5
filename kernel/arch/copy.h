/* SPDX-License-Identifier: MIT */
/* Whole pages, and the choice of the copying routine (memcpy and its kin are in lib/string.h). */
#ifndef ARCH_COPY_H
#define ARCH_COPY_H

#include "lib/types.h"

enum copy_mode { COPY_UNROLLED, COPY_REP_WORDS, COPY_REP_BYTES };
extern u32 arch_copy_mode;
void copy_choose(void);                             /* once, at boot */
void *memset_unchecked(void *dst, int c, size_t n); /* without the checked build's question whether that is allowed */
void copy_page(void *dst, const void *src);
void clear_page(void *dst);

#endif
