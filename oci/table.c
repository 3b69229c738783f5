// SPDX-License-Identifier: MIT
/*
 * The table of a layer; the format is in table.h.
 *
 * libarchive reads the tar, all of its dialects. It is given the whole file as one block of memory (a mapping), so the
 * data it hands out is not copied: the pointer says where in the tar the data lies. Three precautions:
 * - Names are bytes. libarchive converts PAX names from UTF-8 to the locale's charset and normalises them on the way,
 *   except where the charset cannot hold them: then it warns and takes the bytes. So it is run in the "C" locale.
 * - Warnings other than that one are errors: what one reader overlooks another one might not.
 * - Pages of the mapping that lie behind are given back, so that a large layer does not fill memory.
 */
#include "oci/table.h"
#include "oci/limits.h"
#include "oci/cache.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <openssl/evp.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

static const char WHAT[] = "read";

#define TABLE_MAGIC 0x314c424154574c53ull /* "SLWTABL1" */
#define TABLE_VERSION 1
#define XATTR_NAME_MAX 255
#define XATTR_VALUE_MAX 65536
#define RELEASE_STEP (8u << 20)

/* Kept out as umoci does: they belong to the host that packed the layer. */
static const char *const ignored_xattrs[] = {"security.selinux", "system.nfs4_acl", "trusted.overlay.opaque", NULL};

struct vector {
    char *data;
    size_t len, cap; /* bytes */
};

struct builder {
    const struct table_context *ctx;
    const unsigned char *tar;
    size_t tar_len, released;
    bool mapped;
    struct archive *a;
    struct vector entries, extents, strings;
    uint64_t data_size;
    uint64_t pieces; /* of sparse files, beyond each one's first: they count as entries */
    char shown[301]; /* the path of the entry at hand, cut, for messages */
};

/* ---- vectors ----------------------------------------------------------------------------------------------- */

/* Room for len bytes at the end; NULL: out of memory. */
static void *vector_add(struct vector *v, size_t len)
{
    size_t cap = v->cap ? v->cap : 4096;
    void *at;

    while (cap - v->len < len)
        cap *= 2;
    if (cap != v->cap) {
        char *grown = realloc(v->data, cap);
        if (!grown)
            return NULL;
        v->data = grown;
        v->cap = cap;
    }
    at = v->data + v->len;
    v->len += len;
    return at;
}

/* Appends to the strings; false: out of memory, or 4 GiB of them. */
static bool add_string(struct builder *b, const void *text, size_t len, uint32_t *offset)
{
    void *at = b->strings.len + len < UINT32_MAX ? vector_add(&b->strings, len) : NULL;

    if (!at)
        return false;
    memcpy(at, text, len);
    *offset = (uint32_t)(b->strings.len - len);
    return true;
}

/* ---- errors ------------------------------------------------------------------------------------------------ */

static int fail(struct builder *b, const char *cause)
{
    return oci_fail(b->ctx->err, WHAT, b->ctx->object, "entry '%s': %s", b->shown, cause);
}

static int fail_memory(struct builder *b)
{
    return oci_fail_memory(b->ctx->err, WHAT, b->ctx->object);
}

static int fail_archive(struct builder *b)
{
    const char *text = archive_error_string(b->a);

    return oci_fail(b->ctx->err, WHAT, b->ctx->object, "the tar is damaged%s%s%s: %s",
                    *b->shown ? " at or after '" : "", b->shown, *b->shown ? "'" : "", text ? text : "unknown error");
}

static int check_path(struct builder *b, const char *text, const char *which)
{
    uint64_t limit = b->ctx->limits->path_bytes;

    if (strlen(text) <= limit)
        return 0;
    return oci_fail_limit(b->ctx->err, WHAT, b->ctx->object, OCI_LIMIT(path_bytes), limit,
                          "entry '%s': the %s has %zu bytes", b->shown, which, strlen(text));
}

static int check_entries(struct builder *b)
{
    uint64_t limit = b->ctx->limits->entries;
    if (b->entries.len / sizeof(struct table_entry) + b->pieces < limit)
        return 0;
    return oci_fail_limit(b->ctx->err, WHAT, b->ctx->object, OCI_LIMIT(entries), limit,
                          "entry '%s': it is one entry too many", b->shown);
}

/* ---- one entry --------------------------------------------------------------------------------------------- */

static int read_ids(struct builder *b, struct archive_entry *e, struct table_entry *t)
{
    int64_t uid = archive_entry_uid(e), gid = archive_entry_gid(e);

    if (uid < 0 || uid >= UINT32_MAX || gid < 0 || gid >= UINT32_MAX)
        return fail(b, "its owner is not in the range 0-4294967294");
    t->uid = (uint32_t)uid;
    t->gid = (uint32_t)gid;
    t->mtime_sec = archive_entry_mtime(e);
    t->mtime_nsec = archive_entry_mtime_is_set(e) ? (uint32_t)archive_entry_mtime_nsec(e) : 0;
    if (t->mtime_nsec >= 1000000000)
        return fail(b, "its modification time is invalid");
    return 0;
}

