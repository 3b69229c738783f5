/* SPDX-License-Identifier: MIT */
/* The last kilobytes of a text stream: what to say when a guest or QEMU ends without a word. */
#ifndef SLIPWAY_IMGTOOL_LOG_H
#define SLIPWAY_IMGTOOL_LOG_H

#include <stddef.h>
#include <stdint.h>

#define LOG_SIZE (32u << 10)

struct log {
    char ring[LOG_SIZE];
    uint64_t total;
};

/* For struct channel's tap. */
void log_tap(void *arg, const uint8_t *data, size_t len);
/* The last line that is not blank, without control characters; "" when there is none. */
void log_last_line(const struct log *log, char *line, size_t size);
/* Writes everything that is left to fd. */
void log_write(const struct log *log, int fd);

#endif
