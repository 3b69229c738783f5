/* SPDX-License-Identifier: MIT */
/* Red-black tree with optional augmentation. The caller walks down to find the place, links, then rebalances. */
#ifndef LIB_RBTREE_H
#define LIB_RBTREE_H

#include "lib/types.h"

struct rb_node {
    unsigned long parent_color;
    struct rb_node *left, *right;
};
struct rb_root {
    struct rb_node *node;
};

/* Recomputes a node's augmented value from itself and its children; returns true when it changed. NULL: plain tree. */
typedef bool (*rb_augment_fn)(struct rb_node *n);

#define rb_entry(ptr, type, member) container_of(ptr, type, member)
static inline struct rb_node *rb_parent(const struct rb_node *n)
{
    return (struct rb_node *)(n->parent_color & ~3ul);
}
/* `link` is the child pointer (or &root->node) found by the caller's descent, `parent` its owner. */
static inline void rb_link(struct rb_node *n, struct rb_node *parent, struct rb_node **link)
{
    n->parent_color = (unsigned long)parent;
    n->left = n->right = NULL;
    *link = n;
}
void rb_insert_fixup(struct rb_root *root, struct rb_node *n, rb_augment_fn augment); /* after rb_link */
void rb_erase(struct rb_root *root, struct rb_node *n, rb_augment_fn augment);
void rb_augment_path(struct rb_node *n, rb_augment_fn augment); /* after a node's own key changed in place */
struct rb_node *rb_first(const struct rb_root *root);
struct rb_node *rb_last(const struct rb_root *root);
struct rb_node *rb_next(const struct rb_node *n);
struct rb_node *rb_prev(const struct rb_node *n);

#endif
