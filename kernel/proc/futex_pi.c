// SPDX-License-Identifier: MIT
/*
 * Futexes with priority inheritance.
 *
 * The word of a PI futex is 0 when free, else its owner's thread number, with FUTEX_WAITERS when whoever unlocks must ask
 * the kernel and FUTEX_OWNER_DIED when an owner died holding it. User space takes and frees an uncontended one by
 * compare-and-exchange; the kernel knows of it only while someone waits.
 *
 * What it knows then is a pi_state. Every waiter lies in the hash of futex.c under the word's key, as ordinary ones do, and
 * points to the state; whoever comes to the word finds the state through any of them. The state holds the waiters ordered by
 * priority, and the owner, which has all its states in a tree (thread.pi_held) ordered by their first waiter. So what a
 * thread is lent is one look at the top of its tree, and a change is carried from lock to owner to the lock that this one
 * waits for (thread.pi_blocked), until nothing changes: chain_update().
 *
 * Life of a pi_state, and the function of each edge:
 *     no state ──pi_acquire: the word says who owns it──► HELD ──unlock, hand_over──► HELD by the first waiter
 *     HELD ──release_one: its owner ends, hand_over──► ORPHAN ──adopt: the new owner writes the word──► HELD
 *     HELD ──pi_finish, pi_state_put: the last waiter leaves──► no state
 * A lock is handed over, never put up for grabs: the first waiter is the owner as soon as the old one lets go, and the word
 * says so. Only a dying owner cannot write the word (the waiter may know it by another address, and the page may have to be
 * brought in): then the state is an orphan until its new owner, awake, has written the word. Of the word, FUTEX_WAITERS stays
 * when the last waiter becomes the owner: it costs one call and no one a race.
 *
 * Invariants:
 *  1. A state exists while a waiter in the hash points to it (refs), and during one critical section of pi_lock.
 *  2. A waiter is in state.waiters until it is granted or leaves; it is in the hash until it leaves (pi_finish). Its thread's
 *     pi_blocked points to it exactly while it is in state.waiters.
 *  3. The owners' chains have no circle: pi_block refuses to close one (-EDEADLK), and a new owner waits for nothing.
 *  4. The owner of a state is not beyond OWNER_EXITING: pi_acquire looks at that under pi_lock, under which it begins.
 *  5. What user space writes into the word is believed only where it agrees with the state; otherwise -EINVAL.
 *
 * Locks: bucket (the word against the hash, as in futex.c), then pi_lock (LOCK_FUTEX_PI), one for all states, under which
 * the priorities are set (run queue) and waiters woken. One lock, because chains cross processes and a walk along one must see
 * it whole; it is taken by contended PI futexes and at the end of a thread only. Words are touched without faulting; after a
 * fault everything is let go, the page brought in, and the attempt begins again.
 */
#include "lib/printf.h"
#include "mem/slab.h"
#include "proc/futex_internal.h"

#define CHAIN_MAX 1024 /* owners behind one another; a longer chain counts as a deadlock */
#define AGAIN 1        /* unlock_locked: the word changed in a way that means "once more" */

struct pi_state {
    u32 refs;               /* waiters in the hash that point here, and the attempt under way (pi_lock) */
    bool orphan;            /* the owner does not stand in the word yet (pi_lock) */
    struct thread *owner;   /* NULL: not yet, or no longer (pi_lock) */
    struct pi_node node;    /* owner.pi_held, by the first waiter's level (pi_lock) */
    struct rb_root waiters; /* by level, then as they came (pi_lock) */
};

struct spinlock pi_lock = SPINLOCK_INIT(LOCK_FUTEX_PI);
static SLAB_CACHE(state_cache, "pi_state", struct pi_state);
static struct waitq exits = WAITQ_INIT(exits); /* those who wait for an OWNER_EXITING to be over */

/* ---- trees by level, highest first ---- */

static void tree_add(struct rb_root *root, struct pi_node *n, u8 level)
{
    struct rb_node **link = &root->node, *parent = NULL;
    n->level = level;
    while (*link) {
        parent = *link;
        link = level > rb_entry(parent, struct pi_node, rb)->level ? &parent->left : &parent->right;
    }
    rb_link(&n->rb, parent, link);
    rb_insert_fixup(root, &n->rb, NULL);
}

static void tree_remove(struct rb_root *root, struct pi_node *n)
{
    rb_erase(root, &n->rb, NULL);
}

/* 0: it is empty, or nobody in it is real-time. */
static u8 tree_level(const struct rb_root *root)
{
    struct rb_node *n = rb_first(root);
    return n ? rb_entry(n, struct pi_node, rb)->level : 0;
}

static struct pi_waiter *first_waiter(const struct pi_state *s)
{
    struct rb_node *n = rb_first(&s->waiters);
    return n ? rb_entry(n, struct pi_waiter, node.rb) : NULL;
}

/* ---- the chain (pi_lock) ---- */

/* t's level has changed, perhaps: its place among those it waits with. The state whose order that changed, or NULL. */
static struct pi_state *move_in_queue(struct thread *t)
{
    struct pi_waiter *w = t->pi_blocked;
    u8 level = READ_ONCE(t->level);
    if (!w || w->node.level == level)
        return NULL;
    tree_remove(&w->state->waiters, &w->node);
    tree_add(&w->state->waiters, &w->node, level);
    return w->state;
}

