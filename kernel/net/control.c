// SPDX-License-Identifier: MIT
/*
 * Control messages: SCM_RIGHTS, SCM_CREDENTIALS and SCM_PIDFD (received only), from and to user memory. A sender's area is
 * copied in whole and then read; what a receiver has no room for is dropped and MSG_CTRUNC said.
 */
#include "abi/errno.h"
#include "abi/fcntl.h"
#include "arch/usercopy.h"
#include "lib/string.h"
#include "mem/slab.h"
#include "net/socket.h"

#define AREA_MAX 20480u /* net.core.optmem_max */
#define NOBODY 65534u

/* ---- rights ---------------------------------------------------------------------------------------------------------- */

static struct rights *rights_make(u32 room)
{
    struct rights *r = kmalloc(sizeof(*r) + room * sizeof(struct file *), MEM_WAIT);

    if (r)
        *r = (struct rights){0};
    return r;
}

void rights_drop(struct rights *r)
{
    if (!r)
        return;
    for (u32 i = 0; i < r->count; i++) {
        if (socket_of(r->files[i]))
            file_put_later(r->files[i]); /* its queue may hold sockets, whose queues hold ... */
        else
            file_put(r->files[i]);
    }
    kfree(r);
}

struct rights *rights_copy(const struct rights *r)
{
    struct rights *n = rights_make(r->count);

    if (!n)
        return NULL;
    n->count = r->count;
    for (u32 i = 0; i < r->count; i++) {
        n->files[i] = r->files[i];
        file_get(n->files[i]);
    }
    return n;
}

void control_drop(struct control *c)
{
    if (unlikely(c->rights))
        rights_drop(c->rights);
    if (unlikely(c->pid))
        sock_caller->pid_put(c->pid);
    *c = (struct control){0};
}

/* ---- sending --------------------------------------------------------------------------------------------------------- */

static int add_rights(struct control *c, const int *fds, size_t n)
{
    u32 have = c->rights ? c->rights->count : 0;

    if (!n)
        return 0;
    if (n > RIGHTS_MAX || have + n > RIGHTS_MAX)
        return -EINVAL;
    if (!c->rights && !(c->rights = rights_make(RIGHTS_MAX)))
        return -ENOMEM;
    for (size_t i = 0; i < n; i++) {
        struct file *f = fds[i] < 0 ? NULL : fd_get(current_thread()->files, (u32)fds[i]);
        if (!f)
            return -EBADF;
        c->rights->files[c->rights->count++] = f;
    }
    return 0;
}

static int add_message(struct socket *s, struct control *c, const struct cmsghdr *h)
{
    const void *data = h + 1;
    size_t n = h->cmsg_len - sizeof(*h);

    if (h->cmsg_level != SOL_SOCKET)
        return 0;
    if (s->ops->family != AF_UNIX)
        return -EINVAL;
    if (h->cmsg_type == SCM_RIGHTS)
        return add_rights(c, data, n / sizeof(int));
    if (h->cmsg_type != SCM_CREDENTIALS || n != sizeof(struct ucred))
        return -EINVAL;
    struct pid *pid;
    int err = sock_caller->may_claim(data, &pid);
    if (err)
        return err;
    if (c->pid) /* said twice: the last one counts */
        sock_caller->pid_put(c->pid);
    c->pid = pid;
    __builtin_memcpy(&c->cred, data, sizeof(c->cred));
    return 0;
}

static int parse(struct socket *s, struct control *c, const char *area, size_t size)
{
    size_t at = 0;

    while (size >= at + sizeof(struct cmsghdr)) {
        const struct cmsghdr *h = (const void *)(area + at);
        if (h->cmsg_len < sizeof(*h) || h->cmsg_len > size - at)
            return -EINVAL;
        int err = add_message(s, c, h);
        if (err)
            return err;
        at += CMSG_ALIGN(h->cmsg_len);
    }
    return 0;
}

int control_get(struct socket *s, struct control *c, uaddr_t area, size_t size)
{
    if (!size)
        return 0;
    if (size > AREA_MAX)
        return -ENOBUFS;
    char *copy = kmalloc(size, MEM_WAIT);
    if (!copy)
        return -ENOBUFS;
    int err = copy_from_user(copy, area, size);
    if (!err)
        err = parse(s, c, copy, size);
    kfree(copy);
    if (err)
        control_drop(c);
    return err;
}

