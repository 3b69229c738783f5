/* SPDX-License-Identifier: MIT */
/* Between acpi.c, acpi_aml.c and mptable.c. */
#ifndef ARCH_ACPI_TABLES_H
#define ARCH_ACPI_TABLES_H

#include "lib/types.h"

struct acpi_header {
    char signature[4];
    u32 length;
    u8 revision, checksum;
    char oem[6], oem_table[8];
    u32 oem_revision, creator, creator_revision;
} __packed;
_Static_assert(sizeof(struct acpi_header) == 36, "ACPI table header");

bool firmware_checksum_ok(const void *p, size_t n);
const void *firmware_map(paddr_t p, size_t len); /* NULL: address 0, or no memory */
const void *firmware_scan(paddr_t start, size_t size, const char *signature, size_t n);
const void *firmware_scan_bios(paddr_t bios, const char *signature, size_t n);

const u8 *acpi_dsdt(u32 *len); /* with its header */
bool aml_find_s5(u8 *type_a, u8 *type_b);

void mptable_for_each_cpu(void (*cb)(u32 apic_id, void *arg), void *arg);
void mptable_find_ioapics(void);

#endif
