// SPDX-License-Identifier: MIT
/*
 * epoll(7). An epoll has items, keyed by (file, descriptor), and a list of those that may be ready.
 *
 * An item waits on the wait queues that its file's poll() names. A wake-up there puts the item on the ready list and
 * wakes whoever waits on the epoll; it decides nothing. epoll_wait takes the ready list and asks each file anew: what is
 * really ready is reported; a level-triggered item goes back on the list (so the next wait asks again), an
 * edge-triggered one waits for the next wake-up, a one-shot one is disarmed.
 *
 * Life. An item holds no reference to its file: the file's last put removes it (epoll_file_released), before the file's
 * release, so the queues it waits on are still there. An epoll is counted by its file and by releases under way.
 *
 * Locks
 *   epoll.lock     the tree, events, scans of the ready list: calls of poll() on items, events to user space (sleeping;
 *                  nests outer → inner epoll)
 *   links_lock     file.epoll_links of every file, and so whether an item of a dying file still exists
 *   ready_lock     the ready list and item.ready, from wake-ups; interrupts off
 *   nest_lock      only for adding an epoll to an epoll, or to one that is in another: the checks for loops and for the
 *                  number of ways up must not race with another
 */
#include "fs/epoll_nest.h"
#include "fs/file.h"

#include "abi/errno.h"
#include "abi/fcntl.h"
#include "abi/poll.h"
#include "arch/usercopy.h"
#include "mem/slab.h"

#define PRIVATE_BITS (EPOLLWAKEUP | EPOLLONESHOT | EPOLLET | EPOLLEXCLUSIVE)
#define EXCLUSIVE_OK (EPOLLIN | EPOLLOUT | EPOLLERR | EPOLLHUP | EPOLLWAKEUP | EPOLLET | EPOLLEXCLUSIVE)

struct epoll_entry { /* an item on one wait queue */
    struct waiter waiter;
    struct epoll_item *item;
    struct epoll_entry *next;
};

static SLAB_CACHE(item_cache, "epoll_item", struct epoll_item);
static SLAB_CACHE(entry_cache, "epoll_entry", struct epoll_entry);
u64 epoll_max_watches = INT64_MAX;
struct spinlock epoll_links_lock = SPINLOCK_INIT(LOCK_EPOLL_LINKS);
static const struct file_ops epoll_file_ops;

bool file_is_epoll(const struct file *f)
{
    return f->ops == &epoll_file_ops;
}

static void epoll_put(struct epoll *ep)
{
    if (!ref_put(&ep->refs))
        return;
    if (ep->user)
        user_files_put(ep->user);
    kfree(ep);
}

/* ---- the tree (lock) ---- */

static int compare(const struct file *f, u32 fd, const struct epoll_item *i)
{
    if (f != i->file)
        return f < i->file ? -1 : 1;
    return fd < i->fd ? -1 : fd > i->fd;
}

static struct epoll_item *find(struct epoll *ep, const struct file *f, u32 fd)
{
    struct rb_node *n = ep->items.node;
    while (n) {
        struct epoll_item *i = rb_entry(n, struct epoll_item, node);
        int c = compare(f, fd, i);
        if (c == 0)
            return i;
        n = c < 0 ? n->left : n->right;
    }
    return NULL;
}

static void insert(struct epoll *ep, struct epoll_item *item)
{
    struct rb_node **link = &ep->items.node, *parent = NULL;
    while (*link) {
        parent = *link;
        bool before = compare(item->file, item->fd, rb_entry(parent, struct epoll_item, node)) < 0;
        link = before ? &parent->left : &parent->right;
    }
    rb_link(&item->node, parent, link);
    rb_insert_fixup(&ep->items, &item->node, NULL);
}

/* ---- readiness ---- */

