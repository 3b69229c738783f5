/* SPDX-License-Identifier: MIT */
/*
 * Sockets: what every family shares. A family is a row in net/socket.c's table; its sockets embed struct socket as their
 * first member and fill a const table of operations.
 *
 * The layer owns: the file (a socket is a file whose private is the struct socket), the message with its iterator and
 * control data, time-outs, the error that waits to be reported, the two wait queues, and the options of SOL_SOCKET.
 * The family owns: addresses, states, queues. User memory is met in uio and in control_put() only.
 *
 * Life: made with one reference, which the file takes over (socket_open); families take more (a peer, a message on its
 * way). The last close calls ops->release, the last reference ops->free.
 */
#ifndef NET_SOCKET_H
#define NET_SOCKET_H

#include "abi/poll.h"
#include "abi/socket.h"
#include "fs/vfs.h"

struct socket;
struct seq_buf;

#define SOCK_IN (EPOLLIN | EPOLLRDNORM | EPOLLRDBAND)
#define SOCK_OUT (EPOLLOUT | EPOLLWRNORM | EPOLLWRBAND)
#define RCV_SHUT 1u
#define SEND_SHUT 2u
#define SOCK_BUFFER_DEFAULT 212992u /* net.core.wmem_default, and the most that SO_SNDBUF and SO_RCVBUF accept */

/* Files on their way in a message: SCM_RIGHTS. A reference to each. */
struct rights {
    struct rights *next; /* free for the holder */
    u32 uid;             /* whose limit they count against, while `counted` */
    bool counted;
    u32 count;
    struct file *files[];
};
#define RIGHTS_MAX 253u /* SCM_MAX_FD */

struct control {
    struct rights *rights; /* owned; NULL: none */
    struct ucred cred;     /* pid 0: none */
    struct pid *pid;       /* of cred.pid, for SCM_PIDFD; reference, or NULL */
};

struct sock_msg {
    struct uio *u;
    u32 flags;                     /* MSG_*, as asked */
    u32 out;                       /* received: MSG_TRUNC, MSG_CTRUNC, ... */
    struct sockaddr_storage *name; /* sent to, or where the sender's goes; NULL: none */
    u32 name_len;
    struct control control;
};

/* Called without locks. Results are 0 (or bytes) or a negative errno, as Linux has them. */
struct sock_ops {
    u16 family;
    int (*bind)(struct socket *s, struct sockaddr_storage *addr, u32 len);
    int (*connect)(struct socket *s, struct sockaddr_storage *addr, u32 len, bool nonblock);
    int (*listen)(struct socket *s, u32 backlog);
    int (*accept)(struct socket *s, bool nonblock, struct socket **out);        /* a reference, without a file */
    int (*getname)(struct socket *s, struct sockaddr_storage *addr, bool peer); /* its length */
    ssize_t (*send)(struct socket *s, struct sock_msg *m);
    ssize_t (*receive)(struct socket *s, struct sock_msg *m);
    int (*shutdown)(struct socket *s, u32 how); /* RCV_SHUT | SEND_SHUT */
    u32 (*poll)(struct socket *s, struct poll_table *pt);
    long (*ioctl)(struct socket *s, u32 cmd, u64 arg);                                    /* -ENOTTY */
    int (*setsockopt)(struct socket *s, int level, int name, uaddr_t value, u32 len);     /* other levels */
    int (*getsockopt)(struct socket *s, int level, int name, uaddr_t value, uaddr_t len); /* the same */
    bool (*listening)(struct socket *s);
    void (*release)(struct socket *s); /* the file is closed */
    void (*free)(struct socket *s);    /* the last reference */
};

struct pid;

/* Who is at the other end, for SO_PEERCRED, SO_PEERGROUPS and SO_PEERPIDFD. */
struct sock_peer {
    refcount_t refs;
    struct ucred cred;
    struct pid *pid; /* of cred.pid, whose number may be another's by now; reference, or NULL */
    u32 ngroups;
    u32 groups[];
};

struct socket {
    refcount_t refs;
    u16 type;           /* SOCK_* (constant) */
    u16 protocol;       /* constant */
    u32 shutdown;       /* RCV_SHUT | SEND_SHUT (the family's lock; read without) */
    s32 err;            /* what the next call reports, positive; taken by an exchange */
    u32 options;        /* bit per boolean option (options.c); atomic */
    u32 sndbuf, rcvbuf; /* doubled, as Linux does */
    u32 lowat;          /* SO_RCVLOWAT */
    u32 priority, mark;
    s32 peek_off; /* SO_PEEK_OFF; -1: off */
    u32 linger;
    ns_t rcvtimeo, sndtimeo; /* NS_FOREVER: none */
    const struct sock_ops *ops;
    struct file *file; /* not counted; NULL before accept(2) */
    struct waitq read_wait, write_wait;
    struct sock_peer *peer; /* see sock_set_peer */
    u64 cookie, ino;        /* ino 0: no file yet */
};

/* What the layers above know of the calling thread; set once at boot. */
struct sock_caller {
    void (*ids)(struct ucred *real, struct ucred *effective);
    int (*may_claim)(const struct ucred *c, struct pid **pid); /* SCM_CREDENTIALS: 0 with a reference, -EPERM, -ESRCH */
    struct fs_view (*view)(void);
    u64 (*nofile)(void);      /* RLIMIT_NOFILE */
    struct pid *(*pid)(void); /* the caller's process, with a reference; NULL: none */
    struct pid *(*pid_get)(struct pid *pid);
    void (*pid_put)(struct pid *pid);
    int (*pidfd)(struct pid *pid, struct file **out); /* -EINVAL: it was waited for */
};
extern const struct sock_caller *sock_caller;
void net_init(const struct sock_caller *caller);
bool sock_capable(u32 cap);

