// SPDX-License-Identifier: MIT
/* /proc/PID: what of a process can be set there, and its limits: comm, limits, loginuid, oom_*, timerslack_ns. */
#include "abi/errno.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "mem/page.h"
#include "proc/procfs_task.h"
#include "vm/mm.h"

int procfs_show_comm(struct seq_buf *s, void *task, u64 key)
{
    struct task *k = task;
    (void)key;
    seq_printf(s, "%s\n", k->thread ? k->thread->comm : k->process->comm);
    return 0;
}

ssize_t procfs_write_comm(void *task, u64 key, const char *text, size_t n)
{
    struct task *k = task;
    struct thread *t = task_thread(k);
    char name[sizeof(t->comm)];
    (void)key;
    if (!t)
        return -ESRCH;
    bool mine = t->process == current_process();
    memset(name, 0, sizeof(name));
    memcpy(name, text, MIN(n, sizeof(name) - 1));
    char *newline = strchr(name, '\n');
    if (newline)
        *newline = 0;
    if (mine) {
        memcpy(t->comm, name, sizeof(name));
        if (k->process->leader == t)
            memcpy(k->process->comm, name, sizeof(name));
    }
    thread_put(t);
    return mine ? (ssize_t)n : -EINVAL;
}

static const struct {
    const char *name, *unit;
} limit_names[RLIMIT_COUNT] = {
    [RLIMIT_CPU] = {"Max cpu time", "seconds"},         [RLIMIT_FSIZE] = {"Max file size", "bytes"},
    [RLIMIT_DATA] = {"Max data size", "bytes"},         [RLIMIT_STACK] = {"Max stack size", "bytes"},
    [RLIMIT_CORE] = {"Max core file size", "bytes"},    [RLIMIT_RSS] = {"Max resident set", "bytes"},
    [RLIMIT_NPROC] = {"Max processes", "processes"},    [RLIMIT_NOFILE] = {"Max open files", "files"},
    [RLIMIT_MEMLOCK] = {"Max locked memory", "bytes"},  [RLIMIT_AS] = {"Max address space", "bytes"},
    [RLIMIT_LOCKS] = {"Max file locks", "locks"},       [RLIMIT_SIGPENDING] = {"Max pending signals", "signals"},
    [RLIMIT_MSGQUEUE] = {"Max msgqueue size", "bytes"}, [RLIMIT_NICE] = {"Max nice priority", ""},
    [RLIMIT_RTPRIO] = {"Max realtime priority", ""},    [RLIMIT_RTTIME] = {"Max realtime timeout", "us"},
};

static void put_limit(struct seq_buf *s, u64 v)
{
    if (v == RLIM64_INFINITY)
        seq_printf(s, "%-20s ", "unlimited");
    else
        seq_printf(s, "%-20lu ", v);
}

int procfs_show_limits(struct seq_buf *s, void *task, u64 key)
{
    struct process *p = ((struct task *)task)->process;
    (void)key;
    seq_printf(s, "%-25s %-20s %-20s %-10s\n", "Limit", "Soft Limit", "Hard Limit", "Units");
    for (u32 i = 0; i < RLIMIT_COUNT; i++) {
        seq_printf(s, "%-25s ", limit_names[i].name);
        put_limit(s, p->limits[i].soft);
        put_limit(s, p->limits[i].hard);
        seq_printf(s, "%-10s\n", limit_names[i].unit);
    }
    return 0;
}

int procfs_show_oom_score_adj(struct seq_buf *s, void *task, u64 key)
{
    (void)key;
    seq_printf(s, "%d\n", ((struct task *)task)->process->oom_score_adj);
    return 0;
}

ssize_t procfs_write_oom_score_adj(void *task, u64 key, const char *text, size_t n)
{
    struct process *p = ((struct task *)task)->process;
    bool negative = n && text[0] == '-';
    u64 v;
    (void)key;
    if (str_to_u64(text + negative, 10, &v, NULL) || v > 1000)
        return -EINVAL;
    s64 adj = negative ? -(s64)v : (s64)v;
    if (adj < p->oom_score_adj && !capable(CAP_SYS_RESOURCE))
        return -EACCES;
    p->oom_score_adj = (s16)adj;
    return (ssize_t)n;
}

