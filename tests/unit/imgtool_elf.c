// SPDX-License-Identifier: MIT
/* ELF surgery: what a linked VM looks like, and every kernel that is refused. */
#include "imgtool/elf.h"

#include "initramfs-builder/archive.h"
#include "initramfs-builder/read.h"
#include "initramfs-builder/tree.h"
#include "kernel/boot_contract.h"

#include <elf.h>
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

/* A kernel with nothing in it. */
struct toy {
    Elf64_Ehdr header;
    Elf64_Phdr segments[3]; /* text, bss, spare */
    struct sw_archive_slot slot;
    uint8_t rest[3001]; /* an odd size: the archive must begin on a page all the same */
};

static struct toy toy(void)
{
    return (struct toy){
        .header = {.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
                   .e_type = ET_EXEC,
                   .e_machine = EM_X86_64,
                   .e_phoff = offsetof(struct toy, segments),
                   .e_phentsize = sizeof(Elf64_Phdr),
                   .e_phnum = 3},
        .segments = {{.p_type = PT_LOAD, .p_paddr = 0x100000, .p_filesz = 3000, .p_memsz = 4000},
                     {.p_type = PT_LOAD, .p_paddr = 0x200000, .p_memsz = 0x12345},
                     {.p_type = PT_NULL}},
        .slot = {SW_SLOT_MAGIC0, SW_SLOT_MAGIC1, 0, 0},
    };
}

static char path[] = "/tmp/slipway-test-kernel-XXXXXX";

static int load(const void *data, size_t size, struct kernel_image *k, struct oci_error *err)
{
    int fd = open(path, O_WRONLY | O_TRUNC);

    assert_int_equal(write(fd, data, size), size);
    close(fd);
    return kernel_load(path, k, err);
}

static void refused(const void *data, size_t size, const char *text)
{
    struct oci_error err = {""};
    struct kernel_image k;

    assert_int_equal(load(data, size, &k, &err), -1);
    if (!strstr(err.msg, text))
        fail_msg("\"%s\" lacks \"%s\"", err.msg, text);
    kernel_free(&k);
}

static struct archive *make_archive(struct tree *t, uint64_t file_size)
{
    struct archive_options o = {.record = "record", .record_len = 6, .tail = true};
    struct tree_inode *i = tree_inode_new(S_IFREG | 0644);
    struct archive_error error = {""};
    struct archive *a = NULL;

    i->size = file_size; /* a hole */
    assert_int_equal(tree_link(tree_root(t), "file", 4, i, NULL), 0);
    assert_int_equal(archive_plan(t, &o, &a, &error), 0);
    return a;
}

static void archive_becomes_the_last_segment(void **state)
{
    struct toy t = toy(), *linked;
    struct kernel_image k;
    struct oci_error err = {""};
    struct tree *tree = tree_new();
    struct archive *a = make_archive(tree, 10000);
    struct archive_contents contents;
    struct archive_error error = {""};
    struct vm_file vm;
    Elf64_Phdr *segment;
    int fd = memfd_create("vm", 0);

    (void)state;
    assert_int_equal(load(&t, sizeof(t), &k, &err), 0);
    assert_int_equal(k.low, 0x100000);
    assert_int_equal(k.high, 0x212345);
    assert_int_equal(vm_write(&k, a, fd, NULL, NULL, &err), 0);
    linked = mmap(NULL, sizeof(t), PROT_READ, MAP_SHARED, fd, 0);
    segment = &linked->segments[2];
    assert_int_equal(segment->p_type, PT_LOAD);
    assert_int_equal(segment->p_paddr, 0x213000);
    assert_int_equal(segment->p_offset, 4096);
    assert_int_equal(segment->p_filesz, archive_size(a));
    assert_int_equal(segment->p_memsz, archive_size(a));
    assert_int_equal(linked->slot.paddr, 0x213000);
    assert_int_equal(linked->slot.size, archive_size(a));
    assert_memory_equal(linked->rest, t.rest, sizeof(t.rest));
    assert_int_equal(vm_open(fd, "vm", &vm, &err), 0);
    assert_int_equal(vm.archive_offset, 4096);
    assert_int_equal(vm.high, 0x213000 + archive_size(a));
    assert_int_equal(archive_read(vm.fd, vm.archive_offset, vm.archive_size, &contents, &error), 0);
    assert_non_null(tree_lookup(tree_root(contents.tree), "file", 4));
    archive_contents_free(&contents);
    assert_int_equal(archive_read_record(vm.fd, vm.archive_offset, vm.archive_size, &contents, &error), 0);
    assert_int_equal(contents.record_len, 6);
    archive_contents_free(&contents);
    munmap(linked, sizeof(t));
    vm_close(&vm);
    archive_destroy(a);
    tree_free(tree);
    kernel_free(&k);
}

