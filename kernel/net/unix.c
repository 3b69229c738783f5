// SPDX-License-Identifier: MIT
/* AF_UNIX sockets: life, pairs, and what the three types have in common. States and locks: net/unix.h. */
#include "net/unix.h"

#include "abi/errno.h"
#include "abi/fcntl.h"
#include "abi/ioctl.h"
#include "arch/usercopy.h"
#include "lib/string.h"
#include "mem/slab.h"

#include <linux/capability.h>

#define MAX_DGRAM_QLEN 10u /* net.unix.max_dgram_qlen */

void unix_lock_two(struct unix_sock *a, struct unix_sock *b)
{
    if (a == b) {
        spin_lock(&a->lock);
        return;
    }
    spin_lock(a < b ? &a->lock : &b->lock);
    lockdep_nest_next();
    spin_lock(a < b ? &b->lock : &a->lock);
}

void unix_unlock_two(struct unix_sock *a, struct unix_sock *b)
{
    if (a != b)
        spin_unlock(a < b ? &b->lock : &a->lock);
    spin_unlock(a < b ? &a->lock : &b->lock);
}

struct unix_sock *unix_peer_get(struct unix_sock *u)
{
    spin_lock(&u->lock);
    struct unix_sock *p = u->peer;
    if (p)
        socket_get(&p->sock);
    spin_unlock(&u->lock);
    return p;
}

u32 unix_poll_input(struct socket *s, struct poll_table *pt)
{
    const struct unix_sock *u = unix_sk(s);
    u32 events = 0;

    poll_wait(pt, &s->read_wait);
    poll_wait(pt, &s->write_wait);
    u32 shut = READ_ONCE(s->shutdown);
    if (READ_ONCE(s->err))
        events |= EPOLLERR;
    if (shut == (RCV_SHUT | SEND_SHUT))
        events |= EPOLLHUP;
    if (shut & RCV_SHUT)
        events |= EPOLLRDHUP | EPOLLIN | EPOLLRDNORM;
    if (!list_empty(&u->queue) || !list_empty(&u->accept_queue))
        events |= EPOLLIN | EPOLLRDNORM;
    return events;
}

/* ---- making ---------------------------------------------------------------------------------------------------------- */

/* In the peer's peer_wait for a poll of u: there is room again. */
static bool relay_wake(struct waiter *w, u32 key)
{
    struct unix_sock *u = container_of(w, struct unix_sock, relay);

    (void)key;
    list_del_init(&w->link);
    w->wq = NULL;
    lockdep_nest_next();
    waitq_wake(&u->sock.write_wait, ~0u, SOCK_OUT | WAKE_HANDED_ON);
    return false;
}

/*
 * u leaves `peer`: under u's lock, with the change of u->peer, so that the relay is never anywhere but at the peer. Its
 * queue's lock is taken even when the relay is not in it: a wake-up that took it out may still be waking u's pollers.
 */
void unix_relay_drop(struct unix_sock *u, struct unix_sock *peer)
{
    u64 flags = spin_lock_irqsave(&peer->peer_wait.lock);

    list_del_init(&u->relay.link);
    u->relay.wq = NULL;
    spin_unlock_irqrestore(&peer->peer_wait.lock, flags);
}

int unix_create(int type, int protocol, struct socket **out)
{
    const struct sock_ops *ops = type == SOCK_STREAM      ? &unix_stream_ops
                                 : type == SOCK_SEQPACKET ? &unix_seqpacket_ops
                                                          : &unix_dgram_ops;

    if (protocol && protocol != AF_UNIX)
        return -EPROTONOSUPPORT;
    if (type != SOCK_STREAM && type != SOCK_DGRAM && type != SOCK_RAW && type != SOCK_SEQPACKET)
        return -ESOCKTNOSUPPORT;
    struct unix_sock *u = kzalloc(sizeof(*u), MEM_WAIT);
    if (!u)
        return -ENOMEM;
    socket_setup(&u->sock, ops, type == SOCK_RAW ? SOCK_DGRAM : (u32)type);
    spin_init(&u->lock, LOCK_UNIX);
    list_init(&u->queue);
    list_init(&u->accept_queue);
    list_init(&u->accept_link);
    list_init(&u->inflight_link);
    u->backlog = MAX_DGRAM_QLEN;
    u->wmem = 1;
    waitq_init(&u->peer_wait);
    waiter_init(&u->relay);
    u->relay.wake = relay_wake;
    mutex_init(&u->io, LOCK_SOCKET_IO);
    mutex_init(&u->bind_lock, LOCK_SOCKET_BIND);
    unix_table_add(u);
    *out = &u->sock;
    return 0;
}

int unix_pair(struct socket *a, struct socket *b)
{
    struct unix_sock *ua = unix_sk(a), *ub = unix_sk(b);
    struct sock_peer *me = sock_peer_of_caller();

    if (!me)
        return -ENOMEM;
    socket_get(a);
    socket_get(b);
    a->peer = me;
    b->peer = sock_peer_get(me);
    ua->peer = ub;
    ub->peer = ua;
    ua->state = ub->state = UNIX_CONNECTED;
    return 0;
}

