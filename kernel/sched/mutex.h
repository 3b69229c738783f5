/* SPDX-License-Identifier: MIT */
/*
 * Sleeping locks: mutex, reader/writer semaphore (nobody is starved), completion. Process context only.
 * Uncontended paths are one atomic instruction.
 */
#ifndef SCHED_MUTEX_H
#define SCHED_MUTEX_H

#include "sched/waitq.h"

struct mutex {
    u64 owner; /* struct thread * and two bits of the waiters (mutex.c); 0: free */
    struct waitq waiters;
    u32 cls;
};
#define MUTEX_INIT(name, class)                \
    {                                          \
        0, WAITQ_INIT((name).waiters), (class) \
    }
void mutex_init(struct mutex *m, enum lock_class cls);
void mutex_lock(struct mutex *m);
int mutex_lock_interruptible(struct mutex *m) __must_check; /* 0, -EINTR */
int mutex_lock_killable(struct mutex *m) __must_check;      /* 0, -EINTR */
bool mutex_trylock(struct mutex *m);
void mutex_unlock(struct mutex *m);
bool mutex_is_held(const struct mutex *m); /* by the caller */
void mutex_lock_nested(struct mutex *m);   /* equal class allowed: the caller follows the rule in lock_order.h */

struct rwsem {
    s64 count; /* readers, or what mutex.c says */
    u32 writers_waiting;
    u32 cls;
    union { /* (waiters.lock) who was woken in vain */
        struct {
            u32 due_readers, due_writers;
        };
        u64 due;
    };
    u32 grants;             /* (waiters.lock) how often the due readers were given the lock */
    bool readers_were_last; /* (waiters.lock) ... and were they, at the last hand-over? */
    struct waitq waiters;
};
void rwsem_init(struct rwsem *s, enum lock_class cls);
void rwsem_read_lock(struct rwsem *s);
int rwsem_read_lock_killable(struct rwsem *s) __must_check;
bool rwsem_read_trylock(struct rwsem *s);
void rwsem_read_unlock(struct rwsem *s);
void rwsem_write_lock(struct rwsem *s);
void rwsem_write_lock_nested(struct rwsem *s);
int rwsem_write_lock_killable(struct rwsem *s) __must_check;
void rwsem_write_unlock(struct rwsem *s);
void rwsem_downgrade(struct rwsem *s); /* writer → reader */

struct completion {
    u32 done;
    struct waitq wq;
};
void completion_init(struct completion *c);
void complete(struct completion *c);
void wait_for_completion(struct completion *c);
int wait_for_completion_killable(struct completion *c) __must_check;

#endif
