// SPDX-License-Identifier: MIT
/*
 * virtio-rng: asks the host for 64 bytes at boot and whenever the generator wants more; what comes is mixed in, never
 * used directly. One buffer is in flight at a time. rng_lock: interrupts off. Specification: virtio 1.1, 5.4.
 */
#include <linux/virtio_ids.h>

#include "abi/errno.h"
#include "arch/paging.h"
#include "drivers/random.h"
#include "drivers/virtio.h"
#include "mem/slab.h"

#define SEED_BYTES 64

static struct spinlock rng_lock = SPINLOCK_INIT(LOCK_PORT);
static struct virtqueue *rng_queue; /* (rng_lock) */
static u8 *rng_buffer;
static bool rng_busy; /* (rng_lock) */

static void rng_request(void)
{
    u64 flags = spin_lock_irqsave(&rng_lock);
    if (!rng_busy) {
        struct virtio_buf b = {virt_to_phys(rng_buffer), SEED_BYTES, true};
        rng_busy = virtqueue_add(rng_queue, &b, 1, rng_buffer) == 0;
        virtqueue_kick(rng_queue);
    }
    spin_unlock_irqrestore(&rng_lock, flags);
}

static void rng_interrupt(struct virtio_device *d)
{
    (void)d;
    u32 n = 0;
    spin_lock(&rng_lock);
    if (virtqueue_take(rng_queue, &n)) {
        rng_busy = false;
        random_add_entropy(rng_buffer, MIN(n, (u32)SEED_BYTES));
    }
    spin_unlock(&rng_lock);
}

static int rng_probe(struct virtio_device *d)
{
    if (rng_queue)
        return -EBUSY;
    rng_buffer = kmalloc(SEED_BYTES, MEM_WAIT);
    if (!rng_buffer)
        return -ENOMEM;
    int err = virtio_negotiate(d, 0);
    if (!err)
        err = virtqueue_create(d, 0, 8, &rng_queue);
    if (err)
        return err;
    d->interrupt = rng_interrupt;
    virtio_ready(d);
    random_set_source(rng_request);
    return 0;
}

const struct virtio_driver virtio_rng_driver = {VIRTIO_ID_RNG, "virtio-rng", rng_probe};
