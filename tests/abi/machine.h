/* SPDX-License-Identifier: MIT */
/* Files that describe the machine: read whole, and looked at by their form. */
#ifndef ABI_MACHINE_H
#define ABI_MACHINE_H

#include "tests/abi/util.h"

#include <ctype.h>

static char text[262144];

/* The file's length, its content in `text`; -1: it cannot be read. */
static inline ssize_t slurp(const char *path)
{
    ssize_t n, at = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    text[0] = 0;
    if (fd < 0)
        return -1;
    while (at < (ssize_t)sizeof text - 1 && (n = read(fd, text + at, sizeof text - 1 - at)) > 0)
        at += n;
    close(fd);
    text[at] = 0;
    return at;
}

/* Behind `name` at the start of a line of `text`; NULL: there is no such line. */
static inline const char *after(const char *name)
{
    size_t n = strlen(name);
    for (const char *p = text; p; p = strchr(p, '\n'), p = p ? p + 1 : NULL)
        if (strncmp(p, name, n) == 0)
            return p + n;
    return NULL;
}

static inline int lines(void)
{
    int n = 0;
    for (const char *p = text; *p; p++)
        n += *p == '\n';
    return n;
}

/* Fields of the line that begins at p, separated by blanks. */
static inline int fields(const char *p)
{
    int n = 0;
    while (p && *p && *p != '\n') {
        while (*p == ' ' || *p == '\t')
            p++;
        if (*p && *p != '\n')
            n++;
        while (*p && *p != '\n' && *p != ' ' && *p != '\t')
            p++;
    }
    return n;
}

/* The file is one line with a number. */
static inline int is_number(const char *path)
{
    char *end;
    if (slurp(path) <= 0)
        return 0;
    (void)strtoll(text, &end, 10);
    return end != text && end[0] == '\n' && end[1] == 0;
}

/* The file is this line. */
static inline int is_line(const char *path, const char *line)
{
    size_t n = strlen(line);
    return slurp(path) == (ssize_t)n + 1 && memcmp(text, line, n) == 0 && text[n] == '\n';
}

/* Each line of `text` is a name and a number. */
static inline int names_and_numbers(void)
{
    for (const char *p = text; *p; p = strchr(p, '\n') + 1) {
        char *end;
        const char *space = strchr(p, ' ');
        if (!strchr(p, '\n') || !space || space > strchr(p, '\n') || fields(p) != 2)
            return 0;
        (void)strtoull(space + 1, &end, 10);
        if (*end != '\n')
            return 0;
    }
    return text[0] != 0;
}

#endif
