// SPDX-License-Identifier: MIT
/*
 * Checked build: /proc/slipway-faults. What is written there names a fault, which the kernel then commits: proof that the
 * checks of memory, behaviour and lock order are there and end the machine (tests/images/85-checks.sh).
 */
#ifdef SLIPWAY_KASAN
#include "arch/spinlock.h"
#include "drivers/drivers.h"
#include "fs/seq.h"
#include "fs/vfs.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "mem/slab.h"
#include "sched/mutex.h"

#define OBJECT 40u /* between two sizes of kmalloc: what was asked for counts */
static char variable[OBJECT];
static SLAB_CACHE(
    cache, "faults", struct { char bytes[OBJECT]; });

/* What the compiler does not know it cannot warn of. */
static u64 hidden(u64 v)
{
    __asm__ volatile("" : "+r"(v));
    return v;
}

static __attribute__((noinline)) void touch(const void *p, u64 offset)
{
    *(volatile char *)hidden((u64)p + offset) += 1;
}

static void heap_overflow(void)
{
    touch(kmalloc(OBJECT, MEM_WAIT), OBJECT);
}

static void heap_underflow(void)
{
    touch(kmalloc(OBJECT, MEM_WAIT), (u64)-1);
}

static void large_overflow(void)
{
    touch(kmalloc(40001, MEM_WAIT), 40001);
}

static void object_overflow(void)
{
    touch(slab_alloc(&cache, MEM_WAIT), OBJECT);
}

static void copy_overflow(void)
{
    memset(kmalloc(OBJECT, MEM_WAIT), 1, hidden(OBJECT + 1));
}

static void use_after_free(void)
{
    void *p = (void *)hidden((u64)kmalloc(OBJECT, MEM_WAIT));
    kfree(p);
    touch(p, 8);
}

static void page_after_free(void)
{
    void *p = (void *)hidden((u64)pages_alloc(0, MEM_WAIT));
    pages_free(p, 0);
    touch(p, 8);
}

static void double_free(void)
{
    void *p = (void *)hidden((u64)kmalloc(OBJECT, MEM_WAIT));
    kfree(p);
    kfree(p);
}

static void stack_overflow(void)
{
    char local[OBJECT] = {0};
    touch(local, OBJECT);
}

static void scope(void)
{
    u64 p;
    {
        char local[OBJECT] = {0};
        p = hidden((u64)local);
    }
    touch((void *)p, 0);
}

static void global_overflow(void)
{
    touch(variable, OBJECT);
}

static void recurse(u32 n)
{
    char local[512];
    memset(local, (int)n, sizeof(local));
    if (hidden(n))
        recurse(n + 1);
    touch(local, 0);
}

static void recursion(void)
{
    recurse(1);
}

static void undefined(void)
{
    variable[0] = (char)(1 << hidden(40));
}

static void lock_order(void)
{
    static struct spinlock low = SPINLOCK_INIT(LOCK_TIMER), high = SPINLOCK_INIT(LOCK_BUDDY);
    u64 flags = irq_save();
    spin_lock(&high);
    spin_lock(&low);
    spin_unlock(&low);
    spin_unlock(&high);
    irq_restore(flags);
}

static void lock_sleep(void)
{
    static struct spinlock l = SPINLOCK_INIT(LOCK_TIMER);
    static struct mutex m = MUTEX_INIT(m, LOCK_INODE);
    spin_lock(&l);
    mutex_lock(&m);
    mutex_unlock(&m);
    spin_unlock(&l);
}

static const struct fault {
    const char *name;
    void (*commit)(void);
} faults[] = {
    {"heap-overflow", heap_overflow},
    {"heap-underflow", heap_underflow},
    {"large-overflow", large_overflow},
    {"object-overflow", object_overflow},
    {"copy-overflow", copy_overflow},
    {"use-after-free", use_after_free},
    {"page-after-free", page_after_free},
    {"double-free", double_free},
    {"stack-overflow", stack_overflow},
    {"use-after-scope", scope},
    {"global-overflow", global_overflow},
    {"recursion", recursion},
    {"undefined", undefined},
    {"lock-order", lock_order},
    {"lock-sleep", lock_sleep},
};

static ssize_t commit(const char *text, size_t n, void *arg)
{
    (void)arg;
    for (u32 i = 0; i < ARRAY_SIZE(faults); i++)
        if (n >= strlen(faults[i].name) && memcmp(text, faults[i].name, strlen(faults[i].name)) == 0)
            faults[i].commit();
    return (ssize_t)n;
}

static int show(struct seq_buf *s, void *arg)
{
    (void)arg;
    for (u32 i = 0; i < ARRAY_SIZE(faults); i++)
        seq_printf(s, "%s\n", faults[i].name);
    return 0;
}

void faults_init(void)
{
    (void)proc_register("slipway-faults", 0600, show, commit, NULL);
}
#endif
