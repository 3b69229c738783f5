/* SPDX-License-Identifier: MIT */
/*
 * Virtio 1.1 (and legacy 0.9.5) over MMIO and PCI: transports, and the split virtqueue (packed rings are not used).
 *
 * A driver is a row in a const array: device id, probe. A device is found by a transport, reset, handed to the driver's
 * probe, which negotiates features, makes queues and says "ready". Queue operations are serialised by the driver's lock.
 * DMA addresses are physical addresses of the direct map.
 */
#ifndef DRIVERS_VIRTIO_H
#define DRIVERS_VIRTIO_H

#include "arch/spinlock.h"
#include "lib/types.h"

struct virtio_device;
struct virtqueue;

struct virtio_transport {
    u64 (*get_features)(struct virtio_device *d);
    int (*set_features)(struct virtio_device *d, u64 features); /* -EINVAL: refused */
    u8 (*get_status)(struct virtio_device *d);
    void (*set_status)(struct virtio_device *d, u8 status);
    void (*read_config)(struct virtio_device *d, u32 off, void *buf, u32 len);
    /* Largest size of queue `index`, 0: none. */
    u32 (*queue_max)(struct virtio_device *d, u32 index);
    int (*queue_enable)(struct virtio_device *d, struct virtqueue *q);
    void (*notify)(struct virtqueue *q);
};

struct virtio_device {
    const struct virtio_transport *ops;
    u32 id; /* device type */
    bool legacy;
    u64 features;        /* negotiated */
    volatile u8 *regs;   /* MMIO: registers; PCI: common configuration */
    volatile u8 *config; /* device configuration */
    volatile u8 *isr;    /* PCI without MSI-X */
    volatile u8 *notify_base;
    u32 notify_multiplier;
    u32 gsi;
    void (*interrupt)(struct virtio_device *d); /* driver's; interrupts off. Set before virtio_ready */
    void *driver;
    const char *name;
};

struct virtqueue {
    struct virtio_device *dev;
    u32 index, size;
    volatile struct vring_desc *desc;
    volatile struct vring_avail *avail;
    volatile struct vring_used *used;
    volatile void *notify_addr;
    u16 free_head, free_count, next_avail, last_used;
    void **cookies; /* by head descriptor */
};

struct virtio_driver {
    u32 id;
    const char *name;
    int (*probe)(struct virtio_device *d);
};

struct virtio_buf {
    paddr_t addr;
    u32 len;
    bool device_writes;
};

/* Status ACKNOWLEDGE|DRIVER is set already. `wanted` is masked by what the device has; VERSION_1 is added. */
int virtio_negotiate(struct virtio_device *d, u64 wanted);
void virtio_ready(struct virtio_device *d);
void virtio_fail(struct virtio_device *d);
static inline bool virtio_has(const struct virtio_device *d, u32 bit)
{
    return d->features >> bit & 1;
}

/* At most `max` entries (a power of two). -ENODEV: no such queue; -ENOMEM. */
int virtqueue_create(struct virtio_device *d, u32 index, u32 max, struct virtqueue **out);
/* Adds one chain of n buffers. -ENOSPC when the ring is full. The device learns of it by virtqueue_kick. */
int virtqueue_add(struct virtqueue *q, const struct virtio_buf *bufs, u32 n, void *cookie);
void virtqueue_kick(struct virtqueue *q);
/* Next finished chain: its cookie, and the bytes the device wrote; NULL: none. */
void *virtqueue_take(struct virtqueue *q, u32 *written);
static inline bool virtqueue_idle(const struct virtqueue *q) /* the device has finished with all that was added */
{
    return q->free_count == q->size;
}
/* Interrupts for finished buffers. Enabling returns false when some are finished already: take them first. */
void virtqueue_disable_interrupts(struct virtqueue *q);
bool virtqueue_enable_interrupts(struct virtqueue *q);

/* virtio.c: drivers by id; transports hand what they found to it. Takes over d. */
void virtio_attach(struct virtio_device *d);
void virtio_mmio_init(void); /* command line and ACPI */
void virtio_pci_init(void);

extern const struct virtio_driver virtio_console_driver, virtio_rng_driver;

#endif
