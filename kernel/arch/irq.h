/* SPDX-License-Identifier: MIT */
/*
 * Interrupts and timers of the local APIC, routing of the IOAPIC, messages between CPUs. Handlers run with
 * interrupts off and are short; they wake threads.
 */
#ifndef ARCH_IRQ_H
#define ARCH_IRQ_H

#include "lib/types.h"

typedef void (*irq_handler)(void *arg);
/* Routes a global interrupt (GSI) to CPU 0. level/low: as the device says. -ENOSPC, -ENODEV. */
int irq_register_gsi(u32 gsi, bool level, bool active_low, irq_handler fn, void *arg, const char *name);
/* Allocates a vector for MSI/MSI-X; *addr and *data are what the device is to write. -ENOSPC. */
int irq_register_msi(irq_handler fn, void *arg, const char *name, u64 *addr, u32 *data);
/* /proc/interrupts: the idx-th registered source: 0, -ENOENT. counts[MAX_CPUS]. */
int irq_describe(u32 idx, u32 *vector, const char **name, u64 *counts);

void irq_send_resched(u32 id); /* the CPU's current thread gets WORK_RESCHED; wakes it from idle */
void smp_call(u64 cpumask, void (*fn)(void *), void *arg, bool wait); /* not from interrupts; fn in interrupt context */

/* One-shot timer of this CPU at absolute monotonic time; past: at once; NS_FOREVER: off. Interrupts off. */
void timer_hw_program(ns_t when);

void irq_init(void);         /* the boot CPU's local APIC and timer */
u32 smp_count_cpus(void);    /* how many there will be, before they are up (the boot event) */
void smp_start_others(void); /* in a kernel thread: brings the other CPUs up while PID 1 already runs */
void arch_idle(void);        /* sti; hlt unless work is pending; returns after an interrupt */
void arch_poweroff(void) __noreturn;
void arch_reboot(void) __noreturn;

#endif
