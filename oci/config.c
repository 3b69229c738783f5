// SPDX-License-Identifier: MIT
/*
 * The image configuration: OCI's and Docker's are the same JSON. Values are kept as they stand (what they mean is
 * decided in container.c); checked are types, the platform, rootfs.type, and that each layer has its diff_id.
 */
#include "oci/config.h"
#include "oci/digest.h"
#include "oci/json.h"
#include "oci/limits.h"

#include <string.h>

static const char WHAT[] = "read config";

static void free_history(struct oci_config *c)
{
    for (size_t n = 0; n < c->history_count; n++) {
        free(c->history[n].created);
        free(c->history[n].created_by);
        free(c->history[n].comment);
        free(c->history[n].author);
    }
    free(c->history);
}

void config_clear(struct oci_config *c)
{
    struct oci_list *lists[] = {&c->entrypoint, &c->cmd,      &c->env,           &c->on_build,        &c->shell,
                                &c->volumes,    &c->diff_ids, &c->exposed_ports, &c->healthcheck.test};
    char *strings[] = {c->created,     c->author, c->architecture, c->os,         c->variant,     c->os_version,
                       c->working_dir, c->user,   c->hostname,     c->domainname, c->stop_signal, c->mac_address};

    for (size_t n = 0; n < sizeof(lists) / sizeof(lists[0]); n++)
        oci_list_clear(lists[n]);
    for (size_t n = 0; n < sizeof(strings) / sizeof(strings[0]); n++)
        free(strings[n]);
    for (size_t n = 0; n < c->label_count; n++) {
        free(c->labels[n].key);
        free(c->labels[n].value);
    }
    free(c->labels);
    free_history(c);
    *c = (struct oci_config){.stop_timeout = -1};
}

/* ---- the parts --------------------------------------------------------------------------------------------- */

static int read_labels(const struct json_source *src, const json_t *j, struct oci_config *c)
{
    const json_t *labels;
    const char *key;
    json_t *value;

    if (json_get_object(src, j, "Labels", &labels) < 0)
        return -1;
    c->labels = calloc(json_object_size(labels) + 1, sizeof(*c->labels));
    if (!c->labels)
        return oci_fail_memory(src->err, src->what, src->object);
    json_object_foreach((json_t *)labels, key, value)
    {
        struct oci_pair *pair = &c->labels[c->label_count++];

        if (!json_is_string(value))
            return oci_fail(src->err, src->what, src->object, "label '%.200s' is not a string", key);
        pair->key = strdup(key);
        pair->value = strdup(json_string_value(value));
        if (!pair->key || !pair->value)
            return oci_fail_memory(src->err, src->what, src->object);
    }
    return 0;
}

static int read_healthcheck(const struct json_source *src, const json_t *j, struct oci_healthcheck *h)
{
    const json_t *check;

    if (json_get_object(src, j, "Healthcheck", &check) < 0)
        return -1;
    h->set = check != NULL;
    if (json_get_strings(src, check, "Test", false, &h->test) < 0 ||
        json_get_integer(src, check, "Interval", &h->interval_ns) < 0 ||
        json_get_integer(src, check, "Timeout", &h->timeout_ns) < 0)
        return -1;
    return json_get_integer(src, check, "StartPeriod", &h->start_period_ns) < 0 ||
                   json_get_integer(src, check, "Retries", &h->retries) < 0
               ? -1
               : 0;
}

static int read_strings(const struct json_source *src, const json_t *j, struct oci_config *c)
{
    const struct {
        const char *key;
        char **out;
    } strings[] = {
        {"User", &c->user},
        {"WorkingDir", &c->working_dir},
        {"Hostname", &c->hostname},
        {"Domainname", &c->domainname},
        {"StopSignal", &c->stop_signal},
        {"MacAddress", &c->mac_address},
    };
    const struct {
        const char *key;
        struct oci_list *out;
    } lists[] = {
        {"Env", &c->env},          {"Entrypoint", &c->entrypoint}, {"Cmd", &c->cmd},
        {"OnBuild", &c->on_build}, {"Shell", &c->shell},
    };

    for (size_t n = 0; n < sizeof(strings) / sizeof(strings[0]); n++) {
        if (json_get_string(src, j, strings[n].key, strings[n].out) < 0)
            return -1;
    }
    for (size_t n = 0; n < sizeof(lists) / sizeof(lists[0]); n++) {
        if (json_get_strings(src, j, lists[n].key, true, lists[n].out) < 0)
            return -1;
    }
    return 0;
}