static bool is_ignored(const char *name)
{
    for (const char *const *p = ignored_xattrs; *p; p++) {
        if (strcmp(*p, name) == 0)
            return true;
    }
    return false;
}

static int add_xattr(struct builder *b, const char *name, const void *value, size_t len)
{
    struct table_xattr x = {(uint32_t)strlen(name), (uint32_t)len};
    uint32_t ignored;

    if (x.name_len == 0 || x.name_len > XATTR_NAME_MAX)
        return fail(b, "an extended attribute's name has not 1 to 255 bytes");
    if (len > XATTR_VALUE_MAX)
        return fail(b, "an extended attribute has more than 65536 bytes");
    if (!add_string(b, &x, sizeof(x), &ignored) || !add_string(b, name, x.name_len, &ignored) ||
        !add_string(b, value, len, &ignored))
        return fail_memory(b);
    return 0;
}

static int read_xattrs(struct builder *b, struct archive_entry *e, struct table_entry *t)
{
    const char *name;
    const void *value;
    size_t len;

    t->xattr = (uint32_t)b->strings.len;
    archive_entry_xattr_reset(e);
    while (archive_entry_xattr_next(e, &name, &value, &len) == ARCHIVE_OK) {
        if (name && !is_ignored(name) && add_xattr(b, name, value, len) < 0)
            return -1;
    }
    t->xattr_len = (uint32_t)b->strings.len - t->xattr;
    return 0;
}

static int add_extent(struct builder *b, struct table_entry *t, struct table_extent x)
{
    struct table_extent *last = NULL, *new;

    if (x.len > t->size || x.file_off > t->size - x.len)
        return fail(b, "its sparse map leads beyond its end");
    if (t->extent_count)
        last = (struct table_extent *)(b->extents.data + b->extents.len) - 1;
    if (last && x.file_off < last->file_off + last->len)
        return fail(b, "its sparse map is not in order");
    if (last && x.file_off == last->file_off + last->len && x.tar_off == last->tar_off + last->len) {
        last->len += x.len;
        return 0;
    }
    new = check_entries(b) < 0 ? NULL : vector_add(&b->extents, sizeof(*new));
    if (!new)
        return b->ctx->err->msg[0] ? -1 : fail_memory(b);
    *new = x;
    b->pieces += t->extent_count++ > 0;
    return 0;
}

/* Collects the places of a regular file's data, without looking at it. */
static int read_data(struct builder *b, struct archive_entry *e, struct table_entry *t)
{
    const void *data;
    size_t len;
    int64_t offset;
    int result;

    if (archive_entry_size(e) < 0)
        return fail(b, "its size is negative");
    t->size = (uint64_t)archive_entry_size(e);
    t->extent = (uint32_t)(b->extents.len / sizeof(struct table_extent));
    if (t->size > b->ctx->limits->output_bytes || b->data_size > b->ctx->limits->output_bytes - t->size)
        return oci_fail_limit(b->ctx->err, WHAT, b->ctx->object, OCI_LIMIT(output_bytes), b->ctx->limits->output_bytes,
                              "entry '%s': with its %llu bytes the files have more than allowed", b->shown,
                              (unsigned long long)t->size);
    b->data_size += t->size;
    while ((result = archive_read_data_block(b->a, &data, &len, &offset)) == ARCHIVE_OK) {
        const unsigned char *p = data;

        if (len == 0)
            continue;
        if (p < b->tar || p + len > b->tar + b->tar_len || offset < 0)
            return fail(b, "its data cannot be found in the tar");
        if (add_extent(b, t, (struct table_extent){(uint64_t)offset, len, (uint64_t)(p - b->tar)}) < 0)
            return -1;
    }
    return result == ARCHIVE_EOF ? 0 : fail_archive(b);
}

static int read_link(struct builder *b, const char *target, const char *which, struct table_entry *t)
{
    if (!target || !*target)
        return fail(b, "it is a link to nothing");
    if (check_path(b, target, which) < 0)
        return -1;
    t->link_len = (uint32_t)strlen(target);
    return add_string(b, target, t->link_len, &t->link) ? 0 : fail_memory(b);
}

