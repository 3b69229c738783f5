// SPDX-License-Identifier: MIT
/*
 * Priority inheritance: who waits for whom, and what that lends. The words are futex_pi_lock.c's.
 *
 * The kernel knows of a PI futex only while someone waits. What it knows then is a pi_state. Every waiter lies in the hash
 * of futex.c under the word's key, as ordinary ones do, and points to the state; whoever comes to the word finds the state
 * through any of them. The state holds the waiters ordered by priority, and the owner, which has all its states in a tree
 * (thread.pi_held) ordered by their first waiter. So what a thread is lent is one look at the top of its tree, and a change
 * is carried from lock to owner to the lock that this one waits for (thread.pi_blocked), until nothing changes:
 * chain_update().
 *
 * Life of a pi_state, and the function of each edge:
 *     no state ──pi_acquire: the word says who owns it──► HELD ──unlock, pi_hand_over──► HELD by the first waiter
 *     HELD ──release_one: its owner ends, pi_hand_over──► ORPHAN ──adopt: the new owner writes the word──► HELD
 *     HELD ──pi_finish, pi_state_put: the last waiter leaves──► no state
 * A lock is handed over, never put up for grabs: the first waiter is the owner as soon as the old one lets go, and the word
 * says so. Only a dying owner cannot write the word (the waiter may know it by another address, and the page may have to be
 * brought in): then the state is an orphan until its new owner, awake, has written the word.
 *
 * Invariants:
 *  1. A state exists while a waiter in the hash points to it (refs), and during one critical section of pi_lock.
 *  2. A waiter is in state.waiters until it is granted or leaves; it is in the hash until it leaves (pi_finish). Its thread's
 *     pi_blocked points to it exactly while it is in state.waiters.
 *  3. The owners' chains have no circle: pi_block refuses to close one (-EDEADLK), and a new owner waits for nothing.
 *  4. The owner of a state is not beyond OWNER_EXITING: pi_acquire looks at that under pi_lock, under which it begins.
 *
 * Locks: pi_lock (LOCK_FUTEX_PI), one for all states, under which the priorities are set (run queue) and waiters woken. One
 * lock, because chains cross processes and a walk along one must see it whole; it is taken by contended PI futexes and at
 * the end of a thread only.
 */
#include "lib/printf.h"
#include "mem/slab.h"
#include "proc/futex_internal.h"

#define CHAIN_MAX 1024 /* owners behind one another; a longer chain counts as a deadlock */

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

struct pi_waiter *pi_first_waiter(const struct pi_state *s)
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

void pi_unblock(struct pi_waiter *w)
{
    tree_remove(&w->state->waiters, &w->node);
    w->futex.thread->pi_blocked = NULL;
    chain_update(w->state);
}

/* The owner lets go: the first waiter has it now. It leaves its stack only after it had pi_lock, in pi_finish. */
void pi_hand_over(struct pi_state *s, struct pi_waiter *w)
{
    tree_remove(&s->waiters, &w->node);
    w->futex.thread->pi_blocked = NULL;
    set_owner(s, w->futex.thread);
    store_release(&w->granted, true);
    thread_wake(w->futex.thread, WAKE_NORMAL);
}

struct pi_state *pi_state_alloc(void)
{
    return slab_alloc(&state_cache, MEM_WAIT);
}

void pi_state_free(struct pi_state *s)
{
    slab_free(&state_cache, s);
}

void pi_state_begin(struct pi_state *s, struct thread *owner)
{
    *s = (struct pi_state){.refs = 1};
    set_owner(s, owner);
}

void pi_state_put(struct pi_state *s)
{
    if (!s || --s->refs)
        return;
    set_owner(s, NULL);
    pi_state_free(s);
}

/* Called when t's policy or priority was changed from outside: its place, and what it lends. */
void futex_pi_reorder(struct thread *t)
{
    spin_lock(&pi_lock);
    chain_update(move_in_queue(t));
    spin_unlock(&pi_lock);
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
        struct pi_waiter *w = pi_first_waiter(s);
        ASSERT(w);
        s->orphan = true;
        pi_hand_over(s, w);
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

void pi_wait_exit(struct thread *t)
{
    wait_event(&exits, READ_ONCE(t->futex_life) != FUTEX_LIFE_EXITING);
}
