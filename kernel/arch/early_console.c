// SPDX-License-Identifier: MIT
/*
 * COM1 by polling. Firmware and VMMs leave it usable, but the line control is set once, at the first byte. A UART that
 * is not there reads 0xff and swallows what is written. Every byte is a VM exit, so nothing is sent by default.
 */
#include "arch/early_console.h"
#include "arch/cpu.h"

#define COM1 0x3f8
#define LSR (COM1 + 5)
#define LSR_DATA 1
#define LSR_EMPTY 0x20

static bool ready;

static void uart_setup(void)
{
    outb(COM1 + 1, 0);    /* no interrupts */
    outb(COM1 + 3, 0x80); /* divisor */
    outb(COM1, 1);        /* 115200 */
    outb(COM1 + 1, 0);
    outb(COM1 + 3, 3); /* 8n1 */
    outb(COM1 + 2, 7); /* FIFO on and empty */
    outb(COM1 + 4, 3); /* DTR RTS */
    ready = true;
}

static void put(char c)
{
    for (u32 i = 0; i < 100000 && !(inb(LSR) & LSR_EMPTY); i++)
        cpu_relax();
    outb(COM1, (u8)c);
}

void early_console_write(const char *s, size_t n)
{
    if (!ready)
        uart_setup();
    for (size_t i = 0; i < n; i++) {
        if (s[i] == '\n')
            put('\r');
        put(s[i]);
    }
}

int early_console_read(void)
{
    u8 status = inb(LSR);
    return status != 0xff && status & LSR_DATA ? inb(COM1) : -1;
}
