// SPDX-License-Identifier: MIT
/*
 * Futexes.
 *
 *     waiter                                     waker
 *     lock bucket                                store to the futex word
 *     read the word (no fault): still `val`?     lock bucket
 *     queue, unlock, sleep                       take waiters off, wake them, unlock
 *
 * A waiter lies on its thread's stack. Real-time threads stand before the others, by their priority. Whoever takes it off
 * its queue clears `bucket` as the last access, under the bucket's lock; the waiter returns only after it has seen that, or
 * has taken itself off. A requeue changes `bucket` under both locks, so the waiter locks what it reads and looks again.
 */
#include "proc/futex.h"

#include "lib/printf.h"
#include "mem/slab.h"
#include "proc/futex_internal.h"
#include "vm/mm.h"

#define BUCKETS 256u

static struct futex_bucket buckets[BUCKETS];

void futex_init(void)
{
    for (u32 i = 0; i < BUCKETS; i++) {
        spin_init(&buckets[i].lock, LOCK_FUTEX);
        list_init(&buckets[i].waiters);
    }
}

struct futex_bucket *futex_bucket_of(const struct futex_key *k)
{
    u64 h = ((u64)k->object >> 6) * 0x9e3779b97f4a7c15ull ^ (k->offset >> 2) * 0xc2b2ae3d27d4eb4full;
    return &buckets[h >> 56 & (BUCKETS - 1)];
}

/* Shared mappings are known by object and byte, everything else by address space and address. An object may be gone, and
 * another be where it was, while somebody waits: it has a number. */
int futex_key_get(uaddr_t addr, u32 flags, struct futex_key *k)
{
    struct mm *mm = current_thread()->mm;
    u32 v;
    if (addr % 4)
        return -EINVAL;
    if (!user_range_ok(addr, 4))
        return -EFAULT;
    *k = (struct futex_key){mm, addr};
    if (flags & FUTEX_PRIVATE_FLAG)
        return 0;
    if (get_user_u32(&v, addr))
        return -EFAULT;
    rwsem_read_lock(&mm->lock);
    struct vm_area *a = vm_find(mm, addr);
    if (a && a->start <= addr && (a->flags & VM_SHARED) && a->mapping)
        *k =
            (struct futex_key){(void *)(mapping_number(a->mapping) << 6), (a->pgoff << PAGE_SHIFT) + (addr - a->start)};
    rwsem_read_unlock(&mm->lock);
    return 0;
}

/* ---- waking (bucket locked) ---- */

static void wake_waiter(struct futex_waiter *w)
{
    struct thread *t = w->thread;
    list_del(&w->link);
    thread_get(t); /* it may return and exit as soon as bucket is NULL */
    store_release(&w->bucket, NULL);
    thread_wake(t, WAKE_NORMAL);
    thread_put(t);
}

/* How many, or -EINVAL: one of them waits for a PI futex, which has an owner and is not to be woken. */
static long wake_some(struct futex_bucket *b, const struct futex_key *k, u32 count, u32 bitset)
{
    struct futex_waiter *w, *tmp;
    u32 n = 0;
    list_for_each_safe (w, tmp, &b->waiters, link) {
        if (n >= count)
            break;
        if (!futex_key_equal(&w->key, k))
            continue;
        if (w->pi)
            return -EINVAL;
        if (w->bitset & bitset) {
            wake_waiter(w);
            n++;
        }
    }
    return n;
}

long futex_wake(uaddr_t addr, u32 flags, u32 count, u32 bitset)
{
    struct futex_key k;
    if (!bitset)
        return -EINVAL;
    int err = futex_key_get(addr, flags, &k);
    if (err)
        return err;
    struct futex_bucket *b = futex_bucket_of(&k);
    spin_lock(&b->lock);
    long n = wake_some(b, &k, count, bitset);
    spin_unlock(&b->lock);
    return n;
}

/* ---- waiting ---- */

struct futex_bucket *futex_lock_bucket(struct futex_waiter *w)
{
    struct futex_bucket *b;
    while ((b = load_acquire(&w->bucket))) {
        spin_lock(&b->lock);
        if (w->bucket == b)
            return b;
        spin_unlock(&b->lock);
    }
    return NULL;
}

/* Takes w off its queue. false: it was woken before. */
static bool unqueue(struct futex_waiter *w)
{
    struct futex_bucket *b = futex_lock_bucket(w);
    if (!b)
        return false;
    list_del(&w->link);
    w->bucket = NULL;
    spin_unlock(&b->lock);
    return true;
}

void futex_queue(struct futex_bucket *b, struct futex_waiter *w)
{
    struct list *before = &b->waiters;
    if (w->priority) {
        struct futex_waiter *o;
        list_for_each (o, &b->waiters, link) {
            if (o->priority < w->priority)
                break;
        }
        before = &o->link;
    }
    list_add_tail(before, &w->link);
    store_release(&w->bucket, b);
}

