// SPDX-License-Identifier: MIT
/*
 * Mutex, reader/writer semaphore, completion.
 *
 * Mutex: `owner` is the thread, bit 0 (WAITERS) says "there may be waiters". Unlock stores 0 and wakes one if the bit was
 * set; a woken waiter that takes the lock sets the bit again, since it cannot know whether it was the last. A newcomer
 * may take the lock first (it is running; the waiter is not), but not for ever: a waiter that was woken in vain sets bit 1
 * (HANDOFF), and then unlock leaves RESERVED behind, which only those who have slept may take. Without that, a thread
 * that takes a lock in a loop keeps it from a thread on another CPU for as long as it likes. A waiter that gives up
 * clears the bit and wakes another, so that a reservation always has somebody who is awake and will take it.
 *
 * Rwsem: count readers, -1 a writer, or RESERVED_FOR_WRITER. New readers stand back while a writer waits, so readers do not
 * starve writers. Nor does a writer that takes it in a loop starve anybody: who was woken in vain is `due`, and a writer's
 * unlock gives the lock to all due readers at once (they hold it before they know: `grants` has moved on), or else leaves
 * it RESERVED_FOR_WRITER, which only a writer that is due may take; in turns when there are both. Those who wait change
 * these figures under the queue's lock, and all of them are awake after an unlock, so that somebody takes a reservation; who
 * gives up, being the last one due, takes it back.
 *
 * Before it sleeps on a rwsem, a thread tries for about as long as going to sleep and being woken from another CPU costs: what
 * is held for a moment is free again by then, and what is held for longer has cost at most twice as much.
 */
#include "sched/mutex.h"

#include "abi/errno.h"
#include "arch/clock.h"
#include "arch/cpu.h"
#include "arch/percpu.h"
#include "lib/printf.h"

#define SPIN_NS 20000ull

void mutex_init(struct mutex *m, enum lock_class cls)
{
    m->owner = 0;
    waitq_init(&m->waiters);
    m->cls = cls;
}

#define WAITERS 1ull
#define HANDOFF 2ull
#define RESERVED (WAITERS | HANDOFF) /* no owner */
#define OWNER (~(WAITERS | HANDOFF))

