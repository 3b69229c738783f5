// SPDX-License-Identifier: MIT
/*
 * Files that tell of what happens by a signal. A file gets a file_owner with the first F_SETOWN, F_SETSIG or O_ASYNC, and
 * keeps it until it is closed.
 *
 * Once it may have something to tell (O_ASYNC; a socket with an owner, for SIGURG) the owner waits on the queues that the
 * file's poll() names, as an epoll does. A wake-up there notes the events, puts the owner on the list `told`, and sees to it
 * that somebody sends the signals: the thread whose act it was, on its way to user mode, so that a signal is there when
 * the call returns; and the work thread, for interrupts and for threads that sleep or end first. `sender` is held
 * meanwhile, and so the first finds everything sent even if the second was faster.
 *
 * What is woken without saying why (a change of state) is found out by poll(). Wake-ups that only hand on what
 * another waiter got (WAKE_HANDED_ON) tell nothing. Terminals tell of input only.
 *
 * The right to send is the owner's who was named, with the ids of who named it.
 */
#include "proc/sigio.h"

#include "abi/errno.h"
#include "abi/poll.h"
#include "abi/stat.h"
#include "fs/file.h"
#include "mem/slab.h"
#include "net/socket.h"
#include "proc/process.h"
#include "sched/timer.h"

#define CHANGED (1u << 26) /* among events: a wake-up without a key */

struct hook { /* on one wait queue */
    struct waiter waiter;
    struct file_owner *owner;
    struct hook *next;
};

struct addressee {
    struct pid *pid; /* counted; NULL: nobody */
    s32 type;        /* F_OWNER_* */
    u32 uid, euid;   /* of who named it */
    u32 sig;         /* F_SETSIG */
    u32 fd;          /* that O_ASYNC was set by */
    bool async;
};

struct file_owner {
    refcount_t refs;      /* the file's, and the list's */
    struct spinlock lock; /* LOCK_FILE_OWNER */
    struct file *file;    /* not counted; NULL: closed (lock) */
    struct addressee to;  /* (lock; async read without) */
    u32 hooked;           /* atomic: who sets it makes the hooks */
    struct hook *hooks;   /* (who set hooked; at the end the last put) */
    u32 events, queued;   /* atomic: what happened, EPOLL* and CHANGED; on the list */
    struct file_owner *next;
};

static struct file_owner *told; /* (atomic) chained by next */
static struct mutex sender = MUTEX_INIT(sender, LOCK_SIGIO);

static void owner_put(struct file_owner *o)
{
    if (!ref_put(&o->refs))
        return;
    if (o->to.pid)
        pid_put(o->to.pid);
    kfree(o);
}

/* ---- sending --------------------------------------------------------------------------------------------------------- */

static bool may_tell(const struct addressee *a, const struct cred *c)
{
    return a->euid == 0 || a->euid == c->suid || a->euid == c->uid || a->uid == c->suid || a->uid == c->uid;
}

static s64 band_of(int code)
{
    static const u32 bands[NSIGPOLL] = {EPOLLIN | EPOLLRDNORM,
                                        EPOLLOUT | EPOLLWRNORM | EPOLLWRBAND,
                                        EPOLLIN | EPOLLRDNORM | EPOLLMSG,
                                        EPOLLERR,
                                        EPOLLPRI | EPOLLRDBAND,
                                        EPOLLHUP | EPOLLERR};
    return bands[code - POLL_IN];
}

/* Their si_code says something else than POLL_*. */
static bool has_own_codes(u32 sig)
{
    return sig < SIGRTMIN && (SIGSET_SYNCHRONOUS | SIGBIT(SIGCHLD)) & SIGBIT(sig);
}

/* code 0: SIGURG. t NULL: to the process. */
static void send(const struct addressee *a, struct process *p, struct thread *t, int code)
{
    struct ksiginfo info = {.si_signo = (int)a->sig};
    if (code && a->sig) {
        info.si_code = has_own_codes(a->sig) ? SI_SIGIO : code;
        info.si_band = band_of(code);
        info.si_fd = (int)a->fd;
        if (!(t ? signal_send_thread(t, (int)a->sig, &info) : signal_send_process(p, (int)a->sig, &info)))
            return;
    }
    int sig = code ? SIGIO : SIGURG;
    (void)(t ? signal_send_thread(t, sig, NULL) : signal_send_process(p, sig, NULL));
}

static void tell_thread(const struct addressee *a, int code)
{
    rcu_read_lock();
    struct thread *t = load_acquire(&a->pid->thread);
    if (t && !ref_get_unless_zero(&t->refs))
        t = NULL;
    const struct cred *c = t ? thread_cred(t) : NULL;
    bool may = c && may_tell(a, c);
    rcu_read_unlock();
    if (may)
        send(a, NULL, t, code);
    if (t)
        thread_put(t);
}