/* The older form, in seventeenths of 1000; -17: never. */
int procfs_show_oom_adj(struct seq_buf *s, void *task, u64 key)
{
    s32 adj = ((struct task *)task)->process->oom_score_adj;
    (void)key;
    seq_printf(s, "%d\n", adj == 1000 ? 15 : adj * 17 / 1000);
    return 0;
}

ssize_t procfs_write_oom_adj(void *task, u64 key, const char *text, size_t n)
{
    struct process *p = ((struct task *)task)->process;
    bool negative = n && text[0] == '-';
    u64 v;
    (void)key;
    if (str_to_u64(text + negative, 10, &v, NULL) || v > (negative ? 17 : 15))
        return -EINVAL;
    s64 adj = v == 15 && !negative ? 1000 : (negative ? -1 : 1) * (s64)v * 1000 / 17;
    if (adj < p->oom_score_adj && !capable(CAP_SYS_RESOURCE))
        return -EACCES;
    p->oom_score_adj = (s16)adj;
    return (ssize_t)n;
}

/* Another's slack is for who may set priorities. */
static int timerslack_thread(void *task, struct thread **out)
{
    struct thread *t = task_thread(task);
    *out = t;
    if (!t)
        return -ESRCH;
    if (t == current_thread() || capable(CAP_SYS_NICE))
        return 0;
    thread_put(t);
    return -EPERM;
}

int procfs_show_timerslack(struct seq_buf *s, void *task, u64 key)
{
    struct thread *t;
    int err = timerslack_thread(task, &t);
    (void)key;
    if (err)
        return err;
    seq_printf(s, "%lu\n", t->timer_slack ? t->timer_slack : 50000ul);
    thread_put(t);
    return 0;
}

ssize_t procfs_write_timerslack(void *task, u64 key, const char *text, size_t n)
{
    struct thread *t;
    u64 v;
    (void)key;
    if (str_to_u64(text, 10, &v, NULL))
        return -EINVAL;
    int err = timerslack_thread(task, &t);
    if (err)
        return err;
    WRITE_ONCE(t->timer_slack, v ? v : t->timer_slack_default);
    thread_put(t);
    return (ssize_t)n;
}

/* ---- who logged in: kept for PAM, which sets it, and for who asks; nothing here is decided by it ---- */

static int show_login(struct seq_buf *s, void *task, u32 which)
{
    struct thread *t = task_thread(task);
    seq_printf(s, "%u", t ? ~READ_ONCE(t->login[which]) : ~0u);
    if (t)
        thread_put(t);
    return 0;
}

int procfs_show_loginuid(struct seq_buf *s, void *task, u64 key)
{
    (void)key;
    return show_login(s, task, 0);
}

int procfs_show_sessionid(struct seq_buf *s, void *task, u64 key)
{
    (void)key;
    return show_login(s, task, 1);
}

/* One's own only: anybody's while it is unset, and then with CAP_AUDIT_CONTROL. A new session has a new number. */
ssize_t procfs_write_loginuid(void *task, u64 key, const char *text, size_t n)
{
    static atomic_t sessions = ATOMIC_INIT(0);
    struct task *k = task;
    struct thread *me = current_thread();
    const char *end;
    u64 v;
    (void)key;
    if (k->process != me->process || (k->thread ? k->thread : k->process->leader) != me)
        return -EPERM;
    int err = str_to_u64(text, 10, &v, &end);
    if (err || (*end && strcmp(end, "\n") != 0))
        return err == -ERANGE ? err : -EINVAL;
    if (v > ~0u)
        return -ERANGE;
    if (me->login[0] && !capable(CAP_AUDIT_CONTROL))
        return -EPERM;
    WRITE_ONCE(me->login[0], ~(u32)v);
    WRITE_ONCE(me->login[1], (u32)v == ~0u ? 0 : ~(u32)atomic_add(&sessions, 1));
    return (ssize_t)n;
}

int procfs_show_oom_score(struct seq_buf *s, void *task, u64 key)
{
    struct mem_stats m;
    struct task *k = task;
    struct mm *mm = task_mm(k);
    s64 score = 0;
    (void)key;
    mem_get_stats(&m);
    if (mm) {
        score = (s64)(mm_rss(mm) * 1000 / MAX(m.total_pages, 1ul)) + k->process->oom_score_adj;
        mm_put_user(mm);
    }
    seq_printf(s, "%ld\n", MAX(score, 0L));
    return 0;
}
