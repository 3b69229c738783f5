// SPDX-License-Identifier: MIT
/*
 * Advisory locks. An inode has one list of them, unsorted; an owner's record locks never overlap each other. Record locks
 * (POSIX and OFD) conflict among themselves, flock locks among themselves.
 *
 * locks_lock covers every list, the list of all locks (/proc/locks) and that of sleepers: file locks are rare, and a deadlock crosses inodes. What a change
 * may need (two records at most) is allocated before it is taken. A release wakes all sleepers of the inode, who look
 * again. Deadlock (F_SETLKW only): before a POSIX request sleeps, the chain "I wait for an owner who waits for an owner …"
 * is followed through the list of sleepers; when it leads back, -EDEADLK.
 */
#include "fs/locks.h"

#include "abi/errno.h"
#include "abi/fcntl.h"
#include "fs/mount.h"
#include "mem/slab.h"

enum lock_kind { KIND_RECORD, KIND_FLOCK };

struct lock {
    struct list link; /* file_locks.held */
    struct list all;  /* all_locks */
    enum lock_kind kind;
    const void *owner;
    s64 start, end;
    short type;
    s32 pid; /* of an OFD lock -1 */
    const struct inode *inode;
};

struct file_locks {
    struct list held;
    struct waitq wait;
};

struct sleeper {
    struct list link; /* sleepers */
    const void *owner, *waits_for;
    const struct lock *want, *blocker; /* blocker: may be gone, and is only compared */
};

static struct spinlock locks_lock = SPINLOCK_INIT(LOCK_FILE_LOCKS);
static struct list sleepers = LIST_INIT(sleepers);   /* (locks_lock) */
static struct list all_locks = LIST_INIT(all_locks); /* in order of their making (locks_lock) */
static u32 lock_count, sleeper_count;                /* (locks_lock) */

