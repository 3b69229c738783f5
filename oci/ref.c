// SPDX-License-Identifier: MIT
/*
 * Image references, as skopeo takes them, with docker:// for a bare name. Docker's are brought to their full form
 * (registry, repository, tag or digest), so that the cache knows "alpine" and "docker.io/library/alpine:latest" as one.
 */
#include "oci/ref.h"
#include "oci/digest.h"

#include <string.h>

static const struct transport {
    const char *prefix;
    enum oci_transport transport;
    bool has_path, has_name;
} transports[] = {
    {"docker://", OCI_DOCKER, false, true},
    {"oci:", OCI_LAYOUT, true, true},
    {"oci-archive:", OCI_ARCHIVE, true, true},
    {"docker-archive:", OCI_DOCKER_ARCHIVE, true, true},
    {"dir:", OCI_DIR, true, false},
    {"containers-storage:", OCI_STORAGE, false, true},
    {"docker-daemon:", OCI_DAEMON, false, true},
};
static const char *const refused[] = {"ostree:", "sif:", "tarball:", "atomic:"};

static const char WHAT[] = "read image reference";
static const char LOWER_ALNUM[] = "abcdefghijklmnopqrstuvwxyz0123456789";
static const char TAG_FIRST[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
static const char TAG_REST[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";

const char *ref_prefix(enum oci_transport transport)
{
    return transports[transport].prefix;
}

static bool starts_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

void oci_ref_clear(struct oci_ref *ref)
{
    free(ref->text);
    free(ref->path);
    free(ref->name);
    free(ref->digest);
    *ref = (struct oci_ref){0};
}

/* The first part is a registry's host when it looks like one: a dot, a port, or localhost. */
static bool has_registry(const char *name)
{
    size_t len = strcspn(name, "/");

    if (!name[len])
        return false;
    return memchr(name, '.', len) || memchr(name, ':', len) || (len == 9 && starts_with(name, "localhost"));
}

/* The separators between the alphanumeric runs of a component: one dot, one or two underscores, any number of dashes.
 * */
static size_t separator_len(const char *p, const char *end)
{
    size_t dashes = strspn(p, "-");

    if (dashes)
        return dashes;
    if (*p == '_')
        return p + 1 < end && p[1] == '_' ? 2 : 1;
    return *p == '.' ? 1 : 0;
}

static bool component_ok(const char *p, const char *end)
{
    for (;;) {
        size_t run = strspn(p, LOWER_ALNUM);
        if (run == 0)
            return false;
        p += run;
        if (p >= end)
            return true;
        size_t separator = separator_len(p, end);
        if (!separator)
            return false;
        p += separator;
    }
}

/* NULL, or what is wrong with the repository's path (without the registry). */
static const char *repository_check(const char *path)
{
    if (path[strcspn(path, "ABCDEFGHIJKLMNOPQRSTUVWXYZ")])
        return "a repository's name is in lower case";
    if (strlen(path) > 255)
        return "the repository's name has more than 255 characters";
    for (;;) {
        size_t len = strcspn(path, "/");
        if (!component_ok(path, path + len))
            return "this is no repository name (letters, digits, and single separators between them)";
        if (!path[len])
            return NULL;
        path += len + 1;
    }
}

/* A host name or address (IPv6 in brackets), perhaps with a port. */
static const char *registry_check(const char *name)
{
    static const char host[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.",
                      v6[] = "0123456789abcdefABCDEF:.";
    size_t len = strcspn(name, "/"), n = *name == '[' ? 1 + strspn(name + 1, v6) : strspn(name, host);

    n += *name == '[' && name[n] == ']';
    if (name[n] == ':')
        n += 1 + strspn(name + n + 1, "0123456789");
    if (n == len && *name != '.' && *name != '-')
        return NULL;
    return "what stands before the first '/' is no registry (is it a directory? then write oci:PATH)";
}

static const char *tag_check(const char *tag)
{
    if (!*tag || !strchr(TAG_FIRST, *tag) || strspn(tag, TAG_REST) != strlen(tag) || strlen(tag) > 128)
        return "this is no tag (letters, digits, '_', '.', '-'; at most 128)";
    return NULL;
}

/* Cuts "@digest" and ":tag" off name. A tag beside a digest says nothing that the digest does not. */
static const char *cut_docker_name(char *name, char **tag, char **digest)
{
    char *at = strchr(name, '@'), *slash, *colon;

    *tag = *digest = NULL;
    if (at) {
        *at = 0;
        *digest = at + 1;
        const char *cause = digest_check(*digest);
        if (cause)
            return cause;
    }
    slash = strrchr(name, '/');
    colon = strchr(slash && has_registry(name) ? slash : name, ':');
    if (colon) {
        *colon = 0;
        *tag = colon + 1;
    }
    return colon ? tag_check(*tag) : NULL;
}

static int parse_docker(const char *text, const char *name, struct oci_ref *ref, struct oci_error *err)
{
    AUTO_FREE char *copy = *name ? strdup(name) : NULL;
    const char *host = "docker.io/", *library = "", *cause, *path;
    char *tag, *digest;

    if (!*name)
        return oci_fail(err, WHAT, text, "the image's name is empty");
    if (!copy)
        return oci_fail_memory(err, WHAT, text);
    if (*name == '/' || strncmp(name, "./", 2) == 0 || strncmp(name, "../", 3) == 0)
        return oci_fail(
            err, WHAT, text,
            "it is a path; an image in OCI layout is oci:PATH, an archive oci-archive:PATH or docker-archive:PATH");
    cause = cut_docker_name(copy, &tag, &digest);
    if (has_registry(copy)) {
        host = "";
        path = strchr(copy, '/') + 1;
        cause = cause ? cause : registry_check(copy);
    } else {
        path = copy;
        library = strchr(copy, '/') ? "" : "library/";
    }
    cause = cause ? cause : repository_check(path);
    if (cause)
        return oci_fail(err, WHAT, text, "%s", cause);
    ref->name = digest ? oci_format("%s%s%s@%s", host, library, copy, digest)
                       : oci_format("%s%s%s:%s", host, library, copy, tag ? tag : "latest");
    ref->digest = digest ? strdup(digest) : NULL;
    ref->text = ref->name ? oci_format("docker://%s", ref->name) : NULL;
    return ref->text && (!digest || ref->digest) ? 0 : oci_fail_memory(err, WHAT, text);
}

/* PATH or PATH:NAME, split at the first colon as skopeo does. */
static int parse_path(const struct transport *t, const char *text, struct oci_ref *ref, struct oci_error *err)
{
    const char *rest = text + strlen(t->prefix);
    size_t len = t->has_name ? strcspn(rest, ":") : strlen(rest);

    if (len == 0)
        return oci_fail(err, WHAT, text, "the path is empty");
    ref->path = strndup(rest, len);
    if (rest[len] && rest[len + 1])
        ref->name = strdup(rest + len + 1);
    ref->text =
        ref->name ? oci_format("%s%s:%s", t->prefix, ref->path, ref->name) : oci_format("%s%s", t->prefix, ref->path);
    return ref->text && ref->path ? 0 : oci_fail_memory(err, WHAT, text);
}

static int parse_name(const struct transport *t, const char *text, struct oci_ref *ref, struct oci_error *err)
{
    const char *rest = text + strlen(t->prefix);

    if (!*rest)
        return oci_fail(err, WHAT, text, "the image's name is empty");
    ref->name = strdup(rest);
    ref->text = strdup(text);
    return ref->text && ref->name ? 0 : oci_fail_memory(err, WHAT, text);
}

static const struct transport *find_transport(const char *text)
{
    for (size_t n = 0; n < sizeof(transports) / sizeof(transports[0]); n++) {
        if (starts_with(text, transports[n].prefix))
            return &transports[n];
    }
    return NULL;
}

/* "bogus://x" */
static int fail_transport(const char *text, const char *colon, struct oci_error *err)
{
    char known[160] = "";

    for (size_t n = 0; n < sizeof(transports) / sizeof(transports[0]); n++) {
        size_t at = strlen(known);
        snprintf(known + at, sizeof(known) - at, "%s%s", n ? ", " : "", transports[n].prefix);
    }
    return oci_fail(err, WHAT, text, "unknown transport %.*s://; there are %s", (int)(colon - text), text, known);
}

static int parse(const char *text, struct oci_ref *ref, struct oci_error *err)
{
    const struct transport *t = find_transport(text);
    const char *colon = strstr(text, "://");

    for (const char *p = text; *p; p++) {
        if ((unsigned char)*p <= ' ' || *p == 0x7f)
            return oci_fail(err, WHAT, text, "it contains a space or a control character");
    }
    for (size_t n = 0; n < sizeof(refused) / sizeof(refused[0]); n++) {
        if (starts_with(text, refused[n]))
            return oci_fail(err, WHAT, text, "the transport %s is not supported", refused[n]);
    }
    if (!t && colon)
        return fail_transport(text, colon, err);
    if (!t)
        return parse_docker(text, text, ref, err);
    ref->transport = t->transport;
    if (t->transport == OCI_DOCKER)
        return parse_docker(text, text + strlen(t->prefix), ref, err);
    return t->has_path ? parse_path(t, text, ref, err) : parse_name(t, text, ref, err);
}

int oci_ref_parse(const char *text, struct oci_ref *ref, struct oci_error *err)
{
    *ref = (struct oci_ref){.transport = OCI_DOCKER};
    if (parse(text, ref, err) < 0) {
        oci_ref_clear(ref);
        return -1;
    }
    return 0;
}
