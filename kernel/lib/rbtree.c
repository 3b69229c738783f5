// SPDX-License-Identifier: MIT
/*
 * Red-black tree. The colour is the lowest bit of parent_color (1: black). Augmented trees recompute values along the
 * path to the root after a change of shape. Pure; the caller locks.
 */
#include "lib/rbtree.h"

#define RB_BLACK 1ul

static bool is_black(const struct rb_node *n)
{
    return !n || (n->parent_color & RB_BLACK);
}
static bool is_red(const struct rb_node *n)
{
    return !is_black(n);
}
static void set_parent(struct rb_node *n, struct rb_node *p)
{
    n->parent_color = (unsigned long)p | (n->parent_color & RB_BLACK);
}
static void set_black(struct rb_node *n)
{
    n->parent_color |= RB_BLACK;
}
static void set_red(struct rb_node *n)
{
    n->parent_color &= ~RB_BLACK;
}
static void copy_color(struct rb_node *to, const struct rb_node *from)
{
    to->parent_color = (to->parent_color & ~RB_BLACK) | (from->parent_color & RB_BLACK);
}

static void replace_child(struct rb_root *root, struct rb_node *parent, struct rb_node *old, struct rb_node *new)
{
    if (!parent)
        root->node = new;
    else if (parent->left == old)
        parent->left = new;
    else
        parent->right = new;
}

/* Lifts n's child on the side opposite to `left` into n's place. Returns the lifted node. */
static void rotate(struct rb_root *root, struct rb_node *n, bool left, rb_augment_fn augment)
{
    struct rb_node *parent = rb_parent(n), *up = left ? n->right : n->left;
    struct rb_node *inner = left ? up->left : up->right;
    if (left) {
        n->right = inner;
        up->left = n;
    } else {
        n->left = inner;
        up->right = n;
    }
    if (inner)
        set_parent(inner, n);
    set_parent(up, parent);
    set_parent(n, up);
    replace_child(root, parent, n, up);
    if (augment) {
        augment(n);
        augment(up);
    }
}

void rb_augment_path(struct rb_node *n, rb_augment_fn augment)
{
    for (; n; n = rb_parent(n)) {
        if (!augment(n))
            return;
    }
}

static void augment_to_root(struct rb_node *n, rb_augment_fn augment)
{
    for (; n && augment; n = rb_parent(n))
        augment(n);
}

void rb_insert_fixup(struct rb_root *root, struct rb_node *n, rb_augment_fn augment)
{
    struct rb_node *parent, *grand;
    augment_to_root(n, augment);
    while ((parent = rb_parent(n)) && is_red(parent)) {
        grand = rb_parent(parent); /* exists: the root is black */
        bool left = parent == grand->left;
        struct rb_node *uncle = left ? grand->right : grand->left;
        if (is_red(uncle)) {
            set_black(parent);
            set_black(uncle);
            set_red(grand);
            n = grand;
            continue;
        }
        if (n == (left ? parent->right : parent->left)) {
            rotate(root, parent, left, augment);
            struct rb_node *t = n;
            n = parent;
            parent = t;
        }
        set_black(parent);
        set_red(grand);
        rotate(root, grand, !left, augment);
    }
    set_black(root->node);
}

/* `n` (may be NULL) below `parent` lacks one black. */
static void erase_fixup(struct rb_root *root, struct rb_node *n, struct rb_node *parent, rb_augment_fn augment)
{
    while (n != root->node && is_black(n)) {
        bool left = n == parent->left;
        struct rb_node *s = left ? parent->right : parent->left;
        if (is_red(s)) {
            set_black(s);
            set_red(parent);
            rotate(root, parent, left, augment);
            s = left ? parent->right : parent->left;
        }
        if (!s) /* n's side lacks a black, so the other has one at least */
            __builtin_unreachable();
        if (is_black(s->left) && is_black(s->right)) {
            set_red(s);
            n = parent;
            parent = rb_parent(n);
            continue;
        }
        struct rb_node *outer = left ? s->right : s->left;
        if (is_black(outer)) {
            set_black(left ? s->left : s->right);
            set_red(s);
            rotate(root, s, !left, augment);
            s = left ? parent->right : parent->left;
            outer = left ? s->right : s->left;
        }
        copy_color(s, parent);
        set_black(parent);
        set_black(outer);
        rotate(root, parent, left, augment);
        n = root->node;
        break;
    }
    if (n)
        set_black(n);
}

/* Puts `s`, the successor already detached, into the place of `n`. */
static void take_place(struct rb_root *root, struct rb_node *n, struct rb_node *s)
{
    s->parent_color = n->parent_color;
    s->left = n->left;
    s->right = n->right;
    if (s->left)
        set_parent(s->left, s);
    if (s->right)
        set_parent(s->right, s);
    replace_child(root, rb_parent(n), n, s);
}

void rb_erase(struct rb_root *root, struct rb_node *n, rb_augment_fn augment)
{
    struct rb_node *out = n; /* the node that leaves its position: n, or its successor */
    if (n->left && n->right) {
        for (out = n->right; out->left;)
            out = out->left;
    }
    struct rb_node *child = out->left ? out->left : out->right, *parent = rb_parent(out);
    bool black = is_black(out);
    if (child)
        set_parent(child, parent);
    replace_child(root, parent, out, child);
    if (out != n) {
        if (parent == n)
            parent = out;
        take_place(root, n, out);
    }
    augment_to_root(parent, augment);
    if (black)
        erase_fixup(root, child, parent, augment);
}

struct rb_node *rb_first(const struct rb_root *root)
{
    struct rb_node *n = root->node;
    while (n && n->left)
        n = n->left;
    return n;
}

struct rb_node *rb_last(const struct rb_root *root)
{
    struct rb_node *n = root->node;
    while (n && n->right)
        n = n->right;
    return n;
}

struct rb_node *rb_next(const struct rb_node *n)
{
    struct rb_node *p;
    if (n->right) {
        for (p = n->right; p->left;)
            p = p->left;
        return p;
    }
    while ((p = rb_parent(n)) && n == p->right)
        n = p;
    return p;
}

struct rb_node *rb_prev(const struct rb_node *n)
{
    struct rb_node *p;
    if (n->left) {
        for (p = n->left; p->right;)
            p = p->right;
        return p;
    }
    while ((p = rb_parent(n)) && n == p->left)
        n = p;
    return p;
}
