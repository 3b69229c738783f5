// SPDX-License-Identifier: MIT
/* poll(2), ppoll(2), select(2), pselect(2) over fs/poll.h. */
#include "abi/errno.h"
#include "abi/poll.h"
#include "arch/usercopy.h"
#include "fs/poll.h"
#include "lib/string.h"
#include "mem/slab.h"
#include "proc/process.h"
#include "proc/signal.h"
#include "syscall/sys.h"
#include "syscall/timespec.h"

#define SLOTS_ON_STACK 16u
#define SELECT_IN (EPOLLIN | EPOLLRDNORM | EPOLLRDBAND | EPOLLHUP | EPOLLERR)
#define SELECT_OUT (EPOLLOUT | EPOLLWRNORM | EPOLLWRBAND | EPOLLERR)
#define SELECT_EX EPOLLPRI

static struct file *get_plain(u32 fd)
{
    struct file *f = fd_get(current_thread()->files, fd);
    if (f && f->fmode & FMODE_PATH) {
        file_put(f);
        f = NULL;
    }
    return f;
}

static void put_slots(struct poll_slot *slots, u32 n)
{
    for (u32 i = 0; i < n; i++) {
        if (slots[i].file)
            file_put(slots[i].file);
    }
}

/* ---- poll ---- */

static void fill_slot(struct poll_slot *s, const struct pollfd *p)
{
    *s = (struct poll_slot){.events = (u16)p->events};
    if (p->fd < 0)
        return;
    s->file = get_plain((u32)p->fd);
    if (!s->file)
        s->revents = POLLNVAL;
}

static long poll_with(struct pollfd *fds, struct poll_slot *slots, uaddr_t user, u32 n, ns_t deadline)
{
    if (copy_from_user(fds, user, n * sizeof(*fds)))
        return -EFAULT;
    for (u32 i = 0; i < n; i++)
        fill_slot(&slots[i], &fds[i]);
    long r = poll_files(slots, n, deadline);
    put_slots(slots, n);
    if (r < 0)
        return r;
    for (u32 i = 0; i < n; i++) {
        u16 revents = (u16)slots[i].revents;
        if (copy_to_user(user + i * sizeof(*fds) + offsetof(struct pollfd, revents), &revents, sizeof(revents)))
            return -EFAULT;
    }
    return r;
}

static long poll_until(uaddr_t user, u32 n, ns_t deadline)
{
    struct pollfd few[SLOTS_ON_STACK], *fds = few;
    struct poll_slot few_slots[SLOTS_ON_STACK], *slots = few_slots;
    long r = -ENOMEM;
    if (n > rlimit(RLIMIT_NOFILE))
        return -EINVAL;
    if (n > SLOTS_ON_STACK) {
        fds = kmalloc(n * sizeof(*fds), MEM_WAIT);
        slots = kmalloc(n * sizeof(*slots), MEM_WAIT);
    }
    if (fds && slots)
        r = poll_with(fds, slots, user, n, deadline);
    if (n > SLOTS_ON_STACK) {
        kfree(fds);
        kfree(slots);
    }
    return r;
}

/* restart_syscall: the rest of the time, not all of it again. */
static long poll_restart(struct signal_state *s)
{
    u64 args[3] = {s->restart_arg[0], s->restart_arg[1], s->restart_arg[2]};
    long r = poll_until(args[0], (u32)args[1], args[2]);
    return r == -EINTR ? signal_set_restart(poll_restart, args, 3) : r;
}

long sys_poll(ptr_k fds, u32 nfds, int timeout)
{
    ns_t deadline = timeout < 0 ? NS_FOREVER : timeout == 0 ? 0 : deadline_after((ns_t)timeout * 1000000);
    u64 args[3] = {fds, nfds, deadline};
    long r = poll_until(fds, nfds, deadline);
    return r == -EINTR ? signal_set_restart(poll_restart, args, 3) : r;
}

/* The time left goes back to user space, as Linux does; a fault there is not an error. */
static void put_rest(uaddr_t timeout, ns_t deadline)
{
    if (!timeout || deadline == NS_FOREVER)
        return;
    ns_t now = clock_monotonic();
    (void)timespec_put(timeout, deadline > now ? deadline - now : 0);
}

static int get_deadline(uaddr_t timeout, ns_t *deadline)
{
    ns_t wait;
    *deadline = NS_FOREVER;
    if (!timeout)
        return 0;
    int err = timespec_get(timeout, &wait);
    if (!err)
        *deadline = wait == 0 ? 0 : deadline_after(wait);
    return err;
}

long sys_ppoll(ptr_k fds, u32 nfds, timespec_k timeout, sigset_k mask, size_t size)
{
    ns_t deadline;
    int err = get_deadline(timeout, &deadline);
    if (!err)
        err = signal_mask_begin(mask, size);
    if (err)
        return err;
    long r = poll_until(fds, nfds, deadline);
    signal_mask_end(r == -EINTR);
    put_rest(timeout, deadline);
    return r == -EINTR ? -ERESTARTNOHAND : r;
}

/* ---- select ---- */

struct select_sets {
    u64 *in, *out, *except; /* n bits each, in one block of six: three asked, three answered */
    u64 *rin, *rout, *rexcept;
    u32 words;
};

static int get_set(u64 *set, uaddr_t user, u32 n)
{
    memset(set, 0, (n + 63) / 64 * 8);
    if (!user)
        return 0;
    return copy_from_user(set, user, (n + 63) / 64 * 8);
}

static int put_set(const u64 *set, uaddr_t user, u32 words)
{
    return user ? copy_to_user(user, set, words * 8) : 0;
}

