// SPDX-License-Identifier: MIT
/*
 * Interrupt vectors: who gets which. Device vectors are handed out upwards and never given back; all device interrupts
 * go to CPU 0, where handlers only wake threads. Handlers run with interrupts off.
 */
#include "arch/irq.h"
#include "abi/errno.h"
#include "arch/cpu.h"
#include "arch/hooks.h"
#include "arch/ioapic.h"
#include "arch/smp.h"
#include "arch/spinlock.h"
#include "arch/thread.h"
#include "lib/printf.h"

#define DEVICE_VECTORS (VECTOR_LAST_DEVICE - VECTOR_FIRST_DEVICE + 1)
#define MSI_ADDRESS 0xfee00000ul

struct irq_source {
    irq_handler fn;
    void *arg;
    const char *name;
    u32 gsi;                 /* (u32)-1: message */
    struct irq_source *next; /* another device on the same line */
    u64 counts[MAX_CPUS];
};

static struct spinlock lock = SPINLOCK_INIT(LOCK_IOAPIC);
static struct irq_source *sources[DEVICE_VECTORS]; /* (lock) written once; read by the interrupt without it */
static u32 used;                                   /* (lock) vectors handed out */

/* The arch's own sources, for /proc/interrupts. */
static struct irq_source timer_source = {.name = "timer"}, resched_source = {.name = "resched"},
                         call_source = {.name = "call"};
static struct irq_source *const own[] = {&timer_source, &resched_source, &call_source};
static const u32 own_vectors[] = {VECTOR_TIMER, VECTOR_RESCHED, VECTOR_CALL};

static struct irq_source *source_new(irq_handler fn, void *arg, const char *name, u32 gsi)
{
    struct irq_source *s = hook_alloc(sizeof(*s));
    if (!s)
        return NULL;
    s->fn = fn;
    s->arg = arg;
    s->name = name;
    s->gsi = gsi;
    return s;
}

/* Joins a line that has a vector, or takes the next vector. Its index, or -ENOSPC. (lock) */
static int source_place(struct irq_source *s)
{
    for (u32 i = 0; s->gsi != (u32)-1 && i < used; i++) {
        if (sources[i]->gsi == s->gsi) {
            s->next = sources[i]->next;
            store_release(&sources[i]->next, s);
            return (int)i;
        }
    }
    if (used == DEVICE_VECTORS)
        return -ENOSPC;
    store_release(&sources[used], s);
    return (int)used++;
}

int irq_register_gsi(u32 gsi, bool level, bool active_low, irq_handler fn, void *arg, const char *name)
{
    struct irq_source *s = source_new(fn, arg, name, gsi);
    if (!s)
        return -ENOMEM;
    ioapic_discover(gsi);
    u64 flags = spin_lock_irqsave(&lock);
    int index = source_place(s);
    int err = index < 0
                  ? index
                  : ioapic_route(gsi, VECTOR_FIRST_DEVICE + (u32)index, percpu_area[0].apic_id, level, active_low);
    spin_unlock_irqrestore(&lock, flags);
    return err;
}

int irq_register_msi(irq_handler fn, void *arg, const char *name, u64 *addr, u32 *data)
{
    struct irq_source *s = source_new(fn, arg, name, (u32)-1);
    if (!s)
        return -ENOMEM;
    u64 flags = spin_lock_irqsave(&lock);
    int index = source_place(s);
    spin_unlock_irqrestore(&lock, flags);
    if (index < 0) {
        hook_free(s);
        return index;
    }
    *addr = MSI_ADDRESS | percpu_area[0].apic_id << 12;
    *data = VECTOR_FIRST_DEVICE + (u32)index;
    return 0;
}

int irq_describe(u32 idx, u32 *vector, const char **name, u64 *counts)
{
    const struct irq_source *s;
    if (idx < ARRAY_SIZE(own)) {
        s = own[idx];
        *vector = own_vectors[idx];
    } else {
        u32 i = idx - (u32)ARRAY_SIZE(own);
        if (i >= READ_ONCE(used))
            return -ENOENT;
        s = sources[i];
        *vector = s->gsi == (u32)-1 ? VECTOR_FIRST_DEVICE + i : s->gsi;
    }
    *name = s->name;
    for (u32 i = 0; i < MAX_CPUS; i++)
        counts[i] = s->counts[i];
    return 0;
}

static void device_interrupt(u32 vector, u32 id)
{
    struct irq_source *s = load_acquire(&sources[vector - VECTOR_FIRST_DEVICE]);
    if (!s)
        return;
    s->counts[id]++;
    for (; s; s = load_acquire(&s->next))
        s->fn(s->arg);
}

static void resched_interrupt(void)
{
    struct arch_thread *t = (struct arch_thread *)current_thread();
    atomic_or(&t->work, WORK_RESCHED);
    hook_resched_ipi();
}

void irq_dispatch(struct trapframe *f);
void irq_dispatch(struct trapframe *f)
{
    u32 vector = (u32)f->orig_rax;
    f->orig_rax = (u64)-1;
    struct percpu *c = this_cpu();
    if (vector == VECTOR_SPURIOUS)
        return;
    c->irq_depth++;
    switch (vector) {
    case VECTOR_TIMER:
        timer_source.counts[c->id]++;
        timer_interrupt(frame_is_user(f));
        break;
    case VECTOR_RESCHED:
        resched_source.counts[c->id]++;
        resched_interrupt();
        break;
    case VECTOR_CALL:
        call_source.counts[c->id]++;
        tlb_interrupt();
        smp_call_interrupt();
        break;
    default:
        if (vector >= VECTOR_FIRST_DEVICE && vector <= VECTOR_LAST_DEVICE)
            device_interrupt(vector, c->id);
        break;
    }
    apic_eoi();
    if (--c->irq_depth == 0)
        hook_irq_exit();
}

void irq_send_resched(u32 id)
{
    apic_send(percpu_area[id].apic_id, VECTOR_RESCHED);
}

void irq_init(void)
{
    apic_init_this();
    timer_init_this();
    outb(0x21, 0xff); /* the 8259s, masked for good */
    outb(0xa1, 0xff);
}

/* "sti; hlt" is one step: an interrupt that arrives after the test ends the halt. */
void arch_idle(void)
{
    irq_disable();
    struct arch_thread *t = (struct arch_thread *)current_thread();
    if (!(atomic_read(&t->work) & WORK_RESCHED)) {
        tlb_enter_idle();
        __asm__ volatile("sti; hlt; cli" ::: "memory");
        tlb_leave_idle();
    }
    irq_enable();
}