int futex_queue_if(struct futex_waiter *w, uaddr_t addr, u32 val, const struct futex_key *other)
{
    struct futex_bucket *b = futex_bucket_of(&w->key);
    w->priority = READ_ONCE(w->thread->rt_priority);
    for (;;) {
        u32 now;
        spin_lock(&b->lock);
        int err = get_user_u32_nofault(&now, addr);
        bool same = other && futex_key_equal(&w->key, other);
        if (!err && now == val && !same)
            futex_queue(b, w);
        spin_unlock(&b->lock);
        if (!err)
            return now != val ? -EAGAIN : same ? -EINVAL : 0;
        if (get_user_u32(&now, addr))
            return -EFAULT;
    }
}

int futex_fault_in(uaddr_t addr)
{
    u32 old;
    return user_atomic_op_u32(addr, FUTEX_OP_OR, 0, &old); /* leaves its value alone */
}

static int sleep_until_woken(struct futex_waiter *w, struct deadline deadline)
{
    int err = sleep_until_cond(!load_acquire(&w->bucket), THREAD_SLEEP_INT, sleep_until_on(deadline));
    return err && unqueue(w) ? err : 0;
}

static long wait_restart(struct signal_state *s)
{
    const u64 *a = s->restart_arg;
    return futex_wait(a[0], (u32)a[1], (u32)a[2], (u32)a[3], (struct deadline){a[4], (enum clock_base)a[5]});
}

long futex_wait(uaddr_t addr, u32 flags, u32 val, u32 bitset, struct deadline deadline)
{
    struct futex_waiter w = {.bitset = bitset, .thread = current_thread()};
    if (!bitset)
        return -EINVAL;
    int err = futex_key_get(addr, flags, &w.key);
    if (!err)
        err = futex_queue_if(&w, addr, val, NULL);
    if (!err)
        err = sleep_until_woken(&w, deadline);
    if (err != -EINTR)
        return err;
    if (deadline.at == NS_FOREVER)
        return -ERESTARTSYS;
    const u64 args[] = {addr, flags, val, bitset, deadline.at, deadline.base};
    return signal_set_restart(wait_restart, args, ARRAY_SIZE(args));
}

/* ---- waiting for one of several ---- */

/* Takes all off their queues; the last one that was woken before, or -1. */
static int unqueue_all(struct futex_waiter *w, u32 n)
{
    int woken = -1;
    for (u32 i = 0; i < n; i++) {
        if (!unqueue(&w[i]))
            woken = (int)i;
    }
    return woken;
}

/* 0: all are queued. 1: one was woken meanwhile, *woken. Else the error, with none queued. */
static int queue_all(struct futex_waiter *w, const struct futex_wait_one *v, u32 n, int *woken)
{
    for (u32 i = 0; i < n; i++) {
        int err = futex_queue_if(&w[i], v[i].addr, v[i].val, NULL);
        if (!err)
            continue;
        *woken = unqueue_all(w, i);
        return *woken >= 0 ? 1 : err;
    }
    return 0;
}

static bool any_woken(const struct futex_waiter *w, u32 n)
{
    for (u32 i = 0; i < n; i++) {
        if (!load_acquire(&w[i].bucket))
            return true;
    }
    return false;
}

int futex_wait_multiple(const struct futex_wait_one *v, u32 n, struct deadline deadline)
{
    struct futex_waiter *w = kzalloc(n * sizeof(*w), MEM_WAIT);
    int err = w ? 0 : -ENOMEM, woken = -1;
    for (u32 i = 0; !err && i < n; i++) {
        w[i].bitset = FUTEX_BITSET_MATCH_ANY;
        w[i].thread = current_thread();
        err = futex_key_get(v[i].addr, v[i].flags, &w[i].key);
    }
    if (!err)
        err = queue_all(w, v, n, &woken);
    if (!err) {
        err = sleep_until_cond(any_woken(w, n), THREAD_SLEEP_INT, sleep_until_on(deadline));
        woken = unqueue_all(w, n);
    }
    kfree(w);
    return woken >= 0 ? woken : err == -EINTR ? -ERESTARTSYS : err;
}

/* ---- two futexes at once ---- */

void futex_lock_two(struct futex_bucket *a, struct futex_bucket *b)
{
    if (a > b) {
        struct futex_bucket *t = a;
        a = b;
        b = t;
    }
    spin_lock(&a->lock);
    if (a != b) {
        lockdep_nest_next();
        spin_lock(&b->lock);
    }
}

void futex_unlock_two(struct futex_bucket *a, struct futex_bucket *b)
{
    spin_unlock(&a->lock);
    if (a != b)
        spin_unlock(&b->lock);
}

