/* SPDX-License-Identifier: MIT */
/*
 * kernel/mem on the host: the headers of arch/ are replaced by these few definitions, physical memory is one mapping
 * full of garbage. Included before the .c files under test, which then become part of the test program.
 */
#ifndef KERNEL_MEM_HOST_H
#define KERNEL_MEM_HOST_H

#define SLIPWAY_HOST 1
#define ARCH_PERCPU_H
#define ARCH_SPINLOCK_H
#define ARCH_COPY_H
#define ARCH_PAGING_H
#define ARCH_CPU_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "arch/boot.h"
#include "lib/lock_order.h"
#include "lib/printf.h"

#define MAX_CPUS 64
#define KERNEL_BASE 0xffffffff80000000ul
static char *ram;
#define DIRECT_MAP ((u64)ram)
static inline void *phys_to_virt(paddr_t p)
{
    return ram + p;
}

struct thread;
struct percpu {
    u32 id, irq_depth;
};
static struct percpu cpu0;
static u32 cpu_count = 1;
static inline struct percpu *this_cpu(void)
{
    return &cpu0;
}
static inline u32 cpu_id(void)
{
    return cpu0.id;
}
static inline struct thread *current_thread(void)
{
    return (struct thread *)&cpu0;
}

struct spinlock {
    bool held;
};
#define SPINLOCK_INIT(cls) \
    {                      \
        false              \
    }
static inline u64 spin_lock_irqsave(struct spinlock *l)
{
    assert_false(l->held);
    l->held = true;
    return 0;
}
static inline void spin_unlock_irqrestore(struct spinlock *l, u64 flags)
{
    (void)flags;
    assert_true(l->held);
    l->held = false;
}
static inline void spin_init(struct spinlock *l, int cls)
{
    (void)cls;
    l->held = false;
}
static inline void clear_page(void *p)
{
    memset(p, 0, PAGE_SIZE);
}

static const char *panic_message; /* what the code under test died of */
static jmp_buf panic_to;
void panic(const char *fmt, ...)
{
    static char text[256];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    if (!panic_message) {
        fprintf(stderr, "panic: %s\n", text);
        abort();
    }
    panic_message = text;
    longjmp(panic_to, 1);
}

struct boot_info boot_info;
#define KERNEL_IMAGE_START 0x100000ul
#define KERNEL_IMAGE_END 0x234000ul
#define _kernel_start ((char *)(KERNEL_BASE + KERNEL_IMAGE_START))
#define _kernel_end ((char *)(KERNEL_BASE + KERNEL_IMAGE_END))
char _init_text_start[1], _init_text_end[1], _init_data_start[1], _init_data_end[1];

#define RAM_SIZE (96ul << 20)
static void ram_init(void)
{
    if (!ram)
        ram = mmap(NULL, RAM_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    memset(ram, 0xa5, RAM_SIZE);
}

#endif
