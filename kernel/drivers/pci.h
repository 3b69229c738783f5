/* SPDX-License-Identifier: MIT */
/* PCI configuration space by ports 0xCF8/0xCFC, and a walk over all functions. Specification: PCI 3.0. */
#ifndef DRIVERS_PCI_H
#define DRIVERS_PCI_H

#include "lib/types.h"

struct pci_function {
    u8 bus, dev, fn;
    u16 vendor, device, subsystem;
    u32 class_code; /* class << 16 | subclass << 8 | interface */
};

u32 pci_read32(const struct pci_function *f, u32 off);
u16 pci_read16(const struct pci_function *f, u32 off);
u8 pci_read8(const struct pci_function *f, u32 off);
void pci_write32(const struct pci_function *f, u32 off, u32 v);
void pci_write16(const struct pci_function *f, u32 off, u16 v);
/* Calls fn for every function found, bridges followed. */
void pci_for_each(void (*fn)(const struct pci_function *f, void *arg), void *arg);
/* Offset of the next capability `id` after `from` (0: the first); 0: none. */
u8 pci_capability(const struct pci_function *f, u8 from, u8 id);
/* Address of memory BAR n; 0: none, I/O, or not assigned. *size may be NULL. */
paddr_t pci_bar(const struct pci_function *f, u32 n, u64 *size);
void pci_enable(const struct pci_function *f); /* memory and bus mastering on */
/* All vectors of MSI-X entry 0 → the handler. -ENOENT: no MSI-X. */
int pci_enable_msix(const struct pci_function *f, void (*fn)(void *), void *arg, const char *name);
u8 pci_interrupt_line(const struct pci_function *f); /* as the firmware set it; 255: none */

#endif
