// SPDX-License-Identifier: MIT
/*
 * Progress on a terminal. Calls come one at a time (struct oci_options says so), perhaps from another thread than the
 * one that clears; by then the library has returned and its threads are gone.
 */
#include "imgtool/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define INTERVAL_MS 80 /* between two updates */

static struct {
    int64_t last_ms;
    bool shown;
} line;

static int64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static bool due(void)
{
    int64_t now = now_ms();

    if (!isatty(STDERR_FILENO) || now - line.last_ms < INTERVAL_MS)
        return false;
    line.last_ms = now;
    return true;
}

static unsigned terminal_width(void)
{
    struct winsize size;

    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col ? size.ws_col : 80;
}

static void show(const char *step, const char *object, uint64_t done, uint64_t total)
{
    char text[512];
    int len = snprintf(text, sizeof(text), "%s", step);

    if (total)
        len += snprintf(text + len, sizeof(text) - (size_t)len, " %3u%%", (unsigned)(done * 100 / total));
    if (total >= 1 << 20)
        len += snprintf(text + len, sizeof(text) - (size_t)len, " of %" PRIu64 " MiB", total >> 20);
    snprintf(text + len, sizeof(text) - (size_t)len, " %.200s", object);
    fprintf(stderr, "\r\033[K%.*s", (int)terminal_width() - 1, text);
    line.shown = true;
}

void progress_oci(void *arg, const struct oci_progress *p)
{
    (void)arg;
    if (due())
        show(p->step, p->object, p->done, p->total);
}

void progress_bytes(uint64_t done, void *arg)
{
    const struct progress_total *t = arg;

    if (due())
        show(t->step, "", done, t->total);
}

void progress_clear(void)
{
    if (line.shown)
        fputs("\r\033[K", stderr);
    line.shown = false;
}
