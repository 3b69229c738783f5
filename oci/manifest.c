// SPDX-License-Identifier: MIT
/*
 * Manifests and indexes. What is checked here: the schema's version; that a document is an index or a manifest and not
 * both; that the media types are those of container images; digests, sizes and embedded data of every descriptor.
 * Media types say what a blob is *for*; how a layer is compressed is told by its first bytes (see decode.c).
 */
#include "oci/manifest.h"
#include "oci/digest.h"
#include "oci/json.h"
#include "oci/limits.h"

#include <openssl/evp.h>
#include <string.h>

static const char WHAT[] = "read manifest";
static const char REF_NAME[] = "org.opencontainers.image.ref.name";
static const char VALIDATOR[] = "io.slipway.source";

static const char *const index_types[] = {
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    NULL,
};
static const char *const image_types[] = {
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
    NULL,
};
static const char *const config_types[] = {
    "application/vnd.oci.image.config.v1+json",
    "application/vnd.docker.container.image.v1+json",
    NULL,
};
/* Compared up to the suffix that names the compression. */
static const char *const layer_types[] = {
    "application/vnd.oci.image.layer.v1.tar",
    "application/vnd.oci.image.layer.nondistributable.v1.tar",
    "application/vnd.docker.image.rootfs.diff.tar",
    "application/vnd.docker.image.rootfs.foreign.diff.tar",
    NULL,
};
static const char *const layer_suffixes[] = {"", "+gzip", "+zstd", ".gzip", ".zstd", NULL};

static bool is_one_of(const char *text, const char *const *list)
{
    while (*list && strcmp(*list, text) != 0)
        list++;
    return *list != NULL;
}

static bool is_layer_type(const char *type)
{
    for (const char *const *t = layer_types; *t; t++) {
        if (strncmp(type, *t, strlen(*t)) == 0 && is_one_of(type + strlen(*t), layer_suffixes))
            return true;
    }
    return false;
}

/* ---- descriptors ------------------------------------------------------------------------------------------- */

void descriptor_clear(struct descriptor *d)
{
    free(d->media_type);
    free(d->data);
    free(d->os);
    free(d->architecture);
    free(d->variant);
    free(d->ref_name);
    free(d->validator);
    *d = (struct descriptor){0};
}

static bool copy_string(char **to, const char *from)
{
    *to = from ? strdup(from) : NULL;
    return !from || *to;
}

int descriptor_copy(struct descriptor *to, const struct descriptor *from)
{
    *to = (struct descriptor){.size = from->size};
    memcpy(to->digest, from->digest, sizeof(to->digest));
    if (from->data) {
        to->data = malloc(from->data_len + 1);
        if (!to->data)
            return -1;
        memcpy(to->data, from->data, from->data_len);
        to->data_len = from->data_len;
    }
    if (copy_string(&to->media_type, from->media_type) && copy_string(&to->os, from->os) &&
        copy_string(&to->architecture, from->architecture) && copy_string(&to->variant, from->variant) &&
        copy_string(&to->ref_name, from->ref_name) && copy_string(&to->validator, from->validator))
        return 0;
    descriptor_clear(to);
    return -1;
}

/* Decodes strict base64. Returns the length, or -1. out has room for len / 4 * 3 bytes. */
static ssize_t base64_decode(const char *text, size_t len, unsigned char *out)
{
    size_t padding = 0;
    int n;

    if (len == 0)
        return 0;
    if (len % 4 || len > INT32_MAX)
        return -1;
    while (padding < 2 && text[len - 1 - padding] == '=')
        padding++;
    if (memchr(text, '=', len - padding) || strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                                         "0123456789+/=") != len)
        return -1;
    n = EVP_DecodeBlock(out, (const unsigned char *)text, (int)len);
    return n < 0 ? -1 : n - (ssize_t)padding;
}

