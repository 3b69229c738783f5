// SPDX-License-Identifier: MIT
/*
 * Layers: from tar bytes over the table to the merged tree. Each case writes one to three layers and states the tree,
 * or the error; the hostile ones are here too (escapes, links, devices, bombs of names and sizes, damaged tars).
 */
#include "tests/unit/oci_merge.h"

static char big[6000];

static const char *repeat(const char *piece, size_t times)
{
    big[0] = 0;
    for (size_t n = 0; n < times; n++)
        strcat(big, piece);
    return big;
}

#define CASE(name) static void name(struct layers *s __attribute__((unused)), struct bytes *b)

CASE(plain)
{
    tar_dir(b, "./");
    tar_dir(b, "./etc/");
    tar_text(b, "./etc/passwd", "root");
    tar_link(b, '2', "bin", "usr/bin");
    TAR(b, .name = "su", .mode = 04755, .uid = 70000, .gid = 3000000, .data = "x", .len = 1);
    TAR(b, .name = "null", .type = '3', .major = 1, .minor = 3, .mode = 0666);
    TAR(b, .name = "sda", .type = '4', .major = 8, .minor = 300, .mode = 0600);
    TAR(b, .name = "pipe", .type = '6');
}

CASE(whiteout)
{
    tar_text(b, "d/keep", "1");
    tar_text(b, "d/gone", "1");
    tar_text(b, "e/x/y", "1");
    b = next_layer(s);
    tar_text(b, "d/.wh.gone", "");
    tar_text(b, ".wh.e", "");
    tar_text(b, ".wh.never", "");
    tar_text(b, "missing/.wh.x", "");
}

CASE(whiteout_after_own)
{
    tar_text(b, "d/f", "1");
    tar_text(b, "d/g", "1");
    b = next_layer(s);
    tar_text(b, "d/f", "new");
    tar_text(b, "d/.wh.f", "");
    tar_text(b, "d/.wh.g", "");
}

CASE(whiteout_dir_with_new_child)
{
    tar_text(b, "d/old", "1");
    tar_text(b, "d/sub/old", "1");
    b = next_layer(s);
    tar_text(b, "d/sub/new", "22");
    tar_text(b, ".wh.d", "");
}

CASE(whiteout_then_again)
{
    tar_text(b, "d/f", "1");
    b = next_layer(s);
    tar_text(b, ".wh.d", "");
    b = next_layer(s);
    tar_text(b, "d/g", "1");
}

CASE(opaque_last)
{
    tar_text(b, "d/old", "1");
    tar_text(b, "d/sub/old", "1");
    b = next_layer(s);
    tar_text(b, "d/new", "1");
    tar_text(b, "d/sub/new", "1");
    tar_text(b, "d/.wh..wh..opq", "");
}

CASE(opaque_first)
{
    tar_text(b, "d/old", "1");
    b = next_layer(s);
    tar_dir(b, "d");
    tar_text(b, "d/.wh..wh..opq", "");
    tar_text(b, "d/new", "1");
}

CASE(opaque_before_a_link)
{
    tar_link(b, '2', "d/l", "../other");
    tar_dir(b, "other");
    b = next_layer(s);
    tar_text(b, "d/l/f", "1");
    tar_text(b, "d/.wh..wh..opq", "");
}

CASE(opaque_under_replaced_link)
{
    tar_text(b, "usr/f", "1");
    tar_link(b, '2', "d", "usr");
    b = next_layer(s);
    tar_dir(b, "d");
    tar_text(b, "d/.wh..wh..opq", "");
    tar_text(b, "d/g", "1");
}

CASE(opaque_root)
{
    tar_text(b, "a", "1");
    b = next_layer(s);
    tar_text(b, "b", "1");
    tar_text(b, ".wh..wh..opq", "");
}

CASE(opaque_through_link)
{
    tar_text(b, "usr/lib/x/old", "1");
    tar_link(b, '2', "lib", "usr/lib");
    b = next_layer(s);
    tar_text(b, "lib/x/.wh..wh..opq", "");
    tar_text(b, "lib/x/new", "1");
}

CASE(dir_over_dir)
{
    TAR(b, .name = "d", .type = '5', .mode = 0700);
    tar_text(b, "d/f", "1");
    b = next_layer(s);
    TAR(b, .name = "d", .type = '5', .mode = 01777, .uid = 5, .gid = 6);
}

CASE(file_over_dir)
{
    tar_text(b, "d/f", "1");
    b = next_layer(s);
    tar_text(b, "d", "file");
}

