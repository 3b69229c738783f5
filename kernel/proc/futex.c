// SPDX-License-Identifier: MIT
/*
 * Futexes.
 *
 *     waiter                                     waker
 *     lock bucket                                store to the futex word
 *     read the word (no fault): still `val`?     lock bucket
 *     queue, unlock, sleep                       take waiters off, wake them, unlock
 *
 * A waiter lies on its thread's stack. Whoever takes it off its queue clears `bucket` as the last access, under the
 * bucket's lock; the waiter returns only after it has seen that, or has taken itself off. A requeue changes `bucket` under
 * both locks, so the waiter locks what it reads and looks again.
 */
#include "proc/futex.h"

#include "abi/errno.h"
#include "arch/usercopy.h"
#include "lib/printf.h"
#include "mem/slab.h"
#include "proc/process.h"
#include "vm/mm.h"

#define BUCKETS 256u
#define ROBUST_MAX 2048

struct key {
    const void *object; /* mm, or mapping */
    u64 offset;         /* address, or byte of the object */
};
struct bucket {
    struct spinlock lock; /* LOCK_FUTEX */
    struct list waiters;
} __cacheline;
struct futex_waiter {
    struct list link;
    struct key key;
    u32 bitset;
    struct thread *thread;
    struct bucket *bucket; /* NULL: woken */
};

static struct bucket buckets[BUCKETS];

void futex_init(void)
{
    for (u32 i = 0; i < BUCKETS; i++) {
        spin_init(&buckets[i].lock, LOCK_FUTEX);
        list_init(&buckets[i].waiters);
    }
}

static struct bucket *bucket_of(const struct key *k)
{
    u64 h = ((u64)k->object >> 6) * 0x9e3779b97f4a7c15ull ^ (k->offset >> 2) * 0xc2b2ae3d27d4eb4full;
    return &buckets[h >> 56 & (BUCKETS - 1)];
}

static bool key_equal(const struct key *a, const struct key *b)
{
    return a->object == b->object && a->offset == b->offset;
}

