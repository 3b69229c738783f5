// SPDX-License-Identifier: MIT
/*
 * System V semaphores. The operations of a call happen all at once or not at all; a caller that has to wait lies on its set's
 * list, and whoever changes the set performs the operations of those that can go on now, in the order they came. So a
 * sleeper wakes with its result.
 *
 * SEM_UNDO is kept in a list of undos, one for each set, that threads share which were made with CLONE_SYSVSEM (the threads of
 * a process, as a rule); it is done when the last of them ends or leaves it. All under the table's lock.
 */
#include "proc/sysv_sem.h"

#include "abi/errno.h"
#include "fs/vfs.h"
#include "lib/string.h"
#include "mem/slab.h"

#define MAY_READ_SET 0444u
#define MAY_CHANGE_SET 0222u

struct semaphore {
    s32 value, pid;
};
struct set {
    struct ipc_object ipc;
    u32 count;
    s64 otime;
    struct list waiters, undos;
    struct semaphore sems[];
};
struct sem_undos {
    refcount_t refs; /* threads */
    struct list list;
};
struct undo { /* what the end of its threads adds to a set */
    struct list set_link, list_link;
    struct set *set;
    s32 adjust[];
};
struct sem_waiter {
    struct ipc_waiter wait;
    struct sembuf *ops;
    u32 count, blocking; /* which operation it is that waits */
    struct undo *undo;
};

static struct ipc_ids ids = IPC_IDS_INIT(ids, 32000);
static u32 total; /* semaphores of all sets */
static u64 semmsl = SEM_SET_MAX, semmns = 1024000000, semopm = SEM_OPS_MAX;

static struct set *set_of(struct ipc_object *o)
{
    return container_of(o, struct set, ipc);
}

/* ---- making and finding ---- */

static int check_count(struct ipc_object *o, u64 count)
{
    return count > set_of(o)->count ? -EINVAL : 0;
}

static int make(s32 key, u32 flags, u64 count)
{
    if (!count)
        return -EINVAL;
    if (total + count > semmns)
        return -ENOSPC;
    struct set *s = kzalloc(sizeof(*s) + count * sizeof(s->sems[0]), MEM_WAIT);
    if (!s)
        return -ENOMEM;
    s->count = (u32)count;
    list_init(&s->waiters);
    list_init(&s->undos);
    int id = ipc_add(&ids, &s->ipc, key, flags);
    if (id < 0)
        kfree(s);
    else
        total += s->count;
    return id;
}

int sem_get(s32 key, int count, u32 flags)
{
    if (count < 0 || (u64)count > semmsl)
        return -EINVAL;
    return ipc_get(&ids, key, flags, check_count, make, (u64)count);
}

static struct sem_undos *my_undos(void)
{
    struct thread *t = current_thread();
    if (!t->sem_undos) {
        struct sem_undos *l = kmalloc(sizeof(*l), MEM_WAIT);
        if (!l)
            return NULL;
        ref_init(&l->refs);
        list_init(&l->list);
        t->sem_undos = l;
    }
    return t->sem_undos;
}

int sem_share(struct thread *child)
{
    struct sem_undos *l = my_undos();
    if (!l)
        return -ENOMEM;
    ref_get(&l->refs);
    child->sem_undos = l;
    return 0;
}

/* The caller's undo of the set, made when it is missing. */
static int get_undo(struct set *s, struct undo **out)
{
    struct undo *u;
    struct sem_undos *l = my_undos();
    if (!l)
        return -ENOMEM;
    list_for_each (u, &l->list, list_link) {
        if (u->set == s) {
            *out = u;
            return 0;
        }
    }
    u = kzalloc(sizeof(*u) + s->count * sizeof(u->adjust[0]), MEM_WAIT);
    if (!u)
        return -ENOMEM;
    u->set = s;
    list_add_tail(&l->list, &u->list_link);
    list_add_tail(&s->undos, &u->set_link);
    *out = u;
    return 0;
}

static void free_undo(struct undo *u)
{
    list_del(&u->set_link);
    list_del(&u->list_link);
    kfree(u);
}

/* ---- operations ---- */