CASE(dir_over_file)
{
    tar_text(b, "d", "file");
    b = next_layer(s);
    tar_dir(b, "d");
}

CASE(dir_over_symlink)
{
    tar_text(b, "usr/lib/a", "1");
    tar_link(b, '2', "lib", "usr/lib");
    b = next_layer(s);
    tar_dir(b, "lib");
    tar_text(b, "lib/b", "1");
}

CASE(merged_usr)
{
    tar_dir(b, "usr/lib");
    tar_link(b, '2', "lib", "usr/lib");
    tar_link(b, '2', "lib64", "/lib/../lib");
    b = next_layer(s);
    tar_text(b, "lib/a", "1");
    tar_text(b, "lib64/b", "1");
    tar_text(b, "lib64/.wh.nothing", "");
}

CASE(through_dangling_link)
{
    tar_link(b, '2', "var/run", "/run");
    tar_text(b, "var/run/d/f", "1");
}

CASE(link_up_and_down)
{
    tar_link(b, '2', "l", "missing/../../../usr");
    tar_text(b, "l/f", "1");
}

CASE(escape_dotdot)
{
    tar_text(b, "../../etc/passwd", "1");
    tar_text(b, "a/../../../b", "1");
    tar_text(b, "..", "");
}

CASE(escape_absolute)
{
    tar_text(b, "/etc/passwd", "1");
    tar_text(b, "//x//y", "1");
}

CASE(escape_dotdot_only)
{
    tar_text(b, "../../f", "1");
    tar_dir(b, "x/../..");
}

CASE(escape_symlinked_parent)
{
    tar_link(b, '2', "out", "../../../../tmp");
    tar_link(b, '2', "abs", "/tmp");
    tar_text(b, "out/a", "1");
    tar_text(b, "abs/b", "1");
}

CASE(escape_hardlink)
{
    tar_text(b, "etc/shadow", "1");
    tar_link(b, '1', "h", "../../../etc/shadow");
    tar_link(b, '1', "i", "/etc/shadow");
}

CASE(escape_hardlink_outside)
{
    tar_link(b, '1', "h", "../../../../../../etc/hostname");
}

CASE(symlink_loop)
{
    tar_link(b, '2', "a", "b");
    tar_link(b, '2', "b", "a");
    tar_text(b, "a/f", "1");
}

CASE(parent_is_file)
{
    tar_text(b, "f", "1");
    b = next_layer(s);
    tar_text(b, "f/x", "1");
}

CASE(parent_is_device)
{
    TAR(b, .name = "dev", .type = '3', .major = 1, .minor = 1);
    tar_text(b, "dev/x", "1");
}

CASE(root_symlink)
{
    tar_link(b, '2', "./", "/tmp");
}

CASE(root_file)
{
    tar_text(b, ".", "1");
}

CASE(hardlinks)
{
    tar_text(b, "a", "one");
    b = next_layer(s);
    tar_link(b, '1', "b", "a");
    b = next_layer(s);
    tar_text(b, ".wh.a", "");
    tar_link(b, '1', "d/c", "./b");
}

CASE(hardlink_survives_replacement)
{
    tar_text(b, "a", "one");
    tar_link(b, '1', "b", "a");
    b = next_layer(s);
    tar_text(b, "a", "other");
}

CASE(hardlink_to_symlink)
{
    tar_link(b, '2', "l", "nowhere");
    tar_link(b, '1', "h", "l");
}

CASE(hardlink_through_symlinked_dir)
{
    tar_text(b, "usr/lib/a", "1");
    tar_link(b, '2', "lib", "usr/lib");
    tar_link(b, '1', "h", "lib/a");
}

CASE(hardlink_to_nothing)
{
    tar_link(b, '1', "h", "missing");
}

CASE(hardlink_to_whited_out)
{
    tar_text(b, "a", "1");
    b = next_layer(s);
    tar_text(b, ".wh.a", "");
    tar_link(b, '1', "h", "a");
}

CASE(hardlink_to_dir)
{
    tar_dir(b, "d");
    tar_link(b, '1', "h", "d");
}

CASE(hardlink_to_root)
{
    tar_link(b, '1', "h", "/");
}

CASE(hardlink_to_itself)
{
    tar_text(b, "a", "1");
    tar_link(b, '1', "a", "a");
}

CASE(hardlink_into_own_place)
{
    tar_text(b, "d/f", "1");
    tar_link(b, '1', "d", "d/f");
}