static void tell_process(const struct addressee *a, struct process *p, int code)
{
    const struct cred *c = process_cred_get(p);
    if (may_tell(a, c))
        send(a, p, NULL, code);
    cred_put(c);
}

/* The process of this number, or that of the thread which has it. Reference, or NULL. */
static struct process *process_of(struct pid *pid)
{
    rcu_read_lock();
    struct process *p = load_acquire(&pid->process);
    const struct thread *t = p ? NULL : load_acquire(&pid->thread);
    if (t)
        p = t->process;
    if (p && !ref_get_unless_zero(&p->refs))
        p = NULL;
    rcu_read_unlock();
    return p;
}

static void tell_group(const struct addressee *a, int code)
{
    struct process *p;
    rwsem_read_lock(&tasklist_lock);
    list_for_each (p, &a->pid->group, group_link)
        tell_process(a, p, code);
    rwsem_read_unlock(&tasklist_lock);
}

static void tell(const struct addressee *a, int code)
{
    if (a->type == F_OWNER_TID) {
        tell_thread(a, code);
    } else if (a->type == F_OWNER_PGRP) {
        tell_group(a, code);
    } else {
        struct process *p = process_of(a->pid);
        if (p)
            tell_process(a, p, code);
        if (p)
            process_put(p);
    }
}

/* The file's state has changed: what that is worth. 0: nothing. */
static int code_of_change(struct file *f)
{
    u32 now = file_poll(f, NULL);
    if (now & EPOLLHUP)
        return POLL_HUP;
    if (now & EPOLLERR)
        return POLL_ERR;
    return now & EPOLLRDHUP ? POLL_IN : 0;
}

static void tell_events(const struct addressee *a, struct file *f, u32 events)
{
    bool terminal = S_ISCHR(f->inode->mode);
    if (events & EPOLLPRI)
        tell(a, 0);
    if (!a->async)
        return;
    if (events & EPOLLPRI)
        tell(a, POLL_PRI);
    if (events & EPOLLIN)
        tell(a, POLL_IN);
    if (events & EPOLLOUT && !terminal)
        tell(a, POLL_OUT);
    int code = events & CHANGED && !terminal ? code_of_change(f) : 0;
    if (code)
        tell(a, code);
}

static void send_for(struct file_owner *o)
{
    u32 events = __atomic_exchange_n(&o->events, 0, __ATOMIC_SEQ_CST);
    spin_lock(&o->lock);
    struct addressee a = o->to;
    struct file *f = o->file;
    if (f && !ref_get_unless_zero(&f->refs))
        f = NULL;
    if (a.pid)
        pid_get(a.pid);
    spin_unlock(&o->lock);
    if (f && a.pid)
        tell_events(&a, f, events);
    if (f)
        file_put_later(f);
    if (a.pid)
        pid_put(a.pid);
}

static void send_all(struct work *w)
{
    (void)w;
    mutex_lock(&sender);
    struct file_owner *o = __atomic_exchange_n(&told, NULL, __ATOMIC_ACQ_REL), *next;
    for (; o; o = next) {
        next = o->next;
        __atomic_store_n(&o->queued, 0, __ATOMIC_SEQ_CST); /* before the events: what comes now queues it again */
        send_for(o);
        owner_put(o);
    }
    mutex_unlock(&sender);
}

void sigio_run(void)
{
    thread_clear_work(current_thread(), WORK_SIGIO);
    send_all(NULL);
}

/* ---- wake-ups -------------------------------------------------------------------------------------------------------- */

