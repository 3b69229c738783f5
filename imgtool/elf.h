/* SPDX-License-Identifier: MIT */
/*
 * The virtual machine's file: the kernel's ELF with the archive as its last PT_LOAD (kernel/boot_contract.h, 2).
 * The kernel's linker script leaves a PT_NULL program header for it, and a struct sw_archive_slot that tells the
 * kernel where it lies. Nothing is relinked: one program header and the slot change, the archive is appended.
 */
#ifndef SLIPWAY_IMGTOOL_ELF_H
#define SLIPWAY_IMGTOOL_ELF_H

#include "oci/oci.h"

#include <stddef.h>
#include <stdint.h>

struct archive;

struct kernel_image {
    char *path;
    uint8_t *data; /* the whole file */
    size_t size;
    size_t spare_header; /* offsets into data: the PT_NULL program header, */
    size_t slot;         /* and the archive slot */
    uint64_t low, high;  /* physical addresses the kernel's own segments cover */
    char hash[65];       /* SHA-256 of the file */
};

/* Reads and checks the kernel. path NULL: $SLIPWAY_KERNEL, beside the program, then PREFIX/lib/slipway. */
int kernel_load(const char *path, struct kernel_image *k, struct oci_error *err);
void kernel_free(struct kernel_image *k);

/* Writes kernel and archive to fd, which is an empty regular file. */
int vm_write(const struct kernel_image *k, struct archive *a, int fd, void (*progress)(uint64_t done, void *arg),
             void *arg, struct oci_error *err);

/* A finished VM file. */
struct vm_file {
    int fd;
    uint64_t archive_offset, archive_size; /* in the file */
    uint64_t low, high;                    /* physical addresses it covers, archive included */
};

/* path is only for messages; takes fd over, also on failure. */
int vm_open(int fd, const char *path, struct vm_file *vm, struct oci_error *err);
void vm_close(struct vm_file *vm);

#endif