static int read_data(const struct json_source *src, const json_t *j, struct descriptor *d)
{
    AUTO_FREE char *text = NULL;
    char digest[OCI_DIGEST_MAX];
    ssize_t len;

    if (json_get_string(src, j, "data", &text) < 0)
        return -1;
    if (!text)
        return 0;
    d->data = malloc(strlen(text) / 4 * 3 + 4);
    if (!d->data)
        return oci_fail_memory(src->err, src->what, src->object);
    len = base64_decode(text, strlen(text), d->data);
    if (len < 0)
        return oci_fail(src->err, src->what, src->object, "the \"data\" of %s is not base64", d->digest);
    d->data_len = (size_t)len;
    if (d->data_len != d->size)
        return oci_fail(src->err, src->what, src->object, "the \"data\" of %s has %zu bytes, its \"size\" is %llu",
                        d->digest, d->data_len, (unsigned long long)d->size);
    if (digest_of(d->digest, d->data, d->data_len, digest) < 0)
        return oci_fail_memory(src->err, src->what, src->object);
    if (strcmp(digest, d->digest) != 0)
        return oci_fail(src->err, src->what, src->object, "the \"data\" of %s has the digest %s", d->digest, digest);
    return 0;
}

static int read_platform(const struct json_source *src, const json_t *j, struct descriptor *d)
{
    const json_t *platform, *annotations;

    if (json_get_object(src, j, "platform", &platform) < 0 || json_get_object(src, j, "annotations", &annotations) < 0)
        return -1;
    if (json_get_string(src, annotations, REF_NAME, &d->ref_name) < 0 ||
        json_get_string(src, annotations, VALIDATOR, &d->validator) < 0)
        return -1;
    if (json_get_string(src, platform, "os", &d->os) < 0 ||
        json_get_string(src, platform, "architecture", &d->architecture) < 0)
        return -1;
    return json_get_string(src, platform, "variant", &d->variant);
}

static int read_descriptor(const struct json_source *src, const json_t *j, struct descriptor *d)
{
    AUTO_FREE char *digest = NULL;
    const char *cause;
    int64_t size = -1;

    if (!json_is_object(j))
        return oci_fail(src->err, src->what, src->object, "a descriptor is not an object");
    if (json_get_string(src, j, "digest", &digest) < 0 || json_get_string(src, j, "mediaType", &d->media_type) < 0 ||
        json_get_integer(src, j, "size", &size) < 0)
        return -1;
    if (!d->media_type && !(d->media_type = strdup("")))
        return oci_fail_memory(src->err, src->what, src->object);
    if (!digest)
        return oci_fail(src->err, src->what, src->object, "a descriptor has no \"digest\"");
    cause = digest_check(digest);
    if (cause)
        return oci_fail(src->err, src->what, src->object, "digest '%.200s': %s", digest, cause);
    memcpy(d->digest, digest, strlen(digest) + 1);
    if (size < 0)
        return oci_fail(src->err, src->what, src->object, "the descriptor of %s has no valid \"size\"", d->digest);
    d->size = (uint64_t)size;
    return read_data(src, j, d) < 0 ? -1 : read_platform(src, j, d);
}

/* ---- documents --------------------------------------------------------------------------------------------- */

void manifest_clear(struct manifest *m)
{
    for (size_t n = 0; n < m->count; n++)
        descriptor_clear(&m->items[n]);
    descriptor_clear(&m->config);
    free(m->items);
    free(m->media_type);
    *m = (struct manifest){0};
}

static int read_items(const struct json_source *src, const json_t *array, struct manifest *m)
{
    m->items = calloc(json_array_size(array) + 1, sizeof(*m->items));
    if (!m->items)
        return oci_fail_memory(src->err, src->what, src->object);
    for (; m->count < json_array_size(array); m->count++) {
        if (read_descriptor(src, json_array_get(array, m->count), &m->items[m->count]) < 0) {
            descriptor_clear(&m->items[m->count]);
            return -1;
        }
    }
    return 0;
}

static int check_layers(const struct json_source *src, const struct manifest *m, const struct oci_limits *limits)
{
    if (m->count > limits->layers)
        return oci_fail_limit(src->err, src->what, src->object, OCI_LIMIT(layers), limits->layers, "%zu layer%s",
                              m->count, m->count == 1 ? "" : "s");
    for (size_t n = 0; n < m->count; n++) {
        const char *type = m->items[n].media_type;
        size_t len = strlen(type);

        if (len > 10 && strcmp(type + len - 10, "+encrypted") == 0)
            return oci_fail(src->err, src->what, src->object, "layer %s is encrypted", m->items[n].digest);
        if (!is_layer_type(type))
            return oci_fail(src->err, src->what, src->object, "layer %s has the unknown media type '%.200s'",
                            m->items[n].digest, type);
    }
    return 0;
}

