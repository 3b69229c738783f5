// SPDX-License-Identifier: MIT
/* OCI layouts on disk; see layout.h. */
#include "oci/layout.h"
#include "oci/digest.h"
#include "oci/limits.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

static const char WHAT[] = "read OCI layout";

/* ---- finding ----------------------------------------------------------------------------------------------- */

static int read_index(const char *path, const struct oci_limits *limits, struct manifest *out, struct oci_error *err)
{
    AUTO_FREE char *file = oci_format("%s/index.json", path), *json = NULL;
    size_t len;
    int error = file ? file_read(file, limits->manifest_bytes, &json, &len) : -ENOMEM;

    if (error == -EFBIG)
        return oci_fail_limit(err, WHAT, file, OCI_LIMIT(manifest_bytes), limits->manifest_bytes, "it is too large");
    if (error)
        return oci_fail_errno(err, WHAT, file ? file : path, -error);
    if (manifest_parse(json, len, file, limits, out, err) < 0)
        return -1;
    if (out->kind == MANIFEST_INDEX)
        return 0;
    manifest_clear(out);
    return oci_fail(err, WHAT, file, "it is not an index");
}

/* The names in the layout: "a, b, c". */
static void list_names(const struct manifest *index, char *out, size_t size)
{
    size_t at = 0;

    out[0] = 0;
    for (const struct descriptor *d = index->items; d && d < index->items + index->count && at + 1 < size; d++) {
        int len = d->ref_name ? snprintf(out + at, size - at, "%s%s", at ? ", " : "", d->ref_name) : 0;
        at += len < 0 ? 0 : (size_t)len;
    }
}

static int find_in(const struct manifest *index, const char *path, const char *name, struct descriptor *out,
                   struct oci_error *err)
{
    const struct descriptor *found = !name && index->count == 1 ? &index->items[0] : NULL;
    char names[400];

    for (size_t n = 0; n < index->count && name && !found; n++) {
        if (index->items[n].ref_name && strcmp(index->items[n].ref_name, name) == 0)
            found = &index->items[n];
    }
    if (found)
        return descriptor_copy(out, found) < 0 ? oci_fail_memory(err, WHAT, path) : 0;
    list_names(index, names, sizeof(names));
    if (name)
        return oci_fail(err, WHAT, path, "it holds no image named '%s'%s%s", name, *names ? ", only " : "", names);
    return oci_fail(err, WHAT, path, "it holds %zu images%s%s", index->count, *names ? ", name one: " : "", names);
}

int layout_find(const char *path, const char *name, const struct oci_limits *limits, struct descriptor *out,
                struct oci_error *err)
{
    struct manifest index;
    int error;

    if (read_index(path, limits, &index, err) < 0)
        return -1;
    error = find_in(&index, path, name, out, err);
    manifest_clear(&index);
    return error;
}

/* ---- importing --------------------------------------------------------------------------------------------- */

struct import {
    struct oci_cache *cache;
    const char *path;
    const struct oci_limits *limits;
    struct oci_error *err;
};

static int fetch(void *arg, const struct descriptor *d, char **json, size_t *len, struct oci_error *err)
{
    const struct import *i = arg;

    return blob_read(i->path, d, i->limits, json, len, err);
}

/* Copies a manifest or config, verified. */
static int import_small(const struct import *i, const struct descriptor *d)
{
    AUTO_FREE char *data = NULL;
    size_t len;

    if (blob_read(i->path, d, i->limits, &data, &len, i->err) < 0)
        return -1;
    return cache_put_blob(i->cache, d->digest, data, len, i->err);
}

/* A layer is verified when it is unpacked; only its size is looked at here. */
static int import_layer(const struct import *i, const struct descriptor *d)
{
    AUTO_FREE char *blob = cache_blob_path_in(i->path, d->digest);
    struct stat st;

    if (d->data || cache_has_blob(i->cache, d))
        return 0;
    if (!blob || stat(blob, &st) < 0)
        return oci_fail_errno(i->err, "read layer", d->digest, blob ? errno : ENOMEM);
    if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size != d->size)
        return oci_fail(i->err, "read layer", d->digest, "its size is %lld bytes, its descriptor says %llu",
                        (long long)st.st_size, (unsigned long long)d->size);
    return cache_put_file(i->cache, d->digest, blob, i->err);
}

static int import_manifest(const struct import *i, const struct descriptor *d)
{
    AUTO_FREE char *json = NULL;
    struct manifest m;
    size_t len;
    int error;

    if (blob_read(i->path, d, i->limits, &json, &len, i->err) < 0 ||
        manifest_parse(json, len, d->digest, i->limits, &m, i->err) < 0)
        return -1;
    if (m.kind != MANIFEST_IMAGE)
        error = oci_fail(i->err, WHAT, i->path, "%s is an index, its descriptor says manifest", d->digest);
    else
        error = import_small(i, &m.config);
    for (size_t n = 0; n < m.count && !error; n++)
        error = import_layer(i, &m.items[n]);
    manifest_clear(&m);
    return error ? -1 : cache_put_blob(i->cache, d->digest, json, len, i->err);
}