/* Onto the ready list, unless it is there; wakes. true: somebody sleeping was woken. */
static bool mark_ready(struct epoll_item *item, bool in_wakeup)
{
    struct epoll *ep = item->ep;
    u64 flags = spin_lock_irqsave(&ep->ready_lock);
    if (list_empty(&item->ready_link))
        list_add_tail(&ep->ready, &item->ready_link);
    spin_unlock_irqrestore(&ep->ready_lock, flags);
    bool woken = false;
    if (waitq_active(&ep->wait)) {
        if (in_wakeup)
            lockdep_nest_next(); /* a queue behind the one whose wake-up this is: no loops, see nest_lock */
        woken = waitq_wake(&ep->wait, 1, 0) > 0;
    }
    if (waitq_active(&ep->poll_wait)) {
        if (in_wakeup)
            lockdep_nest_next();
        woken |= waitq_wake(&ep->poll_wait, 1, EPOLLIN | EPOLLRDNORM) > 0;
    }
    return woken;
}

static bool item_woken(struct waiter *w, u32 key)
{
    struct epoll_item *item = container_of(w, struct epoll_entry, waiter)->item;
    u32 events = READ_ONCE(item->event.events);
    if (!(events & ~PRIVATE_BITS) || (key && !(key & events)))
        return false;
    bool woken = mark_ready(item, true);
    return events & EPOLLEXCLUSIVE ? woken : true;
}

struct item_poll_table {
    struct poll_table pt;
    struct epoll_item *item;
};

static void queue_item(struct poll_table *pt, struct waitq *q)
{
    struct epoll_item *item = container_of(pt, struct item_poll_table, pt)->item;
    struct epoll_entry *e = slab_alloc(&entry_cache, MEM_WAIT);
    if (!e) {
        item->no_memory = true;
        return;
    }
    waiter_init(&e->waiter);
    e->waiter.wake = item_woken;
    e->waiter.exclusive = item->event.events & EPOLLEXCLUSIVE;
    e->item = item;
    e->next = item->entries;
    item->entries = e;
    waitq_add(q, &e->waiter);
}

static u32 poll_item(struct epoll_item *item, struct poll_table *pt)
{
    if (!(item->event.events & ~PRIVATE_BITS))
        return 0; /* disarmed */
    return file_poll(item->file, pt) & item->event.events & ~PRIVATE_BITS;
}

/* ---- adding, changing, removing (lock) ---- */

static void unqueue(struct epoll_item *item)
{
    struct epoll_entry *e;
    while ((e = item->entries)) {
        item->entries = e->next;
        waitq_remove(&e->waiter);
        slab_free(&entry_cache, e);
    }
}

static void uncount_watch(struct epoll *ep)
{
    if (ep->user)
        __atomic_fetch_sub(&ep->user->epoll_watches, 1, __ATOMIC_RELAXED);
}

static void remove_item(struct epoll_item *item)
{
    struct epoll *ep = item->ep;
    unqueue(item); /* no wake-up comes any more */
    u64 flags = spin_lock_irqsave(&ep->ready_lock);
    list_del_init(&item->ready_link);
    spin_unlock_irqrestore(&ep->ready_lock, flags);
    rb_erase(&ep->items, &item->node, NULL);
    spin_lock(&epoll_links_lock);
    list_del(&item->file_link);
    spin_unlock(&epoll_links_lock);
    slab_free(&item_cache, item);
    uncount_watch(ep);
}

/* One more watch of the user who made the epoll. */
static bool count_watch(struct epoll *ep)
{
    u64 *n = ep->user ? &ep->user->epoll_watches : NULL;
    u64 was = n ? __atomic_fetch_add(n, 1, __ATOMIC_RELAXED) : 0;
    if (!n || was < READ_ONCE(epoll_max_watches))
        return true;
    __atomic_fetch_sub(n, 1, __ATOMIC_RELAXED);
    return false;
}

