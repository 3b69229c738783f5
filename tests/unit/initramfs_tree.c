// SPDX-License-Identifier: MIT
/* The merged tree: names, references, resolution inside the root, contents. */
#include "initramfs-builder/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static struct tree_entry *add(struct tree_entry *dir, const char *name, uint32_t mode)
{
    struct tree_entry *e = NULL;

    assert_int_equal(tree_link(dir, name, strlen(name), tree_inode_new(mode), &e), 0);
    return e;
}

static struct tree_entry *add_symlink(struct tree_entry *dir, const char *name, const char *target)
{
    struct tree_entry *e = add(dir, name, S_IFLNK | 0777);

    e->inode->symlink = strdup(target);
    return e;
}

static int setup(void **state)
{
    *state = tree_new();
    return 0;
}

static int teardown(void **state)
{
    tree_free(*state);
    return 0;
}

static void children_are_sorted(void **state)
{
    struct tree_entry *root = tree_root(*state);
    const char *names[] = {"b", "a", "ab", "aa", "\xff", "B", "zz", "z"};
    const char *sorted[] = {"B", "a", "aa", "ab", "b", "z", "zz", "\xff"};

    for (int n = 0; n < 8; n++)
        add(root, names[n], S_IFREG);
    assert_int_equal(tree_entry_count(*state), 8);
    for (int n = 0; n < 8; n++) {
        assert_string_equal(root->children[n]->name, sorted[n]);
        assert_ptr_equal(tree_lookup(root, sorted[n], strlen(sorted[n])), root->children[n]);
    }
    assert_null(tree_lookup(root, "c", 1));
}

static void bad_names_are_refused(void **state)
{
    struct tree_entry *root = tree_root(*state), *file = add(root, "f", S_IFREG);
    struct tree_inode *i = tree_inode_new(S_IFREG);
    char name[257];

    memset(name, 'x', sizeof(name));
    assert_int_equal(tree_link(root, name, 256, i, NULL), -ENAMETOOLONG);
    assert_int_equal(tree_link(root, "", 0, i, NULL), -EINVAL);
    assert_int_equal(tree_link(root, ".", 1, i, NULL), -EINVAL);
    assert_int_equal(tree_link(root, "..", 2, i, NULL), -EINVAL);
    assert_int_equal(tree_link(root, "a/b", 3, i, NULL), -EINVAL);
    assert_int_equal(tree_link(root, "a\0b", 3, i, NULL), -EINVAL);
    assert_int_equal(tree_link(root, "f", 1, i, NULL), -EEXIST);
    assert_int_equal(tree_link(file, "g", 1, i, NULL), -ENOTDIR);
    assert_int_equal(tree_link(root, name, 255, i, NULL), 0);
}

static void hard_links_share_an_inode(void **state)
{
    struct tree_entry *root = tree_root(*state), *a = add(root, "a", S_IFREG), *b;

    assert_int_equal(tree_link(root, "b", 1, a->inode, &b), 0);
    assert_int_equal(b->inode->refs, 2);
    tree_unlink(a);
    assert_int_equal(b->inode->refs, 1);
    assert_int_equal(tree_entry_count(*state), 1);
}

static void unlink_takes_everything_below(void **state)
{
    struct tree_entry *root = tree_root(*state), *dir = add(root, "d", S_IFDIR), *deep = dir;

    for (int n = 0; n < 20000; n++) /* far deeper than any stack of calls */
        deep = add(deep, "x", S_IFDIR);
    add(dir, "y", S_IFREG);
    add(root, "stays", S_IFREG);
    tree_unlink(dir);
    assert_int_equal(tree_entry_count(*state), 1);
    tree_unlink(root);
    assert_int_equal(tree_entry_count(*state), 0);
}

static void replacing_keeps_children_of_directories_only(void **state)
{
    struct tree_entry *root = tree_root(*state), *dir = add(root, "d", S_IFDIR | 0700);

    add(dir, "x", S_IFREG);
    tree_replace_inode(dir, tree_inode_new(S_IFDIR | 0755));
    assert_int_equal(dir->inode->mode, S_IFDIR | 0755);
    assert_int_equal(dir->child_count, 1);
    tree_replace_inode(dir, tree_inode_new(S_IFREG | 0644));
    assert_int_equal(dir->child_count, 0);
    assert_int_equal(tree_entry_count(*state), 1);
}

static int resolve(struct tree *t, const char *path, int follow, struct tree_entry *expect)
{
    struct tree_entry *e = NULL;
    int error = tree_resolve(t, path, follow, &e);

    if (!error)
        assert_ptr_equal(e, expect);
    return error;
}

