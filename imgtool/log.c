// SPDX-License-Identifier: MIT
/* A ring of bytes; see log.h. */
#include "imgtool/log.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void log_tap(void *arg, const uint8_t *data, size_t len)
{
    struct log *log = arg;

    for (size_t n = 0; n < len; n++)
        log->ring[log->total++ % LOG_SIZE] = (char)data[n];
}

static uint64_t oldest(const struct log *log)
{
    return log->total > LOG_SIZE ? log->total - LOG_SIZE : 0;
}

static char at(const struct log *log, uint64_t n)
{
    return log->ring[n % LOG_SIZE];
}

static int is_text(char c)
{
    return (unsigned char)c > ' ' && c != 0x7f;
}

void log_last_line(const struct log *log, char *line, size_t size)
{
    uint64_t end = log->total, start;
    size_t len = 0;

    while (end > oldest(log) && !is_text(at(log, end - 1)))
        end--;
    for (start = end; start > oldest(log) && at(log, start - 1) != '\n';)
        start--;
    for (; start < end && len + 1 < size; start++)
        if (is_text(at(log, start)) || at(log, start) == ' ')
            line[len++] = at(log, start);
    line[len] = 0;
}

void log_write(const struct log *log, int fd)
{
    for (uint64_t n = oldest(log); n < log->total;) {
        size_t from = n % LOG_SIZE, len = LOG_SIZE - from;
        ssize_t done;

        if (len > log->total - n)
            len = (size_t)(log->total - n);
        done = write(fd, log->ring + from, len);
        if (done <= 0)
            return;
        n += (uint64_t)done;
    }
}