static void revert(struct set *s, const struct sem_waiter *w, u32 n)
{
    while (n--) {
        const struct sembuf *op = &w->ops[n];
        s->sems[op->sem_num].value -= op->sem_op;
        if (op->sem_flg & SEM_UNDO)
            w->undo->adjust[op->sem_num] += op->sem_op;
    }
}

/* One of them: 0, IPC_WAITING, -ERANGE. */
static int try_one(struct set *s, const struct sem_waiter *w, const struct sembuf *op)
{
    struct semaphore *sem = &s->sems[op->sem_num];
    s32 value = sem->value + op->sem_op;
    if ((op->sem_op == 0 && sem->value) || value < 0)
        return IPC_WAITING;
    if (value > SEM_VALUE_MAX)
        return -ERANGE;
    if (op->sem_flg & SEM_UNDO) {
        s32 adjust = w->undo->adjust[op->sem_num] - op->sem_op;
        if (adjust < -SEM_VALUE_MAX - 1 || adjust > SEM_VALUE_MAX)
            return -ERANGE;
        w->undo->adjust[op->sem_num] = adjust;
    }
    sem->value = value;
    return 0;
}

/* All of them or none: 0, IPC_WAITING, -ERANGE, -EAGAIN. */
static int try_all(struct set *s, struct sem_waiter *w, s32 pid)
{
    for (u32 i = 0; i < w->count; i++) {
        int err = try_one(s, w, &w->ops[i]);
        if (!err)
            continue;
        revert(s, w, i);
        w->blocking = i;
        return err == IPC_WAITING && (w->ops[i].sem_flg & IPC_NOWAIT) ? -EAGAIN : err;
    }
    for (u32 i = 0; i < w->count; i++)
        s->sems[w->ops[i].sem_num].pid = pid;
    s->otime = ipc_now();
    return 0;
}

static bool alters(const struct sem_waiter *w)
{
    for (u32 i = 0; i < w->count; i++) {
        if (w->ops[i].sem_op)
            return true;
    }
    return false;
}

/* After a change, in the order they came; each that changes something may let earlier ones go. */
static void let_others(struct set *s)
{
    struct sem_waiter *w, *next;
    bool again = true;
    while (again) {
        again = false;
        list_for_each_safe (w, next, &s->waiters, wait.link) {
            int result = try_all(s, w, w->wait.thread->process->pid);
            if (result == IPC_WAITING)
                continue;
            again = !result && alters(w); /* asked before: once it is told, w is gone */
            ipc_wake(&w->wait, result);
            if (again)
                break;
        }
    }
}

static int check_ops(struct set *s, const struct sem_waiter *w, bool *undo)
{
    *undo = false;
    for (u32 i = 0; i < w->count; i++) {
        if (w->ops[i].sem_num >= s->count)
            return -EFBIG;
        *undo |= (w->ops[i].sem_flg & SEM_UNDO) != 0;
    }
    return ipc_permits(&s->ipc, alters(w) ? MAY_CHANGE_SET : MAY_READ_SET) ? 0 : -EACCES;
}

static int operate_locked(struct set *s, struct sem_waiter *w)
{
    bool undo;
    int err = check_ops(s, w, &undo);
    if (!err && undo)
        err = get_undo(s, &w->undo);
    if (err)
        return err;
    err = try_all(s, w, current_process()->pid);
    if (err == IPC_WAITING)
        list_add_tail(&s->waiters, &w->wait.link);
    else if (!err && alters(w))
        let_others(s);
    return err;
}

u32 sem_ops_max(void)
{
    return (u32)READ_ONCE(semopm);
}

int sem_operate(int id, struct sembuf *ops, u32 count, ns_t deadline)
{
    struct ipc_object *o;
    struct sem_waiter w = {.wait = {.thread = current_thread(), .result = IPC_WAITING}, .ops = ops, .count = count};
    if (id < 0)
        return -EINVAL;
    mutex_lock(&ids.lock);
    int err = ipc_find(&ids, id, 0, &o);
    if (!err)
        err = operate_locked(set_of(o), &w);
    mutex_unlock(&ids.lock);
    if (err == IPC_WAITING)
        err = ipc_wait(&ids, &w.wait, deadline);
    return err == -ETIMEDOUT ? -EAGAIN : err;
}

