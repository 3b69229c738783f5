// SPDX-License-Identifier: MIT
/*
 * oci_pull: reference -> image. The cache is asked first; what it remembers counts as long as the source looks as it
 * did (a registry is not asked at all, as with `docker run`, unless opt->refresh). A remembered image whose manifest
 * or config is missing or damaged is fetched again.
 */
#include "oci/image.h"
#include "oci/config.h"
#include "oci/limits.h"
#include "oci/transport.h"

#include <string.h>

void oci_options_init(struct oci_options *opt)
{
    *opt = (struct oci_options){.tls_verify = true};
    oci_limits_init(&opt->limits);
}

void oci_image_free(struct oci_image *image)
{
    if (!image)
        return;
    for (size_t n = 0; n < image->layer_count; n++) {
        free(image->layers[n].media_type);
        free(image->layers[n].embedded);
    }
    config_clear(&image->config);
    cache_close(image->cache);
    free(image->layers);
    free(image->ref);
    free(image->manifest_type);
    free(image->manifest_json);
    free(image->config_json);
    free(image);
}

/* ---- loading ----------------------------------------------------------------------------------------------- */

static int take_layers(struct oci_image *image, struct manifest *m)
{
    image->layers = calloc(m->count + 1, sizeof(*image->layers));
    if (!image->layers)
        return -1;
    for (; image->layer_count < m->count; image->layer_count++) {
        struct descriptor *from = &m->items[image->layer_count];
        struct oci_layer *to = &image->layers[image->layer_count];

        memcpy(to->digest, from->digest, sizeof(to->digest));
        memcpy(to->diff_id, image->config.diff_ids.items[image->layer_count],
               strlen(image->config.diff_ids.items[image->layer_count]) + 1);
        to->size = from->size;
        to->media_type = TAKE_PTR(from->media_type);
        to->embedded = TAKE_PTR(from->data);
        to->embedded_len = from->data_len;
    }
    image->manifest_type = TAKE_PTR(m->media_type);
    return 0;
}

static int load_config(struct oci_image *image, const struct oci_limits *limits, struct manifest *m,
                       struct oci_error *err)
{
    memcpy(image->id, m->config.digest, sizeof(image->id));
    if (blob_read(image->cache->dir, &m->config, limits, &image->config_json, &image->config_len, err) < 0)
        return -1;
    if (config_parse(image->config_json, image->config_len, image->ref, m->count, limits, &image->config, err) < 0)
        return -1;
    return take_layers(image, m) < 0 ? oci_fail_memory(err, "read image", image->ref) : 0;
}

/* Everything that the manifest names is of use today. */
static void touch(const struct oci_image *image, const struct manifest *m)
{
    AUTO_FREE char *manifest = cache_blob_path(image->cache, image->digest);
    AUTO_FREE char *config = cache_blob_path(image->cache, m->config.digest);

    cache_touch(manifest);
    cache_touch(config);
    for (size_t n = 0; n < image->layer_count; n++) {
        AUTO_FREE char *layer = cache_blob_path(image->cache, image->layers[n].digest);
        cache_touch(layer);
    }
}

static int load(struct oci_image *image, const struct oci_limits *limits, const struct descriptor *manifest,
                struct oci_error *err)
{
    struct manifest m;
    int error;

    memcpy(image->digest, manifest->digest, sizeof(image->digest));
    if (blob_read(image->cache->dir, manifest, limits, &image->manifest_json, &image->manifest_len, err) < 0 ||
        manifest_parse(image->manifest_json, image->manifest_len, image->ref, limits, &m, err) < 0)
        return -1;
    if (m.kind != MANIFEST_IMAGE)
        error = oci_fail(err, "read image", image->ref, "%s is an index", manifest->digest);
    else
        error = load_config(image, limits, &m, err);
    if (!error)
        touch(image, &m);
    manifest_clear(&m);
    return error;
}

int image_load(struct oci_cache *cache, const struct oci_limits *limits, const char *ref,
               const struct descriptor *manifest, struct oci_image **out, struct oci_error *err)
{
    struct oci_image *image = calloc(1, sizeof(*image));

    if (!image || !(image->ref = strdup(ref))) {
        free(image);
        return oci_fail_memory(err, "read image", ref);
    }
    image->config.stop_timeout = -1;
    image->cache = cache;
    if (load(image, limits, manifest, err) < 0) {
        image->cache = NULL; /* remains the caller's */
        oci_image_free(image);
        return -1;
    }
    *out = image;
    return 0;
}

/* ---- pulling ----------------------------------------------------------------------------------------------- */

