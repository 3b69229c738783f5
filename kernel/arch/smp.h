/* SPDX-License-Identifier: MIT */
/* Inside arch/: what the local APIC, bring-up and shootdown share. */
#ifndef ARCH_SMP_H
#define ARCH_SMP_H

#include "arch/percpu.h"
#include "lib/types.h"

#define VECTOR_FIRST_DEVICE 0x30
#define VECTOR_LAST_DEVICE 0xef
#define VECTOR_TIMER 0xf0
#define VECTOR_RESCHED 0xf1
#define VECTOR_CALL 0xf2 /* smp_call and TLB shootdown */
#define VECTOR_SPURIOUS 0xff

/* apic.c */
void apic_init_this(void); /* the calling CPU's local APIC: enabled, timer masked */
u32 apic_this_id(void);
void apic_eoi(void);
void apic_send(u32 apic_id, u32 vector);
void apic_send_nmi_others(void);
void apic_send_init(u32 apic_id);
void apic_send_startup(u32 apic_id, u32 page); /* starts at page << 12 */
u32 apic_timer_count(void);                    /* ticks left of the one-shot */
void apic_timer_start(u32 ticks);
void apic_timer_unmask(bool tsc_deadline);
bool apic_is_x2apic(void);

/* timer.c */
void timer_interrupt(bool from_user);
void timer_init_this(void);

/* smp.c */
void smp_stop_others(void);
void smp_call_interrupt(void);
u64 smp_online_mask(void);

/* tlb.c */
void tlb_interrupt(void);
void tlb_enter_idle(void); /* interrupts off */
void tlb_leave_idle(void);

/* thread.c */
void fpu_restore_current(void); /* interrupts off */

#endif