CASE(bare_whiteout)
{
    tar_text(b, "d/.wh.", "");
}

CASE(whiteout_dot)
{
    tar_text(b, "d/.wh..", "");
}

CASE(whiteout_dotdot)
{
    tar_text(b, "d/.wh...", "");
}

CASE(aufs_leftovers)
{
    tar_text(b, ".wh..wh.plnk/x", "1");
    tar_text(b, ".wh..wh.aufs", "");
}

CASE(long_name_component)
{
    tar_gnu_long(b, 'L', repeat("n", 256));
    tar_text(b, "x", "1");
}

CASE(long_path)
{
    tar_gnu_long(b, 'L', repeat("abcdefg/", 600));
    tar_text(b, "x", "1");
}

CASE(long_symlink)
{
    tar_gnu_long(b, 'K', repeat("abcdefg/", 600));
    tar_link(b, '2', "l", "x");
}

/* Each layer entry is short, but symlinks take it deeper and deeper. */
CASE(deep_by_symlinks)
{
    tar_gnu_long(b, 'L', repeat("d/", 1500));
    tar_dir(b, "x");
    tar_gnu_long(b, 'K', repeat("d/", 1500));
    tar_link(b, '2', "s", "x");
    tar_gnu_long(b, 'L', (repeat("d/", 1000), memcpy(big, "s/", 2), big));
    tar_dir(b, "x");
}

CASE(deep_nesting)
{
    tar_gnu_long(b, 'L', repeat("d/", 2000));
    tar_dir(b, "x");
    b = next_layer(s);
    tar_text(b, ".wh.d", "");
}

CASE(too_many_entries)
{
    s->limits.entries = 3;
    for (char name[2] = "a"; name[0] < 'e'; name[0]++)
        tar_text(b, name, "");
}

CASE(too_many_implied_entries)
{
    s->limits.entries = 5;
    tar_text(b, "a/b/c/d/e/f/g", "");
}

CASE(too_many_bytes)
{
    s->limits.output_bytes = 5;
    tar_text(b, "a", "123");
    tar_text(b, "b", "123");
}

CASE(sparse_bomb)
{
    struct bytes pax = {0};

    pax_text(&pax, "GNU.sparse.major", "1");
    pax_text(&pax, "GNU.sparse.minor", "0");
    pax_text(&pax, "GNU.sparse.name", "bomb");
    pax_text(&pax, "GNU.sparse.realsize", "9000000000000000000");
    tar_pax(b, &pax);
    char map[512] = "0\n";
    TAR(b, .name = "x", .data = map, .len = 512);
}

CASE(truncated_data)
{
    tar_text(b, "a", "1");
    TAR(b, .name = "b", .data = big, .len = 5000);
    b->len -= 2048;
    s->cut = true;
}

CASE(truncated_header)
{
    tar_text(b, "a", "1");
    b->len -= 512 + 256;
    s->cut = true;
}

CASE(bad_checksum)
{
    tar_text(b, "a", "1");
    tar_text(b, "b", "1");
    b->data[1024] ^= 1;
}

CASE(garbage)
{
    bytes_add(b, repeat("garbage!", 256), 2048);
}

CASE(bad_pax)
{
    TAR(b, .name = "p", .type = 'x', .data = "999999 path=x\n", .len = 14);
    tar_text(b, "a", "1");
}

CASE(negative_uid)
{
    struct bytes pax = {0};

    pax_text(&pax, "uid", "-5");
    tar_pax(b, &pax);
    tar_text(b, "a", "1");
}

CASE(huge_uid)
{
    struct bytes pax = {0};

    pax_text(&pax, "uid", "4294967296");
    tar_pax(b, &pax);
    tar_text(b, "a", "1");
}

CASE(huge_size)
{
    struct tar_file f = {.name = "a"};

    s->limits.output_bytes = UINT64_MAX;
    tar_header(b, &f, 1ull << 60);
    bytes_zero(b, 512);
    s->cut = true;
}

CASE(huge_xattr)
{
    struct bytes pax = {0};
    char *value = calloc(1, 70000);

    memset(value, 'x', 70000);
    pax_record(&pax, "SCHILY.xattr.user.x", value, 70000);
    free(value);
    tar_pax(b, &pax);
    tar_text(b, "a", "1");
}

CASE(symlink_to_nothing)
{
    tar_link(b, '2', "l", "");
}

CASE(empty_layers)
{
    b = next_layer(s);
    tar_text(b, "a", "1");
    b = next_layer(s);
    b->len = 0;
    s->cut = true;
}

