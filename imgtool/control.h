/* SPDX-License-Identifier: MIT */
/* The host's side of the control port: one JSON object a line (kernel/boot_contract.h, 4). */
#ifndef SLIPWAY_IMGTOOL_CONTROL_H
#define SLIPWAY_IMGTOOL_CONTROL_H

#include "kernel/boot_contract.h"

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum ending { ENDING_NONE, ENDING_CODE, ENDING_SIGNAL, ENDING_PANIC, ENDING_FATAL };

struct control {
    int fd; /* nonblocking; -1: closed */
    char line[SW_CTL_LINE_MAX];
    size_t fill;
    bool overlong; /* the rest of a line that is too long is dropped */
    char out[4 * SW_CTL_LINE_MAX];
    size_t queued;
    /* what the guest has said */
    bool booted, pid1;
    enum ending ending;
    int value;          /* code or signal */
    char message[1024]; /* of an ending; may be empty */
};

void control_open(struct control *c, int fd);
void control_close(struct control *c);
/* Queue a command; one for which there is no room is dropped (the guest has not read for a hundred of them). */
void control_signal(struct control *c, int signo);
void control_stop(struct control *c, int signo, int64_t grace_ms);
void control_winsize(struct control *c, unsigned rows, unsigned cols);
/* One descriptor, or none once closed. */
unsigned control_poll(const struct control *c, struct pollfd *set);
/* Reads and writes what can be now. */
void control_run(struct control *c);

#endif
