/* SPDX-License-Identifier: MIT */
/*
 * What the serve_*.c tests share: names and bytes of the files that fixtures.sh makes.
 * serve_enter() makes $ABI_FIXTURES/<folder> the working directory, so the tests name files as the script does.
 */
#ifndef ABI_SERVE_H
#define ABI_SERVE_H

#include "tests/abi/util.h"

#include <sys/mman.h>

static inline void serve_enter(const char *folder)
{
    const char *root = getenv("ABI_FIXTURES");
    if (chdir(root ? root : "/fixtures") < 0 || chdir(folder) < 0) {
        dprintf(1, "1..0 # SKIP no fixtures (tests/abi/fixtures.sh)\n");
        exit(0);
    }
}

/* Line `off` / 16 of a fixture with this tag; hexadecimal by hand, since every byte of every file passes here. */
static inline void text_line(char line[17], long off, const char *tag)
{
    for (int i = 7; i >= 0; i--, off >>= 4)
        line[i] = "0123456789abcdef"[i == 7 ? 0 : off & 15];
    line[8] = ':';
    memcpy(line + 9, tag, 6);
    line[15] = '\n';
    line[16] = 0;
}

static inline char text_byte(long off, const char *tag)
{
    char line[17];
    text_line(line, off, tag);
    return line[off & 15];
}

static inline int is_text(const char *buf, long off, long len, const char *tag)
{
    char line[17];
    for (long i = 0; i < len;) {
        long in = (off + i) & 15, n = 16 - in < len - i ? 16 - in : len - i;
        text_line(line, off + i, tag);
        if (memcmp(buf + i, line + in, n))
            return 0;
        i += n;
    }
    return 1;
}

static inline int is_zero(const char *buf, long len)
{
    for (long i = 0; i < len; i++)
        if (buf[i])
            return 0;
    return 1;
}

/* True when bytes [off, off + len) of the file are the fixture's. */
static inline int file_text(int fd, long off, long len, const char *tag)
{
    static char buf[1 << 20];
    return pread(fd, buf, len, off) == len && is_text(buf, off, len, tag);
}

static inline int file_zero(int fd, long off, long len)
{
    static char buf[1 << 20];
    memset(buf, 1, len);
    return pread(fd, buf, len, off) == len && is_zero(buf, len);
}

/* True when the whole file is the fixture's text, `size` bytes long. */
static inline int file_whole(const char *path, long size, const char *tag)
{
    int fd = open(path, O_RDONLY);
    int good = fd >= 0 && file_size(path) == size && file_text(fd, 0, size, tag);
    close(fd);
    return good;
}

/* Takes and fills memory, so that pages given back too early get other contents. */
static inline void churn_memory(void)
{
    enum { SIZE = 6 << 20 };
    char *p = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    REQ(p != MAP_FAILED);
    for (long i = 0; i < SIZE; i += 64)
        memset(p + i, 0xaa, 8);
    munmap(p, SIZE);
}

#endif