CASE(control_characters)
{
    tar_link(b, '1', "bad\nname\033[31m", "missing");
}

static const struct {
    const char *name;
    void (*write)(struct layers *s, struct bytes *b);
    const char *tree;  /* expected, or */
    const char *error; /* a part of the message */
} cases[] = {
    {"plain", plain,
     "bin l=usr/bin\netc d\netc/passwd f=4\nnull c=1:3 0666\npipe p\nsda b=8:300 0600\nsu f=1 4755 70000:3000000\n",
     NULL},
    {"whiteout", whiteout, "d d\nd/keep f=1\n", NULL},
    {"whiteout after the layer's own file", whiteout_after_own, "d d\nd/f f=3\n", NULL},
    {"whiteout of a directory with a new child", whiteout_dir_with_new_child, "d d\nd/sub d\nd/sub/new f=2\n", NULL},
    {"whiteout, then anew", whiteout_then_again, "d d\nd/g f=1\n", NULL},
    {"opaque last", opaque_last, "d d\nd/new f=1\nd/sub d\nd/sub/new f=1\n", NULL},
    {"opaque first", opaque_first, "d d\nd/new f=1\n", NULL},
    {"opaque reaches a link before it is followed", opaque_before_a_link, "d d\nd/l d\nd/l/f f=1\nother d\n", NULL},
    {"opaque under a replaced link", opaque_under_replaced_link, "d d\nd/g f=1\nusr d\nusr/f f=1\n", NULL},
    {"opaque root", opaque_root, "b f=1\n", NULL},
    {"opaque through a link", opaque_through_link, "lib l=usr/lib\nusr d\nusr/lib d\nusr/lib/x d\nusr/lib/x/new f=1\n",
     NULL},
    {"directory over directory", dir_over_dir, "d d 1777 5:6\nd/f f=1\n", NULL},
    {"file over directory", file_over_dir, "d f=4\n", NULL},
    {"directory over file", dir_over_file, "d d\n", NULL},
    {"directory over symlink", dir_over_symlink, "lib d\nlib/b f=1\nusr d\nusr/lib d\nusr/lib/a f=1\n", NULL},
    {"merged /usr", merged_usr, "lib l=usr/lib\nlib64 l=/lib/../lib\nusr d\nusr/lib d\nusr/lib/a f=1\nusr/lib/b f=1\n",
     NULL},
    {"through a dangling link", through_dangling_link, "run d\nrun/d d\nrun/d/f f=1\nvar d\nvar/run l=/run\n", NULL},
    {"a link up and down", link_up_and_down, "l l=missing/../../../usr\nusr d\nusr/f f=1\n", NULL},
    {"escape by .., a file in the root's place", escape_dotdot, NULL, "entry '': the root must be a directory"},
    {"escape by ..", escape_dotdot_only, "f f=1\n", NULL},
    {"absolute names", escape_absolute, "etc d\netc/passwd f=1\nx d\nx/y f=1\n", NULL},
    {"symlinked parents lead nowhere outside", escape_symlinked_parent,
     "abs l=/tmp\nout l=../../../../tmp\ntmp d\ntmp/a f=1\ntmp/b f=1\n", NULL},
    {"hard link with ..", escape_hardlink, "etc d\netc/shadow f=1*3\nh f=1*3\ni f=1*3\n", NULL},
    {"hard link out of the root", escape_hardlink_outside, NULL,
     "entry 'h': the target of the hard link does not exist"},
    {"symlink loop", symlink_loop, NULL, "entry 'a/f': too many symlinks"},
    {"parent is a file", parent_is_file, NULL, "entry 'f/x': a component of its path is not a directory"},
    {"parent is a device", parent_is_device, NULL, "entry 'dev/x': a component of its path is not a directory"},
    {"root becomes a symlink", root_symlink, NULL, "the root must be a directory"},
    {"root becomes a file", root_file, NULL, "the root must be a directory"},
    {"hard links across layers", hardlinks, "b f=3*2\nd d\nd/c f=3*2\n", NULL},
    {"hard link outlives replacement", hardlink_survives_replacement, "a f=5\nb f=3\n", NULL},
    {"hard link to a symlink", hardlink_to_symlink, "h l=nowhere*2\nl l=nowhere*2\n", NULL},
    {"hard link through a symlink", hardlink_through_symlinked_dir,
     "h f=1*2\nlib l=usr/lib\nusr d\nusr/lib d\nusr/lib/a f=1*2\n", NULL},
    {"hard link to nothing", hardlink_to_nothing, NULL, "entry 'h': the target of the hard link does not exist"},
    {"hard link to what is whited out", hardlink_to_whited_out, NULL, "the target of the hard link does not exist"},
    {"hard link to a directory", hardlink_to_dir, NULL, "the target of the hard link is a directory"},
    {"hard link to the root", hardlink_to_root, NULL, "the target of the hard link is a directory"},
    {"hard link to itself", hardlink_to_itself, NULL, "it is a hard link to itself"},
    {"hard link that replaces its target's directory", hardlink_into_own_place, "d f=1\n", NULL},
    {"bare whiteout", bare_whiteout, NULL, "entry 'd/.wh.': a whiteout must name a file"},
    {"whiteout of .", whiteout_dot, NULL, "entry 'd/.wh..': a whiteout must name a file"},
    {"whiteout of ..", whiteout_dotdot, NULL, "entry 'd/.wh...': a whiteout must name a file"},
    {"AUFS leftovers", aufs_leftovers, ".wh..wh.plnk d\n.wh..wh.plnk/x f=1\n", NULL},
    {"name of 256 bytes", long_name_component, NULL, "its name has more than 255 bytes"},
    {"path over the limit", long_path, NULL, "the path has 4800 bytes, the limit is 4095 (--max-path raises it)"},
    {"symlink over the limit", long_symlink, NULL,
     "entry 'l': the symlink's target has 4800 bytes, the limit is 4095 (--max-path"},
    {"path over the limit, by symlinks", deep_by_symlinks, NULL, "resolved, the path is too long, the limit is 4095"},
    {"deep nesting", deep_nesting, "", NULL},
    {"too many entries", too_many_entries, NULL, "entry 'd': it is one entry too many, the limit is 3 (--max-entries"},
    {"too many implied entries", too_many_implied_entries, NULL, "it makes 7 entries, the limit is 5 (--max-entries"},
    {"too many bytes", too_many_bytes, NULL, "entry 'b': with its 3 bytes the files have more than allowed, the limit"},
    {"sparse bomb", sparse_bomb, NULL, "entry 'bomb': with its 9000000000000000000 bytes"},
    {"truncated data", truncated_data, NULL, "the tar is damaged at or after 'b': Truncated"},
    {"truncated header", truncated_header, NULL, "the tar is damaged"},
    {"bad checksum", bad_checksum, NULL, "the tar is damaged"},
    {"garbage", garbage, NULL, "the tar is damaged"},
    {"bad PAX record", bad_pax, NULL, "the tar is damaged"},
    {"negative uid", negative_uid, NULL, "its owner is not in the range"},
    {"uid of 33 bits", huge_uid, NULL, "its owner is not in the range"},
    {"size of an exbibyte", huge_size, NULL, "damaged"},
    {"huge xattr", huge_xattr, NULL, "an extended attribute has more than 65536 bytes"},
    {"symlink to nothing", symlink_to_nothing, NULL, "it is a link to nothing"},
    {"empty layers", empty_layers, "a f=1\n", NULL},
    {"control characters in a message", control_characters, NULL, "entry 'bad\\x0aname\\x1b[31m': the target"},
};

static void run_case(size_t n)
{
    struct oci_error err = {.msg = ""};
    struct layers s = {0};
    struct tree *tree;

    oci_limits_init(&s.limits);
    cases[n].write(&s, &s.tar[0]);
    if (!s.cut)
        tar_end(&s.tar[s.count]);
    s.count++;
    tree = merge_all(&s, &err);
    char *text = tree ? dump_tree(tree) : strdup("(failed)");
    if (cases[n].tree ? strcmp(text, cases[n].tree) != 0 : tree || !strstr(err.msg, cases[n].error))
        fail_msg("%s: wanted\n%s\ngot\n%s\n%s", cases[n].name, cases[n].tree ? cases[n].tree : cases[n].error, text,
                 err.msg);
    if (!tree && !strstr(err.msg, "LAYER: "))
        fail_msg("%s: the message does not name the layer: %s", cases[n].name, err.msg);
    free(text);
    tree_free(tree);
    for (unsigned k = 0; k < LAYERS; k++)
        bytes_free(&s.tar[k]);
}

static void test_cases(void **state)
{
    (void)state;
    for (size_t n = 0; n < sizeof(cases) / sizeof(cases[0]); n++)
        run_case(n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_cases)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
