// SPDX-License-Identifier: MIT
// sources: kernel/lib/rbtree.c kernel/lib/radix.c kernel/lib/string.c
// cflags: -DSLIPWAY_HOST
/* kernel/lib on the host: trees against a plain model, numbers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/list.h"
#include "lib/radix.h"
#include "lib/rbtree.h"
#include "lib/string.h"

#define KEYS 512

struct item {
    struct rb_node node;
    u32 key;
    u32 largest; /* augmented: of the subtree */
    bool in;
};

static bool augment_largest(struct rb_node *n)
{
    struct item *i = rb_entry(n, struct item, node);
    u32 v = i->key;
    if (n->left)
        v = MAX(v, rb_entry(n->left, struct item, node)->largest);
    if (n->right)
        v = MAX(v, rb_entry(n->right, struct item, node)->largest);
    bool changed = v != i->largest;
    i->largest = v;
    return changed;
}

static void insert(struct rb_root *root, struct item *i)
{
    struct rb_node **link = &root->node, *parent = NULL;
    while (*link) {
        parent = *link;
        link = i->key < rb_entry(parent, struct item, node)->key ? &parent->left : &parent->right;
    }
    rb_link(&i->node, parent, link);
    i->largest = 0;
    rb_insert_fixup(root, &i->node, augment_largest);
}

/* Returns the black height; fails on a red child of a red node, a wrong parent or a wrong augmented value. */
static int check(struct rb_node *n, struct rb_node *parent)
{
    if (!n)
        return 1;
    bool black = n->parent_color & 1;
    assert_ptr_equal(rb_parent(n), parent);
    if (!black)
        assert_true(parent && (parent->parent_color & 1));
    int l = check(n->left, n), r = check(n->right, n);
    assert_int_equal(l, r);
    assert_false(augment_largest(n));
    return l + black;
}

static void rbtree_random(void **state)
{
    (void)state;
    struct item *items = calloc(KEYS, sizeof(*items));
    struct rb_root root = {NULL};
    srand(7);
    for (u32 i = 0; i < KEYS; i++)
        items[i].key = i;
    for (int step = 0; step < 20000; step++) {
        struct item *i = &items[rand() % KEYS];
        if (i->in)
            rb_erase(&root, &i->node, augment_largest);
        else
            insert(&root, i);
        i->in = !i->in;
        if (step % 97 == 0)
            check(root.node, NULL);
    }
    u32 k = 0;
    for (struct rb_node *n = rb_first(&root); n; n = rb_next(n), k++) {
        while (!items[k].in)
            k++;
        assert_int_equal(rb_entry(n, struct item, node)->key, k);
    }
    for (; k < KEYS; k++)
        assert_false(items[k].in);
    k = KEYS;
    for (struct rb_node *n = rb_last(&root); n; n = rb_prev(n)) {
        while (!items[--k].in) {
        }
        assert_int_equal(rb_entry(n, struct item, node)->key, k);
    }
    free(items);
}

static u64 index_of(u32 i)
{
    static const u64 spread[] = {0, 63, 64, 4095, 4096, 1ull << 20, 1ull << 35, ~0ull - 700};
    return spread[i % 8] + i / 8;
}

static void radix_model(void **state)
{
    (void)state;
    static bool in[4000];
    static char things[4000];
    struct radix r;
    u64 count = 0;
    radix_set_allocator(malloc, free);
    radix_init(&r);
    memset(in, 0, sizeof(in));
    srand(3);
    for (int step = 0; step < 60000; step++) {
        u32 i = (u32)rand() % 4000;
        if (index_of(i) < index_of(i - i % 8))
            continue;
        void *was = radix_get(&r, index_of(i));
        if (was) {
            assert_ptr_equal(radix_del(&r, index_of(i)), was);
            count--;
        } else {
            assert_int_equal(radix_set(&r, index_of(i), &things[i], NULL), 0);
            count++;
        }
        in[i] = !was;
        assert_int_equal(r.count, count);
    }
    u64 at = 0, seen = 0;
    for (void *p; (p = radix_next(&r, &at)); at++, seen++) {
        assert_ptr_equal(radix_get(&r, at), p);
        if (at == ~0ull)
            break;
    }
    assert_int_equal(seen, count);
    radix_clear(&r, NULL, NULL);
    assert_null(radix_get(&r, 0));
    assert_int_equal(r.count, 0);
}

static void numbers(void **state)
{
    (void)state;
    u64 v;
    const char *end;
    assert_int_equal(str_to_u64("123", 10, &v, &end), 0);
    assert_int_equal(v, 123);
    assert_int_equal(*end, 0);
    assert_int_equal(str_to_u64("0x1fG", 0, &v, &end), 0);
    assert_int_equal(v, 0x1f);
    assert_int_equal(*end, 'G');
    assert_int_equal(str_to_u64("0755", 0, &v, NULL), 0);
    assert_int_equal(v, 0755);
    assert_int_equal(str_to_u64("18446744073709551615", 10, &v, NULL), 0);
    assert_int_equal(str_to_u64("18446744073709551616", 10, &v, NULL), -34);
    assert_int_equal(str_to_u64("", 10, &v, NULL), -22);
    assert_int_equal(str_to_u64("-1", 10, &v, NULL), -22);
    char buf[4];
    assert_int_equal(str_copy(buf, "abcdef", sizeof(buf)), 6);
    assert_string_equal(buf, "abc");
}

static void lists(void **state)
{
    (void)state;
    struct list a = LIST_INIT(a), b = LIST_INIT(b), n[4];
    for (int i = 0; i < 4; i++)
        list_add_tail(i < 2 ? &a : &b, &n[i]);
    list_splice_tail(&a, &b);
    assert_true(list_empty(&b));
    struct list *p = a.next;
    for (int i = 0; i < 4; i++, p = p->next)
        assert_ptr_equal(p, &n[i]);
    assert_ptr_equal(p, &a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rbtree_random),
        cmocka_unit_test(radix_model),
        cmocka_unit_test(numbers),
        cmocka_unit_test(lists),
    };
    return cmocka_run_group_tests_name("kernel/lib", tests, NULL, NULL);
}
