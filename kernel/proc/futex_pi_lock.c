// SPDX-License-Identifier: MIT
/*
 * Futexes with priority inheritance: their words. Who waits for whom, and what that lends, is futex_pi.c's.
 *
 * The word of a PI futex is 0 when free, else its owner's thread number, with FUTEX_WAITERS when whoever unlocks must ask
 * the kernel and FUTEX_OWNER_DIED when an owner died holding it. User space takes and frees an uncontended one by
 * compare-and-exchange; the kernel knows of it only while someone waits, by a pi_state.
 *
 * What user space writes into the word is believed only where it agrees with the state; otherwise -EINVAL. FUTEX_WAITERS
 * stays when the last waiter becomes the owner: it costs one call and no one a race.
 *
 * Locks: bucket (the word against the hash, as in futex.c), then pi_lock. Words are touched without faulting; after a fault
 * everything is let go, the page brought in, and the attempt begins again.
 */
#include "lib/printf.h"
#include "proc/futex_internal.h"

#define AGAIN 1 /* unlock_locked: the word changed in a way that means "once more" */

/* ---- an attempt (bucket, pi_lock) ---- */

static u32 tid_of(const struct thread *t)
{
    return (u32)t->tid & FUTEX_TID_MASK;
}

/* 0, -EFAULT, -EAGAIN: the word is another. */
static int change_word(uaddr_t addr, u32 from, u32 to)
{
    u32 old;
    if (user_cmpxchg_u32_nofault(addr, from, to, &old))
        return -EFAULT;
    return old == from ? 0 : -EAGAIN;
}

static int word_still(uaddr_t addr, u32 v)
{
    u32 now;
    if (get_user_u32_nofault(&now, addr))
        return -EFAULT;
    return now == v ? 0 : -EAGAIN;
}

/* Does the word agree with s? An orphan's says that its owner died, and names nobody. */
static int attach_state(struct pi_attempt *a, struct pi_state *s, u32 v, struct pi_state **out)
{
    u32 tid = v & FUTEX_TID_MASK;
    int err = word_still(a->addr, v);
    if (err)
        return err;
    bool died = v & FUTEX_OWNER_DIED;
    bool right = s->orphan ? died && !tid : (died && !tid) || (s->owner && tid == tid_of(s->owner));
    if (!right)
        return -EINVAL;
    s->refs++;
    *out = s;
    return 0;
}

static struct pi_state *new_state(struct pi_attempt *a, struct thread *owner)
{
    struct pi_state *s = a->spare;
    a->spare = NULL;
    pi_state_begin(s, owner);
    return s;
}

/* The first to wait: whom does the word name? */
static int attach_owner(struct pi_attempt *a, u32 v, struct pi_state **out)
{
    struct thread *t = thread_find((s32)(v & FUTEX_TID_MASK));
    int err = 0;
    if (t && !t->process) {
        err = -EPERM;
    } else if (t && t->futex_life == FUTEX_LIFE_EXITING) {
        a->exiting = t;
        return -EBUSY;
    } else if (t && t->futex_life == FUTEX_LIFE_OK) {
        *out = new_state(a, t);
    } else { /* it ended without having marked the word; or marked it just now */
        err = word_still(a->addr, v);
        err = err ? err : -ESRCH;
    }
    if (t)
        thread_put(t);
    return err;
}

struct pi_waiter *pi_waiter_find(struct futex_bucket *b, const struct futex_key *k, bool *any)
{
    struct futex_waiter *w;
    list_for_each (w, &b->waiters, link) {
        if (!futex_key_equal(&w->key, k))
            continue;
        *any = true;
        return w->pi ? container_of(w, struct pi_waiter, futex) : NULL;
    }
    *any = false;
    return NULL;
}

/* Nobody owns it: a->thread does now. */
static int take_free(struct pi_attempt *a, u32 v, struct pi_state **out)
{
    u32 new = (v & FUTEX_OWNER_DIED) | tid_of(a->thread) | (a->keep_waiters_bit ? FUTEX_WAITERS : 0);
    int err = change_word(a->addr, v, new);
    if (err)
        return err;
    if (a->keep_waiters_bit)
        *out = new_state(a, a->thread);
    return 1;
}

