/* SPDX-License-Identifier: MIT */
/*
 * AF_UNIX: what its files share.
 *
 * States: CLOSED → LISTENING (listen); CLOSED → CONNECTED (connect, socketpair; a datagram socket while it has a peer).
 * A connection waits at its listener as a socket of its own, an embryo: connected, without a file, on accept_queue.
 *
 * unix.lock covers state, peer, the queue, accept_queue, dead, and the socket's shutdown. Two of them are taken in the
 * order of their addresses. `io` is held by readers across user copies: with it a message at the head stays where it is
 * (senders append). `bind_lock` covers giving a name; addr is set once and read with acquire.
 *
 * Memory: messages count against their sender's wmem until they are received. wmem is born at 1, which goes with the
 * last reference: whoever brings it to 0 frees the memory, so a message needs no other hold on its sender.
 */
#ifndef NET_UNIX_H
#define NET_UNIX_H

#include "net/socket.h"

struct unix_addr {
    refcount_t refs;
    u32 len; /* of the address, sun_family included */
    u32 hash;
    u8 name[sizeof(struct sockaddr_un) + 1]; /* a path is NUL-terminated */
};

/* One write's worth of bytes (a stream splits large writes), or one datagram. */
struct unix_msg {
    struct list link;
    struct unix_sock *sender;
    struct unix_addr *from; /* datagrams: the sender's name then; counted; NULL: none */
    struct rights *rights;
    struct pid *pid; /* of cred.pid; reference, or NULL */
    struct ucred cred;
    u32 size;     /* bytes that came */
    u32 off;      /* of them, read (streams) */
    u32 truesize; /* what it counts */
    u32 npages;   /* 0: the bytes follow the structure; else pages[] does */
    bool peeked;  /* an empty datagram that MSG_PEEK has shown (lock) */
    union {
        u8 data[0];
        struct page *pages[0];
    };
};

enum unix_state { UNIX_CLOSED, UNIX_LISTENING, UNIX_CONNECTED };

struct unix_sock {
    struct socket sock;
    struct spinlock lock;   /* LOCK_UNIX */
    u8 state;               /* enum unix_state (lock; read without) */
    bool dead;              /* closed (lock) */
    bool named_path;        /* path is valid (bind_lock, then constant) */
    struct unix_sock *peer; /* counted (lock). A stream's or seqpacket's is set once, and stays until its own release */
    struct list queue;      /* unix_msg (lock) */
    u32 qlen;               /* messages, or embryos (lock) */
    u32 backlog;            /* more than that is full (lock) */
    u64 queued;             /* unread bytes (lock) */
    struct unix_msg *oob;   /* in the queue of a stream: the urgent byte, if it is unread (lock; taken off under io) */
    u32 wmem;               /* atomic, see above */
    bool lacked_room;       /* a sender was refused since room was last told of (races lose one of two) */
    struct list accept_queue, accept_link; /* (the listener's lock) */
    struct waitq peer_wait;                /* who waits for room in this socket's queue */
    struct waiter relay; /* in the peer's peer_wait, or in none: wakes this one's write_wait (lock, and that queue's) */
    struct mutex io;     /* LOCK_SOCKET_IO */
    struct mutex bind_lock; /* LOCK_SOCKET_BIND */
    struct unix_addr *addr;
    struct path path;            /* where it is bound; references */
    struct unix_sock *hash_next; /* (table lock) */
    struct list all_link;        /* (the list's lock) */
    /* the collector's (gc lock) */
    struct list inflight_link;
    u32 inflight; /* references to the file from messages */
    u32 gc_refs;
    u8 gc_mark;
};

static inline struct unix_sock *unix_sk(const struct socket *s)
{
    return (struct unix_sock *)(unsigned long)s;
}
static inline struct unix_addr *unix_addr(const struct unix_sock *u)
{
    return load_acquire(&((struct unix_sock *)(unsigned long)u)->addr);
}

/* unix.c */
int unix_create(int type, int protocol, struct socket **out);
int unix_pair(struct socket *a, struct socket *b);
void unix_lock_two(struct unix_sock *a, struct unix_sock *b);
void unix_unlock_two(struct unix_sock *a, struct unix_sock *b);
struct unix_sock *unix_peer_get(struct unix_sock *u); /* reference, or NULL */
bool unix_writable(const struct unix_sock *u);
/* What poll says of every type: errors, ends, something to read; waits for both directions. */
u32 unix_poll_input(struct socket *s, struct poll_table *pt);
void unix_wmem_sub(struct unix_sock *u, u32 n);
int unix_shutdown(struct socket *s, u32 how);
int unix_getname(struct socket *s, struct sockaddr_storage *addr, bool peer);
long unix_ioctl(struct socket *s, u32 cmd, u64 arg);
void unix_release(struct socket *s);
void unix_free(struct socket *s);
bool unix_is_listening(struct socket *s);
void unix_relay_drop(struct unix_sock *u, struct unix_sock *peer);

/* unix_name.c */
struct unix_addr *unix_addr_get(struct unix_addr *a); /* NULL is fine */
void unix_addr_put(struct unix_addr *a);
u32 unix_addr_copy(const struct unix_addr *a, struct sockaddr_storage *out); /* NULL: the unnamed one. Its length */
int unix_addr_check(const struct sockaddr_storage *addr, u32 len);
int unix_bind(struct socket *s, struct sockaddr_storage *addr, u32 len);
int unix_autobind(struct unix_sock *u); /* if it has no name */
void unix_unbind(struct unix_sock *u);  /* out of the tables */
/* The socket that has this name; a reference. -ECONNREFUSED, -EPROTOTYPE, errors of the walk. */
int unix_find(const struct sockaddr_storage *addr, u32 len, u32 type, struct unix_sock **out);
void unix_table_add(struct unix_sock *u);
void unix_table_remove(struct unix_sock *u);
int unix_show(struct seq_buf *s, void *task, u64 key); /* /proc/PID/net/unix */

/* unix_msg.c */
/* Room for n bytes from u, waited for until the deadline. -EAGAIN, -EPIPE, -ENOBUFS, ... */
int unix_msg_alloc(struct unix_sock *u, size_t n, ns_t deadline, struct unix_msg **out);
int unix_msg_fill(struct unix_msg *b, struct uio *u);                          /* 0, -EFAULT */
int unix_msg_copy(const struct unix_msg *b, u32 off, struct uio *u, size_t n); /* the same */
void unix_msg_free(struct unix_msg *b);
void unix_msg_claim(struct unix_msg *b, const struct control *c);
void unix_msg_identify(struct unix_msg *b, const struct unix_sock *to);
void unix_msg_tell_sender(const struct unix_msg *b, struct sock_msg *m);

/* unix_connect.c */
int unix_listen(struct socket *s, u32 backlog);
int unix_connect(struct socket *s, struct sockaddr_storage *addr, u32 len, bool nonblock);
int unix_accept(struct socket *s, bool nonblock, struct socket **out);

/* unix_dgram.c, unix_stream.c */
extern const struct sock_ops unix_stream_ops, unix_dgram_ops, unix_seqpacket_ops;
int unix_dgram_connect(struct socket *s, struct sockaddr_storage *addr, u32 len, bool nonblock);

/* unix_gc.c */
int unix_rights_attach(struct rights *r);           /* they are in flight now. -ETOOMANYREFS */
void unix_rights_detach(struct rights *r);          /* not any more */
struct rights *unix_rights_peek(struct rights **r); /* a copy of what a queued message holds; NULL */
void unix_gc_wanted(void);

#endif
