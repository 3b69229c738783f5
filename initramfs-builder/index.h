/* SPDX-License-Identifier: MIT */
/*
 * The archive's index: tables of inodes, directory entries, names and xattrs, made from a tree. Everything but the
 * inodes' data_off and the header's archive_size is final after index_build; the layout fills in those.
 */
#ifndef SLIPWAY_INDEX_H
#define SLIPWAY_INDEX_H

#include "initramfs-builder/archive.h"
#include "kernel/boot_contract.h"

struct tree_inode;

struct index {
    uint8_t *blob; /* the index as it stands in the archive */
    size_t size;
    struct sw_index_header *header; /* into blob, as are the tables */
    struct sw_index_inode *inodes;
    struct sw_index_dirent *dirents;
};

int index_build(struct index *x, struct tree *t, const struct archive_options *options, struct archive_error *error);
void index_free(struct index *x);
/* The number of a tree's inode; valid after index_build, until the next index_build of the same tree. */
uint32_t index_number(const struct tree_inode *i);

/* Fills in the error's text, printf-like, and returns `code`. */
int archive_fail(struct archive_error *error, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));

struct tree_entry;
#define ENTRY_PATH_MAX 4096
/* Writes e's path without a leading slash ("." for the root); its length, or -ENAMETOOLONG. */
int entry_path(const struct tree_entry *e, char path[ENTRY_PATH_MAX]);

#endif
