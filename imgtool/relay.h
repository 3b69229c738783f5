/* SPDX-License-Identifier: MIT */
/* From a started guest to an exit code: streams, signals, stop, time limit, and what the end means. */
#ifndef SLIPWAY_IMGTOOL_RELAY_H
#define SLIPWAY_IMGTOOL_RELAY_H

#include "imgtool/guest.h"

struct relay_config {
    const char *name; /* of what runs, for messages */
    bool tty, interactive;
    bool show_log; /* the kernel's log to standard error */
    int log_fd;    /* ... and to this file; -1: none */
    int stop_signal;
    int64_t grace_ms;
    int64_t timeout_ms; /* 0: none */
};

/* Blocks the signals it handles; to be called before the guest starts, so that none is lost. */
void relay_prepare(void);
/* Runs until the guest has ended and its output is delivered. The exit code, or -1 with err (the code is 125). */
int relay_run(const struct relay_config *config, struct guest *g, struct oci_error *err);

#endif