static int read_body(struct builder *b, struct archive_entry *e, struct table_entry *t)
{
    const char *hardlink = archive_entry_hardlink(e);

    if (hardlink) {
        t->mode = 0;
        return read_link(b, hardlink, "link's target", t);
    }
    t->mode = (archive_entry_mode(e) & 07777) | archive_entry_filetype(e);
    switch (archive_entry_filetype(e)) {
    case AE_IFREG:
        return read_data(b, e, t);
    case AE_IFLNK:
        return read_link(b, archive_entry_symlink(e), "symlink's target", t);
    case AE_IFCHR:
    case AE_IFBLK:
        t->rdev_major = (uint32_t)archive_entry_rdevmajor(e);
        t->rdev_minor = (uint32_t)archive_entry_rdevminor(e);
        return 0;
    case AE_IFDIR:
    case AE_IFIFO:
        return 0;
    default:
        return fail(b, "its type is unknown");
    }
}

static int read_entry(struct builder *b, struct archive_entry *e)
{
    const char *path = archive_entry_pathname(e);
    struct table_entry t = {0}, *slot;

    snprintf(b->shown, sizeof(b->shown), "%s", path ? path : "");
    if (!path)
        return fail(b, "it has no name");
    t.path_len = (uint32_t)strlen(path);
    if (check_path(b, path, "path") < 0 || check_entries(b) < 0)
        return -1;
    if (!add_string(b, path, t.path_len, &t.path))
        return fail_memory(b);
    if (read_ids(b, e, &t) < 0 || read_xattrs(b, e, &t) < 0 || read_body(b, e, &t) < 0)
        return -1;
    slot = vector_add(&b->entries, sizeof(t));
    if (!slot)
        return fail_memory(b);
    *slot = t;
    return 0;
}

/* ---- the whole tar ----------------------------------------------------------------------------------------- */

static void release_behind(struct builder *b)
{
    int64_t at = archive_read_header_position(b->a);

    if (!b->mapped || at < 0 || (uint64_t)at < b->released + RELEASE_STEP)
        return;
    size_t len = ((size_t)at - b->released) & ~(size_t)(RELEASE_STEP - 1);
    madvise((void *)(b->tar + b->released), len, MADV_DONTNEED);
    b->released += len;
}

/* libarchive's word for a name that the charset cannot hold; the name is then taken as it is. */
static bool is_charset_warning(const char *text)
{
    return text && strstr(text, "convert");
}

static int read_entries(struct builder *b)
{
    struct archive_entry *e;
    int result;

    if (archive_read_support_format_tar(b->a) != ARCHIVE_OK || archive_read_support_filter_none(b->a) != ARCHIVE_OK ||
        archive_read_open_memory(b->a, b->tar, b->tar_len) != ARCHIVE_OK)
        return fail_archive(b);
    while ((result = archive_read_next_header(b->a, &e)) != ARCHIVE_EOF) {
        if (result != ARCHIVE_OK && !(result == ARCHIVE_WARN && is_charset_warning(archive_error_string(b->a))))
            return fail_archive(b);
        archive_clear_error(b->a);
        if (read_entry(b, e) < 0)
            return -1;
        release_behind(b);
    }
    return 0;
}

/* In the "C" locale, see above. A layer may have no bytes at all. */
static int read_tar(struct builder *b)
{
    locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0), before;
    int error;

    b->a = b->tar_len && c ? archive_read_new() : NULL;
    if (!b->a) {
        if (c)
            freelocale(c);
        return b->tar_len ? fail_memory(b) : 0;
    }
    before = uselocale(c);
    error = read_entries(b);
    archive_read_free(b->a);
    uselocale(before);
    freelocale(c);
    return error;
}

static size_t align8(size_t n)
{
    return (n + 7) & ~(size_t)7;
}

static void set_sections(struct table *t)
{
    const char *base = (const char *)t->header;

    t->entries = (const void *)(base + sizeof(*t->header));
    t->extents = (const void *)(t->entries + t->header->entry_count);
    t->strings = (const char *)(t->extents + t->header->extent_count);
}

static size_t table_size(const struct table_header *h)
{
    return sizeof(*h) + h->entry_count * sizeof(struct table_entry) + h->extent_count * sizeof(struct table_extent) +
           align8(h->strings_size);
}

static int finish(struct builder *b, struct table *out)
{
    struct table_header h = {
        .magic = TABLE_MAGIC,
        .version = TABLE_VERSION,
        .header_size = sizeof(h),
        .tar_size = b->tar_len,
        .entry_count = b->entries.len / sizeof(struct table_entry),
        .extent_count = b->extents.len / sizeof(struct table_extent),
        .strings_size = b->strings.len,
        .data_size = b->data_size,
    };

    out->header = calloc(1, table_size(&h));
    if (!out->header)
        return fail_memory(b);
    *out->header = h;
    set_sections(out);
    if (b->entries.len)
        memcpy((void *)out->entries, b->entries.data, b->entries.len);
    if (b->extents.len)
        memcpy((void *)out->extents, b->extents.data, b->extents.len);
    if (b->strings.len)
        memcpy((void *)out->strings, b->strings.data, b->strings.len);
    return 0;
}