static void queue(struct file_owner *o)
{
    static struct work work = {.link = LIST_INIT(work.link), .fn = send_all};
    if (__atomic_exchange_n(&o->queued, 1, __ATOMIC_SEQ_CST))
        return;
    ref_get(&o->refs);
    o->next = __atomic_load_n(&told, __ATOMIC_RELAXED);
    while (!__atomic_compare_exchange_n(&told, &o->next, o, true, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
        continue;
    (void)work_queue(&work);
}

static bool hook_woken(struct waiter *w, u32 key)
{
    struct file_owner *o = container_of(w, struct hook, waiter)->owner;
    if (key & WAKE_HANDED_ON || (!READ_ONCE(o->to.async) && !(key & EPOLLPRI)))
        return false;
    __atomic_fetch_or(&o->events, key ? key : CHANGED, __ATOMIC_SEQ_CST);
    queue(o);
    struct thread *me = current_thread();
    if (!this_cpu()->irq_depth && me->process)
        thread_set_work(me, WORK_SIGIO);
    return false;
}

struct hook_table {
    struct poll_table pt;
    struct file_owner *owner;
    bool no_memory;
};

static void hook_queue(struct poll_table *pt, struct waitq *q)
{
    struct hook_table *table = container_of(pt, struct hook_table, pt);
    struct hook *h = kmalloc(sizeof(*h), MEM_WAIT);
    if (!h) {
        table->no_memory = true;
        return;
    }
    waiter_init(&h->waiter);
    h->waiter.thread = NULL;
    h->waiter.wake = hook_woken;
    h->owner = table->owner;
    h->next = table->owner->hooks;
    table->owner->hooks = h;
    waitq_add(q, &h->waiter);
}

static void unhook(struct file_owner *o)
{
    struct hook *h;
    while ((h = o->hooks)) {
        o->hooks = h->next;
        waitq_remove(&h->waiter);
        kfree(h);
    }
}

static int hook(struct file *f)
{
    struct file_owner *o = f->owner;
    if (__atomic_exchange_n(&o->hooked, 1, __ATOMIC_SEQ_CST))
        return 0;
    struct hook_table table = {.pt = {.queue = hook_queue, .key = EPOLLIN | EPOLLOUT | EPOLLPRI}, .owner = o};
    (void)file_poll(f, &table.pt);
    if (!table.no_memory)
        return 0;
    unhook(o);
    __atomic_store_n(&o->hooked, 0, __ATOMIC_RELEASE);
    return -ENOMEM;
}

/* ---- the owner of a file --------------------------------------------------------------------------------------------- */

/* The last put: nobody else has the file. */
static void drop_owner(struct file *f)
{
    struct file_owner *o = f->owner;
    unhook(o);
    spin_lock(&o->lock);
    o->file = NULL;
    spin_unlock(&o->lock);
    f->owner = NULL;
    owner_put(o);
}

/* The file's owner, which is made if need be; NULL: no memory. */
static struct file_owner *owner_of(struct file *f)
{
    struct file_owner *o = load_acquire(&f->owner), *none = NULL;
    if (o)
        return o;
    o = kmalloc(sizeof(*o), MEM_WAIT | MEM_ZERO);
    if (!o)
        return NULL;
    ref_init(&o->refs);
    spin_init(&o->lock, LOCK_FILE_OWNER);
    o->file = f;
    if (__atomic_compare_exchange_n(&f->owner, &none, o, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
        return o;
    kfree(o);
    return none;
}

static void name_owner(struct file_owner *o, s32 type, struct pid *pid, bool force)
{
    const struct cred *c = current_cred();
    spin_lock(&o->lock);
    struct pid *old = o->to.pid;
    if (old && !force) {
        old = pid;
    } else {
        o->to.pid = pid;
        o->to.type = type;
        o->to.uid = c->uid;
        o->to.euid = c->euid;
    }
    spin_unlock(&o->lock);
    if (old)
        pid_put(old);
}

int file_owner_set(struct file *f, s32 type, s32 nr, bool force)
{
    struct pid *pid = nr ? pid_find_get(nr) : NULL;
    if (nr && !pid)
        return -ESRCH;
    struct file_owner *o = owner_of(f);
    int err = o ? 0 : -ENOMEM;
    if (!err && pid && socket_of(f))
        err = hook(f);
    if (!err)
        name_owner(o, type, pid, force);
    else if (pid)
        pid_put(pid);
    return err;
}

static bool is_there(struct pid *pid, s32 type)
{
    if (type == F_OWNER_TID)
        return load_acquire(&pid->thread);
    if (type == F_OWNER_PID)
        return load_acquire(&pid->process);
    rwsem_read_lock(&tasklist_lock);
    bool some = !list_empty(&pid->group);
    rwsem_read_unlock(&tasklist_lock);
    return some;
}

void file_owner_get(struct file *f, struct f_owner_ex *out)
{
    struct file_owner *o = load_acquire(&f->owner);
    struct pid *pid = NULL;
    *out = (struct f_owner_ex){.type = F_OWNER_TID};
    if (!o)
        return;
    spin_lock(&o->lock);
    out->type = o->to.type;
    pid = o->to.pid;
    if (pid)
        pid_get(pid);
    spin_unlock(&o->lock);
    if (!pid)
        return;
    if (is_there(pid, out->type))
        out->pid = pid->nr;
    pid_put(pid);
}

int file_owner_set_sig(struct file *f, u32 sig)
{
    struct file_owner *o = owner_of(f);
    if (!o)
        return -ENOMEM;
    spin_lock(&o->lock);
    o->to.sig = sig;
    spin_unlock(&o->lock);
    return 0;
}

int file_owner_sig(struct file *f)
{
    const struct file_owner *o = load_acquire(&f->owner);
    return o ? (int)READ_ONCE(o->to.sig) : 0;
}

int file_owner_async(struct file *f, u32 fd, bool on)
{
    struct file_owner *o = owner_of(f);
    int err = o ? 0 : -ENOMEM;
    if (!err && on)
        err = hook(f);
    if (err)
        return err;
    spin_lock(&o->lock);
    o->to.fd = fd;
    WRITE_ONCE(o->to.async, on);
    spin_unlock(&o->lock);
    return 0;
}

void sigio_init(void)
{
    file_owner_drop = drop_owner;
}
