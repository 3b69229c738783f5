// SPDX-License-Identifier: MIT
/*
 * virtio-console with multiport (virtio 1.1, 5.3): the streams of boot_contract.h §4. Only ports 1..5 get queues.
 *
 * Life of a port: the device names it (PORT_ADD) → READY and OPEN are answered, buffers for input are posted, it is
 * published → the host opens (PORT_OPEN 1): output may flow → the host closes (PORT_OPEN 0): readers see end of file
 * once the queued input is read; writers wait for the next opening.
 *
 * Output: the bytes are copied into a buffer of up to CHUNK bytes, which is given to the device whole; finished buffers
 * are reclaimed by the next writer, and the device interrupts only when somebody waits. At most WINDOW bytes are under
 * way, so a host that does not read stops the writer. Input: RX_BUFFERS pages are posted; a filled one waits in `ready`
 * until it is read, and is posted again.
 *
 * Locks: con_lock, interrupts off, covers all queues and fields; user copies happen outside it: the writer fills its own
 * buffer first, the reader (one at a time, read_lock) copies from the first ready buffer, which only it removes.
 */
#include <linux/virtio_console.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_ring.h>

#include "abi/errno.h"
#include "abi/poll.h"
#include "arch/paging.h"
#include "drivers/port_impl.h"
#include "drivers/virtio.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "mem/slab.h"
#include "sched/mutex.h"

#define QUEUE_SIZE 64
#define CHUNK (32u << 10)
#define WINDOW (128u << 10)
#define RX_BUFFERS 4
#define CONTROL_BUFFERS 16
#define CONTROL_BYTES 64 /* a message and a port's name */

struct buffer {
    struct list link; /* vport.ready */
    u32 len, off;
    u8 *data;
};

struct vport {
    struct port port;
    u32 nr;
    struct virtqueue *rx, *tx; /* (con_lock) */
    bool added, host_open, host_closed;
    struct list ready; /* filled input (con_lock; removed by the reader only) */
    u32 in_flight;     /* bytes of output (con_lock) */
    struct mutex read_lock;
};

static struct spinlock con_lock = SPINLOCK_INIT(LOCK_PORT);
static struct virtio_device *console;
static struct virtqueue *control_rx, *control_tx; /* (con_lock) */
static struct vport vports[PORT_COUNT];

bool port_devices_present(void)
{
    return console != NULL;
}

static struct vport *vport_of(struct port *p)
{
    return container_of(p, struct vport, port);
}

/* ---- control messages (con_lock) ---- */

static void reclaim_control(void)
{
    void *p;
    u32 n;
    while ((p = virtqueue_take(control_tx, &n)))
        kfree(p);
}

static void send_control(u32 id, u16 event, u16 value)
{
    reclaim_control();
    struct virtio_console_control *m = kmalloc(sizeof(*m), MEM_NOWAIT);
    if (!m)
        return;
    *m = (struct virtio_console_control){.id = id, .event = event, .value = value};
    struct virtio_buf b = {virt_to_phys(m), sizeof(*m), false};
    if (virtqueue_add(control_tx, &b, 1, m))
        kfree(m);
}

static void post_control(void *message)
{
    struct virtio_buf b = {virt_to_phys(message), CONTROL_BYTES, true};
    if (virtqueue_add(control_rx, &b, 1, message))
        kfree(message);
}

static void post_input(struct vport *v, struct buffer *buf)
{
    struct virtio_buf b = {virt_to_phys(buf->data), PAGE_SIZE, true};
    if (virtqueue_add(v->rx, &b, 1, buf))
        kerr("virtio-console: input ring of port %u is full", v->nr);
}

static void open_port(struct vport *v)
{
    if (v->added || !v->rx)
        return;
    v->added = true;
    send_control(v->nr, VIRTIO_CONSOLE_PORT_READY, 1);
    send_control(v->nr, VIRTIO_CONSOLE_PORT_OPEN, 1);
    virtqueue_kick(control_tx);
    virtqueue_kick(v->rx);
    port_publish((enum port_number)v->nr, &v->port);
}

