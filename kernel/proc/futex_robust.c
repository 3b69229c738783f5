// SPDX-License-Identifier: MIT
/*
 * What a thread leaves behind when it ends, or its memory in execve: the futexes that it holds. User space keeps a list of
 * them (set_robust_list(2), struct robust_list_head); bit 0 of a pointer says that the entry is a PI futex. The list may be
 * anything: it is walked by copies that may fail, for ROBUST_MAX entries at most.
 */
#include "proc/futex_internal.h"

#define ROBUST_MAX 2048

/* The thread died holding the futex: say so, and let one waiter try; that of a PI futex is made its owner by futex_pi.c.
 * The one it was about to lock or unlock may be free already, with the wake-up still owed. */
static int mark_dead(uaddr_t addr, u32 tid, bool pi, bool pending)
{
    u32 v, old;
    if (addr % 4 || get_user_u32(&v, addr))
        return -EFAULT;
    if (pending && !pi && !(v & FUTEX_TID_MASK))
        futex_wake(addr, 0, 1, FUTEX_BITSET_MATCH_ANY);
    while ((v & FUTEX_TID_MASK) == tid) {
        u32 new = (v & FUTEX_WAITERS) | FUTEX_OWNER_DIED;
        if (user_cmpxchg_u32(addr, v, new, &old))
            return -EFAULT;
        if (old == v) {
            if (!pi && (v & FUTEX_WAITERS))
                futex_wake(addr, 0, 1, FUTEX_BITSET_MATCH_ANY);
            break;
        }
        v = old;
    }
    return 0;
}

struct robust {
    u64 next;
    s64 offset;
    u64 pending;
};

static bool read_head(uaddr_t head, struct robust *r)
{
    return !get_user_u64(&r->next, head) && !get_user_u64((u64 *)&r->offset, head + 8) &&
           !get_user_u64(&r->pending, head + 16);
}

static void walk_robust_list(struct thread *t)
{
    uaddr_t head = t->robust_list;
    struct robust r;
    u32 tid = (u32)t->tid;
    t->robust_list = 0;
    if (!head || !read_head(head, &r))
        return;
    for (u32 n = 0; (r.next & ~1ull) != head && n < ROBUST_MAX; n++) {
        u64 entry = r.next & ~1ull;
        bool pi = r.next & 1;
        bool more = !get_user_u64(&r.next, entry); /* before the word changes hands */
        if (entry != (r.pending & ~1ull) && mark_dead(entry + (u64)r.offset, tid, pi, false))
            return;
        if (!more)
            return;
        cond_resched();
    }
    if (r.pending & ~1ull)
        mark_dead((r.pending & ~1ull) + (u64)r.offset, tid, r.pending & 1, true);
}

void futex_exit(bool dead)
{
    struct thread *t = current_thread();
    futex_pi_exit_begin(t);
    walk_robust_list(t);
    futex_pi_exit_end(t, dead);
}
