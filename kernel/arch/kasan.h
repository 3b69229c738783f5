/* SPDX-License-Identifier: MIT */
/*
 * Address sanitizer of the checked build: the compiler checks every load and store against a shadow byte for each eight
 * bytes of kernel memory. 0: all eight may be touched; 1..7: the first so many; else why they may not (enum kasan_why).
 *
 * shadow(a) = (a >> 3) + SLIPWAY_KASAN: one fixed range for the whole upper half. RAM (by the direct map), the image and
 * kernel stacks have shadow of their own; all else shares one page of zeros mapped read-only, from the first C instruction
 * on (boot.S). A stack's shadow is that of the pages it is made of.
 *
 * Who may touch what is decided by the page allocator (free pages), the slabs (free objects, the space between them, what
 * kmalloc rounded up), the compiler (stack frames, global variables). Everything here works in any context, takes no
 * lock: the shadow of memory changes only by its owner. Without the sanitizer all of it is nothing.
 */
#ifndef ARCH_KASAN_H
#define ARCH_KASAN_H

#include "lib/types.h"

/* The compilers' own values for stacks; the others are ours. */
enum kasan_why {
    KASAN_FREE_PAGE = 0xff,
    KASAN_HEAP_BORDER = 0xfc, /* before, between and behind objects */
    KASAN_HEAP_FREED = 0xfb,
    KASAN_GLOBAL_BORDER = 0xf9,
    KASAN_SCOPE_LEFT = 0xf8,
    KASAN_STACK_RIGHT = 0xf3,
    KASAN_STACK_MIDDLE = 0xf2,
    KASAN_STACK_LEFT = 0xf1,
    KASAN_ALLOCA_LEFT = 0xca,
    KASAN_ALLOCA_RIGHT = 0xcb,
};

#ifdef SLIPWAY_KASAN
/* Multiples of 8. */
void kasan_poison(const void *p, size_t n, enum kasan_why why);
/* p a multiple of 8; of the last eight bytes only those up to n may be touched. */
void kasan_unpoison(const void *p, size_t n);
/* [p, p + n) may be touched, and what follows up to p + room may not. */
void kasan_fit(const void *p, size_t n, size_t room);
bool kasan_is_freed(const void *p); /* an object the slabs hold as free begins here */
void kasan_check_read(const void *p, size_t n);
void kasan_check_write(const void *p, size_t n);
/* For who finds by itself that memory is misused: as if an access to `p` had been caught. */
void kasan_fail(const void *p, const char *what) __noreturn;

void kasan_init_globals(void); /* the borders of global variables; first of all */
/* Boot: 2 MiB of frames become the shadow of the 16 MiB of RAM at `ram`; kasan_begin when all of it has one. */
#define KASAN_CHUNK (16ul << 20)
bool kasan_has_chunk(paddr_t ram);
void kasan_map_chunk(paddr_t ram, paddr_t frames);
void kasan_begin(void);
bool kasan_map_kstack(u64 va, paddr_t stack); /* paging.c, under its lock; false: no memory for tables */
#else
static inline void kasan_poison(const void *p, size_t n, enum kasan_why why)
{
    (void)p, (void)n, (void)why;
}
static inline void kasan_unpoison(const void *p, size_t n)
{
    (void)p, (void)n;
}
static inline void kasan_fit(const void *p, size_t n, size_t room)
{
    (void)p, (void)n, (void)room;
}
static inline void kasan_check_read(const void *p, size_t n)
{
    (void)p, (void)n;
}
static inline void kasan_check_write(const void *p, size_t n)
{
    (void)p, (void)n;
}
static inline void kasan_init_globals(void) {}
static inline bool kasan_map_kstack(u64 va, paddr_t stack)
{
    (void)va, (void)stack;
    return true;
}
#endif

#endif
