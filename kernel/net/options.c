// SPDX-License-Identifier: MIT
/*
 * SOL_SOCKET: the options that mean the same for every family. Those that are only remembered (a driver or a protocol
 * would ask) are bits of socket.options, set and read back; the rest has a case of its own.
 */
#include "abi/errno.h"
#include "arch/usercopy.h"
#include "mem/slab.h"
#include "net/socket.h"

#include <linux/capability.h>

#define MIN_SNDBUF 4608u
#define MIN_RCVBUF 2304u
#define NS_PER_SEC 1000000000ull

/* ---- peers ----------------------------------------------------------------------------------------------------------- */

struct sock_peer *sock_peer_of_caller(void)
{
    const struct fs_cred *c = sock_caller->view().cred;
    struct sock_peer *p = kmalloc(sizeof(*p) + c->ngroups * sizeof(u32), MEM_WAIT);
    struct ucred real;

    if (!p)
        return NULL;
    ref_init(&p->refs);
    sock_caller->ids(&real, &p->cred);
    p->pid = sock_caller->pid();
    p->ngroups = c->ngroups;
    if (c->ngroups)
        __builtin_memcpy(p->groups, c->groups, c->ngroups * sizeof(u32));
    return p;
}

struct sock_peer *sock_peer_get(struct sock_peer *p)
{
    if (p)
        ref_get(&p->refs);
    return p;
}

static struct spinlock peer_lock = SPINLOCK_INIT(LOCK_SOCKET_PEER); /* every socket.peer */

void sock_set_peer(struct socket *s, struct sock_peer *p)
{
    spin_lock(&peer_lock);
    struct sock_peer *old = s->peer;
    s->peer = p;
    spin_unlock(&peer_lock);
    sock_peer_put(old);
}

struct sock_peer *sock_peer_of(struct socket *s)
{
    spin_lock(&peer_lock);
    struct sock_peer *p = sock_peer_get(s->peer);
    spin_unlock(&peer_lock);
    return p;
}

void sock_peer_put(struct sock_peer *p)
{
    if (!p || !ref_put(&p->refs))
        return;
    if (p->pid)
        sock_caller->pid_put(p->pid);
    kfree(p);
}

/* ---- booleans -------------------------------------------------------------------------------------------------------- */

/* Options that are a bit, and who may set it (0: anyone; else a capability + 1, to be had for setting it on). */
static const struct {
    u8 name, bit;
    u8 cap;
} bits[] = {
    {SO_DEBUG, 0, CAP_NET_ADMIN + 1},
    {SO_REUSEADDR, 1, 0},
    {SO_DONTROUTE, 2, 0},
    {SO_BROADCAST, 3, 0},
    {SO_KEEPALIVE, 4, 0},
    {SO_OOBINLINE, 5, 0},
    {SO_NO_CHECK, 6, 0},
    {SO_PASSSEC, 8, 0},
    {SO_TIMESTAMP_OLD, 9, 0},
    {SO_TIMESTAMPNS_OLD, 10, 0},
    {SO_RXQ_OVFL, 11, 0},
    {SO_WIFI_STATUS, 12, 0},
    {SO_NOFCS, 13, 0},
    {SO_SELECT_ERR_QUEUE, 14, 0},
    {SO_LOCK_FILTER, 15, 0},
    {SO_PASSPIDFD, 30, 0},
    {SO_PASSCRED, 31, 0},
};
#define LINGER_BIT (1u << 16)

static void set_bit(struct socket *s, u32 bit, bool on)
{
    if (on)
        __atomic_fetch_or(&s->options, bit, __ATOMIC_RELAXED);
    else
        __atomic_fetch_and(&s->options, ~bit, __ATOMIC_RELAXED);
}

static int find_bit(int name)
{
    for (u32 i = 0; i < ARRAY_SIZE(bits); i++)
        if (bits[i].name == name)
            return (int)i;
    return -1;
}

