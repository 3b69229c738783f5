/* SPDX-License-Identifier: MIT */
/* Freestanding string functions. memcpy/memset/memmove pick their routine at boot (arch/copy.c, by trial). */
#ifndef LIB_STRING_H
#define LIB_STRING_H

#include "lib/types.h"

#ifdef SLIPWAY_HOST
#include <string.h>
#else
void *memcpy(void *dst, const void *src, size_t n);
void *memmove(void *dst, const void *src, size_t n);
void *memset(void *dst, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);
void *memchr(const void *s, int c, size_t n);
size_t strlen(const char *s);
size_t strnlen(const char *s, size_t max);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t n);
char *strchr(const char *s, int c);
char *strrchr(const char *s, int c);
char *strstr(const char *h, const char *n);
#endif
/* Copies at most size-1 bytes and always terminates; returns the length of src. */
size_t str_copy(char *dst, const char *src, size_t size);
/* Decimal, 0x hex or 0 octal by prefix when base is 0. 0, -EINVAL, -ERANGE; *end (may be NULL) after the digits. */
int str_to_u64(const char *s, int base, u64 *out, const char **end);

#endif