static void handle_control(const struct virtio_console_control *m)
{
    struct vport *v = m->id < PORT_COUNT ? &vports[m->id] : NULL;
    if (!v || !v->rx)
        return; /* not one of ours: number 0, or beyond what the device has queues for */
    switch (m->event) {
    case VIRTIO_CONSOLE_PORT_ADD:
        open_port(v);
        break;
    case VIRTIO_CONSOLE_PORT_OPEN:
        v->host_open = m->value != 0;
        v->host_closed = m->value == 0;
        waitq_wake_all(&v->port.rx_wait);
        waitq_wake_all(&v->port.tx_wait);
        break;
    default:
        break; /* names are fixed by number; sizes come by the control port */
    }
}

static void take_control(void)
{
    struct virtio_console_control *m;
    u32 n;
    bool any = false;
    while ((m = virtqueue_take(control_rx, &n))) {
        if (n >= sizeof(*m))
            handle_control(m);
        post_control(m);
        any = true;
    }
    if (any)
        virtqueue_kick(control_rx);
}

/* ---- data (con_lock) ---- */

static void reclaim_output(struct vport *v)
{
    struct buffer *b;
    u32 n;
    while ((b = virtqueue_take(v->tx, &n))) {
        v->in_flight -= b->len;
        kfree(b);
    }
}

static void take_input(struct vport *v)
{
    struct buffer *b;
    u32 n;
    bool any = false;
    while ((b = virtqueue_take(v->rx, &n))) {
        b->len = MIN(n, (u32)PAGE_SIZE);
        b->off = 0;
        list_add_tail(&v->ready, &b->link);
        any = true;
    }
    if (any)
        waitq_wake_poll(&v->port.rx_wait, EPOLLIN);
}

static void console_interrupt(struct virtio_device *d)
{
    (void)d;
    spin_lock(&con_lock);
    for (u32 i = 1; i < PORT_COUNT; i++) {
        struct vport *v = &vports[i];
        if (!v->added)
            continue;
        take_input(v);
        reclaim_output(v);
        if (v->in_flight < WINDOW / 2 && waitq_active(&v->port.tx_wait))
            waitq_wake_poll(&v->port.tx_wait, EPOLLOUT);
    }
    take_control(); /* after the data: a closing comes behind what was sent before it */
    spin_unlock(&con_lock);
}

/* ---- the operations of a port ---- */

/* Room for n more bytes? When not, the device is asked to interrupt on progress. */
static bool has_room(struct vport *v, u32 n)
{
    u64 flags = spin_lock_irqsave(&con_lock);
    bool room = false;
    if (v->host_open) {
        do {
            reclaim_output(v);
            room = v->in_flight + n <= WINDOW && v->tx->free_count > 0;
        } while (!room && !virtqueue_enable_interrupts(v->tx));
        if (room && !waitq_active(&v->port.tx_wait)) /* one who needs more, or drains, still waits for them */
            virtqueue_disable_interrupts(v->tx);
    }
    spin_unlock_irqrestore(&con_lock, flags);
    return room;
}

static bool give_output(struct vport *v, struct buffer *b)
{
    struct virtio_buf vb = {virt_to_phys(b->data), b->len, false};
    u64 flags = spin_lock_irqsave(&con_lock);
    bool given = v->host_open && virtqueue_add(v->tx, &vb, 1, b) == 0;
    if (given) {
        v->in_flight += b->len;
        virtqueue_kick(v->tx);
    }
    spin_unlock_irqrestore(&con_lock, flags);
    return given;
}

static struct buffer *buffer_alloc(u32 size)
{
    struct buffer *b = kmalloc(sizeof(*b) + size, MEM_WAIT);
    if (!b)
        return NULL;
    b->data = (u8 *)(b + 1);
    b->len = b->off = 0;
    return b;
}

