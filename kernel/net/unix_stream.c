// SPDX-License-Identifier: MIT
/*
 * SOCK_STREAM: a write becomes messages of at most 64 KiB, half the send buffer at most; a read takes as many as fit, and
 * stops where the credentials change (if they are asked for) and behind a message that carries files.
 *
 * The last byte of a write with MSG_OOB is urgent: a message of its own, in its place in the queue. There is one, `oob`; a
 * later one makes it an ordinary byte. A read ends before it. The next one passes over it, which loses it (MSG_PEEK only
 * does not see it); with SO_OOBINLINE it is a byte like others. Taken by MSG_OOB, the empty message stays as the mark that
 * a read ends at. SIOCATMARK says whether the next read begins there.
 */
#include "abi/errno.h"
#include "arch/usercopy.h"
#include "net/unix.h"

#define PIECE_MAX 65536u

/* ---- sending --------------------------------------------------------------------------------------------------------- */

/* -EPIPE: the other end does not read any more; b is freed then. */
static int append(struct unix_sock *to, struct unix_msg *b, bool oob)
{
    spin_lock(&to->lock);
    if (unlikely(to->dead || (to->sock.shutdown & RCV_SHUT))) {
        spin_unlock(&to->lock);
        unix_msg_free(b);
        return -EPIPE;
    }
    list_add_tail(&to->queue, &b->link);
    to->queued += b->size;
    if (unlikely(oob))
        WRITE_ONCE(to->oob, b);
    spin_unlock(&to->lock);
    waitq_wake_poll(&to->sock.read_wait, oob ? SOCK_IN | EPOLLPRI : SOCK_IN);
    return 0;
}

static int send_piece(struct unix_sock *u, struct unix_sock *to, struct sock_msg *m, size_t n, bool oob, ns_t deadline)
{
    struct unix_msg *b;
    int err = unix_msg_alloc(u, n, deadline, &b);

    if (err)
        return err;
    unix_msg_claim(b, &m->control);
    unix_msg_identify(b, to);
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
    return append(to, b, oob);
}

