/* SPDX-License-Identifier: MIT */
/* What the futexes' files share: futex.c (the hash, waiting, waking), futex_pi.c, futex_pi_lock.c,
 * futex_requeue_pi.c, futex_robust.c. */
#ifndef PROC_FUTEX_INTERNAL_H
#define PROC_FUTEX_INTERNAL_H

#include "abi/errno.h"
#include "arch/usercopy.h"
#include "proc/futex.h"
#include "proc/process.h"

/* ---- the hash: futex.c ---- */

struct futex_key {
    const void *object; /* mm, or number of a mapping */
    u64 offset;         /* address, or byte of the object */
};
struct futex_bucket {
    struct spinlock lock; /* LOCK_FUTEX */
    struct list waiters;
} __cacheline;
struct futex_waiter {
    struct list link; /* of the bucket's: real-time threads first, by their own priority; else as they came (bucket) */
    struct futex_key key;
    u32 bitset;
    u8 priority;
    bool pi; /* it is the first member of a pi_waiter; plain wake-ups and moves of it are refused */
    struct thread *thread;
    struct futex_bucket *bucket; /* NULL: woken */
};

static inline bool futex_key_equal(const struct futex_key *a, const struct futex_key *b)
{
    return a->object == b->object && a->offset == b->offset;
}
int futex_key_get(uaddr_t addr, u32 flags, struct futex_key *k);
struct futex_bucket *futex_bucket_of(const struct futex_key *k);
void futex_queue(struct futex_bucket *b, struct futex_waiter *w); /* (bucket) */
/* Queues w by its key if the word still holds val; extra NULL, or a key that must be another. 0, -EAGAIN, -EINVAL, -EFAULT. */
int futex_queue_if(struct futex_waiter *w, uaddr_t addr, u32 val, const struct futex_key *other);
struct futex_bucket *futex_lock_bucket(struct futex_waiter *w); /* the one w is in, locked; NULL: it was taken off */
void futex_lock_two(struct futex_bucket *a, struct futex_bucket *b);
void futex_unlock_two(struct futex_bucket *a, struct futex_bucket *b);
/* After an access failed under a lock: brings the page in, for writing. 0, -EFAULT. */
int futex_fault_in(uaddr_t addr);

/* ---- priority inheritance: who waits for whom: futex_pi.c ---- */

struct pi_node {
    struct rb_node rb;
    u8 level;
};
struct pi_state {
    u32 refs;               /* waiters in the hash that point here, and the attempt under way (pi_lock) */
    bool orphan;            /* the owner does not stand in the word yet (pi_lock) */
    struct thread *owner;   /* NULL: not yet, or no longer (pi_lock) */
    struct pi_node node;    /* owner.pi_held, by the first waiter's level (pi_lock) */
    struct rb_root waiters; /* by level, then as they came (pi_lock) */
};
struct pi_waiter {
    struct futex_waiter futex;
    struct pi_node node;            /* state.waiters, until granted (pi_lock) */
    struct pi_state *state;         /* what it waits for, or was granted (bucket) */
    bool granted;                   /* it owns the futex: sleep no longer */
    const struct futex_key *target; /* FUTEX_WAIT_REQUEUE_PI: where it is to be moved to */
};

extern struct spinlock pi_lock;        /* all pi_states, and the chains they form */
struct pi_state *pi_state_alloc(void); /* NULL: no memory. Then pi_state_begin or pi_state_free */
void pi_state_free(struct pi_state *s);
/* (pi_lock) */
void pi_state_begin(struct pi_state *s, struct thread *owner); /* with one reference */
void pi_state_put(struct pi_state *s);                         /* NULL: nothing */
struct pi_waiter *pi_first_waiter(const struct pi_state *s);   /* NULL: none */
int pi_block(struct pi_state *s, struct pi_waiter *w);         /* 0: it waits, with a reference. -EDEADLK */
void pi_unblock(struct pi_waiter *w);
void pi_hand_over(struct pi_state *s, struct pi_waiter *w); /* its first waiter */
/* no lock held */
void pi_wait_exit(struct thread *t); /* until it is no longer OWNER_EXITING */

/* ---- its words: futex_pi_lock.c ---- */

/* An attempt at a PI futex for `thread`, which may not be the caller. */
struct pi_attempt {
    uaddr_t addr;
    struct futex_key key;
    struct thread *thread;
    struct pi_state *spare; /* used up if a new one is needed */
    struct thread *exiting; /* -EBUSY: the owner, which is letting go of its futexes; reference */
    bool keep_waiters_bit;  /* more waiters are about to come */
};

void pi_waiter_init(struct pi_waiter *w);
int pi_attempt_init(struct pi_attempt *a, uaddr_t addr, struct thread *t); /* 0, -ENOMEM */
void pi_attempt_end(struct pi_attempt *a);
/* (bucket, pi_lock) */
int pi_acquire(struct pi_attempt *a, struct futex_bucket *b, struct pi_state **out);
/* The first waiter of k, NULL when that is an ordinary one, or there is not *any. (bucket) */
struct pi_waiter *pi_waiter_find(struct futex_bucket *b, const struct futex_key *k, bool *any);
/* no lock held */
bool pi_try_again(struct pi_attempt *a, int *err);
int pi_sleep(struct pi_waiter *w, struct deadline deadline);
int pi_finish(struct pi_waiter *w, uaddr_t addr, int err);

#endif
