// SPDX-License-Identifier: MIT
/* Reading and writing the control port's lines (RFC 8259, the part that boot_contract.h §4 uses). */
#include "drivers/json.h"

#include "lib/printf.h" /* snprintf; libc's on the host */
#include "lib/string.h"

static const char *skip_space(const char *s)
{
    while (*s == ' ' || *s == '\t' || *s == '\r' || *s == '\n')
        s++;
    return s;
}

/* Behind the closing quote of the string that starts at s ('"'); NULL: it does not end. */
static const char *skip_string(const char *s)
{
    for (s++; *s && *s != '"'; s++) {
        if (*s == '\\' && s[1])
            s++;
    }
    return *s ? s + 1 : NULL;
}

static const char *skip_value(const char *s)
{
    if (*s == '"')
        return skip_string(s);
    while (*s && *s != ',' && *s != '}' && *s != '{' && *s != '[')
        s++;
    return *s == '{' || *s == '[' ? NULL : s;
}

/* Start of the value of member `name`; NULL: none, or not a flat object. */
static const char *find_member(const char *line, const char *name)
{
    size_t len = strlen(name);
    const char *s = skip_space(line);
    if (*s++ != '{')
        return NULL;
    for (;;) {
        s = skip_space(s);
        if (*s != '"')
            return NULL;
        const char *key = s + 1, *end = skip_string(s);
        if (!end)
            return NULL;
        s = skip_space(end);
        if (*s++ != ':')
            return NULL;
        s = skip_space(s);
        if ((size_t)(end - 1 - key) == len && memcmp(key, name, len) == 0)
            return s;
        s = skip_value(s);
        if (!s)
            return NULL;
        s = skip_space(s);
        if (*s++ != ',')
            return NULL;
    }
}

bool json_get_string(const char *line, const char *name, char *out, size_t size)
{
    const char *s = find_member(line, name), *end = s && *s == '"' ? skip_string(s) : NULL;
    if (!end || (size_t)(end - s) - 2 >= size)
        return false;
    size_t n = (size_t)(end - s) - 2;
    memcpy(out, s + 1, n);
    out[n] = '\0';
    return memchr(out, '\\', n) == NULL;
}

bool json_get_int(const char *line, const char *name, s64 *out)
{
    const char *s = find_member(line, name), *end;
    bool negative = s && *s == '-';
    u64 v;
    if (!s || str_to_u64(s + negative, 10, &v, &end) || v > INT64_MAX ||
        (*skip_space(end) != ',' && *skip_space(end) != '}'))
        return false;
    *out = negative ? -(s64)v : (s64)v;
    return true;
}

static void put_text(char *buf, size_t size, size_t *at, const char *s)
{
    for (; *s && *at + 1 < size; s++)
        buf[(*at)++] = *s;
    buf[*at] = '\0';
}

/* Length of the valid UTF-8 sequence at s (2..4), 0: not one. */
static u32 utf8_length(const u8 *s)
{
    u32 n = (s[0] & 0xe0) == 0xc0 ? 2 : (s[0] & 0xf0) == 0xe0 ? 3 : (s[0] & 0xf8) == 0xf0 ? 4 : 0;
    if (s[0] == 0xc0 || s[0] == 0xc1 || s[0] > 0xf4)
        return 0;
    for (u32 i = 1; i < n; i++) {
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    }
    if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) || (s[0] == 0xf0 && s[1] < 0x90) ||
        (s[0] == 0xf4 && s[1] > 0x8f))
        return 0;
    return n;
}

void json_put_string(char *buf, size_t size, size_t *at, const char *s)
{
    put_text(buf, size, at, "\"");
    while (*s && *at + 8 < size) {
        char piece[8];
        u8 c = (u8)*s;
        u32 n = 1;
        if (c == '"' || c == '\\') {
            snprintf(piece, sizeof(piece), "\\%c", c);
        } else if (c < 0x20 || c == 0x7f) {
            snprintf(piece, sizeof(piece), "\\u%04x", c);
        } else if (c < 0x80) {
            snprintf(piece, sizeof(piece), "%c", c);
        } else if ((n = utf8_length((const u8 *)s)) > 0) {
            memcpy(piece, s, n);
            piece[n] = '\0';
        } else {
            str_copy(piece, "\\ufffd", sizeof(piece));
            n = 1;
        }
        put_text(buf, size, at, piece);
        s += n;
    }
    put_text(buf, size, at, "\"");
}
