// SPDX-License-Identifier: MIT
/*
 * Radix tree of 64-way nodes. Height grows with the largest index; the tree never shrinks in height until empty.
 * Writers publish with release stores, so lock-free readers see whole nodes. Pure; the caller locks writers.
 */
#include "lib/radix.h"

#include "abi/errno.h"
#include "lib/atomic.h"
#include "lib/string.h"

#define RADIX_BITS 6
#define RADIX_SLOTS 64u
#define RADIX_MAX_HEIGHT 11 /* 66 bits */

struct radix_node {
    void *slots[RADIX_SLOTS];
    u32 count;
    u32 level; /* 0: slots are items */
};

static void *(*node_alloc)(size_t size);
static void (*node_free)(void *node);

void radix_set_allocator(void *(*alloc)(size_t size), void (*free)(void *node))
{
    node_alloc = alloc;
    node_free = free;
}

static u32 slot_of(u64 index, u32 level)
{
    return (u32)(index >> (level * RADIX_BITS)) & (RADIX_SLOTS - 1);
}

static bool fits(u64 index, u32 height)
{
    return height >= RADIX_MAX_HEIGHT || index >> (height * RADIX_BITS) == 0;
}

void *radix_get(const struct radix *r, u64 index)
{
    struct radix_node *n = load_acquire(&r->root);
    if (!n || !fits(index, n->level + 1))
        return NULL;
    for (;;) {
        u32 level = n->level;
        void *next = load_acquire(&n->slots[slot_of(index, level)]);
        if (level == 0 || !next)
            return next;
        n = next;
    }
}

static struct radix_node *new_node(u32 level)
{
    struct radix_node *n = node_alloc(sizeof(*n));
    if (!n)
        return NULL;
    memset(n, 0, sizeof(*n));
    n->level = level;
    return n;
}

/* Makes the tree high enough for index. */
static int grow(struct radix *r, u64 index)
{
    while (!r->root || !fits(index, r->height)) {
        struct radix_node *n = new_node(r->height);
        if (!n)
            return -ENOMEM;
        if (r->root) {
            n->slots[0] = r->root;
            n->count = 1;
        }
        r->height++;
        store_release(&r->root, (void *)n);
    }
    return 0;
}

int radix_set(struct radix *r, u64 index, void *item, void **old)
{
    int err = grow(r, index);
    if (err)
        return err;
    struct radix_node *n = r->root;
    while (n->level > 0) {
        void **slot = &n->slots[slot_of(index, n->level)];
        if (!*slot) {
            struct radix_node *child = new_node(n->level - 1);
            if (!child)
                return -ENOMEM;
            store_release(slot, (void *)child);
            n->count++;
        }
        n = *slot;
    }
    void **slot = &n->slots[slot_of(index, 0)];
    if (old)
        *old = *slot;
    if (!*slot) {
        n->count++;
        r->count++;
    }
    store_release(slot, item);
    return 0;
}

void *radix_del(struct radix *r, u64 index)
{
    struct radix_node *path[RADIX_MAX_HEIGHT];
    struct radix_node *n = r->root;
    if (!n || !fits(index, r->height))
        return NULL;
    u32 depth = 0;
    for (;; n = n->slots[slot_of(index, n->level)]) {
        if (!n)
            return NULL;
        path[depth++] = n;
        if (n->level == 0)
            break;
    }
    void **slot = &n->slots[slot_of(index, 0)];
    void *item = *slot;
    if (!item)
        return NULL;
    r->count--;
    store_release(slot, NULL);
    while (--path[--depth]->count == 0) {
        if (depth == 0) {
            store_release(&r->root, NULL);
            r->height = 0;
        } else {
            struct radix_node *up = path[depth - 1];
            store_release(&up->slots[slot_of(index, up->level)], NULL);
        }
        node_free(path[depth]);
        if (depth == 0)
            break;
    }
    return item;
}

/* First item at or after *index below n; *index is advanced past what n covers when there is none. */
static void *next_in(const struct radix_node *n, u64 *index)
{
    u32 shift = n->level * RADIX_BITS;
    for (u32 i = slot_of(*index, n->level); i < RADIX_SLOTS; i++) {
        void *s = load_acquire(&n->slots[i]);
        if (s && n->level == 0)
            return s;
        if (s) {
            void *item = next_in(s, index);
            if (item)
                return item;
            if (*index == 0)
                return NULL; /* wrapped */
            continue;        /* *index already stands at the next slot's first index */
        }
        *index = ((*index >> shift) + 1) << shift;
        if (*index == 0)
            return NULL;
    }
    return NULL;
}

void *radix_next(const struct radix *r, u64 *index)
{
    struct radix_node *n = load_acquire(&r->root);
    if (!n || !fits(*index, n->level + 1))
        return NULL;
    return next_in(n, index);
}

static void clear_node(struct radix_node *n, u64 base, void (*fn)(u64, void *, void *), void *arg)
{
    for (u32 i = 0; i < RADIX_SLOTS; i++) {
        if (!n->slots[i])
            continue;
        u64 index = base | ((u64)i << (n->level * RADIX_BITS));
        if (n->level > 0)
            clear_node(n->slots[i], index, fn, arg);
        else if (fn)
            fn(index, n->slots[i], arg);
    }
    node_free(n);
}

void radix_clear(struct radix *r, void (*fn)(u64 index, void *item, void *arg), void *arg)
{
    struct radix_node *n = r->root;
    store_release(&r->root, NULL);
    r->height = 0;
    r->count = 0;
    if (n)
        clear_node(n, 0, fn, arg);
}