static int read_image(const struct json_source *src, const json_t *j, const struct oci_limits *limits,
                      struct manifest *m)
{
    const json_t *config, *layers;

    m->kind = MANIFEST_IMAGE;
    if (json_get_object(src, j, "config", &config) < 0 || json_get_array(src, j, "layers", &layers) < 0)
        return -1;
    if (!config)
        return oci_fail(src->err, src->what, src->object, "it has no \"config\"");
    if (!layers)
        return oci_fail(src->err, src->what, src->object, "it has no \"layers\"");
    if (read_descriptor(src, config, &m->config) < 0)
        return -1;
    if (!is_one_of(m->config.media_type, config_types))
        return oci_fail(src->err, src->what, src->object,
                        "this is no container image: its config has the type '%.200s'", m->config.media_type);
    return read_items(src, layers, m) < 0 ? -1 : check_layers(src, m, limits);
}

static int read_index(const struct json_source *src, const json_t *j, struct manifest *m)
{
    const json_t *manifests;

    m->kind = MANIFEST_INDEX;
    if (json_get_array(src, j, "manifests", &manifests) < 0)
        return -1;
    if (!manifests)
        return oci_fail(src->err, src->what, src->object, "it has no \"manifests\"");
    return read_items(src, manifests, m);
}

/* What the document is, by its media type, or by its members where it gives none. */
static int find_kind(const struct json_source *src, const json_t *j, struct manifest *m)
{
    bool has_manifests = json_object_get(j, "manifests"), has_layers = json_object_get(j, "layers");

    if (json_get_string(src, j, "mediaType", &m->media_type) < 0)
        return -1;
    if (has_manifests && has_layers)
        return oci_fail(src->err, src->what, src->object, "it has both \"manifests\" and \"layers\"");
    if (!m->media_type) {
        m->kind = has_manifests ? MANIFEST_INDEX : MANIFEST_IMAGE;
        m->media_type = strdup(has_manifests ? index_types[0] : image_types[0]);
        return m->media_type ? 0 : oci_fail_memory(src->err, src->what, src->object);
    }
    if (!is_one_of(m->media_type, index_types) && !is_one_of(m->media_type, image_types))
        return oci_fail(src->err, src->what, src->object, "the media type '%.200s' is not supported", m->media_type);
    m->kind = is_one_of(m->media_type, index_types) ? MANIFEST_INDEX : MANIFEST_IMAGE;
    return 0;
}

static int parse(const struct json_source *src, const char *json, size_t len, const struct oci_limits *limits,
                 struct manifest *m)
{
    AUTO_JSON json_t *j = NULL;
    int64_t version = 0;

    if (len > limits->manifest_bytes)
        return oci_fail_limit(src->err, src->what, src->object, OCI_LIMIT(manifest_bytes), limits->manifest_bytes,
                              "it has %zu bytes", len);
    j = json_parse(src, json, len);
    if (!j || json_get_integer(src, j, "schemaVersion", &version) < 0)
        return -1;
    if (version == 1)
        return oci_fail(src->err, src->what, src->object, "Docker's schema 1 is not supported");
    if (version != 2)
        return oci_fail(src->err, src->what, src->object, "its \"schemaVersion\" is not 2");
    if (find_kind(src, j, m) < 0)
        return -1;
    return m->kind == MANIFEST_INDEX ? read_index(src, j, m) : read_image(src, j, limits, m);
}

int manifest_parse(const char *json, size_t len, const char *source, const struct oci_limits *limits,
                   struct manifest *out, struct oci_error *err)
{
    struct json_source src = {WHAT, source, err};

    *out = (struct manifest){0};
    if (parse(&src, json, len, limits, out) < 0) {
        manifest_clear(out);
        return -1;
    }
    return 0;
}

/* ---- the choice of a platform ------------------------------------------------------------------------------ */

