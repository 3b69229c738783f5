// SPDX-License-Identifier: MIT
/* The limits' names and defaults, in one table. */
#include "oci/limits.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

const struct oci_limit_option oci_limit_options[] = {
    {"max-manifest", "bytes of one manifest, index or config", OCI_LIMIT(manifest_bytes), 4 << 20},
    {"max-nesting", "indexes inside indexes", OCI_LIMIT(nesting), 8},
    {"max-layers", "layers of an image", OCI_LIMIT(layers), 512},
    {"max-entries", "files, directories and links of all layers together", OCI_LIMIT(entries), 2000000},
    {"max-path", "bytes of a path", OCI_LIMIT(path_bytes), 4095},
    {"max-output", "bytes of all layers, uncompressed", OCI_LIMIT(output_bytes), 8ull << 30},
    {0},
};

static uint64_t *field_of(struct oci_limits *limits, const struct oci_limit_option *o)
{
    return (uint64_t *)((char *)limits + o->offset);
}

void oci_limits_init(struct oci_limits *limits)
{
    for (const struct oci_limit_option *o = oci_limit_options; o->name; o++)
        *field_of(limits, o) = o->value;
}

int oci_limit_parse(const char *value, uint64_t *out)
{
    static const char units[] = "bkmgt";
    unsigned shift = 0;
    uint64_t n = 0;
    const char *p = value;

    if (!isdigit((unsigned char)*p))
        return -1;
    for (; isdigit((unsigned char)*p); p++) {
        if (__builtin_mul_overflow(n, 10u, &n) || __builtin_add_overflow(n, (unsigned)(*p - '0'), &n))
            return -1;
    }
    if (*p) {
        const char *unit = strchr(units, tolower((unsigned char)*p));
        if (!unit || p[1])
            return -1;
        shift = 10 * (unsigned)(unit - units);
    }
    if (shift && n > UINT64_MAX >> shift)
        return -1;
    *out = n << shift;
    return 0;
}
