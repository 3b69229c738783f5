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
    if (ids->used >= MIN(ids->limit, IPC_SLOTS))
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

int ipc_find_owned(struct ipc_ids *ids, int id, struct ipc_object **out)
{
    int err = ipc_find(ids, id, 0, out);
    return !err && !ipc_is_owner(*out) && !capable(CAP_SYS_ADMIN) ? -EPERM : err;
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

void ipc_set_perm(struct ipc_object *o, const struct ipc64_perm *p)
{
    o->uid = p->uid;
    o->gid = p->gid;
    o->mode = (o->mode & ~0777u) | (p->mode & 0777u);
}

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

static ssize_t write_limit(const char *text, size_t n, void *arg)
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

void ipc_register_limit(const char *path, const struct ipc_limit *limit)
{
    proc_register(path, 0644, show_limit, write_limit, (void *)(unsigned long)limit);
}