/* 1: a->thread has it. 0: *out (reference) is what to wait for. -EDEADLK, -EINVAL, -ESRCH, -EPERM; or what pi_try_again
 * takes: -EFAULT, -EAGAIN, -EBUSY. */
int pi_acquire(struct pi_attempt *a, struct futex_bucket *b, struct pi_state **out)
{
    u32 v;
    bool any;
    if (get_user_u32_nofault(&v, a->addr))
        return -EFAULT;
    if ((v & FUTEX_TID_MASK) == tid_of(a->thread))
        return -EDEADLK;
    struct pi_waiter *w = pi_waiter_find(b, &a->key, &any);
    if (any)
        return w && w->state ? attach_state(a, w->state, v, out) : -EINVAL;
    if (!(v & FUTEX_TID_MASK))
        return take_free(a, v, out);
    int err = change_word(a->addr, v, v | FUTEX_WAITERS);
    return err ? err : attach_owner(a, v | FUTEX_WAITERS, out);
}

/* No lock held. Whether to begin again, after what was in the way is gone; else *err is the end. */
bool pi_try_again(struct pi_attempt *a, int *err)
{
    switch (*err) {
    case -EFAULT:
        return !(*err = futex_fault_in(a->addr));
    case -EBUSY:
        pi_wait_exit(a->exiting);
        thread_put(a->exiting);
        return true;
    case -EAGAIN:
        cond_resched();
        return true;
    default:
        return false;
    }
}

int pi_attempt_init(struct pi_attempt *a, uaddr_t addr, struct thread *t)
{
    *a = (struct pi_attempt){.addr = addr, .thread = t, .spare = pi_state_alloc()};
    return a->spare ? 0 : -ENOMEM;
}

void pi_attempt_end(struct pi_attempt *a)
{
    if (a->spare)
        pi_state_free(a->spare);
}

/* ---- lock ---- */

/* 1: taken. 0: w waits. -EWOULDBLOCK of a trylock: *last, as that is what pi_try_again would repeat. */
static int lock_once(struct pi_attempt *a, struct pi_waiter *w, bool try, bool *last)
{
    struct futex_bucket *b = futex_bucket_of(&a->key);
    struct pi_state *s = NULL;
    spin_lock(&b->lock);
    spin_lock(&pi_lock);
    int err = pi_acquire(a, b, &s);
    if (!err) {
        err = try ? -EWOULDBLOCK : pi_block(s, w);
        *last = true;
    }
    if (!err) {
        w->futex.key = a->key;
        futex_queue(b, &w->futex);
    }
    pi_state_put(s);
    spin_unlock(&pi_lock);
    spin_unlock(&b->lock);
    return err;
}

/* Until w is granted: 0, -EINTR, -ETIMEDOUT. It may have been granted all the same: pi_finish knows. */
int pi_sleep(struct pi_waiter *w, struct deadline deadline)
{
    return sleep_until_cond(load_acquire(&w->granted), THREAD_SLEEP_INT, sleep_until_on(deadline));
}

/* The caller was left s by a dying owner: the word is to say so. */
static int adopt(struct pi_state *s, uaddr_t addr)
{
    u32 v;
    int err = get_user_u32_nofault(&v, addr);
    while (!err) {
        u32 new = tid_of(current_thread()) | FUTEX_WAITERS | FUTEX_OWNER_DIED, old;
        err = user_cmpxchg_u32_nofault(addr, v, new, &old);
        if (!err && old == v) {
            s->orphan = false;
            return 0;
        }
        v = old;
    }
    return -EFAULT;
}

/* w is in its bucket and points to a state: out of both. -EFAULT with nothing done: the word cannot be written (force: then
 * it is left as it is). Else what the wait ended with, 0 when it was granted meanwhile. */
