// SPDX-License-Identifier: MIT
/* /proc/sysrq-trigger: c crashes the kernel, b restarts the machine, o switches it off. Other keys do nothing here. */
#include "arch/irq.h"
#include "drivers/drivers.h"
#include "fs/vfs.h"
#include "lib/printf.h"

static ssize_t trigger(const char *text, size_t n, void *arg)
{
    (void)arg;
    switch (n ? text[0] : 0) {
    case 'c':
        panic("sysrq: a crash was asked for");
    case 'b':
        arch_reboot();
    case 'o':
        arch_poweroff();
    default:
        return (ssize_t)n;
    }
}

void sysrq_init(void)
{
    (void)proc_register("sysrq-trigger", 0200, NULL, trigger, NULL);
}