/* One chunk: bytes written, or an error. */
static ssize_t write_chunk(struct vport *v, struct uio *u, bool nonblock)
{
    u32 n = (u32)MIN(u->resid, (size_t)CHUNK - sizeof(struct buffer));
    if (!has_room(v, n)) {
        if (nonblock)
            return -EAGAIN;
        int err = wait_event_interruptible(&v->port.tx_wait, has_room(v, n));
        if (err)
            return err;
    }
    struct buffer *b = buffer_alloc(n);
    if (!b)
        return -ENOMEM;
    b->len = (u32)uio_copy_from(u, b->data, n);
    if (b->len == 0) {
        kfree(b);
        return -EFAULT;
    }
    u32 len = b->len; /* b belongs to the device once given */
    while (!give_output(v, b)) {
        int err = wait_event_state(&v->port.tx_wait, has_room(v, len), THREAD_SLEEP_KILL, NS_FOREVER, false);
        if (err) {
            kfree(b);
            return err;
        }
    }
    return len;
}

static ssize_t vport_write(struct port *p, struct uio *u, bool nonblock)
{
    ssize_t done = 0;
    while (u->resid > 0) {
        ssize_t n = write_chunk(vport_of(p), u, nonblock);
        if (n < 0)
            return done ? done : n;
        done += n;
    }
    return done;
}

static struct buffer *first_ready(struct vport *v)
{
    u64 flags = spin_lock_irqsave(&con_lock);
    struct buffer *b = list_empty(&v->ready) ? NULL : list_first(&v->ready, struct buffer, link);
    spin_unlock_irqrestore(&con_lock, flags);
    return b;
}

static void repost(struct vport *v, struct buffer *b)
{
    u64 flags = spin_lock_irqsave(&con_lock);
    list_del(&b->link);
    post_input(v, b);
    virtqueue_kick(v->rx);
    spin_unlock_irqrestore(&con_lock, flags);
}

static bool input_or_end(struct vport *v)
{
    return first_ready(v) || READ_ONCE(v->host_closed);
}

static ssize_t read_ready(struct vport *v, struct uio *u)
{
    ssize_t done = 0;
    struct buffer *b;
    while (u->resid > 0 && (b = first_ready(v))) {
        size_t n = MIN(u->resid, (size_t)(b->len - b->off)), got = uio_copy_to(u, b->data + b->off, n);
        b->off += (u32)got;
        done += (ssize_t)got;
        if (b->off == b->len)
            repost(v, b);
        if (got < n)
            return done ? done : -EFAULT;
    }
    return done;
}

static ssize_t vport_read(struct port *p, struct uio *u, bool nonblock)
{
    struct vport *v = vport_of(p);
    if (u->resid == 0)
        return 0;
    for (;;) {
        if (!input_or_end(v)) {
            if (nonblock)
                return -EAGAIN;
            int err = wait_event_interruptible(&p->rx_wait, input_or_end(v));
            if (err)
                return err;
        }
        int err = mutex_lock_interruptible(&v->read_lock);
        if (err)
            return err;
        ssize_t n = read_ready(v, u);
        bool end = n == 0 && READ_ONCE(v->host_closed) && !first_ready(v);
        mutex_unlock(&v->read_lock);
        if (n != 0 || end)
            return n;
    }
}

static u32 vport_ready(struct port *p)
{
    struct vport *v = vport_of(p);
    u32 events = has_room(v, 1) ? EPOLLOUT | EPOLLWRNORM : 0;
    if (first_ready(v))
        events |= EPOLLIN | EPOLLRDNORM;
    if (READ_ONCE(v->host_closed))
        events |= EPOLLHUP;
    return events;
}

static size_t vport_unread(struct port *p)
{
    struct vport *v = vport_of(p);
    struct buffer *b;
    size_t n = 0;
    u64 flags = spin_lock_irqsave(&con_lock);
    list_for_each (b, &v->ready, link)
        n += b->len - b->off;
    spin_unlock_irqrestore(&con_lock, flags);
    return n;
}

static bool output_done(struct vport *v)
{
    u64 flags = spin_lock_irqsave(&con_lock);
    do
        reclaim_output(v);
    while (v->in_flight > 0 && !virtqueue_enable_interrupts(v->tx));
    bool done = v->in_flight == 0;
    spin_unlock_irqrestore(&con_lock, flags);
    return done;
}

static int vport_drain(struct port *p, bool interruptible)
{
    return wait_event_state(&p->tx_wait, output_done(vport_of(p)),
                            interruptible ? THREAD_SLEEP_INT : THREAD_SLEEP_UNINT, NS_FOREVER, false);
}

