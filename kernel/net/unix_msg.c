// SPDX-License-Identifier: MIT
/*
 * Messages of AF_UNIX sockets. A small one has its bytes behind its head, in one object of the slab; a larger one has a
 * list of single pages. The sender pays: a message counts what it occupies against SO_SNDBUF until it is received.
 */
#include "abi/errno.h"
#include "mem/slab.h"
#include "net/unix.h"

#define COUNT_UNIT 64u
#define INLINE_MAX (2048u - (u32)sizeof(struct unix_msg))

/* Messages count in units of 64: what is above one is what unix_wmem_sub keeps for its wake-up, and must not be the reason
 * that there is none. */
bool unix_writable(const struct unix_sock *u)
{
    u64 used = (READ_ONCE(u->wmem) - 1) & ~(COUNT_UNIT - 1);
    return used << 2 <= READ_ONCE(u->sock.sndbuf);
}

static void wmem_drop(struct unix_sock *u, u32 n)
{
    if (__atomic_sub_fetch(&u->wmem, n, __ATOMIC_SEQ_CST) == 0)
        kfree(u);
}

void unix_wmem_sub(struct unix_sock *u, u32 n)
{
    /* One is kept until the wake-up is done: u may be closed meanwhile. */
    __atomic_sub_fetch(&u->wmem, n - 1, __ATOMIC_SEQ_CST);
    if (!list_empty(&u->sock.write_wait.waiters) && unix_writable(u)) {
        waitq_wake(&u->sock.write_wait, ~0u, READ_ONCE(u->lacked_room) ? SOCK_OUT : SOCK_OUT | WAKE_HANDED_ON);
        WRITE_ONCE(u->lacked_room, false);
    }
    wmem_drop(u, 1);
}

/* ---- memory ---------------------------------------------------------------------------------------------------------- */

static struct unix_msg *alloc(size_t n)
{
    u32 pages = n <= INLINE_MAX ? 0 : (u32)((n + PAGE_SIZE - 1) >> PAGE_SHIFT);
    size_t head = sizeof(struct unix_msg) + (pages ? pages * sizeof(struct page *) : n);
    struct unix_msg *b = kmalloc(head, MEM_WAIT);

    if (!b)
        return NULL;
    b->npages = pages ? page_alloc_bulk(b->pages, pages, MEM_WAIT) : 0;
    if (b->npages < pages) {
        page_put_bulk(b->pages, b->npages);
        kfree(b);
        return NULL;
    }
    b->from = NULL;
    b->rights = NULL;
    b->pid = NULL;
    b->cred = (struct ucred){0}; /* of two without, a stream's reader finds that they are the same */
    b->size = (u32)n;
    b->off = 0;
    b->peeked = false;
    b->truesize = (u32)ALIGN_UP(head, (size_t)COUNT_UNIT) + pages * (u32)PAGE_SIZE;
    return b;
}

/* What a sender finds before it may allocate. 0: room. */
static int may_send(struct unix_sock *u)
{
    int err = sock_take_error(&u->sock);

    if (err)
        return err;
    if (READ_ONCE(u->sock.shutdown) & SEND_SHUT)
        return -EPIPE;
    return READ_ONCE(u->wmem) - 1 < READ_ONCE(u->sock.sndbuf) ? 0 : -EAGAIN;
}

int unix_msg_alloc(struct unix_sock *u, size_t n, ns_t deadline, struct unix_msg **out)
{
    struct socket *s = &u->sock;
    int err;

    while ((err = may_send(u)) == -EAGAIN) {
        WRITE_ONCE(u->lacked_room, true);
        err = sock_wait(&s->write_wait,
                        READ_ONCE(u->wmem) - 1 < READ_ONCE(s->sndbuf) || READ_ONCE(s->err) ||
                            (READ_ONCE(s->shutdown) & SEND_SHUT),
                        deadline, false);
        if (err)
            return err;
    }
    if (err)
        return err;
    struct unix_msg *b = alloc(n);
    if (!b)
        return -ENOBUFS;
    __atomic_add_fetch(&u->wmem, b->truesize, __ATOMIC_RELAXED);
    b->sender = u;
    *out = b;
    return 0;
}

void unix_msg_free(struct unix_msg *b)
{
    if (unlikely(b->rights)) {
        unix_rights_detach(b->rights);
        rights_drop(b->rights);
    }
    unix_addr_put(b->from);
    if (unlikely(b->pid))
        sock_caller->pid_put(b->pid);
    unix_wmem_sub(b->sender, b->truesize);
    if (b->npages)
        page_put_bulk(b->pages, b->npages);
    kfree(b);
}

/* ---- bytes ----------------------------------------------------------------------------------------------------------- */

int unix_msg_fill(struct unix_msg *b, struct uio *u)
{
    if (!b->npages)
        return uio_copy_from(u, b->data, b->size) == b->size ? 0 : -EFAULT;
    for (u32 at = 0; at < b->size; at += (u32)PAGE_SIZE) {
        size_t n = MIN(b->size - at, (u32)PAGE_SIZE);
        if (uio_copy_from(u, page_addr(b->pages[at >> PAGE_SHIFT]), n) != n)
            return -EFAULT;
    }
    return 0;
}

int unix_msg_copy(const struct unix_msg *b, u32 off, struct uio *u, size_t n)
{
    if (!b->npages)
        return uio_copy_to(u, b->data + off, n) == n ? 0 : -EFAULT;
    while (n) {
        u32 in = off & (u32)(PAGE_SIZE - 1);
        size_t piece = MIN(n, PAGE_SIZE - in);
        if (uio_copy_to(u, (char *)page_addr(b->pages[off >> PAGE_SHIFT]) + in, piece) != piece)
            return -EFAULT;
        off += (u32)piece;
        n -= piece;
    }
    return 0;
}

/* ---- the sender ------------------------------------------------------------------------------------------------------ */

/* What the sender said of himself. */
void unix_msg_claim(struct unix_msg *b, const struct control *c)
{
    if (likely(!c->cred.pid))
        return;
    b->cred = c->cred;
    b->pid = sock_caller->pid_get(c->pid);
}

/* If he said nothing: his own credentials, when one of the two wants them, or may come to. */
void unix_msg_identify(struct unix_msg *b, const struct unix_sock *to)
{
    struct ucred effective;

    if (b->cred.pid || likely(!sock_option(&b->sender->sock, OPT_PASS_SENDER) &&
                              !sock_option(&to->sock, OPT_PASS_SENDER) && READ_ONCE(to->sock.file)))
        return;
    sock_caller->ids(&b->cred, &effective);
    b->pid = sock_caller->pid();
}

void unix_msg_tell_sender(const struct unix_msg *b, struct sock_msg *m)
{
    m->control.cred = b->cred;
    if (b->pid && !m->control.pid)
        m->control.pid = sock_caller->pid_get(b->pid);
}
