/* SPDX-License-Identifier: MIT */
/* The little JSON of the control port: one flat object a line, with string and integer members. Pure. */
#ifndef DRIVERS_JSON_H
#define DRIVERS_JSON_H

#include "lib/types.h"

/* Member `name` of the flat object `line`. true: found, a string of fewer than `size` bytes without escapes. */
bool json_get_string(const char *line, const char *name, char *out, size_t size);
bool json_get_int(const char *line, const char *name, s64 *out);
/* Appends s as a JSON string (quotes included, escapes made, invalid UTF-8 as U+FFFD) at *at; stops at size - 1. */
void json_put_string(char *buf, size_t size, size_t *at, const char *s);

#endif
