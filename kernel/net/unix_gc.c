// SPDX-License-Identifier: MIT
/*
 * Files in flight, and the collector of cycles among them.
 *
 * A socket sent over itself, or two sent over each other, are kept by messages that nobody can receive. So references
 * from messages to AF_UNIX sockets are counted apart: a socket whose file has no other reference than those is a
 * candidate. From each candidate's queue (and the queues of embryos at it) the references to other candidates are
 * subtracted; one that has some left is held from outside and lives, and so does all that its queue holds, and so on.
 * The rest is garbage: what its queues hold is taken out and closed, and with it the sockets go.
 *
 * gc_lock covers the counts and the lists. Sending counts before the message is queued, receiving uncounts after it was
 * taken from the queue: in between a reference is counted and not found, which errs towards life. MSG_PEEK copies
 * under gc_lock, since it makes references from nothing but a queue.
 *
 * The collector runs in the work thread, after sockets were closed while any is in flight; and when a sender finds twice
 * as many in flight as were left last time, since of sockets that only hold each other none is ever released. A socket's
 * file that was in a message is put there too (rights_drop), so that a chain of sockets in each other's queues needs no
 * deep stack.
 */
#include "abi/errno.h"
#include "lib/string.h"
#include "mem/slab.h"
#include "net/unix.h"
#include "sched/timer.h"

#include <linux/capability.h>

#define COLLECT_LEAST 1000u

static struct mutex gc_lock = MUTEX_INIT(gc_lock, LOCK_UNIX_GC);
static struct list inflight = LIST_INIT(inflight); /* sockets with inflight > 0 (gc_lock) */
static u32 inflight_sockets;                       /* on it; read without */
static u32 inflight_refs;                          /* to sockets (gc_lock; read without) */
static u32 collect_at = COLLECT_LEAST;             /* that many are too many (the collector's; read without) */

/* What a user has in flight (gc_lock). */
struct user_count {
    struct user_count *next;
    u32 uid;
    u32 files;
};
static struct user_count *users;

enum { MARK_NONE, MARK_CANDIDATE, MARK_LIVE };

static struct unix_sock *unix_of(const struct file *f)
{
    struct socket *s = socket_of(f);
    return s && s->ops->family == AF_UNIX ? unix_sk(s) : NULL;
}

static void collect(struct work *w);
static struct work gc_work = {.link = LIST_INIT(gc_work.link), .fn = collect};

/* ---- counting -------------------------------------------------------------------------------------------------------- */

static struct user_count **find_user(u32 uid)
{
    struct user_count **p = &users;

    while (*p && (*p)->uid != uid)
        p = &(*p)->next;
    return p;
}

static int charge(struct rights *r)
{
    const struct fs_cred *c = sock_caller->view().cred;
    struct ucred real, effective;

    sock_caller->ids(&real, &effective);
    r->uid = real.uid;
    struct user_count **u = find_user(r->uid);
    if (!*u) {
        *u = kzalloc(sizeof(**u), MEM_WAIT);
        if (!*u)
            return -ENOMEM;
        (*u)->uid = r->uid;
    }
    if ((*u)->files > sock_caller->nofile() && !fs_capable(c, CAP_SYS_RESOURCE) && !fs_capable(c, CAP_SYS_ADMIN))
        return -ETOOMANYREFS;
    (*u)->files += r->count;
    r->counted = true;
    return 0;
}

static void uncharge(struct rights *r)
{
    struct user_count **p = find_user(r->uid), *u = *p;

    r->counted = false;
    if (!u) /* never: it was counted */
        return;
    u->files -= r->count;
    if (u->files)
        return;
    *p = u->next;
    kfree(u);
}

/* The sender waits: what it left behind is to be gone before it makes more. */
static void collect_now(void)
{
    (void)work_queue(&gc_work);
    work_flush(&gc_work);
}

int unix_rights_attach(struct rights *r)
{
    if (unlikely(READ_ONCE(inflight_refs) >= READ_ONCE(collect_at)))
        collect_now();
    mutex_lock(&gc_lock);
    int err = charge(r);
    for (u32 i = 0; !err && i < r->count; i++) {
        struct unix_sock *u = unix_of(r->files[i]);
        if (!u)
            continue;
        WRITE_ONCE(inflight_refs, inflight_refs + 1);
        if (u->inflight++ == 0) {
            list_add_tail(&inflight, &u->inflight_link);
            WRITE_ONCE(inflight_sockets, inflight_sockets + 1);
        }
    }
    mutex_unlock(&gc_lock);
    return err;
}

