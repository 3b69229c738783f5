/* SPDX-License-Identifier: MIT */
/* Finding devices at boot, and the three streams of PID 1. */
#ifndef DRIVERS_DRIVERS_H
#define DRIVERS_DRIVERS_H

#include "lib/types.h"

struct file;

void drivers_early_init(void); /* random source, UART: needs memory and interrupts only */
void sysrq_init(void);         /* /proc/sysrq-trigger */
void faults_init(void);        /* checked build: /proc/slipway-faults */
void drivers_init(void);       /* virtio devices by command line, ACPI and PCI; control port. Before PID 1 */
/* stdin, stdout, stderr as `docker run` without -t gives them: three pipes to the host. with_stdin false: stdin is at end
 * of file. References in out[]. The terminal (-t) is tty/console.c's. 0, -errno. */
int console_open_stdio(struct file *out[3], bool with_stdin);

#endif
