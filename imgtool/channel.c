// SPDX-License-Identifier: MIT
/*
 * Channels; see channel.h. A standard stream that is a pipe or a terminal is opened anew through /proc, which gives us
 * an open file description of our own to make nonblocking. Where that is refused, and poll says it is ready, a pipe
 * takes PIPE_BUF bytes without blocking.
 */
#include "imgtool/channel.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define BUFFER_SIZE (64u << 10)

/* ---- doors ------------------------------------------------------------------------------------------------- */

static int open_anew(int fd, bool for_writing)
{
    char path[32];

    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    return open(path, (for_writing ? O_WRONLY : O_RDONLY) | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

struct door door_open(int fd, bool for_writing)
{
    struct door d = {.fd = fcntl(fd, F_DUPFD_CLOEXEC, 3), .kind = DOOR_PLAIN, .piece = BUFFER_SIZE};
    struct stat st;
    int own;

    if (d.fd < 0 || fstat(fd, &st) < 0 || S_ISREG(st.st_mode))
        return d;
    if (S_ISSOCK(st.st_mode)) {
        d.kind = DOOR_SOCKET;
        return d;
    }
    if (!S_ISFIFO(st.st_mode) && !isatty(fd))
        return d;
    d.piece = PIPE_BUF;
    own = open_anew(fd, for_writing);
    if (own >= 0) {
        close(d.fd);
        d = door_of(own);
    }
    return d;
}

struct door door_of(int fd)
{
    return (struct door){.fd = fd, .kind = DOOR_NONBLOCKING, .piece = BUFFER_SIZE};
}

void door_close(struct door *d)
{
    if (d->fd >= 0)
        close(d->fd);
    d->fd = -1;
}

static ssize_t door_read(const struct door *d, void *to, size_t len)
{
    ssize_t n = d->kind == DOOR_SOCKET ? recv(d->fd, to, len, MSG_DONTWAIT) : read(d->fd, to, len);

    return n < 0 ? -errno : n;
}

static ssize_t door_write(const struct door *d, const void *from, size_t len)
{
    ssize_t n;

    if (d->fd < 0)
        return (ssize_t)len;
    if (len > d->piece)
        len = d->piece;
    n = d->kind == DOOR_SOCKET ? send(d->fd, from, len, MSG_DONTWAIT | MSG_NOSIGNAL) : write(d->fd, from, len);
    return n < 0 ? -errno : n;
}

/* Whether poll would let a plain descriptor through; the others answer for themselves. */
static bool is_ready(const struct door *d, short events)
{
    struct pollfd p = {.fd = d->fd, .events = events};

    return d->kind != DOOR_PLAIN || d->fd < 0 || poll(&p, 1, 0) > 0;
}

static bool is_transient(ssize_t error)
{
    return error == -EAGAIN || error == -EINTR;
}

/* ---- channels ---------------------------------------------------------------------------------------------- */

int channel_open(struct channel *c, struct door from, struct door to)
{
    *c = (struct channel){.from = from, .to = to};
    c->buffer = malloc(BUFFER_SIZE);
    return c->buffer ? 0 : -ENOMEM;
}

unsigned channel_poll(const struct channel *c, struct pollfd *set)
{
    if (c->done)
        return 0;
    if (c->end > c->start)
        *set = (struct pollfd){.fd = c->to.fd, .events = POLLOUT};
    else
        *set = (struct pollfd){.fd = c->from.fd, .events = POLLIN};
    return 1;
}

/* False: nothing there now. */
static bool fill(struct channel *c)
{
    ssize_t n = door_read(&c->from, c->buffer, BUFFER_SIZE);

    if (is_transient(n))
        return false;
    if (n <= 0) { /* an error is an end too: EIO of a terminal that hung up, ECONNRESET of QEMU */
        c->at_end = true;
        return true;
    }
    c->end = (size_t)n;
    if (c->tap)
        c->tap(c->tap_arg, c->buffer, c->end);
    return true;
}

/* Writes until nothing is left or the receiver takes no more. */
static void drain(struct channel *c)
{
    while (c->start < c->end && !c->broken && is_ready(&c->to, POLLOUT)) {
        ssize_t n = door_write(&c->to, c->buffer + c->start, c->end - c->start);

        if (n > 0)
            c->start += (size_t)n;
        else if (is_transient(n))
            return;
        else {
            c->broken = true;
            c->error = n == -ECONNRESET ? EPIPE : (int)-n;
        }
    }
    if (c->start == c->end)
        c->start = c->end = 0;
}

static void forget_receiver(struct channel *c)
{
    door_close(&c->to);
    c->broken = false;
    c->start = c->end = 0;
}

static void finish(struct channel *c)
{
    c->done = true;
    if (c->half_close && c->to.fd >= 0)
        shutdown(c->to.fd, SHUT_WR);
}

void channel_run(struct channel *c)
{
    /* A few rounds, so that one busy stream does not keep the others waiting. */
    for (int round = 0; round < 8 && !c->done; round++) {
        if (!c->end && !c->at_end && (!is_ready(&c->from, POLLIN) || !fill(c)))
            return;
        drain(c);
        if (c->broken && c->must_read)
            forget_receiver(c);
        if (c->broken || (c->at_end && !c->end))
            finish(c);
        else if (c->end)
            return;
    }
}

void channel_close(struct channel *c)
{
    door_close(&c->from);
    door_close(&c->to);
    free(c->buffer);
    c->buffer = NULL;
    c->done = true;
}
