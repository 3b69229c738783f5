// SPDX-License-Identifier: MIT
/*
 * PCI: configuration mechanism 1, bus walk, capabilities, BARs, MSI-X. Firmware (SeaBIOS, OVMF) or the VMM has assigned
 * addresses; nothing is assigned here. pci_lock guards the address/data port pair.
 */
#include "drivers/pci.h"

#include <linux/pci_regs.h>

#include "abi/errno.h"
#include "arch/cpu.h"
#include "arch/irq.h"
#include "arch/paging.h"
#include "arch/spinlock.h"

#define PORT_ADDRESS 0xcf8
#define PORT_DATA 0xcfc

static struct spinlock pci_lock = SPINLOCK_INIT(LOCK_PCI);

static u32 address_of(const struct pci_function *f, u32 off)
{
    return 0x80000000u | (u32)f->bus << 16 | (u32)f->dev << 11 | (u32)f->fn << 8 | (off & 0xfc);
}

u32 pci_read32(const struct pci_function *f, u32 off)
{
    u64 flags = spin_lock_irqsave(&pci_lock);
    outl(PORT_ADDRESS, address_of(f, off));
    u32 v = inl(PORT_DATA);
    spin_unlock_irqrestore(&pci_lock, flags);
    return v;
}

u16 pci_read16(const struct pci_function *f, u32 off)
{
    return (u16)(pci_read32(f, off) >> ((off & 2) * 8));
}

u8 pci_read8(const struct pci_function *f, u32 off)
{
    return (u8)(pci_read32(f, off) >> ((off & 3) * 8));
}

void pci_write32(const struct pci_function *f, u32 off, u32 v)
{
    u64 flags = spin_lock_irqsave(&pci_lock);
    outl(PORT_ADDRESS, address_of(f, off));
    outl(PORT_DATA, v);
    spin_unlock_irqrestore(&pci_lock, flags);
}

void pci_write16(const struct pci_function *f, u32 off, u16 v)
{
    u64 flags = spin_lock_irqsave(&pci_lock);
    outl(PORT_ADDRESS, address_of(f, off));
    outw((u16)(PORT_DATA + (off & 2)), v);
    spin_unlock_irqrestore(&pci_lock, flags);
}

static void walk_bus(u8 bus, u32 depth, void (*fn)(const struct pci_function *f, void *arg), void *arg);

/* false: nothing there. */
static bool visit(struct pci_function *f, u32 depth, void (*fn)(const struct pci_function *f, void *arg), void *arg)
{
    u32 id = pci_read32(f, PCI_VENDOR_ID);
    if ((id & 0xffff) == 0xffff || id == 0)
        return false;
    f->vendor = (u16)id;
    f->device = (u16)(id >> 16);
    f->class_code = pci_read32(f, PCI_CLASS_REVISION) >> 8;
    f->subsystem = pci_read16(f, PCI_SUBSYSTEM_ID);
    u8 type = pci_read8(f, PCI_HEADER_TYPE) & 0x7f;
    if (type == PCI_HEADER_TYPE_BRIDGE && depth < 8)
        walk_bus(pci_read8(f, PCI_SECONDARY_BUS), depth + 1, fn, arg);
    else
        fn(f, arg);
    return true;
}

static void walk_bus(u8 bus, u32 depth, void (*fn)(const struct pci_function *f, void *arg), void *arg)
{
    if (depth > 0 && bus == 0)
        return; /* a bridge that nobody configured */
    for (u8 dev = 0; dev < 32; dev++) {
        struct pci_function f = {.bus = bus, .dev = dev};
        if (!visit(&f, depth, fn, arg) || !(pci_read8(&f, PCI_HEADER_TYPE) & 0x80))
            continue;
        for (u8 n = 1; n < 8; n++) {
            struct pci_function g = {.bus = bus, .dev = dev, .fn = n};
            (void)visit(&g, depth, fn, arg);
        }
    }
}

void pci_for_each(void (*fn)(const struct pci_function *f, void *arg), void *arg)
{
    outl(PORT_ADDRESS, 0x80000000u);
    if (inl(PORT_ADDRESS) != 0x80000000u)
        return; /* no such mechanism: no PCI (microvm, Firecracker) */
    walk_bus(0, 0, fn, arg);
}

u8 pci_capability(const struct pci_function *f, u8 from, u8 id)
{
    if (!(pci_read16(f, PCI_STATUS) & PCI_STATUS_CAP_LIST))
        return 0;
    u8 at = from ? pci_read8(f, from + PCI_CAP_LIST_NEXT) : pci_read8(f, PCI_CAPABILITY_LIST);
    for (u32 n = 0; at >= 0x40 && n < 48; n++, at = pci_read8(f, at + PCI_CAP_LIST_NEXT)) {
        at &= 0xfc;
        if (pci_read8(f, at) == id)
            return at;
    }
    return 0;
}

paddr_t pci_bar(const struct pci_function *f, u32 n, u64 *size)
{
    u32 off = PCI_BASE_ADDRESS_0 + n * 4, low = pci_read32(f, off);
    if (n > 5 || low & PCI_BASE_ADDRESS_SPACE_IO)
        return 0;
    bool wide = (low & PCI_BASE_ADDRESS_MEM_TYPE_MASK) == PCI_BASE_ADDRESS_MEM_TYPE_64;
    u64 base = (low & ~0xfu) | (wide ? (u64)pci_read32(f, off + 4) << 32 : 0);
    if (size) {
        u16 command = pci_read16(f, PCI_COMMAND);
        pci_write16(f, PCI_COMMAND, (u16)(command & ~PCI_COMMAND_MEMORY));
        pci_write32(f, off, ~0u);
        u64 mask = pci_read32(f, off) & ~0xfu;
        pci_write32(f, off, low);
        pci_write16(f, PCI_COMMAND, command);
        *size = (u32) - (u32)mask;
    }
    return base;
}

void pci_enable(const struct pci_function *f)
{
    pci_write16(f, PCI_COMMAND, (u16)(pci_read16(f, PCI_COMMAND) | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER));
}

int pci_enable_msix(const struct pci_function *f, void (*fn)(void *), void *arg, const char *name)
{
    u8 cap = pci_capability(f, 0, PCI_CAP_ID_MSIX);
    if (!cap)
        return -ENOENT;
    u32 where = pci_read32(f, cap + PCI_MSIX_TABLE);
    paddr_t bar = pci_bar(f, where & PCI_MSIX_TABLE_BIR, NULL);
    volatile u32 *entry = bar ? mmio_map(bar + (where & PCI_MSIX_TABLE_OFFSET), 16) : NULL;
    if (!entry)
        return -ENOENT;
    u64 addr;
    u32 data;
    int err = irq_register_msi(fn, arg, name, &addr, &data);
    if (err)
        return err;
    entry[0] = (u32)addr;
    entry[1] = (u32)(addr >> 32);
    entry[2] = data;
    entry[3] = 0;
    pci_write16(f, cap + PCI_MSIX_FLAGS, (u16)(pci_read16(f, cap + PCI_MSIX_FLAGS) | PCI_MSIX_FLAGS_ENABLE));
    return 0;
}

u8 pci_interrupt_line(const struct pci_function *f)
{
    return pci_read8(f, PCI_INTERRUPT_PIN) ? pci_read8(f, PCI_INTERRUPT_LINE) : 255;
}