/* ---- receiving ------------------------------------------------------------------------------------------------------- */

struct out {
    struct sock_msg *m;
    uaddr_t area;
    size_t size, used;
};

static bool put_header(struct out *o, size_t len, int type)
{
    struct cmsghdr h = {.cmsg_len = len, .cmsg_level = SOL_SOCKET, .cmsg_type = type};
    return copy_to_user(o->area + o->used, &h, sizeof(h)) == 0;
}

static void advance(struct out *o, size_t n)
{
    o->used += MIN(CMSG_SPACE(n), o->size - o->used);
}

static void put_cred(struct out *o, struct ucred *c)
{
    size_t room = o->size - o->used, len = CMSG_LEN(sizeof(*c));

    if (!c->pid)
        c->uid = c->gid = NOBODY;
    if (room < sizeof(struct cmsghdr)) {
        o->m->out |= MSG_CTRUNC;
        return;
    }
    if (room < len) {
        o->m->out |= MSG_CTRUNC;
        len = room;
    }
    if (!put_header(o, len, SCM_CREDENTIALS) ||
        copy_to_user(o->area + o->used + sizeof(struct cmsghdr), c, len - sizeof(struct cmsghdr)))
        return;
    advance(o, len - sizeof(struct cmsghdr));
}

int sock_install_file(struct file *f, uaddr_t slot, bool cloexec)
{
    struct fdtable *t = current_thread()->files;
    int fd = fd_reserve(t, 0, sock_caller->nofile(), cloexec);

    if (fd < 0)
        return fd;
    if (put_user_u32(slot, (u32)fd)) {
        fd_unreserve(t, (u32)fd);
        return -EFAULT;
    }
    file_get(f);
    fd_install(t, (u32)fd, f);
    return 0;
}

static void put_rights(struct out *o, const struct rights *r)
{
    size_t room = o->size - o->used;
    u32 most = room <= sizeof(struct cmsghdr) ? 0 : (u32)((room - sizeof(struct cmsghdr)) / sizeof(int)), i = 0;
    uaddr_t slots = o->area + o->used + sizeof(struct cmsghdr);
    bool cloexec = o->m->flags & MSG_CMSG_CLOEXEC;

    while (i < MIN(most, r->count) && sock_install_file(r->files[i], slots + i * sizeof(int), cloexec) == 0)
        i++;
    if (i && put_header(o, CMSG_LEN(i * sizeof(int)), SCM_RIGHTS))
        advance(o, i * sizeof(int));
    if (i < r->count)
        o->m->out |= MSG_CTRUNC;
}

/* Of a process that was waited for, and without room for a descriptor, the error's number goes in its place. */
static void put_pidfd(struct out *o, struct pid *pid)
{
    uaddr_t slot = o->area + o->used + sizeof(struct cmsghdr);
    struct file *f = NULL;

    if (o->size - o->used < CMSG_LEN(sizeof(int))) {
        o->m->out |= MSG_CTRUNC;
        return;
    }
    int err = sock_caller->pidfd(pid, &f);
    if (!err)
        err = sock_install_file(f, slot, true);
    if (f)
        file_put(f);
    if ((!err || !put_user_u32(slot, (u32)err)) && put_header(o, CMSG_LEN(sizeof(int)), SCM_PIDFD))
        advance(o, sizeof(int));
}

size_t control_put(struct socket *s, struct sock_msg *m, uaddr_t area, size_t size)
{
    struct out o = {.m = m, .area = area, .size = area ? size : 0};
    bool creds = sock_option(s, OPT_PASSCRED);

    if (!area) {
        if (creds || sock_option(s, OPT_PASSPIDFD) || m->control.rights)
            m->out |= MSG_CTRUNC;
    } else {
        if (creds)
            put_cred(&o, &m->control.cred);
        if (m->control.rights)
            put_rights(&o, m->control.rights);
        if (m->control.pid && sock_option(s, OPT_PASSPIDFD))
            put_pidfd(&o, m->control.pid);
    }
    control_drop(&m->control);
    return o.used;
}