/* Removes a small blob that is not what its name says; true when it did. */
static bool drop_if_damaged(struct oci_cache *cache, const struct oci_limits *limits, const struct descriptor *d,
                            char **data, size_t *len)
{
    AUTO_FREE char *path = cache_blob_path(cache, d->digest);
    struct oci_error ignored;

    if (blob_read(cache->dir, d, limits, data, len, &ignored) == 0)
        return false;
    return path && unlink(path) == 0;
}

/* Looks through an image that could not be read for damage in the cache, and removes it. */
static bool drop_damaged(struct oci_cache *cache, const struct oci_limits *limits, const struct descriptor *manifest)
{
    AUTO_FREE char *json = NULL, *config = NULL;
    struct oci_error ignored;
    struct manifest m;
    size_t len;
    bool dropped;

    if (drop_if_damaged(cache, limits, manifest, &json, &len))
        return true;
    if (!json || manifest_parse(json, len, manifest->digest, limits, &m, &ignored) < 0)
        return false;
    dropped = m.kind == MANIFEST_IMAGE && drop_if_damaged(cache, limits, &m.config, &config, &len);
    manifest_clear(&m);
    return dropped;
}

struct request {
    const struct oci_options *opt;
    const char *text;
    struct oci_ref ref;
    struct source_identity id;
    struct oci_cache *cache;
    struct oci_image **out;
    struct oci_error *err;
};

/* 1: *out is the image that the cache remembers. */
static int try_cache(struct request *r)
{
    struct oci_error ignored;
    struct descriptor d;
    bool ask_again = r->opt->refresh && r->ref.transport == OCI_DOCKER && !r->opt->offline;
    int found;

    if (ask_again || !r->id.validator || cache_recall(r->cache, r->id.key, r->id.validator, &d) == 0)
        return 0;
    found = image_load(r->cache, &r->opt->limits, r->text, &d, r->out, &ignored) == 0;
    descriptor_clear(&d);
    return found;
}

static int fetch_once(struct request *r, struct descriptor *d)
{
    if (transport_pull(r->opt, r->cache, &r->ref, r->id.key, NULL, d, r->err) < 0)
        return -1;
    if (image_load(r->cache, &r->opt->limits, r->text, d, r->out, r->err) == 0)
        return 0;
    return drop_damaged(r->cache, &r->opt->limits, d) ? 1 : -1;
}

/* Again if need be: blobs that are in the cache already are not fetched, and manifest and config may be damaged. */
static int fetch(struct request *r)
{
    struct descriptor d = {0};
    int error;

    if (r->opt->offline && r->ref.transport == OCI_DOCKER)
        return oci_fail(r->err, "pull", r->text, "it is not in the cache, and --offline was given");
    error = fetch_once(r, &d);
    for (int retries = 2; error == 1 && retries > 0; retries--) {
        descriptor_clear(&d);
        r->err->msg[0] = 0;
        error = fetch_once(r, &d);
    }
    if (!error && r->id.validator)
        error = cache_remember(r->cache, r->id.key, r->id.validator, (*r->out)->manifest_type, &d, r->err);
    descriptor_clear(&d);
    return error ? -1 : 0;
}

static int pull(struct request *r)
{
    if (oci_ref_parse(r->text, &r->ref, r->err) < 0 || transport_identify(r->opt, &r->ref, &r->id, r->err) < 0 ||
        cache_open(r->opt, &r->cache, r->err) < 0)
        return -1;
    return try_cache(r) ? 0 : fetch(r);
}

int oci_pull(const struct oci_options *opt, const char *ref, struct oci_image **out, struct oci_error *err)
{
    struct request r = {.opt = opt, .text = ref, .out = out, .err = err};
    int error;

    *out = NULL;
    error = pull(&r);
    oci_ref_clear(&r.ref);
    source_identity_clear(&r.id);
    if (!*out)
        cache_close(r.cache);
    if (error && *out) {
        oci_image_free(*out);
        *out = NULL;
    }
    return error;
}

int image_refetch(struct oci_image *image, const struct oci_options *opt, struct oci_error *err)
{
    struct oci_ref ref;
    struct source_identity id = {0};
    struct descriptor d;
    int error;

    if (oci_ref_parse(image->ref, &ref, err) < 0)
        return -1;
    error = transport_identify(opt, &ref, &id, err);
    if (!error)
        error = transport_pull(opt, image->cache, &ref, id.key, image->digest, &d, err);
    if (!error)
        descriptor_clear(&d);
    source_identity_clear(&id);
    oci_ref_clear(&ref);
    return error;
}
