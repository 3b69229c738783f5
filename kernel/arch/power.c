// SPDX-License-Identifier: MIT
/*
 * The end of the machine: ACPI S5 or the sleep register, else the ways VMMs understand; at last a triple fault, which
 * ends QEMU under -no-reboot and Firecracker always. The host takes nothing from how the VM ends (it has the exit
 * record), so each way is only tried in turn.
 */
#include "arch/acpi.h"
#include "arch/cpu.h"
#include "arch/irq.h"
#include "arch/paging.h"
#include "arch/smp.h"

#define SLP_EN (1u << 13)
#define KBD_COMMAND 0x64
#define KBD_RESET 0xfe

static void write_byte(u64 address, bool io, u8 v)
{
    if (io) {
        outb((u16)address, v);
        return;
    }
    volatile u8 *reg = mmio_map(address, 1);
    if (reg)
        *reg = v;
}

static __noreturn void triple_fault(void)
{
    struct {
        u16 limit;
        u64 base;
    } __packed none = {0, 0};
    __asm__ volatile("lidt %0; int3" ::"m"(none));
    for (;;)
        __asm__ volatile("cli; hlt");
}

static void settle(void)
{
    for (u32 i = 0; i < 100; i++)
        inb(0x80);
}

void arch_poweroff(void)
{
    irq_disable();
    struct acpi_power p = {0};
    acpi_power_info(&p);
    if (p.s5_found && p.pm1a_control)
        outw(p.pm1a_control, (u16)(p.sleep_type_a << 10 | SLP_EN));
    if (p.s5_found && p.pm1b_control)
        outw(p.pm1b_control, (u16)(p.sleep_type_b << 10 | SLP_EN));
    if (p.s5_found && p.sleep_control)
        write_byte(p.sleep_control, p.sleep_is_io, (u8)(p.sleep_type_a << 2 | 0x20));
    settle();
    arch_reboot();
}

void arch_reboot(void)
{
    irq_disable();
    struct acpi_power p = {0};
    acpi_power_info(&p);
    if (p.reset_address)
        write_byte(p.reset_address, p.reset_is_io, p.reset_value);
    settle();
    outb(KBD_COMMAND, KBD_RESET);
    settle();
    triple_fault();
}