/* The member "config": what to run. */
static int read_run(const struct json_source *src, const json_t *j, struct oci_config *c)
{
    if (read_strings(src, j, c) < 0)
        return -1;
    if (json_get_keys(src, j, "ExposedPorts", &c->exposed_ports) < 0 ||
        json_get_keys(src, j, "Volumes", &c->volumes) < 0 ||
        json_get_integer(src, j, "StopTimeout", &c->stop_timeout) < 0)
        return -1;
    if (json_get_bool(src, j, "ArgsEscaped", &c->args_escaped) < 0 || json_get_bool(src, j, "Tty", &c->tty) < 0 ||
        json_get_bool(src, j, "OpenStdin", &c->open_stdin) < 0 ||
        json_get_bool(src, j, "NetworkDisabled", &c->network_disabled) < 0)
        return -1;
    return read_labels(src, j, c) < 0 ? -1 : read_healthcheck(src, j, &c->healthcheck);
}

static int read_history(const struct json_source *src, const json_t *j, struct oci_config *c)
{
    const json_t *history;

    if (json_get_array(src, j, "history", &history) < 0)
        return -1;
    c->history = calloc(json_array_size(history) + 1, sizeof(*c->history));
    if (!c->history)
        return oci_fail_memory(src->err, src->what, src->object);
    for (size_t n = 0; n < json_array_size(history); n++) {
        const json_t *item = json_array_get(history, n);
        struct oci_history *h = &c->history[c->history_count++];

        if (!json_is_object(item))
            return oci_fail(src->err, src->what, src->object, "an entry of \"history\" is not an object");
        if (json_get_string(src, item, "created", &h->created) < 0 ||
            json_get_string(src, item, "created_by", &h->created_by) < 0 ||
            json_get_string(src, item, "comment", &h->comment) < 0 ||
            json_get_string(src, item, "author", &h->author) < 0 ||
            json_get_bool(src, item, "empty_layer", &h->empty_layer) < 0)
            return -1;
    }
    return 0;
}

static int read_rootfs(const struct json_source *src, const json_t *j, size_t layer_count, struct oci_config *c)
{
    AUTO_FREE char *type = NULL;
    const json_t *rootfs;

    if (json_get_object(src, j, "rootfs", &rootfs) < 0)
        return -1;
    if (!rootfs)
        return oci_fail(src->err, src->what, src->object, "it has no \"rootfs\"");
    if (json_get_string(src, rootfs, "type", &type) < 0 ||
        json_get_strings(src, rootfs, "diff_ids", false, &c->diff_ids) < 0)
        return -1;
    if (!type || strcmp(type, "layers") != 0)
        return oci_fail(src->err, src->what, src->object, "its rootfs.type is '%.100s', not 'layers'",
                        type ? type : "");
    if (c->diff_ids.count != layer_count)
        return oci_fail(src->err, src->what, src->object, "it has %zu diff_ids, the manifest has %zu layers",
                        c->diff_ids.count, layer_count);
    for (size_t n = 0; n < c->diff_ids.count; n++) {
        const char *cause = digest_check(c->diff_ids.items[n]);
        if (cause)
            return oci_fail(src->err, src->what, src->object, "diff_id '%.200s': %s", c->diff_ids.items[n], cause);
    }
    return 0;
}

static int read_platform(const struct json_source *src, const json_t *j, struct oci_config *c)
{
    if (json_get_string(src, j, "created", &c->created) < 0 || json_get_string(src, j, "author", &c->author) < 0 ||
        json_get_string(src, j, "architecture", &c->architecture) < 0 || json_get_string(src, j, "os", &c->os) < 0 ||
        json_get_string(src, j, "variant", &c->variant) < 0 ||
        json_get_string(src, j, "os.version", &c->os_version) < 0)
        return -1;
    if ((c->os && *c->os && strcmp(c->os, "linux") != 0) ||
        (c->architecture && *c->architecture && strcmp(c->architecture, "amd64") != 0))
        return oci_fail(src->err, src->what, src->object, "the image is for %.50s/%.50s, not linux/amd64",
                        c->os && *c->os ? c->os : "?", c->architecture ? c->architecture : "?");
    return 0;
}

static int parse(const struct json_source *src, const char *json, size_t len, size_t layer_count,
                 const struct oci_limits *limits, struct oci_config *c)
{
    AUTO_JSON json_t *j = NULL;
    const json_t *run;

    if (len > limits->manifest_bytes)
        return oci_fail_limit(src->err, src->what, src->object, OCI_LIMIT(manifest_bytes), limits->manifest_bytes,
                              "it has %zu bytes", len);
    j = json_parse(src, json, len);
    if (!j || read_platform(src, j, c) < 0 || read_rootfs(src, j, layer_count, c) < 0 || read_history(src, j, c) < 0)
        return -1;
    return json_get_object(src, j, "config", &run) < 0 ? -1 : read_run(src, run, c);
}

int config_parse(const char *json, size_t len, const char *source, size_t layer_count, const struct oci_limits *limits,
                 struct oci_config *out, struct oci_error *err)
{
    struct json_source src = {WHAT, source, err};

    *out = (struct oci_config){.stop_timeout = -1};
    if (parse(&src, json, len, layer_count, limits, out) < 0) {
        config_clear(out);
        return -1;
    }
    return 0;
}