#define FETCH_LIMIT 256 /* documents read for one choice: an index is no licence to download a thousand others */

struct selection {
    const char *source;
    const struct oci_limits *limits;
    manifest_fetch *fetch;
    void *arg;
    bool any_variant;
    unsigned fetched;
    struct descriptor *out;
    struct oci_error *err;
};

static bool platform_matches(const struct descriptor *d, bool any_variant)
{
    static const char *const runnable[] = {"", "v1", "v2", "v3", NULL};

    if (!d->os && !d->architecture)
        return true;
    if (!d->os || !d->architecture || strcmp(d->os, "linux") != 0 || strcmp(d->architecture, "amd64") != 0)
        return false;
    return any_variant || !d->variant || is_one_of(d->variant, runnable);
}

static int search(struct selection *s, const struct manifest *index, uint64_t depth);

/* 1: found below d. 0: not. */
static int search_nested(struct selection *s, const struct descriptor *d, uint64_t depth)
{
    AUTO_FREE char *json = NULL;
    struct manifest m;
    size_t len;
    int found;

    if (depth > s->limits->nesting)
        return oci_fail_limit(s->err, "choose a platform in", s->source, OCI_LIMIT(nesting), s->limits->nesting,
                              "indexes are nested %llu deep", (unsigned long long)depth);
    if (++s->fetched > FETCH_LIMIT)
        return oci_fail(s->err, "choose a platform in", s->source, "it has more than %u nested indexes", FETCH_LIMIT);
    if (s->fetch(s->arg, d, &json, &len, s->err) < 0 || manifest_parse(json, len, d->digest, s->limits, &m, s->err) < 0)
        return -1;
    if (m.kind == MANIFEST_IMAGE && *d->media_type)
        found = oci_fail(s->err, "choose a platform in", s->source, "%s is a manifest, its descriptor says index",
                         d->digest);
    else if (m.kind == MANIFEST_IMAGE)
        found = descriptor_copy(s->out, d) < 0 ? oci_fail_memory(s->err, "read", s->source) : 1;
    else
        found = search(s, &m, depth + 1);
    manifest_clear(&m);
    return found;
}

static int search(struct selection *s, const struct manifest *index, uint64_t depth)
{
    int found = 0;

    for (size_t n = 0; n < index->count && found == 0; n++) {
        const struct descriptor *d = &index->items[n];

        if (!platform_matches(d, s->any_variant))
            continue;
        if (is_one_of(d->media_type, image_types))
            found = descriptor_copy(s->out, d) < 0 ? oci_fail_memory(s->err, "read", s->source) : 1;
        else if (!*d->media_type || is_one_of(d->media_type, index_types))
            found = search_nested(s, d, depth);
    }
    return found;
}

/* "linux/arm64, windows/amd64": what the index has instead, cut when long. */
static void list_platforms(const struct manifest *index, char *out, size_t size)
{
    size_t at = 0;

    out[0] = 0;
    for (size_t n = 0; n < index->count && at + 1 < size; n++) {
        const struct descriptor *d = &index->items[n];
        int len =
            snprintf(out + at, size - at, "%s%s/%s%s%s", n ? ", " : "", d->os ? d->os : "?",
                     d->architecture ? d->architecture : "?", d->variant ? "/" : "", d->variant ? d->variant : "");
        at += len < 0 ? 0 : (size_t)len;
    }
}

int manifest_select(const struct manifest *index, const char *source, const struct oci_limits *limits,
                    manifest_fetch *fetch, void *arg, struct descriptor *out, struct oci_error *err)
{
    struct selection s = {.source = source, .limits = limits, .fetch = fetch, .arg = arg, .out = out, .err = err};
    char platforms[300];
    int found;

    *out = (struct descriptor){0};
    found = search(&s, index, 1);
    if (found == 0) { /* amd64/v4 needs a CPU that emulators are not: the last choice */
        s.any_variant = true;
        found = search(&s, index, 1);
    }
    if (found != 0)
        return found < 0 ? -1 : 0;
    list_platforms(index, platforms, sizeof(platforms));
    return oci_fail(err, "choose a platform in", source, "it has no linux/amd64 image%s%s",
                    index->count ? ", only " : "", platforms);
}
