/* SPDX-License-Identifier: MIT */
/* Errors carry act, object and cause, in one line; and the habits of ownership the library shares. */
#ifndef SLIPWAY_OCI_ERROR_H
#define SLIPWAY_OCI_ERROR_H

#include "oci/oci.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Fills err with "<what> <object>: <cause>"; control characters become \xNN. */
void oci_error_set(struct oci_error *err, const char *what, const char *object, const char *cause, ...)
    __attribute__((format(printf, 4, 5), cold));
/* "<figure>, the limit is M (--max-x raises it)". field: offset in struct oci_limits. */
void oci_error_set_limit(struct oci_error *err, const char *what, const char *object, size_t field, uint64_t limit,
                         const char *figure, ...) __attribute__((format(printf, 6, 7), cold));

static inline int oci_failed(void)
{
    return -1;
}

/* For `return oci_fail(...)`: its value, -1, is known to whoever (or whatever) reads the caller. */
#define oci_fail(...) (oci_error_set(__VA_ARGS__), oci_failed())
#define oci_fail_limit(...) (oci_error_set_limit(__VA_ARGS__), oci_failed())
#define oci_fail_memory(err, what, object) oci_fail(err, what, object, "out of memory")
/* The cause is the text of an errno. */
#define oci_fail_errno(err, what, object, error) oci_fail(err, what, object, "%s", strerrordesc_np(error))

static inline void oci_cleanup_free(void *p)
{
    free(*(void **)p);
}

static inline void oci_cleanup_close(const int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

static inline void oci_cleanup_fclose(FILE **f)
{
    if (*f)
        fclose(*f);
}

#define AUTO_FREE __attribute__((cleanup(oci_cleanup_free)))
#define AUTO_CLOSE __attribute__((cleanup(oci_cleanup_close)))
#define AUTO_FCLOSE __attribute__((cleanup(oci_cleanup_fclose)))

/* Hands a value out of a variable that would be cleaned up. */
#define TAKE_PTR(p)                \
    ({                             \
        __typeof__(p) take_ = (p); \
        (p) = NULL;                \
        take_;                     \
    })
#define TAKE_FD(fd)       \
    ({                    \
        int take_ = (fd); \
        (fd) = -1;        \
        take_;            \
    })

/* asprintf that returns its string, or NULL when out of memory. */
char *oci_format(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Lists of strings, NULL-terminated once something was appended. -1: out of memory. */
int oci_list_add(struct oci_list *list, const char *text);
/* The list takes the string over, also on failure; NULL counts as out of memory. */
int oci_list_take(struct oci_list *list, char *text);
int oci_list_copy(struct oci_list *to, const struct oci_list *from);
void oci_list_clear(struct oci_list *list);

#endif
