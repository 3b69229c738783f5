// SPDX-License-Identifier: MIT
/*
 * The 16550 UART at 0x3f8 as a stream, for machines without virtio-console: one port that is terminal, stdin, stdout and
 * stderr at once. Output is polled (a byte is a VM exit anyway); input comes by interrupt into a ring, and what does not
 * fit is dropped, as on a serial line. uart_lock: interrupts off; it covers the ring.
 */
#include "abi/errno.h"
#include "abi/poll.h"
#include "arch/early_console.h"
#include "arch/irq.h"
#include "drivers/port_impl.h"
#include "lib/printf.h"

#define UART_GSI 4
#define UART_BASE 0x3f8
#define RING_BYTES 1024u

static struct spinlock uart_lock = SPINLOCK_INIT(LOCK_UART);
static u8 ring[RING_BYTES];
static u32 head, tail; /* (uart_lock) free-running */
static struct port uart_port;

static void uart_interrupt(void *arg)
{
    (void)arg;
    int c;
    u64 flags = spin_lock_irqsave(&uart_lock);
    while ((c = early_console_read()) >= 0) {
        if (head - tail < RING_BYTES)
            ring[head++ % RING_BYTES] = (u8)c;
    }
    spin_unlock_irqrestore(&uart_lock, flags);
    waitq_wake_poll(&uart_port.rx_wait, EPOLLIN);
}

static size_t ring_take(u8 *buf, size_t n)
{
    size_t got = 0;
    u64 flags = spin_lock_irqsave(&uart_lock);
    while (got < n && tail != head)
        buf[got++] = ring[tail++ % RING_BYTES];
    spin_unlock_irqrestore(&uart_lock, flags);
    return got;
}

static ssize_t uart_read(struct port *p, struct uio *u, bool nonblock)
{
    u8 buf[256];
    size_t n;
    if (u->resid == 0)
        return 0;
    while ((n = ring_take(buf, MIN(u->resid, sizeof(buf)))) == 0) {
        if (nonblock)
            return -EAGAIN;
        int err = wait_event_interruptible(&p->rx_wait, READ_ONCE(head) != READ_ONCE(tail));
        if (err)
            return err;
    }
    return uio_copy_to(u, buf, n) == n ? (ssize_t)n : -EFAULT;
}

static ssize_t uart_write(struct port *p, struct uio *u, bool nonblock)
{
    char buf[256];
    ssize_t done = 0;
    (void)p, (void)nonblock;
    while (u->resid > 0) {
        size_t want = MIN(u->resid, sizeof(buf)), n = uio_copy_from(u, buf, want);
        early_console_write(buf, n);
        done += (ssize_t)n;
        if (n < want)
            return done ? done : -EFAULT;
        cond_resched();
    }
    return done;
}

static u32 uart_ready(struct port *p)
{
    (void)p;
    return EPOLLOUT | EPOLLWRNORM | (READ_ONCE(head) != READ_ONCE(tail) ? EPOLLIN | EPOLLRDNORM : 0);
}

static size_t uart_unread(struct port *p)
{
    (void)p;
    return READ_ONCE(head) - READ_ONCE(tail);
}

static int uart_drain(struct port *p, bool interruptible)
{
    (void)p, (void)interruptible;
    return 0;
}

static void uart_write_polled(struct port *p, const char *s, size_t n)
{
    (void)p;
    early_console_write(s, n);
}

static const struct port_ops uart_ops = {
    .write = uart_write,
    .read = uart_read,
    .ready = uart_ready,
    .unread = uart_unread,
    .drain = uart_drain,
    .write_polled = uart_write_polled,
};

void port_uart_init(void)
{
    port_setup(&uart_port, &uart_ops);
    early_console_write("", 0); /* its set-up, which switches interrupts off, comes before ours */
    int err = irq_register_gsi(UART_GSI, false, false, uart_interrupt, NULL, "uart");
    if (err) {
        kwarn("uart: no interrupt (error %d), no input", -err);
    } else {
        outb(UART_BASE + 1, 1);   /* receive interrupt; */
        outb(UART_BASE + 4, 0xb); /* OUT2 lets it through, on a PC */
    }
    port_publish(PORT_STDIN, &uart_port);
    port_publish(PORT_STDOUT, &uart_port);
    port_publish(PORT_STDERR, &uart_port);
    port_publish(PORT_TTY, &uart_port);
    port_list_complete();
}
