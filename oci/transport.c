// SPDX-License-Identifier: MIT
/*
 * From a reference to a manifest in the cache.
 *
 * skopeo copies into a layout of its own in a temporary folder, with the cache's blobs/ as its shared blob folder:
 * blobs appear there by rename, and those that are there already are not fetched. Three detours:
 * - A source that cannot keep its digests (a daemon, a docker-archive) is copied again without that demand.
 * - Where skopeo does not find the platform (nested indexes, variants) we walk the indexes ourselves and name the
 *   manifest by its digest.
 * - oci: layouts are read directly (layout.h).
 */
#include "oci/transport.h"
#include "oci/digest.h"
#include "oci/layout.h"
#include "oci/limits.h"
#include "oci/ref.h"
#include "oci/skopeo.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

static const char WHAT[] = "pull";

/* ---- identity ---------------------------------------------------------------------------------------------- */

void source_identity_clear(struct source_identity *id)
{
    free(id->key);
    free(id->validator);
    *id = (struct source_identity){0};
}

/* An archive is known by its file's identity, size and time. */
static int identify_file(const char *path, char **out, struct oci_error *err)
{
    struct stat st;

    if (stat(path, &st) < 0)
        return oci_fail_errno(err, "read archive", path, errno);
    if (S_ISDIR(st.st_mode))
        return oci_fail_errno(err, "read archive", path, EISDIR);
    *out = oci_format("%llx:%llu:%lld:%lld.%09ld", (unsigned long long)st.st_dev, (unsigned long long)st.st_ino,
                      (long long)st.st_size, (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
    return *out ? 0 : oci_fail_memory(err, WHAT, path);
}

static int identify_bytes(const char *data, size_t len, const char *object, char **out, struct oci_error *err)
{
    char digest[OCI_DIGEST_MAX];

    if (digest_of("sha256", data, len, digest) < 0 || !(*out = strdup(digest)))
        return oci_fail_memory(err, WHAT, object);
    return 0;
}

static int identify_dir(const struct oci_options *opt, const char *path, char **out, struct oci_error *err)
{
    AUTO_FREE char *file = oci_format("%s/manifest.json", path), *json = NULL;
    size_t len;
    int error = file ? file_read(file, opt->limits.manifest_bytes, &json, &len) : -ENOMEM;

    return error ? oci_fail_errno(err, "read", file ? file : path, -error) : identify_bytes(json, len, path, out, err);
}

static int identify_layout(const struct oci_options *opt, const char *path, const char *name, char **out,
                           struct oci_error *err)
{
    struct descriptor d;

    if (layout_find(path, name, &opt->limits, &d, err) < 0)
        return -1;
    *out = strdup(d.digest);
    descriptor_clear(&d);
    return *out ? 0 : oci_fail_memory(err, WHAT, path);
}

/* The storage's own manifest; when skopeo cannot say, the copy that follows will say why. */
static int identify_storage(const struct oci_options *opt, const char *source, char **out, struct oci_error *err)
{
    AUTO_FREE char *cause = NULL, *json = NULL;
    size_t len;
    int result = skopeo_inspect(opt, source, &json, &len, &cause, err);

    return result ? (result < 0 ? -1 : 0) : identify_bytes(json, len, source, out, err);
}

static int identify_path(const struct oci_options *opt, const struct oci_ref *ref, struct source_identity *out,
                         struct oci_error *err)
{
    AUTO_FREE char *path = realpath(ref->path, NULL);

    if (!path)
        return oci_fail_errno(err, "read image", ref->text, errno);
    out->key =
        oci_format("%s%s%s%s", ref_prefix(ref->transport), path, ref->name ? ":" : "", ref->name ? ref->name : "");
    if (!out->key)
        return oci_fail_memory(err, WHAT, ref->text);
    if (strchr(path, ':'))
        return oci_fail(err, "read image", ref->text, "its path contains a colon");
    switch (ref->transport) {
    case OCI_LAYOUT:
        return identify_layout(opt, path, ref->name, &out->validator, err);
    case OCI_DIR:
        return identify_dir(opt, path, &out->validator, err);
    default:
        return identify_file(path, &out->validator, err);
    }
}

int transport_identify(const struct oci_options *opt, const struct oci_ref *ref, struct source_identity *out,
                       struct oci_error *err)
{
    int error;

    *out = (struct source_identity){0};
    if (ref->path) {
        error = identify_path(opt, ref, out, err);
    } else {
        out->key = strdup(ref->text);
        error = out->key ? 0 : oci_fail_memory(err, WHAT, ref->text);
        if (!error && ref->transport == OCI_STORAGE)
            error = identify_storage(opt, out->key, &out->validator, err);
        else if (!error && ref->transport == OCI_DOCKER && !(out->validator = strdup("")))
            error = oci_fail_memory(err, WHAT, ref->text);
    }
    if (error)
        source_identity_clear(out);
    return error;
}

/* ---- docker:// by digest ----------------------------------------------------------------------------------- */

/* "docker://host/repository@digest" for a reference in full. */
static char *pinned_source(const struct oci_ref *ref, const char *digest)
{
    size_t len = strcspn(ref->name, "@");
    const char *slash;

    if (!ref->name[len]) {
        slash = strrchr(ref->name, '/');
        len = (size_t)(slash - ref->name) + strcspn(slash, ":");
    }
    return oci_format("docker://%.*s@%s", (int)len, ref->name, digest);
}

struct remote {
    const struct oci_options *opt;
    const struct oci_ref *ref;
};

static int inspect(const struct oci_options *opt, const char *source, char **json, size_t *len, struct oci_error *err)
{
    AUTO_FREE char *cause = NULL;
    int result = skopeo_inspect(opt, source, json, len, &cause, err);

    return result > 0 ? oci_fail(err, WHAT, source, "%s", cause) : result;
}

static int fetch(void *arg, const struct descriptor *d, char **json, size_t *len, struct oci_error *err)
{
    const struct remote *r = arg;
    AUTO_FREE char *source = pinned_source(r->ref, d->digest), *data = NULL;
    char digest[OCI_DIGEST_MAX];

    if (!source)
        return oci_fail_memory(err, WHAT, r->ref->text);
    if (inspect(r->opt, source, &data, len, err) < 0)
        return -1;
    if (*len != d->size || digest_of(d->digest, data, *len, digest) < 0 || strcmp(digest, d->digest) != 0)
        return oci_fail(err, WHAT, source, "the registry answered with another manifest");
    *json = TAKE_PTR(data);
    return 0;
}

/* Walks the indexes behind the reference. 1: *source names the manifest by digest. 0: it leads to no index. */
static int choose_remote(const struct oci_options *opt, const struct oci_ref *ref, char **source, struct oci_error *err)
{
    struct remote r = {opt, ref};
    AUTO_FREE char *json = NULL;
    struct descriptor d;
    struct manifest m;
    size_t len;
    int result = 0;

    if (inspect(opt, ref->text, &json, &len, err) < 0 ||
        manifest_parse(json, len, ref->text, &opt->limits, &m, err) < 0)
        return -1;
    if (m.kind == MANIFEST_INDEX)
        result = manifest_select(&m, ref->text, &opt->limits, fetch, &r, &d, err) < 0 ? -1 : 1;
    manifest_clear(&m);
    if (result == 1) {
        *source = pinned_source(ref, d.digest);
        descriptor_clear(&d);
        return *source ? 1 : oci_fail_memory(err, WHAT, ref->text);
    }
    return result;
}

/* ---- pulling ----------------------------------------------------------------------------------------------- */

struct pull {
    const struct oci_options *opt;
    struct oci_cache *cache;
    const struct oci_ref *ref;
    const char *key;
    struct cache_tmp tmp;
    struct descriptor *out;
    struct oci_error *err;
};

static bool contains(const char *text, const char *const *words)
{
    for (; *words; words++) {
        if (strcasestr(text, *words))
            return true;
    }
    return false;
}

/* Copies from `source`; keeps the digests if that is possible. 0, 1 with *cause, or -1. */
static int copy(struct pull *p, const char *source, char **cause)
{
    static const char *const digest_trouble[] = {"preserve", "digest", "convert", NULL};
    AUTO_FREE char *blobs = oci_format("%s/blobs", p->cache->dir);
    int result;

    if (!blobs)
        return oci_fail_memory(p->err, WHAT, p->key);
    result = skopeo_copy(p->opt, source, p->tmp.path, blobs, true, cause, p->err);
    if (result != 1 || !contains(*cause, digest_trouble))
        return result;
    free(TAKE_PTR(*cause));
    return skopeo_copy(p->opt, source, p->tmp.path, blobs, false, cause, p->err);
}

/* What skopeo left in the temporary layout. */
static int take_copied(struct pull *p)
{
    AUTO_FREE char *layout = oci_format("%s/layout", p->tmp.path);

    return layout ? layout_find(layout, NULL, &p->opt->limits, p->out, p->err) : oci_fail_memory(p->err, WHAT, p->key);
}

static int pull_archive_nested(struct pull *p)
{
    AUTO_FREE char *path = realpath(p->ref->path, NULL);

    if (!path)
        return oci_fail_errno(p->err, WHAT, p->key, errno);
    if (layout_extract(path, p->tmp.path, &p->opt->limits, p->err) < 0)
        return -1;
    return layout_import(p->cache, p->tmp.path, p->ref->name, &p->opt->limits, p->out, p->err);
}

/* skopeo found no image: perhaps behind an index in an index, or of a variant it does not take. */
static int pull_nested(struct pull *p, const char *first_cause)
{
    AUTO_FREE char *source = NULL, *cause = NULL;
    int result;

    if (p->ref->transport == OCI_ARCHIVE)
        return pull_archive_nested(p);
    if (p->ref->transport != OCI_DOCKER)
        return oci_fail(p->err, WHAT, p->key, "%s", first_cause);
    result = choose_remote(p->opt, p->ref, &source, p->err);
    if (result <= 0)
        return result < 0 ? -1 : oci_fail(p->err, WHAT, p->key, "%s", first_cause);
    result = copy(p, source, &cause);
    return result > 0 ? oci_fail(p->err, WHAT, source, "%s", cause) : result < 0 ? -1 : take_copied(p);
}

static int pull_by_skopeo(struct pull *p, const char *pinned)
{
    static const char *const index_trouble[] = {"manifest list", "image index", "manifest.list", "image.index", NULL};
    AUTO_FREE char *source = pinned ? pinned_source(p->ref, pinned) : strdup(p->key), *cause = NULL;
    int result;

    if (!source)
        return oci_fail_memory(p->err, WHAT, p->key);
    result = copy(p, source, &cause);
    if (result == 1)
        return contains(cause, index_trouble) ? pull_nested(p, cause) : oci_fail(p->err, WHAT, p->key, "%s", cause);
    return result < 0 ? -1 : take_copied(p);
}

int transport_pull(const struct oci_options *opt, struct oci_cache *cache, const struct oci_ref *ref, const char *key,
                   const char *pinned, struct descriptor *out, struct oci_error *err)
{
    struct pull p = {.opt = opt, .cache = cache, .ref = ref, .key = key, .out = out, .err = err};
    int error;

    if (ref->transport == OCI_LAYOUT) {
        AUTO_FREE char *path = realpath(ref->path, NULL);
        return path ? layout_import(cache, path, ref->name, &opt->limits, out, err)
                    : oci_fail_errno(err, WHAT, key, errno);
    }
    if (cache_tmp_begin(cache, &p.tmp, err) < 0)
        return -1;
    error = pull_by_skopeo(&p, pinned && ref->transport == OCI_DOCKER ? pinned : NULL);
    cache_tmp_end(&p.tmp);
    return error;
}
