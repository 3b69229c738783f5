// SPDX-License-Identifier: MIT
/*
 * Virtio over MMIO, both register layouts: legacy (version 1: page numbers, one feature word) and modern (version 2).
 * Devices are named on the command line (virtio_mmio.device=SIZE@ADDR:IRQ, as Linux') or by ACPI.
 * Specification: virtio 1.1, 4.2.
 */
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>

#include "abi/errno.h"
#include "arch/acpi.h"
#include "arch/boot.h"
#include "arch/irq.h"
#include "arch/paging.h"
#include "drivers/virtio.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "mem/slab.h"

#define MMIO_MAGIC 0x74726976u /* "virt" */
#define MAX_DEVICES 32

static u32 reg_read(struct virtio_device *d, u32 reg)
{
    return *(volatile u32 *)(d->regs + reg);
}
static void reg_write(struct virtio_device *d, u32 reg, u32 v)
{
    *(volatile u32 *)(d->regs + reg) = v;
}

static u64 mmio_get_features(struct virtio_device *d)
{
    reg_write(d, VIRTIO_MMIO_DEVICE_FEATURES_SEL, 0);
    u64 f = reg_read(d, VIRTIO_MMIO_DEVICE_FEATURES);
    if (d->legacy)
        return f;
    reg_write(d, VIRTIO_MMIO_DEVICE_FEATURES_SEL, 1);
    return f | (u64)reg_read(d, VIRTIO_MMIO_DEVICE_FEATURES) << 32;
}

static u8 mmio_get_status(struct virtio_device *d)
{
    return (u8)reg_read(d, VIRTIO_MMIO_STATUS);
}
static void mmio_set_status(struct virtio_device *d, u8 status)
{
    reg_write(d, VIRTIO_MMIO_STATUS, status);
}

static int mmio_set_features(struct virtio_device *d, u64 features)
{
    reg_write(d, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 0);
    reg_write(d, VIRTIO_MMIO_DRIVER_FEATURES, (u32)features);
    if (d->legacy) {
        reg_write(d, VIRTIO_MMIO_GUEST_PAGE_SIZE, PAGE_SIZE);
        return 0;
    }
    reg_write(d, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);
    reg_write(d, VIRTIO_MMIO_DRIVER_FEATURES, (u32)(features >> 32));
    mmio_set_status(d, mmio_get_status(d) | VIRTIO_CONFIG_S_FEATURES_OK);
    return mmio_get_status(d) & VIRTIO_CONFIG_S_FEATURES_OK ? 0 : -EINVAL;
}

static void mmio_read_config(struct virtio_device *d, u32 off, void *buf, u32 len)
{
    for (u32 i = 0; i < len; i++)
        ((u8 *)buf)[i] = d->config[off + i];
}

static u32 mmio_queue_max(struct virtio_device *d, u32 index)
{
    reg_write(d, VIRTIO_MMIO_QUEUE_SEL, index);
    return reg_read(d, VIRTIO_MMIO_QUEUE_NUM_MAX);
}

static void write_address(struct virtio_device *d, u32 low, u32 high, const volatile void *p)
{
    paddr_t a = virt_to_phys((const void *)p);
    reg_write(d, low, (u32)a);
    reg_write(d, high, (u32)(a >> 32));
}

static int mmio_queue_enable(struct virtio_device *d, struct virtqueue *q)
{
    reg_write(d, VIRTIO_MMIO_QUEUE_SEL, q->index);
    reg_write(d, VIRTIO_MMIO_QUEUE_NUM, q->size);
    q->notify_addr = d->regs + VIRTIO_MMIO_QUEUE_NOTIFY;
    if (d->legacy) {
        reg_write(d, VIRTIO_MMIO_QUEUE_ALIGN, 64);
        reg_write(d, VIRTIO_MMIO_QUEUE_PFN, (u32)(virt_to_phys((const void *)q->desc) >> PAGE_SHIFT));
        return 0;
    }
    write_address(d, VIRTIO_MMIO_QUEUE_DESC_LOW, VIRTIO_MMIO_QUEUE_DESC_HIGH, q->desc);
    write_address(d, VIRTIO_MMIO_QUEUE_AVAIL_LOW, VIRTIO_MMIO_QUEUE_AVAIL_HIGH, q->avail);
    write_address(d, VIRTIO_MMIO_QUEUE_USED_LOW, VIRTIO_MMIO_QUEUE_USED_HIGH, q->used);
    reg_write(d, VIRTIO_MMIO_QUEUE_READY, 1);
    return 0;
}

