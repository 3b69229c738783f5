/* SPDX-License-Identifier: MIT */
/*
 * What the firmware's tables say: ACPI when there is a root pointer, else the MP table. Read on first need, never
 * before; the tables stay where the firmware put them, in reserved memory.
 */
#ifndef ARCH_ACPI_H
#define ARCH_ACPI_H

#include "lib/types.h"

/* An ACPI table by its signature, checksummed; NULL: none. `len` of the whole table. Mapped for ever. */
const void *acpi_find(const char signature[4], u32 *len);

/* Devices LNRO0005 of the DSDT (virtio-mmio of QEMU's microvm and Cloud Hypervisor): registers and global interrupt. */
void acpi_for_each_virtio_mmio(void (*cb)(paddr_t base, u64 size, u32 gsi, void *arg), void *arg);
/* PCI's memory-mapped configuration space (MCFG): segment 0. false: none. */
bool acpi_pci_ecam(paddr_t *base, u32 *first_bus, u32 *last_bus);
/* ISA interrupt → GSI, trigger and polarity, by the overrides. */
u32 irq_isa_to_gsi(u32 irq, bool *level, bool *active_low);

/* Both kinds of tables. Enabled CPUs, the boot CPU among them. */
void firmware_for_each_cpu(void (*cb)(u32 apic_id, void *arg), void *arg);
void firmware_find_ioapics(void); /* → ioapic_add */

/* Registers to switch off and to reset; 0: not there. */
struct acpi_power {
    u16 pm1a_control, pm1b_control; /* I/O ports */
    paddr_t sleep_control;          /* hardware-reduced ACPI: a byte register, or its port */
    bool sleep_is_io;
    u8 sleep_type_a, sleep_type_b;
    bool s5_found;
    u64 reset_address;
    bool reset_is_io;
    u8 reset_value;
};
void acpi_power_info(struct acpi_power *p);

#endif