static int add_item(struct epoll *ep, struct file *f, u32 fd, const struct epoll_event_k *ev)
{
    if (find(ep, f, fd))
        return -EEXIST;
    if (!count_watch(ep))
        return -ENOSPC;
    struct epoll_item *item = slab_alloc(&item_cache, MEM_ZERO);
    if (!item) {
        uncount_watch(ep);
        return -ENOMEM;
    }
    item->ep = ep;
    item->file = f;
    item->fd = fd;
    item->event = *ev;
    list_init(&item->ready_link);
    insert(ep, item);
    spin_lock(&epoll_links_lock);
    list_add_tail(&f->epoll_links, &item->file_link);
    spin_unlock(&epoll_links_lock);
    struct item_poll_table pt = {.pt = {.queue = queue_item, .key = ev->events}, .item = item};
    u32 ready = poll_item(item, &pt.pt);
    if (item->no_memory) {
        remove_item(item);
        return -ENOMEM;
    }
    if (ready)
        (void)mark_ready(item, false);
    return 0;
}

static int change_item(struct epoll *ep, struct file *f, u32 fd, const struct epoll_event_k *ev)
{
    struct epoll_item *item = find(ep, f, fd);
    if (!item)
        return -ENOENT;
    if (item->event.events & EPOLLEXCLUSIVE)
        return -EINVAL;
    WRITE_ONCE(item->event.events, ev->events);
    item->event.data = ev->data;
    __atomic_thread_fence(__ATOMIC_SEQ_CST); /* a wake-up sees the new events, or we see what it announced */
    if (poll_item(item, NULL))
        (void)mark_ready(item, false);
    return 0;
}

static int delete_item(struct epoll *ep, struct file *f, u32 fd)
{
    struct epoll_item *item = find(ep, f, fd);
    if (!item)
        return -ENOENT;
    remove_item(item);
    return 0;
}

int epoll_target(struct file *epf, u32 fd, u32 nth, const void **out)
{
    int err = -ENOENT;
    if (!file_is_epoll(epf))
        return -EINVAL;
    struct epoll *ep = epf->private;
    mutex_lock(&ep->lock);
    for (struct rb_node *n = rb_first(&ep->items); n && err; n = rb_next(n)) {
        const struct epoll_item *i = rb_entry(n, struct epoll_item, node);
        if (i->fd == fd && nth-- == 0) {
            *out = i->file;
            err = 0;
        }
    }
    mutex_unlock(&ep->lock);
    return err;
}

/* ---- control ---- */

static int check_event(const struct file *f, int op, const struct epoll_event_k *ev)
{
    if (!(ev->events & EPOLLEXCLUSIVE))
        return 0;
    bool bad = op == EPOLL_CTL_MOD || file_is_epoll(f) || (ev->events & ~EXCLUSIVE_OK);
    return bad ? -EINVAL : 0;
}

static int control(struct epoll *ep, int op, struct file *f, u32 fd, const struct epoll_event_k *ev)
{
    int err = -EINVAL;
    mutex_lock(&ep->lock);
    if (op == EPOLL_CTL_ADD)
        err = add_item(ep, f, fd, ev);
    else if (op == EPOLL_CTL_MOD)
        err = change_item(ep, f, fd, ev);
    else if (op == EPOLL_CTL_DEL)
        err = delete_item(ep, f, fd);
    mutex_unlock(&ep->lock);
    return err;
}

/* An epoll is added, or to one that others watch: what rises through them stays bounded. */
static int add_nested(struct epoll *ep, struct file *f, u32 fd, const struct epoll_event_k *ev)
{
    mutex_lock(&epoll_nest_lock);
    int err = file_is_epoll(f) ? epoll_check_nesting(ep, f) : 0;
    if (!err)
        err = control(ep, EPOLL_CTL_ADD, f, fd, ev);
    if (!err && !epoll_ways_allowed(f)) {
        (void)control(ep, EPOLL_CTL_DEL, f, fd, NULL);
        err = -EINVAL;
    }
    mutex_unlock(&epoll_nest_lock);
    return err;
}

/* ep came to be watched while f was added to it: the check of that one may have missed f. */
static int check_added(struct epoll *ep, struct file *f, u32 fd)
{
    mutex_lock(&epoll_nest_lock);
    int err = epoll_ways_allowed(f) ? 0 : -EINVAL;
    if (err)
        (void)control(ep, EPOLL_CTL_DEL, f, fd, NULL);
    mutex_unlock(&epoll_nest_lock);
    return err;
}