static bool bit(const u64 *set, u32 i)
{
    return set[i / 64] >> (i % 64) & 1;
}

/* One slot a descriptor that is in a set. Their number, or -EBADF. */
static int fill_slots(const struct select_sets *s, u32 n, struct poll_slot *slots, u32 *fds)
{
    u32 used = 0;
    for (u32 fd = 0; fd < n; fd++) {
        u32 events = (bit(s->in, fd) ? SELECT_IN : 0) | (bit(s->out, fd) ? SELECT_OUT : 0) |
                     (bit(s->except, fd) ? SELECT_EX : 0);
        if (!events)
            continue;
        struct file *f = get_plain(fd);
        if (!f) {
            put_slots(slots, used);
            return -EBADF;
        }
        slots[used] = (struct poll_slot){.file = f, .events = events, .exact = true};
        fds[used++] = fd;
    }
    return (int)used;
}

static int answer(struct select_sets *s, const struct poll_slot *slots, const u32 *fds, u32 used)
{
    int count = 0;
    for (u32 i = 0; i < used; i++) {
        u32 fd = fds[i], ev = slots[i].revents;
        u64 mask = 1ull << (fd % 64);
        if (bit(s->in, fd) && ev & SELECT_IN) {
            s->rin[fd / 64] |= mask;
            count++;
        }
        if (bit(s->out, fd) && ev & SELECT_OUT) {
            s->rout[fd / 64] |= mask;
            count++;
        }
        if (bit(s->except, fd) && ev & SELECT_EX) {
            s->rexcept[fd / 64] |= mask;
            count++;
        }
    }
    return count;
}

static int select_slots(struct select_sets *s, u32 n, struct poll_slot *slots, u32 *fds, ns_t deadline)
{
    int used = fill_slots(s, n, slots, fds);
    if (used < 0)
        return used;
    int r = poll_files(slots, (u32)used, deadline);
    if (r > 0)
        r = answer(s, slots, fds, (u32)used);
    put_slots(slots, (u32)used);
    return r;
}

static long select_sets_until(struct select_sets *s, u32 n, const uaddr_t user[3], ns_t deadline)
{
    struct poll_slot *slots = kmalloc((n + 1) * sizeof(*slots), MEM_WAIT);
    u32 *fds = kmalloc((n + 1) * sizeof(*fds), MEM_WAIT);
    long r = slots && fds ? 0 : -ENOMEM;
    if (!r && (get_set(s->in, user[0], n) || get_set(s->out, user[1], n) || get_set(s->except, user[2], n)))
        r = -EFAULT;
    if (!r)
        r = select_slots(s, n, slots, fds, deadline);
    if (r >= 0 && (put_set(s->rin, user[0], s->words) || put_set(s->rout, user[1], s->words) ||
                   put_set(s->rexcept, user[2], s->words)))
        r = -EFAULT;
    kfree(slots);
    kfree(fds);
    return r;
}

static long select_until(int count, uaddr_t in, uaddr_t out, uaddr_t except, ns_t deadline)
{
    if (count < 0)
        return -EINVAL;
    u32 n = MIN((u32)count, fdtable_size(current_thread()->files)), words = (n + 63) / 64;
    u64 *block = kzalloc(MAX(words, 1u) * 6 * sizeof(u64), MEM_WAIT);
    if (!block)
        return -ENOMEM;
    struct select_sets s = {.in = block,
                            .out = block + words,
                            .except = block + words * 2,
                            .rin = block + words * 3,
                            .rout = block + words * 4,
                            .rexcept = block + words * 5,
                            .words = words};
    const uaddr_t user[3] = {in, out, except};
    long r = select_sets_until(&s, n, user, deadline);
    kfree(block);
    return r;
}

long sys_select(int n, ptr_k in, ptr_k out, ptr_k except, ptr_k timeout)
{
    ns_t deadline = NS_FOREVER, wait;
    if (timeout) {
        struct timeval tv;
        if (copy_from_user(&tv, timeout, sizeof(tv)))
            return -EFAULT;
        if (tv.tv_sec < 0 || tv.tv_usec < 0)
            return -EINVAL;
        wait = tv.tv_sec >= NS_MAX_SEC - tv.tv_usec / 1000000
                   ? NS_FOREVER
                   : (ns_t)tv.tv_sec * NSEC_PER_SEC + (ns_t)tv.tv_usec * 1000;
        deadline = wait == 0 ? 0 : deadline_after(wait);
    }
    long r = select_until(n, in, out, except, deadline);
    if (timeout && deadline != NS_FOREVER) {
        ns_t now = clock_monotonic();
        struct timeval left = timeval_of(deadline > now ? deadline - now : 0);
        (void)!copy_to_user(timeout, &left, sizeof(left));
    }
    return r == -EINTR ? -ERESTARTNOHAND : r;
}

long sys_pselect6(int n, ptr_k in, ptr_k out, ptr_k except, timespec_k timeout, ptr_k mask)
{
    struct {
        u64 set, size;
    } m = {0, 0};
    ns_t deadline;
    if (mask && copy_from_user(&m, mask, sizeof(m)))
        return -EFAULT;
    int err = get_deadline(timeout, &deadline);
    if (!err)
        err = signal_mask_begin(m.set, m.size);
    if (err)
        return err;
    long r = select_until(n, in, out, except, deadline);
    signal_mask_end(r == -EINTR);
    put_rest(timeout, deadline);
    return r == -EINTR ? -ERESTARTNOHAND : r;
}
