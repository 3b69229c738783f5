/* SPDX-License-Identifier: MIT */
/* The control port (boot_contract.h §4): records to the host, commands from it, and the end of the machine. */
#ifndef DRIVERS_CONTROL_H
#define DRIVERS_CONTROL_H

#include "lib/types.h"

/* Filled by proc/ and tty/. Process context. */
struct control_ops {
    int (*signal)(int signo); /* to the container's PID 1, as from outside; -ESRCH */
    void (*winsize)(u32 rows, u32 cols);
};
extern struct control_ops control_ops;

void control_init(void); /* starts the command thread */
void control_report_boot(void);
void control_report_pid1(const char *argv0);
/* The container's end. Streams are drained, the record goes out, the machine powers off. Process context. */
void control_exit_code(int code) __attribute__((noreturn));
void control_exit_signal(int signo, bool core) __attribute__((noreturn));
void control_exit_error(int code /* 126, 127 */, const char *error) __attribute__((noreturn));
/* Boot refused: archive damaged, not enough memory. */
void control_fatal(const char *message) __attribute__((noreturn));

#endif