static int set_boolean(struct socket *s, int i, u32 value)
{
    if (bits[i].cap && value && !sock_capable(bits[i].cap - 1u))
        return -EACCES;
    set_bit(s, 1u << bits[i].bit, value);
    return 0;
}

/* ---- setting --------------------------------------------------------------------------------------------------------- */

static int set_timeout(ns_t *timeo, uaddr_t value, u32 len)
{
    s64 tv[2];

    if (len < sizeof(tv))
        return -EINVAL;
    if (copy_from_user(tv, value, sizeof(tv)))
        return -EFAULT;
    if (tv[1] < 0 || tv[1] >= 1000000)
        return -EDOM;
    ns_t t = NS_FOREVER;
    if (tv[0] < 0)
        t = 0;
    else if ((tv[0] || tv[1]) && tv[0] < (s64)(NS_FOREVER / NS_PER_SEC / 4))
        t = (ns_t)tv[0] * NS_PER_SEC + (ns_t)tv[1] * 1000;
    WRITE_ONCE(*timeo, t);
    return 0;
}

static int set_linger(struct socket *s, uaddr_t value, u32 len)
{
    struct linger l;

    if (len < sizeof(l))
        return -EINVAL;
    if (copy_from_user(&l, value, sizeof(l)))
        return -EFAULT;
    set_bit(s, LINGER_BIT, l.l_onoff);
    if (l.l_onoff)
        s->linger = (u32)l.l_linger;
    return 0;
}

static u32 doubled(u32 value, u32 least)
{
    return MAX(MIN(value, SOCK_BUFFER_DEFAULT) * 2, least);
}

static int set_sndbuf(struct socket *s, u32 value)
{
    WRITE_ONCE(s->sndbuf, doubled(value, MIN_SNDBUF));
    waitq_wake_all(&s->write_wait);
    return 0;
}

/* Beyond the limits, up to what an int holds. */
static int force_buffer(struct socket *s, int name, u32 value)
{
    value = MIN(value, 0x3fffffffu) * 2;
    if (!sock_capable(CAP_NET_ADMIN))
        return -EPERM;
    if (name == SO_RCVBUFFORCE) {
        WRITE_ONCE(s->rcvbuf, MAX(value, MIN_RCVBUF));
        return 0;
    }
    WRITE_ONCE(s->sndbuf, MAX(value, MIN_SNDBUF));
    waitq_wake_all(&s->write_wait);
    return 0;
}

static bool may_mark(void)
{
    return sock_capable(CAP_NET_RAW) || sock_capable(CAP_NET_ADMIN);
}

static int set_number(struct socket *s, int name, u32 value)
{
    switch (name) {
    case SO_TYPE:
    case SO_PROTOCOL:
    case SO_DOMAIN:
    case SO_ERROR:
        return -ENOPROTOOPT;
    case SO_SNDBUF:
        return set_sndbuf(s, value);
    case SO_RCVBUF:
        WRITE_ONCE(s->rcvbuf, doubled(value, MIN_RCVBUF));
        return 0;
    case SO_SNDBUFFORCE:
    case SO_RCVBUFFORCE:
        return force_buffer(s, name, value);
    case SO_PRIORITY:
        if (value > 6 && !may_mark())
            return -EPERM;
        s->priority = value;
        return 0;
    case SO_MARK:
        if (!may_mark())
            return -EPERM;
        s->mark = value;
        return 0;
    case SO_RCVLOWAT:
        WRITE_ONCE(s->lowat, (s32)value < 0 ? 0x7fffffffu : value ? value : 1);
        return 0;
    case SO_PEEK_OFF:
        WRITE_ONCE(s->peek_off, (s32)value);
        return 0;
    case SO_BUSY_POLL:
        return (s32)value < 0 ? -EINVAL : value && !sock_capable(CAP_NET_ADMIN) ? -EPERM : 0;
    case SO_BSDCOMPAT:
    case SO_INCOMING_CPU:
    case SO_MAX_PACING_RATE:
        return 0;
    case SO_REUSEPORT: /* of the internet families */
        return value ? -EOPNOTSUPP : 0;
    case SO_ZEROCOPY:
    case SO_ATTACH_REUSEPORT_CBPF:
    case SO_ATTACH_REUSEPORT_EBPF:
        return -EOPNOTSUPP;
    default:
        return -ENOPROTOOPT;
    }
}