static bool cas(u64 *p, u64 old, u64 new)
{
    return __atomic_compare_exchange_n(p, &old, new, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

/* Takes it, or leaves the waiters bit set for the owner to see. `slept`: and was woken, so that a newcomer's turn ends. */
static bool mutex_take_or_mark(struct mutex *m, bool slept)
{
    u64 me = (u64)current_thread() | WAITERS;
    for (;;) {
        u64 o = __atomic_load_n(&m->owner, __ATOMIC_RELAXED);
        if (!(o & OWNER) && (slept || !(o & HANDOFF))) {
            if (cas(&m->owner, o, me))
                return true;
            continue;
        }
        u64 marked = o | WAITERS | (slept ? HANDOFF : 0);
        if (marked == o || cas(&m->owner, o, marked))
            return false;
    }
}

static int mutex_lock_slow(struct mutex *m, enum thread_state state)
{
    u32 tries = 0; /* the third is the first after a sleep */
    int err = wait_event_state(&m->waiters, mutex_take_or_mark(m, tries++ >= 2), state, NS_FOREVER, true);

    if (err) {
        __atomic_fetch_and(&m->owner, ~HANDOFF, __ATOMIC_SEQ_CST);
        waitq_wake_one(&m->waiters); /* a wake-up meant for us may have been spent */
    }
    return err;
}

static int mutex_lock_state(struct mutex *m, enum thread_state state)
{
    lockdep_acquire(m, (enum lock_class)m->cls, true);
    if (likely(cas(&m->owner, 0, (u64)current_thread())))
        return 0;
    int err = mutex_lock_slow(m, state);
    if (err)
        lockdep_release(m, (enum lock_class)m->cls);
    return err;
}

void mutex_lock(struct mutex *m)
{
    (void)mutex_lock_state(m, THREAD_SLEEP_UNINT);
}

void mutex_lock_nested(struct mutex *m)
{
    lockdep_nest_next();
    mutex_lock(m);
}

int mutex_lock_interruptible(struct mutex *m)
{
    return mutex_lock_state(m, THREAD_SLEEP_INT);
}

int mutex_lock_killable(struct mutex *m)
{
    return mutex_lock_state(m, THREAD_SLEEP_KILL);
}

bool mutex_trylock(struct mutex *m)
{
    if (!cas(&m->owner, 0, (u64)current_thread()))
        return false;
    lockdep_tried_next();
    lockdep_acquire(m, (enum lock_class)m->cls, true);
    return true;
}

void mutex_unlock(struct mutex *m)
{
    u64 o = (u64)current_thread();

    ASSERT((m->owner & OWNER) == o);
    lockdep_release(m, (enum lock_class)m->cls);
    while (!__atomic_compare_exchange_n(&m->owner, &o, o & HANDOFF ? RESERVED : 0, false, __ATOMIC_SEQ_CST,
                                        __ATOMIC_RELAXED))
        continue;
    if (o & WAITERS)
        waitq_wake(&m->waiters, 1, 0);
}

bool mutex_is_held(const struct mutex *m)
{
    return (READ_ONCE(m->owner) & OWNER) == (u64)current_thread();
}

/* ---- rwsem ---- */

#define WRITER (-1l)
#define RESERVED_FOR_WRITER (-2l)

struct rwsem_wait {
    bool due;   /* counted in due_readers or due_writers */
    u32 looks;  /* at the lock so far */
    u32 grants; /* a reader that is due: rwsem.grants then */
};

void rwsem_init(struct rwsem *s, enum lock_class cls)
{
    s->count = 0;
    s->writers_waiting = 0;
    s->due_readers = s->due_writers = 0;
    s->grants = 0;
    s->readers_were_last = false;
    waitq_init(&s->waiters);
    s->cls = cls;
}

static bool cas_count(struct rwsem *s, s64 old, s64 new)
{
    return __atomic_compare_exchange_n(&s->count, &old, new, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

static bool try_read(struct rwsem *s)
{
    s64 c = __atomic_load_n(&s->count, __ATOMIC_RELAXED);
    while (c >= 0 && READ_ONCE(s->writers_waiting) == 0) {
        if (__atomic_compare_exchange_n(&s->count, &c, c + 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
            return true;
    }
    return false;
}

static bool try_write(struct rwsem *s)
{
    return __atomic_load_n(&s->count, __ATOMIC_RELAXED) == 0 && cas_count(s, 0, WRITER);
}

/* The holder is likely on another CPU: tries for a moment, as long as nobody else wants this one. */
static bool spin_for(struct rwsem *s, bool (*try)(struct rwsem *s))
{
    if (cpu_count == 1)
        return false;
    ns_t until = clock_monotonic() + SPIN_NS;
    do {
        cpu_relax();
        if (try(s))
            return true;
    } while (!thread_work(current_thread(), WORK_RESCHED) && clock_monotonic() < until);
    return false;
}

/* A reader that waits, or has: takes the lock, or is due after a sleep in vain. */
static bool read_or_due(struct rwsem *s, struct rwsem_wait *w)
{
    bool slept = w->looks++ >= 2;
    u64 flags = spin_lock_irqsave(&s->waiters.lock);
    bool granted = w->due && s->grants != w->grants, got = granted || try_read(s);

    if (got && w->due && !granted) {
        s->due_readers--;
    } else if (!got && slept && !w->due) {
        w->due = true;
        w->grants = s->grants;
        s->due_readers++;
    }
    spin_unlock_irqrestore(&s->waiters.lock, flags);
    return got;
}

static bool write_or_due(struct rwsem *s, struct rwsem_wait *w)
{
    bool slept = w->looks++ >= 2;
    u64 flags = spin_lock_irqsave(&s->waiters.lock);
    bool got = try_write(s) || (slept && cas_count(s, RESERVED_FOR_WRITER, WRITER));

    if (got && w->due) {
        s->due_writers--;
    } else if (!got && slept && !w->due) {
        w->due = true;
        s->due_writers++;
    }
    spin_unlock_irqrestore(&s->waiters.lock, flags);
    return got;
}

/* A reader gives up. True: it has been given the lock. */
static bool read_given_up(struct rwsem *s, struct rwsem_wait *w)
{
    u64 flags = spin_lock_irqsave(&s->waiters.lock);
    bool granted = w->due && s->grants != w->grants;

    if (w->due && !granted)
        s->due_readers--;
    spin_unlock_irqrestore(&s->waiters.lock, flags);
    return granted;
}

static void write_given_up(struct rwsem *s, struct rwsem_wait *w)
{
    u64 flags = spin_lock_irqsave(&s->waiters.lock);

    if (w->due && --s->due_writers == 0)
        (void)cas_count(s, RESERVED_FOR_WRITER, 0);
    spin_unlock_irqrestore(&s->waiters.lock, flags);
}

/* A writer's unlock, `kept` being 1 when it goes on as a reader. */
static void hand_over(struct rwsem *s, u32 kept)
{
    s64 count = kept;
    u64 flags = spin_lock_irqsave(&s->waiters.lock);

    if (s->due_readers && (kept || !s->due_writers || !s->readers_were_last)) {
        count += s->due_readers;
        s->due_readers = 0;
        s->grants++;
        s->readers_were_last = true;
    } else if (s->due_writers && !kept) {
        count = RESERVED_FOR_WRITER;
        s->readers_were_last = false;
    }
    __atomic_store_n(&s->count, count, __ATOMIC_SEQ_CST);
    spin_unlock_irqrestore(&s->waiters.lock, flags);
}

static void write_release(struct rwsem *s, u32 kept)
{
    if (unlikely(READ_ONCE(s->due)))
        hand_over(s, kept);
    else
        __atomic_store_n(&s->count, (s64)kept, __ATOMIC_SEQ_CST);
    waitq_wake_all(&s->waiters);
}

static int read_lock_state(struct rwsem *s, enum thread_state state)
{
    lockdep_acquire(s, (enum lock_class)s->cls, true);
    if (likely(try_read(s)) || spin_for(s, try_read))
        return 0;
    struct rwsem_wait w = {0};
    int err = wait_event_state(&s->waiters, read_or_due(s, &w), state, NS_FOREVER, false);
    if (err && read_given_up(s, &w))
        err = 0;
    if (err)
        lockdep_release(s, (enum lock_class)s->cls);
    return err;
}

static int write_lock_state(struct rwsem *s, enum thread_state state)
{
    lockdep_acquire(s, (enum lock_class)s->cls, true);
    if (likely(try_write(s)) || spin_for(s, try_write))
        return 0;
    struct rwsem_wait w = {0};
    __atomic_add_fetch(&s->writers_waiting, 1, __ATOMIC_SEQ_CST);
    int err = wait_event_state(&s->waiters, write_or_due(s, &w), state, NS_FOREVER, false);
    if (err)
        write_given_up(s, &w);
    __atomic_sub_fetch(&s->writers_waiting, 1, __ATOMIC_SEQ_CST);
    if (err) {
        waitq_wake_all(&s->waiters); /* readers stood back for us, and what was reserved is free */
        lockdep_release(s, (enum lock_class)s->cls);
    }
    return err;
}

void rwsem_read_lock(struct rwsem *s)
{
    (void)read_lock_state(s, THREAD_SLEEP_UNINT);
}

int rwsem_read_lock_killable(struct rwsem *s)
{
    return read_lock_state(s, THREAD_SLEEP_KILL);
}

bool rwsem_read_trylock(struct rwsem *s)
{
    if (!try_read(s))
        return false;
    lockdep_tried_next();
    lockdep_acquire(s, (enum lock_class)s->cls, true);
    return true;
}

void rwsem_read_unlock(struct rwsem *s)
{
    lockdep_release(s, (enum lock_class)s->cls);
    if (__atomic_sub_fetch(&s->count, 1, __ATOMIC_SEQ_CST) == 0)
        waitq_wake_all(&s->waiters);
}

void rwsem_write_lock(struct rwsem *s)
{
    (void)write_lock_state(s, THREAD_SLEEP_UNINT);
}

void rwsem_write_lock_nested(struct rwsem *s)
{
    lockdep_nest_next();
    rwsem_write_lock(s);
}

int rwsem_write_lock_killable(struct rwsem *s)
{
    return write_lock_state(s, THREAD_SLEEP_KILL);
}

void rwsem_write_unlock(struct rwsem *s)
{
    lockdep_release(s, (enum lock_class)s->cls);
    write_release(s, 0);
}

void rwsem_downgrade(struct rwsem *s)
{
    write_release(s, 1);
}

/* ---- completion ---- */

void completion_init(struct completion *c)
{
    c->done = 0;
    waitq_init(&c->wq);
}

void complete(struct completion *c)
{
    /* Under the queue's lock, so that the waiter, whose stack often holds it, cannot go before we are out. */
    u64 flags = spin_lock_irqsave(&c->wq.lock);
    struct waiter *w;
    WRITE_ONCE(c->done, 1);
    list_for_each (w, &c->wq.waiters, link)
        thread_wake(w->thread, WAKE_NORMAL);
    spin_unlock_irqrestore(&c->wq.lock, flags);
}

static int wait_done(struct completion *c, enum thread_state state)
{
    int err = wait_event_state(&c->wq, READ_ONCE(c->done), state, NS_FOREVER, false);
    u64 flags = spin_lock_irqsave(&c->wq.lock); /* complete() is out of it */
    spin_unlock_irqrestore(&c->wq.lock, flags);
    return err;
}

void wait_for_completion(struct completion *c)
{
    (void)wait_done(c, THREAD_SLEEP_UNINT);
}

int wait_for_completion_killable(struct completion *c)
{
    return wait_done(c, THREAD_SLEEP_KILL);
}
