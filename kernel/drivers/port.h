/* SPDX-License-Identifier: MIT */
/*
 * Byte streams between the guest and the host: the virtio-console ports of boot_contract.h §4, or the UART when there is
 * no virtio-console. Writers block (interruptibly) while the host does not take the data; nothing is lost or reordered.
 */
#ifndef DRIVERS_PORT_H
#define DRIVERS_PORT_H

#include "sched/waitq.h"
#include "vm/uio.h"

struct poll_table;
struct port;

enum port_number { PORT_CTL = 1, PORT_STDIN = 2, PORT_STDOUT = 3, PORT_STDERR = 4, PORT_TTY = 5, PORT_COUNT = 6 };

/* NULL: the machine has no such stream. Waits a moment for the device's list when it is not complete yet. */
struct port *port_get(enum port_number nr);
struct port *port_list_peek(enum port_number nr); /* without waiting */
/* Bytes written (all, unless interrupted or nonblock), -EAGAIN, -EINTR, -EFAULT, -ENOMEM. */
ssize_t port_write(struct port *p, struct uio *u, bool nonblock);
/* Bytes read, 0 at the host's end of file, -EAGAIN, -EINTR, -EFAULT. */
ssize_t port_read(struct port *p, struct uio *u, bool nonblock);
u32 port_poll(struct port *p, struct poll_table *pt); /* EPOLLIN, EPOLLOUT, EPOLLHUP */
size_t port_unread(struct port *p);                   /* FIONREAD */
void port_drain(struct port *p);                      /* until the host has taken everything; killable by nothing */
int port_drain_interruptible(struct port *p);         /* the same for a caller that a signal may free: 0, -EINTR */
/* Panic only: one message by polling, at most about 100 ms. */
void port_write_polled(struct port *p, const char *s, size_t n);

bool port_devices_present(void); /* a virtio-console was found */
void port_uart_init(void);       /* makes PORT_TTY or the three streams over the UART */

#endif
