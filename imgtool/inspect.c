// SPDX-License-Identifier: MIT
/* imgtool inspect: what an image is, for people or (--json) for programs. */
#include "imgtool/commands.h"
#include "imgtool/progress.h"
#include "oci/error.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>

/* ---- for programs ------------------------------------------------------------------------------------------ */

static json_t *layer_json(const struct oci_layer *l)
{
    return json_pack("{s:s,s:s,s:s?,s:I,s:I,s:I}", "digest", l->digest, "diffId", l->diff_id, "mediaType",
                     l->media_type, "size", (json_int_t)l->size, "unpackedSize", (json_int_t)l->unpacked_size,
                     "entries", (json_int_t)l->entry_count);
}

static int print_json(const struct oci_image *image, struct oci_error *err)
{
    json_t *layers = json_array(), *root;
    uint64_t size = 0, unpacked = 0;
    int result = -1;

    for (size_t n = 0; n < image->layer_count; n++) {
        json_array_append_new(layers, layer_json(&image->layers[n]));
        size += image->layers[n].size;
        unpacked += image->layers[n].unpacked_size;
    }
    root = json_pack("{s:s,s:s,s:s,s:s?,s:I,s:I,s:o?,s:o}", "reference", image->ref, "digest", image->digest, "id",
                     image->id, "mediaType", image->manifest_type, "size", (json_int_t)size, "unpackedSize",
                     (json_int_t)unpacked, "config", json_loadb(image->config_json, image->config_len, 0, NULL),
                     "layers", layers);
    if (root && json_dumpf(root, stdout, JSON_INDENT(2)) == 0 && putchar('\n') != EOF)
        result = 0;
    json_decref(root);
    return result < 0 ? oci_fail(err, "inspect", image->ref, "the result cannot be written") : 0;
}

/* ---- for people -------------------------------------------------------------------------------------------- */

/* Text of the image's may hold anything; the terminal gets none of its control characters. */
static void print_text(const char *text)
{
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (c < 0x20 || c == 0x7f)
            printf("\\x%02x", c);
        else
            putchar(c);
    }
}

static void print_field(const char *name, const char *value)
{
    if (!value || !*value)
        return;
    printf("%-14s", name);
    print_text(value);
    putchar('\n');
}

/* A list in JSON's spelling, which tells where an item ends. */
static void print_command(const char *name, const struct oci_list *list)
{
    if (!list->set && !list->count)
        return;
    printf("%-14s[", name);
    for (size_t n = 0; n < list->count; n++) {
        json_t *item = json_string(list->items[n]);
        char *text = item ? json_dumps(item, JSON_ENCODE_ANY) : NULL;
        printf("%s%s", n ? ", " : "", text ? text : "?");
        free(text);
        json_decref(item);
    }
    puts("]");
}

static void print_lines(const char *name, const struct oci_list *list)
{
    for (size_t n = 0; n < list->count; n++)
        print_field(n ? "" : name, list->items[n]);
}

static void print_size(uint64_t bytes)
{
    if (bytes >= 1u << 20)
        printf("%.1f MiB", (double)bytes / (1 << 20));
    else if (bytes >= 1u << 10)
        printf("%.1f KiB", (double)bytes / (1 << 10));
    else
        printf("%" PRIu64 " B", bytes);
}

static void print_config(const struct oci_config *c)
{
    printf("%-14s%s/%s%s%s\n", "Platform", c->os ? c->os : "?", c->architecture ? c->architecture : "?",
           c->variant ? "/" : "", c->variant ? c->variant : "");
    print_field("Created", c->created);
    print_field("Author", c->author);
    print_command("Entrypoint", &c->entrypoint);
    print_command("Cmd", &c->cmd);
    print_lines("Env", &c->env);
    print_field("WorkingDir", c->working_dir);
    print_field("User", c->user);
    print_field("Hostname", c->hostname);
    print_field("StopSignal", c->stop_signal);
    print_lines("ExposedPorts", &c->exposed_ports);
    print_lines("Volumes", &c->volumes);
    if (c->healthcheck.set)
        print_command("Healthcheck", &c->healthcheck.test);
    for (size_t n = 0; n < c->label_count; n++) {
        AUTO_FREE char *label = oci_format("%s=%s", c->labels[n].key, c->labels[n].value);
        print_field(n ? "" : "Labels", label);
    }
}

static void print_layers(const struct oci_image *image)
{
    uint64_t size = 0, unpacked = 0, entries = 0;

    for (size_t n = 0; n < image->layer_count; n++) {
        const struct oci_layer *l = &image->layers[n];
        printf("%-14s%s  ", n ? "" : "Layers", l->digest);
        print_size(l->size);
        printf(" (");
        print_size(l->unpacked_size);
        printf(" unpacked, %" PRIu64 " entries)\n", l->entry_count);
        size += l->size;
        unpacked += l->unpacked_size;
        entries += l->entry_count;
    }
    printf("%-14s", "Size");
    print_size(size);
    printf(" (");
    print_size(unpacked);
    printf(" unpacked, %" PRIu64 " entries)\n", entries);
}

static int inspect(const struct command *self, const struct options *o, struct oci_error *err)
{
    struct oci_image *image = NULL;
    int result = oci_pull(&o->oci, o->operands[0], &image, err);

    (void)self;
    if (result == 0)
        result = oci_unpack(image, &o->oci, err);
    progress_clear();
    if (result == 0 && o->json) {
        result = print_json(image, err);
    } else if (result == 0) {
        print_field("Reference", image->ref);
        print_field("Digest", image->digest);
        print_field("ID", image->id);
        print_config(&image->config);
        print_layers(image);
    }
    oci_image_free(image);
    return result;
}

static const struct option_row own[] = {
    {0, "json", OPTION_FLAG, offsetof(struct options, json), NULL, "print JSON"},
    {0},
};
static const struct option_row *const tables[] = {own, options_source, options_common, NULL};

const struct command command_inspect = {
    .name = "inspect",
    .operands = "REF",
    .summary = "print an image's configuration, layers and sizes",
    .tables = tables,
    .min_operands = 1,
    .max_operands = 1,
    .with_limits = true,
    .run = inspect,
};