/* Shared mappings are known by object and byte, everything else by address space and address. */
static int get_key(uaddr_t addr, u32 flags, struct key *k)
{
    struct mm *mm = current_thread()->mm;
    u32 v;
    if (addr % 4)
        return -EINVAL;
    if (!user_range_ok(addr, 4))
        return -EFAULT;
    *k = (struct key){mm, addr};
    if (flags & FUTEX_PRIVATE_FLAG)
        return 0;
    if (get_user_u32(&v, addr))
        return -EFAULT;
    rwsem_read_lock(&mm->lock);
    struct vm_area *a = vm_find(mm, addr);
    if (a && a->start <= addr && (a->flags & VM_SHARED) && a->mapping)
        *k = (struct key){a->mapping, (a->pgoff << PAGE_SHIFT) + (addr - a->start)};
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

static u32 wake_some(struct bucket *b, const struct key *k, u32 count, u32 bitset)
{
    struct futex_waiter *w, *tmp;
    u32 n = 0;
    list_for_each_safe (w, tmp, &b->waiters, link) {
        if (n >= count)
            break;
        if (key_equal(&w->key, k) && (w->bitset & bitset)) {
            wake_waiter(w);
            n++;
        }
    }
    return n;
}

long futex_wake(uaddr_t addr, u32 flags, u32 count, u32 bitset)
{
    struct key k;
    if (!bitset)
        return -EINVAL;
    int err = get_key(addr, flags, &k);
    if (err)
        return err;
    struct bucket *b = bucket_of(&k);
    spin_lock(&b->lock);
    u32 n = wake_some(b, &k, count, bitset);
    spin_unlock(&b->lock);
    return n;
}

/* ---- waiting ---- */

/* Takes w off its queue. false: it was woken before. */
static bool unqueue(struct futex_waiter *w)
{
    struct bucket *b;
    while ((b = load_acquire(&w->bucket))) {
        spin_lock(&b->lock);
        bool here = w->bucket == b;
        if (here) {
            list_del(&w->link);
            w->bucket = NULL;
        }
        spin_unlock(&b->lock);
        if (here)
            return true;
    }
    return false;
}

/* Queues w if the word still holds val. 0, -EAGAIN, -EFAULT. */
static int queue_if(struct futex_waiter *w, uaddr_t addr, u32 val)
{
    struct bucket *b = bucket_of(&w->key);
    for (;;) {
        u32 now;
        spin_lock(&b->lock);
        int err = get_user_u32_nofault(&now, addr);
        if (!err && now == val) {
            w->bucket = b;
            list_add_tail(&b->waiters, &w->link);
        }
        spin_unlock(&b->lock);
        if (!err)
            return now == val ? 0 : -EAGAIN;
        if (get_user_u32(&now, addr))
            return -EFAULT;
    }
}

static int sleep_until_woken(struct futex_waiter *w, ns_t deadline)
{
    int err = 0;
    for (;;) {
        sleep_prepare(THREAD_SLEEP_INT);
        if (!load_acquire(&w->bucket) || err)
            break;
        if (signal_pending()) {
            err = -EINTR;
            break;
        }
        err = sleep_until(deadline);
    }
    sleep_cancel();
    return unqueue(w) ? err : 0;
}

static long wait_restart(struct signal_state *s)
{
    const u64 *a = s->restart_arg;
    return futex_wait(a[0], (u32)a[1], (u32)a[2], (u32)a[3], a[4]);
}

long futex_wait(uaddr_t addr, u32 flags, u32 val, u32 bitset, ns_t deadline)
{
    struct futex_waiter w = {.bitset = bitset, .thread = current_thread()};
    if (!bitset)
        return -EINVAL;
    int err = get_key(addr, flags, &w.key);
    if (!err)
        err = queue_if(&w, addr, val);
    if (!err)
        err = sleep_until_woken(&w, deadline);
    if (err != -EINTR)
        return err;
    if (deadline == NS_FOREVER)
        return -ERESTARTSYS;
    const u64 args[] = {addr, flags, val, bitset, deadline};
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
        int err = queue_if(&w[i], v[i].addr, v[i].val);
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

static int sleep_for_any(const struct futex_waiter *w, u32 n, ns_t deadline)
{
    int err = 0;
    for (;;) {
        sleep_prepare(THREAD_SLEEP_INT);
        if (any_woken(w, n) || err)
            break;
        if (signal_pending()) {
            err = -ERESTARTSYS;
            break;
        }
        err = sleep_until(deadline);
    }
    sleep_cancel();
    return err;
}

int futex_wait_multiple(const struct futex_wait_one *v, u32 n, ns_t deadline)
{
    struct futex_waiter *w = kzalloc(n * sizeof(*w), MEM_WAIT);
    int err = w ? 0 : -ENOMEM, woken = -1;
    for (u32 i = 0; !err && i < n; i++) {
        w[i].bitset = FUTEX_BITSET_MATCH_ANY;
        w[i].thread = current_thread();
        err = get_key(v[i].addr, v[i].flags, &w[i].key);
    }
    if (!err)
        err = queue_all(w, v, n, &woken);
    if (!err) {
        err = sleep_for_any(w, n, deadline);
        woken = unqueue_all(w, n);
    }
    kfree(w);
    return woken >= 0 ? woken : err;
}

/* ---- two futexes at once ---- */

static void lock_two(struct bucket *a, struct bucket *b)
{
    if (a > b) {
        struct bucket *t = a;
        a = b;
        b = t;
    }
    spin_lock(&a->lock);
    if (a != b) {
        lockdep_nest_next();
        spin_lock(&b->lock);
    }
}

static void unlock_two(struct bucket *a, struct bucket *b)
{
    spin_unlock(&a->lock);
    if (a != b)
        spin_unlock(&b->lock);
}

static u32 move_some(struct bucket *from, const struct key *k, struct bucket *to, const struct key *new, u32 count)
{
    struct futex_waiter *w, *tmp;
    u32 n = 0;
    list_for_each_safe (w, tmp, &from->waiters, link) {
        if (n >= count)
            break;
        if (!key_equal(&w->key, k))
            continue;
        n++;
        if (key_equal(k, new))
            continue;
        list_del(&w->link);
        w->key = *new;
        list_add_tail(&to->waiters, &w->link);
        store_release(&w->bucket, to);
    }
    return n;
}

long futex_requeue(uaddr_t from, uaddr_t to, u32 flags, u32 wake, u32 requeue, const u32 *cmp)
{
    struct key k1, k2;
    if ((s32)wake < 0 || (s32)requeue < 0)
        return -EINVAL;
    int err = get_key(from, flags, &k1);
    if (!err)
        err = get_key(to, flags, &k2);
    if (err)
        return err;
    struct bucket *b1 = bucket_of(&k1), *b2 = bucket_of(&k2);
    for (;;) {
        u32 now = 0;
        long ret = 0;
        lock_two(b1, b2);
        err = cmp ? get_user_u32_nofault(&now, from) : 0;
        if (!err && (!cmp || now == *cmp)) {
            ret = wake_some(b1, &k1, wake, ~0u);
            ret += move_some(b1, &k1, b2, &k2, requeue);
        }
        unlock_two(b1, b2);
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
    struct key k1, k2;
    struct wake_op o;
    bool valid;
    int err = get_key(a, flags, &k1);
    if (!err)
        err = get_key(b, flags, &k2);
    if (!err)
        err = decode_op(code, &o);
    if (err)
        return err;
    struct bucket *b1 = bucket_of(&k1), *b2 = bucket_of(&k2);
    for (;;) {
        u32 old;
        long ret = 0;
        lock_two(b1, b2);
        err = do_op(b, &o, &old);
        if (!err) {
            bool second = compare(o.cmp, (s32)old, o.cmp_arg, &valid);
            ret = wake_some(b1, &k1, wake_a, ~0u);
            if (second)
                ret += wake_some(b2, &k2, wake_b, ~0u);
        }
        unlock_two(b1, b2);
        if (!err)
            return valid ? ret : -ENOSYS;
        /* fault the page in for writing, leaving its value alone */
        if (user_atomic_op_u32(b, FUTEX_OP_OR, 0, &old))
            return -EFAULT;
    }
}

/* ---- robust lists ---- */

/* The thread died holding the futex: say so, and let one waiter try. */
static int mark_dead(uaddr_t addr, u32 tid, bool pi, bool pending)
{
    u32 v, old;
    if (addr % 4 || get_user_u32(&v, addr))
        return -EFAULT;
    if (pending && !pi && !v)
        futex_wake(addr, 0, 1, FUTEX_BITSET_MATCH_ANY);
    while ((v & FUTEX_TID_MASK) == tid) {
        u32 new = (v & FUTEX_WAITERS) | FUTEX_OWNER_DIED;
        if (user_cmpxchg_u32(addr, v, new, &old))
            return -EFAULT;
        if (old == v) {
            if (!pi && (v & FUTEX_WAITERS))
                futex_wake(addr, 0, 1, FUTEX_BITSET_MATCH_ANY);
            break;
        }
        v = old;
    }
    return 0;
}

struct robust {
    u64 next;
    s64 offset;
    u64 pending;
};

static bool read_head(uaddr_t head, struct robust *r)
{
    return !get_user_u64(&r->next, head) && !get_user_u64((u64 *)&r->offset, head + 8) &&
           !get_user_u64(&r->pending, head + 16);
}

void futex_exit_robust(struct thread *t)
{
    uaddr_t head = t->robust_list;
    struct robust r;
    u32 tid = (u32)t->tid;
    t->robust_list = 0;
    if (!head || !read_head(head, &r))
        return;
    for (u32 n = 0; (r.next & ~1ull) != head && n < ROBUST_MAX; n++) {
        u64 entry = r.next & ~1ull;
        bool pi = r.next & 1;
        bool more = !get_user_u64(&r.next, entry); /* before the word changes hands */
        if (entry != (r.pending & ~1ull) && mark_dead(entry + (u64)r.offset, tid, pi, false))
            return;
        if (!more)
            return;
        cond_resched();
    }
    if (r.pending & ~1ull)
        mark_dead((r.pending & ~1ull) + (u64)r.offset, tid, r.pending & 1, true);
}
