// SPDX-License-Identifier: MIT
/*
 * The numbers and the table that finds their owners.
 *
 * Table: PID_MAX slots in pages of 512, made when first needed and never freed. Slots are written under ids_lock and read
 * lock-free; a struct pid is freed after a grace period, so a reader inside an RCU section may look at it.
 */
#include "proc/pid.h"

#include "lib/string.h"
#include "mem/slab.h"
#include "proc/process.h"

#define SLOTS (PAGE_SIZE / sizeof(struct pid *))

static SLAB_CACHE(pid_cache, "pid", struct pid);
static struct pid **table[PID_MAX / SLOTS];
static u64 taken[PID_MAX / 64];
static struct spinlock ids_lock = SPINLOCK_INIT(LOCK_IDS);
static s32 last_nr;
u64 pid_limit = PID_MAX;
static atomic_t in_use;

static bool is_taken(s32 nr)
{
    return taken[nr / 64] >> (nr % 64) & 1;
}

/* First free number in [from, to), 0: none (ids_lock). */
static s32 find_free(s32 from, s32 to)
{
    for (s32 nr = from; nr < to;) {
        u64 word = ~taken[nr / 64] >> (nr % 64);
        if (word) {
            nr += __builtin_ctzll(word);
            return nr < to ? nr : 0;
        }
        nr = (nr / 64 + 1) * 64;
    }
    return 0;
}

static s32 number_take(s32 want)
{
    u64 flags = spin_lock_irqsave(&ids_lock);
    s32 nr = want && !is_taken(want) ? want : 0;
    if (!want) {
        s32 end = (s32)READ_ONCE(pid_limit);
        nr = find_free(last_nr + 1, end);
        if (!nr)
            nr = find_free(PID_RESERVED, MIN(last_nr + 1, end));
        if (nr)
            last_nr = nr;
    }
    if (nr)
        taken[nr / 64] |= 1ull << (nr % 64);
    spin_unlock_irqrestore(&ids_lock, flags);
    return nr;
}

/* The number goes back; its slot is empty from here on. */
static void number_release(s32 nr)
{
    u64 flags = spin_lock_irqsave(&ids_lock);
    if (table[nr / SLOTS])
        store_release(&table[nr / SLOTS][nr % SLOTS], NULL);
    taken[nr / 64] &= ~(1ull << (nr % 64));
    spin_unlock_irqrestore(&ids_lock, flags);
    atomic_sub(&in_use, 1);
}

/* Makes sure the page of the slot exists. */
static bool table_grow(s32 nr)
{
    u32 i = (u32)nr / SLOTS;
    if (load_acquire(&table[i]))
        return true;
    struct pid **page = pages_alloc(0, MEM_WAIT | MEM_ZERO);
    if (!page)
        return false;
    u64 flags = spin_lock_irqsave(&ids_lock);
    if (!table[i]) {
        store_release(&table[i], page);
        page = NULL;
    }
    spin_unlock_irqrestore(&ids_lock, flags);
    if (page)
        pages_free(page, 0);
    return true;
}

static struct pid *alloc(s32 want)
{
    struct pid *p = slab_alloc(&pid_cache, MEM_WAIT);
    if (!p)
        return NULL;
    s32 nr = number_take(want);
    if (!nr || !table_grow(nr)) {
        if (nr) {
            atomic_add(&in_use, 1);
            number_release(nr);
        }
        slab_free(&pid_cache, p);
        return NULL;
    }
    atomic_add(&in_use, 1);
    memset(p, 0, sizeof(*p));
    p->nr = nr;
    ref_init(&p->refs);
    ref_init(&p->uses);
    list_init(&p->group);
    list_init(&p->session);
    waitq_init(&p->pidfd_wait);
    return p;
}

struct pid *pid_alloc(void)
{
    return alloc(0);
}

struct pid *pid_alloc_nr(s32 nr)
{
    return alloc(nr);
}

void pid_publish(struct pid *p)
{
    store_release(&table[p->nr / SLOTS][p->nr % SLOTS], p);
}

struct pid *pid_find(s32 nr)
{
    if (nr <= 0 || nr >= PID_MAX)
        return NULL;
    struct pid **page = load_acquire(&table[nr / SLOTS]);
    return page ? load_acquire(&page[nr % SLOTS]) : NULL;
}

struct pid *pid_find_get(s32 nr)
{
    rcu_read_lock();
    struct pid *p = pid_find(nr);
    if (p && !ref_get_unless_zero(&p->refs))
        p = NULL;
    rcu_read_unlock();
    return p;
}

static void pid_free(struct rcu_head *h)
{
    slab_free(&pid_cache, container_of(h, struct pid, rcu));
}

void pid_put(struct pid *p)
{
    if (ref_put(&p->refs))
        rcu_call(&p->rcu, pid_free);
}

void pid_use(struct pid *p)
{
    ref_get(&p->uses);
}

void pid_unuse(struct pid *p)
{
    if (!ref_put(&p->uses))
        return;
    number_release(p->nr);
    pid_put(p);
}

u32 pid_count(void)
{
    return atomic_read(&in_use);
}

s32 pid_last(void)
{
    return READ_ONCE(last_nr);
}

static struct process *process_at(s32 nr)
{
    rcu_read_lock();
    struct pid *p = pid_find(nr);
    struct process *proc = p ? load_acquire(&p->process) : NULL;
    if (proc && !ref_get_unless_zero(&proc->refs))
        proc = NULL;
    rcu_read_unlock();
    return proc;
}

struct process *pid_next_process(s32 nr)
{
    for (nr = nr < 1 ? 1 : nr; nr < PID_MAX; nr++) {
        if (!load_acquire(&table[nr / SLOTS])) {
            nr = (s32)((nr / SLOTS + 1) * SLOTS) - 1;
            continue;
        }
        struct process *p = process_at(nr);
        if (p)
            return p;
    }
    return NULL;
}

struct process *process_find(s32 pid)
{
    return pid > 0 ? process_at(pid) : NULL;
}

struct thread *thread_find(s32 tid)
{
    rcu_read_lock();
    struct pid *p = pid_find(tid);
    struct thread *t = p ? load_acquire(&p->thread) : NULL;
    if (t && !ref_get_unless_zero(&t->refs))
        t = NULL;
    rcu_read_unlock();
    return t;
}

struct thread *thread_find_process(s32 tid, struct process **out)
{
    rcu_read_lock(); /* a thread that is found has not left its process, whose memory outlives the section */
    struct pid *p = pid_find(tid);
    struct thread *t = p ? load_acquire(&p->thread) : NULL;
    struct process *proc = t ? t->process : NULL;
    if (proc && !ref_get_unless_zero(&proc->refs))
        proc = NULL;
    if (proc && !ref_get_unless_zero(&t->refs)) {
        process_put(proc);
        proc = NULL;
    }
    rcu_read_unlock();
    *out = proc;
    return proc ? t : NULL;
}
