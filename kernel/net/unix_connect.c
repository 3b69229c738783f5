// SPDX-License-Identifier: MIT
/*
 * Connections of streams and seqpackets: listen, connect, accept. connect() makes the other end, an embryo, and leaves it
 * at the listener; it returns at once, and may send before accept() gives the embryo a file.
 */
#include "abi/errno.h"
#include "net/unix.h"

int unix_listen(struct socket *s, u32 backlog)
{
    struct unix_sock *u = unix_sk(s);
    struct sock_peer *me;
    int err = 0;

    if (!unix_addr(u))
        return -EINVAL;
    me = sock_peer_of_caller();
    if (!me)
        return -ENOMEM;
    spin_lock(&u->lock);
    if (u->state == UNIX_CONNECTED) {
        err = -EINVAL;
    } else {
        WRITE_ONCE(u->backlog, backlog);
        WRITE_ONCE(u->state, UNIX_LISTENING);
        sock_set_peer(s, me);
        me = NULL;
    }
    spin_unlock(&u->lock);
    sock_peer_put(me);
    if (!err)
        waitq_wake_all(&u->peer_wait);
    return err;
}

/* ---- connect --------------------------------------------------------------------------------------------------------- */

static bool full(const struct unix_sock *l)
{
    return READ_ONCE(l->qlen) > READ_ONCE(l->backlog);
}

static bool listening(const struct unix_sock *l)
{
    return READ_ONCE(l->state) == UNIX_LISTENING && !READ_ONCE(l->dead) && !(READ_ONCE(l->sock.shutdown) & RCV_SHUT);
}

/* What speaks against connecting u to l. 1: l is full. (both locks) */
static int may_connect(const struct unix_sock *u, const struct unix_sock *l)
{
    if (!listening(l))
        return -ECONNREFUSED;
    if (full(l))
        return 1;
    return u->state == UNIX_CONNECTED ? -EISCONN : u->state == UNIX_LISTENING ? -EINVAL : 0;
}

/* Both ends are tied; the embryo's name is the listener's. (locks of u and l) */
static void tie(struct unix_sock *u, struct unix_sock *l, struct unix_sock *e, struct sock_peer *me)
{
    socket_get(&u->sock);
    socket_get(&e->sock);
    e->peer = u;
    e->state = UNIX_CONNECTED;
    e->sock.peer = me;
    e->addr = unix_addr_get(unix_addr(l));
    sock_set_peer(&u->sock, sock_peer_of(&l->sock));
    store_release(&u->peer, e);
    WRITE_ONCE(u->state, UNIX_CONNECTED);
    list_add_tail(&l->accept_queue, &e->accept_link);
    WRITE_ONCE(l->qlen, l->qlen + 1);
}

/* One try. 0; 1: l is full. */
static int try_connect(struct unix_sock *u, struct unix_sock *l, struct unix_sock *e, struct sock_peer *me)
{
    unix_lock_two(u, l);
    int err = may_connect(u, l);
    if (!err)
        tie(u, l, e, me);
    unix_unlock_two(u, l);
    if (err)
        return err;
    waitq_wake_all(&u->sock.write_wait);
    waitq_wake_poll(&l->sock.read_wait, SOCK_IN);
    return 0;
}

/* Finds the listener and connects, waiting while its queue is full. */
static int connect_embryo(struct unix_sock *u, const struct sockaddr_storage *addr, u32 len, ns_t deadline,
                          struct unix_sock *e, struct sock_peer *me)
{
    struct unix_sock *l;
    int err;

    for (;;) {
        err = unix_find(addr, len, u->sock.type, &l);
        if (err)
            return err;
        err = try_connect(u, l, e, me);
        if (err == 1) {
            err = sock_wait(&l->peer_wait, !full(l) || !listening(l), deadline, true);
            if (err && deadline)
                waitq_wake_one(&l->peer_wait); /* the wake-up may have been ours */
            if (!err)
                err = 1;
        }
        socket_put(&l->sock);
        if (err != 1)
            return err;
    }
}

int unix_connect(struct socket *s, struct sockaddr_storage *addr, u32 len, bool nonblock)
{
    struct unix_sock *u = unix_sk(s);
    struct socket *e;
    struct sock_peer *me;
    int err = unix_addr_check(addr, len);

    if (!err && sock_option(s, OPT_PASS_SENDER))
        err = unix_autobind(u);
    if (!err)
        err = unix_create(s->type, 0, &e);
    if (err)
        return err;
    me = sock_peer_of_caller();
    err = me ? connect_embryo(u, addr, len, sock_deadline(READ_ONCE(s->sndtimeo), nonblock), unix_sk(e), me) : -ENOMEM;
    if (err) {
        sock_peer_put(me);
        unix_release(e);
        socket_put(e);
    }
    return err;
}

/* ---- accept ---------------------------------------------------------------------------------------------------------- */

static struct unix_sock *take(struct unix_sock *l)
{
    struct unix_sock *e = NULL;

    spin_lock(&l->lock);
    if (!list_empty(&l->accept_queue)) {
        e = list_first(&l->accept_queue, struct unix_sock, accept_link);
        list_del_init(&e->accept_link);
        WRITE_ONCE(l->qlen, l->qlen - 1);
    }
    spin_unlock(&l->lock);
    return e;
}

int unix_accept(struct socket *s, bool nonblock, struct socket **out)
{
    struct unix_sock *l = unix_sk(s), *e;
    ns_t deadline = sock_deadline(READ_ONCE(s->rcvtimeo), nonblock);

    if (READ_ONCE(l->state) != UNIX_LISTENING)
        return -EINVAL;
    while (!(e = take(l))) {
        if (!deadline)
            return -EAGAIN;
        if (READ_ONCE(s->shutdown) & RCV_SHUT)
            return -EINVAL;
        int err = sock_wait(&s->read_wait, READ_ONCE(l->qlen) || (READ_ONCE(s->shutdown) & RCV_SHUT), deadline, true);
        if (err) {
            if (READ_ONCE(l->qlen))
                waitq_wake_poll(&s->read_wait, SOCK_IN | WAKE_HANDED_ON); /* the wake-up may have been ours */
            return err;
        }
    }
    waitq_wake_poll(&l->peer_wait, SOCK_OUT);
    u32 passed_on = READ_ONCE(s->options) & (OPT_PASS_SENDER | OPT_PASSSEC);
    if (passed_on)
        __atomic_fetch_or(&e->sock.options, passed_on, __ATOMIC_RELAXED);
    *out = &e->sock;
    return 0;
}
