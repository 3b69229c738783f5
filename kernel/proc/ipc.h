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

#define IPC_SLOTS 32768u /* the most objects of a kind */

struct ipc_object { /* first in each kind */
    int id;         /* (ids.lock) all */
    s32 key;        /* IPC_PRIVATE: no one finds it by key */
    u32 uid, gid, cuid, cgid;
    u32 mode;
};
struct ipc_ids {
    struct mutex lock; /* LOCK_IPC */
    u32 limit;         /* how many there may be: sys/kernel/…mni */
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
int ipc_find_owned(struct ipc_ids *ids, int id, struct ipc_object **out);              /* -EINVAL, -EPERM */
int ipc_last_slot(const struct ipc_ids *ids);                                          /* 0 when there is none */
bool ipc_permits(const struct ipc_object *o, u32 wanted); /* wanted: mode bits in any of the three places */
bool ipc_is_owner(const struct ipc_object *o);
void ipc_fill_perm(const struct ipc_object *o, struct ipc64_perm *p);
void ipc_set_perm(struct ipc_object *o, const struct ipc64_perm *p);
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
/* /proc/sys/…, a number that root may change, from `min` to `max`. */
struct ipc_limit {
    u64 *value, min, max;
};
void ipc_register_limit(const char *path, const struct ipc_limit *limit);
void shm_init(void); /* their files in /proc */
void sem_init(void);
void msg_init(void);

#endif
