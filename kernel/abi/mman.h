/* SPDX-License-Identifier: MIT */
/* mmap(2), mprotect(2), madvise(2), mremap(2), memfd_create(2), membarrier(2). */
#ifndef ABI_MMAN_H
#define ABI_MMAN_H

#ifdef SLIPWAY_HOST
#include <sys/mman.h>
#else
#include <linux/membarrier.h>
#include <linux/memfd.h>
#include <linux/mman.h>
#endif
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif
_Static_assert(MAP_ANONYMOUS == 0x20 && MAP_FIXED == 0x10 && MAP_GROWSDOWN == 0x100, "mmap flags of x86_64");

#endif