static void other_files_are_refused(void **state)
{
    struct toy t = toy();

    (void)state;
    refused("MZ", 2, "not an ELF file");
    refused(&t, 40, "not an ELF file");
    t.header.e_machine = EM_AARCH64;
    refused(&t, sizeof(t), "not an ELF file for x86_64");
    t = toy();
    t.header.e_type = ET_DYN;
    refused(&t, sizeof(t), "not ET_EXEC");
    t = toy();
    t.header.e_phoff = sizeof(t) - 100;
    refused(&t, sizeof(t), "program headers are damaged");
    t = toy();
    t.header.e_phnum = 0xffff;
    refused(&t, sizeof(t), "program headers are damaged");
    t = toy();
    t.segments[0].p_offset = 4000;
    refused(&t, sizeof(t), "segments are damaged");
    t = toy();
    t.segments[1].p_memsz = ~0ull;
    refused(&t, sizeof(t), "segments are damaged");
    t = toy();
    t.segments[2].p_type = PT_NOTE;
    refused(&t, sizeof(t), "no spare program header");
    t = toy();
    t.slot.magic0 = 0;
    refused(&t, sizeof(t), "not a kernel of Slipway");
    t = toy();
    memcpy(t.rest, &t.slot, sizeof(t.slot));
    refused(&t, sizeof(t), "more than one archive slot");
    t = toy();
    t.slot.paddr = 4096;
    refused(&t, sizeof(t), "carries an archive already");
}

static void missing_kernel_is_named(void **state)
{
    struct oci_error err = {""};
    struct kernel_image k;

    (void)state;
    assert_int_equal(kernel_load("/nonexistent/kernel.elf", &k, &err), -1);
    assert_string_equal(err.msg, "read kernel /nonexistent/kernel.elf: No such file or directory");
    kernel_free(&k);
    setenv("SLIPWAY_KERNEL", "/nonexistent/other.elf", 1);
    assert_int_equal(kernel_load(NULL, &k, &err), -1);
    assert_string_equal(err.msg, "read kernel /nonexistent/other.elf: No such file or directory");
    kernel_free(&k);
    unsetenv("SLIPWAY_KERNEL");
}

static void two_gibibytes_are_too_much(void **state)
{
    struct toy t = toy();
    struct kernel_image k;
    struct oci_error err = {""};
    struct tree *tree = tree_new();
    struct archive *a = make_archive(tree, 2046ull << 20);
    int fd = memfd_create("vm", 0);

    (void)state;
    assert_int_equal(load(&t, sizeof(t), &k, &err), 0);
    assert_int_equal(vm_write(&k, a, fd, NULL, NULL, &err), 0);
    archive_destroy(a);
    tree_free(tree);
    tree = tree_new();
    a = make_archive(tree, 2047ull << 20);
    assert_int_equal(ftruncate(fd, 0), 0);
    assert_int_equal(vm_write(&k, a, fd, NULL, NULL, &err), -1);
    assert_non_null(strstr(err.msg, "less than 2048 MiB; make the image smaller"));
    close(fd);
    archive_destroy(a);
    tree_free(tree);
    kernel_free(&k);
}

static void vm_without_an_image_is_refused(void **state)
{
    struct toy t = toy();
    struct oci_error err = {""};
    struct vm_file vm;
    int fd = memfd_create("vm", 0);

    (void)state;
    assert_int_equal(write(fd, &t, sizeof(t)), sizeof(t));
    assert_int_equal(vm_open(fd, "x.elf", &vm, &err), -1);
    assert_string_equal(err.msg, "open x.elf: it carries no image; `imgtool build` makes one that does");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(archive_becomes_the_last_segment), cmocka_unit_test(other_files_are_refused),
        cmocka_unit_test(missing_kernel_is_named),          cmocka_unit_test(two_gibibytes_are_too_much),
        cmocka_unit_test(vm_without_an_image_is_refused),
    };
    int fd = mkstemp(path), result;

    close(fd);
    result = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(path);
    return result;
}
