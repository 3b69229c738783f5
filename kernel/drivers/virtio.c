// SPDX-License-Identifier: MIT
/*
 * Virtio devices and the split virtqueue. Serialisation is the driver's: every function here that takes a queue is called
 * under the driver's lock, with interrupts off, since the interrupt handler takes it too.
 *
 * The ring's layout is the legacy one in one or more pages (descriptors, available, then used aligned to 64), which
 * modern devices accept as well, since they are given three addresses.
 */
#include "drivers/virtio.h"

#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>

#include "abi/errno.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "mem/slab.h"

#define RING_ALIGN 64u

static const struct virtio_driver *const drivers[] = {&virtio_console_driver, &virtio_rng_driver};

static u32 used_offset(u32 size)
{
    return ALIGN_UP(size * (u32)sizeof(struct vring_desc) + (u32)sizeof(u16) * (3 + size), RING_ALIGN);
}

static u32 ring_bytes(u32 size)
{
    return used_offset(size) + (u32)sizeof(u16) * 3 + size * (u32)sizeof(struct vring_used_elem);
}

static u32 order_of(u32 bytes)
{
    u32 order = 0;
    while ((PAGE_SIZE << order) < bytes)
        order++;
    return order;
}

static void chain_free_list(struct virtqueue *q)
{
    for (u32 i = 0; i < q->size; i++)
        q->desc[i].next = (u16)(i + 1);
    q->free_head = 0;
    q->free_count = (u16)q->size;
}

static struct virtqueue *queue_alloc(struct virtio_device *d, u32 index, u32 size)
{
    struct virtqueue *q = kzalloc(sizeof(*q), MEM_WAIT);
    void **cookies = kcalloc(size, sizeof(void *), MEM_WAIT);
    u8 *ring = pages_alloc(order_of(ring_bytes(size)), MEM_WAIT | MEM_ZERO);
    if (!q || !cookies || !ring) {
        kfree(q);
        kfree(cookies);
        if (ring)
            pages_free(ring, order_of(ring_bytes(size)));
        return NULL;
    }
    q->dev = d;
    q->index = index;
    q->size = size;
    q->cookies = cookies;
    q->desc = (volatile struct vring_desc *)ring;
    q->avail = (volatile struct vring_avail *)(ring + size * sizeof(struct vring_desc));
    q->used = (volatile struct vring_used *)(ring + used_offset(size));
    chain_free_list(q);
    return q;
}

int virtqueue_create(struct virtio_device *d, u32 index, u32 max, struct virtqueue **out)
{
    u32 size = MIN(d->ops->queue_max(d, index), max);
    if (size == 0)
        return -ENODEV;
    struct virtqueue *q = queue_alloc(d, index, size);
    if (!q)
        return -ENOMEM;
    int err = d->ops->queue_enable(d, q);
    if (err)
        return err; /* the device is given up: its rings stay, it may hold their addresses */
    *out = q;
    return 0;
}

int virtqueue_add(struct virtqueue *q, const struct virtio_buf *bufs, u32 n, void *cookie)
{
    if (q->free_count < n)
        return -ENOSPC;
    u16 head = q->free_head, at = head;
    for (u32 i = 0; i < n; i++) {
        volatile struct vring_desc *desc = &q->desc[at];
        bool more = i + 1 < n;
        desc->addr = bufs[i].addr;
        desc->len = bufs[i].len;
        desc->flags = (u16)((more ? VRING_DESC_F_NEXT : 0) | (bufs[i].device_writes ? VRING_DESC_F_WRITE : 0));
        at = desc->next;
    }
    q->free_head = at;
    q->free_count = (u16)(q->free_count - n);
    q->cookies[head] = cookie;
    q->avail->ring[q->next_avail++ & (q->size - 1)] = head;
    __atomic_thread_fence(__ATOMIC_RELEASE);
    q->avail->idx = q->next_avail;
    return 0;
}

void virtqueue_kick(struct virtqueue *q)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (!(q->used->flags & VRING_USED_F_NO_NOTIFY))
        q->dev->ops->notify(q);
}

/* Returns a chain to the free list. The device cannot write descriptors, so `next` can be trusted. */
static void free_chain(struct virtqueue *q, u16 head)
{
    u16 n = 1, at = head;
    while (q->desc[at].flags & VRING_DESC_F_NEXT) {
        at = q->desc[at].next;
        n++;
    }
    q->desc[at].next = q->free_head;
    q->free_head = head;
    q->free_count = (u16)(q->free_count + n);
}

void *virtqueue_take(struct virtqueue *q, u32 *written)
{
    if (q->last_used == q->used->idx)
        return NULL;
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    u32 slot = q->last_used & (q->size - 1), head = q->used->ring[slot].id;
    if (head >= q->size || !q->cookies[head]) {
        kerr("%s: the device returned a descriptor it was not given (%u)", q->dev->name, head);
        q->last_used++;
        return NULL;
    }
    *written = q->used->ring[slot].len;
    q->last_used++;
    void *cookie = q->cookies[head];
    q->cookies[head] = NULL;
    free_chain(q, (u16)head);
    return cookie;
}

void virtqueue_disable_interrupts(struct virtqueue *q)
{
    q->avail->flags = VRING_AVAIL_F_NO_INTERRUPT;
}

bool virtqueue_enable_interrupts(struct virtqueue *q)
{
    q->avail->flags = 0;
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    return q->last_used == q->used->idx;
}

int virtio_negotiate(struct virtio_device *d, u64 wanted)
{
    u64 offered = d->ops->get_features(d);
    if (!d->legacy)
        wanted |= 1ull << VIRTIO_F_VERSION_1;
    d->features = offered & wanted;
    return d->ops->set_features(d, d->features);
}

void virtio_ready(struct virtio_device *d)
{
    d->ops->set_status(d, d->ops->get_status(d) | VIRTIO_CONFIG_S_DRIVER_OK);
}

void virtio_fail(struct virtio_device *d)
{
    d->ops->set_status(d, VIRTIO_CONFIG_S_FAILED);
}

void virtio_attach(struct virtio_device *d)
{
    for (u32 i = 0; i < ARRAY_SIZE(drivers); i++) {
        if (drivers[i]->id != d->id)
            continue;
        d->name = drivers[i]->name;
        d->ops->set_status(d, 0);
        d->ops->set_status(d, VIRTIO_CONFIG_S_ACKNOWLEDGE);
        d->ops->set_status(d, VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER);
        int err = drivers[i]->probe(d);
        if (err) {
            kerr("%s: not started (error %d)", d->name, -err);
            virtio_fail(d); /* d stays: an interrupt may still name it */
        }
        return;
    }
    kinfo("virtio device of type %u: no driver", d->id);
}
