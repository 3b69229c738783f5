/* SPDX-License-Identifier: MIT */
/*
 * The boot record (kernel/boot_contract.h, 3): what the image wants run, and how. Strings stay where they are in the
 * record, which lives as long as the kernel; they are counted, not terminated. Also built on the host.
 */
#ifndef FS_BOOT_RECORD_H
#define FS_BOOT_RECORD_H

#include "boot_contract.h"
#include "lib/types.h"

struct record_string {
    const char *s; /* NULL: absent */
    u32 len;
};
struct boot_record {
    const u8 *data;
    u64 size;
    u32 argc, envc, group_count, rlimit_count, port_count;
    struct record_string cwd, hostname, domainname;
    u32 uid, gid, stop_signal /* 0: not given */, flags;
    bool has_time;
    s64 time;
    u32 unknown_tag; /* one tag that was not understood; 0: none */
};

/* 0, or -EINVAL with *why (a literal). At least one argument is there. */
int boot_record_parse(struct boot_record *r, const void *data, u64 size, const char **why);
/* Item n (from 0) of the repeated tags ARG, ENV. s NULL: there are fewer. */
struct record_string boot_record_string(const struct boot_record *r, enum sw_record_tag tag, u32 n);
/* Walks all items of a tag in order: *cursor starts at 0. Payload and length; NULL: no more. */
const void *boot_record_next(const struct boot_record *r, enum sw_record_tag tag, u64 *cursor, u32 *len);

/* The record of this boot (fs/init.c); argc 0: none was found. */
extern struct boot_record boot_record;

#endif
