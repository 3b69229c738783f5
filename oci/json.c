// SPDX-License-Identifier: MIT
/* Checked access to JSON; see json.h. */
#include "oci/json.h"

#include <string.h>

static int fail_type(const struct json_source *src, const char *key, const char *wanted)
{
    return oci_fail(src->err, src->what, src->object, "\"%s\" is not %s", key, wanted);
}

json_t *json_parse(const struct json_source *src, const char *text, size_t len)
{
    json_error_t error;
    json_t *j = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);

    if (!j) {
        oci_fail(src->err, src->what, src->object, "invalid JSON at line %d, column %d: %s", error.line, error.column,
                 error.text);
        return NULL;
    }
    if (!json_is_object(j)) {
        oci_fail(src->err, src->what, src->object, "it is not a JSON object");
        json_decref(j);
        return NULL;
    }
    return j;
}

/* The value of key; NULL when absent or null. */
static const json_t *get(const json_t *in, const char *key)
{
    const json_t *j = json_object_get(in, key);

    return json_is_null(j) ? NULL : j;
}

int json_get_object(const struct json_source *src, const json_t *in, const char *key, const json_t **out)
{
    *out = get(in, key);
    return *out && !json_is_object(*out) ? fail_type(src, key, "an object") : 0;
}

int json_get_array(const struct json_source *src, const json_t *in, const char *key, const json_t **out)
{
    *out = get(in, key);
    return *out && !json_is_array(*out) ? fail_type(src, key, "an array") : 0;
}

int json_get_string(const struct json_source *src, const json_t *in, const char *key, char **out)
{
    const json_t *j = get(in, key);

    if (!j)
        return 0;
    if (!json_is_string(j))
        return fail_type(src, key, "a string");
    free(*out);
    *out = strdup(json_string_value(j));
    return *out ? 0 : oci_fail_memory(src->err, src->what, src->object);
}

int json_get_integer(const struct json_source *src, const json_t *in, const char *key, int64_t *out)
{
    const json_t *j = get(in, key);

    if (j && !json_is_integer(j))
        return fail_type(src, key, "an integer");
    if (j)
        *out = json_integer_value(j);
    return 0;
}

int json_get_bool(const struct json_source *src, const json_t *in, const char *key, bool *out)
{
    const json_t *j = get(in, key);

    if (j && !json_is_boolean(j))
        return fail_type(src, key, "true or false");
    if (j)
        *out = json_is_true(j);
    return 0;
}

static int add(const struct json_source *src, struct oci_list *out, const char *text)
{
    return oci_list_add(out, text) < 0 ? oci_fail_memory(src->err, src->what, src->object) : 0;
}

int json_get_strings(const struct json_source *src, const json_t *in, const char *key, bool one_ok,
                     struct oci_list *out)
{
    const json_t *j = get(in, key), *item;
    size_t n;

    if (!j)
        return 0;
    out->set = true;
    if (one_ok && json_is_string(j))
        return add(src, out, json_string_value(j));
    if (!json_is_array(j))
        return fail_type(src, key, "an array of strings");
    json_array_foreach(j, n, item)
    {
        if (!json_is_string(item))
            return fail_type(src, key, "an array of strings");
        if (add(src, out, json_string_value(item)) < 0)
            return -1;
    }
    return 0;
}

int json_get_keys(const struct json_source *src, const json_t *in, const char *key, struct oci_list *out)
{
    const json_t *j;
    const char *name;
    json_t *value;

    if (json_get_object(src, in, key, &j) < 0)
        return -1;
    if (!j)
        return 0;
    out->set = true;
    json_object_foreach((json_t *)j, name, value)
    {
        if (add(src, out, name) < 0)
            return -1;
    }
    return 0;
}