static int set_socket(struct socket *s, int name, uaddr_t value, u32 len)
{
    u32 number;
    int bit = find_bit(name);

    if (len < sizeof(number))
        return -EINVAL;
    if (get_user_u32(&number, value))
        return -EFAULT;
    switch (name) {
    case SO_LINGER:
        return set_linger(s, value, len);
    case SO_RCVTIMEO_OLD:
    case SO_RCVTIMEO_NEW:
        return set_timeout(&s->rcvtimeo, value, len);
    case SO_SNDTIMEO_OLD:
    case SO_SNDTIMEO_NEW:
        return set_timeout(&s->sndtimeo, value, len);
    default:
        return bit >= 0 ? set_boolean(s, bit, number) : set_number(s, name, number);
    }
}

int sock_setsockopt(struct socket *s, int level, int name, uaddr_t value, int len)
{
    if (len < 0)
        return -EINVAL;
    if (level == SOL_SOCKET)
        return set_socket(s, name, value, (u32)len);
    return s->ops->setsockopt ? s->ops->setsockopt(s, level, name, value, (u32)len) : -EOPNOTSUPP;
}

/* ---- getting --------------------------------------------------------------------------------------------------------- */

int sock_put_option(uaddr_t value, uaddr_t len, const void *answer, size_t n)
{
    u32 room;

    if (get_user_u32(&room, len))
        return -EFAULT;
    if ((s32)room < 0)
        return -EINVAL;
    n = MIN(n, (size_t)room);
    return copy_to_user(value, answer, n) || put_user_u32(len, (u32)n) ? -EFAULT : 0;
}

static int get_timeout(ns_t t, uaddr_t value, uaddr_t len)
{
    u64 tv[2] = {0, 0};

    if (t != NS_FOREVER) {
        tv[0] = t / NS_PER_SEC;
        tv[1] = t % NS_PER_SEC / 1000;
    }
    return sock_put_option(value, len, tv, sizeof(tv));
}

static int put_groups(const struct sock_peer *p, uaddr_t value, uaddr_t len)
{
    u32 room;

    if (get_user_u32(&room, len))
        return -EFAULT;
    if (room < p->ngroups * sizeof(u32))
        return put_user_u32(len, p->ngroups * (u32)sizeof(u32)) ? -EFAULT : -ERANGE;
    return sock_put_option(value, len, p->groups, p->ngroups * sizeof(u32));
}

static int get_peer_groups(struct socket *s, uaddr_t value, uaddr_t len)
{
    struct sock_peer *p = sock_peer_of(s);
    int err = p ? put_groups(p, value, len) : -ENODATA;

    sock_peer_put(p);
    return err;
}

static int get_peer_cred(struct socket *s, uaddr_t value, uaddr_t len)
{
    struct sock_peer *p = sock_peer_of(s);
    struct ucred cred = p ? p->cred : (struct ucred){0, ~0u, ~0u};

    sock_peer_put(p);
    return sock_put_option(value, len, &cred, sizeof(cred));
}

/* Room that is too small for the descriptor is told so: nothing is installed that cannot be named. */
static int get_peer_pidfd(struct socket *s, uaddr_t value, uaddr_t len)
{
    struct sock_peer *p = sock_peer_of(s);
    struct file *f;
    u32 room;
    int err = p && p->pid ? sock_caller->pidfd(p->pid, &f) : -ENODATA;

    sock_peer_put(p);
    if (err)
        return err;
    if (get_user_u32(&room, len) || put_user_u32(len, MIN(room, (u32)sizeof(int))))
        err = -EFAULT;
    else
        err = room < sizeof(int) ? -EINVAL : sock_install_file(f, value, true);
    file_put(f);
    return err;
}

