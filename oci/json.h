/* SPDX-License-Identifier: MIT */
/*
 * Reading JSON that others wrote: every getter checks the type, takes null as absent (as Go does), and names the field
 * in its error. struct json_source says whose JSON it is.
 */
#ifndef SLIPWAY_OCI_JSON_H
#define SLIPWAY_OCI_JSON_H

#include "oci/error.h"

#include <jansson.h>

struct json_source {
    const char *what;   /* "read manifest" */
    const char *object; /* "sha256:... of docker://..." */
    struct oci_error *err;
};

/* The document, which must be an object; NULL with the error set. Duplicate keys are refused: readers disagree on
 * them. */
json_t *json_parse(const struct json_source *src, const char *text, size_t len);
int json_get_object(const struct json_source *src, const json_t *in, const char *key, const json_t **out);
int json_get_array(const struct json_source *src, const json_t *in, const char *key, const json_t **out);
/* Absent: *out stays NULL. */
int json_get_string(const struct json_source *src, const json_t *in, const char *key, char **out);
/* Absent: *out is left alone. */
int json_get_integer(const struct json_source *src, const json_t *in, const char *key, int64_t *out);
int json_get_bool(const struct json_source *src, const json_t *in, const char *key, bool *out);
/* An array of strings; also a single string where one_ok. */
int json_get_strings(const struct json_source *src, const json_t *in, const char *key, bool one_ok,
                     struct oci_list *out);
/* The keys of an object, in the document's order. */
int json_get_keys(const struct json_source *src, const json_t *in, const char *key, struct oci_list *out);

static inline void json_cleanup(json_t **j)
{
    json_decref(*j);
}
#define AUTO_JSON __attribute__((cleanup(json_cleanup)))

#endif