static struct pi_state *boost_owner(struct thread *t)
{
    sched_set_boost(t, tree_level(&t->pi_held));
    return move_in_queue(t);
}

/* The waiters of s have changed: what that means for its owner, and the owner of what this one waits for, and so on. */
static void chain_update(struct pi_state *s)
{
    while (s && s->owner) {
        u8 level = tree_level(&s->waiters);
        if (level != s->node.level) {
            tree_remove(&s->owner->pi_held, &s->node);
            tree_add(&s->owner->pi_held, &s->node, level);
        }
        s = boost_owner(s->owner);
    }
}

static void set_owner(struct pi_state *s, struct thread *t)
{
    struct thread *old = s->owner;
    if (old) {
        tree_remove(&old->pi_held, &s->node);
        s->owner = NULL;
        chain_update(boost_owner(old));
    }
    if (t) {
        s->owner = t;
        tree_add(&t->pi_held, &s->node, tree_level(&s->waiters));
        chain_update(boost_owner(t));
    }
}

static bool closes_circle(const struct pi_state *s, const struct thread *t)
{
    const struct thread *o = s->owner;
    for (u32 n = 0; o && n < CHAIN_MAX; n++) {
        if (o == t)
            return true;
        if (!o->pi_blocked)
            return false;
        o = o->pi_blocked->state->owner;
    }
    return o != NULL;
}

/* w's thread begins to wait for s. 0, -EDEADLK. */
int pi_block(struct pi_state *s, struct pi_waiter *w)
{
    struct thread *t = w->futex.thread;
    if (closes_circle(s, t))
        return -EDEADLK;
    s->refs++;
    w->state = s;
    t->pi_blocked = w;
    tree_add(&s->waiters, &w->node, READ_ONCE(t->level));
    chain_update(s);
    return 0;
}

static void unblock(struct pi_waiter *w)
{
    tree_remove(&w->state->waiters, &w->node);
    w->futex.thread->pi_blocked = NULL;
    chain_update(w->state);
}

/* The owner lets go: the first waiter has it now. It leaves its stack only after it had pi_lock, in pi_finish. */
static void hand_over(struct pi_state *s, struct pi_waiter *w)
{
    tree_remove(&s->waiters, &w->node);
    w->futex.thread->pi_blocked = NULL;
    set_owner(s, w->futex.thread);
    store_release(&w->granted, true);
    thread_wake(w->futex.thread, WAKE_NORMAL);
}

void pi_state_put(struct pi_state *s)
{
    if (!s || --s->refs)
        return;
    set_owner(s, NULL);
    slab_free(&state_cache, s);
}

/* Called when t's policy or priority was changed from outside: its place, and what it lends. */
void futex_pi_reorder(struct thread *t)
{
    spin_lock(&pi_lock);
    chain_update(move_in_queue(t));
    spin_unlock(&pi_lock);
}

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
    *s = (struct pi_state){.refs = 1};
    set_owner(s, owner);
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
        wait_event(&exits, READ_ONCE(a->exiting->futex_life) != FUTEX_LIFE_EXITING);
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
    *a = (struct pi_attempt){.addr = addr, .thread = t, .spare = slab_alloc(&state_cache, MEM_WAIT)};
    return a->spare ? 0 : -ENOMEM;
}

void pi_attempt_end(struct pi_attempt *a)
{
    if (a->spare)
        slab_free(&state_cache, a->spare);
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
        unblock(w);
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
    w = first_waiter(s);
    ASSERT(w);
    if (user_cmpxchg_u32_nofault(addr, v, FUTEX_WAITERS | tid_of(w->futex.thread), &old))
        return -EFAULT;
    if (old != v)
        return (old & FUTEX_TID_MASK) == (v & FUTEX_TID_MASK) ? AGAIN : -EINVAL;
    hand_over(s, w);
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

/* ---- the end of an owner ---- */

void futex_pi_exit_begin(struct thread *t)
{
    spin_lock(&pi_lock);
    t->futex_life = FUTEX_LIFE_EXITING;
    spin_unlock(&pi_lock);
}

/* One of what t holds goes to its first waiter. false: it holds nothing, and nothing can be added (invariant 4). The look
 * needs the lock: a waiter that gives up takes the state out of the tree, for good or to put it back elsewhere. */
static bool release_one(struct thread *t)
{
    spin_lock(&pi_lock);
    struct rb_node *n = rb_first(&t->pi_held);
    if (n) {
        struct pi_state *s = rb_entry(n, struct pi_state, node.rb);
        struct pi_waiter *w = first_waiter(s);
        ASSERT(w);
        s->orphan = true;
        hand_over(s, w);
    }
    spin_unlock(&pi_lock);
    return n;
}

void futex_pi_exit_end(struct thread *t, bool dead)
{
    while (release_one(t))
        cond_resched();
    __atomic_store_n(&t->futex_life, dead ? FUTEX_LIFE_DEAD : FUTEX_LIFE_OK, __ATOMIC_SEQ_CST);
    waitq_wake_all(&exits);
}
