// SPDX-License-Identifier: MIT
/*
 * System V message queues. Who finds no room, or no message, lies on the queue's list of sleepers; every change of the queue
 * wakes all of them, and each looks again.
 *
 * All under the table's lock.
 */
#include "proc/sysv_msg.h"

#include "abi/errno.h"
#include "fs/vfs.h"
#include "lib/string.h"
#include "mem/slab.h"
#include "proc/process.h"

#define MAY_RECEIVE 0444u
#define MAY_SEND 0222u

struct queue {
    struct ipc_object ipc;
    struct list messages, sleepers;
    u64 bytes, count, max_bytes;
    s64 stime, rtime;
    s32 last_sender, last_receiver;
};

static struct ipc_ids ids = IPC_IDS_INIT(ids, 32000);
static u64 msgmax = 8192, msgmnb = 16384;

static struct queue *queue_of(struct ipc_object *o)
{
    return container_of(o, struct queue, ipc);
}

struct ipc_message *msg_alloc(s64 type, size_t size)
{
    struct ipc_message *m = kmalloc(sizeof(*m) + size, MEM_WAIT);
    if (m) {
        list_init(&m->link);
        m->type = type;
        m->size = size;
    }
    return m;
}

int msg_check_size(size_t size)
{
    return size > msgmax ? -EINVAL : 0;
}

/* ---- making ---- */

static int check_nothing(struct ipc_object *o, u64 arg)
{
    (void)o, (void)arg;
    return 0;
}

static int make(s32 key, u32 flags, u64 arg)
{
    struct queue *q = kzalloc(sizeof(*q), MEM_WAIT);
    (void)arg;
    if (!q)
        return -ENOMEM;
    list_init(&q->messages);
    list_init(&q->sleepers);
    q->max_bytes = msgmnb;
    int id = ipc_add(&ids, &q->ipc, key, flags);
    if (id < 0)
        kfree(q);
    return id;
}

int msg_get(s32 key, u32 flags)
{
    return ipc_get(&ids, key, flags, check_nothing, make, 0);
}

/* ---- sleeping ---- */

static void wake_all(struct queue *q, int result)
{
    while (!list_empty(&q->sleepers))
        ipc_wake(list_first(&q->sleepers, struct ipc_waiter, link), result);
}

/* Until the queue changes: 0, -EIDRM, -ERESTARTNOHAND. ids.lock is held on entry and on return. */
static int sleep_on(struct queue *q)
{
    struct ipc_waiter w = {.thread = current_thread(), .result = IPC_WAITING};
    list_add_tail(&q->sleepers, &w.link);
    mutex_unlock(&ids.lock);
    int err = ipc_wait(&ids, &w, NS_FOREVER);
    mutex_lock(&ids.lock);
    return err == -EINTR ? -ERESTARTNOHAND : err;
}

/* ---- sending and receiving ---- */

static bool has_room(const struct queue *q, size_t size)
{
    return q->bytes + size <= q->max_bytes && q->count + 1 <= q->max_bytes;
}

static void add(struct queue *q, struct ipc_message *m)
{
    list_add_tail(&q->messages, &m->link);
    q->bytes += m->size;
    q->count++;
    q->last_sender = current_process()->pid;
    q->stime = ipc_now();
    wake_all(q, 0);
}

int msg_send(int id, struct ipc_message *m, u32 flags)
{
    struct ipc_object *o;
    mutex_lock(&ids.lock);
    int err = ipc_find(&ids, id, MAY_SEND, &o);
    while (!err && !has_room(queue_of(o), m->size)) {
        err = flags & IPC_NOWAIT ? -EAGAIN : sleep_on(queue_of(o));
        if (!err)
            err = ipc_find(&ids, id, MAY_SEND, &o);
        if (err == -EINVAL)
            err = -EIDRM; /* it went while this was about to look */
    }
    if (!err)
        add(queue_of(o), m);
    mutex_unlock(&ids.lock);
    return err;
}

/* `type` as msgrcv(2) has it; with MSG_COPY it is a place in the queue. NULL: none fits. */
static struct ipc_message *choose(struct queue *q, s64 type, u32 flags)
{
    struct ipc_message *m, *best = NULL;
    s64 limit = type == INT64_MIN ? INT64_MAX : -type, place = 0;
    list_for_each (m, &q->messages, link) {
        bool fits = flags & MSG_COPY ? place++ == type
                    : !type          ? true
                    : type < 0       ? m->type <= limit && (!best || m->type < best->type)
                                     : (m->type == type) != !!(flags & MSG_EXCEPT);
        if (fits)
            best = m;
        if (fits && (type >= 0 || (flags & MSG_COPY)))
            break;
    }
    return best;
}

static int copy_of(const struct ipc_message *m, struct ipc_message **out)
{
    *out = msg_alloc(m->type, m->size);
    if (!*out)
        return -ENOMEM;
    memcpy((*out)->text, m->text, m->size);
    return 0;
}

static void take(struct queue *q, struct ipc_message *m)
{
    list_del(&m->link);
    q->bytes -= m->size;
    q->count--;
    q->last_receiver = current_process()->pid;
    q->rtime = ipc_now();
    wake_all(q, 0);
}

