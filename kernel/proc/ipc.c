// SPDX-License-Identifier: MIT
/* System V IPC: ids, keys and permissions of all kinds. See ipc.h. */
#include "proc/ipc.h"

#include "abi/errno.h"
#include "arch/clock.h"
#include "fs/vfs.h"
#include "lib/string.h"
#include "mem/slab.h"
#include "proc/cred.h"
#include "proc/process.h"

#define MAY_STAT 0444u

static int grow(struct ipc_ids *ids)
{
    u32 size = ids->size ? ids->size * 2 : 16;
    struct ipc_object **slots = kzalloc(size * sizeof(*slots), MEM_WAIT);
    if (!slots)
        return -ENOMEM;
    if (ids->size)
        memcpy(slots, ids->slots, ids->size * sizeof(*slots));
    kfree(ids->slots);
    ids->slots = slots;
    ids->size = size;
    return 0;
}

int ipc_add(struct ipc_ids *ids, struct ipc_object *o, s32 key, u32 flags)
{
    const struct cred *c = current_cred();
    u32 i = 0;
    if (ids->used >= MIN(ids->limit, (u64)IPC_SLOTS))
        return -ENOSPC;
    while (i < ids->size && ids->slots[i])
        i++;
    if (i == ids->size && grow(ids))
        return -ENOMEM;
    ids->slots[i] = o;
    ids->used++;
    o->id = (int)(ids->seq % 0xffff * IPC_SLOTS + i);
    o->key = key;
    o->uid = o->cuid = c->euid;
    o->gid = o->cgid = c->egid;
    o->mode = flags & 0777;
    o->ctime = ipc_now();
    return o->id;
}

void ipc_remove(struct ipc_ids *ids, struct ipc_object *o)
{
    ids->slots[(u32)o->id % IPC_SLOTS] = NULL;
    ids->used--;
    ids->seq++;
}

struct ipc_object *ipc_find_key(struct ipc_ids *ids, s32 key)
{
    struct ipc_object *o;
    for (u32 i = 0; (o = ipc_next(ids, &i));) {
        if (o->key == key)
            return o;
    }
    return NULL;
}

bool ipc_is_owner(const struct ipc_object *o)
{
    u32 euid = current_cred()->euid;
    return euid == o->uid || euid == o->cuid;
}

bool ipc_permits(const struct ipc_object *o, u32 wanted)
{
    const struct fs_cred *c = &current_cred()->fs;
    u32 granted = o->mode, asked = (wanted >> 6 | wanted >> 3 | wanted) & 7;
    if (ipc_is_owner(o))
        granted >>= 6;
    else if (cred_in_group(c, o->gid) || cred_in_group(c, o->cgid))
        granted >>= 3;
    return !(asked & ~granted) || capable(CAP_IPC_OWNER);
}

int ipc_find_slot(struct ipc_ids *ids, int slot, u32 wanted, struct ipc_object **out)
{
    u32 i = (u32)slot % IPC_SLOTS;
    if (slot < 0 || i >= ids->size || !ids->slots[i])
        return -EINVAL;
    *out = ids->slots[i];
    return ipc_permits(*out, wanted) ? 0 : -EACCES;
}

int ipc_find(struct ipc_ids *ids, int id, u32 wanted, struct ipc_object **out)
{
    int err = ipc_find_slot(ids, id, 0, out);
    if (!err && (*out)->id != id)
        err = -EINVAL;
    return !err && !ipc_permits(*out, wanted) ? -EACCES : err;
}

int ipc_last_slot(const struct ipc_ids *ids)
{
    int last = 0;
    for (u32 i = 0; i < ids->size; i++) {
        if (ids->slots[i])
            last = (int)i;
    }
    return last;
}

void ipc_fill_perm(const struct ipc_object *o, struct ipc64_perm *p)
{
    memset(p, 0, sizeof(*p));
    p->key = o->key;
    p->uid = o->uid;
    p->gid = o->gid;
    p->cuid = o->cuid;
    p->cgid = o->cgid;
    p->mode = (typeof(p->mode))o->mode;
    p->seq = (u16)((u32)o->id / IPC_SLOTS);
}

/* ---- control ---- */

int ipc_stat(struct ipc_ids *ids, int id, int cmd, int any, void (*fill)(const struct ipc_object *o, void *out),
             void *out)
{
    struct ipc_object *o;
    mutex_lock(&ids->lock);
    int ret = cmd == IPC_STAT ? ipc_find(ids, id, MAY_STAT, &o) : ipc_find_slot(ids, id, cmd == any ? 0 : MAY_STAT, &o);
    if (!ret) {
        fill(o, out);
        ret = cmd == IPC_STAT ? 0 : o->id;
    }
    mutex_unlock(&ids->lock);
    return ret;
}

