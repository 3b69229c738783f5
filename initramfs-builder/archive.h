/* SPDX-License-Identifier: MIT */
/*
 * The archive writer: a tree and a boot record become a reproducible, page-aligned newc cpio with its index first
 * (kernel/boot_contract.h, 1). Planning computes the whole layout and checks every limit; writing can then fail only
 * by the disk. The tree must not change between the two.
 */
#ifndef SLIPWAY_ARCHIVE_H
#define SLIPWAY_ARCHIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tree;
struct archive;

/* One line: the act, the object and the cause. */
struct archive_error {
    char message[512];
};

struct archive_options {
    const void *record; /* boot record; NULL: none */
    size_t record_len;
    bool clamp_mtime; /* SOURCE_DATE_EPOCH: later mtimes become `epoch` */
    int64_t epoch;
    bool tail; /* end with struct sw_archive_tail (an archive inside an ELF); its room is there in any case */
};

/* The tree must outlive the archive, the record too. 0, or -errno with the error's text. */
int archive_plan(struct tree *t, const struct archive_options *options, struct archive **out,
                 struct archive_error *error);
uint64_t archive_size(const struct archive *a); /* bytes, a multiple of SW_PAGE */
/* Writes the archive at fd's position, sequentially (a pipe will do). */
int archive_write(struct archive *a, int fd, void (*progress)(uint64_t done, void *arg), void *arg,
                  struct archive_error *error);
void archive_destroy(struct archive *a); /* not archive_free: libarchive exports that name */

#endif
