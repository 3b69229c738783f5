// SPDX-License-Identifier: MIT
/*
 * The table of streams, and the generic half of a port. Entries are set once and never taken back, so readers need no
 * lock; port_wait is woken when the table changes.
 */
#include "drivers/port.h"

#include "abi/errno.h"
#include "abi/poll.h"
#include "arch/clock.h"
#include "drivers/port_impl.h"
#include "fs/vfs.h"

#define LIST_WAIT_NS 2000000000ull /* how long a device may take to name its ports */

static struct port *ports[PORT_COUNT];
static bool complete_list;
static struct waitq port_wait = WAITQ_INIT(port_wait);

void port_setup(struct port *p, const struct port_ops *ops)
{
    p->ops = ops;
    waitq_init(&p->rx_wait);
    waitq_init(&p->tx_wait);
}

void port_publish(enum port_number nr, struct port *p)
{
    store_release(&ports[nr], p);
    waitq_wake_all(&port_wait);
}

void port_list_complete(void)
{
    WRITE_ONCE(complete_list, true);
    waitq_wake_all(&port_wait);
}

struct port *port_list_peek(enum port_number nr)
{
    return load_acquire(&ports[nr]);
}

struct port *port_get(enum port_number nr)
{
    struct port *p = load_acquire(&ports[nr]);
    if (p || !port_devices_present())
        return p;
    (void)wait_event_state(&port_wait, load_acquire(&ports[nr]) || READ_ONCE(complete_list), THREAD_SLEEP_UNINT,
                           clock_monotonic() + LIST_WAIT_NS, false);
    return load_acquire(&ports[nr]);
}

ssize_t port_write(struct port *p, struct uio *u, bool nonblock)
{
    return p->ops->write(p, u, nonblock);
}

ssize_t port_read(struct port *p, struct uio *u, bool nonblock)
{
    return p->ops->read(p, u, nonblock);
}

u32 port_poll(struct port *p, struct poll_table *pt)
{
    poll_wait(pt, &p->rx_wait);
    poll_wait(pt, &p->tx_wait);
    return p->ops->ready(p);
}

size_t port_unread(struct port *p)
{
    return p->ops->unread(p);
}

void port_drain(struct port *p)
{
    (void)p->ops->drain(p, false);
}

int port_drain_interruptible(struct port *p)
{
    return p->ops->drain(p, true);
}

void port_write_polled(struct port *p, const char *s, size_t n)
{
    p->ops->write_polled(p, s, n);
}
