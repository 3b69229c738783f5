/* SPDX-License-Identifier: MIT */
/*
 * A running virtual machine: a QEMU process and our ends of its ports. QEMU is in a process group of its own (the
 * terminal's signals are ours to forward) and dies with us. Files and sockets are handed over as open descriptors, so
 * there is no temporary directory to leave behind.
 */
#ifndef SLIPWAY_IMGTOOL_GUEST_H
#define SLIPWAY_IMGTOOL_GUEST_H

#include "imgtool/options.h"

#include <sys/types.h>

struct guest_config {
    enum machine machine;
    const char *accel; /* "tcg", with settings of QEMU's behind a comma or without; or "kvm" */
    uint64_t memory;   /* bytes */
    unsigned cpus;
    int kernel_fd;       /* the VM's ELF */
    int initrd_fd;       /* -1: none */
    const char *cmdline; /* "": none */
    bool tty, interactive;
    unsigned debug_port;          /* 0: none */
    const struct oci_list *extra; /* further arguments for QEMU */
};

/* All descriptors are ours, nonblocking and close-on-exec; -1: not there. */
struct guest {
    pid_t pid;
    int pidfd;
    int control, input, output, error; /* with a terminal input and output are one port, error is -1 */
    int uart;                          /* the kernel's log */
    int messages;                      /* QEMU's own standard output and error */
};

int guest_start(const struct guest_config *config, struct guest *g, struct oci_error *err);
/* Kills QEMU if it is still there, waits for it and closes what is open. */
void guest_end(struct guest *g);

/* $SLIPWAY_QEMU, or qemu-system-x86_64 on the PATH. */
const char *guest_qemu(void);
/* fork and exec with PDEATHSIG, own process group, /dev/null as input and `messages` as output and error; keep: the
 * descriptors, up to -1, that survive into the program. -1 with err. */
pid_t guest_spawn(char *const argv[], const int *keep, int messages, struct oci_error *err);

#endif
