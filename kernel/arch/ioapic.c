// SPDX-License-Identifier: MIT
/*
 * IOAPICs: found on first use, in the firmware's tables or at the usual address. All lines are masked
 * until someone asks for them (reset leaves them so).
 */
#include "arch/ioapic.h"
#include "abi/errno.h"
#include "arch/acpi.h"
#include "arch/boot.h"
#include "arch/paging.h"
#include "lib/printf.h"

#define DEFAULT_BASE 0xfec00000ul
#define MAX_IOAPICS 4
#define REG_VERSION 1
#define REG_REDIRECT 0x10
#define ENTRY_LEVEL (1u << 15)
#define ENTRY_LOW (1u << 13)

static struct ioapic {
    volatile u32 *regs;
    paddr_t base;
    u32 first, count;
} ioapics[MAX_IOAPICS];
static u32 ioapic_count;

static u32 ioapic_read(const struct ioapic *io, u32 reg)
{
    io->regs[0] = reg;
    return io->regs[4];
}

static void ioapic_write(const struct ioapic *io, u32 reg, u32 v)
{
    io->regs[0] = reg;
    io->regs[4] = v;
}

void ioapic_add(paddr_t base, u32 first_gsi)
{
    for (u32 i = 0; i < ioapic_count; i++)
        if (ioapics[i].base == base)
            return;
    if (ioapic_count == MAX_IOAPICS)
        return;
    struct ioapic *io = &ioapics[ioapic_count];
    io->regs = mmio_map(base, PAGE_SIZE);
    if (!io->regs)
        return;
    u32 version = ioapic_read(io, REG_VERSION);
    if (version == ~0u)
        return;
    io->base = base;
    io->first = first_gsi;
    io->count = (version >> 16 & 0xff) + 1;
    ioapic_count++;
}

static bool covered(u32 gsi)
{
    for (u32 i = 0; i < ioapic_count; i++)
        if (gsi >= ioapics[i].first && gsi - ioapics[i].first < ioapics[i].count)
            return true;
    return false;
}

void ioapic_discover(u32 gsi)
{
    if (covered(gsi))
        return;
    if (!ioapic_count && !boot_info.rsdp)
        ioapic_add(DEFAULT_BASE, 0); /* right everywhere it was tried, and spares the search for tables */
    if (!covered(gsi))
        firmware_find_ioapics();
    if (!ioapic_count)
        ioapic_add(DEFAULT_BASE, 0);
}

int ioapic_route(u32 gsi, u32 vector, u32 apic_id, bool level, bool active_low)
{
    for (u32 i = 0; i < ioapic_count; i++) {
        const struct ioapic *io = &ioapics[i];
        if (gsi < io->first || gsi - io->first >= io->count)
            continue;
        u32 reg = REG_REDIRECT + 2 * (gsi - io->first);
        ioapic_write(io, reg + 1, apic_id << 24);
        ioapic_write(io, reg, vector | (level ? ENTRY_LEVEL : 0) | (active_low ? ENTRY_LOW : 0));
        return 0;
    }
    return -ENODEV;
}