static ssize_t stream_send(struct socket *s, struct sock_msg *m)
{
    struct unix_sock *u = unix_sk(s), *to = load_acquire(&u->peer);
    ns_t deadline = sock_deadline(READ_ONCE(s->sndtimeo), m->flags & MSG_DONTWAIT);
    size_t sent = 0, most = MIN(READ_ONCE(s->sndbuf) / 2 - 64, PIECE_MAX);
    int err = 0;

    bool oob = m->flags & MSG_OOB;
    if (oob && !m->u->resid)
        return -EOPNOTSUPP;
    if (m->name)
        return READ_ONCE(u->state) == UNIX_CONNECTED ? -EISCONN : -EOPNOTSUPP;
    if (!to)
        return -ENOTCONN;
    if (READ_ONCE(s->shutdown) & SEND_SHUT)
        return -EPIPE;
    while (m->u->resid) {
        bool urgent = oob && m->u->resid == 1;
        size_t n = MIN(m->u->resid - (oob && !urgent), most);
        err = send_piece(u, to, m, n, urgent, deadline);
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

/* Bytes that reading has not come to. */
static bool has_unread(const struct reading *r)
{
    const struct unix_sock *u = r->u;
    bool unseen = r->peek && READ_ONCE(u->oob) && !sock_option(&u->sock, OPT_OOBINLINE);
    return READ_ONCE(u->queued) > r->skip + (unseen ? 1u : 0);
}

enum urgent { ORDINARY, ENDS, PASSED, DROPPED };

/* Reading has come to b: the urgent byte, or the mark of one that was taken? (lock) */
static enum urgent meet(struct reading *r, struct unix_msg *b)
{
    struct unix_sock *u = r->u;
    bool mark = b->off == b->size;

    if (likely(!mark && b != u->oob))
        return ORDINARY;
    if (r->copied && (!mark || !u->oob))
        return ENDS;
    if (!mark && !r->peek)
        WRITE_ONCE(u->oob, NULL);
    if (!mark && sock_option(&u->sock, OPT_OOBINLINE))
        return ORDINARY;
    if (r->peek)
        return PASSED;
    u->queued -= b->size - b->off;
    list_del(&b->link);
    return DROPPED;
}

/* A peek goes on behind what it was shown, of which the urgent byte was no part. (lock) */
static enum urgent passing(const struct unix_sock *u, const struct unix_msg *b)
{
    return b == u->oob && !sock_option(&u->sock, OPT_OOBINLINE) ? PASSED : ORDINARY;
}

/* The message with the byte at r->skip, and where that is in it. NULL: none yet, or r->stop. (io) */
static struct unix_msg *find(struct reading *r, u32 *off)
{
    struct unix_sock *u = r->u;
    struct unix_msg *b, *next, *found = NULL;
    struct list dropped = LIST_INIT(dropped);
    u32 skip = r->skip;

    spin_lock(&u->lock);
    list_for_each_safe (b, next, &u->queue, link) {
        u32 left = b->size - b->off;
        enum urgent urgent = skip ? passing(u, b) : meet(r, b);
        if (urgent == ENDS) {
            r->stop = true;
            break;
        }
        if (urgent == DROPPED)
            list_add_tail(&dropped, &b->link);
        if (urgent != ORDINARY)
            continue;
        if (skip < left) {
            *off = b->off + skip;
            found = b;
            break;
        }
        skip -= left;
    }
    spin_unlock(&u->lock);
    list_for_each_safe (b, next, &dropped, link) {
        unix_msg_free(b);
    }
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

static bool same_sender(const struct control *c, const struct unix_msg *b)
{
    return c->pid == b->pid && c->cred.pid == b->cred.pid && c->cred.uid == b->cred.uid && c->cred.gid == b->cred.gid;
}

/* One message's part. 0; -EFAULT. r->stop: nothing behind it belongs to this call. */
static int read_message(struct reading *r, struct unix_msg *b, u32 off)
{
    struct sock_msg *m = r->m;
    size_t n = MIN((size_t)(b->size - off), m->u->resid);

    if (sock_option(&r->u->sock, OPT_PASS_SENDER)) {
        if (!r->first && !same_sender(&m->control, b)) {
            r->stop = true;
            return 0;
        }
        unix_msg_tell_sender(b, m);
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
    bool more = has_unread(r);
    int err = more ? 0 : sock_take_error(s);
    bool end = s->shutdown & RCV_SHUT;
    spin_unlock(&u->lock);
    if (more || err)
        return err;
    if (end)
        return 1;
    mutex_unlock(&u->io);
    err = sock_wait(&s->read_wait, has_unread(r) || READ_ONCE(s->err) || (READ_ONCE(s->shutdown) & RCV_SHUT), deadline,
                    false);
    mutex_lock(&u->io);
    return err;
}

static ssize_t receive_urgent(struct unix_sock *u, struct sock_msg *m)
{
    mutex_lock(&u->io);
    spin_lock(&u->lock);
    struct unix_msg *b = sock_option(&u->sock, OPT_OOBINLINE) ? NULL : u->oob;
    spin_unlock(&u->lock);
    ssize_t n = b ? 1 : -EINVAL;
    if (b && (!m->u->resid || unix_msg_copy(b, b->off, m->u, 1)))
        n = -EFAULT;
    spin_lock(&u->lock);
    if (n == 1 && !(m->flags & MSG_PEEK)) {
        if (u->oob == b) /* else a later one came: this byte, too, was read */
            WRITE_ONCE(u->oob, NULL);
        b->off = b->size;
        u->queued--;
    }
    spin_unlock(&u->lock);
    mutex_unlock(&u->io);
    if (n == 1)
        m->out |= MSG_OOB;
    return n;
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
    m->name_len = 0;
    if (m->flags & MSG_OOB)
        return receive_urgent(u, m);
    mutex_lock(&u->io);
    r.skip = sock_peek_offset(s, m->flags);
    do {
        u32 off;
        struct unix_msg *b = find(&r, &off);
        if (b)
            err = read_message(&r, b, off);
        else if (r.stop || r.copied >= target || (r.peek && r.copied)) /* a peek never waits for more than something */
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
    if (READ_ONCE(u->oob))
        events |= EPOLLPRI;
    if (state == UNIX_CLOSED)
        events |= EPOLLHUP;
    if (state != UNIX_LISTENING && unix_writable(u))
        events |= SOCK_OUT;
    return events;
}

static bool at_mark(struct unix_sock *u)
{
    bool at = false;
    spin_lock(&u->lock);
    if (!list_empty(&u->queue)) {
        const struct unix_msg *b = list_first(&u->queue, struct unix_msg, link);
        at = b == u->oob || (b->off == b->size && (!u->oob || b->link.next == &u->oob->link));
    }
    spin_unlock(&u->lock);
    return at;
}

static long stream_ioctl(struct socket *s, u32 cmd, u64 arg)
{
    return cmd == SIOCATMARK ? put_user_u32(arg, at_mark(unix_sk(s))) : unix_ioctl(s, cmd, arg);
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
    .ioctl = stream_ioctl,
    .listening = unix_is_listening,
    .release = unix_release,
    .free = unix_free,
};
