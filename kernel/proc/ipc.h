/* SPDX-License-Identifier: MIT */
/*
 * What System V's segments, semaphores and queues share: a table of objects by id, keys, permissions.
 *
 * An id is a slot and a sequence number, so that one of an object that is gone does not name its successor. Each kind has
 * a table, and its lock covers the table and every object in it; it may be held over a copy to or from user space.
 */
#ifndef PROC_IPC_H
#define PROC_IPC_H

#include "abi/ipc.h"
#include "fs/seq.h"
#include "sched/mutex.h"
#include "sched/sched.h"

#define IPC_SLOTS 32768u /* the most objects of a kind */

struct ipc_object { /* first in each kind */
    int id;         /* (ids.lock) all */
    s32 key;        /* IPC_PRIVATE: no one finds it by key */
    u32 uid, gid, cuid, cgid;
    u32 mode;
    s64 ctime; /* when it was made or changed by IPC_SET */
};
struct ipc_ids {
    struct mutex lock; /* LOCK_IPC */
    u64 limit;         /* how many there may be: sys/kernel/…mni */
    u32 used, size, seq;
    struct ipc_object **slots;
};
#define IPC_IDS_INIT(name, most)                                    \
    {                                                               \
        .lock = MUTEX_INIT((name).lock, LOCK_IPC), .limit = (most), \
    }

/* All with ids->lock held. */
int ipc_add(struct ipc_ids *ids, struct ipc_object *o, s32 key, u32 flags); /* the id; -ENOSPC, -ENOMEM */
void ipc_remove(struct ipc_ids *ids, struct ipc_object *o);
struct ipc_object *ipc_find_key(struct ipc_ids *ids, s32 key);                         /* NULL */
int ipc_find(struct ipc_ids *ids, int id, u32 wanted, struct ipc_object **out);        /* -EINVAL, -EACCES */
int ipc_find_slot(struct ipc_ids *ids, int slot, u32 wanted, struct ipc_object **out); /* the same, by *_STAT's index */
int ipc_last_slot(const struct ipc_ids *ids);                                          /* 0 when there is none */
bool ipc_permits(const struct ipc_object *o, u32 wanted); /* wanted: mode bits in any of the three places */
bool ipc_is_owner(const struct ipc_object *o);
/* The object of a *get call, made by make() when it is missing and may be: the id, or -ENOENT, -EEXIST, -EACCES … */
int ipc_get(struct ipc_ids *ids, s32 key, u32 flags, int (*check)(struct ipc_object *o, u64 arg),
            int (*make)(s32 key, u32 flags, u64 arg), u64 arg);
static inline struct ipc_object *ipc_next(const struct ipc_ids *ids, u32 *i) /* for /proc/sysvipc; from *i = 0 */
{
    while (*i < ids->size) {
        struct ipc_object *o = ids->slots[(*i)++];
        if (o)
            return o;
    }
    return NULL;
}
s64 ipc_now(void); /* seconds */

/* ---- what each kind's control call does alike; without the lock, which is held where they call back ---- */

/* IPC_STAT, *_STAT and *_STAT_ANY (as `any`): fill() with the object: 0, of the latter two its id; -EINVAL, -EACCES. */
int ipc_stat(struct ipc_ids *ids, int id, int cmd, int any, void (*fill)(const struct ipc_object *o, void *out),
             void *out);
void ipc_fill_perm(const struct ipc_object *o, struct ipc64_perm *p);
/* IPC_SET, after change() (NULL: nothing else changes) has agreed. -EINVAL, -EPERM. */
int ipc_set(struct ipc_ids *ids, int id, const struct ipc64_perm *p,
            int (*change)(struct ipc_object *o, const void *arg), const void *arg);
int ipc_destroy(struct ipc_ids *ids, int id, void (*destroy)(struct ipc_object *o)); /* IPC_RMID: -EINVAL, -EPERM */
/* /proc/sysvipc/NAME: head, and for each object a line that begins with key, id and mode, as line() puts it. */
struct ipc_table {
    struct ipc_ids *ids;
    const char *head;
    void (*line)(struct seq_buf *b, const struct ipc_object *o);
};
void ipc_register_table(const char *path, struct ipc_table *table);

/* ---- waiting ---- */

/* On its thread's stack, and on a list of an object. Whoever takes it off stores `result` as the last access; the waiter
 * returns only after it has seen that, or has taken itself off. */
struct ipc_waiter {
    struct list link;
    struct thread *thread;
    int result; /* IPC_WAITING: none yet */
};
#define IPC_WAITING 1
void ipc_wake(struct ipc_waiter *w, int result); /* (ids.lock) after it w is gone */
/* Until woken: the result; -EINTR, -ETIMEDOUT: w is off its list. The lock is not held. */
int ipc_wait(struct ipc_ids *ids, struct ipc_waiter *w, ns_t deadline);

/* /proc/sys/…, a number that root may change, from `min` to `max`. */
struct ipc_limit {
    u64 *value, min, max;
};
ssize_t ipc_write_limit(const char *text, size_t n, void *arg); /* arg: the limit */
void ipc_register_limit(const char *path, const struct ipc_limit *limit);
void ipc_register_setting(const char *path, u32 mode, const struct ipc_limit *limit); /* with another mode */
void shm_init(void);                                                                  /* their files in /proc */
void sem_init(void);
void msg_init(void);

#endif