/* -EINVAL, -EPERM */
static int find_owned(struct ipc_ids *ids, int id, struct ipc_object **out)
{
    int err = ipc_find(ids, id, 0, out);
    return !err && !ipc_is_owner(*out) && !capable(CAP_SYS_ADMIN) ? -EPERM : err;
}

int ipc_set(struct ipc_ids *ids, int id, const struct ipc64_perm *p,
            int (*change)(struct ipc_object *o, const void *arg), const void *arg)
{
    struct ipc_object *o;
    mutex_lock(&ids->lock);
    int err = find_owned(ids, id, &o);
    if (!err && (p->uid == ~0u || p->gid == ~0u))
        err = -EINVAL;
    if (!err && change)
        err = change(o, arg);
    if (!err) {
        o->uid = p->uid;
        o->gid = p->gid;
        o->mode = (o->mode & ~0777u) | (p->mode & 0777u);
        o->ctime = ipc_now();
    }
    mutex_unlock(&ids->lock);
    return err;
}

int ipc_destroy(struct ipc_ids *ids, int id, void (*destroy)(struct ipc_object *o))
{
    struct ipc_object *o;
    mutex_lock(&ids->lock);
    int err = find_owned(ids, id, &o);
    if (!err)
        destroy(o);
    mutex_unlock(&ids->lock);
    return err;
}

static int show_table(struct seq_buf *b, void *arg)
{
    const struct ipc_table *t = arg;
    struct ipc_object *o;
    seq_puts(b, t->head);
    mutex_lock(&t->ids->lock);
    for (u32 i = 0; (o = ipc_next(t->ids, &i));) {
        seq_printf(b, "%10d %10d  %4o ", o->key, o->id, o->mode);
        t->line(b, o);
    }
    mutex_unlock(&t->ids->lock);
    return 0;
}

void ipc_register_table(const char *path, struct ipc_table *table)
{
    proc_register(path, 0444, show_table, NULL, table);
}

/* ---- waiting ---- */

void ipc_wake(struct ipc_waiter *w, int result)
{
    struct thread *t = w->thread;
    list_del(&w->link);
    thread_get(t); /* it may return and exit as soon as it sees the result */
    store_release(&w->result, result);
    thread_wake(t, WAKE_NORMAL);
    thread_put(t);
}

int ipc_wait(struct ipc_ids *ids, struct ipc_waiter *w, ns_t deadline)
{
    int err = sleep_until_cond(load_acquire(&w->result) != IPC_WAITING, THREAD_SLEEP_INT, sleep_until(deadline));
    if (!err)
        return w->result;
    mutex_lock(&ids->lock);
    int result = w->result;
    if (result == IPC_WAITING) {
        list_del(&w->link);
        result = err;
    }
    mutex_unlock(&ids->lock);
    return result;
}

/* ---- getting ---- */

int ipc_get(struct ipc_ids *ids, s32 key, u32 flags, int (*check)(struct ipc_object *o, u64 arg),
            int (*make)(s32 key, u32 flags, u64 arg), u64 arg)
{
    mutex_lock(&ids->lock);
    struct ipc_object *o = key == IPC_PRIVATE ? NULL : ipc_find_key(ids, key);
    int id;
    if (!o) {
        id = key == IPC_PRIVATE || (flags & IPC_CREAT) ? make(key, flags, arg) : -ENOENT;
    } else if ((flags & IPC_CREAT) && (flags & IPC_EXCL)) {
        id = -EEXIST;
    } else {
        int err = check(o, arg);
        id = err ? err : ipc_permits(o, flags) ? o->id : -EACCES;
    }
    mutex_unlock(&ids->lock);
    return id;
}

s64 ipc_now(void)
{
    return (s64)(clock_realtime() / 1000000000u);
}

/* ---- limits in /proc/sys/kernel ---- */

static int show_limit(struct seq_buf *s, void *arg)
{
    const struct ipc_limit *l = arg;
    seq_printf(s, "%llu\n", (unsigned long long)*l->value);
    return 0;
}

ssize_t ipc_write_limit(const char *text, size_t n, void *arg)
{
    const struct ipc_limit *l = arg;
    u64 v = 0;
    size_t i = 0;
    for (; i < n && text[i] >= '0' && text[i] <= '9'; i++) {
        if (__builtin_mul_overflow(v, 10ull, &v) || __builtin_add_overflow(v, (u64)(text[i] - '0'), &v))
            return -EINVAL;
    }
    if (!i || (i < n && text[i] != '\n') || v < l->min || v > l->max)
        return -EINVAL;
    *l->value = v;
    return (ssize_t)n;
}

void ipc_register_setting(const char *path, u32 mode, const struct ipc_limit *limit)
{
    proc_register(path, mode, show_limit, ipc_write_limit, (void *)(unsigned long)limit);
}

void ipc_register_limit(const char *path, const struct ipc_limit *limit)
{
    ipc_register_setting(path, 0644, limit);
}