/* The inode's set, made on first use. NULL: no memory. */
static struct file_locks *locks_of(struct inode *i)
{
    struct file_locks *l = load_acquire(&i->locks), *expected = NULL;
    if (l)
        return l;
    l = kmalloc(sizeof(*l), MEM_WAIT);
    if (!l)
        return NULL;
    list_init(&l->held);
    waitq_init(&l->wait);
    if (__atomic_compare_exchange_n(&i->locks, &expected, l, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
        return l;
    kfree(l);
    return expected;
}

static struct lock *conflict(struct file_locks *l, const struct lock *want)
{
    struct lock *h;
    list_for_each (h, &l->held, link) {
        if (h->kind == want->kind && h->owner != want->owner && h->start <= want->end && want->start <= h->end &&
            (h->type == F_WRLCK || want->type == F_WRLCK))
            return h;
    }
    return NULL;
}

static void add(struct file_locks *l, struct lock *h)
{
    list_add_tail(&l->held, &h->link);
    list_add_tail(&all_locks, &h->all);
    lock_count++;
}

static void drop(struct lock *h)
{
    list_del(&h->link);
    list_del(&h->all);
    lock_count--;
    kfree(h);
}

static bool touches(const struct lock *a, const struct lock *b)
{
    s64 before_a = a->start == 0 ? 0 : a->start - 1, before_b = b->start == 0 ? 0 : b->start - 1;
    return before_a <= b->end && before_b <= a->end;
}

/* Cuts [want.start, want.end] out of h; uses *spare when h falls in two. */
static void cut(struct file_locks *l, struct lock *h, const struct lock *want, struct lock **spare)
{
    if (h->start < want->start && h->end > want->end) {
        struct lock *right = *spare;
        *spare = NULL;
        *right = *h;
        right->start = want->end + 1;
        add(l, right);
        h->end = want->start - 1;
    } else if (h->start < want->start) {
        h->end = want->start - 1;
    } else if (h->end > want->end) {
        h->start = want->end + 1;
    } else {
        drop(h);
    }
}

/* Makes the owner's locks on the range be of want's type; *fresh and *spare are used up as needed (locks_lock). */
static void apply(struct file_locks *l, struct lock want, struct lock **fresh, struct lock **spare)
{
    struct lock *h, *next;
    list_for_each_safe (h, next, &l->held, link) {
        if (h->kind != want.kind || h->owner != want.owner)
            continue;
        if (h->type == want.type && touches(h, &want)) {
            want.start = MIN(want.start, h->start);
            want.end = MAX(want.end, h->end);
            drop(h);
        } else if (h->start <= want.end && want.start <= h->end) {
            cut(l, h, &want, spare);
        }
    }
    if (want.type == F_UNLCK)
        return;
    **fresh = want;
    add(l, *fresh);
    *fresh = NULL;
}

/* Would `owner` wait for itself if it waited for `holder`? */
static bool deadlock(const void *owner, const void *holder)
{
    for (u32 depth = 0; depth < 16; depth++) {
        struct sleeper *s;
        const void *next = NULL;
        if (holder == owner)
            return true;
        list_for_each (s, &sleepers, link) {
            if (s->owner == holder)
                next = s->waits_for;
        }
        if (!next)
            return false;
        holder = next;
    }
    return false;
}

static void stop_waiting(struct sleeper *s) /* (locks_lock) */
{
    if (!s->waits_for)
        return;
    list_del(&s->link);
    sleeper_count--;
    s->waits_for = NULL;
}

/* true: done (applied, or *err set); false: in the way is somebody, whom *s now waits for. */
static bool try_set(struct file_locks *l, const struct lock *want, struct lock **fresh, struct lock **spare,
                    struct sleeper *s, bool wait, int *err)
{
    bool done = true;
    *err = 0;
    spin_lock(&locks_lock);
    stop_waiting(s);
    struct lock *h = want->type == F_UNLCK ? NULL : conflict(l, want);
    if (!h) {
        apply(l, *want, fresh, spare);
    } else if (!wait) {
        *err = -EAGAIN;
    } else if (want->pid != -1 && want->kind == KIND_RECORD && deadlock(want->owner, h->owner)) {
        *err = -EDEADLK;
    } else {
        s->owner = want->owner;
        s->waits_for = h->owner;
        s->want = want;
        s->blocker = h;
        list_add_tail(&sleepers, &s->link);
        sleeper_count++;
        done = false;
    }
    spin_unlock(&locks_lock);
    return done;
}

static int set_lock(struct file *f, const struct lock *want, bool wait)
{
    struct file_locks *l = locks_of(f->inode);
    struct lock *fresh = kmalloc(sizeof(*fresh), MEM_WAIT), *spare = kmalloc(sizeof(*spare), MEM_WAIT);
    struct sleeper s = {.waits_for = NULL};
    int err = -ENOLCK;
    if (l && fresh && spare) {
        int r = wait_event_interruptible(&l->wait, try_set(l, want, &fresh, &spare, &s, wait, &err));
        if (r) {
            spin_lock(&locks_lock);
            stop_waiting(&s);
            spin_unlock(&locks_lock);
            err = -ERESTARTSYS;
        }
        if (!err)
            waitq_wake_all(&l->wait); /* a downgrade or a release may let others in */
    }
    kfree(fresh);
    kfree(spare);
    return err;
}

int locks_set(struct file *f, const void *owner, const struct lock_request *r, bool wait)
{
    struct lock want = {.kind = KIND_RECORD,
                        .owner = owner,
                        .start = r->start,
                        .end = r->end,
                        .type = r->type,
                        .pid = r->pid,
                        .inode = f->inode};
    if (r->type == F_UNLCK && !load_acquire(&f->inode->locks))
        return 0;
    return set_lock(f, &want, wait);
}

void locks_get(struct file *f, const void *owner, struct lock_request *r)
{
    struct file_locks *l = load_acquire(&f->inode->locks);
    struct lock want = {.kind = KIND_RECORD, .owner = owner, .start = r->start, .end = r->end, .type = r->type};
    r->type = F_UNLCK;
    if (!l)
        return;
    spin_lock(&locks_lock);
    struct lock *h = conflict(l, &want);
    if (h)
        *r = (struct lock_request){.start = h->start, .end = h->end, .type = h->type, .pid = h->pid};
    spin_unlock(&locks_lock);
}

static void remove_owned(struct inode *i, enum lock_kind kind, const void *owner)
{
    struct file_locks *l = load_acquire(&i->locks);
    struct lock *h, *next;
    bool any = false;
    if (!l)
        return;
    spin_lock(&locks_lock);
    list_for_each_safe (h, next, &l->held, link) {
        if (h->kind == kind && h->owner == owner) {
            drop(h);
            any = true;
        }
    }
    spin_unlock(&locks_lock);
    if (any)
        waitq_wake_all(&l->wait);
}

int locks_flock(struct file *f, int op, s32 pid)
{
    int what = op & ~LOCK_NB;
    short type = what == LOCK_SH ? F_RDLCK : what == LOCK_EX ? F_WRLCK : F_UNLCK;
    struct lock want = {
        .kind = KIND_FLOCK, .owner = f, .start = 0, .end = INT64_MAX, .type = type, .pid = pid, .inode = f->inode};
    struct file_locks *l = load_acquire(&f->inode->locks);
    /* flock(2): a conversion gives the old lock up first, and so may lose it. */
    bool same = false;
    struct lock *h;
    spin_lock(&locks_lock);
    if (l) {
        list_for_each (h, &l->held, link)
            same |= h->kind == KIND_FLOCK && h->owner == f && h->type == type;
    }
    spin_unlock(&locks_lock);
    if (same)
        return 0;
    remove_owned(f->inode, KIND_FLOCK, f);
    return what == LOCK_UN ? 0 : set_lock(f, &want, !(op & LOCK_NB));
}

void locks_remove_posix(struct file *f, const void *owner)
{
    if (f->inode && load_acquire(&f->inode->locks))
        remove_owned(f->inode, KIND_RECORD, owner);
}

void locks_remove_file(struct file *f)
{
    if (!f->inode || !load_acquire(&f->inode->locks))
        return;
    remove_owned(f->inode, KIND_RECORD, f);
    remove_owned(f->inode, KIND_FLOCK, f);
}

void locks_free(struct inode *i)
{
    struct lock *h, *next;
    if (!i->locks)
        return;
    list_for_each_safe (h, next, &i->locks->held, link)
        drop(h);
    kfree(i->locks);
    i->locks = NULL;
}

/* ---- /proc/locks ------------------------------------------------------------------------------------------------------ */

/* A lock as it was, or one that is waited for, which is shown behind what it waits for. */
struct seen {
    struct lock lock;
    const struct lock *self, *blocker; /* blocker NULL: it is held */
    u64 dev, ino;
};

static struct seen see(const struct lock *h, const struct lock *blocker)
{
    return (struct seen){*h, h, blocker, h->inode->sb->dev, h->inode->ino};
}

/* Those that are held first; *held: how many. (locks_lock) */
static u32 see_all(struct seen *to, u32 room, u32 *held)
{
    const struct lock *h;
    const struct sleeper *s;
    u32 n = 0;
    list_for_each (h, &all_locks, all) {
        if (n < room)
            to[n++] = see(h, NULL);
    }
    *held = n;
    list_for_each (s, &sleepers, link) {
        if (n < room)
            to[n++] = see(s->want, s->blocker);
    }
    return n;
}

static void show_one(struct seq_buf *s, u32 nr, const struct seen *e)
{
    const struct lock *h = &e->lock;
    const char *kind = h->kind == KIND_FLOCK ? "FLOCK " : h->pid == -1 ? "OFDLCK" : "POSIX ";
    seq_printf(s, "%u: %s%s ADVISORY  %s %d %02x:%02x:%lu %ld ", nr, e->blocker ? "-> " : "", kind,
               h->type == F_WRLCK ? "WRITE" : "READ", h->pid, (u32)(e->dev >> 8 & 0xfff), (u32)(e->dev & 0xff), e->ino,
               h->start);
    if (h->end == INT64_MAX)
        seq_puts(s, "EOF\n");
    else
        seq_printf(s, "%ld\n", h->end);
}

int locks_show(struct seq_buf *s, void *arg)
{
    u32 room = READ_ONCE(lock_count) + READ_ONCE(sleeper_count) + 8, held; /* a few more may come meanwhile */
    struct seen *all = kmalloc(room * sizeof(*all), MEM_WAIT);
    (void)arg;
    if (!all)
        return -ENOMEM;
    spin_lock(&locks_lock);
    u32 n = see_all(all, room, &held);
    spin_unlock(&locks_lock);
    for (u32 i = 0; i < held; i++) {
        show_one(s, i + 1, &all[i]);
        for (u32 k = held; k < n; k++) {
            if (all[k].blocker == all[i].self)
                show_one(s, i + 1, &all[k]);
        }
    }
    kfree(all);
    return 0;
}