static int get_peer_name(struct socket *s, uaddr_t value, uaddr_t len)
{
    struct sockaddr_storage addr;
    u32 room;
    int n = s->ops->getname(s, &addr, true);

    if (n < 0)
        return -ENOTCONN;
    if (get_user_u32(&room, len))
        return -EFAULT;
    return (u32)n < room ? -EINVAL : sock_put_option(value, len, &addr, room);
}

/* A number, or -ENOPROTOOPT. */
static int get_number(struct socket *s, int name, u32 *out)
{
    switch (name) {
    case SO_TYPE:
        *out = s->type;
        return 0;
    case SO_PROTOCOL:
        *out = s->protocol;
        return 0;
    case SO_DOMAIN:
        *out = s->ops->family;
        return 0;
    case SO_ERROR:
        *out = (u32)-sock_take_error(s);
        return 0;
    case SO_ACCEPTCONN:
        *out = s->ops->listening && s->ops->listening(s);
        return 0;
    case SO_SNDBUF:
        *out = s->sndbuf;
        return 0;
    case SO_RCVBUF:
        *out = s->rcvbuf;
        return 0;
    case SO_PRIORITY:
        *out = s->priority;
        return 0;
    case SO_RCVLOWAT:
        *out = s->lowat;
        return 0;
    case SO_SNDLOWAT:
        *out = 1;
        return 0;
    case SO_PEEK_OFF:
        *out = (u32)s->peek_off;
        return 0;
    case SO_MARK:
        *out = s->mark;
        return 0;
    case SO_REUSEPORT:
    case SO_BSDCOMPAT:
    case SO_BUSY_POLL:
    case SO_ZEROCOPY:
        *out = 0;
        return 0;
    default:
        return -ENOPROTOOPT;
    }
}

static int get_socket(struct socket *s, int name, uaddr_t value, uaddr_t len)
{
    struct linger l = {sock_option(s, LINGER_BIT), (int)s->linger};
    int bit = find_bit(name), err;
    u32 number = 0;

    switch (name) {
    case SO_LINGER:
        return sock_put_option(value, len, &l, sizeof(l));
    case SO_RCVTIMEO_OLD:
    case SO_RCVTIMEO_NEW:
        return get_timeout(s->rcvtimeo, value, len);
    case SO_SNDTIMEO_OLD:
    case SO_SNDTIMEO_NEW:
        return get_timeout(s->sndtimeo, value, len);
    case SO_PEERCRED:
        return get_peer_cred(s, value, len);
    case SO_PEERGROUPS:
        return get_peer_groups(s, value, len);
    case SO_PEERPIDFD:
        return get_peer_pidfd(s, value, len);
    case SO_PEERNAME:
        return get_peer_name(s, value, len);
    case SO_COOKIE:
        return sock_put_option(value, len, &s->cookie, sizeof(s->cookie));
    default:
        if (bit >= 0)
            number = sock_option(s, 1u << bits[bit].bit) ? 1 : 0;
        else if ((err = get_number(s, name, &number)))
            return err;
        return sock_put_option(value, len, &number, sizeof(number));
    }
}

int sock_getsockopt(struct socket *s, int level, int name, uaddr_t value, uaddr_t len)
{
    u32 room;

    if (level != SOL_SOCKET)
        return s->ops->getsockopt ? s->ops->getsockopt(s, level, name, value, len) : -EOPNOTSUPP;
    if (get_user_u32(&room, len))
        return -EFAULT;
    return (s32)room < 0 ? -EINVAL : get_socket(s, name, value, len);
}
