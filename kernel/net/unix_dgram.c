// SPDX-License-Identifier: MIT
/*
 * SOCK_DGRAM and SOCK_SEQPACKET: messages that stay whole. A sender needs room twice: in its own send buffer, and in the
 * receiver's queue, unless the receiver is connected to it (then the send buffer alone bounds what is under way).
 *
 * A datagram socket whose receiver is full polls as not writable; a relay in the receiver's peer_wait wakes its pollers.
 */
#include "abi/errno.h"
#include "net/unix.h"

static bool queue_full(const struct unix_sock *u)
{
    return READ_ONCE(u->qlen) > READ_ONCE(u->backlog);
}

/* May u send to `to`: a connected socket hears its peer only. (to's lock, or a racy look) */
static bool may_reach(const struct unix_sock *u, const struct unix_sock *to)
{
    const struct unix_sock *p = READ_ONCE(to->peer);
    return !p || p == u;
}

/* ---- connect --------------------------------------------------------------------------------------------------------- */

/* u lost its peer `old` for another or none: what was queued came from it, and goes; old hears of it when it is connected
 * to u. The reference is dropped. */
static void disconnected(struct unix_sock *u, struct unix_sock *old)
{
    struct list messages = LIST_INIT(messages);
    struct unix_msg *b, *next;

    mutex_lock(&u->io);
    spin_lock(&u->lock);
    list_splice_tail(&messages, &u->queue);
    u->qlen = 0;
    u->queued = 0;
    spin_unlock(&u->lock);
    mutex_unlock(&u->io);
    if (!list_empty(&messages)) {
        waitq_wake_all(&u->peer_wait);
        if (!READ_ONCE(old->dead) && READ_ONCE(old->peer) == u) {
            WRITE_ONCE(old->sock.err, ECONNRESET);
            sock_wake_all(&old->sock);
        }
    }
    list_for_each_safe (b, next, &messages, link)
        unix_msg_free(b);
    socket_put(&old->sock);
}

/* u's peer becomes `to` (NULL: none); the reference of `to` is taken over. -EPERM; -ECONNREFUSED: it died meanwhile. */
static int set_peer(struct unix_sock *u, struct unix_sock *to)
{
    int err = 0;

    unix_lock_two(u, to ? to : u);
    if (to && to->dead)
        err = -ECONNREFUSED;
    else if (to && !may_reach(u, to))
        err = -EPERM;
    struct unix_sock *old = u->peer;
    if (!err) {
        if (old)
            unix_relay_drop(u, old);
        WRITE_ONCE(u->peer, to);
        WRITE_ONCE(u->state, to ? UNIX_CONNECTED : UNIX_CLOSED);
        if (to)
            WRITE_ONCE(to->state, UNIX_CONNECTED);
    }
    unix_unlock_two(u, to ? to : u);
    if (err)
        return err;
    if (old == to && old)
        socket_put(&old->sock);
    else if (old)
        disconnected(u, old);
    waitq_wake_all(&u->sock.write_wait);
    return 0;
}

int unix_dgram_connect(struct socket *s, struct sockaddr_storage *addr, u32 len, bool nonblock)
{
    struct unix_sock *u = unix_sk(s), *to = NULL;
    int err;

    (void)nonblock;
    if (len < sizeof(addr->ss_family))
        return -EINVAL;
    if (addr->ss_family == AF_UNSPEC)
        return set_peer(u, NULL);
    err = unix_addr_check(addr, len);
    if (!err && sock_option(s, OPT_PASS_SENDER))
        err = unix_autobind(u);
    do {
        if (!err)
            err = unix_find(addr, len, s->type, &to);
        if (err)
            return err;
        err = set_peer(u, to);
        if (err)
            socket_put(&to->sock);
        if (err == -ECONNREFUSED)
            err = 0; /* it was closed between: its name now says so */
        else
            break;
    } while (true);
    return err;
}

/* ---- sending --------------------------------------------------------------------------------------------------------- */

/* The peer of a datagram socket is closed: u has none any more. */
static int lost_peer(struct unix_sock *u, struct unix_sock *to)
{
    spin_lock(&u->lock);
    bool mine = u->peer == to;
    if (mine) {
        unix_relay_drop(u, to);
        u->peer = NULL;
        WRITE_ONCE(u->state, UNIX_CLOSED);
    }
    spin_unlock(&u->lock);
    if (mine) {
        disconnected(u, to);
        waitq_wake_all(&u->sock.write_wait); /* the relay is gone that would have told of the end */
    }
    return -ECONNREFUSED;
}

/* 0: queued. 1: `to` is full. Else why not. */
static int append(struct unix_sock *u, struct unix_sock *to, struct unix_msg *b)
{
    int err = 0;

    spin_lock(&to->lock);
    if (unlikely(to->peer && to->peer != u && u->sock.type == SOCK_DGRAM))
        err = -EPERM;
    else if (unlikely(to->dead))
        err = u->sock.type == SOCK_DGRAM ? -ECONNREFUSED : -EPIPE;
    else if (unlikely(to->sock.shutdown & RCV_SHUT))
        err = -EPIPE;
    else if (to != u && to->peer != u && queue_full(to))
        err = 1;
    if (!err) {
        list_add_tail(&to->queue, &b->link);
        WRITE_ONCE(to->qlen, to->qlen + 1);
        to->queued += b->size;
    }
    spin_unlock(&to->lock);
    if (!err)
        waitq_wake_poll(&to->sock.read_wait, SOCK_IN);
    return err;
}