int sock_install_file(struct file *f, uaddr_t slot, bool cloexec); /* a descriptor of f, to the user's slot */

/* ---- making ---- */
int socket_create(int family, int type, int protocol, struct file **out); /* type with SOCK_NONBLOCK */
int socket_create_pair(int family, int type, int protocol, struct file *out[2]);
void socket_setup(struct socket *s, const struct sock_ops *ops, u32 type); /* for families; refs 1 */
/* Takes over the reference, also on failure. */
int socket_open(struct socket *s, bool nonblock, struct file **out);
static inline void socket_get(struct socket *s)
{
    ref_get(&s->refs);
}
void socket_put(struct socket *s);
struct socket *socket_of(const struct file *f); /* NULL: no socket */
bool file_quiet_pipe(const struct file *f);     /* -EPIPE of its write comes without SIGPIPE */

/* ---- waiting ---- */
ns_t sock_deadline(ns_t timeout, bool nonblock); /* 0: do not wait */
/* Until cond; 0, -EAGAIN (time is up, or none was given), -ERESTARTSYS, -EINTR. */
#define sock_wait(q, cond, deadline, excl)                                                                    \
    ({                                                                                                        \
        int sw_ret_ = -11; /* EAGAIN */                                                                       \
        if (deadline)                                                                                         \
            sw_ret_ = sock_wait_error(wait_event_state(q, cond, THREAD_SLEEP_INT, deadline, excl), deadline); \
        sw_ret_;                                                                                              \
    })
int sock_wait_error(int err, ns_t deadline);
/* The pending error, negative, which is then gone; 0. */
static inline int sock_take_error(struct socket *s)
{
    return likely(!READ_ONCE(s->err)) ? 0 : -__atomic_exchange_n(&s->err, 0, __ATOMIC_SEQ_CST);
}
static inline void sock_wake_all(struct socket *s) /* after a change of state */
{
    waitq_wake_all(&s->read_wait);
    waitq_wake_all(&s->write_wait);
}
/* After a change that the caller made to its own end: no news for its owner (F_SETOWN). */
static inline void sock_wake_own(struct socket *s)
{
    u32 key = SOCK_IN | SOCK_OUT | EPOLLRDHUP | EPOLLHUP | EPOLLERR | WAKE_HANDED_ON;
    waitq_wake(&s->read_wait, ~0u, key);
    waitq_wake(&s->write_wait, ~0u, key);
}
static inline size_t sock_target(const struct socket *s, bool all, size_t len)
{
    size_t n = all ? len : MIN((size_t)READ_ONCE(s->lowat), len);
    return n ? n : 1;
}

/* ---- options (net/options.c) ---- */
#define OPT_OOBINLINE (1u << 5)
#define OPT_PASSPIDFD (1u << 30) /* the other bits: options.c */
#define OPT_PASSCRED (1u << 31)
#define OPT_PASSSEC (1u << 8)
#define OPT_PASS_SENDER (OPT_PASSCRED | OPT_PASSPIDFD) /* who sent it goes along */
static inline bool sock_option(const struct socket *s, u32 bit)
{
    return READ_ONCE(s->options) & bit;
}
int sock_setsockopt(struct socket *s, int level, int name, uaddr_t value, int len);
int sock_getsockopt(struct socket *s, int level, int name, uaddr_t value, uaddr_t len);
/* An answer of n bytes, cut to the room *len gives. 0, -EFAULT, -EINVAL. */
int sock_put_option(uaddr_t value, uaddr_t len, const void *answer, size_t n);
struct sock_peer *sock_peer_of_caller(void); /* NULL: no memory */
struct sock_peer *sock_peer_get(struct sock_peer *p);
void sock_peer_put(struct sock_peer *p);                   /* NULL is fine */
void sock_set_peer(struct socket *s, struct sock_peer *p); /* takes over the reference */
struct sock_peer *sock_peer_of(struct socket *s);          /* reference, or NULL */

/* ---- control messages (net/control.c) ---- */
/* Reads the control area of a sendmsg(2). 0, -EINVAL, -EBADF, -ENOBUFS, -EFAULT, ... */
int control_get(struct socket *s, struct control *c, uaddr_t area, size_t size);
/* Hands out what came; returns the bytes used. Descriptors are installed. c is empty afterwards. */
size_t control_put(struct socket *s, struct sock_msg *m, uaddr_t area, size_t size);
void control_drop(struct control *c);
void rights_drop(struct rights *r);                 /* closes what is in it */
struct rights *rights_copy(const struct rights *r); /* for MSG_PEEK; NULL: no memory */

/* Peek offsets (SO_PEEK_OFF), under the family's lock of readers. */
static inline u32 sock_peek_offset(const struct socket *s, u32 flags)
{
    return (flags & MSG_PEEK) && s->peek_off > 0 ? (u32)s->peek_off : 0;
}
static inline void sock_peeked(struct socket *s, u32 n)
{
    if (s->peek_off >= 0)
        s->peek_off += (s32)n;
}
static inline void sock_consumed(struct socket *s, u32 n)
{
    if (s->peek_off > 0)
        s->peek_off = s->peek_off > (s32)n ? s->peek_off - (s32)n : 0;
}

#endif
