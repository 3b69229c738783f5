// SPDX-License-Identifier: MIT
/*
 * SOCK_STREAM: a write becomes messages of at most 64 KiB, half the send buffer at most; a read takes as many as fit, and
 * stops where the credentials change (if they are asked for) and behind a message that carries files.
 */
#include "abi/errno.h"
#include "net/unix.h"

#define PIECE_MAX 65536u

/* ---- sending --------------------------------------------------------------------------------------------------------- */

/* -EPIPE: the other end does not read any more; b is freed then. */
static int append(struct unix_sock *to, struct unix_msg *b)
{
    spin_lock(&to->lock);
    if (unlikely(to->dead || (to->sock.shutdown & RCV_SHUT))) {
        spin_unlock(&to->lock);
        unix_msg_free(b);
        return -EPIPE;
    }
    list_add_tail(&to->queue, &b->link);
    to->queued += b->size;
    spin_unlock(&to->lock);
    waitq_wake_poll(&to->sock.read_wait, SOCK_IN);
    return 0;
}

static int send_piece(struct unix_sock *u, struct unix_sock *to, struct sock_msg *m, size_t n, ns_t deadline)
{
    struct unix_msg *b;
    int err = unix_msg_alloc(u, n, deadline, &b);

    if (err)
        return err;
    unix_msg_identify(b, to, &m->control);
    err = unix_msg_fill(b, m->u);
    if (!err && unlikely(m->control.rights)) {
        err = unix_rights_attach(m->control.rights);
        if (!err) {
            b->rights = m->control.rights;
            m->control.rights = NULL;
        }
    }
    if (err) {
        unix_msg_free(b);
        return err;
    }
    return append(to, b);
}

static ssize_t stream_send(struct socket *s, struct sock_msg *m)
{
    struct unix_sock *u = unix_sk(s), *to = load_acquire(&u->peer);
    ns_t deadline = sock_deadline(READ_ONCE(s->sndtimeo), m->flags & MSG_DONTWAIT);
    size_t sent = 0, most = MIN(READ_ONCE(s->sndbuf) / 2 - 64, PIECE_MAX);
    int err = 0;

    if (m->flags & MSG_OOB)
        return -EOPNOTSUPP;
    if (m->name)
        return READ_ONCE(u->state) == UNIX_CONNECTED ? -EISCONN : -EOPNOTSUPP;
    if (!to)
        return -ENOTCONN;
    if (READ_ONCE(s->shutdown) & SEND_SHUT)
        return -EPIPE;
    while (m->u->resid) {
        size_t n = MIN(m->u->resid, most);
        err = send_piece(u, to, m, n, deadline);
        if (err)
            break;
        sent += n;
    }
    return sent ? (ssize_t)sent : err;
}

/* ---- receiving ------------------------------------------------------------------------------------------------------- */

struct reading {
    struct unix_sock *u;
    struct sock_msg *m;
    size_t copied;
    u32 skip; /* MSG_PEEK: bytes passed over, or looked at */
    bool peek, first, stop;
};

/* The message with the byte at r->skip, and where that is in it. NULL: none yet. (io) */
static struct unix_msg *find(struct reading *r, u32 *off)
{
    struct unix_sock *u = r->u;
    struct unix_msg *b, *found = NULL;
    u32 skip = r->skip;

    spin_lock(&u->lock);
    list_for_each (b, &u->queue, link) {
        u32 left = b->size - b->off;
        if (skip < left) {
            *off = b->off + skip;
            found = b;
            break;
        }
        skip -= left;
    }
    spin_unlock(&u->lock);
    return found;
}

static void take_rights(struct reading *r, struct unix_msg *b)
{
    struct rights *got;

    if (r->peek) {
        got = unix_rights_peek(&b->rights);
    } else {
        spin_lock(&r->u->lock); /* against the collector */
        got = b->rights;
        b->rights = NULL;
        spin_unlock(&r->u->lock);
        if (got)
            unix_rights_detach(got);
    }
    if (got) {
        rights_drop(r->m->control.rights);
        r->m->control.rights = got;
        r->stop = true;
    }
}

/* n bytes of the first message are read. */
static void consume(struct unix_sock *u, struct unix_msg *b, u32 n)
{
    sock_consumed(&u->sock, n);
    spin_lock(&u->lock);
    b->off += n;
    u->queued -= n;
    bool done = b->off == b->size;
    if (done)
        list_del(&b->link);
    spin_unlock(&u->lock);
    if (done)
        unix_msg_free(b);
}