static void mmio_notify(struct virtqueue *q)
{
    *(volatile u32 *)q->notify_addr = q->index;
}

static const struct virtio_transport mmio_transport = {
    .get_features = mmio_get_features,
    .set_features = mmio_set_features,
    .get_status = mmio_get_status,
    .set_status = mmio_set_status,
    .read_config = mmio_read_config,
    .queue_max = mmio_queue_max,
    .queue_enable = mmio_queue_enable,
    .notify = mmio_notify,
};

static void mmio_interrupt(void *arg)
{
    struct virtio_device *d = arg;
    u32 status = reg_read(d, VIRTIO_MMIO_INTERRUPT_STATUS);
    if (!status)
        return;
    reg_write(d, VIRTIO_MMIO_INTERRUPT_ACK, status);
    if (d->interrupt)
        d->interrupt(d);
}

static void mmio_found(paddr_t base, u64 size, u32 gsi, void *arg)
{
    (void)arg;
    static paddr_t seen[MAX_DEVICES];
    static u32 count;
    for (u32 i = 0; i < count; i++) {
        if (seen[i] == base)
            return; /* named twice: command line and ACPI */
    }
    volatile u8 *regs = count < MAX_DEVICES ? mmio_map(base, size) : NULL;
    if (!regs || *(volatile u32 *)(regs + VIRTIO_MMIO_MAGIC_VALUE) != MMIO_MAGIC)
        return;
    seen[count++] = base;
    u32 version = *(volatile u32 *)(regs + VIRTIO_MMIO_VERSION), id = *(volatile u32 *)(regs + VIRTIO_MMIO_DEVICE_ID);
    if (id == 0)
        return; /* an empty slot */
    struct virtio_device *d = version == 1 || version == 2 ? kzalloc(sizeof(*d), MEM_WAIT) : NULL;
    if (!d)
        return;
    d->ops = &mmio_transport;
    d->id = id;
    d->legacy = version == 1;
    d->regs = regs;
    d->config = regs + VIRTIO_MMIO_CONFIG;
    d->gsi = gsi;
    int err = irq_register_gsi(gsi, true, false, mmio_interrupt, d, "virtio-mmio");
    if (err) {
        kerr("virtio-mmio at %llx: no interrupt %u (error %d)", (unsigned long long)base, gsi, -err);
        kfree(d);
        return;
    }
    virtio_attach(d);
}

/* "512@0xfeb00e00:12[:id]", size with an optional K. */
static bool parse_device(const char *s, u64 *size, u64 *base, u64 *gsi)
{
    if (str_to_u64(s, 0, size, &s))
        return false;
    if (*s == 'K' || *s == 'k') {
        *size <<= 10;
        s++;
    }
    return *s++ == '@' && !str_to_u64(s, 0, base, &s) && *s++ == ':' && !str_to_u64(s, 0, gsi, &s) && *size >= 0x100 &&
           *size <= 1 << 20;
}

void virtio_mmio_init(void)
{
    char text[64];
    u64 size, base, gsi;
    for (u32 i = 0; boot_option("virtio_mmio.device", i, text, sizeof(text)); i++) {
        if (parse_device(text, &size, &base, &gsi))
            mmio_found(base, size, (u32)gsi, NULL);
        else
            kwarn("command line: virtio_mmio.device=%s is not SIZE@ADDRESS:IRQ", text);
    }
    acpi_for_each_virtio_mmio(mmio_found, NULL);
}
