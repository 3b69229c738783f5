// SPDX-License-Identifier: MIT
/*
 * Indexes, manifests and configs: the input is a document, read as each. An index is searched for a platform, where every
 * descriptor leads back to the input; a config goes on to a container over an empty image.
 */
#include "initramfs-builder/tree.h"
#include "oci/config.h"
#include "oci/limits.h"
#include "oci/manifest.h"

#include <string.h>

struct input {
    const char *data;
    size_t len;
};

static int fetch(void *arg, const struct descriptor *d, char **json, size_t *len, struct oci_error *err)
{
    const struct input *in = arg;

    (void)d;
    (void)err;
    *json = malloc(in->len + 1);
    if (!*json)
        return -1;
    memcpy(*json, in->data, in->len);
    (*json)[in->len] = 0;
    *len = in->len;
    return 0;
}

static void try_manifest(struct input *in, const struct oci_limits *limits)
{
    struct oci_error err = {.msg = ""};
    struct descriptor d;
    struct manifest m;

    if (manifest_parse(in->data, in->len, "input", limits, &m, &err) < 0)
        return;
    if (m.kind == MANIFEST_INDEX && manifest_select(&m, "input", limits, fetch, in, &d, &err) == 0)
        descriptor_clear(&d);
    manifest_clear(&m);
}

static void try_config(const struct input *in, size_t layers, const struct oci_limits *limits)
{
    static char ref[] = "input";
    struct oci_image image = {.ref = ref, .id = "sha256:0123456789abcdef"};
    struct oci_container *c;
    struct tree *tree;
    struct oci_error err = {.msg = ""};

    if (config_parse(in->data, in->len, "input", layers, limits, &image.config, &err) < 0)
        return;
    tree = tree_new();
    if (tree && oci_container_new(&image, tree, NULL, &c, &err) == 0) {
        oci_runtime_files(tree, c, NULL, &err);
        oci_container_free(c);
    }
    tree_free(tree);
    config_clear(&image.config);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {(const char *)data, size};
    struct oci_limits limits;

    oci_limits_init(&limits);
    try_manifest(&in, &limits);
    for (size_t layers = 0; layers < 3; layers++)
        try_config(&in, layers, &limits);
    return 0;
}
