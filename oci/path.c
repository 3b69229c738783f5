// SPDX-License-Identifier: MIT
/* Paths as text; see path.h. */
#include "oci/path.h"

#include <stdlib.h>
#include <string.h>

const char *path_next(const char **path, size_t *len)
{
    const char *p = *path;

    do {
        p += strspn(p, "/");
        *len = strcspn(p, "/");
        *path = p + *len;
        if (*len == 0)
            return NULL;
        if (*len != 1 || *p != '.')
            return p;
        p = *path;
    } while (1);
}

char *path_clean(const char *path)
{
    char *out = malloc(strlen(path) + 2), *end = out;
    const char *part;
    size_t len;

    if (!out)
        return NULL;
    while ((part = path_next(&path, &len))) {
        if (len == 2 && part[0] == '.' && part[1] == '.') {
            while (end > out && *--end != '/')
                ;
            continue;
        }
        *end++ = '/';
        memcpy(end, part, len);
        end += len;
    }
    if (end == out)
        *end++ = '/';
    *end = 0;
    return out;
}
