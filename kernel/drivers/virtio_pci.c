// SPDX-License-Identifier: MIT
/*
 * Virtio over PCI, the modern layout (virtio 1.1, 4.1): regions found by vendor capabilities. Transitional devices are
 * driven through their modern side. Interrupt by MSI-X entry 0 for everything, else by the INTx line with the ISR byte.
 */
#include <linux/pci_regs.h>
#include <linux/virtio_config.h>
#include <linux/virtio_pci.h>

#include "abi/errno.h"
#include "arch/irq.h"
#include "arch/paging.h"
#include "drivers/pci.h"
#include "drivers/virtio.h"
#include "lib/printf.h"
#include "mem/slab.h"

#define VENDOR_VIRTIO 0x1af4
#define DEVICE_MODERN 0x1040
#define NO_VECTOR 0xffff

static volatile struct virtio_pci_common_cfg *common(struct virtio_device *d)
{
    return (volatile struct virtio_pci_common_cfg *)d->regs;
}

static u64 pci_get_features(struct virtio_device *d)
{
    common(d)->device_feature_select = 0;
    u64 f = common(d)->device_feature;
    common(d)->device_feature_select = 1;
    return f | (u64)common(d)->device_feature << 32;
}

static u8 pci_get_status(struct virtio_device *d)
{
    return common(d)->device_status;
}

static void pci_set_status(struct virtio_device *d, u8 status)
{
    common(d)->device_status = status;
    for (u32 i = 0; status == 0 && common(d)->device_status != 0 && i < 100000; i++) {
    }
}

static int pci_set_features(struct virtio_device *d, u64 features)
{
    common(d)->guest_feature_select = 0;
    common(d)->guest_feature = (u32)features;
    common(d)->guest_feature_select = 1;
    common(d)->guest_feature = (u32)(features >> 32);
    pci_set_status(d, pci_get_status(d) | VIRTIO_CONFIG_S_FEATURES_OK);
    return pci_get_status(d) & VIRTIO_CONFIG_S_FEATURES_OK ? 0 : -EINVAL;
}

static void pci_read_config(struct virtio_device *d, u32 off, void *buf, u32 len)
{
    for (u32 i = 0; i < len; i++)
        ((u8 *)buf)[i] = d->config[off + i];
}

static u32 pci_queue_max(struct virtio_device *d, u32 index)
{
    common(d)->queue_select = (u16)index;
    return common(d)->queue_size;
}

static int pci_queue_enable(struct virtio_device *d, struct virtqueue *q)
{
    volatile struct virtio_pci_common_cfg *c = common(d);
    u64 desc = virt_to_phys((const void *)q->desc), avail = virt_to_phys((const void *)q->avail),
        used = virt_to_phys((const void *)q->used);
    c->queue_select = (u16)q->index;
    c->queue_size = (u16)q->size;
    c->queue_desc_lo = (u32)desc;
    c->queue_desc_hi = (u32)(desc >> 32);
    c->queue_avail_lo = (u32)avail;
    c->queue_avail_hi = (u32)(avail >> 32);
    c->queue_used_lo = (u32)used;
    c->queue_used_hi = (u32)(used >> 32);
    c->queue_msix_vector = d->isr ? NO_VECTOR : 0;
    q->notify_addr = d->notify_base + c->queue_notify_off * d->notify_multiplier;
    c->queue_enable = 1;
    return 0;
}

static void pci_notify(struct virtqueue *q)
{
    *(volatile u16 *)q->notify_addr = (u16)q->index;
}

static const struct virtio_transport pci_transport = {
    .get_features = pci_get_features,
    .set_features = pci_set_features,
    .get_status = pci_get_status,
    .set_status = pci_set_status,
    .read_config = pci_read_config,
    .queue_max = pci_queue_max,
    .queue_enable = pci_queue_enable,
    .notify = pci_notify,
};

static void pci_interrupt(void *arg)
{
    struct virtio_device *d = arg;
    if (d->isr && !*d->isr) /* reading acknowledges */
        return;
    if (d->interrupt)
        d->interrupt(d);
}

/* Maps the region that capability `at` describes. */
static volatile u8 *map_region(const struct pci_function *f, u8 at)
{
    u8 bar = pci_read8(f, at + VIRTIO_PCI_CAP_BAR);
    u32 off = pci_read32(f, at + VIRTIO_PCI_CAP_OFFSET), len = pci_read32(f, at + VIRTIO_PCI_CAP_LENGTH);
    paddr_t base = bar <= 5 ? pci_bar(f, bar, NULL) : 0;
    return base && len ? mmio_map(base + off, len) : NULL;
}

static void map_regions(struct virtio_device *d, const struct pci_function *f)
{
    for (u8 at = 0; (at = pci_capability(f, at, PCI_CAP_ID_VNDR));) {
        switch (pci_read8(f, at + VIRTIO_PCI_CAP_CFG_TYPE)) {
        case VIRTIO_PCI_CAP_COMMON_CFG:
            if (!d->regs)
                d->regs = map_region(f, at);
            break;
        case VIRTIO_PCI_CAP_NOTIFY_CFG:
            if (!d->notify_base) {
                d->notify_base = map_region(f, at);
                d->notify_multiplier = pci_read32(f, at + VIRTIO_PCI_NOTIFY_CAP_MULT);
            }
            break;
        case VIRTIO_PCI_CAP_ISR_CFG:
            if (!d->isr)
                d->isr = map_region(f, at);
            break;
        case VIRTIO_PCI_CAP_DEVICE_CFG:
            if (!d->config)
                d->config = map_region(f, at);
            break;
        default:
            break;
        }
    }
}

static int connect_interrupt(struct virtio_device *d, const struct pci_function *f)
{
    if (pci_enable_msix(f, pci_interrupt, d, "virtio-pci") == 0) {
        d->isr = NULL;
        common(d)->msix_config = NO_VECTOR;
        return 0;
    }
    u8 line = pci_interrupt_line(f);
    if (line == 255 || !d->isr)
        return -ENODEV;
    d->gsi = line;
    return irq_register_gsi(line, true, false, pci_interrupt, d, "virtio-pci");
}

static void pci_found(const struct pci_function *f, void *arg)
{
    (void)arg;
    if (f->vendor != VENDOR_VIRTIO || f->device < 0x1000 || f->device > 0x107f)
        return;
    struct virtio_device *d = kzalloc(sizeof(*d), MEM_WAIT);
    if (!d)
        return;
    d->ops = &pci_transport;
    d->id = f->device >= DEVICE_MODERN ? f->device - DEVICE_MODERN : f->subsystem;
    map_regions(d, f);
    if (!d->regs || !d->notify_base) {
        kwarn("virtio-pci %02x:%02x.%u: no modern interface", f->bus, f->dev, f->fn);
        kfree(d);
        return;
    }
    pci_enable(f);
    if (connect_interrupt(d, f)) {
        kerr("virtio-pci %02x:%02x.%u: no interrupt", f->bus, f->dev, f->fn);
        kfree(d);
        return;
    }
    virtio_attach(d);
}

void virtio_pci_init(void)
{
    pci_for_each(pci_found, NULL);
}