/* The manifest below an entry of the layout's index, which may be an index itself. */
static int choose(struct import *i, const char *name, struct descriptor *out)
{
    struct manifest top = {.kind = MANIFEST_INDEX, .count = 1};
    struct descriptor entry;
    int error;

    if (layout_find(i->path, name, i->limits, &entry, i->err) < 0)
        return -1;
    top.items = &entry;
    error = manifest_select(&top, i->path, i->limits, fetch, i, out, i->err);
    descriptor_clear(&entry);
    return error;
}

int layout_import(struct oci_cache *cache, const char *path, const char *name, const struct oci_limits *limits,
                  struct descriptor *out, struct oci_error *err)
{
    struct import i = {cache, path, limits, err};

    if (choose(&i, name, out) < 0)
        return -1;
    if (import_manifest(&i, out) < 0) {
        descriptor_clear(out);
        return -1;
    }
    return 0;
}

/* ---- archives ---------------------------------------------------------------------------------------------- */

/* Is it the path of a layout's file? Nothing else is extracted, so no name can lead anywhere. */
static bool is_layout_file(const char *name)
{
    char digest[OCI_DIGEST_MAX];
    const char *slash;

    if (strcmp(name, "index.json") == 0 || strcmp(name, "oci-layout") == 0)
        return true;
    if (strncmp(name, "blobs/", 6) != 0 || strlen(name + 6) >= sizeof(digest))
        return false;
    slash = strchr(name + 6, '/');
    if (!slash)
        return false;
    snprintf(digest, sizeof(digest), "%.*s:%s", (int)(slash - name - 6), name + 6, slash + 1);
    return !digest_check(digest);
}

static int extract_file(struct archive *a, const char *to, const char *name)
{
    AUTO_FREE char *path = oci_format("%s/%s", to, name);
    AUTO_CLOSE int fd = -1;

    if (path)
        unlink(path);
    fd = path ? open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600) : -1;
    return fd >= 0 && archive_read_data_into_fd(a, fd) == ARCHIVE_OK ? 0 : -1;
}

static int extract_all(struct archive *a, const char *archive, const char *to, const struct oci_limits *limits,
                       struct oci_error *err)
{
    struct archive_entry *e;
    uint64_t total = 0;
    int result;

    while ((result = archive_read_next_header(a, &e)) >= ARCHIVE_WARN && result != ARCHIVE_EOF) {
        const char *name = archive_entry_pathname(e);

        name = name && strncmp(name, "./", 2) == 0 ? name + 2 : name;
        if (!name || archive_entry_filetype(e) != AE_IFREG || archive_entry_hardlink(e) || !is_layout_file(name))
            continue;
        total += (uint64_t)archive_entry_size(e);
        if (archive_entry_size(e) < 0 || total > limits->output_bytes)
            return oci_fail_limit(err, WHAT, archive, OCI_LIMIT(output_bytes), limits->output_bytes,
                                  "its files have more than %llu bytes", (unsigned long long)limits->output_bytes);
        if (extract_file(a, to, name) < 0)
            return oci_fail(err, WHAT, archive, "cannot extract %s: %s", name,
                            archive_error_string(a) ? archive_error_string(a) : strerror(errno));
    }
    return result == ARCHIVE_EOF ? 0 : oci_fail(err, WHAT, archive, "%s", archive_error_string(a));
}

int layout_extract(const char *archive, const char *to, const struct oci_limits *limits, struct oci_error *err)
{
    static const char *const folders[] = {"blobs", "blobs/sha256", "blobs/sha512"};
    struct archive *a = archive_read_new();
    int error;

    for (size_t n = 0; n < sizeof(folders) / sizeof(folders[0]); n++) {
        AUTO_FREE char *path = oci_format("%s/%s", to, folders[n]);
        if (!path || (mkdir(path, 0700) < 0 && errno != EEXIST)) {
            archive_read_free(a);
            return oci_fail_errno(err, WHAT, archive, errno);
        }
    }
    if (!a)
        return oci_fail_memory(err, WHAT, archive);
    archive_read_support_format_tar(a);
    archive_read_support_filter_all(a);
    if (archive_read_open_filename(a, archive, 1 << 17) != ARCHIVE_OK)
        error = oci_fail(err, WHAT, archive, "%s", archive_error_string(a));
    else
        error = extract_all(a, archive, to, limits, err);
    archive_read_free(a);
    return error;
}