/* ---- the end --------------------------------------------------------------------------------------------------------- */

/* The connected peer of a stream or seqpacket learns that this end is gone. */
static void hang_up(struct unix_sock *peer, bool unread)
{
    if (peer->sock.type != SOCK_DGRAM) {
        spin_lock(&peer->lock);
        WRITE_ONCE(peer->sock.shutdown, RCV_SHUT | SEND_SHUT);
        if (unread)
            WRITE_ONCE(peer->sock.err, ECONNRESET);
        spin_unlock(&peer->lock);
        sock_wake_all(&peer->sock);
    }
    socket_put(&peer->sock);
}

static void drop_queue(struct list *messages, struct list *embryos)
{
    struct unix_msg *b, *next;
    struct unix_sock *e, *enext;

    list_for_each_safe (b, next, messages, link)
        unix_msg_free(b);
    list_for_each_safe (e, enext, embryos, accept_link) {
        list_init(&e->accept_link);
        unix_release(&e->sock);
        socket_put(&e->sock);
    }
}

void unix_release(struct socket *s)
{
    struct unix_sock *u = unix_sk(s);
    struct list messages = LIST_INIT(messages), embryos = LIST_INIT(embryos);

    unix_table_remove(u);
    unix_unbind(u);
    spin_lock(&u->lock);
    WRITE_ONCE(u->dead, true);
    WRITE_ONCE(s->shutdown, RCV_SHUT | SEND_SHUT);
    WRITE_ONCE(u->state, UNIX_CLOSED);
    struct unix_sock *peer = u->peer;
    u->peer = NULL;
    if (peer)
        unix_relay_drop(u, peer);
    list_splice_tail(&messages, &u->queue);
    list_splice_tail(&embryos, &u->accept_queue);
    u->qlen = 0;
    u->queued = 0;
    bool embryo = !s->file;
    WRITE_ONCE(s->file, NULL);
    spin_unlock(&u->lock);
    waitq_wake_all(&u->peer_wait);
    if (peer)
        hang_up(peer, embryo || !list_empty(&messages));
    drop_queue(&messages, &embryos);
    unix_gc_wanted();
}

void unix_free(struct socket *s)
{
    struct unix_sock *u = unix_sk(s);

    sock_peer_put(s->peer);
    unix_addr_put(u->addr);
    if (__atomic_sub_fetch(&u->wmem, 1, __ATOMIC_SEQ_CST) == 0)
        kfree(u);
}

/* ---- what they share ------------------------------------------------------------------------------------------------- */

int unix_shutdown(struct socket *s, u32 how)
{
    struct unix_sock *u = unix_sk(s);
    u32 other = (how & RCV_SHUT ? SEND_SHUT : 0) | (how & SEND_SHUT ? RCV_SHUT : 0);

    spin_lock(&u->lock);
    WRITE_ONCE(s->shutdown, s->shutdown | how);
    struct unix_sock *peer = s->type == SOCK_DGRAM ? NULL : u->peer;
    if (peer)
        socket_get(&peer->sock);
    spin_unlock(&u->lock);
    sock_wake_own(s);
    waitq_wake_all(&u->peer_wait);
    if (!peer)
        return 0;
    spin_lock(&peer->lock);
    WRITE_ONCE(peer->sock.shutdown, peer->sock.shutdown | other);
    spin_unlock(&peer->lock);
    sock_wake_all(&peer->sock);
    socket_put(&peer->sock);
    return 0;
}

int unix_getname(struct socket *s, struct sockaddr_storage *addr, bool peer)
{
    struct unix_sock *u = unix_sk(s), *p = peer ? unix_peer_get(u) : u;

    if (!p)
        return -ENOTCONN;
    int len = (int)unix_addr_copy(unix_addr(p), addr);
    if (peer)
        socket_put(&p->sock);
    return len;
}

bool unix_is_listening(struct socket *s)
{
    return READ_ONCE(unix_sk(s)->state) == UNIX_LISTENING;
}

static long unread(struct unix_sock *u)
{
    if (READ_ONCE(u->state) == UNIX_LISTENING)
        return -EINVAL;
    spin_lock(&u->lock);
    u64 n = u->queued;
    if (u->sock.type == SOCK_DGRAM)
        n = list_empty(&u->queue) ? 0 : list_first(&u->queue, struct unix_msg, link)->size;
    spin_unlock(&u->lock);
    return (long)n;
}

/* SIOCUNIXFILE: a descriptor for the name it is bound to is not given; runtimes do not ask. */
long unix_ioctl(struct socket *s, u32 cmd, u64 arg)
{
    struct unix_sock *u = unix_sk(s);
    long n;

    switch (cmd) {
    case FIONREAD:
        n = unread(u);
        break;
    case TIOCOUTQ: /* SIOCOUTQ */
        n = (long)READ_ONCE(u->wmem) - 1;
        break;
    default:
        return -ENOTTY;
    }
    return n < 0 ? n : put_user_u32(arg, (u32)n);
}
