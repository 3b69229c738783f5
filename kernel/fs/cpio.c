// SPDX-License-Identifier: MIT
/* newc headers: 13 fields of 8 hexadecimal digits behind the magic; name and data are padded to 4. */
#include "fs/cpio.h"

#include "abi/errno.h"
#include "lib/string.h"

#define FIELDS 13

static int hex_field(const u8 *s, u32 *out)
{
    u32 v = 0;

    for (u32 i = 0; i < 8; i++) {
        u8 c = s[i];
        u32 digit = c >= '0' && c <= '9'   ? c - (u32)'0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10u
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10u
                                           : 16u;
        if (digit > 15)
            return -EINVAL;
        v = v << 4 | digit;
    }
    *out = v;
    return 0;
}

static int read_header(const u8 *h, u64 room, struct cpio_entry *e, u32 *name_size)
{
    u32 f[FIELDS];

    if (room < CPIO_HEADER || memcmp(h, "07070", 5) != 0 || (h[5] != '1' && h[5] != '2'))
        return -EINVAL;
    for (u32 i = 0; i < FIELDS; i++)
        if (hex_field(h + 6 + 8 * i, &f[i]))
            return -EINVAL;
    *e = (struct cpio_entry){.ino = f[0],
                             .mode = f[1],
                             .uid = f[2],
                             .gid = f[3],
                             .nlink = f[4],
                             .mtime = f[5],
                             .size = f[6],
                             .dev_major = f[7],
                             .dev_minor = f[8],
                             .rdev_major = f[9],
                             .rdev_minor = f[10]};
    *name_size = f[11];
    return 0;
}

static int read_entry(const u8 *base, u64 size, u64 *off, struct cpio_entry *e)
{
    u32 name_size;
    u64 at = *off;

    if (read_header(base + at, size - at, e, &name_size))
        return -EINVAL;
    at += CPIO_HEADER;
    if (!name_size || name_size > 4096 || name_size > size - at || base[at + name_size - 1])
        return -EINVAL;
    e->name = (const char *)base + at;
    e->name_len = (u32)strlen(e->name);
    at = ALIGN_UP(at + name_size, 4ul);
    if (at > size || e->size > size - at)
        return -EINVAL;
    e->data_off = at;
    *off = MIN(ALIGN_UP(at + e->size, 4ul), size);
    return 0;
}

static bool is_trailer(const struct cpio_entry *e)
{
    return e->name_len == 10 && !memcmp(e->name, "TRAILER!!!", 10);
}

int cpio_next(const void *base, u64 size, u64 *off, struct cpio_entry *e)
{
    const u8 *b = base;

    for (;;) {
        while (*off < size && !b[*off])
            ++*off;
        if (*off >= size)
            return 1;
        int err = read_entry(b, size, off, e);
        if (err)
            return err;
        if (!is_trailer(e))
            return 0;
    }
}