static bool same_cred(const struct ucred *a, const struct ucred *b)
{
    return a->pid == b->pid && a->uid == b->uid && a->gid == b->gid;
}

/* One message's part. 0; -EFAULT. r->stop: nothing behind it belongs to this call. */
static int read_message(struct reading *r, struct unix_msg *b, u32 off)
{
    struct sock_msg *m = r->m;
    size_t n = MIN((size_t)(b->size - off), m->u->resid);

    if (sock_option(&r->u->sock, OPT_PASSCRED)) {
        if (!r->first && !same_cred(&m->control.cred, &b->cred)) {
            r->stop = true;
            return 0;
        }
        m->control.cred = b->cred;
    }
    if (r->first && m->name && unix_addr(b->sender))
        m->name_len = unix_addr_copy(unix_addr(b->sender), m->name);
    r->first = false;
    struct uio before = *m->u;
    if (unix_msg_copy(b, off, m->u, n)) {
        uio_revert(m->u, &before);
        return -EFAULT;
    }
    r->copied += n;
    if (unlikely(READ_ONCE(b->rights)))
        take_rights(r, b);
    if (r->peek) {
        sock_peeked(&r->u->sock, (u32)n);
        r->skip += (u32)n;
    } else {
        consume(r->u, b, (u32)n);
    }
    return 0;
}

/* Nothing to read: why the call ends (1: the end of the stream), or 0 after waiting. (io, which is dropped meanwhile)
 * The other end may have written and closed since the queue was found empty: what it wrote comes first. */
static int wait_for_data(struct reading *r, ns_t deadline)
{
    struct unix_sock *u = r->u;
    struct socket *s = &u->sock;

    spin_lock(&u->lock);
    bool more = u->queued > r->skip;
    int err = more ? 0 : sock_take_error(s);
    bool end = s->shutdown & RCV_SHUT;
    spin_unlock(&u->lock);
    if (more || err)
        return err;
    if (end)
        return 1;
    mutex_unlock(&u->io);
    err = sock_wait(&s->read_wait,
                    READ_ONCE(u->queued) > r->skip || READ_ONCE(s->err) || (READ_ONCE(s->shutdown) & RCV_SHUT),
                    deadline, false);
    mutex_lock(&u->io);
    return err;
}

static ssize_t stream_receive(struct socket *s, struct sock_msg *m)
{
    struct unix_sock *u = unix_sk(s);
    ns_t deadline = sock_deadline(READ_ONCE(s->rcvtimeo), m->flags & MSG_DONTWAIT);
    size_t target = sock_target(s, m->flags & MSG_WAITALL, m->u->resid);
    struct reading r = {.u = u, .m = m, .peek = m->flags & MSG_PEEK, .first = true};
    int err = 0;

    if (READ_ONCE(u->state) != UNIX_CONNECTED)
        return -EINVAL;
    if (m->flags & MSG_OOB)
        return -EOPNOTSUPP;
    m->name_len = 0;
    mutex_lock(&u->io);
    r.skip = sock_peek_offset(s, m->flags);
    do {
        u32 off;
        struct unix_msg *b = find(&r, &off);
        if (b)
            err = read_message(&r, b, off);
        else if (r.copied >= target || (r.peek && r.copied)) /* a peek never waits for more than something */
            break;
        else
            err = wait_for_data(&r, deadline);
        if (!b && !err)
            continue;
        if (!m->u->resid)
            break;
    } while (!err && !r.stop);
    mutex_unlock(&u->io);
    return r.copied ? (ssize_t)r.copied : err == 1 ? 0 : err;
}

/* ---- poll ------------------------------------------------------------------------------------------------------------ */

static u32 stream_poll(struct socket *s, struct poll_table *pt)
{
    struct unix_sock *u = unix_sk(s);
    u32 events = unix_poll_input(s, pt);

    u8 state = READ_ONCE(u->state);
    if (state == UNIX_CLOSED)
        events |= EPOLLHUP;
    if (state != UNIX_LISTENING && unix_writable(u))
        events |= SOCK_OUT;
    return events;
}

const struct sock_ops unix_stream_ops = {
    .family = AF_UNIX,
    .bind = unix_bind,
    .connect = unix_connect,
    .listen = unix_listen,
    .accept = unix_accept,
    .getname = unix_getname,
    .send = stream_send,
    .receive = stream_receive,
    .shutdown = unix_shutdown,
    .poll = stream_poll,
    .ioctl = unix_ioctl,
    .listening = unix_is_listening,
    .release = unix_release,
    .free = unix_free,
};