void unix_rights_detach(struct rights *r)
{
    mutex_lock(&gc_lock);
    uncharge(r);
    for (u32 i = 0; i < r->count; i++) {
        struct unix_sock *u = unix_of(r->files[i]);
        if (!u)
            continue;
        WRITE_ONCE(inflight_refs, inflight_refs - 1);
        if (--u->inflight == 0) {
            list_del_init(&u->inflight_link);
            WRITE_ONCE(inflight_sockets, inflight_sockets - 1);
        }
    }
    mutex_unlock(&gc_lock);
}

struct rights *unix_rights_peek(struct rights **r)
{
    struct rights *copy = NULL;

    if (!READ_ONCE(*r))
        return NULL;
    mutex_lock(&gc_lock);
    if (*r)
        copy = rights_copy(*r);
    mutex_unlock(&gc_lock);
    return copy;
}

/* ---- collecting ------------------------------------------------------------------------------------------------------ */

typedef void (*visit_fn)(struct unix_sock *child, struct list *work);

static void visit_queue(struct unix_sock *u, visit_fn fn, struct list *work)
{
    struct unix_msg *b;

    list_for_each (b, &u->queue, link) {
        for (u32 i = 0; b->rights && i < b->rights->count; i++) {
            struct unix_sock *child = unix_of(b->rights->files[i]);
            if (child && child->gc_mark == MARK_CANDIDATE)
                fn(child, work);
        }
    }
}

/* Every reference to a candidate that u's queues hold. */
static void visit(struct unix_sock *u, visit_fn fn, struct list *work)
{
    struct unix_sock *e;

    spin_lock(&u->lock);
    visit_queue(u, fn, work);
    list_for_each (e, &u->accept_queue, accept_link) {
        lockdep_nest_next();
        spin_lock(&e->lock);
        visit_queue(e, fn, work);
        spin_unlock(&e->lock);
    }
    spin_unlock(&u->lock);
}

static void subtract(struct unix_sock *child, struct list *work)
{
    (void)work;
    child->gc_refs--;
}

static void revive(struct unix_sock *child, struct list *work)
{
    child->gc_mark = MARK_LIVE;
    list_del(&child->inflight_link);
    list_add_tail(work, &child->inflight_link);
}

static void steal(struct unix_sock *u, struct rights **out)
{
    struct unix_msg *b;

    list_for_each (b, &u->queue, link) {
        if (b->rights) {
            b->rights->next = *out;
            *out = b->rights;
            b->rights = NULL;
        }
    }
}

static void steal_all(struct unix_sock *u, struct rights **out)
{
    struct unix_sock *e;

    spin_lock(&u->lock);
    steal(u, out);
    list_for_each (e, &u->accept_queue, accept_link) {
        lockdep_nest_next();
        spin_lock(&e->lock);
        steal(e, out);
        spin_unlock(&e->lock);
    }
    spin_unlock(&u->lock);
}

/* Candidates go from the list of all to one of their own. (gc_lock) */
static void find_candidates(struct list *candidates)
{
    struct unix_sock *u, *next;

    list_for_each_safe (u, next, &inflight, inflight_link) {
        const struct file *f = READ_ONCE(u->sock.file);
        u->gc_mark = MARK_NONE;
        if (!f || ref_read(&f->refs) != u->inflight)
            continue;
        u->gc_mark = MARK_CANDIDATE;
        u->gc_refs = u->inflight;
        list_del(&u->inflight_link);
        list_add_tail(candidates, &u->inflight_link);
    }
}

/* Those that are held from outside, and all they hold, go back to the list of all. (gc_lock) */
static void find_living(struct list *candidates)
{
    struct list live = LIST_INIT(live);
    struct unix_sock *u, *next;

    list_for_each (u, candidates, inflight_link)
        visit(u, subtract, NULL);
    list_for_each_safe (u, next, candidates, inflight_link) {
        if (u->gc_refs)
            revive(u, &live);
    }
    list_for_each (u, &live, inflight_link)
        visit(u, revive, &live);
    list_splice_tail(&inflight, &live);
}

static void collect(struct work *w)
{
    struct list candidates = LIST_INIT(candidates);
    struct rights *garbage = NULL, *next;
    struct unix_sock *u;

    (void)w;
    mutex_lock(&gc_lock);
    find_candidates(&candidates);
    find_living(&candidates);
    list_for_each (u, &candidates, inflight_link)
        steal_all(u, &garbage);
    list_splice_tail(&inflight, &candidates);
    mutex_unlock(&gc_lock);
    for (; garbage; garbage = next) {
        next = garbage->next;
        unix_rights_detach(garbage);
        rights_drop(garbage);
    }
    WRITE_ONCE(collect_at, MAX(2 * READ_ONCE(inflight_refs), COLLECT_LEAST));
}

void unix_gc_wanted(void)
{
    if (READ_ONCE(inflight_sockets))
        (void)work_queue(&gc_work);
}
