// SPDX-License-Identifier: MIT
/* Error messages and string lists; see error.h. */
#include "oci/error.h"

#include <stdarg.h>
#include <string.h>

/* Copies text, escaped, to the end of the message; what does not fit is cut. */
static void append_escaped(struct oci_error *err, const char *text)
{
    size_t at = strlen(err->msg);

    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        bool plain = c >= 0x20 && c != 0x7f;
        size_t need = plain ? 1 : 4;

        if (at + need >= sizeof(err->msg))
            return;
        if (plain)
            err->msg[at] = (char)c;
        else
            snprintf(err->msg + at, need + 1, "\\x%02x", c);
        at += need;
        err->msg[at] = 0;
    }
}

static void fail_text(struct oci_error *err, const char *what, const char *object, const char *cause)
{
    err->msg[0] = 0;
    append_escaped(err, what);
    append_escaped(err, " ");
    append_escaped(err, object);
    append_escaped(err, ": ");
    append_escaped(err, cause);
}

void oci_error_set(struct oci_error *err, const char *what, const char *object, const char *cause, ...)
{
    char text[sizeof(err->msg)];
    va_list ap;

    va_start(ap, cause);
    vsnprintf(text, sizeof(text), cause, ap);
    va_end(ap);
    fail_text(err, what, object, text);
}

void oci_error_set_limit(struct oci_error *err, const char *what, const char *object, size_t field, uint64_t limit,
                         const char *figure, ...)
{
    const struct oci_limit_option *o = oci_limit_options;
    char text[sizeof(err->msg) / 2];
    va_list ap;

    while (o->name && o->offset != field)
        o++;
    va_start(ap, figure);
    vsnprintf(text, sizeof(text), figure, ap);
    va_end(ap);
    oci_error_set(err, what, object, "%s, the limit is %llu (--%s raises it)", text, (unsigned long long)limit,
                  o->name ? o->name : "?");
}

char *oci_format(const char *format, ...)
{
    char *text;
    va_list ap;
    int n;

    va_start(ap, format);
    n = vasprintf(&text, format, ap);
    va_end(ap);
    return n < 0 ? NULL : text;
}

int oci_list_take(struct oci_list *list, char *text)
{
    char **grown = text ? reallocarray(list->items, list->count + 2, sizeof(*grown)) : NULL;

    if (!grown) {
        free(text);
        return -1;
    }
    grown[list->count++] = text;
    grown[list->count] = NULL;
    list->items = grown;
    list->set = true;
    return 0;
}

int oci_list_add(struct oci_list *list, const char *text)
{
    return oci_list_take(list, strdup(text));
}

int oci_list_copy(struct oci_list *to, const struct oci_list *from)
{
    for (size_t n = 0; n < from->count; n++) {
        if (oci_list_add(to, from->items[n]) < 0)
            return -1;
    }
    return 0;
}

void oci_list_clear(struct oci_list *list)
{
    for (size_t n = 0; n < list->count; n++)
        free(list->items[n]);
    free(list->items);
    *list = (struct oci_list){0};
}