static int leave(struct pi_waiter *w, uaddr_t addr, int err, bool force)
{
    int ret = err;
    spin_lock(&pi_lock);
    if (!w->granted) {
        pi_unblock(w);
    } else {
        ret = w->state->orphan ? adopt(w->state, addr) : 0;
        if (ret && !force) {
            spin_unlock(&pi_lock);
            return ret;
        }
        w->state->orphan = false;
    }
    list_del(&w->futex.link);
    w->futex.bucket = NULL;
    pi_state_put(w->state);
    spin_unlock(&pi_lock);
    return ret;
}

/* The end of a wait that came to err: 0 when the futex is the caller's, else err; -EFAULT: it is, but cannot be told so. */
int pi_finish(struct pi_waiter *w, uaddr_t addr, int err)
{
    bool force = false;
    for (;;) {
        struct futex_bucket *b = futex_lock_bucket(&w->futex);
        if (!b)
            return 0; /* taken on its behalf, by futex_cmp_requeue_pi */
        if (!w->state) {
            list_del(&w->futex.link);
            w->futex.bucket = NULL;
            spin_unlock(&b->lock);
            return err;
        }
        int ret = leave(w, addr, err, force);
        spin_unlock(&b->lock);
        if (ret != -EFAULT || force)
            return ret;
        force = futex_fault_in(addr);
    }
}

void pi_waiter_init(struct pi_waiter *w)
{
    struct thread *t = current_thread();
    *w = (struct pi_waiter){.futex = {.thread = t, .pi = true, .bitset = FUTEX_BITSET_MATCH_ANY}};
    w->futex.priority = READ_ONCE(t->rt_priority);
}

long futex_lock_pi(uaddr_t addr, u32 flags, struct deadline deadline, bool try)
{
    struct pi_attempt a;
    struct pi_waiter w;
    bool last = false;
    pi_waiter_init(&w);
    int err = pi_attempt_init(&a, addr, current_thread());
    if (err)
        return err;
    do {
        err = futex_key_get(addr, flags, &a.key);
        if (err)
            break;
        err = lock_once(&a, &w, try, &last);
    } while (!last && pi_try_again(&a, &err));
    if (!err)
        err = pi_finish(&w, addr, pi_sleep(&w, deadline));
    pi_attempt_end(&a);
    return err == 1 ? 0 : err == -EINTR ? -ERESTARTNOINTR : err;
}

/* ---- unlock ---- */

/* The word held v, which names the caller (bucket, pi_lock). 0, AGAIN, -EFAULT, -EINVAL. */
static int unlock_locked(uaddr_t addr, u32 v, struct futex_bucket *b, const struct futex_key *k)
{
    bool any;
    u32 old;
    struct pi_waiter *w = pi_waiter_find(b, k, &any);
    if (!any) { /* somebody who begins to wait, or gave up, may have set FUTEX_WAITERS since v was read */
        int err = change_word(addr, v, 0);
        return err == -EAGAIN ? AGAIN : err;
    }
    if (!w || !w->state || w->state->owner != current_thread() || w->state->orphan)
        return -EINVAL;
    struct pi_state *s = w->state;
    w = pi_first_waiter(s);
    ASSERT(w);
    if (user_cmpxchg_u32_nofault(addr, v, FUTEX_WAITERS | tid_of(w->futex.thread), &old))
        return -EFAULT;
    if (old != v)
        return (old & FUTEX_TID_MASK) == (v & FUTEX_TID_MASK) ? AGAIN : -EINVAL;
    pi_hand_over(s, w);
    return 0;
}

long futex_unlock_pi(uaddr_t addr, u32 flags)
{
    int err;
    do {
        struct futex_key k;
        u32 v;
        if (get_user_u32(&v, addr))
            return -EFAULT;
        if ((v & FUTEX_TID_MASK) != tid_of(current_thread()))
            return -EPERM;
        err = futex_key_get(addr, flags, &k);
        if (err)
            return err;
        struct futex_bucket *b = futex_bucket_of(&k);
        spin_lock(&b->lock);
        spin_lock(&pi_lock);
        err = unlock_locked(addr, v, b, &k);
        spin_unlock(&pi_lock);
        spin_unlock(&b->lock);
    } while (err == AGAIN || (err == -EFAULT && !futex_fault_in(addr)));
    return err;
}
