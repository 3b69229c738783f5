/* SPDX-License-Identifier: MIT */
/* Events of inotify as words: "2:MOVED_TO|ISDIR name" for each, with "; " between them. */
#ifndef ABI_INOTIFY_H
#define ABI_INOTIFY_H

#include "tests/abi/util.h"

#include <sys/inotify.h>

static unsigned last_cookie; /* of the last event read that had one */
static int cookies_match;    /* and the one before it with a cookie had the same */

static inline void event_words(const struct inotify_event *e, char *to, size_t size)
{
    static const struct {
        unsigned bit;
        const char *word;
    } words[] = {
        {IN_ACCESS, "ACCESS"},
        {IN_MODIFY, "MODIFY"},
        {IN_ATTRIB, "ATTRIB"},
        {IN_CLOSE_WRITE, "CLOSE_WRITE"},
        {IN_CLOSE_NOWRITE, "CLOSE_NOWRITE"},
        {IN_OPEN, "OPEN"},
        {IN_MOVED_FROM, "MOVED_FROM"},
        {IN_MOVED_TO, "MOVED_TO"},
        {IN_CREATE, "CREATE"},
        {IN_DELETE, "DELETE"},
        {IN_DELETE_SELF, "DELETE_SELF"},
        {IN_MOVE_SELF, "MOVE_SELF"},
        {IN_UNMOUNT, "UNMOUNT"},
        {IN_Q_OVERFLOW, "Q_OVERFLOW"},
        {IN_IGNORED, "IGNORED"},
        {IN_ISDIR, "ISDIR"},
    };
    int n = snprintf(to, size, "%d:", e->wd), first = n;
    for (unsigned i = 0; i < COUNT(words); i++)
        if (e->mask & words[i].bit)
            n += snprintf(to + n, size - n, "%s%s", n > first ? "|" : "", words[i].word);
    snprintf(to + n, size - n, "%s%s", e->len ? " " : "", e->len ? e->name : "");
}

/* What waits in it now, as words; the descriptor does not block. */
static inline const char *take_events(int fd)
{
    static char text[8192], buf[16384] __attribute__((aligned(8)));
    size_t used = 0;
    text[0] = 0;
    for (ssize_t n; (n = read(fd, buf, sizeof buf)) > 0;)
        for (ssize_t at = 0; at < n;) {
            const struct inotify_event *e = (const void *)(buf + at);
            used += snprintf(text + used, sizeof text - used, "%s", used ? "; " : "");
            event_words(e, text + used, sizeof text - used);
            used += strlen(text + used);
            if (e->cookie) {
                cookies_match = e->cookie == last_cookie;
                last_cookie = e->cookie;
            }
            at += sizeof(*e) + e->len;
        }
    return text;
}

static inline int same_events(int fd, const char *want)
{
    const char *got = take_events(fd);
    if (strcmp(got, want) != 0)
        dprintf(1, "# got  '%s'\n# want '%s'\n", got, want);
    return strcmp(got, want) == 0;
}

#endif
