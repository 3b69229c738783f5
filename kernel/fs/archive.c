// SPDX-License-Identifier: MIT
/* The embedded archive's index, read with suspicion. */
#include "fs/archive.h"

#include "abi/errno.h"
#include "abi/stat.h"
#include "fs/cpio.h"
#include "lib/string.h"

#define NO_XATTRS 0xffffffffu
#define HEAD_ENTRIES 8u /* the index, the boot record, and fillers that align them */
#define MAX_FILE (1ul << 40)

bool archive_is_own_name(const char *path)
{
    while (*path == '/' || (path[0] == '.' && path[1] == '/'))
        path++;
    return !strcmp(path, SW_INDEX_NAME) || !strcmp(path, SW_RECORD_NAME);
}

bool archive_tail_ok(const void *base, u64 size)
{
    struct sw_archive_tail t;

    if (size < sizeof(t))
        return false;
    memcpy(&t, (const u8 *)base + size - sizeof(t), sizeof(t));
    return t.magic == SW_TAIL_MAGIC && t.size == size;
}

/* A table of n entries of `each` bytes at `off`, inside the index and aligned. */
static bool table_ok(const struct sw_index_header *h, u64 off, u64 n, u64 each)
{
    return off % 8 == 0 && off >= sizeof(*h) && off <= h->index_size && n <= (h->index_size - off) / each;
}

static const char *check_header(const struct sw_index_header *h, u64 room, u64 archive_size)
{
    if (room < sizeof(*h) || h->magic != SW_INDEX_MAGIC)
        return "the index has no magic number";
    if (h->version != SW_INDEX_VERSION || h->header_size != sizeof(*h))
        return "the index is of another version";
    if (h->index_size > room || h->index_size < sizeof(*h))
        return "the index is cut short";
    if (h->archive_size > archive_size || h->archive_size % SW_PAGE)
        return "the archive is cut short";
    if (!h->inode_count || !table_ok(h, h->inodes_off, h->inode_count, sizeof(struct sw_index_inode)) ||
        !table_ok(h, h->dirents_off, h->dirent_count, sizeof(struct sw_index_dirent)) ||
        !table_ok(h, h->names_off, h->names_size, 1) || !table_ok(h, h->xattrs_off, h->xattrs_size, 1))
        return "the index's tables lie outside of it";
    return NULL;
}

static const char *open_index(struct archive *a, const struct cpio_entry *e)
{
    const struct sw_index_header *h = (const void *)(a->base + e->data_off);
    const char *why = e->data_off % SW_PAGE ? "the index is not aligned" : check_header(h, e->size, a->size);

    if (why)
        return why;
    const u8 *i = (const u8 *)h;
    a->indexed = true;
    a->size = h->archive_size;
    a->inodes = (const void *)(i + h->inodes_off);
    a->dirents = (const void *)(i + h->dirents_off);
    a->names = (const char *)(i + h->names_off);
    a->xattrs = i + h->xattrs_off;
    a->names_size = h->names_size;
    a->xattrs_size = h->xattrs_size;
    a->data_bytes = h->data_bytes;
    a->index_off = e->data_off;
    a->index_end = e->data_off + h->index_size;
    a->inode_count = h->inode_count;
    a->dirent_count = h->dirent_count;
    struct archive_inode root;
    return archive_get_inode(a, 0, &root) || !S_ISDIR(root.mode) ? "the index has no root directory" : NULL;
}

int archive_open(struct archive *a, const void *base, u64 size, const char **why)
{
    struct cpio_entry e;
    u64 off = 0;

    *a = (struct archive){.base = base, .size = size};
    *why = NULL;
    for (u32 i = 0; i < HEAD_ENTRIES; i++) {
        int r = cpio_next(base, size, &off, &e);
        if (r < 0 && !i)
            *why = "it is no cpio archive of the newc kind";
        if (r)
            break;
        if (i == 0 && !strcmp(e.name, SW_INDEX_NAME))
            *why = open_index(a, &e);
        else if (!a->record && archive_is_own_name(e.name) && e.size && e.data_off % 4 == 0) {
            a->record = a->base + e.data_off;
            a->record_size = e.size;
        }
        if (*why || (a->indexed && a->record))
            break;
    }
    return *why ? -EINVAL : 0;
}

/* ---- inodes ---------------------------------------------------------------------------------------------------------- */

static bool type_ok(u32 mode)
{
    return S_ISREG(mode) || S_ISDIR(mode) || S_ISLNK(mode) || S_ISCHR(mode) || S_ISBLK(mode) || S_ISFIFO(mode) ||
           S_ISSOCK(mode);
}

static bool data_ok(const struct archive *a, u64 off, u64 size)
{
    if (size > MAX_FILE || off > a->size || size > a->size - off)
        return false;
    return off >= a->index_end || off + size <= a->index_off;
}

