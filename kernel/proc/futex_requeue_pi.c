// SPDX-License-Identifier: MIT
/*
 * From an ordinary futex (a condition variable) to a PI futex (its mutex).
 *
 * FUTEX_WAIT_REQUEUE_PI waits on the first as FUTEX_WAIT does, and says to which one it is to be moved. FUTEX_CMP_REQUEUE_PI
 * takes the PI futex for the first waiter, or lets it and as many others as told wait for it, on their behalf: their owner
 * inherits their priority from then on. A waiter ends in one of three ways, told apart under its bucket's lock (pi_finish):
 *     no state            nobody moved it: a signal (the call is restarted), or the time was up
 *     not in the hash     the futex was free, and was taken for it
 *     a state             it was moved, and the end is that of FUTEX_LOCK_PI, but for a signal: the condition has been
 *                         signalled, so the call may not begin again: EAGAIN
 * Locks: both buckets, then pi_lock, for the whole move: nobody sees half of it.
 */
#include "lib/printf.h"
#include "proc/futex_internal.h"

long futex_wait_requeue_pi(uaddr_t addr, u32 flags, u32 val, struct deadline deadline, uaddr_t addr2)
{
    struct futex_key target;
    struct pi_waiter w;
    if (addr == addr2)
        return -EINVAL;
    pi_waiter_init(&w);
    w.target = &target;
    int err = futex_key_get(addr2, flags, &target);
    if (!err)
        err = futex_key_get(addr, flags, &w.futex.key);
    if (!err)
        err = futex_queue_if(&w.futex, addr, val, &target);
    if (err)
        return err;
    err = pi_finish(&w, addr2, pi_sleep(&w, deadline));
    if (err == -EINTR)
        return w.state ? -EAGAIN : -ERESTARTNOINTR;
    return err;
}

/* ---- the mover (both buckets, pi_lock) ---- */

struct move {
    struct futex_bucket *from, *to;
    struct futex_key key;
    struct pi_attempt a; /* a.key: where to */
};

static bool is_movable(const struct pi_waiter *w, const struct futex_key *to)
{
    return w && w->target && !w->state && futex_key_equal(w->target, to);
}

/* The futex was taken for w: it returns as soon as its bucket is NULL. */
static void let_go(struct pi_waiter *w)
{
    struct thread *t = w->futex.thread;
    list_del(&w->futex.link);
    thread_get(t);
    w->granted = true;
    store_release(&w->futex.bucket, NULL);
    thread_wake(t, WAKE_NORMAL);
    thread_put(t);
}

static int move_one(struct move *m, struct futex_waiter *f, struct pi_state *s)
{
    struct pi_waiter *w = f->pi ? container_of(f, struct pi_waiter, futex) : NULL;
    if (!is_movable(w, &m->a.key))
        return -EINVAL;
    int err = pi_block(s, w);
    if (err)
        return err;
    list_del(&f->link);
    f->key = m->a.key;
    futex_queue(m->to, f);
    return 0;
}

/* Up to n waiters. How many, or what stopped it; those before that stay moved. */
static long move_some(struct move *m, struct pi_state *s, u32 n)
{
    struct futex_waiter *f, *tmp;
    u32 moved = 0;
    list_for_each_safe (f, tmp, &m->from->waiters, link) {
        if (moved == n)
            break;
        if (!futex_key_equal(&f->key, &m->key))
            continue;
        int err = move_one(m, f, s);
        if (err)
            return err;
        moved++;
    }
    return moved;
}

/* 0: *ret is the call's result. Else as pi_acquire. */
static int move_waiters(struct move *m, u32 requeue, long *ret)
{
    struct pi_state *s = NULL;
    bool any;
    struct pi_waiter *first = pi_waiter_find(m->from, &m->key, &any);
    *ret = 0;
    if (!any)
        return 0;
    if (!is_movable(first, &m->a.key))
        return -EINVAL;
    m->a.thread = first->futex.thread;
    m->a.keep_waiters_bit = requeue != 0;
    int taken = pi_acquire(&m->a, m->to, &s);
    if (taken < 0)
        return taken;
    if (taken)
        let_go(first);
    long moved = move_some(m, s, taken ? requeue : requeue + 1);
    pi_state_put(s);
    *ret = moved < 0 ? moved : taken + moved;
    return 0;
}

/* One attempt. 0: *ret is the result. */
static int try_move(struct move *m, uaddr_t from, u32 cmp, u32 requeue, long *ret)
{
    u32 now;
    m->from = futex_bucket_of(&m->key);
    m->to = futex_bucket_of(&m->a.key);
    for (;;) {
        futex_lock_two(m->from, m->to);
        int err = get_user_u32_nofault(&now, from);
        if (!err && now != cmp) {
            *ret = -EAGAIN;
        } else if (!err) {
            spin_lock(&pi_lock);
            err = move_waiters(m, requeue, ret);
            spin_unlock(&pi_lock);
            futex_unlock_two(m->from, m->to);
            return err;
        }
        futex_unlock_two(m->from, m->to);
        if (!err)
            return 0;
        if (get_user_u32(&now, from)) {
            *ret = -EFAULT;
            return 0;
        }
    }
}

long futex_cmp_requeue_pi(uaddr_t from, uaddr_t to, u32 flags, u32 wake, u32 requeue, u32 cmp)
{
    struct move m;
    long ret = 0;
    if ((s32)requeue < 0 || from == to || wake != 1) /* to wake more would be to let them fight for it */
        return -EINVAL;
    int err = pi_attempt_init(&m.a, to, NULL);
    if (err)
        return err;
    do {
        err = futex_key_get(from, flags, &m.key);
        if (!err)
            err = futex_key_get(to, flags, &m.a.key);
        if (!err && futex_key_equal(&m.key, &m.a.key))
            err = -EINVAL;
        if (err)
            break;
        err = try_move(&m, from, cmp, requeue, &ret);
    } while (pi_try_again(&m.a, &err));
    pi_attempt_end(&m.a);
    return err ? err : ret;
}