/* Panic: the lock may be held by a stopped CPU, so it is not taken. The message's buffer is static. */
static void vport_write_polled(struct port *p, const char *s, size_t n)
{
    static u8 message[512];
    static struct buffer b = {.data = message};
    struct vport *v = vport_of(p);
    n = MIN(n, sizeof(message));
    memcpy(message, s, n);
    b.len = (u32)n;
    struct virtio_buf vb = {virt_to_phys(message), (u32)n, false};
    if (!v->host_open || virtqueue_add(v->tx, &vb, 1, &b))
        return;
    u16 target = v->tx->next_avail;
    v->tx->dev->ops->notify(v->tx);
    for (u32 i = 0; i < 100000 && v->tx->used->idx != target; i++) {
        for (u32 k = 0; k < 100; k++)
            cpu_relax();
    }
}

static const struct port_ops vport_ops = {
    .write = vport_write,
    .read = vport_read,
    .ready = vport_ready,
    .unread = vport_unread,
    .drain = vport_drain,
    .write_polled = vport_write_polled,
};

/* ---- start ---- */

static bool reads(u32 nr)
{
    return nr == PORT_CTL || nr == PORT_STDIN || nr == PORT_TTY;
}

static int fill_input(struct vport *v)
{
    for (u32 i = 0; i < (reads(v->nr) ? RX_BUFFERS : 0u); i++) {
        struct buffer *b = kmalloc(sizeof(*b), MEM_WAIT);
        u8 *page = pages_alloc(0, MEM_WAIT);
        if (!b || !page) {
            kfree(b);
            pages_free(page, 0);
            return -ENOMEM;
        }
        b->data = page;
        post_input(v, b);
    }
    return 0;
}

static int setup_vport(struct virtio_device *d, u32 nr)
{
    struct vport *v = &vports[nr];
    struct virtqueue *rx, *tx;
    port_setup(&v->port, &vport_ops);
    v->nr = nr;
    list_init(&v->ready);
    mutex_init(&v->read_lock, LOCK_TTY);
    int err = virtqueue_create(d, nr * 2 + 2, QUEUE_SIZE, &rx);
    if (!err)
        err = virtqueue_create(d, nr * 2 + 3, QUEUE_SIZE, &tx);
    if (err)
        return err;
    virtqueue_disable_interrupts(tx);
    v->tx = tx;
    v->rx = rx;
    return fill_input(v);
}

static int setup_control(struct virtio_device *d)
{
    int err = virtqueue_create(d, 2, QUEUE_SIZE, &control_rx);
    if (!err)
        err = virtqueue_create(d, 3, QUEUE_SIZE, &control_tx);
    if (err)
        return err;
    virtqueue_disable_interrupts(control_tx);
    for (u32 i = 0; i < CONTROL_BUFFERS; i++) {
        void *m = kmalloc(CONTROL_BYTES, MEM_WAIT);
        if (!m)
            return -ENOMEM;
        post_control(m);
    }
    return 0;
}

static int console_probe(struct virtio_device *d)
{
    if (console)
        return -EBUSY;
    int err = virtio_negotiate(d, 1ull << VIRTIO_CONSOLE_F_MULTIPORT);
    if (err)
        return err;
    if (!virtio_has(d, VIRTIO_CONSOLE_F_MULTIPORT))
        return -ENODEV;
    u32 max = 0;
    d->ops->read_config(d, offsetof(struct virtio_console_config, max_nr_ports), &max, sizeof(max));
    err = setup_control(d);
    for (u32 nr = 1; !err && nr < PORT_COUNT && nr < max; nr++)
        err = setup_vport(d, nr);
    if (err)
        return err;
    d->interrupt = console_interrupt;
    console = d;
    virtio_ready(d);
    u64 flags = spin_lock_irqsave(&con_lock);
    virtqueue_kick(control_rx);
    send_control(VIRTIO_CONSOLE_BAD_ID, VIRTIO_CONSOLE_DEVICE_READY, 1);
    virtqueue_kick(control_tx);
    spin_unlock_irqrestore(&con_lock, flags);
    return 0;
}

const struct virtio_driver virtio_console_driver = {VIRTIO_ID_CONSOLE, "virtio-console", console_probe};
