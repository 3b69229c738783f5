// SPDX-License-Identifier: MIT
/*
 * POSIX message queues: messages, who waits, who is told.
 *
 * A queue is never both: empty with a sender asleep, full with a receiver asleep. So
 *
 *   sending    a receiver sleeps: the message goes into its hands, past the queue (which is empty and stays so);
 *              room: it is queued, and whoever asked to be told of the first message is told, once;
 *              full: -EAGAIN, or sleep with the message in hand.
 *   receiving  a message lies there: the most urgent one is taken, and if a sender sleeps, its message takes the place;
 *              empty: -EAGAIN, or sleep.
 *
 * Nobody who was woken finds that another one was faster. Of several sleepers the thread of the highest priority is
 * served, of equals the one that slept longest.
 *
 * A sleeper lies on its thread's stack. Whoever serves it takes it off the list and stores `served` as the last access; the
 * sleeper goes on only after it has seen that, or has taken itself off under the lock.
 *
 * Being told (mq_notify): one process at a time, once; it is forgotten when it was told, asks for it, or closes any
 * descriptor of the queue (exit closes them all, but for a table that others share), at the latest with the queue. It is
 * not told while a receiver takes the message.
 *
 * Life of a queue: mqueue_fs.c. Locks: queue.lock covers all of it. Messages are copied from and to user space outside
 * of it, before they go in and after they are out.
 */
#include "abi/errno.h"
#include "abi/fcntl.h"
#include "abi/poll.h"
#include "abi/sched.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "mem/slab.h"
#include "proc/mqueue_internal.h"

#define LINUX_MESSAGE 48u /* struct msg_msg and struct posix_msg_tree_node of Linux: RLIMIT_MSGQUEUE counts them */
#define LINUX_NODE 48u

/* ---- messages ---- */

struct segment {
    struct segment *next;
    u8 data[];
};
struct mq_message {
    struct rb_node node; /* (queue.lock) */
    u32 priority;
    size_t size;
    struct segment *more; /* what does not fit into the first page */
    u8 data[];
};
#define FIRST_MAX (PAGE_SIZE - sizeof(struct mq_message))
#define SEGMENT_MAX (PAGE_SIZE - sizeof(struct segment))

void mq_message_free(struct mq_message *m)
{
    for (struct segment *s = m->more, *next; s; s = next) {
        next = s->next;
        kfree(s);
    }
    kfree(m);
}

struct mq_message *mq_message_alloc(u32 priority, size_t size)
{
    struct mq_message *m = kmalloc(sizeof(*m) + MIN(size, FIRST_MAX), MEM_WAIT);
    if (!m)
        return NULL;
    m->priority = priority;
    m->size = size;
    m->more = NULL;
    struct segment **link = &m->more;
    for (size_t left = size - MIN(size, FIRST_MAX), n; left; left -= n) {
        n = MIN(left, SEGMENT_MAX);
        struct segment *s = kmalloc(sizeof(*s) + n, MEM_WAIT);
        if (!s) {
            mq_message_free(m);
            return NULL;
        }
        s->next = NULL;
        *link = s;
        link = &s->next;
    }
    return m;
}

int mq_message_fill(struct mq_message *m, struct uio *u)
{
    size_t n = MIN(m->size, FIRST_MAX), left = m->size - n;
    size_t done = uio_copy_from(u, m->data, n);
    for (struct segment *s = m->more; s && done == m->size - left; s = s->next) {
        n = MIN(left, SEGMENT_MAX);
        done += uio_copy_from(u, s->data, n);
        left -= n;
    }
    return done == m->size ? 0 : -EFAULT;
}

int mq_message_copy(const struct mq_message *m, struct uio *u)
{
    size_t n = MIN(m->size, FIRST_MAX), left = m->size - n;
    size_t done = uio_copy_to(u, m->data, n);
    for (const struct segment *s = m->more; s && done == m->size - left; s = s->next) {
        n = MIN(left, SEGMENT_MAX);
        done += uio_copy_to(u, s->data, n);
        left -= n;
    }
    return done == m->size ? 0 : -EFAULT;
}

u32 mq_message_priority(const struct mq_message *m)
{
    return m->priority;
}

size_t mq_message_size(const struct mq_message *m)
{
    return m->size;
}

/* ---- the queue ---- */

static struct mqueue *queue_of(const struct file *f)
{
    return container_of(f->inode, struct mqueue, vfs);
}

bool mq_is(const struct file *f)
{
    return f->ops == &mqueue_file_ops;
}

size_t mq_message_max(const struct file *f)
{
    return queue_of(f)->max_size;
}

bool mq_cost(u64 max_messages, u64 max_size, u64 *out)
{
    u64 around = max_messages * LINUX_MESSAGE + MIN(max_messages, (u64)MQ_PRIO_MAX) * LINUX_NODE;
    return !__builtin_mul_overflow(max_messages, max_size, out) && !__builtin_add_overflow(*out, around, out);
}

void mq_setup(struct mqueue *q, u64 max_messages, u64 max_size)
{
    spin_init(&q->lock, LOCK_MQUEUE);
    q->max_messages = max_messages;
    q->max_size = max_size;
    q->messages.node = NULL;
    list_init(&q->senders);
    list_init(&q->receivers);
    waitq_init(&q->poll);
}

