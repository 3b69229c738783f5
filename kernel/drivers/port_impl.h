/* SPDX-License-Identifier: MIT */
/* Inside drivers/: what a kind of stream (virtio-console port, UART) implements. Contracts: drivers/port.h. */
#ifndef DRIVERS_PORT_IMPL_H
#define DRIVERS_PORT_IMPL_H

#include "drivers/port.h"

struct port_ops {
    ssize_t (*write)(struct port *p, struct uio *u, bool nonblock);
    ssize_t (*read)(struct port *p, struct uio *u, bool nonblock);
    u32 (*ready)(struct port *p); /* EPOLL* */
    size_t (*unread)(struct port *p);
    int (*drain)(struct port *p, bool interruptible); /* 0, -EINTR */
    void (*write_polled)(struct port *p, const char *s, size_t n);
};
struct port {
    const struct port_ops *ops;
    struct waitq rx_wait, tx_wait;
};
void port_setup(struct port *p, const struct port_ops *ops);
void port_publish(enum port_number nr, struct port *p); /* port_get finds it from now on; interrupts allowed */
void port_list_complete(void);                          /* what is not published now will not come */

#endif