static int wait_for_room(struct unix_sock *to, ns_t deadline)
{
    return sock_wait(&to->peer_wait,
                     !queue_full(to) || READ_ONCE(to->dead) || (READ_ONCE(to->sock.shutdown) & RCV_SHUT), deadline,
                     true);
}

/* Sends b to `to`, waiting for room. b is not freed on failure. */
static int deliver(struct unix_sock *u, struct unix_sock *to, struct unix_msg *b, ns_t deadline)
{
    int err;

    unix_msg_identify(b, to);
    while ((err = append(u, to, b)) == 1) {
        err = wait_for_room(to, deadline);
        if (err) {
            if (deadline)
                waitq_wake_one(&to->peer_wait); /* the wake-up may have been ours */
            return err;
        }
    }
    if (err == -ECONNREFUSED)
        lost_peer(u, to);
    return err;
}

static int fill(struct unix_sock *u, struct unix_msg *b, struct sock_msg *m)
{
    b->from = unix_addr_get(unix_addr(u));
    unix_msg_claim(b, &m->control);
    int err = unix_msg_fill(b, m->u);
    if (!err && m->control.rights) {
        err = unix_rights_attach(m->control.rights);
        if (!err) {
            b->rights = m->control.rights;
            m->control.rights = NULL;
        }
    }
    return err;
}

static int find_receiver(struct unix_sock *u, struct sock_msg *m, struct unix_sock **to)
{
    if (m->name)
        return unix_find(m->name, m->name_len, u->sock.type, to);
    *to = unix_peer_get(u);
    return *to ? 0 : -ENOTCONN;
}

static ssize_t dgram_send(struct socket *s, struct sock_msg *m)
{
    struct unix_sock *u = unix_sk(s), *to;
    ns_t deadline = sock_deadline(READ_ONCE(s->sndtimeo), m->flags & MSG_DONTWAIT);
    size_t n = m->u->resid;
    struct unix_msg *b;
    int err = m->flags & MSG_OOB ? -EOPNOTSUPP : 0;

    if (!err && m->name)
        err = unix_addr_check(m->name, m->name_len);
    else if (!err && !READ_ONCE(u->peer))
        err = -ENOTCONN;
    if (!err && sock_option(s, OPT_PASS_SENDER))
        err = unix_autobind(u);
    if (!err && n > READ_ONCE(s->sndbuf) - 32)
        err = -EMSGSIZE;
    if (!err)
        err = unix_msg_alloc(u, n, deadline, &b);
    if (err)
        return err;
    err = fill(u, b, m);
    if (!err)
        err = find_receiver(u, m, &to);
    if (!err) {
        err = deliver(u, to, b, deadline);
        socket_put(&to->sock);
    }
    if (err)
        unix_msg_free(b);
    return err ? err : (ssize_t)n;
}

static ssize_t seqpacket_send(struct socket *s, struct sock_msg *m)
{
    int err = sock_take_error(s);

    if (err)
        return err;
    if (READ_ONCE(unix_sk(s)->state) != UNIX_CONNECTED)
        return -ENOTCONN;
    m->name = NULL;
    return dgram_send(s, m);
}

/* ---- receiving ------------------------------------------------------------------------------------------------------- */

/* A peek from an offset goes past b: it was shown wholly, or is empty and was shown. (lock) */
static bool passed(const struct unix_sock *u, const struct unix_msg *b, u32 skip)
{
    return skip >= b->size && (skip || (b->peeked && READ_ONCE(u->sock.peek_off) >= 0));
}

/* The message that a read sees; with MSG_PEEK the one behind the peek offset, *skip being what is left of it. (io) */
static struct unix_msg *find(struct unix_sock *u, u32 flags, u32 *skip, u32 *seen)
{
    struct unix_msg *b, *found = NULL;

    spin_lock(&u->lock);
    list_for_each (b, &u->queue, link) {
        if (!(flags & MSG_PEEK) || !passed(u, b, *skip)) {
            b->peeked = !b->size;
            found = b;
            break;
        }
        *skip -= b->size;
    }
    *seen = u->qlen;
    if (found && !(flags & MSG_PEEK)) {
        list_del(&b->link);
        WRITE_ONCE(u->qlen, u->qlen - 1);
        u->queued -= b->size;
    }
    spin_unlock(&u->lock);
    return found;
}

/* Nothing is there but `seen` messages, peeked past: why the call ends (1: the end), or 0 after waiting. (io, which is
 * dropped meanwhile) */
