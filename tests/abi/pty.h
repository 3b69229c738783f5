/* SPDX-License-Identifier: MIT */
/* Pairs of pseudo-terminals for the ABI tests: opening them, their settings, and reading what must come. */
#ifndef ABI_PTY_H
#define ABI_PTY_H

#include "tests/abi/util.h"

#include <asm/termbits.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/statfs.h>

struct pair {
    int m, s; /* master, slave */
    int nr;
};

static inline int open_master(void)
{
    int fd = open("/dev/ptmx", O_RDWR | O_NOCTTY), zero = 0;
    REQ(fd >= 0);
    REQ(ioctl(fd, TIOCSPTLCK, &zero) == 0);
    return fd;
}

static inline int open_slave(int m, int flags)
{
    char name[32];
    unsigned n;
    REQ(ioctl(m, TIOCGPTN, &n) == 0);
    snprintf(name, sizeof name, "/dev/pts/%u", n);
    return open(name, flags | O_NOCTTY);
}

static inline struct pair open_pair(void)
{
    struct pair p = {.m = open_master()};
    REQ(ioctl(p.m, TIOCGPTN, &p.nr) == 0);
    p.s = open_slave(p.m, O_RDWR);
    REQ(p.s >= 0);
    return p;
}

static inline void close_pair(struct pair p)
{
    close(p.s);
    close(p.m);
}

static inline struct termios get_termios(int fd)
{
    struct termios t;
    REQ(ioctl(fd, TCGETS, &t) == 0);
    return t;
}

static inline void set_modes(int fd, unsigned iflag, unsigned oflag, unsigned lflag)
{
    struct termios t = get_termios(fd);
    t.c_iflag = iflag;
    t.c_oflag = oflag;
    t.c_lflag = lflag;
    REQ(ioctl(fd, TCSETS, &t) == 0);
}

static inline void set_char(int fd, int which, int c)
{
    struct termios t = get_termios(fd);
    t.c_cc[which] = (unsigned char)c;
    REQ(ioctl(fd, TCSETS, &t) == 0);
}

static inline void set_raw(int fd)
{
    set_modes(fd, 0, 0, 0);
}

static inline void put(int fd, const char *text)
{
    REQ(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
}

/* What poll says at once. */
static inline int poll_now(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN | POLLOUT | POLLPRI | POLLRDNORM | POLLWRNORM};
    REQ(poll(&p, 1, 0) >= 0);
    return p.revents;
}

/* Waits until the events come: what goes from one side to the other may pass through a worker. */
static inline int poll_wait(int fd, int events)
{
    struct pollfd p = {.fd = fd, .events = (short)events};
    REQ(poll(&p, 1, 10000) >= 0);
    return p.revents;
}

/* Exactly this text comes, in one read or in several, and no more. */
static inline int gets_text(int fd, const char *text)
{
    char buf[256];
    size_t n = 0, want = strlen(text);
    while (n < want && (poll_wait(fd, POLLIN) & POLLIN)) {
        ssize_t r = read(fd, buf + n, sizeof buf - n);
        if (r <= 0)
            break;
        n += (size_t)r;
    }
    if (n == want && memcmp(buf, text, n) == 0 && !(poll_now(fd) & POLLIN))
        return 1;
    dprintf(1, "# got %zu bytes:", n);
    for (size_t i = 0; i < n; i++)
        dprintf(1, buf[i] > ' ' && buf[i] < 127 ? " %c" : " %02x", (unsigned char)buf[i]);
    dprintf(1, "\n");
    return 0;
}

/* One read gives exactly this. */
static inline int reads(int fd, const char *text)
{
    char buf[256];
    ssize_t n = read(fd, buf, sizeof buf);
    return n == (ssize_t)strlen(text) && memcmp(buf, text, (size_t)n) == 0;
}

/* The calling process becomes the leader of a session whose terminal is fd. */
static inline void lead_session(int fd)
{
    REQ(setsid() == getpid());
    REQ(ioctl(fd, TIOCSCTTY, 0) == 0);
}

#endif
