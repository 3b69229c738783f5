/* SPDX-License-Identifier: MIT */
/*
 * Radix tree: u64 index → pointer, 64-way. Writers hold the owner's lock. Readers hold it too, or are inside an RCU
 * read section (nodes are freed through radix_free_node_fn, which must then defer by a grace period).
 * Nodes come from the caller's allocator, set once at boot.
 */
#ifndef LIB_RADIX_H
#define LIB_RADIX_H

#include "lib/types.h"

struct radix {
    void *root; /* NULL, or a node */
    u32 height; /* levels; 0: empty */
    u64 count;  /* entries */
};

void radix_set_allocator(void *(*alloc)(size_t size), void (*free)(void *node));
static inline void radix_init(struct radix *r)
{
    r->root = NULL;
    r->height = 0;
    r->count = 0;
}
void *radix_get(const struct radix *r, u64 index);                 /* NULL: none */
int radix_set(struct radix *r, u64 index, void *item, void **old); /* item != NULL; -ENOMEM; *old (may be NULL) */
void *radix_del(struct radix *r, u64 index);                       /* returns what was there */
void *radix_next(const struct radix *r, u64 *index);               /* first entry at or after *index; updates it */
void radix_clear(struct radix *r, void (*fn)(u64 index, void *item, void *arg), void *arg); /* empties it */

#endif