/* How many, or -EINVAL, as in wake_some. */
static long move_some(struct futex_bucket *from, const struct futex_key *k, struct futex_bucket *to,
                      const struct futex_key *new, u32 count)
{
    struct futex_waiter *w, *tmp;
    u32 n = 0;
    list_for_each_safe (w, tmp, &from->waiters, link) {
        if (n >= count)
            break;
        if (!futex_key_equal(&w->key, k))
            continue;
        if (w->pi)
            return -EINVAL;
        n++;
        if (futex_key_equal(k, new))
            continue;
        list_del(&w->link);
        w->key = *new;
        futex_queue(to, w);
    }
    return n;
}

static long wake_and_move(struct futex_bucket *b1, const struct futex_key *k1, struct futex_bucket *b2,
                          const struct futex_key *k2, u32 wake, u32 requeue)
{
    long woken = wake_some(b1, k1, wake, ~0u);
    long moved = woken < 0 ? 0 : move_some(b1, k1, b2, k2, requeue);
    return moved < 0 ? moved : woken + moved;
}

long futex_requeue(uaddr_t from, uaddr_t to, u32 flags, u32 wake, u32 requeue, const u32 *cmp)
{
    struct futex_key k1, k2;
    if ((s32)wake < 0 || (s32)requeue < 0)
        return -EINVAL;
    int err = futex_key_get(from, flags, &k1);
    if (!err)
        err = futex_key_get(to, flags, &k2);
    if (err)
        return err;
    struct futex_bucket *b1 = futex_bucket_of(&k1), *b2 = futex_bucket_of(&k2);
    for (;;) {
        u32 now = 0;
        long ret = 0;
        futex_lock_two(b1, b2);
        err = cmp ? get_user_u32_nofault(&now, from) : 0;
        if (!err && (!cmp || now == *cmp))
            ret = wake_and_move(b1, &k1, b2, &k2, wake, requeue);
        futex_unlock_two(b1, b2);
        if (!err)
            return cmp && now != *cmp ? -EAGAIN : ret;
        if (get_user_u32(&now, from))
            return -EFAULT;
    }
}

static bool compare(u32 op, s32 old, s32 arg, bool *valid)
{
    *valid = true;
    switch (op) {
    case FUTEX_OP_CMP_EQ:
        return old == arg;
    case FUTEX_OP_CMP_NE:
        return old != arg;
    case FUTEX_OP_CMP_LT:
        return old < arg;
    case FUTEX_OP_CMP_GE:
        return old >= arg;
    case FUTEX_OP_CMP_LE:
        return old <= arg;
    case FUTEX_OP_CMP_GT:
        return old > arg;
    default:
        *valid = false;
        return false;
    }
}

struct wake_op {
    u32 op, cmp;
    s32 arg, cmp_arg;
};

static int decode_op(u32 code, struct wake_op *o)
{
    o->op = code >> 28 & 7;
    o->cmp = code >> 24 & 15;
    o->arg = (s32)(code << 8) >> 20;
    o->cmp_arg = (s32)(code << 20) >> 20;
    if (code & (u32)FUTEX_OP_OPARG_SHIFT << 28)
        o->arg = (s32)(1u << (o->arg & 31));
    return o->op > FUTEX_OP_XOR ? -ENOSYS : 0;
}

static int do_op(uaddr_t addr, const struct wake_op *o, u32 *old)
{
    pagefault_disable();
    int err = user_atomic_op_u32(addr, (int)o->op, (u32)o->arg, old);
    pagefault_enable();
    return err;
}

long futex_wake_op(uaddr_t a, uaddr_t b, u32 flags, u32 wake_a, u32 wake_b, u32 code)
{
    struct futex_key k1, k2;
    struct wake_op o;
    bool valid;
    int err = futex_key_get(a, flags, &k1);
    if (!err)
        err = futex_key_get(b, flags, &k2);
    if (!err)
        err = decode_op(code, &o);
    if (err)
        return err;
    struct futex_bucket *b1 = futex_bucket_of(&k1), *b2 = futex_bucket_of(&k2);
    for (;;) {
        u32 old;
        long ret = 0;
        futex_lock_two(b1, b2);
        err = do_op(b, &o, &old);
        if (!err) {
            bool second = compare(o.cmp, (s32)old, o.cmp_arg, &valid);
            ret = valid ? wake_some(b1, &k1, wake_a, ~0u) : -ENOSYS;
            long more = second && ret >= 0 ? wake_some(b2, &k2, wake_b, ~0u) : 0;
            ret = more < 0 ? more : ret + more;
        }
        futex_unlock_two(b1, b2);
        if (!err)
            return ret;
        if (futex_fault_in(b))
            return -EFAULT;
    }
}