int epoll_control(struct file *epf, int op, struct file *f, u32 fd, const struct epoll_event_k *ev)
{
    struct epoll *ep = epf->private;
    if (!f->ops->poll)
        return -EPERM;
    if (!file_is_epoll(epf) || f == epf)
        return -EINVAL;
    int err = op == EPOLL_CTL_DEL ? 0 : check_event(f, op, ev);
    if (err)
        return err;
    const struct epoll_event_k all = {ev->events | EPOLLERR | EPOLLHUP, ev->data};
    if (op == EPOLL_CTL_ADD && (file_is_epoll(f) || !list_empty(&epf->epoll_links)))
        return add_nested(ep, f, fd, &all);
    err = control(ep, op, f, fd, &all);
    if (!err && op == EPOLL_CTL_ADD && unlikely(!list_empty(&epf->epoll_links)))
        err = check_added(ep, f, fd);
    return err;
}

/* ---- waiting ---- */

/* May something be ready? Also while a scan has the list, since it puts back what still is, without waking anybody. */
static bool any_ready(struct epoll *ep)
{
    u32 scans;
    do {
        scans = load_acquire(&ep->scans);
        if (scans & 1 || !list_empty(&ep->ready))
            return true;
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
    } while (READ_ONCE(ep->scans) != scans);
    return false;
}

/* Takes the ready list into `batch` (lock). */
static void begin_scan(struct epoll *ep, struct list *batch)
{
    WRITE_ONCE(ep->scans, ep->scans + 1);
    u64 flags = spin_lock_irqsave(&ep->ready_lock);
    list_splice_tail(batch, &ep->ready);
    spin_unlock_irqrestore(&ep->ready_lock, flags);
}

/* What was not looked at comes first next time. */
static void end_scan(struct epoll *ep, struct list *rest)
{
    u64 flags = spin_lock_irqsave(&ep->ready_lock);
    list_splice_tail(rest, &ep->ready);
    list_splice_tail(&ep->ready, rest);
    spin_unlock_irqrestore(&ep->ready_lock, flags);
    store_release(&ep->scans, ep->scans + 1);
}

static struct epoll_item *take_first(struct epoll *ep, struct list *from)
{
    struct epoll_item *item = NULL;
    u64 flags = spin_lock_irqsave(&ep->ready_lock);
    if (!list_empty(from)) {
        item = list_first(from, struct epoll_item, ready_link);
        list_del_init(&item->ready_link);
    }
    spin_unlock_irqrestore(&ep->ready_lock, flags);
    return item;
}

/* Onto the ready list again, unless a wake-up was faster (lock). */
static void relist(struct epoll *ep, struct epoll_item *item)
{
    u64 flags = spin_lock_irqsave(&ep->ready_lock);
    if (list_empty(&item->ready_link))
        list_add_tail(&ep->ready, &item->ready_link);
    spin_unlock_irqrestore(&ep->ready_lock, flags);
}

/* Tells of one item at `to` (lock): 1; 0: it is not ready; -EFAULT: it is to be told of again. */
static int report(struct epoll *ep, struct epoll_item *item, uaddr_t to)
{
    u32 ready = poll_item(item, NULL);
    if (!ready)
        return 0;
    struct epoll_event e = {.events = ready, .data = item->event.data};
    int err = copy_to_user(to, &e, sizeof(e));
    if (!err && item->event.events & EPOLLONESHOT)
        WRITE_ONCE(item->event.events, item->event.events & PRIVATE_BITS);
    else if (err || !(item->event.events & EPOLLET))
        relist(ep, item);
    return err ? err : 1;
}

/* How many were told of; -EFAULT when that is none. */
static int collect_ready(struct epoll *ep, uaddr_t to, u32 max)
{
    struct list batch = LIST_INIT(batch);
    struct epoll_item *item;
    u32 n = 0;
    int r = 0;
    mutex_lock(&ep->lock);
    begin_scan(ep, &batch);
    while (n < max && r >= 0 && (item = take_first(ep, &batch))) {
        r = report(ep, item, to + n * sizeof(struct epoll_event));
        n += r > 0;
    }
    end_scan(ep, &batch);
    mutex_unlock(&ep->lock);
    return n ? (int)n : r;
}