static int wait_for_message(struct unix_sock *u, u32 seen, ns_t deadline)
{
    struct socket *s = &u->sock;
    int err;

    spin_lock(&u->lock);
    bool more = u->qlen != seen; /* written since, by an end that may have closed then */
    bool end = s->shutdown & RCV_SHUT;
    spin_unlock(&u->lock);
    if (more)
        return 0;
    if (!deadline)
        return s->type == SOCK_SEQPACKET && end ? 1 : -EAGAIN;
    if (end)
        return 1;
    mutex_unlock(&u->io);
    err =
        sock_wait(&s->read_wait, READ_ONCE(u->qlen) != seen || READ_ONCE(s->err) || (READ_ONCE(s->shutdown) & RCV_SHUT),
                  deadline, true);
    if (err && READ_ONCE(u->qlen))
        waitq_wake_poll(&s->read_wait, SOCK_IN | WAKE_HANDED_ON); /* the wake-up may have been ours */
    mutex_lock(&u->io);
    return err;
}

static ssize_t copy_out(struct unix_sock *u, struct unix_msg *b, struct sock_msg *m, u32 skip)
{
    size_t left = b->size - skip, n = MIN(left, m->u->resid);
    bool peek = m->flags & MSG_PEEK;

    if (m->name && b->from) /* an unnamed sender: no address at all */
        m->name_len = unix_addr_copy(b->from, m->name);
    if (n < left)
        m->out |= MSG_TRUNC;
    if (unix_msg_copy(b, skip, m->u, n))
        return -EFAULT;
    if (sock_option(&u->sock, OPT_PASS_SENDER))
        unix_msg_tell_sender(b, m);
    if (peek) {
        m->control.rights = unix_rights_peek(&b->rights);
        sock_peeked(&u->sock, (u32)n);
    } else {
        if (b->rights)
            unix_rights_detach(b->rights);
        m->control.rights = b->rights;
        b->rights = NULL;
        sock_consumed(&u->sock, b->size);
    }
    return (ssize_t)(m->flags & MSG_TRUNC ? left : n);
}

static ssize_t dgram_receive(struct socket *s, struct sock_msg *m)
{
    struct unix_sock *u = unix_sk(s);
    ns_t deadline = sock_deadline(READ_ONCE(s->rcvtimeo), m->flags & MSG_DONTWAIT);
    struct unix_msg *b;
    u32 skip, seen;

    if (m->flags & MSG_OOB)
        return -EOPNOTSUPP;
    m->name_len = 0;
    mutex_lock(&u->io);
    for (;;) {
        int err = sock_take_error(s); /* before the messages, other than a stream's */
        skip = sock_peek_offset(s, m->flags);
        b = err ? NULL : find(u, m->flags, &skip, &seen);
        if (b)
            break;
        if (!err)
            err = wait_for_message(u, seen, deadline);
        if (err) {
            mutex_unlock(&u->io);
            return err == 1 ? 0 : err;
        }
    }
    ssize_t n = copy_out(u, b, m, skip);
    mutex_unlock(&u->io);
    if (m->flags & MSG_PEEK)
        return n;
    unix_msg_free(b);
    waitq_wake_poll(&u->peer_wait, SOCK_OUT);
    return n;
}

static ssize_t seqpacket_receive(struct socket *s, struct sock_msg *m)
{
    return READ_ONCE(unix_sk(s)->state) == UNIX_CONNECTED ? dgram_receive(s, m) : -ENOTCONN;
}

/* ---- poll ------------------------------------------------------------------------------------------------------------ */

/* Is there room at the peer? If not, the relay is set to tell when there is. */
static bool peer_has_room(struct unix_sock *u)
{
    bool full = false;

    spin_lock(&u->lock);
    struct unix_sock *to = u->peer;
    if (to && READ_ONCE(to->peer) != u && queue_full(to)) {
        waitq_add(&to->peer_wait, &u->relay);
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
        full = queue_full(to) && !READ_ONCE(to->dead);
    }
    spin_unlock(&u->lock);
    return !full;
}

static u32 dgram_poll(struct socket *s, struct poll_table *pt)
{
    struct unix_sock *u = unix_sk(s);
    u32 events = unix_poll_input(s, pt);

    u8 state = READ_ONCE(u->state);
    if (s->type == SOCK_SEQPACKET && state == UNIX_CLOSED)
        events |= EPOLLHUP;
    if (state != UNIX_LISTENING && unix_writable(u) && peer_has_room(u))
        events |= SOCK_OUT;
    return events;
}

const struct sock_ops unix_dgram_ops = {
    .family = AF_UNIX,
    .bind = unix_bind,
    .connect = unix_dgram_connect,
    .getname = unix_getname,
    .send = dgram_send,
    .receive = dgram_receive,
    .shutdown = unix_shutdown,
    .poll = dgram_poll,
    .ioctl = unix_ioctl,
    .release = unix_release,
    .free = unix_free,
};

const struct sock_ops unix_seqpacket_ops = {
    .family = AF_UNIX,
    .bind = unix_bind,
    .connect = unix_connect,
    .listen = unix_listen,
    .accept = unix_accept,
    .getname = unix_getname,
    .send = seqpacket_send,
    .receive = seqpacket_receive,
    .shutdown = unix_shutdown,
    .poll = dgram_poll,
    .ioctl = unix_ioctl,
    .listening = unix_is_listening,
    .release = unix_release,
    .free = unix_free,
};