/* 0: *out is it; -EAGAIN: wait. */
static int receive_now(struct queue *q, size_t room, s64 type, u32 flags, struct ipc_message **out)
{
    struct ipc_message *m = choose(q, type, flags);
    if (!m)
        return flags & IPC_NOWAIT ? -ENOMSG : -EAGAIN;
    if (room < m->size && !(flags & MSG_NOERROR))
        return -E2BIG;
    if (flags & MSG_COPY)
        return copy_of(m, out);
    take(q, m);
    *out = m;
    return 0;
}

int msg_receive(int id, size_t room, s64 type, u32 flags, struct ipc_message **out)
{
    struct ipc_object *o;
    mutex_lock(&ids.lock);
    int err = ipc_find(&ids, id, MAY_RECEIVE, &o);
    while (!err) {
        err = receive_now(queue_of(o), room, type, flags, out);
        if (err != -EAGAIN)
            break;
        err = sleep_on(queue_of(o));
        if (!err)
            err = ipc_find(&ids, id, MAY_RECEIVE, &o);
        if (err == -EINVAL)
            err = -EIDRM;
    }
    mutex_unlock(&ids.lock);
    return err;
}

/* ---- control ---- */

static void fill(const struct ipc_object *o, void *to)
{
    const struct queue *q = container_of(o, struct queue, ipc);
    struct msqid64_ds *out = to;
    ipc_fill_perm(o, &out->msg_perm);
    out->msg_stime = q->stime;
    out->msg_rtime = q->rtime;
    out->msg_ctime = o->ctime;
    out->msg_cbytes = q->bytes;
    out->msg_qnum = q->count;
    out->msg_qbytes = q->max_bytes;
    out->msg_lspid = q->last_sender;
    out->msg_lrpid = q->last_receiver;
}

int msg_stat(int id, int cmd, struct msqid64_ds *out)
{
    memset(out, 0, sizeof(*out));
    return ipc_stat(&ids, id, cmd, MSG_STAT_ANY, fill, out);
}

static int change_room(struct ipc_object *o, const void *bytes)
{
    u64 max = *(const u64 *)bytes;
    if (max > msgmnb && !capable(CAP_SYS_RESOURCE))
        return -EPERM;
    queue_of(o)->max_bytes = max;
    wake_all(queue_of(o), 0);
    return 0;
}

int msg_set(int id, const struct msqid64_ds *ds)
{
    u64 bytes = ds->msg_qbytes;
    return ipc_set(&ids, id, &ds->msg_perm, change_room, &bytes);
}

static void destroy(struct ipc_object *o)
{
    struct queue *q = queue_of(o);
    wake_all(q, -EIDRM);
    while (!list_empty(&q->messages)) {
        struct ipc_message *m = list_first(&q->messages, struct ipc_message, link);
        list_del(&m->link);
        kfree(m);
    }
    ipc_remove(&ids, o);
    kfree(q);
}

int msg_remove(int id)
{
    return ipc_destroy(&ids, id, destroy);
}

int msg_info(int cmd, struct msginfo *out)
{
    struct ipc_object *o;
    u64 messages = 0, bytes = 0;
    memset(out, 0, sizeof(*out));
    mutex_lock(&ids.lock);
    for (u32 i = 0; (o = ipc_next(&ids, &i));) {
        messages += queue_of(o)->count;
        bytes += queue_of(o)->bytes;
    }
    out->msgmax = (int)msgmax;
    out->msgmnb = (int)msgmnb;
    out->msgmni = (int)ids.limit;
    out->msgssz = 16;
    out->msgseg = 0xffff;
    out->msgpool = cmd == MSG_INFO ? (int)ids.used : 512000;
    out->msgmap = cmd == MSG_INFO ? (int)messages : 16384;
    out->msgtql = cmd == MSG_INFO ? (int)bytes : 16384;
    int last = ipc_last_slot(&ids);
    mutex_unlock(&ids.lock);
    return last;
}

static void line(struct seq_buf *b, const struct ipc_object *o)
{
    const struct queue *q = container_of(o, struct queue, ipc);
    seq_printf(b, " %10llu %10llu %5u %5u %5u %5u %5u %5u %10lld %10lld %10lld\n", (unsigned long long)q->bytes,
               (unsigned long long)q->count, (u32)q->last_sender, (u32)q->last_receiver, o->uid, o->gid, o->cuid,
               o->cgid, (long long)q->stime, (long long)q->rtime, (long long)o->ctime);
}

void msg_init(void)
{
    static struct ipc_limit max = {&msgmax, 0, INT32_MAX}, mnb = {&msgmnb, 0, INT32_MAX},
                            mni = {&ids.limit, 0, IPC_SLOTS};
    static struct ipc_table table = {
        &ids,
        "       key      msqid perms      cbytes       qnum lspid lrpid   uid   gid  cuid  cgid"
        "      stime      rtime      ctime\n",
        line,
    };
    ipc_register_limit("sys/kernel/msgmax", &max);
    ipc_register_limit("sys/kernel/msgmnb", &mnb);
    ipc_register_limit("sys/kernel/msgmni", &mni);
    ipc_register_table("sysvipc/msg", &table);
}