int epoll_collect(struct file *epf, uaddr_t to, u32 max, ns_t deadline)
{
    struct epoll *ep = epf->private;
    for (;;) {
        int n = any_ready(ep) ? collect_ready(ep, to, max) : 0;
        if (n) {
            if (any_ready(ep) && waitq_active(&ep->wait))
                waitq_wake_one(&ep->wait); /* there may be more for another waiter */
            return n;
        }
        if (deadline != NS_FOREVER && deadline <= clock_monotonic())
            return 0;
        int err = wait_event_state(&ep->wait, any_ready(ep), THREAD_SLEEP_INT, deadline, true);
        if (err == -EINTR)
            return err;
        if (err == -ETIMEDOUT && !any_ready(ep))
            return 0;
    }
}

/* ---- the epoll as a file ---- */

static u32 epoll_poll(struct file *f, struct poll_table *pt)
{
    struct epoll *ep = f->private;
    struct epoll_item *item;
    struct list batch = LIST_INIT(batch);
    u32 events = 0;
    poll_wait(pt, &ep->poll_wait);
    if (!any_ready(ep))
        return 0;
    mutex_lock_nested(&ep->lock);
    begin_scan(ep, &batch);
    while (!events && (item = take_first(ep, &batch))) {
        if (!poll_item(item, NULL))
            continue;
        events = EPOLLIN | EPOLLRDNORM;
        relist(ep, item);
    }
    end_scan(ep, &batch);
    mutex_unlock(&ep->lock);
    return events;
}

static void epoll_release(struct file *f)
{
    struct epoll *ep = f->private;
    struct rb_node *n;
    mutex_lock(&ep->lock);
    while ((n = rb_first(&ep->items)))
        remove_item(rb_entry(n, struct epoll_item, node));
    mutex_unlock(&ep->lock);
    epoll_put(ep);
}

static const struct file_ops epoll_file_ops = {
    .release = epoll_release,
    .seek = no_seek,
    .poll = epoll_poll,
};

int epoll_create_file(u32 flags, struct file **out)
{
    struct epoll *ep = kzalloc(sizeof(*ep), MEM_WAIT);
    if (!ep)
        return -ENOMEM;
    ref_init(&ep->refs);
    mutex_init(&ep->lock, LOCK_EPOLL);
    spin_init(&ep->ready_lock, LOCK_EPOLL_READY);
    list_init(&ep->ready);
    waitq_init(&ep->wait);
    waitq_init(&ep->poll_wait);
    int err = file_open_anon("anon_inode:[eventpoll]", &epoll_file_ops, ep, O_RDWR | flags, out);
    if (err)
        kfree(ep);
    else
        ep->file = *out, ep->user = user_files_get ? user_files_get() : NULL;
    return err;
}

/* The first epoll that watches f, referenced. */
static struct epoll *first_watcher(struct file *f, struct epoll_item **item)
{
    struct epoll *ep = NULL;
    spin_lock(&epoll_links_lock);
    if (!list_empty(&f->epoll_links)) {
        *item = list_first(&f->epoll_links, struct epoll_item, file_link);
        ep = (*item)->ep;
        ref_get(&ep->refs);
    }
    spin_unlock(&epoll_links_lock);
    return ep;
}

static bool still_first(struct file *f, const struct epoll_item *item)
{
    spin_lock(&epoll_links_lock);
    bool yes = f->epoll_links.next == &item->file_link;
    spin_unlock(&epoll_links_lock);
    return yes;
}

void epoll_file_released(struct file *f)
{
    struct epoll_item *item;
    struct epoll *ep;
    while ((ep = first_watcher(f, &item))) {
        mutex_lock_nested(&ep->lock);
        if (still_first(f, item)) /* else the epoll's own release was faster */
            remove_item(item);
        mutex_unlock(&ep->lock);
        epoll_put(ep);
    }
}
