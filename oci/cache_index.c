// SPDX-License-Identifier: MIT
/*
 * index.json of the cache: which manifest a reference led to, when its source looked like what. Changed under the cache's
 * lock, by rename.
 */
#include "oci/cache.h"
#include "oci/digest.h"
#include "oci/json.h"

#include <errno.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

static const char WHAT[] = "use cache";
#define INDEX_LIMIT (64u << 20)

/* index.json, or an empty index when it is missing or damaged: the cache may forget, never fail. */
static json_t *load_index(const struct oci_cache *cache)
{
    AUTO_FREE char *path = oci_format("%s/index.json", cache->dir), *text = NULL;
    json_t *j = NULL;
    size_t len = 0;

    if (path && file_read(path, INDEX_LIMIT, &text, &len) == 0)
        j = json_loadb(text, len, 0, NULL);
    if (json_is_object(j) && json_is_array(json_object_get(j, "manifests")))
        return j;
    json_decref(j);
    return json_pack("{s:i,s:s,s:[]}", "schemaVersion", 2, "mediaType", "application/vnd.oci.image.index.v1+json",
                     "manifests");
}

static const char *annotation(const json_t *descriptor, const char *name)
{
    return json_string_value(json_object_get(json_object_get(descriptor, "annotations"), name));
}

#define REF_NAME "org.opencontainers.image.ref.name"
#define SOURCE "io.slipway.source"

/* The place of ref in the list, or the list's length. */
static size_t find_ref(const json_t *list, const char *ref)
{
    size_t n = 0;

    for (; n < json_array_size(list); n++) {
        const char *name = annotation(json_array_get(list, n), REF_NAME);
        if (name && strcmp(name, ref) == 0)
            break;
    }
    return n;
}

int cache_recall(const struct oci_cache *cache, const char *ref, const char *validator, struct descriptor *out)
{
    AUTO_JSON json_t *index = load_index(cache);
    const json_t *list = json_object_get(index, "manifests"), *d = json_array_get(list, find_ref(list, ref));
    const char *digest = json_string_value(json_object_get(d, "digest")), *source = annotation(d, SOURCE);
    json_int_t size = json_integer_value(json_object_get(d, "size"));

    if (!digest || digest_check(digest) || size <= 0 || strcmp(source ? source : "", validator) != 0)
        return 0;
    *out = (struct descriptor){.media_type = strdup(""), .size = (uint64_t)size};
    snprintf(out->digest, sizeof(out->digest), "%s", digest);
    return out->media_type ? 1 : 0;
}

static json_t *make_entry(const char *ref, const char *validator, const char *media_type, const struct descriptor *d)
{
    return json_pack("{s:s,s:s,s:I,s:{s:s,s:s}}", "mediaType", media_type, "digest", d->digest, "size",
                     (json_int_t)d->size, "annotations", REF_NAME, ref, SOURCE, validator);
}

static int store_index(const struct oci_cache *cache, const json_t *index, struct oci_error *err)
{
    AUTO_FREE char *text = json_dumps(index, JSON_INDENT(1)), *to = oci_format("%s/index.json", cache->dir);
    AUTO_FREE char *from = oci_format("%s/tmp/index.json.%d", cache->dir, (int)getpid());
    int error;

    if (!text || !to || !from)
        return oci_fail_memory(err, WHAT, cache->dir);
    unlink(from);
    error = file_write_new(from, text, strlen(text));
    if (!error && rename(from, to) < 0)
        error = -errno;
    if (error)
        unlink(from);
    return error ? oci_fail_errno(err, WHAT, to, -error) : 0;
}

int cache_remember(const struct oci_cache *cache, const char *ref, const char *validator, const char *media_type,
                   const struct descriptor *d, struct oci_error *err)
{
    AUTO_CLOSE int lock = cache_lock(cache, LOCK_EX);
    AUTO_JSON json_t *index = NULL;
    json_t *list, *entry;
    size_t at;

    if (lock < 0)
        return oci_fail_errno(err, WHAT, cache->dir, errno);
    index = load_index(cache);
    entry = make_entry(ref, validator, media_type, d);
    list = json_object_get(index, "manifests");
    at = find_ref(list, ref);
    if (!entry ||
        (at < json_array_size(list) ? json_array_set_new(list, at, entry) : json_array_append_new(list, entry)) < 0)
        return oci_fail_memory(err, WHAT, cache->dir);
    return store_index(cache, index, err);
}

int cache_forget_missing(const struct oci_cache *cache, struct oci_error *err)
{
    AUTO_CLOSE int lock = cache_lock(cache, LOCK_EX);
    AUTO_JSON json_t *index = NULL;
    json_t *list;
    size_t count, n = 0;

    if (lock < 0)
        return oci_fail_errno(err, WHAT, cache->dir, errno);
    index = load_index(cache);
    list = json_object_get(index, "manifests");
    count = json_array_size(list);
    while (n < json_array_size(list)) {
        const char *digest = json_string_value(json_object_get(json_array_get(list, n), "digest"));
        AUTO_FREE char *path = digest && !digest_check(digest) ? cache_blob_path(cache, digest) : NULL;
        if (path && access(path, F_OK) == 0)
            n++;
        else
            json_array_remove(list, n);
    }
    return json_array_size(list) == count ? 0 : store_index(cache, index, err);
}
