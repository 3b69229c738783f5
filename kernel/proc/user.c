// SPDX-License-Identifier: MIT
/*
 * Per-user counts (threads, queued signals), found by uid in a small hash. users_lock guards the chains.
 */
#include "mem/slab.h"
#include "proc/cred.h"

#define USER_BUCKETS 32

static struct user *buckets[USER_BUCKETS];
static struct spinlock users_lock = SPINLOCK_INIT(LOCK_IDS);

static struct user *find_locked(u32 uid)
{
    struct user *u = buckets[uid % USER_BUCKETS];
    while (u && u->uid != uid)
        u = u->next;
    if (u)
        ref_get(&u->refs);
    return u;
}

static struct user *insert(struct user *new)
{
    u64 flags = spin_lock_irqsave(&users_lock);
    struct user *u = find_locked(new->uid);
    if (!u) {
        u = new;
        new->next = buckets[new->uid % USER_BUCKETS];
        buckets[new->uid % USER_BUCKETS] = new;
    }
    spin_unlock_irqrestore(&users_lock, flags);
    return u;
}

struct user *user_find(u32 uid)
{
    u64 flags = spin_lock_irqsave(&users_lock);
    struct user *u = find_locked(uid);
    spin_unlock_irqrestore(&users_lock, flags);
    if (u)
        return u;
    struct user *new = kzalloc(sizeof(*new), MEM_WAIT);
    if (!new)
        return NULL;
    ref_init(&new->refs);
    new->uid = uid;
    u = insert(new);
    if (u != new)
        kfree(new);
    return u;
}

static bool put_not_last(struct user *u)
{
    u32 old = ref_read(&u->refs);
    while (old > 1) {
        if (__atomic_compare_exchange_n(&u->refs.v, &old, old - 1, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED))
            return true;
    }
    return false;
}

/* The last reference is dropped under the lock, so that a look-up never revives a dying user. */
void user_put(struct user *u)
{
    if (put_not_last(u))
        return;
    u64 flags = spin_lock_irqsave(&users_lock);
    bool last = ref_put(&u->refs);
    if (last) {
        struct user **link = &buckets[u->uid % USER_BUCKETS];
        while (*link != u)
            link = &(*link)->next;
        *link = u->next;
    }
    spin_unlock_irqrestore(&users_lock, flags);
    if (last)
        kfree(u);
}

static struct user_files *get_files(void)
{
    return &user_get(current_cred()->user)->files;
}

static void put_files(struct user_files *f)
{
    user_put(container_of(f, struct user, files));
}

static bool has_capability(u32 cap)
{
    return capable((int)cap);
}

void user_init(void)
{
    user_files_capable = has_capability;
    user_files_get = get_files;
    user_files_put = put_files;
}