static bool inode_ok(const struct archive *a, const struct sw_index_inode *i)
{
    if (!type_ok(i->mode) || i->mtime_nsec >= 1000000000u)
        return false;
    if ((S_ISREG(i->mode) || S_ISLNK(i->mode)) && !data_ok(a, i->data_off, i->size))
        return false;
    if (S_ISLNK(i->mode) && (!i->size || i->size >= 4096))
        return false;
    if (S_ISDIR(i->mode) && (i->first > a->dirent_count || i->count > a->dirent_count - i->first))
        return false;
    if (i->xattr_off != NO_XATTRS && (i->xattr_off > a->xattrs_size || i->xattr_len > a->xattrs_size - i->xattr_off))
        return false;
    return true;
}

int archive_get_inode(const struct archive *a, u32 number, struct archive_inode *out)
{
    if (number >= a->inode_count)
        return -EIO;
    const struct sw_index_inode *i = &a->inodes[number];
    if (!inode_ok(a, i))
        return -EIO;
    bool has_data = S_ISREG(i->mode) || S_ISLNK(i->mode), is_dir = S_ISDIR(i->mode);
    *out = (struct archive_inode){
        .mode = i->mode & (S_IFMT | 07777),
        .nlink = i->nlink,
        .uid = i->uid,
        .gid = i->gid,
        .mtime_sec = i->mtime_sec,
        .mtime_nsec = i->mtime_nsec,
        .rdev_major = i->rdev_major,
        .rdev_minor = i->rdev_minor,
        .parent = i->parent,
        .size = has_data ? i->size : 0,
        .data = has_data && i->size ? a->base + i->data_off : NULL,
        .first = is_dir ? i->first : 0,
        .count = is_dir ? i->count : 0,
        .xattrs = i->xattr_off == NO_XATTRS ? NULL : a->xattrs + i->xattr_off,
        .xattr_len = i->xattr_off == NO_XATTRS ? 0 : i->xattr_len,
    };
    return 0;
}

/* ---- names ----------------------------------------------------------------------------------------------------------- */

static bool name_ok(const char *s, u32 len)
{
    if (!len || len > 255 || (s[0] == '.' && (len == 1 || (len == 2 && s[1] == '.'))))
        return false;
    return !memchr(s, '/', len) && !memchr(s, 0, len);
}

static int dirent_name(const struct archive *a, u32 number, const char **s, u32 *len)
{
    if (number >= a->dirent_count)
        return -EIO;
    const struct sw_index_dirent *d = &a->dirents[number];
    if (d->name_off > a->names_size || d->name_len > a->names_size - d->name_off)
        return -EIO;
    *s = a->names + d->name_off;
    *len = d->name_len;
    return 0;
}

int archive_get_dirent(const struct archive *a, u32 number, struct archive_dirent *out)
{
    if (dirent_name(a, number, &out->name, &out->name_len))
        return -EIO;
    out->type = a->dirents[number].type;
    out->inode = a->dirents[number].inode;
    if (!name_ok(out->name, out->name_len) || !out->inode || out->inode >= a->inode_count || out->type > 15)
        return -EIO;
    return 0;
}

static int compare_names(const char *a, u32 alen, const char *b, u32 blen)
{
    int c = memcmp(a, b, MIN(alen, blen));

    return c ? c : alen < blen ? -1 : alen > blen;
}

int archive_find(const struct archive *a, const struct archive_inode *dir, const char *name, u32 len, u32 *inode)
{
    u32 low = 0, high = dir->count;

    while (low < high) {
        u32 mid = low + (high - low) / 2, n;
        const char *s;
        if (dirent_name(a, dir->first + mid, &s, &n))
            return -EIO;
        int c = compare_names(name, len, s, n);
        if (!c) {
            struct archive_dirent d;
            int err = archive_get_dirent(a, dir->first + mid, &d);
            *inode = d.inode;
            return err;
        }
        if (c < 0)
            high = mid;
        else
            low = mid + 1;
    }
    return -ENOENT;
}

/* ---- extended attributes --------------------------------------------------------------------------------------------- */

int archive_next_xattr(const struct archive_inode *i, u32 *off, struct archive_xattr *x)
{
    u16 name_len;
    u32 value_len, left = i->xattr_len - *off;
    const u8 *r = i->xattrs + *off;

    if (!left)
        return 1;
    if (left < 8)
        return -EIO;
    memcpy(&name_len, r, sizeof(name_len));
    memcpy(&value_len, r + 4, sizeof(value_len));
    if (!name_len || name_len > 255 || value_len > 65536 || 8u + name_len + value_len > left)
        return -EIO;
    *x = (struct archive_xattr){
        .name = (const char *)r + 8, .name_len = name_len, .value = r + 8 + name_len, .value_len = value_len};
    if (memchr(x->name, 0, name_len))
        return -EIO;
    *off += MIN(ALIGN_UP(8u + name_len + value_len, 8u), left);
    return 0;
}
