/* SPDX-License-Identifier: MIT */
/* Inside arch/: the IOAPICs, which turn global interrupt lines (GSI) into vectors. */
#ifndef ARCH_IOAPIC_H
#define ARCH_IOAPIC_H

#include "lib/types.h"

void ioapic_add(paddr_t base, u32 first_gsi); /* from the tables; idempotent */
void ioapic_discover(u32 gsi);                /* before ioapic_route; by the thread that starts the drivers */
int ioapic_route(u32 gsi, u32 vector, u32 apic_id, bool level, bool active_low); /* unmasks; -ENODEV */

#endif