static void insert(struct mqueue *q, struct mq_message *m)
{
    struct rb_node **link = &q->messages.node, *parent = NULL;
    while (*link) {
        parent = *link;
        link = m->priority > rb_entry(parent, struct mq_message, node)->priority ? &parent->left : &parent->right;
    }
    rb_link(&m->node, parent, link);
    rb_insert_fixup(&q->messages, &m->node, NULL);
    q->count++;
    q->bytes += m->size;
}

static struct mq_message *take(struct mqueue *q)
{
    struct mq_message *m = rb_entry(rb_first(&q->messages), struct mq_message, node);
    rb_erase(&q->messages, &m->node, NULL);
    q->count--;
    q->bytes -= m->size;
    return m;
}

/* As access times are: without the inode's lock, for a lost update is nobody's loss. */
static void touch(struct mqueue *q, bool modified)
{
    struct timespec_k now = time_now();
    q->vfs.atime = q->vfs.ctime = now;
    if (modified)
        q->vfs.mtime = now;
}

/* ---- sleeping ---- */

struct mq_waiter {
    struct list link;
    struct thread *thread;
    struct mq_message *message; /* a sender's; a receiver's once it is served */
    u32 rank;                   /* the lower, the sooner served */
    u32 served;
};

/* As Linux orders threads: real time above all others, then by nice. */
static u32 rank_of(const struct thread *t)
{
    bool realtime = t->policy == SCHED_FIFO || t->policy == SCHED_RR;
    return realtime ? 99u - t->rt_priority : (u32)(120 + t->nice);
}

static void enlist(struct list *sleepers, struct mq_waiter *w)
{
    struct mq_waiter *at;
    list_for_each (at, sleepers, link) {
        if (at->rank > w->rank)
            break;
    }
    list_add_tail(&at->link, &w->link); /* before it, or at the end */
}

/* The first of the sleepers, off the list; NULL: none. */
static struct mq_waiter *pick(struct list *sleepers)
{
    if (list_empty(sleepers))
        return NULL;
    struct mq_waiter *w = list_first(sleepers, struct mq_waiter, link);
    list_del(&w->link);
    return w;
}

static void serve(struct mq_waiter *w)
{
    struct thread *t = w->thread;
    thread_get(t); /* it may return and exit as soon as it sees that */
    store_release(&w->served, 1);
    thread_wake(t, WAKE_NORMAL);
    thread_put(t);
}

/* Until served: 0, -ETIMEDOUT, -ERESTARTSYS. q->lock is held on entry, and not on return. */
static int sleep_on(struct mqueue *q, struct list *sleepers, struct mq_waiter *w, ns_t deadline)
{
    w->thread = current_thread();
    w->rank = rank_of(w->thread);
    w->served = 0;
    enlist(sleepers, w);
    spin_unlock(&q->lock);
    const struct deadline wall = {deadline, CLOCK_BASE_WALL};
    int err = sleep_until_cond(load_acquire(&w->served), THREAD_SLEEP_INT, sleep_until_on(wall));
    if (!err)
        return 0;
    spin_lock(&q->lock);
    if (w->served)
        err = 0;
    else
        list_del(&w->link);
    spin_unlock(&q->lock);
    return err == -EINTR ? -ERESTARTSYS : err;
}

/* ---- telling ---- */

/* The owner's reference goes to the caller, who puts it without the lock. */
static struct process *forget_owner(struct mqueue *q)
{
    struct process *p = q->notify_owner;
    q->notify_owner = NULL;
    return p;
}

/* There is a first message, and no receiver took it. */
static struct process *tell(struct mqueue *q)
{
    struct process *p = q->notify_owner;
    if (!p)
        return NULL;
    if (q->notify.sigev_notify == SIGEV_SIGNAL && q->notify.sigev_signo && p->exec_id == q->notify_exec_id) {
        struct ksiginfo info;
        siginfo_init_user(&info, q->notify.sigev_signo, SI_MESGQ);
        info.si_value = q->notify.sigev_value;
        (void)signal_send_process(p, info.si_signo, &info);
    }
    return forget_owner(q);
}

int mq_notify(struct file *f, const struct sigevent *how)
{
    struct mqueue *q = queue_of(f);
    struct process *p = current_process(), *gone = NULL;
    int err = 0;
    spin_lock(&q->lock);
    if (!how) {
        if (q->notify_owner == p) {
            gone = forget_owner(q);
            touch(q, false);
        }
    } else if (q->notify_owner) {
        err = -EBUSY;
    } else {
        process_get(p);
        q->notify_owner = p;
        q->notify_exec_id = p->exec_id;
        q->notify = *how;
        touch(q, false);
    }
    spin_unlock(&q->lock);
    if (gone)
        process_put(gone);
    return err;
}

/* ---- sending and receiving ---- */

static bool nonblocking(const struct file *f)
{
    return READ_ONCE(f->flags) & O_NONBLOCK;
}

