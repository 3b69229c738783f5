// SPDX-License-Identifier: MIT
/*
 * The out-of-memory killer. It runs inside faults and allocations, so it takes no lock but siglock: threads are walked
 * under RCU, and an mm is looked at under its process's siglock, where it cannot go away (process_mm_barrier).
 *
 * The victim is the largest. PID 1, with which the machine ends, is it only when it holds more than all others together: a
 * fork bomb is ended by its own, and a program that leaks as PID 1 is not spared. A child of vfork holds nothing itself; who
 * shares the victim's mm in another process goes with it, since the memory would stay.
 *
 * While a process is on its way out nobody else is killed. But it may wait for a lock that the caller holds across its
 * fault; so after PATIENCE it is passed over, and in the end the caller itself is the victim.
 */
#include "proc/oom.h"

#include "arch/clock.h"
#include "lib/printf.h"
#include "mem/page.h"
#include "proc/process.h"
#include "vm/mm.h"

#define PATIENCE 1000000000ull /* ns */

struct victim {
    struct process *process;
    s64 score;
    u64 pages;
    s64 others, init; /* scores: of all but PID 1 together; of PID 1 */
    bool dying;
};

/* Of whichever thread still has it: the leader may have exited before the others (siglock). */
static struct mm *mm_of(struct process *p)
{
    struct thread *t;
    list_for_each (t, &p->threads, process_link) {
        struct mm *mm = READ_ONCE(t->mm);
        if (mm)
            return mm;
    }
    return NULL;
}

/* Pages, moved by oom_score_adj: a thousandth of all memory a point. */
static s64 score_of(struct process *p, u64 total, u64 *pages, bool *dying)
{
    u64 flags = spin_lock_irqsave(&p->siglock);
    struct mm *mm = mm_of(p);
    *pages = mm ? mm_rss(mm) : 0;
    bool ends = mm && p->group_exit;
    if (ends && !p->oom_since)
        p->oom_since = clock_monotonic();
    *dying = ends && clock_monotonic() - p->oom_since < PATIENCE;
    spin_unlock_irqrestore(&p->siglock, flags);
    if (!mm || p->oom_score_adj == -1000 || (ends && !*dying))
        return INT64_MIN;
    return (s64)*pages + (s64)p->oom_score_adj * (s64)total / 1000;
}

/* Once a process: its leader stays in the list until the process is waited for. */
static void consider(struct thread *t, u64 total, struct victim *v)
{
    struct process *p = t->process;
    u64 pages;
    bool dying;
    if (!p || p->leader != t || READ_ONCE(t->journal) || !ref_get_unless_zero(&p->refs))
        return;
    s64 score = score_of(p, total, &pages, &dying);
    v->dying |= dying;
    if (score != INT64_MIN && p != init_process)
        v->others += MAX(score, (s64)0);
    if (score != INT64_MIN && p == init_process)
        v->init = score;
    if (score == INT64_MIN || p == init_process || (v->process && score <= v->score)) {
        process_put(p);
        return;
    }
    if (v->process)
        process_put(v->process);
    v->process = p;
    v->score = score;
    v->pages = pages;
}

static void consider_init(struct victim *v)
{
    struct process *p = init_process;
    if (!p || v->init == INT64_MIN || (v->process && v->init <= v->others) || !ref_get_unless_zero(&p->refs))
        return;
    if (v->process)
        process_put(v->process);
    v->process = p;
    v->pages = 0;
    bool dying;
    (void)score_of(p, 0, &v->pages, &dying);
}

static void mark(struct process *p)
{
    struct thread *t;
    u64 flags = spin_lock_irqsave(&p->siglock);
    list_for_each (t, &p->threads, process_link) {
        if (t->mm)
            t->mm->oom_victim = true;
    }
    spin_unlock_irqrestore(&p->siglock, flags);
}

/* Another process with a marked mm; not PID 1, which is chosen by itself or not at all. */
static bool shares_marked(struct process *p)
{
    u64 flags = spin_lock_irqsave(&p->siglock);
    struct mm *mm = mm_of(p);
    bool shares = mm && mm->oom_victim && !p->group_exit && p != init_process;
    spin_unlock_irqrestore(&p->siglock, flags);
    return shares;
}

static void kill_sharers(void)
{
    struct thread *t;
    rcu_read_lock();
    list_for_each (t, &all_threads, all_link) {
        struct process *p = t->process;
        if (!p || p->leader != t || !ref_get_unless_zero(&p->refs))
            continue;
        if (shares_marked(p))
            signal_send_process(p, SIGKILL, NULL);
        process_put(p);
    }
    rcu_read_unlock();
}

bool oom_kill(void)
{
    struct victim v = {.process = NULL, .init = INT64_MIN};
    struct mem_stats m;
    struct thread *t;
    mem_get_stats(&m);
    rcu_read_lock();
    list_for_each (t, &all_threads, all_link) {
        consider(t, m.total_pages, &v);
    }
    consider_init(&v);
    rcu_read_unlock();
    if (v.process && !v.dying) {
        kwarn("out of memory: killed process %d (%s), %lu KiB", v.process->pid, v.process->comm, v.pages * 4);
        signal_send_process(v.process, SIGKILL, NULL);
        if (v.process == init_process)
            signal_container(SIGKILL); /* a container's PID 1 is not spared */
        mark(v.process);
        kill_sharers();
    }
    bool any = v.process || v.dying;
    if (v.process)
        process_put(v.process);
    return any;
}