static void paths_resolve_inside_the_root(void **state)
{
    struct tree *t = *state;
    struct tree_entry *root = tree_root(t), *usr = add(root, "usr", S_IFDIR), *lib = add(usr, "lib", S_IFDIR);
    struct tree_entry *f = add(lib, "f", S_IFREG), *link = add_symlink(root, "lib", "usr/lib");

    add_symlink(root, "abs", "/usr/./lib/");
    add_symlink(lib, "up", "../../../../usr");
    add_symlink(root, "loop", "loop");
    add_symlink(root, "dangling", "nowhere");
    add_symlink(root, "tofile", "/lib/f");
    assert_int_equal(resolve(t, "/", 1, root), 0);
    assert_int_equal(resolve(t, "..", 1, root), 0);
    assert_int_equal(resolve(t, "/../usr//lib/f", 1, f), 0);
    assert_int_equal(resolve(t, "lib/f", 0, f), 0);
    assert_int_equal(resolve(t, "lib", 0, link), 0);
    assert_int_equal(resolve(t, "lib", 1, lib), 0);
    assert_int_equal(resolve(t, "lib/", 0, lib), 0);
    assert_int_equal(resolve(t, "abs/f", 1, f), 0);
    assert_int_equal(resolve(t, "abs/up/lib/../lib/f", 1, f), 0);
    assert_int_equal(resolve(t, "tofile", 1, f), 0);
    assert_int_equal(resolve(t, "tofile/", 1, f), -ENOTDIR);
    assert_int_equal(resolve(t, "lib/f/x", 1, NULL), -ENOTDIR);
    assert_int_equal(resolve(t, "lib/f/..", 1, NULL), -ENOTDIR);
    assert_int_equal(resolve(t, "", 1, NULL), -ENOENT);
    assert_int_equal(resolve(t, "dangling", 1, NULL), -ENOENT);
    assert_int_equal(resolve(t, "loop", 1, NULL), -ELOOP);
    assert_int_equal(resolve(t, "loop/x", 0, NULL), -ELOOP);
}

static void long_paths_are_refused(void **state)
{
    char path[4200];

    memset(path, '/', sizeof(path));
    path[sizeof(path) - 1] = 0;
    assert_int_equal(resolve(*state, path, 1, NULL), -ENAMETOOLONG);
    memset(path, 'x', 256);
    path[256] = 0;
    assert_int_equal(resolve(*state, path, 1, NULL), -ENAMETOOLONG);
}

static void contents_come_from_extents_and_blobs(void **state)
{
    struct tree *t = *state;
    struct tree_entry *e = add(tree_root(t), "f", S_IFREG), *b = add(tree_root(t), "b", S_IFREG);
    int fd = memfd_create("source", 0), source;
    char *data;
    size_t len;

    assert_int_equal(pwrite(fd, "0123456789", 10, 0), 10);
    source = tree_add_source(t, fd);
    assert_int_equal(tree_source_fd(t, (uint32_t)source), fd);
    assert_int_equal(tree_source_fd(t, 99), -EBADF);
    e->inode->size = 12;
    e->inode->extents = calloc(2, sizeof(struct tree_extent));
    e->inode->extents[0] = (struct tree_extent){.file_off = 1, .len = 2, .source_off = 3};
    e->inode->extents[1] = (struct tree_extent){.file_off = 8, .len = 3, .source_off = 7};
    e->inode->extent_count = 2;
    assert_int_equal(tree_read_file(t, e, 12, &data, &len), 0);
    assert_int_equal(len, 12);
    assert_memory_equal(data, "\00034\0\0\0\0\000789\0", 12);
    free(data);
    assert_int_equal(tree_read_file(t, e, 11, &data, &len), -EFBIG);
    assert_int_equal(tree_read_file(t, tree_root(t), 11, &data, &len), -EISDIR);
    e->inode->extents[1].source_off = 8; /* the source ends one byte early */
    assert_int_equal(tree_read_file(t, e, 12, &data, &len), -EIO);
    b->inode->blob = strdup("blob");
    b->inode->size = 4;
    assert_int_equal(tree_read_file(t, b, 4, &data, &len), 0);
    assert_string_equal(data, "blob");
    free(data);
}

static void xattrs_are_sorted_and_replaced(void **state)
{
    struct tree_inode *i = tree_root(*state)->inode;

    assert_int_equal(tree_set_xattr(i, "user.b", "1", 1), 0);
    assert_int_equal(tree_set_xattr(i, "user.a", "", 0), 0);
    assert_int_equal(tree_set_xattr(i, "user.b", "22", 2), 0);
    assert_int_equal(i->xattr_count, 2);
    assert_string_equal(i->xattrs[0].name, "user.a");
    assert_int_equal(i->xattrs[0].value_len, 0);
    assert_memory_equal(i->xattrs[1].value, "22", 2);
}

static int note(struct tree_entry *e, void *arg)
{
    strcat(arg, e->parent ? e->name : "/");
    return e->name[0] == 'q' ? 7 : 0;
}

static void walk_is_in_order(void **state)
{
    struct tree_entry *root = tree_root(*state), *b = add(root, "b", S_IFDIR);
    char seen[32] = "";

    add(b, "y", S_IFREG);
    add(add(b, "x", S_IFDIR), "w", S_IFREG);
    add(root, "a", S_IFREG);
    add(root, "c", S_IFREG);
    assert_int_equal(tree_walk(*state, note, seen), 0);
    assert_string_equal(seen, "/abxwyc");
    add(b, "q", S_IFREG);
    seen[0] = 0;
    assert_int_equal(tree_walk(*state, note, seen), 7);
    assert_string_equal(seen, "/abq");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(children_are_sorted),
        TEST(bad_names_are_refused),
        TEST(hard_links_share_an_inode),
        TEST(unlink_takes_everything_below),
        TEST(replacing_keeps_children_of_directories_only),
        TEST(paths_resolve_inside_the_root),
        TEST(long_paths_are_refused),
        TEST(contents_come_from_extents_and_blobs),
        TEST(xattrs_are_sorted_and_replaced),
        TEST(walk_is_in_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