int mq_send(struct file *f, struct mq_message *m, ns_t deadline)
{
    struct mqueue *q = queue_of(f);
    struct process *told = NULL;
    spin_lock(&q->lock);
    if (q->count == q->max_messages) {
        if (!nonblocking(f)) {
            struct mq_waiter w = {.message = m};
            return sleep_on(q, &q->senders, &w, deadline);
        }
        spin_unlock(&q->lock);
        return -EAGAIN;
    }
    struct mq_waiter *receiver = pick(&q->receivers);
    touch(q, true);
    if (receiver) {
        receiver->message = m;
        serve(receiver);
    } else {
        insert(q, m);
        if (q->count == 1)
            told = tell(q);
        waitq_wake_poll(&q->poll, EPOLLIN | EPOLLRDNORM);
    }
    spin_unlock(&q->lock);
    if (told)
        process_put(told);
    return 0;
}

static int receive_asleep(struct mqueue *q, ns_t deadline, struct mq_message **out)
{
    struct mq_waiter w = {.message = NULL};
    int err = sleep_on(q, &q->receivers, &w, deadline);
    *out = w.message;
    return err;
}

int mq_receive(struct file *f, ns_t deadline, struct mq_message **out)
{
    struct mqueue *q = queue_of(f);
    spin_lock(&q->lock);
    if (!q->count) {
        if (!nonblocking(f))
            return receive_asleep(q, deadline, out);
        spin_unlock(&q->lock);
        return -EAGAIN;
    }
    *out = take(q);
    touch(q, true);
    struct mq_waiter *sender = pick(&q->senders);
    if (sender) {
        insert(q, sender->message);
        serve(sender);
    } else {
        waitq_wake_poll(&q->poll, EPOLLOUT | EPOLLWRNORM);
    }
    spin_unlock(&q->lock);
    return 0;
}

/* ---- attributes ---- */

void mq_get_attr(struct file *f, struct mq_attr *out)
{
    struct mqueue *q = queue_of(f);
    memset(out, 0, sizeof(*out));
    out->mq_flags = READ_ONCE(f->flags) & O_NONBLOCK;
    out->mq_maxmsg = (long)q->max_messages;
    out->mq_msgsize = (long)q->max_size;
    out->mq_curmsgs = (long)READ_ONCE(q->count);
}

void mq_set_nonblock(struct file *f, bool on)
{
    struct mqueue *q = queue_of(f);
    WRITE_ONCE(f->flags, (f->flags & ~(u32)O_NONBLOCK) | (on ? O_NONBLOCK : 0));
    spin_lock(&q->lock);
    touch(q, false);
    spin_unlock(&q->lock);
}

/* The last user went. Whoever asked to be told may have ended without closing anything: its table of files was shared. */
void mq_end(struct mqueue *q)
{
    struct process *owner = forget_owner(q);
    struct rb_node *n;
    if (owner)
        process_put(owner);
    while ((n = rb_first(&q->messages))) {
        rb_erase(&q->messages, n, NULL);
        mq_message_free(rb_entry(n, struct mq_message, node));
    }
}

/* ---- as a file ---- */

static ssize_t queue_read(struct file *f, struct uio *u, s64 *pos)
{
    struct mqueue *q = queue_of(f);
    char text[96];
    spin_lock(&q->lock);
    const struct process *owner = q->notify_owner;
    bool signal = owner && q->notify.sigev_notify == SIGEV_SIGNAL;
    int n =
        snprintf(text, sizeof(text), "QSIZE:%-10lu NOTIFY:%-5d SIGNO:%-5d NOTIFY_PID:%-6d\n", (unsigned long)q->bytes,
                 owner ? q->notify.sigev_notify : 0, signal ? q->notify.sigev_signo : 0, owner ? owner->pid : 0);
    spin_unlock(&q->lock);
    if (*pos >= n || !u->resid)
        return 0;
    size_t done = uio_copy_to(u, text + *pos, MIN((size_t)(n - *pos), u->resid));
    if (!done)
        return -EFAULT;
    *pos += (s64)done;
    spin_lock(&q->lock);
    touch(q, false);
    spin_unlock(&q->lock);
    return (ssize_t)done;
}

static u32 queue_poll(struct file *f, struct poll_table *pt)
{
    struct mqueue *q = queue_of(f);
    poll_wait(pt, &q->poll);
    spin_lock(&q->lock);
    u32 events = q->count ? EPOLLIN | EPOLLRDNORM : 0;
    if (q->count < q->max_messages)
        events |= EPOLLOUT | EPOLLWRNORM;
    spin_unlock(&q->lock);
    return events;
}

static int queue_flush(struct file *f)
{
    struct mqueue *q = queue_of(f);
    struct process *gone = NULL;
    spin_lock(&q->lock);
    if (q->notify_owner == current_process())
        gone = forget_owner(q);
    spin_unlock(&q->lock);
    if (gone)
        process_put(gone);
    return 0;
}

static int queue_fsync(struct file *f, bool data_only)
{
    (void)f, (void)data_only;
    return -EINVAL;
}

const struct file_ops mqueue_file_ops = {
    .read = queue_read, .poll = queue_poll, .flush = queue_flush, .fsync = queue_fsync};