static int build(struct builder *b, struct table *out)
{
    int error;

    *out = (struct table){0};
    b->ctx->err->msg[0] = 0;
    error = read_tar(b);
    error = error ? error : finish(b, out);
    free(b->entries.data);
    free(b->extents.data);
    free(b->strings.data);
    return error;
}

int table_build_memory(const void *tar, size_t len, const struct table_context *ctx, struct table *out)
{
    struct builder b = {.ctx = ctx, .tar = tar, .tar_len = len};

    return build(&b, out);
}

int table_build(int tar_fd, const struct table_context *ctx, struct table *out)
{
    struct builder b = {.ctx = ctx, .mapped = true};
    struct stat st;
    void *map = NULL;
    int error;

    if (fstat(tar_fd, &st) < 0)
        return oci_fail_errno(ctx->err, WHAT, ctx->object, errno);
    b.tar_len = (size_t)st.st_size;
    if (b.tar_len) {
        map = mmap(NULL, b.tar_len, PROT_READ, MAP_SHARED, tar_fd, 0);
        if (map == MAP_FAILED)
            return oci_fail_errno(ctx->err, WHAT, ctx->object, errno);
    }
    b.tar = map;
    error = build(&b, out);
    if (map)
        munmap(map, b.tar_len);
    return error;
}

/* ---- on disk ----------------------------------------------------------------------------------------------- */

static bool checksum(const struct table_header *h, unsigned char out[32])
{
    const size_t at = offsetof(struct table_header, checksum);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ok = ctx && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1 && EVP_DigestUpdate(ctx, h, at) == 1 &&
              EVP_DigestUpdate(ctx, h + 1, table_size(h) - sizeof(*h)) == 1 && EVP_DigestFinal_ex(ctx, out, NULL) == 1;

    EVP_MD_CTX_free(ctx);
    return ok;
}

_Static_assert(offsetof(struct table_header, checksum) + 32 == sizeof(struct table_header), "the checksum comes last");

int table_store(struct table *t, const char *path, int tar_fd)
{
    AUTO_CLOSE int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    struct stat st;

    if (fd < 0 || fstat(tar_fd, &st) < 0)
        return -errno;
    t->header->tar_size = (uint64_t)st.st_size;
    t->header->tar_mtime_sec = st.st_mtim.tv_sec;
    t->header->tar_mtime_nsec = st.st_mtim.tv_nsec;
    if (!checksum(t->header, t->header->checksum))
        return -ENOMEM;
    return fd_write_all(fd, t->header, table_size(t->header));
}

static bool header_ok(const struct table_header *h, size_t len, const struct stat *tar)
{
    if (len < sizeof(*h) || h->magic != TABLE_MAGIC || h->version != TABLE_VERSION || h->header_size != sizeof(*h))
        return false;
    if (h->entry_count > len / sizeof(struct table_entry) || h->extent_count > len / sizeof(struct table_extent) ||
        h->strings_size > len || table_size(h) != len)
        return false;
    return h->tar_size == (uint64_t)tar->st_size && h->tar_mtime_sec == tar->st_mtim.tv_sec &&
           h->tar_mtime_nsec == tar->st_mtim.tv_nsec;
}

static bool string_ok(const struct table_header *h, uint32_t at, uint32_t len)
{
    return at <= h->strings_size && len <= h->strings_size - at;
}

static bool entries_ok(const struct table *t)
{
    const struct table_header *h = t->header;

    for (uint64_t n = 0; n < h->entry_count; n++) {
        const struct table_entry *e = &t->entries[n];
        if (!string_ok(h, e->path, e->path_len) || !string_ok(h, e->link, e->link_len) ||
            !string_ok(h, e->xattr, e->xattr_len))
            return false;
        if (e->extent > h->extent_count || e->extent_count > h->extent_count - e->extent)
            return false;
    }
    return true;
}

static bool table_ok(struct table *t, size_t len, const struct stat *tar)
{
    unsigned char sum[32];

    if (!header_ok(t->header, len, tar) || !checksum(t->header, sum) || memcmp(sum, t->header->checksum, 32) != 0)
        return false;
    set_sections(t);
    return entries_ok(t);
}

int table_load(const char *path, int tar_fd, struct table *out)
{
    struct stat st;
    char *data;
    size_t len;

    *out = (struct table){0};
    if (fstat(tar_fd, &st) < 0 || file_read(path, UINT64_MAX >> 1, &data, &len) < 0)
        return -1;
    out->header = (void *)data;
    if (table_ok(out, len, &st))
        return 0;
    table_clear(out);
    return -1;
}

void table_clear(struct table *t)
{
    free(t->header);
    *t = (struct table){0};
}
