// SPDX-License-Identifier: MIT
/*
 * Threads: making, ending, freeing. The stack of a dead thread is freed by the thread that runs after it on that CPU
 * (sched.c, finish_switch), the structure after the last reference and a grace period, since look-ups are lock-free.
 * Locks: all_threads_lock guards the list's writers; readers are under RCU.
 */
#include "sched/thread.h"

#include "arch/kasan.h"
#include "lib/string.h"
#include "mem/slab.h"
#include "sched/internal.h"
#include "sched/timer.h"

static SLAB_CACHE(thread_cache, "thread", struct thread);
static struct spinlock all_threads_lock = SPINLOCK_INIT(LOCK_IDS);
struct list all_threads = LIST_INIT(all_threads);

/* A few stacks are kept per CPU: fork and exit follow each other. Interrupts off. */
#define STACKS_KEPT 4
static struct {
    void *stack[STACKS_KEPT];
    u32 count;
} __cacheline stack_cache[MAX_CPUS];

static void *stack_alloc(void)
{
    u64 flags = irq_save();
    u32 id = cpu_id();
    void *s = stack_cache[id].count ? stack_cache[id].stack[--stack_cache[id].count] : NULL;
    irq_restore(flags);
    if (s)
        return s;
    s = pages_alloc(KSTACK_ORDER, MEM_WAIT);
    if (!s)
        return NULL;
    atomic_add(&mem_count.kstack, KSTACK_SIZE / PAGE_SIZE);
    return (void *)kstack_map(s);
}

void thread_free_stack(struct thread *t)
{
    void *s = (void *)t->arch.kstack;
    if (!s)
        return;
    t->arch.kstack = 0;
    u64 flags = irq_save();
    u32 id = cpu_id();
    bool kept = stack_cache[id].count < STACKS_KEPT;
    if (kept)
        stack_cache[id].stack[stack_cache[id].count++] = s;
    irq_restore(flags);
    if (!kept) {
        atomic_sub(&mem_count.kstack, KSTACK_SIZE / PAGE_SIZE);
        pages_free(kstack_pages((u64)s), KSTACK_ORDER);
    }
}

void thread_init_fields(struct thread *t, const char *name)
{
    ref_init(&t->refs);
    spin_init(&t->wake_lock, LOCK_THREAD);
    t->state = THREAD_NEW;
    t->affinity = ~0ull;
    t->arch.fpu_cpu = ~0u;
    t->start_time = clock_monotonic();
    list_init(&t->process_link);
    list_init(&t->rq_link);
    str_copy(t->comm, name, sizeof(t->comm));
    u64 flags = spin_lock_irqsave(&all_threads_lock);
    list_add_tail(&all_threads, &t->all_link);
    spin_unlock_irqrestore(&all_threads_lock, flags);
}

struct thread *thread_create(void (*fn)(void *), void *arg, const char *name)
{
    struct thread *t = slab_alloc(&thread_cache, MEM_ZERO);
    if (!t)
        return NULL;
    void *stack = stack_alloc();
    if (!stack) {
        slab_free(&thread_cache, t);
        return NULL;
    }
    kasan_unpoison(stack, KSTACK_SIZE); /* its last owner's frames did not all return */
    *(u64 *)stack = STACK_CANARY;
    thread_init_fields(t, name);
    ref_get(&t->refs); /* the scheduler's, beside the creator's */
    arch_thread_init(&t->arch, (u64)stack, fn, arg);
    return t;
}

static void thread_free_rcu(struct rcu_head *h)
{
    slab_free(&thread_cache, container_of(h, struct thread, rcu));
}

void thread_put(struct thread *t)
{
    if (!ref_put(&t->refs))
        return;
    u64 flags = spin_lock_irqsave(&all_threads_lock);
    list_del(&t->all_link);
    spin_unlock_irqrestore(&all_threads_lock, flags);
    thread_free_stack(t);
    kfree(t->trace);
    arch_thread_free(&t->arch);
    rcu_call(&t->rcu, thread_free_rcu);
}

struct thread *kthread_start(void (*fn)(void *), void *arg, const char *name)
{
    struct thread *t = thread_create(fn, arg, name);
    if (!t)
        return NULL;
    thread_start(t);
    thread_put(t);
    return t;
}