/* ---- the end of a thread ---- */

static void apply(struct undo *u, s32 pid)
{
    struct set *s = u->set;
    for (u32 i = 0; i < s->count; i++) {
        if (!u->adjust[i])
            continue;
        s->sems[i].value = MIN(MAX(s->sems[i].value + u->adjust[i], 0), SEM_VALUE_MAX);
        s->sems[i].pid = pid;
    }
    free_undo(u);
    s->otime = ipc_now();
    let_others(s);
}

void sem_leave(struct thread *t)
{
    struct sem_undos *l = t->sem_undos;
    t->sem_undos = NULL;
    if (!l || !ref_put(&l->refs))
        return;
    mutex_lock(&ids.lock); /* though it may be empty: an IPC_RMID may be taking off the last one */
    while (!list_empty(&l->list))
        apply(list_first(&l->list, struct undo, list_link), t->process->pid);
    mutex_unlock(&ids.lock);
    kfree(l);
}

/* ---- control ---- */

static void fill(const struct ipc_object *o, void *to)
{
    const struct set *s = container_of(o, struct set, ipc);
    struct semid64_ds *out = to;
    ipc_fill_perm(o, &out->sem_perm);
    out->sem_otime = s->otime;
    out->sem_ctime = o->ctime;
    out->sem_nsems = s->count;
}

int sem_stat(int id, int cmd, struct semid64_ds *out)
{
    memset(out, 0, sizeof(*out));
    return ipc_stat(&ids, id, cmd, SEM_STAT_ANY, fill, out);
}

int sem_set(int id, const struct semid64_ds *ds)
{
    return ipc_set(&ids, id, &ds->sem_perm, NULL, NULL);
}

static void destroy(struct ipc_object *o)
{
    struct set *s = set_of(o);
    while (!list_empty(&s->waiters))
        ipc_wake(list_first(&s->waiters, struct ipc_waiter, link), -EIDRM);
    while (!list_empty(&s->undos))
        free_undo(list_first(&s->undos, struct undo, set_link));
    total -= s->count;
    ipc_remove(&ids, o);
    kfree(s);
}

int sem_remove(int id)
{
    return ipc_destroy(&ids, id, destroy);
}

static int count_waiters(const struct set *s, u32 num, bool for_zero)
{
    struct sem_waiter *w;
    int n = 0;
    list_for_each (w, &s->waiters, wait.link) {
        const struct sembuf *op = &w->ops[w->blocking];
        n += op->sem_num == num && (for_zero ? op->sem_op == 0 : op->sem_op < 0);
    }
    return n;
}

static int ask_locked(const struct set *s, u32 num, int cmd)
{
    if (num >= s->count)
        return -EINVAL;
    switch (cmd) {
    case GETVAL:
        return s->sems[num].value;
    case GETPID:
        return s->sems[num].pid;
    default:
        return count_waiters(s, num, cmd == GETZCNT);
    }
}

int sem_ask(int id, u32 num, int cmd)
{
    struct ipc_object *o;
    mutex_lock(&ids.lock);
    int n = ipc_find(&ids, id, MAY_READ_SET, &o);
    if (!n)
        n = ask_locked(set_of(o), num, cmd);
    mutex_unlock(&ids.lock);
    return n;
}

static void put_value(struct set *s, u32 num, s32 value)
{
    struct undo *u;
    list_for_each (u, &s->undos, set_link)
        u->adjust[num] = 0;
    s->sems[num].value = value;
    s->sems[num].pid = current_process()->pid;
}

int sem_set_value(int id, u32 num, int value)
{
    struct ipc_object *o;
    if (value < 0 || value > SEM_VALUE_MAX)
        return -ERANGE;
    mutex_lock(&ids.lock);
    int err = ipc_find(&ids, id, 0, &o);
    if (!err && num >= set_of(o)->count)
        err = -EINVAL;
    if (!err && !ipc_permits(o, MAY_CHANGE_SET))
        err = -EACCES;
    if (!err) {
        put_value(set_of(o), num, value);
        o->ctime = ipc_now();
        let_others(set_of(o));
    }
    mutex_unlock(&ids.lock);
    return err;
}

