/* SPDX-License-Identifier: MIT */
/*
 * Moving bytes between our own standard streams and the guest's ports without ever blocking, losing or hoarding: a
 * channel holds at most one buffer, and while that is full the sender waits.
 */
#ifndef SLIPWAY_IMGTOOL_CHANNEL_H
#define SLIPWAY_IMGTOOL_CHANNEL_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* One end. Standard streams are shared with other processes, so O_NONBLOCK must not be set on them. */
struct door {
    int fd; /* -1: nothing there; what is written vanishes */
    enum door_kind {
        DOOR_NONBLOCKING, /* ours alone, or opened anew for us */
        DOOR_SOCKET,      /* shared: MSG_DONTWAIT */
        DOOR_PLAIN,       /* a file or a device: is always ready, or ready for a small piece */
    } kind;
    size_t piece; /* largest write that does not block when poll says ready */
};

/* A door to a standard stream; the stream itself stays open and as it is. */
struct door door_open(int fd, bool for_writing);
/* A door to a descriptor of ours, which is nonblocking. */
struct door door_of(int fd);
void door_close(struct door *d);

struct channel {
    struct door from, to;
    uint8_t *buffer;
    size_t start, end; /* unwritten bytes */
    bool at_end;       /* no more will come */
    bool broken;       /* the receiver is gone, or refuses: */
    int error;         /* why; EPIPE: it is gone */
    bool must_read;    /* a receiver that is gone is no reason to stop reading */
    bool half_close;   /* at the end shut the receiving socket's direction down */
    bool done;
    void (*tap)(void *arg, const uint8_t *data, size_t len); /* sees everything that was read; may be NULL */
    void *tap_arg;
};

int channel_open(struct channel *c, struct door from, struct door to);
/* Adds what the channel waits for to the poll set (0 to 2 descriptors); returns how many. */
unsigned channel_poll(const struct channel *c, struct pollfd *set);
/* Moves what can be moved now. */
void channel_run(struct channel *c);
/* Closes both doors that channel_open was given. */
void channel_close(struct channel *c);

#endif