int sem_count(int id, u32 wanted)
{
    struct ipc_object *o;
    mutex_lock(&ids.lock);
    int n = ipc_find(&ids, id, wanted, &o);
    if (!n)
        n = (int)set_of(o)->count;
    mutex_unlock(&ids.lock);
    return n;
}

int sem_all(int id, u16 *values, u32 count, bool set)
{
    struct ipc_object *o;
    mutex_lock(&ids.lock);
    int err = ipc_find(&ids, id, set ? MAY_CHANGE_SET : MAY_READ_SET, &o);
    if (!err && set_of(o)->count != count)
        err = -EIDRM; /* another one since sem_count() */
    for (u32 i = 0; !err && i < count; i++) {
        if (set)
            put_value(set_of(o), i, values[i]);
        else
            values[i] = (u16)set_of(o)->sems[i].value;
    }
    if (!err && set) {
        o->ctime = ipc_now();
        let_others(set_of(o));
    }
    mutex_unlock(&ids.lock);
    return err;
}

int sem_info(int cmd, struct seminfo *out)
{
    memset(out, 0, sizeof(*out));
    mutex_lock(&ids.lock);
    out->semmni = (int)ids.limit;
    out->semmns = out->semmap = out->semmnu = (int)semmns;
    out->semmsl = (int)semmsl;
    out->semopm = out->semume = (int)semopm;
    out->semvmx = SEM_VALUE_MAX;
    out->semusz = cmd == SEM_INFO ? (int)ids.used : 20;
    out->semaem = cmd == SEM_INFO ? (int)total : SEM_VALUE_MAX;
    int last = ipc_last_slot(&ids);
    mutex_unlock(&ids.lock);
    return last;
}

static void line(struct seq_buf *b, const struct ipc_object *o)
{
    const struct set *s = container_of(o, struct set, ipc);
    seq_printf(b, "%10u %5u %5u %5u %5u %10lld %10lld\n", s->count, o->uid, o->gid, o->cuid, o->cgid,
               (long long)s->otime, (long long)o->ctime);
}

static int show_limits(struct seq_buf *b, void *arg)
{
    (void)arg;
    seq_printf(b, "%d\t%d\t%d\t%d\n", (int)semmsl, (int)semmns, (int)semopm, (int)ids.limit);
    return 0;
}

/* "SEMMSL SEMMNS SEMOPM SEMMNI", or the first of them. */
static ssize_t write_limits(const char *text, size_t n, void *arg)
{
    u64 *const limits[] = {&semmsl, &semmns, &semopm, &ids.limit};
    u64 values[] = {semmsl, semmns, semopm, ids.limit};
    size_t i = 0;
    (void)arg;
    for (u32 k = 0; k < ARRAY_SIZE(values); k++) {
        while (i < n && (text[i] == ' ' || text[i] == '\t' || text[i] == '\n'))
            i++;
        if (i == n)
            break;
        for (values[k] = 0; i < n && text[i] >= '0' && text[i] <= '9' && values[k] <= INT32_MAX; i++)
            values[k] = values[k] * 10 + (u64)(text[i] - '0');
        if (values[k] > INT32_MAX || (i < n && text[i] != ' ' && text[i] != '\t' && text[i] != '\n'))
            return -EINVAL;
    }
    if (values[3] > IPC_SLOTS)
        return -EINVAL;
    mutex_lock(&ids.lock);
    for (u32 k = 0; k < ARRAY_SIZE(values); k++)
        *limits[k] = values[k];
    mutex_unlock(&ids.lock);
    return (ssize_t)n;
}

void sem_init(void)
{
    static struct ipc_table table = {
        &ids, "       key      semid perms      nsems   uid   gid  cuid  cgid      otime      ctime\n", line};
    proc_register("sys/kernel/sem", 0644, show_limits, write_limits, NULL);
    ipc_register_table("sysvipc/sem", &table);
}
